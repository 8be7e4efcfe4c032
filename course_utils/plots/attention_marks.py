"""A grid of cells, and what is drawn over it: hatching, frames, rings, and what they mean."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from course_utils.plots.placement import text_width
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import INK, LINE, MUTED, draw_rect, draw_text, shade

GOLD = OKABE_ITO[1]
NUMBERED = 20  # pixels that a cell must be broad to hold its number
Cells = Collection[tuple[int, int]]  # (row, column)


@dataclass(frozen=True)
class CellGrid:
    """Where the cells of a map lie, in pixels."""

    left: float
    top: float
    cell: float  # breadth
    row: float  # height
    slant: float = 0.0  # degrees of the column names
    width: float = 0.0  # of the whole picture


def draw_grid(rows: int, columns: int, *, place: CellGrid) -> str:
    """Lines between all cells, one path."""
    broad, high = columns * place.cell, rows * place.row
    across = "".join(f"M{place.left:g} {place.top + i * place.row:g}h{broad:g}" for i in range(rows + 1))
    down = "".join(f"M{place.left + j * place.cell:g} {place.top:g}v{high:g}" for j in range(columns + 1))
    return f'<path d="{across}{down}" stroke="{LINE}" fill="none" pointer-events="none"/>'


def draw_hatching(masked: NDArray[np.bool_], *, place: CellGrid) -> str:
    """Slanted lines over the masked cells, all of them one path."""
    steps = []
    for i in range(len(masked)):
        for shut, run in groupby(range(masked.shape[1]), key=lambda j: bool(masked[i, j])):
            if shut:
                found = list(run)
                left = place.left + found[0] * place.cell
                right = place.left + (found[-1] + 1) * place.cell
                steps.append(_hatch(left, right, bottom=place.top + (i + 1) * place.row, height=place.row))
    if not steps:
        return ""
    return f'<path d="{"".join(steps)}" stroke="{MUTED}" fill="none" pointer-events="none"/>'


def _hatch(left: float, right: float, *, bottom: float, height: float) -> str:
    """Lines that rise by 45 degrees, cut off at both ends."""
    steps, start = [], left - height + 7
    while start < right:
        begin, end = max(start, left), min(start + height, right)
        steps.append(f"M{begin:g} {bottom - (begin - start):g}l{end - begin:g} {begin - end:g}")
        start += 7
    return "".join(steps)


def draw_frames(cells: Cells, *, place: CellGrid) -> str:
    """Frames in the colour of gold links, on white, so that they are seen on dark cells too."""
    if not cells:
        return ""
    broad, high = place.cell - 2, place.row - 2
    steps = "".join(
        f"M{place.left + j * place.cell + 1:g} {place.top + i * place.row + 1:g}h{broad:g}v{high:g}"
        f"h-{broad:g}z"
        for i, j in sorted(cells)
    )
    return (
        f'<g fill="none" pointer-events="none"><path d="{steps}" stroke="#ffffff" stroke-width="4"/>'
        f'<path d="{steps}" stroke="{GOLD}" stroke-width="2"/></g>'
    )


def draw_rings(cells: Cells, *, place: CellGrid) -> str:
    """Small rings: in the middle of a cell without a number, else in its upper right corner."""
    if not cells:
        return ""
    inset = 6.0 if place.cell >= 27 else 4.5 if place.cell >= NUMBERED else place.cell / 2
    down = min(inset, place.row / 2)
    rings = "".join(
        f'<circle cx="{place.left + (j + 1) * place.cell - inset:g}" '
        f'cy="{place.top + i * place.row + down:g}" r="2.5"/>'
        for i, j in sorted(cells)
    )
    return f'<g fill="#ffffff" stroke="{INK}" stroke-width="1.3" pointer-events="none">{rings}</g>'


def draw_legend(top: float, *, gold: str = "", links: str = "", masked: str = "") -> str:
    """The scale, and the meaning of each mark that has one."""
    parts = [draw_text(8, top + 10, "weight", size=11, fill=MUTED), draw_text(60, top + 10, "0", size=11)]
    for step in range(6):
        parts.append(draw_rect(72 + 14 * step, top, 14, 12, fill=shade(step / 5), stroke=LINE))
    parts.append(draw_text(160, top + 10, "1", size=11))
    x = 190.0
    for meaning, draw in ((gold, draw_frames), (links, draw_rings), (masked, _hatch_one)):
        if meaning:
            place = CellGrid(x, top, 18, 12)
            parts.append(draw_rect(x, top, 18, 12, fill="#ffffff", stroke=LINE))
            parts.append(draw([(0, 0)], place=place))
            parts.append(draw_text(x + 24, top + 10, meaning, size=11))
            x += 24 + text_width(meaning, size=11) + 20
    return "".join(parts)


def _hatch_one(cells: Cells, *, place: CellGrid) -> str:
    return draw_hatching(np.full((1, len(cells)), True), place=place)
