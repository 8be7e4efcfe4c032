"""One new token through a GPT, written out: the same numbers as its blocks give, in a fraction of the time.

A step multiplies a few vectors by matrices, and each product is so small that two things decide how long it
takes. How the matrix lies in memory: one whose rows belong to the inputs is read up to twice as fast as
`nn.Linear`'s, whose rows belong to the outputs. And what stands between the products: modules, choices,
dropout. So the parameters are laid out anew, once, query, key and value side by side, and the sublayers
follow each other without more ado.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from course_utils.layers.blocks import DecoderBlock
from course_utils.layers.key_value_cache import KeyValueCache
from course_utils.layers.positions import Positions


class BlockStep:
    """A pre-norm `DecoderBlock` without cross-attention, for one token a row.

    Parameters
    ----------
    block : DecoderBlock
        Its parameters are copied.
    """

    def __init__(self, block: DecoderBlock) -> None:
        attention, feed_forward = block.attention, block.feed_forward
        self.heads, self.bend = attention.heads, feed_forward.bend
        self.width = attention.query.out_features // attention.heads  # D
        self.attention_norm = _lay_out_norm(block.attention_norm)
        self.feed_forward_norm = _lay_out_norm(block.feed_forward_norm)
        self.read = _lay_out(attention.query, attention.key, attention.value)
        for part in self.read:  # 1 / √D, once and for all
            part[..., : attention.query.out_features] *= self.width**-0.5
        self.output, self.widen, self.narrow = map(
            _lay_out, (attention.output, feed_forward.widen, feed_forward.narrow)
        )

    def __call__(
        self,
        x: Tensor,
        *,
        cache: KeyValueCache,
        mask: Tensor | None,
        positions: Positions,
        start: int | Tensor,
    ) -> Tensor:
        """Vectors (B, C) of a token each to those behind the block.

        Parameters
        ----------
        x : Tensor of shape (B, C)
        cache, mask, positions, start
            As for `DecoderBlock.forward`.
        """
        read = torch.addmm(self.read[0], torch.layer_norm(x, *self.attention_norm), self.read[1])  # (B, 3 C)
        query, key, value = read.view(x.shape[0], 3, self.heads, 1, -1).unbind(1)  # (B, H, 1, D) each
        query, key = positions.rotate(query, start=start), positions.rotate(key, start=start)
        keys, values = cache.append(key, value)
        seen = _attend(query, keys, values, mask=mask)
        x = x + torch.addmm(self.output[0], seen.reshape(x.shape), self.output[1])
        read = torch.layer_norm(x, *self.feed_forward_norm)
        inner = self.bend(torch.addmm(self.widen[0], read, self.widen[1]))
        return x + torch.addmm(self.narrow[0], inner, self.narrow[1])


class TokenSteps:
    """All of a GPT behind its embeddings, for one token a row.

    Parameters
    ----------
    blocks : iterable of DecoderBlock
    final_norm : nn.LayerNorm
    output_vectors : Tensor of shape (V, C)
    parameters : sequence of nn.Parameter
        All of the model's, to notice when they have changed.
    """

    def __init__(
        self,
        blocks: Iterable[DecoderBlock],
        *,
        final_norm: nn.LayerNorm,
        output_vectors: Tensor,
        parameters: Sequence[nn.Parameter],
    ) -> None:
        self.blocks = [BlockStep(block) for block in blocks]
        self.final_norm = _lay_out_norm(final_norm)
        self.output_vectors = output_vectors.detach().T.contiguous()  # (C, V)
        # Kept alive, so that no other parameters can come to lie in their memory.
        self.parameters, self.versions = list(parameters), _versions(parameters)

    def fit(self, parameters: Sequence[nn.Parameter]) -> bool:
        """Whether these are the parameters that were laid out, unchanged since."""
        return _versions(parameters) == self.versions

    def __call__(
        self,
        x: Tensor,
        *,
        caches: Sequence[KeyValueCache],
        mask: Tensor | None,
        positions: Positions,
        start: int | Tensor,
    ) -> Tensor:
        """Embedded tokens (B, C) to the scores (B, V) of what follows them; arguments as `BlockStep`."""
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block(x, cache=cache, mask=mask, positions=positions, start=start)
        return torch.layer_norm(x, *self.final_norm) @ self.output_vectors


def _attend(query: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None) -> Tensor:
    """Context (B, H, 1, D) of scaled queries (B, H, 1, D); at one query a fused kernel gains nothing."""
    scores = query @ keys.transpose(2, 3)  # (B, H, 1, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1) @ values


def _lay_out(*layers: nn.Linear) -> tuple[Tensor, Tensor]:
    """Bias (N,) and weights (C, N) of layers with one input, side by side."""
    weights = torch.cat([layer.weight.detach() for layer in layers])  # (N, C)
    return torch.cat([layer.bias.detach() for layer in layers]), weights.T.contiguous()


def _lay_out_norm(layer: nn.LayerNorm) -> tuple[tuple[int, ...], Tensor, Tensor, float]:
    return (
        tuple(layer.normalized_shape),
        layer.weight.detach().clone(),
        layer.bias.detach().clone(),
        layer.eps,
    )


def _versions(parameters: Sequence[nn.Parameter]) -> list[tuple[int, int]]:
    # Updates in place raise the first number, a move to another device changes the second.
    return [(parameter._version, parameter.data_ptr()) for parameter in parameters]
