"""Finds how the grammar derives an English sentence, and with that its French: top-down, each span once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from course_utils.datasets.french import Linked
from course_utils.datasets.grammar_compile import START, Parts, Production, assemble
from course_utils.datasets.grammar_lexicon import Symbol
from course_utils.storage import DataError

__all__ = ["Parser", "Readings", "english_tokens"]

Frozen = tuple[tuple[Linked, ...], ...]
LONGEST = 100


@dataclass(frozen=True)
class Readings:
    """What a sentence may mean: its tokens, and the French words of each reading, not yet joined."""

    tokens: tuple[str, ...]
    readings: tuple[tuple[Linked, ...], ...]


class Parser:
    """Parses sentences of a compiled grammar.

    Parameters
    ----------
    productions : dict
        As from `compile_rules`; no symbol may begin with itself.
    """

    def __init__(self, productions: dict[Symbol, list[Production]]) -> None:
        self.productions = productions
        self.openers = _openers(productions)
        words = {i for ps in productions.values() for p in ps for i in p.english if type(i) is str}
        self.words = sorted(words)

    def parse(self, sentence: str | Sequence[str]) -> Readings:
        """All readings of a sentence.

        Parameters
        ----------
        sentence : str or sequence of str

        Returns
        -------
        Readings

        Raises
        ------
        ValueError
            If the sentence is empty, long beyond reason, has unknown words, or is none of the grammar's.
        """
        tokens = english_tokens(sentence) if isinstance(sentence, str) else tuple(sentence)
        tokens = tuple("a" if token == "an" else token for token in tokens)
        self._refuse_hopeless(tokens)
        chart = _Chart(self, tokens)
        readings = {parts[0] for end, parts in chart.spans(START, 0) if end == len(tokens)}
        if not readings:
            where = min(chart.furthest, len(tokens) - 1)
            said = f"up to {' '.join(tokens[: where + 1])!r}" if where else f"beginning with {tokens[0]!r}"
            raise ValueError(f"The grammar has no such sentence: it knows none {said} (place {where}).")
        return Readings(tokens, tuple(sorted(readings)))

    def _refuse_hopeless(self, tokens: Sequence[str]) -> None:
        if not tokens:
            raise ValueError("The sentence is empty; type some words.")
        if len(tokens) > LONGEST:
            raise ValueError(f"The sentence has {len(tokens)} tokens; {LONGEST} are the most that is tried.")
        unknown = [token for token in dict.fromkeys(tokens) if token not in self.words]
        if unknown:
            raise ValueError("; ".join(map(self._unknown, unknown)) + ".")

    def _unknown(self, word: str) -> str:
        near = difflib.get_close_matches(word, self.words, n=3)
        return f"{word!r} is not in the grammar" + (f" (it has {', '.join(near)})" if near else "")


class _Chart:
    """What has been found for one sentence."""

    def __init__(self, parser: Parser, tokens: Sequence[str]) -> None:
        self.parser, self.tokens = parser, tokens
        self.found: dict[tuple[Symbol, int], list[tuple[int, Frozen]]] = {}
        self.furthest = 0

    def spans(self, symbol: Symbol, start: int) -> list[tuple[int, Frozen]]:
        """Where the symbol can end when it begins at a place, and its French."""
        if start >= len(self.tokens) or self.tokens[start] not in self.parser.openers[symbol]:
            return []
        key = symbol, start
        if key not in self.found:
            results: dict[tuple[int, Frozen], None] = {}
            for production in self.parser.productions[symbol]:
                results.update(dict.fromkeys(self._ends(production, start)))
            self.found[key] = list(results)
        return self.found[key]

    def _ends(self, production: Production, start: int) -> Iterator[tuple[int, Frozen]]:
        if production.line == 0:
            end = start + len(production.english)
            if tuple(self.tokens[start:end]) == production.english:
                self.furthest = max(self.furthest, end)
                yield (
                    end,
                    _frozen(
                        [(word, tuple(start + place for place in places)) for word, places in part]
                        for part in production.french
                    ),
                )
            return
        for pieces, ends in self._fill(production, start, done=((), ())):
            yield ends[-1] + 1, _frozen(assemble(production, pieces=pieces, ends=ends))

    def _fill(
        self, production: Production, start: int, *, done: tuple[tuple[Parts, ...], tuple[int, ...]]
    ) -> Iterator[tuple[tuple[Parts, ...], tuple[int, ...]]]:
        """Match the items of an English side from the one after those that are done."""
        pieces, ends = done
        if len(pieces) == len(production.english):
            yield done
            return
        item = production.english[len(pieces)]
        if isinstance(item, str):
            if start < len(self.tokens) and self.tokens[start] == item:
                self.furthest = max(self.furthest, start + 1)
                yield from self._fill(production, start + 1, done=((*pieces, ()), (*ends, start)))
            return
        for end, parts in self.spans(item, start):
            yield from self._fill(production, end, done=((*pieces, parts), (*ends, end - 1)))


def english_tokens(text: str) -> tuple[str, ...]:
    """Cut English text as the grammar does: lower case, "does n't", "teacher 's", "teachers '", marks apart.

    A sentence without a final mark is given a full stop.
    """
    text = text.lower().replace("’", "'").strip()
    if text and text[-1] not in ".?":
        text += "."
    text = re.sub(r"(?<=\w)-(?=\w)", " ", text)  # forty-two
    text = re.sub(r"n't\b", " n't", text)
    text = re.sub(r"(?<=\w)'s\b", " 's", text)
    text = re.sub(r"(?<=s)'(?=\s)", " '", text)
    return tuple(re.sub(r"([.?,])", r" \1 ", text).split())


def _frozen(parts: Iterable[Iterable[Linked]]) -> Frozen:
    return tuple(tuple(part) for part in parts)


def _openers(productions: dict[Symbol, list[Production]]) -> dict[Symbol, set[str]]:
    """With which words each symbol can begin."""
    openers: dict[Symbol, set[str]] = {symbol: set() for symbol in productions}
    starts: dict[Symbol, set[Symbol]] = {symbol: set() for symbol in productions}
    for symbol, choices in productions.items():
        for production in choices:
            first = production.english[0]
            if isinstance(first, str):
                openers[symbol].add(first)
            else:
                starts[symbol].add(first)
    try:
        TopologicalSorter(starts).prepare()
    except CycleError as error:
        circle = " → ".join(".".join(symbol) for symbol in error.args[1])
        raise DataError(
            f"rules.txt: a symbol begins with itself, so nothing can be parsed: {circle}."
        ) from error
    changed = True
    while changed:
        changed = False
        for symbol, firsts in starts.items():
            before = len(openers[symbol])
            openers[symbol].update(*(openers[first] for first in firsts))
            changed |= len(openers[symbol]) > before
    return openers
