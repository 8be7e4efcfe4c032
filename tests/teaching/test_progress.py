"""Progress: nothing is lost, nothing stops a lesson, and the map shows what was done."""

import json
import os
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_page import HOSTILE, Reader, assert_only_text

from course_utils.storage import StorageWarning
from course_utils.teaching import progress
from course_utils.teaching.progress import (
    Lesson,
    ProgressMap,
    load_progress,
    note_exercise,
    note_guess,
    note_hint,
    note_solution,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    return folder


def test_nothing_done_leaves_no_file(cache):
    assert load_progress().exercises == {}
    assert note_exercise("01.cosine", "not attempted") == ""
    assert load_progress().status("01.cosine") == "not attempted"
    assert not cache.exists()


def test_what_was_noted_comes_back():
    assert note_exercise("01.cosine", "wrong") == ""
    assert note_hint("01.cosine", 2) == note_solution("01.cosine") == ""
    assert note_guess("01.window", 0.4) == note_guess("01.shape", "it rises ☂") == ""
    kept = load_progress()
    assert kept.exercises == {"01.cosine": {"status": "wrong", "hints": 2, "solution": True}}
    assert kept.guess("01.window") == 0.4
    assert kept.guess("01.shape") == "it rises ☂"
    assert kept.guess("01.nothing") is None
    assert kept.problem == ""


def test_steps_back_are_not_recorded():
    for status in ("wrong", "correct", "wrong", "not attempted"):
        note_exercise("01.cosine", status)
    note_hint("01.cosine", 3)
    note_hint("01.cosine", 1)
    assert load_progress().exercises["01.cosine"] == {"status": "correct", "hints": 3}


def test_the_latest_guess_counts():
    note_guess("01.window", 1)
    note_guess("01.window", 2)
    assert load_progress().guess("01.window") == 2


def test_nothing_new_writes_nothing(cache):
    note_guess("01.window", 1)
    before = (cache / "progress.json").stat().st_mtime_ns
    note_guess("01.window", 1)
    assert (cache / "progress.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "bad", [lambda: note_exercise("x", "wrong"), lambda: note_guess("01", 1), lambda: note_hint("", 1)]
)
def test_bad_keys_are_refused(bad):
    with pytest.raises(ValueError, match="is no key"):
        bad()


def test_bad_values_are_refused(cache):
    with pytest.raises(ValueError, match="The status is one of not attempted, wrong, correct, not 'done'"):
        note_exercise("01.cosine", "done")
    with pytest.raises(ValueError, match="A guess is a text or a finite number, not nan"):
        note_guess("01.window", float("nan"))
    assert not cache.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b'"text"',
        b'{"exercises": [1]}',
        b'{"guesses": 7}',
        b'{"exercises": {"01.cosine": "correct"}}',
        b'{"exercises": {"01.cosine": {"status": "superb"}}}',
        b'{"exercises": {"01.cosine": {"status": ["wrong"]}}}',
        b'{"exercises": {"01.cosine": {"hints": "two"}}}',
        b'{"guesses": {"01.window": {"value": [1]}}}',
        b'{"guesses": {"01.window": 0.4}}',
    ],
)
def test_a_damaged_file_is_kept_aside_and_the_lesson_goes_on(cache, content):
    cache.mkdir()
    path = cache / "progress.json"
    path.write_bytes(content)
    with pytest.warns(StorageWarning, match=r"^progress\.json .* it is kept as progress\.json\.damaged-1\.$"):
        assert load_progress().exercises == {}
    assert (cache / "progress.json.damaged-1").read_bytes() == content
    assert note_exercise("01.cosine", "correct") == ""
    assert load_progress().status("01.cosine") == "correct"
    path.write_bytes(content)
    with pytest.warns(StorageWarning, match="damaged-2"):
        assert note_exercise("01.ppmi", "correct") == ""
    assert load_progress().status("01.ppmi") == "correct"


def test_what_a_later_version_keeps_is_not_thrown_away(cache):
    cache.mkdir()
    (cache / "progress.json").write_text('{"badges": [1], "exercises": {"01.a": {"colour": "red"}}}')
    note_exercise("01.a", "wrong")
    stored = json.loads((cache / "progress.json").read_text())
    assert stored["badges"] == [1]
    assert stored["exercises"]["01.a"] == {"colour": "red", "status": "wrong"}


def test_a_folder_that_cannot_be_written_costs_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    for problem in (
        note_exercise("01.cosine", "wrong"),
        note_guess("01.window", 1),
        note_hint("01.cosine", 1),
    ):
        assert problem.startswith("Your progress was not kept: ")
        assert problem.endswith(".")
        assert "\n" not in problem
    assert load_progress().exercises == {}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_costs_one_sentence(cache):
    note_exercise("01.cosine", "correct")
    cache.chmod(0o500)
    try:
        assert "choose a folder of your own with the variable COURSE_CACHE" in note_exercise("01.b", "wrong")
        assert load_progress().status("01.cosine") == "correct"
    finally:
        cache.chmod(0o700)


