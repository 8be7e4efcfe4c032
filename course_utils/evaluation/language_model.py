"""How well does a model predict text? Perplexity, mixtures of models, and bits per character.

A model is judged by the log-probabilities that it gave to the words of held-out articles, one array an
article; no model is called here. Perplexities compare only between models with the same vocabulary, since
a model with fewer words has less to choose from. Bits per character compare any models of the same text:
`SpellingModel` charges for the letters of each word that a vocabulary does not hold.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.evaluation.similarity import bootstrap_interval

Floats = NDArray[np.float64]
CODE_POINTS = 0x110000 + 1  # every character there can be, and the end of a word


@dataclass(frozen=True, eq=False)
class PerplexityResult:
    """How many equally likely words a model was in effect choosing from."""

    perplexity: float  # exp of the mean nats per word, over all words
    low: float  # 95 % interval, lower end: articles resampled
    high: float  # and upper end
    words: int  # how many were predicted, unknown ones included
    by_article: Floats  # (N,) perplexity of each article

    def __str__(self) -> str:
        return (
            f"perplexity {self.perplexity:.1f} (95 % interval {self.low:.1f} to {self.high:.1f}) "
            f"on {self.words:,} words of {len(self.by_article)} articles"
        )


@dataclass(frozen=True)
class BitsResult:
    """What a text costs, whatever it was cut into."""

    bits: float  # per character
    low: float  # 95 % interval, lower end: articles resampled
    high: float  # and upper end
    characters: int  # of the text, a space after each word included
    spelling: float  # share of the bits that went into spelling unknown words

    def __str__(self) -> str:
        return f"{self.bits:.3f} bits per character (95 % interval {self.low:.3f} to {self.high:.3f})"


def perplexity(log_probabilities: ArrayLike) -> float:
    """Exponential of the mean negative log-probability; the inverse geometric mean of the probabilities.

    Parameters
    ----------
    log_probabilities : array of shape (T,)
        In nats, one for each word; minus infinity for a word held impossible gives infinity.

    Raises
    ------
    ValueError
        If there is no word, or a value is NaN or above 0.
    """
    values = _as_log_probabilities(log_probabilities)
    return float(np.exp(-values.mean()))


def evaluate_perplexity(
    articles: Sequence[ArrayLike], *, resamples: int = 1000, seed: int = 0
) -> PerplexityResult:
    """Perplexity over all words of some articles, with a bootstrap interval.

    Parameters
    ----------
    articles : sequence of arrays of shape (T,)
        Log-probabilities in nats. Articles are resampled and not words, for the words of an article
        share its subject: what a model finds hard comes in articles.
    resamples, seed : int
        See `bootstrap_interval`.

    Returns
    -------
    PerplexityResult

    Raises
    ------
    ValueError
        As for `perplexity`.
    """
    sums, lengths = _totals(articles)
    low, high = bootstrap_interval(_perplexity_of, sums, lengths, resamples=resamples, seed=seed)
    return PerplexityResult(
        perplexity=_perplexity_of(sums, lengths),
        low=low,
        high=high,
        words=int(lengths.sum()),
        by_article=np.exp(-sums / lengths),
    )


def perplexity_ratio(
    first: Sequence[ArrayLike], second: Sequence[ArrayLike], *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Perplexity of the first model divided by the second's on the same words, with its interval.

    Both models see the same resampled articles, so an article that is hard for both moves neither end.

    Returns
    -------
    ratio, low, high : float
        Below 1 where the first model is better.

    Raises
    ------
    ValueError
        If the two have different numbers of articles or words, or as for `perplexity`.
    """
    _check_same_words(first, second)
    (one, lengths), (two, _) = _totals(first), _totals(second)
    low, high = bootstrap_interval(_perplexity_of, one - two, lengths, resamples=resamples, seed=seed)
    return _perplexity_of(one - two, lengths), low, high


