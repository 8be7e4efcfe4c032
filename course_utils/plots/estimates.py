"""Estimates with their intervals, side by side: what was measured, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from course_utils.plots.style import MARKERS, OKABE_ITO, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPREAD = 0.12  # of the distance between two groups, from one series to the next


class Estimated(Protocol):
    """A value between the ends of its interval."""

    @property
    def value(self) -> float: ...

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...


def plot_estimates(
    series: Mapping[str, Sequence[Estimated]],
    *,
    groups: Sequence[str],
    y_label: str,
    title: str,
    joined: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw one mark with its interval for each series and group.

    Parameters
    ----------
    series : mapping of str to sequence of objects with value, low, high
        At most eight, one estimate for each group.
    groups : sequence of str
        Written below the axis, left to right.
    joined : bool
        Draw lines from group to group: for one thing measured twice, not for kinds without an order.

    Raises
    ------
    ValueError
        If a series has not one estimate a group, or there are more than eight series.
    """
    if not 1 <= len(series) <= len(OKABE_ITO):
        raise ValueError(
            f"Draw one to {len(OKABE_ITO)} series, not {len(series)}; more cannot be told apart."
        )
    ax = axes_or_new(ax, height=340)
    for place, (name, points) in enumerate(series.items()):
        if len(points) != len(groups):
            raise ValueError(f"{name!r} has {len(points)} estimates for {len(groups)} groups.")
        x = np.arange(len(groups)) + (0 if joined else SPREAD * (place - (len(series) - 1) / 2))
        values = [one.value for one in points]
        errors = [[one.value - one.low for one in points], [one.high - one.value for one in points]]
        ax.errorbar(
            x,
            values,
            yerr=errors,
            fmt=MARKERS[place] + ("-" if joined else ""),
            color=OKABE_ITO[place],
            label=name,
            capsize=3,
        )
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set_xlim(-0.5, len(groups) - 0.5)
    ax.set_ylabel(y_label)
    ax.set_title(title, loc="left")
    ax.legend(fontsize=9, frameon=False)
    return ax
