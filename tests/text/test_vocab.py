"""Words and ids."""

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.text.vocab import UnknownWord, Vocabulary

words = st.text(alphabet="abcdeéש🙂<&", min_size=1, max_size=4)
documents = st.lists(st.lists(words), max_size=6)
HOSTILE = [
    "a" * 10_000,
    "🙂",
    "👩‍👩‍👧",
    "<script>alert(1)</script>",
    "&amp;",
    "שלום",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnik",
    "",
    " ",
    "\x00",
    "\n",
    "\ud800",
    "İ" * 40,
]


@pytest.fixture
def zoo():
    text = "lion lion lion lion tiger tiger tiger bear bear elephant elephants lions tigress a"
    return Vocabulary.from_documents([text.split()], min_count=1)


def brute_distance(a, b):
    """Optimal string alignment distance, cell by cell."""
    table = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i, j] = min(
                table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(a), len(b)]


@settings(deadline=None)  # a busy machine is no failure
@given(documents, st.integers(1, 3), st.one_of(st.none(), st.integers(1, 5)))
def test_equals_a_plain_count(texts, min_count, max_size):
    counter = Counter(word for text in texts for word in text)
    expected = sorted((-n, word) for word, n in counter.items() if n >= min_count)[:max_size]
    if not expected:
        with pytest.raises(ValueError, match="word"):
            Vocabulary.from_documents(texts, min_count=min_count, max_size=max_size)
        return
    vocabulary = Vocabulary.from_documents(texts, min_count=min_count, max_size=max_size)
    assert vocabulary.words == tuple(word for _, word in expected)
    assert vocabulary.counts.tolist() == [-n for n, _ in expected]
    assert vocabulary.index == {word: i for i, (_, word) in enumerate(expected)}


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(words, min_size=1))
def test_encode_then_decode_gives_the_text_back(text):
    vocabulary = Vocabulary.from_documents([text], min_count=1)
    ids = vocabulary.encode(text, unknown="error")
    assert ids.dtype == np.int32
    assert vocabulary.decode(ids) == text


def test_ties_are_alphabetical_and_the_order_of_documents_does_not_matter():
    one = Vocabulary.from_documents([["pear", "fig"], ["apple", "fig"]], min_count=1)
    other = Vocabulary.from_documents([["apple", "fig"], ["fig", "pear"]], min_count=1)
    assert one.words == other.words == ("fig", "apple", "pear")


def test_unknown_words_are_dropped_marked_or_refused(zoo):
    text = ["lion", "unicorn", "bear"]
    assert zoo.encode(text).tolist() == [0, 2]
    assert zoo.encode(text, unknown="mark").tolist() == [0, -1, 2]
    with pytest.raises(UnknownWord, match="unicorn"):
        zoo.encode(text, unknown="error")
    with pytest.raises(ValueError, match='"drop", "error" or "mark"'):
        zoo.encode(text, unknown="skip")
    assert zoo.encode([]).shape == (0,)


def test_it_behaves_like_a_collection_of_words(zoo):
    assert len(zoo) == len(list(zoo)) == 8
    assert zoo["lion"] == 0
    assert "lion" in zoo
    assert "unicorn" not in zoo
    assert 0 not in zoo
    assert repr(zoo) == "Vocabulary(8 words, 14 tokens)"
    with pytest.raises(ValueError, match="read-only"):
        zoo.counts[0] = 5


def test_an_unknown_word_is_answered_with_a_sentence(zoo):
    with pytest.raises(KeyError) as caught:
        zoo["elefant"]
    assert str(caught.value) == '"elefant" is not among the 8 words; did you mean "elephant"?'
    assert caught.value.suggestions == ["elephant"]
    with pytest.raises(UnknownWord) as caught:
        zoo["qqqqq"]
    assert str(caught.value) == '"qqqqq" is not among the 8 words; try another word.'


