"""Whatever a reader types: a message in plain sight, the last good picture, nothing injected, no error."""

from itertools import product

import numpy as np
import pytest
from checks import check_softmax
from explorer_view import ExplorerView
from scratch import CHOICES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("scratch")]

SCRIPTS = ("<img src=x onerror='window.injected = 1'>", "<script>window.injected = 1</script>")
UNUSABLE = {
    "unknown word": "zebrafish",
    "empty": "",
    "ten thousand characters": "a" * 10_000,
    "image": SCRIPTS[0],
    "script": SCRIPTS[1],
    "closing tags": "</text></svg></div><b>out</b>",
    "emoji": "🦓🦓",
    "Hebrew": "זברה",
    "Arabic": "حمار وحشي",
    "direction and control marks": "\u202egnorts\u202c\x00\x1b[31m",
}
GOOD = {
    "softmax": ("scores_text", "tea 2, coffee 1, water 0, juice -1"),
    "neighbours": ("word", "sea"),
    "words": ("words", "ocean sea actor sodium"),
    "contexts": ("contexts", "the wave film acid"),
}


@pytest.fixture
def field(request):
    """An explorer with the name of one of its text fields and a text it can use."""
    owner = {"softmax": "softmax_view", "neighbours": "neighbour_view"}.get(request.param)
    view: ExplorerView = request.getfixturevalue(owner or "cooccurrence_view")
    return view, *GOOD[request.param]


@pytest.mark.parametrize(("field", "kind"), list(product(GOOD, UNUSABLE)), indirect=["field"])
def test_unusable_text(field, kind, scratch_page):
    view, control, good = field
    text = UNUSABLE[kind]
    markup, pixels = view.markup(), view.pixels()
    view.fill(control, text)
    scratch_page.settle()
    message = view.part("status")
    assert message.get_attribute("role") == "alert"
    assert message.inner_text().strip()
    assert message.is_visible()
    assert len(message.inner_text()) < 300
    assert view.state()["problem"]
    assert view.markup() == markup
    assert view.pixels().std() > 5, "the picture has gone blank"
    assert_nothing_injected(view)
    view.fill(control, good)
    scratch_page.settle()
    assert view.status() == ""
    assert view.markup() == markup
    np.testing.assert_array_equal(view.pixels(), pixels)


@pytest.mark.parametrize("text", SCRIPTS)
def test_markup_as_a_label_stays_text(softmax_view, text):
    with softmax_view.changing():
        softmax_view.fill("scores_text", f"{text} 2, tea 1")
    scores = {text: 2.0, "tea": 1.0}
    check_softmax(softmax_view, scores=scores, temperature=softmax_view.state()["temperature"])
    assert_nothing_injected(softmax_view)


@pytest.mark.parametrize("label", ["🌊", "שלום", "مرحبا", 'a"b&c<d>', "e\u0301"])
def test_any_script_may_be_a_label(softmax_view, label):
    with softmax_view.changing():
        softmax_view.fill("scores_text", f"{label} 2, tea 1")
    temperature = softmax_view.state()["temperature"]
    check_softmax(softmax_view, scores={label: 2.0, "tea": 1.0}, temperature=temperature)


def test_explorer_still_works_after_everything(softmax_view, scratch_page):
    for text in UNUSABLE.values():
        softmax_view.fill("scores_text", text)
    with softmax_view.changing():
        softmax_view.press("temperature", "ArrowRight")
        softmax_view.fill("scores_text", GOOD["softmax"][1])
    scratch_page.settle()
    check_softmax(softmax_view, scores=CHOICES, temperature=softmax_view.state()["temperature"])


def assert_nothing_injected(view: ExplorerView) -> None:
    """No element came out of the text, and no script of it ran."""
    assert view.root.locator("img, script, b, [onerror]").count() == 0
    assert view.page.evaluate("() => typeof window.injected") == "undefined"
