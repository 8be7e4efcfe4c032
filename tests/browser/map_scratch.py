"""Forty words, a notebook with the four explorers of maps, and the numbers they must show, by plain numpy.

The maps are made of random points with marks of their own, so a wrong map cannot pass for the right one.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np

# A corpus may hold anything, so some of its words would do harm if they reached the page as markup.
HARMFUL = "<b>sea</b>"
WORDS = [f"{name}{i}" for name in ("ant", "bee", "cat", "dog") for i in range(9)]
WORDS += [HARMFUL, "שלום", "🌊", "new york"]
GROUPS = [i % 9 - 1 for i in range(len(WORDS))]
GROUP_NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight")
STEPS = (0, 10, 100, 1000, 12345)
LOSSES = (9.0, 7.5, 6.25, 5.125, 4.0625)
METHODS: dict[str, dict[str, tuple[float, ...]]] = {
    "PCA": {},
    "t-SNE": {"perplexity": (5, 15, 30)},
    "UMAP": {"n_neighbors": (5, 15), "min_dist": (0.0, 0.1, 0.5)},
}
SEEDS = (0, 1, 2)
NAMES = ("words", "random vectors")
LIVE = 0.1234  # the mark of a map drawn live

NOTEBOOK = [
    """import json
import time

import numpy as np

from course_utils.explorers.analogy import AnalogyExplorer
from course_utils.explorers.neighbour_truth import NeighbourTruth
from course_utils.explorers.projection import ProjectionExplorer
from course_utils.explorers.training_scrubber import TrainingScrubber
from course_utils.projections.grid import ProjectionGrid
from course_utils.projections.maps import Projected

data = json.load(open("maps.json", encoding="utf-8"))


def as_map(one):
    points, explained = np.array(one["points"], dtype=np.float32), tuple(one["explained"])
    return Projected(**{**one, "points": points, "explained": explained})


grids = {
    name: ProjectionGrid(
        np.array(data["vectors"]), data["words"], methods=METHODS, seeds=SEEDS, maps=[as_map(m) for m in maps]
    )
    for name, maps in data["maps"].items()
}


def recompute(name, method, settings, seed):
    time.sleep(1.5)
    points = grids[name].get(method, seed=seed, **settings).points
    return Projected(method, dict(settings), seed, points[:, ::-1], LIVE, LIVE)
""",
    """training_scrubber = TrainingScrubber(
    data["frames"], steps=STEPS, labels=data["words"], losses=LOSSES, groups=GROUPS, group_names=GROUP_NAMES,
    words="ant0, dog8",
)
training_scrubber""",
    """projection_explorer = ProjectionExplorer(
    grids, groups=GROUPS, group_names=GROUP_NAMES, recompute=recompute
)
projection_explorer""",
    """neighbour_truth = NeighbourTruth(grids["words"], word="cat0")
neighbour_truth""",
    """analogy_explorer = AnalogyExplorer(data["vectors"], labels=data["words"], a="ant0", b="bee0", c="cat0")
analogy_explorer""",
    # The least that can be shown: sliders that have nowhere to go.
    """least_scrubber = TrainingScrubber([[[0.0, 1.0]]], steps=[0], labels=["alone"])
least_scrubber""",
    """two = [Projected("PCA", {}, 0, np.eye(2, dtype=np.float32), 1.0, 1.0, (1.0, 0.0))]
least_grid = ProjectionGrid(np.eye(2), ["one", "other"], methods={"PCA": {}}, seeds=(0,), maps=two)
least_truth = NeighbourTruth(least_grid, word="one")
least_truth""",
    """least_projection = ProjectionExplorer({"only": least_grid})
least_projection""",
]


def notebook_sources() -> list[str]:
    """The cells, with the constants of this file filled in."""
    names = ("GROUPS", "GROUP_NAMES", "STEPS", "LOSSES", "METHODS", "SEEDS", "LIVE")
    return ["\n".join(f"{name} = {globals()[name]!r}" for name in names), *NOTEBOOK]


class Maps:
    """What the notebook is given, and the numbers that follow from it.

    Attributes
    ----------
    vectors : array of shape (N, 6)
    frames : array of shape (5, N, 6)
        From noise to the vectors.
    maps : dict of str to list of dict
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(11)
        n = len(WORDS)
        self.vectors = rng.normal(size=(n, 6)).round(4)
        noise = rng.normal(size=(n, 6)).round(4)
        shares = np.linspace(0, 1, len(STEPS))[:, None, None]
        self.frames = shares * self.vectors + (1 - shares) * noise
        self.maps = {name: [_random_map(rng, *key) for key in _combinations()] for name in NAMES}

    def as_json(self) -> str:
        """What the notebook reads."""
        lists = {"vectors": self.vectors.tolist(), "frames": self.frames.tolist()}
        return json.dumps({"words": WORDS, "maps": self.maps, **lists}, ensure_ascii=False)

    def find(self, method: str, *, name: str = NAMES[0], seed: int = 0, **settings: float) -> dict[str, Any]:
        """One of the maps."""
        seed = SEEDS[0] if method == "PCA" else seed
        wanted = (method, settings, seed)
        (found,) = [m for m in self.maps[name] if (m["method"], m["settings"], m["seed"]) == wanted]
        return found

    def flat_frames(self) -> np.ndarray:
        """All frames on the two main directions of the last one, from the eigenvectors of its covariance."""
        last = self.frames[-1] - self.frames[-1].mean(axis=0)
        _, directions = np.linalg.eigh(last.T @ last)
        return (self.frames - self.frames[-1].mean(axis=0)) @ directions[:, [-1, -2]]

    def neighbours(self, places: np.ndarray, word: str, *, k: int) -> list[str]:
        """The k words nearest to one word, nearest first."""
        distances = [float(np.hypot.reduce(one - places[WORDS.index(word)])) for one in places]
        order = sorted(range(len(WORDS)), key=lambda i: distances[i])
        return [WORDS[i] for i in order if WORDS[i] != word][:k]

    def analogy(self, a: str, b: str, c: str) -> dict[str, float]:
        """Cosine of b - a + c with every word."""
        unit = self.vectors / np.sqrt((self.vectors**2).sum(axis=1))[:, None]
        first, second, third = (unit[WORDS.index(word)] for word in (a, b, c))
        query = second - first + third
        scores = unit @ query / np.sqrt((query**2).sum())
        return dict(zip(WORDS, scores.tolist(), strict=True))


def _combinations() -> list[tuple[str, dict[str, float], int]]:
    found = []
    for method, offered in METHODS.items():
        for values in itertools.product(*offered.values()):
            for seed in SEEDS[:1] if method == "PCA" else SEEDS:
                found.append((method, dict(zip(offered, values, strict=True)), seed))
    return found


def _random_map(
    rng: np.random.Generator, method: str, settings: dict[str, float], seed: int
) -> dict[str, Any]:
    points = rng.normal(size=(len(WORDS), 2)).round(3)
    marks = rng.uniform(0.2, 0.99, size=2).round(4)
    return {
        "method": method,
        "settings": settings,
        "seed": seed,
        "points": points.tolist(),
        "trustworthiness": float(marks[0]),
        "continuity": float(marks[1]),
        "explained": (0.321, 0.123) if method == "PCA" else (),
    }
