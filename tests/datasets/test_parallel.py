"""Files of sentence pairs: every line is a pair or is reported, and a useless file says what to do."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.datasets import parallel
from course_utils.datasets.parallel import ParallelText, load_parallel_tsv, split_by_source
from course_utils.storage import DataError

GOOD = "Go.\tVa !\nI won.\tJ'ai gagné.\nRun!\tCours !\tCC-BY 2.0 (France) Attribution: …\n"
PAIRS = (("Go.", "Va !"), ("I won.", "J'ai gagné."), ("Run!", "Cours !"))


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "pairs.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip("\n"),
        GOOD.replace("\t", " \t\u00a0"),
    ],
    ids=["plain", "byte order mark", "CRLF", "no last line end", "spaces around"],
)
def test_pairs_of_a_good_file(write, content):
    text = load_parallel_tsv(write(content))
    assert text == ParallelText(PAIRS, ())
    assert str(text) == "3 pairs, no line skipped"
    assert load_parallel_tsv(str(write(content))) == text


def test_tatoebas_sentence_pairs_have_numbers_in_between(write):
    path = write("1276\tLet's try something.\t3091\tTentons quelque chose.\n12\tHi.\t13\tSalut.\n")
    pairs = load_parallel_tsv(path, columns=(1, 3)).pairs
    assert pairs == (("Let's try something.", "Tentons quelque chose."), ("Hi.", "Salut."))
    assert load_parallel_tsv(path, columns=(3, 1)).pairs[1] == ("Salut.", "Hi.")
    with pytest.raises(DataError, match=r"Column 1 of pairs.tsv holds numbers only; .*columns=\(1, 3\)"):
        load_parallel_tsv(path)
    with pytest.raises(DataError, match="Column 3 of pairs.tsv holds numbers only"):
        load_parallel_tsv(path, columns=(1, 2))


BAD = [
    (b"", "the line is blank"),
    (b" \t  ", "the line is blank"),
    (b"one column", "column 2 is missing"),
    (b"\tno source", "the source is empty"),
    (b"no target\t ", "the target is empty"),
    ("été\tsummer".encode("latin-1"), "the line is not UTF-8"),
    (b"half a letter \xc3\tx", "the line is not UTF-8"),
    (b"nul\x00byte\tx", "a sentence holds a control character"),
    (b"old\rmac\tx", "a sentence holds a control character"),
    (b"x" * 1001 + b"\ty", "a sentence has more than 1,000 characters"),
    (b"y\t" + b"x" * 1001, "a sentence has more than 1,000 characters"),
    (b"x" * 1_000_001, "the line has more than 1,000,000 bytes"),
    (b"a\t" + b"x" * 3_500_000, "the line has more than 1,000,000 bytes"),
]


@pytest.mark.parametrize(("line", "reason"), BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_bad_line_is_reported_with_its_number_and_costs_no_other(write, line, reason, end):
    first, second, third = (line.encode("utf-8") for line in GOOD.splitlines())
    text = load_parallel_tsv(write(end.join([first, line, second, third, line]) + end))
    assert text.pairs == PAIRS
    assert text.skipped == ((2, reason), (5, reason))
    assert text.reasons() == {reason: 2}
    assert str(text) == f"3 pairs, 2 lines skipped: 2 × {reason} (first: line 2)"


def test_what_is_just_short_enough_stays(write):
    longest = "x" * 1000 + "\t" + "é" * 1000
    comment = b"a\tb\t" + b"c" * (1_000_000 - 4)
    text = load_parallel_tsv(write(longest.encode("utf-8") + b"\n" + comment + b"\nc\td"))
    assert [len(source) for source, _ in text.pairs] == [1000, 1, 1]
    assert load_parallel_tsv(write("abc\tde\nab\tc"), longest=2).skipped == (
        (1, "a sentence has more than 2 characters"),
    )


def test_separators_of_other_alphabets_end_no_line(write):
    pairs = load_parallel_tsv(write("a\u2028b\tc\x85d\n")).pairs
    assert pairs == (("a\u2028b", "c\x85d"),)


def test_repetitions_stay_and_reasons_are_counted(write):
    text = load_parallel_tsv(write("a\tb\na\tb\n\nx\n\n"))
    assert text.pairs == (("a", "b"), ("a", "b"))
    assert text.reasons() == {"the line is blank": 2, "column 2 is missing": 1}
    assert str(text) == (
        "2 pairs, 3 lines skipped: 2 × the line is blank (first: line 3); "
        "1 × column 2 is missing (first: line 4)"
    )


@given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=12))
def test_no_line_is_lost(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("lines") / "pairs.tsv"
    path.write_bytes(b"\n".join([b"a\tb", *lines]) + b"\n")
    text = load_parallel_tsv(path)
    assert len(text.pairs) + len(text.skipped) == len(lines) + 1
    assert text.pairs[0] == ("a", "b")
    assert all(2 <= skipped.line <= len(lines) + 1 and skipped.reason for skipped in text.skipped)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "pairs.tsv is empty; write one pair a line"),
        (b"\xef\xbb\xbf", "pairs.tsv is empty; write one pair a line"),
        (
            b"\n\n \n",
            r"no usable pair \(0 pairs, 3 lines skipped: 3 × the line is blank .*; save it as UTF-8",
        ),
        (b"one\ntwo\n", r"no usable pair .*column 2 is missing .*one pair a line: sentence, tab"),
        ("é\tà\n".encode("latin-1") * 3, "no usable pair .*3 × the line is not UTF-8 .*save it as UTF-8"),
        (GOOD.encode("utf-16"), "pairs.tsv is in UTF-16; save it as UTF-8"),
        (b"\xfe\xff" + GOOD.encode("utf-16-be"), "pairs.tsv is in UTF-16; save it as UTF-8"),
        (GOOD.encode("utf-16-le"), "no usable pair .*save it as UTF-8"),
        (bytes(range(256)) * 50, "no usable pair"),
    ],
)
def test_a_useless_file_says_what_to_do(write, content, message):
    with pytest.raises(DataError, match=message) as caught:
        load_parallel_tsv(write(content))
    assert "\n" not in str(caught.value)


def test_a_missing_file_a_folder_and_an_unreadable_file_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="nowhere.tsv does not exist; check the path"):
        load_parallel_tsv(tmp_path / "nowhere.tsv")
    with pytest.raises(DataError, match="cannot be read .*; pass the path of a text file"):
        load_parallel_tsv(tmp_path)

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        load_parallel_tsv(tmp_path / "locked.tsv")


@pytest.mark.parametrize(
    "options", [{"columns": (0, 0)}, {"columns": (-1, 0)}, {"columns": (0,)}, {"longest": 0}]
)
def test_settings_without_meaning_are_refused(write, options):
    with pytest.raises(ValueError, match="columns must be two different numbers from 0, longest 1 or more"):
        load_parallel_tsv(write(GOOD), **options)


NUMBERED = [(f"sentence number {i}", f"phrase {i}") for i in range(4000)]


def test_parts_have_their_shares_and_lose_nothing():
    split = split_by_source(NUMBERED)
    sizes = [len(split.train), len(split.validation), len(split.test)]
    assert sum(sizes) == 4000
    assert sizes == pytest.approx([3200, 400, 400], abs=90)
    assert {*split.train, *split.validation, *split.test} == set(NUMBERED)
    assert list(split.test) == sorted(split.test, key=NUMBERED.index)
    halves = split_by_source(NUMBERED, shares=(0.5, 0.5, 0.0))
    assert len(halves.train) == pytest.approx(2000, abs=120)
    assert halves.test == ()
    assert split_by_source(NUMBERED, shares=(0, 0, 1)).test == tuple(NUMBERED)


def test_a_pair_keeps_its_part_when_others_come_go_or_move():
    shuffled = random.Random(0).sample(NUMBERED, k=2000)
    split, part = split_by_source(NUMBERED), split_by_source(shuffled)
    assert set(part.train) == set(split.train) & set(shuffled)
    assert set(part.test) == set(split.test) & set(shuffled)
    assert split.test[:2] == (("sentence number 5", "phrase 5"), ("sentence number 47", "phrase 47"))


@pytest.mark.parametrize(
    "family",
    [
        ["Copy Cell", "copy cells", "Copy cell…", "COPY  CELL (%1)", "“Copy cell”", "copy {0} cell {name}"],
        ["…", "…"],
        ["ÉTÉ", "été"],
        ["s", "S"],
    ],
)
def test_texts_that_hardly_differ_stay_together(family):
    for shares in ((0.5, 0.25, 0.25), (0.3, 0.3, 0.4), (0.1, 0.8, 0.1)):
        split = split_by_source([(text, str(i)) for i, text in enumerate(family)], shares=shares)
        assert sorted([len(split.train), len(split.validation), len(split.test)]) == [0, 0, len(family)]


def test_other_texts_do_not_stay_together():
    places = {
        parallel._place_of(text) for text in ("", "…", "?", "%1", "s", "ss", "a", "copy cell", "copycell")
    }
    assert len(places) == 9 - 1  # "s" and "ss" differ in a final s


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.5), (0.5, 0.6, -0.1), (0.5, 0.4, 0.2)])
def test_shares_must_add_up(shares):
    with pytest.raises(ValueError, match=re.escape("shares must be three numbers from 0 that add up to 1")):
        split_by_source(NUMBERED, shares=shares)
