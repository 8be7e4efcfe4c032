"""The recipe for a masked encoder: the same twice, kept, and judged on places that are the same for all."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from course_utils.datasets.wikipedia import Article
from course_utils.language_models.corpus import encode_articles
from course_utils.language_models.masked import (
    LIVE_OPTIONS,
    HiddenWindows,
    MaskedSchedule,
    build_masked_encoder,
    guess_hidden,
    train_masked_encoder,
)

SHORT = MaskedSchedule(tokens=60_000, length=16, batch=16, share=0.3, learning_rate=2e-2, warmup=10)
SMALL = {"width": 32, "layers": 1, "heads": 2, "inner": 64, "positions": 32}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CI", "true")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        # Neighbours say it all: between an a and a c stands a b.
        articles = [Article(f"title {i}", "abcde" * 60 + "xyz" * (i + 1)) for i in range(20)]
        return encode_articles(articles, merges=0)


def test_it_learns_what_neighbours_say_is_kept_and_comes_back_the_same(corpus):
    trained = train_masked_encoder(corpus, schedule=SHORT, **SMALL)
    again = train_masked_encoder(corpus, schedule=SHORT, **SMALL)
    assert not trained.was_cached
    assert again.was_cached
    for one, two in zip(trained.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, two)
    assert trained.tokens == SHORT.steps * 256 == trained.history.last * 256
    assert trained.history.losses[-1] < 0.5 * trained.history.losses[0]
    found = guess_hidden(trained.model, corpus.test, length=16)
    assert sum(one.hits for one in found) > 0.8 * sum(len(one.targets) for one in found)
    other = train_masked_encoder(corpus, schedule=SHORT, seed=1, **SMALL)
    assert other.history.losses[0] != trained.history.losses[0]


def test_one_way_and_both_ways_are_two_models_of_one_shape(corpus):
    both = build_masked_encoder(corpus, **SMALL)
    one_way = build_masked_encoder(corpus, both_ways=False, **SMALL)
    assert [p.shape for p in both.parameters()] == [p.shape for p in one_way.parameters()]
    assert both.config.both_ways
    assert not one_way.config.both_ways
    assert both.config.mask_token == corpus.vocabulary_size == both.config.encoder.vocabulary_size - 1
    assert build_masked_encoder(corpus).config.encoder.width == LIVE_OPTIONS["width"]


def test_windows_hide_other_places_in_each_pass_and_never_swap_the_mark_in(corpus):
    batches = HiddenWindows(corpus.stream(), corpus.vocabulary_size, replace(SHORT, marked=0, swapped=1))
    first, second = (next(iter(batches(torch.Generator().manual_seed(seed)))) for seed in (0, 1))
    assert first.tokens.shape == (16, 16)
    assert (first.chosen.sum(dim=1) == 5).all()  # 0.3 of 16
    assert not torch.equal(first.chosen, second.chosen)
    assert int(first.tokens.max()) < corpus.vocabulary_size


def test_all_models_are_asked_the_same_and_hits_are_counted_by_hand(corpus):
    model = build_masked_encoder(corpus, **SMALL)
    asked = []

    def always_a(tokens):
        asked.append(tokens)
        scores = torch.zeros(*tokens.shape, corpus.vocabulary_size + 1)
        scores[..., ord("a")] = 5.0
        return scores

    found = guess_hidden(model, corpus.test, length=16, score=always_a)
    own = guess_hidden(model, corpus.test, length=16)
    for text, one, two in zip(corpus.test, found, own, strict=True):
        windows = len(text.tokens) // 16
        assert one.title == text.title
        assert len(one.targets) == windows * round(0.15 * 16)
        np.testing.assert_array_equal(one.targets, two.targets)
        letters = [bytes([target]).decode() for target in one.targets]
        assert one.hits == letters.count("a")
        total = np.exp(5) + corpus.vocabulary_size
        wanted = [np.log((np.exp(5) if letter == "a" else 1) / total) for letter in letters]
        np.testing.assert_allclose(one.log_probabilities, wanted, atol=1e-5)
    hidden = sum(int((tokens == model.config.mask_token).sum()) for tokens in asked)
    assert hidden == sum(len(one.targets) for one in found)  # nothing swapped, nothing left as it was


def test_predict_is_the_models_own_softmax(corpus):
    trained = train_masked_encoder(corpus, schedule=replace(SHORT, tokens=256), **SMALL)
    tokens = [97, trained.mask_token, 99]
    found = trained.predict(tokens, 1)
    with torch.no_grad():
        wanted = trained.model(torch.tensor([tokens]))[0, 1].double().log_softmax(dim=0)
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-6)
    assert np.exp(found).sum() == pytest.approx(1)
    with pytest.raises(IndexError):
        trained.predict(tokens, 3)
    with pytest.raises(ValueError, match="33 pieces is too long"):
        trained.predict([97] * 33, 0)


def test_unknown_options_and_sizes(corpus):
    with pytest.raises(ValueError, match="the options are width, layers"):
        build_masked_encoder(corpus, depth=3)
    with pytest.raises(ValueError, match="places is 'nowhere'"):
        build_masked_encoder(corpus, places="nowhere")
    with pytest.raises(ValueError, match="length is 0"):
        MaskedSchedule(length=0)
    with pytest.raises(ValueError, match="no text has 100000 tokens"):
        guess_hidden(build_masked_encoder(corpus, **SMALL), corpus.test, length=100_000)
