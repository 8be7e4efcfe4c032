"""Lesson 01's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
from answers import assert_verdict, stub
from scipy import sparse

from course_utils.exercises import lesson_01 as exercises
from course_utils.models.counts import ppmi


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (0.63, "correct", "rows"),
        (0.6325, "correct", ""),
        (2, "wrong", "dot product"),
        (0, "wrong", "overlap"),
        (0.33, "wrong", "sums of the counts"),
        (0.2, "wrong", "squares of the lengths"),
        (0.9, "wrong", ""),
    ],
)
def test_angle(answer, status, says):
    assert_verdict(exercises.angle, answer, status=status, says=says)


def by_the_course(counts):
    return ppmi(sparse.csr_matrix(counts), smoothing=1.0).toarray()


def with_loops(counts):
    table = np.zeros(counts.shape)
    for i, j in np.argwhere(counts > 0):
        table[i, j] = max(0, np.log(counts[i, j] * counts.sum() / counts[i].sum() / counts[:, j].sum()))
    return table


def pmi_without_p(counts):
    return np.log(counts * counts.sum() / np.outer(counts.sum(1), counts.sum(0)))


def in_bits(counts):
    return with_loops(counts) / np.log(2)


def without_total(counts):
    return np.maximum(np.log(counts / np.outer(counts.sum(1), counts.sum(0))), 0)


def rows_twice(counts):
    return np.maximum(np.log(counts * counts.sum() / counts.sum(1, keepdims=True) ** 2), 0)


def conditional(counts):
    return counts / counts.sum(1, keepdims=True)


def nan_where_zero(counts):
    values = with_loops(counts)
    values[counts == 0] = np.nan
    return values


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.ppmi.reference, "correct", "chance"),
        (by_the_course, "correct", ""),
        (with_loops, "correct", ""),
        (stub, "not attempted", ""),
        (pmi_without_p, "wrong", "that is PMI"),
        (in_bits, "wrong", "natural logarithm"),
        (without_total, "wrong", "divide all three by the total"),
        (rows_twice, "wrong", "never divided out"),
        (conditional, "wrong", "given the word"),
        (nan_where_zero, "wrong", "not finite"),
        (lambda counts: counts, "wrong", ""),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_ppmi(answer, status, says):
    verdict = exercises.ppmi.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.honest_choice.reference, "correct", "luck"),
        (lambda a, b: sorted(zip(a, b, strict=True))[-1][1], "correct", ""),
        (stub, "not attempted", ""),
        (lambda a, b: max(max(a), max(b)), "wrong", "best score of all"),
        (lambda a, b: np.max(a), "wrong", "half A's own winner"),
        (lambda a, b: np.max(b), "wrong", "reports half B"),
        (lambda a, b: b[np.argmax((a + b) / 2)], "wrong", "mean of both halves"),
        (lambda a, b: np.mean(b), "wrong", "mean over settings"),
        (lambda a, b: np.argmax(a), "wrong", "number of the setting"),
        (lambda a, b: a[np.argmax(b)] / 2, "wrong", ""),
    ],
)
def test_honest_choice(answer, status, says):
    verdict = exercises.honest_choice.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_planted_fault_is_one_axis_away_from_ppmi():
    counts = sparse.csr_matrix(np.array([[4.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 6.0]]))
    wrong = exercises.careless_ppmi(counts).toarray()
    total, rows = counts.sum(), np.asarray(counts.sum(axis=1))
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(counts.toarray() * total / rows**2), 0)
    np.testing.assert_allclose(wrong, expected, rtol=1e-5)
    assert not np.allclose(wrong, ppmi(counts, smoothing=1.0).toarray())
