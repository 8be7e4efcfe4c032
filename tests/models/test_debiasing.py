"""Projection: what is taken out is gone, what stands at a right angle stays."""

import numpy as np
import pytest

from course_utils.models.debiasing import pair_direction, remove_direction


def test_a_case_worked_by_hand():
    # Pairs differ by 4 along x and by 2 along x and 1 along y.
    first, second = np.array([[5.0, 1.0], [2.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])
    direction = pair_direction(first, second)
    # Halved steps (2, 0), (1, 0.5): scatter ((5, 0.5), (0.5, 0.25)); its first eigenvector by the formula.
    angle = 0.5 * np.arctan2(2 * 0.5, 5 - 0.25)
    np.testing.assert_allclose(direction, [np.cos(angle), np.sin(angle)])


def test_direction_is_the_first_component_of_centred_pairs():
    from sklearn.decomposition import PCA

    generator = np.random.default_rng(0)
    first = generator.normal(size=(12, 5)) + [3, 0, 0, 0, 0]
    second = generator.normal(size=(12, 5))
    middle = (first + second) / 2
    theirs = PCA(n_components=1).fit(np.vstack([first - middle, second - middle])).components_[0]
    ours = pair_direction(first, second)
    assert abs(ours @ theirs) == pytest.approx(1.0)
    assert ours @ (first - second).mean(axis=0) > 0
    np.testing.assert_allclose(pair_direction(second, first), -ours)


def test_removed_means_at_a_right_angle_and_nothing_else_changes():
    generator = np.random.default_rng(1)
    vectors, axis = generator.normal(size=(9, 4)), generator.normal(size=4)
    left = remove_direction(vectors, axis)
    np.testing.assert_allclose(left @ axis, 0, atol=1e-12)
    np.testing.assert_allclose(remove_direction(left, 7 * axis), left, atol=1e-12)
    across = vectors - left  # what was taken lies along the axis
    np.testing.assert_allclose(np.linalg.matrix_rank(np.vstack([across, axis])), 1)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        pair_direction(np.ones((2, 3)), np.ones((3, 3)))
    with pytest.raises(ValueError, match="same vector"):
        pair_direction(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="no direction of shape"):
        remove_direction(np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match="length 0"):
        remove_direction(np.ones((2, 3)), np.zeros(3))
