"""Predict, then look: nothing of the answer is on the page before the guess, all of it afterwards."""

import base64
import threading

import ipywidgets as widgets
import numpy as np
import pytest
from test_page import HOSTILE, Reader, assert_only_text

from course_utils.explorers.base import InputProblem
from course_utils.plots.picture import Picture
from course_utils.plots.style import new_figure
from course_utils.plots.svg import svg_document
from course_utils.teaching.predict import Prediction, is_number
from course_utils.teaching.progress import load_progress, note_guess

ALT = "Raw counts lose against PPMI at every window."
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    return folder


def svg_picture():
    return Picture(svg_document('<rect id="secret"/>', width=40, height=30, label="bars"), alt=ALT)


def figure_picture():
    figure, (ax,) = new_figure(width=320, height=200)
    ax.plot([0, 1])
    return Picture(figure, alt=ALT)


def number(**changes):
    settings = {
        "question": "Spearman with a window of 10?",
        "low": 0,
        "high": 1,
        "step": 0.05,
        "look": svg_picture(),
        "measured": 0.57735,
        "explain": "Wide windows collect topics.",
    }
    return Prediction("01.window", **{**settings, **changes})


def choice(**changes):
    settings = {"choices": ["rises", "falls"], "low": None, "high": None, "step": None, "measured": "falls"}
    return number(**{**settings, **changes})


def tree(widget):
    """A widget and all that it holds, in the order of the page."""
    return [widget, *(one for child in getattr(widget, "children", ()) for one in tree(child))]


def part(prediction, name):
    """The one widget with this CSS class."""
    (found,) = [one for one in tree(prediction.widget) if f"course-predict-{name}" in one._dom_classes]
    return found


def page(prediction):
    """Everything that the live widget puts on the page."""
    return "".join(str(getattr(one, "value", "")) for one in tree(prediction.widget))


def has_picture(prediction):
    return any("course-predict-picture" in one._dom_classes for one in tree(prediction.widget))


@pytest.mark.parametrize("make", [number, choice])
def test_the_answer_is_not_on_the_page_before_the_guess(make):
    prediction = make()
    prediction._repr_mimebundle_()
    for secret in ("secret", "0.577", "measured", "Wide windows", ALT, "data:image"):
        assert secret not in page(prediction)
    assert not has_picture(prediction)
    assert "Spearman with a window of 10?" in page(prediction)
    assert prediction.state()["shown"] is False


def test_after_the_guess_all_of_it_is():
    prediction = number()
    prediction.set_state(guess=0.4)
    state = prediction.commit()
    assert state == {"guess": 0.4, "committed": True, "shown": True, "measured": 0.57735, "problem": ""}
    assert "You said 0.4; measured 0.577." in part(prediction, "answer").value
    assert "Wide windows collect topics." in part(prediction, "answer").value
    assert 'id="secret"' in part(prediction, "picture").value
    assert f'aria-label="{ALT}"' in part(prediction, "picture").value
    assert load_progress().guess("01.window") == 0.4


def test_a_click_does_what_the_method_does():
    prediction = choice()
    part(prediction, "guess").value = "rises"
    part(prediction, "commit").click()
    assert prediction.state() == {
        "guess": "rises",
        "committed": True,
        "shown": True,
        "measured": "falls",
        "problem": "",
    }
    assert "You said rises; measured falls." in part(prediction, "answer").value


def test_the_quiet_button_shows_without_a_guess(cache):
    prediction = number()
    part(prediction, "skip").click()
    state = prediction.state()
    assert state["shown"]
    assert not state["committed"]
    assert "You made no guess; measured 0.577." in part(prediction, "answer").value
    assert has_picture(prediction)
    assert not cache.exists()


def test_after_the_picture_nothing_can_be_changed():
    prediction = number()
    prediction.show()
    for name in ("commit", "skip"):
        assert part(prediction, name).disabled
    assert all(one.disabled for one in part(prediction, "guess").children)
    assert prediction.commit()["committed"] is False
    with pytest.raises(ValueError, match="shown already; run the cell again"):
        prediction.set_state(guess=0.1)
    assert sum("course-predict-picture" in one._dom_classes for one in tree(prediction.widget)) == 1


def test_slider_and_number_field_hold_the_same_value():
    prediction = number()
    slider, field = part(prediction, "guess").children
    field.value = 0.85
    assert slider.value == prediction.state()["guess"] == 0.85
    slider.value = 0.1
    assert field.value == 0.1
    assert (slider.step, field.step) == (0.05, 0.05)
    assert number(step=None).state()["guess"] == 0.5


