"""Explorers of transformers on the page: every control moved by keys, and every number compared with what
plain Python gives.

An explorer more: its variable and its start in the two tables below, its numbers in `transformer_scratch`.
"""

import base64
import io

import numpy as np
import pytest
from explorer_view import CHANGED, ExplorerView
from notebook_page import NotebookPage
from test_context_and_search import BAD, OUTSIDE, enter
from test_explorer_input import assert_nothing_injected
from test_explorer_page import CUT, FOCUSED
from transformer_scratch import HARMFUL, NAMES, TEXT, THRESHOLD, Tables, notebook_sources

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("transformers")]

VARIABLES = {"heads": "heads_grid"}
START = {
    "heads": {
        "sentence": TEXT,
        "model": "trained",
        "sort": "layer order",
        "place": 2,
        "threshold": THRESHOLD,
    },
}
TYPED = {"heads": "sentence"}  # the field for texts, and what it refuses: all of `BAD`
MARKS = """nodes => nodes.map(node => ({
    ...node.dataset, href: node.getAttribute('href'), width: node.getBoundingClientRect().width,
    hover: node.querySelector('title')?.textContent ?? '' }))"""


@pytest.fixture(scope="module")
def tables():
    return Tables()


@pytest.fixture(scope="module")
def transformer_page(lab, context, tables):
    name = lab.write_notebook("transformer_scratch.ipynb", notebook_sources())
    (lab.root / "notebooks" / "transformers.json").write_text(tables.as_json(), encoding="utf-8")
    page = NotebookPage(context, lab, name)
    page.run_all()
    yield page
    page.close()


@pytest.fixture(autouse=True)
def _nothing_bad_on_this_page(transformer_page):
    """No request left the machine, no error in the console, on stderr or in the kernel."""
    transformer_page.page.bring_to_front()
    yield
    assert transformer_page.forgive() == []


def opened(page, name):
    view = ExplorerView(page, name, variable=VARIABLES[name])
    view.set_state(**START[name])
    return view


@pytest.fixture(params=START)
def view(request, transformer_page):
    return opened(transformer_page, request.param)


@pytest.fixture
def at(transformer_page):
    """Function: name of an explorer → it, as at the start."""
    return lambda name: opened(transformer_page, name)


def marks(view, selector):
    """Data attributes and hover text of elements of the picture."""
    return view.picture.locator(selector).evaluate_all(MARKS)


def moved(view, control, key):
    """A key that must change the picture in the document."""
    view.notebook.settle()
    before = view.markup()
    view.press(control, key)
    view.page.wait_for_function(
        CHANGED, arg=[view.root.element_handle(), f".course-{view.name}-picture", before]
    )
    view.notebook.settle()


# ---- HeadsGrid -------------------------------------------------------------------------------------------


def pixels(mark):
    """Red of a small map's cells, (T, S)."""
    from PIL import Image

    data = base64.b64decode(mark["href"].removeprefix("data:image/png;base64,"))
    zoom = int(mark["zoom"])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[::zoom, ::zoom, 0].astype(int)


def check_heads(
    view, tables, *, text=TEXT, model="trained", sort="layer order", place=2, threshold=THRESHOLD
):
    """Order, captions, small maps, the large map, kinds and scores of the chosen head."""
    weights, scores = tables.weights(text, model), tables.scores(text, model)
    order, kinds = tables.order(text, model, sort), tables.kinds(text, model, threshold)
    chosen, size = order[place - 1], len(text.split())
    found = marks(view, "image")
    assert [mark["head"] for mark in found] == order
    for mark in found:
        name = mark["head"]
        free = np.tri(size, dtype=bool)
        expected = 255 - 247 * np.round(np.array(weights[name]), 2)
        np.testing.assert_allclose(pixels(mark)[free], expected[free], atol=3)
        assert mark["width"] > 60
        said = ", ".join(f"{score} {values[name]:.2f}" for score, values in scores.items())
        assert mark["hover"] == f"{name} {kinds[name]}, {said}"
    table = np.array(weights[chosen])
    seen = set()
    for cell in marks(view, "rect[data-row]"):
        row, first = int(cell["row"]), int(cell["column"])
        for column in range(first, int(cell.get("last", first)) + 1):  # masked neighbours are one element
            assert float(cell["value"]) == pytest.approx(table[row, column], abs=1e-5)
            assert ("masked" in cell) == (column > row)
            seen.add((row, column))
    assert len(seen) == size * size
    state = view.state()
    np.testing.assert_allclose(state["weights"], table, atol=1e-6)
    assert (state["order"], state["head_name"], state["head_kind"]) == (order, chosen, kinds[chosen])
    assert state["head_scores"] == pytest.approx({score: values[chosen] for score, values in scores.items()})
    assert state["kinds"] == [kinds[name] for name in order]
    assert view.drawing("data-chosen") == chosen
    assert f"Head {chosen}, {kinds[chosen]}" in view.sentence()
    written = [part.strip() for part in view.picture.locator("svg text").all_text_contents()]
    assert written.count("mixed") == list(kinds.values()).count("mixed")
    if sort != "layer order":
        assert {f"{scores[sort][name]:.2f}" for name in NAMES} <= set(written)
    assert view.status() == ""


