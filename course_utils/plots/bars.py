"""Horizontal bars with their numbers, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from course_utils.plots.svg import ACCENT, LINE, MUTED, draw_line, draw_rect, draw_text, shorten, svg_document

ROW = 26
LABELS = 150
NUMBERS = 150


def bars_svg(
    values: Sequence[float],
    *,
    labels: Sequence[str],
    notes: Sequence[str] | None = None,
    title: str,
    label: str,
    limit: float | None = None,
    number_format: str = "{:.3f}",
    width: int = 640,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw one horizontal bar a value, its number at the end, negative values to the left.

    Parameters
    ----------
    values : sequence of n floats
    labels : sequence of n str
        Name of each bar.
    notes : sequence of n str, optional
        A quiet remark at the right edge of each row.
    title : str
        The line above the bars.
    label : str
        Spoken description of the whole picture.
    limit : float, optional
        Value that fills the width; by default the largest absolute value.

    Returns
    -------
    str
        SVG text; each bar carries `data-label` and `data-value`.
    """
    if len(values) != len(labels) or (notes is not None and len(notes) != len(values)):
        raise ValueError("Give one label (and one note, if any) for each value.")
    span = limit or max((abs(v) for v in values), default=1.0) or 1.0
    left = LABELS + (0 if min(values, default=0) >= 0 else (width - LABELS - NUMBERS) / 2)
    room = width - NUMBERS - left
    parts = [draw_text(8, 20, title, size=13, weight="bold")]
    for row, (value, name) in enumerate(zip(values, labels, strict=True)):
        y = 34 + row * ROW
        length = min(abs(value) / span, 1.0) * room
        start = left if value >= 0 else left - length
        number = number_format.format(value)
        parts.append(draw_text(LABELS - 8, y + 16, shorten(name, length=18), anchor="end"))
        parts.append(
            draw_rect(
                start,
                y + 3,
                length,
                ROW - 8,
                fill=ACCENT,
                hover=f"{name}: {value:.6g}",
                data={"label": name, "value": f"{value:.10g}"},
            )
        )
        parts.append(draw_text(left + max(length if value >= 0 else 0, 0) + 6, y + 16, number, size=12))
        if notes is not None:
            parts.append(draw_text(width - 8, y + 16, notes[row], size=11, anchor="end", fill=MUTED))
    height = 34 + len(values) * ROW + 8
    parts.append(draw_line(left, 32, left, height - 6, stroke=LINE))
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)
