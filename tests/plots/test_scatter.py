"""Maps: every point in its place with its words, no label on another, and clear errors."""

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from course_utils.plots.scatter import SHAPES, as_points, scatter_svg
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import shade, svg_to_png

NS = "{http://www.w3.org/2000/svg}"
GREY = "#8c959f"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONT = {
    weight: ImageFont.truetype(str(FONTS / name), 110)
    for weight, name in {"normal": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf"}.items()
}
AWKWARD = [
    "<img src=x onerror=alert(1)>",
    "\"quoted\" & 'single'",
    "שלום",
    "👩‍🔬",
    "a\x00b\x1f",
    "\u202eevil",
]


def draw(points, **options):
    names = [f"p{i}" for i in range(len(points))]
    return ET.fromstring(scatter_svg(points, **{"labels": names, "title": "t", "label": "l", **options}))


def marks(root):
    """Hover text of each drawn point → its place, fill, shape and path."""
    found = {}
    for group in root.iter():
        for path in group.findall(f"{NS}path"):
            title = path.find(f"{NS}title")
            if title is not None:
                start = path.get("transform") or path.get("d")
                x, y = map(float, re.findall(r"-?[\d.]+", start)[:2])
                shape = re.sub(r"^M-?[\d.]+ -?[\d.]+", "", path.get("d"))
                found[title.text] = ((x, y), path.get("fill") or group.get("fill"), shape, path)
    return found


def places(root, n):
    found = marks(root)
    return np.array([found[f"p{i}"][0] for i in range(n)])


def label_texts(root):
    """Labels beside points: the only texts with a white edge."""
    return [text for text in root.iter(f"{NS}text") if text.get("paint-order")]


def box(text):
    """Left, top, right and bottom of a text in pixels, measured with the font itself."""
    width = FONT[text.get("font-weight", "normal")].getlength(text.text) / 10
    x, y = float(text.get("x")) - width * (text.get("text-anchor") == "end"), float(text.get("y"))
    return x, y - 9, x + width, y + 2.5


def overlapping(root):
    texts = label_texts(root)
    return [
        (one.text, other.text)
        for one, other in itertools.combinations(texts, 2)
        if _meet(box(one), box(other))
    ]


def _meet(one, other):
    return all(min(one[i + 2], other[i + 2]) > max(one[i], other[i]) for i in (0, 1))


@pytest.fixture(scope="module")
def cloud():
    return np.random.default_rng(3).normal(size=(40, 2)) * [3, 1]


# -- places ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stretch", [(1, 1), (50, 1), (0.01, 3)])
def test_one_scale_in_both_directions_and_up_is_up(cloud, stretch):
    points = cloud * stretch
    drawn = places(draw(points), len(points))
    down, up = drawn - drawn[0], points - points[0]
    factor = np.abs(down).max() / np.abs(up).max()
    np.testing.assert_allclose(down, factor * up * [1, -1], atol=0.11)


def test_every_point_is_drawn_once_inside_the_picture(cloud):
    options = {"group_names": ("a",), "x_label": "x", "y_label": "y", "corner": "c", "highlight": [3, 3, 5]}
    root = draw(cloud, **options, width=500, height=300)
    titles = [title.text for title in root.iter(f"{NS}title")]
    assert sorted(titles) == sorted(f"p{i}" for i in range(40))
    x, y = places(root, 40).T
    assert x.min() > 40
    assert x.max() < 500 - 128
    assert y.min() > 30
    assert y.max() < 300 - 40
    assert root.get("viewBox") == "0 0 500 300"


@pytest.mark.parametrize("points", [[[2.0, -7.0]], [[1, 1], [1, 1]], [[0, 0], [5, 0]], [[1e-300, 0], [0, 0]]])
def test_few_coinciding_or_flat_points_stay_in_the_picture(points):
    drawn = places(draw(points), len(points))
    assert np.isfinite(drawn).all()
    assert (drawn > 0).all()
    assert (drawn < [640, 480]).all()


def test_limits_keep_the_ground_still(cloud):
    limits = np.stack([cloud.min(axis=0) - 1, cloud.max(axis=0) + 1], axis=1)
    whole, half = draw(cloud, limits=limits), draw(cloud[:10], limits=limits)
    np.testing.assert_allclose(places(half, 10), places(whole, 40)[:10])
    assert not np.allclose(places(draw(cloud[:10]), 10), places(half, 10))


# -- colours, shapes, legend -----------------------------------------------------------------------


def test_groups_have_a_colour_and_a_shape_each_and_the_legend_says_so():
    numbers = [*range(8), -1]
    names = [f"group {g}" for g in range(8)]
    root = draw([[i, i % 3] for i in range(9)], groups=numbers, group_names=names)
    found = marks(root)
    for i, group in enumerate(numbers):
        _, fill, shape, _ = found[f"p{i}"]
        assert (fill, shape) == ((OKABE_ITO[group], SHAPES[group]) if group >= 0 else (GREY, SHAPES[0]))
    legend = [path for path in root.findall(f"{NS}path") if path.find(f"{NS}title") is None]
    assert [path.get("fill") for path in legend] == list(OKABE_ITO)
    assert [path.get("d").endswith(shape) for path, shape in zip(legend, SHAPES, strict=True)] == [True] * 8
    texts = {text.text: float(text.get("y")) for text in root.iter(f"{NS}text")}
    heights = [float(path.get("d")[1:].split("m")[0].split()[1]) for path in legend]
    np.testing.assert_allclose([texts[name] for name in names], np.array(heights) + 4, atol=0.1)
    assert len(set(OKABE_ITO)) == len(set(SHAPES)) == 8


def test_values_are_shades_and_are_said():
    root = draw([[0, 0], [1, 0], [2, 1]], values=[0, 0.5, 1], value_name="errors")
    found = marks(root)
    assert sorted(found) == ["p0: errors 0.00", "p1: errors 0.50", "p2: errors 1.00"]
    fills = [found[text][1] for text in sorted(found)]
    assert fills[2] == shade(1)
    darkness = [sum(int(fill[i : i + 2], 16) for i in (1, 3, 5)) for fill in fills]
    assert darkness == sorted(darkness, reverse=True)
    assert fills[0] != "#ffffff"  # a white point on white paper is lost


def test_highlighted_points_are_large_on_top_and_named(cloud):
    root = draw(cloud, highlight=[7, 2], named=[])
    paths = [path for path in root.findall(f"{NS}path") if "data-label" in path.attrib]
    assert [path.get("data-label") for path in paths] == ["p2", "p7"]  # the most important last, on top
    order = list(root)
    assert order.index(paths[0]) > max(order.index(group) for group in root.findall(f"{NS}g"))
    assert all("scale(1.5)" in path.get("transform") for path in paths)
    assert {(text.text, text.get("font-weight")) for text in label_texts(root)} == {
        ("p2", "bold"), ("p7", "bold"),
    }  # fmt: skip
    faded, plain = root.find(f"{NS}g").get("fill-opacity"), draw(cloud).find(f"{NS}g").get("fill-opacity")
    assert float(faded) < float(plain)


def test_named_decides_who_gets_a_label_and_who_comes_first(cloud):
    assert [text.text for text in label_texts(draw(cloud, named=[4, 11]))] == ["p4", "p11"]
    assert label_texts(draw(cloud, named=[])) == []
    same = [[0, 0], [0, 0], [9, 9]]
    assert "first" in {t.text for t in label_texts(draw(same, labels=["second", "first", "x"], named=[1, 0]))}


# -- labels ----------------------------------------------------------------------------------------

WORDS = [
    "cat",
    "communication",
    "mummy",
    "OCEAN DOG",
    "WWWWMMMM",
    "mmmmmm",
    "lilt",
    "2.4",
    "swimming",
    "tiny",
]


@pytest.mark.parametrize("highlighted", [0, 5, 60])
@pytest.mark.parametrize("seed", range(4))
def test_labels_never_overlap(seed, highlighted):
    points = np.random.default_rng(seed).normal(size=(200, 2))
    words = [WORDS[(i + seed) % len(WORDS)] for i in range(200)]
    root = draw(points, labels=words, highlight=range(highlighted), corner="trustworthiness 0.91")
    assert len(label_texts(root)) > 20
    assert overlapping(root) == []


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=2, max_size=30),
    st.integers(0, 30),
    st.sampled_from(WORDS),
)
def test_labels_of_crowded_points_never_overlap(points, highlighted, word):
    spread = [[0, 0], [40, 30], *points]  # many points on the same spot
    few = range(min(highlighted, len(spread)))
    assert overlapping(draw(spread, labels=[word] * len(spread), highlight=few)) == []


