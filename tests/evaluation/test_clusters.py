"""Marks against scikit-learn; names against weights worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from course_utils.evaluation.clusters import (
    contingency,
    name_clusters,
    normalized_mutual_information,
    purity,
)

sortings = st.integers(1, 30).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 4), min_size=n, max_size=n)] * 2)
)


@given(sortings)
def test_marks_agree_with_scikit_learn(pair):
    one, other = (np.array(labels) for labels in pair)
    assert normalized_mutual_information(one, other) == pytest.approx(
        normalized_mutual_info_score(one, other), abs=1e-9
    )
    theirs = contingency_matrix(one, other)
    assert purity(one, other) == pytest.approx(theirs.max(axis=1).sum() / theirs.sum())
    assert sorted(contingency(one, other).sum(axis=1)[np.unique(one)]) == sorted(theirs.sum(axis=1))


def test_purity_by_hand():
    # cluster 0: two of class 1, one of class 0; cluster 1: one of class 2
    assert purity([0, 0, 0, 1], [1, 1, 0, 2]) == 0.75


def test_names_by_hand():
    documents = [["sea", "the", "the"], ["sea", "ship"], ["the", "court", "the"], ["court"]]
    # Five and four words: A = 4.5; "the" occurs 4 times, "sea" and "court" 2, "ship" 1.
    sea, the, ship = 2 / 5 * np.log(1 + 4.5 / 2), 2 / 5 * np.log(1 + 4.5 / 4), 1 / 5 * np.log(1 + 4.5)
    assert sea > ship > the / 2
    assert the < sea
    names = name_clusters(documents, [0, 0, 1, 1], top=3)
    assert names[0] == [w for _, w in sorted([(-sea, "sea"), (-the, "the"), (-ship, "ship")])]
    assert names[1] == ["court", "the"]
    assert name_clusters(documents, [0, 0, 1, 1], top=1, stop=frozenset({"sea"}))[0] != ["sea"]


def test_an_empty_cluster_has_no_name_and_ties_go_by_the_alphabet():
    assert name_clusters([["b", "a"], ["c"]], [0, 2], top=2) == [["a", "b"], [], ["c"]]


@pytest.mark.parametrize("bad", [[], [0.5], [-1, 0], [[0, 1]]])
def test_bad_labels_are_refused(bad):
    with pytest.raises(ValueError, match="whole numbers"):
        purity(bad, bad)
    with pytest.raises(ValueError, match="as many clusters"):
        name_clusters([["a"]], [0, 1])
    with pytest.raises(ValueError, match="same items"):
        purity([0], [0, 1])
