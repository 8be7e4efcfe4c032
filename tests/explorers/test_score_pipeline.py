"""ScorePipeline against plain numpy and scipy at each control, and against MiniLM's own attention."""

import math
import re

import numpy as np
import pytest
from map_parts import NS, message, shown
from scipy.special import softmax as scipy_softmax
from scipy.stats import entropy as scipy_entropy

from course_utils.explorers.score_pipeline import MOST_KEYS, ScorePipeline, entropy_nats, softmax

WORDS = ["the", "old", "cat", "drinks", "milk"]
FRENCH = ["le", "vieux", "chat", "boit"]
CAUSAL = np.tril(np.ones((5, 5), dtype=bool))


def make_heads(rows=5, columns=5, *, width=8, values=3, names=("first", "second"), size=1.5):
    rng = np.random.default_rng(rows * 100 + columns)
    return {
        name: tuple(
            size * rng.normal(size=shape) for shape in ((rows, width), (columns, width), (columns, values))
        )
        for name in names
    }


def make(heads=None, *, rows=WORDS, columns=WORDS, mask=CAUSAL, **rest):
    return ScorePipeline(heads or make_heads(), row_labels=rows, col_labels=columns, mask=mask, **rest)


def cells(explorer, stage):
    """The numbers of one stage in the picture, in order."""
    name = "place" if stage == "mix" else "key"
    found = [node for node in shown(explorer).iter(f"{NS}rect") if node.get("data-stage") == stage]
    assert [int(node.get(f"data-{name}")) for node in found] == list(range(len(found)))
    return [float(node.get("data-value")) for node in found]


def expected(heads, mask, *, head, query, scale, masked):
    """All stages, worked out with loops and scipy."""
    q, k, v = heads[head]
    dots = np.array([sum(a * b for a, b in zip(q[query], key, strict=True)) for key in k])
    scaled = dots / math.sqrt(q.shape[1]) if scale else dots
    allowed = np.broadcast_to(mask, (len(q), len(k)))[query] if masked else np.ones(len(k), dtype=bool)
    weights = np.zeros(len(k))
    weights[allowed] = scipy_softmax(scaled[allowed])
    mix = sum(weight * value for weight, value in zip(weights, v, strict=True))
    return dots, scaled, np.where(allowed, scaled, -np.inf), weights, mix


def check(explorer, heads, mask, **setting):
    """State and picture against the numbers worked out here."""
    dots, scaled, masked, weights, mix = expected(heads, mask, **setting)
    state = explorer.state()
    names = ("dot_products", "scaled_scores", "masked_scores", "weights", "mix")
    for name, numbers in zip(names, (dots, scaled, masked, weights, mix), strict=True):
        np.testing.assert_allclose(state[name], numbers, atol=1e-12)
    for stage, numbers in (("dot", dots), ("scale", scaled), ("mask", masked), ("softmax", weights)):
        np.testing.assert_allclose(cells(explorer, stage), numbers, atol=1e-8)
    np.testing.assert_allclose(cells(explorer, "mix"), mix[:16], atol=1e-8)
    lengths = [np.linalg.norm(w * v) for w, v in zip(weights, heads[setting["head"]][2], strict=True)]
    np.testing.assert_allclose(cells(explorer, "share"), lengths, atol=1e-8)
    assert state["winner_place"] == int(weights.argmax())
    assert state["winner_weight"] == pytest.approx(weights.max())
    assert state["entropy_nats"] == pytest.approx(scipy_entropy(weights), abs=1e-12)
    assert float(shown(explorer).get("data-entropy")) == pytest.approx(scipy_entropy(weights), abs=1e-8)
    assert state["problem"] == ""


@pytest.mark.parametrize("query", [0, 3, 4])
@pytest.mark.parametrize("head", ["first", "second"])
@pytest.mark.parametrize(("scale", "masked"), [(True, True), (True, False), (False, True), (False, False)])
def test_every_stage_equals_plain_numbers(query, head, scale, masked):
    heads = make_heads()
    explorer = make(heads)
    explorer.set_state(query=query, head=head, scale=scale, mask=masked)
    check(explorer, heads, CAUSAL, head=head, query=query, scale=scale, masked=masked)
    root = shown(explorer)
    assert [root.get(f"data-{key}") for key in ("head", "query", "scaled", "masked")] == [
        head, str(query), str(int(scale)), str(int(masked)),
    ]  # fmt: skip


