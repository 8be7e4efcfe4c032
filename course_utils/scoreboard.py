"""Every lesson's measured results in one table, so that models meet on the same numbers.

The committed table is `notebooks/scoreboard.json`. A lesson that a reader runs writes to the reader's
own copy in the cache folder; the build of the lessons says with COURSE_SCOREBOARD where to write.
"""

from __future__ import annotations

import html
import json
import math
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from course_utils.plots.svg import escape
from course_utils.storage import (
    DataError,
    StorageError,
    StorageWarning,
    cache_folder,
    course_folder,
    describe_aside,
    read_json,
    set_aside,
    write_json,
)

RESTORE = "git checkout notebooks/scoreboard.json"
HEADS = ("lesson", "model", "metric", "value", "interval", "seeds", "seconds", "parameters")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured result.

    Parameters
    ----------
    lesson : str
        Two digits.
    model, metric : str
        What was measured, and how; the metric says its unit and its data.
    value : float
    low, high : float, optional
        Interval of the value, both or neither.
    seeds : int
        How many runs the value rests on.
    seconds : float, optional
        What training took on the author's machine.
    parameters : int, optional
        Trained numbers in the model.

    Raises
    ------
    ValueError
        If a number is not finite, the interval is upside down, or a name is empty.
    """

    lesson: str
    model: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    seeds: int = 1
    seconds: float | None = None
    parameters: int | None = None

    def __post_init__(self) -> None:
        for name in ("lesson", "model", "metric"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise ValueError(
                    f"A scoreboard row needs a text as its {name}, not {getattr(self, name)!r:.60}."
                )
        if not (len(self.lesson) == 2 and self.lesson.isdigit() and self.lesson.isascii()):
            raise ValueError(f"A lesson is two digits, such as '01', not {self.lesson!r:.60}.")
        self._set("value", _finite(self.value, name="value"))
        for name in ("low", "high", "seconds"):
            if getattr(self, name) is not None:
                self._set(name, _finite(getattr(self, name), name=name))
        self._set("seeds", _whole(self.seeds, name="seeds", least=1))
        if self.parameters is not None:
            self._set("parameters", _whole(self.parameters, name="parameters", least=0))
        if (self.low is None) != (self.high is None):
            raise ValueError("An interval needs both `low` and `high`.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"The interval is upside down: low {self.low:g} is above high {self.high:g}.")
        if self.seconds is not None and self.seconds < 0:
            raise ValueError(f"`seconds` cannot be negative, and it is {self.seconds:g}.")

    def _set(self, name: str, value: float) -> None:
        object.__setattr__(self, name, value)  # numpy's numbers become Python's, which JSON can hold

    @property
    def key(self) -> tuple[str, str, str]:
        """Lesson, model, metric: a second result with the same three replaces the first."""
        return self.lesson, self.model, self.metric

    def cells(self) -> tuple[str, ...]:
        """The row in words, one cell for each of HEADS."""
        low_high = "" if self.low is None or self.high is None else f"{say(self.low)} to {say(self.high)}"
        seconds = "" if self.seconds is None else say(self.seconds)
        parameters = "" if self.parameters is None else f"{self.parameters:,}"
        named = (self.lesson, self.model, self.metric)
        return (*named, say(self.value), low_high, str(self.seeds), seconds, parameters)


class ScoreboardView:
    """A new row beside the committed rows of the same metric.

    Attributes
    ----------
    row : Row
    published : list of Row
        The committed rows of the metric.
    problem : str
        What kept the row or the table from being written or read, in a sentence; "" if nothing did.
    """

    def __init__(self, row: Row, *, published: Sequence[Row], problem: str = "") -> None:
        self.row = row
        self.published = sorted(published, key=lambda one: one.key)
        self.problem = problem

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        lines = sorted(
            [(one.key, 1, one) for one in self.published] + [(self.row.key, 0, self.row)],
            key=lambda line: line[:2],
        )
        style = "text-align:left;padding:0.2em 0.7em;border-bottom:1px solid rgba(128,128,128,0.4)"
        clear = 'style="background:transparent"'  # JupyterLab stripes the rows of tables
        shown = ("lesson", "model", "value", "interval", "seeds", "seconds", "parameters", "")
        head = "".join(f'<th scope="col" style="{style}">{name}</th>' for name in shown)
        body = "".join(
            f'<tr {clear} data-row="{"published" if kind else "now"}">{_html_cells(one, kind, style)}</tr>'
            for _, kind, one in lines
        )
        markup = (
            '<table class="course-scoreboard" style="border-collapse:collapse;background:transparent">'
            f'<caption style="text-align:left" dir="auto">{escape(self.row.metric)}</caption>'
            f"<thead><tr {clear}>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
        if self.problem:
            markup += f'<p style="opacity:0.75">{escape(self.problem)}</p>'
        text = f"Scoreboard, lesson {self.row.lesson}: {self.row.model} · {self.row.metric}"
        return {"text/html": markup, "text/plain": html.unescape(escape(text))}


def record(
    *,
    lesson: str,
    model: str,
    metric: str,
    value: float,
    low: float | None = None,
    high: float | None = None,
    seeds: int = 1,
    seconds: float | None = None,
    parameters: int | None = None,
) -> ScoreboardView:
    """Keep a result and show it beside the committed results of the same metric.

    Parameters
    ----------
    lesson, model, metric, value, low, high, seeds, seconds, parameters
        As for `Row`.

    Returns
    -------
    ScoreboardView
        The last expression of a lesson's cell. A folder that cannot be written costs a sentence there.

    Raises
    ------
    ValueError
        As for `Row`.
    StorageError, DataError
        Only while lessons are built (COURSE_SCOREBOARD is set): nothing may be lost unnoticed there.
    """
    row = Row(
        lesson=lesson,
        model=model,
        metric=metric,
        value=value,
        low=low,
        high=high,
        seeds=seeds,
        seconds=seconds,
        parameters=parameters,
    )
    building = os.environ.get("COURSE_SCOREBOARD", "").strip()
    problems = []
    try:
        published = [one for one in load() if one.metric == row.metric]
    except (DataError, StorageError) as error:
        published = []
        problems.append(str(error))
    try:
        _store(
            row,
            path=Path(building) if building else cache_folder() / "scoreboard.json",
            strict=bool(building),
        )
    except StorageError as error:
        if building:
            raise
        problems.append(f"This result was not kept: {error}")
    if building:  # the row that is being replaced is no longer what is published
        published = [one for one in published if one.key != row.key]
    return ScoreboardView(row, published=published, problem=" ".join(problems))


def load(path: str | os.PathLike[str] | None = None) -> list[Row]:
    """Read a scoreboard, sorted by lesson, model and metric.

    Parameters
    ----------
    path : path, optional
        The committed table unless given; a missing file is an empty table.

    Raises
    ------
    DataError
        If the file is damaged; the sentence says how to bring it back.
    StorageError
        If the system does not let it be read.
    """
    path = course_folder() / "notebooks" / "scoreboard.json" if path is None else Path(path)
    try:
        return _rows_from(json.loads(path.read_bytes().decode("utf-8-sig")))
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path.name} is damaged; bring it back with: {RESTORE}") from error
    except OSError as error:
        raise StorageError(
            f"{path} could not be read ({error.strerror}); check that it is a file."
        ) from error


def as_markdown(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table, sorted by lesson, model and metric."""
    lines = [
        f"| {' | '.join(HEADS)} |",
        "|---|---|---|---:|---|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda one: one.key):
        cells = [" ".join(escape(cell).split()).replace("|", "\\|") for cell in row.cells()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def say(number: float) -> str:
    """A number in four digits, or in whole with commas from a thousand on."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number + 0.0:.4g}"


def _store(row: Row, *, path: Path, strict: bool) -> None:
    """Put a row into a file; a damaged one is set aside with a warning, or with `strict` reported.

    Of two notebooks that write in the same instant the last one wins; the next run brings the row back.
    """
    if strict:
        stored = load(path)
    else:
        found = read_json(path, default=[])
        try:
            stored = _rows_from(found)
        except (ValueError, TypeError):
            message = f"{path.name} was no scoreboard and was not used; {describe_aside(set_aside(path))}."
            warnings.warn(message, StorageWarning, stacklevel=3)
            stored = []
    rows = {one.key: one for one in [*stored, row]}
    write_json(path, [asdict(rows[key]) for key in sorted(rows)])


def _rows_from(stored: object) -> list[Row]:
    """Rows from what a JSON file held, sorted; ValueError or TypeError if they are none."""
    names = {field.name for field in fields(Row)}
    if not isinstance(stored, list) or not all(isinstance(one, dict) and set(one) <= names for one in stored):
        raise ValueError("A scoreboard is a list of rows.")
    return sorted((Row(**one) for one in stored), key=lambda one: one.key)


def _html_cells(row: Row, published: int, style: str) -> str:
    lesson, model, _, *numbers = (escape(cell) for cell in row.cells())
    weight = "" if published else ";font-weight:bold"
    mark = "published" if published else "this run"
    cells = (lesson, model, *numbers, mark)
    return "".join(f'<td dir="auto" style="{style}{weight}">{cell}</td>' for cell in cells)


def _finite(value: Any, *, name: str) -> float:
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise ValueError(f"`{name}` must be a number, not {value!r:.60}.")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"`{name}` must be a finite number, not {number}; the measurement went wrong.")
    return number


def _whole(value: Any, *, name: str, least: int) -> int:
    number = _finite(value, name=name)
    if number != int(number) or number < least:
        raise ValueError(f"`{name}` must be a whole number of at least {least}, not {value!r:.60}.")
    return int(value)
