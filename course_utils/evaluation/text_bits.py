"""Bits per character of raw text: one count for models of words, of byte-pair tokens, of anything.

`language_model.bits_per_character` writes a text anew from its words, with a space after each. Here the text
is what it is: the pieces that a model predicts, joined, are the text, and its own characters are counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from course_utils.evaluation.language_model import BitsResult
from course_utils.evaluation.similarity import bootstrap_interval

__all__ = ["text_bits"]


def text_bits(
    log_probabilities: Sequence[ArrayLike],
    texts: Sequence[str],
    *,
    spelling: Sequence[float] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> BitsResult:
    """Bits that a model needs for each character of some texts.

    Parameters
    ----------
    log_probabilities : sequence of N arrays of shape (T,)
        In nats, one for each piece of a text; T may differ, and so may what a piece is.
    texts : sequence of N str
        Raw, as the pieces make them when joined.
    spelling : sequence of N floats, optional
        Bits that each text costs on top: the letters of the words that a vocabulary does not hold.
    resamples, seed : int
        See `bootstrap_interval`; texts are resampled.

    Returns
    -------
    BitsResult
        The end of a text is not counted.

    Raises
    ------
    ValueError
        If there are no texts, one is empty, the arguments differ in length, a log-probability is NaN or
        above 0, or the spelling costs less than nothing.
    """
    letters = np.zeros(len(texts)) if spelling is None else np.asarray(spelling, dtype=np.float64)
    if not len(texts) == len(log_probabilities) == len(letters) or not len(texts):
        raise ValueError(
            f"there are {len(texts)} texts, {len(log_probabilities)} arrays of log-probabilities and "
            f"{len(letters)} costs of spelling; give one of each for every text, and one text or more."
        )
    characters = np.array([len(text) for text in texts])
    if not characters.min():
        raise ValueError(f"text {int(characters.argmin())} is empty; leave it out.")
    if np.isnan(letters).any() or letters.min() < 0:
        raise ValueError("spelling costs 0 bits or more, never less.")
    total = letters + [_bits(values) for values in log_probabilities]
    low, high = bootstrap_interval(_ratio, total, characters, resamples=resamples, seed=seed)
    return BitsResult(
        bits=_ratio(total, characters),
        low=low,
        high=high,
        characters=int(characters.sum()),
        spelling=_ratio(letters, total) if total.sum() else 0.0,
    )


def _bits(values: ArrayLike) -> float:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or np.isnan(array).any() or (array > 1e-6).any():
        raise ValueError("log-probabilities come as arrays of shape (T,), 0 or below and never NaN.")
    return -float(array.sum()) / math.log(2)


def _ratio(parts: ArrayLike, whole: ArrayLike) -> float:
    return float(np.sum(parts) / np.sum(whole))
