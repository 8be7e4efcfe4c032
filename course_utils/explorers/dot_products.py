"""Why attention divides by √d: random queries and keys, their scores, and what the softmax makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from course_utils.explorers.base import Explorer
from course_utils.explorers.score_pipeline import entropy_nats, softmax
from course_utils.plots.compared_bars import compared_bars_svg
from course_utils.plots.curves import curves_svg
from course_utils.plots.histogram import histogram_svg
from course_utils.plots.svg import above, beside

Floats = NDArray[np.float64]

QUERIES = 128  # drawn for each seed; entropies are means over them
MOST_KEYS = 128
MOST_SHOWN = 8  # weights of one query that are drawn
BINS = 40
WIDEST = 4096
SCALED, UNSCALED = "with 1/√d", "without"
POWERS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)


class DotProductBench(Explorer):
    """Move the width of random queries and keys; see the scores spread and the softmax harden.

    Parameters
    ----------
    widths : sequence of int, rising
        Numbers d in a query and in a key.
    seed : int, default 0
        Where the slider stands first, 0 to 99.

    Notes
    -----
    All numbers are normal with mean 0 and the standard deviation `spread`. A narrow vector is the beginning
    of the wide one with the same seed, so the width slider adds numbers and changes none. A score is a sum of
    d products: in theory its mean is 0 and its standard deviation √d times spread².

    `state()`, which has a JSON form, holds `scores` (128 lists of one number a key, not scaled), `drawn_std`
    and `theory_std`; `weights_scaled` and `weights_unscaled` of the first query, one a key;
    `entropies_scaled` and `entropies_unscaled`, the mean over the queries in nats for each of `all_widths`,
    and `entropy_scaled`, `entropy_unscaled` at the chosen one; `largest_scaled`, `largest_unscaled`, the mean
    of the largest weight.

    References
    ----------
    Vaswani et al. (2017), Attention Is All You Need, section 3.2.1 and its footnote 4.
    """

    name = "dotproducts"

    def __init__(self, *, widths: Sequence[int] = POWERS, seed: int = 0) -> None:
        self._widths = _check_widths(widths)
        self._drawn: dict[int, tuple[Floats, Floats]] = {}
        self._curves: dict[tuple[int, int, float], tuple[list[float], list[float]]] = {}
        first = 64 if 64 in self._widths else self._widths[len(self._widths) // 2]
        super().__init__(
            {
                "width": widgets.SelectionSlider(options=self._widths, value=first, description="width d"),
                "keys": widgets.IntSlider(value=16, min=2, max=MOST_KEYS, description="keys"),
                "spread": widgets.FloatSlider(
                    value=1.0, min=0.25, max=2.0, step=0.25, description="spread", readout_format=".2f"
                ),
                "seed": widgets.IntSlider(value=seed, min=0, max=99, description="seed"),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Scores at the chosen width, entropies at all."""
        width, keys, seed, spread = self._check(state)
        scores = self._scores(width, keys, seed=seed, spread=spread)  # (Q, K)
        scaled, unscaled = softmax(scores / math.sqrt(width)), softmax(scores)
        curves = self._entropies(keys, seed=seed, spread=spread)
        place = self._widths.index(width)
        return {
            "scores": scores.tolist(),
            "drawn_std": float(scores.std()),
            "theory_std": math.sqrt(width) * spread**2,
            "weights_scaled": scaled[0].tolist(),
            "weights_unscaled": unscaled[0].tolist(),
            "largest_scaled": float(scaled.max(axis=1).mean()),
            "largest_unscaled": float(unscaled.max(axis=1).mean()),
            "all_widths": list(self._widths),
            "entropies_scaled": curves[0],
            "entropies_unscaled": curves[1],
            "entropy_scaled": curves[0][place],
            "entropy_unscaled": curves[1][place],
            "most_entropy": math.log(keys),
            "shown": [width, keys, seed, spread],
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """Scores and one query's weights side by side; entropies over the widths below."""
        width, keys, seed, spread = result["shown"]
        label = self.describe(result)
        upper = beside(self._draw_scores(result, label), self._draw_weights(result, label), label=label)
        first, last = ([result[f"entropies_{name}"][i] for name in ("unscaled", "scaled")] for i in (0, -1))
        lower = curves_svg(
            {SCALED: result["entropies_scaled"], UNSCALED: result["entropies_unscaled"]},
            names=[str(one) for one in self._widths],
            chosen=self._widths.index(width),
            limit=result["most_entropy"],
            title=(
                f"Entropy, d = {self._widths[0]} to {self._widths[-1]}: with 1/√d {first[1]:.2f} → "
                f"{last[1]:.2f}, without {first[0]:.2f} → {last[0]:.2f}"
            ),
            label=label,
            x_label=f"width d (mean over {QUERIES} queries; top line: ln {keys})",
            y_label="nats",
        )
        data = {"width": width, "keys": keys, "seed": seed, "spread": f"{spread:g}"}
        return above(upper, lower, label=label, data=data)

    def describe(self, result: Mapping[str, Any]) -> str:
        """Spread of the scores, and what the softmax makes of them."""
        width, keys, _, spread = result["shown"]
        return (
            f"Queries and keys of {width} random numbers, spread {spread:g}; {keys} keys. Scores have the "
            f"standard deviation {result['drawn_std']:.2f}; in theory √{width} · {spread:g}² = "
            f"{result['theory_std']:.2f}. Mean entropy of the softmax: {result['entropy_scaled']:.3f} nats "
            f"with 1/√d, {result['entropy_unscaled']:.3f} without, at most {result['most_entropy']:.3f}. The "
            f"largest weight is {result['largest_scaled']:.3f} with 1/√d and "
            f"{result['largest_unscaled']:.3f} without, on average."
        )

    def _check(self, state: Mapping[str, Any]) -> tuple[int, int, int, float]:
        width, keys, seed, spread = (state[key] for key in ("width", "keys", "seed", "spread"))
        if width not in self._widths:
            raise ValueError(f"width is one of {', '.join(str(one) for one in self._widths)}.")
        if not (2 <= keys <= MOST_KEYS and 0 <= seed <= 99 and 0.25 <= spread <= 2):
            raise ValueError(f"keys go from 2 to {MOST_KEYS}, seed from 0 to 99, spread from 0.25 to 2.")
        return int(width), int(keys), int(seed), float(spread)

    def _scores(self, width: int, keys: int, *, seed: int, spread: float) -> Floats:
        """Dot products of all queries with all keys, shape (Q, K)."""
        if seed not in self._drawn:
            rng = np.random.default_rng(seed)
            most = self._widths[-1]
            drawn = rng.standard_normal((QUERIES, most)), rng.standard_normal((MOST_KEYS, most))
            self._drawn = {seed: drawn}  # megabytes: the last seed only
        q, k = self._drawn[seed]
        scores: Floats = q[:, :width] @ k[:keys, :width].T * spread**2
        return scores

    def _entropies(self, keys: int, *, seed: int, spread: float) -> tuple[list[float], list[float]]:
        """Mean entropy at each width, with and without scaling, computed once for each setting."""
        setting = (keys, seed, spread)
        if setting not in self._curves:
            scaled, unscaled = [], []
            for width in self._widths:
                scores = self._scores(width, keys, seed=seed, spread=spread)
                scaled.append(float(entropy_nats(softmax(scores / math.sqrt(width))).mean()))
                unscaled.append(float(entropy_nats(softmax(scores)).mean()))
            self._curves[setting] = scaled, unscaled
        return self._curves[setting]

    def _draw_scores(self, result: Mapping[str, Any], label: str) -> str:
        """The drawn scores over the normal distribution that theory expects."""
        width, _, _, spread = result["shown"]
        std, scores = result["theory_std"], np.array(result["scores"])
        counts, edges = np.histogram(scores, bins=BINS, range=(-4 * std, 4 * std))
        peak = scores.size * (edges[1] - edges[0]) / (std * math.sqrt(2 * math.pi))
        return histogram_svg(
            counts / peak,
            edges=edges,
            curves={
                f"theory: N(0, {width * spread**4:.4g})": _bell(std, std),
                f"after 1/√d: N(0, {spread**4:.4g}), not to scale": _bell(std / math.sqrt(width), std),
            },
            title=f"Standard deviation {result['drawn_std']:.2f}, theory {std:.2f}",
            label=label,
            x_label="score q · k, not scaled",
        )

    def _draw_weights(self, result: Mapping[str, Any], label: str) -> str:
        """The largest weights of the first query."""
        scaled, unscaled = np.array(result["weights_scaled"]), np.array(result["weights_unscaled"])
        order = np.argsort(-np.array(result["scores"][0]), kind="stable")[:MOST_SHOWN]
        return compared_bars_svg(
            {SCALED: scaled[order].tolist(), UNSCALED: unscaled[order].tolist()},
            labels=[f"key {key + 1}" for key in order],
            title="Softmax of the first query's scores",
            label=label,
            foot=f"largest {len(order)} of {len(scaled)} weights, 0 to 1",
        )


def _bell(std: float, most: float) -> tuple[Floats, Floats]:
    """A normal density, as shares of its peak, from -4 to 4 times `most`."""
    x = np.unique(np.concatenate([[-4 * most, 4 * most], np.linspace(-4, 4, 65) * std]))
    return x, np.exp(-0.5 * (x / std) ** 2)


def _check_widths(widths: Sequence[int]) -> tuple[int, ...]:
    found = tuple(int(width) for width in widths)
    rising = all(a < b for a, b in zip(found, found[1:], strict=False))
    if not found or found != tuple(widths) or not rising or not 1 <= found[0] <= found[-1] <= WIDEST:
        raise ValueError(f"widths must be whole numbers from 1 to {WIDEST}, rising; got {list(widths)}.")
    return found
