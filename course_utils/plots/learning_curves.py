"""Learning curves: how a score grows with the number of examples, with a band over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.plots.style import MARKERS, OKABE_ITO, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]


def plot_learning_curves(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    title: str,
    x_label: str = "examples a class",
    y_label: str = "accuracy",
    chance: float | None = None,
    band: Literal["interval", "range"] = "interval",
    ax: Axes | None = None,
) -> Axes:
    """Draw one marked line a method, the mean over seeds, in a band; the x axis doubles at each step.

    Parameters
    ----------
    curves : mapping of str to (x, scores)
        x of shape (n,), positive and rising; scores of shape (seeds, n). At most eight; each may
        have its own x.
    chance : float, optional
        A dashed line for what guessing gives.
    band : {"interval", "range"}
        95 % t interval of the mean over seeds, or least to greatest. One seed has no band.

    Returns
    -------
    Axes
        One line and, with two seeds or more, one band for each curve, in the order given.

    Raises
    ------
    ValueError
        If shapes do not fit, x is not positive and rising, a number is not finite, or there are more
        than eight curves.
    """
    if len(curves) > len(OKABE_ITO):
        raise ValueError(f"{len(curves)} curves cannot be told apart; draw at most {len(OKABE_ITO)}.")
    ax = axes_or_new(ax)
    ticks: set[float] = set()
    for (name, (x, scores)), colour, marker in zip(curves.items(), OKABE_ITO, MARKERS, strict=False):
        places, table = _check(name, x, scores)
        mean = table.mean(axis=0)
        if len(table) > 1:
            low, high = seed_band(table, band=band)
            ax.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(places, mean, color=colour, marker=marker, markersize=5, linewidth=1.8, label=name)
        ticks.update(places.tolist())
    if chance is not None:
        ax.axhline(chance, color="#57606a", linestyle="--", linewidth=1.2, label=f"chance {chance:.3g}")
    ax.set_xscale("log", base=2)
    shown = sorted(ticks)[:: max(1, -(-len(ticks) // 12))]
    ax.set_xticks(shown, [f"{tick:g}" for tick in shown])
    ax.minorticks_off()
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.set_title(title, loc="left")
    ax.legend(fontsize=9, frameon=False)
    return ax


def seed_band(scores: ArrayLike, *, band: Literal["interval", "range"] = "interval") -> tuple[Floats, Floats]:
    """Low and high ends over seeds at each x.

    Parameters
    ----------
    scores : array of shape (seeds, n)
        Two seeds or more.
    band : {"interval", "range"}
        95 % t interval of the mean, which takes seeds as independent; or least to greatest.

    Returns
    -------
    low, high : arrays of shape (n,)

    Raises
    ------
    ValueError
        If there are fewer than two seeds, or `band` is unknown.
    """
    from scipy.special import stdtrit

    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2:
        raise ValueError(
            f"A band needs scores of shape (seeds, n) with two seeds or more, not {table.shape}."
        )
    if band == "range":
        return table.min(axis=0), table.max(axis=0)
    if band != "interval":
        raise ValueError(f'band must be "interval" or "range", not {band!r}.')
    half = stdtrit(len(table) - 1, 0.975) * table.std(axis=0, ddof=1) / np.sqrt(len(table))
    mean: Floats = table.mean(axis=0)
    return mean - half, mean + half


def _check(name: str, x: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """x as (n,), scores as (seeds, n)."""
    places, table = np.asarray(x, dtype=np.float64), np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if places.ndim != 1 or not places.size or table.ndim != 2 or table.shape[1] != len(places):
        raise ValueError(f"{name!r} needs scores of shape (seeds, {places.size}), not {np.shape(scores)}.")
    if (places <= 0).any() or (np.diff(places) <= 0).any():
        raise ValueError(
            f"{name!r} needs positive and rising x; an axis that doubles has no place for others."
        )
    if not (np.isfinite(places).all() and np.isfinite(table).all()):
        raise ValueError(f"{name!r} holds NaN or infinity; leave out what was not measured.")
    return places, table
