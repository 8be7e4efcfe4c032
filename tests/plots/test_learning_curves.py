"""Learning curves: means, bands and axis, by value."""

import numpy as np
import pytest
from scipy import stats

from course_utils.plots.learning_curves import plot_learning_curves, seed_band
from course_utils.plots.style import MARKERS, OKABE_ITO, new_figure

X = [1, 4, 16, 256]


@pytest.fixture(scope="module")
def scores():
    return np.random.default_rng(0).uniform(0.2, 0.9, size=(5, 4))


def band_of(collection, x):
    """Low and high end at each x, read from the drawn polygon."""
    corners = collection.get_paths()[0].vertices
    ends = [corners[np.isclose(corners[:, 0], place), 1] for place in x]
    return np.array([end.min() for end in ends]), np.array([end.max() for end in ends])


def test_lines_are_means_and_bands_are_t_intervals(scores):
    ax = plot_learning_curves({"a": (X, scores), "b": (X, scores + 0.05)}, title="They grow")
    for line, shift in zip(ax.lines, (0, 0.05), strict=True):
        np.testing.assert_allclose(line.get_ydata(), scores.mean(axis=0) + shift)
        np.testing.assert_allclose(line.get_xdata(), X)
    for column in range(4):
        own = scores[:, column]
        reference = stats.ttest_1samp(own, 0).confidence_interval(0.95)
        drawn = band_of(ax.collections[0], X)
        np.testing.assert_allclose([drawn[0][column], drawn[1][column]], reference)
    assert [line.get_color() for line in ax.lines] == list(OKABE_ITO[:2])
    assert [line.get_marker() for line in ax.lines] == list(MARKERS[:2])


def test_a_range_goes_from_least_to_greatest(scores):
    ax = plot_learning_curves({"a": (X, scores)}, title="t", band="range")
    np.testing.assert_allclose(band_of(ax.collections[0], X), [scores.min(axis=0), scores.max(axis=0)])


def test_axis_doubles_and_names_every_number_of_examples(scores):
    ax = plot_learning_curves({"a": (X, scores), "b": ([2, 16], scores[:, :2])}, title="t", chance=0.05)
    assert ax.get_xscale() == "log"
    assert ax.xaxis.get_transform().base == 2
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "4", "16", "256"]
    assert ax.get_xlabel() == "examples a class"
    assert ax.get_title(loc="left") == "t"
    assert list(ax.lines[-1].get_ydata()) == [0.05, 0.05]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "chance 0.05"]


def test_one_seed_has_no_band(scores):
    ax = plot_learning_curves({"a": (X, scores[0]), "b": (X, scores[:1])}, title="t")
    assert len(ax.collections) == 0
    assert len(ax.lines) == 2


def test_drawn_on_the_axes_given(scores):
    figure, (left, right) = new_figure(columns=2)
    assert plot_learning_curves({"a": (X, scores)}, title="t", ax=right) is right
    assert not left.lines


@pytest.mark.parametrize(
    ("curves", "says"),
    [
        ({"a": ([1, 2], np.ones((5, 3)))}, "shape \\(seeds, 2\\)"),
        ({"a": ([], np.ones((5, 0)))}, "seeds, 0"),
        ({"a": ([0, 1], np.ones((5, 2)))}, "positive and rising"),
        ({"a": ([2, 1], np.ones((5, 2)))}, "positive and rising"),
        ({"a": ([1, 2], np.full((5, 2), np.nan))}, "NaN"),
        ({str(i): ([1], [[1.0]]) for i in range(9)}, "at most 8"),
    ],
)
def test_what_cannot_be_drawn_is_refused(curves, says):
    with pytest.raises(ValueError, match=says):
        plot_learning_curves(curves, title="t")


def test_bands_refuse_what_they_cannot_be():
    with pytest.raises(ValueError, match="two seeds"):
        seed_band([[1.0, 2.0]])
    with pytest.raises(ValueError, match='"interval" or "range"'):
        seed_band([[1.0], [2.0]], band="bootstrap")
