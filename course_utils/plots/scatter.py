"""Maps of labelled points, as SVG: every point says its label under the pointer, no label covers another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.plots.placement import draw_halo, place_labels
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    draw_line,
    draw_text,
    escape,
    shade,
    shorten,
    svg_document,
)

TITLE, EDGE, AXIS, CORNER, LEGEND = 34, 14, 26, 6, 128  # pixels kept free
TICKS = (20, 14)  # pixels kept free for numbers, left and below
FEW = 20  # more highlighted points than this are drawn smaller
# One shape a colour, drawn from its middle, of about equal area.
SHAPES = (
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0",  # circle
    "m-3.5-3.5h7v7h-7z",  # square
    "m0-5l4.6 8h-9.2z",  # triangle
    "m0-5l5 5l-5 5l-5-5z",  # diamond
    "m0 5l4.6-8h-9.2z",  # triangle on its tip
    "m-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",  # plus
    "m-4.5-2.5l2-2l2.5 2.5l2.5-2.5l2 2l-2.5 2.5l2.5 2.5l-2 2l-2.5-2.5l-2.5 2.5l-2-2l2.5-2.5z",  # cross
    "m0-5.5l1.5 4h4l-3.2 2.6l1.2 4.2l-3.5-2.5l-3.5 2.5l1.2-4.2l-3.2-2.6h4z",  # star
)

Floats = NDArray[np.float64]


def scatter_svg(
    points: ArrayLike,
    *,
    labels: Sequence[str],
    title: str,
    label: str,
    groups: ArrayLike | None = None,
    group_names: Sequence[str] = (),
    values: ArrayLike | None = None,
    value_name: str = "",
    highlight: Collection[int] = (),
    named: Sequence[int] | None = None,
    trails: Sequence[ArrayLike] | None = None,
    lines: Sequence[tuple[int, int]] = (),
    region: tuple[float, float, float, float] | None = None,
    limits: ArrayLike | None = None,
    x_label: str = "",
    y_label: str = "",
    ticks: Sequence[float] = (),
    corner: str = "",
    width: int = 640,
    height: int = 480,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw labelled points on a plane with the same scale in both directions.

    Parameters
    ----------
    points : array of shape (N, 2)
    labels : sequence of N str
        Shown under the pointer, and beside the points of `highlight` and `named` where there is room.
    title : str
        The finding, above the map.
    label : str
        Spoken description of the whole picture.
    groups : int array of shape (N,), optional
        Colour and shape of each point, 0 to 7; -1 is grey.
    group_names : sequence of str
        A legend at the right, if given.
    values : array of shape (N,), optional
        Shares between 0 and 1 as shades of blue, in place of groups.
    value_name : str
        What a value is, for the text under the pointer.
    highlight : collection of int
        Points drawn large, most important first; the others fade. Their labels go before all others.
    named : sequence of int, optional
        Points labelled where there is room, most wanted first; by default all.
    trails : sequence of arrays of shape (K, 2), optional
        Ways that points have come, one for each highlighted point.
    lines : sequence of (int, int)
        Pairs of points to be joined.
    region : (left, right, bottom, top), optional
        An outline, in shares of the points' width and height.
    limits : array of shape (2, 2), optional
        Least and greatest x and y that the map must hold; by default the points'.
    x_label, y_label : str
        Names of the axes, for maps whose axes mean something; no axes otherwise.
    ticks : sequence of float
        Numbers that are marked on both axes, where they lie on the map; only beside an axis with a name.
    corner : str
        A remark at the lower right, such as a mark for the map.

    Returns
    -------
    str
        SVG text. Each point is a path with a `<title>`; the highlighted carry `data-label`.

    Raises
    ------
    ValueError
        If shapes do not fit, a coordinate is not finite, a group is not -1 to 7, or a point is named that
        does not exist.
    """
    places = as_points(points)
    if len(labels) != len(places):
        raise ValueError(f"{len(places)} points need as many labels, not {len(labels)}.")
    if len(group_names) > len(SHAPES):
        raise ValueError(f"A legend has at most {len(SHAPES)} groups; put the others into group -1.")
    chosen = _existing(highlight, n=len(places), name="highlight")
    right = width - EDGE - (LEGEND if group_names else 0)
    # The corner's remark has a line of its own below an axis.
    aside, below = TICKS if ticks else (0, 0)
    foot = EDGE + (AXIS + below + (CORNER if corner else 0) if x_label else 8)
    frame = (EDGE + (AXIS + aside if y_label else 0), TITLE, right, height - foot)
    to_pixels = _Scale(places if limits is None else np.asarray(limits, dtype=np.float64).T, frame=frame)
    pixels = to_pixels(places)
    parts = [draw_text(8, 20, title, size=13, weight="bold"), _axes(frame, x_label, y_label, below=below)]
    parts.append(_ticks(ticks, to_pixels, frame=frame, axes=(bool(x_label), bool(y_label))))
    ends = _existing((end for line in lines for end in line), n=len(places), name="lines", once=False)
    pairs = zip(ends[::2], ends[1::2], strict=True)
    parts += [draw_line(*pixels[i], *pixels[j], stroke="#8c959f", width=1.2) for i, j in pairs]
    parts += [_polyline(to_pixels(as_points(trail))) for trail in trails or ()]
    if region is not None:
        parts.append(_outline(to_pixels, region, places))
    colours = _colours(groups, values, n=len(places))
    hovers = [str(text) for text in labels]
    if values is not None:
        hovers = [f"{t}: {value_name} {v:.2f}" for t, v in zip(hovers, np.asarray(values), strict=True)]
    parts.append(_points(pixels, colours, hovers, labels, chosen=chosen))
    others = range(len(places)) if named is None else _existing(named, n=len(places), name="named")
    wanted = [*chosen, *others]
    parts.append(place_labels(pixels, labels, wanted=wanted, chosen=chosen, frame=frame))
    parts.append(_legend(group_names, x=right + 16))
    if corner:
        parts.append(draw_halo(right - 4, height - 8, corner, anchor="end"))
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)


