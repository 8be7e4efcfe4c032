"""`fit` equals a loop written by hand, survives interrupts at any moment; kept models are whole."""

import copy
import errno
import importlib
import json
import linecache
import math
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import safetensors
import torch
from torch import nn

from course_utils import training
from course_utils.storage import DataError, StorageError, StorageWarning
from course_utils.training import History, TrainingDiverged, cached, fit, load_model, save_model

ROOT = Path(__file__).parents[1]
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and fork")


@pytest.fixture(autouse=True)
def _silent(monkeypatch):
    monkeypatch.setenv("CI", "1")


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


# The loop


@pytest.mark.parametrize("clip_norm", [None, 1.0, 0.05])
@pytest.mark.parametrize("decay", ["none", "linear", "cosine"])
def test_fit_equals_a_loop_written_by_hand(decay, clip_norm):
    model, twin, batches = Regression(), Regression(), make_batches()
    history = fit(
        model,
        batches,
        steps=20,
        learning_rate=0.03,
        history=History(),
        warmup=5,
        decay=decay,
        clip_norm=clip_norm,
    )
    optimizer, losses, rates = torch.optim.AdamW(twin.parameters(), lr=0.03), [], []
    for step in range(20):
        done = (step - 5) / 15
        factor = {"none": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[decay]
        rate = 0.03 * ((step + 1) / 5 if step < 5 else factor)
        optimizer.param_groups[0]["lr"] = rate
        loss = twin.loss(batches[step % 7])
        optimizer.zero_grad()
        loss.backward()
        if clip_norm is not None:
            length = math.sqrt(sum(p.grad.square().sum().item() for p in twin.parameters()))
            for parameter in twin.parameters():
                parameter.grad *= min(1.0, clip_norm / length)
        optimizer.step()
        losses.append(loss.item())
        rates.append(rate)
    assert history.losses == pytest.approx(losses, rel=1e-5)
    assert history.learning_rates == pytest.approx(rates)
    for parameter, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, rtol=1e-5, atol=1e-6)
    assert_consistent(history)


def test_the_schedule_by_numbers():
    def rates(steps, **keywords):
        history = History()
        fit(Counter(), [torch.ones(())], steps=steps, learning_rate=8.0, history=history, **keywords)
        return history.learning_rates

    assert rates(8, warmup=4, decay="linear") == [2, 4, 6, 8, 8, 6, 4, 2]
    assert rates(4, decay="cosine") == pytest.approx([8, 4 + 4 * math.sqrt(0.5), 4, 4 - 4 * math.sqrt(0.5)])
    assert rates(3, warmup=10) == pytest.approx([0.8, 1.6, 2.4])
    assert rates(3) == [8, 8, 8]


def test_it_overfits_one_batch():
    model, history = Regression(width=32), History()
    fit(model, make_batches(1), steps=300, learning_rate=0.02, history=history)
    assert history.losses[-1] < 0.001 < history.losses[0]


@pytest.mark.parametrize("batches", [make_batches(), shuffled], ids=["list", "function"])
@pytest.mark.parametrize("device", [None, "cpu"])
def test_two_calls_equal_one_longer_call(batches, device):
    one, two = Regression(), Regression()
    long, short = History(), History()
    fit(one, batches, steps=19, learning_rate=0.02, history=long, warmup=5, device=device)
    for steps in (3, 9, 0, 7):  # one ends in the middle of a pass over seven batches
        assert (
            fit(two, batches, steps=steps, learning_rate=0.02, history=short, warmup=5, device=device)
            is short
        )
    assert_same(weights(one), weights(two))
    assert short.losses == long.losses
    assert short.steps == long.steps == list(range(1, 20))
    assert short.learning_rates == long.learning_rates
    assert (short.epoch, short.position) == (long.epoch, long.position)
    assert_consistent(short)


def test_with_decay_the_steps_that_are_left_complete_the_run():
    one, two = Regression(), Regression()
    keywords = {"learning_rate": 0.02, "decay": "cosine", "warmup": 3}
    whole = fit(one, shuffled, steps=20, history=History(), **keywords)

    class Stop(Exception):
        pass

    def stopping(generator):
        for number, batch in enumerate(shuffled(generator)):
            if history.last == 9 and number == 2:
                raise Stop
            yield batch

    history = History()
    with pytest.raises(Stop):
        fit(two, stopping, steps=20, history=history, **keywords)
    assert history.last == 9
    fit(two, shuffled, steps=20 - history.last, history=history, **keywords)
    assert_same(weights(one), weights(two))
    assert history.losses == whole.losses


