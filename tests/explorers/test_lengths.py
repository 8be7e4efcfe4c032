"""LengthExplorer against plain numpy, at the ends of its sliders, with one model and with seven."""

import numpy as np
import pytest
from map_parts import NS, message, shown

from course_utils.explorers.base import InputProblem
from course_utils.explorers.lengths import LengthExplorer

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(3, 26, size=400)
RESULTS = {
    "narrow": (RNG.random(400) < np.exp(-LENGTHS / 4), RNG.integers(1, 9, size=400)),
    "wide": (RNG.random(400) < np.exp(-LENGTHS / 12), RNG.integers(1, 20, size=400)),
    "attention": (RNG.random(400) < 0.9, None),
}


@pytest.fixture
def explorer():
    return LengthExplorer(RESULTS, lengths=LENGTHS, model="wide")


def wilson(right, n):
    """The two p at which `right` of n lies 1.96 standard deviations from p n, by bisection."""
    ends = []
    for low, high, sign in ((0.0, right / n, 1), (right / n, 1.0, -1)):
        for _ in range(80):
            p = (low + high) / 2
            inside = abs(right - n * p) <= 1.959964 * np.sqrt(n * p * (1 - p))
            if inside == (sign == 1):
                high = p
            else:
                low = p
        ends.append((low + high) / 2)
    return ends


def check(state, *, width, minimum, model):
    """Every number of a state, worked out sentence by sentence."""
    correct, places = RESULTS[model]
    number = 0
    for i, (least, most) in enumerate(state["buckets"]):
        assert most - least + 1 == width
        inside = [n for n, length in enumerate(LENGTHS) if least <= length <= most]
        number += len(inside)
        assert state["counts"][i] == len(inside)
        for name, (right, _) in RESULTS.items():
            value = state["curves"][name][i]
            if len(inside) < minimum:
                assert np.isnan(value)
            else:
                assert value == pytest.approx(np.mean([right[n] for n in inside]), abs=1e-12)
        if len(inside) >= minimum:
            ends = wilson(sum(correct[n] for n in inside), len(inside))
            assert (state["low"][i], state["high"][i]) == pytest.approx(ends, abs=1e-6)
        if places is None:
            assert state["first"] is None
        else:
            wrong = [places[n] for n in inside if not correct[n]] if len(inside) >= minimum else []
            expected = np.median(wrong) if wrong else float("nan")
            assert state["first"][i] == pytest.approx(expected, nan_ok=True)
    assert number == len(LENGTHS)
    assert state["overall"] == pytest.approx(np.mean(correct))
    assert state["problem"] == ""


@pytest.mark.parametrize("model", list(RESULTS))
@pytest.mark.parametrize(("width", "minimum"), [(1, 1), (3, 10), (3, 55), (8, 1), (5, 50)])
def test_numbers_equal_plain_numpy(explorer, width, minimum, model):
    state = explorer.set_state(width=width, minimum=minimum, model=model)
    check(state, width=width, minimum=minimum, model=model)


def test_marks_show_the_numbers_of_the_state(explorer):
    for width in (1, 3, 8):
        state = explorer.set_state(width=width, minimum=5)
        for name, values in state["curves"].items():
            drawn = [node for node in shown(explorer).iter(f"{NS}path") if node.get("data-model") == name]
            known = [value for value in values if not np.isnan(value)]
            np.testing.assert_allclose([float(node.get("data-value")) for node in drawn], known, atol=1e-9)
        bars = [node for node in shown(explorer).iter(f"{NS}rect") if node.get("data-count")]
        assert [int(node.get("data-count")) for node in bars] == state["counts"]
        assert shown(explorer).get("data-model") == "wide"


def test_each_control_changes_the_picture(explorer):
    pictures = {explorer.picture().drawing}
    for change in ({"width": 5}, {"minimum": 80}, {"model": "narrow"}):
        explorer.set_state(**change)
        pictures.add(explorer.picture().drawing)
    assert len(pictures) == 4


def test_text_says_what_the_picture_says(explorer):
    state = explorer.state()
    sentence = explorer.describe(explorer._result)
    for values in state["curves"].values():
        assert all(f"{value:.3f}" in sentence for value in values if not np.isnan(value))
    assert f"{state['overall']:.3f}" in sentence
    assert "first wrong word" in sentence
    explorer.set_state(model="attention")
    assert "first wrong word" not in explorer.describe(explorer._result)


def test_a_minimum_that_no_bucket_reaches_is_said(explorer):
    before = explorer.set_state(width=1)
    explorer.controls["minimum"].value = 100
    assert "lower the minimum" in explorer.state()["problem"]
    assert "lower the minimum" in message(explorer)
    assert explorer.state()["curves"] == before["curves"]
    explorer.controls["minimum"].value = 1
    assert explorer.state()["problem"] == ""


def test_parts_of_one_are_means_with_normal_intervals():
    shares = np.array([0.25, 0.75, 0.5, 0.5])
    state = LengthExplorer({"m": (shares, None)}, lengths=[4, 4, 4, 4], minimum=1, width=1).state()
    assert state["curves"]["m"] == [0.5]
    half = 1.959964 * np.std(shares) / 2
    assert (state["low"][0], state["high"][0]) == pytest.approx((0.5 - half, 0.5 + half))


def test_one_sentence_is_enough():
    explorer = LengthExplorer({"m": ([True], [1])}, lengths=[7], minimum=1, width=1)
    state = explorer.state()
    assert state["buckets"] == [(7, 7)]
    assert state["curves"] == {"m": [1.0]}
    assert np.isnan(state["first"][0])
    assert 0.2 < state["low"][0] < state["high"][0] == pytest.approx(1)


def test_the_last_model_is_chosen_unless_told():
    assert LengthExplorer(RESULTS, lengths=LENGTHS).state()["model"] == "attention"


@pytest.mark.parametrize(
    ("results", "lengths", "says"),
    [
        ({}, LENGTHS, "at least one model"),
        (RESULTS, [], "at least one"),
        (RESULTS, [0] * 400, "1 or more"),
        ({"m": ([True], None)}, LENGTHS, "400 sentences"),
        ({"m": ([2.0] * 400, None)}, LENGTHS, "between 0 and 1"),
        ({"m": ([np.nan] * 400, None)}, LENGTHS, "between 0 and 1"),
        ({"m": ([True] * 400, [1])}, LENGTHS, "400 sentences"),
        ({str(i): RESULTS["wide"] for i in range(8)}, LENGTHS, "between 1 and 7"),
    ],
)
def test_what_does_not_fit_is_refused(results, lengths, says):
    with pytest.raises(ValueError, match=says):
        LengthExplorer(results, lengths=lengths)


@pytest.mark.parametrize(
    "values", [{"width": 0}, {"width": 9}, {"minimum": 0}, {"minimum": 101}, {"model": "x"}]
)
def test_values_off_the_sliders_are_refused(explorer, values):
    before = explorer.state()
    with pytest.raises(ValueError, match=r"goes from|must be one of"):
        explorer.set_state(**values)
    assert str(explorer.state()) == str(before)


def test_from_python_the_problem_is_raised(explorer):
    with pytest.raises(InputProblem, match="widen the buckets"):
        explorer.set_state(width=1, minimum=100)
