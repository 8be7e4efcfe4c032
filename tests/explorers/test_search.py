"""SearchExplorer with indexes that count words: every number worked out again, and all a reader may type."""

from types import SimpleNamespace

import numpy as np
import pytest
from map_parts import NS, message, shown

from course_utils.explorers.base import InputProblem
from course_utils.explorers.search import MOST_WORDS, SearchExplorer

DOCUMENTS = [
    "read a file line by line",
    "read a whole file at once",
    "sort a list of numbers",
    "<b>bold</b> file & 'quoted' markup",
    "קובץ file שלום",
    "🌊 wave file 🌊",
    "open\n\n   a   file\tand   close it " + "word " * 5_000,
    "x" * 10_000,
    "plot a line",
    "the list of lines",
    "a file, a file, a file",
    "nothing of the kind",
]
TITLES = [
    "io.read_lines", "io.read_all", "sort", "<b>title</b>", "שלום", "🌊", "open and close", "T" * 5_000,
    "plot.line", "lines",
    "io.a_function_with_a_very_long_dotted_name.of_many.parts.that.ends_in.this_word", "none",
]  # fmt: skip
QUERY = "read a file"


class Counter:
    """Score: how often words of the query stand in a document, times a factor for each word's place."""

    def __init__(self, *, factor=1.0, falling=True):
        self.factor, self.falling = factor, falling
        self.searched, self.reasoned = [], []

    def why(self, query, i):
        self.reasoned.append((query, i))
        return self.parts(query, i)

    def parts(self, query, i):
        words = query.casefold().split()
        weights = range(len(words), 0, -1) if self.falling else range(1, len(words) + 1)
        known = DOCUMENTS[i].casefold().split()
        pairs = [(word, self.factor * w * known.count(word)) for word, w in zip(words, weights, strict=True)]
        return [(word, value) for word, value in pairs if value]

    def scores(self, query):
        return np.array([sum(value for _, value in self.parts(query, i)) for i in range(len(DOCUMENTS))])

    def ranking(self, query, k):
        scores = self.scores(query)
        order = [i for i in np.argsort(-scores, kind="stable") if scores[i] > 0][:k]
        return order, scores[order]

    def search(self, query, k=10):
        self.searched.append((query, k))
        order, scores = self.ranking(query, k)
        if not order:
            raise ValueError("No document holds a word of this query; try other words.")
        return SimpleNamespace(indices=np.array(order), scores=scores.astype(np.float32))


@pytest.fixture
def indexes():
    return {"keyword": Counter(factor=1.37), "vectors": Counter(factor=0.11, falling=False)}


@pytest.fixture
def explorer(indexes):
    judged = {"Read  a FILE": {0: 2, 10: 1}, "sort": [2], "plot": np.array([8, 0]), "wave": 5}
    return SearchExplorer(indexes, documents=DOCUMENTS, titles=TITLES, query=QUERY, relevant=judged)


def hits(explorer, name):
    return [node for node in shown(explorer).iter(f"{NS}g") if node.get("data-column") == name]


def texts(node):
    return [text.text or "" for text in node.iter(f"{NS}text")]


def joins(explorer):
    paths = [node for node in shown(explorer).iter(f"{NS}path") if "data-joins" in node.attrib]
    return [(node.get("data-from"), node.get("data-to"), int(node.get("data-joins"))) for node in paths]


