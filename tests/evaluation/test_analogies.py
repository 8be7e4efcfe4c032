"""Analogies, against gensim and a plain loop."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from course_utils.datasets.gensim_files import gensim_file
from course_utils.datasets.word_analogies import load_analogies
from course_utils.evaluation.analogies import evaluate_analogies


@pytest.fixture(scope="module")
def world():
    """Vectors for half of the words of the data set, in which related words differ by a noisy step."""
    questions = load_analogies()
    rng = np.random.default_rng(0)
    names = sorted({word for q in questions for word in (q.a, q.b, q.c, q.d)})
    index = {name: i for i, name in enumerate(rng.permutation(names)[: len(names) // 2].tolist())}
    vectors = rng.standard_normal((len(index), 20))
    steps = {section: rng.standard_normal(20) for section in dict.fromkeys(q.section for q in questions)}
    for q in questions:
        if q.a in index and q.b in index:
            vectors[index[q.b]] = vectors[index[q.a]] + steps[q.section] + rng.normal(scale=0.4, size=20)
    vectors *= rng.uniform(0.5, 3, size=(len(index), 1))  # lengths must not matter
    return vectors.astype(np.float32), index, questions


def solve_by_loop(vectors, *, index, questions, exclude):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    correct = 0
    for q in questions:
        if not all(word in index for word in (q.a, q.b, q.c, q.d)):
            continue
        a, b, c, d = (index[word] for word in (q.a, q.b, q.c, q.d))
        scores = unit @ (unit[b] - unit[a] + unit[c])
        if exclude:
            scores[[a, b, c]] = -np.inf
        correct += int(scores.argmax()) == d
    return correct


@pytest.mark.parametrize("top_words", [None, 250])
def test_equals_gensim_section_by_section(world, top_words):
    from gensim.models import KeyedVectors

    vectors, index, questions = world
    theirs = KeyedVectors(vectors.shape[1])
    theirs.add_vectors(list(index), vectors)
    accuracy, sections = theirs.evaluate_word_analogies(
        str(gensim_file("analogies")), restrict_vocab=top_words or len(index)
    )
    ours = evaluate_analogies(vectors, index=index, questions=questions, top_words=top_words)
    expected = {s["section"]: (len(s["correct"]), len(s["correct"]) + len(s["incorrect"])) for s in sections}
    expected.pop("Total accuracy")
    assert {name: (s.correct, s.covered) for name, s in ours.per_section.items()} == expected
    assert ours.accuracy == pytest.approx(accuracy)
    assert 0.05 < ours.accuracy < 0.95  # else the comparison would be an empty one
    assert ours.total == sum(s.total for s in ours.per_section.values()) == 19_544


@pytest.mark.parametrize("exclude", [True, False])
def test_equals_a_loop_over_the_questions(world, exclude):
    vectors, index, questions = world
    some = questions[::7]
    result = evaluate_analogies(vectors, index=index, questions=some, exclude_question_words=exclude)
    assert result.correct == solve_by_loop(vectors, index=index, questions=some, exclude=exclude)
    assert result.correct > 0
    assert result.low < result.accuracy < result.high


def test_without_exclusion_fewer_answers_are_right(world):
    vectors, index, questions = world
    some = questions[::7]
    barred = evaluate_analogies(vectors, index=index, questions=some)
    free = evaluate_analogies(vectors, index=index, questions=some, exclude_question_words=False)
    assert free.correct < barred.correct
    assert free.covered == barred.covered


def test_the_size_of_a_block_and_sparseness_change_nothing(world, monkeypatch):
    vectors, index, questions = world
    some = questions[::40]
    whole = evaluate_analogies(vectors, index=index, questions=some)
    monkeypatch.setattr("course_utils.evaluation.analogies._SCORES_AT_ONCE", 3 * len(index))
    assert evaluate_analogies(vectors, index=index, questions=some) == whole
    assert evaluate_analogies(sparse.csr_matrix(vectors), index=index, questions=some) == whole


def question(text, *, section="s"):
    a, b, c, d = text.split()
    return SimpleNamespace(section=section, a=a, b=b, c=c, d=d)


SQUARE = np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [-1, -1, -1]])
CORNERS = {"man": 0, "woman": 1, "king": 2, "queen": 3, "far": 4}


def test_by_hand():
    asked = [
        question("man woman king queen"),
        question("man woman king far"),
        question("man woman king emperor"),
        question("king queen man woman", section="t"),
    ]
    result = evaluate_analogies(SQUARE, index=CORNERS, questions=asked)
    assert (result.correct, result.covered, result.total) == (2, 3, 4)
    assert result.accuracy == pytest.approx(2 / 3)
    first, second = result.per_section["s"], result.per_section["t"]
    assert (first.correct, first.covered, first.total, first.accuracy) == (1, 2, 3, 0.5)
    assert (second.correct, second.covered, second.total, second.accuracy) == (1, 1, 1, 1.0)
    assert "of 3 covered questions (4 in all)" in str(result)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"questions": []}, "None of the 0 questions"),
        ({"questions": [question("Man Woman King Queen")]}, "None of the 1 questions .*lower case"),
        ({"top_words": 3}, "None of the 1 questions"),
        ({"top_words": 0}, "top_words must be 1 or more"),
        ({"vectors": SQUARE[:3]}, "row 3, but there are only 3 vectors"),
        ({"vectors": np.where(SQUARE < 0, np.nan, SQUARE)}, "Row 4 of the vectors holds NaN"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(change, message):
    asked = [question("man woman king queen")]
    arguments = {"vectors": SQUARE, "index": CORNERS, "questions": asked} | change
    with pytest.raises(ValueError, match=message):
        evaluate_analogies(arguments.pop("vectors"), **arguments)
