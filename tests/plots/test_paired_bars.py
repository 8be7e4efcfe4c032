"""Two bars for each name, on one fixed scale."""

import xml.etree.ElementTree as ET

import pytest

from course_utils.plots.paired_bars import NAMES, NUMBERS, paired_bars_svg
from course_utils.plots.placement import text_width

NS = "{http://www.w3.org/2000/svg}"
ROOM = 640 - NAMES - NUMBERS


def draw(before, after, labels, **rest):
    return ET.fromstring(
        paired_bars_svg(before, after, labels=labels, **{"title": "t", "label": "l", **rest})
    )


def bars(root, when):
    return [node for node in root.iter(f"{NS}rect") if node.get("data-when") == when]


def texts(root):
    return [node.text for node in root.iter(f"{NS}text")]


def test_bars_are_as_long_as_their_values():
    before, after, labels = [0.0, 0.25, 1.0], [0.5, 0.125, 0.0001], ["chat", "chien", "a<b"]
    root = draw(before, after, labels)
    for when, values in (("before", before), ("after", after)):
        found = bars(root, when)
        assert [node.get("data-label") for node in found] == labels
        assert [float(node.get("data-value")) for node in found] == values
        assert [float(node.get("width")) for node in found] == pytest.approx(
            [ROOM * v for v in values], abs=0.06
        )
        assert found[1].find(f"{NS}title").text == f"chien, {when}: {values[1]:.4f}"
    assert {"0.250", "0.125", "0.500", "1.000"} <= set(texts(root))
    for first, second in zip(bars(root, "before"), bars(root, "after"), strict=True):
        assert float(second.get("y")) == float(first.get("y")) + float(first.get("height"))
        assert first.get("fill") != second.get("fill")


def test_what_is_not_to_be_seen_yet_is_nowhere():
    root = draw([0.75, 0.25], None, ["chat", "chien"])
    assert not bars(root, "after")
    assert texts(root).count("?") == 2


def test_marked_label_and_names():
    root = draw(
        [1.0, 0.0], [0.5, 0.5], ["chat", "chien"], marked="chien", mark="my guess", names=("own", "new")
    )
    assert {"▸ chien", "chat", "▸ my guess", "own", "new"} <= set(texts(root))
    assert "▸ my guess" not in texts(draw([1.0], [0.5], ["chat"], marked="chien", mark="my guess"))


def test_long_labels_fit():
    root = draw([0.5], [1.0], ["antidisestablishmentarianism"], marked="antidisestablishmentarianism")
    name = next(text for text in texts(root) if text.startswith("▸"))
    assert name.endswith("…")
    assert text_width(name, size=12, bold=True) <= NAMES
    root = draw([1.0], [1.0], ["x"])
    numbers = [node for node in root.iter(f"{NS}text") if node.text == "1.000"]
    assert all(float(n.get("x")) + text_width("1.000", size=11) <= 640 for n in numbers)


@pytest.mark.parametrize(("before", "after"), [([1.0, 2.0], None), ([1.0], [1.0, 2.0]), ([], None)])
def test_a_label_for_each_value(before, after):
    with pytest.raises(ValueError, match="one label for each"):
        draw(before, after, ["a"])
