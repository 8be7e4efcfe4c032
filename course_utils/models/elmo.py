"""ELMo: two language models, one reading forwards, one backwards, give each word a vector in its place.

==============================================  ======================================================
paper (section)                                 here
==============================================  ======================================================
x_k, from the characters of word k (3.4)        `Elmo.inputs`: the word's own vector and those of its
                                                character n-grams, chosen by `unit_table`
forward LSTM of L layers (3.1)                  `Elmo.read`
backward LSTM of L layers (3.1)                 `Elmo.read` with ``backwards=True``, on the text reversed
input and softmax shared by both (3.1)          one ``units``, one ``to_output``, one ``bias``
residual connection between layers (3.4)        `Elmo.read`
sum of both log-likelihoods (3.1)               `Elmo.loss`, divided by two: nats per word
h_{k,0} = x_k, h_{k,j} = [forward; backward]    `Elmo.states`, `Elmo.layers`
==============================================  ======================================================

Differences, and why: n-gram vectors (lesson 04) in place of a character CNN, at a fraction of the cost;
128 numbers a direction instead of 512 and a third of a million words instead of a billion, so that it trains
while a reader waits; a word's own input vector is its row of the softmax (Press and Wolf 2017), as in lesson
02; layer 0 is [x_k; x_k], so that all layers are equally wide; a dropout mask stays the same along a text
(Gal and Ghahramani 2016). The softmax is sampled, as in the authors' own code, with the words of the batch as
the sample (see `Elmo.loss`). The weighted sum of layers that the paper fits for each task is left out: here
layers are looked at one by one.

References
----------
Peters, Neumann, Iyyer, Gardner, Clark, Lee and Zettlemoyer (2018), Deep Contextualized Word Representations.
Jean, Cho, Memisevic and Bengio (2015), On Using Very Large Target Vocabulary for Neural Machine Translation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from course_utils.models.elmo_softmax import ChunkedSoftmax
from course_utils.models.elmo_text import find_words, unit_table
from course_utils.models.token_layers import TokenLayers

Batch = tuple[Tensor, Tensor, Tensor]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ElmoConfig:
    """Sizes of both language models."""

    vocabulary_size: int  # V: words that can be predicted; the last is the class of unknown words
    dimension: int = 128  # C: numbers per word and direction, in every layer
    layers: int = 2  # L: LSTM layers per direction
    buckets: int = 8_000  # character n-grams share this many vectors, by hash
    shortest: int = 3  # letters of the shortest n-gram, the marks < and > included
    longest: int = 5  # letters of the longest
    units: int = 20  # at most so many vectors make up a word: its own, then its n-grams, short ones first
    dropout: float = 0.1  # share of each LSTM's inputs set to 0 while training
    bfloat16: bool = False  # train with 16-bit products: faster where the processor has them

    def __post_init__(self) -> None:
        least = {"vocabulary_size": 2, "dimension": 1, "layers": 1, "buckets": 1, "shortest": 1, "units": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be {bound} or more.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it must be 0 or more and below 1.")


class Elmo(nn.Module):
    """Two language models over one table of inputs.

    Parameters
    ----------
    config : ElmoConfig
    words : sequence of V - 1 str
        The words that can be predicted, ids 0 to V - 2. Any other word is read by its n-grams, and predicted
        as id V - 1.
    counts : sequence of V numbers
        How often each id occurs in the training text, for the sampled softmax.

    Raises
    ------
    ValueError
        If words or counts do not fit the config.
    """

    log_absent: Tensor

    def __init__(self, config: ElmoConfig, *, words: Sequence[str], counts: Sequence[float]) -> None:
        super().__init__()
        V, C = config.vocabulary_size, config.dimension
        if len(words) != V - 1 or len(set(words)) != V - 1 or len(counts) != V:
            raise ValueError(
                f"vocabulary_size {V} needs {V - 1} different words and {V} counts, "
                f"not {len(words)} words and {len(counts)} counts."
            )
        self.config = config
        self.index = {word: place for place, word in enumerate(words)}
        shares = torch.as_tensor(np.asarray(counts, dtype=np.float64) + 1)
        self.register_buffer("log_absent", torch.log1p(-shares / shares.sum()), persistent=False)  # (V,)
        self.units = nn.Embedding(V + config.buckets + 1, C, padding_idx=V + config.buckets)
        self.edges = nn.Parameter(torch.empty(2, C))  # read before the first word, in either direction
        self.forward_lstms = _lstms(config)
        self.backward_lstms = _lstms(config)
        self.to_output = nn.Linear(C, C, bias=False)
        self.bias = nn.Parameter(torch.zeros(V))
        for table in (self.units.weight, self.edges):
            nn.init.normal_(table, std=C**-0.5)
        nn.init.zeros_(self.units.weight[-1])

    # -- from words to states ------------------------------------------------------------------------------

    def inputs(self, table: Tensor) -> Tensor:
        """Vector of each word before any context.

        Parameters
        ----------
        table : int Tensor of shape (N, M)
            Units of N words, from `unit_table`.

        Returns
        -------
        Tensor of shape (N, C)
            Sum of the units' vectors, divided by the root of their number: long words are not longer vectors.
        """
        used = table.ne(self.config.vocabulary_size + self.config.buckets).sum(dim=1, keepdim=True)  # (N, 1)
        return self.units(table).sum(dim=1) / used.clamp_min(1).sqrt()

    def read(self, x: Tensor, *, backwards: bool = False) -> list[Tensor]:
        """One direction over inputs in reading order.

        Parameters
        ----------
        x : Tensor of shape (B, T, C)
        backwards : bool
            Which of the two models reads.

        Returns
        -------
        list of L Tensors of shape (B, T + 1, C)
            State t has read the edge and t words. Only what was read enters a state.
        """
        h = torch.cat([self.edges[int(backwards)].expand(len(x), 1, -1), x], dim=1)  # (B, T + 1, C)
        fast, states = self.config.bfloat16 and self.training, []
        for place, lstm in enumerate(self.backward_lstms if backwards else self.forward_lstms):
            with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                out = lstm(self._drop(h))[0].float()
            h = out + h if place else out  # the residual connection
            states.append(h)
        return states

    def states(self, x: Tensor, lengths: Tensor) -> Tensor:
        """All layers of padded texts.

        Parameters
        ----------
        x : Tensor of shape (B, T, C)
            Inputs; what stands after a text's end does not matter.
        lengths : int Tensor of shape (B,)

        Returns
        -------
        Tensor of shape (L + 1, B, T, 2 · C)
            Forward numbers first. Those of word k have read it and all before it, the backward ones it and
            all after it.
        """
        if x.ndim != 3 or lengths.shape != x.shape[:1] or (len(x) and int(lengths.max()) > x.shape[1]):
            raise ValueError(
                f"x has shape {tuple(x.shape)} and lengths {tuple(lengths.shape)}; give (B, T, C) and (B,), "
                "and no length above T."
            )
        ahead = [state[:, 1:] for state in self.read(x)]
        back = [flip(state[:, 1:], lengths) for state in self.read(flip(x, lengths), backwards=True)]
        return torch.stack([torch.cat(pair, dim=2) for pair in [(x, x), *zip(ahead, back, strict=True)]])

    def _drop(self, x: Tensor) -> Tensor:
        """Dropout with one mask for all words of a text."""
        if not self.training or not self.config.dropout:
            return x
        keep = 1 - self.config.dropout
        return x * torch.full((len(x), 1, x.shape[2]), keep).bernoulli_(keep).div_(keep)

    # -- predicting ----------------------------------------------------------------------------------------

    def loss(self, batch: Batch) -> Tensor:
        """Mean negative log-probability of all words in both directions, in nats per word; sampled.

        Parameters
        ----------
        batch : (table, rows, targets)
            Int Tensors of shapes (U, M), (B, T), (B, T): the units of U words, which of them stands at each
            place, and the id to be predicted there. See `Windows`.

        Notes
        -----
        The softmax runs over the words that occur in the batch. A word with share q of the text occurs among
        the N words of a batch with probability 1 - (1 - q)^N. Its exponential is divided by that, so that
        rare words, which are seldom there, count for the many times they are not. The result differs a little
        from the loss over all V words, which `log_probabilities` gives.
        """
        table, rows, targets = batch
        x = self.inputs(table)[rows]  # (U, C) -> (B, T, C)
        if rows.shape != targets.shape:
            raise ValueError(
                f"rows {tuple(rows.shape)} and targets {tuple(targets.shape)} must have one shape."
            )
        ahead = self.read(x)[-1][:, :-1]  # has read all words before
        back = self.read(x.flip(1), backwards=True)[-1][:, :-1].flip(1)  # all words after
        features = self.to_output(torch.cat([ahead, back]).flatten(0, 1))  # (2 · B · T, C)
        present, places = targets.flatten().unique(return_inverse=True)
        corrected = (
            self.bias[present] - torch.log(-torch.expm1(targets.numel() * self.log_absent[present])).float()
        )
        precision = torch.bfloat16 if self.config.bfloat16 else torch.float32
        loss: Tensor = ChunkedSoftmax.apply(
            features, self.units.weight[present], corrected, places.repeat(2), precision
        )
        return loss

    @torch.no_grad()
    def log_probabilities(self, document: Sequence[str], *, chunk: int = 512) -> tuple[Floats, Floats]:
        """Log-probability of each word given all before it, and given all after it.

        Parameters
        ----------
        document : sequence of T str

        Returns
        -------
        forward, backward : arrays of shape (T,)
            In nats, from the softmax over all V words, without dropout.
        """
        targets = torch.tensor([self.index.get(word, len(self.index)) for word in document])
        with _judging(self):
            x, lengths = self._embed([document]), torch.tensor([len(document)])
            ahead = self.read(x)[-1][:, :-1]
            back = flip(self.read(flip(x, lengths), backwards=True)[-1][:, :-1], lengths)
            forward, backward = (self._prices(h[0], targets, chunk=chunk) for h in (ahead, back))
        return forward, backward

    def _prices(self, h: Tensor, targets: Tensor, *, chunk: int) -> Floats:
        """Log-probabilities of targets (T,) after states (T, C), some at a time: T · V scores need room."""
        rows, parts = self.units.weight[: self.config.vocabulary_size], []
        for some, wanted in zip(h.split(chunk), targets.split(chunk), strict=True):
            scores = torch.addmm(self.bias, self.to_output(some), rows.T)  # (chunk, V)
            parts.append(-F.cross_entropy(scores, wanted, reduction="none"))
        return torch.cat(parts).double().numpy()

    # -- vectors in context --------------------------------------------------------------------------------

    @torch.no_grad()
    def layers(
        self, texts: Sequence[str], *, tokenize: Callable[[str], Sequence[str]], batch: int = 64
    ) -> list[TokenLayers]:
        """Vectors of every word of some texts, layer by layer.

        Parameters
        ----------
        texts : sequence of str
            Each is read alone, from edge to edge.
        tokenize : callable
            Cuts a text into words, as the training text was cut: `tokenize_words`.
        batch : int
            Texts of about equal length run together; it changes speed, not vectors.

        Returns
        -------
        list of TokenLayers
            Vectors of shape (L + 1, T, 2 · C).

        Raises
        ------
        ValueError
            If a text holds no word.
        """
        found = [find_words(text, words=tokenize(text)) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: len(found[i][0]))
        result: dict[int, TokenLayers] = {}
        with _judging(self):
            for start in range(0, len(order), batch):
                some = order[start : start + batch]
                lengths = torch.tensor([len(found[i][0]) for i in some])
                states = self.states(self._embed([found[i][0] for i in some]), lengths).numpy()
                for row, i in enumerate(some):
                    words, spans = found[i]
                    result[i] = TokenLayers(tuple(words), tuple(spans), states[:, row, : len(words)].copy())
        return [result[i] for i in range(len(texts))]

    def _embed(self, documents: Sequence[Sequence[str]]) -> Tensor:
        """Inputs of documents, padded with zeros: (B, T, C)."""
        kinds = sorted({word for document in documents for word in document})
        place = {word: row for row, word in enumerate(kinds)}
        x = self.inputs(unit_table(kinds, known=self.index, config=self.config))
        parts = [x[[place[word] for word in document]] for document in documents]
        return nn.utils.rnn.pad_sequence(parts, batch_first=True)


def flip(x: Tensor, lengths: Tensor) -> Tensor:
    """Texts of shape (B, T, ...), the first `lengths` words in reverse order, the padding where it was."""
    t = torch.arange(x.shape[1])
    source = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)  # (B, T)
    return x[torch.arange(len(x))[:, None], source]


def _lstms(config: ElmoConfig) -> nn.ModuleList:
    C = config.dimension
    return nn.ModuleList(nn.LSTM(C, C, batch_first=True) for _ in range(config.layers))


@contextmanager
def _judging(model: nn.Module) -> Iterator[None]:
    """Without dropout and 16-bit products; afterwards the model is as it was."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
