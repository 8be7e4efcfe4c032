"""Forty small documents and a few words in context, a notebook with both explorers of them, and the numbers
that they must show, by plain Python and numpy.

BM25, cosines and the layers of the stand-in model are worked out here once more, with nothing of the course.
"""

from __future__ import annotations

import json
import math
import re

import numpy as np

# A document may hold anything, so some of these would do harm if they reached the page as markup.
HARMFUL = "<img src=x onerror='window.injected = 1'>"
KNOWN = "car engine brake wheel road motor fault noise doctor fever cough rain wind storm שלום 🌊"
WORDS = re.split(" ", KNOWN)
SATURATION, LENGTH_SHARE = 1.5, 0.75
FUSION, DEPTH = 60, 100
WIDTH, LAYERS = 5, 7
QUERY = "car fault noise"
JUDGED = {QUERY: [3, 8], "Doctor  FEVER": [1]}
FIRST, SECOND = "She sat on the bank of the river", "The bank raised rates, said another bank"
PIECES = sorted(set(re.findall(r"\w+", f"{FIRST} {SECOND} the bank lends money on café river banks".lower())))
BANDS = {
    "same sense": ([0.9, 0.85, 0.8, 0.75, 0.7, 0.7, 0.7], [1.0] * 7),
    "other sense": ([0.2, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0], [0.9, 0.8, 0.75, 0.7, 0.65, 0.6, 0.6]),
}

NOTEBOOK = [
    """import json
import re
from types import SimpleNamespace

import numpy as np

from course_utils.explorers.context import ContextExplorer
from course_utils.explorers.search import SearchExplorer
from course_utils.search import HybridIndex, KeywordIndex, VectorIndex

data = json.load(open("texts.json", encoding="utf-8"))
word_vectors = {word: np.array(vector) for word, vector in data["word_vectors"].items()}
piece_vectors = {piece: np.array(vector) for piece, vector in data["piece_vectors"].items()}


def encode(texts):
    width = len(next(iter(word_vectors.values())))
    known = [[word_vectors[w] for w in text.lower().split() if w in word_vectors] for text in texts]
    return np.array([np.sum(vectors, axis=0) if vectors else np.zeros(width) for vectors in known])


def read(text, layers):
    spans = [(0, 0)] + [match.span() for match in re.finditer(r"\\\\w+|[^\\\\w\\\\s]", text)][:50]
    pieces = [text[start:end].lower() or "[MARK]" for start, end in spans]
    own = np.array([piece_vectors.get(piece, np.ones(WIDTH)) for piece in pieces])
    around = own.mean(axis=0)
    return SimpleNamespace(
        pieces=pieces, spans=spans, vectors=np.stack([own + layer * around for layer in range(layers)])
    )
""".replace("\\\\", "\\"),
    """context_explorer = ContextExplorer(
    lambda text: read(text, LAYERS), word="bank", first=FIRST, second=SECOND, references=BANDS, layer=4
)
context_explorer""",
    """keyword = KeywordIndex(data["documents"])
vectors = VectorIndex(encode(data["documents"]), encode)
search_explorer = SearchExplorer(
    {"keyword": keyword, "vectors": vectors}, documents=data["documents"], titles=data["titles"],
    query=QUERY, relevant=JUDGED,
)
search_explorer""",
    """three_explorer = SearchExplorer(
    {"keyword": keyword, "vectors": vectors, "hybrid": HybridIndex({"keyword": keyword, "vectors": vectors})},
    documents=data["documents"], titles=data["titles"], query=QUERY, k=10,
)
three_explorer""",
    # The least that can be shown: sliders that have nowhere to go.
    """least_context = ContextExplorer(lambda text: read(text, 1), word="a", first="a", second="a")
least_context""",
    """least_search = SearchExplorer(
    {"only": KeywordIndex(["alone"])}, documents=["alone"], titles=["one"], query="alone"
)
least_search""",
]


def notebook_sources() -> list[str]:
    """The cells, with the constants of this file filled in."""
    names = ("WIDTH", "LAYERS", "QUERY", "JUDGED", "FIRST", "SECOND", "BANDS")
    return ["\n".join(f"{name} = {globals()[name]!r}" for name in names), *NOTEBOOK]


