"""From key press to new pixels within the budgets, measured with the benchmarks' own code."""

import pytest
from explorer_view import ExplorerView
from latency import PNG_BUDGET, SVG_BUDGET, Control, median_latency

pytestmark = pytest.mark.browser


def median(view: ExplorerView, control: str, *, budget: float, keys=("ArrowRight", "ArrowLeft")) -> float:
    """Median milliseconds for moving a slider, after making sure that a key changes the pixels."""
    view.notebook.page.bring_to_front()
    with view.changing():
        view.press(control, keys[0])
    with view.changing():
        view.press(control, keys[1])
    measured = Control(f"{view.name} {control}", view.handle(control), view.picture, keys)
    return median_latency(measured, budget=budget, settle=view.notebook.settle)


def test_softmax(softmax_view):
    assert median(softmax_view, "temperature", budget=SVG_BUDGET) <= SVG_BUDGET


@pytest.mark.parametrize("representation", ["PPMI", "PPMI + SVD"])
def test_neighbours_over_the_whole_vocabulary(lesson_01, representation):
    view = ExplorerView(lesson_01, "neighbours", variable="neighbour_explorer")
    view.set_state(word="sodium", representation=representation, metric="cosine", k=10)
    assert median(view, "k", budget=SVG_BUDGET) <= SVG_BUDGET


@pytest.mark.parametrize("picture", ["words × contexts", "words × words (cosine)"])
def test_cooccurrence_over_the_whole_vocabulary(lesson_01, picture):
    view = ExplorerView(lesson_01, "cooccurrence", variable="cooccurrence_explorer")
    view.set_state(window=10, view=picture)
    assert median(view, "window", budget=SVG_BUDGET) <= SVG_BUDGET


def test_scatter_as_png(scratch_page):
    view = ExplorerView(scratch_page, "scatter", variable="scatter_explorer")
    view.set_state(angle=20)
    assert median(view, "angle", budget=PNG_BUDGET) <= PNG_BUDGET
