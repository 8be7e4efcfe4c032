"""What a model thinks of given texts, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_utils.decoding.steps import Step, advance, require_rows, require_start, select


@torch.no_grad()
def score_tokens(
    step: Step, state: Any, *, start: Tensor, texts: Sequence[Sequence[int]]
) -> list[tuple[float, ...]]:
    """What the model thinks of given texts: the log-probability of each token after those before it.

    If a model gives the right text a higher sum than the one that was found, the search went wrong; if not,
    the model did.

    Parameters
    ----------
    step, state
        See above.
    start : int Tensor of shape (B,)
        What each row reads first.
    texts : sequence of B sequences of int
        Each with its end token, if that is to count.

    Returns
    -------
    list of B tuples of float
        In nats, as long as the texts.

    Raises
    ------
    ValueError
        As `advance`, if there is not one text per row, or a token is not in the vocabulary.
    """
    if len(require_start(start)) != len(texts):
        raise ValueError(f"there are {len(start)} rows and {len(texts)} texts; give one text per row.")
    require_rows(state, len(texts))
    scores: list[list[float]] = [[] for _ in texts]
    rows, tokens = [row for row, text in enumerate(texts) if text], start
    state, tokens = select(state, rows), start[rows]
    for place in range(max(map(len, texts), default=0)):
        log_probabilities, state = advance(step, state, tokens, end=0)  # (A, V)
        tokens = torch.tensor([texts[row][place] for row in rows], device=tokens.device)  # (A,)
        if int(tokens.min()) < 0 or int(tokens.max()) >= log_probabilities.shape[1]:
            raise ValueError(f"a text holds a token outside 0 to {log_probabilities.shape[1] - 1}.")
        for row, gain in zip(rows, log_probabilities.gather(1, tokens[:, None])[:, 0].tolist(), strict=True):
            scores[row].append(gain)
        going = [i for i, row in enumerate(rows) if len(texts[row]) > place + 1]
        rows, tokens, state = [rows[i] for i in going], tokens[going], select(state, going)
    return [tuple(score) for score in scores]
