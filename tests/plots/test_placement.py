"""Lines of text cut to the room there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.plots.placement import cut_to_width, text_width


@given(st.text(max_size=80), st.integers(20, 400), st.sampled_from([11, 12, 14]))
def test_what_is_cut_fits(text, width, size):
    line = cut_to_width(text, width=width, size=size)
    assert text_width(line, size=size) <= width + 2
    whole = " ".join(text.split())
    assert line == whole or (line.endswith("…") and whole.startswith(line[:-1]))


@pytest.mark.parametrize(
    ("text", "shown"), [("", ""), ("short", "short"), (" a\n\n b\tc ", "a b c"), ("שלום", "שלום")]
)
def test_what_fits_stays_whole(text, shown):
    assert cut_to_width(text, width=100) == shown


def test_endless_texts_are_cut():
    assert len(cut_to_width("i" * 10**7, width=100)) < 40
    assert cut_to_width("W" * 100, width=100).endswith("W…")
    assert cut_to_width("word", width=0) == "…"
