"""One word's true neighbours against the neighbours that a map draws beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.explorers.projection import first_method
from course_utils.explorers.training_scrubber import find_labels
from course_utils.plots.scatter import scatter_svg
from course_utils.projections.grid import ProjectionGrid
from course_utils.projections.trust import drawn_neighbours

MOST_NEIGHBOURS = 25
KINDS = (
    "drawn and true",
    "missing",
    "false",
    "the word",
)  # colours and shapes of the map's groups, in this order


class NeighbourTruth(Explorer):
    """Which neighbours on the map are neighbours, which are strangers, and which were torn away.

    Parameters
    ----------
    grid : ProjectionGrid
    word : str
        The word shown first.
    method : str, optional
        The map shown first; t-SNE if the grid has it.
    k : int
        Neighbours, 1 to 25.

    Notes
    -----
    `state()` holds `true` and `drawn` (k labels each, nearest first), `both`, `false` (drawn but not
    true) and `missing` (true but not drawn).
    """

    name = "truth"

    def __init__(self, grid: ProjectionGrid, *, word: str, method: str | None = None, k: int = 10) -> None:
        most = min(MOST_NEIGHBOURS, len(grid.labels) - 1)
        if most < 1:
            raise ValueError("Neighbours need a map of at least two words.")
        self._grid = grid
        self._true = drawn_neighbours(grid.vectors, k=most)  # (N, most), nearest first
        self._drawn = {id(one): drawn_neighbours(one.points, k=most) for one in grid}
        methods = tuple(grid.methods)
        first = first_method(methods, method)
        super().__init__(
            {
                "word": widgets.Text(value=word, description="word"),
                "method": widgets.ToggleButtons(options=methods, value=first, description="map"),
                "seed": widgets.SelectionSlider(options=grid.seeds, value=grid.seeds[0], description="seed"),
                "k": widgets.IntSlider(value=min(k, most), min=1, max=most, description="neighbours"),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Both lists of k, and what they share."""
        labels, k = self._grid.labels, int(state["k"])
        text = state["word"].strip()
        found = find_labels(text, labels=labels)
        if len(found) != 1:
            raise InputProblem(f"Type one word of the map, such as: {labels[0]}.")
        row = found[0]
        shown = self._grid.get(state["method"], seed=state["seed"])
        true, drawn = (list(table[row, :k]) for table in (self._true, self._drawn[id(shown)]))
        return {
            "shown_word": labels[row],
            "row": row,
            "map": shown,
            "true": [labels[i] for i in true],
            "drawn": [labels[i] for i in drawn],
            "both": [labels[i] for i in drawn if i in true],
            "false": [labels[i] for i in drawn if i not in true],
            "missing": [labels[i] for i in true if i not in drawn],
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """The map; lines lead to the true neighbours, wherever they were put."""
        labels, row = self._grid.labels, result["row"]
        place = {text: i for i, text in enumerate(labels)}
        groups = np.full(len(labels), -1)
        groups[row], marked = 3, [row]
        for kind, names in enumerate((result["both"], result["missing"], result["false"])):
            rows = [place[name] for name in names]
            groups[rows] = kind
            marked += rows
        shared = f"{len(result['both'])} of {len(result['true'])}"
        return scatter_svg(
            result["map"].points,
            labels=labels,
            title=f"{result['shown_word']}: {shared} true neighbours are drawn near it",
            label=self.describe(result),
            groups=groups,
            group_names=KINDS,
            highlight=marked,
            named=[],
            lines=[(row, place[name]) for name in result["true"]],
            corner=f"trustworthiness {result['map'].trustworthiness:.2f}",
            data={"word": result["shown_word"], "shared": len(result["both"])},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """All three lists."""
        lists = (
            (name, result[key]) for name, key in zip(KINDS[:3], ("both", "missing", "false"), strict=True)
        )
        said = "; ".join(f"{name} ({len(words)}): {', '.join(words) or 'none'}" for name, words in lists)
        return f"{result['shown_word']} on the map by {result['map'].method}. {said}."
