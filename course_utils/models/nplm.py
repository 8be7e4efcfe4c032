"""A neural language model: Bengio, Ducharme, Vincent and Jauvin (2003), trained on CPU in seconds.

==================================================  ==========================================
paper (section 2)                                   here
==================================================  ==========================================
C, a row of m numbers for each word                 ``NPLM.embedding``
x = (C(w[t-1]), …, C(w[t-n+1])), side by side       `NPLM.hidden`, first line
tanh(d + H x)                                       `NPLM.hidden`
y = b + W x + U tanh(d + H x)                       `NPLM.forward`; W with ``direct=True``
softmax over all V words                            `SoftmaxLoss`, `NPLM.log_probabilities`
==================================================  ==========================================

Differences, and why: with ``tied=True`` the rows of U are the vectors of C, reached through one more
matrix (Press and Wolf 2017), so a word learns from each time it is predicted and not only from each time
it is context; dropout, unknown in 2003, stands in for weight decay; AdamW stands in for stochastic
gradient descent with a falling rate. The start of a document is a word of its own that is never predicted.

References
----------
Bengio, Ducharme, Vincent and Jauvin (2003), A Neural Probabilistic Language Model.
Press and Wolf (2017), Using the Output Embedding to Improve Language Models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class NPLMConfig:
    """Sizes of the network."""

    vocabulary_size: int  # V: words that can be predicted, the class of unknown words among them
    context: int = 4  # words before the one to predict, n - 1 in the paper
    dimension: int = 64  # m: numbers per word
    width: int = 128  # h: hidden units
    dropout: float = 0.2  # share of inputs and hidden units set to 0 while training
    tied: bool = True  # output vectors are the word vectors
    direct: bool = False  # connections from the word vectors straight to the output

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in ("vocabulary_size", "context", "dimension", "width")}
        for name, size in sizes.items():
            if size < (2 if name == "vocabulary_size" else 1):
                raise ValueError(
                    f"{name} is {size}; it must be {2 if name == 'vocabulary_size' else 1} or more."
                )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be 0 or more and below 1.")


class NPLM(nn.Module):
    """Predicts a word from the few before it.

    Parameters
    ----------
    config : NPLMConfig

    Notes
    -----
    Ids run from 0 to V - 1; in a context the id V stands for the start of a document.
    """

    def __init__(self, config: NPLMConfig) -> None:
        super().__init__()
        self.config = config
        wide = config.context * config.dimension
        self.embedding = nn.Embedding(config.vocabulary_size + 1, config.dimension)
        self.to_hidden = nn.Linear(wide, config.width)
        self.drop = nn.Dropout(config.dropout)
        out = config.dimension if config.tied else config.vocabulary_size
        self.from_hidden = nn.Linear(config.width, out, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary_size))
        self.direct = nn.Linear(wide, config.vocabulary_size, bias=False) if config.direct else None
        nn.init.normal_(self.embedding.weight, std=config.dimension**-0.5)

    def hidden(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """The word vectors side by side, (B, context · m), and tanh(d + H x), (B, h)."""
        x = self.drop(self.embedding(contexts).flatten(1))  # (B, context, m) -> (B, context · m)
        return x, self.drop(torch.tanh(self.to_hidden(x)))  # (B, h)

    def forward(self, contexts: Tensor) -> Tensor:
        """Scores of all words.

        Parameters
        ----------
        contexts : int Tensor of shape (B, context)
            Nearest word last.

        Returns
        -------
        Tensor of shape (B, V)
            Softmax over the last axis gives probabilities.

        Raises
        ------
        ValueError
            If the contexts have another width.
        """
        features, rows = self._last_layer(contexts)
        return torch.addmm(self.bias, features, rows.T)  # (B, V)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean negative log-probability of the targets, in nats per word.

        Parameters
        ----------
        batch : (contexts, targets)
            Int Tensors of shape (B, context) and (B,).
        """
        contexts, targets = batch
        features, rows = self._last_layer(contexts)
        loss: Tensor = SoftmaxLoss.apply(features, rows, self.bias, targets)
        return loss

    @torch.no_grad()
    def log_probabilities(self, contexts: Tensor, targets: Tensor, *, chunk: int = 1024) -> Tensor:
        """Log-probability of each target after its context, in nats, shape (N,); without dropout."""
        was_training = self.training
        self.eval()
        try:
            parts = [
                -F.cross_entropy(self(some), wanted, reduction="none")
                for some, wanted in zip(contexts.split(chunk), targets.split(chunk), strict=True)
            ]
        finally:
            self.train(was_training)
        return torch.cat(parts)

    def _last_layer(self, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, F) and one row of F numbers a word (V, F); their products plus b are the scores."""
        if contexts.ndim != 2 or contexts.shape[1] != self.config.context:
            raise ValueError(
                f"contexts must have shape (B, {self.config.context}), not {tuple(contexts.shape)}; "
                "see context_windows."
            )
        x, features = self.hidden(contexts)
        rows = self.from_hidden.weight  # (V, h)
        if self.config.tied:
            # (B, m) and (V, m); the start, the last row, is never predicted
            features, rows = self.from_hidden(features), self.embedding.weight[:-1]
        if self.direct is not None:
            features, rows = torch.cat([features, x], dim=1), torch.cat([rows, self.direct.weight], dim=1)
        return features, rows

    def vectors(self) -> Tensor:
        """The word vectors, C without the start of documents: shape (V, m)."""
        return self.embedding.weight[:-1].detach().clone()


class SoftmaxLoss(torch.autograd.Function):
    """Mean cross-entropy of a softmax over V words, its gradient by hand: one and a half times as fast.

    `F.cross_entropy` of a linear layer goes through (B, V) numbers about ten times, and on a CPU that
    takes longer than the products. Here the scores become probabilities in place, and these, less one at the
    targets, are already the gradient. The gradient can be had once only.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, rows: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        """Loss in nats of features (B, F), rows (V, F), bias (V,) and targets (B,)."""
        p = torch.addmm(bias, features, rows.T)  # (B, V)
        torch.softmax(p, dim=1, out=p)
        ctx.save_for_backward(features, rows, targets)
        ctx.p = p
        return -p.gather(1, targets[:, None]).clamp_min(1e-37).log().mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Products of p - one-hot with the other factor, divided by B."""
        features, rows, targets = ctx.saved_tensors
        p, ctx.p = ctx.p, None
        if p is None:
            raise RuntimeError("SoftmaxLoss gives its gradient once; compute the loss again.")
        p[torch.arange(len(targets)), targets] -= 1
        scale = gradients[0] / len(targets)
        return (p @ rows) * scale, p.T @ (features * scale), p.sum(dim=0) * scale, None


class Film(nn.Module):
    """A model that is filmed while it learns: at chosen steps some of its word vectors are kept.

    Train it in place of the model. The frames are a buffer, so they are saved and loaded with it.

    Parameters
    ----------
    model : NPLM
    rows : sequence of int
        Ids of the N words to film.
    steps : sequence of int
        After how many updates to take a frame, rising; the state at the end is added by `take`.
    """

    frames: Tensor
    count: Tensor

    def __init__(self, model: NPLM, *, rows: Sequence[int], steps: Sequence[int]) -> None:
        super().__init__()
        if list(steps) != sorted(set(steps)) or not steps or steps[0] < 0:
            raise ValueError(f"steps must be whole numbers of 0 or more that rise, not {list(steps)[:8]}.")
        self.model = model
        self.rows, self.steps = list(rows), list(steps)
        self.register_buffer("frames", torch.zeros(len(steps), len(self.rows), model.config.dimension))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The model's loss; a frame first, if one is due."""
        step = int(self.count)
        if step in self.steps:
            self.frames[self.steps.index(step)] = self.model.vectors()[self.rows]
        self.count += 1
        return self.model.loss(batch)

    def take(self) -> Tensor:
        """All frames and the present state: shape (F, N, m), F - 1 of them from `steps`."""
        return torch.cat([self.frames, self.model.vectors()[self.rows][None]])
