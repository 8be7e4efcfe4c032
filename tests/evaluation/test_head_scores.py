"""Scores of heads against numbers worked out by hand, plain loops, and heads that do one thing only."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from course_utils.evaluation import head_scores as scores
from course_utils.evaluation.alignment import alignment_error_rate, score_alignments
from course_utils.evaluation.head_kinds import MIXED, HeadScores, even_weights, score_heads

# One head, three queries, three keys.
TABLE = np.array([[0.5, 0.3, 0.2], [0.6, 0.1, 0.3], [0.1, 0.7, 0.2]])
WORKED = {
    "previous": (scores.previous_token_score, (0.6 + 0.7) / 2),
    "current": (scores.current_token_score, (0.5 + 0.1 + 0.2) / 3),
    "next": (scores.next_token_score, (0.3 + 0.3) / 2),
    "two before": (partial(scores.offset_score, offset=-2), 0.1),
    "first": (scores.first_token_score, (0.6 + 0.1) / 2),
    "columns": (partial(scores.column_score, columns=[0, 2]), (0.7 + 0.9 + 0.3) / 3),
    "same": (partial(scores.same_token_score, tokens=["a", "b", "a"]), (0.2 + 0.1) / 2),
    "alignment": (partial(scores.alignment_score, links={(0, 0), (1, 0), (2, 2)}), (0.8 + 0.2) / 2),
}


def random_weights(*shape, seed=0, causal=False):
    logits = np.random.default_rng(seed).normal(size=shape) * 2
    if causal:
        logits = np.where(np.tri(shape[-1], dtype=bool), logits, -np.inf)
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(("measure", "expected"), WORKED.values(), ids=WORKED)
def test_worked_by_hand(measure, expected):
    assert measure(TABLE[None]) == pytest.approx([expected])
    assert measure(torch.tensor(TABLE[None], requires_grad=True)) == pytest.approx([expected])


def test_heads_that_do_one_thing_score_one_and_the_others_zero():
    eye = np.eye(8)
    before, after = np.roll(eye, -1, axis=1), np.roll(eye, 1, axis=1)
    first = np.zeros((8, 8))
    first[:, 0] = 1
    heads = np.stack([before, eye, after, first])
    assert scores.previous_token_score(heads) == pytest.approx([1, 0, 0, 1 / 7])
    assert scores.current_token_score(heads) == pytest.approx([0, 1, 0, 1 / 8])
    assert scores.next_token_score(heads) == pytest.approx([0, 0, 1, 0])
    assert scores.first_token_score(heads) == pytest.approx([1 / 7, 0, 1 / 7, 1])
    assert scores.offset_score(heads, offset=-3) == pytest.approx([0, 0, 0, 1 / 5])


def test_induction_looks_at_what_followed_last_time():
    """a b c d | a b c d: the second b, at place 5, looks at the first c, at place 2."""
    T, block = 8, 4
    head = np.zeros((2, T, T))
    head[:, np.arange(T), np.arange(T)] = 1
    head[0] = 0
    for t in range(T):
        head[0, t, t - 3 if t >= 4 else t] = 1
    assert scores.induction_score(head, block=block) == pytest.approx([1, 0])
    assert scores.previous_token_score(head)[0] == 0
    marked = np.pad(head, ((0, 0), (1, 0), (1, 0)))
    marked[:, 0, 0] = 1
    assert scores.induction_score(marked, block=block, start=1) == pytest.approx([1, 0])
    assert scores.induction_score(marked, block=block)[0] < 1
    copies = scores.same_token_score(head, tokens=list("abcdabcd"), allowed=np.tri(T, dtype=bool))
    assert copies == pytest.approx([0, 0])


def test_layers_and_heads_keep_their_places():
    weights = random_weights(2, 3, 5, 5)
    found = scores.previous_token_score(weights)
    assert found.shape == (2, 3)
    for layer, head in np.ndindex(2, 3):
        table = weights[layer, head]
        assert found[layer, head] == pytest.approx(np.mean([table[t, t - 1] for t in range(1, 5)]))


def test_several_texts_are_pooled_by_rows():
    """Rows of all texts together, so that the longer text counts for more."""
    short, long = random_weights(2, 2, 3, 4, seed=1), random_weights(2, 2, 9, 7, seed=2)
    links = [{(0, 0), (3, 2)}, {(s, s) for s in range(6)} | {(6, 5)}]
    rows = [weights[..., t, t - 1] for weights in (short, long) for t in range(1, weights.shape[-2])
            if t - 1 < weights.shape[-1]]  # fmt: skip
    assert scores.previous_token_score([short, long]) == pytest.approx(np.mean(rows, axis=0))
    aligned = [
        sum(weights[..., t, s] for s, target in gold if target == t)
        for weights, gold in zip((short, long), links, strict=True)
        for t in {target for _, target in gold}
    ]
    assert scores.alignment_score((short, long), links=links) == pytest.approx(np.mean(aligned, axis=0))
    kept = [np.array([True, False, True]), np.zeros(9, dtype=bool)]
    assert scores.column_score([short, long], columns=[[1], [0]], rows=kept) == pytest.approx(
        short[..., [0, 2], 1].mean(axis=-1)
    )
    alone = scores.column_score(short, columns=[1])
    assert scores.column_score([short, long], columns=[[1], []]) == pytest.approx(alone)
    assert scores.previous_token_score([short]) == pytest.approx(scores.previous_token_score(short))


def test_padding_left_out_changes_nothing():
    weights = random_weights(3, 6, 6)
    padded = np.zeros((3, 9, 9))
    padded[:, :6, :6] = weights
    padded[:, 6:, 0] = 1
    kept = np.arange(9) < 6
    for measure in (scores.previous_token_score, scores.first_token_score, scores.mean_entropy):
        assert measure(padded, rows=kept) == pytest.approx(measure(weights))
        assert measure(padded) != pytest.approx(measure(weights))


def test_entropy_in_nats_and_as_a_share():
    even, sharp = np.full((1, 4, 4), 0.25), np.eye(4)[None]
    assert scores.mean_entropy(np.concatenate([even, sharp])) == pytest.approx([math.log(4), 0])
    plain = -sum(w * math.log(w) for w in TABLE.ravel()) / 3
    assert scores.mean_entropy(TABLE[None]) == pytest.approx([plain])
    assert scores.mean_entropy(TABLE[None], normalised=True) == pytest.approx([plain / math.log(3)])
    causal = np.tri(5, dtype=bool)
    weights = even_weights(5, allowed=causal)
    logs = [math.log(n) for n in range(1, 6)]
    assert scores.mean_entropy(weights, allowed=causal) == pytest.approx([np.mean(logs)])
    assert scores.mean_entropy(weights, allowed=causal, normalised=True) == pytest.approx([1])
    assert scores.mean_entropy(weights, normalised=True)[0] < 1  # the mask is not known
    half = random_weights(2, 5, 5, causal=True)
    expected = [
        np.mean([-sum(w * math.log(w) for w in head[t, : t + 1]) / math.log(t + 1) for t in range(1, 5)])
        for head in half
    ]
    assert scores.mean_entropy(half, allowed=causal, normalised=True) == pytest.approx(expected)


def test_error_rates_are_those_of_the_alignment_module():
    texts = [random_weights(2, 2, 4, 5, seed=1), random_weights(2, 2, 7, 6, seed=2)]
    links = [{(i, i) for i in range(4)}, {(i, i) for i in range(6)} | {(0, 6)}]
    for threshold in (None, 0.3):
        found = scores.alignment_error_rates(texts, links=links, threshold=threshold)
        assert found.shape == (2, 2)
        for head in np.ndindex(2, 2):
            one = score_alignments(
                [text[head] for text in texts], sure=links, threshold=threshold, resamples=1
            )
            assert found[head] == pytest.approx(one.error_rate)
    single = scores.alignment_error_rates(texts[0], links=links[0])
    assert single[1, 0] == pytest.approx(alignment_error_rate(texts[0][1, 0], sure=links[0]))


# ---- an even spread, and kinds -----------------------------------------------------------------------------


def test_what_an_even_spread_scores_is_known_in_closed_form():
    T = 6
    causal = np.tri(T, dtype=bool)
    even = even_weights(T, allowed=causal)
    assert even.sum(axis=-1) == pytest.approx(np.ones((1, T)))
    assert scores.previous_token_score(even) == pytest.approx([np.mean([1 / (t + 1) for t in range(1, T)])])
    assert scores.first_token_score(even_weights(T)) == pytest.approx([1 / T])
    assert scores.alignment_score(even_weights(3, 4), links={(0, 0), (1, 0), (2, 2)}) == pytest.approx(
        [3 / 8]
    )
    assert scores.induction_score(even_weights(8, allowed=np.tri(8, dtype=bool)), block=4) == pytest.approx(
        [np.mean([1 / (t + 1) for t in range(4, 8)])]
    )


def make_heads():
    """Layer 1: previous token, and all even; layer 2: first token, and half of each."""
    T = 10
    before, first = np.roll(np.eye(T), -1, axis=1), np.eye(1, T).repeat(T, axis=0)
    return np.array([[before, np.full((T, T), 0.1)], [first, (before + first) / 2]])


MEASURES = {"first": scores.first_token_score, "previous": scores.previous_token_score}


def test_kinds_are_what_lies_highest_above_an_even_spread():
    found = score_heads(make_heads(), MEASURES)
    assert found.names == ("first", "previous")
    assert found.values.shape == (2, 2, 2)
    assert found.even == pytest.approx([0.1, 0.1])
    assert found["previous"] == pytest.approx(scores.previous_token_score(make_heads()))
    assert found.kinds(0.5).tolist() == [["previous", MIXED], ["first", MIXED]]
    assert found.kinds(0.4).tolist()[1][1] == "first"  # the first of equals
    assert found.kinds(0.95).tolist() == [[MIXED, MIXED], [MIXED, MIXED]]
    assert found.order("previous") == [(0, 0), (1, 1), (1, 0), (0, 1)]
    assert list(found.mapping()) == ["first", "previous"]


def test_the_even_spread_decides_and_not_the_greatest_score():
    found = HeadScores(("wide", "narrow"), np.array([[[0.6, 0.5]]]), np.array([0.5, 0.1]))
    assert found.kinds(0.2).tolist() == [["narrow"]]


def test_texts_with_masks_are_scored_together():
    texts = [random_weights(2, 3, 6, 6, causal=True), random_weights(2, 3, 9, 9, seed=4, causal=True)]
    masks = [np.tri(6, dtype=bool), np.tri(9, dtype=bool)]
    found = score_heads(texts, MEASURES, allowed=masks)
    by_chance = [1 / (t + 1) for T in (6, 9) for t in range(1, T)]
    assert found.even == pytest.approx([np.mean(by_chance)] * 2)
    assert score_heads(random_weights(3, 4, 4), MEASURES).values.shape == (1, 3, 2)


# ---- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: scores.previous_token_score(w[0, 0]), r"\(H, T, S\)"),
        (lambda w: scores.previous_token_score(w[None]), "as a list"),
        (lambda w: scores.previous_token_score([]), "at least one text"),
        (lambda w: scores.previous_token_score([w, w[:1]]), "same layers and heads"),
        (lambda w: scores.previous_token_score(w * 3), "softmax"),
        (lambda w: scores.previous_token_score(w * np.nan), "softmax"),
        (lambda w: scores.offset_score(w, offset=7), "No row counts"),
        (lambda w: scores.column_score(w, columns=[5]), "no column 5"),
        (lambda w: scores.column_score(w, columns=[-1]), "no column -1"),
        (lambda w: scores.column_score(w, columns=[]), "No row counts"),
        (lambda w: scores.marked_score(w, marked=np.ones((4, 5), dtype=bool)), "marked has shape"),
        (lambda w: scores.previous_token_score(w, rows=[True] * 4), "rows has shape"),
        (lambda w: scores.previous_token_score([w, w], rows=[[True] * 5]), "one entry for each"),
        (lambda w: scores.alignment_score(w, links={(0, 5)}), "swapped"),
        (lambda w: scores.alignment_score(w, links=set()), "No row counts"),
        (lambda w: scores.induction_score(w, block=3), "too few"),
        (lambda w: scores.induction_score(w, block=1), "2 or more"),
        (lambda w: scores.same_token_score(w, tokens="abcde"), "No row counts"),
        (lambda w: scores.same_token_score(w, tokens="abca"), "same tokens has shape"),
        (lambda w: scores.same_token_score(w, tokens="aaaaa", allowed=np.tri(4)), "allowed has shape"),
        (lambda w: scores.mean_entropy(w, allowed=np.tri(5, dtype=bool)), "not allowed has weight"),
        (lambda w: even_weights(3, allowed=np.zeros((3, 3), dtype=bool)), "allows no key"),
        (lambda w: score_heads(w, {}), "at least one measure"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_weights(2, 3, 5, 5))


def test_an_unknown_score_is_named():
    with pytest.raises(KeyError, match="there are first, previous"):
        score_heads(make_heads(), MEASURES)["alignment"]
