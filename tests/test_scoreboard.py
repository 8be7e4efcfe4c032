"""The scoreboard: rows with rules, one row a result, the new one beside the committed ones."""

import json
import re
from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pytest

from course_utils import scoreboard
from course_utils.scoreboard import Row, as_markdown, load, record, say
from course_utils.storage import DataError, StorageError, StorageWarning

SPEARMAN = "Spearman, WordSim-353"
GOOD = {"lesson": "01", "model": "PPMI + SVD", "metric": SPEARMAN, "value": 0.5712}


class Text(HTMLParser):
    def __init__(self, markup):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data):
        self.text += data + "|"


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch):
    """A course folder with a committed scoreboard, and a cache."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_SCOREBOARD", raising=False)
    monkeypatch.setattr(scoreboard, "course_folder", lambda: tmp_path)
    (tmp_path / "notebooks").mkdir()
    commit(tmp_path, [Row(**{**GOOD, "lesson": "03", "model": "skip-gram", "value": 0.53}), Row(**GOOD)])
    return tmp_path


def commit(folder, rows):
    (folder / "notebooks" / "scoreboard.json").write_text(json.dumps([asdict(row) for row in rows]))


def mine(folder):
    return load(folder / "cache" / "scoreboard.json")


def lines(view):
    """The rows of the table, as lists of cells."""
    body = view._repr_mimebundle_()["text/html"].split("<tbody>")[1]
    return [re.findall(r"<td[^>]*>(.*?)</td>", line) for line in body.split("</tr>") if "<td" in line]


def test_a_row_is_kept_and_shown_beside_the_committed_ones(course):
    other = Row(**{**GOOD, "metric": "analogies"})
    commit(course, [*load(), other])
    view = record(
        **{**GOOD, "value": 0.5812}, low=0.5, high=0.65, seeds=3, seconds=1.62, parameters=2_500_000
    )
    assert lines(view) == [
        ["01", "PPMI + SVD", "0.5812", "0.5 to 0.65", "3", "1.62", "2,500,000", "this run"],
        ["01", "PPMI + SVD", "0.5712", "", "1", "", "", "published"],
        ["03", "skip-gram", "0.53", "", "1", "", "", "published"],
    ]
    assert view.problem == ""
    assert mine(course) == [view.row]
    assert load() == sorted([*view.published, other], key=lambda row: row.key)


def test_the_text_holds_no_measured_number():
    view = record(**GOOD, low=0.51, high=0.62, seconds=17.25, parameters=4242)
    told = view._repr_mimebundle_()["text/plain"]
    assert told == "Scoreboard, lesson 01: PPMI + SVD · Spearman, WordSim-353"
    for number in ("0.57", "0.51", "0.62", "17", "4242", "4,242"):
        assert number not in told
        assert number == "4242" or number in view._repr_mimebundle_()["text/html"]


def test_a_second_result_replaces_the_first(course):
    record(**GOOD)
    record(**{**GOOD, "value": 0.6})
    record(**{**GOOD, "metric": "analogies", "value": 0.1})
    record(**{**GOOD, "lesson": "00", "value": 0.2})
    assert [(row.lesson, row.metric, row.value) for row in mine(course)] == [
        ("00", SPEARMAN, 0.2),
        ("01", SPEARMAN, 0.6),
        ("01", "analogies", 0.1),
    ]


def test_a_build_writes_where_it_is_told_and_does_not_show_what_it_replaces(course, monkeypatch):
    path = course / "notebooks" / "scoreboard.json"
    monkeypatch.setenv("COURSE_SCOREBOARD", str(path))
    view = record(**{**GOOD, "value": 0.6})
    assert [row.value for row in load()] == [0.6, 0.53]
    assert [line[1::6] for line in lines(view)] == [["PPMI + SVD", "this run"], ["skip-gram", "published"]]
    assert not (course / "cache").exists()


def test_without_a_committed_table_there_is_one_row(course):
    (course / "notebooks" / "scoreboard.json").unlink()
    assert load() == []
    assert len(lines(record(**GOOD))) == 1


DAMAGED = [b"{", b"\xff\x00", b"{}", b"[1]", b'[{"lesson": "01"}]', b"7", b'[{"x": 1}]']
DAMAGED += [json.dumps([{**GOOD, "value": value}]).encode() for value in ("much", None, [1], float("nan"))]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_committed_table_costs_one_sentence(course, content):
    path = course / "notebooks" / "scoreboard.json"
    path.write_bytes(content)
    told = "scoreboard.json is damaged; bring it back with: git checkout notebooks/scoreboard.json"
    with pytest.raises(DataError, match=f"^{re.escape(told)}$"):
        load()
    view = record(**GOOD)
    assert view.problem == told
    assert told in view._repr_mimebundle_()["text/html"]
    assert len(lines(view)) == 1
    assert mine(course) == [view.row]
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_copy_of_the_reader_is_kept_aside(course, content):
    (course / "cache").mkdir()
    (course / "cache" / "scoreboard.json").write_bytes(content)
    with pytest.warns(StorageWarning, match=r"it is kept as scoreboard\.json\.damaged-1\.$"):
        view = record(**GOOD)
    assert (course / "cache" / "scoreboard.json.damaged-1").read_bytes() == content
    assert mine(course) == [view.row]


def test_a_build_stops_at_a_damaged_table_and_leaves_it(course, monkeypatch):
    path = course / "built.json"
    path.write_bytes(b"{")
    monkeypatch.setenv("COURSE_SCOREBOARD", str(path))
    with pytest.raises(DataError, match=r"built\.json is damaged"):
        record(**GOOD)
    assert path.read_bytes() == b"{"


def test_a_folder_that_cannot_be_written_costs_a_reader_a_sentence_and_stops_a_build(course, monkeypatch):
    (course / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(course / "file" / "cache"))
    view = record(**GOOD)
    assert view.problem.startswith("This result was not kept: ")
    assert "\n" not in view.problem
    assert "This result was not kept" in view._repr_mimebundle_()["text/html"]
    monkeypatch.setenv("COURSE_SCOREBOARD", str(course / "file" / "scoreboard.json"))
    with pytest.raises(StorageError, match="could not be"):
        record(**GOOD)


def test_a_table_that_cannot_be_read_is_told(course):
    path = course / "notebooks" / "scoreboard.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match=r"could not be read \(.+\); check that it is a file"):
        load()
    assert "could not be read" in record(**GOOD).problem


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": NAN}, "`value` must be a finite number, not nan; the measurement went wrong"),
        ({"value": -INF}, "`value` must be a finite number"),
        ({"value": "0.5"}, "`value` must be a number, not '0.5'"),
        ({"value": True}, "`value` must be a number, not True"),
        ({"value": None}, "`value` must be a number"),
        ({"low": 0.6, "high": 0.5}, "upside down: low 0.6 is above high 0.5"),
        ({"low": NAN, "high": 1}, "`low` must be a finite number"),
        ({"low": 0, "high": INF}, "`high` must be a finite number"),
        ({"low": 0.5}, "needs both `low` and `high`"),
        ({"high": 0.5}, "needs both `low` and `high`"),
        ({"seconds": NAN}, "`seconds` must be a finite number"),
        ({"seconds": -1}, "`seconds` cannot be negative, and it is -1"),
        ({"seeds": 0}, "`seeds` must be a whole number of at least 1, not 0"),
        ({"seeds": 1.5}, "`seeds` must be a whole number"),
        ({"parameters": -1}, "`parameters` must be a whole number of at least 0"),
        ({"parameters": 0.5}, "`parameters` must be a whole number"),
        ({"lesson": "1"}, "A lesson is two digits, such as '01', not '1'"),
        ({"lesson": 1}, "needs a text as its lesson, not 1"),
        ({"lesson": "١٢"}, "A lesson is two digits"),
        ({"model": " "}, "needs a text as its model"),
        ({"metric": None}, "needs a text as its metric"),
    ],
)
def test_rows_that_cannot_be_are_refused(course, changes, message):
    with pytest.raises(ValueError, match=message):
        record(**{**GOOD, **changes})
    assert not (course / "cache").exists()


def test_numbers_of_numpy_become_numbers_of_json(course):
    numbers = {"low": np.float32(0.25), "high": np.float64(0.75), "seeds": np.int64(3), "parameters": 1e6}
    row = record(**{**GOOD, "value": np.float32(0.5)}, **numbers, seconds=np.int32(2)).row
    assert asdict(row) == {
        **GOOD,
        "value": 0.5,
        "low": 0.25,
        "high": 0.75,
        "seeds": 3,
        "seconds": 2.0,
        "parameters": 1_000_000,
    }
    assert type(row.value) is float
    assert type(row.seeds) is int
    assert mine(course) == [row]


def test_markdown_is_sorted_and_the_same_each_time():
    rows = [
        Row(lesson="10", model="GRU", metric="BLEU", value=64.0312, seconds=1234.5, parameters=1_100_000),
        Row(lesson="01", model="b|c", metric="z", value=-0.0),
        Row(lesson="01", model="a", metric="z\nline", value=16712.4, low=16000, high=17000.2, seeds=5),
        Row(lesson="01", model="a", metric="<i>", value=0.0000123),
    ]
    table = as_markdown(rows)
    assert table == (
        "| lesson | model | metric | value | interval | seeds | seconds | parameters |\n"
        "|---|---|---|---:|---|---:|---:|---:|\n"
        "| 01 | a | &lt;i&gt; | 1.23e-05 |  | 1 |  |  |\n"
        "| 01 | a | z line | 16,712 | 16,000 to 17,000 | 5 |  |  |\n"
        "| 01 | b\\|c | z | 0 |  | 1 |  |  |\n"
        "| 10 | GRU | BLEU | 64.03 |  | 1 | 1,234 | 1,100,000 |\n"
    )
    assert as_markdown(reversed(rows)) == table
    assert as_markdown([]).count("\n") == 2


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.57123, "0.5712"),
        (97.314, "97.31"),
        (999.99, "1000"),
        (1000, "1,000"),
        (-12345.6, "-12,346"),
        (0, "0"),
    ],
)
def test_numbers_in_words(number, text):
    assert say(number) == text


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", '"><img src=x>', "שלום \u202e🎉", "x" * 10_000, "lone \ud800 \x00"],
)
def test_every_text_is_escaped(course, hostile):
    def shown(text):
        commit(course, [Row(**{**GOOD, "lesson": "02", "metric": text, "model": text})])
        return record(**{**GOOD, "metric": text, "model": text})._repr_mimebundle_()

    bundle, harmless = shown(hostile), shown("word")
    assert Text(bundle["text/html"]).elements == Text(harmless["text/html"]).elements
    assert hostile.split("\u202e")[0].split("\ud800")[0].strip() in Text(bundle["text/html"]).text
    bundle["text/plain"].encode("utf-8")
    assert not set(bundle["text/plain"]) & set("\x00\u202e")
