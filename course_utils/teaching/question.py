"""Interview questions: data first, so that lesson 20 can draw on all of them; then a page without a kernel.

The question is open on the page. The spoken answer, the usual wrong one, the follow-up and the evidence
are folded away with `<details>`, which needs neither script nor kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from urllib.parse import quote

from course_utils.plots.svg import escape
from course_utils.teaching.page import BORDER, MUTED, View, check_key, check_text, inline, paragraphs, plain

LONGEST_ANSWER = 160  # words; spoken, one minute
AS_IT_IS = "!$&'()*+,-./:;=?@[]^_{|}~"  # what browsers leave alone behind the # of an address
SHOWN = "An answer, and what comes after it"


@dataclass(frozen=True)
class InterviewQuestion:
    """One question as an interviewer asks it.

    Parameters
    ----------
    key : str
        Lesson and name, such as "01.why-ppmi".
    question : str
    answer : str
        As one would say it: at most 160 words, under a minute.
    usual_wrong_answer : str
        What many say, and what is wrong with it.
    follow_up : str
        What the interviewer asks next.
    evidence : str
        The heading, letter for letter, of the lesson's section that proves the answer. JupyterLab can
        jump to headings in ASCII only; elsewhere any heading will do.

    Raises
    ------
    ValueError
        If one of them is empty or the answer takes longer than a minute.
    """

    key: str
    _: KW_ONLY
    question: str
    answer: str
    usual_wrong_answer: str
    follow_up: str
    evidence: str

    def __post_init__(self) -> None:
        check_key(self.key)
        for name in ("question", "answer", "usual_wrong_answer", "follow_up", "evidence"):
            check_text(getattr(self, name), name=name)
        if self.words > LONGEST_ANSWER:
            raise ValueError(
                f"The answer of {self.key} has {self.words} words; a spoken minute holds {LONGEST_ANSWER}."
            )

    @property
    def lesson(self) -> str:
        """The lesson's number, two digits."""
        return self.key[:2]

    @property
    def words(self) -> int:
        """How many words the answer has."""
        return len(self.answer.split())

    @property
    def seconds(self) -> int:
        """How long the answer takes to say, rounded to five seconds."""
        return max(5, 5 * round(self.words / LONGEST_ANSWER * 60 / 5))

    def link(self, *, notebook: str = "") -> str:
        """Address of the evidence: an anchor in this notebook, or in the one named."""
        # JupyterLab and nbconvert make a heading's anchor by putting a dash for each space. JupyterLab does
        # not decode an address before it looks for the heading, so nothing is encoded without need.
        anchor = plain(self.evidence.strip()).replace(" ", "-")
        return quote(plain(notebook)) + "#" + quote(anchor, safe=AS_IT_IS)

    def markup(self, *, notebook: str = "") -> str:
        """The question as HTML; `notebook` is the file with the evidence, if it is another one."""
        place = f"lesson {self.lesson}, " if notebook else ""
        proof = f'<a href="{escape(self.link(notebook=notebook))}">{escape(place + self.evidence)}</a>'
        parts = (
            (f"An answer ({self.seconds} seconds)", paragraphs(self.answer)),
            ("The usual wrong answer", paragraphs(self.usual_wrong_answer)),
            ("The follow-up", paragraphs(self.follow_up)),
            ("What proves it", f'<p style="margin:0.3em 0">{proof}</p>'),
        )
        told = "".join(
            f'<div style="margin:0.5em 0"><span style="{MUTED}">{escape(head)}</span>{body}</div>'
            for head, body in parts
        )
        return (
            f'<div class="course-question" data-key="{escape(self.key)}" '
            f'style="border-top:{BORDER};padding:0.5em 0">'
            f'<p dir="auto" style="margin:0.3em 0"><strong>{inline(self.question)}</strong></p>'
            f'<details><summary style="cursor:pointer">{SHOWN}</summary>'
            f'<div style="padding-left:1.1em">{told}</div></details></div>'
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return QuestionBlock([self])._repr_mimebundle_()


class QuestionBlock:
    """Several questions, one below the other.

    Parameters
    ----------
    questions : sequence of InterviewQuestion
    notebooks : mapping of str to str, optional
        Lesson number → its notebook's file, for questions whose evidence is in another notebook.

    Raises
    ------
    ValueError
        If there is no question, or two have the same key.
    """

    def __init__(
        self, questions: Sequence[InterviewQuestion], *, notebooks: Mapping[str, str] | None = None
    ) -> None:
        keys = [question.key for question in questions]
        if not keys or len(set(keys)) < len(keys):
            raise ValueError("A block needs questions, each with its own key.")
        self.questions = tuple(questions)
        self.notebooks = dict(notebooks or {})

    def __iter__(self) -> Iterator[InterviewQuestion]:
        return iter(self.questions)

    def __len__(self) -> int:
        return len(self.questions)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        markup = "".join(
            question.markup(notebook=self.notebooks.get(question.lesson, "")) for question in self
        )
        text = "\n".join(f"Question {question.key}: {question.question}" for question in self)
        return View(f'<div class="course-questions">{markup}</div>', text=text)._repr_mimebundle_()
