"""Lesson 04: GloVe's weights, n-grams of letters, and the best vector when the others are fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from course_utils.models.glove import GloveCells


def careless_cells(cells: GloveCells) -> GloveCells:
    """The planted fault of section 8: cells as ``np.log(X, out=zeros, where=X > 0)`` would leave them.

    Where nothing was counted that leaves 0, which is the logarithm of 1: as if the pair had met once.
    """
    return cells._replace(margins=np.zeros_like(cells.margins))


# -- predict, then look --------------------------------------------------------------------------------


def guess_unseen(figure: Figure, *, measured: float) -> Prediction:
    """Section 4: what GloVe expects where nothing was counted; `measured` is in times the chance count."""
    return Prediction(
        "04.unseen",
        question="Two words that never stood within ten words of each other. Median count that the trained GloVe expects for "
        "such a pair, as a multiple of what chance would give (1 = as much as chance):",
        low=0,
        high=500,
        step=1,
        unit="times",
        look=Picture(
            figure,
            alt="Two panels of histograms of expected count over chance count. GloVe: pairs that never met lie to the right of "
            "pairs that did meet, around a hundred times chance. With empty cells in the loss: pairs that never met lie at "
            "chance, to the left of the others.",
        ),
        measured=float(f"{measured:.2g}"),
        explain="More than chance, and more than for pairs that did meet. A counted cell of two rare words holds about a quarter, "
        "a hundred times what chance would give; and counted cells are all that the loss has seen. Nothing told it that almost "
        "all other pairs of rare words never meet.",
    )


def guess_fault(figure: Figure) -> Prediction:
    """Section 8: what is wrong with `careless_cells`; the figure shows counts expected where there were none."""
    once = "every pair that never met is taken to have met once"
    return Prediction(
        "04.fault",
        question="What is wrong with your colleague's model?",
        choices=[
            "empty cells weigh too little to be noticed",
            "common pairs weigh without limit",
            once,
            "counts were not weighed by distance",
        ],
        look=Picture(
            figure,
            alt="Histograms of the count expected for pairs that never met. Yours lies around a few thousandths. Your "
            "colleague's is a narrow peak at one whole meeting.",
        ),
        measured=once,
        explain="The peak stands at a count of 1, whose logarithm is 0. Most pairs that did meet have less than that, since a "
        "meeting four words apart counts a quarter.",
    )


def guess_method(figure: Figure, *, scores: Mapping[str, float]) -> Prediction:
    """Section 8: which method is best with a tenth of the text; judged by the mean over seeds."""
    return Prediction(
        "04.method",
        question="With a tenth of the text (43,000 words), which method agrees best with people?",
        choices=list(scores),
        look=Picture(
            figure,
            alt="Spearman on WordSim-353 against amount of text: a tenth, a third and all of it. One line a method, with "
            "bands over seeds. GloVe lies lowest throughout.",
        ),
        measured=max(scores, key=lambda name: scores[name]),
        explain="The measured answer is the highest mean over five draws of text. Look at the bands before you believe a "
        "small lead.",
    )


# -- recall ------------------------------------------------------------------------------------------

weight = Exercise(
    "04.weight",
    title="How much a pair counts",
    minutes=2,
    kind="recall",
    prompt="Two words have a count of 2.5. GloVe runs with x_max = 10 and alpha = 0.75. How much does the squared error of this "
    "cell weigh, to two places?",
    reference=0.25**0.75,
    tolerance=0.006,
    checks=[
        Mistake("that is 2.5 / 10; the power alpha is missing", matches=lambda a: abs(a - 0.25) < 0.006),
        Mistake(
            "that is 2.5 to the power 0.75; divide by x_max first", matches=lambda a: abs(a - 1.988) < 0.02
        ),
        Mistake("the weight is 1 only from x_max on; 2.5 is below it", matches=lambda a: a == 1),
        Mistake(
            "that is the logarithm of the count, which is what the cell should be fitted to, not its weight",
            matches=lambda a: abs(a - np.log(2.5)) < 0.01,
        ),
        Mistake("that is 10 / 2.5 to the power 0.75: upside down", matches=lambda a: abs(a - 2.83) < 0.02),
    ],
    hints=[
        "A share of x_max, to a power.",
        "(2.5 / 10) ** 0.75",
    ],
    explain="(2.5 / 10)^0.75 = 0.35. The power below 1 keeps rare pairs from being drowned: ten times rarer, but not ten times "
    "lighter.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_ngrams(word, shortest, longest):  # type: ignore[no-untyped-def]
    """All pieces of <word> with `shortest` to `longest` letters, short ones first."""
    marked = f"<{word}>"
    return [
        marked[start : start + length]
        for length in range(shortest, longest + 1)
        for start in range(len(marked) - length + 1)
    ]


def _pieces(marked, lengths):  # type: ignore[no-untyped-def]
    return [marked[i : i + n] for n in lengths for i in range(len(marked) - n + 1)]


def _no_marks(word, shortest, longest):  # type: ignore[no-untyped-def]
    return _pieces(word, range(shortest, longest + 1))


def _without_longest(word, shortest, longest):  # type: ignore[no-untyped-def]
    return _pieces(f"<{word}>", range(shortest, longest))


def _without_last(word, shortest, longest):  # type: ignore[no-untyped-def]
    marked = f"<{word}>"
    return [marked[i : i + n] for n in range(shortest, longest + 1) for i in range(max(0, len(marked) - n))]


def _by_start(word, shortest, longest):  # type: ignore[no-untyped-def]
    marked = f"<{word}>"
    return [
        marked[i : i + n]
        for i in range(len(marked))
        for n in range(shortest, longest + 1)
        if i + n <= len(marked)
    ]


def _too_short(function) -> bool:  # type: ignore[no-untyped-def]
    return any(len(piece) < 3 for piece in function("her", 3, 6))


ngrams = Exercise(
    "04.ngrams",
    title="Cut a word into pieces",
    minutes=10,
    kind="code",
    prompt="Write `my_ngrams(word, shortest, longest)`: a list of all runs of `shortest` to `longest` letters of the word between "
    "its marks, `<word>`, short ones first and from left to right. A run that occurs twice stands twice.",
    reference=reference_ngrams,
    inputs=[("where", 3, 6), ("her", 3, 6), ("banana", 3, 4), ("a", 3, 3), ("ocean", 4, 4)],
    checks=[
        Mistake(
            "some pieces have fewer letters than `shortest`: slices that run over the end come out short",
            matches=_too_short,
        ),
        Mistake(
            "the marks < and > are missing: `her` inside `where` must differ from the word `her`",
            like=_no_marks,
        ),
        Mistake(
            "`range` ends before its last number, so the longest pieces are missing", like=_without_longest
        ),
        Mistake(
            "the last piece of each length is missing: a start is possible at len − n, too",
            like=_without_last,
        ),
        Mistake("right pieces, other order: all short ones come first", like=_by_start),
        Mistake(
            "every piece stands once; a run that occurs twice in the word should stand twice",
            like=lambda *one: list(dict.fromkeys(reference_ngrams(*one))),
        ),
    ],
    hints=[
        "Put the marks around the word first; from then on it is an ordinary text.",
        "For a text of m letters and pieces of n, the starts run from 0 to m − n.",
        "Two loops: lengths outside, starts inside, `marked[start : start + length]`.",
    ],
    explain="A word of m letters has m + 2 − n + 1 runs of n letters. The marks make beginnings and ends visible: `ing>` is a "
    "suffix, `ing` is not.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_best_vector(contexts, targets, weights):  # type: ignore[no-untyped-def]
    """Weighted least squares: the gradient, Σ f (w · c − t) c, is 0 where (Cᵀ F C) w = Cᵀ F t."""
    weighted = contexts * weights[:, None]
    return np.linalg.solve(weighted.T @ contexts, weighted.T @ targets)


def _some_row(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return generator.normal(size=(9, 3)), generator.normal(size=9), generator.uniform(0.1, 1, size=9)


def _unweighted(contexts, targets, weights):  # type: ignore[no-untyped-def]
    return np.linalg.lstsq(contexts, targets, rcond=None)[0]


def _weights_squared(contexts, targets, weights):  # type: ignore[no-untyped-def]
    return np.linalg.lstsq(contexts * weights[:, None], targets * weights, rcond=None)[0]


def _targets_only(contexts, targets, weights):  # type: ignore[no-untyped-def]
    return np.linalg.lstsq(contexts, targets * weights, rcond=None)[0]


def _contexts_only(contexts, targets, weights):  # type: ignore[no-untyped-def]
    return np.linalg.solve((contexts * weights[:, None]).T @ contexts, contexts.T @ targets)


def _no_inverse(contexts, targets, weights):  # type: ignore[no-untyped-def]
    return contexts.T @ (weights * targets)


best_vector = Exercise(
    "04.best_vector",
    title="The best vector, in one step",
    minutes=30,
    kind="think",
    prompt="Hold all context vectors fixed, and look at one word. Its `targets` t (n numbers, biases already taken off), their "
    "`weights` f and the `contexts` C (n rows of D numbers) are given. Write `my_best_vector(contexts, targets, weights)`: the "
    "vector w of D numbers that makes the sum of f · (w · c − t)² least. No loop, no learning rate.",
    reference=reference_best_vector,
    inputs=[
        (
            np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
            np.array([1.0, 2.0, 0.0]),
            np.array([1.0, 0.5, 0.25]),
        )
    ],
    sample=_some_row,
    checks=[
        Mistake("the weights play no part: that is plain least squares", like=_unweighted),
        Mistake(
            "rows and targets were both multiplied by f, so the squared error carries f²; multiply both by √f",
            like=_weights_squared,
        ),
        Mistake("only the targets are weighed; the row of contexts must be, too", like=_targets_only),
        Mistake("only the contexts are weighed; the targets must be, too", like=_contexts_only),
        Mistake(
            "that is a step along the gradient from 0; the minimum also needs the inverse of Cᵀ F C",
            like=_no_inverse,
        ),
    ],
    hints=[
        "Write the gradient with respect to w and set it to 0.",
        "Σ f (w · c − t) c = 0 is a system of D linear equations: (Cᵀ F C) w = Cᵀ F t.",
        "`np.linalg.solve((C * f[:, None]).T @ C, (C * f[:, None]).T @ t)`, or `lstsq` with both sides multiplied by √f.",
    ],
    explain="GloVe's loss is a square, so with one side fixed each word is a small linear problem. Taking turns (alternating least "
    "squares) trains without a learning rate. With fewer than D cells in a row the system has no single solution.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "04.glove_or_word2vec",
            question="GloVe or word2vec: what is the difference, and which would you take?",
            answer="Both factor a table of co-occurrence into word and context vectors. GloVe fits the logarithm of every count by "
            "weighted least squares, over counted cells only. Skip-gram with negative sampling tells true pairs from random ones, so pairs "
            "that never occur pull their vectors apart; implicitly it fits a shifted PMI. That is the difference that matters on "
            "little text: there nearly all cells are empty, and GloVe never looks at them. On our half million words it had more unknowns than equations, "
            "predicted hidden counts worse than biases alone, and came last at every amount of text. Showing it the "
            "empty cells with a small weight, and fixing the biases, closed most of the gap. On billions of words the difference is small, and I would "
            "decide by speed and by what is already trained.",
            usual_wrong_answer="“GloVe is global, word2vec is local.” Both see the same windows; summed over the corpus, skip-gram's "
            "loss is a function of the same table of counts.",
            follow_up="How could you let GloVe see the empty cells without touching each of them? (The squares of a whole "
            "low-rank table sum up from two small Gram matrices.)",
            evidence="6. Cells that nobody looked at",
        ),
        InterviewQuestion(
            "04.typos",
            question="Why can fastText give a vector to a misspelt word, and when is that vector bad?",
            answer="Because a word's vector is the mean of its pieces' vectors, runs of three to six letters with marks for both ends. "
            "A typo breaks a few pieces and leaves the others, so the mean stays near the right word. The same goes for plurals and "
            "compounds of known words. It is bad when spelling and meaning part: for a name or a loan word without relatives the pieces "
            "belong to unrelated words, and for a short word hardly any piece survives a slip. I'd measure it: strike words from the text, "
            "guess their vectors from the spelling, and judge the guesses against people, with reversed spellings as a control.",
            usual_wrong_answer="“It corrects the spelling first.” Nothing is corrected or looked up; a vector is made of whatever "
            "pieces there are, also for a word that is nonsense.",
            follow_up="What does hashing the pieces cost? (Two unrelated pieces may share a vector; rare with enough buckets.)",
            evidence="9. Words never seen",
        ),
        InterviewQuestion(
            "04.how_much_text",
            question="You have 50,000 words of a special field and want word vectors. What do you do?",
            answer="First ask whether I must train at all: pretrained vectors, perhaps adapted, usually beat anything from so little text. If I "
            "must, I take counts with PPMI and SVD, or skip-gram, with subwords if the field has many forms of rare words, and I would not take GloVe as "
            "published. Then I measure instead of believing: the same draw of text for each method, several draws, the same pairs for judging, rare "
            "words apart, intervals. With so little text the bands overlap, so a lead of a few hundredths is no reason to prefer a method; being "
            "deterministic and done in a second is one.",
            usual_wrong_answer="“The newest method.” The order of methods depends on the amount of text, and here it is not the order of "
            "their years.",
            follow_up="How do you judge vectors in a field without rated pairs? (On the task itself; or strike words and predict their "
            "company.)",
            evidence="10. How much text",
        ),
    ]
)