def test_controls_moved_one_by_one_do_the_same():
    heads = make_heads()
    explorer = make(heads)
    now = {"head": "first", "query": 0, "scale": True, "mask": True}
    for key, value in [
        ("query", 4),
        ("head", "second"),
        ("mask", False),
        ("scale", False),
        ("query", 0),
        ("mask", True),
    ]:
        explorer.controls[key].value = value
        now[key] = value
        check(
            explorer,
            heads,
            CAUSAL,
            **{**{k: v for k, v in now.items() if k != "mask"}, "masked": now["mask"]},
        )


def test_the_first_control_is_the_query_slider_over_all_queries():
    explorer = make()
    assert list(explorer.controls) == ["query", "head", "scale", "mask"]
    assert [value for _, value in explorer.controls["query"].options] == [0, 1, 2, 3, 4]
    assert [text for text, _ in explorer.controls["query"].options][2] == "3 · cat"
    assert make(head="second", query=3).state()["query_label"] == "drinks"


@pytest.mark.parametrize("mask", [np.array([True, False, True, True]), np.array([[True, True, True, False]])])
def test_cross_attention_with_padding(mask):
    heads = make_heads(3, 4, width=5, values=20)
    explorer = make(heads, rows=WORDS[:3], columns=FRENCH, mask=mask)
    explorer.set_state(query=2)
    check(explorer, heads, mask, head="first", query=2, scale=True, masked=True)
    assert len(explorer.state()["mix"]) == 20
    assert len(cells(explorer, "mix")) == 16
    assert "16 of 20 numbers" in texts(explorer)


def texts(explorer):
    return " ".join("".join(node.itertext()) for node in shown(explorer).iter(f"{NS}text"))


def test_without_a_mask_there_is_no_switch_for_it():
    heads = make_heads()
    explorer = make(heads, mask=None)
    assert "mask" not in explorer.controls
    check(explorer, heads, CAUSAL, head="first", query=0, scale=True, masked=False)
    assert list(explorer.state()["variants"]) == ["scaled", "not scaled"]
    assert explorer.state()["setting"] == "scaled"
    with pytest.raises(ValueError, match="No control named mask"):
        explorer.set_state(mask=True)


def test_what_switching_a_stage_off_changes_is_shown():
    heads = make_heads()
    explorer = make(heads)
    explorer.set_state(query=2, scale=False)
    variants = explorer.state()["variants"]
    assert list(variants) == ["scaled and masked", "only scaled", "only masked", "neither"]
    bars = [node for node in shown(explorer).iter(f"{NS}rect") if node.get("data-label") in variants]
    assert [node.get("data-label") for node in bars] == list(variants)
    for bar, one in zip(bars, variants.values(), strict=True):
        setting = {"head": "first", "query": 2, "scale": one["scale"], "masked": one["mask"]}
        weights = expected(heads, CAUSAL, **setting)[3]
        assert one["entropy_nats"] == pytest.approx(scipy_entropy(weights), abs=1e-12)
        assert one["winner"] == WORDS[int(weights.argmax())]
        assert float(bar.get("data-value")) == pytest.approx(scipy_entropy(weights), abs=1e-8)
        sentence = explorer.describe(explorer._result)
        assert f"{weights.max():.3f}" in sentence
        assert f"{scipy_entropy(weights):.3f}" in sentence
    assert explorer.state()["setting"] == "only masked"
    widths = [float(node.get("width")) for node in bars]
    shares = [one["entropy_nats"] / math.log(5) for one in variants.values()]
    np.testing.assert_allclose(widths, np.array(shares) * 340, atol=0.06)  # the scale is 0 to ln S, always


