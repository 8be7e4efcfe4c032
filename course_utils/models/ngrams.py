"""N-gram language models: interpolated Kneser-Ney smoothing, from unigrams to 4-grams.

==========================================================  ============================
paper                                                       here
==========================================================  ============================
absolute discounting, D = n1 / (n1 + 2 n2) (1995, eq. 6)    `estimate_discounts`
three discounts, for counts 1, 2 and more (1998, eq. 26)    the same with ``kinds=3``
continuation counts N1+(. w) (1998, eq. 4.33)               `_Level`, one order up's types
interpolation with the next shorter context (1998, 4.35)    `KneserNey.probabilities`
==========================================================  ============================

Differences: the unigrams are discounted too and interpolated with 1/V, so that a word that was never seen
still gets a probability above 0. The start of a document is a context of its own.

References
----------
Kneser and Ney (1995), Improved Backing-off for M-gram Language Modeling.
Chen and Goodman (1998), An Empirical Study of Smoothing Techniques for Language Modeling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

_LARGEST_KEY = 2**63 - 1


def context_windows(documents: Sequence[ArrayLike], *, context: int, start: int) -> tuple[Ids, Ids]:
    """Each word of all documents, and the words before it.

    Parameters
    ----------
    documents : sequence of int arrays of shape (T,)
        Ids; a context never reaches into another document.
    context : int
        How many words before, 0 or more.
    start : int
        The id that fills the places before a document's first word.

    Returns
    -------
    contexts : int64 array of shape (N, context)
        Nearest word last.
    targets : int64 array of shape (N,)

    Raises
    ------
    ValueError
        If there is no word, a document is no array of whole numbers, or `context` is negative.
    """
    if context < 0:
        raise ValueError(f"context must be 0 or more, not {context}.")
    arrays = [array for array in map(np.asarray, documents) if array.size]
    if not arrays:
        raise ValueError("The documents hold no words; check the text and the vocabulary.")
    if any(a.ndim != 1 or not np.issubdtype(a.dtype, np.integer) for a in arrays):
        raise ValueError("Each document must be a one-dimensional array of word ids; see Vocabulary.encode.")
    pad = np.full(context, start, dtype=np.int64)
    rows = [np.lib.stride_tricks.sliding_window_view(np.concatenate([pad, a]), context + 1) for a in arrays]
    windows = np.concatenate(rows).astype(np.int64)  # (N, context + 1)
    return windows[:, :-1], windows[:, -1]


def estimate_discounts(counts: ArrayLike, *, kinds: int = 1) -> Floats:
    """What to take off each count, estimated from how many n-grams were seen once, twice, ….

    Parameters
    ----------
    counts : int array
        Counts of all n-grams of one order that were seen.
    kinds : {1, 3}
        One discount for all counts, or one each for counts of 1, 2, and 3 or more.

    Returns
    -------
    float64 array of shape (kinds,)
        0.5 each if the counts tell nothing: no n-gram was seen just once, or just twice.
    """
    values = np.asarray(counts)
    seen = np.array([(values == times).sum() for times in (1, 2, 3, 4)])
    if not seen[:2].all():
        return np.full(kinds, 0.5)
    share = seen[0] / (seen[0] + 2 * seen[1])
    if kinds == 1 or not seen.all():
        return np.full(kinds, share)
    off = np.array([1, 2, 3]) - np.array([2, 3, 4]) * share * seen[1:] / seen[:-1]
    return np.clip(off, 0, [1, 2, 3])


class KneserNey:
    """An n-gram model with interpolated Kneser-Ney smoothing.

    Parameters
    ----------
    documents : sequence of int arrays of shape (T,)
        The training text as ids from 0 to `vocabulary_size` - 1.
    order : int
        3 for a trigram model; 1 for plain unigrams.
    vocabulary_size : int
        V. A class for unknown words, if there is one, has an id of its own.
    discounts : sequence of `order` floats from 0 to 1, optional
        For unigrams first; without it, `estimate_discounts` of each order.
    modified : bool
        Estimate three discounts an order, as Chen and Goodman do, and not one.

    Attributes
    ----------
    order, vocabulary_size : int
    discounts : tuple of `order` arrays
    size : int
        How many n-grams of all orders the tables hold.

    Raises
    ------
    ValueError
        If there is no word, an id is out of range, or an argument is unusable.
    """

    def __init__(
        self,
        documents: Sequence[ArrayLike],
        *,
        order: int,
        vocabulary_size: int,
        discounts: Sequence[float] | None = None,
        modified: bool = False,
    ) -> None:
        self.order, self.vocabulary_size = order, vocabulary_size
        self._base = vocabulary_size + 1  # the start of a document has the id V
        if vocabulary_size < 2:
            raise ValueError(f"{vocabulary_size} word leaves nothing to predict; give 2 or more.")
        if order < 1 or self._base**order > _LARGEST_KEY:
            raise ValueError(f"order {order} with {vocabulary_size} words is out of range; try order 3.")
        if discounts is not None and not (
            len(discounts) == order and all(0 <= discount <= 1 for discount in discounts)
        ):
            raise ValueError(f"Give {order} discounts from 0 to 1, for unigrams first, not {discounts}.")
        keys, counts = np.unique(self._keys(*self._windows(documents)), return_counts=True)
        levels = []  # longest n-grams first
        for size in range(order, 0, -1):
            if discounts is None:
                off = estimate_discounts(counts, kinds=3 if modified else 1)
            else:
                off = np.array([discounts[size - 1]], dtype=np.float64)
            levels.append(_Level(keys, counts, base=self._base, discounts=off))
            # A shorter n-gram counts once for each different word seen before it.
            keys, counts = np.unique(keys % self._base ** (size - 1), return_counts=True)
        self._levels = levels[::-1]
        self.discounts = tuple(level.discounts for level in self._levels)
        self.size = sum(len(level.keys) for level in self._levels)

    def probabilities(self, contexts: ArrayLike, words: ArrayLike) -> Floats:
        """Probability of each word after its context.

        Parameters
        ----------
        contexts : int array of shape (N, order - 1) or wider
            Nearest word last; only the last `order - 1` are looked at. The id V stands for the start.
        words : int array of shape (N,)

        Returns
        -------
        float64 array of shape (N,)
        """
        words = np.asarray(words, dtype=np.int64)
        contexts = np.asarray(contexts, dtype=np.int64).reshape(len(words), -1)
        if contexts.shape[1] < self.order - 1:
            raise ValueError(f"Order {self.order} needs {self.order - 1} words of context a row.")
        result = np.full(len(words), 1 / self.vocabulary_size)
        for size, level in enumerate(self._levels, start=1):
            keys = self._keys(contexts[:, contexts.shape[1] - size + 1 :], words)
            result = level.interpolate(keys, lower=result)
        return result

    def log_probabilities(self, documents: Sequence[ArrayLike]) -> list[Floats]:
        """Log-probability of every word of each document, in nats.

        Returns
        -------
        list of float64 arrays of shape (T,)
            One for each document.
        """
        return [np.log(self.probabilities(*self._windows([document]))) for document in documents]

    def distribution(self, context: ArrayLike) -> Floats:
        """Probabilities of all V words after one context of shape (order - 1,) or longer; they sum to 1."""
        words = np.arange(self.vocabulary_size)
        return self.probabilities(np.tile(np.asarray(context, dtype=np.int64), (len(words), 1)), words)

    def _windows(self, documents: Sequence[ArrayLike]) -> tuple[Ids, Ids]:
        contexts, words = context_windows(documents, context=self.order - 1, start=self.vocabulary_size)
        if words.min() < 0 or words.max() >= self.vocabulary_size:
            raise ValueError(
                f"Word ids must be 0 to {self.vocabulary_size - 1}, but these run from {words.min()} to "
                f"{words.max()}; give unknown words an id of their own."
            )
        return contexts, words

    def _keys(self, contexts: Ids, words: Ids) -> Ids:
        """One number for each n-gram: its ids as digits in base V + 1."""
        keys = np.zeros(len(words), dtype=np.int64)
        for column in (*contexts.T, words):
            keys = keys * self._base + column
        return keys


class _Level:
    """The n-grams of one order: sorted keys, their counts, and totals of their contexts."""

    def __init__(self, keys: Ids, counts: Ids, *, base: int, discounts: Floats) -> None:
        self.keys, self.base, self.discounts = keys, base, discounts
        off = discounts[np.minimum(counts, len(discounts)) - 1].clip(max=counts)
        self.kept = counts - off
        self.contexts, first = np.unique(keys // base, return_index=True)
        self.totals = np.add.reduceat(counts, first)  # how often a context was seen
        self.freed = np.add.reduceat(off, first)  # what its words gave away

    def interpolate(self, keys: Ids, *, lower: Floats) -> Floats:
        """(count - D + freed · lower) / total, or `lower` where the context is new."""
        context, known = _find(self.contexts, keys // self.base)
        place, seen = _find(self.keys, keys)
        kept = np.where(seen, self.kept[place], 0.0)
        return np.where(known, (kept + self.freed[context] * lower) / self.totals[context], lower)


def _find(ordered: Ids, wanted: Ids) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Place of each wanted key in an ordered array, and whether it is really there."""
    place = np.searchsorted(ordered, wanted).clip(max=len(ordered) - 1)
    return place, ordered[place] == wanted
