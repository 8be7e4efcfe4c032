"""Documented functions, classes and modules in Python source, read with `ast`: nothing is imported or run."""

from __future__ import annotations

import ast
import gc
import hashlib
import inspect
import io
import os
import re
import textwrap
import tokenize
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

from course_utils.storage import DataError

# Folders of tests, and of copies of other libraries.
SKIPPED_FOLDERS = frozenset(
    ("tests", "test", "testing", "_testing", "_tests", "testdata", "__pycache__")
    + ("vendor", "_vendor", "vendored", "_vendored", "externals", "extern", "_external")
    + ("third_party", "_third_party", "array_api_compat", "array_api_extra", "_uarray")
    + ("cobyqa", "pyprima", "cloudpickle")
)
_TEST_FILE = re.compile(r"^(test_.*|.*_tests?|conftest)\.py$")
_SENTENCE_END = re.compile(r"(?<=[\w)\]`'\"}])\.(?=\s+[A-Z`]|\s*$)")
_SIGNATURE = re.compile(r"^[\w.]+\(.*\)\s*(->.*|--)?$", re.DOTALL)
_ROLE = re.compile(r":[a-z:]+:`[~!.]*([^`<]*?)(?:\s*<[^`]*>)?`")

Span = tuple[int, int]
_HasDocstring = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_NAMED = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class SourceFile:
    """One Python file of a library."""

    library: str
    module: str  # dotted name
    path: str  # relative to the folder that holds the library, with forward slashes
    location: Path  # where it lies on this machine


@dataclass(frozen=True)
class Definition:
    """Something with a docstring, as it stands in a file."""

    kind: str  # "function", "class" or "module"
    name: str  # qualified within the module, such as "Series.plot"; "" for a module
    code: str  # its source without any docstring, from `def` or `class` on
    docstring: str  # indentation removed
    line: int


def library_files(library: str) -> list[SourceFile]:
    """The Python files of an installed library, in order of their path; tests and copies of others left out.

    Parameters
    ----------
    library : str
        The name that one would import, such as "scipy". It is found, not imported.

    Raises
    ------
    DataError
        If the library is not installed.
    ValueError
        If the name is no name of a top-level package.
    """
    if not library.isidentifier():  # looking for "a.b" would import a
        raise ValueError(f"A library is named as one imports it, such as 'scipy', not {library!r}.")
    try:
        spec = find_spec(library)
    except ValueError:  # a module without a spec, such as __main__
        spec = None
    if spec is None:
        raise DataError(f"The library {library} is not installed; run make lab, or leave {library} out.")
    if not spec.submodule_search_locations:
        if not spec.origin or not spec.origin.endswith(".py"):
            return []
        single = Path(spec.origin)
        return [SourceFile(library, library, single.name, single)]
    return list(_walk(library, Path(next(iter(spec.submodule_search_locations)))))


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector from searching syntax trees, in which there is none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def fingerprint(files: Iterable[SourceFile], *, version: object) -> str:
    """A short key for what is derived from files: it changes when one of them is edited, comes or goes."""
    key = hashlib.sha256(str(version).encode())
    for file in files:
        try:
            facts = os.stat(file.location)
            state = f"{facts.st_size} {facts.st_mtime_ns}"
        except OSError:
            state = "missing"
        key.update(f"{file.path} {state}\n".encode(errors="backslashreplace"))
    return key.hexdigest()[:16]


def _walk(library: str, root: Path) -> Iterator[SourceFile]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in SKIPPED_FOLDERS and not f.startswith(".")]
        found += [Path(folder, name) for name in names if name.endswith(".py") and not _TEST_FILE.match(name)]
    for place in sorted(found, key=lambda path: path.relative_to(root).as_posix()):
        parts = place.relative_to(root).with_suffix("").parts
        dotted = ".".join((library, *(parts[:-1] if parts[-1] == "__init__" else parts)))
        yield SourceFile(library, dotted, f"{library}/{place.relative_to(root).as_posix()}", place)


