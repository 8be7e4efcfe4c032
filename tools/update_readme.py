"""Fill the tables of README.md from notebooks and scoreboard: `python tools/update_readme.py`."""

import re
from pathlib import Path

from course_utils.exercises import find_lessons
from course_utils.scoreboard import Row, as_markdown, load, say
from course_utils.storage import write_atomically
from course_utils.teaching.progress import Lesson

README = Path(__file__).resolve().parents[1] / "README.md"
LESSON = "lesson"  # the model name under which a build records a whole lesson's time and memory


def lessons_table(lessons: list[Lesson], rows: list[Row]) -> str:
    """One line a lesson: title, question, run time and memory, what it measures."""
    lines = ["| lesson | the question | run time | what is measured |", "|---|---|---|---|"]
    for lesson in lessons:
        own = [row for row in rows if row.lesson == lesson.number]
        cost = {row.metric: say(row.value) for row in own if row.model == LESSON}
        measured = "; ".join(dict.fromkeys(row.metric for row in own if row.model != LESSON))
        spent = f"{cost.get('run time (s)', '?')} s, {cost.get('peak memory (MB)', '?')} MB"
        link = f"[{lesson.number} {lesson.title}](notebooks/{lesson.file})"
        lines.append(f"| {link} | {lesson.question} | {spent} | {measured} |")
    return "\n".join(lines) + "\n"


def filled(text: str, *, name: str, table: str) -> str:
    """The text with the part between the two comments of this name replaced."""
    pattern = rf"(<!-- {name}: [^>]*-->\n).*?(<!-- end of {name} -->)"
    found, times = re.subn(pattern, lambda match: match[1] + table + match[2], text, flags=re.S)
    if times != 1:
        raise ValueError(f"README.md needs one place for the table `{name}`, and has {times}.")
    return found


def updated(text: str) -> str:
    """The README with all its tables as they are now."""
    rows = load()
    text = filled(text, name="lessons", table=lessons_table(find_lessons(), rows))
    results = [row for row in rows if row.model != LESSON]
    return filled(text, name="scoreboard", table=as_markdown(results))


def main() -> None:
    """Rewrite README.md if a table changed."""
    text = README.read_text(encoding="utf-8")
    new = updated(text)
    if new != text:
        write_atomically(README, new.encode("utf-8"))
    print("README.md updated." if new != text else "README.md is up to date.")


if __name__ == "__main__":
    main()
