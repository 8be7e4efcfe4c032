"""Softmax and its temperature: the same scores, three hundred ways to share one unit of probability."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.bars import bars_svg

MOST_SCORES = 20


class SoftmaxExplorer(Explorer):
    """Move the temperature, edit the scores, watch the probabilities.

    Parameters
    ----------
    scores : mapping of str to float
        A label and its score (logit) for each choice.
    temperature : float, default 1.0
        Divides the scores before the softmax; between 1/16 and 16.

    Notes
    -----
    `state()` holds `labels`, `scores`, `probabilities` (they sum to 1) and `entropy_bits`.
    """

    name = "softmax"

    def __init__(self, scores: Mapping[str, float], *, temperature: float = 1.0) -> None:
        text = ", ".join(f"{label} {score:g}" for label, score in scores.items())
        super().__init__(
            {
                "scores_text": widgets.Text(value=text, description="scores"),
                "temperature": widgets.FloatLogSlider(
                    value=temperature,
                    base=2,  # so that 0.5, 1 and 2 are steps of the slider, exactly
                    min=-4,
                    max=4,
                    step=1 / 16,
                    description="temperature",
                    readout_format=".2f",
                ),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Softmax of scores / temperature, in nats inside and bits outside."""
        labels, scores = parse_scores(state["scores_text"])
        temperature = float(state["temperature"])
        if not 0 < temperature < float("inf"):
            raise InputProblem("The temperature must be a number above 0.")
        scaled = scores / temperature
        exponentials = np.exp(scaled - scaled.max())  # the largest exponent is 0: nothing overflows
        probabilities = exponentials / exponentials.sum()
        seen = probabilities[probabilities > 0]
        entropy = float(-(seen * np.log2(seen)).sum()) + 0.0
        return {
            "labels": labels,
            "scores": scores.tolist(),
            "probabilities": probabilities.tolist(),
            "entropy_bits": entropy,
            "used_temperature": temperature,
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """One bar a choice, always on the scale from 0 to 1."""
        return bars_svg(
            result["probabilities"],
            labels=result["labels"],
            notes=[f"score {score:g}" for score in result["scores"]],
            title=f"softmax(scores / {result['used_temperature']:.2f})",
            label=self.describe(result),
            limit=1.0,
            data={"temperature": f"{result['used_temperature']:.6g}"},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """Which choice leads, and how undecided the distribution is."""
        best = int(np.argmax(result["probabilities"]))
        most = float(np.log2(len(result["labels"])))
        return (
            f"At temperature {result['used_temperature']:.2f}, {result['labels'][best]} gets "
            f"{result['probabilities'][best]:.3f} of the probability. Entropy {result['entropy_bits']:.2f} "
            f"of at most {most:.2f} bits."
        )


def parse_scores(text: str) -> tuple[list[str], np.ndarray]:
    """Read ``label number, label number, …``.

    Raises
    ------
    InputProblem
        If a part is not a label followed by a finite number, a label stands twice, or there are none
        or too many.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise InputProblem("Type at least one label and score, such as: tea 2, coffee 1.")
    if len(parts) > MOST_SCORES:
        raise InputProblem(f"That is {len(parts)} scores; give at most {MOST_SCORES}.")
    labels, scores = [], []
    for part in parts:
        match = re.fullmatch(r"(.+?)[\s:=]+([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)", part)
        score = float(match[2]) if match else float("nan")
        if not match or not np.isfinite(score) or abs(score) > 1e6:
            raise InputProblem(f"Cannot read {part[:40]!r}: write a label and a number, such as: tea 2.")
        labels.append(match[1].strip())
        scores.append(score)
    if len(set(labels)) < len(labels):
        raise InputProblem("Two scores have the same label; give each its own.")
    return labels, np.array(scores)
