"""Token after token: ask the model, let the filter reshape its answer, take what the dart hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from course_utils.explorers.base import InputProblem
from course_utils.explorers.token_scores import ROUNDING, Answer, Asked, Floats, hit, to_floats


@dataclass(frozen=True)
class Settings:
    """How a token is chosen.

    Attributes
    ----------
    greedy : bool
        Take the likeliest and look at nothing else.
    temperature : float
    top_k : int or None
    top_p : float or None
    """

    greedy: bool = False
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise InputProblem(
                f"temperature is {self.temperature:g}; choose a number above 0. For the likeliest token each "
                "time, which is the limit towards 0, choose greedy."
            )


@dataclass(frozen=True)
class Choice:
    """The token taken at one step.

    Attributes
    ----------
    token : int
    answer : Answer
        The model's.
    shaped : array of shape (V,)
        Log-probabilities after temperature and filters, minus infinity for what cannot be drawn.
    """

    token: int
    answer: Answer
    shaped: Floats

    @property
    def probabilities(self) -> Floats:
        """What the token was drawn from, of shape (V,)."""
        return np.exp(self.shaped)


class TextWriter:
    """Writes texts; it asks the model once for each list of tokens.

    Parameters
    ----------
    predict : callable
        Tokens so far → log-probabilities (V,) of the next.
    shape : callable
        ``shape(log_probabilities, temperature=…, top_k=…, top_p=…)`` → log-probabilities (V,).
    end : int or None
        The token that finishes a text.
    kept : int
        Answers that are remembered.
    """

    def __init__(
        self, predict: Callable[[list[int]], Any], *, shape: Callable[..., Any], end: int | None, kept: int
    ) -> None:
        self._predict, self._shape, self._end = predict, shape, end
        self.asked = Asked(kept=kept)

    def write(
        self, prompt: Sequence[int], *, settings: Settings, darts: Sequence[float]
    ) -> tuple[Choice, ...]:
        """One choice for each dart, fewer if the text ends.

        Raises
        ------
        InputProblem
            If `shape` refuses the settings.
        ValueError
            If what `predict` or `shape` returns are no log-probabilities.
        """
        tokens, choices = list(prompt), []
        for dart in darts:
            answer = self._ask(tokens)
            shaped = self.shape(answer, settings)
            token = int(shaped.argmax()) if settings.greedy else hit(np.exp(shaped), dart)
            choices.append(Choice(token, answer, shaped))
            if token == self._end:
                break
            tokens.append(token)
        return tuple(choices)

    def shape(self, answer: Answer, settings: Settings) -> Floats:
        """Log-probabilities (V,) that a token is drawn from; errors as `write`."""
        if settings.greedy:
            shaped = np.full(len(answer.log_probabilities), -np.inf)
            shaped[answer.log_probabilities.argmax()] = 0.0
            return shaped
        wanted = {"temperature": settings.temperature, "top_k": settings.top_k, "top_p": settings.top_p}
        try:
            found = self._shape(answer.given, **wanted)
        except ValueError as refusal:
            raise InputProblem(str(refusal)) from refusal
        shaped = to_floats(found)
        if shaped.shape != answer.log_probabilities.shape or not abs(np.exp(shaped).sum() - 1) < ROUNDING:
            raise ValueError("shape must return log-probabilities of all V tokens that sum to 1.")
        return shaped

    def unfiltered(self, answer: Answer, settings: Settings) -> Floats:
        """Probabilities (V,) after the temperature, before top-k and top-p."""
        if settings.greedy:
            return answer.probabilities
        return np.exp(self.shape(answer, replace(settings, top_k=None, top_p=None)))

    def _ask(self, tokens: list[int]) -> Answer:
        return self.asked.ask(tuple(tokens), lambda: self._predict(list(tokens)))
