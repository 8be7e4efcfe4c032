"""Recurrent layers: read a batch of texts token by token, one state handed on.

The steps, the papers they come from and the differences are in `recurrent_cells`. Here is what a layer adds:
the products with all inputs are one product before the loop, padding lets the state stand still, and a text
may be read from both ends.

Differences from `torch.nn.RNN`, `LSTM` and `GRU`: one layer, always batch first; states are (B, C), without
PyTorch's dimension of layers in front; lengths or a mask take the place of packing, in any order of rows.
Parameters have PyTorch's names, so `load_state_dict` takes theirs, and they ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.layers.masks import padding_mask
from course_utils.layers.recurrent_cells import (
    ELMAN,
    GATED_RECURRENT_UNIT,
    LONG_SHORT_TERM_MEMORY,
    Gates,
    GRUCell,
    LSTMCell,
    Recurrence,
    RNNCell,
    State,
    States,
)

__all__ = ["GRU", "LSTM", "RNN", "BothDirections", "GRUCell", "LSTMCell", "RNNCell", "RecurrentLayer"]


class RecurrentLayer(Recurrence):
    """A cell over time; what `RNN`, `LSTM` and `GRU` have in common."""

    suffix = "_l0"

    def forward(
        self,
        x: Tensor,
        *,
        state: State | None = None,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Read whole texts.

        Parameters
        ----------
        x : Tensor of shape (B, T, input_width)
        state : Tensor of shape (B, C), or two of them (h, c) for an LSTM, optional
            Where to start; zeros if there is none.
        lengths : int Tensor of shape (B,), optional
            Tokens in each row; what follows is padding.
        mask : bool Tensor of shape (B, T), optional
            True marks tokens, False padding, which may stand anywhere. Lengths or a mask, not both.

        Returns
        -------
        outputs : Tensor of shape (B, T, C)
            The state h after each token; 0 on padding.
        state : Tensor of shape (B, C), or two of them
            After the last token of each row.

        Raises
        ------
        ValueError
            If a shape does not fit, there is no token in a row, or both lengths and a mask are given.
        """
        mask = _choose_mask(x, lengths, mask)
        states = [states for states, _ in self._walk(x, state, mask)]
        return _over_time([s[0] for s in states], mask), self._close(states[-1])

    def trace(
        self,
        x: Tensor,
        *,
        state: State | None = None,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, State, Gates]:
        """Read as `forward` does and return the gates of every step, too.

        Returns
        -------
        outputs, state
            As `forward` returns them.
        gates : dict of Tensor of shape (B, T, C)
            0 on padding. An LSTM's: "input", "forget", "output", "candidate" and "memory" (c after each
            token); a GRU's: "reset", "update" and "candidate"; an RNN has none.
        """
        mask = _choose_mask(x, lengths, mask)
        states, gates = zip(*self._walk(x, state, mask), strict=True)
        traced = {name: _over_time([g[name] for g in gates], mask) for name in gates[0]}
        return _over_time([s[0] for s in states], mask), self._close(states[-1]), traced

    def _walk(self, x: Tensor, state: State | None, mask: Tensor | None) -> Iterator[tuple[States, Gates]]:
        """States and gates after each token."""
        if x.shape[2] != self.input_width:
            raise ValueError(f"this layer reads {self.input_width} numbers a token, not {x.shape[2]}.")
        states, of_state = self._open(state, like=x), self._of_state()
        if mask is not None:
            x = x.masked_fill(~mask[..., None], 0)  # whatever lies in the padding, even NaN, is gone
        inputs = self.project(x).unbind(dim=1)  # T times (B, C), (B, 4C) or (B, 3C)
        for projected, stay in zip(inputs, _rows_that_stay(mask, steps=len(inputs)), strict=True):
            new, gates = self.rule.step(projected, states, **of_state)
            states = new if stay is None else _stand_still(states, new, stay)
            yield states, gates


class RNN(RecurrentLayer):
    """The simple recurrent network (Elman 1990), equal to `torch.nn.RNN`."""

    rule = ELMAN


