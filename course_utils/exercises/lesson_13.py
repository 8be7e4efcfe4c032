"""Lesson 13: a weighted look back by hand, additive attention for all words at once, shuffled weights, open padding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from course_utils.models.seq2seq import END
from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from course_utils.models.seq2seq import DecoderState, Seq2Seq


def careless_start(model: Seq2Seq, source: Tensor) -> DecoderState:
    """The planted fault of section 9: how a colleague starts decoding of source ids (B, S)."""
    state = model.start(source)
    return replace(state, mask=source.ne(END))  # padding may be looked at


# -- predict, then look --------------------------------------------------------------------------------


def guess_length(picture: Picture, *, without: float, longest: float, bucket: str) -> Prediction:
    """Section 4: exact match of the longest test sentences with attention; shares from 0 to 1."""
    return Prediction(
        "13.length",
        question=f"Without attention, {without:.0%} of the test sentences of {bucket} words come out right to the last "
        "word. With attention:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=picture,
        measured=round(100 * longest, 1),
        explain="Nothing has to survive in one vector any more, so length costs almost nothing: each word needs to be "
        "looked up once, in a short sentence as in a long one.",
    )


def guess_diagonal(figure: Figure, *, rate: float) -> Prediction:
    """Section 5: alignment error rate of the rule that looks at no word."""
    return Prediction(
        "13.diagonal",
        question="A rule that has learned nothing links the target word at 40 % of its sentence with the source word "
        "at 40 % of its own, and so on. Its alignment error rate (0 is perfect, 1 is all wrong):",
        low=0,
        high=1,
        step=0.01,
        look=Picture(
            figure,
            alt="Bars of the alignment error rate: a random link and an untrained model are worst, the diagonal rule is "
            "in between, the trained model's attention is best, near the least that one link a word can reach.",
        ),
        measured=round(rate, 2),
        explain="English and French go mostly in the same order. Two links in three are right without any attention, so "
        "any score of attention needs this control beside it.",
    )


def guess_cause(figure: Figure, *, share: float) -> Prediction:
    """Section 6: how often the article is right with all attention on “the”; share from 0 to 1."""
    return Prediction(
        "13.cause",
        question="French must choose between le and la, and only the noun can say which. Now all attention is forced onto "
        "the English “the”, and none is left for the noun. The share of nouns that still get the right article:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=Picture(
            figure,
            alt="Left: mean attention on “the”, on the noun and on the rest when the article is written. Right: share of "
            "nouns with the right article, with the model's own weights and with all weight on one of the two places.",
        ),
        measured=round(100 * share, 1),
        explain="The encoder reads in both directions, so the vector at “the” can know its noun, and so can the decoder's first state. Attention says "
        "which vector was read. It does not say which words made that vector what it is.",
    )


def guess_fault(picture: Picture) -> Prediction:
    """Section 9: why a sentence's translation depends on its batch."""
    padding = "attention looks at padding"
    return Prediction(
        "13.fault",
        question="Why do your colleague's translations depend on which sentences share the batch?",
        choices=[
            "dropout is still on",
            "the batch is sorted wrongly",
            "the encoder reads the padding",
            padding,
        ],
        look=picture,
        measured=padding,
        explain="The sums of attention over the real words fall below 1, and the more so the more padding the batch "
        "adds. What is missing rests on places where no word stands.",
    )


# -- recall ------------------------------------------------------------------------------------------

