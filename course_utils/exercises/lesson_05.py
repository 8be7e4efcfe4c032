"""Lesson 05: what a map may be asked, stability without aligning, and the control that noise provides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def careless_labels(words: Sequence[str]) -> list[str]:
    """The planted fault of section 10: the words of a list, each once, for the legend of a map."""
    return sorted(set(words))  # the vectors stay in the order of the list


# -- predict, then look --------------------------------------------------------------------------------


def guess_islands(drawing: str, *, words: int, noise: int) -> Prediction:
    """Section 5: how many islands a map of noise shows; `drawing` has both maps, coloured by island."""
    return Prediction(
        "05.islands",
        question=f"The same rule finds {words} islands on the map of words. On the map of random vectors it finds:",
        low=0,
        high=50,
        step=1,
        unit="islands",
        look=Picture(
            drawing,
            alt="Two maps of 340 points side by side, coloured by island: left words, right random vectors. Both show "
            "many separate coloured patches.",
        ),
        measured=noise,
        explain="Random vectors have no groups at all: every one of them is about equally far from all others. Whoever "
        "saw only the right map would start to name its islands.",
    )


def guess_allowed(figure: Figure, *, barred: float, allowed: float) -> Prediction:
    """Section 8: what is left of the analogies once a, b and c may be answers; shares from 0 to 1."""
    return Prediction(
        "05.allowed",
        question=f"With a, b and c barred as answers, {barred:.0%} are right. Once they are allowed:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=Picture(
            figure,
            alt="For each of 14 sections three marks: right answers with the question's words barred, most of them "
            "high; the nearest neighbour of c alone, clearly lower, but as high for plurals; and with the question's words "
            "allowed, nearly zero everywhere.",
        ),
        measured=round(100 * allowed, 1),
        explain="c is itself a term of the sum, so c usually stays the word nearest to it. Barring it lets the next "
        "word win, and for plurals the nearest neighbour of c would have been right without any step.",
    )


def guess_fault(drawing: str) -> Prediction:
    """Section 10: what is wrong with the colleague's map; `drawing` shows it with the right names beside it."""
    labels = "the names belong to other points"
    return Prediction(
        "05.fault",
        question="What is wrong with your colleague's map?",
        choices=[
            "the vectors are random",
            "the map is not faithful to the vectors",
            labels,
            "the seed was unlucky",
        ],
        look=Picture(
            drawing,
            alt="The same cloud of points twice, coloured by the group of each word: on the left the colours are mixed "
            "in every island, on the right each island has one colour.",
        ),
        measured=labels,
        explain="The points are the same on both sides. Trustworthiness compares points with vectors and has never "
        "heard of names.",
    )


# -- recall ------------------------------------------------------------------------------------------

