"""Attention as a picture: queries down, keys across, one hue from 0 to 1, gold links outlined, as SVG."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.plots.attention_marks import (
    NUMBERED,
    CellGrid,
    draw_frames,
    draw_grid,
    draw_legend,
    draw_masked,
    draw_rings,
)
from course_utils.plots.placement import cut_to_width, text_width
from course_utils.plots.svg import (
    INK,
    MUTED,
    draw_text,
    escape,
    shade,
    svg_document,
    text_on,
)

MINIMUM_CELL, BROAD, HIGH = 15, 52, 28  # pixels: least breadth and height of a cell, and greatest ones
LONGEST = 130  # pixels of a label; the longest words of the course take a hundred
STEEP = 17  # from so many columns on, their names stand steeper
JOINED = 160  # in maps of more cells, neighbours in a row with the same two decimals share one element
FOOT = 30  # pixels for the scale and the meaning of the marks
Link = tuple[int, int]


def attention_svg(
    weights: ArrayLike,
    *,
    row_labels: Sequence[str],
    col_labels: Sequence[str],
    title: str,
    label: str,
    gold: Collection[Link] | None = None,
    links: Collection[Link] | None = None,
    allowed: ArrayLike | None = None,
    row_name: str = "",
    col_name: str = "",
    link_name: str = "predicted link",
    note: str = "",
    width: int = 640,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw attention weights: white is 0 and the darkest blue is 1 in every map, so that two maps compare.

    Parameters
    ----------
    weights : array of shape (T, S)
        Row t: how much query t looks at each key.
    row_labels, col_labels : sequences of T and S str
        The queries, from top to bottom, and the keys, from left to right.
    title, label : str
        The finding, above the map, and the spoken description of the picture.
    gold : collection of (source place, target place), optional
        (column, row), as gold alignments give them. These cells are outlined.
    links : collection of (source place, target place), optional
        Predicted links; these cells get a ring.
    allowed : bool array of shape (T, S), optional
        False marks cells that may not be attended to; they are hatched.
    row_name, col_name : str
        What the rows and the columns are, such as "target" and "source".
    link_name : str
        What the rings mean, if `links` are no predictions.
    note : str
        A line below the map.
    width : int
        In pixels; more than 30 columns may need more, so that names stay legible.

    Returns
    -------
    str
        SVG text. Each cell carries `data-row` and `data-column` (places from 0) and `data-value`, and where
        it applies `data-gold`, `data-link` and `data-masked`; names and number are under the pointer. An
        element that stands for several cells of a row carries their last column in `data-last`.

    Raises
    ------
    ValueError
        If shapes do not fit, a weight is not between 0 and 1, or a link lies outside the map.
    """
    table = _check_weights(weights, rows=len(row_labels), columns=len(col_labels))
    free = np.ones(table.shape, dtype=bool) if allowed is None else np.asarray(allowed, dtype=bool)
    if free.shape != table.shape:
        raise ValueError(f"allowed has shape {free.shape}, but the weights have {table.shape}.")
    outlined = _check_links(gold or (), shape=table.shape)
    ringed = _check_links(links or (), shape=table.shape)
    place = _lay_out(row_labels, col_labels, names=(row_name, col_name), width=width)
    parts = [
        draw_text(
            8, 20, cut_to_width(title, width=place.width - 16, size=13, bold=True), size=13, weight="bold"
        ),
        _labels(row_labels, col_labels, names=(row_name, col_name), place=place),
        _cells(table, free, labels=(row_labels, col_labels), marks=(outlined, ringed), place=place),
        draw_grid(*table.shape, place=place),
        draw_masked([(int(i), int(j)) for i, j in np.argwhere(~free)], place=place),
        _numbers(table, free, place=place),
        draw_frames(outlined, place=place),
        draw_rings(ringed, place=place),
    ]
    bottom = place.top + len(table) * place.row
    meanings = {
        "gold": "gold link" if gold is not None else "",
        "links": link_name if links is not None else "",
        "masked": "" if free.all() else "masked",
    }
    parts.append(draw_legend(bottom + 10, **meanings))
    height = bottom + FOOT
    if note:
        parts.append(draw_text(8, height + 12, cut_to_width(note, width=place.width - 16, size=12), size=12))
        height += 22
    return svg_document("".join(parts), width=place.width, height=height, label=label, data=data)


def _check_weights(weights: ArrayLike, *, rows: int, columns: int) -> NDArray[np.float64]:
    table = np.asarray(weights, dtype=np.float64)
    if table.shape != (rows, columns) or not rows or not columns:
        raise ValueError(
            f"Weights of shape {table.shape} need as many labels, at least one for each side; there are "
            f"{rows} for the rows and {columns} for the columns."
        )
    if not ((table >= 0) & (table <= 1 + 1e-6)).all():  # NaN fails both
        raise ValueError("Attention weights lie between 0 and 1; take the softmax of the scores first.")
    return table


def _check_links(links: Collection[Link], *, shape: tuple[int, ...]) -> frozenset[Link]:
    """As (row, column)."""
    rows, columns = shape
    for source, target in links:
        if not (0 <= source < columns and 0 <= target < rows):
            raise ValueError(
                f"The link {(source, target)} (source, target) lies outside a map of {rows} rows (targets) "
                f"and {columns} columns (sources); were the two swapped?"
            )
    return frozenset((int(target), int(source)) for source, target in links)


