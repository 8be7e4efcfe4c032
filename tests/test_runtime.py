"""Seeds repeat, devices and threads are checked, interrupts wait at the gate and are never lost."""

import ast
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pytest
import torch

from course_utils import runtime
from course_utils.runtime import (
    InterruptGate,
    choose_device,
    describe_machine,
    measure_matmul_rate,
    move_to,
    seed_everything,
    set_threads,
    silent,
)


@pytest.fixture(autouse=True)
def _same_threads_afterwards():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


# Seeds


def draw(generator):
    return (
        random.random(),
        np.random.random(),  # noqa: NPY002 - the generator that is seeded here
        torch.rand(2).tolist(),
        torch.rand(2, generator=generator).tolist(),
    )


def test_the_same_seed_gives_the_same_numbers_everywhere():
    first, second = draw(seed_everything(7)), draw(seed_everything(np.int64(7)))
    assert first == second
    assert all(a != b for a, b in zip(first, draw(seed_everything(8)), strict=True))


def test_the_returned_generator_is_seeded_alike_and_its_own():
    generator = seed_everything(3)
    assert torch.rand(3, generator=generator).tolist() == torch.rand(3).tolist()
    torch.rand(100)
    assert torch.rand(1, generator=generator).item() != torch.rand(1).item()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", None, True])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match="whole number from 0 to 4294967295"):
        seed_everything(seed)


# Devices


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device() == torch.device("cpu")
    assert choose_device("mps") == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device() == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match="no usable device 'cuda:2'"):
        choose_device("cuda:2")


@pytest.mark.parametrize("preference", ["cuda", "cuda:0", "mps"])
def test_a_device_this_machine_lacks_is_refused(monkeypatch, preference):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"no usable device .*; choose 'auto' or 'cpu'\.$"):
        choose_device(preference)


@pytest.mark.parametrize("preference", ["gpu", "", "meta", "cuda:x", "xla"])
def test_an_unknown_device_is_refused(preference):
    with pytest.raises(ValueError, match="is unknown; choose"):
        choose_device(preference)


class Pair(NamedTuple):
    source: torch.Tensor
    target: torch.Tensor


@dataclass(frozen=True)
class Labelled:
    ids: torch.Tensor
    texts: list


def test_every_tensor_of_a_batch_moves():
    t = torch.zeros(2)
    moved = move_to(
        {"a": [t, (t, "x")], "b": Pair(t, t), "c": Labelled(t, ["y"]), "d": 3}, torch.device("meta")
    )
    assert moved["a"][0].is_meta
    assert moved["a"][1][0].is_meta
    assert moved["a"][1][1] == "x"
    assert isinstance(moved["b"], Pair)
    assert moved["b"].source.is_meta
    assert moved["b"].target.is_meta
    assert moved["c"].ids.is_meta
    assert moved["c"].texts == ["y"]
    assert moved["d"] == 3


# Threads


def test_threads_from_argument_variable_and_cores(monkeypatch):
    monkeypatch.setenv("COURSE_THREADS", "2")
    assert set_threads(1) == torch.get_num_threads() == 1
    assert set_threads() == torch.get_num_threads() == 2
    monkeypatch.setenv("COURSE_THREADS", " ")
    assert 1 <= set_threads() <= psutil.cpu_count(logical=True)
    assert set_threads() == describe_machine()["cores"]


@pytest.mark.parametrize("n", [0, -1, 1.5, "two", True])
def test_an_impossible_number_of_threads_is_refused(n):
    with pytest.raises(ValueError, match=r"number of threads is .*; choose a whole number"):
        set_threads(n)


def test_an_impossible_variable_is_named(monkeypatch):
    monkeypatch.setenv("COURSE_THREADS", "many")
    with pytest.raises(ValueError, match="COURSE_THREADS is 'many'"):
        set_threads()


