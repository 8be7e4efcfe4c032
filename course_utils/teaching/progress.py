"""What the reader has done, kept on this machine only, and the map of lessons that shows it.

The file is `progress.json` in the course's cache folder. A folder that cannot be written costs one
sentence, never a lesson: the `note_…` functions return it, and "" when all went well.
"""

from __future__ import annotations

import math
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_utils.plots.svg import escape
from course_utils.storage import (
    StorageWarning,
    cache_folder,
    describe_aside,
    read_json,
    set_aside,
    write_json,
)
from course_utils.teaching.page import BORDER, MUTED, View, check_key, check_text

STATUSES = ("not attempted", "wrong", "correct")  # from nothing to done; a step back is not recorded
RUN_TIME = "run time (s)"  # the scoreboard metric that holds how long a whole lesson takes
PATIENCE_SECONDS = 5.0

Entry = dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """What `progress.json` holds.

    Attributes
    ----------
    exercises : dict of str to dict
        Key → `status` (one of STATUSES), `hints` (how many were taken), `solution` (True once seen).
    guesses : dict of str to dict
        Key → `value`, the reader's latest guess.
    problem : str
        Why the file could not be read, in one sentence; "" if it could.
    """

    exercises: dict[str, Entry] = field(default_factory=dict)
    guesses: dict[str, Entry] = field(default_factory=dict)
    problem: str = ""

    def status(self, key: str) -> str:
        """One of STATUSES; the best that the reader has reached."""
        return str(self.exercises.get(key, {}).get("status", STATUSES[0]))

    def guess(self, key: str) -> Any:
        """The reader's latest guess, or None."""
        return self.guesses.get(key, {}).get("value")


def load_progress() -> Progress:
    """Read what the reader has done so far; an unusable file is set aside with a warning."""
    path = _progress_file()
    try:
        if not path.exists():
            return Progress()
        with _alone(path):
            stored = _read(path)
    except OSError as error:
        return Progress(problem=f"Your progress could not be read: {error}")
    return Progress(exercises=stored["exercises"], guesses=stored["guesses"])


def note_exercise(key: str, status: str) -> str:
    """Keep how an exercise was answered; what was once correct stays correct.

    Returns
    -------
    str
        "" or, if it could not be kept, a sentence that says why.

    Raises
    ------
    ValueError
        If the key has no proper form or the status is none of STATUSES.
    """
    check_key(key)
    if status not in STATUSES:
        raise ValueError(f"The status is one of {', '.join(STATUSES)}, not {status!r:.60}.")
    if status == STATUSES[0]:
        return ""  # Run All with untouched exercises leaves no file behind
    return _note(
        "exercises",
        key,
        lambda entry: {"status": max(status, entry.get("status", STATUSES[0]), key=STATUSES.index)},
    )


def note_hint(key: str, number: int) -> str:
    """Keep that the reader has seen hint `number` (from 1); returns as `note_exercise` does."""
    return _note("exercises", key, lambda entry: {"hints": max(int(number), entry.get("hints", 0))})


def note_solution(key: str) -> str:
    """Keep that the reader has looked at the solution; returns as `note_exercise` does."""
    return _note("exercises", key, lambda entry: {"solution": True})


def note_guess(key: str, value: float | str) -> str:
    """Keep the reader's guess, the latest one; returns as `note_exercise` does.

    Raises
    ------
    ValueError
        If the key has no proper form or the guess is neither a text nor a finite number.
    """
    kept = value if isinstance(value, str) else float(value)
    if isinstance(kept, float) and not math.isfinite(kept):
        raise ValueError(f"A guess is a text or a finite number, not {kept}.")
    return _note("guesses", key, lambda entry: {"value": kept})


def _progress_file() -> Path:
    return cache_folder() / "progress.json"


def _note(section: str, key: str, change: Callable[[Entry], Entry]) -> str:
    """Read the file, change one entry, write it; nobody else may write in between."""
    check_key(key)
    path = _progress_file()
    try:
        with _alone(path):
            stored = _read(path)
            before = stored[section].get(key, {})
            after = {**before, **change(before)}
            if after != before:
                stored[section][key] = after
                write_json(path, stored)
    except OSError as error:
        return f"Your progress was not kept: {error}"
    return ""


def _read(path: Path) -> dict[str, dict[str, Entry]]:
    stored = read_json(path, default={})
    if not _well_formed(stored):
        kept = describe_aside(set_aside(path))
        message = f"{path.name} is not a file of the course's making and was not used; {kept}."
        warnings.warn(message, StorageWarning, stacklevel=2)
        stored = {}
    assert isinstance(stored, dict)
    return {**stored, "exercises": stored.get("exercises", {}), "guesses": stored.get("guesses", {})}


