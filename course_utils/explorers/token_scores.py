"""What explorers of language models share: a model asked once for each question, and its answer checked."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDING = 1e-3  # how far a sum of probabilities in 16 or 32 bits may be from 1


@dataclass(frozen=True)
class Answer:
    """Log-probabilities of V tokens.

    Attributes
    ----------
    given : object
        As the model gave them, a tensor or an array of shape (V,).
    log_probabilities : array of shape (V,)
        The same as float64, in nats.
    """

    given: Any
    log_probabilities: Floats

    @property
    def probabilities(self) -> Floats:
        """Of shape (V,)."""
        return np.exp(self.log_probabilities)

    def rank(self, token: int) -> int:
        """Place of a token among all, from 1; tokens of equal probability share one."""
        return 1 + int((self.log_probabilities > self.log_probabilities[token]).sum())

    def best(self, count: int) -> list[int]:
        """The likeliest tokens; of equally likely ones the lowest first."""
        scores = self.log_probabilities
        count = min(count, len(scores))
        edge = np.partition(scores, len(scores) - count)[len(scores) - count]
        open_tokens = np.flatnonzero(scores >= edge)  # few, so that only they need sorting
        order = np.argsort(-scores[open_tokens], kind="stable")
        return [int(token) for token in open_tokens[order][:count]]


class Asked:
    """Answers of a model, each asked for once; the ones not used for longest are forgotten.

    Parameters
    ----------
    kept : int
        Answers that are remembered.
    """

    def __init__(self, *, kept: int) -> None:
        self.kept = kept
        self._answers: dict[Hashable, Answer] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def ask(self, key: Hashable, question: Callable[[], Any]) -> Answer:
        """The answer to a question, from memory if it is there.

        Raises
        ------
        ValueError
            As `check_answer`, or what the model raises.
        """
        answer = self._answers.pop(key, None)  # put back at the end: the first is the one to forget
        if answer is None:
            answer = check_answer(question())
            while len(self._answers) >= self.kept:
                del self._answers[next(iter(self._answers))]
        self._answers[key] = answer
        return answer


def to_floats(values: Any) -> Floats:
    """A tensor or an array as float64."""
    return np.asarray(values.detach() if hasattr(values, "detach") else values, dtype=np.float64)


def check_answer(given: Any) -> Answer:
    """Take what a model gave for log-probabilities.

    Raises
    ------
    ValueError
        If it is no row of log-probabilities whose exponentials sum to 1.
    """
    scores = to_floats(given)
    if scores.ndim != 1 or not scores.size:
        raise ValueError(f"the model must give V log-probabilities in one row, not shape {scores.shape}.")
    total = float(np.exp(np.minimum(scores, 1.0)).sum())
    if not abs(total - 1) < ROUNDING:  # NaN, too
        raise ValueError(
            f"the probabilities that the model gave sum to {total:.4g} and not to 1; return "
            "logits.log_softmax(dim=-1) of one place, and look for NaN in the model's parameters."
        )
    return Answer(given, scores)


def entropy(probabilities: Floats) -> float:
    """Of a distribution, in nats."""
    seen = probabilities[probabilities > 0]
    return float(-(seen * np.log(seen)).sum()) + 0.0


def hit(probabilities: Floats, dart: float) -> int:
    """The token that a dart hits on a line where the probabilities lie side by side.

    Parameters
    ----------
    probabilities : array of shape (V,)
        With a sum above 0.
    dart : float
        From 0 to below 1.

    Returns
    -------
    int
        Never a token of probability 0.
    """
    ends = probabilities.cumsum()
    found = int(np.searchsorted(ends, dart * ends[-1], side="right"))
    return min(found, int(np.flatnonzero(probabilities)[-1]))
