"""Greedy decoding against the same choice made in a loop."""

import pytest
import torch
from random_tables import START, RandomTables

from course_utils.decoding.greedy import greedy

END = 0


def by_hand(tables, *, source, max_length, min_length=1):
    tokens = []
    while len(tokens) < max_length and (not tokens or tokens[-1] != END):
        scores = tables.log_probabilities(source, (START, *tokens)).tolist()
        if len(tokens) + 1 < min_length:
            scores[END] = -torch.inf
        tokens.append(scores.index(max(scores)))
    return tuple(tokens)


@pytest.mark.parametrize(
    "bounds", [{"max_length": 1}, {"max_length": 8}, {"max_length": 8, "min_length": 5}], ids=str
)
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_a_loop(seed, bounds):
    tables, sources = RandomTables(seed), tuple(range(6))
    found = tables.call(greedy, sources=sources, end=END, **bounds)
    assert [text.tokens for text in found] == [by_hand(tables, source=s, **bounds) for s in sources]
    for source, text in enumerate(found):
        assert text.log_probabilities == pytest.approx(tables.gains(text.tokens, source=source), abs=1e-6)
        assert text.score == text.log_probability == pytest.approx(sum(text.log_probabilities))
        assert text.finished == (text.tokens[-1] == END)
        assert len(text.without_end) == len(text.tokens) - text.finished


def test_rows_that_have_ended_are_dropped():
    tables = RandomTables(0)
    found = tables.call(greedy, sources=tuple(range(8)), end=END, max_length=20)
    lengths = [len(text.tokens) for text in found]
    assert len(set(lengths)) > 2
    assert tables.rows_seen == [sum(n > done for n in lengths) for done in range(max(lengths))]


def test_one_by_one_is_the_same():
    tables = RandomTables(4)
    together = tables.call(greedy, sources=tuple(range(8)), end=END, max_length=9)
    assert together == [tables.call(greedy, sources=(s,), end=END, max_length=9)[0] for s in range(8)]


def test_of_equally_likely_tokens_the_lowest():
    found = greedy(
        lambda state, tokens: (torch.tensor([[0.2, 0.4, 0.4]]).log(), state),
        None,
        start=torch.tensor([START]),
        end=END,
        max_length=2,
    )
    assert found[0].tokens == (1, 1)
    assert not found[0].finished
