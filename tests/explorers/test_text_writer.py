"""TextWriter and its settings, by hand; what it writes is compared with the sampler in test_generation.py."""

import math

import numpy as np
import pytest

from course_utils.explorers.base import InputProblem
from course_utils.explorers.text_writer import Settings, TextWriter

SHARES = np.array([0.5, 0.3, 0.2])
END = 2


def shape(scores, *, temperature, top_k, top_p):
    """Top-k only."""
    if top_k == 13:
        raise ValueError("no thirteen")
    kept = np.argsort(-scores)[:top_k]
    shaped = np.full(len(scores), -np.inf)
    shaped[kept] = scores[kept] / temperature
    return shaped - np.log(np.exp(shaped).sum())


@pytest.fixture
def asked():
    return []


@pytest.fixture
def writer(asked):
    def predict(tokens):
        asked.append(tuple(tokens))
        tokens.clear()  # a model that spoils what it is given spoils nothing
        return np.log(SHARES)

    return TextWriter(predict, shape=shape, end=END, kept=10)


def test_darts_pick_tokens_one_by_one(writer, asked):
    choices = writer.write([7], settings=Settings(), darts=[0.1, 0.6, 0.49])
    assert [choice.token for choice in choices] == [0, 1, 0]
    assert asked == [(7,), (7, 0), (7, 0, 1)]
    np.testing.assert_allclose(choices[0].probabilities, SHARES)


def test_the_end_token_ends_it(writer, asked):
    assert [one.token for one in writer.write([7], settings=Settings(), darts=[0.9, 0.1])] == [END]
    assert len(asked) == 1


def test_the_filter_comes_between_model_and_dart(writer):
    (choice,) = writer.write([7], settings=Settings(top_k=2, temperature=0.5), darts=[0.99])
    squares = np.array([0.25, 0.09, 0.0]) / 0.34
    np.testing.assert_allclose(choice.probabilities, squares)
    assert choice.token == 1
    np.testing.assert_allclose(
        writer.unfiltered(choice.answer, Settings(top_k=2, temperature=0.5)), [25 / 38, 9 / 38, 4 / 38]
    )


def test_greedy_asks_no_filter(writer):
    settings = Settings(greedy=True, top_k=13)
    choices = writer.write([7], settings=settings, darts=[0.99, 0.99])
    assert [choice.token for choice in choices] == [0, 0]
    np.testing.assert_array_equal(choices[0].probabilities, [1, 0, 0])
    np.testing.assert_allclose(writer.unfiltered(choices[0].answer, settings), SHARES)


def test_what_the_filter_refuses_is_a_problem_of_the_input(writer):
    with pytest.raises(InputProblem, match="no thirteen"):
        writer.write([7], settings=Settings(top_k=13), darts=[0.1])


@pytest.mark.parametrize("temperature", [0.0, -2.0, math.nan])
def test_a_temperature_that_is_none_points_to_greedy(temperature):
    with pytest.raises(InputProblem, match="choose greedy"):
        Settings(temperature=temperature)


@pytest.mark.parametrize("wrong", [lambda s: s[:2], lambda s: s + 1, lambda s: s * math.nan])
def test_a_filter_that_gives_no_distribution_is_refused(writer, wrong):
    writer._shape = lambda scores, **settings: wrong(scores)
    with pytest.raises(ValueError, match="all V tokens that sum to 1"):
        writer.write([7], settings=Settings(), darts=[0.1])
