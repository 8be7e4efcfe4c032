"""Lesson 11: what teacher forcing scores, the loss over padding, time lags, and a model that sees the answer."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from course_utils.models.seq2seq import PADDING, Seq2Seq
from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock


class CarelessSeq2Seq(Seq2Seq):
    """The planted fault of section 9: a colleague's model."""

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Mean negative log-probability of the target words, in nats per token."""
        source, target = batch
        words = target[:, 1:]
        scores = self(source, words)  # the word to be predicted is what the decoder reads
        return F.cross_entropy(scores.flatten(0, 1), words.flatten(), ignore_index=PADDING)


# -- predict, then look --------------------------------------------------------------------------------


def guess_length(look: Picture, *, short: float, long: float, buckets: tuple[str, str]) -> Prediction:
    """Section 5: how often the widest model gets longer sentences right; shares from 0 to 1."""
    return Prediction(
        "11.length",
        question=f"Of the sentences of {buckets[0]} words, the widest model gets {short:.0%} right, word for word. "
        f"Of those of {buckets[1]} words:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=look,
        measured=round(100 * long, 1),
        explain="Each line starts higher the wider the vector, and each ends at zero.",
    )


def guess_exposure(look: Picture, *, right: float, wrong: float) -> Prediction:
    """Section 4: the error of the next word when one earlier word is the model's own mistake; shares."""
    return Prediction(
        "11.exposure",
        question=f"Behind the place of its first mistake, with the right words before it, the model gets {right:.0%} of "
        "the next words wrong. Now leave its mistake in the history, one wrong word, and ask for the same word again. "
        "Wrong:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=look,
        measured=round(100 * wrong, 1),
        explain="The history with a mistake in it is one that training never showed.",
    )


def guess_fault(look: Picture) -> Prediction:
    """Section 9: why the colleague's loss is so low."""
    leaked = "the decoder reads the word that it is to predict"
    return Prediction(
        "11.fault",
        question="Why is your colleague's loss so low, and the translation worthless?",
        choices=[
            "the learning rate is too high",
            "the model has learned the training sentences by heart",
            leaked,
            "the encoder's vector is too narrow",
        ],
        look=look,
        measured=leaked,
        explain="Input and label are the same words. The decoder learned to copy what it reads; at the start it reads "
        "only the begin mark, and has learned nothing about what follows it.",
    )


# -- recall ------------------------------------------------------------------------------------------

