"""Attention against numbers worked out by hand and against PyTorch's own layer with the same weights."""

import math

import pytest
import torch
from torch import nn

from course_utils.layers.attention import MultiHeadAttention, scaled_dot_product_attention
from course_utils.layers.key_value_cache import KeyValueCache
from course_utils.layers.masks import causal_mask, padding_mask
from course_utils.layers.positions import POSITIONS

B, T, S, C, H = 3, 4, 5, 12, 3


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def twin_of(layer):
    """PyTorch's layer with the weights of ours."""
    twin = nn.MultiheadAttention(C, H, batch_first=True)
    projections = (layer.query, layer.key, layer.value)
    with torch.no_grad():
        twin.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
        twin.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
        twin.out_proj.weight.copy_(layer.output.weight)
        twin.out_proj.bias.copy_(layer.output.bias)
    return twin


@pytest.fixture
def layer():
    torch.manual_seed(0)
    layer = MultiHeadAttention(C, H)
    for p in (layer.query, layer.key, layer.value, layer.output):
        nn.init.normal_(p.bias)
    return layer


@pytest.fixture
def mask():
    mask = torch.rand(B, T, S, generator=torch.Generator().manual_seed(3)) > 0.4
    mask[..., 0] = True
    return mask


def test_one_query_two_keys_by_hand():
    query, keys = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    context, weights = scaled_dot_product_attention(query, keys, torch.tensor([[10.0], [20.0]]))
    first = math.exp(2 / math.sqrt(2)) / (math.exp(2 / math.sqrt(2)) + 1)
    torch.testing.assert_close(weights, torch.tensor([[first, 1 - first]]))
    torch.testing.assert_close(context, torch.tensor([[10 * first + 20 * (1 - first)]]))


@pytest.mark.parametrize("masked", [False, True])
def test_equal_to_pytorch_with_the_same_weights(layer, mask, masked):
    x, memory = random(B, T, C), random(B, S, C, seed=1)
    theirs, their_weights = twin_of(layer)(
        x,
        memory,
        memory,
        attn_mask=~mask.repeat_interleave(H, dim=0) if masked else None,
        average_attn_weights=False,
    )
    ours, weights = layer(x, memory, mask=mask[:, None] if masked else None, return_attention=True)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(weights, their_weights, atol=1e-6, rtol=1e-5)


def causal_and_padded():
    """Self-attention in a batch of texts of 4, 2 and 3 tokens that may not look ahead."""
    return causal_mask(T) & padding_mask(torch.tensor([4, 2, 3]), width=T)[:, None]


@pytest.mark.parametrize("return_attention", [False, True])
@pytest.mark.parametrize("masked", [None, "padding", "causal and padding"])
def test_gradients_equal_pytorchs(layer, masked, return_attention):
    padded = padding_mask(torch.tensor([4, 2, 3]), width=T)[:, None].expand(B, T, T)
    mask = {None: torch.ones(B, T, T, dtype=torch.bool), "padding": padded}.get(masked, causal_and_padded())
    twin, ours_in, theirs_in = twin_of(layer), random(B, T, C), random(B, T, C)
    ours_in.requires_grad_(), theirs_in.requires_grad_()
    goal = random(B, T, C, seed=5)
    ours, _ = layer(ours_in, ours_in, mask=mask[:, None], return_attention=return_attention)
    theirs, _ = twin(theirs_in, theirs_in, theirs_in, attn_mask=~mask.repeat_interleave(H, dim=0))
    for out in (ours, theirs):
        (out * goal).sum().backward()
    close = {"atol": 1e-5, "rtol": 1e-5}
    torch.testing.assert_close(ours, theirs, **close)
    torch.testing.assert_close(ours_in.grad, theirs_in.grad, **close)
    parts = (layer.query, layer.key, layer.value)
    torch.testing.assert_close(torch.cat([p.weight.grad for p in parts]), twin.in_proj_weight.grad, **close)
    torch.testing.assert_close(torch.cat([p.bias.grad for p in parts]), twin.in_proj_bias.grad, **close)
    torch.testing.assert_close(layer.output.weight.grad, twin.out_proj.weight.grad, **close)
    torch.testing.assert_close(layer.output.bias.grad, twin.out_proj.bias.grad, **close)


