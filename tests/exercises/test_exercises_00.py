"""Lesson 00's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub
from scipy.optimize import brentq
from scipy.special import softmax
from scipy.stats import entropy

from course_utils.exercises import lesson_00 as exercises


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (0.25, "correct", "differences"),
        (1 / 4, "correct", ""),
        (1, "wrong", "share 1 between them"),
        (0.75, "wrong", "share 1"),
        (3, "wrong", "between 0 and 1"),
        (np.exp(3), "wrong", "between 0 and 1"),
        (0.3, "wrong", ""),
    ],
)
def test_shares(answer, status, says):
    assert_verdict(exercises.shares, answer, status=status, says=says)


def by_scipy(scores, temperature):
    return softmax(np.asarray(scores) / temperature, axis=-1)


def by_torch(scores, temperature):
    return torch.softmax(torch.as_tensor(scores) / temperature, dim=-1)


def naive(scores, temperature):
    exponentials = np.exp(scores / temperature)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def stable_over(axis):
    def wrong(scores, temperature):
        scaled = scores / temperature
        exponentials = np.exp(scaled - scaled.max())
        return exponentials / exponentials.sum(axis=axis, keepdims=True)

    return wrong


def not_divided(scores, temperature):
    scaled = scores / temperature
    return np.exp(scaled - scaled.max(axis=-1, keepdims=True))


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.softmax.reference, "correct", ""),
        (by_scipy, "correct", ""),
        (by_torch, "correct", ""),
        (stub, "not attempted", ""),
        (None, "not attempted", ""),
        (naive, "wrong", "overflow"),
        (stable_over(0), "wrong", "normalises over the batch"),
        (stable_over(None), "wrong", "over all rows"),
        (lambda s, t: by_scipy(s, 1 / t), "wrong", "multiplies by the temperature"),
        (lambda s, t: by_scipy(s, 1), "wrong", "never uses the temperature"),
        (lambda s, t: s / 0, "wrong", ""),
        (not_divided, "wrong", ""),
        (lambda s: s, "wrong", "TypeError"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_softmax(answer, status, says):
    verdict = exercises.softmax.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def by_root_finding(scores, bits):
    return brentq(lambda t: entropy(softmax(np.asarray(scores) / t), base=2) - bits, 1e-3, 1e3)


def in_nats(scores, bits):
    return brentq(lambda t: entropy(softmax(np.asarray(scores) / t)) - bits, 1e-3, 1e6)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.temperature_for.reference, "correct", "bisection"),
        (by_root_finding, "correct", ""),
        (stub, "not attempted", ""),
        (lambda s, b: 1 / by_root_finding(s, b), "wrong", "one over the temperature"),
        (lambda s, b: b / np.log2(len(s)), "wrong", "straight line"),
        (lambda s, b: 1.0, "wrong", "whatever the entropy"),
        (lambda s, b: by_root_finding(s, min(b / np.log(2), np.log2(len(s)) - 1e-9)), "wrong", ""),
    ],
)
def test_temperature_for(answer, status, says):
    verdict = exercises.temperature_for.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_planted_fault_sums_to_one_along_the_wrong_axis():
    wrong = exercises.suspicious_softmax(torch.randn(3, 3))
    torch.testing.assert_close(wrong.sum(dim=0), torch.ones(3))
    assert not torch.allclose(wrong.sum(dim=1), torch.ones(3))
