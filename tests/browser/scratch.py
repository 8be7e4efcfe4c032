"""A small corpus, a notebook with explorers of it, and the numbers they must show, by plain numpy.

Nothing here uses the course's own arithmetic: words are counted in a loop, and weights, cosines and singular
vectors come from numpy alone.
"""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
from latency_notebook import SCATTER, YARDSTICK

WINDOWS = (1, 2, 4)
SMOOTHING = 0.75
DIMENSION = 4
# A corpus may hold anything, so some of its words would do harm if they reached the page as markup.
HARMFUL = "<b>sea</b>"
TOPICS = (
    "ocean sea wave ship coast storm island שלום",
    "actor film scene award camera stage 🌊",
    f"sodium acid salt metal water heat {HARMFUL}",
)
COMMON = "the of in and"
CHOICES = {"tea": 2.0, "coffee": 1.0, "water": 0.0, "juice": -1.0}

NOTEBOOK = [
    """import json
import numpy as np
from course_utils.explorers.cooccurrence import CooccurrenceExplorer
from course_utils.explorers.neighbours import NeighbourExplorer
from course_utils.explorers.softmax import SoftmaxExplorer
from course_utils.models.counts import cooccurrence_counts, pmi_block, ppmi, svd_vectors
from course_utils.text.vocab import Vocabulary

documents = json.load(open("documents.json", encoding="utf-8"))
vocabulary = Vocabulary.from_documents(documents, min_count=1)
encoded = [vocabulary.encode(document) for document in documents]
counts = {
    window: cooccurrence_counts(encoded, vocabulary_size=len(vocabulary), window=window)
    for window in WINDOWS
}
weighed = ppmi(counts[WINDOWS[-1]], smoothing=SMOOTHING)
vectors = svd_vectors(weighed, dimension=DIMENSION)
""",
    """softmax_explorer = SoftmaxExplorer(CHOICES)
softmax_explorer""",
    """neighbour_explorer = NeighbourExplorer(
    {"raw counts": counts[WINDOWS[-1]], "PPMI": weighed, "PPMI + SVD": vectors},
    vocabulary=vocabulary, word="sea", k=6,
)
neighbour_explorer""",
    """weightings = {
    "PPMI": lambda block, **totals: np.maximum(0, pmi_block(block, **totals)),
    "PMI": pmi_block,
    "log(1 + count)": lambda block, **totals: np.log1p(block),
    "raw count": lambda block, **totals: block,
}
cooccurrence_explorer = CooccurrenceExplorer(
    counts, vocabulary=vocabulary, words="ocean sea actor sodium", contexts="the wave film acid",
    weightings=weightings,
)
cooccurrence_explorer""",
]


def notebook_sources() -> list[str]:
    """The cells, with the constants of this file filled in."""
    constants = {"WINDOWS": WINDOWS, "SMOOTHING": SMOOTHING, "DIMENSION": DIMENSION, "CHOICES": CHOICES}
    header = "\n".join(f"{name} = {value!r}" for name, value in constants.items())
    return [header, *NOTEBOOK, SCATTER, YARDSTICK]


def make_documents() -> list[list[str]]:
    """Thirty documents of forty words, each about one topic with common words in between."""
    generator = np.random.default_rng(7)
    documents = []
    for number in range(30):
        topic, common = TOPICS[number % len(TOPICS)].split(), COMMON.split()
        shares = 1 / np.arange(1, len(topic) + 1)
        own = generator.choice(topic, size=40, p=shares / shares.sum())
        filler = generator.choice(common, size=40, p=[0.5, 0.25, 0.15, 0.1])
        documents.append(np.where(generator.random(40) < 0.35, filler, own).tolist())
    return documents


class Reference:
    """The corpus counted and weighed once more, slowly and independently.

    Attributes
    ----------
    words : list of str
        Most frequent first, ties in alphabetical order.
    seen : dict of str to int
    counts : dict of int to array of shape (V, V)
    representations : dict of str to array of shape (V, D)
    """

    def __init__(self, documents: list[list[str]]) -> None:
        self.seen = Counter(word for document in documents for word in document)
        self.words = sorted(self.seen, key=lambda word: (-self.seen[word], word))
        self.index = {word: number for number, word in enumerate(self.words)}
        self.counts = {window: self._count(documents, window) for window in WINDOWS}
        widest = self.counts[WINDOWS[-1]]
        weighed = np.maximum(0, pmi(widest, smoothing=SMOOTHING))
        left, singular, _ = np.linalg.svd(weighed)
        reduced = left[:, :DIMENSION] * np.sqrt(singular[:DIMENSION])
        self.representations = {"raw counts": widest, "PPMI": weighed, "PPMI + SVD": reduced}

    def _count(self, documents: list[list[str]], window: int) -> np.ndarray:
        counts = np.zeros((len(self.words), len(self.words)))
        for document in documents:
            for place, word in enumerate(document):
                for other in range(max(0, place - window), min(len(document), place + window + 1)):
                    counts[self.index[word], self.index[document[other]]] += other != place
        return counts

    def weigh(self, window: int, weighting: str) -> np.ndarray:
        """All counts of a window, weighed as the co-occurrence explorer offers it."""
        counts = self.counts[window]
        with np.errstate(divide="ignore"):
            return {
                "PPMI": np.maximum(0, pmi(counts)),
                "PMI": pmi(counts),
                "log(1 + count)": np.log(1 + counts),
                "raw count": counts,
            }[weighting]


def pmi(counts: np.ndarray, *, smoothing: float = 1.0) -> np.ndarray:
    """log p(i, j) / (p(i) p(j)), the contexts' shares raised to a power."""
    joint = counts / counts.sum()
    contexts = counts.sum(axis=0) ** smoothing
    with np.errstate(divide="ignore"):
        return np.log(joint / (joint.sum(axis=1)[:, None] * (contexts / contexts.sum())[None, :]))


def similarities(vectors: np.ndarray, row: int, *, metric: str) -> np.ndarray:
    """Score of every row with one row; for distances smaller is nearer."""
    one = vectors[row]
    if metric == "dot":
        return vectors @ one
    if metric == "euclidean":
        return np.sqrt(((vectors - one) ** 2).sum(axis=1))
    return vectors @ one / (np.sqrt((vectors**2).sum(axis=1)) * np.sqrt((one**2).sum()))


def softmax(scores: list[float], *, temperature: float) -> np.ndarray:
    """exp(score / temperature), scaled to sum to one."""
    powers = np.exp(np.array(scores) / temperature)
    return powers / powers.sum()


def documents_as_json(documents: list[list[str]]) -> str:
    """What the notebook reads."""
    return json.dumps(documents, ensure_ascii=False)
