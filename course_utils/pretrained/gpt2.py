"""GPT-2's published files in the course's own GPT and byte-level BPE.

The folder is one that transformers wrote, or a copy of a published one: config.json, model.safetensors,
vocab.json, merges.txt. Nothing is downloaded.

======================================================  =====================================================
theirs                                                  ours
======================================================  =====================================================
wte, wpe, ln_f                                          token_embedding, positions.table, final_norm
h.0.ln_1, h.0.ln_2                                      blocks.0.attention_norm, blocks.0.feed_forward_norm
h.0.attn.c_attn, its thirds                             blocks.0.attention.query, .key, .value
h.0.attn.c_proj                                         blocks.0.attention.output
h.0.mlp.c_fc, h.0.mlp.c_proj                            blocks.0.feed_forward.widen, .narrow
lm_head, only where it is not wte                       head
======================================================  =====================================================

The linear maps of their blocks multiply from the other side (``x W`` with W of shape (inputs, outputs)), so
they are turned. Masks that old files carry (``h.0.attn.bias``, ``masked_bias``) are no weights and are left
out.

References
----------
Radford, Wu, Child, Luan, Amodei and Sutskever (2019), Language Models are Unsupervised Multitask Learners.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from course_utils.models.gpt import GPT
from course_utils.models.gpt_parts import GPTConfig
from course_utils.storage import DataError
from course_utils.text.bpe import ByteLevelBPE

PARTS = {"token_embedding": "wte", "positions.table": "wpe", "final_norm": "ln_f", "head": "lm_head"}
PARTS_OF_A_BLOCK = {
    "attention_norm": "ln_1",
    "attention.query": "attn.c_attn",
    "attention.key": "attn.c_attn",
    "attention.value": "attn.c_attn",
    "attention.output": "attn.c_proj",
    "feed_forward_norm": "ln_2",
    "feed_forward.widen": "mlp.c_fc",
    "feed_forward.narrow": "mlp.c_proj",
}
THIRDS = ("query", "key", "value")  # in the order in which c_attn holds them
# Settings that change the numbers, and what they must be; ours has no other way.
FIXED = {
    "model_type": "gpt2",
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}
ACTIVATIONS = {"gelu_new": "gelu tanh", "gelu_pytorch_tanh": "gelu tanh", "gelu": "gelu", "relu": "relu"}
SIZES = {
    "vocabulary_size": "vocab_size",
    "context": "n_positions",
    "width": "n_embd",
    "layers": "n_layer",
    "heads": "n_head",
}
_NO_WEIGHT = re.compile(r"h\.\d+\.attn\.(masked_)?bias")


def load_gpt2(folder: str | Path) -> tuple[GPT, ByteLevelBPE]:
    """Read a folder with GPT-2's files.

    Parameters
    ----------
    folder : path
        With config.json, model.safetensors, vocab.json and merges.txt.

    Returns
    -------
    model : GPT
        In evaluation mode, float32.
    bpe : ByteLevelBPE
        Its tokens are the model's.

    Raises
    ------
    DataError
        A ValueError that names the file, tensor or setting: one that is missing, that does not fit, that is
        too much, or that belongs to another kind of model.
    """
    bpe, config = read_bpe(folder), read_config(folder)
    if config.vocabulary_size != len(bpe):
        raise DataError(
            f"vocab_size in config.json is {config.vocabulary_size}, but vocab.json holds {len(bpe)} pieces; "
            "take both files from the same model."
        )
    return read_model(folder, config=config), bpe


def read_config(folder: str | Path) -> GPTConfig:
    """The settings in config.json; errors as `load_gpt2`."""
    found = _read_json(Path(folder) / "config.json")
    for name, wanted in FIXED.items():
        value = found.get(name, wanted if name != "model_type" else None)
        if value != wanted:
            raise DataError(
                f"config.json says {name} is {value!r}; the course's GPT reads models where it is {wanted!r}."
            )
    activation = found.get("activation_function", "gelu_new")
    if activation not in ACTIVATIONS:
        raise DataError(
            f"config.json says activation_function is {activation!r}; known are {', '.join(ACTIVATIONS)}."
        )
    missing = [theirs for theirs in SIZES.values() if not isinstance(found.get(theirs), int)]
    if missing:
        raise DataError(
            f"config.json has no whole number for {missing[0]}; take the file of the model itself."
        )
    try:
        return GPTConfig(
            **{ours: found[theirs] for ours, theirs in SIZES.items()},
            inner=found.get("n_inner"),
            dropout=found.get("resid_pdrop", 0.1),
            tie=found.get("tie_word_embeddings", True),
            activation=ACTIVATIONS[activation],
            epsilon=found.get("layer_norm_epsilon", 1e-5),
        )
    except (TypeError, ValueError) as error:
        raise DataError(f"config.json does not describe a model: {error}") from error


def read_model(folder: str | Path, *, config: GPTConfig) -> GPT:
    """A model with the weights in model.safetensors; errors as `load_gpt2`."""
    published = _read_tensors(Path(folder))
    try:
        with torch.device("meta"):  # shapes without numbers: those come from the file
            model = GPT(config)
    except ValueError as error:
        raise DataError(f"config.json does not describe a model: {error}") from error
    weights = {
        ours: _take(published, ours, like=wanted).float() for ours, wanted in model.state_dict().items()
    }
    used = {published_name(ours) for ours in weights}
    if "lm_head.weight" in published and torch.equal(published["lm_head.weight"], published["wte.weight"]):
        used.add("lm_head.weight")  # the tied head, written out
    extra = sorted(name for name in published.keys() - used if not _NO_WEIGHT.fullmatch(name))
    if extra:
        raise DataError(
            f"model.safetensors holds {extra[0]}, for which GPT-2 with this config.json has no place."
        )
    model.load_state_dict(weights, assign=True)
    return model.eval()


def read_bpe(folder: str | Path) -> ByteLevelBPE:
    """The tokenizer of vocab.json and merges.txt; errors as `load_gpt2`."""
    tokens = _read_json(Path(folder) / "vocab.json")
    merges = [line.split(" ") for line in _read_text(Path(folder) / "merges.txt").split("\n") if line]
    if merges and merges[0][0] == "#version:":
        del merges[0]
    if not all(isinstance(token, int) for token in tokens.values()):
        raise DataError("vocab.json must give each piece a whole number; fetch the file anew.")
    try:
        bare = ByteLevelBPE.from_pieces(merges, special=())
        for token, piece in enumerate(bare.pieces):
            if tokens.get(piece) != token:
                raise ValueError(
                    f"{piece!r} is token {tokens.get(piece)} in vocab.json and {token} by merges.txt"
                )
        bpe = ByteLevelBPE(
            bare.merges, special=sorted(tokens.keys() - bare.index.keys(), key=tokens.__getitem__)
        )
        if bpe.index != tokens:
            raise ValueError(f"the tokens of its marks {bpe.special} must follow those of the merges")
    except ValueError as error:
        raise DataError(f"vocab.json and merges.txt do not fit each other: {error}") from error
    return bpe


def published_name(ours: str) -> str:
    """Name of one of our GPT's weights in GPT-2's files, without the prefix ``transformer.``.

    Examples
    --------
    >>> published_name("blocks.3.attention.key.weight")
    'h.3.attn.c_attn.weight'
    """
    part, _, kind = ours.rpartition(".")
    if block := re.fullmatch(r"blocks\.(\d+)\.(.+)", part):
        return f"h.{block[1]}.{PARTS_OF_A_BLOCK[block[2]]}.{kind}"
    return f"{PARTS[part]}.{kind}"


def _take(published: dict[str, Tensor], ours: str, *, like: Tensor) -> Tensor:
    """One of our weights, turned and cut out as needed."""
    name, part = published_name(ours), ours.split(".")[-2]
    times = 3 if part in THIRDS else 1
    linear = name.startswith("h.") and like.ndim == 2
    shape = (like.shape[0] * times, *like.shape[1:])
    wanted = shape[::-1] if linear else shape
    found = tuple(published[name].shape) if name in published else "missing"
    if found != wanted:
        raise DataError(
            f"model.safetensors does not fit config.json: {name} is {found}, not {wanted}; take both files "
            "from the same model."
        )
    tensor = published[name].T if linear else published[name]
    return (tensor.chunk(3)[THIRDS.index(part)] if times == 3 else tensor).contiguous()


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / "model.safetensors"
    if not path.exists() and (folder / "pytorch_model.bin").exists():
        raise DataError(
            f"{folder} has its weights in pytorch_model.bin only, a pickle, which may run any code when it "
            "is opened; the course reads model.safetensors."
        )
    try:
        tensors = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise DataError(f"{path} cannot be read as safetensors ({error}); fetch the file anew.") from error
    return {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no JSON ({error}); fetch the file anew.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} holds no JSON object; fetch the file anew.")
    return value


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is missing or cannot be read ({error}); fetch the file anew.") from error
