"""From key press to new pixels within the budgets, measured with the benchmarks' own code.

The budgets hold on an idle machine. On a busy one they grow with the yardstick, a bare slider and a line of
text that is pressed in turn with the explorer.
"""

import attention_latency_notebook as attention
import generation_latency_notebook as generation
import map_latency_notebook
import pytest
import transformer_latency_notebook as transformers
from explorer_view import ExplorerView
from latency import PNG_BUDGET, SVG_BUDGET, Control, Latency, measure_against_yardstick
from latency_notebook import CONTEXT, SEARCH, YARDSTICK
from notebook_page import NotebookPage

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


# ---- maps: 340 points, and 20,000 words for analogies ------------------------------------------------------


@pytest.fixture(scope="module")
def large_maps(lab, context):
    notebook = NotebookPage(
        context, lab, lab.write_notebook("map_latency.ipynb", map_latency_notebook.sources())
    )
    notebook.run_all()
    yield notebook
    complaints = notebook.forgive()
    notebook.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("name", "variable", "start", "control", "budget"),
    [
        ("scrubber", "training_scrubber", {"step": 20}, "step", PNG_BUDGET),
        ("projection", "projection_explorer", {"method": "t-SNE", "seed": 0}, "perplexity", PNG_BUDGET),
        ("truth", "neighbour_truth", {"k": 10}, "k", PNG_BUDGET),
        ("analogy", "analogy_explorer", {"k": 8}, "k", SVG_BUDGET),
    ],
)
def test_maps(large_maps, name, variable, start, control, budget):
    large_maps.page.bring_to_front()
    view = ExplorerView(large_maps, name, variable=variable)
    view.set_state(**start)
    latency = measure(view, control, budget=budget)
    assert latency.within, latency


# ---- texts: seven layers of a model, and 8,000 passages for two searches ----------------------------------


@pytest.fixture(scope="module")
def text_explorers(lab, context):
    name = lab.write_notebook("text_latency.ipynb", [CONTEXT, SEARCH, YARDSTICK])
    notebook = NotebookPage(context, lab, name)
    notebook.run_all()
    yield notebook
    complaints = notebook.forgive()
    notebook.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("name", "start", "control"),
    [
        ("context", {"layer": 3}, "layer"),
        ("search", {"k": 5}, "k"),
        ("search", {"k": 9}, "k"),  # twenty hits
    ],
)
def test_texts(text_explorers, name, start, control):
    text_explorers.page.bring_to_front()
    view = ExplorerView(text_explorers, name, variable=f"{name}_explorer")
    view.set_state(**start)
    latency = measure(view, control, budget=SVG_BUDGET)
    assert latency.within, latency


# ---- sentences of 24 words, eight heads, a vocabulary of 1,100 --------------------------------------------

ATTENTION = {
    "gates": ("gate_explorer", {"unit": 5}),
    "lengths": ("length_explorer", {"width": 3}),
    "beam": ("beam_explorer", {"depth": 9}),
    "alignment": ("alignment_explorer", {"threshold": 0.5}),
    "weights": ("weight_editor", {"word": 3}),
    "pipeline": ("score_pipeline", {"query": 12}),
    "dotproducts": ("dot_products", {"width": 64}),
    "ablation": ("ablation_lab", {"guess": 0.5}),
}


@pytest.fixture(scope="module")
def attention_explorers(lab, context):
    cells = [attention.NUMBERS, *attention.EXPLORERS, YARDSTICK]
    notebook = NotebookPage(context, lab, lab.write_notebook("attention_latency.ipynb", cells))
    notebook.run_all()
    yield notebook
    complaints = notebook.forgive()
    notebook.close()
    assert complaints == []


@pytest.mark.parametrize(("name", "control"), [(name, control) for name, control, _ in attention.MOVED])
def test_attention(attention_explorers, name, control):
    attention_explorers.page.bring_to_front()
    variable, start = ATTENTION[name]
    view = ExplorerView(attention_explorers, name, variable=variable)
    view.set_state(**start)
    latency = measure(view, control, budget=SVG_BUDGET)
    assert latency.within, latency


# ---- 72 heads over 20 pieces, and 8 over 24 words ----------------------------------------------------------

TRANSFORMERS = {
    "many_heads": ("heads", "place", {"place": 30}),
    "few_heads": ("heads", "place", {"place": 4}),
}


@pytest.fixture(scope="module")
def transformer_explorers(lab, context):
    cells = [transformers.NUMBERS, *transformers.EXPLORERS, transformers.FEW_HEADS, YARDSTICK]
    notebook = NotebookPage(context, lab, lab.write_notebook("transformer_latency.ipynb", cells))
    notebook.run_all()
    yield notebook
    complaints = notebook.forgive()
    notebook.close()
    assert complaints == []


@pytest.mark.parametrize("variable", TRANSFORMERS)
def test_transformers(transformer_explorers, variable):
    transformer_explorers.page.bring_to_front()
    name, control, start = TRANSFORMERS[variable]
    view = ExplorerView(transformer_explorers, name, variable=variable)
    view.set_state(**start)
    latency = measure(view, control, budget=SVG_BUDGET)
    assert latency.within, latency


# ---- a vocabulary of 4,096, twelve tokens written, three models --------------------------------------------


@pytest.fixture(scope="module")
def generation_explorers(lab, context):
    cells = [generation.NUMBERS, *generation.EXPLORERS, YARDSTICK]
    notebook = NotebookPage(context, lab, lab.write_notebook("generation_latency.ipynb", cells))
    notebook.run_all()
    yield notebook
    complaints = notebook.forgive()
    notebook.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("name", "start", "control"),
    [
        ("generation", {"step": 0, "temperature": 1.0}, "temperature"),
        ("generation", {"step": 12, "temperature": 1.0}, "temperature"),
        ("generation", {"step": 24, "temperature": 1.0}, "temperature"),
        ("generation", {"step": 12, "temperature": 1.0}, "step"),
        ("mask", {"place": 5}, "place"),
    ],
)
def test_generation(generation_explorers, name, start, control):
    generation_explorers.page.bring_to_front()
    view = ExplorerView(generation_explorers, name, variable=f"{name}_explorer")
    view.set_state(**start)
    latency = measure(view, control, budget=SVG_BUDGET)
    assert latency.within, latency
