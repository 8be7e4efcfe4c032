"""Counting runs of words and letters, and the refusals that all metrics share."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.evaluation.bleu import Bleu
from course_utils.evaluation.chrf import Chrf
from course_utils.evaluation.ngrams import count_ngrams, count_shared
from course_utils.evaluation.rouge import Rouge
from course_utils.evaluation.translation import ExactMatch

METRICS = [Bleu(), Chrf(), Rouge("1"), Rouge("L"), ExactMatch()]


def test_runs_of_words_and_of_letters_by_hand():
    words = ["to", "be", "or", "not", "to", "be"]
    assert count_ngrams(words, 2) == {
        ("to", "be"): 2,
        ("be", "or"): 1,
        ("or", "not"): 1,
        ("not", "to"): 1,
    }
    assert count_ngrams("aaba", 2) == {"aa": 1, "ab": 1, "ba": 1}
    assert count_ngrams(words, 7) == count_ngrams([], 1) == count_ngrams("", 1) == {}


def test_a_shared_run_counts_as_often_as_on_the_side_with_fewer():
    assert count_shared(count_ngrams("aaab", 1), count_ngrams("aabbc", 1)) == 2 + 1
    assert count_shared(count_ngrams("ab", 1), count_ngrams("cd", 1)) == 0


@given(st.lists(st.sampled_from("abc"), max_size=12), st.integers(1, 5))
def test_there_are_as_many_runs_as_places_to_begin(words, n):
    assert count_ngrams(words, n).total() == max(len(words) - n + 1, 0)
    assert {"".join(g): k for g, k in count_ngrams(words, n).items()} == count_ngrams("".join(words), n)


@pytest.mark.parametrize("metric", METRICS, ids=repr)
@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ("a b", ["a b"], "a list of sentences on each side, also for a single one"),
        (["a b"], "a b", "a list of sentences on each side"),
        (["a", "b"], ["a"], "2 hypotheses and 1 references; there must be one"),
        ([], [], "at least one"),
        (["a", None], ["a", "b"], "Sentence 1 is neither a text nor a list of words"),
        ([["a", 3]], [["a", "b"]], "Sentence 0 is neither a text nor a list of words"),
        (["a b"], [["a", "b"]], "Sentence 0 is a text on one side and a list of words on the other"),
    ],
)
def test_what_would_be_scored_wrongly_is_refused(metric, hypotheses, references, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        metric.statistics(hypotheses, references)
