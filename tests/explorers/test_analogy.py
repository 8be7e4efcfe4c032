"""AnalogyExplorer against plain numpy, and against everything a reader may type."""

import itertools

import numpy as np
import pytest
from map_parts import NS, message, shown

from course_utils.explorers.analogy import MOST_ANSWERS, AnalogyExplorer

WORDS = ["king", "man", "woman", "queen", "Paris", "france", "<b>", "👩‍🔬", "שלום", "paris"]


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32) * 3


@pytest.fixture
def explorer(vectors):
    return AnalogyExplorer(vectors, labels=WORDS, a="man", b="king", c="woman", k=3)


def plain_answers(vectors, a, b, c, *, leave_out):
    """Rows by falling cosine with b - a + c of vectors of length 1, and these cosines."""
    wide = vectors.astype(np.float64)
    unit = wide / np.sqrt((wide**2).sum(axis=1, keepdims=True))
    wanted = unit[b] - unit[a] + unit[c]
    cosines = unit @ wanted / np.sqrt((wanted**2).sum())
    rows = [row for row in np.argsort(-cosines, kind="stable") if not (leave_out and row in (a, b, c))]
    return rows, cosines[rows]


def bars(explorer):
    rects = [rect for rect in shown(explorer).iter(f"{NS}rect") if "data-value" in rect.attrib]
    return [(rect.get("data-label"), float(rect.get("data-value"))) for rect in rects]


@pytest.mark.parametrize("leave_out", [True, False])
@pytest.mark.parametrize("k", [1, 4, 7])
@pytest.mark.parametrize("question", [(1, 0, 2), (4, 5, 3), (0, 0, 2), (6, 7, 8)])
def test_answers_equal_plain_numpy(explorer, vectors, question, k, leave_out):
    a, b, c = (WORDS[row] for row in question)
    state = explorer.set_state(a=a, b=b, c=c, k=k, leave_out=leave_out)
    rows, cosines = plain_answers(vectors, *question, leave_out=leave_out)
    assert state["answers"] == [WORDS[row] for row in rows[:k]]
    np.testing.assert_allclose(state["scores"], cosines[:k], atol=1e-6)
    assert state["question"] == (a, b, c)
    assert [word for word, _ in bars(explorer)] == state["answers"]
    np.testing.assert_allclose([value for _, value in bars(explorer)], cosines[:k], atol=1e-6)


def test_the_difference_goes_from_a_to_b():
    square = np.array([[1, 0, 1], [0, 1, 1], [1, 0, -1], [0, 1, -1], [-1, -1, 0]], dtype=float)
    names = ["man", "woman", "king", "queen", "tea"]
    explorer = AnalogyExplorer(square, labels=names, a="man", b="king", c="woman", k=1)
    assert explorer.state()["answers"] == ["queen"]
    assert explorer.state()["scores"] == [pytest.approx(1)]
    assert explorer.set_state(a="king", b="man", c="queen")["answers"] == ["woman"]


def test_lengths_of_vectors_do_not_matter(vectors):
    stretched = vectors * np.arange(1, len(WORDS) + 1)[:, None]
    states = [
        AnalogyExplorer(v, labels=WORDS, a="man", b="king", c="woman").state() for v in (vectors, stretched)
    ]
    assert states[0]["answers"] == states[1]["answers"]
    np.testing.assert_allclose(states[0]["scores"], states[1]["scores"], atol=1e-6)


def test_words_of_the_question_are_marked_when_they_answer(explorer):
    state = explorer.set_state(leave_out=False, k=9)
    assert {"king", "man", "woman"} & set(state["answers"])
    marked = [word for word, asked in zip(state["answers"], state["asked"], strict=True) if asked]
    assert set(marked) == {"king", "man", "woman"} & set(state["answers"])
    notes = [text.text for text in shown(explorer).iter(f"{NS}text") if text.text == "in the question"]
    assert len(notes) == len(marked)
    assert not any(explorer.set_state(leave_out=True)["asked"])


