"""Heads named and sorted by what they do, against a head that spreads its weight evenly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.evaluation.head_weights import Floats, as_allowed

Measure = Callable[[Any], Floats]  # weights of one or several texts → (H,) or (L, H)
MIXED = "mixed"


@dataclass(frozen=True, eq=False)
class HeadScores:
    """K scores of each head, all of them shares of weight from 0 to 1."""

    names: tuple[str, ...]  # (K,)
    values: Floats  # (L, H, K)
    even: Floats  # (K,) what a head scores that spreads its weight evenly over the allowed keys

    def __getitem__(self, name: str) -> Floats:
        """One score of all heads, shape (L, H)."""
        return self.values[..., self._place(name)]

    def mapping(self) -> dict[str, Floats]:
        """Score name → shape (L, H)."""
        return {name: self[name] for name in self.names}

    def kinds(self, threshold: float = 0.2) -> NDArray[np.str_]:
        """What each head does most: the score that lies highest above an even spread.

        Parameters
        ----------
        threshold : float
            A head whose best score lies less than this above an even spread is called "mixed".

        Returns
        -------
        str array of shape (L, H)
            One of `names`, the first of equals, or "mixed".
        """
        above = self.values - self.even  # (L, H, K)
        named = np.array(self.names)[above.argmax(axis=-1)]
        kinds: NDArray[np.str_] = np.where(above.max(axis=-1) >= threshold, named, MIXED)
        return kinds

    def order(self, name: str) -> list[tuple[int, int]]:
        """(layer, head) from 0, the greatest score first, equals in the order of the layers."""
        values = self[name]
        places = np.argsort(-values, axis=None, kind="stable")
        return [
            (int(layer), int(head)) for layer, head in zip(*np.divmod(places, values.shape[1]), strict=True)
        ]

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise KeyError(f"There is no score {name!r}; there are {', '.join(self.names)}.")
        return self.names.index(name)


def score_heads(weights: Any, measures: Mapping[str, Measure], *, allowed: Any = None) -> HeadScores:
    """Several scores of each head, and of an even spread.

    Parameters
    ----------
    weights : of shape (H, T, S) or (L, H, T, S), or a sequence of them
        As for all scores; H heads without layers become one layer.
    measures : mapping of str to callable
        Name of a kind → function of the weights, such as `previous_token_score`, or
        ``partial(alignment_score, links=links)``. Entropy is no share of weight and has no place here.
    allowed : bool array of shape (T, S), or a sequence of them, optional
        False where the model may not look, such as ``np.tri(T, dtype=bool)`` for a causal one.

    Returns
    -------
    HeadScores

    Raises
    ------
    ValueError
        If there is no measure, or one of `marked_score`.
    """
    if not measures:
        raise ValueError("Give at least one measure, such as {'previous': previous_token_score}.")
    several = isinstance(weights, list | tuple)
    texts = list(weights) if several else [weights]
    masks = allowed if several and allowed is not None else [allowed] * len(texts)
    even = [even_weights(*np.shape(text)[-2:], allowed=mask) for text, mask in zip(texts, masks, strict=True)]
    values = [np.atleast_2d(measure(weights)) for measure in measures.values()]
    controls = [measure(even if several else even[0]).item() for measure in measures.values()]
    return HeadScores(tuple(measures), np.stack(values, axis=-1), np.array(controls))


def even_weights(rows: int, columns: int | None = None, *, allowed: Any = None) -> Floats:
    """Weights of a head that gives each allowed key the same; any score of it is what no skill at all gets.

    Parameters
    ----------
    rows, columns : int
        T and S; S is T if not given.
    allowed : bool array of shape (T, S), optional

    Returns
    -------
    float array of shape (1, T, S)
        Each row sums to 1.

    Raises
    ------
    ValueError
        If the mask has another shape or a row without an allowed key.
    """
    free = as_allowed(allowed, shape=(rows, rows if columns is None else columns))
    keys = free.sum(axis=-1, keepdims=True)
    if not keys.all():
        raise ValueError("A row of the mask allows no key; every query needs one.")
    even: Floats = (free / keys)[None]
    return even
