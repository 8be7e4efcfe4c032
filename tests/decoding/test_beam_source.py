"""Length penalties by hand, the tree of a search, and what becomes of each of its nodes."""

import math

import pytest
import torch
from random_tables import RandomTables

from course_utils.decoding.beam import beam_search, length_norm

END = 0


def texts_of(result):
    return [hypothesis.tokens for hypothesis in result.hypotheses]


def test_length_norm_by_hand():
    assert length_norm(7, penalty=0.0) == length_norm(7, penalty=0.0, kind="wu") == 1.0
    assert length_norm(7, penalty=1.0) == 7.0
    assert length_norm(9, penalty=0.5) == 3.0
    assert length_norm(7, penalty=1.0, kind="wu") == 2.0
    assert length_norm(1, penalty=3.0, kind="wu") == 1.0
    assert length_norm(19, penalty=0.5, kind="wu") == 2.0


def test_no_penalty_is_plain_sums_of_either_kind():
    tables = RandomTables(13)
    how = {"width": 4, "end": END, "max_length": 6}
    plain, wu = (tables.call(beam_search, penalty_kind=kind, **how) for kind in ("length", "wu"))
    assert plain == wu
    assert all(h.score == pytest.approx(h.log_probability) for h in plain[0].hypotheses)


def test_the_tree_holds_every_node_with_its_parent_and_fate():
    tables, width = RandomTables(15), 3
    (found,) = tables.call(beam_search, width=width, end=END, max_length=6, keep_tree=True)
    for node in found.tree:
        path = [node]
        while path[-1].parent is not None:
            path.append(found.tree[path[-1].parent])
            assert path[-1].fate == "kept"
        tokens = tuple(n.token for n in reversed(path))
        assert len(tokens) == node.length
        assert node.log_probability == pytest.approx(tables.gains(tokens)[-1], abs=1e-6)
        assert node.total == pytest.approx(sum(tables.gains(tokens)), abs=1e-5)
    for length in range(1, max(node.length for node in found.tree) + 1):
        nodes = [node for node in found.tree if node.length == length]
        totals = [node.total for node in nodes]
        assert totals == sorted(totals, reverse=True)
        assert len(nodes) <= 2 * width
        assert sum(node.fate == "kept" for node in nodes) <= width


def test_fates_by_hand():
    """Two beams over END, a, b: after each prefix 0.5 a, 0.3 END, 0.2 b."""

    def step(state, tokens):
        return torch.tensor([[0.3, 0.5, 0.2]]).log().expand(len(tokens), 3), state

    (found,) = beam_search(
        step, None, start=torch.tensor([1]), end=END, max_length=2, width=2, keep_tree=True
    )
    seen = [(n.parent, n.token, round(math.exp(n.total), 6), n.length, n.fate) for n in found.tree]
    first = [(None, 1, 0.5, 1, "kept"), (None, END, 0.3, 1, "finished"), (None, 2, 0.2, 1, "kept")]
    second = [(0, 1, 0.25, 2, "stopped"), (0, END, 0.15, 2, "finished")]
    assert seen[:5] == first + second
    assert {(parent, token, fate) for parent, token, _, _, fate in seen[5:]} == {(0, 2, "cut"), (2, 1, "cut")}
    assert texts_of(found) == [(END,), (1, 1)]
    assert [h.finished for h in found.hypotheses] == [True, False]


def test_an_end_that_ranks_below_the_beam_is_cut():
    def step(state, tokens):
        return torch.tensor([[0.2, 0.5, 0.3]]).log().expand(len(tokens), 3), state

    (found,) = beam_search(
        step, None, start=torch.tensor([1]), end=END, max_length=1, width=2, keep_tree=True
    )
    assert [(n.token, n.fate) for n in found.tree] == [(1, "stopped"), (2, "stopped"), (END, "cut")]


def test_a_tree_is_kept_on_request_only_and_changes_nothing():
    tables = RandomTables(16)
    how = {"sources": (0, 1, 2), "width": 3, "end": END, "max_length": 7}
    without, with_tree = tables.call(beam_search, **how), tables.call(beam_search, keep_tree=True, **how)
    assert [r.hypotheses for r in without] == [r.hypotheses for r in with_tree]
    assert all(r.tree == () for r in without)
    assert all(any(n.fate == "cut" for n in r.tree) for r in with_tree)
