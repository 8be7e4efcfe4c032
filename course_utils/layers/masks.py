"""Masks of attention: which positions may be looked at. True means yes, everywhere in the course."""

from __future__ import annotations

import torch
from torch import Tensor


def padding_mask(lengths: Tensor, *, width: int) -> Tensor:
    """Mark the positions that hold a token; the rest is padding.

    Parameters
    ----------
    lengths : int Tensor of shape (B,)
        Tokens in each row.
    width : int
        Positions in a padded row, T.

    Returns
    -------
    bool Tensor of shape (B, T)

    Raises
    ------
    ValueError
        If a row has no token, which no attention could look at, or more than `width`.
    """
    if lengths.ndim != 1 or lengths.is_floating_point():
        raise ValueError(
            f"lengths must be one whole number per row, not {lengths.dtype} {tuple(lengths.shape)}."
        )
    if len(lengths) and (int(lengths.min()) < 1 or int(lengths.max()) > width):
        raise ValueError(
            f"lengths go from {int(lengths.min())} to {int(lengths.max())}; each must be 1 to {width}."
        )
    return torch.arange(width, device=lengths.device) < lengths[:, None]  # (B, T)


def causal_mask(length: int, *, device: torch.device | str | None = None) -> Tensor:
    """Let each position look at itself and at what stands before it, so that no future leaks.

    Parameters
    ----------
    length : int
        Positions, T.
    device : torch.device or str, optional

    Returns
    -------
    bool Tensor of shape (T, T)
        Row t is True up to column t.

    Raises
    ------
    ValueError
        If there is no position.
    """
    if length < 1:
        raise ValueError(f"length is {length}; a mask needs at least one position.")
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()


def require_open_rows(mask: Tensor) -> None:
    """Refuse a mask in which some query may look nowhere: its softmax would be 0 divided by 0.

    Parameters
    ----------
    mask : bool Tensor of shape (..., S)

    Raises
    ------
    ValueError
        If the mask is not boolean, or a row allows no position.
    """
    if mask.dtype != torch.bool:
        raise ValueError(f"a mask is boolean, True = may be attended to; this one is {mask.dtype}.")
    closed = ~mask.any(dim=-1)
    if bool(closed.any()):
        raise ValueError(
            f"{int(closed.sum())} of {closed.numel()} rows of the mask allow no position; "
            "each query needs at least one, so drop the empty rows."
        )
