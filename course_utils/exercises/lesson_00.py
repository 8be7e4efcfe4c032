"""Lesson 00: the softmax, its temperature, and a softmax that went wrong."""

from __future__ import annotations

import numpy as np
import torch

from course_utils.plots.bars import bars_svg
from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock


def suspicious_softmax(scores: torch.Tensor) -> torch.Tensor:
    """The planted fault of section 7: scores of shape (B, V), normalised over the batch."""
    exponentials = torch.exp(scores - scores.max())
    return exponentials / exponentials.sum(dim=0)


# -- predict, then look --------------------------------------------------------------------------------


def guess_temperature(drawing: str, *, measured: float) -> Prediction:
    """Section 5: what the leader gets when the temperature falls; `drawing` shows three temperatures."""
    return Prediction(
        "00.temperature",
        question="Probability of the first choice at temperature 0.25:",
        low=0,
        high=1,
        step=0.01,
        look=Picture(
            drawing,
            alt="The same three scores at temperatures 0.25, 1 and 4: one bar takes nearly everything, then two "
            "thirds, then little more than four tenths.",
        ),
        measured=round(measured, 2),
        explain="Dividing by 0.25 multiplies the gaps between the scores by 4, and a gap of g becomes a ratio of e to "
        "the g.",
    )


def guess_fault(sums: list[float], *, right: list[float]) -> Prediction:
    """Section 7: what is wrong with `suspicious_softmax`; `sums` are those of the rows."""
    over_batch = "it normalises over the readers, not over the drinks"
    return Prediction(
        "00.fault",
        question="What is wrong with it?",
        choices=["it overflows", "it forgets to exponentiate", over_batch, "the temperature is missing"],
        look=Picture(
            bars_svg(
                sums,
                labels=["first reader", "second reader", "third reader"],
                title="Sum of each reader's probabilities: should be 1",
                label="Sums of the rows",
                number_format="{:.2f}",
            ),
            alt="Bars with the sum of each reader's probabilities. None of the three is 1.",
        ),
        measured=over_batch,
        explain=f"The rows sum to {', '.join(f'{s:.2f}' for s in sums)}; the columns sum to 1. Done right, the second "
        f"reader gets {', '.join(f'{p:.2f}' for p in right)}.",
    )


# -- recall ------------------------------------------------------------------------------------------

