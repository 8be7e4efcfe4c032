"""Byte-level byte-pair encoding: frequent runs of bytes become pieces, and no text is unknown.

=====================================================  ======================================================
paper                                                  here
=====================================================  ======================================================
the pair that stands most often becomes one      (G)   `bpe_training.learn_merges`
the same inside words, for units of a model      (S)   `byte_words.split_words`; pairs never cross cuts
merges applied to a new word in learned order    (S)   `ByteLevelBPE.encode`
bytes as the first symbols, words by a pattern   (R)   `byte_words.ALPHABET`, ``PATTERN``
=====================================================  ======================================================

G: Gage 1994; S: Sennrich, Haddow and Birch 2016; R: Radford et al. 2019. Difference: S marks the end of a
word; R keeps the space in front of it, and so does this file.

References
----------
Gage (1994), A New Algorithm for Data Compression.
Sennrich, Haddow and Birch (2016), Neural Machine Translation of Rare Words with Subword Units.
Radford, Wu, Child, Luan, Amodei and Sutskever (2019), Language Models are Unsupervised Multitask Learners.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from course_utils.text.bpe_training import learn_merges
from course_utils.text.byte_words import (
    ALPHABET,
    BYTE_ORDER,
    Pair,
    byte_tokens,
    bytes_of,
    merge_pair,
    split_words,
)

__all__ = ["END_OF_TEXT", "ByteLevelBPE"]

END_OF_TEXT = "<|endoftext|>"  # GPT-2's mark between texts
_KEPT_WORDS = 200_000


class ByteLevelBPE:
    """A tokenizer that knows every text: 256 bytes, then one token per merge, then marks such as an end.

    Parameters
    ----------
    merges : sequence of (int, int)
        The tokens that the i-th merge joins; the result is token 256 + i.
    special : sequence of str
        Marks that no text is cut into; their tokens come last.

    Attributes
    ----------
    merges : tuple of (int, int)
    special : tuple of str
    pieces : tuple of str
        What each token stands for, written in `ALPHABET`, as in GPT-2's files.

    Raises
    ------
    ValueError
        If a merge names a token that is not there yet, makes a piece that is there already, or marks are
        empty or repeated.

    Examples
    --------
    >>> bpe = ByteLevelBPE.train(["low lower lowest slow"], merges=2)
    >>> [bpe.pieces[token] for token in bpe.encode("slow")]
    ['s', 'low']
    """

    def __init__(self, merges: Sequence[Pair], *, special: Sequence[str] = (END_OF_TEXT,)) -> None:
        self.merges: tuple[Pair, ...] = tuple((int(left), int(right)) for left, right in merges)
        self.special = tuple(special)
        self.pieces = (*_spell(self.merges), *self.special)
        self.index = {piece: token for token, piece in enumerate(self.pieces)}
        if len(self.index) != len(self.pieces) or "" in self.index:
            raise ValueError("each piece and each mark stands for one token; remove empty or repeated ones.")
        self._tokens = {pair: 256 + rank for rank, pair in enumerate(self.merges)}
        self._words: dict[str, tuple[int, ...]] = {}

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        merges: int,
        min_count: int = 2,
        special: Sequence[str] = (END_OF_TEXT,),
    ) -> ByteLevelBPE:
        """Learn merges from texts; see `bpe_training.learn_merges` for arguments and errors."""
        return cls(learn_merges(texts, merges=merges, min_count=min_count), special=special)

    def __len__(self) -> int:
        return len(self.pieces)

    @property
    def end(self) -> int:
        """The token of `END_OF_TEXT`; a KeyError without that mark."""
        return self.index[END_OF_TEXT]

    def encode(self, text: str) -> list[int]:
        """Cut a text into tokens.

        Parameters
        ----------
        text : str
            A mark typed into it is read as its characters.

        Returns
        -------
        list of int

        Raises
        ------
        TypeError, ValueError
            As `split_words`.

        Notes
        -----
        Each word is merged once and remembered. The time for a single word grows with the square of its
        length; for words of many thousand letters use `fast_bpe.FastBPE`.
        """
        tokens: list[int] = []
        for word in split_words(text):
            known = self._words.get(word)
            if known is None:
                if len(self._words) >= _KEPT_WORDS:
                    self._words.clear()
                known = self._words[word] = tuple(self._merge_word(word)[-1])
            tokens += known
        return tokens

    def steps(self, word: str) -> list[list[str]]:
        """How a word's pieces grow together: its bytes, then the pieces after each merge.

        Raises
        ------
        TypeError, ValueError
            As `split_words`, or if the text is not a single word.
        """
        if len(split_words(word)) != 1:
            raise ValueError(f"{word[:40]!r} is not one word but {split_words(word)[:5]}; give one of them.")
        return [[self.pieces[token] for token in tokens] for tokens in self._merge_word(word, keep=True)]

    def _merge_word(self, word: str, *, keep: bool = False) -> list[list[int]]:
        """Tokens of a word, the last entry; with `keep` also those before each merge."""
        tokens, last = byte_tokens(word), len(self.pieces)
        history = [tokens]
        while len(tokens) > 1:
            found = min(self._tokens.get(pair, last) for pair in zip(tokens, tokens[1:], strict=False))
            if found == last:
                break
            tokens = merge_pair(tokens, self.merges[found - 256], token=found)
            history = [*history, tokens] if keep else [tokens]
        return history

    def decode(self, tokens: Iterable[int]) -> str:
        """Turn tokens back into a text.

        Parameters
        ----------
        tokens : iterable of int

        Returns
        -------
        str
            Marks are written out. Bytes that are no UTF-8, as in half a character, become U+FFFD.

        Raises
        ------
        ValueError
            If there is no such token.
        """
        pieces = [self.pieces[token] for token in require_tokens(tokens, size=len(self))]
        return b"".join(p.encode() if p in self.special else bytes_of(p) for p in pieces).decode(
            "utf-8", "replace"
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object: merges as pairs of pieces, and the marks."""
        merges = [[self.pieces[left], self.pieces[right]] for left, right in self.merges]
        return {"kind": "byte-level BPE", "merges": merges, "special": list(self.special)}

    @classmethod
    def from_json(cls, value: Any) -> ByteLevelBPE:
        """Rebuild the tokenizer from `to_json`; a ValueError says that the value is none."""
        kind = value.get("kind") if isinstance(value, dict) else None
        if kind != "byte-level BPE" or not {"merges", "special"} <= value.keys():
            raise ValueError("this is no byte-level BPE; it needs the fields kind, merges and special.")
        return cls.from_pieces(value["merges"], special=value["special"])

    @classmethod
    def from_pieces(
        cls, merges: Iterable[Sequence[str]], *, special: Sequence[str] = (END_OF_TEXT,)
    ) -> ByteLevelBPE:
        """Merges as pairs of pieces, the form of GPT-2's merges.txt.

        Raises
        ------
        ValueError
            If an entry is no pair, or one of its pieces is made by no earlier merge.
        """
        known = {ALPHABET[byte]: token for token, byte in enumerate(BYTE_ORDER)}
        pairs = []
        for rank, pair in enumerate(merges):
            if len(pair) != 2 or not all(isinstance(piece, str) and piece in known for piece in pair):
                raise ValueError(f"merge {rank} is {pair!r}; it must join two pieces that were made before.")
            pairs.append((known[pair[0]], known[pair[1]]))
            known[pair[0] + pair[1]] = 256 + rank
        return cls(pairs, special=special)


def require_tokens(tokens: Iterable[int], *, size: int) -> list[int]:
    """The tokens as a list; a ValueError names one that is not among the first `size`."""
    listed = [int(token) for token in tokens]
    wrong = [token for token in listed if not 0 <= token < size]
    if wrong:
        raise ValueError(f"there is no token {wrong[0]}; tokens run from 0 to {size - 1}.")
    return listed


def _spell(merges: Sequence[Pair]) -> list[str]:
    pieces = [ALPHABET[byte] for byte in BYTE_ORDER]
    for left, right in merges:
        if not 0 <= left < len(pieces) or not 0 <= right < len(pieces):
            made = len(pieces) - 256
            raise ValueError(f"merge {made} joins {left} and {right}; so far there are {len(pieces)} tokens.")
        pieces.append(pieces[left] + pieces[right])
    return pieces
