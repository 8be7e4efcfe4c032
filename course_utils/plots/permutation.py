"""A permutation test as a picture: what chance gives, what was observed, and how rare that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from course_utils.plots.style import OKABE_ITO, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1b1f24"


def plot_permutations(
    statistics: ArrayLike,
    *,
    observed: float,
    title: str,
    x_label: str = "test statistic",
    p_value: float | None = None,
    bins: int = 40,
    ax: Axes | None = None,
) -> Axes:
    """Draw a histogram of the statistic under permuted labels, with the observed value and p.

    Parameters
    ----------
    statistics : array of shape (N,)
        One value a permutation.
    observed : float
        The value with the true labels.
    p_value : float, optional
        By default `permutation_p`, which is for permutations drawn at random; give the share itself where all
        partitions were counted.
    bins : int

    Returns
    -------
    Axes
        Its patches are the bars: values below the observed in grey, those at or above it orange and hatched.

    Raises
    ------
    ValueError
        If there is no statistic, a number is not finite, or `p_value` is not a share.

    References
    ----------
    Phipson and Smyth (2010), Permutation P-values Should Never Be Zero.
    """
    values = np.asarray(statistics, dtype=np.float64).ravel()
    if not values.size or not np.isfinite(values).all() or not np.isfinite(observed):
        raise ValueError("A permutation test needs at least one statistic, and finite numbers only.")
    p = permutation_p(values, observed=observed) if p_value is None else float(p_value)
    if not 0 <= p <= 1:
        raise ValueError(f"p_value is a share from 0 to 1, not {p}.")
    ax = axes_or_new(ax)
    counts, edges = _split_histogram(values, observed=observed, bins=bins)
    for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        beyond = left >= observed
        ax.bar(
            left,
            count,
            width=right - left,
            align="edge",
            color=OKABE_ITO[1] if beyond else "#8c959f",
            hatch="///" if beyond else None,
            edgecolor="white",
            linewidth=0.4,
        )
    ax.axvline(observed, color=INK, linewidth=2)
    ax.set_ylim(0, 1.22 * max(counts.max(), 1))
    low, high = ax.get_xlim()
    left_half = observed > (low + high) / 2  # the words go where there is room
    ax.annotate(
        f"observed {observed:.3g}\n{say_p(p)}",
        (observed, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if left_half else 6, -4),
        textcoords="offset points",
        ha="right" if left_half else "left",
        va="top",
        fontsize=9,
    )
    ax.set_xlabel(x_label)
    ax.set_ylabel(f"permutations (of {len(values):,})")
    ax.set_title(title, loc="left")
    return ax


def permutation_p(statistics: ArrayLike, *, observed: float) -> float:
    """One-sided p of a sampled permutation test: (1 + number at least as large) / (1 + N).

    Parameters
    ----------
    statistics : array of shape (N,)
    observed : float

    References
    ----------
    Phipson and Smyth (2010), equation 2: the observed labels are one of the permutations.
    """
    values = np.asarray(statistics, dtype=np.float64).ravel()
    return (1 + int((values >= observed).sum())) / (1 + values.size)


def say_p(p: float) -> str:
    """p as text, with as many digits as tell it from 0."""
    return f"p = {p:.3f}" if p >= 0.0095 else f"p = {p:.1g}" if p > 0 else "p = 0"


def _split_histogram(values: np.ndarray, *, observed: float, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts and edges of bars of about equal width, one edge lying on the observed value."""
    low, high = min(values.min(), observed), max(values.max(), observed)
    span = (high - low) or 1.0
    width = span / bins
    below = int(np.ceil((observed - low) / width - 1e-9)) + 1
    beyond = int(np.ceil((high - observed) / width - 1e-9)) + 1
    edges = observed + width * np.arange(-below, beyond + 1)
    # Searching keeps a value that equals the observed one on its right side, where rounding might not.
    places = np.searchsorted(edges, values, side="right") - 1
    return np.bincount(np.clip(places, 0, len(edges) - 2), minlength=len(edges) - 1), edges
