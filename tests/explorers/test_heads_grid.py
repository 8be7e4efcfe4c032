"""HeadsGrid against numbers worked out here: controls at their ends, and the models of lessons 15 to 17."""

import base64
import html
import io
from functools import partial

import numpy as np
import pytest
import torch
from map_parts import NS, message, shown
from PIL import Image

from course_utils.evaluation.head_kinds import score_heads
from course_utils.evaluation.head_scores import (
    alignment_score,
    first_token_score,
    induction_score,
    mean_entropy,
    previous_token_score,
)
from course_utils.explorers.base import InputProblem
from course_utils.explorers.heads_grid import Heads, HeadsGrid
from course_utils.models.gpt import GPT, GPTConfig
from course_utils.models.transformer import Transformer, TransformerConfig
from course_utils.text.vocab import UnknownWord

L, H, T, S = 2, 3, 4, 5
ROWS, COLUMNS = ["le", "chat", "<b>noir</b>", "dort"], ["the", "black", "cat", "sleeps", "."]
NAMES = ["1·1", "1·2", "1·3", "2·1", "2·2", "2·3"]
SCORES = {
    "alignment": np.array([[0.1, 0.9, 0.5], [0.5, 0.2, 0.3]]),
    "entropy": np.array([1.5, 0.2, np.nan, 0.7, 2.0, 0.1]),
}


def make_weights(*shape, seed=0):
    return np.random.default_rng(seed).dirichlet(np.full(shape[-1], 0.4), size=shape[:-1])


WEIGHTS = make_weights(L, H, T, S)
CONTROL = np.full((L, H, T, S), 1 / S)


def name_kinds(threshold):
    return np.where(SCORES["alignment"] >= threshold, "alignment", "mixed")


def make_heads(weights=WEIGHTS, **changes):
    return Heads(weights, **{"row_labels": ROWS, "col_labels": COLUMNS, "scores": SCORES, **changes})


@pytest.fixture
def explorer():
    return HeadsGrid(
        {"trained": make_heads(kinds=name_kinds), "untrained": make_heads(CONTROL, scores={})},
        row_name="target",
        col_name="source",
    )


def small_maps(explorer):
    """Name → pixels of the small map, in the order of the page."""
    found = {}
    for image in shown(explorer).iter(f"{NS}image"):
        data = base64.b64decode(image.get("href").removeprefix("data:image/png;base64,"))
        found[image.get("data-head")] = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return found


def large_map(explorer, shape):
    table = np.full(shape, np.nan)
    for cell in shown(explorer).iter(f"{NS}rect"):
        if cell.get("data-row"):
            last = int(cell.get("data-last", cell.get("data-column")))
            table[int(cell.get("data-row")), int(cell.get("data-column")) : last + 1] = cell.get("data-value")
    return table


def check(explorer, *, order, place, weights=WEIGHTS, names=NAMES):
    """The chosen head's weights in the state, large on the page, and small in the right place."""
    state = explorer.state()
    flat = weights.reshape(-1, *weights.shape[-2:])
    table = flat[names.index(order[place - 1])]
    assert state["order"] == order
    assert state["head_name"] == order[place - 1]
    np.testing.assert_allclose(state["weights"], table, atol=1e-12)
    np.testing.assert_allclose(large_map(explorer, table.shape), table, atol=0.0051)
    maps = small_maps(explorer)
    assert list(maps) == order
    for name, pixels in maps.items():
        red = 255 - 247 * np.round(flat[names.index(name)], 2)
        zoom = len(pixels) // len(red)
        np.testing.assert_allclose(pixels[::zoom, ::zoom, 0][red < 250], red[red < 250], atol=1)
    frames = [node for node in shown(explorer).iter(f"{NS}rect") if node.get("data-chosen")]
    assert len(frames) == 1
    (image,) = [i for i in shown(explorer).iter(f"{NS}image") if i.get("data-head") == state["head_name"]]
    gaps = [float(image.get(key)) - float(frames[0].get(key)) for key in ("x", "y")]
    assert gaps == pytest.approx([1.5, 1.5], abs=0.11)
    assert state["problem"] == ""
    return state


# -- numbers -------------------------------------------------------------------------------------------


