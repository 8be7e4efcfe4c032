"""The Lee stories and their ratings."""

import numpy as np

from course_utils.datasets.gensim_files import gensim_folder
from course_utils.datasets.lee import load_lee


def test_stories_and_ratings():
    lee = load_lee()
    assert len(lee.stories) == 50
    assert len(lee.background) == 300
    assert not set(lee.stories) & set(lee.background)
    assert lee.stories[0].startswith("The national executive of the strife-torn Democrats")
    assert any("£" in story for story in lee.stories)
    assert lee.ratings.shape == (50, 50)
    np.testing.assert_array_equal(lee.ratings, lee.ratings.T)
    np.testing.assert_array_equal(np.diag(lee.ratings), 1)
    assert lee.ratings.min() == 0.2
    assert lee.ratings.max() == 1


def test_ratings_are_those_of_the_file():
    lines = (gensim_folder() / "similarities0-1.txt").read_text().split("\n")
    first, second = (np.array(line.split(), dtype=float) for line in lines[:2])
    lee = load_lee()
    np.testing.assert_array_equal(lee.ratings[0], first)
    np.testing.assert_array_equal(lee.ratings[1, 2:], second[2:])
    np.testing.assert_array_equal(lee.ratings[2:, 1], second[2:])


def test_pairs_are_all_pairs_once():
    first, second = load_lee().pairs()
    assert len(first) == 50 * 49 // 2
    assert (first < second).all()
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == len(first)