class LSTM(RecurrentLayer):
    """The long short-term memory, equal to `torch.nn.LSTM`; its state is (h, c)."""

    rule = LONG_SHORT_TERM_MEMORY


class GRU(RecurrentLayer):
    """The gated recurrent unit in PyTorch's variant, equal to `torch.nn.GRU`."""

    rule = GATED_RECURRENT_UNIT


class BothDirections(nn.Module):
    """Two layers over the same text, one from each end, their outputs side by side.

    Since the state stands still on padding wherever it lies, the second layer reads the rows turned round
    as a whole, padding first.

    Parameters
    ----------
    ahead, back : RecurrentLayer
        Read from the first token on, and from the last.

    Notes
    -----
    `load_state_dict` takes a bidirectional PyTorch layer's parameters (``…_l0`` and ``…_l0_reverse``), too.
    """

    def __init__(self, ahead: RecurrentLayer, back: RecurrentLayer) -> None:
        super().__init__()
        self.ahead, self.back = ahead, back
        self.register_load_state_dict_pre_hook(_take_pytorch_names)

    def forward(
        self,
        x: Tensor,
        *,
        states: tuple[State | None, State | None] = (None, None),
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, tuple[State, State]]:
        """Read whole texts from both ends.

        Parameters
        ----------
        x, lengths, mask
            As for `RecurrentLayer.forward`.
        states : pair of states
            Where each direction starts.

        Returns
        -------
        outputs : Tensor of shape (B, T, C of ahead + C of back)
        states : pair
            Ahead: after the last token; back: after the first.

        Raises
        ------
        ValueError
            As in `RecurrentLayer.forward`.
        """
        mask = _choose_mask(x, lengths, mask)
        ahead, ahead_state = self.ahead(x, state=states[0], mask=mask)
        turned_mask = None if mask is None else mask.flip(1)
        back, back_state = self.back(x.flip(1), state=states[1], mask=turned_mask)
        return torch.cat([ahead, back.flip(1)], dim=-1), (ahead_state, back_state)


def _choose_mask(x: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor | None:
    """The mask (B, T) that lengths or a mask stand for; everything checked."""
    if x.ndim != 3 or x.shape[1] < 1:
        raise ValueError(f"a layer reads (B, T, width) with at least one token, not {tuple(x.shape)}.")
    if lengths is not None and mask is not None:
        raise ValueError("give lengths or a mask, not both: they say the same thing.")
    if lengths is not None:
        mask = padding_mask(lengths.to(x.device), width=x.shape[1])
    if mask is None:
        return None
    if mask.dtype != torch.bool or mask.shape != x.shape[:2]:
        raise ValueError(
            f"the mask must be boolean of shape {tuple(x.shape[:2])}, not {mask.dtype} {tuple(mask.shape)}."
        )
    empty = ~mask.any(dim=1)
    if bool(empty.any()):
        raise ValueError(f"{int(empty.sum())} of {len(mask)} rows hold no token; drop them.")
    return mask


def _rows_that_stay(mask: Tensor | None, *, steps: int) -> list[Tensor | None]:
    """For each step the rows (B, 1) with padding there; None where no row has any."""
    if mask is None:
        return [None] * steps
    full = mask.all(dim=0).tolist()
    return [None if f else ~tokens[:, None] for f, tokens in zip(full, mask.unbind(dim=1), strict=True)]


def _stand_still(old: States, new: States, stay: Tensor) -> States:
    return tuple(torch.where(stay, before, after) for before, after in zip(old, new, strict=True))


def _over_time(steps: list[Tensor], mask: Tensor | None) -> Tensor:
    """T tensors (B, C) as one (B, T, C), 0 on padding."""
    stacked = torch.stack(steps, dim=1)
    return stacked if mask is None else stacked.masked_fill(~mask[..., None], 0)


def _take_pytorch_names(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: object) -> None:
    """Sort a bidirectional PyTorch layer's parameters into the two layers."""
    for name in [n for n in state_dict if n.startswith(prefix)]:
        own = name.removeprefix(prefix)
        if "." not in own:
            place = "back." if own.endswith("_reverse") else "ahead."
            state_dict[prefix + place + own.removesuffix("_reverse")] = state_dict.pop(name)
