"""Recommending from baskets: which item is missing, given those that are there?

A basket is a set of items, such as the modules that a file imports. All methods here learn one matrix of
weights from counts, and score an item by the sum of its weights to what is in the basket.

| paper | here |
|---|---|
| Sarwar and others (2001), cosine of items, section 3.1.1 | `item_weights(method="cosine")` |
| the same, weighted sum, section 3.2.1 | `score_baskets` |
| Karypis (2001), conditional probability | `item_weights(method="conditional")` |
| Steck (2019), equation 8, a linear autoencoder in closed form | `item_weights(method="linear")` |

Differences: baskets hold 0 or 1 and no ratings; cosine and conditional probability are damped by `damping`
baskets more, so that two items seen together once are not perfect neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
METHODS = ("cosine", "conditional", "pmi", "linear")


def basket_matrix(baskets: Sequence[Iterable[str]], *, index: Mapping[str, int]) -> Floats:
    """Baskets as rows of 0 and 1.

    Parameters
    ----------
    baskets : sequence of F collections of items
    index : mapping of item to column, M of them

    Returns
    -------
    float array of shape (F, M)

    Raises
    ------
    ValueError
        If a basket holds an item that is not in the index.
    """
    matrix = np.zeros((len(baskets), len(index)))
    for row, basket in enumerate(baskets):
        for item in basket:
            if item not in index:
                raise ValueError(f"{item!r} is not in the index; add it, or leave it out of the basket.")
            matrix[row, index[item]] = 1
    return matrix


def count_pairs(matrix: ArrayLike) -> Floats:
    """How many baskets hold both items, for each pair; on the diagonal, how many hold the item.

    Counts of two sets of baskets add up, so those of some baskets can be taken off again.

    Parameters
    ----------
    matrix : array of shape (F, M)
        From `basket_matrix`.

    Returns
    -------
    float array of shape (M, M)
    """
    baskets = np.asarray(matrix, dtype=np.float64)
    return np.asarray(baskets.T @ baskets)


def item_weights(
    together: ArrayLike, *, baskets: int, method: str = "cosine", damping: float = 5.0
) -> Floats:
    """Weights between items, from how often they share a basket.

    Parameters
    ----------
    together : array of shape (M, M)
        From `count_pairs`.
    baskets : int
        F, how many were counted.
    method : {"cosine", "conditional", "pmi", "linear"}
        With n_i baskets that hold i, and n_ij that hold both: n_ij / (√(n_i n_j) + damping);
        n_ij / (n_i + damping); the positive part of log(n_ij F / (n_i n_j)); or least squares, to predict
        each item from the others, with a penalty of `damping` on the squared weights.
    damping : float
        Not used by "pmi".

    Returns
    -------
    float array of shape (M, M)
        Entry (i, j): how much the presence of i speaks for j. The diagonal is 0.

    Raises
    ------
    ValueError
        If the method is unknown, or damping is not above 0.
    """
    if method not in METHODS:
        raise ValueError(f"method is one of {', '.join(METHODS)}, not {method!r}.")
    if damping <= 0:
        raise ValueError(f"damping must be above 0, so that rare items divide by no zero; it is {damping}.")
    pairs = np.asarray(together, dtype=np.float64)
    counts = np.diag(pairs).copy()
    if method == "linear":
        inverse = np.linalg.inv(pairs + damping * np.eye(len(counts)))
        weights = -inverse / np.diag(inverse)
    elif method == "cosine":
        weights = pairs / (np.sqrt(np.outer(counts, counts)) + damping)
    elif method == "conditional":
        weights = pairs / (counts[:, None] + damping)
    else:
        expected = np.maximum(np.outer(counts, counts) / baskets, 1e-12)
        weights = np.log(np.maximum(pairs / expected, 1.0))
    np.fill_diagonal(weights, 0)
    return np.asarray(weights)


def score_baskets(matrix: ArrayLike, weights: ArrayLike) -> Floats:
    """Score of every item for every basket: the sum of weights from what is in it, shape (F, M)."""
    return np.asarray(matrix, dtype=np.float64) @ np.asarray(weights, dtype=np.float64)


def leave_one_out(
    matrix: ArrayLike, weights: ArrayLike, *, k: int = 10, popularity: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Hide each item of each basket in turn and rank all items that are not left in it.

    Parameters
    ----------
    matrix : array of shape (F, M)
        Baskets with at least two items are asked; the others are passed over.
    weights : array of shape (M, M)
        From `item_weights`, of *other* baskets than these.
    k : int
        How many items to rank.
    popularity : array of shape (M,), optional
        Added to every score; with weights of zero, the ranking by popularity.

    Returns
    -------
    rankings : int array of shape (Q, k)
        Item numbers, best first; equal scores by item number.
    hidden : int array of shape (Q,)
        The item that was hidden.
    baskets : int array of shape (Q,)
        Row of the basket.
    """
    rows: Any = np.asarray(matrix, dtype=np.float64)
    table = np.asarray(weights, dtype=np.float64)
    base = np.zeros(rows.shape[1]) if popularity is None else np.asarray(popularity, dtype=np.float64)
    baskets, hidden = np.nonzero(rows * (rows.sum(axis=1, keepdims=True) >= 2))
    scores = score_baskets(rows, table)[baskets] - table[hidden] + base  # (Q, M)
    left = rows[baskets].astype(bool)
    left[np.arange(len(hidden)), hidden] = False
    scores[left] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return order, hidden, baskets
