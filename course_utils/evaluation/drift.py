"""Has the stream of texts changed? A two-sample test on vectors: MMD with a permutation p-value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DriftResult:
    """Whether two samples of vectors look as if drawn from one source."""

    statistic: float  # squared maximum mean discrepancy; 0: the same
    p_value: float  # share of random divisions with at least this statistic, the observed one counted
    statistics: Floats  # (P,) statistic of each division, the observed one last


def two_sample_test(
    before: ArrayLike, after: ArrayLike, *, permutations: int = 199, seed: int = 0
) -> DriftResult:
    """Maximum mean discrepancy of two samples, tested by dealing all vectors out anew.

    With a kernel k, the statistic is the mean of k within the first sample plus that within the second, less
    twice that across: 0 if both have the same mean in the kernel's space. The kernel is Gaussian; its width
    is the median distance between two vectors of either sample.

    Parameters
    ----------
    before, after : arrays of shape (N, D) and (M, D)
        Two or more vectors each.
    permutations : int
        Random divisions; the smallest p-value possible is ``1 / (permutations + 1)``.
    seed : int

    Returns
    -------
    DriftResult

    Raises
    ------
    ValueError
        If widths differ, a sample has fewer than two vectors, or there is no permutation.

    References
    ----------
    Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012), A Kernel Two-Sample Test.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"Samples must be tables of one width, not of shapes {first.shape}, {second.shape}.")
    if min(len(first), len(second)) < 2 or permutations < 1:
        raise ValueError("The test needs two vectors or more in each sample and one permutation or more.")
    kernel = gaussian_kernel(np.vstack([first, second]))
    generator = np.random.default_rng(seed)
    signs = np.concatenate([np.full(len(first), 1 / len(first)), np.full(len(second), -1 / len(second))])
    shuffled = generator.permuted(np.tile(signs, (permutations, 1)), axis=1)
    weights = np.vstack([shuffled, signs])  # (P + 1, N + M)
    statistics = np.einsum("pi,pi->p", weights @ kernel, weights)  # biased MMD²: never below 0
    p_value = float(np.mean(statistics >= statistics[-1] - 1e-12))
    return DriftResult(statistic=float(statistics[-1]), p_value=p_value, statistics=statistics)


def gaussian_kernel(vectors: ArrayLike) -> Floats:
    """exp(-d² / (2 w²)) of all pairs of N vectors, w the median distance: shape (N, N)."""
    matrix = np.asarray(vectors, dtype=np.float64)
    squares = (matrix**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares[None] - 2 * matrix @ matrix.T, 0.0)
    median = float(np.median(distances[np.triu_indices(len(matrix), k=1)]))
    return np.asarray(np.exp(-distances / (2 * median))) if median > 0 else np.asarray(distances == 0, float)