class Texts:
    """What the notebook is given, and the numbers that follow from it.

    Attributes
    ----------
    documents, titles : list of str
    word_vectors, piece_vectors : dict of str to array
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.documents = [" ".join(rng.choice(WORDS, size=size)) for size in rng.integers(4, 30, size=39)]
        self.documents.append(f"{HARMFUL} car car wheel </text></svg> " + "road " * 2_000)
        self.titles = [f"note {i}" for i in range(37)] + [
            "a.b." + "long_name." * 30 + "end",
            "🌊 שלום",
            HARMFUL,
        ]
        self.word_vectors = {word: rng.normal(size=4).round(3) for word in WORDS}
        self.piece_vectors = {piece: rng.normal(size=WIDTH).round(3) for piece in PIECES}

    def as_json(self) -> str:
        """What the notebook reads."""
        tables = {
            name: {key: vector.tolist() for key, vector in getattr(self, name).items()}
            for name in ("word_vectors", "piece_vectors")
        }
        return json.dumps({"documents": self.documents, "titles": self.titles, **tables}, ensure_ascii=False)

    # -- search ----------------------------------------------------------------------------------------------

    def bm25(self, query: str) -> list[dict[str, float]]:
        """For each document, what each term of the query adds to its score."""
        cut = [re.findall(r"[^\W_]+", document.lower()) for document in self.documents]
        mean = sum(map(len, cut)) / len(cut)
        parts: list[dict[str, float]] = [{} for _ in cut]
        for term in re.findall(r"[^\W_]+", query.lower()):
            holding = sum(term in terms for terms in cut)
            rarity = math.log(1 + (len(cut) - holding + 0.5) / (holding + 0.5))
            for part, terms in zip(parts, cut, strict=True):
                times = terms.count(term)
                if times:
                    length = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * len(terms) / mean)
                    part[term] = part.get(term, 0.0) + rarity * times / (times + length)
        return parts

    def cosines(self, query: str) -> np.ndarray:
        """Cosine of the query's summed word vectors with every document's."""
        vectors = np.array([self._sum(text) for text in self.documents])
        wanted = self._sum(query)
        lengths = np.sqrt((vectors**2).sum(axis=1) * (wanted**2).sum())
        return vectors @ wanted / np.where(lengths > 0, lengths, 1)  # no word known: no likeness

    def ranking(self, name: str, query: str, *, k: int) -> tuple[list[int], list[float]]:
        """The k best documents of an index and their scores."""
        if name == "hybrid":
            return self._fused(query, k=k)
        scores = (
            [sum(part.values()) for part in self.bm25(query)] if name == "keyword" else self.cosines(query)
        )
        order = sorted(range(len(self.documents)), key=lambda i: -scores[i])
        found = [i for i in order if name != "keyword" or scores[i] > 0][:k]
        return found, [float(scores[i]) for i in found]

    def reasons(self, name: str, query: str, i: int) -> dict[str, float]:
        """What each term of the query does for the score of document i."""
        if name == "keyword":
            return self.bm25(query)[i]
        words = query.split()
        if len(words) == 1:
            return {query: float(self.cosines(query)[i])}
        whole = self.cosines(query)[i]
        rests = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
        return {word: float(whole - self.cosines(rest)[i]) for word, rest in zip(words, rests, strict=True)}

    def _fused(self, query: str, *, k: int) -> tuple[list[int], list[float]]:
        total: dict[int, float] = {}
        for name in ("keyword", "vectors"):
            for rank, i in enumerate(self.ranking(name, query, k=DEPTH)[0], start=1):
                total[i] = total.get(i, 0.0) + 1 / (FUSION + rank)
        order = sorted(total, key=lambda i: (-total[i], i))[:k]
        return order, [total[i] for i in order]

    def _sum(self, text: str) -> np.ndarray:
        known = [self.word_vectors[word] for word in text.lower().split() if word in self.word_vectors]
        return np.sum(known, axis=0) if known else np.zeros(4)

    # -- context ---------------------------------------------------------------------------------------------

    def layer(self, text: str, layer: int) -> list[tuple[str, np.ndarray]]:
        """Each piece of a text with its vector at one layer; the mark of the model first."""
        pieces = ["[MARK]", *re.findall(r"\w+|[^\w\s]", text.lower())]
        own = [self.piece_vectors.get(piece, np.ones(WIDTH)) for piece in pieces]
        around = sum(own) / len(own)
        return [(piece, vector + layer * around) for piece, vector in zip(pieces, own, strict=True)]

    def parting(self, word: str, first: str, second: str) -> list[float]:
        """Cosine of a word of one piece with itself in another text, layer by layer."""
        found = []
        for layer in range(LAYERS):
            a, b = (
                next(vector for piece, vector in self.layer(text, layer) if piece == word)
                for text in (first, second)
            )
            found.append(plain_cosine(a, b))
        return found

    def nearest(self, word: str, text: str, layer: int) -> list[tuple[str, float]]:
        """The five other pieces nearest to the first place of a word."""
        pieces = self.layer(text, layer)
        place = [piece for piece, _ in pieces].index(word)
        scores = [
            (piece, plain_cosine(pieces[place][1], vector))
            for i, (piece, vector) in enumerate(pieces)
            if i not in (0, place)
        ]
        return sorted(scores, key=lambda pair: -pair[1])[:5]


def plain_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two vectors."""
    return float((a * b).sum() / math.sqrt((a**2).sum() * (b**2).sum()))
