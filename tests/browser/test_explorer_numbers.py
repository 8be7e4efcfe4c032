"""Each control of each explorer, moved by the keyboard: the picture changes and every number is right."""

import numpy as np
import pytest
from checks import check_matrix, check_neighbours, check_softmax, cosines
from explorer_view import ExplorerView
from scratch import CHOICES, Reference

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("scratch")]
VIEWS = ("words × contexts", "words × words (cosine)")


def used_temperature(view: ExplorerView) -> float:
    """The temperature on the screen, which must be the one in the kernel and the one beside the slider."""
    temperature = float(view.state()["temperature"])
    assert float(view.drawing("data-temperature") or "nan") == pytest.approx(temperature, rel=1e-5)
    assert view.part("temperature").locator(".widget-readout").inner_text() == f"{temperature:.2f}"
    return temperature


def test_temperature_slider(softmax_view):
    before = used_temperature(softmax_view)
    check_softmax(softmax_view, scores=CHOICES, temperature=before)
    for key, grows in (("ArrowRight", True), ("ArrowRight", True), ("ArrowLeft", False), ("Home", False)):
        with softmax_view.changing():
            softmax_view.press("temperature", key)
        after = used_temperature(softmax_view)
        assert (after > before) == grows
        check_softmax(softmax_view, scores=CHOICES, temperature=after)
        before = after


@pytest.mark.parametrize("temperature", [0.25, 0.5, 1.0, 2.0])
def test_temperature_set_from_python_is_the_one_on_the_screen(softmax_view, temperature):
    softmax_view.set_state(temperature=0.125)
    with softmax_view.changing():
        softmax_view.set_state(temperature=temperature)
    assert used_temperature(softmax_view) == temperature
    check_softmax(softmax_view, scores=CHOICES, temperature=temperature)


def test_scores_typed_key_by_key(softmax_view):
    with softmax_view.changing():
        softmax_view.handle("scores_text").press("End")
        softmax_view.handle("scores_text").press_sequentially(", milk 3.5")
    softmax_view.notebook.settle()
    scores = {**CHOICES, "milk": 3.5}
    check_softmax(softmax_view, scores=scores, temperature=used_temperature(softmax_view))


def test_scores_far_apart_do_not_overflow(softmax_view):
    with softmax_view.changing():
        softmax_view.fill("scores_text", "a 900000, b 899999, c -900000")
    bars = softmax_view.bars()
    e = float(np.exp(1 / used_temperature(softmax_view)))
    assert [bar.value for bar in bars] == pytest.approx([e / (1 + e), 1 / (1 + e), 0], abs=1e-6)


class Neighbours:
    """What the neighbour explorer should show at its present controls."""

    def __init__(self, view: ExplorerView, reference: Reference) -> None:
        self.view, self.reference = view, reference

    def check(self, *, word="sea", representation="PPMI", metric="cosine", k=6):
        check_neighbours(
            self.view,
            word=word,
            metric=metric,
            k=k,
            words=self.reference.words,
            seen=self.reference.seen,
            vectors=self.reference.representations[representation],
        )


@pytest.fixture
def neighbours(neighbour_view, reference):
    return Neighbours(neighbour_view, reference)


def test_word_typed_key_by_key(neighbours):
    neighbours.check()
    field = neighbours.view.handle("word")
    with neighbours.view.changing():
        field.press("Control+a")
        field.press_sequentially("Acid")
        neighbours.view.picture.locator("svg[data-word=acid]").wait_for()
    neighbours.check(word="acid")


@pytest.mark.parametrize("word", ["שלום", "🌊", "<b>sea</b>"])
def test_any_word_of_the_corpus_is_shown_as_text(neighbours, word):
    with neighbours.view.changing():
        neighbours.view.fill("word", word)
    neighbours.check(word=word)
    assert neighbours.view.root.locator("b").count() == 0


def test_representation_choice(neighbours):
    neighbours.view.set_state(representation="raw counts")
    neighbours.check(representation="raw counts")
    for name in ("PPMI", "PPMI + SVD"):
        with neighbours.view.changing():
            neighbours.view.choose("representation", name)
        neighbours.check(representation=name)


