"""Attention for one query, stage by stage: dot product, scale, mask, softmax, mix."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.explorers.base import Explorer
from course_utils.plots.bars import bars_svg
from course_utils.plots.stages import Stages, short_number, stages_svg
from course_utils.plots.svg import above, shorten

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_KEYS = 48  # rows that a page can hold


class ScorePipeline(Explorer):
    """Choose a head and a query, switch stages off, and read the numbers at every stage.

    Parameters
    ----------
    heads : mapping of str to (queries, keys, values)
        Arrays of shape (T, D), (S, D) and (S, E) for each head; T and S alike for all heads.
    row_labels, col_labels : sequences of T and S str
        What the queries and the keys stand for.
    mask : bool array that fits (T, S), optional
        True = may be attended to: (T, S) for a causal mask, (S,) for padding. Without one there is no switch
        for it.
    head : str, optional
    query : int, default 0
        Shown first.

    Notes
    -----
    `state()` holds the stages for the chosen query: `dot_products`, `scaled_scores`, `masked_scores`
    (-infinity where masked), `weights` (S floats each) and `mix` (E floats); `allowed` (S bools); `winner`
    (label of the key with the largest weight, the first of equals), `winner_place`, `winner_weight`,
    `entropy_nats`, `head_width` (D); and `variants`, what comes out with each stage on and off: name → dict
    of `scale`, `mask`, `entropy_nats`, `winner`, `winner_place`, `winner_weight`. `setting` is the variant on
    the screen.

    References
    ----------
    Vaswani et al. (2017), Attention Is All You Need, section 3.2.1.
    """

    name = "pipeline"

    def __init__(
        self,
        heads: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
        *,
        row_labels: Sequence[str],
        col_labels: Sequence[str],
        mask: ArrayLike | None = None,
        head: str | None = None,
        query: int = 0,
    ) -> None:
        self._rows, self._keys = [str(name) for name in row_labels], [str(name) for name in col_labels]
        self._heads = _check_heads(heads, shape=(len(self._rows), len(self._keys)))
        self._mask = None if mask is None else _check_mask(mask, shape=(len(self._rows), len(self._keys)))
        self._limits = {name: _limits(name, *arrays) for name, arrays in self._heads.items()}
        places = [(f"{place + 1} · {shorten(text)}", place) for place, text in enumerate(self._rows)]
        names = tuple(self._heads)
        controls = {
            "query": widgets.SelectionSlider(options=places, value=query, description="query"),
            "head": widgets.SelectionSlider(options=names, value=head or names[0], description="head"),
            "scale": widgets.Checkbox(value=True, description="scale by 1/√d", indent=True),
        }
        if self._mask is not None:
            controls["mask"] = widgets.Checkbox(value=True, description="apply the mask", indent=True)
        super().__init__(controls)

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """All stages for one query, and what would come out with stages switched off."""
        query, head = state["query"], state["head"]
        if head not in self._heads:
            raise ValueError(f"there is no head {head!r}; there are {', '.join(self._heads)}.")
        if query not in range(len(self._rows)):
            raise ValueError(f"query goes from 0 to {len(self._rows) - 1}.")
        scale, mask = bool(state["scale"]), bool(state.get("mask", False))
        stages = self._stages(head, query, scale=scale, mask=mask)
        values = self._heads[head][2]
        return {
            **{name: numbers.tolist() for name, numbers in stages.items()},
            "mix": (stages["weights"] @ values).tolist(),
            **self._outcome(stages["weights"]),
            "head_width": self._heads[head][0].shape[1],
            "query_label": self._rows[query],
            "variants": self._variants(head, query),
            "setting": self._name_of(scale, mask),
            "shown": (head, query, scale, mask),
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """The stages; below them the entropy with each stage on and off."""
        head, query, scale, mask = result["shown"]
        label = self.describe(result)
        data = {
            "head": head,
            "query": query,
            "scaled": int(scale),
            "masked": int(mask),
            "entropy": f"{result['entropy_nats']:.10g}",
        }
        upper = stages_svg(
            self._picture_of(result),
            title=(
                f"{_short(result['query_label'])} looks at {_short(result['winner'])} most: weight "
                f"{result['winner_weight']:.3f}"
            ),
            label=label,
        )
        variants = result["variants"]
        lower = bars_svg(
            [one["entropy_nats"] for one in variants.values()],
            labels=list(variants),
            notes=[
                f"{shorten(one['winner'], length=10)} {one['winner_weight']:.3f}" for one in variants.values()
            ],
            title=(
                f"Entropy of the softmax in nats: {result['entropy_nats']:.3f} ({result['setting']}), "
                f"at most ln {len(self._keys)} = {math.log(len(self._keys)):.2f}"
            ),
            label=label,
            limit=math.log(len(self._keys)),
        )
        return above(upper, lower, label=label, data=data)

    def describe(self, result: Mapping[str, Any]) -> str:
        """Stage by stage for the winner, then what each switch would change."""
        head, query, scale, mask = result["shown"]
        place, best = result["winner_place"], int(np.argmax(result["dot_products"]))
        closed = len(self._keys) - sum(result["allowed"])
        parts = [
            f"Head {shorten(head, length=30)}, query {query + 1}, {_short(result['query_label'])}. Largest "
            f"dot product: {_short(self._keys[best])}, {short_number(result['dot_products'][best])}.",
            f"Scaled by 1/√{result['head_width']}." if scale else "Not scaled.",
            f"The mask closes {closed} of {len(self._keys)} keys." if mask else "Nothing is masked.",
            f"Most weight: {_short(result['winner'])}, {result['winner_weight']:.3f}, from a score of "
            f"{short_number(result['masked_scores'][place])}. Entropy {result['entropy_nats']:.3f} nats.",
        ]
        for name, one in result["variants"].items():
            if name != result["setting"]:
                parts.append(
                    f"If {name}: {_short(one['winner'])} {one['winner_weight']:.3f}, entropy "
                    f"{one['entropy_nats']:.3f}."
                )
        return " ".join(parts)

    def _stages(self, head: str, query: int, *, scale: bool, mask: bool) -> dict[str, Any]:
        """Scores and weights of one query, S numbers a stage."""
        queries, keys, _ = self._heads[head]
        dots = keys @ queries[query]  # (S,)
        scaled = dots / math.sqrt(queries.shape[1]) if scale else dots
        allowed = self._mask[query] if mask and self._mask is not None else np.ones(len(keys), dtype=bool)
        masked = np.where(allowed, scaled, -np.inf)
        return {
            "dot_products": dots,
            "scaled_scores": scaled,
            "allowed": allowed,
            "masked_scores": masked,
            "weights": softmax(masked),
        }

    def _variants(self, head: str, query: int) -> dict[str, dict[str, Any]]:
        """What comes out with each stage on and off."""
        switches = itertools.product((True, False), (True, False) if self._mask is not None else (False,))
        return {
            self._name_of(scale, mask): {
                "scale": scale,
                "mask": mask,
                **self._outcome(self._stages(head, query, scale=scale, mask=mask)["weights"]),
            }
            for scale, mask in switches
        }

    def _name_of(self, scale: bool, mask: bool) -> str:
        if self._mask is None:
            return "scaled" if scale else "not scaled"
        return {
            (True, True): "scaled and masked",
            (True, False): "only scaled",
            (False, True): "only masked",
            (False, False): "neither",
        }[scale, mask]

    def _outcome(self, weights: Floats) -> dict[str, Any]:
        place = int(weights.argmax())
        return {
            "winner": self._keys[place],
            "winner_place": place,
            "winner_weight": float(weights[place]),
            "entropy_nats": float(entropy_nats(weights)),
        }

    def _picture_of(self, result: Mapping[str, Any]) -> Stages:
        head, _, scale, mask = result["shown"]
        closed = len(self._keys) - sum(result["allowed"])
        score_limit, value_limit = self._limits[head]
        return Stages(
            keys=self._keys,
            dots=np.array(result["dot_products"]),
            scaled=np.array(result["scaled_scores"]),
            masked=np.array(result["masked_scores"]),
            weights=np.array(result["weights"]),
            values=self._heads[head][2],
            mix=np.array(result["mix"]),
            notes=(
                "q · k",
                f"÷ √{result['head_width']}" if scale else "off",
                "none" if self._mask is None else f"{closed} closed" if mask else "off",
                "sums to 1",
            ),
            score_limit=score_limit,
            value_limit=value_limit,
        )


def softmax(scores: Floats) -> Floats:
    """Shares of the scores in each row, shape (..., S); they sum to 1, and -infinity gets none."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))  # the largest exponent is 0
    shares: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return shares


