"""Lesson 16's checkers, against right, empty and plausibly wrong answers; and the planted fault."""

from collections import Counter

import numpy as np
import pytest
import torch
from answers import assert_verdict, stub

from course_utils.exercises import lesson_16 as exercises
from course_utils.models.gpt import GPT, GPTConfig
from course_utils.text.bpe import ByteLevelBPE


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (None, "not attempted", ""),
        (150.994944, "correct", "2 · L"),
        (151, "correct", ""),
        (2 * 12 * 4 * 12 * 64 * 1024 * 2 / 1e6, "correct", ""),
        (75.5, "wrong", "both are kept"),
        (37.75, "wrong", "there are four"),
        (302, "wrong", "4 bytes"),
        (144, "wrong", "mebibytes"),
        (12.58, "wrong", "one layer"),
        (200, "wrong", ""),
    ],
)
def test_cache_bytes(answer, status, says):
    assert_verdict(exercises.cache_bytes, answer, status=status, says=says)


def by_strings(words, counts):
    """A second right answer: words as strings with a mark between pieces, joined by replacing."""
    totals = Counter()
    for pieces, count in zip(words, counts, strict=True):
        for one, two in zip(pieces, pieces[1:], strict=False):
            totals[one, two] += count
    most = max(totals.values())
    left, right = sorted(pair for pair, total in totals.items() if total == most)[0]
    out = []
    for pieces in words:
        new = []
        for piece in pieces:
            # A joined piece is marked, so that it is not taken for a left half again.
            if new and new[-1] == (left, False) and piece == right:
                new[-1] = (left + right, True)
            else:
                new.append((piece, False))
        out.append([piece for piece, _ in new])
    return out


def merge_with(*, weigh=True, pairs=lambda p: list(zip(p, p[1:], strict=False)), pick=min, sign=-1):
    def merge(words, counts):
        totals = Counter()
        for pieces, count in zip(words, counts, strict=True):
            for pair in pairs(pieces):
                totals[pair] += count if weigh else 1
        best = min(sign * total for total in totals.values())
        chosen = pick(pair for pair, total in totals.items() if sign * total == best)
        return join(words, chosen)

    return merge


def join(words, pair):
    out = []
    for pieces in words:
        new, place = [], 0
        while place < len(pieces):
            step = 2 if tuple(pieces[place : place + 2]) == pair else 1
            new.append("".join(pieces[place : place + step]))
            place += step
        out.append(new)
    return out


def from_the_right(words, counts):
    reversed_words = [[piece[::-1] for piece in pieces[::-1]] for pieces in words]
    totals = Counter()
    for pieces, count in zip(words, counts, strict=True):
        for pair in zip(pieces, pieces[1:], strict=False):
            totals[pair] += count
    left, right = min(totals, key=lambda pair: (-totals[pair], pair))
    merged = join(reversed_words, (right[::-1], left[::-1]))
    return [[piece[::-1] for piece in pieces[::-1]] for pieces in merged]


def only_once_a_word(words, counts):
    merged = exercises.reference_merge(words, counts)
    made = [piece for pieces in merged for piece in pieces]
    old = [piece for pieces in words for piece in pieces]
    (new,) = {piece for piece in made if made.count(piece) > old.count(piece)}
    left = next(new[:cut] for cut in range(1, len(new)) if new[:cut] in old and new[cut:] in old)
    right = new[len(left) :]
    out = []
    for pieces in words:
        for place in range(len(pieces) - 1):
            if pieces[place : place + 2] == [left, right]:
                out.append([*pieces[:place], new, *pieces[place + 2 :]])
                break
        else:
            out.append(list(pieces))
    return out


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.merge_step.reference, "correct", "two thousand"),
        (by_strings, "correct", ""),
        (merge_with(), "correct", ""),
        (stub, "not attempted", ""),
        (merge_with(weigh=False), "wrong", "each word counts once"),
        (
            merge_with(pairs=lambda p: set(zip(p, p[1:], strict=False))),
            "wrong",
            "counted twice",
        ),
        (merge_with(pick=max), "wrong", "first in the alphabet"),
        (merge_with(sign=1), "wrong", "rarest"),
        (from_the_right, "wrong", "from the right"),
        (only_once_a_word, "wrong", "only the first place"),
        (lambda words, counts: words, "wrong", ""),
    ],
)
def test_merge_step(answer, status, says):
    assert_verdict(exercises.merge_step, answer, status=status, says=says)


