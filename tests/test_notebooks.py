"""Every lesson keeps the rules; nbval, under which lessons run, cannot look away."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from build_notebooks import check
from lent_models import keep_models, lend_models
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
CHECKED = "# NBVAL_CHECK_OUTPUT\n"


def find_lessons(folder):
    """Names of all lessons, whether there is a notebook, a source or both."""
    return sorted({path.stem for path in [*folder.glob("*.ipynb"), *(folder / "src").glob("*.py")]})


def assert_lessons(folder):
    assert find_lessons(folder), f"no lesson found in {folder}"


# -- the lessons ------------------------------------------------------------------------------------


def test_there_are_lessons():
    assert_lessons(FOLDER)


@pytest.mark.parametrize("lesson", find_lessons(FOLDER))
def test_a_lesson_keeps_the_rules(lesson):
    source = FOLDER / "src" / f"{lesson}.py"
    assert source.exists(), f"{lesson}.ipynb has no source: write {source.name}, or delete the notebook"
    assert check(source) == []


def test_what_one_run_trained_is_lent_to_the_next_without_progress(tmp_path, monkeypatch):
    trained, fresh = tmp_path / "trained", tmp_path / "fresh"
    (trained / "models").mkdir(parents=True)
    (trained / "models" / "a.safetensors").write_text("weights")
    (trained / "progress.json").write_text("{}")
    monkeypatch.delenv("COURSE_TEST_CACHE", raising=False)
    keep_models(trained)
    lend_models(fresh)
    assert not fresh.exists()
    monkeypatch.setenv("COURSE_TEST_CACHE", str(tmp_path / "lent"))
    keep_models(trained)
    lend_models(fresh)
    assert [path.name for path in fresh.rglob("*") if path.is_file()] == ["a.safetensors"]


def test_what_is_there_already_is_not_copied_again_and_nothing_half_written_is_seen(tmp_path, monkeypatch):
    """Two workers share the folder: one may read it while the other writes."""
    monkeypatch.setenv("COURSE_TEST_CACHE", str(tmp_path / "lent"))
    trained, replaced = tmp_path / "trained", []
    (trained / "models").mkdir(parents=True)
    (trained / "models" / "a.safetensors").write_text("weights")
    (trained / "models" / "b.safetensors").write_text("more")
    (tmp_path / "lent" / "models").mkdir(parents=True)
    (tmp_path / "lent" / "models" / "b.safetensors").write_text("kept first")

    def replace(partial, copy):
        assert partial.parent == tmp_path / "lent", "unfinished files must lie where nobody copies them"
        replaced.append((partial.read_text(), copy.name))

    monkeypatch.setattr("os.replace", replace)
    keep_models(trained)
    assert replaced == [("weights", "a.safetensors")]


def test_lessons_that_train_for_others_run_first_and_short_ones_last(request):
    conftest = request.config.pluginmanager.get_plugin(str(ROOT / "conftest.py"))
    names = ["notes.ipynb", *(f"{n:02}_topic.ipynb" for n in range(18))]
    cells = [object.__new__(conftest.IPyNbCell) for _ in range(2 * len(names))]
    for place, cell in enumerate(cells):
        cell.path = Path(names[place // 2])
    conftest.pytest_collection_modifyitems(cells)
    order = [cell.path.name[:2] for cell in cells]
    assert order[::2] == order[1::2], "the cells of a lesson stay together"
    first = ["11", "14", "15", "08", "16", "13", "17", "07", "12", "06", "10", "04", "03"]
    assert order[::2] == [*first, "09", "05", "02", "01", "no", "00"]


# -- these tests can fail ---------------------------------------------------------------------------


def write_notebook(folder, *cells, name="01_tiny"):
    """A notebook of (source, stored output) pairs; None as output: never executed."""
    notebook = new_notebook()
    for count, (source, text) in enumerate(cells, start=1):
        outputs = [new_output("stream", name="stdout", text=text)] if text else []
        executed = None if text is None else count
        notebook.cells.append(new_code_cell(source, outputs=outputs, execution_count=executed))
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def test_no_lesson_is_a_failure(tmp_path):
    with pytest.raises(AssertionError, match="no lesson found"):
        assert_lessons(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "01_tiny.py").touch()
    write_notebook(tmp_path, name="02_more")
    assert find_lessons(tmp_path) == ["01_tiny", "02_more"]
    assert_lessons(tmp_path)


# -- nbval with the hooks of conftest.py ------------------------------------------------------------

ASLEEP = "import time\ntime.sleep(60)"
STUBBORN = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    pass"
NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=2", "-rA"]
CASES = {
    "same": ([(CHECKED + "print(1)", "1\n"), ("print(2)", "3\n")], "PASSED PASSED"),
    "changed": ([(CHECKED + "print(1)", "2\n")], "FAILED"),
    "output_added": ([(CHECKED + "print(1)", ""), ("print(2)", "2\n")], "FAILED PASSED"),
    "asleep": ([("print(1)", "1\n"), (ASLEEP, "")], "PASSED FAILED"),
    "expected_to_fail": ([("print(1)", "1\n"), (STUBBORN, ""), ("1 / 0", "")], "PASSED PASSED FAILED"),
    "passed_unexpectedly": ([("print(1)", "1\n"), (STUBBORN, ""), ("2", "")], "PASSED PASSED FAILED"),
    "skipped": ([("# NBVAL_SKIP\nprint(1)", "1\n")], "FAILED"),
    "stripped": ([("print(1)", ""), ("print(2)", "")], "ERROR"),
    "never_executed": ([("print(1)", "1\n"), (CHECKED + "print(1)", None)], "ERROR"),
}
OVERLOOKED = ["expected_to_fail", "passed_unexpectedly", "skipped", "stripped", "never_executed"]


def run_pytest(folder, *options):
    """pytest on the notebooks of a folder, in a process of its own."""
    command = [sys.executable, "-m", "pytest", "--rootdir", str(folder), "-c", os.devnull, *NBVAL, *options]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(
        [*command, str(folder)], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The report of one run on all cases."""
    folder = tmp_path_factory.mktemp("judged")
    shutil.copy(ROOT / "conftest.py", folder)
    for case, (cells, _) in CASES.items():
        write_notebook(folder, *cells, name=case)
    done = run_pytest(folder, "--continue-on-collection-errors")
    assert done.returncode == 1
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_nbval_judges_every_cell(judged, case):
    outcomes = re.findall(rf"^([A-Z]+) {case}\.ipynb(?:::Cell (\d))?", judged, re.M)
    in_order = sorted(outcomes, key=lambda found: found[1])
    assert " ".join(outcome for outcome, _ in in_order) == CASES[case][1], judged


