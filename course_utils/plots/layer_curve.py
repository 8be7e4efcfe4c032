"""A number at each layer of a model, with bands to compare it with, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.plots.placement import cut_to_width, draw_halo, text_width
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    draw_line,
    draw_text,
    escape,
    svg_document,
)

LEFT, RIGHT, TOP, FOOT = 52, 24, 58, 46  # pixels kept free
MOST_BANDS = 4
BAND_COLOURS = OKABE_ITO[2:3] + OKABE_ITO[1:2] + OKABE_ITO[3:5]  # the curve itself is blue
DASHES = ("none", "6 4", "2 3", "9 3 2 3")  # edges tell bands apart without colour

Floats = NDArray[np.float64]


def layer_curve_svg(
    values: ArrayLike,
    *,
    names: Sequence[str],
    chosen: int,
    title: str,
    label: str,
    y_label: str,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    width: int = 640,
    height: int = 290,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw one marked curve over the layers, one of them chosen, above bands.

    Parameters
    ----------
    values : array of shape (L + 1,)
        At each layer, the input of the first one included. The axis goes from 0 to 1, further if it must.
    names : sequence of L + 1 str
        Written below the axis.
    chosen : int
        The layer that is drawn large, with its value.
    bands : mapping of str to (low, high), optional
        Ranges to compare with, two arrays of shape (L + 1,) each; at most four.

    Returns
    -------
    str
        SVG text. Each point is a circle with `data-layer` and `data-value`, each band a polygon with
        `data-band`.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or there are more than four bands.
    """
    curve, edges = check_curve(values, names=names, bands=bands or {})
    if not 0 <= chosen < len(curve):
        raise ValueError(f"chosen goes from 0 to {len(curve) - 1}, not {chosen}.")
    everything = np.concatenate([curve, *(pair.ravel() for pair in edges.values())])
    low = min(0.0, math.floor(everything.min() * 5 + 1e-6) / 5)  # one axis for all words, where possible
    high = max(1.0, math.ceil(everything.max() * 5 - 1e-6) / 5)
    x = LEFT + (np.arange(len(curve)) + 0.5) * (width - LEFT - RIGHT) / len(curve)

    def down(numbers: Floats) -> Floats:
        return TOP + (high - numbers) / (high - low) * (height - TOP - FOOT)

    parts = [
        draw_text(8, 20, cut_to_width(title, width=width - 16, size=13, bold=True), size=13, weight="bold")
    ]
    parts.append(_grid(low, high, down=down, width=width, y_label=y_label))
    parts.append(_layer_names(names, x, y=height - FOOT + 18, width=width))
    for place, (name, pair) in enumerate(edges.items()):
        parts.append(_band(name, x, down(pair), place=place))
    parts.append(_legend(list(edges)))
    y = down(curve)
    parts.append(draw_line(x[chosen], TOP, x[chosen], height - FOOT, stroke=INK, width=1))
    way = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    parts.append(f'<polyline points="{way}" fill="none" stroke="{ACCENT}" stroke-width="2.2"/>')
    for layer, value in enumerate(curve):
        beside = "".join(f"; {n}: {p[0, layer]:.3f} to {p[1, layer]:.3f}" for n, p in edges.items())
        hover = escape(f"{names[layer]}: {value:.4f}{beside}")
        size, edge = (8, INK) if layer == chosen else (4.5, "#ffffff")
        parts.append(
            f'<circle cx="{x[layer]:.1f}" cy="{y[layer]:.1f}" r="{size}" fill="{ACCENT}" stroke="{edge}" '
            f'stroke-width="1.5" data-layer="{layer}" data-value="{value:.10g}"><title>{hover}</title>'
            "</circle>"
        )
    above = y[chosen] > TOP + 30
    parts.append(
        draw_halo(x[chosen] + 12, y[chosen] + (-8 if above else 18), f"{curve[chosen]:.3f}", bold=True)
    )
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)


