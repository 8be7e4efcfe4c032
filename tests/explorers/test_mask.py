"""MaskExplorer on a table of numbers worked out here in numpy, and on the course's encoder."""

import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from map_parts import NS, message, shown
from torch import nn

from course_utils.explorers.base import InputProblem
from course_utils.explorers.mask import ALL, KEPT, MaskExplorer
from course_utils.models.encoder import Encoder, EncoderConfig
from course_utils.text.pieces import MARKS, WordPieces

WORDS = ["[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "a", "mat", "dog", "<b>x</b>", "🌊", "שלום",
         *(f"w{i}" for i in range(17))]  # fmt: skip
V, CLS, SEP, MASK = len(WORDS), 0, 1, 2
TABLE = np.random.default_rng(2).normal(size=(12, V, V))  # by distance, token seen, token guessed
UNIGRAM = np.random.default_rng(3).dirichlet(np.full(V, 0.5))
SENTENCE = "the cat sat on a mat"


def cut(text):
    words = text.split()
    wrong = [word for word in words if word not in WORDS]
    if wrong:
        raise ValueError(f"there is no {wrong[0]}")
    pieces = ["[CLS]", *words, "[SEP]"]
    return SimpleNamespace(ids=[WORDS.index(piece) for piece in pieces], pieces=pieces)


def trained_scores(tokens, place):
    """Log-probabilities (V,): each token seen speaks, the nearer the louder."""
    scores = np.zeros(V)
    for i, token in enumerate(tokens):
        distance = abs(i - place)
        if i != place:
            scores += TABLE[min(distance, 5) + 6 * (i < place), token] / distance
    return scores - np.log(np.exp(scores).sum())


class Model:
    def __init__(self):
        self.asked = []

    def __call__(self, tokens, place):
        self.asked.append((tuple(tokens), place))
        return torch.tensor(trained_scores(tokens, place))


@pytest.fixture
def model():
    return Model()


def make(models, **options):
    settings = {"sentence": SENTENCE, "mask": MASK, "marks": (CLS, SEP), **options}
    return MaskExplorer(models, cut=cut, piece=WORDS.__getitem__, **settings)


@pytest.fixture
def explorer(model):
    return make({"trained": model, "unigram": lambda tokens, place: np.log(UNIGRAM)})


def bars(explorer):
    """Per model: (label, value)."""
    found = {}
    for node in shown(explorer).iter(f"{NS}rect"):
        if "data-series" in node.attrib:
            found.setdefault(node.get("data-series"), []).append(
                (node.get("data-label"), float(node.get("data-value")))
            )
    return found


def boxes(explorer):
    groups = [one for one in shown(explorer).iter(f"{NS}g") if one.get("class") == "token"]
    return [(one.get("data-piece"), one.get("data-kind")) for one in groups]


def check(explorer, state, *, words, place, hidden, truth):
    """Every number against numpy; `place` and `hidden` are places with [CLS] at 0."""
    whole = [CLS, *(WORDS.index(word) for word in words), SEP]
    whole[place] = MASK
    tokens = [MASK if i in hidden else token for i, token in enumerate(whole)]
    assert (state["tokens"], state["masked"], state["hidden"]) == (tokens, place, sorted(hidden))
    assert state["truth"] == truth
    expected = {
        "trained": (np.exp(trained_scores(tokens, place)), np.exp(trained_scores(whole, place))),
        "unigram": (UNIGRAM, UNIGRAM),
    }
    drawn = bars(explorer)
    for name, (shares, full) in expected.items():
        one = state["answers"][name]
        best = sorted(range(V), key=lambda token: (-shares[token], token))[:5]
        assert [guess["token"] for guess in one["guesses"]] == best
        assert [guess["probability"] for guess in one["guesses"]] == pytest.approx(list(shares[best]))
        assert one["entropy"] == pytest.approx(-(shares * np.log(shares)).sum())
        shown_rows = [(WORDS[token], pytest.approx(shares[token], rel=1e-6)) for token in best]
        if truth is None:
            assert (one["rank"], one["probability"], one["full_rank"]) == (None, None, None)
        else:
            right = WORDS.index(truth)
            assert one["rank"] == 1 + int((shares > shares[right]).sum())
            assert one["full_rank"] == 1 + int((full > full[right]).sum())
            assert one["probability"] == pytest.approx(shares[right])
            assert one["full_probability"] == pytest.approx(full[right])
            assert one["log_probability"] == pytest.approx(math.log(shares[right]))
            assert one["full_log_probability"] == pytest.approx(math.log(full[right]))
            if right not in best:
                shown_rows.append((truth, pytest.approx(shares[right], rel=1e-6)))
        assert drawn[name] == shown_rows
    kinds = ["asked" if i == place else "hidden" if i in hidden else "given" for i in range(len(whole))]
    assert [kind for _, kind in boxes(explorer)] == kinds
    assert shown(explorer).get("data-hidden") == str(len(hidden))
    assert state["problem"] == ""


