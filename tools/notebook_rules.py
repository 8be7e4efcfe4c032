"""What holds for every lesson, one function per rule.

A rule takes the executed notebook and the notebook made from its source, and returns its complaints as
sentences that name the cell; an empty list means that all is well. The builder asks before it writes, and
tests/test_notebooks.py asks for every lesson in the repository.
"""

import ast
import hashlib
import io
import json
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CHECK_MARK = re.compile(r"^\s*#+\s*NBVAL_CHECK_OUTPUT\s*$", re.M)
LARGEST_BYTES = 1_000_000
LONGEST_CELL = 20
SHORTEST_ALT = 20
# Stated and measured run time may differ by this factor: machines differ, a wrong promise differs more.
FACTOR = 2.0
RUN_TIME, PEAK_MEMORY = "run time (s)", "peak memory (MB)"
STATED = {
    RUN_TIME: re.compile(r"Measured run time: \*\*([\d.,]+) s\*\*"),
    PEAK_MEMORY: re.compile(r"\*\*([\d.,]+) MB\*\*"),
}
ROOT = Path(__file__).resolve().parents[1]
# Homes and temporary folders of any machine; addresses on the web (https://…/home/…) are not meant.
MACHINE_PATH = re.compile(
    r"(?:(?<![\w.:/~<-])|(?<=file://))/(?:home/\w|Users/\w|root/|tmp/|private/|var/folders/)[^\s'\"<>)]*"
    r"|\b[A-Za-z]:[\\/]+Users\b[^\s'\"<>)]*"
)


def source_hash(source: str) -> str:
    """Sixteen hexadecimal digits that stand for a cell's source."""
    return hashlib.sha256(source.encode("utf-8")).hexdigest()[:16]


def is_checked(cell: NotebookNode) -> bool:
    """Whether nbval compares the output of this cell exactly."""
    return cell.cell_type == "code" and bool(CHECK_MARK.search(cell.source))


def named(position: int, cell: NotebookNode) -> str:
    """`cell 4 ("first line")`, counted from 1 over all cells, as complaints name it."""
    first = next((line for line in cell.source.splitlines() if line.strip()), "empty")
    return f'cell {position} ("{first[:60]}")'


