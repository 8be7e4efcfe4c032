"""Drag through the steps of a training run and watch points move on a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.scatter import scatter_svg
from course_utils.plots.svg import shorten

MOST_SHOWN = 8  # words named in the sentence below the map


class TrainingScrubber(Explorer):
    """A film of vectors, one frame a snapshot; the last frame decides from where the camera looks.

    Parameters
    ----------
    frames : array of shape (F, N, D)
        Snapshots of N vectors. With D above 2 they are laid on the two directions along which the last
        frame varies most (PCA, fitted once), so a point moves only if its vector does.
    steps : sequence of F ints
        The training step of each frame, rising.
    labels : sequence of N str
    losses : sequence of F floats, optional
        Shown beside the step.
    groups, group_names
        Colours and legend; see `scatter_svg`.
    words : str
        What is searched for at first: labels separated by commas or blanks; ``mar*`` finds all that begin so.
    x_label, y_label : str
        Names of the axes, if they mean something.
    ticks : sequence of float
        Numbers marked on the axes, such as (0, 0.5, 1) where the two coordinates are scores of heads.

    Notes
    -----
    `state()` holds `training_step`, `loss` (None without losses), `points` of shape (N, 2), `moved` (mean
    distance of the points from their places in the first frame) and `selected` (the labels found).
    """

    name = "scrubber"

    def __init__(
        self,
        frames: ArrayLike,
        *,
        steps: Sequence[int],
        labels: Sequence[str],
        losses: Sequence[float] | None = None,
        groups: Sequence[int] | None = None,
        group_names: Sequence[str] = (),
        words: str = "",
        x_label: str = "",
        y_label: str = "",
        ticks: Sequence[float] = (),
    ) -> None:
        film = np.asarray(frames, dtype=np.float64)
        if film.ndim != 3 or 0 in film.shape or film.shape[2] < 2:
            raise ValueError(f"frames must have shape (F, N, D) with D of 2 or more, not {film.shape}.")
        if not np.isfinite(film).all():
            raise ValueError("frames hold NaN or infinity; look at the step where the loss went wrong.")
        if film.shape[1] != len(labels):
            raise ValueError(
                f"frames show {film.shape[1]} points, so give as many labels, not {len(labels)}."
            )
        if len(steps) != len(film) or (losses is not None and len(losses) != len(film)):
            raise ValueError(f"There are {len(film)} frames; give one step, and one loss if any, for each.")
        self._points = _lay_flat(film)  # (F, N, 2)
        self._limits = np.stack([self._points.min(axis=(0, 1)), self._points.max(axis=(0, 1))], axis=1)
        self._moved = np.linalg.norm(self._points - self._points[0], axis=2).mean(axis=1)
        self._steps, self._losses = [int(step) for step in steps], losses
        self._labels = [str(text) for text in labels]
        self._groups, self._group_names = groups, group_names
        self._x_label, self._y_label, self._ticks = x_label, y_label, tuple(ticks)
        last = len(film) - 1
        step = widgets.IntSlider(value=last, min=0, max=last, description="frame")
        super().__init__(
            {
                "step": step,
                "find": widgets.Text(value=words, description="find"),
                "trails": widgets.Checkbox(value=False, description="show the way they came", indent=True),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """One frame's points, and the labels that were searched for."""
        frame = int(state["step"])
        if not 0 <= frame < len(self._steps):
            raise ValueError(f"step goes from 0 to {len(self._steps) - 1}, the last frame.")
        found = find_labels(state["find"], labels=self._labels)
        return {
            "frame": frame,
            "training_step": self._steps[frame],
            "loss": None if self._losses is None else float(self._losses[frame]),
            "points": self._points[frame],
            "moved": float(self._moved[frame]),
            "selected": [self._labels[i] for i in found],
            "found": found,
            "show_trails": bool(state["trails"]),
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """The map of one frame, always on the same ground."""
        frame, found = result["frame"], result["found"]
        trails = [self._points[: frame + 1, i] for i in found] if result["show_trails"] else []
        loss = "" if result["loss"] is None else f", loss {result['loss']:.3f}"
        return scatter_svg(
            result["points"],
            labels=self._labels,
            title=f"Step {result['training_step']:,} of {self._steps[-1]:,}{loss}",
            label=self.describe(result),
            groups=self._groups,
            group_names=self._group_names,
            highlight=found,
            trails=trails,
            limits=self._limits,
            x_label=self._x_label,
            y_label=self._y_label,
            ticks=self._ticks,
            data={"step": result["training_step"]},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """Step, loss, how far the points have come, and what was found."""
        loss = "" if result["loss"] is None else f" the loss is {result['loss']:.3f} and"
        named = ", ".join(result["selected"][:MOST_SHOWN]) or "nothing"
        more = len(result["selected"]) - MOST_SHOWN
        return (
            f"After {result['training_step']:,} steps{loss} the points lie {result['moved']:.3f} from their "
            f"first places, on average. Found: {named}{f' and {more} more' if more > 0 else ''}."
        )


def find_labels(text: str, *, labels: Sequence[str]) -> list[int]:
    """Places of the labels that a reader asked for, in rising order; none for an empty text.

    Parameters
    ----------
    text : str
        Labels separated by commas or blanks; a ``*`` at the end finds every label that begins so. Capital
        and small letters count as the same. Labels that hold blanks need commas between them.
    labels : sequence of str

    Raises
    ------
    InputProblem
        If something is not there; the message says what, and offers some that are.
    """
    lowered = [label.casefold() for label in labels]
    found: set[int] = set()
    missing = []
    for part in text.casefold().split(","):
        whole = _matches(part.strip(), lowered)
        found.update(whole)
        for wanted in [] if whole else part.split():
            places = _matches(wanted, lowered)
            found.update(places)
            missing += [] if places else [shorten(wanted, length=40)]
    if missing:
        some = ", ".join(labels[:3])
        raise InputProblem(f"Not on this map: {', '.join(missing[:5])}. On it are {some} and others.")
    return sorted(found)


def _matches(wanted: str, lowered: Sequence[str]) -> list[int]:
    """Places of labels that equal what is wanted, or begin with it if it ends with a star."""
    if wanted.endswith("*") and len(wanted) > 1:
        return [i for i, label in enumerate(lowered) if label.startswith(wanted[:-1])]
    return [i for i, label in enumerate(lowered) if label == wanted]


def _lay_flat(film: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frames on the two main directions of the last one, shape (F, N, 2)."""
    if film.shape[2] == 2:
        return film
    middle = film[-1].mean(axis=0)
    _, _, directions = np.linalg.svd(film[-1] - middle, full_matrices=False)
    if len(directions) < 2:  # a single point: any second direction will do
        directions = np.eye(film.shape[2])
    flat: NDArray[np.float64] = (film - middle) @ directions[:2].T
    return flat
