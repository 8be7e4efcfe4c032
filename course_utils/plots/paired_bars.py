"""Two bars for each name: before and after a change, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from course_utils.plots.placement import cut_to_width
from course_utils.plots.svg import ACCENT, LINE, MUTED, draw_line, draw_rect, draw_text, svg_document

ROW, BAR = 30, 11
TOP = 56
NAMES, NUMBERS = 170, 60  # pixels left and right of the bars
BEFORE = "#9aa4af"


def paired_bars_svg(
    before: Sequence[float],
    after: Sequence[float] | None,
    *,
    labels: Sequence[str],
    names: tuple[str, str] = ("before", "after"),
    marked: str | None = None,
    mark: str = "",
    title: str,
    label: str,
    width: int = 640,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw a grey bar and a blue one below it for each name, both on the scale from 0 to 1.

    Parameters
    ----------
    before : sequence of n floats between 0 and 1
    after : sequence of n floats between 0 and 1, or None
        None while it is not to be seen yet; a question mark stands in its place.
    labels : sequence of n str
    names : pair of str
        What the grey and the blue bars are.
    marked : str, optional
        The label that gets a mark before its name, and `mark`, what it means.
    title, label : str
        The finding, above the bars, and the spoken description of the picture.

    Returns
    -------
    str
        SVG text; each bar carries `data-label`, `data-when` ("before" or "after") and `data-value`.

    Raises
    ------
    ValueError
        If there are not as many labels as values.
    """
    if len(before) != len(labels) or (after is not None and len(after) != len(labels)):
        raise ValueError("Give one label for each value.")
    parts = [
        draw_text(8, 20, cut_to_width(title, width=width - 16, size=13, bold=True), size=13, weight="bold")
    ]
    parts.append(_legend(names, mark=mark if marked in labels else ""))
    room = width - NAMES - NUMBERS
    for i, name in enumerate(labels):
        y = TOP + i * ROW
        shown = ("▸ " if name == marked else "") + cut_to_width(str(name), width=NAMES - 34, size=12)
        parts.append(
            draw_text(NAMES - 8, y + 17, shown, anchor="end", weight="bold" if name == marked else "normal")
        )
        parts.append(_bar(name, before[i], y=y + 2, room=room, when="before"))
        if after is None:
            parts.append(draw_text(NAMES + 6, y + 24, "?", size=12, fill=MUTED))
        else:
            parts.append(_bar(name, after[i], y=y + 2 + BAR, room=room, when="after"))
    height = TOP + len(labels) * ROW + 8
    parts.append(draw_line(NAMES, TOP - 2, NAMES, height - 8, stroke=LINE))
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)


def _legend(names: tuple[str, str], *, mark: str) -> str:
    parts, x = [], float(NAMES)
    for name, fill in zip(names, (BEFORE, ACCENT), strict=True):
        parts.append(draw_rect(x, 35, 14, BAR, fill=fill))
        parts.append(draw_text(x + 20, 45, name, size=11, fill=MUTED))
        x += 34 + 7 * len(name)
    if mark:
        parts.append(draw_text(x, 45, f"▸ {mark}", size=11, fill=MUTED))
    return "".join(parts)


def _bar(name: str, value: float, *, y: float, room: float, when: str) -> str:
    length = min(max(value, 0.0), 1.0) * room
    marks = {"label": name, "when": when, "value": f"{value:.6g}"}
    fill = BEFORE if when == "before" else ACCENT
    hover = f"{name}, {when}: {value:.4f}"
    return draw_rect(NAMES, y, length, BAR, fill=fill, hover=hover, data=marks) + draw_text(
        NAMES + length + 6, y + 10, f"{value:.3f}", size=11
    )
