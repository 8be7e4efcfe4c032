"""What took seconds to parse, kept as JSON behind its checksum: it can only cost time, never be wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from course_utils.storage import write_atomically

T = TypeVar("T")


def read_parsed(path: Path, build: Callable[[Any], T]) -> T | None:
    """Read what `keep_parsed` wrote.

    Parameters
    ----------
    path : path of a file
    build : function of the stored value
        Makes the result of it; a ValueError or TypeError says that the value has another form.

    Returns
    -------
    What `build` gives, or None
        None if there is no file, or it is not what was written: parse again.
    """
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode("ascii") != digest:
            return None
        return build(json.loads(content))
    except (OSError, ValueError, TypeError, RecursionError):
        return None  # missing, or whatever a damaged file can look like


def keep_parsed(path: Path, value: object) -> None:
    """Write a value with a JSON form and its checksum; without room or permission nothing is kept."""
    content = json.dumps(value).encode("ascii")
    try:
        write_atomically(path, hashlib.sha256(content).hexdigest().encode("ascii") + b"\n" + content)
    except OSError:
        return  # a full disk or a read-only folder: the next call parses again
