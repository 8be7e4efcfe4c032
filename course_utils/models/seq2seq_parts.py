"""What `seq2seq` is composed of: config, reader (encoder), writer (decoder), and the state between them.

The papers, the equations and the deviations from them stand in `seq2seq`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.attention_scores import SCORES, Score, average_by_scores
from course_utils.layers.recurrent import GRU, LSTM, BothDirections
from course_utils.layers.recurrent_cells import State

PADDING, BEGIN, END = 0, 1, 2
SPECIAL = 3  # ids below this one are no words
CELLS = {"gru": GRU, "lstm": LSTM}


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Sizes and parts of the model."""

    source_vocabulary: int  # ids of the source: padding, begin, end, then words
    target_vocabulary: int  # V, ids of the target, counted alike
    width: int = (
        256  # C: numbers of a word's vector and of the writer's state; half of it per reading direction
    )
    cell: str = "gru"  # "gru" or "lstm"
    attention: str = "additive"  # "none", "additive" ("concat" is the same), "dot", "general" or "scaled dot"
    input_feeding: bool = False  # True: what was attended to enters the next state, as in the paper
    residual: bool = True  # add a source word's own vector to what the reader says of it
    dropout: float = 0.0  # share of vectors' numbers set to 0 while training
    state_dropout: float = 0.0  # share of predictions in training that are made without the writer's state

    def __post_init__(self) -> None:
        if min(self.source_vocabulary, self.target_vocabulary) <= SPECIAL:
            raise ValueError(f"a vocabulary needs ids beyond the {SPECIAL} of padding, begin and end.")
        if self.width < 2 or self.width % 2:
            raise ValueError(f"width is {self.width}; choose an even number, half for each direction.")
        if self.cell not in CELLS:
            raise ValueError(f"cell {self.cell!r} is unknown; choose {' or '.join(map(repr, CELLS))}.")
        if self.attention != "none" and self.attention not in SCORES:
            raise ValueError(
                f"attention {self.attention!r} is unknown; choose 'none', {', '.join(map(repr, SCORES))}."
            )
        if self.input_feeding and self.attention == "none":
            raise ValueError("without attention there is nothing to feed; set input_feeding=False.")
        for name in ("dropout", "state_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 or more and below 1.")


@dataclass(frozen=True)
class DecoderState:
    """What decoding hands on from word to word; the batch is the first dimension of every tensor."""

    recurrent: State  # (B, C), for an LSTM two of them
    summary: Tensor  # (B, C): what the reader kept of the whole sentence
    values: Tensor | None = None  # (B, S, C): what it says of each word; None without attention
    keys: Tensor | None = None  # (B, S, …): the same, made ready for the score
    mask: Tensor | None = None  # (B, S): True where there is a word; the end mark is none


class Reader(nn.Module):
    """The encoder: a sentence in, a vector for each word and one for the whole out."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        C, layer = config.width, CELLS[config.cell]
        self.config = config
        self.vectors = nn.Embedding(config.source_vocabulary, C)
        self.layer = BothDirections(layer(C, C // 2), layer(C, C // 2))
        self.summarise = nn.Linear(C, C)
        nn.init.normal_(self.vectors.weight, std=C**-0.5)

    def forward(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read source ids (B, S), padded with 0.

        Returns
        -------
        values : Tensor of shape (B, S, C)
        mask : bool Tensor of shape (B, S)
        summary : Tensor of shape (B, C)
            From the last states of both directions.
        """
        mask = source.ne(PADDING)
        words = F.dropout(self.vectors(source), self.config.dropout, self.training)  # (B, S, C)
        values, ends = self.layer(words, mask=mask)
        if self.config.residual:
            values = values + words
        last = torch.cat([_visible(end) for end in ends], dim=-1)  # (B, C)
        return values, mask, torch.tanh(self.summarise(last))


class Writer(nn.Module):
    """The decoder: from the words so far to the scores of the next one."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        C, sees = config.width, config.attention != "none"
        self.config = config
        self.vectors = nn.Embedding(config.target_vocabulary, C)
        self.layer = CELLS[config.cell](2 * C if config.input_feeding else C, C)
        self.score: Score | None = SCORES[config.attention](C) if sees else None
        self.combine = nn.Linear(2 * C if sees else C, C)
        self.bias = nn.Parameter(torch.zeros(config.target_vocabulary))
        nn.init.normal_(self.vectors.weight, std=C**-0.5)

    def read(self, tokens: Tensor) -> Tensor:
        """Vectors of the words before: (...) to (..., C)."""
        return F.dropout(self.vectors(tokens), self.config.dropout, self.training)

    def look(self, states: Tensor, memory: DecoderState) -> tuple[Tensor, Tensor]:
        """Attention of states (B, T, C): contexts (B, T, C) and weights (B, T, S)."""
        assert self.score is not None
        assert memory.values is not None
        return average_by_scores(self.score(states, memory.keys), memory.values, mask=memory.mask)

    def say(self, states: Tensor, context: Tensor | None) -> Tensor:
        """Scores of the next word (B, T, V) from states and, with attention, contexts (B, T, C)."""
        if context is not None and self.training and self.config.state_dropout:
            without = torch.rand(states.shape[:2], device=states.device) < self.config.state_dropout
            states = states.masked_fill(without[..., None], 0)
        seen = states if context is None else torch.cat([states, context], dim=-1)
        features = torch.tanh(self.combine(seen))
        features = F.dropout(features, self.config.dropout, self.training)
        return F.linear(features, self.vectors.weight, self.bias)

    def write(self, words: Tensor, memory: DecoderState) -> tuple[Tensor, Tensor | None, State]:
        """All steps at once; the attention does not feed the states.

        Parameters
        ----------
        words : Tensor of shape (B, T, C)
            Vectors of the words before.
        memory : DecoderState

        Returns
        -------
        scores : Tensor of shape (B, T, V)
        weights : Tensor of shape (B, T, S), or None without attention
        state
            After the last word.
        """
        states, last = self.layer(words, state=memory.recurrent)
        if self.score is None:
            return self.say(states, None), None, last
        context, weights = self.look(states, memory)
        return self.say(states, context), weights, last

    def next_state(
        self, word: Tensor, memory: DecoderState, *, weights: Tensor | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """The paper's step: look with the old state, then read word (B, C) and context together.

        Returns
        -------
        scores : Tensor of shape (B, 1, V)
        weights : Tensor of shape (B, 1, S)
        state
        """
        context, own = self.look(_visible(memory.recurrent)[:, None], memory)
        if weights is not None:
            context, own = average_by_weights(weights, memory), weights[:, None]
        states, last = self.layer(torch.cat([word[:, None], context], dim=-1), state=memory.recurrent)
        return self.say(states, context), own, last


def average_by_weights(weights: Tensor, memory: DecoderState) -> Tensor:
    """Context (B, 1, C) by given weights (B, S)."""
    assert memory.values is not None
    return weights[:, None] @ memory.values


def _visible(state: State) -> Tensor:
    """The part of a state that a layer shows: h."""
    return state if isinstance(state, Tensor) else state[0]
