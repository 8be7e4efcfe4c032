"""English-French sentences with gold word alignments, in sets for training and for several kinds of test.

The sentences are generated on demand from the grammar in `data/grammar`, which was written for the course;
the same arguments give the same sentences on every machine. Licence: that of this repository.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from course_utils.datasets.grammar import Grammar, load_grammar
from course_utils.datasets.sentence_pairs import SentencePair

__all__ = ["SentencePair", "TranslationData", "load_translation"]

# The longest English sentence of every set but `long`, in tokens, and the bounds of that one.
LONGEST = 25
LONG = (26, 40)
# How much likelier than as written rules are that make a sentence longer: about one sentence in twelve then
# has twenty tokens or more, in `long` enough have more than twenty-five.
GROWTH, LONG_GROWTH = 2.2, 5.0
# At most this share of `unseen` is there because of two phenomena, the rest because of two words.
PHENOMENA_SHARE = 0.5


@dataclass(frozen=True)
class TranslationData:
    """Sets of sentence pairs; no English sentence stands in two of them, nor twice in one."""

    train: tuple[SentencePair, ...]
    validation: tuple[SentencePair, ...]  # like train
    test: tuple[SentencePair, ...]  # like train
    long: tuple[SentencePair, ...]  # each longer than any sentence of train
    unseen: tuple[SentencePair, ...]  # each with two words, or two phenomena, that never meet in train
    source_words: list[str]  # the English words of train, sorted; the other sets have no further ones
    target_words: list[str]  # the French ones


def load_translation(
    *,
    train: int = 40_000,
    validation: int = 1_000,
    test: int = 2_000,
    long: int = 500,
    unseen: int = 1_000,
    seed: int = 0,
    grammar: Grammar | None = None,
) -> TranslationData:
    """Generate the course's translation data: a few thousand sentences a second.

    Parameters
    ----------
    train, validation, test, long, unseen : int
        How many sentences each set has. Under some thousand sentences for training leave many words out,
        and with them many sentences of the other sets.
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
    sizes = {"validation": validation, "test": test, "long": long, "unseen": unseen}
    if train < 1 or min(sizes.values()) < 0:
        raise ValueError("train must be at least 1, and no other size below 0.")
    grammar = grammar or load_grammar()
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
        sorted({word for pair in learnt for word in pair.source}),
        sorted({word for pair in learnt for word in pair.target}),
    )


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
            elif (missed := missed + 1) > 100_000:
                raise ValueError(
                    "The grammar gives hardly a new sentence; ask for fewer, or add words and rules."
                )
        return tuple(found)

    def _known(self, pair: SentencePair) -> bool:
        return self.words is None or (
            self.words.issuperset(pair.source) and self.words.issuperset(pair.target)
        )
