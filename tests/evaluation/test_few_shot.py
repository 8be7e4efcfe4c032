"""Samples are nested and balanced; curves score what a method returns; intervals are Student's."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from course_utils.evaluation.few_shot import (
    LearningCurves,
    balanced_accuracy,
    catch_up,
    learning_curves,
    nested_samples,
)

LABELS = np.array([0] * 9 + [1] * 20 + [2] * 8)


def test_samples_are_balanced_nested_and_repeatable():
    samples = nested_samples(LABELS, sizes=(1, 2, 8), seed=4)
    for size, rows in zip((1, 2, 8), samples, strict=True):
        assert np.bincount(LABELS[rows]).tolist() == [size] * 3
        assert len(set(rows.tolist())) == len(rows)
    assert set(samples[0]) < set(samples[1]) < set(samples[2])
    for again, rows in zip(nested_samples(LABELS, sizes=(1, 2, 8), seed=4), samples, strict=True):
        np.testing.assert_array_equal(again, rows)
    assert any((nested_samples(LABELS, sizes=(2,), seed=s)[0] != samples[1]).any() for s in range(3))


def test_every_row_can_be_drawn():
    drawn = np.concatenate([nested_samples(LABELS, sizes=(1,), seed=s)[0] for s in range(300)])
    assert set(drawn) == set(range(len(LABELS)))


@pytest.mark.parametrize("sizes", [(), (0, 1), (2, 1), (1, 1)])
def test_sizes_must_rise(sizes):
    with pytest.raises(ValueError, match="must rise"):
        nested_samples(LABELS, sizes=sizes, seed=0)


def test_a_scarce_class_is_named():
    with pytest.raises(ValueError, match="Class 2 has 8 examples, fewer than 9"):
        nested_samples(LABELS, sizes=(9,), seed=0)


def test_curves_hold_the_score_of_what_the_methods_return():
    truth = np.array([0, 0, 0, 1, 2])
    seen = []

    def oracle(rows, seed):
        seen.append((len(rows), seed))
        return truth

    curves = learning_curves(
        {"oracle": oracle, "always 0": lambda rows, seed: np.zeros(5, int)},
        labels=LABELS, test_labels=truth, sizes=(1, 4), seeds=(7, 8, 9),
    )  # fmt: skip
    assert seen == [(n, seed) for seed in (7, 8, 9) for n in (3, 12)]
    np.testing.assert_array_equal(curves.scores["oracle"], np.ones((3, 2)))
    np.testing.assert_allclose(curves.scores["always 0"], np.full((3, 2), 1 / 3))
    assert curves.sizes == (1, 4)


def test_balanced_accuracy_is_scikit_learns():
    generator = np.random.default_rng(0)
    for _ in range(10):
        truth, given = generator.integers(0, 4, size=50), generator.integers(0, 4, size=50)
        assert balanced_accuracy(truth, given) == pytest.approx(balanced_accuracy_score(truth, given))
    with pytest.raises(ValueError, match="one length"):
        balanced_accuracy([1], [1, 2])


def test_interval_is_students():
    table = np.array([[0.2, 0.5], [0.4, 0.5], [0.3, 0.8]])
    low, high = LearningCurves((1, 2), {"m": table}).interval("m")
    for column in range(2):
        values = table[:, column]
        theirs = stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values))
        np.testing.assert_allclose([low[column], high[column]], theirs)
    with pytest.raises(ValueError, match="no spread"):
        LearningCurves((1,), {"m": np.ones((1, 1))}).interval("m")


def test_catch_up_is_where_the_gap_stops_being_sure():
    leader = np.array([[0.9, 0.9, 0.9], [0.91, 0.9, 0.92]])
    close = np.array([[0.1, 0.89, 0.92], [0.12, 0.92, 0.9]])
    curves = LearningCurves((1, 8, 64), {"a": leader, "b": close, "c": leader - 0.5, "d": leader + 0.01})
    assert catch_up(curves, leader="a", follower="b") == 8
    assert catch_up(curves, leader="a", follower="c") is None
    assert catch_up(curves, leader="a", follower="d") == 1
