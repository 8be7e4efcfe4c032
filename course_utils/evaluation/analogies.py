"""Analogy questions: a is to b as c is to what?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from course_utils.evaluation.similarity import bootstrap_interval
from course_utils.vectors import as_matrix, normalize_rows

# Scores of one block of questions against all words stay below this many numbers (32 MB).
_SCORES_AT_ONCE = 4_000_000


class Question(Protocol):
    """a is to b as c is to d; `Analogy` of the data sets is one."""

    @property
    def section(self) -> str: ...

    @property
    def a(self) -> str: ...

    @property
    def b(self) -> str: ...

    @property
    def c(self) -> str: ...

    @property
    def d(self) -> str: ...


@dataclass(frozen=True)
class SectionResult:
    """Answers to the questions of one kind, such as capitals or plurals."""

    correct: int
    covered: int  # questions with all four words known
    total: int

    @property
    def accuracy(self) -> float:
        """Share of the covered questions answered correctly; NaN if none is covered."""
        return self.correct / self.covered if self.covered else float("nan")


@dataclass(frozen=True)
class AnalogyResult:
    """Share of analogy questions answered correctly, of those whose four words are known."""

    accuracy: float  # 0 to 1
    low: float  # 95 % interval, lower end
    high: float  # and upper end
    correct: int
    covered: int
    total: int
    per_section: dict[str, SectionResult]  # in the order of the questions

    def __str__(self) -> str:
        return (
            f"{self.accuracy:.1%} correct (95 % interval {self.low:.1%} to {self.high:.1%}) "
            f"of {self.covered:,} covered questions ({self.total:,} in all)"
        )


def evaluate_analogies(
    vectors: Any,
    *,
    index: Mapping[str, int],
    questions: Sequence[Question],
    exclude_question_words: bool = True,
    top_words: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> AnalogyResult:
    """Answer each question by the word nearest to b - a + c (3CosAdd).

    Parameters
    ----------
    vectors : array or sparse matrix of shape (V, D)
        Rows need not have length 1; they are scaled here.
    index : mapping from word to row
        Rows in order of falling frequency if `top_words` is used.
    questions : sequence of objects with section, a, b, c, d
        Compared as they are spelled. Questions with an unknown word are left out and reported by
        `covered`.
    exclude_question_words : bool
        Whether a, b and c are barred as answers, as is usual. Without this, the answer is mostly b or c.
    top_words : int, optional
        Only rows below this number count, both as known words and as answers.
    resamples, seed : int
        See `bootstrap_interval`. The questions are what is resampled; since many share words, the
        interval is somewhat too narrow.

    Returns
    -------
    AnalogyResult

    Raises
    ------
    ValueError
        If no question is covered, an index is not a row, `top_words` is below 1, or a vector
        holds NaN or infinity.

    References
    ----------
    Mikolov, Yih and Zweig (2013), Linguistic Regularities in Continuous Space Word Representations.
    Levy and Goldberg (2014), Linguistic Regularities in Sparse and Explicit Word Representations.
    """
    if top_words is not None and top_words < 1:
        raise ValueError(f"top_words must be 1 or more, not {top_words}.")
    directions = normalize_rows(as_matrix(vectors)[:top_words])  # (N, D)
    rows = _question_rows(questions, index=index, limit=directions.shape[0] if top_words else None)
    covered = rows[:, 0] >= 0
    if not covered.any():
        raise ValueError(
            f"None of the {len(questions)} questions has all four words in the vocabulary; "
            "check that words are spelled alike (lower case) or lower min_count."
        )
    if rows.max() >= directions.shape[0]:
        raise ValueError(f"index names row {rows.max()}, but there are only {directions.shape[0]} vectors.")
    asked = rows[covered]  # (Q, 4)
    right = _answers(directions, asked[:, :3], exclude=exclude_question_words) == asked[:, 3]
    low, high = bootstrap_interval(np.mean, right, resamples=resamples, seed=seed)
    correct = np.zeros(len(rows), dtype=bool)
    correct[covered] = right
    return AnalogyResult(
        accuracy=float(right.mean()),
        low=low,
        high=high,
        correct=int(right.sum()),
        covered=len(asked),
        total=len(rows),
        per_section=_by_section(questions, correct=correct, covered=covered),
    )


def _question_rows(
    questions: Sequence[Question], *, index: Mapping[str, int], limit: int | None
) -> NDArray[np.int64]:
    """Rows of a, b, c, d for each question, shape (N, 4); all -1 where a word is unknown."""
    rows = np.full((len(questions), 4), -1, dtype=np.int64)
    for i, question in enumerate(questions):
        words = (question.a, question.b, question.c, question.d)
        if all(word in index for word in words):
            rows[i] = [index[word] for word in words]
    if limit is not None:
        rows[(rows >= limit).any(axis=1)] = -1
    return rows


def _answers(directions: Any, rows: NDArray[np.int64], *, exclude: bool) -> NDArray[np.int64]:
    """Row nearest to b - a + c for each question, shape (Q,)."""
    block = max(1, _SCORES_AT_ONCE // directions.shape[0])
    answers = []
    for start in range(0, len(rows), block):
        part = rows[start : start + block]
        a, b, c = (directions[part[:, i]] for i in range(3))  # each (Q, D)
        # The length of b - a + c is the same for all candidates, so the inner product ranks them.
        product = (b - a + c) @ directions.T  # (Q, N)
        scores = product.toarray() if hasattr(product, "toarray") else product
        if exclude:
            np.put_along_axis(scores, part, -np.inf, axis=1)
        answers.append(scores.argmax(axis=1))
    return np.concatenate(answers)


def _by_section(
    questions: Sequence[Question], *, correct: NDArray[np.bool_], covered: NDArray[np.bool_]
) -> dict[str, SectionResult]:
    sections = np.array([question.section for question in questions])
    results = {}
    for name in dict.fromkeys(sections.tolist()):
        here = sections == name
        results[name] = SectionResult(
            correct=int(correct[here].sum()), covered=int(covered[here].sum()), total=int(here.sum())
        )
    return results
