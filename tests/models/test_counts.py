"""Counts, PPMI and SVD against loops, a table worked by hand and numpy's full SVD."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from course_utils.models.counts import (
    CountVectorsConfig,
    cooccurrence_counts,
    count_vectors,
    pmi_block,
    ppmi,
    svd_vectors,
)

V = 5
# -1 is a word outside the vocabulary that keeps its place.
texts = st.lists(st.lists(st.integers(-1, V - 1), max_size=9), min_size=1, max_size=4).filter(
    lambda documents: any(i >= 0 for document in documents for i in document)
)


def counts_by_loop(documents, *, window, weighting, direction):
    """Every pair of positions of every document, one by one."""
    table = np.zeros((V, V))
    for document in documents:
        for i, word in enumerate(document):
            for j, context in enumerate(document):
                distance = abs(i - j)
                if not 1 <= distance <= window or word < 0 or context < 0:
                    continue
                if (direction == "left" and j > i) or (direction == "right" and j < i):
                    continue
                weights = {"flat": 1, "linear": (window - distance + 1) / window, "harmonic": 1 / distance}
                table[word, context] += weights[weighting]
    return table


def ppmi_by_loop(counts, *, smoothing, shift):
    total, powers = counts.sum(), counts.sum(axis=0) ** smoothing
    result = np.zeros(counts.shape)
    for i, j in np.argwhere(counts > 0):
        p_word, p_context = counts[i].sum() / total, powers[j] / powers.sum()
        result[i, j] = max(0.0, np.log(counts[i, j] / total / (p_word * p_context)) - shift)
    return result


@pytest.fixture
def table():
    """A sparse positive matrix with well separated singular values."""
    rng = np.random.default_rng(3)
    left, _ = np.linalg.qr(rng.standard_normal((40, 40)))
    right, _ = np.linalg.qr(rng.standard_normal((30, 30)))
    return left[:, :30] * np.linspace(30, 1, 30) @ right


@settings(deadline=None)  # a busy machine is no failure
@given(
    texts,
    st.integers(1, 10),
    st.sampled_from(["flat", "linear", "harmonic"]),
    st.sampled_from(["both", "left", "right"]),
)
def test_counts_equal_a_loop_over_all_pairs(documents, window, weighting, direction):
    counts = cooccurrence_counts(
        [np.array(document, dtype=np.int32) for document in documents],
        vocabulary_size=V,
        window=window,
        weighting=weighting,
        direction=direction,
    )
    expected = counts_by_loop(documents, window=window, weighting=weighting, direction=direction)
    assert counts.shape == (V, V)
    assert counts.dtype == np.float32
    assert counts.toarray() == pytest.approx(expected, rel=1e-6)


def test_counts_by_hand():
    # 0 1 0 | 2: word 0 has 1 beside it twice and, two places on, itself; nothing crosses the bar.
    documents = [np.array([0, 1, 0]), np.array([2])]
    near = cooccurrence_counts(documents, vocabulary_size=3, window=2, weighting="harmonic").toarray()
    assert near.tolist() == [[1, 2, 0], [2, 0, 0], [0, 0, 0]]
    right = cooccurrence_counts(documents, vocabulary_size=3, window=1, direction="right").toarray()
    assert right.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_two_documents_count_like_each_alone():
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, V, 30), rng.integers(0, V, 20)

    def count(*documents):
        return cooccurrence_counts(documents, vocabulary_size=V, window=4).toarray()

    assert np.array_equal(count(one, two), count(one) + count(two))
    assert not np.array_equal(count(one, two), count(np.concatenate([one, two])))


def test_ppmi_by_hand():
    # Rows sum to 4, 4, 8, columns to 6, 2, 8, all to 16.
    counts = np.array([[3, 1, 0], [1, 0, 3], [2, 1, 5]])
    expected = [
        [np.log(3 * 16 / (4 * 6)), np.log(1 * 16 / (4 * 2)), 0],
        [0, 0, np.log(3 * 16 / (4 * 8))],
        [0, 0, np.log(5 * 16 / (8 * 8))],
    ]
    result = ppmi(counts, smoothing=1.0)
    assert result.toarray() == pytest.approx(np.array(expected), abs=1e-6)
    assert result.nnz == 4  # log 1 = 0 at (2, 1) and negative values are not stored
    shifted = np.maximum(np.array(expected) - 0.5, 0)
    assert ppmi(counts, smoothing=1.0, shift=0.5).toarray() == pytest.approx(shifted, abs=1e-6)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(st.lists(st.integers(0, 6), min_size=4, max_size=4), min_size=2, max_size=6).filter(
        lambda rows: np.array(rows).any()
    ),
    st.sampled_from([0.5, 0.75, 1.0]),
    st.sampled_from([-1.0, 0.0, 0.7]),
)
def test_ppmi_equals_a_loop(rows, smoothing, shift):
    counts = np.array(rows, dtype=float)
    expected = ppmi_by_loop(counts, smoothing=smoothing, shift=shift)
    for given_as in (counts, sparse.csr_matrix(counts), sparse.coo_array(counts)):
        result = ppmi(given_as, smoothing=smoothing, shift=shift)
        assert result.toarray() == pytest.approx(expected, abs=1e-5)
        assert (result.data > 0).all()


def test_smoothing_lowers_the_pmi_of_rare_contexts():
    counts = np.array([[90, 10, 1], [10, 90, 0], [5, 5, 0]])
    assert ppmi(counts, smoothing=0.75)[0, 2] < ppmi(counts, smoothing=1.0)[0, 2]


def test_pmi_block_keeps_negative_values_and_equals_ppmi_where_positive():
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 5, (8, 8)) + np.eye(8, dtype=int)
    rows, columns = [1, 4, 6], [0, 2, 5, 7]
    for smoothing in (1.0, 0.75):
        block = pmi_block(
            counts[np.ix_(rows, columns)],
            row_totals=counts.sum(axis=1)[rows],
            column_totals=counts.sum(axis=0)[columns],
            total=counts.sum(),
            smoothing=smoothing,
            smoothed_total=(counts.sum(axis=0) ** smoothing).sum(),
        )
        full = ppmi(counts, smoothing=smoothing).toarray()[np.ix_(rows, columns)]
        assert np.maximum(block, 0) == pytest.approx(full, abs=1e-5)
        assert np.array_equal(np.isneginf(block), counts[np.ix_(rows, columns)] == 0)
        assert (block[np.isfinite(block)] < 0).any()


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("transposed", [False, True])
def test_svd_equals_numpy(table, exponent, transposed):
    matrix = table.T if transposed else table
    left, singular, _ = np.linalg.svd(matrix, full_matrices=False)
    expected = left[:, :7] * singular[:7] ** exponent
    expected *= np.sign(expected[np.abs(expected).argmax(axis=0), range(7)])
    vectors = svd_vectors(sparse.csr_matrix(matrix), dimension=7, exponent=exponent)
    assert vectors.dtype == np.float32
    assert vectors == pytest.approx(expected, abs=2e-4)


def test_svd_is_the_same_on_each_run_and_has_fixed_signs(table):
    vectors = svd_vectors(table, dimension=6)
    assert np.array_equal(vectors, svd_vectors(table, dimension=6))
    assert np.array_equal(vectors, svd_vectors(table.copy(), dimension=6))
    assert (vectors[np.abs(vectors).argmax(axis=0), range(6)] > 0).all()
    # The left vectors of -M are those of M; only the sign could tell.
    assert svd_vectors(-table, dimension=6) == pytest.approx(vectors, abs=1e-4)


@pytest.mark.parametrize("exponent", [0.0, 0.5])
def test_columns_beyond_the_rank_are_zero(exponent):
    rng = np.random.default_rng(2)
    flat = rng.standard_normal((20, 3)) @ rng.standard_normal((3, 20))
    vectors = svd_vectors(flat, dimension=6, exponent=exponent)
    assert vectors.any(axis=0).tolist() == [True] * 3 + [False] * 3


def test_the_three_steps_together_are_the_three_steps():
    documents = [np.random.default_rng(0).integers(0, 12, 300)]
    config = CountVectorsConfig(3, weighting="linear", smoothing=1.0, shift=0.1, dimension=4, exponent=1.0)
    counts = cooccurrence_counts(documents, vocabulary_size=12, window=3, weighting="linear")
    expected = svd_vectors(ppmi(counts, smoothing=1.0, shift=0.1), dimension=4, exponent=1.0)
    assert np.array_equal(count_vectors(documents, config, vocabulary_size=12), expected)


def test_words_with_the_same_contexts_get_the_same_vector():
    # 0 and 1 appear between the same neighbours, 5 elsewhere.
    documents = [np.array(d) for d in ([2, 0, 3], [2, 1, 3], [4, 5, 6], [6, 5, 4])] * 3
    vectors = count_vectors(documents, CountVectorsConfig(window=1, dimension=3), vocabulary_size=7)
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-5)
    assert np.linalg.norm(vectors[0] - vectors[5]) > 0.5


IDS = [np.array([0, 1, 2, 1, 0])]
COUNT = {"vocabulary_size": 3, "window": 2}
PLANE = CountVectorsConfig(dimension=2)
ONES = {"row_totals": [1], "column_totals": [1], "total": 1}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cooccurrence_counts([], **COUNT), "no known words"),
        (lambda: cooccurrence_counts([np.array([])], **COUNT), "no known words"),
        (lambda: cooccurrence_counts([np.array([-1, -1])], **COUNT), "no known words"),
        (lambda: cooccurrence_counts([np.array([0, 3])], **COUNT), "must be -1 to 2"),
        (lambda: cooccurrence_counts([np.array([0, -2])], **COUNT), "must be -1 to 2"),
        (lambda: cooccurrence_counts([np.array(["a", "b"])], **COUNT), "array of word ids"),
        (lambda: cooccurrence_counts([np.array([0.5])], **COUNT), "array of word ids"),
        (lambda: cooccurrence_counts(np.array([0, 1]), **COUNT), "array of word ids"),
        (lambda: cooccurrence_counts(IDS, vocabulary_size=3, window=0), "window must be 1 or more"),
        (lambda: cooccurrence_counts(IDS, **COUNT, weighting="steep"), '"flat", "linear" or "harmonic"'),
        (lambda: cooccurrence_counts(IDS, **COUNT, direction="up"), '"both", "left" or "right"'),
        (lambda: ppmi(np.zeros((2, 2))), "not all 0"),
        (lambda: ppmi(np.array([[1.0, np.nan]])), "Counts must be 0 or more"),
        (lambda: ppmi(np.array([[1.0, -1.0]])), "Counts must be 0 or more"),
        (lambda: ppmi(np.ones((2, 2)), smoothing=0), "smoothing must be above 0"),
        (lambda: pmi_block(np.ones((2, 1)), **ONES), "one total for each"),
        (lambda: pmi_block(np.ones((1, 1)), **ONES, smoothing=0.75), "pass smoothed_total"),
        (lambda: pmi_block(np.ones((1, 1)), row_totals=[0], column_totals=[1], total=1), "above 0"),
        (lambda: svd_vectors(np.eye(4), dimension=4), "dimension must be 1 or more and below 4"),
        (lambda: svd_vectors(np.eye(4), dimension=0), "dimension must be 1 or more and below 4"),
        (lambda: svd_vectors(np.eye(4), dimension=2, exponent=-1), "exponent must be 0 or more"),
        (lambda: svd_vectors(np.zeros((4, 4)), dimension=2), "all zeros"),
        (lambda: svd_vectors(np.full((4, 4), np.nan), dimension=2), "NaN"),
        (lambda: count_vectors(IDS, CountVectorsConfig(dimension=3), vocabulary_size=3), "below 3"),
        # One word, and words that are all near each other alike: nothing to tell them apart.
        (lambda: count_vectors([np.zeros(9, int)], PLANE, vocabulary_size=1), "below 1"),
        (lambda: count_vectors([np.zeros(9, int)], PLANE, vocabulary_size=3), "all zeros"),
        (lambda: count_vectors([np.array([0])], PLANE, vocabulary_size=3), "not all 0"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_svd_of_doubles_is_computed_in_double_precision():
    matrix = np.random.default_rng(0).poisson(1, size=(12, 12)).astype(np.float64)
    u, sigma, _ = np.linalg.svd(matrix)
    exact = u[:, :3] * sigma[:3]
    errors = []
    for precision in (np.float64, np.float32):
        found = svd_vectors(matrix.astype(precision), dimension=3, exponent=1.0).astype(np.float64)
        errors.append(np.abs(found @ found.T - exact @ exact.T).max())
    assert errors[0] < 1e-5  # what remains is that the result is float32
    assert errors[0] <= errors[1]
