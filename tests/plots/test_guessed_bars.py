"""Effects and guesses: one scale, hidden effects leave no number behind."""

import xml.etree.ElementTree as ET

import pytest

from course_utils.plots.guessed_bars import Guessed, guessed_bars_svg

NS = "{http://www.w3.org/2000/svg}"


def draw(*rows, span=(-1.0, 4.0), foot=""):
    svg = guessed_bars_svg(rows, title="t", label="l", unit="nats", span=span, foot=foot)
    return ET.fromstring(svg)


def bars(root):
    found = [n for n in root.iter(f"{NS}rect") if "data-label" in n.attrib]
    return {n.get("data-label"): (float(n.get("x")), float(n.get("width"))) for n in found}


def diamonds(root):
    found = [n for n in root.iter(f"{NS}path") if "data-guess-of" in n.attrib]
    return {n.get("data-guess-of"): float(n.get("d").split()[0][1:]) for n in found}


def ticks(root):
    found = [n for n in root.iter(f"{NS}text") if n.get("text-anchor") == "middle"]
    return {float(n.text): float(n.get("x")) for n in found}


def test_bars_diamonds_and_ticks_share_one_scale():
    root = draw(Guessed("a", 3.0, 1.0), Guessed("b", -0.5, -1.0), Guessed("c", 0.0, 4.0))
    axis = ticks(root)
    assert sorted(axis) == [-1, 0, 4]
    nat = (axis[4] - axis[0]) / 4
    for name, effect, guess in (("a", 3.0, 1.0), ("b", -0.5, -1.0), ("c", 0.0, 4.0)):
        left, width = bars(root)[name]
        assert left == pytest.approx(axis[0] + min(effect, 0) * nat, abs=0.11)
        assert width == pytest.approx(abs(effect) * nat, abs=0.11)
        assert diamonds(root)[name] == pytest.approx(axis[0] + guess * nat, abs=0.11)


def test_what_lies_beyond_the_scale_widens_it():
    root = draw(Guessed("a", 8.0, 0.0), Guessed("b", 0.1, -2.0))
    assert sorted(ticks(root)) == [-2, 0, 8]
    assert sorted(ticks(draw(Guessed("a", 80.0, 0.0)))) == [0, 80]  # -1 would touch 0


def test_a_hidden_effect_leaves_no_bar():
    root = draw(Guessed("a", None, 0.5, chosen=True))
    assert bars(root) == {}
    assert [n.get("data-hidden") for n in root.iter(f"{NS}rect") if n.get("data-hidden")] == ["a"]
    texts = [n.text for n in root.iter(f"{NS}text")]
    assert "? · guess +0.50" in texts


def test_the_chosen_row_is_bold_and_the_foot_is_there():
    root = draw(Guessed("a", 1.0, 0.0), Guessed("b", 0.5, 0.0, chosen=True), foot="and more")
    bold = {n.text for n in root.iter(f"{NS}text") if n.get("font-weight") == "bold"}
    assert bold & {"a", "b"} == {"b"}
    assert "and more" in "".join(root.itertext())


def test_no_rows_and_no_span_can_be_drawn():
    assert bars(draw(span=(0.0, 0.0))) == {}
