"""Lesson 15: a layer norm by hand, rotary positions, what attention costs by length, and words that forget their place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from torch import Tensor

    from course_utils.models.transformer import Transformer, TransformerState


@torch.no_grad()
def careless_step(
    model: Transformer, state: TransformerState, tokens: Tensor
) -> tuple[Tensor, TransformerState]:
    """The planted fault of section 11: a colleague's step of decoding, one word at a time with a cache.

    Parameters
    ----------
    model : Transformer
    state : TransformerState
        From ``model.start``.
    tokens : int Tensor of shape (B,)

    Returns
    -------
    log_probabilities : Tensor of shape (B, V)
    state : TransformerState
    """
    decoder, caches = model.decoder, tuple(cache.fork() for cache in state.caches)
    x = decoder.embed(tokens[:, None])  # (B, 1, C): one word, so it stands at the start, does it not?
    for block, memory, cache in zip(decoder.blocks, state.memories, caches, strict=True):
        x, _ = block(
            x,
            memory=memory,
            memory_mask=state.mask[:, None, None],
            positions=decoder.positions,
            cache=cache,
        )
    scores = F.linear(decoder.norm(x)[:, 0], decoder.words.weight, decoder.bias)
    return scores.log_softmax(dim=-1), replace(state, caches=caches)


# -- predict, then look --------------------------------------------------------------------------------


def guess_length(picture: Picture, *, recurrent: float, longest: float, bucket: str) -> Prediction:
    """Section 5: exact match of the longest test sentences; shares from 0 to 1."""
    return Prediction(
        "15.length",
        question=f"Lesson 13's recurrent model with attention gets {recurrent:.0%} of the test sentences of {bucket} words right "
        "to the last word. The transformer, after fewer words of training:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=picture,
        measured=round(100 * longest, 1),
        explain="Short sentences come out as well as lesson 13's, long ones do not. A recurrent network takes step twenty as "
        "it takes step ten. The transformer knows a place only by its vector, and far places are rare in training.",
    )


def guess_cost(picture: Picture, *, fastest: str) -> Prediction:
    """Section 6: which model needs the least time for a training step on sentences of 128 words."""
    return Prediction(
        "15.cost",
        question="Same width, same sentences of 128 words, this machine. Which model has its training step done first?",
        choices=["GRU, additive attention", "GRU, dot product", "transformer"],
        look=picture,
        measured=fastest,
        explain="On one or two cores all arithmetic is done in turn anyway, and then recurrent or not matters less than how "
        "much of it there is. The right panel is what a machine with thousands of cores looks at: how many operations have "
        "to wait for each other.",
    )


def guess_positions(picture: Picture, *, sinusoidal: float, rotary: float) -> Prediction:
    """Section 7: exact match on sentences longer than any in training, by scheme of positions; shares from 0 to 1."""
    return Prediction(
        "15.positions",
        question=f"With sinusoidal positions the model gets {sinusoidal:.0%} of the sentences of 26 to 40 words right, on average "
        "of the seeds; it was trained on up to 25. The same model with rotary positions, trained on the same sentences, gets:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=picture,
        measured=round(100 * rotary, 1),
        explain="A sum of a word and a place never met is something that no layer has seen. A distance of three words is the "
        "same at place 5 and at place 35, and only distances enter where queries and keys are turned.",
    )


def guess_fault(picture: Picture) -> Prediction:
    """Section 11: why a model with a good loss writes nonsense."""
    place = "every new word is told the place of the first one"
    return Prediction(
        "15.fault",
        question="Told the right words, your colleague's decoding agrees with the model at the first word and at no other. Why?",
        choices=[
            "the causal mask lets the future in",
            "the source is padded and not masked",
            "the cache mixes up two sentences",
            place,
        ],
        look=picture,
        measured=place,
        explain="One word at a time there is no future to leak, and with one sentence no padding and no neighbour. The first "
        "word is right because its place is right. With a cache the place of a word is no longer its column.",
    )


# -- recall ------------------------------------------------------------------------------------------

norm = Exercise(
    "15.norm",
    title="One vector, normed",
    minutes=2,
    kind="recall",
    prompt="A token's vector is (0, 2, 4, 10). Layer norm, with a gain of 1, a bias of 0 and an epsilon too small to "
    "matter, makes another vector of it. What is its last number?",
    reference=6 / 14**0.5,
    tolerance=3e-3,
    checks=[
        Mistake(
            "the variance is divided by 3; layer norm divides by all 4 numbers", like=6 / (56 / 3) ** 0.5
        ),
        Mistake("that is divided by the variance; divide by its root", like=6 / 14),
        Mistake("the mean was not taken off (that would be RMS norm)", like=10 / 30**0.5),
        Mistake("that is only centred; divide by the standard deviation, too", like=6.0),
        Mistake("that is scaled to the range from 0 to 1; take mean and standard deviation", like=1.0),
    ],
    hints=[
        "The mean is 4, so the differences are −4, −2, 0 and 6.",
        "Their squares have the mean 14; 6 / √14.",
    ],
    explain="6 / √14 = 1.60. The mean is over the numbers of one token: no other token and no other sentence takes part, so "
    "nothing changes with the batch.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_rotate(x, start):  # type: ignore[no-untyped-def]
    """Rotary positions: vectors (T, D) of the places start, start + 1, … turned pair by pair."""
    T, D = x.shape
    half = D // 2
    frequency = 10_000.0 ** (-np.arange(half) / half)  # (D / 2,)
    angle = (start + np.arange(T))[:, None] * frequency  # (T, D / 2)
    one, two = x[:, :half], x[:, half:]
    return np.concatenate(
        [one * np.cos(angle) - two * np.sin(angle), two * np.cos(angle) + one * np.sin(angle)], axis=1
    )


def _rotate_like(  # type: ignore[no-untyped-def]
    x, start, *, sign=1, neighbours=False, fall=1.0, first=0, begin=True, scale=1.0
):
    """`reference_rotate` with one thing done differently."""
    T, D = x.shape
    half = D // 2
    frequency = 10_000.0 ** (-np.arange(half) / half) if fall else np.ones(half)
    angle = sign * scale * ((start if begin else 0) + first + np.arange(T))[:, None] * frequency
    one, two = (x[:, 0::2], x[:, 1::2]) if neighbours else (x[:, :half], x[:, half:])
    turned = one * np.cos(angle) - two * np.sin(angle), two * np.cos(angle) + one * np.sin(angle)
    return np.stack(turned, axis=2).reshape(T, D) if neighbours else np.concatenate(turned, axis=1)


def _some_vectors(generator: np.random.Generator) -> tuple[np.ndarray, int]:
    T, half = int(generator.integers(2, 5)), int(generator.integers(2, 5))
    return generator.normal(size=(T, 2 * half)), int(generator.integers(1, 30))


rotate = Exercise(
    "15.rotate",
    title="Rotary positions",
    minutes=10,
    kind="code",
    prompt="Write `my_rotate(x, start)` in numpy. `x` (T, D) are queries (or keys) of one head; the first row stands at place "
    "`start`, the next at `start + 1`, and so on. Numbers i and i + D/2 are a pair (a, b), for i from 0 to D/2 − 1. Turn each pair "
    "by the angle place · 10000^(−i / (D/2)): the new pair is (a cos − b sin, b cos + a sin). Return an array of shape (T, D).",
    reference=reference_rotate,
    inputs=[(np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 2.0, 0.5, -1.0]]), 3)],
    sample=_some_vectors,
    checks=[
        Mistake(
            "`start` is not used: with a cache every new word would stand at the first place",
            like=lambda x, start: _rotate_like(x, start, begin=False),
        ),
        Mistake(
            "the vectors are turned the other way; scores would not notice, yet the convention is fixed: a cos − b sin first",
            like=lambda x, start: _rotate_like(x, start, sign=-1),
        ),
        Mistake(
            "neighbouring numbers (0, 1), (2, 3), … are paired, as in the paper; here pairs are i and i + D/2",
            like=lambda x, start: _rotate_like(x, start, neighbours=True),
        ),
        Mistake(
            "all pairs are turned by the same angle; the frequency falls with i",
            like=lambda x, start: _rotate_like(x, start, fall=0.0),
        ),
        Mistake(
            "the first row stands at `start`, not one further",
            like=lambda x, start: _rotate_like(x, start, first=1),
        ),
        Mistake(
            "the angles are taken as degrees; cos and sin want radians",
            like=lambda x, start: _rotate_like(x, start, scale=np.pi / 180),
        ),
    ],
    hints=[
        "`angle = (start + np.arange(T))[:, None] * 10_000.0 ** (-np.arange(D // 2) / (D // 2))` has shape (T, D/2).",
        "`a, b = x[:, : D // 2], x[:, D // 2 :]`",
        "`np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], axis=1)`",
    ],
    explain="Turn a query at place p and a key at place s, and their dot product depends on p − s alone. Lengths stay as they "
    "were, and nothing is learned.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_share(width, inner, length):  # type: ignore[no-untyped-def]
    """Share of an encoder block's multiplications that lies in the scores and the mix."""
    between = 2 * length * width  # one word's query with all keys; its weights with all values
    alone = (
        4 * width * width + 2 * width * inner
    )  # four matrices of the attention, two of the feed-forward net
    return between / (alone + between)


