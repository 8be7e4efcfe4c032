"""Lesson 14's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.exercises import lesson_14 as exercises


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (8, "correct", "64 numbers"),
        (8.0, "correct", ""),
        (22.627417, "wrong", "the whole width"),
        (64, "wrong", "width of a head"),
        (512, "wrong", "one head's"),
        (2.8284271, "wrong", "number of heads"),
        (16, "wrong", ""),
    ],
)
def test_divisor(answer, status, says):
    assert_verdict(exercises.divisor, answer, status=status, says=says)


def by_torch(q, k, v, mask):
    q, k, v, mask = (torch.from_numpy(np.asarray(one)) for one in (q, k, v, mask))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def by_loop(queries, keys, values, mask):
    rows = []
    for query, open_to in zip(queries, mask, strict=True):
        shares = [
            np.exp(query @ key / len(query) ** 0.5) if allowed else 0.0
            for key, allowed in zip(keys, open_to, strict=True)
        ]
        rows.append(sum(share * value for share, value in zip(shares, values, strict=True)) / sum(shares))
    return np.array(rows)


def attend(q, k, v, mask, *, scale, axis=1, mask_after=False):
    scores = q @ k.T / scale
    exponentials = np.exp(scores) if mask_after else np.where(mask, np.exp(scores), 0)
    total = exponentials.sum(axis=axis, keepdims=True)
    weights = exponentials / np.where(total == 0, 1, total)
    return (weights * mask if mask_after else weights) @ v


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.attention.reference, "correct", "Five lines"),
        (by_torch, "correct", ""),
        (by_loop, "correct", ""),
        (stub, "not attempted", ""),
        (lambda q, k, v, m: attend(q, k, v, m, scale=1), "wrong", "not divided"),
        (lambda q, k, v, m: attend(q, k, v, m, scale=q.shape[1]), "wrong", "not by its root"),
        (
            lambda q, k, v, m: attend(q, k, v, m, scale=q.shape[1] ** 0.5, mask_after=True),
            "wrong",
            "after the",
        ),
        (lambda q, k, v, m: attend(q, k, v, m, scale=q.shape[1] ** 0.5, axis=0), "wrong", "over the queries"),
        (lambda q, k, v, m: attend(q, k, v, ~m, scale=q.shape[1] ** 0.5), "wrong", "turned round"),
        (lambda q, k, v, m: by_torch(q, k, v, np.ones_like(m)), "wrong", "not used"),
        (lambda q, k, v, m: v[: len(q)], "wrong", ""),
    ],
)
def test_attention(answer, status, says):
    verdict = exercises.attention.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def by_jacobian(weights, gradient):
    return np.array([(np.diag(w) - np.outer(w, w)) @ g for w, g in zip(weights, gradient, strict=True)])


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.backward.reference, "correct", "nothing gets back"),
        (by_jacobian, "correct", ""),
        (stub, "not attempted", ""),
        (lambda w, g: g * (w - w**2), "wrong", "its own weight"),
        (lambda w, g: g * w, "wrong", "denominator"),
        (lambda w, g: w * (g - np.mean(g, 1)[:, None]), "wrong", "weighted by"),
        (lambda w, g: w * (g - np.einsum("ts,ts->s", w, g)), "wrong", "over the queries"),
        (lambda w, g: g - np.einsum("ts,ts->t", w, g)[:, None], "wrong", "last factor"),
        (lambda w, g: g, "wrong", ""),
    ],
)
def test_backward(answer, status, says):
    verdict = exercises.backward.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_rule_of_the_third_exercise_is_what_autograd_does():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    gradient = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    weights = scores.softmax(dim=1)
    weights.backward(gradient)
    ours = exercises.backward.reference(weights.detach().numpy(), gradient.numpy())
    np.testing.assert_allclose(ours, scores.grad.numpy(), atol=1e-12)


def test_the_planted_fault_opens_the_next_place_and_nothing_else():
    source = torch.tensor([[5, 4, 2], [6, 2, 0]])
    mask = exercises.careless_mask(source, target=4)
    assert mask.shape == (2, 7, 7)
    assert not mask[1, :, 2].any()  # padding stays shut
    for t in range(4):
        allowed = mask[0, 3 + t, 3:]
        assert allowed.tolist() == [place <= t + 1 for place in range(4)]
