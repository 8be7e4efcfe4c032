"""TrainingScrubber against scikit-learn's PCA and plain loops, and against everything a reader may type."""

import math

import numpy as np
import pytest
from map_parts import (
    LABELS,
    NS,
    assert_drawn_to_scale,
    drawn_places,
    highlighted,
    labels_beside_points,
    message,
    numbers,
    shown,
)
from sklearn.decomposition import PCA

from course_utils.explorers.base import InputProblem
from course_utils.explorers.training_scrubber import TrainingScrubber, find_labels

STEPS = [0, 10, 200, 3000]
LOSSES = [4.0, 3.25, 2.5, 1.125]


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, len(LABELS), 6)).cumsum(axis=0)


@pytest.fixture
def explorer(frames):
    return TrainingScrubber(frames, steps=STEPS, labels=LABELS, losses=LOSSES)


# -- numbers ---------------------------------------------------------------------------------------


def test_points_are_those_of_scikit_learns_pca_of_the_last_frame(explorer, frames):
    fitted = PCA(n_components=2).fit(frames[-1])
    films = np.stack([explorer.set_state(step=step)["points"] for step in range(4)])
    expected = np.stack([fitted.transform(frame) for frame in frames])
    signs = np.sign((films[-1] * expected[-1]).sum(axis=0))
    np.testing.assert_allclose(films * signs, expected, atol=1e-9)


def test_frames_on_a_plane_are_left_as_they_are(frames):
    heads = [f"{layer}.{head}" for layer in range(3) for head in range(4)]
    explorer = TrainingScrubber(
        frames[:, :, :2], steps=STEPS, labels=heads, words="2.*", x_label="induction", y_label="copying"
    )
    for step in range(4):
        np.testing.assert_array_equal(explorer.set_state(step=step)["points"], frames[step, :, :2])
    assert explorer.state()["selected"] == ["2.0", "2.1", "2.2", "2.3"]
    assert explorer.set_state(find="2.3")["selected"] == ["2.3"]
    assert explorer.state()["loss"] is None
    assert "loss" not in explorer.widget.children[-1].value
    assert {"induction", "copying"} <= {text.text for text in shown(explorer).iter(f"{NS}text")}


@pytest.mark.parametrize("step", [0, 1, 3])
def test_step_loss_and_distance(explorer, step):
    first = explorer.set_state(step=0)["points"]
    state = explorer.set_state(step=step)
    assert (state["training_step"], state["loss"]) == (STEPS[step], LOSSES[step])
    ways = [math.dist(a, b) for a, b in zip(first, state["points"], strict=True)]
    assert state["moved"] == pytest.approx(sum(ways) / len(ways))
    assert (state["moved"] == 0) == (step == 0)
    html = explorer.widget.children[-1].value
    assert f"After {STEPS[step]:,} steps the loss is {LOSSES[step]:.3f}" in html
    assert f"points lie {state['moved']:.3f} from" in html
    assert shown(explorer).get("data-step") == str(STEPS[step])


@pytest.mark.parametrize("step", [-1, 4, "x", None])
def test_steps_that_do_not_exist_are_refused(explorer, step):
    before = explorer.set_state(step=2)
    with pytest.raises(ValueError):
        explorer.set_state(step=step)
    after = explorer.state()
    assert after["step"] == before["step"] == 2
    np.testing.assert_array_equal(after["points"], before["points"])


def test_it_opens_on_the_last_frame(explorer):
    assert explorer.controls["step"].max == explorer.state()["step"] == 3


# -- picture ---------------------------------------------------------------------------------------


def test_the_ground_stays_the_same_from_frame_to_frame(explorer):
    coordinates, pixels = [], []
    for step in range(4):
        coordinates += list(explorer.set_state(step=step)["points"])
        found = drawn_places(explorer)
        assert_drawn_to_scale(explorer, explorer.state()["points"], LABELS)
        pixels += [found[label] for label in LABELS]
    moves, ways = np.array(pixels) - pixels[0], np.array(coordinates) - coordinates[0]
    factor = np.abs(moves).max() / np.abs(ways).max()  # one for all frames
    np.testing.assert_allclose(moves, ways * factor * [1, -1], atol=0.3)
    assert np.min(pixels) >= 0
    assert np.max(pixels, axis=0)[0] <= 640


def test_found_words_are_large_and_named(explorer):
    state = explorer.set_state(find="sea*, LAW")
    assert state["selected"] == ["sea", "seal", "law"]
    assert highlighted(explorer) == {"sea", "seal", "law"} <= labels_beside_points(explorer)
    assert "Found: sea, seal, law." in explorer.widget.children[-1].value
    explorer.set_state(find="")
    assert highlighted(explorer) == set()


