"""ContextExplorer and SearchExplorer on the page: typed texts, slider keys, every number worked out here."""

import re

import pytest
from explorer_view import ExplorerView
from notebook_page import NotebookPage
from test_explorer_input import assert_nothing_injected
from test_explorer_page import COLOURS, CUT, FOCUSED, THEMES, contrast
from text_scratch import BANDS, FIRST, HARMFUL, LAYERS, QUERY, SECOND, Texts, notebook_sources

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("texts")]

START = {
    "context": {"first": FIRST, "second": SECOND, "word": "bank", "layer": 4},
    "search": {"query": QUERY, "k": 5},
}
CIRCLES = """nodes => nodes.map(node => ({
    layer: Number(node.dataset.layer), value: Number(node.dataset.value),
    y: Number(node.getAttribute('cy')), large: Number(node.getAttribute('r')) > 6 }))"""
NEAR = """nodes => nodes.map(node => ({ sentence: node.dataset.sentence, piece: node.dataset.label,
    value: Number(node.dataset.value), width: Number(node.getAttribute('width')),
    name: node.previousElementSibling.textContent, number: node.nextElementSibling.textContent }))"""
HITS = """nodes => nodes.map(node => ({ column: node.dataset.column, rank: Number(node.dataset.rank),
    document: Number(node.dataset.document), score: Number(node.dataset.score),
    relevant: node.dataset.relevant === '1', hover: node.querySelector('title').textContent,
    texts: [...node.querySelectorAll('text')].map(text => text.textContent),
    bars: [...node.querySelectorAll('rect[height="8.0"]')].map(rect => Number(rect.getAttribute('width')))
}))"""
JOINS = "nodes => nodes.map(node => [node.dataset.from, node.dataset.to, Number(node.dataset.joins)])"
SCRIPTED = "window.injected = 1"


@pytest.fixture(scope="module")
def texts():
    return Texts()


@pytest.fixture(scope="module")
def text_page(lab, context, texts):
    name = lab.write_notebook("text_scratch.ipynb", notebook_sources())
    (lab.root / "notebooks" / "texts.json").write_text(texts.as_json(), encoding="utf-8")
    page = NotebookPage(context, lab, name)
    page.run_all()
    yield page
    page.close()


@pytest.fixture(autouse=True)
def _nothing_bad_on_this_page(text_page):
    """No request left the machine, no error in the console, on stderr or in the kernel."""
    text_page.page.bring_to_front()
    yield
    assert text_page.forgive() == []


def opened(page, name, *, variable=""):
    view = ExplorerView(page, name, variable=variable or f"{name}_explorer")
    view.set_state(**START[name])
    return view


@pytest.fixture
def parting(text_page):
    return opened(text_page, "context")


@pytest.fixture
def search(text_page):
    return opened(text_page, "search")


@pytest.fixture(params=START)
def view(request, text_page):
    return opened(text_page, request.param)


def enter(view, control, text):
    """Put a text into a field and commit it."""
    view.fill(control, text)
    view.press(control, "Enter")


def written(view):
    return [text.strip() for text in view.picture.locator("svg text").all_text_contents()]


# ---- ContextExplorer -------------------------------------------------------------------------------------