def test_no_choice_is_no_guess():
    prediction = choice()
    part(prediction, "commit").click()
    assert prediction.state()["problem"] == "Choose one of the answers first."
    assert "Choose one of the answers first." in part(prediction, "status").value
    assert not has_picture(prediction)
    with pytest.raises(InputProblem, match="Choose one"):
        prediction.commit()
    prediction.set_state(guess="falls")
    assert prediction.commit()["problem"] == ""
    assert part(prediction, "status").value == ""


def test_a_later_run_shows_the_earlier_guess_but_not_the_answer():
    first = number()
    first.set_state(guess=0.4)
    first.commit()
    second = number()
    assert second.state()["guess"] == 0.4
    assert not second.state()["shown"]
    assert "Last time you said 0.4." in part(second, "answer").value
    assert "0.577" not in page(second)
    second.set_state(guess=0.6)
    second.commit()
    assert "Last time" not in page(second)
    assert load_progress().guess("01.window") == 0.6


@pytest.mark.parametrize(
    ("make", "earlier"), [(number, 7.0), (number, "rises"), (choice, "stays"), (choice, 0.4)]
)
def test_an_earlier_guess_that_no_longer_fits_is_ignored(make, earlier):
    note_guess("01.window", earlier)
    prediction = make()
    assert prediction.state()["guess"] != earlier
    assert "Last time" not in page(prediction)


@pytest.mark.parametrize(
    ("make", "guess", "message"),
    [
        (number, 1.1, "1.1 cannot be guessed here; give a number from 0 to 1"),
        (number, -0.1, "give a number from 0 to 1"),
        (number, "much", "'much' cannot be guessed here"),
        (number, float("nan"), "nan cannot be guessed here"),
        (number, True, "True cannot be guessed here"),
        (choice, "stays", "'stays' cannot be guessed here; choose one of: rises; falls"),
        (choice, 0, "0 cannot be guessed here"),
        (choice, "x" * 10_000, "cannot be guessed here"),
    ],
)
def test_guesses_that_cannot_be_are_refused(make, guess, message):
    prediction = make()
    before = prediction.state()
    with pytest.raises(ValueError, match=message) as caught:
        prediction.set_state(guess=guess)
    assert prediction.state() == before
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("measured", "unit", "said"),
    [
        (0.57735, "", "0.577"),
        (97.31, "%", "97.3 %"),
        (312.4, "s", "312 s"),
        (16_712.3, "tokens/s", "16,712 tokens/s"),
        (999.7, "", "1,000"),
        (0, "", "0"),
        (np.float32(0.5), "", "0.5"),
        (-2.5, "nats", "-2.5 nats"),
        (0.0000123, "", "1.23e-05"),
    ],
)
def test_numbers_are_said_as_one_would(measured, unit, said):
    prediction = number(low=-1e6, high=1e6, step=0.5, measured=measured, unit=unit)
    prediction.set_state(guess=1234.5)
    prediction.commit()
    assert f"You said {f'1,234.5 {unit}'.strip()}; measured {said}." in part(prediction, "answer").value


def test_the_picture_is_drawn_once_and_only_when_needed():
    calls = []

    def draw():
        calls.append(1)
        return svg_picture()

    prediction = number(look=draw)
    assert calls == []
    prediction._repr_mimebundle_()
    prediction._repr_mimebundle_()
    prediction.commit()
    assert calls == [1]


def test_a_page_without_a_kernel_gets_the_picture():
    prediction = number(look=figure_picture)
    bundle, metadata = prediction._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"] == {"alt": ALT, "width": 320}
    assert bundle[VIEW]["model_id"] == prediction.widget.model_id
    assert (
        bundle["text/plain"]
        == "Your guess first: Spearman with a window of 10? (Run the notebook to make it.)"
    )
    prediction.commit()
    assert prediction._repr_mimebundle_()[0]["text/plain"] == bundle["text/plain"]


def test_a_figure_appears_with_its_alternative_text():
    prediction = number(look=figure_picture)
    prediction.commit()
    markup = part(prediction, "picture").value
    assert f'alt="{ALT}"' in markup
    assert 'width="320"' in markup
    encoded = markup.split("base64,")[1].split('"')[0]
    assert base64.b64decode(encoded).startswith(b"\x89PNG")


