"""AlignmentExplorer against the arrays it was given and the course's own metric, with one head and many."""

from types import SimpleNamespace

import numpy as np
import pytest
from map_parts import NS, message, shown

from course_utils.evaluation.alignment import best_alignment, score_alignments
from course_utils.explorers.alignment import KEPT, MOST_WORDS, AlignmentExplorer, count_agreement, draw_links
from course_utils.explorers.base import InputProblem
from course_utils.text.vocab import Vocabulary

ENGLISH = Vocabulary.from_documents([["the", "cat", "did", "not", "see", "black", "dogs", "."]], min_count=1)
FIRST = "the cat did not see the black dogs ."


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


class Reversing:
    """Translates each word into itself in capitals, last word first, and looks roughly where it should.

    With `ends`, the weights have one more row and column, and `source_pieces` and `target_pieces` name them.
    With `heads`, there are so many arrays by name.
    """

    def __init__(self, *, ends=False, heads=0):
        self.ends, self.heads, self.asked = ends, heads, []

    def __call__(self, text):
        self.asked.append(text)
        words = text.lower().split()
        ENGLISH.encode(words, unknown="error")
        source, target = tuple(words), tuple(word.upper() for word in reversed(words))
        pieces = {}
        if self.ends:
            pieces = {"source_pieces": (*source, "<end>"), "target_pieces": (*target, "<end>")}
        rng = np.random.default_rng(len(words))
        shape = (max(self.heads, 1), len(words) + self.ends, len(words) + self.ends)
        scores = 2 * rng.normal(size=shape)
        for row in range(len(words)):
            scores[:, row, len(words) - 1 - row] += 3
        weights = softmax(scores)
        heads = {f"layer {i // 2 + 1} head {i % 2 + 1}": weights[i] for i in range(self.heads)}
        return SimpleNamespace(source=source, target=target, weights=heads or weights[0], **pieces)


def gold_of(source, target):
    """The right links, if the target is the reversed source; with one that attention hardly finds."""
    if [word.lower() for word in target] != list(reversed(source)):
        return None
    return {(i, len(source) - 1 - i) for i in range(len(source))} | {(0, 0)}


@pytest.fixture
def model():
    return Reversing()


@pytest.fixture
def explorer(model):
    return AlignmentExplorer(model, sentence=FIRST, gold=gold_of, known=ENGLISH.words)


def cells(explorer):
    return [node for node in shown(explorer).iter(f"{NS}rect") if "data-row" in node.attrib]


def texts(explorer):
    return ["".join(node.itertext()) for node in shown(explorer).iter(f"{NS}text")]


def drawn(explorer, mark):
    return {
        (int(node.get("data-column")), int(node.get("data-row")))
        for node in cells(explorer)
        if node.get(f"data-{mark}")
    }


def check(explorer, weights, *, words, threshold, gold):
    """All that is shown, against the array and `evaluation.alignment`."""
    state = explorer.state()
    np.testing.assert_allclose(state["weights"], weights)
    for node in cells(explorer):
        i, j = int(node.get("data-row")), int(node.get("data-column"))
        assert float(node.get("data-value")) == pytest.approx(weights[i, j], rel=1e-5)
        assert node.find(f"{NS}title").text.endswith(f"{weights[i, j]:.4f}")
    assert len(cells(explorer)) == weights.size
    inner = weights[:words, :words]
    links = best_alignment(inner, threshold=threshold or None)
    assert {tuple(link) for link in state["links"]} == links == drawn(explorer, "link")
    assert {tuple(link) for link in state["gold_links"]} == gold == drawn(explorer, "gold")
    score = score_alignments([inner], sure=[gold], threshold=threshold or None)
    if links:
        assert state["precision"] == pytest.approx(score.precision)
        assert f"precision {score.precision:.2f}" in explorer.describe(explorer._result).lower()
    else:
        assert state["precision"] is None
    assert state["recall"] == pytest.approx(score.recall)
    assert state["error_rate"] == pytest.approx(score.error_rate)
    assert float(shown(explorer).get("data-error-rate")) == pytest.approx(score.error_rate, rel=1e-5)
    note = f"recall {score.recall:.2f}, alignment error rate {score.error_rate:.2f}"
    assert any(text.endswith(note) for text in texts(explorer))
    right = len(links & gold)
    assert f"{right} of {len(gold)} gold links found, {len(links) - right} wrong" in texts(explorer)[0]


