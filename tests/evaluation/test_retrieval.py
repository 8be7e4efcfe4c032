"""Marks of rankings against scikit-learn, against cases worked by hand, and against plain counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from course_utils.evaluation.retrieval import (
    Estimate,
    mean_reciprocal_rank,
    mean_with_interval,
    ndcg_at,
    recall_at,
    reciprocal_rank_at,
)

# Rank 2; ranks 1 and 4 of three; not found; grades 1 at rank 1 and 2 at rank 3.
RANKINGS = np.array([[5, 3, 9, 1], [2, 7, 0, 4], [8, -1, -1, -1], [6, 5, 1, 0]])
RELEVANT = [3, {2, 4, 11}, [10], {1: 2, 6: 1, 3: 0}]


def test_by_hand():
    np.testing.assert_allclose(recall_at(RANKINGS, RELEVANT, k=2), [1, 1 / 3, 0, 1 / 2])
    np.testing.assert_allclose(recall_at(RANKINGS, RELEVANT, k=4), [1, 2 / 3, 0, 1])
    np.testing.assert_allclose(reciprocal_rank_at(RANKINGS, RELEVANT, k=4), [1 / 2, 1, 0, 1])
    np.testing.assert_allclose(reciprocal_rank_at(RANKINGS, RELEVANT, k=1), [0, 1, 0, 1])
    assert mean_reciprocal_rank(RANKINGS, RELEVANT, k=4) == pytest.approx(2.5 / 4)
    log = np.log2
    expected = [
        (1 / log(3)) / 1,
        (1 + 1 / log(5)) / (1 + 1 / log(3) + 1 / log(4)),
        0,
        (1 + 2 / log(4)) / (2 + 1 / log(3)),
    ]
    np.testing.assert_allclose(ndcg_at(RANKINGS, RELEVANT, k=4), expected)
    np.testing.assert_allclose(ndcg_at(RANKINGS, RELEVANT, k=1), [0, 1, 0, 1 / 2])


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(max_examples=80, deadline=None)
def test_ndcg_equals_scikit_learn(seed, k):
    generator = np.random.default_rng(seed)
    grades = generator.integers(0, 4, size=(3, 12))
    grades[:, 0] = 1  # something is relevant
    scores = generator.permuted(np.tile(np.arange(12.0), (3, 1)), axis=1)
    rankings = np.argsort(-scores, axis=1)
    relevant = [{document: int(grade) for document, grade in enumerate(row)} for row in grades]
    ours = ndcg_at(rankings, relevant, k=k)
    theirs = [ndcg_score(grades[q : q + 1], scores[q : q + 1], k=k) for q in range(3)]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_recall_grows_and_bounds_hold(seed):
    generator = np.random.default_rng(seed)
    rankings = np.stack([generator.permutation(9) for _ in range(4)])
    relevant = [
        set(generator.choice(9, size=generator.integers(1, 5), replace=False).tolist()) for _ in range(4)
    ]
    recalls = [recall_at(rankings, relevant, k=k) for k in range(1, 10)]
    assert (np.diff(recalls, axis=0) >= 0).all()
    np.testing.assert_allclose(recalls[-1], 1)
    assert (ndcg_at(rankings, relevant, k=9) > 0).all()
    best = np.stack([[*wanted, *(set(range(9)) - wanted)] for wanted in relevant])
    np.testing.assert_allclose(ndcg_at(best, relevant, k=9), 1)


@pytest.mark.parametrize(
    ("rankings", "relevant", "k", "says"),
    [
        ([[1, 2]], [1], 3, "k is 3, but each ranking holds 2"),
        ([[1, 2]], [1], 0, "k is 0"),
        ([[1, 2]], [1, 2], 1, "1 rankings need as many"),
        ([[1.0, 2.0]], [1], 1, "whole numbers"),
        ([1, 2], [1, 2], 1, "whole numbers"),
        ([[1, 1]], [1], 2, "twice"),
        ([[1, 2]], [[]], 1, "at least one relevant"),
        ([[1, 2]], [{1: 0}], 1, "at least one relevant"),
        ([[1, 2]], [-1], 1, "numbered from 0"),
        (np.zeros((0, 2), dtype=int), [], 1, "0 rankings"),
    ],
)
def test_what_cannot_be_marked(rankings, relevant, k, says):
    for mark in (recall_at, reciprocal_rank_at, ndcg_at):
        with pytest.raises(ValueError, match=says):
            mark(rankings, relevant, k=k)


def test_places_where_nothing_was_found_are_no_document():
    np.testing.assert_array_equal(recall_at([[-1, -1, 4]], [4], k=3), [1])
    np.testing.assert_array_equal(reciprocal_rank_at([[-1, -1, 4]], [4], k=3), [1 / 3])


def test_the_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(0).normal(2.0, 1.0, size=400)
    found = mean_with_interval(values)
    assert found.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.015)
    assert found.high == pytest.approx(values.mean() + half, abs=0.015)
    assert mean_with_interval(values) == found
    assert mean_with_interval(values, seed=1) != found
    assert str(Estimate(0.5, 0.25, 0.75)) == "0.500 (0.250 to 0.750)"


def test_values_that_come_in_groups_are_less_sure():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    values = generator.normal(size=40)[groups] + 0.1 * generator.normal(size=400)
    single, grouped = mean_with_interval(values), mean_with_interval(values, groups=groups)
    assert single.value == grouped.value
    assert grouped.high - grouped.low > 2.5 * (single.high - single.low)
    named = mean_with_interval(values, groups=[f"module {g:02}" for g in groups])
    assert named == grouped
    alone = mean_with_interval(values, groups=range(400))
    assert alone == single


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [[1.0]], 3.0])
def test_values_without_an_interval(values):
    with pytest.raises(ValueError, match="one number a query"):
        mean_with_interval(values)


def test_groups_of_another_length():
    with pytest.raises(ValueError, match="as many group labels"):
        mean_with_interval([1.0, 2.0], groups=["a"])


def test_groups_count_by_their_queries():
    sizes = np.tile([1, 9], 50)
    groups, values = np.repeat(np.arange(100), sizes), np.repeat(np.tile([1.0, 0.0], 50), sizes)
    found = mean_with_interval(values, groups=groups)
    assert found.value == pytest.approx(0.1)
    assert 0.05 < found.low < 0.1 < found.high < 0.16
