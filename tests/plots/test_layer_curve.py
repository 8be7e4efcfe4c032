"""A curve over layers: points, bands and axis by value."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils.plots.layer_curve import layer_curve_svg

NS = "{http://www.w3.org/2000/svg}"


def draw(values, *, chosen=0, names=None, **rest):
    names = [str(i) for i in range(len(values))] if names is None else names
    svg = layer_curve_svg(values, names=names, chosen=chosen, title="t", label="l", y_label="cosine", **rest)
    return ET.fromstring(svg)


def axis(root):
    """Numbers beside the axis → their height in pixels."""
    texts = [node for node in root.iter(f"{NS}text") if node.get("text-anchor") == "end"]
    return {float(node.text): float(node.get("y")) - 4 for node in texts}


def heights(root):
    return [float(node.get("cy")) for node in root.iter(f"{NS}circle")]


@pytest.mark.parametrize("values", [[0.1, 0.5, 1.0], [1.0], [-0.31, 0.9, 0.2], [0.0] * 25, [-1.0, 1.0]])
def test_points_stand_where_the_axis_says(values):
    root = draw(values)
    ticks = axis(root)
    slope, offset = np.polyfit(list(ticks), list(ticks.values()), 1)
    np.testing.assert_allclose(heights(root), slope * np.array(values) + offset, atol=0.11)
    assert min(ticks) <= min(0, *values) + 0.2
    assert 1.0 in ticks
    across = [float(node.get("cx")) for node in root.iter(f"{NS}circle")]
    assert across == sorted(across)
    line = root.find(f"{NS}polyline").get("points").replace(",", " ").split()
    assert [float(part) for part in line[::2]] == across


def test_axis_is_the_same_for_all_values_from_0_to_1():
    assert axis(draw([0.9, 0.95])) == axis(draw([0.01, 0.4]))


def test_the_chosen_layer_is_large_and_says_its_value():
    root = draw([0.25, 0.5, 0.75], chosen=1, names=["in", "middle", "out"])
    sizes = [float(node.get("r")) for node in root.iter(f"{NS}circle")]
    assert sizes[1] > sizes[0] == sizes[2]
    assert "0.500" in [node.text for node in root.iter(f"{NS}text")]
    assert {"in", "middle", "out"} <= {node.text for node in root.iter(f"{NS}text")}
    assert "middle: 0.5000" in root.findall(f"{NS}circle")[1].find(f"{NS}title").text


def test_bands_are_in_the_legend_and_under_the_pointer():
    root = draw([0.5, 0.5], bands={"same": ([0.4, 0.3], [0.6, 0.7]), "other": ([0, 0], [0.1, 0.1])})
    (low, high) = root.find(f"{NS}circle"), root.findall(f"{NS}polygon")
    assert low.find(f"{NS}title").text == "0: 0.5000; same: 0.400 to 0.600; other: 0.000 to 0.100"
    assert [node.get("data-band") for node in high] == ["same", "other"]
    assert {"same", "other"} <= {node.text for node in root.iter(f"{NS}text")}


def test_bands_stand_where_the_axis_says():
    low, high = np.array([0.1, 0.3, 0.2]), np.array([0.9, 0.7, 0.4])
    root = draw([0.5, 0.5, 0.5], bands={"x": (low, high)})
    ticks = axis(root)
    slope, offset = np.polyfit(list(ticks), list(ticks.values()), 1)
    points = root.find(f"{NS}polygon").get("points").split()
    down = np.array([float(pair.split(",")[1]) for pair in points])
    np.testing.assert_allclose(down, slope * np.concatenate([high, low[::-1]]) + offset, atol=0.11)


def test_a_band_over_one_layer_can_be_seen():
    polygon = draw([0.5], bands={"x": ([0.2], [0.8])}).find(f"{NS}polygon")
    corners = np.array([pair.split(",") for pair in polygon.get("points").split()], dtype=float)
    assert np.ptp(corners[:, 0]) > 20
    assert np.ptp(corners[:, 1]) > 20


def test_many_layers_do_not_write_over_each_other():
    root = draw(np.linspace(0, 1, 49))
    names = [n for n in root.iter(f"{NS}text") if n.get("text-anchor") == "middle" and n.text.isdigit()]
    places = [float(node.get("x")) for node in names]
    assert min(np.diff(places)) > 20


@pytest.mark.parametrize(
    ("values", "rest", "says"),
    [
        ([], {}, "one name for each layer"),
        ([[1.0]], {"names": ["a"]}, "one name for each layer"),
        ([1.0], {"names": ["a", "b"]}, "not 2"),
        ([np.nan], {}, "NaN"),
        ([1.0], {"chosen": 1}, "chosen goes from 0 to 0"),
        ([1.0], {"chosen": -1}, "not -1"),
        ([1.0], {"bands": {"x": ([0.0, 0.0], [1.0, 1.0])}}, "at each of 1 layers"),
        ([1.0], {"bands": {"x": ([np.nan], [1.0])}}, "finite"),
        ([1.0], {"bands": {"x": ([2.0], [1.0])}}, "low one below"),
        ([1.0], {"bands": {str(i): ([0.0], [1.0]) for i in range(5)}}, "at most 4"),
    ],
)
def test_what_cannot_be_drawn_is_refused(values, rest, says):
    with pytest.raises(ValueError, match=says):
        draw(values, **rest)