def code_cells(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Each code cell with its name."""
    for position, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            yield named(position, cell), cell


def outputs(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Each output with the name of its cell."""
    for name, cell in code_cells(notebook):
        for output in cell.outputs:
            yield name, output


def same_cells(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Cells, their order and their metadata are those of the source."""
    found = []
    if len(notebook.cells) != len(source.cells):
        found = [f"the notebook has {len(notebook.cells)} cells, its source {len(source.cells)}"]
    for position, (cell, wanted) in enumerate(zip(notebook.cells, source.cells, strict=False), start=1):
        own = {key: value for key, value in cell.metadata.items() if key != "source_hash"}
        if (cell.cell_type, cell.source) != (wanted.cell_type, wanted.source):
            return [
                *found,
                f"{named(position, cell)} differs from the source",
            ]  # all that follow may have moved
        if own != wanted.metadata:
            found.append(f"{named(position, cell)} has other metadata than the source")
    return found


def counts_in_order(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Code cells ran from top to bottom, each once: 1, 2, …, n."""
    return [
        f"{name} has execution count {cell.execution_count}, not {count}"
        for count, (name, cell) in enumerate(code_cells(notebook), start=1)
        if {cell.execution_count} | {o.execution_count for o in cell.outputs if "execution_count" in o}
        != {count}
    ]


def no_error_output(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """No cell failed."""
    return [f"{name} shows an error: {o.ename}" for name, o in outputs(notebook) if o.output_type == "error"]


def no_stderr(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """No warning or log line reaches the reader unexplained."""
    return [
        f"{name} writes to stderr: {o.text.strip()[:100]}"
        for name, o in outputs(notebook)
        if o.output_type == "stream" and o.name == "stderr"
    ]


def no_widget_state(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Widgets are alive or absent: neither their state nor their views are stored."""
    found = ["metadata.widgets is stored"] if "widgets" in notebook.metadata else []
    return found + [
        f"{name} stores a widget view" for name, o in outputs(notebook) if WIDGET_VIEW in o.get("data", {})
    ]


def outputs_present(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Whatever a reader should see, and whatever nbval compares, is stored."""
    found = [] if any(True for _ in outputs(notebook)) else ["no cell has an output"]
    for name, cell in code_cells(notebook):
        if not cell.outputs and is_checked(cell):
            found.append(f"{name} is marked NBVAL_CHECK_OUTPUT and has no output to compare with")
        elif not cell.outputs and _displays(cell.source):
            found.append(f"{name} ends in something to show and stores nothing (a widget needs a text)")
    return found


def no_trailing_semicolon(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """A semicolon at the end would hide the output, alt text included."""
    return [f"{name} ends a line with `;`" for name, cell in code_cells(notebook) if _has_semicolon(cell)]


def no_installing(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Lessons run offline and leave the reader's environment as it is."""
    installs = re.compile(r"^\s*[!%]+\s*([\w./{}]+ -m )?(pip|conda|mamba|uv)\b", re.M)
    return [
        f"{name} installs packages" for name, cell in code_cells(notebook) if installs.search(cell.source)
    ]


def alt_text(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Every picture has a sentence for readers who cannot see it."""
    found = []
    for name, output in outputs(notebook):
        for mime in output.get("data", {}):
            alt = output.metadata.get(mime, {}).get("alt", "") if mime.startswith("image/") else None
            if alt is not None and len(alt.strip()) < SHORTEST_ALT:
                found.append(f"{name} shows a picture without alt text of {SHORTEST_ALT} characters or more")
    for position, cell in enumerate(notebook.cells, start=1):
        alts = re.findall(r"!\[(.*?)\][(\[]", cell.source) if cell.cell_type == "markdown" else []
        if any(len(alt.strip()) < SHORTEST_ALT for alt in alts):
            found.append(f"{named(position, cell)} has a picture without alt text")
    return found


def source_hashes(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Each code cell's outputs come from the code that stands above them."""
    return [
        f"{name} has outputs of other code: build the lesson again"
        for name, cell in code_cells(notebook)
        if cell.metadata.get("source_hash") != source_hash(cell.source)
    ]


def small_enough(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """The file stays below a megabyte, so that it opens quickly and git stays small."""
    total = len(nbformat.writes(notebook).encode("utf-8"))
    if total < LARGEST_BYTES:
        return []
    sizes = sorted(((len(json.dumps(cell)), name) for name, cell in code_cells(notebook)), reverse=True)
    largest = ", ".join(f"{name}: {size / 1000:.0f} kB" for size, name in sizes[:3])
    return [f"the notebook has {total / 1000:.0f} kB, {LARGEST_BYTES / 1000:.0f} are allowed; {largest}"]


def no_absolute_path(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """Nothing in the text tells where on which machine the lesson was built."""
    found = []
    for position, cell in enumerate(notebook.cells, start=1):
        texts = [cell.source] + [text for o in cell.get("outputs", []) for text in _texts(o)]
        seen = next((path for text in texts if (path := _path_in(text))), None)
        if seen:
            found.append(f"{named(position, cell)} contains a path of this machine: {seen}")
    return found


def short_cells(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """One idea a cell; a longer one carries the tag `long-cell` and says why in `reason`."""
    return [
        f"{name} has {lines} lines, {LONGEST_CELL} are allowed without the tag `long-cell` and a `reason`"
        for name, cell in code_cells(notebook)
        if (lines := len(cell.source.splitlines())) > LONGEST_CELL
        and not ("long-cell" in cell.metadata.get("tags", []) and cell.metadata.get("reason"))
    ]


def title_first(notebook: NotebookNode, source: NotebookNode) -> list[str]:
    """The first cell is prose and begins with the title."""
    first = notebook.cells[0] if notebook.cells else NotebookNode()
    if first.get("cell_type") == "markdown" and first.source.startswith("# "):
        return []
    return ["the first cell is not markdown that begins with a title (`# …`)"]


RULES = (
    same_cells,
    counts_in_order,
    no_error_output,
    no_stderr,
    no_widget_state,
    outputs_present,
    no_trailing_semicolon,
    no_installing,
    alt_text,
    source_hashes,
    small_enough,
    no_absolute_path,
    short_cells,
    title_first,
)


def costs_stated(notebook: NotebookNode, measured: Mapping[str, float]) -> list[str]:
    """The opening states run time and memory, and the last build measured about the same."""
    prose = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            break
        prose.append(cell.source)
    found = []
    for metric, pattern in STATED.items():
        match = pattern.search("\n".join(prose))
        if match is None:
            form = "Measured run time: **NN s**" if metric == RUN_TIME else "**NNNN MB**"
            found.append(f"the opening does not state its {metric} in the form {form}")
        elif metric in measured:
            stated, value = float(match[1].replace(",", "")), measured[metric]
            if not value / FACTOR <= stated <= value * FACTOR:
                found.append(
                    f"the opening states {metric} {stated:g}, measured was {value:g}: correct it, "
                    "or build again when the machine is idle"
                )
    return found


def problems(
    notebook: NotebookNode, source_notebook: NotebookNode, *, measured: Mapping[str, float] | None = None
) -> list[str]:
    """All complaints about a lesson; `measured` has the scoreboard's values, where there are any yet."""
    found = [complaint for rule in RULES for complaint in rule(notebook, source_notebook)]
    return found + costs_stated(notebook, measured or {})


def _displays(source: str) -> bool:
    """Whether a cell surely shows something: it ends in an expression that isn't a call, or prints.

    Other calls may return None, which shows nothing.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a line magic
        return False
    if not body or not isinstance(body[-1], ast.Expr):
        return False
    value = body[-1].value
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in {"print", "display"}
    return not isinstance(value, ast.Await) and not (isinstance(value, ast.Constant) and value.value is None)


def _has_semicolon(cell: NotebookNode) -> bool:
    ends = {tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER}
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(cell.source).readline))
    except (tokenize.TokenError, SyntaxError):  # a line magic
        return cell.source.rstrip().endswith(";")
    return any(
        token.string == ";" and following.type in ends
        for token, following in zip(tokens, tokens[1:], strict=False)
    )


def _texts(output: NotebookNode) -> Iterator[str]:
    """What an output says in words: streams, tracebacks, texts, alt texts; pixels are left out."""
    yield output.get("text", "")
    yield "\n".join(output.get("traceback", []))
    for mime, value in output.get("data", {}).items():
        if not mime.startswith("image/") or mime == "image/svg+xml":
            yield value if isinstance(value, str) else json.dumps(value)
    yield json.dumps(output.get("metadata", {}))


def _path_in(text: str) -> str | None:
    roots = {str(ROOT), str(Path.home()), sys.prefix}
    for root in sorted(root for root in roots if len(Path(root).parts) > 2):
        if re.search(rf"{re.escape(root)}(?!\w)", text):
            return root
    match = MACHINE_PATH.search(text)
    return match[0] if match else None