def check_curve(
    values: ArrayLike, *, names: Sequence[str], bands: Mapping[str, tuple[ArrayLike, ArrayLike]]
) -> tuple[Floats, dict[str, Floats]]:
    """The curve as an array of shape (L + 1,), each band as one of shape (2, L + 1).

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, a band's low end lies above its high end, or there are
        more than four bands.
    """
    curve = np.asarray(values, dtype=np.float64)
    if curve.ndim != 1 or not curve.size or len(names) != len(curve):
        raise ValueError(f"A curve of shape {curve.shape} needs one name for each layer, not {len(names)}.")
    if len(bands) > MOST_BANDS:
        raise ValueError(f"{len(bands)} bands cannot be told apart; draw at most {MOST_BANDS}.")
    edges = {}
    for name, ends in bands.items():
        pair = np.array([np.asarray(end, dtype=np.float64).ravel() for end in ends])
        if pair.shape != (2, len(curve)):
            raise ValueError(f"{name!r} needs a low and a high end at each of {len(curve)} layers.")
        if not np.isfinite(pair).all() or (pair[0] > pair[1]).any():
            raise ValueError(f"{name!r} needs finite ends, the low one below the high one.")
        edges[name] = pair
    if not np.isfinite(curve).all():
        raise ValueError(
            "The curve holds NaN or infinity; look where it was computed for a division by zero."
        )
    return curve, edges


def _grid(low: float, high: float, *, down: object, width: int, y_label: str) -> str:
    """Horizontal lines with their numbers, one for each fifth."""
    parts = []
    step = 0.2 if high - low <= 1.4 else 0.5
    for tick in np.arange(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1) * step:
        y = float(down(np.array(tick)))  # type: ignore[operator]
        parts.append(draw_line(LEFT, y, width - RIGHT, y, stroke=LINE))
        parts.append(draw_text(LEFT - 6, y + 4, f"{tick:.1f}", size=11, anchor="end", fill=MUTED))
    top, bottom = (float(down(np.array(end))) for end in (high, low))  # type: ignore[operator]
    parts.append(draw_text(14, (top + bottom) / 2, y_label, size=12, anchor="middle", fill=MUTED, rotate=-90))
    return "".join(parts)


def _layer_names(names: Sequence[str], x: Floats, *, y: float, width: int) -> str:
    """Names below the axis, each as far as it has room; of many layers only some."""
    room = (width - LEFT - RIGHT) / len(names)
    each = max(1, math.ceil(22 / room))
    parts = [
        draw_text(
            x[i],
            y,
            cut_to_width(names[i], width=max(each * room - 4, 18)),
            size=11,
            anchor="middle",
            fill=INK,
        )
        for i in range(0, len(names), each)
    ]
    parts.append(draw_text((LEFT + width - RIGHT) / 2, y + 20, "layer", size=12, anchor="middle", fill=MUTED))
    return "".join(parts)


def _band(name: str, x: Floats, pair: Floats, *, place: int) -> str:
    there = [f"{a:.1f},{b:.1f}" for a, b in zip(x, pair[1], strict=True)]
    back = [f"{a:.1f},{b:.1f}" for a, b in zip(x[::-1], pair[0][::-1], strict=True)]
    if len(x) == 1:  # a band of one layer needs some width to be seen
        left, right = x[0] - 30, x[0] + 30
        there = [f"{left:.1f},{pair[1, 0]:.1f}", f"{right:.1f},{pair[1, 0]:.1f}"]
        back = [f"{right:.1f},{pair[0, 0]:.1f}", f"{left:.1f},{pair[0, 0]:.1f}"]
    colour, dash = BAND_COLOURS[place], DASHES[place]
    return (
        f'<polygon points="{" ".join(there + back)}" fill="{colour}" fill-opacity=".16" stroke="{colour}" '
        f'stroke-width="1.3" stroke-dasharray="{dash}" data-band="{escape(name)}"/>'
    )


def _legend(names: Sequence[str]) -> str:
    """A sample of each band with its name, in a line below the title."""
    parts, x = [], float(LEFT)
    for place, name in enumerate(names):
        colour, dash = BAND_COLOURS[place], DASHES[place]
        parts.append(
            f'<rect x="{x:.1f}" y="32" width="26" height="12" fill="{colour}" fill-opacity=".16" '
            f'stroke="{colour}" stroke-width="1.3" stroke-dasharray="{dash}"/>'
        )
        shown = cut_to_width(name, width=180, size=12)
        parts.append(draw_text(x + 32, 42, shown, size=12))
        x += 32 + text_width(shown, size=12) + 16
    return "".join(parts)
