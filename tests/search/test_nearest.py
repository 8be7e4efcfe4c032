"""Search by vectors: cosines against numpy, whatever the lengths, and the words that a hit hangs on."""

import numpy as np
import pytest

from course_utils.search import VectorIndex

WORDS = ("sea", "boat", "court", "judge")
DOCUMENTS = np.array(
    [[3, 1, 0, 0], [0.1, 0.2, 0, 0], [0, 0, 5, 5], [1, 0, 0, 1], [0, 0, 0, 0.01]], dtype=float
)


def encode(texts):
    """Counts of four words; a text with none of them has no direction."""
    return np.array([[text.split().count(word) for word in WORDS] for text in texts])


@pytest.fixture
def index():
    return VectorIndex(DOCUMENTS, encode)


def cosines(query):
    vector = encode([query])[0]
    return DOCUMENTS @ vector / np.linalg.norm(DOCUMENTS, axis=1) / np.linalg.norm(vector)


@pytest.mark.parametrize("query", ["sea", "boat sea", "judge court court", "judge , of the sea"])
def test_cosines_and_order(index, query):
    expected = cosines(query)
    np.testing.assert_allclose(index.scores(query), expected, atol=1e-12)
    hits = index.search(query, k=3)
    assert hits.indices.tolist() == np.argsort(-expected, kind="stable")[:3].tolist()
    np.testing.assert_allclose(hits.scores, expected[hits.indices])
    everything = index.search(query, k=99)
    assert sorted(everything.indices.tolist()) == [0, 1, 2, 3, 4]


def test_lengths_do_not_matter():
    long = VectorIndex(DOCUMENTS * np.array([[1], [1000], [0.1], [7], [3]]), encode)
    assert (
        long.search("sea boat", k=5).indices.tolist()
        == VectorIndex(DOCUMENTS, encode).search("sea boat", k=5).indices.tolist()
    )


def test_many_equals_one_by_one(index):
    queries = ["sea", "the unknown", "judge court"]
    many = index.search_many(queries, k=2)
    assert many.indices[1].tolist() == [-1, -1]
    for row in (0, 2):
        assert many.indices[row].tolist() == index.search(queries[row], k=2).indices.tolist()
        np.testing.assert_array_equal(many.scores[row], index.search(queries[row], k=2).scores)


def test_a_query_without_a_known_word_finds_nothing(index):
    assert index.search("the unknown").indices.tolist() == []
    assert index.scores("the unknown").tolist() == [0.0] * 5


def test_reasons_are_what_the_cosine_loses_without_each_word(index):
    query = "sea of boat judge"
    whole = cosines(query)[0]
    expected = {
        "sea": whole - cosines("of boat judge")[0],
        "of": 0.0,
        "boat": whole - cosines("sea of judge")[0],
        "judge": whole - cosines("sea of boat")[0],
    }
    reasons = index.why(query, 0)
    assert dict(reasons) == pytest.approx(expected)
    assert reasons[0][0] == "sea"
    assert reasons[-1][0] == "judge"
    assert reasons[-1][1] < 0
    assert index.why(" sea ", 0) == [("sea", pytest.approx(cosines("sea")[0]))]
    assert index.why("sea unknown", 0)[0] == ("sea", pytest.approx(cosines("sea")[0]))


def test_a_query_is_encoded_once_while_it_is_asked_again():
    asked = []

    def counting(texts):
        asked.append(list(texts))
        return encode(texts)

    index = VectorIndex(DOCUMENTS, counting)
    for _ in range(3):
        index.search("sea boat", k=2)
        for i in range(5):
            index.why("sea boat", i)
    assert asked == [["sea boat"], ["sea boat", "boat", "sea"]]
    for i in range(50):
        index.search(f"sea {i}")
    assert len(index._latest) < 20


@pytest.mark.parametrize("query", ["", "?!", "🌊"])
def test_what_is_no_query(index, query):
    for ask in (index.search, index.scores, lambda query: index.why(query, 0)):
        with pytest.raises(ValueError, match="holds no word"):
            ask(query)
    with pytest.raises(ValueError, match="holds no word"):
        index.search_many(["sea", query])


def test_what_does_not_fit(index):
    with pytest.raises(ValueError, match="has 10,000 words"):
        index.search("sea " * 10_000)
    with pytest.raises(ValueError, match="numbered from 0 to 4"):
        index.why("sea boat", 5)
    with pytest.raises(ValueError, match="Use the model that made the documents' vectors"):
        VectorIndex(DOCUMENTS, lambda texts: np.ones((len(texts), 3))).search("sea")
    with pytest.raises(ValueError, match="Use the model"):
        VectorIndex(DOCUMENTS, lambda texts: np.ones((1, 4))).search_many(["sea", "boat"])
    with pytest.raises(ValueError, match="Row 1 of the documents' vectors holds NaN"):
        VectorIndex([[1.0], [np.nan]], encode)
    with pytest.raises(ValueError, match="k must be 1"):
        index.search("sea", k=0)
