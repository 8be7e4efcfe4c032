"""Lesson 14: attention with a mask, the gradient behind a softmax, and a mask that lets the future in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor


def careless_mask(source: Tensor, *, target: int) -> Tensor:
    """The planted fault of section 8: a colleague's mask for texts of source and target.

    Parameters
    ----------
    source : int Tensor of shape (B, S)
        Padded with 0.
    target : int
        Places after the source, T.

    Returns
    -------
    bool Tensor of shape (B, S + T, S + T)
    """
    size = source.shape[1]
    causal = torch.ones(size + target, size + target, dtype=torch.bool).tril(1)  # one place too far
    causal[:size, :size] = True
    real = torch.cat([source.ne(0), source.new_ones(len(source), target).bool()], dim=1)
    return causal & real[:, None]


# -- predict, then look --------------------------------------------------------------------------------


def guess_entropy(figure: Figure, *, without: float) -> Prediction:
    """Section 3: the entropy of the softmax at width 1,024 without the root; nats."""
    return Prediction(
        "14.entropy",
        question="Random queries and 32 random keys. Evenly spread, the weights have an entropy of ln 32 = 3.47 nats; on "
        "one key alone, 0. At width 1,024, without √d, the mean entropy is (in nats):",
        low=0,
        high=3.5,
        step=0.05,
        unit="nats",
        look=Picture(
            figure,
            alt="Entropy of the attention against width from 4 to 1,024, on a log axis. Divided by the root of the width it "
            "stays at about 3 nats; without, it falls from over 2 nats to nearly 0; divided by the width it rises to ln 32.",
        ),
        measured=round(without, 2),
        explain="Without the root the scores grow with the width, and the largest takes everything. Divided by the width "
        "they vanish, and every key gets the same. The root keeps their spread at 1, whatever the width.",
    )


def guess_order(figure: str, *, cosine: float) -> Prediction:
    """Section 6: two sentences of the same words, through layers that do not know places."""
    return Prediction(
        "14.order",
        question="Take MiniLM, leave out its vectors for places, and encode “the dog bites the man” and “the man bites "
        "the dog”. The cosine of the two sentence vectors is:",
        low=0,
        high=1,
        step=0.01,
        look=Picture(
            figure,
            alt="Bars: the cosine of the two sentences is 1 without vectors for places, and a little below 1 with them.",
        ),
        measured=round(cosine, 6),
        explain="Exactly 1. Six layers of attention do not see in which order the words stand: only the set of words "
        "counts.",
    )


def guess_fault(picture: Picture) -> Prediction:
    """Section 8: why the colleague's loss is so low."""
    future = "their model sees the word it is to predict"
    return Prediction(
        "14.fault",
        question="Why is your colleague's loss so low?",
        choices=[
            "a better learning rate",
            "padding is counted as words predicted right",
            future,
            "the scores are not divided by √d",
        ],
        look=picture,
        measured=future,
        explain="The score for a word depends on the word itself: the mask is one place too wide. Padding counted as words "
        "would not show in this table, nor would a missing √d: they change how much is taken, not from whom.",
    )


# -- recall ------------------------------------------------------------------------------------------

divisor = Exercise(
    "14.divisor",
    title="Divided by what?",
    minutes=2,
    kind="recall",
    prompt="A layer of width 512 has 8 heads. By which number are its scores divided before the softmax?",
    reference=8,
    checks=[
        Mistake(
            "that is the root of the whole width; a score is a sum over one head's numbers", like=512**0.5
        ),
        Mistake("that is the width of a head; the scores' spread grows with its root", like=64),
        Mistake("that is the whole width; take one head's, and its root", like=512),
        Mistake("that is the root of the number of heads; heads don't add up their scores", like=8**0.5),
    ],
    hints=["How many products are added up in one head's q · k?", "√(512 / 8)."],
    explain="Each head has 512 / 8 = 64 numbers, so q · k is a sum of 64 products, and √64 = 8. That there are 8 heads, too, is "
    "an accident of these numbers.",
)


# -- code --------------------------------------------------------------------------------------------


