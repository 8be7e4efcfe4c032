"""Curves with intervals: how a figure changes with a setting, or with time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from course_utils.plots.style import MARKERS, OKABE_ITO, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_lines(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    intervals: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    x_label: str,
    y_label: str,
    title: str,
    log_x: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw one marked line a series, named at its end, with a band for its interval.

    Parameters
    ----------
    x : sequence of n floats
        Shared by all series; every value gets a tick when there are at most ten.
    series : mapping of str to sequence of n floats
        At most eight.
    intervals : mapping of str to (low, high), optional
        Lower and upper ends, n floats each, for any of the series.

    Raises
    ------
    ValueError
        If a series has another length than `x`, or there are more than eight.
    """
    if len(series) > len(OKABE_ITO):
        raise ValueError(f"{len(series)} lines cannot be told apart; draw at most {len(OKABE_ITO)}.")
    ax = axes_or_new(ax)
    for (name, values), colour, marker in zip(series.items(), OKABE_ITO, MARKERS, strict=False):
        if len(values) != len(x):
            raise ValueError(f"{name!r} has {len(values)} values for {len(x)} places on the x axis.")
        if intervals and name in intervals:
            low, high = intervals[name]
            ax.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        ax.plot(x, values, color=colour, marker=marker, markersize=5, linewidth=1.8, label=name)
    if log_x:
        ax.set_xscale("log")
    if len(x) <= 10:
        ax.set_xticks(list(x), [f"{value:g}" for value in x])
        ax.minorticks_off()
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.set_title(title, loc="left")
    if len(series) > 1:
        ax.legend(fontsize=9, frameon=False)
    return ax


def plot_points(
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    *,
    names: Mapping[int, str] | None = None,
    x_label: str,
    y_label: str,
    title: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw a cloud of points, a few of them named.

    Parameters
    ----------
    x, y : sequences of n floats
    names : mapping of int to str, optional
        Position in `x` and `y` → label written beside that point.
    """
    if len(x) != len(y):
        raise ValueError(f"A cloud needs as many x as y values, not {len(x)} and {len(y)}.")
    ax = axes_or_new(ax)
    ax.scatter(x, y, s=22, color=OKABE_ITO[0], alpha=0.55, edgecolors="none")
    above = _labels_above(x, y, sorted(names or {}, key=lambda place: y[place]))
    for place, name in (names or {}).items():
        ax.scatter([x[place]], [y[place]], s=30, color=OKABE_ITO[1], edgecolors="white", linewidths=0.6)
        ax.annotate(
            name,
            (x[place], y[place]),
            xytext=(5, 4 if above[place] else -12),
            textcoords="offset points",
            fontsize=9,
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
        )
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.set_title(title, loc="left")
    return ax


def _labels_above(
    x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, places: Sequence[int]
) -> dict[int, bool]:
    """Which labels go above their points: the lower one of two close neighbours goes below."""
    width, height = np.ptp(x) or 1.0, np.ptp(y) or 1.0
    above = {}
    for order, place in enumerate(places):
        close = [abs(x[place] - x[o]) < 0.25 * width and abs(y[place] - y[o]) < 0.06 * height
                 for o in places[order + 1 :]]  # fmt: skip
        above[place] = not any(close)
    return above
