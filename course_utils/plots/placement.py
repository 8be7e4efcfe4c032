"""Labels beside their points: first come, first served, and none covers another."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from course_utils.plots.svg import INK, escape, shorten

CELL = 8  # pixels; where a label or a point lies is remembered in squares of this size
LETTER, LABEL_HEIGHT = 7.0, 13  # pixels that a common letter of a label takes
NARROW, BROAD = frozenset("fijlrtI.,:;'|!()[] "), frozenset("mwMW@%&")
LONGEST_LABEL = 22  # letters
# How broad the letters of DejaVu Sans are, in shares of their height, rounded up; Verdana's are alike.
BREADTHS = {
    letter: share
    for share, letters in (
        (0.3, "'IJijl"), (0.35, " ,./:;\\|·’"), (0.4, "!()-[]ft"), (0.45, "r"), (0.5, '"*_`'),
        (0.55, "?csz“”"), (0.6, "FLkvxy"), (0.65, "$0123456789EPSTYabdeghnopqu{}"), (0.7, "ABCKRVXZ"),
        (0.75, "NU"), (0.8, "&DGHOQ"), (0.85, "#+<=>^w~"), (0.95, "M%"), (1.0, "@Wm…"),
    )
    for letter in letters
}  # fmt: skip
BOLD = 1.14  # how much broader bold letters are


def place_labels(
    pixels: NDArray[np.float64],
    labels: Sequence[str],
    *,
    wanted: Sequence[int],
    chosen: Sequence[int],
    frame: tuple[float, float, float, float],
) -> str:
    """Labels beside their points, as SVG; one that finds no room is left out.

    Parameters
    ----------
    pixels : array of shape (N, 2)
        Where the points are drawn.
    labels : sequence of N str
    wanted : sequence of int
        Points to be labelled, most wanted first.
    chosen : sequence of int
        Those among them whose labels are bold and may cover the points that are not.
    frame : (left, top, right, bottom)
        Where labels may lie, in pixels.
    """
    left, top, right, bottom = frame
    places = [(int(x) // CELL, int(y) // CELL) for x, y in pixels]
    # The label of a highlighted point may cover faded points, but no highlighted one.
    marked = set(chosen)
    strong, every = {places[i] for i in chosen}, set(places)
    written: set[tuple[int, int]] = set()
    parts = []
    for i in dict.fromkeys(wanted):
        text = shorten(str(labels[i]), length=LONGEST_LABEL)
        (x, y), room = pixels[i], _room(text) * (1.12 if i in marked else 1)
        points = strong if i in marked else every
        for x0, y0 in _sides(x, y, room, further=i in marked):
            inside = left <= x0 and x0 + room <= right and top <= y0 and y0 + LABEL_HEIGHT <= bottom
            cells = _cells(x0, y0, room) if inside else []
            if cells and not any(c in written or (c in points and c != places[i]) for c in cells):
                written.update(cells)
                parts.append(draw_halo(x0, y0 + 10, text, bold=i in marked))
                break
    return "".join(parts)


def _sides(x: float, y: float, room: float, *, further: bool) -> list[tuple[float, float]]:
    """Upper left corners that a label of a point at (x, y) may have, best first."""
    near = [(x + 7, y - 6), (x - 7 - room, y - 6), (x - room / 2, y - 20), (x - room / 2, y + 7)]
    if not further:
        return near
    return [*near, *((x + dx, y + dy) for dy in (-18, 6, -28, 16) for dx in (4, -room - 4))]


def _room(text: str) -> float:
    """Pixels that a label takes, rather too many than too few."""
    return LETTER * sum(_share(letter) for letter in text) + 2


def text_width(text: str, *, size: float = 11, bold: bool = False) -> float:
    """Pixels that a line of text takes, in letters of a height given in pixels; rather too many."""
    return size * (BOLD if bold else 1.0) * sum(_breadth(letter) for letter in text)


def cut_to_width(text: str, *, width: float, size: float = 11, bold: bool = False) -> str:
    """A line of text that fits: blanks and breaks joined, an ellipsis for what does not fit.

    Parameters
    ----------
    text : str
    width : float
        Pixels.
    size : float
        Height of the letters in pixels.
    """
    most = max(int(width), 1)  # no letter is narrower than a pixel
    line = " ".join(text[: 4 * most].split())[:most]
    if len(line) < most and text_width(line, size=size, bold=bold) <= width:
        return line
    room, kept = width - text_width("…", size=size, bold=bold), 0
    for letter in line:
        room -= text_width(letter, size=size, bold=bold)
        if room < 0:
            break
        kept += 1
    return line[:kept].rstrip() + "…"


def _breadth(letter: str) -> float:
    if letter in BREADTHS:
        return BREADTHS[letter]
    if unicodedata.east_asian_width(letter) in "WF":  # emoji among them
        return 1.4
    return 1.1 if letter.isupper() else 0.8


def _share(letter: str) -> float:
    """How broad a letter is, beside a common one."""
    if letter in NARROW:
        return 0.65
    if unicodedata.east_asian_width(letter) in "WF":  # emoji among them
        return 2.0
    return 1.56 if letter in BROAD else 1.22 if letter.isupper() else 1.0


def _cells(x: float, y: float, room: float) -> list[tuple[int, int]]:
    columns = range(int(x) // CELL, int(x + room) // CELL + 1)
    return [(c, r) for r in range(int(y) // CELL, int(y + LABEL_HEIGHT) // CELL + 1) for c in columns]


def draw_halo(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    """Text with a white edge, legible on top of points and lines."""
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" text-anchor="{anchor}"{weight} fill="{INK}" '
        f'stroke="#fff" stroke-width="3" paint-order="stroke" pointer-events="none">{escape(text)}</text>'
    )
