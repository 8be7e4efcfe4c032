"""Small grids of maps made by hand, and what is read off a drawn map."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np

from course_utils.projections.grid import ProjectionGrid
from course_utils.projections.maps import Projected

NS = "{http://www.w3.org/2000/svg}"
LABELS = [
    "sea",
    "seal",
    "Ocean",
    "boat",
    "court",
    "judge",
    "law",
    "tea",
    "cold water",
    "cup",
    "2.4",
    "island",
]
METHODS = {
    "PCA": {},
    "t-SNE": {"perplexity": (2, 5)},
    "UMAP": {"n_neighbors": (3, 5), "min_dist": (0.0, 0.1)},
}
SEEDS = (0, 1)


def make_grid(number=0, *, labels=LABELS, methods=METHODS, seeds=SEEDS):
    """A grid whose vectors, points and marks are random numbers, each map with its own."""
    rng = np.random.default_rng(number)
    maps = []
    for method, offered in methods.items():
        for values in itertools.product(*offered.values()):
            for seed in seeds[:1] if method == "PCA" else seeds:
                maps.append(
                    Projected(
                        method=method,
                        settings=dict(zip(offered, values, strict=True)),
                        seed=seed,
                        points=rng.normal(size=(len(labels), 2)).astype(np.float32),
                        trustworthiness=round(float(rng.uniform(0.5, 1)), 3),
                        continuity=round(float(rng.uniform(0.5, 1)), 3),
                        explained=(0.4, 0.2) if method == "PCA" else (),
                    )
                )
    vectors = rng.normal(size=(len(labels), 5))
    return ProjectionGrid(vectors, labels, methods=methods, seeds=seeds, maps=maps)


def shown(explorer):
    """The picture on the page, parsed."""
    html = explorer.widget.children[-1].value
    return ET.fromstring(re.search(r"<svg .*</svg>", html, re.DOTALL).group())


def message(explorer):
    """The HTML above the picture."""
    return explorer.widget.children[-1].value.partition("-picture")[0]


def drawn_places(explorer):
    """Hover text of each point → its place in pixels."""
    found = {}
    for path in shown(explorer).iter(f"{NS}path"):
        title = path.find(f"{NS}title")
        if title is not None:
            found[title.text] = numbers(path.get("transform") or path.get("d"))[:2]
    return found


def highlighted(explorer):
    """Labels of the points drawn large."""
    return {
        path.get("data-label") for path in shown(explorer).iter(f"{NS}path") if "data-label" in path.attrib
    }


def labels_beside_points(explorer):
    return {text.text for text in shown(explorer).iter(f"{NS}text") if text.get("paint-order")}


def numbers(text):
    return [float(part) for part in re.findall(r"-?\d+\.?\d*", text)]


def assert_drawn_to_scale(explorer, points, labels):
    """Every point stands where its coordinates put it, alike in both directions, up being up."""
    found = drawn_places(explorer)
    assert sorted(found) == sorted(labels)
    pixels = np.array([found[label] for label in labels])
    moves, ways = pixels - pixels[0], np.asarray(points) - np.asarray(points)[0]
    factor = np.abs(moves).max() / np.abs(ways).max()
    np.testing.assert_allclose(moves, ways * factor * [1, -1], atol=0.3)
