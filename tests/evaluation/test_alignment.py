"""Alignment error rate against nltk and Och and Ney's definition by hand; attention turned into links."""

import math

import numpy as np
import pytest
import torch
from nltk.translate import Alignment
from nltk.translate.metrics import alignment_error_rate as reference_error_rate

from course_utils.evaluation.alignment import (
    alignment_error_rate,
    best_alignment,
    count_links,
    score_alignments,
)

SURE = {(0, 0), (1, 1), (2, 3)}
POSSIBLE = SURE | {(2, 2), (3, 3)}
DRAWN = {(0, 0), (1, 1), (2, 2), (0, 3)}
WEIGHTS = [[0.9, 0.1, 0.0], [0.4, 0.2, 0.4], [0.0, 0.5, 0.5]]


def random_links(generator, *, number):
    return {(int(s), int(t)) for s, t in generator.integers(0, 6, size=(number, 2))}


def test_one_sentence_by_hand():
    # 2 of the 4 drawn links are sure, 3 possible; 3 links are sure.
    found = score_alignments([DRAWN], sure=[SURE], possible=[POSSIBLE])
    assert found.error_rate == pytest.approx(1 - (2 + 3) / (4 + 3))
    assert found.precision == pytest.approx(3 / 4)
    assert found.recall == pytest.approx(2 / 3)
    assert found.predicted == 4
    assert alignment_error_rate(DRAWN, sure=SURE, possible=POSSIBLE) == found.error_rate
    assert alignment_error_rate(DRAWN, sure=SURE) == pytest.approx(1 - (2 + 2) / (4 + 3))


@pytest.mark.parametrize("seed", range(200))
def test_equal_to_nltk(seed):
    generator = np.random.default_rng(seed)
    drawn, sure = random_links(generator, number=seed % 9), random_links(generator, number=1 + seed % 7)
    possible = sure | random_links(generator, number=seed % 5)
    expected = reference_error_rate(Alignment(sure), Alignment(drawn), Alignment(possible))
    assert alignment_error_rate(drawn, sure=sure, possible=possible) == pytest.approx(expected)
    expected = reference_error_rate(Alignment(sure), Alignment(drawn))
    assert alignment_error_rate(drawn, sure=sure) == pytest.approx(expected)


def test_a_corpus_counts_links_not_sentences():
    predicted, sure = [{(0, 0)}, {(0, 1), (1, 0), (2, 2)}], [{(0, 0)}, {(0, 0), (1, 1), (2, 2)}]
    found = score_alignments(predicted, sure=sure)
    assert found.error_rate == pytest.approx(1 - 2 * 2 / 8)
    np.testing.assert_array_equal(count_links(predicted, sure=sure), [[1, 1, 1, 1], [1, 1, 3, 3]])
    assert found == score_alignments(predicted[::-1], sure=sure[::-1])


def test_interval_holds_the_rate_and_shrinks_with_more_sentences():
    generator = np.random.default_rng(0)
    sure = [random_links(generator, number=6) for _ in range(200)]
    drawn = [{link for link in links if generator.random() < 0.8} for links in sure]
    few = score_alignments(drawn[:20], sure=sure[:20])
    many = score_alignments(drawn, sure=sure)
    assert many.low < many.error_rate < many.high
    assert many.high - many.low < few.high - few.low
    assert many.precision == 1.0 > many.recall


def test_the_right_links_give_0_and_wrong_ones_1():
    assert alignment_error_rate(SURE, sure=SURE, possible=POSSIBLE) == 0
    assert alignment_error_rate(POSSIBLE, sure=SURE, possible=POSSIBLE) == 0
    assert alignment_error_rate({(9, 9)}, sure=SURE) == 1
    assert alignment_error_rate(set(), sure=SURE) == 1


def test_possible_links_cost_nothing_when_missing_and_swapped_roles_differ():
    found = score_alignments([SURE], sure=[SURE], possible=[POSSIBLE])
    assert (found.precision, found.recall) == (1.0, 1.0)
    more = score_alignments([POSSIBLE], sure=[SURE])
    less = score_alignments([SURE], sure=[POSSIBLE])
    assert (more.precision, more.recall) == (less.recall, less.precision) == (3 / 5, 1.0)


