"""Measured effects as bars, what a reader guessed beside them, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from course_utils.plots.hatch import draw_hatched
from course_utils.plots.placement import cut_to_width, text_width
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    draw_line,
    draw_rect,
    draw_text,
    escape,
    svg_document,
)

ROW, TOP, LABELS, NUMBERS = 26, 78, 190, 160
UNKNOWN = 26  # pixels of the box that stands for a hidden effect


@dataclass(frozen=True)
class Guessed:
    """One thing that was tried.

    Attributes
    ----------
    label : str
    effect : float or None
        None while it is hidden.
    guess : float
    chosen : bool
        Drawn bold.
    """

    label: str
    effect: float | None
    guess: float
    chosen: bool = False


def guessed_bars_svg(
    rows: Sequence[Guessed],
    *,
    title: str,
    label: str,
    unit: str,
    span: tuple[float, float],
    foot: str = "",
    width: int = 640,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw a bar for each effect, to the left if it is negative, and a diamond for its guess.

    All rows share one scale. A hidden effect is a hatched box.

    Parameters
    ----------
    rows : sequence of Guessed
    unit : str
        Written behind "effect" in the legend.
    span : (low, high)
        The scale holds at least these and 0; an effect or a guess beyond them widens it.

    Returns
    -------
    str
        SVG text; each bar carries `data-label` and `data-value`, each diamond `data-guess-of` and
        `data-value`, each hidden effect `data-hidden`.
    """
    numbers = [one.guess for one in rows] + [one.effect for one in rows if one.effect is not None]
    low, high = min([0.0, span[0], *numbers]), max([0.0, span[1], *numbers])
    room = (width - LABELS - NUMBERS) / ((high - low) or 1.0)

    def across(value: float) -> float:
        return LABELS + (value - low) * room

    parts = [
        draw_text(8, 20, cut_to_width(title, width=width - 16, size=13, bold=True), size=13, weight="bold")
    ]
    parts.append(_legend(unit))
    for place, row in enumerate(rows):
        parts.append(_row(row, TOP + place * ROW, across=across, width=width))
    bottom = TOP + len(rows) * ROW
    parts.append(draw_line(across(0), TOP - 4, across(0), bottom, stroke=MUTED))
    for tick in [0.0] + [end for end in (low, high) if abs(across(end) - across(0)) > 40]:
        parts.append(draw_text(across(tick), TOP - 9, f"{tick:.3g}", size=11, anchor="middle", fill=MUTED))
    if foot:
        parts.append(draw_text(8, bottom + 18, foot, size=11, fill=MUTED))
    return svg_document(
        "".join(parts), width=width, height=bottom + (28 if foot else 10), label=label, data=data
    )


def _legend(unit: str) -> str:
    words = f"effect, {unit}"
    right = 32 + text_width(words, size=11) + 20
    return (
        draw_rect(8, 34, 18, 11, fill=ACCENT)
        + draw_text(32, 44, words, size=11)
        + _diamond(right, 39.5)
        + draw_text(right + 12, 44, "your guess", size=11)
    )


def _row(row: Guessed, y: float, *, across: Callable[[float], float], width: float) -> str:
    """One label, its bar or hatched box, its guess, and both in numbers."""
    weight = "bold" if row.chosen else "normal"
    label = cut_to_width(row.label, width=LABELS - 22, bold=row.chosen)
    parts = [draw_text(LABELS - 12, y + 16, label, anchor="end", weight=weight)]
    if row.effect is None:
        hover, hidden = f"{row.label}: not revealed yet", {"hidden": row.label}
        parts.append(draw_hatched(across(0), y + 3, UNKNOWN, ROW - 8, hover=hover, data=hidden))
    else:
        start, end = sorted((across(0), across(row.effect)))
        parts.append(
            draw_rect(start, y + 3, end - start, ROW - 8, fill=ACCENT, stroke=LINE,
                      hover=f"{row.label}: {row.effect:+.6g}",
                      data={"label": row.label, "value": f"{row.effect:.10g}"})
        )  # fmt: skip
    parts.append(_diamond(across(row.guess), y + 12, of=row.label, value=row.guess))
    effect = "?" if row.effect is None else f"{row.effect:+.3f}"
    words = f"{effect} · guess {row.guess:+.2f}"
    parts.append(draw_text(width - 8, y + 16, words, size=11, anchor="end", weight=weight))
    return "".join(parts)


def _diamond(x: float, y: float, *, of: str = "", value: float = 0.0) -> str:
    shape = f'<path d="M{x:.1f} {y - 7:.1f}l6 7l-6 7l-6 -7z" fill="{OKABE_ITO[4]}" stroke="{INK}"'
    if not of:
        return f"{shape}/>"
    hover = f"<title>{escape(f'guess for {of}: {value:+.6g}')}</title>"
    return f'{shape} data-guess-of="{escape(of)}" data-value="{value:.10g}">{hover}</path>'
