"""What lesson 15 measures ahead: `python benchmarks/position_schemes.py`.

Trains lesson 15's transformer with each scheme of positions and several seeds, about a minute and a half a
training, and adds a row for each to data/position_schemes.json; `--seeds` and `--schemes` choose which. Put
the printed sha256 into course_utils/datasets/measurements.py.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from results import name_machine

from course_utils.datasets.sentence_pairs import SentencePair
from course_utils.datasets.translation import load_translation
from course_utils.evaluation.alignment import score_alignments
from course_utils.evaluation.bleu import Bleu
from course_utils.evaluation.translation import evaluate_corpus
from course_utils.layers.positions import POSITIONS
from course_utils.storage import course_folder, sha256_of, write_atomically
from course_utils.translation.recipes import TrainedTranslator, train_transformer

PATH = course_folder() / "data" / "position_schemes.json"
EDGES = (3, 6, 9, 12, 15, 18, 26, 31, 36, 41)  # words of a source sentence; from 26 on the set `long`


def judge(trained: TrainedTranslator, pairs: Sequence[SentencePair]) -> tuple[list[bool], float]:
    """Which sentences come out right to the last word, and BLEU."""
    said = [one.target for one in trained.translator.translate([pair.source for pair in pairs])]
    references = [pair.target for pair in pairs]
    right = [one == other for one, other in zip(said, references, strict=True)]
    return right, evaluate_corpus(Bleu(), hypotheses=said, references=references, resamples=2).value


def align_error(trained: TrainedTranslator, pairs: Sequence[SentencePair]) -> float:
    """Alignment error rate of the attention that the translator shows: the mean of the last layer's heads."""
    rate = score_alignments(
        trained.translator.align(pairs), sure=[pair.alignment for pair in pairs], resamples=2
    )
    return float(rate.error_rate)


def measure(scheme: str, *, seed: int) -> dict[str, Any]:
    """One training, judged on the test sets."""
    data = load_translation(more=40_000)
    started = time.process_time()
    trained = train_transformer(data.train + data.more, positions=scheme, seed=seed)
    seconds = time.process_time() - started
    right, bleu = judge(trained, data.test)
    far, far_bleu = judge(trained, data.long)
    new, _ = judge(trained, data.unseen)
    lengths = np.array([len(pair.source) for pair in data.test + data.long])
    hits = np.array(right + far)
    inside = [(lengths >= low) & (lengths < high) for low, high in zip(EDGES, EDGES[1:], strict=False)]
    return {
        "positions": scheme,
        "seed": seed,
        "target_tokens": trained.target_tokens,
        "seconds": round(seconds, 1),
        "bleu": round(bleu, 2),
        "exact": round(float(np.mean(right)), 4),
        "unseen_exact": round(float(np.mean(new)), 4),
        "long_bleu": round(far_bleu, 2),
        "long_exact": round(float(np.mean(far)), 4),
        "alignment_error_rate": round(align_error(trained, data.test), 4),
        "words": [f"{low}–{high - 1}" for low, high in zip(EDGES, EDGES[1:], strict=False)],
        "sentences": [int(one.sum()) for one in inside],
        "exact_by_words": [round(float(hits[one].mean()), 4) for one in inside],
    }


def main(folder: str) -> None:
    """Measure what is not in the file yet, one training after the other on one thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--schemes", nargs="+", default=list(POSITIONS), choices=list(POSITIONS))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    os.environ |= {"CI": "1", "COURSE_CACHE": folder}  # no progress bars; nothing trained before is read
    for seed in chosen.seeds:
        for scheme in chosen.schemes:
            if not any((row["positions"], row["seed"]) == (scheme, seed) for row in measured()):
                row = measure(scheme, seed=seed)
                save([*measured(), row])
                print(json.dumps(row, ensure_ascii=False), flush=True)
    print(f"sha256 of {PATH.name}: {sha256_of(PATH)}")


def measured() -> list[dict[str, Any]]:
    """Rows in the file so far."""
    return list(json.loads(PATH.read_text(encoding="utf-8"))["rows"]) if PATH.exists() else []


def save(rows: list[dict[str, Any]]) -> None:
    """All rows in a fixed order, one a line; seconds are processor seconds of the training."""
    order = list(POSITIONS)
    rows = sorted(rows, key=lambda row: (order.index(row["positions"]), row["seed"]))
    whole = {"command": "python benchmarks/position_schemes.py", "machine": f"{name_machine()}, 1 thread"}
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    text = json.dumps(whole)[:-1].replace('", "', '",\n"') + f',\n"rows": [\n{lines}\n]}}\n'
    write_atomically(PATH, text.encode())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        main(empty)
