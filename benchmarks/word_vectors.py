"""Lesson 01's count vectors against gensim's skip-gram: seconds of building, and agreement with people."""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from results import Row, make_row

from course_utils.datasets.wikipedia import load_wikipedia
from course_utils.datasets.word_pairs import load_wordsim353
from course_utils.evaluation.similarity import evaluate_similarity
from course_utils.models.counts import CountVectorsConfig, count_vectors
from course_utils.text.tokenizers import tokenize_words
from course_utils.text.vocab import Vocabulary

CONFIG = CountVectorsConfig()
MIN_COUNT = 5
SEEDS = {5: 5, 20: 3}  # passes of word2vec over the text → how often it is trained
LONGEST_TEXT = 10_000  # gensim ignores the words of a text beyond this many


@dataclass
class Trials:
    """Seconds and scores of one side's repeated runs."""

    seconds: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.seconds[-1]:.1f} s, Spearman {self.scores[-1]:.3f}"

    def add(self, build: Callable[[], tuple[np.ndarray, Mapping[str, int]]], pairs: Sequence[Any]) -> None:
        """Build vectors against the clock, then judge them."""
        started = time.perf_counter()
        vectors, index = build()
        self.seconds.append(time.perf_counter() - started)
        self.scores.append(evaluate_similarity(vectors, index=index, pairs=pairs, resamples=1).spearman)


def build_ours(documents: list[list[str]]) -> tuple[np.ndarray, Mapping[str, int]]:
    """Vocabulary, counts, PPMI and SVD."""
    vocabulary = Vocabulary.from_documents(documents, min_count=MIN_COUNT)
    encoded = [vocabulary.encode(document) for document in documents]
    return count_vectors(encoded, CONFIG, vocabulary_size=len(vocabulary)), vocabulary.index


def build_theirs(
    documents: list[list[str]], *, passes: int, seed: int
) -> tuple[np.ndarray, Mapping[str, int]]:
    """gensim's vocabulary and skip-gram with negative sampling, same window and dimension."""
    from gensim.models import Word2Vec

    model = Word2Vec(
        documents,
        sg=1,
        vector_size=CONFIG.dimension,
        window=CONFIG.window,
        negative=5,
        min_count=MIN_COUNT,
        sample=1e-3,
        epochs=passes,
        seed=seed,
        workers=os.cpu_count() or 1,
    )
    return model.wv.vectors, model.wv.key_to_index


def split_long(documents: list[list[str]]) -> list[list[str]]:
    """The same words in texts that gensim reads to their end."""
    return [
        document[start : start + LONGEST_TEXT]
        for document in documents
        for start in range(0, len(document), LONGEST_TEXT)
    ]


def measure(*, quick: bool = False) -> list[Row]:
    """Rows for time and score, against word2vec with few and with many passes."""
    import gensim.models  # noqa: F401  (its import is not part of the building time)

    documents = [tokenize_words(article.text) for article in load_wikipedia()]
    pieces, pairs = split_long(documents), load_wordsim353()
    rows = []
    for passes, seeds in SEEDS.items():
        ours, theirs = Trials(), Trials()
        for seed in range(1 if quick else seeds):
            ours.add(partial(build_ours, documents), pairs)
            theirs.add(partial(build_theirs, pieces, passes=passes, seed=seed), pairs)
            print(f"  ours: {ours}; word2vec, {passes} passes: {theirs}", flush=True)
        rows += _rows(passes, ours, theirs)
    return rows


def _rows(passes: int, ours: Trials, theirs: Trials) -> list[Row]:
    peer = f"gensim {importlib.metadata.version('gensim')} Word2Vec, {passes} passes"
    common: dict[str, Any] = {"lesson": "01", "peer": peer}
    return [
        make_row(
            name=f"count vectors: building, against {passes} passes",
            unit="s",
            ours=ours.seconds,
            theirs=theirs.seconds,
            better="lower",
            **common,
        ),
        make_row(
            name=f"count vectors: WordSim-353, against {passes} passes",
            unit="Spearman",
            ours=ours.scores,
            theirs=theirs.scores,
            better="higher",
            **common,
        ),
    ]
