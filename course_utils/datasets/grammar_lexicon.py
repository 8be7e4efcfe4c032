"""The grammar's words: nouns, names, adjectives, verbs from their tables, and numbers, as lexical symbols.

Lexical symbols are those that no rule of `rules.txt` defines:

===============================  ==================================================================
``N.class.agreement``            a noun
``Part.owner.agreement``         a noun of the class "part", by the class of what has it
``Name.class.agreement``         a name of a person, a city, a country
``A.position.class.agreement``   an adjective; position "before", "after", or "any" after a verb
``Num.agreement``                a number in words, 2 to 999
``V.frame.subject.object.form.tense.agreement.participle``   a verb, its French in two parts
===============================  ==================================================================
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils.datasets.french import Linked, agreeing_participle
from course_utils.datasets.grammar_numbers import align_number
from course_utils.datasets.grammar_rules import RuleBook
from course_utils.datasets.grammar_tables import Row, read_table

__all__ = ["LEXICAL", "WORD_PHENOMENA", "Lexicon", "Symbol", "Word"]

LEXICAL = frozenset({"N", "Part", "Name", "A", "Num", "V"})
# those that words bring along; rules name the others
WORD_PHENOMENA = frozenset({"context", "past", "past-être"})
Symbol = tuple[str, ...]
_NONE: frozenset[str] = frozenset()
_CONTEXT = frozenset({"context"})
_AGREEMENTS = ("ms", "fs", "mp", "fp")
# how a participle or an adjective agrees with a subject that is a person of the conversation
_AS_SUBJECT = {"i": "ms", "we": "mp", "you": "mp"}
# frames with a direct object
_DIRECT = ("trans", "bound", "fond")
_PERSONS = {"i": "je", "we": "nous", "you": "vous", "ms": "il", "fs": "il", "mp": "ils", "fp": "ils"}
_AUXILIARIES = {
    "avoir": {"je": "ai", "il": "a", "nous": "avons", "vous": "avez", "ils": "ont"},
    "être": {"je": "suis", "il": "est", "nous": "sommes", "vous": "êtes", "ils": "sont"},
}


@dataclass(frozen=True)
class Word:
    """English words with their French, which is aligned to places among these words."""

    english: tuple[str, ...]
    french: tuple[tuple[Linked, ...], ...]
    weight: float = 1.0
    phenomena: frozenset[str] = frozenset()


class Lexicon:
    """The words of a grammar's folder.

    Parameters
    ----------
    folder : Path
        Holds nouns.tsv, names.tsv, adjectives.tsv and verbs.tsv.

    Raises
    ------
    DataError
        If a table is missing, or with the line that is wrong.
    """

    def __init__(self, folder: Path) -> None:
        self.nouns = read_table(folder / "nouns.tsv", columns=NOUN_COLUMNS)
        self.names = read_table(folder / "names.tsv", columns=NAME_COLUMNS)
        self.adjectives = read_table(folder / "adjectives.tsv", columns=ADJECTIVE_COLUMNS)
        self.verbs = read_table(folder / "verbs.tsv", columns=VERB_COLUMNS)
        for row in (*self.nouns, *self.names):
            row.require(row["gender"] in ("m", "f"), f"the gender is m or f, not {row['gender']!r}")
        for row in self.verbs:
            row.require(row["auxiliary"] in _AUXILIARIES, f"{row['auxiliary']!r} is no auxiliary")
        for row in self.adjectives:
            row.require(row["position"] in ("before", "after"), f"{row['position']!r} is no position")
        self.classes = tuple(
            dict.fromkeys(name for row in (*self.nouns, *self.names) for name in row["class"].split(","))
        )
        self.aspirated = {
            form for row in self.nouns if row["initial"] == "aspirated" for form in _french_forms(row)
        }
        self._words: dict[Symbol, list[Word]] = {}
        self._verbs: dict[Symbol, list[Row]] = {}
        self._ambiguous: set[tuple[str, ...]] = set()

    def index(self, book: RuleBook) -> None:
        """File all words under their symbols; groups of classes are those of the rules.

        Raises
        ------
        DataError
            If a table names an unknown class, or gives one English word two French ones in one place.
        """
        for rows in (self.nouns, self.adjectives, self.verbs):
            self._ambiguous |= _ambiguous(rows)
        for row in self.nouns:
            self._file_noun(row, book)
        for row in self.names:
            word = Word((row["english"],), (((row["french"], (0,)),),))
            self._file(("Name", row["class"], row["gender"] + "s"), word, row=row)
        for row in self.adjectives:
            self._file_adjective(row, book)
        for row in self.verbs:
            subjects, objects = (_classes(row, column, book=book) for column in ("subject", "object"))
            for key in itertools.product((row["frame"],), subjects, objects):
                self._file_verb(key, row)
        for agreement in ("mp", "fp"):
            self._words["Num", agreement] = _numbers(feminine=agreement == "fp")

    def words(self, symbol: Symbol) -> list[Word]:
        """The words of a lexical symbol; none where there is no such word."""
        if symbol[0] != "V":
            return self._words.get(symbol, [])
        if symbol not in self._words:
            found = [self._verb(row, symbol[4:]) for row in self._verbs.get(symbol[1:4], [])]
            self._words[symbol] = [word for word in found if word]
        return self._words[symbol]

    def verb_frames(self) -> list[Symbol]:
        """All (frame, class of the subject, class of the object) for which there is a verb."""
        return list(self._verbs)

    def english_forms(self) -> dict[str, set[str]]:
        """The forms of each English noun, name, adjective and verb, by its base form."""
        forms: dict[str, set[str]] = {}
        for row in (*self.nouns, *self.names, *self.adjectives, *self.verbs):
            cells = {row.get(column, "-") for column in ("english", "plural", "third", "past", "participle")}
            forms.setdefault(row["english"], set()).update(cells - {"-"})
        return forms

    def _file(self, symbol: Symbol, word: Word, *, row: Row) -> None:
        for other in self._words.setdefault(symbol, []):
            same = other.english == word.english and other.french != word.french
            row.require(not same, f"{word.english[0]!r} has two translations as {'.'.join(symbol)}")
        self._words[symbol].append(word)

    def _file_noun(self, row: Row, book: RuleBook) -> None:
        owners = _classes(row, "owner", book=book)
        row.require((row["class"] == "part") == (owners != ("-",)), "a part, and nothing else, has an owner")
        for number, english, french in (
            ("s", row["english"], row["french"]),
            ("p", row["plural"] if row["french"] != "-" else row["english"], row["french_plural"]),
        ):
            if "-" in (english, french):
                continue
            word = Word((english,), (((french, (0,)),),), phenomena=self._context(row))
            symbols = [("Part", owner) for owner in owners if owner != "-"]
            for symbol in symbols or [("N", name) for name in row["class"].split(",")]:
                self._file((*symbol, row["gender"] + number), word, row=row)

    def _file_adjective(self, row: Row, book: RuleBook) -> None:
        names = ("masculine", "feminine", "masculine_plural", "feminine_plural")
        forms = dict(zip(_AGREEMENTS, (row[name] for name in names), strict=True))
        for class_, agreement in itertools.product(_classes(row, "classes", book=book), _PERSONS):
            form = forms[_AS_SUBJECT.get(agreement, agreement)]
            word = Word((row["english"],), (((form, (0,)),),), phenomena=self._context(row))
            self._file(("A", "any", class_, agreement), word, row=row)
            if row["before_vowel"] != "-" and agreement == "ms":
                form = f"{form}|{row['before_vowel']}"
                word = Word(word.english, (((form, (0,)),),), phenomena=word.phenomena)
            self._file(("A", row["position"], class_, agreement), word, row=row)

    def _file_verb(self, key: Symbol, row: Row) -> None:
        frames = _DIRECT if key[0] in _DIRECT else (key[0],)
        rivals = [other for frame in frames for other in self._verbs.get((frame, *key[1:]), [])]
        same = [other for other in rivals if _key(other) == _key(row)]
        row.require(not same, f"{row['english']!r} has two translations with {' and '.join(key[1:])}")
        self._verbs.setdefault(key, []).append(row)

    def _verb(self, row: Row, values: Sequence[str]) -> Word | None:
        form, tense, subject, participle = values
        person, particle = _PERSONS[subject], () if row["particle"] == "-" else (row["particle"],)
        english = _english_verb(row, form=form, tense=tense, subject=subject)
        if "-" in english:
            return None
        last = len(english) - 1
        # before "à", "de" and "sur" the rule aligns the preposition with the particle, so the verb lets it be
        own = (last, *range(last + 1, last + 1 + len(particle))) if row["frame"] in _DIRECT else (last,)
        if tense == "pres":
            french: tuple[tuple[Linked, ...], ...] = (((row[person], own),), ())
        else:
            finite = _AUXILIARIES[row["auxiliary"]][person]
            agreement = _AS_SUBJECT.get(subject, subject) if row["auxiliary"] == "être" else participle
            past = agreeing_participle(row["french_participle"], agreement)
            # "bare" follows a negated auxiliary, and the rule aligns "a" with that; "has" is in `english`
            places = () if form == "bare" else (0,) if len(english) > 1 else own
            french = (((finite, places),), ((past, own),))
        phenomena = self._context(row) | ({"past"} if tense != "pres" else set())
        if tense != "pres" and row["auxiliary"] == "être":
            phenomena |= {"past-être"}
        # a verb that takes objects of many classes is not to be more frequent for it
        weight = 1 / (1 + row["object"].count(","))
        return Word((*english, *particle), french, weight, frozenset(phenomena))

    def _context(self, row: Row) -> frozenset[str]:
        return _CONTEXT if _key(row) in self._ambiguous else _NONE


NOUN_COLUMNS = ("english", "plural", "french", "gender", "french_plural", "class", "initial", "owner")
NAME_COLUMNS = ("english", "french", "gender", "class")
ADJECTIVE_COLUMNS = (
    *("english", "masculine", "feminine", "masculine_plural", "feminine_plural"),
    *("before_vowel", "position", "classes"),
)
VERB_COLUMNS = (
    *("english", "third", "past", "participle", "particle"),
    *("je", "il", "nous", "vous", "ils", "french_participle", "auxiliary"),
    *("frame", "subject", "object"),
)


def _french_forms(row: Row) -> set[str]:
    return {row["french"], row["french_plural"]} - {"-"}


def _classes(row: Row, column: str, *, book: RuleBook) -> tuple[str, ...]:
    """The classes that a cell names; groups of the rules stand for their members."""
    found = book.members(row[column].split(","))
    unknown = set(found) - set(book.groups["classes"]) - {"-"}
    row.require(not unknown, f"no noun or name has the class {', '.join(sorted(unknown))}")
    return found


def _ambiguous(rows: Sequence[Row]) -> set[tuple[str, ...]]:
    """English words, as `_key` gives them, that have more than one French word or French preposition."""
    seen: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for row in rows:
        french = tuple(row[column] for column in ("french", "masculine", "ils", "frame") if column in row)
        seen.setdefault(_key(row), set()).add(french)
    return {word for word, french in seen.items() if len(french) > 1}


def _key(row: Row) -> tuple[str, ...]:
    kind = next(column for column in ("class", "classes", "frame") if column in row)
    return (kind, row["english"], row.get("particle", "-"))


def _english_verb(row: Row, *, form: str, tense: str, subject: str) -> tuple[str, ...]:
    third = subject in ("ms", "fs")
    if form == "fin" and tense == "perf":
        return ("has" if third else "have", row["participle"])
    if tense == "perf":
        return (row["participle"],)
    if form == "fin":
        return (row["past"] if tense == "past" else row["third"] if third else row["english"],)
    return (row["english"],)


def _numbers(*, feminine: bool) -> list[Word]:
    """Two to ten are twice as frequent as all others below a hundred, and these twice as all above."""
    found = []
    for number in range(2, 1000):
        english, french = align_number(number, feminine=feminine)
        weight = 1 / 9 if number <= 10 else 1 / 178 if number < 100 else 1 / 3600
        found.append(Word(tuple(english), (tuple(french),), weight))
    return found
