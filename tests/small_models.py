"""Models small enough to train in a test, and what is compared about them."""

import math
import os
from pathlib import Path

import pytest
import torch
from torch import nn

ROOT = Path(__file__).parents[1]
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and fork")


class Regression(nn.Module):
    """Two layers; the loss is the mean squared error in the unit of the target, squared."""

    def __init__(self, *, seed=0, width=5):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 1))

    def loss(self, batch):
        inputs, targets = batch
        return (self.layers(inputs) - targets).square().mean()


class Counter(nn.Module):
    """With plain SGD at learning rate 1 its weight is minus the number of updates, exactly."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def loss(self, batch):
        return self.weight * batch


def make_batches(count=7, *, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(4, 3, generator=generator), torch.randn(4, 1, generator=generator)) for _ in range(count)
    ]


def shuffled(generator):
    """One shuffled pass over seven batches."""
    batches = make_batches()
    return (batches[index] for index in torch.randperm(len(batches), generator=generator))


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def assert_consistent(history):
    length = len(history)
    assert history.steps == list(range(1, length + 1))
    assert len(history.losses) == len(history.seconds) == len(history.learning_rates) == length
    assert history.seconds == sorted(history.seconds)
    assert all(math.isfinite(loss) for loss in history.losses)