def test_an_explicit_optimizer_is_used_and_kept():
    model = Counter()
    optimizer = torch.optim.SGD(model.parameters(), lr=99.0)
    keywords = {"learning_rate": 1.0, "clip_norm": None}
    history = fit(model, [torch.ones(())], steps=3, history=History(), optimizer=optimizer, **keywords)
    assert history.optimizer is optimizer
    fit(model, [torch.ones(())], steps=2, history=history, **keywords)
    assert model.weight.item() == -5


def test_every_pass_is_shuffled_anew_and_by_the_seed():
    def order(seed, *, steps=14):
        seen = []

        def passes(generator):
            for index in torch.randperm(7, generator=generator).tolist():
                seen.append(index)
                yield torch.ones(())

        fit(Counter(), passes, steps=steps, learning_rate=0.1, history=History(), seed=seed)
        return seen

    first = order(0)
    assert sorted(first[:7]) == sorted(first[7:14]) == list(range(7))
    assert first[:7] != first[7:14]
    assert first == order(0)
    assert first != order(1)


def test_an_endless_function_and_an_iterator_go_on_where_they_were():
    def crops(generator):
        while True:
            yield torch.rand((), generator=generator)

    seen = []

    class Watcher(Counter):
        def loss(self, batch):
            seen.append(batch.item())
            return super().loss(batch)

    for batches in (crops, lambda _: iter(range_tensors(20)), iter(range_tensors(20))):
        seen.clear()
        history = History()
        for steps in (4, 5):
            fit(Watcher(), batches, steps=steps, learning_rate=0.1, history=without_optimizer(history))
        assert len(set(seen)) == 9
        if batches is not crops:
            assert seen == list(range(9))


def range_tensors(count):
    return [torch.tensor(float(number)) for number in range(count)]


def without_optimizer(history):
    history.optimizer = None
    return history


def test_modes_come_back_gradients_go_and_training_is_on_meanwhile():
    modes = []

    class Watcher(Regression):
        def loss(self, batch):
            modes.append((self.training, self.layers.training))
            return super().loss(batch)

    model = Watcher()
    model.eval()
    model.layers[1].train()
    fit(model, make_batches(), steps=2, learning_rate=0.1, history=History())
    assert modes == [(True, True)] * 2
    assert [module.training for module in model.modules()] == [False, False, False, True, False]
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_frozen_parameter_stays():
    model = Regression()
    model.layers[0].weight.requires_grad_(False)
    before = weights(model)
    fit(model, make_batches(), steps=3, learning_rate=0.1, history=History())
    assert torch.equal(before["layers.0.weight"], model.layers[0].weight)
    assert not torch.equal(before["layers.2.weight"], model.layers[2].weight)


def test_batches_move_to_the_device():
    seen = []

    class Watcher(Counter):
        def loss(self, batch):
            seen.append(batch["x"][0].device.type)
            return self.weight * 1.0

    moved = []
    original = training.move_to
    try:
        training.move_to = lambda value, device: moved.append(device) or original(value, device)
        fit(Watcher(), [{"x": [torch.ones(())]}], steps=1, learning_rate=0.1, history=History(), device="cpu")
    finally:
        training.move_to = original
    assert seen == ["cpu"]
    assert moved == [torch.device("cpu")]


def test_reports_are_means_of_the_steps_since_the_last(capsys):
    history = History()
    fit(Regression(), make_batches(), steps=7, learning_rate=0.01, history=history, report_every=3)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"step 3: loss {sum(history.losses[:3]) / 3:.4f}",
        f"step 6: loss {sum(history.losses[3:6]) / 3:.4f}",
    ]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"steps": -1}, "may be negative"),
        ({"warmup": -1}, "may be negative"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"learning_rate": math.inf}, "learning_rate is inf"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0"),
        ({"clip_norm": math.nan}, "clip_norm is nan"),
        ({"decay": "exponential"}, "decay 'exponential' is unknown"),
        ({"batches": []}, "there are no batches"),
        ({"batches": lambda _: iter(())}, "there are no batches"),
        ({"batches": iter(make_batches(1)), "steps": 2}, "batches ran out"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(keywords, message):
    arguments = {"steps": 1, "learning_rate": 0.1, "batches": make_batches()} | keywords
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match=message) as caught:
        fit(Regression(), arguments.pop("batches"), history=History(), **arguments)
    assert str(caught.value).endswith(".")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_history_of_another_model_is_refused():
    history = fit(Regression(), make_batches(), steps=1, learning_rate=0.1, history=History())
    with pytest.raises(ValueError, match=r"other parameters than the model\'s; start with a new History\(\)"):
        fit(Regression(), make_batches(), steps=1, learning_rate=0.1, history=history)
    model = Regression()
    for parameter in model.layers[0].parameters():
        parameter.requires_grad_(False)
    history = fit(model, make_batches(), steps=1, learning_rate=0.1, history=History())
    model.requires_grad_(True)
    with pytest.raises(ValueError, match="other parameters"):  # else the first layer would never learn
        fit(model, make_batches(), steps=1, learning_rate=0.1, history=history)


