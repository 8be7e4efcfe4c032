"""word2vec as it was published: skip-gram with the full softmax, with negative sampling, and CBOW.

=======================================================  ===============================
paper                                                    here
=======================================================  ===============================
p(c | w) = softmax over all c of v'_c · v_w (2013b, 2)   `SkipGramSoftmax.loss`
log s(v'_c · v_w) + sum_k log s(-v'_k · v_w) (eq. 4)     `SkipGram.loss`
CBOW: the mean of the contexts predicts (2013a, 3.1)     `Cbow.loss`
two vectors a word, v and v'                             ``words``, ``contexts``
=======================================================  ===============================

Differences: Adam on batches of pairs in place of plain gradient steps on single pairs (the tables are
updated in bulk, which is what torch is fast at), and a start at the score of chance, -log K, in place
of 0; see `two_tables`. The same objective without any sampling is in `word2vec_expected`.

References
----------
Mikolov, Chen, Corrado and Dean (2013a), Efficient Estimation of Word Representations in Vector Space.
Mikolov, Sutskever, Chen, Corrado and Dean (2013b), Distributed Representations of Words and Phrases and
their Compositionality.
Goldberg and Levy (2014), word2vec Explained: deriving Mikolov et al.'s negative-sampling method.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from course_utils.models.word2vec_pairs import PairBatch, WindowBatch


@dataclass(frozen=True)
class Word2VecConfig:
    """How a text becomes vectors by prediction."""

    dimension: int = 100  # numbers per word
    window: int = 15  # each centre draws its reach from 1 ... window
    negatives: int = 5  # K: noise words for each pair
    noise_exponent: float = 0.75  # noise in proportion to count ** this
    subsample: float = 1e-4  # words with a larger share of the text are thinned; inf: none
    passes: int = 4  # times over the text, or over its table of counts
    learning_rate: float = 0.02  # highest rate of Adam; falls to 0
    groups: int = 18  # parts that the vocabulary is dealt into; see word2vec_expected

    def __post_init__(self) -> None:
        whole = {
            name: getattr(self, name) for name in ("dimension", "window", "negatives", "passes", "groups")
        }
        for name, value in whole.items():
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, not {value}.")
        if not self.learning_rate > 0 or not self.subsample > 0 or not self.noise_exponent >= 0:
            raise ValueError("learning_rate and subsample must be above 0, noise_exponent 0 or more.")


def two_tables(rows: int, *, dimension: int, score: float = 0.0) -> tuple[nn.Parameter, nn.Parameter]:
    """Small random tables of words and contexts whose inner products start near `score`.

    Parameters
    ----------
    rows, dimension : int
    score : float
        At most 0. Vectors get the root of its size as first number, words with plus, contexts with minus.

    Notes
    -----
    Of K + 1 pairs shown, K are noise, so without knowing the words the best score is the log-odds
    -log K. Starting there spares the tables the first passes, in which they would learn only that. In
    the sum of word and context vector the shift cancels.
    """
    if dimension < 1 or rows < 1:
        raise ValueError(f"A table needs rows and columns, not {rows} by {dimension}.")
    words, contexts = ((torch.rand(rows, dimension) - 0.5) / dimension for _ in range(2))
    shift = math.sqrt(max(0.0, -score))
    words[:, 0] += shift
    contexts[:, 0] -= shift
    return nn.Parameter(words), nn.Parameter(contexts)


def require_two_words(vocabulary_size: int) -> None:
    """ValueError, with what to do, for a vocabulary in which nothing can be told apart."""
    if vocabulary_size < 2:
        raise ValueError(
            f"A vocabulary of {vocabulary_size} word has nothing to tell apart; pass more text, or a smaller "
            "min_count."
        )


class TwoTables(nn.Module):
    """What all models here share: a vector for each word as itself and one for it as context.

    Parameters
    ----------
    vocabulary_size : int
    config : Word2VecConfig
    """

    def __init__(self, vocabulary_size: int, config: Word2VecConfig) -> None:
        super().__init__()
        require_two_words(vocabulary_size)
        self.config = config
        self.vocabulary_size = vocabulary_size
        self.words, self.contexts = two_tables(
            vocabulary_size, dimension=config.dimension, score=self.starting_score()
        )

    def starting_score(self) -> float:
        """The inner product of every pair at the start."""
        return -math.log(self.config.negatives)

    def vectors(self) -> NDArray[np.float32]:
        """The word vectors of shape (V, D): the table of words, as word2vec gives them."""
        return self.words.detach().numpy()[: self.vocabulary_size].copy()

    def context_vectors(self) -> NDArray[np.float32]:
        """The context vectors of shape (V, D)."""
        return self.contexts.detach().numpy()[: self.vocabulary_size].copy()


class SkipGramSoftmax(TwoTables):
    """Skip-gram as first written down: a probability for every word of the vocabulary."""

    def starting_score(self) -> float:
        """Zero: a softmax does not change when all scores move together."""
        return 0.0

    def forward(self, centres: Tensor) -> Tensor:
        """Scores of all contexts, shape (B, V), for centres of shape (B,)."""
        return F.embedding(centres, self.words) @ self.contexts.T

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean of -log p(context | centre), in nats per pair; `batch`: centres and contexts, (B,) each."""
        centres, contexts = batch
        return F.cross_entropy(self(centres), contexts)


