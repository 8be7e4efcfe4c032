"""How likely a model holds texts longer than its context: windows that overlap, each token scored once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from course_utils.models.gpt import GPT

__all__ = ["score_texts"]

Floats = NDArray[np.float64]
TOKENS_AT_ONCE = 4096


@torch.no_grad()
def score_texts(
    model: GPT, texts: Sequence[ArrayLike], *, end: int, stride: int | None = None
) -> list[Floats]:
    """Log-probability of every token of each text, in nats.

    Each text is read behind the end-of-text token, as in training. A window holds as many tokens as the
    context; the next one begins `stride` tokens later and scores what the one before did not.

    Parameters
    ----------
    model : GPT
    texts : sequence of int arrays of shape (T,)
        Tokens without marks.
    end : int
        The end-of-text token.
    stride : int, optional
        By default half the context: every token, but for a text's first ones, sees at least half a context.

    Returns
    -------
    list of float64 arrays of shape (T,)

    Raises
    ------
    ValueError
        If a text is empty, or the stride is not from 1 to the context.
    """
    context = model.config.context
    stride = max(1, context // 2) if stride is None else stride
    if not 1 <= stride <= context:
        raise ValueError(f"stride is {stride}; choose 1 to {context}, the context.")
    was_training = model.training
    model.eval()
    try:
        return [
            _score(model, np.asarray(text), name=f"text {i}", end=end, stride=stride)
            for i, text in enumerate(texts)
        ]
    finally:
        model.train(was_training)


def _score(model: GPT, text: NDArray[np.int64], *, name: str, end: int, stride: int) -> Floats:
    """One text's log-probabilities, several windows at once."""
    if text.ndim != 1 or not text.size:
        raise ValueError(f"{name} has the shape {text.shape}; give arrays of one token or more.")
    place = model.token_embedding.weight.device
    tokens = torch.from_numpy(np.concatenate([[end], text])).to(place)
    length = min(model.config.context + 1, len(tokens))
    # The last window ends where the text does.
    starts = [*range(0, len(tokens) - length, stride), len(tokens) - length]
    windows = tokens.unfold(0, length, 1)[starts]  # (N, length)
    scores = torch.cat([model.score_tokens(some) for some in windows.split(max(1, TOKENS_AT_ONCE // length))])
    result = np.empty(len(text))
    done = 0
    for start, row in zip(starts, scores.double().cpu().numpy(), strict=True):
        result[done : start + length - 1] = row[done - start :]
        done = start + length - 1
    return result