def test_it_opens_in_the_order_of_the_layers(explorer):
    state = check(explorer, order=NAMES, place=1)
    assert state["sorted_scores"] is None
    assert (state["rows"], state["columns"]) == (ROWS, COLUMNS)
    assert state["head_scores"] == {"alignment": 0.1, "entropy": 1.5}
    assert state["head_ranks"] == {"alignment": 6, "entropy": 2}


ORDERS = {
    "alignment": ["1·2", "1·3", "2·1", "2·3", "2·2", "1·1"],  # equals in the order of the layers
    "entropy": ["2·2", "1·1", "2·1", "1·2", "2·3", "1·3"],  # what has no score comes last
}


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("place", [1, 4, 6])
def test_sorting_and_every_place(explorer, sort, place):
    explorer.set_state(sort=sort, place=place)
    state = check(explorer, order=ORDERS[sort], place=place)
    values = dict(zip(NAMES, np.ravel(SCORES[sort]), strict=True))
    np.testing.assert_array_equal(state["sorted_scores"], [values[name] for name in ORDERS[sort]])


@pytest.mark.parametrize(("threshold", "number"), [(0.0, 6), (0.3, 4), (0.5, 3), (1.0, 0)])
def test_kinds_stand_in_the_order_shown(explorer, threshold, number):
    state = explorer.set_state(threshold=threshold, sort="alignment", place=4)
    assert state["kinds"] == ["alignment"] * number + ["mixed"] * (6 - number)
    assert state["head_kind"] == state["kinds"][3]
    written = [node.text for node in shown(explorer).iter(f"{NS}text")]
    assert written.count("mixed") == 6 - number
    sentence = explorer.describe(explorer._result)
    assert number == 6 or f"{6 - number} mixed" in sentence


def test_the_control_takes_the_same_place(explorer):
    explorer.set_state(model="untrained", sort="alignment", place=2)
    state = check(explorer, order=NAMES, place=2, weights=CONTROL)  # it has no such score
    assert state["sorted_scores"] is None
    assert state["head_scores"] == {}
    assert state["kinds"] == []
    explorer.set_state(model="trained")
    check(explorer, order=ORDERS["alignment"], place=2)


def test_captions_hover_and_the_list_of_scores(explorer):
    explorer.set_state(sort="entropy", place=1, threshold=0.5)
    written = [node.text for node in shown(explorer).iter(f"{NS}text")]
    assert written[0] == "trained: entropy: 2·2 leads with 2.00, the median is 0.70"
    assert {"2.00", "1.50", "–", "Head 2·2", "6 of 6", "5 of 6", "Head 2·2: mixed"} - {"6 of 6"} <= set(
        written
    )
    hovers = [image.find(f"{NS}title").text for image in shown(explorer).iter(f"{NS}image")]
    assert hovers[0] == "2·2 mixed, alignment 0.20, entropy 2.00"
    assert hovers[-1] == "1·3 alignment, alignment 0.50, entropy –"
    assert shown(explorer).get("data-chosen") == "2·2"
    assert shown(explorer).get("data-sort") == "entropy"
    assert "<b>noir</b>" in written
    sizes = {
        float(node.get("font-size")) for node in shown(explorer).iter(f"{NS}text") if node.get("font-size")
    }
    assert min(sizes) >= 11


def test_everything_drawn_lies_within_the_page():
    for shape, number in (
        ((6, 12, 20, 20), 72),
        ((2, 4, 40, 40), 8),
        ((2, 4, 24, 24), 8),
        ((6, 12, 48, 6), 72),
    ):
        words = [f"word{i}" for i in range(48)]
        grid = HeadsGrid(
            Heads(make_weights(*shape), words[: shape[2]], words[: shape[3]], {"a": np.arange(number)})
        )
        page = shown(grid)
        _, _, width, height = map(float, page.get("viewBox").split())
        boxes = []
        for group in page.findall(f"{NS}g"):
            x, y = map(float, group.get("transform")[10:-1].split())
            for node in group.iter():
                if node.get("width") and node.get("x"):
                    boxes.append([x + float(node.get("x")), y + float(node.get("y"))]
                                 + [float(node.get("width")), float(node.get("height"))])  # fmt: skip
        boxes = np.array(boxes)
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, 0] + boxes[:, 2]).max() <= width
        assert (boxes[:, 1] + boxes[:, 3]).max() <= height
        own = list(page.findall(f"{NS}text"))
        assert max(float(node.get("y")) for node in own) <= height
        assert max(float(node.get("x")) for node in own) <= width


