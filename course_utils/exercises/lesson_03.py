"""Lesson 03: the score of chance, CBOW, and the loss that sampling approaches."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.models.word2vec import Word2VecConfig
from course_utils.models.word2vec_expected import ExpectedSkipGram, expected_skipgram
from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def careless_skipgram(
    documents: Any, config: Word2VecConfig, *, vocabulary_size: int, seed: int = 0
) -> ExpectedSkipGram:
    """The planted fault of section 9: skip-gram whose noise words are drawn in a convenient way."""
    config = replace(config, noise_exponent=0.0)  # any word of the vocabulary with the same probability
    return expected_skipgram(documents, config, vocabulary_size=vocabulary_size, seed=seed)


# -- predict, then look --------------------------------------------------------------------------------


def guess_cost(figure: Figure, *, measured: float) -> Prediction:
    """Section 3: how much dearer a softmax over the vocabulary is than six scores."""
    return Prediction(
        "03.cost",
        question="Time per pair with all 9,056 scores ÷ time per pair with 6 scores:",
        low=1,
        high=2000,
        step=1,
        unit="times",
        look=Picture(
            figure,
            alt="Microseconds per pair against the size of the vocabulary, on log axes. The full softmax rises in "
            "proportion to the vocabulary; negative sampling stays level.",
        ),
        measured=float(f"{measured:.2g}"),
        explain="Fewer than 9,056 ÷ 6 = 1,509 times, because a matrix product is kinder to a processor than looking up "
        "vectors here and there. Keep that in mind: section 6 turns it round.",
    )


def guess_line(figure: Figure, *, measured: float) -> Prediction:
    """Section 7: how closely the inner products of a trained model follow PMI - log K."""
    return Prediction(
        "03.line",
        question="Correlation of the learned inner product with PMI − log K, over pairs seen ten times or more:",
        low=-1,
        high=1,
        step=0.01,
        look=Picture(
            figure,
            alt="Two panels, learned inner product against PMI minus log K. Left, 200 words with 200 dimensions: the "
            "points lie on the diagonal. Right, 9,056 words with 100 dimensions: a long cloud along the diagonal.",
        ),
        measured=round(float(measured), 2),
        explain="Nobody showed it a logarithm. On the left there are as many dimensions as words, and the points reach the "
        "line. On the right a hundred numbers a word must do: the points aim at the same line and stay near it.",
    )


FAULTS = (
    "windows run across the ends of articles",
    "noise words are drawn without regard to how common they are",
    "the K noise terms are averaged where they should be summed",
    "words and contexts share one table of vectors",
)


def guess_fault(figure: Figure) -> Prediction:
    """Section 9: what is wrong with `careless_skipgram`; the figure shows its line and the right one."""
    return Prediction(
        "03.fault",
        question="What is wrong with your colleague's skip-gram?",
        choices=list(FAULTS),
        look=Picture(
            figure,
            alt="Two panels of inner product against PMI minus log K, common and rare contexts in two colours. In "
            "yours both lie along one diagonal. In your colleague's the common contexts lie far above it.",
        ),
        measured=FAULTS[1],
        explain="Pairs with common contexts lie above the line, pairs with rare ones below: how common the context is has "
        "not been divided out. That is the noise's work, and this noise does not know it. (Averaging the K terms would "
        "lift all points alike, by log K.)",
    )


# -- recall ------------------------------------------------------------------------------------------

chance = Exercise(
    "03.chance",
    title="As often as chance",
    minutes=2,
    kind="recall",
    prompt="Skip-gram is trained to the end with 5 noise words for each pair, with as many dimensions as it needs. A word "
    "and a context occur together exactly as often as chance would have it. What is their inner product, to two places?",
    reference=-math.log(5),
    tolerance=0.006,
    checks=[
        Mistake(
            "that is their PMI; the inner product tends to PMI − log K",
            matches=lambda answer: abs(answer) < 0.006,
        ),
        Mistake(
            "the sign: of six pairs shown, five are noise, so the odds are below 1 and their log below 0",
            like=math.log(5),
        ),
        Mistake("that is 1 : 5 as odds; the inner product is the log of the odds", like=0.2),
        Mistake("that is a probability, one in six; the inner product is its log-odds", like=1 / 6),
        Mistake("these are bits; the sigmoid has e in it, so take the natural logarithm", like=-math.log2(5)),
        Mistake("that is log 6: the odds of one true pair are 1 to 5, not 1 to 6", like=-math.log(6)),
    ],
    hints=[
        "What does PMI say about a pair that meets as often as chance?",
        "The inner product tends to PMI − log K, with PMI 0 and K = 5.",
    ],
    explain="PMI is 0, so −log 5 = −1.61. The sigmoid of it is 1/6: of six such pairs shown, one is real.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_cbow_loss(words, contexts, around, centre, noise):  # type: ignore[no-untyped-def]
    """The mean of the words around has to tell the word between them from K words of noise."""
    mean = words[around].mean(axis=0)
    true, false = contexts[centre] @ mean, contexts[noise] @ mean
    return np.log1p(np.exp(-true)) + np.log1p(np.exp(false)).sum()


def _cbow_sum(words, contexts, around, centre, noise):  # type: ignore[no-untyped-def]
    mean = words[around].sum(axis=0)
    return np.log1p(np.exp(-contexts[centre] @ mean)) + np.log1p(np.exp(contexts[noise] @ mean)).sum()


def _cbow_swapped(words, contexts, around, centre, noise):  # type: ignore[no-untyped-def]
    return reference_cbow_loss(contexts, words, around, centre, noise)


def _cbow_average_noise(words, contexts, around, centre, noise):  # type: ignore[no-untyped-def]
    mean = words[around].mean(axis=0)
    return np.log1p(np.exp(-contexts[centre] @ mean)) + np.log1p(np.exp(contexts[noise] @ mean)).mean()


def _cbow_noise_sign(words, contexts, around, centre, noise):  # type: ignore[no-untyped-def]
    mean = words[around].mean(axis=0)
    return np.log1p(np.exp(-contexts[centre] @ mean)) + np.log1p(np.exp(-contexts[noise] @ mean)).sum()


def _cbow_is_skipgram(words, contexts, around, centre, noise):  # type: ignore[no-untyped-def]
    true, false = contexts[around] @ words[centre], contexts[noise] @ words[centre]
    return np.log1p(np.exp(-true)).sum() + np.log1p(np.exp(false)).sum()


def _cbow_likelihood(words, contexts, around, centre, noise):  # type: ignore[no-untyped-def]
    return -reference_cbow_loss(words, contexts, around, centre, noise)


def _some_window(generator: np.random.Generator) -> tuple[Any, ...]:
    words, contexts = generator.normal(size=(2, 9, 4))
    around = generator.integers(0, 9, size=int(generator.integers(2, 6)))
    return words, contexts, around, int(generator.integers(0, 9)), generator.integers(0, 9, size=3)


cbow = Exercise(
    "03.cbow",
    title="CBOW: the word between",
    minutes=10,
    kind="code",
    prompt="Skip-gram goes from a word to its neighbours; CBOW goes from the neighbours to the word. Write "
    "`my_cbow_loss(words, contexts, around, centre, noise)` in numpy: `words` and `contexts` are tables of shape (V, D), "
    "`around` holds the ids of the words in the window, `centre` the id of the word between them, `noise` K ids. The mean "
    "of the rows of `words` for the window stands for the window; `contexts` holds the vectors of the word to be found. "
    "Return the negative-sampling loss of this one window, in nats.",
    reference=reference_cbow_loss,
    sample=_some_window,
    checks=[
        Mistake("the window is summed; CBOW takes the mean, so that long windows do not shout", like=_cbow_sum),
        Mistake("the tables are exchanged: `words` belong to the window, `contexts` to the centre", like=_cbow_swapped),
        Mistake("the K noise terms are averaged; they are summed, each noise word is an example of its own",
                like=_cbow_average_noise),
        Mistake("the noise has the sign of a true pair: it is rewarded for scoring high", like=_cbow_noise_sign),
        Mistake("that is skip-gram: the centre predicts each neighbour", like=_cbow_is_skipgram),
        Mistake("that is the log-likelihood; a loss is its negative", like=_cbow_likelihood),
    ],
    hints=[
        "One vector for the window: `words[around].mean(axis=0)`, of shape (D,).",
        "−log σ(x) is `np.log1p(np.exp(-x))`: once with the true score, and K times with the noise scores, sign turned.",
    ],
    explain="`Cbow` in `course_utils/models/word2vec.py` does the same for a batch. One update for each window and not one "
    "for each pair: CBOW is faster, skip-gram gives rare words more.",
)  # fmt: skip


# -- think -------------------------------------------------------------------------------------------


def reference_expected_loss(counts, noise, negatives, scores):  # type: ignore[no-untyped-def]
    """What sampled losses average to: pairs that occur, and for each word K times the noise."""
    positive = counts * np.log1p(np.exp(-scores))
    negative = negatives * counts.sum(axis=1, keepdims=True) * noise * np.log1p(np.exp(scores))
    return (positive + negative).sum() / counts.sum()


def _expected_no_k(counts, noise, negatives, scores):  # type: ignore[no-untyped-def]
    return reference_expected_loss(counts, noise, 1, scores)


def _expected_from_pairs(counts, noise, negatives, scores):  # type: ignore[no-untyped-def]
    loss = counts * (np.log1p(np.exp(-scores)) + negatives * noise * np.log1p(np.exp(scores)))
    return loss.sum() / counts.sum()


def _expected_unweighted(counts, noise, negatives, scores):  # type: ignore[no-untyped-def]
    loss = counts * np.log1p(np.exp(-scores)) + negatives * noise * np.log1p(np.exp(scores))
    return loss.sum() / counts.sum()


def _expected_total(counts, noise, negatives, scores):  # type: ignore[no-untyped-def]
    return reference_expected_loss(counts, noise, negatives, scores) * counts.sum()


def _expected_unseen(counts, noise, negatives, scores):  # type: ignore[no-untyped-def]
    positive = counts * np.log1p(np.exp(-scores))
    negative = negatives * counts.sum(axis=1, keepdims=True) * noise * np.log1p(np.exp(scores))
    return (positive + negative * (counts == 0)).sum() / counts.sum()


def _expected_wrong_axis(counts, noise, negatives, scores):  # type: ignore[no-untyped-def]
    positive = counts * np.log1p(np.exp(-scores))
    negative = negatives * counts.sum(axis=1, keepdims=True) * noise[:, None] * np.log1p(np.exp(scores))
    return (positive + negative).sum() / counts.sum()


def _some_table(generator: np.random.Generator) -> tuple[Any, ...]:
    counts = generator.poisson(1.5, size=(4, 4)) + np.diag(generator.integers(1, 5, size=4)).astype(float)
    return (
        counts,
        generator.dirichlet(np.ones(4)),
        int(generator.integers(2, 8)),
        generator.normal(size=(4, 4)) * 2,
    )


expected = Exercise(
    "03.expected",
    title="What sampling amounts to",
    minutes=30,
    kind="think",
    prompt="Take the samples away. `counts[i, j]` says how often word i is drawn with context j in one pass, `noise[j]` how "
    "likely j is as noise, `negatives` is K, and `scores[i, j]` the inner product of word i and context j. Write "
    "`my_expected_loss(counts, noise, negatives, scores)`: the negative-sampling loss that a pass has on average, in nats "
    "per pair.",
    reference=reference_expected_loss,
    sample=_some_table,
    checks=[
        Mistake("K is missing: each pair comes with K noise words", like=_expected_no_k),
        Mistake(
            "noise is charged only to contexts that occur with the word; a noise word may be any word, whatever "
            "counts[i, j] is",
            like=_expected_from_pairs,
        ),
        Mistake("every word gets the same amount of noise; it is drawn once for each of the word's pairs, N(i) · K times",
                like=_expected_unweighted),
        Mistake("that is the sum over a pass; asked for is the loss per pair", like=_expected_total),
        Mistake("pairs that occur are never drawn as noise here; word2vec's noise does not look", like=_expected_unseen),
        Mistake("noise[j] belongs to the context, so it runs along the columns", like=_expected_wrong_axis),
    ],
    hints=[
        "Pair (i, j) is drawn as true counts[i, j] times. How often is it drawn as noise?",
        "Word i is drawn counts[i].sum() times, each time with K noise words, and each of these is j with noise[j].",
        "−log σ(−x) is `np.log1p(np.exp(x))`. Sum over all i and j, divide by counts.sum().",
    ],
    explain="Set the derivative for one score to zero: counts[i, j] · σ(−x) = K · N(i) · noise[j] · σ(x), so "
    "x = log(counts[i, j] / (K · N(i) · noise[j])), which is PMI − log K. `ExpectedSkipGram` trains on this loss.",
)  # fmt: skip

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "03.no_normalisation",
            question="A softmax has to be normalised over the vocabulary. Why does negative sampling get away without it?",
            answer="Because it asks another question. The softmax asks which of all words comes next, so the scores must be "
            "compared with all others. Negative sampling asks of one pair: is it from the text or made up? That has two "
            "answers, and a sigmoid settles it from the pair's own score. The price: scores are no longer "
            "log-probabilities of words. They tend to PMI minus log K, which is just what one wants for similarity, and "
            "of no use for generating text. So it costs K + 1 scores a pair, whatever the vocabulary.",
            usual_wrong_answer="“It approximates the softmax by summing over a few words.” That is sampled softmax; "
            "negative sampling has another optimum. (Noise-contrastive estimation, which corrects for the noise, does approach the softmax.)",
            follow_up="What happens to the optimum when K grows? (It is PMI minus log K, so all scores go down alike; more noise "
            "words estimate it better and cost more.)",
            evidence="7. The picture",
        ),
        InterviewQuestion(
            "03.three_quarters",
            question="Noise words are drawn in proportion to count to the power 3/4. What does the power do?",
            answer="Noise is what a pair is compared with, so the noise distribution plays the part of p(context) in PMI. With "
            "power 1 that is plain PMI, if the text is not thinned; it overrates rare contexts: seen once by luck, they look "
            "like strong evidence. Power 3/4 draws rare words more often than power 1 does, so their scores go down. Power 0 "
            "would draw all words alike; then frequency is not divided out at all, and common contexts dominate as in "
            "raw counts. Three quarters was found by trial and is not sacred.",
            usual_wrong_answer="“It makes frequent words more frequent, because the model has to learn them well.” "
            "The other way round: it takes noise away from frequent words.",
            follow_up="Where else is that power used? (Smoothed contexts in PPMI, Levy, Goldberg and Dagan 2015.)",
            evidence="9. Break it",
        ),
        InterviewQuestion(
            "03.two_matrices",
            question="Why does word2vec keep two vectors for each word, and what has that to do with counting?",
            answer="The score of a pair says how much likelier than chance it is, also for a word with itself. For a word "
            "that does not come back nearby that score should be low, but the inner product of a vector with itself is its "
            "squared length, never below zero. In general: one table can only write W times W transposed, without negative eigenvalues, and "
            "the table of PMI minus log K has plenty. Two tables can write any matrix. So word2vec is a weighted "
            "factorisation, of low rank, of the table that lesson 01 counted and cut down by SVD.",
            usual_wrong_answer="“One is the input and the other the output layer of the network.” True as a drawing; it "
            "does not say why they could not be the same.",
            follow_up="Which of the two do you use in the end? (The word table, or the sum of both; the sum adds "
            "first-order similarity.)",
            evidence="8. Why two tables",
        ),
    ]
)