def check_parting(view, texts, *, word="bank", first=FIRST, second=SECOND, layer=4):
    """Every number of the picture, the sentence and `state()`."""
    cosines = texts.parting(word, first, second)
    circles = view.picture.locator("circle[data-layer]").evaluate_all(CIRCLES)
    assert [circle["layer"] for circle in circles] == list(range(LAYERS))
    assert [circle["value"] for circle in circles] == pytest.approx(cosines, abs=1e-6)
    assert [circle["large"] for circle in circles] == [i == layer for i in range(LAYERS)]
    assert f"{cosines[layer]:.3f}" in written(view)
    said = ", ".join(f"{i} {value:.3f}" for i, value in enumerate(cosines))
    assert f"Cosine of {word} in A with {word} in B, by layer: {said}." in view.sentence()
    inside = [n for n, (low, high) in BANDS.items() if low[layer] <= cosines[layer] <= high[layer]]
    assert f"lies in: {' and '.join(inside) or 'none of the bands'}." in view.sentence()
    near = view.picture.locator("rect[data-sentence]").evaluate_all(NEAR)
    state = view.state()
    for place, (sentence, text) in enumerate((("A", first), ("B", second))):
        expected = texts.nearest(word, text, layer)
        bars = [bar for bar in near if bar["sentence"] == sentence]
        assert [bar["piece"] for bar in bars] == [bar["name"] for bar in bars] == [p for p, _ in expected]
        assert [bar["value"] for bar in bars] == pytest.approx([score for _, score in expected], abs=1e-6)
        assert [bar["number"] for bar in bars] == [f"{score:.3f}" for _, score in expected]
        widths = [max(score, 0) * 154 for _, score in expected]
        assert [bar["width"] for bar in bars] == pytest.approx(widths, abs=0.1)
        assert [piece for piece, _ in state["nearest"][place]] == [piece for piece, _ in expected]
        assert (
            f"Nearest in {sentence} at layer {layer}: {expected[0][0]} {expected[0][1]:.3f}"
            in view.sentence()
        )
        start, end = re.search(rf"\b{word}\b", text, re.IGNORECASE).span()
        assert state["spans"][place] == [start, end]
    assert state["cosines"] == pytest.approx(cosines, abs=1e-9)
    assert (state["layer"], state["layer_name"], state["within"]) == (layer, str(layer), inside)
    assert (view.drawing("data-word"), view.drawing("data-layer")) == (word, str(layer))
    assert state["problem"] == view.status() == ""


def test_layer_by_keys(parting, texts):
    check_parting(parting, texts)
    for key, layer in (("ArrowRight", 5), ("Home", 0), ("ArrowRight", 1), ("End", 6), ("ArrowLeft", 5)):
        with parting.changing():
            parting.press("layer", key)
        check_parting(parting, texts, layer=layer)
        assert parting.part("layer").locator(".widget-readout").inner_text() == str(layer)


def test_two_sentences_and_a_word_are_typed(parting, texts):
    """Key by key, as a reader types; nothing happens before Enter."""
    before = parting.markup()
    field = parting.handle("first")
    field.press("Control+a")
    field.press_sequentially("The bank lends money")
    parting.notebook.settle()
    assert parting.markup() == before
    with parting.changing():
        field.press("Enter")
    check_parting(parting, texts, first="The bank lends money")
    with parting.changing():
        parting.fill("second", "Money sat on the river BANK")
        parting.press("second", "Tab")  # leaving the field commits as well
    check_parting(parting, texts, first="The bank lends money", second="Money sat on the river BANK")
    with parting.changing():
        enter(parting, "word", " Money ")
    check = {"first": "The bank lends money", "second": "Money sat on the river BANK"}
    state = parting.state()
    assert state["cosines"] == pytest.approx(texts.parting("money", *check.values()), abs=1e-9)
    assert state["spans"] == [[15, 20], [0, 5]]


def test_same_sentence_twice_never_parts(parting):
    with parting.changing():
        enter(parting, "second", FIRST)
    circles = parting.picture.locator("circle[data-layer]").evaluate_all(CIRCLES)
    assert [circle["value"] for circle in circles] == pytest.approx([1.0] * LAYERS)
    assert len({circle["y"] for circle in circles}) == 1


def test_of_two_places_the_first_is_used(parting):
    assert "Sentence B holds bank 2 times; the first is used." in parting.sentence()
    bold = parting.picture.locator("tspan[font-weight=bold]").all_text_contents()
    assert bold == ["bank", "bank"]


