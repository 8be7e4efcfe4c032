"""Spearman and the bootstrap, against scipy."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from course_utils.evaluation.similarity import bootstrap_interval, evaluate_similarity, spearman

# Few different values, so that ties are common.
values = st.integers(-3, 3)


@pytest.fixture
def judged():
    """Vectors on a half circle, one degree apart, and pairs rated by their angle."""
    angles = np.radians(np.arange(30) * 6)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.arange(1, 31)[:, None]
    index = {f"w{i}": i for i in range(30)}
    pairs = [SimpleNamespace(first="w0", second=f"w{i}", score=10 - i / 3) for i in range(30)]
    return vectors, index, pairs


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.tuples(values, values), min_size=2, max_size=30))
def test_spearman_equals_scipy_with_ties(pairs):
    x, y = zip(*pairs, strict=True)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert np.isnan(spearman(x, y))  # as scipy does, which warns in addition
    else:
        assert spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y)[0], abs=1e-12)


def test_spearman_by_hand():
    assert spearman([1, 2, 3], [10, 100, 1000]) == 1.0
    assert spearman([1, 2, 3], [3, 2, -1]) == -1.0
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / np.sqrt(22.5))


def test_bootstrap_agrees_with_scipy():
    x = np.random.default_rng(0).normal(size=80)
    y = x + np.random.default_rng(1).normal(size=80)
    theirs = scipy.stats.bootstrap(
        (x, y), spearman, paired=True, vectorized=False, method="percentile", n_resamples=2000, rng=5
    ).confidence_interval
    assert bootstrap_interval(spearman, x, y, resamples=2000, seed=5) == pytest.approx(theirs, abs=0.02)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(150):
        sample = rng.normal(3, 1, size=60)
        low, high = bootstrap_interval(np.mean, sample, resamples=200, seed=seed, level=0.9)
        covered += low < 3 < high
    assert 0.82 <= covered / 150 <= 0.96


def test_the_interval_depends_on_seed_level_and_number_of_examples_only():
    x = np.random.default_rng(0).normal(size=100)
    interval = bootstrap_interval(np.mean, x, seed=1)
    assert interval == bootstrap_interval(np.mean, x, seed=1)
    assert interval != bootstrap_interval(np.mean, x, seed=2)
    narrow = bootstrap_interval(np.mean, x, seed=1, level=0.5)
    assert interval[0] < narrow[0] < x.mean() < narrow[1] < interval[1]
    more = bootstrap_interval(np.mean, np.tile(x, 9), seed=1)
    assert (more[1] - more[0]) == pytest.approx((interval[1] - interval[0]) / 3, rel=0.2)


def test_arrays_are_resampled_together():
    x = np.arange(20.0)
    assert bootstrap_interval(lambda a, b: float(np.abs(a - b).max()), x, x) == (0.0, 0.0)


def test_resamples_without_a_value_are_left_out():
    low, high = bootstrap_interval(spearman, [1, 2], [1, 2], resamples=50)
    assert (low, high) == (1.0, 1.0)


def test_similarity_counts_and_orders_what_is_covered(judged):
    vectors, index, pairs = judged
    unknown = [SimpleNamespace(first="w1", second="nowhere", score=1.0)]
    result = evaluate_similarity(vectors, index=index, pairs=unknown + pairs + unknown)
    assert (result.covered, result.total) == (30, 32)
    assert result.pairs == [("w0", f"w{i}") for i in range(30)]
    assert result.human.tolist() == [pair.score for pair in pairs]
    assert result.model == pytest.approx(np.cos(np.radians(np.arange(30) * 6)))
    assert result.spearman == result.low == result.high == 1.0
    assert str(result) == "Spearman 1.000 (95 % interval 1.000 to 1.000) on 30 of 32 pairs"


def test_similarity_equals_scipy_on_noisy_vectors_dense_and_sparse(judged):
    vectors, index, pairs = judged
    noisy = np.maximum(vectors + np.random.default_rng(0).normal(scale=8, size=vectors.shape), 0) + 0.01
    cosines = [noisy[0] @ row / np.linalg.norm(noisy[0]) / np.linalg.norm(row) for row in noisy]
    expected = scipy.stats.spearmanr([pair.score for pair in pairs], cosines)[0]
    dense = evaluate_similarity(noisy, index=index, pairs=pairs, seed=3)
    thin = evaluate_similarity(sparse.coo_matrix(noisy), index=index, pairs=pairs, seed=3)
    assert dense.spearman == pytest.approx(expected)
    assert dense.low < dense.spearman < dense.high
    assert (thin.spearman, thin.low, thin.high) == pytest.approx((dense.spearman, dense.low, dense.high))
    other = evaluate_similarity(noisy, index=index, pairs=pairs, seed=4)
    assert other.spearman == dense.spearman
    assert other.low != dense.low


def test_bad_vectors_and_pairs_are_refused_with_a_sentence(judged):
    vectors, index, pairs = judged
    broken = vectors.copy()
    broken[4, 1] = np.nan
    cases = [
        ({"vectors": broken}, "Row 4 of the vectors holds NaN"),
        ({"pairs": []}, "Of 0 word pairs the vocabulary covers 0"),
        ({"pairs": pairs[:1]}, "Of 1 word pairs the vocabulary covers 1"),
        ({"index": {}}, "Of 30 word pairs the vocabulary covers 0"),
        ({"vectors": vectors[:20]}, "row 29, but there are only 20 vectors"),
        ({"vectors": np.ones((30, 2))}, "no order to compare"),
        ({"vectors": vectors[:, 0]}, "one vector in each row"),
    ]
    for change, message in cases:
        arguments = {"vectors": vectors, "index": index, "pairs": pairs} | change
        with pytest.raises(ValueError, match=message):
            evaluate_similarity(arguments.pop("vectors"), **arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spearman([1], [1]), "two lists of one length, 2 or more"),
        (lambda: spearman([1, 2], [1, 2, 3]), "two lists of one length"),
        (lambda: spearman([1, np.nan], [1, 2]), "cannot rank NaN"),
        (lambda: bootstrap_interval(np.mean), "arrays of one length"),
        (lambda: bootstrap_interval(np.mean, []), "at least one example"),
        (lambda: bootstrap_interval(spearman, [1, 2], [1]), "arrays of one length"),
        (lambda: bootstrap_interval(np.mean, [1, 2], resamples=0), "resamples must be 1 or more"),
        (lambda: bootstrap_interval(np.mean, [1, 2], level=95), "level must lie between 0 and 1"),
        (lambda: bootstrap_interval(spearman, [1, 1], [1, 2]), "undefined in every resample"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
