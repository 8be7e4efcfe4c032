"""How far a map can be trusted: trustworthiness, continuity, false and missing neighbours, stability.

A map is a list of points that stand for longer vectors. It can lie in two ways: draw strangers side by
side (false neighbours, which trustworthiness counts) and tear neighbours apart (missing neighbours, which
continuity counts). Distances are Euclidean on both sides; for vectors of length 1 they rank as cosines do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.vectors import as_matrix

__all__ = [
    "NeighbourErrors",
    "continuity",
    "drawn_neighbours",
    "neighbour_errors",
    "neighbour_overlap",
    "same_group_share",
    "stability",
    "trustworthiness",
]

Floats = NDArray[np.floating[Any]]


def drawn_neighbours(points: Any, *, k: int) -> NDArray[np.int64]:
    """The k nearest other rows of each row, nearest first; equal distances by row number.

    Parameters
    ----------
    points : array of shape (N, D)
        Points of a map for drawn neighbours, the vectors themselves for true ones.
    k : int
        From 1 to N - 1.

    Returns
    -------
    int64 array of shape (N, k)

    Raises
    ------
    ValueError
        If there are fewer than two rows, k does not fit, or a number is NaN or infinite.
    """
    distances = _distances(points, name="the points")
    n = len(distances)
    if n < 2:
        raise ValueError("One point has no neighbours; give two or more.")
    if not 1 <= k <= n - 1:
        raise ValueError(f"k must be between 1 and {n - 1}, the number of other points, not {k}.")
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, :k]


def trustworthiness(vectors: Any, points: Any, *, k: int = 10) -> float:
    """Whether drawn neighbours are true ones: 1 if all are, less the farther away the false ones are.

    Parameters
    ----------
    vectors : array of shape (N, D)
        The truth.
    points : array of shape (N, 2)
        The map. The order of the two arguments matters: swapped, this is `continuity`.
    k : int
        Neighbours a point; below N / 2.

    Returns
    -------
    float
        From 0 to 1. A map drawn at random gets about 0.5.

    Raises
    ------
    ValueError
        If the two differ in length, k does not fit, or a number is NaN or infinite.

    References
    ----------
    Venna and Kaski (2001), Neighborhood Preservation in Nonlinear Projection Methods, equation 1.
    """
    distances = _distances(vectors, name="the vectors")
    drawn = drawn_neighbours(points, k=k)
    n = len(distances)
    if len(drawn) != n:
        raise ValueError(f"{n} vectors and {len(drawn)} points: a map has one point for each vector.")
    if 2 * k >= n:
        raise ValueError(f"k must be below half the number of points, {n / 2:g}, not {k}.")
    ranks = _ranks(distances)  # (N, N): 1 for the nearest other vector
    too_far = np.maximum(np.take_along_axis(ranks, drawn, axis=1) - k, 0)  # (N, k)
    return float(1 - too_far.sum() * 2 / (n * k * (2 * n - 3 * k - 1)))


def continuity(vectors: Any, points: Any, *, k: int = 10) -> float:
    """Whether true neighbours are drawn near each other: `trustworthiness` with the two spaces swapped.

    Parameters, result and errors are those of `trustworthiness`.
    """
    return trustworthiness(points, vectors, k=k)


@dataclass(frozen=True, eq=False)
class NeighbourErrors:
    """What a map does to each point's neighbourhood."""

    true: NDArray[np.int64]  # (N, k) nearest vectors, nearest first
    drawn: NDArray[np.int64]  # (N, k) nearest points on the map
    false: NDArray[np.int64]  # (N,) drawn neighbours that are no true ones
    missing: NDArray[np.int64]  # (N,) true neighbours that are not drawn
    false_far: NDArray[np.int64]  # (N,) drawn neighbours beyond the first 3 k true ones
    missing_far: NDArray[np.int64]  # (N,) true neighbours drawn beyond the first 3 k


