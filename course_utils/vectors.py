"""Comparing vectors: cosine similarity and nearest neighbours.

A vector of zeros has no direction; its cosine with any vector is 0 here, by definition. Matrices may
be numpy arrays or scipy sparse matrices, whose rows are the vectors.
"""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Metric = Literal["cosine", "dot", "euclidean"]
Floats = NDArray[np.floating[Any]]


def cosine(a: ArrayLike, b: ArrayLike) -> float:
    """Cosine of the angle between two vectors of shape (D,): from -1 to 1, and 0 for a zero vector.

    Raises
    ------
    ValueError
        If the vectors differ in length, are empty, or hold NaN or infinity.
    """
    first = _as_floats(a, name="the first vector")
    second = _as_floats(b, name="the second vector")
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        raise ValueError(
            f"cosine compares two vectors of one length, not shapes {first.shape} and {second.shape}."
        )
    return float(cosine_pairs(first[None, :], second[None, :])[0])


def cosine_pairs(X: Any, Y: Any) -> Floats:
    """Cosine of row i of X with row i of Y, for each i.

    Parameters
    ----------
    X, Y : array or sparse matrix of shape (N, D)

    Returns
    -------
    array of shape (N,)
    """
    first, second = normalize_rows(X), normalize_rows(Y)
    if first.shape != second.shape:
        raise ValueError(f"Row pairs need two matrices of one shape, not {first.shape} and {second.shape}.")
    if _is_sparse(first) or _is_sparse(second):
        products = first.multiply(second) if _is_sparse(first) else second.multiply(first)
        similarities = np.asarray(products.sum(axis=1)).ravel()
    else:
        similarities = np.einsum("nd,nd->n", first, second)
    return np.clip(similarities, -1.0, 1.0)


def cosine_matrix(X: Any, Y: Any = None) -> Floats:
    """Cosine of every row of X with every row of Y.

    Parameters
    ----------
    X : array or sparse matrix of shape (N, D)
    Y : array or sparse matrix of shape (M, D), optional
        X itself by default.

    Returns
    -------
    array of shape (N, M)
    """
    first = normalize_rows(X)
    second = first if Y is None else normalize_rows(Y)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"The vectors have {first.shape[1]} and {second.shape[1]} numbers; only equal lengths compare."
        )
    return np.clip(_dense(first @ second.T), -1.0, 1.0)


def normalize_rows(X: Any, *, copy: bool = True) -> Any:
    """Scale each row to length 1; rows of zeros stay zeros.

    Parameters
    ----------
    X : array or sparse matrix of shape (N, D)
    copy : bool
        False overwrites a numpy array of floats in place. Sparse matrices are always copied.

    Returns
    -------
    array or CSR matrix of shape (N, D)

    Raises
    ------
    ValueError
        If X has not two dimensions, or holds NaN or infinity.
    """
    matrix = as_matrix(X, name="the vectors")
    if _is_sparse(matrix):
        lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel())
        scaled = matrix.copy()
        # In a CSR matrix, row i owns the values indptr[i] to indptr[i + 1].
        scaled.data = scaled.data / np.repeat(np.where(lengths > 0, lengths, 1.0), np.diff(scaled.indptr))
        return scaled
    result = np.array(matrix) if copy else matrix
    # Dividing by the largest entry first keeps the squares of very large and very small numbers finite.
    largest = np.abs(result).max(axis=1, initial=0.0, keepdims=True)
    result /= np.where(largest > 0, largest, 1.0)
    lengths = np.linalg.norm(result, axis=1, keepdims=True)
    result /= np.where(lengths > 0, lengths, 1.0)
    return result


def nearest_neighbours(
    vectors: Any, query: Any, *, k: int, metric: Metric = "cosine", exclude: Iterable[int] = ()
) -> tuple[NDArray[np.int64], Floats]:
    """The k rows of `vectors` closest to a query, best first; equal scores by row number.

    Parameters
    ----------
    vectors : array or sparse matrix of shape (N, D)
    query : array of shape (D,) or (Q, D), or sparse matrix
        One vector (a sparse matrix of one row counts as one), or Q of them.
    k : int
    metric : {"cosine", "dot", "euclidean"}
        The score: cosine and inner product, largest first, or distance, smallest first.
    exclude : iterable of int
        Rows that must not be returned, such as the query's own.

    Returns
    -------
    indices : int64 array of shape (k,) or (Q, k)
    scores : array of shape (k,) or (Q, k)

    Raises
    ------
    ValueError
        If shapes don't fit, k is below 1 or above the number of rows left, `metric` is unknown,
        or a number is NaN or infinite.

    Examples
    --------
    >>> indices, _ = nearest_neighbours(np.array([[0, 1], [1, 0], [1, 1]]), np.array([2, 1]), k=2)
    >>> indices.tolist()
    [2, 1]
    """
    matrix = as_matrix(vectors, name="the vectors")
    queries, single = _as_queries(query, width=matrix.shape[1])
    banned = _as_rows(exclude, n=matrix.shape[0])
    left = matrix.shape[0] - len(banned)
    if not 1 <= k <= left:
        raise ValueError(f"k must be between 1 and {left}, the number of vectors to choose from, not {k}.")
    scores = _scores(matrix, queries, metric=metric)  # (Q, N)
    ascending = scores.copy() if metric == "euclidean" else -scores
    ascending[:, banned] = np.inf
    indices = np.empty((len(ascending), k), dtype=np.int64)
    for row, values in enumerate(ascending):
        indices[row] = _smallest(values, k=k)
    best = np.take_along_axis(scores, indices, axis=1)  # (Q, k)
    return (indices[0], best[0]) if single else (indices, best)


