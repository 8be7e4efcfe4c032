"""How the course trains an encoder to guess hidden tokens, and how well it guesses on other articles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.checkpoints import cached
from course_utils.language_models import muon
from course_utils.language_models.corpus import Corpus, EncodedText, Windows
from course_utils.language_models.muon import Muon
from course_utils.layers import attention, blocks, positions
from course_utils.models import encoder, masked_language_model, masking
from course_utils.models.encoder import EncoderConfig
from course_utils.models.masked_language_model import MaskedLanguageModel, MaskedLanguageModelConfig
from course_utils.models.masking import Hidden, hide
from course_utils.runtime import fast_dtype
from course_utils.text.bpe import ByteLevelBPE
from course_utils.training import History, fit

__all__ = [
    "LIVE",
    "LIVE_OPTIONS",
    "Guesses",
    "HiddenWindows",
    "MaskedSchedule",
    "TrainedEncoder",
    "build_masked_encoder",
    "guess_hidden",
    "train_masked_encoder",
]

CODE = [encoder, masked_language_model, masking, attention, blocks, positions, muon]
RUN_TOGETHER = 64  # windows, where nothing is learned


@dataclass(frozen=True)
class MaskedSchedule:
    """How long, how fast and on how many hidden places an encoder learns; chosen on validation articles."""

    tokens: int = 1_700_000  # read in training, counted with repetition, hidden or not
    length: int = 32  # tokens a window
    batch: int = 32  # windows an update
    share: float = 0.25  # of each window's tokens that are hidden
    marked: float = 0.8  # of the hidden ones, become the mark
    swapped: float = 0.1  # of the hidden ones, become any token
    learning_rate: float = 4e-3  # the highest; it falls to 0 in a straight line
    warmup: int = 50  # updates until it is reached
    weight_decay: float = 0.1  # of matrices

    def __post_init__(self) -> None:
        for name in ("tokens", "length", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more.")

    @property
    def steps(self) -> int:
        """Updates in which the tokens are read, at least one."""
        return max(1, round(self.tokens / (self.batch * self.length)))


LIVE = MaskedSchedule()
# Fields of EncoderConfig: lesson 16's GPT has four layers; for gaps two learn more in the same time.
LIVE_OPTIONS: dict[str, Any] = {
    "width": 128,
    "layers": 2,
    "heads": 4,
    "inner": 512,
    "positions": 128,
    "epsilon": 1e-5,
    "norm_first": True,
    "places": "rotary",
}


@dataclass(frozen=True, eq=False)
class TrainedEncoder:
    """A masked language model with its tokens, and how it came to be."""

    model: MaskedLanguageModel
    bpe: ByteLevelBPE
    history: History
    tokens: int  # read in training
    was_cached: bool  # read from the cache, not trained now

    @property
    def seconds(self) -> float:
        """Training time, of the run in which it was trained."""
        return self.history.seconds[-1]

    @property
    def parameters(self) -> int:
        """How many numbers were learnt."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @torch.no_grad()
    def predict(self, tokens: Sequence[int], place: int) -> NDArray[np.float64]:
        """Log-probabilities (V,) of the token at one place of a text, in nats; the mark itself is among them.

        Parameters
        ----------
        tokens : sequence of int
            Read as they are: hide the place with `mask_token` first.
        place : int
            From 0.

        Raises
        ------
        ValueError
            If the text is longer than the encoder's positions.
        IndexError
            If the text has no such place.
        """
        hidden, _ = self.model.read(torch.tensor([list(tokens)]))
        log_probabilities: NDArray[np.float64] = (
            self.model.scores(hidden[0, place]).double().log_softmax(dim=-1).numpy()
        )
        return log_probabilities

    @property
    def mask_token(self) -> int:
        """The mark of a hidden place."""
        return self.model.config.mask_token


@dataclass(frozen=True, eq=False)
class HiddenWindows:
    """Batches for `fit`: windows of a stream, other places hidden in each pass.

    Parameters
    ----------
    stream : int Tensor of shape (N,)
    mask_token : int
        The mark; all tokens are smaller.
    schedule : MaskedSchedule
    """

    stream: Tensor
    mask_token: int
    schedule: MaskedSchedule

    def __call__(self, generator: torch.Generator) -> Iterator[Hidden]:
        """One pass."""
        plan = self.schedule
        for rows in Windows(self.stream, plan.length, plan.batch)(generator):
            yield hide(
                rows,
                mask_token=self.mask_token,
                ordinary=self.mask_token,
                share=plan.share,
                marked=plan.marked,
                swapped=plan.swapped,
                generator=generator,
            )


def build_masked_encoder(corpus: Corpus, *, both_ways: bool = True, **options: object) -> MaskedLanguageModel:
    """An untrained masked language model for the tokens of a corpus; its mark is the number after theirs.

    Parameters
    ----------
    corpus : Corpus
    both_ways : bool
        False shuts each place off from what stands to its right.
    **options
        Fields of `EncoderConfig` besides the vocabulary; those of `LIVE_OPTIONS` unless given.

    Raises
    ------
    ValueError
        If an option is unknown or out of range.
    """
    mask_token = corpus.vocabulary_size
    try:
        sizes = EncoderConfig(vocabulary_size=mask_token + 1, **(LIVE_OPTIONS | options))
    except TypeError as error:
        names = [field.name for field in fields(EncoderConfig)][1:]
        raise ValueError(f"{error}; the options are {', '.join(names)}.") from None
    config = MaskedLanguageModelConfig(sizes, mask_token=mask_token, both_ways=both_ways)
    return MaskedLanguageModel(config, fast_dtype=fast_dtype())


