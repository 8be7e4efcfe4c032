"""One word in two sentences: how far its two vectors part, layer by layer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.layer_curve import check_curve, layer_curve_svg
from course_utils.plots.occurrences import Occurrence, occurrences_svg
from course_utils.plots.svg import above, shorten
from course_utils.vectors import cosine_matrix, cosine_pairs

MOST_NEAR = 5  # pieces listed for each sentence
KEPT = 8  # sentences whose layers are remembered
SENTENCES = ("A", "B")


class Layers(Protocol):
    """One text's vectors at every layer."""

    @property
    def pieces(self) -> Sequence[str]:
        """T pieces."""

    @property
    def spans(self) -> Sequence[tuple[int, int]]:
        """T pairs of character offsets; empty for marks of the model."""

    @property
    def vectors(self) -> Any:
        """Array of shape (L + 1, T, C)."""


@dataclass(frozen=True)
class _Place:
    """A word's first place in a sentence, and its vectors."""

    span: tuple[int, int]
    times: int  # that the word occurs
    rows: list[int]  # pieces that cover it
    layers: Layers
    vectors: NDArray[np.float64]  # (L + 1, C), mean over the word's pieces


class ContextExplorer(Explorer):
    """Type two sentences and a word; see the cosine of its two vectors at every layer.

    Parameters
    ----------
    layers : callable
        Text → object with `pieces` (T str), `spans` (T pairs of character offsets) and `vectors` of shape
        (L + 1, T, C), any L and C, always the same. Called for new texts only. A ValueError that it raises
        is shown to the reader.
    word, first, second : str
        Shown first. The word must stand in both sentences; its first place counts.
    references : mapping of str to (low, high), optional
        Bands to compare with, such as pairs of one sense and of two; two arrays of shape (L + 1,) each.
    layer_names : sequence of L + 1 str, optional
    layer : int, optional
        Where the slider stands first; by default at the last layer.

    Notes
    -----
    `state()` holds `cosines` (L + 1 floats), `layer_name`, `within` (names of the bands that hold the chosen
    cosine), and for each sentence `spans`, `occurrences`, `pieces` (of the word) and `nearest` (pairs of a
    piece and its cosine with the word at the chosen layer). A word's vector is the mean over its pieces.

    References
    ----------
    Ethayarajh (2019), How Contextual are Contextualized Word Representations?
    """

    name = "context"

    def __init__(
        self,
        layers: Callable[[str], Layers],
        *,
        word: str,
        first: str,
        second: str,
        references: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
        layer_names: Sequence[str] | None = None,
        layer: int | None = None,
    ) -> None:
        self._layers = layers
        self._known: dict[str, Layers] = {}
        count = len(self._read(first, sentence=SENTENCES[0]).vectors)
        self._names = [str(name) for name in layer_names or range(count)]
        flat = np.zeros(count)
        _, self._bands = check_curve(flat, names=self._names, bands=references or {})
        texts = {
            "first": widgets.Text(value=first, description="sentence A", continuous_update=False),
            "second": widgets.Text(value=second, description="sentence B", continuous_update=False),
            "word": widgets.Text(value=word, description="word", continuous_update=False),
        }
        last = count - 1
        chosen = last if layer is None else layer
        slider = widgets.IntSlider(value=min(max(chosen, 0), last), min=0, max=last, description="layer")
        super().__init__({**texts, "layer": slider})

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Cosines at all layers, and the nearest pieces at one."""
        layer, word = int(state["layer"]), " ".join(state["word"].split())
        if not 0 <= layer < len(self._names):
            raise ValueError(f"layer goes from 0 to {len(self._names) - 1}.")
        spans = _find_in_both(word, state["first"], state["second"])
        both = [
            self._place(text, found, sentence=sentence)
            for text, found, sentence in zip((state["first"], state["second"]), spans, SENTENCES, strict=True)
        ]
        cosines = cosine_pairs(both[0].vectors, both[1].vectors)
        return {
            "shown": word,
            "texts": (state["first"], state["second"]),
            "chosen": layer,
            "layer_name": self._names[layer],
            "cosines": [float(value) for value in cosines],
            "spans": tuple(place.span for place in both),
            "occurrences": tuple(place.times for place in both),
            "pieces": tuple([place.layers.pieces[row] for row in place.rows] for place in both),
            "nearest": tuple(_nearest(place, layer) for place in both),
            "within": [
                n for n, (low, high) in self._bands.items() if low[layer] <= cosines[layer] <= high[layer]
            ],
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """The curve over the layers; below it, both sentences with the nearest pieces."""
        chosen, word = result["chosen"], shorten(result["shown"], length=24)
        label, where = self.describe(result), f"at layer {result['layer_name']}"
        curve = layer_curve_svg(
            result["cosines"],
            names=self._names,
            chosen=chosen,
            title=f"{word} in A and in B: cosine {result['cosines'][chosen]:.3f} {where}",
            label=label,
            y_label="cosine",
            bands={name: (low, high) for name, (low, high) in self._bands.items()},
        )
        places = [
            Occurrence(sentence, text, start, end, nearest)
            for sentence, text, (start, end), nearest in zip(
                SENTENCES, result["texts"], result["spans"], result["nearest"], strict=True
            )
        ]
        heading = f"Nearest to {word} in its own sentence, by cosine {where}"
        lists = occurrences_svg(places, title=heading, label=heading)
        data = {"word": result["shown"], "layer": chosen}
        return above(curve, lists, label=label, data=data)

    def describe(self, result: Mapping[str, Any]) -> str:
        """All cosines, the bands, the nearest pieces."""
        chosen, word = result["chosen"], shorten(result["shown"], length=40)
        curve = ", ".join(
            f"{name} {value:.3f}" for name, value in zip(self._names, result["cosines"], strict=True)
        )
        parts = [f"Cosine of {word} in A with {word} in B, by layer: {curve}."]
        name, value = result["layer_name"], result["cosines"][chosen]
        if self._bands:
            inside = " and ".join(result["within"]) or "none of the bands"
            parts.append(f"At layer {name} the cosine {value:.3f} lies in: {inside}.")
        for sentence, nearest in zip(SENTENCES, result["nearest"], strict=True):
            said = ", ".join(f"{piece} {score:.3f}" for piece, score in nearest) or "no other piece"
            parts.append(f"Nearest in {sentence} at layer {name}: {said}.")
        for sentence, times in zip(SENTENCES, result["occurrences"], strict=True):
            if times > 1:
                parts.append(f"Sentence {sentence} holds {word} {times} times; the first is used.")
        return " ".join(parts)

    def _place(self, text: str, found: Sequence[tuple[int, int]], *, sentence: str) -> _Place:
        """The word's vectors at its first place."""
        layers = self._read(text, sentence=sentence)
        if len(layers.vectors) != len(self._names):
            raise ValueError(f"{len(layers.vectors)} layers came back where there were {len(self._names)}.")
        start, end = found[0]
        rows = [row for row, (left, right) in enumerate(layers.spans) if max(left, start) < min(right, end)]
        if not rows:
            raise InputProblem(
                f"The model read only the first {len(layers.pieces)} pieces of sentence {sentence}, "
                "and the word stands behind them; shorten the sentence."
            )
        vectors = np.asarray(layers.vectors, dtype=np.float64)[:, rows].mean(axis=1)  # (L + 1, C)
        return _Place((start, end), len(found), rows, layers, vectors)

    def _read(self, text: str, *, sentence: str) -> Layers:
        """All layers of a text, computed once."""
        if not text.strip():
            raise InputProblem(f"Type sentence {sentence}; it must hold the word.")
        if text not in self._known:
            try:
                found = self._layers(text)
            except ValueError as refusal:
                raise InputProblem(f"Sentence {sentence} cannot be read: {refusal}") from refusal
            if (
                np.ndim(found.vectors) != 3
                or not len(found.spans) == len(found.pieces) == np.shape(found.vectors)[1]
            ):
                raise ValueError(
                    f"layers must give vectors of shape (L + 1, T, C) and T pieces and spans, not "
                    f"{np.shape(found.vectors)}, {len(found.pieces)} and {len(found.spans)}."
                )
            while len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[text] = found
        return self._known[text]


