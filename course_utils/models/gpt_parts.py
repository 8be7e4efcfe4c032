"""What a GPT is built by and what it hands from step to step while decoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils.layers.blocks import ACTIVATIONS
from course_utils.layers.key_value_cache import KeyValueCache
from course_utils.layers.positions import POSITIONS


@dataclass(frozen=True)
class GPTConfig:
    """Sizes and switches; checked when made."""

    vocabulary_size: int  # V
    context: int = 128  # longest text, in tokens
    width: int = 128  # C: numbers per token
    layers: int = 4  # L: blocks
    heads: int = 4  # H, so that each head has D = C / H numbers
    inner: int | None = None  # width inside the feed-forward nets; by default 4 C
    dropout: float = 0.1  # share of numbers set to 0 while training: of the input and of each sublayer
    positions: str = "learned"  # "none", "learned", "sinusoidal" or "rotary"
    tie: bool = True  # output vectors are the token vectors
    activation: str = "gelu tanh"  # in the feed-forward nets; this one is GPT-2's
    epsilon: float = 1e-5  # added to the variance in each norm

    def __post_init__(self) -> None:
        for name in ("vocabulary_size", "context", "width", "layers", "heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more.")
        if self.inner is not None and self.inner < 1:
            raise ValueError(f"inner is {self.inner}; it must be 1 or more, or None for 4 times the width.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be 0 or more and below 1.")
        for name, known in (("positions", [*POSITIONS]), ("activation", [*ACTIVATIONS])):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; choose one of {', '.join(map(repr, known))}."
                )


@dataclass(frozen=True)
class GPTState:
    """What decoding hands from step to step; all tensors have the batch first."""

    caches: tuple[KeyValueCache, ...] = ()  # one per block; none if the text is read anew at each step
    text: Tensor | None = None  # (B, T) tokens so far, only without caches
    kept: Tensor | None = None  # (B, context), False at padding; None if there is none
    padding: Tensor | None = None  # (B,) columns of padding in each row; None if there is none


def pad_left(prompts: Sequence[Sequence[int]], *, padding: int = 0) -> tuple[Tensor, Tensor]:
    """Put prompts of unequal length into one tensor, padding in front.

    Parameters
    ----------
    prompts : sequence of B sequences of int
    padding : int
        Any token; it is never looked at.

    Returns
    -------
    tokens : int Tensor of shape (B, T)
    mask : bool Tensor of shape (B, T)
        True marks tokens.

    Raises
    ------
    ValueError
        If there is no prompt, or one is empty.
    """
    lengths = [len(prompt) for prompt in prompts]
    if not lengths or not min(lengths):
        which = f"prompt {lengths.index(0)} is empty" if lengths else "there is no prompt"
        raise ValueError(f"{which}; give at least one token, such as the mark of a text's end.")
    longest = max(lengths)
    rows = [[padding] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    mask = torch.arange(longest) >= longest - torch.tensor(lengths)[:, None]  # (B, T)
    return torch.tensor(rows), mask


def count_padding(mask: Tensor, *, like: Tensor) -> Tensor:
    """Columns before each row's first token: (B, T) to (B,).

    Raises
    ------
    ValueError
        If the mask is not boolean and of the shape of the tokens, or a row is all padding.
    """
    if mask.shape != like.shape or mask.dtype != torch.bool:
        raise ValueError(
            f"the mask is {mask.dtype} {tuple(mask.shape)}; give a bool one of the tokens' shape, "
            f"{tuple(like.shape)}."
        )
    empty = (~mask.any(dim=1)).nonzero()[:, 0].tolist()
    if empty:
        raise ValueError(f"row {empty[0]} of the mask is all padding; give each text at least one token.")
    return (mask.cumsum(dim=1) == 0).sum(dim=1)


def require_left_padding(mask: Tensor, *, like: Tensor) -> Tensor:
    """As `count_padding`; a ValueError, too, if a row has padding behind its first token."""
    padding = count_padding(mask, like=like)
    if bool((mask.sum(dim=1) + padding != mask.shape[1]).any()):
        raise ValueError("a prompt has padding behind its first token; pad on the left: pad_left.")
    return padding
