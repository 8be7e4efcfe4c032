"""The transformer of 2017: an encoder and a decoder that read all words at once, by attention alone.

=====================================================  ======================================================
paper                                                  here
=====================================================  ======================================================
N identical layers of two sublayers      (V, 3.1)      ``encoder.blocks``, of `EncoderBlock`
N identical layers of three              (V, 3.1)      ``decoder.blocks``, of `DecoderBlock`
Attention(Q, K, V), h heads          (V, 3.2.1, 2)     `MultiHeadAttention`
keys and values of the encoder's output  (V, 3.2.3)    ``cross_attention`` of each block of the decoder
no position attends to a later one       (V, 3.2.3)    `DecoderBlock`, causal
FFN(x) = max(0, x W₁ + b₁) W₂ + b₂       (V, 3.3)      `FeedForward`
embeddings times √C, output matrix tied  (V, 3.4)      `Stack.embed`, ``tie``
PE(p, 2i), PE(p, 2i + 1)                 (V, 3.5)      ``positions="sinusoidal"``
LayerNorm(x + Sublayer(x))               (V, 3.1)      ``norm_first=False``
=====================================================  ======================================================

V: Vaswani et al. 2017.

Deviations, and why. All but the last two have switches in the config.

- Pre-norm is the default: it learns at high rates from the start, where post-norm wants a long warm-up (Xiong
  et al. 2020). Each stack then needs one more norm at its end, and what sublayers write is scaled down by the
  root of their number at first (Radford et al. 2019). ``norm_first=False`` is the paper's order.
- V has 512 numbers, 8 heads and 6 layers, and four times as many numbers inside the feed-forward nets; here
  128, 4 and 2, and twice as many inside, learn this course's sentences in a minute or two.
- No dropout by default: sentences come from a grammar, and each is seen once or twice. With it, sublayers'
  outputs and sums of words and places are dropped as in V, 5.4.
- Learned and rotary positions, and none, are there to compare. Rotary ones turn queries and keys of the
  self-attentions only: a place in one language has no distance from a place in the other.
- V ties three tables, since its languages share one vocabulary of pieces. Here they are two vocabularies of
  words, so source vectors are a table of their own; and the output has a bias.
- V smooths labels, which costs likelihood and gains BLEU there; here the loss is the likelihood.

References
----------
Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin (2017), Attention Is All You Need.
Xiong et al. (2020), On Layer Normalization in the Transformer Architecture.
Radford, Wu, Child, Luan, Amodei and Sutskever (2019), Language Models are Unsupervised Multitask Learners.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models.seq2seq_parts import BEGIN, END, PADDING, SPECIAL
from course_utils.models.transformer_parts import (
    HeadWeights,
    TransformerConfig,
    TransformerDecoder,
    TransformerEncoder,
    TransformerState,
)

__all__ = [
    "BEGIN",
    "END",
    "PADDING",
    "SPECIAL",
    "HeadWeights",
    "Transformer",
    "TransformerConfig",
    "TransformerState",
]


class Transformer(nn.Module):
    """An encoder and a decoder.

    A decoder has L · H maps of attention to the source. Where one is asked for (`forward`, `attend`), it is
    the mean over the heads of one block, `shown_layer`; `head_weights` gives them all.

    Parameters
    ----------
    config : TransformerConfig
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = TransformerEncoder(config)
        self.decoder = TransformerDecoder(config)
        self._shown_layer = config.layers - 1

    @property
    def shown_layer(self) -> int:
        """The decoder's block, from 0, whose attention to the source is shown and can be replaced."""
        return self._shown_layer

    @shown_layer.setter
    def shown_layer(self, layer: int) -> None:
        if not 0 <= layer < self.config.layers:
            raise ValueError(f"there is no layer {layer}; choose 0 to {self.config.layers - 1}.")
        self._shown_layer = layer

    # -- all words at once ---------------------------------------------------------------------------------

    def forward(
        self, source: Tensor, target: Tensor, *, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Score each next word, the right words before it given (teacher forcing).

        Parameters
        ----------
        source : int Tensor of shape (B, S)
        target : int Tensor of shape (B, T)
            Begins with the mark `BEGIN`; padded with 0.
        return_attention : bool

        Returns
        -------
        scores : Tensor of shape (B, T, V)
            Step t scores the word after target words 0 … t.
        weights : Tensor of shape (B, T, S)
            Only with `return_attention`: to the source, the mean over the heads of `shown_layer`.

        Raises
        ------
        ValueError
            If a sentence is empty, or longer than learned positions go.
        """
        memory, mask, _ = self.encoder(source)
        scores, looks = self.decoder(
            target,
            [memory] * self.config.layers,
            mask=mask,
            shown=[self.shown_layer] if return_attention else [],
        )
        return (scores, looks[0].cross.mean(dim=1)) if return_attention else scores

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean negative log-probability of the target words and the end mark, in nats per token.

        Parameters
        ----------
        batch : (source, target)
            Int Tensors of shapes (B, S) and (B, T + 1); the target from `BEGIN` to `END`, padded with 0.
        """
        source, target = batch
        scores = self(source, target[:, :-1])  # (B, T, V)
        return F.cross_entropy(scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PADDING)

    def head_weights(self, source: Tensor, target: Tensor) -> HeadWeights:
        """Where every head looked; parameters as for `forward`."""
        L = self.config.layers
        memory, mask, found = self.encoder(source, return_attention=True)
        _, looks = self.decoder(target, [memory] * L, mask=mask, shown=range(L))
        own, cross = (torch.stack(maps) for maps in zip(*looks, strict=True))
        return HeadWeights(torch.stack(found), own, cross)

    # -- word by word --------------------------------------------------------------------------------------

    @torch.no_grad()
    def start(self, source: Tensor) -> TransformerState:
        """Read source ids (B, S), padded with 0; the state with which decoding begins."""
        memory, mask, _ = self.encoder(source)
        return self.decoder.remember(memory, mask)

    @torch.no_grad()
    def step(self, state: TransformerState, tokens: Tensor) -> tuple[Tensor, TransformerState]:
        """Log-probabilities (B, V) of the word after tokens (B,), and the new state: what decoding calls.

        Keys and values of the words before come from the state's caches, so each step costs one word. No
        gradient is kept.
        """
        caches = tuple(cache.fork() for cache in state.caches)
        scores, _ = self.decoder(tokens[:, None], state.memories, mask=state.mask, caches=caches)
        return scores[:, 0].log_softmax(dim=-1), replace(state, caches=caches)

    @torch.no_grad()
    def attend(
        self, state: TransformerState, tokens: Tensor, *, weights: Tensor | None = None
    ) -> tuple[Tensor, TransformerState, Tensor]:
        """One step, with the attention to the source that was paid, or with one of your own.

        Parameters
        ----------
        state : TransformerState
        tokens : int Tensor of shape (B,)
            What each row wrote last; first of all `BEGIN`.
        weights : Tensor of shape (B, S), optional
            Used in every head of `shown_layer` in place of its own; other blocks look as before.

        Returns
        -------
        log_probabilities : Tensor of shape (B, V)
        state : TransformerState
        weights : Tensor of shape (B, S)
            The mean over the heads of `shown_layer`.

        Raises
        ------
        ValueError
            If the weights have another shape.
        """
        if weights is not None and weights.shape != state.mask.shape:
            raise ValueError(
                f"weights must have one number per source place, {tuple(state.mask.shape)}, not "
                f"{tuple(weights.shape)}."
            )
        caches = tuple(cache.fork() for cache in state.caches)
        scores, looks = self.decoder(
            tokens[:, None],
            state.memories,
            mask=state.mask,
            caches=caches,
            shown=[self.shown_layer],
            replaced=None if weights is None else (self.shown_layer, weights),
        )
        paid = looks[0].cross.mean(dim=1)[:, 0]
        return scores[:, 0].log_softmax(dim=-1), replace(state, caches=caches), paid
