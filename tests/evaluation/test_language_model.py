"""Perplexity, mixtures and bits per character against numbers worked by hand and a grid."""

import math

import numpy as np
import pytest

from course_utils.evaluation.language_model import (
    CODE_POINTS,
    SpellingModel,
    bits_per_character,
    evaluate_perplexity,
    fit_mixture_weight,
    mix,
    perplexity,
    perplexity_ratio,
)


def logs(*probabilities):
    return np.log(np.array(probabilities))


def some_articles(seed, *, sizes=(30, 5, 60)):
    rng = np.random.default_rng(seed)
    return [np.log(rng.uniform(0.01, 0.9, size)) for size in sizes]


def test_perplexity_by_hand():
    assert perplexity(logs(1 / 2, 1 / 4, 1 / 8)) == pytest.approx(4)
    assert perplexity(logs(*[1 / 50] * 7)) == pytest.approx(50)  # choosing evenly among 50
    assert perplexity([0.0, 0.0]) == 1
    assert perplexity([-1.0, -np.inf]) == np.inf


def test_articles_are_weighed_by_their_words():
    result = evaluate_perplexity([logs(1 / 2, 1 / 2, 1 / 2), logs(1 / 16)])
    assert result.perplexity == pytest.approx(2 ** ((3 + 4) / 4))
    assert result.by_article == pytest.approx([2, 16])
    assert (result.low, result.high) == pytest.approx((2, 16))  # only one of the two articles drawn
    assert result.words == 4


def test_the_interval_resamples_articles_not_words():
    sure, unsure = logs(*[0.5] * 500), logs(*[0.01] * 500)
    apart = evaluate_perplexity([sure, unsure] * 4)
    mixed = evaluate_perplexity([np.concatenate([sure, unsure])] * 8)
    assert apart.perplexity == pytest.approx(mixed.perplexity)
    assert mixed.high - mixed.low < 1e-9
    assert apart.high / apart.low > 2
    assert str(apart).startswith("perplexity 14.1 (95 % interval")


def test_the_ratio_is_paired():
    base = some_articles(0)
    better = [article * 0.9 for article in base]
    ratio, low, high = perplexity_ratio(better, base)
    assert ratio == pytest.approx(perplexity(np.concatenate(better)) / perplexity(np.concatenate(base)))
    assert low <= ratio <= high < 1
    same = perplexity_ratio([a - 0.25 for a in base], base)
    assert same == pytest.approx([math.exp(0.25)] * 3)  # the same on each article: no width


def test_mix_by_hand():
    (mixed,) = mix([logs(0.8, 0.1)], [logs(0.2, 0.5)], weight=0.25)
    assert np.exp(mixed) == pytest.approx([0.25 * 0.8 + 0.75 * 0.2, 0.25 * 0.1 + 0.75 * 0.5])
    first, second = [logs(0.8, 0.1)], [np.array([-np.inf, -1.0])]
    assert mix(first, second, weight=1)[0] == pytest.approx(first[0])
    assert mix(first, second, weight=0)[0] == pytest.approx(second[0])


@pytest.mark.parametrize("seed", range(3))
def test_the_fitted_weight_is_the_best_of_a_grid(seed):
    first, second = some_articles(seed), some_articles(seed + 10)
    grid = np.linspace(0, 1, 1001)
    scores = [perplexity(np.concatenate(mix(first, second, weight=w))) for w in grid]
    assert fit_mixture_weight(first, second) == pytest.approx(grid[np.argmin(scores)], abs=2e-3)


def test_the_weight_of_a_model_that_always_wins_goes_to_one():
    first, second = [logs(0.5, 0.6)], [logs(0.1, 0.2)]
    assert fit_mixture_weight(first, second) > 0.999
    assert fit_mixture_weight(second, first) < 0.001
    far_below = fit_mixture_weight([np.array([-900.0, -901.0])], [np.array([-901.0, -900.0])])
    assert far_below == pytest.approx(0.5)  # exp(-900) is 0, and still they compare


