"""Training a translator with attention: all target steps at once, against the usual loop over them."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from results import Row, make_row
from torch import Tensor, nn

from course_utils.datasets.translation import load_translation
from course_utils.layers.attention_scores import AdditiveScore
from course_utils.models.seq2seq import PADDING, SPECIAL, Seq2Seq, Seq2SeqConfig
from course_utils.models.seq2seq_batches import PairBatches
from course_utils.training import History, fit
from course_utils.translation.recipes import Schedule, vocabularies
from course_utils.translation.translator import Translator

RUNS = 5
UPDATES = 40  # per run and side
# The width of the states and the hidden width of the score, on all sides: those of lesson 13, and as many in
# the score as in a state, as in the papers and in tutorials.
SIZES = ((192, 64), (256, 256))
USUAL, LEAN = "loop over target steps", "leaner loop over target steps"
Batch = tuple[Tensor, Tensor]


class JoinedAttention(nn.Module):
    """Bahdanau attention with one layer over [query; key], the query repeated for every key."""

    def __init__(self, width: int, *, hidden: int) -> None:
        super().__init__()
        self.energy = nn.Linear(2 * width, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, query: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Context (B, 1, C) of a query (B, 1, C) and keys (B, S, C) where the mask (B, S) is True."""
        pairs = torch.cat([query.repeat(1, keys.shape[1], 1), keys], dim=-1)  # (B, S, 2 C)
        scores = self.score(torch.tanh(self.energy(pairs))).squeeze(2)
        weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)  # (B, S)
        return torch.bmm(weights[:, None], keys)


class SplitAttention(nn.Module):
    """The same with a layer each for query and keys."""

    def __init__(self, width: int, *, hidden: int) -> None:
        super().__init__()
        self.of_query, self.of_keys = nn.Linear(width, hidden), nn.Linear(width, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)

    def forward(self, query: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """As `JoinedAttention.forward`."""
        scores = self.score(torch.tanh(self.of_query(query) + self.of_keys(keys))).squeeze(2)
        weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)  # (B, S)
        return torch.bmm(weights[:, None], keys)


class StepByStep(nn.Module):
    """Encoder and decoder as tutorials write them: one pass through the decoder for each target word.

    At each step the attention looks with the old state, its context goes into the recurrent layer beside the
    word, and the output layer scores the vocabulary. Sizes are those of our model.

    Parameters
    ----------
    source_vocabulary, target_vocabulary, width, hidden : int
    joined : bool
        As most tutorials have it: attention over [query; key], and an output layer that sees state, context
        and word. Else the leaner form: a layer each for query and keys, and an output layer over the state.
    """

    def __init__(
        self, source_vocabulary: int, target_vocabulary: int, *, joined: bool, width: int, hidden: int
    ) -> None:
        super().__init__()
        self.joined = joined
        self.source_vectors = nn.Embedding(source_vocabulary, width, padding_idx=PADDING)
        self.target_vectors = nn.Embedding(target_vocabulary, width, padding_idx=PADDING)
        self.encoder = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(width, width)
        self.attention = (JoinedAttention if joined else SplitAttention)(width, hidden=hidden)
        self.decoder = nn.GRU(2 * width, width, batch_first=True)
        self.out = nn.Linear(3 * width if joined else width, target_vocabulary)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Scores (B, T, V) of each next word, the right words before it given."""
        keys, last = self.encoder(self.source_vectors(source))  # (B, S, C), (2, B, C / 2)
        state = torch.tanh(self.bridge(torch.cat([last[0], last[1]], dim=-1)))[None]  # (1, B, C)
        steps = []
        for t in range(target.shape[1]):
            word = self.target_vectors(target[:, t : t + 1])  # (B, 1, C)
            context = self.attention(state.transpose(0, 1), keys, source.ne(PADDING))
            output, state = self.decoder(torch.cat([word, context], dim=-1), state)
            seen = torch.cat([output, context, word], dim=-1) if self.joined else output
            steps.append(self.out(seen))
        return torch.cat(steps, dim=1)

    def loss(self, batch: Batch) -> Tensor:
        """Nats per target token, as our model's."""
        source, target = batch
        scores = self(source, target[:, :-1])
        return F.cross_entropy(scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PADDING)


def make_sides(*, width: int, hidden: int) -> tuple[dict[str, nn.Module], list[Batch]]:
    """The models and the batches that all learn from, in the order of lesson 13."""
    size = Schedule().batch
    pairs = load_translation(train=size * UPDATES * (RUNS + 1), validation=0, test=0, long=0, unseen=0).train
    source, target = vocabularies(pairs)
    sizes = len(source) + SPECIAL, len(target) + SPECIAL
    torch.manual_seed(0)
    ours = Seq2Seq(Seq2SeqConfig(*sizes, width=width, attention="additive"))
    ours.writer.score = AdditiveScore(width, hidden=hidden)
    ids = Translator(ours, source=source, target=target).encode_pairs(pairs)
    batches = PairBatches(ids, size=size)(torch.Generator().manual_seed(0))
    loops = {
        name: StepByStep(*sizes, joined=name == USUAL, width=width, hidden=hidden) for name in (USUAL, LEAN)
    }
    return {"ours": ours, **loops}, list(batches)


def count_tokens(batches: list[Batch]) -> int:
    """Target tokens to predict, end marks included, padding not."""
    return sum(int(target[:, 1:].ne(PADDING).sum()) for _, target in batches)


def train(model: nn.Module, history: History, batches: list[Batch]) -> float:
    """Learn from each batch once; target tokens per second."""
    tokens, started = count_tokens(batches), time.perf_counter()
    fit(model, iter(batches), steps=len(batches), learning_rate=1e-3, history=history)
    return tokens / (time.perf_counter() - started)


def require_learning(name: str, history: History) -> None:
    """Raise if a side did not get better at all: its speed would mean nothing."""
    first, last = history.losses[0], sum(history.losses[-10:]) / 10
    if last > 0.8 * first:
        raise AssertionError(f"{name}: the loss went from {first:.2f} to {last:.2f} nats only.")


def measure(*, quick: bool = False) -> list[Row]:
    """A row for each size and loop, in target tokens per second; raises if a side does not learn."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for width, hidden in SIZES for row in measure_size(width, hidden=hidden, quick=quick)]
    finally:
        torch.set_num_threads(threads)


def measure_size(width: int, *, hidden: int, quick: bool) -> list[Row]:
    """A row for each loop."""
    models, batches = make_sides(width=width, hidden=hidden)
    histories = {name: History() for name in models}
    speeds: dict[str, list[float]] = {name: [] for name in models}
    for run in range(2 if quick else RUNS + 1):
        part = batches[run * UPDATES :][:UPDATES]
        for name, model in models.items():
            speed = train(model, histories[name], part)
            speeds[name] += [speed] * (run > 0)  # the first warms up
    for name, history in histories.items():
        require_learning(name, history)
        losses = f"loss {history.losses[0]:.2f} to {history.losses[-1]:.2f} nats"
        print(f"  {name}: {', '.join(f'{speed:,.0f}' for speed in speeds[name])} target tokens/s; {losses}")
    return [
        make_row(
            name=f"training with attention: target tokens, one thread, width {width}, score {hidden}",
            lesson="13",
            unit="tokens/s",
            ours=speeds["ours"],
            peer=f"{name}, torch {torch.__version__.split('+')[0]}",
            theirs=speeds[name],
            better="higher",
        )
        for name in (USUAL, LEAN)
    ]
