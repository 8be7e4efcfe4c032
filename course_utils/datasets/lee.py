"""Fifty news stories whose similarity people rated, and 300 more to count words in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.gensim_files import REPAIR, gensim_file
from course_utils.storage import DataError

STORIES, BACKGROUND = 50, 300


@dataclass(frozen=True, eq=False)
class LeeStories:
    """Stories with people's ratings of how similar they are."""

    stories: tuple[str, ...]  # 50, of 50 to 130 words
    background: tuple[str, ...]  # 300 longer ones of another year, without ratings
    ratings: NDArray[np.float64]  # (50, 50), symmetric: mean rating, 0.2 (unrelated) to 1 (alike); diagonal 1

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The 1,225 pairs of different stories: two arrays of story numbers, first < second."""
        first, second = np.triu_indices(len(self.stories), k=1)
        return first.astype(np.int64), second.astype(np.int64)


def load_lee() -> LeeStories:
    """The Lee collection, as gensim ships it.

    Returns
    -------
    LeeStories

    Raises
    ------
    DataError
        If a file is missing or altered.

    Notes
    -----
    Origin: Lee, Pincombe and Welsh (2005), An Empirical Evaluation of Models of Text Document Similarity.
    Stories of the Australian Broadcasting Corporation; each pair was rated by 8 to 12 students on a scale of
    1 to 5, here divided by 5. No licence is stated in the copy; the authors ask to be cited.
    """
    stories = _lines(gensim_file("lee"), expected=STORIES)
    background = _lines(gensim_file("lee_background"), expected=BACKGROUND)
    lines = _lines(gensim_file("lee_ratings"), expected=STORIES)
    upper = np.array([[float(number) for number in line.split()] for line in lines])
    return LeeStories(stories, background, _symmetric(upper))


def _lines(path: Path, *, expected: int) -> tuple[str, ...]:
    # Both files hold one story a line; a pound sign in one of them is written in Latin-1.
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    if len(lines) != expected:
        raise DataError(f"{path.name} has {len(lines)} lines instead of {expected}; restore it: {REPAIR}")
    return lines


def _symmetric(upper: NDArray[Any]) -> NDArray[np.float64]:
    ratings = np.triu(upper, k=1)
    return np.asarray(ratings + ratings.T + np.eye(len(upper)), dtype=np.float64)
