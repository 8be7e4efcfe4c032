"""Every head of a model as a coloured square: what kind it is, layer by layer, one panel a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import INK, MUTED, draw_rect, draw_text, svg_document, text_on

# Black is left out: no letter could be read in it beside the others.
COLOURS = tuple(colour for colour in OKABE_ITO if colour != "#000000")
NO_KIND = "#eaeef2"
CELL, GAP, LEFT, TOP = 34, 3, 62, 76  # pixels: a square, between two, left and above of the squares
LEGEND = 22  # pixels a row


def kind_grids_svg(
    panels: Mapping[str, ArrayLike],
    *,
    kinds: Sequence[str],
    title: str,
    label: str,
    strengths: Mapping[str, ArrayLike] | None = None,
    other: str = "mixed",
    width: int = 960,
) -> str:
    """Draw one square a head: its colour and letters say the kind, its row the layer, sorted in each row.

    Parameters
    ----------
    panels : mapping of str to str arrays of shape (L, H)
        Name of the model → kind of each head. One to three, side by side.
    kinds : sequence of str
        At most seven, in the order in which heads are sorted and the legend is written.
    title, label : str
        The finding above the squares, and the spoken description.
    strengths : mapping of str to arrays of shape (L, H), optional
        One number a head, shown on hover.
    other : str
        Name of heads of no kind; grey.

    Returns
    -------
    str
        SVG text; each square carries `data-panel`, `data-layer`, `data-head` (from 1) and `data-kind`.

    Raises
    ------
    ValueError
        If there are too many panels or kinds, an array has no layers and heads, or a kind is not named.
    """
    tables = {name: np.asarray(table, dtype=str) for name, table in panels.items()}
    _check(tables, kinds=[*kinds, other])
    step, shown = width / len(tables), (*kinds, other)
    body = [draw_text(8, 20, title, size=14, weight="bold")]
    for place, (name, table) in enumerate(tables.items()):
        numbers = None if strengths is None else np.asarray(strengths[name], dtype=float)
        body += _panel(name, table, x=place * step, room=step, kinds=shown, numbers=numbers)
    bottom = TOP + max(len(table) for table in tables.values()) * CELL + 16
    body += _legend(shown, tables, y=bottom, width=width)
    rows = -(-len(shown) // 4)
    return svg_document("".join(body), width=width, height=bottom + rows * LEGEND + 8, label=label)


def abbreviate(kind: str) -> str:
    """Two letters that stand in a square, such as "pr" for "previous"."""
    return "".join(letter for letter in kind if letter.isalnum())[:2].lower()


def _panel(
    name: str,
    table: NDArray[np.str_],
    *,
    x: float,
    room: float,
    kinds: Sequence[str],
    numbers: NDArray[np.float64] | None,
) -> list[str]:
    """The squares of one model between x and x + room."""
    size = min(CELL, (room - LEFT - 16) / table.shape[1])
    named = int((table != kinds[-1]).sum())
    parts = [draw_text(x + LEFT, TOP - 12, f"{name}: {named} of {table.size} heads named", size=12)]
    for layer, row in enumerate(table):
        y = TOP + layer * CELL
        middle = y + CELL / 2 + 3
        parts.append(draw_text(x + LEFT - 8, middle, f"layer {layer + 1}", anchor="end", size=11, fill=MUTED))
        order = sorted(range(len(row)), key=lambda head: (kinds.index(row[head]), head))
        for column, head in enumerate(order):
            hover = f"{name}, layer {layer + 1}, head {head + 1}: {row[head]}"
            if numbers is not None:
                hover += f", {numbers[layer, head]:.2f}"
            marks = {"panel": name, "layer": layer + 1, "head": head + 1, "kind": row[head]}
            box = (x + LEFT + column * size, y, size - GAP, CELL - GAP)
            parts += _square(str(row[head]), box, kinds=kinds, hover=hover, marks=marks)
    return parts


def _square(
    kind: str,
    box: tuple[float, float, float, float],
    *,
    kinds: Sequence[str],
    hover: str | None = None,
    marks: Mapping[str, object] | None = None,
) -> list[str]:
    """One head: a box (left, top, width, height) in its kind's colour, with two letters."""
    left, top, width, height = box
    colour = NO_KIND if kind == kinds[-1] else COLOURS[kinds.index(kind)]
    square = draw_rect(*box, fill=colour, hover=hover, data=marks)
    if kind == kinds[-1]:
        return [square]
    place = (left + width / 2, top + height / 2 + 4)
    return [square, draw_text(*place, abbreviate(kind), size=11, anchor="middle", fill=text_on(colour))]


def _legend(
    kinds: Sequence[str], tables: Mapping[str, NDArray[np.str_]], *, y: float, width: float
) -> list[str]:
    """What each colour is, and how many heads each panel has of it."""
    parts: list[str] = []
    for place, kind in enumerate(kinds):
        x, top = 12 + place % 4 * width / 4, y + place // 4 * LEGEND
        counts = " / ".join(str(int((table == kind).sum())) for table in tables.values())
        parts += _square(kind, (x, top, 24, 16), kinds=kinds)
        parts.append(draw_text(x + 30, top + 12, f"{kind}: {counts}", size=12, fill=INK))
    return parts


def _check(tables: Mapping[str, NDArray[np.str_]], *, kinds: Sequence[str]) -> None:
    if not 1 <= len(tables) <= 3:
        raise ValueError(f"Draw one to three panels, not {len(tables)}.")
    if len(kinds) - 1 > len(COLOURS) or len(set(kinds)) < len(kinds):
        raise ValueError(f"Name at most {len(COLOURS)} kinds, each once; more cannot be told apart.")
    for name, table in tables.items():
        if table.ndim != 2 or not table.size:
            raise ValueError(f"{name} has shape {table.shape}; give one kind a head, (layers, heads).")
        strange = sorted(set(table.ravel().tolist()) - set(kinds))
        if strange:
            raise ValueError(f"{name} has heads of kind {strange[0]!r}; name it in kinds.")
