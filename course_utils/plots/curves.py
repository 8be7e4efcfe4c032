"""A few curves over named settings, one setting chosen, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from course_utils.plots.placement import cut_to_width, draw_halo
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import INK, LINE, MUTED, draw_line, draw_text, escape, svg_document

TOP, FOOT, LEFT, RIGHT = 40, 46, 52, 130
MOST = 4


def curves_svg(
    series: Mapping[str, Sequence[float]],
    *,
    names: Sequence[str],
    chosen: int,
    limit: float,
    title: str,
    label: str,
    x_label: str,
    y_label: str,
    width: int = 640,
    height: int = 240,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw one line a series over n settings, from 0 to a limit.

    Parameters
    ----------
    series : mapping of str to n floats, at most 4
        Named at the end of each line; circles, squares and dashes say the same as the colours.
    names : sequence of n str
        The settings, below the axis.
    chosen : int
        Place of the setting whose values are written out.
    limit : float
        Top of the axis.

    Returns
    -------
    str
        SVG text; each mark carries `data-series`, `data-name` and `data-value`.

    Raises
    ------
    ValueError
        If a series has not one finite value a setting, or there are none or too many.
    """
    if not 1 <= len(series) <= MOST or not 0 <= chosen < len(names):
        raise ValueError(f"draw 1 to {MOST} series, with one of {len(names)} settings chosen.")
    x = LEFT + (np.arange(len(names)) + 0.5) * (width - LEFT - RIGHT) / len(names)
    room, ground = height - TOP - FOOT, height - FOOT
    parts = [
        draw_text(8, 20, cut_to_width(title, width=width - 16, size=13, bold=True), size=13, weight="bold")
    ]
    parts.append(_axis(limit, room=room, ground=ground, width=width, y_label=y_label))
    parts.append(_settings(names, x, y=ground + 18))
    parts.append(
        draw_text((LEFT + width - RIGHT) / 2, height - 8, x_label, size=12, anchor="middle", fill=MUTED)
    )
    parts.append(draw_line(x[chosen], TOP, x[chosen], ground, stroke=INK))
    ends, written = [], []
    for place, (name, values) in enumerate(series.items()):
        numbers = np.asarray(values, dtype=np.float64)
        if numbers.shape != x.shape or not np.isfinite(numbers).all():
            raise ValueError(f"{name!r} needs one finite number for each of {len(names)} settings.")
        y = ground - np.clip(numbers / limit, 0, 1) * room
        parts.append(_line(name, x, y, place=place))
        parts += [
            _mark(x[i], y[i], place=place, large=i == chosen, series=name, name=names[i], value=numbers[i])
            for i in range(len(names))
        ]
        written.append((y[chosen], f"{numbers[chosen]:.3f}"))
        ends.append((y[-1], name, place))
    parts += [_values(written, x=x[chosen] + 10), _names_of_lines(ends, x=width - RIGHT + 4)]
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)


def _axis(limit: float, *, room: float, ground: float, width: int, y_label: str) -> str:
    """Horizontal lines with their numbers, about five."""
    step = next(
        s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, math.inf) if limit / s <= 6
    )
    parts = []
    for tick in [0.0] if math.isinf(step) else np.arange(0, limit / step + 1e-9) * step:
        y = ground - tick / limit * room
        parts.append(draw_line(LEFT, y, width - RIGHT, y, stroke=LINE))
        parts.append(draw_text(LEFT - 6, y + 4, f"{tick:g}", size=11, anchor="end", fill=MUTED))
    parts.append(draw_line(LEFT, ground - room, width - RIGHT, ground - room, stroke=MUTED))
    parts.append(draw_text(14, ground - room / 2, y_label, size=12, anchor="middle", fill=MUTED, rotate=-90))
    return "".join(parts)


def _settings(names: Sequence[str], x: NDArray[np.float64], *, y: float) -> str:
    return "".join(
        draw_text(place, y, cut_to_width(name, width=56), size=11, anchor="middle")
        for name, place in zip(names, x, strict=True)
    )


def _line(name: str, x: NDArray[np.float64], y: NDArray[np.float64], *, place: int) -> str:
    way = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    dash = ("none", "7 4", "2 3", "9 3 2 3")[place]
    return (
        f'<polyline points="{way}" fill="none" stroke="{OKABE_ITO[place]}" stroke-width="2.2" '
        f'stroke-dasharray="{dash}" data-series="{escape(name)}"/>'
    )


def _mark(x: float, y: float, *, place: int, large: bool, series: str, name: str, value: float) -> str:
    """A circle for the first and third line, a square for the others."""
    size, edge = (7, INK) if large else (4.5, "#ffffff")
    data = (
        f'fill="{OKABE_ITO[place]}" stroke="{edge}" stroke-width="1.5" data-series="{escape(series)}" '
        f'data-name="{escape(name)}" data-value="{value:.10g}"'
    )
    hover = f"<title>{escape(f'{series}, {name}: {value:.4f}')}</title>"
    if place % 2 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" {data}>{hover}</circle>'
    corner = f'x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size}" height="{2 * size}"'
    return f"<rect {corner} {data}>{hover}</rect>"


def _values(written: list[tuple[float, str]], *, x: float) -> str:
    """The values at the chosen setting, one below the other where they would touch."""
    parts, last = [], -math.inf
    for y, number in sorted(written):
        last = max(y - 8 if y > TOP + 20 else y + 16, last + 13)
        parts.append(draw_halo(x, last, number, bold=True))
    return "".join(parts)


def _names_of_lines(ends: list[tuple[float, str, int]], *, x: float) -> str:
    """Each line's name beside its end, moved down where two would touch."""
    parts, last = [], -math.inf
    for y, name, place in sorted(ends):
        last = max(y + 4, last + 15)
        short = cut_to_width(name, width=RIGHT - 8, size=12, bold=True)
        parts.append(draw_text(x, last, short, size=12, weight="bold", fill=OKABE_ITO[place]))
    return "".join(parts)
