"""Lesson 07: marks for a ranking, fusion by rank, a paired test, and documents that hold the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class _Documented(Protocol):
    code: str
    summary: str
    body: str


def careless_texts(documents: Sequence[_Documented]) -> list[str]:
    """The planted fault of section 10: what a colleague searches, one text a function."""
    return [f"{one.code}\n# {one.summary}\n{one.body}" for one in documents]  # the docstring is back in


# -- predict, then look --------------------------------------------------------------------------------


def guess_first_place(figure: Figure, *, keyword: float, dense: float) -> Prediction:
    """Section 5: how often sentence vectors put the right function first; shares from 0 to 1."""
    return Prediction(
        "07.first",
        question=f"Keyword search puts the right function first for {keyword:.0%} of the queries. Sentence vectors do "
        "so for:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=Picture(
            figure,
            alt="Recall against the number of hits looked at, from 1 to 100, for four ways to search. The hybrid and "
            "sentence vectors start together, from k = 5 the hybrid is on top; keyword search starts clearly lower, "
            "averaged word vectors stay far below.",
        ),
        measured=round(100 * dense, 1),
        explain="The model reads the first 64 pieces of a function, its name among them, and has learned which words "
        "go together. What it was trained on is the next question.",
    )


def guess_name(figure: Figure, *, change: float) -> Prediction:
    """Section 6: what hiding a function's own name does to sentence vectors; `change` in MRR@10."""
    return Prediction(
        "07.name",
        question="Replace each function's own name by the word “function”, in the documents only. The MRR@10 of the "
        "sentence vectors falls by:",
        low=0,
        high=0.6,
        step=0.01,
        look=Picture(
            figure,
            alt="MRR@10 of keyword search and MiniLM with the function's own name in the document and with the name "
            "hidden: both fall, MiniLM much further, to below keyword search.",
        ),
        measured=round(-change, 2),
        explain="A good name is a summary of two words, and it stands first. Take it away and both searches lose; "
        "the vectors, which read only the beginning of a function, lose more.",
    )


def guess_fault(picture: Picture) -> Prediction:
    """Section 10: why the colleague's search is so good."""
    leaked = "the answer is written in the document"
    return Prediction(
        "07.fault",
        question="Why is your colleague's keyword search so good?",
        choices=[
            "BM25 has better settings",
            "the queries are easier",
            "there are fewer documents",
            leaked,
        ],
        look=picture,
        measured=leaked,
        explain="A query is the first sentence of the docstring. If the docstring stays in the document, the "
        "search only has to find the sentence that it was given.",
    )


# -- recall ------------------------------------------------------------------------------------------

