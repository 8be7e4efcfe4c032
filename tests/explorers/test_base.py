"""What every explorer promises, shown on the smallest possible one."""

import base64
import re
import threading

import ipywidgets as widgets
import pytest

from course_utils.explorers.base import LONGEST_INPUT, Explorer, InputProblem
from course_utils.plots.style import new_figure
from course_utils.plots.svg import draw_rect, svg_document


class Doubler(Explorer):
    """Doubles a number; refuses 7, breaks at 9."""

    name = "doubler"

    def __init__(self, *, figure=False):
        self.figure = figure
        number = widgets.IntSlider(value=1, min=0, max=10, description="number")
        super().__init__({"number": number, "note": widgets.Text(value="", description="note")})

    def compute(self, state):
        if state["number"] == 7:
            raise InputProblem("7 is <unlucky>; choose another number.")
        if state["number"] == 9:
            raise ZeroDivisionError("nine")
        return {"double": 2 * state["number"], "echo": state["note"]}

    def draw(self, result):
        if self.figure:
            figure, (ax,) = new_figure(width=320, height=240)
            ax.plot([0, result["double"]])
            return figure
        bar = draw_rect(0, 0, result["double"], 10, fill="#000000", data={"value": result["double"]})
        return svg_document(bar, width=320, height=20, label=self.describe(result))

    def describe(self, result):
        return f"Twice the number is {result['double']}; note: {result['echo']}."


def view(explorer):
    """The HTML of message, picture and sentence."""
    return explorer.widget.children[-1].value


def status(explorer):
    """The part of it above the picture."""
    return view(explorer).partition('<div class="course-doubler-picture">')[0]


def test_moving_a_control_shows_what_compute_says():
    explorer = Doubler()
    explorer.controls["number"].value = 4
    assert explorer.state() == {"number": 4, "note": "", "double": 8, "echo": "", "problem": ""}
    assert 'data-value="8"' in view(explorer)
    assert "Twice the number is 8" in view(explorer)


def test_set_state_moves_all_controls_and_computes_once():
    explorer = Doubler()
    calls = []
    original = explorer.compute
    explorer.compute = lambda state: calls.append(dict(state)) or original(state)
    state = explorer.set_state(number=3, note="hi")
    assert calls == [{"number": 3, "note": "hi"}]
    assert (state["double"], explorer.controls["number"].value, explorer.controls["note"].value) == (
        6,
        3,
        "hi",
    )


@pytest.mark.parametrize(
    "values", [{"nummer": 1}, {"number": 99}, {"number": -1}, {"number": "x"}, {"number": 9}]
)
def test_a_refused_set_state_changes_nothing_and_says_so(values):
    explorer = Doubler()
    explorer.set_state(number=2, note="kept")
    before, picture = explorer.state(), view(explorer)
    with pytest.raises(ValueError):
        explorer.set_state(**values)
    assert explorer.state() == before
    assert view(explorer) == picture


def test_input_problem_keeps_the_last_picture_and_shows_escaped_words():
    explorer = Doubler()
    explorer.set_state(number=2)
    explorer.controls["number"].value = 7
    assert explorer.state()["problem"] == "7 is <unlucky>; choose another number."
    assert "&lt;unlucky&gt;" in status(explorer)
    assert 'data-value="4"' in view(explorer)
    explorer.controls["number"].value = 3
    assert explorer.state()["problem"] == ""
    assert explorer.state()["double"] == 6
    with pytest.raises(InputProblem, match="unlucky"):
        explorer.set_state(number=7)


def test_an_unexpected_error_is_shown_and_goes_on():
    explorer = Doubler()
    with pytest.raises(ZeroDivisionError):
        explorer.controls["number"].value = 9
    assert "ZeroDivisionError: nine" in status(explorer)
    explorer.controls["number"].value = 5
    assert explorer.state()["double"] == 10
    assert explorer.state()["problem"] == ""


def test_endless_text_is_refused_with_its_length():
    explorer = Doubler()
    explorer.controls["note"].value = "x" * (LONGEST_INPUT + 1)
    assert "2,001 characters" in explorer.state()["problem"]


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "👩‍🔬", "مرحبا", "\x00\x07"])
def test_text_is_escaped_wherever_it_is_shown(text):
    explorer = Doubler()
    explorer.set_state(note=text)
    html = view(explorer)
    assert "<script" not in html
    assert "\x00" not in html
    assert explorer.state()["echo"] == text


def test_controls_and_parts_have_stable_classes_and_roles():
    explorer = Doubler()
    classes = [set(child._dom_classes) for child in explorer.widget.children]
    assert "course-doubler-number" in classes[0]
    assert "course-doubler-note" in classes[1]
    assert "course-doubler-shown" in classes[2]
    assert [part in view(explorer) for part in ("-status", "-picture", "-text")] == [True] * 3
    assert 'role="alert"' in status(explorer)
    assert 'aria-live="polite"' in view(explorer)
    assert 'role="img"' in view(explorer)


@pytest.mark.parametrize("figure", [False, True])
def test_bundle_has_the_widget_a_png_with_alt_and_fixed_text(figure):
    explorer = Doubler(figure=figure)
    bundle, metadata = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["image/png"][:4] == b"\x89PNG"
    assert metadata["image/png"]["alt"] == explorer.describe({"double": 2, "echo": ""})
    text = bundle["text/plain"]
    explorer.set_state(number=5)
    again, _ = explorer._repr_mimebundle_()
    assert again["text/plain"] == text
    assert again["image/png"] != bundle["image/png"]


def test_figure_renderer_updates_the_image():
    explorer = Doubler(figure=True)
    before = view(explorer)
    explorer.set_state(number=6)
    assert view(explorer) != before
    alt, data = re.search(r'<img alt="([^"]*)" .*base64,([^"]+)">', view(explorer)).groups()
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert "Twice the number is 12" in alt


def test_two_threads_leave_picture_and_numbers_in_agreement():
    explorer = Doubler()

    def move(numbers):
        for number in numbers:
            explorer.set_state(number=number)

    threads = [threading.Thread(target=move, args=([i, i + 1] * 100,)) for i in (1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = explorer.state()
    assert state["double"] == 2 * state["number"]
    assert f'data-value="{state["double"]}"' in view(explorer)
