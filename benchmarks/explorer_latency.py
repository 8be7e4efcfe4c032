"""Each explorer's latency in JupyterLab, against the same picture by `interact` and pyplot."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from latency import PRESSES, Control, measure_alternately, press_once
from latency_notebook import MEASURED, Measured, sources
from results import Row, make_row

BROWSER_TESTS = Path(__file__).resolve().parents[1] / "tests" / "browser"


def measure(*, quick: bool = False) -> list[Row]:
    """One row an explorer."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(BROWSER_TESTS))
    lab_module, page_module = importlib.import_module("lab"), importlib.import_module("notebook_page")
    with (
        lab_module.Lab() as lab,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as profile,
    ):
        name = lab.write_notebook("latency.ipynb", sources())
        browser = lab_module.open_browser(playwright, profile=Path(profile))
        notebook = page_module.NotebookPage(browser, lab, name)
        notebook.run_all()
        rows = [_measure_one(notebook, measured, presses=3 if quick else PRESSES) for measured in MEASURED]
        complaints = notebook.complaints()
        notebook.close()
        browser.close()
    if complaints:
        raise RuntimeError("The measurement is not valid: " + "; ".join(complaints))
    return rows


def _measure_one(notebook: Any, measured: Measured, *, presses: int) -> Row:
    controls = our_control(notebook.page, measured), peer_control(notebook.page, measured)
    for control in controls:
        require_new_pixels(notebook, control)
    found = measure_alternately(controls, presses=presses, settle=notebook.settle)
    ours, theirs = found[controls[0].name], found[controls[1].name]
    print(
        f"  {measured.name}: {statistics.median(ours):.0f} ms (budget {measured.budget:.0f}); "
        f"interact and pyplot: {statistics.median(theirs):.0f} ms"
    )
    versions = f"ipywidgets {importlib.metadata.version('ipywidgets')} interact"
    return make_row(
        name=f"{measured.name} explorer: key press to new pixels",
        lesson=measured.lesson,
        unit="ms",
        ours=ours,
        peer=f"{versions} + matplotlib {importlib.metadata.version('matplotlib')} pyplot",
        theirs=theirs,
        better="lower",
    )


def our_control(page: Any, measured: Measured) -> Control:
    """The explorer's slider and picture."""
    root = page.locator(f".course-{measured.name}").first
    handle = root.locator(f".course-{measured.name}-{measured.slider} .noUi-handle")
    return Control(
        f"our {measured.name}", handle, root.locator(f".course-{measured.name}-shown"), measured.keys
    )


def peer_control(page: Any, measured: Measured) -> Control:
    """The slider that `interact` made, and its output."""
    root = page.locator(f".peer-{measured.name}").first
    return Control(
        f"peer of {measured.name}",
        root.locator(".noUi-handle"),
        root.locator(".widget-output"),
        measured.keys,
    )


def require_new_pixels(notebook: Any, control: Control) -> None:
    """Make sure that what the clock is about to time is a visible change.

    Raises
    ------
    RuntimeError
        If two screenshots of the picture, before and after a key, are the same.
    """
    from PIL import Image

    control.handle.scroll_into_view_if_needed()
    shots = []
    for key in control.keys:
        press_once(control, key)
        notebook.settle()
        shots.append(np.asarray(Image.open(io.BytesIO(control.picture.screenshot()))))
    if shots[0].shape == shots[1].shape and (shots[0] == shots[1]).all():
        raise RuntimeError(f"The picture of {control.name} is the same before and after a key press.")
