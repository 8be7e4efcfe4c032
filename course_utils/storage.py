"""Files the course reads and keeps: verified on the way in, whole on the way out.

A file written here is either the old one or the new one, never a part of each, whatever happens in
between: Kernel → Interrupt, a killed kernel, a full disk. The new bytes go to a temporary file in the
same folder first, and one rename puts them in place.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import time
import warnings
from pathlib import Path

__all__ = [
    "DataError",
    "StorageError",
    "StorageWarning",
    "cache_folder",
    "course_folder",
    "describe_aside",
    "read_json",
    "set_aside",
    "sha256_of",
    "verify_file",
    "write_atomically",
    "write_json",
]

# A killed kernel can leave its temporary file behind. Nobody else's running write is this old.
STALE_AFTER_SECONDS = 600.0

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


class DataError(ValueError):
    """Course data is missing or damaged; the message is one sentence that says what to do."""


class StorageError(OSError):
    """A file could not be written or read; the message is one sentence that says what to do.

    `errno` holds the number of the operating system's error.
    """


class StorageWarning(UserWarning):
    """A kept file was unusable and has been set aside, or could not be kept."""


def course_folder() -> Path:
    """Find the folder of the course.

    Returns
    -------
    Path
        The checkout, which is the parent of this package and holds `notebooks/` and `data/`; where the
        package is installed elsewhere, the current folder.
    """
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "notebooks").is_dir() and (checkout / "data").is_dir():
        return checkout
    return Path.cwd()


def cache_folder() -> Path:
    """Name the folder for trained models, progress and drafts; it appears with the first file in it.

    Returns
    -------
    Path
        The environment variable COURSE_CACHE where it is set, else `.cache` in the course folder.
    """
    chosen = os.environ.get("COURSE_CACHE", "").strip()
    return Path(chosen).expanduser() if chosen else course_folder() / ".cache"


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Digest a file.

    Parameters
    ----------
    path : path of a file

    Returns
    -------
    str
        SHA-256 as 64 lower-case hexadecimal digits.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_file(path: str | os.PathLike[str], *, sha256: str, source: str) -> Path:
    """Make sure that a file is there and is the file the course was written with.

    Parameters
    ----------
    path : path of a file
    sha256 : str
        The expected digest.
    source : str
        The command that brings the file back, such as ``git checkout data/pairs.tsv``.

    Returns
    -------
    Path
        The path, verified.

    Raises
    ------
    DataError
        If the file is missing, cannot be read or differs.
    """
    path = Path(path)
    try:
        found = sha256_of(path)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; bring it back with: {source}") from None
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path} cannot be read ({reason}); bring it back with: {source}") from error
    if found != sha256.lower():
        raise DataError(f"{path} is damaged or was changed; bring the original back with: {source}")
    return path


def write_atomically(path: str | os.PathLike[str], data: bytes) -> Path:
    """Replace a file by new bytes, all of them or none.

    Parameters
    ----------
    path : path of a file
        Missing folders above it are made.
    data : bytes

    Returns
    -------
    Path
        The path, written.

    Raises
    ------
    StorageError
        If the folder cannot be written or the disk is full; a file that was there is as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale_temporaries(path)
        try:
            # "x" and the usual permissions: a temporary file of `tempfile` would be unreadable for others.
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:  # an interrupt, too, must leave nothing behind
            _remove_quietly(temporary)
            raise
    except OSError as error:
        raise _storage_error(path, error) from error
    return path


def read_json(path: str | os.PathLike[str], *, default: object) -> object:
    """Read a JSON file; a missing or damaged one gives the default.

    Parameters
    ----------
    path : path of a JSON file in UTF-8
    default : object
        Returned where there is no usable file.

    Returns
    -------
    object
        What the file holds. A damaged file is renamed to NAME.damaged-1 (-2, …), so that nothing is
        lost, and a StorageWarning says so.

    Raises
    ------
    StorageError
        If the file is there but the system does not let it be read.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return default
    except OSError as error:
        raise _storage_error(path, error, verb="read") from error
    try:
        return json.loads(data.decode("utf-8-sig"))  # editors on Windows put a byte order mark in front
    except (ValueError, RecursionError):
        message = f"{path.name} is damaged and was not used; {describe_aside(set_aside(path))}."
        warnings.warn(message, StorageWarning, stacklevel=2)
        return default


def write_json(path: str | os.PathLike[str], value: object) -> Path:
    """Write a value as JSON that people can read and compare: sorted keys, two spaces, UTF-8.

    Parameters
    ----------
    path : path of a file
    value : object
        Dictionaries, lists, strings, finite numbers, booleans, None.

    Returns
    -------
    Path
        The path, written atomically.

    Raises
    ------
    ValueError
        If the value has no JSON form; the old file stays.
    StorageError
        As for `write_atomically`.
    """
    try:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        name = Path(path).name
        raise ValueError(f"{name} was not written: the value has no JSON form ({error}).") from error
    # A half of a surrogate pair has no UTF-8; its backslash form is the JSON escape for the same thing.
    return write_atomically(path, (text + "\n").encode("utf-8", "backslashreplace"))


def set_aside(path: str | os.PathLike[str]) -> Path | None:
    """Rename an unusable file to NAME.damaged-1, or the next free number.

    Parameters
    ----------
    path : path of a file

    Returns
    -------
    Path or None
        The new name; None if the file could not be moved (a read-only folder).
    """
    path = Path(path)
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        os.replace(path, aside)
    except OSError:
        return None
    return aside


def describe_aside(aside: Path | None) -> str:
    """Say where `set_aside` put a file, as the end of a sentence."""
    return f"it is kept as {aside.name}" if aside else "it could not be moved and stays where it is"


def _remove_stale_temporaries(path: Path) -> None:
    """Delete what killed writers of this one file left behind, but no write that may be running."""
    prefix, oldest = f".{path.name}.", time.time() - STALE_AFTER_SECONDS
    for entry in os.scandir(path.parent):
        if entry.name.startswith(prefix) and entry.name.endswith(".tmp"):
            try:
                stale = entry.stat().st_mtime < oldest
            except OSError:
                continue  # its writer has just renamed it
            if stale:
                _remove_quietly(Path(entry.path))


def _remove_quietly(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # a leftover is harmless, and the error that led here must not be hidden


def _storage_error(path: Path, error: OSError, *, verb: str = "written") -> StorageError:
    if error.errno in _NO_ROOM:
        advice = "the disk is full, so make room and try again"
    elif error.errno in _NOT_ALLOWED:
        advice = "access is not allowed, so choose a folder of your own with the variable COURSE_CACHE"
    else:
        reason = error.strerror or type(error).__name__
        advice = f"the system says “{reason}”, so check that {path.parent} is an ordinary folder"
    kept = " (what was there before is unchanged)" if verb == "written" else ""
    converted = StorageError(f"{path} could not be {verb}{kept}: {advice}.")
    converted.errno = error.errno
    return converted