def as_points(points: ArrayLike) -> Floats:
    """Points as a float array of shape (N, 2).

    Raises
    ------
    ValueError
        If the shape is another, or a coordinate is NaN or infinite.
    """
    places = np.asarray(points, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not len(places):
        raise ValueError(f"Points must have shape (N, 2) with at least one point, not {places.shape}.")
    if not np.isfinite(places).all():
        bad = int(np.flatnonzero(~np.isfinite(places).all(axis=1))[0])
        raise ValueError(f"Point {bad} has a coordinate that is not a finite number; look at its vector.")
    return places


def _existing(places: Iterable[int], *, n: int, name: str, once: bool = True) -> list[int]:
    """Numbers of points, checked; each once unless told otherwise."""
    numbers = [int(i) for i in places]
    for i in numbers:
        if not 0 <= i < n:
            raise ValueError(f"{name} holds {i}, but the points go from 0 to {n - 1}.")
    return list(dict.fromkeys(numbers)) if once else numbers


class _Scale:
    """From coordinates to pixels, alike in both directions; y grows upwards."""

    def __init__(self, places: Floats, *, frame: tuple[float, float, float, float]) -> None:
        left, top, right, bottom = frame
        self.low, self.high = places.min(axis=0), places.max(axis=0)
        span = np.maximum(self.high - self.low, 1e-12)
        room = np.array([right - left - 24, bottom - top - 24])  # markers and labels overhang
        self.factor = float((room / span).min()) if (self.high > self.low).any() else 1.0
        self.middle = (self.low + self.high) / 2
        self.centre = np.array([(left + right) / 2, (top + bottom) / 2])

    def __call__(self, places: Floats) -> Floats:
        pixels: Floats = self.centre + (places - self.middle) * self.factor * np.array([1, -1])
        return pixels


def _colours(groups: ArrayLike | None, values: ArrayLike | None, *, n: int) -> list[tuple[str, int]]:
    """Colour and shape of each point."""
    if values is not None:
        shares = np.asarray(values, dtype=np.float64)
        if shares.shape != (n,) or not np.isfinite(shares).all():
            raise ValueError(f"values must be {n} finite numbers, one a point.")
        return [(shade(0.12 + 0.88 * min(max(share, 0), 1)), 0) for share in shares]
    if groups is None:
        return [(ACCENT, 0)] * n
    numbers = np.asarray(groups)
    known = numbers.shape == (n,) and set(numbers.tolist()) <= set(range(-1, len(SHAPES)))
    if not known:
        raise ValueError(f"groups must be {n} whole numbers from -1 to {len(SHAPES) - 1}, one a point.")
    return [(OKABE_ITO[g], g) if g >= 0 else ("#8c959f", 0) for g in numbers.astype(int).tolist()]


def _points(
    pixels: Floats,
    colours: Sequence[tuple[str, int]],
    hovers: Sequence[str],
    labels: Sequence[str],
    *,
    chosen: Sequence[int],
) -> str:
    """All points, gathered by colour so that the text stays short; the chosen ones last, on top."""
    marked, by_colour = set(chosen), {}  # type: tuple[set[int], dict[tuple[str, int], list[str]]]
    for i, ((x, y), colour) in enumerate(zip(pixels, colours, strict=True)):
        if i not in marked:
            mark = f'<path d="M{x:.1f} {y:.1f}{SHAPES[colour[1]]}"><title>{escape(hovers[i])}</title></path>'
            by_colour.setdefault(colour, []).append(mark)
    faded = ' fill-opacity=".35"' if chosen else ' fill-opacity=".85"'
    light = ' stroke="#8c959f" stroke-width=".5"'  # the palest shade needs an edge
    parts = [f'<g fill="{c}"{faded}{light}>{"".join(marks)}</g>' for (c, _), marks in by_colour.items()]
    size = 1.5 if len(chosen) <= FEW else 1.15
    for i in reversed(chosen):
        (x, y), (fill, shape) = pixels[i], colours[i]
        parts.append(
            f'<path transform="translate({x:.1f} {y:.1f}) scale({size})" d="M0 0{SHAPES[shape]}" '
            f'fill="{fill}" stroke="{INK}" data-label="{escape(labels[i])}">'
            f"<title>{escape(hovers[i])}</title></path>"
        )
    return "".join(parts)


def _axes(frame: tuple[float, float, float, float], x_label: str, y_label: str, *, below: float) -> str:
    left, top, right, bottom = frame
    parts = []
    if x_label:
        parts += [draw_line(left, bottom, right, bottom, stroke=LINE)]
        parts += [
            draw_text((left + right) / 2, bottom + 18 + below, x_label, size=12, anchor="middle", fill=MUTED)
        ]
    if y_label:
        middle = (top + bottom) / 2
        parts += [draw_line(left, top, left, bottom, stroke=LINE)]
        parts += [draw_text(16, middle, y_label, size=12, anchor="middle", fill=MUTED, rotate=-90)]
    return "".join(parts)


def _ticks(
    ticks: Sequence[float],
    to_pixels: _Scale,
    *,
    frame: tuple[float, float, float, float],
    axes: tuple[bool, bool],
) -> str:
    """Numbers on the axes."""
    left, top, right, bottom = frame
    parts = []
    for tick in ticks:
        x, y = to_pixels(np.array([[tick, tick]]))[0]
        if axes[0] and left <= x <= right:
            parts += [draw_line(x, bottom, x, bottom + 4, stroke=MUTED)]
            parts += [draw_text(x, bottom + 15, f"{tick:g}", size=11, anchor="middle", fill=MUTED)]
        if axes[1] and top <= y <= bottom:
            parts += [draw_line(left - 4, y, left, y, stroke=MUTED)]
            parts += [draw_text(left - 6, y + 4, f"{tick:g}", size=11, anchor="end", fill=MUTED)]
    return "".join(parts)


def _outline(to_pixels: _Scale, region: tuple[float, float, float, float], places: Floats) -> str:
    low, span = places.min(axis=0), np.ptp(places, axis=0)
    shares = np.asarray(region, dtype=np.float64).reshape(2, 2).T  # rows: (left, bottom), (right, top)
    (x0, y0), (x1, y1) = to_pixels(low + shares * span)
    return (
        f'<rect class="region" x="{x0:.1f}" y="{y1:.1f}" width="{x1 - x0:.1f}" height="{y0 - y1:.1f}" '
        f'fill="none" stroke="{MUTED}" stroke-dasharray="5 4"/>'
    )


def _polyline(pixels: Floats) -> str:
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in pixels)
    return f'<polyline points="{way}" fill="none" stroke="{MUTED}" stroke-width="1.2" stroke-opacity=".7"/>'


def _legend(names: Sequence[str], *, x: float) -> str:
    """Shape and name of each group, in a column."""
    parts: list[Any] = []
    for place, name in enumerate(names):
        y = TITLE + 12 + 19 * place
        colour, shape = OKABE_ITO[place % len(OKABE_ITO)], SHAPES[place % len(SHAPES)]
        parts.append(f'<path d="M{x:.1f} {y:.1f}{shape}" fill="{colour}"/>')
        parts.append(draw_text(x + 12, y + 4, shorten(name, length=15), size=11.5))
    return "".join(parts)
