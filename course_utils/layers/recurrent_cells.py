"""One step of a recurrent network, three ways: what the state becomes when one more token is read.

==========================================================  =============================================
paper                                                       here
==========================================================  =============================================
h_t = σ(W x_t + U h_{t-1})                      (E, fig. 2)  `elman_step`, `RNNCell`
c_t = c_{t-1} + i ⊙ g,  h_t = o ⊙ tanh(c_t)     (L, 4)       `lstm_step`, `LSTMCell`
r, z = σ(W x_t + U h_{t-1})                     (C, 5 and 6) `gru_step`, `GRUCell`
h_t = z ⊙ h_{t-1} + (1 - z) ⊙ h̃_t               (C, 7)       `gru_step`
h̃_t = tanh(W x_t + U (r ⊙ h_{t-1}))             (C, 8)       `gru_step`, with r behind U: see below
==========================================================  =============================================

E: Elman 1990; L: Hochreiter and Schmidhuber 1997; C: Cho et al. 2014. Differences, all of them PyTorch's, so
that weights can be exchanged: every product has a bias on both sides (``bias_ih`` and ``bias_hh``). RNN: tanh
in place of the logistic function. LSTM: a forget gate, c_t = f ⊙ c_{t-1} + i ⊙ g (Gers, Schmidhuber and
Cummins 2000); tanh in place of the paper's two stretched logistic functions; the gradient is not cut off
inside the step. GRU: the reset gate stands behind the matrix product, h̃_t = tanh(W x_t + b + r ⊙ (U h_{t-1} +
b')), which needs one product a step in place of two; this is the variant of cuDNN and PyTorch, and trained
weights of one variant do not fit the other.

References
----------
Elman (1990), Finding Structure in Time.
Hochreiter and Schmidhuber (1997), Long Short-Term Memory.
Gers, Schmidhuber and Cummins (2000), Learning to Forget: Continual Prediction with LSTM.
Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk and Bengio (2014), Learning Phrase Representations
using RNN Encoder–Decoder for Statistical Machine Translation, section 2.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = Tensor | tuple[Tensor, Tensor]  # h, or (h, c) of an LSTM, each of shape (B, C)
States = tuple[Tensor, ...]  # the same, always as a tuple
Gates = dict[str, Tensor]


def elman_step(projected: Tensor, states: States, *, weight: Tensor, bias: Tensor) -> tuple[States, Gates]:
    """Mix what is read with what is remembered.

    Parameters
    ----------
    projected : Tensor of shape (B, C)
        The input times its weights, plus its bias.
    states : (h,) of shape (B, C)
    weight, bias : Tensor of shape (C, C) and (C,)
        Of the state.

    Returns
    -------
    states : (h,)
    gates : dict
        Empty; this network has none.
    """
    return (torch.tanh(projected + F.linear(states[0], weight, bias)),), {}


def lstm_step(projected: Tensor, states: States, *, weight: Tensor, bias: Tensor) -> tuple[States, Gates]:
    """Keep a memory c beside the state h; gates say what to forget, what to write and what to show.

    Parameters
    ----------
    projected : Tensor of shape (B, 4C)
        Input gate, forget gate, candidate, output gate, side by side.
    states : (h, c), each of shape (B, C)
    weight, bias : Tensor of shape (4C, C) and (4C,)

    Returns
    -------
    states : (h, c)
    gates : dict of Tensor of shape (B, C)
        "input", "forget" and "output", from 0 to 1; "candidate", from -1 to 1; "memory", which is c.
    """
    state, memory = states
    read, forget, candidate, show = (projected + F.linear(state, weight, bias)).chunk(
        4, dim=-1
    )  # (B, C) each
    read, forget, show = read.sigmoid(), forget.sigmoid(), show.sigmoid()
    candidate = candidate.tanh()
    memory = forget * memory + read * candidate
    gates = {"input": read, "forget": forget, "output": show, "candidate": candidate, "memory": memory}
    return (show * memory.tanh(), memory), gates


def gru_step(projected: Tensor, states: States, *, weight: Tensor, bias: Tensor) -> tuple[States, Gates]:
    """Go from the old state towards a candidate, in each number as far as the update gate lets it.

    Parameters
    ----------
    projected : Tensor of shape (B, 3C)
        Reset gate, update gate, candidate, side by side.
    states : (h,) of shape (B, C)
    weight, bias : Tensor of shape (3C, C) and (3C,)

    Returns
    -------
    states : (h,)
    gates : dict of Tensor of shape (B, C)
        "reset" and "update", from 0 to 1 (an update of 1 keeps the old state); "candidate", from -1 to 1.
    """
    (state,) = states
    widths = [2 * state.shape[-1], state.shape[-1]]
    read_gates, read_candidate = projected.split(widths, dim=-1)  # (B, 2C) and (B, C)
    kept_gates, kept_candidate = F.linear(state, weight, bias).split(widths, dim=-1)
    reset, update = (read_gates + kept_gates).sigmoid().chunk(2, dim=-1)  # (B, C) each
    candidate = torch.tanh(read_candidate + reset * kept_candidate)
    gates = {"reset": reset, "update": update, "candidate": candidate}
    return (torch.lerp(candidate, state, update),), gates  # z ⊙ h + (1 - z) ⊙ h̃


@dataclass(frozen=True)
class Rule:
    """What tells the three kinds apart."""

    step: Callable[..., tuple[States, Gates]]
    parts: int  # how many times C numbers the products have: gates and candidate
    states: int  # h alone, or h and c


ELMAN = Rule(elman_step, parts=1, states=1)
LONG_SHORT_TERM_MEMORY = Rule(lstm_step, parts=4, states=2)
GATED_RECURRENT_UNIT = Rule(gru_step, parts=3, states=1)


class Recurrence(nn.Module):
    """The four parameters that a cell and a layer of the same kind share, under PyTorch's names.

    Parameters
    ----------
    input_width : int
        Numbers per token that is read.
    width : int
        Numbers in the state, C.

    Raises
    ------
    ValueError
        If a width is below 1.

    Notes
    -----
    All start uniform between -1/√C and 1/√C, drawn in PyTorch's order: the same seed gives the same numbers.
    """

    rule: Rule
    suffix = ""

    def __init__(self, input_width: int, width: int) -> None:
        super().__init__()
        if input_width < 1 or width < 1:
            raise ValueError(f"input_width is {input_width} and width {width}; both must be 1 or more.")
        self.input_width, self.width = input_width, width
        rows = self.rule.parts * width
        shapes = {"weight_ih": (rows, input_width), "weight_hh": (rows, width), "bias_ih": (rows,)}
        for name, shape in {**shapes, "bias_hh": (rows,)}.items():
            self.register_parameter(name + self.suffix, nn.Parameter(torch.empty(shape)))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width))

    def extra_repr(self) -> str:
        """What `print` shows between the brackets."""
        return f"{self.input_width}, {self.width}"

    def project(self, x: Tensor) -> Tensor:
        """All that a step needs of its input and that does not wait for the state, at once for all tokens.

        Parameters
        ----------
        x : Tensor of shape (..., input_width)

        Returns
        -------
        Tensor of shape (..., C), (..., 4C) for an LSTM, (..., 3C) for a GRU
        """
        return F.linear(x, self._parameter("weight_ih"), self._parameter("bias_ih"))

    def _parameter(self, name: str) -> Tensor:
        return getattr(self, name + self.suffix)

    def _of_state(self) -> dict[str, Tensor]:
        """What a step multiplies the state with."""
        return {"weight": self._parameter("weight_hh"), "bias": self._parameter("bias_hh")}

    def _open(self, state: State | None, *, like: Tensor) -> States:
        """The state as a tuple of tensors of shape (B, C); zeros if there is none."""
        shape = (like.shape[0], self.width)
        if state is None:
            return (like.new_zeros(shape),) * self.rule.states
        states = (state,) if isinstance(state, Tensor) else tuple(state)
        if len(states) != self.rule.states or any(s.shape != shape for s in states):
            wanted = "one tensor" if self.rule.states == 1 else "two tensors (h, c)"
            given = ", ".join(str(tuple(s.shape)) for s in states)
            raise ValueError(f"the initial state must be {wanted} of shape {shape}, not {given}.")
        return states

    def _close(self, states: States) -> State:
        return states[0] if self.rule.states == 1 else (states[0], states[1])


class RecurrentCell(Recurrence):
    """One step; what `RNNCell`, `LSTMCell` and `GRUCell` have in common."""

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """Read one token of each row.

        Parameters
        ----------
        x : Tensor of shape (B, input_width)
        state : Tensor of shape (B, C), or two of them (h, c) for an LSTM, optional
            Zeros if there is none.

        Returns
        -------
        Tensor of shape (B, C), or two of them
            The new state.

        Raises
        ------
        ValueError
            If the input or the state has another shape.
        """
        return self.trace(x, state)[0]

    def trace(self, x: Tensor, state: State | None = None) -> tuple[State, Gates]:
        """The new state as `forward` returns it, and the gates that made it, each of shape (B, C)."""
        if x.ndim != 2 or x.shape[1] != self.input_width:
            raise ValueError(f"a cell reads (B, {self.input_width}), one token a row, not {tuple(x.shape)}.")
        return self.step(self.project(x), state)

    def step(self, projected: Tensor, state: State | None = None) -> tuple[State, Gates]:
        """As `trace`, for an input that `project` has seen already; so one product can serve all steps."""
        states, gates = self.rule.step(projected, self._open(state, like=projected), **self._of_state())
        return self._close(states), gates


class RNNCell(RecurrentCell):
    """A step of the simple recurrent network, equal to `torch.nn.RNNCell`."""

    rule = ELMAN


class LSTMCell(RecurrentCell):
    """A step of the long short-term memory, equal to `torch.nn.LSTMCell`; its state is (h, c)."""

    rule = LONG_SHORT_TERM_MEMORY


class GRUCell(RecurrentCell):
    """A step of the gated recurrent unit in PyTorch's variant, equal to `torch.nn.GRUCell`."""

    rule = GATED_RECURRENT_UNIT