@pytest.mark.parametrize(("place", "masked"), [(1, 1), (3, 3), (6, 6), (7, 6), (40, 6)])
def test_each_piece_can_be_masked(explorer, place, masked):
    state = explorer.set_state(place=place)
    words = SENTENCE.split()
    check(explorer, state, words=words, place=masked, hidden=[], truth=words[masked - 1])
    assert state["pieces"] == ["[CLS]", *words, "[SEP]"]


@pytest.mark.parametrize(
    ("context", "side", "hidden"),
    [
        (ALL, "both sides", []),
        (0, "both sides", [1, 2, 4, 5, 6]),
        (1, "both sides", [1, 5, 6]),
        (2, "both sides", [6]),
        (10, "both sides", []),
        (ALL, "left only", [4, 5, 6]),
        (ALL, "right only", [1, 2]),
        (1, "left only", [1, 4, 5, 6]),
        (2, "right only", [1, 2, 6]),
        (0, "right only", [1, 2, 4, 5, 6]),
    ],
)
def test_hidden_pieces_are_given_as_masks(explorer, context, side, hidden):
    state = explorer.set_state(place=3, context=context, side=side)
    check(explorer, state, words=SENTENCE.split(), place=3, hidden=hidden, truth="sat")
    one = state["answers"]["trained"]
    sentence = explorer.describe(explorer._result)
    assert f"{len(hidden)} of 8 pieces are hidden" in sentence
    assert f"rank {one['rank']}; with nothing hidden" in sentence
    assert ("with all pieces seen" in sentence) == bool(hidden)
    assert shown(explorer).get("aria-label") == sentence


def test_a_typed_mask_has_no_truth_and_the_place_goes_among_typed_ones(explorer):
    words = ["the", "[MASK]", "sat", "on", "[MASK]", "mat"]
    for place, masked in ((1, 2), (2, 5), (9, 5)):
        state = explorer.set_state(sentence=" ".join(words), place=place)
        check(explorer, state, words=words, place=masked, hidden=[], truth=None)
    assert "What stands at the mask, piece 6?" in explorer.describe(explorer._result)


@pytest.mark.parametrize("likely", [True, False])
def test_the_truth_is_marked_once_among_the_guesses_or_below_them(likely):
    """Two tokens that look alike are told apart by their numbers."""
    shares = np.full(V, 0.01)
    shares[WORDS.index("cat") if likely else WORDS.index("dog")] += 1 - shares.sum()
    explorer = make({"sure": lambda tokens, place: np.log(shares)}, place=2)
    explorer._piece = lambda token: "cat" if WORDS[token] == "dog" else WORDS[token]
    explorer.set_state(sentence="a cat sat")
    rows = [
        text.text for text in shown(explorer).iter(f"{NS}text") if re.match(r"(▸ )?\d+\. ", text.text or "")
    ]
    assert [row for row in rows if row.startswith("▸ ")] == ["▸ 1. cat" if likely else "▸ 2. cat"]
    assert len(rows) == (5 if likely else 6)


def test_one_model_takes_the_narrow_page_and_three_the_broad_one(model):
    def widths(count):
        explorer = make({f"model {i}": model for i in range(count)})
        return float(shown(explorer).get("width"))

    assert [widths(count) for count in (1, 2, 3)] == [640, 960, 960]
    for count in (0, 4):
        with pytest.raises(ValueError, match="1 to 3 models"):
            widths(count)


def test_each_question_is_asked_once(explorer, model):
    for place in (1, 2, 3, 2, 1):
        for context in (1, ALL):
            explorer.controls["place"].value = place
            explorer.controls["context"].value = context
    assert len(model.asked) == len(set(model.asked))
    explorer.set_state(place=4)
    for i in range(200):
        explorer.set_state(sentence=f"w{i % 17} w{i // 17} the cat")
    assert len(explorer._asked) == KEPT


# ---- the course's own model ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def word_pieces():
    return WordPieces([*MARKS, "the", "cat", "sat", "on", "mat", "##s", "a", "##b", *"bcdefghijklmnopq", "."])


@pytest.fixture(scope="module")
def predict(word_pieces):
    """The encoder with a linear output head, not trained."""
    torch.manual_seed(0)
    config = EncoderConfig(len(word_pieces), width=16, layers=2, heads=2, inner=32, positions=64)
    encoder, head = Encoder(config).eval(), nn.Linear(16, len(word_pieces))

    @torch.no_grad()
    def ask(tokens, place):
        return head(encoder(torch.tensor([tokens]))[0, place]).log_softmax(dim=-1)

    return ask


