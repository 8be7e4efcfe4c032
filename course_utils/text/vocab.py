"""Words and their ids: the most frequent word has id 0."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Longer words are neither suggested nor searched for: no English word is, and a pasted page may be.
LONGEST_SPELLING = 40
_LETTER_BITS = 64


class UnknownWord(KeyError):
    """A word that a vocabulary does not hold.

    Attributes
    ----------
    word : str
    suggestions : list of str
        Words of the vocabulary with a similar spelling, best first.
    vocabulary_size : int
    min_count : int
        Words that occur less often were left out; 1 where all were kept.
    """

    def __init__(
        self, word: str, *, suggestions: Sequence[str], vocabulary_size: int, min_count: int = 1
    ) -> None:
        super().__init__(word)
        self.word = word
        self.suggestions = list(suggestions)
        self.vocabulary_size = vocabulary_size
        self.min_count = min_count

    def __str__(self) -> str:
        # KeyError would print the repr of the word; a reader wants the sentence.
        shown = self.word if len(self.word) <= LONGEST_SPELLING else self.word[:LONGEST_SPELLING] + "…"
        sentence = f'"{_printable(shown)}" is not among the {self.vocabulary_size:,} words'
        if not self.suggestions:
            advice = " or a lower min_count" if self.min_count > 1 else ""
            return f"{sentence}; try another word{advice}."
        quoted = [f'"{word}"' for word in self.suggestions]
        return f"{sentence}; did you mean {' or '.join(quoted)}?"


class Vocabulary:
    """The known words in order of frequency, with their counts.

    Parameters
    ----------
    words : sequence of str
        Each word once. Its position is its id.
    counts : array of shape (V,)
        How often each word occurs.
    min_count : int
        Words that occur less often were left out; 1 where all were kept.

    Attributes
    ----------
    words : tuple of str
    counts : int64 array of shape (V,), read-only
    index : dict
        From word to id.

    Raises
    ------
    ValueError
        If there is no word, a word stands twice, or `counts` has another length or a negative entry.

    Examples
    --------
    >>> vocabulary = Vocabulary.from_documents([["the", "cat", "the"], ["a", "cat", "the"]], min_count=2)
    >>> vocabulary.words, vocabulary["cat"]
    (('the', 'cat'), 1)
    """

    def __init__(self, words: Sequence[str], counts: ArrayLike, *, min_count: int = 1) -> None:
        self.min_count = min_count
        self.words: tuple[str, ...] = tuple(words)
        self.counts: NDArray[np.int64] = np.array(counts, dtype=np.int64)
        self.index: dict[str, int] = {word: i for i, word in enumerate(self.words)}
        if not self.words:
            raise ValueError("A vocabulary needs at least one word; pass documents that are not empty.")
        if len(self.index) != len(self.words):
            raise ValueError("A vocabulary holds each word once; remove the repeated words.")
        if self.counts.shape != (len(self.words),) or self.counts.min() < 0:
            raise ValueError(f"Give one count of 0 or more for each of the {len(self.words)} words.")
        self.counts.setflags(write=False)

    @classmethod
    def from_documents(
        cls, documents: Iterable[Sequence[str]], *, min_count: int = 5, max_size: int | None = None
    ) -> "Vocabulary":
        """Count the words of all documents and keep the frequent ones.

        Parameters
        ----------
        documents : iterable of sequences of str
            Each document a sequence of words, as `tokenize_words` returns it.
        min_count : int
            Words that occur less often are left out.
        max_size : int, optional
            Keep at most so many words, the most frequent ones.

        Returns
        -------
        Vocabulary
            Most frequent word first; words of equal count in alphabetical order.

        Raises
        ------
        TypeError
            If a document is a str, not a sequence of words.
        ValueError
            If no word is left, or `min_count` or `max_size` is below 1.
        """
        if min_count < 1:
            raise ValueError(f"min_count must be 1 or more, not {min_count}.")
        if max_size is not None and max_size < 1:
            raise ValueError(f"max_size must be 1 or more, not {max_size}.")
        counter: Counter[str] = Counter()
        for document in documents:
            counter.update(_word_list(document))
        kept = [(word, n) for word, n in counter.items() if n >= min_count]
        if not kept:
            raise ValueError(_nothing_left(counter, min_count))
        kept.sort(key=lambda pair: (-pair[1], pair[0]))
        kept = kept[:max_size]
        return cls([word for word, _ in kept], [n for _, n in kept], min_count=min_count)

    def encode(
        self, tokens: Sequence[str], *, unknown: Literal["drop", "error", "mark"] = "drop"
    ) -> NDArray[np.int32]:
        """Turn words into ids.

        Parameters
        ----------
        tokens : sequence of str
        unknown : {"drop", "error", "mark"}
            What becomes of a word that is not in the vocabulary: it is left out, raises
            `UnknownWord`, or becomes -1 so that all other words keep their distance.

        Returns
        -------
        int32 array of shape (T,)
        """
        ids = [self.index.get(word, -1) for word in _word_list(tokens)]
        if unknown == "drop":
            ids = [i for i in ids if i >= 0]
        elif unknown == "error":
            if -1 in ids:
                raise self._unknown(tokens[ids.index(-1)])
        elif unknown != "mark":
            raise ValueError(f'unknown must be "drop", "error" or "mark", not {unknown!r}.')
        return np.array(ids, dtype=np.int32)

    def decode(self, ids: ArrayLike) -> list[str]:
        """Turn ids back into words.

        Raises
        ------
        ValueError
            If an id is negative (the mark of an unknown word) or not below V.
        """
        numbers = np.asarray(ids).ravel()
        if numbers.size == 0:
            return []
        if not np.issubdtype(numbers.dtype, np.integer):
            raise ValueError(f"Ids are whole numbers, not {numbers.dtype}.")
        wrong = numbers[(numbers < 0) | (numbers >= len(self))]
        if wrong.size:
            raise ValueError(f"No word has id {wrong[0]}; ids run from 0 to {len(self) - 1}.")
        return [self.words[i] for i in numbers.tolist()]

    def suggest(self, word: str, *, n: int = 3) -> list[str]:
        """Words of the vocabulary with a spelling close to `word`.

        First those at most two slips of the keyboard away (a letter missing, added or changed, or two
        neighbours swapped; one slip for words under five letters), fewest slips first, then those
        that begin with `word`; equally close words by falling frequency.

        Parameters
        ----------
        word : str
            Any text; only its first 40 characters are looked at, capitals count as small letters.
        n : int
            Return at most so many words.
        """
        if not isinstance(word, str):
            raise TypeError(f"A word is a str, not {type(word).__name__}.")
        query = word[:LONGEST_SPELLING].lower()[:LONGEST_SPELLING]
        if len(word) > LONGEST_SPELLING or not query or n < 1:
            return []
        found = [self.words[i] for i in self._spellings.close_to(query)[:n]]
        if len(found) < n and len(query) > 2:
            found += [w for w in self.words if w.startswith(query) and w not in found][: n - len(found)]
        return found

    @cached_property
    def _spellings(self) -> "_Spellings":
        return _Spellings(self.words)

    def _unknown(self, word: str) -> UnknownWord:
        return UnknownWord(
            word, suggestions=self.suggest(word), vocabulary_size=len(self), min_count=self.min_count
        )

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and word in self.index

    def __getitem__(self, word: str) -> int:
        if not isinstance(word, str):
            raise TypeError(f"Look up a word by its text, not by {type(word).__name__}; for ids use decode.")
        if word not in self.index:
            raise self._unknown(word)
        return self.index[word]

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} words, {int(self.counts.sum()):,} tokens)"


class _Spellings:
    """All words as rows of character codes, so that one query is compared with all of them at once."""

    def __init__(self, words: Sequence[str]) -> None:
        padded = np.array([word[:LONGEST_SPELLING] for word in words], dtype=f"U{LONGEST_SPELLING}")
        self.codes = padded.view(np.uint32).reshape(len(words), LONGEST_SPELLING)  # (V, 40)
        self.lengths = np.array([len(word) for word in words])
        bits = np.uint64(1) << (self.codes % _LETTER_BITS).astype(np.uint64)
        self.letters = np.bitwise_or.reduce(np.where(self.codes > 0, bits, 0), axis=1)  # (V,)

    def close_to(self, query: str) -> list[int]:
        """Ids of the words at most one or two slips away, fewest slips first, then by id."""
        slips = min(len(query) - 1, 1 if len(query) < 5 else 2)
        # One slip changes the length by at most one and the set of letters by at most two.
        near = np.abs(self.lengths - len(query)) <= slips
        near &= np.bitwise_count(self.letters ^ np.uint64(_letter_set(query))) <= 2 * slips
        near &= self.lengths <= LONGEST_SPELLING
        ids = np.flatnonzero(near)
        slips_needed = _edit_distances(query, self.codes[ids], self.lengths[ids])
        order = np.argsort(slips_needed, kind="stable")
        return [int(ids[i]) for i in order if slips_needed[i] <= slips]


def _edit_distances(query: str, codes: NDArray[np.uint32], lengths: NDArray[np.int_]) -> NDArray[np.int8]:
    """Edits (insert, delete, change, swap neighbours) from `query` to each of N words, shape (N,)."""
    width = int(lengths.max(initial=0))
    codes = codes[:, :width]
    columns = np.arange(width + 1, dtype=np.int8)  # eight times less to move than the usual integers
    before_last = last = np.tile(columns, (len(codes), 1))  # (N, width + 1)
    for row, letter in enumerate(query, start=1):
        same = codes == ord(letter)  # (N, width)
        now = np.empty_like(last)
        now[:, 0] = row
        now[:, 1:] = np.minimum(last[:, 1:] + 1, last[:, :-1] + ~same)
        if row > 1:
            swapped = same[:, :-1] & (codes[:, 1:] == ord(query[row - 2]))
            now[:, 2:] = np.where(swapped, np.minimum(now[:, 2:], before_last[:, :-2] + 1), now[:, 2:])
        # Insertions: each column may also be reached from any column to its left.
        now = np.minimum.accumulate(now - columns, axis=1) + columns
        before_last, last = last, now
    distances: NDArray[np.int8] = last[np.arange(len(codes)), lengths]
    return distances


def _letter_set(word: str) -> int:
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) % _LETTER_BITS)
    return bits


def _word_list(tokens: Iterable[str]) -> Iterable[str]:
    if isinstance(tokens, str):
        raise TypeError("Expected a list of words but got one text; cut it with tokenize_words first.")
    return tokens


def _nothing_left(counter: Counter[str], min_count: int) -> str:
    if not counter:
        return "The documents hold no words, so there is no vocabulary; check what was loaded."
    word, n = counter.most_common(1)[0]
    return (
        f"No word occurs {min_count} times or more (the most frequent, "
        f'"{_printable(word[:LONGEST_SPELLING])}", occurs {n}); lower min_count or pass more text.'
    )


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
