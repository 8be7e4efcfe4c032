"""A translator: words in, words out, around any model with ids.

The model is known by what `Seq2Seq` has: ``start(source) -> state``, ``step(state, tokens)``, ``attend(state,
tokens, weights=...)``, ``model(source, target, return_attention=True)`` and ``config.attention``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.datasets.sentence_pairs import SentencePair
from course_utils.decoding.beam import BeamResult, beam_search
from course_utils.decoding.greedy import greedy
from course_utils.models.seq2seq import BEGIN, END, SPECIAL
from course_utils.models.seq2seq_batches import pad_pairs, pad_sources
from course_utils.text.vocab import Vocabulary

__all__ = ["END_PIECE", "Translation", "Translator"]

Floats = NDArray[np.float32]
Words = Sequence[str]

END_PIECE = "<end>"
LONGEST = 100  # words; four times the longest sentence that the course trains on
MARKS = ("<padding>", "<begin>", END_PIECE)


@dataclass(frozen=True)
class Translation:
    """A sentence and what a model made of it."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    log_probabilities: tuple[float, ...]  # of each target word and, if it came, the end, in nats
    finished: bool  # False if the model never came to an end
    attention: Floats | None = None  # (rows, S + 1); None without attention

    @property
    def source_pieces(self) -> tuple[str, ...]:
        """The columns of the attention: the words and the end mark, which the model reads, too."""
        return (*self.source, END_PIECE)

    @property
    def target_pieces(self) -> tuple[str, ...]:
        """The rows of the attention: what was predicted with it, the end mark among them if it came."""
        return (*self.target, END_PIECE) if self.finished else self.target

    @property
    def weights(self) -> Floats | None:
        """Attention between words alone, (T, S): without the end marks."""
        return None if self.attention is None else self.attention[: len(self.target), : len(self.source)]


