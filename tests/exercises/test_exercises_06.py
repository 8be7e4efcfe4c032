"""Lesson 06's checkers, against right, empty and plausibly wrong answers."""

from types import SimpleNamespace

import numpy as np
import pytest
from answers import assert_verdict, stub

from course_utils.exercises import lesson_06 as exercises
from course_utils.models.token_layers import TokenLayers
from course_utils.vectors import cosine_matrix


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (0, "correct", "one fewer"),
        (0.0, "correct", ""),
        (0.5, "wrong", "left out"),
        (10 / 19, "wrong", "larger class"),
        (0.526, "wrong", ""),
        (9 / 19, "wrong", "its own class"),
        (1, "wrong", "other way round"),
        (0.25, "wrong", ""),
    ],
)
def test_left_out(answer, status, says):
    assert_verdict(exercises.left_out, answer, status=status, says=says)


def rows_of(spans, start, end):
    return [i for i, (a, b) in enumerate(spans) if a < end and b > start and b > a]


def by_class(vectors, spans, start, end):
    return TokenLayers(("",) * len(spans), tuple(spans), np.asarray(vectors)).word(start, end)


def by_letters(vectors, spans, start, end):
    wanted = set(range(start, end))
    rows = [i for i, (a, b) in enumerate(spans) if wanted & set(range(a, b))]
    return sum(np.asarray(vectors)[:, i] for i in rows) / len(rows)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.word_vector.reference, "correct", "Spans"),
        (by_class, "correct", ""),
        (by_letters, "correct", ""),
        (stub, "not attempted", ""),
        (
            lambda v, s, a, b: v[:, [i for i, (x, y) in enumerate(s) if x <= b and y >= a]].mean(1),
            "wrong",
            "touch",
        ),
        (lambda v, s, a, b: v[:, rows_of(s, a, b)[0]], "wrong", "first piece only"),
        (lambda v, s, a, b: v[:, rows_of(s, a, b)].sum(1), "wrong", "divide by their number"),
        (lambda v, s, a, b: v[:, [i - 1 for i in rows_of(s, a, b)]].mean(1), "wrong", "one piece too early"),
        (lambda v, s, a, b: v.mean(1), "wrong", "whole text"),
        (lambda v, s, a, b: v[-1, rows_of(s, a, b)].mean(0), "wrong", "last layer only"),
        (lambda v, s, a, b: v[:, rows_of(s, a, b)].mean(2), "wrong", ""),
    ],
)
def test_word_vector(answer, status, says):
    verdict = exercises.word_vector.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def pairs(X, *, diagonal=False):
    cosines = cosine_matrix(X)
    return cosines[~np.eye(len(X), dtype=bool)].mean() if not diagonal else cosines.mean()


def products(X):
    return (X @ X.T)[~np.eye(len(X), dtype=bool)].mean()


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.alike.reference, "correct", "Ethayarajh"),
        (lambda same, others: pairs(same) - pairs(others), "correct", ""),
        (stub, "not attempted", ""),
        (lambda same, others: pairs(same, diagonal=True) - pairs(others, diagonal=True), "wrong", "itself"),
        (lambda same, others: pairs(same), "wrong", "baseline"),
        (lambda same, others: products(same) - products(others), "wrong", "inner products"),
        (lambda same, others: pairs(same) - cosine_matrix(same, others).mean(), "wrong", "among themselves"),
        (lambda same, others: pairs(same) / pairs(others), "wrong", "subtract"),
        (lambda same, others: 0.3, "wrong", ""),
    ],
)
def test_alike(answer, status, says):
    verdict = exercises.alike.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_planted_fault_takes_the_word_before():
    spans = ((0, 0), (0, 3), (4, 9), (10, 14), (0, 0))
    one = SimpleNamespace(vectors=np.arange(2 * 5).reshape(2, 5, 1), spans=spans)
    found = exercises.careless_vectors([one], texts=["the river bank"], starts=[10])
    assert found[0, :, 0].tolist() == [2, 7]  # river; bank would be 3 and 8