@pytest.mark.parametrize("threshold", [0, 0.05, 0.3, 0.35, 0.5, 0.95, 1])
def test_links_and_measures_equal_the_metric(explorer, threshold):
    explorer.controls["threshold"].value = threshold
    weights = Reversing()(FIRST).weights
    check(explorer, weights, words=9, threshold=threshold, gold=gold_of(*_sides(FIRST)))
    assert shown(explorer).get("data-threshold") == f"{threshold:g}"
    rule = "strongest of its row" if threshold == 0 else f"weight {threshold:.2f} or more"
    assert rule in texts(explorer)


def _sides(text):
    found = Reversing()(text)
    return found.source, found.target


def test_ends_are_drawn_and_never_linked():
    explorer = AlignmentExplorer(Reversing(ends=True), sentence=FIRST, gold=gold_of, threshold=0)
    weights = Reversing(ends=True)(FIRST).weights
    assert weights.shape == (10, 10)
    check(explorer, weights, words=9, threshold=0, gold=gold_of(*_sides(FIRST)))
    state = explorer.state()
    assert state["columns"] == [*state["source"], "<end>"]
    assert state["rows"] == [*state["target"], "<end>"]
    explorer.set_state(threshold=0.05)
    check(explorer, weights, words=9, threshold=0.05, gold=gold_of(*_sides(FIRST)))


def test_a_slider_picks_the_head():
    explorer = AlignmentExplorer(Reversing(heads=6), sentence=FIRST, gold=gold_of)
    heads = Reversing(heads=6)(FIRST).weights
    assert list(explorer.controls) == ["sentence", "head", "threshold", "gold"]
    for name in ("layer 1 head 1", "layer 2 head 1", "layer 3 head 2"):
        state = explorer.set_state(head=name)
        assert state["head_name"] == name == shown(explorer).get("data-head")
        assert texts(explorer)[0].startswith(f"{name}: ")
        check(explorer, heads[name], words=9, threshold=0.5, gold=gold_of(*_sides(FIRST)))
    explorer.set_state(sentence="the black cat .")
    weights = Reversing(heads=6)("the black cat .").weights["layer 3 head 2"]
    check(explorer, weights, words=4, threshold=0.5, gold=gold_of(*_sides("the black cat .")))


def test_self_attention_of_seventy_two_heads():
    """As a pretrained encoder gives it: the same pieces on both sides, and no gold links."""
    pieces = ["[CLS]", "the", "mud", "##dy", "bank", "[SEP]"]
    rng = np.random.default_rng(0)
    heads = {f"layer {a} head {b}": softmax(rng.normal(size=(6, 6))) for a in range(6) for b in range(12)}
    explorer = AlignmentExplorer(
        lambda text: SimpleNamespace(source=pieces, target=pieces, weights=heads), sentence="the muddy bank"
    )
    assert list(explorer.controls) == ["sentence", "head", "threshold"]
    assert explorer.controls["head"].options == tuple(heads)
    for name in (*list(heads)[:1], *list(heads)[-1:]):
        state = explorer.set_state(head=name, threshold=0.2)
        np.testing.assert_allclose(state["weights"], heads[name])
        values = [float(node.get("data-value")) for node in cells(explorer)]
        np.testing.assert_allclose(values, heads[name].ravel(), rtol=1e-5)
        assert drawn(explorer, "link") == {(int(s), int(t)) for t, s in np.argwhere(heads[name] >= 0.2)}
        most = int(heads[name].mean(axis=0).argmax())
        title = f"“{pieces[most]}” gets the most weight: {heads[name].mean(axis=0)[most]:.2f}"
        assert title in texts(explorer)[0]
    assert {"query ↓", "key →"} <= set(texts(explorer))
    assert state["gold_links"] is state["precision"] is state["error_rate"] is None
    assert "gold" not in explorer.widget.children[-1].value
    with pytest.raises(ValueError, match="layer 9"):
        explorer.set_state(head="layer 9 head 9")