def test_a_picture_that_fails_is_told_on_the_page_and_raised(caplog):
    def broken():
        raise RuntimeError("no <data>")

    prediction = number(look=broken)
    with pytest.raises(RuntimeError, match="no <data>"):
        prediction._repr_mimebundle_()
    part(prediction, "commit").click()
    assert "RuntimeError: no <data>" in caplog.text  # ipywidgets takes what a callback raises to the log
    assert prediction.state()["problem"] == "RuntimeError: no <data>"
    assert "no &lt;data&gt;" in part(prediction, "status").value
    assert 'role="alert"' in part(prediction, "status").value
    assert not prediction.state()["committed"]
    with pytest.raises(TypeError, match="`look` must return a Picture, not a str"):
        number(look=lambda: "text").commit()


def test_a_guess_that_cannot_be_kept_costs_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    prediction = number()
    prediction.commit()
    assert prediction.state()["committed"]
    assert "Your progress was not kept" in part(prediction, "answer").value


def test_two_threads_that_commit_show_one_picture():
    prediction = number(look=figure_picture)
    threads = [threading.Thread(target=prediction.commit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("course-predict-picture" in one._dom_classes for one in tree(prediction.widget)) == 1


def test_names_for_tests_and_styles():
    prediction = number()
    assert "course-predict-01-window" in prediction.widget._dom_classes
    for name in ("guess", "commit", "skip", "answer", "status"):
        assert part(prediction, name)
    assert part(prediction, "commit").description == "Commit my guess"
    assert part(prediction, "skip").description == "Show without guessing"
    assert isinstance(part(choice(), "guess"), widgets.RadioButtons)
    assert 'aria-live="polite"' in part(prediction, "answer").value


@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_text_is_escaped(hostile):
    def shown(text):
        picture = Picture(
            svg_document("", width=4, height=3, label="x"), alt=text + " and twenty more characters"
        )
        one = number(question=text, explain=text, unit=text, look=picture)
        one.commit()
        other = choice(choices=[text, "other"], measured=text, question="q")
        other.set_state(guess=text)
        other.commit()
        again = choice(choices=[text, "other"], measured=text, question="q")
        values = [part(one, "answer").value, part(other, "answer").value, part(again, "answer").value]
        return one.widget.children[0].value, *values, part(one, "picture").value

    for markup, harmless in zip(shown(hostile)[:-1], shown("word")[:-1], strict=True):
        assert_only_text(markup, hostile=hostile, harmless=harmless)
    assert Reader(shown(hostile)[-1]).elements == Reader(shown("word")[-1]).elements
    number(question=hostile)._repr_mimebundle_()[0]["text/plain"].encode("utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question": ""}, "`question` must be a text"),
        ({"explain": None}, "`explain` must be a text"),
        ({"look": "picture"}, "`look` must be a Picture or a function"),
        ({"choices": ["a", "b"]}, "Give either a list of `choices`, or `low` and `high`"),
        ({"low": None, "high": None}, "Give either"),
        ({"high": None}, "Give either"),
        ({"choices": "ab", "low": None, "high": None}, "Give either"),
        ({"low": 1, "high": 1}, "`low` must be a number below `high`, not 1 and 1"),
        ({"low": "0"}, "`low` must be a number"),
        ({"high": float("inf")}, "`low` must be a number"),
        ({"step": 0}, "`step` must be above 0"),
        ({"step": 2}, "`step` must be above 0 and at most high - low, not 2"),
        ({"step": float("nan")}, "`step` must be above 0"),
        ({"measured": "0.5"}, "`measured` must be a finite number, not '0.5'"),
        ({"measured": float("nan")}, "`measured` must be a finite number"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        number(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"choices": ["a"], "measured": "a"}, "two or more different choices"),
        ({"choices": ["a", "a"], "measured": "a"}, "two or more different choices"),
        ({"choices": ["a", " "], "measured": "a"}, "`choices` must be a text"),
        ({"choices": ["a", 2], "measured": "a"}, "`choices` must be a text"),
        ({"measured": 0.5}, "`measured` must be one of the choices, not 0.5"),
    ],
)
def test_choices_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        choice(**changes)


def test_a_bad_key_is_refused():
    with pytest.raises(ValueError, match="is no key"):
        Prediction("window", question="q", low=0, high=1, look=svg_picture(), measured=0.5, explain="e")


def test_what_is_a_number():
    assert all(is_number(value) for value in (1, 0.5, np.float32(1), np.int64(3)))
    assert not any(is_number(value) for value in (True, "1", None, float("nan"), float("inf"), 1j, [1]))
