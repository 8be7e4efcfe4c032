"""The English-French synchronous grammar: sentences with their translation and gold word alignment.

The grammar itself lies in `data/grammar`, as text that can be extended without touching code; its README says
how. Written for the course; licence: that of this repository.
"""

from __future__ import annotations

import itertools
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

from course_utils.datasets.french import Joiner, Linked
from course_utils.datasets.grammar_compile import START, Parts, Production, assemble, compile_rules
from course_utils.datasets.grammar_lexicon import WORD_PHENOMENA, Lexicon, Symbol
from course_utils.datasets.grammar_parse import Parser
from course_utils.datasets.grammar_rules import read_rules
from course_utils.datasets.grammar_withheld import Withheld, read_withheld
from course_utils.datasets.sentence_pairs import SentencePair
from course_utils.storage import DataError, course_folder, verify_file

__all__ = ["FILES", "Grammar", "grammar_folder", "load_grammar", "verify_grammar"]

# name of the file → sha256
FILES = {
    "adjectives.tsv": "1d2c734067d1c1f16043475c33ebeee1a06caa6e74cbef5156ae52d91fa74d86",
    "names.tsv": "5458335fbff1e4d56d52282215ef7eaf37c3b6772a60f9059637a85f0e9f8984",
    "nouns.tsv": "09c504ffefcfbd59f239c774add9684351eec09e528005270532fe8092336f0f",
    "rules.txt": "96d122b7622484eb26f729bb92a99b4a9658bc547eeb0b946f346d89b7249dca",
    "verbs.tsv": "5e825d1bac5978a76e8458245e54e439b9cdc5939dc84ef2402e3066fccd75fd",
    "withheld.tsv": "ba7595c67229f77359ef1cb42cb32a9c7edbc9b22c4014cef85ddb2788277765",
}


def grammar_folder() -> Path:
    """Where the grammar's files lie."""
    return course_folder() / "data" / "grammar"


def verify_grammar() -> None:
    """Compare the course's own grammar with its checksums.

    Raises
    ------
    DataError
        If a file is missing or altered.
    """
    for name, sha256 in FILES.items():
        verify_file(grammar_folder() / name, sha256=sha256, source=f"git checkout data/grammar/{name}")


def load_grammar(path: str | PathLike[str] | None = None) -> Grammar:
    """Read and compile a grammar.

    Parameters
    ----------
    path : path of a folder, optional
        Holds rules.txt and the tables. Without it, the course's own, compared with its checksums.

    Returns
    -------
    Grammar

    Raises
    ------
    DataError
        If a file is missing or altered; for a mistake in a file of one's own, with its line.
    """
    folder = grammar_folder() if path is None else Path(path)
    if path is None:
        verify_grammar()
    lexicon = Lexicon(folder)
    book = read_rules(folder / "rules.txt", classes=lexicon.classes)
    lexicon.index(book)
    rules = itertools.chain.from_iterable(book.rules.values())
    phenomena = WORD_PHENOMENA.union(*(rule.phenomena for rule in rules))
    withheld = read_withheld(folder / "withheld.tsv", forms=lexicon.english_forms(), phenomena=phenomena)
    return Grammar(compile_rules(book, lexicon), aspirated=lexicon.aspirated, withheld=withheld)