def explore_encoder(word_pieces, predict):
    index = word_pieces.index
    return MaskExplorer(
        {"untrained": predict}, cut=lambda text: word_pieces.cut([text])[0],
        piece=word_pieces.pieces.__getitem__, mask=index["[MASK]"], marks=(index["[CLS]"], index["[SEP]"]),
        sentence="the cats sat on the mat", place=3,
    )  # fmt: skip


def test_it_shows_what_the_encoder_with_a_head_says(word_pieces, predict):
    explorer = explore_encoder(word_pieces, predict)
    index = word_pieces.index
    state = explorer.state()
    assert state["pieces"] == ["[CLS]", "the", "cat", "##s", "sat", "on", "the", "mat", "[SEP]"]
    assert state["truth"] == "##s"
    for side, right in (("both sides", "sat on the mat"), ("left only", "[MASK] [MASK] [MASK] [MASK]")):
        state = explorer.set_state(side=side)
        asked = ["[CLS]", "the", "cat", "[MASK]", *right.split(), "[SEP]"]
        expected = predict([index[piece] for piece in asked], 3).exp()
        one = state["answers"]["untrained"]
        assert one["probability"] == pytest.approx(float(expected[index["##s"]]), rel=1e-5)
        best = expected.argsort(descending=True, stable=True)[:5].tolist()
        assert [guess["token"] for guess in one["guesses"]] == best
    assert one["full_probability"] != pytest.approx(one["probability"], rel=1e-4)
    typed = explorer.set_state(sentence="the [MASK] sat", side="both sides")
    assert (typed["truth"], typed["masked"]) == (None, 2)
    json.dumps(typed)


@pytest.fixture(scope="module")
def open_to_all(word_pieces, predict):
    return explore_encoder(word_pieces, predict)


@given(text=st.text(min_size=1, max_size=60))
@example("<script>alert('x')</script>")
@example("\u202egnp.exe [MASK]\x00")
@example("שלום עולם")
@example("🌊👩‍👩‍👧 the cat")
def test_any_text_can_be_a_sentence(open_to_all, word_pieces, text):
    explorer = open_to_all
    if not text.strip() or not 3 <= len(word_pieces.cut([text])[0]) <= 64:
        with pytest.raises(InputProblem, match="Type a sentence|shorten it"):
            explorer.set_state(sentence=text)
    else:
        state = explorer.set_state(sentence=text)
        drawn = [piece for piece, _ in boxes(explorer)]  # of a long sentence, its end
        assert drawn == state["pieces"][-len(drawn) :]
        assert "<script" not in explorer.widget.children[-1].value


# ---- what readers type, and what models return -----------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sentence": ""}, "Type a sentence"),
        ({"sentence": " \t\n"}, "Type a sentence"),
        ({"sentence": "[CLS] [SEP]"}, "at least one piece"),
        ({"sentence": "the zebra"}, "cannot be read: there is no zebra"),
        ({"sentence": "the " * 63}, "has 65 pieces and may have 64; shorten it"),
        ({"sentence": "x" * 3000}, "3,000 characters"),
    ],
)
def test_unusable_input_says_what_to_do(explorer, values, says):
    before = explorer.state()
    with pytest.raises(InputProblem, match=says):
        explorer.set_state(**values)
    assert explorer.state() == before
    explorer.controls["sentence"].value = values["sentence"]
    assert re.search(says, message(explorer))
    assert explorer.state()["answers"] == before["answers"]


@pytest.mark.parametrize(
    "values", [{"place": 0}, {"place": 41}, {"context": 11}, {"side": "up"}, {"context": -1}, {"mask": 3}]
)
def test_settings_out_of_range_are_refused(explorer, values):
    before = explorer.state()
    with pytest.raises(ValueError, match=r"goes from|No control|cannot be shown"):
        explorer.set_state(**values)
    assert explorer.state() == before


def test_a_cut_that_does_not_fit_is_refused(explorer):
    explorer._cut = lambda text: SimpleNamespace(ids=[3, 4], pieces=["the"])
    with pytest.raises(ValueError, match="as many pieces as ids, not 1 and 2"):
        explorer.set_state(sentence="the cat")


def test_scores_that_are_no_log_probabilities_are_refused():
    with pytest.raises(ValueError, match="log_softmax"):
        make({"wrong": lambda tokens, place: np.zeros(V)})


def test_an_error_of_a_model_is_shown_and_goes_on(explorer):
    def fail(tokens, place):
        raise RuntimeError("out of memory")

    explorer._models["trained"] = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        explorer.controls["sentence"].value = "a dog"
    assert "RuntimeError: out of memory" in message(explorer)


def test_markup_is_text_and_letters_are_large_enough(explorer):
    explorer.set_state(sentence="<b>x</b> 🌊 שלום the", place=1)
    html = explorer.widget.children[-1].value
    assert "<b>" not in html
    assert explorer.state()["truth"] == "<b>x</b>"
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', explorer._drawing)) >= 11
    assert explorer.controls["sentence"].continuous_update is False
