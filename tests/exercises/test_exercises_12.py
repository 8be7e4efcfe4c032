"""Lesson 12's checkers, against right, empty and plausibly wrong answers; and its planted fault."""

import math

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.decoding.beam import beam_search
from course_utils.decoding.sampling import keep_top_p
from course_utils.decoding.scoring import score_tokens
from course_utils.evaluation.bleu import Bleu
from course_utils.exercises import lesson_12 as exercises


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (0.75, "correct", "(2 + 1) / 4"),
        (3 / 4, "correct", ""),
        (1.0, "wrong", "clip at two"),
        (0.5, "wrong", "as in the reference"),
        (0.667, "wrong", "neither clips"),
        (0.4, "wrong", "different words"),
        (75.0, "wrong", "in percent"),
        (0.2, "wrong", ""),
    ],
)
def test_clipped(answer, status, says):
    assert_verdict(exercises.clipped, answer, status=status, says=says)


def test_the_clipped_precision_is_bleu_s():
    texts = [["le", "le", "le", "chat"]], [["le", "chat", "dort", "sur", "le", "lit"]]
    metric = Bleu(order=1, smoothing="none")
    assert metric.precisions(metric.statistics(*texts).sum(axis=0))[0] == exercises.clipped.reference


def by_loop(probabilities, p):
    left, kept = sorted(enumerate(probabilities), key=lambda pair: -pair[1]), {}
    while left and sum(kept.values()) < p - 1e-9:
        token, share = left.pop(0)
        kept[token] = share
    return np.array([kept.get(token, 0) / sum(kept.values()) for token in range(len(probabilities))])


def by_the_course(probabilities, p):
    return keep_top_p(torch.tensor(np.asarray(probabilities)).log(), p).exp().numpy()


def ordered(probabilities, *, falling=True):
    return sorted(range(len(probabilities)), key=lambda token: (-1 if falling else 1) * probabilities[token])


def stops_short(probabilities, p):
    kept, mass = np.zeros(len(probabilities)), 0.0
    for token in ordered(probabilities):
        mass += probabilities[token]
        if mass > p + 1e-9:
            break
        kept[token] = probabilities[token]
    return kept / kept.sum()


def from_the_tail(probabilities, p):
    kept, mass = np.zeros(len(probabilities)), 0.0
    for token in ordered(probabilities, falling=False):
        if mass >= p - 1e-9:
            break
        kept[token] = probabilities[token]
        mass += probabilities[token]
    return kept / kept.sum()


def again_softmax(probabilities, p):
    kept = by_loop(probabilities, p) > 0
    return np.where(kept, np.exp(probabilities), 0) / np.exp(probabilities)[kept].sum()


def single_shares(probabilities, p):
    kept = np.where(np.asarray(probabilities) >= p, probabilities, 0)
    with np.errstate(invalid="ignore"):
        return kept / kept.sum()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.nucleus.reference, "correct", "How many tokens"),
        (by_loop, "correct", ""),
        (by_the_course, "correct", ""),
        (stub, "not attempted", ""),
        (stops_short, "wrong", "mass passes p is lost"),
        (from_the_tail, "wrong", "the head lost"),
        (lambda q, p: by_loop(q, p).astype(bool) * q, "wrong", "does not sum to 1"),
        (again_softmax, "wrong", "softmax again"),
        (single_shares, "wrong", "own probability"),
        (lambda q, p: q, "wrong", ""),
    ],
)
def test_nucleus(answer, status, says):
    verdict = exercises.nucleus.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def vote(texts, likeness, *, places=None, own=False, by_column=False, pick=max):
    places = range(len(texts)) if places is None else places
    table = np.transpose(likeness) if by_column else np.asarray(likeness)
    means = {i: np.mean([table[i][j] for j in places if own or j != i] or [0]) for i in places}
    return texts[pick(means, key=lambda i: means[i])]


def first_places(texts):
    return [i for i, text in enumerate(texts) if texts.index(text) == i]


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.consensus.reference, "correct", "minimum Bayes risk"),
        (vote, "correct", ""),
        (
            lambda t, u: t[int(np.argmax([np.delete(row, i).mean() for i, row in enumerate(u)]))],
            "correct",
            "",
        ),
        (stub, "not attempted", ""),
        (lambda t, u: vote(t, u, by_column=True), "wrong", "the others do against this text"),
        (lambda t, u: vote(t, u, own=True), "wrong", "leave its own place out"),
        (lambda t, u: vote(t, u, places=first_places(t)), "wrong", "thrown together"),
        (lambda t, u: max(t, key=t.count), "wrong", "commonest"),
        (lambda t, u: vote(t, u, pick=min), "wrong", "lowest"),
        (lambda t, u: t[-1], "wrong", ""),
    ],
)
def test_consensus(answer, status, says):
    verdict = exercises.consensus.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def language(seed, *, V=5, C=6):
    """A random recurrent network: what comes next depends on all that was read."""
    generator = torch.Generator().manual_seed(seed)
    words, turn, out = (torch.randn(*shape, generator=generator) for shape in ((V + 1, C), (C, C), (C, V)))

    late = torch.tensor([3.0] + [0.0] * (V - 1))  # texts of one word would hide the fault

    def step(state, tokens):
        state = torch.tanh(state @ turn + words[tokens])
        return (0.5 * state @ out - late).log_softmax(dim=-1), state

    return step, torch.zeros(1, C), {"start": torch.tensor([V]), "end": 0, "max_length": 8}


def test_the_planted_fault_is_harmless_alone_and_lies_in_company():
    lies = 0
    for seed in range(20):
        step, state, settings = language(seed)
        text, total = exercises.careless_beam(step, state, **settings, width=1)
        found = beam_search(step, state, **settings, width=1)[0].best
        assert text == found.tokens
        assert total == pytest.approx(found.log_probability, abs=1e-4)
        text, total = exercises.careless_beam(step, state, **settings, width=4)
        (gains,) = score_tokens(step, state, start=settings["start"], texts=[text])
        lies += not math.isclose(sum(gains), total, abs_tol=1e-3)
    assert lies > 10


def test_without_the_fault_the_colleague_s_search_is_right():
    """The fault is that rows stay where they were: with one row there is none to move."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(6, 5, generator=generator).log_softmax(dim=-1)  # no state to go wrong
    settings = {"start": torch.tensor([5]), "end": 0, "max_length": 8}

    def step(rows, tokens):
        return table[tokens], rows

    for width in (1, 2, 3, 5):
        text, total = exercises.careless_beam(step, torch.zeros(1, 1), **settings, width=width)
        (gains,) = score_tokens(step, torch.zeros(1, 1), start=settings["start"], texts=[text])
        assert sum(gains) == pytest.approx(total, abs=1e-4)
