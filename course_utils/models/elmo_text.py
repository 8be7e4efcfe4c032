"""What ELMo reads: words and their places in a text, the units that make up a word, windows to learn from."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from course_utils.models.subwords import character_ngrams, hash_ngram

if TYPE_CHECKING:
    from course_utils.models.elmo import Elmo, ElmoConfig

Batch = tuple[Tensor, Tensor, Tensor]


def find_words(text: str, *, words: Sequence[str]) -> tuple[list[str], list[tuple[int, int]]]:
    """Where the words of a text stand in it.

    Parameters
    ----------
    text : str
        As it was written: capitals, accents as characters of their own.
    words : sequence of str
        Its words in order, in small letters, each a run of the text's characters.

    Returns
    -------
    words : list of str
    spans : list of (int, int)
        Characters of `text`, the end not included.

    Raises
    ------
    ValueError
        If a word is not where it should be.
    """
    small, origin = "", []  # the text in small letters, and where each letter comes from
    starts = [i for i, letter in enumerate(text) if i == 0 or not unicodedata.combining(letter)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        letters = unicodedata.normalize("NFC", text[start:end].lower())
        small += letters
        origin += [(start, end)] * len(letters)
    spans, cursor = [], 0
    for word in words:
        place = small.find(word, cursor)
        if place < 0 or not word:
            raise ValueError(
                f"{word!r} does not stand in the text; give the words of this text in their order."
            )
        cursor = place + len(word)
        spans.append((origin[place][0], origin[cursor - 1][1]))
    return list(words), spans


def unit_table(words: Sequence[str], *, known: Mapping[str, int], config: ElmoConfig) -> Tensor:
    """Which vectors make up each word.

    Returns
    -------
    int Tensor of shape (N, M)
        The word's own id if it is known, then its n-grams' places from V on, filled up with V + buckets.

    Raises
    ------
    ValueError
        If there is no word.
    """
    if not words:
        raise ValueError("There is no word to read; pass texts with letters in them.")
    V, most = config.vocabulary_size, config.units
    table = np.full((len(words), most), V + config.buckets, dtype=np.int64)
    for row, word in enumerate(words):
        ngrams = character_ngrams(word, shortest=config.shortest, longest=config.longest)
        own = [known[word]] if word in known else []
        units = (own + [V + hash_ngram(ngram) % config.buckets for ngram in ngrams])[:most]
        table[row, : len(units)] = units
    return torch.from_numpy(table)


class Windows:
    """Batches for `Elmo.loss`: windows of a few words each, cut anew in every pass.

    Parameters
    ----------
    documents : sequence of sequences of str
        The training text in words.
    model : Elmo
        Gives ids and units; its weights are not read.
    length : int
        T: words a window.
    batch : int
        B: windows a batch.

    Raises
    ------
    ValueError
        If length or batch is below 1, or no document is as long as two windows.
    """

    def __init__(
        self, documents: Sequence[Sequence[str]], *, model: Elmo, length: int = 32, batch: int = 64
    ) -> None:
        if length < 1 or batch < 1:
            raise ValueError(f"length is {length} and batch {batch}; both must be 1 or more.")
        kinds = sorted({word for document in documents for word in document})
        place = {word: row for row, word in enumerate(kinds)}
        self.length, self.batch = length, batch
        self.table = unit_table(kinds, known=model.index, config=model.config)
        ids = torch.tensor([model.index.get(word, len(model.index)) for word in kinds])
        self.rows = [
            torch.tensor([place[word] for word in document])
            for document in documents
            if len(document) >= 2 * length
        ]
        if not self.rows:
            raise ValueError(f"No document has {2 * length} words; choose a smaller length.")
        self.ids = ids

    def __call__(self, generator: torch.Generator) -> Iterator[Batch]:
        """One pass: each document cut into windows from a random place on, all windows in a random order."""
        T, cut = self.length, []
        for rows in self.rows:
            start = int(torch.randint(T, (1,), generator=generator))
            whole = (len(rows) - start) // T
            cut.append(rows[start : start + whole * T].view(whole, T))
        windows = torch.cat(cut)
        for chosen in torch.randperm(len(windows), generator=generator).split(self.batch):
            present, rows = windows[chosen].unique(return_inverse=True)
            yield self.table[present], rows, self.ids[windows[chosen]]

    @property
    def steps(self) -> int:
        """Batches in the shortest pass."""
        windows = sum((len(rows) - self.length + 1) // self.length for rows in self.rows)
        return max(1, windows // self.batch)
