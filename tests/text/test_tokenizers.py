"""Words from text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.text.tokenizers import tokenize_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat sat.", ["the", "cat", "sat"]),
        ("don't", ["don", "t"]),
        ("snake_case and 2 words2words", ["snake", "case", "and", "words", "words"]),
        ("Élan ÉTUDE straße", ["élan", "étude", "straße"]),
        ("e\N{COMBINING ACUTE ACCENT}lan", ["élan"]),
        ("שלום עולם", ["שלום", "עולם"]),
        ("<b>bold</b> & 🙂", ["b", "bold", "b"]),
        ("", []),
        (" \n\t12_34 —", []),
    ],
)
def test_words_by_hand(text, words):
    assert tokenize_words(text) == words


@settings(deadline=None)  # a busy machine is no failure
@given(st.text())
def test_words_hold_no_digit_space_or_punctuation_and_survive_a_second_pass(text):
    words = tokenize_words(text)
    assert all(word and not any(c.isspace() or c.isdecimal() or c == "_" for c in word) for word in words)
    assert tokenize_words(" ".join(words)) == words


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.text(alphabet="abcxyzé", min_size=1)), st.sampled_from([" ", "\n", ", ", "-", "3", "_"]))
def test_any_separator_gives_the_same_words(words, separator):
    assert tokenize_words(separator.join(words)) == words


def test_a_long_text_is_no_special_case():
    assert tokenize_words("a" * 10_000 + " b") == ["a" * 10_000, "b"]


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", ["a", "list"]])
def test_what_is_not_text_is_refused(wrong):
    with pytest.raises(TypeError, match="one text as str"):
        tokenize_words(wrong)
