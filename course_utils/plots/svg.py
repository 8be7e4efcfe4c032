"""SVG as text: the escape helper, a few drawing primitives, and a PNG of any picture.

Token-scale views (bars, matrices, lines of words) are drawn as SVG because a browser shows new SVG
text within a frame, shows `<title>` on hover without any script, and lets a test read every number.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path

INK = "#1b1f24"
MUTED = "#57606a"
PAPER = "#ffffff"
LINE = "#d0d7de"
ACCENT = "#0072b2"
FONT = "DejaVu Sans, Verdana, sans-serif"

# Control characters and the marks that reorder bidirectional text could make a label lie about itself.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def escape(text: object) -> str:
    """Make any text safe inside HTML and SVG, in element content and in quoted attributes.

    Markup is escaped; control characters, lone surrogates and direction overrides are dropped. Every
    piece of text that the course puts into HTML passes through here.
    """
    return html.escape(_UNSAFE.sub("", str(text)), quote=True)


def shorten(text: str, *, length: int = 16) -> str:
    """Cut a label to at most `length` characters, the last one an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"


def draw_text(
    x: float,
    y: float,
    text: object,
    *,
    size: float = 12,
    anchor: str = "start",
    fill: str = INK,
    weight: str = "normal",
    rotate: float | None = None,
) -> str:
    """One line of escaped text; `anchor` is start, middle or end of the point (x, y)."""
    turn = "" if rotate is None else f' transform="rotate({rotate:g} {x:.1f} {y:.1f})"'
    bold = "" if weight == "normal" else f' font-weight="{weight}"'
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" '
        f'fill="{fill}"{bold}{turn} pointer-events="none">'
        f"{escape(text)}</text>"
    )


def draw_rect(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str,
    stroke: str = "none",
    hover: str | None = None,
    data: Mapping[str, object] | None = None,
) -> str:
    """A rectangle; `hover` is shown under the pointer, `data` becomes data-* attributes."""
    attributes = data_attributes(data or {})
    title = "" if hover is None else f"<title>{escape(hover)}</title>"
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" '
        f'fill="{fill}" stroke="{stroke}"{attributes}>{title}</rect>'
    )


def draw_line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = LINE, width: float = 1) -> str:
    """A straight line."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{stroke}" stroke-width="{width:g}"/>'
    )


def data_attributes(data: Mapping[str, object]) -> str:
    """` data-name="value"` for each entry, escaped."""
    return "".join(f' data-{name}="{escape(value)}"' for name, value in data.items())


def svg_document(
    body: str, *, width: float, height: float, label: str, data: Mapping[str, object] | None = None
) -> str:
    """Wrap drawn parts into one picture on white paper, legible in a light and a dark theme.

    Parameters
    ----------
    body : str
        What the `draw_…` functions returned, joined.
    width, height : float
        Size in CSS pixels; the picture shrinks with a narrow page and never grows beyond it.
    label : str
        What the picture shows, for screen readers.
    """
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" style="max-width:100%;height:auto;display:block" role="img" '
        f'aria-label="{escape(label)}" font-family="{FONT}"{data_attributes(data or {})}>'
        f'<rect width="{width:g}" height="{height:g}" fill="{PAPER}"/>{body}</svg>'
    )


def beside(left: str, right: str, *, label: str) -> str:
    """Two pictures from `svg_document` side by side, as one picture."""
    sizes = [
        [float(number) for number in re.search(r'viewBox="0 0 (\S+) (\S+)"', one).groups()]  # type: ignore[union-attr]
        for one in (left, right)
    ]
    (left_width, left_height), (right_width, right_height) = sizes
    moved = right.replace("<svg ", f'<svg x="{left_width:g}" ', 1)
    return svg_document(
        left + moved, width=left_width + right_width, height=max(left_height, right_height), label=label
    )


def above(top: str, bottom: str, *, label: str, data: Mapping[str, object] | None = None) -> str:
    """Two pictures from `svg_document` one below the other, as one picture."""
    (width, height), (lower_width, lower_height) = picture_size(top), picture_size(bottom)
    body = place_picture(top) + place_picture(bottom, y=height)
    return svg_document(
        body, width=max(width, lower_width), height=height + lower_height, label=label, data=data
    )


def place_picture(svg: str, *, x: float = 0, y: float = 0) -> str:
    """A picture from `svg_document` as a part of another one, its upper left corner at (x, y).

    What was said about the page (size, style, spoken description) is left out, `data-*` attributes stay.
    """
    opening, _, body = svg.partition(">")
    data = "".join(re.findall(r' data-[\w-]+="[^"]*"', opening))
    return f'<g transform="translate({x:g} {y:g})"{data}>{body.removesuffix("</svg>")}</g>'


def picture_size(svg: str) -> tuple[float, float]:
    """Width and height of a picture from `svg_document`."""
    found = re.search(r'viewBox="0 0 (\S+) (\S+)"', svg)
    if found is None:
        raise ValueError("This is no picture made by svg_document.")
    return float(found[1]), float(found[2])


def shade(value: float) -> str:
    """Colour of a share between 0 (white) and 1 (dark blue), one hue, legible to colour-blind readers."""
    share = min(max(float(value), 0.0), 1.0)
    low, high = (255, 255, 255), (8, 48, 107)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(low, high, strict=True))


def diverging_shade(value: float) -> str:
    """Colour of a value between -1 (orange), 0 (white) and 1 (blue)."""
    share = min(max(float(value), -1.0), 1.0)
    end = (0, 68, 136) if share >= 0 else (179, 88, 6)
    return "#" + "".join(f"{round(255 + (b - 255) * abs(share)):02x}" for b in end)


def text_on(colour: str) -> str:
    """Black or white, whichever is easier to read on `colour` (``#rrggbb``)."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"


def svg_to_png(svg: str, *, scale: float = 1.5) -> bytes:
    """Render SVG text to PNG bytes with the fonts that come with matplotlib, alike on every machine.

    Raises
    ------
    ValueError
        If the text is not a well-formed SVG picture.
    """
    import matplotlib
    import resvg_py

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    png = resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=scale,
        skip_system_fonts=True,
        font_files=[str(fonts / "DejaVuSans.ttf"), str(fonts / "DejaVuSans-Bold.ttf")],
        font_family="DejaVu Sans",
        sans_serif_family="DejaVu Sans",
    )
    return bytes(png)
