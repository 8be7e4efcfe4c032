"""Lesson 08: what a permutation test can say, a contrastive loss, and whether debiasing reached the neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_utils.models.debiasing import remove_direction
from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pairs whose differences make the direction of section 5; none of the first names is among them.
GENDER_PAIRS = (
    "she he", "her him", "woman man", "girl boy", "mother father", "daughter son", "sister brother",
    "queen king", "wife husband", "female male",
)  # fmt: skip


def careless_debias(
    vectors: NDArray[np.floating], attribute: ArrayLike, other: ArrayLike
) -> NDArray[np.float64]:
    """The planted fault of section 7: takes a direction out, and is then judged with the words that made it.

    `attribute` and `other` are the rows of the test's own attribute words.
    """
    own = vectors[np.asarray(attribute)].mean(axis=0) - vectors[np.asarray(other)].mean(axis=0)
    return remove_direction(vectors, own)


# -- predict, then look --------------------------------------------------------------------------------


def guess_one_example(figure: Figure, *, measured: float) -> Prediction:
    """Section 1: balanced accuracy of MiniLM's vectors with one example of each of twelve libraries, in percent."""
    return Prediction(
        "08.one_example",
        question="With one sentence of each library to learn from, on sentences of unseen modules, MiniLM's vectors get:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=Picture(
            figure,
            alt="Accuracy against examples a class from 1 to 256, on a log axis, for four methods. MiniLM's vectors lead "
            "up to 64 examples; the other three lie together up to 16. At 256 MiniLM's vectors, TF-IDF and learning "
            "from scratch meet; static vectors are lowest.",
        ),
        measured=round(measured, 1),
        explain="Little in absolute terms: one sentence hardly describes a library. But it is far more than the same "
        "sentence is worth to a method that begins with nothing.",
    )


def guess_fault(figure: Figure) -> Prediction:
    """Section 7: what is wrong with the certified vectors; `figure` has both permutation tests."""
    own = "it was judged with the words it was made of"
    return Prediction(
        "08.fault",
        question="What is wrong with your colleague's certificate?",
        choices=[
            "too few permutations",
            "the vectors were not scaled to length 1",
            own,
            "the direction was subtracted the wrong way round",
        ],
        look=Picture(
            figure,
            alt="Two permutation histograms of the debiased vectors. With the words that made the direction the observed "
            "effect lies in the middle; with other pleasant and unpleasant words it lies far to the right.",
        ),
        measured=own,
        explain="The direction is the difference of the test's own two means, and the test measures nearness to those "
        "two means. With other words of the same meaning the association is still there.",
    )


# -- recall ------------------------------------------------------------------------------------------