def check(explorer, indexes, query, *, k, relevant=()):
    """Everything shown, against rankings worked out here."""
    state = explorer.state()
    for name, index in indexes.items():
        order, scores = index.ranking(query, k)
        assert state["indices"][name] == order
        np.testing.assert_allclose(state["scores"][name], scores, rtol=1e-6)
        cards = hits(explorer, name)
        assert [int(node.get("data-document")) for node in cards] == order
        assert [int(node.get("data-rank")) for node in cards] == list(range(1, len(order) + 1))
        np.testing.assert_allclose([float(node.get("data-score")) for node in cards], scores, rtol=1e-6)
        assert [node.get("data-relevant") for node in cards] == [str(int(i in relevant)) for i in order]
        for card, i, score, why in zip(cards, order, scores, state["why"][name], strict=True):
            reasons = sorted(index.parts(query, i), key=lambda pair: -abs(pair[1]))
            assert why == reasons
            written = " ".join(texts(card))
            assert f"score {np.float32(score):.4g}" in written
            assert f"{reasons[0][0]} {reasons[0][1]:+.3g}" in written
            assert ("✓ relevant" in written) == (i in relevant)
            hover = card.find(f"{NS}title").text
            assert all(f"{term} {value:+.3g}" in hover for term, value in reasons)
    seen = [set(state["indices"][name]) for name in indexes]
    shared = sorted(i for i in set().union(*seen) if sum(i in one for one in seen) > 1)
    assert state["shared"] == shared
    assert state["problem"] == ""


@pytest.mark.parametrize("k", [3, 5, 10])
@pytest.mark.parametrize("query", ["read a file", "list of lines", "file", "a"])
def test_rankings_equal_those_worked_out_here(explorer, indexes, query, k):
    explorer.set_state(query=query, k=k)
    check(explorer, indexes, query, k=k, relevant=(0, 10) if query == QUERY else ())


def test_both_columns_are_joined_where_they_share_a_document(explorer):
    state = explorer.state()
    first, second = state["indices"]["keyword"], state["indices"]["vectors"]
    assert state["shared"]
    assert joins(explorer) == [("keyword", "vectors", i) for i in first if i in second]
    badges = {}
    for name in ("keyword", "vectors"):
        for card in hits(explorer, name):
            found = [text for text in texts(card) if len(text) == 1 and text.isupper()]
            badges.setdefault(int(card.get("data-document")), []).append(found)
    for document, letters in badges.items():
        shared = document in state["shared"]
        assert letters == ([letters[0]] * 2 if shared else [[]])
    drawn = [letters[0][0] for letters in badges.values() if letters[0]]
    assert len(set(drawn)) == len(drawn) == len(state["shared"])


def middle(rect):
    return float(rect.get("y")) + float(rect.get("height")) / 2


def test_lines_end_at_their_hits(explorer):
    middles = {
        name: {
            int(card.get("data-document")): middle(card.find(f"{NS}rect")) for card in hits(explorer, name)
        }
        for name in ("keyword", "vectors")
    }
    for node in shown(explorer).iter(f"{NS}path"):
        numbers = [float(part) for part in node.get("d").replace("M", " ").replace("C", " ").split()]
        document = int(node.get("data-joins"))
        assert numbers[1] == pytest.approx(middles["keyword"][document])
        assert numbers[-1] == pytest.approx(middles["vectors"][document])


def test_bars_are_in_proportion_to_the_best_score_of_their_column(explorer):
    for name in ("keyword", "vectors"):
        cards, bars = hits(explorer, name), []
        for card in cards:
            rects = [node for node in card.iter(f"{NS}rect") if node.get("height") == "8.0"]
            bars.append(float(rects[1].get("width")) / float(rects[0].get("width")))
        scores = explorer.state()["scores"][name]
        np.testing.assert_allclose(bars, np.array(scores) / max(scores), atol=0.002)


def test_judgements_are_found_by_the_words_of_the_query(explorer, indexes):
    assert explorer.state()["judged"]
    assert explorer.state()["relevant"] == [0, 10]
    assert "of 2 relevant found" in " ".join(texts(shown(explorer)))
    state = explorer.set_state(query="  READ a\tfile ")
    assert (state["relevant"], state["asked"]) == ([0, 10], "READ a file")
    assert explorer.set_state(query="plot a line")["judged"] is False
    assert "Nobody has judged" in explorer.describe(explorer._result)
    assert "relevant" not in " ".join(texts(shown(explorer)))
    assert explorer.set_state(query="plot")["relevant"] == [0, 8]
    assert explorer.set_state(query="wave")["relevant"] == [5]
    bare = SearchExplorer(indexes, documents=DOCUMENTS, titles=TITLES, query=QUERY)
    assert bare.state()["judged"] is False
    assert "judged" not in bare.describe(bare._result)