def mix(first: Sequence[ArrayLike], second: Sequence[ArrayLike], *, weight: float) -> list[Floats]:
    """Log-probabilities of weight · first + (1 - weight) · second, word by word.

    Raises
    ------
    ValueError
        If the weight is not from 0 to 1, or the two have different numbers of articles or words.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight is {weight}; it must lie from 0 (all second) to 1 (all first).")
    _check_same_words(first, second)
    with np.errstate(divide="ignore"):  # log 0: that model has no say
        logs = np.log(weight), np.log1p(-weight)
    return [
        np.logaddexp(logs[0] + _as_log_probabilities(a), logs[1] + _as_log_probabilities(b))
        for a, b in zip(first, second, strict=True)
    ]


def fit_mixture_weight(
    first: Sequence[ArrayLike], second: Sequence[ArrayLike], *, tolerance: float = 1e-6
) -> float:
    """The weight of the first model with which `mix` has the lowest perplexity on these articles.

    Fit it on validation articles, then judge the mixture on others.

    Returns
    -------
    float
        From 0 to 1. The log-likelihood is concave in the weight, so EM finds the one best.

    Raises
    ------
    ValueError
        If the two have different numbers of articles or words, or both hold some word impossible.

    References
    ----------
    Jelinek and Mercer (1980), Interpolated Estimation of Markov Source Parameters from Sparse Data.
    """
    _check_same_words(first, second)
    a, b = (np.concatenate([_as_log_probabilities(x) for x in articles]) for articles in (first, second))
    top = np.maximum(a, b)
    if np.isneginf(top).any():
        raise ValueError("Both models hold some word impossible; smooth one of them.")
    p, q = np.exp(a - top), np.exp(b - top)  # only their ratio matters
    weight = 0.5
    for _ in range(10_000):
        share = weight * p / (weight * p + (1 - weight) * q)  # how far each word came from the first
        previous, weight = weight, float(share.mean())
        if abs(weight - previous) < tolerance:
            break
    return weight


class SpellingModel:
    """What the letters of an unknown word cost: a letter model with Witten-Bell smoothing.

    It gives every string of characters a probability, and all of them together 1: a letter is
    predicted from the `order` - 1 before it, mixed with shorter contexts, and at last with all Unicode
    characters alike.

    Parameters
    ----------
    words : iterable of str
        Words to learn from, as often as they occur: those of the training text outside the vocabulary.
    order : int

    Raises
    ------
    ValueError
        If there is no word or `order` is below 1.

    References
    ----------
    Witten and Bell (1991), The Zero-Frequency Problem.
    """

    def __init__(self, words: Iterable[str], *, order: int = 4) -> None:
        if order < 1:
            raise ValueError(f"order must be 1 or more, not {order}.")
        self.order = order
        self._counts: dict[str, Counter[str]] = {}
        for word, times in Counter(words).items():
            for letter, context in self._letters(word):
                for start in range(len(context) + 1):
                    self._counts.setdefault(context[start:], Counter())[letter] += times
        if not self._counts:
            raise ValueError(
                "A spelling model needs words to learn from; pass the unknown words of the text."
            )
        self._known = {context: sum(seen.values()) for context, seen in self._counts.items()}

    def bits(self, word: str) -> float:
        """Cost of a word's letters and of its end, in bits."""
        return -sum(math.log2(self._probability(letter, context)) for letter, context in self._letters(word))

    def _letters(self, word: str) -> list[tuple[str, str]]:
        """Each letter and the end (an empty text), with the letters before it."""
        padded = "\n" * (self.order - 1) + word
        ends = range(self.order - 1, len(padded) + 1)
        return [(padded[end : end + 1], padded[end - self.order + 1 : end]) for end in ends]

    def _probability(self, letter: str, context: str) -> float:
        result = 1 / CODE_POINTS
        for start in range(len(context), -1, -1):  # from no context to the longest
            seen = self._counts.get(context[start:])
            if seen is None:
                break
            total = self._known[context[start:]]
            result = (seen[letter] + len(seen) * result) / (total + len(seen))
        return result


def bits_per_character(
    articles: Sequence[ArrayLike],
    documents: Sequence[Sequence[str]],
    *,
    known: Container[str],
    spelling: SpellingModel,
    resamples: int = 1000,
    seed: int = 0,
) -> BitsResult:
    """Bits that a model and a spelling model need for each character of the text.

    The text is the words with a space after each. A known word costs its log-probability; an unknown
    one that of the class of unknown words, and its spelling on top.

    Parameters
    ----------
    articles : sequence of arrays of shape (T,)
        Log-probabilities in nats.
    documents : sequence of sequences of T str
        The words they belong to.
    known : container of str
        The vocabulary.
    spelling : SpellingModel
    resamples, seed : int
        See `bootstrap_interval`; articles are resampled.

    Returns
    -------
    BitsResult
        A little too high, never too low: the spelling model keeps some probability for spelling known
        words, which are never spelt.

    Raises
    ------
    ValueError
        If words and log-probabilities differ in number, or as for `perplexity`.
    """
    if [len(np.asarray(article)) for article in articles] != [len(words) for words in documents]:
        raise ValueError("Give one log-probability for each word of each document.")
    prices = {word: spelling.bits(word) for words in documents for word in words if word not in known}
    letters = np.array([sum(prices.get(word, 0.0) for word in words) for words in documents])
    characters = np.array([sum(len(word) + 1 for word in words) for words in documents])
    total = letters - _totals(articles)[0] / math.log(2)
    low, high = bootstrap_interval(_ratio, total, characters, resamples=resamples, seed=seed)
    return BitsResult(
        bits=_ratio(total, characters),
        low=low,
        high=high,
        characters=int(characters.sum()),
        spelling=_ratio(letters, total),
    )


def _ratio(parts: NDArray[Any], whole: NDArray[Any]) -> float:
    return float(parts.sum() / whole.sum())


def _perplexity_of(sums: NDArray[Any], lengths: NDArray[Any]) -> float:
    return float(np.exp(-sums.sum() / lengths.sum()))


def _totals(articles: Sequence[ArrayLike]) -> tuple[Floats, Floats]:
    """Sum and number of the log-probabilities of each article."""
    arrays = [_as_log_probabilities(article) for article in articles]
    if not arrays:
        raise ValueError("There are no articles to judge; pass one array of log-probabilities an article.")
    return np.array([array.sum() for array in arrays]), np.array([float(array.size) for array in arrays])


def _as_log_probabilities(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"Log-probabilities come as an array of shape (T,) with T above 0, not {array.shape}."
        )
    if np.isnan(array).any() or array.max() > 1e-6:
        raise ValueError("Log-probabilities are 0 or below and never NaN; take the log of probabilities.")
    return array


def _check_same_words(first: Sequence[ArrayLike], second: Sequence[ArrayLike]) -> None:
    if [np.shape(a) for a in first] != [np.shape(b) for b in second] or not len(first):
        raise ValueError("Both models must have judged the same words of the same articles, in one order.")
