"""`fit` equals a loop written by hand, and survives interrupts at any moment."""

import copy
import gc
import json
import linecache
import math
import os
import random
import signal
import sys
import threading
import time

import pytest
import torch
from small_models import (
    POSIX,
    Counter,
    Regression,
    assert_consistent,
    assert_same,
    make_batches,
    shuffled,
    weights,
)
from torch import nn

from course_utils import training
from course_utils.training import History, TrainingDiverged, fit


@pytest.fixture(autouse=True)
def _no_collection():
    """Test tools hang callbacks on the garbage collector, and Python drops an interrupt raised in one."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def _silent(monkeypatch):
    monkeypatch.setenv("CI", "1")


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
