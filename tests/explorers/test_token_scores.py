"""Answers of a model: checked, ranked, remembered; and the dart that picks a token."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.decoding.sampling import draw
from course_utils.explorers.token_scores import Asked, check_answer, entropy, hit

SHARES = np.array([0.1, 0.4, 0.0, 0.4, 0.1])
with np.errstate(divide="ignore"):
    SCORES = np.log(SHARES)


def test_ranks_and_best_with_ties():
    answer = check_answer(SCORES)
    assert [answer.rank(token) for token in range(5)] == [3, 1, 5, 1, 3]
    assert [answer.best(count) for count in (1, 2, 3, 4, 9)] == [
        [1], [1, 3], [1, 3, 0], [1, 3, 0, 4], [1, 3, 0, 4, 2],
    ]  # fmt: skip
    np.testing.assert_allclose(answer.probabilities, SHARES)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(1, 30))
def test_best_is_a_stable_sort(numbers, count):
    scores = np.array(numbers, dtype=float)
    scores -= np.log(np.exp(scores).sum())
    expected = sorted(range(len(scores)), key=lambda token: (-scores[token], token))[:count]
    assert check_answer(scores).best(count) == expected


def test_tensors_are_answers_too():
    given_scores = torch.randn(7).log_softmax(dim=-1).requires_grad_()
    answer = check_answer(given_scores)
    assert answer.given is given_scores
    np.testing.assert_allclose(answer.log_probabilities, given_scores.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("given_scores", "says"),
    [
        (np.zeros((2, 3)), "one row"),
        (np.zeros(0), "one row"),
        (np.zeros(3), "sum to 3"),
        (np.full(3, np.nan), "sum to nan"),
        (np.array([1e300, 0.0]), "not to 1"),
        (np.full(3, -np.inf), "sum to 0"),
    ],
)
def test_what_is_no_log_probabilities_is_refused(given_scores, says):
    with pytest.raises(ValueError, match=says):
        check_answer(given_scores)


def test_each_question_is_asked_once_and_the_oldest_is_forgotten():
    asked, said = Asked(kept=2), []

    def ask(key):
        asked.ask(key, lambda: (said.append(key), SCORES)[1])

    for key in "abaacaab":  # using a keeps it; b goes when c comes
        ask(key)
    assert said == ["a", "b", "c", "b"]
    assert len(asked) == 2


def test_a_dart_hits_as_the_decoder_draws():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(50, 0.2), size=40) * (rng.random((40, 50)) < 0.7)
    shares /= shares.sum(axis=1, keepdims=True)
    darts = rng.random(40)
    with np.errstate(divide="ignore"):
        expected = draw(torch.tensor(np.log(shares)), torch.tensor(darts))
    assert [hit(row, dart) for row, dart in zip(shares, darts, strict=True)] == expected.tolist()


@pytest.mark.parametrize(
    ("dart", "token"), [(0.0, 0), (0.0999, 0), (0.1, 1), (0.4999, 1), (0.51, 3), (0.95, 4), (1 - 1e-16, 4)]
)
def test_a_dart_by_hand(dart, token):
    assert hit(SHARES, dart) == token


def test_a_dart_never_hits_what_has_no_room():
    shares = np.array([0.0, 0.3, 0.7, 0.0])
    assert {hit(shares, dart) for dart in (0.0, 0.3, 0.5, 1 - 1e-16, 1.0)} == {1, 2}


def test_entropy_by_hand():
    assert entropy(np.array([0.5, 0.25, 0.25, 0.0])) == pytest.approx(1.5 * np.log(2))
    assert entropy(np.array([1.0, 0.0])) == 0
