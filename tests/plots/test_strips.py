"""Rows of cells along a text: every number, its colour, and what is refused."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils.plots.strips import Strip, strips_svg
from course_utils.plots.svg import diverging_shade, shade

NS = "{http://www.w3.org/2000/svg}"
TOKENS = ["does", "the", "<dog>", "sleep"]
ROWS = [
    Strip("state", [-0.5, 0.25, 2.0, -2.0], signed=True, group="unit 3"),
    Strip("update", [0.0, 0.5, 1.0, 0.25], group="unit 3"),
    Strip("update", [0.1, 0.2, 0.3, 0.4], group="mean"),
]


def draw(strips=ROWS, *, tokens=TOKENS, **settings):
    return ET.fromstring(
        strips_svg(strips, tokens=tokens, title="A title", label="What it shows", **settings)
    )


def cells(picture):
    return [node for node in picture.iter(f"{NS}rect") if "data-row" in node.attrib]


def test_one_cell_for_each_number_with_its_place_and_colour():
    found = cells(draw())
    assert len(found) == 12
    for strip, nodes in zip(ROWS, (found[:4], found[4:8], found[8:]), strict=True):
        for place, (node, value) in enumerate(zip(nodes, strip.values, strict=True)):
            said = {key: node.get(f"data-{key}") for key in ("row", "group", "place", "token")}
            assert said == {
                "row": strip.name, "group": strip.group, "place": str(place), "token": TOKENS[place],
            }  # fmt: skip
            assert float(node.get("data-value")) == pytest.approx(value)
            # The largest number of the signed row is 2, so 2 is as dark as it gets; shares are not rescaled.
            assert node.get("fill") == (diverging_shade(value / 2) if strip.signed else shade(value))
            assert node.find(f"{NS}title").text == (
                f"{strip.name} at {TOKENS[place]} (word {place + 1}): {value:.4f}"
            )


def test_columns_stand_below_each_other_and_rows_do_not_overlap():
    found = cells(draw())
    for place in range(4):
        assert len({node.get("x") for node in found if node.get("data-place") == str(place)}) == 1
    tops = sorted({float(node.get("y")) for node in found})
    assert len(tops) == 3
    assert all(b - a >= float(found[0].get("height")) for a, b in zip(tops, tops[1:], strict=False))


def test_a_row_of_large_numbers_leaves_the_others_as_they_are():
    small, large = Strip("state", [0.5], signed=True), Strip("memory", [-8.0], signed=True)
    assert [cell.get("fill") for cell in cells(draw([small, large], tokens=["a"]))] == [
        diverging_shade(0.5),
        diverging_shade(-1),
    ]


def test_small_signed_numbers_are_not_blown_up():
    (cell,) = cells(draw([Strip("state", [0.1], signed=True)], tokens=["a"]))
    assert cell.get("fill") == diverging_shade(0.1)


def test_numbers_stand_in_cells_that_have_room():
    def written(tokens):
        rows = [Strip("gate", np.full(len(tokens), 0.5))]
        return sum(node.text == "0.50" for node in draw(rows, tokens=tokens).iter(f"{NS}text"))

    assert written(["a"] * 5) == 5
    assert written(["a"] * 60) == 0


def test_the_chosen_column_is_framed():
    picture = draw(chosen=2)
    (frame,) = [node for node in picture.iter(f"{NS}rect") if "data-chosen" in node.attrib]
    column = [node for node in cells(picture) if node.get("data-place") == "2"]
    assert frame.get("x") == column[0].get("x")
    assert float(frame.get("y")) <= float(column[0].get("y"))
    bottom = float(column[-1].get("y")) + float(column[-1].get("height"))
    assert float(frame.get("y")) + float(frame.get("height")) >= bottom
    assert not [node for node in draw().iter(f"{NS}rect") if "data-chosen" in node.attrib]


def test_all_stays_on_the_page():
    tokens = ["extraordinarily"] * 60
    picture = draw([Strip("gate", np.full(60, 0.5))], tokens=tokens)
    width, height = (float(picture.get(key)) for key in ("width", "height"))
    for node in cells(picture):
        assert float(node.get("x")) + float(node.get("width")) <= width
        assert float(node.get("y")) + float(node.get("height")) <= height


@pytest.mark.parametrize(
    ("strips", "tokens", "settings", "says"),
    [
        ([], TOKENS, {}, "at least one row"),
        ([Strip("x", [])], [], {}, "at least one row and one token"),
        ([Strip("x", [1.0])], TOKENS, {}, "needs 4 numbers"),
        ([Strip("x", [0, 0, np.nan, 0])], TOKENS, {}, "NaN"),
        ([Strip("x", [0, 0, 1.5, 0])], TOKENS, {}, "beyond 0 to 1"),
        ([Strip("x", [0, 0, -0.1, 0])], TOKENS, {}, "beyond 0 to 1"),
        (ROWS, TOKENS, {"chosen": 4}, "from 0 to 3"),
        (ROWS, TOKENS, {"chosen": -1}, "from 0 to 3"),
    ],
)
def test_what_does_not_fit_is_refused(strips, tokens, settings, says):
    with pytest.raises(ValueError, match=says):
        draw(strips, tokens=tokens, **settings)