smallest_p = Exercise(
    "08.smallest_p",
    title="The least that eight words can prove",
    minutes=2,
    kind="recall",
    prompt="A WEAT test has four target words against four, and all ways to divide the eight words into four and four are "
    "listed. What is the smallest one-sided p-value that it can give?",
    reference=1 / 70,
    checks=[
        Mistake("the true division is one of those listed, and does as well as itself", like=0),
        Mistake("that is one in eight words; count the ways to choose four of the eight", like=1 / 8),
        Mistake("that counts every way to put words into X or Y; both groups must have four", like=1 / 256),
        Mistake(
            "which four are X matters, for the test is one-sided: X and Y swapped is another division",
            like=1 / 35,
        ),
        Mistake(
            "that counts orders of the eight words; order within a group changes nothing", like=1 / 40320
        ),
    ],
    hints=[
        "How many ways are there to choose the four words of X?",
        "8 · 7 · 6 · 5 / (4 · 3 · 2 · 1), and the true choice is one of them.",
    ],
    explain="Eight choose four is 70. So with four against four no effect, however large, gets below 0.014; corrected for "
    "four tests or more it proves nothing.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_info_nce(queries, documents, temperature):  # type: ignore[no-untyped-def]
    """InfoNCE of queries to documents; row i of one belongs to row i of the other."""
    scores = _unit(queries) @ _unit(documents).T / temperature
    scores = scores - scores.max(axis=1, keepdims=True)  # the softmax does not notice, the exponential does
    log_share = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return float(-np.diag(log_share).mean())


def _unit(rows):  # type: ignore[no-untyped-def]
    rows = np.asarray(rows, dtype=float)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _log_softmax(scores, *, axis=1):  # type: ignore[no-untyped-def]
    return scores - np.log(np.exp(scores).sum(axis=axis, keepdims=True))


def _other_way(queries, documents, temperature):  # type: ignore[no-untyped-def]
    return reference_info_nce(documents, queries, temperature)


def _multiplied(queries, documents, temperature):  # type: ignore[no-untyped-def]
    return reference_info_nce(queries, documents, 1 / temperature)


def _no_cosine(queries, documents, temperature):  # type: ignore[no-untyped-def]
    return float(-np.diag(_log_softmax(np.asarray(queries) @ np.asarray(documents).T / temperature)).mean())


def _summed(queries, documents, temperature):  # type: ignore[no-untyped-def]
    return reference_info_nce(queries, documents, temperature) * len(queries)


def _sign(queries, documents, temperature):  # type: ignore[no-untyped-def]
    return -reference_info_nce(queries, documents, temperature)


def _without_the_right_one(queries, documents, temperature):  # type: ignore[no-untyped-def]
    scores = _unit(queries) @ _unit(documents).T / temperature
    wrong = np.exp(scores) * (1 - np.eye(len(scores)))
    return float((np.log(wrong.sum(axis=1)) - np.diag(scores)).mean())


def _both_ways(queries, documents, temperature):  # type: ignore[no-untyped-def]
    there = reference_info_nce(queries, documents, temperature)
    return (there + reference_info_nce(documents, queries, temperature)) / 2


def _a_batch(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    size = int(generator.integers(3, 7))
    queries = generator.normal(size=(size, 4)) * generator.uniform(0.5, 2, size=(size, 1))
    return queries, queries + generator.normal(size=(size, 4)), float(generator.choice([0.2, 0.5]))


info_nce = Exercise(
    "08.info_nce",
    title="Find your own document",
    minutes=10,
    kind="code",
    prompt="`queries` and `documents` have shape (B, C), row i of one belongs to row i of the other. Write "
    "`my_info_nce(queries, documents, temperature)`: for each query, take its cosines with all documents of the batch, divide "
    "them by the temperature, make a softmax of them, and take the negative logarithm of the right document's share. "
    "Return the mean over queries. Only this way round, queries to documents.",
    reference=reference_info_nce,
    sample=_a_batch,
    checks=[
        Mistake(
            "that lets each document choose among the queries; the softmax runs over documents",
            like=_other_way,
        ),
        Mistake(
            "it multiplies by the temperature; divide, so that a low one makes the choice sharp",
            like=_multiplied,
        ),
        Mistake("these are inner products; scale the rows to length 1 first", like=_no_cosine),
        Mistake("it adds up the queries; take their mean, or the loss grows with the batch", like=_summed),
        Mistake("the sign is turned: a loss falls when the right document's share rises", like=_sign),
        Mistake(
            "the right document is missing below the line: it is one of the candidates",
            like=_without_the_right_one,
        ),
        Mistake("that is the mean of both ways; asked for is queries to documents alone", like=_both_ways),
    ],
    hints=[
        "`rows / np.linalg.norm(rows, axis=1, keepdims=True)` for both, then one matrix product for all cosines.",
        "log of a softmax: `scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))`.",
        "The right documents stand on the diagonal: `np.diag`.",
    ],
    explain="A classification whose classes are the batch's documents. More pairs in a batch mean more wrong answers, and a harder "
    "task, without one label more.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_survival(vectors, sides):  # type: ignore[no-untyped-def]
    """Share of the words whose nearest other word, by cosine, is on the same side."""
    unit, sides = _unit(vectors), np.asarray(sides)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    return float(np.mean(sides[likeness.argmax(axis=1)] == sides))


def _sees_itself(vectors, sides):  # type: ignore[no-untyped-def]
    unit, sides = _unit(vectors), np.asarray(sides)
    return float(np.mean(sides[(unit @ unit.T).argmax(axis=1)] == sides))


def _nearest_by(likeness, sides):  # type: ignore[no-untyped-def]
    np.fill_diagonal(likeness, -np.inf)
    return float(np.mean(np.asarray(sides)[likeness.argmax(axis=1)] == np.asarray(sides)))


def _by_inner_product(vectors, sides):  # type: ignore[no-untyped-def]
    return _nearest_by(np.asarray(vectors, dtype=float) @ np.asarray(vectors, dtype=float).T, sides)


def _by_distance(vectors, sides):  # type: ignore[no-untyped-def]
    vectors = np.asarray(vectors, dtype=float)
    return _nearest_by(-np.linalg.norm(vectors[:, None] - vectors[None], axis=2), sides)


def _least_alike(vectors, sides):  # type: ignore[no-untyped-def]
    unit = _unit(vectors)
    return _nearest_by(-(unit @ unit.T), sides)


def _by_centres(vectors, sides):  # type: ignore[no-untyped-def]
    unit, sides = _unit(vectors), np.asarray(sides)
    centres = np.stack([unit[sides == side].mean(axis=0) for side in (0, 1)])
    return float(np.mean((unit @ centres.T).argmax(axis=1) == sides))


def _wrong_ones(vectors, sides):  # type: ignore[no-untyped-def]
    return 1 - reference_survival(vectors, sides)


def _two_sides(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    sides = np.repeat([0, 1], 6)
    middles = generator.normal(size=(2, 3))[sides]
    vectors = middles + generator.normal(size=(12, 3))
    return vectors * generator.uniform(0.3, 3, size=(12, 1)), sides


survival = Exercise(
    "08.survival",
    title="Did it reach the neighbours?",
    minutes=30,
    kind="think",
    prompt="`vectors` of shape (N, C) belong to words, after debiasing; `sides` holds 0 or 1 for each, from a list that never saw the "
    "vectors. You want one number that is near 1 if one can still tell the sides apart and near 1/2 if not (exactly 11/23 on average "
    "for 12 and 12), with nothing to train. "
    "Write `my_survival(vectors, sides)`: the share of the words whose nearest *other* word, by cosine, is on the same side.",
    reference=reference_survival,
    sample=_two_sides,
    checks=[
        Mistake("each word finds itself, which is always on its own side; leave it out", like=_sees_itself),
        Mistake(
            "it compares with the centres of the sides, and each word helped to make its own centre; with as many "
            "numbers as words that is 1 for noise, too",
            like=_by_centres,
        ),
        Mistake(
            "by inner product long vectors are everybody's neighbours; use the cosine", like=_by_inner_product
        ),
        Mistake("that is by distance; the vectors differ in length, so use the cosine", like=_by_distance),
        Mistake("these are the least alike; the nearest has the largest cosine", like=_least_alike),
        Mistake("that is the share of words beside the other side", like=_wrong_ones),
    ],
    hints=[
        "Rows to length 1; then `unit @ unit.T` holds all cosines.",
        "`np.fill_diagonal(likeness, -np.inf)` takes each word out of its own list.",
        "`sides[likeness.argmax(axis=1)] == sides`, and the mean.",
    ],
    explain="One leave-one-out number. Its chance level is not exactly 1/2 with few words, so shuffle the sides for a control, as "
    "section 5 does.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "08.few_labels",
            question="You have ten labelled texts for each of twelve classes. What do you build first, and what would make you "
            "change it?",
            answer="Frozen sentence vectors from a pretrained encoder, and a logistic regression on top; it trains in a second "
            "and there is one setting, which I choose on held-out data. Beside it TF-IDF with the same classifier, as a "
            "baseline. Then I draw the learning curve with several draws of the training sample. On our docstrings the "
            "encoder led clearly up to 64 examples a class, and at 256 TF-IDF had caught up. If I can get that many "
            "labels, the cheap table of word weights may do, or I train something of my own.",
            usual_wrong_answer="“A large model fine-tuned on everything”, without a baseline and without a curve, so that nobody "
            "ever learns whether ten labels or a hundred were the problem.",
            follow_up="The curves are from one draw of ten examples each. Does that worry you? (Yes: at few examples draws differ "
            "more than methods do. Five draws, nested, the same for all methods.)",
            evidence="1. Which library does a docstring belong to",
        ),
        InterviewQuestion(
            "08.adapt",
            question="Your search works on general text and fails on your company's. How do you adapt the embeddings, and how do "
            "you know that it helped?",
            answer="I collect pairs that belong together, questions and the documents that answered them, and keep whole "
            "sources aside for validation and test. The cheapest adaptation is a linear map behind the frozen encoder, trained "
            "with in-batch negatives; it takes seconds. I judge by reciprocal rank on sources that it never saw, as a "
            "paired difference with an interval. Here three thousand pairs gave about two hundredths, with an interval above 0; three "
            "hundred gave under one hundredth, with an interval around 0. If that is not enough the encoder itself must be trained. "
            "Keyword search beside it, lesson 07's hybrid, needs no training and belongs in the comparison.",
            usual_wrong_answer="“The training loss went down.” It went down furthest with three hundred pairs, each passed a "
            "hundred times, where the search gained least.",
            follow_up="Why split by source and not by pair? (Functions of a module resemble each other; the adapter would be "
            "judged on near-copies.)",
            evidence="2. Moving into a domain",
        ),
        InterviewQuestion(
            "08.debias",
            question="Somebody says that their embeddings have been debiased. What do you ask?",
            answer="How it was measured, and with which words. If the direction was made from the words of the test, the test had "
            "to come out clean; ask for other words. Then what survives: whether a word's neighbours still tell the groups "
            "apart. In MiniLM's input vectors about four first names in five still stood beside one of their own group after projection. And "
            "I want a control, such as a random direction or shuffled groups. Finally I would test the decision that the "
            "system makes, since an association in vectors is neither sufficient nor necessary for unfair treatment.",
            usual_wrong_answer="“The WEAT effect is zero, so the bias is gone.”",
            follow_up="And if the test shows nothing to begin with? (Eight words a group find only large effects; no effect found is "
            "not no effect.)",
            evidence="5. What else the vectors learned",
        ),
    ]
)
