"""A text classifier from scratch: the mean of learned word vectors, and one linear layer.

==================================================  ======================================
paper (Joulin et al. 2017, section 2)               here
==================================================  ======================================
A, a table of word vectors                          ``TextClassifier.table``
hidden: the average of the words' vectors           ``nn.EmbeddingBag`` with mode "mean"
B, a linear classifier, and a softmax               ``TextClassifier.linear``
==================================================  ======================================

Differences: no word pairs (n-grams) and no hierarchical softmax, which a dozen classes do not need;
dropout on the mean, since a few examples are soon known by heart.

References
----------
Joulin, Grave, Bojanowski and Mikolov (2017), Bag of Tricks for Efficient Text Classification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class TextClassifierConfig:
    """Sizes of the classifier."""

    vocabulary_size: int  # V: known words
    classes: int
    dimension: int = 64  # numbers per word
    dropout: float = 0.2  # share of the mean's numbers set to 0 while training

    def __post_init__(self) -> None:
        least = {"vocabulary_size": 1, "classes": 2, "dimension": 1}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be {smallest} or more.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be 0 or more and below 1.")


class TextClassifier(nn.Module):
    """Averages the vectors of a text's words and reads the class off the mean.

    Parameters
    ----------
    config : TextClassifierConfig

    Notes
    -----
    Ids run from 0 to V - 1; the id V fills up short rows and counts for nothing, see `pad_texts`.
    """

    def __init__(self, config: TextClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.EmbeddingBag(
            config.vocabulary_size + 1, config.dimension, mode="mean", padding_idx=config.vocabulary_size
        )
        self.drop = nn.Dropout(config.dropout)
        self.linear = nn.Linear(config.dimension, config.classes)
        with torch.no_grad():  # unit variance would drown the few words that tell
            self.table.weight.mul_(0.1)

    def forward(self, ids: Tensor) -> Tensor:
        """Scores of all classes, shape (B, classes), for word ids (B, T); softmax gives probabilities."""
        return self.linear(self.drop(self.table(ids)))  # (B, T) -> (B, D) -> (B, classes)

    def loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy in nats per text; `batch`: ids (B, T) and classes (B,)."""
        ids, labels = batch
        return F.cross_entropy(self(ids), labels)

    @torch.no_grad()
    def predict(self, ids: Tensor) -> NDArray[np.int64]:
        """The most probable class of each text, shape (B,); without dropout."""
        was_training = self.training
        self.eval()
        try:
            return np.asarray(self(ids).argmax(dim=1).numpy())
        finally:
            self.train(was_training)


def pad_texts(texts: Sequence[ArrayLike], *, vocabulary_size: int, longest: int = 64) -> Tensor:
    """Word ids of texts as rows of one table.

    Parameters
    ----------
    texts : sequence of N int arrays
        As `Vocabulary.encode` gives them; those of a text without known words are empty.
    vocabulary_size : int
        V, which is also the id that fills up.
    longest : int
        Words beyond are cut off.

    Returns
    -------
    int64 Tensor of shape (N, T)
    """
    if not texts:
        raise ValueError("There are no texts to pad; pass at least one.")
    rows = [np.asarray(text, dtype=np.int64)[:longest] for text in texts]
    table = np.full((len(rows), max(1, *(len(row) for row in rows))), vocabulary_size, dtype=np.int64)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return torch.from_numpy(table)


def shuffled_batches(
    ids: Tensor, labels: Tensor, *, batch_size: int
) -> Callable[[torch.Generator], Iterator[Batch]]:
    """One pass over the texts in random order, for `fit`; the last batch may be smaller."""

    def one_pass(generator: torch.Generator) -> Iterator[Batch]:
        order = torch.randperm(len(ids), generator=generator)
        return ((ids[rows], labels[rows]) for rows in order.split(batch_size))

    return one_pass
