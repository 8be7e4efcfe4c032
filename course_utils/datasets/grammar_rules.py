"""Reads `rules.txt` of the grammar: groups, variables, tables, rules; `data/grammar/README.md` has the form.

The file is only cut at spaces and compared with patterns; nothing in it is executed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.storage import DataError

__all__ = ["Item", "Rule", "RuleBook", "problem_at", "read_rules"]

_SYMBOL = re.compile(r"[A-Z]\w*(\.[\w-]+)*(~\d)?")
# the number of a line and its words
Line = tuple[int, list[str]]
_MARKS = re.compile(r"(.+?):(\d+(?:,\d+)*)")


@dataclass(frozen=True)
class Item:
    """One word or symbol on a side of a rule."""

    text: str  # as written, without marks and part; English and French symbols correspond where it is equal
    name: str  # of the symbol or the table; for a plain word the word
    arguments: tuple[str, ...]
    kind: str  # "symbol", "table" or "word"
    marks: tuple[str, ...] = ()
    part: int | None = None  # 1 or 2 for Symbol/1 and Symbol/2


@dataclass(frozen=True)
class Rule:
    """A head and two sides; the French one in one or two parts."""

    name: str
    arguments: tuple[str, ...]
    weight: float
    grows: bool
    phenomena: frozenset[str]
    english: tuple[Item, ...]
    french: tuple[tuple[Item, ...], ...]
    line: int


@dataclass
class RuleBook:
    """What `rules.txt` says, before the lexicon is known."""

    path: Path
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    variables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    frequencies: dict[tuple[str, str], float] = field(
        default_factory=dict
    )  # (variable, value), 1 unless given
    tables: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)

    def members(self, names: Sequence[str]) -> tuple[str, ...]:
        """Classes or values, with the names of groups replaced by what is in them, each once."""
        found: dict[str, None] = {}
        for name in names:
            found.update(dict.fromkeys(self.groups.get(name, (name,))))
        return tuple(found)

    def is_silent(self, name: str) -> bool:
        """Whether all rules of a symbol have an empty French side, as those of Not have."""
        return name in self.rules and not any(any(rule.french) for rule in self.rules[name])

    def look_up(self, table: str, values: tuple[str, ...]) -> str:
        """The form in a table: of the first row that fits, "*" fitting all; KeyError if none does."""
        for keys, form in self.tables[table]:
            if keys == ("*",):
                return form
            if len(keys) == len(values) and all(k in ("*", v) for k, v in zip(keys, values, strict=True)):
                return form
        raise KeyError(values)


def problem_at(path: Path, line: int, *, problem: str) -> DataError:
    """The error for a line of the grammar that cannot be used."""
    return DataError(
        f"{path.name}, line {line}: {problem}; correct that line, data/grammar/README.md says how."
    )


def read_rules(path: Path, *, classes: Sequence[str]) -> RuleBook:
    """Read the rules.

    Parameters
    ----------
    path : Path
        A text file in UTF-8.
    classes : sequence of str
        The classes of nouns and names; "classes" in a variable's line means all of them.

    Returns
    -------
    RuleBook

    Raises
    ------
    DataError
        If the file cannot be read, or with the number of the line that is wrong.
    """
    book = RuleBook(path, groups={"classes": tuple(classes)})
    readers: dict[str, Callable[[RuleBook, Line], None]] = {
        "group": _read_group,
        "variable": _read_variable,
        "table": _read_table,
    }
    lines = _lines_of(path)
    for number, words in lines:
        if words[0] == "rule":
            rule = _read_rule(book, (number, words), sides=(next(lines, None), next(lines, None)))
            book.rules.setdefault(rule.name, []).append(rule)
        elif words[0] in readers and len(words) > 2:
            readers[words[0]](book, (number, words[1:]))
        else:
            wanted = "a group, a variable, a table or a rule begins here"
            raise problem_at(path, number, problem=f"{' '.join(words)!r} is not understood ({wanted})")
    for rule in (rule for rules in book.rules.values() for rule in rules):
        _check_correspondence(book, rule)
    return book


def _lines_of(path: Path) -> Iterator[Line]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); it must be a text file in UTF-8.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if words:
            yield number, words


def _read_group(book: RuleBook, line: Line) -> None:
    number, (name, *members) = line
    book.groups[name] = book.members(members)
    _refuse_unknown_classes(book, book.groups[name], line=number)


def _read_variable(book: RuleBook, line: Line) -> None:
    number, words = line
    names = list(itertools.takewhile(re.compile(r"[a-z]\d?").fullmatch, words))
    counted = [re.fullmatch(r"(.+?)(?::(\d+(?:\.\d+)?))?", word) for word in words[len(names) :]]
    values = book.members([found[1] for found in counted if found])
    if not names or not values or not book.variables.keys().isdisjoint(names):
        problem = (
            f"a variable is a new letter, which may have a digit, then its values; {' '.join(words)!r} is not"
        )
        raise problem_at(book.path, number, problem=problem)
    book.variables.update(dict.fromkeys(names, values))
    for found in (found for found in counted if found and found[2]):
        for name, value in itertools.product(names, book.members([found[1]])):
            book.frequencies[name, value] = float(found[2])


def _read_table(book: RuleBook, line: Line) -> None:
    number, (name, *rows) = line
    pairs = [row.split(":") for row in rows]
    for row, pair in zip(rows, pairs, strict=True):
        if len(pair) != 2 or not all(pair):
            problem = f"{row!r} in the table {name!r} is not of the form values:word"
            raise problem_at(book.path, number, problem=problem)
    book.tables[name] = tuple((tuple(keys.split(".")), form) for keys, form in pairs)


def _refuse_unknown_classes(book: RuleBook, names: Sequence[str], *, line: int) -> None:
    for name in names:
        if name not in book.groups["classes"]:
            raise problem_at(book.path, line, problem=f"no noun or name has the class {name!r}")


def _read_rule(book: RuleBook, opening: Line, *, sides: tuple[Line | None, ...]) -> Rule:
    line, words = opening
    pattern = r"rule (\S+) (\d+(?:\.\d+)?)( grow)?((?: \+[\w-]+)*)"
    head = re.fullmatch(pattern, " ".join(words))
    if not head or not _SYMBOL.fullmatch(head[1]):
        raise problem_at(
            book.path, line, problem="a rule begins with: rule Symbol.arguments weight [grow] [+phenomenon]"
        )
    english, french = (
        _side(book, side, line=line, label=label) for side, label in zip(sides, ("en", "fr"), strict=True)
    )
    name, *arguments = head[1].split(".")
    phenomena = frozenset(word[1:] for word in head[4].split())
    return Rule(name, tuple(arguments), float(head[2]), bool(head[3]), phenomena, english[0], french, line)


def _side(book: RuleBook, side: Line | None, *, line: int, label: str) -> tuple[tuple[Item, ...], ...]:
    if side is None or side[1][0] != label or len(side[1]) < 2:
        where = side[0] if side else line
        raise problem_at(
            book.path, where, problem=f"the rule of line {line} wants a line that begins with {label!r} here"
        )
    number, (_, *words) = side
    if words == ["-"]:
        return ((),)
    parts = " ".join(words).split(" | ")
    if len(parts) > (2 if label == "fr" else 1):
        raise problem_at(book.path, number, problem="an English side has no '|', a French side one at most")
    return tuple(tuple(_item(book, word, line=number) for word in part.split()) for part in parts)


def _item(book: RuleBook, word: str, *, line: int) -> Item:
    marked = _MARKS.fullmatch(word)
    text, marks = (marked[1], tuple(marked[2].split(","))) if marked else (word, ())
    cut = re.fullmatch(r"(.+)/([12])", text)
    text, part = (cut[1], int(cut[2])) if cut else (text, None)
    name, *arguments = text.partition("~")[0].split(".")
    if text[0].isupper():
        if not re.fullmatch(r"[A-Z]\w*(\.[\w-]+)*(~\d)?", text):
            raise problem_at(book.path, line, problem=f"{text!r} is not a symbol")
        return Item(text, name, tuple(arguments), "symbol", marks, part)
    if arguments and name:
        if name not in book.tables:
            raise problem_at(book.path, line, problem=f"there is no table {name!r} for {text!r}")
        return Item(text, name, tuple(arguments), "table", marks, part)
    return Item(text, text, (), "word", marks, part)


def _check_correspondence(book: RuleBook, rule: Rule) -> None:
    """Symbols must be the same on both sides; each French word needs a number of the English side."""
    english = [item.text for item in rule.english if item.kind == "symbol"]
    silent = {item.text for item in rule.english if item.kind == "symbol" and book.is_silent(item.name)}
    french: list[str] = [
        item.text for part in rule.french for item in part if item.kind == "symbol" and item.part != 2
    ]
    known = {mark for item in rule.english for mark in item.marks}
    if len(set(english)) < len(english):
        raise problem_at(book.path, rule.line + 1, problem="a symbol stands twice; tell them apart with ~2")
    if sorted(french) != sorted(set(english) - silent):
        raise problem_at(
            book.path, rule.line + 2, problem="the symbols of the French side are not those of the English"
        )
    for item in (item for part in rule.french for item in part):
        if item.kind != "symbol" and not item.marks:
            raise problem_at(book.path, rule.line + 2, problem=f"{item.text!r} has no number that aligns it")
        if not known.issuperset(item.marks):
            raise problem_at(
                book.path, rule.line + 2, problem=f"{item.text!r} has a number that no English word has"
            )