def test_each_control_changes_the_picture(explorer):
    pictures = {explorer.picture().drawing}
    for change in ({"place": 2}, {"sort": "entropy"}, {"threshold": 0.9}, {"model": "untrained"}):
        explorer.set_state(**change)
        pictures.add(explorer.picture().drawing)
    assert len(pictures) == 5


def test_the_text_says_what_the_picture_says(explorer):
    state = explorer.set_state(sort="alignment", place=3)
    sentence = explorer.describe(explorer._result)
    table = np.array(state["weights"])
    for i, row in enumerate(ROWS):
        assert f"{row} → {COLUMNS[table[i].argmax()]} {table[i].max():.2f}" in sentence
    assert "First: 1·2 0.90, 1·3 0.50, 2·1 0.50, 2·3 0.30, 2·2 0.20." in sentence
    assert "Head 2·1, alignment: alignment 0.50; entropy 0.70." in sentence


def test_one_plain_set_of_heads_needs_no_buttons():
    grid = HeadsGrid(Heads({"a": WEIGHTS[0, 0], "b": WEIGHTS[1, 1]}, ROWS, COLUMNS))
    assert list(grid.controls) == ["place"]
    assert grid.state()["order"] == ["a", "b"]
    assert "2 heads in the order of their layers" in grid.describe(grid._result)
    grid.set_state(place=2)
    np.testing.assert_allclose(grid.state()["weights"], WEIGHTS[1, 1])


# -- what is typed -------------------------------------------------------------------------------------


@pytest.fixture
def asked():
    return []


@pytest.fixture
def typed(asked):
    def look(text):
        asked.append(text)
        words = text.split()
        if "unknown" in words:
            raise UnknownWord("unknown", vocabulary_size=9, suggestions=["known"])
        if "bad" in words:
            raise ValueError("it holds the word bad.")
        size = len(words)
        return Heads(make_weights(L, H, size, size, seed=size), words, words, {"n": np.arange(6)})

    return HeadsGrid(look, sentence="the cat sees", sort="n")


def test_a_text_is_read_once(typed, asked):
    assert typed.state()["head_name"] == "2·3"
    typed.controls["sentence"].value = "a dog sees the cat"
    assert typed.state()["rows"] == ["a", "dog", "sees", "the", "cat"]
    np.testing.assert_allclose(typed.state()["weights"], make_weights(L, H, 5, 5, seed=5)[1, 2])
    typed.set_state(place=3, sentence="  the   cat sees ")
    assert typed.state()["rows"] == ["the", "cat", "sees"]
    assert asked == ["the cat sees", "a dog sees the cat"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Type a text, such as: the cat sees"),
        ("  ", "Type a text"),
        ("bad cat", "cannot be read: it holds the word bad."),
        ("unknown cat", "does not know “unknown”; did you mean “known”?"),
        ("cat " * 65, "at most 64 tokens a side, and this one has 65"),
    ],
)
def test_what_cannot_be_read_is_told(typed, text, words):
    before = typed.state()["weights"]
    typed.controls["sentence"].value = text
    assert words in typed.state()["problem"]
    assert words in html.unescape(message(typed))
    assert typed.state()["weights"] == before
    with pytest.raises(InputProblem, match=words[:12]):
        typed.set_state(sentence=text + " ")
    typed.controls["sentence"].value = "the cat sees"
    assert typed.state()["problem"] == ""


def test_many_texts_are_forgotten_in_turn(typed, asked):
    for number in range(1, 12):
        typed.set_state(sentence="w " * number)
    assert len(typed._read_before) <= 8
    typed.set_state(sentence="w " * 11)
    assert len(asked) == 12
    typed.set_state(sentence="w")
    assert len(asked) == 13


