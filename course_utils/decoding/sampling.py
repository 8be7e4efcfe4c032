"""Sampling: draw the next token, from the whole distribution or from its head.

==============================================  =====================================================
source                                          here
==============================================  =====================================================
softmax(z / T)                                  `apply_temperature`
the k likeliest tokens, renormalised (F)        `keep_top_k`
the smallest set with mass ≥ p (H, 3.1)         `keep_top_p`
==============================================  =====================================================

F: Fan, Lewis and Dauphin 2018; H: Holtzman et al. 2020. Differences: none in the
definitions; tokens of equal probability enter in the order of their ids, so that k tokens are k tokens
(transformers keeps all that tie with the k-th). Temperature comes first, then k, then p.

References
----------
Fan, Lewis and Dauphin (2018), Hierarchical Neural Story Generation.
Holtzman, Buys, Du, Forbes and Choi (2020), The Curious Case of Neural Text Degeneration.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from course_utils.decoding.steps import Bounds, Hypothesis, Step, roll_out

COLDEST = 1e-30  # as good as 0, and yet a number in 32 bits
ROUNDING = 1e-6  # 0.5 and 0.3 reach 0.8 although their logarithms in 32 bits may say 0.79999998


def apply_temperature(log_probabilities: Tensor, temperature: float) -> Tensor:
    """Sharpen (below 1) or flatten (above 1) a distribution.

    Parameters
    ----------
    log_probabilities : Tensor of shape (..., V)
    temperature : float
        Above 0.

    Returns
    -------
    Tensor of shape (..., V)
        Log-probabilities again.

    Raises
    ------
    ValueError
        If the temperature is not a number above 0.
    """
    if not 0 < temperature < math.inf:
        raise ValueError(
            f"temperature is {temperature}; choose a number above 0. For the likeliest token each time, "
            "which is the limit towards 0, call greedy."
        )
    return (log_probabilities / max(temperature, COLDEST)).log_softmax(dim=-1)


def keep_top_k(log_probabilities: Tensor, k: int) -> Tensor:
    """Leave only the k likeliest tokens, their probabilities scaled to sum to 1.

    Parameters
    ----------
    log_probabilities : Tensor of shape (..., V)
    k : int
        From 1 on; V or more changes nothing.

    Returns
    -------
    Tensor of shape (..., V)
        Minus infinity for the others.

    Raises
    ------
    ValueError
        If k is below 1.
    """
    if k < 1:
        raise ValueError(f"top_k is {k}; keep at least 1 token.")
    _, order = log_probabilities.sort(dim=-1, descending=True, stable=True)
    dropped = torch.arange(order.shape[-1], device=order.device) >= k  # (V,)
    return _without(log_probabilities, dropped.expand_as(order), order=order)


def keep_top_p(log_probabilities: Tensor, p: float) -> Tensor:
    """Leave only the smallest set of tokens whose mass reaches p, scaled to sum to 1.

    Parameters
    ----------
    log_probabilities : Tensor of shape (..., V)
    p : float
        Above 0, at most 1; 1 changes nothing.

    Returns
    -------
    Tensor of shape (..., V)
        Minus infinity for the others.

    Raises
    ------
    ValueError
        If p is not above 0 and at most 1.
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p is {p}; choose a mass above 0 and at most 1.")
    if p == 1:
        return log_probabilities
    ordered, order = log_probabilities.sort(dim=-1, descending=True, stable=True)
    mass = ordered.double().exp()
    before = mass.cumsum(dim=-1) - mass  # (..., V) of all likelier tokens
    return _without(log_probabilities, (before >= p - ROUNDING) & (before > 0), order=order)


def _without(log_probabilities: Tensor, dropped: Tensor, *, order: Tensor) -> Tensor:
    """Forbid the tokens that are dropped, told in the order given, and renormalise."""
    by_id = torch.zeros_like(dropped).scatter(-1, order, dropped)  # (..., V)
    return log_probabilities.masked_fill(by_id, -math.inf).log_softmax(dim=-1)


def shape_distribution(
    log_probabilities: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Temperature, then top-k, then top-p: what `sample` draws from.

    Parameters
    ----------
    log_probabilities : Tensor of shape (..., V)
    temperature, top_k, top_p
        See `apply_temperature`, `keep_top_k`, `keep_top_p`; None leaves a step out.

    Returns
    -------
    Tensor of shape (..., V)
        Log-probabilities that sum to 1, minus infinity for tokens that cannot be drawn.

    Raises
    ------
    ValueError
        If one of the settings makes no sense.
    """
    shaped = apply_temperature(log_probabilities, temperature)
    if top_k is not None:
        shaped = keep_top_k(shaped, top_k)
    return shaped if top_p is None else keep_top_p(shaped, top_p)


def draw(log_probabilities: Tensor, dart: Tensor) -> Tensor:
    """Lay the probabilities side by side on a line from 0 to 1; the token is the one that the dart hits.

    Parameters
    ----------
    log_probabilities : Tensor of shape (B, V)
    dart : Tensor of shape (B,)
        Uniform, from 0 to below 1.

    Returns
    -------
    int Tensor of shape (B,)
        Never a token of probability 0.
    """
    ends = log_probabilities.cpu().double().exp().cumsum(dim=1)  # (B, V)
    hit = torch.searchsorted(ends, (dart.cpu().double() * ends[:, -1])[:, None], right=True)[:, 0]
    return hit.clamp(max=ends.shape[1] - 1).to(log_probabilities.device)


def sample(
    step: Step,
    state: Any,
    *,
    start: Tensor,
    end: int,
    max_length: int,
    min_length: int = 1,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> list[Hypothesis]:
    """Draw one text per row; for several of one source repeat its row (`steps.select`).

    Each step uses one random number per row, also for rows that have ended: what a row becomes does not
    depend on how long the others are.

    Parameters
    ----------
    step : callable
        ``step(state, tokens) -> (log_probabilities, state)``; see `steps`.
    state : Tensor, or tuples, lists, dicts and dataclasses of such
        Of all B rows, the batch first.
    start : int Tensor of shape (B,)
        What each row reads first.
    end : int
        The token that finishes a text.
    max_length, min_length : int
        Greatest and least length, the end token included.
    temperature, top_k, top_p
        See `shape_distribution`.
    generator : torch.Generator, optional
        On the CPU. The same state of it gives the same texts; without one torch's global generator is used.

    Returns
    -------
    list of B Hypothesis
        With the log-probabilities that the step gave, before temperature, k and p.

    Raises
    ------
    ValueError
        If a setting makes no sense, the step returns a wrong shape, NaN or no log-probabilities, or nothing
        can follow.
    """
    shape_distribution(
        torch.zeros(1), temperature=temperature, top_k=top_k, top_p=top_p
    )  # bad ones raise now

    def choose(log_probabilities: Tensor, rows: Tensor) -> Tensor:
        darts = torch.rand(len(start), generator=generator, dtype=torch.float64)[rows]
        shaped = shape_distribution(log_probabilities, temperature=temperature, top_k=top_k, top_p=top_p)
        return draw(shaped, darts)

    bounds = Bounds(end, max_length, min_length)
    return roll_out(step, state, start=start, bounds=bounds, choose=choose)
