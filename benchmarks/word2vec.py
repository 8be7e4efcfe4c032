"""Lesson 03's skip-gram against gensim's: seconds to Spearman 0.50, agreement, words per second."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from results import Row, make_row
from word_vectors import MIN_COUNT, split_long

from course_utils.datasets.wikipedia import load_wikipedia
from course_utils.datasets.word_pairs import load_simlex999, load_wordsim353
from course_utils.evaluation.similarity import evaluate_similarity
from course_utils.models.word2vec import Word2VecConfig
from course_utils.models.word2vec_expected import expected_skipgram
from course_utils.runtime import set_threads
from course_utils.text.tokenizers import tokenize_words
from course_utils.text.vocab import Vocabulary
from course_utils.training import History, fit

SEEDS = 5
LESSON = Word2VecConfig()
# The shortest schedules found for each side that end above the thresholds; the README says what was tried.
SHORT = Word2VecConfig(passes=2, learning_rate=0.04)
GENSIM = {
    "WordSim 0.50": {"window": 10, "alpha": 0.1, "epochs": 4, "sample": 1e-4},
    "WordSim 0.50 and SimLex 0.23": {"window": 10, "alpha": 0.05, "epochs": 6, "sample": 1e-4},
}

Trained = tuple[np.ndarray, Mapping[str, int]]


@dataclass
class Trials:
    """Seconds and scores of one side's repeated runs."""

    passes: int
    seconds: list[float] = field(default_factory=list)
    wordsim: list[float] = field(default_factory=list)
    simlex: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.seconds[-1]:.1f} s, {self.wordsim[-1]:.3f}, {self.simlex[-1]:.3f}"

    def add(self, build: Callable[[], Trained]) -> None:
        """Train against the clock, then judge."""
        started = time.perf_counter()
        vectors, index = build()
        self.seconds.append(time.perf_counter() - started)
        for scores, pairs in ((self.wordsim, load_wordsim353()), (self.simlex, load_simlex999())):
            scores.append(evaluate_similarity(vectors, index=index, pairs=pairs, resamples=1).spearman)

    def rates(self, words: int) -> list[float]:
        """Words of text per second, each pass counted."""
        return [words * self.passes / seconds for seconds in self.seconds]


def build_ours(documents: list[list[str]], *, config: Word2VecConfig, seed: int) -> Trained:
    """Vocabulary, expected counts, training."""
    vocabulary = Vocabulary.from_documents(documents, min_count=MIN_COUNT)
    encoded = [vocabulary.encode(document) for document in documents]
    model = expected_skipgram(encoded, config, vocabulary_size=len(vocabulary), seed=seed)
    fit(model, history=History(), **model.recipe(seed=seed))
    return model.vectors(), vocabulary.index


def build_theirs(documents: list[list[str]], *, settings: Mapping[str, Any], seed: int) -> Trained:
    """gensim's vocabulary and skip-gram with negative sampling on one core."""
    from gensim.models import Word2Vec

    model = Word2Vec(
        documents,
        sg=1,
        vector_size=LESSON.dimension,
        negative=LESSON.negatives,
        min_count=MIN_COUNT,
        workers=1,
        seed=seed,
        **settings,
    )
    return model.wv.vectors, model.wv.key_to_index


def measure(*, quick: bool = False) -> list[Row]:
    """Rows for the way to each threshold; one core each, vocabulary and counting included."""
    import gensim.models  # noqa: F401  (its import is not part of the training time)

    set_threads(1)
    documents = [tokenize_words(article.text) for article in load_wikipedia()]
    pieces, words = split_long(documents), sum(map(len, documents))
    rows = []
    for name, settings in GENSIM.items():
        ours, theirs = Trials(SHORT.passes), Trials(int(settings["epochs"]))
        for seed in range(1 if quick else SEEDS):
            ours.add(partial(build_ours, documents, config=SHORT, seed=seed))
            theirs.add(partial(build_theirs, pieces, settings=settings, seed=seed))
            print(f"  to {name}, ours: {ours}; gensim: {theirs}", flush=True)
        rows += _rows(name, ours, theirs, words=words, settings=settings)
    return rows


def measure_seeds(*, seeds: int = SEEDS) -> None:
    """Print the lesson's scores for each seed: python -c "import word2vec; word2vec.measure_seeds()"."""
    set_threads(1)
    documents = [tokenize_words(article.text) for article in load_wikipedia()]
    trials = Trials(LESSON.passes)
    for seed in range(seeds):
        trials.add(partial(build_ours, documents, config=LESSON, seed=seed))
        print(f"seed {seed} (seconds, WordSim-353, SimLex-999): {trials}", flush=True)


def _rows(name: str, ours: Trials, theirs: Trials, *, words: int, settings: Mapping[str, Any]) -> list[Row]:
    version = importlib.metadata.version("gensim")
    passes = f"{theirs.passes} passes, alpha {settings['alpha']}"
    common: dict[str, Any] = {"lesson": "03", "peer": f"gensim {version} Word2Vec, {passes}"}
    what = {
        "time": ("s", ours.seconds, theirs.seconds, "lower"),
        "WordSim-353 there": ("Spearman", ours.wordsim, theirs.wordsim, "higher"),
        "SimLex-999 there": ("Spearman", ours.simlex, theirs.simlex, "higher"),
        "speed": ("words/s", ours.rates(words), theirs.rates(words), "higher"),
    }
    return [
        make_row(
            name=f"skip-gram to {name}: {part}", unit=unit, ours=mine, theirs=others, better=better, **common
        )
        for part, (unit, mine, others, better) in what.items()
    ]
