"""Where a model looked while it wrote: attention as a map, as links, and against gold links."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.attention import attention_svg
from course_utils.plots.svg import shorten
from course_utils.text.vocab import UnknownWord, Vocabulary

MOST_WORDS = 60  # on either side of the map
KEPT = 8  # sentences whose weights are remembered
Link = tuple[int, int]  # (source place, target place)
Links = AbstractSet[Link]


class Translated(Protocol):
    """A sentence, what the model made of it, and where it looked."""

    @property
    def source(self) -> Sequence[str]:
        """S words."""

    @property
    def target(self) -> Sequence[str]:
        """T words."""

    @property
    def weights(self) -> Any:
        """Array of shape (T, S), or a mapping from the name of a head to one."""


@dataclass(frozen=True)
class _Sentence:
    """What is known of one sentence, worked out once."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    columns: tuple[str, ...]  # source, and what the model adds to it, such as the end of the sentence
    rows: tuple[str, ...]
    heads: Mapping[str, NDArray[np.float64]]
    gold: frozenset[Link] | None


class AlignmentExplorer(Explorer):
    """Type a sentence, see where the model looked for each word, and how far that agrees with gold links.

    Parameters
    ----------
    translate : callable
        Text → object with `source` (S words), `target` (T words) and `weights`, of shape (T, S), or a mapping
        from the name of each head to such an array: then a slider picks the head. If the weights have rows
        and columns for more than the words, such as the end of the sentence, `target_pieces` and
        `source_pieces` name them all, the words first; links are drawn between words alone. Called once for
        each new text. A ValueError or `UnknownWord` that it raises is told to the reader. For self-attention
        `source` and `target` are the same pieces.
    sentence : str
        Shown first.
    gold : callable, optional
        Source words, target words → set of (source place, target place), or None if unknown.
    known : sequence of str
        Words that the model knows, to suggest some if `translate` raises a bare KeyError.
    threshold : float
        Where the slider stands first; at 0 each target word is linked to its strongest source word.

    Notes
    -----
    `state()` holds `source`, `target`, `rows` and `columns` (the names in the map), `head_name`, `weights`
    (all rows and columns), `links`, `gold_links`, `precision`, `recall` and `error_rate` (None if there is
    nothing to count, no gold is known, or it is hidden).

    References
    ----------
    Bahdanau, Cho and Bengio (2015), figure 3. Och and Ney (2003), section 5.1.
    """

    name = "alignment"

    def __init__(
        self,
        translate: Callable[[str], Translated],
        *,
        sentence: str,
        gold: Callable[[Sequence[str], Sequence[str]], Links | None] | None = None,
        known: Sequence[str] = (),
        threshold: float = 0.5,
    ) -> None:
        self._translate, self._gold, self._known = translate, gold, tuple(known)
        self._first = sentence
        self._read_before: dict[str, _Sentence] = {}
        names = tuple(self._read(sentence).heads)
        controls: dict[str, Any] = {
            "sentence": widgets.Text(value=sentence, description="sentence", continuous_update=False)
        }
        if len(names) > 1:
            controls["head"] = widgets.SelectionSlider(options=names, value=names[0], description="head")
        controls["threshold"] = widgets.FloatSlider(
            value=threshold, min=0, max=1, step=0.05, description="threshold"
        )
        if gold is not None:
            controls["gold"] = widgets.Checkbox(value=True, description="show gold links", indent=True)
        super().__init__(controls)

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Links of one head, and their agreement with the gold ones."""
        found = self._read(state["sentence"])
        head = state.get("head", next(iter(found.heads)))
        if head not in found.heads:
            raise ValueError(f"This sentence has no weights of {head!r}; there are {', '.join(found.heads)}.")
        threshold = float(state["threshold"])
        table = found.heads[head]
        words = table[: len(found.target), : len(found.source)]
        links = draw_links(words, threshold=threshold)
        asked = bool(state.get("gold"))
        gold = found.gold if asked else None
        precision, recall, error_rate = (None,) * 3 if gold is None else count_agreement(links, gold=gold)
        return {
            "source": list(found.source),
            "target": list(found.target),
            "columns": list(found.columns),
            "rows": list(found.rows),
            "head_name": head,
            "weights": table.tolist(),
            "least_weight": threshold,
            "links": sorted(links),
            "gold_links": None if gold is None else sorted(gold),
            "gold_unknown": asked and found.gold is None,
            "precision": precision,
            "recall": recall,
            "error_rate": error_rate,
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """The map; gold links framed, predicted ones ringed."""
        alike = result["rows"] == result["columns"]
        measures = {"precision": "precision", "recall": "recall", "error_rate": "error-rate"}
        data = {name: f"{result[key]:.6g}" for key, name in measures.items() if result[key] is not None}
        return attention_svg(
            result["weights"],
            row_labels=result["rows"],
            col_labels=result["columns"],
            title=self._finding(result),
            label=self.describe(result),
            gold=result["gold_links"],
            links=result["links"],
            row_name="query" if alike else "target",
            col_name="key" if alike else "source",
            link_name=_say_rule(result["least_weight"]),
            note=_say_measures(result),
            data={"head": result["head_name"], "threshold": f"{result['least_weight']:g}", **data},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """Each word with the one it looked at most, and the measures."""
        table, columns = np.array(result["weights"]), result["columns"]
        strongest = ", ".join(
            f"{row} ← {columns[j]} {table[i, j]:.2f}"
            for i, (row, j) in enumerate(zip(result["rows"], table.argmax(axis=1), strict=True))
        )
        parts = [f"{self._finding(result)}.", f"Strongest in each row: {strongest}."]
        measures = _say_measures(result)
        return " ".join([*parts, f"{measures[0].upper()}{measures[1:]}."] if measures else parts)

    def _finding(self, result: Mapping[str, Any]) -> str:
        head = f"{result['head_name']}: " if result["head_name"] else ""
        if result["gold_links"] is not None:
            right = len(set(result["links"]) & set(result["gold_links"]))
            wrong = len(result["links"]) - right
            return f"{head}{right} of {len(result['gold_links'])} gold links found, {wrong} wrong"
        shares = np.array(result["weights"]).mean(axis=0)
        most = int(shares.argmax())
        return (
            f"{head}“{result['columns'][most]}” gets the most weight: {shares[most]:.2f} of a row on average"
        )

    def _read(self, text: str) -> _Sentence:
        """A sentence's words, weights and gold links, computed once."""
        words = text.split()
        if not words:
            raise InputProblem(f"Type a sentence, such as: {self._first}")
        if len(words) > MOST_WORDS:
            raise InputProblem(
                f"That is {len(words)} words; the map holds at most {MOST_WORDS}. Shorten the sentence."
            )
        key = " ".join(words)
        if key not in self._read_before:
            found = _check(self._ask(key))
            gold = None if self._gold is None else self._gold(found.source, found.target)
            while len(self._read_before) >= KEPT:
                del self._read_before[next(iter(self._read_before))]
            links = None if gold is None else frozenset((int(s), int(t)) for s, t in gold)
            self._read_before[key] = _Sentence(
                found.source, found.target, found.columns, found.rows, found.heads, links
            )
        return self._read_before[key]

    def _ask(self, text: str) -> Translated:
        try:
            return self._translate(text)
        except UnknownWord as unknown:
            raise InputProblem(
                say_unknown(unknown.word, suggestions=unknown.suggestions, known=self._known)
            ) from unknown
        except KeyError as missing:
            word = str(missing.args[0]) if missing.args else ""
            if not self._known or not word or word.casefold() not in text.casefold():
                raise
            near = Vocabulary(self._known, np.ones(len(self._known))).suggest(word)
            raise InputProblem(say_unknown(word, suggestions=near, known=self._known)) from missing
        except ValueError as refusal:
            raise InputProblem(f"This sentence cannot be read: {refusal}") from refusal


