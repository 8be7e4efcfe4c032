"""How the course trains its translators: the same way in every lesson, and each model once.

What an earlier lesson trained is read from the cache; a later one trains it if it is not there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import nn

from course_utils.checkpoints import cached
from course_utils.datasets.grammar_parse import english_tokens
from course_utils.datasets.sentence_pairs import SentencePair
from course_utils.layers import attention_scores, recurrent, recurrent_cells
from course_utils.models import seq2seq, seq2seq_batches, seq2seq_parts
from course_utils.models.seq2seq import SPECIAL, Seq2Seq, Seq2SeqConfig
from course_utils.models.seq2seq_batches import PairBatches
from course_utils.text.vocab import Vocabulary
from course_utils.training import History, fit
from course_utils.translation.translator import Translator

__all__ = ["Schedule", "TrainedTranslator", "train_translator", "vocabularies"]

CODE = [seq2seq, seq2seq_parts, seq2seq_batches, attention_scores, recurrent, recurrent_cells]

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
    ids = translator.encode_pairs(pairs)
    batches = PairBatches(ids, size=schedule.batch)
    steps = max(1, round(schedule.target_tokens / batches.target_tokens))

    def train(model: Seq2Seq, history: History) -> None:
        fit(
            model,
            batches,
            steps=steps,
            learning_rate=rate,
            history=history,
            optimizer=torch.optim.AdamW(model.parameters(), fused=True),
            warmup=min(schedule.warmup, steps // 4),
            decay="linear",
            seed=seed,
        )

    model, history, was_cached = cached(
        f"seq2seq-{attention.replace(' ', '-')}-{width}",
        config={"model": asdict(config), "schedule": asdict(schedule)},
        data_version=hashlib.sha256(json.dumps(ids).encode()).hexdigest(),
        code=CODE,
        build=lambda: Seq2Seq(config),
        train=train,
        seed=seed,
    )
    translator.model = model
    return TrainedTranslator(translator, history, round(steps * batches.target_tokens), was_cached)