def test_with_and_without_weights_are_the_same(layer, mask):
    x, memory = random(B, T, C), random(B, S, C, seed=1)
    fused, none = layer(x, memory, mask=mask[:, None])
    spelled, weights = layer(x, memory, mask=mask[:, None], return_attention=True)
    torch.testing.assert_close(fused, spelled, atol=1e-6, rtol=1e-5)
    assert none is None
    assert weights.shape == (B, H, T, S)


def test_masked_positions_get_nothing_and_rows_sum_to_one(layer, mask):
    _, weights = layer(random(B, T, C), random(B, S, C, seed=1), mask=mask[:, None], return_attention=True)
    assert (weights[~mask[:, None].expand_as(weights)] == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T))


@pytest.mark.parametrize("return_attention", [False, True])
def test_a_masked_value_changes_nothing(layer, mask, return_attention):
    x, memory = random(B, T, C), random(B, S, C, seed=1)
    mask[..., 2] = False
    other = memory.clone()
    other[:, 2] = 100.0
    one, _ = layer(x, memory, mask=mask[:, None], return_attention=return_attention)
    two, _ = layer(x, other, mask=mask[:, None], return_attention=return_attention)
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("return_attention", [False, True])
def test_a_query_that_may_look_nowhere_is_refused(layer, mask, return_attention):
    mask[1, 2] = False
    with pytest.raises(ValueError, match=f"1 of {B * T} rows of the mask allow no position"):
        layer(
            random(B, T, C),
            random(B, S, C, seed=1),
            mask=mask[:, None],
            return_attention=return_attention,
        )


@pytest.mark.parametrize("heads", [0, 5])
def test_heads_must_divide_the_width(heads):
    with pytest.raises(ValueError, match=f"width 12 cannot be shared equally by {heads} heads"):
        MultiHeadAttention(C, heads)


# -- causal, with positions, with a cache ------------------------------------------------------------


@pytest.fixture
def rotary():
    return POSITIONS["rotary"](C, heads=H, longest=20)


@pytest.mark.parametrize("return_attention", [False, True])
def test_causal_is_the_causal_mask(layer, return_attention):
    x = random(B, T, C)
    ours, weights = layer(x, x, causal=True, return_attention=return_attention)
    masked, same = layer(x, x, mask=causal_mask(T), return_attention=True)
    torch.testing.assert_close(ours, masked, atol=1e-6, rtol=1e-5)
    if return_attention:
        assert torch.equal(weights, same)


