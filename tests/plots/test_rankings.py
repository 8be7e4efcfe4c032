"""Rankings side by side: every hit, mark and line at its place."""

import xml.etree.ElementTree as ET

import pytest

from course_utils.plots.rankings import Hit, rankings_svg, say_reasons
from course_utils.plots.svg import svg_to_png

NS = "{http://www.w3.org/2000/svg}"


def hit(document, score=1.0, **rest):
    return Hit(document, rest.pop("title", f"title {document}"), score, **rest)


def draw(columns, **rest):
    return ET.fromstring(rankings_svg(columns, title="t", label="l", **rest))


def cards(root):
    return [node for node in root.iter(f"{NS}g") if node.get("class") == "hit"]


def texts(node):
    return [text.text or "" for text in node.iter(f"{NS}text")]


def test_hits_carry_their_numbers():
    root = draw({"a": [hit(4, 2.5), hit(7, 0.123456)], "b": [hit(9, -1)]}, relevant=[7])
    found = [tuple(node.get(f"data-{key}") for key in ("column", "rank", "document", "score", "relevant"))
             for node in cards(root)]  # fmt: skip
    assert found == [
        ("a", "1", "4", "2.5", "0"),
        ("a", "2", "7", "0.123456", "1"),
        ("b", "1", "9", "-1", "0"),
    ]
    assert [any("✓ relevant" in t for t in texts(node)) for node in cards(root)] == [
        False,
        True,
        False,
    ]
    assert texts(cards(root)[1])[1].startswith("2. title 7")


def test_a_letter_and_a_colour_for_each_document_in_several_columns():
    columns = {"a": [hit(1), hit(2), hit(3)], "b": [hit(5), hit(2)], "c": [hit(3), hit(2), hit(1)]}
    root = draw(columns)
    marks = {}
    for node in cards(root):
        rects = list(node.iter(f"{NS}rect"))
        badge = [
            (r.get("fill"), t) for r in rects if r.get("height") == "18.0" for t in texts(node) if len(t) == 1
        ]
        marks.setdefault(int(node.get("data-document")), set()).update(badge)
    assert marks[5] == set()
    assert {len(marks[i]) for i in (1, 2, 3)} == {1}
    assert len({next(iter(marks[i])) for i in (1, 2, 3)}) == 3
    paths = list(root.iter(f"{NS}path"))
    assert [(p.get("data-from"), p.get("data-to"), p.get("data-joins")) for p in paths] == [
        ("a", "b", "2"), ("b", "c", "2"),
    ]  # fmt: skip
    ((fill, _),) = marks[2]
    assert {p.get("stroke") for p in paths} == {fill}


def test_bars_and_lines_are_drawn_to_measure():
    root = draw({"a": [hit(1, 4.0), hit(2, 1.0), hit(3, -2.0)], "b": [hit(9, 1.0), hit(8, 1.0), hit(1, 0.5)]})
    lengths = []
    for node in cards(root)[:3]:
        ground, bar = (r for r in node.iter(f"{NS}rect") if r.get("height") == "8.0")
        lengths.append(float(bar.get("width")) / float(ground.get("width")))
    assert lengths == pytest.approx([1, 0.25, 0], abs=0.002)
    (line,) = root.iter(f"{NS}path")
    ends = [float(part) for part in line.get("d").replace("M", " ").replace("C", " ").split()]
    first, last = cards(root)[0].find(f"{NS}rect"), cards(root)[5].find(f"{NS}rect")
    box = [{key: float(r.get(key)) for key in ("x", "y", "width", "height")} for r in (first, last)]
    assert ends[:2] == pytest.approx([box[0]["x"] + box[0]["width"], box[0]["y"] + box[0]["height"] / 2])
    assert ends[-2:] == pytest.approx([box[1]["x"], box[1]["y"] + box[1]["height"] / 2])


