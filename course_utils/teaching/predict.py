"""Predict, then look: the reader commits to a guess before the decisive picture appears.

In a running notebook the picture is not on the page at all until then, also after Run All. Where no
kernel stands behind the page (GitHub, an export) the picture itself is shown.
"""

from __future__ import annotations

import base64
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import InputProblem
from course_utils.plots.picture import Picture
from course_utils.plots.svg import escape
from course_utils.teaching.page import MUTED, check_key, check_text, inline, paragraphs, plain
from course_utils.teaching.progress import load_progress, note_guess


class Prediction:
    """A question, a guess, and only then the picture with the measured value.

    Parameters
    ----------
    key : str
        Lesson and name, such as "01.window"; the guess is kept under it.
    question : str
    look : Picture or callable that returns one
        What is shown after the guess; a callable is called once, when the picture is first needed.
    measured : float or str
        What was measured; with `choices`, the one that is right.
    explain : str
        What to take from it, shown below the picture.
    choices : sequence of str, optional
        Either these, or `low` and `high`.
    low, high, step : float, optional
        Range of a numeric guess; the step is a hundredth of it unless given.
    unit : str
        Written after a number, such as "%" or "s".

    Raises
    ------
    ValueError
        If one of these cannot be used; the message says which and why.

    Notes
    -----
    Widget callbacks may run on a second thread, so everything that changes the state holds a lock.
    """

    def __init__(
        self,
        key: str,
        *,
        question: str,
        look: Picture | Callable[[], Picture],
        measured: float | str,
        explain: str,
        choices: Sequence[str] = (),
        low: float | None = None,
        high: float | None = None,
        step: float | None = None,
        unit: str = "",
    ) -> None:
        self.key = check_key(key)
        self.question = check_text(question, name="question")
        self.explain = check_text(explain, name="explain")
        if not isinstance(look, Picture) and not callable(look):
            raise ValueError("`look` must be a Picture or a function that returns one.")
        self.measured = measured
        self.unit = unit
        self.choices = tuple(choices)
        self._look = look
        self._lock = threading.RLock()
        self._committed = self._shown = False
        self._problem = ""
        if isinstance(choices, str) or bool(self.choices) == (low is not None and high is not None):
            raise ValueError("Give either a list of `choices`, or `low` and `high`.")
        if self.choices:
            self._guess = self._input = choice_control(self.choices, measured=measured)
        else:
            self._guess, self._input = number_control(low, high, step=step, measured=measured)
        self._status, self._answer = widgets.HTML(), widgets.HTML()
        self._commit_button = widgets.Button(description="Commit my guess", button_style="primary")
        self._skip_button = widgets.Button(description="Show without guessing")
        self.widget = self._assemble()
        self._recall()

    # -- what a reader uses ----------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """`guess`, `committed`, `shown`, `measured`, and `problem` ("" if there is none)."""
        with self._lock:
            return {
                "guess": self._guess.value,
                "committed": self._committed,
                "shown": self._shown,
                "measured": self.measured,
                "problem": self._problem,
            }

    def set_state(self, *, guess: float | str) -> dict[str, Any]:
        """Set the guess without committing to it, and return the new `state()`.

        Raises
        ------
        ValueError
            If it is none of the choices or out of range, or the picture is on the page already.
        """
        with self._lock:
            if self._shown:
                raise ValueError("The picture is shown already; run the cell again for a new guess.")
            if not self._accepts(guess):
                raise ValueError(f"{guess!r:.60} cannot be guessed here; {self._say_range()}.")
            self._guess.value = guess
        return self.state()

    def commit(self) -> dict[str, Any]:
        """Commit to the guess, keep it in the progress, show the picture; return the new `state()`.

        Raises
        ------
        InputProblem
            If nothing has been chosen yet.
        """
        with self._lock:
            if not self._shown:
                if self._guess.value is None:
                    raise InputProblem("Choose one of the answers first.")
                picture = self.picture()
                self._committed = True
                note = note_guess(self.key, self._guess.value)
                self._reveal(picture, said=f"You said {self._say(self._guess.value)}", note=note)
        return self.state()

    def show(self) -> dict[str, Any]:
        """Show the picture without a guess; return the new `state()`."""
        with self._lock:
            if not self._shown:
                self._reveal(self.picture(), said="You made no guess", note="")
        return self.state()

    def picture(self) -> Picture:
        """The picture that the guess is about.

        Raises
        ------
        TypeError
            If `look` returned something else.
        """
        with self._lock:
            if not isinstance(self._look, Picture):
                drawn = self._look()
                if not isinstance(drawn, Picture):
                    raise TypeError(f"`look` must return a Picture, not a {type(drawn).__name__}.")
                self._look = drawn
            return self._look

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        try:
            bundle, metadata = self.picture()._repr_mimebundle_()
        except Exception as error:
            self._report(f"{type(error).__name__}: {error}")
            raise
        bundle["text/plain"] = plain(f"Your guess first: {self.question} (Run the notebook to make it.)")
        return {**self.widget._repr_mimebundle_(), **bundle}, metadata

    # -- how it works ----------------------------------------------------------------------------

    def _assemble(self) -> widgets.VBox:
        self._commit_button.on_click(lambda _: self._on_click(self.commit))
        self._skip_button.on_click(lambda _: self._on_click(self.show))
        self._skip_button.style.button_color = "transparent"
        buttons = widgets.HBox([self._commit_button, self._skip_button])
        for button in buttons.children:
            button.layout.width = "auto"
        parts = {
            "guess": self._input,
            "commit": self._commit_button,
            "skip": self._skip_button,
            "status": self._status,
            "answer": self._answer,
        }
        for part, widget in parts.items():
            widget.add_class(f"course-predict-{part}")
        self._answer.value = live_region("")
        asked = widgets.HTML(paragraphs(self.question))
        box = widgets.VBox([asked, self._input, buttons, self._status, self._answer])
        box.add_class("course-predict")
        box.add_class(f"course-predict-{self.key.replace('.', '-')}")
        return box

    def _recall(self) -> None:
        """Start from the guess of an earlier run and say so; the picture stays hidden."""
        earlier = load_progress().guess(self.key)
        if earlier is not None and self._accepts(earlier):
            self._guess.value = earlier
            said = f"Last time you said {self._say(earlier)}."
            self._answer.value = live_region(f'<p style="{MUTED}">{escape(said)}</p>')

    def _reveal(self, picture: Picture, *, said: str, note: str) -> None:
        found = f"{said}; measured {self._say(self.measured, digits=3)}."
        small = f'<p style="{MUTED};font-size:0.9em">{escape(note)}</p>' if note else ""
        shown = widgets.HTML(picture_markup(picture))
        shown.add_class("course-predict-picture")
        for control in (
            self._guess,
            *getattr(self._input, "children", ()),
            self._commit_button,
            self._skip_button,
        ):
            control.disabled = True
        # The answer is a live region that is on the page already, so that a screen reader says it.
        self.widget.children = (*self.widget.children[:-1], shown, self._answer)
        told = (
            f'<p style="margin:0.3em 0"><strong>{inline(found)}</strong></p>{paragraphs(self.explain)}{small}'
        )
        self._answer.value = live_region(told)
        self._shown = True
        self._report("")

    def _on_click(self, action: Callable[[], Any]) -> None:
        """Do it; say on the page what went wrong, and let what is not the reader's doing go on."""
        try:
            action()
        except InputProblem as problem:
            self._report(str(problem))
        except Exception as error:
            self._report(f"{type(error).__name__}: {error}")
            raise

    def _report(self, problem: str) -> None:
        self._problem = problem
        self._status.value = (
            f'<div role="alert" style="color:#d55e00">{escape(problem)}</div>' if problem else ""
        )

    def _accepts(self, guess: object) -> bool:
        if self.choices:
            return guess in self.choices
        return is_number(guess) and self._guess.min <= guess <= self._guess.max

    def _say_range(self) -> str:
        if self.choices:
            return f"choose one of: {'; '.join(self.choices)}"
        return f"give a number from {self._say(self._guess.min)} to {self._say(self._guess.max)}"

    def _say(self, value: float | str, *, digits: int = 10) -> str:
        if isinstance(value, str):
            return value
        whole = abs(value) >= 10 ** (digits - 1)
        return f"{value:,.0f} {self.unit}".strip() if whole else f"{value:,.{digits}g} {self.unit}".strip()


