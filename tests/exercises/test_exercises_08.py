"""Lesson 08's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.evaluation.association import weat
from course_utils.exercises import lesson_08 as exercises


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (1 / 70, "correct", "Eight choose four"),
        (0.0142857, "correct", ""),
        (0, "wrong", "as well as itself"),
        (1 / 8, "wrong", "four of the eight"),
        (1 / 256, "wrong", "both groups must have four"),
        (1 / 35, "wrong", "one-sided"),
        (1 / 40320, "wrong", "order within a group"),
        (0.05, "wrong", ""),
    ],
)
def test_smallest_p(answer, status, says):
    assert_verdict(exercises.smallest_p, answer, status=status, says=says)


def test_the_smallest_p_is_what_the_test_gives():
    right, up = np.array([[1.0, 0.1]]), np.array([[0.0, 1.0]])
    words = [np.stack([one + 0.01 * i for i in range(4)]) for one in (right[0], up[0])]
    assert weat(*words, attributes=(right, up)).p_value == pytest.approx(exercises.smallest_p.reference)


def unit(rows):
    return rows / np.sqrt((rows**2).sum(axis=1))[:, None]


def loss(queries, documents, temperature, *, scale=unit, axis=1, sign=-1, put=np.mean):
    scores = scale(queries) @ scale(documents).T / temperature
    shares = np.exp(scores) / np.exp(scores).sum(axis=axis, keepdims=True)
    return float(sign * put(np.log(np.diag(shares))))


def by_torch(queries, documents, temperature):
    scores = torch.nn.functional.normalize(torch.tensor(queries), dim=1)
    scores = scores @ torch.nn.functional.normalize(torch.tensor(documents), dim=1).T / temperature
    return torch.nn.functional.cross_entropy(scores, torch.arange(len(scores))).item()


def without_the_right(queries, documents, temperature):
    scores = np.exp(unit(queries) @ unit(documents).T / temperature)
    own = np.diag(scores)
    return float(-np.log(own / (scores.sum(axis=1) - own)).mean())


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.info_nce.reference, "correct", "harder task"),
        (by_torch, "correct", ""),
        (loss, "correct", ""),
        (stub, "not attempted", ""),
        (lambda q, d, t: loss(q, d, t, axis=0), "wrong", "runs over documents"),
        (lambda q, d, t: loss(q, d, 1 / t), "wrong", "multiplies"),
        (lambda q, d, t: loss(q, d, t, scale=lambda rows: rows), "wrong", "scale the rows"),
        (lambda q, d, t: loss(q, d, t, put=np.sum), "wrong", "take their mean"),
        (lambda q, d, t: loss(q, d, t, sign=1), "wrong", "sign is turned"),
        (without_the_right, "wrong", "missing below the line"),
        (lambda q, d, t: (loss(q, d, t) + loss(q, d, t, axis=0)) / 2, "wrong", "both ways"),
        (lambda q, d, t: 0.5, "wrong", ""),
    ],
)
def test_info_nce(answer, status, says):
    assert_verdict(exercises.info_nce, answer, status=status, says=says)


def share(vectors, sides, *, likeness=None, itself=False):
    table = unit(vectors) @ unit(vectors).T if likeness is None else likeness(vectors)
    right = 0
    for i, row in enumerate(table):
        others = [j for j in range(len(row)) if itself or j != i]
        right += sides[max(others, key=lambda j: row[j])] == sides[i]
    return right / len(table)


def by_sklearn(vectors, sides):
    from sklearn.model_selection import LeaveOneOut, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    nearest = KNeighborsClassifier(1, metric="cosine")
    return cross_val_score(nearest, vectors, sides, cv=LeaveOneOut()).mean()


def by_centres(vectors, sides):
    centres = np.stack([unit(vectors)[sides == side].mean(axis=0) for side in (0, 1)])
    return float(np.mean(np.argmax(unit(vectors) @ centres.T, axis=1) == sides))


def distances(vectors):
    return -((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.survival.reference, "correct", "leave-one-out"),
        (share, "correct", ""),
        (by_sklearn, "correct", ""),
        (stub, "not attempted", ""),
        (lambda v, s: share(v, s, itself=True), "wrong", "finds itself"),
        (by_centres, "wrong", "make its own centre"),
        (lambda v, s: share(v, s, likeness=lambda v: v @ v.T), "wrong", "inner product"),
        (lambda v, s: share(v, s, likeness=distances), "wrong", "by distance"),
        (lambda v, s: share(v, s, likeness=lambda v: -unit(v) @ unit(v).T), "wrong", "least alike"),
        (lambda v, s: 1 - share(v, s), "wrong", "beside the other side"),
        (lambda v, s: 0.5, "wrong", ""),
    ],
)
def test_survival(answer, status, says):
    assert_verdict(exercises.survival, answer, status=status, says=says)


def test_the_planted_fault_hides_an_effect_from_its_own_words_only():
    generator = np.random.default_rng(0)
    meaning, targets = generator.normal(size=40), 4
    pleasant, unpleasant, own = (generator.normal(size=(12, 40)) for _ in range(3))
    good, bad = pleasant + 0.9 * meaning, unpleasant - 0.9 * meaning
    first, second = own[:targets] + meaning, own[targets : 2 * targets] - meaning
    vectors = np.vstack([first, second, good, bad])
    x, y = np.arange(targets), np.arange(targets, 2 * targets)
    a, b = np.arange(8, 14), np.arange(20, 26)  # half of the pleasant and of the unpleasant words
    cleaned = exercises.careless_debias(vectors, a, b)
    step = vectors[a].mean(axis=0) - vectors[b].mean(axis=0)
    np.testing.assert_allclose(cleaned @ step, 0, atol=1e-9)
    before = weat(vectors[x], vectors[y], attributes=(vectors[a], vectors[b]))
    after = weat(cleaned[x], cleaned[y], attributes=(cleaned[a], cleaned[b]))
    others = weat(cleaned[x], cleaned[y], attributes=(cleaned[14:20], cleaned[26:32]))
    assert before.effect_size > 1.5
    assert abs(after.effect_size) < others.effect_size


def test_pairs_for_the_direction_hold_no_name():
    words = [word for pair in exercises.GENDER_PAIRS for word in pair.split()]
    assert len(words) == len(set(words)) == 20
    assert not {"john", "mary", "paul"} & set(words)