scored = Exercise(
    "11.scored",
    title="What the loss counts",
    minutes=2,
    kind="recall",
    prompt="A batch holds two target sentences, of 7 and of 4 words, the shorter one padded. With teacher forcing, how "
    "many predictions go into the loss?",
    reference=13,
    checks=[
        Mistake("the end mark is predicted as well, once for each sentence", like=11),
        Mistake("padding is not scored: nobody needs the model to predict it", like=16),
        Mistake("the begin mark is read and never predicted", like=15),
        Mistake("that is one sentence too few: both rows of the batch are scored", like=8),
        Mistake(
            "all words of a sentence are scored in one pass, each given the right ones before it; not one a sentence",
            like=2,
        ),
    ],
    hints=[
        "The decoder reads `begin w1 … w7` and is to say `w1 … w7 end`.",
        "(7 + 1) + (4 + 1).",
    ],
    explain="(7 + 1) + (4 + 1) = 13: each word and each end mark once, no begin mark, no padding.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_loss(log_probabilities, target):  # type: ignore[no-untyped-def]
    """Mean negative log-probability per token, padding left out."""
    labels = np.asarray(target)[:, 1:]
    rows, steps = np.nonzero(labels != 0)
    return float(-np.asarray(log_probabilities)[rows, steps, labels[rows, steps]].mean())


def _loss_like(log_probabilities, target, *, shift=1, keep_padding=False, divide="tokens", sign=-1):  # type: ignore[no-untyped-def]
    """`reference_loss` with one thing done differently."""
    target, table = np.asarray(target), np.asarray(log_probabilities)
    labels = target[:, 1:] if shift else target[:, :-1]
    picked = np.take_along_axis(table, labels[:, :, None], axis=2)[:, :, 0]  # (B, T)
    counted = np.ones_like(picked) if keep_padding else (labels != 0).astype(float)
    sums, tokens = (picked * counted).sum(axis=1), counted.sum(axis=1)
    if divide == "sentences":
        return float(sign * (sums / tokens).mean())
    return float(sign * sums.sum() / {"tokens": tokens.sum(), "places": picked.size, "nothing": 1}[divide])


def _two_rows(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    lengths, width = generator.permutation([1, 2, 4])[:2], 4
    target = np.zeros((2, width + 2), dtype=int)
    for row, length in zip(target, lengths, strict=True):
        row[: length + 2] = [1, *generator.integers(3, 6, size=length), 2]
    scores = generator.normal(size=(2, width + 1, 6))
    return scores - np.log(np.exp(scores).sum(axis=2, keepdims=True)), target


loss = Exercise(
    "11.loss",
    title="The loss, by hand",
    minutes=10,
    kind="code",
    prompt="Write `my_loss(log_probabilities, target)`. `target` is an int array of shape (B, T + 1): each row begins with "
    "the begin mark 1, then come the words, the end mark 2, and padding, 0. `log_probabilities` has shape (B, T, V): step t "
    "has read target places 0 … t. Return the mean negative log-probability per token, in nats: words and end marks "
    "count, padding does not.",
    reference=reference_loss,
    sample=_two_rows,
    checks=[
        Mistake(
            "the word at step t is compared with what the step has read, and not with what comes next; the labels are "
            "`target[:, 1:]`",
            like=lambda table, target: _loss_like(table, target, shift=0),
        ),
        Mistake(
            "padding is scored as if it were a word",
            like=lambda table, target: _loss_like(table, target, keep_padding=True),
        ),
        Mistake(
            "padding adds nothing to the sum, but is still counted below the line",
            like=lambda table, target: _loss_like(table, target, divide="places"),
        ),
        Mistake(
            "a mean of each sentence's mean: then a word of a short sentence counts for more. Sum over all tokens, then "
            "divide",
            like=lambda table, target: _loss_like(table, target, divide="sentences"),
        ),
        Mistake(
            "that is the sum; divide by the number of tokens",
            like=lambda table, target: _loss_like(table, target, divide="nothing"),
        ),
        Mistake(
            "the sign: a log-probability is 0 or less, the loss is 0 or more",
            like=lambda table, target: _loss_like(table, target, sign=1),
        ),
    ],
    hints=[
        "Step t has read places 0 … t and is judged by place t + 1: `labels = target[:, 1:]`.",
        "`rows, steps = np.nonzero(labels != 0)` are the places that count.",
        "`-log_probabilities[rows, steps, labels[rows, steps]].mean()`",
    ],
    explain="One number per token makes losses of batches with short and with long sentences comparable.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_lags(links, length, reverse):  # type: ignore[no-untyped-def]
    """Smallest and mean number of steps from reading a source word to writing its translation."""
    lags = []
    for source, target in links:
        read = length - source if reverse else source + 1  # steps, counted from 1
        written = length + 2 + target  # the end mark is read at step length + 1
        lags.append(written - read)
    return min(lags), sum(lags) / len(lags)


def _lags_like(links, length, reverse, *, end=1, off=0, turn_target=False, plain=False, swap=False):  # type: ignore[no-untyped-def]
    """`reference_lags` with one thing done differently."""
    if plain:
        lags = [abs(t - ((length - 1 - s) if reverse else s)) for s, t in links]
    else:
        last = max(t for _, t in links)
        places = [(s, last - t if turn_target and reverse else t) for s, t in links]
        lags = [length + 1 + end + t - (length - s + off if reverse else s + 1) for s, t in places]
    found = min(lags), sum(lags) / len(lags)
    return found[::-1] if swap else found


def _some_links(generator: np.random.Generator) -> tuple[list[tuple[int, int]], int, bool]:
    length = int(generator.integers(3, 8))
    order = np.argsort(np.arange(length) + generator.normal(size=length))
    return [(int(s), t) for t, s in enumerate(order)], length, bool(generator.integers(2))


lags = Exercise(
    "11.lags",
    title="Why turning the source round helps",
    minutes=30,
    kind="think",
    prompt="One network reads `length` source words, a word a step, then the end mark; then it reads the begin mark and "
    "writes target word 0, and so on, one a step. So reading takes steps 1 … length + 1, and target word t is written at "
    "step length + 2 + t. `links` are the gold pairs (source place, target place), both from 0. With `reverse` the source "
    "words are read last word first; the end mark still comes last. The lag of a link is the number of steps from reading "
    "its source word to writing its target word: the way that a gradient must go back. Write `my_lags(links, length, "
    "reverse)`; return the smallest lag and the mean lag.",
    reference=reference_lags,
    inputs=[
        ([(0, 0), (1, 1), (2, 2)], 3, False),
        ([(0, 0), (1, 1), (2, 2)], 3, True),
        ([(0, 1), (1, 0)], 4, True),
    ],
    sample=_some_links,
    checks=[
        Mistake(
            "that is how far apart the two places are; a lag runs from the step of reading to the step of writing",
            like=lambda links, length, reverse: _lags_like(links, length, reverse, plain=True),
        ),
        Mistake(
            "one step is missing: the end mark is read between the last word and the first one written",
            like=lambda links, length, reverse: _lags_like(links, length, reverse, end=0),
        ),
        Mistake(
            "reversed, the last word is read at step 1: source place s at step length − s",
            like=lambda links, length, reverse: _lags_like(links, length, reverse, off=-1),
        ),
        Mistake(
            "only the source is turned round; the target is written as it was",
            like=lambda links, length, reverse: _lags_like(links, length, reverse, turn_target=True),
        ),
        Mistake(
            "the two are exchanged: first the smallest lag, then the mean",
            like=lambda links, length, reverse: _lags_like(links, length, reverse, swap=True),
        ),
    ],
    hints=[
        "For a link (s, t): written at step length + 2 + t.",
        "Read at step s + 1; reversed, at step length − s.",
        "The lag is the difference; then `min` and the mean over links.",
    ],
    explain="If words keep their order, reversing leaves the mean lag as it was, and makes the first words' lags short: a "
    "foothold for the gradient. That was the explanation of Sutskever and others.",
)


QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "11.long",
            question="Your encoder–decoder translates short sentences well and long ones badly. How do you find out whether "
            "the vector between the two is to blame?",
            answer="I look at quality by length first, since an average hides it, and with a measure of whole sentences, "
            "exact match, since BLEU still pays for fragments. Then I vary one thing at a time. Wider vectors: if the "
            "fall moves to longer sentences, capacity matters. Right words fed in: if the model still errs, it is not "
            "only its own earlier mistakes. More training: if all lengths gain, it was undertrained. The test that "
            "settles it is to open a second way past the vector, with all else as it was: attention, on the same "
            "data. If long sentences then come out right, neither data nor decoder were the problem; and whatever else I had to "
            "change, width or tokens seen, I say beside the result.",
            usual_wrong_answer="“It is the vanishing gradient.” That may slow learning down, but does not show that the vector "
            "is too small; and a wider vector would then not help.",
            follow_up="Why is exact match alone unfair to long sentences? (One slip in twenty words counts as much as "
            "nonsense, and with 2 % errors a word a third of them fails anyway. Look at errors per word as well.)",
            evidence="5. The decisive picture",
        ),
        InterviewQuestion(
            "11.exposure_bias",
            question="What is teacher forcing, what is exposure bias, and how would you measure the latter?",
            answer="In training the decoder reads the right words before each prediction, so all steps are trained at "
            "once and early mistakes spoil nothing. In use it reads its own words. Histories with a mistake never occurred "
            "in training: that is exposure bias. To measure it I take the sentences where the model errs, keep "
            "everything else equal, and compare the error rate of the next words twice: with the right history, and with its "
            "own wrong word left in. The difference is what the mistake itself costs. Just comparing the loss in training with "
            "the quality in use does not show it, because the sentences where it errs are also the harder ones.",
            usual_wrong_answer="“Exposure bias is overfitting.” It needs no training sentence learned by heart; it is about "
            "histories, and shows on training sentences too.",
            follow_up="What can be done? (Scheduled sampling, training on whole sequences, beam search; and a better "
            "model makes fewer first mistakes.)",
            evidence="4. Its own words",
        ),
        InterviewQuestion(
            "11.reversed",
            question="Sutskever and others fed the source sentence backwards. Why did it help, and why does nobody do it today?",
            answer="Source and target words that belong together then stand close at the beginning: the first word read last "
            "is the first word needed. The mean distance stays, the smallest gets short, and gradient descent finds its "
            "foothold there. It trades one end for the other, though: the last words are now far away. A network that "
            "reads in both directions has both footholds at once; turning its input round only exchanges its "
            "halves. And with attention every source word is one step away, so order no longer matters for the path.",
            usual_wrong_answer="“French has the opposite word order.” Between English and French most words keep their order; "
            "with opposite orders reversing would help for another reason.",
            follow_up="How would you check the explanation? (Where in the sentence do mistakes fall? Reversed, the "
            "beginning should gain.)",
            evidence="6. The source, backwards",
        ),
    ]
)
