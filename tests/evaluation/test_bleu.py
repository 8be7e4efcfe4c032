"""BLEU against sacrebleu, against sums worked out by hand, and what must hold for any sentences."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sentence_pairs import HYPOTHESES, PAIRS, REFERENCES, WORD_PAIRS

from course_utils.evaluation.bleu import SMOOTHINGS, Bleu, corpus_bleu, sentence_bleu, tokenize_13a

SETTINGS = [{"smoothing": name} for name in SMOOTHINGS]
SETTINGS += [{"smoothing": "floor", "value": 0.5}, {"smoothing": "add-k", "value": 0.3}, {"order": 2}]
WORDS = st.lists(st.sampled_from("abcde"), max_size=9)


def reference_bleu(*, order=4, smoothing="exp", value=None, **options):
    return BLEU(max_ngram_order=order, smooth_method=smoothing, smooth_value=value, **options)


def test_two_sentences_by_hand():
    hypotheses = [["the", "cat", "sat", "on", "the", "mat"], ["a", "dog"]]
    references = [["the", "cat", "is", "on", "the", "mat"], ["a", "big", "dog", "barks"]]
    # Words: 5 of 6 and 2 of 2. Pairs: the cat, on the, the mat of 5; none of 1. Triples: on the mat of 4.
    # Quadruples: none of 3, which counts as one half. Lengths: 8 words for 10.
    product = 7 / 8 * 3 / 6 * 1 / 4 * 0.5 / 3
    expected = 100 * math.exp(1 - 10 / 8) * product**0.25
    assert corpus_bleu(hypotheses, references) == pytest.approx(expected, abs=1e-12)
    assert corpus_bleu(hypotheses, references, smoothing="none") == 0


def test_parts_by_hand():
    metric = Bleu(order=2)
    totals = metric.statistics([["a", "b", "c"]], [["a", "b", "d", "e"]]).sum(axis=0)
    np.testing.assert_array_equal(totals, [3, 4, 2, 1, 3, 2])
    np.testing.assert_allclose(metric.precisions(totals), [2 / 3, 1 / 2])
    assert metric.brevity_penalty(totals) == pytest.approx(math.exp(-1 / 3))


def test_papinenis_example_clips_what_is_repeated():
    repeated = ["the"] * 7
    totals = Bleu().statistics([repeated], [["the", "cat", "is", "on", "the", "mat"]])[0]
    assert Bleu().precisions(totals)[0] == pytest.approx(2 / 7)


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_sentences_equal_sacrebleu(options):
    theirs = reference_bleu(effective_order=True, **options)
    for hypothesis, reference in PAIRS:
        expected = theirs.sentence_score(hypothesis, [reference]).score
        assert sentence_bleu(hypothesis, reference, **options) == pytest.approx(expected, abs=1e-6), (
            hypothesis,
            reference,
        )


@pytest.mark.parametrize("options", SETTINGS, ids=str)
@pytest.mark.parametrize("size", [1, 7, len(PAIRS)])
def test_corpora_equal_sacrebleu(options, size):
    theirs = reference_bleu(**options)
    for start in range(0, len(PAIRS), size):
        hypotheses, references = HYPOTHESES[start : start + size], REFERENCES[start : start + size]
        expected = theirs.corpus_score(hypotheses, [references]).score
        assert corpus_bleu(hypotheses, references, **options) == pytest.approx(expected, abs=1e-6)


def test_words_as_given_equal_sacrebleu_without_a_tokenizer():
    theirs = BLEU(tokenize="none", effective_order=True)
    for hypothesis, reference in WORD_PAIRS:
        expected = theirs.sentence_score(" ".join(hypothesis), [" ".join(reference)]).score
        assert sentence_bleu(hypothesis, reference) == pytest.approx(expected, abs=1e-6)
    sides = [list(side) for side in zip(*WORD_PAIRS, strict=True)]
    texts = [[" ".join(words) for words in side] for side in sides]
    expected = BLEU(tokenize="none").corpus_score(texts[0], [texts[1]]).score
    assert corpus_bleu(*sides) == pytest.approx(expected, abs=1e-6)
    assert corpus_bleu(*sides) != pytest.approx(corpus_bleu(*texts), abs=0.1)


def test_tokenizer_equals_sacrebleus():
    theirs = Tokenizer13a()
    for text in HYPOTHESES + REFERENCES:
        assert tokenize_13a(text) == theirs(text.rstrip()).split(), text


@given(st.text(alphabet="aZ09.,-'&;<>/ \n\té日\u2028$%qltgumopskied", max_size=40))
def test_tokenizer_equals_sacrebleus_on_any_text(text):
    assert tokenize_13a(text) == Tokenizer13a()(text.rstrip()).split()


def test_tokenizer_by_hand():
    assert tokenize_13a('He said: "1,000 cats, 3.14 dogs" (2-3).') == (
        ["He", "said", ":", '"', "1,000", "cats", ",", "3.14", "dogs", '"', "(", "2", "-", "3", ")", "."]
    )
    assert tokenize_13a("don't re-read l'été &amp;") == ["don't", "re-read", "l'été", "&"]
    assert tokenize_13a("re-\nread &amp;quot; cut-\n") == ["reread", "&", "quot", ";", "cut-"]


def test_identical_corpora_score_100_and_short_ones_only_by_effective_order():
    references = [r for r in REFERENCES if len(tokenize_13a(r)) > 3]
    assert corpus_bleu(references, references) == pytest.approx(100)
    assert corpus_bleu(["a b c"], ["a b c"]) == 0
    assert sentence_bleu("a b c", "a b c") == pytest.approx(100)


def test_order_of_sentences_plays_no_part_and_roles_do():
    backwards = corpus_bleu(HYPOTHESES[::-1], REFERENCES[::-1])
    assert backwards == corpus_bleu(HYPOTHESES, REFERENCES)
    assert corpus_bleu(REFERENCES, HYPOTHESES) != pytest.approx(backwards, abs=0.01)


def test_corpus_bleu_is_not_the_mean_of_sentences():
    hypotheses, references = ["a b c d", "a b c d e f g h"], ["w x y z", "a b c d e f g h"]
    assert corpus_bleu(hypotheses, references) == pytest.approx(
        100 * (8 * 7 * 6 * 5 / (12 * 10 * 8 * 6)) ** 0.25
    )


@given(WORDS, WORDS)
def test_scores_lie_between_0_and_100(hypothesis, reference):
    assert 0 <= sentence_bleu(hypothesis, reference) <= 100 + 1e-9
    assert 0 <= corpus_bleu([hypothesis], [reference], smoothing="none") <= 100 + 1e-9


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_many_sums_are_scored_as_one_by_one(options):
    metric = Bleu(**options)
    rows = metric.statistics(HYPOTHESES[:60], REFERENCES[:60])
    one_by_one = [metric.score(row) for row in rows]
    np.testing.assert_allclose(metric.score(rows), one_by_one)
    np.testing.assert_allclose(metric.score(rows.reshape(6, 10, -1)), np.reshape(one_by_one, (6, 10)))


def test_scoring_leaves_the_statistics_as_they_are():
    rows = Bleu().statistics(HYPOTHESES[:60], REFERENCES[:60])
    before = rows.copy()
    for smoothing in SMOOTHINGS:
        Bleu(smoothing=smoothing).score(rows)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "order must be 1 or more, not 0"),
        ({"smoothing": "laplace"}, "one of none, floor, add-k, exp, not 'laplace'"),
        ({"value": 0.0}, "value must be above 0, not 0.0"),
    ],
)
def test_settings_without_meaning_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Bleu(**options)
    with pytest.raises(ValueError, match=message):
        corpus_bleu(["a"], ["a"], **options)
