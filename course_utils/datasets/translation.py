"""English-French sentences with gold word alignments, in sets for training and for several kinds of test.

The sentences are generated on demand from the grammar in `data/grammar`, which was written for the course;
the same arguments give the same sentences on every machine. They are kept below `cache_folder()`, so that the
next lesson reads them. Licence: that of this repository.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.datasets import (
    french,
    grammar_compile,
    grammar_lexicon,
    grammar_numbers,
    grammar_parse,
    grammar_rules,
    grammar_tables,
    grammar_withheld,
    sentence_pairs,
)
from course_utils.datasets import grammar as grammar_code
from course_utils.datasets.docstring_parsing import collector_paused
from course_utils.datasets.grammar import FILES, Grammar, load_grammar, verify_grammar
from course_utils.datasets.parsed_cache import keep_parsed, read_parsed
from course_utils.datasets.sentence_pairs import SentencePair
from course_utils.storage import cache_folder

__all__ = ["SentencePair", "TranslationData", "load_translation"]

# The longest English sentence of every set but `long`, in tokens, and the bounds of that one.
LONGEST = 25
LONG = (26, 40)
# How much likelier than as written rules are that make a sentence longer: about one sentence in twelve then
# has twenty tokens or more; with the second number one in six of `more`, and enough of `long` beyond 25.
GROWTH, LONG_GROWTH = 2.2, 5.0
# At most this share of `unseen` is there because of two phenomena, the rest because of two words.
PHENOMENA_SHARE = 0.5
# After so many sentences in a row that cannot be used, the grammar is too small for what is asked.
MOST_MISSED = 100_000
SETS = ("train", "validation", "test", "long", "unseen", "more")
# What the sentences depend on, beside the grammar's files and this module.
CODE = (french, grammar_code, grammar_compile, grammar_lexicon, grammar_numbers, grammar_parse, grammar_rules,
        grammar_tables, grammar_withheld, sentence_pairs)  # fmt: skip


@dataclass(frozen=True)
class TranslationData:
    """Sets of sentence pairs; no English sentence stands in two of them, nor twice in one."""

    train: tuple[SentencePair, ...]
    validation: tuple[SentencePair, ...]  # like train
    test: tuple[SentencePair, ...]  # like train
    long: tuple[SentencePair, ...]  # each longer than any sentence of train
    unseen: tuple[SentencePair, ...]  # each with two words, or two phenomena, that never meet in train
    more: tuple[SentencePair, ...]  # to train on, too: longer on average; empty unless asked for
    source_words: list[str]  # the English words of train, sorted; the other sets have no further ones
    target_words: list[str]  # the French ones


def load_translation(
    *,
    train: int = 40_000,
    validation: int = 1_000,
    test: int = 2_000,
    long: int = 500,
    unseen: int = 1_000,
    more: int = 0,
    seed: int = 0,
    grammar: Grammar | None = None,
) -> TranslationData:
    """Generate the course's translation data, or read what an earlier call with the same arguments kept.

    Generating takes some seconds, reading less than one. Sentences of a grammar of one's own are not kept. A
    kept file that is damaged, or was made with other code or another grammar, is made anew.

    Parameters
    ----------
    train, validation, test, long, unseen, more : int
        How many sentences each set has; `more` changes none of the others. Under some thousand sentences for
        training leave many words out, and with them many sentences of the other sets.
    seed : int
        Other sentences for each.
    grammar : Grammar, optional
        One of your own, from `load_grammar(path)`.

    Returns
    -------
    TranslationData
        English of 3 to 25 tokens, in `long` 26 to 40; lower case, the final mark a token.

    Raises
    ------
    DataError
        If a file of the grammar is missing or altered.
    ValueError
        If a size is negative, or there is nothing to train on, or the grammar is too small.
    """
    sizes = {"validation": validation, "test": test, "long": long, "unseen": unseen, "more": more}
    if train < 1 or min(sizes.values()) < 0:
        raise ValueError("train must be at least 1, and no other size below 0.")
    amounts = {"train": train, **sizes, "seed": seed}
    if grammar is not None:
        return _generate(grammar, **amounts)
    verify_grammar()  # also where the sentences are kept: an altered file must be told
    cached = _cache_path(amounts)
    with collector_paused():  # hundreds of thousands of tuples, and no cycle among them
        data = read_parsed(cached, _from_json)
    if data is None:
        data = _generate(load_grammar(), **amounts)
        keep_parsed(cached, _to_json(data))
    return data


def _generate(
    grammar: Grammar,
    *,
    train: int,
    validation: int,
    test: int,
    long: int,
    unseen: int,
    more: int,
    seed: int,
) -> TranslationData:
    drawn = _Drawing(grammar)
    learnt = drawn.take(train, stream=grammar.stream(seed=5 * seed, growth=GROWTH, longest=LONGEST))
    drawn.words = {word for pair in learnt for word in (*pair.source, *pair.target)}
    held_out = grammar.stream(seed=5 * seed + 1, growth=GROWTH, longest=LONGEST)
    validated = drawn.take(validation, stream=held_out)
    tested = drawn.take(test, stream=held_out)
    shortest, longest = LONG
    longer = grammar.stream(seed=5 * seed + 2, growth=LONG_GROWTH, shortest=shortest, longest=longest)
    return TranslationData(
        learnt,
        validated,
        tested,
        drawn.take(long, stream=longer),
        drawn.take_unseen(unseen, stream=grammar.stream(seed=5 * seed + 3, growth=GROWTH, longest=LONGEST)),
        drawn.take(more, stream=grammar.stream(seed=5 * seed + 4, growth=LONG_GROWTH, longest=LONGEST)),
        *_words(learnt),
    )


def _words(pairs: tuple[SentencePair, ...]) -> tuple[list[str], list[str]]:
    """The English and the French words of sentence pairs, sorted."""
    source = {word for pair in pairs for word in pair.source}
    return sorted(source), sorted({word for pair in pairs for word in pair.target})


def _cache_path(amounts: dict[str, int]) -> Path:
    code = [inspect.getsource(module) for module in (sys.modules[__name__], *CODE)]
    key = json.dumps([amounts, FILES, code])
    return cache_folder() / "translation" / f"pairs-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _to_json(data: TranslationData) -> list[Any]:
    """Alignments and phenomena once each, and the pairs of each set, which name them by their place."""
    alignments: dict[tuple[int, ...], int] = {}
    phenomena: dict[tuple[str, ...], int] = {}
    sets = []
    for name in SETS:
        rows = []
        for pair in getattr(data, name):
            links = tuple(place for link in sorted(pair.alignment) for place in link)
            number = alignments.setdefault(links, len(alignments))
            named = phenomena.setdefault(tuple(sorted(pair.phenomena)), len(phenomena))
            rows.append([" ".join(pair.source), " ".join(pair.target), number, named])
        sets.append(rows)
    return [list(alignments), list(phenomena), sets]


def _from_json(stored: Any) -> TranslationData:
    """Equal words are one object, as after generating."""
    alignments, phenomena, sets = stored
    links = [frozenset(zip(flat[::2], flat[1::2], strict=True)) for flat in alignments]
    named = [frozenset(map(sys.intern, names)) for names in phenomena]

    def tokens(text: str) -> tuple[str, ...]:
        return tuple(map(sys.intern, text.split(" ")))

    found = {
        name: tuple([SentencePair(tokens(a), tokens(b), links[i], named[j]) for a, b, i, j in rows])
        for name, rows in zip(SETS, sets, strict=True)
    }
    source_words, target_words = _words(found["train"])
    return TranslationData(**found, source_words=source_words, target_words=target_words)


class _Drawing:
    """Takes sentences that were not taken before."""

    def __init__(self, grammar: Grammar) -> None:
        self.withheld = grammar.withheld
        self.taken: set[tuple[str, ...]] = set()
        self.words: set[str] | None = None  # the only ones allowed, once train is there

    def take(self, count: int, *, stream: Iterator[SentencePair]) -> tuple[SentencePair, ...]:
        """Sentences without a withheld combination."""
        return self._fill(count, stream=stream, wanted=lambda pair: not self.withheld.combinations(pair))

    def take_unseen(self, count: int, *, stream: Iterator[SentencePair]) -> tuple[SentencePair, ...]:
        """Sentences with one."""
        left = int(count * PHENOMENA_SHARE)

        def wanted(pair: SentencePair) -> bool:
            nonlocal left
            found = self.withheld.combinations(pair)
            if found and not any(kind == "words" for kind, *_ in found):
                left -= 1
                return left >= 0
            return bool(found)

        return self._fill(count, stream=stream, wanted=wanted)

    def _fill(
        self, count: int, *, stream: Iterator[SentencePair], wanted: Callable[[SentencePair], bool]
    ) -> tuple[SentencePair, ...]:
        found: list[SentencePair] = []
        missed = 0
        while len(found) < count:
            pair = next(stream)
            if pair.source not in self.taken and self._known(pair) and wanted(pair):
                self.taken.add(pair.source)
                found.append(pair)
                missed = 0
            elif (missed := missed + 1) > MOST_MISSED:
                raise ValueError(
                    "The grammar gives hardly a new sentence; ask for fewer, or add words and rules."
                )
        return tuple(found)

    def _known(self, pair: SentencePair) -> bool:
        return self.words is None or (
            self.words.issuperset(pair.source) and self.words.issuperset(pair.target)
        )
