"""What the parts of `teaching` share: text on a page, keys, values in words, comparisons."""

import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import scipy.sparse
import torch

from course_utils.teaching.compare import Outcome, as_numbers, compare, run, say_difference, show
from course_utils.teaching.page import View, check_key, check_text, inline, paragraphs, plain

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</div></details></table><b>bold</b>",
    "&lt;b&gt; & &amp; {braces} %s",
    "👩‍👩‍👧 🎉 ｆｕｌｌ",
    "שלום עולם \u202egnp.exe\u202c",
    "lone \ud800 surrogate \x00\x1b[31m",
    "long " * 2000,
]


class Reader(HTMLParser):
    """The elements of a page with the names of their attributes, and its text."""

    def __init__(self, markup):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        self.elements.append(("/" + tag, ()))

    def handle_data(self, data):
        self.text += data


def assert_only_text(markup, *, hostile, harmless):
    """The hostile text added no element and no attribute, and stands on the page letter for letter."""
    assert Reader(markup).elements == Reader(harmless).elements
    for line in plain(hostile).split("\n"):
        assert " ".join(line.split()) in " ".join(Reader(markup).text.split())


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_on_a_page_stays_text(hostile):
    for render in (inline, paragraphs):
        assert_only_text(render(hostile), hostile=hostile, harmless=render("word"))


def test_the_reader_above_would_see_foreign_elements():
    with pytest.raises(AssertionError):
        assert_only_text("<p><b>x</b></p>", hostile="<b>x</b>", harmless="<p>x</p>")
    with pytest.raises(AssertionError):
        assert_only_text('<p onclick="x">word</p>', hostile="word", harmless="<p>word</p>")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_plain_text_can_be_sent_and_does_not_reorder(hostile):
    text = repr(View("", text=hostile))
    text.encode("utf-8")
    assert not set(text) & set("\x00\x1b\u202e\u202c")
    assert plain("a < b & 'c' &amp; &copy") == "a < b & 'c' &amp; &copy"


def test_paragraphs_and_code():
    elements = Reader(paragraphs("one `x < 1`\n\ntwo\n \nthree")).elements
    assert [tag for tag, _ in elements] == ["p", "code", "/code", "/p", "p", "/p", "p", "/p"]
    assert inline("`<b>`") == "<code>&lt;b&gt;</code>"
    assert paragraphs("  ") == ""


def test_a_view_shows_html_and_fixed_text():
    bundle = View("<p>x</p>", text="x\x00y")._repr_mimebundle_()
    assert bundle == {"text/html": "<p>x</p>", "text/plain": "xy"}


@pytest.mark.parametrize("key", ["01.cosine", "20.mock.kv-cache_2", "00.a"])
def test_good_keys(key):
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key",
    ["", "cosine", "1.cosine", "01.", "01.Cosine", "01.a b", "01.a\n", "01..a", "01.<b>", None, 7, "01.é"],
)
def test_bad_keys_are_refused(key):
    with pytest.raises(ValueError, match=r"is no key; write the lesson and a name, such as '01.cosine'"):
        check_key(key)


@pytest.mark.parametrize("text", ["", "  \n", None, 3])
def test_empty_texts_are_refused(text):
    with pytest.raises(ValueError, match="`hint` must be a text that says something"):
        check_text(text, name="hint")


class Awkward:
    """A value on which nothing works."""

    def __repr__(self):
        raise RuntimeError("no text")

    def __eq__(self, other):
        raise RuntimeError("no comparison")

    __hash__ = None

    def __getattr__(self, name):
        raise RuntimeError("no attribute")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (True, "True"),
        (np.bool_(False), "False"),
        (1 / 3, "0.333333"),
        (np.float32(0.1), "0.1"),
        (10**30, "1" + "0" * 30),
        (float("nan"), "nan"),
        ("0.5", "'0.5'"),
        ([1, 2.5], "[1, 2.5]"),
        ((1, [2, 3]), "(1, [2, 3])"),
        (np.array([[1.0, 1 / 3]]), "[[1, 0.33333]]"),
        (np.arange(100), "[0, 1, 2, ..., 97, 98, 99]"),
        (torch.tensor([1.5, 2.0], requires_grad=True), "[1.5, 2]"),
        (torch.tensor(0.5, dtype=torch.bfloat16), "0.5"),
        ({"b": 1}, "{'b': 1}"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (None, "None"),
        ([], "[]"),
        (tuple(range(9)), "(0, 1, 2, 3, 4, 5, 6, 7, …)"),
    ],
)
def test_values_in_words(value, text):
    assert show(value) == text


