"""Curves, a histogram and compared bars: marks stand where their axes say."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils.plots.compared_bars import compared_bars_svg
from course_utils.plots.curves import curves_svg
from course_utils.plots.histogram import histogram_svg
from course_utils.plots.svg import svg_to_png

NS = "{http://www.w3.org/2000/svg}"
AWKWARD = ["<img src=x onerror=alert(1)>", "\"q\" & 'a'", "שלום", "👩‍🔬"]


def curves(series, *, names=("4", "8", "16"), chosen=1, limit=2.0):
    svg = curves_svg(
        series, names=names, chosen=chosen, limit=limit, title="t", label="l", x_label="x", y_label="y"
    )
    return ET.fromstring(svg)


def marks(root, series):
    """Middle, value and size of each mark of a line."""
    found = []
    for node in root.iter():
        if node.get("data-series") == series and "data-value" in node.attrib:
            if node.tag == f"{NS}circle":
                x, y, size = (float(node.get(key)) for key in ("cx", "cy", "r"))
            else:
                size = float(node.get("width")) / 2
                x, y = (float(node.get(key)) + size for key in ("x", "y"))
            found.append((x, y, float(node.get("data-value")), size))
    return np.array(found)


def test_marks_stand_where_the_axis_says():
    root = curves({"one": [0.0, 1.0, 2.0], "two": [1.5, 0.5, 0.25]})
    ticks = [n for n in root.iter(f"{NS}text") if n.get("text-anchor") == "end"]
    numbers = [float(node.text) for node in ticks]
    slope, offset = np.polyfit(numbers, [float(node.get("y")) - 4 for node in ticks], 1)
    for name, values in (("one", [0.0, 1.0, 2.0]), ("two", [1.5, 0.5, 0.25])):
        found = marks(root, name)
        assert found[:, 2].tolist() == values
        np.testing.assert_allclose(found[:, 1], slope * np.array(values) + offset, atol=0.2)
        assert (found[1, 3] > found[[0, 2], 3]).all()
        line = next(n for n in root.iter(f"{NS}polyline") if n.get("data-series") == name)
        way = np.array(line.get("points").replace(",", " ").split(), dtype=float).reshape(-1, 2)
        np.testing.assert_allclose(way, found[:, :2], atol=0.11)


def test_chosen_values_are_written_without_touching():
    root = curves({"one": [1.0, 1.0, 1.0], "two": [1.0, 1.01, 1.0]})
    written = [n for n in root.iter(f"{NS}text") if n.text in ("1.000", "1.010")]
    names = [n for n in root.iter(f"{NS}text") if n.text in ("one", "two")]
    for pair in (written, names):
        assert len(pair) == 2
        assert abs(float(pair[0].get("y")) - float(pair[1].get("y"))) >= 13


@pytest.mark.parametrize("limit", [1e-3, 0.69, 4.85, 60.0, 1e4])
def test_any_limit_gets_a_few_ticks(limit):
    root = curves({"one": [0.0, limit / 2, limit]}, limit=limit)
    ticks = [n for n in root.iter(f"{NS}text") if n.get("text-anchor") == "end"]
    assert 1 <= len(ticks) <= 7


@pytest.mark.parametrize(
    ("series", "chosen", "says"),
    [
        ({}, 0, "1 to 4 series"),
        ({str(i): [0.0] * 3 for i in range(5)}, 0, "1 to 4 series"),
        ({"a": [0.0] * 3}, 3, "one of 3 settings"),
        ({"a": [0.0] * 2}, 0, "one finite number for each of 3"),
        ({"a": [0.0, np.nan, 1.0]}, 0, "finite"),
    ],
)
def test_curves_that_do_not_fit_are_refused(series, chosen, says):
    with pytest.raises(ValueError, match=says):
        curves(series, chosen=chosen)


def histogram(shares, edges, drawn=None):
    curve = ([edges[0], edges[-1]], [0.0, 1.0])
    svg = histogram_svg(
        shares,
        edges=edges,
        curves={"theory": curve} if drawn is None else drawn,
        title="t",
        label="l",
        x_label="x",
    )
    return ET.fromstring(svg)


def test_bars_and_curve_share_one_scale():
    root = histogram([0.5, 1.0, 0.0, 9.0], [-2.0, -1.0, 0.0, 1.0, 2.0])
    bars = [n for n in root.iter(f"{NS}rect") if "data-bin" in n.attrib]
    assert [float(n.get("data-bin")) for n in bars] == [-1.5, -0.5, 0.5, 1.5]
    assert [float(n.get("data-value")) for n in bars] == [0.5, 1.0, 0.0, 9.0]
    heights = [float(n.get("height")) for n in bars]
    assert heights[0] == pytest.approx(heights[1] / 2, abs=0.1)
    assert heights[2] == 0
    assert heights[3] == pytest.approx(1.25 * heights[1], abs=0.1)  # what is higher is cut
    line = root.find(f"{NS}polyline").get("points").replace(",", " ").split()
    x0, y0, x1, y1 = (float(part) for part in line)
    assert (x0, y1) == pytest.approx((float(bars[0].get("x")), float(bars[1].get("y"))), abs=0.11)
    assert y0 == pytest.approx(float(bars[0].get("y")) + heights[0], abs=0.11)
    assert x1 == pytest.approx(float(bars[3].get("x")) + float(bars[3].get("width")), abs=0.11)


def test_histograms_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one edge more"):
        histogram([1.0], [0.0])
    with pytest.raises(ValueError, match="at most 3"):
        histogram([1.0], [0.0, 1.0], {str(i): ([0.0], [0.0]) for i in range(4)})


def compared(pairs, labels):
    return ET.fromstring(compared_bars_svg(pairs, labels=labels, title="t", label="l", foot="f"))


def test_compared_bars_run_from_0_to_1():
    root = compared({"with": [0.5, 0.25], "without": [1.0, 0.0]}, ["k", "l"])
    bars = [n for n in root.iter(f"{NS}rect") if "data-value" in n.attrib]
    found = {(n.get("data-label"), n.get("data-series")): float(n.get("width")) for n in bars}
    whole = found["k", "without"]
    assert found["k", "with"] == pytest.approx(whole / 2, abs=0.1)
    assert found["l", "with"] == pytest.approx(whole / 4, abs=0.1)
    assert found["l", "without"] == 0
    assert len({n.get("fill") for n in bars}) == 2


@pytest.mark.parametrize("pairs", [{"a": [1.0]}, {"a": [1.0], "b": []}, {"a": [1.0], "b": [1.0], "c": [1.0]}])
def test_compared_bars_that_do_not_fit_are_refused(pairs):
    with pytest.raises(ValueError, match="two series of 1 values"):
        compared(pairs, ["k"])


@pytest.mark.parametrize("text", AWKWARD)
def test_names_are_text(text):
    words = {"title": text, "label": text}
    pictures = [
        curves_svg({text: [1.0]}, names=[text], chosen=0, limit=1.0, x_label=text, y_label=text, **words),
        histogram_svg([1.0], edges=[0, 1], curves={text: ([0], [1])}, x_label=text, **words),
        compared_bars_svg({text: [1.0], "b": [0.5]}, labels=[text], foot=text, **words),
    ]
    for svg in pictures:
        tags = {node.tag.removeprefix(NS) for node in ET.fromstring(svg).iter()}
        assert tags <= {"svg", "g", "rect", "text", "title", "line", "path", "polyline", "circle"}
        assert svg_to_png(svg)[:8] == b"\x89PNG\r\n\x1a\n"
