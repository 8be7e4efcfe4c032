"""Switch a head of attention off and see what it was worth: guess first, then reveal."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from course_utils.explorers.base import Explorer
from course_utils.plots.guessed_bars import Guessed, guessed_bars_svg
from course_utils.plots.svg import shorten

MODES = ("zero", "mean")
HIDE, SHOW = "hide", "show"
MOST_SHOWN = 24  # rows of the picture; all that was tried stays in the state

Choice = tuple[str, str]  # head and mode


class AblationLab(Explorer):
    """Choose a head and how to switch it off, guess the effect on the loss, reveal it.

    Parameters
    ----------
    loss : callable
        Mapping of head name to "zero" (its output becomes 0) or "mean" (its mean output) → loss in nats,
        see `per`. Called with one head, once for each head and mode, and only when the reader reveals it.
    heads : sequence of str
    baseline : float, optional
        The loss with all heads; by default ``loss({})``.
    largest_guess : float, default 2.0
        Upper end of the guess slider in nats; the lower end is a quarter of it below zero.
    per : str, default "token"
        What the loss is a mean over, such as "text" for a classifier of texts.

    Notes
    -----
    Moving to another head or mode hides again, unless that one was revealed before. The first guess counts:
    what stood on the slider when the reader revealed.

    `state()` holds `baseline`; `revealed`; `loss`, `effect` (loss - baseline; above 0, the head was of use),
    `first_guess` and `guess_error` (first guess - effect), all None while hidden; and `tried`, a list of
    dicts of `head`, `mode`, `loss`, `effect`, `guess`, the largest effect first.

    References
    ----------
    Michel, Levy and Neubig (2019), Are Sixteen Heads Really Better than One?
    """

    name = "ablation"

    def __init__(
        self,
        loss: Callable[[Mapping[str, str]], float],
        *,
        heads: Sequence[str],
        baseline: float | None = None,
        largest_guess: float = 2.0,
        per: str = "token",
    ) -> None:
        self._heads = tuple(str(head) for head in heads)
        if not self._heads or len(set(self._heads)) < len(self._heads):
            raise ValueError("give at least one head, each with a name of its own.")
        if not 0 < largest_guess < math.inf:
            raise ValueError(f"largest_guess must be a number above 0, not {largest_guess}.")
        self._loss, self._unit = loss, f"nats per {per}"
        self._losses: dict[Choice, float] = {}
        self._guesses: dict[Choice, float] = {}
        self._baseline = _finite(loss({}) if baseline is None else baseline, of="all heads")
        self._range = (-largest_guess / 4, largest_guess)
        super().__init__(
            {
                "head": widgets.SelectionSlider(
                    options=self._heads, value=self._heads[0], description="head"
                ),
                "mode": widgets.ToggleButtons(options=MODES, value=MODES[0], description="replace by"),
                "guess": widgets.FloatSlider(
                    value=0.0,
                    min=self._range[0],
                    max=self._range[1],
                    step=largest_guess / 200,
                    description="your guess",
                    readout_format="+.2f",
                ),
                "reveal": widgets.ToggleButtons(options=(HIDE, SHOW), value=HIDE, description="effect"),
            }
        )

    def set_state(self, **values: Any) -> dict[str, Any]:
        """Move controls from Python; a move to another head or mode hides, as it does by hand."""
        with self._lock:
            state = {**self._control_values(), **values}
            moved = any(state[key] != self.controls[key].value for key in ("head", "mode"))
            if moved and "reveal" not in values:
                values["reveal"] = self._reveal_for(state)
            return super().set_state(**values)

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The effect of the chosen head, if it is revealed, and of those tried before."""
        choice = self._check(state)
        revealed = state["reveal"] == SHOW
        if revealed and choice not in self._losses:
            loss = self._loss({choice[0]: choice[1]})
            self._losses[choice] = _finite(loss, of=f"{choice[0]} at {choice[1]}")
        guesses = dict(self._guesses)
        if revealed:
            guesses.setdefault(choice, float(state["guess"]))
        effect = self._losses[choice] - self._baseline if revealed else None
        return {
            "baseline": self._baseline,
            "revealed": revealed,
            "loss": self._losses[choice] if revealed else None,
            "effect": effect,
            "first_guess": guesses[choice] if revealed else None,
            "guess_error": None if effect is None else guesses[choice] - effect,
            "tried": self._tried(guesses),
            "shown": choice,
            "shown_guess": guesses.get(choice, float(state["guess"])),
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """One bar for each head tried, the largest effect on top, the guess beside it."""
        rows = [
            Guessed(_name(one["head"], one["mode"]), one["effect"], one["guess"], chosen=is_shown)
            for one in result["tried"]
            if not (is_shown := (one["head"], one["mode"]) == result["shown"]) or result["revealed"]
        ]
        if not result["revealed"]:
            rows.insert(0, Guessed(_name(*result["shown"]), None, result["shown_guess"], chosen=True))
        # The chosen head stays, however small its effect.
        kept = sorted(range(len(rows)), key=lambda place: (not rows[place].chosen, place))[:MOST_SHOWN]
        more = len(rows) - len(kept)
        return guessed_bars_svg(
            [rows[place] for place in sorted(kept)],
            title=_title(result, unit=self._unit),
            label=self.describe(result),
            unit=f"{self._unit} more than with all heads",
            span=self._range,
            foot=f"and {more} more with smaller effects" if more else "",
            data={
                "head": result["shown"][0],
                "mode": result["shown"][1],
                "revealed": int(result["revealed"]),
                "effect": "" if result["effect"] is None else f"{result['effect']:.10g}",
            },
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """What was guessed and what came out; then all heads tried."""
        name, guess = _name(*result["shown"]), result["shown_guess"]
        parts = [f"Loss with all heads: {result['baseline']:.3f} {self._unit}."]
        if result["revealed"]:
            parts.append(
                f"With {name} it is {result['loss']:.3f}, an effect of {result['effect']:+.3f}; your guess "
                f"was {guess:+.2f}."
            )
        else:
            parts.append(f"Your guess for the effect of {name}: {guess:+.2f}. Choose show to see it.")
        others = [
            f"{_name(one['head'], one['mode'])} {one['effect']:+.3f} (guess {one['guess']:+.2f})"
            for one in result["tried"]
            if (one["head"], one["mode"]) != result["shown"]
        ]
        if others:
            listed = ", ".join(others[:MOST_SHOWN])
            parts.append(f"Tried before: {listed}{', and others' if len(others) > MOST_SHOWN else ''}.")
        return " ".join(parts)

    def _tried(self, guesses: Mapping[Choice, float]) -> list[dict[str, Any]]:
        """All that was revealed, the largest effect first."""
        found = [
            {
                "head": head,
                "mode": mode,
                "loss": self._losses[head, mode],
                "effect": self._losses[head, mode] - self._baseline,
                "guess": guess,
            }
            for (head, mode), guess in guesses.items()
        ]
        return sorted(found, key=lambda one: -float(one["effect"]))

    def _check(self, state: Mapping[str, Any]) -> Choice:
        if state["head"] not in self._heads:
            raise ValueError(f"there is no head {state['head']!r}; there are {', '.join(self._heads)}.")
        for key, options in (("mode", MODES), ("reveal", (HIDE, SHOW))):
            if state[key] not in options:
                raise ValueError(f"{key} is {options[0]} or {options[1]}.")
        if not self._range[0] <= state["guess"] <= self._range[1]:
            raise ValueError(f"guess goes from {self._range[0]:g} to {self._range[1]:g}.")
        return state["head"], state["mode"]

    def _reveal_for(self, state: Mapping[str, Any]) -> str:
        return SHOW if (state["head"], state["mode"]) in self._guesses else HIDE

    def _on_change(self, change: Any) -> None:
        with self._lock:
            if change.owner in (self.controls["head"], self.controls["mode"]):
                self._move({"reveal": self._reveal_for(self._control_values())})
            super()._on_change(change)

    def _update(self, state: Mapping[str, Any]) -> None:
        super()._update(state)
        for one in self._result["tried"]:  # only what has come onto the page was revealed
            self._guesses.setdefault((one["head"], one["mode"]), one["guess"])


def _name(head: str, mode: str) -> str:
    return f"{shorten(head, length=24)} → {mode}"


def _title(result: Mapping[str, Any], *, unit: str) -> str:
    name = _name(*result["shown"])
    if not result["revealed"]:
        return f"{name}: your guess is {result['shown_guess']:+.2f} {unit}"
    before, after = result["baseline"], result["loss"]
    return f"{name}: loss {before:.3f} → {after:.3f}, {result['effect']:+.3f} {unit}"


def _finite(loss: float, *, of: str) -> float:
    """The loss as a float.

    Raises
    ------
    ValueError
        If it is not a finite number.
    """
    found = float(loss)
    if not math.isfinite(found):
        raise ValueError(f"the loss with {of} is {found}; it must be a finite number of nats.")
    return found