def test_spelling_by_hand_with_single_letters():
    # Letters of "aab" and its end: a 2, b 1, end 1, so four seen and three kinds.
    model = SpellingModel(["aab"], order=1)
    a = (2 + 3 / CODE_POINTS) / 7
    end = (1 + 3 / CODE_POINTS) / 7
    assert model.bits("a") == pytest.approx(-math.log2(a) - math.log2(end))
    assert model.bits("ż") == pytest.approx(-math.log2(3 / CODE_POINTS / 7) - math.log2(end))


@pytest.mark.parametrize("order", [1, 2, 4])
def test_letters_after_each_context_sum_to_one(order):
    model = SpellingModel(["banana", "bandana", "nab", "nab"], order=order)
    for context in ["\n\n\nban"[-order:][1:], "x" * (order - 1), "\n" * (order - 1)]:
        seen = [model._probability(letter, context) for letter in ["a", "b", "n", "d", ""]]
        unseen = model._probability("q", context)
        assert sum(seen) + (CODE_POINTS - 5) * unseen == pytest.approx(1)


def test_longer_contexts_spell_familiar_words_cheaper():
    words = ["station", "nation", "ration", "notion", "motion"] * 3
    costs = [SpellingModel(words, order=order).bits("ration") for order in (1, 2, 4)]
    assert costs == sorted(costs, reverse=True)


def test_bits_per_character_by_hand():
    spelling = SpellingModel(["zebra"], order=2)
    documents = [["the", "zebra"], ["the"]]
    articles = [logs(1 / 2, 1 / 8), logs(1 / 4)]
    characters = (3 + 1) + (5 + 1) + (3 + 1)
    expected = (1 + 3 + 2 + spelling.bits("zebra")) / characters
    found = bits_per_character(articles, documents, known={"the"}, spelling=spelling)
    assert found.bits == pytest.approx(expected)
    assert found.spelling == pytest.approx(spelling.bits("zebra") / (expected * characters))
    assert found.characters == characters
    of_each = [(1 + 3 + spelling.bits("zebra")) / 10, 2 / 4]
    assert [found.low, found.high] == pytest.approx(sorted(of_each))  # only one of two articles drawn
    assert str(found).startswith(f"{expected:.3f} bits per character")
    free = bits_per_character(articles, documents, known={"the", "zebra"}, spelling=spelling)
    assert free.bits == pytest.approx((1 + 3 + 2) / characters)
    assert free.spelling == 0


def test_a_smaller_vocabulary_lowers_perplexity_and_not_the_bits_per_character():
    # Every word is equally likely; the small vocabulary lumps half of them into one class.
    words = ["".join(pair) for pair in zip("abcdefgh" * 8, sorted("abcdefgh" * 8), strict=True)]
    full = [np.full(64, -math.log(64))]
    small = [np.where(np.arange(64) < 32, -math.log(64), -math.log(2))]
    assert perplexity(small[0]) < perplexity(full[0]) / 4
    spelling = SpellingModel(words[32:], order=1)
    paid = [
        bits_per_character(article, [words], known=set(known), spelling=spelling).bits
        for article, known in ((full, words), (small, words[:32]))
    ]
    assert paid[1] > paid[0]


ONE = [logs(0.5, 0.5)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: perplexity([]), "T above 0"),
        (lambda: perplexity([0.5]), "take the log"),
        (lambda: perplexity([np.nan]), "never NaN"),
        (lambda: evaluate_perplexity([]), "no articles"),
        (lambda: mix(ONE, ONE, weight=1.2), "from 0"),
        (lambda: mix(ONE, [logs(0.5)], weight=0.5), "the same words"),
        (lambda: perplexity_ratio([], []), "the same words"),
        (lambda: fit_mixture_weight(ONE, ONE * 2), "the same words"),
        (lambda: fit_mixture_weight([np.array([-np.inf])], [np.array([-np.inf])]), "smooth one"),
        (lambda: SpellingModel([]), "needs words"),
        (lambda: SpellingModel(["a"], order=0), "1 or more"),
        (
            lambda: bits_per_character(ONE, [["a"]], known={"a"}, spelling=SpellingModel(["b"])),
            "one log-probability for each word",
        ),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
