"""Train a model, stop and go on at will.

`fit` is the one training loop of the course: it knows no model, only that ``model.loss(batch)`` gives a
scalar. What it did stands in a `History`, which the caller makes and so still holds after an interrupt.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, cast

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_utils.runtime import InterruptGate, move_to, silent

__all__ = ["Batches", "History", "TrainingDiverged", "fit"]

Batches = Iterable[Any] | Callable[[torch.Generator], Iterable[Any]]


class TrainingDiverged(RuntimeError):
    """The loss or its gradient is no longer a finite number; the last good weights are back.

    `step` is the step that failed, counted from 1; `learning_rate` is the one `fit` was called with.
    """

    def __init__(self, what: str, *, step: int, learning_rate: float, kept: int) -> None:
        super().__init__(
            f"{what} at step {step} with learning rate {learning_rate:g}, so training stopped and the last "
            f"good weights (after step {kept}) are back: try learning rate {learning_rate / 10:.2g}, "
            "a longer warmup or a smaller clip_norm."
        )
        self.step, self.learning_rate = step, learning_rate


@dataclass
class History:
    """What training did, one entry a step.

    Attributes
    ----------
    steps : list of int
        1, 2, …: the number of updates after this one.
    losses : list of float
        Loss of the batch, computed before the update; unit as the model's, usually nats per token.
    seconds : list of float
        Training time up to and including the step.
    learning_rates : list of float
    epoch, position : int
        Where in the data the next batch lies: the pass, and the batches taken from it.
    optimizer : torch.optim.Optimizer or None
        The optimizer of the last `fit`, so that the next one goes on with its moments. It lives as long as
        the kernel and is not part of what is saved.
    """

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    epoch: int = 0
    position: int = 0
    optimizer: torch.optim.Optimizer | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def last(self) -> int:
        """Number of updates made so far; 0 before the first."""
        return self.steps[-1] if self.steps else 0

    def record(self, *, loss: float, seconds: float, learning_rate: float) -> None:
        """Append one step."""
        self.steps.append(self.last + 1)
        self.losses.append(loss)
        self.seconds.append(seconds)
        self.learning_rates.append(learning_rate)

    def extend(self, later: History) -> None:
        """Append another history, its steps and seconds counted on from this one's."""
        step, second = self.last, self.seconds[-1] if self.seconds else 0.0
        self.steps += [step + number for number in later.steps]
        self.losses += later.losses
        self.seconds += [second + value for value in later.seconds]
        self.learning_rates += later.learning_rates
        self.epoch, self.position, self.optimizer = later.epoch, later.position, later.optimizer

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` entries."""
        for column in (self.steps, self.losses, self.seconds, self.learning_rates):
            del column[length:]

    def to_json(self) -> dict[str, Any]:
        """Give everything but the optimizer as a JSON object."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "optimizer"}

    @classmethod
    def from_json(cls, value: Any) -> History:
        """Rebuild a history from `to_json`; a ValueError says that the value is none."""
        names = [f.name for f in fields(cls) if f.name != "optimizer"]
        if not isinstance(value, dict) or sorted(value) != sorted(names):
            raise ValueError(f"this is no training history; it needs the fields {', '.join(names)}.")
        columns = [value[name] for name in names[:4]]
        lengths = {len(column) if isinstance(column, list) else -1 for column in columns}
        numbers = [value["epoch"], value["position"]]
        numbers += [entry for column in columns if isinstance(column, list) for entry in column]
        if len(lengths) != 1 or -1 in lengths or not all(isinstance(entry, int | float) for entry in numbers):
            raise ValueError(
                "this is no training history; its columns must be equally long lists of numbers."
            )
        return cls(**value)


def fit(
    model: nn.Module,
    batches: Batches,
    *,
    steps: int,
    learning_rate: float,
    history: History,
    optimizer: torch.optim.Optimizer | None = None,
    warmup: int = 0,
    decay: str = "none",
    clip_norm: float | None = 1.0,
    report_every: int | None = None,
    device: torch.device | str | None = None,
    seed: int = 0,
) -> History:
    """Train a model for some steps, going on from where its history ends.

    Two calls equal one longer call, exactly: `history` carries the optimizer with its moments and the
    place in the data. With a decay, call again with the steps that are left; rates depend only on the
    step and on the last step, ``history.last + steps``.

    Parameters
    ----------
    model : nn.Module
        Has ``loss(batch)``, which returns a scalar Tensor. It is in training mode while it learns.
    batches : iterable, or function of a torch.Generator that returns an iterable
        One pass over the data; a new pass starts when it ends. A function is called once for each pass
        with a generator seeded by `seed` and the pass, so that a shuffle is repeatable; it may go on
        without end. When training goes on in the middle of a pass, its first batches are drawn again and
        skipped. An iterator (something used up by reading) is read on from where it is.
    steps : int
        How many updates to make.
    learning_rate : float
        The highest rate.
    history : History
        Extended in place; after an interrupt it agrees with the model's weights.
    optimizer : torch.optim.Optimizer, optional
        Without it: the history's; at the start AdamW with torch's defaults (weight decay 0.01). Its
        learning rates are set by this function.
    warmup : int
        The rate rises evenly over the first `warmup` steps of the history.
    decay : {"none", "linear", "cosine"}
        How the rate falls from there towards zero after the last step.
    clip_norm : float or None
        Longest gradient (L2 norm over all parameters); a longer one is scaled down.
    report_every : int, optional
        Print the mean loss of each so many steps.
    device : torch.device or str, optional
        Move the model and each batch there; without it, both stay where they are.
    seed : int
        For the generator handed to `batches`.

    Returns
    -------
    History
        The same object.

    Raises
    ------
    KeyboardInterrupt
        After Kernel → Interrupt: `model` and `history` hold what was learned, and a sentence says so.
    TrainingDiverged
        If loss or gradient is not finite. The weights are those of the last finite loss, the history ends
        where they do, and the optimizer's moments start anew.
    ValueError
        If an argument is out of range, there are no batches, or the history belongs to another model.
    """
    _check_arguments(
        model, steps=steps, learning_rate=learning_rate, warmup=warmup, decay=decay, clip_norm=clip_norm
    )
    last, modes = history.last + steps, [(module, module.training) for module in model.modules()]
    bar = tqdm(total=steps, desc="training", unit="step", mininterval=0.5, disable=silent())
    gate = InterruptGate()
    gate.install()
    try:
        place = None if device is None else torch.device(device)
        _prepare(model, history, optimizer=optimizer, place=place)
        loop = _Loop(model, history, gate=gate, learning_rate=learning_rate, clip_norm=clip_norm)
        stream = _stream(batches, history, seed=seed)
        gate.release()
        while history.last < last:
            loop.rate = learning_rate * _schedule(history.last, last, warmup=warmup, decay=decay)
            epoch, position, batch = next(stream)
            loop.step(batch if place is None else move_to(batch, place), following=(epoch, position + 1))
            bar.set_postfix_str(f"loss {history.losses[-1]:.4g}", refresh=False)
            bar.update()
            if report_every and history.last % report_every == 0:
                recent = history.losses[-report_every:]
                print(f"step {history.last}: loss {sum(recent) / len(recent):.4f}")
    except KeyboardInterrupt:
        gate.held = True
        bar.close()
        print(f"Stopped after step {history.last} of {last}: model and history hold what was learned so far.")
        raise
    finally:
        gate.held = True
        bar.close()
        for module, mode in modes:
            module.training = mode
        model.zero_grad(set_to_none=True)  # gradients take as much memory as the weights
        gate.remove()
    return history


class _LastGood:
    """A copy of all weights and buffers, taken when they had just given a finite loss."""

    def __init__(self, model: nn.Module, history: History) -> None:
        self.tensors = [tensor.detach() for tensor in (*model.parameters(), *model.buffers())]
        self.copies = [tensor.clone() for tensor in self.tensors]
        self.keep_place(history)

    def keep_place(self, history: History) -> None:
        self.length, self.epoch, self.position = len(history), history.epoch, history.position

    def keep(self, history: History) -> None:
        for copy, tensor in zip(self.copies, self.tensors, strict=True):
            copy.copy_(tensor)
        self.keep_place(history)

    def restore(self, history: History) -> None:
        for copy, tensor in zip(self.copies, self.tensors, strict=True):
            tensor.copy_(copy)
        history.truncate(self.length)
        history.epoch, history.position = self.epoch, self.position


class _Loop:
    """One update at a time; weights, moments and history change together or not at all."""

    def __init__(
        self,
        model: nn.Module,
        history: History,
        *,
        gate: InterruptGate,
        learning_rate: float,
        clip_norm: float | None,
    ) -> None:
        self.model, self.history, self.gate = model, history, gate
        self.optimizer = cast(torch.optim.Optimizer, history.optimizer)
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.learning_rate = self.rate = learning_rate
        self.clip_norm = math.inf if clip_norm is None else clip_norm
        self.good = _LastGood(model, history)
        self.start = time.perf_counter() - (history.seconds[-1] if history.seconds else 0.0)

    def step(self, batch: Any, *, following: tuple[int, int]) -> None:
        """Learn from a batch; `following` is the place of the next one."""
        loss = self.model.loss(batch)  # type: ignore[operator]
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise TypeError(
                "model.loss(batch) must return a Tensor with one number; take the mean of the losses."
            )
        value = loss.item()
        if not math.isfinite(value):
            self._diverge(f"The loss became {value}", restore=True)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip_norm).item()
        if not math.isfinite(norm):  # the weights gave a finite loss and are untouched
            self._diverge(f"The gradient's length became {norm}", restore=False)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.good.keep(self.history)
        self.gate.held = True
        self.optimizer.step()
        seconds = time.perf_counter() - self.start
        self.history.record(loss=value, seconds=seconds, learning_rate=self.rate)
        self.history.epoch, self.history.position = following
        self.gate.release()

    def _diverge(self, what: str, *, restore: bool) -> None:
        step = self.history.last + 1
        self.gate.held = True
        if restore:
            self.good.restore(self.history)
            self.optimizer.state.clear()  # moments that led here would lead here again
        kept = self.history.last
        raise TrainingDiverged(what, step=step, learning_rate=self.learning_rate, kept=kept)


def _check_arguments(
    model: nn.Module, *, steps: int, learning_rate: float, warmup: int, decay: str, clip_norm: float | None
) -> None:
    if not callable(getattr(model, "loss", None)):
        raise TypeError(
            f"{type(model).__name__} has no method loss(batch); give it one that returns a scalar."
        )
    if steps < 0 or warmup < 0:
        raise ValueError(f"steps is {steps} and warmup {warmup}; neither may be negative.")
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate is {learning_rate}; choose a positive number such as 0.001.")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm is {clip_norm}; choose a positive number, or None for no clipping.")
    if decay not in {"none", "linear", "cosine"}:
        raise ValueError(f"decay {decay!r} is unknown; choose 'none', 'linear' or 'cosine'.")


def _prepare(
    model: nn.Module,
    history: History,
    *,
    optimizer: torch.optim.Optimizer | None,
    place: torch.device | None,
) -> None:
    """Put model and optimizer in place, the optimizer into the history."""
    if place is not None:
        model.to(place)
    model.train()
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise ValueError("the model has no trainable parameters; set requires_grad on what should learn.")
    chosen = optimizer or history.optimizer or torch.optim.AdamW(trainable)
    updated = {id(parameter) for group in chosen.param_groups for parameter in group["params"]}
    if not updated <= {id(parameter) for parameter in model.parameters()} or (
        optimizer is None and updated != {id(parameter) for parameter in trainable}
    ):
        raise ValueError(
            "the optimizer belongs to other parameters than the model's; start with a new History()."
        )
    if place is not None and chosen.state:
        chosen.load_state_dict(chosen.state_dict())  # moves the moments to where the parameters are now
    history.optimizer = chosen


def _schedule(step: int, last: int, *, warmup: int, decay: str) -> float:
    """Share of the highest learning rate for the update after `step` of `last`."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, last - warmup)
    return {"none": 1.0, "linear": 1.0 - done, "cosine": 0.5 + 0.5 * math.cos(math.pi * done)}[decay]


def _stream(batches: Batches, history: History, *, seed: int) -> Iterator[tuple[int, int, Any]]:
    """Give (pass, position, batch) without end, from the history's place on."""
    epoch, skip = history.epoch, history.position
    while True:
        if callable(batches) and not isinstance(batches, Iterable):
            generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
            one_pass, used_up = iter(batches(generator)), False
        else:
            one_pass = iter(batches)
            used_up = one_pass is batches  # an iterator cannot be read from its beginning again
        position = -1
        for position, batch in enumerate(one_pass, start=skip if used_up else 0):
            if position >= skip:
                yield epoch, position, batch
        if used_up:
            raise ValueError("the batches ran out; pass a list or a function instead of an iterator.")
        if position < 0:
            raise ValueError("there are no batches; check that the data is not empty.")
        epoch, skip = epoch + 1, 0
