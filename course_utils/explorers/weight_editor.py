"""The attention weights moved by hand: which word does the model say then?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.explorers.alignment import say_unknown
from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.attention import attention_svg
from course_utils.plots.paired_bars import paired_bars_svg
from course_utils.plots.svg import above, shorten
from course_utils.text.vocab import Vocabulary

SHOWN = 5  # likeliest words before, and as many after
KEPT = 64  # answers of the model that are remembered
OWN = "own"
STEPS = 20  # of the weight, from 0 to 1


@dataclass(frozen=True)
class _Answer:
    """What the model says at one place with one set of weights."""

    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]  # (V,)
    weights: NDArray[np.float64]  # (S,)


class WeightEditor(Explorer):
    """Set the weight of one source word by hand, guess the next word, then look.

    Parameters
    ----------
    next_words : callable
        ``next_words(t, weights)``: t is a place in `target`, weights an array of shape (S,), or None for the
        model's own. It returns `labels` (V words), `probabilities` (V) of the word at place t after those
        before it, and the `weights` (S,) that were used, as a tuple or as attributes of these names.
    source : sequence of S str, S at least 2
    target : sequence of str
        The words that the model wrote, with the end of the sentence if its place is to be looked at.
    place : int
        Where in the target to start.
    word : int, optional
        Which source word to start with; by default the one looked at most.

    Notes
    -----
    The edited weight is set, and the other words share the rest in their old proportions. At "own" nothing is
    edited. The reader types a guess and reveals; until then `state()` holds None in `after` and `guess_rank`.
    Moving to another place asks anew.

    `state()` holds `prefix`, `own_weights`, `edited_weights` (S each), `candidates` (words), `before` and
    `after` (their probabilities), `top_before`, `top_after`, `guess_probability` and `guess_rank` (from 1).
    """

    name = "weights"

    def __init__(
        self,
        next_words: Callable[[int, NDArray[np.float64] | None], Any],
        *,
        source: Sequence[str],
        target: Sequence[str],
        place: int = 0,
        word: int | None = None,
    ) -> None:
        if len(source) < 2 or not target:
            raise ValueError("Editing weights needs at least two source words and a target word.")
        self._next_words = next_words
        self._source, self._target = tuple(map(str, source)), tuple(map(str, target))
        self._answers: dict[tuple[int, int, float | None], _Answer] = {}
        self._spellings: Vocabulary | None = None
        place = min(max(place, 0), len(target) - 1)
        first = int(self._ask(place, 0, None).weights.argmax()) if word is None else word
        super().__init__(
            {
                "place": widgets.SelectionSlider(
                    options=_numbered(self._target), value=place, description="next word"
                ),
                "word": widgets.SelectionSlider(
                    options=_numbered(self._source), value=first, description="source word"
                ),
                "weight": widgets.SelectionSlider(
                    options=[(OWN, OWN), *((f"{i / STEPS:.2f}", i / STEPS) for i in range(STEPS + 1))],
                    value=OWN,
                    description="its weight",
                ),
                "guess": widgets.Text(value="", description="my guess", continuous_update=False),
                "reveal": widgets.Checkbox(
                    value=False, description="reveal what the model says", indent=True
                ),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The distribution before and, once revealed, after."""
        place, word = int(state["place"]), int(state["word"])
        weight = None if state["weight"] == OWN else float(state["weight"])
        if not (0 <= place < len(self._target) and 0 <= word < len(self._source)):
            raise ValueError("place and word are places in the target and in the source, counted from 0.")
        own = self._ask(place, word, None)
        guess = self._read_guess(state["guess"], labels=own.labels)
        if state["reveal"] and guess is None:
            raise InputProblem("Guess first: type the word that you expect, then reveal.")
        after = self._ask(place, word, weight) if state["reveal"] else None
        rows = _candidates(own, after, guess=guess)
        return {
            "prefix": list(self._target[:place]),
            "edited_word": self._source[word],
            "edited_place": word,
            "edited_to": weight,
            "own_weights": own.weights.tolist(),
            "edited_weights": edit_weights(own.weights, word=word, weight=weight).tolist(),
            "candidates": [own.labels[i] for i in rows],
            "before": own.probabilities[rows].tolist(),
            "after": None if after is None else after.probabilities[rows].tolist(),
            "top_before": own.labels[int(own.probabilities.argmax())],
            "top_after": None if after is None else after.labels[int(after.probabilities.argmax())],
            "guessed": None if guess is None else own.labels[guess],
            "guess_probability": None
            if after is None or guess is None
            else float(after.probabilities[guess]),
            "guess_rank": None
            if after is None or guess is None
            else 1 + int((after.probabilities > after.probabilities[guess]).sum()),
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """Both rows of weights, and below them the likeliest words."""
        label = self.describe(result)
        weights = attention_svg(
            [result["own_weights"], result["edited_weights"]],
            row_labels=["the model's own", "by hand"],
            col_labels=self._source,
            title=f"Weights on the source for the word after {_say_prefix(result['prefix'])}",
            label=label,
            links=None if result["edited_to"] is None else [(result["edited_place"], 1)],
            link_name="set by hand",
        )
        bars = paired_bars_svg(
            result["before"],
            result["after"],
            labels=result["candidates"],
            names=("own weights", "weights by hand"),
            marked=result["guessed"],
            mark="my guess",
            title=_finding(result),
            label=label,
        )
        edited = "" if result["edited_to"] is None else f"{result['edited_to']:g}"
        data = {"place": len(result["prefix"]), "word": result["edited_place"], "weight": edited or OWN}
        return above(weights, bars, label=label, data=data)

    def describe(self, result: Mapping[str, Any]) -> str:
        """Weights and words, without what is not revealed yet."""
        old = result["own_weights"][result["edited_place"]]
        parts = [f"{_finding(result)}."]
        if result["edited_to"] is None:
            parts.append(f"“{result['edited_word']}” keeps its own weight, {old:.3f}.")
        else:
            parts.append(
                f"“{result['edited_word']}” goes from {old:.3f} to {result['edited_to']:.2f}; the other "
                f"words share the remaining {1 - result['edited_to']:.2f} in their old proportions."
            )
        parts.append(f"With the model's own weights: {_say_words(result, 'before')}.")
        if result["after"] is None:
            parts.append("Type the word that you expect with the weights by hand, then reveal.")
        else:
            parts.append(f"With the weights by hand: {_say_words(result, 'after')}.")
            parts.append(
                f"Your guess “{result['guessed']}” gets {result['guess_probability']:.3f}, rank "
                f"{result['guess_rank']}."
            )
        return " ".join(parts)

    def _on_change(self, change: Any) -> None:
        """Another place is another question: the guess is taken back before anything is shown."""
        with self._lock:
            if change["owner"] is self.controls["place"]:
                self._move({"guess": "", "reveal": False})
            super()._on_change(change)

    def _ask(self, place: int, word: int, weight: float | None) -> _Answer:
        """The model's answer, asked for once."""
        key = (place, word if weight is not None else -1, weight)
        if key not in self._answers:
            own = None if weight is None else self._ask(place, word, None)
            given = None if own is None else edit_weights(own.weights, word=word, weight=weight)
            answer = _check(self._next_words(place, given), words=len(self._source))
            if own is not None and answer.labels != own.labels:
                raise ValueError("next_words must give the same labels for all weights.")
            if given is not None and not np.allclose(answer.weights, given, atol=1e-4):
                raise ValueError("next_words did not use the weights that it was given.")
            while len(self._answers) >= KEPT:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = answer
        return self._answers[key]

    def _read_guess(self, text: str, *, labels: Sequence[str]) -> int | None:
        """Which label was typed; None if nothing was."""
        word = text.strip()
        if not word:
            return None
        for form in (word, word.lower()):
            if form in labels:
                return labels.index(form)
        if self._spellings is None or self._spellings.words != tuple(labels):
            self._spellings = Vocabulary(labels, np.ones(len(labels)))
        raise InputProblem(say_unknown(word, suggestions=self._spellings.suggest(word), known=labels))


def edit_weights(weights: ArrayLike, *, word: int, weight: float | None) -> NDArray[np.float64]:
    """Set one of S weights; the others share what is left in their old proportions, or evenly if all were 0.

    Raises
    ------
    ValueError
        If the weight is not between 0 and 1.
    """
    edited = np.array(weights, dtype=np.float64)
    if weight is None:
        return edited
    if not 0 <= weight <= 1:
        raise ValueError(f"A weight lies between 0 and 1, not at {weight}.")
    others = np.arange(len(edited)) != word
    rest = edited[others].sum()
    edited[others] = edited[others] * (1 - weight) / rest if rest > 0 else (1 - weight) / others.sum()
    edited[word] = weight
    return edited


def _check(answer: Any, *, words: int) -> _Answer:
    names = ("labels", "probabilities", "weights")
    parts = [getattr(answer, name) for name in names] if hasattr(answer, "probabilities") else answer
    labels, probabilities, weights = parts
    numbers = [
        np.asarray(part.detach() if hasattr(part, "detach") else part, dtype=np.float64)
        for part in (probabilities, weights)
    ]
    if numbers[0].shape != (len(labels),) or numbers[1].shape != (words,):
        raise ValueError(
            f"next_words must give as many probabilities as labels ({len(labels)}) and a weight for each of "
            f"the {words} source words, not shapes {numbers[0].shape} and {numbers[1].shape}."
        )
    if not all(((part >= 0) & (part <= 1 + 1e-6)).all() for part in numbers):
        raise ValueError(
            "Probabilities and weights lie between 0 and 1; take the softmax of the scores first."
        )
    return _Answer(tuple(map(str, labels)), numbers[0], numbers[1])


def _candidates(own: _Answer, after: _Answer | None, *, guess: int | None) -> list[int]:
    """The likeliest labels before and after and the guess, likeliest first by what is on show."""
    shown = set() if guess is None else {guess}
    for answer in (own, after):
        if answer is not None:
            shown.update(np.argsort(-answer.probabilities, kind="stable")[:SHOWN].tolist())
    order = (after or own).probabilities
    return sorted(shown, key=lambda i: (-order[i], i))


def _numbered(words: Sequence[str]) -> list[tuple[str, int]]:
    return [(f"{i + 1} · {word}", i) for i, word in enumerate(words)]


def _say_prefix(prefix: Sequence[str]) -> str:
    if not prefix:
        return "the beginning"
    shown = " ".join(prefix[-4:])
    return f"“{'… ' if len(prefix) > 4 else ''}{shorten(shown, length=40)}”"


def _say_words(result: Mapping[str, Any], when: str) -> str:
    pairs = sorted(zip(result["candidates"], result[when], strict=True), key=lambda pair: -pair[1])
    return ", ".join(f"{word} {value:.3f}" for word, value in pairs)


def _finding(result: Mapping[str, Any]) -> str:
    """The title: a question until the answer is revealed."""
    word, after = shorten(result["edited_word"], length=20), result["top_after"]
    if result["edited_to"] is None:
        return f"With its own weights the model says “{shorten(result['top_before'], length=24)}”"
    edit = f"With {result['edited_to']:.2f} on “{word}”"
    if after is None:
        return f"{edit}, which word comes next?"
    before = shorten(result["top_before"], length=24)
    if after == before:
        return f"{edit} the model still says “{before}”"
    return f"{edit} the model says “{shorten(after, length=24)}”, no longer “{before}”"
