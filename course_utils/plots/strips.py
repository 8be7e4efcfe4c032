"""Numbers along a text: one row of shaded cells for each series, one column for each token, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.plots.svg import (
    ACCENT,
    LINE,
    MUTED,
    diverging_shade,
    draw_rect,
    draw_text,
    shade,
    shorten,
    svg_document,
    text_on,
)

LEFT, ROW, HEADING, FOOT = 132, 24, 26, 12  # pixels
WIDEST_CELL = 60

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Strip:
    """One row.

    Attributes
    ----------
    name : str
    values : array of shape (T,)
        Shares from 0 to 1; or any numbers, if `signed`.
    signed : bool
        Coloured around 0, orange below and blue above; else from white (0) to dark blue (1).
    group : str
        Rows that follow each other with the same group stand under one heading.
    """

    name: str
    values: ArrayLike
    signed: bool = False
    group: str = ""


def strips_svg(
    strips: Sequence[Strip],
    *,
    tokens: Sequence[str],
    title: str,
    label: str,
    chosen: int | None = None,
    width: int = 900,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw rows of cells under the tokens of a text.

    Each signed row has a scale of its own: the darkest colour is its largest absolute value, at least 1.

    Parameters
    ----------
    strips : sequence of Strip
        One or more.
    tokens : sequence of T str
        Written slanted above the columns.
    title, label : str
        The line above the picture, and its spoken description.
    chosen : int, optional
        A column to be framed.

    Returns
    -------
    str
        SVG text; each cell carries `data-row`, `data-group`, `data-place`, `data-token` and `data-value`.

    Raises
    ------
    ValueError
        If there is no row or no token, a row has another length, a number is not finite, a share is
        outside 0 to 1, or `chosen` is no column.
    """
    rows = _check(strips, tokens=tokens, chosen=chosen)
    cell = min((width - LEFT - 40) / len(tokens), WIDEST_CELL)
    top = 40 + 6 * max(min(len(token), 12) for token in tokens)
    parts = [draw_text(8, 20, title, size=13, weight="bold")]
    for place, token in enumerate(tokens):
        weight, fill = ("bold", ACCENT) if place == chosen else ("normal", "#1b1f24")
        parts.append(
            draw_text(
                LEFT + (place + 0.5) * cell, top - 6, shorten(token, length=12), rotate=-45,
                weight=weight, fill=fill,
            )
        )  # fmt: skip
    y, group = float(top), ""
    for strip, values in zip(strips, rows, strict=True):
        if strip.group != group:
            group = strip.group
            y += HEADING
            parts.append(draw_text(8, y - 8, group, size=12, fill=MUTED, weight="bold"))
        parts.append(draw_text(LEFT - 8, y + 16, shorten(strip.name, length=18), anchor="end"))
        parts += _cells(strip, values, y=y, cell=cell, tokens=tokens)
        y += ROW
    if chosen is not None:
        x = LEFT + chosen * cell
        parts.append(
            f'<rect x="{x:.1f}" y="{top:.1f}" width="{cell:.1f}" height="{y - top:.1f}" fill="none" '
            f'stroke="{ACCENT}" stroke-width="2" pointer-events="none" data-chosen="{chosen}"/>'
        )
    return svg_document("".join(parts), width=width, height=y + FOOT, label=label, data=data)


def _cells(strip: Strip, values: Floats, *, y: float, cell: float, tokens: Sequence[str]) -> list[str]:
    parts, limit = [], max(1.0, float(np.abs(values).max()))
    for place, (token, value) in enumerate(zip(tokens, values.tolist(), strict=True)):
        colour = diverging_shade(value / limit) if strip.signed else shade(value)
        x = LEFT + place * cell
        data = {
            "row": strip.name,
            "group": strip.group,
            "place": place,
            "token": token,
            "value": f"{value:.10g}",
        }
        hover = f"{strip.name} at {token} (word {place + 1}): {value:.4f}"
        parts.append(draw_rect(x, y, cell, ROW, fill=colour, stroke=LINE, hover=hover, data=data))
        number = f"{value:.2f}"
        if 6.4 * len(number) < cell:  # else the shade and the hover text say it
            parts.append(
                draw_text(x + cell / 2, y + 16, number, size=11, anchor="middle", fill=text_on(colour))
            )
    return parts


def _check(strips: Sequence[Strip], *, tokens: Sequence[str], chosen: int | None) -> list[Floats]:
    if not strips or not tokens:
        raise ValueError("strips_svg needs at least one row and one token.")
    rows = []
    for strip in strips:
        values = np.asarray(strip.values, dtype=np.float64)
        if values.shape != (len(tokens),):
            raise ValueError(
                f"{strip.name!r} needs {len(tokens)} numbers, one a token, not shape {values.shape}."
            )
        if not np.isfinite(values).all():
            raise ValueError(f"{strip.name!r} holds NaN or infinity.")
        if not strip.signed and (values.min() < 0 or values.max() > 1):
            raise ValueError(f"{strip.name!r} goes beyond 0 to 1; say signed=True.")
        rows.append(values)
    if chosen is not None and not 0 <= chosen < len(tokens):
        raise ValueError(f"chosen goes from 0 to {len(tokens) - 1}, not {chosen}.")
    return rows
