"""Replaces the variables of the rules by values, so that agreement and selection become plain symbols.

What comes out is a context-free grammar over two languages: each symbol has productions, each production
an English side and a French one. Generation and parsing then never look at features.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from course_utils.datasets.french import Linked
from course_utils.datasets.grammar_lexicon import LEXICAL, Lexicon, Symbol
from course_utils.datasets.grammar_rules import Item, Rule, RuleBook, problem_at

__all__ = ["START", "Parts", "Production", "assemble", "compile_rules"]

START: Symbol = ("S",)
# The French of a symbol in one or two parts, each a list of words with English places.
Parts = Sequence[Sequence[Linked]]


@dataclass(frozen=True, slots=True)
class Production:
    """One way to write a symbol.

    `english` holds words and symbols. A part of `french` holds words with the English items they are aligned
    with, `(word, items)`, and pieces of symbols, `(English item, part, items of further links or None)`.
    """

    english: tuple[str | Symbol, ...]
    french: tuple[tuple[tuple, ...], ...]
    weight: float
    grows: bool
    phenomena: frozenset[str]
    line: int  # of rules.txt; 0 for a word


def compile_rules(book: RuleBook, lexicon: Lexicon) -> dict[Symbol, list[Production]]:
    """Find all productions that can be reached from the start symbol and that end in words.

    Parameters
    ----------
    book : RuleBook
    lexicon : Lexicon
        Indexed.

    Returns
    -------
    dict
        Symbol → productions, START among the keys.

    Raises
    ------
    DataError
        If a rule uses a symbol that neither rules nor lexicon define, an unknown variable, or a table
        without the form that is wanted.
    """
    compiler = _Compiler(book, lexicon)
    found: dict[Symbol, list[Production]] = {}
    waiting = [START]
    while waiting:
        symbol = waiting.pop()
        if symbol in found:
            continue
        found[symbol] = compiler.productions(symbol)
        for production in found[symbol]:
            waiting += [item for item in production.english if type(item) is tuple and item not in found]
    # (words of lexical symbols are found on the way; a production without words for one is never made)
    productive = _productive(found)
    if START not in productive:
        raise problem_at(book.path, 1, problem="no rule leads from the symbol S to a sentence")
    return _reachable(found, productive)


def assemble(production: Production, *, pieces: Sequence[Parts], ends: Sequence[int]) -> list[list[Linked]]:
    """Write the French of a production.

    Parameters
    ----------
    production : Production
        Of a rule, not of a word.
    pieces : sequence
        For each English item the French of that symbol; anything for a word.
    ends : sequence of int
        For each English item the place of its last word in the sentence.

    Returns
    -------
    list of lists of (word, English places)
        Not yet joined by `french.Joiner`.
    """
    parts = []
    for part in production.french:
        written: list[Linked] = []
        for entry in part:
            if len(entry) == 2:
                word, links = entry
                written.append((word, tuple([ends[item] for item in links])))
                continue
            item, number, links = entry
            written += pieces[item][number]
            if links is not None:
                word, places = written[-1]
                written[-1] = (word, (*places, *[ends[item] for item in links]))
        parts.append(written)
    return parts


class _Compiler:
    def __init__(self, book: RuleBook, lexicon: Lexicon) -> None:
        self.book, self.lexicon = book, lexicon
        self.frames: dict[str, list[Symbol]] = {}
        self.fillings: dict[tuple[str, ...], list[dict[str, str]]] = {}
        self.unvarying: dict[int, tuple[tuple[tuple, ...], ...]] = {}
        for frame in lexicon.verb_frames():
            self.frames.setdefault(frame[0], []).append(frame)
        self.parts = {name: max(len(rule.french) for rule in rules) for name, rules in book.rules.items()}
        self.parts["V"] = 2
        for rule in itertools.chain.from_iterable(book.rules.values()):
            self._check(rule)

    def productions(self, symbol: Symbol) -> list[Production]:
        if symbol[0] in LEXICAL:
            return [
                Production(w.english, w.french, w.weight, False, w.phenomena, 0)
                for w in self.lexicon.words(symbol)
            ]
        found: list[Production] = []
        for rule in self.book.rules[symbol[0]]:
            bound = self._bind(rule.arguments, symbol[1:])
            if bound is not None:
                found += self._instances(rule, bound)
        return found

    def _bind(self, pattern: tuple[str, ...], values: tuple[str, ...]) -> dict[str, str] | None:
        bound: dict[str, str] = {}
        for name, value in zip(pattern, values, strict=True):
            if name not in self.book.variables:
                if name != value:
                    return None
            elif value not in self.book.variables[name] or bound.setdefault(name, value) != value:
                return None
        return bound

    def _instances(self, rule: Rule, bound: dict[str, str]) -> list[Production]:
        """A production for each way to fill the free variables; they share the weight by their words."""
        drafts = []
        for values in self._fillings(rule, bound):
            english = tuple([self._english(item, values) for item in rule.english])
            share = self._choices(english)
            for name, value in values.items():
                if name not in bound:
                    share *= self.book.frequencies.get((name, value), 1.0)
            if share:
                drafts.append((english, values, share))
        scale = rule.weight / sum(share for _, _, share in drafts) if drafts else 0.0
        return [
            Production(
                english, self._french(rule, values), share * scale, rule.grows, rule.phenomena, rule.line
            )
            for english, values, share in drafts
        ]

    def _choices(self, english: Sequence[str | Symbol]) -> float:
        """The weights of the words that its lexical symbols choose from, multiplied; 0 if one has none."""
        choices = 1.0
        for item in english:
            if type(item) is tuple and item[0] in LEXICAL:
                choices *= sum([word.weight for word in self.lexicon.words(item)])
        return choices

    def _fillings(self, rule: Rule, bound: dict[str, str]) -> list[dict[str, str]]:
        """Values of the free variables; those of a verb's classes are taken from verbs that exist."""
        partial = [bound]
        for item in rule.english:
            if item.name == "V" and partial:
                partial = [
                    {**values, **found} for values in partial for found in self._verb_fillings(item, values)
                ]
        used = dict.fromkeys(argument for item in rule.english for argument in item.arguments)
        known = partial[0] if partial else {}
        for name in [name for name in used if name in self.book.variables and name not in known]:
            partial = [{**values, name: value} for values in partial for value in self.book.variables[name]]
        return partial

    def _verb_fillings(self, item: Item, bound: dict[str, str]) -> list[dict[str, str]]:
        pattern = tuple([bound.get(name, name) for name in item.arguments[:3]])
        if pattern not in self.fillings:
            names = self.book.variables.get(pattern[0], (pattern[0],))
            frames = itertools.chain.from_iterable(self.frames.get(name, []) for name in names)
            found = [self._bind(pattern, frame) for frame in frames]
            self.fillings[pattern] = [filled for filled in found if filled is not None]
        return self.fillings[pattern]

    def _english(self, item: Item, values: dict[str, str]) -> str | Symbol:
        return _symbol(item, values) if item.kind == "symbol" else self._word(item, values)

    def _french(self, rule: Rule, values: dict[str, str]) -> tuple[tuple[tuple, ...], ...]:
        if rule.line not in self.unvarying:
            written = tuple(tuple(self._entries(rule, part, values=values)) for part in rule.french)
            if any(item.kind == "table" for part in rule.french for item in part):
                return written
            self.unvarying[rule.line] = written
        return self.unvarying[rule.line]

    def _entries(self, rule: Rule, part: Sequence[Item], *, values: dict[str, str]) -> Iterator[tuple]:
        places = {item.text: place for place, item in enumerate(rule.english) if item.kind == "symbol"}
        for item in part:
            links = tuple(n for n, other in enumerate(rule.english) if set(item.marks) & set(other.marks))
            if item.kind != "symbol":
                yield self._word(item, values), links
                continue
            numbers = range(self.parts.get(item.name, 1)) if item.part is None else (item.part - 1,)
            for number in numbers:
                yield places[item.text], number, links or None

    def _word(self, item: Item, values: dict[str, str]) -> str:
        if item.kind == "word":
            return item.text
        return self.book.look_up(item.name, tuple([values.get(name, name) for name in item.arguments]))

    def _check(self, rule: Rule) -> None:
        """Refuse names that nothing defines, before they silently lead nowhere."""
        items = [(item, rule.line + 1) for item in rule.english]
        items += [(item, rule.line + 2) for part in rule.french for item in part]
        for item, line in items:
            if item.kind != "symbol":
                self._check_table(item, line=line)
                continue
            if item.name not in LEXICAL and item.name not in self.book.rules:
                raise problem_at(
                    self.book.path, line, problem=f"neither rules nor words define {item.name!r}"
                )
            wanted = {len(other.arguments) for other in self.book.rules.get(item.name, [])}
            if wanted and wanted != {len(item.arguments)}:
                raise problem_at(
                    self.book.path, line, problem=f"{item.name!r} has another number of arguments elsewhere"
                )
            if item.part is not None and self.parts.get(item.name, 1) < 2:
                raise problem_at(self.book.path, line, problem=f"{item.name!r} has no two parts")

    def _check_table(self, item: Item, *, line: int) -> None:
        if item.kind == "table":
            ranges = [self.book.variables.get(name, (name,)) for name in item.arguments]
            for values in itertools.product(*ranges):
                try:
                    self.book.look_up(item.name, values)
                except KeyError:
                    problem = f"the table {item.name!r} has no form for {'.'.join(values)}"
                    raise problem_at(self.book.path, line, problem=problem) from None