def find_word(word: str, text: str) -> list[tuple[int, int]]:
    """Where a word stands in a text as a whole word, in any case: (start, end) in characters.

    A word begins and ends where a letter does not touch another. Chinese and Japanese are written without
    blanks, so there any place counts.
    """
    if not word.strip():
        return []
    # An accent may be a part of its letter or a sign of its own behind it.
    forms = dict.fromkeys(unicodedata.normalize(form, word) for form in ("NFC", "NFD"))
    pattern = "|".join(r"\s+".join(re.escape(part) for part in form.split()) for form in forms)
    # The lookahead finds places that overlap as well: "a a" stands in "ba a a".
    found = [match.span(1) for match in re.finditer(f"(?=({pattern}))", text, flags=re.IGNORECASE)]
    return [
        (start, end)
        for start, end in found
        if not (_joins(text[start - 1 : start]) and _joins(text[start]))
        and not (_joins(text[end : end + 1]) and _joins(text[end - 1]))
    ]


def _joins(letter: str) -> bool:
    """Whether a letter that touches it would belong to the same word."""
    if not letter or unicodedata.east_asian_width(letter) in "WF":
        return False
    return letter.isalnum() or letter == "_" or unicodedata.category(letter).startswith("M")


def _find_in_both(word: str, first: str, second: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """All places of the word in both sentences.

    Raises
    ------
    InputProblem
        Naming what is missing.
    """
    for sentence, text in zip(SENTENCES, (first, second), strict=True):
        if not text.strip():
            raise InputProblem(f"Type sentence {sentence}; it must hold the word.")
    if not word:
        raise InputProblem("Type a word that stands in both sentences.")
    both = find_word(word, first), find_word(word, second)
    missing = [sentence for sentence, found in zip(SENTENCES, both, strict=True) if not found]
    if missing:
        where = "neither sentence" if len(missing) == 2 else f"sentence {missing[0]}"
        verb = "is in" if len(missing) == 2 else "is not in"
        raise InputProblem(
            f"“{shorten(word, length=40)}” {verb} {where} as a whole word; change the word or the sentence."
        )
    return both


def _nearest(place: _Place, layer: int) -> list[tuple[str, float]]:
    """The other pieces of the sentence nearest to the word, best first; marks of the model left out."""
    spans, own = place.layers.spans, set(place.rows)
    rows = [row for row, (start, end) in enumerate(spans) if end > start and row not in own]
    if not rows:
        return []
    others = np.asarray(place.layers.vectors[layer], dtype=np.float64)[rows]  # (R, C)
    scores = cosine_matrix(place.vectors[layer][None], others)[0]  # (R,)
    best = np.argsort(-scores, kind="stable")[:MOST_NEAR]
    return [(str(place.layers.pieces[rows[i]]), float(scores[i])) for i in best]
