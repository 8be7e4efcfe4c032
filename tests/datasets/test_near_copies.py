"""Near-copies against brute force, and groups against what links them."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.datasets.near_copies import connected_groups, find_near_copies


def brute_force(texts, *, threshold, least):
    """The same pairs by comparing every text with every other."""
    words = [re.findall(r"\w+", text) for text in texts]
    sets = [{tuple(one[i : i + 5]) for i in range(len(one) - 4)} for one in words]
    return [
        (i, j)
        for i in range(len(texts))
        for j in range(i + 1, len(texts))
        if min(len(sets[i]), len(sets[j])) >= least
        and len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j])
    ]


def edited(words, generator, *, share):
    result = list(words)
    for place in np.flatnonzero(generator.random(len(words)) < share):
        result[place] = f"w{generator.integers(1000)}"
    return result


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.9, 1.0])
def test_no_pair_is_missed_and_none_invented(threshold):
    generator = np.random.default_rng(0)
    texts = []
    for _ in range(20):
        original = [f"w{n}" for n in generator.integers(40, size=generator.integers(10, 90))]
        texts.append(" ".join(original))
        for share in (0.0, 0.01, 0.03, 0.06, 0.15):
            texts.append(" ".join(edited(original, generator, share=share)))
    expected = brute_force(texts, threshold=threshold, least=20)
    assert len(expected) > 10
    assert find_near_copies(texts, threshold=threshold) == expected


@given(st.lists(st.text(alphabet="ab c", max_size=60), max_size=12))
@settings(max_examples=60, deadline=None)
def test_repetitive_texts(texts):
    found = find_near_copies(texts, threshold=0.6, least=1)
    assert found == brute_force(texts, threshold=0.6, least=1)


def test_short_texts_are_left_out():
    short = "return the value of self please now"
    assert find_near_copies([short, short]) == []
    assert find_near_copies([short, short], least=2) == [(0, 1)]
    assert find_near_copies([]) == find_near_copies([""]) == []


@pytest.mark.parametrize("threshold", [0, -0.5, 1.5])
def test_a_threshold_that_makes_no_sense(threshold):
    with pytest.raises(ValueError, match="above 0"):
        find_near_copies(["a"], threshold=threshold)


def test_groups_hold_what_is_linked_through_others():
    groups = connected_groups("abcdefg", pairs=[("g", "f"), ("f", "b"), ("c", "d"), ("d", "c")])
    assert groups == {"a": "a", "b": "b", "f": "b", "g": "b", "c": "c", "d": "c", "e": "e"}