def train_masked_encoder(
    corpus: Corpus,
    *,
    schedule: MaskedSchedule = LIVE,
    seed: int = 0,
    both_ways: bool = True,
    **options: object,
) -> TrainedEncoder:
    """Train an encoder to guess hidden tokens of a corpus, or load the one that was trained so before.

    Parameters
    ----------
    corpus : Corpus
    schedule : MaskedSchedule
    seed : int
        First weights, order of the windows and hidden places.
    both_ways, **options
        As for `build_masked_encoder`.

    Returns
    -------
    TrainedEncoder

    Raises
    ------
    ValueError
        If an option is unknown or out of range, or the training texts are too short for a batch.
    """
    config = build_masked_encoder(corpus, both_ways=both_ways, **options).config
    batches = HiddenWindows(corpus.stream(), config.mask_token, schedule)
    model, history, was_cached = cached(
        f"masked-{'both-ways' if both_ways else 'one-way'}-{config.encoder.width}",
        config={"model": asdict(config), "schedule": asdict(schedule)},
        data_version=corpus.version,
        code=[*CODE, fit],
        build=lambda: build_masked_encoder(corpus, both_ways=both_ways, **options),
        train=lambda model, history: fit(
            model,
            batches,
            steps=schedule.steps,
            learning_rate=schedule.learning_rate,
            history=history,
            optimizer=_optimizer(model, weight_decay=schedule.weight_decay),
            warmup=min(schedule.warmup, schedule.steps // 4),
            decay="linear",
            seed=seed,
        ),
        seed=seed,
    )
    tokens = history.last * schedule.batch * schedule.length
    return TrainedEncoder(model, corpus.bpe, history, tokens, was_cached)


def _optimizer(model: MaskedLanguageModel, *, weight_decay: float) -> Muon:
    """Muon for the matrices of the blocks, AdamW for the rest, as lesson 16's GPT has it."""
    return Muon(
        model,
        lambda name, parameter: name.startswith("encoder.blocks.") and parameter.ndim == 2,
        weight_decay=weight_decay,
        dtype=fast_dtype(),
    )


# -- judging ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Guesses:
    """What a model guessed at the N hidden places of one text."""

    title: str
    targets: NDArray[np.int64]  # (N,) what stood there
    answers: NDArray[np.int64]  # (N,) its most probable token
    log_probabilities: NDArray[np.float64]  # (N,) of what stood there, in nats

    @property
    def hits(self) -> int:
        """How many were guessed right."""
        return int((self.targets == self.answers).sum())


def guess_hidden(
    model: MaskedLanguageModel,
    texts: Sequence[EncodedText],
    *,
    length: int = LIVE.length,
    share: float = 0.15,
    seed: int = 0,
    score: Callable[[Tensor], Tensor] | None = None,
) -> list[Guesses]:
    """Hide tokens of texts and let a model guess them; the same places for every model.

    All hidden tokens become the mark: what is swapped in or left alone in training is there to keep the model
    awake, and says nothing about how well it guesses.

    Parameters
    ----------
    model : MaskedLanguageModel
    texts : sequence of EncodedText
        Cut into windows side by side; what is left at the end is not used, nor a text shorter than a window.
    length : int
        Tokens a window.
    share, seed
        See `hide`.
    score : callable, optional
        Hidden tokens' text, int (B, T) → scores (B, T, V), in place of the model's own.

    Returns
    -------
    list of Guesses
        One for each text that is long enough.

    Raises
    ------
    ValueError
        If no text is.
    """
    generator, found = torch.Generator().manual_seed(seed), []
    for text in texts:
        if len(text.tokens) < length:
            continue
        rows = torch.from_numpy(text.tokens[: len(text.tokens) // length * length]).view(-1, length)
        mark = model.config.mask_token
        batch = hide(
            rows, mask_token=mark, ordinary=mark, share=share, marked=1, swapped=0, generator=generator
        )
        found.append(_guess(score or model, batch, title=text.title))
    if not found:
        raise ValueError(f"no text has {length} tokens; choose shorter windows or longer texts.")
    return found


@torch.no_grad()
def _guess(score: Callable[[Tensor], Tensor], batch: Hidden, *, title: str) -> Guesses:
    answers, log_probabilities = [], []
    for part in range(0, len(batch.tokens), RUN_TOGETHER):
        rows = slice(part, part + RUN_TOGETHER)
        chosen, targets = batch.chosen[rows], batch.targets[rows]
        scores = score(batch.tokens[rows])[chosen].log_softmax(dim=-1)  # (places, V)
        answers.append(scores.argmax(dim=-1))
        log_probabilities.append(scores.gather(1, targets[chosen][:, None])[:, 0])
    return Guesses(
        title,
        batch.targets[batch.chosen].numpy(),
        torch.cat(answers).numpy(),
        torch.cat(log_probabilities).double().numpy(),
    )
