"""A grid of cells, and what is drawn over it: hatching, frames, rings, and what they mean."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby

from course_utils.plots.hatch import draw_hatching
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


def draw_masked(cells: Cells, *, place: CellGrid) -> str:
    """Hatching over the masked cells, neighbours in a row together."""
    boxes = []
    numbered = enumerate(sorted(cells))
    for (row, _), run in groupby(numbered, key=lambda one: (one[1][0], one[1][1] - one[0])):
        columns = [column for _, (_, column) in run]
        left, top = place.left + columns[0] * place.cell, place.top + row * place.row
        boxes.append((left, top, len(columns) * place.cell, place.row))
    return draw_hatching(boxes)


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
    for meaning, draw in ((gold, draw_frames), (links, draw_rings), (masked, draw_masked)):
        if meaning:
            place = CellGrid(x, top, 18, 12)
            parts.append(draw_rect(x, top, 18, 12, fill="#ffffff", stroke=LINE))
            parts.append(draw([(0, 0)], place=place))
            parts.append(draw_text(x + 24, top + 10, meaning, size=11))
            x += 24 + text_width(meaning, size=11) + 20
    return "".join(parts)