def test_bands_lie_at_their_heights(parting):
    circles = parting.picture.locator("circle[data-layer]").evaluate_all(CIRCLES)
    (a, b) = circles[0], circles[-1]
    slope = (b["y"] - a["y"]) / (b["value"] - a["value"])
    for name, (low, high) in BANDS.items():
        points = parting.picture.locator(f'polygon[data-band="{name}"]').get_attribute("points")
        heights = [float(pair.split(",")[1]) for pair in points.split()]
        expected = [a["y"] + slope * (value - a["value"]) for value in [*high, *low[::-1]]]
        assert heights == pytest.approx(expected, abs=0.5)
        assert name in written(parting)


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ("Le café de la bank", "Un CAFÉ", "café"),
        ("我去银行取钱", "银行在河边", "银行"),
        ("a 🌊 wave", "🌊🌊", "🌊"),
        ("שלום עולם", "אמר שלום", "שלום"),
        (f"{HARMFUL} bank", "</text></svg><b>bank</b>", "bank"),
    ],
)
def test_any_script_and_markup_are_text(parting, first, second, word):
    with parting.changing():
        parting.set_state(first=first, second=second, word=word)
    assert parting.status() == ""
    assert len(parting.state()["cosines"]) == LAYERS
    assert_nothing_injected(parting)


# ---- SearchExplorer --------------------------------------------------------------------------------------


def check_search(view, texts, *, query=QUERY, k=5, relevant=(3, 8), columns=("keyword", "vectors")):
    """Every ranking, score and reason against those worked out here."""
    hits = view.picture.locator("g.hit").evaluate_all(HITS)
    state = view.state()
    rankings = {name: texts.ranking(name, query, k=k) for name in columns}
    for name, (order, scores) in rankings.items():
        own = [hit for hit in hits if hit["column"] == name]
        assert [hit["document"] for hit in own] == order == state["indices"][name]
        assert [hit["rank"] for hit in own] == list(range(1, len(order) + 1))
        assert [hit["score"] for hit in own] == pytest.approx(scores, rel=1e-6)
        assert state["scores"][name] == pytest.approx(scores, rel=1e-9)
        assert [hit["relevant"] for hit in own] == [i in relevant for i in order]
        for hit, why in zip(own, state["why"][name], strict=True):
            check_hit(hit, dict(why), texts, name=name, query=query, best=scores[0])
        said = view.sentence().partition(f"{name}: ")[2]
        assert said.startswith(f"1 {texts.titles[order[0]][:39]}")
    names = list(columns)
    joined = [
        [a, b, i]
        for a, b in zip(names, names[1:], strict=False)
        for i in rankings[a][0]
        if i in rankings[b][0]
    ]
    assert view.picture.locator("path[data-joins]").evaluate_all(JOINS) == joined
    shared = {i for a, b in ((a, b) for a in names for b in names if a != b)
              for i in rankings[a][0] if i in rankings[b][0]}  # fmt: skip
    assert state["shared"] == sorted(shared)
    assert f"In more than one list: {len(shared)}." in view.sentence()
    assert view.drawing("data-query") == query
    assert state["problem"] == view.status() == ""


def check_hit(hit, why, texts, *, name, query, best):
    """One card: title, number, bar, reasons, and all of it under the pointer."""
    i, words = hit["document"], " ".join(hit["texts"])
    assert f"{hit['rank']}. {texts.titles[i][:3]}" in words
    assert f"score {hit['score']:.4g}" in hit["texts"]
    assert ("✓ relevant" in hit["texts"]) == hit["relevant"]
    assert hit["bars"][1] / hit["bars"][0] == pytest.approx(max(hit["score"] / best, 0), abs=0.002)
    assert hit["hover"].startswith(texts.titles[i][:100])
    if name == "hybrid":
        return
    expected = texts.reasons(name, query, i)
    assert why == pytest.approx(expected, rel=1e-6, abs=1e-9)
    strongest = max(expected, key=lambda term: abs(expected[term]))
    assert f"why: {strongest} {expected[strongest]:+.3g}" in words
    assert all(f"{term} {part:+.3g}" in hit["hover"] for term, part in expected.items())


def test_a_query_is_typed(search, texts):
    """Key by key; both rankings equal what is worked out here; nothing happens before Enter."""
    check_search(search, texts)
    before = search.markup()
    field = search.handle("query")
    field.press("Control+a")
    field.press_sequentially("engine in the rain")
    search.notebook.settle()
    assert search.markup() == before
    with search.changing():
        field.press("Enter")
    check_search(search, texts, query="engine in the rain", relevant=())
    assert "Nobody has judged which documents answer this query." in search.sentence()
    with search.changing():
        search.fill("query", "  doctor   FEVER ")
        search.press("query", "Tab")
    check_search(search, texts, query="doctor FEVER", relevant=(1,))
    assert sum("of 1 relevant found" in text for text in written(search)) == 2


