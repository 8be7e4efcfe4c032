"""Search by keywords: BM25."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from course_utils.search.hits import Hits, best, check_query, checked_document, stack

_WORD = re.compile(r"[^\W\d_]+|\d+")
# Parts of an identifier: getURL, LinearSVC; the plural of URL is one part.
_PART = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def search_terms(text: str) -> list[str]:
    """Cut text or code into terms: words in lower case, identifiers in their parts, numbers whole.

    Examples
    --------
    >>> search_terms("fit_transform(X, n=10)  # LinearSVC")
    ['fit', 'transform', 'x', 'n', '10', 'linear', 'svc']
    """
    terms = []
    for word in _WORD.findall(unicodedata.normalize("NFC", text)):
        parts = (
            _PART.findall(word) if word.isascii() and not word.islower() and not word[0].isdigit() else [word]
        )
        terms += [part.lower() for part in parts]
    return terms


class KeywordIndex:
    """BM25 over words, by the library bm25s.

    Parameters
    ----------
    texts : sequence of N str
    tokenize : callable, optional
        Text → list of terms; `search_terms` by default.
    saturation : float
        k1: how soon a repeated term stops counting.
    length_share : float
        b: how much a long document pays for its length, from 0 to 1.

    Raises
    ------
    ValueError
        If there is no text with a term.

    References
    ----------
    Robertson and Zaragoza (2009), The Probabilistic Relevance Framework: BM25 and Beyond; in the variant of
    Lucene, named "accurate" by Kamphuis and others (2020).
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        tokenize: Callable[[str], list[str]] = search_terms,
        saturation: float = 1.5,
        length_share: float = 0.75,
    ) -> None:
        import bm25s  # here, since it brings a compiler along

        self._tokenize = tokenize
        self._size = len(texts)
        terms = [tokenize(text) for text in texts]
        if not any(terms):
            raise ValueError("A keyword index needs at least one text with a word in it.")
        self._model = bm25s.BM25(k1=saturation, b=length_share, method="lucene", dtype="float64")
        self._model.index(terms, show_progress=False)

    def __len__(self) -> int:
        return self._size

    def scores(self, query: str) -> NDArray[np.float64]:
        """BM25 score of every document, shape (N,); 0 where no term of the query occurs."""
        known = self._known(query)
        return self._scores(known) if known else np.zeros(self._size)

    def search(self, query: str, k: int = 10) -> Hits:
        """The best k documents that hold a term of the query; fewer if fewer hold one."""
        scores = self.scores(query)
        return best(scores, k=k, candidates=scores > 0)

    def search_many(self, queries: Sequence[str], *, k: int = 10) -> Hits:
        """`search` for Q queries; arrays of shape (Q, k)."""
        return stack([self.search(query, k) for query in queries], k=k)

    def why(self, query: str, i: int) -> list[tuple[str, float]]:
        """The terms of the query that document i holds, with what each adds to the score; they sum to it."""
        i = checked_document(i, size=self._size)
        known = self._known(query)
        parts = [(term, known.count(term) * float(self._scores([term])[i])) for term in dict.fromkeys(known)]
        return sorted(((t, part) for t, part in parts if part > 0), key=lambda pair: -pair[1])

    def _known(self, query: str) -> list[str]:
        check_query(query)
        return [term for term in self._tokenize(query) if term in self._model.vocab_dict]

    def _scores(self, terms: list[str]) -> NDArray[np.float64]:
        return np.asarray(self._model.get_scores(terms), dtype=np.float64)
