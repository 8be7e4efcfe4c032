"""The course's GPT against transformers' GPT2LMHeadModel: the same weights, losses and tokens, less time.

How the other side is run: float32 or the same autocast, its default attention (PyTorch's fused kernel),
the same optimizer and clipping, no dropout; in generation `model.eval()` and `generate` as one calls it,
which takes no gradients, with its own cache (`use_cache`), greedy, the same prompts and number of tokens.
Its loss is computed from its scores, since its own also copies them. Sides take turns, a different one
first in each run. Seconds are those of the processor, with one thread: on an idle machine the clock's, on
a busy one without those that others had. All products of both sides are PyTorch's; in float32 ours may
reach oneDNN (`course_utils.layers.products`) where theirs always reach MKL, which is part of what is
compared.
"""

from __future__ import annotations

import importlib.metadata
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from results import Row, make_row
from torch import Tensor, nn

from course_utils.decoding.greedy import greedy
from course_utils.models.gpt import GPT
from course_utils.pretrained.gpt2 import read_config, read_model
from course_utils.runtime import measure_matmul_rate

RUNS = 7
RUNS_OF_GENERATION = 15  # they are short
VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS = 2_048, 128, 128, 4, 4
ROWS, UPDATES = 32, 3  # texts in a batch; updates per run and side
PROMPT, NEW = 32, 64  # tokens
END = VOCABULARY - 1
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


def make_sides() -> tuple[GPT, Any]:
    """A model of transformers with random weights, and ours with the same, read from its files."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"vocab_size": VOCABULARY, "n_positions": CONTEXT, "n_embd": WIDTH}
    sizes |= {"n_layer": LAYERS, "n_head": HEADS, "bos_token_id": END, "eos_token_id": END}
    still: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    config = GPT2Config(**sizes, **still, initializer_range=0.1)  # large, so that no two tokens tie
    theirs = GPT2LMHeadModel(config)
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        ours = read_model(folder, config=read_config(folder))
    return ours, theirs


def loss_of(model: nn.Module, tokens: Tensor, *, dtype: torch.dtype) -> Tensor:
    """Mean loss of the tokens after the first, with the products in `dtype`."""
    if isinstance(model, GPT):
        model.fast_dtype = dtype
        return model.loss(tokens)
    # Its own loss moves the targets by a place at extra cost; this is what it computes.
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        scores = model(input_ids=tokens[:, :-1], use_cache=False).logits
    return F.cross_entropy(scores.float().flatten(0, 1), tokens[:, 1:].flatten())


class Learner:
    """One side with its optimizer: AdamW in one kernel for all parameters, gradients clipped to length 1."""

    def __init__(self, model: nn.Module, *, dtype: torch.dtype) -> None:
        self.model, self.dtype, self.losses = model.train(), dtype, list[float]()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def learn(self, batches: list[Tensor]) -> None:
        """An update from each batch."""
        for tokens in batches:
            loss = loss_of(self.model, tokens, dtype=self.dtype)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.losses.append(loss.item())


def take_turns(
    ways: Sequence[Callable[[], Any]], *, run: int
) -> tuple[list[Any], tuple[float, float], tuple[float, float]]:
    """Call both, another one first in every other run; what they gave, processor and wall seconds of each."""
    found: list[Any] = [None, None]
    seconds = [(0.0, 0.0), (0.0, 0.0)]
    for side in (0, 1) if run % 2 else (1, 0):
        started, wall = time.process_time(), time.perf_counter()
        found[side] = ways[side]()
        seconds[side] = time.process_time() - started, time.perf_counter() - wall
    return found, seconds[0], seconds[1]


class Speeds:
    """Tokens per second of processor time, of both sides, run by run; the first run only warms up."""

    def __init__(self) -> None:
        self.sides: tuple[list[float], list[float]] = ([], [])
        self.ratios: list[float] = []  # ours ÷ theirs by the clock on the wall

    def time(self, ways: Sequence[Callable[[], Any]], *, run: int, tokens: int) -> list[Any]:
        """Take turns and note the speeds; what both sides gave."""
        found, ours, theirs = take_turns(ways, run=run)
        if run:
            self.sides[0].append(tokens / ours[0])
            self.sides[1].append(tokens / theirs[0])
            self.ratios.append(theirs[1] / ours[1])
        return found

    def describe(self) -> str:
        """Medians of the runs' ratios, which a busy moment harms less than medians of times."""
        pairs = [a / b for a, b in zip(*self.sides, strict=True)]
        spread = f"{min(pairs):.2f} to {max(pairs):.2f}"
        by_wall = statistics.median(self.ratios)
        return (
            f"median of paired ratios {statistics.median(pairs):.2f} ({spread}), by wall time {by_wall:.2f}"
        )


