"""Episodes: short texts of symbols whose rule is drawn anew each time, to be read off the text itself.

Two kinds. In a *table* each key has a value, and pairs of them follow each other: ``q7 d2 k5 d2 q7``. In a
*copy* a block of random symbols stands again and again. What a model needs for both is the same: find where
the present token stood before, and say what followed it there.

Nothing is read from a file: episodes are drawn from a generator.

References
----------
Elhage et al. (2021), A Mathematical Framework for Transformer Circuits, on copying; Olsson et al. (2022),
In-context Learning and Induction Heads, on repeated random tokens; Chan et al. (2022), Data Distributional
Properties Drive Emergent In-Context Learning in Transformers, on labels drawn anew for each text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["KEYS", "SYMBOLS", "VALUES", "Episodes", "draw_copies", "draw_tables", "join_episodes"]

KEYS = "abcdefghijklmnopqrstuvwxyz"
VALUES = "0123456789"
SYMBOLS = KEYS + VALUES  # a symbol's token is its place here


@dataclass(frozen=True, eq=False)
class Episodes:
    """B texts of T symbols."""

    tokens: NDArray[np.int64]  # (B, T)
    known: NDArray[np.bool_]  # (B, T), True where the symbol follows from those before it

    def __len__(self) -> int:
        return len(self.tokens)

    def text(self, row: int) -> str:
        """The symbols of one text.

        Examples
        --------
        >>> Episodes(np.array([[0, 33, 1, 28]]), np.zeros((1, 4), dtype=bool)).text(0)
        'a7b2'
        """
        return "".join(SYMBOLS[token] for token in self.tokens[row])


def draw_tables(
    count: int,
    *,
    pairs: int,
    keys: int,
    generator: np.random.Generator,
    from_keys: str = KEYS,
    from_values: str = VALUES,
) -> Episodes:
    """Texts of keys and values: key, value, key, value, …, each by a table of its own.

    Parameters
    ----------
    count : int
        B.
    pairs : int
        Pairs in a text, T / 2. Each one's key is any of the table's, so keys come again.
    keys : int
        Keys in a table.
    generator : numpy.random.Generator
    from_keys, from_values : str
        Symbols that keys and values are taken from. The keys of a table differ; values may be the same.

    Returns
    -------
    Episodes
        `known` marks the values whose key stood in the text before.

    Raises
    ------
    ValueError
        If there is no pair or key, there are fewer symbols than keys, or something is no symbol.
    """
    if count < 1 or pairs < 1 or not 1 <= keys <= len(from_keys):
        raise ValueError(
            f"{count} texts of {pairs} pairs with {keys} keys cannot be drawn; choose 1 or more of each, "
            f"and at most {len(from_keys)} keys, the symbols there are."
        )
    key_tokens, value_tokens = _tokens(from_keys), _tokens(from_values)
    order = generator.random((count, len(from_keys))).argsort(axis=1)[:, :keys]
    values = generator.choice(value_tokens, size=(count, keys))  # (B, keys)
    places = generator.integers(keys, size=(count, pairs))  # (B, pairs), into the table
    tokens = np.empty((count, 2 * pairs), dtype=np.int64)
    tokens[:, 0::2] = np.take_along_axis(key_tokens[order], places, axis=1)
    tokens[:, 1::2] = np.take_along_axis(values, places, axis=1)
    known = np.zeros(tokens.shape, dtype=bool)
    known[:, 1::2] = count_earlier(places) > 0
    return Episodes(tokens, known)


def draw_copies(
    count: int,
    *,
    length: int,
    shortest: int,
    generator: np.random.Generator,
    longest: int | None = None,
    symbols: str = SYMBOLS,
) -> Episodes:
    """Texts in which a block of random symbols stands again and again; its size differs from text to text.

    Parameters
    ----------
    count : int
        B.
    length : int
        T.
    shortest, longest : int
        Bounds of the block's size; `longest` is half the length unless given.
    generator : numpy.random.Generator
    symbols : str
        What blocks are drawn from; a block may hold a symbol twice.

    Returns
    -------
    Episodes
        `known` marks the symbols from the second one of the second copy on: the first one tells that a copy
        has begun.

    Raises
    ------
    ValueError
        If the bounds do not fit the length, or something is no symbol.
    """
    longest = length // 2 if longest is None else longest
    if count < 1 or not 1 <= shortest <= longest <= length:
        raise ValueError(
            f"{count} texts of {length} symbols with blocks of {shortest} to {longest} cannot be drawn; "
            "choose 1 <= shortest <= longest <= length."
        )
    block = generator.choice(_tokens(symbols), size=(count, length))
    sizes = generator.integers(shortest, longest, size=(count, 1), endpoint=True)
    places = np.arange(length)
    return Episodes(np.take_along_axis(block, places % sizes, axis=1), places > sizes)


def join_episodes(several: Sequence[Episodes]) -> Episodes:
    """Texts of the same length in one batch.

    Raises
    ------
    ValueError
        If there are none, or lengths differ.
    """
    lengths = sorted({one.tokens.shape[1] for one in several})
    if len(lengths) != 1:
        raise ValueError(f"texts of one length can be joined, not of {lengths}.")
    return Episodes(
        np.concatenate([one.tokens for one in several]), np.concatenate([one.known for one in several])
    )


def count_earlier(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each entry stood in its row before: (B, T) to (B, T).

    Examples
    --------
    >>> count_earlier(np.array([[4, 7, 4, 4]]))
    array([[0, 0, 1, 2]])
    """
    size = tokens.shape[1]
    same = tokens[:, :, None] == tokens[:, None, :]  # (B, T, T)
    return (same & np.tri(size, k=-1, dtype=bool)).sum(axis=2)


def _tokens(symbols: str) -> NDArray[np.int64]:
    wrong = [symbol for symbol in symbols if symbol not in SYMBOLS]
    if wrong or not symbols:
        raise ValueError(f"{wrong[0] if wrong else 'nothing'!r} is no symbol; choose from {SYMBOLS}.")
    return np.array([SYMBOLS.index(symbol) for symbol in symbols])
