"""A reader's own translations: text files with one pair a line, as Tatoeba and others hand them out.

Each line holds a sentence, a tab, its translation, and perhaps more columns. Nothing is guessed and nothing
gets lost: every line is either a pair or stands in `skipped` with its number and the reason.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from course_utils.storage import DataError

Pair = tuple[str, str]
LONGEST_LINE = 1_000_000  # bytes; a longer one is no sentence, and is not kept in memory
SHARES = (0.8, 0.1, 0.1)  # train, validation, test
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class SkippedLine(NamedTuple):
    """A line that holds no usable pair."""

    line: int  # counted from 1
    reason: str


@dataclass(frozen=True)
class ParallelText:
    """Sentences with translations, in the order of the file."""

    pairs: tuple[Pair, ...]  # (source, target), white space at the ends removed; repetitions are kept
    skipped: tuple[SkippedLine, ...]  # every other line

    def reasons(self) -> dict[str, int]:
        """Why lines were skipped, and how many for each reason, the commonest first."""
        return dict(Counter(entry.reason for entry in self.skipped).most_common())

    def __str__(self) -> str:
        if not self.skipped:
            return f"{len(self.pairs):,} pairs, no line skipped"
        first = {entry.reason: entry.line for entry in reversed(self.skipped)}
        reasons = "; ".join(f"{n:,} × {r} (first: line {first[r]})" for r, n in self.reasons().items())
        return f"{len(self.pairs):,} pairs, {len(self.skipped):,} lines skipped: {reasons}"


@dataclass(frozen=True)
class PairSplit:
    """Pairs in three parts that share no source text."""

    train: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    test: tuple[Pair, ...]


def load_parallel_tsv(
    path: str | os.PathLike[str], *, columns: tuple[int, int] = (0, 1), longest: int = 1000
) -> ParallelText:
    """Read a text file with tabs: source, target, and perhaps more.

    Parameters
    ----------
    path : path of a file in UTF-8, with or without byte order mark
        Lines end with LF or CRLF.
    columns : two int
        Which columns hold source and target, counted from 0. (0, 1) fits the files of ManyThings and Anki;
        the sentence pairs of Tatoeba hold numbers in between: (1, 3).
    longest : int
        Characters that a sentence may have; longer ones are skipped.

    Returns
    -------
    ParallelText
        Skipped are: blank lines, lines with too few columns or an empty sentence, lines that are not UTF-8,
        sentences with control characters (NUL, a lone carriage return), and lines that are too long.

    Raises
    ------
    DataError
        If the file is missing, cannot be read, is in UTF-16, or no line holds a usable pair; if a column
        holds numbers only, which are not sentences.
    ValueError
        If `columns` are not two different numbers from 0, or `longest` is below 1.
    """
    if len(columns) != 2 or min(columns) < 0 or columns[0] == columns[1] or longest < 1:
        raise ValueError(
            f"columns must be two different numbers from 0, longest 1 or more, not {columns} and {longest}."
        )
    pairs: list[Pair] = []
    skipped: list[SkippedLine] = []
    for number, line in enumerate(_read_lines(Path(path)), start=1):
        found = _read_pair(line, columns=columns, longest=longest)
        if isinstance(found, str):
            skipped.append(SkippedLine(number, found))
        else:
            pairs.append(found)
    text = ParallelText(tuple(pairs), tuple(skipped))
    _check_usable(text, name=Path(path).name, columns=columns)
    return text


def split_by_source(pairs: Sequence[Pair], *, shares: Sequence[float] = SHARES) -> PairSplit:
    """Split pairs so that no source text stands in two parts, whatever the order of the pairs.

    Parameters
    ----------
    pairs : sequence of (source, target)
    shares : three float
        Of train, validation and test, from 0 to 1, together 1; parts come near them, since whole groups of
        equal sources move together.

    Returns
    -------
    PairSplit
        Each part in the order of `pairs`. Where a source goes depends on its letters and digits alone:
        texts that differ in case, punctuation, placeholders or a final "s" stay together, and a pair
        keeps its part when others come or go.

    Raises
    ------
    ValueError
        If the shares are not three numbers from 0 that add up to 1.
    """
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"shares must be three numbers from 0 that add up to 1, not {tuple(shares)}.")
    parts: tuple[list[Pair], ...] = ([], [], [])
    for pair in pairs:
        place = _place_of(pair[0])
        parts[(place >= shares[0]) + (place >= shares[0] + shares[1])].append(pair)
    return PairSplit(*map(tuple, parts))


def _place_of(source: str) -> float:
    """A number from 0 to below 1 that looks random and depends on the text's letters and digits."""
    words = re.findall(r"[^\W_]+", re.sub(r"%\d|\{\w*\}", " ", source.lower()))
    key = " ".join(word.removesuffix("s") or word for word in words) or source
    return int.from_bytes(hashlib.sha256(key.encode("utf-8", "backslashreplace")).digest()[:6], "big") / 2**48


def _read_lines(path: Path) -> Iterator[bytes | None]:
    """Lines without their ends; None for one that is too long to look at."""
    try:
        with open(path, "rb") as file:
            start = file.read(3)
            if start[:2] in _UTF16_MARKS:
                raise DataError(f"{path.name} is in UTF-16; save it as UTF-8 and load it again.")
            if start != _BYTE_ORDER_MARK:
                file.seek(0)
            while line := file.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                    _skip_line(file)
                    yield None
                else:
                    yield line.removesuffix(b"\n")  # the CR of a CRLF goes with the white space at the ends
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; check the path, or put your file of pairs there.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); pass the path of a text file.") from error


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
        pass


def _read_pair(line: bytes | None, *, columns: tuple[int, int], longest: int) -> Pair | str:
    """The pair in a line, or the reason why there is none."""
    if line is None:
        return f"the line has more than {LONGEST_LINE:,} bytes"
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return "the line is not UTF-8"
    if not text.strip():
        return "the line is blank"
    fields = [field.strip() for field in text.split("\t")]
    if len(fields) <= max(columns):
        return f"column {max(columns) + 1} is missing"
    source, target = fields[columns[0]], fields[columns[1]]
    if not source or not target:
        return f"the {'source' if not source else 'target'} is empty"
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", source + target):
        return "a sentence holds a control character"
    if max(len(source), len(target)) > longest:
        return f"a sentence has more than {longest:,} characters"
    return source, target


def _check_usable(text: ParallelText, *, name: str, columns: tuple[int, int]) -> None:
    if not text.pairs and not text.skipped:
        raise DataError(f"{name} is empty; write one pair a line: sentence, tab, translation.")
    if not text.pairs:
        raise DataError(
            f"{name} holds no usable pair ({text}); save it as UTF-8 with one pair a line: sentence, tab, "
            "translation."
        )
    for side, column in enumerate(columns):
        if all(re.fullmatch(r"[\d\s]+", pair[side]) for pair in text.pairs):
            raise DataError(
                f"Column {column + 1} of {name} holds numbers only; choose the columns with the sentences, "
                "such as columns=(1, 3) for Tatoeba's sentence pairs."
            )
