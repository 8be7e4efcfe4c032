"""Exact match, intervals and the paired bootstrap: against slow ones, and cases whose answer is known."""

import numpy as np
import pytest
from sacrebleu.metrics import BLEU
from sentence_pairs import HYPOTHESES, REFERENCES

from course_utils.evaluation.bleu import Bleu, corpus_bleu
from course_utils.evaluation.chrf import Chrf, chrf
from course_utils.evaluation.rouge import Rouge, corpus_rouge
from course_utils.evaluation.translation import (
    ExactMatch,
    PairedComparison,
    evaluate_corpus,
    exact_match,
    paired_bootstrap,
)

TARGETS = REFERENCES[-200:]
TRANSLATIONS = HYPOTHESES[-200:]
METRICS = {
    "bleu": (Bleu(), corpus_bleu),
    "chrf": (Chrf(), chrf),
    "chrf++": (Chrf(words=2), lambda h, r: chrf(h, r, words=2)),
    "rouge": (Rouge("L"), lambda h, r: corpus_rouge(h, r).f1),
    "exact": (ExactMatch(), exact_match),
}


def spoil(texts, *, share, seed):
    """Replace the first word of some sentences."""
    hit = np.random.default_rng(seed).random(len(texts)) < share
    return ["wrong " + " ".join(t.split()[1:]) if spoilt else t for t, spoilt in zip(texts, hit, strict=True)]


def test_exact_match_by_hand():
    assert exact_match(["a b", "a b", "A b", "a b "], ["a b", "a c", "a b", "a b"]) == 1 / 4
    assert exact_match([["a b"], ["a", "b"]], [["a", "b"], ("a", "b")]) == 1 / 2


@pytest.mark.parametrize("name", METRICS)
def test_resampled_scores_equal_scoring_the_drawn_sentences(name):
    metric, directly = METRICS[name]
    generator = np.random.default_rng(5)
    scores = []
    for _ in range(40):
        drawn = generator.integers(len(TARGETS), size=len(TARGETS))
        scores.append(directly([TRANSLATIONS[i] for i in drawn], [TARGETS[i] for i in drawn]))
    found = evaluate_corpus(metric, hypotheses=TRANSLATIONS, references=TARGETS, resamples=40, seed=5)
    assert found.value == pytest.approx(directly(TRANSLATIONS, TARGETS))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])))
    assert found.low < found.value < found.high


def test_interval_is_as_wide_as_sacrebleus():
    theirs = BLEU().corpus_score(TRANSLATIONS, [TARGETS], n_bootstrap=1000)
    found = evaluate_corpus(Bleu(), hypotheses=TRANSLATIONS, references=TARGETS)
    assert found.value == pytest.approx(theirs.score)
    assert (found.high - found.low) / 2 == pytest.approx(theirs._ci, rel=0.12)


@pytest.mark.parametrize("name", METRICS)
def test_wins_are_counted_on_the_same_draws(name):
    metric, directly = METRICS[name]
    references = [target for target in TARGETS if target.split()][:60]
    first, second = spoil(references, share=0.3, seed=1), spoil(references, share=0.3, seed=2)
    generator = np.random.default_rng(3)
    differences = []
    for _ in range(40):
        drawn = generator.integers(len(references), size=len(references))
        chosen = [[side[i] for i in drawn] for side in (first, second, references)]
        differences.append(directly(chosen[1], chosen[2]) - directly(chosen[0], chosen[2]))
    found = paired_bootstrap(
        metric, baseline=first, system=second, references=references, resamples=40, seed=3
    )
    won = int(np.sum(np.array(differences) > 1e-9))
    assert found.wins == won / 40
    assert found.p_value == (41 - won) / 41
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])))
    assert found.baseline == pytest.approx(directly(first, references))
    assert found.system == pytest.approx(directly(second, references))
    assert 0 < won < 40


def test_a_clearly_better_system_wins_always_and_its_rival_never():
    bad, good = spoil(TARGETS, share=0.8, seed=0), spoil(TARGETS, share=0.1, seed=0)
    there = paired_bootstrap(Bleu(), baseline=bad, system=good, references=TARGETS)
    back = paired_bootstrap(Bleu(), baseline=good, system=bad, references=TARGETS)
    assert (there.wins, back.wins) == (1.0, 0.0)
    assert there.p_value == pytest.approx(1 / 1001)
    assert back.p_value == 1.0
    assert there.low > 0 > back.high
    assert there.difference == -back.difference
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_a_system_is_not_better_than_itself():
    found = paired_bootstrap(Bleu(), baseline=TRANSLATIONS, system=TRANSLATIONS, references=TARGETS)
    assert (found.wins, found.p_value, found.low, found.high) == (0.0, 1.0, 0.0, 0.0)


def test_systems_of_equal_quality_are_seldom_told_apart():
    references = [f"w{i}" for i in range(60)]
    p_values = []
    for seed in range(200):
        sides = np.random.default_rng(seed).random((2, len(references))) < 0.7
        first, second = ([r if ok else "x" for r, ok in zip(references, side, strict=True)] for side in sides)
        found = paired_bootstrap(
            ExactMatch(), baseline=first, system=second, references=references, resamples=100, seed=seed
        )
        p_values.append(found.p_value)
    assert 0.01 < np.mean(np.array(p_values) < 0.05) < 0.09
    assert 0.4 < np.mean(p_values) < 0.6


def test_the_seed_decides_the_draws():
    options = {"baseline": spoil(TARGETS, share=0.3, seed=1), "system": TRANSLATIONS, "references": TARGETS}
    first, again, other = (paired_bootstrap(Bleu(), **options, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first.low != other.low
    assert first.baseline == other.baseline


def test_what_is_printed():
    comparison = PairedComparison(90.0, 92.5, 1.0, 4.0, wins=0.987, p_value=0.014, resamples=1000)
    expected = "92.50 against 90.00: +2.50 (95 % interval +1.00 to +4.00), better in 98.7% of 1,000 resamples"
    assert str(comparison) == expected
    found = evaluate_corpus(ExactMatch(), hypotheses=["a"], references=["a"], resamples=5)
    assert str(found) == "1.00 (95 % interval 1.00 to 1.00)"


def test_no_resamples_are_refused():
    with pytest.raises(ValueError, match="resamples must be 1 or more, not 0"):
        evaluate_corpus(Bleu(), hypotheses=["a"], references=["a"], resamples=0)
    with pytest.raises(ValueError, match="resamples must be 1 or more, not 0"):
        paired_bootstrap(Bleu(), baseline=["a"], system=["a"], references=["a"], resamples=0)


def test_both_systems_must_have_translated_all_sentences():
    with pytest.raises(ValueError, match="1 hypotheses and 2 references"):
        paired_bootstrap(Bleu(), baseline=["a", "b"], system=["a"], references=["a", "b"])
