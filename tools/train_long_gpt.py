"""Train the GPT that lesson 16 reads from disk: `python tools/train_long_gpt.py`.

Writes data/checkpoints/gpt.safetensors and gpt.json, and prints the checksum that
course_utils/language_models/long_run.py compares the latter with. It takes up to an hour on two cores and
looks at the validation articles every few minutes; the best weights so far are always on disk, so it may be
stopped. The test articles are read once, at the end. Other machines round differently, so a new run gives
other weights; what lessons and tests claim about them must hold all the same.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from course_utils.language_models.corpus import load_corpus
from course_utils.language_models.long_run import LONG, LONG_OPTIONS, LongRun
from course_utils.runtime import set_threads
from course_utils.storage import course_folder, sha256_of

QUICK = {"context": 32, "width": 32, "layers": 1, "heads": 2}
QUICK_TOKENS = 20_000


def main() -> None:
    """Train, and say how good the kept weights are on articles that nothing was chosen on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=course_folder() / "data" / "checkpoints")
    parser.add_argument("--text", type=Path, help="a plain text file or folder of your own")
    parser.add_argument("--tokens", type=int, default=LONG.tokens, help="how many to read in training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--every", type=int, default=320, help="updates between two looks at the validation texts"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a tiny model and little training, to test the command"
    )
    chosen = parser.parse_args()
    set_threads()
    run = LongRun(
        load_corpus(chosen.text),
        chosen.output,
        schedule=replace(LONG, tokens=QUICK_TOKENS if chosen.quick else chosen.tokens),
        options=LONG_OPTIONS | (QUICK if chosen.quick else {}),
        every=chosen.every,
        seed=chosen.seed,
        say=lambda line: print(line, flush=True),
    )
    run.train()
    print(f"test articles: {run.finish()}", flush=True)
    print(f'SHIPPED = "{sha256_of(chosen.output / "gpt.json")}"', flush=True)


if __name__ == "__main__":
    main()
