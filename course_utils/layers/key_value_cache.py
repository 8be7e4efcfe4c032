"""Keys and values of the tokens so far, kept, so that a new token costs one step and not all of them again.

What is kept lies in memory with room to spare: a new token's key and value are written behind the others, and
nothing is copied. When the room is used up it doubles (so each number is copied about once, however long the
text); whoever knows the greatest length gives it as `room`, and it is allocated once.

States of decoding are values
-----------------------------
Decoding (`course_utils.decoding.steps`) hands a state to ``step`` and takes another from it. It may use the
old one again: two samples from one prompt, or greedy and beam search from one start. A cache that is written
to in place would then hold the other text's tokens. So a model's step begins with `KeyValueCache.fork`,
another handle on the same memory that costs nothing, and writes through that; the old state's handle still
ends where it did. If a second fork of the same handle is written to, its place is taken, and it moves to
memory of its own first. A text that goes on in one direction, which is the rule, never copies.

Rows are dropped when texts end, and picked anew at each step of a beam search: `steps.select` takes the cache
apart as it takes any dataclass of tensors with the batch first, and what it builds has memory of its own.

No gradient flows back through a cache, since its memory is written over; take steps under `torch.no_grad`.

References
----------
Shazeer (2019), Fast Transformer Decoding: One Write-Head is All You Need, section 2.4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class KeyValueCache:
    """What one attention layer keeps of the tokens so far."""

    keys: Tensor  # (B, H, room, D), of which the first `filled` columns count
    values: Tensor  # (B, H, room, D)
    filled: int = 0  # tokens held
    longest: int | None = None  # tokens that may ever be held; None: no limit
    _written: list[int] = field(init=False, repr=False, compare=False)  # columns in use, by any handle

    def __post_init__(self) -> None:
        self._written = [self.filled]

    @classmethod
    def empty(
        cls,
        rows: int,
        *,
        heads: int,
        width: int,
        room: int,
        longest: int | None = None,
        like: Tensor | None = None,
    ) -> KeyValueCache:
        """Room for tokens to come.

        Parameters
        ----------
        rows : int
            B.
        heads, width : int
            H, and D, the numbers of one head.
        room : int
            Tokens for which memory is allocated now.
        longest : int, optional
            Tokens that may ever be held; without it there is no limit.
        like : Tensor, optional
            Its data type and device are taken.

        Returns
        -------
        KeyValueCache

        Raises
        ------
        ValueError
            If there is no room, or more than `longest`.
        """
        if room < 1 or (longest is not None and longest < room):
            raise ValueError(f"room is {room} and longest {longest}; choose 1 <= room <= longest.")
        like = torch.empty(0) if like is None else like
        memory = like.new_empty(2, rows, heads, room, width)
        return cls(memory[0], memory[1], longest=longest)

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the keys and values of new tokens.

        Parameters
        ----------
        keys, values : Tensor of shape (B, H, T, D)

        Returns
        -------
        keys, values : Tensor of shape (B, H, filled, D)
            Of all tokens so far; views of the memory, so do not change them.

        Raises
        ------
        ValueError
            If they do not fit the cache's rows, heads and width, there would be more than `longest`, or a
            gradient is to be computed.
        """
        B, H, room, D = self.keys.shape
        end = self.filled + keys.shape[2]
        if torch.is_grad_enabled() and (keys.requires_grad or values.requires_grad):
            raise ValueError("no gradient flows through a cache; take the step under torch.no_grad().")
        if keys.shape != values.shape or keys.shape != (B, H, end - self.filled, D):
            raise ValueError(
                f"keys {tuple(keys.shape)} and values {tuple(values.shape)} do not fit a cache of {B} rows, "
                f"{H} heads and {D} numbers each; start a new one for another batch."
            )
        if self.longest is not None and end > self.longest:
            raise ValueError(
                f"the cache holds {self.filled} of {self.longest} tokens and cannot take {end - self.filled} "
                "more; shorten the text, or make `longest` greater."
            )
        if end > room or self._written[0] != self.filled:
            self._move(room if end <= room else self._greater(room, end))
        self.keys[:, :, self.filled : end] = keys
        self.values[:, :, self.filled : end] = values
        self.filled = self._written[0] = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def fork(self) -> KeyValueCache:
        """Another handle on the same memory; what is appended to it is not seen here."""
        twin = KeyValueCache(self.keys, self.values, self.filled, self.longest)
        twin._written = self._written
        return twin

    def reorder(self, rows: Tensor | Sequence[int]) -> KeyValueCache:
        """Pick, drop, reorder or repeat rows: a cache with memory of its own."""
        index = torch.as_tensor(rows, dtype=torch.long, device=self.keys.device)
        keys, values = self.keys.index_select(0, index), self.values.index_select(0, index)
        return dataclasses.replace(self, keys=keys, values=values)

    def _greater(self, room: int, end: int) -> int:
        doubled = max(end, 2 * room)
        return doubled if self.longest is None else min(doubled, self.longest)

    def _move(self, room: int) -> None:
        """Copy what is held to memory of its own."""
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = old.new_empty(*old.shape[:2], room, old.shape[3])
            new[:, :, : self.filled] = old[:, :, : self.filled]
            setattr(self, name, new)
        self._written = [self.filled]
