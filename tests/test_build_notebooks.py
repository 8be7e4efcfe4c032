"""Each rule for lessons goes red when it is broken, and the builder writes all of a lesson or nothing."""

import base64
import json
import re
import sys
from pathlib import Path

import nbformat
import notebook_rules
import psutil
import pytest
from build_notebooks import BuildError, Limits, build, find_sources, main, read_source
from nbformat.v4 import new_output

PNG = base64.b64encode(b"\x89PNG").decode()
OPENING = """\
# %% [markdown]
# # A tiny lesson
#
# Measured run time: **2 s**, **90 MB**.
"""
GOOD = f"""{OPENING}
# %%
# NBVAL_CHECK_OUTPUT
print([1, 2])

# %%
from IPython.display import Image
import base64
Image(base64.b64decode("{PNG}"), format="png", metadata={{"alt": "A line rises from one to two."}})

# %% [markdown]
# The end.
"""
LONG = "\n".join(f"x{n} = {n}" for n in range(21))


def write_source(folder: Path, text: str, *, name: str = "01_tiny") -> Path:
    path = folder / "src" / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def patient(monkeypatch):
    """A busy machine, which makes stated run times wrong, is no fault of the builder."""
    monkeypatch.setattr(notebook_rules, "FACTOR", 1000.0)


@pytest.fixture
def pair(tmp_path):
    """A good notebook as the builder would store it, and its source."""
    source = read_source(write_source(tmp_path, GOOD))
    notebook = nbformat.from_dict(json.loads(json.dumps(source)))
    first, second = (cell for cell in notebook.cells if cell.cell_type == "code")
    first.outputs = [new_output("stream", name="stdout", text="[1, 2]\n")]
    picture = {"image/png": PNG, "text/plain": "<Image>"}
    alt = {"image/png": {"alt": "A line rises from one to two."}}
    second.outputs = [new_output("execute_result", data=picture, metadata=alt, execution_count=2)]
    for count, cell in enumerate((first, second), start=1):
        cell.execution_count = count
        cell.metadata.source_hash = notebook_rules.source_hash(cell.source)
    return notebook, source


# -- every rule goes red ----------------------------------------------------------------------------


def rewrite(source_text):
    """A defect that stands in the source as well, so that only the rule in question complains."""

    def plant(notebook, source):
        for nb in (notebook, source):
            nb.cells[1].source = source_text
        notebook.cells[1].metadata.source_hash = notebook_rules.source_hash(source_text)

    return plant


def prose(text):
    def plant(notebook, source):
        for nb in (notebook, source):
            nb.cells[0].source = text

    return plant


def edit(change):
    return lambda notebook, source: change(notebook)


def printed(text):
    return edit(lambda nb: nb.cells[1].outputs.append(new_output("stream", name="stdout", text=text)))


def shown(mime, value):
    return edit(lambda nb: nb.cells[1].outputs.append(new_output("display_data", data={mime: value})))


def described(text):
    return edit(lambda nb: nb.cells[2].outputs[0].update(metadata={"image/png": {"alt": text}}))


def silent(source_text):
    def plant(notebook, source):
        rewrite(source_text)(notebook, source)
        notebook.cells[1].outputs = []

    return plant


def unmark_long(notebook, source):
    rewrite(LONG)(notebook, source)
    for nb in (notebook, source):
        nb.cells[1].metadata.tags = ["long-cell"]