penalty = Exercise(
    "05.penalty",
    title="What one point costs",
    minutes=2,
    kind="recall",
    prompt="With k = 3, the three drawn neighbours of “crane” have the true ranks 2, 5 and 12 (1 would be its nearest word). "
    "How much does “crane” add to the sum that trustworthiness subtracts?",
    reference=11,
    checks=[
        Mistake("that counts the false neighbours; each costs by how far its rank is beyond k", like=2),
        Mistake("that adds up all ranks; what counts is how far a rank is beyond k", like=19),
        Mistake("that adds up the ranks of the false neighbours; subtract k from each", like=17),
        Mistake(
            "rank 2 is within k = 3, so it costs 0 and earns nothing; you let it count as −1",
            like=10,
        ),
    ],
    hints=[
        "Rank 2 belongs there. Which two do not?",
        "A false neighbour costs its true rank minus k.",
    ],
    explain="(5 − 3) + (12 − 3) = 11. A neighbour that just missed the list costs little, a stranger much.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_overlap(first, second, k):  # type: ignore[no-untyped-def]
    """Mean share of each point's k nearest other points that two maps have in common."""
    shares = []
    near = []
    for points in (first, second):
        points = np.asarray(points, dtype=float)
        distances = np.linalg.norm(points[:, None] - points[None], axis=2)
        np.fill_diagonal(distances, np.inf)
        near.append(np.argsort(distances, axis=1)[:, :k])
    for one, other in zip(*near, strict=True):
        shares.append(len(set(one) & set(other)) / k)
    return float(np.mean(shares))


def _nearest(points, k, *, itself=False, farthest=False):  # type: ignore[no-untyped-def]
    points = np.asarray(points, dtype=float)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    if not itself:
        np.fill_diagonal(distances, -np.inf if farthest else np.inf)
    return np.argsort(-distances if farthest else distances, axis=1)[:, :k]


def _counts_itself(first, second, k):  # type: ignore[no-untyped-def]
    near = zip(_nearest(first, k, itself=True), _nearest(second, k, itself=True), strict=True)
    return float(np.mean([len(set(one) & set(other)) / k for one, other in near]))


def _same_place(first, second, k):  # type: ignore[no-untyped-def]
    return float((_nearest(first, k) == _nearest(second, k)).mean())


def _jaccard(first, second, k):  # type: ignore[no-untyped-def]
    near = zip(_nearest(first, k), _nearest(second, k), strict=True)
    return float(np.mean([len(set(one) & set(other)) / len(set(one) | set(other)) for one, other in near]))


def _a_count(first, second, k):  # type: ignore[no-untyped-def]
    return reference_overlap(first, second, k) * k


def _farthest(first, second, k):  # type: ignore[no-untyped-def]
    near = zip(_nearest(first, k, farthest=True), _nearest(second, k, farthest=True), strict=True)
    return float(np.mean([len(set(one) & set(other)) / k for one, other in near]))


def _needs_aligning(function):  # type: ignore[no-untyped-def]
    points = np.random.default_rng(1).normal(size=(9, 2))
    turned = points @ np.array([[0.0, 1.0], [-1.0, 0.0]]) * 3 + 5
    return not np.isclose(function(points, turned, 3), function(points, points, 3))


def _two_maps(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    first = generator.normal(size=(12, 2))
    return first, first + 0.5 * generator.normal(size=(12, 2)), int(generator.integers(2, 5))


overlap = Exercise(
    "05.overlap",
    title="The same map again?",
    minutes=10,
    kind="code",
    prompt="Two seeds gave two maps, arrays of shape (N, 2) with the same words in the same rows. Write "
    "`my_overlap(first, second, k)`: the share of a point's k nearest other points in the first map that are also among "
    "its k nearest in the second, averaged over all points. A map that was turned, mirrored or enlarged must count as "
    "the same map.",
    reference=reference_overlap,
    sample=_two_maps,
    checks=[
        Mistake(
            "every point counts as its own neighbour, which all maps agree on; take it out",
            like=_counts_itself,
        ),
        Mistake(
            "it asks for the same neighbour at the same place of the list; the order within the k does not matter",
            like=_same_place,
        ),
        Mistake(
            "it divides by the number of different neighbours (Jaccard); asked for is the share of k",
            like=_jaccard,
        ),
        Mistake("it counts the common neighbours; divide by k", like=_a_count),
        Mistake("these are the k farthest points; sort distances upwards", like=_farthest),
        Mistake(
            "a turned and enlarged copy does not count as the same map: compare lists of neighbours, not positions",
            matches=_needs_aligning,
        ),
    ],
    hints=[
        "All distances at once: `np.linalg.norm(p[:, None] - p[None], axis=2)` has shape (N, N).",
        "`np.fill_diagonal(distances, np.inf)`, then `np.argsort(distances, axis=1)[:, :k]`.",
        "`len(set(one) & set(other)) / k` for each point, then the mean.",
    ],
    explain="Distances inside a map do not change when it is turned, so nothing has to be aligned.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_p_value(observed, controls):  # type: ignore[no-untyped-def]
    """How often chance alone gets at least this high, the observed one counted among the chances."""
    controls = np.asarray(controls)
    return float((1 + (controls >= observed).sum()) / (1 + len(controls)))


def _with_controls(generator: np.random.Generator) -> tuple[int, np.ndarray]:
    return int(generator.integers(0, 12)), generator.integers(0, 10, size=9)


control = Exercise(
    "05.control",
    title="Would noise have done the same?",
    minutes=30,
    kind="think",
    prompt="`observed` is a mark of your map: its number of islands, its trustworthiness, anything where more is better. "
    "`controls` are the same mark of maps of random vectors, drawn with the same settings. Write `my_p_value(observed, "
    "controls)`: suppose your vectors were random, too; how likely is a mark at least as high as `observed`, as far as "
    "these controls can tell? Under that suspicion your map is one more of the same kind, so the answer is never 0.",
    reference=reference_p_value,
    inputs=[(5, np.array([1, 2, 3, 4])), (3, np.array([3, 3, 1]))],
    sample=_with_controls,
    checks=[
        Mistake(
            "with no control as high it says 0: four controls cannot prove that. Count your map as one of them, above "
            "and below the line",
            like=lambda observed, controls: float((np.asarray(controls) >= observed).mean()),
        ),
        Mistake(
            "a control that is exactly as high also did the same; it is left out (> instead of >=)",
            like=lambda observed, controls: float(
                (1 + (np.asarray(controls) > observed).sum()) / (1 + len(controls))
            ),
        ),
        Mistake(
            "that is the share of controls that are lower: near 1 when your map is the best",
            like=lambda observed, controls: float((np.asarray(controls) < observed).mean()),
        ),
        Mistake(
            "that counts the controls at most as high; asked for are those at least as high",
            like=lambda observed, controls: float(
                (1 + (np.asarray(controls) <= observed).sum()) / (1 + len(controls))
            ),
        ),
        Mistake(
            "it adds 1 above the line only; your map is also one more of all maps",
            like=lambda observed, controls: float(
                (1 + (np.asarray(controls) >= observed).sum()) / len(controls)
            ),
        ),
        Mistake(
            "that is a distance in standard deviations; count controls instead, then no shape is assumed",
            like=lambda observed, controls: float((observed - np.mean(controls)) / np.std(controls)),
        ),
    ],
    hints=[
        "Line up your map with the controls: n + 1 maps, and under the suspicion they are all alike.",
        "How many of the n + 1, yours included, are at least as high as yours?",
    ],
    explain="With n controls the smallest p-value is 1 / (n + 1): 19 controls for 0.05 (Phipson and Smyth 2010, "
    "“Permutation P-values Should Never Be Zero”).",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "05.distances",
            question="On a t-SNE map, cluster A lies next to B and far from C. May I say that A is more similar to B?",
            answer="Not from the map. t-SNE keeps near neighbours near, and pays almost nothing for where it puts "
            "whole clusters relative to each other; that depends much on the start. I would redraw with another seed and "
            "see whether A is still next to B. Then I would put the map away and compare the centres of the clusters "
            "in the original vectors. In our eight groups the order of the distances between the drawn groups agreed "
            "only in part with the true one. Sizes and gaps are no better: t-SNE evens out densities.",
            usual_wrong_answer="“Yes, that is what a map is for.” Or the other extreme: that nothing on a t-SNE map means "
            "anything. Who is whose near neighbour usually does.",
            follow_up="Does starting from PCA help? (It makes the layout repeatable and keeps more of the large "
            "order; Kobak and Linderman 2021. Sizes and gaps still cannot be read off.)",
            evidence="7. What another seed changes",
        ),
        InterviewQuestion(
            "05.check_a_map",
            question="A colleague shows a UMAP of your customers with seven clear clusters. How do you check it?",
            answer="Four cheap checks. One: trustworthiness and continuity, to see whether drawn neighbours are true. "
            "Two: a control map, random vectors of the same shape with the same settings; if it has islands, too, islands "
            "are no evidence. Three: other seeds and settings; what does not come back was chance. Four: look for the groups "
            "in the vectors, without the map, and whether anything outside the map, a label or a later purchase, agrees. "
            "And I check that names and rows still belong together, which none of those marks would notice.",
            usual_wrong_answer="“The clusters are clearly separated, so they are real.” On our map of noise, drawn "
            "with few neighbours, they looked as clear.",
            follow_up="Trustworthiness is 0.94. Is all well? (It compares points with vectors. Wrong labels or bad "
            "vectors pass.)",
            evidence="5. The control",
        ),
        InterviewQuestion(
            "05.analogies",
            question="A model answers 76 % of analogy questions. What does that number hide?",
            answer="That the three words of the question are barred as answers. Allow them and nearly nothing is right: "
            "the nearest word to king − man + woman is king. Second, how much the arithmetic does: in our "
            "vectors the nearest neighbour of the third word alone is right for half of the questions, and for plurals as often "
            "as with the arithmetic. Third, coverage: questions with an unknown word are left out. Fourth, sections: "
            "nationalities at almost 100 % and currencies at 7 % average to something that describes neither.",
            usual_wrong_answer="“It shows that the model understands relations.”",
            follow_up="What baseline would you ask for? (The neighbour of c alone, and random vectors.)",
            evidence="8. Analogies, and what they hide",
        ),
    ]
)
