"""Curves over lengths: each mark stands where its value says, and bars tell how many sentences there are."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils.plots.length_curves import BARS, CURVES, TOP, length_curves_svg

NS = "{http://www.w3.org/2000/svg}"
CURVE = {"small": [0.5, 0.1, 0.0], "large": [1.0, 0.4, float("nan")]}
SAID = {"title": "Longer is harder", "label": "two curves", "y_label": "exact match"}


def draw(curves=CURVE, **settings):
    given = {"buckets": ["1–2", "3–4", "5–6"], "counts": [10, 40, 20], **SAID, **settings}
    return ET.fromstring(length_curves_svg(curves, **given))


def marks(svg, model):
    return [node for node in svg.iter(f"{NS}path") if node.get("data-model") == model]


def centre(node):
    x, y = np.array([pair.split() for pair in node.get("d")[1:-2].split(" L")], dtype=float).T
    return (x.min() + x.max()) / 2, (y.min() + y.max()) / 2


def test_marks_stand_where_their_values_say():
    svg = draw()
    for name, values in CURVE.items():
        known = [value for value in values if not np.isnan(value)]
        drawn = marks(svg, name)
        assert [float(node.get("data-value")) for node in drawn] == known
        assert [node.get("data-bucket") for node in drawn] == ["1–2", "3–4", "5–6"][: len(known)]
        heights = [centre(node)[1] for node in drawn]
        np.testing.assert_allclose(heights, [TOP + (1 - v) * CURVES for v in known], atol=0.11)
    first, second = (centre(marks(svg, name)[1])[0] for name in CURVE)
    assert first == pytest.approx(second, abs=0.11)


def test_the_axis_ends_at_the_scale():
    (node, *_), texts = marks(draw({"a": [50, 0, 100]}, scale=100), "a"), draw(scale=100)
    assert centre(node)[1] == pytest.approx(TOP + CURVES / 2, abs=0.11)
    assert {"0", "20", "100"} <= {"".join(one.itertext()) for one in texts.iter(f"{NS}text")}


def test_bars_are_as_long_as_their_counts():
    bars = [node for node in draw().iter(f"{NS}rect") if node.get("data-count")]
    assert [node.get("data-count") for node in bars] == ["10", "40", "20"]
    heights = [float(node.get("height")) for node in bars]
    np.testing.assert_allclose(heights, np.array([10, 40, 20]) / 40 * (BARS - 16), atol=0.06)


def test_a_bucket_without_a_point_has_a_pale_bar():
    svg = draw({"large": CURVE["large"]})
    fills = [node.get("fill") for node in svg.iter(f"{NS}rect") if node.get("data-count")]
    assert fills[0] == fills[1] != fills[2]
    assert "too few" in "".join(svg.itertext())
    both = [node.get("fill") for node in draw().iter(f"{NS}rect") if node.get("data-count")]
    assert len(set(both)) == 1


def test_the_chosen_curve_is_bold_and_names_its_numbers():
    svg = draw(chosen="large")
    widths = [float(node.get("stroke-width")) for node in svg.iter(f"{NS}polyline")]
    assert widths[1] > widths[0]
    said = ["".join(node.itertext()) for node in svg.iter(f"{NS}text")]
    assert "0.40" in said
    assert "0.10" not in said
    assert len({float(n.get("stroke-width")) for n in draw().iter(f"{NS}polyline")}) == 1


def test_bands_and_notes():
    low, high = [0.4, 0.0, 0.0], [0.6, 0.2, 0.1]
    svg = draw(intervals={"small": (low, high)}, notes=["2", "", "7.5"], notes_name="first")
    (band,) = (node for node in svg.iter(f"{NS}polygon"))
    corners = np.array([pair.split(",") for pair in band.get("points").split()], dtype=float)
    np.testing.assert_allclose(corners[:3, 1], TOP + (1 - np.array(high)) * CURVES, atol=0.06)
    np.testing.assert_allclose(corners[3:, 1], TOP + (1 - np.array(low))[::-1] * CURVES, atol=0.06)
    assert {"2", "7.5", "first"} <= {"".join(node.itertext()) for node in svg.iter(f"{NS}text")}


def test_names_are_text():
    svg = draw({"<b>&": [0.1, 0.2, 0.3]}, chosen="<b>&", title="<script>")
    assert marks(svg, "<b>&")
    assert not list(svg.iter("script"))


def test_two_lines_differ_in_shape_and_colour():
    svg = draw()
    small, large = (marks(svg, name)[0] for name in CURVE)
    assert small.get("fill") != large.get("fill")
    assert small.get("d").count("L") != large.get("d").count("L")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"curves": {}}, "between 1 and 7"),
        ({"curves": {str(i): [0, 0, 0] for i in range(8)}}, "between 1 and 7"),
        ({"curves": {"a": [0.1]}}, "one value for each of 3"),
        ({"curves": {"a": [0, 1.2, 0]}}, "from 0 to 1"),
        ({"curves": {"a": [0, -0.2, 0]}}, "from 0 to 1"),
        ({"counts": [1, 2]}, "as many counts"),
        ({"buckets": [], "counts": []}, "at least one"),
        ({"chosen": "no"}, "chosen must be one of"),
    ],
)
def test_what_does_not_fit_is_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        draw(**settings)
