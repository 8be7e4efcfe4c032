"""Word pieces: a small list by hand, MiniLM's list against its own tokenizer, and odd texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.pretrained import minilm_file, minilm_folder
from course_utils.text.pieces import WordPieces

LIST = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##kind", "kind", "cafe", ",", "a", "##b"]


@pytest.fixture(scope="module")
def small():
    return WordPieces(LIST)


@pytest.fixture(scope="module")
def whole():
    return WordPieces(minilm_file("vocab.txt").read_text(encoding="utf-8").splitlines())


def test_the_longest_piece_from_the_left(small):
    (cut,) = small.cut(["Unkind, CAFÉ"])
    assert cut.pieces == ("[CLS]", "un", "##kind", ",", "cafe", "[SEP]")
    assert cut.ids == (2, 5, 6, 9, 8, 3)
    assert cut.spans == ((0, 0), (0, 2), (2, 6), (6, 7), (8, 12), (0, 0))
    assert len(cut) == 6


def test_unknown_words_and_typed_marks(small):
    (cut,) = small.cut(["zebra [MASK] ab"])
    assert cut.pieces == ("[CLS]", "[UNK]", "[MASK]", "a", "##b", "[SEP]")


def test_empty_and_cut_texts(small):
    empty, long = small.cut(["", "a a a a a"], max_pieces=4)
    assert empty.pieces == ("[CLS]", "[SEP]")
    assert long.pieces == ("[CLS]", "a", "a", "[SEP]")
    assert long.spans == ((0, 0), (0, 1), (2, 3), (0, 0))


@pytest.fixture(scope="module")
def theirs():
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    return tokenizer


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_cut_as_the_published_tokenizer_does(whole, theirs, text):
    (cut,) = whole.cut([text])
    wanted = theirs.encode(text)
    assert list(cut.ids) == wanted.ids
    assert list(cut.spans) == wanted.offsets
    assert all(0 <= a <= b <= len(text) for a, b in cut.spans)


def test_halves_of_a_surrogate_pair_are_survived(whole):
    (cut,) = whole.cut(["a \ud83d b"])
    assert cut.pieces[1] == "a"
    assert cut.spans[-2] == (4, 5)


def test_one_text_is_no_list(small):
    with pytest.raises(TypeError, match=r"put a single text into a list: \[text\]"):
        small.cut("kind")
    with pytest.raises(TypeError, match="list of str"):
        small.cut(["kind", 3])


def test_no_room_for_the_marks(small):
    with pytest.raises(ValueError, match="max_pieces is 1"):
        small.cut(["a"], max_pieces=1)


def test_a_list_without_marks():
    with pytest.raises(ValueError, match=r"lacks \[CLS\], \[UNK\]"):
        WordPieces(["[PAD]", "[SEP]", "a"])
