"""Hide places of a text for a model that is to guess them: 80 % marked, 10 % swapped, 10 % left.

References
----------
Devlin, Chang, Lee and Toutanova (2019), BERT, section 3.1 and appendix A.1.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MARKED, SWAPPED = 0.8, 0.1  # shares of the chosen places; the rest is left as it is


class Hidden(NamedTuple):
    """Texts with hidden places."""

    tokens: Tensor  # int (B, T): what the model reads
    targets: Tensor  # int (B, T): what stood there
    chosen: Tensor  # bool (B, T): True where the model has to say what stood there


def hide(
    tokens: Tensor,
    *,
    mask_token: int,
    ordinary: int,
    generator: torch.Generator,
    share: float = 0.15,
    marked: float = MARKED,
    swapped: float = SWAPPED,
    allowed: Tensor | None = None,
) -> Hidden:
    """Choose places of each text and hide them as BERT did.

    Parameters
    ----------
    tokens : int Tensor of shape (B, T)
        Not changed.
    mask_token : int
        Stands for a hidden place.
    ordinary : int
        Swapped-in tokens are drawn evenly from 0 to ``ordinary - 1``, so that no mark is among them.
    generator : torch.Generator
        Chance comes from here alone.
    share : float
        Of each text's allowed places, this share is chosen, rounded, and at least one.
    marked, swapped : float
        Shares of the chosen places that become `mask_token`, or any token; the rest keep their own.
    allowed : bool Tensor of shape (B, T), optional
        False where nothing may be chosen: padding and marks.

    Returns
    -------
    Hidden

    Raises
    ------
    ValueError
        If a share is out of range, or a text has no allowed place.
    """
    if not 0 < share <= 1 or min(marked, swapped) < 0 or marked + swapped > 1:
        raise ValueError(
            f"share is {share}, marked {marked} and swapped {swapped}; share is above 0 and at most 1, the "
            "other two are 0 or more and together at most 1."
        )
    chosen = _choose(tokens, allowed=allowed, share=share, generator=generator)
    fate = torch.rand(tokens.shape, generator=generator)
    anything = torch.randint(ordinary, tokens.shape, generator=generator)
    read = torch.where(chosen & (fate < marked), mask_token, tokens)
    read = torch.where(chosen & (fate >= marked) & (fate < marked + swapped), anything, read)
    return Hidden(read, tokens, chosen)


def _choose(tokens: Tensor, *, allowed: Tensor | None, share: float, generator: torch.Generator) -> Tensor:
    """The same share of each text's allowed places, by lot: bool (B, T)."""
    allowed = torch.ones_like(tokens, dtype=torch.bool) if allowed is None else allowed
    counts = allowed.sum(dim=1)
    empty = (counts == 0).nonzero()[:, 0].tolist()
    if empty:
        raise ValueError(f"text {empty[0]} has no place that may be hidden; leave it out.")
    wanted = (share * counts).round().clamp(min=1)
    lots = torch.rand(tokens.shape, generator=generator).masked_fill(~allowed, 2.0)
    rank = lots.argsort(dim=1).argsort(dim=1)  # (B, T): 0 for the smallest lot of each text
    return rank < wanted[:, None]
