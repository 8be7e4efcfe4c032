"""Quality against length: how a translator fares from the shortest sentences to the longest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.length_curves import length_curves_svg

WIDEST_BUCKET = 8
LARGEST_MINIMUM = 100

Floats = NDArray[np.float64]


class LengthExplorer(Explorer):
    """Cut the test sentences into buckets of length and compare models in each.

    Parameters
    ----------
    results : mapping of str to (correct, first_mistake)
        For each model: how right each of N sentences is, from 0 to 1 (right or wrong, as a rule); and the
        place of its first wrong word, counted from 1, or None if that was not measured. Places of right
        sentences are not looked at. At most seven models.
    lengths : sequence of N int
        Words of each source sentence.
    model : str, optional
        Chosen first; by default the last one.
    width : int, default 3
        Lengths that share a bucket, from 1 to 8.
    minimum : int, default 10
        Buckets with fewer sentences get no point.
    quality : str
        What `correct` says, for the axis.

    Notes
    -----
    `state()` holds `buckets` (pairs of the least and greatest length), `counts`, `curves` (model → one mean a
    bucket, NaN where there are too few sentences), `low` and `high` (95 % interval of the chosen model's
    means), `first` (median place of its first mistake among the sentences it got wrong, NaN if there is none;
    None if it was not measured) and `overall` (its mean over all sentences).

    Intervals are Wilson's for right and wrong, else those of the normal distribution.

    Raises
    ------
    ValueError
        If there is no model or no sentence, numbers of sentences differ, or a value lies outside 0 to 1.
    """

    name = "lengths"

    def __init__(
        self,
        results: Mapping[str, tuple[ArrayLike, ArrayLike | None]],
        *,
        lengths: ArrayLike,
        model: str | None = None,
        width: int = 3,
        minimum: int = 10,
        quality: str = "exact match",
    ) -> None:
        self._lengths = np.asarray(lengths)
        if self._lengths.ndim != 1 or not len(self._lengths) or self._lengths.min() < 1:
            raise ValueError(
                "lengths must hold one whole number of 1 or more for each sentence, and at least one."
            )
        if not results:
            raise ValueError("Give at least one model's results.")
        self._correct, self._first = {}, {}
        for name, (correct, first) in results.items():
            self._correct[str(name)] = _one_a_sentence(correct, name=name, count=len(self._lengths))
            self._first[str(name)] = (
                None
                if first is None
                else _one_a_sentence(first, name=name, count=len(self._lengths), most=np.inf)
            )
        self._quality = quality
        names = list(self._correct)
        super().__init__(
            {
                "width": widgets.IntSlider(value=width, min=1, max=WIDEST_BUCKET, description="bucket width"),
                "minimum": widgets.IntSlider(
                    value=minimum, min=1, max=LARGEST_MINIMUM, description="at least"
                ),
                "model": widgets.SelectionSlider(
                    options=names, value=model or names[-1], description="model"
                ),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Means and counts in each bucket; interval and first mistakes of the chosen model."""
        width, minimum, model = int(state["width"]), int(state["minimum"]), state["model"]
        if not 1 <= width <= WIDEST_BUCKET or not 1 <= minimum <= LARGEST_MINIMUM:
            raise ValueError(f"width goes from 1 to {WIDEST_BUCKET}, minimum from 1 to {LARGEST_MINIMUM}.")
        if model not in self._correct:
            raise ValueError(f"model must be one of {', '.join(self._correct)}.")
        shortest = int(self._lengths.min())
        bucket = (self._lengths - shortest) // width  # (N,)
        number = int(bucket.max()) + 1
        counts = np.bincount(bucket, minlength=number)
        enough = counts >= minimum
        if not enough.any():
            raise InputProblem(
                f"No bucket of {width} lengths holds {minimum} sentences, the fullest has {counts.max()}; "
                "lower the minimum or widen the buckets."
            )
        means = {name: _means(values, bucket, keep=enough) for name, values in self._correct.items()}
        low, high = _intervals(self._correct[model], bucket, means=means[model], counts=counts)
        return {
            "chosen": model,
            "buckets": [(shortest + i * width, shortest + (i + 1) * width - 1) for i in range(number)],
            "counts": counts.tolist(),
            "curves": {name: values.tolist() for name, values in means.items()},
            "low": low.tolist(),
            "high": high.tolist(),
            "first": self._first_mistakes(model, bucket, keep=enough),
            "overall": float(self._correct[model].mean()),
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """Curves above, numbers of sentences and first mistakes below."""
        chosen, first = result["chosen"], result["first"]
        return length_curves_svg(
            result["curves"],
            buckets=[_say(bucket) for bucket in result["buckets"]],
            counts=result["counts"],
            title=self._headline(result),
            label=self.describe(result),
            y_label=self._quality,
            intervals={chosen: (result["low"], result["high"])},
            chosen=chosen,
            notes=None if first is None else ["" if np.isnan(one) else f"{one:g}" for one in first],
            notes_name="1st wrong",
            data={"model": chosen},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """The chosen model's numbers, bucket by bucket, then the other models'."""
        chosen = result["chosen"]
        parts = [f"{self._quality} of {chosen} over all sentences: {result['overall']:.3f}."]
        said = []
        for i, bucket in enumerate(result["buckets"]):
            value = result["curves"][chosen][i]
            if np.isnan(value):
                continue
            one = f"{_say(bucket)} words {value:.3f} ({result['low'][i]:.3f} to {result['high'][i]:.3f})"
            if result["first"] is not None and not np.isnan(result["first"][i]):
                one += f", first wrong word {result['first'][i]:g}"
            said.append(f"{one}, {result['counts'][i]:,} sentences")
        parts.append("By length: " + "; ".join(said) + ".")
        for name, values in result["curves"].items():
            if name != chosen:
                parts.append(f"{name}: " + ", ".join(f"{v:.3f}" for v in values if not np.isnan(v)) + ".")
        left_out = sum(np.isnan(v) for v in result["curves"][chosen])
        if left_out:
            parts.append(
                f"{left_out} of {len(result['buckets'])} buckets hold too few sentences for a point."
            )
        return " ".join(parts)

    def _headline(self, result: Mapping[str, Any]) -> str:
        values = result["curves"][result["chosen"]]
        known = [i for i, value in enumerate(values) if not np.isnan(value)]
        first, last = known[0], known[-1]
        if first == last:
            return f"{result['chosen']}: {values[first]:.2f} at {_say(result['buckets'][first])} words"
        return (
            f"{result['chosen']}: {values[first]:.2f} at {_say(result['buckets'][first])} words, "
            f"{values[last]:.2f} at {_say(result['buckets'][last])}"
        )

    def _first_mistakes(
        self, model: str, bucket: NDArray[np.int_], *, keep: NDArray[np.bool_]
    ) -> list[float] | None:
        """Median place of the first wrong word among wrong sentences, NaN where there is none."""
        places = self._first[model]
        if places is None:
            return None
        wrong = self._correct[model] < 1
        found = [places[(bucket == i) & wrong] if kept else places[:0] for i, kept in enumerate(keep)]
        return [float(np.median(one)) if len(one) else float("nan") for one in found]


def _one_a_sentence(values: ArrayLike, *, name: object, count: int, most: float = 1.0) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (count,):
        raise ValueError(f"{name} has shape {array.shape}; it needs one value for each of {count} sentences.")
    if most <= 1 and not ((array >= 0) & (array <= most)).all():  # NaN fails both
        raise ValueError(f"{name}: how right a sentence is lies between 0 and 1.")
    return array


def _means(values: Floats, bucket: NDArray[np.int_], *, keep: NDArray[np.bool_]) -> Floats:
    """Mean of each bucket, NaN where it is not kept, (n,)."""
    sums = np.bincount(bucket, weights=values, minlength=len(keep))
    counts = np.bincount(bucket, minlength=len(keep))
    return np.where(keep, sums / np.maximum(counts, 1), np.nan)


def _intervals(
    values: Floats, bucket: NDArray[np.int_], *, means: Floats, counts: NDArray[np.int_]
) -> tuple[Floats, Floats]:
    """Ends of 95 % intervals, (n,) each: Wilson's for zeros and ones, else the normal distribution's."""
    z, n = 1.959964, np.maximum(counts, 1)
    if np.isin(values, (0, 1)).all():
        middle = (means + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z * np.sqrt(means * (1 - means) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    else:
        squares = np.bincount(bucket, weights=values**2, minlength=len(n)) / n
        middle, half = means, z * np.sqrt(np.maximum(squares - means**2, 0) / n)
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)


def _say(bucket: tuple[int, int]) -> str:
    least, most = bucket
    return f"{least}" if least == most else f"{least}–{most}"