def test_masked_cells_are_hatched_and_get_nothing():
    explorer = make()
    explorer.set_state(query=1)
    assert explorer.state()["weights"][2:] == [0, 0, 0]
    hatches = [node for node in shown(explorer).iter(f"{NS}path") if "M" in node.get("d")]
    assert len(hatches) == 2 * 3
    closed = [
        node.find(f"{NS}title").text
        for node in shown(explorer).iter(f"{NS}rect")
        if node.get("data-stage") in ("mask", "softmax") and node.get("data-key") in "234"
    ]
    assert len(closed) == 6
    assert all("masked" in text for text in closed)
    explorer.set_state(mask=False)
    assert not list(shown(explorer).iter(f"{NS}path"))


def test_colours_diverge_for_scores_and_run_from_0_to_1_for_weights():
    heads = {"h": (np.array([[1.0], [4.0]]), np.array([[2.0], [-2.0], [0.0]]), np.zeros((3, 1)))}
    explorer = make(heads, rows=["a", "b"], columns=["x", "y", "z"], mask=None)
    explorer.set_state(query=1)

    def fills(stage):
        return [n.get("fill") for n in shown(explorer).iter(f"{NS}rect") if n.get("data-stage") == stage]

    assert fills("dot") == ["#004488", "#b35806", "#ffffff"]  # 8, -8, 0 of at most 8
    assert fills("softmax") == ["#08306b", "#ffffff", "#ffffff"]
    explorer.set_state(query=0)
    assert fills("dot")[0] == "#bfd0e1"  # 2 of 8: the scale is the head's, not the query's


def test_huge_scores_stay_finite():
    heads = {"h": (np.array([[1e150]]), np.array([[1e150], [-1e150]]), np.eye(2))}
    explorer = make(heads, rows=["a"], columns=["x", "y"], mask=None)
    state = explorer.set_state(scale=False)
    assert state["weights"] == [1.0, 0.0]
    assert state["entropy_nats"] == 0.0


def test_the_least_that_can_be_shown():
    heads = {"h": (np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((1, 1)))}
    state = make(heads, rows=["a"], columns=["x"], mask=np.array([[True]])).state()
    assert (state["weights"], state["entropy_nats"], state["winner"]) == ([1.0], 0.0, "x")


def test_the_most_keys_that_fit():
    columns = [f"word {i}" for i in range(MOST_KEYS)]
    explorer = make(make_heads(1, MOST_KEYS, width=64, values=64), rows=["a"], columns=columns, mask=None)
    assert len(cells(explorer, "softmax")) == MOST_KEYS
    assert len(explorer.widget.children[-1].value) < 120_000


def test_the_first_of_equal_winners_is_named():
    heads = {"h": (np.zeros((1, 2)), np.zeros((3, 2)), np.eye(3))}
    state = make(heads, rows=["a"], columns=["x", "y", "z"], mask=None).state()
    assert (state["winner"], state["winner_place"]) == ("x", 0)
    assert state["entropy_nats"] == pytest.approx(math.log(3))


AWKWARD = ["<img src=x onerror=alert(1)>", "\"q\" & 'a'", "שלום", "👩‍🔬", "the the", "x" * 500]


@pytest.mark.parametrize("text", AWKWARD)
def test_labels_are_text(text):
    explorer = make(make_heads(2, 2, names=(text,)), rows=[text, text], columns=[text, text], mask=None)
    explorer.set_state(query=1)
    html = explorer.widget.children[-1].value
    assert "<img" not in html
    assert shown(explorer).get("data-head") == text
    assert shown(explorer).get("data-query") == "1"
    tags = {node.tag.removeprefix(NS) for node in shown(explorer).iter()}
    assert tags <= {"svg", "g", "rect", "text", "title", "line", "path"}


def test_text_says_what_the_picture_says():
    explorer = make()
    explorer.set_state(query=3)
    sentence = explorer.describe(explorer._result)
    assert shown(explorer).get("aria-label") == sentence
    assert "The mask closes 1 of 5 keys." in sentence
    assert "Scaled by 1/√8." in sentence
    explorer.set_state(scale=False, mask=False)
    sentence = explorer.describe(explorer._result)
    assert "Not scaled." in sentence
    assert "Nothing is masked." in sentence


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"query": 5}, "query goes from 0 to 4"),
        ({"query": -1}, "query goes from 0 to 4"),
        ({"head": "third"}, "there are first, second"),
        ({"heads": 1}, "No control named heads"),
    ],
)
def test_values_that_do_not_exist_are_refused(values, says):
    explorer = make()
    before = explorer.state()
    with pytest.raises(ValueError, match=says):
        explorer.set_state(**values)
    assert repr(explorer.state()) == repr({**before, "problem": explorer.state()["problem"]})


