"""What does a head of attention do? Scores from its weights alone, and a name for it.

Almost every score here is one question: of the weight that a query (row) gives, how much lies on certain
*marked* keys? What is marked makes the score.

=====================================================  ======================================================
source                                                 here
=====================================================  ======================================================
previous, next token                       (C, 3.1)    `previous_token_score`, `next_token_score`
[CLS], [SEP], punctuation                  (C, 3.2)    `column_score`
entropy of a head's attention              (C, 3.3)    `mean_entropy`
positional heads                           (V, 5.2)    `offset_score`
prefix matching of induction heads         (O)         `induction_score`
duplicate token heads                      (W, 3)      `same_token_score`
words and their gold links                 (N, 5)      `alignment_score`, `alignment_error_rates`
=====================================================  ======================================================

C: Clark et al. 2019. V: Voita et al. 2019, who count how often the greatest weight of a row lies on the
neighbour; here it is the weight itself. O: Olsson et al. 2022. W: Wang et al. 2022. N: Och and Ney 2003,
whose measure counts links; `alignment_score` weighs them.

Weights of one text have shape (H, T, S) or (L, H, T, S), and the result has shape (H,) or (L, H). A list or
tuple of such arrays is several texts, of any lengths: then what belongs to a text (links, columns, tokens,
masks) is a list, too, and the result is the mean over the rows of all texts together, so that a long text
counts more than a short one.

References
----------
Clark, Khandelwal, Levy and Manning (2019), What Does BERT Look At? An Analysis of BERT's Attention.
Voita, Talbot, Moiseev, Sennrich and Titov (2019), Analyzing Multi-Head Self-Attention.
Olsson et al. (2022), In-context Learning and Induction Heads.
Wang, Variengien, Conmy, Shlegeris and Steinhardt (2022), Interpretability in the Wild: a Circuit for Indirect
Object Identification in GPT-2 Small.
Och and Ney (2003), A Systematic Comparison of Various Statistical Alignment Models.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from course_utils.evaluation.alignment import count_links
from course_utils.evaluation.head_weights import (
    Floats,
    as_allowed,
    as_texts,
    mean_over_rows,
    mean_share,
    one_a_text,
    require_shape,
)

Rows = ArrayLike | Sequence[ArrayLike] | None


# -- shares of weight ----------------------------------------------------------------------------------


def marked_score(weights: Any, *, marked: Any, rows: Rows = None) -> Floats:
    """Mean weight that a query gives to its marked keys; the other scores are cases of this one.

    Parameters
    ----------
    weights : array or Tensor of shape (H, T, S) or (L, H, T, S), or a sequence of them
        See the head of this file.
    marked : bool array of shape (T, S), or a sequence of them
        Row t: the keys whose weight is counted. A row without a mark does not count.
    rows : bool array of shape (T,), or a sequence of them, optional
        Leave out the queries where this is False, such as padding.

    Returns
    -------
    float array of shape (H,) or (L, H)
        0 to 1.

    Raises
    ------
    ValueError
        If shapes do not fit, a weight is not between 0 and 1, or no row counts.
    """
    marks = [np.asarray(mark, dtype=bool) for mark in one_a_text(marked, weights)]
    return mean_share(as_texts(weights), marks, rows=one_a_text(rows, weights))


def offset_score(weights: Any, *, offset: int, rows: Rows = None) -> Floats:
    """Mean weight on the key `offset` places after the query (before it, if negative).

    Queries for which there is no such key do not count. Parameters are those of `marked_score`.

    References
    ----------
    Voita et al. (2019), section 5.2, positional heads.
    """
    texts = as_texts(weights)
    marks = [np.eye(text.shape[-2], text.shape[-1], k=offset, dtype=bool) for text in texts]
    return mean_share(texts, marks, rows=one_a_text(rows, weights))


def previous_token_score(weights: Any, *, rows: Rows = None) -> Floats:
    """Mean weight that the query at place t gives to place t - 1, over all t from 1 (Clark et al. 2019)."""
    return offset_score(weights, offset=-1, rows=rows)


def current_token_score(weights: Any, *, rows: Rows = None) -> Floats:
    """Mean weight of a query on its own place."""
    return offset_score(weights, offset=0, rows=rows)


def next_token_score(weights: Any, *, rows: Rows = None) -> Floats:
    """Mean weight that the query at place t gives to place t + 1 (Clark et al. 2019)."""
    return offset_score(weights, offset=1, rows=rows)


def column_score(
    weights: Any, *, columns: Collection[int] | Sequence[Collection[int]], rows: Rows = None
) -> Floats:
    """Mean weight on certain keys, such as [SEP] or all punctuation, added up for each query.

    Parameters
    ----------
    weights, rows
        As for `marked_score`.
    columns : collection of int, or a sequence of them
        Places of the keys, from 0. A text in which there are none does not count.

    Raises
    ------
    ValueError
        As `marked_score`, or if a place lies outside the text.

    References
    ----------
    Clark et al. (2019), section 3.2.
    """
    texts = as_texts(weights)
    marks = []
    for text, places in zip(texts, one_a_text(columns, weights), strict=True):
        outside = [place for place in places if not 0 <= place < text.shape[-1]]
        if outside:
            raise ValueError(f"There is no column {outside[0]} in a text of {text.shape[-1]} keys, from 0.")
        marks.append(np.tile(np.isin(np.arange(text.shape[-1]), list(places)), (text.shape[-2], 1)))
    return mean_share(texts, marks, rows=one_a_text(rows, weights))


def first_token_score(weights: Any, *, rows: Rows = None) -> Floats:
    """Mean weight on the first key, over all queries but the first, which may have no other choice."""
    texts = as_texts(weights)
    marks = [np.zeros(text.shape[-2:], dtype=bool) for text in texts]
    for mark in marks:
        mark[1:, 0] = True
    return mean_share(texts, marks, rows=one_a_text(rows, weights))


def same_token_score(weights: Any, *, tokens: Any, allowed: Any = None) -> Floats:
    """Mean weight on other places that hold the query's own token.

    Parameters
    ----------
    weights : of shape (H, T, T) or (L, H, T, T), or a sequence
    tokens : sequence of T ids or str, or a sequence of those
    allowed : bool array of shape (T, T), or a sequence of them, optional
        False where the model may not look, such as ``np.tri(T, dtype=bool)`` for a causal one. Queries that
        cannot see their token anywhere else do not count.

    Raises
    ------
    ValueError
        As `marked_score`; in particular if no token stands twice.

    References
    ----------
    Wang et al. (2022), section 3: duplicate token heads.
    """
    texts = as_texts(weights)
    marks = []
    opened = one_a_text(allowed, weights)
    for text, words, may in zip(texts, one_a_text(tokens, weights), opened, strict=True):
        require_shape((len(words), len(words)), text.shape[-2:], name="same tokens")
        names = np.unique(list(words), return_inverse=True)[1]
        same = (names[:, None] == names) & ~np.eye(len(names), dtype=bool)
        marks.append(same & as_allowed(may, shape=same.shape))
    return mean_share(texts, marks)


def induction_score(weights: Any, *, block: int, start: int = 0) -> Floats:
    """On a block of random tokens that stands twice: mean weight on what followed the token last time.

    The query at place t of the second copy has its token's first occurrence at t - block, and what followed
    it at t - (block - 1). A model that looks there can copy the continuation.

    Parameters
    ----------
    weights : of shape (H, T, T) or (L, H, T, T), or a sequence
    block : int
        Tokens in a copy, 2 or more.
    start : int
        Tokens before the first copy, such as a mark for the beginning.

    Raises
    ------
    ValueError
        As `marked_score`; or if a text is too short for two copies.

    References
    ----------
    Olsson et al. (2022), prefix matching score, on repeated random tokens.
    """
    if block < 2 or start < 0:
        raise ValueError(f"block must be 2 or more and start 0 or more, not {block} and {start}.")
    texts, marks = as_texts(weights), []
    for text in texts:
        if min(text.shape[-2:]) < start + 2 * block:
            raise ValueError(
                f"{text.shape[-2]} tokens are too few for {start} at the start and two copies of {block}."
            )
        mark = np.zeros(text.shape[-2:], dtype=bool)
        second = np.arange(start + block, start + 2 * block)
        mark[second, second - (block - 1)] = True
        marks.append(mark)
    return mean_share(texts, marks)


# -- gold links ----------------------------------------------------------------------------------------


def alignment_score(weights: Any, *, links: Any) -> Floats:
    """Mean weight that a target word gives to the source words it translates.

    Parameters
    ----------
    weights : of shape (H, T, S) or (L, H, T, S), or a sequence
        Row t must be the query whose answer is target word t; further rows and columns, such as the end of
        the sentence, may stay.
    links : set of (source place, target place), or a sequence of them
        Gold links, as in `evaluation.alignment`. Target words without a link do not count.

    Raises
    ------
    ValueError
        As `marked_score`, or if a link lies outside the weights.
    """
    texts = as_texts(weights)
    marks = []
    for text, gold in zip(texts, one_a_text(links, weights), strict=True):
        mark = np.zeros((text.shape[-2], text.shape[-1]), dtype=bool)
        for source, target in gold:
            if not (0 <= target < mark.shape[0] and 0 <= source < mark.shape[1]):
                raise ValueError(
                    f"The link {(source, target)} (source, target) lies outside weights of {mark.shape[0]} "
                    f"rows (targets) and {mark.shape[1]} columns (sources); were the two swapped?"
                )
            mark[target, source] = True
        marks.append(mark)
    return mean_share(texts, marks)


def alignment_error_rates(weights: Any, *, links: Any, threshold: float | None = None) -> Floats:
    """Alignment error rate of each head, links counted over all texts.

    Parameters
    ----------
    weights, links
        As for `alignment_score`; rows and columns of words alone, since every row draws links.
    threshold : float, optional
        See `evaluation.alignment.best_alignment`.

    Returns
    -------
    float array of shape (H,) or (L, H)
        0 (all right) to 1.
    """
    texts, gold = as_texts(weights), one_a_text(links, weights)
    rates = np.empty(texts[0].shape[:-2])
    for head in np.ndindex(rates.shape):
        counts = count_links([text[head] for text in texts], sure=gold, threshold=threshold).sum(axis=0)
        right, _, drawn, known = counts
        rates[head] = 1 - 2 * right / (drawn + known)
    return rates


# -- how far the weight is spread ----------------------------------------------------------------------


def mean_entropy(weights: Any, *, allowed: Any = None, normalised: bool = False, rows: Rows = None) -> Floats:
    """Mean entropy of the rows: 0 if each query looks at one key.

    Parameters
    ----------
    weights, rows
        As for `marked_score`.
    allowed : bool array of shape (T, S), or a sequence of them, optional
        False where the model may not look. Only `normalised` needs it.
    normalised : bool
        Divide each row's entropy by that of an even spread over its allowed keys, so that 1 is the most in
        short and long rows alike. Queries with a single allowed key then do not count.

    Returns
    -------
    float array of shape (H,) or (L, H)
        In nats, or a share from 0 to 1.

    Raises
    ------
    ValueError
        As `marked_score`, or if a key that is not allowed has weight.

    References
    ----------
    Clark et al. (2019), section 3.3.
    """
    texts = as_texts(weights)
    entropies, counted = [], []
    for text, may in zip(texts, one_a_text(allowed, weights), strict=True):
        free = as_allowed(may, shape=text.shape[-2:])
        if (text[..., ~free] > 1e-6).any():
            raise ValueError("A key that is not allowed has weight; is this the mask that the model used?")
        logarithms = np.log(text, out=np.zeros_like(text), where=text > 0)
        entropy = -(text * logarithms).sum(axis=-1)  # (…, T)
        keys = free.sum(axis=-1)  # (T,)
        choice = keys > 1 if normalised else keys > 0
        most = np.log(np.maximum(keys, 2)) if normalised else 1.0
        entropies.append(entropy / most)
        counted.append(choice)
    return mean_over_rows(entropies, counted, rows=one_a_text(rows, weights))
