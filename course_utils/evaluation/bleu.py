"""BLEU: how many of a translation's words, pairs, triples and quadruples stand in the reference, too.

==================================================  ==========================================
paper (Papineni et al. 2002)                        here
==================================================  ==========================================
modified n-gram precision p_n   (section 2.1)       `Bleu.precisions`
brevity penalty BP              (section 2.2)       `Bleu.brevity_penalty`
BP · exp(Σ 1/4 log p_n)         (section 2.3)       `Bleu.score`
==================================================  ==========================================

Difference: one reference for each sentence. Scores equal sacrebleu's, for texts (its tokenizer 13a) and for
words (its tokenizer "none").

References
----------
Papineni, Roukos, Ward and Zhu (2002), BLEU: a Method for Automatic Evaluation of Machine Translation.
Chen and Cherry (2014), A Systematic Comparison of Smoothing Techniques for Sentence-Level BLEU.
Post (2018), A Call for Clarity in Reporting BLEU Scores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.evaluation.ngrams import Sentence, check_sentences, count_ngrams, count_shared

Floats = NDArray[np.float64]
# name → the value that it puts in place of zero matches, or adds, unless told otherwise
SMOOTHINGS = {"none": 0.0, "floor": 0.1, "add-k": 1.0, "exp": 0.0}

_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}  # in this order
# The rules of NIST's mteval-v13a, each applied to the whole line before the next.
_RULES = (
    (re.compile(r"([!-&(-+/:-@\[-`{-~])"), r" \1 "),  # ASCII punctuation but ' , - .
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),  # a full stop or comma, unless in a number: 3.14
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),  # a dash after a digit: 5-year
)


@dataclass(frozen=True)
class Bleu:
    """BLEU of a whole corpus, made of counts that add up over sentences.

    Parameters
    ----------
    order : int
        The longest n-grams; 4 as a rule.
    smoothing : {"exp", "floor", "add-k", "none"}
        What happens when no n-gram of some length matches, which would make the whole score 0. "none": it is
        0. "exp": 1/2 match the first time, 1/4 the second, and so on. "floor": `value` matches. "add-k":
        `value` is added to matches and totals from n = 2, always.
    value : float, optional
        For "floor" (0.1 unless given) and "add-k" (1 unless given).
    effective_order : bool
        Leave out lengths of which the translation has no n-gram: a sentence of three words has no
        quadruple. Meant for single sentences.

    Raises
    ------
    ValueError
        If `order` is below 1, the smoothing is unknown, or `value` is not above 0.
    """

    order: int = 4
    smoothing: str = "exp"
    value: float | None = None
    effective_order: bool = False

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ValueError(f"order must be 1 or more, not {self.order}.")
        if self.smoothing not in SMOOTHINGS:
            raise ValueError(f"smoothing must be one of {', '.join(SMOOTHINGS)}, not {self.smoothing!r}.")
        if self.value is not None and self.value <= 0:
            raise ValueError(f"value must be above 0, not {self.value}; without it the usual one is taken.")

    def statistics(self, hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> Floats:
        """Count for each sentence what BLEU needs; sums of these rows are all that `score` looks at.

        Returns
        -------
        float array of shape (N, 2 + 2 · order)
            Words of the hypothesis, words of the reference, matches for n = 1 … order, n-grams of the
            hypothesis for n = 1 … order.

        Raises
        ------
        ValueError
            See `check_sentences`.
        """
        check_sentences(hypotheses, references)
        pairs = zip(hypotheses, references, strict=True)
        return np.array([self._count(_words_of(h), _words_of(r)) for h, r in pairs], dtype=np.float64)

    def score(self, totals: Floats) -> Floats:
        """BLEU, 0 to 100, from summed statistics of shape (…, 2 + 2 · order)."""
        precisions, possible = self.precisions(totals), self._smoothed(totals)[1]
        counted = possible > 0 if self.effective_order else np.ones_like(possible, dtype=bool)
        with np.errstate(divide="ignore"):  # a precision of 0 makes the product 0
            logs = np.where(counted, np.log(precisions), 0.0)
        mean_log = logs.sum(-1) / np.maximum(counted.sum(-1), 1)
        something = totals[..., 2 : 2 + self.order].any(-1)
        return np.where(something, 100 * self.brevity_penalty(totals) * np.exp(mean_log), 0.0)

    def precisions(self, totals: Floats) -> Floats:
        """Share of the hypotheses' n-grams that match, 0 to 1, of shape (…, order), smoothed."""
        matches, possible = self._smoothed(totals)
        return np.divide(matches, possible, out=np.zeros_like(matches), where=possible > 0)

    def brevity_penalty(self, totals: Floats) -> Floats:
        """1 for hypotheses as long as their references, less for shorter ones, of shape (…,)."""
        hypothesis, reference = totals[..., 0], totals[..., 1]
        with np.errstate(divide="ignore", invalid="ignore"):  # no words: exp(1 - infinity) = 0
            return np.where(hypothesis < reference, np.exp(1 - reference / hypothesis), 1.0)

    def _count(self, hypothesis: Sequence[str], reference: Sequence[str]) -> list[int]:
        lengths = range(1, self.order + 1)
        matches = [count_shared(count_ngrams(hypothesis, n), count_ngrams(reference, n)) for n in lengths]
        possible = [max(len(hypothesis) - n + 1, 0) for n in lengths]
        return [len(hypothesis), len(reference), *matches, *possible]

    def _smoothed(self, totals: Floats) -> tuple[Floats, Floats]:
        """Matches and n-grams for each length, as copies of shape (…, order)."""
        matches, possible = np.split(np.array(totals[..., 2:]), 2, axis=-1)
        value = SMOOTHINGS[self.smoothing] if self.value is None else self.value
        missed = (matches == 0) & (possible > 0)
        if self.smoothing == "exp":
            matches = np.where(missed, 0.5 ** np.cumsum(missed, axis=-1), matches)
        elif self.smoothing == "floor":
            matches = np.where(missed, value, matches)
        elif self.smoothing == "add-k":
            matches[..., 1:] += value
            possible[..., 1:] += value
        return matches, possible


