"""Attention stage by stage: numbers, shades and strips of the picture."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils.plots.stages import MOST_SHOWN, STRIP, Stages, short_number, stages_svg

NS = "{http://www.w3.org/2000/svg}"


def draw(*, keys=("a", "b"), values=None, masked=(1.0, -2.0), weights=(0.75, 0.25), **rest):
    values = np.array([[1.0, -1.0], [0.0, 2.0]]) if values is None else values
    stages = Stages(
        keys=keys,
        dots=np.array([2.0, -4.0]),
        scaled=np.array([1.0, -2.0]),
        masked=np.array(masked),
        weights=np.array(weights),
        values=values,
        mix=np.array(weights) @ values,
        notes=("q · k", "÷ √4", "none", "sums to 1"),
        score_limit=4.0,
        value_limit=2.0,
    )
    return ET.fromstring(stages_svg(stages, title="t", label="l", **rest))


def cells(root, stage):
    return [node for node in root.iter(f"{NS}rect") if node.get("data-stage") == stage]


def test_each_cell_carries_its_number_and_shade():
    root = draw()
    for stage, numbers, fills in (
        ("dot", [2, -4], ["#80a2c4", "#b35806"]),
        ("scale", [1, -2], ["#bfd0e1", "#d9ac82"]),
        ("mask", [1, -2], ["#bfd0e1", "#d9ac82"]),
        ("softmax", [0.75, 0.25], ["#466490", "#c1cbda"]),
        ("mix", [0.75, -0.25], None),
    ):
        found = cells(root, stage)
        assert [float(node.get("data-value")) for node in found] == numbers
        if fills:
            assert [node.get("fill") for node in found] == fills
    texts = ["".join(node.itertext()) for node in root.iter(f"{NS}text")]
    assert {"2.00", "-4.00", "1.00", "-2.00", "0.750", "0.250"} <= set(texts)
    assert "a, dot product: 2" in [node.text for node in root.iter(f"{NS}title")]


def test_the_winner_is_bold_and_outlined():
    for weights, name in (((0.75, 0.25), "a"), ((0.1, 0.9), "b")):
        root = draw(weights=weights)
        bold = {n.text for n in root.iter(f"{NS}text") if n.get("font-weight") == "bold"}
        assert bold & {"a", "b"} == {name}
        frames = {(n.get("x"), n.get("y")) for n in root.iter(f"{NS}rect") if n.get("stroke-width") == "2"}
        spots = [(node.get("x"), node.get("y")) for node in cells(root, "softmax")]
        assert [spot in frames for spot in spots] == [name == "a", name == "b"]


def test_masked_cells_are_white_and_say_minus_infinity():
    root = draw(masked=(1.0, -np.inf), weights=(1.0, 0.0))
    assert [node.get("fill") for node in cells(root, "mask")] == ["#bfd0e1", "#ffffff"]
    assert cells(root, "mask")[1].get("data-value") == "-inf"
    assert "−∞" in [node.text for node in root.iter(f"{NS}text")]
    assert len(list(root.iter(f"{NS}path"))) == 2


@pytest.mark.parametrize("width", [1, MOST_SHOWN, MOST_SHOWN + 1, 384])
def test_of_wide_values_the_first_numbers_are_drawn(width):
    values = np.random.default_rng(0).normal(size=(2, width))
    root = draw(values=values)
    mix = np.array([0.75, 0.25]) @ values
    drawn = [float(node.get("data-value")) for node in cells(root, "mix")]
    np.testing.assert_allclose(drawn, mix[:MOST_SHOWN], atol=1e-8)
    texts = "".join("".join(node.itertext()) for node in root.iter(f"{NS}text"))
    assert (f"{MOST_SHOWN} of {width} numbers" in texts) == (width > MOST_SHOWN)
    frames = [float(node.get("width")) for node in cells(root, "share")]
    assert frames == [min(width, MOST_SHOWN) * STRIP] * 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (-12.345, "-12.35"), (999.4, "999.40"), (1234.56, "1234.6"), (-1.5e7, "-1.5e+07"),
     (-np.inf, "−∞"), (np.inf, "∞")],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert short_number(value) == text
