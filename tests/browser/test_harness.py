"""The harness itself: it sees what must not happen, names the cell that failed, and leaves nothing behind."""

import json
import urllib.request

import nbformat
import psutil
import pytest
from checks import disagreements
from lab import BROWSERS, HOST, ChromiumMissing, Lab, find_chromium
from notebook_page import NotebookPage

pytestmark = pytest.mark.browser

FAULTS = {
    "stderr: careful": "import sys; print('careful', file=sys.stderr)",
    "request to http://example.org/": "from IPython.display import HTML, display\n"
    'display(HTML(\'<img alt="" src="http://example.org/picture.png">\'))',
    "console: deliberate": "from IPython.display import HTML, display\n"
    "display(HTML('<script>console.error(\"deliberate\")</script>'))",
    "kernel: ValueError: in a callback": """import ipywidgets as widgets
slider = widgets.IntSlider()
def fail(change):
    raise ValueError("in a callback")
slider.observe(fail, "value")
slider""",
}


def test_guards_see_each_fault(lab, context):
    name = lab.write_notebook("faults.ipynb", list(FAULTS.values()))
    notebook = NotebookPage(context, lab, name)
    notebook.run_all()
    notebook.page.locator(".noUi-handle").press("ArrowRight")
    notebook.settle()
    complaints = notebook.complaints()
    notebook.close()
    missed = [fault for fault in FAULTS if not any(text.startswith(fault) for text in complaints)]
    assert missed == []


def test_a_failing_cell_is_quoted(lab, context):
    name = lab.write_notebook("failing.ipynb", ["fine = 1", "fine / 0  # the culprit", "never = 'run'"])
    notebook = NotebookPage(context, lab, name)
    with pytest.raises(AssertionError, match=r"(?s)the culprit.*ZeroDivisionError"):
        notebook.run_all()
    notebook.close()


TWICE = [
    ("runs = globals().get('runs', 0) + 1", ""),
    ("# NBVAL_CHECK_OUTPUT\nprint('same')\nprint('lines')", "same\nlines\n"),
    ("# NBVAL_CHECK_OUTPUT\nprint('run', runs)", "run 1\n"),
    ("# NBVAL_CHECK_OUTPUT\nprint('new')", "old\n"),
    ("# NBVAL_CHECK_OUTPUT\n'value'", ""),
    ("print(runs)", "not checked\n"),
]


def test_results_that_depend_on_earlier_runs_are_found(lab, context, tmp_path):
    page = NotebookPage(context, lab, lab.write_notebook("twice.ipynb", [source for source, _ in TWICE]))
    stored = nbformat.v4.new_notebook()
    for source, text in TWICE:
        outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)] if text else []
        stored.cells.append(nbformat.v4.new_code_cell(source, outputs=outputs))
    nbformat.write(stored, tmp_path / "twice.ipynb")
    always = ["stored [{'stdout': 'old\\n'}], on the page [{'stdout': 'new\\n'}]",
              """stored [], on the page [{'text/plain': "'value'"}]"""]  # fmt: skip
    for second in (False, True):
        page.run_all()
        found = [line.split(": ", 1)[1] for line in disagreements(page, tmp_path / "twice.ipynb")]
        run = ["stored [{'stdout': 'run 1\\n'}], on the page [{'stdout': 'run 2\\n'}]"]
        assert sorted(found) == sorted([*always, *run] if second else always)
    page.close()


def test_nothing_is_left_behind():
    with Lab() as server:
        request = urllib.request.Request(
            f"http://{HOST}:{server.port}/api/kernels",
            data=b"{}",
            headers={"Authorization": f"token {server.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["execution_state"]
        children = psutil.Process().children(recursive=True)
        assert any("ipykernel" in " ".join(child.cmdline()) for child in children if child.is_running())
        folder = server.root.parent
    assert not folder.exists()
    alive = [child for child in children if child.is_running() and "ipykernel" in " ".join(child.cmdline())]
    assert [child for child in alive if str(folder) in " ".join(child.cmdline())] == []


def test_missing_browser_is_one_sentence(monkeypatch):
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ChromiumMissing, match=r"apt-get install chromium"):
        find_chromium()
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(ChromiumMissing):
        find_chromium()
    assert "chromium" in BROWSERS