def corpus_bleu(
    hypotheses: Sequence[Sentence],
    references: Sequence[Sentence],
    *,
    order: int = 4,
    smoothing: str = "exp",
    value: float | None = None,
) -> float:
    """BLEU of a corpus: counts are summed over all sentences, then divided.

    It is not the mean of the sentences' scores, and the order of the sentences plays no part.

    Parameters
    ----------
    hypotheses, references : sequences of N sentences
        Texts, which `tokenize_13a` cuts into words, or lists of words.
    order, smoothing, value
        See `Bleu`.

    Returns
    -------
    float
        0 to 100; 100 if every hypothesis is its reference and one of them has `order` words.

    Raises
    ------
    ValueError
        See `Bleu` and `check_sentences`.
    """
    metric = Bleu(order=order, smoothing=smoothing, value=value)
    return float(metric.score(metric.statistics(hypotheses, references).sum(axis=0)))


def sentence_bleu(
    hypothesis: Sentence,
    reference: Sentence,
    *,
    order: int = 4,
    smoothing: str = "exp",
    value: float | None = None,
) -> float:
    """BLEU of one sentence, over the lengths of which it has n-grams (effective order).

    A sentence is little evidence: most have no matching quadruple, and then the smoothing decides. Compare
    systems by `corpus_bleu`. Parameters, result and errors are those of `corpus_bleu`.
    """
    metric = Bleu(order=order, smoothing=smoothing, value=value, effective_order=True)
    return float(metric.score(metric.statistics([hypothesis], [reference])[0]))


def tokenize_13a(text: str) -> list[str]:
    """Cut a text into words as the evaluations of WMT do: punctuation apart, "3.14" and "don't" whole.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str

    References
    ----------
    NIST, mteval-v13a; as in sacrebleu's tokenizer "13a".
    """
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    text = f" {text} "
    for pattern, spaced in _RULES:
        text = pattern.sub(spaced, text)
    return text.split()


def _words_of(sentence: Sentence) -> Sequence[str]:
    """The words of a sentence: a text goes through `tokenize_13a`, words stay as they are."""
    return tokenize_13a(sentence) if isinstance(sentence, str) else sentence
