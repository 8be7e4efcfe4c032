"""Lesson 10: parameters of a GRU, a step of an LSTM, back-propagation through time, and padding that counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock


def careless_loss(model: Any, tokens: Tensor) -> Tensor:
    """The planted fault of section 10: what a colleague takes as the loss of a batch.

    `tokens` are of shape (B, T + 1), padded with 0; the model has `embedding`, `reader` and `output`.
    """
    states, _ = model.reader(model.embedding(tokens[:, :-1]))  # no mask: padding is read as a word
    logits = model.output(states)
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())  # and predicted as one


# -- predict, then look --------------------------------------------------------------------------------


def guess_far_questions(look: Callable[[], Picture], *, measured: float) -> Prediction:
    """Section 4: how a simple recurrent network closes long questions; a share from 0 to 1."""
    return Prediction(
        "10.far",
        question="Of the questions with eleven words or more, the trained network prefers the question mark in:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=look,
        measured=round(100 * measured),
        explain="It is not that long questions are a little harder. The word that made them questions fades from "
        "the state, and the rate falls with every word in between. The network has no lack of room: one number "
        "out of 96 would do.",
    )


def guess_gradient(look: Callable[[], Picture]) -> Prediction:
    """Section 7: whose gradient survives before and after training."""
    none = "none: all three keep less than a thousandth"
    return Prediction(
        "10.gradient",
        question="Before any training, which of the three keeps the most gradient over 20 steps?",
        choices=["the LSTM keeps a tenth or more", "the GRU keeps a tenth or more", "both do", none],
        look=look,
        measured=none,
        explain="At birth a gate is half open, and one half to the power of 20 is a millionth. What tells the "
        "three apart is what training can do about it: an LSTM or a GRU can open or close a gate for good, the "
        "simple network has nothing to open.",
    )


def guess_switch(look: Callable[[], Picture], *, measured: int) -> Prediction:
    """Section 9: how many numbers of the state carry the question."""
    return Prediction(
        "10.switch",
        question="Take the state of the GRU at the end of a question, and give some of its 96 numbers the values that they "
        "have, on average, at the end of a statement. How many numbers does it take before more than half of the "
        "questions end in a full stop?",
        low=1,
        high=96,
        step=1,
        look=look,
        measured=measured,
        explain="The numbers were ranked on validation sentences by how much they push towards the question mark. As "
        "many numbers taken at random do next to nothing.",
    )


def guess_fault(look: Picture) -> Prediction:
    """Section 10: why the colleague's perplexity is so low."""
    padding = "the padding is counted"
    return Prediction(
        "10.fault",
        question="Why is your colleague's perplexity so low?",
        choices=[
            "not sorting by length is better",
            "the network is larger",
            "it was tested on training sentences",
            padding,
        ],
        look=look,
        measured=padding,
        explain="Behind the final mark comes padding, and behind padding comes padding. A network learns that at "
        "once, and every such place lowers the mean.",
    )


# -- recall ------------------------------------------------------------------------------------------

parameters = Exercise(
    "10.parameters",
    title="Parameters of a GRU",
    minutes=2,
    kind="recall",
    prompt="A GRU of PyTorch reads vectors of 96 numbers, and its state has 96 numbers. How many parameters does it "
    "have? Count both biases of each part. How many words it will read is not known.",
    reference=3 * (96 * 96 + 96 * 96 + 96 + 96),
    checks=[
        Mistake("those are four parts, an LSTM's; a GRU has three: reset, update, candidate", like=74_496),
        Mistake("that is one part, a simple network's; a GRU has three", like=18_624),
        Mistake(
            "each part has two biases in PyTorch, one beside each matrix; one is missing",
            like=3 * (2 * 96 * 96 + 96),
        ),
        Mistake("the biases are missing: two of 96 numbers for each part", like=3 * 2 * 96 * 96),
        Mistake(
            "each part has two matrices, one for the input and one for the state",
            like=3 * (96 * 96 + 96),
        ),
        Mistake(
            "each part has two matrices, one for the input and one for the state", like=3 * (96 * 96 + 2 * 96)
        ),
    ],
    hints=[
        "Reset gate, update gate, candidate: three parts of the same form.",
        "Each part: a matrix for the input (96 × 96), one for the state (96 × 96), two biases of 96.",
    ],
    explain="3 · (96 · 96 + 96 · 96 + 96 + 96) = 55,872, for three words or for three thousand: the length of a text "
    "does not occur in it.",
)


# -- code --------------------------------------------------------------------------------------------


def _sigmoid(x):  # type: ignore[no-untyped-def]
    return 1 / (1 + np.exp(-x))


