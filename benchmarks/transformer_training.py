"""Training by length of sentence: the transformer, whose steps stand side by side, against a recurrent layer.

Both are the course's own: `Transformer` (lesson 15, two blocks on either side) and `Seq2Seq` with additive
attention (lesson 13), of equal width and vocabularies, the same optimizer, one thread. Each learns one batch
of random words over and over, so that a side which learns nothing is noticed. All sentences of a batch are
equally long and nothing is padding. Sides take turns, and seconds are those of the processor.
"""

from __future__ import annotations

import time

import torch
from results import Row, make_row
from torch import Tensor, nn

from course_utils.models.seq2seq import SPECIAL, Seq2Seq, Seq2SeqConfig
from course_utils.models.seq2seq_batches import pad_pairs
from course_utils.models.transformer import Transformer, TransformerConfig

RUNS = 5
LENGTHS = (5, 10, 20, 40, 80)  # words on either side
WIDTH, VOCABULARY, SENTENCES = 128, 600, 64
TOKENS = 8_000  # target tokens per run and side, or one batch if that is more
RECURRENT = "Seq2Seq with additive attention"


def make_sides() -> dict[str, nn.Module]:
    """Both models, new."""
    torch.manual_seed(0)
    recurrent = Seq2SeqConfig(VOCABULARY, VOCABULARY, width=WIDTH, attention="additive")
    return {
        "transformer": Transformer(TransformerConfig(VOCABULARY, VOCABULARY, width=WIDTH)),
        RECURRENT: Seq2Seq(recurrent),
    }


def make_batch(length: int) -> tuple[Tensor, Tensor]:
    """Sentences of so many random words, and others as their translations."""
    generator = torch.Generator().manual_seed(length)
    words = torch.randint(SPECIAL, VOCABULARY, (2, SENTENCES, length), generator=generator).tolist()
    return pad_pairs(list(zip(*words, strict=True)))


class Learner:
    """One side with its optimizer and the losses so far."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.losses = model.train(), list[float]()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def learn(self, batch: tuple[Tensor, Tensor], *, updates: int) -> float:
        """So many updates from the batch; target tokens, end marks included, per second."""
        started = time.process_time()
        for _ in range(updates):
            loss = self.model.loss(batch)  # type: ignore[operator]
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.losses.append(loss.item())
        return updates * batch[1][:, 1:].numel() / (time.process_time() - started)


def require_learning(name: str, losses: list[float]) -> None:
    """Raise if a side did not get better: its speed would mean nothing."""
    if not losses[-1] < losses[0]:
        raise AssertionError(f"{name}: the loss went from {losses[0]:.2f} to {losses[-1]:.2f} nats.")


def measure_length(length: int, *, runs: int) -> Row:
    """Target tokens per second of both."""
    batch = make_batch(length)
    updates = max(1, TOKENS // batch[1][:, 1:].numel())
    learners = {name: Learner(model) for name, model in make_sides().items()}
    speeds: dict[str, list[float]] = {name: [] for name in learners}
    for run in range(runs + 1):
        for name, learner in list(learners.items())[:: 1 if run % 2 else -1]:
            speed = learner.learn(batch, updates=updates)
            speeds[name] += [speed] * (run > 0)  # the first warms up
    for name, learner in learners.items():
        require_learning(name, learner.losses)
    made = make_row(
        name=f"training a transformer on {length} words a sentence: target tokens, width {WIDTH}, one thread",
        lesson="15",
        unit="tokens/s",
        ours=speeds["transformer"],
        peer=f"{RECURRENT}, torch {torch.__version__.split('+')[0]}",
        theirs=speeds[RECURRENT],
        better="higher",
    )
    print(
        f"  {length} words: {made['ours']:g} tokens/s; recurrent {made['theirs']:g}; ratio {made['ratio']:g}"
    )
    return made


def measure(*, quick: bool = False) -> list[Row]:
    """A row for each length."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [measure_length(length, runs=1 if quick else RUNS) for length in LENGTHS]
    finally:
        torch.set_num_threads(threads)