def test_the_merge_step_is_the_one_that_the_course_trains_with():
    text = "sun sun sun sun sunny sunny sunlight rain rain rain rain rain rain rainy rainy rainy light"
    counts = Counter(text.split())
    words = [list(word) for word in counts]
    for _ in range(5):
        words = exercises.reference_merge(words, list(counts.values()))
    # One word a text, so that none has a space in front. Ties fall alike by letters and by tokens.
    texts = [word for word, count in counts.items() for _ in range(count)]
    bpe = ByteLevelBPE.train(texts, merges=5)
    assert words == [[bpe.pieces[token] for token in bpe.encode(word)] for word in counts]


def by_matrix(weights, tokens):
    tokens = np.asarray(tokens)
    T = len(tokens)
    same = (tokens[:, None] == tokens[None, :]) & np.tri(T, k=-1, dtype=bool)
    after = np.zeros((T, T), dtype=bool)
    after[:, 1:] = same[:, :-1]
    rows = after.any(axis=1)
    return float((np.asarray(weights) * after).sum(axis=1)[rows].mean()) if rows.any() else 0


def induction_with(*, shift=1, pick=lambda places: places, total=np.sum, turned=False, everywhere=False):
    def score(weights, tokens):
        weights, found = (np.transpose(weights) if turned else weights), []
        for t, token in enumerate(tokens):
            places = [j + shift for j, other in enumerate(tokens[:t]) if other == token and j + shift >= 0]
            if places:
                found.append(total([weights[t][place] for place in pick(places)]))
            elif everywhere:
                found.append(0)
        return sum(found) / len(found) if found else 0

    return score


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (exercises.induction.reference, "correct", "weaker evidence"),
        (by_matrix, "correct", ""),
        (stub, "not attempted", ""),
        (induction_with(shift=0), "wrong", "same token's earlier places"),
        (induction_with(shift=-1), "wrong", "the place before"),
        (induction_with(pick=lambda places: places[-1:]), "wrong", "only the latest"),
        (induction_with(everywhere=True), "wrong", "leave them out"),
        (induction_with(turned=True), "wrong", "rows are queries"),
        (induction_with(total=np.mean), "wrong", "add the weights"),
        (lambda weights, tokens: 0.5, "wrong", ""),
    ],
)
def test_induction(answer, status, says):
    assert_verdict(exercises.induction, answer, status=status, says=says)


def test_an_induction_head_scores_one_and_a_head_that_looks_back_nothing():
    tokens = [3, 1, 4, 3, 1, 4]
    weights = np.zeros((6, 6))
    weights[range(3), range(3)] = 1
    weights[range(3, 6), range(1, 4)] = 1
    assert exercises.reference_induction(weights, tokens) == 1
    assert exercises.reference_induction(np.eye(6, k=-1), tokens) == 0


@pytest.mark.parametrize("kind", [GPT, exercises.TheirGPT])
def test_the_planted_fault_is_in_the_targets_alone(kind):
    torch.manual_seed(0)
    model = kind(GPTConfig(11, context=8, width=8, layers=1, heads=2, dropout=0.0)).eval()
    tokens = torch.randint(11, (3, 9))
    with torch.no_grad():
        logs = model(tokens[:, :-1]).log_softmax(dim=-1)
        targets = tokens[:, :-1] if kind is exercises.TheirGPT else tokens[:, 1:]
        wanted = -logs.gather(2, targets[..., None]).mean()
        torch.testing.assert_close(model.loss(tokens), wanted)
        torch.testing.assert_close(model.score_tokens(tokens), logs.gather(2, tokens[:, 1:, None])[..., 0])