def test_labels_stay_inside_and_off_the_points():
    points = np.random.default_rng(8).normal(size=(150, 2)) * [2, 1]
    root = draw(points, labels=["harbour"] * 150, corner="corner")
    drawn = np.array([place for place, _ in all_marks(root)])
    assert len(label_texts(root)) > 20
    for text in label_texts(root):
        left, top, right, bottom = box(text)
        assert left >= 0
        assert right <= 640
        assert top >= 20
        assert bottom <= 480
        covered = (drawn > [left, top]).all(axis=1) & (drawn < [right, bottom]).all(axis=1)
        assert not covered.any()


def all_marks(root):
    for path in root.iter(f"{NS}path"):
        if path.find(f"{NS}title") is not None:
            yield tuple(map(float, re.findall(r"-?[\d.]+", path.get("transform") or path.get("d"))[:2])), path


def test_long_labels_are_cut_beside_the_point_and_whole_under_the_pointer():
    longer, endless = "antidisestablishmentarianism", "x" * 10_000
    root = draw([[0, 0], [1, 1], [2, 0]], labels=[longer, endless, "b"])
    assert {longer, endless, "b"} == set(marks(root))
    assert {text.text for text in label_texts(root)} == {"antidisestablishmenta…", f"{'x' * 21}…", "b"}


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_text_stays_text(text):
    svg = scatter_svg(
        [[0, 0], [1, 1]], labels=[text, "b"], title=text, label=text, groups=[0, 1], group_names=[text, "x"],
        highlight=[0], corner=text, x_label=text, y_label=text, data={"word": text}, lines=[(0, 1)],
        trails=[[[0, 0], [1, 1]]], region=(0, 1, 0, 1),
    )  # fmt: skip
    tags = {node.tag.removeprefix(NS) for node in ET.fromstring(svg).iter()}
    assert tags <= {"svg", "rect", "text", "title", "line", "path", "polyline", "g"}
    assert svg_to_png(svg)[:4] == b"\x89PNG"


