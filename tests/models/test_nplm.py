"""Bengio's network against one written out with numpy, and what training must and must not do."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.models.nplm import NPLM, Film, NPLMConfig, SoftmaxLoss
from course_utils.training import History, fit

V, CONTEXT = 7, 3


@pytest.fixture(autouse=True)
def _silent(monkeypatch):
    monkeypatch.setenv("CI", "1")


def make_model(*, seed=0, **changes):
    torch.manual_seed(seed)
    sizes = {"vocabulary_size": V, "context": CONTEXT, "dimension": 4, "width": 6, "dropout": 0.0}
    return NPLM(NPLMConfig(**(sizes | changes)))


def make_batch(*, size=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    contexts = torch.randint(V + 1, (size, CONTEXT), generator=generator)
    return contexts, torch.randint(V, (size,), generator=generator)


def scores_by_hand(model, context):
    """Equation by equation, one context, in numpy."""
    C = model.embedding.weight.detach().numpy()
    H, d = model.to_hidden.weight.detach().numpy(), model.to_hidden.bias.detach().numpy()
    x = np.concatenate([C[word] for word in context])
    U = model.from_hidden.weight.detach().numpy()
    if model.config.tied:
        U = C[:V] @ U
    y = model.bias.detach().numpy() + U @ np.tanh(d + H @ x)
    return y if model.direct is None else y + model.direct.weight.detach().numpy() @ x


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("direct", [True, False])
def test_scores_equal_the_papers_formula(tied, direct):
    model = make_model(tied=tied, direct=direct)
    torch.nn.init.normal_(model.bias)
    contexts, targets = make_batch()
    expected = np.stack([scores_by_hand(model, context) for context in contexts.tolist()])
    np.testing.assert_allclose(model(contexts).detach().numpy(), expected, atol=1e-5)
    log_softmax = expected - np.log(np.exp(expected).sum(axis=1, keepdims=True))
    picked = log_softmax[np.arange(len(targets)), targets]
    assert model.loss((contexts, targets)).item() == pytest.approx(-picked.mean(), abs=1e-5)
    np.testing.assert_allclose(model.log_probabilities(contexts, targets, chunk=3), picked, atol=1e-5)


def test_loss_and_gradient_of_the_softmax_equal_torchs():
    generator = torch.Generator().manual_seed(0)
    factors = [torch.randn(*shape, generator=generator) for shape in ((6, 4), (V, 4), (V,))]
    targets = torch.randint(V, (6,), generator=generator)
    losses, gradients = [], []
    for fast in (True, False):
        features, rows, bias = (factor.clone().requires_grad_() for factor in factors)
        if fast:
            loss = SoftmaxLoss.apply(features, rows, bias, targets)
        else:
            loss = F.cross_entropy(features @ rows.T + bias, targets)
        (3 * loss).backward()
        losses.append(loss)
        gradients.append([features.grad, rows.grad, bias.grad])
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*gradients)


def test_the_softmax_of_scores_far_apart_stays_finite():
    features, rows = torch.tensor([[1.0]], requires_grad=True), torch.tensor([[500.0], [-500.0]])
    loss = SoftmaxLoss.apply(features, rows, torch.zeros(2), torch.tensor([1]))
    loss.backward(retain_graph=True)
    assert 80 < loss.item() < 100
    assert features.grad.item() == pytest.approx(1000)
    with pytest.raises(RuntimeError, match="compute the loss again"):
        loss.backward()


def test_an_untrained_model_chooses_about_evenly():
    assert make_model().loss(make_batch(size=500)).item() == pytest.approx(math.log(V), abs=0.3)


def test_the_order_of_the_context_matters_and_that_of_the_batch_does_not():
    model, (contexts, targets) = make_model(), make_batch()
    assert not torch.allclose(model(contexts), model(contexts.flip(1)))
    together = model.log_probabilities(contexts, targets)
    assert torch.allclose(together.flip(0), model.log_probabilities(contexts.flip(0), targets.flip(0)))


def test_it_overfits_one_batch():
    model = make_model(width=32, dimension=16)
    contexts = torch.arange(6).view(6, 1).repeat(1, CONTEXT)
    targets = torch.tensor([3, 1, 4, 1, 5, 2])
    history = fit(model, [(contexts, targets)], steps=150, learning_rate=0.03, history=History())
    assert history.losses[-1] < 0.05
    assert model(contexts).argmax(dim=1).equal(targets)


def test_dropout_is_for_training_only():
    model, batch = make_model(dropout=0.5), make_batch()
    first, second = model.loss(batch), model.loss(batch)
    assert first != second
    scores = [model.log_probabilities(*batch) for _ in range(2)]
    assert torch.equal(*scores)
    assert model.training  # as it was before


def test_tied_vectors_learn_from_being_predicted():
    contexts, targets = torch.zeros(4, CONTEXT, dtype=torch.long), torch.full((4,), 5)
    for tied in (True, False):
        model = make_model(tied=tied)
        model.loss((contexts, targets)).backward()
        moved = model.embedding.weight.grad.abs().sum(dim=1) > 0
        assert moved[0]
        assert bool(moved[5]) is tied
        assert not moved[V]  # the start was neither seen nor predicted


def test_the_same_seed_gives_the_same_losses():
    losses = [
        fit(make_model(seed=s, dropout=0.3), [make_batch()], steps=5, learning_rate=0.01, history=History())
        for s in (3, 3, 4)
    ]
    assert losses[0].losses == losses[1].losses
    assert losses[0].losses != losses[2].losses


def test_a_film_changes_nothing_and_keeps_what_it_saw():
    plain, filmed = make_model(dropout=0.2), Film(make_model(dropout=0.2), rows=[2, 0], steps=[0, 1, 4])
    start = plain.vectors()
    seen = {}
    for model in (plain, filmed):
        torch.manual_seed(9)
        history = History()
        for _ in range(3):  # in slices
            fit(model, [make_batch()], steps=2, learning_rate=0.05, history=history)
            if model is plain:
                seen[history.last] = plain.vectors()
    assert torch.equal(filmed.model.embedding.weight, plain.embedding.weight)
    frames = filmed.take()
    assert frames.shape == (4, 2, 4)
    assert torch.equal(frames[0], start[[2, 0]])
    assert torch.equal(frames[2], seen[4][[2, 0]])
    assert torch.equal(frames[3], seen[6][[2, 0]])
    assert not torch.equal(frames[1], frames[0])


def test_a_film_is_saved_with_its_frames(tmp_path):
    from course_utils.checkpoints import load_model, save_model

    film = Film(make_model(), rows=[1], steps=[0, 2])
    history = fit(film, [make_batch()], steps=4, learning_rate=0.05, history=History())
    path = save_model(tmp_path / "film.safetensors", film, config=film.model.config, history=history)
    again = Film(make_model(seed=5), rows=[1], steps=[0, 2])
    load_model(path, again)
    assert torch.equal(again.take(), film.take())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NPLMConfig(vocabulary_size=1), "vocabulary_size is 1"),
        (lambda: NPLMConfig(vocabulary_size=5, context=0), "context is 0"),
        (lambda: NPLMConfig(vocabulary_size=5, dropout=1.0), "dropout is 1.0"),
        (lambda: make_model()(torch.zeros(2, CONTEXT + 1, dtype=torch.long)), r"shape \(B, 3\)"),
        (lambda: Film(make_model(), rows=[0], steps=[3, 1]), "that rise"),
        (lambda: Film(make_model(), rows=[0], steps=[]), "that rise"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
