"""Judging a translator: exact matches, any corpus metric with its interval, and "is B better than A?".

A corpus metric has two halves (`CorpusMetric`): `statistics` turns each sentence into a row of numbers, once
and slowly; `score` turns the sum of rows into a score, fast. Whoever draws sentences anew, as the bootstrap
does, only sums rows again. The metrics: `Bleu`, `Chrf`, `Rouge` of the files of these names, `ExactMatch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from course_utils.evaluation.ngrams import Sentence, check_sentences

Floats = NDArray[np.float64]


class CorpusMetric(Protocol):
    """What the bootstrap needs of a metric."""

    def statistics(self, hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> Floats:
        """One row of F numbers for each sentence, (N, F), that may be summed over sentences."""
        ...

    def score(self, totals: Floats) -> Floats:
        """Scores (…) of summed rows (…, F); higher is better."""
        ...


@dataclass(frozen=True)
class CorpusScore:
    """A corpus metric and how much it would vary with other sentences of the same kind."""

    value: float
    low: float  # 95 % interval, lower end
    high: float  # and upper end

    def __str__(self) -> str:
        return f"{self.value:.2f} (95 % interval {self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class PairedComparison:
    """Two systems on the same sentences."""

    baseline: float  # score of A
    system: float  # score of B
    low: float  # 95 % interval of the difference B − A, lower end
    high: float  # and upper end
    wins: float  # share of the resamples in which B scores above A
    p_value: float  # small: B would hardly win so often if it were not better (one-sided)
    resamples: int

    @property
    def difference(self) -> float:
        """B − A."""
        return self.system - self.baseline

    def __str__(self) -> str:
        return (
            f"{self.system:.2f} against {self.baseline:.2f}: {self.difference:+.2f} (95 % interval "
            f"{self.low:+.2f} to {self.high:+.2f}), better in {self.wins:.1%} of {self.resamples:,} resamples"
        )


@dataclass(frozen=True)
class ExactMatch:
    """Share of the sentences that equal their reference to the last character, 0 to 1."""

    def statistics(self, hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> Floats:
        """For each sentence 1 if it is right, else 0; and 1 to count sentences: (N, 2).

        Raises
        ------
        ValueError
            See `check_sentences`.
        """
        check_sentences(hypotheses, references)
        pairs = zip(hypotheses, references, strict=True)
        return np.array([(float(_comparable(h) == _comparable(r)), 1.0) for h, r in pairs])

    def score(self, totals: Floats) -> Floats:
        """Share that is right, from summed statistics of shape (…, 2)."""
        return totals[..., 0] / totals[..., 1]


def exact_match(hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> float:
    """Share of the sentences that equal their reference, 0 to 1.

    Parameters
    ----------
    hypotheses, references : sequences of N sentences
        Texts are compared character by character, lists word by word.

    Raises
    ------
    ValueError
        See `check_sentences`.
    """
    metric = ExactMatch()
    return float(metric.score(metric.statistics(hypotheses, references).sum(axis=0)))


def evaluate_corpus(
    metric: CorpusMetric,
    *,
    hypotheses: Sequence[Sentence],
    references: Sequence[Sentence],
    resamples: int = 1000,
    seed: int = 0,
) -> CorpusScore:
    """A corpus metric with a bootstrap interval; sentences are what is resampled.

    Parameters
    ----------
    metric : CorpusMetric
    hypotheses, references : sequences of N sentences
    resamples, seed : int

    Returns
    -------
    CorpusScore

    Raises
    ------
    ValueError
        If `resamples` is below 1, or the metric refuses the sentences.

    References
    ----------
    Koehn (2004), Statistical Significance Tests for Machine Translation Evaluation, section 3.
    """
    rows = metric.statistics(hypotheses, references)
    scores = metric.score(_resampled_totals(rows, resamples=resamples, seed=seed))  # (resamples,)
    low, high = np.quantile(scores, [0.025, 0.975])
    return CorpusScore(float(metric.score(rows.sum(axis=0))), float(low), float(high))


def paired_bootstrap(
    metric: CorpusMetric,
    *,
    baseline: Sequence[Sentence],
    system: Sequence[Sentence],
    references: Sequence[Sentence],
    resamples: int = 1000,
    seed: int = 0,
) -> PairedComparison:
    """Is B better than A? Draw sentences anew, score both systems on the same draw, count who wins.

    Parameters
    ----------
    metric : CorpusMetric
        Such as ``Bleu()``; higher must be better.
    baseline, system : sequences of N sentences
        What A and B made of the same N sources.
    references : sequence of N sentences
    resamples, seed : int

    Returns
    -------
    PairedComparison
        Koehn calls B better "with 95 % significance" where `wins` is 0.95 or more. A draw is no win. The p
        value is (1 + resamples without a win) / (1 + resamples), never 0. The interval covers the sentences
        drawn, not the luck of training: for that, train with several seeds.

    Raises
    ------
    ValueError
        If `resamples` is below 1, or the metric refuses the sentences.

    References
    ----------
    Koehn (2004), Statistical Significance Tests for Machine Translation Evaluation, section 4.
    """
    rows = [metric.statistics(side, references) for side in (baseline, system)]
    a, b = (float(metric.score(side.sum(axis=0))) for side in rows)
    totals = [_resampled_totals(side, resamples=resamples, seed=seed) for side in rows]  # the same draws
    differences = metric.score(totals[1]) - metric.score(totals[0])  # (resamples,)
    low, high = np.quantile(differences, [0.025, 0.975])
    won = int((differences > 0).sum())
    return PairedComparison(
        baseline=a,
        system=b,
        low=float(low),
        high=float(high),
        wins=won / resamples,
        p_value=(1 + resamples - won) / (1 + resamples),
        resamples=resamples,
    )


def _resampled_totals(rows: Floats, *, resamples: int, seed: int) -> Floats:
    """Sums of N rows drawn with replacement, (resamples, F); the same seed and N give the same draws."""
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, not {resamples}.")
    generator = np.random.default_rng(seed)
    totals = np.empty((resamples, rows.shape[1]))
    for i in range(resamples):
        drawn = generator.integers(len(rows), size=len(rows))
        totals[i] = np.bincount(drawn, minlength=len(rows)) @ rows  # how often each row was drawn, (N,)
    return totals


def _comparable(sentence: Sentence) -> str | tuple[str, ...]:
    return sentence if isinstance(sentence, str) else tuple(sentence)
