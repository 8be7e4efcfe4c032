"""The blocks of which transformers are stacked: look around, then think; a shortcut and a norm for each.

==================================================  ==========================================
paper                                               here
==================================================  ==========================================
LayerNorm(x + Sublayer(x)), post-norm     (V, 3.1)  ``norm_first=False``
x + Sublayer(LayerNorm(x)), pre-norm    (X, fig. 1)  ``norm_first=True``
the encoder's layer: two sublayers        (V, 3.1)  `EncoderBlock`
the decoder's layer: three                (V, 3.1)  `DecoderBlock`
FFN(x) = max(0, x W₁ + b₁) W₂ + b₂ (V, equation 2)  `FeedForward` with ``activation="relu"``
dropout of each sublayer's output         (V, 5.4)  ``dropout``
a decoder without an encoder                   (R)  `DecoderBlock` with ``cross=False``
==================================================  ==========================================

V: Vaswani et al. 2017; X: Xiong et al. 2020; R: Radford et al. 2018.

Differences: the bend is GELU unless asked otherwise; attention weights are never dropped. A pre-norm stack
needs one more norm behind its last block, which belongs to the model.

References
----------
Vaswani et al. (2017), Attention Is All You Need, section 3.
Xiong et al. (2020), On Layer Normalization in the Transformer Architecture.
Radford, Narasimhan, Salimans and Sutskever (2018), Improving Language Understanding by Generative
Pre-Training.
Ba, Kiros and Hinton (2016), Layer Normalization.
Hendrycks and Gimpel (2016), Gaussian Error Linear Units.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.attention import MultiHeadAttention
from course_utils.layers.key_value_cache import KeyValueCache
from course_utils.layers.positions import Positions
from course_utils.layers.products import Linear

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,  # x Φ(x) with the exact normal distribution Φ: BERT
    "gelu tanh": partial(F.gelu, approximate="tanh"),  # Φ by a formula with tanh: GPT-2
    "relu": F.relu,  # max(0, x): the transformer of 2017
}


class FeedForward(nn.Module):
    """Two linear maps with a bend between, for each position by itself.

    Parameters
    ----------
    width : int
        Numbers per token, C.
    inner : int
        Numbers between the two maps, four times C as a rule.
    activation : str
        The bend: "gelu", "gelu tanh" or "relu".

    Raises
    ------
    ValueError
        If the activation is unknown.
    """

    def __init__(self, width: int, inner: int, *, activation: str = "gelu") -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"activation {activation!r} is unknown; choose {', '.join(map(repr, ACTIVATIONS))}."
            )
        self.widen = Linear(width, inner)
        self.narrow = Linear(inner, width)
        self.bend = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, C) to (B, T, C)."""
        return self.narrow(self.bend(self.widen(x)))


class Block(nn.Module):
    """Self-attention and a feed-forward net, and how what they say is joined to what came in.

    Parameters
    ----------
    width : int
        Numbers per token, C.
    heads : int
    inner : int
        Width inside the feed-forward net.
    epsilon : float
        Added to the variance in each norm.
    norm_first : bool
        Normalise what a sublayer reads (pre-norm), not what it and its shortcut say together (post-norm).
    activation : str
        Of the feed-forward net.
    dropout : float
        Share of each sublayer's numbers that are set to 0 in training, before the shortcut is added.

    Raises
    ------
    ValueError
        If the heads do not divide the width, the activation is unknown, or the dropout is out of range.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        inner: int,
        epsilon: float = 1e-5,
        norm_first: bool = False,
        activation: str = "gelu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; it must be 0 or more and below 1.")
        self.norm_first, self.dropout = norm_first, dropout
        self.attention = MultiHeadAttention(width, heads)
        self.attention_norm = nn.LayerNorm(width, eps=epsilon)
        self.feed_forward = FeedForward(width, inner, activation=activation)
        self.feed_forward_norm = nn.LayerNorm(width, eps=epsilon)

    def _enter(self, x: Tensor, norm: nn.LayerNorm) -> Tensor:
        """What a sublayer reads."""
        return norm(x) if self.norm_first else x

    def _join(self, x: Tensor, said: Tensor, norm: nn.LayerNorm) -> Tensor:
        """What came in and what the sublayer said, together."""
        joined = x + F.dropout(said, self.dropout, self.training)
        return joined if self.norm_first else norm(joined)

    def _think(self, x: Tensor) -> Tensor:
        """The last sublayer: (B, T, C) to (B, T, C)."""
        said = self.feed_forward(self._enter(x, self.feed_forward_norm))
        return self._join(x, said, self.feed_forward_norm)


class EncoderBlock(Block):
    """Each position looks at all; see `Block` for the parameters."""

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None = None,
        return_attention: bool = False,
        positions: Positions | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Rewrite each vector by looking at the others.

        Parameters
        ----------
        x : Tensor of shape (B, T, C)
        mask : bool Tensor that fits (B, H, T, T), optional
            True marks positions that may be attended to.
        return_attention : bool
        positions : Positions, optional
            Turns queries and keys.

        Returns
        -------
        x : Tensor of shape (B, T, C)
        weights : Tensor of shape (B, H, T, T), or None without `return_attention`

        Raises
        ------
        ValueError
            If some row of `mask` allows no position.
        """
        read = self._enter(x, self.attention_norm)
        seen, weights = self.attention(
            read, read, mask=mask, return_attention=return_attention, positions=positions
        )
        return self._think(self._join(x, seen, self.attention_norm)), weights