@pytest.mark.parametrize("representation", ["raw counts", "PPMI", "PPMI + SVD"])
def test_metric_choice(neighbours, representation):
    neighbours.view.set_state(representation=representation)
    for metric in ("dot", "euclidean"):
        with neighbours.view.changing():
            neighbours.view.choose("metric", metric)
        neighbours.check(representation=representation, metric=metric)


def test_k_slider(neighbours):
    for key, k in (("ArrowRight", 7), ("ArrowLeft", 6), ("ArrowLeft", 5), ("Home", 1)):
        with neighbours.view.changing():
            neighbours.view.press("k", key)
        neighbours.check(k=k)
    last = len(neighbours.reference.words) - 1
    with neighbours.view.changing():
        neighbours.view.press("k", "End")
    neighbours.check(k=min(25, last))


class Cooccurrence:
    """What the co-occurrence explorer should show at its present controls."""

    def __init__(self, view: ExplorerView, reference: Reference) -> None:
        self.view, self.reference = view, reference

    def check(self, *, words="ocean sea actor sodium", contexts="the wave film acid", window=2,
              weighting="PPMI", compare=False):  # fmt: skip
        rows = words.split()
        columns = rows if compare else contexts.split()
        table = self.reference.weigh(window, weighting)[[self.reference.index[word] for word in rows]]
        expected = cosines(table) if compare else table[:, [self.reference.index[c] for c in columns]]
        check_matrix(self.view, rows=rows, columns=columns, expected=expected)
        assert f"{weighting}, window {window}" in self.view.picture.inner_text()


@pytest.fixture
def cooccurrence(cooccurrence_view, reference):
    return Cooccurrence(cooccurrence_view, reference)


def test_window_slider(cooccurrence):
    cooccurrence.check()
    for key, window in (("ArrowRight", 4), ("ArrowLeft", 2), ("ArrowLeft", 1)):
        with cooccurrence.view.changing():
            cooccurrence.view.press("window", key)
        cooccurrence.check(window=window)


def test_weighting_choice(cooccurrence):
    for weighting in ("PMI", "log(1 + count)", "raw count"):
        with cooccurrence.view.changing():
            cooccurrence.view.choose("weighting", weighting)
        cooccurrence.check(weighting=weighting)


@pytest.mark.parametrize("weighting", ["PPMI", "log(1 + count)", "raw count"])
def test_view_choice(cooccurrence, weighting):
    cooccurrence.view.set_state(weighting=weighting)
    with cooccurrence.view.changing():
        cooccurrence.view.choose("view", VIEWS[1])
    cooccurrence.check(weighting=weighting, compare=True)
    with cooccurrence.view.changing():
        cooccurrence.view.choose("view", VIEWS[0])
    cooccurrence.check(weighting=weighting)


def test_words_and_contexts_typed(cooccurrence):
    field = cooccurrence.view.handle("words")
    with cooccurrence.view.changing():
        field.press("End")
        field.press_sequentially(" שלום")
    cooccurrence.view.notebook.settle()
    words = "ocean sea actor sodium שלום"
    cooccurrence.check(words=words)
    with cooccurrence.view.changing():
        cooccurrence.view.fill("contexts", "of salt 🌊 <b>sea</b>")
    cooccurrence.check(words=words, contexts="of salt 🌊 <b>sea</b>")
    assert cooccurrence.view.root.locator("b").count() == 0


def test_an_error_in_the_computation_is_seen_by_reader_and_log(cooccurrence_view):
    # Rows that hold minus infinity have no cosine; the reader must see why nothing moves.
    cooccurrence_view.set_state(weighting="PMI")
    before = cooccurrence_view.markup()
    cooccurrence_view.choose("view", VIEWS[1])
    cooccurrence_view.notebook.settle()
    assert "ValueError" in cooccurrence_view.status()
    assert cooccurrence_view.markup() == before
    assert any("ValueError" in text for text in cooccurrence_view.notebook.forgive())
    cooccurrence_view.choose("view", VIEWS[0])
    cooccurrence_view.notebook.settle()
    assert cooccurrence_view.status() == ""