def test_more_answers_than_words_are_clipped(explorer, vectors):
    assert explorer.controls["k"].max == len(WORDS) - 1
    assert len(explorer.set_state(k=9, leave_out=True)["answers"]) == len(WORDS) - 3
    assert len(explorer.set_state(k=9, leave_out=False)["answers"]) == 9
    with pytest.raises(ValueError, match="from 1 to 9"):
        explorer.set_state(k=10)
    assert explorer.state()["k"] == 9
    many = AnalogyExplorer(np.eye(40), labels=[f"w{i}" for i in range(40)], a="w0", b="w1", c="w2", k=99)
    assert many.controls["k"].max == many.state()["k"] == MOST_ANSWERS == len(many.state()["answers"])


def test_no_word_left_to_answer_with():
    explorer = AnalogyExplorer(np.eye(2), labels=["a", "b"], a="a", b="a", c="a")
    assert explorer.state()["answers"] == ["b"]
    explorer.controls["b"].value = "b"
    assert "No word is left" in explorer.state()["problem"]
    assert explorer.set_state(leave_out=False)["answers"] == ["b"]


def test_a_word_that_comes_twice_is_its_first_row(explorer, vectors):
    state = explorer.set_state(a="PARIS", b="france", c="king", leave_out=False, k=9)
    rows, cosines = plain_answers(vectors, WORDS.index("Paris"), 5, 0, leave_out=False)
    assert state["question"][0] == "Paris"
    np.testing.assert_allclose(state["scores"], cosines[:9], atol=1e-6)


def test_question_and_best_answers_are_said(explorer):
    state = explorer.state()
    first = f"{state['answers'][0]} {state['scores'][0]:.3f}".replace("<", "&lt;").replace(">", "&gt;")
    assert f"man : king = woman : {first}" in explorer.widget.children[-1].value
    assert shown(explorer).get("data-question") == "man king woman"
    assert "man is to king as woman is to …" in {text.text for text in shown(explorer).iter(f"{NS}text")}


UNUSABLE = {
    "": "Type a word for",
    "   ": "Type a word for",
    "zebra": "“zebra” has no vector",
    "y" * 1_000: "y…” has no vector",
    "x" * 10_000: "10,000 characters",
    "<img src=x onerror=alert(1)>": "no vector",
    "🦓": "“🦓” has no vector",
    "مرحبا": "“مرحبا” has no vector",
    "king\x00": "no vector",
}


@pytest.mark.parametrize(("key", "text"), list(itertools.product("abc", UNUSABLE)))
def test_unusable_words_get_a_sentence_that_names_the_field(explorer, key, text):
    before, picture = explorer.state(), bars(explorer)
    explorer.controls[key].value = text
    state = explorer.state()
    assert UNUSABLE[text] in state["problem"]
    named = f"{key} holds" if len(text) > 2_000 else f"for {key}"
    assert named in state["problem"]
    assert len(state["problem"]) < 200
    assert state["answers"] == before["answers"]
    assert bars(explorer) == picture
    assert "<img" not in message(explorer)
    explorer.controls[key].value = " KING "
    assert explorer.state()["problem"] == ""
    assert "king" in explorer.state()["question"]


@pytest.mark.parametrize(
    ("vectors", "labels", "says"),
    [
        (np.eye(3), ["a", "b"], "3 vectors need as many labels, not 2"),
        (np.eye(1), ["a"], "at least two words"),
        (np.full((3, 3), np.nan), ["a", "b", "c"], "NaN"),
        (np.zeros((3, 3, 3)), ["a", "b", "c"], "one vector in each row"),
        (np.eye(3), ["x", "y", "z"], "for a"),
    ],
)
def test_what_does_not_fit_is_refused(vectors, labels, says):
    with pytest.raises(ValueError, match=says):
        AnalogyExplorer(vectors, labels=labels, a="a", b="b", c="a")
