"""Lesson 02: perplexity, continuation probabilities, and a mixture that is chosen honestly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Arrays = Sequence[Any]


def careless_perplexity(log_probabilities: Arrays, documents: Arrays, *, unknown: int) -> float:
    """The planted fault of section 11: arrays of log-probabilities and of ids, one pair an article."""
    nats, words = 0.0, 0
    for logs, ids in zip(log_probabilities, documents, strict=True):
        nats -= float(np.sum(logs[ids != unknown]))  # leaves the unknown words out …
        words += len(ids)  # … and counts them as predicted all the same
    return float(np.exp(nats / words))


# -- predict, then look --------------------------------------------------------------------------------


def guess_never_seen(drawing: str, *, measured: float) -> Prediction:
    """Section 3: share of three-word sequences of the test articles that training never showed."""
    return Prediction(
        "02.never_seen",
        question="Of the sequences of three words in the test articles, so many were never seen in training:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=Picture(
            drawing,
            alt="Bars of the share of test sequences never seen in training: no single word, a quarter of the pairs, "
            "two thirds of the triples, nine tenths of the quadruples.",
        ),
        measured=round(100 * float(measured)),
        explain="A third of a million words of training text, and still most triples come for the first time. (No single "
        "word is new, because all that are have become the one word unknown.) A model that goes by counts alone has nothing "
        "to say there.",
    )


def guess_mixture(figure: Figure, *, ratio: float) -> Prediction:
    """Section 7: the decisive picture; `ratio` is the mixture's perplexity over the better model's."""
    choices = ["between the two", "as good as the better one", "clearly below both"]
    measured = choices[2] if ratio < 0.97 else choices[1] if ratio < 1.005 else choices[0]
    return Prediction(
        "02.mixture",
        question="Average the probabilities of the trigram model and the network. The perplexity of the mixture lies …",
        choices=choices,
        look=Picture(
            figure,
            alt="Perplexity of unigrams, bigrams, trigram, network and mixture, one thin line for each test article. "
            "Most lines fall from each model to the next. The mixture's perplexity is the lowest, though one or two lines at "
            "the bottom rise a little towards it.",
        ),
        measured=measured,
        explain="An average of two models can beat both when they err on different words. Where one of them holds the "
        "word nearly impossible, the other's opinion saves most of the loss: half a good probability costs one bit, "
        "while a bad one may cost ten.",
    )


def guess_share(figure: Figure, *, measured: float) -> Prediction:
    """Section 9: share of the training time that goes into the output layer at the lesson's vocabulary."""
    return Prediction(
        "02.share",
        question="Share of a training step that goes into scoring all words and the softmax over them:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=Picture(
            figure,
            alt="Microseconds per word against the size of the vocabulary: a step without the output layer stays nearly "
            "flat, a whole step grows with the vocabulary and is far above it from a few thousand words on.",
        ),
        measured=round(100 * float(measured)),
        explain="One word is right, and all the others must be computed to know how wrong they were. That is the price of "
        "a normalised probability, paid at every word of the text.",
    )


def guess_fault(drawing: str) -> Prediction:
    """Section 11: what is wrong with `careless_perplexity`; `drawing` shows costs by kind of word."""
    free = "unknown words are counted as predicted, but cost nothing"
    return Prediction(
        "02.fault",
        question="What is wrong with your colleague's perplexity?",
        choices=[
            "the test articles were part of the training text",
            "the context contains the word to be predicted",
            free,
            "bits were taken for nats",
        ],
        look=Picture(
            drawing,
            alt="Mean nats per word for frequent, middling, rare and unknown words, as computed by you and by your "
            "colleague: equal for all known words, and zero for your colleague's unknown ones.",
        ),
        measured=free,
        explain="A model that had seen the test text, or could see its target, would be better at every kind of word. Here "
        "only one kind got cheaper, and it got cheaper by all it cost.",
    )


# -- recall ------------------------------------------------------------------------------------------

