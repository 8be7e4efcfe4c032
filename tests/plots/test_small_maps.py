"""Small maps in rows: the same points on each, every map to its own scale."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils.plots.small_maps import small_maps_svg
from course_utils.plots.svg import svg_to_png

NS = "{http://www.w3.org/2000/svg}"
LABELS = ["one", "two", "<b>three</b>", "four"]
GROUPS = [0, 0, 1, -1]


@pytest.fixture(scope="module")
def maps():
    return list(np.random.default_rng(0).normal(size=(7, 4, 2)))


def draw(maps, **rest):
    settings = {"names": [f"layer {i}" for i in range(len(maps))], "labels": LABELS, "groups": GROUPS, **rest}
    return ET.fromstring(small_maps_svg(maps, title="the finding", label="all that is seen", **settings))


def panels(root):
    return [node for node in root.iter(f"{NS}g") if "data-map" in node.attrib]


def box(panel):
    """Left, top, width and height."""
    paper = panel.find(f"{NS}rect")
    corner = re.fullmatch(r"translate\((\S+) (\S+)\)", panel.get("transform")).groups()
    return tuple(float(n) for n in (*corner, paper.get("width"), paper.get("height")))


def marks(panel):
    found = {}
    for path in panel.iter(f"{NS}path"):
        title = path.find(f"{NS}title")
        if title is not None:
            found[title.text] = tuple(float(n) for n in re.findall(r"-?\d+\.?\d*", path.get("d"))[:2])
    return found


def test_every_map_shows_every_point_where_it_lies(maps):
    found = panels(draw(maps))
    assert [node.get("data-map") for node in found] == [str(i) for i in range(7)]
    for panel, points in zip(found, maps, strict=True):
        places = marks(panel)
        assert set(places) == set(LABELS)
        pixels = np.array([places[label] for label in LABELS])
        moves, ways = pixels - pixels[0], points - points[0]
        factor = np.abs(moves).max() / np.abs(ways).max()
        np.testing.assert_allclose(moves, ways * factor * [1, -1], atol=0.3)


@pytest.mark.parametrize(
    ("number", "columns", "rows"), [(1, 4, 1), (4, 4, 1), (7, 4, 2), (7, 7, 1), (3, 1, 3)]
)
def test_maps_stand_in_rows(maps, number, columns, rows):
    root = draw(maps[:number], columns=columns)
    boxes = [box(panel) for panel in panels(root)]
    places = [one[:2] for one in boxes]
    assert len(set(places)) == number
    assert len({y for _, y in places}) == rows
    assert places == sorted(places, key=lambda place: (place[1], place[0]))
    width, height = (float(part) for part in root.get("viewBox").split()[2:])
    for x, y, panel_width, panel_height in boxes:
        assert x >= 0
        assert x + panel_width <= width
        assert y + panel_height <= height


def test_colours_and_shapes_say_the_group_alike_on_all_maps(maps):
    root = draw(maps, group_names=["money", "river"])
    looks = set()
    for panel in panels(root):
        by_look = {}
        for group in panel.findall(f"{NS}g"):
            for path in group.iter(f"{NS}path"):
                by_look.setdefault(group.get("fill"), set()).add(path.find(f"{NS}title").text)
        looks.add(tuple(sorted((fill, tuple(sorted(names))) for fill, names in by_look.items())))
    (look,) = looks
    assert sorted(names for _, names in look) == [("<b>three</b>",), ("four",), ("one", "two")]
    written = [node.text for node in root.iter(f"{NS}text")]
    assert written.count("money") == written.count("river") == 1
    assert {"the finding", *(f"layer {i}" for i in range(7))} <= set(written)


def test_points_that_differ_by_rounding_alone_are_one_point(maps):
    rounding = 3 + 1e-9 * maps[0]
    root = draw([rounding, maps[1]])
    first, second = panels(root)
    assert len(set(marks(first).values())) == 1
    assert len(set(marks(second).values())) == 4
    assert [node.text for node in root.iter(f"{NS}text")].count("all 4 in one place") == 1


def test_corners_are_written_in_their_maps(maps):
    root = draw(maps[:2], corners=["parted 0.50", "parted 0.97"])
    written = [[node.text for node in panel.iter(f"{NS}text")] for panel in panels(root)]
    assert "parted 0.50" in written[0]
    assert "parted 0.97" in written[1]


def test_parts_bring_no_styles_of_a_page_along(maps):
    svg = small_maps_svg(maps[:2], names="ab", labels=LABELS, title="t", label="l")
    assert svg.count("style=") == svg.count("aria-label=") == svg.count("<svg") == svg.count("</svg>") == 1
    assert svg_to_png(svg)[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("number", "rest", "says"),
    [
        (0, {}, "at least one map"),
        (2, {"names": ["a"]}, "as many names"),
        (2, {"corners": ["a"]}, "as many names"),
        (2, {"columns": 0}, "at least 1"),
        (2, {"labels": ["a"]}, "as many labels"),
        (2, {"groups": [9] * 4}, "groups must be"),
    ],
)
def test_what_does_not_fit_is_refused(maps, number, rest, says):
    with pytest.raises(ValueError, match=says):
        draw(maps[:number], **rest)