def state(text):
    return prose(f"# Title\n\n{text}")


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])
WARNING = new_output("stream", name="stderr", text="careful")
COST = "Measured run time: **{} s**, **{} MB**."
DEFECTS = {
    "cell missing": (edit(lambda nb: nb.cells.pop()), "has 3 cells, its source 4"),
    "prose edited": (edit(lambda nb: nb.cells[3].update(source="An end.")), r'cell 4 \("An end."\) differs'),
    "code edited": (
        edit(lambda nb: nb.cells[1].update(source="print(3)")),
        "cell 2 .* differs from the source",
    ),
    "cell type": (edit(lambda nb: nb.cells[3].update(cell_type="raw")), "cell 4 .* differs from the source"),
    "tag lost": (lambda nb, src: src.cells[1].metadata.update(tags=["x"]), "cell 2 .* other metadata"),
    "count missing": (edit(lambda nb: nb.cells[1].update(execution_count=None)), "count None, not 1"),
    "counts out of order": (edit(lambda nb: nb.cells[1].update(execution_count=3)), "count 3, not 1"),
    "count of output": (edit(lambda nb: nb.cells[2].outputs[0].update(execution_count=7)), "cell 3 .*not 2"),
    "error output": (edit(lambda nb: nb.cells[1].outputs.append(ERROR)), "cell 2 .* error: ValueError"),
    "stderr": (edit(lambda nb: nb.cells[1].outputs.append(WARNING)), "cell 2 .* stderr: careful"),
    "widget state": (edit(lambda nb: nb.metadata.update(widgets={})), "metadata.widgets is stored"),
    "widget view": (shown(notebook_rules.WIDGET_VIEW, {}), "cell 2 .* stores a widget view"),
    "checked output lost": (
        edit(lambda nb: nb.cells[1].update(outputs=[])),
        "CHECK_OUTPUT and has no output",
    ),
    "name not shown": (silent("x"), "cell 2 .* ends in something to show"),
    "nothing printed": (silent("print(1)"), "cell 2 .* ends in something to show"),
    "all outputs lost": (edit(lambda nb: [c.update(outputs=[]) for c in nb.cells[1:3]]), "no cell has an"),
    "semicolon": (rewrite("plot();"), "cell 2 .* ends a line with `;`"),
    "semicolon and comment": (rewrite("x = 1;  # quiet\nx"), "cell 2 .* ends a line with `;`"),
    "semicolon after magic": (rewrite("%time plot('a);"), "cell 2 .* ends a line with `;`"),
    "!pip": (rewrite("!pip install x"), "cell 2 .* installs packages"),
    "%pip": (rewrite("x = 1\n  %pip install x"), "cell 2 .* installs packages"),
    "!python -m pip": (rewrite("!python -m pip install x"), "cell 2 .* installs packages"),
    "no alt text": (
        edit(lambda nb: nb.cells[2].outputs[0].update(metadata={})),
        "cell 3 .* without alt text",
    ),
    "short alt text": (described("a plot" + " " * 20), "cell 3 .* without alt text of 20"),
    "no alt text in prose": (state("![plot](a.png)"), "cell 1 .* without alt text"),
    "hash of other code": (edit(lambda nb: nb.cells[1].metadata.update(source_hash="0")), "of other code"),
    "hash missing": (edit(lambda nb: nb.cells[1].metadata.pop("source_hash")), "of other code"),
    "too large": (shown("text/html", "a" * 999_000), r"1001 kB, 1000 are .*; cell 2 .*: 999 kB, cell 3"),
    "home in output": (printed("in /home/ann/x.py"), "cell 2 .* path of this machine: /home/ann/x.py"),
    "home in source": (rewrite("open('/Users/ann/x')"), "cell 2 .* path of this machine: /Users/ann/x"),
    "home on Windows": (printed(r"C:\Users\ann"), "cell 2 .* path of this machine"),
    "file address": (shown("text/html", "<a href='file:///root/x'>"), "path of this machine: /root/x"),
    "temporary folder": (printed("/tmp/ipykernel_7/1.py:3: note"), "cell 2 .* path of this machine"),
    "interpreter": (printed(f"File {sys.prefix}/lib/x.py"), "cell 2 .* path of this machine"),
    "checkout": (printed(f"in {notebook_rules.ROOT}"), "cell 2 .* path of this machine"),
    "path in alt text": (described("A line, drawn from /home/ann/x.csv"), "cell 3 .* path of this machine"),
    "long cell": (rewrite(LONG), "cell 2 .* has 21 lines, 20 are allowed"),
    "long without reason": (unmark_long, "cell 2 .* has 21 lines, 20 are allowed"),
    "no title": (prose(COST.format(2, 90)), "not markdown that begins with a title"),
    "code first": (lambda nb, src: [n.cells.insert(0, n.cells.pop(1)) for n in (nb, src)], "not markdown"),
    "no run time": (state("**90 MB**"), r"does not state its run time \(s\) in the form Measured"),
    "no memory": (state("Measured run time: **2 s**"), r"does not state its peak memory \(MB\)"),
    "time too low": (state(COST.format(0.9, 90)), r"states run time \(s\) 0.9, measured was 2"),
    "time too high": (state(COST.format(4.1, 90)), r"states run time \(s\) 4.1, measured was 2"),
    "memory too low": (state(COST.format(2, 44)), r"states peak memory \(MB\) 44, measured was 90"),
    "memory too high": (state(COST.format(2, "1,090")), r"states peak memory \(MB\) 1090, measured was 90"),
}
MEASURED = {"run time (s)": 2.0, "peak memory (MB)": 90}


def test_a_good_notebook_has_no_problem(pair):
    assert notebook_rules.problems(*pair, measured=MEASURED) == []
    assert notebook_rules.problems(*pair) == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_is_named(pair, defect):
    plant, message = DEFECTS[defect]
    plant(*pair)
    found = notebook_rules.problems(*pair, measured=MEASURED)
    assert any(re.search(message, problem) for problem in found), found