def test_text_says_what_the_picture_says(explorer):
    sentence = explorer.describe(explorer._result)
    state = explorer.state()
    for name, rows in state["indices"].items():
        said = sentence.split(f"{name}: ")[1]
        for rank, (row, why) in enumerate(zip(rows, state["why"][name], strict=True), start=1):
            mark = " (relevant)" if row in (0, 10) else ""
            title = TITLES[row] if len(TITLES[row]) <= 40 else TITLES[row][:39] + "…"
            assert f"{rank} {title}{mark}, {why[0][0]} {why[0][1]:+.3g}" in said
    assert f"In more than one list: {len(state['shared'])}." in sentence
    assert shown(explorer).get("aria-label") == sentence


def test_an_index_is_asked_once_while_the_query_stays(explorer, indexes):
    index = indexes["keyword"]
    assert index.searched == [(QUERY, 5)]
    for k in (4, 6, 4, 6, 5):
        explorer.controls["k"].value = k
    assert index.searched == [(QUERY, 5), (QUERY, 4), (QUERY, 6)]
    assert len(index.reasoned) == len(set(index.reasoned)) == 6
    explorer.set_state(query="list")
    explorer.set_state(query=QUERY)
    assert index.searched[-2:] == [("list", 5), (QUERY, 5)]


def test_typed_queries_wait_for_enter(explorer):
    assert explorer.controls["query"].continuous_update is False


def test_markup_long_lines_and_other_scripts_stay_text(explorer):
    explorer.set_state(query="file", k=10)
    html = explorer.widget.children[-1].value
    assert "<b>" not in html
    written = " ".join(texts(shown(explorer)))
    for text in ("<b>title</b>", "<b>bold</b>", "שלום", "קובץ", "🌊"):
        assert text in written
    assert "open a file and close it word word" in written
    assert "io.a_function" in written
    assert "this_word" in written, "the end of a dotted name says most"
    assert max(len(text) for text in texts(shown(explorer))) < 80
    tags = {node.tag.removeprefix(NS) for node in shown(explorer).iter()}
    assert tags <= {"svg", "g", "rect", "text", "title", "path"}


@pytest.mark.parametrize(
    "query", ["🌊", "שלום", "file <b>", "file </text></svg><img src=x onerror=alert(1)>"]
)
def test_queries_in_any_script_and_with_markup_are_searched(explorer, indexes, query):
    explorer.set_state(query=query)
    check(explorer, indexes, query, k=5)
    html = explorer.widget.children[-1].value
    assert "<img" not in html
    assert "<b>" not in html
    assert shown(explorer).get("data-query") == query


UNUSABLE = {
    "": "Type what you are looking for",
    " \t ": "Type what you are looking for",
    "zebra": "No document holds a word of this query; try other words.",
    "<script>alert(1)</script>": "No document holds a word",
    "a " * (MOST_WORDS + 1): f"has {MOST_WORDS + 1} words; shorten it",
    "file " * 10_000: "query holds 50,000 characters",
}


@pytest.mark.parametrize("text", list(UNUSABLE))
def test_unusable_queries_get_a_sentence(explorer, text):
    before, picture = explorer.state(), shown(explorer).attrib
    explorer.controls["query"].value = text
    state = explorer.state()
    assert UNUSABLE[text] in state["problem"]
    assert len(state["problem"]) < 200
    assert "<script" not in message(explorer)
    assert shown(explorer).attrib == picture
    assert state["indices"] == before["indices"]
    explorer.controls["query"].value = QUERY
    assert explorer.state() == before


def test_as_many_words_as_may_be(explorer, indexes):
    query = " ".join(["file"] * MOST_WORDS)
    explorer.set_state(query=query)
    assert explorer.state()["indices"]["keyword"] == indexes["keyword"].ranking(query, 5)[0]


