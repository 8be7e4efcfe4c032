"""The map of lessons is read off the notebooks; questions point at sections that exist."""

import json
import re
from importlib import import_module

import pytest

from course_utils.exercises import find_lessons
from course_utils.storage import course_folder

LESSONS = find_lessons()


def write_notebook(folder, name, source):
    cell = {"cell_type": "markdown", "metadata": {}, "id": "a", "source": source.splitlines(keepends=True)}
    (folder / name).write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}), encoding="utf-8")


def test_title_question_and_exercises_are_found(tmp_path):
    write_notebook(tmp_path, "01_counting.ipynb", "# 01 · Counting\n\n**The question: how\ncan it?**\n")
    write_notebook(tmp_path, "77_later.ipynb", "# 77 · Later\n\n**The question: why?**")
    write_notebook(tmp_path, "scratch.ipynb", "no lesson")
    first, second = find_lessons(tmp_path)
    assert (first.number, first.title, first.question) == ("01", "Counting", "How can it?")
    assert first.exercises == ("01.angle", "01.ppmi", "01.honest_choice")
    assert second.exercises == ()


@pytest.mark.parametrize("opening", ["# Counting\n\n**The question: why?**", "# 01 · Counting\n"])
def test_an_opening_without_title_or_question_is_named(tmp_path, opening):
    write_notebook(tmp_path, "01_counting.ipynb", opening)
    with pytest.raises(ValueError, match=r"01_counting\.ipynb must open with"):
        find_lessons(tmp_path)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
def test_every_lesson_has_three_exercises_and_shows_and_checks_each(lesson):
    module = import_module(f"course_utils.exercises.lesson_{lesson.number}")
    source = (course_folder() / "notebooks" / lesson.file).read_text(encoding="utf-8")
    names = [key.split(".")[1] for key in lesson.exercises]
    kinds = [getattr(module, name).kind for name in names]
    assert kinds == ["recall", "code", "think"]
    for name in names:
        assert re.search(rf'"exercises\.{name}(\\n)?"', source), f"{name} is never shown"
        assert f"exercises.{name}.check(" in source
        assert len(getattr(module, name).checks) >= 3
        assert len(getattr(module, name).hints) >= 2


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
def test_the_evidence_of_each_question_is_a_section_of_its_lesson(lesson):
    module = import_module(f"course_utils.exercises.lesson_{lesson.number}")
    notebook = json.loads((course_folder() / "notebooks" / lesson.file).read_text(encoding="utf-8"))
    text = "\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")
    headings = set(re.findall(r"^#+ (.+)$", text, re.M))
    assert 2 <= len(module.QUESTIONS.questions) <= 3
    for question in module.QUESTIONS.questions:
        assert question.evidence in headings
        assert question.evidence.isascii(), "JupyterLab follows links to plain headings only"
        assert question.lesson == lesson.number
