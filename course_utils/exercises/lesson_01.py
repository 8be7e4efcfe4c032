"""Lesson 01: cosine, PPMI, and how to choose a setting without fooling oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.evaluation.similarity import SimilarityResult
from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def careless_ppmi(counts: Any) -> Any:
    """The planted fault of section 9: PPMI of a sparse matrix of counts, with one wrong axis."""
    table = counts.tocoo()
    total = table.sum()
    p_word = np.asarray(table.sum(axis=1)).ravel() / total
    p_context = np.asarray(table.sum(axis=1)).ravel() / total  # should be axis=0, and of the column below
    pmi = np.log(table.data / total / (p_word[table.row] * p_context[table.row]))
    table.data = np.maximum(pmi, 0).astype(np.float32)
    return table.tocsr()


# -- predict, then look --------------------------------------------------------------------------------


def guess_contrast(drawing: str, *, measured: float) -> Prediction:
    """Section 5: how far PPMI sets groups apart; `drawing` shows cosines before and after."""
    return Prediction(
        "01.contrast",
        question="Likeness inside a group ÷ likeness across groups, after PPMI:",
        low=1,
        high=10,
        step=0.1,
        unit="times",
        look=Picture(
            drawing,
            alt="Two matrices of cosines between twelve words. From raw counts nearly all cells are dark. From PPMI "
            "four dark blocks of three words stand out on a pale ground.",
        ),
        measured=round(float(measured), 1),
        explain="Same text, same window, same rows; only the weighting changed. Each panel has its own scale: the "
        "darkest cell is its largest cosine.",
    )


def guess_window(figure: Figure, *, small: SimilarityResult, large: SimilarityResult) -> Prediction:
    """Section 8: what a wide window does to related words; judged by the intervals at 1 and 10 words."""
    choices = ["gets clearly worse", "stays the same", "gets clearly better"]
    change = int(large.low > small.high) - int(large.high < small.low)
    return Prediction(
        "01.window",
        question="When the window grows from 1 to 10 words, the order of related words (WordSim-353) …",
        choices=choices,
        look=Picture(
            figure,
            alt="Spearman against window size, with intervals. WordSim-353 gains much from a window of 1 to 10 and "
            "then stays level. SimLex-999 changes little.",
        ),
        measured=choices[1 + change],
        explain="A wide window collects the topic, and related words share a topic. For words that mean the same kind of "
        "thing (SimLex-999) the window matters far less.",
    )


def guess_fault(drawing: str) -> Prediction:
    """Section 9: what is wrong with `careless_ppmi`; `drawing` shows its weights beside the right ones."""
    undivided = "the frequency of the context is not divided out"
    return Prediction(
        "01.fault",
        question="What is wrong with your colleague's PPMI?",
        choices=[
            "windows run across the ends of articles",
            undivided,
            "negative values are kept",
            "the frequency of the word itself is not divided out",
        ],
        look=Picture(
            drawing,
            alt="Two matrices of weights of twelve words with eleven contexts. In your colleague's the columns the, of "
            "and in are dark for all words; in yours they are nearly white.",
        ),
        measured=undivided,
        explain="Columns of common contexts are dark for every word. A column would only be that dark if how common "
        "the context is still counted.",
    )


# -- recall ------------------------------------------------------------------------------------------

angle = Exercise(
    "01.angle",
    title="The same company",
    minutes=2,
    kind="recall",
    prompt="Two words never meet each other. Seen with (deep, salt, famous), the first has the counts (2, 0, 1) and the "
    "second (1, 1, 0). What is their cosine, to two places?",
    reference=2 / np.sqrt(5 * 2),
    tolerance=0.006,
    checks=[
        Mistake("that is the dot product; divide by the lengths of both vectors", like=2.0),
        Mistake(
            "their rows overlap in “deep”; a cosine compares rows, and does not ask whether the two words met",
            matches=lambda answer: answer == 0,
        ),
        Mistake(
            "it divides by the sums of the counts; a length is the root of the summed squares",
            matches=lambda answer: abs(answer - 1 / 3) < 0.006,
        ),
        Mistake(
            "the lengths are √5 and √2: you divided by 5 · 2, the squares of the lengths",
            matches=lambda answer: abs(answer - 0.2) < 0.006,
        ),
    ],
    hints=[
        "Dot product divided by both lengths.",
        "2·1 + 0·1 + 1·0, divided by √(4 + 0 + 1) and by √(1 + 1 + 0).",
    ],
    explain="2 / (√5 · √2) = 0.63. Words are similar when their rows are, whether or not they ever meet.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_ppmi(counts):  # type: ignore[no-untyped-def]
    """How much likelier a pair is than chance, in nats; nothing below 0."""
    counts = np.asarray(counts, dtype=float)
    total = counts.sum()
    p_row = counts.sum(axis=1, keepdims=True) / total
    p_column = counts.sum(axis=0, keepdims=True) / total
    with np.errstate(divide="ignore"):
        pmi = np.log(counts / total / (p_row * p_column))
    return np.maximum(pmi, 0)


def _raw_pmi(counts):  # type: ignore[no-untyped-def]
    counts = np.asarray(counts, dtype=float)
    chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    with np.errstate(divide="ignore"):
        return np.log(counts / chance)


def _keeps_negative(function):  # type: ignore[no-untyped-def]
    with np.errstate(all="ignore"):
        values = np.asarray(function(np.array([[8.0, 1.0], [1.0, 1.0]])))
    return bool((values < 0).any())


def _in_bits(counts):  # type: ignore[no-untyped-def]
    return reference_ppmi(counts) / np.log(2)


def _no_total(counts):  # type: ignore[no-untyped-def]
    with np.errstate(divide="ignore"):
        chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True)
        return np.maximum(np.log(counts / chance), 0)


def _wrong_axis(counts):  # type: ignore[no-untyped-def]
    rows = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(counts * counts.sum() / (rows * rows)), 0)


def _conditional(counts):  # type: ignore[no-untyped-def]
    return counts / counts.sum(axis=1, keepdims=True)


def _not_a_number(function):  # type: ignore[no-untyped-def]
    with np.errstate(all="ignore"):
        values = np.asarray(function(np.array([[4.0, 0.0], [1.0, 3.0]])))
    return not np.isfinite(values).all() and not (values < 0).any()


def _some_counts(generator: np.random.Generator) -> tuple[np.ndarray]:
    return (generator.poisson(3, size=(4, 5)).astype(float) + np.eye(4, 5),)


ppmi = Exercise(
    "01.ppmi",
    title="PPMI by hand",
    minutes=10,
    kind="code",
    prompt="Write `my_ppmi(counts)` for an array of counts of shape (n, m): positive pointwise mutual information in nats, "
    "without smoothing. Cells with a count of 0 get 0.",
    reference=reference_ppmi,
    inputs=[np.array([[4.0, 0.0], [1.0, 3.0]]), np.array([[8.0, 1.0, 1.0], [1.0, 1.0, 6.0]])],
    sample=_some_counts,
    checks=[
        Mistake(
            "some values are below 0 (or minus infinity, where the count is 0): that is PMI; take the larger of it and 0",
            matches=_keeps_negative,
        ),
        Mistake("some values are not finite; a count of 0 must come out as 0", matches=_not_a_number),
        Mistake("these are bits; nats use the natural logarithm, `np.log`", like=_in_bits),
        Mistake(
            "nearly everything became 0: counts were compared with a product of counts; divide all three by the total",
            like=_no_total,
        ),
        Mistake(
            "both probabilities come from the rows: the frequency of the context is never divided out",
            like=_wrong_axis,
        ),
        Mistake(
            "that is the probability of the context given the word: frequent contexts still win",
            like=_conditional,
        ),
    ],
    hints=[
        "Three probabilities: of the pair, of the row's word, of the column's word. All are counts divided by the total.",
        "`counts.sum(axis=1, keepdims=True)` has shape (n, 1), so that row times column gives (n, m).",
        "`np.maximum(0, np.log(p_pair / (p_row * p_column)))`, and `np.errstate(divide='ignore')` for log of 0.",
    ],
    explain="PMI of 0 means “as often as chance”. The log of 0 is minus infinity, and the maximum turns it into 0.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_honest_score(scores_a, scores_b):  # type: ignore[no-untyped-def]
    """Choose on one half, report on the other."""
    return float(np.asarray(scores_b)[int(np.argmax(scores_a))])


def _two_halves(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    truth = generator.uniform(0.4, 0.6, size=8)
    return truth + generator.normal(size=8) * 0.05, truth + generator.normal(size=8) * 0.05


honest_choice = Exercise(
    "01.honest_choice",
    title="Do not fool yourself",
    minutes=30,
    kind="think",
    prompt="You tried several settings. `scores_a[i]` and `scores_b[i]` are the scores of setting i on two halves of the "
    "judged pairs, and you may choose a setting. Write `my_honest_score(scores_a, scores_b)`: the score that you "
    "may report for the chosen setting, so that the choice has not flattered it.",
    reference=reference_honest_score,
    inputs=[(np.array([0.5, 0.6, 0.4]), np.array([0.55, 0.52, 0.7]))],
    sample=_two_halves,
    checks=[
        Mistake(
            "it reports the best score of all: the pairs that chose the setting also judge it",
            like=lambda a, b: float(np.max([np.max(a), np.max(b)])),
        ),
        Mistake(
            "it reports half A's own winner on half A: chosen and judged on the same pairs",
            like=lambda a, b: max(a),
        ),
        Mistake(
            "it chooses on half B and reports half B: chosen and judged on the same pairs",
            like=lambda a, b: max(b),
        ),
        Mistake(
            "it chooses by the mean of both halves, so half B has helped to choose what it then judges",
            like=lambda a, b: float(np.asarray(b)[int(np.argmax(np.add(a, b)))]),
        ),
        Mistake(
            "it reports a mean over settings; you will use one of them", like=lambda a, b: float(np.mean(b))
        ),
        Mistake(
            "it gives the number of the setting; asked for is its score",
            like=lambda a, b: int(np.argmax(a)),
        ),
    ],
    hints=[
        "Which pairs may choose, and which may judge?",
        "If half A chooses, half B has seen nothing of the choice.",
    ],
    explain="The maximum of noisy scores is partly the luck of the noise. On fresh pairs the luck is gone and the quality "
    "stays. The next cell measures how much luck it was.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "01.why_pmi",
            question="Why not simply use co-occurrence counts as word vectors?",
            answer="Because a count mixes two things: how strongly two words attract each other, and how common both are. The "
            "second one dominates. Every row points towards the few most frequent words, so all cosines are high and "
            "nearly equal. PMI divides by what chance would give, and keeping only positive values removes cells that say "
            "“not seen yet”. On our corpus that lifts the agreement with people's judgements from about nothing "
            "to a useful level, with the same counts.",
            usual_wrong_answer="“Because they are sparse and high-dimensional.” That costs memory; it is not why raw counts "
            "judge badly. PPMI is at least as sparse and judges far better.",
            follow_up="PMI overrates rare events. What can you do? (Smooth the context counts, or drop rare words.)",
            evidence="8. What each choice changes",
        ),
        InterviewQuestion(
            "01.svd",
            question="What does SVD add to PPMI vectors, apart from saving memory?",
            answer="Generalisation. In a PPMI row, wave and waves are two unrelated columns: a word seen with one gets "
            "no credit with words seen with the other. SVD finds directions along which many rows vary together, so contexts that "
            "behave alike share one. Dropping the weak directions drops noise of single events. That is why the "
            "compressed vectors agree better with people than the full ones, and why, past a hundred, more dimensions bring no more.",
            usual_wrong_answer="“It loses a bit of quality but is faster.” Measured here, it gains.",
            follow_up="Why the square root of the singular values? (Otherwise a few strong directions decide every cosine.)",
            evidence="8. What each choice changes",
        ),
        InterviewQuestion(
            "01.judging",
            question="Somebody shows you vectors with Spearman 0.60 on WordSim-353, and yours have 0.58. Are theirs better?",
            answer="I can't say yet. First: on how many pairs? Coverage must be the same. Second: with 242 pairs the 95 % "
            "interval is about 0.08 to each side, so I would bootstrap the difference on the same pairs instead of "
            "comparing two numbers. Third: were settings chosen on these very pairs? And last: relatedness of word pairs is a "
            "proxy. I'd judge on the task that the vectors are for.",
            usual_wrong_answer="“Yes, 0.60 is more than 0.58.”",
            follow_up="Two intervals overlap. Does that prove that there is no difference? (No; see the paired bootstrap.)",
            evidence="7. Do people agree?",
        ),
    ]
)
