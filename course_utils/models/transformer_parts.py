"""What `transformer` is composed of: config, encoder, decoder, and the state between steps of decoding.

The paper, its equations and the deviations from them stand in `transformer`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.blocks import ACTIVATIONS, Block, DecoderBlock, EncoderBlock, Looks
from course_utils.layers.key_value_cache import KeyValueCache
from course_utils.layers.positions import POSITIONS, Positions
from course_utils.models.seq2seq_parts import PADDING, SPECIAL

ROOM = 32  # target tokens for which memory is allocated at first; it grows


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and parts of the model."""

    source_vocabulary: int  # ids of the source: padding, begin, end, then words
    target_vocabulary: int  # V, ids of the target, counted alike
    width: int = 128  # C: numbers per token
    heads: int = 4  # H, of C / H numbers each
    layers: int = 2  # L: blocks of the encoder, and as many of the decoder
    inner: int = 256  # width inside the feed-forward nets
    positions: str = "sinusoidal"  # "none", "learned", "sinusoidal" or "rotary"
    norm_first: bool = True  # False: post-norm, as in 2017
    activation: str = "relu"  # "relu", "gelu" or "gelu tanh"
    dropout: float = 0.0  # share of numbers set to 0 while training
    tie: bool = True  # the table of target vectors is the matrix of the output, too
    longest: int = 256  # places that are made ready; learned positions end there

    def __post_init__(self) -> None:
        if min(self.source_vocabulary, self.target_vocabulary) <= SPECIAL:
            raise ValueError(f"a vocabulary needs ids beyond the {SPECIAL} of padding, begin and end.")
        if min(self.layers, self.inner) < 1:
            raise ValueError(f"layers is {self.layers} and inner {self.inner}; both must be 1 or more.")
        if self.positions not in POSITIONS:
            raise ValueError(
                f"positions {self.positions!r} is unknown; choose {', '.join(map(repr, POSITIONS))}."
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation {self.activation!r} is unknown; choose {', '.join(map(repr, ACTIVATIONS))}."
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be 0 or more and below 1.")
        POSITIONS[self.positions](self.width, heads=self.heads, longest=self.longest)  # refuses wrong sizes

    @property
    def attention(self) -> str:
        """The kind of attention, under the name by which translators ask for it."""
        return "multi-head"


@dataclass(frozen=True)
class TransformerState:
    """What decoding hands on from word to word; the batch is the first dimension of every tensor."""

    caches: tuple[KeyValueCache, ...]  # of the target so far, one per block
    memories: tuple[tuple[Tensor, Tensor], ...]  # per block: keys and values (B, H, S, D) of the source
    mask: Tensor  # (B, S): True where there is a word


@dataclass(frozen=True)
class HeadWeights:
    """Where every head of every block looked; each row sums to 1."""

    encoder: Tensor  # (L, B, H, S, S): source at source
    decoder: Tensor  # (L, B, H, T, T): target at what stands before it
    cross: Tensor  # (L, B, H, T, S): target at source


class Stack(nn.Module):
    """Words, places and blocks of one side; what encoder and decoder share.

    Parameters
    ----------
    config : TransformerConfig
    vocabulary : int
        Ids of this side.
    block : type
        `EncoderBlock` or `DecoderBlock`.
    sublayers : int
        In a block; they all write into one shortcut.
    """

    def __init__(
        self, config: TransformerConfig, *, vocabulary: int, block: type[Block], sublayers: int
    ) -> None:
        super().__init__()
        C, H = config.width, config.heads
        self.config = config
        self.words = nn.Embedding(vocabulary, C)
        self.positions: Positions = POSITIONS[config.positions](C, heads=H, longest=config.longest)
        self.blocks = nn.ModuleList(
            block(
                C,
                H,
                inner=config.inner,
                norm_first=config.norm_first,
                activation=config.activation,
                dropout=config.dropout,
            )
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(C) if config.norm_first else nn.Identity()
        nn.init.normal_(self.words.weight, std=C**-0.5)
        self._initialise(config.layers * sublayers if config.norm_first else 1)

    def _initialise(self, shares: int) -> None:
        """Xavier's matrices, no biases; what sublayers write into a pre-norm shortcut is shared out."""
        for name, parameter in self.blocks.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                writes = name.endswith(("output.weight", "narrow.weight"))
                nn.init.xavier_uniform_(parameter, gain=shares**-0.5 if writes else 1.0)

    def embed(self, tokens: Tensor, *, start: int = 0) -> Tensor:
        """Vectors of words (B, T), the first of which stands at place `start`: (B, T, C)."""
        x = self.words(tokens) * math.sqrt(self.config.width)
        return F.dropout(self.positions.add(x, start=start), self.config.dropout, self.training)


class TransformerEncoder(Stack):
    """A sentence in, a vector for each word out."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config, vocabulary=config.source_vocabulary, block=EncoderBlock, sublayers=2)

    def forward(
        self, source: Tensor, *, return_attention: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Read source ids (B, S), padded with 0.

        Returns
        -------
        memory : Tensor of shape (B, S, C)
        mask : bool Tensor of shape (B, S)
        weights : list of L Tensors of shape (B, H, S, S)
            Empty without `return_attention`.

        Raises
        ------
        ValueError
            If a sentence is empty, or too long for learned positions.
        """
        mask = source.ne(PADDING)
        x, found = self.embed(source), []
        for block in self.blocks:
            x, weights = block(
                x, mask=mask[:, None, None], positions=self.positions, return_attention=return_attention
            )
            found.append(weights)
        return self.norm(x), mask, found if return_attention else []


class TransformerDecoder(Stack):
    """From the words so far to the scores of the next one."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config, vocabulary=config.target_vocabulary, block=DecoderBlock, sublayers=3)
        self.bias = nn.Parameter(torch.zeros(config.target_vocabulary))
        if not config.tie:
            self.output = nn.Linear(config.width, config.target_vocabulary, bias=False)
            nn.init.normal_(self.output.weight, std=config.width**-0.5)

    def remember(self, memory: Tensor, mask: Tensor) -> TransformerState:
        """The state with which decoding begins: what each block will ask of the memory (B, S, C)."""
        H, C = self.config.heads, self.config.width
        caches = tuple(
            KeyValueCache.empty(len(memory), heads=H, width=C // H, room=ROOM, like=memory)
            for _ in self.blocks
        )
        blocks = cast(list[DecoderBlock], list(self.blocks))
        return TransformerState(caches, tuple(b.cross_attention.remember(memory) for b in blocks), mask)

    def forward(
        self,
        target: Tensor,
        memories: Sequence[Tensor | tuple[Tensor, Tensor]],
        *,
        mask: Tensor,
        caches: Sequence[KeyValueCache] | None = None,
        shown: Collection[int] = (),
        replaced: tuple[int, Tensor] | None = None,
    ) -> tuple[Tensor, list[Looks]]:
        """Score each next word.

        Parameters
        ----------
        target : int Tensor of shape (B, T)
        memories : sequence of L Tensors of shape (B, S, C), or of pairs as `remember` makes them
        mask : bool Tensor of shape (B, S)
            True where there is a source word.
        caches : sequence of L KeyValueCache, optional
            Of the words before; those in `target` are added.
        shown : collection of int
            Blocks of which the attention is wanted.
        replaced : (block, Tensor of shape (B, S)), optional
            Attention to the source to pay in every head of this block instead of its own.

        Returns
        -------
        scores : Tensor of shape (B, T, V)
        looks : list of Looks
            Of the blocks shown, in their order.
        """
        x = self.embed(target, start=caches[0].filled if caches else 0)
        found = []
        for layer, (block, memory) in enumerate(zip(self.blocks, memories, strict=True)):
            x, looks = block(
                x,
                memory=memory,
                memory_mask=mask[:, None, None],
                positions=self.positions,
                cache=caches[layer] if caches else None,
                return_attention=layer in shown,
                cross_weights=replaced[1][:, None, None] if replaced and replaced[0] == layer else None,
            )
            found += [] if looks is None else [looks]
        table = self.words.weight if self.config.tie else self.output.weight
        return F.linear(self.norm(x), table, self.bias), found
