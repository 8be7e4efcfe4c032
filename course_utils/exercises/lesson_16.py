"""Lesson 16: a merge of byte-pair encoding, the bytes of a cache, the score of an induction head, and a loss that
is too low."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import numpy as np
import torch.nn.functional as F

from course_utils.models.gpt import GPT
from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor


class TheirGPT(GPT):
    """The planted fault of section 10: a colleague's GPT, equal to the course's but for its loss."""

    def loss(self, batch: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """Mean negative log-probability of the tokens (B, T + 1) of a batch, in nats per token."""
        tokens = cast("Tensor", batch)[:, :-1]  # (B, T)
        scores = cast("Tensor", self(tokens))  # (B, T, V)
        return F.cross_entropy(scores.flatten(0, 1), tokens.flatten())  # the targets are not moved by a place


# -- predict, then look --------------------------------------------------------------------------------


def guess_bits(figure: Figure, *, live: float, unigrams: float, mixture: float) -> Prediction:
    """Section 5: what the model trained in this lesson reaches on the test articles; bits per character."""
    return Prediction(
        "16.bits",
        question=f"Knowing how frequent words are costs {unigrams:.2f} bits a character here, the mixture of lesson 02 "
        f"{mixture:.2f}. What does the GPT need that was trained just now, in bits per character?",
        low=1.5,
        high=3.0,
        step=0.01,
        unit="bits",
        look=Picture(
            figure,
            alt="Bits per character of the test articles against training time on a log axis, with intervals: models "
            "that count at the left, networks of words in the middle, then the GPT trained in the lesson, and the GPT "
            "of the long run at the lower right.",
        ),
        measured=round(live, 2),
        explain="The horizontal axis is logarithmic: each step to the right costs ten times the training of the one before. The "
        "long run is the same program with more of everything.",
    )


def guess_second_copy(figure: Figure, *, first: float, second: float) -> Prediction:
    """Section 9: what a symbol costs when its random block comes a second time; nats."""
    return Prediction(
        "16.copy",
        question=f"Twelve random symbols cost the model {first:.1f} nats each, since nothing tells them in advance. Then the "
        "same twelve come again, in the same order. What does a symbol of the second copy cost (nats)?",
        low=0,
        high=5,
        step=0.05,
        unit="nats",
        look=Picture(
            figure,
            alt="Cost of each symbol against its place in a text of a random block that stands twice. The trained model's "
            "curve drops steeply one place after the second copy has begun; that of an untrained model stays level.",
        ),
        measured=round(second, 2),
        explain="The first symbol of the second copy is as dear as before: nothing says that a copy begins. From the next one on "
        "the text itself holds the answer.",
    )


def guess_examples(figure: Figure, *, accuracy: float) -> Prediction:
    """Section 8: the share of right answers, where the key stood in the prompt, at the end of training."""
    return Prediction(
        "16.examples",
        question="A table that the model has never met: 15 pairs, then a key that stood among them. How often is the "
        "likeliest symbol the right value (%)? One in ten would be chance.",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=Picture(
            figure,
            alt="Share of right answers against the number of pairs before the question. Where the key stood before, the "
            "share is high from the first pair on; where it did not, it stays at one in ten.",
        ),
        measured=round(100 * accuracy),
        explain="Its parameters hold no table. What they hold is a way of reading one.",
    )


def guess_fault(picture: Picture) -> Prediction:
    """Section 10: what is wrong with the colleague's model."""
    copied = "it was trained to give the token that it has just read"
    return Prediction(
        "16.fault",
        question="Why is your colleague's loss so low?",
        choices=[
            "the mask lets the next token through",
            "the test articles were among the training articles",
            copied,
            "the learning rate was better",
        ],
        look=picture,
        measured=copied,
        explain="At nearly every place the likeliest next token is the token of that very place. A mask that leaks would "
        "show the token one place on; and here no later token is read at all.",
    )


# -- recall ------------------------------------------------------------------------------------------

