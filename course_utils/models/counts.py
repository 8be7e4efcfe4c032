"""Word vectors from counts: co-occurrence, positive pointwise mutual information, SVD.

=====================================================  =======================
paper                                                  here
=====================================================  =======================
#(w, c) in a window around w (2015, section 2)         `cooccurrence_counts`
PPMI (2014, eq. 9); smoothed contexts (2015, eq. 3)    `ppmi`
shifted PMI, log k (2014, section 3.2)                 ``shift`` of `ppmi`
W = U_d S_d^p (2015, section 3.3)                      `svd_vectors`, exponent p
=====================================================  =======================

Differences: words outside the vocabulary leave the text before windows are laid (as word2vec does)
if they were dropped when the text was encoded, and keep their place if they were marked with -1.

References
----------
Levy and Goldberg (2014), Neural Word Embedding as Implicit Matrix Factorization.
Levy, Goldberg and Dagan (2015), Improving Distributional Similarity with Lessons Learned from Word
Embeddings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.linalg import svds
from threadpoolctl import threadpool_limits

Weighting = Literal["flat", "linear", "harmonic"]
Direction = Literal["both", "left", "right"]

# Singular values below this part of the largest are rounding, and their vectors noise.
_SMALLEST_SINGULAR = 1e-5


@dataclass(frozen=True)
class CountVectorsConfig:
    """How counts become vectors."""

    window: int = 10  # words to each side that count as context
    weighting: Weighting = "flat"  # what a context word adds by its distance; see cooccurrence_counts
    smoothing: float = 1.0  # power on the context counts; below 1 makes rare contexts count less
    shift: float = 0.0  # subtracted from the PMI, in nats; log(K) mimics K negative samples
    dimension: int = 100  # numbers per word
    exponent: float = 0.5  # power on the singular values; 0 drops them, 1 keeps them


def count_vectors(
    documents: Sequence[NDArray[np.integer[Any]]], config: CountVectorsConfig, *, vocabulary_size: int
) -> NDArray[np.float32]:
    """Word vectors of shape (V, dimension): co-occurrence counts, PPMI, SVD.

    Parameters
    ----------
    documents : sequence of int arrays of shape (T,)
        Word ids, one array per document; see `Vocabulary.encode`.
    config : CountVectorsConfig
    vocabulary_size : int

    Raises
    ------
    ValueError
        As the three steps do; before anything is counted if `dimension` is too large.
    """
    _require_dimension(config.dimension, limit=vocabulary_size)
    counts = cooccurrence_counts(
        documents, vocabulary_size=vocabulary_size, window=config.window, weighting=config.weighting
    )
    matrix = ppmi(counts, smoothing=config.smoothing, shift=config.shift)
    return svd_vectors(matrix, dimension=config.dimension, exponent=config.exponent)


def cooccurrence_counts(
    documents: Sequence[NDArray[np.integer[Any]]],
    *,
    vocabulary_size: int,
    window: int,
    weighting: Weighting = "flat",
    direction: Direction = "both",
) -> sparse.csr_matrix:
    """Count how often each word has each other word near it.

    Parameters
    ----------
    documents : sequence of int arrays of shape (T,)
        Word ids. Windows never reach into another document. An id of -1 keeps its place in the
        text but is not counted.
    vocabulary_size : int
        V; ids are below it.
    window : int
        Words to each side that are near.
    weighting : {"flat", "linear", "harmonic"}
        What a word at distance d adds: 1, (window - d + 1) / window, or 1 / d.
    direction : {"both", "left", "right"}
        On which side of a word its context lies.

    Returns
    -------
    float32 CSR matrix of shape (V, V)
        Row: the word; column: its context. Symmetric for "both". The diagonal counts a word near
        another occurrence of itself, never with itself.

    Raises
    ------
    ValueError
        If there is no word, an id is out of range, or an argument is not one of the above.
    """
    weights = _distance_weights(window, weighting)
    if direction not in ("both", "left", "right"):
        raise ValueError(f'direction must be "both", "left" or "right", not {direction!r}.')
    ids, words_left = _join(documents, vocabulary_size=vocabulary_size)
    shape = (vocabulary_size, vocabulary_size)
    total: Any = sparse.csr_matrix(shape, dtype=np.float64)
    for distance in range(1, min(window, int(words_left.max())) + 1):
        # The whole text at once: each word, and the one `distance` places on in the same document.
        keep = (words_left[:-distance] >= distance) & (ids[:-distance] >= 0) & (ids[distance:] >= 0)
        here, there = ids[:-distance][keep], ids[distance:][keep]
        # The constructor adds up the values of equal pairs.
        total += sparse.csr_matrix((np.full(len(here), weights[distance - 1]), (here, there)), shape=shape)
    if direction == "both":
        total = total + total.T
    elif direction == "left":
        total = total.T
    return sparse.csr_matrix(total, dtype=np.float32)


def ppmi(counts: Any, *, smoothing: float = 1.0, shift: float = 0.0) -> sparse.csr_matrix:
    """Positive pointwise mutual information: max(0, log(p(w, c) / (p(w) p(c))) - shift), in nats.

    Parameters
    ----------
    counts : sparse matrix or array of shape (V, M)
        Row: the word; column: its context.
    smoothing : float
        p(c) is taken in proportion to the column total to this power. PMI favours rare contexts; a
        power below 1 raises their p(c) and so lowers their PMI.
    shift : float
        Subtracted before negative values become 0.

    Returns
    -------
    float32 CSR matrix of shape (V, M)
        Only values above 0 are stored. Rows and columns without counts stay empty.

    Raises
    ------
    ValueError
        If a count is negative, NaN or infinite, all are 0, or `smoothing` is not above 0.
    """
    table = sparse.coo_matrix(sparse.csr_matrix(counts, dtype=np.float64))
    if not (table.data >= 0).all() or not np.isfinite(table.data).all() or not table.data.any():
        raise ValueError("Counts must be 0 or more and not all 0; pass what cooccurrence_counts returns.")
    if not smoothing > 0:
        raise ValueError(f"smoothing must be above 0 (1 changes nothing), not {smoothing}.")
    table.eliminate_zeros()
    rows = np.asarray(table.sum(axis=1)).ravel()  # (V,)
    columns = np.asarray(table.sum(axis=0)).ravel() ** smoothing  # (M,)
    values = np.log(table.data * columns.sum() / (rows[table.row] * columns[table.col])) - shift
    above = values > 0
    positive = (values[above].astype(np.float32), (table.row[above], table.col[above]))
    return sparse.csr_matrix(positive, shape=table.shape)


def pmi_block(
    counts: Any,
    *,
    row_totals: ArrayLike,
    column_totals: ArrayLike,
    total: float,
    smoothing: float = 1.0,
    smoothed_total: float | None = None,
) -> NDArray[np.float64]:
    """Pointwise mutual information of a few words and contexts, negative values included.

    Parameters
    ----------
    counts : array or sparse matrix of shape (N, M)
        The block: chosen rows and columns of the full table.
    row_totals, column_totals : array of shape (N,) and (M,)
        Totals of these rows and columns in the full table.
    total : float
        Sum of the full table.
    smoothing : float
        See `ppmi`.
    smoothed_total : float, optional
        Sum of all column totals of the full table, each to the power `smoothing`. Needed if
        `smoothing` is not 1, since the block does not know the other columns.

    Returns
    -------
    array of shape (N, M)
        In nats; minus infinity where the count is 0.

    Raises
    ------
    ValueError
        If shapes don't fit, a total is not above 0, or `smoothed_total` is missing.
    """
    dense = counts.toarray() if hasattr(counts, "toarray") else counts
    block = np.asarray(dense, dtype=np.float64)
    rows, columns = np.asarray(row_totals, dtype=np.float64), np.asarray(column_totals, dtype=np.float64)
    if block.shape != (rows.size, columns.size):
        raise ValueError(f"A block of shape {block.shape} needs one total for each of its rows and columns.")
    if smoothing == 1.0:
        smoothed_total = total
    if smoothed_total is None:
        raise ValueError("With smoothing, pass smoothed_total: the sum of all column totals ** smoothing.")
    if not (rows.min(initial=1) > 0 and columns.min(initial=1) > 0 and total > 0 and smoothed_total > 0):
        raise ValueError("Totals must be above 0; leave out words that have no context.")
    with np.errstate(divide="ignore"):
        joint = np.log(block / total)
    independent = np.log(rows / total)[:, None] + np.log(columns**smoothing / smoothed_total)
    return np.asarray(joint - independent)


def svd_vectors(matrix: Any, *, dimension: int, exponent: float = 0.5) -> NDArray[np.float32]:
    """Row vectors U S^exponent of the truncated singular value decomposition.

    Parameters
    ----------
    matrix : sparse matrix or array of shape (V, M)
        Decomposed in double precision if it is float64, else in single.
    dimension : int
        How many columns to keep, fewer than V and M.
    exponent : float
        Power on the singular values: 1 keeps the rows' inner products, 0 gives every column
        the same weight.

    Returns
    -------
    float32 array of shape (V, dimension)
        Columns by falling singular value. The sign of a column is arbitrary in an SVD; here its
        entry of largest size is positive. Columns beyond the rank of the matrix are zero.

    Raises
    ------
    ValueError
        If `dimension` is too large or below 1, `exponent` is negative, or `matrix` is all zeros
        or holds NaN or infinity.
    """
    table = sparse.csr_matrix(matrix)
    # ARPACK works with the squares, which cost half of the digits: a caller who needs more passes float64.
    table = table.astype(np.float64 if table.dtype == np.float64 else np.float32, copy=False)
    _require_dimension(dimension, limit=min(table.shape))
    if not exponent >= 0:
        raise ValueError(f"exponent must be 0 or more, not {exponent}.")
    if not np.isfinite(table.data).all():
        raise ValueError("The matrix holds NaN or infinity; look for a log of 0 or a division by 0.")
    if not table.data.any():
        raise ValueError("The matrix is all zeros, so no word differs from another; pass more text.")
    # A fixed start makes the iteration, and so every figure built on it, the same on each run.
    start = np.random.default_rng(0).standard_normal(min(table.shape)).astype(table.dtype)
    # Small dense steps between sparse products: a second BLAS thread gains nothing and, beside a busy
    # neighbour, waits most of the time.
    with threadpool_limits(1, user_api="blas"):
        left, singular, _ = svds(table, k=dimension, v0=start)
    order = np.argsort(-singular)
    left, singular = left[:, order], singular[order]
    scale = np.where(singular > _SMALLEST_SINGULAR * singular[0], np.abs(singular) ** exponent, 0.0)
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(dimension)])
    return np.asarray(left * (signs * scale), dtype=np.float32)


def _distance_weights(window: int, weighting: str) -> NDArray[np.float64]:
    if window < 1:
        raise ValueError(f"window must be 1 or more, not {window}.")
    away = np.arange(1, window + 1)
    weights = {"flat": np.ones(window), "linear": (window - away + 1) / window, "harmonic": 1 / away}
    if weighting not in weights:
        raise ValueError(f'weighting must be "flat", "linear" or "harmonic", not {weighting!r}.')
    return weights[weighting]


def _join(
    documents: Sequence[NDArray[np.integer[Any]]], *, vocabulary_size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """All ids in a row, and for each how many words of its document follow it."""
    arrays = [array for array in map(np.asarray, documents) if array.size]
    if any(a.ndim != 1 or not np.issubdtype(a.dtype, np.integer) for a in arrays):
        raise ValueError("Each document must be a one-dimensional array of word ids; see Vocabulary.encode.")
    if not any((a >= 0).any() for a in arrays):
        raise ValueError("The documents hold no known words; check the text and the vocabulary.")
    ids = np.concatenate(arrays)
    if ids.min() < -1 or ids.max() >= vocabulary_size:
        raise ValueError(
            f"Word ids must be -1 to {vocabulary_size - 1}, but these run from {ids.min()} to {ids.max()}; "
            "encode the text with the vocabulary whose size you pass."
        )
    words_left = np.concatenate([np.arange(a.size - 1, -1, -1, dtype=np.int32) for a in arrays])
    return ids.astype(np.int32), words_left


def _require_dimension(dimension: int, *, limit: int) -> None:
    if not 1 <= dimension < limit:
        raise ValueError(
            f"dimension must be 1 or more and below {limit}, the number of words, not {dimension}; "
            "take a smaller dimension or a larger vocabulary."
        )
