"""Item weights against counting, an autoencoder against least squares, leave-one-out against loops."""

import numpy as np
import pytest

from course_utils.models.item_similarity import (
    METHODS,
    basket_matrix,
    count_pairs,
    item_weights,
    leave_one_out,
    score_baskets,
)

INDEX = {"a": 0, "b": 1, "c": 2, "d": 3}
BASKETS = [{"a", "b"}, {"a", "b", "c"}, {"c"}, {"a", "d"}, {"b", "c"}]


@pytest.fixture
def matrix():
    return basket_matrix(BASKETS, index=INDEX)


@pytest.fixture
def random_baskets():
    return (np.random.default_rng(0).random((80, 12)) < 0.3).astype(float)


def test_counts_by_hand(matrix):
    assert matrix.tolist()[:2] == [[1, 1, 0, 0], [1, 1, 1, 0]]
    assert count_pairs(matrix).tolist() == [[3, 2, 1, 1], [2, 3, 2, 0], [1, 2, 3, 0], [1, 0, 0, 1]]
    np.testing.assert_array_equal(count_pairs(matrix) - count_pairs(matrix[3:]), count_pairs(matrix[:3]))
    with pytest.raises(ValueError, match="'x' is not in the index"):
        basket_matrix([{"a", "x"}], index=INDEX)


def test_weights_by_hand(matrix):
    together = count_pairs(matrix)
    cosine = item_weights(together, baskets=5, method="cosine", damping=1.0)
    assert cosine[0, 1] == cosine[1, 0] == pytest.approx(2 / (3 + 1))
    assert cosine[0, 3] == pytest.approx(1 / (np.sqrt(3) + 1))
    conditional = item_weights(together, baskets=5, method="conditional", damping=2.0)
    assert conditional[0, 3] == pytest.approx(1 / 5)
    assert conditional[3, 0] == pytest.approx(1 / 3)
    pmi = item_weights(together, baskets=5, method="pmi")
    assert pmi[0, 1] == pytest.approx(np.log(2 * 5 / 9))
    assert pmi[0, 2] == pmi[1, 3] == 0  # less often than by chance, and never
    for method in METHODS:
        assert np.diag(item_weights(together, baskets=5, method=method)).tolist() == [0] * 4


def test_linear_weights_solve_the_penalised_least_squares(random_baskets):
    weights = item_weights(count_pairs(random_baskets), baskets=80, method="linear", damping=3.0)
    for item in range(12):
        others = np.delete(random_baskets, item, axis=1)
        best = np.linalg.solve(others.T @ others + 3.0 * np.eye(11), others.T @ random_baskets[:, item])
        np.testing.assert_allclose(np.delete(weights[:, item], item), best, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_items_that_never_occur_break_nothing(method):
    together = count_pairs(np.array([[1.0, 1, 0], [1, 0, 0]]))
    weights = item_weights(together, baskets=2, method=method)
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(weights[2], 0, atol=1e-12)


def test_settings_that_make_no_sense(matrix):
    together = count_pairs(matrix)
    with pytest.raises(ValueError, match="one of cosine, conditional, pmi, linear, not 'als'"):
        item_weights(together, baskets=5, method="als")
    with pytest.raises(ValueError, match="damping must be above 0"):
        item_weights(together, baskets=5, damping=0)


@pytest.mark.parametrize("method", ["cosine", "linear"])
def test_leave_one_out_equals_hiding_one_at_a_time(random_baskets, method):
    weights = item_weights(count_pairs(random_baskets), baskets=80, method=method)
    own = random_baskets[:15]
    rankings, hidden, rows = leave_one_out(own, weights, k=4)
    expected = []
    for row, basket in enumerate(own):
        items = np.flatnonzero(basket)
        for item in items if len(items) > 1 else ():
            rest = [other for other in items if other != item]
            scores = weights[rest].sum(axis=0)
            scores[rest] = -np.inf
            expected.append((row, item, np.argsort(-scores, kind="stable")[:4].tolist()))
    assert list(zip(rows.tolist(), hidden.tolist(), rankings.tolist(), strict=True)) == expected


def test_popularity_ranks_what_is_not_in_the_basket(matrix):
    counts = matrix.sum(axis=0) + [0, 0.5, 0, 0]
    rankings, hidden, rows = leave_one_out(matrix, np.zeros((4, 4)), k=2, popularity=counts)
    asked = dict(zip(zip(rows.tolist(), hidden.tolist(), strict=True), rankings.tolist(), strict=True))
    assert asked[0, 0] == [0, 2]  # b is there; of a, c, d
    assert asked[3, 3] == [1, 2]  # a is there
    assert 2 not in rows  # a basket of one item asks nothing
    np.testing.assert_array_equal(score_baskets(matrix, np.eye(4)), matrix)
