"""Bars of tokens: lengths in proportion, one round scale, percents that say what the bars carry."""

import re
import xml.etree.ElementTree as ET

import pytest

from course_utils.plots.token_bars import TokenBar, percent, scale_end, token_bars_svg

NS = "{http://www.w3.org/2000/svg}"
ROWS = [
    TokenBar(" the", (0.12, 0.3), rank=1, marked=True),
    TokenBar("<b>", (0.05, 0.0), rank=2),
    TokenBar("the 97 others", (0.83, 0.7), plain=True),
]


def bars(svg):
    return [rect for rect in ET.fromstring(svg).iter(f"{NS}rect") if "data-label" in rect.attrib]


def texts(svg):
    return [text.text for text in ET.fromstring(svg).iter(f"{NS}text")]


def drawn(rows=ROWS, names=("model", "filtered"), **options):
    return token_bars_svg(rows, names=names, title="t", label="l", **options)


def test_each_bar_carries_its_share_and_is_as_long():
    found = bars(drawn(mark="next"))
    assert [(one.get("data-label"), one.get("data-series")) for one in found] == [
        ("␣the", "model"), ("␣the", "filtered"), ("<b>", "model"), ("<b>", "filtered"),
        ("the 97 others", "model"), ("the 97 others", "filtered"),
    ]  # fmt: skip
    assert [float(one.get("data-value")) for one in found] == [0.12, 0.3, 0.05, 0.0, 0.83, 0.7]
    widths = [float(one.get("width")) for one in found]
    full = 2 * widths[1] / 0.6  # the scale ends at one half
    assert widths[:4] == pytest.approx([full * share for share in (0.12, 0.3, 0.05, 0.0)], abs=0.2)
    assert widths[4:] == [0, 0]  # others are written, not drawn
    assert found[0].findtext(f"{NS}title") == "␣the, model: 12.0 % (0.12)"


def test_numbers_names_scale_and_key_are_written():
    said = texts(drawn(mark="next"))
    assert {"12.0 %", "30.0 %", "5.00 %", "0 %", "83.0 %", "70.0 %"} <= set(said)
    assert {"▸ 1. ␣the", "2. <b>", "the 97 others", "model", "filtered", "▸ next"} <= set(said)
    assert {"25 %", "50 %"} <= set(said)
    unmarked = texts(drawn([TokenBar("a", (0.1,))], names=("model",), mark="next"))
    assert "▸ next" not in unmarked
    assert "model" not in unmarked


@pytest.mark.parametrize(
    ("shares", "end"), [([0.0], 0.1), ([0.1, 0.02], 0.1), ([0.11], 0.2), ([0.3], 0.5), ([0.51], 1), ([1], 1)]
)
def test_the_scale_ends_at_the_first_round_number_that_holds_all(shares, end):
    assert scale_end(shares) == end


def test_pictures_side_by_side_share_a_scale():
    alone, shared = (
        float(bars(drawn([TokenBar("a", (0.05,))], names=("m",), least=least))[0].get("width"))
        for least in (0.0, 0.5)
    )
    assert alone == pytest.approx(5 * shared, abs=0.5)


@pytest.mark.parametrize(
    ("share", "says"),
    [(0, "0 %"), (1, "100 %"), (0.00001, "<0.01 %"), (0.0001, "0.01 %"), (0.0999, "9.99 %"), (0.1, "10.0 %"),
     (0.12345, "12.3 %"), (0.9996, "100.0 %")],
)  # fmt: skip
def test_percent(share, says):
    assert percent(share) == says


@pytest.mark.parametrize("width", [320, 480, 640])
def test_nothing_leaves_the_picture(width):
    svg = drawn([TokenBar("m" * 80, (1.0,), rank=30_000, marked=True)], names=("m",), width=width)
    (bar,) = bars(svg)
    assert float(bar.get("x")) + float(bar.get("width")) <= width - 60  # room for "100.0 %"
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)) >= 11


@pytest.mark.parametrize(
    ("rows", "names", "says"),
    [
        ([], ("a",), "at least one row"),
        ([TokenBar("x", (0.1,))], ("a", "b"), "a share a series"),
        ([TokenBar("x", (0.1, 0.2, 0.3))], ("a", "b", "c"), "one or two series"),
        ([TokenBar("x", (-0.1,))], ("a",), "between 0 and 1"),
        ([TokenBar("x", (1.1,))], ("a",), "between 0 and 1"),
        ([TokenBar("x", (float("nan"),))], ("a",), "between 0 and 1"),
    ],
)
def test_unusable_rows_are_refused(rows, names, says):
    with pytest.raises(ValueError, match=says):
        drawn(rows, names)
