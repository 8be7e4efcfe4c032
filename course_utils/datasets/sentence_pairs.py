"""A sentence, its translation and the words that correspond: what every source of translations gives."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["SentencePair"]


@dataclass(frozen=True)
class SentencePair:
    """A sentence with its translation, as tokens, and which of them correspond.

    Two pairs are equal where tokens and alignment are; `phenomena` only describes.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: frozenset[tuple[int, int]]  # (source place, target place), counted from 0
    phenomena: frozenset[str] = field(default=frozenset(), compare=False)  # such as "negation", "clitic"
