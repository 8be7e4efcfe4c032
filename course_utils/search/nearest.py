"""Search by vectors: the nearest documents by cosine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.search.hits import Hits, best, check_query, checked_document, stack
from course_utils.vectors import as_matrix, normalize_rows

REMEMBERED = 8  # latest batches of queries whose vectors are kept: an explorer asks again and again


class VectorIndex:
    """Cosine between the vector of a query and those of all documents.

    Parameters
    ----------
    vectors : float array of shape (N, C)
        Scaled to length 1 here, whatever their length was.
    encode : callable
        List of Q texts → float array of shape (Q, C); the very model that made `vectors`.

    Raises
    ------
    ValueError
        If `vectors` is no matrix of finite numbers.
    """

    def __init__(self, vectors: ArrayLike, encode: Callable[[list[str]], Any]) -> None:
        self._vectors = normalize_rows(as_matrix(vectors, name="the documents' vectors"))
        self._encode = encode
        self._latest: dict[tuple[str, ...], Any] = {}

    def __len__(self) -> int:
        return len(self._vectors)

    def scores(self, query: str) -> NDArray[np.float64]:
        """Cosine of every document, shape (N,)."""
        return np.asarray(self._vectors @ self._queries([query])[0], dtype=np.float64)

    def search(self, query: str, k: int = 10) -> Hits:
        """The best k documents; none if the model knows no word of the query (its vector is zero)."""
        hits = self.search_many([query], k=k)
        found = hits.indices[0] >= 0
        return Hits(hits.indices[0, found], hits.scores[0, found])

    def search_many(self, queries: Sequence[str], *, k: int = 10) -> Hits:
        """`search` for Q queries, encoded together; arrays of shape (Q, k)."""
        vectors = self._queries(list(queries))  # (Q, C)
        cosines = np.asarray(vectors @ self._vectors.T, dtype=np.float64)  # (Q, N)
        known = np.abs(vectors).max(axis=1, initial=0) > 0  # (Q,)
        rows = [
            best(row, k=k, candidates=np.full(len(row), good))
            for row, good in zip(cosines, known, strict=True)
        ]
        return stack(rows, k=k)

    def why(self, query: str, i: int) -> list[tuple[str, float]]:
        """The words of the query with what the cosine with document i loses without each.

        Unlike the terms of BM25 they do not sum to the score: a sentence is more than its words. A negative
        number says that the document would be nearer without the word.
        """
        i = checked_document(i, size=len(self))
        words = query.split()
        if len(words) < 2:
            return [(query.strip(), float(self.scores(query)[i]))]
        shortened = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
        whole, *without = self._queries([query, *shortened], check=1) @ self._vectors[i]
        drops = [(word, float(whole - less)) for word, less in zip(words, without, strict=True)]
        return sorted(drops, key=lambda pair: -pair[1])

    def _queries(self, queries: list[str], *, check: int | None = None) -> Any:
        for query in queries[:check]:
            check_query(query)
        key = tuple(queries)
        if key in self._latest:
            return self._latest[key]
        vectors = normalize_rows(as_matrix(self._encode(queries), name="the queries' vectors"))
        if vectors.shape != (len(queries), self._vectors.shape[1]):
            raise ValueError(
                f"encode gave shape {vectors.shape} for {len(queries)} queries; the documents have "
                f"{self._vectors.shape[1]} numbers each. Use the model that made the documents' vectors."
            )
        self._latest[key] = vectors
        if len(self._latest) > REMEMBERED:
            del self._latest[next(iter(self._latest))]
        return vectors
