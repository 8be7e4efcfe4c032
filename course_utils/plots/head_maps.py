"""Many heads of attention at once: a grid of small maps with a caption each, as SVG."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.plots.placement import cut_to_width
from course_utils.plots.svg import (
    ACCENT,
    LINE,
    MUTED,
    data_attributes,
    draw_text,
    escape,
    shade,
    svg_document,
)

GAP, HEAD, LINE_HEIGHT = 8, 32, 14  # pixels: between maps, for the title, for a line of a caption
LARGEST = 150  # pixels of a map's longer side
STEPS = 100  # shades between white and the darkest blue
HATCH = "#b4bcc5"
Bits = NDArray[np.uint8]
_COLOURS = bytes.fromhex("".join(shade(step / STEPS)[1:] for step in range(STEPS + 1)) + HATCH[1:])
_MASKED = STEPS + 1  # its place among the colours


def head_maps_svg(
    maps: ArrayLike,
    *,
    names: Sequence[str],
    label: str,
    title: str = "",
    values: Sequence[str] = (),
    kinds: Sequence[str] = (),
    hovers: Sequence[str] = (),
    allowed: ArrayLike | None = None,
    chosen: int | None = None,
    columns: int = 12,
    width: int = 960,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw one small map a head, left to right and top to bottom; white is 0, the darkest blue is 1 in each.

    A map is a picture of one pixel a cell, since thousands of SVG elements would take a browser too long.

    Parameters
    ----------
    maps : array of shape (N, T, S)
        Attention weights. Queries are rows, keys columns.
    names : sequence of N str
        Above each map, on the left.
    label, title : str
        The spoken description of the picture, and the finding above all maps, if any.
    values, kinds : sequences of N str, optional
        Above each map: on the right, and on a second line.
    hovers : sequence of N str, optional
        Under the pointer; by default the name.
    allowed : bool array of shape (T, S), optional
        False marks cells that may not be attended to; they are hatched.
    chosen : int, optional
        This map, from 0, gets a frame.
    columns : int
        Maps in a row.
    width : int
        In pixels.

    Returns
    -------
    str
        SVG text. Each map is an ``image`` with `data-head` (its name) and `data-place`; its pixels are
        rounded to steps of 0.01. If cells are masked, a cell is drawn with `data-zoom` × `data-zoom` pixels.

    Raises
    ------
    ValueError
        If shapes and numbers do not fit, or a weight is not between 0 and 1.
    """
    tables = _check_maps(maps, texts={"names": names, "values": values, "kinds": kinds, "hovers": hovers})
    number, rows, across = tables.shape
    free = None if allowed is None else np.asarray(allowed, dtype=bool)
    if free is not None and free.shape != (rows, across):
        raise ValueError(f"allowed has shape {free.shape}, but the maps have {(rows, across)}.")
    if columns < 1 or (chosen is not None and not 0 <= chosen < number):
        raise ValueError(f"columns must be 1 or more and chosen a map from 0 to {number - 1}.")
    columns = min(columns, number)
    room = math.floor((width - 16 + GAP) / columns) - GAP
    cell = min(room, LARGEST) / max(rows, across)
    size = (cell * across, cell * rows)
    caption = LINE_HEIGHT * (2 if kinds else 1) + 3
    step = (room + GAP, size[1] + caption + GAP)
    zoom = 1 if free is None or free.all() else max(1, round(cell / 2.5))
    top = HEAD if title else GAP
    heading = cut_to_width(title, width=width - 16, size=14, bold=True)
    parts = [draw_text(8, 20, heading, size=14, weight="bold")] if title else []
    for place, levels in enumerate(_levels(tables, free, zoom=zoom)):
        x, y = 8 + place % columns * step[0], top + place // columns * step[1]
        written = [texts[place] if texts else "" for texts in (names, values, kinds, hovers)]
        parts.append(_caption(written, x=x, y=y, room=room))
        marks = {"head": names[place], "place": place, "zoom": zoom}
        hover = written[3] or names[place]
        parts.append(_image(levels, box=(x, y + caption, *size), hover=hover, marks=marks))
        framed = place == chosen
        edge = 1.5 if framed else 0.0
        parts.append(
            f'<rect x="{x - edge:.1f}" y="{y + caption - edge:.1f}" width="{size[0] + 2 * edge:.1f}" '
            f'height="{size[1] + 2 * edge:.1f}" fill="none" stroke="{ACCENT if framed else LINE}" '
            f'pointer-events="none"' + (' stroke-width="3" data-chosen="1"/>' if framed else "/>")
        )
    height = top + -(-number // columns) * step[1]
    body = f'<g style="image-rendering:pixelated">{"".join(parts)}</g>'
    return svg_document(body, width=width, height=round(height, 1), label=label, data=data)


def encode_png(levels: Bits) -> bytes:
    """A picture of one byte a pixel, 0 (white) to 100 (darkest blue) or 101 (hatching), as PNG.

    Parameters
    ----------
    levels : uint8 array of shape (height, width)

    References
    ----------
    W3C (2003), Portable Network Graphics, second edition: chunks, colour type 3.
    """
    lines = np.pad(levels, ((0, 0), (1, 0)))  # each line begins with its filter, 0: none
    size = struct.pack(">IIBBBBB", levels.shape[1], levels.shape[0], 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", size),
        (b"PLTE", _COLOURS),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def _check_maps(maps: ArrayLike, *, texts: Mapping[str, Sequence[str]]) -> NDArray[np.float64]:
    tables = np.asarray(maps, dtype=np.float64)
    if tables.ndim != 3 or 0 in tables.shape:
        raise ValueError(f"maps must have shape (N, T, S), with at least one map, not {tables.shape}.")
    for name, given in texts.items():
        if len(given) != len(tables) and (given or name == "names"):
            raise ValueError(f"{len(tables)} maps need as many {name}, not {len(given)}.")
    if not ((tables >= 0) & (tables <= 1 + 1e-5)).all():  # NaN fails both
        raise ValueError("Attention weights lie between 0 and 1; take the softmax of the scores first.")
    return tables


def _levels(tables: NDArray[np.float64], free: NDArray[np.bool_] | None, *, zoom: int) -> Bits:
    """Colours by number, (N, T · zoom, S · zoom); what is masked gets slanting strokes."""
    levels = np.minimum(np.round(tables * STEPS), STEPS).astype(np.uint8)
    if zoom > 1:
        levels = levels.repeat(zoom, axis=1).repeat(zoom, axis=2)
    if free is not None and not free.all():
        closed = (~free).repeat(zoom, axis=0).repeat(zoom, axis=1)
        down, right = np.indices(closed.shape)
        levels[:, closed & ((down + right) % 3 == 0)] = _MASKED
    return levels


def _caption(written: Sequence[str], *, x: float, y: float, room: float) -> str:
    """Name and value on one line, the kind below."""
    name, value, kind, _ = written
    parts = [draw_text(x, y + 10, cut_to_width(name, width=room, size=11, bold=True), size=11, weight="bold")]
    if value:
        parts.append(draw_text(x + room, y + 10, value, size=11, anchor="end"))
    if kind:
        shown = cut_to_width(kind, width=room, size=11)
        parts.append(draw_text(x, y + 10 + LINE_HEIGHT, shown, size=11, fill=MUTED))
    return "".join(parts)


def _image(
    levels: Bits, *, box: tuple[float, float, float, float], hover: str, marks: Mapping[str, object]
) -> str:
    x, y, width, height = box
    pixels = base64.b64encode(encode_png(levels)).decode("ascii")
    return (
        f'<image x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.2f}" '
        f'href="data:image/png;base64,{pixels}"{data_attributes(marks)}>'
        f"<title>{escape(hover)}</title></image>"
    )
