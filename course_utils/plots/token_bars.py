"""Probabilities of tokens as bars, in percent, before and after a change or one series alone, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from course_utils.plots.placement import cut_to_width, text_width
from course_utils.plots.svg import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    draw_line,
    draw_rect,
    draw_text,
    svg_document,
)
from course_utils.plots.token_line import visible

TOP, BAR, SPACE = 66, 12, 7  # pixels: above the rows, one bar, between rows
BEFORE = "#9aa4af"
SCALES = (0.1, 0.2, 0.5, 1.0)  # right ends of the scale; the first that holds all bars is taken


@dataclass(frozen=True)
class TokenBar:
    """One token's row.

    Attributes
    ----------
    piece : str
        Its text; blanks are drawn as signs.
    shares : sequence of one or two floats from 0 to 1
        One for each series.
    rank : int or None
        Written before the piece, from 1.
    marked : bool
        Bold, with a ▸ before it.
    plain : bool
        The piece is a remark such as "the 4,084 others" and no token: its shares are written and not drawn,
        since they would press all the others together.
    """

    piece: str
    shares: Sequence[float]
    rank: int | None = None
    marked: bool = False
    plain: bool = False


def percent(share: float) -> str:
    """A share in percent: two digits after the point below ten, "0 %" for none at all.

    Examples
    --------
    >>> percent(0.123), percent(0.00456), percent(0.00001), percent(0)
    ('12.3 %', '0.46 %', '<0.01 %', '0 %')
    """
    if share == 0 or share == 1:
        return f"{100 * share:.0f} %"
    if share < 0.00005:
        return "<0.01 %"
    return f"{100 * share:.1f} %" if share >= 0.1 else f"{100 * share:.2f} %"


def token_bars_svg(
    rows: Sequence[TokenBar],
    *,
    names: Sequence[str],
    title: str,
    label: str,
    mark: str = "",
    least: float = 0.0,
    width: int = 640,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw for each token one bar a series, all on one scale that begins at 0 and ends at a round number.

    Parameters
    ----------
    rows : sequence of TokenBar
    names : sequence of one or two str
        The series; with two, the first is grey and stands above the second.
    mark : str
        What ▸ means, for the key.
    least : float
        The scale ends here or further right, so that pictures side by side share one.

    Returns
    -------
    str
        SVG text; each bar carries `data-label` (the piece as written), `data-series`, `data-value` and its
        percent on hover.

    Raises
    ------
    ValueError
        If there is no row, a row has not one share a series, or a share is outside 0 to 1.
    """
    _check(rows, names=names)
    end = scale_end([least, *(share for row in rows if not row.plain for share in row.shares)])
    left, right = min(190, 0.45 * width), width - 66
    parts = [
        draw_text(8, 20, cut_to_width(title, width=width - 16, size=13, bold=True), size=13, weight="bold"),
        _key(names, mark if any(row.marked for row in rows) else "", left=left if width > 400 else 8),
    ]
    height = len(names) * BAR + SPACE
    bottom = TOP + len(rows) * height
    for tick in (0.0, end / 2, end):
        x = left + (right - left) * tick / end
        parts.append(draw_line(x, TOP - 4, x, bottom, stroke=MUTED if tick == 0 else LINE))
        parts.append(draw_text(x, TOP - 8, f"{100 * tick:g} %", size=11, anchor="middle", fill=MUTED))
    for place, row in enumerate(rows):
        y = TOP + place * height
        parts.append(_row(row, y, names=names, left=left, room=(right - left) / end))
    return svg_document("".join(parts), width=width, height=bottom + 8, label=label, data=data)


def scale_end(shares: Sequence[float]) -> float:
    """The first round number that no share exceeds."""
    most = max(shares)
    return next((end for end in SCALES if most <= end), 1.0)


def _check(rows: Sequence[TokenBar], *, names: Sequence[str]) -> None:
    if not rows or not 1 <= len(names) <= 2 or any(len(row.shares) != len(names) for row in rows):
        raise ValueError("give at least one row, one or two series, and a share a series in each row.")
    if any(not 0 <= share <= 1 + 1e-6 for row in rows for share in row.shares):
        raise ValueError("shares lie between 0 and 1; take the exponential of log-probabilities first.")


def _row(row: TokenBar, y: float, *, names: Sequence[str], left: float, room: float) -> str:
    middle = y + len(names) * BAR / 2 + 4.5
    weight = "bold" if row.marked else "normal"
    before = ("▸ " if row.marked else "") + (f"{row.rank:,}. " if row.rank else "")
    shown = row.piece if row.plain else visible(row.piece)
    room_left = left - 14 - text_width(before, size=12, bold=row.marked)
    name = before + cut_to_width(shown, width=room_left, size=12, bold=row.marked)
    fill = MUTED if row.plain else INK
    parts = [draw_text(left - 8, middle, name, size=12, anchor="end", weight=weight, fill=fill)]
    for place, (series, share) in enumerate(zip(names, row.shares, strict=True)):
        top = y + place * BAR
        length = 0.0 if row.plain else share * room
        colour = BEFORE if len(names) == 2 and place == 0 else ACCENT
        parts.append(
            draw_rect(left, top, length, BAR - 1, fill=colour,
                      hover=f"{shown}, {series}: {percent(share)} ({share:.6g})",
                      data={"label": shown, "series": series, "value": f"{share:.10g}"})
        )  # fmt: skip
        parts.append(draw_text(left + length + 5, top + BAR - 1.5, percent(share), size=11, fill=fill))
    return "".join(parts)


def _key(names: Sequence[str], mark: str, *, left: float) -> str:
    parts, x = [], left
    for place, name in enumerate(names if len(names) == 2 else ()):
        parts.append(draw_rect(x, 31, 14, BAR, fill=ACCENT if place else BEFORE))
        parts.append(draw_text(x + 20, 41, name, size=11, fill=MUTED))
        x += 20 + text_width(name, size=11) + 16
    if mark:
        parts.append(draw_text(x, 41, f"▸ {mark}", size=11, fill=INK, weight="bold"))
    return "".join(parts)
