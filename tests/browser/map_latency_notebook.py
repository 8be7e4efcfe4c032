"""The notebook for the latency of the explorers of maps: as many points and words as in a lesson."""

from __future__ import annotations

from latency_notebook import YARDSTICK

POINTS = """import numpy as np

from course_utils.explorers.analogy import AnalogyExplorer
from course_utils.explorers.neighbour_truth import NeighbourTruth
from course_utils.explorers.projection import ProjectionExplorer
from course_utils.explorers.training_scrubber import TrainingScrubber
from course_utils.projections.grid import ProjectionGrid
from course_utils.projections.maps import Projected

rng = np.random.default_rng(0)
N, PERPLEXITIES, SEEDS = 340, (2, 5, 15, 30, 50), (0, 1, 2, 3, 4)
# Broad, narrow and far letters, so that labels take what they take in any lesson.
PARTS = ["communication", "mummy", "island", "ill", "sodium", "WAVE", "海洋", "🌊", "swimming", "of"]
labels = [f"{PARTS[i % len(PARTS)]}{i}" for i in range(N)]
groups = np.arange(N) % 9 - 1
group_names = ["animals", "countries", "time", "food", "professions", "body", "how things look", "moving"]
centres = 4 * rng.standard_normal((9, 2))


def cloud():
    return (centres[groups] + rng.standard_normal((N, 2))).astype(np.float32)


def grid_of_clouds():
    maps = [Projected("PCA", {}, 0, cloud(), 0.75, 0.8, (0.1, 0.05))]
    for perplexity in PERPLEXITIES:
        maps += [Projected("t-SNE", {"perplexity": perplexity}, s, cloud(), 0.9, 0.95) for s in SEEDS]
    methods = {"PCA": {}, "t-SNE": {"perplexity": PERPLEXITIES}}
    return ProjectionGrid(rng.standard_normal((N, 384)), labels, methods=methods, seeds=SEEDS, maps=maps)


grids = {"MiniLM": grid_of_clouds(), "random vectors": grid_of_clouds()}
"""

SCRUBBER = """training_scrubber = TrainingScrubber(
    rng.standard_normal((40, N, 50)).cumsum(axis=0), steps=range(0, 4000, 100), labels=labels,
    losses=np.linspace(5, 2, 40), groups=groups, group_names=group_names,
)
training_scrubber"""

PROJECTION = """projection_explorer = ProjectionExplorer(grids, groups=groups, group_names=group_names)
projection_explorer"""

TRUTH = """neighbour_truth = NeighbourTruth(grids["MiniLM"], word=labels[7])
neighbour_truth"""

ANALOGY = """vectors = rng.standard_normal((20_000, 384), dtype=np.float32)
analogy_explorer = AnalogyExplorer(
    vectors, labels=[f"w{i}" for i in range(20_000)], a="w1", b="w2", c="w3", k=8
)
analogy_explorer"""


def sources() -> list[str]:
    """All cells: the maps, the four explorers, and the yardstick."""
    return [POINTS, SCRUBBER, PROJECTION, TRUTH, ANALOGY, YARDSTICK]
