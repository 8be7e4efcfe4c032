"""Lesson 00 in the browser: its explorer shows right numbers, and they are the ones that its cells print."""

import pytest
from checks import check_softmax, disagreements
from explorer_view import ExplorerView
from lab import ROOT
from scratch import CHOICES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("lesson 00")]


@pytest.fixture
def view(lesson_00):
    return ExplorerView(lesson_00, "softmax", variable="softmax_explorer")


def test_a_cell_of_the_lesson_has_moved_the_slider(view):
    state = view.state()
    assert state["temperature"] == pytest.approx(0.5)
    assert float(view.drawing("data-temperature")) == pytest.approx(0.5)
    assert view.part("temperature").locator(".widget-readout").inner_text() == "0.50"
    check_softmax(view, scores=CHOICES, temperature=0.5)


def test_slider_and_scores(view):
    with view.changing():
        view.press("temperature", "ArrowRight")
    temperature = view.state()["temperature"]
    assert temperature > 0.5
    check_softmax(view, scores=CHOICES, temperature=temperature)
    with view.changing():
        view.fill("scores_text", "stay 3, go 3")
    check_softmax(view, scores={"stay": 3.0, "go": 3.0}, temperature=temperature)


def test_running_all_twice_gives_the_stored_results(lesson_00):
    stored = ROOT / "notebooks" / "00_welcome.ipynb"
    assert disagreements(lesson_00, stored) == []
    lesson_00.run_all()
    assert disagreements(lesson_00, stored) == []
