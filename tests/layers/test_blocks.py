"""The blocks against PyTorch's with the same weights: values and gradients, pre- and post-norm, masks."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.layers.blocks import ACTIVATIONS, DecoderBlock, EncoderBlock, FeedForward
from course_utils.layers.key_value_cache import KeyValueCache
from course_utils.layers.masks import padding_mask
from course_utils.layers.positions import POSITIONS

B, T, S, C, H, INNER = 2, 5, 4, 12, 3, 20
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
VARIANTS = [(norm_first, bend) for norm_first in (False, True) for bend in ("gelu", "relu")]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def same_parameters(block, twin):
    """Pairs of parts: ours, PyTorch's."""
    norms = [block.attention_norm, getattr(block, "cross_attention_norm", None), block.feed_forward_norm]
    norms = [norm for norm in norms if norm is not None]
    return [
        (block.attention.output, twin.self_attn.out_proj),
        (block.feed_forward.widen, twin.linear1),
        (block.feed_forward.narrow, twin.linear2),
        *((norm, getattr(twin, f"norm{i}")) for i, norm in enumerate(norms, start=1)),
        *([(block.cross_attention.output, twin.multihead_attn.out_proj)] if len(norms) == 3 else []),
    ]


def projections(block, twin):
    """Pairs of attentions: ours with three matrices, PyTorch's with one."""
    pairs = [(block.attention, twin.self_attn)]
    return pairs + ([(block.cross_attention, twin.multihead_attn)] if hasattr(twin, "multihead_attn") else [])


def twin_of(block, kind=nn.TransformerEncoderLayer, *, norm_first=False, activation="gelu"):
    """PyTorch's layer with the weights of ours."""
    twin = kind(
        C,
        H,
        dim_feedforward=INNER,
        dropout=0.0,
        activation=activation,
        batch_first=True,
        norm_first=norm_first,
    )
    with torch.no_grad():
        for name in ("weight", "bias"):
            for ours, theirs in projections(block, twin):
                parts = [getattr(p, name) for p in (ours.query, ours.key, ours.value)]
                getattr(theirs, f"in_proj_{name}").copy_(torch.cat(parts))
            for ours, theirs in same_parameters(block, twin):
                getattr(theirs, name).copy_(getattr(ours, name))
    return (
        twin.train()
    )  # in evaluation mode its fast path is another implementation; without dropout the same


def assert_same_gradients(block, twin):
    for name in ("weight", "bias"):
        for ours, theirs in projections(block, twin):
            parts = [getattr(p, name).grad for p in (ours.query, ours.key, ours.value)]
            torch.testing.assert_close(torch.cat(parts), getattr(theirs, f"in_proj_{name}").grad, **CLOSE)
        for ours, theirs in same_parameters(block, twin):
            torch.testing.assert_close(getattr(ours, name).grad, getattr(theirs, name).grad, **CLOSE)


def built(kind, **options):
    torch.manual_seed(0)
    block = kind(C, H, inner=INNER, **options)
    for parameter in block.parameters():
        nn.init.normal_(parameter, mean=0.1, std=0.3)
    return block


@pytest.fixture
def block():
    return built(EncoderBlock)


@pytest.mark.parametrize("return_attention", [False, True])
@pytest.mark.parametrize("lengths", [[5, 5], [5, 2]])
@pytest.mark.parametrize(("norm_first", "activation"), VARIANTS)
def test_the_encoder_block_is_pytorchs(norm_first, activation, lengths, return_attention):
    block = built(EncoderBlock, norm_first=norm_first, activation=activation)
    twin = twin_of(block, norm_first=norm_first, activation=activation)
    mask = padding_mask(torch.tensor(lengths), width=T)
    mine, theirs = random(B, T, C).requires_grad_(), random(B, T, C).requires_grad_()
    ours, _ = block(mine, mask=mask[:, None, None, :], return_attention=return_attention)
    other = twin(theirs, src_key_padding_mask=~mask)
    torch.testing.assert_close(ours[mask], other[mask], **CLOSE)
    goal = random(B, T, C, seed=3) * mask[..., None]
    for out in (ours, other):
        (out * goal).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad, **CLOSE)
    assert_same_gradients(block, twin)


