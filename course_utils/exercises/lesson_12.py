"""Lesson 12: clipped counts, top-p, choosing by consensus, and a beam search with a fault."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.decoding.steps import Step, select
from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from torch import Tensor


def careless_beam(
    step: Step, state: Any, *, start: Tensor, end: int, max_length: int, width: int
) -> tuple[tuple[int, ...], float]:
    """The planted fault of section 11: a colleague's beam search for one source; a text and its sum."""
    live: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    ended: list[tuple[tuple[int, ...], float]] = []
    state, tokens = select(state, [0] * width), start.repeat(width)  # a row for each hypothesis
    for _ in range(max_length):
        gains, state = step(state, tokens)  # (width, V)
        candidates = [
            ((*text, token), total + gain)
            for row, (text, total) in enumerate(live)
            for gain, token in zip(*(part.tolist() for part in gains[row].topk(width)), strict=True)
        ]
        candidates.sort(key=lambda candidate: -candidate[1])
        ended += [one for one in candidates[:width] if one[0][-1] == end]
        live = [one for one in candidates if one[0][-1] != end][:width]
        if not live or (ended and max(total for _, total in ended) >= live[0][1]):
            break
        filled = live + [live[0]] * (width - len(live))
        tokens = start.new_tensor([text[-1] for text, _ in filled])
    return max(ended or live, key=lambda one: one[1])


# -- predict, then look --------------------------------------------------------------------------------


def guess_widths(picture: Picture, *, change: str) -> Prediction:
    """Section 3: what a wider beam does to the translations; `change` is one of the choices."""
    return Prediction(
        "12.widths",
        question="The beam grows from 1 to 16. The texts it finds are likelier, by the model's own sums. How much BLEU "
        "does that gain?",
        choices=["it falls", "0 to 1 point", "1 to 5 points", "more than 5 points"],
        look=picture,
        measured=change,
        explain="Search finds what the model likes best. What is wrong with the model, no search repairs.",
    )


def guess_bleu(picture: Picture) -> Prediction:
    """Section 7: which of three translations BLEU puts first."""
    same = "all three alike, to the last digit"
    return Prediction(
        "12.bleu",
        question="One of the three is a good translation with other words, one says the opposite, one is a heap of words. "
        "Which does BLEU put first?",
        choices=["the good one", "the one that says the opposite", "the heap", same],
        look=picture,
        measured=same,
        explain="BLEU counts which runs of up to four words stand in the reference, too. What stands between "
        "them, and in which order the runs come, it does not see.",
    )


def guess_fault(picture: Picture) -> Prediction:
    """Section 11: what is wrong with the colleague's beam search."""
    fault = "a hypothesis goes on with the state of another one"
    return Prediction(
        "12.fault",
        question="What is wrong with your colleague's beam search?",
        choices=[
            "it stops too early",
            "it lacks a length penalty",
            "the beam is too narrow",
            fault,
        ],
        look=picture,
        measured=fault,
        explain="With a beam of 1 there is only one state, so all is well. From 2 on, hypotheses split and end, "
        "and the rows of the state must move with them. Otherwise the sums belong to no text.",
    )


# -- recall ------------------------------------------------------------------------------------------

