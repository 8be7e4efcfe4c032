"""Do a word's vectors tell its senses apart? A probe that leaves each sentence out once.

For every occurrence of a word the probe forms the mean vector of each sense from the word's *other*
occurrences, and names the sense whose mean has the largest cosine. Nothing is trained and nothing is tuned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.evaluation.similarity import bootstrap_interval
from course_utils.vectors import normalize_rows

Floats = NDArray[np.float64]
TIE = 1e-5  # cosines that differ by less count as equal: rounding must not decide


@dataclass(frozen=True, eq=False)
class SenseResult:
    """How often the nearest mean of a sense is the right one."""

    accuracy: float  # mean credit over all sentences
    low: float  # 95 % interval, lower end: sentences resampled
    high: float  # and upper end
    word_low: float  # 95 % interval, lower end: words resampled with all their sentences
    word_high: float  # and upper end
    chance: float  # what choosing among a word's senses blindly gets: the mean of 1 / number of senses
    majority: float  # what naming each word's most frequent sense gets
    credit: Floats  # (N,) 1 for a right answer, 0 for a wrong one, shared by senses that tie
    by_word: dict[str, float]  # mean credit of each word, in order of first appearance

    def __str__(self) -> str:
        return (
            f"{self.accuracy:.3f} (95 % interval {self.low:.3f} to {self.high:.3f} over sentences, "
            f"{self.word_low:.3f} to {self.word_high:.3f} over words; chance {self.chance:.3f})"
        )


def probe_senses(
    vectors: ArrayLike,
    *,
    words: Sequence[str],
    senses: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
) -> SenseResult:
    """Leave-one-out nearest class mean, word by word, by cosine.

    Parameters
    ----------
    vectors : array of shape (N, C)
        One occurrence a row.
    words, senses : sequences of N str
        The word of each occurrence, and its sense; senses are compared within a word only.
    resamples, seed : int
        See `bootstrap_interval`.

    Returns
    -------
    SenseResult

    Raises
    ------
    ValueError
        If lengths differ, a word has a single sense, a sense a single sentence, or a vector is not finite.

    Notes
    -----
    Senses whose cosines lie within 0.00001 of the largest tie and share the credit: with k of them, the right
    one gets 1/k. Vectors that are the same in all sentences, as those of a table are, tie always and so get
    exactly `chance`. Without this rule the rounding of a mean would decide.

    Leaving one out leans below chance where vectors fall into clusters that have nothing to do with senses:
    a cluster holds one more of the other senses than of the one left out.
    """
    X = normalize_rows(np.asarray(vectors, dtype=np.float64))
    if not len(X) == len(words) == len(senses):
        raise ValueError(
            f"{len(X)} vectors need as many words and senses, not {len(words)} and {len(senses)}."
        )
    names, of_word = list(dict.fromkeys(words)), np.array(words)
    credit, chances, majority = np.zeros(len(X)), np.zeros(len(X)), np.zeros(len(X))
    for name in names:
        rows = np.flatnonzero(of_word == name)
        kinds, labels = np.unique(np.array(senses)[rows], return_inverse=True)
        sizes = np.bincount(labels)
        if len(kinds) < 2 or sizes.min() < 2:
            raise ValueError(
                f"{name!r} needs two senses or more with two sentences or more each, not "
                f"{dict(zip(kinds.tolist(), sizes.tolist(), strict=True))}."
            )
        credit[rows] = _credit(X[rows], labels=labels)
        chances[rows], majority[rows] = 1 / len(kinds), sizes.max() / len(rows)
    low, high = bootstrap_interval(_mean, credit, resamples=resamples, seed=seed)
    sums = np.array([credit[of_word == name].sum() for name in names])
    lengths = np.array([(of_word == name).sum() for name in names])
    word_low, word_high = bootstrap_interval(_ratio, sums, lengths, resamples=resamples, seed=seed)
    return SenseResult(
        accuracy=_mean(credit),
        low=low,
        high=high,
        word_low=word_low,
        word_high=word_high,
        chance=_mean(chances),
        majority=_mean(majority),
        credit=credit,
        by_word=dict(zip(names, (sums / lengths).tolist(), strict=True)),
    )


def probe_layers(
    vectors: ArrayLike, *, words: Sequence[str], senses: Sequence[str], **options: Any
) -> list[SenseResult]:
    """`probe_senses` of each layer.

    Parameters
    ----------
    vectors : array of shape (N, L + 1, C)
        What `TokenLayers.word` gives for each occurrence.

    Returns
    -------
    list of L + 1 SenseResult
    """
    array = np.asarray(vectors)
    if array.ndim != 3:
        raise ValueError(f"vectors must have shape (N, L + 1, C), not {array.shape}.")
    return [
        probe_senses(array[:, layer], words=words, senses=senses, **options)
        for layer in range(array.shape[1])
    ]


def shuffle_within(
    labels: Sequence[str], *, groups: Sequence[str], generator: np.random.Generator
) -> list[str]:
    """Labels in a random order within each group: the control in which nothing can be known.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    result, kinds = np.array(labels, dtype=object), np.asarray(groups)
    if len(result) != len(kinds):
        raise ValueError(f"{len(result)} labels need as many groups, not {len(kinds)}.")
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        result[rows] = result[generator.permutation(rows)]
    return [str(label) for label in result]


def _credit(X: Floats, *, labels: NDArray[Any]) -> Floats:
    """Credit of each of one word's occurrences; X has rows of length 1."""
    members = np.eye(labels.max() + 1)[labels]  # (n, K)
    sums = members.T @ X  # (K, C)
    cosines = X @ normalize_rows(sums).T  # (n, K)
    own = normalize_rows(
        sums[labels] - X
    )  # without the sentence in question; a mean's length does not matter
    cosines[np.arange(len(X)), labels] = np.einsum("nc,nc->n", X, own)
    tied = cosines >= cosines.max(axis=1, keepdims=True) - TIE  # (n, K)
    right: Floats = tied[np.arange(len(X)), labels] / tied.sum(axis=1)
    return right


def _mean(values: Floats) -> float:
    return float(values.mean())


def _ratio(parts: Floats, whole: Floats) -> float:
    return float(parts.sum() / whole.sum())
