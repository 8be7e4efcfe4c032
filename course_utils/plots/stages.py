"""Attention for one query, stage by stage: a row a key, a column a stage, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.plots.hatch import draw_hatched
from course_utils.plots.placement import cut_to_width
from course_utils.plots.svg import (
    INK,
    LINE,
    MUTED,
    diverging_shade,
    draw_rect,
    draw_text,
    escape,
    shade,
    svg_document,
    text_on,
)

Floats = NDArray[np.float64]

MOST_SHOWN = 16  # numbers of a value vector that are drawn
ROW, TOP, FIRST = 24, 84, 124  # height of a row; where the rows and the columns begin
COLUMN, SHADED = 76, 70  # from one stage to the next; width of its cells
STRIPS, STRIP = 440, 12  # where the value vectors begin; width of one number
STAGES = ("dot", "scale", "mask", "softmax")
HEADINGS = ("dot product", "scale", "mask", "softmax")
WIDTH = 640


@dataclass(frozen=True)
class Stages:
    """What one query does with S keys.

    Attributes
    ----------
    keys : S str
    dots, scaled, masked, weights : float arrays of shape (S,)
        After each stage; `masked` is -infinity where nothing may be attended to.
    values : float array of shape (S, E)
    mix : float array of shape (E,)
        The sum of the values, each times its weight.
    notes : 4 str
        What each stage did, written below its name.
    score_limit, value_limit : float
        Drawn in the darkest colours.
    """

    keys: Sequence[str]
    dots: Floats
    scaled: Floats
    masked: Floats
    weights: Floats
    values: Floats
    mix: Floats
    notes: Sequence[str]
    score_limit: float
    value_limit: float


def stages_svg(stages: Stages, *, title: str, label: str, data: Mapping[str, object] | None = None) -> str:
    """Draw the way from dot products to the mix.

    Scores diverge around 0 (orange below, blue above), on one scale before and after scaling; weights go
    from white (0) to dark blue (1); what the mask closes is hatched. The key with the largest weight is bold
    and outlined. Of each value vector the first numbers are drawn, times its weight; below them their sum.

    Returns
    -------
    str
        SVG text. Each cell of a score or a weight carries `data-stage` (dot, scale, mask, softmax),
        `data-key` (its place) and `data-value`; each number of the mix ``data-stage="mix"``, `data-place` and
        `data-value`; each row of weighted values ``data-stage="share"``, `data-key` and `data-value`, its
        length.
    """
    winner = int(stages.weights.argmax())
    shown = min(stages.values.shape[1], MOST_SHOWN)
    parts = [
        draw_text(8, 20, cut_to_width(title, width=WIDTH - 16, size=13, bold=True), size=13, weight="bold")
    ]
    parts.append(_headings(stages, shown=shown))
    for key in range(len(stages.keys)):
        parts.append(_row(stages, key, shown=shown, wins=key == winner))
    below = TOP + len(stages.keys) * ROW
    parts.append(_mix(stages, y=below + 6, shown=shown))
    parts.append(_outline(FIRST + 3 * COLUMN, TOP + winner * ROW, SHADED))
    for line, words in enumerate(
        (
            "Orange below 0, blue above; hatched: closed by the mask. Weights: white 0 to dark blue 1.",
            f"Darkest: scores at ±{short_number(stages.score_limit)}, numbers of values at "
            f"±{short_number(stages.value_limit)}.",
        )
    ):
        parts.append(draw_text(8, below + 52 + 16 * line, words, size=11, fill=MUTED))
    return svg_document("".join(parts), width=WIDTH, height=below + 80, label=label, data=data)


def short_number(value: float) -> str:
    """A number in at most seven signs."""
    if not np.isfinite(value):
        return "−∞" if value < 0 else "∞"
    size = abs(value)
    return f"{value:.2f}" if size < 1e3 else f"{value:.1f}" if size < 1e4 else f"{value:.1e}"


def _headings(stages: Stages, *, shown: int) -> str:
    """Name of each stage, and what it did."""
    parts = [draw_text(FIRST - 8, 76, "key", size=11, anchor="end", fill=MUTED)]
    for place, (name, note) in enumerate(zip(HEADINGS, stages.notes, strict=True)):
        middle = FIRST + place * COLUMN + SHADED / 2
        parts.append(draw_text(middle, 60, name, size=12, anchor="middle", weight="bold"))
        parts.append(draw_text(middle, 76, note, size=11, anchor="middle", fill=MUTED))
        if place:
            parts.append(draw_text(middle - COLUMN / 2, 44, "→", size=13, anchor="middle", fill=MUTED))
    total = stages.values.shape[1]
    note = "weight × value" + ("" if shown == total else f", {shown} of {total} numbers")
    parts.append(draw_text(STRIPS, 60, "mix", size=12, weight="bold"))
    parts.append(draw_text(STRIPS, 76, note, size=11, fill=MUTED))
    parts.append(draw_text(STRIPS - 9, 44, "→", size=13, anchor="middle", fill=MUTED))
    return "".join(parts)


def _row(stages: Stages, key: int, *, shown: int, wins: bool) -> str:
    """One key through all stages."""
    y, name = TOP + key * ROW, stages.keys[key]
    label = cut_to_width(name, width=FIRST - 16, size=12, bold=wins)
    parts = [draw_text(FIRST - 8, y + 17, label, anchor="end", weight="bold" if wins else "normal")]
    columns = (stages.dots, stages.scaled, stages.masked, stages.weights)
    for place, (stage, numbers) in enumerate(zip(STAGES, columns, strict=True)):
        weight = stage == "softmax"
        parts.append(
            _cell(
                float(numbers[key]),
                FIRST + place * COLUMN,
                y,
                fill=shade(numbers[key]) if weight else diverging_shade(numbers[key] / stages.score_limit),
                closed=bool(np.isneginf(stages.masked[key])) and place >= 2,
                number=f"{numbers[key]:.3f}" if weight else short_number(numbers[key]),
                hover=f"{name}, {HEADINGS[place]}: {numbers[key]:.6g}",
                data={"stage": stage, "key": key, "value": f"{numbers[key]:.10g}"},
            )
        )
    return "".join(parts) + _share(stages, key, y=y, shown=shown)


def _cell(
    value: float,
    x: float,
    y: float,
    *,
    fill: str,
    closed: bool,
    number: str,
    hover: str,
    data: Mapping[str, object],
) -> str:
    """A shaded or hatched cell with its number."""
    if closed:
        box = draw_rect(x + SHADED / 2 - 22, y + 4, 44, ROW - 8, fill="#ffffff")
        words = draw_text(x + SHADED / 2, y + 16, number, size=11, anchor="middle")
        return draw_hatched(x, y, SHADED, ROW, hover=f"{hover} (masked)", data=data) + box + words
    rect = draw_rect(x, y, SHADED, ROW, fill=fill, stroke=LINE, hover=hover, data=data)
    return rect + draw_text(x + SHADED / 2, y + 16, number, size=11, anchor="middle", fill=text_on(fill))


def _share(stages: Stages, key: int, *, y: float, shown: int) -> str:
    """What one key gives to the mix: the first numbers of its value, times its weight."""
    share = stages.weights[key] * stages.values[key]  # (E,)
    length = float(np.linalg.norm(share))
    colours = [diverging_shade(value / stages.value_limit) for value in share[:shown]]
    parts = [
        draw_rect(STRIPS + i * STRIP, y + 3, STRIP, ROW - 6, fill=colour)
        for i, colour in enumerate(colours)
        if colour != "#ffffff"  # white paper needs no cell: most keys get next to no weight
    ]
    parts.append(
        draw_rect(STRIPS, y + 3, shown * STRIP, ROW - 6, fill="transparent", stroke=LINE,
                  hover=f"{stages.keys[key]}: weight × value has length {length:.6g}",
                  data={"stage": "share", "key": key, "value": f"{length:.10g}"})
    )  # fmt: skip
    return "".join(parts)


def _mix(stages: Stages, *, y: float, shown: int) -> str:
    """The sum of the column above it."""
    length = float(np.linalg.norm(stages.mix))
    words = f"sum of the column: the mix, length {short_number(length)}"
    parts = [draw_text(STRIPS - 8, y + 17, words, anchor="end")]
    for i, value in enumerate(stages.mix[:shown]):
        parts.append(
            draw_rect(STRIPS + i * STRIP, y, STRIP, ROW, fill=diverging_shade(value / stages.value_limit),
                      hover=f"mix, number {i + 1}: {value:.6g}",
                      data={"stage": "mix", "place": i, "value": f"{value:.10g}"})
        )  # fmt: skip
    return "".join(parts) + _outline(STRIPS, y, shown * STRIP)


def _outline(x: float, y: float, width: float) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{ROW}" fill="none" '
        f'stroke="{escape(INK)}" stroke-width="2" pointer-events="none"/>'
    )
