"""How good is a search? Recall, reciprocal rank and nDCG of rankings, with intervals.

A ranking is a row of document numbers, best first; -1 fills a row that found fewer. What is relevant to a
query is one document, several, or several with grades. Every metric gives one value a query, so that
intervals and paired comparisons can be made of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Relevant = int | np.integer[Any] | Collection[int] | Mapping[int, float]


@dataclass(frozen=True)
class Estimate:
    """A mean over queries and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def recall_at(rankings: ArrayLike, relevant: Sequence[Relevant] | NDArray[Any], *, k: int) -> Floats:
    """Share of each query's relevant documents that stand among the first k.

    Parameters
    ----------
    rankings : int array of shape (Q, K)
        Document numbers, best first; -1 where nothing was found.
    relevant : sequence of Q
        For each query a document number, a collection of them, or a mapping of document number to grade
        (above 0 counts as relevant).
    k : int
        At most K.

    Returns
    -------
    float array of shape (Q,)

    Raises
    ------
    ValueError
        If lengths differ, k is not from 1 to K, a row ranks a document twice, or a query has no relevant
        document.
    """
    rows, grades = _checked(rankings, relevant, k=k)
    return np.array(
        [
            sum(document in wanted for document in row) / len(wanted)
            for row, wanted in zip(rows, grades, strict=True)
        ]
    )


def reciprocal_rank_at(
    rankings: ArrayLike, relevant: Sequence[Relevant] | NDArray[Any], *, k: int = 10
) -> Floats:
    """1 / rank of the first relevant document; 0 if none is among the first k.

    The mean over queries is MRR@k. Parameters and errors are those of `recall_at`.

    Returns
    -------
    float array of shape (Q,)
    """
    rows, grades = _checked(rankings, relevant, k=k)
    result = np.zeros(len(rows))
    for query, (row, wanted) in enumerate(zip(rows, grades, strict=True)):
        for rank, document in enumerate(row, start=1):
            if document in wanted:
                result[query] = 1 / rank
                break
    return result


def mean_reciprocal_rank(
    rankings: ArrayLike, relevant: Sequence[Relevant] | NDArray[Any], *, k: int = 10
) -> float:
    """MRR@k: the mean of `reciprocal_rank_at`."""
    return float(reciprocal_rank_at(rankings, relevant, k=k).mean())


def ndcg_at(rankings: ArrayLike, relevant: Sequence[Relevant] | NDArray[Any], *, k: int = 10) -> Floats:
    """Discounted gain of the first k documents, divided by that of the best possible ranking.

    A document of grade g at rank r gains g / log2(r + 1). Parameters and errors are those of `recall_at`;
    documents without a grade have grade 1.

    Returns
    -------
    float array of shape (Q,)
        From 0 to 1.

    References
    ----------
    Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques; with the grade itself
    as gain, as in scikit-learn's `ndcg_score`.
    """
    rows, grades = _checked(rankings, relevant, k=k)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    result = np.zeros(len(rows))
    for query, (row, wanted) in enumerate(zip(rows, grades, strict=True)):
        gains = np.array([wanted.get(document, 0.0) for document in row])
        best = np.sort(list(wanted.values()))[::-1][:k]
        result[query] = gains @ discounts / (best @ discounts[: len(best)])
    return result


def mean_with_interval(
    values: ArrayLike, *, groups: Sequence[Any] | None = None, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """Mean over queries with a bootstrap interval; of a difference of two systems, a paired comparison.

    Parameters
    ----------
    values : array of shape (Q,)
        One value a query, or first[q] - second[q] to compare two systems on the same queries.
    groups : sequence of Q labels, optional
        Resample whole groups, such as the functions of one module, instead of single queries: what lies in
        one group tends to be easy or hard together, and a bootstrap of single queries would be too sure.
    resamples, seed : int

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If there is no value, one is NaN, or groups and values differ in number.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 8 and 13.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size or np.isnan(array).any():
        raise ValueError("mean_with_interval needs one number a query, at least one, and none of them NaN.")
    labels = np.arange(len(array)) if groups is None else np.unique(list(groups), return_inverse=True)[1]
    if len(labels) != len(array):
        raise ValueError(f"{len(array)} values need as many group labels, not {len(labels)}.")
    sums, sizes = np.bincount(labels, weights=array), np.bincount(labels)
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for i in range(resamples):
        drawn = generator.integers(len(sums), size=len(sums))
        means[i] = sums[drawn].sum() / sizes[drawn].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(array.mean()), float(low), float(high))


def _checked(
    rankings: ArrayLike, relevant: Sequence[Relevant] | NDArray[Any], *, k: int
) -> tuple[list[list[int]], list[dict[int, float]]]:
    """The first k of each ranking, and the grades of what is relevant, as plain lists."""
    array = np.asarray(rankings)
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"Rankings are whole numbers of shape (queries, ranks), not {array.dtype} of {array.shape}."
        )
    if not 1 <= k <= array.shape[1]:
        raise ValueError(
            f"k is {k}, but each ranking holds {array.shape[1]} documents; ask the search for more."
        )
    if len(array) != len(relevant) or not len(array):
        raise ValueError(f"{len(array)} rankings need as many entries in relevant, not {len(relevant)}.")
    rows = array[:, :k].tolist()
    for row in rows:
        found = [document for document in row if document >= 0]
        if len(set(found)) < len(found):
            raise ValueError(
                f"A ranking holds a document twice ({found}); every metric would count it twice."
            )
    return rows, [_grades(entry) for entry in relevant]


def _grades(entry: Relevant) -> dict[int, float]:
    if isinstance(entry, Mapping):
        grades = {int(document): float(grade) for document, grade in entry.items() if grade > 0}
    elif isinstance(entry, Collection):
        grades = {int(document): 1.0 for document in entry}
    else:
        grades = {int(entry): 1.0}
    if not grades or min(grades) < 0:
        raise ValueError(
            "Every query needs at least one relevant document, numbered from 0; leave out others."
        )
    return grades
