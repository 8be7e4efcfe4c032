"""Exercises that say what is wrong: checks with named mistakes, staged hints, solutions on request.

The text of a verdict depends on the answer alone: random inputs come from a fixed seed, numbers are
rounded, memory addresses left out. A reader's code that fails is an answer like any other and never
shows a traceback from here.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.plots.svg import escape
from course_utils.teaching.compare import Difference, Outcome, compare, is_stub, run, say_difference, show
from course_utils.teaching.page import BORDER, MUTED, View, check_key, check_text, inline, paragraphs, plain
from course_utils.teaching.progress import note_exercise, note_hint, note_solution

KINDS = ("recall", "code", "think")
RANDOM_INPUTS = 20
LETTERS = "abcdefghij"
NOTHING = object()

_MARKS = {"not attempted": ("○", "#8c959f"), "wrong": ("✗", "#d55e00"), "correct": ("✓", "#009e73")}


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that readers are known to give.

    Parameters
    ----------
    message : str
        What is wrong; completes the sentence "wrong, because …".
    matches : callable, optional
        Takes the answer, returns whether this is the mistake. One that raises does not apply.
    like : object, optional
        A known wrong answer. For a function: one that makes the mistake; it applies if the reader's
        function agrees with it on every input.
    """

    message: str
    matches: Callable[[Any], bool] | None = None
    like: Any = NOTHING

    def __post_init__(self) -> None:
        check_text(self.message, name="message")
        if (self.matches is None) == (self.like is NOTHING):
            raise ValueError("A Mistake needs `matches` or `like`, one of them.")


class Verdict(View):
    """What `Exercise.check` says.

    Attributes
    ----------
    status : str
        "not attempted", "wrong" or "correct".
    message : str
        The verdict in a sentence, such as "wrong, because …".
    """

    def __init__(self, status: str, *, message: str, note: str = "") -> None:
        self.status = status
        self.message = plain(message)
        said = self.message[0].upper() + self.message[1:]
        mark, colour = _MARKS[status]
        super().__init__(_box(said, status=status, mark=mark, colour=colour, note=note), text=said)


