"""Interview questions: data with rules, and a page that needs no kernel."""

from dataclasses import asdict, replace

import pytest
from test_page import HOSTILE, Reader, assert_only_text

from course_utils.teaching.question import InterviewQuestion, QuestionBlock

QUESTION = InterviewQuestion(
    "01.why-ppmi",
    question="Why not raw counts?",
    answer="Frequent words fill every row. `PPMI` asks how much more often two words meet than by chance.",
    usual_wrong_answer="Because they are large. Size is harmless.",
    follow_up="What does PPMI do to rare words?",
    evidence="Raw counts: you'll see",
)
OTHER = replace(QUESTION, key="02.softmax", question="What does the softmax cost?")
TEXTS = ("question", "answer", "usual_wrong_answer", "follow_up", "evidence")


class Folded(Reader):
    """Also keeps apart what stands inside <details>."""

    def __init__(self, markup):
        self.depth, self.hidden, self.open = 0, "", ""
        super().__init__(markup)

    def handle_starttag(self, tag, attrs):
        self.depth += tag == "details"
        assert tag != "details" or "open" not in dict(attrs)
        super().handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        self.depth -= tag == "details"
        super().handle_endtag(tag)

    def handle_data(self, data):
        if self.depth:
            self.hidden += data
        else:
            self.open += data


def test_the_question_is_open_and_the_rest_is_folded():
    page = Folded(QUESTION._repr_mimebundle_()["text/html"])
    assert page.open == "Why not raw counts?"
    for name in TEXTS[1:]:
        assert getattr(QUESTION, name).replace("`", "") in page.hidden
    for head in ("An answer (5 seconds)", "The usual wrong answer", "The follow-up", "What proves it"):
        assert head in page.hidden


def test_it_needs_neither_script_nor_kernel():
    bundle = QuestionBlock([QUESTION, OTHER])._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert "script" not in bundle["text/html"]
    assert bundle["text/html"].count("<details>") == bundle["text/html"].count("</details>") == 2


def test_fixed_text():
    assert QuestionBlock([QUESTION, OTHER])._repr_mimebundle_()["text/plain"] == (
        "Question 01.why-ppmi: Why not raw counts?\nQuestion 02.softmax: What does the softmax cost?"
    )
    assert QUESTION._repr_mimebundle_()["text/plain"] == "Question 01.why-ppmi: Why not raw counts?"


def test_the_evidence_is_a_link_into_the_lesson():
    assert QUESTION.link() == "#Raw-counts:-you'll-see"
    assert QUESTION.link(notebook="01 counting.ipynb") == "01%20counting.ipynb#Raw-counts:-you'll-see"
    assert 'href="#Raw-counts:-you&#x27;ll-see">Raw counts: you&#x27;ll see</a>' in QUESTION.markup()


def test_evidence_in_other_notebooks():
    block = QuestionBlock([QUESTION, OTHER], notebooks={"02": "02_softmax.ipynb"})
    markup = block._repr_mimebundle_()["text/html"]
    assert 'href="#Raw' in markup
    assert 'href="02_softmax.ipynb#Raw' in markup
    assert "lesson 02, Raw counts" in markup


def test_questions_are_data():
    assert InterviewQuestion(**asdict(QUESTION)) == QUESTION
    assert QUESTION.lesson == "01"
    assert QUESTION.words == 17
    assert list(QuestionBlock([QUESTION, OTHER])) == [QUESTION, OTHER]
    assert len(QuestionBlock([QUESTION])) == 1
    with pytest.raises(AttributeError):
        QUESTION.answer = "changed"
    with pytest.raises(TypeError):
        InterviewQuestion("01.a", "question by position")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("text", ["", " \n", None])
def test_an_empty_part_is_refused(name, text):
    with pytest.raises(ValueError, match=f"`{name}` must be a text"):
        replace(QUESTION, **{name: text})


def test_an_answer_takes_at_most_a_minute():
    assert replace(QUESTION, answer="word " * 160).seconds == 60
    with pytest.raises(
        ValueError, match=r"The answer of 01\.why-ppmi has 161 words; a spoken minute holds 160"
    ):
        replace(QUESTION, answer="word " * 161)
    with pytest.raises(ValueError, match="is no key"):
        replace(QUESTION, key="why")


def test_bad_blocks_are_refused():
    for questions in ([], [QUESTION, QUESTION]):
        with pytest.raises(ValueError, match="each with its own key"):
            QuestionBlock(questions)


@pytest.mark.parametrize("hostile", [text for text in HOSTILE if len(text.split()) < 160])
def test_every_text_is_escaped(hostile):
    def shown(text):
        question = InterviewQuestion("01.a", **dict.fromkeys(TEXTS, text))
        return QuestionBlock([question], notebooks={"01": text})._repr_mimebundle_()["text/html"]

    assert_only_text(shown(hostile), hostile=hostile, harmless=shown("word"))


def test_ten_thousand_characters():
    long = "x" * 10_000
    page = Reader(InterviewQuestion("01.a", **dict.fromkeys(TEXTS, long))._repr_mimebundle_()["text/html"])
    assert page.text.count("x" * 10_000) == 5


def test_a_lone_surrogate_does_not_stop_the_page():
    assert replace(QUESTION, evidence="lone \ud800 half").link() == "#lone--half"
