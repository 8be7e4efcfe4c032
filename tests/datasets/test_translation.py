"""The translation data: sets that share nothing, lengths, words, withheld combinations, the same again."""

import hashlib
from collections import Counter

import pytest

from course_utils.datasets.grammar import load_grammar
from course_utils.datasets.translation import SentencePair, load_translation

SETS = ("train", "validation", "test", "long", "unseen")


@pytest.fixture(scope="module")
def grammar():
    return load_grammar()


@pytest.fixture(scope="module")
def data(grammar):
    return load_translation(grammar=grammar)


def digest(data):
    lines = [(p.source, p.target, sorted(p.alignment)) for name in SETS for p in getattr(data, name)]
    return hashlib.sha256(repr(lines).encode()).hexdigest()


def test_what_describes_a_pair_does_not_make_it_another():
    first = SentencePair(("a",), ("b",), frozenset({(0, 0)}), frozenset({"question"}))
    assert first == SentencePair(("a",), ("b",), frozenset({(0, 0)}))
    assert first != SentencePair(("a",), ("b",), frozenset())
    assert len({first, SentencePair(("a",), ("b",), frozenset({(0, 0)}))}) == 1


@pytest.mark.parametrize("sizes", [{"train": 0}, {"train": -1}, {"test": -1}, {"unseen": -5}])
def test_impossible_sizes(sizes):
    with pytest.raises(ValueError, match="train must be at least 1, and no other size below 0"):
        load_translation(**sizes)


@pytest.mark.slow
def test_sizes(data):
    assert [len(getattr(data, name)) for name in SETS] == [40_000, 1_000, 2_000, 500, 1_000]


@pytest.mark.slow
def test_no_english_sentence_stands_twice_in_all_sets(data):
    """So none is shared, none has two translations."""
    sources = Counter(pair.source for name in SETS for pair in getattr(data, name))
    assert sources.most_common(1)[0][1] == 1
    pairs = {(pair.source, pair.target) for name in SETS for pair in getattr(data, name)}
    assert len(pairs) == len(sources) == 44_500


@pytest.mark.slow
def test_lengths(data):
    for name in ("train", "validation", "test", "unseen"):
        lengths = [len(pair.source) for pair in getattr(data, name)]
        assert 3 <= min(lengths) <= max(lengths) <= 25, name
    lengths = [len(pair.source) for pair in data.test]
    for low, high in ((3, 6), (7, 9), (10, 12), (13, 15), (16, 19), (20, 25)):
        assert sum(low <= length <= high for length in lengths) >= 100, (low, high)
    assert min(len(pair.source) for pair in data.long) > max(len(pair.source) for pair in data.train) == 25
    assert max(len(pair.source) for pair in data.long) <= 40
    assert sum(len(pair.source) > 30 for pair in data.long) >= 100


@pytest.mark.slow
def test_words(data, grammar):
    assert min(len(data.source_words), len(data.target_words)) >= 300
    english = {word for pair in data.train for word in pair.source}
    french = {word for pair in data.train for word in pair.target}
    assert (data.source_words, data.target_words) == (sorted(english), sorted(french))
    for name in SETS[1:]:
        assert {word for pair in getattr(data, name) for word in pair.source} <= english
        assert {word for pair in getattr(data, name) for word in pair.target} <= french
    # and train has every word that the grammar has, but for what elision and contraction make of some
    productions = [p for choices in grammar.productions.values() for p in choices]
    written = {item for p in productions for item in p.english if isinstance(item, str)}
    assert written - english == set()
    entries = [entry[0] for p in productions for part in p.french for entry in part]
    assert {
        form for entry in entries if isinstance(entry, str) for form in entry.split("|")
    } - french == set()


@pytest.mark.slow
def test_unseen_combinations_are_unseen_though_their_parts_are_not(data, grammar):
    withheld = grammar.withheld
    assert len(withheld.listed) >= 30
    for name in ("train", "validation", "test", "long"):
        assert not [pair for pair in getattr(data, name) if withheld.combinations(pair)], name
    found = Counter(c for pair in data.unseen for c in set(withheld.combinations(pair)))
    assert found.keys() == set(withheld.listed)
    assert all(withheld.combinations(pair) for pair in data.unseen)
    words = Counter(word for pair in data.train for word in set(pair.source))
    phenomena = Counter(name for pair in data.train for name in pair.phenomena)
    for kind, first, second in withheld.listed:
        for part in (first, second):
            assert (words if kind == "words" else phenomena)[part] >= 20, part


@pytest.mark.slow
def test_withheld_words_are_found_in_every_form_and_place(grammar):
    for text, wanted in [
        ("the black cats sleep .", True),
        ("the cats are black .", True),
        ("the boy eats a pear .", True),
        ("the pear that the boy ate was good .", True),
        ("the boy ate the apple .", False),
        ("did the boy eat the apple ?", False),
    ]:
        assert bool(grammar.withheld.combinations(grammar.translate(text))) == wanted, text


@pytest.mark.slow
def test_the_same_arguments_give_the_same_data(grammar):
    sizes = {"train": 1_500, "validation": 50, "test": 100, "long": 20, "unseen": 30}
    first = load_translation(**sizes, grammar=grammar)
    assert digest(first) == digest(load_translation(**sizes, grammar=grammar))
    other = load_translation(**sizes, seed=1, grammar=grammar)
    assert digest(first) != digest(other)
    assert len({p.source for p in first.test} & {p.source for p in other.test}) < 15
    assert [len(getattr(other, name)) for name in SETS] == [*sizes.values()]


@pytest.mark.slow
def test_a_grammar_that_is_too_small_is_said_to_be(grammar):
    with pytest.raises(ValueError, match="ask for fewer"):
        # one sentence for training: no other has only its words
        load_translation(train=1, validation=0, test=5, long=0, unseen=0, grammar=grammar)
