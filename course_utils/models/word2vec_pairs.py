"""What word2vec sees of a text: thinned words, windows, noise, and what they amount to on average.

==============================================  ==================================
paper                                           here
==============================================  ==================================
P(discard) = 1 - sqrt(t / f) (2013b, eq. 5)     1 - `keep_probability`
noise in proportion to U(w)^(3/4) (2013b, 2.2)  `noise_distribution`
window drawn from 1 ... C (2013a, section 3.2)  ``reach`` in `skipgram_pairs`
pairs (w, c) of all words                       `skipgram_pairs`, `sampled_batches`
counts behind the loss (2014, section 3.1)      `expected_counts`
==============================================  ==================================

Difference: a word that subsampling drops keeps its place, so the window does not widen over it. word2vec
closes the gap; Levy, Goldberg and Dagan (2015, section 3.1) call ours *clean* and theirs *dirty*
subsampling and find no difference in quality. Only with ours are the expected counts known exactly.

References
----------
Mikolov, Chen, Corrado and Dean (2013a), Efficient Estimation of Word Representations in Vector Space.
Mikolov, Sutskever, Chen, Corrado and Dean (2013b), Distributed Representations of Words and Phrases and
their Compositionality.
Levy and Goldberg (2014), Neural Word Embedding as Implicit Matrix Factorization.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from torch import Tensor

from course_utils.models.counts import cooccurrence_counts

Documents = Sequence[NDArray[np.integer[Any]]]


class PairBatch(NamedTuple):
    """Words, a word seen near each, and K words drawn as noise for each pair."""

    centres: Tensor  # (B,)
    contexts: Tensor  # (B,)
    noise: Tensor  # (B, K)


class WindowBatch(NamedTuple):
    """The words around a gap, the word in it, and K words drawn as noise; what CBOW learns from."""

    contexts: Tensor  # (B, 2 · window), -1 where the window holds no word
    centres: Tensor  # (B,)
    noise: Tensor  # (B, K)


def count_words(documents: Documents, *, vocabulary_size: int) -> NDArray[np.int64]:
    """How often each word occurs, shape (V,); ids of -1 are passed over.

    Raises
    ------
    ValueError
        If there is no word, or an id is V or more.
    """
    arrays = [np.asarray(document) for document in documents]
    ids = np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int64)
    ids = ids[ids >= 0].astype(np.int64)
    if not ids.size:
        raise ValueError("The documents hold no known words; check the text and the vocabulary.")
    if ids.max() >= vocabulary_size:
        raise ValueError(f"Word id {ids.max()} is not below {vocabulary_size}; pass the vocabulary's size.")
    return np.bincount(ids, minlength=vocabulary_size)


def keep_probability(counts: ArrayLike, *, threshold: float) -> NDArray[np.float64]:
    """How likely each occurrence of a word survives subsampling: min(1, sqrt(threshold / frequency)).

    Parameters
    ----------
    counts : array of shape (V,)
    threshold : float
        Words with a larger share of the text are thinned; infinity thins none.

    Raises
    ------
    ValueError
        If `threshold` is not above 0, or all counts are 0.
    """
    times = np.asarray(counts, dtype=np.float64)
    if not threshold > 0:
        raise ValueError(f"threshold must be above 0, not {threshold}; pass infinity to keep every word.")
    if not times.sum() > 0 or times.min() < 0:
        raise ValueError("Counts must be 0 or more and not all 0; see count_words.")
    share = np.maximum(times, 1e-9) / times.sum()
    return np.minimum(1.0, np.sqrt(threshold / share))


def noise_distribution(counts: ArrayLike, *, exponent: float) -> NDArray[np.float64]:
    """Probability of each word to be drawn as noise, shape (V,): its count to a power, made to sum to 1.

    Raises
    ------
    ValueError
        If a count is negative, all are 0, or `exponent` is negative.
    """
    times = np.asarray(counts, dtype=np.float64)
    if not times.sum() > 0 or times.min() < 0 or not exponent >= 0:
        raise ValueError("Noise needs counts of 0 or more, not all 0, and an exponent of 0 or more.")
    weights = np.where(times > 0, times**exponent, 0.0)  # a word never seen is never drawn
    return weights / weights.sum()


def expected_counts(documents: Documents, *, vocabulary_size: int, window: int, subsample: float) -> Any:
    """How often each pair is expected among the pairs that word2vec draws in one pass over the text.

    A context at distance d lies in a window drawn from 1 ... `window` with probability
    (window - d + 1) / window, and a pair survives subsampling if both words do.

    Parameters
    ----------
    documents : sequence of int arrays of shape (T,)
    vocabulary_size, window : int
    subsample : float
        See `keep_probability`.

    Returns
    -------
    float32 CSR matrix of shape (V, V)
        Symmetric. Row: the centre; column: its context.

    Raises
    ------
    ValueError
        As `cooccurrence_counts` and `keep_probability` do, or if no two words ever meet.
    """
    counts = cooccurrence_counts(
        documents, vocabulary_size=vocabulary_size, window=window, weighting="linear"
    )
    if not counts.nnz:
        raise ValueError("No two words of the text lie in one window; pass longer documents.")
    keep = keep_probability(count_words(documents, vocabulary_size=vocabulary_size), threshold=subsample)
    scale = sparse.diags(keep.astype(np.float32))
    return sparse.csr_matrix(scale @ counts @ scale)


def thin(documents: Documents, *, keep: ArrayLike, generator: torch.Generator) -> list[Tensor]:
    """Subsample: each word stays with its probability or becomes -1, which keeps the others' places."""
    chances = torch.as_tensor(np.asarray(keep), dtype=torch.float32)
    thinned = []
    for document in documents:
        ids = torch.from_numpy(np.asarray(document, dtype=np.int64))
        stays = (ids >= 0) & (torch.rand(len(ids), generator=generator) < chances[ids.clamp(min=0)])
        thinned.append(torch.where(stays, ids, -1))
    return thinned


