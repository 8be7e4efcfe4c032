"""chrF: the letters of a translation against those of the reference, so that a wrong ending costs little.

==================================================  ==========================================
paper (Popović 2015)                                here
==================================================  ==========================================
chrP, chrR: averages over n = 1 … 6                 the two means in `Chrf.score`
(1 + β²) · chrP · chrR / (β² · chrP + chrR)         the last line of `Chrf.score`
chrF++ (Popović 2017): word 1- and 2-grams, too     ``words=2``
==================================================  ==========================================

Scores equal sacrebleu's, which leaves out lengths of which a side has no n-gram and counts a hypothesis'
n-grams only in sentences whose reference has n-grams of that length. One reference for each sentence.

References
----------
Popović (2015), chrF: character n-gram F-score for automatic MT evaluation.
Popović (2017), chrF++: words helping character n-grams.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.evaluation.ngrams import Ngrams, Sentence, check_sentences, count_ngrams, count_shared

Floats = NDArray[np.float64]
_PUNCTUATION = frozenset(string.punctuation)


@dataclass(frozen=True)
class Chrf:
    """chrF of a whole corpus, made of counts that add up over sentences.

    Parameters
    ----------
    characters : int
        The longest runs of letters; white space is dropped.
    words : int
        The longest runs of words that count beside them: 0 is chrF, 2 is chrF++.
    beta : float
        How many times as much recall weighs as precision.

    Raises
    ------
    ValueError
        If `characters` is below 1, `words` below 0 or `beta` not above 0.
    """

    characters: int = 6
    words: int = 0
    beta: float = 2.0

    def __post_init__(self) -> None:
        if self.characters < 1 or self.words < 0 or not self.beta > 0:
            raise ValueError(
                "chrF needs characters of 1 or more, words of 0 or more and beta above 0, not "
                f"{self.characters}, {self.words} and {self.beta}."
            )

    def statistics(self, hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> Floats:
        """Count for each sentence what chrF needs; sums of these rows are all that `score` looks at.

        Returns
        -------
        float array of shape (N, 3 · (characters + words))
            For each length: n-grams of the hypothesis, n-grams of the reference, matches.

        Raises
        ------
        ValueError
            See `check_sentences`.
        """
        check_sentences(hypotheses, references)
        pairs = zip(hypotheses, references, strict=True)
        return np.array([self._count(_text_of(h), _text_of(r)) for h, r in pairs], dtype=np.float64)

    def score(self, totals: Floats) -> Floats:
        """chrF, 0 to 100, from summed statistics of shape (…, 3 · (characters + words))."""
        hypothesis, reference, matches = np.moveaxis(totals.reshape(*totals.shape[:-1], -1, 3), -1, 0)
        used = (hypothesis > 0) & (reference > 0)  # (…, lengths)
        lengths = np.maximum(used.sum(-1), 1)
        precision = np.divide(matches, hypothesis, out=np.zeros_like(matches), where=used).sum(-1) / lengths
        recall = np.divide(matches, reference, out=np.zeros_like(matches), where=used).sum(-1) / lengths
        weighted = self.beta**2 * precision + recall
        product = (1 + self.beta**2) * precision * recall
        return 100 * np.divide(product, weighted, out=np.zeros_like(product), where=weighted > 0)

    def _count(self, hypothesis: str, reference: str) -> list[int]:
        one, other = "".join(hypothesis.split()), "".join(reference.split())
        grams = [(count_ngrams(one, n), count_ngrams(other, n)) for n in range(1, self.characters + 1)]
        if self.words:
            words, others = split_punctuation(hypothesis), split_punctuation(reference)
            grams += [(count_ngrams(words, n), count_ngrams(others, n)) for n in range(1, self.words + 1)]
        return [number for h, r in grams for number in _triple(h, r)]


def chrf(
    hypotheses: Sequence[Sentence],
    references: Sequence[Sentence],
    *,
    characters: int = 6,
    words: int = 0,
    beta: float = 2.0,
) -> float:
    """chrF of a corpus, or chrF++ with ``words=2``; of one sentence: ``chrf([hypothesis], [reference])``.

    Parameters
    ----------
    hypotheses, references : sequences of N sentences
        Texts, or lists of words, which count as texts with spaces between the words.
    characters, words, beta
        See `Chrf`.

    Returns
    -------
    float
        0 to 100.

    Raises
    ------
    ValueError
        See `Chrf` and `check_sentences`.
    """
    metric = Chrf(characters=characters, words=words, beta=beta)
    return float(metric.score(metric.statistics(hypotheses, references).sum(axis=0)))


def split_punctuation(text: str) -> list[str]:
    """Words at white space, with one punctuation mark cut off: the last character, else the first.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        "(hi)" gives "(hi" and ")", as in Popović's program.
    """
    words: list[str] = []
    for word in text.split():
        if len(word) > 1 and word[-1] in _PUNCTUATION:
            words += [word[:-1], word[-1]]
        elif len(word) > 1 and word[0] in _PUNCTUATION:
            words += [word[0], word[1:]]
        else:
            words.append(word)
    return words


def _text_of(sentence: Sentence) -> str:
    """A text as it is; words with spaces between them."""
    return sentence if isinstance(sentence, str) else " ".join(sentence)


def _triple(hypothesis: Ngrams, reference: Ngrams) -> tuple[int, int, int]:
    counted = hypothesis.total() if reference else 0
    return counted, reference.total(), count_shared(hypothesis, reference)