def test_words_hold_no_address_and_stay_short():
    assert show(object()) == "<object object>"
    assert "0x" not in show(Awkward())
    assert show(map(str, [])) == "<map object>"
    nested = ()
    for _ in range(5000):
        nested = (nested,)
    for value in (
        "x" * 10_000,
        ["y" * 10_000] * 100,
        np.ones((50, 50)),
        dict.fromkeys(range(999), "z" * 50),
        nested,
    ):
        assert len(show(value)) <= 120


def test_words_do_not_depend_on_the_readers_print_options():
    with np.printoptions(precision=1, threshold=2, linewidth=10, edgeitems=1):
        assert show(np.array([1.2345, 2, 3, 4, 5])) == "[1.2345, 2, 3, 4, 5]"


def test_numbers_of_every_kind():
    wanted = np.array([[1.0, 2.0]])
    for value in ([[1, 2]], ((1, 2),), torch.tensor([[1, 2]]), scipy.sparse.csr_matrix(wanted)):
        np.testing.assert_array_equal(as_numbers(value), wanted)
    np.testing.assert_array_equal(as_numbers([torch.tensor([1.0, 2.0], requires_grad=True)]), wanted)
    for value in ("1", None, [1, "2"], [[1], [2, 3]], {"a": 1}, {1}, object(), Awkward(), torch, 10**40):
        assert as_numbers(value) is None


AGREE = [
    (0.5, 0.5000001),
    (1e6, 1e6 + 1),
    ([1.0, 2.0], np.array([1.0, 2.0])),
    (np.array([1.0, np.nan, np.inf]), [1.0, float("nan"), float("inf")]),
    (5, 5.0),
    (True, np.bool_(True)),
    (3.0000001, 3),
    (1 + 1j, 1 + 1j),
    (2**60 + 1, 2**60 + 1),
    ("a", "a"),
    ([1, "a"], (1, "a")),
    ({"a": [1.0], "b": None}, {"b": None, "a": np.array([1.0])}),
    ({1, 2}, {2, 1}),
    ([], np.array([])),
    (np.array(["a", "b"]), ["a", "b"]),
    (None, None),
]
DIFFER = [
    (0.5, 0.6, "0.5", "0.6", "", "is too high"),
    (1e6, 1e6 + 100, "1e+06", "1.0001e+06", "", "is too high"),
    (450000, 450001, "450000", "450001", "", "is too high"),
    (450000, 450001.0, "450000", "450001", "", "is too high"),
    (2**60 + 1, 2**60, str(2**60 + 1), str(2**60), "", "is too low"),
    ([1.0, 2.0], [1.0, 2.5], "2", "2.5", " at position [1]", "is too high"),
    (np.zeros((2, 2)), [[0, 0], [-1, 0]], "0", "-1", " at position [1, 0]", "is too low"),
    (np.zeros((2, 3)), np.zeros((3, 2)), "an array of shape (2, 3)", "an array of shape (3, 2)", "", None),
    (0.5, [0.5], "the single number 0.5", "an array of shape (1,)", "", None),
    (0.5, "0.5", "0.5", "'0.5' (a str)", "", "is not a number"),
    ([1, 2], None, "[1, 2]", "None (a NoneType)", "", "is not an array of numbers"),
    (1.0, float("nan"), "1", "nan", "", "is not the answer"),
    (float("inf"), 1e300, "inf", "1e+300", "", "is too low"),
    (1.0, float("inf"), "1", "inf", "", "is too high"),
    (True, False, "True", "False", "", "is not the answer"),
    (1j, 2j, "1j", "2j", "", "is not the answer"),
    ("a", "b", "'a'", "'b'", "", "is not the answer"),
    ("1", 1, "'1'", "1", "", "is not the answer"),
    (["a", "b"], ["a"], "2 items", "1 items", "", None),
    (["a", "b"], ["a", "c"], "'b'", "'c'", " at position [1]", None),
    ({"a": 1.0}, {"b": 1.0}, "keyed by ['a']", "{'b': 1.0}", "", None),
    ({"a": [1, 2]}, {"a": [1, 3]}, "2", "3", " at key 'a' at position [1]", "is too high"),
    ({1}, {2}, "{1}", "{2}", "", None),
]