@pytest.mark.slow
@pytest.mark.parametrize(
    "message",
    [
        "Cell outputs differ",
        "Unexpected output fields",
        "Timeout of 2 seconds exceeded",
        "expected_to_fail.ipynb::Cell 2 was not judged: Previous cell timed out",
        "skipped.ipynb::Cell 0 was not judged: skipped",
        "stripped.ipynb has no stored outputs, or cells that were never run",
    ],
)
def test_nbval_says_why(judged, message):
    assert message in judged


@pytest.mark.slow
def test_without_the_hooks_nbval_looks_away(tmp_path):
    for case in OVERLOOKED:
        write_notebook(tmp_path, *CASES[case][0], name=case)
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout


NOTE = """
import os, pathlib
pathlib.Path(os.environ["COURSE_CACHE"]).mkdir(parents=True, exist_ok=True)
with pathlib.Path(f"{name}.txt").open("a") as file:
    print(os.getpid(), os.environ["CI"], os.environ["COURSE_CACHE"], file=file)
"""


@pytest.mark.slow
def test_two_workers_keep_each_lesson_in_one_kernel_that_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", "mine")
    shutil.copy(ROOT / "conftest.py", tmp_path)
    for name in ("01_one", "02_two"):
        cells = [(f"name = '{name}'\nprint(1)", "1\n")] + [(NOTE, "")] * 3
        write_notebook(tmp_path, *cells, name=name)
    done = run_pytest(tmp_path, "-n", "2", "--dist", "loadfile")
    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout
    noted = [(tmp_path / f"{name}.txt").read_text().splitlines() for name in ("01_one", "02_two")]
    assert [len(lines) for lines in noted] == [3, 3]
    assert [len(set(lines)) for lines in noted] == [1, 1]
    (one, ci, cache), (two, _, other_cache) = (lines[0].split() for lines in noted)
    assert one != two
    assert not psutil.pid_exists(int(one))
    assert not psutil.pid_exists(int(two))
    assert (ci, cache) == ("true", other_cache)
    assert cache != "mine"
    assert not Path(cache).parent.exists()
