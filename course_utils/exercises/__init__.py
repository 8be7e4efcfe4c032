"""The exercises of each lesson, one file a lesson: references, checks, hints and known mistakes."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

from course_utils.storage import course_folder
from course_utils.teaching.exercise import Exercise
from course_utils.teaching.progress import Lesson


def find_lessons(folder: Path | None = None) -> list[Lesson]:
    """The lessons that exist, read off the openings of their notebooks, with their exercises.

    Parameters
    ----------
    folder : Path, optional
        Where the notebooks are; the course's by default.
    """
    folder = folder or course_folder() / "notebooks"
    return [_read_lesson(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]


def _read_lesson(path: Path) -> Lesson:
    opening = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    title = re.search(r"^# \d\d · (.+)$", opening, re.M)
    question = re.search(r"\*\*The question: (.+?)\*\*", opening, re.S)
    if title is None or question is None:
        raise ValueError(f"{path.name} must open with `# NN · title` and `**The question: …**`.")
    asked = " ".join(question[1].split())
    number = path.name[:2]
    return Lesson(
        number=number,
        title=title[1].strip(),
        question=asked[:1].upper() + asked[1:],
        exercises=tuple(_exercise_keys(number)),
        file=path.name,
    )


def _exercise_keys(number: str) -> list[str]:
    try:
        module = import_module(f"course_utils.exercises.lesson_{number}")
    except ModuleNotFoundError:  # a lesson may have none
        return []
    return [value.key for value in vars(module).values() if isinstance(value, Exercise)]
