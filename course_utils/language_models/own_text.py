"""Plain text that readers bring, as articles."""

from __future__ import annotations

from pathlib import Path

from course_utils.datasets.wikipedia import Article
from course_utils.storage import DataError

__all__ = ["LEAST_TEXTS", "read_own_text"]

LEAST_TEXTS = 10  # so that each of training, validation and test has one
SHORTEST_PIECE = 500  # characters; of less a model learns nothing
LONGEST_PIECE = 20_000  # characters of one piece of a long file


def read_own_text(path: Path) -> list[Article]:
    """Read a plain text file, or all ``.txt`` files of a folder.

    Parameters
    ----------
    path : Path
        A file in UTF-8 is cut at empty lines into pieces of about equal length; 50, or fewer if it is short.
        In a folder each file is one text.

    Returns
    -------
    list of Article
        Ten or more, in the order of the text or of the file names.

    Raises
    ------
    DataError
        If there is nothing at the path, it is not text in UTF-8, or there is too little of it.
    """
    if path.is_dir():
        files = sorted(path.glob("*.txt"))
        articles = [Article(file.stem, text) for file in files if (text := _read(file))]
        if len(articles) < LEAST_TEXTS:
            raise DataError(
                f"the folder {path} has {len(articles)} .txt files with text in them; put {LEAST_TEXTS} or "
                "more there, or name a single file, which is cut into pieces."
            )
        return articles
    if not path.exists():
        raise DataError(f"there is nothing at {path}; give the path of a plain text file or of a folder.")
    return [Article(f"{path.stem} {i}", piece) for i, piece in enumerate(_cut(_read(path), path), start=1)]


def _read(file: Path) -> str:
    """The text without a byte order mark, with Unix line ends, stripped."""
    try:
        return file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").strip()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not text in UTF-8 (byte {error.start} is 0x{error.object[error.start]:02X}); "
            "save it as plain text in UTF-8."
        ) from error
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror}); check the path.") from error


def _cut(text: str, path: Path) -> list[str]:
    """Pieces of about equal length, cut between paragraphs."""
    wanted = max(SHORTEST_PIECE, min(LONGEST_PIECE, len(text) // 50))  # characters
    pieces, current = list[str](), ""
    for paragraph in text.split("\n\n"):
        current = f"{current}\n\n{paragraph}" if current else paragraph
        if len(current) >= wanted:
            pieces, current = [*pieces, current], ""
    if current.strip():
        pieces.append(current)
    pieces = [piece for piece in map(str.strip, pieces) if piece]
    if len(pieces) < LEAST_TEXTS:
        raise DataError(
            f"{path} has {len(text):,} characters in paragraphs that make {len(pieces)} pieces; "
            f"{LEAST_TEXTS} of at least {SHORTEST_PIECE} are needed, with an empty line between paragraphs."
        )
    return pieces
