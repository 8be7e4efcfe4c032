"""fastText's subwords: a word's vector is the mean of the vectors of its character n-grams.

==================================================  ===========================================
paper                                               here
==================================================  ===========================================
n-grams of <word>, 3 to 6 letters (section 3.2)     `character_ngrams`
hashing n-grams with FNV-1a (section 3.2)           `hash_ngram`, equal to fastText's
the word itself is one more unit (section 3.2)      first V columns of `subword_matrix`
h_w, the sum over the units of w (section 3.2)      a row of `subword_matrix` times the unit vectors
vectors for words never seen (section 5.3)          `subword_matrix(..., known=...)` without that unit
==================================================  ===========================================

Differences: mean instead of sum, as in fastText's published code (the length of a word should not be the
length of its vector); tens of thousands of buckets instead of two million, since this vocabulary is small.

References
----------
Bojanowski, Grave, Joulin and Mikolov (2017), Enriching Word Vectors with Subword Information.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn.utils import parametrize

from course_utils.models.word2vec_expected import ExpectedSkipGram

_FNV_START, _FNV_PRIME, _MASK = 2166136261, 16777619, 0xFFFFFFFF


@dataclass(frozen=True)
class SubwordConfig:
    """Which pieces of a word have a vector of their own."""

    shortest: int = 3  # letters of the shortest n-gram, < and > included
    longest: int = 6  # letters of the longest; below `shortest`: no n-grams, only whole words
    buckets: int = 50_000  # n-grams share this many vectors, by hash


def character_ngrams(word: str, *, shortest: int = 3, longest: int = 6) -> list[str]:
    """All runs of `shortest` to `longest` letters of <word>, short ones first.

    The marks < and > stand for the word's two ends, so that *her* inside *where* (``her``) and the word
    *her* (``<her>``) differ. A mark alone is no n-gram.

    Raises
    ------
    ValueError
        If the word is empty or `shortest` is below 1.

    Examples
    --------
    >>> character_ngrams("her", shortest=3, longest=4)
    ['<he', 'her', 'er>', '<her', 'her>']
    """
    if not word:
        raise ValueError("An empty word has no n-grams; pass a word of one letter or more.")
    if shortest < 1:
        raise ValueError(f"shortest must be 1 or more, not {shortest}.")
    marked = f"<{word}>"
    found = [
        marked[start : start + length]
        for length in range(shortest, min(longest, len(marked)) + 1)
        for start in range(len(marked) - length + 1)
    ]
    return [ngram for ngram in found if ngram not in ("<", ">")]


def hash_ngram(ngram: str) -> int:
    """A number from 0 to 2³² - 1 for a text: FNV-1a over its UTF-8 bytes, as fastText computes it.

    fastText's C++ reads bytes as signed, so a byte above 127 (any letter beyond ASCII) flips the upper
    24 bits, too. Kept, so that buckets are the published ones.
    """
    value = _FNV_START
    for byte in ngram.encode("utf-8"):
        signed = byte | 0xFFFFFF00 if byte > 127 else byte
        value = ((value ^ signed) * _FNV_PRIME) & _MASK
    return value


def subword_matrix(
    words: Sequence[str], *, config: SubwordConfig, known: Mapping[str, int]
) -> sparse.csr_matrix:
    """Which units each word averages: row times unit vectors is the word's vector.

    Parameters
    ----------
    words : sequence of N str
        Any words, known or never seen.
    config : SubwordConfig
    known : mapping of str to int
        The vocabulary: word → id from 0 to V - 1. A known word has its own unit besides its n-grams.

    Returns
    -------
    float32 CSR matrix of shape (N, V + buckets)
        Each row sums to 1; two n-grams in one bucket add up. A word without any unit (not known, and too
        short for an n-gram) has an empty row.

    Raises
    ------
    ValueError
        If there is no word, or `buckets` is below 1.
    """
    if not words or config.buckets < 1:
        raise ValueError("Pass at least one word, and a config with at least one bucket.")
    units: list[int] = []
    lengths = []
    for word in words:
        ngrams = character_ngrams(word, shortest=config.shortest, longest=config.longest)
        own = [known[word]] if word in known else []
        units += own + [len(known) + hash_ngram(ngram) % config.buckets for ngram in ngrams]
        lengths.append(len(own) + len(ngrams))
    shares = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
    rows = np.repeat(np.arange(len(words)), lengths)
    shape = (len(words), len(known) + config.buckets)
    return sparse.csr_matrix((shares, (rows, np.array(units, dtype=np.int64))), shape=shape)


class MeanOfUnits(nn.Module):
    """Turns unit vectors into word vectors; a parametrization of the word table of a skip-gram model.

    Parameters
    ----------
    matrix : CSR matrix of shape (V, U)
        See `subword_matrix`.
    rows : int
        Rows of the model's table, V or more; those beyond V stay zero.
    """

    def __init__(self, matrix: sparse.csr_matrix, *, rows: int) -> None:
        super().__init__()
        self.units = matrix.shape[1]
        self.members: Tensor
        self.starts: Tensor
        self.shares: Tensor
        starts = np.pad(matrix.indptr[:-1], (0, rows - matrix.shape[0]), constant_values=matrix.nnz)
        for name, values in (("members", matrix.indices), ("starts", starts), ("shares", matrix.data)):
            kind = np.float32 if name == "shares" else np.int64
            self.register_buffer(name, torch.from_numpy(values.astype(kind)), persistent=False)

    def forward(self, units: Tensor) -> Tensor:
        """Word vectors (rows, D) from unit vectors (U, D)."""
        return F.embedding_bag(self.members, units, self.starts, mode="sum", per_sample_weights=self.shares)

    def right_inverse(self, words: Tensor) -> Tensor:
        """Starting values for the units (U, D): as random as the words' were, with the same mean."""
        spread = math.sqrt(3) * words.std(dim=0)  # a uniform distribution reaches √3 deviations far
        return words.mean(dim=0) + spread * (2 * torch.rand(self.units, words.shape[1]) - 1)


def add_subwords(model: ExpectedSkipGram, matrix: sparse.csr_matrix) -> ExpectedSkipGram:
    """Make a skip-gram model learn unit vectors in place of word vectors; its loss stays as it is.

    Parameters
    ----------
    model : ExpectedSkipGram
        Untrained. Changed in place: ``model.words`` is from now on computed from the units.
    matrix : CSR matrix of shape (V, U)

    Returns
    -------
    ExpectedSkipGram
        The same model; take its `recipe` after this call.

    Raises
    ------
    ValueError
        If the matrix has not one row a word.
    """
    if matrix.shape[0] != model.vocabulary_size:
        raise ValueError(
            f"The matrix has {matrix.shape[0]} rows, the model {model.vocabulary_size} words; pass the "
            "subword_matrix of the words that the model was counted with."
        )
    parametrize.register_parametrization(
        model, "words", MeanOfUnits(matrix, rows=len(model.words)), unsafe=True
    )
    return model


def unit_vectors(model: ExpectedSkipGram) -> NDArray[np.float32]:
    """The learned vectors of whole words and buckets, of shape (U, D)."""
    units: Tensor = model.parametrizations.words.original  # type: ignore[union-attr, assignment]
    return units.detach().numpy()