@pytest.mark.parametrize(
    ("quota", "expected"), [("150000 100000", 2), ("max 100000", 64), ("10000 100000", 1)]
)
def test_a_container_limit_counts(monkeypatch, tmp_path, quota, expected):
    (tmp_path / "cpu.max").write_text(quota)
    real_open = open
    monkeypatch.setattr(
        "builtins.open",
        lambda path, *a, **k: real_open(tmp_path / "cpu.max" if "cgroup" in str(path) else path, *a, **k),
    )
    monkeypatch.setattr(runtime.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert runtime._usable_cores() == expected


# The machine


def test_the_machine_is_described_in_plain_values():
    facts = describe_machine()
    assert {type(value) for value in facts.values()} <= {str, int, float, bool, type(None)}
    assert facts["python"] == sys.version.split()[0]
    assert facts["torch"] == torch.__version__
    assert facts["memory_gb"] == pytest.approx(psutil.virtual_memory().total / 1e9, abs=0.06)
    assert facts["threads"] == torch.get_num_threads()
    assert 1 <= facts["cores"] <= facts["logical_cores"]
    assert isinstance(facts["bf16_cpu"], bool)
    assert facts["processor"]


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ("flags\t: fpu avx512_bf16", True),
        ("Features\t: asimd bf16", True),
        ("flags\t: avx2 f16c", False),
        ("", False),
    ],
)
def test_bf16_is_read_from_the_processor_flags(monkeypatch, tmp_path, listing, expected):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: X 1\n{listing}\n\nprocessor\t: 1\n")
    real_open = open
    monkeypatch.setattr("builtins.open", lambda path, *a, **k: real_open(tmp_path / "cpuinfo", *a, **k))
    assert runtime._cpu_has_bf16() is expected
    assert runtime._processor_name() == "X 1"


def test_the_matmul_rate_counts_two_operations_for_each_product(monkeypatch):
    assert measure_matmul_rate(size=64, seconds=0.02) > 0.01
    monkeypatch.setattr(runtime, "_fastest_call", lambda function, seconds: 0.5)
    assert measure_matmul_rate(size=100, seconds=1) == pytest.approx(2 * 100**3 / 0.5 / 1e9)


def test_the_fastest_call_counts():
    pauses = iter([0.0, 0.03, 0.002, 0.03, *[0.03] * 9])
    assert 0.002 <= runtime._fastest_call(lambda: time.sleep(next(pauses)), seconds=0.05) < 0.025


@pytest.mark.parametrize(
    "arguments",
    [{"dtype": "float8"}, {"dtype": "os"}, {"size": 0}, {"seconds": 0}, {"seconds": float("nan")}],
)
def test_impossible_measurements_are_refused(arguments):
    with pytest.raises(ValueError, match=r"is unknown; choose|must be positive"):
        measure_matmul_rate(**arguments)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, False), ("", False), ("0", False), ("False", False), ("1", True), ("true", True)],
)
def test_silent_under_ci(monkeypatch, value, expected):
    monkeypatch.delenv("CI", raising=False)
    if value is not None:
        monkeypatch.setenv("CI", value)
    assert silent() is expected


def test_importing_runtime_does_not_import_torch():
    code = "import sys, course_utils.runtime; print(sorted({'torch', 'numpy', 'psutil'} & set(sys.modules)))"
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == []


# The gate


@pytest.fixture
def gate():
    before = signal.getsignal(signal.SIGINT)
    gate = InterruptGate()
    gate.install()
    yield gate
    signal.signal(signal.SIGINT, before)


def test_a_held_interrupt_waits_until_the_release(gate):
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        gate.release()
    gate.release()  # delivered once


def test_an_open_gate_lets_an_interrupt_through_at_once(gate):
    gate.release()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_remove_gives_the_handler_back_even_when_an_interrupt_waits():
    before = signal.getsignal(signal.SIGINT)
    gate = InterruptGate()
    gate.install()
    assert signal.getsignal(signal.SIGINT) != before
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        gate.remove()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_of_someone_else_is_called_and_given_back():
    before, calls = signal.getsignal(signal.SIGINT), []

    def mine(number, frame):
        calls.append(number)

    signal.signal(signal.SIGINT, mine)
    try:
        gate = InterruptGate()
        gate.install()
        signal.raise_signal(signal.SIGINT)
        assert calls == []
        gate.release()
        assert calls == [signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
        assert calls == [signal.SIGINT] * 2
        gate.remove()
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_ignored_interrupts_stay_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        gate = InterruptGate()
        gate.install()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        gate.remove()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_another_thread_a_gate_does_nothing():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        gate = InterruptGate()
        gate.install()
        seen.append(signal.getsignal(signal.SIGINT) is before)
        gate.release()
        gate.remove()
        seen.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True, "done"]