def test_tensors_that_still_have_gradients_are_read_as_arrays():
    class Tensor:
        def detach(self):
            return np.full((2, 2), 0.5, dtype=np.float32)

        def __array__(self, *args, **kwargs):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    explorer = AlignmentExplorer(
        lambda text: SimpleNamespace(source=["a", "b"], target=["c", "d"], weights=Tensor()), sentence="a b"
    )
    assert explorer.state()["weights"] == [[0.5, 0.5], [0.5, 0.5]]


def test_gold_can_be_hidden(explorer):
    state = explorer.set_state(gold=False)
    assert state["gold_links"] is state["precision"] is state["recall"] is state["error_rate"] is None
    assert not drawn(explorer, "gold")
    assert "gold" not in explorer.widget.children[-1].value
    assert explorer.set_state(gold=True)["recall"] is not None


def test_unknown_gold_is_said():
    explorer = AlignmentExplorer(Reversing(), sentence=FIRST, gold=lambda source, target: None)
    assert explorer.state()["gold_links"] is None
    assert "no gold links are known for this sentence" in texts(explorer)
    assert "No gold links are known for this sentence." in explorer.describe(explorer._result)
    explorer.set_state(gold=False)
    assert "no gold links" not in explorer.widget.children[-1].value


def test_gold_of_numpy_numbers_and_outside_the_sentence():
    explorer = AlignmentExplorer(
        Reversing(), sentence="the cat .", gold=lambda s, t: {tuple(np.array([2, 0]))}
    )
    assert explorer.state()["gold_links"] == [(2, 0)]
    with pytest.raises(ValueError, match="swapped"):
        AlignmentExplorer(Reversing(), sentence="the cat .", gold=lambda s, t: {(7, 0)})


def test_text_says_what_the_picture_says(explorer):
    weights = Reversing()(FIRST).weights
    sentence = explorer.describe(explorer._result)
    source, target = _sides(FIRST)
    for row, word in enumerate(target):
        j = weights[row].argmax()
        assert f"{word} ← {source[j]} {weights[row, j]:.2f}" in sentence
    assert shown(explorer).get("aria-label") == sentence


def test_only_new_sentences_are_translated(explorer, model):
    for threshold in np.arange(21) / 20:
        explorer.controls["threshold"].value = threshold
    explorer.set_state(gold=False)
    explorer.set_state(sentence=f"  {FIRST}\t")
    assert model.asked == [FIRST]
    explorer.set_state(sentence="the cat .")
    explorer.set_state(sentence=FIRST)
    assert model.asked == [FIRST, "the cat ."]
    for count in range(2 * KEPT):
        explorer.set_state(sentence="the " * (count + 1))
    assert len(explorer._read_before) == KEPT


def test_typed_text_waits_for_enter(explorer):
    assert explorer.controls["sentence"].continuous_update is False


UNUSABLE = {
    "": "Type a sentence, such as: the cat did not",
    " \t ": "Type a sentence",
    "the " * 200: f"That is 200 words; the map holds at most {MOST_WORDS}",
    "the " * (MOST_WORDS + 1): "Shorten the sentence",
    "the zebra .": "does not know “zebra”; try one of its words, such as “.”, “black”, “cat”",
    "the caat .": "does not know “caat”; did you mean “cat”?",
    "<script>alert(1)</script>": "does not know “<script>",
    "the y" + "y" * 500: "yyy…”",
    "x" * 10_000: "sentence holds 10,000 characters",
    "שלום 🌊": "does not know “שלום”",
}


@pytest.mark.parametrize("text", list(UNUSABLE))
def test_unusable_sentences_get_a_sentence(explorer, text):
    before, picture = explorer.state(), shown(explorer).attrib
    explorer.controls["sentence"].value = text
    state = explorer.state()
    assert UNUSABLE[text] in state["problem"]
    assert len(state["problem"]) < 200
    assert state["links"] == before["links"]
    assert shown(explorer).attrib == picture
    assert "<script" not in message(explorer)
    explorer.controls["sentence"].value = FIRST
    assert explorer.state() == before
    with pytest.raises(InputProblem):
        AlignmentExplorer(Reversing(), sentence=text, known=ENGLISH.words)


