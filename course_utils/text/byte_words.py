"""Texts as words of bytes: what byte-pair encoding starts from.

The pattern that cuts words is that of Radford et al. (2019). The `tokenizers` library knows its ``\\p{L}``
and Python's `re` does not, so that library does the cutting.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = [
    "ALPHABET",
    "BYTE_ORDER",
    "PATTERN",
    "Pair",
    "byte_tokens",
    "bytes_of",
    "merge_pair",
    "split_words",
]

Pair = tuple[int, int]

# English endings after an apostrophe; then letters, digits or signs, each with a space before it; then space.
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# Bytes that print as themselves come first, then the others: the order of GPT-2's first 256 tokens.
BYTE_ORDER = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
BYTE_ORDER += tuple(byte for byte in range(256) if byte not in BYTE_ORDER)
# A character for each byte: the others get those from U+0100 on, so that a space is written Ġ.
ALPHABET = {b: chr(b if i < 188 else 256 + i - 188) for i, b in enumerate(BYTE_ORDER)}
_BYTES = {character: byte for byte, character in ALPHABET.items()}
_TOKENS = bytes(BYTE_ORDER.index(byte) for byte in range(256))  # table for bytes.translate: byte to token


def split_words(text: str) -> list[str]:
    """Cut a text into the words inside which pairs are merged; joined together they are the text.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        Matches of `PATTERN`.

    Raises
    ------
    TypeError
        If `text` is not a str.
    ValueError
        If it holds half of a surrogate pair, which has no bytes in UTF-8.

    Examples
    --------
    >>> split_words("We'll see 42 cats!")
    ['We', "'ll", ' see', ' 42', ' cats', '!']
    """
    if not isinstance(text, str):
        raise TypeError(f"a text is a str, not {type(text).__name__}; encode texts one by one.")
    try:
        return [word for word, _ in _splitter().pre_tokenize_str(text)]
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} of the text is U+{ord(text[error.start]):04X}, half of a surrogate "
            "pair, which UTF-8 cannot write; replace it, for instance by '\\ufffd'."
        ) from None


@lru_cache(maxsize=1)
def _splitter() -> Any:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Split(Regex(PATTERN), "isolated")


def byte_tokens(word: str) -> list[int]:
    """The tokens of a word before any merge, one per byte of its UTF-8."""
    return list(word.encode().translate(_TOKENS))


def bytes_of(piece: str) -> bytes:
    """The bytes that a piece stands for, each of its characters one of `ALPHABET`.

    Raises
    ------
    ValueError
        If a character stands for no byte.
    """
    try:
        return bytes(_BYTES[character] for character in piece)
    except KeyError as error:
        raise ValueError(f"the piece {piece!r} holds {error.args[0]!r}, which stands for no byte.") from None


def merge_pair(tokens: list[int], pair: Pair, *, token: int) -> list[int]:
    """Replace the pair by the token wherever it stands, from the left."""
    merged: list[int] = []
    left, right, place, last = *pair, 0, len(tokens) - 1
    while place <= last:
        if place < last and tokens[place] == left and tokens[place + 1] == right:
            merged.append(token)
            place += 2
        else:
            merged.append(tokens[place])
            place += 1
    return merged
