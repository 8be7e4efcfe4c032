"""Name clusters of texts by their words, and hold clusters against classes that were known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def name_clusters(
    documents: Sequence[Sequence[str]],
    clusters: ArrayLike,
    *,
    top: int = 4,
    stop: frozenset[str] = frozenset(),
) -> list[list[str]]:
    """The words that set each cluster apart: class-based TF-IDF.

    All texts of a cluster count as one document. Word t of cluster c weighs ``tf(t, c) · log(1 + A / f(t))``,
    with tf its share of the cluster's words, f(t) its count in all clusters and A the mean number of words a
    cluster.

    Parameters
    ----------
    documents : sequence of N sequences of str
        Words of each text.
    clusters : int array of shape (N,)
        Cluster of each text, 0 to K - 1.
    top : int
        Words a cluster.
    stop : frozenset of str
        Words that are no names.

    Returns
    -------
    list of K lists of str
        Best first, equal weights by alphabet; a cluster without words has none.

    Raises
    ------
    ValueError
        If there are not as many clusters as documents, or none.

    References
    ----------
    Grootendorst (2022), BERTopic: Neural topic modeling with a class-based TF-IDF procedure.
    """
    numbers = _as_labels(clusters)
    if len(documents) != len(numbers):
        raise ValueError(f"{len(documents)} documents need as many clusters, not {len(numbers)}.")
    counts: list[Counter[str]] = [Counter() for _ in range(int(numbers.max()) + 1)]
    for words, number in zip(documents, numbers, strict=True):
        counts[number].update(word for word in words if word not in stop)
    total = sum(counts, Counter())
    mean_words = total.total() / len(counts)
    names = []
    for count in counts:
        size = max(count.total(), 1)
        weights = {t: n / size * np.log1p(mean_words / total[t]) for t, n in count.items()}
        names.append(sorted(weights, key=lambda word: (-weights[word], word))[:top])
    return names


def contingency(first: ArrayLike, second: ArrayLike) -> Ints:
    """How many items lie in class i of the first and class j of the second sorting, shape (I, J)."""
    one, other = _as_labels(first), _as_labels(second)
    if one.shape != other.shape:
        raise ValueError(f"Two sortings of the same items are needed, not of {len(one)} and {len(other)}.")
    table = np.zeros((int(one.max()) + 1, int(other.max()) + 1), dtype=np.int64)
    np.add.at(table, (one, other), 1)
    return table


def purity(clusters: ArrayLike, classes: ArrayLike) -> float:
    """Share of items that belong to the commonest class of their cluster.

    Many small clusters are pure for free (one item each: 1), so compare equal numbers of clusters only.
    """
    table = contingency(clusters, classes)
    return float(table.max(axis=1).sum() / table.sum())


def normalized_mutual_information(clusters: ArrayLike, classes: ArrayLike) -> float:
    """Mutual information of two sortings, divided by the mean of their entropies: 0 unrelated, 1 the same.

    Random clusters get a little more than 0, and the more clusters the more; so measure a random control.

    References
    ----------
    Strehl and Ghosh (2002), Cluster Ensembles; the mean in the divisor is arithmetic, as in scikit-learn.
    """
    joint = contingency(clusters, classes) / len(_as_labels(clusters))
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    mean_entropy = (_entropy(rows) + _entropy(columns)) / 2
    if mean_entropy == 0:
        return 1.0  # both put everything into one class
    information = _entropy(rows) + _entropy(columns) - _entropy(joint.ravel())
    return float(max(0.0, information / mean_entropy))


def _entropy(shares: Floats) -> float:
    """Entropy of shares that sum to 1, in nats."""
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum())


def _as_labels(labels: ArrayLike) -> Ints:
    numbers = np.asarray(labels)
    if (
        numbers.ndim != 1
        or not numbers.size
        or not np.issubdtype(numbers.dtype, np.integer)
        or numbers.min() < 0
    ):
        raise ValueError("Clusters and classes are lists of whole numbers from 0 up, one for each item.")
    return numbers.astype(np.int64)
