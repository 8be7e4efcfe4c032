"""Runs of n words or letters, counted: what BLEU, chrF and ROUGE are made of.

A sentence is a text (`str`) or its words (a list or tuple of `str`). A text is cut into words as each metric
prescribes; words are taken as they are. Every sentence has one reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

Sentence = str | Sequence[str]
Ngrams = Counter[str | tuple[str, ...]]


def count_ngrams(items: Sequence[str], n: int) -> Ngrams:
    """How often each run of `n` words, or of `n` characters of a text, occurs.

    Parameters
    ----------
    items : list of words, or a text
    n : int
        1 or more. What is shorter than n has no run.

    Returns
    -------
    Counter
        Of tuples of n words, or of substrings of n characters.
    """
    if isinstance(items, str):
        return Counter([items[i : i + n] for i in range(len(items) - n + 1)])
    return Counter(zip(*(items[start:] for start in range(n)), strict=False))


def count_shared(one: Ngrams, other: Ngrams) -> int:
    """How many runs two sentences share; one that occurs 3 times here and 2 times there counts 2 times."""
    return sum([min(one[gram], other[gram]) for gram in one.keys() & other.keys()])


def check_sentences(hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> None:
    """Refuse input that a metric would silently score wrongly.

    Parameters
    ----------
    hypotheses, references : sequences of N sentences

    Raises
    ------
    ValueError
        If a side is one text instead of a list, the numbers differ, there is no sentence, a sentence is
        neither a text nor a list of words, or a hypothesis is a text and its reference a list or vice versa.
    """
    if isinstance(hypotheses, str) or isinstance(references, str):
        raise ValueError("Pass a list of sentences on each side, also for a single one: [text].")
    if len(hypotheses) != len(references) or not len(hypotheses):
        raise ValueError(
            f"{len(hypotheses)} hypotheses and {len(references)} references; there must be one reference "
            "for each hypothesis, and at least one."
        )
    for number, (hypothesis, reference) in enumerate(zip(hypotheses, references, strict=True)):
        if not (_is_sentence(hypothesis) and _is_sentence(reference)):
            raise ValueError(f"Sentence {number} is neither a text nor a list of words on both sides.")
        if isinstance(hypothesis, str) != isinstance(reference, str):
            raise ValueError(
                f"Sentence {number} is a text on one side and a list of words on the other; pass both alike, "
                "or words that agree would not be recognised."
            )


def _is_sentence(sentence: object) -> bool:
    if isinstance(sentence, str):
        return True
    return isinstance(sentence, Sequence) and all(isinstance(word, str) for word in sentence)