# -- lines, trails, region, axes, corner -----------------------------------------------------------


def test_lines_and_trails_end_at_their_points(cloud):
    trail = np.array([[0.0, 0.0], [0.5, 0.2], cloud[4]])
    root = draw(cloud, highlight=[4], trails=[trail], lines=[(4, 9), (9, 4)])
    drawn = places(root, 40)
    ends = [[float(line.get(key)) for key in ("x1", "y1", "x2", "y2")] for line in root.iter(f"{NS}line")]
    np.testing.assert_allclose(ends, [[*drawn[4], *drawn[9]], [*drawn[9], *drawn[4]]], atol=0.11)
    (way,) = root.iter(f"{NS}polyline")
    steps = np.array([pair.split(",") for pair in way.get("points").split()], dtype=float)
    np.testing.assert_allclose(steps[-1], drawn[4], atol=0.11)
    np.testing.assert_allclose(np.diff(steps, axis=0)[0, 1] / np.diff(steps, axis=0)[0, 0], -0.4, atol=0.02)


@pytest.mark.parametrize("region", [(0, 0.5, 0, 0.5), (0.25, 0.8, 0.6, 1), (0, 0, 0, 1)])
def test_region_encloses_its_share_of_the_map(cloud, region):
    root = draw(cloud, region=region)
    (outline,) = (rect for rect in root.iter(f"{NS}rect") if rect.get("class") == "region")
    x, y, width, height = (float(outline.get(key)) for key in ("x", "y", "width", "height"))
    shares = (cloud - cloud.min(axis=0)) / np.ptp(cloud, axis=0)
    left, right, low, high = region
    inside = (shares >= [left, low]).all(axis=1) & (shares <= [right, high]).all(axis=1)
    drawn = places(root, 40)
    slack = 0.11  # rounded to tenths
    enclosed = (drawn >= [x - slack, y - slack]).all(axis=1)
    enclosed &= (drawn <= [x + width + slack, y + height + slack]).all(axis=1)
    np.testing.assert_array_equal(enclosed, inside)
    assert outline.get("fill") == "none"


