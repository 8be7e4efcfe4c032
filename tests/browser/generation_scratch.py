"""Small tables in the place of language models, a notebook with two explorers of them, and the numbers that
they must show, by plain Python.

The notebook is given tables only; what follows from them is worked out here once more, one number at a time,
with nothing of the course.
"""

from __future__ import annotations

import json
import math

import numpy as np

# A vocabulary may hold anything, so some of these words would do harm if they reached the page as markup.
HARMFUL = "<b>x</b>"
WORDS = ("[CLS]", "[SEP]", "[MASK]", "<end>", " the", " cat", " sat", " on", " a", " mat", "\n", " 🌊",
         " שלום", " \u202eslow", " " + HARMFUL, *(f" word{i}" for i in range(25)))  # fmt: skip
CLS, SEP, MASK, END = range(4)
V, CONTEXT, MOST = len(WORDS), 12, 8
PROMPT, SENTENCE = "the cat", "the cat sat on a mat"
NAMES = {word.strip(): token for token, word in enumerate(WORDS) if word.strip()}

NOTEBOOK = [
    """import json
from types import SimpleNamespace

import numpy as np
import torch

from course_utils.decoding.sampling import shape_distribution
from course_utils.explorers.generation import GenerationExplorer
from course_utils.explorers.mask import MaskExplorer

tables = {name: torch.tensor(table, dtype=torch.float64) for name, table in json.load(
    open("generation.json", encoding="utf-8")).items()}
names = {word.strip(): token for token, word in enumerate(WORDS) if word.strip()}


def encode(text):
    for word in text.split():
        if word not in names:
            raise ValueError(f"there is no word {word[:30]}")
    return [names[word] for word in text.split()]
""",
    """def predict(tokens):
    return (tables["next"][tokens[-1]] + 0.5 * tables["next"][len(tokens)]).log_softmax(dim=-1)


generation_explorer = GenerationExplorer(
    predict, encode=encode, piece=WORDS.__getitem__, shape=shape_distribution,
    prompt=PROMPT, context=CONTEXT, end=END, most_tokens=MOST,
)
generation_explorer""",
    """def cut(text):
    return SimpleNamespace(ids=[CLS, *encode(text), SEP], pieces=["[CLS]", *text.split(), "[SEP]"])


def guess(tokens, place):
    scores = sum(
        tables["left" if i < place else "right"][token] / abs(i - place)
        for i, token in enumerate(tokens) if i != place
    )
    return scores.log_softmax(dim=-1)


mask_explorer = MaskExplorer(
    {"both ways": guess, "unigram": lambda tokens, place: tables["unigram"].log_softmax(dim=-1)},
    cut=cut, piece=WORDS.__getitem__, mask=MASK, marks=(CLS, SEP), sentence=SENTENCE, place=3,
)
mask_explorer""",
]


def notebook_sources() -> list[str]:
    """The cells, with the constants of this file filled in."""
    names = ("WORDS", "CLS", "SEP", "MASK", "END", "CONTEXT", "MOST", "PROMPT", "SENTENCE")
    return ["\n".join(f"{name} = {globals()[name]!r}" for name in names), *NOTEBOOK]


def visible(word: str) -> str:
    """As a piece is written on the page."""
    return word.replace(" ", "␣").replace("\n", "⏎").replace("\u202e", "⟨202E⟩")


class Tables:
    """What the notebook is given, and the numbers that follow from it."""

    def __init__(self) -> None:
        rng = np.random.default_rng(23)
        self.tables = {
            name: rng.normal(scale=1.5, size=(V, V)).round(3) for name in ("next", "left", "right")
        }
        self.tables["unigram"] = rng.normal(size=V).round(3)
        self.tables["next"][:, :END] -= 6  # marks are hardly written
        self.tables["next"][:, END] -= 1

    def as_json(self) -> str:
        """What the notebook reads."""
        return json.dumps({name: table.tolist() for name, table in self.tables.items()})

    # -- writing on ------------------------------------------------------------------------------------------

    def next_token(self, tokens: list[int]) -> list[float]:
        """The model's probability of each token after these."""
        row, other = self.tables["next"][tokens[-1]], self.tables["next"][len(tokens)]
        return plain_softmax([a + 0.5 * b for a, b in zip(row, other, strict=True)])

    def filtered(
        self, tokens: list[int], *, temperature: float = 1.0, top_k: int | str = "all", top_p: float = 1.0
    ) -> tuple[list[float], float]:
        """Probabilities after temperature and filters, and the mass that the filters left."""
        warmed = plain_softmax([math.log(share) / temperature for share in self.next_token(tokens)])
        order = sorted(range(V), key=lambda token: -warmed[token])
        order = order if top_k == "all" else order[: int(top_k)]
        total, mass, kept = sum(warmed[token] for token in order), 0.0, []
        for token in order:
            if top_p == 1 or mass / total < top_p - 1e-9:
                kept.append(token)
                mass += warmed[token]
        return [warmed[token] / mass if token in kept else 0.0 for token in range(V)], mass

    def write(self, *, seed: int, count: int, **settings: float | str) -> tuple[list[int], list[float]]:
        """Prompt and written tokens, and the probability that each was drawn with."""
        tokens, shares = [NAMES[word] for word in PROMPT.split()], []
        for dart in np.random.default_rng(seed).random(count):
            after, _ = self.filtered(tokens, **settings)  # type: ignore[arg-type]
            token = next(i for i in range(V) if dart < sum(after[: i + 1]))
            tokens.append(token)
            shares.append(after[token])
            if token == END:
                break
        return tokens, shares

    # -- guessing --------------------------------------------------------------------------------------------

    def guesses(self, tokens: list[int], place: int) -> dict[str, list[float]]:
        """Each model's probability of each token at a place."""
        scores = [0.0] * V
        for i, token in enumerate(tokens):
            if i != place:
                table = self.tables["left" if i < place else "right"]
                scores = [s + x / abs(i - place) for s, x in zip(scores, table[token], strict=True)]
        return {"both ways": plain_softmax(scores), "unigram": plain_softmax(list(self.tables["unigram"]))}


def plain_entropy(shares: list[float]) -> float:
    """In nats."""
    return -sum(share * math.log(share) for share in shares if share > 0)


def plain_softmax(scores: list[float]) -> list[float]:
    """exp(score), scaled to sum to one."""
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]
