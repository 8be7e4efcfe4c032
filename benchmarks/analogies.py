"""Answering Google's analogy questions against gensim: the same vectors, the same answers, less time."""

from __future__ import annotations

import importlib.metadata
import time
from typing import Any

import numpy as np
from results import Row, make_row

from course_utils.datasets.gensim_files import gensim_file
from course_utils.datasets.word_analogies import load_analogies
from course_utils.evaluation.analogies import evaluate_analogies
from course_utils.pretrained import load_static_vectors

RUNS = 3


def count_ours(vectors: np.ndarray, *, index: dict[str, int], questions: Any) -> dict[str, tuple[int, int]]:
    """Right answers and covered questions of each section."""
    result = evaluate_analogies(vectors, index=index, questions=questions, resamples=1)
    return {name: (s.correct, s.covered) for name, s in result.per_section.items()}


def count_theirs(model: Any) -> dict[str, tuple[int, int]]:
    """The same numbers from gensim, over its whole vocabulary."""
    _, sections = model.evaluate_word_analogies(
        str(gensim_file("analogies")), restrict_vocab=len(model.key_to_index)
    )
    return {
        s["section"]: (len(s["correct"]), len(s["correct"]) + len(s["incorrect"]))
        for s in sections
        if s["section"] != "Total accuracy"
    }


def measure(*, quick: bool = False) -> list[Row]:
    """One row for the time; raises if the two disagree on a section."""
    from gensim.models import KeyedVectors

    vectors, vocabulary = load_static_vectors()
    questions = load_analogies()
    model = KeyedVectors(vectors.shape[1])
    model.add_vectors(list(vocabulary.words), vectors)
    ours, theirs = [], []
    for _ in range(1 if quick else RUNS):
        started = time.perf_counter()
        mine = count_ours(vectors, index=vocabulary.index, questions=questions)
        between = time.perf_counter()
        others = count_theirs(model)
        ours.append(between - started)
        theirs.append(time.perf_counter() - between)
        print(f"  ours: {ours[-1]:.1f} s; gensim: {theirs[-1]:.1f} s", flush=True)
        if mine != others:
            raise AssertionError(f"Different answers: {mine} and {others}.")
    return [
        make_row(
            name="analogies: answering 12,154 questions, same answers",
            lesson="05",
            unit="s",
            ours=ours,
            peer=f"gensim {importlib.metadata.version('gensim')} evaluate_word_analogies",
            theirs=theirs,
            better="lower",
        )
    ]
