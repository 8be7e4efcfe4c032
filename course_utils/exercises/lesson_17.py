"""Lesson 17: hiding places of a text, what a key adds against what weight it gets, and a loss over the wrong places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from course_utils.models.masked_language_model import MaskedLanguageModel
from course_utils.models.masking import Hidden
from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock


class CarelessModel(MaskedLanguageModel):
    """The planted fault of section 7: a colleague's masked language model, with their loss and their accuracy."""

    def loss(self, batch: Hidden) -> Tensor:
        """Nats per token; batch as `MaskedLanguageModel.loss`."""
        return super().loss(batch._replace(chosen=torch.ones_like(batch.chosen)))  # all places count

    @torch.no_grad()
    def accuracy(self, batches: Sequence[Hidden]) -> float:
        """Share of tokens that the model gets right."""
        right = [self(batch.tokens).argmax(dim=-1) == batch.targets for batch in batches]
        return float(torch.cat(right).float().mean())


# -- predict, then look --------------------------------------------------------------------------------


def guess_masked(picture: Picture, *, both: float, one_way: float, unigram: float) -> Prediction:
    """Section 3: accuracy at hidden places of held-out articles; shares from 0 to 1."""
    return Prediction(
        "17.masked",
        question=f"Always saying the most frequent token is right at {unigram:.1%} of the hidden places. The model that "
        f"may look only to the left is right at {one_way:.1%}. The same model, looking both ways:",
        low=0,
        high=40,
        step=0.5,
        unit="%",
        look=picture,
        measured=round(100 * both, 1),
        explain="Half of what says which word is missing stands behind it. Neither model knows much after so few words: "
        "look at the difference, not at the height.",
    )


def guess_order(picture: Picture, *, frozen: float, tuned: float) -> Prediction:
    """Section 4: accuracy on shuffled words after fine-tuning MiniLM's last two layers; shares from 0 to 1."""
    return Prediction(
        "17.order",
        question=f"The words of a sentence are shuffled, or not. On MiniLM's frozen vectors a linear probe is "
        f"right in {frozen:.0%} of the sentences; guessing would be right in 50 %. With the last two layers fine-tuned on the "
        "same sentences:",
        low=40,
        high=100,
        step=1,
        unit="%",
        look=picture,
        measured=round(100 * tuned, 1),
        explain="A probe can only weigh what the vector still says. What the last layers leave out of the average, "
        "fine-tuning can bring back, as long as the lower layers know it.",
    )


def guess_kinds(picture: Picture, *, most: str, kinds: Sequence[str]) -> Prediction:
    """Section 5: what most of MiniLM's heads look at."""
    return Prediction(
        "17.kinds",
        question="MiniLM has 72 heads. What on this list do most of them look at most? (The marks are "
        "[CLS] and [SEP], which stand around every text.)",
        choices=list(kinds),
        look=picture,
        measured=most,
        explain="The two marks say nothing about the text. A head that has nothing to say about a piece "
        "looks there: its weights have to sum to 1, so they must go somewhere.",
    )


def guess_fault(picture: Picture) -> Prediction:
    """Section 7: why the colleague's accuracy is so high."""
    wrong_places = "places that were not hidden are counted, too"
    return Prediction(
        "17.fault",
        question="Where does your colleague's accuracy come from?",
        choices=[
            "the test articles were read in training",
            wrong_places,
            "the most frequent token is guessed everywhere",
            "more layers",
        ],
        look=picture,
        measured=wrong_places,
        explain="At a place that is not hidden, the answer is the input. To copy it takes no language, and most places "
        "are of that kind.",
    )


# -- recall ------------------------------------------------------------------------------------------

