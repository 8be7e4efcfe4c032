"""What a recurrent network keeps, word by word: the state and the gates of one unit along a sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.strips import Strip, strips_svg
from course_utils.plots.svg import shorten

MOST_TOKENS = 60
MOVED = 5  # units listed as those that moved most
KEPT = 8  # sentences whose trace is remembered

Floats = NDArray[np.float64]
Words = tuple[str, ...]


class GateExplorer(Explorer):
    """Type a sentence, choose a unit; see its state and its gates at every word.

    Parameters
    ----------
    trace : callable
        Tuple of words → object with attributes, or a mapping with keys:

        - ``tokens``: T str;
        - ``outputs``: array of shape (T, C), the state after each word;
        - ``gates``: mapping of str to array of shape (T, C). Rows within 0 to 1 are drawn as shares, rows
          named "candidate" or "memory" and all that leave this range as signed numbers. May be empty;
        - ``readings``, optional: mapping of str to array of shape (T,), what is read off the state, such as
          the probability of a word; shares.

        Called for new sentences only. A ValueError or KeyError that it raises is shown to the reader.
    sentence : str
        Shown first.
    units : mapping of int to str, optional
        Names for some units; the slider starts at the first of them, else at 0.
    known : iterable of str, optional
        Words that `trace` can read. Others are refused with a suggestion.
    read : callable, optional
        Text → words. By default lower case, cut at blanks, final marks on their own.

    Notes
    -----
    `state()`, which has a JSON form, holds `tokens`, `chosen` (the column), `rows` (name → T numbers of the
    unit, "state" first), `signed` (the gates drawn as signed numbers), `means` (gate → T means over all
    units), `readings`, and `moved`: for the chosen word the units whose state changed most, as [unit,
    before, after].
    """

    name = "gates"

    def __init__(
        self,
        trace: Callable[[Words], Any],
        *,
        sentence: str,
        units: Mapping[int, str] | None = None,
        known: Iterable[str] | None = None,
        read: Callable[[str], Iterable[str]] | None = None,
    ) -> None:
        self._trace, self._read = trace, read or split_words
        self._words = None if known is None else sorted(set(known))
        self._kept: dict[Words, dict[str, Any]] = {}
        first = self._follow(sentence)
        width = first["outputs"].shape[1]
        self._names = {int(unit): str(said) for unit, said in (units or {}).items()}
        wrong = [unit for unit in self._names if not 0 <= unit < width]
        if wrong:
            raise ValueError(f"units names unit {wrong[0]}; there are 0 to {width - 1}.")
        super().__init__(
            {
                "sentence": widgets.Text(value=sentence, description="sentence", continuous_update=False),
                "unit": widgets.IntSlider(
                    value=next(iter(self._names), 0), min=0, max=width - 1, description="unit"
                ),
                "word": widgets.IntSlider(value=1, min=1, max=MOST_TOKENS, description="word"),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """One unit's numbers along the sentence, means over all units, and who moved at one word."""
        found, unit = self._follow(state["sentence"]), int(state["unit"])
        outputs: Floats = found["outputs"]  # (T, C)
        if not 0 <= unit < outputs.shape[1]:
            raise ValueError(f"unit goes from 0 to {outputs.shape[1] - 1}.")
        place = min(max(int(state["word"]), 1), len(outputs)) - 1
        before = outputs[place - 1] if place else np.zeros_like(outputs[0])
        most = np.argsort(-np.abs(outputs[place] - before), kind="stable")[:MOVED]
        gates: dict[str, Floats] = found["gates"]
        return {
            "tokens": found["tokens"],
            "chosen": place,
            "shown_unit": unit,
            "rows": {
                "state": outputs[:, unit].tolist(),
                **{n: g[:, unit].tolist() for n, g in gates.items()},
            },
            "means": {n: g.mean(axis=1).tolist() for n, g in gates.items() if n not in found["signed"]},
            "signed": found["signed"],
            "readings": {n: r.tolist() for n, r in found["readings"].items()},
            "moved": [[int(one), float(before[one]), float(outputs[place, one])] for one in most],
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """The unit's rows, the means over all units, and what is read off the state."""
        heading = self._say_unit(result["shown_unit"])
        strips = [
            Strip(name, values, signed=name == "state" or name in result["signed"], group=heading)
            for name, values in result["rows"].items()
        ]
        strips += [Strip(n, v, group="mean over all units") for n, v in result["means"].items()]
        strips += [Strip(n, v, group="read off the whole state") for n, v in result["readings"].items()]
        return strips_svg(
            strips,
            tokens=result["tokens"],
            title=f"{heading}, word by word",
            label=self.describe(result),
            chosen=result["chosen"],
            data={"unit": result["shown_unit"], "word": result["chosen"] + 1},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """The unit's numbers at the chosen word, and the units that moved most there."""
        place = result["chosen"]
        token = shorten(result["tokens"][place], length=40)
        numbers = ", ".join(f"{name} {values[place]:.3f}" for name, values in result["rows"].items())
        parts = [
            f"After “{token}” (word {place + 1} of {len(result['tokens'])}), "
            f"{self._say_unit(result['shown_unit'])}: {numbers}."
        ]
        if result["readings"]:
            read = ", ".join(f"{name} {values[place]:.3f}" for name, values in result["readings"].items())
            parts.append(f"Read off the whole state: {read}.")
        moved = ", ".join(f"unit {one} from {a:.2f} to {b:.2f}" for one, a, b in result["moved"])
        parts.append(f"Moved most by this word: {moved}.")
        return " ".join(parts)

    def _say_unit(self, unit: int) -> str:
        said = self._names.get(unit)
        return f"unit {unit} ({said})" if said else f"unit {unit}"

    def _follow(self, sentence: str) -> dict[str, Any]:
        """The trace of a sentence, checked, and computed once."""
        words = tuple(self._read(sentence))
        if not words:
            raise InputProblem("Type a sentence, such as: the dog sleeps.")
        if len(words) > MOST_TOKENS:
            raise InputProblem(f"That is {len(words)} words; shorten it to {MOST_TOKENS} or fewer.")
        if words not in self._kept:
            self._refuse_unknown(words)
            try:
                found = self._trace(words)
            except (ValueError, KeyError) as refusal:
                said = refusal.args[0] if type(refusal) is KeyError and refusal.args else refusal
                raise InputProblem(f"The sentence cannot be read: {said}") from refusal
            checked = check_trace(found)
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[words] = checked
        return self._kept[words]

    def _refuse_unknown(self, words: Words) -> None:
        if self._words is None:
            return
        unknown = [word for word in dict.fromkeys(words) if word not in self._words]
        if unknown:
            near = difflib.get_close_matches(unknown[0], self._words, n=3)
            hint = f"did you mean {' or '.join(f'“{one}”' for one in near)}?" if near else "try another word."
            more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
            raise InputProblem(
                f"“{shorten(unknown[0], length=40)}”{more} is not among the known words; {hint}"
            )


def split_words(text: str) -> list[str]:
    """Lower case, cut at blanks; the marks . , ? ! stand alone.

    >>> split_words("Does the dog sleep?")
    ['does', 'the', 'dog', 'sleep', '?']
    """
    return re.findall(r"[.,?!]|[^\s.,?!]+", text.lower())


def check_trace(found: Any) -> dict[str, Any]:
    """What `trace` gave, as tokens and float arrays, and which rows are signed.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is not finite.
    """
    given = found if isinstance(found, Mapping) else vars(found)
    tokens = [str(token) for token in given["tokens"]]
    outputs = np.asarray(given["outputs"], dtype=np.float64)
    gates = {str(n): np.asarray(g, dtype=np.float64) for n, g in given.get("gates", {}).items()}
    readings = {str(n): np.asarray(r, dtype=np.float64) for n, r in given.get("readings", {}).items()}
    if (
        outputs.ndim != 2
        or len(outputs) != len(tokens)
        or any(g.shape != outputs.shape for g in gates.values())
    ):
        shapes = ", ".join(f"{name} {gate.shape}" for name, gate in gates.items())
        raise ValueError(
            "trace must give T tokens, outputs and gates of shape (T, C), not "
            f"{len(tokens)}, {outputs.shape} and {shapes or 'no gates'}."
        )
    if any(r.shape != (len(tokens),) for r in readings.values()):
        raise ValueError("trace must give readings of shape (T,), one number a token.")
    if not all(np.isfinite(one).all() for one in (outputs, *gates.values(), *readings.values())):
        raise ValueError("trace gave NaN or infinity.")
    always = {"candidate", "memory"}
    signed = [n for n, g in gates.items() if n in always or g.min() < 0 or g.max() > 1]
    return {"tokens": tokens, "outputs": outputs, "gates": gates, "readings": readings, "signed": signed}