def _lay_out(
    rows: Sequence[str], columns: Sequence[str], *, names: tuple[str, str], width: float
) -> CellGrid:
    """Cells as large as the page allows, and room for every name."""
    slant = 45.0 if len(columns) < STEEP else 60.0
    left = 18 + max(_breadth(text) for text in (*rows, *(f"{name} →" for name in names if name)))
    breadths = [_breadth(text) for text in columns]
    along, up = math.cos(math.radians(slant)), math.sin(math.radians(slant))
    room = width - left - 16
    # The slanted name of each column must end before the picture does.
    cell = min((room - along * breadth) / (j + 0.5) for j, breadth in enumerate(breadths))
    cell = max(math.floor(min(cell, room / len(columns), BROAD) * 2) / 2, MINIMUM_CELL)
    row = max(min(math.floor(cell), HIGH, math.floor(560 / len(rows))), MINIMUM_CELL)
    needed = max((j + 0.5) * cell + along * breadth for j, breadth in enumerate(breadths))
    total = left + max(needed, cell * len(columns)) + 16
    top = 30 + max(up * max(breadths) + 14, 32 if names[1] else 0)
    return CellGrid(math.ceil(left), math.ceil(top), cell, row, slant, max(width, math.ceil(total)))


def _breadth(text: str) -> float:
    return min(text_width(str(text), size=12), LONGEST)


def _labels(rows: Sequence[str], columns: Sequence[str], *, names: tuple[str, str], place: CellGrid) -> str:
    """Names of the rows, the columns, and of what both are."""
    size = 12 if min(place.cell, place.row) >= 18 else 11
    parts = []
    for name, arrow, y in ((names[1], "→", place.top - 24), (names[0], "↓", place.top - 8)):
        if name:
            parts.append(draw_text(place.left - 8, y, f"{name} {arrow}", size=11, anchor="end", fill=MUTED))
    for j, text in enumerate(columns):
        x = place.left + (j + 0.5) * place.cell + 3
        shown = cut_to_width(str(text), width=LONGEST, size=12)
        parts.append(draw_text(x, place.top - 6, shown, size=size, rotate=-place.slant))
    for i, text in enumerate(rows):
        y = place.top + (i + 0.5) * place.row + 4
        shown = cut_to_width(str(text), width=LONGEST, size=12)
        parts.append(draw_text(place.left - 8, y, shown, size=size, anchor="end"))
    return "".join(parts)


def _cells(
    table: NDArray[np.float64],
    free: NDArray[np.bool_],
    *,
    labels: tuple[Sequence[str], Sequence[str]],
    marks: tuple[frozenset[Link], frozenset[Link]],
    place: CellGrid,
) -> str:
    """One element a cell, or for several of a row that read alike."""
    outlined, ringed = marks
    rows, columns = ([escape(text) for text in side] for side in labels)  # each once, not in each cell
    parts = []
    for i, first, last in _runs(table, free, single=outlined | ringed):
        value, masked = float(table[i, first]), not free[i, first]
        joined = last > first
        keys = f"{columns[first]} … {columns[last]}" if joined else columns[first]
        number = f"{value:.2f} each" if joined else f"{value:.4f}"
        number = f"masked, {number}" if masked else number
        marked = {"gold": (i, first) in outlined, "link": (i, first) in ringed, "masked": masked}
        parts.append(
            f'<rect x="{place.left + first * place.cell:g}" y="{place.top + i * place.row:g}" '
            f'width="{(last - first + 1) * place.cell:g}" height="{place.row:g}" '
            f'fill="{shade(round(value, 2) if joined else value)}" data-row="{i}" data-column="{first}"'
            + (f' data-last="{last}"' if joined else "")
            + f' data-value="{round(value, 2) if joined else value:.6g}"'
            + "".join(f' data-{name}="1"' for name, yes in marked.items() if yes)
            + f"><title>{rows[i]} → {keys}: {number}</title></rect>"
        )
    return "".join(parts)


def _runs(
    table: NDArray[np.float64], free: NDArray[np.bool_], *, single: frozenset[Link]
) -> Iterator[tuple[int, int, int]]:
    """(row, first column, last column) of each element."""
    many = table.size > JOINED
    rounded = np.round(table, 2)

    def kind(place: Link) -> Hashable:
        if place in single or (free[place] and not many):
            return place
        return "free" if free[place] else "masked", float(rounded[place])

    for i in range(len(table)):
        for _, run in groupby(range(table.shape[1]), key=lambda j: kind((i, j))):
            found = list(run)
            yield i, found[0], found[-1]


def _numbers(table: NDArray[np.float64], free: NDArray[np.bool_], *, place: CellGrid) -> str:
    """Two decimals in each cell where there is room, unless they are zeros."""
    if place.cell < NUMBERED:
        return ""
    written: dict[str, list[str]] = {INK: [], "#ffffff": []}
    for i, j in np.argwhere((table >= 0.005) & free):
        number = f"{table[i, j]:.2f}"
        if place.cell < 27:
            number = number[1:] if number[0] == "0" else "1"
        x, y = place.left + (j + 0.5) * place.cell, place.top + (i + 0.5) * place.row + 4
        written[text_on(shade(table[i, j]))].append(f'<text x="{x:g}" y="{y:g}">{number}</text>')
    return "".join(
        f'<g font-size="11" text-anchor="middle" pointer-events="none" fill="{fill}">{"".join(texts)}</g>'
        for fill, texts in written.items()
        if texts
    )
