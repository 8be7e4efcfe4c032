"""Words around a word, and bars for its nearest pieces."""

import xml.etree.ElementTree as ET

import pytest

from course_utils.plots.occurrences import Occurrence, occurrences_svg
from course_utils.plots.placement import text_width

NS = "{http://www.w3.org/2000/svg}"


def draw(*occurrences, **rest):
    return ET.fromstring(occurrences_svg(occurrences, title="t", label="l", **rest))


def excerpt(text, word, **rest):
    start = text.index(word)
    root = draw(Occurrence("A", text, start, start + len(word), []), Occurrence("B", "x", 0, 1, []), **rest)
    lines = ["".join(node.itertext()) for node in root.iter(f"{NS}text")]
    return next(line for line in lines if line.startswith("A: ")).removeprefix("A: ")


@pytest.mark.parametrize(
    ("text", "word", "shown"),
    [
        ("the bank closed", "bank", "the bank closed"),
        ("bank", "bank", "bank"),
        ("(bank)", "bank", "(bank)"),
        ("  the\n\tbank   is   shut ", "bank", "the bank is shut"),
        ("bank's end", "bank", "bank's end"),
        ("我去银行取钱", "银行", "我去银行取钱"),
    ],
)
def test_a_short_sentence_is_shown_whole(text, word, shown):
    assert excerpt(text, word) == shown


@pytest.mark.parametrize("place", [0, 1, 5, 20, 39])
def test_a_long_sentence_is_cut_between_words(place):
    words = [f"word{i:02}" for i in range(40)]
    words[place] = "BANK"
    shown = excerpt(" ".join(words), "BANK")
    kept = shown.replace("…", "").split()
    first = words.index(kept[0])
    assert kept == words[first : first + len(kept)]
    assert "BANK" in kept
    assert len(kept) >= 3
    assert shown.startswith("…") == (first > 0)
    assert shown.endswith("…") == (first + len(kept) < 40)
    assert text_width("A: " + shown, size=12) < 310


def test_no_half_words_however_much_room_there_is():
    words = [f"word{i:02}" for i in range(20)] + ["BANK"] + [f"word{i:02}" for i in range(20)]
    shown = excerpt(" ".join(words), "BANK", width=3000)
    assert set(shown.split()) <= {*words, "…"}
    assert len(shown.split()) > 12


def test_bars_carry_pieces_and_cosines():
    root = draw(
        Occurrence("A", "x y", 0, 1, [("river", 0.5), ("<b>", -0.25)]), Occurrence("B", "x", 0, 1, [])
    )
    bars = [node for node in root.iter(f"{NS}rect") if "data-label" in node.attrib]
    assert [(b.get("data-sentence"), b.get("data-label"), b.get("data-value")) for b in bars] == [
        ("A", "river", "0.5"), ("A", "<b>", "-0.25"),
    ]  # fmt: skip
    assert float(bars[0].get("width")) > float(bars[1].get("width")) == 0
    written = ["".join(node.itertext()) for node in root.iter(f"{NS}text")]
    assert {"0.500", "-0.250", "no other piece in this sentence"} <= set(written)
