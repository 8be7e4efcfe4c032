"""How the course trains its GPT: the same way in every lesson, and each model once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from torch import nn

from course_utils.checkpoints import cached
from course_utils.language_models import muon
from course_utils.language_models.corpus import Corpus, Windows
from course_utils.language_models.muon import Muon
from course_utils.language_models.writer import Writer
from course_utils.layers import attention, blocks, positions
from course_utils.models import elmo_softmax, gpt, gpt_parts
from course_utils.models.gpt import GPT, GPTConfig
from course_utils.runtime import fast_dtype
from course_utils.text.bpe import ByteLevelBPE
from course_utils.training import Batches, History, fit

__all__ = ["LIVE", "LIVE_OPTIONS", "Schedule", "TrainedGPT", "build_gpt", "fit_gpt", "train_gpt"]

CODE = [gpt, gpt_parts, attention, blocks, positions, elmo_softmax, muon]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a GPT learns; chosen on validation articles."""

    tokens: int = 1_760_000  # read in training, counted with repetition
    batch: int = 16  # windows an update
    learning_rate: float = 2.4e-2  # the highest; it falls to 0 in a straight line
    warmup: int = 43  # updates until it is reached
    weight_decay: float = 0.1  # of matrices; norms and biases keep their size

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.batch < 1:
            raise ValueError(f"tokens is {self.tokens} and batch {self.batch}; both must be 1 or more.")


LIVE = Schedule()
# Fields of GPTConfig.
LIVE_OPTIONS: dict[str, Any] = {
    "context": 128,
    "width": 128,
    "layers": 4,
    "heads": 4,
    "positions": "rotary",
    "dropout": 0.0,
}


@dataclass(frozen=True, eq=False)
class TrainedGPT:
    """A GPT and how it came to be."""

    model: GPT
    bpe: ByteLevelBPE
    history: History
    tokens: int  # read in training
    was_cached: bool  # read from a file, not trained now
    log: tuple[dict[str, float], ...] = ()  # of the long run: step, seconds, validation_bits, …
    facts: dict[str, Any] = field(default_factory=dict)  # of the long run: machine, seed, …

    @property
    def writer(self) -> Writer:
        """The model with its tokenizer: text in, text out."""
        return Writer(self.model, self.bpe)

    @property
    def seconds(self) -> float:
        """Training time, of the run in which it was trained."""
        return self.history.seconds[-1]

    @property
    def parameters(self) -> int:
        """How many numbers were learnt."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def build_gpt(corpus: Corpus, **options: object) -> GPT:
    """An untrained GPT for the tokens of a corpus.

    Parameters
    ----------
    corpus : Corpus
    **options
        Fields of `GPTConfig` besides the vocabulary; those of `LIVE_OPTIONS` unless given.

    Raises
    ------
    ValueError
        If an option is unknown or out of range.
    """
    try:
        config = GPTConfig(corpus.vocabulary_size, **(LIVE_OPTIONS | options))
    except TypeError as error:
        names = [field.name for field in fields(GPTConfig)][1:]
        raise ValueError(f"{error}; the options are {', '.join(names)}.") from None
    return GPT(config, fast_dtype=fast_dtype())


def steps_of(schedule: Schedule, *, context: int) -> int:
    """Updates in which a schedule's tokens are read, at least one."""
    return max(1, round(schedule.tokens / (schedule.batch * context)))


def fit_gpt(
    model: GPT,
    batches: Batches,
    *,
    schedule: Schedule,
    history: History,
    seed: int = 0,
) -> History:
    """Train a GPT, going on from where its history ends, to the end of the schedule."""
    steps = steps_of(schedule, context=model.config.context)
    return fit(
        model,
        batches,
        steps=max(0, steps - history.last),
        learning_rate=schedule.learning_rate,
        history=history,
        optimizer=history.optimizer or make_optimizer(model, weight_decay=schedule.weight_decay),
        warmup=min(schedule.warmup, steps // 4),
        decay="linear",
        seed=seed,
    )


def make_optimizer(model: nn.Module, *, weight_decay: float) -> Muon:
    """Muon for the matrices of the blocks; AdamW for the token vectors, the norms and the biases."""
    return Muon(
        model,
        lambda name, parameter: name.startswith("blocks.") and parameter.ndim == 2,
        weight_decay=weight_decay,
        dtype=fast_dtype(),
    )


def train_gpt(corpus: Corpus, *, schedule: Schedule = LIVE, seed: int = 0, **options: object) -> TrainedGPT:
    """Train a GPT on a corpus, or load the one that was trained so before.

    Parameters
    ----------
    corpus : Corpus
    schedule : Schedule
    seed : int
        First weights, order of the windows and dropout.
    **options
        Fields of `GPTConfig` besides the vocabulary: ``width``, ``layers``, ``heads``, ``context``,
        ``positions``, ``dropout`` …; those of `LIVE_OPTIONS` unless given.

    Returns
    -------
    TrainedGPT

    Raises
    ------
    ValueError
        If an option is unknown or out of range, or the training texts are too short for a batch.
    """
    config = build_gpt(corpus, **options).config
    windows = Windows(corpus.stream(), length=config.context + 1, size=schedule.batch)
    model, history, was_cached = cached(
        f"gpt-{config.width}",
        config={"model": asdict(config), "schedule": asdict(schedule)},
        data_version=corpus.version,
        code=[*CODE, fit],
        build=lambda: build_gpt(corpus, **options),
        train=lambda model, history: fit_gpt(model, windows, schedule=schedule, history=history, seed=seed),
        seed=seed,
    )
    tokens = history.last * schedule.batch * config.context
    return TrainedGPT(model, corpus.bpe, history, tokens, was_cached)
