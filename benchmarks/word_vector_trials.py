"""What lesson 04 measures ahead: `python benchmarks/word_vector_trials.py amounts` (or `variants`).

`amounts` trains every method on a tenth, a third and all of the text; `variants` changes one thing in
GloVe at a time. Both add rows to a file in data/, one for each training; `--seeds` chooses which. Put the
printed sha256 into course_utils/datasets/measurements.py.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from results import name_machine

from course_utils.datasets.measurements import keep_frequent, sample_text
from course_utils.datasets.wikipedia import load_wikipedia
from course_utils.datasets.word_pairs import load_simlex999, load_wordsim353
from course_utils.evaluation.similarity import evaluate_similarity
from course_utils.models.counts import CountVectorsConfig, cooccurrence_counts, count_vectors
from course_utils.models.glove import Glove, GloveConfig, full_loss, prepare_cells, solve_words, swap_sides
from course_utils.models.subwords import SubwordConfig, add_subwords, subword_matrix
from course_utils.models.word2vec import Word2VecConfig
from course_utils.models.word2vec_expected import expected_skipgram
from course_utils.storage import course_folder, sha256_of, write_atomically
from course_utils.text.tokenizers import tokenize_words
from course_utils.text.vocab import Vocabulary
from course_utils.training import History, fit

Documents = Sequence[NDArray[np.integer[Any]]]
Floats = NDArray[np.float32]

WINDOW = 10
SHARES = {"a tenth": 0.1, "a third": 1 / 3, "all": 1.0}
RARE = 20  # a pair is rare if its rarer word is seen less often in the whole text
GLOVE = GloveConfig()
SEEING_ZEROS = GloveConfig(biases="margins", zero_weight=0.01, passes=12)
SKIPGRAM = Word2VecConfig()
SUBWORD_SKIPGRAM = Word2VecConfig(learning_rate=0.03)  # the lower training loss of 0.015 and 0.03


def build_counts(documents: Documents, words: Sequence[str], seed: int) -> Floats:
    """Lesson 01: PPMI and SVD; no randomness."""
    return count_vectors(documents, CountVectorsConfig(), vocabulary_size=len(words))


def build_skipgram(documents: Documents, words: Sequence[str], seed: int) -> Floats:
    """Lesson 03."""
    model = expected_skipgram(documents, SKIPGRAM, vocabulary_size=len(words), seed=seed)
    fit(model, history=History(), **model.recipe(seed=seed))
    return model.vectors()


def build_subwords(documents: Documents, words: Sequence[str], seed: int) -> Floats:
    """Lesson 03's skip-gram on character n-grams."""
    model = expected_skipgram(documents, SUBWORD_SKIPGRAM, vocabulary_size=len(words), seed=seed)
    known = {word: number for number, word in enumerate(words)}
    torch.manual_seed(seed)
    add_subwords(model, subword_matrix(words, config=SubwordConfig(), known=known))
    fit(model, history=History(), **model.recipe(seed=seed))
    return model.vectors()


def train_glove(
    documents: Documents, config: GloveConfig, *, size: int, seed: int, window: int = WINDOW,
    weighting: Any = "harmonic", turns: int = 0,
) -> tuple[Glove, float]:  # fmt: skip
    """Count with distance weighting, then fit (or take `turns` of exact least squares); model and J / V."""
    counts = cooccurrence_counts(documents, vocabulary_size=size, window=window, weighting=weighting)
    cells = prepare_cells(counts, config)
    torch.manual_seed(seed)
    model = Glove(cells, config)
    if turns:
        model.contexts.data.mul_(config.dimension)  # from tiny contexts the first solution would be huge
    else:
        fit(model, history=History(), **model.recipe(cells, seed=seed))
    for _ in range(2 * turns):
        solve_words(model, cells, ridge=0.01)
        swap_sides(model)
    return model, full_loss(model, cells)


def build_glove(documents: Documents, words: Sequence[str], seed: int) -> Floats:
    """GloVe as published."""
    return train_glove(documents, GLOVE, size=len(words), seed=seed)[0].vectors()


def build_seeing(documents: Documents, words: Sequence[str], seed: int) -> Floats:
    """GloVe that sees empty cells."""
    return train_glove(documents, SEEING_ZEROS, size=len(words), seed=seed)[0].vectors()


METHODS: dict[str, Callable[[Documents, Sequence[str], int], Floats]] = {
    "PPMI + SVD": build_counts,
    "skip-gram": build_skipgram,
    "subword skip-gram": build_subwords,
    "GloVe": build_glove,
    "GloVe seeing zeros": build_seeing,
}


def narrow(
    documents: Documents, vocabulary: Vocabulary, *, least: int
) -> tuple[list[NDArray[np.integer[Any]]], list[str]]:
    """`keep_frequent`, and the words that are left."""
    texts, kept = keep_frequent(documents, least=least)
    return texts, [vocabulary.words[i] for i in kept]


