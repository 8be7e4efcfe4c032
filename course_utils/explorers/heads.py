"""Heads of attention as an explorer takes them: weights, names of rows and columns, scores, kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.explorers.base import InputProblem

MOST_TOKENS = 64  # on either side of a map
WIDEST = 12  # heads in a row of the grid
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Heads:
    """All heads of a model on one text, and what is known of each.

    Parameters
    ----------
    weights : array or Tensor of shape (L, H, T, S), or mapping of str to array of shape (T, S)
        An array's heads are called "1·1" (layer·head, from 1) to "L·H".
    row_labels, col_labels : sequences of T and S str
        Queries and keys.
    scores : mapping of str to array of shape (L, H) or (N,)
        One number a head, in any unit; NaN where there is none. They may come from other texts than the one
        that is shown, and should where one text says little.
    allowed : bool array of shape (T, S), optional
        False marks what may not be attended to, such as ``np.tri(T, dtype=bool)`` for a causal model.
    kinds : callable, optional
        Threshold → str array of shape (L, H) or (N,), what each head does; `HeadScores.kinds` is one.
    """

    weights: Any
    row_labels: Sequence[str]
    col_labels: Sequence[str]
    scores: Mapping[str, ArrayLike] = field(default_factory=dict)
    allowed: ArrayLike | None = None
    kinds: Callable[[float], Any] | None = None


@dataclass(frozen=True)
class CheckedHeads:
    """The same in one form."""

    maps: Floats  # (N, T, S)
    names: tuple[str, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    scores: Mapping[str, Floats]  # (N,) each
    allowed: NDArray[np.bool_] | None
    kinds: Callable[[float], Any] | None
    in_a_row: int  # maps in a row of the grid

    def order(self, score: str | None) -> list[int]:
        """Places of the heads, the greatest score first, those without one last; as given for None."""
        values = self.scores.get(score or "")
        if values is None:
            return list(range(len(self.names)))
        return [int(place) for place in np.argsort(-values, kind="stable")]  # NaN comes last

    def kinds_at(self, threshold: float) -> list[str]:
        """What each head does; [] if nobody says."""
        if self.kinds is None:
            return []
        found = [str(kind) for kind in np.ravel(self.kinds(threshold))]
        if len(found) != len(self.names):
            raise ValueError(f"kinds names {len(found)} heads, but there are {len(self.names)}.")
        return found


def check_heads(heads: Heads) -> CheckedHeads:
    """One form for both ways to give weights.

    Raises
    ------
    InputProblem
        If there are more tokens than a map holds.
    ValueError
        If shapes do not fit, or a weight is not between 0 and 1.
    """
    names, maps, in_a_row = _name_maps(heads.weights)
    rows, columns = tuple(map(str, heads.row_labels)), tuple(map(str, heads.col_labels))
    if maps.shape[1:] != (len(rows), len(columns)):
        raise ValueError(
            f"Weights of shape {maps.shape[1:]} (T, S) need as many labels; there are {len(rows)} for "
            f"the rows and {len(columns)} for the columns."
        )
    if max(maps.shape[1:]) > MOST_TOKENS:
        raise InputProblem(
            f"A map holds at most {MOST_TOKENS} tokens a side, and this one has {max(maps.shape[1:])}; "
            "shorten the text."
        )
    if not ((maps >= 0) & (maps <= 1 + 1e-5)).all():  # NaN fails both
        raise ValueError("Attention weights lie between 0 and 1; take the softmax of the scores first.")
    scores = {str(name): np.ravel(_as_array(values)) for name, values in heads.scores.items()}
    for name, values in scores.items():
        if len(values) != len(names):
            raise ValueError(f"{name} has {len(values)} numbers, but there are {len(names)} heads.")
    allowed = None if heads.allowed is None else np.asarray(heads.allowed, dtype=bool)
    if allowed is not None and allowed.shape != maps.shape[1:]:
        raise ValueError(f"allowed has shape {allowed.shape}, but the maps have {maps.shape[1:]}.")
    return CheckedHeads(np.minimum(maps, 1.0), names, rows, columns, scores, allowed, heads.kinds, in_a_row)


def _name_maps(weights: Any) -> tuple[tuple[str, ...], Floats, int]:
    """Names (N,), maps (N, T, S), and how many stand in a row of the grid."""
    if isinstance(weights, Mapping):
        tables = [_as_array(table) for table in weights.values()]
        if not tables or any(table.ndim != 2 or table.shape != tables[0].shape for table in tables):
            raise ValueError("A mapping of weights needs at least one head, all of one shape (T, S).")
        in_a_row = 4 if len(tables) <= 16 else WIDEST
        return tuple(map(str, weights)), np.stack(tables), in_a_row
    maps = _as_array(weights)
    if maps.ndim != 4 or 0 in maps.shape:
        raise ValueError(
            f"Weights of one text have shape (L, H, T, S), not {maps.shape}; for a batch choose one "
            "text, such as weights[:, 0]."
        )
    names = tuple(
        f"{layer}·{head}" for layer in range(1, len(maps) + 1) for head in range(1, maps.shape[1] + 1)
    )
    return names, maps.reshape(-1, *maps.shape[2:]), min(maps.shape[1], WIDEST)


def _as_array(values: Any) -> Floats:
    return np.asarray(values.detach() if hasattr(values, "detach") else values, dtype=np.float64)