@pytest.mark.parametrize("rule", notebook_rules.RULES, ids=lambda rule: rule.__name__)
def test_each_rule_has_a_defect_of_its_own(pair, rule, monkeypatch):
    monkeypatch.setattr(notebook_rules, "RULES", [other for other in notebook_rules.RULES if other != rule])
    before = [nbformat.from_dict(json.loads(json.dumps(nb))) for nb in pair]
    missed = []
    for defect, (plant, message) in DEFECTS.items():
        planted = [nbformat.from_dict(json.loads(json.dumps(nb))) for nb in before]
        plant(*planted)
        found = notebook_rules.problems(*planted, measured=MEASURED)
        missed += [] if any(re.search(message, problem) for problem in found) else [defect]
    assert missed


def explain_long(notebook, source):
    unmark_long(notebook, source)
    for nb in (notebook, source):
        nb.cells[1].metadata.reason = "one table"


@pytest.mark.parametrize(
    "harmless",
    [
        rewrite("print('a;')  # b;\nx = [';']"),
        rewrite(LONG.rsplit("\n", 1)[0]),
        explain_long,
        silent("model.eval()"),
        silent("None"),
        silent("%load_ext x"),
        printed("see https://example.org/home/ann/x and 3/home/x, a/tmp/b, </tmp/x>"),
        state(f"![A line rises from one to two](a.png) {COST.format(1.1, 150)}"),
        state(COST.format("3.9", "46")),
    ],
)
def test_what_is_allowed_passes(pair, harmless):
    harmless(*pair)
    assert notebook_rules.problems(*pair, measured={**MEASURED}) == []


# -- the builder, end to end ------------------------------------------------------------------------

WIDGETS = """
# %%
import ipywidgets
from tqdm.notebook import tqdm
display(ipywidgets.IntSlider(value=3))
for _ in tqdm(range(3)):
    pass

# %%
class Explorer:
    def __init__(self, **data):
        self.data = data
    def _repr_mimebundle_(self, include=None, exclude=None):
        view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
        return {**view, **self.data}, {"image/png": {"alt": "A map of twenty words in two dimensions."}}

Explorer(**{"image/png": b"a", "text/plain": "Explorer: run the notebook."})

# %%
Explorer(**{"text/plain": "Guess: run the notebook."})

# %%
import os
print(os.environ["CI"], os.environ["CUDA_VISIBLE_DEVICES"] == "", os.path.basename(os.getcwd()))
print(os.path.exists(os.environ["COURSE_CACHE"]), os.path.basename(os.environ["COURSE_SCOREBOARD"]))
"""


