"""The expected loss against a sum over all pairs, sampling and autograd; its optimum is PMI - log K."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from course_utils.models.word2vec import SkipGram, Word2VecConfig
from course_utils.models.word2vec_expected import ExpectedSkipGram, expected_skipgram, shifted_pmi
from course_utils.models.word2vec_pairs import (
    PairBatch,
    count_words,
    expected_counts,
    noise_distribution,
    sampled_batches,
)
from course_utils.training import History, fit

V, K = 11, 3
CONFIG = Word2VecConfig(dimension=4, window=3, negatives=K, subsample=0.1, groups=3)
DOCUMENTS = [np.random.default_rng(0).integers(0, V, 60), np.array([1, 1, 2, -1, 4])]


def make(config=CONFIG):
    """A model with scores around 0, where true pairs and noise matter alike."""
    model = expected_skipgram(DOCUMENTS, config, vocabulary_size=V).double()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        model.words.normal_(generator=generator)
        model.contexts.normal_(generator=generator)
    model._tiles = [tile._replace(counts=tuple(c.double() for c in tile.counts)) for tile in model._tiles]
    return model


def known():
    counts = expected_counts(DOCUMENTS, vocabulary_size=V, window=3, subsample=0.1).toarray().astype(float)
    return counts, noise_distribution(count_words(DOCUMENTS, vocabulary_size=V), exponent=0.75)


def softplus(x):
    return np.log1p(np.exp(x))


def by_sum(model):
    """The loss of all pairs, in nats per pair, as it stands in the docstring."""
    counts, noise = known()
    x = model.words.detach().numpy()[:V] @ model.contexts.detach().numpy()[:V].T
    negative = K * counts.sum(axis=1)[:, None] * noise
    return (counts * softplus(-x) + negative * softplus(x)).sum() / counts.sum()


def passes(model):
    return list(model.batches(torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 11, 50])
def test_the_steps_of_a_pass_average_to_the_loss_of_all_pairs(groups):
    model = make(replace(CONFIG, groups=groups))
    steps = passes(model)
    assert len(steps) == min(groups, V)
    assert np.mean([model.loss(step).item() for step in steps]) == pytest.approx(by_sum(model), rel=1e-6)


def test_the_gradient_by_hand_equals_autograd():
    model = make()
    for step in passes(model):
        model.loss(step).backward()  # gradients add up over the pass
    counts, noise = (torch.from_numpy(part) for part in known())
    words, contexts = (table.detach()[:V].clone().requires_grad_() for table in (model.words, model.contexts))
    x = words @ contexts.T
    negative = K * counts.sum(dim=1)[:, None] * noise
    soft = torch.nn.functional.softplus
    loss = (counts * soft(-x) + negative * soft(x)).sum() / counts.sum() * 3  # three steps, each of mean size
    loss.backward()
    torch.testing.assert_close(model.words.grad[:V], words.grad, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(model.contexts.grad[:V], contexts.grad, rtol=1e-5, atol=1e-7)
    assert not model.words.grad[V:].any(), "rows beyond the vocabulary meet nobody"


def test_sampling_has_this_loss_on_average():
    model = make()
    sampled = SkipGram(V, CONFIG).double()
    with torch.no_grad():
        sampled.words.copy_(model.words[:V])
        sampled.contexts.copy_(model.contexts[:V])
    one_pass = sampled_batches(DOCUMENTS, vocabulary_size=V, window=3, negatives=K, noise_exponent=0.75,
                               subsample=0.1, batch_size=10**6)  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    drawn = [next(one_pass(generator)) for _ in range(400)]
    together = PairBatch(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))
    assert sampled.loss(together).item() == pytest.approx(by_sum(model), rel=0.02)


def test_every_step_touches_every_word_once():
    model = make()
    met = np.zeros((V, V))
    for step in passes(model):
        model.zero_grad()
        model.loss(step).backward()
        assert model.words.grad[:V].any(dim=1).all()
        groups = np.arange(V) % model.groups
        met += (groups[None, :] - groups[:, None]) % model.groups == step.shift
    assert (met == 1).all()


def test_with_enough_dimensions_the_inner_products_become_pmi_minus_log_k():
    rng = np.random.default_rng(3)
    counts = rng.integers(2, 30, (8, 8)) + np.diag(rng.integers(20, 90, 8))
    counts = counts + counts.T
    noise = counts.sum(axis=0) / counts.sum()
    config = Word2VecConfig(dimension=8, negatives=2, groups=2, passes=600, learning_rate=0.05)
    torch.manual_seed(0)
    model = ExpectedSkipGram(counts, noise, config)
    fit(model, history=History(), **model.recipe())
    expected = np.log(counts * counts.sum() / np.outer(counts.sum(1), counts.sum(0))) - math.log(2)
    assert model.vectors() @ model.context_vectors().T == pytest.approx(expected, abs=0.02)
    assert shifted_pmi(counts, noise, negatives=2).toarray() == pytest.approx(expected)


def test_shifted_pmi_is_stored_where_pairs_occur():
    counts = sparse.csr_matrix(np.array([[0, 2.0], [2.0, 4.0]]))
    values = shifted_pmi(counts, [0.5, 0.5], negatives=1)
    assert values.nnz == 3
    assert values[0, 1] == pytest.approx(math.log(2 / (2 * 0.5)))
    assert values[1, 1] == pytest.approx(math.log(4 / (6 * 0.5)))


def test_training_lowers_the_loss_and_the_seed_decides_all():
    config = replace(CONFIG, passes=20, learning_rate=0.05)
    runs = []
    for seed in (0, 0, 1):
        model = expected_skipgram(DOCUMENTS, config, vocabulary_size=V, seed=seed)
        history = fit(model, history=History(), **model.recipe(seed=seed))
        assert len(history) == 20 * 3
        assert np.mean(history.losses[-3:]) < np.mean(history.losses[:3]) - 0.1
        runs.append(model.vectors())
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_torch_is_left_as_it_was():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    expected_skipgram(DOCUMENTS, CONFIG, vocabulary_size=V)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expected_skipgram([], CONFIG, vocabulary_size=3), "no known words"),
        (lambda: expected_skipgram([np.array([0])], CONFIG, vocabulary_size=1), "not all 0|longer documents"),
        (
            lambda: expected_skipgram([np.zeros(9, dtype=int)], CONFIG, vocabulary_size=1),
            "nothing to tell apart",
        ),
        (lambda: expected_skipgram([np.array([5])], CONFIG, vocabulary_size=3), "must be -1 to 2"),
        (lambda: ExpectedSkipGram(np.ones((2, 3)), np.ones(2) / 2, CONFIG), "do not fit"),
        (lambda: ExpectedSkipGram(np.ones((2, 2)), np.ones(3) / 3, CONFIG), "do not fit"),
        (lambda: ExpectedSkipGram(np.zeros((2, 2)), np.ones(2) / 2, CONFIG), "nothing to learn"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
