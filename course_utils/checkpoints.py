"""Keep trained models: one safetensors file each, written whole, verified when read, trained once.

`cached` gives a later lesson what an earlier one trained, or trains it.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from course_utils.storage import (
    DataError,
    StorageError,
    StorageWarning,
    cache_folder,
    describe_aside,
    set_aside,
    write_atomically,
)
from course_utils.training import History

__all__ = ["cached", "load_model", "save_model"]

M = TypeVar("M", bound=nn.Module)

_AGAIN = "; train the model again."


def save_model(path: str | Path, model: nn.Module, *, config: object, history: History) -> Path:
    """Keep a trained model in one safetensors file, which holds its config and history, too.

    Parameters
    ----------
    path : path of a file
    model : nn.Module
        Parameters and persistent buffers are kept; tied ones once.
    config : dataclass instance, or a value with a JSON form
    history : History

    Returns
    -------
    Path
        The path, written atomically.

    Raises
    ------
    StorageError
        If there is no room or no permission; the old file is as it was.
    ValueError
        If the config has no JSON form.
    """
    tensors = {name: t.detach().cpu().contiguous().clone() for name, t in _distinct(model).items()}
    course = _as_json({"config": _plain(config), "history": history.to_json()})
    metadata = {"course": course, "sha256": _digest(course, tensors)}
    return write_atomically(path, safetensors.torch.save(tensors, metadata))


def load_model(path: str | Path, model: nn.Module) -> History:
    """Fill a model with kept weights.

    Parameters
    ----------
    path : path of a file made by `save_model`
    model : nn.Module
        Built with the same config. It is left alone unless everything fits.

    Returns
    -------
    History
        As saved, without an optimizer: further training starts with fresh moments.

    Raises
    ------
    DataError
        If the file is missing, damaged or was changed, or a tensor does not fit; the message names it.
    """
    path = Path(path)
    tensors, history = _read(path)
    targets = _distinct(model)
    for name in sorted(tensors.keys() | targets.keys()):
        if name not in tensors or name not in targets:
            holder = "file" if name in tensors else "model"
            raise DataError(f"{path.name} does not fit: only the {holder} has {name}{_AGAIN}")
        kept, wanted = _form(tensors[name]), _form(targets[name])
        if kept != wanted:
            raise DataError(f"{path.name} does not fit: {name} is {kept}, the model needs {wanted}{_AGAIN}")
    with torch.no_grad():
        for name, tensor in tensors.items():
            targets[name].copy_(tensor)
    return history


def _form(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _distinct(model: nn.Module) -> dict[str, Tensor]:
    """Name each tensor of a model once: tied weights, which share memory, go under their first name."""
    state = model.state_dict()
    names: dict[object, str] = {}
    for name, tensor in state.items():
        names.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype), name)
    return {name: state[name] for name in names.values()}


def _digest(course: str, tensors: dict[str, Tensor]) -> str:
    """Digest what a file says, for safetensors itself does not notice a changed number."""
    digest = hashlib.sha256(course.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {_form(tensor)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, Tensor], History]:
    """Read and verify a file as a whole (no memory map, which would block its replacement on Windows)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}){_AGAIN}") from error
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        if header["sha256"] != _digest(header["course"], tensors):
            raise ValueError("checksum")
        return tensors, History.from_json(json.loads(header["course"])["history"])
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise DataError(f"{path.name} is damaged or was changed{_AGAIN}") from error


def cached(
    name: str,
    *,
    config: object,
    data_version: str,
    code: object,
    build: Callable[[], M],
    train: Callable[[M, History], object],
    seed: int = 0,
) -> tuple[M, History, bool]:
    """Load a model trained before, or train it and keep it.

    Parameters
    ----------
    name : str
        Start of the file name below ``.cache/models``.
    config : dataclass instance, or a value with a JSON form
        Everything that shapes the result, steps and learning rate included.
    data_version : str
        For example the data's sha256.
    code : module, class or function, or several in a list
        What was trained with; the model is trained anew when their source changes.
    build : function without arguments
        Makes the untrained model.
    train : function of (model, history)
        Trains it, normally by calling `fit`.
    seed : int
        Torch's random numbers start from it for `build` and `train`, and go on afterwards as if neither
        had been called, so that the cells below see the same numbers after loading and after training.

    Returns
    -------
    model : nn.Module
        In evaluation mode.
    history : History
    was_cached : bool

    Raises
    ------
    ValueError
        If the name is no file name, the config has no JSON form or some code has no source.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(f"name {name!r} cannot be a file name; use letters, digits, '-' and '_'.")
    key = _as_json([_plain(config), data_version, _sources(code), seed])
    path = cache_folder() / "models" / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.safetensors"
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        model = build()
        history = _load_or_set_aside(path, model)
        was_cached = history is not None
        if history is None:
            history = History()
            _train_and_keep(path, model, train=lambda: train(model, history), config=config, history=history)
    return model.eval(), history, was_cached


def _load_or_set_aside(path: Path, model: nn.Module) -> History | None:
    if not path.is_file():
        return None
    try:
        return load_model(path, model)
    except DataError as error:
        reason = str(error).removesuffix(_AGAIN)
        message = (
            f"{reason}; the model is trained anew, and of the old file: {describe_aside(set_aside(path))}."
        )
        warnings.warn(message, StorageWarning, stacklevel=3)
        return None


def _train_and_keep(
    path: Path, model: nn.Module, *, train: Callable[[], object], config: object, history: History
) -> None:
    try:
        train()
    except KeyboardInterrupt:
        print(
            f"{path.name} was not kept, because its training did not finish; run the cell again to train it."
        )
        raise
    try:
        save_model(path, model, config=config, history=history)
    except StorageError as error:
        message = f"the model is trained and ready, but will have to be trained again next time: {error}"
        warnings.warn(message, StorageWarning, stacklevel=3)


def _plain(config: object) -> object:
    """A config with its name, so that two dataclasses with the same fields differ."""
    if is_dataclass(config) and not isinstance(config, type):
        return {type(config).__name__: asdict(config)}
    return config


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the config has no JSON form ({error}); use numbers, texts, lists and dicts."
        ) from error


def _sources(code: Any) -> list[str]:
    """Source text of each object; a class typed into a notebook is read method by method."""
    texts = []
    for item in code if isinstance(code, list | tuple) else [code]:
        try:
            texts.append(inspect.getsource(item).rstrip())
        except (OSError, TypeError) as error:
            methods = (
                [m for m in vars(item).values() if inspect.isfunction(m)] if isinstance(item, type) else []
            )
            if not methods:
                message = (
                    f"{item!r} has no source by which to tell versions; name a module, class or function."
                )
                raise ValueError(message) from error
            texts += _sources(methods)
    return texts
