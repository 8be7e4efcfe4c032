"""Code and documentation of installed libraries: real functions with the sentences that describe them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from course_utils.datasets.docstring_parsing import (
    Definition,
    SourceFile,
    collector_paused,
    definitions,
    fingerprint,
    library_files,
    split_docstring,
)
from course_utils.datasets.near_copies import connected_groups, find_near_copies
from course_utils.datasets.parsed_cache import keep_parsed, read_parsed
from course_utils.storage import cache_folder
from course_utils.text.tokenizers import tokenize_words

# Raise this number with every change to parsing, filters or splits, or old caches will be read.
PARSER_VERSION = 3

LIBRARIES = (
    "numpy", "scipy", "sklearn", "matplotlib", "networkx", "gensim", "torch", "sympy", "numba",
    "IPython", "jupyter_server", "prompt_toolkit", "huggingface_hub", "PIL", "tornado", "jinja2",
    "mpmath", "joblib",
)  # fmt: skip

# Of the two largest libraries a part is enough; the rest is about their compilers, or takes too long to read.
PARTS = {
    "torch": ("nn", "optim", "distributions", "autograd", "utils", "sparse", "linalg", "functional.py"),
    "sympy": ("core", "functions", "solvers", "matrices", "combinatorics", "geometry", "stats", "ntheory",
              "sets"),
}  # fmt: skip

SHARES = {"train": 0.65, "test": 0.23, "val": 0.12}
LEAST_WORDS, MOST_WORDS, LEAST_LINES = 4, 40, 3
KINDS = ("function", "class", "module")


@dataclass(frozen=True)
class Documented:
    """A function, class or module with its documentation."""

    kind: str  # "function", "class" or "module"
    library: str  # as one imports it
    module: str  # dotted name
    name: str  # qualified in the module, such as "Series.plot"; "" for a module
    code: str  # source without any docstring, from `def` or `class` on; comments are kept
    summary: str  # first sentence of the docstring, on one line, without markup
    body: str  # what follows it in the docstring
    split: str  # "train", "val" or "test"
    path: str  # relative to the folder that holds the library
    line: int  # of `def` or `class`, from 1


@dataclass(frozen=True)
class DocstringCorpus:
    """What was found, and which files could not be read."""

    items: tuple[Documented, ...]  # by library, path, line
    skipped: tuple[tuple[str, str], ...]  # (path, reason)

    def split(self, name: str) -> tuple[Documented, ...]:
        """The items of one split: "train", "val" or "test"."""
        if name not in SHARES:
            raise ValueError(f"A split is one of train, val, test, not {name!r}.")
        return tuple(item for item in self.items if item.split == name)

    def __str__(self) -> str:
        libraries = len({item.library for item in self.items})
        return f"{len(self.items):,} items of {libraries} libraries; {len(self.skipped)} files skipped"


def load_docstrings(
    libraries: Sequence[str] = LIBRARIES, *, kinds: Sequence[str] = ("function",)
) -> DocstringCorpus:
    """Read functions (and classes, modules) with their docstrings from the source of installed libraries.

    Files are parsed with `ast`; nothing is imported or run. Kept is what has at least three lines of code and
    a summary of 4 to 40 words in Latin letters, which says more than the name does and does not stand in the
    code. Of items with the same code, or the same summary, the first is kept. Functions inside functions,
    tests, and copies that libraries carry of each other are left out; of torch and sympy a part is read
    (`PARTS`).

    Splits hold whole modules. Modules that share a near-copy (see `near_copies`) form a group and stay
    together, so that no near-copy crosses a split; the groups of a library go to train, test and val in
    about 65, 23 and 12 % of its items.

    The first call takes about ten seconds and keeps the result below `cache_folder()`; later calls read
    it there. A source file that changes, appears or goes makes the cache stale.

    Parameters
    ----------
    libraries : sequence of str
        As one would import them.
    kinds : sequence of {"function", "class", "module"}

    Returns
    -------
    DocstringCorpus
        The same for the same installed versions, on every machine.

    Raises
    ------
    DataError
        If a library is not installed; the sentence names it.
    ValueError
        If a kind is unknown, there is no library, or a name is no library's.

    Notes
    -----
    Origin: the packages installed beside the course, each under its own licence. Nothing is copied into
    the course.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds or not libraries or isinstance(libraries, str):
        raise ValueError(f"Give a list of libraries, and kinds out of {', '.join(KINDS)}; not {unknown}.")
    files = [file for library in dict.fromkeys(libraries) for file in _chosen_files(library)]
    key = fingerprint(files, version=(PARSER_VERSION, sorted(set(kinds))))
    cached = cache_folder() / "docstrings" / f"corpus-{key}.json"
    corpus = read_parsed(cached, _corpus)
    if corpus is None:
        corpus = _parse(files, kinds=set(kinds))
        keep_parsed(cached, [[astuple(item) for item in corpus.items], corpus.skipped])
    return corpus


