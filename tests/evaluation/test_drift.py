"""The statistic against its definition; level and power of the test."""

import numpy as np
import pytest

from course_utils.evaluation.drift import gaussian_kernel, two_sample_test


def test_statistic_equals_its_definition():
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(6, 3)), generator.normal(size=(9, 3)) + 1
    both = np.vstack([one, other])
    distances = np.linalg.norm(both[:, None] - both[None], axis=2)
    width = np.median(distances[np.triu_indices(15, k=1)])
    kernel = np.exp(-(distances**2) / (2 * width**2))
    np.testing.assert_allclose(gaussian_kernel(both), kernel)
    expected = kernel[:6, :6].mean() + kernel[6:, 6:].mean() - 2 * kernel[:6, 6:].mean()
    result = two_sample_test(one, other)
    assert result.statistic == pytest.approx(expected)
    assert result.statistics[-1] == result.statistic
    assert len(result.statistics) == 200


def test_false_alarms_keep_to_the_level_and_a_change_is_seen():
    generator = np.random.default_rng(1)
    samples = [generator.normal(size=(2, 20, 4)) for _ in range(200)]
    quiet = [two_sample_test(a, b, permutations=39, seed=i).p_value for i, (a, b) in enumerate(samples)]
    assert 0.01 <= np.mean(np.array(quiet) <= 0.05) <= 0.10
    moved = [two_sample_test(a, b + 0.8, permutations=39, seed=i).p_value for i, (a, b) in enumerate(samples)]
    assert np.mean(np.array(moved) <= 0.05) > 0.8


def test_a_change_of_spread_is_seen_too():
    generator = np.random.default_rng(2)
    one, other = generator.normal(size=(60, 2)), 3 * generator.normal(size=(60, 2))
    assert two_sample_test(one, other).p_value == pytest.approx(1 / 200)


def test_the_same_seed_gives_the_same_answer():
    one, other = np.random.default_rng(3).normal(size=(2, 10, 2))
    first, again = (two_sample_test(one, other, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.statistics, again.statistics)


def test_equal_vectors_are_no_change():
    assert two_sample_test(np.ones((3, 2)), np.ones((4, 2))).p_value == 1.0


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one width"):
        two_sample_test(np.ones((3, 2)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="two vectors or more"):
        two_sample_test(np.ones((1, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="one permutation"):
        two_sample_test(np.ones((3, 2)), np.ones((3, 2)), permutations=0)