class Exercise:
    """A question with a checker.

    Parameters
    ----------
    key : str
        Lesson and name, such as "01.cosine".
    title, prompt : str
        `backticks` in the prompt mark code, blank lines part paragraphs.
    minutes : float
        How long a reader takes.
    kind : {"recall", "code", "think"}
    reference : object
        The right answer: a function, a number, an array, a text, or one of `choices`.
    checks : sequence of Mistake or callable
        Tried in order before the comparison with the reference. A callable takes the answer and returns
        None or what is wrong (it completes "wrong, because …").
    hints : sequence of str
        From a nudge to nearly everything.
    choices : sequence of str
        For multiple choice; the reader answers with a letter or the text.
    inputs : sequence of tuple
        Arguments on which a function is compared with the reference, in order.
    sample : callable, optional
        Draws one tuple of arguments from a numpy Generator; called 20 times, always from the same seed.
    tolerance : float
        Largest difference that counts as equal: absolute below 1, relative above. Whole numbers must be
        met exactly: write 100.0 where about a hundred will do.
    explain : str
        Why the answer is right; shown with a correct answer and with the solution.

    Raises
    ------
    ValueError
        If one of these cannot be used; the message says which and why.
    """

    def __init__(
        self,
        key: str,
        *,
        title: str,
        minutes: float,
        kind: str,
        prompt: str,
        reference: Any,
        checks: Sequence[Mistake | Callable[[Any], str | None]] = (),
        hints: Sequence[str] = (),
        choices: Sequence[str] = (),
        inputs: Sequence[Any] = (),
        sample: Callable[[np.random.Generator], Any] | None = None,
        tolerance: float = 1e-5,
        explain: str = "",
    ) -> None:
        self.key = check_key(key)
        self.title = check_text(title, name="title")
        self.minutes = minutes
        self.kind = kind
        self.prompt = check_text(prompt, name="prompt")
        self.reference = reference
        self.checks = tuple(checks)
        self.hints = tuple(check_text(hint, name="hints") for hint in hints)
        self.choices = tuple(check_text(choice, name="choices") for choice in choices)
        self.inputs = tuple(inputs)
        self.sample = sample
        self.tolerance = tolerance
        self.explain = explain.strip()
        self._hints_shown = 0
        self._refuse_bad_settings()

    def _refuse_bad_settings(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"The kind of {self.key} is one of {', '.join(KINDS)}, not {self.kind!r:.40}.")
        if not self.minutes > 0 or not 0 <= self.tolerance < np.inf:
            raise ValueError(f"{self.key} needs minutes above 0 and a tolerance of 0 or more.")
        if callable(self.reference) and not self.inputs and self.sample is None:
            raise ValueError(f"{self.key} compares functions; give `inputs`, `sample` or both.")
        if is_stub(self.reference):
            raise ValueError(f"The reference of {self.key} looks like an answer not attempted.")
        folded = [_fold(choice) for choice in self.choices]
        if folded and (not 2 <= len(set(folded)) == len(folded) <= len(LETTERS)):
            raise ValueError(f"{self.key} needs from 2 to {len(LETTERS)} different choices.")
        if folded and _fold(self.reference) not in folded:
            raise ValueError(f"The reference of {self.key} must be one of its choices.")

    def check(self, answer: Any) -> Verdict:
        """Judge an answer: the function itself for a code exercise, else the value.

        Returns
        -------
        Verdict
            Also recorded in the reader's progress.
        """
        status, message = self._judge(answer)
        return Verdict(status, message=message, note=note_exercise(self.key, status))

    def hint(self, number: int | None = None) -> View:
        """Show the next hint, or hint `number` (from 1)."""
        total = len(self.hints)
        if number is not None and not 1 <= number <= total:
            raise ValueError(f"{self.key} has hints 1 to {total}." if total else f"{self.key} has no hints.")
        if number is None and self._hints_shown >= total:
            more = f"No more hints: you have seen all {total}." if total else "This exercise has no hints."
            return self._say_hint(f"{more} `.solution()` shows the answer.")
        self._hints_shown = number or self._hints_shown + 1
        note = note_hint(self.key, self._hints_shown)
        said = f"Hint {self._hints_shown} of {total}: {self.hints[self._hints_shown - 1]}"
        return self._say_hint(said, note=note)

    def _say_hint(self, text: str, *, note: str = "") -> View:
        return View(_box(text, status="hint", mark="→", colour="#56b4e9", note=note), text=text)

    def solution(self) -> View:
        """Show the reference: its code, or its value."""
        note = note_solution(self.key)
        code, head = self._solution_text(), f"Solution of {self.key}"
        why = f"\n{self.explain}" if self.explain else ""
        markup = (
            f'<div class="course-solution"><p><strong>{escape(head)}</strong></p>'
            f'<pre style="overflow:auto;background:transparent;border:{BORDER};padding:0.5em">'
            f"<code>{escape(code)}</code></pre>{paragraphs(self.explain)}"
            f'<p style="{MUTED}">{escape(note)}</p></div>'
        )
        return View(markup, text=f"{head}\n{code}{why}")

    def _solution_text(self) -> str:
        if not callable(self.reference):
            return self.reference if isinstance(self.reference, str) else show(self.reference)
        try:
            source = textwrap.dedent(inspect.getsource(self.reference)).strip()
            return re.sub(r" +# (?:type: ignore|noqa)\b.*", "", source)  # notes to tools, not to readers
        except (OSError, TypeError):
            return f"The source of {self.key} cannot be read here; see course_utils/exercises."

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        facts = f"{self.kind} · {self.minutes:g} min · {self.key}"
        options = [f"{letter}) {choice}" for letter, choice in zip(LETTERS, self.choices, strict=False)]
        listed = "".join(f'<li dir="auto" style="list-style:none">{inline(one)}</li>' for one in options)
        choices = f'<ul style="padding-left:1em;margin:0.3em 0">{listed}</ul>' if options else ""
        markup = (
            f'<div class="course-exercise" style="border:{BORDER};padding:0.4em 0.9em;margin:0.4em 0">'
            f'<p dir="auto" style="margin:0.3em 0"><strong>{escape(self.title)}</strong> '
            f'<span style="{MUTED}">· {escape(facts)}</span></p>{paragraphs(self.prompt)}{choices}</div>'
        )
        lines = [f"Exercise: {self.title} ({facts})", self.prompt, *options]
        return View(markup, text="\n".join(lines))._repr_mimebundle_()

    # -- how an answer is judged -----------------------------------------------------------------

    def _judge(self, answer: Any) -> tuple[str, str]:
        if is_stub(answer):
            return "not attempted", "not attempted yet: put your answer here and run this cell again."
        if callable(self.reference):
            return self._judge_function(answer)
        if callable(answer):
            return "wrong", "wrong, because this is a function; call it and check what it returns."
        if not self.choices:
            return self._judge_value(answer)
        chosen = self._choice_of(answer)
        if chosen is None:
            letters = f"{LETTERS[0]} to {LETTERS[len(self.choices) - 1]}"
            return "wrong", f"wrong, because {show(answer)} is none of the choices {letters}."
        return self._judge_value(chosen)

    def _choice_of(self, answer: Any) -> str | None:
        """The choice that a text or a letter names; the text wins over the letter."""
        named = dict(zip(LETTERS, self.choices, strict=False)) | {_fold(one): one for one in self.choices}
        return named.get(_fold(answer)) if isinstance(answer, str) else None

    def _judge_value(self, answer: Any) -> tuple[str, str]:
        difference = self._compare(self.reference, answer)
        found = f"{difference.got}{difference.where} {difference.direction}" if difference else None
        return self._verdict(
            answer,
            found,
            is_like=lambda like: self._compare(like, answer) is None,
            praise=f"{show(answer)} is the answer",
        )

    def _compare(self, expected: Any, answer: Any) -> Difference | None:
        if isinstance(expected, str) and isinstance(answer, str) and _fold(expected) == _fold(answer):
            return None
        return compare(expected, answer, tolerance=self.tolerance)

    def _judge_function(self, answer: Any) -> tuple[str, str]:
        if not callable(answer):
            told = f"{show(answer)} is a {type(answer).__name__}, not a function"
            return "wrong", f"wrong, because {told}; give the function itself, without calling it."
        inputs = self._draw_inputs()
        got = [run(answer, arguments) for arguments in inputs]
        if all(one.is_stub() for one in got):
            return "not attempted", "not attempted yet: write the function so that it returns your answer."
        counted = f"{len(inputs)} inputs" if len(inputs) > 1 else "the one input"
        return self._verdict(
            answer,
            self._first_difference([run(self.reference, one) for one in inputs], got, inputs=inputs),
            is_like=lambda like: not self._first_difference([run(like, one) for one in inputs], got),
            praise=f"it agrees with the reference on {counted} (tolerance {self.tolerance:g})",
        )

    def _draw_inputs(self) -> list[tuple]:
        drawn = list(self.inputs)
        if self.sample is not None:
            generator = np.random.default_rng(0)
            drawn += [self.sample(generator) for _ in range(RANDOM_INPUTS)]
        return [one if isinstance(one, tuple) else (one,) for one in drawn]

    def _first_difference(
        self, expected: list[Outcome], got: list[Outcome], *, inputs: list[tuple] | None = None
    ) -> str | None:
        """Why `got` is not as `expected`, from the first input where it is not."""
        told = (
            say_difference(right, answer, arguments=inputs[place] if inputs else (), tolerance=self.tolerance)
            for place, (right, answer) in enumerate(zip(expected, got, strict=True))
        )
        return next((one for one in told if one is not None), None)

    def _verdict(
        self, answer: Any, found: str | None, *, is_like: Callable[[Any], bool], praise: str
    ) -> tuple[str, str]:
        """Let the checks name the mistake, else tell what the comparison found, else praise."""
        for check in self.checks:
            named = name_mistake(check, answer, is_like=is_like if found is not None else None)
            if named is not None:
                found = named
                break
        if found is not None:
            return "wrong", f"wrong, because {found.strip().rstrip('.')}."
        return "correct", " ".join(f"correct: {praise}. {self.explain}".split())


