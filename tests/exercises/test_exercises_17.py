"""Lesson 17's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.exercises import lesson_17 as exercises
from course_utils.models.encoder import EncoderConfig
from course_utils.models.masked_language_model import MaskedLanguageModelConfig
from course_utils.models.masking import hide


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (173, "correct", "170 + 3"),
        (173.0, "correct", ""),
        (170, "wrong", "left as they are"),
        (176, "wrong", "swapped"),
        (24, "wrong", "become [MASK]"),
        (30, "wrong", "are chosen"),
        (3, "wrong", "of the chosen stay"),
        (100, "wrong", ""),
    ],
)
def test_unchanged(answer, status, says):
    assert_verdict(exercises.unchanged, answer, status=status, says=says)


def by_assignment(tokens, chosen, fate, anything, mask):
    read = tokens.copy()
    read[chosen & (fate < 0.8)] = mask
    swap = chosen & (fate >= 0.8) & (fate < 0.9)
    read[swap] = anything[swap]
    return read


def by_loop(tokens, chosen, fate, anything, mask):
    read = [
        [t if not c or f >= 0.9 else mask if f < 0.8 else a for t, c, f, a in zip(*row, strict=True)]
        for row in zip(tokens, chosen, fate, anything, strict=True)
    ]
    return np.array(read)


def hidden(tokens, chosen, fate, anything, mask, *, marks, swaps):
    read = tokens.copy()
    read[marks(chosen, fate)] = mask
    swap = swaps(chosen, fate)
    read[swap] = anything[swap]
    return read


def wrongly(*, marks=lambda c, f: c & (f < 0.8), swaps=lambda c, f: c & (f >= 0.8) & (f < 0.9)):
    return lambda *given: hidden(*given, marks=marks, swaps=swaps)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.hide.reference, "correct", "Two lines"),
        (by_assignment, "correct", ""),
        (by_loop, "correct", ""),
        (stub, "not attempted", ""),
        (
            wrongly(marks=lambda c, f: f < 0.8, swaps=lambda c, f: (f >= 0.8) & (f < 0.9)),
            "wrong",
            "not chosen",
        ),
        (wrongly(swaps=lambda c, f: c & False), "wrong", "nothing is swapped"),
        (wrongly(swaps=lambda c, f: c & (f >= 0.8)), "wrong", "none of the chosen stays"),
        (
            wrongly(marks=lambda c, f: c, swaps=lambda c, f: c & False),
            "wrong",
            "all chosen places are marked",
        ),
        (
            wrongly(marks=lambda c, f: ~c & (f < 0.8), swaps=lambda c, f: ~c & (f >= 0.8) & (f < 0.9)),
            "wrong",
            "the others",
        ),
        (
            wrongly(marks=lambda c, f: c & (f >= 0.8) & (f < 0.9), swaps=lambda c, f: c & (f < 0.8)),
            "wrong",
            "other way round",
        ),
        (lambda t, c, f, a, m: t, "wrong", ""),
    ],
)
def test_hide(answer, status, says):
    assert_verdict(exercises.hide, answer, status=status, says=says)


def test_the_rule_of_the_second_exercise_is_the_courses():
    tokens = torch.arange(2000).view(20, 100) % 50
    found = hide(tokens, mask_token=50, ordinary=50, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    torch.rand(tokens.shape, generator=generator)  # the lots by which places are chosen
    fate = torch.rand(tokens.shape, generator=generator)
    anything = torch.randint(50, tokens.shape, generator=generator)
    given = (one.numpy() for one in (tokens, found.chosen, fate, anything))
    np.testing.assert_array_equal(exercises.hide.reference(*given, 50), found.tokens.numpy())


def by_parts(weights, vectors):
    parts = weights[:, :, None] * vectors[None]
    length = np.sqrt((parts**2).sum(axis=2))
    return length / length.sum(axis=1)[:, None]


def lengths(vectors):
    return np.sqrt(np.einsum("sc,sc->s", vectors, vectors))


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.share.reference, "correct", "park weight"),
        (by_parts, "correct", ""),
        (stub, "not attempted", ""),
        (lambda w, v: w + 0.0, "wrong", "those are the weights"),
        (lambda w, v: w * lengths(v)[None], "wrong", "sum of its row"),
        (lambda w, v: (w * lengths(v)) / np.sum(w * lengths(v), 0), "wrong", "over the queries"),
        (lambda w, v: (p := w * lengths(v) ** 2) / p.sum(1, keepdims=True), "wrong", "squared"),
        (
            lambda w, v: (p := w * np.abs(v @ np.ones(v.shape[1]))) / p.sum(1, keepdims=True),
            "wrong",
            "cancel",
        ),
        (lambda w, v: np.ones_like(w) * lengths(v) / lengths(v).sum(), "wrong", "weight is left out"),
        (lambda w, v: w[:, ::-1], "wrong", ""),
    ],
)
def test_share(answer, status, says):
    assert_verdict(exercises.share, answer, status=status, says=says)


def test_the_planted_fault_counts_every_place():
    config = MaskedLanguageModelConfig(
        EncoderConfig(vocabulary_size=11, width=8, layers=1, heads=2, inner=16, positions=12), mask_token=10
    )
    torch.manual_seed(0)
    model = exercises.CarelessModel(config).eval()
    tokens = torch.randint(10, (3, 12), generator=torch.Generator().manual_seed(0))
    batch = hide(tokens, mask_token=10, ordinary=10, generator=torch.Generator().manual_seed(1))
    log_probabilities = model(batch.tokens).log_softmax(dim=-1)
    every = -log_probabilities.gather(2, tokens[..., None]).mean()
    torch.testing.assert_close(model.loss(batch), every)
    right = (log_probabilities.argmax(dim=-1) == tokens).float().mean()
    assert model.accuracy([batch]) == pytest.approx(float(right))
