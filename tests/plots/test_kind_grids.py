"""Squares of heads: the right kind at the right layer, sorted, with the counts in the legend."""

import re

import numpy as np
import pytest

from course_utils.plots.kind_grids import COLOURS, NO_KIND, abbreviate, kind_grids_svg

TRAINED = np.array([["mixed", "next", "previous"], ["previous", "mixed", "previous"]])
UNTRAINED = np.full((2, 3), "mixed")
KINDS = ("previous", "next")


def draw(**changes):
    settings = {"kinds": KINDS, "title": "Heads <found>", "label": "kinds of heads"} | changes
    return kind_grids_svg({"trained": TRAINED, "untrained": UNTRAINED}, **settings)


def squares(svg):
    found = re.findall(
        r'x="([\d.]+)" y="([\d.]+)"[^>]*fill="(#\w+)"[^>]*data-panel="(\w+)" data-layer="(\d)" '
        r'data-head="(\d)" data-kind="(\w+)"',
        svg,
    )
    return [
        (float(x), float(y), fill, panel, int(layer), int(head), kind)
        for x, y, fill, panel, layer, head, kind in found
    ]


def test_each_head_once_with_its_own_kind_and_colour():
    found = squares(draw())
    assert len(found) == 12
    colours = {"previous": COLOURS[0], "next": COLOURS[1], "mixed": NO_KIND}
    for _, _, fill, panel, layer, head, kind in found:
        table = TRAINED if panel == "trained" else UNTRAINED
        assert kind == table[layer - 1, head - 1]
        assert fill == colours[kind]


def test_sorted_in_each_row_in_the_order_of_the_kinds():
    found = sorted(square for square in squares(draw()) if square[3] == "trained")
    for layer, wanted in ((1, [3, 2, 1]), (2, [1, 3, 2])):
        row = [square for square in found if square[4] == layer]
        assert len({square[1] for square in row}) == 1
        assert [square[5] for square in row] == wanted


def test_legend_counts_panels_apart_and_text_is_escaped():
    svg = draw()
    assert "previous: 3 / 0" in svg
    assert "next: 1 / 0" in svg
    assert "mixed: 2 / 6" in svg
    assert "trained: 4 of 6 heads named" in svg
    assert "Heads &lt;found&gt;" in svg
    assert 'aria-label="kinds of heads"' in svg


def test_strengths_on_hover():
    numbers = np.arange(6).reshape(2, 3) / 10
    svg = draw(strengths={"trained": numbers, "untrained": 0 * numbers})
    assert "<title>trained, layer 2, head 3: previous, 0.50</title>" in svg


@pytest.mark.parametrize(("kind", "wanted"), [("previous", "pr"), ("[CLS] or [SEP]", "cl"), ("itself", "it")])
def test_two_letters(kind, wanted):
    assert abbreviate(kind) == wanted


def test_bad_arguments():
    with pytest.raises(ValueError, match="heads of kind 'next'"):
        draw(kinds=("previous",))
    with pytest.raises(ValueError, match="one to three panels"):
        kind_grids_svg({}, kinds=KINDS, title="", label="")
    with pytest.raises(ValueError, match="at most 7 kinds"):
        draw(kinds=[*KINDS, *"abcdef"])
    with pytest.raises(ValueError, match=r"one kind a head"):
        kind_grids_svg({"a": np.array(["mixed"])}, kinds=KINDS, title="", label="")
