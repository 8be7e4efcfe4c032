"""From key press to new pixels within the budgets, measured with the benchmarks' own code.

The budgets hold on an idle machine. On a busy one they grow with the yardstick, a bare slider and a line of
text that is pressed in turn with the explorer.
"""

import pytest
from explorer_view import ExplorerView
from latency import PNG_BUDGET, SVG_BUDGET, Control, Latency, measure_against_yardstick

pytestmark = [pytest.mark.browser, pytest.mark.latency]


def measure(view: ExplorerView, control: str, *, budget: float) -> Latency:
    """Latency of moving a slider, after making sure that a key changes the pixels."""
    for key in ("ArrowLeft", "ArrowRight"):
        with view.changing():
            view.press(control, key)
    page = view.page
    measured = Control(
        f"{view.name} {control}", view.handle(control), view.part("shown"), ("ArrowLeft", "ArrowRight")
    )
    bare = Control("yardstick", page.locator(".yardstick .noUi-handle"), page.locator(".yardstick-picture"))
    latency = measure_against_yardstick(
        measured, bare, budget=budget, presses=14, settle=view.notebook.settle
    )
    print(f"{measured.name}: {latency.median:.0f} ms, a bare slider {latency.yardstick:.0f} ms")
    return latency


def test_softmax(softmax_view):
    latency = measure(softmax_view, "temperature", budget=SVG_BUDGET)
    assert latency.within, latency


@pytest.mark.parametrize("representation", ["PPMI", "PPMI + SVD"])
def test_neighbours_over_the_whole_vocabulary(lesson_01, representation):
    view = ExplorerView(lesson_01, "neighbours", variable="neighbour_explorer")
    view.set_state(word="sodium", representation=representation, metric="cosine", k=10)
    latency = measure(view, "k", budget=SVG_BUDGET)
    assert latency.within, latency


@pytest.mark.parametrize("picture", ["words × contexts", "words × words (cosine)"])
def test_cooccurrence_over_the_whole_vocabulary(lesson_01, picture):
    view = ExplorerView(lesson_01, "cooccurrence", variable="cooccurrence_explorer")
    view.set_state(window=10, view=picture)
    latency = measure(view, "window", budget=SVG_BUDGET)
    assert latency.within, latency


def test_scatter_as_png(scratch_page):
    view = ExplorerView(scratch_page, "scatter", variable="scatter_explorer")
    view.set_state(angle=20)
    latency = measure(view, "angle", budget=PNG_BUDGET)
    assert latency.within, latency
