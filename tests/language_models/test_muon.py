"""Muon against the polynomial applied to singular values, torch's Muon and torch's AdamW."""

import pytest
import torch
from torch import nn

from course_utils.language_models.muon import COEFFICIENTS, Muon, orthogonalize
from course_utils.training import History, fit


def small_model():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Embedding(10, 24), nn.Linear(24, 48), nn.GELU(), nn.Linear(48, 24), nn.LayerNorm(24)
    )


def matrices_of(name, parameter):
    return name in ("1.weight", "3.weight")


def learn(model, optimizers, *, first=0, last=4):
    for step in range(first, last):
        generator = torch.Generator().manual_seed(step)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = 0.01 / (step + 1)
        for parameter in model.parameters():  # of full rank, as bfloat16 makes up the directions that lack
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        for optimizer in optimizers:
            optimizer.step()


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 6)])
def test_singular_values_go_through_the_polynomial_and_directions_stay(shape):
    torch.manual_seed(0)
    matrices = torch.randn(3, *shape, dtype=torch.float64)
    u, s, v = torch.linalg.svd(matrices, full_matrices=False)
    s = s / s.norm(dim=-1, keepdim=True)
    a, b, c = COEFFICIENTS
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    torch.testing.assert_close(orthogonalize(matrices, dtype=torch.float64), u @ torch.diag_embed(s) @ v)


def test_all_directions_get_about_the_same_length():
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(40, 64)))
    assert values.min() > 0.65
    assert values.max() < 1.25


def test_steps_are_those_of_torch():
    mine, theirs = small_model(), small_model()
    start = {name: p.detach().clone() for name, p in theirs.named_parameters()}
    chosen = [p for name, p in theirs.named_parameters() if matrices_of(name, p)]
    learn(mine, [Muon(mine, matrices_of, dtype=torch.bfloat16)])
    flat = [p for p in theirs.parameters() if p.ndim < 2]
    adamw = [
        {"params": [theirs[0].weight], "weight_decay": 0.1},
        {"params": flat, "weight_decay": 0.0},
    ]
    learn(
        theirs,
        [
            torch.optim.Muon(chosen, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(adamw, betas=(0.9, 0.95)),
        ],
    )
    for (name, own), other in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        moved, wanted = ((p.detach() - start[name]).flatten() for p in (own, other))
        if matrices_of(name, own):  # torch rounds to bfloat16 at other places
            assert torch.cosine_similarity(moved, wanted, dim=0) > 0.995
            assert float(moved.norm() / wanted.norm()) == pytest.approx(1, abs=0.02)
        else:
            torch.testing.assert_close(moved, wanted, rtol=0.02, atol=1e-4)


def test_weights_decay_and_biases_do_not():
    model = small_model()
    with torch.no_grad():
        model[1].bias.fill_(1.0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = Muon(model, matrices_of, learning_rate=0.1, weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        kept = 0.95 if parameter.ndim > 1 else 1.0
        torch.testing.assert_close(parameter.detach(), kept * before[name])


def test_a_state_that_was_saved_goes_on_the_same_way():
    whole, halves = small_model(), small_model()
    learn(whole, [Muon(whole, matrices_of)])
    first = Muon(halves, matrices_of)
    learn(halves, [first], last=2)
    second = Muon(halves, matrices_of)
    second.load_state_dict(first.state_dict())
    learn(halves, [second], first=2)
    for one, other in zip(whole.parameters(), halves.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_fit_sets_its_rates():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = small_model()

        def loss(self, batch):
            return self.net(batch).pow(2).mean()

    model, history = Model(), History()
    optimizer = Muon(model, lambda name, p: name in ("net.1.weight", "net.3.weight"))
    fit(
        model, [torch.arange(7)], steps=20, learning_rate=0.01, history=history, optimizer=optimizer, warmup=5
    )
    assert {group["lr"] for group in optimizer.param_groups} == {0.01}
    assert history.losses[-1] < history.losses[0]


@pytest.mark.parametrize(
    "chosen",
    [
        lambda name, parameter: False,
        lambda name, parameter: True,
        lambda name, parameter: name == "1.bias",
    ],
)
def test_some_matrices_are_needed_and_some_others(chosen):
    with pytest.raises(ValueError, match="some parameters of two dimensions"):
        Muon(small_model(), chosen)


def test_no_closure():
    with pytest.raises(ValueError, match="compute the gradient first"):
        Muon(small_model(), matrices_of).step(lambda: 0.0)