def test_a_refused_write_is_told_in_a_sentence(monkeypatch):
    def refuse(path, value):
        raise OSError("the disk is full.")

    monkeypatch.setattr(progress, "write_json", refuse)
    assert note_exercise("01.cosine", "wrong") == "Your progress was not kept: the disk is full."


def test_an_unreadable_file_is_told_in_a_sentence(cache):
    (cache / "progress.json").mkdir(parents=True)
    kept = load_progress()
    assert kept.exercises == {}
    assert kept.problem.startswith("Your progress could not be read: ")


def test_a_lock_that_is_not_released_is_waited_for_and_then_told(cache, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.05)
    note_exercise("01.cosine", "wrong")
    other = sqlite3.connect(cache / ".progress.json.lock", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    told = note_exercise("01.cosine", "correct")
    assert told == "Your progress was not kept: another notebook holds progress.json; run the cell again."
    other.close()
    assert note_exercise("01.cosine", "correct") == ""


def test_a_spoilt_lock_file_does_not_stop_a_lesson(cache):
    cache.mkdir()
    (cache / ".progress.json.lock").write_bytes(b"garbage" * 500)
    assert note_exercise("01.cosine", "correct") == ""
    assert load_progress().status("01.cosine") == "correct"


WRITER = """
import sys, time
from course_utils.teaching.progress import note_guess
print("ready", flush=True)
sys.stdin.readline()
for number in range(60):
    assert note_guess(f"01.{sys.argv[1]}{number}", number) == ""
"""


def test_two_kernels_writing_at_once_lose_nothing():
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        for name in ("left", "right")
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:  # both start from the same instant
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    guesses = load_progress().guesses
    assert set(guesses) == {f"01.{name}{number}" for name in ("left", "right") for number in range(60)}


# -- the map -----------------------------------------------------------------------------------------

LESSONS = [
    Lesson("00", "Welcome", "Is this machine ready?", file="00_welcome.ipynb"),
    Lesson("01", "Counting words", "How can numbers hold meaning?", exercises=("01.cosine", "01.ppmi")),
]
ROWS = [
    SimpleNamespace(lesson="01", metric="run time (s)", value=38.4),
    SimpleNamespace(lesson="01", metric="Spearman", value=0.57),
]


def test_the_map_counts_what_is_done():
    lessons = ProgressMap(LESSONS, rows=ROWS)
    assert lessons.done() == {"00": (0, 0), "01": (0, 2)}
    note_exercise("01.cosine", "correct")
    note_exercise("01.ppmi", "wrong")
    assert lessons.done() == {"00": (0, 0), "01": (1, 2)}
    page = Reader(lessons._repr_mimebundle_()["text/html"])
    assert [tag for tag, _ in page.elements].count("tr") == 3
    for text in (
        "00 Welcome",
        "How can numbers hold meaning?",
        "38 s",
        "not measured",
        "1 of 2",
        "no exercises",
    ):
        assert text in page.text
    assert "0.57" not in page.text
    assert "✓" not in page.text
    note_exercise("01.ppmi", "correct")
    assert "2 of 2 ✓" in lessons._repr_mimebundle_()["text/html"]


def test_the_map_links_to_notebooks_and_has_fixed_text():
    lessons = ProgressMap(LESSONS)
    before = lessons._repr_mimebundle_()
    assert before["text/html"].count('<a href="00_welcome.ipynb">') == 1
    note_exercise("01.cosine", "correct")
    after = lessons._repr_mimebundle_()
    assert after["text/plain"] == before["text/plain"]
    assert after["text/plain"] == "Map of 2 lessons: run the notebook to see it with your progress."
    assert after["text/html"] != before["text/html"]


def test_the_map_says_when_progress_cannot_be_read(cache):
    (cache / "progress.json").mkdir(parents=True)
    assert "Your progress could not be read" in ProgressMap(LESSONS)._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_map_escapes_every_text(hostile):
    def draw(text):
        lesson = Lesson("01", text, text, file=text)
        return ProgressMap([lesson])._repr_mimebundle_()["text/html"]

    assert_only_text(draw(hostile), hostile=hostile, harmless=draw("word"))


def test_bad_maps_are_refused():
    for lessons in ([], [LESSONS[0], LESSONS[0]]):
        with pytest.raises(ValueError, match="each with its own number"):
            ProgressMap(lessons)
    with pytest.raises(ValueError, match="`title` must be"):
        Lesson("01", "", "q")
    with pytest.raises(ValueError, match="is no key"):
        Lesson("01", "t", "q", exercises=("cosine",))


def test_reading_and_writing_is_silent(capsys):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        note_exercise("01.cosine", "correct")
        load_progress()
    assert said == []
    assert capsys.readouterr() == ("", "")
