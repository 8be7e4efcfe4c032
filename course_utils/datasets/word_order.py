"""A classification task from real sentences: are two neighbouring words swapped?

The words of a sentence and of its disordered twin are the same, so a model that hears which words are there,
and not in which order, cannot tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.wikipedia import Article

AS_WRITTEN, SWAPPED = 0, 1
FEWEST, MOST = 6, 22  # words in a sentence
_END = re.compile(r"(?<=[a-z][.!?])\s+(?=[A-Z])")
# Lower-case words and the signs of a running sentence: no lists, formulas, headings, quotations.
_PLAIN = re.compile(r"[A-Z][a-z'-]*,?(?: (?:[A-Z]?[a-z][a-z'-]*|\d+),?)+\.")


@dataclass(frozen=True, eq=False)
class WordOrderTask:
    """Sentences, every other one with two neighbouring words swapped."""

    texts: tuple[str, ...]
    labels: NDArray[np.int64]  # (N,) 1 where two words are swapped
    swapped: tuple[int | None, ...]  # (N,) place of the first of the two words, from 0


def word_order_task(articles: Sequence[Article], *, sentences: int, seed: int = 0) -> WordOrderTask:
    """Draw sentences and disorder half of them.

    Two neighbouring words, both in lower case and not alike, change places; never the first, so that capital
    letters tell nothing, nor the last, nor words with a comma. A sentence is in the task once: as it was
    written or disordered.

    Parameters
    ----------
    articles : sequence of Article
        Those of one part of `split_articles`, so that no article is in two parts of the task.
    sentences : int
        N, an even number.
    seed : int

    Returns
    -------
    WordOrderTask
        In random order, both classes of the same size.

    Raises
    ------
    ValueError
        If N is odd, or the articles hold fewer such sentences.
    """
    found = [one for article in articles for one in plain_sentences(article.text)]
    found = list(dict.fromkeys(found))
    if sentences % 2 or sentences > len(found):
        raise ValueError(f"{sentences} sentences were asked for; choose an even number up to {len(found)}.")
    generator = np.random.default_rng(seed)
    chosen = [found[row] for row in generator.permutation(len(found))[:sentences]]
    labels = generator.permutation(np.arange(sentences) % 2)
    texts, places = [], list[int | None]()
    for text, label in zip(chosen, labels, strict=True):
        place = None if label == AS_WRITTEN else int(generator.choice(_swappable(text.split(" "))))
        texts.append(text if place is None else swap_words(text, place))
        places.append(place)
    return WordOrderTask(tuple(texts), labels.astype(np.int64), tuple(places))


def plain_sentences(text: str) -> list[str]:
    """Sentences of 6 to 22 words, without brackets or quotations, in which words can be swapped."""
    found = []
    for paragraph in text.split("\n"):
        for sentence in _END.split(paragraph):
            words = sentence.split(" ")
            if FEWEST <= len(words) <= MOST and _PLAIN.fullmatch(sentence) and _swappable(words):
                found.append(sentence)
    return found


def swap_words(text: str, place: int) -> str:
    """The sentence with the words at `place` and behind it, from 0, in each other's place."""
    words = text.split(" ")
    words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


def _swappable(words: Sequence[str]) -> list[int]:
    """Places from which on two words may be swapped."""
    plain = [word.isalpha() and word.islower() for word in words]
    return [
        place
        for place in range(1, len(words) - 2)
        if plain[place] and plain[place + 1] and words[place] != words[place + 1]
    ]
