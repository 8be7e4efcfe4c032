"""Texts that are copies of each other but for a few words, found exactly, and groups that belong together."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5
_TOKEN = re.compile(r"\w+")


def find_near_copies(
    texts: Sequence[str], *, threshold: float = 0.7, least: int = 20
) -> list[tuple[int, int]]:
    """Pairs of texts whose sets of five consecutive words have a Jaccard similarity of at least `threshold`.

    Parameters
    ----------
    texts : sequence of N str
    threshold : float
        Above 0, at most 1: the number of common shingles divided by the number of different ones.
    least : int
        Texts with fewer shingles are left out: a property of three lines resembles every other one.

    Returns
    -------
    list of (int, int)
        Places i < j, sorted. No pair is missed.

    Raises
    ------
    ValueError
        If the threshold is not above 0 and at most 1.

    Notes
    -----
    Sort the shingles of each text from the rarest to the most common. Two sets of similarity t share at
    least a share t of the larger set, so they must have a shingle in common among the first
    (1 - t) · size + 1 of each. Only texts that share one of those rare shingles are compared.

    References
    ----------
    Chaudhuri, Ganti and Kaushik (2006), A Primitive Operator for Similarity Joins in Data Cleaning.
    Bayardo, Ma and Srikant (2007), Scaling Up All Pairs Similarity Search.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie above 0 and at most at 1, such as 0.7, not {threshold}.")
    shingles = [one if len(one) >= least else one[:0] for one in _shingle_sets(texts)]
    found = []
    for i, j in _candidates(shingles, threshold=threshold):
        common = len(np.intersect1d(shingles[i], shingles[j], assume_unique=True))
        if common >= threshold * (len(shingles[i]) + len(shingles[j]) - common):
            found.append((i, j))
    return sorted(found)


def connected_groups(
    members: Iterable[Hashable], *, pairs: Iterable[tuple[Hashable, Hashable]]
) -> dict[Hashable, Hashable]:
    """Put into one group what is linked by a pair, directly or through others.

    Parameters
    ----------
    members : iterable of things that sort
    pairs : iterable of (member, member)

    Returns
    -------
    dict
        Member → the least member of its group.
    """
    parent = {member: member for member in members}

    def root(member: Hashable) -> Hashable:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))  # type: ignore[type-var]
        parent[high] = low
    return {member: root(member) for member in parent}


def _shingle_sets(texts: Sequence[str]) -> list[NDArray[np.uint64]]:
    """For each text the different runs of five words, as numbers of 64 bits."""
    ids: dict[str, int] = {}
    generator = np.random.default_rng(0)  # one odd factor for each place in a run
    factors = generator.integers(1, 2**63, size=SHINGLE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    result = []
    for text in texts:
        words = [ids.setdefault(word, len(ids)) for word in _TOKEN.findall(text)]
        codes = _scatter(np.array(words, dtype=np.uint64))
        runs = max(0, len(codes) - SHINGLE + 1)
        total = np.zeros(runs, dtype=np.uint64)
        for place in range(SHINGLE):
            total += codes[place : place + runs] * factors[place]
        result.append(np.unique(total))
    return result


def _scatter(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread small numbers over 64 bits (splitmix64), so that sums of them do not meet by accident."""
    numbers = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def _candidates(shingles: Sequence[NDArray[np.uint64]], *, threshold: float) -> set[tuple[int, int]]:
    """Pairs of texts with one of their rarest shingles in common."""
    sizes = np.array([len(one) for one in shingles], dtype=np.int64)
    if sizes.sum() == 0:
        return set()
    owners = np.repeat(np.arange(len(shingles)), sizes)
    different, which, counts = np.unique(np.concatenate(shingles), return_inverse=True, return_counts=True)
    order = np.lexsort((which, counts[which], owners))  # within each text: rarest first
    place = np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first = sizes - np.ceil(threshold * sizes - 1e-9).astype(np.int64) + 1
    kept = order[place < first[owners]]
    kept = kept[counts[which[kept]] > 1]
    kept = kept[np.argsort(which[kept], kind="stable")]
    ends = np.flatnonzero(np.diff(which[kept])) + 1
    pairs = set()
    for sharing in np.split(owners[kept], ends):
        for i, j in combinations(sorted(sharing.tolist()), 2):
            if threshold * max(sizes[i], sizes[j]) <= min(sizes[i], sizes[j]):
                pairs.add((i, j))
    return pairs
