"""A map as a reader meets it: where each point stands, what it says, which are marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from explorer_view import ExplorerView

MARKS = """paths => paths.map(path => {
    const at = (path.getAttribute('transform') ?? path.getAttribute('d')).match(/-?[\\d.]+/g).map(Number);
    return { hover: path.querySelector('title').textContent, x: at[0], y: at[1],
        fill: path.getAttribute('fill') ?? path.parentElement.getAttribute('fill'),
        shape: path.getAttribute('d').replace(/^M-?[\\d.]+ -?[\\d.]+/, ''),
        large: path.hasAttribute('data-label') };
})"""
LINES = "lines => lines.map(line => ['x1', 'y1', 'x2', 'y2'].map(name => Number(line.getAttribute(name))))"
TRAILS = "lines => lines.map(line => line.getAttribute('points').split(/[ ,]/).map(Number))"
REGION = (
    "rects => rects.map(rect => ['x', 'y', 'width', 'height'].map(name => Number(rect.getAttribute(name))))"
)
# A state may hold arrays and whole maps; a page can only be told numbers and texts.
STATE = "{{**{v}.state(), 'map': None, 'points': np.asarray({v}.state().get('points', ())).tolist()}}"


@dataclass(frozen=True)
class Mark:
    """One point on a map."""

    hover: str
    x: float
    y: float
    fill: str
    shape: str
    large: bool


class MapView(ExplorerView):
    """An explorer that draws a map."""

    def state(self) -> dict[str, Any]:
        """`state()` in the kernel, arrays as lists."""
        found: dict[str, Any] = self.notebook.ask(STATE.format(v=self.variable))
        return found

    def marks(self) -> dict[str, Mark]:
        """All points, by what they say under the pointer."""
        found = self.picture.locator("path:has(title)").evaluate_all(MARKS)
        return {mark["hover"]: Mark(**mark) for mark in found}

    def places(self, words: list[str]) -> np.ndarray:
        """Pixels of the points of these words, shape (N, 2)."""
        marks = self.marks()
        return np.array([(marks[word].x, marks[word].y) for word in words])

    def marked(self) -> set[str]:
        """Words of the points drawn large."""
        return {word for word, mark in self.marks().items() if mark.large}

    def texts(self) -> list[str]:
        """Everything written in the picture."""
        return [text.strip() for text in self.picture.locator("svg text").all_text_contents()]

    def lines(self) -> list[list[float]]:
        """Ends of all lines."""
        found: list[list[float]] = self.picture.locator("svg line").evaluate_all(LINES)
        return found

    def trails(self) -> list[list[float]]:
        """Corners of all trails."""
        found: list[list[float]] = self.picture.locator("svg polyline").evaluate_all(TRAILS)
        return found

    def region(self) -> list[list[float]]:
        """Left, top, width and height of the outline, if there is one."""
        found: list[list[float]] = self.picture.locator("rect.region").evaluate_all(REGION)
        return found

    def disabled(self, control: str) -> bool:
        """Whether a slider rests."""
        return self.part(control).locator(".noUi-target[disabled]").count() > 0


def assert_same_map(pixels: np.ndarray, points: np.ndarray, *, mirrored: bool = False) -> None:
    """Points stand where they should, up to one scale for both directions, y growing upwards.

    With `mirrored`, either direction may be turned round, as it may by another computation of PCA.
    """
    if mirrored:
        pixels, points = _distances(pixels), _distances(points)
        factor = pixels.max() / points.max()
        np.testing.assert_allclose(pixels, points * factor, atol=0.4)
        return
    shown, true = pixels - pixels.mean(axis=0), (points - points.mean(axis=0)) * [1, -1]
    factor = np.abs(shown).max() / np.abs(true).max()
    np.testing.assert_allclose(shown, true * factor, atol=0.2)


def _distances(places: np.ndarray) -> np.ndarray:
    return np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))