def _share_like(width, inner, length, *, between=2.0, matrices=4, nets=2, heads=1):  # type: ignore[no-untyped-def]
    """`reference_share` with one thing done differently."""
    cost = between * length * width * heads
    return cost / (cost + matrices * width * width + nets * width * inner)


def _some_sizes(generator: np.random.Generator) -> tuple[int, int, int]:
    return (
        64 * int(generator.integers(1, 17)),
        64 * int(generator.integers(1, 65)),
        int(generator.integers(5, 5000)),
    )


share = Exercise(
    "15.share",
    title="When does attention cost more than thinking?",
    minutes=30,
    kind="think",
    prompt="An encoder block of width C reads T words; its feed-forward net is I numbers wide inside. Count multiplications in "
    "products of matrices (biases, norms and the softmax aside). Some have nothing to do with the other words: the four matrices "
    "of the attention and the two of the feed-forward net. The others are *between* words: queries with keys, and weights with "
    "values. Write `my_share(width, inner, length)`: which share of all multiplications is between words? Then try width 512, "
    "inner 2048: from which length on is it more than half?",
    reference=reference_share,
    inputs=[(128, 256, 12), (512, 2048, 3072), (768, 3072, 512)],
    sample=_some_sizes,
    checks=[
        Mistake(
            "only the scores are counted; the weights with the values cost as much again",
            like=lambda c, i, t: _share_like(c, i, t, between=1.0),
        ),
        Mistake(
            "three matrices of the attention are counted; the one behind the heads belongs to it, too",
            like=lambda c, i, t: _share_like(c, i, t, matrices=3),
        ),
        Mistake(
            "the feed-forward net has two matrices, in and out",
            like=lambda c, i, t: _share_like(c, i, t, nets=1),
        ),
        Mistake(
            "the feed-forward net is left out",
            like=lambda c, i, t: _share_like(c, i, t, nets=0),
        ),
        Mistake(
            "a word is counted for one side and a sentence for the other; take T words for both, or one word for both",
            like=lambda c, i, t: 2 * t * t * c / (2 * t * t * c + 4 * c * c + 2 * c * i),
        ),
        Mistake(
            "that is the ratio of the two, not the share of the whole",
            like=lambda c, i, t: 2 * t * c / (4 * c * c + 2 * c * i),
        ),
    ],
    hints=[
        "Count for one word. A matrix of C × C costs C² multiplications.",
        "Its query meets T keys; over all heads together that costs T · C. So do its weights and the T values.",
        "2 T C / (2 T C + 4 C² + 2 C I).",
    ],
    explain="The heads do not matter: H heads of C / H numbers cost together what one of C would. At width 512 and inner 2048 it "
    "takes 2C + I = 3,072 words until half of the work lies between words. For sentences attention's famous square is small "
    "change; for books it is the bill.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "15.why",
            question="Why did transformers replace recurrent networks?",
            answer="Not because they need less arithmetic: at the same width ours does more. A recurrent network has to "
            "finish word nineteen before it can begin word twenty, so the chain of operations that wait for each other grows with the "
            "sentence. In training a transformer works on all words at once; its chain has the same length for eight words and "
            "for a hundred. On one core that is worth little, and I measured no gain there; on hardware that does "
            "thousands of things at once it is what counts, because training on more text becomes affordable. The second reason is the "
            "path: any word reaches any other in one step, where a recurrent network hands the message through all words "
            "between. That is bought with a cost that grows with the square of the length, and with having to be told the "
            "order.",
            usual_wrong_answer="“They are faster.” At what, on which machine? When a text is written word by word, a "
            "transformer is as sequential as any other model, and each word costs more than the last.",
            follow_up="And in generation? (One word after the other; the cache saves computing keys and values again, but it grows, and "
            "a recurrent state does not.)",
            evidence="6. Time and the chain of waiting",
        ),
        InterviewQuestion(
            "15.positions",
            question="Your model was trained on 512 tokens and shall now read 2,000. What happens, by position scheme?",
            answer="With learned positions nothing good: beyond 512 there is no vector, or one that training never touched. Sinusoidal "
            "vectors exist for any place, but layers have never met those sums. I measured both by shifting short sentences to far "
            "places: both lose words, though nothing else has changed. Rotary positions do not notice the shift, because scores depend on "
            "distance alone. But that is not yet generalisation: on sentences several times as long as in training all schemes "
            "fell about alike, since a query has to pick one word out of many more, and the sentences are built in ways never seen. So I would "
            "trust none of them without the curve, quality by length beyond training, on my data; and then train some steps on longer texts, "
            "or rescale the angles.",
            usual_wrong_answer="“Sinusoidal and rotary positions extrapolate.” They can be computed for any place. Whether the "
            "model can use them there is measured, not defined.",
            follow_up="Then why is rotary preferred? (The same request, such as the word before, is one request at any place; it "
            "adds no parameters, keeps lengths, and the angles can be rescaled later.)",
            evidence="7. Which positions survive longer sentences",
        ),
        InterviewQuestion(
            "15.cache",
            question="Validation loss is fine, and generated text is nonsense. Where do you look?",
            answer="At whatever differs between the two: training reads all words at once, generation goes word by word through a "
            "cache. Both must give the same numbers, so I compare them: a text that is known, its log-probabilities all at once, and "
            "step by step. If they agree only at the first word, I suspect the places, since a word that comes alone through a cache is "
            "in column 0, and not at place 0. If they agree at no word, the source or the start mark. If they agree for one text and "
            "not in a batch, the padding. Once I believe to know, I reproduce the fault on purpose in the other path and look "
            "whether the numbers become equal. And if the paths agree, it is the sampling, or the loss was low for a bad reason, such as "
            "a leak.",
            usual_wrong_answer="“Exposure bias” or “a higher temperature”. Both exist; neither makes two ways of computing "
            "one number disagree.",
            follow_up="Which test would have caught it? (Step by step equals all at once, for a few random texts; five lines, and it stays "
            "in the test suite.)",
            evidence="11. Break it",
        ),
    ]
)