def _chosen_files(library: str) -> list[SourceFile]:
    files = library_files(library)
    parts = PARTS.get(library)
    return [file for file in files if parts is None or file.path.split("/")[1] in parts]


def _parse(files: Iterable[SourceFile], *, kinds: set[str]) -> DocstringCorpus:
    items: list[Documented] = []
    skipped: list[tuple[str, str]] = []
    with collector_paused():
        for file in files:
            try:
                found = definitions(file.location.read_bytes())
            except OSError as error:
                skipped.append((file.path, f"not readable: {error.strerror or type(error).__name__}"))
            except SyntaxError as error:
                where = f" in line {error.lineno}" if error.lineno else ""
                skipped.append((file.path, f"not Python: {error.msg}{where}"))
            else:
                items += [_documented(file, one) for one in found if one.kind in kinds]
    kept = without_duplicates(item for item in items if is_wanted(item))
    return DocstringCorpus(tuple(assign_splits(kept)), tuple(skipped))


def _documented(file: SourceFile, one: Definition) -> Documented:
    summary, body = split_docstring(one.docstring)
    return Documented(
        kind=one.kind,
        library=file.library,
        module=file.module,
        name=one.name,
        code=one.code,
        summary=summary,
        body=body,
        split="",
        path=file.path,
        line=one.line,
    )


_LITTLE_WORDS = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "get", "in", "is", "it", "its", "of", "on", "or")
    + ("return", "returns", "set", "the", "this", "to", "with")
)
_NO_SUMMARY = re.compile(
    r"^(see |deprecated|todo|\.\. |>>>|alias |same as |parameters|@|:|\W*$)|----", re.IGNORECASE
)


def is_wanted(item: Documented) -> bool:
    """Whether an item has enough code, and a summary that says something which its name and code do not."""
    words = tokenize_words(item.summary)
    if not LEAST_WORDS <= len(words) <= MOST_WORDS or _NO_SUMMARY.match(item.summary):
        return False
    if not item.summary.isascii() and sum(c.isascii() for c in item.summary) < 0.9 * len(item.summary):
        return False
    if item.code.count("\n") + 1 < LEAST_LINES:
        return False
    if item.summary.rstrip(".").lower() in " ".join(item.code.split()).lower():
        return False
    name = set(name_words(item.name or item.module))
    return not set(words) <= name | _LITTLE_WORDS


def name_words(name: str) -> list[str]:
    """The words of an identifier: `LinearRegression.fit_predict` → linear, regression, fit, predict."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def without_duplicates(items: Iterable[Documented]) -> list[Documented]:
    """Drop items whose code or summary came before, whatever their names, case and spacing."""
    seen: set[tuple[str, str, str]] = set()
    kept = []
    for item in items:
        code = (
            "" if item.kind == "module" else item.code.partition("(" if item.kind == "function" else ":")[2]
        )
        keys = {
            (item.kind, "summary", " ".join(tokenize_words(item.summary))),
            (item.kind, "code", "".join((code or item.code).split())),
        }
        if not keys & seen:
            kept.append(item)
        seen |= keys
    return kept


def assign_splits(items: Sequence[Documented]) -> list[Documented]:
    """Give each item the split of its module's group; see `load_docstrings`."""
    copies = find_near_copies([item.code for item in items])
    pairs = ((items[i].module, items[j].module) for i, j in copies)
    group = connected_groups({item.module for item in items}, pairs=pairs)
    home: dict[object, str] = {}  # a group goes by the library of its first item
    sizes: dict[str, dict[object, int]] = {}
    for item in items:
        library = home.setdefault(group[item.module], item.library)
        counts = sizes.setdefault(library, {})
        counts[group[item.module]] = counts.get(group[item.module], 0) + 1
    split = {name: part for counts in sizes.values() for name, part in _deal(counts).items()}
    return [replace(item, split=split[group[item.module]]) for item in items]


def _deal(sizes: dict[object, int]) -> dict[object, str]:
    """Deal a library's groups, in the order of a hash of their names, to the split that lacks most."""
    total = sum(sizes.values())
    lacking = {name: share * total for name, share in SHARES.items()}
    empty = dict.fromkeys(SHARES)
    order = sorted(sizes, key=lambda name: hashlib.sha256(str(name).encode()).digest())
    dealt = {}
    for place, name in enumerate(order):
        open_splits = list(empty) if empty and len(order) - place <= len(empty) else list(lacking)
        chosen = max(open_splits, key=lambda part: lacking[part])
        lacking[chosen] -= sizes[name]
        empty.pop(chosen, None)
        dealt[name] = chosen
    return dealt


def _corpus(stored: Any) -> DocstringCorpus:
    """A corpus from its form in the cache."""
    items, skipped = stored
    return DocstringCorpus(
        tuple(Documented(*item) for item in items), tuple((path, reason) for path, reason in skipped)
    )
