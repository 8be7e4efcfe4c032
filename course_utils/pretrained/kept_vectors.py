"""Vectors kept between sessions: computed once, read with a checksum, computed anew when anything changed."""

from __future__ import annotations

import hashlib
import inspect
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from course_utils.storage import (
    DataError,
    StorageError,
    StorageWarning,
    cache_folder,
    describe_aside,
    set_aside,
    write_atomically,
)

Floats = NDArray[np.float32]


def keeper(
    versions: Sequence[str], *, code: Sequence[ModuleType]
) -> Callable[[str, list[str], Callable[[], Floats]], Floats]:
    """Make the function that keeps one model's vectors.

    Parameters
    ----------
    versions : sequence of str
        The model's checksums.
    code : sequence of modules
        What computes with them; their source is part of what a result depends on.

    Returns
    -------
    function of (name, depends_on, compute)
        `keep_vectors` with the versions and code counted in.
    """
    fixed = [*versions, *(inspect.getsource(module) for module in code)]

    def keep(name: str, depends_on: list[str], compute: Callable[[], Floats]) -> Floats:
        return keep_vectors(name, depends_on=[*fixed, *depends_on], compute=compute)

    return keep


def keep_vectors(name: str, *, depends_on: Sequence[str], compute: Callable[[], Floats]) -> Floats:
    """Read vectors computed before, or compute and keep them.

    Parameters
    ----------
    name : str
        Start of the file name below ``.cache/vectors``.
    depends_on : sequence of str
        Everything that shapes the result, in order; another sequence gives another file.
    compute : function without arguments
        Gives a float32 array of shape (N, C).

    Returns
    -------
    float32 array of shape (N, C)

    Raises
    ------
    ValueError
        If the name is no file name.

    Warns
    -----
    StorageWarning
        If a kept file is damaged (it is set aside, the vectors are computed anew), or if they cannot be kept.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(f"name {name!r} cannot be a file name; use letters, digits, '-' and '_'.")
    path = cache_folder() / "vectors" / f"{name}-{_digest(depends_on)[:16]}.safetensors"
    if path.is_file():
        try:
            return _read(path)
        except DataError as error:
            aside = describe_aside(set_aside(path))
            warnings.warn(
                f"{error}; it is computed anew, and of the old file: {aside}.", StorageWarning, stacklevel=4
            )
    vectors = np.ascontiguousarray(compute(), dtype=np.float32)
    try:
        write_atomically(path, safetensors.numpy.save({"vectors": vectors}, {"sha256": _checksum(vectors)}))
    except StorageError as error:
        message = f"the vectors are there, but will have to be computed again next time: {error}"
        warnings.warn(message, StorageWarning, stacklevel=4)
    return vectors


def _read(path: Path) -> Floats:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            vectors: Floats = file.get_tensor("vectors")
            expected = (file.metadata() or {}).get("sha256")
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read ({error})") from error
    if _checksum(vectors) != expected:
        raise DataError(f"{path.name} is damaged or was changed")
    return vectors


def _checksum(vectors: Floats) -> str:
    return hashlib.sha256(f"{vectors.dtype} {vectors.shape}".encode() + vectors.tobytes()).hexdigest()


def _digest(parts: Sequence[str]) -> str:
    """Digest texts so that no two sequences look alike: each is preceded by its length."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)} ".encode() + data)
    return digest.hexdigest()
