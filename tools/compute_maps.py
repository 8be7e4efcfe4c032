"""Draw the maps that lesson 05 shows without waiting: `python tools/compute_maps.py`.

Writes data/maps/words.safetensors and data/maps/random.safetensors and prints the checksums that
course_utils/datasets/word_maps.py compares them with. t-SNE and UMAP draw other points on other machines, so
a new run gives other files; what lessons and tests claim about them must hold all the same.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from course_utils.datasets.word_maps import load_map_words, maps_folder
from course_utils.pretrained import load_static_vectors
from course_utils.projections.grid import ProjectionGrid
from course_utils.projections.maps import random_like
from course_utils.storage import sha256_of, write_atomically
from course_utils.vectors import normalize_rows

METHODS: dict[str, dict[str, tuple[float, ...]]] = {
    "PCA": {},
    "t-SNE": {"perplexity": (2, 5, 15, 30, 50)},
    "UMAP": {"n_neighbors": (3, 5, 15, 50), "min_dist": (0.0, 0.1, 0.5)},
}
SEEDS = (0, 1, 2, 3, 4)
NOISE_SEED = 0


def say_progress(name: str) -> Callable[[int, int], None]:
    """A line every ten maps."""
    started = time.perf_counter()

    def say(done: int, total: int) -> None:
        if done % 10 == 0 or done == total:
            print(f"{name}: {done} of {total} maps, {time.perf_counter() - started:.0f} s", flush=True)

    return say


def main() -> None:
    """Draw, write, and say what the checksums are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("words", "random"), help="one of the two files")
    only = parser.parse_args().only
    vectors, vocabulary = load_static_vectors()
    words = load_map_words()
    # Length 1, so that Euclidean neighbours are those by cosine.
    chosen = normalize_rows(vectors[[vocabulary[word] for word in words.labels]])
    sets = {"words": chosen, "random": random_like(chosen, seed=NOISE_SEED)}
    for name, rows in sets.items():
        if only not in (None, name):
            continue
        grid = ProjectionGrid.compute(
            rows, words.labels, methods=METHODS, seeds=SEEDS, progress=say_progress(name)
        )
        path = write_atomically(maps_folder() / f"{name}.safetensors", grid.to_bytes())
        print(f'    "{name}": "{sha256_of(path)}",  # {path.stat().st_size / 1000:.0f} kB', flush=True)


if __name__ == "__main__":
    main()