class Translator:
    """A model with its two vocabularies.

    Parameters
    ----------
    model : nn.Module
        As `Seq2Seq`; it is used in evaluation mode.
    source, target : Vocabulary
        Word i has id ``i + SPECIAL`` in the model.
    tokenize : callable
        Cuts a typed text into words; by default at spaces.
    """

    def __init__(
        self,
        model: Any,
        *,
        source: Vocabulary,
        target: Vocabulary,
        tokenize: Callable[[str], Words] = str.split,
    ) -> None:
        self.model, self.source, self.target, self.tokenize = model, source, target, tokenize
        self.labels = (*MARKS, *target.words)  # what each target id says

    # -- words and ids -------------------------------------------------------------------------------------

    def read(self, text: str | Words) -> tuple[str, ...]:
        """The words of a typed text, or of a sequence of words, if the model can read them.

        Raises
        ------
        UnknownWord
            A ValueError's cousin (`KeyError`) that suggests known words.
        ValueError
            If there is no word, or more than 100.
        """
        words = tuple(self.tokenize(text) if isinstance(text, str) else text)
        if not any(any(letter.isalnum() for letter in word) for word in words):
            raise ValueError("There is no word to translate; type a sentence.")
        if len(words) > LONGEST:
            raise ValueError(f"The sentence has {len(words)} words; shorten it to {LONGEST} or fewer.")
        for word in words:
            self.source[word]
        return words

    def source_ids(self, words: Words) -> list[int]:
        """Ids of source words."""
        return (self.source.encode(words, unknown="error") + SPECIAL).tolist()

    def target_ids(self, words: Words) -> list[int]:
        """Ids of target words; of marks, too, since an untrained model may write some."""
        return [MARKS.index(word) if word in MARKS else self.target[word] + SPECIAL for word in words]

    def encode_pairs(self, pairs: Sequence[SentencePair]) -> list[tuple[list[int], list[int]]]:
        """Ids of both sides, as `PairBatches` takes them."""
        return [(self.source_ids(pair.source), self.target_ids(pair.target)) for pair in pairs]

    # -- translating ---------------------------------------------------------------------------------------

    @torch.no_grad()
    def translate(
        self,
        sentences: Sequence[str | Words],
        *,
        beam: int = 1,
        length_penalty: float = 0.0,
        max_length: int | None = None,
        batch: int = 200,
    ) -> list[Translation]:
        """Translate sentences, many at a time.

        Parameters
        ----------
        sentences : sequence of str or of sequences of words
        beam : int
            Hypotheses followed at once; 1 is greedy decoding.
        length_penalty : float
            Of the beam, see `length_norm`.
        max_length : int, optional
            Target words at most, the end counted; by default twice the batch's longest source and ten.
        batch : int
            Sentences of about equal length run together; it changes speed, not translations.

        Returns
        -------
        list of Translation

        Raises
        ------
        UnknownWord, ValueError
            As `read`; or if a setting makes no sense.
        """
        read, done = [self.read(sentence) for sentence in sentences], dict[int, Translation]()
        for places in _of_like_length([len(words) for words in read], batch=batch):
            some = [read[i] for i in places]
            found = self._decode(some, beam=beam, length_penalty=length_penalty, max_length=max_length)
            done.update(zip(places, found, strict=True))
        return [done[i] for i in range(len(read))]

    def _decode(
        self, some: Sequence[Words], *, beam: int, length_penalty: float, max_length: int | None
    ) -> list[Translation]:
        self.model.eval()
        state = self.model.start(self._sources(some))
        settings: dict[str, Any] = {
            "start": torch.full((len(some),), BEGIN, device=self._device),
            "end": END,
            "max_length": max_length or 2 * max(map(len, some)) + 10,
        }
        if beam == 1:
            best = greedy(self.model.step, state, **settings)
        else:
            settings |= {"width": beam, "length_penalty": length_penalty}
            best = [result.best for result in beam_search(self.model.step, state, **settings)]
        ids = [list(hypothesis.without_end) for hypothesis in best]
        maps = self._maps([self.source_ids(words) for words in some], ids)
        return [
            Translation(
                tuple(words),
                tuple(self.labels[i] for i in target),
                hypothesis.log_probabilities,
                hypothesis.finished,
                None if weights is None else weights[: len(target) + hypothesis.finished],
            )
            for words, target, hypothesis, weights in zip(some, ids, best, maps, strict=True)
        ]

    @torch.no_grad()
    def search(
        self, sentence: str | Words, *, width: int, length_penalty: float = 0.0, max_length: int | None = None
    ) -> BeamResult:
        """One sentence's beam search, with the tree of all that was looked at; `labels` names the tokens."""
        words = self.read(sentence)
        return beam_search(
            self.model.eval().step,
            self.model.start(self._sources([words])),
            start=torch.full((1,), BEGIN, device=self._device),
            end=END,
            max_length=max_length or 2 * len(words) + 10,
            width=width,
            length_penalty=length_penalty,
            keep_tree=True,
        )[0]

    @torch.no_grad()
    def next_words(
        self, sentence: str | Words, prefix: Words, *, weights: Sequence[float] | Floats | None = None
    ) -> tuple[Floats, Floats | None]:
        """What could follow the first words of a translation.

        Parameters
        ----------
        sentence : str or sequence of words
        prefix : sequence of str
            Target words so far, perhaps none.
        weights : array of shape (S + 1,), optional
            Attention to pay at this step in place of the model's.

        Returns
        -------
        probabilities : array of shape (V,)
            Of each target id; `labels` names them.
        weights : array of shape (S + 1,), or None without attention
            The attention that was paid.
        """
        model = self.model.eval()
        state = model.start(self._sources([self.read(sentence)]))
        tokens = torch.tensor([BEGIN, *self.target_ids(prefix)], device=self._device)
        for token in tokens[:-1]:
            _, state = model.step(state, token[None])
        own = None
        if weights is not None:
            own = torch.as_tensor(np.asarray(weights, dtype=np.float32), device=self._device)[None]
        log_probabilities, _, paid = model.attend(state, tokens[-1:], weights=own)
        return log_probabilities[0].exp().cpu().numpy(), None if paid is None else paid[0].cpu().numpy()

    # -- attention under teacher forcing -------------------------------------------------------------------

    def attention(self, source: str | Words, target: Words) -> Floats:
        """Attention (T + 1, S + 1) while the model is told a translation: row t belongs to target word t.

        Raises
        ------
        ValueError
            If the model has no attention.
        """
        weights = self._maps([self.source_ids(self.read(source))], [self.target_ids(target)])[0]
        if weights is None:
            raise ValueError("this model has no attention to show; train one with attention.")
        return weights

    def align(self, pairs: Sequence[SentencePair], *, batch: int = 200) -> list[Floats]:
        """Attention between the words (T, S) of pairs, told the right translations; end marks left out."""
        ids, done = self.encode_pairs(pairs), dict[int, Floats]()
        for places in _of_like_length([len(source) for source, _ in ids], batch=batch):
            maps = self._maps([ids[i][0] for i in places], [ids[i][1] for i in places])
            for i, weights in zip(places, maps, strict=True):
                if weights is None:
                    raise ValueError("this model has no attention to show; train one with attention.")
                done[i] = weights[:-1, :-1]
        return [done[i] for i in range(len(ids))]

    @torch.no_grad()
    def _maps(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[Floats | None]:
        """Attention of each pair, the end marks' row and column included."""
        if self.model.config.attention == "none":
            return [None] * len(sources)
        source, target = pad_pairs(list(zip(sources, targets, strict=True)))
        place = self._device
        _, weights = self.model.eval()(source.to(place), target[:, :-1].to(place), return_attention=True)
        lengths = [(len(t) + 1, len(s) + 1) for s, t in zip(sources, targets, strict=True)]
        return [w[:t, :s].cpu().numpy() for w, (t, s) in zip(weights, lengths, strict=True)]

    def _sources(self, some: Sequence[Words]) -> Tensor:
        return pad_sources([self.source_ids(words) for words in some]).to(self._device)

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device


def _of_like_length(lengths: Sequence[int], *, batch: int) -> Iterator[list[int]]:
    """Places in batches, short ones first."""
    if batch < 1:
        raise ValueError(f"batch is {batch}; it must be 1 or more.")
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    for first in range(0, len(order), batch):
        yield order[first : first + batch]
