"""BLEU, chrF, ROUGE and the paired bootstrap against sacrebleu and rouge-score: same scores, less time."""

from __future__ import annotations

import importlib.metadata
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from results import Row, make_row

from course_utils.datasets.catalogue import load_catalogue
from course_utils.evaluation.bleu import Bleu, corpus_bleu
from course_utils.evaluation.chrf import chrf
from course_utils.evaluation.rouge import rouge_l, rouge_n
from course_utils.evaluation.translation import paired_bootstrap

RUNS = 5
SENTENCES = 3000
RESAMPLES = 1000
TOLERANCE = 1e-6
Texts = list[str]


def make_corpus(*, seed: int, sentences: int = SENTENCES) -> tuple[Texts, Texts]:
    """A copy of JupyterLab's French texts with words wrong, missing or moved; and the texts."""
    references = [french for _, french in load_catalogue()][:sentences]
    words = [word for text in references for word in text.split()]
    generator = random.Random(seed)

    def spoil(text: str) -> str:
        kept = [word for word in text.split() if generator.random() > 0.07]
        mixed = [generator.choice(words) if generator.random() < 0.07 else word for word in kept]
        if len(mixed) > 1 and generator.random() < 0.5:
            place = generator.randrange(len(mixed) - 1)
            mixed[place : place + 2] = mixed[place + 1], mixed[place]
        return " ".join(mixed)

    return [spoil(text) for text in references], references


def our_rouge(hypotheses: Texts, references: Texts) -> list[float]:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L, sentence by sentence."""
    pairs = list(zip(hypotheses, references, strict=True))
    return [s.f1 for h, r in pairs for s in (rouge_n(h, r, n=1), rouge_n(h, r, n=2), rouge_l(h, r))]


def their_rouge(hypotheses: Texts, references: Texts) -> list[float]:
    """The same numbers from rouge-score."""
    from rouge_score.rouge_scorer import RougeScorer

    kinds = ["rouge1", "rouge2", "rougeL"]
    scorer = RougeScorer(kinds)
    scores = [scorer.score(r, h) for h, r in zip(hypotheses, references, strict=True)]
    return [score[kind].fmeasure for score in scores for kind in kinds]


def their_bleu(hypotheses: Texts, references: Texts) -> list[float]:
    """BLEU from sacrebleu; a new object each time, since the old one remembers what it cut."""
    from sacrebleu.metrics import BLEU

    return [BLEU().corpus_score(hypotheses, [references]).score]


def their_chrf(hypotheses: Texts, references: Texts) -> list[float]:
    """chrF and chrF++ from sacrebleu."""
    from sacrebleu.metrics import CHRF

    return [CHRF(word_order=words).corpus_score(hypotheses, [references]).score for words in (0, 2)]


def time_bootstrap(*, seed: int) -> tuple[float, float]:
    """Seconds of both sides for BLEU of two systems and 1,000 paired resamples of 1,000 sentences."""
    from sacrebleu.metrics import BLEU
    from sacrebleu.significance import PairedTest

    baseline, references = make_corpus(seed=seed, sentences=1000)
    system, _ = make_corpus(seed=seed + 1, sentences=1000)
    started = time.perf_counter()
    ours = paired_bootstrap(
        Bleu(), baseline=baseline, system=system, references=references, resamples=RESAMPLES
    )
    between = time.perf_counter()
    systems: list[tuple[str, Sequence[str]]] = [("Baseline: A", baseline), ("B", system)]
    test = PairedTest(systems, {"BLEU": BLEU()}, [references], test_type="bs", n_samples=RESAMPLES)
    results: Any = test()[1]["BLEU"]
    ended = time.perf_counter()
    theirs = [float(result.score) for result in results]
    check_equal([ours.baseline, ours.system], theirs, name="bootstrap")
    return between - started, ended - between


def check_equal(ours: list[float], theirs: list[float], *, name: str) -> None:
    """Raise unless all numbers agree: a faster wrong answer is worth nothing."""
    worst = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    if worst > TOLERANCE:
        raise AssertionError(f"{name}: the two sides differ by {worst}.")


def time_pair(ours: Callable[..., list[float]], theirs: Callable[..., list[float]], *, seed: int) -> Any:
    """Seconds of both sides on one corpus, a new one for each seed, after comparing what they say."""
    hypotheses, references = make_corpus(seed=seed)
    started = time.perf_counter()
    mine = ours(hypotheses, references)
    between = time.perf_counter()
    others = theirs(hypotheses, references)
    ended = time.perf_counter()
    check_equal(mine, others, name=theirs.__name__)
    return between - started, ended - between


def measure(*, quick: bool = False) -> list[Row]:
    """A row for each metric; raises where the two sides differ."""
    kinds: dict[str, tuple[str, Callable[[int], Any]]] = {
        "BLEU": (
            "sacrebleu",
            lambda seed: time_pair(lambda h, r: [corpus_bleu(h, r)], their_bleu, seed=seed),
        ),
        "chrF and chrF++": (
            "sacrebleu",
            lambda seed: time_pair(lambda h, r: [chrf(h, r, words=w) for w in (0, 2)], their_chrf, seed=seed),
        ),
        "ROUGE-1, -2 and -L": ("rouge-score", lambda seed: time_pair(our_rouge, their_rouge, seed=seed)),
        "paired bootstrap of BLEU, 1,000 times 1,000 sentences": (
            "sacrebleu",
            lambda seed: time_bootstrap(seed=seed),
        ),
    }
    rows = []
    for name, (peer, clock) in kinds.items():
        clock(99)  # imports, and the first run of everything
        seconds = [clock(10 * run) for run in range(1 if quick else RUNS)]
        print(
            f"  {name}: " + ", ".join(f"{ours:.3f} and {theirs:.3f} s" for ours, theirs in seconds),
            flush=True,
        )
        rows.append(
            make_row(
                name=f"{name}, same scores" if "bootstrap" in name else f"{name} of 3,000 texts, same scores",
                lesson="12",
                unit="s",
                ours=[ours for ours, _ in seconds],
                peer=f"{peer} {importlib.metadata.version(peer)}",
                theirs=[theirs for _, theirs in seconds],
                better="lower",
            )
        )
    return rows
