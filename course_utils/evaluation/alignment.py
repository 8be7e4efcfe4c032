"""Do links between words agree with gold ones? Alignment error rate, precision, recall; attention as links.

A link (s, t) says that word t of the target translates word s of the source, both counted from 0. Gold links
are *sure*, or *possible* (may be drawn, need not be).

==================================================  ==========================================
paper (Och and Ney 2003, section 5.1)               here
==================================================  ==========================================
recall = |A ∩ S| / |S|                              `AlignmentScore.recall`
precision = |A ∩ P| / |A|                           `AlignmentScore.precision`
AER = 1 − (|A ∩ S| + |A ∩ P|) / (|A| + |S|)         `AlignmentScore.error_rate`
==================================================  ==========================================

References
----------
Och and Ney (2003), A Systematic Comparison of Various Statistical Alignment Models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.evaluation.similarity import bootstrap_interval

Floats = NDArray[np.float64]
Link = tuple[int, int]  # (source place, target place)
Links = Iterable[Link]


@dataclass(frozen=True)
class AlignmentScore:
    """How far predicted links agree with gold ones, over all links of a corpus."""

    error_rate: float  # AER, 0 (all right) to 1
    low: float  # 95 % interval of the error rate, lower end: sentences resampled
    high: float  # and upper end
    precision: float  # share of the predicted links that are possible; NaN if none was predicted
    recall: float  # share of the sure links that were predicted; NaN if there is no sure link
    predicted: int  # how many links

    def __str__(self) -> str:
        return (
            f"alignment error rate {self.error_rate:.3f} (95 % interval {self.low:.3f} to {self.high:.3f}), "
            f"precision {self.precision:.3f}, recall {self.recall:.3f}, {self.predicted:,} links"
        )


def best_alignment(weights: ArrayLike, *, threshold: float | None = None) -> frozenset[Link]:
    """Turn attention into links.

    Parameters
    ----------
    weights : array or Tensor of shape (T, S)
        How much each target word (row) looks at each source word (column); without padding and without the
        end of the sentence, which have no gold link.
    threshold : float, optional
        Link all pairs with at least this weight: a target word may get several source words, or none.
        Without it each target word is linked to the one source word with the greatest weight, the first of
        equals.

    Returns
    -------
    frozenset of (source place, target place)

    Raises
    ------
    ValueError
        If `weights` is no table with a column, a weight is NaN or outside 0 … 1, or the threshold is not
        above 0 and at most 1.
    """
    table = _as_weights(weights)  # (T, S)
    if threshold is None:
        return frozenset((int(s), t) for t, s in enumerate(table.argmax(axis=1)))
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, such as 0.5, not {threshold}.")
    return frozenset((int(s), int(t)) for t, s in np.argwhere(table >= threshold))


def score_alignments(
    predicted: Sequence[Links | ArrayLike],
    *,
    sure: Sequence[Links],
    possible: Sequence[Links] | None = None,
    threshold: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> AlignmentScore:
    """Compare predicted links with gold ones; links are counted over all sentences, then divided.

    Parameters
    ----------
    predicted : sequence of N
        For each sentence its links as a set or list of pairs; or attention weights of shape (T, S) as an
        array or Tensor, which go through `best_alignment` (an array is never taken for pairs).
    sure : sequence of N collections of links
    possible : sequence of N collections of links, optional
        The sure ones among them. Without it only sure links are right.
    threshold : float, optional
        See `best_alignment`; only for attention weights.
    resamples, seed : int
        See `bootstrap_interval`; sentences are what is resampled.

    Returns
    -------
    AlignmentScore

    Raises
    ------
    ValueError
        If the numbers of sentences differ or are 0, a link is no pair of whole numbers from 0, a sure link
        is not among the possible ones, a gold link lies outside a sentence's weights (transposed?), there is
        neither a predicted nor a sure link, or one of `best_alignment`.
    """
    counts = count_links(predicted, sure=sure, possible=possible, threshold=threshold)  # (N, 4)
    right, allowed, drawn, gold = counts.sum(axis=0)
    if drawn + gold == 0:
        raise ValueError("There is neither a predicted nor a sure link, so nothing can be compared.")
    low, high = bootstrap_interval(_error_rate_of, counts, resamples=resamples, seed=seed)
    return AlignmentScore(
        error_rate=_error_rate_of(counts),
        low=low,
        high=high,
        precision=float(allowed / drawn) if drawn else float("nan"),
        recall=float(right / gold) if gold else float("nan"),
        predicted=int(drawn),
    )


def alignment_error_rate(
    predicted: Links | ArrayLike,
    *,
    sure: Links,
    possible: Links | None = None,
    threshold: float | None = None,
) -> float:
    """AER of one sentence; parameters and errors are those of `score_alignments`, without the lists around.

    Returns
    -------
    float
        0 (all right) to 1 (all wrong).
    """
    counts = count_links(
        [predicted], sure=[sure], possible=None if possible is None else [possible], threshold=threshold
    )
    if counts[0, 2] + counts[0, 3] == 0:
        raise ValueError("There is neither a predicted nor a sure link, so nothing can be compared.")
    return _error_rate_of(counts)


def count_links(
    predicted: Sequence[Links | ArrayLike],
    *,
    sure: Sequence[Links],
    possible: Sequence[Links] | None = None,
    threshold: float | None = None,
) -> Floats:
    """What the metrics are made of, for each sentence; parameters and errors are those of `score_alignments`.

    Returns
    -------
    float array of shape (N, 4)
        Predicted links that are sure, predicted links that are possible, predicted links, sure links.
    """
    may = sure if possible is None else possible
    if not len(predicted) == len(sure) == len(may) or not len(sure):
        raise ValueError(
            f"{len(predicted)} predictions, {len(sure)} sets of sure and {len(may)} of possible links; there "
            "must be one of each for every sentence, and at least one sentence."
        )
    rows = np.empty((len(sure), 4))
    for number, (links, must, allowed) in enumerate(zip(predicted, sure, may, strict=True)):
        gold, open_to = _as_links(must), _as_links(allowed)
        if not gold <= open_to:
            raise ValueError(
                f"Sentence {number}: {min(gold - open_to)} is sure but not possible; add it there."
            )
        drawn = _drawn_links(links, gold=open_to, threshold=threshold)
        rows[number] = len(drawn & gold), len(drawn & open_to), len(drawn), len(gold)
    return rows


def _error_rate_of(counts: Floats) -> float:
    """AER of the sentences in (N, 4), NaN if a resample drew no link at all."""
    right, allowed, drawn, gold = counts.sum(axis=0)
    return float(1 - (right + allowed) / (drawn + gold)) if drawn + gold else float("nan")


def _drawn_links(predicted: Any, *, gold: frozenset[Link], threshold: float | None) -> frozenset[Link]:
    if not hasattr(predicted, "__array__"):
        return _as_links(predicted)
    targets, sources = _as_weights(predicted).shape
    outside = sorted(link for link in gold if link[0] >= sources or link[1] >= targets)
    if outside:
        raise ValueError(
            f"The gold link {outside[0]} (source, target) lies outside the weights of {targets} target words "
            f"(rows) × {sources} source words (columns); were they transposed?"
        )
    return best_alignment(predicted, threshold=threshold)


def _as_weights(weights: Any) -> Floats:
    table = np.asarray(weights.detach() if hasattr(weights, "detach") else weights, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise ValueError(f"Attention weights of a sentence have shape (T, S), not {table.shape}.")
    if not ((table >= 0) & (table <= 1 + 1e-6)).all():  # NaN fails both
        raise ValueError("Attention weights lie between 0 and 1; take the softmax of the scores first.")
    return table


def _as_links(links: Links) -> frozenset[Link]:
    found = [tuple(link) if isinstance(link, Iterable) else (link,) for link in links]
    for link in found:
        if len(link) != 2 or not all(isinstance(place, int | np.integer) and place >= 0 for place in link):
            raise ValueError(f"A link is (source place, target place), counted from 0, not {link!r}.")
    return frozenset((int(source), int(target)) for source, target in found)