class Judge:
    """Both sets of pairs, whole and split by how often the rarer word is seen in the whole text."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.times = {word: int(n) for word, n in zip(vocabulary.words, vocabulary.counts, strict=True)}
        self.sets = {"wordsim": load_wordsim353(), "simlex": load_simlex999()}

    def scores(self, vectors: Floats, words: Sequence[str], *, among: set[str]) -> dict[str, float | int]:
        """Spearman on pairs of words `among` these, all pairs and rare ones, and the number of pairs."""
        index = {word: number for number, word in enumerate(words) if word in among}
        found: dict[str, float | int] = {}
        for name, pairs in self.sets.items():
            known = [p for p in pairs if p.first in index and p.second in index]
            rare = [p for p in known if min(self.times[p.first], self.times[p.second]) < RARE]
            common = [p for p in known if p not in rare]
            for kind, chosen in (("", known), ("_rare", rare), ("_common", common)):
                found[f"{name}{kind}_pairs"] = len(chosen)
                if len(chosen) > 2:
                    result = evaluate_similarity(vectors, index=index, pairs=chosen, resamples=1)
                    found[f"{name}{kind}"] = round(result.spearman, 4)
        return found


def measure_amounts(documents: Documents, vocabulary: Vocabulary, *, seed: int) -> list[dict[str, Any]]:
    """One row for each method and share of the text, judged on the words that the tenth holds twice."""
    judge, rows = Judge(vocabulary), []
    _, least_words = narrow(sample_text(documents, share=0.1, seed=seed), vocabulary, least=2)
    for name, share in SHARES.items():
        texts, words = narrow(sample_text(documents, share=share, seed=seed), vocabulary, least=2)
        for method, build in METHODS.items():
            started = time.perf_counter()
            vectors = build(texts, words, seed)
            row = {"method": method, "text": name, "share": round(share, 4), "seed": seed}
            row |= {"seconds": round(time.perf_counter() - started, 1), "vocabulary": len(words)}
            row |= judge.scores(vectors, words, among=set(least_words))
            row |= {f"all_{k}": v for k, v in judge.scores(vectors, words, among=set(words)).items()}
            print(row["text"], method, row["seconds"], row["wordsim"], row["simlex"], flush=True)
            rows.append(row)
    return rows


ZERO_WEIGHTS = (0.0001, 0.001, 0.01, 0.1, 1.0)
_MARGINS = replace(SEEING_ZEROS, zero_weight=0.0)
VARIANTS: dict[str, tuple[GloveConfig, dict[str, Any]]] = {
    "GloVe": (GLOVE, {}),
    "5 passes": (replace(GLOVE, passes=5), {}),
    "60 passes": (replace(GLOVE, passes=60), {}),
    "exact least squares, 6 turns": (GLOVE, {"turns": 6}),
    "window 5": (GLOVE, {"window": 5}),
    "no 1/distance": (GLOVE, {"weighting": "flat"}),
    "x_max 100": (replace(GLOVE, x_max=100.0), {}),
    "dimension 25": (replace(GLOVE, dimension=25), {}),
    "min_count 20": (GLOVE, {"least": RARE}),
    "biases fixed": (_MARGINS, {}),
    "zeros seen 0.01, biases learned": (replace(GLOVE, zero_weight=0.01), {}),
    **{f"zeros seen {w:g}": (replace(SEEING_ZEROS, zero_weight=w), {}) for w in ZERO_WEIGHTS},
    "zeros seen 1, weights flat": (replace(SEEING_ZEROS, zero_weight=1.0, alpha=0.0), {}),
}


def measure_variants(
    documents: Documents, vocabulary: Vocabulary, *, seed: int, only: str = ""
) -> list[dict[str, Any]]:
    """One row for each variant of GloVe on the whole text, with the sum of vectors and the words alone."""
    judge, rows = Judge(vocabulary), []
    for name, (config, changes) in VARIANTS.items():
        if only not in name:
            continue
        started, counting = time.perf_counter(), dict(changes)
        texts, words = narrow(documents, vocabulary, least=counting.pop("least", 1))
        model, loss = train_glove(texts, config, size=len(words), seed=seed, **counting)
        row: dict[str, Any] = {"variant": name, "zero_weight": config.zero_weight, "seed": seed}
        row |= {"seconds": round(time.perf_counter() - started, 1), "loss": round(loss, 4)}
        row |= judge.scores(model.vectors(), words, among=set(words))
        alone = judge.scores(model.vectors(combine="words"), words, among=set(words))
        row |= {"words_wordsim": alone["wordsim"], "words_simlex": alone["simlex"]}
        print(name, row["seconds"], row["wordsim"], row["simlex"], row["words_wordsim"], flush=True)
        rows.append(row)
    return rows


def store(name: str, rows: Sequence[dict[str, Any]], *, path: Path) -> None:
    """Merge rows into the file, so that seeds can be measured one after the other."""
    old = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []

    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row.get(field) for field in ("method", "variant", "text", "seed"))

    merged = {key(row): row for row in [*old, *rows]}
    whole = {
        "command": f"python benchmarks/word_vector_trials.py {name}",
        "machine": f"{name_machine()}, {torch.get_num_threads()} thread",
    }
    lines = ",\n".join(json.dumps(row) for row in merged.values())
    text = json.dumps(whole)[:-1].replace('", "', '",\n"') + f',\n"rows": [\n{lines}\n]}}\n'
    write_atomically(path, text.encode())
    print(f"{path.name}: {len(merged)} rows, sha256 {sha256_of(path)}")


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("amounts", "variants"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--only", default="", help="measure only variants whose name holds this")
    options = parser.parse_args()
    os.environ.setdefault("CI", "1")  # no progress bars
    torch.set_num_threads(1)
    articles = [tokenize_words(article.text) for article in load_wikipedia()]
    vocabulary = Vocabulary.from_documents(articles, min_count=5)
    documents = [vocabulary.encode(article) for article in articles]
    name = {"amounts": "text_amounts", "variants": "glove_variants"}[options.what]
    for seed in options.seeds:
        if options.what == "amounts":
            rows = measure_amounts(documents, vocabulary, seed=seed)
        else:
            rows = measure_variants(documents, vocabulary, seed=seed, only=options.only)
        store(options.what, rows, path=course_folder() / "data" / f"{name}.json")


if __name__ == "__main__":
    main()
