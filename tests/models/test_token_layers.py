"""A word's vectors are those of its pieces."""

import numpy as np
import pytest

from course_utils.models.token_layers import TokenLayers

VECTORS = np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)
TEXT = TokenLayers(("[CLS]", "un", "##kind", "[SEP]"), ((0, 0), (0, 2), (2, 6), (0, 0)), VECTORS)


def test_a_word_is_the_mean_of_its_pieces():
    np.testing.assert_array_equal(TEXT.word(0, 6), VECTORS[:, 1:3].mean(axis=1))
    np.testing.assert_array_equal(TEXT.word(0, 2), VECTORS[:, 1])


def test_touching_is_not_overlapping():
    np.testing.assert_array_equal(TEXT.word(2, 6), VECTORS[:, 2])


def test_marks_of_the_model_are_never_meant():
    np.testing.assert_array_equal(TEXT.word(0, 1), VECTORS[:, 1])


def test_a_place_without_pieces_is_named():
    with pytest.raises(
        ValueError, match="no piece covers characters 7 to 9; the pieces reach to character 6"
    ):
        TEXT.word(7, 9)
