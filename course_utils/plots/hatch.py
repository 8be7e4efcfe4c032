"""Hatching: what a mask has closed, or what is not revealed yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from course_utils.plots.svg import LINE, MUTED, draw_rect

GAP = 7.0  # pixels between two strokes, along the edge
Box = tuple[float, float, float, float]  # left, top, width, height


def draw_hatching(boxes: Iterable[Box]) -> str:
    """Strokes that rise by 45 degrees over some boxes, cut off at their edges, all of them one path.

    A path and no SVG pattern: a pattern is found by its id, which several pictures on a page would share.

    Parameters
    ----------
    boxes : iterable of (left, top, width, height)
        In pixels.

    Returns
    -------
    str
        SVG text; empty where there is no box.
    """
    steps = "".join(_strokes(box) for box in boxes)
    return f'<path d="{steps}" stroke="{MUTED}" fill="none" pointer-events="none"/>' if steps else ""


def _strokes(box: Box) -> str:
    left, top, width, height = box
    right, bottom = left + width, top + height
    steps, start = [], left - height + GAP  # where a stroke would leave the lower edge
    while start < right:
        begin, end = max(start, left), min(start + height, right)
        rise = round(end - begin, 1)
        steps.append(f"M{round(begin, 1):g} {round(bottom - (begin - start), 1):g}l{rise:g} {-rise:g}")
        start += GAP
    return "".join(steps)


def draw_hatched(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    hover: str | None = None,
    data: Mapping[str, object] | None = None,
) -> str:
    """A white cell with hatching."""
    cell = draw_rect(x, y, width, height, fill="#ffffff", stroke=LINE, hover=hover, data=data)
    return cell + draw_hatching([(x, y, width, height)])
