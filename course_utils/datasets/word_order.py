"""A classification task from real sentences: do the words stand in their order, or are they shuffled?

The words of a sentence and of its disordered twin are the same, so a model that hears which words are there,
and not in which order, cannot tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.wikipedia import Article

AS_WRITTEN, SHUFFLED = 0, 1
FEWEST, MOST = 6, 22  # words in a sentence
LEAST_MOVABLE = 4
_END = re.compile(r"(?<=[a-z][.!?])\s+(?=[A-Z])")
# Words and the commas of a running sentence: no lists, formulas, headings, quotations.
_PLAIN = re.compile(r"[A-Z][a-z'-]*,?(?: (?:[A-Z]?[a-z][a-z'-]*|\d+),?)+\.")


@dataclass(frozen=True, eq=False)
class WordOrderTask:
    """Sentences, every other one with its words shuffled."""

    texts: tuple[str, ...]
    labels: NDArray[np.int64]  # (N,) 1 where words are shuffled
    originals: tuple[str, ...]  # as they were written


def word_order_task(
    articles: Sequence[Article],
    *,
    sentences: int,
    moved: int | None = None,
    without: Collection[str] = (),
    seed: int = 0,
) -> WordOrderTask:
    """Draw sentences and disorder half of them.

    Words in lower case and without a comma change places among themselves; never the first, so that capital
    letters tell nothing, nor the last. A sentence is in the task once: as it was written or disordered.

    Parameters
    ----------
    articles : sequence of Article
        Those of one part of `split_articles`, so that no article is in two parts of the task.
    sentences : int
        N, an even number.
    moved : int, optional
        How many movable words in a row are shuffled, 2 or more; by default all.
    without : collection of str
        Sentences to leave out, such as those of the training task: a few stand in several articles.
    seed : int

    Returns
    -------
    WordOrderTask
        In random order, both classes of the same size.

    Raises
    ------
    ValueError
        If N is odd, the articles hold fewer such sentences, or `moved` is below 2.
    """
    found = [one for article in articles for one in plain_sentences(article.text)]
    known = frozenset(without)
    found = [one for one in dict.fromkeys(found) if one not in known]
    if sentences % 2 or sentences > len(found):
        raise ValueError(f"{sentences} sentences were asked for; choose an even number up to {len(found)}.")
    if moved is not None and moved < 2:
        raise ValueError(f"moved is {moved}; one word alone cannot change places, so choose 2 or more.")
    generator = np.random.default_rng(seed)
    originals = tuple(found[row] for row in generator.permutation(len(found))[:sentences])
    labels = generator.permutation(np.arange(sentences) % 2).astype(np.int64)
    texts = tuple(
        shuffle_words(text, moved=moved, generator=generator) if label == SHUFFLED else text
        for text, label in zip(originals, labels, strict=True)
    )
    return WordOrderTask(texts, labels, originals)


def plain_sentences(text: str) -> list[str]:
    """Sentences of 6 to 22 words without brackets or quotations, of which at least 4 can be moved."""
    found = []
    for paragraph in text.split("\n"):
        for sentence in _END.split(paragraph):
            words = sentence.split(" ")
            if (
                FEWEST <= len(words) <= MOST
                and _PLAIN.fullmatch(sentence)
                and len({words[place] for place in movable(words)}) >= LEAST_MOVABLE
            ):
                found.append(sentence)
    return found


def shuffle_words(text: str, *, generator: np.random.Generator, moved: int | None = None) -> str:
    """The sentence with movable words in another order, all or `moved` in a row; never as it was."""
    words = text.split(" ")
    places = movable(words)
    while True:
        count = len(places) if moved is None else min(moved, len(places))
        first = int(generator.integers(len(places) - count + 1))
        some = places[first : first + count]
        mixed = list(words)
        for place, source in zip(some, generator.permutation(some), strict=True):
            mixed[place] = words[source]
        if mixed != words:
            return " ".join(mixed)


def movable(words: Sequence[str]) -> list[int]:
    """Places of words in lower case without a comma, but for the first and the last word."""
    return [place for place in range(1, len(words) - 1) if words[place].isalpha() and words[place].islower()]
