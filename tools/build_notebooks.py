"""Build lessons: execute notebooks/src/NN_topic.py in a fresh kernel and write notebooks/NN_topic.ipynb.

    python tools/build_notebooks.py 01      one lesson
    python tools/build_notebooks.py         all of them
    python tools/build_notebooks.py --check compare stored notebooks with their sources, run nothing

The kernel starts cold: no trained model, no progress, no settings of the author. What is stored depends
on the source alone, so that building twice gives the same bytes.
"""

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import ipykernel.kernelspec
import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from notebook_rules import PEAK_MEMORY, RUN_TIME, WIDGET_VIEW, named, problems, source_hash

from course_utils.scoreboard import Row, load
from course_utils.storage import DataError, StorageError, write_atomically, write_json

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
# The text of a widget that stands for nothing else: `VBox(children=…)`, or a progress bar.
WIDGET_REPR = re.compile(r"^\s*\w+\(|\[[\d:?]+(<|, )")
# Linux keeps a process's own peak in /proc, in kB; `getrusage` there starts at what the parent held. macOS
# has `getrusage` alone, in bytes; where there is neither (Windows), the reply is an error.
PEAK_UNITS_PER_MB = 1e6 if sys.platform == "darwin" else 1e3
PEAK = "__import__('resource').getrusage(0).ru_maxrss"
if sys.platform == "linux":
    PEAK = r"int(__import__('re').search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read())[1])"


class BuildError(Exception):
    """A lesson was not built; the message ends in a sentence that says what to do."""


@dataclass(frozen=True)
class Limits:
    """How long the build waits, in seconds."""

    cell: int = 300
    notebook: int = 600


@dataclass(frozen=True)
class Cost:
    """What a cold run took: wall time from kernel start to last output, and the kernel's peak memory."""

    seconds: float
    megabytes: float | None

    def rows(self, lesson: str) -> list[Row]:
        """The same for the scoreboard."""
        took = round(self.seconds, 1)
        values = {RUN_TIME: took} | ({PEAK_MEMORY: round(self.megabytes)} if self.megabytes else {})
        return [
            Row(lesson=lesson, model="lesson", metric=metric, value=value, seconds=took)
            for metric, value in values.items()
        ]


def read_source(path: Path) -> NotebookNode:
    """The notebook that a py:percent source describes, not yet executed and with ids that stay."""
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's own note
        digest = source_hash(f"{cell.cell_type}:{cell.source}")
        seen[digest] += 1
        cell.id = f"{digest}-{seen[digest]}"
    return notebook


def find_sources(folder: Path, wanted: list[str]) -> list[Path]:
    """Sources named by number, name or path; all of them if none is named."""
    sources = sorted((folder / "src").glob("*.py"))
    if not sources:
        raise BuildError(f"There is no lesson in {folder / 'src'}; write one, named NN_topic.py.")
    found = []
    for name in wanted:
        stem = Path(name).stem
        matches = [s for s in sources if stem in (s.stem, lesson_of(s)) or stem.zfill(2) == lesson_of(s)]
        if not matches:
            raise BuildError(f"There is no lesson {name}; choose from {', '.join(s.stem for s in sources)}.")
        found += matches
    return found or sources


def lesson_of(path: Path) -> str:
    """The number in front of a lesson's name."""
    return path.stem.split("_")[0]


def costs_in(rows: list[Row], lesson: str) -> dict[str, float]:
    """What a build of the lesson measured, by metric; empty if there was none."""
    return {row.metric: row.value for row in rows if (row.lesson, row.model) == (lesson, "lesson")}


class _ThisEnvironment(KernelSpecManager):
    """Finds the kernel of the running interpreter, whatever is installed for the user."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(
            resource_dir=ipykernel.kernelspec.RESOURCES, **ipykernel.kernelspec.get_kernel_dict()
        )


def kernel_environment(temporary: Path) -> dict[str, str]:
    """Variables for a cold kernel on the CPU that keeps nothing outside `temporary`."""
    # With this variable of pytest ipykernel would capture less than it does for a reader.
    inherited = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    return inherited | {
        "CI": "true",
        "CUDA_VISIBLE_DEVICES": "",
        "COURSE_CACHE": str(temporary / "cache"),
        "COURSE_SCOREBOARD": str(temporary / "scoreboard.json"),
        "IPYTHONDIR": str(temporary / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def execute(notebook: NotebookNode, *, folder: Path, environment: Mapping[str, str], limits: Limits) -> Cost:
    """Run all cells in a fresh kernel, in place; the kernel is gone afterwards, come what may.

    Raises
    ------
    BuildError
        If a cell fails, kills the kernel or takes too long; it names the cell.
    """
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_spec_manager=_ThisEnvironment()),
        timeout=limits.cell,
        iopub_timeout=30,
        raise_on_iopub_timeout=True,
        force_raise_errors=True,
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        shutdown_kernel="immediate",
        extra_arguments=["--log-level=ERROR"],  # no advice on transport encryption among our messages
    )
    return asyncio.run(_run(client, limits.notebook, cwd=str(folder), env=dict(environment)))


async def _run(client: NotebookClient, seconds: float, **kernel: object) -> Cost:
    start, manager = time.perf_counter(), client.km
    assert isinstance(manager, AsyncKernelManager)
    try:
        async with asyncio.timeout(seconds) as limit, client.async_setup_kernel(cleanup_kc=True, **kernel):
            for index, cell in enumerate(client.nb.cells):
                await _run_cell(client, index, cell)
            return Cost(time.perf_counter() - start, await _peak_memory(client))
    except (TimeoutError, BuildError):
        if limit.expired():  # nbclient reports that as a dead kernel
            raise BuildError(f"The lesson ran longer than {seconds} s; make it faster.") from None
        raise
    finally:
        if await manager.is_alive():  # nbclient leaves a kernel that never became ready
            await manager.shutdown_kernel(now=True)


async def _run_cell(client: NotebookClient, index: int, cell: NotebookNode) -> None:
    name = named(index + 1, cell)
    try:
        await client.async_execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
    except CellTimeoutError:
        raise BuildError(f"{name} ran longer than {client.timeout} s; make it faster.") from None
    except DeadKernelError:
        raise BuildError(f"The kernel died in {name}; it may have run out of memory.") from None
    except CellExecutionError as error:
        raise BuildError(f"{error.traceback}\n{name} raised {error.ename}; mend it.") from None


async def _peak_memory(client: NotebookClient) -> float | None:
    """Ask the kernel behind the notebook's back for its largest resident size in MB."""
    assert client.kc is not None
    message = client.kc.execute("", silent=True, user_expressions={"peak": PEAK})
    reply = await client.async_wait_for_reply(message)
    assert reply is not None
    answer = reply["content"]["user_expressions"]["peak"]
    return float(answer["data"]["text/plain"]) / PEAK_UNITS_PER_MB if answer["status"] == "ok" else None


