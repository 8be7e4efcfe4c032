"""Combinations of words or phenomena that are kept out of training, to see what a model makes of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

from course_utils.datasets.grammar_tables import read_table
from course_utils.datasets.sentence_pairs import SentencePair

__all__ = ["Combination", "Withheld", "read_withheld"]

Combination = tuple[str, str, str]  # "words" or "phenomena", first, second; words in their base form


class Withheld:
    """Finds withheld combinations in sentences.

    Parameters
    ----------
    combinations : iterable of (kind, first, second)
    forms : mapping
        Base form of an English word → all its forms.
    """

    def __init__(self, combinations: Iterable[Combination], *, forms: Mapping[str, set[str]]) -> None:
        self.listed = tuple(combinations)
        self._words: dict[str, dict[str, Combination]] = {}
        self._phenomena: list[tuple[set[str], Combination]] = []
        for kind, first, second in self.listed:
            if kind == "phenomena":
                self._phenomena.append(({first, second}, (kind, first, second)))
                continue
            for one, other in itertools.product(forms[first], forms[second]):
                self._words.setdefault(one, {})[other] = (kind, first, second)

    def combinations(self, pair: SentencePair) -> list[Combination]:
        """The combinations that a sentence holds, wherever in it the two stand."""
        found = [combination for both, combination in self._phenomena if both <= pair.phenomena]
        for word in pair.source:
            if word in self._words:
                partners = self._words[word]
                found += [partners[other] for other in pair.source if other in partners]
        return found


def read_withheld(path: Path, *, forms: Mapping[str, set[str]], phenomena: Set[str]) -> Withheld:
    """Read the table of combinations.

    Parameters
    ----------
    path : Path
        With the columns kind, first, second. Where there is no file, nothing is withheld.
    forms : mapping
        Base form of an English word → all its forms.
    phenomena : set of str
        Those that the rules name.

    Raises
    ------
    DataError
        With the line, where a word or a phenomenon is unknown.
    """
    rows = read_table(path, columns=("kind", "first", "second")) if path.exists() else []
    for row in rows:
        row.require(row["kind"] in ("words", "phenomena"), f"{row['kind']!r} is neither words nor phenomena")
        known = forms if row["kind"] == "words" else phenomena
        for name in (row["first"], row["second"]):
            row.require(name in known, f"the grammar has no {name!r} among its {row['kind']}")
    return Withheld([(row["kind"], row["first"], row["second"]) for row in rows], forms=forms)
