"""The attention map: every number and mark against the array, at all sizes, and nothing cut off."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.plots.attention import JOINED, MINIMUM_CELL, attention_svg
from course_utils.plots.attention_marks import GOLD
from course_utils.plots.placement import text_width
from course_utils.plots.svg import shade, svg_to_png

NS = "{http://www.w3.org/2000/svg}"


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def words(count, *, letter="w"):
    return [f"{letter}{i:02}" for i in range(count)]


def draw(weights, **rest):
    rows, columns = np.shape(weights)
    named = {"row_labels": words(rows, letter="q"), "col_labels": words(columns, letter="k")}
    return ET.fromstring(attention_svg(weights, **{**named, "title": "t", "label": "l", **rest}))


def cells(root):
    return [node for node in root.iter(f"{NS}rect") if "data-row" in node.attrib]


def spread(root, *, shape):
    """What the elements say of each cell, joined ones too; every cell exactly once."""
    found = np.full(shape, np.nan)
    for node in cells(root):
        i, first = int(node.get("data-row")), int(node.get("data-column"))
        last = int(node.get("data-last", first))
        assert np.isnan(found[i, first : last + 1]).all()
        found[i, first : last + 1] = float(node.get("data-value"))
    assert not np.isnan(found).any()
    return found


def corners(node):
    """left, top, right, bottom of a rectangle."""
    x, y, width, height = (float(node.get(name)) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def frames(root):
    """Middles of the framed cells."""
    paths = [node for node in root.iter(f"{NS}path") if node.get("stroke") == GOLD]
    found = []
    for path in paths:
        for x, y, broad, high in re.findall(r"M(\S+) (\S+?)h(\S+?)v(\S+?)h-\S+?z", path.get("d")):
            found.append((float(x) + float(broad) / 2, float(y) + float(high) / 2))
    return found


def cell_at(root, x, y):
    for node in cells(root):
        left, top, right, bottom = corners(node)
        if left < x < right and top < y < bottom:
            return int(node.get("data-row")), int(node.get("data-column"))
    return None  # the legend


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 7), (12, 13), (3, 40)])
def test_small_maps_show_every_number(shape):
    weights = softmax(np.random.default_rng(0).normal(size=shape) * 2)
    root = draw(weights)
    nodes = cells(root)
    assert len(nodes) == weights.size
    for node in nodes:
        i, j = int(node.get("data-row")), int(node.get("data-column"))
        assert float(node.get("data-value")) == pytest.approx(weights[i, j], rel=1e-5)
        assert node.get("fill") == shade(weights[i, j])
        assert node.find(f"{NS}title").text == f"q{i:02} → k{j:02}: {weights[i, j]:.4f}"


def test_rows_go_down_and_columns_to_the_right():
    root = draw(softmax(np.random.default_rng(0).normal(size=(3, 4))))
    places = {(int(n.get("data-row")), int(n.get("data-column"))): corners(n) for n in cells(root)}
    for (i, j), (left, top, right, bottom) in places.items():
        if j < 3:
            assert places[i, j + 1][0] == right
            assert places[i, j + 1][1] == top
        if i < 2:
            assert places[i + 1, j][1] == bottom
            assert places[i + 1, j][0] == left


def test_the_scale_is_the_same_in_every_map():
    faint = draw(np.full((2, 2), 0.25))
    strong = draw(np.array([[0.25, 0.75], [1.0, 0.0]]))
    assert cells(faint)[0].get("fill") == cells(strong)[0].get("fill") == shade(0.25)
    assert cells(strong)[2].get("fill") == "#08306b"
    assert cells(strong)[3].get("fill") == "#ffffff"


@pytest.mark.parametrize(("shape", "sharp"), [((13, 13), 1), ((30, 30), 0), ((30, 30), 9), ((45, 36), 5)])
def test_large_maps_show_two_decimals_where_cells_are_joined(shape, sharp):
    scores = np.random.default_rng(1).normal(size=shape)
    scores[np.arange(shape[0]), np.arange(shape[0]) % shape[1]] += sharp
    weights = softmax(scores)
    assert weights.size > JOINED
    root = draw(weights, gold=[(0, 0)], links=[(3, 1)])
    np.testing.assert_allclose(spread(root, shape=shape), weights, atol=0.005)
    for node in cells(root):
        i, j = int(node.get("data-row")), int(node.get("data-column"))
        if "data-last" in node.attrib:
            last = int(node.get("data-last"))
            assert last > j
            assert {f"{value:.2f}" for value in weights[i, j : last + 1]} == {f"{weights[i, j]:.2f}"}
            assert node.find(f"{NS}title").text == f"q{i:02} → k{j:02} … k{last:02}: {weights[i, j]:.2f} each"
        else:
            assert float(node.get("data-value")) == pytest.approx(weights[i, j], rel=1e-5)


def test_trained_attention_of_thirty_words_is_small():
    rng = np.random.default_rng(2)
    scores = 1.5 * rng.normal(size=(30, 30)) + 10 * np.eye(30)
    names = {side: ["chauve-souris"] * 30 for side in ("row_labels", "col_labels")}
    links = [(i, i) for i in range(30)]
    svg = attention_svg(softmax(scores), title="t", label="l", gold=links, links=links, **names)
    assert len(svg.encode()) < 40_000
    even = attention_svg(np.full((30, 30), 1 / 30), title="t", label="l", **names)
    assert len(even.encode()) < 20_000


def test_marks_stand_on_their_cells():
    weights = softmax(np.random.default_rng(3).normal(size=(4, 6)))
    gold, links = {(0, 0), (5, 1), (2, 3)}, {(0, 0), (4, 2)}  # (source, target)
    root = draw(weights, gold=gold, links=links)
    for node in cells(root):
        link = int(node.get("data-column")), int(node.get("data-row"))
        assert (node.get("data-gold") == "1") == (link in gold)
        assert (node.get("data-link") == "1") == (link in links)
    framed = {cell_at(root, x, y) for x, y in frames(root)} - {None}
    assert framed == {(t, s) for s, t in gold}
    ringed = {
        cell_at(root, float(node.get("cx")), float(node.get("cy"))) for node in root.iter(f"{NS}circle")
    } - {None}
    assert ringed == {(t, s) for s, t in links}


@pytest.mark.parametrize("size", [3, 15, 25, 40])
def test_marks_stand_on_their_cells_at_all_sizes(size):
    links = [(size - 1, 0), (0, size - 1), (1, 1)]
    root = draw(np.eye(size), gold=links, links=links)
    wanted = {(t, s) for s, t in links}
    assert {cell_at(root, x, y) for x, y in frames(root)} - {None} == wanted
    rings = [(float(node.get("cx")), float(node.get("cy"))) for node in root.iter(f"{NS}circle")]
    assert {cell_at(root, x, y) for x, y in rings} - {None} == wanted


def test_only_marks_that_are_there_are_explained():
    def explained(**rest):
        return [node.text for node in draw(np.eye(2), **rest).iter(f"{NS}text")]

    assert not {"gold link", "predicted link", "masked"} & set(explained())
    assert "gold link" in explained(gold=[])
    assert "predicted link" in explained(links=[])
    assert "weight 0.30 or more" in explained(links=[], link_name="weight 0.30 or more")
    assert "masked" in explained(allowed=[[True, False], [True, True]])
    assert "masked" not in explained(allowed=np.ones((2, 2), dtype=bool))


@pytest.mark.parametrize("size", [4, 30])
def test_masked_cells_are_hatched_and_say_so(size):
    allowed = np.tril(np.ones((size, size), dtype=bool))
    weights = np.where(allowed, 1.0, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    root = draw(weights, allowed=allowed)
    np.testing.assert_allclose(spread(root, shape=allowed.shape), weights, atol=0.005)
    for node in cells(root):
        i, j = int(node.get("data-row")), int(node.get("data-column"))
        last = int(node.get("data-last", j))
        assert (node.get("data-masked") == "1") == (not allowed[i, j])
        assert len({bool(allowed[i, k]) for k in range(j, last + 1)}) == 1
        assert ("masked" in node.find(f"{NS}title").text) == (not allowed[i, j])
    steps = [
        tuple(map(float, step))
        for path in root.iter(f"{NS}path")
        for step in re.findall(r"M(\S+?) (\S+?)l(\S+?) (-?[\d.]+)", path.get("d"))
    ]
    middles = {cell_at(root, x + broad / 2, y + high / 2) for x, y, broad, high in steps} - {None}
    masked = {
        (int(n.get("data-row")), int(n.get("data-column"))) for n in cells(root) if n.get("data-masked")
    }
    assert middles == masked
    assert not any(node.get("fill") == "#000000" for node in cells(root))


def test_a_masked_cell_that_holds_weight_shows_it():
    root = draw(np.array([[0.4, 0.6]]), allowed=[[True, False]])
    shut = cells(root)[1]
    assert (shut.get("data-masked"), shut.get("data-value"), shut.get("fill")) == ("1", "0.6", shade(0.6))
    assert shut.find(f"{NS}title").text == "q00 → k01: masked, 0.6000"
    assert [node.text for node in root.iter(f"{NS}text")].count("0.60") == 0  # no number on the hatching


@pytest.mark.parametrize(
    ("columns", "form"), [(5, "{:.2f}"), (15, "{:.2f}"), (22, "short"), (30, None), (40, None)]
)
def test_numbers_where_there_is_room(columns, form):
    weights = softmax(np.random.default_rng(4).normal(size=(3, columns)) * 3)
    weights[0], weights[0, 0] = 0, 1
    root = draw(weights)
    written = {}
    for node in root.iter(f"{NS}text"):
        place = cell_at(root, float(node.get("x", 0)), float(node.get("y", 0)))
        if place is not None and "transform" not in node.attrib:
            written[place] = node.text
    wanted = {(i, j): weights[i, j] for i, j in np.argwhere(weights >= 0.005)} if form else {}
    if form == "short":
        shown = {place: f"{value:.2f}".lstrip("0") for place, value in wanted.items()}
        shown[0, 0] = "1"
    else:
        shown = {place: form.format(value) for place, value in wanted.items()}
    assert written == shown
    broad = corners(cells(root)[0])[2] - corners(cells(root)[0])[0]
    assert all(text_width(text, size=11) <= broad for text in written.values())


@given(
    rows=st.integers(1, 45),
    names=st.lists(
        st.sampled_from(["a", "été", "chauves-souris", "<end>", "##ing"]), min_size=1, max_size=45
    ),
)
@settings(max_examples=40, deadline=None)
def test_no_name_is_cut_off_or_small(rows, names):
    root = draw(
        np.full((rows, len(names)), 1 / len(names)),
        row_labels=["chauves-souris"] * rows,
        col_labels=names,
        row_name="target",
        col_name="source",
    )
    width, height = (float(number) for number in root.get("viewBox").split()[2:])
    assert width >= 640
    texts = list(root.iter(f"{NS}text"))
    turned = [node for node in texts if "transform" in node.attrib]
    assert [node.text for node in turned] == names
    left, top = corners(cells(root)[0])[:2]
    for node in turned:
        angle = np.radians(-float(re.search(r"rotate\((\S+)", node.get("transform"))[1]))
        breadth, x, y = text_width(node.text, size=12), float(node.get("x")), float(node.get("y"))
        assert x + breadth * np.cos(angle) + 8 * np.sin(angle) <= width
        assert y - breadth * np.sin(angle) - 8 * np.cos(angle) >= 24  # below the title
        assert y <= top
    for node in texts:
        if node.get("text-anchor") == "end":
            assert float(node.get("x")) - text_width(node.text, size=12) >= 0
            assert float(node.get("x")) < left
    sizes = [float(node.get("font-size")) for node in root.iter() if "font-size" in node.attrib]
    assert min(sizes) >= 11
    for node in cells(root):
        right, bottom = corners(node)[2:]
        assert right <= width
        assert bottom <= height
    x, y, right, bottom = corners(cells(root)[-1])
    assert bottom - y >= MINIMUM_CELL


def test_very_long_names_end_in_an_ellipsis_and_are_whole_under_the_pointer():
    long = "antidisestablishmentarianism" * 3
    root = draw(np.eye(2), row_labels=[long, "b"], col_labels=["c", long])
    assert sum(node.text.endswith("…") for node in root.iter(f"{NS}text")) == 2
    assert cells(root)[1].find(f"{NS}title").text == f"{long} → {long}: 0.0000"


def test_sides_and_note_and_data_are_written():
    svg = attention_svg(
        np.eye(2), row_labels=["a", "b"], col_labels=["c", "d"], title="finding", label="spoken",
        row_name="target", col_name="source", note="precision 0.5", data={"head": "<1>"},
    )  # fmt: skip
    root = ET.fromstring(svg)
    written = {node.text for node in root.iter(f"{NS}text")}
    assert {"finding", "target ↓", "source →", "precision 0.5", "a", "d"} <= written
    assert (root.get("aria-label"), root.get("data-head")) == ("spoken", "<1>")


def test_markup_in_names_is_text():
    nasty = "<img src=x onerror=alert(1)>"
    svg = attention_svg(
        np.eye(2), row_labels=[nasty, "&"], col_labels=['"', "'"], title=nasty, label=nasty, note=nasty,
        row_name=nasty, col_name=nasty, gold=[(0, 0)], links=[(1, 1)], link_name=nasty,
    )  # fmt: skip
    assert "<img" not in svg
    tags = {node.tag.removeprefix(NS) for node in ET.fromstring(svg).iter()}
    assert tags == {"svg", "g", "rect", "text", "title", "path", "circle"}
    assert svg_to_png(svg, scale=0.5).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("weights", "rest", "says"),
    [
        (np.eye(2), {"row_labels": ["a"]}, "as many labels"),
        (np.zeros((0, 2)), {}, "at least one"),
        ([[np.nan, 1.0]], {}, "between 0 and 1"),
        ([[-0.1, 1.0]], {}, "between 0 and 1"),
        ([[3.0, 1.0]], {}, "softmax"),
        (np.ones((1, 2)), {"gold": [(0, 1)]}, "swapped"),
        (np.ones((1, 2)), {"links": [(2, 0)]}, r"link \(2, 0\)"),
        (np.ones((1, 2)), {"gold": [(-1, 0)]}, "outside"),
        (np.ones((1, 2)), {"allowed": [[True], [True]]}, r"shape \(2, 1\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(weights, rest, says):
    with pytest.raises(ValueError, match=says):
        draw(weights, **rest)
