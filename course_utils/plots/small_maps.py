"""The same points on several small maps in a row, one for each layer or moment, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from course_utils.plots.placement import cut_to_width, draw_halo, text_width
from course_utils.plots.scatter import SHAPES, as_points, scatter_svg
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import LINE, draw_rect, draw_text, place_picture, svg_document

GAP, HEAD, LEGEND = 10, 30, 24  # pixels between maps, for the title, for a line of the legend


def small_maps_svg(
    maps: Sequence[ArrayLike],
    *,
    names: Sequence[str],
    labels: Sequence[str],
    title: str,
    label: str,
    groups: ArrayLike | None = None,
    group_names: Sequence[str] = (),
    corners: Sequence[str] | None = None,
    columns: int = 4,
    width: int = 960,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw one small map each, all with the same colours and shapes, left to right and top to bottom.

    Each map has a scale of its own: what compares is which points lie together, not how far a point moved.

    Parameters
    ----------
    maps : sequence of M arrays of shape (N, 2)
        The same N points in each.
    names : sequence of M str
        Above each map.
    labels : sequence of N str
        Under the pointer.
    title, label : str
        The finding above all maps, and the spoken description of the whole picture.
    groups : int array of shape (N,), optional
        Colour and shape of each point, 0 to 7; -1 is grey.
    group_names : sequence of str
        A legend below the title, if given.
    corners : sequence of M str, optional
        A remark in each map, such as how well it parts the groups.
    columns : int
        Maps in a row.

    Returns
    -------
    str
        SVG text; in it, each map is a group with `data-map`, drawn by `scatter_svg`.

    Raises
    ------
    ValueError
        If there is no map, or numbers of maps, names, corners and points do not fit.
    """
    if not maps or len(names) != len(maps) or (corners is not None and len(corners) != len(maps)):
        raise ValueError(f"{len(maps)} maps need as many names (and corners, if any); give at least one map.")
    if columns < 1:
        raise ValueError(f"columns must be at least 1, not {columns}.")
    columns = min(columns, len(maps))
    room = int((width - 16 - GAP * (columns - 1)) / columns)
    height = min(room, 300) + 20
    top = HEAD + (LEGEND if group_names else 0)
    heading = cut_to_width(title, width=width - 16, size=14, bold=True)
    parts = [draw_text(8, 20, heading, size=14, weight="bold"), _legend(group_names)]
    for place, (points, name) in enumerate(zip(maps, names, strict=True)):
        x, y = 8 + place % columns * (room + GAP), top + place // columns * (height + GAP)
        alone = _as_one_point(points)
        one = scatter_svg(
            as_points(points) if alone is None else alone,
            labels=labels,
            title=name,
            label=name,
            groups=groups,
            named=[],
            corner="" if corners is None else corners[place],
            width=room,
            height=height,
            data={"map": place},
        )
        parts += [place_picture(one, x=x, y=y), draw_rect(x, y, room, height, fill="none", stroke=LINE)]
        if alone is not None and len(alone) > 1:
            words = f"all {len(alone)} in one place"
            parts.append(draw_halo(x + room / 2, y + height / 2 + 34, words, anchor="middle"))
    rows = -(-len(maps) // columns)
    total = top + rows * (height + GAP)
    return svg_document("".join(parts), width=width, height=total, label=label, data=data)


def _as_one_point(points: ArrayLike) -> np.ndarray | None:
    """The middle of all points, N times, where they differ by rounding alone; None where they do not.

    A layer that gives one word one vector makes a map of a single point, and a scale that fills the panel
    would blow its rounding errors up to a cloud.
    """
    places = as_points(points)
    size = float(np.abs(places).max(initial=0.0))
    if len(places) and np.ptp(places, axis=0).max() <= 1e-5 * max(size, 1.0):
        return np.broadcast_to(places.mean(axis=0), places.shape).copy()
    return None


def _legend(names: Sequence[str]) -> str:
    """Shape and name of each group, in a line."""
    parts, x = [], 14.0
    for place, name in enumerate(names):
        colour, shape = OKABE_ITO[place % len(OKABE_ITO)], SHAPES[place % len(SHAPES)]
        parts.append(f'<path d="M{x:.1f} 40{shape}" fill="{colour}"/>')
        shown = cut_to_width(name, width=200, size=12)
        parts.append(draw_text(x + 10, 44, shown, size=12))
        x += 10 + text_width(shown, size=12) + 18
    return "".join(parts)
