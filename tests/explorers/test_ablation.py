"""AblationLab: the guess comes first, each loss is computed once, every number is that of the callable."""

import math

import pytest
from map_parts import NS, message, shown

from course_utils.explorers.ablation import MOST_SHOWN, AblationLab

EFFECTS = {
    ("a", "zero"): 0.31,
    ("a", "mean"): 0.12,
    ("b", "zero"): -0.04,
    ("b", "mean"): 0.0,
    ("c", "zero"): 3.5,
    ("c", "mean"): 1.75,
}
BASE = 1.25


class Loss:
    """A loss that counts how often it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, switched_off):
        self.asked.append(dict(switched_off))
        return BASE + sum(EFFECTS[one] for one in switched_off.items())


@pytest.fixture
def loss():
    return Loss()


@pytest.fixture
def lab(loss):
    return AblationLab(loss, heads=["a", "b", "c"], baseline=BASE)


def bars(lab):
    """Label → effect, from top to bottom."""
    found = [n for n in shown(lab).iter(f"{NS}rect") if "data-label" in n.attrib]
    assert [float(n.get("y")) for n in found] == sorted(float(n.get("y")) for n in found)
    return {n.get("data-label"): float(n.get("data-value")) for n in found}


def guesses(lab):
    found = [n for n in shown(lab).iter(f"{NS}path") if "data-guess-of" in n.attrib]
    return {n.get("data-guess-of"): float(n.get("data-value")) for n in found}


def hidden(lab):
    return [n.get("data-hidden") for n in shown(lab).iter(f"{NS}rect") if "data-hidden" in n.attrib]


def test_nothing_is_shown_or_computed_before_the_reveal(lab, loss):
    lab.controls["guess"].value = 0.4
    for head in "bca":
        lab.controls["head"].value = head
    state = lab.state()
    assert loss.asked == []
    assert (state["revealed"], state["loss"], state["effect"], state["first_guess"]) == (
        False,
        None,
        None,
        None,
    )
    assert state["tried"] == []
    assert hidden(lab) == ["a → zero"]
    assert bars(lab) == {}
    assert guesses(lab) == {"a → zero": 0.4}
    assert shown(lab).get("data-effect") == ""


@pytest.mark.parametrize("head", ["a", "b", "c"])
@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("guess", [-0.5, 0.0, 0.37, 2.0])
def test_the_reveal_shows_the_loss_of_the_callable(lab, loss, head, mode, guess):
    for key, value in (("head", head), ("mode", mode), ("guess", guess), ("reveal", "show")):
        lab.controls[key].value = value
    state = lab.state()
    effect = EFFECTS[head, mode]
    assert loss.asked == [{head: mode}]
    assert state["loss"] == pytest.approx(BASE + effect)
    assert state["effect"] == pytest.approx(effect)
    assert state["baseline"] == BASE
    assert state["first_guess"] == guess
    assert state["guess_error"] == pytest.approx(guess - effect)
    assert bars(lab) == {f"{head} → {mode}": pytest.approx(effect, abs=1e-9)}
    assert guesses(lab) == {f"{head} → {mode}": guess}
    assert hidden(lab) == []
    assert float(shown(lab).get("data-effect")) == pytest.approx(effect, abs=1e-9)
    assert [shown(lab).get(f"data-{key}") for key in ("head", "mode", "revealed")] == [head, mode, "1"]
    assert f"{effect:+.3f}" in lab.describe(lab._result)
    assert shown(lab).get("aria-label") == lab.describe(lab._result)


def test_another_head_or_mode_hides_again_and_one_revealed_before_does_not(lab, loss):
    lab.controls["reveal"].value = "show"
    lab.controls["head"].value = "b"
    assert lab.controls["reveal"].value == "hide"
    assert not lab.state()["revealed"]
    assert hidden(lab) == ["b → zero"]
    assert bars(lab) == {"a → zero": pytest.approx(0.31)}
    lab.controls["head"].value = "a"
    assert lab.controls["reveal"].value == "show"
    assert lab.state()["revealed"]
    lab.controls["mode"].value = "mean"
    assert lab.controls["reveal"].value == "hide"
    assert loss.asked == [{"a": "zero"}]


def test_the_first_guess_counts(lab):
    lab.controls["guess"].value = 0.2
    lab.controls["reveal"].value = "show"
    lab.controls["guess"].value = 0.31
    assert lab.state()["first_guess"] == 0.2
    assert guesses(lab) == {"a → zero": 0.2}
    lab.controls["reveal"].value = "hide"
    assert hidden(lab) == ["a → zero"]
    assert bars(lab) == {}
    assert guesses(lab) == {"a → zero": 0.2}
    lab.controls["guess"].value = 1.0
    lab.controls["reveal"].value = "show"
    assert lab.state()["first_guess"] == 0.2


def test_each_loss_is_computed_once_and_all_are_remembered(lab, loss):
    for _ in range(2):
        for head, mode in EFFECTS:
            lab.set_state(head=head, mode=mode, guess=0.5, reveal="show")
            lab.set_state(guess=1.0)
    assert loss.asked == [{head: mode} for head, mode in EFFECTS]
    ranked = sorted(EFFECTS, key=lambda one: -EFFECTS[one])
    state = lab.state()
    assert [(one["head"], one["mode"]) for one in state["tried"]] == ranked
    assert [one["effect"] for one in state["tried"]] == pytest.approx([EFFECTS[one] for one in ranked])
    assert [one["loss"] for one in state["tried"]] == pytest.approx([BASE + EFFECTS[one] for one in ranked])
    assert [one["guess"] for one in state["tried"]] == [0.5] * 6
    assert list(bars(lab)) == [f"{head} → {mode}" for head, mode in ranked]
    sentence = lab.describe(lab._result)
    for effect in EFFECTS.values():
        assert f"{effect:+.3f}" in sentence


def test_set_state_hides_like_the_hand_unless_told_otherwise(lab):
    assert lab.set_state(reveal="show", guess=0.1)["revealed"]
    assert not lab.set_state(head="b")["revealed"]
    assert lab.state()["reveal"] == "hide"
    assert lab.set_state(head="a")["revealed"]
    assert not lab.set_state(mode="mean")["revealed"]
    assert lab.set_state(head="c", reveal="show", guess=2.0)["effect"] == pytest.approx(1.75)
    assert lab.set_state(head="c", guess=1.0)["revealed"]


def test_bars_are_drawn_to_one_scale_that_holds_the_guess_slider(lab):
    def places():
        zero = {n.get("data-label"): n for n in shown(lab).iter(f"{NS}rect") if "data-label" in n.attrib}
        diamonds = {
            n.get("data-guess-of"): float(n.get("d").split()[0][1:])
            for n in shown(lab).iter(f"{NS}path")
            if "data-guess-of" in n.attrib
        }
        return {name: (float(n.get("x")), float(n.get("width"))) for name, n in zero.items()}, diamonds

    lab.set_state(reveal="show", guess=2.0)
    rects, diamonds = places()
    zero, length = rects["a → zero"]
    per_nat = length / 0.31
    assert diamonds["a → zero"] == pytest.approx(zero + 2 * per_nat, abs=0.6)
    lab.set_state(head="b", reveal="show", guess=-0.5)
    rects, diamonds = places()
    assert sum(rects["b → zero"]) == pytest.approx(zero, abs=0.11)  # a negative effect ends at 0
    assert rects["b → zero"][1] == pytest.approx(0.04 * per_nat, abs=0.11)
    assert rects["a → zero"] == (zero, length)
    assert diamonds["b → zero"] == pytest.approx(zero - 0.5 * per_nat, abs=0.6)
    lab.set_state(head="c", reveal="show")  # an effect beyond the slider: the scale grows
    rects, _ = places()
    assert rects["c → zero"][1] == pytest.approx(rects["a → zero"][1] * 3.5 / 0.31, rel=0.01)


def test_the_baseline_is_computed_where_none_is_given(loss):
    assert AblationLab(loss, heads=["a"]).state()["baseline"] == BASE
    assert loss.asked == [{}]


def test_range_of_the_guess(loss):
    slider = AblationLab(loss, heads=["a"], largest_guess=0.4).controls["guess"]
    assert (slider.min, slider.max, slider.step) == (-0.1, 0.4, 0.002)


def test_of_very_many_tries_the_largest_and_the_chosen_are_drawn():
    names = [f"head {i}" for i in range(40)]
    lab = AblationLab(lambda off: sum(int(name[5:]) / 100 for name in off), heads=names, baseline=0.0)
    for name in reversed(names):
        lab.set_state(head=name, reveal="show")
    drawn = list(bars(lab))
    assert drawn == [f"head {i} → zero" for i in range(39, 39 - MOST_SHOWN + 1, -1)] + ["head 0 → zero"]
    assert "and 16 more with smaller effects" in "".join(shown(lab).itertext())
    assert len(lab.state()["tried"]) == 40


def test_an_error_of_the_model_is_shown_goes_on_and_is_not_remembered(lab, loss):
    def fail(switched_off):
        raise RuntimeError("out of memory")

    lab._loss = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        lab.controls["reveal"].value = "show"
    assert "RuntimeError: out of memory" in message(lab)
    assert lab.state()["tried"] == []
    lab._loss = loss
    lab.controls["head"].value = "b"
    assert lab.state()["problem"] == ""
    assert lab.set_state(head="a", reveal="show")["effect"] == pytest.approx(0.31)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_refused(lab, value):
    lab._loss = lambda switched_off: value
    with pytest.raises(ValueError, match="a at zero.*must be a finite number"):
        lab.set_state(reveal="show")
    assert lab.state()["reveal"] == "hide"
    assert lab.state()["tried"] == []
    with pytest.raises(ValueError, match="with all heads"):
        AblationLab(lambda switched_off: value, heads=["a"])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"head": "z"}, "there are a, b, c"),
        ({"mode": "half"}, "mode is zero or mean"),
        ({"reveal": "peek"}, "reveal is hide or show"),
        ({"guess": 2.1}, "guess goes from -0.5 to 2"),
        ({"guess": -0.6}, "guess goes from -0.5 to 2"),
        ({"guess": math.nan}, "guess goes from"),
        ({"heads": 1}, "No control named heads"),
    ],
)
def test_values_that_do_not_exist_are_refused(lab, loss, values, says):
    with pytest.raises(ValueError, match=says):
        lab.set_state(**values)
    assert {key: lab.controls[key].value for key in lab.controls} == {
        "head": "a", "mode": "zero", "guess": 0.0, "reveal": "hide",
    }  # fmt: skip
    assert loss.asked == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"heads": []}, "at least one head"),
        ({"heads": ["a", "a"]}, "a name of its own"),
        ({"heads": ["a"], "largest_guess": 0}, "largest_guess"),
        ({"heads": ["a"], "largest_guess": math.nan}, "largest_guess"),
        ({"heads": ["a"], "baseline": math.nan}, "with all heads"),
    ],
)
def test_what_does_not_fit_is_refused(loss, settings, says):
    with pytest.raises(ValueError, match=says):
        AblationLab(loss, **settings)


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "\"q\" & 'a'", "שלום", "👩‍🔬", "x" * 300])
def test_names_are_text(name):
    lab = AblationLab(lambda off: float(len(off)), heads=[name, "b"])
    for state in ({"reveal": "show"}, {"head": "b"}):
        lab.set_state(**state)
        assert "<img" not in lab.widget.children[-1].value
        tags = {node.tag.removeprefix(NS) for node in shown(lab).iter()}
        assert tags <= {"svg", "g", "rect", "text", "title", "line", "path"}
        assert lab.picture().png()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_unit_is_named_wherever_numbers_stand(loss):
    for per, settings in (("token", {}), ("text", {"per": "text"})):
        one = AblationLab(loss, heads=["a"], baseline=BASE, **settings)
        hidden_too = one.draw(one.compute(one._control_values()))
        one.set_state(reveal="show")
        revealed = one.draw(one.compute(one._control_values()))
        for svg in (hidden_too, revealed):
            assert f"nats per {per} more than with all heads" in svg
            assert f"1.250 nats per {per}." in svg
            assert svg.count("nats per") == svg.count(f"nats per {per}")
