"""A hatched cell: what a mask has closed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from course_utils.plots.svg import LINE, MUTED, draw_rect

GAP = 7.0  # pixels between two strokes, along the edge


def draw_hatched(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    hover: str | None = None,
    data: Mapping[str, object] | None = None,
) -> str:
    """A white cell with slanted strokes.

    The strokes are one path and no SVG pattern: a pattern is found by its id, which several pictures on a
    page would share.
    """
    strokes = []
    for start in np.arange(GAP / 2, width + height, GAP):  # from the upper or right edge, down to the left
        right = min(start, width)
        left = max(start - height, 0.0)
        strokes.append(f"M{x + right:.1f} {y + start - right:.1f}L{x + left:.1f} {y + start - left:.1f}")
    cell = draw_rect(x, y, width, height, fill="#ffffff", stroke=LINE, hover=hover, data=data)
    path = f'<path d="{"".join(strokes)}" stroke="{MUTED}" fill="none"'
    return f'{cell}{path} pointer-events="none"/>'