def test_one_index_that_refuses_leaves_the_other_its_column(indexes):
    class Refusing(Counter):
        def search(self, query, k=10):
            raise ValueError("This index knows <none> of these words.")

    both = {"keyword": Refusing(), "vectors": indexes["vectors"]}
    explorer = SearchExplorer(both, documents=DOCUMENTS, titles=TITLES, query=QUERY)
    state = explorer.state()
    assert state["says"] == {"keyword": "This index knows <none> of these words.", "vectors": ""}
    assert state["indices"]["keyword"] == state["scores"]["keyword"] == state["why"]["keyword"] == []
    assert state["indices"]["vectors"] == indexes["vectors"].ranking(QUERY, 5)[0]
    assert "found nothing" in texts(shown(explorer))
    assert "This index knows <none> of these words." in texts(shown(explorer))
    assert "keyword: This index knows <none> of these words. vectors: 1 " in explorer.describe(
        explorer._result
    )
    with pytest.raises(InputProblem, match=r"^This index knows <none> of these words\.$"):
        SearchExplorer(
            {"one": Refusing(), "two": Refusing()}, documents=DOCUMENTS, titles=TITLES, query=QUERY
        )


def test_a_query_that_finds_nothing_anywhere_is_told(explorer, indexes):
    for index in indexes.values():
        index.search = lambda query, k: SimpleNamespace(indices=[], scores=[])
    explorer.controls["query"].value = "list"
    assert explorer.state()["problem"] == "Nothing was found; try other words."
    assert explorer.state()["asked"] == QUERY


@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_to_three_columns(number):
    indexes = {f"index {i}": Counter(factor=i + 1, falling=bool(i % 2)) for i in range(number)}
    explorer = SearchExplorer(indexes, documents=DOCUMENTS, titles=TITLES, query=QUERY, k=10)
    check(explorer, indexes, QUERY, k=10)
    lefts = [float(hits(explorer, name)[0].find(f"{NS}rect").get("x")) for name in indexes]
    rights = [
        x + float(hits(explorer, name)[0].find(f"{NS}rect").get("width"))
        for x, name in zip(lefts, indexes, strict=True)
    ]
    assert all(right < left for right, left in zip(rights, lefts[1:], strict=False))
    assert rights[-1] <= 952.1


def test_few_documents_narrow_the_slider():
    class Two(Counter):
        def search(self, query, k=10):
            return SimpleNamespace(indices=np.array([1, 0][:k]), scores=np.array([2.0, -1.0][:k]))

    explorer = SearchExplorer({"one": Two()}, documents=DOCUMENTS[:2], titles=TITLES[:2], query=QUERY, k=10)
    slider = explorer.controls["k"]
    assert (slider.min, slider.max, slider.value) == (2, 2, 2)
    cards = hits(explorer, "one")
    lengths = [
        [n.get("width") for n in card.iter(f"{NS}rect") if n.get("height") == "8.0"][1] for card in cards
    ]
    assert lengths[1] == "0.0", "a negative score has no bar"
    slider = SearchExplorer(
        {"one": Counter()}, documents=DOCUMENTS, titles=TITLES, query=QUERY, k=99
    ).controls["k"]
    assert (slider.min, slider.max, slider.value) == (3, 10, 10)


def test_a_document_outside_the_list_is_told(explorer, indexes):
    indexes["keyword"].search = lambda query, k: SimpleNamespace(indices=[len(TITLES)], scores=[1.0])
    explorer._indexes["keyword"] = indexes["keyword"]
    with pytest.raises(ValueError, match="outside the 12"):
        explorer.set_state(query="list")


@pytest.mark.parametrize(
    ("indexes", "documents", "titles", "says"),
    [
        ({}, DOCUMENTS, TITLES, "one to three"),
        (dict.fromkeys("abcd", Counter()), DOCUMENTS, TITLES, "not 4"),
        ({"a": Counter()}, DOCUMENTS, TITLES[:-1], "12 documents need as many titles, not 11"),
        ({"a": Counter()}, [], [], "0 documents"),
    ],
)
def test_what_does_not_fit_is_refused(indexes, documents, titles, says):
    with pytest.raises(ValueError, match=says):
        SearchExplorer(indexes, documents=documents, titles=titles, query=QUERY)