def draw_links(weights: NDArray[np.float64], *, threshold: float) -> set[Link]:
    """Pairs of at least this weight; at threshold 0 each row's strongest column, the first of equals."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold goes from 0 to 1, not to {threshold}.")
    if threshold == 0:
        return {(int(s), t) for t, s in enumerate(weights.argmax(axis=1))}
    return {(int(s), int(t)) for t, s in np.argwhere(weights >= threshold)}


def count_agreement(links: Links, *, gold: Links) -> tuple[float | None, float | None, float | None]:
    """Precision, recall and alignment error rate, all gold links being sure; None where nothing counts."""
    right = len(links & gold)
    return (
        right / len(links) if links else None,
        right / len(gold) if gold else None,
        1 - 2 * right / (len(links) + len(gold)) if links or gold else None,
    )


def say_unknown(word: str, *, suggestions: Sequence[str], known: Sequence[str] = ()) -> str:
    """A word that the model has never seen, and what to type instead."""
    advice = "try another word."
    if suggestions:
        advice = f"did you mean {' or '.join(f'“{one}”' for one in suggestions)}?"
    elif known:
        advice = f"try one of its words, such as {', '.join(f'“{one}”' for one in known[:3])}."
    return f"The model does not know “{shorten(word, length=40)}”; {advice}"


def _check(found: Translated) -> _Sentence:
    """The model's answer in one form, and checked.

    Raises
    ------
    InputProblem
        If it is too short or too long for a map.
    ValueError
        If the weights do not fit the words.
    """
    source, target = tuple(map(str, found.source)), tuple(map(str, found.target))
    if not source or not target:
        raise InputProblem("No word came back for this sentence; try another one.")
    if found.weights is None:
        raise ValueError("This model gives no attention weights; show one with attention.")
    heads = found.weights if isinstance(found.weights, Mapping) else {"": found.weights}
    if not heads:
        raise ValueError("weights name no head.")
    tables = {str(name): _as_array(table) for name, table in heads.items()}
    shapes = {table.shape for table in tables.values()}
    rows, columns = target, source
    if shapes != {(len(target), len(source))}:
        rows = tuple(map(str, getattr(found, "target_pieces", target)))
        columns = tuple(map(str, getattr(found, "source_pieces", source)))
    if shapes != {(len(rows), len(columns))}:
        raise ValueError(
            f"Weights of shape {' and '.join(map(str, sorted(shapes)))} do not fit {len(target)} target and "
            f"{len(source)} source words; each head needs shape (T, S)."
        )
    longest = max(len(rows), len(columns))
    if longest > MOST_WORDS:
        raise InputProblem(
            f"The map holds at most {MOST_WORDS} words a side, and the model made {longest} of this "
            "sentence; shorten it."
        )
    return _Sentence(source, target, columns, rows, tables, None)


def _as_array(weights: Any) -> NDArray[np.float64]:
    return np.asarray(weights.detach() if hasattr(weights, "detach") else weights, dtype=np.float64)


def _say_rule(threshold: float) -> str:
    return "strongest of its row" if threshold == 0 else f"weight {threshold:.2f} or more"


def _say_measures(result: Mapping[str, Any]) -> str:
    if result["gold_links"] is None:
        return "no gold links are known for this sentence" if result["gold_unknown"] else ""
    return ", ".join(
        f"{name} {'–' if result[key] is None else format(result[key], '.2f')}"
        for key, name in (
            ("precision", "precision"),
            ("recall", "recall"),
            ("error_rate", "alignment error rate"),
        )
    )
