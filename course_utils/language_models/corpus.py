"""A corpus of raw text in tokens: case, signs and paragraphs as they stand, cut by byte-pair encoding.

The merges are learned from the training texts alone, so nothing of the held-out texts shapes the tokens. And
since no text is unknown to bytes, tokens joined together are the text: bits per character of models with
other tokens, or with words, compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.datasets.parsed_cache import keep_parsed, read_parsed
from course_utils.datasets.wikipedia import Article, load_wikipedia, split_articles
from course_utils.language_models.own_text import read_own_text
from course_utils.storage import cache_folder
from course_utils.text.bpe import ByteLevelBPE

__all__ = ["MERGES", "Corpus", "EncodedText", "Windows", "encode_articles", "load_corpus"]

MERGES = 2000  # chosen on the validation articles
# Raise this number with every change to what is kept below, or old caches will be read.
CACHE_VERSION = 1


@dataclass(frozen=True, eq=False)
class EncodedText:
    """A text and the tokens it is cut into."""

    title: str
    text: str
    tokens: NDArray[np.int64]  # (T,), without a mark at either end

    @property
    def characters(self) -> int:
        """Length of the raw text, by which bits are divided."""
        return len(self.text)


@dataclass(frozen=True, eq=False)
class Corpus:
    """Whole articles, parted as in lesson 02, in tokens."""

    bpe: ByteLevelBPE
    train: tuple[EncodedText, ...]
    validation: tuple[EncodedText, ...]
    test: tuple[EncodedText, ...]
    version: str  # digest of texts and merges, for `checkpoints.cached`

    @property
    def vocabulary_size(self) -> int:
        """V: bytes, merges and the end of a text."""
        return len(self.bpe)

    def stream(self, part: str = "train") -> Tensor:
        """All tokens of a part, int (N,): the end-of-text token, a text, the end-of-text token, ….

        Raises
        ------
        ValueError
            If the part is not "train", "validation" or "test".
        """
        if part not in ("train", "validation", "test"):
            raise ValueError(f"part is {part!r}; choose 'train', 'validation' or 'test'.")
        end = np.array([self.bpe.end])
        pieces = [end]
        for text in getattr(self, part):
            pieces += [text.tokens, end]
        return torch.from_numpy(np.concatenate(pieces))


@dataclass(frozen=True, eq=False)
class Windows:
    """Batches for `fit`: windows of a stream of tokens, each pass from another first token, in another order.

    Windows lie side by side, so a pass shows every token once, but for a few at both ends.

    Parameters
    ----------
    stream : int Tensor of shape (N,)
    length : int
        Tokens a window: T + 1 for a model that predicts T of them from those before.
    size : int
        B, windows a batch.

    Raises
    ------
    ValueError
        If the stream is too short for one batch.
    """

    stream: Tensor
    length: int
    size: int

    def __post_init__(self) -> None:
        if self.length < 1 or self.size < 1:
            raise ValueError(f"length is {self.length} and size {self.size}; both must be 1 or more.")
        if self.batches < 1:
            raise ValueError(
                f"a batch of {self.size} windows of {self.length} tokens needs {self.size * self.length} "
                f"and more, but the stream has {len(self.stream)}; make batches or windows smaller."
            )

    @property
    def batches(self) -> int:
        """Batches a pass."""
        # One window is set aside: a pass may begin up to a window late.
        return (len(self.stream) // self.length - 1) // self.size

    @property
    def tokens(self) -> int:
        """Tokens a batch."""
        return self.size * self.length

    def __call__(self, generator: torch.Generator) -> Iterator[Tensor]:
        """One pass: int Tensors of shape (B, length)."""
        first = int(torch.randint(self.length, (), generator=generator))
        count = self.batches * self.size
        windows = self.stream[first : first + (count + 1) * self.length].unfold(0, self.length, self.length)
        order = torch.randperm(len(windows), generator=generator)[:count]
        for rows in order.split(self.size):
            yield windows[rows]


def load_corpus(path: str | Path | None = None, *, merges: int = MERGES) -> Corpus:
    """The Wikipedia sample, or a text of your own, in byte-pair tokens.

    Parameters
    ----------
    path : path, optional
        A plain text file in UTF-8, or a folder of them, see `read_own_text`. Without it the articles of
        `load_wikipedia`.
    merges : int
        How many merges to learn from the training texts.

    Returns
    -------
    Corpus
        Parted by `split_articles`. The first call learns the merges and keeps all tokens below
        `cache_folder()`; a cache that is damaged or cannot be written only costs time.

    Raises
    ------
    DataError
        If the Wikipedia sample is missing or altered, or a path holds no usable text.
    ValueError
        If `merges` is negative.
    """
    articles = load_wikipedia() if path is None else read_own_text(Path(path))
    return encode_articles(articles, merges=merges)


def encode_articles(articles: Sequence[Article], *, merges: int = MERGES) -> Corpus:
    """Part articles, learn merges from the training articles, and cut all into tokens.

    Raises
    ------
    ValueError
        If there are fewer than ten articles, so that a part would be empty, or `merges` is negative.
    """
    if len(articles) < 10:
        raise ValueError(
            f"{len(articles)} texts cannot be parted into training, validation and test; give 10 or more."
        )
    if merges < 0:
        raise ValueError(f"merges is {merges}; choose 0 or more.")
    parts = split_articles(articles)
    key = json.dumps([CACHE_VERSION, merges, *([article.title, article.text] for article in articles)])
    version = hashlib.sha256(key.encode()).hexdigest()
    cached = cache_folder() / "corpora" / f"tokens-{version[:16]}.json"
    lengths = [len(part) for part in parts]
    found = read_parsed(cached, lambda stored: _rebuild(stored, lengths=lengths))
    if found is None:
        bpe = ByteLevelBPE.train([article.text for article in parts[0]], merges=merges)
        found = bpe, [[bpe.encode(article.text) for article in part] for part in parts]
        keep_parsed(cached, {"bpe": bpe.to_json(), "tokens": found[1]})
    bpe, tokens = found
    train, validation, test = (
        tuple(
            EncodedText(article.title, article.text, np.array(ids, dtype=np.int64))
            for article, ids in zip(part, part_tokens, strict=True)
        )
        for part, part_tokens in zip(parts, tokens, strict=True)
    )
    return Corpus(bpe, train, validation, test, version)


def _rebuild(stored: Any, *, lengths: list[int]) -> tuple[ByteLevelBPE, list[list[list[int]]]]:
    """What was kept, if it has the right form; else a ValueError or TypeError."""
    if not isinstance(stored, dict) or stored.keys() != {"bpe", "tokens"}:
        raise ValueError("these are no tokens of a corpus")
    tokens = stored["tokens"]
    if [len(part) for part in tokens] != lengths:
        raise ValueError("these are the tokens of other texts")
    return ByteLevelBPE.from_json(stored["bpe"]), tokens
