"""Cosine and nearest neighbours, against scikit-learn and sums worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from course_utils.vectors import (
    as_matrix,
    cosine,
    cosine_matrix,
    cosine_pairs,
    nearest_neighbours,
    normalize_rows,
)

# Rounded, because scikit-learn takes vectors shorter than 1e-100 for zero.
numbers = st.floats(-100, 100).map(lambda x: round(x, 3))
matrices = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=numbers)


@pytest.fixture
def points():
    return np.random.default_rng(0).standard_normal((50, 8))


def as_sparse(points):
    """Half of the entries removed, so that sparse and dense can be compared."""
    thin = np.where(points > 0, points, 0.0)
    return thin, sparse.csr_matrix(thin)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 0], [5, 0], 1.0),
        ([1, 0], [0, 2], 0.0),
        ([1, 0], [-3, 0], -1.0),
        ([3, 4], [4, 3], 24 / 25),
        ([0, 0], [1, 1], 0.0),
        ([0, 0], [0, 0], 0.0),
        ([1e-200, 1e-200], [1e200, 1e200], 1.0),
    ],
)
def test_cosine_by_hand(a, b, expected):
    assert cosine(a, b) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)  # a busy machine is no failure
@given(matrices)
def test_cosine_matrix_equals_scikit_learn(X):
    assert cosine_matrix(X) == pytest.approx(cosine_similarity(X), abs=1e-9)
    assert cosine_matrix(X, X[:1]) == pytest.approx(cosine_similarity(X, X[:1]), abs=1e-9)


@settings(deadline=None)  # a busy machine is no failure
@given(matrices)
def test_rows_get_length_one_and_zero_rows_stay(X):
    lengths = np.linalg.norm(normalize_rows(X), axis=1)
    assert lengths == pytest.approx(np.where(X.any(axis=1), 1.0, 0.0))


def test_sparse_and_dense_agree(points):
    thin, table = as_sparse(points)
    assert normalize_rows(table).toarray() == pytest.approx(normalize_rows(thin))
    assert cosine_matrix(table) == pytest.approx(cosine_matrix(thin))
    assert cosine_pairs(table[:9], table[9:18]) == pytest.approx(cosine_pairs(thin[:9], thin[9:18]))
    assert cosine_pairs(table[:9], thin[9:18]) == pytest.approx(cosine_pairs(thin[:9], table[9:18]))
    counts = sparse.coo_array(np.array([[3, 4], [0, 0]]))
    assert normalize_rows(counts).toarray() == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))


def test_copy_or_in_place(points):
    before = points.copy()
    normalize_rows(points)
    normalize_rows(sparse.csr_matrix(points), copy=False)
    assert np.array_equal(points, before)
    assert normalize_rows(points, copy=False) is points
    assert np.linalg.norm(points, axis=1) == pytest.approx(1.0)


def test_float32_stays_float32(points):
    small = points.astype(np.float32)
    assert normalize_rows(small).dtype == np.float32
    assert as_matrix(small) is small
    assert as_matrix([[1, 2]]).dtype == np.float64


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("as_input", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_neighbours_equal_scikit_learn(points, metric, as_input):
    queries = points[:7] + 0.1
    distances, expected = NearestNeighbors(n_neighbors=5, metric=metric).fit(points).kneighbors(queries)
    indices, scores = nearest_neighbours(as_input(points), queries, k=5, metric=metric)
    assert np.array_equal(indices, expected)
    assert scores == pytest.approx(distances if metric == "euclidean" else 1 - distances)


def test_neighbours_by_inner_product(points):
    indices, scores = nearest_neighbours(points, points[3], k=50, metric="dot")
    assert np.array_equal(scores, np.sort(points @ points[3])[::-1])
    assert scores == pytest.approx((points @ points[3])[indices])


def test_one_query_or_several_dense_or_sparse(points):
    thin, table = as_sparse(points)
    many, many_scores = nearest_neighbours(thin, thin[:4], k=3)
    assert many.shape == many_scores.shape == (4, 3)
    for vectors in (thin, table):
        for query in (thin[2], table[2], sparse.csr_array(table)[2]):
            one, one_scores = nearest_neighbours(vectors, query, k=3)
            assert np.array_equal(one, many[2])
            assert one_scores == pytest.approx(many_scores[2])


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_excluded_rows_are_left_out_and_the_rest_keeps_its_order(points, metric):
    everything, _ = nearest_neighbours(points, points[0], k=50, metric=metric)
    rest, _ = nearest_neighbours(points, points[0], k=48, metric=metric, exclude={0, 7})
    assert rest.tolist() == [i for i in everything if i not in (0, 7)]


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_equal_scores_go_by_row_number(metric):
    vectors = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    assert nearest_neighbours(vectors, [1.0, 0.0], k=3, metric=metric)[0].tolist() == [1, 2, 3]


def test_a_zero_query_is_equally_far_from_everything(points):
    indices, scores = nearest_neighbours(points, np.zeros(8), k=3)
    assert indices.tolist() == [0, 1, 2]
    assert scores.tolist() == [0.0, 0.0, 0.0]


NAN = np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, 1.0]])
NAN_SPARSE = sparse.csr_matrix(np.array([[1.0, 0.0], [0.0, 0.0], [np.inf, 1.0]]))
OK = np.ones((3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: normalize_rows(NAN), "Row 2 of the vectors holds NaN"),
        (lambda: cosine_matrix(NAN_SPARSE), "Row 2 of the vectors holds NaN"),
        (lambda: nearest_neighbours(NAN, [1, 2], k=1), "Row 2 of the vectors holds NaN"),
        (lambda: nearest_neighbours(OK, [1, np.inf], k=1), "Row 0 of the query holds NaN"),
        (lambda: cosine([1, np.nan], [1, 2]), "Row 0 of the first vector holds NaN"),
        (lambda: cosine([1, 2], [1, 2, 3]), "two vectors of one length"),
        (lambda: cosine([], []), "two vectors of one length"),
        (lambda: cosine(OK, OK), "two vectors of one length"),
        (lambda: normalize_rows([1.0, 2.0]), r"one vector in each row, got shape \(2,\)"),
        (lambda: cosine_matrix(OK, np.ones((3, 4))), "2 and 4 numbers"),
        (lambda: cosine_pairs(OK, np.ones((2, 2))), "one shape"),
        (lambda: nearest_neighbours(OK, [1, 2, 3], k=1), "3.*, but the vectors have 2 numbers"),
        (lambda: nearest_neighbours(OK, [1, 2], k=4), "k must be between 1 and 3"),
        (lambda: nearest_neighbours(OK, [1, 2], k=0), "k must be between 1 and 3"),
        (lambda: nearest_neighbours(OK, [1, 2], k=3, exclude=[1]), "k must be between 1 and 2"),
        (lambda: nearest_neighbours(OK, [1, 2], k=1, exclude=[3]), "exclude names rows from 0 to 2"),
        (lambda: nearest_neighbours(OK, [1, 2], k=1, exclude=[-1]), "exclude names rows from 0 to 2"),
        (lambda: nearest_neighbours(OK, [1, 2], k=1, metric="angle"), '"cosine", "dot" or "euclidean"'),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