shares = Exercise(
    "00.shares",
    title="Equal scores",
    minutes=2,
    kind="recall",
    prompt="Four choices all have the score 3. Which probability does softmax give to each of them, "
    "and what does a temperature of 10 change about it? Answer with the probability.",
    reference=0.25,
    checks=[
        Mistake("that is a score; probabilities lie between 0 and 1", matches=lambda answer: answer > 1),
        Mistake(
            "four choices that are treated alike must share 1 between them", matches=lambda a: a in (1, 0.75)
        ),
        Mistake("that would be e to the 3, not yet divided by the sum", like=float(np.exp(3))),
    ],
    hints=[
        "Softmax looks at differences between scores. What are the differences here?",
        "Four equal probabilities sum to 1.",
    ],
    explain="Only differences between scores matter, and here there are none. Temperature divides zero differences.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_softmax(scores, temperature):  # type: ignore[no-untyped-def]
    """Softmax over the last axis: subtract the largest, exponentiate, divide by the sum."""
    scaled = np.asarray(scores, dtype=float) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _over_the_batch(scores, temperature):  # type: ignore[no-untyped-def]
    return reference_softmax(np.asarray(scores).T, temperature).T


def _over_everything(scores, temperature):  # type: ignore[no-untyped-def]
    exponentials = np.exp(np.asarray(scores) / temperature - np.max(scores) / temperature)
    return exponentials / exponentials.sum()


def _times_temperature(scores, temperature):  # type: ignore[no-untyped-def]
    return reference_softmax(scores, 1 / temperature)


def _no_temperature(scores, temperature):  # type: ignore[no-untyped-def]
    return reference_softmax(scores, 1.0)


def _not_normalised(scores, temperature):  # type: ignore[no-untyped-def]
    return np.exp(np.asarray(scores) / temperature)


def _overflows(function):  # type: ignore[no-untyped-def]
    """Right on small scores, not finite on large ones."""
    small = np.array([[1.0, 0.0], [2.0, 2.0]])
    if not np.allclose(function(small, 1.0), reference_softmax(small, 1.0)):
        return False
    with np.errstate(all="ignore"):
        return not np.isfinite(function(np.array([[1000.0, 0.0]]), 1.0)).all()


def _small_batch(generator: np.random.Generator) -> tuple[np.ndarray, float]:
    return generator.normal(size=(3, 4)) * 3, float(generator.uniform(0.3, 3))


softmax = Exercise(
    "00.softmax",
    title="A softmax that survives",
    minutes=10,
    kind="code",
    prompt="Write `my_softmax(scores, temperature)` for an array of scores of shape (B, V): probabilities over the "
    "last axis, each row for itself. It must survive scores of 1000.",
    reference=reference_softmax,
    inputs=[(np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), 1.0), (np.array([[1000.0, 0.0]]), 1.0)],
    sample=_small_batch,
    checks=[
        Mistake(
            "large scores overflow: `exp(1000)` is infinity, and infinity divided by itself is no number; "
            "subtract each row's largest score first",
            matches=_overflows,
        ),
        Mistake(
            "it normalises over the batch (axis 0): columns sum to 1, and each row should",
            matches=lambda f: (
                np.allclose(f(np.eye(3), 1.0), _over_the_batch(np.eye(3) * 1.0, 1.0))
                and np.allclose(f(np.diag([1.0, 2.0]), 1.0).sum(axis=0), 1)
                and not np.allclose(f(np.diag([1.0, 2.0]), 1.0).sum(axis=1), 1)
            ),
        ),
        Mistake(
            "it divides by the sum over all rows; each row must sum to 1 by itself", like=_over_everything
        ),
        Mistake("it multiplies by the temperature; scores are divided by it", like=_times_temperature),
        Mistake("it never uses the temperature", like=_no_temperature),
        Mistake(
            "the rows do not sum to 1; divide by the sum of the exponentials",
            matches=lambda f: np.allclose(f(np.eye(2), 2.0), _not_normalised(np.eye(2), 2.0)),
        ),
    ],
    hints=[
        "Three steps: divide by the temperature, exponentiate, divide by the sum of each row.",
        "`keepdims=True` keeps the summed axis, so that the division lines up with the rows.",
        "Subtract `scaled.max(axis=-1, keepdims=True)` before `np.exp`: it cancels in the fraction.",
    ],
    explain="Subtracting the largest score changes nothing in the fraction and keeps every exponent at or below 0.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_temperature_for(scores, bits):  # type: ignore[no-untyped-def]
    """Bisection: entropy grows with temperature, so halve the interval that must hold the answer."""
    scores = np.asarray(scores, dtype=float)
    low, high = 1e-3, 1e3
    for _ in range(200):
        middle = np.sqrt(low * high)  # halving on the log scale: temperatures are ratios
        probabilities = reference_softmax(scores, middle)
        seen = probabilities[probabilities > 0]
        if -(seen * np.log2(seen)).sum() < bits:
            low = middle
        else:
            high = middle
    return float(middle)


def _in_nats(scores, bits):  # type: ignore[no-untyped-def]
    return reference_temperature_for(scores, bits / np.log(2))


def _inverse(scores, bits):  # type: ignore[no-untyped-def]
    return 1 / reference_temperature_for(scores, bits)


def _share_of_the_most(scores, bits):  # type: ignore[no-untyped-def]
    return bits / np.log2(len(scores))


def _scores_and_bits(generator: np.random.Generator) -> tuple[np.ndarray, float]:
    scores = generator.normal(size=5) * 2
    return scores, float(generator.uniform(0.6, 1.8))


temperature_for = Exercise(
    "00.temperature_for",
    title="Set the indecision",
    minutes=30,
    kind="think",
    prompt="Write `my_temperature_for(scores, bits)`: the temperature at which the softmax of `scores` has an entropy "
    "of `bits`. There is no formula. Use what the explorer shows about how entropy changes with temperature. "
    "Answers within 1 in 1,000 count.",
    reference=reference_temperature_for,
    inputs=[(np.array([2.0, 1.0, 0.0]), 1.0), (np.array([2.0, 1.0, 0.0]), 1.5)],
    sample=_scores_and_bits,
    tolerance=1e-3,
    checks=[
        Mistake("it measures entropy in nats; with `np.log2` it is in bits", like=_in_nats),
        Mistake("it gives one over the temperature; scores are divided by it", like=_inverse),
        Mistake(
            "entropy does not grow in a straight line with temperature; search for the temperature instead",
            like=_share_of_the_most,
        ),
        Mistake(
            "it gives the same temperature whatever the entropy asked for",
            matches=lambda f: f(np.array([2.0, 0.0]), 0.2) == f(np.array([2.0, 0.0]), 0.8),
        ),
    ],
    hints=[
        "Move the slider: does entropy ever fall while the temperature rises?",
        "It never does. So start with a temperature surely too low and one surely too high, and try the middle.",
        "Keep the half that must hold the answer, and repeat. Fifty halvings are plenty; halve on the log scale.",
    ],
    explain="A quantity that only rises can be inverted by bisection, without a formula. t-SNE sets its "
    "perplexity in this way, point by point; you'll meet it in lesson 05.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "00.temperature",
            question="What does the temperature of a softmax do, and when would you change it?",
            answer="It divides the scores before the exponential. Below 1 the gaps grow and the leader takes nearly "
            "all; above 1 the distribution flattens. The order of the choices never changes, only how decided the model "
            "seems. I'd lower it when generating code or facts, raise it for variety, and fit it on held-out data "
            "to calibrate a classifier. At the limits it becomes an argmax, or a uniform draw.",
            usual_wrong_answer="“It makes the model more creative.” It adds no knowledge and reorders nothing; it only "
            "changes how often the second and third choice are drawn.",
            follow_up="Can a temperature make a wrong first choice right? (No: the order stays.)",
            evidence="5. Softmax, the function you'll meet in every lesson",
        ),
        InterviewQuestion(
            "00.stability",
            question="Why does every softmax implementation subtract the maximum?",
            answer="Because exp of a large score overflows: in 32-bit floats beyond about 88. Adding the same number "
            "to all scores changes no probability, since the factor cancels in the fraction. With the largest score moved "
            "to 0, every exponential lies between 0 and 1 and at least one is exactly 1, so neither the sum nor the "
            "division can fail. For the loss one goes further and computes log-softmax directly.",
            usual_wrong_answer="“To normalise the scores.” The division normalises; the subtraction only keeps the "
            "numbers finite.",
            follow_up="And what if all scores of a row are minus infinity, as with a mask that hides everything?",
            evidence="8. Exercises",
        ),
        InterviewQuestion(
            "00.axis",
            question="A classifier trains, its loss falls, and its predictions are useless. How could a softmax be "
            "to blame, and how would you find out?",
            answer="It may run over the wrong axis: over the batch instead of the classes. All values still lie between 0 "
            "and 1 and the shape is right, so no error appears. I would sum the probabilities over the class axis: each row "
            "must give 1. Then I'd check that an example's prediction does not change when its neighbours in the batch "
            "do.",
            usual_wrong_answer="“Lower the learning rate.” That treats a symptom nobody has measured.",
            follow_up="Which test would have caught it? (Batch order must not matter.)",
            evidence="7. Break it",
        ),
    ]
)
