"""The product equals `F.linear` on both ways, forward and back, and the way is chosen by a measurement."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.layers import products
from course_utils.layers.products import Linear, product


@pytest.fixture
def convolved(monkeypatch):
    """Every product that may be a convolution is one; the shapes of those that were."""
    seen = []

    def convolve(x, weight, bias, *, images):
        seen.append((images, *x.shape))
        return through(x, weight, bias, images=images)

    through = products._convolve
    monkeypatch.setattr(products, "_convolve", convolve)
    monkeypatch.setattr(products, "convolution_is_faster", lambda threads: True)
    monkeypatch.setattr(products, "WORTH_IT", 0)
    return seen


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


@pytest.mark.parametrize(
    ("shape", "images"),
    [((16, 5, 6), 16), ((19, 3, 6), 19), ((32, 6), 16), ((4, 8, 6), 16), ((2, 2, 4, 6), 16)],
)
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_gives_what_linear_gives(convolved, shape, images, bias):
    given = [random(*shape), random(7, 6), random(7) if bias else None]
    found, wanted = [], []
    for out, way in ((found, lambda x, w, b: product(x, w, bias=b)), (wanted, F.linear)):
        parts = [part.clone().requires_grad_() for part in given if part is not None]
        y = way(*parts, *[None] * (3 - len(parts)))
        (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
        out += [y.detach(), *(part.grad for part in parts)]
    assert convolved == [(images, *shape)]
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


def test_matrices_that_lie_crosswise_in_memory(convolved):
    x, weight = random(6, 32).T, random(6, 7).T
    torch.testing.assert_close(product(x, weight), F.linear(x, weight), atol=1e-5, rtol=1e-5)
    assert len(convolved) == 1


def test_rows_do_not_see_each_other(convolved):
    x, weight = random(16, 4, 6), random(7, 6)
    before = product(x, weight)
    x[:, 2:] += 1
    after = product(x, weight)
    assert torch.equal(after[:, :2], before[:, :2])
    assert not torch.equal(after[:, 2:], before[:, 2:])


@pytest.mark.parametrize(
    "x",
    [random(5, 3, 6), random(17, 6), torch.zeros(0, 6), random(32, 6).double()],
    ids=["no 16 images", "rows", "nothing", "64 bits"],
)
def test_what_cannot_be_convolved_goes_through_linear(convolved, x):
    weight = random(7, 6).to(x.dtype)
    assert torch.equal(product(x, weight), F.linear(x, weight))
    assert not convolved


def test_small_products_and_autocast_go_through_linear(convolved, monkeypatch):
    x, weight = random(32, 6), random(7, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert product(x, weight).dtype == torch.bfloat16
    monkeypatch.setattr(products, "WORTH_IT", 32 * 42 + 1)
    product(x, weight)
    assert not convolved
    monkeypatch.setattr(products, "WORTH_IT", 32 * 42)
    product(x, weight)
    assert convolved == [(16, 32, 6)]


@pytest.mark.parametrize("faster", [True, False])
def test_the_measurement_decides(convolved, monkeypatch, faster):
    monkeypatch.setattr(products, "convolution_is_faster", lambda threads: faster)
    product(random(32, 6), random(7, 6))
    assert len(convolved) == faster


@pytest.mark.parametrize(
    ("seconds", "faster"), [((1.0, 0.5), True), ((1.0, 0.9), False), ((0.5, 1.0), False)]
)
def test_a_convolution_has_to_win_clearly(monkeypatch, seconds, faster):
    clock = iter([time for _ in range(6) for spent in seconds for time in (0.0, spent)])
    monkeypatch.setattr(products.time, "perf_counter", lambda: next(clock))
    assert products.convolution_is_faster.__wrapped__(1) is faster


def test_linear_is_torchs_with_another_product(convolved):
    torch.manual_seed(0)
    mine = Linear(6, 7)
    torch.manual_seed(0)
    theirs = nn.Linear(6, 7)
    assert list(mine.state_dict()) == ["weight", "bias"]
    assert torch.equal(mine.weight, theirs.weight)
    torch.testing.assert_close(mine(random(32, 6)), theirs(random(32, 6)))
    assert len(convolved) == 1