# -- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"place": 0}, "place goes from 1 to 6"),
        ({"place": 7}, "place goes from 1 to 6"),
        ({"sort": "length"}, "there is no score 'length'"),
        ({"model": "other"}, "there is no model 'other'"),
        ({"threshold": 1.2}, "threshold goes from 0 to 1"),
    ],
)
def test_values_out_of_range_leave_all_as_it_was(explorer, values, words):
    before = explorer.set_state(place=3, sort="alignment")
    with pytest.raises(ValueError, match=words):
        explorer.set_state(**values)
    after = explorer.state()
    assert after["head_name"] == before["head_name"]
    assert after["place"] == 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: HeadsGrid({}), "at least one model"),
        (lambda: HeadsGrid(make_heads(WEIGHTS[0])), r"\(L, H, T, S\)"),
        (lambda: HeadsGrid(make_heads(WEIGHTS[None])), "choose one text"),
        (lambda: HeadsGrid(make_heads({})), "at least one head"),
        (lambda: HeadsGrid(make_heads({"a": WEIGHTS[0, 0], "b": WEIGHTS[0, 0, 1:]})), "one shape"),
        (lambda: HeadsGrid(make_heads(row_labels=ROWS[1:])), "need as many labels"),
        (lambda: HeadsGrid(make_heads(WEIGHTS * 4)), "softmax"),
        (lambda: HeadsGrid(make_heads(scores={"a": [1, 2]})), "a has 2 numbers"),
        (lambda: HeadsGrid(make_heads(allowed=np.ones((4, 4)))), "allowed has shape"),
        (lambda: HeadsGrid(make_heads(kinds=lambda threshold: ["a"])), "kinds names 1 heads"),
        (lambda: HeadsGrid({"a": make_heads(), "b": make_heads(WEIGHTS[:1], scores={})}), "need 6 heads"),
    ],
)
def test_what_does_not_fit(make, words):
    with pytest.raises(ValueError, match=words):
        make()


# -- the models of lessons 15 to 17 --------------------------------------------------------------------


@pytest.fixture(scope="module")
def translated():
    """A small transformer's heads, and the source and target it read."""
    torch.manual_seed(0)
    net = Transformer(TransformerConfig(12, 14, width=16, heads=4, layers=2, inner=32))
    source, target = torch.randint(3, 12, (1, 6)), torch.randint(3, 14, (1, 5))
    with torch.no_grad():
        return net.head_weights(source, target), source[0].tolist(), target[0].tolist()


def test_the_three_attentions_of_the_transformer(translated):
    heads, source, target = translated
    causal = np.tri(5, dtype=bool)
    links = {(i, i) for i in range(5)}
    cross = score_heads(heads.cross[:, 0], {"alignment": partial(alignment_score, links=links)})
    own = {"previous": previous_token_score(heads.decoder[:, 0])}
    words = [f"w{token}" for token in source], [f"m{token}" for token in target]
    spread = {"entropy": mean_entropy(heads.encoder[:, 0])}
    grid = HeadsGrid(
        {
            "encoder": Heads(heads.encoder[:, 0], words[0], words[0], spread),
            "decoder": Heads(heads.decoder[:, 0], words[1], words[1], own, allowed=causal),
            "cross": Heads(heads.cross[:, 0], words[1], words[0], cross.mapping(), kinds=cross.kinds),
        }
    )  # fmt: skip
    names = [f"{layer}·{head}" for layer in (1, 2) for head in (1, 2, 3, 4)]
    for model, score, tables in (
        ("encoder", "entropy", heads.encoder),
        ("decoder", "previous", heads.decoder),
        ("cross", "alignment", heads.cross),
    ):
        weights = tables[:, 0].numpy()
        state = grid.set_state(model=model, sort=score, place=8)
        order = sorted(names, key=lambda name: -state_value(grid, model, score, name))
        check(grid, order=order, place=8, weights=weights, names=names)
        masked = [c for c in shown(grid).iter(f"{NS}rect") if c.get("data-masked")]
        assert bool(masked) == (model == "decoder")
        hatched = [(pixels == [0xB4, 0xBC, 0xC5]).all(axis=-1).any() for pixels in small_maps(grid).values()]
        assert hatched == [model == "decoder"] * 8
        assert len(state["kinds"]) == (8 if model == "cross" else 0)


def state_value(grid, model, score, name):
    found = grid._models[model]
    layer, head = map(int, name.split("·"))
    return float(np.asarray(found.scores[score])[layer - 1, head - 1])


