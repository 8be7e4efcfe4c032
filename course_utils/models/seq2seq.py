"""Sequence to sequence: one network reads a sentence, another writes its translation.

=====================================================  ======================================================
paper                                                  here
=====================================================  ======================================================
v, the state after the source is read      (S, 2)      ``summary`` of `Reader.forward`; the writer's first
p(y_t | v, y_1 … y_{t-1})                  (S, 2)      `Seq2Seq.forward` with ``attention="none"``
h_j = [→h_j; ←h_j], a two-way reader       (B, 3.2)    `Reader`
e_ij = a(s_{i-1}, h_j), α, c_i             (B, 3.1)    `Writer.look`, over a score of `attention_scores`
s_i = f(s_{i-1}, y_{i-1}, c_i)             (B, A.2.2)  `Writer.next_state` with ``input_feeding=True``
h̃_t = tanh(W [c_t; h_t])                   (L, 3)      `Writer.say`
softmax of the next word                   (L, 3)      `Writer.say`; its matrix is the table of target vectors
=====================================================  ======================================================

S: Sutskever, Vinyals and Le 2014; B: Bahdanau, Cho and Bengio 2015; L: Luong, Pham and Manning 2015.

Deviations, and why. The first two and the cell have switches in the config.

- Without ``input_feeding`` the attention is asked with the state that has read the last word, and what it
  found goes into the prediction but not into the next state (L without input feeding). The states then do not
  depend on the attention, so in training attention, combination and softmax of all target steps are one
  batched product each, and only the recurrent layer walks. ``input_feeding=True`` is B's order: look with the
  old state, then step, the context beside the word. It needs a loop over everything.
- ``residual``: a source word's own vector is added to the reader's output at its place. ``state_dropout``: in
  training some words are predicted from the context alone (dropout of whole states; Gal and Ghahramani 2016
  drop whole words), so that the writer has to look. Both keep the attention nearer to the word that is
  translated: a lower alignment error rate (lesson 13).
- The end mark is read but cannot be looked at. With it, words that need no look rest there, and what little
  weight is left for the words of the sentence points anywhere.
- The v of the additive score starts four times as large as usual: looks differ sooner.
- B's output layer has a maxout; here it is L's tanh layer, in both forms.
- S read with four LSTM layers of 1,000 numbers, B and L with as many; here one layer of 256 does.
- S turned the source round; that is a matter of the data, and lesson 11 tries it.
- Input and output vectors of target words are one table (Press and Wolf 2017).

References
----------
Sutskever, Vinyals and Le (2014), Sequence to Sequence Learning with Neural Networks.
Bahdanau, Cho and Bengio (2015), Neural Machine Translation by Jointly Learning to Align and Translate.
Luong, Pham and Manning (2015), Effective Approaches to Attention-based Neural Machine Translation.
Gal and Ghahramani (2016), A Theoretically Grounded Application of Dropout in Recurrent Neural Networks.
Press and Wolf (2017), Using the Output Embedding to Improve Language Models.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.recurrent_cells import State
from course_utils.models.seq2seq_parts import (
    BEGIN,
    END,
    PADDING,
    SPECIAL,
    DecoderState,
    Reader,
    Seq2SeqConfig,
    Writer,
    average_by_weights,
)

__all__ = ["BEGIN", "END", "PADDING", "SPECIAL", "DecoderState", "Seq2Seq", "Seq2SeqConfig"]


class Seq2Seq(nn.Module):
    """A reader and a writer.

    Parameters
    ----------
    config : Seq2SeqConfig
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        self.reader = Reader(config)
        self.writer = Writer(config)

    def start(self, source: Tensor) -> DecoderState:
        """Read source ids (B, S), padded with 0; the state with which decoding begins."""
        values, mask, summary = self.reader(source)
        recurrent: State = summary if self.config.cell == "gru" else (summary, torch.zeros_like(summary))
        if self.writer.score is None:
            return DecoderState(recurrent, summary)
        words = mask & source.ne(END)  # nothing to look at beyond the last word
        return DecoderState(recurrent, summary, values, self.writer.score.project(values), words)

    def forward(
        self, source: Tensor, target: Tensor, *, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Score each next word, the right words before it given (teacher forcing).

        Parameters
        ----------
        source : int Tensor of shape (B, S)
        target : int Tensor of shape (B, T)
            Begins with the mark `BEGIN`; padded with 0.
        return_attention : bool

        Returns
        -------
        scores : Tensor of shape (B, T, V)
            Step t scores the word after target words 0 … t.
        weights : Tensor of shape (B, T, S)
            Only with `return_attention`.

        Raises
        ------
        ValueError
            If weights are asked of a model without attention, or a sentence is empty.
        """
        if return_attention and self.writer.score is None:
            raise ValueError("this model has no attention to return; build it with attention='additive'.")
        memory = self.start(source)
        words = self.writer.read(target)  # (B, T, C)
        if not self.config.input_feeding:
            scores, weights, _ = self.writer.write(words, memory)
        else:
            scores, weights = self._walk(words, memory)
        if not return_attention:
            return scores
        assert weights is not None
        return scores, weights

    def _walk(self, words: Tensor, memory: DecoderState) -> tuple[Tensor, Tensor]:
        """The paper's form: one target step after the other."""
        steps = []
        for word in words.unbind(dim=1):
            scores, weights, recurrent = self.writer.next_state(word, memory)
            memory = replace(memory, recurrent=recurrent)
            steps.append((scores, weights))
        return torch.cat([s for s, _ in steps], dim=1), torch.cat([w for _, w in steps], dim=1)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean negative log-probability of the target words and the end mark, in nats per token.

        Parameters
        ----------
        batch : (source, target)
            Int Tensors of shapes (B, S) and (B, T + 1); the target from `BEGIN` to `END`, padded with 0.
        """
        source, target = batch
        scores = self(source, target[:, :-1])  # (B, T, V)
        return F.cross_entropy(scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PADDING)

    def step(self, state: DecoderState, tokens: Tensor) -> tuple[Tensor, DecoderState]:
        """Log-probabilities (B, V) of the word after tokens (B,), and the new state: what decoding calls."""
        log_probabilities, state, _ = self.attend(state, tokens)
        return log_probabilities, state

    def attend(
        self, state: DecoderState, tokens: Tensor, *, weights: Tensor | None = None
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """One step, with the attention that was paid, or with one of your own.

        Parameters
        ----------
        state : DecoderState
        tokens : int Tensor of shape (B,)
            What each row wrote last; first of all `BEGIN`.
        weights : Tensor of shape (B, S), optional
            Used in place of the model's.

        Returns
        -------
        log_probabilities : Tensor of shape (B, V)
        state : DecoderState
        weights : Tensor of shape (B, S), or None without attention

        Raises
        ------
        ValueError
            If weights are given to a model without attention, or have another shape.
        """
        if weights is not None and (state.mask is None or weights.shape != state.mask.shape):
            raise ValueError(
                f"weights must have one number per source place, {_shape(state.mask)}, not {_shape(weights)}."
                if state.mask is not None
                else "this model has no attention to replace; build it with attention='additive'."
            )
        word = self.writer.read(tokens)  # (B, C)
        if self.config.input_feeding:
            scores, used, recurrent = self.writer.next_state(word, state, weights=weights)
        elif weights is None:
            scores, used_or_none, recurrent = self.writer.write(word[:, None], state)
            return self._after(scores, state, recurrent, used_or_none)
        else:
            states, recurrent = self.writer.layer(word[:, None], state=state.recurrent)
            scores, used = self.writer.say(states, average_by_weights(weights, state)), weights[:, None]
        return self._after(scores, state, recurrent, used)

    def _after(
        self, scores: Tensor, state: DecoderState, recurrent: State, weights: Tensor | None
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        paid = None if weights is None else weights[:, 0]
        return scores[:, 0].log_softmax(dim=-1), replace(state, recurrent=recurrent), paid


def _shape(tensor: Tensor | None) -> str:
    return "none" if tensor is None else str(tuple(tensor.shape))