class Looks(NamedTuple):
    """Where a decoder block looked."""

    own: Tensor  # (B, H, T, S'): at the text itself, S' tokens long with those in the cache
    cross: Tensor | None  # (B, H, T, S): at the memory


class DecoderBlock(Block):
    """Each position looks at those before it, then at a memory; see `Block` for the other parameters.

    Parameters
    ----------
    cross : bool
        Whether there is a memory to look at; GPT has none.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        inner: int,
        epsilon: float = 1e-5,
        norm_first: bool = False,
        activation: str = "gelu",
        dropout: float = 0.0,
        cross: bool = True,
    ) -> None:
        super().__init__(
            width,
            heads,
            inner=inner,
            epsilon=epsilon,
            norm_first=norm_first,
            activation=activation,
            dropout=dropout,
        )
        if cross:
            self.cross_attention = MultiHeadAttention(width, heads)
            self.cross_attention_norm = nn.LayerNorm(width, eps=epsilon)
        self.cross = cross

    def forward(
        self,
        x: Tensor,
        *,
        memory: Tensor | tuple[Tensor, Tensor] | None = None,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        positions: Positions | None = None,
        start: int | Tensor | None = None,
        cache: KeyValueCache | None = None,
        return_attention: bool = False,
        cross_weights: Tensor | None = None,
    ) -> tuple[Tensor, Looks | None]:
        """Rewrite each vector by looking back and at the memory.

        Parameters
        ----------
        x : Tensor of shape (B, T, C)
        memory : Tensor of shape (B, S, C), or what ``cross_attention.remember`` made of it
        mask : bool Tensor that fits (B, H, T, S'), optional
            True marks tokens of the text; needed only if padding stands on the left. Places to come are
            forbidden in any case, and its own is open to each.
        memory_mask : bool Tensor that fits (B, H, T, S), optional
            True marks positions of the memory that may be attended to.
        positions, start, cache
            As for `MultiHeadAttention`, in self-attention. The memory's keys are never turned: a place in
            one text has no distance from a place in another.
        return_attention : bool
        cross_weights : Tensor that fits (B, H, T, S), optional
            Paid to the memory in place of the block's own.

        Returns
        -------
        x : Tensor of shape (B, T, C)
        looks : Looks, or None without `return_attention`

        Raises
        ------
        ValueError
            If there is a memory and no cross-attention, or the other way round; else as
            `MultiHeadAttention.forward`.
        """
        if (memory is not None) != self.cross:
            raise ValueError(
                "this block has cross-attention and needs a memory."
                if self.cross
                else "this block has no cross-attention; give no memory, or build it with cross=True."
            )
        read, paid = self._enter(x, self.attention_norm), None
        seen, own = self.attention(
            read,
            read,
            mask=mask,
            return_attention=return_attention,
            causal=True,
            positions=positions,
            start=start,
            cache=cache,
        )
        x = self._join(x, seen, self.attention_norm)
        if memory is not None:
            read = self._enter(x, self.cross_attention_norm)
            seen, paid = self.cross_attention(
                read, memory, mask=memory_mask, return_attention=return_attention, weights=cross_weights
            )
            x = self._join(x, seen, self.cross_attention_norm)
        return self._think(x), None if own is None else Looks(own, paid)