def test_more_shared_documents_than_letters():
    many = [hit(i) for i in range(30)]
    root = draw({"a": many, "b": many[::-1]})
    letters = [t for node in cards(root)[:30] for t in texts(node) if t.isupper()]
    assert len(set(letters)) == 30
    assert letters[25:28] == ["Z", "AA", "BB"]


def test_reasons_are_ordered_by_what_they_count():
    assert say_reasons([("a", 0.1), ("b", -2.0), ("c", 1.25)]) == ["b -2", "c +1.25", "a +0.1"]
    root = draw({"a": [hit(1, why=[("engine", 0.5), ("fault", 1.5)]), hit(2)]})
    first, second = cards(root)
    assert "why: fault +1.5 · engine +0.5" in texts(first)
    assert "why: no single word explains it" in texts(second)
    many = [(f"word{i}", 1.0 - i / 100) for i in range(40)]
    crowded = cards(draw({"a": [hit(1, why=many)], "b": [], "c": []}))[0]
    start = next(i for i, text in enumerate(texts(crowded)) if text.startswith("why:"))
    lines = texts(crowded)[start:]
    assert len(lines) == 2
    assert lines[1].endswith(" …")
    assert "…" not in lines[0]
    reasons = " ".join(lines).removeprefix("why: ").removesuffix(" …").split(" · ")
    assert reasons == say_reasons(many)[: len(reasons)]
    assert len(reasons) >= 4
    exactly = [("a" * 18, 1.0), ("b" * 18, 0.5)]
    wrapped = texts(cards(draw({"a": [hit(1, why=exactly)], "b": [], "c": []}))[0])[-2:]
    assert wrapped == [f"why: {'a' * 18} +1 ·", f"{'b' * 18} +0.5"]
    assert "word39 +0.61" in crowded.find(f"{NS}title").text
    endless = cards(draw({"a": [hit(1, why=[("x" * 500, 1.0)])]}))[0]
    assert max(len(text) for text in texts(endless)) < 150
    assert texts(endless)[-1].endswith("x… +1"), "a long term loses its end, not its number"


def test_awkward_texts_stay_text():
    text = "<img src=x onerror=alert(1)> \"q\" & 'x' \u202e\x00 שלום 👩‍🔬"
    svg = rankings_svg(
        {text: [Hit(0, text, 1.0, text=text * 99, why=[(text, 1.0)])], "b": [Hit(0, text, 1.0)]},
        title=text, label=text, notes={text: text}, data={"query": text}, relevant=[0],
    )  # fmt: skip
    assert "<img" not in svg
    tags = {node.tag.removeprefix(NS) for node in ET.fromstring(svg).iter()}
    assert tags <= {"svg", "g", "rect", "text", "title", "path"}
    assert svg_to_png(svg)[:8] == b"\x89PNG\r\n\x1a\n"


def test_an_empty_column_says_so_and_keeps_its_note():
    root = draw({"a": [], "b": []}, notes={"a": "refused"})
    assert texts(root).count("found nothing") == 2
    assert "refused" in texts(root)
    assert float(root.get("viewBox").split()[3]) > 100


@pytest.mark.parametrize("number", [0, 4])
def test_one_to_three_columns_only(number):
    with pytest.raises(ValueError, match=f"not {number}"):
        draw({str(i): [] for i in range(number)})


@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_text_is_smaller_than_eleven_pixels_or_leaves_its_column(number):
    long = "a title that goes on and on " * 20
    hits = [hit(i, title=long, text=long, why=[(w, 1.0) for w in long.split()]) for i in range(3)]
    root = draw({f"{i} {long}": hits for i in range(number)}, notes={f"0 {long}": long}, relevant=[0])
    assert all(float(node.get("font-size")) >= 11 for node in root.iter(f"{NS}text"))
    for card in cards(root):
        box = card.find(f"{NS}rect")
        room = float(box.get("width"))
        for node in card.iter(f"{NS}text"):
            assert 5.0 * len(node.text) < room, "about five pixels a letter at the very least"