def test_a_model_without_a_scalar_loss_is_refused():
    class Vector(Counter):
        def loss(self, batch):
            return self.weight * torch.ones(2)

    keywords = {"steps": 1, "learning_rate": 0.1, "history": History()}
    with pytest.raises(TypeError, match="has no method loss"):
        fit(nn.Linear(1, 1), [1], **keywords)
    with pytest.raises(TypeError, match="one number"):
        fit(Vector(), [1], **keywords)
    with pytest.raises(ValueError, match="no trainable parameters"):
        fit(Counter().requires_grad_(False), [1], **keywords)


# Interrupts


class Interrupter(threading.Thread):
    """Send a real SIGINT some seconds after `go`; the thread runs by then, so nothing else is hit."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.go = seconds, threading.Event()
        self.start()

    def run(self):
        self.go.wait()
        time.sleep(self.seconds)
        os.kill(os.getpid(), signal.SIGINT)


@POSIX
def test_interrupts_at_thirty_random_moments_leave_weights_and_history_in_agreement(capsys):
    model, history, chance = Counter(), History(), random.Random(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    handler, ones = signal.getsignal(signal.SIGINT), [torch.ones(())]
    keywords = {"steps": 10**9, "learning_rate": 1.0, "history": history, "optimizer": optimizer}
    for _ in range(30):
        before, interrupter = history.last, Interrupter(chance.uniform(0.01, 0.05))
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the clock starts just before the training
            interrupter.go.set()
            fit(model, ones, clip_norm=None, **keywords)
        interrupter.join()
        assert model.weight.item() == -history.last
        assert_consistent(history)
        lines = capsys.readouterr().out.splitlines()
        assert lines == [
            f"Stopped after step {history.last} of {before + 10**9}: "
            "model and history hold what was learned so far."
        ]
        assert signal.getsignal(signal.SIGINT) is handler
        assert torch.isfinite(model.loss(ones[0]))
    assert history.last > 300


@POSIX
def test_a_run_interrupted_at_random_moments_and_continued_equals_an_undisturbed_one():
    class Paced(Regression):
        def loss(self, batch):
            time.sleep(0.0002)  # so that a fast machine, too, is interrupted often
            return super().loss(batch)

    keywords = {"learning_rate": 0.01, "warmup": 20, "decay": "linear"}
    one, two, chance = Paced(), Paced(), random.Random(5)
    whole, history, interrupts = History(), History(), 0
    fit(one, shuffled, steps=600, history=whole, **keywords)
    while history.last < 600:
        interrupter = Interrupter(chance.uniform(0.002, 0.008)) if interrupts < 20 else None
        try:
            if interrupter:
                interrupter.go.set()
            fit(two, shuffled, steps=600 - history.last, history=history, **keywords)
            if interrupter:
                interrupter.join()
                time.sleep(0.01)  # an interrupt after the end arrives here
        except KeyboardInterrupt:
            interrupts += 1
            interrupter.join()
        assert_consistent(history)
        assert all(torch.isfinite(parameter).all() for parameter in two.parameters())
    assert interrupts >= 15
    assert history.losses == whole.losses
    assert history.learning_rates == whole.learning_rates
    assert_same(weights(one), weights(two))


TRACED = {training.__file__, training.InterruptGate.install.__code__.co_filename}


def fit_interrupted_at(moment, model, history, **keywords):
    """Run fit and send SIGINT before the n-th line it executes in our code; tell if that line came."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if frame.f_code.co_filename not in TRACED or frame.f_code.co_name == "_handle":
            return None
        if event == "line":
            count += 1
            source = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
            if source == "gate.held = True":  # Python looks for signals on entering functions, not here
                count -= 1
            elif count == moment:
                signal.raise_signal(signal.SIGINT)
        return trace

    sys.settrace(trace)
    try:
        fit(model, shuffled, history=history, **keywords)
    finally:
        sys.settrace(None)
    return count >= moment


