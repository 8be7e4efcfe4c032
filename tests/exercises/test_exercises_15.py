"""Lesson 15's checkers, against right, empty and plausibly wrong answers; and its planted fault."""

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.exercises import lesson_15 as exercises
from course_utils.layers.blocks import EncoderBlock
from course_utils.layers.positions import RotaryPositions
from course_utils.models.transformer import BEGIN, END, PADDING, Transformer, TransformerConfig


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (6 / 14**0.5, "correct", "no other token"),
        (1.6, "correct", ""),
        (1.389, "wrong", "divided by 3"),
        (0.4286, "wrong", "by its root"),
        (1.8257, "wrong", "RMS norm"),
        (6, "wrong", "only centred"),
        (1, "wrong", "range from 0 to 1"),
        (2.5, "wrong", ""),
    ],
)
def test_norm(answer, status, says):
    assert_verdict(exercises.norm, answer, status=status, says=says)


def test_the_norm_is_pytorchs():
    x = torch.tensor([0.0, 2.0, 4.0, 10.0])
    assert torch.nn.functional.layer_norm(x, (4,))[3].item() == pytest.approx(
        exercises.norm.reference, abs=1e-5
    )


def by_layer(x, start):
    layer = RotaryPositions(x.shape[1], heads=1, longest=64)
    return layer.rotate(torch.tensor(x)[None, None].float(), start=start)[0, 0].double().numpy()


def by_complex(x, start):
    half = x.shape[1] // 2
    places = start + np.arange(len(x))
    turned = (x[:, :half] + 1j * x[:, half:]) * np.exp(
        1j * np.outer(places, 10_000.0 ** (-np.arange(half) / half))
    )
    return np.hstack([turned.real, turned.imag])


def turned(x, places, frequencies, *, neighbours=False):
    """One pair after the other, by a matrix of 2 × 2."""
    half, out = x.shape[1] // 2, np.empty_like(x)
    for t, place in enumerate(places):
        for i in range(half):
            pair = (2 * i, 2 * i + 1) if neighbours else (i, i + half)
            angle = place * frequencies[i]
            matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            out[t, pair] = matrix @ x[t, pair]
    return out


def frequencies(x):
    half = x.shape[1] // 2
    return 10_000.0 ** (-np.arange(half) / half)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.rotate.reference, "correct", "p − s alone"),
        (by_complex, "correct", ""),
        (lambda x, start: turned(x, start + np.arange(len(x)), frequencies(x)), "correct", ""),
        (stub, "not attempted", ""),
        (lambda x, start: turned(x, np.arange(len(x)), frequencies(x)), "wrong", "`start` is not used"),
        (
            lambda x, start: turned(x, -start - np.arange(len(x)), frequencies(x)),
            "wrong",
            "turned the other way",
        ),
        (
            lambda x, start: turned(x, start + np.arange(len(x)), frequencies(x), neighbours=True),
            "wrong",
            "neighbouring numbers",
        ),
        (
            lambda x, start: turned(x, start + np.arange(len(x)), np.ones(x.shape[1])),
            "wrong",
            "the same angle",
        ),
        (
            lambda x, start: turned(x, start + 1 + np.arange(len(x)), frequencies(x)),
            "wrong",
            "not one further",
        ),
        (
            lambda x, start: turned(x, np.radians(start + np.arange(len(x))), frequencies(x)),
            "wrong",
            "degrees",
        ),
        (lambda x, start: x, "wrong", ""),
    ],
)
def test_rotate(answer, status, says):
    verdict = exercises.rotate.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_reference_turns_as_the_courses_layer_does():
    x = np.random.default_rng(0).normal(size=(4, 6))
    np.testing.assert_allclose(exercises.rotate.reference(x, 5), by_layer(x, 5), atol=1e-5)


def counted(width, inner, length):
    """Multiplications of a whole sentence, matrix by matrix."""
    alone = 4 * length * width**2 + 2 * length * width * inner
    between = length * length * width + length * length * width
    return between / (alone + between)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.share.reference, "correct", "3,072 words"),
        (counted, "correct", ""),
        (stub, "not attempted", ""),
        (lambda c, i, t: t / (t + 4 * c + 2 * i), "wrong", "only the scores"),
        (lambda c, i, t: 2 * t / (2 * t + 3 * c + 2 * i), "wrong", "behind the heads"),
        (lambda c, i, t: 2 * t / (2 * t + 4 * c + i), "wrong", "two matrices"),
        (lambda c, i, t: 2 * t / (2 * t + 4 * c), "wrong", "is left out"),
        (lambda c, i, t: t * t / (t * t + 2 * c + i), "wrong", "one side"),
        (lambda c, i, t: t / (2 * c + i), "wrong", "ratio"),
        (lambda c, i, t: 0.5, "wrong", ""),
    ],
)
def test_share(answer, status, says):
    verdict = exercises.share.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_half_of_the_work_lies_between_words_where_the_explanation_says():
    assert exercises.share.reference(512, 2048, 3072) == pytest.approx(0.5)


def test_the_rule_counts_what_pytorch_counts():
    from torch.utils.flop_counter import FlopCounterMode

    block, T = EncoderBlock(24, 3, inner=40), 7
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        block(torch.randn(1, T, 24), return_attention=True)
    alone = T * (4 * 24 * 24 + 2 * 24 * 40)
    total = counter.get_total_flops() / 2
    assert exercises.share.reference(24, 40, T) == pytest.approx(1 - alone / total)


@torch.no_grad()
def test_the_planted_fault_forgets_the_places_and_nothing_else():
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(20, 20, width=16, heads=2, inner=24)).eval()
    source = torch.tensor([[5, 6, 7, END, PADDING], [4, 8, 9, 10, END]])
    words = torch.tensor([[BEGIN, 5, 9, 5], [BEGIN, 7, 7, 4]])
    rows = {"sound": [], "careless": []}
    for name, step in (("sound", model.step), ("careless", lambda *a: exercises.careless_step(model, *a))):
        state = model.start(source)
        for tokens in words.unbind(dim=1):
            row, state = step(state, tokens)
            rows[name].append(row)
    torch.testing.assert_close(rows["careless"][0], rows["sound"][0])
    assert all(
        (a - b).abs().max() > 1e-3 for a, b in zip(rows["careless"][1:], rows["sound"][1:], strict=True)
    )
    assert state.caches[0].filled == words.shape[1]

    embed = model.decoder.embed  # all at once, every word told the first place
    columns = torch.cat([embed(words[:, [t]]) for t in range(words.shape[1])], dim=1)
    model.decoder.embed = lambda *_, **__: columns
    at_once = model(source, words).log_softmax(dim=-1)
    torch.testing.assert_close(torch.stack(rows["careless"], dim=1), at_once, atol=1e-5, rtol=1e-5)