def reference_step(sums, memory):  # type: ignore[no-untyped-def]
    """State and memory of an LSTM after one more word."""
    i, f, g, o = np.split(np.asarray(sums, dtype=float), 4)
    memory = _sigmoid(f) * memory + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(memory), memory


def _step_like(sums, memory, *, order="ifgo", show=np.tanh, gate=_sigmoid, fresh=np.tanh, swap=False):  # type: ignore[no-untyped-def]
    """`reference_step` with one thing done differently."""
    part = dict(zip(order, np.split(np.asarray(sums, dtype=float), 4), strict=True))
    i, f = gate(part["i"]), gate(part["f"])
    i, f = (f, i) if swap else (i, f)
    memory = f * memory + i * fresh(part["g"])
    return gate(part["o"]) * show(memory), memory


def _draw_step(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    width = int(generator.integers(1, 5))
    return 2 * generator.normal(size=4 * width), generator.normal(size=width)


step = Exercise(
    "10.step",
    title="One step of an LSTM",
    minutes=10,
    kind="code",
    prompt="Write `my_step(sums, memory)` in numpy. `sums` is an array of 4·C numbers: what the two matrix products and the "
    "biases add up to, in PyTorch's order (input gate, forget gate, candidate, output gate). `memory` is the C numbers of "
    "the memory so far. Return `(state, memory)` after this word.",
    reference=reference_step,
    inputs=[
        (np.array([2.0, -1.0, 0.5, 3.0]), np.array([0.5])),
        (np.array([0.0, 1.0, 2.0, -2.0, 1.0, -1.0, 0.5, 4.0]), np.array([1.5, -2.0])),
    ],
    sample=_draw_step,
    checks=[
        Mistake(
            "candidate and output gate have changed places; PyTorch's order is input, forget, candidate, output",
            like=lambda sums, memory: _step_like(sums, memory, order="ifog"),
        ),
        Mistake(
            "the forget gate multiplies the old memory, the input gate the candidate; yours are exchanged",
            like=lambda sums, memory: _step_like(sums, memory, swap=True),
        ),
        Mistake(
            "the state shows tanh of the new memory; the tanh is missing",
            like=lambda sums, memory: _step_like(sums, memory, show=lambda c: c),
        ),
        Mistake(
            "the candidate goes through tanh, so that it can be negative; yours goes through the sigmoid",
            like=lambda sums, memory: _step_like(sums, memory, fresh=_sigmoid),
        ),
        Mistake(
            "gates go from 0 to 1, through the sigmoid; yours can be negative",
            like=lambda sums, memory: _step_like(sums, memory, gate=np.tanh),
        ),
        Mistake(
            "state and memory are returned the other way round",
            like=lambda sums, memory: reference_step(sums, memory)[::-1],
        ),
    ],
    hints=[
        "`i, f, g, o = np.split(sums, 4)`; sigmoid is `1 / (1 + np.exp(-x))`.",
        "The new memory is forget · old + input · candidate.",
        "The state is output · tanh(new memory).",
    ],
    explain="All that is multiplied with the old memory is the forget gate. Where it is 1, the gradient passes whole.",
)


# -- think -------------------------------------------------------------------------------------------


def reference_gradient(U, states, last):  # type: ignore[no-untyped-def]
    """Gradient by U of a loss that depends on the last state of a simple recurrent network."""
    total, gradient = np.zeros_like(U), np.asarray(last, dtype=float)
    for t in range(len(states) - 1, 0, -1):
        inside = gradient * (1 - states[t] ** 2)  # through tanh
        total = total + np.outer(inside, states[t - 1])
        gradient = U.T @ inside  # to the state before
    return total


def _gradient_like(  # type: ignore[no-untyped-def]
    U, states, last, *, steps=None, slope=lambda h: 1 - h**2, turn=True, shift=1, flip=False
):
    total, gradient = np.zeros_like(U), np.asarray(last, dtype=float)
    for t in list(range(len(states) - 1, 0, -1))[:steps]:
        inside = gradient * slope(states[t])
        total = total + np.outer(inside, states[t - shift])
        gradient = (U.T if turn else U) @ inside
    return total.T if flip else total


def _draw_text(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    width, steps = int(generator.integers(2, 4)), int(generator.integers(2, 6))
    states = np.tanh(generator.normal(size=(steps + 1, width)))
    states[0] = 0
    return generator.normal(size=(width, width)), states, generator.normal(size=width)


through_time = Exercise(
    "10.through_time",
    title="Back through time",
    minutes=30,
    kind="think",
    prompt="A simple recurrent network computed $h_t = \\tanh(W x_t + U h_{t-1} + b)$ for t = 1 … T. You are given `U`, of "
    "shape (C, C), `states`, of shape (T + 1, C), with `states[0]` = 0 the start and `states[T]` the end, and `last`, the "
    "gradient of the loss by the last state, of shape (C,). Write `my_gradient(U, states, last)`: the gradient of the loss "
    "by `U`, of shape (C, C). `U` was used at every step, so every step adds to it.",
    reference=reference_gradient,
    inputs=[
        (
            np.array([[0.5, -1.0], [2.0, 0.25]]),
            np.array([[0.0, 0.0], [0.5, -0.5], [0.25, 0.75], [-0.5, 0.1]]),
            np.array([1.0, -2.0]),
        )
    ],
    sample=_draw_text,
    checks=[
        Mistake(
            "only the last step adds to it; walk back to the first one and add up",
            like=lambda U, states, last: _gradient_like(U, states, last, steps=1),
        ),
        Mistake(
            "the slope of tanh is missing: multiply by 1 − h² at every step, before anything else",
            like=lambda U, states, last: _gradient_like(U, states, last, slope=np.ones_like),
        ),
        Mistake(
            "on the way back the matrix is transposed: U.T, not U",
            like=lambda U, states, last: _gradient_like(U, states, last, turn=False),
        ),
        Mistake(
            "at step t, U multiplied the state before, states[t - 1]; yours takes states[t]",
            like=lambda U, states, last: _gradient_like(U, states, last, shift=0),
        ),
        Mistake(
            "that is the transpose; rows belong to the new state, columns to the old one",
            like=lambda U, states, last: _gradient_like(U, states, last, flip=True),
        ),
        Mistake(
            "1 − h is not the slope of tanh; it is 1 − h², with h what came out of it",
            like=lambda U, states, last: _gradient_like(U, states, last, slope=lambda h: 1 - h),
        ),
    ],
    hints=[
        "Start with `gradient = last` and walk from t = T down to 1.",
        "At step t: `inside = gradient * (1 - states[t] ** 2)`. That is the gradient by what went into tanh.",
        "It adds `np.outer(inside, states[t - 1])`; then `gradient = U.T @ inside` is the gradient by the state before.",
    ],
    explain="The sum over steps is why a loop needs no parameters of its own for each step, and the product of the "
    "U.T·(1 − h²) is why early steps hardly count in that sum.",
)

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "10.vanishing",
            question="Why does an LSTM remember what a simple recurrent network forgets?",
            answer="Going back one step, a simple network's gradient is multiplied by the same matrix and by the slope of tanh, "
            "so over n steps it shrinks or grows like a power. In an LSTM the memory is only multiplied by the forget gate, and "
            "a GRU's state by its update gate; at one, the gradient passes whole. But the gate has to get there. I measured it: "
            "untrained, all three have lost more than 99.9 % after twenty steps. After training, part of the GRU's gradient still "
            "arrives a hundred steps back, the simple network's has vanished. So gates don't preserve the gradient, they make it "
            "possible to learn to.",
            usual_wrong_answer="“Because the LSTM has no vanishing gradient.” With a forget gate of one half it has: that is "
            "how PyTorch starts it.",
            follow_up="What would you do at the start for very long texts? (A forget bias of 1 or more, so that gates begin open.)",
            evidence="7. How much gradient is left",
        ),
        InterviewQuestion(
            "10.padding",
            question="You batch sentences of different lengths. What can go wrong?",
            answer="Three things. The state after the last column is not the state after a short sentence, if padding was read. "
            "Padding in the loss is easy to predict and makes the perplexity look wonderful. And it costs time: unsorted, about half of "
            "the places held nothing in my data. So I mask or pack, leave padding out of the loss, and put sentences of like length together. "
            "The test is simple: one sentence alone and in company must give the same numbers.",
            usual_wrong_answer="“The network learns to ignore padding.” It may, from data that never made it necessary; and the "
            "mean of the loss is still wrong.",
            follow_up="What does sorting by length cost? (Batches are less random; so shuffle first, sort inside large groups, "
            "and shuffle the batches.)",
            evidence="3. Sentences in one batch",
        ),
        InterviewQuestion(
            "10.spikes",
            question="The loss of your recurrent network falls, then jumps up and never recovers. What do you look at?",
            answer="The length of the gradient at each step, before clipping. If the jump comes with a gradient a thousand times "
            "longer than usual, it exploded: the product over steps grew, and one update threw the weights away. Clipping the "
            "whole gradient to a fixed length keeps its direction and bounds the step. Then I lower the rate. If the norms were "
            "calm, it is something else: a batch with wrong labels, a division by zero, a rate that is too high throughout.",
            usual_wrong_answer="“Clip every number to ±1.” That changes the direction; clip the length of all of them together.",
            follow_up="Does clipping help against vanishing? (No. It shortens, it never lengthens.)",
            evidence="5. Back through time",
        ),
    ]
)