def test_trails_lead_through_all_frames_so_far(explorer):
    explorer.set_state(find="sea law", step=0)
    places = {0: drawn_places(explorer)}
    for step in range(1, 4):
        explorer.set_state(step=step)
        places[step] = drawn_places(explorer)
    assert list(shown(explorer).iter(f"{NS}polyline")) == []
    for step in (0, 2, 3):
        explorer.set_state(trails=True, step=step)
        ways = [numbers(line.get("points")) for line in shown(explorer).iter(f"{NS}polyline")]
        expected = [[places[s][word] for s in range(step + 1)] for word in ("sea", "law")]
        np.testing.assert_allclose(ways, np.reshape(expected, (2, -1)), atol=0.11)


def test_groups_and_legend(frames):
    explorer = TrainingScrubber(
        frames, steps=STEPS, labels=LABELS, groups=[0, 1, -1] * 4, group_names=("water", "law")
    )
    fills = {path.get("fill") for path in shown(explorer).iter(f"{NS}g")}
    assert len(fills) == 3
    assert {"water", "law"} <= {text.text for text in shown(explorer).iter(f"{NS}text")}


def test_many_found_words_are_counted_in_the_sentence(explorer):
    explorer.set_state(find=",".join(LABELS))
    assert "and 4 more." in explorer.widget.children[-1].value
    assert highlighted(explorer) == set(LABELS)


@pytest.mark.parametrize(("n", "d"), [(1, 5), (2, 5), (1, 2), (5, 3)])
def test_few_points_and_a_single_frame(n, d):
    frames = np.random.default_rng(1).normal(size=(1, n, d))
    explorer = TrainingScrubber(frames, steps=[7], labels=LABELS[:n])
    assert explorer.state()["points"].shape == (n, 2)
    assert explorer.state()["moved"] == 0
    assert len(drawn_places(explorer)) == n


# -- what is typed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" , ,, ", []),
        ("sea", [0]),
        ("SEA", [0]),
        ("ocean", [2]),
        ("sea*", [0, 1]),
        ("law,sea", [0, 6]),
        ("law sea  law", [0, 6]),
        ("cold water", [8]),
        ("tea, cold water, cup", [7, 8, 9]),
        ("cold*", [8]),
        ("2.4", [10]),
        ("\tsea\n", [0]),
    ],
)
def test_labels_are_found(text, found):
    assert find_labels(text, labels=LABELS) == found


UNUSABLE = [
    ("zebra", "zebra"),
    ("sea zebra, gnu", "zebra, gnu"),
    ("zebra*", "zebra*"),
    ("*", "Not on this map: *"),
    ("<img src=x onerror=alert(1)>", "Not on this map"),
    ("👩‍🔬", "👩‍🔬"),
    ("שלום", "שלום"),
    ("مرحبا", "مرحبا"),
    ("\u202egnorts\x00", "Not on this map"),
    ("y" * 1_000, "…"),
    (" ".join(f"w{i}" for i in range(300)), "w0, w1, w2, w3, w4. "),
]


@pytest.mark.parametrize(("text", "says"), UNUSABLE)
def test_labels_that_are_not_there(text, says):
    with pytest.raises(InputProblem) as caught:
        find_labels(text, labels=LABELS)
    assert says in str(caught.value)
    assert "sea, seal, Ocean" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("text", "says"), [*UNUSABLE, ("x" * 10_000, "10,000 characters")])
def test_unusable_text_gets_a_sentence_and_nothing_is_lost(explorer, text, says):
    explorer.set_state(find="law", step=1)
    before, picture = explorer.state(), drawn_places(explorer)
    explorer.controls["find"].value = text
    state = explorer.state()
    assert says in state["problem"]
    assert state["selected"] == before["selected"] == ["law"]
    assert drawn_places(explorer) == picture
    assert "<img" not in message(explorer)
    explorer.controls["find"].value = "sea"
    assert (explorer.state()["problem"], explorer.state()["selected"]) == ("", ["sea"])


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"frames": np.zeros((4, 12))}, r"shape \(F, N, D\)"),
        ({"frames": np.zeros((0, 12, 3))}, r"shape \(F, N, D\)"),
        ({"frames": np.zeros((4, 12, 1))}, "D of 2 or more"),
        ({"frames": np.full((4, 12, 3), np.nan)}, "NaN or infinity"),
        ({"frames": np.full((4, 12, 3), np.inf)}, "NaN or infinity"),
        ({"labels": LABELS[:5]}, "as many labels, not 5"),
        ({"steps": STEPS[:3]}, "4 frames; give one step"),
        ({"losses": LOSSES[:3]}, "4 frames; give one step"),
        ({"groups": [0]}, "12 whole numbers"),
        ({"groups": [8] * 12}, "from -1 to 7"),
        ({"words": "zebra"}, "Not on this map: zebra"),
    ],
)
def test_what_does_not_fit_is_refused(frames, options, says):
    given = {"frames": frames, "steps": STEPS, "labels": LABELS, **options}
    with pytest.raises(ValueError, match=says):
        TrainingScrubber(given.pop("frames"), **given)
