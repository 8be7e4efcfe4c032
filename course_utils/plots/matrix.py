"""A small matrix of numbers with named rows and columns, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from course_utils.plots.svg import (
    LINE,
    diverging_shade,
    draw_rect,
    draw_text,
    shade,
    shorten,
    svg_document,
    text_on,
)

TITLE = 30
ROW = 28


def matrix_svg(
    values: np.ndarray,
    *,
    row_labels: Sequence[str],
    col_labels: Sequence[str],
    title: str,
    label: str,
    limit: float | None = None,
    number_format: str = "{:.2f}",
    width: int = 640,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw a matrix as shaded cells with the number in each cell and in full on hover.

    White is 0 and the darkest blue is `limit`; if any value is negative the map diverges around 0
    (orange below, blue above). A cell that is not a finite number stays white and shows a dash.

    Parameters
    ----------
    values : ndarray of shape (n, m)
    row_labels, col_labels : sequences of n and m str
    title, label : str
        The line above the matrix, and its spoken description.
    limit : float, optional
        Value drawn darkest; by default the largest absolute finite value.

    Returns
    -------
    str
        SVG text; each cell carries `data-row`, `data-column` and `data-value`.
    """
    values = np.asarray(values, dtype=float)
    if values.shape != (len(row_labels), len(col_labels)):
        raise ValueError(f"A matrix of shape {values.shape} needs as many row and column labels.")
    finite = values[np.isfinite(values)]
    span = limit or float(np.abs(finite).max(initial=0.0)) or 1.0
    colour_of = diverging_shade if finite.size and finite.min() < 0 else shade
    left = 20 + 8 * max((min(len(name), 14) for name in row_labels), default=4)
    top = TITLE + 14 + 5 * max((min(len(name), 14) for name in col_labels), default=4)
    # The last slanted label needs room to the right of its column.
    cell = min((width - left - 50) / max(len(col_labels), 1), 64)
    parts = [draw_text(8, 20, title, size=13, weight="bold")]
    for j, name in enumerate(col_labels):
        parts.append(
            draw_text(left + (j + 0.5) * cell, top - 6, shorten(name, length=14), size=11, rotate=-40)
        )
    for i, name in enumerate(row_labels):
        y = top + i * ROW
        parts.append(draw_text(left - 8, y + 18, shorten(name, length=14), anchor="end"))
        for j, column in enumerate(col_labels):
            parts.append(
                _cell(
                    values[i, j],
                    left + j * cell,
                    y,
                    cell,
                    row=name,
                    column=column,
                    span=span,
                    colour_of=colour_of,
                    number_format=number_format,
                )
            )
    height = top + len(row_labels) * ROW + 10
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)


def _cell(
    value: float,
    x: float,
    y: float,
    size: float,
    *,
    row: str,
    column: str,
    span: float,
    colour_of: Callable[[float], str],
    number_format: str,
) -> str:
    known = math.isfinite(value)
    colour = colour_of(value / span) if known else "#ffffff"
    number = number_format.format(value) if known else "–"
    hover = f"{row} × {column}: {value:.6g}" if known else f"{row} × {column}: never seen together"
    data = {"row": row, "column": column, "value": f"{value:.10g}"}
    rect = draw_rect(x, y, size, ROW, fill=colour, stroke=LINE, hover=hover, data=data)
    if 6.2 * len(number) > size:  # no room for the number: the shade and the hover text say it
        return rect
    return rect + draw_text(x + size / 2, y + 18, number, size=11, anchor="middle", fill=text_on(colour))
