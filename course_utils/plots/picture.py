"""A picture as a lesson shows it: pixels, size on the page, and words for those who cannot see it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from course_utils.plots.style import DOTS_PER_INCH, figure_to_png
from course_utils.plots.svg import svg_to_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCALE = 1.5  # pixels stored per pixel shown: sharp on a dense screen, small in git


class Picture:
    """A matplotlib Figure or SVG text with its alternative text; the last line of a lesson's cell.

    Parameters
    ----------
    drawing : Figure or str
        A Figure, or SVG text from `course_utils.plots`.
    alt : str
        What the picture shows, in a sentence that replaces it for a reader who cannot see it.

    Raises
    ------
    ValueError
        If `alt` says too little to stand for the picture.
    """

    def __init__(self, drawing: Figure | str, *, alt: str) -> None:
        if len(alt.strip()) < 20:
            raise ValueError("Say in `alt` what the picture shows, in a sentence (20 characters or more).")
        self.drawing = drawing
        self.alt = alt.strip()

    def png(self) -> bytes:
        """The picture as PNG bytes of at most 256 colours."""
        if isinstance(self.drawing, str):
            return with_palette(svg_to_png(self.drawing, scale=SCALE))
        return with_palette(figure_to_png(self.drawing, scale=SCALE))

    def width(self) -> int:
        """Width on the page in pixels."""
        if isinstance(self.drawing, str):
            return round(png_width(self.png()) / SCALE)
        return round(self.drawing.get_size_inches()[0] * DOTS_PER_INCH)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        png = self.png()
        metadata = {"image/png": {"alt": self.alt, "width": round(png_width(png) / SCALE)}}
        return {"image/png": png, "text/plain": self.alt}, metadata


def png_width(png: bytes) -> int:
    """Width in pixels, read from a PNG's header (bytes 16 to 20; PNG specification, section 11.2.2)."""
    return int.from_bytes(png[16:20], "big")


def with_palette(png: bytes) -> bytes:
    """The same picture with a palette: a third of the bytes, and no difference to the eye."""
    from PIL import Image

    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
