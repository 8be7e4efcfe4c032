"""GateExplorer against the numbers of a stand-in and of a real GRU, and against all a reader may type."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from map_parts import NS, message, shown

from course_utils.explorers.base import InputProblem
from course_utils.explorers.gates import KEPT, MOST_TOKENS, MOVED, GateExplorer, split_words
from course_utils.layers.recurrent import GRU, LSTM, RNN

SENTENCE = "does the dog that sees the cat sleep ?"
C = 7


class StandIn:
    """Numbers that depend on the word and its place; it counts how often it is asked."""

    def __init__(self, *, gates=("update", "candidate"), readings=("p",), width=C):
        self.gates, self.readings, self.width, self.asked = gates, readings, width, []

    def __call__(self, words):
        self.asked.append(words)
        rng = np.random.default_rng([len(words), *(ord(letter) for letter in "".join(words))])
        shape = (len(words), self.width)
        return {
            "tokens": words,
            "outputs": rng.normal(size=shape),
            "gates": {n: rng.random(shape) - (n == "candidate") * 0.5 for n in self.gates},
            "readings": {n: rng.random(len(words)) for n in self.readings},
        }


@pytest.fixture
def trace():
    return StandIn()


@pytest.fixture
def explorer(trace):
    return GateExplorer(trace, sentence=SENTENCE, known=[*SENTENCE.split(), "do", "horse"])


def drawn(explorer):
    """(group, row) → the values drawn, in the order of their places."""
    found = {}
    for node in shown(explorer).iter(f"{NS}rect"):
        if "data-row" in node.attrib:
            found.setdefault((node.get("data-group"), node.get("data-row")), []).append(
                float(node.get("data-value"))
            )
    return found


@pytest.mark.parametrize("unit", [0, 3, C - 1])
@pytest.mark.parametrize("word", [1, 4, 9])
def test_numbers_are_those_of_the_trace(explorer, unit, word):
    state = explorer.set_state(unit=unit, word=word)
    truth = StandIn()(tuple(SENTENCE.split()))
    rows = {"state": truth["outputs"], **truth["gates"]}
    place = word - 1
    assert state["tokens"] == SENTENCE.split()
    assert (state["chosen"], state["shown_unit"]) == (place, unit)
    for name, values in rows.items():
        np.testing.assert_allclose(state["rows"][name], values[:, unit])
        np.testing.assert_allclose(drawn(explorer)[f"unit {unit}", name], values[:, unit], rtol=1e-8)
    np.testing.assert_allclose(state["means"]["update"], truth["gates"]["update"].mean(axis=1))
    np.testing.assert_allclose(
        drawn(explorer)["mean over all units", "update"], state["means"]["update"], rtol=1e-8
    )
    np.testing.assert_allclose(state["readings"]["p"], truth["readings"]["p"])
    np.testing.assert_allclose(
        drawn(explorer)["read off the whole state", "p"], truth["readings"]["p"], rtol=1e-8
    )
    before = truth["outputs"][place - 1] if place else np.zeros(C)
    change = np.abs(truth["outputs"][place] - before)
    best = sorted(range(C), key=lambda one: -change[one])[:MOVED]
    assert [one for one, _, _ in state["moved"]] == best
    np.testing.assert_allclose([a for _, a, _ in state["moved"]], before[best])
    np.testing.assert_allclose([b for _, _, b in state["moved"]], truth["outputs"][place][best])
    frame = [
        node.get("data-chosen") for node in shown(explorer).iter(f"{NS}rect") if "data-chosen" in node.attrib
    ]
    assert frame == [str(place)]
    assert (shown(explorer).get("data-unit"), shown(explorer).get("data-word")) == (str(unit), str(word))
    assert state["problem"] == ""


def test_a_candidate_is_signed_and_has_no_mean(explorer):
    assert explorer.state()["signed"] == ["candidate"]
    assert set(explorer.state()["means"]) == {"update"}


def test_rows_are_signed_by_name_or_by_their_numbers():
    def trace(words):
        shape = (len(words), C)
        gates = {"memory": np.full(shape, 0.5), "candidate": np.full(shape, 0.5), "wide": np.full(shape, 1.5)}
        return {"tokens": words, "outputs": np.zeros(shape), "gates": {**gates, "share": np.full(shape, 0.5)}}

    state = GateExplorer(trace, sentence="a b").state()
    assert state["signed"] == ["memory", "candidate", "wide"]
    assert set(state["means"]) == {"share"}


def test_the_state_has_a_json_form(explorer):
    for state in (explorer.state(), explorer.set_state(unit=np.int64(2), word=3)):
        assert json.loads(json.dumps(state)) == state


def test_a_word_beyond_the_sentence_is_its_last(explorer):
    assert explorer.set_state(word=MOST_TOKENS)["chosen"] == 8
    assert explorer.set_state(sentence="do the dog")["chosen"] == 2


@pytest.mark.parametrize(
    ("layer", "gates"),
    [
        (RNN, set()),
        (LSTM, {"input", "forget", "output", "candidate", "memory"}),
        (GRU, {"reset", "update", "candidate"}),
    ],
)
def test_real_layers_fit(layer, gates):
    torch.manual_seed(0)
    table, layer = torch.randn(9, 4), layer(4, 5)

    def trace(words):
        outputs, _, found = layer.trace(table[: len(words)][None])
        return SimpleNamespace(
            tokens=words, outputs=outputs[0].detach(), gates={n: g[0].detach() for n, g in found.items()}
        )

    explorer = GateExplorer(trace, sentence=SENTENCE)
    state = explorer.set_state(unit=2)
    assert set(state["rows"]) == {"state", *gates}
    torch.testing.assert_close(torch.tensor(state["rows"]["state"]), layer(table[None])[0][0, :, 2].detach())
    assert set(state["signed"]) == gates & {"candidate", "memory"}
    assert state["readings"] == {}


def test_text_says_what_the_picture_says(explorer):
    state = explorer.set_state(unit=4, word=3)
    said = explorer.describe(explorer._result)
    assert said.startswith("After “dog” (word 3 of 9), unit 4: ")
    for name, values in state["rows"].items():
        assert f"{name} {values[2]:.3f}" in said
    for one, a, b in state["moved"]:
        assert f"unit {one} from {a:.2f} to {b:.2f}" in said
    assert shown(explorer).get("aria-label") == said


def test_named_units_are_named_and_the_first_one_is_shown(trace):
    explorer = GateExplorer(trace, sentence=SENTENCE, units={5: "the <question>", 2: "plural"})
    assert explorer.state()["unit"] == 5
    assert any(group == "unit 5 (the <question>)" for group, _ in drawn(explorer))
    explorer.controls["unit"].value = 2
    assert "unit 2 (plural):" in explorer.describe(explorer._result)
    explorer.controls["unit"].value = 0
    assert "unit 0:" in explorer.describe(explorer._result)
    with pytest.raises(ValueError, match="unit 7; there are 0 to 6"):
        GateExplorer(trace, sentence=SENTENCE, units={7: "none"})


def test_only_new_sentences_are_traced(explorer, trace):
    assert len(trace.asked) == 1
    for unit in range(C):
        explorer.controls["unit"].value = unit
    explorer.set_state(word=5)
    explorer.controls["sentence"].value = SENTENCE.upper()  # the same words
    assert len(trace.asked) == 1
    explorer.controls["sentence"].value = "do the horse sleep ?"
    assert trace.asked[-1] == ("do", "the", "horse", "sleep", "?")
    for i in range(1, 2 * KEPT):
        explorer.set_state(sentence="the " * i + "dog")
    assert len(explorer._kept) == KEPT


def test_a_typed_sentence_waits_for_enter(explorer):
    assert explorer.controls["sentence"].continuous_update is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Does the dog sleep?", ["does", "the", "dog", "sleep", "?"]),
        ("  today ,  the dog\tsleeps . ", ["today", ",", "the", "dog", "sleeps", "."]),
        ("n't 's", ["n't", "'s"]),
        ("", []),
        ("  \n", []),
        ("été 猫", ["été", "猫"]),
    ],
)
def test_text_is_cut_at_blanks_and_marks(text, words):
    assert split_words(text) == words


def test_a_reader_of_its_own_cuts_the_text(trace):
    explorer = GateExplorer(trace, sentence="a-b", read=lambda text: text.split("-"))
    assert explorer.state()["tokens"] == ["a", "b"]


UNUSABLE = {
    "": "Type a sentence",
    " \n\t": "Type a sentence",
    "the hors sleep": "did you mean “horse”?",
    "xylophones zzz": "“xylophones” (and 1 more) is not among the known words; try another word.",
    "<script>alert(1)</script>": "is not among the known words",
    "dog " * 200: "That is 200 words; shorten it to 60 or fewer",
    "dog " * 10_000: "sentence holds 40,000 characters",
    "🌊": "“🌊” is not among",
}


@pytest.mark.parametrize("text", list(UNUSABLE))
def test_unusable_sentences_get_a_sentence_back_and_the_picture_stays(explorer, text):
    before, picture = explorer.state(), shown(explorer).attrib
    explorer.controls["sentence"].value = text
    state = explorer.state()
    assert UNUSABLE[text] in state["problem"]
    assert len(state["problem"]) < 200
    assert state["rows"] == before["rows"]
    assert shown(explorer).attrib == picture
    assert "<script" not in message(explorer)
    explorer.controls["sentence"].value = SENTENCE
    assert explorer.state() == before


@pytest.mark.parametrize(("refusal", "says"), [(ValueError("too odd"), "too odd"), (KeyError("dgo"), "dgo")])
def test_what_the_model_refuses_is_told(trace, refusal, says):
    def refuse(words):
        raise refusal

    explorer = GateExplorer(trace, sentence=SENTENCE)
    explorer._trace = refuse
    explorer.controls["sentence"].value = "a b"
    assert explorer.state()["problem"] == f"The sentence cannot be read: {says}"
    with pytest.raises(InputProblem, match=says):
        GateExplorer(refuse, sentence=SENTENCE)


def test_an_error_of_the_model_is_shown_and_goes_on(explorer):
    def fail(words):
        raise RuntimeError("out of memory")

    explorer._trace = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        explorer.controls["sentence"].value = "do the dog"
    assert "RuntimeError: out of memory" in message(explorer)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"outputs": np.zeros((8, C))}, "shape"),
        ({"outputs": np.zeros(9)}, "shape"),
        ({"gates": {"update": np.zeros((9, C + 1))}}, r"update \(9, 8\)"),
        ({"readings": {"p": np.zeros(3)}}, "readings"),
        ({"outputs": np.full((9, C), np.nan)}, "NaN"),
    ],
)
def test_a_trace_of_a_wrong_shape_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        GateExplorer(lambda words: {**StandIn()(words), **change}, sentence=SENTENCE)


def test_a_sentence_with_another_number_of_units_is_refused(explorer):
    explorer.set_state(unit=C - 1)
    explorer._trace = StandIn(width=3)
    with pytest.raises(ValueError, match="unit goes from 0 to 2"):
        explorer.set_state(sentence="do the dog")
