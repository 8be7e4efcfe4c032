"""Lesson 05's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
from answers import assert_verdict, stub

from course_utils.exercises import lesson_05 as exercises
from course_utils.projections.trust import neighbour_overlap


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (11, "correct", "stranger"),
        (11.0, "correct", ""),
        (2, "wrong", "counts the false neighbours"),
        (19, "wrong", "adds up all ranks"),
        (17, "wrong", "subtract k"),
        (10, "wrong", "costs 0"),
        (5, "wrong", ""),
    ],
)
def test_penalty(answer, status, says):
    assert_verdict(exercises.penalty, answer, status=status, says=says)


def nearest(points, k, *, sign=1, skip=1):
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    return [list(np.argsort(sign * row))[skip : skip + k] for row in distances]


def shares(first, second, k, *, share, **how):
    pairs = zip(nearest(first, k, **how), nearest(second, k, **how), strict=True)
    return float(np.mean([share(a, b, k) for a, b in pairs]))


def common(a, b, k):
    return sum(word in b for word in a) / k


def with_lists(first, second, k):
    return shares(first, second, k, share=common)


def itself_too(first, second, k):
    return shares(first, second, k, share=common, skip=0)


def same_place(first, second, k):
    return shares(
        first, second, k, share=lambda a, b, k: np.mean([x == y for x, y in zip(a, b, strict=True)])
    )


def jaccard(first, second, k):
    return shares(first, second, k, share=lambda a, b, k: len({*a} & {*b}) / len({*a, *b}))


def a_count(first, second, k):
    return shares(first, second, k, share=lambda a, b, k: len({*a} & {*b}))


def farthest(first, second, k):
    return shares(first, second, k, share=common, sign=-1, skip=0)


def by_position(first, second, k):
    return float(1 / (1 + np.abs(first - second).mean()))


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.overlap.reference, "correct", "aligned"),
        (lambda first, second, k: neighbour_overlap(first, second, k=k), "correct", ""),
        (with_lists, "correct", ""),
        (stub, "not attempted", ""),
        (itself_too, "wrong", "its own neighbour"),
        (same_place, "wrong", "order within the k"),
        (jaccard, "wrong", "Jaccard"),
        (a_count, "wrong", "divide by k"),
        (farthest, "wrong", "farthest"),
        (by_position, "wrong", "not positions"),
        (lambda first, second, k: 1.0, "wrong", ""),
    ],
)
def test_overlap(answer, status, says):
    verdict = exercises.overlap.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def by_rank(observed, controls):
    everybody = sorted([*controls, observed], reverse=True)
    return (len(everybody) - everybody[::-1].index(observed)) / len(everybody)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.control.reference, "correct", "1 / (n + 1)"),
        (by_rank, "correct", ""),
        (stub, "not attempted", ""),
        (lambda o, c: np.mean(c >= o), "wrong", "says 0"),
        (lambda o, c: (1 + np.sum(c > o)) / (1 + len(c)), "wrong", "exactly as high"),
        (lambda o, c: np.mean(c < o), "wrong", "controls that are lower"),
        (lambda o, c: (1 + np.sum(c <= o)) / (1 + len(c)), "wrong", "at most as high"),
        (lambda o, c: (1 + np.sum(c >= o)) / len(c), "wrong", "also one more of all maps"),
        (lambda o, c: (o - np.mean(c)) / np.std(c), "wrong", "standard deviations"),
        (lambda o, c: 0.05, "wrong", ""),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_control(answer, status, says):
    verdict = exercises.control.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_planted_fault_keeps_the_words_and_loses_their_order():
    words = ["walk", "bee", "april"]
    assert exercises.careless_labels(words) == ["april", "bee", "walk"]
    assert exercises.careless_labels(words) != words