unchanged = Exercise(
    "17.unchanged",
    title="What is left to read",
    minutes=2,
    kind="recall",
    prompt="A text of 200 tokens. BERT's rule: 15 % of them are chosen; of the chosen, 80 % become [MASK], 10 % become any "
    "token, 10 % stay. How many of the 200 does the model read as they were written, on average? (Leave aside that any "
    "token may by chance be the right one.)",
    reference=173,
    checks=[
        Mistake("those chosen and left as they are count, too: they are read as written", like=170),
        Mistake("swapped tokens are not as they were written", like=176),
        Mistake("that is how many become [MASK]", like=24),
        Mistake("that is how many are chosen", like=30),
        Mistake("that is how many of the chosen stay; the others of the text are read, too", like=3),
    ],
    hints=["170 are not chosen.", "Of the 30 chosen, 10 % stay."],
    explain="170 + 3. From these 3, and from 3 wrong ones, the model learns that a token without [MASK] may have to be "
    "guessed, too: so it keeps a vector for every place, and not only for marks, which no text has when it is used.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_hide(tokens, chosen, fate, anything, mask):  # type: ignore[no-untyped-def]
    """What the model reads."""
    read = np.where(chosen & (fate < 0.8), mask, tokens)
    return np.where(chosen & (fate >= 0.8) & (fate < 0.9), anything, read)


def _hide(tokens, chosen, fate, anything, mask, *, first=0.8, second=0.9):  # type: ignore[no-untyped-def]
    """`reference_hide` with other bounds."""
    read = np.where(chosen & (fate < first), mask, tokens)
    return np.where(chosen & (fate >= first) & (fate < second), anything, read)


def _some_places(
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    shape = (int(generator.integers(2, 5)), 40)
    tokens, anything = generator.integers(100, size=shape), generator.integers(100, size=shape)
    return tokens, generator.random(shape) < 0.4, generator.random(shape), anything, 100


hide = Exercise(
    "17.hide",
    title="80, 10, 10",
    minutes=10,
    kind="code",
    prompt="Write `my_hide(tokens, chosen, fate, anything, mask)` in numpy. `tokens`, of shape (B, T), are the text; `chosen`, "
    "a boolean (B, T), says which places are to be guessed; `fate`, (B, T), holds random numbers from 0 to 1, and `anything`, "
    "(B, T), random tokens. Return what the model reads, (B, T): at a chosen place `mask` if its fate is below 0.8, the token of "
    "`anything` if it is from 0.8 to below 0.9, else the text's own. Change none of the arrays given.",
    reference=reference_hide,
    sample=_some_places,
    checks=[
        Mistake(
            "places that were not chosen are changed, too",
            like=lambda t, c, f, a, m: _hide(t, np.ones_like(c), f, a, m),
        ),
        Mistake("nothing is swapped", like=lambda t, c, f, a, m: _hide(t, c, f, a, m, second=0.8)),
        Mistake(
            "none of the chosen stays as it is: the swapped ones end at a fate of 0.9",
            like=lambda t, c, f, a, m: _hide(t, c, f, a, m, second=1.01),
        ),
        Mistake(
            "all chosen places are marked; the first 80 % of fate are",
            like=lambda t, c, f, a, m: _hide(t, c, f, a, m, first=1.01, second=1.01),
        ),
        Mistake(
            "the chosen places are the ones to hide; yours are the others",
            like=lambda t, c, f, a, m: _hide(t, ~c, f, a, m),
        ),
        Mistake(
            "10 % are marked and 80 % swapped; it is the other way round",
            like=lambda t, c, f, a, m: np.where(c & (f < 0.8), a, np.where(c & (f >= 0.8) & (f < 0.9), m, t)),
        ),
    ],
    hints=[
        "`np.where(condition, one, other)` chooses place by place and changes neither.",
        "First the marks: `np.where(chosen & (fate < 0.8), mask, tokens)`.",
        "Then, in that result, the swapped ones: `chosen & (fate >= 0.8) & (fate < 0.9)`.",
    ],
    explain="Two lines, and a pile of text is a task with answers.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_share(weights, vectors):  # type: ignore[no-untyped-def]
    """Share of each key in what a head adds, by length: (T, S)."""
    added = weights * np.linalg.norm(vectors, axis=1)  # (T, S): length of each key's part
    return added / added.sum(axis=1, keepdims=True)


def _some_head(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    T, S, C = (int(generator.integers(2, 7)) for _ in range(3))
    weights = generator.dirichlet(np.ones(S), size=T)
    return weights, generator.normal(size=(S, C + 1)) * generator.uniform(0.1, 5, size=(S, 1))


share = Exercise(
    "17.share",
    title="Weight is not influence",
    minutes=30,
    kind="think",
    prompt="For each query a head adds up the keys' vectors by its weights. `weights`, of shape (T, S), are those weights; `vectors`, "
    "(S, C), is what each key would add with a weight of 1. Write `my_share(weights, vectors)`: of shape (T, S), for each query the "
    "share that each key has in what is added, measured by the *length* (Euclidean norm) of its part. Each row sums to 1. Which key "
    "can have a weight of 0.9 and a share of nearly 0?",
    reference=reference_share,
    inputs=[
        (np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([[0.3, 0.4], [30.0, 40.0]])),
        (np.array([[0.2, 0.3, 0.5]]), np.array([[1.0, -1.0], [2.0, 0.0], [0.0, 0.5]])),
    ],
    sample=_some_head,
    checks=[
        Mistake(
            "those are the weights; a key with a short vector adds little, whatever its weight",
            like=lambda w, v: w,
        ),
        Mistake(
            "each query's shares sum to 1: divide by the sum of its row",
            like=lambda w, v: w * np.linalg.norm(v, axis=1),
        ),
        Mistake(
            "the sum runs over the queries; each query's parts are its own whole",
            like=lambda w, v: w * np.linalg.norm(v, axis=1) / (w * np.linalg.norm(v, axis=1)).sum(axis=0),
        ),
        Mistake(
            "that is the squared length; take its root",
            like=lambda w, v: w * (v**2).sum(axis=1) / (w * (v**2).sum(axis=1)).sum(axis=1, keepdims=True),
        ),
        Mistake(
            "that adds up the entries of a vector, in which opposite signs cancel; take its Euclidean length",
            like=lambda w, v: (
                w * np.abs(v.sum(axis=1)) / (w * np.abs(v.sum(axis=1))).sum(axis=1, keepdims=True)
            ),
        ),
        Mistake(
            "the weight is left out: a long vector with no weight adds nothing",
            like=lambda w, v: np.tile(
                np.linalg.norm(v, axis=1) / np.linalg.norm(v, axis=1).sum(), (len(w), 1)
            ),
        ),
    ],
    hints=[
        "The part of key s in query t is `weights[t, s] * vectors[s]`.",
        "Its length is the weight times the length of the vector: `np.linalg.norm(vectors, axis=1)`, of shape (S,).",
        "Multiply, and divide each row by its sum (`keepdims=True`).",
    ],
    explain="A key whose vector is nearly zero: a place to park weight without saying anything.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "17.mask",
            question="Why does BERT hide words at all? Could it not predict every word from all the others?",
            answer="With one layer it could; with two it would see the answer. In the second layer each place reads its neighbours, "
            "and these have already read the word itself, so the word comes back to its own place through them. A left-to-right model "
            "avoids that with a mask, at the price of one side of the context. BERT hides the word from everybody instead. I have "
            "measured both sides of it: the same small model guesses hidden tokens clearly better when it may look both ways; and with the "
            "loss over all places, the accuracy was four in five, and at hidden places not one in ten: the model had learned to copy.",
            usual_wrong_answer="“To make the task harder, as a regulariser.” Without hiding there is no task: copying is a perfect "
            "solution.",
            follow_up="What does it cost? (Only the hidden places teach, 15 % of them in BERT, where a left-to-right model learns "
            "from every place. And the mark never stands in a text when the model is used, hence the 10 % swapped and the 10 % left.)",
            evidence="7. Break it",
        ),
        InterviewQuestion(
            "17.fine-tune",
            question="You have a few hundred labelled texts and a pretrained encoder. Fine-tune it, or train a classifier on frozen "
            "vectors?",
            answer="First the frozen vectors: they are computed once, the classifier trains in a second, and it's the baseline that "
            "fine-tuning must beat. Then I ask whether the vectors can know the answer. For topics they do: on twelve libraries, "
            "fine-tuning two layers gained nothing that the interval could tell from zero. For the order of words they hardly do, since they were trained to tell "
            "what a text is about: there fine-tuning was far above the probe, on the same few hundred sentences. So the gain depends "
            "on what the vectors leave out. I'd fine-tune the upper layers, with a small rate, choose rate and passes on validation data, "
            "and report an interval, for a test set of a few hundred texts hides differences of several points.",
            usual_wrong_answer="“Fine-tuning is always better, it has more parameters.” With few texts that is what makes it risky.",
            follow_up="And if there are ten tasks? (Frozen vectors are computed once for all ten; ten fine-tuned models are ten models to "
            "serve, unless only small adapters differ.)",
            evidence="4. Fine-tuning, or frozen vectors",
        ),
        InterviewQuestion(
            "17.heads",
            question="Most of a model's heads look at [CLS]. What is it for?",
            answer="Mostly for nothing, and that is the point. The weights of a head must sum to 1, so a head with nothing to say about a "
            "piece needs a place to put its weight. I looked at what those heads add: weight times the length of the key's vector. In MiniLM the "
            "first mark gets about half of the weight in the middle layers and has less than a tenth of what is added, "
            "because its vectors are short. With that place taken out, heads that look at the previous piece, at the next one, at themselves "
            "or at punctuation come out; an untrained model of the same shape has none. So a map of weights is a question and "
            "not an answer: switch the head off and look at the loss.",
            usual_wrong_answer="“[CLS] collects the meaning of the sentence.” That is where the *query* at [CLS] looks; here it's what "
            "others take from it.",
            follow_up="Where else does one see it? (In left-to-right models the first token plays the part, and dropping it from a "
            "sliding window breaks them.)",
            evidence="6. Weight is not influence",
        ),
    ]
)
