"""Do vectors rate word pairs as people do? Rank correlation with a bootstrap interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.vectors import as_matrix, cosine_pairs

Floats = NDArray[np.floating[Any]]


class RatedPair(Protocol):
    """Two words and how similar people find them; `WordPair` of the data sets is one."""

    @property
    def first(self) -> str: ...

    @property
    def second(self) -> str: ...

    @property
    def score(self) -> float: ...


@dataclass(frozen=True, eq=False)
class SimilarityResult:
    """How far a model's similarities agree with people's, over the pairs it knows both words of."""

    spearman: float  # rank correlation, -1 to 1
    low: float  # 95 % interval, lower end
    high: float  # and upper end
    covered: int  # pairs with both words known
    total: int  # all pairs
    human: Floats  # (covered,) ratings, in the order of `pairs`
    model: Floats  # (covered,) cosine similarities
    pairs: list[tuple[str, str]]  # the covered pairs

    def __str__(self) -> str:
        return (
            f"Spearman {self.spearman:.3f} (95 % interval {self.low:.3f} to {self.high:.3f}) "
            f"on {self.covered} of {self.total} pairs"
        )


def evaluate_similarity(
    vectors: Any,
    *,
    index: Mapping[str, int],
    pairs: Sequence[RatedPair],
    resamples: int = 1000,
    seed: int = 0,
) -> SimilarityResult:
    """Compare cosine similarities with people's ratings.

    Parameters
    ----------
    vectors : array or sparse matrix of shape (V, D)
    index : mapping from word to row
    pairs : sequence of objects with first, second, score
        Pairs with a word that is not in `index` are left out and reported by `covered`.
    resamples, seed : int
        See `bootstrap_interval`; the pairs are what is resampled.

    Returns
    -------
    SimilarityResult

    Raises
    ------
    ValueError
        If fewer than two pairs are covered, all their ratings or similarities are equal, a row of
        `index` is not in `vectors`, or a vector holds NaN or infinity.
    """
    covered = [pair for pair in pairs if pair.first in index and pair.second in index]
    if len(covered) < 2:
        raise ValueError(
            f"Of {len(pairs)} word pairs the vocabulary covers {len(covered)}, too few to compare; "
            "check that words are spelled alike (lower case) or lower min_count."
        )
    matrix = as_matrix(vectors)
    rows = np.array([[index[pair.first], index[pair.second]] for pair in covered])  # (N, 2)
    if rows.min() < 0 or rows.max() >= matrix.shape[0]:
        raise ValueError(f"index names row {rows.max()}, but there are only {matrix.shape[0]} vectors.")
    human = np.array([pair.score for pair in covered], dtype=np.float64)
    model = cosine_pairs(matrix[rows[:, 0]], matrix[rows[:, 1]])  # (N,)
    correlation = spearman(human, model)
    if np.isnan(correlation):
        raise ValueError("All covered pairs have one rating or one similarity; there is no order to compare.")
    low, high = bootstrap_interval(spearman, human, model, resamples=resamples, seed=seed)
    return SimilarityResult(
        spearman=correlation,
        low=low,
        high=high,
        covered=len(covered),
        total=len(pairs),
        human=human,
        model=model,
        pairs=[(pair.first, pair.second) for pair in covered],
    )


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman's rank correlation: Pearson's correlation of the ranks; equal values share their mean rank.

    Returns NaN if all values of `x` or of `y` are equal, since there is no order to compare.

    Raises
    ------
    ValueError
        If `x` and `y` are not two lists of one length, at least 2, or hold NaN.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or first.size < 2:
        raise ValueError(
            f"spearman needs two lists of one length, 2 or more, not shapes {first.shape} and {second.shape}."
        )
    if np.isnan(first).any() or np.isnan(second).any():
        raise ValueError("spearman cannot rank NaN; leave out the entries without a value.")
    a, b = _ranks(first), _ranks(second)
    a, b = a - a.mean(), b - b.mean()
    length = np.sqrt((a @ a) * (b @ b))
    return float(np.clip(a @ b / length, -1.0, 1.0)) if length > 0 else float("nan")


def bootstrap_interval(
    statistic: Callable[..., float],
    *arrays: ArrayLike,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap: how much a statistic would vary with other examples of the same kind.

    Examples are drawn with replacement, as many as there are, and the statistic is computed anew;
    the interval holds the middle `level` of these values.

    Parameters
    ----------
    statistic : callable
        Takes as many arrays as are passed and returns a number.
    *arrays : arrays of shape (N, ...)
        Example i is entry i of each array; the arrays are resampled together.
    resamples : int
        How often.
    seed : int
        The same seed gives the same interval.
    level : float
        Between 0 and 1.

    Returns
    -------
    low, high : float
        Resamples in which the statistic is NaN (all values drawn are equal) are left out.

    Raises
    ------
    ValueError
        If there is no array or no example, lengths differ, `resamples` is below 1, `level` is not
        between 0 and 1, or the statistic is NaN in every resample.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    data = [np.asarray(array) for array in arrays]
    if not data or any(a.ndim == 0 or len(a) != len(data[0]) for a in data) or not len(data[0]):
        raise ValueError("bootstrap_interval needs arrays of one length with at least one example.")
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, not {resamples}.")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95, not {level}.")
    generator = np.random.default_rng(seed)
    values = np.empty(resamples)
    for i in range(resamples):
        drawn = generator.integers(len(data[0]), size=len(data[0]))
        values[i] = statistic(*(a[drawn] for a in data))
    values = values[~np.isnan(values)]
    if not values.size:
        raise ValueError("The statistic is undefined in every resample; pass more examples.")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1 to N; equal values get the mean of the ranks they take up."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(sizes) - (sizes - 1) / 2
    return np.asarray(mean_rank[group])