three_words = Exercise(
    "02.three_words",
    title="Three words",
    minutes=2,
    kind="recall",
    prompt="A model gave the three words of a text the probabilities 1/2, 1/4 and 1/8. What is its perplexity?",
    reference=4.0,
    tolerance=0.006,
    checks=[
        Mistake(
            "that is 1 over the probability of the whole text; perplexity is per word, so take the third root",
            matches=lambda answer: abs(answer - 64) < 0.5,
        ),
        Mistake(
            "that is the mean of 2, 4 and 8; perplexity multiplies probabilities, so its mean is the geometric one",
            matches=lambda answer: abs(answer - 14 / 3) < 0.04,
        ),
        Mistake(
            "that is 1 over the mean probability; average the logarithms, not the probabilities",
            matches=lambda answer: abs(answer - 24 / 7) < 0.04,
        ),
        Mistake(
            "that is the mean cost in bits; perplexity is 2 to that power",
            matches=lambda answer: abs(answer - 2) < 0.006,
        ),
        Mistake(
            "that is the mean cost in nats; perplexity is e to that power",
            matches=lambda answer: abs(answer - 1.386) < 0.01,
        ),
        Mistake(
            "that is the geometric mean of the probabilities; perplexity is 1 over it",
            matches=lambda answer: abs(answer - 0.25) < 0.006,
        ),
    ],
    hints=[
        "In bits the three words cost 1, 2 and 3. What do they cost on average?",
        "2 to the power of the mean number of bits.",
    ],
    explain="The mean cost is 2 bits, and 2² = 4: on average as unsure as with four equally likely words.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_continuation(pairs, size):  # type: ignore[no-untyped-def]
    """Different words before each word, as a share of all different pairs."""
    different = np.unique(np.asarray(pairs), axis=0)
    before = np.bincount(different[:, 1], minlength=size)
    return before / len(different)


def _occurrences(pairs, size):  # type: ignore[no-untyped-def]
    return np.bincount(np.asarray(pairs)[:, 1], minlength=size) / len(pairs)


def _followers(pairs, size):  # type: ignore[no-untyped-def]
    different = np.unique(np.asarray(pairs), axis=0)
    return np.bincount(different[:, 0], minlength=size) / len(different)


def _per_token(pairs, size):  # type: ignore[no-untyped-def]
    different = np.unique(np.asarray(pairs), axis=0)
    return np.bincount(different[:, 1], minlength=size) / len(pairs)


def _not_normalised(pairs, size):  # type: ignore[no-untyped-def]
    return np.bincount(np.unique(np.asarray(pairs), axis=0)[:, 1], minlength=size)


def _too_short(function):  # type: ignore[no-untyped-def]
    return len(function(np.array([[0, 1], [1, 0], [0, 1]]), 5)) < 5


def _some_pairs(generator: np.random.Generator) -> tuple[np.ndarray, int]:
    return generator.integers(0, 5, size=(30, 2)) * generator.integers(0, 2, size=(30, 2)), 6


continuation = Exercise(
    "02.continuation",
    title="How many words can come before it?",
    minutes=10,
    kind="code",
    prompt="Kneser-Ney's unigrams don't ask how often a word occurs, but after how many different words it was seen. "
    "`pairs` is an array of shape (N, 2): all pairs (word, next word) of a text, in order. Write "
    "`my_continuation(pairs, size)`: for each of the words 0 to size - 1 the number of different words seen before it, "
    "divided by the number of different pairs.",
    reference=reference_continuation,
    inputs=[(np.array([[0, 1], [0, 1], [0, 1], [2, 3], [1, 3], [3, 2], [3, 0]]), 5)],
    sample=_some_pairs,
    checks=[
        Mistake(
            "the answer is shorter than `size`; a word that follows nothing has probability 0, not none",
            matches=_too_short,
        ),
        Mistake(
            "that is how often each word occurs as the next word: pairs seen twice must count once",
            like=_occurrences,
        ),
        Mistake(
            "that counts the different words after each word; asked for are those before it (column 0, for each "
            "value of column 1)",
            like=_followers,
        ),
        Mistake(
            "the values do not sum to 1: divide by the number of different pairs, not by all pairs",
            like=_per_token,
        ),
        Mistake(
            "these are the numbers themselves; divide by how many different pairs there are",
            like=_not_normalised,
        ),
    ],
    hints=[
        "First throw away repeated pairs: `np.unique(pairs, axis=0)`.",
        "Then count how often each word stands in column 1: `np.bincount(…, minlength=size)`.",
    ],
    explain="“Francisco” may be frequent, but nearly always follows “San”. After any other word it is a poor guess, and "
    "this count knows it.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_honest_mixture(val_a, val_b, test_a, test_b):  # type: ignore[no-untyped-def]
    """The weight from the validation words, the perplexity from the test words."""
    weights = np.linspace(0.01, 0.99, 99)[:, None]
    on_validation = np.log(weights * np.exp(val_a) + (1 - weights) * np.exp(val_b)).mean(axis=1)
    best = weights[on_validation.argmax()]
    return float(np.exp(-np.log(best * np.exp(test_a) + (1 - best) * np.exp(test_b)).mean()))


def _best(a, b):  # type: ignore[no-untyped-def]
    return min(np.linspace(0.01, 0.99, 99), key=lambda weight: _mixed(weight, a, b))


def _mixed(weight, a, b):  # type: ignore[no-untyped-def]
    return float(np.exp(-np.log(weight * np.exp(a) + (1 - weight) * np.exp(b)).mean()))


def _mixes_logs(val_a, val_b, test_a, test_b):  # type: ignore[no-untyped-def]
    best = 0.99 if np.mean(val_a) > np.mean(val_b) else 0.01  # a mean of logs is best at one end
    return float(np.exp(-(best * test_a + (1 - best) * test_b).mean()))


def _mixes_perplexities(val_a, val_b, test_a, test_b):  # type: ignore[no-untyped-def]
    best = _best(val_a, val_b)
    return float(best * np.exp(-np.mean(test_a)) + (1 - best) * np.exp(-np.mean(test_b)))


def _two_models(generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Two models that err on different words, and a test text on which the better one is another."""
    hard = generator.uniform(-8, -0.5, size=(4, 40))
    hard[generator.integers(4)] -= 0.7
    return tuple(hard)


honest_mixture = Exercise(
    "02.honest_mixture",
    title="An honest mixture",
    minutes=30,
    kind="think",
    prompt="Two models a and b gave every word of some validation and test articles a log-probability (nats; arrays of "
    "shape (T,), the same words for both models). Write `my_mixture(val_a, val_b, test_a, test_b)`: the "
    "perplexity that you may report for the mixture w · p_a + (1 - w) · p_b, with the best weight w among "
    "`np.linspace(0.01, 0.99, 99)`. Which articles may choose w?",
    reference=reference_honest_mixture,
    inputs=[
        (
            np.log([0.5, 0.01, 0.2]),
            np.log([0.1, 0.3, 0.2]),
            np.log([0.02, 0.4, 0.05]),
            np.log([0.3, 0.1, 0.1]),
        )
    ],
    sample=_two_models,
    tolerance=1e-4,
    checks=[
        Mistake(
            "the weight was chosen on the test words that it is then judged on; let the validation words choose",
            like=lambda va, vb, ta, tb: _mixed(_best(ta, tb), ta, tb),
        ),
        Mistake(
            "that is the perplexity of the words that chose the weight; report the test words'",
            like=lambda va, vb, ta, tb: _mixed(_best(va, vb), va, vb),
        ),
        Mistake(
            "it mixes log-probabilities: the result is no distribution, it sums to less than 1; mix the probabilities",
            like=_mixes_logs,
        ),
        Mistake(
            "it averages two perplexities: no mixture of the probabilities was judged, and this can never be below both",
            like=_mixes_perplexities,
        ),
        Mistake(
            "it always takes half and half; the validation words can tell a better weight",
            like=lambda va, vb, ta, tb: _mixed(0.5, ta, tb),
        ),
        Mistake(
            "the weight went to the wrong model: w belongs to a",
            like=lambda va, vb, ta, tb: _mixed(_best(va, vb), tb, ta),
        ),
        Mistake(
            "it gives the weight; asked for is the perplexity with it",
            like=lambda va, vb, ta, tb: float(_best(va, vb)),
        ),
    ],
    hints=[
        "The test articles may be used once, at the end, with a weight that they had no part in.",
        "For each w: `np.log(w * np.exp(val_a) + (1 - w) * np.exp(val_b)).mean()`. The largest wins.",
        "With that w, `np.exp(-….mean())` of the same expression on the test arrays.",
    ],
    explain="With one weight and sixty thousand words the difference is small. With a weight for each context, or for each "
    "of many models, a choice made on the test words can be a large part of the gain.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "02.across_vocabularies",
            question="Model A has perplexity 60, model B has 200, on the same articles. Is A the better model?",
            answer="Not before I know what a word is for each of them. Perplexity is per token of the model's own vocabulary. "
            "A model that lumps rare words into one class of unknown words has an easy target there, and the more it lumps, "
            "the lower its perplexity. The same goes for word pieces, of which there are more in a text than words. I would "
            "compare the cost of the text: the total number of bits, with unknown words paid for by spelling them, divided "
            "by the characters. In our lesson, cutting the vocabulary to a few hundred words makes perplexity fifteen times lower "
            "and bits per character worse.",
            usual_wrong_answer="“Yes, lower perplexity is better.” Only for the same text, cut into the same tokens, with the "
            "same vocabulary.",
            follow_up="How would you compare a word model with a model of characters? (Bits per character of the same text.)",
            evidence="10. Unknown words must be paid for",
        ),
        InterviewQuestion(
            "02.why_smoothing",
            question="Why does an n-gram model need smoothing, and what does Kneser-Ney do that adding one does not?",
            answer="Because most sequences of a new text were never seen, and one probability of zero makes the whole text "
            "impossible. So some probability must be taken from what was seen. Adding one to every count takes far too "
            "much, since there are many more unseen than seen words after a context. Kneser-Ney subtracts a fixed "
            "discount of less than one from each count that was seen, and hands it to the next shorter context. And there it "
            "counts differently: not how often a word occurred, but after how many different words. A word that only ever "
            "follows one other is a bad guess elsewhere, however frequent.",
            usual_wrong_answer="“To avoid dividing by zero.” That is a symptom. The point is to say something sensible about "
            "what was never seen, which is most of it.",
            follow_up="What becomes of the discount? (Discount times the number of different words seen after the context, divided by "
            "the count of the context: that is the weight of the shorter context.)",
            evidence="3. Count longer contexts",
        ),
        InterviewQuestion(
            "02.why_neural",
            question="Both models read the same text. Why does the network predict well where the trigram model has to back off?",
            answer="The trigram model looks a context up. If these two words never stood together, it forgets the first, then the "
            "second, and in the end guesses as if it had read nothing. The network doesn't look up, it computes: words "
            "with similar use have similar vectors, so a new context lands near contexts that were seen, and gets a similar "
            "answer. It also reads four words where the trigram reads two. We sorted the test words: where a word "
            "had never followed the one before it, the network's perplexity was about half the trigram's; where it had followed "
            "the same two words, the trigram was the better one. They err on different words, which is why their mixture beats both.",
            usual_wrong_answer="“Because it has more parameters.” Here the tables of the trigram model hold about as many numbers.",
            follow_up="Then why keep the trigram model at all? (It remembers fixed phrases after one sight; see the mixture.)",
            evidence="8. Who is right where",
        ),
    ]
)