marks = Exercise(
    "07.marks",
    title="MRR by hand",
    minutes=2,
    kind="recall",
    prompt="Three queries have one right document each. It stands at rank 1, at rank 4, and at rank 30. What is MRR@10? "
    "Give three decimals or more.",
    reference=1.25 / 3,
    tolerance=2e-3,
    checks=[
        Mistake("the third query counts as well, with 0: nobody looks beyond rank 10", like=0.625),
        Mistake("@10 cuts the ranking: rank 30 earns 0 and not 1/30", like=(1 + 1 / 4 + 1 / 30) / 3),
        Mistake("that is 1 / mean rank; take the reciprocal of each rank first, then the mean", like=3 / 35),
        Mistake("that is recall@10: how many are found at all", like=2 / 3),
        Mistake("that is the sum; divide by the number of queries", like=1.25),
    ],
    hints=[
        "Each query earns 1 / rank, or 0 if the right document is not among the first ten.",
        "(1 + 1/4 + 0) / 3.",
    ],
    explain="(1 + 0.25 + 0) / 3 = 0.417. From rank 1 to 2 costs as much as from rank 2 to nowhere.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_fusion(rankings, constant):  # type: ignore[no-untyped-def]
    """Documents of several rankings by the sum of 1 / (constant + rank), best first."""
    total: dict[int, float] = {}
    for ranking in rankings:
        for rank, document in enumerate(ranking, start=1):
            total[document] = total.get(document, 0) + 1 / (constant + rank)
    return sorted(total, key=lambda document: (-total[document], document))


def _fused(rankings, constant, *, start=1, gain=None, worst_first=False, first_only=False, common=False):  # type: ignore[no-untyped-def]
    """`reference_fusion` with one thing done differently."""
    total: dict[int, float] = {}
    for ranking in rankings:
        for rank, document in enumerate(ranking, start=start):
            if first_only and document in total:
                continue
            part = 1 / (constant + rank) if gain is None else gain(rank)
            total[document] = total.get(document, 0) + part
    if common:
        total = {d: t for d, t in total.items() if all(d in ranking for ranking in rankings)}
    return sorted(total, key=lambda document: (total[document] * (1 if worst_first else -1), document))


def _two_rankings(generator: np.random.Generator) -> tuple[list[list[int]], int]:
    rankings = [generator.permutation(12)[: generator.integers(4, 9)].tolist() for _ in range(3)]
    return rankings, int(generator.integers(1, 8))


fusion = Exercise(
    "07.fusion",
    title="Two rankings made one",
    minutes=10,
    kind="code",
    prompt="Scores of BM25 and cosines are on different scales; ranks are not. Write `my_fusion(rankings, constant)`: "
    "`rankings` is a list of lists of document numbers, best first, not all of one length. A document earns "
    "1 / (constant + rank) from each list that holds it, the first place being rank 1. Return all documents, best first; "
    "of equal ones, the smaller number first.",
    reference=reference_fusion,
    inputs=[([[3, 1, 2], [1, 4]], 1), ([[5, 7, 8], [8, 7, 9, 2, 6, 5]], 2), ([[4, 2], [2, 4]], 60)],
    sample=_two_rankings,
    checks=[
        Mistake(
            "the first place counts as rank 0; it is rank 1 (enumerate(…, start=1))",
            like=lambda rankings, constant: _fused(rankings, constant, start=0),
        ),
        Mistake(
            "the worst comes first; sort by falling sums",
            like=lambda rankings, constant: _fused(rankings, constant, worst_first=True),
        ),
        Mistake(
            "a document in several lists earns from each of them; add up instead of keeping the first",
            like=lambda rankings, constant: _fused(rankings, constant, first_only=True),
        ),
        Mistake(
            "documents that only one list holds are lost; they earn from that list",
            like=lambda rankings, constant: _fused(rankings, constant, common=True),
        ),
        Mistake(
            "ranks are added up, so a document gains by standing low; add 1 / (constant + rank)",
            like=lambda rankings, constant: _fused(rankings, constant, gain=lambda rank: rank),
        ),
    ],
    hints=[
        "A dictionary from document to sum; two loops, over the rankings and over `enumerate(ranking, start=1)`.",
        "`total[document] = total.get(document, 0) + 1 / (constant + rank)`",
        "`sorted(total, key=lambda document: (-total[document], document))`",
    ],
    explain="A document that both lists place tenth can beat one that a single list places first; the larger the "
    "constant, the sooner.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_paired(first, second, flips):  # type: ignore[no-untyped-def]
    """How often a mean difference as large arises when each query's difference may as well have the other sign."""
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    by_chance = np.abs((np.asarray(flips) * difference).mean(axis=1))
    as_large = (by_chance >= abs(difference.mean()) - 1e-12).sum()
    return float((1 + as_large) / (1 + len(flips)))


def _paired_like(first, second, flips, *, sides=2, plus=1, strict=False):  # type: ignore[no-untyped-def]
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    by_chance, seen = (np.asarray(flips) * difference).mean(axis=1), difference.mean()
    if sides == 2:
        by_chance, seen = np.abs(by_chance), abs(seen)
    as_large = (by_chance > seen + 1e-12) if strict else (by_chance >= seen - 1e-12)
    return float((plus + as_large.sum()) / (plus + len(flips)))


def _abs_first(first, second, flips):  # type: ignore[no-untyped-def]
    difference = np.abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float))
    by_chance = np.abs(np.asarray(flips) * difference).mean(axis=1)
    return float((1 + (by_chance >= difference.mean() - 1e-12).sum()) / (1 + len(flips)))


