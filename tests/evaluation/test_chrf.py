"""chrF against sacrebleu, against sums worked out by hand, and what must hold for any sentences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import CHRF
from sentence_pairs import HYPOTHESES, PAIRS, REFERENCES

from course_utils.evaluation.chrf import Chrf, chrf, split_punctuation

SETTINGS = [{}, {"words": 2}, {"words": 1, "beta": 1.0}, {"characters": 3, "beta": 3.0}]


def reference_chrf(*, characters=6, words=0, beta=2.0):
    return CHRF(char_order=characters, word_order=words, beta=beta)


def test_one_pair_by_hand():
    # Letters: a, b shared of "ab" and "abc"; pairs: "ab" of 1 and of 2.
    precision, recall = (2 / 2 + 1 / 1) / 2, (2 / 3 + 1 / 2) / 2
    expected = 100 * 5 * precision * recall / (4 * precision + recall)
    assert chrf(["a b"], ["ab c"], characters=2) == pytest.approx(expected)
    # Words in addition: none of "a", "b" is in "ab", "c".
    precision, recall = precision * 2 / 3, recall * 2 / 3
    expected = 100 * 5 * precision * recall / (4 * precision + recall)
    assert chrf(["a b"], ["ab c"], characters=2, words=1) == pytest.approx(expected)


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_sentences_equal_sacrebleu(options):
    theirs = reference_chrf(**options)
    for hypothesis, reference in PAIRS:
        expected = theirs.sentence_score(hypothesis, [reference]).score
        assert chrf([hypothesis], [reference], **options) == pytest.approx(expected, abs=1e-6), (
            hypothesis,
            reference,
        )


@pytest.mark.parametrize("options", SETTINGS, ids=str)
@pytest.mark.parametrize("size", [7, len(PAIRS)])
def test_corpora_equal_sacrebleu(options, size):
    theirs = reference_chrf(**options)
    for start in range(0, len(PAIRS), size):
        hypotheses, references = HYPOTHESES[start : start + size], REFERENCES[start : start + size]
        expected = theirs.corpus_score(hypotheses, [references]).score
        assert chrf(hypotheses, references, **options) == pytest.approx(expected, abs=1e-6)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_two_texts_equal_sacrebleu(hypothesis, reference):
    expected = CHRF(word_order=2).sentence_score(hypothesis, [reference]).score
    assert chrf([hypothesis], [reference], words=2) == pytest.approx(expected, abs=1e-6)


def test_words_count_as_a_text_with_spaces():
    assert chrf([["l'", "été"]], [["un", "été"]], words=2) == chrf(["l' été"], ["un été"], words=2)


def test_one_mark_is_cut_off_a_word():
    assert split_punctuation("(hi) 'tis end. !! ( ...") == (
        ["(hi", ")", "'", "tis", "end", ".", "!", "!", "(", "..", "."]
    )


@pytest.mark.parametrize("words", [0, 2])
def test_identical_is_100_order_of_sentences_plays_no_part_and_roles_do(words):
    assert chrf(REFERENCES, REFERENCES, words=words) == pytest.approx(100)
    score = chrf(HYPOTHESES, REFERENCES, words=words)
    assert chrf(HYPOTHESES[::-1], REFERENCES[::-1], words=words) == score
    assert chrf(REFERENCES, HYPOTHESES, words=words) != pytest.approx(score, abs=0.01)


def test_a_wrong_ending_costs_less_than_a_wrong_word():
    reference = ["les chats mangent du poisson"]
    assert chrf(["les chat mange du poisson"], reference) > chrf(["les loups boivent du poisson"], reference)


def test_many_sums_are_scored_as_one_by_one():
    rows = Chrf(words=2).statistics(HYPOTHESES[:60], REFERENCES[:60])
    one_by_one = [Chrf(words=2).score(row) for row in rows]
    np.testing.assert_allclose(Chrf(words=2).score(rows.reshape(6, 10, -1)), np.reshape(one_by_one, (6, 10)))


@pytest.mark.parametrize("options", [{"characters": 0}, {"words": -1}, {"beta": 0.0}, {"beta": float("nan")}])
def test_settings_without_meaning_are_refused(options):
    with pytest.raises(
        ValueError, match="chrF needs characters of 1 or more, words of 0 or more and beta above 0"
    ):
        Chrf(**options)
    with pytest.raises(ValueError, match="chrF needs"):
        chrf(["a"], ["a"], **options)
