"""Recurrent cells against PyTorch's cells with the same weights, and against steps worked out by hand."""

import math

import pytest
import torch
from torch import nn

from course_utils.layers.recurrent import GRU, GRUCell, LSTMCell, RNNCell

B, N, C = 3, 4, 5
KINDS = {RNNCell: nn.RNNCell, LSTMCell: nn.LSTMCell, GRUCell: nn.GRUCell}


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def with_weights(cell, *, ih, hh, bias_ih, bias_hh):
    """A cell of width 1 with weights chosen by hand."""
    values = {"weight_ih": [[v] for v in ih], "weight_hh": [[v] for v in hh]}
    values |= {"bias_ih": bias_ih, "bias_hh": bias_hh}
    cell.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
    return cell


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.mark.parametrize("started", [False, True], ids=["zeros", "given state"])
def test_values_and_gradients_equal_pytorch(kind, started):
    torch.manual_seed(0)
    ours, twin = kind(N, C), KINDS[kind](N, C)
    ours.load_state_dict(twin.state_dict())
    results = []
    for cell in (ours, twin):
        x, h, c = (random(B, width, seed=k).requires_grad_() for width, k in ((N, 0), (C, 1), (C, 2)))
        state = None if not started else (h, c) if kind is LSTMCell else h
        new = as_tuple(cell(x, state))
        wanted = [x, *(cell.get_parameter(name) for name, _ in twin.named_parameters())]
        wanted += as_tuple(state) if started else []
        loss = sum((part * random(B, C, seed=8)).mean() for part in new)
        results.append([*new, *torch.autograd.grad(loss, wanted)])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=0.0)


def test_elman_step_by_hand():
    cell = with_weights(RNNCell(1, 1), ih=[0.5], hh=[-2.0], bias_ih=[0.1], bias_hh=[0.2])
    new = cell(torch.tensor([[2.0]]), torch.tensor([[0.25]]))
    assert new.item() == pytest.approx(math.tanh(0.5 * 2 + 0.1 - 2 * 0.25 + 0.2), abs=1e-6)


def test_lstm_step_by_hand():
    cell = with_weights(
        LSTMCell(1, 1), ih=[1.0, 2.0, 3.0, 4.0], hh=[0.5, 0.6, 0.7, 0.8], bias_ih=[0.1] * 4, bias_hh=[0.0] * 4
    )
    (h, c), gates = cell.trace(torch.tensor([[1.0]]), (torch.tensor([[0.5]]), torch.tensor([[2.0]])))
    read, forget, show = sigmoid(1 + 0.25 + 0.1), sigmoid(2 + 0.3 + 0.1), sigmoid(4 + 0.4 + 0.1)
    candidate = math.tanh(3 + 0.35 + 0.1)
    memory = forget * 2 + read * candidate
    assert c.item() == pytest.approx(memory, abs=1e-6)
    assert h.item() == pytest.approx(show * math.tanh(memory), abs=1e-6)
    found = [gates[name].item() for name in ("input", "forget", "output", "candidate", "memory")]
    assert found == pytest.approx([read, forget, show, candidate, memory], abs=1e-6)


def test_gru_step_by_hand_with_the_reset_behind_the_product():
    cell = with_weights(
        GRUCell(1, 1),
        ih=[1.0, -1.0, 2.0],
        hh=[0.5, 0.25, 3.0],
        bias_ih=[0.1, 0.2, 0.3],
        bias_hh=[0.0, 0.0, 0.7],
    )
    new, gates = cell.trace(torch.tensor([[1.0]]), torch.tensor([[-0.5]]))
    reset, update = sigmoid(1 + 0.1 - 0.25), sigmoid(-1 + 0.2 - 0.125)
    candidate = math.tanh(2 + 0.3 + reset * (3 * -0.5 + 0.7))
    of_the_paper = math.tanh(2 + 0.3 + 3 * (reset * -0.5) + 0.7)
    assert abs(candidate - of_the_paper) > 0.01
    assert new.item() == pytest.approx(update * -0.5 + (1 - update) * candidate, abs=1e-6)
    found = [gates[name].item() for name in ("reset", "update", "candidate")]
    assert found == pytest.approx([reset, update, candidate], abs=1e-6)


def test_a_layer_is_its_cell_repeated(kind):
    from course_utils.layers import recurrent

    layer = getattr(recurrent, kind.__name__.removesuffix("Cell"))(N, C)
    cell = kind(N, C)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x, state, ahead = random(B, 6, N), None, cell.project(random(B, 6, N))
    outputs, _ = layer(x)
    for t in range(6):
        projected_once, _ = cell.step(ahead[:, t], state)
        state = cell(x[:, t], state)
        torch.testing.assert_close(as_tuple(state)[0], outputs[:, t], atol=1e-6, rtol=0.0)
        torch.testing.assert_close(as_tuple(projected_once)[0], outputs[:, t], atol=1e-6, rtol=0.0)


def test_an_update_gate_of_one_keeps_the_old_state():
    layer = GRU(N, C)
    with torch.no_grad():
        layer.bias_ih_l0[C : 2 * C] = 50.0
    state = random(B, C)
    torch.testing.assert_close(layer(random(B, 4, N), state=state)[1], state)


@pytest.mark.parametrize("shape", [(B, N + 1), (B, 2, N), (N,)])
def test_an_input_of_another_shape_is_refused(kind, shape):
    with pytest.raises(ValueError, match="a cell reads"):
        kind(N, C)(torch.zeros(shape))


def test_a_state_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="initial state must be one tensor of shape"):
        GRUCell(N, C)(torch.zeros(B, N), torch.zeros(B + 1, C))
