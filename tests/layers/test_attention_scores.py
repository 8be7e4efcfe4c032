"""Each score against its formula written out in loops, and the average that follows from it."""

import math

import pytest
import torch

from course_utils.layers.attention import scaled_dot_product_attention
from course_utils.layers.attention_scores import (
    SCORES,
    AdditiveScore,
    ScaledDotScore,
    additive_attention,
    average_by_scores,
)
from course_utils.layers.masks import padding_mask

B, T, S, C = 3, 4, 5, 6
KINDS = ["additive", "dot", "general", "scaled dot"]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(kind):
    torch.manual_seed(1)
    return SCORES[kind](C).double()


def by_formula(kind, layer, query, key):
    """One score of one query (C,) and one key (C,), as the papers write it."""
    if kind == "additive":
        hidden = layer.of_query.weight @ query + layer.of_query.bias + layer.of_key.weight @ key
        return sum(layer.direction[i] * math.tanh(hidden[i]) for i in range(len(hidden)))
    if kind == "dot":
        return sum(query[i] * key[i] for i in range(C))
    mapped = layer.of_key.weight @ key
    if kind == "general":
        return sum(query[i] * mapped[i] for i in range(C))
    asked = layer.of_query.weight @ query
    return sum(asked[i] * mapped[i] for i in range(C)) / C**0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_is_its_formula(kind):
    layer, query, memory = make(kind).requires_grad_(False), random(B, T, C), random(B, S, C, seed=2)
    scores = layer(query, layer.project(memory))
    expected = [
        [[float(by_formula(kind, layer, q, k)) for k in memory[b]] for q in query[b]] for b in range(B)
    ]
    torch.testing.assert_close(scores, torch.tensor(expected, dtype=torch.float64))


def test_concat_is_additive():
    """Luong's W [h_t; h_s] is W₁ h_t + W₂ h_s, with one matrix cut in two."""
    layer, query, memory = make("concat"), random(B, T, C), random(B, S, C, seed=2)
    assert isinstance(layer, AdditiveScore)
    whole = torch.cat([layer.of_query.weight, layer.of_key.weight], dim=1)  # (C, 2C)
    pairs = torch.cat(
        [query[:, :, None].expand(-1, -1, S, -1), memory[:, None].expand(-1, T, -1, -1)], dim=-1
    )
    expected = torch.tanh(pairs @ whole.T + layer.of_query.bias) @ layer.direction
    torch.testing.assert_close(layer(query, layer.project(memory)), expected)


def test_scaled_dot_averages_as_the_attention_of_transformers_does():
    layer, query, memory = make("scaled dot"), random(B, T, C), random(B, S, C, seed=2)
    mask = padding_mask(torch.tensor([5, 2, 3]), width=S)
    assert isinstance(layer, ScaledDotScore)
    ours = average_by_scores(layer(query, layer.project(memory)), memory, mask=mask)
    theirs = scaled_dot_product_attention(
        layer.of_query(query), layer.of_key(memory), memory, mask=mask[:, None]
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_gets_no_weight_whatever_lies_there(kind):
    layer, query, memory = make(kind), random(B, T, C), random(B, S, C, seed=2)
    mask = padding_mask(torch.tensor([5, 2, 3]), width=S)
    context, weights = average_by_scores(layer(query, layer.project(memory)), memory, mask=mask)
    assert (weights.masked_select(~mask[:, None]) == 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(B, T, dtype=torch.float64))
    changed = memory.masked_fill(~mask[..., None], 77.0)
    again, _ = average_by_scores(layer(query, layer.project(changed)), changed, mask=mask)
    torch.testing.assert_close(again, context)


def test_one_query_by_hand():
    score = AdditiveScore(1, hidden=1)
    with torch.no_grad():
        for parameter, value in zip(score.parameters(), (1.0, 1.0, 0.0, 1.0), strict=True):
            parameter.fill_(value)  # v, W, b, U: the score is tanh(query + key)
    context, weights = additive_attention(torch.tensor([[0.5]]), torch.tensor([[[0.0], [1.0]]]), score=score)
    e = [math.exp(math.tanh(0.5)), math.exp(math.tanh(1.5))]
    torch.testing.assert_close(weights, torch.tensor([[e[0] / sum(e), e[1] / sum(e)]]))
    torch.testing.assert_close(context, torch.tensor([[e[1] / sum(e)]]))


def test_a_row_without_a_word_is_refused():
    with pytest.raises(ValueError, match="allow no position"):
        average_by_scores(random(2, 1, 3), random(2, 3, C), mask=torch.tensor([[True] * 3, [False] * 3]))
