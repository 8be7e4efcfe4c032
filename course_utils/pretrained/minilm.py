"""MiniLM whole: its published weights in the course's own encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_utils.pretrained.files import FILES, REPAIR, minilm_file

if TYPE_CHECKING:
    from course_utils.models.sentence_encoder import SentenceEncoder


def load_minilm(*, device: str = "cpu") -> SentenceEncoder:
    """Read MiniLM into the course's own encoder.

    Parameters
    ----------
    device : str
        Where it computes: "cpu", or "cuda" on a machine that has one.

    Returns
    -------
    SentenceEncoder
        `encode` gives a vector per text, `layers` one per piece and layer, `attention` what heads look at.

    Raises
    ------
    DataError
        If the package is missing, or its files are damaged or do not fit the encoder.

    References
    ----------
    Wang, Wei, Dong, Bao, Yang and Zhou (2020), MiniLM: Deep Self-Attention Distillation.
    """
    # Imported here, so that lessons which only look words up do without torch.
    import torch

    from course_utils.layers import attention, blocks
    from course_utils.models import encoder, sentence_encoder
    from course_utils.pretrained.bert import read_bert
    from course_utils.pretrained.kept_vectors import keeper
    from course_utils.runtime import fast_dtype
    from course_utils.text import pieces as word_pieces

    pieces = minilm_file("vocab.txt").read_text(encoding="utf-8").splitlines()
    with torch.device("meta"):  # shapes without numbers: those come from the file
        model = encoder.Encoder(encoder.EncoderConfig(vocabulary_size=len(pieces)))
    weights = read_bert(minilm_file("model.safetensors"), model, repair=f"restore it: {REPAIR}")
    model.load_state_dict(weights, assign=True)
    return sentence_encoder.SentenceEncoder(
        model.eval().to(device),
        word_pieces.WordPieces(pieces),
        fast_dtype=fast_dtype(device),
        keep=keeper([*FILES.values()], code=[attention, blocks, encoder, sentence_encoder, word_pieces]),
    )
