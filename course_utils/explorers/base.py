"""What every explorer shares: controls that only call `compute`, and two ways to show the answer.

An explorer is a small machine: controls hold a *state*, `compute(state)` turns it into *numbers*,
`draw` turns those into SVG text or a matplotlib Figure, and `describe` into a sentence. The widget adds
nothing that the numbers do not hold, so `explorer.state()` in the next cell gives the reader exactly
what is on the screen.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from course_utils.plots.picture import Picture
from course_utils.plots.style import figure_to_png
from course_utils.plots.svg import escape as escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST_INPUT = 2000  # characters; far more than any control of the course can use


class InputProblem(ValueError):
    """The reader typed something that the explorer cannot use; the message says what to do instead."""


class Explorer:
    """Base of all explorers.

    A subclass sets `name`, passes its controls to `__init__`, and defines `compute`, `draw` and
    `describe`. It calls `super().__init__` last, because that computes the first picture.

    Parameters
    ----------
    controls : dict of str to ipywidgets widget with a `value`
        Each control gets the CSS class ``course-<name>-<control>``.

    Notes
    -----
    Widget callbacks may run on a second thread (kernel subshells), so every update holds a lock and
    nothing here touches global random state or pyplot.
    """

    name = "explorer"

    def __init__(self, controls: dict[str, Any]) -> None:
        self.controls = controls
        self._lock = threading.RLock()
        # Message, picture and sentence are one widget: one message to the browser for each key press.
        self._view = widgets.HTML()
        self._view.add_class(f"course-{self.name}-shown")
        self._problem = ""
        self._result: dict[str, Any] = {}
        self._drawing: str | Figure = ""
        self._html = ""
        self._update(self._control_values())
        self.widget = self._assemble()
        for control in controls.values():
            control.observe(self._on_change, names="value")

    # -- what a subclass defines -----------------------------------------------------------------

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Turn control values into the numbers shown. Pure: no widget is read or written.

        Raises
        ------
        InputProblem
            If the reader's input cannot be used; the picture then stays as it was.
        """
        raise NotImplementedError

    def draw(self, result: Mapping[str, Any]) -> str | Figure:
        """SVG text or a Figure of the numbers from `compute`."""
        raise NotImplementedError

    def describe(self, result: Mapping[str, Any]) -> str:
        """The numbers in a sentence, shown below the picture and read by screen readers."""
        raise NotImplementedError

    # -- what a reader uses ----------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """The control values and the numbers on the screen, and `problem` ("" if there is none)."""
        with self._lock:
            return {**self._control_values(), **self._result, "problem": self._problem}

    def set_state(self, **values: Any) -> dict[str, Any]:
        """Move controls from Python, all at once, and return the new `state()`.

        Raises
        ------
        ValueError
            If a control is unknown or refuses its value; all controls then stay as they were.
        """
        unknown = sorted(set(values) - set(self.controls))
        if unknown:
            raise ValueError(f"No control named {', '.join(unknown)}; there are {', '.join(self.controls)}.")
        with self._lock:
            before = self._control_values()
            try:
                self._update({**before, **values})
                self._move(values)
            except Exception as error:
                self._move(before)
                self._update(before)
                if isinstance(error, InputProblem):
                    raise
                raise ValueError(f"{_say(values)} cannot be shown: {error}") from error
        return self.state()

    def picture(self, *, alt: str | None = None) -> Picture:
        """The present view as a static picture, for a page that no kernel stands behind."""
        return Picture(self._drawing, alt=alt or self.describe(self._result))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        bundle, metadata = self.picture()._repr_mimebundle_()
        bundle["text/plain"] = f"{type(self).__name__}: run the notebook to use it."
        view = self.widget._repr_mimebundle_()
        return {**view, **bundle}, metadata

    # -- how it works ----------------------------------------------------------------------------

    def _control_values(self) -> dict[str, Any]:
        return {key: control.value for key, control in self.controls.items()}

    def _move(self, values: Mapping[str, Any]) -> None:
        """Set controls without recomputing for each one."""
        for key, value in values.items():
            control = self.controls[key]
            control.unobserve(self._on_change, names="value")
            try:
                control.value = value
            finally:
                control.observe(self._on_change, names="value")
            if control.value != value:
                raise ValueError(f"{key} goes from {control.min} to {control.max}.")

    def _on_change(self, change: object) -> None:
        with self._lock:
            try:
                self._update(self._control_values())
            except InputProblem as problem:
                # The reader is typing; the last good picture stays and the message says what to do.
                self._report(str(problem))

    def _update(self, state: Mapping[str, Any]) -> None:
        """Compute and show; on an unexpected error say so on the page and let it go on to the log."""
        try:
            _refuse_endless_text(state)
            result = self.compute(state)
            drawing = self.draw(result)
            sentence = self.describe(result)
        except InputProblem:
            raise
        except Exception as error:
            self._report(f"{type(error).__name__}: {error}")
            raise
        self._result, self._drawing = result, drawing
        picture = drawing if isinstance(drawing, str) else _image(drawing, alt=sentence)
        self._html = (
            f'<div class="course-{self.name}-picture">{picture}</div>'
            f'<div class="course-{self.name}-text" role="status" aria-live="polite">{escape(sentence)}</div>'
        )
        self._report("")

    def _report(self, problem: str) -> None:
        self._problem = problem
        style = "color:var(--jp-error-color1, #b3261e);min-height:1.3em"
        attributes = f'class="course-{self.name}-status" role="alert" style="{style}"'
        self._view.value = f"<div {attributes}>{escape(problem)}</div>{self._html}"

    def _assemble(self) -> widgets.VBox:
        for key, control in self.controls.items():
            control.add_class(f"course-{self.name}-{key}")
            control.style.description_width = "110px"
            # Lists of words and rows of buttons want room; sliders are easier to aim at when short.
            wide = isinstance(control, widgets.Text | widgets.ToggleButtons)
            control.layout.width = f"min({640 if wide else 460}px, 100%)"
            if isinstance(control, widgets.ToggleButtons):
                control.style.button_width = "auto"
        box = widgets.VBox([*self.controls.values(), self._view])
        box.add_class("course-explorer")
        box.add_class(f"course-{self.name}")
        return box


def _image(figure: Figure, *, alt: str) -> str:
    """A figure as an HTML image; unlike `widgets.Image`, it can say in words what it shows."""
    width = round(figure.get_size_inches()[0] * figure.dpi)
    data = base64.b64encode(figure_to_png(figure)).decode("ascii")
    style = "max-width:100%;display:block"
    return f'<img alt="{escape(alt)}" width="{width}" style="{style}" src="data:image/png;base64,{data}">'


def _refuse_endless_text(state: Mapping[str, Any]) -> None:
    for key, value in state.items():
        if isinstance(value, str) and len(value) > LONGEST_INPUT:
            raise InputProblem(
                f"{key} holds {len(value):,} characters; shorten it to {LONGEST_INPUT:,} or fewer."
            )


def _say(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r:.60}" for key, value in values.items())
