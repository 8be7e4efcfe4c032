"""Learning byte-pair merges in seconds: counts are kept up to date, not taken anew after each merge.

A merge changes the pairs of those words that hold it, and of no others. So the words of each pair are noted,
and a heap gives the pair with the highest count. A count that has fallen since its entry was made is
corrected when the entry comes up.

Sennrich, Haddow and Birch (2016) describe the method; that of several pairs with the same count the one with
the lower tokens comes first is the rule of the `tokenizers` library, whose merges these equal.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable

from course_utils.text.byte_words import Pair, byte_tokens, merge_pair, split_words

__all__ = ["count_words", "learn_merges"]


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word of `split_words` stands in the texts.

    Raises
    ------
    TypeError
        If `texts` is a single text, or holds something else than texts.
    ValueError
        If a text holds half of a surrogate pair.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be several texts; put a single one into a list: [text].")
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(split_words(text))
    return counts


def learn_merges(texts: Iterable[str], *, merges: int, min_count: int = 2) -> list[Pair]:
    """Join the most frequent pair of neighbours, again and again.

    Parameters
    ----------
    texts : iterable of str
    merges : int
        How many to learn at most; fewer if no pair is frequent enough.
    min_count : int
        Least count of a pair that is joined.

    Returns
    -------
    list of (int, int)
        The tokens that each merge joins: 0 to 255 are bytes, 256 + i is made by merge i. Of pairs with the
        same count that with the lower first token comes first, then that with the lower second.

    Raises
    ------
    TypeError
        If `texts` is a single text, or holds something else than texts.
    ValueError
        If `merges` is negative, `min_count` below 1, or a text holds half of a surrogate pair.
    """
    if merges < 0 or min_count < 1:
        raise ValueError(f"merges is {merges} and min_count {min_count}; choose 0 and 1 or more.")
    pairs, learned = _Pairs(count_words(texts)), list[Pair]()
    while len(learned) < merges:
        pair = pairs.most_frequent(min_count=min_count)
        if pair is None:
            break
        pairs.merge(pair, token=256 + len(learned))
        learned.append(pair)
    return learned


class _Pairs:
    """All words as tokens, and the counts of neighbours in them."""

    def __init__(self, counts: Counter[str]) -> None:
        self.words = [byte_tokens(word) for word in counts]
        self.counts = list(counts.values())
        self.totals: defaultdict[Pair, int] = defaultdict(int)  # how often a pair stands in the texts
        self.places: defaultdict[Pair, set[int]] = defaultdict(set)  # words that hold it, or held it once
        for place, (tokens, count) in enumerate(zip(self.words, self.counts, strict=True)):
            for pair in zip(tokens, tokens[1:], strict=False):
                self.totals[pair] += count
                self.places[pair].add(place)
        self.heap = [(-total, pair) for pair, total in self.totals.items()]
        heapq.heapify(self.heap)

    def most_frequent(self, *, min_count: int) -> Pair | None:
        """Take the pair with the highest count from the heap; None if that is too low."""
        while self.heap:
            noted, pair = heapq.heappop(self.heap)
            total = self.totals.get(pair, 0)
            if total == -noted:
                return pair if total >= min_count else None
            if total >= min_count:  # merges of other pairs have taken some of it
                heapq.heappush(self.heap, (-total, pair))
        return None

    def merge(self, pair: Pair, *, token: int) -> None:
        """Join the pair in all words that hold it."""
        made: set[Pair] = set()
        for place in self.places.pop(pair):
            old, count = self.words[place], self.counts[place]
            new = merge_pair(old, pair, token=token)
            if len(new) == len(old):
                continue  # another merge took the pair apart
            for neighbours in zip(old, old[1:], strict=False):
                self.totals[neighbours] -= count
            for neighbours in zip(new, new[1:], strict=False):
                self.totals[neighbours] += count
                if token in neighbours:
                    self.places[neighbours].add(place)
                    made.add(neighbours)
            self.words[place] = new
        for neighbours in made:
            heapq.heappush(self.heap, (-self.totals[neighbours], neighbours))
