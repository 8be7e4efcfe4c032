"""Explorers on the page: reachable by keyboard, nothing cut off, legible in both themes."""

import re

import pytest
from explorer_view import ExplorerView

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("scratch")]

EXPLORERS = ("softmax_view", "neighbour_view", "cooccurrence_view")
THEMES = ("JupyterLab Light", "JupyterLab Dark")
# What stands behind a text is the first colour up the page that is not transparent.
COLOURS = """element => {
    const colour = getComputedStyle(element).color;
    let behind = element, paper = 'rgba(0, 0, 0, 0)';
    while (behind && /, 0\\)$/.test(paper)) {
        paper = getComputedStyle(behind).backgroundColor;
        behind = behind.parentElement;
    }
    return [colour, paper];
}"""
CUT = """elements => elements
    .filter(element => element.offsetParent && element.scrollWidth > element.clientWidth)
    .map(element => element.innerText)"""
FOCUSED = "element => element.contains(document.activeElement)"


@pytest.fixture(params=EXPLORERS)
def view(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module", params=THEMES)
def theme(request, scratch_page):
    # Tests of one theme run together: JupyterLab stumbles over a change while it still loads the last one.
    scratch_page.set_theme(request.param)
    yield request.param
    scratch_page.set_theme(THEMES[0])


def test_nothing_is_cut_off(view, theme):
    assert view.root.locator(".widget-label").evaluate_all(CUT) == []
    assert view.root.locator(".widget-readout, button").evaluate_all(CUT) == []
    box = view.picture.locator("svg, img").bounding_box()
    assert box["width"] >= 300
    assert view.root.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_texts_are_legible(view, theme):
    """Contrast of at least 4.5 to 1, as the Web Content Accessibility Guidelines ask for (1.4.3)."""
    control = view.root.locator("input[type=text]").first
    good = control.input_value()
    control.fill("")
    view.notebook.settle()
    texts = {"message": view.root.locator(f".course-{view.name}-status[role=alert]")}
    texts["sentence"] = view.root.locator(f".course-{view.name}-text[role=status]")
    contrasts = {name: contrast(*text.evaluate(COLOURS)) for name, text in texts.items()}
    control.fill(good)
    view.notebook.settle()
    assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}


def test_a_narrow_page_shrinks_the_picture(view):
    view.page.set_viewport_size({"width": 700, "height": 900})
    try:
        view.root.scroll_into_view_if_needed()
        box, room = view.picture.locator("svg").bounding_box(), view.root.bounding_box()
        assert 300 <= box["width"] <= room["width"]
        assert view.root.locator(".widget-label").evaluate_all(CUT) == []
    finally:
        view.page.set_viewport_size({"width": 1280, "height": 1000})


def test_every_control_is_reached_and_moved_by_keys_alone(view):
    controls = [key for key in view.state() if view.part(key).count()]
    first = view.root.locator("input, select, button, .noUi-handle").first
    first.focus()
    reached = set()
    for _ in range(40):
        reached |= {key for key in controls if view.part(key).evaluate(FOCUSED)}
        view.page.keyboard.press("Tab")
    assert reached == set(controls)


@pytest.mark.parametrize(
    ("name", "control"),
    [("neighbour_view", "representation"), ("neighbour_view", "metric"), ("cooccurrence_view", "weighting"),
     ("cooccurrence_view", "view")],
)  # fmt: skip
def test_a_choice_is_made_with_keys(request, name, control):
    """JupyterLab takes arrows and letters away from a closed list (jupyter-widgets/ipywidgets issue 3912)."""
    view: ExplorerView = request.getfixturevalue(name)
    before = view.state()[control]
    cells = len(view.notebook.code_cells())
    target = view.part(control).locator("select, button").last
    target.focus()
    view.page.keyboard.press("ArrowDown" if target.evaluate("e => e.tagName") == "SELECT" else "Space")
    view.notebook.settle()
    assert view.state()[control] != before
    assert len(view.notebook.code_cells()) == cells


def test_picture_says_what_it_shows(view):
    label = view.drawing("aria-label")
    assert label == view.sentence()
    assert len(label) > 30
    assert view.drawing("role") == "img"


def contrast(colour: str, paper: str) -> float:
    """Contrast ratio of two CSS colours (Web Content Accessibility Guidelines 2.2, relative luminance)."""
    light, dark = sorted((luminance(colour), luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of ``rgb(…)``."""
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
