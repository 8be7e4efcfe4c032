"""Lesson 10's checkers, against right, empty and plausibly wrong answers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from answers import assert_verdict, stub
from torch import nn

from course_utils.exercises import lesson_10 as exercises
from course_utils.layers.recurrent import GRU


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (55_872, "correct", "does not occur"),
        (sum(p.numel() for p in nn.GRU(96, 96).parameters()), "correct", ""),
        (sum(p.numel() for p in nn.LSTM(96, 96).parameters()), "wrong", "an LSTM's"),
        (sum(p.numel() for p in nn.RNN(96, 96).parameters()), "wrong", "one part"),
        (55_584, "wrong", "one is missing"),
        (55_296, "wrong", "biases are missing"),
        (27_936, "wrong", "two matrices"),
        (28_224, "wrong", "two matrices"),
        (12, "wrong", ""),
    ],
)
def test_parameters(answer, status, says):
    assert_verdict(exercises.parameters, answer, status=status, says=says)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def with_pytorch(sums, memory):
    """PyTorch's own cell, whose biases are the sums and whose weights are 0."""
    width = len(memory)
    cell = nn.LSTMCell(1, width).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih.copy_(torch.from_numpy(np.array(sums)))
        given = torch.zeros(1, width).double(), torch.from_numpy(np.array(memory))[None]
        state, memory = cell(torch.zeros(1, 1).double(), given)
    return state[0].numpy(), memory[0].numpy()


def wrong_step(sums, memory, *, places=(0, 1, 2, 3), show=np.tanh, gate=sigmoid, fresh=np.tanh):
    i, f, g, o = (np.reshape(sums, (4, -1))[place] for place in places)
    new = gate(f) * memory + gate(i) * fresh(g)
    return gate(o) * show(new), new


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.step.reference, "correct", "forget gate"),
        (with_pytorch, "correct", ""),
        (wrong_step, "correct", ""),
        (stub, "not attempted", ""),
        (lambda s, m: wrong_step(s, m, places=(0, 1, 3, 2)), "wrong", "changed places"),
        (lambda s, m: wrong_step(s, m, places=(1, 0, 2, 3)), "wrong", "yours are exchanged"),
        (lambda s, m: wrong_step(s, m, show=lambda c: c), "wrong", "tanh is missing"),
        (lambda s, m: wrong_step(s, m, fresh=sigmoid), "wrong", "can be negative; yours goes"),
        (lambda s, m: wrong_step(s, m, gate=np.tanh), "wrong", "gates go from 0 to 1"),
        (lambda s, m: wrong_step(s, m)[::-1], "wrong", "the other way round"),
        (lambda s, m: (m, m), "wrong", ""),
    ],
)
def test_step(answer, status, says):
    assert_verdict(exercises.step, answer, status=status, says=says)


def with_autograd(U, states, last):
    """The same by autograd: inputs are chosen so that the states come out as given."""
    matrix = torch.tensor(U, requires_grad=True)
    old = torch.tensor(states)
    inside = torch.atanh(old[1:]) - old[:-1] @ matrix.detach().T  # what W x + b must have been
    h = old[0]
    for x in inside:
        h = torch.tanh(x + matrix @ h)
    return torch.autograd.grad(h @ torch.tensor(last), matrix)[0].numpy()


def walk(U, states, last, *, steps=None, slope=lambda h: 1 - h * h, back=np.transpose, old=1):
    total, gradient = 0, np.array(last)
    for t in list(range(1, len(states)))[::-1][:steps]:
        gradient = gradient * slope(states[t])
        total = total + gradient[:, None] * states[t - old][None]
        gradient = back(U) @ gradient
    return total


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.through_time.reference, "correct", "sum over steps"),
        (with_autograd, "correct", ""),
        (walk, "correct", ""),
        (stub, "not attempted", ""),
        (lambda U, s, g: walk(U, s, g, steps=1), "wrong", "only the last step"),
        (lambda U, s, g: walk(U, s, g, slope=lambda h: 1 + 0 * h), "wrong", "slope of tanh is missing"),
        (lambda U, s, g: walk(U, s, g, back=lambda U: U), "wrong", "U.T, not U"),
        (lambda U, s, g: walk(U, s, g, old=0), "wrong", "the state before"),
        (lambda U, s, g: walk(U, s, g).T, "wrong", "transpose"),
        (lambda U, s, g: walk(U, s, g, slope=lambda h: 1 - h), "wrong", "1 − h²"),
        (lambda U, s, g: np.zeros_like(U), "wrong", ""),
    ],
)
def test_through_time(answer, status, says):
    assert_verdict(exercises.through_time, answer, status=status, says=says)


class Reader(nn.Module):
    """What the planted fault needs of a model."""

    def __init__(self):
        super().__init__()
        self.embedding, self.reader, self.output = nn.Embedding(5, 4), GRU(4, 4), nn.Linear(4, 5)

    def loss(self, tokens):
        states, _ = self.reader(self.embedding(tokens[:, :-1]), mask=tokens[:, :-1] != 0)
        return F.cross_entropy(self.output(states).flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0)


def test_the_planted_fault_counts_padding():
    torch.manual_seed(0)
    model = Reader()
    alone = torch.tensor([[1, 3, 2, 4]])
    filled = F.pad(alone, (0, 4))
    # Without padding nothing is wrong with it, so only company gives it away.
    torch.testing.assert_close(exercises.careless_loss(model, alone), model.loss(alone))
    torch.testing.assert_close(model.loss(filled), model.loss(alone))
    twin = nn.GRU(4, 4, batch_first=True)  # reads whatever it is given
    twin.load_state_dict(model.reader.state_dict())
    logs = model.output(twin(model.embedding(filled[:, :-1]))[0]).log_softmax(dim=-1)
    everything = -logs.gather(2, filled[:, 1:, None]).mean()
    torch.testing.assert_close(exercises.careless_loss(model, filled), everything)
    assert abs(everything - model.loss(alone)) > 0.01
    with torch.no_grad():  # a model that finds padding easy looks better the more there is of it
        model.output.bias[0] += 20
        losses = [exercises.careless_loss(model, F.pad(alone, (0, n))).item() for n in (0, 4, 40)]
    assert losses[0] > losses[1] > losses[2]