def skipgram_pairs(
    documents: Sequence[Tensor], *, window: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """All (centre, context) pairs of a text, each centre with a window of its own.

    Parameters
    ----------
    documents : sequence of int64 tensors of shape (T,)
        Word ids; -1 marks a place without a word. Windows never reach into another document.
    window : int
        The reach of each centre is drawn from 1 ... `window`.
    generator : torch.Generator

    Returns
    -------
    centres, contexts : int64 tensors of shape (N,)
    """
    ids, left, reach = _lay_out(documents, window=window, generator=generator)
    centres, contexts = [], []
    for distance in range(1, min(window, len(ids) - 1) + 1):
        # The whole text at once: each place, and the one `distance` on in the same document.
        first, second = ids[:-distance], ids[distance:]
        near = (left[:-distance] >= distance) & (first >= 0) & (second >= 0)
        forward = near & (reach[:-distance] >= distance)
        back = near & (reach[distance:] >= distance)
        centres += [first[forward], second[back]]
        contexts += [second[forward], first[back]]
    if not centres:
        return ids[:0], ids[:0]
    return torch.cat(centres), torch.cat(contexts)


def cbow_windows(
    documents: Sequence[Tensor], *, window: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """All words with the words around them, for models that predict a word from its company.

    Parameters
    ----------
    documents, window, generator
        As for `skipgram_pairs`.

    Returns
    -------
    contexts : int64 tensor of shape (N, 2 * window)
        -1 where the window holds no word.
    centres : int64 tensor of shape (N,)
        Words without any context are left out.
    """
    ids, left, reach = _lay_out(documents, window=window, generator=generator)
    contexts = ids.new_full((len(ids), 2 * window), -1)  # (T, 2 * window)
    for distance in range(1, min(window, len(ids) - 1) + 1):
        inside = left[:-distance] >= distance
        after = inside & (reach[:-distance] >= distance)
        before = inside & (reach[distance:] >= distance)
        contexts[:-distance, distance - 1] = torch.where(after, ids[distance:], -1)
        contexts[distance:, window + distance - 1] = torch.where(before, ids[:-distance], -1)
    used = (ids >= 0) & (contexts >= 0).any(dim=1)
    return contexts[used], ids[used]


def sampled_batches(
    documents: Documents,
    *,
    vocabulary_size: int,
    window: int,
    negatives: int,
    noise_exponent: float,
    subsample: float,
    batch_size: int,
) -> Callable[[torch.Generator], Iterator[PairBatch]]:
    """One pass of word2vec over a text, drawn anew each time: for `fit`.

    Returns
    -------
    function of a torch.Generator that returns an iterator of PairBatch
        Pairs in random order, each with K noise words of its own.
    """
    counts = count_words(documents, vocabulary_size=vocabulary_size)
    keep = keep_probability(counts, threshold=subsample)
    noise = torch.as_tensor(noise_distribution(counts, exponent=noise_exponent))

    def one_pass(generator: torch.Generator) -> Iterator[PairBatch]:
        thinned = thin(documents, keep=keep, generator=generator)
        if not any((document >= 0).any() for document in thinned):
            raise ValueError(
                "Subsampling left no word of this text: all are very common in it. Pass more text, or raise "
                "the threshold (infinity keeps every word)."
            )
        centres, contexts = skipgram_pairs(thinned, window=window, generator=generator)
        for chosen in torch.randperm(len(centres), generator=generator).split(batch_size):
            drawn = draw_noise(noise, shape=(len(chosen), negatives), generator=generator)
            yield PairBatch(centres[chosen], contexts[chosen], drawn)

    return one_pass


def draw_noise(noise: Tensor, *, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw word ids from a distribution of shape (V,): where a random number falls in its running sum."""
    edges = noise.double().cumsum(0)
    drawn = torch.rand(shape, generator=generator, dtype=torch.float64) * edges[-1]
    return torch.searchsorted(edges, drawn, right=True).clamp(max=len(noise) - 1)


def _lay_out(
    documents: Sequence[Tensor], *, window: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """All ids in a row, how many words of its document follow each, and how far each looks."""
    if window < 1:
        raise ValueError(f"window must be 1 or more, not {window}.")
    if not documents or not any((document >= 0).any() for document in documents):
        raise ValueError("The documents hold no known words; check the text and the vocabulary.")
    ids = torch.cat(list(documents))
    left = torch.cat([torch.arange(len(document) - 1, -1, -1) for document in documents])
    reach = torch.randint(1, window + 1, ids.shape, generator=generator)
    return ids, left, reach
