"""Attention weights of one or several texts, and means over the rows that count; head scores use them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def as_texts(weights: Any) -> list[Floats]:
    """Each text's weights, checked."""
    texts = [_as_weights(one) for one in (weights if isinstance(weights, list | tuple) else [weights])]
    if not texts:
        raise ValueError("Give the weights of at least one text.")
    if len({text.shape[:-2] for text in texts}) > 1:
        raise ValueError("All texts need weights of the same layers and heads.")
    return texts


def _as_weights(weights: Any) -> Floats:
    table = np.asarray(weights.detach() if hasattr(weights, "detach") else weights, dtype=np.float64)
    if table.ndim not in (3, 4) or 0 in table.shape:
        raise ValueError(
            f"Weights of a text have shape (H, T, S) or (L, H, T, S), not {table.shape}; give several texts "
            "as a list, such as list(weights.transpose(0, 1)) for (L, B, H, T, S)."
        )
    if not ((table >= 0) & (table <= 1 + 1e-5)).all():  # NaN fails both
        raise ValueError("Attention weights lie between 0 and 1; take the softmax of the scores first.")
    return table


def one_a_text(option: Any, weights: Any) -> list[Any]:
    """What belongs to each text."""
    if not isinstance(weights, list | tuple):
        return [option]
    if option is None:
        return [None] * len(weights)
    if len(option) != len(weights):
        raise ValueError(f"{len(weights)} texts need a list with one entry for each, not {len(option)}.")
    return list(option)


def mean_share(texts: list[Floats], marks: list[Mask], *, rows: list[Any] | None = None) -> Floats:
    """Mean weight on the marked keys, over the rows that have any."""
    shares = []
    for text, mark in zip(texts, marks, strict=True):
        require_shape(mark.shape, text.shape[-2:], name="marked")
        shares.append(np.where(mark, text, 0.0).sum(axis=-1))  # (…, T)
    return mean_over_rows(shares, [np.asarray(mark.any(axis=-1)) for mark in marks], rows=rows)


def mean_over_rows(values: list[Floats], counted: list[Mask], *, rows: list[Any] | None = None) -> Floats:
    """Mean of values (…, T) over the rows of all texts that count."""
    total, number = np.zeros(values[0].shape[:-1]), 0
    for value, counts, kept in zip(values, counted, rows or [None] * len(values), strict=True):
        if kept is not None:
            require_shape(np.shape(kept), counts.shape, name="rows")
            counts = counts & np.asarray(kept, dtype=bool)
        total += value[..., counts].sum(axis=-1)
        number += int(counts.sum())
    if not number:
        raise ValueError("No row counts for this score, so it has no mean; give longer or other texts.")
    mean: Floats = total / number
    return mean


def require_shape(found: tuple[int, ...], wanted: tuple[int, ...], *, name: str) -> None:
    """Refuse an array of another shape than the weights need; a ValueError names it and both shapes."""
    if tuple(found) != tuple(wanted):
        raise ValueError(f"{name} has shape {tuple(found)}, but these weights need {tuple(wanted)}.")


def as_allowed(allowed: Any, *, shape: tuple[int, ...]) -> Mask:
    """A mask of this shape, all True where none is given.

    Raises
    ------
    ValueError
        If it has another shape.
    """
    if allowed is None:
        return np.ones(shape, dtype=bool)
    mask = np.asarray(allowed, dtype=bool)
    require_shape(mask.shape, shape, name="allowed")
    return mask