class Grammar:
    """A compiled grammar: generates sentences and translates those it could have generated.

    Parameters
    ----------
    productions : dict
        As from `compile_rules`.
    aspirated : set of str
        French words with an aspirated h.
    withheld : Withheld
        Combinations that `load_translation` keeps for its set "unseen"; `generate` knows no such restraint.
    """

    def __init__(
        self, productions: dict[Symbol, list[Production]], *, aspirated: set[str], withheld: Withheld
    ) -> None:
        self.productions = productions
        self.withheld = withheld
        self.joiner = Joiner(aspirated)
        self._parser: Parser | None = None

    def generate(
        self,
        count: int,
        *,
        seed: int,
        growth: float = 1.0,
        shortest: int = 3,
        longest: int = 25,
    ) -> list[SentencePair]:
        """Draw sentences; some may be equal.

        Parameters
        ----------
        count : int
            How many.
        seed : int
            The same seed gives the same sentences on every machine.
        growth : float
            How much likelier rules become that make sentences longer; 1 leaves the weights as written.
        shortest, longest : int
            Bounds of the English length in tokens, the final mark included.

        Returns
        -------
        list of SentencePair

        Raises
        ------
        ValueError
            If no length lies between the bounds, or hardly a sentence does.
        """
        return list(
            itertools.islice(self.stream(seed=seed, growth=growth, shortest=shortest, longest=longest), count)
        )

    def stream(
        self, *, seed: int, growth: float = 1.0, shortest: int = 3, longest: int = 25
    ) -> Iterator[SentencePair]:
        """As `generate`, one after the other and without end."""
        generator = _Generator(self.productions, seed=seed, growth=growth)
        missed = 0
        while True:
            english, french, phenomena = generator.draw()
            if shortest <= len(english) <= longest:
                missed = 0
                yield self._pair(english, french, phenomena=phenomena)
                continue
            missed += 1
            if missed > 100_000:
                raise ValueError(f"Hardly a sentence has {shortest} to {longest} tokens; widen the bounds.")

    def translate(self, sentence: str | Sequence[str]) -> SentencePair:
        """Translate a sentence of the grammar.

        Parameters
        ----------
        sentence : str or sequence of str
            English, as text or as tokens. In a text, capitals, "doesn't", "teacher's" and a final mark
            that touches its word are understood.

        Returns
        -------
        SentencePair
            Its `phenomena` are left empty.

        Raises
        ------
        ValueError
            If the sentence is none of the grammar's, saying which words are unknown or where it stops
            making sense, or if what stands in it does not decide between two translations.
        """
        found = self.translations(sentence)
        if len({pair.target for pair in found}) > 1:
            versions = " / ".join(" ".join(pair.target) for pair in found)
            raise ValueError(f"The sentence has more than one translation: {versions}.")
        return found[0]

    def translations(self, sentence: str | Sequence[str]) -> list[SentencePair]:
        """All translations of a sentence; see `translate`."""
        if self._parser is None:
            self._parser = Parser(self.productions)
        found = self._parser.parse(sentence)
        pairs = {self._pair(list(found.tokens), words, phenomena=set()) for words in found.readings}
        return sorted(pairs, key=lambda pair: (pair.target, sorted(pair.alignment)))

    def _pair(self, english: list[str], french: Sequence[Linked], *, phenomena: set[str]) -> SentencePair:
        target, alignment = [], set()
        for place, (word, places) in enumerate(self.joiner.join(french)):
            target.append(word)
            if not places:
                said = " ".join(english)
                raise DataError(
                    f"rules.txt: in {said!r} no number aligns {word!r}; a rule lacks a number at /1."
                )
            for origin in places:
                alignment.add((origin, place))
        for place, word in enumerate(english):
            if word == "a" and english[place + 1][0] in "aeiou":
                english[place] = "an"
        return SentencePair(tuple(english), tuple(target), frozenset(alignment), frozenset(phenomena))


class _Generator:
    """Draws sentences: English words, French words not yet joined, phenomena."""

    def __init__(self, productions: dict[Symbol, list[Production]], *, seed: int, growth: float) -> None:
        self.table = {symbol: (_cumulated(found, growth), found) for symbol, found in productions.items()}
        self.uniform = random.Random(seed).random
        self.english: list[str] = []
        self.phenomena: set[str] = set()

    def draw(self) -> tuple[list[str], Sequence[Linked], set[str]]:
        self.english, self.phenomena = [], set()
        (french,) = self._expand(START)
        return self.english, french, self.phenomena

    def _expand(self, symbol: Symbol) -> Parts:
        limits, choices = self.table[symbol]
        production = choices[bisect(limits, self.uniform())] if limits else choices[0]
        if production.phenomena:
            self.phenomena.update(production.phenomena)
        if production.line == 0:
            return self._word(production)
        english = self.english
        ends: list[int] = []
        pieces: list[Parts] = []
        for item in production.english:
            if isinstance(item, str):
                english.append(item)
                pieces.append(())
            else:
                pieces.append(self._expand(item))
            ends.append(len(english) - 1)
        return assemble(production, pieces=pieces, ends=ends)

    def _word(self, production: Production) -> Parts:
        start = len(self.english)
        self.english.extend(production.english)  # type: ignore[arg-type]  # words have no symbols
        return [
            [(word, tuple([start + place for place in places])) for word, places in part]
            for part in production.french
        ]


def _cumulated(choices: list[Production], growth: float) -> list[float]:
    weights = [choice.weight * (growth if choice.grows else 1.0) for choice in choices]
    total = sum(weights)
    limits = list(itertools.accumulate(weight / total for weight in weights))
    return limits[:-1]  # rounding must not leave a gap below 1
