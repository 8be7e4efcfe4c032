"""Skip-gram with negative sampling, without the sampling: its expected loss, from counts alone.

One pass of word2vec draws pairs and noise at random. What it minimises on average needs neither: with
N(i, j) the expected number of pairs and P the noise distribution,

    loss = sum over all i, j of  N(i, j) softplus(-x_ij) + K N(i) P(j) softplus(x_ij),   x_ij = w_i · c_j.

(softplus(-x) = -log s(x).) The first term has a value only where a pair occurs; the second is a matrix
product, which a processor does at a hundred times the speed of looking up vectors here and there.

===================================================  =====================================
paper                                                here
===================================================  =====================================
local objective of a pair (2014, eq. 6)              the summand above
#(w, c), #(w)                                        `expected_counts` and its row sums
k E[log s(-w · c_N)], P_D = U^(3/4) / Z              ``mass`` x ``noise``
===================================================  =====================================

How it is trained: words and contexts are dealt into R groups of n, as cards are, so that each group
holds common and rare words alike. A step pairs each group of words with one group of contexts: R tiles
of n x n scores, which touch every vector once. R steps make a pass, that is every pair of the
vocabulary once.

References
----------
Levy and Goldberg (2014), Neural Word Embedding as Implicit Matrix Factorization.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from torch import Tensor, nn

from course_utils.models.word2vec import Word2VecConfig, require_two_words, two_tables
from course_utils.models.word2vec_pairs import Documents, count_words, expected_counts, noise_distribution


class Tiles(NamedTuple):
    """What meets in one step: group g of the words with group g + shift of the contexts, for each g."""

    shift: int
    places: tuple[Tensor, ...]  # for each g, where in its tile of n * n scores a pair occurs
    counts: tuple[Tensor, ...]  # and its expected number N(i, j)


class ExpectedSkipGram(nn.Module):
    """Word and context vectors, trained on the expected loss of skip-gram with negative sampling.

    Parameters
    ----------
    counts : sparse matrix of shape (V, V)
        Expected number of pairs, as `expected_counts` gives it.
    noise : array of shape (V,)
        How likely each word is as noise; sums to 1.
    config : Word2VecConfig

    Attributes
    ----------
    words, contexts : Parameter of shape (R * n, D)
        Rows beyond V fill up the last group; they meet nobody and stay as they are.

    Raises
    ------
    ValueError
        If shapes do not fit, there is a single word, or no pair occurs.
    """

    def __init__(self, counts: Any, noise: ArrayLike, config: Word2VecConfig) -> None:
        super().__init__()
        table, chances = sparse.csr_matrix(counts).tocoo(), np.asarray(noise, dtype=np.float64)
        size = table.shape[0]
        if table.shape != (size, size) or chances.shape != (size,):
            raise ValueError(f"Counts of shape {table.shape} and noise of shape {chances.shape} do not fit.")
        require_two_words(size)
        pairs = float(table.data.sum(dtype=np.float64))
        if not pairs > 0:
            raise ValueError("No pair of words occurs, so there is nothing to learn; pass more text.")
        self.config, self.vocabulary_size, self.pairs = config, size, pairs
        self.groups = min(config.groups, size)
        self.width = math.ceil(size / self.groups)  # n
        rows = self.groups * self.width
        self.words, self.contexts = two_tables(
            rows, dimension=config.dimension, score=-math.log(config.negatives)
        )
        # A step covers 1 / R of all pairs, so its loss times R is, on average, the loss of all of them.
        scale = self.groups / self.pairs
        mass = np.bincount(table.row, table.data, minlength=rows) * config.negatives * scale  # K N(i)
        self.register_buffer("mass", self._deal(torch.from_numpy(mass).float()), persistent=False)
        padded = np.pad(chances, (0, rows - size))
        self.register_buffer("noise", self._deal(torch.from_numpy(padded).float()), persistent=False)
        self._tiles = self._cut(table, scale=scale)

    def loss(self, batch: Tiles) -> Tensor:
        """Expected negative-sampling loss, nats per pair; steps of a pass average to that of all pairs."""
        noise = self.noise.roll(-batch.shift, dims=0)  # type: ignore[operator]
        words, contexts = self._deal(self.words), self._deal(self.contexts).roll(-batch.shift, dims=0)
        loss: Tensor = _TileLoss.apply(words, contexts, self.mass, noise, batch.places, batch.counts)
        return loss

    def batches(self, generator: torch.Generator) -> Iterator[Tiles]:
        """One pass: all R steps in random order; for `fit`."""
        return (self._tiles[i] for i in torch.randperm(self.groups, generator=generator).tolist())

    def recipe(self, *, seed: int = 0) -> dict[str, Any]:
        """How to train it: ``fit(model, history=History(), **model.recipe())``.

        Adam without momentum: each step meets other contexts than the last, so there is little to carry on.
        """
        optimizer = torch.optim.Adam(self.parameters(), betas=(0.0, 0.99), eps=1e-12, fused=True)
        return {
            "batches": self.batches,
            "steps": self.config.passes * self.groups,
            "learning_rate": self.config.learning_rate,
            "optimizer": optimizer,
            "decay": "linear",
            "clip_norm": None,
            "seed": seed,
        }

    def vectors(self) -> NDArray[np.float32]:
        """The word vectors of shape (V, D)."""
        return self.words.detach().numpy()[: self.vocabulary_size].copy()

    def context_vectors(self) -> NDArray[np.float32]:
        """The context vectors of shape (V, D)."""
        return self.contexts.detach().numpy()[: self.vocabulary_size].copy()

    def _deal(self, rows: Tensor) -> Tensor:
        """Deal R * n rows into R groups of n: row r goes to group r % R."""
        return rows.view(self.width, self.groups, *rows.shape[1:]).transpose(0, 1)  # (R, n, ...)

    def _cut(self, table: Any, *, scale: float) -> list[Tiles]:
        """Sort the pairs by step and by tile."""
        groups, width = self.groups, self.width
        row_group, column_group = table.row % groups, table.col % groups
        tile = (column_group - row_group) % groups * groups + row_group  # step, then group of words
        if groups < 256:
            tile = tile.astype(np.uint16)  # numpy sorts 16 bits many times faster
        place = table.row // groups * width + table.col // groups
        order = np.argsort(tile, kind="stable")
        bounds = np.searchsorted(tile[order], np.arange(1, groups * groups))
        places = torch.from_numpy(place[order].astype(np.int64)).tensor_split(torch.from_numpy(bounds))
        values = torch.from_numpy((table.data * scale)[order].astype(np.float32))
        counts = values.tensor_split(torch.from_numpy(bounds))
        parts = [slice(step * groups, (step + 1) * groups) for step in range(groups)]
        return [Tiles(step, tuple(places[part]), tuple(counts[part])) for step, part in enumerate(parts)]


class _TileLoss(torch.autograd.Function):
    """The loss of R tiles and its gradient by hand: half the time of autograd's, which the tests compare.

    d loss / d x_ij = K N(i) P(j) s(x_ij) - N(i, j) s(-x_ij);  from there two matrix products.
    """

    @staticmethod
    def forward(
        ctx: Any,
        words: Tensor,  # (R, n, D)
        contexts: Tensor,  # (R, n, D)
        mass: Tensor,  # (R, n)
        noise: Tensor,  # (R, n)
        places: tuple[Tensor, ...],
        counts: tuple[Tensor, ...],
    ) -> Tensor:
        total = words.new_zeros(())
        for_words, for_contexts = torch.empty_like(words), torch.empty_like(contexts)
        for group, (w, c) in enumerate(zip(words, contexts, strict=True)):
            scores = w @ c.T  # (n, n)
            seen = scores.view(-1)[places[group]]
            total += mass[group] @ F.softplus(scores) @ noise[group] + counts[group] @ F.softplus(-seen)
            slope = scores.sigmoid_().mul_(mass[group][:, None]).mul_(noise[group])  # (n, n)
            slope.view(-1).index_add_(0, places[group], -counts[group] * torch.sigmoid(-seen))
            for_words[group] = slope @ c
            for_contexts[group] = slope.T @ w
        ctx.save_for_backward(for_words, for_contexts)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        for_words, for_contexts = ctx.saved_tensors
        return for_words * outer[0], for_contexts * outer[0], None, None, None, None


def expected_skipgram(
    documents: Documents, config: Word2VecConfig, *, vocabulary_size: int, seed: int = 0
) -> ExpectedSkipGram:
    """Count a text and make the untrained model of it.

    Parameters
    ----------
    documents : sequence of int arrays of shape (T,)
        Word ids; see `Vocabulary.encode`.
    config : Word2VecConfig
    vocabulary_size : int
    seed : int
        Of the starting vectors; torch's own random numbers are left as they were.

    Returns
    -------
    ExpectedSkipGram
        Train it with ``fit(model, history=History(), **model.recipe(seed=seed))``, then take `vectors`.
        Words that the text does not hold keep their random start.

    Raises
    ------
    ValueError
        If the documents hold no known word, an id is out of range, or no two words ever meet.
    """
    counts = expected_counts(
        documents, vocabulary_size=vocabulary_size, window=config.window, subsample=config.subsample
    )
    occurrences = count_words(documents, vocabulary_size=vocabulary_size)
    noise = noise_distribution(occurrences, exponent=config.noise_exponent)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ExpectedSkipGram(counts, noise, config)


def shifted_pmi(counts: Any, noise: ArrayLike, *, negatives: int) -> sparse.csr_matrix:
    """What the inner products would be if nothing held them back: log(N(i, j) / (K N(i) P(j))).

    That is the pointwise mutual information of word and context, minus log K, with the noise
    distribution in the place of the contexts' own (Levy and Goldberg 2014, eq. 12).

    Parameters
    ----------
    counts : sparse matrix of shape (V, V)
    noise : array of shape (V,)
    negatives : int
        K.

    Returns
    -------
    float64 CSR matrix of shape (V, V)
        In nats, stored for the pairs that occur; for all others it is minus infinity.
    """
    table = sparse.coo_matrix(counts, dtype=np.float64)
    table.eliminate_zeros()
    totals = np.asarray(table.sum(axis=1)).ravel()  # (V,)
    chance = negatives * totals[table.row] * np.asarray(noise, dtype=np.float64)[table.col]
    values = np.log(table.data / chance)
    return sparse.csr_matrix((values, (table.row, table.col)), shape=table.shape)
