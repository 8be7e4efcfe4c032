"""The block of which transformers are stacked: look around, then think; a shortcut and a norm after each."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.attention import MultiHeadAttention


class FeedForward(nn.Module):
    """Two linear maps with a bend between, for each position by itself.

    Parameters
    ----------
    width : int
        Numbers per token, C.
    inner : int
        Numbers between the two maps, four times C as a rule.

    Notes
    -----
    The bend is GELU, x Φ(x) with the exact normal distribution Φ, as in BERT; the transformer of 2017
    had max(0, x).

    References
    ----------
    Hendrycks and Gimpel (2016), Gaussian Error Linear Units.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.widen = nn.Linear(width, inner)
        self.narrow = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, C) to (B, T, C)."""
        return self.narrow(F.gelu(self.widen(x)))


class EncoderBlock(nn.Module):
    """Self-attention and a feed-forward net, each added to its input and normalised afterwards (post-norm).

    Parameters
    ----------
    width : int
        Numbers per token, C.
    heads : int
    inner : int
        Width inside the feed-forward net.
    epsilon : float
        Added to the variance in both norms.

    References
    ----------
    Vaswani et al. (2017), Attention Is All You Need, section 3.1.
    Ba, Kiros and Hinton (2016), Layer Normalization.
    """

    def __init__(self, width: int, heads: int, *, inner: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(width, heads)
        self.attention_norm = nn.LayerNorm(width, eps=epsilon)
        self.feed_forward = FeedForward(width, inner)
        self.feed_forward_norm = nn.LayerNorm(width, eps=epsilon)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, return_attention: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Rewrite each vector by looking at the others.

        Parameters
        ----------
        x : Tensor of shape (B, T, C)
        mask : bool Tensor that fits (B, H, T, T), optional
            True marks positions that may be attended to.
        return_attention : bool

        Returns
        -------
        x : Tensor of shape (B, T, C)
        weights : Tensor of shape (B, H, T, T), or None without `return_attention`

        Raises
        ------
        ValueError
            If some row of `mask` allows no position.
        """
        seen, weights = self.attention(x, x, mask=mask, return_attention=return_attention)
        x = self.attention_norm(x + seen)
        return self.feed_forward_norm(x + self.feed_forward(x)), weights