@POSIX
@pytest.mark.slow
def test_an_interrupt_at_every_single_line_leaves_a_run_that_can_be_completed(capsys):
    keywords = {"learning_rate": 0.01, "decay": "linear"}
    one, handler = Regression(), signal.getsignal(signal.SIGINT)
    whole = fit(one, shuffled, steps=3, history=History(), **keywords)
    start, moment, stops = weights(Regression()), 0, set()
    model = Regression()
    while True:
        moment += 1
        model.load_state_dict(start)
        model.eval()
        history = History()
        try:
            if not fit_interrupted_at(moment, model, history, steps=3, **keywords):
                break
        except KeyboardInterrupt:
            stops.add(history.last)
        else:
            pytest.fail(f"the interrupt at moment {moment} was lost")
        assert signal.getsignal(signal.SIGINT) is handler
        assert not any(module.training for module in model.modules())
        assert_consistent(history)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 1 or (not lines and history.last in {0, 3})  # before training and after it
        fit(model, shuffled, steps=3 - history.last, history=history, **keywords)
        assert history.losses == whole.losses, f"interrupted at moment {moment}"
        assert_same(weights(one), weights(model))
    assert moment > 120
    assert stops == {0, 1, 2, 3}


@pytest.mark.parametrize("place", ["loss", "optimizer", "record", "batches"])
def test_an_interrupt_inside_each_part_of_a_step(place, monkeypatch, capsys):
    hits = {"loss": 2, "optimizer": 3, "record": 3, "batches": 2}  # updates that are in force afterwards
    calls = 0

    def maybe(here):
        nonlocal calls
        if here == place:
            calls += 1
            if calls == 3:
                signal.raise_signal(signal.SIGINT)

    class Model(Counter):
        def loss(self, batch):
            maybe("loss")
            return super().loss(batch)

    class Optimizer(torch.optim.SGD):
        def step(self, closure=None):
            maybe("optimizer")
            super().step(closure)

    def batches(_):
        while True:
            maybe("batches")
            yield torch.ones(())

    original = History.record

    def record(self, **values):
        maybe("record")
        original(self, **values)

    monkeypatch.setattr(History, "record", record)
    model, history = Model(), History()
    optimizer = Optimizer(model.parameters(), lr=1.0)
    with pytest.raises(KeyboardInterrupt):
        fit(model, batches, steps=9, learning_rate=1.0, history=history, optimizer=optimizer, clip_norm=None)
    assert history.last == hits[place]
    assert model.weight.item() == -history.last
    assert_consistent(history)
    assert capsys.readouterr().out.startswith(f"Stopped after step {history.last} of 9: ")


def test_training_in_another_thread_works():
    model, history, handler = Counter(), History(), signal.getsignal(signal.SIGINT)
    arguments = {"steps": 5, "learning_rate": 0.1, "history": history}
    thread = threading.Thread(target=fit, args=(model, [torch.ones(())]), kwargs=arguments)
    thread.start()
    thread.join()
    assert history.last == 5
    assert signal.getsignal(signal.SIGINT) is handler


# Divergence


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("failing", [1, 2, 6])
def test_a_loss_that_is_no_number_brings_the_last_good_weights_back(bad, failing):
    clean = make_batches(8)
    broken = copy.deepcopy(clean)
    broken[failing - 1][1].fill_(bad)
    model, history = Regression(), History()
    with pytest.raises(TrainingDiverged) as caught:
        fit(model, broken, steps=8, learning_rate=0.25, history=history)
    message = str(caught.value)
    assert "\n" not in message
    assert f"at step {failing} " in message
    assert "learning rate 0.25" in message
    assert "try learning rate 0.025" in message
    assert (caught.value.step, caught.value.learning_rate) == (failing, 0.25)
    kept = max(0, failing - 2)  # the update that led to the failure is undone, and the history says so
    assert history.last == kept
    assert f"(after step {kept})" in message
    twin = Regression()
    twin_history = fit(twin, clean, steps=kept, learning_rate=0.25, history=History())
    assert_same(weights(model), weights(twin))
    assert_consistent(history)
    for some, its in ((model, history), (twin, without_optimizer(twin_history))):  # moments start anew
        fit(some, clean, steps=3, learning_rate=0.01, history=its)
    assert history.last == kept + 3
    assert_consistent(history)
    assert_same(weights(model), weights(twin))