@pytest.mark.parametrize("return_attention", [False, True])
@pytest.mark.parametrize("lengths", [[4, 4], [4, 1]])
@pytest.mark.parametrize(("norm_first", "activation"), VARIANTS)
def test_the_decoder_block_is_pytorchs(norm_first, activation, lengths, return_attention):
    block = built(DecoderBlock, norm_first=norm_first, activation=activation)
    twin = twin_of(block, nn.TransformerDecoderLayer, norm_first=norm_first, activation=activation)
    mask = padding_mask(torch.tensor(lengths), width=S)
    inputs = [(random(B, T, C).requires_grad_(), random(B, S, C, seed=1).requires_grad_()) for _ in range(2)]
    ours, looks = block(
        inputs[0][0],
        memory=inputs[0][1],
        memory_mask=mask[:, None, None],
        return_attention=return_attention,
    )
    theirs = twin(
        *inputs[1],
        tgt_mask=torch.ones(T, T, dtype=torch.bool).triu(1),
        memory_key_padding_mask=~mask,
    )
    torch.testing.assert_close(ours, theirs, **CLOSE)
    assert (looks is not None) == return_attention
    for out in (ours, theirs):
        (out * random(B, T, C, seed=3)).sum().backward()
    for mine, other in zip(*inputs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, **CLOSE)
    assert_same_gradients(block, twin)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("norm_first", "activation"), VARIANTS)
def test_without_cross_attention_it_is_pytorchs_encoder_layer_with_a_causal_mask(
    norm_first, activation, padded
):
    block = built(DecoderBlock, cross=False, norm_first=norm_first, activation=activation)
    twin = twin_of(block, norm_first=norm_first, activation=activation)
    x, lengths = random(B, T, C), torch.tensor([5, 3] if padded else [5, 5])
    keep = padding_mask(lengths, width=T)
    ours, _ = block(x, mask=keep[:, None, None] if padded else None)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    theirs = twin(x, src_mask=future, src_key_padding_mask=~keep)
    torch.testing.assert_close(ours[keep], theirs[keep], **CLOSE)


def test_the_weights_come_on_request_only(block):
    x = random(B, T, C)
    without, none = block(x)
    same, weights = block(x, return_attention=True)
    assert none is None
    assert weights.shape == (B, H, T, T)
    torch.testing.assert_close(without, same, atol=1e-6, rtol=1e-5)


def test_a_decoder_block_says_where_it_looked():
    block, x, memory = built(DecoderBlock), random(B, T, C), random(B, S, C, seed=1)
    mask = padding_mask(torch.tensor([4, 2]), width=S)[:, None, None]
    _, looks = block(x, memory=memory, memory_mask=mask, return_attention=True)
    assert (looks.own.shape, looks.cross.shape) == ((B, H, T, T), (B, H, T, S))
    assert (looks.own.triu(1) == 0).all()
    assert (looks.cross[1, :, :, 2:] == 0).all()
    torch.testing.assert_close(looks.cross.sum(-1), torch.ones(B, H, T))
    _, alone = built(DecoderBlock, cross=False)(x, return_attention=True)
    assert alone.cross is None


def test_attention_of_ones_own_to_the_memory():
    block, x, memory = built(DecoderBlock), random(B, T, C), random(B, S, C, seed=1)
    y, looks = block(x, memory=memory, return_attention=True)
    torch.testing.assert_close(block(x, memory=memory, cross_weights=looks.cross)[0], y)
    first = F.one_hot(torch.zeros(B, 1, T, dtype=torch.long), S).float()
    changed, used = block(x, memory=memory, cross_weights=first, return_attention=True)
    assert not torch.allclose(changed, y)
    assert torch.equal(used.cross, first)
    other = memory.clone()
    other[:, 1:] = 9.0
    torch.testing.assert_close(block(x, memory=other, cross_weights=first)[0], changed)


