"""ROUGE against rouge-score, against sums worked out by hand, and what must hold for any sentences."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sentence_pairs import HYPOTHESES, PAIRS, REFERENCES, WORD_PAIRS

from course_utils.evaluation.rouge import (
    Rouge,
    RougeScore,
    corpus_rouge,
    longest_common_subsequence,
    rouge_l,
    rouge_n,
    tokenize_ascii,
)

KINDS = {"1": "rouge1", "2": "rouge2", "4": "rouge4", "L": "rougeL"}
WORDS = st.lists(st.sampled_from("abc"), max_size=7)


class GivenWords:
    """A tokenizer for rouge-score that cuts at spaces only."""

    def tokenize(self, text):
        return text.split(" ") if text else []


def score(kind, hypothesis, reference):
    return rouge_l(hypothesis, reference) if kind == "L" else rouge_n(hypothesis, reference, n=int(kind))


def assert_equal_scores(ours, theirs):
    expected = (theirs.precision, theirs.recall, theirs.fmeasure)
    assert (ours.precision, ours.recall, ours.f1) == pytest.approx(expected, abs=1e-6)


def test_lins_example_by_hand():
    reference = ["police", "killed", "the", "gunman"]
    first, second = ["police", "kill", "the", "gunman"], ["the", "gunman", "kill", "police"]
    assert rouge_l(first, reference).f1 == pytest.approx(3 / 4)
    assert rouge_l(second, reference).f1 == pytest.approx(2 / 4)
    assert rouge_n(first, reference, n=2).f1 == rouge_n(second, reference, n=2).f1 == pytest.approx(1 / 3)


def test_precision_recall_and_f1_by_hand():
    found = rouge_n(["a", "a", "b"], ["a", "c", "c", "d"])
    assert (found.precision, found.recall, found.f1) == pytest.approx((1 / 3, 1 / 4, 2 / 7))


@pytest.mark.parametrize("kind", KINDS)
def test_texts_equal_rouge_score(kind):
    theirs = RougeScorer([KINDS[kind]])
    for hypothesis, reference in PAIRS:
        expected = theirs.score(target=reference, prediction=hypothesis)[KINDS[kind]]
        assert_equal_scores(score(kind, hypothesis, reference), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_words_as_given_equal_rouge_score(kind):
    theirs = RougeScorer([KINDS[kind]], tokenizer=GivenWords())
    for hypothesis, reference in WORD_PAIRS:
        expected = theirs.score(" ".join(reference), " ".join(hypothesis))[KINDS[kind]]
        assert_equal_scores(score(kind, hypothesis, reference), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_corpus_is_the_mean_of_its_sentences(kind):
    scores = [score(kind, h, r) for h, r in PAIRS]
    found = corpus_rouge(HYPOTHESES, REFERENCES, kind=kind)
    for field in ("precision", "recall", "f1"):
        assert getattr(found, field) == pytest.approx(np.mean([getattr(s, field) for s in scores]))
    totals = Rouge(kind).statistics(HYPOTHESES, REFERENCES).sum(axis=0)
    assert Rouge(kind).score(totals) == pytest.approx(found.f1)


def slowest_common_subsequence(one, other):
    """Try all subsequences, the longest first."""
    for length in range(len(one), 0, -1):
        for kept in combinations(one, length):
            rest = iter(other)
            if all(word in rest for word in kept):
                return length
    return 0


@given(WORDS, WORDS)
def test_longest_common_subsequence_equals_trying_all(one, other):
    assert longest_common_subsequence(one, other) == slowest_common_subsequence(one, other)
    assert longest_common_subsequence(other, one) == longest_common_subsequence(one, other)


@given(WORDS, WORDS)
def test_swapping_the_sides_swaps_precision_and_recall(one, other):
    for kind in KINDS:
        there, back = score(kind, one, other), score(kind, other, one)
        assert (there.precision, there.recall, there.f1) == pytest.approx(
            (back.recall, back.precision, back.f1)
        )
        assert there.f1 <= 1 + 1e-12


def test_identical_is_1_and_order_of_sentences_plays_no_part():
    references = [r for r in REFERENCES if len(tokenize_ascii(r)) > 1]
    for kind in ("1", "2", "L"):
        assert corpus_rouge(references, references, kind=kind) == RougeScore(1.0, 1.0, 1.0)
        forwards, backwards = (
            corpus_rouge(HYPOTHESES[::step], REFERENCES[::step], kind=kind).f1 for step in (1, -1)
        )
        assert forwards == pytest.approx(backwards)


def test_its_rule_for_texts_loses_accents_and_words_do_not():
    assert tokenize_ascii("L'Été, 3.5!") == ["l", "t", "3", "5"]
    assert rouge_n("été", "âtâ").f1 == 1.0
    assert rouge_n(["été"], ["âtâ"]).f1 == 0.0


@pytest.mark.parametrize("kind", ["0", "l", "10", "Lsum", ""])
def test_an_unknown_kind_is_refused(kind):
    with pytest.raises(ValueError, match='"L", not ' + repr(kind)):
        corpus_rouge(["a"], ["a"], kind=kind)


def test_runs_of_no_words_are_refused():
    with pytest.raises(ValueError, match="n must be 1 or more, not 0"):
        rouge_n("a", "a", n=0)


@pytest.mark.parametrize("rouge", [rouge_n, rouge_l])
def test_a_text_against_words_is_refused(rouge):
    with pytest.raises(ValueError, match="a text on one side and a list of words on the other"):
        rouge("a b", ["a", "b"])
