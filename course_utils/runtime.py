"""Seeds, devices, threads and interrupts: how a lesson runs, and facts about the machine."""

from __future__ import annotations

import dataclasses
import functools
import os
import platform
import random
import signal
import threading
import time
from collections.abc import Callable
from numbers import Integral
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = [
    "InterruptGate",
    "choose_device",
    "describe_machine",
    "fast_dtype",
    "measure_matmul_rate",
    "move_to",
    "seed_everything",
    "set_threads",
    "silent",
]


def seed_everything(seed: int) -> torch.Generator:
    """Make the run repeatable: seed Python, NumPy's global generator and torch (all devices).

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1, the range all three accept.

    Returns
    -------
    torch.Generator
        A CPU generator with the same seed, for functions that take `generator=`.

    Raises
    ------
    ValueError
        If the seed is out of range or not a whole number.
    """
    import numpy as np
    import torch

    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}; choose a whole number from 0 to 4294967295.")
    seed = int(seed)  # NumPy's whole numbers, too
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that take no generator draw from this one
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def choose_device(preference: str = "auto") -> torch.device:
    """Choose where tensors live.

    Parameters
    ----------
    preference : str
        "auto" takes an NVIDIA GPU where there is one, else the CPU. "cpu", "cuda", "cuda:1", … and
        "mps" (Apple) are taken at their word; mps only on request, for its results differ slightly.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If the device is unknown or this machine does not have it.
    """
    import torch

    if preference == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(preference)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type not in {"cpu", "cuda", "mps"}:
        raise ValueError(f"device {preference!r} is unknown; choose 'auto', 'cpu', 'cuda' or 'mps'.")
    if not _is_available(device):
        raise ValueError(f"this machine has no usable device {preference!r}; choose 'auto' or 'cpu'.")
    return device


