"""How the course trains its translators: the same way in every lesson, and each model once.

What an earlier lesson trained is read from the cache; a later one trains it if it is not there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from types import ModuleType

import torch
from torch import nn

from course_utils.checkpoints import cached
from course_utils.datasets.grammar_parse import english_tokens
from course_utils.datasets.sentence_pairs import SentencePair
from course_utils.layers import (
    attention,
    attention_scores,
    blocks,
    positions,
    products,
    recurrent,
    recurrent_cells,
)
from course_utils.models import seq2seq, seq2seq_batches, seq2seq_parts, transformer, transformer_parts
from course_utils.models.seq2seq import SPECIAL, Seq2Seq, Seq2SeqConfig
from course_utils.models.seq2seq_batches import PairBatches
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.text.vocab import Vocabulary
from course_utils.training import History, fit
from course_utils.translation.translator import Translator

__all__ = [
    "FOR_TRANSFORMERS",
    "Schedule",
    "TrainedTranslator",
    "train_transformer",
    "train_translator",
    "vocabularies",
]

CODE = [seq2seq, seq2seq_parts, seq2seq_batches, attention_scores, recurrent, recurrent_cells]
TRANSFORMER_CODE = [transformer, transformer_parts, seq2seq_batches, attention, blocks, positions, products]

# Chosen on validation sentences.
WITH_ATTENTION: dict[str, object] = {"dropout": 0.02, "state_dropout": 0.05}
RATE_WITH_ATTENTION, RATE_WITHOUT = 6e-3, 8e-3


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a translator learns; chosen on validation sentences."""

    target_tokens: int = 1_450_000  # seen in training, counted with repetition, end marks included
    batch: int = 64  # sentences per update
    learning_rate: float | None = None  # the highest; it falls to 0. None: 6e-3 with attention, else 8e-3
    warmup: int = 100  # updates until it is reached
    betas: tuple[float, float] = (0.9, 0.999)  # AdamW's memory of the gradient and of its square


FOR_TRANSFORMERS = Schedule(target_tokens=1_190_000, learning_rate=4e-3, warmup=150, betas=(0.9, 0.98))


