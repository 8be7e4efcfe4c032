"""Small arrays in the place of trained models, a notebook with eight explorers of them, and the numbers that
they must show, by plain Python and numpy.

The notebook is given tables only; what follows from them is worked out here once more, one number at a time,
with nothing of the course.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

# A sentence may hold anything, so some of these words would do harm if they reached the page as markup.
HARMFUL = "<b>x</b>"
FRENCH = {
    "the": "le",
    "cat": "chat",
    "sees": "voit",
    "a": "un",
    "dog": "chien",
    "🌊": "vague",
    HARMFUL: "<i>y</i>",
}
SENTENCE = "the cat sees a dog"
HEADS = ("straight", "blurred", "backward")
SHARPNESS = {"straight": 4.0, "blurred": 0.7, "backward": -2.0}
THRESHOLD = 0.5
NEXT = ("chat", "chien", "le", "noir", "un", "voit", "<end>")
MIXED = ("first", "second")
UNITS = 6
READ_OFF = "plural"
END, LONGEST, BEGIN = 0, 5, 5
SPOKEN = ("<end>", "le", "chat", "dort", "noir")
WIDTHS = (4, 16, 64, 256)
QUERIES, MOST_KEYS = 128, 128

NOTEBOOK = [
    """import json
from types import SimpleNamespace

import numpy as np
import torch

from course_utils.decoding.beam import beam_search
from course_utils.explorers.ablation import AblationLab
from course_utils.explorers.alignment import AlignmentExplorer
from course_utils.explorers.beam import BeamExplorer
from course_utils.explorers.dot_products import DotProductBench
from course_utils.explorers.gates import GateExplorer
from course_utils.explorers.lengths import LengthExplorer
from course_utils.explorers.score_pipeline import ScorePipeline
from course_utils.explorers.weight_editor import WeightEditor

data = json.load(open("attention.json", encoding="utf-8"))
tables = {name: np.array(table) for name, table in data["tables"].items()}


def softmax(scores):
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))
""",
    """words = list(FRENCH)


def translate(text):
    source = text.split()
    ids = [words.index(word) if word in words else refuse(word) for word in source]
    scores = tables["target vectors"][ids] @ tables["source vectors"][ids].T
    return SimpleNamespace(
        source=source, target=[FRENCH[word] for word in source],
        weights={head: softmax(SHARPNESS[head] * scores) for head in HEADS},
    )


def refuse(word):
    raise KeyError(word)


def gold(source, target):
    return None if "🌊" in source else {(i, i) for i in range(len(source))}


alignment_explorer = AlignmentExplorer(
    translate, sentence=SENTENCE, gold=gold, known=words, threshold=THRESHOLD
)
alignment_explorer""",
    """def next_words(place, weights):
    scores = tables["editor queries"][place] @ tables["editor keys"].T
    used = softmax(scores) if weights is None else np.asarray(weights)
    return NEXT, softmax(tables["editor words"] @ (used @ tables["editor values"])), used


weight_editor = WeightEditor(
    next_words, source=SENTENCE.split(), target=[FRENCH[word] for word in SENTENCE.split()]
)
weight_editor""",
    """score_pipeline = ScorePipeline(
    {name: [tables[f"{name} {part}"] for part in ("queries", "keys", "values")] for name in MIXED},
    row_labels=SENTENCE.split(), col_labels=SENTENCE.split(), mask=np.tri(5, dtype=bool),
)
score_pipeline""",
    """dot_products = DotProductBench(widths=WIDTHS, seed=3)
dot_products""",
    """def loss(ablated):
    outputs = []
    for head, own in zip(HEADS, tables["head outputs"]):
        kind = ablated.get(head)
        outputs.append(0 * own if kind == "zero" else own * 0 + own.mean(axis=0) if kind == "mean" else own)
    shares = softmax(sum(outputs))
    return -np.log(shares[np.arange(len(shares)), data["right"]]).mean()


ablation_lab = AblationLab(loss, heads=HEADS)
ablation_lab""",
    """def trace(sentence):
    state, outputs, gates = np.zeros(UNITS), [], {"reset": [], "update": [], "candidate": []}
    for word in sentence:
        x = tables["word inputs"][words.index(word)]
        reset = sigmoid(tables["to reset"] @ np.concatenate([x, state]))
        update = sigmoid(tables["to update"] @ np.concatenate([x, state]))
        candidate = np.tanh(tables["to candidate"] @ np.concatenate([x, reset * state]))
        state = update * state + (1 - update) * candidate
        outputs.append(state)
        for name, gate in (("reset", reset), ("update", update), ("candidate", candidate)):
            gates[name].append(gate)
    readings = {READ_OFF: sigmoid(np.array(outputs) @ tables["readout"])}
    return {"tokens": sentence, "outputs": outputs, "gates": gates, "readings": readings}


