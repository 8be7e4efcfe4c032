"""Adapt frozen sentence vectors to a domain: a small residual map, trained on pairs that belong together.

==========================================================  =====================================
paper                                                       here
==========================================================  =====================================
h + B A h: a low-rank change of a frozen map (LoRA, 4.1)    `Tower.forward`
-log of softmax over the batch of cos / temperature         `ContrastiveAdapter.loss`
(InfoNCE, van den Oord et al. 2018, eq. 4; both ways as in CLIP)
==========================================================  =====================================

Differences, and why: A and B act on the finished vector, not inside the encoder, so every text is encoded
once and training takes seconds. B starts at zero: the untrained adapter gives the very vectors it got.

References
----------
Hu et al. (2022), LoRA: Low-Rank Adaptation of Large Language Models.
van den Oord, Li and Vinyals (2018), Representation Learning with Contrastive Predictive Coding.
Radford et al. (2021), Learning Transferable Visual Models From Natural Language Supervision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class AdapterConfig:
    """Sizes of the adapter."""

    width: int = 384  # C: numbers of a sentence vector
    rank: int = 32  # numbers that the change passes through
    temperature: float = 0.05  # cosines are divided by it before the softmax
    shared: bool = False  # one tower for both sides

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= self.width:
            raise ValueError(f"rank must lie between 1 and the width {self.width}, not {self.rank}.")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, such as 0.05, not {self.temperature}.")


class Tower(nn.Module):
    """x + B A x, scaled to length 1."""

    def __init__(self, width: int, *, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=False)  # A
        self.up = nn.Linear(rank, width, bias=False)  # B
        nn.init.zeros_(self.up.weight)

    def forward(self, vectors: Tensor) -> Tensor:
        """Unit vectors of shape (B, C) for vectors of shape (B, C)."""
        return F.normalize(vectors + self.up(self.down(vectors)), dim=1)


class ContrastiveAdapter(nn.Module):
    """Two towers over frozen vectors: one for queries, one for documents.

    Parameters
    ----------
    config : AdapterConfig
    """

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        self.queries = Tower(config.width, rank=config.rank)
        self.documents = self.queries if config.shared else Tower(config.width, rank=config.rank)

    def forward(self, queries: Tensor, documents: Tensor) -> Tensor:
        """Cosine of every query (Q, C) with every document (N, C), divided by the temperature: (Q, N)."""
        return self.queries(queries) @ self.documents(documents).T / self.config.temperature

    def loss(self, batch: Batch) -> Tensor:
        """InfoNCE in nats per pair: each query finds its document among the batch's, and the other way round.

        Parameters
        ----------
        batch : (queries, documents)
            Float Tensors of shape (B, C); row i of one belongs to row i of the other.

        Raises
        ------
        ValueError
            If shapes differ or there are fewer than two pairs: without a wrong answer nothing is learned.
        """
        queries, documents = batch
        if queries.shape != documents.shape or len(queries) < 2:
            raise ValueError(
                "A batch needs two tables of one shape with two rows or more, not "
                f"{tuple(queries.shape)} and {tuple(documents.shape)}."
            )
        scores = self(queries, documents)  # (B, B)
        right = torch.arange(len(scores))
        return (F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) / 2

    @torch.no_grad()
    def adapt_queries(self, vectors: ArrayLike) -> NDArray[np.float32]:
        """Adapted query vectors of length 1, shape (Q, C)."""
        return _through(self.queries, vectors)

    @torch.no_grad()
    def adapt_documents(self, vectors: ArrayLike) -> NDArray[np.float32]:
        """Adapted document vectors of length 1, shape (N, C)."""
        return _through(self.documents, vectors)


def _through(tower: nn.Module, vectors: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(tower(torch.from_numpy(np.asarray(vectors, dtype=np.float32))).numpy())


def pair_batches(
    queries: ArrayLike, documents: ArrayLike, *, batch_size: int, noise: float = 0.0
) -> Callable[[torch.Generator], Iterator[Batch]]:
    """One pass over pairs in random order, for `fit`; a last batch that is not full is left out.

    Parameters
    ----------
    queries, documents : arrays of shape (N, C)
        Row i of one belongs to row i of the other.
    batch_size : int
        2 to N. Each pair's wrong answers are the others of its batch, so more is harder.
    noise : float
        Standard deviation of what is added to each number, so that few pairs are not learned by heart.

    Raises
    ------
    ValueError
        If shapes differ or the batch size does not fit.
    """
    one, other = (torch.from_numpy(np.asarray(side, dtype=np.float32)) for side in (queries, documents))
    if one.shape != other.shape or not 2 <= batch_size <= len(one):
        raise ValueError(
            f"{len(one)} queries and {len(other)} documents do not make batches of {batch_size} pairs; pass "
            "as many of both, and a batch size from 2 to their number."
        )

    def blur(side: Tensor, generator: torch.Generator) -> Tensor:
        return side + noise * torch.randn(side.shape, generator=generator) if noise else side

    def one_pass(generator: torch.Generator) -> Iterator[Batch]:
        order = torch.randperm(len(one), generator=generator)
        full = order[: len(order) // batch_size * batch_size]
        for rows in full.split(batch_size):
            yield blur(one[rows], generator), blur(other[rows], generator)

    return one_pass
