"""The translation data: sets that share nothing, lengths, words, withheld combinations, the same again."""

import ast
import hashlib
import inspect
from collections import Counter
from pathlib import Path

import pytest

from course_utils.datasets import translation
from course_utils.datasets.grammar import FILES, load_grammar
from course_utils.datasets.parsed_cache import keep_parsed
from course_utils.datasets.translation import CODE, SETS, SentencePair, load_translation
from course_utils.storage import DataError

SMALL = {"train": 1_500, "validation": 5, "test": 10, "long": 3, "unseen": 4}


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
    assert [len(getattr(data, name)) for name in SETS] == [40_000, 1_000, 2_000, 500, 1_000, 0]


def test_more_sentences_leave_the_other_sets_alone(grammar):
    plain, larger = (load_translation(**SMALL, more=count, grammar=grammar) for count in (0, 300))
    assert not plain.more
    assert len(larger.more) == 300
    assert all(getattr(plain, name) == getattr(larger, name) for name in SETS if name != "more")
    sources = [pair.source for name in SETS for pair in getattr(larger, name)]
    assert len(set(sources)) == len(sources)
    assert {word for pair in larger.more for word in pair.target} <= set(larger.target_words)
    assert not any(grammar.withheld.combinations(pair) for pair in larger.more)


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
    assert [len(getattr(other, name)) for name in SETS] == [*sizes.values(), 0]


@pytest.mark.slow
def test_a_grammar_that_is_too_small_is_said_to_be(grammar, monkeypatch):
    monkeypatch.setattr(translation, "MOST_MISSED", 3_000)
    with pytest.raises(ValueError, match="ask for fewer"):
        # one sentence for training: no other has only its words
        load_translation(train=1, validation=0, test=5, long=0, unseen=0, grammar=grammar)


# -- what is kept --------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "translation"


def forbid(monkeypatch):
    def refuse():
        raise AssertionError("generated, though it was kept")

    monkeypatch.setattr(translation, "load_grammar", refuse)


def assert_the_same(one, other):
    """Sentences, gold alignments, words, and also what equality of pairs leaves out."""
    assert one == other
    for name in SETS:
        first, second = getattr(one, name), getattr(other, name)
        assert [pair.phenomena for pair in first] == [pair.phenomena for pair in second], name
    pair = other.train[0]
    kinds = [type(part) for part in (other.train, pair.source, pair.alignment, pair.phenomena)]
    assert kinds == [tuple, tuple, frozenset, frozenset]
    assert {type(link) for link in pair.alignment} == {tuple}


@pytest.mark.slow
def test_all_sentences_come_back_as_they_were_kept(cache, data, monkeypatch):
    defaults = {
        name: one.default
        for name, one in inspect.signature(load_translation).parameters.items()
        if name != "grammar"
    }
    keep_parsed(translation._cache_path(defaults), translation._to_json(data))
    forbid(monkeypatch)
    assert_the_same(data, load_translation())


@pytest.mark.slow
def test_the_second_call_reads_and_other_arguments_generate(cache, grammar, monkeypatch):
    monkeypatch.setattr(translation, "load_grammar", lambda: grammar)
    first, other = load_translation(**SMALL), load_translation(**SMALL, seed=1)
    assert len(list(cache.iterdir())) == 2
    assert_the_same(load_translation(**SMALL, grammar=grammar), first)
    forbid(monkeypatch)
    assert_the_same(first, load_translation(**SMALL))
    assert_the_same(other, load_translation(**SMALL, seed=1))
    assert other.train != first.train
    with pytest.raises(AssertionError, match="generated"):
        load_translation(**{**SMALL, "test": 11})


@pytest.mark.slow
def test_a_damaged_file_is_made_anew(cache, grammar, monkeypatch):
    monkeypatch.setattr(translation, "load_grammar", lambda: grammar)
    first = load_translation(**SMALL)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    for damage in (b"", whole[:-40], whole.replace(b" le ", b" la ", 1)):
        assert damage != whole
        kept.write_bytes(damage)
        assert_the_same(first, load_translation(**SMALL))
        assert kept.read_bytes() == whole


@pytest.mark.slow
def test_sentences_of_a_grammar_of_ones_own_are_not_kept(cache, grammar):
    load_translation(**SMALL, grammar=grammar)
    assert not cache.exists()


def test_a_grammar_that_is_gone_is_told_before_anything_is_read(cache, monkeypatch, tmp_path):
    keep_parsed(translation._cache_path({**SMALL, "more": 0, "seed": 0}), [[], [], [[]] * len(SETS)])
    assert load_translation(**SMALL).train == ()
    monkeypatch.setattr(translation.grammar_code, "grammar_folder", lambda: tmp_path)
    with pytest.raises(DataError, match=r"adjectives\.tsv is missing"):
        load_translation(**SMALL)


def test_the_place_depends_on_arguments_grammar_and_code(cache, monkeypatch):
    def place():
        return translation._cache_path({**SMALL, "more": 0, "seed": 0})

    assert place() == place()
    found = {place(), translation._cache_path({**SMALL, "seed": 1})}
    with monkeypatch.context() as patch:
        patch.setitem(FILES, "nouns.tsv", "0" * 64)
        found.add(place())
    monkeypatch.setattr(inspect, "getsource", lambda module: f"# another {module.__name__}")
    found.add(place())
    assert len(found) == 4


def test_all_code_that_makes_sentences_is_counted_in():
    """Whatever these modules import of this room, too."""
    spared = {"parsed_cache", "docstring_parsing"}  # how it is kept, and when garbage is collected
    counted = {Path(module.__file__).stem for module in CODE}
    for module in (translation, *CODE):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils.datasets"):
                room, _, name = node.module.removeprefix("course_utils.").partition(".")
                assert room == "datasets"
                names = {name} if name else {one.name for one in node.names}
                assert names <= counted | spared, module.__name__
