"""What every way of decoding shares: the step it calls, the state it hands on, the hypothesis it returns.

A *step* is a callable ``step(state, tokens) -> (log_probabilities, state)``: tokens (B,) are what each row
read last, log-probabilities (B, V) are in nats. A *state* is a tensor, or tuples, lists, dicts and
dataclasses of tensors, each with the batch as its first dimension. Whatever belongs to one row must be in the
state (the encoder's outputs for attention, too), since rows are dropped when they end and copied when beams
split. Numbers, strings and None are passed on as they are.

A *length* counts all tokens a hypothesis is made of, its end token included.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Step = Callable[[Any, Tensor], tuple[Tensor, Any]]


@dataclass(frozen=True)
class Hypothesis:
    """A decoded text."""

    tokens: tuple[int, ...]  # the end token included, if it came
    log_probabilities: tuple[
        float, ...
    ]  # of each token given those before it, in nats, as the step gave them
    finished: bool  # False if it was cut at the greatest length
    score: float  # what hypotheses are ranked by: the sum of the above, length-normalised in a beam

    @property
    def log_probability(self) -> float:
        """Of the whole text, in nats."""
        return math.fsum(self.log_probabilities)

    @property
    def without_end(self) -> tuple[int, ...]:
        """The tokens, the end token left out."""
        return self.tokens[:-1] if self.finished else self.tokens


@dataclass(frozen=True)
class Bounds:
    """Where decoding ends; checked when made."""

    end: int  # the token that finishes a text
    max_length: int
    min_length: int = 1  # with 1 the end token may come at once

    def __post_init__(self) -> None:
        if not 1 <= self.min_length <= self.max_length:
            raise ValueError(
                f"min_length is {self.min_length} and max_length {self.max_length}; lengths count the end "
                "token, so choose 1 <= min_length <= max_length."
            )
        if self.end < 0:
            raise ValueError(f"the end token is {self.end}; give its id in the vocabulary, 0 or more.")

    def restrict(self, log_probabilities: Tensor, *, length: int) -> Tensor:
        """Forbid the end token (log-probability minus infinity) where a text would be too short with it."""
        if length >= self.min_length:
            return log_probabilities
        restricted = log_probabilities.clone()
        restricted[:, self.end] = -math.inf
        return restricted


def select(state: Any, rows: Tensor | Sequence[int]) -> Any:
    """Pick, drop, reorder or repeat rows of a state.

    Parameters
    ----------
    state : Tensor, or tuples, lists, dicts and dataclasses of such
        Each tensor has the batch as its first dimension.
    rows : int Tensor of shape (N,), or a list of int

    Returns
    -------
    object
        The same structure with N rows; numbers, strings and None as they are.

    Raises
    ------
    ValueError
        If it holds anything else.
    """
    index = torch.as_tensor(rows, dtype=torch.long)
    return _map_tensors(state, lambda tensor: tensor.index_select(0, index.to(tensor.device)))


def _map_tensors(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(state, Tensor):
        return change(state)
    if isinstance(state, dict):
        return {key: _map_tensors(item, change) for key, item in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):  # a named tuple takes its fields one by one
        return type(state)(*(_map_tensors(item, change) for item in state))
    if isinstance(state, list | tuple):
        return type(state)(_map_tensors(item, change) for item in state)
    if not _parts(state):
        return state
    return dataclasses.replace(state, **_map_tensors(_fields(state), change))


def _parts(state: Any) -> Iterable[Any]:
    """What a state other than a tensor is made of; nothing for numbers, strings and None."""
    if isinstance(state, list | tuple):
        return state
    if isinstance(state, dict):
        return state.values()
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        return _fields(state).values()
    if state is None or isinstance(state, str | int | float):
        return ()
    raise ValueError(
        f"the state holds a {type(state).__name__}, whose rows nobody could pick; keep tensors in tuples, "
        "lists, dicts or dataclasses, and let the step know everything else."
    )


def _fields(state: Any) -> dict[str, Any]:
    kind: Any = type(state)
    return {name: getattr(state, name) for name in _field_names(kind)}


@functools.lru_cache(maxsize=64)
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind) if field.init)


def require_rows(state: Any, rows: int) -> None:
    """Refuse a state in which some tensor has another first dimension than the batch.

    Raises
    ------
    ValueError
        If there is such a tensor.
    """
    if not isinstance(state, Tensor):
        for part in _parts(state):
            require_rows(part, rows)
    elif not state.ndim or state.shape[0] != rows:
        raise ValueError(
            f"a tensor of the state has shape {tuple(state.shape)}, but there are {rows} rows; put the "
            "batch first in each (a PyTorch recurrent layer's state is (1, B, C): keep state[0])."
        )


def require_start(start: Tensor) -> list[int]:
    """The first token of each row as a list, if that is what `start` is.

    Raises
    ------
    ValueError
        If it is not one whole number per row, or there is no row.
    """
    if start.ndim != 1 or not len(start) or start.is_floating_point():
        raise ValueError(
            f"start must hold one token per row, (B,) whole numbers, not {start.dtype} {tuple(start.shape)}."
        )
    return [int(token) for token in start.tolist()]


def advance(step: Step, state: Any, tokens: Tensor, *, end: int) -> tuple[Tensor, Any]:
    """Call the step and check what it returns.

    Parameters
    ----------
    step : callable
    state : object
    tokens : int Tensor of shape (B,)
    end : int

    Returns
    -------
    log_probabilities : Tensor of shape (B, V)
    state : object

    Raises
    ------
    ValueError
        If the step returns no pair, the log-probabilities have another shape, hold NaN or numbers above
        0, or the end token is not among them; or if the new state has another number of rows.
    """
    answer = step(state, tokens)
    if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[0], Tensor):
        raise ValueError("the step must return a pair: log-probabilities (B, V) and the new state.")
    log_probabilities, state = answer
    shape = tuple(log_probabilities.shape)
    if log_probabilities.ndim != 2 or shape[0] != len(tokens) or not log_probabilities.is_floating_point():
        raise ValueError(
            f"the step returned {log_probabilities.dtype} {shape} for {len(tokens)} rows; it must return "
            f"log-probabilities of shape ({len(tokens)}, V), one row per token it was given."
        )
    if end >= shape[1]:
        raise ValueError(f"the end token is {end}, but the step knows tokens 0 to {shape[1] - 1} only.")
    greatest = float(log_probabilities.amax(dim=1).max())  # NaN if there is one anywhere
    if not greatest <= 1e-4:
        raise ValueError(
            f"the step's greatest log-probability is {greatest}; none can be NaN or above 0. "
            "Return logits.log_softmax(dim=-1), and look for NaN in the model's parameters."
        )
    require_rows(state, len(tokens))
    return log_probabilities, state


@torch.no_grad()
def roll_out(
    step: Step, state: Any, *, start: Tensor, bounds: Bounds, choose: Callable[[Tensor, Tensor], Tensor]
) -> list[Hypothesis]:
    """One text per row, token by token; a row that has ended is dropped from the batch.

    Parameters
    ----------
    step, state
        See above.
    start : int Tensor of shape (B,)
        What each row reads first.
    bounds : Bounds
    choose : callable
        Takes log-probabilities (A, V) and the numbers (A,) of the rows that are left; returns tokens (A,).

    Returns
    -------
    list of B Hypothesis

    Raises
    ------
    ValueError
        As `advance`, or if some row has no token left to choose.
    """
    texts: list[list[tuple[int, float]]] = [[] for _ in require_start(start)]
    rows, tokens = torch.arange(len(texts)), start  # the rows that are left, and what they read next
    require_rows(state, len(texts))
    for length in range(1, bounds.max_length + 1):
        log_probabilities, state = advance(step, state, tokens, end=bounds.end)  # (A, V)
        tokens = choose(_require_choice(bounds.restrict(log_probabilities, length=length)), rows)  # (A,)
        gains = log_probabilities.gather(1, tokens[:, None])[:, 0]
        chosen = tokens.tolist()
        for row, token, gain in zip(rows.tolist(), chosen, gains.tolist(), strict=True):
            texts[row].append((token, gain))
        going = [i for i, token in enumerate(chosen) if token != bounds.end]
        if not going:
            break
        if len(going) < len(rows):
            rows, tokens, state = rows[going], tokens[going], select(state, going)
    return [_hypothesis(text, end=bounds.end) for text in texts]


def _require_choice(log_probabilities: Tensor) -> Tensor:
    if bool((log_probabilities.amax(dim=1) == -math.inf).any()):
        raise ValueError(
            "in some row every token has probability 0, so nothing can follow; let the step leave at least "
            "one token open, besides the end token where min_length forbids that."
        )
    return log_probabilities


def _hypothesis(text: list[tuple[int, float]], *, end: int) -> Hypothesis:
    tokens, gains = zip(*text, strict=True)
    return Hypothesis(tokens, gains, finished=tokens[-1] == end, score=math.fsum(gains))
