"""A search tree: every node, line and mark at its place."""

import xml.etree.ElementTree as ET
from types import SimpleNamespace

import pytest

from course_utils.plots.search_tree import MOST_STEPS, path_to, rank_in_step, search_tree_svg
from course_utils.plots.svg import svg_to_png

NS = "{http://www.w3.org/2000/svg}"


def node(parent, length, *, gain=-0.5, total=-1.0, score=-0.25, fate="kept"):
    return SimpleNamespace(
        parent=parent, length=length, log_probability=gain, total=total, score=score, fate=fate
    )


TREE = [
    node(None, 1, gain=-0.25, total=-0.25),
    node(None, 1, gain=-2.0, total=-2.0, fate="cut"),
    node(0, 2, gain=-1.0, total=-1.25, score=-0.625),
    node(0, 2, gain=-1.5, total=-1.75, fate="finished"),
    node(2, 3, gain=-0.5, total=-1.75, fate="stopped"),
]
WORDS = ["le", "la", "chat", "<end>", "dort"]


def draw(nodes=TREE, texts=WORDS, **rest):
    return ET.fromstring(search_tree_svg(nodes, texts=texts, title="t", label="spoken", **rest))


def boxes(root):
    return [group for group in root.iter(f"{NS}g") if group.get("class") == "node"]


def number(element, *names):
    return [float(element.get(name)) for name in names]


def test_nodes_carry_their_numbers():
    found = boxes(draw(best=[0, 2, 4]))
    assert [group.get("data-node") for group in found] == ["0", "1", "2", "3", "4"]
    assert [group.get("data-parent") for group in found] == ["", "", "0", "0", "2"]
    assert [group.get("data-step") for group in found] == ["1", "1", "2", "2", "3"]
    assert [group.get("data-rank") for group in found] == ["1", "2", "1", "2", "1"]
    assert [group.get("data-fate") for group in found] == [one.fate for one in TREE]
    assert [group.get("data-best") for group in found] == ["1", "0", "1", "0", "1"]
    assert [float(group.get("data-total")) for group in found] == [one.total for one in TREE]
    assert [float(group.get("data-log-probability")) for group in found] == [-0.25, -2.0, -1.0, -1.5, -0.5]
    texts = [[text.text for text in group.iter(f"{NS}text")] for group in found]
    assert [one[1] for one in texts] == ["-0.25", "-2.00", "-1.25", "-1.75", "-1.75"]
    assert [one[0] for one in texts] == ["le", "la", "chat", "<end> ✓", "dort …"]
    assert "sum -1.2500, score -0.6250 at length 2; kept" in found[2].find(f"{NS}title").text


def test_columns_are_steps_and_rows_are_ranks():
    corners = [number(group.find(f"{NS}rect"), "x", "y") for group in boxes(draw())]
    (x1, y1), (x2, y2), (x3, y3), (x4, y4), (x5, y5) = corners
    assert x1 == x2 < x3 == x4 < x5
    assert y1 == y3 == y5 < y2 == y4


def test_lines_join_each_node_with_what_it_continues():
    root = draw(best=[0, 2, 4])
    lines = {line.get("data-joins"): line for line in root.iter(f"{NS}path")}
    assert set(lines) == {"begin-0", "begin-1", "0-2", "0-3", "2-4"}
    rects = {int(group.get("data-node")): group.find(f"{NS}rect") for group in boxes(root)}
    for joined in ("0-2", "0-3", "2-4"):
        parent, child = map(int, joined.split("-"))
        ends = [float(part) for part in lines[joined].get("d").replace("M", " ").replace("C", " ").split()]
        x, y, width, height = number(rects[parent], "x", "y", "width", "height")
        assert ends[:2] == pytest.approx([x + width, y + height / 2], abs=0.06)
        x, y, _, height = number(rects[child], "x", "y", "width", "height")
        assert ends[-2:] == pytest.approx([x, y + height / 2], abs=0.06)
    thick = {joined for joined, line in lines.items() if line.get("stroke-width") == "3"}
    assert thick == {"begin-0", "0-2", "2-4"}
    assert lines["begin-1"].get("stroke-dasharray")
    assert not lines["0-3"].get("stroke-dasharray")


def test_fates_look_different_and_not_by_colour_alone():
    rects = [group.find(f"{NS}rect") for group in boxes(draw())]
    kept, cut, _, finished, stopped = rects
    assert len({rect.get("fill") for rect in (kept, cut, finished, stopped)}) == 4
    assert [rect.get("stroke-dasharray") for rect in (kept, cut, finished)] == [None, "3 3", None]


def test_the_last_steps_of_a_deep_tree():
    deep = [node(step - 2 if step > 1 else None, step) for step in range(1, 21)]
    words = [f"w{step}" for step in range(1, 21)]
    root = draw(deep, words)
    assert (root.get("data-first"), root.get("data-last")) == ("13", "20")
    assert [group.get("data-node") for group in boxes(root)] == [str(place) for place in range(12, 20)]
    assert "begin" not in [text.text for text in root.iter(f"{NS}text")]
    assert [line.get("data-joins") for line in root.iter(f"{NS}path")][0] == "11-12"
    root = draw(deep, words, last=3)
    assert [group.get("data-step") for group in boxes(root)] == ["1", "2", "3"]
    assert len(boxes(draw(deep, words, last=MOST_STEPS))) == MOST_STEPS


def test_what_was_found_stands_below():
    root = draw(endings=["1. le chat dort", "2. le"])
    lines = {text.text: float(text.get("y")) for text in root.iter(f"{NS}text")}
    lowest = max(sum(number(group.find(f"{NS}rect"), "y", "height")) for group in boxes(root))
    assert lowest < lines["1. le chat dort"] < lines["2. le"] < float(root.get("height"))


def test_any_text_is_text():
    root = draw(
        texts=["<b>", "&", "<script>alert(1)</script>", "🌊", "x" * 300], root="<u>", endings=["</svg>"]
    )
    assert {one.tag.removeprefix(NS) for one in root.iter()} <= {"svg", "g", "rect", "path", "title", "text"}
    svg_to_png(search_tree_svg(TREE, texts=["<b>", "&", '"', "'", "é"], title="t", label="l"))


@pytest.mark.parametrize(
    ("nodes", "texts", "last", "says"),
    [
        ([], [], None, "needs nodes"),
        (TREE, WORDS[:4], None, "not 5 and 4"),
        (TREE, WORDS, 0, "steps 1 to 3"),
        (TREE, WORDS, 4, "steps 1 to 3"),
    ],
)
def test_what_cannot_be_drawn_is_refused(nodes, texts, last, says):
    with pytest.raises(ValueError, match=says):
        search_tree_svg(nodes, texts=texts, title="t", label="l", last=last)


def test_ranks_and_paths():
    assert rank_in_step(TREE) == [1, 2, 1, 2, 1]
    assert path_to(4, nodes=TREE) == [0, 2, 4]
    assert path_to(1, nodes=TREE) == [1]
