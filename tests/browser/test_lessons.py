"""Every lesson run as a reader runs it, twice in one kernel: all cells counted, checked results as stored,
nothing on stderr, explorers drawn and moving."""

import json

import pytest
from checks import disagreements
from lab import ROOT
from notebook_page import NotebookPage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

SECONDS = 480  # a lesson of 120 s may take three times as long beside another one in another browser
TESTED_BY_VALUE = ("00", "01")  # in files of their own
# The long ones first: then two workers end together.
LESSONS = sorted((path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")), reverse=True)
PICTURE = "root => root.querySelector('[class$=-picture]').innerHTML"


def shown_explorers(name):
    """Variables whose explorers a lesson shows live; the stored output of such a cell says what it is."""
    cells = json.loads((ROOT / "notebooks" / name).read_text(encoding="utf-8"))["cells"]
    shown = []
    for cell in cells:
        texts = ["".join(out.get("data", {}).get("text/plain", "")) for out in cell.get("outputs", ())]
        if any("run the notebook to use it" in text for text in texts):
            shown.append("".join(cell["source"]).strip().splitlines()[-1])
    assert shown, f"{name} shows no explorer"
    return shown


def assert_a_slider_moves_the_picture(page, root):
    sliders = root.locator(".widget-slider:not(:has(.noUi-target[disabled])) .noUi-handle")
    before, seen = root.evaluate(PICTURE), []
    for key in ("ArrowLeft", "ArrowRight"):  # one of them, if the handle stands at an end
        sliders.first.press(key)
        page.settle()
        seen.append(root.evaluate(PICTURE))
    assert any(markup != before for markup in seen)


@pytest.mark.parametrize("name", [name for name in LESSONS if not name.startswith(TESTED_BY_VALUE)])
def test_run_all_twice(lab, context, name):
    page, stored = NotebookPage(context, lab, f"notebooks/{name}"), ROOT / "notebooks" / name
    try:
        page.run_all(seconds=SECONDS)
        assert disagreements(page, stored) == []
        for variable in shown_explorers(name):
            root = page.cell_of(variable).locator(".course-explorer").first
            root.wait_for()
            box = root.locator("svg, img").first.bounding_box()
            assert box["width"] > 300, variable
            assert box["height"] > 80, variable
            assert root.locator("[role=alert]").first.inner_text().strip() == "", variable
            assert_a_slider_moves_the_picture(page, root)
        page.run_all(seconds=SECONDS)
        assert disagreements(page, stored) == [], "run again in the same kernel"
        assert page.forgive() == []
    finally:
        page.close()