@pytest.mark.parametrize(
    ("min_count", "advice"), [(1, "try another word."), (2, "try another word or a lower min_count.")]
)
def test_a_lower_min_count_is_advised_only_where_rare_words_were_left_out(min_count, advice):
    vocabulary = Vocabulary.from_documents([["fig", "fig", "fig"]], min_count=min_count)
    with pytest.raises(UnknownWord) as caught:
        vocabulary["qqqqq"]
    assert str(caught.value) == f'"qqqqq" is not among the 1 words; {advice}'
    assert caught.value.min_count == vocabulary.min_count == min_count


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_input_gets_a_short_printable_sentence(zoo, word):
    assert word not in zoo
    assert zoo.suggest(word) == []
    with pytest.raises(UnknownWord) as caught:
        zoo[word]
    message = str(caught.value)
    assert len(message) < 200
    assert message.isprintable()
    assert caught.value.word == word
    assert zoo.encode([word], unknown="mark").tolist() == [-1]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("loin", ["lion"]),  # two neighbours swapped
        ("tger", ["tiger"]),
        ("elphnt", ["elephant"]),
        ("lio", ["lion", "lions"]),  # a letter missing; then what begins so
        ("tigger", ["tiger"]),
        ("Lions", ["lions", "lion"]),
        ("elephan", ["elephant", "elephants"]),
        ("tig", ["tiger", "tigress"]),  # a beginning only
        ("x", []),
    ],
)
def test_suggestions_by_hand(zoo, word, expected):
    assert zoo.suggest(word) == expected


def test_suggestions_prefer_frequent_words_and_stop_at_n():
    vocabulary = Vocabulary(["cats", "cuts", "cots", "cat"], [9, 8, 7, 6])
    assert vocabulary.suggest("cxts") == ["cats", "cuts", "cots"]
    assert vocabulary.suggest("cxts", n=1) == ["cats"]
    assert vocabulary.suggest("cxts", n=0) == []


@settings(deadline=None)  # a busy machine is no failure
@given(st.text("abc", min_size=5, max_size=9), st.lists(st.text("abc", min_size=1, max_size=9), min_size=1))
def test_suggestions_are_those_of_the_plain_edit_distance(query, spellings):
    spellings = list(dict.fromkeys(spellings))
    vocabulary = Vocabulary(spellings, [1] * len(spellings))
    distances = {word: brute_distance(query, word) for word in spellings}
    close = sorted((w for w in spellings if distances[w] <= 2), key=distances.__getitem__)
    found = vocabulary.suggest(query, n=len(spellings))
    assert found[: len(close)] == close
    assert all(word.startswith(query) for word in found[len(close) :])


def test_suggestions_come_at_once_in_a_large_vocabulary():
    rng = np.random.default_rng(0)
    letters = rng.integers(ord("a"), ord("e"), size=(30_000, 12)).astype(np.uint32)
    many = sorted({"".join(map(chr, row)) for row in letters})
    vocabulary = Vocabulary(many, np.ones(len(many)))
    vocabulary.suggest(many[0])  # prepares the table
    started = time.process_time()  # not the clock on the wall: others may be using the machine
    assert vocabulary.suggest(many[5])[0] == many[5]
    assert time.process_time() - started < 0.5  # measured: under 0.1, and 0.002 for real words


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Vocabulary.from_documents([]), "hold no words"),
        (lambda: Vocabulary.from_documents([[], []]), "hold no words"),
        (lambda: Vocabulary.from_documents([["rare"]], min_count=5), '"rare", occurs 1.*lower min_count'),
        (lambda: Vocabulary.from_documents([["a"]], min_count=0), "min_count must be 1 or more"),
        (lambda: Vocabulary.from_documents([["a"]], min_count=1, max_size=0), "max_size must be 1 or more"),
        (lambda: Vocabulary([], []), "at least one word"),
        (lambda: Vocabulary(["a", "a"], [1, 1]), "each word once"),
        (lambda: Vocabulary(["a", "b"], [1]), "one count"),
        (lambda: Vocabulary(["a"], [-1]), "one count"),
        (lambda: Vocabulary(["a"], [1]).decode([1]), "No word has id 1"),
        (lambda: Vocabulary(["a"], [1]).decode([-1]), "No word has id -1"),
        (lambda: Vocabulary(["a"], [1]).decode([0.5]), "whole numbers"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(build, message):
    with pytest.raises(ValueError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.encode("a text"),
        lambda v: Vocabulary.from_documents(["a text"]),
        lambda v: v[3],
        lambda v: v.suggest(3),
    ],
)
def test_the_wrong_type_is_refused(zoo, call):
    with pytest.raises(TypeError, match=r"[Aa] word|text"):
        call(zoo)
