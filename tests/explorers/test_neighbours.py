"""NeighbourExplorer against scikit-learn, and against everything a reader may type."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import pairwise_distances

from course_utils.explorers.neighbours import METRICS, NeighbourExplorer

SIGN = {"cosine": -1, "dot": -1, "euclidean": 1}


@pytest.fixture
def explorer(vocabulary, vectors):
    both = {"dense": vectors, "sparse": sparse.csr_matrix(np.abs(vectors))}
    return NeighbourExplorer(both, vocabulary=vocabulary, word="sea", k=3)


def expected_order(vectors, row, metric):
    if metric == "dot":
        distance = -(vectors @ vectors[row])
    else:
        distance = pairwise_distances(vectors[[row]], vectors, metric=metric)[0]
    return [i for i in np.argsort(distance, kind="stable") if i != row], distance


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("word", ["sea", "law"])
def test_neighbours_equal_scikit_learn(explorer, vocabulary, vectors, metric, k, word):
    state = explorer.set_state(word=word, metric=metric, k=k, representation="dense")
    order, distance = expected_order(vectors, vocabulary[word], metric)
    assert state["neighbours"] == [vocabulary.words[i] for i in order[:k]]
    wanted = distance[order[:k]]
    if metric == "cosine":
        wanted = 1 - wanted
    np.testing.assert_allclose(np.abs(state["scores"]), np.abs(wanted), rtol=1e-4, atol=1e-5)
    assert state["counts"] == [vocabulary.counts[i] for i in order[:k]]


@pytest.mark.parametrize("metric", METRICS)
def test_sparse_vectors_give_the_same_as_dense(explorer, vocabulary, vectors, metric):
    state = explorer.set_state(word="boat", metric=metric, k=5, representation="sparse")
    order, _ = expected_order(np.abs(vectors), vocabulary["boat"], metric)
    assert state["neighbours"] == [vocabulary.words[i] for i in order]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Type a word"),
        ("   ", "Type a word"),
        ("ocaen", "ocean"),
        ("zzzzqqq", "too rarely"),
        ("x" * 10_000, "10,000 characters"),
        ("y" * 1_000, "too rarely"),
        ("<img src=x onerror=alert(1)>", "too rarely"),
        ("👩‍🔬", "too rarely"),
        ("שלום", "too rarely"),
        ("sea\x00", "too rarely"),
    ],
)
def test_unusable_words_get_a_sentence_and_nothing_is_lost(explorer, text, says):
    before = explorer.state()
    explorer.controls["word"].value = text
    state = explorer.state()
    assert says in state["problem"]
    assert len(state["problem"]) < 300
    assert state["neighbours"] == before["neighbours"]
    assert "<img" not in explorer.widget.children[-1].value.partition("-picture")[0]
    explorer.controls["word"].value = "Ocean "
    assert explorer.state()["shown_word"] == "ocean"
    assert explorer.state()["problem"] == ""


def test_k_never_exceeds_the_vocabulary(explorer):
    assert explorer.controls["k"].max == 5
    with pytest.raises(ValueError, match="between 1 and 5"):
        explorer.set_state(k=6)


def test_wrong_vectors_are_refused(vocabulary, vectors):
    with pytest.raises(ValueError, match="rows but the vocabulary has"):
        NeighbourExplorer({"short": vectors[:3]}, vocabulary=vocabulary, word="sea")
