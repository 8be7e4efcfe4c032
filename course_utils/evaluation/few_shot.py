"""How much does a method learn from few examples? Nested balanced samples and curves over seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Rows to learn from, and a seed for whatever chance the method uses → a label for each test row.
Method = Callable[[Ints, int], ArrayLike]


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """Scores of several methods against the number of examples a class."""

    sizes: tuple[int, ...]  # examples a class
    scores: dict[str, Floats]  # name → (seeds, sizes)

    def mean(self, name: str) -> Floats:
        """Mean over the seeds, shape (sizes,)."""
        return np.asarray(self.scores[name].mean(axis=0))

    def interval(self, name: str, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """Lower and upper end for the mean over seeds, shape (sizes,) each: Student's t.

        A seed is one draw of training samples. The interval says how far the mean would move with other
        draws; the test texts are the same in all of them.

        Raises
        ------
        ValueError
            If there is one seed only, which has no spread.
        """
        from scipy import stats

        table = self.scores[name]
        if len(table) < 2:
            raise ValueError("One seed has no spread; run at least two for an interval.")
        half = stats.t.ppf((1 + level) / 2, len(table) - 1) * table.std(axis=0, ddof=1) / np.sqrt(len(table))
        return self.mean(name) - half, self.mean(name) + half


def nested_samples(labels: ArrayLike, *, sizes: Sequence[int], seed: int) -> list[Ints]:
    """Draw balanced training samples, each of which holds the smaller ones.

    Parameters
    ----------
    labels : int array of shape (N,)
        Class of each row.
    sizes : sequence of int
        Examples a class, rising.
    seed : int

    Returns
    -------
    list of int arrays of shape (classes · size,)
        Rows of `labels`, class by class.

    Raises
    ------
    ValueError
        If sizes do not rise from 1 or more, or a class has fewer rows than the largest size.
    """
    classes = np.asarray(labels)
    wanted = list(sizes)
    if not wanted or wanted[0] < 1 or wanted != sorted(set(wanted)):
        raise ValueError(f"sizes must rise and start at 1 or more, not {wanted}.")
    generator = np.random.default_rng(seed)
    names, counts = np.unique(classes, return_counts=True)
    if counts.min() < wanted[-1]:
        scarce = names[counts.argmin()]
        raise ValueError(
            f"Class {scarce} has {counts.min()} examples, fewer than {wanted[-1]}; ask for smaller samples "
            "or leave the class out."
        )
    order = [generator.permutation(np.flatnonzero(classes == name)) for name in names]
    return [np.concatenate([rows[:size] for rows in order]) for size in wanted]


def learning_curves(
    methods: Mapping[str, Method],
    *,
    labels: ArrayLike,
    test_labels: ArrayLike,
    sizes: Sequence[int],
    seeds: Sequence[int],
) -> LearningCurves:
    """Train each method on samples of rising size and score it on the same test rows.

    Parameters
    ----------
    methods : mapping of str to callable
        Takes training rows (an int array) and a seed, returns one label for each test row.
    labels : int array of shape (N,)
        Classes of the training rows.
    test_labels : int array of shape (M,)
    sizes : sequence of int
        Examples a class, rising.
    seeds : sequence of int
        One draw of samples a seed; all methods see the same draws.

    Returns
    -------
    LearningCurves
        Scores are balanced accuracies: see `balanced_accuracy`.
    """
    classes, truth = np.asarray(labels), np.asarray(test_labels)
    scores = {name: np.empty((len(seeds), len(sizes))) for name in methods}
    for row, seed in enumerate(seeds):
        for column, sample in enumerate(nested_samples(classes, sizes=sizes, seed=seed)):
            for name, method in methods.items():
                scores[name][row, column] = balanced_accuracy(truth, method(sample, seed))
    return LearningCurves(sizes=tuple(sizes), scores=scores)


def balanced_accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share of right labels in each class, averaged over classes: guessing gets 1 / classes.

    Raises
    ------
    ValueError
        If the two are not lists of one length with at least one entry.
    """
    wanted, given = np.asarray(truth), np.asarray(predicted)
    if wanted.ndim != 1 or wanted.shape != given.shape or not wanted.size:
        raise ValueError(f"Labels must be two lists of one length, not shapes {wanted.shape}, {given.shape}.")
    return float(np.mean([np.mean(given[wanted == name] == name) for name in np.unique(wanted)]))


def catch_up(curves: LearningCurves, *, leader: str, follower: str) -> int | None:
    """Least number of examples a class from which on the follower is never significantly behind.

    Behind means that the 95 % interval of the paired difference (leader less follower, over seeds) lies
    above 0.

    Returns
    -------
    int or None
        None if it is still behind at the largest size.
    """
    from scipy import stats

    gap: Any = curves.scores[leader] - curves.scores[follower]  # (seeds, sizes)
    half = stats.t.ppf(0.975, len(gap) - 1) * gap.std(axis=0, ddof=1) / np.sqrt(len(gap))
    behind = gap.mean(axis=0) - half > 0
    if behind[-1]:
        return None
    later = np.flatnonzero(behind)
    return curves.sizes[later[-1] + 1] if later.size else curves.sizes[0]
