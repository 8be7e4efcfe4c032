"""Byte-level BPE: merges by hand, the tokenizers library as oracle, and texts that nobody would think of."""

import json
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from course_utils.datasets.wikipedia import load_wikipedia, split_articles
from course_utils.storage import read_json, write_json
from course_utils.text.bpe import END_OF_TEXT, ByteLevelBPE
from course_utils.text.bpe_training import count_words, learn_merges
from course_utils.text.byte_words import ALPHABET, BYTE_ORDER, bytes_of, split_words
from course_utils.text.fast_bpe import FastBPE

TEXTS = [
    "the lowest of the low, the lower one: it's slow; they'll see 1234 new news in 2024.",
    "Les étés passés — l'été 1999 — à Besançon;   deux  espaces\n\n\tet une tabulation \n",
    "aaaa aaaaa aaaaaaa abababab  日本語のテキスト 👍🏽 👩‍👩‍👧 \x00\x07 don't DON'T",
]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
TYPICAL = st.text(st.sampled_from("aab 'stlow\n1é日🙂\u0301\x00\u00a0"), max_size=80)


def theirs(texts, *, merges, min_count=2):
    """The library's tokenizer, trained on the same texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges,
        min_frequency=min_count,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def merges_of(tokenizer):
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def spelled(bpe):
    return [(bpe.pieces[left], bpe.pieces[right]) for left, right in bpe.merges]


@pytest.fixture(scope="module")
def bpe():
    return ByteLevelBPE.train(TEXTS, merges=60, min_count=1)


@pytest.fixture(scope="module")
def reference():
    return theirs(TEXTS, merges=60, min_count=1)


@pytest.fixture(scope="module")
def fast(bpe):
    return FastBPE(bpe)


# -- words and bytes ----------------------------------------------------------------------------------------


def test_words_keep_the_space_before_them():
    assert split_words("We'll see 42 cats!  \n  Yes") == [
        "We",
        "'ll",
        " see",
        " 42",
        " cats",
        "!",
        "  \n ",
        " Yes",
    ]
    assert split_words("") == []


@given(text=ANY_TEXT | TYPICAL)
def test_words_are_cut_as_by_the_library_and_lose_nothing(text):
    words = split_words(text)
    reference = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    assert ["".join(ALPHABET[b] for b in word.encode()) for word in words] == [word for word, _ in reference]
    assert "".join(words) == text


def test_the_alphabet_is_the_librarys():
    assert len(set(ALPHABET.values())) == len(set(BYTE_ORDER)) == 256
    assert set(ALPHABET.values()) == set(pre_tokenizers.ByteLevel.alphabet())
    assert [ALPHABET[b] for b in BYTE_ORDER] == sorted(ALPHABET.values())
    assert (ALPHABET[0x20], ALPHABET[0x0A], ALPHABET[0x41], ALPHABET[0xE9]) == ("Ġ", "Ċ", "A", "é")
    assert bytes_of("ĠaĊ") == b" a\n"


# -- merges -------------------------------------------------------------------------------------------------


def test_merges_by_hand():
    # low 3 + lower 1 + slow 1: l-o and o-w 5 times each, of which l-o has the lower first token.
    bpe = ByteLevelBPE.train(["low low lower", "slow low"], merges=4)
    assert spelled(bpe) == [("l", "o"), ("lo", "w"), ("Ġ", "low")]  # no other pair stands twice
    assert bpe.pieces[256:] == ("lo", "low", "Ġlow", END_OF_TEXT)
    assert bpe.encode("low slow") == [257, bpe.index["Ġ"], bpe.index["s"], 257]
    assert bpe.steps(" slower")[1:] == [["Ġ", "s", "lo", "w", "e", "r"], ["Ġ", "s", "low", "e", "r"]]


def test_ties_go_to_the_lower_tokens():
    assert spelled(ByteLevelBPE.train(["ba ba", "ab ab", "ac"], merges=1)) == [("a", "b")]
    assert merges_of(theirs(["ba ba", "ab ab", "ac"], merges=1)) == [("a", "b")]


def test_runs_of_one_letter_are_merged_from_the_left():
    bpe = ByteLevelBPE.train(["aaaaa"], merges=1)
    assert [bpe.pieces[token] for token in bpe.encode("aaaaa")] == ["aa", "aa", "a"]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TYPICAL | ANY_TEXT, max_size=6), merges=st.integers(0, 40), least=st.integers(1, 3))
@example(texts=["aaaa aaa aaaaa abab"], merges=40, least=1)
def test_merges_are_the_librarys(texts, merges, least):
    bpe = ByteLevelBPE.train(texts, merges=merges, min_count=least)
    assert spelled(bpe) == merges_of(theirs(texts, merges=merges, min_count=least))


def test_counts_stay_right_while_merging():
    merges = learn_merges(TEXTS, merges=30, min_count=1)
    words = {word: [bytes([byte]) for byte in word.encode()] for word in count_words(TEXTS)}
    counts = count_words(TEXTS)
    pieces = [bytes([byte]) for byte in BYTE_ORDER]
    for left, right in merges:  # counted anew each time
        totals = Counter()
        for word, parts in words.items():
            for pair in zip(parts, parts[1:], strict=False):
                totals[pair] += counts[word]
        assert totals[pieces[left], pieces[right]] == max(totals.values())
        pieces.append(pieces[left] + pieces[right])
        words = {word: join(parts, pieces[left], pieces[right]) for word, parts in words.items()}


def join(parts, left, right):
    joined = []
    for part in parts:
        if joined and (joined[-1], part) == (left, right):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


# -- encoding and decoding ----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(text=ANY_TEXT | TYPICAL)
@example(text="")
@example(text="naïve 👩‍👩‍👧‍👦 \x00\x1f\x7f\u200b\ufeff\U0010ffff")
@example(text=f"typed {END_OF_TEXT} marks")
def test_any_text_comes_back_and_all_agree(bpe, reference, fast, text):
    tokens = bpe.encode(text)
    assert bpe.decode(tokens) == text
    assert tokens == reference.encode(text).ids == fast.encode(text)
    assert fast.decode(tokens) == text
    assert bpe.end not in tokens


@given(tokens=st.lists(st.integers(0, 256 + 60), max_size=20))
def test_any_tokens_are_decoded_as_the_library_does(bpe, fast, tokens):
    assert bpe.decode(tokens) == fast.decode(tokens)


def test_half_a_character_becomes_a_replacement(bpe):
    first, *_ = ByteLevelBPE([]).encode("é")
    assert bpe.decode([first]) == "\ufffd"
    assert bpe.decode([bpe.end]) == END_OF_TEXT


def test_remembered_words_change_nothing(monkeypatch):
    monkeypatch.setattr("course_utils.text.bpe._KEPT_WORDS", 3)
    small = ByteLevelBPE.train(TEXTS, merges=60, min_count=1)
    assert [small.encode(t) for t in TEXTS * 2] == FastBPE(small).encode_all(TEXTS * 2)
    assert len(small._words) <= 3


def test_files_bring_the_same_tokenizer_back(tmp_path, bpe):
    path = write_json(tmp_path / "bpe.json", bpe.to_json())
    again = ByteLevelBPE.from_json(read_json(path, default=None))
    assert (again.merges, again.special, again.pieces) == (bpe.merges, bpe.special, bpe.pieces)
    assert again.encode(TEXTS[2]) == bpe.encode(TEXTS[2])


def test_marks_are_last_and_may_be_none(bpe):
    assert (bpe.end, len(bpe)) == (256 + 60, 256 + 61)
    bare = ByteLevelBPE(bpe.merges, special=())
    assert len(bare) == 256 + 60
    with pytest.raises(KeyError):
        bare.end  # noqa: B018


@pytest.mark.slow
def test_wikipedia_gives_the_librarys_merges_and_tokens():
    train, _, test = split_articles(load_wikipedia())
    texts, held_out = [article.text for article in train], [article.text for article in test]
    bpe, reference = ByteLevelBPE.train(texts, merges=4096), theirs(texts, merges=4096)
    assert spelled(bpe) == merges_of(reference)
    assert reference.get_vocab() == {piece: token for token, piece in enumerate(bpe.pieces[:-1])}
    found = FastBPE(bpe).encode_all(held_out)
    assert found == [encoded.ids for encoded in reference.encode_batch(held_out)]
    assert found == [bpe.encode(text) for text in held_out]
    assert [bpe.decode(tokens) for tokens in found] == held_out


# -- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokenizer", ["bpe", "fast"])
def test_half_a_surrogate_pair_is_named(request, tokenizer):
    with pytest.raises(ValueError, match=r"character 2 of the text is U\+D83D, half of a surrogate pair"):
        request.getfixturevalue(tokenizer).encode("a \ud83d b")


def test_wrong_types_are_refused(bpe, fast):
    with pytest.raises(TypeError, match="a text is a str, not bytes"):
        bpe.encode(b"bytes")
    with pytest.raises(TypeError, match=r"put a single text into a list"):
        fast.encode_all("text")
    with pytest.raises(TypeError, match=r"must be a list of str"):
        fast.encode_all([("a", "b")])
    with pytest.raises(TypeError, match=r"put a single one into a list"):
        ByteLevelBPE.train("text", merges=3)


@pytest.mark.parametrize("token", [-1, 256 + 61])
def test_unknown_tokens_are_named(bpe, fast, token):
    for tokenizer in (bpe, fast):
        with pytest.raises(ValueError, match=f"there is no token {token}; tokens run from 0 to 316"):
            tokenizer.decode([0, token])


@pytest.mark.parametrize(("merges", "least"), [(-1, 2), (3, 0)])
def test_numbers_out_of_range_are_named(merges, least):
    with pytest.raises(ValueError, match=f"merges is {merges} and min_count {least}"):
        ByteLevelBPE.train(["a"], merges=merges, min_count=least)


def test_merges_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="merge 1 joins 0 and 257; so far there are 257 tokens"):
        ByteLevelBPE([(0, 1), (0, 257)])
    with pytest.raises(ValueError, match="one token; remove empty or repeated"):
        ByteLevelBPE([(0, 1), (0, 1)])
    with pytest.raises(ValueError, match="one token; remove empty or repeated"):
        ByteLevelBPE([], special=("a",))
    with pytest.raises(ValueError, match=r"merge 1 is \['b', 'cd'\]; it must join two pieces"):
        ByteLevelBPE.from_pieces([["a", "b"], ["b", "cd"]])
    with pytest.raises(ValueError, match="stands for no byte"):
        bytes_of("a b")


@pytest.mark.parametrize(
    "value", [None, [], {}, {"kind": "byte-level BPE"}, {"kind": "x", "merges": [], "special": []}]
)
def test_another_file_is_no_tokenizer(value):
    with pytest.raises(ValueError, match="this is no byte-level BPE"):
        ByteLevelBPE.from_json(value)


def test_a_text_is_not_a_word(bpe):
    with pytest.raises(ValueError, match="'two words' is not one word but"):
        bpe.steps("two words")