def choice_control(choices: Sequence[str], *, measured: object) -> widgets.RadioButtons:
    """Radio buttons with nothing chosen yet.

    Raises
    ------
    ValueError
        If there are fewer than two different texts or the measured one is not among them.
    """
    for choice in choices:
        check_text(choice, name="choices")
    if len(choices) < 2 or len(set(choices)) < len(choices):
        raise ValueError("A guess needs two or more different choices.")
    if measured not in choices:
        raise ValueError(f"`measured` must be one of the choices, not {measured!r:.60}.")
    layout = widgets.Layout(width="auto")
    return widgets.RadioButtons(options=list(choices), value=None, layout=layout, tooltip="your guess")


def number_control(
    low: Any, high: Any, *, step: float | None, measured: object
) -> tuple[widgets.FloatSlider, widgets.HBox]:
    """A slider, and a box that holds it and a number field of the same value.

    Raises
    ------
    ValueError
        If the range, the step or the measured value is no usable number.
    """
    if not (is_number(low) and is_number(high) and low < high):
        raise ValueError(f"`low` must be a number below `high`, not {low!r:.30} and {high!r:.30}.")
    step = (high - low) / 100 if step is None else step
    if not is_number(step) or not 0 < step <= high - low:
        raise ValueError(f"`step` must be above 0 and at most high - low, not {step!r:.30}.")
    if not is_number(measured):
        raise ValueError(f"`measured` must be a finite number, not {measured!r:.60}.")
    settings = {"value": (low + high) / 2, "min": low, "max": high, "step": step}
    slider = widgets.FloatSlider(**settings, readout=False, tooltip="your guess")
    number = widgets.BoundedFloatText(**settings, layout=widgets.Layout(width="8em"), tooltip="your guess")
    widgets.link((slider, "value"), (number, "value"))
    return slider, widgets.HBox([slider, number])


def is_number(value: object) -> bool:
    """Whether it is a finite number, of Python or numpy; a truth value is none."""
    return (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def live_region(markup: str) -> str:
    """Wrap what a screen reader is to read out when it changes."""
    return f'<div role="status" aria-live="polite" dir="auto">{markup}</div>'


def picture_markup(picture: Picture) -> str:
    """A picture for a page with a kernel: SVG as it is, with its hover texts, or a PNG with its alt text."""
    if isinstance(picture.drawing, str):
        return f'<figure style="margin:0" aria-label="{escape(picture.alt)}">{picture.drawing}</figure>'
    data = base64.b64encode(picture.png()).decode("ascii")
    style = "max-width:100%;height:auto"
    source = f"data:image/png;base64,{data}"
    return f'<img src="{source}" width="{picture.width()}" style="{style}" alt="{escape(picture.alt)}">'