def test_a_learning_rate_far_too_high_ends_in_finite_weights():
    model, history = Regression(), History()
    with pytest.raises(TrainingDiverged, match="The loss became (inf|nan) at step"):
        fit(model, make_batches(), steps=50, learning_rate=1e25, history=history)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    assert math.isfinite(model.loss(make_batches()[0]).item())
    fit(model, make_batches(), steps=5, learning_rate=0.01, history=history)
    assert_consistent(history)


def test_a_gradient_that_is_no_number_never_reaches_the_weights():
    class Root(Counter):
        def loss(self, batch):
            return (self.weight * batch).square().sqrt() + self.weight  # slope of √ at 0 is infinite

    model, history = Root(), History()
    with torch.no_grad():
        model.weight += 2.0
    with pytest.raises(TrainingDiverged, match=r"gradient's length became nan at step 3 .*\(after step 2\)"):
        fit(model, range_tensors(3)[1:] + range_tensors(1), steps=3, learning_rate=0.1, history=history)
    assert history.last == 2
    assert math.isfinite(model.weight.item())
    assert model.weight.item() != 2.0


def test_buffers_come_back_with_the_weights():
    class Normed(Regression):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def loss(self, batch):
            return super().loss((self.norm(batch[0]), batch[1]))

    batches = make_batches(4)
    batches[3][0].fill_(math.inf)
    model = Normed()
    with pytest.raises(TrainingDiverged):
        fit(model, batches, steps=4, learning_rate=0.1, history=History())
    assert all(torch.isfinite(tensor.float()).all() for tensor in model.state_dict().values())


# Progress


class Slow(Counter):
    def loss(self, batch):
        time.sleep(0.002)
        return super().loss(batch)


def test_progress_is_drawn_at_most_twice_a_second(capsys, monkeypatch):
    monkeypatch.delenv("CI")
    start = time.perf_counter()
    fit(Slow(), [torch.ones(())], steps=500, learning_rate=0.1, history=History())
    seconds = time.perf_counter() - start
    drawn = [part for part in capsys.readouterr().err.split("\r") if part.strip()]
    assert 2 <= len(drawn) <= 2 * seconds + 2  # one at the beginning, one at the end
    assert "500/500" in drawn[-1]
    assert "loss" in drawn[-1]


def test_no_progress_under_ci(capsys):
    fit(Counter(), [torch.ones(())], steps=50, learning_rate=0.1, history=History())
    assert capsys.readouterr() == ("", "")


# History


def test_a_history_comes_back_from_json():
    history = fit(Regression(), shuffled, steps=9, learning_rate=0.01, history=History())
    back = History.from_json(json.loads(json.dumps(history.to_json())))
    assert back == history
    assert back.optimizer is None
    assert back.last == len(back) == 9
    assert (back.epoch, back.position) == (1, 2)
    assert History().last == 0


def test_extend_counts_on():
    first, second = History(), History()
    for history, losses in ((first, [3.0, 2.0]), (second, [1.5])):
        for loss in losses:
            history.record(loss=loss, seconds=history.last + 1.0, learning_rate=0.1)
    first.extend(second)
    assert (first.steps, first.losses, first.seconds) == ([1, 2, 3], [3.0, 2.0, 1.5], [1.0, 2.0, 3.0])
    assert_consistent(first)


GOOD_HISTORY = {
    "steps": [1],
    "losses": [0.5],
    "seconds": [0.1],
    "learning_rates": [0.1],
    "epoch": 0,
    "position": 1,
}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        GOOD_HISTORY | {"steps": [1, 2]},
        GOOD_HISTORY | {"steps": 1, "losses": 1, "seconds": 1, "learning_rates": 1},
        GOOD_HISTORY | {"losses": ["0.5"]},
        GOOD_HISTORY | {"epoch": None},
        GOOD_HISTORY | {"more": 1},
    ],
)
def test_what_is_no_history_is_refused(value):
    assert History.from_json(GOOD_HISTORY).last == 1
    with pytest.raises(ValueError, match="this is no training history"):
        History.from_json(value)


# Keeping models


@dataclass(frozen=True)
class Config:
    width: int = 5
    rates: tuple = (0.1, 0.2)