gate_explorer = GateExplorer(trace, sentence=SENTENCE, units={2: "counts nouns"}, known=words)
gate_explorer""",
    """results = {
    name: (data["right or wrong"][name], data["first mistakes"][name]) for name in data["right or wrong"]
}
length_explorer = LengthExplorer(results, lengths=data["lengths"], width=3, minimum=5)
length_explorer""",
    """def search(source, *, width, length_penalty):
    gains = torch.tensor(np.log(softmax(tables["spoken"] + len(source[0]) * tables["turn"])))
    (found,) = beam_search(
        lambda state, tokens: (gains[tokens], state), torch.zeros(1, 1), start=torch.tensor([BEGIN]), end=END,
        max_length=LONGEST, width=width, length_penalty=length_penalty, keep_tree=True,
    )
    return found


beam_explorer = BeamExplorer(search, sentence=SENTENCE, word=SPOKEN.__getitem__, width=2)
beam_explorer""",
]


def notebook_sources() -> list[str]:
    """The cells, with the constants of this file filled in."""
    names = ("FRENCH", "SENTENCE", "HEADS", "SHARPNESS", "THRESHOLD", "NEXT", "MIXED", "UNITS", "READ_OFF",
             "END", "LONGEST", "BEGIN", "SPOKEN", "WIDTHS")  # fmt: skip
    return ["\n".join(f"{name} = {globals()[name]!r}" for name in names), *NOTEBOOK]


class Tables:
    """What the notebook is given, and the numbers that follow from it.

    Attributes
    ----------
    tables : dict of str to array
    right : list of int
        The right word at each of eight places, for the loss.
    lengths, right_or_wrong, first_mistakes
        Two hundred translated sentences of two models.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(11)
        sizes = {
            "source vectors": (len(FRENCH), 4), "target vectors": (len(FRENCH), 4),
            "editor queries": (5, 4), "editor keys": (5, 4), "editor values": (5, 3),
            "editor words": (len(NEXT), 3), "head outputs": (len(HEADS), 8, 5),
            "word inputs": (len(FRENCH), 3), "to reset": (UNITS, 3 + UNITS), "to update": (UNITS, 3 + UNITS),
            "to candidate": (UNITS, 3 + UNITS), "readout": (UNITS,), "spoken": (BEGIN + 1, len(SPOKEN)),
            "turn": (BEGIN + 1, len(SPOKEN)),
            **{f"{name} {part}": (5, 6) for name in MIXED for part in ("queries", "keys")},
            **{f"{name} values": (5, 4) for name in MIXED},
        }  # fmt: skip
        self.tables = {name: rng.normal(size=size).round(3) for name, size in sizes.items()}
        self.tables["target vectors"] = self.tables["source vectors"] + 0.3 * self.tables["target vectors"]
        self.tables["editor words"] = 2 * self.tables["editor words"]
        self.right = rng.integers(0, 5, size=8).tolist()
        self.lengths = rng.integers(3, 21, size=200)
        chance = {"no attention": 1.2 - self.lengths / 20, "attention": 0.97 - self.lengths / 200}
        self.right_or_wrong = {name: (rng.random(200) < p).astype(int) for name, p in chance.items()}
        places = rng.integers(1, self.lengths + 1)
        self.first_mistakes = {
            "no attention": None,
            "attention": [
                None if right else int(place)
                for right, place in zip(self.right_or_wrong["attention"], places, strict=True)
            ],
        }

    def as_json(self) -> str:
        """What the notebook reads."""
        return json.dumps(
            {
                "tables": {name: table.tolist() for name, table in self.tables.items()},
                "right": self.right,
                "lengths": self.lengths.tolist(),
                "right or wrong": {name: right.tolist() for name, right in self.right_or_wrong.items()},
                "first mistakes": self.first_mistakes,
            }
        )

    # -- alignment and the editor ----------------------------------------------------------------------------

    def alignment(self, sentence: str, head: str) -> np.ndarray:
        """Weights (T, S) of one head."""
        ids = [list(FRENCH).index(word) for word in sentence.split()]
        rows = []
        for target in ids:
            scores = [
                SHARPNESS[head] * plain_dot(self["target vectors"][target], self["source vectors"][source])
                for source in ids
            ]
            rows.append(plain_softmax(scores))
        return np.array(rows)

    def own_weights(self, place: int) -> np.ndarray:
        """The model's own attention before target word `place`."""
        query = self["editor queries"][place]
        return np.array(plain_softmax([plain_dot(query, key) for key in self["editor keys"]]))

    def edited(self, place: int, word: int, weight: float) -> np.ndarray:
        """The same with the weight of one source word set, the others in their old proportions."""
        own = self.own_weights(place)
        rest = 1 - own[word]
        return np.array([weight if i == word else w / rest * (1 - weight) for i, w in enumerate(own)])

    def next_word(self, weights: np.ndarray) -> dict[str, float]:
        """Probability of each next word, given weights on the source."""
        context = [plain_dot(weights, column) for column in self["editor values"].T]
        shares = plain_softmax([plain_dot(row, context) for row in self["editor words"]])
        return dict(zip(NEXT, shares, strict=True))

    # -- stages of a score -----------------------------------------------------------------------------------

    def stages(self, head: str, query: int, *, scale: bool, mask: bool) -> dict[str, list[float]]:
        """Numbers of one query at each stage, and the mix."""
        keys, values = self[f"{head} keys"], self[f"{head} values"]
        dots = [plain_dot(self[f"{head} queries"][query], key) for key in keys]
        scaled = [dot / math.sqrt(6) if scale else dot for dot in dots]
        masked = [-math.inf if mask and key > query else score for key, score in enumerate(scaled)]
        weights = plain_softmax(masked)
        mix = [plain_dot(weights, column) for column in values.T]
        return {"dot": dots, "scale": scaled, "mask": masked, "softmax": weights, "mix": mix}

    # -- ablation --------------------------------------------------------------------------------------------

    def loss(self, head: str | None = None, mode: str = "zero") -> float:
        """Mean nats per token with one head switched off, or with all of them."""
        total = 0.0
        for place, right in enumerate(self.right):
            scores = np.zeros(5)
            for name, own in zip(HEADS, self["head outputs"], strict=True):
                if name != head:
                    scores = scores + own[place]
                elif mode == "mean":
                    scores = scores + own.mean(axis=0)
            total -= math.log(plain_softmax(scores)[right])
        return total / len(self.right)

    # -- gates -----------------------------------------------------------------------------------------------

    def gates(self, sentence: str) -> dict[str, np.ndarray]:
        """State and gates after each word, each of shape (T, UNITS), and what is read off, (T,)."""
        state = [0.0] * UNITS
        seen: dict[str, list[Any]] = {name: [] for name in ("state", "reset", "update", "candidate")}
        for word in sentence.split():
            x = self["word inputs"][list(FRENCH).index(word)].tolist()
            reset = [plain_sigmoid(plain_dot(row, x + state)) for row in self["to reset"]]
            update = [plain_sigmoid(plain_dot(row, x + state)) for row in self["to update"]]
            held = [r * s for r, s in zip(reset, state, strict=True)]
            candidate = [math.tanh(plain_dot(row, x + held)) for row in self["to candidate"]]
            state = [u * s + (1 - u) * c for u, s, c in zip(update, state, candidate, strict=True)]
            for name, numbers in zip(seen, (state, reset, update, candidate), strict=True):
                seen[name].append(numbers)
        readings = [plain_sigmoid(plain_dot(self["readout"], one)) for one in seen["state"]]
        return {**{name: np.array(rows) for name, rows in seen.items()}, READ_OFF: np.array(readings)}

    # -- quality by length -----------------------------------------------------------------------------------

    def buckets(self, model: str, *, width: int) -> dict[str, tuple[int, float, float | None]]:
        """For each bucket of lengths: how many sentences, the share of right ones, median first mistake."""
        least, found = int(self.lengths.min()), {}
        for low in range(least, int(self.lengths.max()) + 1, width):
            inside = [i for i, length in enumerate(self.lengths) if low <= length < low + width]
            right = [int(self.right_or_wrong[model][i]) for i in inside]
            firsts = self.first_mistakes[model]
            wrong = [] if firsts is None else [firsts[i] for i in inside if firsts[i] is not None]
            name = str(low) if width == 1 else f"{low}–{low + width - 1}"
            share = sum(right) / len(right) if right else math.nan
            found[name] = (len(inside), share, float(np.median(wrong)) if wrong else None)
        return found

    # -- beam search -----------------------------------------------------------------------------------------

    def gains(self, sentence: str) -> list[list[float]]:
        """Log-probability of each token after each; the last row: at the beginning."""
        turned = self["spoken"] + len(sentence.split()[0]) * self["turn"]
        return [[math.log(share) for share in plain_softmax(row)] for row in turned]

    def greedy(self, sentence: str) -> list[str]:
        """The likeliest word after each, to the end."""
        gains, tokens = self.gains(sentence), [BEGIN]
        while len(tokens) <= LONGEST and tokens[-1] != END:
            tokens.append(int(np.argmax(gains[tokens[-1]])))
        return [SPOKEN[token] for token in tokens[1:]]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.tables[name]


def drawn_scores(width: int, keys: int, *, seed: int, spread: float) -> np.ndarray:
    """Dot products of random queries and keys, (QUERIES, keys); a narrow vector begins the wide one."""
    rng = np.random.default_rng(seed)
    queries = rng.standard_normal((QUERIES, WIDTHS[-1]))
    others = rng.standard_normal((MOST_KEYS, WIDTHS[-1]))
    return np.einsum("qd,kd->qk", spread * queries[:, :width], spread * others[:keys, :width])


def plain_entropy(weights: list[float]) -> float:
    """In nats."""
    return -sum(weight * math.log(weight) for weight in weights if weight > 0)


def plain_dot(a: Any, b: Any) -> float:
    """Sum of products."""
    return float(sum(x * y for x, y in zip(a, b, strict=True)))


def plain_softmax(scores: Any) -> list[float]:
    """exp(score), scaled to sum to one."""
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def plain_sigmoid(x: float) -> float:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + math.exp(-x))
