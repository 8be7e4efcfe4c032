"""Temperature, top-k and top-p by hand; drawn texts against the probabilities they are drawn from."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import START, RandomTables
from scipy.stats import binom

from course_utils.decoding.greedy import greedy
from course_utils.decoding.sampling import (
    apply_temperature,
    draw,
    keep_top_k,
    keep_top_p,
    sample,
    shape_distribution,
)
from course_utils.decoding.steps import select

END = 0


def logs(*probabilities):
    return torch.tensor(probabilities).log()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def kept(log_probabilities):
    """Ids of the tokens that can still be drawn."""
    return set(torch.isfinite(log_probabilities).nonzero()[:, 0].tolist())


def assert_probabilities(log_probabilities, *wanted):
    torch.testing.assert_close(log_probabilities.exp(), torch.tensor(wanted), atol=1e-6, rtol=0.0)


def test_temperature_by_hand():
    squared = 0.64 + 0.04
    assert_probabilities(apply_temperature(logs(0.8, 0.2), 0.5), 0.64 / squared, 0.04 / squared)
    roots = math.sqrt(0.8) + math.sqrt(0.2)
    assert_probabilities(
        apply_temperature(logs(0.8, 0.2), 2.0), math.sqrt(0.8) / roots, math.sqrt(0.2) / roots
    )
    assert_probabilities(apply_temperature(logs(0.8, 0.2), 1.0), 0.8, 0.2)
    assert_probabilities(apply_temperature(logs(0.5, 0.3, 0.2), 1e-30), 1.0, 0.0, 0.0)
    assert_probabilities(apply_temperature(logs(0.5, 0.3, 0.2), 1e-300), 1.0, 0.0, 0.0)
    assert_probabilities(apply_temperature(logs(0.5, 0.5, 0.0), 1e-3), 0.5, 0.5, 0.0)


def test_top_k_by_hand():
    assert_probabilities(keep_top_k(logs(0.1, 0.5, 0.1, 0.3), 2), 0.0, 0.625, 0.0, 0.375)
    assert_probabilities(
        keep_top_k(logs(0.1, 0.5, 0.1, 0.3), 3), 0.1 / 0.9, 0.5 / 0.9, 0.0, 0.3 / 0.9
    )  # a tie
    assert_probabilities(keep_top_k(logs(0.25, 0.75), 7), 0.25, 0.75)


@pytest.mark.parametrize(
    ("p", "tokens"),
    [
        (0.05, {1}),  # the likeliest is always kept
        (0.4, {1}),  # reached exactly
        (0.41, {1, 3}),
        (0.7, {1, 3}),
        (0.71, {0, 1, 3}),  # 0 and 2 are equally likely: the lower id comes first
        (0.85, {0, 1, 3}),
        (0.86, {0, 1, 2, 3}),
        (1.0, {0, 1, 2, 3}),
    ],
)
def test_top_p_by_hand(p, tokens):
    probabilities = (0.15, 0.4, 0.15, 0.3)
    shaped = keep_top_p(logs(*probabilities), p)
    assert kept(shaped) == tokens
    mass = sum(probabilities[token] for token in tokens)
    assert_probabilities(shaped, *(q / mass if i in tokens else 0.0 for i, q in enumerate(probabilities)))


@pytest.mark.parametrize(("probabilities", "p"), [((0.5, 0.3, 0.2), 0.8), ((0.7, 0.2, 0.1), 0.9)])
def test_a_mass_that_is_reached_exactly_is_reached_in_spite_of_rounding(probabilities, p):
    assert kept(keep_top_p(logs(*probabilities), p)) == {0, 1}


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), p=st.floats(0.01, 1.0), V=st.integers(1, 12))
def test_top_p_keeps_the_smallest_set_that_reaches_p(seed, p, V):
    scores = (torch.randn(V, generator=generator(seed), dtype=torch.float64) * 2).log_softmax(dim=-1)
    chosen, probabilities = kept(keep_top_p(scores, p)), scores.exp()
    mass = sum(probabilities[token].item() for token in chosen)
    assert mass >= p - 2e-6
    assert mass - min(probabilities[token].item() for token in chosen) < p
    assert min(probabilities[list(chosen)]) >= max(
        [probabilities[t] for t in set(range(V)) - chosen], default=0
    )


def test_the_order_is_temperature_then_k_then_p():
    scores = logs(0.4, 0.3, 0.2, 0.1)
    shaped = shape_distribution(scores, temperature=0.5, top_k=3, top_p=0.8)
    # squares 16 9 4 1; of the first three 16/29 = 0.55 and 9/29 = 0.31 reach 0.8 together
    assert_probabilities(shaped, 16 / 25, 9 / 25, 0.0, 0.0)
    assert kept(keep_top_p(scores, 0.8)) == {0, 1, 2}  # without the temperature three are needed


def test_shapes_with_rows_are_shaped_row_by_row():
    scores = torch.randn(3, 2, 5, generator=generator()).log_softmax(dim=-1)
    shaped = shape_distribution(scores, temperature=0.7, top_k=4, top_p=0.9)
    for i in range(3):
        for j in range(2):
            alone = shape_distribution(scores[i, j], temperature=0.7, top_k=4, top_p=0.9)
            torch.testing.assert_close(shaped[i, j], alone)


def test_a_dart_hits_the_token_whose_stretch_it_falls_into():
    scores = logs(0.0, 0.25, 0.0, 0.75, 0.0).expand(5, 5)
    darts = torch.tensor([0.0, 0.2499, 0.2501, 0.9, 1 - 1e-12], dtype=torch.float64)
    assert draw(scores, darts).tolist() == [1, 1, 3, 3, 3]


@pytest.mark.parametrize("limits", [{"top_k": 1}, {"temperature": 1e-6}, {"top_p": 1e-9}], ids=str)
def test_the_narrowest_settings_are_greedy(limits):
    tables = RandomTables(2)
    sources = tuple(range(10))
    wanted = tables.call(greedy, sources=sources, end=END, max_length=8)
    assert (
        tables.call(sample, sources=sources, end=END, max_length=8, generator=generator(), **limits) == wanted
    )


@pytest.mark.parametrize("limits", [{}, {"temperature": 0.6}, {"top_k": 2}, {"top_p": 0.7}], ids=str)
def test_frequencies_follow_the_probabilities_of_whole_texts(limits):
    draws, tables = 4000, RandomTables(5, V=3, spread=1.0)
    found = tables.call(sample, sources=(0,) * draws, end=END, max_length=3, generator=generator(1), **limits)
    counts = {}
    for text in found:
        counts[text.tokens] = counts.get(text.tokens, 0) + 1
    total = 0.0
    for tokens in tables.all_texts(end=END, max_length=3):
        read, probability = (START, *tokens), 1.0
        for place, token in enumerate(tokens):
            scores = tables.log_probabilities(0, read[: place + 1])
            probability *= shape_distribution(scores, **limits)[token].exp().item()
        count = counts.get(tokens, 0)
        assert min(binom.cdf(count, draws, probability), binom.sf(count - 1, draws, probability)) > 1e-4
        total += probability
    assert total == pytest.approx(1.0, abs=1e-5)


def test_the_same_generator_gives_the_same_texts_and_another_does_not():
    tables = RandomTables(6)
    runs = [
        tables.call(sample, sources=tuple(range(9)), end=END, max_length=9, generator=generator(seed))
        for seed in (3, 3, 4)
    ]
    assert runs[0] == runs[1] != runs[2]
    torch.manual_seed(8)
    first = tables.call(sample, end=END, max_length=9)
    torch.manual_seed(8)
    assert tables.call(sample, end=END, max_length=9) == first


def test_a_row_does_not_depend_on_the_others():
    tables = RandomTables(6)
    settings = {"end": END, "max_length": 12}
    many = tables.call(sample, sources=(0, 1, 2, 3), generator=generator(2), **settings)
    others = tables.call(sample, sources=(7, 1, 8, 9), generator=generator(2), **settings)
    assert many[1] == others[1]
    assert [len(text.tokens) for text in many] != [len(text.tokens) for text in others]


def test_several_texts_of_one_source():
    tables = RandomTables(6)
    state = select(tables.state([0, 1]), [0, 0, 0, 1, 1, 1])
    found = sample(
        tables.step, state, start=torch.full((6,), START), end=END, max_length=9, generator=generator()
    )
    assert len({text.tokens for text in found[:3]}) > 1
    assert found[4].log_probabilities == pytest.approx(tables.gains(found[4].tokens, source=1), abs=1e-6)


def test_log_probabilities_are_the_models_own():
    tables = RandomTables(7)
    for text in tables.call(
        sample,
        sources=(0,) * 5,
        end=END,
        max_length=6,
        temperature=3.0,
        top_k=3,
        min_length=3,
        generator=generator(),
    ):
        assert text.log_probabilities == pytest.approx(tables.gains(text.tokens), abs=1e-6)
        assert len(text.tokens) >= 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"temperature": 0.0}, "call greedy"),
        ({"temperature": -1.0}, "above 0"),
        ({"temperature": math.nan}, "above 0"),
        ({"temperature": math.inf}, "above 0"),
        ({"top_k": 0}, "keep at least 1 token"),
        ({"top_p": 0.0}, "above 0 and at most 1"),
        ({"top_p": 1.01}, "above 0 and at most 1"),
        ({"top_p": math.nan}, "above 0 and at most 1"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused_before_the_first_step(setting, message):
    tables = RandomTables(0)
    with pytest.raises(ValueError, match=message):
        tables.call(sample, end=END, max_length=3, **setting)
    assert tables.rows_seen == []