def neighbour_errors(vectors: Any, points: Any, *, k: int) -> NeighbourErrors:
    """Compare the k true neighbours of each point with its k drawn ones.

    Parameters
    ----------
    vectors : array of shape (N, D)
    points : array of shape (N, 2)
    k : int
        From 1 to N - 1.

    Returns
    -------
    NeighbourErrors
        As both lists are k long, `false` and `missing` are equal in number, point by point; what differs
        is how far off they are. `false_far` and `missing_far` count those beyond the nearest 3 k.

    Raises
    ------
    ValueError
        As `drawn_neighbours`, and if the two differ in length.
    """
    true, drawn = drawn_neighbours(vectors, k=k), drawn_neighbours(points, k=k)
    if len(true) != len(drawn):
        raise ValueError(f"{len(true)} vectors and {len(drawn)} points: a map has one point for each vector.")
    true_rank, drawn_rank = (_ranks(_distances(X, name="the points")) for X in (vectors, points))
    rank_of_drawn = np.take_along_axis(true_rank, drawn, axis=1)  # (N, k)
    rank_of_true = np.take_along_axis(drawn_rank, true, axis=1)  # (N, k)
    return NeighbourErrors(
        true=true,
        drawn=drawn,
        false=(rank_of_drawn > k).sum(axis=1),
        missing=(rank_of_true > k).sum(axis=1),
        false_far=(rank_of_drawn > 3 * k).sum(axis=1),
        missing_far=(rank_of_true > 3 * k).sum(axis=1),
    )


def neighbour_overlap(first: Any, second: Any, *, k: int = 10) -> float:
    """Share of each point's k neighbours in one space that it also has in the other, mean over all points.

    Nothing has to be aligned: turned, mirrored and stretched maps have the same neighbours.

    Parameters
    ----------
    first, second : arrays of shape (N, ...)
        Two maps, or vectors and their map.

    Returns
    -------
    float
        From 0 to 1; two unrelated maps share k / (N - 1).
    """
    one, other = drawn_neighbours(first, k=k), drawn_neighbours(second, k=k)
    if len(one) != len(other):
        raise ValueError(f"Two maps of {len(one)} and {len(other)} points do not compare.")
    shared = (one[:, :, None] == other[:, None, :]).any(axis=2)  # (N, k)
    return float(shared.mean())


def stability(maps: Sequence[Any], *, k: int = 10) -> float:
    """Mean `neighbour_overlap` of all pairs of maps, such as one for each seed.

    Raises
    ------
    ValueError
        If there are fewer than two maps.
    """
    if len(maps) < 2:
        raise ValueError("Stability compares maps with each other; give two or more, one for each seed.")
    pairs = [(i, j) for i in range(len(maps)) for j in range(i)]
    return float(np.mean([neighbour_overlap(maps[i], maps[j], k=k) for i, j in pairs]))


def same_group_share(points: Any, *, groups: Any, k: int = 10) -> float:
    """Share of each point's k neighbours that belong to its own group, mean over all points.

    Parameters
    ----------
    points : array of shape (N, D)
    groups : sequence of N ints
        Points with a negative number belong to no group and are neither counted nor asked.

    Returns
    -------
    float
        From 0 to 1; with G groups of one size, chance gives about 1 / G.
    """
    numbers, matrix = np.asarray(groups), as_matrix(points, name="the points")
    if numbers.shape != (len(matrix),):
        raise ValueError(f"Give one group for each of the {len(matrix)} points, not {numbers.shape}.")
    grouped = numbers >= 0
    if not grouped.any():
        raise ValueError("No point belongs to a group; give numbers from 0 up.")
    near = drawn_neighbours(matrix[grouped], k=k)  # (M, k)
    return float((numbers[grouped][near] == numbers[grouped][:, None]).mean())


def _distances(X: Any, *, name: str) -> NDArray[np.float64]:
    """Squared distances of all pairs of rows, shape (N, N): the same order as distances."""
    matrix = as_matrix(X, name=name)
    wide = np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.float64)
    wide = wide - wide.mean(axis=0) if len(wide) else wide  # less to cancel in the difference below
    squares = (wide**2).sum(axis=1)
    found: NDArray[np.float64] = np.maximum(squares[:, None] + squares[None, :] - 2 * wide @ wide.T, 0.0)
    return found


def _ranks(distances: NDArray[np.float64]) -> NDArray[np.int64]:
    """ranks[i, j]: 1 if j is the nearest other row of i, 2 if the next; 0 on the diagonal."""
    own = distances.copy()
    np.fill_diagonal(own, -1.0)
    order = np.argsort(own, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(own))[None, :], axis=1)
    return ranks