def normalise(notebook: NotebookNode) -> None:
    """Leave in an executed notebook only what a reader without a kernel can use, in place."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.source_hash = source_hash(cell.source)
        cell.outputs = [output for output in cell.outputs if not _is_mere_widget(output)]
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)
            output.get("metadata", {}).pop(WIDGET_VIEW, None)


def _is_mere_widget(output: NotebookNode) -> bool:
    data = output.get("data", {})
    if WIDGET_VIEW not in data or set(data) - {WIDGET_VIEW, "text/plain"}:
        return False
    return "text/plain" not in data or bool(WIDGET_REPR.search(data["text/plain"]))


def build(source: Path, *, folder: Path = FOLDER, limits: Limits | None = None) -> Cost:
    """Execute one lesson and write its notebook and its rows of the scoreboard: all of it, or nothing.

    Raises
    ------
    BuildError
        If the lesson does not run or breaks a rule; what was there before stays.
    """
    notebook, lesson, scoreboard = read_source(source), lesson_of(source), folder / "scoreboard.json"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        staged = Path(name, "scoreboard.json")
        # The lesson sees the other lessons' rows; its own it must earn again.
        _write_rows(staged, _without(lesson, load(scoreboard)))
        environment = kernel_environment(Path(name))
        cost = execute(notebook, folder=folder, environment=environment, limits=limits or Limits())
        own = [row for row in load(staged) if row.lesson == lesson] + cost.rows(lesson)
    normalise(notebook)
    found = problems(notebook, read_source(source), measured=costs_in(own, lesson))
    if found:
        listed = "".join(f"- {problem}\n" for problem in found)
        raise BuildError(f"{listed}{source.name} breaks the rules above; mend it and build again.")
    nbformat.validate(notebook)
    write_atomically(folder / f"{source.stem}.ipynb", (nbformat.writes(notebook) + "\n").encode("utf-8"))
    # Read again: another lesson may have been built meanwhile.
    _write_rows(scoreboard, _without(lesson, load(scoreboard)) + own)
    return cost


def _without(lesson: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.lesson != lesson]


def _write_rows(path: Path, rows: list[Row]) -> None:
    write_json(path, [asdict(row) for row in sorted(rows, key=lambda row: row.key)])


def check(source: Path, *, folder: Path = FOLDER) -> list[str]:
    """What is wrong with a stored notebook, told without running it."""
    path, lesson = folder / f"{source.stem}.ipynb", lesson_of(source)
    if not path.exists():
        return [f"{path.name} is missing: run make notebooks NB={lesson}"]
    notebook = nbformat.read(path, as_version=4)
    measured = costs_in(load(folder / "scoreboard.json"), lesson)
    return problems(notebook, read_source(source), measured=measured)


def check_all(sources: list[Path], *, folder: Path) -> None:
    """Compare stored notebooks with their sources; a BuildError lists every complaint."""
    complaints = [f"{s.stem}: {problem}\n" for s in sources for problem in check(s, folder=folder)]
    known = {path.stem for path in (folder / "src").glob("*.py")}
    orphans = [path.name for path in sorted(folder.glob("*.ipynb")) if path.stem not in known]
    complaints += [f"{name}: has no source in src: delete it, or write its source\n" for name in orphans]
    if complaints:
        raise BuildError("".join(complaints) + "Mend the sources and build again: make notebooks NB=…")
    print(f"{len(sources)} lessons agree with their sources.")


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, build or check, and stop at the first lesson that cannot be built."""
    parser = argparse.ArgumentParser(description="Build lessons, or check them.")
    parser.add_argument("lessons", nargs="*", metavar="NB", help="number or name of a lesson; none: all")
    parser.add_argument("--check", action="store_true", help="compare notebooks with sources, run nothing")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="holds the notebooks, and src below it")
    parser.add_argument("--cell-timeout", type=int, default=Limits.cell, help="seconds for each cell")
    parser.add_argument("--timeout", type=int, default=Limits.notebook, help="seconds for a whole lesson")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    try:
        sources = find_sources(folder, options.lessons)
        if options.check:
            check_all(sources, folder=folder)
            return 0
        for source in sources:
            print(f"Building {source.stem} ...", flush=True)
            cost = build(source, folder=folder, limits=Limits(options.cell_timeout, options.timeout))
            print("  " + ", ".join(f"{row.metric}: {row.value:g}" for row in cost.rows(lesson_of(source))))
    except (BuildError, DataError, StorageError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
