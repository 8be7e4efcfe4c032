"""Reads the grammar's tables of words: tabs between columns, their names first; "#" begins a comment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from course_utils.datasets.grammar_rules import problem_at
from course_utils.storage import DataError

__all__ = ["Row", "read_table"]


class Row(dict[str, str]):
    """A line of a table, by column; knows where it stands."""

    def __init__(self, cells: dict[str, str], *, path: Path, line: int) -> None:
        super().__init__(cells)
        self.path, self.line = path, line

    def require(self, condition: bool, problem: str) -> None:
        """Raise a DataError with file and line unless the condition holds."""
        if not condition:
            raise problem_at(self.path, self.line, problem=problem)


def read_table(path: Path, *, columns: Sequence[str]) -> list[Row]:
    """Read a table.

    Parameters
    ----------
    path : Path
        A text file in UTF-8.
    columns : sequence of str
        What its first line must name, in this order.

    Returns
    -------
    list of Row

    Raises
    ------
    DataError
        If the file cannot be read; with the line where a cell is missing or empty ("-" says "none").
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); it must be a text file in UTF-8.") from error
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if line.strip() and line[0] != "#"]
    if not numbered or numbered[0][1].split("\t") != list(columns):
        raise problem_at(
            path, 1, problem=f"the first line must name the columns {', '.join(columns)}, with tabs between"
        )
    rows = []
    for number, line in numbered[1:]:
        cells = line.split("\t")
        if len(cells) != len(columns) or not all(cell.strip() for cell in cells):
            problem = f"{len(cells)} cells where {len(columns)} are wanted, or an empty one ('-' says none)"
            raise problem_at(path, number, problem=problem)
        rows.append(Row(dict(zip(columns, cells, strict=True)), path=path, line=number))
    return rows
