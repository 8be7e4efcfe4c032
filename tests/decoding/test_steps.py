"""What all decoders share: states by row, checks of what a step returns, texts scored again."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from random_tables import START, RandomTables

from course_utils.decoding.beam import beam_search
from course_utils.decoding.greedy import greedy
from course_utils.decoding.sampling import sample
from course_utils.decoding.scoring import score_tokens
from course_utils.decoding.steps import Bounds, select

END, V = 0, 4
DECODERS = {
    "greedy": greedy,
    "sample": sample,
    "beam": lambda *given, **settings: beam_search(*given, width=2, **settings),
}


class Pair(NamedTuple):
    h: torch.Tensor
    c: torch.Tensor


@dataclass(frozen=True)
class Memory:
    keys: torch.Tensor
    name: str


@pytest.fixture(params=DECODERS)
def decode(request):
    return DECODERS[request.param]


def uniform(rows):
    return torch.zeros(rows, V).log_softmax(dim=-1)


def run(decode, step, *, rows=2, state=None, start=None, **settings):
    start = torch.zeros(rows, dtype=torch.long) if start is None else start
    return decode(step, state, start=start, **{"end": END, "max_length": 3, **settings})


def test_select_reaches_every_tensor_and_nothing_else():
    x = torch.arange(6).view(3, 2)
    state = {"a": x, "b": [x, (x, Pair(x, x))], "c": Memory(x, "keys"), "d": None, "e": 7}
    picked = select(state, [2, 0, 2, 1])
    wanted = x[[2, 0, 2, 1]]
    assert isinstance(picked["b"][1][1], Pair)
    assert picked["c"].name == "keys"
    assert (picked["d"], picked["e"]) == (None, 7)
    found = [picked["a"], picked["b"][0], picked["b"][1][0], *picked["b"][1][1], picked["c"].keys]
    assert all(torch.equal(tensor, wanted) for tensor in found)
    assert torch.equal(select(x, torch.tensor([1])), x[1:2])
    assert select(x, []).shape == (0, 2)


def test_a_state_whose_rows_nobody_could_pick_is_refused(decode):
    with pytest.raises(ValueError, match="the state holds a ndarray"):
        select({"a": [torch.zeros(2), np.zeros(2)]}, [0])
    with pytest.raises(ValueError, match="holds a object"):
        run(decode, lambda state, tokens: (uniform(len(tokens)), state), state=(object(),))


def test_a_step_is_called_with_the_token_read_last_and_rows_stay_with_their_state(decode):
    tables = RandomTables(3)
    together = tables.call(decode, sources=(0, 1, 2, 3), end=END, max_length=6)
    assert len(together) == 4  # RandomTables would answer for another prefix if rows were mixed up:
    for source, found in enumerate(together):
        text = found.hypotheses[0] if hasattr(found, "hypotheses") else found
        assert text.log_probabilities == pytest.approx(tables.gains(text.tokens, source=source), abs=1e-6)


def test_scores_of_given_texts():
    tables = RandomTables(1)
    texts = [(1, 2, END), (), (3,), (2, 2, 1, 3, END)]
    found = tables.call(score_tokens, sources=(0, 1, 2, 3), texts=texts)
    assert [len(scores) for scores in found] == [3, 0, 1, 5]
    for source, (scores, text) in enumerate(zip(found, texts, strict=True)):
        assert scores == pytest.approx(tables.gains(text, source=source), abs=1e-6)
    assert tables.rows_seen == [3, 2, 2, 1, 1]


@pytest.mark.parametrize(
    ("texts", "message"),
    [([(1,)], "2 rows and 1 texts"), ([(1,), (V,)], "outside 0 to 3"), ([(-1,), ()], "outside")],
)
def test_texts_that_cannot_be_scored(texts, message):
    with pytest.raises(ValueError, match=message):
        RandomTables(1).call(score_tokens, sources=(0, 1), texts=texts)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda rows: (uniform(rows)[:1], None), r"must return log-probabilities of shape \(2, V\)"),
        (lambda rows: (uniform(rows)[:, None], None), "one row per token"),
        (lambda rows: (torch.zeros(rows, V, dtype=torch.long), None), "must return log-probabilities"),
        (lambda rows: (uniform(rows) * float("nan"), None), "look for NaN"),
        (lambda rows: (torch.ones(rows, V), None), "log_softmax"),
        (lambda rows: (uniform(rows), torch.zeros(rows + 1, 2)), r"shape \(3, 2\), but there are 2 rows"),
        (lambda rows: uniform(rows), "must return a pair"),
        (lambda rows: (uniform(rows), None, None), "must return a pair"),
        (lambda rows: (uniform(rows) - torch.inf, None), "probability 0"),
    ],
    ids=["rows", "dimensions", "integers", "NaN", "logits", "state", "no pair", "three", "nothing possible"],
)
def test_a_wrong_step_is_refused(decode, answer, message):
    with pytest.raises(ValueError, match=message):
        run(decode, lambda state, tokens: answer(len(tokens)))


def test_one_nan_among_many_numbers_is_found(decode):
    scores = uniform(2)
    scores[1, 2] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        run(decode, lambda state, tokens: (scores[: len(tokens)], None))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"end": V}, "the end token is 4, but the step knows tokens 0 to 3"),
        ({"end": -1}, "the end token is -1"),
        ({"max_length": 0}, "choose 1 <= min_length <= max_length"),
        ({"min_length": 0}, "choose 1 <= min_length"),
        ({"min_length": 4}, "min_length is 4 and max_length 3"),
        ({"start": torch.zeros(2, 1, dtype=torch.long)}, "one token per row"),
        ({"start": torch.zeros(0, dtype=torch.long)}, "one token per row"),
        ({"start": torch.zeros(2)}, "whole numbers"),
        ({"state": torch.zeros(1, 2, 5)}, r"put the batch first .* keep state\[0\]"),
        ({"state": torch.tensor(1.0)}, "but there are 2 rows"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused(decode, settings, message):
    with pytest.raises(ValueError, match=message):
        run(decode, lambda state, tokens: (uniform(len(tokens)), None), **settings)


def test_no_gradient_is_recorded(decode):
    scale = torch.ones(1, requires_grad=True)

    def step(state, tokens):
        scores = uniform(len(tokens)) * scale
        assert not scores.requires_grad
        return scores, state

    run(decode, step)


def test_bounds_forbid_the_end_only_before_the_least_length():
    scores, bounds = uniform(2), Bounds(END, max_length=5, min_length=3)
    assert bounds.restrict(scores, length=2)[:, END].tolist() == [-torch.inf] * 2
    assert torch.equal(bounds.restrict(scores, length=2)[:, 1:], scores[:, 1:])
    assert torch.equal(bounds.restrict(scores, length=3), scores)
    assert torch.isfinite(scores).all()


def test_start_is_the_first_token_read():
    seen = []

    def step(state, tokens):
        seen.append(tokens.tolist())
        return uniform(len(tokens)), state

    run(greedy, step, start=torch.tensor([START, 5]))
    assert seen == [[START, 5]]