def _is_available(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available() and not device.index
    return not device.index


def move_to(value: Any, device: torch.device) -> Any:
    """Copy every tensor in a batch to a device.

    Parameters
    ----------
    value : Tensor, or tuples, lists, dicts and dataclasses of such
        Anything else is passed through.
    device : torch.device

    Returns
    -------
    object
        The same structure, its tensors on the device.
    """
    if hasattr(value, "to"):
        return value.to(device)
    if isinstance(value, dict):
        return {key: move_to(item, device) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple takes its fields one by one
        return type(value)(*(move_to(item, device) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(move_to(item, device) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return dataclasses.replace(value, **move_to(fields, device))
    return value


def set_threads(n: int | None = None) -> int:
    """Set how many threads torch computes with.

    Parameters
    ----------
    n : int, optional
        Without it: the environment variable COURSE_THREADS, else the number of physical cores this
        process may use. (A second thread on the same core slows matrix products down.)

    Returns
    -------
    int
        The number now in force.

    Raises
    ------
    ValueError
        If the number is not a whole number of at least 1.
    """
    import torch

    if n is None:
        name, wanted = "COURSE_THREADS", os.environ.get("COURSE_THREADS", "").strip() or _physical_cores()
    else:
        name, wanted = "the number of threads", n
    text = str(wanted)  # one rule for the argument and the variable: neither 2.5 nor True will do
    count = int(text) if text.isdecimal() else 0
    if count < 1:
        raise ValueError(f"{name} is {wanted!r}; choose a whole number from 1 on.")
    torch.set_num_threads(count)
    return torch.get_num_threads()


def _usable_cores() -> int:
    """Logical cores this process may use: a container or `taskset` can allow fewer than there are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        cores = min(cores, round(int(quota) / int(period)))
    except (OSError, ValueError):
        pass  # no Linux control group, or "max": no limit
    return max(cores, 1)


def _physical_cores() -> int:
    import psutil

    return min(psutil.cpu_count(logical=False) or _usable_cores(), _usable_cores())


def describe_machine() -> dict[str, object]:
    """Collect what a measured time depends on.

    Returns
    -------
    dict
        python, torch, platform, processor (str); cores, logical_cores, threads (int); memory_gb
        (float, total, 1 GB = 10**9 bytes); gpu (str or None); bf16_cpu (bool: the processor multiplies
        bf16 matrices in hardware), bf16_gpu (bool).
    """
    import psutil
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),  # its own kind of str, which JSON and YAML may not know
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor_name(),
        "cores": _physical_cores(),
        "logical_cores": _usable_cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "bf16_cpu": _cpu_has_bf16(),
        "bf16_gpu": gpu is not None and torch.cuda.is_bf16_supported(),
    }


def _processor_flags() -> dict[str, str]:
    """Read the first processor's entry where the system lists it (Linux), else nothing."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read().split("\n\n", 1)[0]
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip().lower(): value.strip() for name, value in pairs}


def _processor_name() -> str:
    return _processor_flags().get("model name") or platform.processor() or platform.machine()


def _cpu_has_bf16() -> bool:
    entry = _processor_flags()
    flags = set((entry.get("flags") or entry.get("features") or "").split())
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


@functools.lru_cache(maxsize=8)
def fast_dtype(device: str = "cpu") -> torch.dtype:
    """Number format in which matrices are multiplied fastest without harm: bfloat16 or float32.

    Parameters
    ----------
    device : str

    Returns
    -------
    torch.dtype
        On a CPU bfloat16 if it has instructions for it and a short measurement shows them to be at least
        half as fast again; on a GPU, if it supports it.
    """
    import torch

    if torch.device(device).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if not _cpu_has_bf16():
        return torch.float32
    rates = {name: measure_matmul_rate(dtype=name, seconds=0.05) for name in ("float32", "bfloat16")}
    return torch.bfloat16 if rates["bfloat16"] > 1.5 * rates["float32"] else torch.float32


def measure_matmul_rate(*, dtype: str = "float32", size: int = 512, seconds: float = 0.3) -> float:
    """Measure how fast this CPU multiplies square matrices, the yardstick for every training time.

    Parameters
    ----------
    dtype : str
        "float32", "bfloat16", "float64" or "float16".
    size : int
        Rows and columns of both matrices.
    seconds : float
        How long to measure, after one product to warm up.

    Returns
    -------
    float
        GFLOP/s, counting 2 · size³ operations for a product. The fastest product counts, for a busy
        neighbour can only make one slower.

    Raises
    ------
    ValueError
        If the dtype is unknown, or size or seconds is not positive.
    """
    import torch

    known = {"float32", "bfloat16", "float64", "float16"}
    if dtype not in known:
        raise ValueError(f"dtype {dtype!r} is unknown; choose one of {', '.join(sorted(known))}.")
    if size < 1 or not seconds > 0:
        raise ValueError(f"size is {size} and seconds {seconds}; both must be positive.")
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(size, size, generator=generator).to(getattr(torch, dtype)) for _ in range(2))
    fastest = _fastest_call(lambda: torch.matmul(left, right), seconds=seconds)
    return 2.0 * size**3 / fastest / 1e9


def _fastest_call(function: Callable[[], object], *, seconds: float) -> float:
    """Seconds of the fastest call among those that fit into the given time (at least three)."""
    function()
    fastest, calls, end = float("inf"), 0, time.perf_counter() + seconds
    while calls < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        fastest, calls = min(fastest, time.perf_counter() - start), calls + 1
    return max(fastest, 1e-9)


def silent() -> bool:
    """Tell whether progress bars stay off.

    Returns
    -------
    bool
        True when the environment variable CI is set (to anything but an empty text, "0" or "false").
    """
    return os.environ.get("CI", "").strip().lower() not in {"", "0", "false"}


class InterruptGate:
    """Hold Kernel → Interrupt back for the moment in which two things must change together.

    A new gate is closed. After `install`, an interrupt that arrives while `held` is true waits, and
    `release` lets it through; while `held` is false it goes on at once. Set ``gate.held = True``, a plain
    attribute, first thing in every `except` and `finally`: Python delivers signals when a function is
    entered, so a method or a `with` block would leave a gap there.

    Outside the main thread, where Python delivers no signals, and where interrupts are ignored or
    handled outside Python, a gate does nothing.
    """

    def __init__(self) -> None:
        self.held = True
        self._waiting = False
        self._previous: Callable[[int, FrameType | None], Any] | None = None

    def install(self) -> None:
        """Take over SIGINT from the handler in force, to which everything is passed on."""
        previous = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(previous):
            self._previous = previous
            signal.signal(signal.SIGINT, self._handle)

    def release(self) -> None:
        """Open the gate; a waiting interrupt goes on now, so this may raise KeyboardInterrupt."""
        self.held = False
        if self._waiting and self._previous is not None:
            self._waiting = False
            self._previous(signal.SIGINT, None)

    def remove(self) -> None:
        """Give SIGINT back, then let a waiting interrupt go on."""
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
        self.release()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.held:
            self._waiting = True
        elif self._previous is not None:
            self._previous(number, frame)
