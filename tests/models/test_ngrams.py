"""Kneser-Ney against nltk, numbers worked by hand, and the laws of probability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.models.ngrams import KneserNey, context_windows, estimate_discounts

V = 5
texts = st.lists(st.lists(st.integers(0, V - 1), max_size=12), min_size=1, max_size=4).filter(
    lambda documents: any(documents)
)


def arrays(documents):
    return [np.array(document, dtype=np.int64) for document in documents]


def nltk_model(documents, *, order, discount):
    """nltk's model, fed each word with its 0 to order - 1 words before it, as ours counts them."""
    from nltk.lm.models import KneserNeyInterpolated
    from nltk.lm.vocabulary import Vocabulary

    grams = []
    for document in documents:
        padded = ["s"] * (order - 1) + [str(word) for word in document]
        for end in range(order, len(padded) + 1):
            grams.append([tuple(padded[end - size : end]) for size in range(1, order + 1)])
    model = KneserNeyInterpolated(order, discount=discount)
    words = {word for document in grams for gram in document for word in gram}
    model.fit(grams, Vocabulary(sorted(words), unk_cutoff=1))
    return model


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("discount", [0.1, 0.75])
def test_equal_to_nltk(order, discount):
    rng = np.random.default_rng(order)
    documents = [rng.integers(0, V, size) ** 2 // (V - 1) for size in (40, 25, 1)]
    model = KneserNey(
        documents, order=order, vocabulary_size=V, discounts=[0] + [discount] * (order - 1)
    )  # nltk does not discount unigrams
    theirs = nltk_model(documents, order=order, discount=discount)
    contexts, words = context_windows([rng.integers(0, V, 60), *documents], context=order - 1, start=V)
    seen = np.isin(words, np.concatenate(documents))
    expected = [
        theirs.score(str(word), tuple("s" if c == V else str(c) for c in context))
        for context, word in zip(contexts[seen], words[seen], strict=True)
    ]
    np.testing.assert_allclose(model.probabilities(contexts[seen], words[seen]), expected, rtol=1e-9)


def test_bigrams_by_hand():
    # a b a b a c: bigrams (start, a) 1, ab 2, ba 2, ac 1. Three words: a = 0, b = 1, c = 2.
    model = KneserNey([np.array([0, 1, 0, 1, 0, 2])], order=2, vocabulary_size=3, discounts=[0, 0.5])
    assert model.size == 4 + 3  # kinds of bigram, and words
    # Different words before a: start and b; before b: a; before c: a. Four kinds of bigram.
    continuation = np.array([2, 1, 1]) / 4
    after_a = (np.array([0, 2 - 0.5, 1 - 0.5]) + 0.5 * 2 * continuation) / 3
    np.testing.assert_allclose(model.distribution([0]), after_a)
    np.testing.assert_allclose(model.distribution([2]), continuation)  # nothing was seen after c
    after_start = (np.array([1 - 0.5, 0, 0]) + 0.5 * 1 * continuation) / 1
    np.testing.assert_allclose(model.distribution([3]), after_start)


def test_unigrams_count_occurrences_and_leave_something_for_unseen_words():
    model = KneserNey([np.array([0, 0, 0, 1])], order=1, vocabulary_size=3, discounts=[0.5])
    freed = 0.5 * 2 / 4
    np.testing.assert_allclose(model.distribution([]), [2.5 / 4 + freed / 3, 0.5 / 4 + freed / 3, freed / 3])


def test_the_famous_word_that_follows_only_one_other():
    # "francisco" (1) is frequent but follows only "san" (0); "glasses" (2) is rare but follows many.
    text = [0, 1] * 20 + [3, 2, 4, 2, 5, 2, 6, 2]
    model = KneserNey([np.array(text)], order=2, vocabulary_size=8)
    unseen = model.distribution([7])
    assert unseen[2] > 1.5 * unseen[1]
    unigrams = KneserNey([np.array(text)], order=1, vocabulary_size=8).distribution([])
    assert unigrams[1] > unigrams[2]


@settings(deadline=None)  # a busy machine is no failure
@given(texts, st.integers(1, 4), st.lists(st.integers(0, V), min_size=3, max_size=3), st.booleans())
def test_probabilities_sum_to_one_and_none_is_zero(documents, order, context, modified):
    model = KneserNey(arrays(documents), order=order, vocabulary_size=V, modified=modified)
    distribution = model.distribution(context)
    assert distribution.sum() == pytest.approx(1)
    assert (distribution > 0).all()


def test_log_probabilities_stay_inside_their_document():
    rng = np.random.default_rng(0)
    train, one, two = (rng.integers(0, V, size) for size in (200, 9, 6))
    model = KneserNey([train], order=3, vocabulary_size=V)
    first, second = model.log_probabilities([one, two])
    np.testing.assert_array_equal(second, model.log_probabilities([two])[0])
    contexts, words = context_windows([one], context=2, start=V)
    np.testing.assert_allclose(np.exp(first), model.probabilities(contexts, words))
    changed = one.copy()
    changed[5] = (changed[5] + 1) % V
    assert np.array_equal(model.log_probabilities([changed])[0][:5], first[:5])  # the past does not move


def test_context_windows_by_hand():
    contexts, targets = context_windows(arrays([[5, 6, 7], [], [8]]), context=2, start=9)
    assert contexts.tolist() == [[9, 9], [9, 5], [5, 6], [9, 9]]
    assert targets.tolist() == [5, 6, 7, 8]
    assert context_windows([np.array([1])], context=0, start=9)[0].shape == (1, 0)


def test_discounts_by_hand():
    assert estimate_discounts([1, 1, 1, 2, 5]) == pytest.approx([3 / 5])
    assert estimate_discounts([3, 4]).tolist() == [0.5]
    assert estimate_discounts([1, 1], kinds=3).tolist() == [0.5] * 3
    # n1 to n4 are 8, 4, 2, 1, so the share is 8 / 16.
    counts = [1] * 8 + [2] * 4 + [3] * 2 + [4]
    expected = [1 - 2 * 0.5 * 4 / 8, 2 - 3 * 0.5 * 2 / 4, 3 - 4 * 0.5 * 1 / 2]
    assert estimate_discounts(counts, kinds=3) == pytest.approx(expected)


def test_three_discounts_by_hand():
    # After 0: 1 three times, 2 twice, 3 once.
    text = np.array([0, 1, 0, 1, 0, 1, 0, 2, 0, 2, 0, 3])
    model = KneserNey([text], order=2, vocabulary_size=4, modified=True)
    lower = model.distribution([3])  # nothing was seen after 3
    one, two, more = model.discounts[1]
    expected = (np.array([0, 3 - more, 2 - two, 1 - one]) + (one + two + more) * lower) / 6
    np.testing.assert_allclose(model.distribution([0]), expected)


WORDS = [np.array([0, 1, 2])]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KneserNey([], order=3, vocabulary_size=3), "hold no words"),
        (lambda: KneserNey([np.array([])], order=3, vocabulary_size=3), "hold no words"),
        (lambda: KneserNey([np.array([0.5])], order=3, vocabulary_size=3), "array of word ids"),
        (lambda: KneserNey([np.array([0, 3])], order=3, vocabulary_size=3), "must be 0 to 2"),
        (lambda: KneserNey([np.array([0, -1])], order=3, vocabulary_size=3), "an id of their own"),
        (lambda: KneserNey([np.zeros(4, dtype=int)], order=3, vocabulary_size=1), "nothing to predict"),
        (lambda: KneserNey(WORDS, order=0, vocabulary_size=3), "try order 3"),
        (lambda: KneserNey(WORDS, order=5, vocabulary_size=10_000), "try order 3"),
        (lambda: KneserNey(WORDS, order=2, vocabulary_size=3, discounts=[0.5]), "Give 2 discounts"),
        (lambda: KneserNey(WORDS, order=1, vocabulary_size=3, discounts=[1.5]), "from 0 to 1"),
        (lambda: KneserNey(WORDS, order=3, vocabulary_size=3).distribution([0]), "needs 2 words of context"),
        (lambda: context_windows(WORDS, context=-1, start=3), "0 or more"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
