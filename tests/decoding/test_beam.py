"""Beam search against a list of all texts, against greedy decoding, and its tree against its hypotheses."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import START, RandomTables

from course_utils.decoding.beam import beam_search, length_norm
from course_utils.decoding.beam_source import Source
from course_utils.decoding.greedy import greedy
from course_utils.decoding.scoring import score_tokens

END, V = 0, 4
PENALTIES = [(0.0, "length"), (1.0, "length"), (0.6, "length"), (-0.5, "length"), (0.6, "wu"), (2.0, "wu")]


def divided(penalty, kind):
    return lambda total, length: total / length_norm(length, penalty=penalty, kind=kind)


def texts_of(result):
    return [hypothesis.tokens for hypothesis in result.hypotheses]


def scores_of(result):
    return [hypothesis.score for hypothesis in result.hypotheses]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    max_length=st.integers(1, 5),
    min_length=st.integers(1, 5),
    penalised=st.sampled_from(PENALTIES),
    stop=st.sampled_from(["exact", "full"]),
)
def test_a_beam_that_cuts_nothing_ranks_all_texts(seed, max_length, min_length, penalised, stop):
    tables, (penalty, kind) = RandomTables(seed, V=V), penalised
    bounds = {"end": END, "max_length": max_length, "min_length": min(min_length, max_length)}
    truth = tables.ranked(divided(penalty, kind), **bounds)
    width = V * (V - 1) ** (max_length - 1)  # as many as there are continuations at the last step
    (found,) = tables.call(
        beam_search, width=width, length_penalty=penalty, penalty_kind=kind, stop=stop, **bounds
    )
    assert len(found.hypotheses) == min(width, len(truth))
    assert scores_of(found) == pytest.approx([score for score, _ in truth][:width], abs=1e-5)
    assert found.best.tokens == truth[0][1]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), penalised=st.sampled_from(PENALTIES))
def test_the_best_text_needs_only_the_width_at_which_no_ending_is_cut(seed, penalised):
    tables, (penalty, kind) = RandomTables(seed, V=V), penalised
    bounds = {"end": END, "max_length": 5}
    (found,) = tables.call(
        beam_search, width=V * (V - 1) ** 3, length_penalty=penalty, penalty_kind=kind, **bounds
    )
    score, tokens = tables.ranked(divided(penalty, kind), **bounds)[0]
    assert found.best.tokens == tokens
    assert found.best.score == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize(
    "settings", [{}, {"stop": "full", "length_penalty": 1.0}, {"min_length": 4}], ids=str
)
@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_is_greedy(seed, settings):
    tables, sources = RandomTables(seed), tuple(range(10))
    bounds = {"end": END, "max_length": 8, "min_length": settings.get("min_length", 1)}
    wanted = tables.call(greedy, sources=sources, **bounds)
    found = tables.call(beam_search, sources=sources, width=1, **{**bounds, **settings})
    assert [result.best.tokens for result in found] == [text.tokens for text in wanted]
    assert [len(result.hypotheses) for result in found] == [1] * 10


def best_scores(width, *, max_length, seeds):
    scores = []
    for seed in seeds:
        (found,) = RandomTables(seed, V=V, spread=1.0).call(
            beam_search, width=width, end=END, max_length=max_length
        )
        scores.append(found.best.score)
    return torch.tensor(scores)


def test_up_to_two_tokens_a_wider_beam_is_never_worse():
    """Exact: of first tokens a wider beam keeps all that a narrow one does, and the second is the last."""
    narrow = best_scores(1, max_length=2, seeds=range(200))
    for width in (2, 3, 4):
        wide = best_scores(width, max_length=2, seeds=range(200))
        assert (wide >= narrow - 1e-6).all()
        narrow = wide


def test_for_longer_texts_that_holds_on_average_only():
    best = [best_scores(width, max_length=5, seeds=range(100)) for width in (1, 2, 4, 108)]
    for narrow, wide in zip(best, best[1:], strict=False):
        assert wide.mean() > narrow.mean()
        assert (wide <= best[-1] + 1e-6).all()  # nothing beats the beam that cuts nothing


def test_two_can_be_worse_than_one():
    """Greedy goes 1, 1, 1 (0.5 · 0.4 · 1); what follows 2 (0.25 twice) pushes its 1, 1 out and ends badly."""
    table = {
        (): [0, 0.5, 0.5 - 1e-3, 1e-3],
        (1,): [0, 0.4, 0.3, 0.3],
        (2,): [0, 0.0, 0.5, 0.5],
        (1, 1): [0, 1.0, 0, 0],
    }

    def step(read, tokens):
        read = torch.cat([read, tokens[:, None]], dim=1)
        rows = [table.get(tuple(r[1:]), [0, 1 / 3, 1 / 3, 1 / 3]) for r in read.tolist()]
        return torch.tensor(rows).log(), read

    state, start = torch.zeros(1, 0, dtype=torch.long), torch.tensor([START])
    one, two, three = (
        beam_search(step, state, start=start, end=END, max_length=3, width=width)[0].best
        for width in (1, 2, 3)
    )
    assert one.tokens == three.tokens == (1, 1, 1)
    assert math.exp(one.score) == pytest.approx(0.2, abs=1e-4)
    assert math.exp(two.score) == pytest.approx(0.25 / 3, abs=1e-3)


@pytest.mark.parametrize(("penalty", "kind"), PENALTIES)
def test_scores_are_the_sums_of_the_texts_scored_again(penalty, kind):
    tables = RandomTables(11)
    (found,) = tables.call(
        beam_search, width=5, end=END, max_length=7, length_penalty=penalty, penalty_kind=kind
    )
    texts = texts_of(found)
    again = tables.call(score_tokens, sources=(0,) * len(texts), texts=texts)
    assert len(set(texts)) == len(texts) == 5
    for hypothesis, gains in zip(found.hypotheses, again, strict=True):
        assert hypothesis.log_probabilities == pytest.approx(gains, abs=1e-6)
        assert hypothesis.log_probability == pytest.approx(sum(gains), abs=1e-5)
        assert hypothesis.score == pytest.approx(divided(penalty, kind)(sum(gains), len(gains)), abs=1e-5)
        assert hypothesis.finished == (hypothesis.tokens[-1] == END)
    assert scores_of(found) == sorted(scores_of(found), reverse=True)


@pytest.mark.parametrize("stop", ["exact", "likely", "full"])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_one_by_one_is_the_same(stop, penalty):
    tables, sources = RandomTables(12), tuple(range(12))
    how = {
        "width": 3,
        "end": END,
        "max_length": 9,
        "length_penalty": penalty,
        "stop": stop,
        "keep_tree": True,
    }
    together = tables.call(beam_search, sources=sources, **how)
    assert together == [tables.call(beam_search, sources=(s,), **how)[0] for s in sources]
    assert len({len(result.tree) for result in together}) > 1


def test_sources_that_are_done_are_dropped():
    tables = RandomTables(12)
    tables.call(beam_search, sources=tuple(range(12)), width=3, end=END, max_length=30)
    assert tables.rows_seen[:2] == [12, 36]
    assert tables.rows_seen == sorted(tables.rows_seen[:2]) + sorted(tables.rows_seen[2:], reverse=True)
    assert tables.rows_seen[-1] < 36


def test_the_three_ways_to_stop_by_hand():
    """One token goes on with 0.9 forever or ends with 0.1: the longer, the higher the score per token."""

    def step(state, tokens):
        steps.append(len(tokens))
        return torch.tensor([[0.1, 0.9]]).log().expand(len(tokens), 2), state

    lengths, calls = {}, {}
    for stop in ("full", "likely", "exact"):
        steps = []
        (found,) = beam_search(
            step,
            None,
            start=torch.tensor([1]),
            end=END,
            max_length=20,
            width=2,
            length_penalty=1.0,
            stop=stop,
        )
        lengths[stop], calls[stop] = [len(h.tokens) for h in found.hypotheses], len(steps)
    assert calls["full"] == 2
    assert lengths["full"] == [2, 1]
    assert calls["exact"] == 20
    assert lengths["exact"] == [20, 20]


def test_likely_stops_where_exact_goes_on():
    """When one has ended (0.6), the live text (0.3) is worse per token, but catches up: 0.3 ** (1 / 12)."""
    table = {1: [0.6, 0.1, 0.3], 2: [0.0, 0.0, 1.0]}

    def step(state, tokens):
        return torch.tensor([table[t] for t in tokens.tolist()]).log(), state

    how = {"start": torch.tensor([1]), "end": END, "max_length": 12, "width": 1, "length_penalty": 1.0}
    exact, likely = (beam_search(step, None, stop=stop, **how)[0].best for stop in ("exact", "likely"))
    assert likely.tokens == (END,)
    assert len(exact.tokens) == 12
    assert exact.score == pytest.approx(math.log(0.3) / 12)


@pytest.mark.parametrize(("penalty", "kind"), PENALTIES)
def test_exact_finds_what_running_to_the_end_finds(monkeypatch, penalty, kind):
    how = {"width": 2, "end": END, "max_length": 10, "length_penalty": penalty, "penalty_kind": kind}
    tables, sources = [RandomTables(seed) for seed in range(4)], tuple(range(10))
    exact = [t.call(beam_search, sources=sources, **how) for t in tables]
    calls = sum(sum(t.rows_seen) for t in tables)
    monkeypatch.setattr(Source, "is_done", lambda source, length: not source.live)
    assert exact == [t.call(beam_search, sources=sources, **how) for t in tables]
    assert sum(sum(t.rows_seen) for t in tables) > 2 * calls  # it did run longer


def test_the_least_length_is_kept():
    tables = RandomTables(14)
    results = tables.call(beam_search, sources=tuple(range(8)), width=3, end=END, max_length=7, min_length=5)
    lengths = [len(tokens) for result in results for tokens in texts_of(result)]
    assert min(lengths) >= 5
    assert min(lengths) < 7


def test_impossible_tokens_never_come_out_and_sources_may_have_beams_of_unlike_width():
    """Source 0 knows one text only; source 1 knows many."""

    def step(state, tokens):
        rows = [
            [0.5, 0.5, 0.0, 0.0]
            if s == 0 and t == START
            else [1.0, 0, 0, 0]
            if s == 0
            else [0.1, 0.4, 0.3, 0.2]
            for s, t in zip(state.tolist(), tokens.tolist(), strict=True)
        ]
        return torch.tensor(rows).log(), state

    found = beam_search(
        step,
        torch.tensor([0, 1]),
        start=torch.full((2,), START),
        end=END,
        max_length=4,
        width=3,
        min_length=2,
    )
    assert texts_of(found[0]) == [(1, END)]
    assert len(found[1].hypotheses) == 3
    alone = beam_search(
        step, torch.tensor([1]), start=torch.full((1,), START), end=END, max_length=4, width=3, min_length=2
    )
    assert alone[0] == found[1]


def test_a_source_without_any_text_is_named():
    def step(state, tokens):
        rows = [[0.0, 1.0] if s == 0 else [1.0, 0.0] for s in state.tolist()]
        return torch.tensor(rows).log(), state

    with pytest.raises(ValueError, match="source 1: every text has probability 0"):
        beam_search(
            step,
            torch.tensor([0, 1]),
            start=torch.zeros(2).long(),
            end=END,
            max_length=3,
            width=2,
            min_length=2,
        )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"width": 0}, "at least 1 hypothesis"),
        ({"penalty_kind": "words"}, "choose 'length' or 'wu'"),
        ({"length_penalty": math.nan}, "choose a number"),
        ({"length_penalty": math.inf}, "choose a number"),
        ({"stop": "early"}, "choose one of exact, likely, full"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        RandomTables(0).call(beam_search, **{"end": END, "max_length": 3, "width": 2, **setting})
