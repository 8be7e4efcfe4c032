"""Boxes of tokens: each in its place, told apart without colour, and safe whatever the token is."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from course_utils.plots.svg import svg_to_png
from course_utils.plots.token_line import LEFT, MOST_LINES, TokenBox, token_line_svg, visible

NS = "{http://www.w3.org/2000/svg}"


def boxes(svg):
    return [group for group in ET.fromstring(svg).iter(f"{NS}g") if group.get("class") == "token"]


def texts(svg):
    return [text.text for text in ET.fromstring(svg).iter(f"{NS}text")]


def drawn(tokens, **options):
    return token_line_svg(tokens, title="t", label="l", **options)


@pytest.mark.parametrize(
    ("piece", "says"),
    [
        (" the", "␣the"),
        ("a\nb", "a⏎b"),
        ("\t", "⇥"),
        ("\u00a0x", "␣x"),
        ("\u202eabc", "⟨202E⟩abc"),
        ("\x00", "⟨0000⟩"),
        ("\u200b", "⟨200B⟩"),
        ("\ud83d", "⟨D83D⟩"),
        ("", "⟨nothing⟩"),
        ("שלום", "שלום"),
        ("🌊", "🌊"),
        ("\ufffd", "\ufffd"),
    ],
)
def test_what_cannot_be_seen_is_written_out(piece, says):
    assert visible(piece) == says


def test_each_token_is_a_box_with_its_kind_note_and_hover():
    svg = drawn([TokenBox("the"), TokenBox(" <b>", "written", "3 %", "hover & more"), TokenBox("x", "asked")])
    found = boxes(svg)
    assert [one.get("data-piece") for one in found] == ["the", "␣<b>", "x"]
    assert [one.get("data-kind") for one in found] == ["given", "written", "asked"]
    assert [one.get("data-note") for one in found] == ["", "3 %", ""]
    assert [one.findtext(f"{NS}title") for one in found] == [None, "hover & more", None]
    assert {"␣<b>", "3 %", "given", "written", "?"} <= set(texts(svg))


def test_kinds_differ_by_more_than_colour():
    """Border, dashes, hatching and weight, colours left out."""
    looks = set()
    for kind in ("given", "written", "asked", "hidden"):
        (box,) = boxes(drawn([TokenBox("x", kind)]))
        plain = re.sub(r'(fill|stroke)="[^"]*"|data-kind="[^"]*"', "", ET.tostring(box, encoding="unicode"))
        looks.add(plain)
    assert len(looks) == 4


def test_long_texts_are_broken_and_their_beginning_is_left_out():
    svg = drawn([TokenBox(f"token{i}") for i in range(200)])
    found = boxes(svg)
    rows = {}
    for one in found:
        rect = one.find(f"{NS}rect")
        left, width = float(rect.get("x")), float(rect.get("width"))
        assert left >= LEFT
        assert left + width <= 640
        rows.setdefault(rect.get("y"), []).append((left, left + width))
    assert len(rows) == MOST_LINES
    for row in rows.values():
        assert all(right < left for (_, right), (left, _) in zip(row, row[1:], strict=False))
    assert found[-1].get("data-piece") == "token199"
    assert int(found[0].get("data-place")) == 200 - len(found)
    assert f"… {200 - len(found)} tokens before these" in texts(svg)


def test_text_is_eleven_pixels_or_more():
    svg = drawn([TokenBox("x", "written", "3 %"), TokenBox("y", "hidden")])
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)) >= 11


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
@example(["<script>alert(1)</script>", "\u202egnp.exe", "🌊" * 30, '"onload="x', "\ud800", "&amp;", "א" * 30])
def test_any_text_can_be_a_token(pieces):
    svg = drawn([TokenBox(piece, "written", hover=piece) for piece in pieces])
    assert [one.get("data-piece") for one in boxes(svg)] == [visible(piece) for piece in pieces]
    assert "<script" not in svg


def test_it_can_be_rendered():
    assert svg_to_png(drawn([TokenBox(" a", "hidden"), TokenBox("🌊", "asked")]))[:4] == b"\x89PNG"


@pytest.mark.parametrize("tokens", [[], [TokenBox("x", "other")]])
def test_unusable_tokens_are_refused(tokens):
    with pytest.raises(ValueError, match="given, written, asked, hidden"):
        drawn(tokens)