A, B = np.zeros((5, 2)), np.zeros((4, 2))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"heads": {}}, "at least one head"),
        ({"rows": []}, "one row label"),
        ({"columns": []}, "one column label"),
        ({"columns": ["x"] * 49}, "49 keys do not fit"),
        ({"heads": {"h": (A, A)}}, "not 2 arrays"),
        ({"heads": {"h": (B, A, A)}}, r"queries \(4, 2\)"),
        ({"heads": {"h": (A, A, B)}}, r"values \(4, 2\)"),
        ({"heads": {"h": (A, np.zeros((5, 3)), A)}}, r"keys \(5, 3\)"),
        ({"heads": {"h": (A[0], A, A)}}, "need"),
        ({"heads": {"h": (A, A, np.full((5, 2), np.nan))}}, "NaN or infinity"),
        ({"heads": {"h": (A + 1e200, A + 1e200, A)}}, "too large"),
        ({"mask": CAUSAL.astype(int)}, "a mask is boolean"),
        ({"mask": np.ones((3, 5), dtype=bool)}, r"shape \(3, 5\) does not fit \(5, 5\)"),
        ({"mask": np.triu(np.ones((5, 5), dtype=bool), 1)}, "leaves query 4 no key"),
    ],
)
def test_what_does_not_fit_is_refused(change, says):
    settings = {"heads": make_heads(), "rows": WORDS, "columns": WORDS, "mask": None, **change}
    with pytest.raises(ValueError, match=says):
        ScorePipeline(
            settings["heads"],
            row_labels=settings["rows"],
            col_labels=settings["columns"],
            mask=settings["mask"],
        )


def test_softmax_and_entropy_equal_scipy_row_by_row():
    scores = np.random.default_rng(1).normal(size=(7, 11)) * 5
    scores[0, 3:] = -np.inf
    np.testing.assert_allclose(softmax(scores), scipy_softmax(scores, axis=-1), atol=1e-15)
    np.testing.assert_allclose(
        entropy_nats(softmax(scores)), scipy_entropy(softmax(scores), axis=-1), atol=1e-12
    )


def test_static_picture_and_no_problem_line():
    explorer = make()
    assert explorer.picture().png()[:8] == b"\x89PNG\r\n\x1a\n"
    assert re.search(r'role="alert"[^>]*></div>', message(explorer) + "</div>")


@pytest.mark.slow
def test_minilm_heads_give_the_models_own_attention():
    """Twelve real heads side by side, each mixed here, make up what the model's attention returns."""
    import torch

    from course_utils.pretrained import load_minilm

    minilm = load_minilm()
    (cut,) = minilm.pieces.cut(["The old captain saw the boat and waved to him."])
    with torch.inference_mode():
        layers, weights = minilm.model.layers(torch.tensor([cut.ids]))
        x, attention = layers[2], minilm.model.blocks[2].attention
        parts = [
            one(x)[0].unflatten(-1, (attention.heads, -1)).transpose(0, 1).numpy()  # (H, T, D)
            for one in (attention.query, attention.key, attention.value)
        ]
        whole = attention(x, x)[0][0].numpy()  # (T, C)
        matrix, bias = attention.output.weight.numpy(), attention.output.bias.numpy()
    heads = {f"head {i + 1}": tuple(part[i] for part in parts) for i in range(attention.heads)}
    explorer = ScorePipeline(heads, row_labels=cut.pieces, col_labels=cut.pieces)
    for query in (0, 3, len(cut.pieces) - 1):
        mixes = []
        for i, head in enumerate(heads):
            state = explorer.set_state(query=query, head=head)
            np.testing.assert_allclose(state["weights"], weights[2, 0, i, query].numpy(), atol=1e-5)
            mixes.append(state["mix"])
        np.testing.assert_allclose(matrix @ np.concatenate(mixes) + bias, whole[query], atol=1e-5)