@dataclass(frozen=True)
class TrainedTranslator:
    """A translator and how it came to be."""

    translator: Translator
    history: History
    target_tokens: int  # seen in training
    was_cached: bool  # read from the cache, not trained now

    @property
    def model(self) -> nn.Module:
        """The model behind it."""
        model: nn.Module = self.translator.model
        return model

    @property
    def seconds(self) -> float:
        """Training time, of the run in which it was trained."""
        return self.history.seconds[-1]

    @property
    def parameters(self) -> int:
        """How many numbers were learnt."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def vocabularies(pairs: Sequence[SentencePair]) -> tuple[Vocabulary, Vocabulary]:
    """All words of both sides, the most frequent first."""
    source = Vocabulary.from_documents([pair.source for pair in pairs], min_count=1)
    return source, Vocabulary.from_documents([pair.target for pair in pairs], min_count=1)


def train_translator(
    pairs: Sequence[SentencePair],
    *,
    attention: str = "additive",
    width: int = 192,
    cell: str = "gru",
    schedule: Schedule | None = None,
    seed: int = 0,
    **options: object,
) -> TrainedTranslator:
    """Train a translator on sentence pairs, or load the one that was trained so before.

    Parameters
    ----------
    pairs : sequence of SentencePair
        Normally ``load_translation().train``.
    attention, width, cell
        Of `Seq2SeqConfig`.
    schedule : Schedule, optional
    seed : int
        First weights and order of the sentences.
    **options
        Further fields of `Seq2SeqConfig`: ``input_feeding``, ``residual``, ``dropout``, ``state_dropout``.
        With attention both kinds of dropout are as in `WITH_ATTENTION` unless given; without, there is none.

    Returns
    -------
    TrainedTranslator

    Raises
    ------
    ValueError
        If there are no pairs, or an option is unknown or out of range.
    """
    schedule = schedule or Schedule()
    rate = schedule.learning_rate
    if rate is None:
        rate = RATE_WITHOUT if attention == "none" else RATE_WITH_ATTENTION
    schedule = replace(schedule, learning_rate=rate)
    source, target = vocabularies(pairs)
    options = (WITH_ATTENTION if attention != "none" else {}) | options
    config = Seq2SeqConfig(len(source) + SPECIAL, len(target) + SPECIAL, width, cell, attention)
    try:
        config = replace(config, **options)  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(
            f"{error}; the options are input_feeding, residual, dropout and state_dropout."
        ) from None
    translator = Translator(Seq2Seq(config), source=source, target=target, tokenize=english_tokens)
    return _train_or_load(
        translator,
        pairs,
        name=f"seq2seq-{attention.replace(' ', '-')}-{width}",
        build=lambda: Seq2Seq(config),
        config=config,
        schedule=schedule,
        code=CODE,
        seed=seed,
    )


def train_transformer(
    pairs: Sequence[SentencePair],
    *,
    schedule: Schedule = FOR_TRANSFORMERS,
    seed: int = 0,
    **options: object,
) -> TrainedTranslator:
    """Train a transformer on sentence pairs, or load the one that was trained so before.

    Parameters
    ----------
    pairs : sequence of SentencePair
    schedule : Schedule
    seed : int
        First weights and order of the sentences.
    **options
        Fields of `TransformerConfig` besides the vocabularies: ``width``, ``layers``, ``positions``,
        ``norm_first``, ``dropout`` and so on.

    Returns
    -------
    TrainedTranslator

    Raises
    ------
    ValueError
        If there are no pairs, or an option is unknown or out of range.
    """
    source, target = vocabularies(pairs)
    schedule = replace(schedule, learning_rate=schedule.learning_rate or FOR_TRANSFORMERS.learning_rate)
    try:
        config = TransformerConfig(len(source) + SPECIAL, len(target) + SPECIAL, **options)  # type: ignore[arg-type]
    except TypeError as error:
        names = [field.name for field in fields(TransformerConfig)][2:]
        raise ValueError(f"{error}; the options are {', '.join(names)}.") from None
    translator = Translator(Transformer(config), source=source, target=target, tokenize=english_tokens)
    return _train_or_load(
        translator,
        pairs,
        name=f"transformer-{config.positions}-{config.width}",
        build=lambda: Transformer(config),
        config=config,
        schedule=schedule,
        code=TRANSFORMER_CODE,
        seed=seed,
    )


def _train_or_load(
    translator: Translator,
    pairs: Sequence[SentencePair],
    *,
    name: str,
    build: Callable[[], nn.Module],
    config: Seq2SeqConfig | TransformerConfig,
    schedule: Schedule,
    code: Sequence[ModuleType],
    seed: int,
) -> TrainedTranslator:
    """Put the trained model into the translator, from the cache if it is there."""
    ids = translator.encode_pairs(pairs)
    batches = PairBatches(ids, size=schedule.batch)
    steps = max(1, round(schedule.target_tokens / batches.target_tokens))
    rate = schedule.learning_rate
    assert rate is not None

    def train(model: nn.Module, history: History) -> None:
        fit(
            model,
            batches,
            steps=steps,
            learning_rate=rate,
            history=history,
            optimizer=torch.optim.AdamW(model.parameters(), betas=schedule.betas, fused=True),
            warmup=min(schedule.warmup, steps // 4),
            decay="linear",
            seed=seed,
        )

    model, history, was_cached = cached(
        name,
        config={"model": asdict(config), "schedule": asdict(schedule)},
        data_version=hashlib.sha256(json.dumps(ids).encode()).hexdigest(),
        code=list(code),
        build=build,
        train=train,
        seed=seed,
    )
    translator.model = model
    return TrainedTranslator(translator, history, round(steps * batches.target_tokens), was_cached)
