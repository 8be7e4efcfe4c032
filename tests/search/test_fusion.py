"""Reciprocal rank fusion by hand and against sums in another order; the hybrid index."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.search import HybridIndex, KeywordIndex, VectorIndex, reciprocal_rank_fusion

TEXTS = ["a cat on a mat", "a dog", "cats and dogs", "the judge", "a mat"]


def encode(texts):
    return np.array([[float(text.count(word)) for word in ("cat", "dog", "judge")] for text in texts])


@pytest.fixture
def parts():
    return {"keywords": KeywordIndex(TEXTS), "vectors": VectorIndex(encode(TEXTS), encode)}


def test_by_hand():
    hits = reciprocal_rank_fusion([[4, 7, 1], [7, 9]], constant=1)
    # 4: 1/2. 7: 1/3 + 1/2. 1: 1/4. 9: 1/3.
    assert hits.indices.tolist() == [7, 4, 9, 1]
    np.testing.assert_allclose(hits.scores, [5 / 6, 1 / 2, 1 / 3, 1 / 4])


def test_equal_sums_come_by_number_and_gaps_count_as_places():
    assert reciprocal_rank_fusion([[5, 2], [2, 5]]).indices.tolist() == [2, 5]
    hits = reciprocal_rank_fusion([[-1, 3], [3, -1, 8]], constant=0)
    assert hits.indices.tolist() == [3, 8]
    np.testing.assert_allclose(hits.scores, [1 / 2 + 1, 1 / 3])


def test_a_large_constant_asks_for_agreement():
    rankings = [[1, 0, 0], [2, 0, 0]]
    rankings = [[1, 8, 9, 5], [2, 6, 7, 5]]
    assert reciprocal_rank_fusion(rankings, constant=0).indices[0] == 1
    assert reciprocal_rank_fusion(rankings, constant=60).indices[0] == 5


RANKING = st.lists(st.integers(0, 9), unique=True, max_size=10)


@given(st.lists(RANKING, min_size=1, max_size=4), st.integers(0, 80))
def test_scores_fall_and_every_document_is_there_once(rankings, constant):
    hits = reciprocal_rank_fusion([np.array(one, dtype=int) for one in rankings], constant=constant)
    assert sorted(hits.indices.tolist()) == sorted({document for one in rankings for document in one})
    assert (np.diff(hits.scores) <= 1e-15).all()
    for document, score in zip(hits.indices, hits.scores, strict=True):
        parts = [1 / (constant + one.index(document) + 1) for one in rankings if document in one]
        assert score == pytest.approx(sum(parts))


def test_what_cannot_be_fused(parts):
    with pytest.raises(ValueError, match="constant must be above -1"):
        reciprocal_rank_fusion([[1]], constant=-1)
    with pytest.raises(ValueError, match="at least one ranking"):
        reciprocal_rank_fusion([])
    with pytest.raises(ValueError, match="at least one index"):
        HybridIndex({})
    with pytest.raises(ValueError, match="k must be 1"):
        HybridIndex(parts).search("cat", k=0)
    with pytest.raises(ValueError, match="no word"):
        HybridIndex(parts).search("")


def test_the_hybrid_is_the_fusion_of_its_parts(parts):
    hybrid = HybridIndex(parts, constant=3)
    for query in ("cat dog", "mat", "a judge", "dog zeppelin"):
        rankings = [index.search(query, 100).indices for index in parts.values()]
        expected = reciprocal_rank_fusion(rankings, constant=3)
        found = hybrid.search(query, k=4)
        assert found.indices.tolist() == expected.indices[:4].tolist()
        np.testing.assert_array_equal(found.scores, expected.scores[:4])
    many = hybrid.search_many(["cat dog", "zeppelin"], k=3)
    assert many.indices[0].tolist() == hybrid.search("cat dog", k=3).indices.tolist()
    assert many.indices[1].tolist() == [-1, -1, -1]


def test_reasons_sum_to_the_score_and_name_the_ranks(parts):
    hybrid = HybridIndex(parts, constant=3)
    found = hybrid.search("cat dog", k=5)
    for document, score in zip(found.indices.tolist(), found.scores, strict=True):
        reasons = hybrid.why("cat dog", document)
        assert sum(part for _, part in reasons) == pytest.approx(score)
        for name, part in reasons:
            which, _, rank = name.partition(": rank ")
            assert parts[which].search("cat dog", 100).indices[int(rank) - 1] == document
            assert part == pytest.approx(1 / (3 + int(rank)))
    assert hybrid.why("mat", 3) == []


def test_depth_cuts_each_ranking(parts):
    shallow = HybridIndex(parts, depth=1)
    firsts = {int(index.search("cat dog", 1).indices[0]) for index in parts.values()}
    assert set(shallow.search("cat dog", k=5).indices.tolist()) == firsts