look_back = Exercise(
    "13.look_back",
    title="One look back, by hand",
    minutes=2,
    kind="recall",
    prompt="A source of three words, padded to four places. The scores are ln 6, ln 3, ln 1 and, at the padding, 0. The "
    "vectors to be mixed have one number each: 10, 20, 50 and, at the padding, 0. What is the context?",
    reference=17.0,
    tolerance=2e-2,
    checks=[
        Mistake(
            "the padding has taken part: mask it before the softmax, then three weights sum to 1",
            like=170 / 11,
        ),
        Mistake("that is the value with the greatest score; attention mixes all of them", like=10.0),
        Mistake("that is the plain mean; weight the values by the softmax of the scores", like=80 / 3),
        Mistake("the weights are not divided by their sum, so they do not sum to 1", like=170.0),
        Mistake(
            "the scores themselves are used as weights; take exp first",
            like=(10 * np.log(6) + 20 * np.log(3)) / np.log(18),
        ),
    ],
    hints=[
        "exp turns the scores into 6, 3 and 1; the padding gets nothing.",
        "(6 · 10 + 3 · 20 + 1 · 50) / 10.",
    ],
    explain="Weights 0.6, 0.3, 0.1 and 0: 6 + 6 + 5 = 17. Had the padding taken part with its harmless-looking score of 0, "
    "it would have got as much as the third word.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_weights(queries, keys, allowed, vector):  # type: ignore[no-untyped-def]
    """Additive attention of T queries over S keys, all at once: weights (T, S)."""
    scores = np.tanh(queries[:, None, :] + keys[None, :, :]) @ vector  # (T, S, A) @ (A,) → (T, S)
    scores = np.where(allowed, scores, -np.inf)
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _weights_like(  # type: ignore[no-untyped-def]
    queries, keys, allowed, vector, *, axis=1, tanh=True, apart=False, mask="before", softmax=True
):
    """`reference_weights` with one thing done differently."""
    if apart:
        summed = np.tanh(queries)[:, None, :] + np.tanh(keys)[None, :, :]
    else:
        summed = queries[:, None, :] + keys[None, :, :]
        summed = np.tanh(summed) if tanh else summed
    scores = summed @ vector
    if mask == "before":
        scores = np.where(allowed, scores, -1e9)
    elif mask == "zero":
        scores = np.where(allowed, scores, 0.0)
    if not softmax:
        return np.where(allowed, scores, -np.inf)
    raised = np.exp(scores - scores.max(axis=axis, keepdims=True))
    weights = raised / raised.sum(axis=axis, keepdims=True)
    return weights * allowed if mask == "after" or axis == 0 else weights


def _draw_attention(generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    places, words, width = generator.integers(2, 6), generator.integers(2, 6), 3
    queries, keys = generator.normal(size=(words, width)), generator.normal(size=(places, width))
    allowed = np.arange(places) < generator.integers(1, places + 1)
    return queries, keys, allowed, 2 * generator.normal(size=width)


_TWO_QUERIES = np.array([[0.5, -1.0], [2.0, 0.0]])
_THREE_KEYS = np.array([[1.0, 0.0], [-1.0, 0.5], [0.0, 2.0]])

all_at_once = Exercise(
    "13.all_at_once",
    title="Additive attention without a loop",
    minutes=10,
    kind="code",
    prompt="Write `my_weights(queries, keys, allowed, vector)` with numpy and without a loop. `queries` (T, A) are the "
    "decoder's states after W, `keys` (S, A) the encoder's outputs after U, `vector` (A,) is v, and `allowed` (S,) is True "
    "where a word stands and False at padding. Return the weights (T, S): row t is the softmax over the source places "
    "of v · tanh(query + key), and padding gets exactly 0.",
    reference=reference_weights,
    inputs=[
        (_TWO_QUERIES, _THREE_KEYS, np.array([True, True, False]), np.array([1.0, -2.0])),
        (_TWO_QUERIES, _THREE_KEYS, np.array([True, True, True]), np.array([0.5, 1.5])),
    ],
    sample=_draw_attention,
    checks=[
        Mistake(
            "the softmax runs over the target words (axis 0); each *row* sums to 1, over the source places",
            like=lambda q, k, a, v: _weights_like(q, k, a, v, axis=0),
        ),
        Mistake(
            "the mask comes after the softmax, so the rows sum to less than 1: padding took its share first. Set its "
            "scores to −inf before",
            like=lambda q, k, a, v: _weights_like(q, k, a, v, mask="after"),
        ),
        Mistake(
            "the score of padding is set to 0, and exp(0) is 1; set it to −inf",
            like=lambda q, k, a, v: _weights_like(q, k, a, v, mask="zero"),
        ),
        Mistake(
            "`allowed` is not used: padding gets weight",
            like=lambda q, k, a, v: _weights_like(q, k, a, v, mask="none"),
        ),
        Mistake(
            "the tanh is missing. Then query and key only add up, the query's part is the same for all places, and every "
            "row comes out alike",
            like=lambda q, k, a, v: _weights_like(q, k, a, v, tanh=False),
        ),
        Mistake(
            "tanh is taken of query and key apart; add first, then tanh",
            like=lambda q, k, a, v: _weights_like(q, k, a, v, apart=True),
        ),
        Mistake(
            "these are the scores; take their softmax",
            like=lambda q, k, a, v: _weights_like(q, k, a, v, softmax=False),
        ),
    ],
    hints=[
        "`queries[:, None, :] + keys[None, :, :]` has shape (T, S, A).",
        "`np.tanh(…) @ vector` has shape (T, S); `np.where(allowed, scores, -np.inf)` masks whole columns.",
        "Subtract each row's maximum, take `np.exp`, divide by the row's sum (`axis=1, keepdims=True`).",
    ],
    explain="No query waits for another: that is why training need not loop over the target words. And without the tanh "
    "attention could not depend on the query at all: v · (q + k) = v · q + v · k, and the first part cancels in the softmax.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_shuffled(weights, votes, orders):  # type: ignore[no-untyped-def]
    """Median total variation distance between the next word's probabilities before and after shuffling weights."""

    def softmax(scores):  # type: ignore[no-untyped-def]
        raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return raised / raised.sum(axis=-1, keepdims=True)

    before = softmax(weights @ votes)  # (V,)
    after = softmax(weights[orders] @ votes)  # (R, S) @ (S, V) → (R, V)
    return float(np.median(0.5 * np.abs(after - before).sum(axis=1)))


def _shuffled_like(  # type: ignore[no-untyped-def]
    weights, votes, orders, *, half=0.5, middle=np.median, softmax=True, both=False, tops=False
):
    """`reference_shuffled` with one thing done differently."""

    def next_word(scores):  # type: ignore[no-untyped-def]
        raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return raised / raised.sum(axis=-1, keepdims=True) if softmax else scores

    before = next_word(weights @ votes)
    after = np.stack([next_word(weights[order] @ (votes[order] if both else votes)) for order in orders])
    if tops:
        return float(np.mean(after.argmax(axis=1) != before.argmax()))
    return float(middle(half * np.abs(after - before).sum(axis=1)))


def _draw_shuffles(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = int(generator.integers(3, 7))
    orders = np.stack([generator.permutation(places) for _ in range(9)])
    return generator.dirichlet(np.full(places, 0.4)), 3 * generator.normal(size=(places, 4)), orders


shuffled = Exercise(
    "13.shuffled",
    title="Would other weights have said the same?",
    minutes=30,
    kind="think",
    prompt="`weights` (S,) is the attention when one word is predicted. Place s votes for each possible next word with "
    "the scores `votes[s]` (V,); the next word's probabilities are the softmax of the weighted sum of votes. If attention "
    "explains the word, other weights must give other probabilities. Each row of `orders` (R, S) is an order of the "
    "places: give place s the weight that place `order[s]` had, leave the votes where they are. Write "
    "`my_shuffled(weights, votes, orders)`: the *median*, over the R orders, of the total variation distance between "
    "the probabilities before and after. (Half the sum of absolute differences: 0 for the same, 1 for nothing in common.)",
    reference=reference_shuffled,
    inputs=[
        (
            np.array([0.8, 0.2, 0.0]),
            np.array([[2.0, 0.0], [0.0, 2.0], [0.0, 0.0]]),
            np.array([[1, 0, 2], [2, 1, 0], [0, 2, 1]]),
        ),
    ],
    sample=_draw_shuffles,
    checks=[
        Mistake(
            "the sum is not halved: two distributions with nothing in common are at distance 1, yours says 2",
            like=lambda w, v, o: _shuffled_like(w, v, o, half=1.0),
        ),
        Mistake(
            "that is the mean; one order that happens to leave the weights alone pulls it, the median less",
            like=lambda w, v, o: _shuffled_like(w, v, o, middle=np.mean),
        ),
        Mistake(
            "weights and votes are shuffled together, so nothing changes; move the weights only",
            like=lambda w, v, o: _shuffled_like(w, v, o, both=True),
        ),
        Mistake(
            "these are distances between scores; take the softmax over the words first",
            like=lambda w, v, o: _shuffled_like(w, v, o, softmax=False),
        ),
        Mistake(
            "that is how often the likeliest word changes; asked is how far the probabilities move",
            like=lambda w, v, o: _shuffled_like(w, v, o, tops=True),
        ),
    ],
    hints=[
        "`weights[orders]` has shape (R, S), and `weights[orders] @ votes` (R, V).",
        "Softmax over the last axis, before and after.",
        "`np.median(0.5 * np.abs(after - before).sum(axis=1))`",
    ],
    explain="This is the test of Jain and Wallace (2019, section 4.2.1). A small distance says that the weights did not "
    "matter. A large one says that they did, not that they tell the whole story: what stands at a place was put there by "
    "other words, too.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "13.why",
            question="What did attention change for the encoder–decoder, and how would you show it?",
            answer="Without attention the decoder gets one vector of fixed size, for three words or for thirty. With it "
            "the decoder keeps all of the encoder's vectors and mixes them anew for each word that it writes: a score "
            "against its state, a softmax, a weighted mean. The way from a source word to its translation no longer leads "
            "through all the words between. I would show it by length: exact match in buckets of source length, ideally with "
            "data, width and training words matched, which the lesson's picture does not quite do. Without attention the curve falls to zero, with it the curve "
            "stays flat. An average over all sentences would hide exactly that.",
            usual_wrong_answer="“It made the model larger” or “it lets the model focus on important words.” The first is "
            "not the point, since widening the vector only moves the fall; the second cannot be checked.",
            follow_up="What does it cost? (T · S scores for each sentence instead of none, and the encoder's outputs must "
            "be kept; for sentences that is little, for books it is everything.)",
            evidence="4. The line stays flat",
        ),
        InterviewQuestion(
            "13.explanation",
            question="Your model's attention map lights up the right word. Is that an explanation of its output?",
            answer="It is evidence about one thing: which of the encoder's vectors was read. I'd check two others. Is it "
            "causal? I move the weights by hand, or shuffle them, and look whether the next word changes: it does, for small words as "
            "for others. Is it complete? I put all weight on “the”, none on its noun, and "
            "the article still agrees with the noun, la or le: the encoder had read the noun before, and "
            "its states carry the gender. And a map needs a score and controls: the diagonal, an untrained model.",
            usual_wrong_answer="A plain “yes, look at the map”, or a plain “no, attention is not explanation”. Both skip "
            "the intervention.",
            follow_up="How would you score a map at all? (Gold alignments: precision, recall, alignment error rate, against "
            "what the diagonal reaches.)",
            evidence="6. Is attention an explanation?",
        ),
        InterviewQuestion(
            "13.padding",
            question="The same sentence gets different translations, depending on which sentences share its batch. What "
            "do you check?",
            answer="First that the model is in evaluation mode. Then padding, since it is the only thing that a sentence "
            "gets from its batch. I translate one sentence alone and again beside a long one and compare the numbers: they "
            "should agree to rounding. If not, I sum the attention over real places; each row must give 1, and what is missing "
            "rests on padding. The mask has to go in before the softmax, as minus infinity. Then I look at the encoder's "
            "backward direction, which must not start in the padding either. The check is a test that I'd keep: more padding "
            "must change nothing.",
            usual_wrong_answer="“Set the padding's embedding to zero.” A zero vector still gets a score, and exp of it a "
            "share of the weights.",
            follow_up="Why did nobody notice in training? (Batches of similar length have little padding, and the loss "
            "hardly moves.)",
            evidence="9. Break it",
        ),
    ]
)
