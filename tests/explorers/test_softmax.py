"""SoftmaxExplorer against scipy, at every edge of its controls."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import entropy

from course_utils.explorers.base import InputProblem
from course_utils.explorers.softmax import SoftmaxExplorer, parse_scores

SCORES = {"tea": 2.0, "coffee": 1.0, "cold water": -0.5}


@pytest.mark.parametrize("temperature", [0.0625, 0.1, 0.73, 1.0, 3.3, 16.0])
def test_probabilities_and_entropy_equal_scipy(temperature):
    state = SoftmaxExplorer(SCORES).set_state(temperature=temperature)
    expected = softmax(np.array(list(SCORES.values())) / temperature)
    np.testing.assert_allclose(state["probabilities"], expected, atol=1e-12)
    assert state["entropy_bits"] == pytest.approx(entropy(expected, base=2), abs=1e-9)


def test_scores_that_would_overflow_stay_finite():
    state = SoftmaxExplorer({"a": 999999, "b": -999999}, temperature=0.0625).state()
    assert state["probabilities"] == [1.0, 0.0]
    assert state["entropy_bits"] == 0.0


def test_slider_ends_and_steps():
    explorer = SoftmaxExplorer(SCORES)
    slider = explorer.controls["temperature"]
    for exponent in (slider.min, -1, 0, 1, slider.max):
        slider.value = 2.0**exponent
        assert explorer.state()["used_temperature"] == 2.0**exponent
    with pytest.raises(ValueError):
        explorer.set_state(temperature=17)
    with pytest.raises(ValueError):
        explorer.set_state(temperature=0)


@pytest.mark.parametrize(
    ("text", "labels", "scores"),
    [
        ("a 1", ["a"], [1]),
        ("a 1, b: -2.5, c=3e2,", ["a", "b", "c"], [1, -2.5, 300]),
        ("cold water .5", ["cold water"], [0.5]),
        ("<b>x</b> 1, שלום 2, 👩‍🔬 3", ["<b>x</b>", "שלום", "👩‍🔬"], [1, 2, 3]),
    ],
)
def test_scores_are_read(text, labels, scores):
    found, numbers = parse_scores(text)
    assert found == labels
    assert numbers.tolist() == scores


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least one"),
        (" , ,", "at least one"),
        ("tea", "a label and a number"),
        ("tea nan", "a label and a number"),
        ("tea 1e999", "a label and a number"),
        ("tea 1, tea 2", "same label"),
        (", ".join(f"x{i} 1" for i in range(21)), "at most 20"),
        ("x" * 10_000, "10,000 characters"),
        ("<script>alert(1)</script>", "a label and a number"),
    ],
)
def test_bad_scores_get_a_sentence_and_the_picture_stays(text, says):
    explorer = SoftmaxExplorer(SCORES)
    before = explorer.state()
    explorer.controls["scores_text"].value = text
    state = explorer.state()
    assert says in state["problem"]
    assert state["probabilities"] == before["probabilities"]
    explorer.controls["scores_text"].value = "a 1, b 1"
    assert explorer.state()["probabilities"] == [0.5, 0.5]
    assert explorer.state()["problem"] == ""


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    try:
        labels, scores = parse_scores(text)
    except InputProblem:
        return
    assert len(labels) == len(scores) > 0
    assert np.isfinite(scores).all()
