"""How the files in `data/authored` are read: compared with their checksums, then cut at tabs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from course_utils.storage import DataError, course_folder, verify_file

Row = TypeVar("Row")

# name of the file → sha256
FILES = {
    "associations.json": "6b323bb22e8ce58293b5a185624382b6c0ae6ea6f7c104d467a8d7af17342fe3",
    "case_queries.tsv": "08a0024477c7073fed7fc0304dab81d99af7e91a69d5e75a092c9422ba9d5e9b",
    "cases.tsv": "cfdafe48764db858f9d37c218f7248e33469631dd27f815e65d21e0af60faeff",
    "messages.tsv": "7288047ea965ba2d3e6491217adc22cff3b30fc9cff23228a8b70238a052e92d",
    "senses.tsv": "e6169aa0dbffd1a4e4e84fb68f8468bd8bf4aee84541bd07945e80f65398d110",
    "symptoms.tsv": "a8d4da0e6363205ba13f8f0713014843d697c30c41a87f3e319935987c87992a",
    "word_list.txt": "a1a268378b3048127e3464dfaa98ae8ed14ce432e84592458277d1541cb0056f",
}


def authored_folder() -> Path:
    """Where the files lie."""
    return course_folder() / "data" / "authored"


def verified(name: str) -> Path:
    """Path of a file, after comparing its content with the expected checksum.

    Raises
    ------
    DataError
        If the file is missing or altered; the message holds the command that restores it.
    """
    source = f"git checkout data/authored/{name}"
    return verify_file(authored_folder() / name, sha256=FILES[name], source=source)


def read_rows(name: str, make: Callable[..., Row], *, columns: tuple[str, ...]) -> list[Row]:
    """Make a row of each line of a file with tabs.

    Parameters
    ----------
    name : a key of FILES
    make : callable
        Takes the strings of one line; raises ValueError where they do not fit.
    columns : tuple of str
        What the first line must name.

    Returns
    -------
    list
        In the order of the file.

    Raises
    ------
    DataError
        If the file is missing or altered, or a line has the wrong form.
    """
    head, *lines = verified(name).read_text(encoding="utf-8").splitlines()
    try:
        require(tuple(head.split("\t")) == columns, "its first line is not the expected one")
        rows = [line.split("\t") for line in lines]
        require(all(len(row) == len(columns) and all(row) for row in rows), "a line lacks a column")
        return [make(*row) for row in rows]
    except ValueError as error:
        raise damaged(name, str(error)) from error


def require(condition: bool, problem: str) -> None:
    """Raise a ValueError that names the problem, unless the condition holds."""
    if not condition:
        raise ValueError(problem)


def damaged(name: str, problem: str) -> DataError:
    """The error for a file whose content is not what the loader can use."""
    return DataError(f"{name} is damaged: {problem}; bring it back with: git checkout data/authored/{name}")
