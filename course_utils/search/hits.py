"""What a search returns, and what it accepts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MOST_WORDS = 1000

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, eq=False)
class Hits:
    """What a search found, best first."""

    indices: NDArray[np.int64]  # (k,) or fewer documents; (Q, k) from search_many, -1 where nothing was found
    scores: NDArray[np.float64]  # of the same shape; minus infinity where nothing was found


class Index(Protocol):
    """Something that can be searched."""

    def search(self, query: str, k: int = 10) -> Hits:
        """The best k documents."""

    def search_many(self, queries: Sequence[str], *, k: int = 10) -> Hits:
        """The best k documents of each query."""

    def why(self, query: str, i: int) -> list[tuple[str, float]]:
        """What speaks for document i."""


def best(scores: NDArray[np.float64], *, k: int, candidates: NDArray[np.bool_]) -> Hits:
    """The k best candidates; equal scores by document number."""
    check_k(k)
    rows = np.flatnonzero(candidates)
    if len(rows) > k:
        limit = np.partition(scores[rows], len(rows) - k)[len(rows) - k]
        rows = rows[scores[rows] >= limit]
    rows = rows[np.argsort(-scores[rows], kind="stable")[:k]]
    return Hits(rows, scores[rows])


def stack(hits: Sequence[Hits], *, k: int) -> Hits:
    """Answers to Q queries as arrays of shape (Q, k)."""
    check_k(k)
    indices = np.full((len(hits), k), -1, dtype=np.int64)
    scores = np.full((len(hits), k), -np.inf)
    for row, one in enumerate(hits):
        indices[row, : len(one.indices)] = one.indices
        scores[row, : len(one.scores)] = one.scores
    return Hits(indices, scores)


def check_query(query: str) -> None:
    """Refuse what is no query.

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        If it holds no letter and no digit, or more than 1,000 words.
    """
    if not isinstance(query, str):
        raise TypeError(f"A query is one text, not {type(query).__name__}.")
    words = sum(1 for _ in _WORD.finditer(query))
    if not words:
        raise ValueError("The query holds no word and no number; type what you are looking for.")
    if words > MOST_WORDS:
        raise ValueError(f"The query has {words:,} words; shorten it to {MOST_WORDS:,} or fewer.")


def check_k(k: int) -> None:
    """Refuse to look for less than one document."""
    if k < 1:
        raise ValueError(f"k must be 1 or more, the number of documents to return, not {k}.")


def checked_document(i: int, *, size: int) -> int:
    """A document's number, if there is such a document."""
    if not 0 <= i < size:
        raise ValueError(f"Documents are numbered from 0 to {size - 1}; there is no {i}.")
    return int(i)
