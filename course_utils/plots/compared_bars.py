"""Two bars for each label, to compare two ways to share one unit, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from course_utils.plots.placement import cut_to_width
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import MUTED, draw_rect, draw_text, svg_document

ROW, TOP, LABELS, NUMBERS = 22, 44, 66, 70


def compared_bars_svg(
    pairs: Mapping[str, Sequence[float]],
    *,
    labels: Sequence[str],
    title: str,
    label: str,
    foot: str = "",
    width: int = 320,
    height: int = 250,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw the bars on the fixed scale from 0 to 1, the first series above the second.

    Parameters
    ----------
    pairs : mapping of str to n floats, two of them
    labels : sequence of n str
    foot : str
        A quiet remark below.

    Returns
    -------
    str
        SVG text; each bar carries `data-series`, `data-label` and `data-value`.

    Raises
    ------
    ValueError
        If there are not two series of one value a label.
    """
    if len(pairs) != 2 or any(len(values) != len(labels) for values in pairs.values()):
        raise ValueError(f"give two series of {len(labels)} values each, one for each label.")
    parts = [draw_text(8, 20, cut_to_width(title, width=width - 12, bold=True), size=12, weight="bold")]
    for place, series in enumerate(pairs):
        left = 8 + place * (width - 16) / 2
        parts.append(draw_rect(left, 29, 12, 8, fill=OKABE_ITO[place]))
        parts.append(draw_text(left + 16, 37, series, size=11))
    for row, (name, *both) in enumerate(zip(labels, *pairs.values(), strict=True)):
        parts.append(_row(name, dict(zip(pairs, both, strict=True)), y=TOP + row * ROW, width=width))
    parts.append(draw_text(width / 2, height - 8, foot, size=11, anchor="middle", fill=MUTED))
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)


def _row(name: str, values: Mapping[str, float], *, y: float, width: float) -> str:
    """Both bars of one label, and their numbers behind the longer one."""
    room = width - LABELS - NUMBERS - 8
    parts = [draw_text(LABELS - 6, y + 14, cut_to_width(name, width=LABELS - 10), size=11, anchor="end")]
    longest = 0.0
    for place, (series, value) in enumerate(values.items()):
        share = min(max(float(value), 0.0), 1.0)
        longest = max(longest, share)
        parts.append(
            draw_rect(
                LABELS,
                y + 1 + place * 9,
                share * room,
                8,
                fill=OKABE_ITO[place],
                hover=f"{name}, {series}: {value:.6g}",
                data={"series": series, "label": name, "value": f"{value:.10g}"},
            )
        )
    numbers = ", ".join(f"{value:.2f}" for value in values.values())
    return "".join(parts) + draw_text(LABELS + longest * room + 5, y + 14, numbers, size=11, fill=MUTED)
