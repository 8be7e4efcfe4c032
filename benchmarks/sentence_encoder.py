"""The course's MiniLM against sentence-transformers: the same thousand texts, the same vectors, less time."""

from __future__ import annotations

import importlib.metadata
import random
import time
from typing import Any

import numpy as np
from results import Row, make_row

from course_utils.datasets.wikipedia import load_wikipedia
from course_utils.pretrained import load_minilm, minilm_folder

RUNS = 3
TEXTS = 1_000
LONGEST = 512  # pieces; both read this far
ALLOWED = 1e-5  # how far a number of a vector may be from sentence-transformers'
ODD = [
    "",
    " \n\t ",
    "a",
    "?",
    "ocean",
    "The bank raised its rates.",
    "Ökologische Prüfgeräte für Straßenbäume",
    "Привет, мир! Как дела сегодня?",
    "日本語のテキストには空白がありません。",
    "한국어 문장도 하나 넣어 둡니다.",
    "مرحبا، كيف حالك اليوم؟",
    "नमस्ते दुनिया, आप कैसे हैं?",
    "Γειά σου Κόσμε",
    "naïve café – ÉTUDES, 1½ × 3 ≈ 4.5 €",
    "👍🏽 well done 🎉🎉 👩‍👩‍👧‍👦",
    "🙂",
    "x" * 300,  # one word longer than the model reads
    "aa " * 1_000,  # far more than 512 pieces
    "<b>bold</b> <script>alert(1)</script> &amp; \x00\x07",
    "[CLS] typed marks [SEP] are [MASK] marks [PAD]",
    "def f(x):\n    return {k: v ** 2 for k, v in x.items() if v >= 0}",
    "https://example.org/a?b=c&d=%20#e",
    "zero\u200bwidth and non\u00a0breaking",
    "\ufffd \U0001d54f \u0301",
]


def varied_texts(count: int = TEXTS) -> list[str]:
    """Texts of all lengths: oddities, single words, and stretches of Wikipedia up to and beyond 512 pieces.

    Parameters
    ----------
    count : int
        At least 200.

    Returns
    -------
    list of str
        The same for the same count.
    """
    chance = random.Random(0)
    words = " ".join(article.text for article in load_wikipedia()).split()
    texts = [*ODD, *chance.sample(words, 100)]
    texts += [stretch(words, n=600, chance=chance) for _ in range(8)]  # all cut at 512 pieces
    while len(texts) < count:
        texts.append(stretch(words, n=1 + min(399, int(chance.lognormvariate(2.8, 0.9))), chance=chance))
    return texts


def stretch(words: list[str], *, n: int, chance: random.Random) -> str:
    """The text of n words in a row, from a random place."""
    start = chance.randrange(len(words) - n)
    return " ".join(words[start : start + n])


def load_theirs() -> Any:
    """MiniLM in sentence-transformers, reading as far as ours."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm_folder()), device="cpu", local_files_only=True)
    model.max_seq_length = LONGEST
    return model


def measure(*, quick: bool = False) -> list[Row]:
    """Two rows: sentences per second, and the largest difference of a number (it must stay below 1e-5)."""
    texts = varied_texts(200 if quick else TEXTS)
    mine, others = load_minilm(), load_theirs()
    ours, theirs, differences = [], [], []
    for _ in range(1 if quick else RUNS):
        started = time.perf_counter()
        vectors = mine.encode(texts, max_pieces=LONGEST)
        between = time.perf_counter()
        reference = others.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        ours.append(len(texts) / (between - started))
        theirs.append(len(texts) / (time.perf_counter() - between))
        differences.append(float(np.abs(vectors - reference).max()))
        print(f"  ours: {ours[-1]:.0f}/s; theirs: {theirs[-1]:.0f}/s; difference {differences[-1]:.1e}")
    if max(differences) > ALLOWED:
        raise AssertionError(f"The vectors differ by up to {max(differences):.1e}.")
    peer = f"sentence-transformers {importlib.metadata.version('sentence-transformers')}"
    speed = make_row(
        name=f"MiniLM: {len(texts):,} texts of 1 to {LONGEST} pieces",
        lesson="06",
        unit="texts/s",
        ours=ours,
        peer=peer,
        theirs=theirs,
        better="higher",
    )
    difference = make_row(
        name=f"MiniLM: largest difference in {len(texts):,} vectors",
        lesson="06",
        unit="of length 1",
        ours=differences,
        peer=f"allowed; between ours and {peer}",
        theirs=[ALLOWED] * len(differences),
        better="lower",
    )
    return [speed, difference]