def as_matrix(X: Any, *, name: str = "the vectors") -> Any:
    """Check that X is a matrix of finite numbers.

    Parameters
    ----------
    X : array, nested list or sparse matrix of shape (N, D)
    name : str
        What the error message calls it.

    Returns
    -------
    float array or float CSR matrix of shape (N, D)
        X itself where nothing had to be converted.

    Raises
    ------
    ValueError
        If X has not two dimensions, or some row holds NaN or infinity.
    """
    matrix: Any = X if _is_sparse(X) else np.asarray(X)
    if matrix.ndim != 2:
        raise ValueError(f"Expected a matrix with one vector in each row, got shape {matrix.shape}.")
    if not _is_sparse(matrix):
        return _as_floats(matrix, name=name)
    matrix = matrix.tocsr()
    if matrix.dtype not in (np.float32, np.float64):
        matrix = matrix.astype(np.float64)
    _require_finite(matrix, name=name)
    return matrix


def _scores(matrix: Any, queries: Floats, *, metric: str) -> Floats:
    """Scores of N vectors for Q queries, shape (Q, N)."""
    if metric == "cosine":
        return np.clip(_dense(normalize_rows(matrix) @ normalize_rows(queries).T).T, -1.0, 1.0)
    if metric == "dot":
        return np.asarray(_dense(matrix @ queries.T).T)
    if metric != "euclidean":
        raise ValueError(f'metric must be "cosine", "dot" or "euclidean", not {metric!r}.')
    if not _is_sparse(matrix):
        return np.stack([np.linalg.norm(matrix - one, axis=1) for one in queries])
    # |v - q|² = |v|² - 2 v·q + |q|² keeps a sparse matrix sparse.
    squares = np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel()  # (N,)
    wide = queries.astype(np.float64)
    distances = squares - 2 * np.asarray(matrix @ wide.T).T + (wide**2).sum(axis=1)[:, None]
    return np.sqrt(np.maximum(distances, 0.0))


def _smallest(values: Floats, *, k: int) -> NDArray[np.int64]:
    """Places of the k smallest values, equal ones by place; only those that can be among them are sorted."""
    limit = np.partition(values, k - 1)[k - 1]
    places = np.flatnonzero(values <= limit)
    return places[np.argsort(values[places], kind="stable")[:k]]


def _as_queries(query: Any, *, width: int) -> tuple[Floats, bool]:
    """The query as a dense (Q, D) array, and whether it was one vector."""
    single = (query.ndim == 1 or query.shape[0] == 1) if _is_sparse(query) else np.ndim(query) == 1
    dense = _as_floats(_dense(query), name="the query")
    if dense.ndim not in (1, 2) or dense.shape[-1] != width:
        raise ValueError(f"The query has shape {dense.shape}, but the vectors have {width} numbers each.")
    return np.atleast_2d(dense), single


def _as_rows(rows: Iterable[int], *, n: int) -> NDArray[np.int64]:
    numbers = np.unique(np.array(list(rows), dtype=np.int64))
    if numbers.size and (numbers[0] < 0 or numbers[-1] >= n):
        raise ValueError(f"exclude names rows from 0 to {n - 1}; it holds {numbers[0]} to {numbers[-1]}.")
    return numbers


def _as_floats(values: ArrayLike, *, name: str) -> Floats:
    array = np.asarray(values)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    _require_finite(array, name=name)
    return array


def _require_finite(X: Any, *, name: str) -> None:
    values = X.data if _is_sparse(X) else X
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()) or np.isfinite(values).all():  # the sum of a NaN or infinity is one
            return
    if _is_sparse(X):
        position = int(np.flatnonzero(~np.isfinite(values))[0])
        row = int(np.searchsorted(X.indptr, position, side="right")) - 1
    else:
        row = int(np.flatnonzero(~np.isfinite(np.atleast_2d(X)).all(axis=1))[0])
    raise ValueError(
        f"Row {row} of {name} holds NaN or infinity; look where it was made for a division by zero."
    )


def _dense(X: Any) -> Any:
    return X.toarray() if _is_sparse(X) else X


def _is_sparse(X: Any) -> bool:
    # Asking for the method spares this module the import of scipy.
    return hasattr(X, "tocsr")
