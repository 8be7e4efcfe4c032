"""Lesson 02's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
from answers import assert_verdict, stub

from course_utils.evaluation.language_model import perplexity
from course_utils.exercises import lesson_02 as exercises
from course_utils.models.ngrams import KneserNey
from course_utils.plots.style import new_figure


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (4, "correct", "equally likely"),
        (4.0, "correct", ""),
        (64, "wrong", "third root"),
        (14 / 3, "wrong", "geometric"),
        (4.67, "wrong", "geometric"),
        (3.43, "wrong", "average the logarithms"),
        (2, "wrong", "in bits"),
        (1.386, "wrong", "in nats"),
        (0.25, "wrong", "1 over it"),
        (5, "wrong", ""),
    ],
)
def test_three_words(answer, status, says):
    assert_verdict(exercises.three_words, answer, status=status, says=says)


def with_sets(pairs, size):
    kinds = {(int(a), int(b)) for a, b in pairs}
    return [sum(b == word for _, b in kinds) / len(kinds) for word in range(size)]


def occurrences(pairs, size):
    return np.array([(pairs[:, 1] == word).mean() for word in range(size)])


def followers(pairs, size):
    kinds = set(map(tuple, pairs.tolist()))
    return np.array([sum(a == word for a, _ in kinds) for word in range(size)]) / len(kinds)


def by_tokens(pairs, size):
    return np.array(with_sets(pairs, size)) * len(set(map(tuple, pairs.tolist()))) / len(pairs)


def numbers_only(pairs, size):
    return np.bincount(np.unique(pairs, axis=0)[:, 1], minlength=size)


def too_short(pairs, size):
    kinds = np.unique(pairs, axis=0)
    return np.bincount(kinds[:, 1]) / len(kinds)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.continuation.reference, "correct", "Francisco"),
        (with_sets, "correct", ""),
        (stub, "not attempted", ""),
        (occurrences, "wrong", "must count once"),
        (followers, "wrong", "after each word"),
        (by_tokens, "wrong", "not by all pairs"),
        (numbers_only, "wrong", "divide by how many"),
        (too_short, "wrong", "shorter than"),
        (lambda pairs, size: np.ones(size) / size, "wrong", ""),
    ],
)
def test_continuation(answer, status, says):
    verdict = exercises.continuation.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_continuation_is_what_kneser_ney_falls_back_to():
    text = np.array([0, 1, 0, 1, 2, 3, 1, 3, 4])
    pairs = np.column_stack([np.append(5, text[:-1]), text])  # 5 is the start
    model = KneserNey([text], order=2, vocabulary_size=5, discounts=[0, 0.7])
    np.testing.assert_allclose(exercises.continuation.reference(pairs, 5), model.distribution([4]))


def with_a_loop(val_a, val_b, test_a, test_b):
    found = []
    for w in np.linspace(0.01, 0.99, 99):
        found.append((np.logaddexp(np.log(w) + val_a, np.log(1 - w) + val_b).mean(), w))
    _, w = max(found)
    return np.exp(-np.logaddexp(np.log(w) + test_a, np.log(1 - w) + test_b).mean())


def best_on(a, b):
    grid = np.linspace(0.01, 0.99, 99)
    scores = [np.logaddexp(np.log(w) + a, np.log(1 - w) + b).mean() for w in grid]
    return grid[np.argmax(scores)], np.exp(-max(scores))


def with_weight(weight, a, b):
    return np.exp(-np.log(weight * np.exp(a) + (1 - weight) * np.exp(b)).mean())


def mixes_logs(val_a, val_b, test_a, test_b):
    grid = np.linspace(0.01, 0.99, 99)
    w = grid[np.argmax([(w * val_a + (1 - w) * val_b).mean() for w in grid])]
    return np.exp(-(w * test_a + (1 - w) * test_b).mean())


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.honest_mixture.reference, "correct", "difference is small"),
        (with_a_loop, "correct", ""),
        (stub, "not attempted", ""),
        (lambda va, vb, ta, tb: best_on(ta, tb)[1], "wrong", "chosen on the test words"),
        (lambda va, vb, ta, tb: best_on(va, vb)[1], "wrong", "that chose the weight"),
        (mixes_logs, "wrong", "no distribution"),
        (
            lambda va, vb, ta, tb: (
                (w := best_on(va, vb)[0]) * np.exp(-ta.mean()) + (1 - w) * np.exp(-tb.mean())
            ),
            "wrong",
            "averages two perplexities",
        ),
        (lambda va, vb, ta, tb: with_weight(0.5, ta, tb), "wrong", "half and half"),
        (lambda va, vb, ta, tb: with_weight(best_on(va, vb)[0], tb, ta), "wrong", "wrong model"),
        (lambda va, vb, ta, tb: best_on(va, vb)[0], "wrong", "gives the weight"),
        (lambda va, vb, ta, tb: 1.0, "wrong", ""),
    ],
)
def test_honest_mixture(answer, status, says):
    verdict = exercises.honest_mixture.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_planted_fault_makes_unknown_words_free():
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 5, size) for size in (20, 7)]
    logs = [np.log(rng.uniform(0.05, 0.5, len(ids))) for ids in documents]
    found = exercises.careless_perplexity(logs, documents, unknown=4)
    free = [np.where(ids == 4, 0.0, row) for row, ids in zip(logs, documents, strict=True)]
    assert found == pytest.approx(perplexity(np.concatenate(free)))
    assert found < perplexity(np.concatenate(logs))
    nothing_unknown = exercises.careless_perplexity(logs, documents, unknown=99)
    assert nothing_unknown == pytest.approx(perplexity(np.concatenate(logs)))


def test_the_guess_about_the_mixture_follows_the_measurement():
    for ratio, choice in ((0.9, "clearly below both"), (0.99, "as good as the better one"), (1.1, "between")):
        assert choice in exercises.guess_mixture(new_figure()[0], ratio=ratio).measured
