"""Scaled dot-product attention, one head and many.

==================================================  ==========================================
paper (Vaswani et al. 2017)                         here
==================================================  ==========================================
softmax(Q Kᵀ / √d) V                (equation 1)    `scaled_dot_product_attention`
head_i = Attention(Q W_i, K W_i, V W_i)             `MultiHeadAttention.forward`, the heads side by side
Concat(head_1, …, head_h) W_O                       ``MultiHeadAttention.output``
==================================================  ==========================================

Difference: all projections have a bias, as in BERT and in PyTorch's layer.

References
----------
Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin (2017), Attention Is All You Need,
section 3.2.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.masks import require_open_rows


def scaled_dot_product_attention(
    query: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Score each key against the query, then average the values by the scores.

    Parameters
    ----------
    query : Tensor of shape (..., T, D)
    keys, values : Tensor of shape (..., S, D)
    mask : bool Tensor that fits (..., T, S), optional
        True marks positions that may be attended to.

    Returns
    -------
    context : Tensor of shape (..., T, D)
    weights : Tensor of shape (..., T, S)
        Each row sums to 1.

    Raises
    ------
    ValueError
        If some row of `mask` allows no position.
    """
    scores = query @ keys.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., T, S)
    if mask is not None:
        require_open_rows(mask)
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each on its own slice of the width.

    Parameters
    ----------
    width : int
        Numbers per token, C.
    heads : int
        H; the head width D is C / H.

    Raises
    ------
    ValueError
        If the heads do not divide the width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"width {width} cannot be shared equally by {heads} heads.")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(
        self, query: Tensor, memory: Tensor, *, mask: Tensor | None = None, return_attention: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Let each position of `query` look at the positions of `memory`.

        Parameters
        ----------
        query : Tensor of shape (B, T, C)
        memory : Tensor of shape (B, S, C)
            Keys and values come from here; in self-attention it is `query` itself.
        mask : bool Tensor that fits (B, H, T, S), optional
            True marks positions that may be attended to; (B, 1, 1, S) for padding.
        return_attention : bool
            Without it PyTorch's fused kernel does the work, which never holds the weights as a whole.

        Returns
        -------
        x : Tensor of shape (B, T, C)
        weights : Tensor of shape (B, H, T, S), or None without `return_attention`

        Raises
        ------
        ValueError
            If some row of `mask` allows no position.
        """
        q, k, v = (
            self._split(self.query(query)),
            self._split(self.key(memory)),
            self._split(self.value(memory)),
        )
        weights = None
        if return_attention:
            context, weights = scaled_dot_product_attention(q, k, v, mask=mask)
        else:
            if mask is not None:
                require_open_rows(mask)
            context = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.output(context.transpose(1, 2).flatten(2)), weights  # (B, H, T, D) to (B, T, C)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, T, C) to (B, H, T, D)
