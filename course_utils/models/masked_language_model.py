"""The encoder of BERT learns: hidden tokens are guessed from what stands on both sides.

======================================================  ================================================
paper (Devlin et al. 2019)                              here
======================================================  ================================================
mask 15 % of the tokens, 80/10/10       (3.1 and A.1)   `masking.hide`
"the final hidden vectors corresponding to the mask
tokens are fed into an output softmax"           (3.1)  `MaskedLanguageModel.loss`: hidden places alone
the transform before it (in the published code only)    `MaskedHead`: linear, GELU, norm
output vectors are the input vectors   (published code) ``encoder.piece_embedding.weight``, and a bias
deviation 0.02 at the start            (published code) `MaskedLanguageModel.reset`
======================================================  ================================================

Differences: no next-sentence prediction, which later work found to be of no help (Liu et al. 2019); without
it no segments and no [CLS] are needed. ``both_ways=False`` shuts each place off from all that stands to the
right of it, so that the worth of reading both ways can be measured on an otherwise equal model.

References
----------
Devlin, Chang, Lee and Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers.
Liu et al. (2019), RoBERTa, section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.masks import causal_mask
from course_utils.models.encoder import Encoder, EncoderConfig
from course_utils.models.masking import Hidden


@dataclass(frozen=True)
class MaskedLanguageModelConfig:
    """An encoder's sizes, and how it may look; checked when made."""

    encoder: EncoderConfig  # its vocabulary counts the mark for hidden places, too
    mask_token: int  # that mark
    both_ways: bool = True  # False: each place looks at itself and to the left only

    def __post_init__(self) -> None:
        if not 0 <= self.mask_token < self.encoder.vocabulary_size:
            raise ValueError(
                f"mask_token is {self.mask_token}; the encoder knows tokens 0 to "
                f"{self.encoder.vocabulary_size - 1}."
            )


class MaskedHead(nn.Module):
    """From the vector of a place to scores of all tokens; the output vectors are passed in.

    Parameters
    ----------
    width : int
    vocabulary_size : int
    epsilon : float
        Added to the variance in the norm.
    """

    def __init__(self, width: int, vocabulary_size: int, *, epsilon: float) -> None:
        super().__init__()
        self.transform = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=epsilon)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    def forward(self, hidden: Tensor, output_vectors: Tensor) -> Tensor:
        """Map (..., C) to scores (..., V); output vectors have shape (V, C)."""
        return F.linear(self.norm(F.gelu(self.transform(hidden))), output_vectors, self.bias)


class MaskedLanguageModel(nn.Module):
    """Says what stood at hidden places of a text.

    Parameters
    ----------
    config : MaskedLanguageModelConfig
    fast_dtype : torch.dtype
        Number format of the encoder's products in `loss`, see `runtime.fast_dtype`; all else is float32.
    """

    def __init__(self, config: MaskedLanguageModelConfig, *, fast_dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config, self.fast_dtype = config, fast_dtype
        sizes = config.encoder
        self.encoder = Encoder(sizes)
        self.head = MaskedHead(sizes.width, sizes.vocabulary_size, epsilon=sizes.epsilon)
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Draw all parameters as BERT did: deviation 0.02, biases 0, norms 1."""
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:  # biases, and the norms' factors
                parameter.fill_(float("norm" in name and name.endswith("weight")))
            else:
                parameter.normal_(std=0.02)

    def read(
        self, tokens: Tensor, *, mask: Tensor | None = None, return_attention: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Vectors of the last layer, and where each head looked.

        Parameters
        ----------
        tokens : int Tensor of shape (B, T)
        mask : bool Tensor of shape (B, T), optional
            True marks tokens, False padding; with ``both_ways=False`` padding stands on the right.
        return_attention : bool

        Returns
        -------
        hidden : Tensor of shape (B, T, C)
        attention : Tensor of shape (L, B, H, T, T), or None without `return_attention`

        Raises
        ------
        ValueError
            If a text is longer than the encoder's positions, or some place may look nowhere.
        """
        looks = mask
        if not self.config.both_ways:
            looks = causal_mask(tokens.shape[1], device=tokens.device)[None]  # (1, T, T)
            looks = looks if mask is None else looks & mask[:, None]
        if not return_attention:
            return self.encoder(tokens, mask=looks), None
        layers, attention = self.encoder.layers(tokens, mask=looks)
        return layers[-1], attention

    def forward(self, tokens: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """Scores of all tokens at all places, shape (B, T, V); arguments and errors as for `read`."""
        return self.scores(self.read(tokens, mask=mask)[0])

    def scores(self, hidden: Tensor) -> Tensor:
        """Scores (..., V) of what stands at places with these vectors, (..., C)."""
        scores: Tensor = self.head(hidden, self.encoder.piece_embedding.weight)
        return scores

    def loss(self, batch: Hidden) -> Tensor:
        """Mean negative log-probability of what was hidden, in nats per hidden token.

        Only the hidden places count, and only they pass through the head.

        Parameters
        ----------
        batch : Hidden
            All tokens real, no padding.

        Raises
        ------
        ValueError
            If nothing is hidden; or as `read`.
        """
        if not bool(batch.chosen.any()):
            raise ValueError("no place of the batch is hidden; hide at least one.")
        with torch.autocast(
            batch.tokens.device.type, dtype=self.fast_dtype, enabled=self.fast_dtype != torch.float32
        ):
            hidden, _ = self.read(batch.tokens)
        return F.cross_entropy(self.scores(hidden[batch.chosen].float()), batch.targets[batch.chosen])
