"""Several rankings made one: reciprocal rank fusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from course_utils.search.hits import Hits, Index, check_k, stack

DEPTH = 100  # how far down each ranking a fusion looks


class HybridIndex:
    """Several indexes of the same documents, joined by reciprocal rank fusion.

    Parameters
    ----------
    indexes : mapping of str to Index
    constant : float
        See `reciprocal_rank_fusion`.
    depth : int
        How many hits of each index take part.
    """

    def __init__(self, indexes: Mapping[str, Index], *, constant: float = 60, depth: int = DEPTH) -> None:
        if not indexes:
            raise ValueError("A hybrid needs at least one index.")
        self._indexes, self._constant, self._depth = dict(indexes), constant, depth

    def search(self, query: str, k: int = 10) -> Hits:
        """The best k documents of the fused ranking."""
        rankings = [index.search(query, self._depth).indices for index in self._indexes.values()]
        fused = reciprocal_rank_fusion(rankings, constant=self._constant)
        check_k(k)
        return Hits(fused.indices[:k], fused.scores[:k])

    def search_many(self, queries: Sequence[str], *, k: int = 10) -> Hits:
        """`search` for Q queries; arrays of shape (Q, k)."""
        rankings = [index.search_many(queries, k=self._depth).indices for index in self._indexes.values()]
        fused = [
            reciprocal_rank_fusion([one[query] for one in rankings], constant=self._constant)
            for query in range(len(queries))
        ]
        return stack([Hits(one.indices[:k], one.scores[:k]) for one in fused], k=k)

    def why(self, query: str, i: int) -> list[tuple[str, float]]:
        """What each index adds to the score of document i, and its rank there; they sum to the score."""
        parts = []
        for name, index in self._indexes.items():
            places = np.flatnonzero(index.search(query, self._depth).indices == i)
            if places.size:
                rank = int(places[0]) + 1
                parts.append((f"{name}: rank {rank}", 1 / (self._constant + rank)))
        return sorted(parts, key=lambda pair: -pair[1])


def reciprocal_rank_fusion(rankings: Sequence[ArrayLike], *, constant: float = 60) -> Hits:
    """Join rankings of one query: a document gets 1 / (constant + rank) from each ranking that holds it.

    Only ranks count, so that scores on different scales need not be compared. A large constant asks for
    agreement of the rankings, a small one listens to their first places.

    Parameters
    ----------
    rankings : sequence of int arrays
        Document numbers, best first, of any length; entries below 0 are places where nothing was found.
    constant : float
        Above -1.

    Returns
    -------
    Hits
        All documents of the rankings; equal scores by document number.

    Raises
    ------
    ValueError
        If the constant is not above -1, or there is no ranking.

    References
    ----------
    Cormack, Clarke and Büttcher (2009), Reciprocal Rank Fusion outperforms Condorcet and individual Rank
    Learning Methods.
    """
    if constant <= -1:
        raise ValueError(f"constant must be above -1, so that no rank divides by zero; it is {constant}.")
    if not len(rankings):
        raise ValueError("Give at least one ranking.")
    total: dict[int, float] = {}
    for ranking in rankings:
        for rank, document in enumerate(np.asarray(ranking).tolist(), start=1):
            if document >= 0:
                total[document] = total.get(document, 0.0) + 1 / (constant + rank)
    order = sorted(total, key=lambda document: (-total[document], document))
    return Hits(np.array(order, dtype=np.int64), np.array([total[document] for document in order]))
