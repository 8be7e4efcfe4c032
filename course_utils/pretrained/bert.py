"""BERT's published weights under the names of the course's encoder."""

from __future__ import annotations

import re
from pathlib import Path

import safetensors.torch
from torch import Tensor, nn

from course_utils.storage import DataError

# Names of the parts: ours → those in BERT's files
PARTS = {
    "piece_embedding": "embeddings.word_embeddings",
    "position_embedding": "embeddings.position_embeddings",
    "segment_embedding": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
}
PARTS_OF_A_BLOCK = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed_forward.widen": "intermediate.dense",
    "feed_forward.narrow": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}


def read_bert(path: str | Path, model: nn.Module, *, repair: str) -> dict[str, Tensor]:
    """Read the weights that an encoder needs from a file in BERT's form.

    Parameters
    ----------
    path : path of a safetensors file
    model : Encoder
        Its parts say which weights are wanted, and of which shape.
    repair : str
        What to do about an unusable file; ends the error messages.

    Returns
    -------
    dict of str to Tensor
        For ``model.load_state_dict``. What the encoder has no part for (``pooler``) is left out.

    Raises
    ------
    DataError
        If the file cannot be read as safetensors, lacks a weight, or holds one of another shape.
    """
    name = Path(path).name
    try:
        published = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise DataError(f"{name} cannot be read as safetensors ({error}); {repair}") from error
    weights = {}
    for ours, wanted in model.state_dict().items():
        theirs = bert_name(ours)
        found = tuple(published[theirs].shape) if theirs in published else "missing"
        if found != tuple(wanted.shape):
            raise DataError(
                f"{name} does not fit the encoder: {theirs} is {found}, not {tuple(wanted.shape)}; {repair}"
            )
        weights[ours] = published[theirs]
    return weights


def bert_name(ours: str) -> str:
    """Name of one of our encoder's weights in BERT's files.

    Examples
    --------
    >>> bert_name("blocks.3.feed_forward.widen.weight")
    'encoder.layer.3.intermediate.dense.weight'
    """
    part, _, kind = ours.rpartition(".")
    if block := re.fullmatch(r"blocks\.(\d+)\.(.+)", part):
        return f"encoder.layer.{block[1]}.{PARTS_OF_A_BLOCK[block[2]]}.{kind}"
    return f"{PARTS[part]}.{kind}"
