"""Quality against length, one line a model, over bars that count the sentences of each length; as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.plots.placement import cut_to_width, draw_halo, text_width
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import (
    INK,
    LINE,
    MUTED,
    draw_line,
    draw_rect,
    draw_text,
    escape,
    svg_document,
)

LEFT, RIGHT, TOP = 66, 20, 64  # pixels kept free
CURVES, GAP, BARS, FOOT = 220, 26, 62, 42  # heights: the curves, their labels, the bars, the line below
MOST_LINES = 7
PALE = "#c9d1d9"

Floats = NDArray[np.float64]


def length_curves_svg(
    curves: Mapping[str, ArrayLike],
    *,
    buckets: Sequence[str],
    counts: Sequence[int],
    title: str,
    label: str,
    y_label: str,
    intervals: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    chosen: str | None = None,
    notes: Sequence[str] | None = None,
    notes_name: str = "",
    scale: float = 1.0,
    width: int = 640,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw marked lines over buckets of length, and below them the number of sentences in each.

    Parameters
    ----------
    curves : mapping of str to array of shape (n,)
        One value a bucket, from 0 to `scale`; NaN where there is nothing to say. At most seven.
    buckets : sequence of n str
        What the lengths of a bucket are, such as "3–5".
    counts : sequence of n int
        Sentences in each. The bar of a bucket in which no curve has a value is drawn pale.
    intervals : mapping of str to (low, high), optional
        Bands, arrays of shape (n,), for any of the curves.
    chosen : str, optional
        The curve that is drawn bold; without it all are.
    notes : sequence of n str, optional
        A line of short texts below the bars, one a bucket; `notes_name` says what they are.
    scale : float
        Upper end of the axis: 1 for shares, 100 for BLEU.

    Returns
    -------
    str
        SVG text. Each point is a path with `data-model`, `data-bucket` and `data-value`, each bar a rect with
        `data-count`, each band a polygon with `data-band`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value lies off the axis, or there are no lines or more than seven.
    """
    lines = check_curves(curves, buckets=buckets, counts=counts, scale=scale)
    if chosen is not None and chosen not in lines:
        raise ValueError(f"chosen must be one of {', '.join(lines)}, not {chosen!r:.40}.")
    slot = (width - LEFT - RIGHT) / len(buckets)
    x: Floats = LEFT + (np.arange(len(buckets), dtype=np.float64) + 0.5) * slot

    def down(numbers: ArrayLike) -> Floats:
        return TOP + (1 - np.asarray(numbers, dtype=np.float64) / scale) * CURVES

    parts = [
        draw_text(8, 20, cut_to_width(title, width=width - 16, size=13, bold=True), size=13, weight="bold")
    ]
    parts += [_legend(list(lines), width=width), _grid(scale, y_label=y_label, width=width)]
    for name, (low, high) in (intervals or {}).items():
        colour = OKABE_ITO[list(lines).index(name)]
        parts.append(_band(name, x, down(low), down(high), colour=colour))
    for place, (name, values) in enumerate(lines.items()):
        parts.append(_line(name, x, down(values), values=values, place=place, buckets=buckets,
                           bold=chosen in (None, name)))  # fmt: skip
    if chosen is not None:
        parts += [
            draw_halo(
                px, py - 10 if py > TOP + 14 else py + 20, _short(value, scale), anchor="middle", bold=True
            )
            for px, py, value in zip(x, down(lines[chosen]), lines[chosen], strict=True)
            if np.isfinite(value)
        ]
    silent = np.isnan(np.array(list(lines.values()))).all(axis=0)
    parts.append(_bars(counts, buckets, x, slot=slot, silent=silent))
    height = TOP + CURVES + GAP + BARS + FOOT + (24 if notes else 0)
    if notes:
        parts.append(_notes(notes, x, name=notes_name, y=height - 12))
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)


def check_curves(
    curves: Mapping[str, ArrayLike], *, buckets: Sequence[str], counts: Sequence[int], scale: float
) -> dict[str, Floats]:
    """The curves as arrays of shape (n,).

    Raises
    ------
    ValueError
        As `length_curves_svg` says.
    """
    if not 1 <= len(curves) <= MOST_LINES:
        raise ValueError(
            f"Draw between 1 and {MOST_LINES} lines, not {len(curves)}; more cannot be told apart."
        )
    if not buckets or len(buckets) != len(counts):
        raise ValueError(f"{len(buckets)} buckets need as many counts, not {len(counts)}, and at least one.")
    lines = {str(name): np.asarray(values, dtype=np.float64) for name, values in curves.items()}
    for name, values in lines.items():
        if values.shape != (len(buckets),):
            raise ValueError(
                f"{name!r} has shape {values.shape}; it needs one value for each of {len(buckets)} buckets."
            )
        seen = values[~np.isnan(values)]
        if ((seen < 0) | (seen > scale)).any():
            raise ValueError(f"{name!r} leaves the axis, which goes from 0 to {scale:g}.")
    return lines


def _legend(names: Sequence[str], *, width: int) -> str:
    """A mark of each line with its name, as far as they have room."""
    parts, x = [], float(LEFT)
    room = (width - LEFT - RIGHT) / len(names) - 26
    for place, name in enumerate(names):
        parts.append(f'<path d="{_mark(place, x + 6, 42, size=5)}" fill="{OKABE_ITO[place]}"/>')
        shown = cut_to_width(name, width=max(room, 40), size=12)
        parts.append(draw_text(x + 16, 46, shown, size=12))
        x += 16 + text_width(shown, size=12) + 12
    return "".join(parts)


