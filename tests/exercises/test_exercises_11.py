"""Lesson 11's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.exercises import lesson_11 as exercises
from course_utils.models.seq2seq import Seq2Seq, Seq2SeqConfig
from course_utils.plots.picture import Picture


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (13, "correct", "no begin mark"),
        (13.0, "correct", ""),
        (11, "wrong", "end mark"),
        (16, "wrong", "padding"),
        (15, "wrong", "never predicted"),
        (8, "wrong", "both rows"),
        (2, "wrong", "one a sentence"),
        (9, "wrong", ""),
    ],
)
def test_scored(answer, status, says):
    assert_verdict(exercises.scored, answer, status=status, says=says)


def by_torch(log_probabilities, target):
    table, labels = torch.tensor(log_probabilities), torch.tensor(target)[:, 1:]
    return torch.nn.functional.nll_loss(table.flatten(0, 1), labels.flatten(), ignore_index=0).item()


def by_loop(table, target, *, ahead=1, padding=False, per_sentence=False, below=None, sign=-1.0):
    sums, counts = [], []
    for row, places in zip(table, target, strict=True):
        said = [step[places[t + ahead]] for t, step in enumerate(row) if padding or places[t + ahead] != 0]
        sums.append(sum(said))
        counts.append(len(said))
    if per_sentence:
        return sign * np.mean([s / n for s, n in zip(sums, counts, strict=True)])
    return sign * sum(sums) / (below(table) if below else sum(counts))


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.loss.reference, "correct", "One number per token"),
        (by_torch, "correct", ""),
        (by_loop, "correct", ""),
        (stub, "not attempted", ""),
        (lambda p, t: by_loop(p, t, ahead=0), "wrong", "target[:, 1:]"),
        (lambda p, t: by_loop(p, t, padding=True), "wrong", "as if it were a word"),
        (lambda p, t: by_loop(p, t, below=lambda p: p.shape[0] * p.shape[1]), "wrong", "below the line"),
        (lambda p, t: by_loop(p, t, per_sentence=True), "wrong", "short sentence counts for more"),
        (lambda p, t: by_loop(p, t, below=lambda p: 1), "wrong", "that is the sum"),
        (lambda p, t: by_loop(p, t, sign=1.0), "wrong", "the sign"),
        (lambda p, t: 0.0, "wrong", ""),
    ],
)
def test_loss(answer, status, says):
    assert_verdict(exercises.loss, answer, status=status, says=says)


def by_list(links, length, reverse):
    """Write out what happens at each step and look it up."""
    order = list(range(length))[:: -1 if reverse else 1]
    steps = [*(("read", s) for s in order), "end", *(("write", t) for t in range(50))]
    found = [steps.index(("write", t)) - steps.index(("read", s)) for s, t in links]
    return min(found), float(np.mean(found))


def lags(links, length, reverse, *, end=1, first=0, swap=False, target=lambda t, last: t):
    last = max(t for _, t in links)
    found = []
    for s, t in links:
        read = length - s - 1 + first if reverse else s
        found.append(length + end + (target(t, last) if reverse else t) - read)
    answer = min(found), sum(found) / len(found)
    return answer[::-1] if swap else answer


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.lags.reference, "correct", "foothold"),
        (by_list, "correct", ""),
        (lags, "correct", ""),
        (stub, "not attempted", ""),
        (lambda a, n, r: lags(a, n, r, end=0), "wrong", "one step is missing"),
        (lambda a, n, r: lags(a, n, r, first=-1), "wrong", "length − s"),
        (lambda a, n, r: lags(a, n, r, target=lambda t, last: last - t), "wrong", "only the source"),
        (lambda a, n, r: lags(a, n, r, swap=True), "wrong", "exchanged"),
        (lambda a, n, r: exercises._lags_like(a, n, r, plain=True), "wrong", "how far apart"),
        (lambda a, n, r: (0, 0), "wrong", ""),
    ],
)
def test_lags(answer, status, says):
    assert_verdict(exercises.lags, answer, status=status, says=says)


def test_reversing_keeps_the_mean_lag_of_words_in_order_and_shortens_the_least():
    links = [(i, i) for i in range(8)]
    plain, turned = (exercises.lags.reference(links, 8, reverse) for reverse in (False, True))
    assert plain == (9, 9)
    assert turned == (2, 9)


def test_the_planted_fault_learns_to_copy_and_cannot_begin():
    torch.manual_seed(0)
    config = Seq2SeqConfig(10, 10, width=16, attention="none")
    source = torch.randint(3, 10, (64, 4))
    target = torch.cat([torch.full((64, 1), 1), torch.randint(3, 10, (64, 4)), torch.full((64, 1), 2)], dim=1)
    losses = {}
    for kind in (Seq2Seq, exercises.CarelessSeq2Seq):
        model = kind(config)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(40):
            optimizer.zero_grad()
            value = model.loss((source, target))
            value.backward()
            optimizer.step()
        losses[kind] = value.item()
    assert losses[exercises.CarelessSeq2Seq] < 0.3 < 1 < losses[Seq2Seq]  # words are random: ln 7 = 1.95
    honest = Seq2Seq.loss(model, (source, target)).item()
    assert honest > 1.5


def test_guesses_can_be_made():
    empty = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'></svg>"
    picture = Picture(empty, alt="nothing but an empty square")
    length = exercises.guess_length(picture, short=0.4, long=0.01, buckets=("3–5", "12–14"))
    assert "40%" in length.question
    assert length.measured == 1.0
    exposure = exercises.guess_exposure(picture, right=0.2, wrong=0.5)
    assert exposure.set_state(guess=30)["guess"] == 30
    assert exercises.guess_fault(picture).measured in exercises.guess_fault(picture).choices
