"""WordSim-353 and SimLex-999."""

from collections import Counter

import pytest

from course_utils.datasets.word_pairs import WordPair, load_simlex999, load_wordsim353


@pytest.fixture(scope="module")
def wordsim():
    return load_wordsim353()


@pytest.fixture(scope="module")
def simlex():
    return load_simlex999()


def rating(pairs, first, second):
    return next(pair.score for pair in pairs if (pair.first, pair.second) == (first, second))


def test_wordsim_has_353_pairs_in_lower_case(wordsim):
    assert len(wordsim) == 353
    assert wordsim[0] == WordPair("love", "sex", 6.77)
    assert all(pair.first == pair.first.lower() and pair.second == pair.second.lower() for pair in wordsim)
    assert ("fbi", "fingerprint") in {(pair.first, pair.second) for pair in wordsim}
    assert rating(wordsim, "computer", "keyboard") == 7.62
    assert rating(wordsim, "tiger", "tiger") == 10
    assert sum(pair.score for pair in wordsim) / 353 == pytest.approx(5.86, abs=0.005)


def test_wordsim_rates_two_pairs_twice(wordsim):
    seen = Counter(frozenset((pair.first, pair.second)) for pair in wordsim)
    assert [set(pair) for pair, n in seen.items() if n > 1] == [{"bank", "money"}, {"money", "cash"}]


def test_simlex_has_999_pairs_with_their_part_of_speech(simlex):
    assert len(simlex) == 999
    assert Counter(pair.note for pair in simlex) == {"adjective": 111, "noun": 666, "verb": 222}
    assert simlex[0] == WordPair("old", "new", 1.58, "adjective")
    assert rating(simlex, "shore", "coast") == 8.83
    assert rating(simlex, "clothes", "closet") == 3.27
    by_words = {(pair.first, pair.second): pair.note for pair in simlex}
    assert by_words["large", "flexible"] == "adjective"
    assert by_words["wife", "husband"] == by_words["bowl", "tail"] == "noun"
    assert by_words["go", "come"] == by_words["attend", "arrive"] == "verb"


def test_all_ratings_lie_between_0_and_10(wordsim, simlex):
    assert all(0 <= pair.score <= 10 and pair.first and pair.second for pair in wordsim + simlex)
    assert {pair.note for pair in wordsim} == {""}
