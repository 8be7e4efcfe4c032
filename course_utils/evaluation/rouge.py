"""ROUGE: how much of the reference a summary or translation brings back, in runs of words or in order.

==================================================  ==========================================
paper (Lin 2004)                                    here
==================================================  ==========================================
ROUGE-N: shared n-grams         (section 2)         `rouge_n`
ROUGE-L: longest common subsequence (section 3.1)   `rouge_l`, `longest_common_subsequence`
==================================================  ==========================================

Scores equal those of Google's rouge-score without stemming, 0 to 1. Its rule for cutting texts knows only
the letters a to z: "été" becomes "t". For French, pass words. One reference for each sentence.

References
----------
Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.evaluation.ngrams import Sentence, check_sentences, count_ngrams, count_shared

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RougeScore:
    """Shares from 0 to 1."""

    precision: float  # of the hypothesis that stands in the reference
    recall: float  # of the reference that stands in the hypothesis
    f1: float  # harmonic mean of the two


def rouge_n(hypothesis: Sentence, reference: Sentence, *, n: int = 1) -> RougeScore:
    """Shared runs of `n` words, as a share of those of either side.

    Parameters
    ----------
    hypothesis, reference : text or list of words
        Texts are cut by `tokenize_ascii`.
    n : int

    Returns
    -------
    RougeScore
        All 0 where nothing is shared, also if a side has no run of n words.

    Raises
    ------
    ValueError
        If `n` is below 1, or one of `check_sentences`.
    """
    if n < 1:
        raise ValueError(f"n must be 1 or more, not {n}.")
    check_sentences([hypothesis], [reference])
    one, other = count_ngrams(_words_of(hypothesis), n), count_ngrams(_words_of(reference), n)
    return _score(count_shared(one, other), hypothesis=one.total(), reference=other.total())


def rouge_l(hypothesis: Sentence, reference: Sentence) -> RougeScore:
    """The longest sequence of words that both sides have in this order, as a share of either side.

    Parameters, result and errors are those of `rouge_n`.
    """
    check_sentences([hypothesis], [reference])
    one, other = _words_of(hypothesis), _words_of(reference)
    return _score(longest_common_subsequence(one, other), hypothesis=len(one), reference=len(other))


def longest_common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest sequence that is left of both after deleting words, gaps allowed.

    Parameters
    ----------
    one, other : sequences of str, of length T and S

    Returns
    -------
    int

    Notes
    -----
    The table of T × S cells, row by row: with equal last words, one more than without either of them; else
    the better of leaving out the last word of one or of the other.
    """
    row = [0] * (len(other) + 1)  # row[j]: the length for what was read of `one` and the first j of `other`
    for word in one:
        above = row
        row = [0]
        for j, candidate in enumerate(other):
            row.append(above[j] + 1 if word == candidate else max(above[j + 1], row[j]))
    return row[-1]


@dataclass(frozen=True)
class Rouge:
    """Mean ROUGE over a corpus, made of sums over sentences.

    Parameters
    ----------
    kind : str
        "L", or a number as in "1" and "2".

    Raises
    ------
    ValueError
        If the kind is neither.
    """

    kind: str = "L"

    def __post_init__(self) -> None:
        if self.kind != "L" and not re.fullmatch("[1-9]", self.kind):
            raise ValueError(f'kind must be "1", "2" (up to "9") or "L", not {self.kind!r}.')

    def statistics(self, hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> Floats:
        """Score each sentence.

        Returns
        -------
        float array of shape (N, 4)
            Precision, recall, F1, and 1 to count sentences.

        Raises
        ------
        ValueError
            See `check_sentences`.
        """
        check_sentences(hypotheses, references)
        scores = [self._score(h, r) for h, r in zip(hypotheses, references, strict=True)]
        return np.array([(s.precision, s.recall, s.f1, 1.0) for s in scores])

    def score(self, totals: Floats) -> Floats:
        """Mean F1, 0 to 1, from summed statistics of shape (…, 4)."""
        return totals[..., 2] / totals[..., 3]

    def _score(self, hypothesis: Sentence, reference: Sentence) -> RougeScore:
        if self.kind == "L":
            return rouge_l(hypothesis, reference)
        return rouge_n(hypothesis, reference, n=int(self.kind))


def corpus_rouge(
    hypotheses: Sequence[Sentence], references: Sequence[Sentence], *, kind: str = "L"
) -> RougeScore:
    """Means of precision, recall and F1 over the sentences.

    Parameters
    ----------
    hypotheses, references : sequences of N sentences
    kind : {"1", "2", …, "L"}

    Returns
    -------
    RougeScore
        Its F1 is the mean of the sentences' F1, not the F1 of the two means.

    Raises
    ------
    ValueError
        If the kind is unknown, or one of `check_sentences`.
    """
    precision, recall, f1, _ = Rouge(kind).statistics(hypotheses, references).mean(axis=0).tolist()
    return RougeScore(precision, recall, f1)


def tokenize_ascii(text: str) -> list[str]:
    """Lower-case runs of a–z and 0–9; everything else separates, accented letters among it.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
    """
    return re.findall("[a-z0-9]+", text.lower())


def _words_of(sentence: Sentence) -> Sequence[str]:
    """The words of a sentence: a text goes through `tokenize_ascii`, words stay as they are."""
    return tokenize_ascii(sentence) if isinstance(sentence, str) else sentence


def _score(shared: int, *, hypothesis: int, reference: int) -> RougeScore:
    precision, recall = shared / max(hypothesis, 1), shared / max(reference, 1)
    f1 = 2 * precision * recall / (precision + recall) if shared else 0.0
    return RougeScore(precision, recall, f1)