def name_mistake(
    check: Mistake | Callable[[Any], str | None], answer: Any, *, is_like: Callable[[Any], bool] | None
) -> str | None:
    """What a check says is wrong, or None; one that raises does not apply.

    `is_like` tells whether a known wrong answer behaves as the reader's; None if that one is right.
    """
    try:
        if not isinstance(check, Mistake):
            named = check(answer)
        elif check.matches is not None:
            named = check.message if check.matches(answer) else None
        else:
            named = check.message if is_like is not None and is_like(check.like) else None
    except (Exception, SystemExit):
        # Checks are tested; what fails here is an answer of a form they do not expect.
        return None
    if named is not None and not isinstance(named, str):
        raise TypeError(f"A check returns None or what is wrong as a text, not {named!r:.60}.")
    return named


def _fold(text: object) -> str:
    return " ".join(str(text).split()).casefold()


def _box(text: str, *, status: str, mark: str, colour: str, note: str) -> str:
    small = f'<div style="{MUTED};font-size:0.9em">{escape(note)}</div>' if note else ""
    return (
        f'<div class="course-verdict" data-status="{status}" role="status" dir="auto" '
        f'style="border-left:4px solid {colour};padding:0.3em 0.8em;margin:0.4em 0">'
        f'<span aria-hidden="true" style="color:{colour};font-weight:bold">{mark}</span> '
        f"{inline(text)}{small}</div>"
    )
