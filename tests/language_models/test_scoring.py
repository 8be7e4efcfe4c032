"""Windows that overlap: every token once, with at least half a context, as the model itself scores it."""

import numpy as np
import pytest
import torch

from course_utils.language_models.scoring import score_texts
from course_utils.models.gpt import GPT, GPTConfig

END = 12


def small_gpt(**options):
    torch.manual_seed(0)
    model = GPT(GPTConfig(13, **({"context": 8, "width": 16, "layers": 2, "heads": 2} | options)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)  # far from uniform
    return model


def slowly(model, text, *, stride):
    """Token by token: the context of the first window that ends behind it."""
    model.eval()
    context, tokens, found = model.config.context, [END, *text], []
    starts = [0]
    while starts[-1] + context + 1 < len(tokens):
        starts.append(min(starts[-1] + stride, len(tokens) - context - 1))
    for place in range(1, len(tokens)):
        start = next(s for s in starts if place <= s + context)
        scores = model(torch.tensor([tokens[start:place]]))[0, -1].log_softmax(dim=0)
        found.append(float(scores[tokens[place]].detach()))
    return found


@pytest.mark.parametrize("stride", [1, 3, 4, 8])
@pytest.mark.parametrize("length", [1, 7, 8, 9, 20, 33])
def test_each_token_is_scored_by_the_first_window_that_holds_it(length, stride):
    model, rng = small_gpt(), np.random.default_rng(length)
    text = rng.integers(0, 12, length)
    [found] = score_texts(model, [text], end=END, stride=stride)
    np.testing.assert_allclose(found, slowly(model, text.tolist(), stride=stride), rtol=1e-4, atol=1e-5)


def test_half_a_context_unless_told_and_many_windows_at_once():
    model = small_gpt(dropout=0.3).train()
    texts = [np.random.default_rng(0).integers(0, 12, size) for size in (6000, 5)]
    found = score_texts(model, texts, end=END)
    assert model.training
    for text, own in zip(texts, found, strict=True):
        np.testing.assert_array_equal(own, score_texts(model.eval(), [text], end=END, stride=4)[0])
        assert own.dtype == np.float64
        assert own.shape == text.shape


@pytest.mark.parametrize("stride", [0, 9, -1])
def test_a_stride_that_leaves_gaps(stride):
    with pytest.raises(ValueError, match="choose 1 to 8, the context"):
        score_texts(small_gpt(), [np.array([1])], end=END, stride=stride)


@pytest.mark.parametrize("text", [np.array([], dtype=int), np.zeros((2, 2), dtype=int)])
def test_an_empty_text_is_named(text):
    with pytest.raises(ValueError, match="text 1 has the shape"):
        score_texts(small_gpt(), [np.array([1]), text], end=END)
