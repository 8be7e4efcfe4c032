"""a is to b as c is to ...: the answers that vector arithmetic gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.bars import bars_svg
from course_utils.vectors import nearest_neighbours, normalize_rows

MOST_ANSWERS = 20


class AnalogyExplorer(Explorer):
    """Words nearest to b - a + c, by cosine, all vectors scaled to length 1 first.

    Parameters
    ----------
    vectors : array of shape (V, D)
    labels : sequence of V str
        The word of each row, most frequent first: a word that comes twice is read as its first row.
    a, b, c : str
        The question shown first.
    k : int
        How many answers, 1 to 20.

    Notes
    -----
    `state()` holds `answers` (best first), `scores` (their cosines) and `question`.

    References
    ----------
    Mikolov, Yih and Zweig (2013), Linguistic Regularities in Continuous Space Word Representations.
    """

    name = "analogy"

    def __init__(
        self,
        vectors: Any,
        *,
        labels: Sequence[str],
        a: str = "paris",
        b: str = "france",
        c: str = "tokyo",
        k: int = 8,
    ) -> None:
        if len(vectors) != len(labels):
            raise ValueError(f"{len(vectors)} vectors need as many labels, not {len(labels)}.")
        if len(labels) < 2:
            raise ValueError("An analogy needs a vocabulary of at least two words.")
        self._unit = normalize_rows(vectors)
        self._labels = [str(text) for text in labels]
        self._row = {text.casefold(): row for row, text in reversed(list(enumerate(self._labels)))}
        most = min(MOST_ANSWERS, len(labels) - 1)
        texts = {
            key: widgets.Text(value=text, description=key) for key, text in zip("abc", (a, b, c), strict=True)
        }
        super().__init__(
            {
                **texts,
                "leave_out": widgets.Checkbox(
                    value=True, description="leave out the question's own words", indent=True
                ),
                "k": widgets.IntSlider(value=min(k, most), min=1, max=most, description="answers"),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The k nearest rows to b - a + c."""
        rows = [self._find(state[key], key=key) for key in "abc"]
        first, second, third = self._unit[rows][:, None]  # (1, D) each
        leave_out = bool(state["leave_out"])
        wanted = min(int(state["k"]), len(self._labels) - (len(set(rows)) if leave_out else 0))
        if wanted < 1:
            raise InputProblem("No word is left to answer with; clear the box that leaves words out.")
        query = normalize_rows(second - first + third)
        found, scores = nearest_neighbours(
            self._unit, query, k=wanted, metric="dot", exclude=rows if leave_out else ()
        )
        asked = {self._labels[row] for row in rows}
        answers = [self._labels[row] for row in np.ravel(found)]
        return {
            "question": tuple(self._labels[row] for row in rows),
            "answers": answers,
            "scores": [float(score) for score in np.ravel(scores)],
            "asked": [answer in asked for answer in answers],
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """One bar an answer."""
        a, b, c = result["question"]
        return bars_svg(
            result["scores"],
            labels=result["answers"],
            notes=["in the question" if asked else "" for asked in result["asked"]],
            title=f"{a} is to {b} as {c} is to …",
            label=self.describe(result),
            limit=1.0,
            data={"question": " ".join(result["question"])},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """The question and its three best answers."""
        a, b, c = result["question"]
        best = zip(result["answers"][:3], result["scores"][:3], strict=True)
        return f"{a} : {b} = {c} : {', '.join(f'{word} {score:.3f}' for word, score in best)}."

    def _find(self, text: str, *, key: str) -> int:
        word = text.strip().casefold()
        if not word:
            raise InputProblem(f"Type a word for {key}, such as: king.")
        if word not in self._row:
            shown = word if len(word) <= 40 else word[:39] + "…"
            raise InputProblem(f"“{shown}” has no vector here; try a common English word for {key}.")
        return self._row[word]
