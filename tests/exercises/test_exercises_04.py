"""Lesson 04's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.exercises import lesson_04 as exercises
from course_utils.models.glove import Glove, GloveConfig, full_loss, prepare_cells, weigh
from course_utils.models.subwords import character_ngrams
from course_utils.plots.style import new_figure


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (0.35, "correct", "rare pairs"),
        (0.3536, "correct", ""),
        (0.25, "wrong", "alpha is missing"),
        (1.99, "wrong", "divide by x_max first"),
        (1, "wrong", "only from x_max on"),
        (0.92, "wrong", "logarithm of the count"),
        (2.83, "wrong", "upside down"),
        (0.7, "wrong", ""),
    ],
)
def test_weight(answer, status, says):
    assert_verdict(exercises.weight, answer, status=status, says=says)


def by_the_course(word, shortest, longest):
    return character_ngrams(word, shortest=shortest, longest=longest)


def with_while(word, shortest, longest):
    text, found, length = "<" + word + ">", [], shortest
    while length <= longest:
        found += [text[i : i + length] for i in range(len(text)) if i + length <= len(text)]
        length += 1
    return found


def unmarked(word, shortest, longest):
    return [word[i : i + n] for n in range(shortest, longest + 1) for i in range(len(word) - n + 1)]


def range_ends_early(word, shortest, longest):
    return [g for g in by_the_course(word, shortest, longest) if len(g) < longest]


def last_start_missing(word, shortest, longest):
    text = f"<{word}>"
    return [text[i : i + n] for n in range(shortest, longest + 1) for i in range(len(text) - n)]


def over_the_end(word, shortest, longest):
    text = f"<{word}>"
    return [text[i : i + n] for n in range(shortest, longest + 1) for i in range(len(text))]


def starts_outside(word, shortest, longest):
    text = f"<{word}>"
    lengths = range(shortest, longest + 1)
    return [text[i : i + n] for i in range(len(text)) for n in lengths if i + n <= len(text)]


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.ngrams.reference, "correct", "marks"),
        (by_the_course, "correct", ""),
        (with_while, "correct", ""),
        (stub, "not attempted", ""),
        (unmarked, "wrong", "marks < and > are missing"),
        (range_ends_early, "wrong", "`range` ends before"),
        (last_start_missing, "wrong", "last piece of each length"),
        (over_the_end, "wrong", "run over the end"),
        (starts_outside, "wrong", "other order"),
        (lambda *one: list(dict.fromkeys(by_the_course(*one))), "wrong", "stand twice"),
        (lambda word, shortest, longest: [word], "wrong", ""),
    ],
)
def test_ngrams(answer, status, says):
    verdict = exercises.ngrams.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def with_roots(contexts, targets, weights):
    root = np.sqrt(weights)
    return np.linalg.lstsq(contexts * root[:, None], targets * root, rcond=None)[0]


def with_a_diagonal_matrix(contexts, targets, weights):
    f = np.diag(weights)
    return np.linalg.inv(contexts.T @ f @ contexts) @ contexts.T @ f @ targets


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.best_vector.reference, "correct", "alternating least squares"),
        (with_roots, "correct", ""),
        (with_a_diagonal_matrix, "correct", ""),
        (stub, "not attempted", ""),
        (lambda c, t, f: np.linalg.pinv(c) @ t, "wrong", "plain least squares"),
        (lambda c, t, f: np.linalg.pinv(c * f[:, None]) @ (t * f), "wrong", "carries f²"),
        (lambda c, t, f: np.linalg.pinv(c) @ (t * f), "wrong", "only the targets"),
        (lambda c, t, f: np.linalg.inv(c.T @ np.diag(f) @ c) @ c.T @ t, "wrong", "only the contexts"),
        (lambda c, t, f: (f * t) @ c, "wrong", "a step along the gradient"),
        (lambda c, t, f: np.zeros(c.shape[1]), "wrong", ""),
    ],
)
def test_best_vector(answer, status, says):
    verdict = exercises.best_vector.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_planted_fault_is_one_meeting_for_each_empty_cell():
    counts = np.array([[2.0, 1.0, 0.0], [1.0, 0.0, 3.0], [0.0, 3.0, 4.0]])
    config = GloveConfig(dimension=1, zero_weight=0.5, biases="margins")
    right = prepare_cells(counts, config)
    wrong = exercises.careless_cells(right)
    assert wrong.targets is right.targets
    assert wrong.weights is right.weights
    for cells, expected in ((right, counts.sum(0)[[0, 1, 2]] ** 2 / counts.sum()), (wrong, np.ones(3))):
        model = Glove(cells, config)
        with torch.no_grad():
            model.words.zero_()
        chance = np.exp(model.word_biases.numpy() + model.context_biases.numpy())
        assert chance == pytest.approx(expected, rel=1e-5)
    fitted = np.log(counts, out=np.zeros_like(counts), where=counts > 0)
    weights = np.where(counts > 0, weigh(counts, x_max=10, alpha=0.75), 0.5)
    assert full_loss(model, wrong) * 3 == pytest.approx((weights * fitted**2).sum(), rel=1e-5)


def test_guesses_hold_what_was_measured():
    figure, _ = new_figure()
    assert exercises.guess_unseen(figure, measured=126.4).measured == 130
    assert exercises.guess_method(figure, scores={"GloVe": 0.1, "counts": 0.4}).measured == "counts"
    fault = exercises.guess_fault(figure)
    assert fault.measured in fault.choices
