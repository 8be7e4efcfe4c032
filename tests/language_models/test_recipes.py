"""How the course trains a GPT: it learns, the same seed gives the same, and a second call reads the cache."""

import pytest
import torch

from course_utils.datasets.wikipedia import Article
from course_utils.language_models.corpus import encode_articles
from course_utils.language_models.recipes import (
    LIVE,
    LIVE_OPTIONS,
    Schedule,
    build_gpt,
    make_optimizer,
    steps_of,
    train_gpt,
)
from course_utils.models.gpt import GPTConfig

SMALL = {"context": 16, "width": 32, "layers": 1, "heads": 2}
SCHEDULE = Schedule(tokens=16 * 8 * 105, batch=8, learning_rate=0.02, warmup=5)
TEXT = "the cat sat on the mat, and the dog sat on the cat. "


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def corpus():
    return encode_articles([Article(str(i), TEXT * 6) for i in range(20)], merges=20)


@pytest.fixture(scope="module")
def trained(corpus):
    return train_gpt(corpus, schedule=SCHEDULE, **SMALL)


def test_it_learns_its_text_by_heart(trained, corpus):
    assert trained.history.last == steps_of(SCHEDULE, context=16) == 105
    assert trained.tokens == SCHEDULE.tokens
    assert trained.writer.bits(corpus.validation).bits < 0.5
    [found] = trained.writer.continue_text("the cat sat on the", max_tokens=3, how="greedy")
    assert TEXT.startswith(found.prompt + found.text)
    assert trained.parameters == sum(p.numel() for p in trained.model.parameters())
    assert trained.seconds == trained.history.seconds[-1] > 0


def test_the_second_time_it_is_read_from_the_cache(trained, corpus):
    again = train_gpt(corpus, schedule=SCHEDULE, **SMALL)
    assert (trained.was_cached, again.was_cached) == (False, True)
    assert again.history.losses == trained.history.losses
    for one, other in zip(trained.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_seeds_differ_and_repeat(corpus, trained, tmp_path, monkeypatch):
    other = train_gpt(corpus, schedule=SCHEDULE, seed=1, **SMALL)
    assert other.history.losses != trained.history.losses
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    repeated = train_gpt(corpus, schedule=SCHEDULE, **SMALL)
    assert not repeated.was_cached
    assert repeated.history.losses == pytest.approx(trained.history.losses, rel=1e-4)


def test_the_rate_rises_and_falls_in_straight_lines(trained):
    rates = trained.history.learning_rates
    assert rates[:5] == pytest.approx([0.004, 0.008, 0.012, 0.016, 0.02])
    assert rates[-1] == pytest.approx(0.02 / 100)


def test_muon_updates_the_matrices_of_the_blocks(corpus):
    model = build_gpt(corpus, **SMALL)
    names = {id(p): name for name, p in model.named_parameters()}
    groups = [
        {names[id(p)] for p in g["params"]} for g in make_optimizer(model, weight_decay=0.1).param_groups
    ]
    assert len(groups[0]) == 6  # query, key, value, output, widen, narrow
    assert "token_embedding.weight" in groups[1]
    assert {name.rsplit(".", 1)[0] for name in groups[2]} >= {"final_norm", "blocks.0.feed_forward.narrow"}
    assert set().union(*groups) == set(names.values())


def test_options_are_those_of_the_config(corpus):
    assert build_gpt(corpus).config == GPTConfig(corpus.vocabulary_size, **LIVE_OPTIONS)
    assert build_gpt(corpus, width=64).config.width == 64
    assert LIVE.tokens >= steps_of(LIVE, context=LIVE_OPTIONS["context"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 3}, "the options are context, width"),
        ({"vocabulary_size": 3}, "the options are context"),
        ({"positions": "absolute"}, "positions is 'absolute'"),
        ({"context": 4096}, "make batches or windows smaller"),
    ],
)
def test_unusable_options(corpus, options, message):
    with pytest.raises(ValueError, match=message):
        train_gpt(corpus, schedule=SCHEDULE, **(SMALL | options))


@pytest.mark.parametrize("sizes", [{"tokens": 0}, {"batch": 0}])
def test_unusable_schedules(sizes):
    with pytest.raises(ValueError, match="both must be 1 or more"):
        Schedule(**sizes)
