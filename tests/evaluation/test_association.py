"""WEAT against a case worked by hand, an independent computation, and its own symmetries."""

import numpy as np
import pytest
from scipy import stats

from course_utils.evaluation.association import (
    association_scores,
    effect_size,
    permutation_test,
    weat,
)

# On a plane: A to the right, B upwards, and four words between them.
RIGHT, UP = np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([[0.0, 1.0]])
NEAR_RIGHT, NEAR_UP = np.array([[5.0, 0.0], [3.0, 4.0]]), np.array([[4.0, 3.0], [0.0, 7.0]])


def random_groups(*sizes, seed=0, width=6):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(size, width)) for size in sizes]


def test_scores_and_effect_of_a_case_worked_by_hand():
    # Cosines with A and B: (1, 0), (0.6, 0.8) for the first group; (0.8, 0.6), (0, 1) for the second.
    np.testing.assert_allclose(association_scores(NEAR_RIGHT, attributes=(RIGHT, UP)), [1.0, -0.2])
    np.testing.assert_allclose(association_scores(NEAR_UP, attributes=(RIGHT, UP)), [0.2, -1.0])
    result = weat(NEAR_RIGHT, NEAR_UP, attributes=(RIGHT, UP))
    # Means 0.4 and -0.4; squares of all four sum to 2.08, so the deviation is the root of 2.08 / 3.
    assert result.effect_size == pytest.approx(0.8 / np.sqrt(2.08 / 3))
    # Differences of the means for the six ways to take two of 1, -0.2, 0.2, -1; ours is the first.
    sums = [0.8, 1.2, 0.0, 0.0, -1.2, -0.8]
    assert result.exact
    assert sorted(result.effect_sizes) == pytest.approx(sorted(s / np.sqrt(2.08 / 3) for s in sums))
    assert result.p_value == pytest.approx(2 / 6)


@pytest.mark.parametrize("sizes", [(4, 4), (3, 6), (6, 2)])
def test_p_value_equals_scipys_permutation_test(sizes):
    for seed in range(5):
        one, other, a, b = random_groups(*sizes, 5, 4, seed=seed)
        result = weat(one, other, attributes=(a, b))

        def scores(words, a=a, b=b):
            unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (words, a, b)]
            return (unit[0] @ unit[1].T).mean(axis=1) - (unit[0] @ unit[2].T).mean(axis=1)

        def difference(x, y, axis):
            return x.mean(axis=axis) - y.mean(axis=axis)

        theirs = stats.permutation_test(
            (scores(one), scores(other)),
            difference,
            n_resamples=np.inf,
            alternative="greater",
            vectorized=True,
        )
        assert result.exact
        assert result.p_value == pytest.approx(theirs.pvalue)
        both = np.concatenate([scores(one), scores(other)])
        assert result.effect_size == pytest.approx(theirs.statistic / both.std(ddof=1))


def test_drawn_partitions_agree_with_all_of_them():
    one, other, a, b = random_groups(7, 7, 5, 5, seed=3)
    listed = weat(one, other, attributes=(a, b))
    drawn = weat(one, other, attributes=(a, b), limit=10, samples=20_000, seed=1)
    assert (listed.exact, drawn.exact) == (True, False)
    assert len(listed.effect_sizes) == 3432
    assert len(drawn.effect_sizes) == 20_001
    assert drawn.p_value == pytest.approx(listed.p_value, abs=0.015)


def test_a_p_value_is_never_zero():
    clear = permutation_test(np.arange(10) + 100.0, np.arange(10) * 1.0, limit=1, samples=99)
    assert clear.p_value == pytest.approx(1 / 100)
    exact = permutation_test(np.array([5.0, 6.0]), np.array([1.0, 2.0]))
    assert exact.p_value == pytest.approx(1 / 6)


def test_swapping_groups_or_attributes_turns_the_sign_and_lengths_do_not_matter():
    one, other, a, b = random_groups(5, 5, 3, 4, seed=1)
    effect = weat(one, other, attributes=(a, b)).effect_size
    assert weat(other, one, attributes=(a, b)).effect_size == pytest.approx(-effect)
    assert weat(one, other, attributes=(b, a)).effect_size == pytest.approx(-effect)
    assert weat(3 * one, other, attributes=(0.1 * a, b)).effect_size == pytest.approx(effect)


def test_chance_gives_each_p_value_its_share():
    generator = np.random.default_rng(0)
    p = [permutation_test(*generator.normal(size=(2, 4))).p_value for _ in range(400)]
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.04)


def test_result_reads_as_a_sentence():
    assert str(permutation_test([3.0, 4.0], [1.0, 2.0])) == "effect +1.55, p = 0.17 (6 partitions, all)"


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="attribute B: no vectors"):
        weat(NEAR_RIGHT, NEAR_UP, attributes=(RIGHT, np.empty((0, 2))))
    with pytest.raises(ValueError, match="the words: no vectors"):
        weat(np.empty((0, 2)), NEAR_UP, attributes=(RIGHT, UP))
    with pytest.raises(ValueError, match="same score"):
        effect_size([1.0, 1.0], [1.0])
    with pytest.raises(ValueError, match="two lists"):
        effect_size([], [1.0])
    with pytest.raises(ValueError, match="samples must be 1"):
        permutation_test([1.0, 2.0], [3.0], samples=0)
    with pytest.raises(ValueError, match="NaN or infinity"):
        weat(NEAR_RIGHT * np.nan, NEAR_UP, attributes=(RIGHT, UP))