class SkipGram(TwoTables):
    """Skip-gram with negative sampling: tell the true context from K words of noise."""

    def forward(self, centres: Tensor, candidates: Tensor) -> Tensor:
        """Scores of shape (B, K) of centres (B,) with candidates (B, K) for their context."""
        words = self.words.index_select(0, centres)  # (B, D)
        return _scores(words, candidates, table=self.contexts)

    def loss(self, batch: PairBatch) -> Tensor:
        """Mean over pairs of -log s(true) - sum over noise of log s(-noise), in nats per pair."""
        candidates = torch.cat([batch.contexts[:, None], batch.noise], dim=1)  # (B, 1 + K)
        return _first_is_true(self(batch.centres, candidates))


class Cbow(TwoTables):
    """Continuous bag of words: the mean of the surrounding words' vectors predicts the word between them.

    Here `words` are the vectors of the words around, which are the ones kept (as in word2vec), and
    `contexts` those of the word to be found.
    """

    def forward(self, around: Tensor, candidates: Tensor) -> Tensor:
        """Scores (B, K) of the words around (B, 2w), -1 where there is none, with candidates (B, K)."""
        present = (around >= 0)[..., None]  # (B, 2w, 1)
        vectors = F.embedding(around.clamp(min=0), self.words) * present  # (B, 2w, D)
        mean = vectors.sum(dim=1) / present.sum(dim=1)  # (B, D)
        return _scores(mean, candidates, table=self.contexts)

    def loss(self, batch: WindowBatch) -> Tensor:
        """As for `SkipGram`, in nats per word.

        Raises
        ------
        ValueError
            If some window holds no word.
        """
        if not (batch.contexts >= 0).any(dim=1).all():
            raise ValueError(
                "A window without any word predicts nothing; leave it out, as cbow_windows does."
            )
        candidates = torch.cat([batch.centres[:, None], batch.noise], dim=1)  # (B, 1 + K)
        return _first_is_true(self(batch.contexts, candidates))


def _scores(vectors: Tensor, candidates: Tensor, *, table: Tensor) -> Tensor:
    """Inner products (B, K) of vectors (B, D) with the rows of a table that candidates (B, K) name."""
    # index_select and bmm: the same as indexing and einsum, a third faster with its gradient.
    rows = table.index_select(0, candidates.reshape(-1)).view(*candidates.shape, -1)  # (B, K, D)
    return torch.bmm(rows, vectors[:, :, None]).squeeze(-1)


def _first_is_true(scores: Tensor) -> Tensor:
    """-log s(x) of the first column, -log s(-x) of the others; mean over rows of scores (B, 1 + K)."""
    return (F.softplus(-scores[:, 0]).sum() + F.softplus(scores[:, 1:]).sum()) / len(scores)
