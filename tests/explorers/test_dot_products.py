"""DotProductBench against scipy on numbers drawn here, at the ends of every slider."""

import json
import math

import numpy as np
import pytest
from map_parts import NS, shown
from scipy.special import softmax
from scipy.stats import entropy, norm

from course_utils.explorers.dot_products import BINS, MOST_KEYS, QUERIES, DotProductBench

WIDTHS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
START = {"width": 64, "keys": 16, "spread": 1.0, "seed": 0}


@pytest.fixture(scope="module")
def bench():
    return DotProductBench()


@pytest.fixture
def explorer(bench):
    bench.set_state(**START)
    return bench


def draw(seed, *, most=1024):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((QUERIES, most)), rng.standard_normal((MOST_KEYS, most))


def scores_of(width, keys, *, seed, spread, most=1024):
    q, k = draw(seed, most=most)
    return np.einsum("qd,kd->qk", spread * q[:, :width], spread * k[:keys, :width])


def marks(explorer, series):
    """The points of one curve: width → entropy."""
    found = [n for n in shown(explorer).iter() if n.get("data-series") == series and n.get("data-name")]
    return {int(node.get("data-name")): float(node.get("data-value")) for node in found}


def check(explorer, *, width, keys, spread, seed, widths=WIDTHS):
    scores = scores_of(width, keys, seed=seed, spread=spread, most=widths[-1])
    state = explorer.state()
    np.testing.assert_allclose(state["scores"], scores, rtol=1e-9, atol=1e-9)
    assert state["drawn_std"] == pytest.approx(scores.std())
    assert state["theory_std"] == pytest.approx(math.sqrt(width) * spread**2)
    for series, name, divide in (("with 1/√d", "scaled", True), ("without", "unscaled", False)):
        mine = {}
        for d in widths:
            all_scores = scores_of(d, keys, seed=seed, spread=spread, most=widths[-1])
            weights = softmax(all_scores / (math.sqrt(d) if divide else 1), axis=1)
            mine[d] = entropy(weights, axis=1).mean()
            if d == width:
                np.testing.assert_allclose(state[f"weights_{name}"], weights[0], atol=1e-9)
                assert state[f"largest_{name}"] == pytest.approx(weights.max(axis=1).mean(), abs=1e-9)
        np.testing.assert_allclose(state[f"entropies_{name}"], list(mine.values()), atol=1e-9)
        assert state[f"entropy_{name}"] == pytest.approx(mine[width], abs=1e-9)
        drawn = marks(explorer, series)
        assert list(drawn) == list(widths)
        np.testing.assert_allclose(list(drawn.values()), list(mine.values()), atol=1e-8)
    assert state["most_entropy"] == pytest.approx(math.log(keys))
    root = shown(explorer)
    assert [root.get(f"data-{key}") for key in ("width", "keys", "seed")] == [
        str(width),
        str(keys),
        str(seed),
    ]
    assert float(root.get("data-spread")) == spread
    assert state["problem"] == ""


@pytest.mark.parametrize(
    "moved",
    [
        {}, {"width": 4}, {"width": 1024}, {"width": 128}, {"keys": 2}, {"keys": 128}, {"keys": 33},
        {"spread": 0.25}, {"spread": 2.0}, {"spread": 0.75}, {"seed": 99}, {"seed": 1},
        {"width": 1024, "keys": 128, "spread": 2.0, "seed": 17}, {"width": 4, "keys": 2, "spread": 0.25},
    ],
)  # fmt: skip
def test_every_slider_at_its_ends_and_between(explorer, moved):
    for key, value in moved.items():
        explorer.controls[key].value = value
    check(explorer, **{**START, **moved})


def test_the_state_has_a_json_form(explorer):
    for state in (explorer.state(), explorer.set_state(width=8, keys=3, spread=0.5, seed=7)):
        assert json.loads(json.dumps(state)) == state


def test_sliders_have_these_ends(explorer):
    assert explorer.controls["width"].options == WIDTHS
    ends = {key: (c.min, c.max) for key, c in explorer.controls.items() if key != "width"}
    assert ends == {"keys": (2, 128), "spread": (0.25, 2.0), "seed": (0, 99)}
    assert next(iter(explorer.controls)) == "width"


def test_scores_spread_with_the_root_of_the_width_and_scaling_undoes_it(explorer):
    stds, entropies = [], []
    for width in WIDTHS:
        state = explorer.set_state(width=width, keys=128)
        stds.append(state["drawn_std"] / state["theory_std"])
        entropies.append((state["entropy_scaled"], state["entropy_unscaled"]))
    np.testing.assert_allclose(stds, 1, atol=0.1)
    scaled, unscaled = np.transpose(entropies)
    assert np.ptp(scaled) < 0.1
    assert (np.diff(unscaled) < 0).all()
    assert unscaled[-1] < 0.2 < 4 < scaled[-1]


