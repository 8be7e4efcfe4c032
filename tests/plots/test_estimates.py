"""Marks and intervals stand where the numbers say."""

from types import SimpleNamespace

import numpy as np
import pytest

from course_utils.plots.estimates import plot_estimates


def estimate(value, low, high):
    return SimpleNamespace(value=value, low=low, high=high)


SERIES = {
    "first": [estimate(0.5, 0.4, 0.7), estimate(0.2, 0.1, 0.3)],
    "second": [estimate(0.6, 0.6, 0.6), estimate(0.9, 0.5, 1.0)],
}


@pytest.mark.parametrize("joined", [False, True])
def test_values_and_intervals(joined):
    ax = plot_estimates(
        SERIES, groups=["before", "after"], y_label="mark", title="What changed", joined=joined
    )
    assert [text.get_text() for text in ax.get_xticklabels()] == ["before", "after"]
    assert (ax.get_ylabel(), ax.get_title(loc="left")) == ("mark", "What changed")
    drawn = {container.get_label(): container for container in ax.containers}
    places = []
    for name, points in SERIES.items():
        line, _, (bars,) = drawn[name].lines
        np.testing.assert_allclose(np.asarray(line.get_ydata(), dtype=float), [one.value for one in points])
        ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, [[one.low, one.high] for one in points])
        assert (line.get_linestyle() == "-") == joined
        places.append(line.get_xdata())
    assert np.allclose(places[0], places[1]) == joined
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["first", "second"]


def test_what_does_not_fit():
    names = {"groups": ["a"], "y_label": "y", "title": "t"}
    with pytest.raises(ValueError, match="'first' has 2 estimates for 1 groups"):
        plot_estimates(SERIES, **names)
    for n in (0, 9):
        with pytest.raises(ValueError, match="one to 8 series"):
            plot_estimates({str(i): [estimate(1, 1, 1)] for i in range(n)}, **names)
