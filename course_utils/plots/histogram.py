"""A histogram of drawn numbers with the curves that theory expects, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.plots.placement import cut_to_width
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import LINE, MUTED, draw_line, draw_rect, draw_text, escape, svg_document

TOP, FOOT, SIDE = 62, 44, 16
DASHES = ("none", "6 3", "2 3")


def histogram_svg(
    shares: ArrayLike,
    *,
    edges: ArrayLike,
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    title: str,
    label: str,
    x_label: str,
    width: int = 320,
    height: int = 250,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw bars from 0 to 1 and curves over them.

    Parameters
    ----------
    shares : array of shape (N,)
        Height of each bar, as a share of the expected peak; higher ones than 1.25 are cut.
    edges : array of shape (N + 1,)
        Where the bars begin and end, rising.
    curves : mapping of str to (x, y), at most 3
        Heights again as shares of a peak.

    Returns
    -------
    str
        SVG text; each bar carries `data-bin` (its middle) and `data-value`, each curve `data-curve`.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there are too many curves to be told apart.
    """
    heights, ends = np.asarray(shares, dtype=np.float64), np.asarray(edges, dtype=np.float64)
    if heights.ndim != 1 or ends.shape != (len(heights) + 1,):
        raise ValueError(f"{heights.shape} bars need one edge more, not {ends.shape}.")
    if len(curves) > len(DASHES):
        raise ValueError(f"{len(curves)} curves cannot be told apart; draw at most {len(DASHES)}.")
    ground, room = height - FOOT, height - TOP - FOOT

    def across(x: ArrayLike) -> NDArray[np.float64]:
        return SIDE + (np.asarray(x) - ends[0]) / (ends[-1] - ends[0]) * (width - 2 * SIDE)

    def up(share: ArrayLike) -> NDArray[np.float64]:
        return ground - np.clip(share, 0, 1.25) / 1.25 * room

    parts = [draw_text(8, 20, cut_to_width(title, width=width - 12, bold=True), size=12, weight="bold")]
    for value, left, right in zip(heights, ends[:-1], ends[1:], strict=True):
        parts.append(
            draw_rect(
                float(across(left)),
                float(up(value)),
                float(across(right) - across(left)),
                float(ground - up(value)),
                fill="#f3c9a5",
                stroke="#ffffff",
                hover=f"{left:.4g} to {right:.4g}: {value:.4g} of the expected peak",
                data={"bin": f"{(left + right) / 2:.10g}", "value": f"{value:.10g}"},
            )
        )
    for place, (name, (x, y)) in enumerate(curves.items()):
        way = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across(x), up(y), strict=True))
        parts.append(_curve(name, way, place=place))
    parts.append(draw_line(SIDE, ground, width - SIDE, ground, stroke=MUTED))
    parts.append(
        _ticks(np.linspace(ends[0], ends[-1], 5), across(np.linspace(ends[0], ends[-1], 5)), y=ground)
    )
    parts.append(draw_text(width / 2, height - 8, x_label, size=11, anchor="middle", fill=MUTED))
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)


def _curve(name: str, way: str, *, place: int) -> str:
    """One curve and its line in the legend."""
    colour = (OKABE_ITO[1], OKABE_ITO[0], OKABE_ITO[2])[place]
    stroke = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{DASHES[place]}" fill="none"'
    y = 36 + 14 * place
    return (
        f'<polyline points="{way}" {stroke} data-curve="{escape(name)}"/>'
        f'<path d="M8 {y}h22" {stroke}/>{draw_text(36, y + 4, name, size=11)}'
    )


def _ticks(values: Sequence[float] | NDArray[np.float64], x: NDArray[np.float64], *, y: float) -> str:
    parts = []
    for value, place in zip(values, x, strict=True):
        anchor = "start" if place == x[0] else "end" if place == x[-1] else "middle"
        parts.append(draw_line(place, y, place, y + 4, stroke=LINE))
        parts.append(draw_text(place, y + 17, f"{value:.3g}", size=11, anchor=anchor, fill=MUTED))
    return "".join(parts)
