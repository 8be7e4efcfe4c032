"""Marked sentences: every word, mark and bar at its place."""

import xml.etree.ElementTree as ET

import pytest

from course_utils.plots.marked_words import MarkedSentence, marked_words_svg
from course_utils.plots.svg import svg_to_png

NS = "{http://www.w3.org/2000/svg}"
ROWS = [
    MarkedSentence("reference", ["le", "chat", "dort"], [True, True, True]),
    MarkedSentence("A", ["un", "chat", "<b>"], [False, True, False], "a cat & more", 40.0),
    MarkedSentence("B", ["x"] * 200, [True, False] * 100, score=90.0),
]


def draw(rows=ROWS, **rest):
    return ET.fromstring(marked_words_svg(rows, title="t", label="spoken", score_name="BLEU", **rest))


def test_words_and_marks():
    boxes = [node for node in draw().iter(f"{NS}rect") if node.get("data-place")]
    for number, row in enumerate(ROWS):
        own = [box for box in boxes if box.get("data-sentence") == str(number)]
        assert [box.get("data-place") for box in own] == [str(place) for place in range(len(row.words))]
        assert [box.get("data-marked") == "1" for box in own] == list(row.marks)
        assert [box.get("stroke-dasharray") is None for box in own] == list(row.marks)
    texts = [node.text for node in draw().iter(f"{NS}text")]
    assert {"reference", "<b>", "a cat & more", "BLEU 40.00", "BLEU 90.00"} <= set(texts)


def test_bars_are_drawn_to_measure():
    bars = [node for node in draw().iter(f"{NS}rect") if node.get("data-score")]
    assert [float(bar.get("data-score")) for bar in bars] == [40.0, 90.0]
    widths = [float(bar.get("width")) for bar in bars]
    assert widths[0] / widths[1] == pytest.approx(4 / 9, abs=0.002)


def test_long_sentences_go_on_in_the_next_line_and_nothing_leaves_the_page():
    root = draw()
    boxes = [
        node for node in root.iter(f"{NS}rect") if node.get("data-sentence") == "2" and node.get("data-place")
    ]
    assert len({box.get("y") for box in boxes}) > 1
    for node in root.iter(f"{NS}rect"):
        right = float(node.get("x", 0)) + float(node.get("width"))
        low = float(node.get("y", 0)) + float(node.get("height"))
        assert right <= float(root.get("width"))
        assert low <= float(root.get("height"))
    svg_to_png(marked_words_svg(ROWS, title="t", label="l"))


@pytest.mark.parametrize("rows", [[], [MarkedSentence("A", ["a", "b"], [True])]])
def test_what_cannot_be_drawn_is_refused(rows):
    with pytest.raises(ValueError, match="one mark for each"):
        marked_words_svg(rows, title="t", label="l")
