"""Maps by every method and setting, of real vectors and of a control, with the mark that each deserves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import Explorer, escape
from course_utils.explorers.training_scrubber import find_labels
from course_utils.plots.scatter import as_points, scatter_svg
from course_utils.projections.grid import ProjectionGrid
from course_utils.projections.maps import Projected

SETTINGS = ("perplexity", "n_neighbors", "min_dist")
Recompute = Callable[[str, str, Mapping[str, Any], int], Projected]


class ProjectionExplorer(Explorer):
    """Choose vectors, method, settings and seed; search for points, or choose a region of the map.

    Parameters
    ----------
    grids : mapping of str to ProjectionGrid
        Maps computed ahead, such as {"MiniLM": ..., "random vectors": ...}, all with the same labels,
        methods and seeds.
    groups, group_names
        Colours and legend; see `scatter_svg`.
    recompute : callable, optional
        Called with the name of the vectors, the method, its settings and the seed; returns a fresh map. A
        button for it appears.
    method : str, optional
        The first map shown.

    Notes
    -----
    `state()` holds `trustworthiness`, `continuity`, `points` of shape (N, 2), `settings`, `live` (whether
    the map was drawn just now) and `selected` (labels that were found, or lie in the region).
    """

    name = "projection"

    def __init__(
        self,
        grids: Mapping[str, ProjectionGrid],
        *,
        groups: Any = None,
        group_names: Sequence[str] = (),
        recompute: Recompute | None = None,
        method: str | None = None,
    ) -> None:
        self._grids = dict(grids)
        first = _agree(self._grids)
        self._labels, self._methods = first.labels, first.methods
        self._groups, self._group_names = groups, group_names
        self._recompute = recompute
        self._live: dict[Any, Projected] = {}
        methods = tuple(self._methods)
        chosen = first_method(methods, method)
        controls: dict[str, Any] = {
            "vectors": widgets.ToggleButtons(options=tuple(self._grids), description="vectors"),
            "method": widgets.ToggleButtons(options=methods, value=chosen, description="method"),
        }
        for offered in self._methods.values():
            for setting, values in offered.items():
                controls[setting] = widgets.SelectionSlider(
                    options=values, value=values[len(values) // 2], description=setting
                )
        controls["seed"] = widgets.SelectionSlider(
            options=first.seeds, value=first.seeds[0], description="seed"
        )
        controls["find"] = widgets.Text(value="", description="find")
        for key, said in (("across", "region: across"), ("up", "region: up")):
            controls[key] = widgets.FloatRangeSlider(
                value=(0.0, 1.0), min=0.0, max=1.0, step=0.05, description=said
            )
        super().__init__(controls)
        self._offer_recompute()

    @property
    def selected(self) -> list[str]:
        """The labels that were found, or lie in the region."""
        return list(self.state()["selected"])

    def set_state(self, **values: Any) -> dict[str, Any]:
        """As every explorer's; a region's two shares may come as a list."""
        regions = {key: tuple(values[key]) for key in ("across", "up") if isinstance(values.get(key), list)}
        return super().set_state(**{**values, **regions})

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The map that was asked for, its marks, and the points searched for or in the region."""
        shown = self._map(state)
        found = find_labels(state["find"], labels=self._labels)
        region = (*state["across"], *state["up"])
        inside = [] if region == (0, 1, 0, 1) else _inside(shown.points, region)
        return {
            "shown_vectors": state["vectors"],
            "map": shown,
            "settings": dict(shown.settings),
            "live": self._key(state) in self._live,
            "points": shown.points,
            "trustworthiness": shown.trustworthiness,
            "continuity": shown.continuity,
            "region": region,
            "selected": [self._labels[i] for i in sorted({*found, *inside})],
            "found": sorted({*found, *inside}),
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """The map with its mark in the corner."""
        shown, region = result["map"], result["region"]
        shares = [f"{share:.1%} of the variance" for share in shown.explained] or ["", ""]
        settings = ", ".join(f"{name} {value:g}" for name, value in shown.settings.items())
        return scatter_svg(
            shown.points,
            labels=self._labels,
            title=f"{result['shown_vectors']} by {shown.method}{f' ({settings})' if settings else ''}",
            label=self.describe(result),
            groups=self._groups,
            group_names=self._group_names,
            highlight=result["found"],
            named=[] if result["found"] else None,
            region=None if region == (0, 1, 0, 1) else region,
            corner=f"trustworthiness {shown.trustworthiness:.2f}, continuity {shown.continuity:.2f}",
            x_label=shares[0],
            y_label=shares[1],
            data={"trustworthiness": f"{shown.trustworthiness:.4f}"},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """Which map, its marks, and what is selected."""
        shown, names = result["map"], result["selected"]
        more = f" and {len(names) - 12} more" if len(names) > 12 else ""
        fresh = ", drawn live" if result["live"] else ""
        return (
            f"{result['shown_vectors']}, {shown}, seed {shown.seed}{fresh}. "
            f"Selected ({len(names)}): {', '.join(names[:12]) or 'none'}{more}."
        )

    # -- maps -------------------------------------------------------------------------------------

    def _settings(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return {name: state[name] for name in self._methods[state["method"]]}

    def _key(self, state: Mapping[str, Any]) -> tuple[Any, ...]:
        seed = None if state["method"] == "PCA" else state["seed"]
        return state["vectors"], state["method"], tuple(self._settings(state).values()), seed

    def _map(self, state: Mapping[str, Any]) -> Projected:
        live = self._live.get(self._key(state))
        if live is not None:
            return live
        grid = self._grids[state["vectors"]]
        return grid.get(state["method"], seed=state["seed"], **self._settings(state))

    def _update(self, state: Mapping[str, Any]) -> None:
        try:
            super()._update(state)
        finally:  # a setting of another method rests
            for name in {*SETTINGS} & {*self.controls}:
                self.controls[name].disabled = name not in self._methods.get(state["method"], ())

    # -- drawing live -----------------------------------------------------------------------------

    def _offer_recompute(self) -> None:
        if self._recompute is None:
            return
        self._button = widgets.Button(description="recompute live", layout={"width": "160px"})
        self._button.add_class(f"course-{self.name}-recompute")
        self._button.on_click(self._on_click)
        self._life = widgets.HTML()
        self._life.add_class(f"course-{self.name}-progress")
        *controls, view = self.widget.children
        self.widget.children = (*controls, widgets.HBox([self._button, self._life]), view)

    def _on_click(self, button: object) -> None:
        """Draw the present map anew; a line beside the button counts the seconds meanwhile."""
        assert self._recompute is not None
        state = self._control_values()
        method, settings, seed = state["method"], self._settings(state), state["seed"]
        self._button.disabled = True
        try:
            with self._counting(f"Drawing {method}" + " (its first time is slow)" * (method == "UMAP")):
                drawn = self._recompute(state["vectors"], method, settings, int(seed))
            if len(as_points(drawn.points)) != len(self._labels):  # refused before it is kept
                raise ValueError(f"recompute returned points of shape {np.shape(drawn.points)}.")
            with self._lock:
                self._live[self._key(state)] = drawn
                self._on_change(None)
        except Exception as error:
            self._report(f"{type(error).__name__}: {error}")
            raise
        finally:
            self._button.disabled = False

    @contextmanager
    def _counting(self, what: str) -> Iterator[None]:
        """A sign of life each second, from another thread, and how long it took at the end."""
        started, done = time.perf_counter(), threading.Event()

        def say(end: str = " …") -> None:
            seconds = time.perf_counter() - started
            self._life.value = f'<span role="status">{escape(f"{what}: {seconds:.0f} s{end}")}</span>'

        def tick() -> None:
            say()
            while not done.wait(1.0):
                say()

        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()
            say(end=".")


def first_method(methods: Sequence[str], wanted: str | None) -> str:
    """The method asked for; else t-SNE if there is such a map, else the first one.

    Raises
    ------
    ValueError
        If there is no map by the method asked for.
    """
    if wanted is None:
        return "t-SNE" if "t-SNE" in methods else methods[0]
    if wanted not in methods:
        raise ValueError(f"There are maps by {', '.join(methods)}, not by {wanted!r}.")
    return wanted


def _inside(points: Any, region: Sequence[float]) -> list[int]:
    """Points within (left, right, bottom, top), in shares of the map's width and height."""
    places = np.asarray(points, dtype=np.float64)
    span = np.maximum(np.ptp(places, axis=0), 1e-12)
    shares = (places - places.min(axis=0)) / span
    left, right, bottom, top = region
    slack = 1e-9
    x, y = shares.T
    held = (x >= left - slack) & (x <= right + slack) & (y >= bottom - slack) & (y <= top + slack)
    return [int(i) for i in np.flatnonzero(held)]


def _agree(grids: Mapping[str, ProjectionGrid]) -> ProjectionGrid:
    """The first of several grids, once all have been found to offer the same.

    Raises
    ------
    ValueError
        If there is none, or one differs.
    """
    if not grids:
        raise ValueError("Give at least one grid of maps.")
    first = next(iter(grids.values()))
    for name, grid in grids.items():
        if (grid.labels, grid.methods, grid.seeds) != (first.labels, first.methods, first.seeds):
            raise ValueError(f"The grid {name!r} has other labels, methods or seeds than the first one.")
    return first
