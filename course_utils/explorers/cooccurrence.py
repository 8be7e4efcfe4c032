"""Words and the company they keep: counts, their weighting, and the similarity that follows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.explorers.neighbours import read_word
from course_utils.plots.matrix import matrix_svg
from course_utils.text.vocab import Vocabulary
from course_utils.vectors import cosine_matrix

MOST_WORDS = 14
VIEWS = ("words × contexts", "words × words (cosine)")


class CooccurrenceExplorer(Explorer):
    """Slide the window, change the weighting, and see rows of counts become rows of meaning.

    Parameters
    ----------
    counts : mapping of int to sparse matrix of shape (V, V)
        Window size in words → co-occurrence counts.
    vocabulary : Vocabulary
    words, contexts : str
        The first words shown as rows and as columns, separated by spaces.
    weightings : mapping of str to callable
        ``f(block, *, row_totals, column_totals, total)`` turns counts of shape (n, V) into weights of the
        same shape.
    window : int, optional
        The first window shown; by default the widest.

    Notes
    -----
    `state()` holds `matrix` (the numbers in the cells), `rows` and `columns` (their labels).
    """

    name = "cooccurrence"

    def __init__(
        self,
        counts: Mapping[int, Any],
        *,
        vocabulary: Vocabulary,
        words: str,
        contexts: str,
        weightings: Mapping[str, Callable[..., np.ndarray]],
        window: int | None = None,
    ) -> None:
        self._counts = {int(window): matrix.tocsr() for window, matrix in counts.items()}
        self._totals = {w: np.asarray(matrix.sum(axis=0)).ravel() for w, matrix in self._counts.items()}
        self._row_totals = {w: np.asarray(matrix.sum(axis=1)).ravel() for w, matrix in self._counts.items()}
        self._vocabulary = vocabulary
        self._weightings = dict(weightings)
        windows = sorted(self._counts)
        names = tuple(weightings)
        super().__init__(
            {
                "words": widgets.Text(value=words, description="words"),
                "contexts": widgets.Text(value=contexts, description="contexts"),
                "window": widgets.SelectionSlider(
                    options=windows, value=window or windows[-1], description="window"
                ),
                "weighting": widgets.ToggleButtons(options=names, value=names[0], description="weighting"),
                "view": widgets.ToggleButtons(options=VIEWS, value=VIEWS[0], description="view"),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Weigh the full rows of the words, then keep the asked-for columns or compare the rows."""
        words = read_words(state["words"], vocabulary=self._vocabulary)
        contexts = read_words(state["contexts"], vocabulary=self._vocabulary)
        window = int(state["window"])
        rows = [self._vocabulary[word] for word in words]
        block = self._weightings[state["weighting"]](
            self._counts[window][rows].toarray(),
            row_totals=self._row_totals[window][rows],
            column_totals=self._totals[window],
            total=float(self._totals[window].sum()),
        )
        compare = state["view"] == VIEWS[1]
        columns = words if compare else contexts
        matrix = cosine_matrix(block) if compare else block[:, [self._vocabulary[c] for c in contexts]]
        return {
            "matrix": matrix.tolist(),
            "rows": words,
            "columns": columns,
            "compare": compare,
            "heading": f"{state['weighting']}, window {window}" + (": cosine of the rows" if compare else ""),
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """Shaded cells; cosines on the fixed scale from 0 to 1, weights on that of their largest."""
        matrix = np.array(result["matrix"])
        whole = bool(np.all(matrix[np.isfinite(matrix)] % 1 == 0)) and not result["compare"]
        return matrix_svg(
            matrix,
            row_labels=result["rows"],
            col_labels=result["columns"],
            title=result["heading"],
            label=self.describe(result),
            limit=1.0 if result["compare"] else None,
            number_format="{:.0f}" if whole else "{:.2f}",
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """The strongest cell, and how even the picture is."""
        matrix = np.array(result["matrix"], dtype=float)
        finite = np.where(np.isfinite(matrix), matrix, 0.0)
        if result["compare"]:
            finite = finite - 2 * np.eye(len(finite))  # a word's likeness to itself says nothing
        i, j = np.unravel_index(int(finite.argmax()), finite.shape)
        return (
            f"{result['heading']}. Strongest: {result['rows'][i]} with {result['columns'][j]}, "
            f"{matrix[i, j]:.3g}."
        )


def read_words(text: str, *, vocabulary: Vocabulary) -> list[str]:
    """The words typed, separated by spaces or commas, each once.

    Raises
    ------
    InputProblem
        If there are none, too many, or one is unknown.
    """
    typed = list(dict.fromkeys(part for part in re.split(r"[\s,;]+", text) if part))
    if not typed:
        raise InputProblem("Type at least one word, such as: ocean sea king.")
    if len(typed) > MOST_WORDS:
        raise InputProblem(f"That is {len(typed)} words; the picture holds at most {MOST_WORDS}.")
    return list(dict.fromkeys(read_word(word, vocabulary=vocabulary) for word in typed))
