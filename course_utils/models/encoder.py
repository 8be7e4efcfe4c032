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
this model. Positions are learned, as in BERT, and end at 512; ``norm_first`` and ``places="rotary"`` are
switches for encoders that the course trains itself, as in later encoders (Warner et al. 2024).

References
----------
Devlin, Chang, Lee and Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers.
Reimers and Gurevych (2019), Sentence-BERT.
Vaswani et al. (2017), Attention Is All You Need.
Warner et al. (2024), Smarter, Better, Faster, Longer: A Modern Bidirectional Encoder (ModernBERT).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils.layers.blocks import EncoderBlock
from course_utils.layers.positions import RotaryPositions

PLACES = ("learned", "rotary")


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
    norm_first: bool = False  # pre-norm blocks, and one norm more behind the last
    places: str = "learned"  # how a place is told: a vector for each, or "rotary", queries and keys turned

    def __post_init__(self) -> None:
        if self.places not in PLACES:
            raise ValueError(f"places is {self.places!r}; choose 'learned' or 'rotary'.")


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
        rotary, sizes = config.places == "rotary", (config.positions, config.width)
        self.position_embedding = None if rotary else nn.Embedding(*sizes)
        self.rotary = (
            RotaryPositions(config.width, heads=config.heads, longest=config.positions) if rotary else None
        )
        self.segment_embedding = nn.Embedding(config.segments, config.width)
        self.embedding_norm = nn.LayerNorm(config.width, eps=config.epsilon)
        self.blocks = nn.ModuleList(
            EncoderBlock(
                config.width,
                config.heads,
                inner=config.inner,
                epsilon=config.epsilon,
                norm_first=config.norm_first,
            )
            for _ in range(config.layers)
        )
        self.final_norm = nn.LayerNorm(config.width, eps=config.epsilon) if config.norm_first else None

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
        x = self.piece_embedding(tokens)  # (B, T, C)
        if self.position_embedding is not None:
            x = x + self.position_embedding(torch.arange(tokens.shape[1], device=tokens.device))
        return self.embedding_norm(x + self.segment_embedding.weight[0])

    def through(
        self, x: Tensor, *, mask: Tensor | None = None, first: int = 0, last: int | None = None
    ) -> Tensor:
        """Send vectors through some of the blocks.

        Parameters
        ----------
        x : Tensor of shape (B, T, C)
            What `embed` or an earlier call returned.
        mask
            As for `forward`.
        first, last : int
            Blocks from `first` to before `last`, from 0; by default all.

        Returns
        -------
        Tensor of shape (B, T, C)
        """
        looks, end = _for_heads(mask), len(self.blocks) if last is None else last
        for block in self.blocks[first:end]:
            x, _ = block(x, mask=looks, positions=self.rotary)
        return self._finish(x) if end == len(self.blocks) else x

    def _finish(self, x: Tensor) -> Tensor:
        return x if self.final_norm is None else self.final_norm(x)

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
        return self.through(self.embed(tokens), mask=mask)

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
            x, weights = block(x, mask=looks, positions=self.rotary, return_attention=True)
            layers.append(x)
            attention.append(weights)
        layers[-1] = self._finish(layers[-1])
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