@pytest.mark.parametrize("scheme", POSITIONS)
@pytest.mark.parametrize("cross", [False, True])
@torch.no_grad()
def test_step_by_step_with_a_cache_is_all_at_once(scheme, cross):
    block, x = built(DecoderBlock, cross=cross, norm_first=True), random(B, T, C)
    positions = POSITIONS[scheme](C, heads=H, longest=T)
    memory = random(B, S, C, seed=1) if cross else None
    whole, looks = block(x, memory=memory, positions=positions, return_attention=True)
    ready = block.cross_attention.remember(memory) if cross else None
    cache, steps = KeyValueCache.empty(B, heads=H, width=C // H, room=2), []
    for word in x.split(1, dim=1):
        y, seen = block(word, memory=ready, positions=positions, cache=cache, return_attention=True)
        steps.append(y)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole, **CLOSE)
    torch.testing.assert_close(seen.own, looks.own[:, :, -1:], **CLOSE)


def test_rotary_positions_reach_the_encoders_heads(block):
    x, order = random(B, T, C), torch.tensor([2, 0, 3, 1, 4])
    rotary = POSITIONS["rotary"](C, heads=H, longest=T)
    torch.testing.assert_close(block(x[:, order])[0], block(x)[0][:, order], **CLOSE)
    turned = block(x, positions=rotary)[0]
    assert not torch.allclose(block(x[:, order], positions=rotary)[0], turned[:, order], atol=1e-3)


@pytest.mark.parametrize("norm_first", [False, True])
def test_dropout_while_training_only(norm_first):
    block, plain = (built(EncoderBlock, norm_first=norm_first, dropout=p) for p in (0.5, 0.0))
    x = random(B, T, C)
    assert torch.equal(block.eval()(x)[0], plain(x)[0])
    state = torch.get_rng_state()
    plain.train()(x)
    assert torch.equal(torch.get_rng_state(), state)  # without dropout nothing is drawn
    assert not torch.allclose(block.train()(x)[0], plain(x)[0])
    all_gone = built(EncoderBlock, norm_first=True, dropout=1 - 1e-9).train()
    torch.testing.assert_close(all_gone(x)[0], x)  # the shortcut is never dropped


def test_feed_forward_works_on_each_position_alone():
    torch.manual_seed(0)
    layer, x = FeedForward(C, INNER), torch.randn(B, T, C)
    other = x.clone()
    other[:, 3] += 1
    changed = (layer(x) - layer(other)).abs().amax(dim=(0, 2)) > 0
    assert changed.tolist() == [False, False, False, True, False]


def test_activations_by_hand():
    x = torch.tensor([-1.0, 0.0, 2.0])
    normal = 0.5 * (1 + torch.erf(x / 2**0.5))
    curve = 0.5 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))
    torch.testing.assert_close(ACTIVATIONS["gelu"](x), x * normal)
    torch.testing.assert_close(ACTIVATIONS["gelu tanh"](x), x * curve)
    assert ACTIVATIONS["relu"](x).tolist() == [0.0, 0.0, 2.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "swish"}, "activation 'swish' is unknown; choose 'gelu', 'gelu tanh', 'relu'"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"dropout": -0.1}, "dropout is -0.1"),
    ],
)
@pytest.mark.parametrize("kind", [EncoderBlock, DecoderBlock])
def test_a_block_that_cannot_be(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(C, H, inner=INNER, **options)


def test_a_memory_and_cross_attention_belong_together():
    with pytest.raises(ValueError, match="needs a memory"):
        built(DecoderBlock)(random(B, T, C))
    with pytest.raises(ValueError, match="has no cross-attention; give no memory"):
        built(DecoderBlock, cross=False)(random(B, T, C), memory=random(B, S, C))