class Odd(nn.Module):
    """Tied weights and every kind of tensor that a file must bring back."""

    def __init__(self, *, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(6, 4)
        self.head = nn.Linear(4, 6, bias=False)
        self.head.weight = self.embedding.weight
        self.turned = nn.Parameter(torch.randn(3, 2).T)
        self.short = nn.Parameter(torch.randn(3).to(torch.bfloat16))
        self.register_buffer("count", torch.tensor(seed + 10))
        self.register_buffer("mask", torch.tensor([True, False]))
        self.register_buffer("empty", torch.empty(0, 3))
        self.register_buffer("nothing", torch.empty(0, 3))
        self.register_buffer("scratch", torch.randn(2), persistent=False)


def test_a_kept_model_comes_back_with_config_and_history(tmp_path):
    model, other = Odd(seed=1), Odd(seed=2)
    history = fit(Regression(), make_batches(), steps=3, learning_rate=0.1, history=History())
    path = save_model(tmp_path / "odd.safetensors", model, config=Config(), history=history)
    assert load_model(path, other) == history
    assert_same(weights(model), weights(other))
    assert other.head.weight is other.embedding.weight
    assert list(tmp_path.iterdir()) == [path]
    with safetensors.safe_open(path, framework="pt") as file:  # any reader can open it
        course = json.loads(file.metadata()["course"])
        assert "head.weight" not in file.keys()  # noqa: SIM118 - not a dict
        assert torch.equal(file.get_tensor("turned"), model.turned)
    assert course["config"] == {"Config": {"width": 5, "rates": [0.1, 0.2]}}
    assert course["history"]["losses"] == history.losses


def test_training_goes_on_after_loading(tmp_path):
    model = Regression()
    history = fit(model, shuffled, steps=5, learning_rate=0.01, history=History())
    path = save_model(tmp_path / "m", model, config={}, history=history)
    twin = Regression(seed=9)
    back = load_model(path, twin)
    history.optimizer = None
    for some, its in ((model, history), (twin, back)):
        fit(some, shuffled, steps=5, learning_rate=0.01, history=its)
    assert back.losses == history.losses
    assert_same(weights(model), weights(twin))


@pytest.fixture
def kept(tmp_path):
    return save_model(tmp_path / "kept.safetensors", Odd(seed=1), config={"a": 1}, history=History())


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"none cannot be read \(No such file.*\); train the model again\.$"):
        load_model(tmp_path / "none", Odd())


def test_any_change_to_a_file_is_noticed_and_the_model_left_alone(kept):
    model, whole, chance = Odd(seed=2), kept.read_bytes(), random.Random(3)
    before = weights(model)
    changed = [whole[:length] for length in (0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1)]
    changed += [whole + b"\x00", b"\xff" * 8 + whole[8:], whole[:8] + b"{}" + whole[10:]]
    for _ in range(400):
        position = chance.randrange(len(whole))
        changed.append(
            whole[:position] + bytes([whole[position] ^ 1 << chance.randrange(8)]) + whole[position + 1 :]
        )
    for data in changed:
        kept.write_bytes(data)
        with pytest.raises(DataError, match="damaged or was changed; train the model again") as caught:
            load_model(kept, model)
        assert "\n" not in str(caught.value)
    assert_same(before, weights(model))


def test_a_pickle_is_refused(tmp_path):
    torch.save(Odd().state_dict(), tmp_path / "kept")
    with pytest.raises(DataError, match="damaged"):
        load_model(tmp_path / "kept", Odd())


def test_no_pickle_in_the_source():
    source = Path(training.__file__).read_text(encoding="utf-8")
    assert "pickle" not in source
    assert "torch.load" not in source.replace("safetensors.torch.load", "")
    assert "torch.save" not in source.replace("safetensors.torch.save", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: setattr(m, "turned", nn.Parameter(torch.zeros(3, 2))),
            r"turned is \(2, 3\) float32, .*\(3, 2\)",
        ),
        (lambda m: setattr(m, "short", nn.Parameter(torch.zeros(3))), "short is .*bfloat16"),
        (lambda m: m.register_buffer("extra", torch.zeros(1)), "only the model has extra"),
        (lambda m: delattr(m, "mask"), "only the file has mask"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_and_the_model_left_alone(kept, change, message):
    model = Odd(seed=2)
    change(model)
    before = weights(model)
    with pytest.raises(DataError, match=message):
        load_model(kept, model)
    assert_same(before, weights(model))


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_failing_save_leaves_the_old_file(kept, monkeypatch, step, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError) as caught:
        save_model(kept, Odd(seed=5), config={}, history=History())
    assert str(caught.value).count(". ") == 0
    assert list(kept.parent.iterdir()) == [kept]
    model = Odd(seed=2)
    load_model(kept, model)
    assert_same(weights(model), weights(Odd(seed=1)))


def test_a_config_without_json_form_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="the config has no JSON form"):
        save_model(tmp_path / "a", Odd(), config={"f": print}, history=History())
    assert list(tmp_path.iterdir()) == []


