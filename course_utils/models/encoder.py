"""The encoder of BERT: every piece of a text looks at every other, layer after layer.

==================================================  ==========================================
paper                                               here
==================================================  ==========================================
token + position + segment embedding  (D, fig. 2)   `Encoder.embed`
a stack of L post-norm blocks         (V, 3.1)      ``Encoder.blocks``
the mean of the last layer            (R, 3)        `mean_pool`
==================================================  ==========================================

D: Devlin et al. 2019; V: Vaswani et al. 2017; R: Reimers and Gurevych 2019. Differences: there is one
segment, so its embedding is the same everywhere; no dropout, since the course reads trained weights into
this model; positions are learned, as in BERT, and end at 512.

References
----------
Devlin, Chang, Lee and Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers.
Reimers and Gurevych (2019), Sentence-BERT.
Vaswani et al. (2017), Attention Is All You Need.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.layers.blocks import EncoderBlock


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the encoder; the defaults are MiniLM's."""

    vocabulary_size: int = 30_522  # V: pieces with an input vector
    width: int = 384  # C: numbers per piece
    layers: int = 6  # L: blocks
    heads: int = 12  # H, so that each head has D = 32 numbers
    inner: int = 1_536  # width inside the feed-forward nets
    positions: int = 512  # longest text, in pieces
    segments: int = 2  # BERT read two sentences at once; here all is segment 0
    epsilon: float = 1e-12  # added to the variance in each norm


class Encoder(nn.Module):
    """Pieces in, one vector per piece out, each formed by the whole text.

    Parameters
    ----------
    config : EncoderConfig
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.piece_embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.position_embedding = nn.Embedding(config.positions, config.width)
        self.segment_embedding = nn.Embedding(config.segments, config.width)
        self.embedding_norm = nn.LayerNorm(config.width, eps=config.epsilon)
        self.blocks = nn.ModuleList(
            EncoderBlock(config.width, config.heads, inner=config.inner, epsilon=config.epsilon)
            for _ in range(config.layers)
        )

    def embed(self, tokens: Tensor) -> Tensor:
        """Layer 0: what a piece is and where it stands, before it has looked around.

        Parameters
        ----------
        tokens : int Tensor of shape (B, T)

        Returns
        -------
        Tensor of shape (B, T, C)

        Raises
        ------
        ValueError
            If the rows are longer than the learned positions.
        """
        if tokens.shape[1] > self.config.positions:
            raise ValueError(
                f"a text of {tokens.shape[1]} pieces is too long; this encoder knows {self.config.positions} "
                "positions, so cut the text."
            )
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.piece_embedding(tokens) + self.position_embedding(positions)  # (B, T, C)
        return self.embedding_norm(x + self.segment_embedding.weight[0])

    def forward(self, tokens: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """Vectors of the last layer.

        Parameters
        ----------
        tokens : int Tensor of shape (B, T)
        mask : bool Tensor of shape (B, T), or one that fits (B, T, T), optional
            True marks pieces, False padding; or True marks, for each place (row), what it may look at.

        Returns
        -------
        Tensor of shape (B, T, C)

        Raises
        ------
        ValueError
            If a row is too long, all padding, or may look nowhere.
        """
        x, looks = self.embed(tokens), _for_heads(mask)
        for block in self.blocks:
            x, _ = block(x, mask=looks)
        return x

    def layers(self, tokens: Tensor, *, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Vectors of all layers, and where each head looked.

        Parameters
        ----------
        tokens, mask
            As for `forward`.

        Returns
        -------
        layers : Tensor of shape (L + 1, B, T, C)
            Layer 0 is what `embed` returns, the last what `forward` returns.
        attention : Tensor of shape (L, B, H, T, T)
            Each row sums to 1.
        """
        x, looks = self.embed(tokens), _for_heads(mask)
        layers, attention = [x], []
        for block in self.blocks:
            x, weights = block(x, mask=looks, return_attention=True)
            layers.append(x)
            attention.append(weights)
        return torch.stack(layers), torch.stack(attention)


def _for_heads(mask: Tensor | None) -> Tensor | None:
    """Let a mask of pieces (B, T), or one for each place (B, T, T), fit the scores (B, H, T, T)."""
    if mask is None:
        return None
    return mask[:, None] if mask.ndim == 3 else mask[:, None, None, :]


def mean_pool(hidden: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Average the vectors of a text's pieces; padding does not count.

    Parameters
    ----------
    hidden : Tensor of shape (B, T, C)
    mask : bool Tensor of shape (B, T), optional
        True marks pieces.

    Returns
    -------
    Tensor of shape (B, C)
    """
    if mask is None:
        return hidden.mean(dim=1)
    share = mask.to(hidden.dtype)[..., None]  # (B, T, 1)
    return (hidden * share).sum(dim=1) / share.sum(dim=1)
