"""WeightEditor against distributions worked out here, at all ends of its controls; no answer unguessed."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from map_parts import NS, message, shown

from course_utils.explorers.base import InputProblem
from course_utils.explorers.weight_editor import KEPT, OWN, WeightEditor, edit_weights

SOURCE = ("the", "small", "cat", "sees", "the", "dog", "<end>")
TARGET = ("le", "petit", "chat", "voit", "le", "chien", "<end>")
LABELS = ("le", "petit", "chat", "voit", "chien", "souris", "dort", "<end>", "la", "grande")
OWN_WEIGHTS = np.random.default_rng(0).dirichlet(np.full(len(SOURCE), 0.4), size=len(TARGET))
VALUES = np.random.default_rng(1).normal(size=(len(SOURCE), len(LABELS))) * 4


def distribution(weights):
    """Softmax of the weighted mean of values, in plain numpy."""
    scores = weights @ VALUES
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


class Model:
    """Says the words that the mixed values of the source favour; counts how often it is asked."""

    def __init__(self, *, labels=LABELS, form="tuple"):
        self.labels, self.form, self.asked = labels, form, []

    def __call__(self, place, weights):
        self.asked.append((place, None if weights is None else tuple(np.round(weights, 6))))
        used = OWN_WEIGHTS[place] if weights is None else weights
        answer = self.labels, distribution(used), used
        if self.form == "tuple":
            return answer
        return SimpleNamespace(labels=answer[0], probabilities=answer[1], weights=answer[2])


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def editor(model):
    return WeightEditor(model, source=SOURCE, target=TARGET, place=2)


def by_hand(own, word, weight):
    """One is set, the others are scaled, by a loop."""
    rest = sum(value for i, value in enumerate(own) if i != word)
    return np.array([weight if i == word else value / rest * (1 - weight) for i, value in enumerate(own)])


def weights_shown(editor):
    found = {}
    for node in shown(editor).iter(f"{NS}rect"):
        if "data-row" in node.attrib:
            found[int(node.get("data-row")), int(node.get("data-column"))] = float(node.get("data-value"))
    return np.array([[found[i, j] for j in range(len(SOURCE))] for i in range(2)])


def bars(editor, when):
    return {
        node.get("data-label"): float(node.get("data-value"))
        for node in shown(editor).iter(f"{NS}rect")
        if node.get("data-when") == when
    }


def texts(editor):
    return ["".join(node.itertext()) for node in shown(editor).iter(f"{NS}text")]


@pytest.mark.parametrize("place", [0, 3, 6])
@pytest.mark.parametrize("word", [0, 4, 6])
@pytest.mark.parametrize("weight", [0.0, 0.05, 0.35, 0.9, 1.0])
def test_an_edited_weight_gives_the_distribution_worked_out_here(editor, place, word, weight):
    state = editor.set_state(place=place, word=word, weight=weight, guess="souris", reveal=True)
    edited = by_hand(OWN_WEIGHTS[place], word, weight)
    before, after = distribution(OWN_WEIGHTS[place]), distribution(edited)
    np.testing.assert_allclose(state["edited_weights"], edited, atol=1e-12)
    np.testing.assert_allclose(weights_shown(editor), [OWN_WEIGHTS[place], edited], rtol=1e-5)
    rows = [LABELS.index(label) for label in state["candidates"]]
    np.testing.assert_allclose(state["before"], before[rows], atol=1e-12)
    np.testing.assert_allclose(state["after"], after[rows], atol=1e-12)
    for when, values in (("before", before), ("after", after)):
        found = bars(editor, when)
        assert list(found) == state["candidates"]
        np.testing.assert_allclose(list(found.values()), values[rows], rtol=1e-5)
    best = {i for p in (before, after) for i in np.argsort(-p)[:5]} | {LABELS.index("souris")}
    assert set(rows) == best
    assert state["after"] == sorted(state["after"], reverse=True)
    assert state["top_before"] == LABELS[before.argmax()]
    assert state["top_after"] == LABELS[after.argmax()]
    assert state["guess_probability"] == pytest.approx(after[5])
    assert state["guess_rank"] == sorted(after, reverse=True).index(after[5]) + 1
    assert state["prefix"] == list(TARGET[:place])
    root = shown(editor)
    assert (root.get("data-place"), root.get("data-word")) == (str(place), str(word))
    assert root.get("data-weight") == f"{weight:g}"
    assert f"gets {after[5]:.3f}, rank {state['guess_rank']}." in editor.describe(editor._result)


def test_nothing_is_edited_at_first(editor):
    state = editor.state()
    assert state["weight"] == OWN
    assert state["own_weights"] == state["edited_weights"]
    np.testing.assert_allclose(weights_shown(editor), [OWN_WEIGHTS[2]] * 2, rtol=1e-5)
    assert state["word"] == OWN_WEIGHTS[2].argmax()
    state = editor.set_state(guess="chat", reveal=True)
    assert state["after"] == state["before"]
    assert shown(editor).get("data-weight") == OWN


def test_before_the_guess_nothing_tells_the_answer(editor, model):
    state = editor.set_state(word=5, weight=0.9)
    after = distribution(by_hand(OWN_WEIGHTS[2], 5, 0.9))
    assert state["after"] is state["top_after"] is state["guess_rank"] is state["guess_probability"] is None
    assert not bars(editor, "after")
    assert texts(editor).count("?") == len(state["candidates"])
    page = editor.widget.children[-1].value
    assert f"{after.max():.3f}" not in page
    assert f"{after.max():.3f}" not in json.dumps(state)
    assert {weights for _, weights in model.asked} == {None}  # the model itself was not asked yet
    assert "With 0.90 on “dog”, which word comes next?" in texts(editor)


def test_revealing_asks_for_a_guess_first(editor):
    before = editor.state()
    editor.controls["reveal"].value = True
    assert editor.state()["problem"] == "Guess first: type the word that you expect, then reveal."
    assert editor.state()["after"] is None
    editor.controls["guess"].value = "chien"
    assert editor.state()["problem"] == ""
    assert editor.state()["guess_rank"] is not None
    with pytest.raises(InputProblem):
        editor.set_state(guess="  ")
    editor.set_state(guess="", reveal=False)
    assert editor.state() == before


def test_another_place_is_another_question(editor):
    editor.set_state(word=5, weight=0.9, guess="chien", reveal=True)
    editor.controls["weight"].value = 0.4
    assert editor.state()["after"] is not None  # so that the weight can be moved and watched
    editor.controls["word"].value = 1
    assert editor.state()["after"] is not None
    editor.controls["place"].value = 4
    state = editor.state()
    assert (state["guess"], state["reveal"], state["after"], state["problem"]) == ("", False, None, "")
    assert state["prefix"] == list(TARGET[:4])
    assert state["weight"] == 0.4
    editor.controls["guess"].value = "le"
    assert editor.state()["after"] is None
    editor.controls["reveal"].value = True
    assert editor.state()["guess_probability"] == pytest.approx(
        distribution(by_hand(OWN_WEIGHTS[4], 1, 0.4))[0]
    )


def test_title_states_what_happened(editor):
    seen = set()
    for word in range(len(SOURCE)):
        for weight in (0.0, 1.0):
            state = editor.set_state(word=word, weight=weight, guess="chat", reveal=True)
            start = f"With {weight:.2f} on “{SOURCE[word]}” the model "
            end = f"says “{state['top_after']}”, no longer “{state['top_before']}”"
            if state["top_after"] == state["top_before"]:
                end = f"still says “{state['top_before']}”"
            assert start + end in texts(editor)
            seen.add(end.split()[0])
    assert seen == {"says", "still"}


def test_text_says_what_the_picture_says(editor):
    state = editor.set_state(word=5, weight=0.75, guess="dort", reveal=True)
    sentence = editor.describe(editor._result)
    for when in ("before", "after"):
        for label, value in zip(state["candidates"], state[when], strict=True):
            assert f"{label} {value:.3f}" in sentence
    assert f"“dog” goes from {OWN_WEIGHTS[2, 5]:.3f} to 0.75" in sentence
    assert shown(editor).get("aria-label") == sentence


def test_the_edited_cell_is_marked(editor):
    def marked():
        nodes = [node for node in shown(editor).iter(f"{NS}rect") if node.get("data-link")]
        return [(node.get("data-row"), node.get("data-column")) for node in nodes]

    assert marked() == []
    editor.set_state(word=3, weight=0.5)
    assert marked() == [("1", "3")]
    assert "set by hand" in texts(editor)


def test_the_model_is_asked_once_for_each_setting(editor, model):
    editor.set_state(guess="chat", reveal=True, weight=0.5)
    for weight in (0.0, 0.5, 1.0, 0.5, 0.0):
        editor.controls["weight"].value = weight
    editor.set_state(guess="chien")
    assert len(model.asked) == len(set(model.asked))
    for word in range(len(SOURCE)):
        for step in range(21):
            editor.set_state(word=word, weight=step / 20)
    assert len(editor._answers) <= KEPT
    assert editor.set_state(weight=OWN)["after"] == editor.state()["before"]


def test_controls_name_their_words_even_when_one_comes_twice(editor):
    assert [name for name, _ in editor.controls["word"].options] == [
        f"{i} · {word}" for i, word in enumerate(SOURCE, start=1)
    ]
    assert [value for _, value in editor.controls["place"].options] == list(range(len(TARGET)))
    assert editor.set_state(place=4)["prefix"] == list(TARGET[:4])
    assert [name for name, _ in editor.controls["weight"].options][:3] == ["own", "0.00", "0.05"]


def test_answers_with_names_and_tensors():
    editor = WeightEditor(Model(form="object"), source=SOURCE, target=TARGET, place=99, word=1)
    assert (editor.state()["place"], editor.state()["word"]) == (6, 1)

    class Tensor:
        def __init__(self, values):
            self.values = values

        def detach(self):
            return np.asarray(self.values, dtype=np.float32)

    def ask(place, weights):
        labels, probabilities, used = Model()(place, weights)
        return labels, Tensor(probabilities), Tensor(used)

    editor = WeightEditor(ask, source=SOURCE, target=TARGET)
    state = editor.set_state(word=2, weight=0.6, guess="chat", reveal=True)
    after = distribution(by_hand(OWN_WEIGHTS[0], 2, 0.6))
    np.testing.assert_allclose(
        state["after"], after[[LABELS.index(c) for c in state["candidates"]]], atol=1e-6
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chein", "does not know “chein”; did you mean “chien”?"),
        ("zebra", "does not know “zebra”; try one of its words, such as “le”, “petit”, “chat”"),
        ("<b>chat</b>", "does not know “<b>chat</b>”"),
        ("y" * 500, "yyy…”"),
        ("x" * 10_000, "guess holds 10,000 characters"),
    ],
)
def test_unusable_guesses_get_a_sentence(editor, text, says):
    before, picture = editor.state(), shown(editor).attrib
    editor.controls["guess"].value = text
    assert says in editor.state()["problem"]
    assert shown(editor).attrib == picture
    assert "<b>" not in message(editor)
    editor.controls["guess"].value = ""
    assert editor.state() == before


def test_guesses_in_capitals_and_with_blanks_count(editor):
    assert editor.set_state(guess=" CHAT ")["guessed"] == "chat"
    assert editor.controls["guess"].continuous_update is False


def test_markup_in_words_is_text():
    nasty = "<img src=x onerror=alert(1)>"
    labels = (nasty, *LABELS[1:])
    editor = WeightEditor(
        Model(labels=labels), source=(nasty, *SOURCE[1:]), target=(nasty, *TARGET[1:]), place=1
    )
    for word in range(2):
        editor.set_state(word=word, weight=1.0, guess=nasty, reveal=True)
        assert "<img" not in editor.widget.children[-1].value
    tags = {node.tag.removeprefix(NS) for node in shown(editor).iter()}
    assert tags <= {"svg", "g", "rect", "text", "title", "path", "circle", "line"}


@pytest.mark.parametrize(
    "values", [{"place": 7}, {"word": -1}, {"weight": 0.33}, {"weight": 1.5}, {"guess": 3}]
)
def test_controls_refuse_what_they_cannot_hold(editor, values):
    before = editor.state()
    with pytest.raises(ValueError, match=next(iter(values))):
        editor.set_state(**values)
    assert editor.state() == before


def spoil(labels=LABELS, probabilities=None, weights=None):
    return lambda place, given: (
        labels,
        distribution(OWN_WEIGHTS[0]) if probabilities is None else probabilities,
        (OWN_WEIGHTS[0] if given is None else given) if weights is None else weights,
    )


@pytest.mark.parametrize(
    ("next_words", "says"),
    [
        (spoil(labels=LABELS[1:]), "as many probabilities as labels"),
        (spoil(weights=np.ones(3) / 3), "a weight for each of the 7"),
        (spoil(probabilities=np.arange(10.0)), "softmax"),
        (spoil(probabilities=np.full(10, np.nan)), "softmax"),
    ],
)
def test_answers_of_another_form_are_refused(next_words, says):
    with pytest.raises(ValueError, match=says):
        WeightEditor(next_words, source=SOURCE, target=TARGET)


def test_a_model_that_ignores_the_weights_is_found_out():
    editor = WeightEditor(spoil(weights=OWN_WEIGHTS[0]), source=SOURCE, target=TARGET)
    with pytest.raises(ValueError, match="did not use the weights"):
        editor.set_state(weight=1.0, word=0, guess="chat", reveal=True)
    changing = spoil()
    editor = WeightEditor(
        lambda place, given: (
            [*LABELS[::-1]] if given is not None else [*LABELS],
            *changing(place, given)[1:],
        ),
        source=SOURCE,
        target=TARGET,
    )
    with pytest.raises(ValueError, match="same labels"):
        editor.set_state(weight=1.0, word=0, guess="chat", reveal=True)


@pytest.mark.parametrize(("source", "target"), [(["a"], ["b"]), ([], ["b"]), (["a", "b"], [])])
def test_too_few_words_to_edit(source, target):
    with pytest.raises(ValueError, match="at least two source words"):
        WeightEditor(Model(), source=source, target=target)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30).filter(lambda values: sum(values) > 1e-6),
    st.integers(0, 29),
    st.floats(0, 1),
)
def test_edited_weights_sum_to_one_and_keep_their_proportions(values, word, weight):
    own = np.array(values) / sum(values)
    word %= len(own)
    edited = edit_weights(own, word=word, weight=weight)
    assert edited.sum() == pytest.approx(1)
    assert edited[word] == weight
    assert ((edited >= 0) & (edited <= 1)).all()
    others = np.delete(own, word)
    if others.sum() > 1e-6:
        np.testing.assert_allclose(np.delete(edited, word) * others.sum(), others * (1 - weight), atol=1e-9)
    np.testing.assert_array_equal(edit_weights(own, word=word, weight=None), own)


def test_edited_weights_by_hand():
    np.testing.assert_allclose(edit_weights([0.5, 0.3, 0.2], word=1, weight=0.65), [0.25, 0.65, 0.1])
    np.testing.assert_allclose(edit_weights([0.0, 1.0, 0.0], word=1, weight=0.5), [0.25, 0.5, 0.25])
    for weight in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            edit_weights([0.5, 0.5], word=0, weight=weight)


def test_picture_stands_where_no_kernel_does(editor):
    editor.set_state(word=5, weight=0.9, guess="chien", reveal=True)
    bundle, metadata = editor._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert re.search(r"With 0.90 on “dog” the model (still )?says", metadata["image/png"]["alt"])
