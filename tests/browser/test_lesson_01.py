"""Lesson 01 in the browser: its explorers against numbers counted again, and a second Run All."""

from collections import Counter

import numpy as np
import pytest
from checks import check_matrix, check_neighbours, cosines, disagreements
from explorer_view import ExplorerView
from lab import ROOT
from scipy import sparse

from course_utils.datasets.wikipedia import load_wikipedia
from course_utils.models.counts import CountVectorsConfig, count_vectors
from course_utils.text.tokenizers import tokenize_words

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("lesson 01")]
WORDS = "ocean sea coast film actor award acid sodium metal court law judge"
CONTEXTS = "the of in atlantic water director best salts reaction federal supreme"
VIEWS = ("words × contexts", "words × words (cosine)")
CONFIG = CountVectorsConfig()


class Corpus:
    """The lesson's corpus, counted here with numpy.

    Attributes
    ----------
    words : list of str
        Seen five times or more, most frequent first, ties in alphabetical order.
    ids, ends : int arrays of shape (T,)
        All words kept, in a row, and for each the place where its article ends.
    """

    def __init__(self) -> None:
        documents = [tokenize_words(article.text) for article in load_wikipedia()]
        self.seen = {w: n for w, n in Counter(w for d in documents for w in d).items() if n >= 5}
        self.words = sorted(self.seen, key=lambda word: (-self.seen[word], word))
        self.index = {word: number for number, word in enumerate(self.words)}
        kept = [[self.index[w] for w in document if w in self.seen] for document in documents]
        self.ids = np.concatenate([np.array(document, dtype=np.int64) for document in kept])
        lengths = np.array([len(document) for document in kept])
        self.ends = np.repeat(np.cumsum(lengths), lengths)
        self.kept = kept

    def pairs(self, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Every word with each word at most `window` places after it in the same article."""
        here, there = [], []
        for step in range(1, window + 1):
            same = np.flatnonzero(np.arange(len(self.ids) - step) + step < self.ends[:-step])
            here.append(self.ids[same])
            there.append(self.ids[same + step])
        return np.concatenate(here), np.concatenate(there)

    def counts(self, window: int) -> sparse.csr_matrix:
        """Co-occurrence counts of shape (V, V)."""
        here, there = self.pairs(window)
        one_way = sparse.coo_matrix((np.ones(len(here)), (here, there)), shape=(len(self.words),) * 2)
        return sparse.csr_matrix(one_way + one_way.T)


@pytest.fixture(scope="module")
def corpus(lab, lesson_01):
    """Counted from the articles as the lesson has cleaned and kept them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(lab.cache))
        return Corpus()


@pytest.fixture(scope="module")
def counts(corpus):
    return {window: corpus.counts(window) for window in (5, 10, 15)}


@pytest.fixture
def matrix_view(lesson_01):
    view = ExplorerView(lesson_01, "cooccurrence", variable="cooccurrence_explorer")
    view.set_state(words=WORDS, contexts=CONTEXTS, window=10, weighting="PPMI", view=VIEWS[0])
    return view


@pytest.fixture
def neighbour_view(lesson_01):
    view = ExplorerView(lesson_01, "neighbours", variable="neighbour_explorer")
    view.set_state(word="sodium", representation="PPMI + SVD", metric="cosine", k=10)
    return view


def weighed_rows(corpus: Corpus, counts: sparse.csr_matrix, words: list[str], weighting: str) -> np.ndarray:
    """Full rows of a few words, weighed; PPMI without smoothing, as the lesson's explorer has it."""
    block = counts[[corpus.index[word] for word in words]].toarray()
    if weighting == "raw count":
        return block
    if weighting == "log(1 + count)":
        return np.log(1 + block)
    total, columns = counts.sum(), np.asarray(counts.sum(axis=0)).ravel()
    with np.errstate(divide="ignore"):
        return np.maximum(0, np.log(block * total / (block.sum(axis=1)[:, None] * columns)))


def check_view(view, corpus, counts, *, words=WORDS, contexts=CONTEXTS, weighting="PPMI", compare=False):
    rows = words.split()
    columns = rows if compare else contexts.split()
    table = weighed_rows(corpus, counts, rows, weighting)
    expected = cosines(table) if compare else table[:, [corpus.index[column] for column in columns]]
    check_matrix(view, rows=rows, columns=columns, expected=expected)


def test_cooccurrence_window(matrix_view, corpus, counts):
    check_view(matrix_view, corpus, counts[10])
    for key, window in (("ArrowRight", 15), ("ArrowLeft", 10), ("ArrowLeft", 5)):
        with matrix_view.changing():
            matrix_view.press("window", key)
        check_view(matrix_view, corpus, counts[window])