def test_without_links_a_share_is_not_a_number():
    nothing_drawn = score_alignments([set(), set()], sure=[SURE, SURE])
    assert math.isnan(nothing_drawn.precision)
    assert nothing_drawn.recall == 0
    nothing_sure = score_alignments([DRAWN], sure=[set()], possible=[DRAWN])
    assert math.isnan(nothing_sure.recall)
    assert (nothing_sure.precision, nothing_sure.error_rate) == (1.0, 0.0)


@pytest.mark.parametrize("make", [np.array, torch.tensor, lambda w: torch.tensor(w, requires_grad=True)])
def test_attention_becomes_links(make):
    weights = make(WEIGHTS)
    assert best_alignment(weights) == {(0, 0), (0, 1), (1, 2)}
    assert best_alignment(weights, threshold=0.4) == {(0, 0), (0, 1), (2, 1), (1, 2), (2, 2)}
    assert best_alignment(weights, threshold=0.95) == set()
    gold = {(0, 0), (2, 1), (1, 2)}
    assert alignment_error_rate(weights, sure=gold) == pytest.approx(1 - (2 + 2) / 6)
    assert alignment_error_rate(weights, sure=gold, threshold=0.4) == pytest.approx(1 - (3 + 3) / 8)
    assert score_alignments([weights], sure=[gold], threshold=0.95).recall == 0


def test_rows_are_target_words_and_columns_source_words():
    weights = np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]])  # two target words, three source words
    assert best_alignment(weights) == {(2, 0), (0, 1)}
    assert alignment_error_rate(weights, sure={(2, 0), (0, 1)}) == 0
    with pytest.raises(ValueError, match=r"gold link \(0, 2\).*2 target .*3 source .*transposed"):
        alignment_error_rate(weights, sure={(0, 2), (1, 0)})
    with pytest.raises(ValueError, match=r"gold link \(3, 0\)"):
        alignment_error_rate(weights, sure=set(), possible={(3, 0)})


def test_a_sentence_without_target_words_has_no_links():
    assert best_alignment(np.zeros((0, 3))) == set()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"shape \(T, S\), not \(3,\)"),
        (np.ones((1, 2, 3)), r"not \(1, 2, 3\)"),
        (np.ones((2, 0)), r"not \(2, 0\)"),
        (np.array([[0.5, np.nan]]), "between 0 and 1; take the softmax"),
        (np.array([[1.5, 0.0]]), "between 0 and 1; take the softmax"),
        (np.array([[-0.5, 0.0]]), "between 0 and 1; take the softmax"),
    ],
)
def test_what_is_no_attention_is_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        best_alignment(weights)


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.1, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold must be above 0 and at most 1"):
        best_alignment(np.array(WEIGHTS), threshold=threshold)


@pytest.mark.parametrize("link", [(0, -1), (0,), (0, 1, 2), (0.5, 1), ("0", 1), 3])
@pytest.mark.parametrize("side", ["predicted", "sure"])
def test_what_is_no_link_is_refused(link, side):
    predicted, sure = ([link], {(0, 0)}) if side == "predicted" else ({(0, 0)}, [link])
    with pytest.raises(ValueError, match="A link is .source place, target place., counted from 0, not"):
        alignment_error_rate(predicted, sure=sure)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([{(0, 0)}], [{(0, 0)}] * 2, None), "1 predictions, 2 sets of sure and 2 of possible links"),
        (([{(0, 0)}], [{(0, 0)}], []), "1 predictions, 1 sets of sure and 0 of possible"),
        (([], [], None), "at least one sentence"),
        (([set()], [{(0, 1)}], [{(0, 0)}]), r"Sentence 0: \(0, 1\) is sure but not possible"),
        (([set()], [set()], None), "neither a predicted nor a sure link"),
    ],
)
def test_a_corpus_that_cannot_be_compared_is_refused(arguments, message):
    predicted, sure, possible = arguments
    with pytest.raises(ValueError, match=message):
        score_alignments(predicted, sure=sure, possible=possible)


def test_a_sentence_without_any_link_is_refused_alone():
    with pytest.raises(ValueError, match="neither a predicted nor a sure link"):
        alignment_error_rate(set(), sure=set())


def test_what_is_printed():
    text = str(score_alignments([SURE], sure=[SURE]))
    assert text == (
        "alignment error rate 0.000 (95 % interval 0.000 to 0.000), precision 1.000, recall 1.000, 3 links"
    )
