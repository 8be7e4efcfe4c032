"""The encoder block against PyTorch's own with the same weights."""

import pytest
import torch
from torch import nn

from course_utils.layers.blocks import EncoderBlock, FeedForward

B, T, C, H, INNER = 2, 5, 12, 3, 20


def twin_of(block):
    """PyTorch's post-norm layer with the weights of ours."""
    twin = nn.TransformerEncoderLayer(
        C, H, dim_feedforward=INNER, dropout=0.0, activation="gelu", batch_first=True, layer_norm_eps=1e-5
    )
    heads = block.attention
    with torch.no_grad():
        for name in ("weight", "bias"):
            parts = [getattr(p, name) for p in (heads.query, heads.key, heads.value)]
            getattr(twin.self_attn, f"in_proj_{name}").copy_(torch.cat(parts))
            for ours, theirs in (
                (heads.output, twin.self_attn.out_proj),
                (block.attention_norm, twin.norm1),
                (block.feed_forward.widen, twin.linear1),
                (block.feed_forward.narrow, twin.linear2),
                (block.feed_forward_norm, twin.norm2),
            ):
                getattr(theirs, name).copy_(getattr(ours, name))
    return (
        twin.train()
    )  # its fast path in evaluation mode is another implementation; without dropout it is the same


@pytest.fixture
def block():
    torch.manual_seed(0)
    block = EncoderBlock(C, H, inner=INNER)
    for parameter in block.parameters():
        nn.init.normal_(parameter, mean=0.1, std=0.4)
    return block


@pytest.mark.parametrize("lengths", [[5, 5], [5, 2]])
def test_equal_to_pytorch_with_the_same_weights(block, lengths):
    x = torch.randn(B, T, C)
    mask = torch.arange(T) < torch.tensor(lengths)[:, None]
    ours, _ = block(x, mask=mask[:, None, None, :])
    theirs = twin_of(block)(x, src_key_padding_mask=~mask)
    torch.testing.assert_close(ours[mask], theirs[mask], atol=2e-6, rtol=1e-5)


def test_the_weights_come_on_request_only(block):
    x = torch.randn(B, T, C)
    without, none = block(x)
    same, weights = block(x, return_attention=True)
    assert none is None
    assert weights.shape == (B, H, T, T)
    torch.testing.assert_close(without, same, atol=1e-6, rtol=1e-5)


def test_feed_forward_works_on_each_position_alone():
    torch.manual_seed(0)
    layer, x = FeedForward(C, INNER), torch.randn(B, T, C)
    other = x.clone()
    other[:, 3] += 1
    changed = (layer(x) - layer(other)).abs().amax(dim=(0, 2)) > 0
    assert changed.tolist() == [False, False, False, True, False]
