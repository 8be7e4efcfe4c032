"""NeighbourTruth against a search through all distances, and against everything a reader may type."""

import math

import numpy as np
import pytest
from map_parts import LABELS, METHODS, NS, SEEDS, drawn_places, highlighted, make_grid, message, shown

from course_utils.explorers.neighbour_truth import MOST_NEIGHBOURS, NeighbourTruth
from course_utils.plots.style import OKABE_ITO


@pytest.fixture(scope="module")
def grid():
    return make_grid(5)


@pytest.fixture
def explorer(grid):
    return NeighbourTruth(grid, word="sea", k=4)


def nearest(rows, word, *, k, labels=LABELS):
    """Labels by rising distance from one word, by looking at every other row."""
    here = rows[labels.index(word)]
    others = [(math.dist(here, row), i) for i, row in enumerate(rows) if labels[i] != word]
    return [labels[i] for _, i in sorted(others)[:k]]


@pytest.mark.parametrize("k", [1, 4, 11])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("word", ["sea", "cold water", "island"])
def test_lists_equal_a_search_through_all_distances(explorer, grid, word, method, seed, k):
    state = explorer.set_state(word=word, method=method, seed=seed, k=k)
    true = nearest(grid.vectors.astype(float), word, k=k)
    drawn = nearest(grid.get(method, seed=seed).points.astype(float), word, k=k)
    assert (state["true"], state["drawn"]) == (true, drawn)
    assert state["both"] == [name for name in drawn if name in true]
    assert state["false"] == [name for name in drawn if name not in true]
    assert state["missing"] == [name for name in true if name not in drawn]
    assert (state["shown_word"], state["problem"]) == (word, "")


def test_lines_lead_to_the_true_neighbours_wherever_they_were_put(explorer):
    state = explorer.set_state(word="law", k=5)
    places = drawn_places(explorer)
    ends = [
        [float(line.get(key)) for key in ("x1", "y1", "x2", "y2")]
        for line in shown(explorer).iter(f"{NS}line")
    ]
    np.testing.assert_allclose(ends, [[*places["law"], *places[name]] for name in state["true"]], atol=0.11)


def test_each_kind_has_its_colour_and_all_are_in_the_legend(explorer):
    state = explorer.set_state(word="law", k=6)
    assert state["both"]
    assert state["missing"]
    fills = {
        path.get("data-label"): path.get("fill")
        for path in shown(explorer).iter(f"{NS}path")
        if "data-label" in path.attrib
    }
    kinds = (state["both"], state["missing"], state["false"], ["law"])
    expected = {name: OKABE_ITO[kind] for kind, names in enumerate(kinds) for name in names}
    assert fills == expected
    assert highlighted(explorer) == set(state["true"]) | set(state["drawn"]) | {"law"}
    texts = [text.text for text in shown(explorer).iter(f"{NS}text")]
    places = [texts.index(name) for name in ("drawn and true", "missing", "false", "the word")]
    assert places == sorted(places)
    grey = [group for group in shown(explorer).iter(f"{NS}g") if group.get("fill") == "#8c959f"]
    assert sum(len(group) for group in grey) == len(LABELS) - len(expected)


def test_numbers_are_said(explorer):
    state = explorer.set_state(word="boat", k=7)
    both, missing = len(state["both"]), len(state["missing"])
    assert shown(explorer).get("data-shared") == str(both)
    assert shown(explorer).get("data-word") == "boat"
    said = explorer.widget.children[-1].value.partition("-text")[2]
    assert f"drawn and true ({both}): {', '.join(state['both']) or 'none'}" in said
    assert f"missing ({missing}): {', '.join(state['missing']) or 'none'}" in said
    assert f"false ({missing}): " in said
    assert f"boat: {both} of 7 true neighbours are drawn near it" in {
        text.text for text in shown(explorer).iter(f"{NS}text")
    }


def test_all_words_are_neighbours_when_k_is_greatest(explorer):
    state = explorer.set_state(k=11)
    assert (state["false"], state["missing"], len(state["both"])) == ([], [], 11)


def test_k_never_exceeds_the_map(explorer, grid):
    assert explorer.controls["k"].max == 11
    for k in (0, 12):
        with pytest.raises(ValueError):
            explorer.set_state(k=k)
    assert NeighbourTruth(grid, word="sea", k=500).state()["k"] == 11
    many = [f"w{i}" for i in range(40)]
    wide = NeighbourTruth(make_grid(labels=many, methods={"PCA": {}}), word="w3")
    assert wide.controls["k"].max == MOST_NEIGHBOURS
    assert wide.set_state(k=MOST_NEIGHBOURS)["true"] == nearest(wide._grid.vectors, "w3", k=25, labels=many)


def test_the_first_map(grid):
    assert NeighbourTruth(grid, word="sea").state()["method"] == "t-SNE"
    assert NeighbourTruth(grid, word="sea", method="UMAP").state()["method"] == "UMAP"
    assert NeighbourTruth(make_grid(methods={"PCA": {}}), word="sea").state()["method"] == "PCA"
    with pytest.raises(ValueError, match="not by 'Isomap'"):
        NeighbourTruth(grid, word="sea", method="Isomap")


@pytest.mark.parametrize("typed", [" SEA ", "sea", "oc*", "cold water", "2.4"])
def test_one_word_is_found_as_on_the_other_maps(explorer, typed):
    explorer.controls["word"].value = typed
    assert explorer.state()["problem"] == ""
    expected = {"oc*": "Ocean"}.get(typed, typed.strip().lower())
    assert explorer.state()["shown_word"] == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Type one word"),
        (" , ", "Type one word"),
        ("sea law", "Type one word"),
        ("sea*", "Type one word"),
        ("zebra", "Not on this map: zebra"),
        ("y" * 1_000, "Not on this map"),
        ("x" * 10_000, "10,000 characters"),
        ("<img src=x onerror=alert(1)>", "Not on this map"),
        ("👩‍🔬", "Not on this map"),
        ("مرحبا", "Not on this map"),
    ],
)
def test_unusable_words_get_a_sentence_and_nothing_is_lost(explorer, text, says):
    before, picture = explorer.state(), drawn_places(explorer)
    explorer.controls["word"].value = text
    state = explorer.state()
    assert says in state["problem"]
    assert len(state["problem"]) < 300
    assert (state["true"], state["drawn"]) == (before["true"], before["drawn"])
    assert drawn_places(explorer) == picture
    assert "<img" not in message(explorer)
    explorer.controls["word"].value = "law"
    assert (explorer.state()["problem"], explorer.state()["shown_word"]) == ("", "law")


def test_what_does_not_fit_is_refused(grid):
    with pytest.raises(ValueError, match="at least two words"):
        NeighbourTruth(make_grid(labels=["alone"], methods={"PCA": {}}), word="alone")
    with pytest.raises(ValueError, match="Not on this map: zebra"):
        NeighbourTruth(grid, word="zebra")
    with pytest.raises(ValueError):
        NeighbourTruth(grid, word="sea").set_state(seed=7)


@pytest.mark.parametrize("what", ["vectors", "points"])
def test_nan_is_refused(what):
    grid = make_grid(methods={"PCA": {}})
    (grid.vectors if what == "vectors" else grid.get("PCA").points)[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"Row 2 of the points holds NaN"):
        NeighbourTruth(grid, word="sea")


def test_two_words_are_the_fewest():
    explorer = NeighbourTruth(make_grid(labels=["a", "b"], methods={"PCA": {}}), word="a")
    assert (explorer.state()["true"], explorer.state()["false"]) == (["b"], [])