def test_the_heads_of_a_gpt():
    torch.manual_seed(0)
    net = GPT(GPTConfig(20, context=16, width=16, layers=2, heads=2, dropout=0.0)).eval()
    tokens = torch.randperm(20)[:6].repeat(2)[None]
    with torch.no_grad():
        _, weights = net(tokens, return_attention=True)  # (L, B, H, T, T)
    causal = np.tri(12, dtype=bool)
    found = score_heads(
        weights[:, 0],
        {"induction": partial(induction_score, block=6), "previous": previous_token_score},
        allowed=causal,
    )
    words = [str(token) for token in tokens[0].tolist()]
    grid = HeadsGrid(
        Heads(weights[:, 0], words, words, found.mapping(), allowed=causal, kinds=found.kinds),
        sort="induction",
    )
    values = [
        np.mean([weights[layer, 0, head, t, t - 5].item() for t in range(6, 12)])
        for layer, head in np.ndindex(2, 2)
    ]
    names = ["1·1", "1·2", "2·1", "2·2"]
    order = [names[i] for i in np.argsort(-np.array(values), kind="stable")]
    state = check(grid, order=order, place=1, weights=weights[:, 0].numpy(), names=names)
    assert state["sorted_scores"] == pytest.approx(sorted(values, reverse=True))
    assert set(state["kinds"]) == {"mixed"}


@pytest.mark.slow
def test_the_72_heads_of_minilm():
    from course_utils.models.encoder import Encoder
    from course_utils.pretrained import load_minilm

    minilm = load_minilm()
    torch.manual_seed(0)
    untrained = type(minilm)(Encoder(minilm.model.config).eval(), minilm.pieces)

    def look_with(model):
        def look(text):
            pieces, weights = model.attention(text, max_pieces=64)
            found = score_heads(weights, {"previous": previous_token_score, "first": first_token_score})
            return Heads(weights, pieces, pieces, found.mapping(), kinds=found.kinds)

        return look

    grid = HeadsGrid(
        {"MiniLM": look_with(minilm), "untrained": look_with(untrained)},
        sentence="the dog bites the man",
        sort="previous",
    )
    state = grid.state()
    _, weights = minilm.attention("the dog bites the man")
    before = {
        f"{layer + 1}·{head + 1}": np.diagonal(weights[layer, head], offset=-1).mean()
        for layer, head in np.ndindex(6, 12)
    }
    assert state["order"] == sorted(before, key=lambda name: -before[name])
    assert state["sorted_scores"][0] == pytest.approx(max(before.values()), rel=1e-6)
    assert state["kinds"][0] == "previous"
    assert len(small_maps(grid)) == 72
    control = grid.set_state(model="untrained")
    assert control["sorted_scores"][0] < 0.5 < state["sorted_scores"][0]
    assert set(control["kinds"]) == {"mixed"}
    grid.set_state(sentence="my name is " + "very " * 12 + "long")
    assert len(grid._drawing) < 250_000


# -- heads in training ---------------------------------------------------------------------------------


def test_the_training_scrubber_shows_heads_by_two_scores():
    """Frames (F, N, 2) of two scores are taken as they are, with named axes and a common scale."""
    from course_utils.explorers.training_scrubber import TrainingScrubber

    frames = np.random.default_rng(0).uniform(0.2, 0.8, size=(5, 8, 2)).round(3)
    names = [f"{layer}·{head}" for layer in (1, 2) for head in (1, 2, 3, 4)]
    scrubber = TrainingScrubber(
        frames, steps=[0, 10, 50, 200, 900], labels=names, losses=[6.0, 4.0, 2.0, 1.0, 0.5],
        groups=[0] * 4 + [1] * 4, group_names=("layer 1", "layer 2"),
        words="2·3", x_label="weight on the gold links", y_label="weight on the previous token",
        ticks=(0, 0.5, 1, 7),
    )  # fmt: skip
    for frame in (0, 2, 4):
        state = scrubber.set_state(step=frame, trails=True)
        np.testing.assert_array_equal(state["points"], frames[frame])
        assert state["selected"] == ["2·3"]
        written = [node.text for node in shown(scrubber).iter(f"{NS}text")]
        assert "weight on the gold links" in written
        assert any("weight on the previous token" in (text or "") for text in written)
        assert [written.count(number) for number in ("0", "0.5", "1", "7")] == [0, 2, 0, 0]
    assert scrubber.set_state(find="1·*")["selected"] == names[:4]