def _well_formed(stored: object) -> bool:
    """Whether every entry can be used, so that one bad entry cannot stop a lesson later."""
    if not isinstance(stored, dict):
        return False
    exercises, guesses = stored.get("exercises", {}), stored.get("guesses", {})
    if not isinstance(exercises, dict) or not isinstance(guesses, dict):
        return False
    return all(
        isinstance(entry, dict)
        and entry.get("status", STATUSES[0]) in STATUSES
        and isinstance(entry.get("hints", 0), int)
        for entry in exercises.values()
    ) and all(
        isinstance(entry, dict) and isinstance(entry.get("value", ""), str | int | float)
        for entry in guesses.values()
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the right to write `path`, among all threads and notebooks on this machine.

    An exclusive transaction on an empty SQLite file is a lock on every system that Python runs on, and
    the system releases it when a kernel is killed. Where no lock can be had at all (a read-only folder),
    the write itself says what is wrong.
    """
    connection = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock")
        connection = sqlite3.connect(lock, timeout=PATIENCE_SECONDS, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY and connection is not None:
            connection.close()
            raise TimeoutError(f"another notebook holds {path.name}; run the cell again.") from error
    except OSError:
        pass
    try:
        yield
    finally:
        if connection is not None:
            connection.close()


@dataclass(frozen=True)
class Lesson:
    """A line of the map of lessons.

    Parameters
    ----------
    number : str
        Two digits.
    title, question : str
        What it is called and what it answers.
    exercises : tuple of str
        Keys of its exercises.
    file : str
        Name of the notebook, for a link; "" for none.
    """

    number: str
    title: str
    question: str
    exercises: tuple[str, ...] = ()
    file: str = ""

    def __post_init__(self) -> None:
        check_text(self.title, name="title")
        check_text(self.question, name="question")
        for key in self.exercises:
            check_key(key)


class ProgressMap:
    """Every lesson with its question, its measured run time and how many exercises are done.

    Parameters
    ----------
    lessons : sequence of Lesson
    rows : iterable of scoreboard rows, with `lesson`, `metric` and `value`
        A lesson's run time is the value of its row whose metric is `RUN_TIME`.

    Raises
    ------
    ValueError
        If there is no lesson or two have the same number.
    """

    def __init__(self, lessons: Sequence[Lesson], *, rows: Iterable[Any] = ()) -> None:
        numbers = [lesson.number for lesson in lessons]
        if not numbers or len(set(numbers)) < len(numbers):
            raise ValueError("The map needs lessons, each with its own number.")
        self.lessons = tuple(lessons)
        self.seconds = {row.lesson: row.value for row in rows if row.metric == RUN_TIME}

    def done(self) -> dict[str, tuple[int, int]]:
        """Lesson number → exercises answered correctly, and all of them."""
        return self._done(load_progress())

    def _done(self, progress: Progress) -> dict[str, tuple[int, int]]:
        return {
            lesson.number: (
                sum(progress.status(key) == "correct" for key in lesson.exercises),
                len(lesson.exercises),
            )
            for lesson in self.lessons
        }

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        progress = load_progress()
        done = self._done(progress)
        cell = f"text-align:left;vertical-align:top;padding:0.3em 0.8em;border-bottom:{BORDER}"
        head = "".join(
            f'<th scope="col" style="{cell}">{name}</th>'
            for name in ("Lesson", "The question it answers", "Run time", "Exercises done")
        )
        body = "".join(self._line(lesson, done=done[lesson.number], cell=cell) for lesson in self.lessons)
        markup = (
            '<table class="course-progress" style="border-collapse:collapse;background:transparent">'
            f'<thead><tr style="background:transparent">{head}</tr></thead><tbody>{body}</tbody></table>'
        )
        if progress.problem:
            markup += f'<p style="{MUTED}">{escape(progress.problem)}</p>'
        text = f"Map of {len(self.lessons)} lessons: run the notebook to see it with your progress."
        return View(markup, text=text)._repr_mimebundle_()

    def _line(self, lesson: Lesson, *, done: tuple[int, int], cell: str) -> str:
        name = escape(f"{lesson.number} {lesson.title}")
        title = f'<a href="{escape(lesson.file)}">{name}</a>' if lesson.file else name
        cells = (title, escape(lesson.question), _say_run_time(self.seconds, lesson.number), _say_done(*done))
        columns = "".join(f'<td dir="auto" style="{cell}">{text}</td>' for text in cells)
        data = f'data-lesson="{escape(lesson.number)}" data-done="{done[0]}"'
        return f'<tr {data} style="background:transparent">{columns}</tr>'


def _say_run_time(seconds: Mapping[str, float], number: str) -> str:
    return f"{seconds[number]:.0f} s" if number in seconds else "not measured"


def _say_done(done: int, total: int) -> str:
    if not total:
        return "no exercises"
    return f"{done} of {total}" + (" ✓" if done == total else "")