def test_axes_only_where_they_mean_something(cloud):
    plain = draw(cloud)
    assert list(plain.iter(f"{NS}line")) == []
    named = draw(cloud, x_label="12% of the variance", y_label="5% of the variance")
    assert len(list(named.iter(f"{NS}line"))) == 2
    texts = {text.text: text for text in named.iter(f"{NS}text")}
    assert "rotate(-90" in texts["5% of the variance"].get("transform")


def test_corner_and_axis_name_do_not_cover_each_other(cloud):
    corner = "trustworthiness 0.91, continuity 0.93"
    root = draw(cloud, x_label="12.3% of the variance", y_label="y", corner=corner, group_names=["animals"])
    texts = {text.text: text for text in root.iter(f"{NS}text")}
    axis, remark = texts["12.3% of the variance"], texts[corner]
    assert float(remark.get("y")) - 9 > float(axis.get("y")) + 2.5
    assert float(remark.get("y")) < 480


def test_data_and_words_are_on_the_picture(cloud):
    root = draw(cloud, label="spoken", data={"step": 7}, title="the finding")
    assert (root.get("aria-label"), root.get("data-step"), root.get("role")) == ("spoken", "7", "img")
    assert "the finding" in {text.text for text in root.iter(f"{NS}text")}


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "says"),
    [
        (np.zeros((0, 2)), "at least one point"),
        (np.zeros((3, 3)), r"shape \(N, 2\)"),
        (np.zeros(4), r"shape \(N, 2\)"),
        ([[0, 0], [np.nan, 1]], "Point 1 .* not a finite"),
        ([[0, -np.inf]], "Point 0 .* not a finite"),
    ],
)
def test_points_that_cannot_be_drawn(points, says):
    with pytest.raises(ValueError, match=says):
        as_points(points)
    with pytest.raises(ValueError, match=says):
        draw(points)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"labels": ["a"]}, "as many labels, not 1"),
        ({"groups": [0, 1]}, "3 whole numbers"),
        ({"groups": [0, 1, 8]}, "from -1 to 7"),
        ({"groups": [0, 1, -2]}, "from -1 to 7"),
        ({"groups": [0, 1, 0.5]}, "whole numbers"),
        ({"groups": [0, 1, np.nan]}, "whole numbers"),
        ({"groups": ["a", "b", "c"]}, "whole numbers"),
        ({"group_names": list("abcdefghi")}, "at most 8 groups"),
        ({"values": [0, 1]}, "3 finite numbers"),
        ({"values": [0, 1, np.nan]}, "3 finite numbers"),
        ({"highlight": [3]}, "highlight holds 3"),
        ({"highlight": [-1]}, "highlight holds -1"),
        ({"named": [3]}, "named holds 3"),
        ({"lines": [(0, 5)]}, "lines holds 5"),
        ({"trails": [[[0, np.nan]]]}, "Point 0 .* not a finite"),
        ({"trails": [[1, 2, 3]]}, "shape"),
    ],
)
def test_what_does_not_fit_the_points_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        draw([[0, 0], [1, 0], [0, 1]], **options)


def test_ticks_stand_where_their_number_lies():
    """On both axes, in line with a point of that coordinate; numbers off the map are left out."""
    root = ET.fromstring(
        scatter_svg(
            [[0.0, 0.0], [0.5, 0.25], [1.0, 1.0]], labels=["a", "b", "c"], title="t", label="l",
            x_label="this", y_label="that", ticks=(0, 0.25, 0.5, 1, 9), named=[],
        )
    )  # fmt: skip
    marks = {}
    for path in root.iter(f"{NS}path"):
        title = path.find(f"{NS}title")
        if title is not None:
            marks[title.text] = [float(n) for n in re.findall(r"-?\d+\.?\d*", path.get("d"))[:2]]
    written = [
        (n.text, float(n.get("x")), float(n.get("y")), n.get("text-anchor")) for n in root.iter(f"{NS}text")
    ]
    across = {text: x for text, x, _, anchor in written if anchor == "middle"}
    down = {text: y - 4 for text, _, y, anchor in written if anchor == "end"}
    assert set(down) == {"0", "0.25", "0.5", "1"}
    assert (across["0"], across["0.5"], across["1"]) == pytest.approx([marks[p][0] for p in "abc"], abs=0.11)
    assert (down["0"], down["0.25"], down["1"]) == pytest.approx([marks[p][1] for p in "abc"], abs=0.11)
    assert "9" not in across
