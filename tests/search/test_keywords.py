"""Keyword search against BM25 written out, and every query that a reader may type."""

import math
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.search import KeywordIndex, search_terms

TEXTS = [
    "the cat sat on the mat",
    "the dog sat",
    "fitTransform(data_frame, n=10)",
    "",
    "<b>cat</b> & <script>alert('mat')</script>",
    "the the the the",
    "кот sat",
]


def bm25(query, texts, *, k1=1.5, b=0.75):
    """Straight from the formula (Lucene's variant), term by term."""
    documents = [search_terms(text) for text in texts]
    mean_length = sum(map(len, documents)) / len(documents)
    scores = []
    for document in documents:
        counts, score = Counter(document), 0.0
        for term in search_terms(query):
            holders = sum(term in other for other in documents)
            rare = math.log(1 + (len(documents) - holders + 0.5) / (holders + 0.5))
            stretch = k1 * (1 - b + b * len(document) / mean_length)
            score += rare * counts[term] / (counts[term] + stretch) if counts[term] else 0.0
        scores.append(score)
    return np.array(scores)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("fit_transform(X, n=10)  # LinearSVC", ["fit", "transform", "x", "n", "10", "linear", "svc"]),
        ("HTTPServer getURL2 __init__", ["http", "server", "get", "url", "2", "init"]),
        ("Étude_ÉTÉ naïve", ["étude", "été", "naïve"]),
        ("кот 中文 שלום", ["кот", "中文", "שלום"]),
        ("don't", ["don", "t"]),
        ("URLs of CPUs, IDsOf, URLStream, As", ["urls", "of", "cpus", "ids", "of", "url", "stream", "as"]),
        ("?! \n", []),
        ("A", ["a"]),
    ],
)
def test_terms(text, terms):
    assert search_terms(text) == terms


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_has_terms_without_blanks_or_capitals(text):
    for term in search_terms(text):
        assert term
        assert term == term.lower()
        assert not any(character.isspace() or character == "_" for character in term)


@pytest.mark.parametrize("query", ["cat", "the cat sat", "sat sat sat mat", "data frame 10", "кот", "alert"])
@pytest.mark.parametrize("setting", [{}, {"saturation": 3.0, "length_share": 1.0}, {"length_share": 0.0}])
def test_scores_are_those_of_the_formula(query, setting):
    index = KeywordIndex(TEXTS, **setting)
    names = {"saturation": "k1", "length_share": "b"}
    expected = bm25(query, TEXTS, **{names[name]: value for name, value in setting.items()})
    np.testing.assert_allclose(index.scores(query), expected, rtol=1e-6, atol=1e-9)
    hits = index.search(query, k=20)
    assert set(hits.indices.tolist()) == set(np.flatnonzero(expected).tolist())
    np.testing.assert_allclose(hits.scores, np.sort(expected[expected > 0])[::-1], rtol=1e-6)


def test_reasons_sum_to_the_score_and_the_heaviest_comes_first():
    index = KeywordIndex(TEXTS)
    query = "the cat, the cat sat on a zeppelin"
    for i in range(len(TEXTS)):
        reasons = index.why(query, i)
        assert sum(part for _, part in reasons) == pytest.approx(index.scores(query)[i])
        assert [part for _, part in reasons] == sorted((part for _, part in reasons), reverse=True)
        assert all(part > 0 and term in search_terms(TEXTS[i]) for term, part in reasons)
    assert index.why(query, 3) == []


def test_equal_scores_come_by_number_and_k_bounds_the_hits():
    index = KeywordIndex(["same text"] * 5 + ["other"])
    assert index.search("text", k=3).indices.tolist() == [0, 1, 2]
    assert index.search("text", k=10).indices.tolist() == [0, 1, 2, 3, 4]
    for k in (0, -1):
        with pytest.raises(ValueError, match="k must be 1 or more"):
            index.search("text", k=k)


def test_many_queries_at_once():
    index = KeywordIndex(TEXTS)
    queries = ["cat", "zeppelin", "the dog sat"]
    many = index.search_many(queries, k=3)
    assert many.indices.shape == many.scores.shape == (3, 3)
    for row, query in enumerate(queries):
        one = index.search(query, k=3)
        assert many.indices[row, : len(one.indices)].tolist() == one.indices.tolist()
        assert (many.indices[row, len(one.indices) :] == -1).all()
        assert np.isneginf(many.scores[row, len(one.indices) :]).all()


@pytest.mark.parametrize("query", ["", "  \n", "?!", "—", "🌊"])
def test_a_query_without_words_is_refused(query):
    index = KeywordIndex(TEXTS)
    for ask in (index.search, index.scores, lambda query: index.why(query, 0)):
        with pytest.raises(ValueError, match="holds no word and no number; type what"):
            ask(query)


def test_what_is_too_long_or_no_text():
    index = KeywordIndex(TEXTS)
    with pytest.raises(ValueError, match="has 10,000 words; shorten it to 1,000 or fewer"):
        index.search("cat " * 10_000)
    assert len(index.search("cat " * 1_000).indices) == 2
    for query in (None, 7, ["cat"]):
        with pytest.raises(TypeError, match="A query is one text"):
            index.search(query)


def test_unknown_words_find_nothing_and_markup_is_text():
    index = KeywordIndex(TEXTS)
    assert index.search("zeppelin").indices.tolist() == []
    assert index.scores("zeppelin").tolist() == [0.0] * len(TEXTS)
    assert index.why("zeppelin", 0) == []
    assert index.search("<script>alert</script>").indices.tolist() == [4]
    assert len(index) == len(TEXTS)


def test_documents_that_are_not_there():
    index = KeywordIndex(TEXTS)
    for i in (-1, len(TEXTS)):
        with pytest.raises(ValueError, match="numbered from 0 to 6"):
            index.why("cat", i)
    for texts in ([], [""], ["?!", " "]):
        with pytest.raises(ValueError, match="at least one text with a word"):
            KeywordIndex(texts)


def test_importing_search_does_not_import_the_library():
    code = "import course_utils.search, sys; print({'bm25s', 'numba', 'torch'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
