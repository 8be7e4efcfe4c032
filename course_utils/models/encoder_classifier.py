"""An encoder that learns to sort texts: one linear layer on top, and as many of its layers as may change.

======================================================  ================================================
paper                                                   here
======================================================  ================================================
"one additional output layer"             (D, 4)        ``EncoderClassifier.linear``
all parameters are fine-tuned             (D, 4)        ``trained=None``
frozen features                           (D, 5.3)      ``trained=0``
the upper layers alone                    (H, 3.2)      ``trained=k``: the last k blocks
======================================================  ================================================

D: Devlin et al. 2019; H: Howard and Ruder 2018. Differences: the text's vector is the mean over its pieces,
at one fixed length, and not that of [CLS], since MiniLM was trained so; no dropout inside the encoder.

Frozen layers give the same vectors in every pass, so they are run once: `enter` runs them, and what it
returns is what the classifier learns from.

References
----------
Devlin, Chang, Lee and Toutanova (2019), BERT. Howard and Ruder (2018), Universal Language Model Fine-tuning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.masks import padding_mask
from course_utils.models.encoder import Encoder, mean_pool

RUN_TOGETHER = 64  # texts, where nothing is learned


class Labelled(NamedTuple):
    """A batch of texts: what `EncoderClassifier.enter` made of them, padded, and their classes."""

    entered: Tensor  # (B, T) tokens, or (B, T, C) vectors behind the frozen layers
    mask: Tensor  # bool (B, T), True at pieces
    labels: Tensor  # int (B,)


class EncoderClassifier(nn.Module):
    """Says which class a text belongs to.

    Parameters
    ----------
    encoder : Encoder
        Changed in place by training; hand in a copy to keep it.
    classes : int
    trained : int, optional
        How many blocks learn, counted from the last; 0 for none, None for all and the embeddings, too.
    dropout : float
        Share of the text vector's numbers set to 0 while training.
    scale : float
        Length of the text vector; the longer, the faster the linear layer learns.
    fast_dtype : torch.dtype
        Number format of the encoder's products in `loss`.

    Raises
    ------
    ValueError
        If there are not two classes, or the encoder has fewer blocks.
    """

    def __init__(
        self,
        encoder: Encoder,
        classes: int,
        *,
        trained: int | None = None,
        dropout: float = 0.1,
        scale: float = 10.0,
        fast_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"classes is {classes}; there is nothing to tell apart below 2.")
        if trained is not None and not 0 <= trained <= len(encoder.blocks):
            raise ValueError(
                f"trained is {trained}; the encoder has {len(encoder.blocks)} blocks, so choose 0 to "
                f"{len(encoder.blocks)}, or None for all and the embeddings."
            )
        self.encoder, self.trained, self.scale, self.fast_dtype = encoder, trained, scale, fast_dtype
        self.drop = nn.Dropout(dropout)
        self.linear = nn.Linear(encoder.config.width, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.frozen = 0 if trained is None else len(encoder.blocks) - trained  # blocks that never change
        encoder.requires_grad_(trained is None)
        encoder.blocks[self.frozen :].requires_grad_(True)

    @torch.no_grad()
    def enter(self, texts: Sequence[Sequence[int]]) -> list[Tensor]:
        """Run the frozen layers over texts, once and for all.

        Parameters
        ----------
        texts : sequence of N sequences of int
            Tokens, marks included.

        Returns
        -------
        list of N Tensors
            Vectors of shape (T, C) behind the last frozen block; the tokens, (T,), if none is frozen.
        """
        rows = [torch.tensor(text) for text in texts]
        if self.trained is None:
            return rows
        entered: list[Tensor] = [torch.empty(0)] * len(rows)
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        for start in range(0, len(order), RUN_TOGETHER):
            places = order[start : start + RUN_TOGETHER]
            tokens, mask = _pad([rows[place] for place in places])
            with self._fast(tokens):
                x = self.encoder.through(self.encoder.embed(tokens), mask=mask, last=self.frozen)
            for place, vectors in zip(places, x.float(), strict=True):
                entered[place] = vectors[: len(rows[place])].clone()
        return entered

    def forward(self, entered: Tensor, *, mask: Tensor) -> Tensor:
        """Scores of all classes, (B, classes), for what `enter` returned, padded, and its mask (B, T)."""
        with self._fast(entered):
            x = self.encoder.embed(entered) if self.trained is None else entered
            if self.frozen < len(self.encoder.blocks):
                x = self.encoder.through(x, mask=mask, first=self.frozen)
        text = F.normalize(mean_pool(x.float(), mask=mask), dim=-1)  # (B, C)
        scores: Tensor = self.linear(self.drop(self.scale * text))
        return scores

    def loss(self, batch: Labelled) -> Tensor:
        """Mean cross-entropy in nats per text."""
        return F.cross_entropy(self(batch.entered, mask=batch.mask), batch.labels)

    @torch.no_grad()
    def predict(self, entered: Sequence[Tensor]) -> Tensor:
        """The most probable class of each of N texts that went through `enter`, int (N,); without dropout."""
        was_training = self.training
        self.eval()
        try:
            answers = torch.empty(len(entered), dtype=torch.long)
            order = sorted(range(len(entered)), key=lambda row: len(entered[row]))
            for start in range(0, len(order), RUN_TOGETHER):
                places = order[start : start + RUN_TOGETHER]
                padded, mask = _pad([entered[place] for place in places])
                answers[places] = self(padded, mask=mask).argmax(dim=1)
            return answers
        finally:
            self.train(was_training)

    def _fast(self, like: Tensor) -> torch.autocast:
        return torch.autocast(
            like.device.type, dtype=self.fast_dtype, enabled=self.fast_dtype != torch.float32
        )


def labelled_batches(
    entered: Sequence[Tensor], labels: Sequence[int], *, size: int
) -> Callable[[torch.Generator], Iterator[Labelled]]:
    """One pass over the texts in random order, for `fit`; the last batch may be smaller.

    Parameters
    ----------
    entered : sequence of N Tensors
        As `EncoderClassifier.enter` returns them.
    labels : sequence of N int
    size : int
        Texts a batch.
    """
    classes = torch.as_tensor(labels)

    def one_pass(generator: torch.Generator) -> Iterator[Labelled]:
        for rows in torch.randperm(len(entered), generator=generator).split(size):
            padded, mask = _pad([entered[row] for row in rows.tolist()])
            yield Labelled(padded, mask, classes[rows])

    return one_pass


def _pad(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as one Tensor (B, T, …), filled with 0, and its mask (B, T)."""
    lengths = torch.tensor([len(row) for row in rows])
    padded = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    return padded, padding_mask(lengths, width=padded.shape[1])