def _symbol(item: Item, values: dict[str, str]) -> Symbol:
    symbol = (item.name, *[values.get(name, name) for name in item.arguments])
    # a present tense has no participle: one symbol for all agreements
    return (*symbol[:7], "ms") if symbol[0] == "V" and symbol[5] == "pres" else symbol


def _productive(found: dict[Symbol, list[Production]]) -> set[Symbol]:
    """Symbols from which sentences of words can be reached."""
    users: dict[Symbol, list[tuple[Symbol, int]]] = {}
    missing: dict[tuple[Symbol, int], int] = {}
    ready: list[Symbol] = []
    for symbol, productions in found.items():
        if symbol[0] in LEXICAL:
            continue
        for number, production in enumerate(productions):
            children = {item for item in production.english if type(item) is tuple and item[0] not in LEXICAL}
            missing[symbol, number] = len(children)
            for child in children:
                users.setdefault(child, []).append((symbol, number))
            if not children:
                ready.append(symbol)
    productive = {symbol for symbol in found if symbol[0] in LEXICAL}
    while ready:
        symbol = ready.pop()
        if symbol in productive:
            continue
        productive.add(symbol)
        for user in users.get(symbol, []):
            missing[user] -= 1
            if missing[user] == 0:
                ready.append(user[0])
    return productive


def _reachable(
    found: dict[Symbol, list[Production]], productive: set[Symbol]
) -> dict[Symbol, list[Production]]:
    """The productions of whole sentences: of productive symbols only, and of those that can be reached."""
    kept: dict[Symbol, list[Production]] = {}
    waiting = [START]
    while waiting:
        symbol = waiting.pop()
        if symbol not in kept:
            usable = [p for p in found[symbol] if all(type(i) is str or i in productive for i in p.english)]
            kept[symbol] = usable
            waiting += [item for p in usable for item in p.english if type(item) is tuple]
    return kept
