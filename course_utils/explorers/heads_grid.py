"""Every head of a model at once, sorted by what it does; one of them large."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.alignment import say_unknown
from course_utils.explorers.base import Explorer, InputProblem
from course_utils.explorers.heads import CheckedHeads, Heads, check_heads
from course_utils.plots.attention import attention_svg
from course_utils.plots.head_maps import head_maps_svg
from course_utils.plots.placement import cut_to_width
from course_utils.plots.svg import MUTED, draw_text, picture_size, place_picture, svg_document
from course_utils.text.vocab import UnknownWord

__all__ = ["Heads", "HeadsGrid"]

AS_GIVEN = "layer order"
FEW = 16  # up to so many heads, the large map stands beside the small ones
KEPT = 8  # texts whose heads are remembered, of each model
WIDTH, NARROW, LARGE, LIST = 960, 420, 580, 300  # pixels: of the picture, few small maps, a large one, scores
TOP = 28  # pixels for the finding
Look = Callable[[str], Heads]


class HeadsGrid(Explorer):
    """All heads as small maps in the order of a score; a slider goes through them and shows one large.

    Parameters
    ----------
    heads : Heads, or callable, or mapping of str to either
        Heads of one text; or text → heads of it, then the reader types texts (a ValueError or `UnknownWord`
        that it raises is told to the reader; it is called once for each new text). A mapping gives several
        models, such as {"trained": …, "untrained": …}, or several attentions of one, between which buttons
        choose; all must have the same number of heads.
    sentence : str
        Shown first, where heads come from a callable.
    sort : str, optional
        Name of the score to begin with; by default heads stand in the order of their layers.
    threshold : float
        From which score on a head's kind is named, where the slider stands first; without `Heads.kinds` there
        is no such slider.
    row_name, col_name : str
        What rows and columns are, such as "target" and "source".

    Notes
    -----
    Controls, as far as there is something to choose: `sentence`, `model`, `sort`, `place` (1: the first in
    the present order) and `threshold`. A score that a model lacks leaves its heads in the order of layers.

    `state()` holds `order` (names of all heads as shown), `sorted_scores` (in that order; None without),
    `kinds` (in that order); of the chosen head `head_name`, `head_scores` and `head_ranks` (by name; 1 is the
    greatest), `head_kind` ("" where kinds are not named) and `weights` of shape (T, S); `rows`, `columns`.

    References
    ----------
    Clark et al. (2019), What Does BERT Look At? Voita et al. (2019), Analyzing Multi-Head Self-Attention.
    """

    name = "heads"

    def __init__(
        self,
        heads: Heads | Look | Mapping[str, Heads | Look],
        *,
        sentence: str = "",
        sort: str | None = None,
        threshold: float = 0.2,
        row_name: str = "query",
        col_name: str = "key",
    ) -> None:
        self._models = dict(heads) if isinstance(heads, Mapping) else {"": heads}
        if not self._models:
            raise ValueError("Give the heads of at least one model.")
        self._sides, self._first = (row_name, col_name), sentence
        self._read_before: dict[tuple[str, str], CheckedHeads] = {}
        found = [self._read(model, sentence) for model in self._models]
        self._number = len(found[0].names)
        if any(len(one.names) != self._number for one in found):
            raise ValueError(f"All models need {self._number} heads, as many as the first.")
        self._scores = tuple(dict.fromkeys(name for one in found for name in one.scores))
        controls: dict[str, Any] = {}
        if any(callable(source) for source in self._models.values()):
            controls["sentence"] = widgets.Text(
                value=sentence, description="sentence", continuous_update=False
            )
        if len(self._models) > 1:
            controls["model"] = widgets.ToggleButtons(options=tuple(self._models), description="heads of")
        if self._scores:
            controls["sort"] = widgets.ToggleButtons(
                options=(AS_GIVEN, *self._scores), value=sort or AS_GIVEN, description="sort by"
            )
        controls["place"] = widgets.IntSlider(value=1, min=1, max=self._number, description="place")
        if any(one.kinds is not None for one in found):
            controls["threshold"] = widgets.FloatSlider(
                value=threshold, min=0, max=1, step=0.05, description="threshold"
            )
        super().__init__(controls)

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The order, the kinds, and all that is known of the chosen head."""
        model, sort, threshold = self._check(state)
        found = self._read(model, state.get("sentence", self._first))
        if len(found.names) != self._number:
            raise ValueError(f"This text has {len(found.names)} heads, the first had {self._number}.")
        order = found.order(sort)
        kinds = found.kinds_at(threshold)
        chosen = order[int(state["place"]) - 1]
        values = found.scores.get(sort or "")
        return {
            "order": [found.names[place] for place in order],
            "sorted_by": sort if values is not None else None,
            "sorted_scores": None if values is None else [float(values[place]) for place in order],
            "kinds": [kinds[place] for place in order] if kinds else [],
            "head_name": found.names[chosen],
            "head_scores": {name: float(numbers[chosen]) for name, numbers in found.scores.items()},
            "head_kind": kinds[chosen] if kinds else "",
            "weights": found.maps[chosen].tolist(),
            "rows": list(found.rows),
            "columns": list(found.columns),
            "head_ranks": {name: 1 + int((n > n[chosen]).sum()) for name, n in found.scores.items()},
            "shown_model": model,
            "shown_text": state.get("sentence", self._first),
            "places": order,
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """The grid, the chosen head beside it (below it, where that takes more room), and its scores."""
        few = self._number <= FEW
        small = self._grid(result, width=NARROW if few else WIDTH)
        large = self._large(result, width=WIDTH - NARROW if few else LARGE)
        (width, height), (broad, high) = picture_size(small), picture_size(large)
        beside = few and broad <= WIDTH - NARROW
        x, y = (width, TOP) if beside else (0.0, TOP + height)
        if few:
            listed = (8.0, TOP + height + 24) if beside else (width + 24, TOP + 20)
        else:
            listed = (broad + 16, y + 20) if broad + LIST <= WIDTH else (8.0, y + high + 20)
        lines = 20 * (len(result["head_scores"]) + 1)
        heading = cut_to_width(self._finding(result), width=WIDTH - 16, size=14, bold=True)
        parts = [draw_text(8, 20, heading, size=14, weight="bold"), place_picture(small, y=TOP)]
        parts += [place_picture(large, x=x, y=y), _list_scores(result, at=listed)]
        return svg_document(
            "".join(parts),
            width=max(WIDTH, x + broad),
            height=max(TOP + height, y + high, listed[1] + lines),
            label=self.describe(result),
            data={
                "chosen": result["head_name"],
                "sort": result["sorted_by"] or AS_GIVEN,
                "model": result["shown_model"],
                "kind": result["head_kind"],
            },
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """The order, the kinds, and the chosen head with where it looks most."""
        parts = [f"{self._finding(result)}.", self._order_in_words(result)]
        parts += [f"Kinds: {_count_kinds(result)}."] if result["kinds"] else []
        table = np.array(result["weights"])
        strongest = ", ".join(
            f"{row} → {result['columns'][j]} {table[i, j]:.2f}"
            for i, (row, j) in enumerate(zip(result["rows"], table.argmax(axis=1), strict=True))
        )
        named = f", {result['head_kind']}" if result["head_kind"] else ""
        scores = "; ".join(f"{name} {_say(value)}" for name, value in result["head_scores"].items())
        parts.append(f"Head {result['head_name']}{named}{': ' if scores else ''}{scores}.")
        return " ".join([*parts, f"Strongest in each row: {strongest}."])

    # -- parts of the picture ------------------------------------------------------------------------------

    def _grid(self, result: Mapping[str, Any], *, width: int) -> str:
        found = self._shown(result)
        order, values = result["places"], result["sorted_scores"]
        kinds = result["kinds"] or [""] * self._number
        hovers = [
            ", ".join([
                " ".join(filter(None, (found.names[place], kind))),
                *(f"{name} {_say(numbers[place])}" for name, numbers in found.scores.items()),
            ])
            for place, kind in zip(order, kinds, strict=True)
        ]  # fmt: skip
        return head_maps_svg(
            found.maps[order],
            names=result["order"],
            label="",
            values=[] if values is None else [_say(value) for value in values],
            kinds=result["kinds"],
            hovers=hovers,
            allowed=found.allowed,
            chosen=result["order"].index(result["head_name"]),
            columns=found.in_a_row,
            width=width,
        )

    def _large(self, result: Mapping[str, Any], *, width: int) -> str:
        found = self._shown(result)
        kind = f": {result['head_kind']}" if result["head_kind"] else ""
        return attention_svg(
            result["weights"],
            row_labels=result["rows"],
            col_labels=result["columns"],
            title=f"Head {result['head_name']}{kind}",
            label="",
            allowed=found.allowed,
            row_name=self._sides[0],
            col_name=self._sides[1],
            width=width,
        )

    def _finding(self, result: Mapping[str, Any]) -> str:
        """What the order or the kinds say of all heads."""
        model = f"{result['shown_model']}: " if result["shown_model"] else ""
        values = result["sorted_scores"]
        if values is not None and not math.isnan(values[0]):
            middle = _say(float(np.nanmedian(values)))
            leader = f"{result['order'][0]} leads with {_say(values[0])}, the median is {middle}"
            return f"{model}{result['sorted_by']}: {leader}"
        if result["kinds"]:
            return f"{model}{_count_kinds(result)}"
        return f"{model}{self._number} heads in the order of their layers"

    def _order_in_words(self, result: Mapping[str, Any]) -> str:
        first = result["order"][:5]
        values = result["sorted_scores"]
        shown = first if values is None else [f"{n} {_say(v)}" for n, v in zip(first, values, strict=False)]
        return f"First: {', '.join(shown)}."

    # -- what is shown -------------------------------------------------------------------------------------

    def _shown(self, result: Mapping[str, Any]) -> CheckedHeads:
        return self._read(result["shown_model"], result["shown_text"])

    def _read(self, model: str, text: str) -> CheckedHeads:
        """Heads of one model on one text, asked for once."""
        source = self._models[model]
        text = " ".join(text.split()) if callable(source) else ""
        key = (model, text)
        if key not in self._read_before:
            found = check_heads(self._ask(source, text) if callable(source) else source)
            of_model = [one for one in self._read_before if one[0] == model]
            for old in of_model[: len(of_model) + 1 - KEPT]:
                del self._read_before[old]
            self._read_before[key] = found
        return self._read_before[key]

    def _ask(self, look: Look, text: str) -> Heads:
        if not text:
            raise InputProblem(f"Type a text, such as: {self._first}")
        try:
            return look(text)
        except InputProblem:
            raise
        except UnknownWord as unknown:
            raise InputProblem(say_unknown(unknown.word, suggestions=unknown.suggestions)) from unknown
        except ValueError as refusal:
            raise InputProblem(f"This text cannot be read: {refusal}") from refusal

    def _check(self, state: Mapping[str, Any]) -> tuple[str, str | None, float]:
        """Model, score to sort by (None: layer order) and threshold."""
        model = state.get("model", next(iter(self._models)))
        if model not in self._models:
            raise ValueError(f"there is no model {model!r}; there are {', '.join(self._models)}.")
        sort = state.get("sort", AS_GIVEN)
        if sort not in (AS_GIVEN, *self._scores):
            raise ValueError(f"there is no score {sort!r}; there are {', '.join((AS_GIVEN, *self._scores))}.")
        if not 1 <= state["place"] <= self._number:
            raise ValueError(f"place goes from 1 to {self._number}.")
        threshold = float(state.get("threshold", 0))
        if not 0 <= threshold <= 1:
            raise ValueError("threshold goes from 0 to 1.")
        return model, None if sort == AS_GIVEN else sort, threshold


def _list_scores(result: Mapping[str, Any], *, at: tuple[float, float]) -> str:
    """The chosen head's scores and ranks, a line each."""
    if not result["head_scores"]:
        return ""
    x, y = at
    parts = [draw_text(x, y, f"Head {result['head_name']}", size=13, weight="bold")]
    parts.append(draw_text(x + 280, y, "rank", size=11, anchor="end", fill=MUTED))
    for line, (name, value) in enumerate(result["head_scores"].items(), start=1):
        down = y + 20 * line
        parts.append(draw_text(x, down, cut_to_width(name, width=160, size=12), size=12))
        parts.append(draw_text(x + 220, down, _say(value), size=12, anchor="end"))
        if not math.isnan(value):
            rank = f"{result['head_ranks'][name]} of {len(result['order'])}"
            parts.append(draw_text(x + 280, down, rank, size=12, anchor="end"))
    return "".join(parts)


def _count_kinds(result: Mapping[str, Any]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in Counter(result["kinds"]).most_common())


def _say(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
