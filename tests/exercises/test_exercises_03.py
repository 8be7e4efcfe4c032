"""Lesson 03's checkers, against right, empty and plausibly wrong answers."""

import math

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.exercises import lesson_03 as exercises
from course_utils.models.word2vec import Cbow, Word2VecConfig
from course_utils.models.word2vec_pairs import WindowBatch


def softplus(x):
    return np.logaddexp(0, x)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (-1.61, "correct", "PMI is 0"),
        (math.log(1 / 5), "correct", ""),
        (0, "wrong", "that is their PMI"),
        (1.609, "wrong", "the sign"),
        (0.2, "wrong", "as odds"),
        (0.167, "wrong", "probability"),
        (-2.32, "wrong", "bits"),
        (-1.79, "wrong", "log 6"),
        (-5, "wrong", ""),
    ],
)
def test_chance(answer, status, says):
    assert_verdict(exercises.chance, answer, status=status, says=says)


def cbow_by_the_course(words, contexts, around, centre, noise):
    model = Cbow(len(words), Word2VecConfig(dimension=words.shape[1])).double()
    with torch.no_grad():
        model.words.copy_(torch.from_numpy(words))
        model.contexts.copy_(torch.from_numpy(contexts))
    batch = WindowBatch(torch.tensor(around)[None], torch.tensor([centre]), torch.tensor(noise)[None])
    return model.loss(batch).item()


def cbow_by_loops(words, contexts, around, centre, noise):
    mean = sum(words[i] for i in around) / len(around)
    loss = -math.log(1 / (1 + math.exp(-(mean @ contexts[centre]))))
    return loss + sum(-math.log(1 / (1 + math.exp(mean @ contexts[k]))) for k in noise)


def cbow_with(*, around=np.mean, noise=np.sum, sign=1.0, swap=False):
    def loss(words, contexts, window, centre, drawn):
        if swap:
            words, contexts = contexts, words
        mean = around(words[window], axis=0)
        return softplus(-contexts[centre] @ mean) + noise(softplus(sign * contexts[drawn] @ mean))

    return loss


def skipgram_loss(words, contexts, around, centre, noise):
    return softplus(-contexts[around] @ words[centre]).sum() + softplus(contexts[noise] @ words[centre]).sum()


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.cbow.reference, "correct", "skip-gram gives rare words more"),
        (cbow_by_the_course, "correct", ""),
        (cbow_by_loops, "correct", ""),
        (stub, "not attempted", ""),
        (cbow_with(around=np.sum), "wrong", "takes the mean"),
        (cbow_with(swap=True), "wrong", "exchanged"),
        (cbow_with(noise=np.mean), "wrong", "they are summed"),
        (cbow_with(sign=-1.0), "wrong", "rewarded for scoring high"),
        (skipgram_loss, "wrong", "that is skip-gram"),
        (lambda *a: -cbow_by_loops(*a), "wrong", "log-likelihood"),
        (lambda *a: 1.0, "wrong", ""),
    ],
)
def test_cbow(answer, status, says):
    verdict = exercises.cbow.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def expected_by_loops(counts, noise, negatives, scores):
    loss = 0.0
    for i, j in np.ndindex(counts.shape):
        loss += counts[i, j] * softplus(-scores[i, j])
        loss += negatives * counts[i].sum() * noise[j] * softplus(scores[i, j])
    return loss / counts.sum()


def in_one_line(counts, noise, negatives, scores):
    # softplus(-x) = softplus(x) - x
    drawn = negatives * np.outer(counts.sum(1), noise)
    return ((counts + drawn) * softplus(scores) - counts * scores).sum() / counts.sum()


def expected_with(drawn):
    def loss(counts, noise, negatives, scores):
        positive = counts * softplus(-scores)
        return (positive + drawn(counts, noise, negatives) * softplus(scores)).sum() / counts.sum()

    return loss


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.expected.reference, "correct", "PMI"),
        (expected_by_loops, "correct", ""),
        (in_one_line, "correct", ""),
        (stub, "not attempted", ""),
        (expected_with(lambda n, p, k: np.outer(n.sum(1), p)), "wrong", "K is missing"),
        (expected_with(lambda n, p, k: k * n * p), "wrong", "whatever counts"),
        (expected_with(lambda n, p, k: k * p), "wrong", "same amount of noise"),
        (lambda n, *rest: expected_by_loops(n, *rest) * n.sum(), "wrong", "per pair"),
        (expected_with(lambda n, p, k: k * np.outer(n.sum(1), p) * (n == 0)), "wrong", "does not look"),
        (expected_with(lambda n, p, k: k * n.sum(1)[:, None] * p[:, None]), "wrong", "along the columns"),
        (lambda *a: 0.0, "wrong", ""),
    ],
)
def test_expected(answer, status, says):
    verdict = exercises.expected.check(answer)
    assert verdict.status == status, verdict.message
    assert says in verdict.message


def test_the_planted_fault_is_noise_without_regard_to_frequency():
    documents = [np.array([0, 1, 0, 2, 0, 1, 0, 3])]
    config = Word2VecConfig(dimension=2, window=2, groups=1)
    model = exercises.careless_skipgram(documents, config, vocabulary_size=4)
    assert model.noise.ravel().tolist() == [0.25] * 4
    assert exercises.FAULTS[1] == "noise words are drawn without regard to how common they are"
