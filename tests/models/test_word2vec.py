"""Skip-gram and CBOW against loops, the gradient by hand against autograd and small steps."""

import numpy as np
import pytest
import torch

from course_utils.models.word2vec import Cbow, SkipGram, SkipGramSoftmax, Word2VecConfig, two_tables
from course_utils.models.word2vec_pairs import PairBatch, WindowBatch
from course_utils.training import History, fit

V, B, K = 7, 6, 3
CONFIG = Word2VecConfig(dimension=4, negatives=K)


def log_sigmoid(x):
    return -np.log1p(np.exp(-x))


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(1)
    draw = [torch.randint(V, shape, generator=generator) for shape in [(B,), (B,), (B, K)]]
    return PairBatch(*draw)


@pytest.fixture
def windows(pairs):
    around = torch.tensor(
        [[1, 2, -1, -1], [0, -1, 3, 3], [4, 5, 6, 0], [-1, -1, -1, 2], [6, 1, 1, 1], [2, 0, -1, 5]]
    )
    return WindowBatch(around, pairs.centres, pairs.noise)


def make(kind, *, seed=0, size=V, config=CONFIG):
    torch.manual_seed(seed)
    model = kind(size, config).double()
    with torch.no_grad():
        model.words.normal_()  # scores around 0, where true pairs and noise matter alike
        model.contexts.normal_()
    return model


def numbers(model):
    return model.words.detach().numpy(), model.contexts.detach().numpy()


def by_small_steps(model, batch, *, step=1e-6):
    """The slope of the loss along every number of both tables."""
    slopes = []
    for table in (model.words, model.contexts):
        slope = torch.zeros_like(table)
        for place in np.ndindex(tuple(table.shape)):
            with torch.no_grad():
                losses = []
                for sign in (1, -1):
                    table[place] += sign * step
                    losses.append(model.loss(batch).item())
                    table[place] -= sign * step
            slope[place] = (losses[0] - losses[1]) / (2 * step)
        slopes.append(slope)
    return slopes


def gradients(model, batch):
    model.zero_grad()
    model.loss(batch).backward()
    return [model.words.grad, model.contexts.grad]


def test_softmax_loss_and_its_gradient_by_hand(pairs):
    model, centres, contexts = make(SkipGramSoftmax), pairs.centres, pairs.contexts
    w, c = numbers(model)
    probabilities = np.exp(w @ c.T) / np.exp(w @ c.T).sum(axis=1, keepdims=True)  # (V, V)
    assert model.loss((centres, contexts)).item() == pytest.approx(
        -np.log(probabilities[centres, contexts]).mean()
    )
    slope = probabilities[centres] / B  # (B, V): probability minus one where the true context is
    slope[np.arange(B), contexts] -= 1 / B
    for_words = np.zeros_like(w)
    np.add.at(for_words, centres.numpy(), slope @ c)
    by_hand = [for_words, slope.T @ w[centres]]
    for mine, theirs, steps in zip(
        by_hand,
        gradients(model, (centres, contexts)),
        by_small_steps(model, (centres, contexts)),
        strict=True,
    ):
        assert mine == pytest.approx(theirs.numpy(), abs=1e-12)
        assert mine == pytest.approx(steps.detach().numpy(), abs=1e-8)


def test_negative_sampling_loss_and_its_gradient_by_hand(pairs):
    model = make(SkipGram)
    w, c = numbers(model)
    loss, for_words, for_contexts = 0.0, np.zeros_like(w), np.zeros_like(c)
    for i, j, noise in zip(*(part.tolist() for part in pairs), strict=True):
        for other, true in [(j, 1), *((k, 0) for k in noise)]:
            score = w[i] @ c[other]
            loss -= log_sigmoid(score if true else -score) / B
            error = (1 / (1 + np.exp(-score)) - true) / B
            for_words[i] += error * c[other]
            for_contexts[other] += error * w[i]
    assert model.loss(pairs).item() == pytest.approx(loss)
    for mine, theirs, steps in zip(
        [for_words, for_contexts], gradients(model, pairs), by_small_steps(model, pairs), strict=True
    ):
        assert mine == pytest.approx(theirs.numpy(), abs=1e-12)
        assert mine == pytest.approx(steps.detach().numpy(), abs=1e-8)


def test_cbow_loss_by_loop(windows):
    model = make(Cbow)
    w, c = numbers(model)
    loss = 0.0
    for around, centre, noise in zip(*(part.tolist() for part in windows), strict=True):
        mean = np.mean([w[i] for i in around if i >= 0], axis=0)
        loss -= log_sigmoid(mean @ c[centre]) + sum(log_sigmoid(-mean @ c[k]) for k in noise)
    assert model.loss(windows).item() == pytest.approx(loss / B)


def test_an_empty_place_in_a_window_changes_nothing(windows):
    model = make(Cbow)
    wider = WindowBatch(
        torch.nn.functional.pad(windows.contexts, (0, 3), value=-1), windows.centres, windows.noise
    )
    for one, other in zip(gradients(model, windows), gradients(model, wider), strict=True):
        torch.testing.assert_close(one, other)


def test_words_that_are_not_in_the_batch_are_left_alone(pairs):
    model = make(SkipGram, size=V + 2)
    for table in gradients(model, pairs):
        assert not table[V:].any()
    assert model.words.grad[pairs.centres].any()


def test_it_overfits_one_batch():
    model = make(SkipGram, config=Word2VecConfig(dimension=8, negatives=2))
    batch = PairBatch(
        torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5]), torch.tensor([[4, 5], [3, 5], [3, 4]])
    )
    fit(model, [batch], steps=200, learning_rate=0.1, history=History())
    assert model.loss(batch).item() < 0.05


@pytest.mark.parametrize("kind", [SkipGram, Cbow])
def test_the_start_is_the_score_of_chance(kind):
    torch.manual_seed(0)
    model = kind(400, Word2VecConfig(dimension=50, negatives=K))
    scores = (model.words @ model.contexts.T).detach()
    assert scores.mean().item() == pytest.approx(-np.log(K), abs=0.05)
    assert scores.std().item() < 0.2


def test_the_shift_of_the_start_cancels_in_the_sum():
    torch.manual_seed(0)
    words, contexts = two_tables(300, dimension=10, score=-2.0)
    assert (words + contexts).mean(dim=0).abs().max().item() < 0.05
    assert words[:, 0].mean().item() == pytest.approx(np.sqrt(2), abs=0.05)


def test_vectors_are_a_copy():
    model = make(SkipGram)
    vectors = model.vectors()
    vectors[:] = 0
    assert model.words.any()
    assert model.vectors().shape == model.context_vectors().shape == (V, 4)


ZERO = torch.zeros(1, 1, dtype=torch.int64)
EMPTY = WindowBatch(ZERO - 1, ZERO[0], ZERO)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Word2VecConfig(dimension=0), "dimension must be 1 or more"),
        (lambda: Word2VecConfig(negatives=0), "negatives must be 1 or more"),
        (lambda: Word2VecConfig(subsample=0), "above 0"),
        (lambda: Word2VecConfig(learning_rate=0), "above 0"),
        (lambda: SkipGram(1, CONFIG), "nothing to tell apart"),
        (lambda: make(Cbow).loss(EMPTY),
         "without any word"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