@pytest.mark.parametrize("query", ["wheel", "cough cough wind", "שלום", "storm שלום 🌊", f"{HARMFUL} car"])
def test_queries_of_every_kind(search, texts, query):
    with search.changing():
        enter(search, "query", query)
    check_search(search, texts, query=query, relevant=())
    assert_nothing_injected(search)


@pytest.mark.parametrize("kind", ["script", "image", "closing tags"])
def test_markup_is_searched_like_any_text(search, texts, kind):
    with search.changing():
        enter(search, "query", BAD[kind])
    assert search.drawing("data-query") == BAD[kind]
    assert search.status() == ""
    (found, *_), _ = texts.ranking("keyword", BAD[kind], k=5)
    assert search.state()["indices"]["keyword"][0] == found == len(texts.documents) - 1
    assert_nothing_injected(search)


def test_hits_by_keys(search, texts):
    for key, k in (("ArrowRight", 6), ("End", 10), ("Home", 3), ("ArrowRight", 4)):
        with search.changing():
            search.press("k", key)
        check_search(search, texts, k=k)
        assert search.part("k").locator(".widget-readout").inner_text() == str(k)


def test_a_query_that_only_one_index_knows(search, texts):
    """The picture of a wave has a vector but is no word: keywords refuse it, vectors find it."""
    with search.changing():
        enter(search, "query", "motor 🌊")
    check_search(search, texts, query="motor 🌊", relevant=())


def test_three_indexes(text_page, texts):
    view = ExplorerView(text_page, "search", variable="three_explorer")
    for query in ("fever wind", QUERY):
        with view.changing():
            enter(view, "query", query)
        check_search(view, texts, query=query, k=10, relevant=(), columns=("keyword", "vectors", "hybrid"))
    lefts = view.picture.locator("g.hit > rect:nth-of-type(1)").evaluate_all(
        "nodes => [...new Set(nodes.map(node => node.getAttribute('x')))].length"
    )
    assert lefts == 3


def test_harmful_documents_and_titles_stay_text(search, texts):
    with search.changing():
        enter(search, "query", "onerror")
    hits = search.picture.locator("g.hit").evaluate_all(HITS)
    (harmful,) = hits  # and the other index knows no such word
    assert harmful["document"] == len(texts.documents) - 1
    assert "found nothing" in written(search)
    assert "vectors: found nothing." in search.sentence()
    assert HARMFUL[:20] in " ".join(harmful["texts"])
    assert HARMFUL in harmful["hover"]
    assert len(harmful["hover"]) < 800
    assert_nothing_injected(search)


# ---- both of them ----------------------------------------------------------------------------------------


BAD = {
    "empty": "",
    "blank": "   ",
    "unknown word": "zebrafish",
    "ten thousand words": "bank " * 10_000,
    "script": f"<script>{SCRIPTED}</script>",
    "image": f"<img src=q onerror='{SCRIPTED}'>",
    "closing tags": "</text></svg></div><b>out</b>",
    "emoji": "🦓🦓",
    "Hebrew": "זברה",
    "direction and control marks": "\u202egnorts\u202c\x00\x1b[31m",
}
MARKUP = ("script", "image", "closing tags")
FIELDS = [("context", "first"), ("context", "second"), ("context", "word"), ("search", "query")]
# Markup in a query is searched for like any text, and one document holds some.
UNUSABLE = [(*field, kind) for field in FIELDS for kind in BAD if field[0] != "search" or kind not in MARKUP]


@pytest.mark.parametrize(("name", "control", "kind"), UNUSABLE)
def test_unusable_text(text_page, name, control, kind):
    """A message in plain sight, the last good picture, nothing injected, no error."""
    view = opened(text_page, name)
    markup = view.markup()
    enter(view, control, BAD[kind])
    text_page.settle()
    message = view.part("status")
    assert message.get_attribute("role") == "alert"
    assert message.is_visible()
    assert 0 < len(message.inner_text().strip()) < 300
    assert view.markup() == markup
    assert view.state()["problem"]
    assert_nothing_injected(view)
    enter(view, control, START[name][control])
    text_page.settle()
    assert view.status() == ""
    assert view.markup() == markup