def _two_systems(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Eighths, so that sums are exact and ties are ties.
    first = generator.integers(0, 9, size=8) / 8
    second = generator.integers(0, 9, size=8) / 8
    return first, second, generator.choice([-1, 1], size=(19, 8))


paired = Exercise(
    "07.paired",
    title="Better, or lucky with these queries?",
    minutes=30,
    kind="think",
    prompt="`first` and `second` are the marks of two searches on the same Q queries. Suppose they were equally good: "
    "then for each query it would be an accident which of the two got the better mark, and the sign of each difference "
    "could be flipped. `flips` is an array of shape (R, Q) of +1 and −1, made by a coin. Write `my_paired(first, second, "
    "flips)`: how likely, as far as these R flips can tell, is a mean difference at least as large as the one seen, in "
    "*either* direction? What was seen is itself one possible outcome, so the answer is never 0.",
    reference=reference_paired,
    inputs=[
        (
            np.array([1.0, 0.5, 0.5]),
            np.array([0.5, 0.5, 0.25]),
            np.array([[1, -1, 1], [1, 1, -1], [-1, 1, -1]]),
        ),
        (
            np.array([0.25, 0.0, 0.5]),
            np.array([1.0, 0.5, 0.5]),
            np.array([[1, 1, 1], [1, -1, -1], [-1, -1, 1]]),
        ),
    ],
    sample=_two_systems,
    checks=[
        Mistake(
            "only one direction is counted; before you looked, either search might have been the better one. Take "
            "absolute values",
            like=lambda a, b, flips: _paired_like(a, b, flips, sides=1),
        ),
        Mistake(
            "with no flip as large it says 0; count what was seen as one outcome, above and below the line",
            like=lambda a, b, flips: _paired_like(a, b, flips, plus=0),
        ),
        Mistake(
            "a flip that is exactly as large also did the same; it is left out (> instead of >=)",
            like=lambda a, b, flips: _paired_like(a, b, flips, strict=True),
        ),
        Mistake(
            "that is the share of flips that stay below; asked for are those at least as large",
            like=lambda a, b, flips: 1 - _paired_like(a, b, flips, plus=0),
        ),
        Mistake(
            "it takes the absolute value of each query's difference, so that no flip can change anything; take that "
            "of the mean",
            like=_abs_first,
        ),
    ],
    hints=[
        "Work with `difference = first - second` alone: that is what makes it paired.",
        "`(flips * difference).mean(axis=1)` has shape (R,).",
        "(1 + how many absolute values are at least the one seen) / (1 + R).",
    ],
    explain="Hard queries are hard for both searches; in the difference that drops out, and far fewer queries are "
    "enough (Smucker, Allan and Carterette 2007, “A Comparison of Statistical Significance Tests for Information "
    "Retrieval Evaluation”).",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "07.keep_keywords",
            question="You replace keyword search by embeddings. What will users complain about?",
            answer="Exact things. Part numbers, error codes, identifiers, names: the embedding cuts a rare string into "
            "pieces that mean nothing to it and returns something similar, where the user wanted that very string. I "
            "measured it: for identifiers that occur in exactly one document, an index that keeps names whole nearly "
            "always has it first, MRR 0.99, and the vectors reach a third of that. For questions in other words it is the "
            "other way round. So I keep both and fuse them by rank, or send what looks like an identifier to the keyword index alone, and "
            "judge by kind of query.",
            usual_wrong_answer="“Embeddings are better on average, so replace it.” The average hides that the kinds of "
            "query fail in opposite ways.",
            follow_up="Is the hybrid always at least as good as both? (No: where one ranking is worthless, fusion dilutes "
            "the good one. Our questions in other words show it.)",
            evidence="6. Where keywords win",
        ),
        InterviewQuestion(
            "07.fuse",
            question="BM25 gives 3.9, the cosine is 0.84. How do you combine the two searches?",
            answer="Not by adding: the scales differ, and BM25's changes from query to query with the number and rarity of "
            "its terms. The simple robust way uses ranks alone, reciprocal rank fusion: each document earns one over a constant "
            "plus its rank from each list. The constant says how much agreement counts against a first place; I choose it "
            "on validation queries. In our code search a small constant beat the usual sixty. If I have many judged "
            "queries, I can learn weights instead.",
            usual_wrong_answer="“Normalise both to 0…1 and average.” It can work, but then one outlier sets the scale "
            "of a whole list.",
            follow_up="Where did you choose the constant? (On validation queries of modules that no test query is from.)",
            evidence="4. A task with known answers",
        ),
        InterviewQuestion(
            "07.too_good",
            question="A colleague reports an MRR of 0.9 for code search, twice what you got. What do you check first?",
            answer="Whether the answer is in the document. In our task the query is a docstring's first sentence; if the "
            "docstring stays in the code, or in a near-copy elsewhere, search is copying. I ask the index why it found a few "
            "hits: if every word of the query contributes every time, that is no search. Then splits: were settings chosen "
            "on the test queries? Then the collection: how many documents, and are the hard ones still there? Last, who wrote "
            "the queries, and had they seen the documents?",
            usual_wrong_answer="“They must have a better model.”",
            follow_up="Which cheap number gives it away? (The share of a query's terms that its right document holds: "
            "all of them.)",
            evidence="10. Break it",
        ),
    ]
)
