"""A classification task from real documentation: which library does a sentence come from?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.docstrings import DocstringCorpus

LIBRARIES = (
    "numpy", "scipy", "sklearn", "matplotlib", "networkx", "gensim",
    "torch", "sympy", "numba", "IPython", "prompt_toolkit", "huggingface_hub",
)  # fmt: skip
MOST = {"train": 320, "val": 60, "test": 150}  # sentences a library
# A sentence that names its library would give the answer away.
NAMES = re.compile(
    r"\b(numpy|np|scipy|sklearn|scikit|matplotlib|mpl|pyplot|plt|networkx|nx|gensim|torch|pytorch|sympy|numba"
    r"|ipython|prompt_toolkit|prompt toolkit|huggingface_hub|hugging ?face|the hub)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class LibraryTask:
    """Sentences of one split, with their libraries."""

    texts: tuple[str, ...]  # first sentences of docstrings; the names of libraries are hidden
    labels: NDArray[np.int64]  # (N,) places in `LIBRARIES`

    def __len__(self) -> int:
        return len(self.texts)


def library_task(corpus: DocstringCorpus, *, libraries: Sequence[str] = LIBRARIES) -> dict[str, LibraryTask]:
    """The sentences of lesson 08: the same ones in the same splits, drawn the same way.

    Parameters
    ----------
    corpus : DocstringCorpus
        From `load_docstrings`; its splits hold whole modules.
    libraries : sequence of str

    Returns
    -------
    dict of str to LibraryTask
        "train", "val" and "test", with at most 320, 60 and 150 sentences a library.

    Raises
    ------
    ValueError
        If a library has no sentence in some split.
    """
    generator = np.random.default_rng(0)
    task = {}
    for split, most in MOST.items():
        found: list[list[str]] = []
        for name in libraries:
            of_library = [i.summary for i in corpus.items if i.library == name and i.split == split]
            if not of_library:
                raise ValueError(f"{name} has no {split} sentence; load it with load_docstrings.")
            found.append([of_library[row] for row in generator.permutation(len(of_library))[:most]])
        texts = tuple(NAMES.sub("library", text) for group in found for text in group)
        labels = np.repeat(np.arange(len(libraries)), [len(group) for group in found])
        task[split] = LibraryTask(texts, labels)
    return task
