"""One JupyterLab and one Chromium for all browser tests, and one page for each notebook they look at."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# The latency tests measure with the benchmarks' own code.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import map_scratch
import scratch
from explorer_view import ExplorerView
from lab import ROOT, ChromiumMissing, Lab, find_chromium, open_browser
from latency_notebook import YARDSTICK
from lent_models import lend_models
from notebook_page import NotebookPage

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

RESULTS = ROOT / "test-results" / "browser"
LESSONS = tuple(sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")))
PAGES = ("scratch_page", "map_page", "lesson_00", "lesson_01")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    try:
        find_chromium()
    except ChromiumMissing as missing:
        pytest.fail(str(missing), pytrace=False)
    notebooks = [path for name in LESSONS if (path := ROOT / "notebooks" / name).exists()]
    server = Lab(notebooks)
    lend_models(server.cache)
    with server:
        yield server


@pytest.fixture(scope="session")
def context(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = open_browser(playwright, profile=tmp_path_factory.mktemp("chromium"))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def reference() -> scratch.Reference:
    """The scratch corpus's numbers, computed without the course."""
    return scratch.Reference(scratch.make_documents())


@pytest.fixture(scope="session")
def scratch_page(lab: Lab, context: BrowserContext) -> Iterator[NotebookPage]:
    """The notebook with the three explorers of the scratch corpus, run."""
    name = lab.write_notebook("scratch.ipynb", scratch.notebook_sources())
    documents = scratch.documents_as_json(scratch.make_documents())
    (lab.root / "notebooks" / "documents.json").write_text(documents, encoding="utf-8")
    yield from _run_page(context, lab, name)


@pytest.fixture(scope="session")
def map_page(lab: Lab, context: BrowserContext) -> Iterator[NotebookPage]:
    """The notebook with the four explorers of maps, run."""
    name = lab.write_notebook("map_scratch.ipynb", map_scratch.notebook_sources())
    (lab.root / "notebooks" / "maps.json").write_text(map_scratch.Maps().as_json(), encoding="utf-8")
    yield from _run_page(context, lab, name)


@pytest.fixture(scope="session")
def lesson_00(lab: Lab, context: BrowserContext) -> Iterator[NotebookPage]:
    yield from _run_page(context, lab, _lesson(lab, "00_welcome.ipynb"))


@pytest.fixture(scope="session")
def lesson_01(lab: Lab, context: BrowserContext) -> Iterator[NotebookPage]:
    name = _lesson(lab, "01_counting_words.ipynb")
    lab.append_cell(Path(name).name, YARDSTICK)
    yield from _run_page(context, lab, name)


def _run_page(context: BrowserContext, lab: Lab, name: str) -> Iterator[NotebookPage]:
    notebook = NotebookPage(context, lab, name)
    notebook.run_all()
    yield notebook
    notebook.close()


def _lesson(lab: Lab, name: str) -> str:
    if not (lab.root / "notebooks" / name).exists():
        pytest.fail(f"notebooks/{name} is missing: run make notebooks NB={name[:2]}", pytrace=False)
    return f"notebooks/{name}"


@pytest.fixture(autouse=True)
def _nothing_bad_happened(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: no request left the machine, no error in the console, on stderr or in the kernel."""
    used = [name for name in PAGES if name in request.fixturenames]
    pages: list[NotebookPage] = [request.getfixturevalue(name) for name in used]
    for notebook in pages:
        notebook.page.bring_to_front()
    yield
    complaints = [text for notebook in pages for text in notebook.forgive()]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def softmax_view(scratch_page: NotebookPage) -> ExplorerView:
    view = ExplorerView(scratch_page, "softmax", variable="softmax_explorer")
    view.set_state(scores_text="tea 2, coffee 1, water 0, juice -1", temperature=1.0)
    return view


@pytest.fixture
def neighbour_view(scratch_page: NotebookPage) -> ExplorerView:
    view = ExplorerView(scratch_page, "neighbours", variable="neighbour_explorer")
    view.set_state(word="sea", representation="PPMI", metric="cosine", k=6)
    return view


@pytest.fixture
def cooccurrence_view(scratch_page: NotebookPage) -> ExplorerView:
    view = ExplorerView(scratch_page, "cooccurrence", variable="cooccurrence_explorer")
    view.set_state(
        words="ocean sea actor sodium",
        contexts="the wave film acid",
        window=2,
        weighting="PPMI",
        view="words × contexts",
    )
    return view


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Keep a picture of the page when a test fails, under test-results/browser."""
    report = yield
    if report.when == "call" and report.failed:
        for name in PAGES:
            notebook = getattr(item, "funcargs", {}).get(name)
            if notebook is not None:
                safe = re.sub(r"\W+", "-", item.name)[:80]
                notebook.screenshot(Path(RESULTS) / f"{safe}-{name}.png")
    return report