@pytest.mark.parametrize("return_attention", [False, True])
def test_a_changed_future_leaves_earlier_rows_bit_for_bit(layer, rotary, return_attention):
    x = random(B, T, C)
    other = x.clone()
    other[:, 2:] = 7.0
    options = {"causal": True, "positions": rotary, "return_attention": return_attention}
    one, two = layer(x, x, **options)[0], layer(other, other, **options)[0]
    assert torch.equal(one[:, :2], two[:, :2])
    assert not torch.allclose(one[:, 2:], two[:, 2:])


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("rotated", [False, True])
def test_the_fused_kernel_is_the_formula_with_gradients(layer, rotary, masked, rotated):
    keep = padding_mask(torch.tensor([4, 2, 3]), width=T)[:, None, None] if masked else None
    found = []
    for return_attention in (False, True):
        x = random(B, T, C).requires_grad_()
        layer.zero_grad()
        y, _ = layer(
            x,
            x,
            mask=keep,
            causal=True,
            positions=rotary if rotated else None,
            return_attention=return_attention,
        )
        (y * random(B, T, C, seed=5)).sum().backward()
        found.append([y.detach(), x.grad, *(p.grad.clone() for p in layer.parameters())])
    for fused, spelled in zip(*found, strict=True):
        torch.testing.assert_close(fused, spelled, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("return_attention", [False, True])
def test_padding_on_the_left_changes_nothing(layer, rotary, return_attention):
    x, free = random(B, T, C), {"causal": True, "positions": rotary, "return_attention": return_attention}
    padded = torch.cat([torch.full((B, 3, C), 50.0), x], dim=1)
    keep = torch.arange(T + 3) >= 3
    seen, _ = layer(padded, padded, mask=keep[None, None, None].expand(B, 1, 1, -1), start=-3, **free)
    torch.testing.assert_close(seen[:, 3:], layer(x, x, **free)[0], atol=1e-6, rtol=1e-5)
    assert torch.isfinite(seen).all()


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("return_attention", [False, True])
@pytest.mark.parametrize("widths", [(1, 1, 1, 1), (2, 1, 1), (1, 3), (4,)])
@torch.no_grad()
def test_with_a_cache_piece_by_piece_is_all_at_once(layer, rotary, rotated, return_attention, widths):
    x = random(B, T, C)
    options = {
        "causal": True,
        "positions": rotary if rotated else None,
        "return_attention": return_attention,
    }
    whole, weights = layer(x, x, **options)
    cache, pieces = KeyValueCache.empty(B, heads=H, width=C // H, room=2), []
    for piece in x.split(widths, dim=1):
        y, seen = layer(piece, piece, cache=cache, **options)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-6, rtol=1e-5)
    if return_attention:
        torch.testing.assert_close(seen, weights[:, :, -widths[-1] :], atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_rows_of_a_cache_may_start_at_places_of_their_own(layer, rotary):
    x, starts = random(B, T, C), torch.tensor([0, 4, 9])
    cache = KeyValueCache.empty(B, heads=H, width=C // H, room=T)
    for t in range(T):
        piece = x[:, t : t + 1]
        y, _ = layer(piece, piece, causal=True, positions=rotary, start=starts + t, cache=cache)
    whole, _ = layer(x, x, causal=True, positions=rotary)  # a rotary score knows distances alone
    torch.testing.assert_close(y, whole[:, -1:], atol=1e-5, rtol=1e-5)


def test_rotary_enters_the_scores(layer, rotary):
    x, order = random(B, T, C), torch.tensor([2, 0, 3, 1])
    plain, _ = layer(x, x)
    torch.testing.assert_close(layer(x[:, order], x[:, order])[0], plain[:, order], atol=1e-6, rtol=1e-5)
    turned, _ = layer(x, x, positions=rotary)
    assert not torch.allclose(layer(x[:, order], x[:, order], positions=rotary)[0], turned[:, order])
    with_weights, weights = layer(x, x, positions=rotary, return_attention=True)
    q, k = (rotary.rotate(p(x).unflatten(-1, (H, -1)).transpose(1, 2)) for p in (layer.query, layer.key))
    torch.testing.assert_close(weights, (q @ k.mT / math.sqrt(C / H)).softmax(-1), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(with_weights, turned, atol=1e-6, rtol=1e-5)


def test_a_memory_may_be_projected_once(layer, mask):
    x, memory = random(B, T, C), random(B, S, C, seed=1)
    ready = layer.remember(memory)
    assert ready[0].shape == (B, H, S, C // H)
    assert torch.equal(layer(x, ready, mask=mask[:, None])[0], layer(x, memory, mask=mask[:, None])[0])


def test_weights_of_ones_own(layer, mask):
    x, memory = random(B, T, C), random(B, S, C, seed=1)
    y, weights = layer(x, memory, mask=mask[:, None], return_attention=True)
    again, used = layer(x, memory, weights=weights, return_attention=True)
    torch.testing.assert_close(again, y)
    assert torch.equal(used, weights)
    shared = weights.mean(dim=1, keepdim=True)
    by_hand = layer.output((shared @ layer.remember(memory)[1]).transpose(1, 2).flatten(2))
    mixed, none = layer(x, memory, weights=shared)
    torch.testing.assert_close(mixed, by_hand)
    assert none is None
    assert not torch.allclose(by_hand, y)


def test_a_cache_says_what_it_cannot_do(layer):
    x = random(B, T, C)
    cache = KeyValueCache.empty(B, heads=H, width=C // H, room=3, longest=3)
    with pytest.raises(ValueError, match="no gradient flows through a cache"):
        layer(x, x, causal=True, cache=cache)
    with torch.no_grad(), pytest.raises(ValueError, match="holds 0 of 3 tokens and cannot take 4 more"):
        layer(x, x, causal=True, cache=cache)


def test_training_in_bf16_differs_by_rounding_only():
    """The fused kernel then works in float32, and what leaves the layer has bf16's three digits."""
    torch.manual_seed(0)
    layer, x = MultiHeadAttention(16, 4), torch.randn(2, 5, 16)
    exact, _ = layer(x, x, causal=True)
    exact.square().sum().backward()
    expected = layer.query.weight.grad.clone()
    layer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded, _ = layer(x, x, causal=True)
        assert rounded.dtype == torch.bfloat16
        torch.testing.assert_close(rounded.float(), exact.detach(), atol=0.02, rtol=0.02)
    rounded.float().square().sum().backward()
    torch.testing.assert_close(layer.query.weight.grad, expected, atol=0.02, rtol=0.1)
