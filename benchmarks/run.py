"""Measure the course's code and other libraries side by side: `python benchmarks/run.py`.

Writes results.json and README.md beside this file. With `--only NAME` one group is measured and the other
rows stay; with `--quick` everything runs once and nothing is written.
"""

from __future__ import annotations

import argparse
import time

import analogies
import attention_training
import decoding
import explorer_latency
import gpt
import results
import search
import sentence_encoder
import transformer_training
import translation_metrics
import word2vec
import word_vectors

GROUPS = {
    "word_vectors": word_vectors.measure,
    "analogies": analogies.measure,
    "word2vec": word2vec.measure,
    "sentence_encoder": sentence_encoder.measure,
    "search": search.measure,
    "decoding": decoding.measure,
    "translation_metrics": translation_metrics.measure,
    "attention_training": attention_training.measure,
    "transformer_training": transformer_training.measure,
    "gpt": gpt.measure,
    "explorer_latency": explorer_latency.measure,
}


def main() -> None:
    """Measure, write, and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(GROUPS), help="measure one group")
    parser.add_argument("--quick", action="store_true", help="one run each, nothing written")
    parser.add_argument("--table", action="store_true", help="only rewrite README.md from results.json")
    options = parser.parse_args()
    rows = results.read_rows()
    for name, measure in {} if options.table else GROUPS.items():
        if options.only in (None, name):
            print(f"Measuring {name} ...", flush=True)
            started = time.perf_counter()
            rows = results.merge(rows, measure(quick=options.quick))
            print(f"  {time.perf_counter() - started:.0f} s in all")
    if not options.quick:
        results.write(rows)
        print("Wrote benchmarks/results.json and benchmarks/README.md.")
    print(results.as_markdown(rows))


if __name__ == "__main__":
    main()
