"""Do two groups of words differ in what their vectors lie near? WEAT: effect size and permutation test.

==========================================================  ======================================
paper (Caliskan, Bryson and Narayanan 2017, supplement)     here
==========================================================  ======================================
s(w, A, B) = mean of cos(w, a) - mean of cos(w, b)          `association_scores`
effect size: (mean s(x) - mean s(y)) / std of s(w)          `effect_size`
p: share of equal partitions of X and Y with a larger s     `weat`, over effect sizes, ties counted
==========================================================  ======================================

Differences, and why: partitions that do *as well* as the observed one count, too, and it is one of them, so
p is never 0 (Phipson and Smyth 2010). The standard deviation is the sample's, as in May et al. (2019); the
population's would make every effect larger by the same factor. Where the partitions are too many to list
they are drawn.

References
----------
Caliskan, Bryson and Narayanan (2017), Semantics derived automatically from language corpora contain
human-like biases.
May, Wang, Bordia, Bowman and Rudinger (2019), On Measuring Social Biases in Sentence Encoders.
Phipson and Smyth (2010), Permutation P-values Should Never Be Zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.vectors import cosine_matrix

Floats = NDArray[np.float64]
CHUNK = 65_536  # partitions held at a time


@dataclass(frozen=True, eq=False)
class AssociationResult:
    """How much nearer to A than to B the words of X lie, compared with those of Y."""

    effect_size: float  # in standard deviations of the words' scores; 0: no difference
    p_value: float  # one-sided: partitions with at least this effect, as a share
    exact: bool  # True: all partitions were listed; False: some were drawn
    effect_sizes: Floats  # (P,) effect size of each partition, the observed one among them
    first_scores: Floats  # (X,) s(x, A, B)
    second_scores: Floats  # (Y,) s(y, A, B)

    def __str__(self) -> str:
        how = "all" if self.exact else "drawn"
        digits = f"{self.p_value:.2g}" if self.p_value < 0.01 else f"{self.p_value:.2f}"
        return f"effect {self.effect_size:+.2f}, p = {digits} ({len(self.effect_sizes):,} partitions, {how})"


def weat(
    first: Any,
    second: Any,
    *,
    attributes: tuple[Any, Any],
    limit: int = 200_000,
    samples: int = 20_000,
    seed: int = 0,
) -> AssociationResult:
    """Word Embedding Association Test of two groups of target words with two groups of attribute words.

    Parameters
    ----------
    first, second : arrays of shape (X, D) and (Y, D)
        Vectors of the target words, two or more words in all.
    attributes : pair of arrays of shape (A, D) and (B, D)
        Vectors of the attribute words.
    limit : int
        Up to so many partitions of the X + Y words into X and Y are listed, all of them.
    samples : int
        Beyond that so many are drawn at random, and the observed one is added.
    seed : int
        For the drawing.

    Returns
    -------
    AssociationResult

    Raises
    ------
    ValueError
        If a group is empty, widths differ, a vector is not finite, all words have one score, or `samples` is
        below 1.
    """
    one = association_scores(first, attributes=attributes)
    other = association_scores(second, attributes=attributes)
    return permutation_test(one, other, limit=limit, samples=samples, seed=seed)


def association_scores(words: Any, *, attributes: tuple[Any, Any]) -> Floats:
    """s(w, A, B) of N words: mean cosine with the words of A less mean cosine with those of B, shape (N,)."""
    for name, group in zip(("the words", "attribute A", "attribute B"), (words, *attributes), strict=True):
        if not len(group):
            raise ValueError(f"{name}: no vectors; check which words of the list the vocabulary covers.")
    towards, away = (cosine_matrix(words, group).mean(axis=1) for group in attributes)
    return np.asarray(towards - away, dtype=np.float64)


def effect_size(first: ArrayLike, second: ArrayLike) -> float:
    """Difference of two means in standard deviations (N - 1 below the line) of all scores together.

    Parameters
    ----------
    first, second : arrays of shape (X,) and (Y,)
        Association scores.

    Raises
    ------
    ValueError
        If a group is empty or all scores are equal.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or other.ndim != 1 or not one.size or not other.size:
        raise ValueError("effect_size compares two lists of scores with at least one score each.")
    spread = np.std(np.concatenate([one, other]), ddof=1)
    if not spread > 0:
        raise ValueError("All words have the same score, so there is no spread to measure an effect in.")
    return float((one.mean() - other.mean()) / spread)


def permutation_test(
    first: ArrayLike, second: ArrayLike, *, limit: int = 200_000, samples: int = 20_000, seed: int = 0
) -> AssociationResult:
    """Effect size of two groups of scores, and how often other partitions of them have as large a one.

    Parameters
    ----------
    first, second : arrays of shape (X,) and (Y,)
    limit, samples, seed : int
        See `weat`.

    Returns
    -------
    AssociationResult
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    observed = effect_size(one, other)
    if samples < 1:
        raise ValueError(f"samples must be 1 or more, not {samples}.")
    scores = np.concatenate([one, other])
    exact = comb(len(scores), len(one)) <= limit
    means = (
        _all_means(scores, k=len(one)) if exact else _drawn_means(scores, k=len(one), n=samples, seed=seed)
    )
    # The two means of a partition share one total, so the first says the second; the spread is everybody's.
    rest = (scores.sum() - len(one) * means) / len(other)
    effects = (means - rest) / np.std(scores, ddof=1)
    if not exact:
        effects = np.append(effects, observed)
    p_value = float(np.mean(effects >= observed - 1e-9))
    return AssociationResult(
        effect_size=observed,
        p_value=p_value,
        exact=exact,
        effect_sizes=effects,
        first_scores=one,
        second_scores=other,
    )


def _all_means(scores: Floats, *, k: int) -> Floats:
    """Mean of each of the C(N, k) ways to take k of N scores."""
    parts, chunk = [], []
    for chosen in combinations(range(len(scores)), k):
        chunk.append(chosen)
        if len(chunk) == CHUNK:
            parts.append(scores[np.array(chunk)].mean(axis=1))
            chunk = []
    if chunk:
        parts.append(scores[np.array(chunk)].mean(axis=1))
    return np.concatenate(parts)


def _drawn_means(scores: Floats, *, k: int, n: int, seed: int) -> Floats:
    """Mean of k of the scores, drawn without replacement, n times."""
    generator = np.random.default_rng(seed)
    shuffled = generator.permuted(np.tile(scores, (n, 1)), axis=1)  # (n, N)
    return np.asarray(shuffled[:, :k].mean(axis=1))
