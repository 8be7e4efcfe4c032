"""The picture of a permutation test: every permutation in a bar, on its side of the observed value."""

import numpy as np
import pytest

from course_utils.plots.permutation import permutation_p, plot_permutations, say_p
from course_utils.plots.style import OKABE_ITO, new_figure


def heights(ax, *, beyond):
    """Sum of the bars on one side, told by their colour and hatching."""
    from matplotlib.colors import to_hex

    bars = [b for b in ax.patches if (b.get_hatch() is not None) == beyond]
    assert {to_hex(b.get_facecolor()) for b in bars} <= {OKABE_ITO[1] if beyond else "#8c959f"}
    return sum(b.get_height() for b in bars)


@pytest.mark.parametrize("observed", [-9.0, -0.5, 0.0, 1.2345, 9.0])
@pytest.mark.parametrize("bins", [1, 10, 40])
def test_each_side_holds_as_many_as_it_should(observed, bins):
    values = np.random.default_rng(0).normal(size=1000)
    ax = plot_permutations(values, observed=observed, title="t", bins=bins)
    assert heights(ax, beyond=True) == (values >= observed).sum()
    assert heights(ax, beyond=False) == (values < observed).sum()
    for bar in ax.patches:
        left, right = bar.get_x(), bar.get_x() + bar.get_width()
        assert bar.get_height() == pytest.approx(((values >= left) & (values < right)).sum(), abs=1)
    assert list(ax.lines[0].get_xdata()) == [observed, observed]
    p = (1 + (values >= observed).sum()) / 1001
    assert ax.texts[0].get_text() == f"observed {observed:.3g}\n{say_p(p)}"
    assert ax.get_ylabel() == "permutations (of 1,000)"


def test_values_equal_to_the_observed_count_as_beyond():
    values = [0.1, 0.1 + 0.2, 0.3, 0.3, 0.5]
    ax = plot_permutations(values, observed=0.3, title="t")
    assert heights(ax, beyond=True) == 4
    assert permutation_p(values, observed=0.3) == 5 / 6


def test_p_by_hand():
    assert permutation_p([1, 2, 3, 4], observed=4) == 2 / 5
    assert permutation_p([1, 2, 3, 4], observed=5) == 1 / 5
    assert permutation_p([1, 2, 3, 4], observed=0) == 1


def test_p_worked_out_elsewhere_is_shown_as_it_is():
    ax = plot_permutations([1.0, 2.0], observed=1.5, title="t", p_value=1 / 12_870)
    assert "p = 8e-05" in ax.texts[0].get_text()
    assert [say_p(p) for p in (0.04, 0.0101, 0.0004, 0.0, 1.0)] == [
        "p = 0.040", "p = 0.010", "p = 0.0004", "p = 0", "p = 1.000",
    ]  # fmt: skip


@pytest.mark.parametrize("observed", [-3.0, 0.0, 3.0])
def test_words_stand_where_there_is_room(observed):
    ax = plot_permutations(np.linspace(-3, 3, 50), observed=observed, title="t")
    low, high = ax.get_xlim()
    assert ax.texts[0].get_ha() == ("right" if observed > (low + high) / 2 else "left")


def test_all_alike_and_drawn_on_the_axes_given():
    _, (left, right) = new_figure(columns=2)
    assert plot_permutations([2.0] * 7, observed=2.0, title="t", ax=right) is right
    assert heights(right, beyond=True) == 7
    assert not left.patches


@pytest.mark.parametrize(
    ("statistics", "rest", "says"),
    [
        ([], {}, "at least one"),
        ([np.nan], {}, "finite"),
        ([1.0], {"observed": np.inf}, "finite"),
        ([1.0], {"p_value": 1.5}, "from 0 to 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(statistics, rest, says):
    with pytest.raises(ValueError, match=says):
        plot_permutations(statistics, **{"observed": 1.0, "title": "t", **rest})
