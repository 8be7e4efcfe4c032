"""Which modules are imported together: one set of names for each file of the installed libraries."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from course_utils.datasets.docstring_parsing import (
    SourceFile,
    collector_paused,
    fingerprint,
    library_files,
    parse_source,
)
from course_utils.datasets.parsed_cache import keep_parsed, read_parsed
from course_utils.storage import cache_folder

# Raise this number with every change to the parsing, or old caches will be read.
PARSER_VERSION = 1

# Many libraries of moderate size rather than few large ones: each is one witness.
LIBRARIES = (
    "IPython", "PIL", "anyio", "babel", "bs4", "click", "debugpy", "filelock", "fsspec", "gensim",
    "httpcore", "httpx", "huggingface_hub", "ipykernel", "ipywidgets", "jedi", "jinja2", "joblib",
    "jsonschema", "jupyter_client", "jupyter_core", "jupyter_events", "jupyter_lsp", "jupyter_server",
    "jupyterlab", "jupyterlab_server", "nbclient", "nbconvert", "nbformat", "networkx",
    "parso", "pip", "prompt_toolkit", "psutil", "requests", "rich", "sentence_transformers", "setuptools",
    "sklearn", "smart_open", "terminado", "tornado", "tqdm", "traitlets", "typer", "umap", "urllib3",
    "websocket", "yaml", "zmq",
)  # fmt: skip


@dataclass(frozen=True)
class FileImports:
    """What one file imports."""

    library: str  # the library the file belongs to
    path: str  # relative to the folder that holds the library
    modules: tuple[str, ...]  # top-level names, sorted; without the library itself and `__future__`


@dataclass(frozen=True)
class ImportCorpus:
    """What was found, and which files could not be read."""

    files: tuple[FileImports, ...]  # by library, then path; only files that import something
    skipped: tuple[tuple[str, str], ...]  # (path, reason)

    def __str__(self) -> str:
        libraries = len({file.library for file in self.files})
        modules = len({module for file in self.files for module in file.modules})
        return f"{len(self.files):,} files of {libraries} libraries import {modules} different modules"


def load_imports(libraries: Sequence[str] = LIBRARIES) -> ImportCorpus:
    """Read the imports of every file of installed libraries, with `ast`: nothing is imported or run.

    An import counts wherever it stands in a file, within a function, too. Relative imports and those of the
    library itself are left out, so that a set says which *other* modules a file needs. Tests and copies of
    other libraries are not read.

    The first call takes a few seconds and keeps the result below `cache_folder()`.

    Parameters
    ----------
    libraries : sequence of str
        As one would import them.

    Returns
    -------
    ImportCorpus

    Raises
    ------
    DataError
        If a library is not installed; the sentence names it.
    ValueError
        If there is no library, or a name is no library's.
    """
    if not libraries or isinstance(libraries, str):
        raise ValueError("Give a list of libraries, such as ['tornado', 'httpx'].")
    files = [file for library in dict.fromkeys(libraries) for file in library_files(library)]
    cached = cache_folder() / "imports" / f"imports-{fingerprint(files, version=PARSER_VERSION)}.json"
    corpus = read_parsed(cached, _corpus)
    if corpus is None:
        corpus = _parse(files)
        rows = [[file.library, file.path, file.modules] for file in corpus.files]
        keep_parsed(cached, [rows, corpus.skipped])
    return corpus


def imported_modules(source: bytes) -> set[str]:
    """Top-level names that a source imports absolutely, at any depth.

    Raises
    ------
    SyntaxError
        If the bytes are no Python source.
    """
    tree, _ = parse_source(source)
    found = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found - {"__future__"}


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(node, field, ()):
            yield statement
            yield from _statements(statement)


def _parse(files: Iterable[SourceFile]) -> ImportCorpus:
    found, skipped = [], []
    with collector_paused():
        for file in files:
            try:
                modules = imported_modules(file.location.read_bytes()) - {file.library}
            except OSError as error:
                skipped.append((file.path, f"not readable: {error.strerror or type(error).__name__}"))
            except SyntaxError as error:
                skipped.append((file.path, f"not Python: {error.msg}"))
            else:
                if modules:
                    found.append(FileImports(file.library, file.path, tuple(sorted(modules))))
    return ImportCorpus(tuple(found), tuple(skipped))


def _corpus(stored: Any) -> ImportCorpus:
    """A corpus from its form in the cache."""
    rows, skipped = stored
    files = tuple(FileImports(library, file, tuple(modules)) for library, file, modules in rows)
    return ImportCorpus(files, tuple((file, reason) for file, reason in skipped))