def entropy_nats(weights: Floats) -> Floats:
    """Entropy of each row of weights of shape (..., S), in nats, shape (...)."""
    entropy: Floats = -(weights * np.log(np.where(weights > 0, weights, 1.0))).sum(axis=-1) + 0.0
    return entropy


def _short(text: str) -> str:
    return f"“{shorten(text, length=24)}”"


def _limits(name: str, queries: Floats, keys: Floats, values: Floats) -> tuple[float, float]:
    """The largest score and the largest value of a head: one scale of colours for all its queries.

    Raises
    ------
    ValueError
        If a score is too large for a float.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scores = float(np.abs(queries @ keys.T).max())
    if not math.isfinite(scores):
        raise ValueError(f"the dot products of head {name!r} are too large; divide its queries and keys.")
    return scores or 1.0, float(np.abs(values).max()) or 1.0


def _check_heads(
    heads: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]], *, shape: tuple[int, int]
) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Each head's arrays as floats.

    Raises
    ------
    ValueError
        If there is no head, no query or key, too many keys, or a head's arrays do not fit together.
    """
    rows, columns = shape
    if not heads or not rows or not columns:
        raise ValueError("give at least one head, one row label (query) and one column label (key).")
    if columns > MOST_KEYS:
        raise ValueError(f"{columns} keys do not fit on a page; give at most {MOST_KEYS}.")
    checked = {}
    for name, arrays in heads.items():
        if len(arrays) != 3:
            raise ValueError(f"head {name!r} needs queries, keys and values, not {len(arrays)} arrays.")
        q, k, v = (np.asarray(array, dtype=np.float64) for array in arrays)
        fits = q.ndim == k.ndim == v.ndim == 2 and len(q) == rows and len(k) == len(v) == columns
        if not fits or q.shape[1] != k.shape[1] or 0 in (q.shape[1], v.shape[1]):
            raise ValueError(
                f"head {name!r} has queries {q.shape}, keys {k.shape} and values {v.shape}; {rows} row and "
                f"{columns} column labels need ({rows}, D), ({columns}, D) and ({columns}, E)."
            )
        if not all(np.isfinite(array).all() for array in (q, k, v)):
            raise ValueError(f"head {name!r} holds NaN or infinity; look where its arrays were computed.")
        checked[str(name)] = (q, k, v)
    return checked


def _check_mask(mask: ArrayLike, *, shape: tuple[int, int]) -> Bools:
    """The mask in full, shape (T, S).

    Raises
    ------
    ValueError
        If it is not boolean, does not fit, or leaves a query without a key.
    """
    found = np.asarray(mask)
    if found.dtype != np.bool_:
        raise ValueError(f"a mask is boolean, True = may be attended to; this one is {found.dtype}.")
    try:
        full = np.broadcast_to(found, shape)
    except ValueError:
        raise ValueError(f"a mask of shape {found.shape} does not fit {shape}, (queries, keys).") from None
    closed = np.flatnonzero(~full.any(axis=1))
    if closed.size:
        raise ValueError(f"the mask leaves query {closed[0]} no key; open at least one in each row.")
    return full