def everything_in(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_lesson_is_built_and_building_again_changes_nothing(tmp_path, patient, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    old = {"lesson": "01", "model": "forgotten", "metric": "loss", "value": 1.0}
    other = {"lesson": "00", "model": "lesson", "metric": "run time (s)", "value": 1.0}
    (tmp_path / "scoreboard.json").write_text(json.dumps([other, old]), encoding="utf-8")
    source = write_source(tmp_path, GOOD + WIDGETS)
    cost = build(source, folder=tmp_path)
    stored = (tmp_path / "01_tiny.ipynb").read_bytes()
    notebook = nbformat.reads(stored, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == [1, 2, 3, 4, 5, 6]
    assert cells[2].outputs == []
    assert sorted(cells[3].outputs[0].data) == ["image/png", "text/plain"]
    assert cells[4].outputs[0].data == {"text/plain": "Guess: run the notebook."}
    assert cells[5].outputs[0].text == f"true True {tmp_path.name}\nFalse scoreboard.json\n"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert "version" not in notebook.metadata.language_info
    assert all(set(cell.metadata) == {"source_hash"} for cell in cells)
    rows = json.loads((tmp_path / "scoreboard.json").read_text())
    assert [(row["lesson"], row["model"], row["metric"]) for row in rows] == [
        ("00", "lesson", "run time (s)"),
        ("01", "lesson", "peak memory (MB)"),
        ("01", "lesson", "run time (s)"),
    ]
    assert 30 < rows[1]["value"] < 1000
    assert rows[2]["value"] == rows[2]["seconds"] == round(cost.seconds, 1) > 0.1
    assert (rows[2]["low"], rows[2]["high"], rows[2]["seeds"], rows[2]["parameters"]) == (None, None, 1, None)
    build(source, folder=tmp_path)
    assert (tmp_path / "01_tiny.ipynb").read_bytes() == stored
    assert main(["--check", "--folder", str(tmp_path)]) == 0


RECORDING = """
# %%
import os, pathlib
row = '{"lesson": "01", "model": "a", "metric": "b", "value": 1}'
pathlib.Path(os.environ["COURSE_SCOREBOARD"]).write_text(f"[{row}]")
"""
BAD = {
    "failing cell": (
        "\n# %%\n1 / 0\n",
        r"(?s)Traceback.*ZeroDivisionError.*cell 6 .* raised ZeroDivisionError; mend",
    ),
    "dead kernel": ("\n# %%\nos._exit(1)\n", "The kernel died in cell 6"),
    "absolute path": ("\n# %%\nprint(os.getcwd())\n", r'cell 6 \("print.* contains a path of this machine'),
    "false promise": ("", "opening states run time .* 99999, measured was"),
}


@pytest.mark.slow
@pytest.mark.parametrize("defect", BAD)
def test_a_bad_lesson_changes_no_file(tmp_path, patient, defect):
    added, message = BAD[defect]
    text = GOOD.replace("**2 s**", "**99999 s**") if defect == "false promise" else GOOD
    source = write_source(tmp_path, text + RECORDING + added)
    (tmp_path / "01_tiny.ipynb").write_text("the last build")
    (tmp_path / "scoreboard.json").write_text("[]")
    before = everything_in(tmp_path)
    with pytest.raises(BuildError, match=message):
        build(source, folder=tmp_path)
    assert everything_in(tmp_path) == before


STUBBORN = """
# %%
import os, pathlib, signal, subprocess, time
child = subprocess.Popen(["sleep", "600"])
pathlib.Path("pids").write_text(f"{os.getpid()} {child.pid}")

# %%
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    pass
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(cell=2), r'cell 6 \("signal.* ran longer than 2 s'),
        (Limits(notebook=6), "The lesson ran longer than 6 s"),
    ],
)
def test_an_endless_cell_is_stopped_and_its_kernel_is_gone(tmp_path, patient, limits, message):
    source = write_source(tmp_path, GOOD + STUBBORN)
    with pytest.raises(BuildError, match=message):
        build(source, folder=tmp_path, limits=limits)
    kernel, child = map(int, (tmp_path / "pids").read_text().split())
    assert not psutil.pid_exists(kernel)
    # Nobody waits for an orphan in a bare container, so it may stay in the process table as a zombie.
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert not list(tmp_path.glob("*.ipynb"))


@pytest.mark.slow
def test_a_kernel_that_never_starts_is_stopped(tmp_path, patient, monkeypatch):
    hang = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(600)\n"
    (tmp_path / "sitecustomize.py").write_text(hang)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BuildError, match="The lesson ran longer than 4 s"):
        build(write_source(tmp_path, GOOD), folder=tmp_path, limits=Limits(notebook=4))
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


# -- the command line -------------------------------------------------------------------------------


def store(folder, notebook, *, name="01_tiny"):
    (folder / f"{name}.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")


def test_check_compares_without_running(tmp_path, pair, capsys):
    store(tmp_path, pair[0])
    assert main(["--check", "--folder", str(tmp_path)]) == 0
    row = {"lesson": "01", "model": "lesson", "metric": "run time (s)", "value": 70.0}
    (tmp_path / "scoreboard.json").write_text(json.dumps([row]), encoding="utf-8")
    write_source(tmp_path, GOOD + "\n# %%\nx = 1\n")
    store(tmp_path, pair[0], name="02_orphan")
    write_source(tmp_path, GOOD, name="03_new")
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "01_tiny: the notebook has 4 cells, its source 5" in said
    assert "01_tiny: the opening states run time (s) 2, measured was 70" in said
    assert "02_orphan.ipynb: has no source" in said
    assert "03_new: 03_new.ipynb is missing: run make notebooks NB=03" in said


@pytest.mark.parametrize(
    "name", ["01", "1", "01_tiny", "notebooks/src/01_tiny.py", "notebooks/01_tiny.ipynb"]
)
def test_a_lesson_is_found_by_number_name_or_path(tmp_path, name):
    wanted = write_source(tmp_path, GOOD)
    write_source(tmp_path, GOOD, name="02_more")
    assert find_sources(tmp_path, [name]) == [wanted]


def test_a_missing_lesson_gets_a_sentence(tmp_path, capsys):
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    assert "There is no lesson in" in capsys.readouterr().err
    write_source(tmp_path, GOOD)
    assert main(["07", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "There is no lesson 07; choose from 01_tiny.\n"


def test_ids_come_from_the_source_and_differ(tmp_path):
    path = write_source(tmp_path, GOOD + "\n# %%\nx = 1\n" * 2)
    first, second = read_source(path), read_source(path)
    ids = [cell.id for cell in first.cells]
    assert ids == [cell.id for cell in second.cells]
    assert len(set(ids)) == len(ids) == 6
