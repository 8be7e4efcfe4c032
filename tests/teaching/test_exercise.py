"""Exercises: every verdict and its sentence, hints one at a time, solutions, and readers' code that fails."""

import re
import sys

import numpy as np
import pytest
import torch
from test_page import HOSTILE, Reader, assert_only_text

from course_utils.teaching.exercise import RANDOM_INPUTS, Exercise, Mistake, Verdict
from course_utils.teaching.progress import load_progress


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    return folder


def cosine(a, b):
    """Product of the lengths below, dot product above."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return float(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))


def no_root(a, b):
    return float(np.dot(a, b) / np.dot(a, a) / np.dot(b, b))


def only_dot(a, b):
    return float(np.dot(a, b))


def two_vectors(generator):
    return generator.normal(size=3), generator.normal(size=3)


def code(**changes):
    settings = {
        "title": "The angle between words",
        "minutes": 10,
        "kind": "code",
        "prompt": "Write `cosine(a, b)`.\n\nNo loops.",
        "reference": cosine,
        "inputs": [([3, 4], [4, 3]), ([1, 0], [0, 2])],
        "sample": two_vectors,
        "checks": [
            Mistake("the lengths lack their square root", like=no_root),
            Mistake("it is the dot product alone", matches=lambda f: f([2, 0], [2, 0]) == 4),
            lambda f: "it returns an array, not a number" if np.ndim(f([1, 0], [1, 0])) else None,
        ],
        "hints": ["Which lengths?", "`np.linalg.norm`", "Divide by both lengths."],
    }
    return Exercise("01.cosine", **{**settings, **changes})


def recall(reference, **changes):
    settings = {
        "title": "Recall",
        "minutes": 2,
        "kind": "recall",
        "prompt": "How many?",
        "reference": reference,
    }
    return Exercise("01.recall", **{**settings, **changes})


def raises_not_written(a, b):
    raise NotImplementedError("TODO")


def returns_nothing(a, b):
    """The reader forgot `return`."""
    a @ b if hasattr(a, "shape") else None


STUBS = [raises_not_written, returns_nothing, lambda a, b: ..., lambda a, b: NotImplemented]
TELL_ANSWER = "not attempted yet: put your answer here and run this cell again."
TELL_FUNCTION = "not attempted yet: write the function so that it returns your answer."


@pytest.mark.parametrize("stub", STUBS)
def test_a_stub_is_not_attempted(stub, cache):
    verdict = code().check(stub)
    assert (verdict.status, verdict.message) == ("not attempted", TELL_FUNCTION)
    assert repr(verdict).startswith("Not attempted yet: ")
    assert not cache.exists()


@pytest.mark.parametrize("stub", [None, ..., NotImplemented])
def test_an_empty_answer_is_not_attempted(stub, cache):
    for exercise in (code(), recall(0.25), recall("b", choices=["a", "b"])):
        verdict = exercise.check(stub)
        assert (verdict.status, verdict.message) == ("not attempted", TELL_ANSWER)
    assert not cache.exists()


def test_the_reference_and_other_right_answers_pass():
    for answer in (
        cosine,
        lambda a, b: np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b),
        lambda a, b: torch.cosine_similarity(torch.tensor(a) * 1.0, torch.tensor(b) * 1.0, dim=0),
    ):
        verdict = code().check(answer)
        assert verdict.status == "correct"
        assert verdict.message == "correct: it agrees with the reference on 22 inputs (tolerance 1e-05)."
    assert load_progress().status("01.cosine") == "correct"


def test_one_input_is_counted_as_one():
    exercise = code(inputs=[([3, 4], [4, 3])], sample=None, explain="Only the angle counts.")
    told = "correct: it agrees with the reference on the one input (tolerance 1e-05). Only the angle counts."
    assert exercise.check(cosine).message == told


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (no_root, "wrong, because the lengths lack their square root."),
        (only_dot, "wrong, because it is the dot product alone."),
        (lambda a, b: np.array([cosine(a, b)]), "wrong, because it returns an array, not a number."),
        (
            lambda a, b: 1 - cosine(a, b),
            "wrong, because for input ([3, 4], [4, 3]) the result should be 0.96, and it is 0.04 "
            "(tolerance 1e-05).",
        ),
        (
            lambda a, b: cosine(a, b) if a != [1, 0] else None,
            "wrong, because for input ([1, 0], [0, 2]) the result should be 0, and it is None (a NoneType).",
        ),
        (lambda a: 1, None),
        (lambda a, b: a.shape, None),
        (
            0.96,
            "wrong, because 0.96 is a float, not a function; give the function itself, without calling it.",
        ),
    ],
)
def test_wrong_functions_are_told_what_is_wrong(answer, message):
    verdict = code().check(answer)
    assert verdict.status == "wrong"
    assert message is None or verdict.message == message
    assert load_progress().status("01.cosine") == "wrong"


@pytest.mark.parametrize(
    ("answer", "start"),
    [
        (lambda a, b: a / b, "wrong, because it raised TypeError: unsupported operand type(s) for /"),
        (lambda a, b: {}["key"], "wrong, because it raised KeyError: 'key' for input ([3, 4], [4, 3])."),
        (lambda a, b: sys.exit(2), "wrong, because it raised SystemExit: 2 for input ([3, 4], [4, 3])."),
        (lambda a, b: answerless(), "wrong, because it raised NameError: name 'answerless' is not defined"),  # noqa: F821
        (lambda a: 1, "wrong, because it raised TypeError: "),
    ],
)
def test_code_that_raises_is_told_so(answer, start):
    message = code().check(answer).message
    assert message.startswith(start)
    assert message.endswith("for input ([3, 4], [4, 3]).")


def test_endless_recursion_is_told_so():
    def deep(a, b):
        return deep(a, b)

    assert "it raised RecursionError: maximum recursion depth exceeded" in code().check(deep).message


def test_an_interrupt_of_the_reader_goes_on():
    def interrupted(a, b):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        code().check(interrupted)


def test_random_inputs_catch_what_examples_miss_and_are_the_same_each_time():
    def memorised(a, b):
        return {3: 0.96, 1: 0.0}.get(a[0], 0.5)

    first, second = code().check(memorised).message, code().check(memorised).message
    assert first == second
    assert re.fullmatch(
        r"wrong, because for input \(\[[-\d., ]+\], \[[-\d., ]+\]\) the result should be .*", first
    )
    seen = []
    code(checks=[]).check(lambda a, b: seen.append(a) or 0.0)
    assert len(seen) == 2 + RANDOM_INPUTS


def test_a_function_that_changes_its_input_harms_nobody():
    vectors = (np.array([3.0, 4.0]), np.array([4.0, 3.0]))

    def in_place(a, b):
        a /= np.linalg.norm(a)
        b /= np.linalg.norm(b)
        return a @ b

    exercise = code(inputs=[vectors], sample=None)
    assert exercise.check(in_place).status == "correct"
    assert vectors[0].tolist() == [3, 4]
    assert exercise.check(in_place).status == "correct"


def test_the_first_check_that_applies_names_the_mistake():
    checks = [lambda f: None, lambda f: "first.", Mistake("second", matches=lambda f: True)]
    assert code(checks=checks).check(cosine).message == "wrong, because first."


def test_a_check_that_fails_does_not_apply():
    def broken(function):
        raise RuntimeError("a check of ours")

    checks = [broken, lambda f: sys.exit(2), Mistake("named", matches=lambda f: f("no", "vectors"))]
    assert code(checks=checks).check(cosine).status == "correct"
    assert "0.96" in code(checks=checks).check(lambda a, b: 0).message


def test_a_check_that_answers_neither_text_nor_none_is_an_error_of_the_author():
    with pytest.raises(TypeError, match="A check returns None or what is wrong as a text, not True"):
        code(checks=[lambda f: True]).check(cosine)


def test_a_known_wrong_answer_that_is_right_names_nothing():
    assert code(checks=[Mistake("never", like=cosine)]).check(cosine).status == "correct"


def test_a_reference_that_raises_wants_the_same_error():
    def strict(a, b):
        if len(a) != len(b):
            raise ValueError("lengths differ")
        return cosine(a, b)

    exercise = code(reference=strict, inputs=[([1], [1, 2])], checks=[])
    assert exercise.check(strict).status == "correct"
    told = exercise.check(lambda a, b: 0.0).message
    assert told == "wrong, because for input ([1], [1, 2]) it should raise ValueError, and it returns 0."


def test_shapes_and_positions_are_named():
    def softmax(x):
        return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)

    exercise = code(reference=softmax, inputs=[np.array([[0.0, 0.0], [1.0, 1.0]])], sample=None, checks=[])
    assert (
        "position [0, 1] should be 0.5, and it is 0.7"
        in exercise.check(lambda x: softmax(x) + [[0, 0.2], [0, 0]]).message
    )
    assert exercise.check(lambda x: softmax(x).sum(axis=-1)).message == (
        "wrong, because for input [[0, 0], [1, 1]] the result should be an array of shape (2, 2), "
        "and it is an array of shape (2,)."
    )
    assert exercise.check(lambda x: torch.softmax(torch.tensor(x), dim=-1)).status == "correct"


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (0.25, "correct", "correct: 0.25 is the answer."),
        (np.float32(0.25), "correct", "correct: 0.25 is the answer."),
        (torch.tensor(0.25), "correct", "correct: 0.25 is the answer."),
        (1 / 4 + 1e-7, "correct", "correct: 0.25 is the answer."),
        (0.2, "wrong", "wrong, because 0.2 is too low."),
        (20.0855369, "wrong", "wrong, because that is not divided by the sum."),
        (3, "wrong", "wrong, because that is a score."),
        ("0.25", "wrong", "wrong, because '0.25' (a str) is not a number."),
        (float("nan"), "wrong", "wrong, because nan is not the answer."),
        (lambda: 0.25, "wrong", "wrong, because this is a function; call it and check what it returns."),
    ],
)
def test_numeric_recall(answer, status, message):
    checks = [
        Mistake("that is not divided by the sum", like=20.0855369),
        Mistake("that is a score", matches=lambda value: value > 1),
    ]
    verdict = recall(0.25, checks=checks).check(answer)
    assert (verdict.status, verdict.message) == (status, message)


def test_recall_does_not_give_the_answer_away():
    for reference, wrong in ((12345, 12344), ([1.0, 98.5], [1.0, 2.0]), ("subword", "word"), (0.5, 0.4)):
        message = recall(reference).check(wrong).message
        for secret in ("12345", "98.5", "subword", "0.5"):
            assert secret not in message
    assert recall([1.0, 98.5]).check([1.0, 2.0]).message == "wrong, because 2 at position [1] is too low."
    assert recall("subword").check(" SubWord ").status == "correct"
    assert recall(12345).check(12346).message == "wrong, because 12346 is too high."


CHOICES = ["raw counts", "PPMI", "SVD"]


@pytest.mark.parametrize("answer", ["PPMI", " ppmi ", "b", "B"])
def test_the_right_choice_by_text_or_letter(answer):
    verdict = recall("PPMI", choices=CHOICES).check(answer)
    assert (verdict.status, verdict.message) == ("correct", "correct: 'PPMI' is the answer.")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("a", "wrong, because frequent words fill every row."),
        ("raw counts", "wrong, because frequent words fill every row."),
        ("SVD", "wrong, because 'SVD' is not the answer."),
        ("d", "wrong, because 'd' is none of the choices a to c."),
        (2, "wrong, because 2 is none of the choices a to c."),
    ],
)
def test_the_wrong_choice(answer, message):
    checks = [Mistake("frequent words fill every row", like="raw counts")]
    verdict = recall("PPMI", choices=CHOICES, checks=checks).check(answer)
    assert (verdict.status, verdict.message) == ("wrong", message)


def test_a_choice_that_reads_like_a_letter_is_taken_by_its_text():
    exercise = recall("b", choices=["b", "a"])
    assert exercise.check("b").status == "correct"
    assert exercise.check("a").status == "wrong"


def test_hints_come_one_at_a_time_and_end():
    exercise = code()
    assert [repr(exercise.hint()) for _ in range(5)] == [
        "Hint 1 of 3: Which lengths?",
        "Hint 2 of 3: `np.linalg.norm`",
        "Hint 3 of 3: Divide by both lengths.",
        "No more hints: you have seen all 3. `.solution()` shows the answer.",
        "No more hints: you have seen all 3. `.solution()` shows the answer.",
    ]
    assert load_progress().exercises["01.cosine"]["hints"] == 3
    assert "<code>np.linalg.norm</code>" in exercise.hint(2).html


def test_a_hint_can_be_asked_for_by_number():
    exercise = code()
    assert repr(exercise.hint(2)).startswith("Hint 2 of 3")
    assert repr(exercise.hint()).startswith("Hint 3 of 3")
    for number in (0, 4, -1):
        with pytest.raises(ValueError, match="01.cosine has hints 1 to 3"):
            exercise.hint(number)
    with pytest.raises(ValueError, match="01.cosine has no hints"):
        code(hints=[]).hint(1)
    assert repr(code(hints=[]).hint()) == "This exercise has no hints. `.solution()` shows the answer."


def test_the_solution_is_the_code_of_the_reference():
    view = code(explain="Only the angle counts.").solution()
    assert repr(view).startswith("Solution of 01.cosine\ndef cosine(a, b):\n    ")
    assert repr(view).endswith("\nOnly the angle counts.")
    page = Reader(view.html)
    assert "return float(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))" in page.text
    assert ("pre", ("style",)) in page.elements
    assert load_progress().exercises["01.cosine"] == {"solution": True}


def test_notes_to_tools_are_not_shown():
    def noted(a, b):  # type: ignore[no-untyped-def]
        return a  # a comment that stays

    told = repr(code(reference=noted).solution())
    assert told == "Solution of 01.cosine\ndef noted(a, b):\n    return a  # a comment that stays"


def test_the_solution_of_a_value_is_the_value():
    assert repr(recall(0.25).solution()) == "Solution of 01.recall\n0.25"
    assert repr(recall("PPMI", choices=CHOICES).solution()) == "Solution of 01.recall\nPPMI"


def test_a_reference_without_source_says_so():
    space = {}
    exec("def made(a, b):\n    return 0.5", space)
    told = repr(code(reference=space["made"]).solution())
    assert (
        told
        == "Solution of 01.cosine\nThe source of 01.cosine cannot be read here; see course_utils/exercises."
    )


def test_markup_in_the_source_is_shown_as_text():
    def tagged(a, b):
        return "<script>" + a + b

    page = Reader(code(reference=tagged).solution().html)
    assert "script" not in [tag for tag, _ in page.elements]
    assert '"<script>"' in page.text


def test_the_exercise_shows_itself():
    bundle = recall("PPMI", choices=CHOICES)._repr_mimebundle_()
    assert bundle["text/plain"] == (
        "Exercise: Recall (recall · 2 min · 01.recall)\nHow many?\na) raw counts\nb) PPMI\nc) SVD"
    )
    page = Reader(bundle["text/html"])
    for text in ("Recall", "recall · 2 min · 01.recall", "How many?", "b) PPMI"):
        assert text in page.text
    prompt = code()._repr_mimebundle_()["text/html"]
    assert "<code>cosine(a, b)</code>" in prompt
    assert [tag for tag, _ in Reader(prompt).elements].count("p") == 3


@pytest.mark.parametrize(("status", "mark"), [("not attempted", "○"), ("wrong", "✗"), ("correct", "✓")])
def test_a_verdict_shows_its_status_by_mark_and_word(status, mark):
    verdict = Verdict(status, message=f"{status}: `x < 1`", note="not kept")
    bundle = verdict._repr_mimebundle_()
    assert bundle["text/plain"] == f"{status.capitalize()}: `x < 1`"
    page = Reader(bundle["text/html"])
    assert page.text.split() == f"{mark} {status.capitalize()}: x < 1not kept".split()
    assert f'data-status="{status}"' in bundle["text/html"]
    assert 'role="status"' in bundle["text/html"]


def test_progress_that_cannot_be_kept_is_a_note_and_the_verdict_stays_exact(tmp_path, monkeypatch):
    kept = code().check(no_root)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file" / "cache"))
    lost = code().check(no_root)
    assert repr(lost) == repr(kept)
    assert "Your progress was not kept" in lost.html
    for view in (code().hint(), code().solution()):
        assert "Your progress was not kept" in view.html
        assert "not kept" not in repr(view)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_text_is_escaped(hostile):
    def shown(text):
        exercise = recall(
            text, title=text, prompt=text, hints=[text], choices=[text, text + "2"], explain=text
        )
        return [
            exercise._repr_mimebundle_()["text/html"],
            exercise.hint().html,
            exercise.solution().html,
            Verdict("wrong", message=text, note=text).html,
            recall(1, checks=[lambda answer: text]).check(2).html,
        ]

    for markup, harmless in zip(shown(hostile), shown("word"), strict=True):
        if "<code>" not in markup.replace("<pre", ""):
            assert_only_text(markup, hostile=hostile, harmless=harmless)
        else:
            assert Reader(markup).elements == Reader(harmless).elements


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_reader_brings_is_escaped_and_short(hostile):
    def failing(a, b):
        raise ValueError(hostile)

    answers = [
        code().check(lambda a, b: hostile),
        code().check(failing),
        code().check(hostile),
        recall(0.25).check(hostile),
        recall("x", choices=["x", "y"]).check(hostile),
        recall("x").check(hostile),
        recall("x").check({hostile: hostile}),
    ]
    for verdict in answers:
        assert verdict.status == "wrong"
        assert {tag for tag, _ in Reader(verdict.html).elements} <= {"div", "/div", "span", "/span"}
        assert len(verdict.text) < 450
        verdict.text.encode("utf-8")
        assert not set(verdict.text) & set("\x00\x1b\u202e")


class Strange:
    """Answers whose every method fails must not fail the check."""

    def __repr__(self):
        raise RuntimeError

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None


def test_strange_answers_are_wrong_and_nothing_worse():
    for answer in (Strange(), object(), [Strange()], {1: Strange()}, b"bytes", range(3), 1j):
        for exercise in (
            recall(0.25),
            recall("x"),
            recall([1, 2]),
            recall({"a": 1}),
            recall("x", choices=["x", "y"]),
        ):
            assert exercise.check(answer).status == "wrong"
            assert "0x" not in exercise.check(answer).text
        assert code().check(lambda a, b, answer=answer: answer).status == "wrong"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"title": " "}, "`title` must be a text"),
        ({"prompt": ""}, "`prompt` must be a text"),
        ({"hints": ["good", ""]}, "`hints` must be a text"),
        ({"kind": "hard"}, "The kind of 01.cosine is one of recall, code, think, not 'hard'"),
        ({"minutes": 0}, "needs minutes above 0"),
        ({"tolerance": -1}, "a tolerance of 0 or more"),
        ({"tolerance": float("nan")}, "a tolerance of 0 or more"),
        ({"inputs": [], "sample": None}, "give `inputs`, `sample` or both"),
        ({"reference": None}, "looks like an answer not attempted"),
        ({"reference": "x", "choices": ["y", "z"]}, "must be one of its choices"),
        ({"reference": "x", "choices": ["x"]}, "from 2 to 10 different choices"),
        ({"reference": "x", "choices": ["x", " X"]}, "from 2 to 10 different choices"),
        ({"reference": "0", "choices": [str(n) for n in range(11)]}, "from 2 to 10 different choices"),
        ({"reference": "x", "choices": ["x", ""]}, "`choices` must be a text"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        code(**changes)


def test_a_mistake_needs_a_message_and_one_way_to_find_it():
    for settings in ({}, {"matches": bool, "like": 1}):
        with pytest.raises(ValueError, match="`matches` or `like`"):
            Mistake("wrong", **settings)
    with pytest.raises(ValueError, match="`message` must be"):
        Mistake("", like=1)
