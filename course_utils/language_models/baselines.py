"""Lesson 02's models on raw text, and n-grams of byte-pair tokens: what a GPT has to beat, by the same count.

Words are those of `split_words`, with the space in front and their case, so that joined together they are the
text. A word seen fewer than five times in training is unknown, and its letters are paid for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from course_utils.checkpoints import cached
from course_utils.evaluation.language_model import BitsResult, SpellingModel, fit_mixture_weight, mix
from course_utils.evaluation.text_bits import text_bits
from course_utils.language_models.corpus import Corpus, EncodedText
from course_utils.models import nplm
from course_utils.models.ngrams import KneserNey, context_windows
from course_utils.models.nplm import NPLM, NPLMConfig
from course_utils.text.byte_words import split_words
from course_utils.text.vocab import Vocabulary
from course_utils.training import History, fit

__all__ = ["Baseline", "NPLMRecipe", "WordTexts", "token_kneser_ney", "word_baselines"]

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Baseline:
    """A model and what it reached."""

    bits: BitsResult
    seconds: float  # to count or to train
    parameters: int  # numbers that were learnt or counted


@dataclass(frozen=True)
class NPLMRecipe:
    """Lesson 02's."""

    passes: int = 2  # over the training words
    batch: int = 256  # words an update
    learning_rate: float = 0.01
    warmup: int = 100


class WordTexts:
    """A corpus in words, the rare ones replaced by one class.

    Parameters
    ----------
    corpus : Corpus
        Its raw texts are used, not its tokens.
    min_count : int
        How often a word must stand in the training texts to be known.

    Attributes
    ----------
    vocabulary : Vocabulary
    size : int
        V: known words, and the class of all others, whose id is the last.
    """

    def __init__(self, corpus: Corpus, *, min_count: int = 5) -> None:
        words = [split_words(text.text) for text in corpus.train]
        self.vocabulary = Vocabulary.from_documents(words, min_count=min_count)
        self.size = len(self.vocabulary) + 1
        rare = (word for text in words for word in text if word not in self.vocabulary)
        self._speller, self._prices = SpellingModel(rare), dict[str, float]()

    def ids(self, texts: tuple[EncodedText, ...]) -> list[Ids]:
        """Ids of the words of each text."""
        marked = [self.vocabulary.encode(split_words(text.text), unknown="mark") for text in texts]
        return [np.where(ids < 0, self.size - 1, ids).astype(np.int64) for ids in marked]

    def spelling(self, texts: tuple[EncodedText, ...]) -> list[float]:
        """Bits that the letters of each text's unknown words cost."""
        return [sum(map(self._price, split_words(text.text))) for text in texts]

    def _price(self, word: str) -> float:
        if word in self.vocabulary:
            return 0.0
        if word not in self._prices:
            self._prices[word] = self._speller.bits(word)
        return self._prices[word]


