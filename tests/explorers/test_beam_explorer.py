"""BeamExplorer on a small language whose best texts the test lists itself, and against what readers type."""

import math
from itertools import product
from types import SimpleNamespace

import pytest
import torch
from map_parts import NS, message, shown

from course_utils.decoding.beam import beam_search
from course_utils.explorers.base import InputProblem
from course_utils.explorers.beam import KEPT, BeamExplorer
from course_utils.text.vocab import UnknownWord

WORDS = ("<end>", "le", "chat", "dort", "noir")
END, LONGEST = 0, 5


def table(words):
    """Log-probabilities (previous token, next token); each sentence has its own. The last row: begin."""
    generator = torch.Generator().manual_seed(sum(map(ord, "".join(words))))
    logits = 1.5 * torch.randn(len(WORDS) + 1, len(WORDS), generator=generator)
    return logits.log_softmax(dim=-1)


class Search:
    """Beam search over the table; it counts how often it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, words, *, width, length_penalty):
        self.asked.append((words, width, length_penalty))
        gains = table(words)
        found = beam_search(
            lambda state, tokens: (gains[tokens], state),
            torch.zeros(1, 1),
            start=torch.tensor([len(WORDS)]),
            end=END,
            max_length=LONGEST,
            width=width,
            length_penalty=length_penalty,
            keep_tree=True,
        )
        return found[0]


def all_texts(words):
    """Every text with its sum, worked out one by one."""
    gains, sums = table(words), {}
    for length in range(1, LONGEST + 1):
        for tokens in product(range(len(WORDS)), repeat=length):
            ended = tokens[-1] == END and END not in tokens[:-1]
            if ended or (length == LONGEST and END not in tokens):
                before = (len(WORDS), *tokens[:-1])
                sums[tokens] = sum(float(gains[a, b]) for a, b in zip(before, tokens, strict=True))
    return sums


@pytest.fixture
def search():
    return Search()


@pytest.fixture
def explorer(search):
    return BeamExplorer(search, sentence="the cat sleeps", word=WORDS.__getitem__)


def boxes(explorer):
    return [group for group in shown(explorer).iter(f"{NS}g") if group.get("class") == "node"]


@pytest.mark.parametrize("penalty", [0, 0.5, 1, 2])
@pytest.mark.parametrize("sentence", ["the cat sleeps", "a dog", "we run", "x"])
def test_a_wide_beam_finds_what_a_list_of_all_texts_finds(explorer, sentence, penalty):
    state = explorer.set_state(sentence=sentence, width=8, penalty=penalty)
    sums = all_texts(tuple(sentence.split()))
    best = max(sums, key=lambda tokens: sums[tokens] / len(tokens) ** penalty)
    first = state["hypotheses"][0]
    # A beam of 8 may miss the best; what it says of a text must be true, and never better than the best.
    assert first["score"] <= sums[best] / len(best) ** penalty + 1e-5
    found = tuple(WORDS.index(word) for word in first["text"].split()) if first["text"] != "(nothing)" else ()
    found += (END,) if first["finished"] else ()
    assert first["length"] == len(found)
    assert first["total"] == pytest.approx(sums[found], abs=1e-5)
    assert first["score"] == pytest.approx(sums[found] / len(found) ** penalty, abs=1e-5)


def test_a_beam_of_one_is_greedy(explorer):
    state = explorer.set_state(width=1)
    gains, tokens = table(("the", "cat", "sleeps")), [len(WORDS)]
    while len(tokens) <= LONGEST and (len(tokens) == 1 or tokens[-1] != END):
        tokens.append(int(gains[tokens[-1]].argmax()))
    path = [node["text"] for node in state["nodes"] if node["best"]]
    assert path == [WORDS[token] for token in tokens[1:]]


@pytest.mark.parametrize(("width", "penalty", "depth"), [(1, 0, 1), (2, 0.3, 3), (4, 1.0, 8), (8, 2.0, 45)])
def test_nodes_on_the_screen_are_those_of_the_search(explorer, width, penalty, depth):
    state = explorer.set_state(width=width, penalty=penalty, depth=depth)
    tree = Search()(("the", "cat", "sleeps"), width=width, length_penalty=penalty).tree
    last = min(depth, tree[-1].length)
    expected = [(place, node) for place, node in enumerate(tree) if node.length <= last]
    assert state["looked_at"] == len(tree)
    assert (state["first"], state["last"], state["steps"]) == (1, last, tree[-1].length)
    assert [one["node"] for one in state["nodes"]] == [place for place, _ in expected]
    drawn = boxes(explorer)
    for one, group, (place, node) in zip(state["nodes"], drawn, expected, strict=True):
        assert (one["parent"], one["step"], one["fate"]) == (node.parent, node.length, node.fate)
        assert one["text"] == WORDS[node.token]
        assert group.get("data-node") == str(place)
        assert group.get("data-fate") == node.fate
        assert float(group.get("data-total")) == pytest.approx(node.total, abs=1e-8)
        assert float(group.get("data-score")) == pytest.approx(node.score, abs=1e-8)
        assert math.isclose(one["log_probability"], node.log_probability)
    assert state["problem"] == ""


def test_the_best_path_spells_the_best_text(explorer):
    for width in range(1, 9):
        state = explorer.set_state(width=width)
        path = [node for node in state["nodes"] if node["best"]]
        spelled = " ".join(node["text"] for node in path if node["text"] != "<end>")
        assert spelled == state["hypotheses"][0]["text"]
        assert [node["parent"] for node in path[1:]] == [node["node"] for node in path[:-1]]
        assert [group.get("data-node") for group in boxes(explorer) if group.get("data-best") == "1"] == [
            str(node["node"]) for node in path
        ]


def test_each_setting_is_searched_once(explorer, search):
    asked = len(search.asked)
    for depth in (1, 2, 3, 4):
        explorer.controls["depth"].value = depth
    assert len(search.asked) == asked == 1
    explorer.controls["width"].value = 5
    explorer.controls["penalty"].value = 0.3
    explorer.controls["width"].value = 4
    explorer.controls["penalty"].value = 0.0
    assert search.asked[1:] == [
        (("the", "cat", "sleeps"), 5, 0.0),
        (("the", "cat", "sleeps"), 5, 0.3),
        (("the", "cat", "sleeps"), 4, 0.3),
    ]
    for i in range(2 * KEPT):
        explorer.set_state(sentence=f"cat {i}")
    assert len(explorer._known) == KEPT


def test_words_below_and_in_the_sentence(explorer):
    state = explorer.set_state(width=3, penalty=1.0)
    texts = [text.text for text in shown(explorer).iter(f"{NS}text")]
    for place, one in enumerate(state["hypotheses"], start=1):
        line = next(text for text in texts if text.startswith(f"{place}. "))
        assert f"score {one['score']:.3f}" in line
        assert f"sum {one['total']:.3f}" in line
    sentence = explorer.describe(explorer._result)
    assert "Beam of 3, length penalty 1.0" in sentence
    assert f"{state['looked_at']} continuations in {state['steps']} steps" in sentence
    assert shown(explorer).get("aria-label") == sentence


def refuse(words, *, width, length_penalty):
    raise UnknownWord(words[0], suggestions=["cat"], vocabulary_size=300)


def test_an_unknown_word_gets_suggestions(explorer):
    before = explorer.state()
    explorer._search = refuse
    explorer.controls["sentence"].value = "cta"
    problem = explorer.state()["problem"]
    assert '"cta" is not among the 300 words; did you mean "cat"?' in problem
    assert problem in message(explorer).replace("&quot;", '"')
    assert explorer.state()["hypotheses"] == before["hypotheses"]


def test_a_reader_of_its_own(search):
    def read(text):
        if "?" in text:
            raise ValueError("no questions")
        if "zebra" in text:
            raise UnknownWord("zebra", suggestions=[], vocabulary_size=3)
        return tuple(text.replace(".", " .").split())

    explorer = BeamExplorer(search, sentence="the cat.", word=WORDS.__getitem__, read=read)
    assert explorer.state()["words"] == ("the", "cat", ".")
    for text, says in (("why?", "no questions"), ("a zebra", '"zebra" is not among')):
        with pytest.raises(InputProblem, match=says):
            explorer.set_state(sentence=text)


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "Type a sentence"), (" \n ", "Type a sentence"), ("a " * 5000, "10,000 characters")],
)
def test_unusable_sentences_leave_the_picture(explorer, text, says):
    before = explorer.state()
    explorer.controls["sentence"].value = text
    assert says in explorer.state()["problem"]
    assert explorer.state()["nodes"] == before["nodes"]


def test_markup_is_text(explorer):
    state = explorer.set_state(sentence="<b>cat</b> & <script>alert(1)</script> 'x' 🌊")
    assert state["problem"] == ""
    html = explorer.widget.children[-1].value
    assert "<script" not in html
    assert "<b>" not in html


def test_an_error_of_the_search_is_shown_and_goes_on(explorer):
    def fail(words, **_):
        raise RuntimeError("out of memory")

    explorer._search = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        explorer.controls["width"].value = 5
    assert "RuntimeError: out of memory" in message(explorer)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tree": ()}, "keep its tree"),
        ({"hypotheses": ()}, "keep its tree"),
        ({"other": True}, "same search"),
    ],
)
def test_a_search_without_a_fitting_tree_is_refused(search, change, says):
    def wrong(words, **settings):
        found = search(words, **settings)
        if "other" in change:
            best = SimpleNamespace(tokens=(3, 3, 3), score=0.0, log_probability=0.0, finished=True)
            return SimpleNamespace(tree=found.tree, hypotheses=(best,))
        return SimpleNamespace(**{"tree": found.tree, "hypotheses": found.hypotheses, **change})

    with pytest.raises(ValueError, match=says):
        BeamExplorer(wrong, sentence="the cat", word=WORDS.__getitem__)


@pytest.mark.parametrize("values", [{"width": 0}, {"width": 9}, {"penalty": 2.5}, {"depth": 0}, {"beam": 2}])
def test_settings_out_of_range_are_refused(explorer, values):
    before = explorer.state()
    with pytest.raises(ValueError, match=r"goes from|No control|cannot be shown|at least 1"):
        explorer.set_state(**values)
    assert explorer.state() == before


def test_typed_text_waits_for_enter_and_sliders_are_there(explorer):
    assert explorer.controls["sentence"].continuous_update is False
    assert [type(control).__name__ for control in explorer.controls.values()] == [
        "Text", "IntSlider", "FloatSlider", "IntSlider",
    ]  # fmt: skip
