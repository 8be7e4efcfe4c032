"""Lesson 07's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
from answers import assert_verdict, stub

from course_utils.datasets.docstrings import Documented
from course_utils.exercises import lesson_07 as exercises
from course_utils.search import reciprocal_rank_fusion, search_terms


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (1.25 / 3, "correct", "0.417"),
        (0.417, "correct", ""),
        (0.625, "wrong", "third query counts"),
        (0.4278, "wrong", "rank 30 earns 0"),
        (3 / 35, "wrong", "1 / mean rank"),
        (2 / 3, "wrong", "recall@10"),
        (1.25, "wrong", "the sum"),
        (0.5, "wrong", ""),
    ],
)
def test_marks(answer, status, says):
    assert_verdict(exercises.marks, answer, status=status, says=says)


def fused(rankings, constant, *, start=1, part=None, falling=True, keep_first=False, only_common=False):
    documents = sorted({document for ranking in rankings for document in ranking})
    if only_common:
        documents = [d for d in documents if all(d in ranking for ranking in rankings)]
    part = part or (lambda rank: 1 / (constant + rank))
    sums = {}
    for document in documents:
        parts = [part(one.index(document) + start) for one in rankings if document in one]
        sums[document] = parts[0] if keep_first else sum(parts)
    return sorted(documents, key=lambda d: ((-1 if falling else 1) * sums[d], d))


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.fusion.reference, "correct", "place tenth"),
        (fused, "correct", ""),
        (lambda r, c: reciprocal_rank_fusion(r, constant=c).indices.tolist(), "correct", ""),
        (stub, "not attempted", ""),
        (lambda r, c: fused(r, c, start=0), "wrong", "it is rank 1"),
        (lambda r, c: fused(r, c, falling=False), "wrong", "worst comes first"),
        (lambda r, c: fused(r, c, keep_first=True), "wrong", "earns from each"),
        (lambda r, c: fused(r, c, only_common=True), "wrong", "only one list holds"),
        (lambda r, c: fused(r, c, part=lambda rank: rank), "wrong", "ranks are added up"),
        (lambda r, c: r[0], "wrong", ""),
    ],
)
def test_fusion(answer, status, says):
    verdict = exercises.fusion.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def by_loop(first, second, flips):
    difference = [a - b for a, b in zip(first, second, strict=True)]
    seen, count = abs(sum(difference)), 1
    for row in flips:
        count += abs(sum(sign * one for sign, one in zip(row, difference, strict=True))) >= seen - 1e-9
    return count / (len(flips) + 1)


def chance(first, second, flips):
    return np.mean(flips * (first - second), axis=1), np.mean(first - second)


def one_sided(first, second, flips):
    flipped, seen = chance(first, second, flips)
    return (1 + np.sum(flipped >= seen - 1e-9)) / (1 + len(flips))


def without_itself(first, second, flips):
    flipped, seen = chance(first, second, flips)
    return np.mean(np.abs(flipped) >= abs(seen) - 1e-9)


def strictly(first, second, flips):
    flipped, seen = chance(first, second, flips)
    return (1 + np.sum(np.abs(flipped) > abs(seen) + 1e-9)) / (1 + len(flips))


def below(first, second, flips):
    return 1 - without_itself(first, second, flips)


def absolute_first(first, second, flips):
    flipped = np.abs(flips * np.abs(first - second)).mean(axis=1)
    return (1 + np.sum(flipped >= np.abs(first - second).mean() - 1e-9)) / (1 + len(flips))


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.paired.reference, "correct", "Hard queries"),
        (by_loop, "correct", ""),
        (stub, "not attempted", ""),
        (one_sided, "wrong", "one direction"),
        (without_itself, "wrong", "it says 0"),
        (strictly, "wrong", "exactly as large"),
        (below, "wrong", "stay below"),
        (absolute_first, "wrong", "no flip can change"),
        (lambda first, second, flips: 0.05, "wrong", ""),
    ],
)
def test_paired(answer, status, says):
    verdict = exercises.paired.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_rule_tells_a_real_difference_from_none():
    generator = np.random.default_rng(0)
    hard = generator.random(200)
    flips = generator.choice([-1, 1], size=(999, 200))
    noise = 0.05 * generator.normal(size=(2, 200))
    assert exercises.paired.reference(hard + noise[0] + 0.03, hard + noise[1], flips) == 0.001
    assert exercises.paired.reference(hard + noise[0], hard + noise[1], flips) > 0.05


def test_the_planted_fault_puts_the_answer_into_the_document():
    said = ("Turn the wheel.", "Twice.")
    item = Documented("function", "lib", "lib.m", "f", "def f(): pass", *said, "test", "p", 1)
    (text,) = exercises.careless_texts([item])
    assert set(search_terms(item.summary)) <= set(search_terms(text))
    assert text.startswith(item.code)