def word_baselines(
    corpus: Corpus, *, part: str = "test", recipe: NPLMRecipe | None = None, seed: int = 0
) -> dict[str, Baseline]:
    """Lesson 02's models on the raw text of a corpus.

    Parameters
    ----------
    corpus : Corpus
    part : {"validation", "test"}
        The articles to be judged on. The mixture's weight is always that of the validation articles.
    recipe : NPLMRecipe, optional
    seed : int
        Of the network.

    Returns
    -------
    dict of str to Baseline
        "unigrams", "Kneser-Ney trigram", "NPLM" and "NPLM + Kneser-Ney"; the network is trained once.

    Raises
    ------
    ValueError
        If the part is another.
    """
    texts = _held_out(corpus, part)
    words = WordTexts(corpus)
    train, validation, judged = words.ids(corpus.train), words.ids(corpus.validation), words.ids(texts)
    raw, spelling = [text.text for text in texts], words.spelling(texts)
    unigrams, unigram_seconds = _timed(lambda: KneserNey(train, order=1, vocabulary_size=words.size))
    trigram, trigram_seconds = _timed(
        lambda: KneserNey(train, order=3, vocabulary_size=words.size, modified=True)
    )
    network, history = _train_nplm(train, words=words, version=corpus.version, recipe=recipe, seed=seed)
    size, seconds = sum(p.numel() for p in network.parameters()), history.seconds[-1]
    by_count, by_network = trigram.log_probabilities(judged), _judge(network, judged)
    weight = fit_mixture_weight(_judge(network, validation), trigram.log_probabilities(validation))
    found: dict[str, tuple[list[Floats], float, int]] = {
        "unigrams": (unigrams.log_probabilities(judged), unigram_seconds, unigrams.size),
        "Kneser-Ney trigram": (by_count, trigram_seconds, trigram.size),
        "NPLM": (by_network, seconds, size),
        "NPLM + Kneser-Ney": (
            mix(by_network, by_count, weight=weight),
            seconds + trigram_seconds,
            size + trigram.size + 1,
        ),
    }
    return {
        name: Baseline(text_bits(logs, raw, spelling=spelling), spent, learnt)
        for name, (logs, spent, learnt) in found.items()
    }


def token_kneser_ney(corpus: Corpus, *, order: int, part: str = "test") -> Baseline:
    """Kneser-Ney smoothing on the corpus's own tokens: nothing is unknown, nothing is spelt.

    Raises
    ------
    ValueError
        If the part is neither "validation" nor "test", or the order is out of range.
    """
    texts = _held_out(corpus, part)
    model, seconds = _timed(
        lambda: KneserNey(
            [text.tokens for text in corpus.train],
            order=order,
            vocabulary_size=corpus.vocabulary_size,
            modified=True,
        )
    )
    logs = model.log_probabilities([text.tokens for text in texts])
    return Baseline(text_bits(logs, [text.text for text in texts]), seconds, model.size)


def _held_out(corpus: Corpus, part: str) -> tuple[EncodedText, ...]:
    if part not in ("validation", "test"):
        raise ValueError(f"part is {part!r}; choose 'validation' or 'test', which no model learned from.")
    texts: tuple[EncodedText, ...] = getattr(corpus, part)
    return texts


def _timed(build: Callable[[], KneserNey]) -> tuple[KneserNey, float]:
    started = time.perf_counter()
    return build(), time.perf_counter() - started


def _train_nplm(
    train: list[Ids], *, words: WordTexts, version: str, recipe: NPLMRecipe | None, seed: int
) -> tuple[NPLM, History]:
    """Lesson 02's network, trained on these words or read from the cache."""
    recipe, config = recipe or NPLMRecipe(), NPLMConfig(words.size)
    arrays = context_windows(train, context=config.context, start=words.size)
    contexts, targets = map(torch.from_numpy, arrays)

    def batches(generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in torch.randperm(len(targets), generator=generator).split(recipe.batch):
            yield contexts[rows], targets[rows]

    network, history, _ = cached(
        "nplm-raw",
        config={"model": asdict(config), "recipe": asdict(recipe)},
        data_version=version,
        code=[nplm, fit],
        build=lambda: NPLM(config),
        train=lambda model, history: fit(
            model,
            batches,
            steps=recipe.passes * -(-len(targets) // recipe.batch),
            learning_rate=recipe.learning_rate,
            warmup=recipe.warmup,
            decay="cosine",
            history=history,
            optimizer=torch.optim.AdamW(model.parameters(), fused=True),
            seed=seed,
        ),
        seed=seed,
    )
    return network, history


def _judge(network: NPLM, texts: list[Ids]) -> list[Floats]:
    """Log-probability of each word, one array a text."""
    found = []
    for ids in texts:
        contexts, targets = context_windows(
            [ids], context=network.config.context, start=network.config.vocabulary_size
        )
        logs = network.log_probabilities(torch.from_numpy(contexts), torch.from_numpy(targets))
        found.append(logs.double().numpy())
    return found
