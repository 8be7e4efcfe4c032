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

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.key_value_cache import KeyValueCache
from course_utils.layers.masks import require_open_rows
from course_utils.layers.positions import Positions
from course_utils.layers.products import Linear


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
        self.query = Linear(width, width)
        self.key = Linear(width, width)
        self.value = Linear(width, width)
        self.output = Linear(width, width)

    def forward(
        self,
        query: Tensor,
        memory: Tensor | tuple[Tensor, Tensor],
        *,
        mask: Tensor | None = None,
        return_attention: bool = False,
        causal: bool = False,
        positions: Positions | None = None,
        start: int | Tensor | None = None,
        cache: KeyValueCache | None = None,
        weights: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Let each position of `query` look at the positions of `memory`.

        Parameters
        ----------
        query : Tensor of shape (B, T, C)
        memory : Tensor of shape (B, S, C), or what `remember` made of it
            Keys and values come from here; in self-attention it is `query` itself.
        mask : bool Tensor that fits (B, H, T, S), optional
            True marks positions that may be attended to; (B, 1, 1, S) for padding. With a cache S counts all
            that it holds afterwards.
        return_attention : bool
            Without it PyTorch's fused kernel does the work, which never holds the weights as a whole.
        causal : bool
            No query looks beyond its own place; the last query stands at the last key. Its own place is open
            to a query even if the mask shuts it, so that padding on the left finds something to look at.
        positions : Positions, optional
            Turns queries and keys.
        start : int, or int Tensor of shape (B,), optional
            Place of the first query and of the first new key, for `positions`; by default as many as the
            cache holds.
        cache : KeyValueCache, optional
            Keys and values are added to it, and attention goes over all that it holds.
        weights : Tensor that fits (B, H, T, S), optional
            Used in place of the layer's own.

        Returns
        -------
        x : Tensor of shape (B, T, C)
        weights : Tensor of shape (B, H, T, S), or None without `return_attention`

        Raises
        ------
        ValueError
            If some row of `mask` allows no position, or the cache is full or made for another batch.
        """
        q = self._split(self.query(query))
        keys, values = self.remember(memory) if isinstance(memory, Tensor) else memory
        if positions is not None:
            place = start if start is not None else cache.filled if cache is not None else 0
            q, keys = positions.rotate(q, start=place), positions.rotate(keys, start=place)
        if cache is not None:
            keys, values = cache.append(keys, values)
        if weights is not None:
            context = weights.expand(-1, self.heads, -1, -1) @ values
        else:
            context, weights = _attend(
                q, keys, values, mask=mask, causal=causal, return_attention=return_attention
            )
        x = self.output(context.transpose(1, 2).flatten(2))  # (B, H, T, D) to (B, T, C)
        return x, weights if return_attention else None

    def remember(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, S, D) of a memory (B, S, C), to compute them once for many queries."""
        return self._split(self.key(memory)), self._split(self.value(memory))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, T, C) to (B, H, T, D)


def _attend(
    query: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None, causal: bool, return_attention: bool
) -> tuple[Tensor, Tensor | None]:
    """Context (B, H, T, D), by the formula if weights are asked for, by PyTorch's fused kernel if not."""
    T, S = query.shape[2], keys.shape[2]
    without_mask = causal and mask is None and T == S and not return_attention
    if causal and not without_mask:
        mask = _causal(T, S, mask=mask, device=query.device)
    if return_attention:
        return scaled_dot_product_attention(query, keys, values, mask=mask)
    if mask is not None:
        require_open_rows(mask)
    return _fused(query, keys, values, mask=mask, causal=without_mask), None


def _fused(query: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None, causal: bool) -> Tensor:
    """PyTorch's kernel; on a CPU, where a gradient is wanted, never in bf16: its way back is slow there."""
    if query.device.type != "cpu" or query.dtype != torch.bfloat16 or not query.requires_grad:
        return F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, is_causal=causal)
    with torch.autocast("cpu", enabled=False):
        context = F.scaled_dot_product_attention(
            query.float(), keys.float(), values.float(), attn_mask=mask, is_causal=causal
        )
    return context.to(query.dtype)


def _causal(queries: int, keys: int, *, mask: Tensor | None, device: torch.device) -> Tensor | None:
    """The mask, and nothing beyond each query's own place; None if that forbids nothing."""
    if queries == 1 and mask is None:
        return None
    past = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)
    if mask is None:
        return past
    own = past & past.triu(keys - queries)
    return (mask & past) | own
