"""Subwords against gensim's fastText, and against the skip-gram model that they plug into."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.models.subwords import (
    MeanOfUnits,
    SubwordConfig,
    add_subwords,
    character_ngrams,
    hash_ngram,
    subword_matrix,
    unit_vectors,
)
from course_utils.models.word2vec import Word2VecConfig
from course_utils.models.word2vec_expected import expected_skipgram
from course_utils.training import History, fit

WORDS = ["ocean", "oceans", "sea", "a", "naïve", "banana"]
KNOWN = {word: number for number, word in enumerate(WORDS)}
CONFIG = SubwordConfig(buckets=97)
SMALL = Word2VecConfig(dimension=4, window=2, groups=2, passes=2)
DOCUMENTS = [np.random.default_rng(0).integers(0, len(WORDS), 200)]


def make_model(seed=0):
    return expected_skipgram(DOCUMENTS, SMALL, vocabulary_size=len(WORDS), seed=seed)


def test_ngrams_by_hand():
    assert character_ngrams("where", shortest=3, longest=3) == ["<wh", "whe", "her", "ere", "re>"]
    assert character_ngrams("her", shortest=5, longest=6) == ["<her>"]
    assert character_ngrams("a", shortest=1, longest=2) == ["a", "<a", "a>"]
    assert character_ngrams("a", shortest=4, longest=6) == []
    assert character_ngrams("where", shortest=3, longest=2) == []


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="<>", codec="utf-8"), min_size=1, max_size=12))
def test_ngrams_and_buckets_are_gensims(word):
    from gensim.models.fasttext_inner import compute_ngrams_bytes, ft_hash_bytes

    for shortest, longest in ((3, 6), (1, 2), (4, 4)):
        ours = character_ngrams(word, shortest=shortest, longest=longest)
        theirs = compute_ngrams_bytes(word, shortest, longest)
        assert sorted(ours) == sorted(ngram.decode() for ngram in theirs)
        assert sorted(map(hash_ngram, ours)) == sorted(map(ft_hash_bytes, theirs))


def test_vectors_of_known_and_unknown_words_are_fasttexts():
    from gensim.models import FastText

    peer = FastText(vector_size=4, min_n=3, max_n=6, bucket=97, min_count=1)
    peer.build_vocab([WORDS])
    peer.wv.adjust_vectors()
    known = peer.wv.key_to_index
    units = np.vstack([peer.wv.vectors_vocab, peer.wv.vectors_ngrams])
    asked = [*known, "oceanic", "seas", "naïveté"]
    ours = subword_matrix(asked, config=CONFIG, known=known) @ units
    theirs = np.array([peer.wv[word] for word in asked])
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_rows_of_the_matrix():
    matrix = subword_matrix([*WORDS, "oceanic", "x"], config=SubwordConfig(4, 5, 97), known=KNOWN)
    assert matrix.shape == (8, 6 + 97)
    assert np.asarray(matrix.sum(axis=1)).ravel() == pytest.approx([1] * 7 + [0])
    assert matrix[:6, :6].toarray().nonzero()[0].tolist() == list(range(6))  # each its own unit
    assert matrix[6, :6].nnz == 0  # an unknown word has none
    assert matrix[KNOWN["a"], KNOWN["a"]] == 1  # too short for an n-gram: the word alone


def test_equal_ngrams_in_a_word_add_up():
    matrix = subword_matrix(["banana"], config=SubwordConfig(3, 3, 10_000), known={})
    twice = hash_ngram("ana") % 10_000
    assert matrix[0, twice] == pytest.approx(2 / 6)


def test_words_are_the_means_of_their_units():
    model = add_subwords(make_model(), subword_matrix(WORDS, config=CONFIG, known=KNOWN))
    expected = subword_matrix(WORDS, config=CONFIG, known=KNOWN) @ unit_vectors(model)
    assert model.vectors() == pytest.approx(expected, abs=1e-6)


def test_whole_words_alone_are_the_plain_model():
    """With the identity as matrix and the same start, loss, gradient and training are skip-gram's."""
    plain, model = make_model(), make_model()
    start = model.words.detach().clone()
    add_subwords(model, subword_matrix(WORDS, config=SubwordConfig(3, 2, 1), known=KNOWN))
    with torch.no_grad():
        model.parametrizations.words.original[: len(WORDS)] = start[: len(WORDS)]
    for one in (plain, model):
        fit(one, history=History(), **one.recipe(seed=0))
    assert model.vectors() == pytest.approx(plain.vectors(), abs=1e-5)
    assert not np.allclose(plain.vectors(), start[: len(WORDS)], atol=1e-3)


def test_the_gradient_reaches_the_units_in_their_shares():
    matrix = subword_matrix(WORDS, config=CONFIG, known=KNOWN)
    layer, units = MeanOfUnits(matrix, rows=8), torch.randn(matrix.shape[1], 4, requires_grad=True)
    outer = torch.randn(8, 4)
    layer(units).backward(outer)
    assert units.grad.numpy() == pytest.approx(matrix.T @ outer.numpy()[:6], abs=1e-6)
    assert layer(units)[6:].abs().sum() == 0


def test_training_lowers_the_loss_and_repeats_itself():
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        model = add_subwords(make_model(), subword_matrix(WORDS, config=CONFIG, known=KNOWN))
        history = fit(model, history=History(), **model.recipe(seed=0))
        losses.append(history.losses)
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: character_ngrams(""), "empty word"),
        (lambda: character_ngrams("sea", shortest=0), "shortest must be 1 or more"),
        (lambda: subword_matrix([], config=CONFIG, known=KNOWN), "at least one word"),
        (lambda: subword_matrix(["sea"], config=SubwordConfig(buckets=0), known={}), "one bucket"),
        (lambda: subword_matrix([""], config=CONFIG, known=KNOWN), "empty word"),
        (
            lambda: add_subwords(make_model(), subword_matrix(["sea"], config=CONFIG, known=KNOWN)),
            "1 rows, the model 6 words",
        ),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