def test_a_narrow_vector_is_the_beginning_of_the_wide_one(explorer):
    narrow = np.array(explorer.set_state(width=4)["scores"])
    wide = np.array(explorer.set_state(width=8)["scores"])
    q, k = draw(0)
    np.testing.assert_allclose(wide - narrow, q[:, 4:8] @ k[:16, 4:8].T, atol=1e-12)


def test_own_generator_and_no_global_state(explorer):
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = explorer.set_state(seed=3)["scores"]
    explorer.set_state(seed=4)
    np.testing.assert_array_equal(explorer.set_state(seed=3)["scores"], first)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert not np.array_equal(explorer.set_state(seed=4)["scores"], first)


@pytest.mark.parametrize("width", [4, 1024])
def test_bars_are_the_drawn_scores_over_the_expected_peak(explorer, width):
    state = explorer.set_state(width=width, keys=128)
    bars = [node for node in shown(explorer).iter(f"{NS}rect") if "data-bin" in node.attrib]
    std = math.sqrt(width)
    edges = np.linspace(-4 * std, 4 * std, BINS + 1)
    scores = np.array(state["scores"])
    counts = np.array([((scores >= a) & (scores < b)).sum() for a, b in zip(edges, edges[1:], strict=False)])
    expected = counts / (scores.size * 8 * std / BINS * norm.pdf(0, scale=std))
    np.testing.assert_allclose([float(node.get("data-value")) for node in bars], expected, atol=1e-8)
    np.testing.assert_allclose(
        [float(n.get("data-bin")) for n in bars], (edges[1:] + edges[:-1]) / 2, atol=1e-6
    )
    curves = [n.get("data-curve") for n in shown(explorer).iter(f"{NS}polyline") if n.get("data-curve")]
    assert curves == [f"theory: N(0, {width})", "after 1/√d: N(0, 1), not to scale"]


@pytest.mark.parametrize("keys", [2, 16])
def test_the_largest_weights_of_the_first_query_are_drawn(explorer, keys):
    state = explorer.set_state(keys=keys)
    order = np.argsort(-np.array(state["weights_unscaled"]))[:8]
    for series, name in (("with 1/√d", "scaled"), ("without", "unscaled")):
        bars = [
            n
            for n in shown(explorer).iter(f"{NS}rect")
            if n.get("data-series") == series and n.get("data-label")
        ]
        assert [node.get("data-label") for node in bars] == [f"key {i + 1}" for i in order]
        weights = np.array(state[f"weights_{name}"])[order]
        np.testing.assert_allclose([float(node.get("data-value")) for node in bars], weights, atol=1e-9)


def test_text_says_what_the_picture_says(explorer):
    state = explorer.state()
    sentence = explorer.describe(explorer._result)
    assert shown(explorer).get("aria-label") == sentence
    for name in ("entropy_scaled", "entropy_unscaled", "largest_scaled", "largest_unscaled", "most_entropy"):
        assert f"{state[name]:.3f}" in sentence
    assert f"{state['drawn_std']:.2f}" in sentence


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"width": 5}, "width is one of 4, 8"),
        ({"keys": 1}, "keys go from 2 to 128"),
        ({"keys": 129}, "keys go from 2 to 128"),
        ({"seed": -1}, "seed from 0 to 99"),
        ({"seed": 100}, "seed from 0 to 99"),
        ({"spread": 0.0}, "spread from 0.25"),
        ({"spread": float("nan")}, "spread from 0.25"),
    ],
)
def test_values_beyond_the_sliders_are_refused(explorer, values, says):
    with pytest.raises(ValueError, match=says):
        explorer.set_state(**values)
    check(explorer, **START)


@pytest.mark.parametrize("widths", [(1,), (3, 5, 4096)])
def test_other_widths(widths):
    explorer = DotProductBench(widths=widths, seed=2)
    chosen = widths[len(widths) // 2]
    check(explorer, width=chosen, keys=16, spread=1.0, seed=2, widths=widths)


@pytest.mark.parametrize("widths", [(), (4, 2), (4, 4), (0, 4), (4, 5000), (2.5, 4)])
def test_widths_that_cannot_be_are_refused(widths):
    with pytest.raises(ValueError, match="whole numbers from 1 to 4096, rising"):
        DotProductBench(widths=widths)


def test_static_picture(explorer):
    assert explorer.picture().png()[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(explorer.widget.children[-1].value) < 60_000