@pytest.mark.parametrize(("expected", "got"), AGREE, ids=str)
def test_what_agrees(expected, got):
    assert compare(expected, got, tolerance=1e-5) is None


@pytest.mark.parametrize(("expected", "got", "one", "other", "where", "direction"), DIFFER, ids=str)
def test_what_differs_and_where(expected, got, one, other, where, direction):
    found = compare(expected, got, tolerance=1e-5)
    assert (found.expected, found.got, found.where) == (one, other, where)
    assert direction is None or found.direction == direction


def test_numbers_that_look_alike_say_how_far_they_are_apart():
    assert compare(1 / 3, 1 / 3 + 1e-8, tolerance=1e-9).got == "0.333333, off by 1e-08"


def test_tolerance_is_absolute_below_one_and_relative_above():
    assert compare(0.001, 0.0011, tolerance=1e-3) is None
    assert compare(1000.0, 1000.9, tolerance=1e-3) is None
    assert compare(1000.0, 1001.1, tolerance=1e-3).tolerance == 1e-3
    assert compare(0.1 + 0.2, 0.3, tolerance=0.0) is None  # rounding is no mistake
    assert compare(10, 11, tolerance=0.5).tolerance == 0.0


def test_awkward_answers_are_merely_different():
    assert compare("a", Awkward(), tolerance=0).direction == "is not the answer"
    assert compare(1.0, Awkward(), tolerance=0).direction == "is not a number"


def test_running_copies_the_input_and_catches_what_is_raised():
    data = np.zeros(2)

    def change(values):
        values[0] = 1
        return values

    assert run(change, (data,)).value.tolist() == [1, 0]
    assert data.tolist() == [0, 0]
    assert isinstance(run(lambda: 1 / 0, ()).error, ZeroDivisionError)
    assert isinstance(run(lambda: sys.exit(2), ()).error, SystemExit)
    with pytest.raises(KeyboardInterrupt):
        run(_interrupt, ())


def _interrupt():
    raise KeyboardInterrupt


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("expected", "got", "message"),
    [
        (Outcome(1.0), Outcome(1.0), None),
        (
            Outcome(1.0),
            Outcome(2.0),
            "for input (1, 'a') the result should be 1, and it is 2 (tolerance 0.001)",
        ),
        (Outcome(1), Outcome(2), "for input (1, 'a') the result should be 1, and it is 2"),
        (
            Outcome(1.0),
            Outcome(error=TypeError("no\n way")),
            "it raised TypeError: no way for input (1, 'a')",
        ),
        (Outcome(1.0), Outcome(error=ValueError()), "it raised ValueError for input (1, 'a')"),
        (Outcome(1.0), Outcome(error=Wordless()), "it raised Wordless for input (1, 'a')"),
        (Outcome(error=ValueError("x")), Outcome(error=UnicodeError("y")), None),
        (
            Outcome(error=ValueError("x")),
            Outcome(3),
            "for input (1, 'a') it should raise ValueError, and it returns 3",
        ),
        (
            Outcome(error=ValueError("x")),
            Outcome(error=KeyError("y")),
            "it raised KeyError: 'y' for input (1, 'a')",
        ),
    ],
)
def test_outcomes_in_words(expected, got, message):
    assert say_difference(expected, got, arguments=(1, "a"), tolerance=1e-3) == message


def test_one_argument_stands_without_brackets_and_long_errors_are_cut():
    got = Outcome(error=ValueError("x" * 10_000))
    message = say_difference(Outcome(1), got, arguments=([1, 2],), tolerance=0)
    assert message.endswith("… for input [1, 2]")
    assert len(message) < 260