def test_cooccurrence_weighting_and_view(matrix_view, corpus, counts):
    for weighting in ("log(1 + count)", "raw count"):
        with matrix_view.changing():
            matrix_view.choose("weighting", weighting)
        check_view(matrix_view, corpus, counts[10], weighting=weighting)
    with matrix_view.changing():
        matrix_view.choose("view", VIEWS[1])
    check_view(matrix_view, corpus, counts[10], weighting="raw count", compare=True)


def test_cooccurrence_words_of_the_readers_own(matrix_view, corpus, counts):
    with matrix_view.changing():
        matrix_view.fill("words", "moon apollo war")
    with matrix_view.changing():
        matrix_view.fill("contexts", "lunar battle")
    check_view(matrix_view, corpus, counts[10], words="moon apollo war", contexts="lunar battle")
    matrix_view.fill("contexts", "lunar batle")
    matrix_view.notebook.settle()
    assert "battle" in matrix_view.status()


@pytest.fixture(scope="module")
def representations(corpus, counts):
    """Dense rows of shape (V, D) for each name in the explorer's list."""
    table = counts[10].tocoo()
    rows, columns = (np.asarray(table.sum(axis=axis)).ravel() for axis in (1, 0))
    shares = columns**CONFIG.smoothing / (columns**CONFIG.smoothing).sum()
    log_ratio = np.log(table.data / (rows[table.row] * shares[table.col]))
    weighed = sparse.coo_matrix((np.maximum(0, log_ratio), (table.row, table.col)), shape=table.shape)
    documents = [np.array(document) for document in corpus.kept]
    # Its own tests compare the decomposition with numpy's, which would take minutes on this matrix.
    vectors = count_vectors(documents, CONFIG, vocabulary_size=len(corpus.words))
    dense = {"raw counts": counts[10], "PPMI": weighed.tocsr()}
    return {**{name: matrix.toarray() for name, matrix in dense.items()}, "PPMI + SVD": vectors}


def check_bars(view, corpus, representations, *, word="sodium", representation="PPMI + SVD", metric="cosine",
               k=10):  # fmt: skip
    vectors = representations[representation].astype(np.float64)
    check_neighbours(
        view,
        word=word,
        metric=metric,
        k=k,
        words=corpus.words,
        seen=corpus.seen,
        vectors=vectors,
        tolerance=1e-3,
    )


def test_neighbours_word(neighbour_view, corpus, representations):
    check_bars(neighbour_view, corpus, representations)
    for word in ("moon", "queen"):
        with neighbour_view.changing():
            neighbour_view.fill("word", word)
        check_bars(neighbour_view, corpus, representations, word=word)


def test_neighbours_representation_and_metric(neighbour_view, corpus, representations):
    for name in ("PPMI", "raw counts"):
        with neighbour_view.changing():
            neighbour_view.choose("representation", name)
        check_bars(neighbour_view, corpus, representations, representation=name)
    for metric in ("dot", "euclidean"):
        with neighbour_view.changing():
            neighbour_view.choose("metric", metric)
        check_bars(neighbour_view, corpus, representations, representation="raw counts", metric=metric)


def test_neighbours_k(neighbour_view, corpus, representations):
    for key, k in (("ArrowRight", 11), ("ArrowLeft", 10), ("Home", 1), ("End", 25)):
        with neighbour_view.changing():
            neighbour_view.press("k", key)
        check_bars(neighbour_view, corpus, representations, k=k)


def test_scrolling_away_and_back_keeps_it_working(neighbour_view, corpus, representations):
    page = neighbour_view.page
    scroller = page.locator(".jp-WindowedPanel-outer")
    for place in (0, 1_000_000):
        scroller.evaluate("(element, place) => element.scrollTo(0, place)", place)
        page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => done(true)))")
    neighbour_view.root.scroll_into_view_if_needed()
    with neighbour_view.changing():
        neighbour_view.press("k", "ArrowLeft")
    check_bars(neighbour_view, corpus, representations, k=9)


def test_running_all_twice_gives_the_stored_results(lesson_01, corpus, representations):
    stored = ROOT / "notebooks" / "01_counting_words.ipynb"
    assert disagreements(lesson_01, stored) == []
    lesson_01.run_all()
    assert disagreements(lesson_01, stored) == []
    view = ExplorerView(lesson_01, "neighbours", variable="neighbour_explorer")
    check_bars(view, corpus, representations)


def test_checkout_is_as_it_was(lesson_01, lab):
    name = "01_counting_words.ipynb"
    assert (ROOT / "notebooks" / name).read_bytes()
    assert (lab.root / "notebooks" / name).resolve() != (ROOT / "notebooks" / name).resolve()
    assert str(ROOT) not in lesson_01.ask("__import__('os').getcwd()")
