"""Results that were measured ahead, because many seeds take longer than a lesson may."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.storage import DataError, course_folder, verify_file

# Written by the command that each file names in its first lines.
_SHA256 = {
    "glove_variants": "54d4ffdd4e6183f30f8b3acc478ac2bef97bd7c465280c0cc633988c4c58dea0",
    "position_schemes": "726105a040e0f3554011ef061e0e453967f8abaf4c3694ada4ccedc37a9ab5fc",
    "text_amounts": "57754a0c823cff78df99f6e65919ebb2f19991a9ac68c9d5e84d89fb074c1204",
}


def load_measurements(name: str) -> dict[str, Any]:
    """Read a file of measured results.

    Parameters
    ----------
    name : {"text_amounts", "glove_variants", "position_schemes"}
        `text_amounts`: word vectors of several methods from a part of the text, by share and seed.
        `glove_variants`: GloVe with one thing changed at a time, by variant and seed.
        `position_schemes`: the transformer of lesson 15 with each scheme of positions, by seed.

    Returns
    -------
    dict
        ``command`` (str): what made it. ``machine`` (str): on what. ``rows`` (list of dict): one
        training each; ``seconds`` is its time. Scores of word vectors are Spearman correlations, those of
        translations BLEU from 0 to 100 and shares of sentences right to the last word.

    Raises
    ------
    DataError
        If there is no such file, or it is missing or altered.
    """
    if name not in _SHA256:
        raise DataError(
            f"There are no measurements named {name!r}; choose from {', '.join(sorted(_SHA256))}."
        )
    path = course_folder() / "data" / f"{name}.json"
    verify_file(path, sha256=_SHA256[name], source=f"git checkout data/{name}.json")
    measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return measured


def sample_text(
    documents: Sequence[NDArray[np.integer[Any]]], *, share: float, seed: int, length: int = 500
) -> list[NDArray[np.integer[Any]]]:
    """Draw a part of a text, in pieces of `length` words; a smaller part lies within a larger one.

    Parameters
    ----------
    documents : sequence of int arrays of shape (T,)
    share : float
        Above 0, at most 1: how much of the pieces to take. At 1 the documents stay whole.
    seed : int
        The same seed gives nested parts: the tenth is in the third.

    Returns
    -------
    list of int arrays
        In the order of the text.

    Raises
    ------
    ValueError
        If `share` or `length` is out of range, or there is no text.
    """
    if not 0 < share <= 1 or length < 1:
        raise ValueError(
            f"share must lie above 0 and not above 1, and length be 1 or more, not {share}, {length}."
        )
    pieces = [d[start : start + length] for d in documents for start in range(0, len(d), length)]
    if not pieces:
        raise ValueError("There is no text to draw from; pass documents that are not empty.")
    if share == 1:
        return list(documents)
    order = np.random.default_rng(seed).permutation(len(pieces))
    taken = np.sort(order[: max(1, round(share * len(pieces)))])
    return [pieces[i] for i in taken]


def keep_frequent(
    documents: Sequence[NDArray[np.integer[Any]]], *, least: int
) -> tuple[list[NDArray[np.integer[Any]]], NDArray[np.int64]]:
    """The same text with only the words that it holds `least` times, numbered anew without gaps.

    Parameters
    ----------
    documents : sequence of int arrays of shape (T,)
    least : int

    Returns
    -------
    documents : list of int arrays
        Ids from 0 to N - 1, in the old order; all other words are left out.
    kept : int64 array of shape (N,)
        The old id of each new one.

    Raises
    ------
    ValueError
        If no word is left.
    """
    times = np.bincount(np.concatenate(documents))
    kept = np.flatnonzero(times >= least)
    if not kept.size:
        raise ValueError(f"No word is seen {least} times; pass more text or ask for less.")
    new = np.full(len(times), -1)
    new[kept] = np.arange(len(kept))
    return [new[d][new[d] >= 0] for d in documents], kept
