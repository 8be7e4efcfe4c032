"""SVG text: escaping, well-formed pictures, exact numbers in the DOM."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.plots.bars import bars_svg
from course_utils.plots.matrix import matrix_svg
from course_utils.plots.svg import (
    above,
    beside,
    diverging_shade,
    escape,
    picture_size,
    shade,
    svg_document,
    svg_to_png,
    text_on,
)

NAMESPACE = "{http://www.w3.org/2000/svg}"
AWKWARD = [
    "<img src=x onerror=alert(1)>",
    "\"quoted\" & 'single'",
    "שלום עולם",
    "👩‍🔬",
    "a\x00b\x1f",
    "\u202eevil",
]


def cells(svg):
    return [node for node in ET.fromstring(svg).iter(f"{NAMESPACE}rect") if "data-value" in node.attrib]


def test_escape_leaves_no_markup_and_no_hidden_marks():
    assert escape('<b a="1">&\'') == "&lt;b a=&quot;1&quot;&gt;&amp;&#x27;"
    assert escape("a\x00\x1b\u202e\u2066\ud800b") == "ab"
    assert escape("tab\tand\nline") == "tab\tand\nline"
    assert escape(3.5) == "3.5"


@given(st.text())
def test_escaped_text_comes_back_from_a_parser(text):
    root = ET.fromstring(f'<p title="{escape(text)}">{escape(text)}</p>')
    assert len(root) == 0
    assert "<" not in escape(text)
    assert '"' not in escape(text)


@pytest.mark.parametrize("text", AWKWARD)
def test_pictures_with_awkward_labels_are_well_formed(text):
    bars = bars_svg([1.0], labels=[text], notes=[text], title=text, label=text, data={"word": text})
    matrix = matrix_svg(np.eye(1), row_labels=[text], col_labels=[text], title=text, label=text)
    for svg in (bars, matrix):
        tags = {node.tag.removeprefix(NAMESPACE) for node in ET.fromstring(svg).iter()}
        assert tags <= {"svg", "rect", "text", "title", "line"}
        assert svg_to_png(svg)[:8] == b"\x89PNG\r\n\x1a\n"


def test_bars_carry_their_exact_values_and_lengths():
    svg = bars_svg([0.5, -0.25, 0.0], labels=["a", "b", "c"], title="t", label="l", limit=1.0)
    found = cells(svg)
    assert [float(node.get("data-value")) for node in found] == [0.5, -0.25, 0.0]
    widths = [float(node.get("width")) for node in found]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.1)
    assert widths[2] == 0
    zero = float(found[0].get("x"))
    assert float(found[1].get("x")) + widths[1] == pytest.approx(zero, abs=0.1)


def test_bars_refuse_labels_that_do_not_fit():
    with pytest.raises(ValueError, match="one label"):
        bars_svg([1.0, 2.0], labels=["a"], title="t", label="l")


def test_matrix_cells_carry_row_column_and_value():
    values = np.array([[0.0, 2.0], [1.0, np.nan]])
    found = cells(matrix_svg(values, row_labels=["a", "b"], col_labels=["x", "y"], title="t", label="l"))
    assert [(n.get("data-row"), n.get("data-column")) for n in found] == [
        ("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"),
    ]  # fmt: skip
    np.testing.assert_equal([float(n.get("data-value")) for n in found], values.ravel())
    assert [n.get("fill") for n in found[:2]] == [shade(0), shade(1)]
    assert "never seen together" in found[3].find(f"{NAMESPACE}title").text


def test_matrix_with_negative_values_diverges_around_zero():
    found = cells(matrix_svg([[-1.0, 0.0, 1.0]], row_labels="a", col_labels="xyz", title="t", label="l"))
    assert [n.get("fill") for n in found] == [diverging_shade(v) for v in (-1, 0, 1)]
    assert found[1].get("fill") == "#ffffff"


def test_matrix_refuses_the_wrong_number_of_labels():
    with pytest.raises(ValueError, match="as many"):
        matrix_svg(np.zeros((2, 2)), row_labels=["a"], col_labels=["x", "y"], title="t", label="l")


def test_shades_darken_in_one_direction_and_text_stays_legible():
    light = [sum(int(shade(v)[i : i + 2], 16) for i in (1, 3, 5)) for v in np.linspace(0, 1, 11)]
    assert light == sorted(light, reverse=True)
    assert shade(0) == "#ffffff"
    assert shade(-3) == shade(0)
    assert shade(7) == shade(1)
    assert text_on(shade(1)) == "#ffffff"
    assert text_on(shade(0)) != "#ffffff"


def test_beside_puts_the_second_picture_to_the_right():
    one = svg_document("", width=100, height=50, label="one")
    two = svg_document("", width=60, height=80, label="two")
    root = ET.fromstring(beside(one, two, label="both"))
    assert root.get("viewBox") == "0 0 160 80"
    inner = root.findall(f"{NAMESPACE}svg")
    assert [node.get("x") for node in inner] == [None, "100"]


def test_above_puts_the_second_picture_below():
    one = svg_document("<line/>", width=100, height=50, label="a > b", data={"word": "x>y"})
    two = svg_document("<path/>", width=160, height=80, label="two")
    svg = above(one, two, label="both", data={"layer": 3})
    root = ET.fromstring(svg)
    assert (root.get("viewBox"), root.get("data-layer"), root.get("aria-label")) == (
        "0 0 160 130",
        "3",
        "both",
    )
    assert picture_size(svg) == (160, 130)
    upper, lower = root.findall(f"{NAMESPACE}g")
    assert [node.get("transform") for node in (upper, lower)] == ["translate(0 0)", "translate(0 50)"]
    assert upper.get("data-word") == "x>y"
    assert [node.tag for node in upper][1:] == [f"{NAMESPACE}line"]
    assert [node.tag for node in lower][1:] == [f"{NAMESPACE}path"]
    assert svg_to_png(svg)[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(ValueError, match="svg_document"):
        picture_size("<p/>")


def test_png_refuses_what_is_not_a_picture():
    with pytest.raises(ValueError):
        svg_to_png("<p>no picture</p>")
