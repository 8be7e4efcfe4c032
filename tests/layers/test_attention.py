"""Attention against numbers worked out by hand and against PyTorch's own layer with the same weights."""

import math

import pytest
import torch
from torch import nn

from course_utils.layers.attention import MultiHeadAttention, scaled_dot_product_attention
from course_utils.layers.masks import causal_mask, padding_mask

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