HARD_CASES = """
    import itertools, json, os, random, resource, signal, sys, time
    from pathlib import Path
    import torch
    from torch import nn
    from course_utils.storage import StorageError
    from course_utils.training import History, load_model, save_model

    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    path, report = folder / "model.safetensors", {"versions": [], "lengths": []}
    models = [nn.Linear(250, 300), nn.Linear(250, 300)]
    histories = [History(), History()]
    for number in range(2):
        nn.init.constant_(models[number].weight, number + 1.0)
        nn.init.constant_(models[number].bias, number + 1.0)
        for _ in range(number + 1):
            histories[number].record(loss=1.0, seconds=1.0, learning_rate=1.0)

    def save(number):
        save_model(path, models[number], config={"n": number}, history=histories[number])

    chance = random.Random(0)
    for _ in range(25):
        save(0)
        ready, started = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(started, b"x")
            for number in itertools.count():
                save((number + 1) % 2)
        os.read(ready, 1)
        time.sleep(chance.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready), os.close(started)
        model = nn.Linear(250, 300)
        history = load_model(path, model)
        report["versions"].append(sorted({*model.weight.unique().tolist(), *model.bias.unique().tolist()}))
        report["lengths"].append(len(history))
    report["leftovers"] = len(list(folder.glob(".*.tmp")))
    for leftover in folder.glob(".*.tmp"):
        os.utime(leftover, (0, 0))
    save(0)
    report["files"] = [p.name for p in folder.iterdir()]

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        save(1)
    except StorageError as error:
        report["full"] = str(error)
    report["after_full"] = [len(load_model(path, nn.Linear(250, 300))), [p.name for p in folder.iterdir()]]
    print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def hard_cases(tmp_path_factory):
    """What 25 kills in the middle of saving and a real file-size limit left (one start of torch for all)."""
    command = [sys.executable, "-c", textwrap.dedent(HARD_CASES), str(tmp_path_factory.mktemp("hard"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@POSIX
@pytest.mark.slow
def test_kills_while_saving_leave_one_of_the_two_versions(hard_cases):
    assert len(hard_cases["versions"]) == 25
    for version, length in zip(hard_cases["versions"], hard_cases["lengths"], strict=True):
        assert version == [float(length)]
    assert set(hard_cases["lengths"]) == {1, 2}
    assert hard_cases["leftovers"] > 0, "no kill hit a running save, so this test proved nothing"
    assert hard_cases["files"] == ["model.safetensors"]


@POSIX
@pytest.mark.slow
def test_a_real_limit_on_file_size_leaves_the_old_model(hard_cases):
    assert "make room" in hard_cases["full"]
    assert hard_cases["after_full"] == [1, ["model.safetensors"]]


# The cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def use_cache(**changes):
    """Call `cached` with a small regression; the third answer is how often it trained."""
    trained = []

    def train(model, history):
        trained.append(1)
        fit(model, shuffled, steps=4, learning_rate=0.01, history=history)

    arguments = {"config": Config(), "data_version": "v1", "code": [Regression, make_batches]}
    model, history, was_cached = cached(
        "small",
        build=lambda: Regression(seed=torch.initial_seed() % 1000),
        train=train,
        **(arguments | changes),
    )
    assert was_cached is not bool(trained)
    return model, history, was_cached


def test_the_second_call_loads_what_the_first_one_trained(cache):
    model, history, was_cached = use_cache()
    again, its_history, again_cached = use_cache()
    assert (was_cached, again_cached) == (False, True)
    assert_same(weights(model), weights(again))
    assert its_history == history
    assert len(history) == 4
    assert not model.training
    assert not again.training
    assert len(list(cache.iterdir())) == 1


@dataclass(frozen=True)
class OtherConfig(Config):
    pass


@pytest.mark.parametrize(
    "changes",
    [
        {"config": Config(width=6)},
        {"config": OtherConfig()},
        {"config": {"width": 5}},
        {"data_version": "v2"},
        {"code": [Regression]},
        {"code": Counter},
        {"code": training},
        {"seed": 1},
    ],
)
def test_whatever_shapes_the_result_leads_to_training(cache, changes):
    assert use_cache()[2] is False
    assert use_cache(**changes)[2] is False
    assert use_cache(**changes)[2] is True
    assert use_cache()[2] is True
    assert len(list(cache.iterdir())) == 2


def test_changed_source_leads_to_training(cache, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "lesson_code_for_test.py"
    answers = []
    for number, line in enumerate(["return 1", "return 1", "return 22"]):
        file.write_text(
            f"size = 1\n\ndef step():\n    {line}\n",
            encoding="utf-8",
            newline="\r\n" if number == 1 else "\n",
        )
        importlib.invalidate_caches()
        sys.modules.pop("lesson_code_for_test", None)
        module = importlib.import_module("lesson_code_for_test")
        answers.append((use_cache(code=module.step)[2], use_cache(code=module)[2]))
    assert answers == [(False, False), (True, True), (False, False)]


def test_classes_typed_into_a_notebook_have_a_source_too(cache):
    def define(number):
        source = f"class Cell:\n    size = {number}\n    def f(self):\n        return {number}\n"
        name = f"<cell {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        space = {"__name__": "__main__x"}
        exec(compile(source, name, "exec"), space)
        return space["Cell"]

    assert use_cache(code=define(1))[2] is False
    assert use_cache(code=define(1))[2] is True
    assert use_cache(code=define(2))[2] is False


@pytest.mark.parametrize("code", [len, 3, "text", type("Bare", (), {})])
def test_code_without_source_is_refused(cache, code):
    with pytest.raises(ValueError, match="has no source by which to tell versions"):
        use_cache(code=code)


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a\\b", ".hidden", "x" * 101, "a\n", "é"])
def test_a_name_that_is_no_file_name_is_refused(cache, name):
    with pytest.raises(ValueError, match="cannot be a file name"):
        cached(name, config={}, data_version="", code=Regression, build=Regression, train=lambda m, h: None)


def test_random_numbers_afterwards_are_the_same_with_and_without_training(cache):
    torch.manual_seed(11)
    expected = torch.rand(3)
    models = []
    for seed in (11, 11, 12):
        torch.manual_seed(seed)
        models.append(weights(use_cache(config={"seed before": seed if seed == 12 else 11})[0]))
        if seed == 11:
            assert torch.equal(torch.rand(3), expected)
    assert_same(models[0], models[2])  # what ran before does not change the result


@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "other shape"])
def test_a_damaged_file_is_set_aside_and_the_model_trained_anew(cache, damage):
    model, history, _ = use_cache()
    path = next(cache.iterdir())
    data = path.read_bytes()
    if damage == "other shape":
        save_model(path, Regression(width=9), config={}, history=History())
        data = path.read_bytes()
    else:
        data = {"truncated": data[:-9], "altered": data[:-1] + b"?", "empty": b""}[damage]
        path.write_bytes(data)
    with pytest.warns(StorageWarning) as caught:
        again, its_history, was_cached = use_cache()
    assert was_cached is False
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "\n" not in message
    assert "trained anew" in message
    assert f"kept as {path.name}.damaged-1" in message
    assert ("layers.0.bias is (9,) float32, the model needs (5,) float32" in message) is (
        damage == "other shape"
    )
    assert path.with_name(path.name + ".damaged-1").read_bytes() == data
    assert_same(weights(model), weights(again))
    assert its_history.losses == history.losses
    assert use_cache()[2] is True


def test_a_cache_that_cannot_be_written_still_gives_the_model(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(StorageWarning, match="trained and ready, but will have to be trained again") as caught:
        model, history, was_cached = use_cache()
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert was_cached is False
    assert len(history) == 4
    assert not torch.equal(model.layers[0].weight, Regression(seed=0).layers[0].weight)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_cache_still_gives_the_model(cache, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.warns(StorageWarning, match="trained and ready"):
        model, history, _ = use_cache()
    assert len(history) == 4
    assert list(cache.iterdir()) == []


def test_unfinished_training_is_not_kept(cache, capsys):
    def stop(model, history):
        fit(model, shuffled, steps=1, learning_rate=0.01, history=history)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached("small", config={}, data_version="", code=Regression, build=Regression, train=stop)
    assert "run the cell again" in capsys.readouterr().out
    assert not cache.exists()
