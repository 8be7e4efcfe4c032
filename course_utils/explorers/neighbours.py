"""Type a word, see the words whose vectors lie nearest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.bars import bars_svg
from course_utils.text.vocab import Vocabulary
from course_utils.vectors import Metric, nearest_neighbours, normalize_rows

METRICS = ("cosine", "dot", "euclidean")
MOST_NEIGHBOURS = 25


class NeighbourExplorer(Explorer):
    """Compare what different vectors, and different metrics, call similar.

    Parameters
    ----------
    representations : mapping of str to array or sparse matrix of shape (V, D)
        Named vectors, one row a word of the vocabulary; the widths D may differ.
    vocabulary : Vocabulary
        Says which row belongs to which word, and how often each word was seen.
    word : str
        The first word shown.
    k : int, default 10
        How many neighbours, 1 to 25.

    Notes
    -----
    `state()` holds `neighbours` (words, best first), `scores` and `counts` (times seen in the corpus).
    """

    name = "neighbours"

    def __init__(
        self, representations: Mapping[str, Any], *, vocabulary: Vocabulary, word: str, k: int = 10
    ) -> None:
        for name, vectors in representations.items():
            if vectors.shape[0] != len(vocabulary):
                raise ValueError(
                    f"{name!r} has {vectors.shape[0]} rows but the vocabulary has {len(vocabulary)} words; "
                    "pass the vectors that were built with this vocabulary."
                )
        self._representations = dict(representations)
        # Scaled once, so that a cosine costs one product for each key press.
        self._unit = {name: normalize_rows(vectors) for name, vectors in representations.items()}
        self._vocabulary = vocabulary
        most = min(MOST_NEIGHBOURS, len(vocabulary) - 1)
        if most < 1:
            raise ValueError("A neighbour needs a vocabulary of at least two words.")
        names = tuple(representations)
        super().__init__(
            {
                "word": widgets.Text(value=word, description="word"),
                "representation": widgets.ToggleButtons(
                    options=names, value=names[-1], description="vectors"
                ),
                "metric": widgets.ToggleButtons(options=METRICS, value="cosine", description="metric"),
                "k": widgets.IntSlider(value=min(k, most), min=1, max=most, description="neighbours"),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The k nearest rows to the word's row, the word itself left out."""
        word = read_word(state["word"], vocabulary=self._vocabulary)
        row = self._vocabulary[word]
        cosine = state["metric"] == "cosine"
        vectors = (self._unit if cosine else self._representations)[state["representation"]]
        metric: Metric = "dot" if cosine else state["metric"]
        found = nearest_neighbours(vectors, vectors[[row]], k=int(state["k"]), metric=metric, exclude=(row,))
        indices, scores = found[0].ravel(), found[1].ravel()
        return {
            "shown_word": word,
            "neighbours": [self._vocabulary.words[i] for i in indices],
            "scores": [float(score) for score in scores],
            "counts": [int(self._vocabulary.counts[i]) for i in indices],
            "heading": f"{word}: nearest by {state['metric']} in {state['representation']}",
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """One bar a neighbour; the quiet number at the right says how common the word is."""
        return bars_svg(
            result["scores"],
            labels=result["neighbours"],
            notes=[f"seen {count:,}×" for count in result["counts"]],
            title=result["heading"],
            label=self.describe(result),
            limit=1.0 if "cosine" in result["heading"] else None,
            data={"word": result["shown_word"]},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """The three nearest words with their scores."""
        pairs = zip(result["neighbours"][:3], result["scores"][:3], strict=True)
        nearest = ", ".join(f"{word} {score:.3f}" for word, score in pairs)
        times = np.median(result["counts"])
        return f"Nearest to {result['shown_word']}: {nearest}. Median count of the words shown: {times:,.0f}."


def read_word(text: str, *, vocabulary: Vocabulary) -> str:
    """The word meant by what was typed.

    Raises
    ------
    InputProblem
        If nothing was typed, or no such word is known; close spellings are suggested.
    """
    word = text.strip().lower()
    if not word:
        raise InputProblem("Type a word, such as: ocean.")
    if word not in vocabulary:
        shown = word if len(word) <= 40 else word[:39] + "…"
        near = vocabulary.suggest(word)
        hint = f"Close to it: {', '.join(near)}." if near else "Try a common English word."
        raise InputProblem(f"“{shown}” was seen too rarely to have a vector. {hint}")
    return word
