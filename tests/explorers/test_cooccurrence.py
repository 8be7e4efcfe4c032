"""CooccurrenceExplorer: every cell against numpy, in every view, window and weighting."""

import numpy as np
import pytest

from course_utils.explorers.cooccurrence import MOST_WORDS, VIEWS, CooccurrenceExplorer
from course_utils.models.counts import pmi_block


def smoothed_ppmi(block, *, column_totals, **totals):
    whole = (column_totals**0.75).sum()
    pmi = pmi_block(block, smoothing=0.75, smoothed_total=whole, column_totals=column_totals, **totals)
    return np.maximum(0, pmi)


WEIGHTINGS = {
    "count": lambda block, **totals: block,
    "PPMI": smoothed_ppmi,
    "PMI": lambda block, **totals: pmi_block(block, **totals),
}


@pytest.fixture
def explorer(counts, vocabulary):
    return CooccurrenceExplorer(
        counts, vocabulary=vocabulary, words="sea court", contexts="boat, law judge", weightings=WEIGHTINGS
    )


def pmi(counts, power):
    table = counts.toarray().astype(float)
    context = table.sum(axis=0) ** power
    expected = table.sum(axis=1, keepdims=True) / table.sum() * (context / context.sum())
    with np.errstate(divide="ignore"):
        return np.log(table / table.sum() / expected)


@pytest.mark.parametrize("window", [1, 2, 5])
@pytest.mark.parametrize(("weighting", "power"), [("count", None), ("PPMI", 0.75), ("PMI", 1.0)])
def test_cells_equal_numpy(explorer, counts, vocabulary, window, weighting, power):
    state = explorer.set_state(window=window, weighting=weighting, view=VIEWS[0])
    table = counts[window].toarray() if power is None else pmi(counts[window], power)
    if weighting == "PPMI":
        table = np.maximum(table, 0)
    rows, columns = ([vocabulary[w] for w in state[key]] for key in ("rows", "columns"))
    np.testing.assert_allclose(state["matrix"], table[np.ix_(rows, columns)], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("window", [1, 5])
def test_similarity_view_is_the_cosine_of_whole_rows(explorer, counts, vocabulary, window):
    state = explorer.set_state(view=VIEWS[1], weighting="PPMI", window=window, words="sea court law")
    rows = np.maximum(pmi(counts[window], 0.75), 0)[[vocabulary[w] for w in state["rows"]]]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(state["matrix"], rows @ rows.T, rtol=1e-5, atol=1e-6)
    assert state["columns"] == state["rows"] == ["sea", "court", "law"]


@pytest.mark.parametrize("control", ["words", "contexts"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least one word"),
        (" ,; ", "at least one word"),
        ("sea nonsense", "too rarely"),
        (" ".join(f"w{i}" for i in range(MOST_WORDS + 1)), "at most 14"),
        ("x" * 10_000, "10,000 characters"),
        ("<svg/onload=alert(1)>", "too rarely"),
        ("بحر 👩‍🔬", "too rarely"),
    ],
)
def test_unusable_words_get_a_sentence_and_nothing_is_lost(explorer, control, text, says):
    before = explorer.state()
    explorer.controls[control].value = text
    state = explorer.state()
    assert says in state["problem"]
    assert state["matrix"] == before["matrix"]
    assert "<svg" not in explorer.widget.children[-1].value.partition("-picture")[0]
    explorer.controls[control].value = "law, law ; SEA"
    assert explorer.state()["problem"] == ""
    assert explorer.state()["rows" if control == "words" else "columns"] == ["law", "sea"]


def test_other_windows_are_refused(explorer):
    with pytest.raises(ValueError):
        explorer.set_state(window=3)
    assert explorer.state()["window"] == 5
