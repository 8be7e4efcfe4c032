"""Where a long run stands, so that it can go on after the machine was switched off.

Numbers only, in one safetensors file below the cache folder: the parameters, what the optimizer remembers of
the gradients, and the state of torch's random numbers; the history and the log as JSON beside them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from course_utils.storage import cache_folder, write_atomically
from course_utils.training import History

__all__ = ["read_state", "state_path", "write_state"]


def state_path(key: object) -> Path:
    """The file of a run that is told from others by a value with a JSON form."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "long_runs" / f"gpt-{digest[:16]}.safetensors"


def write_state(path: Path, model: nn.Module, *, history: History, notes: dict[str, Any]) -> None:
    """Keep a run between two updates.

    Parameters
    ----------
    path : Path
    model : nn.Module
    history : History
        With the optimizer.
    notes : dict
        Anything else with a JSON form.
    """
    assert history.optimizer is not None
    tensors = {"random": torch.get_rng_state()}
    for name, parameter in model.named_parameters():
        tensors[f"model.{name}"] = parameter.detach().clone()
        for what, value in history.optimizer.state[parameter].items():
            tensors[f"optimizer.{what}.{name}"] = value.detach().clone()
    metadata = {"history": json.dumps(history.to_json()), "notes": json.dumps(notes)}
    write_atomically(path, safetensors.torch.save(tensors, metadata))


def read_state(
    path: Path, model: nn.Module, *, history: History, optimizer: torch.optim.Optimizer
) -> dict[str, Any] | None:
    """Put model, history, optimizer and random numbers back to where `write_state` found them.

    Parameters
    ----------
    path : Path
    model : nn.Module
        Built with the same config.
    history : History
        Empty; it is filled in place.
    optimizer : torch.optim.Optimizer
        New, of the same kind; it becomes the history's.

    Returns
    -------
    dict or None
        The notes; None, and nothing is changed, if there is no file or it does not fit.
    """
    try:
        data = path.read_bytes()
        tensors = safetensors.torch.load(data)
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        kept, notes = History.from_json(json.loads(metadata["history"])), json.loads(metadata["notes"])
        parameters = dict(model.named_parameters())
        wanted = {f"model.{name}": tuple(p.shape) for name, p in parameters.items()}
        if {n: tuple(t.shape) for n, t in tensors.items() if n.startswith("model.")} != wanted:
            return None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    history.extend(kept)
    history.optimizer = optimizer
    _fill(parameters, tensors, optimizer=optimizer)
    torch.set_rng_state(tensors["random"])
    assert isinstance(notes, dict)
    return notes


@torch.no_grad()
def _fill(
    parameters: dict[str, nn.Parameter], tensors: dict[str, Tensor], *, optimizer: torch.optim.Optimizer
) -> None:
    for full, tensor in tensors.items():
        kind, _, rest = full.partition(".")
        if kind == "model":
            parameters[rest].copy_(tensor)
        elif kind == "optimizer":
            what, _, name = rest.partition(".")
            optimizer.state[parameters[name]][what] = tensor
