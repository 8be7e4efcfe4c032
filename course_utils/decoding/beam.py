"""Beam search: follow the best few beginnings of each text at once.

==================================================  ===================================================
paper                                               here
==================================================  ===================================================
the B likeliest partial hypotheses (S, 3.2)         `beam_search` with ``width`` B
s(Y, X) = log P(Y | X) / lp(Y)          (W, 14)     ``score``, with `length_norm`
lp(Y) = (5 + |Y|)^α / (5 + 1)^α         (W, 14)     ``penalty_kind="wu"``, α = ``length_penalty``
sum divided by |Y|^α                    (M)         ``penalty_kind="length"``; transformers' definition
==================================================  ===================================================

S: Sutskever, Vinyals and Le 2014; W: Wu et al. 2016; M: Murray and Chiang 2018, with α = 1.

What happens at each step: the continuations of all live hypotheses are ranked by their sums of
log-probabilities, and the first 2B are looked at. Those that end are finished if they are among the first B,
else cut; the first B that do not end live on. A source's finished hypotheses are kept apart, the B best by
score. At the greatest length all of the first B stop, ended or not, and compete by their scores.

Differences: in S the beam shrinks by one with each finished hypothesis; here B live on to the end, as in
transformers, whose result this equals on the same scores (for B up to V; beyond that transformers fills
empty places with sums of -1e9, which count as finished). W's coverage penalty and pruning are left out.

References
----------
Sutskever, Vinyals and Le (2014), Sequence to Sequence Learning with Neural Networks.
Wu et al. (2016), Google's Neural Machine Translation System, section 7.
Murray and Chiang (2018), Correcting Length Bias in Neural Machine Translation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_utils.decoding.beam_source import BeamResult, Candidate, Node, Settings, Source, length_norm
from course_utils.decoding.steps import Bounds, Step, advance, require_rows, require_start, select

__all__ = ["BeamResult", "Node", "beam_search", "length_norm"]


@torch.no_grad()
def beam_search(
    step: Step,
    state: Any,
    *,
    start: Tensor,
    end: int,
    max_length: int,
    width: int,
    min_length: int = 1,
    length_penalty: float = 0.0,
    penalty_kind: str = "length",
    stop: str = "exact",
    keep_tree: bool = False,
) -> list[BeamResult]:
    """Search for the texts with the highest scores, all sources at once, each with a beam of its own.

    Parameters
    ----------
    step : callable
        ``step(state, tokens) -> (log_probabilities, state)``; see `steps`. It is called with up to B · width
        rows.
    state : Tensor, or tuples, lists, dicts and dataclasses of such
        Of all B sources, the batch first.
    start : int Tensor of shape (B,)
        What each source reads first.
    end : int
        The token that finishes a text.
    max_length, min_length : int
        Greatest and least length, the end token included.
    width : int
        Live hypotheses per source. With 1, and no length penalty or ``stop="full"``, this is greedy decoding.
    length_penalty, penalty_kind
        See `length_norm`; with 0 the score is the plain sum.
    stop : str
        When a source with `width` ended hypotheses is done. "exact": when no live one can still overtake the
        worst of them; with a length penalty above 0 that comes late. "likely": the same, as if the live ones
        ended now (the default of transformers). "full": at once.
    keep_tree : bool
        Return every continuation that was looked at.

    Returns
    -------
    list of B BeamResult

    Raises
    ------
    ValueError
        If a setting makes no sense, the step returns a wrong shape, NaN or no log-probabilities, or every
        text of a source has probability 0.

    Notes
    -----
    Which of several equal sums wins is decided by their hypotheses' order, then as `torch.topk` does.
    """
    settings = Settings(
        Bounds(end, max_length, min_length), width, length_penalty, penalty_kind, stop, keep_tree
    )
    sources = [Source(row, settings) for row in range(len(require_start(start)))]
    require_rows(state, len(sources))
    active, tokens, totals = sources, start, torch.zeros(len(sources), 1, dtype=torch.float64)  # (A, W)
    for length in range(1, max_length + 1):
        log_probabilities, state = advance(step, state, tokens, end=end)  # (A · W, V)
        allowed = settings.bounds.restrict(log_probabilities, length=length)
        ranked = _rank(allowed, totals, width=width)
        kept = [source.grow(next(ranked), length=length) for source in active]
        going = [i for i, source in enumerate(active) if not source.is_done(length=length)]
        if not going:
            break
        rows, tokens, totals = _next_rows([kept[i] for i in going], going, slots=totals.shape[1], like=tokens)
        active, state = [active[i] for i in going], select(state, rows)
    return [source.result() for source in sources]


def _rank(log_probabilities: Tensor, totals: Tensor, *, width: int) -> Iterator[Iterator[Candidate]]:
    """For each source its best continuations, twice the width, best first; impossible ones left out."""
    many = min(2 * width, log_probabilities.shape[1])
    gains, tokens = (part.cpu() for part in log_probabilities.topk(many))  # (A · W, many), no more can matter
    gains, tokens = gains.double().view(len(totals), -1), tokens.view(len(totals), -1)  # (A, W · many)
    sums, places = (totals.repeat_interleave(many, dim=1) + gains).sort(dim=1, descending=True, stable=True)
    sums, places = sums[:, : 2 * width], places[:, : 2 * width]  # (A, 2 · width)
    slots, tokens, gains = places // many, tokens.gather(1, places), gains.gather(1, places)
    for columns in zip(sums.tolist(), slots.tolist(), tokens.tolist(), gains.tolist(), strict=True):
        yield (Candidate(*values) for values in zip(*columns, strict=True) if values[0] > -math.inf)


def _next_rows(
    kept: list[list[Candidate]], going: list[int], *, slots: int, like: Tensor
) -> tuple[list[int], Tensor, Tensor]:
    """Rows of the old state to continue from, tokens (A · W,) and sums (A, W); W is the widest beam's width.

    A narrower beam is filled up with a copy of its first hypothesis whose sum is minus infinity.
    """
    widest = max(map(len, kept))
    filled = [beam + [beam[0]._replace(total=-math.inf)] * (widest - len(beam)) for beam in kept]
    rows = [source * slots + c.slot for source, beam in zip(going, filled, strict=True) for c in beam]
    tokens = torch.tensor([c.token for beam in filled for c in beam], dtype=like.dtype, device=like.device)
    return rows, tokens, torch.tensor([[c.total for c in beam] for beam in filled], dtype=torch.float64)
