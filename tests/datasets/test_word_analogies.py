"""Google's analogy questions."""

from collections import Counter

from course_utils.datasets.word_analogies import Analogy, load_analogies

SIZES = {
    "capital-common-countries": 506,
    "capital-world": 4524,
    "currency": 866,
    "city-in-state": 2467,
    "family": 506,
    "gram1-adjective-to-adverb": 992,
    "gram2-opposite": 812,
    "gram3-comparative": 1332,
    "gram4-superlative": 1122,
    "gram5-present-participle": 1056,
    "gram6-nationality-adjective": 1599,
    "gram7-past-tense": 1560,
    "gram8-plural": 1332,
    "gram9-plural-verbs": 870,
}


def test_questions_and_sections():
    questions = load_analogies()
    assert len(questions) == 19_544
    assert Counter(q.section for q in questions) == SIZES
    assert list(dict.fromkeys(q.section for q in questions)) == list(SIZES)
    assert questions[0] == Analogy("capital-common-countries", "athens", "greece", "baghdad", "iraq")
    assert Analogy("family", "boy", "girl", "king", "queen") in questions
    assert all(word and word == word.lower() for q in questions for word in (q.a, q.b, q.c, q.d))