clipped = Exercise(
    "12.clipped",
    title="Clipped precision",
    minutes=2,
    kind="recall",
    prompt="The reference is `le chat dort sur le lit` (the cat sleeps on the bed), the translation `le le le chat`. "
    "What is BLEU's unigram precision? As a share from 0 to 1, two decimals.",
    reference=0.75,
    tolerance=4e-3,
    checks=[
        Mistake(
            "each `le` of the translation counts, though the reference holds only two; clip at two", like=1.0
        ),
        Mistake(
            "`le` counts twice, as in the reference, and precision divides by the translation's four words, not by the "
            "reference's six",
            like=0.5,
        ),
        Mistake("it neither clips nor divides by the translation's four words", like=4 / 6),
        Mistake("that is a share of different words; each occurrence counts", like=2 / 5),
        Mistake("that is in percent; give a share", like=75.0),
    ],
    hints=[
        "Count each word in the translation, but at most as often as it stands in the reference.",
        "`le` counts twice, `chat` once; the translation has four words.",
    ],
    explain="(2 + 1) / 4. Without the clip, a page full of `le` would have precision 1.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_nucleus(probabilities, p):  # type: ignore[no-untyped-def]
    """The smallest set of the likeliest tokens whose mass reaches p, renormalised; zero elsewhere."""
    probabilities = np.asarray(probabilities, dtype=float)
    order = np.argsort(-probabilities, kind="stable")
    before = np.cumsum(probabilities[order]) - probabilities[order]  # mass of all likelier tokens
    kept = np.where(np.isin(np.arange(len(order)), order[before < p - 1e-9]), probabilities, 0.0)
    return kept / kept.sum()


def _nucleus(  # type: ignore[no-untyped-def]
    probabilities, p, *, rising=False, without_last=False, above=False, scaled=True, softmax=False
):
    """`reference_nucleus` with one thing done differently."""
    probabilities = np.asarray(probabilities, dtype=float)
    order = np.argsort(probabilities if rising else -probabilities, kind="stable")
    mass = np.cumsum(probabilities[order])
    chosen = mass <= p + 1e-9 if without_last else mass - probabilities[order] < p - 1e-9
    keep = probabilities >= p if above else np.isin(np.arange(len(order)), order[chosen])
    kept = np.where(keep, probabilities, 0.0)
    if softmax:
        kept = np.where(keep, np.exp(probabilities), 0.0)
    return kept / kept.sum() if scaled else kept


def _some_probabilities(generator: np.random.Generator) -> tuple[np.ndarray, float]:
    weights = generator.choice(100, size=6, replace=False) + 1.0
    return weights / weights.sum(), float(generator.choice([0.3, 0.5, 0.75, 0.9]))


nucleus = Exercise(
    "12.nucleus",
    title="Top-p",
    minutes=10,
    kind="code",
    prompt="Write `my_nucleus(probabilities, p)`: keep the smallest set of tokens, the likeliest first, whose "
    "probabilities add up to p or more; set the others to 0; scale what is left so that it sums to 1. "
    "`probabilities` is an array of shape (V,), and the result is one, too, its tokens in the same places.",
    reference=reference_nucleus,
    inputs=[
        (np.array([0.5, 0.25, 0.15, 0.1]), 0.7),
        (np.array([0.1, 0.2, 0.4, 0.3]), 0.5),
        (np.array([0.05, 0.9, 0.05]), 0.5),
        (np.array([0.2, 0.5, 0.3]), 1.0),
    ],
    sample=_some_probabilities,
    checks=[
        Mistake(
            "the token with which the mass passes p is lost; it belongs to the set, or the mass stays below p",
            like=lambda q, p: _nucleus(q, p, without_last=True),
        ),
        Mistake(
            "it collects from the unlikeliest on, so the tail is kept and the head lost",
            like=lambda q, p: _nucleus(q, p, rising=True),
        ),
        Mistake(
            "what is left does not sum to 1; divide by its sum",
            like=lambda q, p: _nucleus(q, p, scaled=False),
        ),
        Mistake(
            "it keeps tokens whose own probability is at least p; p is the mass of the whole set",
            like=lambda q, p: _nucleus(q, p, above=True),
        ),
        Mistake(
            "it puts probabilities through a softmax again; divide by their sum",
            like=lambda q, p: _nucleus(q, p, softmax=True),
        ),
    ],
    hints=[
        "`order = np.argsort(-probabilities)` lists the tokens, the likeliest first.",
        "A token is kept if the mass of all likelier ones is still below p: `np.cumsum(...) - probabilities[order]`.",
        "Make zeros, fill in the places `order[before < p]`, divide by the sum.",
    ],
    explain="How many tokens survive depends on the distribution: one where the model is sure, many where it is "
    "not. That is what top-k cannot do.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_consensus(texts, likeness):  # type: ignore[no-untyped-def]
    """The text that is most like all other drawn texts on average; of equals the first."""
    likeness = np.asarray(likeness, dtype=float)
    others = ~np.eye(len(texts), dtype=bool)
    support = [likeness[i, others[i]].mean() for i in range(len(texts))]
    return texts[int(np.argmax(support))]


def _consensus(texts, likeness, *, axis=1, itself=False, once=False, least=False):  # type: ignore[no-untyped-def]
    """`reference_consensus` with one thing done differently."""
    likeness = np.asarray(likeness, dtype=float)
    places = [i for i, text in enumerate(texts) if not once or text not in texts[:i]]
    support = []
    for i in places:
        rest = [j for j in places if itself or j != i]
        support.append(np.mean(likeness[i, rest] if axis == 1 else likeness[rest, i]) if rest else 0.0)
    return texts[places[int(np.argmin(support) if least else np.argmax(support))]]


def _commonest(texts, likeness):  # type: ignore[no-untyped-def]
    return Counter(texts).most_common(1)[0][0]


def _some_texts(generator: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Texts, some of them drawn twice, and how like they are; not symmetric, as metrics are not."""
    kinds = generator.integers(0, 7, size=8)
    table = generator.integers(0, 64, size=(7, 7)) / 64
    np.fill_diagonal(table, generator.integers(32, 65, size=7) / 64)
    return [f"text {kind}" for kind in kinds], table[np.ix_(kinds, kinds)]


consensus = Exercise(
    "12.consensus",
    title="Let the samples vote",
    minutes=30,
    kind="think",
    prompt="The likeliest text need not be the best guess: its neighbours may all be unlikely. Draw N texts from the model "
    "instead, and take the one that is most like the others. `texts` is a list of N texts, in which a likely text "
    "stands several times; `likeness` is an array of shape (N, N): `likeness[i, j]` is the score of text i if text j were "
    "the reference. Write `my_consensus(texts, likeness)`: return the text with the highest mean score against all "
    "*other* draws (its own place left out, another draw of the same text counted), the first of equals.",
    reference=reference_consensus,
    inputs=[
        (
            ["a", "b", "b", "c"],
            np.array([[1, 0.5, 0.5, 0.75], [0.25, 1, 1, 0.25], [0.25, 1, 1, 0.25], [0, 0, 0, 1]]),
        ),
        (["x", "y", "z"], np.array([[1, 0.5, 0.25], [0.5, 0.5, 0.5], [0.75, 0.125, 0.5]])),
    ],
    sample=_some_texts,
    checks=[
        Mistake(
            "it asks how well the others do against this text; row i holds the scores *of* text i (mean over axis 1)",
            like=lambda texts, likeness: _consensus(texts, likeness, axis=0),
        ),
        Mistake(
            "a draw's score against itself counts; leave its own place out",
            like=lambda texts, likeness: _consensus(texts, likeness, itself=True),
        ),
        Mistake(
            "equal texts were thrown together; a text that was drawn often is likely, and that must count",
            like=lambda texts, likeness: _consensus(texts, likeness, once=True),
        ),
        Mistake("it returns the commonest text, and never looks at `likeness`", like=_commonest),
        Mistake(
            "it returns the text with the lowest mean",
            like=lambda texts, likeness: _consensus(texts, likeness, least=True),
        ),
    ],
    hints=[
        "For text i the scores are in row i; leave out place i.",
        "`np.delete(likeness[i], i).mean()` for each i, then `np.argmax`.",
        "`argmax` returns the first of equals.",
    ],
    explain="This is minimum Bayes risk decoding: the mean over draws estimates the expected score under the model "
    "(Kumar and Byrne 2004; Eikema and Aziz 2020).",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "12.wider",
            question="You widen the beam from 5 to 100 and BLEU falls. How can a better search give worse translations?",
            answer="Because the model's likeliest text is not the best text. Each further word costs probability, so sums favour "
            "short texts, and a wide beam finds them: an early end that a narrow beam would have cut. A narrow beam hides "
            "that fault of the model. I look at the length ratio by width, and at search errors: does the model give the "
            "reference a higher sum than what was found? Where it does, search failed; where it does not, the model did. "
            "The usual repair is to divide the sum by a power of the length, chosen on validation data, or not to look for "
            "the likeliest text at all, and choose among samples by consensus.",
            usual_wrong_answer="“A bug.” It may be one, but the effect is known from correct searches, and exact search finds "
            "the empty text for many sentences of real systems (Stahlberg and Byrne 2019).",
            follow_up="Does it happen with every model? (No: measure it. In this lesson the table of widths says how much.)",
            evidence="4. Length",
        ),
        InterviewQuestion(
            "12.bleu_fell",
            question="The new system has 0.3 BLEU more than the old one. Ship it?",
            answer="First: same test set, same tokenisation, same reference? A different way to cut words moves BLEU by more than "
            "that. Then a paired bootstrap: draw the sentences anew, score both systems on the same draw, a thousand times; "
            "if the interval of the difference holds zero, the test set cannot tell. The interval covers the sentences, not "
            "the luck of training, so I want several seeds, too. Then a second metric that fails differently, chrF beside "
            "BLEU, and I read fifty pairs of outputs where the two differ: BLEU cannot see a missing negation.",
            usual_wrong_answer="“Yes, higher is better.”",
            follow_up="Why paired? (A hard sentence is hard for both; in the difference that drops out, so the interval is "
            "narrower than the two intervals suggest.)",
            evidence="9. Is B better than A?",
        ),
        InterviewQuestion(
            "12.sampling",
            question="When do you use a beam, when do you sample, and what do temperature and top-p do?",
            answer="Beam or greedy where there is about one right answer: translation, extraction. Sampling where there are many "
            "good ones: stories, dialogue, several candidates to choose from. Temperature divides the logits: below one "
            "sharpens, above one flattens, and the order of tokens stays. The tail is what hurts: thousands of tokens with "
            "a little probability each, and one bad draw derails the rest. Top-k keeps k of them, whatever the model thinks; "
            "top-p keeps as many as it takes to reach the mass p, one where the model is sure, many where it is not.",
            usual_wrong_answer="“Temperature 0 for facts, 1 for creativity.” Temperature zero is greedy decoding; it makes a "
            "wrong answer repeatable, not right.",
            follow_up="What is measured here? (BLEU of samples against temperature and p, beside how many of them differ.)",
            evidence="5. Sampling",
        ),
    ]
)
