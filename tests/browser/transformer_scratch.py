"""Small arrays in the place of trained transformers, a notebook with the explorers of lessons 15 to 17, and
the numbers that they must show, by plain Python.

An explorer more: a cell in `CELLS` that ends with its variable, and its tables and numbers in `Tables`.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

# A text may hold anything, so one of these words would do harm if it reached the page as markup.
HARMFUL = "<b>x</b>"
WORDS = ("the", "cat", "sees", "a", "dog", "🌊", HARMFUL)
TEXT = "the cat sees a dog"
LAYERS, HEADS, WIDTH = 2, 3, 4
MODELS = ("trained", "untrained")
NAMES = tuple(f"{layer}·{head}" for layer in range(1, LAYERS + 1) for head in range(1, HEADS + 1))
THRESHOLD = 0.2

SETUP = """import json

import numpy as np

from course_utils.evaluation.head_kinds import score_heads
from course_utils.evaluation.head_scores import first_token_score, mean_entropy, previous_token_score
from course_utils.explorers.heads_grid import Heads, HeadsGrid

tables = {
    name: np.array(table) for name, table in json.load(open("transformers.json", encoding="utf-8")).items()
}


def softmax(scores):
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)
"""

HEADS_GRID = """def look_with(model):
    def look(text):
        words = text.split()
        unknown = [word for word in words if word not in WORDS]
        if unknown:
            raise ValueError(f"the model does not know {unknown[0][:20]!r}.")
        x = tables["words"][[WORDS.index(word) for word in words]]
        free = np.tri(len(words), dtype=bool)
        scores = np.where(free, x @ tables[model] @ x.T + tables["before"][: len(words), : len(words)], -1e9)
        weights = softmax(scores)
        measures = {"previous": previous_token_score, "first": first_token_score}
        found = score_heads(weights, measures, allowed=free)
        scores = {**found.mapping(), "entropy": mean_entropy(weights, allowed=free)}
        return Heads(weights, words, words, scores, allowed=free, kinds=found.kinds)

    return look


heads_grid = HeadsGrid({model: look_with(model) for model in MODELS}, sentence=TEXT, threshold=THRESHOLD)
heads_grid"""

CELLS = [SETUP, HEADS_GRID]


def notebook_sources() -> list[str]:
    """The cells, with the constants of this file filled in."""
    names = ("WORDS", "TEXT", "MODELS", "THRESHOLD")
    return ["\n".join(f"{name} = {globals()[name]!r}" for name in names), *CELLS]


class Tables:
    """What the notebook is given, and the numbers that follow from it."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.tables = {
            "words": rng.normal(size=(len(WORDS), WIDTH)).round(3),
            "trained": (0.8 * rng.normal(size=(LAYERS, HEADS, WIDTH, WIDTH))).round(3),
            "untrained": (0.02 * rng.normal(size=(LAYERS, HEADS, WIDTH, WIDTH))).round(3),
            "before": 3 * np.eye(64, k=-1),
        }

    def as_json(self) -> str:
        """What the notebook reads."""
        return json.dumps({name: table.tolist() for name, table in self.tables.items()})

    def weights(self, text: str, model: str) -> dict[str, list[list[float]]]:
        """Weights (T, T) of each head."""
        x = [self.tables["words"][WORDS.index(word)] for word in text.split()]
        found = {}
        for number, name in enumerate(NAMES):
            matrix = self.tables[model][number // HEADS][number % HEADS]
            rows = []
            for t, query in enumerate(x):
                scores = [float(query @ matrix @ key) + (3 if t - s == 1 else 0) for s, key in enumerate(x)]
                grown = [math.exp(score) for score in scores[: t + 1]]
                rows.append([one / sum(grown) for one in grown] + [0.0] * (len(x) - t - 1))
            found[name] = rows
        return found

    def scores(self, text: str, model: str) -> dict[str, dict[str, float]]:
        """Each score of each head, with what an even spread has under "even"."""
        tables = self.weights(text, model)
        T = len(text.split())
        tables["even"] = [[1 / (t + 1) if s <= t else 0.0 for s in range(T)] for t in range(T)]
        return {
            "previous": {n: sum(w[t][t - 1] for t in range(1, T)) / (T - 1) for n, w in tables.items()},
            "first": {n: sum(w[t][0] for t in range(1, T)) / (T - 1) for n, w in tables.items()},
            "entropy": {
                n: -sum(p * math.log(p) for row in w for p in row if p > 0) / T for n, w in tables.items()
            },
        }

    def kinds(self, text: str, model: str, threshold: float) -> dict[str, str]:
        """What each head does most."""
        scores, found = self.scores(text, model), {}
        for name in NAMES:
            above = {kind: scores[kind][name] - scores[kind]["even"] for kind in ("previous", "first")}
            best = max(above, key=lambda kind: above[kind])
            found[name] = best if above[best] >= threshold else "mixed"
        return found

    def order(self, text: str, model: str, sort: str) -> list[str]:
        """Names of the heads, the greatest first."""
        values: dict[str, Any] = self.scores(text, model).get(sort, {})
        return sorted(NAMES, key=lambda name: -values.get(name, 0.0))