@pytest.mark.parametrize("count", [1, 2, MOST_WORDS])
def test_shortest_and_longest_sentences(explorer, count):
    state = explorer.set_state(sentence="dogs " * count)
    assert len(state["rows"]) == len(state["columns"]) == count
    assert np.shape(state["weights"]) == (count, count)


def test_what_the_model_says_is_told(explorer, model):
    def refuse(text):
        raise ValueError("A sentence of 61 <b>words</b> is too long.")

    explorer._translate = refuse
    explorer.controls["sentence"].value = "the dogs ."
    assert (
        explorer.state()["problem"]
        == "This sentence cannot be read: A sentence of 61 <b>words</b> is too long."
    )
    assert "<b>" not in message(explorer)


def test_a_bare_key_error_about_a_word_gets_suggestions_and_any_other_goes_on():
    def look_up(text):
        for word in text.split():
            {"the": 0, "cat": 1}[word]
        return Reversing()(text)

    explorer = AlignmentExplorer(look_up, sentence="the cat", known=["the", "cat"])
    explorer.controls["sentence"].value = "the catt"
    assert explorer.state()["problem"] == "The model does not know “catt”; did you mean “cat”?"
    explorer._translate = lambda text: {}["a key inside"]
    with pytest.raises(KeyError):
        explorer.controls["sentence"].value = "the cat the"
    assert "a key inside" in explorer.state()["problem"]


def test_markup_in_words_is_text():
    nasty = "<img src=x onerror=alert(1)>"
    explorer = AlignmentExplorer(
        lambda text: SimpleNamespace(
            source=[nasty, "&"], target=["'", nasty], weights={nasty: np.eye(2), "b": np.eye(2)}
        ),
        sentence="x",
        gold=lambda source, target: {(0, 0)},
    )
    assert "<img" not in explorer.widget.children[-1].value
    assert shown(explorer).get("data-head") == nasty


def answer(weights, source=("a", "b"), target=("c",), **rest):
    return lambda text: SimpleNamespace(source=source, target=target, weights=weights, **rest)


@pytest.mark.parametrize(
    ("translate", "says"),
    [
        (answer(None), "no attention weights"),
        (answer({}), "no head"),
        (answer(np.ones((2, 1))), "do not fit 1 target and 2 source"),
        (answer({"a": np.ones((1, 2)), "b": np.ones((2, 2))}), "do not fit"),
        (answer(np.ones((2, 3)) / 3, target_pieces=("c", "<end>")), "do not fit"),
        (answer(np.full((1, 2), np.nan)), "between 0 and 1"),
        (answer(np.zeros((0, 2)), target=()), "No word came back"),
        (answer(np.ones((61, 2)) / 2, target=("c",) * 61), "the model made 61"),
    ],
)
def test_answers_that_fit_no_map_are_refused(translate, says):
    with pytest.raises(ValueError, match=says):
        AlignmentExplorer(translate, sentence="a b")


@pytest.mark.parametrize(
    "values", [{"threshold": -0.1}, {"threshold": 1.5}, {"head": "x"}, {"gold": "maybe"}]
)
def test_controls_refuse_what_they_cannot_hold(explorer, values):
    before = explorer.state()
    with pytest.raises(ValueError, match=next(iter(values))):
        explorer.set_state(**values)
    assert explorer.state() == before


def test_measures_by_hand():
    gold = {(0, 0), (1, 1), (2, 2)}
    assert count_agreement({(0, 0), (1, 1), (0, 1), (2, 1)}, gold=gold) == (0.5, 2 / 3, 1 - 4 / 7)
    assert count_agreement(set(), gold=gold) == (None, 0, 1)
    assert count_agreement({(0, 0)}, gold=set()) == (0, None, 1)
    assert count_agreement(set(), gold=set()) == (None, None, None)


def test_links_by_hand():
    weights = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    assert draw_links(weights, threshold=0) == {(0, 0), (2, 1)}
    assert draw_links(weights, threshold=0.3) == {(0, 0), (1, 0), (1, 1), (2, 1)}
    assert draw_links(weights, threshold=1) == set()


def test_picture_stands_where_no_kernel_does(explorer):
    bundle, metadata = explorer._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert "gold links found" in metadata["image/png"]["alt"]