def test_what_is_missing_is_named(parting):
    for control, text, said in (
        ("word", "river", "“river” is not in sentence B"),
        ("word", "rates", "“rates” is not in sentence A"),
        ("word", "zebra", "“zebra” is in neither sentence"),
        ("word", "ban", "as a whole word"),
        ("word", "", "Type a word"),
    ):
        enter(parting, control, text)
        parting.notebook.settle()
        assert said in parting.status()


def test_nothing_is_cut_off(view):
    assert view.root.locator(".widget-label").evaluate_all(CUT) == []
    assert view.root.locator(".widget-readout, button").evaluate_all(CUT) == []
    assert view.picture.locator("svg").bounding_box()["width"] >= 300
    assert view.root.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert view.drawing("aria-label") == view.sentence()
    assert view.drawing("role") == "img"


OUTSIDE = """svg => {
    const frame = svg.getBoundingClientRect();
    const inside = box => box.left >= frame.left - 1 && box.right <= frame.right + 1
        && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
    return [...svg.querySelectorAll('text')].filter(text => text.textContent.trim())
        .filter(text => !inside(text.getBoundingClientRect())).map(text => text.textContent);
}"""
SPILLED = """svg => [...svg.querySelectorAll('g.hit')].flatMap(hit => {
    const frame = hit.querySelector('rect').getBoundingClientRect();
    return [...hit.querySelectorAll('text')]
        .filter(text => text.textContent && text.getBoundingClientRect().right > frame.right + 1)
        .map(text => text.textContent);
})"""


def test_texts_stay_inside_the_picture(view):
    """With the browser's own letters, which may be broader than those that were reckoned with."""
    assert view.picture.locator("svg").evaluate(OUTSIDE) == []
    assert view.picture.locator("svg").evaluate(SPILLED) == []
    small = "nodes => nodes.filter(node => Number(node.getAttribute('font-size')) < 11).length"
    assert view.picture.locator("svg text").evaluate_all(small) == 0


@pytest.mark.parametrize("theme", THEMES)
def test_legible_in_both_themes(text_page, theme):
    text_page.set_theme(theme)
    try:
        for name in START:
            view = opened(text_page, name)
            field = view.root.locator("input[type=text]").first
            good = field.input_value()
            field.fill("")
            field.press("Enter")
            text_page.settle()
            texts = {"message": view.part("status"), "sentence": view.part("text")}
            contrasts = {name: contrast(*text.evaluate(COLOURS)) for name, text in texts.items()}
            paper = view.pixels()[3, 3]
            field.fill(good)
            field.press("Enter")
            text_page.settle()
            assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}
            assert paper.tolist() == [255, 255, 255], "the picture keeps its white paper"
    finally:
        text_page.set_theme(THEMES[0])


def test_every_control_is_reached_by_keys_alone(view):
    view.root.locator("input, .noUi-handle").first.focus()
    reached = set()
    for _ in range(12):
        reached |= {key for key in START[view.name] if view.part(key).evaluate(FOCUSED)}
        view.page.keyboard.press("Tab")
    assert reached == set(START[view.name])


def test_a_narrow_page_shrinks_the_picture(view):
    view.page.set_viewport_size({"width": 700, "height": 900})
    try:
        view.root.scroll_into_view_if_needed()
        box, room = view.picture.locator("svg").bounding_box(), view.root.bounding_box()
        assert 300 <= box["width"] <= room["width"]
        assert view.root.locator(".widget-label").evaluate_all(CUT) == []
    finally:
        view.page.set_viewport_size({"width": 1280, "height": 1000})


@pytest.mark.parametrize(("variable", "name"), [("least_context", "context"), ("least_search", "search")])
def test_the_least_there_can_be_is_shown(text_page, variable, name):
    view = ExplorerView(text_page, name, variable=variable)
    assert view.status() == ""
    assert view.picture.locator("circle[data-layer], g.hit").count() == 1
    assert view.root.locator(".noUi-handle").count() > 0