def parse_source(source: bytes) -> tuple[ast.Module, str]:
    """The syntax tree of a Python file and its text, without running anything of it.

    Raises
    ------
    SyntaxError
        If the bytes are no Python source, whatever the reason: encoding, syntax, nesting.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        with warnings.catch_warnings():
            for category in (DeprecationWarning, SyntaxWarning):  # what the parser says of others' code
                warnings.simplefilter("ignore", category)
            return ast.parse(text), text
    except SyntaxError:
        raise
    except (ValueError, LookupError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"{type(error).__name__}: {error}") from error


def definitions(source: bytes) -> list[Definition]:
    """Every documented module, class and function in a source, in order; local functions are left out.

    Raises
    ------
    SyntaxError
        As for `parse_source`.
    """
    tree, text = parse_source(source)
    found = _Finder(text)
    found.visit(tree)
    found.docstrings.sort()
    return [
        Definition(kind, name, _without(text, span, found.docstrings), docstring, line)
        for kind, name, span, docstring, line in found.documented
    ]


class _Finder:
    """Walks through the statements of a file, not their expressions, which would take much longer.

    Attributes
    ----------
    documented : list of (kind, name, span, docstring, line)
    docstrings : list of (int, int)
        Where docstrings begin and end in the text, those of local functions included.
    """

    def __init__(self, text: str) -> None:
        self.documented: list[tuple[str, str, Span, str, int]] = []
        self.docstrings: list[Span] = []
        self._whole: Span = (0, len(text))
        self._lines = text.split("\n")
        self._starts = list(accumulate((len(line) + 1 for line in self._lines), initial=0))

    def visit(self, node: ast.AST, *, names: tuple[str, ...] = (), local: bool = False) -> None:
        if isinstance(node, _NAMED):
            names = (*names, node.name)
        if isinstance(node, _HasDocstring):
            self._note(node, name=".".join(names), local=local)
        local = local or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            for statement in getattr(node, field, ()):
                self.visit(statement, names=names, local=local)

    def _note(self, node: _HasDocstring, *, name: str, local: bool) -> None:
        first = node.body[0] if node.body else None
        if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
            return
        docstring = first.value.value
        if not isinstance(docstring, str):
            return
        self.docstrings.append(self._span(first))
        if local:
            return
        docstring = inspect.cleandoc(docstring)
        if isinstance(node, ast.Module):
            self.documented.append(("module", name, self._whole, docstring, 1))
        else:
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            self.documented.append((kind, name, self._span(node), docstring, node.lineno))

    def _span(self, node: ast.stmt) -> Span:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self._place(node.lineno, node.col_offset), self._place(end_line, end_column)

    def _place(self, line: int, column: int) -> int:
        shown = self._lines[line - 1]
        if not shown.isascii():  # ast counts columns in bytes of UTF-8
            column = len(shown.encode()[:column].decode(errors="ignore"))
        return self._starts[line - 1] + column


def _without(text: str, span: Span, cuts: list[Span]) -> str:
    """The text of a span without the cuts inside it, without its indentation and without empty lines."""
    start, end = span
    column = start - (text.rfind("\n", 0, start) + 1)
    pieces = [" " * column]
    for cut_start, cut_end in cuts[bisect_left(cuts, (start, -1)) :]:
        if cut_start >= end:
            break
        pieces.append(text[start:cut_start])
        start = cut_end
    pieces.append(text[start:end])
    kept = (line.rstrip() for line in textwrap.dedent("".join(pieces)).split("\n"))
    return "\n".join(line for line in kept if line and line != ";").expandtabs(4)


def split_docstring(docstring: str) -> tuple[str, str]:
    """The first sentence of a docstring, on one line and without markup, and all that follows it."""
    paragraph, _, rest = docstring.strip().partition("\n\n")
    while rest.strip() and _SIGNATURE.match(paragraph):  # "zeros(shape, dtype=float)" stands above some
        paragraph, _, rest = rest.strip().partition("\n\n")
    end = _SENTENCE_END.search(paragraph)
    first = paragraph if end is None else paragraph[: end.end()]
    left = "" if end is None else paragraph[end.end() :].strip()
    summary = _ROLE.sub(r"\1", " ".join(first.split())).replace("`", "").replace("*", "").replace("~", "")
    return summary.strip(" \"'~"), "\n\n".join(part for part in (left, rest.strip()) if part)