cache_bytes = Exercise(
    "16.cache_bytes",
    title="What the cache takes",
    minutes=2,
    kind="recall",
    prompt="A GPT has 12 layers with 12 heads of 64 numbers each. Four texts of 1,024 tokens are written at once, and each "
    "number of the cache takes 2 bytes. How large is the cache, in MB (millions of bytes)?",
    reference=150.994944,
    tolerance=0.005,
    checks=[
        Mistake("that is the keys or the values; both are kept", like=75.497472),
        Mistake("that is for one text; there are four", like=37.748736),
        Mistake("that is with 4 bytes a number", like=301.989888),
        Mistake("these are mebibytes (2**20 bytes); a MB is a million", like=144.0),
        Mistake(
            "that is one layer, or one head of each; every head of every layer keeps its own", like=12.582912
        ),
    ],
    hints=[
        "Two numbers (a key's and a value's) for each layer, text, head, number of the head and token.",
        "2 · L · B · H · D · T numbers: 2 · 12 · 4 · 12 · 64 · 1024, times 2 bytes.",
    ],
    explain="2 · L · B · H · D · T · bytes. H · D is the width, so the number of heads alone changes nothing; and nothing but "
    "the length grows while a text is written.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_merge(words, counts):  # type: ignore[no-untyped-def]
    """The words after one merge: the most frequent pair of neighbours joined wherever it stands."""
    totals = Counter()  # type: ignore[var-annotated]
    for pieces, count in zip(words, counts, strict=True):
        for pair in pairwise(pieces):
            totals[pair] += count
    left, right = min(totals, key=lambda pair: (-totals[pair], pair))
    merged = []
    for pieces in words:
        new, place = [], 0
        while place < len(pieces):
            if pieces[place : place + 2] == [left, right]:
                new.append(left + right)
                place += 2
            else:
                new.append(pieces[place])
                place += 1
        merged.append(new)
    return merged


def _merge(  # type: ignore[no-untyped-def]
    words, counts, *, counted=True, once=False, last=False, rare=False, from_right=False, first_only=False
):
    """`reference_merge` with one thing done differently."""
    totals = Counter()  # type: ignore[var-annotated]
    for pieces, count in zip(words, counts, strict=True):
        pairs = set(pairwise(pieces)) if once else pairwise(pieces)
        for pair in pairs:
            totals[pair] += count if counted else 1
    sign = 1 if rare else -1
    best = min(sign * total for total in totals.values())
    tied = sorted(pair for pair, total in totals.items() if sign * total == best)
    left, right = tied[-1 if last else 0]
    merged = []
    for pieces in words:
        old = pieces[::-1] if from_right else pieces
        wanted = [right, left] if from_right else [left, right]
        new: list[str] = []
        place, done = 0, False
        while place < len(old):
            if old[place : place + 2] == wanted and not (first_only and done):
                new, place, done = [*new, left + right], place + 2, True
            else:
                new, place = [*new, old[place]], place + 1
        merged.append(new[::-1] if from_right else new)
    return merged


def _some_words(generator: np.random.Generator) -> tuple[list[list[str]], list[int]]:
    words = [[*"ab"]]  # at least one pair
    for _ in range(int(generator.integers(2, 6))):
        words.append(list("".join(generator.choice([*"aabc"], size=int(generator.integers(1, 8))))))
    return words, [int(n) for n in generator.integers(1, 9, size=len(words))]


merge_step = Exercise(
    "16.merge_step",
    title="One merge",
    minutes=10,
    kind="code",
    prompt="`words` is a list of words, each a list of pieces; `counts` says how often each word stands in the text. Write "
    "`my_merge(words, counts)`: find the pair of neighbouring pieces that stands most often in the text, join it wherever it "
    "stands (from the left, no piece used twice), and return the words. Of pairs with the same count take the one that comes "
    "first in the alphabet.",
    reference=reference_merge,
    inputs=[
        ([[*"aaab"], [*"aab"]], [1, 2]),
        ([[*"low"], [*"lower"], [*"new"]], [5, 2, 6]),
        ([[*"abab"], [*"ba"]], [1, 3]),
        ([[*"abc"], [*"bca"]], [2, 2]),
        ([["ab", "c"], ["a", "b", "c"]], [1, 3]),
    ],
    sample=_some_words,
    checks=[
        Mistake(
            "each word counts once; a word that stands five times in the text brings its pairs five times",
            like=lambda w, c: _merge(w, c, counted=False),
        ),
        Mistake(
            "a pair that stands twice in a word must be counted twice",
            like=lambda w, c: _merge(w, c, once=True),
        ),
        Mistake(
            "of pairs with the same count the first in the alphabet wins",
            like=lambda w, c: _merge(w, c, last=True),
        ),
        Mistake("that is the rarest pair", like=lambda w, c: _merge(w, c, rare=True)),
        Mistake(
            "pieces are joined from the right; in `aaa` the first two belong together",
            like=lambda w, c: _merge(w, c, from_right=True),
        ),
        Mistake(
            "only the first place in each word is joined; the pair may stand there again",
            like=lambda w, c: _merge(w, c, first_only=True),
        ),
    ],
    hints=[
        "`collections.Counter` for the pairs, `itertools.pairwise(pieces)` for the neighbours, and add the word's count.",
        "`min(totals, key=lambda pair: (-totals[pair], pair))` is the most frequent, ties by the alphabet.",
        "Walk through each word with an index: two pieces on after a join, one otherwise.",
    ],
    explain="Training a tokenizer is this, two thousand times; all the rest of a real one makes it fast.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_induction(weights, tokens):  # type: ignore[no-untyped-def]
    """Mean weight on the tokens that followed earlier occurrences of the query's token."""
    found = []
    for t in range(len(tokens)):
        after = [j + 1 for j in range(t) if tokens[j] == tokens[t]]
        if after:
            found.append(weights[t, after].sum())
    return float(np.mean(found)) if found else 0.0


def _induction(weights, tokens, *, shift=1, latest=False, everywhere=False, turned=False, share=False):  # type: ignore[no-untyped-def]
    """`reference_induction` with one thing done differently."""
    weights, found = (weights.T if turned else weights), []
    for t in range(len(tokens)):
        after = [j + shift for j in range(t) if tokens[j] == tokens[t] and j + shift >= 0]
        if after or everywhere:
            chosen = after[-1:] if latest else after
            found.append(weights[t, chosen].mean() if share and chosen else weights[t, chosen].sum())
    return float(np.mean(found)) if found else 0.0


def _some_looks(generator: np.random.Generator) -> tuple[np.ndarray, list[int]]:
    T = int(generator.integers(5, 12))
    weights = np.tril(generator.random((T, T)))
    tokens = [int(token) for token in generator.integers(4, size=T)]
    return weights / weights.sum(axis=1, keepdims=True), tokens


induction = Exercise(
    "16.induction",
    title="Induction in any text",
    minutes=30,
    kind="think",
    prompt="Section 9 scores heads on a block that stands twice. Real text repeats itself, too. Write "
    "`my_induction(weights, tokens)` for one head, weights of shape (T, T) with queries as rows, and a text of T tokens: for "
    "each place whose token stood before, the weight given, all together, to the places right after its earlier occurrences; "
    "return the mean over those places, and 0 if no token stands twice.",
    reference=reference_induction,
    inputs=[
        (np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, None], [1, 2, 3]),
        (np.tril(np.ones((6, 6))) / np.arange(1, 7)[:, None], [7, 8, 7, 8, 7, 9]),
    ],
    sample=_some_looks,
    checks=[
        Mistake(
            "that is the weight on the same token's earlier places; what the model can copy stands one place after",
            like=lambda w, t: _induction(w, t, shift=0),
        ),
        Mistake(
            "that is the place before the earlier occurrence; what the model can copy stands after it",
            like=lambda w, t: _induction(w, t, shift=-1),
        ),
        Mistake(
            "only the latest occurrence is counted; a token may have stood before several times",
            like=lambda w, t: _induction(w, t, latest=True),
        ),
        Mistake(
            "places whose token never stood before are counted as 0; they had nothing to look for, so leave them out",
            like=lambda w, t: _induction(w, t, everywhere=True),
        ),
        Mistake(
            "rows are queries: `weights[t]` is where place t looks",
            like=lambda w, t: _induction(w, t, turned=True),
        ),
        Mistake(
            "add the weights of several earlier occurrences; their mean punishes a head for having more to look at",
            like=lambda w, t: _induction(w, t, share=True),
        ),
    ],
    hints=[
        "For place t: `[j + 1 for j in range(t) if tokens[j] == tokens[t]]`.",
        "Take the sum of `weights[t]` at those places, if there are any, and keep it in a list.",
    ],
    explain="On real text a high score is weaker evidence than on random tokens: there a head may look at the right place because "
    "the words belong together, whether or not they stood so before.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "16.tokens",
            question="Why do language models read pieces of words, and may I compare the perplexities of two models with "
            "different tokenizers?",
            answer="Words leave some of the text unknown, and a large vocabulary makes the softmax dear; single bytes make the "
            "text four times as long, and attention pays for length with its square. Byte-pair encoding lies between: it starts "
            "from the 256 bytes, so no text is unknown, and joins what is frequent, so that common words are one token. How many "
            "merges is a setting of cost. And no: a perplexity is per token. With longer tokens there are fewer of them, each "
            "harder. I take the price of the whole text in bits and divide by its characters or bytes, which do not depend on "
            "the tokenizer, on the same text.",
            usual_wrong_answer="“Lower perplexity wins.” Cut the text into bytes and the perplexity falls below ten while the "
            "text costs more.",
            follow_up="What can a model of pieces not see? (Letters: it reads a number for the whole piece, so that spelling and "
            "counting letters must be learned by heart.)",
            evidence="5. Train it",
        ),
        InterviewQuestion(
            "16.cache",
            question="Writing with your model slows down as the text grows. What do you do, and what does it cost?",
            answer="Keep the keys and values. A causal model's vectors for past tokens never change, since they cannot see what "
            "comes later, so only the new token needs computing: one row through the layers and one look over the kept keys. "
            "Without the cache each token costs a pass over the whole text. The price is memory, 2 · L · B · H · D · T numbers, "
            "linear in length and in batch; for many texts at once it soon outgrows the parameters. Then come fewer heads for "
            "keys and values, fewer bytes a number, or a window. I prove the cache with a test: the same tokens with and without, "
            "greedy, and sampled from the same generator.",
            usual_wrong_answer="“It caches the outputs.” It caches each layer's keys and values; the outputs are of no further "
            "use.",
            follow_up="Does the cache help in training, or with an encoder? (No: there all places are computed at once; and in an "
            "encoder a new token changes all vectors.)",
            evidence="7. Write faster: the cache",
        ),
        InterviewQuestion(
            "16.in-context",
            question="A model answers better with five examples in the prompt. Has it learned something?",
            answer="Not in the sense of training: no parameter changes, and the next prompt starts from nothing. What was learned in "
            "training is to read a rule off the text. In a small model I could watch it happen. Tables were drawn anew for each "
            "text, so that none could be memorised; for hundreds of updates the model only guessed one of the values around, and then "
            "it began to answer from the prompt. With that two kinds of heads formed: one that looks at the token before, "
            "and one that looks for the present token's earlier place and takes what followed. Where the key did not stand in the "
            "prompt it stayed at chance. That is the control that I would ask for anywhere.",
            usual_wrong_answer="“It fine-tunes itself on the examples.” Its weights are the same before and after.",
            follow_up="How would you find out whether a large model reads your examples or only recognises the task? (Permute the "
            "labels, or draw new ones: a reader follows them.)",
            evidence="8. Learning from the prompt",
        ),
    ]
)