def _grid(scale: float, *, y_label: str, width: int) -> str:
    parts = []
    for step in range(6):
        y = TOP + (1 - step / 5) * CURVES
        parts.append(draw_line(LEFT, y, width - RIGHT, y, stroke=LINE))
        parts.append(draw_text(LEFT - 6, y + 4, f"{scale * step / 5:g}", size=11, anchor="end", fill=MUTED))
    middle = TOP + CURVES / 2
    parts.append(draw_text(16, middle, y_label, size=12, anchor="middle", fill=MUTED, rotate=-90))
    return "".join(parts)


def _band(name: str, x: Floats, low: Floats, high: Floats, *, colour: str) -> str:
    known = np.isfinite(low) & np.isfinite(high)
    there = [f"{a:.1f},{b:.1f}" for a, b in zip(x[known], high[known], strict=True)]
    back = [f"{a:.1f},{b:.1f}" for a, b in zip(x[known][::-1], low[known][::-1], strict=True)]
    points = " ".join(there + back)
    return f'<polygon points="{points}" fill="{colour}" fill-opacity=".16" data-band="{escape(name)}"/>'


def _line(
    name: str, x: Floats, y: Floats, *, values: Floats, place: int, buckets: Sequence[str], bold: bool
) -> str:
    """One curve with its marks; where a value is missing the line goes on to the next one."""
    known = np.isfinite(values)
    way = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[known], y[known], strict=True))
    colour, wide, opacity = OKABE_ITO[place], 2.4 if bold else 1.4, 1 if bold else 0.7
    parts = [
        f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="{wide}" '
        f'stroke-opacity="{opacity}"/>'
    ]
    for i in np.flatnonzero(known).tolist():
        hover = escape(f"{name}, length {buckets[i]}: {values[i]:.4g}")
        parts.append(
            f'<path d="{_mark(place, x[i], y[i], size=5.5 if bold else 4)}" fill="{colour}" stroke="#fff" '
            f'data-model="{escape(name)}" data-bucket="{escape(buckets[i])}" data-value="{values[i]:.10g}">'
            f"<title>{hover}</title></path>"
        )
    return "".join(parts)


def _bars(
    counts: Sequence[int], buckets: Sequence[str], x: Floats, *, slot: float, silent: NDArray[np.bool_]
) -> str:
    """How many sentences, and below them how long these are."""
    top = TOP + CURVES + GAP
    most, bar = max(*counts, 1), slot * 0.7
    each = max(1, int(np.ceil(34 / slot)))
    parts = [draw_text(LEFT - 6, top + BARS - 2, "sentences", size=10, anchor="end", fill=MUTED)]
    for i, (count, bucket) in enumerate(zip(counts, buckets, strict=True)):
        tall = count / most * (BARS - 16)
        hover = f"length {bucket}: {count:,} sentences" + (" (too few for a point)" if silent[i] else "")
        parts.append(
            draw_rect(x[i] - bar / 2, top + BARS - tall, bar, tall, fill=PALE if silent[i] else MUTED,
                      hover=hover, data={"count": count, "bucket": bucket})
        )  # fmt: skip
        if i % each == 0:
            parts.append(draw_text(x[i], top + BARS - tall - 4, count, size=10, anchor="middle", fill=MUTED))
            parts.append(draw_text(x[i], top + BARS + 15, bucket, size=11, anchor="middle"))
    middle, y = float(x[0] + x[-1]) / 2, top + BARS + 33
    parts.append(
        draw_text(middle, y, "length of the source sentence, in words", size=12, anchor="middle", fill=MUTED)
    )
    return "".join(parts)


def _notes(notes: Sequence[str], x: Floats, *, name: str, y: float) -> str:
    parts = [draw_text(LEFT - 6, y, name, size=10, anchor="end", fill=MUTED)]
    parts += [
        draw_text(px, y, note, size=11, anchor="middle", fill=INK) for px, note in zip(x, notes, strict=True)
    ]
    return "".join(parts)


def _short(value: float, scale: float) -> str:
    return f"{value:.2f}" if scale <= 1 else f"{value:.0f}"


def _mark(place: int, x: float, y: float, *, size: float) -> str:
    """The outline of a mark around (x, y): shapes tell lines apart without colour."""
    s = size
    shapes = (
        ((-s, 0), (-0.7 * s, -0.7 * s), (0, -s), (0.7 * s, -0.7 * s), (s, 0), (0.7 * s, 0.7 * s), (0, s),
         (-0.7 * s, 0.7 * s)),  # round
        ((-s, -s), (s, -s), (s, s), (-s, s)),
        ((0, -s), (s, s), (-s, s)),
        ((0, -1.3 * s), (1.3 * s, 0), (0, 1.3 * s), (-1.3 * s, 0)),
        ((-s, -s), (s, -s), (0, s)),
        ((-s, -0.4 * s), (s, -0.4 * s), (s, 0.4 * s), (-s, 0.4 * s)),
        ((-0.4 * s, -s), (0.4 * s, -s), (0.4 * s, s), (-0.4 * s, s)),
    )  # fmt: skip
    points = " L".join(f"{x + dx:.1f} {y + dy:.1f}" for dx, dy in shapes[place])
    return f"M{points} Z"
