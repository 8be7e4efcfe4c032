"""Pairs, windows and noise against loops, and their average against the counts of lesson 01."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.models.word2vec_pairs import (
    cbow_windows,
    count_words,
    draw_noise,
    expected_counts,
    keep_probability,
    noise_distribution,
    sampled_batches,
    skipgram_pairs,
    thin,
)

V = 5
texts = st.lists(st.lists(st.integers(-1, V - 1), max_size=8), min_size=1, max_size=3).filter(
    lambda documents: any(i >= 0 for document in documents for i in document)
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def reaches(documents, *, window, seed):
    """The windows that the functions draw first of all, one a place."""
    total = sum(map(len, documents))
    return torch.randint(1, window + 1, (total,), generator=seeded(seed)).tolist()


def by_loop(documents, *, window, seed):
    """For every place with a word: the word and the words in its own window, left and right."""
    drawn, found = iter(reaches(documents, window=window, seed=seed)), []
    for document in documents:
        for place, (word, reach) in enumerate(zip(document, drawn, strict=False)):
            near = [
                document[j]
                for j in range(max(0, place - reach), min(len(document), place + reach + 1))
                if j != place
            ]
            found.append((word, [other for other in near if other >= 0]))
    return [(word, near) for word, near in found if word >= 0]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(texts, st.integers(1, 4), st.integers(0, 5))
def test_pairs_and_windows_equal_a_loop(documents, window, seed):
    tensors = [torch.tensor(document, dtype=torch.int64) for document in documents]
    expected = by_loop(documents, window=window, seed=seed)
    centres, contexts = skipgram_pairs(tensors, window=window, generator=seeded(seed))
    pairs = sorted(zip(centres.tolist(), contexts.tolist(), strict=True))
    assert pairs == sorted((word, other) for word, near in expected for other in near)
    around, words = cbow_windows(tensors, window=window, generator=seeded(seed))
    assert around.shape == (len(words), 2 * window)
    rows = [
        (word, sorted(i for i in row if i >= 0))
        for word, row in zip(words.tolist(), around.tolist(), strict=True)
    ]
    assert rows == [(word, sorted(near)) for word, near in expected if near]  # fmt: skip


def test_windows_and_subsampling_average_to_the_expected_counts():
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, V, 40), np.array([0, -1, 1, 1, 4])]
    keep = keep_probability(count_words(documents, vocabulary_size=V), threshold=0.1)
    assert keep.min() < 0.8, "this text should be thinned"
    total, draws, generator = np.zeros((V, V)), 1500, seeded()
    for _ in range(draws):
        thinned = thin(documents, keep=keep, generator=generator)
        pairs = skipgram_pairs(thinned, window=3, generator=generator)
        np.add.at(total, tuple(part.numpy() for part in pairs), 1 / draws)
    expected = expected_counts(documents, vocabulary_size=V, window=3, subsample=0.1).toarray()
    assert total == pytest.approx(expected, abs=0.3)
    assert total.sum() == pytest.approx(expected.sum(), rel=0.02)


def test_expected_windows_by_hand():
    # Windows of 2: the neighbour lies in both sizes, the next but one in one of two.
    near = expected_counts([np.array([0, 1, 2])], vocabulary_size=3, window=2, subsample=np.inf).toarray()
    assert near.tolist() == [[0, 1, 0.5], [1, 0, 1], [0.5, 1, 0]]


def test_keep_probability_by_hand():
    # Shares .9 and .1 of the text: sqrt(.1 / .9) = 1/3, and the rare word stays.
    assert keep_probability([90, 10], threshold=0.1) == pytest.approx([1 / 3, 1])
    assert keep_probability([90, 10], threshold=np.inf).tolist() == [1, 1]
    assert keep_probability([90, 0], threshold=0.1)[1] == 1


def test_noise_distribution_by_hand():
    assert noise_distribution([16, 1, 0], exponent=0.75) == pytest.approx([8 / 9, 1 / 9, 0])
    assert noise_distribution([3, 1, 0], exponent=0) == pytest.approx([0.5, 0.5, 0])


def test_noise_is_drawn_as_often_as_it_should():
    noise = torch.tensor([0.5, 0.0, 0.2, 0.3])
    drawn = draw_noise(noise, shape=(20_000, 2), generator=seeded())
    shares = np.bincount(drawn.ravel().numpy(), minlength=4) / drawn.numel()
    assert shares == pytest.approx(noise.numpy(), abs=0.01)
    assert shares[1] == 0


def test_a_pass_holds_every_pair_once_with_noise_and_depends_on_the_generator_alone():
    documents = [np.arange(V), np.array([3, 1, 3])]
    settings = {
        "vocabulary_size": V,
        "window": 1,
        "negatives": 4,
        "noise_exponent": 0.75,
        "subsample": np.inf,
    }
    one_pass = sampled_batches(documents, **settings, batch_size=5)
    batches = list(one_pass(seeded()))
    assert [len(batch.centres) for batch in batches] == [5, 5, 2]
    assert [tuple(batch.noise.shape) for batch in batches] == [(5, 4), (5, 4), (2, 4)]
    pairs = sorted(
        pair for b in batches for pair in zip(b.centres.tolist(), b.contexts.tolist(), strict=True)
    )
    one_way = [(0, 1), (1, 2), (2, 3), (3, 4), (3, 1), (1, 3)]
    assert pairs == sorted(one_way + [(b, a) for a, b in one_way])
    again = list(one_pass(seeded()))
    assert all(
        torch.equal(a, b)
        for one, two in zip(batches, again, strict=True)
        for a, b in zip(one, two, strict=True)
    )
    assert not torch.equal(batches[0].noise, next(one_pass(seeded(1))).noise)  # fmt: skip


ONE = [torch.tensor([0, 1])]


def common_words_only():
    """Batches of a text in which subsampling keeps nothing."""
    return sampled_batches(
        [np.array([0, 1, 0, 1])], vocabulary_size=2, window=2, negatives=1, noise_exponent=0.75,
        subsample=1e-12, batch_size=4,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: count_words([], vocabulary_size=3), "no known words"),
        (lambda: count_words([np.array([-1])], vocabulary_size=3), "no known words"),
        (lambda: count_words([np.array([3])], vocabulary_size=3), "not below 3"),
        (lambda: keep_probability([1, 2], threshold=0), "above 0"),
        (lambda: keep_probability([0, 0], threshold=1), "not all 0"),
        (lambda: noise_distribution([0, 0], exponent=1), "not all 0"),
        (lambda: noise_distribution([1, 2], exponent=-1), "exponent of 0 or more"),
        (
            lambda: expected_counts([np.array([0])], vocabulary_size=1, window=2, subsample=1),
            "longer documents",
        ),
        (lambda: next(common_words_only()(seeded())), "Subsampling left no word"),
        (lambda: skipgram_pairs(ONE, window=0, generator=seeded()), "window must be"),
        (lambda: skipgram_pairs([], window=1, generator=seeded()), "no known words"),
        (lambda: cbow_windows([torch.tensor([-1])], window=1, generator=seeded()), "no known words"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
