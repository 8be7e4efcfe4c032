"""Batches of sentence pairs of about equal length, padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from course_utils.models.seq2seq import BEGIN, END, PADDING

Ids = Sequence[int]


class PairBatches:
    """Called with a generator, gives one pass over the pairs, in another order each time.

    Parameters
    ----------
    pairs : sequence of (source ids, target ids)
        Without marks.
    size : int
        Sentences per batch.
    pool : int
        So many batches are drawn at a time and sorted by length, so that a batch holds little padding and the
        order is still random.

    Attributes
    ----------
    target_tokens : float
        Target tokens per batch on average, end marks included.

    Raises
    ------
    ValueError
        If there is no pair, a side is empty, or a size is below 1.
    """

    def __init__(self, pairs: Sequence[tuple[Ids, Ids]], *, size: int = 64, pool: int = 50) -> None:
        if size < 1 or pool < 1:
            raise ValueError(f"size is {size} and pool {pool}; both must be 1 or more.")
        if not pairs or not all(source and target for source, target in pairs):
            raise ValueError("give at least one pair, and no empty sentence.")
        self.pairs, self.size, self.pool = pairs, size, pool
        mean = sum(len(target) + 1 for _, target in pairs) / len(pairs)
        self.target_tokens = mean * min(size, len(pairs))

    def __call__(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass: source (B, S) with the end mark and target (B, T + 1) from begin to end."""
        order = torch.randperm(len(self.pairs), generator=generator).tolist()
        for first in range(0, len(order), self.size * self.pool):
            drawn = sorted(order[first : first + self.size * self.pool], key=self._length)
            batches = [drawn[i : i + self.size] for i in range(0, len(drawn), self.size)]
            for place in torch.randperm(len(batches), generator=generator).tolist():
                yield pad_pairs([self.pairs[i] for i in batches[place]])

    def _length(self, place: int) -> tuple[int, int]:
        source, target = self.pairs[place]
        return len(target), len(source)


def pad_sources(sources: Sequence[Ids]) -> Tensor:
    """Source ids (B, S), each with its end mark, padded with 0."""
    return _pad([[*source, END] for source in sources])


def pad_pairs(pairs: Sequence[tuple[Ids, Ids]]) -> tuple[Tensor, Tensor]:
    """A batch as `Seq2Seq.loss` takes it: source (B, S), target (B, T + 1) from begin to end."""
    return pad_sources([source for source, _ in pairs]), _pad([[BEGIN, *target, END] for _, target in pairs])


def _pad(rows: Sequence[Ids]) -> Tensor:
    tensors = [torch.tensor(list(row), dtype=torch.long) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=PADDING)
