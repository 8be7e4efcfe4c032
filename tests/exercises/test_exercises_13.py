"""Lesson 13's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.exercises import lesson_13 as exercises
from course_utils.models.seq2seq import BEGIN, END, PADDING, Seq2Seq, Seq2SeqConfig


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (17, "correct", "0.6, 0.3, 0.1"),
        (17.01, "correct", ""),
        (15.4545, "wrong", "padding has taken part"),
        (10, "wrong", "mixes all"),
        (26.667, "wrong", "plain mean"),
        (170, "wrong", "not divided"),
        (13.8, "wrong", "scores themselves"),
        (20, "wrong", ""),
    ],
)
def test_look_back(answer, status, says):
    assert_verdict(exercises.look_back, answer, status=status, says=says)


def by_loop(queries, keys, allowed, vector):
    """Only the allowed places are scored, one after the other."""
    weights = np.zeros((len(queries), len(keys)))
    for t, query in enumerate(queries):
        raised = {
            s: np.exp(sum(v * np.tanh(q + k) for v, q, k in zip(vector, query, keys[s], strict=True)))
            for s in np.flatnonzero(allowed)
        }
        for s, value in raised.items():
            weights[t, s] = value / sum(raised.values())
    return weights


def in_torch(queries, keys, allowed, vector):
    q, k, v = (torch.tensor(one) for one in (queries, keys, vector))
    scores = ((q.unsqueeze(1) + k).tanh() * v).sum(dim=-1)
    return scores.masked_fill(~torch.tensor(allowed), -torch.inf).softmax(dim=1).numpy()


def scores_of(queries, keys, vector):
    return np.einsum("tsa,a->ts", np.tanh(queries[:, None] + keys), vector)


def softmax(scores, axis):
    return np.exp(scores) / np.exp(scores).sum(axis=axis, keepdims=True)


def wrong_axis(q, k, allowed, v):
    return softmax(scores_of(q, k, v), 0) * allowed


def mask_after(q, k, allowed, v):
    return softmax(scores_of(q, k, v), 1) * allowed


def masked_zero(q, k, allowed, v):
    return softmax(scores_of(q, k, v) * allowed, 1)


def unmasked(q, k, allowed, v):
    return softmax(scores_of(q, k, v), 1)


def without_tanh(q, k, allowed, v):
    raised = np.exp((q @ v)[:, None] + k @ v) * allowed
    return raised / raised.sum(axis=1, keepdims=True)


def tanh_apart(q, k, allowed, v):
    raised = np.exp((np.tanh(q) @ v)[:, None] + np.tanh(k) @ v) * allowed
    return raised / raised.sum(axis=1, keepdims=True)


def only_scores(q, k, allowed, v):
    return np.where(allowed, scores_of(q, k, v), -np.inf)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.all_at_once.reference, "correct", "cancels in the softmax"),
        (by_loop, "correct", ""),
        (in_torch, "correct", ""),
        (stub, "not attempted", ""),
        (wrong_axis, "wrong", "each *row* sums to 1"),
        (mask_after, "wrong", "comes after the softmax"),
        (masked_zero, "wrong", "set to 0"),
        (unmasked, "wrong", "not used"),
        (without_tanh, "wrong", "every row comes out alike"),
        (tanh_apart, "wrong", "add first"),
        (only_scores, "wrong", "take their softmax"),
        (lambda q, k, allowed, v: np.ones((len(q), len(k))), "wrong", ""),
    ],
)
def test_all_at_once(answer, status, says):
    verdict = exercises.all_at_once.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_without_the_tanh_every_row_is_alike():
    generator = np.random.default_rng(0)
    rows = without_tanh(
        generator.normal(size=(4, 3)), generator.normal(size=(5, 3)), np.ones(5, bool), np.ones(3)
    )
    np.testing.assert_allclose(rows, np.tile(rows[0], (4, 1)))


def distances(weights, votes, orders):
    """Total variation for each order, by another formula: what one has more than the other."""
    before = softmax((weights[:, None] * votes).sum(axis=0), 0)
    after = [softmax((weights[order][:, None] * votes).sum(axis=0), 0) for order in orders]
    return np.array([np.maximum(one - before, 0).sum() for one in after])


def shuffled_together(weights, votes, orders):
    before = softmax(weights @ votes, 0)
    after = [softmax(weights[order] @ votes[order], 0) for order in orders]
    return float(np.median([np.abs(one - before).sum() / 2 for one in after]))


def of_scores(weights, votes, orders):
    return float(np.median([np.abs((weights[order] - weights) @ votes).sum() / 2 for order in orders]))


def changed_tops(weights, votes, orders):
    return float(
        np.mean([(weights[order] @ votes).argmax() != (weights @ votes).argmax() for order in orders])
    )


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.shuffled.reference, "correct", "Jain and Wallace"),
        (lambda w, v, o: float(np.median(distances(w, v, o))), "correct", ""),
        (stub, "not attempted", ""),
        (lambda w, v, o: 2 * float(np.median(distances(w, v, o))), "wrong", "not halved"),
        (lambda w, v, o: float(np.mean(distances(w, v, o))), "wrong", "that is the mean"),
        (shuffled_together, "wrong", "shuffled together"),
        (of_scores, "wrong", "distances between scores"),
        (changed_tops, "wrong", "likeliest word changes"),
        (lambda w, v, o: 0.5, "wrong", ""),
    ],
)
def test_shuffled(answer, status, says):
    verdict = exercises.shuffled.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_weights_that_do_not_matter_are_found_out():
    generator = np.random.default_rng(0)
    weights, orders = np.array([0.9, 0.1, 0.0]), np.array([generator.permutation(3) for _ in range(50)])
    same = np.tile(generator.normal(size=4), (3, 1))  # every place votes alike
    assert exercises.shuffled.reference(weights, same, orders) == pytest.approx(0)
    assert exercises.shuffled.reference(weights, 9 * np.eye(3), orders) > 0.5


def test_the_planted_fault_lets_attention_rest_on_padding():
    torch.manual_seed(0)
    model = Seq2Seq(Seq2SeqConfig(12, 12, width=8)).eval()
    padded = torch.tensor([[5, 6, 7, END, PADDING, PADDING], [4, 8, 9, 10, 11, END]])
    begin = torch.full((2,), BEGIN)
    *_, sound = model.attend(model.start(padded), begin)
    *_, careless = model.attend(exercises.careless_start(model, padded), begin)
    assert sound[0, 4:].sum() == 0
    assert 0.02 < careless[0, 4:].sum() < 1
    torch.testing.assert_close(careless[1], sound[1])  # without padding nothing is wrong
    torch.testing.assert_close(careless[0, :4] / careless[0, :4].sum(), sound[0, :4])