def test_heads_in_every_order(at, tables):
    view = at("heads")
    check_heads(view, tables)
    for key, place in (("Home", 1), ("ArrowRight", 2), ("End", 6)):
        moved(view, "place", key)
        check_heads(view, tables, place=place)
    for sort in ("previous", "first", "entropy", "layer order"):
        with view.changing():
            view.choose("sort", sort)
        check_heads(view, tables, sort=sort, place=6)
    for key, threshold in (("End", 1.0), ("Home", 0.0)):
        moved(view, "threshold", key)
        check_heads(view, tables, threshold=threshold, place=6)
    with view.changing():
        view.choose("model", "untrained")
    check_heads(view, tables, model="untrained", threshold=0.0, place=6)


def test_a_text_of_heads_is_typed(at, tables):
    """Nothing happens before Enter; a word that would be markup stays text."""
    view = at("heads")
    before, field = view.markup(), view.handle("sentence")
    field.press("Control+a")
    field.press_sequentially("a dog sees")
    view.notebook.settle()
    assert view.markup() == before
    with view.changing():
        field.press("Enter")
    check_heads(view, tables, text="a dog sees")
    with view.changing():
        view.fill("sentence", f"  the 🌊  sees {HARMFUL} ")
        view.press("sentence", "Tab")
    check_heads(view, tables, text=f"the 🌊 sees {HARMFUL}")
    assert_nothing_injected(view)


def test_small_maps_are_painted(at):
    """The browser can read each of them, and masked cells show their strokes on the screen."""
    view = at("heads")
    view.notebook.settle()
    sizes = view.picture.locator("image").evaluate_all(
        "nodes => Promise.all(nodes.map(async node => { if (node.decode) await node.decode(); "
        "return node.getBBox().width; }))"
    )
    assert len(sizes) == 6
    assert min(sizes) > 60
    seen = view.pixels().reshape(-1, 3)
    assert (
        np.abs(seen.astype(int) - [180, 188, 197]).max(axis=1) <= 3
    ).sum() > 200  # strokes of the hatching


# ---- all of them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPED)
def test_unusable_text(at, name):
    """A message in plain sight, the last good picture, nothing injected, no error; then all is well again."""
    view, control = at(name), TYPED[name]
    markup = view.markup()
    for kind, text in BAD.items():
        enter(view, control, text)
        view.notebook.settle()
        message = view.part("status")
        assert message.get_attribute("role") == "alert"
        assert message.is_visible()
        assert 0 < len(message.inner_text().strip()) < 300, kind
        assert view.markup() == markup, kind
        assert_nothing_injected(view)
    enter(view, control, START[name][control])
    view.notebook.settle()
    assert view.status() == ""
    assert view.markup() == markup


def test_it_fits_the_page(view):
    """Nothing is cut off or too small, also on a narrow page; a screen reader hears the sentence."""
    assert view.root.locator(".widget-label").evaluate_all(CUT) == []
    assert view.root.locator(".widget-readout, button").evaluate_all(CUT) == []
    assert view.root.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert (view.drawing("role"), view.drawing("aria-label")) == ("img", view.sentence())
    assert view.picture.locator("svg").first.evaluate(OUTSIDE) == []
    with view.changing():
        view.root.locator(".noUi-handle").first.press("ArrowRight")
    small = "nodes => nodes.filter(node => parseFloat(getComputedStyle(node).fontSize) < 10).length"
    assert view.picture.locator("svg text").evaluate_all(small) == 0
    view.page.set_viewport_size({"width": 700, "height": 900})
    try:
        view.root.scroll_into_view_if_needed()
        box, room = view.picture.locator("svg").first.bounding_box(), view.root.bounding_box()
        assert 300 <= box["width"] <= room["width"]
        assert view.root.locator(".widget-label").evaluate_all(CUT) == []
    finally:
        view.page.set_viewport_size({"width": 1280, "height": 1000})


def test_every_control_is_reached_by_keys_alone(view):
    view.root.locator("input, .noUi-handle").first.focus()
    reached = set()
    for _ in range(14):
        reached |= {key for key in START[view.name] if view.part(key).evaluate(FOCUSED)}
        if len(reached) == len(START[view.name]):
            break
        view.page.keyboard.press("Tab")
    assert reached == set(START[view.name])
