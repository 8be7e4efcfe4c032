"""ContextExplorer against plain numpy, with any number of layers, and against all a reader may type."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from map_parts import NS, message, shown

from course_utils.explorers.base import InputProblem
from course_utils.explorers.context import KEPT, MOST_NEAR, ContextExplorer, find_word

RIVER = "They sat on the muddy bank of the river"
MONEY = "The Bank lends, and another bank saves"


class StandIn:
    """Layers of random numbers that depend on piece, place and layer; it counts how often it is asked.

    Words of more than five letters come in two pieces, and two marks of the model stand around the text.
    """

    def __init__(self, *, layers=7, width=6, most=60):
        self.layers, self.width, self.most, self.asked = layers, width, most, []

    def __call__(self, text):
        self.asked.append(text)
        spans = [(0, 0)]
        for match in re.finditer(r"\w+|[^\w\s]", text):
            start, end = match.span()
            cuts = [start, start + 5, end] if end - start > 5 else [start, end]
            spans += list(zip(cuts[:-1], cuts[1:], strict=True))
        spans = [*spans[: self.most], (0, 0)]
        pieces = [text[a:b].lower() or "[MARK]" for a, b in spans]
        vectors = [[self.vector(p, i, layer) for i, p in enumerate(pieces)] for layer in range(self.layers)]
        return SimpleNamespace(pieces=pieces, spans=spans, vectors=np.array(vectors, dtype=np.float32))

    def vector(self, piece, place, layer):
        own = np.random.default_rng([ord(letter) for letter in piece]).normal(size=self.width)
        around = np.random.default_rng([place, len(piece)]).normal(size=self.width)
        return own + 0.4 * layer * around


def plain_cosine(a, b):
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def plain_word(found, start, end):
    """Mean of the pieces that share a letter with start:end, one row a layer."""
    letters = set(range(start, end))
    rows = [i for i, span in enumerate(found.spans) if letters & set(range(*span))]
    return np.asarray(found.vectors, dtype=np.float64)[:, rows].mean(axis=1), rows


@pytest.fixture
def model():
    return StandIn()


@pytest.fixture
def explorer(model):
    return ContextExplorer(model, word="bank", first=RIVER, second=MONEY)


def circles(explorer):
    return list(shown(explorer).iter(f"{NS}circle"))


def texts(explorer):
    return ["".join(node.itertext()) for node in shown(explorer).iter(f"{NS}text")]


def check(explorer, model, word, first, second, *, spans, layer):
    """Everything shown, against numbers worked out here."""
    state = explorer.state()
    places = [plain_word(model(text), *span) for text, span in zip((first, second), spans, strict=True)]
    cosines = [plain_cosine(a, b) for a, b in zip(places[0][0], places[1][0], strict=True)]
    np.testing.assert_allclose(state["cosines"], cosines, atol=1e-6)
    assert state["spans"] == spans
    drawn = circles(explorer)
    np.testing.assert_allclose([float(node.get("data-value")) for node in drawn], cosines, atol=1e-6)
    assert [node.get("data-layer") for node in drawn] == [str(i) for i in range(model.layers)]
    assert [float(node.get("r")) > 6 for node in drawn] == [i == layer for i in range(model.layers)]
    bars = [node for node in shown(explorer).iter(f"{NS}rect") if "data-sentence" in node.attrib]
    for sentence, text, (vectors, rows), nearest in zip(
        "AB", (first, second), places, state["nearest"], strict=True
    ):
        found = model(text)
        scores = {
            i: plain_cosine(vectors[layer], found.vectors[layer][i])
            for i, (a, b) in enumerate(found.spans)
            if b > a and i not in rows
        }
        best = sorted(scores, key=lambda i: -scores[i])[:MOST_NEAR]
        assert [piece for piece, _ in nearest] == [found.pieces[i] for i in best]
        np.testing.assert_allclose([score for _, score in nearest], [scores[i] for i in best], atol=1e-6)
        own = [node for node in bars if node.get("data-sentence") == sentence]
        assert [node.get("data-label") for node in own] == [found.pieces[i] for i in best]
        values = [float(node.get("data-value")) for node in own]
        np.testing.assert_allclose(values, [scores[i] for i in best], atol=1e-6)
        lengths = [float(node.get("width")) for node in own]
        room = 302 - 96 - 52  # of a column: beside its names and numbers
        np.testing.assert_allclose(lengths, [max(scores[i], 0) * room for i in best], atol=0.06)
    assert state["problem"] == ""
    assert shown(explorer).get("data-layer") == str(layer)
    assert f"{cosines[layer]:.3f}" in texts(explorer)


@pytest.mark.parametrize("layer", [0, 3, 6])
def test_numbers_equal_plain_numpy(explorer, model, layer):
    explorer.set_state(layer=layer)
    check(explorer, StandIn(), "bank", RIVER, MONEY, spans=((22, 26), (4, 8)), layer=layer)


def test_slider_stands_at_the_last_layer_unless_told(model, explorer):
    assert explorer.state()["layer"] == 6
    assert ContextExplorer(model, word="bank", first=RIVER, second=MONEY, layer=2).state()["layer"] == 2
    assert ContextExplorer(model, word="bank", first=RIVER, second=MONEY, layer=99).state()["layer"] == 6


@pytest.mark.parametrize(("layers", "width"), [(1, 2), (3, 128), (13, 8), (25, 4)])
def test_any_number_of_layers_and_any_width(layers, width):
    model = StandIn(layers=layers, width=width)
    names = [f"L{i}" for i in range(layers)]
    explorer = ContextExplorer(model, word="bank", first=RIVER, second=MONEY, layer_names=names)
    check(
        explorer, StandIn(layers=layers, width=width), "bank", RIVER, MONEY,
        spans=((22, 26), (4, 8)), layer=layers - 1,
    )  # fmt: skip
    assert explorer.state()["layer_name"] == f"L{layers - 1}"
    assert explorer.controls["layer"].max == layers - 1


def test_a_word_of_several_pieces_is_their_mean():
    model = StandIn()
    first, second = "A riverbank is wide", "Along this riverbank"
    explorer = ContextExplorer(model, word="riverbank", first=first, second=second, layer=1)
    assert explorer.state()["pieces"] == (["river", "bank"], ["river", "bank"])
    check(explorer, StandIn(), "riverbank", first, second, spans=((2, 11), (11, 20)), layer=1)


def test_same_word_in_the_same_sentence_never_parts(explorer):
    state = explorer.set_state(first=RIVER, second=RIVER)
    assert state["cosines"] == pytest.approx([1.0] * 7)
    assert {node.get("cy") for node in circles(explorer)} == {circles(explorer)[0].get("cy")}


def test_the_first_of_several_places_counts_and_the_text_says_so(explorer):
    state = explorer.state()
    assert state["occurrences"] == (1, 2)
    assert state["spans"][1] == (4, 8)
    assert "Sentence B holds bank 2 times; the first is used." in explorer.describe(explorer._result)
    assert "Sentence A holds" not in explorer.describe(explorer._result)


def test_only_new_texts_are_encoded(explorer, model):
    assert model.asked == [RIVER, MONEY]
    for layer in range(7):
        explorer.controls["layer"].value = layer
    explorer.set_state(word="the")
    assert model.asked == [RIVER, MONEY]
    explorer.controls["second"].value = RIVER
    assert model.asked == [RIVER, MONEY]
    explorer.set_state(second="The last bank")
    assert model.asked == [RIVER, MONEY, "The last bank"]
    for i in range(2 * KEPT):
        explorer.set_state(second=f"The bank {i}")
    assert len(explorer._known) == KEPT


def test_a_refused_word_costs_no_encoding(explorer, model):
    explorer.controls["second"].value = "Nothing of the kind"
    assert "sentence B" in explorer.state()["problem"]
    assert len(model.asked) == 2


def test_typed_texts_wait_for_enter(explorer):
    assert [explorer.controls[key].continuous_update for key in ("first", "second", "word")] == [False] * 3


def test_bands_are_drawn_where_they_lie(model):
    low, high = np.linspace(0.9, 0.2, 7), np.linspace(1.0, 0.6, 7)
    bands = {"same sense": (low, high), "other sense": (low - 0.2, low - 0.1)}
    explorer = ContextExplorer(model, word="bank", first=RIVER, second=MONEY, references=bands)
    polygons = {node.get("data-band"): node for node in shown(explorer).iter(f"{NS}polygon")}
    assert list(polygons) == list(bands)
    drawn = circles(explorer)
    cosines = explorer.state()["cosines"]
    x = [float(node.get("cx")) for node in drawn]
    slope, offset = np.polyfit(cosines, [float(node.get("cy")) for node in drawn], 1)
    for name, (bottom, top) in bands.items():
        corners = np.array([pair.split(",") for pair in polygons[name].get("points").split()], dtype=float)
        np.testing.assert_allclose(corners[:7, 0], x, atol=0.06)
        np.testing.assert_allclose(corners[:7, 1], slope * top + offset, atol=0.15)
        np.testing.assert_allclose(corners[7:, 1], (slope * bottom + offset)[::-1], atol=0.15)
    looks = {(node.get("stroke"), node.get("stroke-dasharray")) for node in polygons.values()}
    assert len({look[0] for look in looks}) == len({look[1] for look in looks}) == 2
    for layer in range(7):
        state = explorer.set_state(layer=layer)
        inside = [n for n, (a, b) in bands.items() if a[layer] <= cosines[layer] <= b[layer]]
        assert state["within"] == inside
        said = " and ".join(inside) or "none of the bands"
        assert f"lies in: {said}." in explorer.describe(explorer._result)


def test_text_says_what_the_picture_says(explorer):
    state = explorer.set_state(layer=4)
    sentence = explorer.describe(explorer._result)
    for layer, value in enumerate(state["cosines"]):
        assert f"{layer} {value:.3f}" in sentence
    for nearest in state["nearest"]:
        assert ", ".join(f"{piece} {score:.3f}" for piece, score in nearest) in sentence
    assert shown(explorer).get("aria-label") == sentence


def test_sentences_are_shown_around_the_word(explorer):
    lines = texts(explorer)
    assert any(line.startswith("A: ") and "muddy bank of" in line for line in lines)
    assert any(line.startswith("B: The Bank lends") for line in lines)
    bold = [node.text for node in shown(explorer).iter(f"{NS}tspan") if node.get("font-weight") == "bold"]
    assert bold == ["bank", "Bank"]


@pytest.mark.parametrize(
    ("word", "text", "spans"),
    [
        ("bank", "bank Bank BANK", [(0, 4), (5, 9), (10, 14)]),
        ("bank", "banks embank bank_ bank2", []),
        ("bank", "(bank), bank's “bank”", [(1, 5), (8, 12), (16, 20)]),
        ("new york", "In New  York and new\nyork", [(3, 12), (17, 25)]),
        ("a a", "ba a a", [(3, 6)]),
        ("c++", "c++ and C++17 c+++", [(0, 3), (8, 11), (14, 17)]),
        ("שלום", "שלום שלומות", [(0, 4)]),
        ("银行", "我去银行取钱", [(2, 4)]),
        ("🌊", "a🌊b 🌊", [(1, 2), (4, 5)]),
        ("caf", "café cafe\u0301 caf", [(11, 14)]),
        ("cafe", "cafe\u0301 cafe", [(6, 10)]),
        ("café", "cafe\u0301 CAFÉ cafe", [(0, 5), (6, 10)]),
        ("cafe\u0301", "cafe\u0301 CAFÉ cafe", [(0, 5), (6, 10)]),
        (".", "a.b.", [(1, 2), (3, 4)]),
        ("", "anything", []),
        ("  ", "any thing", []),
    ],
)
def test_whole_words_in_any_case(word, text, spans):
    assert find_word(word, text) == spans


LETTERS = "aBé-_1 "


@given(st.text(LETTERS, max_size=3), st.text(LETTERS, max_size=12))
def test_places_equal_those_found_letter_by_letter(word, text):
    """All stretches that equal the word, except where a letter beside it touches one of its own."""
    word = " ".join(word.split())
    found = []
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            stretch = text[start:end]
            same = " ".join(stretch.split()).casefold() == word.casefold() and stretch == stretch.strip()
            before, behind = text[:start][-1:], text[end:][:1]
            touched = (re.match(r"\w", before) and re.match(r"\w", stretch[0])) or (
                re.match(r"\w", behind) and re.match(r"\w", stretch[-1])
            )
            if same and not touched:
                found.append((start, end))
    assert find_word(word, text) == found


@pytest.mark.parametrize(
    ("first", "second", "word"),
    [
        ("Le café est ouvert", "Un CAFÉ noir", "café"),
        ("我去银行取钱", "银行在河边", "银行"),
        ("emoji 🌊 wave", "🌊🌊", "🌊"),
        ("שלום עולם", "אמר שלום", "שלום"),
        ("<b>bank</b> & 'x'", "<img src=x onerror=alert(1)> bank", "bank"),
        ("a", "a", "a"),
    ],
)
def test_any_script_and_markup_are_text(explorer, first, second, word):
    state = explorer.set_state(first=first, second=second, word=word)
    assert state["problem"] == ""
    assert len(state["cosines"]) == 7
    html = explorer.widget.children[-1].value
    assert "<img" not in html.replace(shown(explorer).tag, "")
    assert "<b>" not in html
    tags = {node.tag.removeprefix(NS) for node in shown(explorer).iter()}
    assert tags <= {"svg", "g", "rect", "text", "tspan", "title", "line", "circle", "polyline", "polygon"}


UNUSABLE = {
    ("word", ""): "Type a word",
    ("word", "   "): "Type a word",
    ("word", "zebra"): "“zebra” is in neither sentence",
    ("word", "river"): "“river” is not in sentence B",
    ("word", "lends"): "“lends” is not in sentence A",
    ("word", "ban"): "“ban” is in neither sentence as a whole word",
    ("word", "<script>alert(1)</script>"): "is in neither sentence",
    ("word", "y" * 1000): "y…” is in neither",
    ("word", "x" * 10_000): "word holds 10,000 characters",
    ("first", ""): "Type sentence A",
    ("second", " \n "): "Type sentence B",
    ("first", "no such word"): "“bank” is not in sentence A",
    ("second", "embankment"): "“bank” is not in sentence B",
    ("first", "bank " * 10_000): "first holds 50,000 characters",
    ("second", "<b>banks</b>"): "not in sentence B",
    ("second", "🌊"): "not in sentence B",
    ("first", "a " * 100 + "bank"): "read only the first 61 pieces of sentence A",
}


@pytest.mark.parametrize(("key", "text"), list(UNUSABLE))
def test_unusable_texts_get_a_sentence_that_names_what_is_missing(explorer, key, text):
    before, picture = explorer.state(), shown(explorer).attrib
    good = explorer.controls[key].value
    explorer.controls[key].value = text
    state = explorer.state()
    assert UNUSABLE[key, text] in state["problem"]
    assert len(state["problem"]) < 200
    assert state["cosines"] == before["cosines"]
    assert shown(explorer).attrib == picture
    assert "<script" not in message(explorer)
    assert "<b>" not in message(explorer)
    explorer.controls[key].value = good
    assert explorer.state() == before


def test_what_a_model_cannot_read_is_told(explorer, model):
    def refuse(text):
        raise ValueError("This text holds nothing that the model knows.")

    explorer._layers = refuse
    explorer.controls["second"].value = "another bank"
    said = "Sentence B cannot be read: This text holds nothing that the model knows."
    assert explorer.state()["problem"] == said
    with pytest.raises(InputProblem, match="Sentence A cannot be read"):
        ContextExplorer(refuse, word="bank", first=RIVER, second=MONEY)


def test_an_error_of_the_model_is_shown_and_goes_on(explorer):
    def fail(text):
        raise RuntimeError("out of memory")

    explorer._layers = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        explorer.controls["second"].value = "another bank"
    assert "RuntimeError: out of memory" in message(explorer)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"vectors": np.zeros((7, 4))}, "shape"),
        ({"pieces": ["a"]}, "1 and"),
        ({"vectors": np.full((7, 11, 2), np.nan)}, "NaN"),
    ],
)
def test_layers_of_a_wrong_shape_are_refused(change, says):
    def layers(text):
        return SimpleNamespace(**{**vars(StandIn()(text)), **change})

    with pytest.raises(ValueError, match=says):
        ContextExplorer(layers, word="bank", first="1 2 3 4 5 6 7 8 bank", second="1 2 3 4 5 6 7 8 bank")


def test_a_text_with_another_number_of_layers_is_refused(explorer):
    explorer._layers = StandIn(layers=3)
    with pytest.raises(ValueError, match="3 layers came back where there were 7"):
        explorer.set_state(second="another bank")
    assert explorer.state()["second"] == MONEY


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"layer_names": ["a", "b"]}, "one name for each layer"),
        ({"references": {"x": (np.zeros(3), np.ones(3))}}, "each of 7 layers"),
        ({"references": {"x": (np.ones(7), np.zeros(7))}}, "low one below"),
        ({"references": {str(i): (np.zeros(7), np.ones(7)) for i in range(5)}}, "at most 4"),
        ({"word": "zebra"}, "in neither sentence"),
        ({"first": " "}, "Type sentence A"),
    ],
)
def test_what_does_not_fit_is_refused(model, settings, says):
    with pytest.raises(ValueError, match=says):
        ContextExplorer(model, **{"word": "bank", "first": RIVER, "second": MONEY, **settings})