def _softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Shares along an axis; 0 where the score is -infinity."""
    most = scores.max(axis=axis, keepdims=True)
    exponentials = np.exp(scores - np.where(np.isfinite(most), most, 0))
    total = exponentials.sum(axis=axis, keepdims=True)
    return exponentials / np.where(total > 0, total, 1)


def reference_attention(queries, keys, values, mask):  # type: ignore[no-untyped-def]
    """Each query's average of the values, by scaled and masked scores."""
    scores = queries @ keys.T / np.sqrt(queries.shape[1])  # (T, S)
    scores = np.where(mask, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ values


def _attend(queries, keys, values, mask, *, root=True, after=False, axis=1, divide=None):  # type: ignore[no-untyped-def]
    """`reference_attention` with one thing done differently."""
    scores = queries @ keys.T / ((np.sqrt(queries.shape[1]) if root else 1) if divide is None else divide)
    if after:
        return (_softmax(scores) * mask) @ values
    return _softmax(np.where(mask, scores, -np.inf), axis=axis) @ values


def _some_attention(generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    T, S, D = (int(generator.integers(2, 6)) for _ in range(3))
    mask = generator.random((T, S)) < 0.6
    mask[np.arange(T), generator.integers(S, size=T)] = True  # each query may look somewhere
    return generator.normal(size=(T, D)), generator.normal(size=(S, D)), generator.normal(size=(S, 3)), mask


attention = Exercise(
    "14.attention",
    title="Attention, all of it",
    minutes=10,
    kind="code",
    prompt="Write `my_attention(queries, keys, values, mask)` in numpy: arrays of shape (T, D), (S, D), (S, E) and a "
    "boolean (T, S), True where the query may look. Return (T, E): for each query the values, averaged by the softmax of "
    "the scaled scores. A key that is masked gets exactly no weight, and the weights of each query still sum to 1.",
    reference=reference_attention,
    sample=_some_attention,
    checks=[
        Mistake(
            "the scores are not divided by √D",
            like=lambda q, k, v, m: _attend(q, k, v, m, root=False),
        ),
        Mistake(
            "the scores are divided by D and not by its root",
            like=lambda q, k, v, m: _attend(q, k, v, m, divide=q.shape[1]),
        ),
        Mistake(
            "the mask comes after the softmax, so the weights left no longer sum to 1; set the masked scores to "
            "−infinity before it",
            like=lambda q, k, v, m: _attend(q, k, v, m, after=True),
        ),
        Mistake(
            "the softmax runs over the queries; each query shares out its own 1 among the keys (axis 1)",
            like=lambda q, k, v, m: _attend(q, k, v, m, axis=0),
        ),
        Mistake(
            "the mask is turned round: True marks where a query may look (PyTorch's own layer has it the other way)",
            like=lambda q, k, v, m: _attend(q, k, v, ~m),
        ),
        Mistake(
            "the mask is not used",
            like=lambda q, k, v, m: _attend(q, k, v, np.ones_like(m)),
        ),
    ],
    hints=[
        "`scores = queries @ keys.T / np.sqrt(queries.shape[1])`, of shape (T, S).",
        "`np.where(mask, scores, -np.inf)`; exp(−infinity) is 0.",
        "Take the largest score of each row off before `np.exp`, divide by the row's sum, and multiply by `values`.",
    ],
    explain="Five lines, and every transformer is made of them.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_backward(weights, gradient):  # type: ignore[no-untyped-def]
    """The gradient at the scores, from that at the weights of their softmax."""
    mean = (weights * gradient).sum(axis=1, keepdims=True)  # (T, 1)
    return weights * (gradient - mean)


def _some_weights(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    T, S = (int(generator.integers(2, 6)) for _ in range(2))
    return _softmax(2 * generator.normal(size=(T, S))), generator.normal(size=(T, S))


backward = Exercise(
    "14.backward",
    title="What gets back through a softmax",
    minutes=30,
    kind="think",
    prompt="`weights`, of shape (T, S), are the softmax of some scores, row by row. `gradient`, of the same shape, is the "
    "derivative of the loss by each weight. Write `my_backward(weights, gradient)`: the derivative of the loss by each "
    "*score*, (T, S). Raising one score raises its own weight and lowers all others of its row. What comes out if one "
    "weight of a row is 1?",
    reference=reference_backward,
    inputs=[(np.array([[1.0, 0.0, 0.0]]), np.array([[0.3, -2.0, 5.0]]))],
    sample=_some_weights,
    checks=[
        Mistake(
            "that is only each score's effect on its own weight, w (1 − w); it moves the other weights of the row, too",
            like=lambda w, g: w * (1 - w) * g,
        ),
        Mistake(
            "the softmax's denominator is forgotten: raising one score takes from all others. Take the row's weighted "
            "mean of the gradient off first",
            like=lambda w, g: w * g,
        ),
        Mistake(
            "the mean that is taken off must be weighted by the weights",
            like=lambda w, g: w * (g - g.mean(axis=1, keepdims=True)),
        ),
        Mistake(
            "the sum runs over the queries; each row is a softmax of its own",
            like=lambda w, g: w * (g - (w * g).sum(axis=0, keepdims=True)),
        ),
        Mistake(
            "the last factor is missing: the derivative of a weight by a score is proportional to the weight",
            like=lambda w, g: g - (w * g).sum(axis=1, keepdims=True),
        ),
    ],
    hints=[
        "The derivative of weight i by score j is w_i (1 − w_i) for i = j, and −w_i w_j otherwise.",
        "Sum over i: w_j g_j − w_j Σ_i w_i g_i.",
        "`weights * (gradient - (weights * gradient).sum(axis=1, keepdims=True))`",
    ],
    explain="If one weight is 1, the mean is that key's own gradient and every other weight is 0: nothing gets back, to any key, "
    "however wrong the choice was.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "14.root",
            question="Why is the dot product divided by √d, and why not by d?",
            answer="Because of what the softmax does with large numbers. If the entries of query and key are independent with "
            "mean 0 and variance 1, their dot product is a sum of d terms: variance d, standard deviation √d. At width 1,024 "
            "the scores are spread by 32; the largest is far ahead, the softmax gives it nearly all, and a weight of 1 passes no "
            "gradient back. So the layer cannot correct a wrong choice. Dividing by √d brings the spread back to 1 at any "
            "width. Dividing by d would bring it to 1/√d: all keys alike, an average that looks at nothing. It is a matter of "
            "the start: a trained layer can make its scores as large as it likes.",
            usual_wrong_answer="“To avoid overflow.” The softmax takes off the largest score anyway; what is lost is not "
            "precision but entropy, and with it the gradient.",
            follow_up="Which d: the model's width or the head's? (The head's; each head's scores are sums over its own numbers.)",
            evidence="3. Why the square root",
        ),
        InterviewQuestion(
            "14.low-loss",
            question="Your decoder's validation loss is ten times lower than any you have seen, and its samples are poor. "
            "What do you do?",
            answer="I suspect that it sees the answer, and test exactly that: change one target word and look at which "
            "predictions move. In a causal model those before it must not move by a single bit, and neither may the prediction "
            "of that word. I did it in a lesson: a mask one place too wide let each place look at the very word it was to "
            "predict. Training and validation agreed with each other, since both leaked; only when it had to write by itself, "
            "with no future to look at, was the output useless. The test takes one batch and belongs in the test "
            "suite.",
            usual_wrong_answer="“It overfits; more dropout.” Overfitting shows as a gap between training and validation. Here "
            "there is none.",
            follow_up="Where else can the future get in? (Shifting targets by none or two, normalising over the whole sequence, "
            "padding on the wrong side, a batch statistic.)",
            evidence="8. Break it",
        ),
        InterviewQuestion(
            "14.heads",
            question="A layer has twelve heads. Does it need them all?",
            answer="Measure it, don't argue: set one head's output to zero, or to its mean, and look at the loss. In our small "
            "translator most heads of the upper layer cost something and those of the lower layer little. "
            "That one head costs little alone doesn't mean that all such heads can go: another may "
            "do the same job, so I also remove them together, and together they cost far more than the sum. The mean is the fairer "
            "replacement, since zero is a value that the next layer may never have seen. And a loss is an average: a head may "
            "matter only for rare constructions.",
            usual_wrong_answer="“Look at the attention maps.” They show where a head looks, not what the model does with it.",
            follow_up="Why not fewer but wider heads from the start? (Each head averages once per query; with one head a "
            "word cannot look at two places for two reasons.)",
            evidence="9. What is a head worth",
        ),
    ]
)