def measure_training(name: str, *, runs: int) -> list[Row]:
    """Tokens per second, and what share of the matrix-product rate that is; raises if losses differ."""
    sides = [Learner(model, dtype=DTYPES[name]) for model in make_sides()]
    speeds, generator = Speeds(), torch.Generator().manual_seed(0)
    for run in range(runs + 1):
        batches = list(torch.randint(VOCABULARY, (UPDATES, ROWS, CONTEXT + 1), generator=generator))
        ways = [lambda side=side, batches=batches: side.learn(batches) for side in sides]
        speeds.time(ways, run=run, tokens=UPDATES * ROWS * CONTEXT)
    allowed = 1e-3 if name == "float32" else 3e-2
    apart = max(abs(a - b) for a, b in zip(sides[0].losses, sides[1].losses, strict=True))
    if apart > allowed:
        raise AssertionError(f"{name}: the losses of the two sides differ by up to {apart:.4f} nats.")
    rate = 1e9 * measure_matmul_rate(dtype="float32" if name == "float32" else "bfloat16")
    shares = [[speed * operations_per_token() / rate for speed in side] for side in speeds.sides]
    what = f"GPT, training in {name}: {LAYERS} layers, width {WIDTH}, {ROWS} × {CONTEXT} tokens, one thread"
    return [
        row(what, unit="tokens/s", sides=speeds.sides, note=speeds.describe()),
        row(f"{what}, share of the rate of matrix products", unit="of 1", sides=shares),
    ]


def operations_per_token() -> float:
    """Floating-point operations of an update per token: products forward once, backward twice."""
    products = 12 * LAYERS * WIDTH**2 + VOCABULARY * WIDTH
    attention = LAYERS * WIDTH * CONTEXT  # scores and averages, of which the causal half counts
    return 6.0 * (products + attention)


def generate_ours(model: GPT, prompts: Tensor, *, cache: bool) -> list[list[int]]:
    """Greedy tokens after each prompt."""
    state = model.start(prompts, cache=cache)
    found = greedy(model.step, state, start=prompts[:, -1], end=END, max_length=NEW, min_length=NEW)
    return [list(hypothesis.tokens) for hypothesis in found]


def generate_theirs(model: Any, prompts: Tensor, *, cache: bool) -> list[list[int]]:
    """The same from transformers."""
    found = model.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        do_sample=False,
        max_new_tokens=NEW,
        min_new_tokens=NEW,
        use_cache=cache,
        pad_token_id=END,
    )
    tokens: list[list[int]] = found[:, prompts.shape[1] :].tolist()
    return tokens


def measure_generation(rows: int, *, cache: bool, runs: int) -> Row:
    """Tokens per second of greedy generation; raises if a token differs."""
    ours, theirs = (model.eval() for model in make_sides())
    speeds, generator = Speeds(), torch.Generator().manual_seed(1)
    for run in range(runs + 1):
        prompts = torch.randint(END, (rows, PROMPT), generator=generator)
        ways = (
            lambda prompts=prompts: generate_ours(ours, prompts, cache=cache),
            lambda prompts=prompts: generate_theirs(theirs, prompts, cache=cache),
        )
        mine, others = speeds.time(ways, run=run, tokens=rows * NEW)
        if mine != others:
            raise AssertionError(f"generation, batch {rows}: the tokens of the two sides differ.")
    how = "with" if cache else "without"
    what = f"GPT, greedy generation {how} cache, batch {rows}, same tokens, one thread"
    return row(what, unit="tokens/s", sides=speeds.sides, note=speeds.describe())


def row(name: str, *, unit: str, sides: Any, note: str = "") -> Row:
    """A row of the table, printed."""
    peer = f"transformers {importlib.metadata.version('transformers')} GPT2LMHeadModel"
    made = make_row(
        name=name, lesson="16", unit=unit, ours=sides[0], peer=peer, theirs=sides[1], better="higher"
    )
    figures = f"{made['ours']:g} {unit}; theirs {made['theirs']:g}; ratio {made['ratio']:g}"
    print(f"  {name}: {figures}; {note}".rstrip("; "), flush=True)
    return made


def measure(*, quick: bool = False) -> list[Row]:
    """Training in two number formats, generation at two batch sizes with and without a cache."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = [one for name in DTYPES for one in measure_training(name, runs=1 if quick else RUNS)]
        for cache, runs in ((True, RUNS_OF_GENERATION), (False, RUNS)):
            runs = 1 if quick else runs
            rows += [measure_generation(size, cache=cache, runs=runs) for size in (1, 16)]
    finally:
        torch.set_num_threads(threads)
    return rows
