"""The four explorers of maps: each control moved by keys, every number against one computed here."""

import numpy as np
import pytest
from checks import check_bar_texts
from explorer_view import ExplorerView
from map_scratch import GROUP_NAMES, GROUPS, HARMFUL, LIVE, LOSSES, METHODS, STEPS, WORDS, Maps
from map_view import MapView, assert_same_map
from test_explorer_input import UNUSABLE, assert_nothing_injected
from test_explorer_page import CUT, FOCUSED

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("maps")]
GREY = "#8c959f"
AWKWARD = (HARMFUL, "שלום", "🌊", "new york")
VARIABLES = {
    "scrubber": "training_scrubber",
    "projection": "projection_explorer",
    "truth": "neighbour_truth",
    "analogy": "analogy_explorer",
}
START = {
    "scrubber": {"step": 4, "find": "ant0, dog8", "trails": False},
    "projection": {
        "vectors": "words", "method": "t-SNE", "perplexity": 15, "n_neighbors": 15, "min_dist": 0.1,
        "seed": 0, "find": "", "across": [0.0, 1.0], "up": [0.0, 1.0],
    },
    "truth": {"word": "cat0", "method": "t-SNE", "seed": 0, "k": 10},
    "analogy": {"a": "ant0", "b": "bee0", "c": "cat0", "leave_out": True, "k": 8},
}  # fmt: skip


@pytest.fixture(scope="module")
def maps():
    return Maps()


def opened(page, name):
    view = (ExplorerView if name == "analogy" else MapView)(page, name, variable=VARIABLES[name])
    view.set_state(**START[name])
    return view


@pytest.fixture(params=VARIABLES)
def view(request, map_page):
    return opened(map_page, request.param)


# ---- TrainingScrubber ------------------------------------------------------------------------------------


@pytest.fixture
def scrubber(map_page):
    return opened(map_page, "scrubber")


def check_frame(view, maps, *, frame, found=("ant0", "dog8"), trails=False):
    flat = maps.flat_frames()
    moved = np.sqrt(((flat[frame] - flat[0]) ** 2).sum(axis=1)).mean()
    assert view.drawing("data-step") == str(STEPS[frame])
    assert f"Step {STEPS[frame]:,} of 12,345, loss {LOSSES[frame]:.3f}" in view.texts()
    assert f"After {STEPS[frame]:,} steps the loss is {LOSSES[frame]:.3f}" in view.sentence()
    assert f"lie {moved:.3f} from their first places" in view.sentence()
    assert view.part("step").locator(".widget-readout").inner_text() == str(frame)
    pixels = view.places(WORDS)
    assert_same_map(pixels, flat[frame], mirrored=True)
    assert view.marked() == set(found)
    places = {word: pixels[WORDS.index(word)] for word in found}
    assert len(view.trails()) == (len(found) if trails else 0)
    for trail, word in zip(view.trails(), sorted(found, key=WORDS.index), strict=False):
        assert len(trail) == 2 * (frame + 1)
        assert trail[-2:] == pytest.approx(places[word], abs=0.11)
    state = view.state()
    assert (state["training_step"], state["loss"]) == (STEPS[frame], LOSSES[frame])
    assert state["moved"] == pytest.approx(moved, rel=1e-6, abs=1e-9)
    assert state["selected"] == sorted(found, key=WORDS.index)
    assert state["problem"] == view.status() == ""


def test_scrubber_step(scrubber, maps):
    check_frame(scrubber, maps, frame=4)
    for key, frame in (("ArrowLeft", 3), ("Home", 0), ("ArrowRight", 1), ("End", 4)):
        with scrubber.changing():
            scrubber.press("step", key)
        check_frame(scrubber, maps, frame=frame)


def test_scrubber_keeps_the_ground_still(scrubber, maps):
    """A point moves on the screen as far as its vector moves, whatever the others do."""
    flat, shown = maps.flat_frames(), []
    for frame in range(len(STEPS)):
        scrubber.set_state(step=frame)
        shown.append(scrubber.places(WORDS))
    pixels = np.sqrt(((shown[0] - shown[-1]) ** 2).sum(axis=1))
    true = np.sqrt(((flat[0] - flat[-1]) ** 2).sum(axis=1))
    np.testing.assert_allclose(pixels, true * pixels.max() / true.max(), atol=0.5)


def test_scrubber_find(scrubber, maps):
    field = scrubber.handle("find")
    with scrubber.changing():
        field.press("End")
        field.press_sequentially(" BEE*")
        scrubber.page.wait_for_function("() => document.querySelector('[data-label=bee8]')")
    scrubber.notebook.settle()
    check_frame(scrubber, maps, frame=4, found={"ant0", "dog8", *(f"bee{i}" for i in range(9))})
    with scrubber.changing():
        scrubber.fill("find", ", ".join(AWKWARD))
    check_frame(scrubber, maps, frame=4, found=AWKWARD)
    assert_nothing_injected(scrubber)
    with scrubber.changing():
        scrubber.fill("find", "")
    check_frame(scrubber, maps, frame=4, found=())


def test_scrubber_trails(scrubber, maps):
    box = scrubber.part("trails").locator("input")
    with scrubber.changing():
        box.press("Space")
    check_frame(scrubber, maps, frame=4, trails=True)
    with scrubber.changing():
        scrubber.press("step", "ArrowLeft")
    check_frame(scrubber, maps, frame=3, trails=True)
    with scrubber.changing():
        box.press("Space")
    check_frame(scrubber, maps, frame=3)


# ---- ProjectionExplorer ----------------------------------------------------------------------------------


@pytest.fixture
def projection(map_page):
    return opened(map_page, "projection")


def check_map(view, expected, *, name="words", selected=()):
    """Everything about the map on the screen."""
    marks = (expected["trustworthiness"], expected["continuity"])
    assert float(view.drawing("data-trustworthiness")) == pytest.approx(marks[0], abs=1e-4)
    assert f"trustworthiness {marks[0]:.2f}, continuity {marks[1]:.2f}" in view.texts()
    assert f"{name}, {expected['method']}" in view.sentence()
    assert f"Selected ({len(selected)}): {', '.join(selected[:12]) or 'none'}" in view.sentence()
    assert_same_map(view.places(WORDS), np.array(expected["points"]))
    assert view.marked() == set(selected)
    state = view.state()
    assert (state["trustworthiness"], state["continuity"]) == pytest.approx(marks)
    np.testing.assert_allclose(state["points"], expected["points"], rtol=1e-6)
    assert state["settings"] == expected["settings"]
    assert state["selected"] == list(selected)
    assert state["problem"] == view.status() == ""
    rests = {name for m, offered in METHODS.items() for name in offered if m != expected["method"]}
    sliders = ("perplexity", "n_neighbors", "min_dist")
    assert {key for key in sliders if view.disabled(key)} == rests


def test_projection_vectors(projection, maps):
    for name in ("random vectors", "words"):
        with projection.changing():
            projection.choose("vectors", name)
        check_map(projection, maps.find("t-SNE", name=name, perplexity=15), name=name)


def test_projection_method(projection, maps):
    for method, settings in (("PCA", {}), ("UMAP", {"n_neighbors": 15, "min_dist": 0.1}),
                             ("t-SNE", {"perplexity": 15})):  # fmt: skip
        with projection.changing():
            projection.choose("method", method)
        check_map(projection, maps.find(method, **settings))
        explained = {"32.1% of the variance", "12.3% of the variance"}
        assert explained & set(projection.texts()) == (explained if method == "PCA" else set())


@pytest.mark.parametrize(
    ("method", "settings", "control"),
    [
        ("t-SNE", {"perplexity": 15}, "perplexity"),
        ("UMAP", {"n_neighbors": 15, "min_dist": 0.1}, "n_neighbors"),
        ("UMAP", {"n_neighbors": 15, "min_dist": 0.1}, "min_dist"),
    ],
)
def test_projection_settings(projection, maps, method, settings, control):
    projection.set_state(method=method)
    values = METHODS[method][control]
    place = values.index(settings[control])
    for key, there in (("ArrowLeft", place - 1), ("End", len(values) - 1), ("Home", 0), ("ArrowRight", 1)):
        with projection.changing():
            projection.press(control, key)
        check_map(projection, maps.find(method, **{**settings, control: values[there]}))
        readout = projection.part(control).locator(".widget-readout").inner_text()
        assert float(readout) == values[there]


def test_projection_seed(projection, maps):
    for key, seed in (("ArrowRight", 1), ("End", 2), ("Home", 0)):
        with projection.changing():
            projection.press("seed", key)
        check_map(projection, maps.find("t-SNE", perplexity=15, seed=seed))


def test_projection_find(projection, maps):
    expected = maps.find("t-SNE", perplexity=15)
    with projection.changing():
        projection.handle("find").press_sequentially("cat*")
        projection.page.wait_for_function("() => document.querySelector('[data-label=cat8]')")
    projection.notebook.settle()
    check_map(projection, expected, selected=[f"cat{i}" for i in range(9)])
    with projection.changing():
        projection.fill("find", "NEW YORK, " + " ".join(AWKWARD[:3]))
    check_map(projection, expected, selected=AWKWARD)
    assert_nothing_injected(projection)


def test_projection_region(projection, maps):
    """A region moved by four handles; the words in it come back to Python."""
    expected = maps.find("t-SNE", perplexity=15)
    points = np.array(expected["points"])
    shares = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    left, right, bottom, top = 0.0, 1.0, 0.0, 1.0
    assert projection.region() == []
    for control, handle, key, times in (("across", 0, "ArrowRight", 4), ("across", 1, "ArrowLeft", 6),
                                        ("up", 0, "ArrowRight", 3), ("up", 1, "ArrowLeft", 7)):  # fmt: skip
        for _ in range(times):
            with projection.changing():
                projection.handle(control).nth(handle).press(key)
    left, right, bottom, top = 0.2, 0.7, 0.15, 0.65
    state = projection.state()
    assert [*state["across"], *state["up"]] == pytest.approx([left, right, bottom, top])
    x, y = shares.T
    inside = (x >= left) & (x <= right) & (y >= bottom) & (y <= top)
    words = [word for word, held in zip(WORDS, inside, strict=True) if held]
    assert 3 < len(words) < 25
    check_map(projection, expected, selected=words)
    assert projection.notebook.ask("projection_explorer.selected") == words
    (box,) = projection.region()
    pixels = projection.places(WORDS)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    width, height = high - low
    outline = [
        low[0] + left * width,
        low[1] + (1 - top) * height,
        (right - left) * width,
        (top - bottom) * height,
    ]
    np.testing.assert_allclose(box, outline, atol=0.3)
    with projection.changing():
        projection.fill("find", "ant0")
    check_map(projection, expected, selected=sorted({*words, "ant0"}, key=WORDS.index))


def test_projection_points_say_group_by_colour_and_shape(projection):
    marks = projection.marks()
    looks = {group: set() for group in GROUPS}
    for word, group in zip(WORDS, GROUPS, strict=True):
        looks[group].add((marks[word].fill, marks[word].shape))
    assert all(len(look) == 1 for look in looks.values())
    assert looks[-1].pop()[0] == GREY
    named = [look.pop() for group, look in looks.items() if group >= 0]
    assert len({fill for fill, _ in named}) == len({shape for _, shape in named}) == len(named) == 8
    assert set(GROUP_NAMES) <= set(projection.texts())


def test_projection_recompute(projection, maps):
    """A map drawn live: a sign of life meanwhile, then the new map with its own mark."""
    projection.set_state(vectors="random vectors", method="UMAP", n_neighbors=5, min_dist=0.5, seed=2)
    stored = maps.find("UMAP", name="random vectors", seed=2, n_neighbors=5, min_dist=0.5)
    check_map(projection, stored, name="random vectors")
    button = projection.part("recompute")
    with projection.changing():
        button.press("Enter")
        projection.part("progress").get_by_text("Drawing UMAP").wait_for()
        assert button.is_disabled()
    live = {
        **stored,
        "points": np.array(stored["points"])[:, ::-1],
        "trustworthiness": LIVE,
        "continuity": LIVE,
    }
    check_map(projection, live, name="random vectors")
    assert "drawn live" in projection.sentence()
    assert projection.state()["live"]
    assert projection.part("progress").inner_text().strip().endswith("s.")
    assert button.is_enabled()
    with projection.changing():
        projection.press("seed", "ArrowLeft")
    other = maps.find("UMAP", name="random vectors", seed=1, n_neighbors=5, min_dist=0.5)
    check_map(projection, other, name="random vectors")
    assert "drawn live" not in projection.sentence()


# ---- NeighbourTruth --------------------------------------------------------------------------------------


@pytest.fixture
def truth(map_page):
    return opened(map_page, "truth")


def check_truth(view, maps, *, word="cat0", method="t-SNE", settings=None, seed=0, k=10):
    settings = {"t-SNE": {"perplexity": 30}, "UMAP": {"n_neighbors": 15, "min_dist": 0.1}, "PCA": {}}[method]
    shown = maps.find(method, seed=seed, **settings)
    true = maps.neighbours(maps.vectors.astype(np.float32), word, k=k)
    drawn = maps.neighbours(np.array(shown["points"]), word, k=k)
    both = [w for w in drawn if w in true]
    false, missing = [w for w in drawn if w not in true], [w for w in true if w not in drawn]
    state = view.state()
    assert {key: state[key] for key in ("true", "drawn", "both", "false", "missing")} == {
        "true": true, "drawn": drawn, "both": both, "false": false, "missing": missing,
    }  # fmt: skip
    for name, words in (("drawn and true", both), ("missing", missing), ("false", false)):
        assert f"{name} ({len(words)}): {', '.join(words) or 'none'}" in view.sentence()
    assert (view.drawing("data-word"), view.drawing("data-shared")) == (word, str(len(both)))
    assert f"trustworthiness {shown['trustworthiness']:.2f}" in view.texts()
    pixels = view.places(WORDS)
    assert_same_map(pixels, np.array(shown["points"]))
    assert view.marked() == {word, *true, *drawn}
    looks = [{(mark.fill, mark.shape) for w, mark in view.marks().items() if w in kind}
             for kind in (both, missing, false, [word])]  # fmt: skip
    assert all(len(look) <= 1 for look in looks)
    seen = [look.pop() for look in looks if look]
    assert len({fill for fill, _ in seen}) == len({shape for _, shape in seen}) == len(seen)
    at = dict(zip(WORDS, pixels, strict=True))
    lines = [line for line in view.lines() if line[:2] != line[2:]]
    assert lines == pytest.approx(np.array([[*at[word], *at[w]] for w in true]), abs=0.11)
    assert state["problem"] == view.status() == ""


def test_truth_word(truth, maps):
    check_truth(truth, maps)
    field = truth.handle("word")
    with truth.changing():
        field.press("Control+a")
        field.press_sequentially("Dog3")
        truth.picture.locator("svg[data-word=dog3]").wait_for()
    truth.notebook.settle()
    check_truth(truth, maps, word="dog3")
    for word in AWKWARD:
        with truth.changing():
            truth.fill("word", word)
        check_truth(truth, maps, word=word)
        assert_nothing_injected(truth)


def test_truth_method_and_seed(truth, maps):
    with truth.changing():
        truth.choose("method", "UMAP")
    check_truth(truth, maps, method="UMAP")
    for key, seed in (("ArrowRight", 1), ("End", 2)):
        with truth.changing():
            truth.press("seed", key)
        check_truth(truth, maps, method="UMAP", seed=seed)
    with truth.changing():
        truth.choose("method", "PCA")
    check_truth(truth, maps, method="PCA")


def test_truth_k(truth, maps):
    for key, k in (("ArrowRight", 11), ("Home", 1), ("End", 25), ("ArrowLeft", 24)):
        with truth.changing():
            truth.press("k", key)
        check_truth(truth, maps, k=k)


# ---- AnalogyExplorer -------------------------------------------------------------------------------------


@pytest.fixture
def analogy(map_page):
    return opened(map_page, "analogy")


def check_analogy(view, maps, *, question=("ant0", "bee0", "cat0"), leave_out=True, k=8):
    scores = maps.analogy(*question)
    allowed = [word for word in scores if not (leave_out and word in question)]
    best = sorted(allowed, key=lambda word: -scores[word])[:k]
    bars = view.bars()
    assert [bar.label for bar in bars] == best
    assert [bar.value for bar in bars] == pytest.approx([scores[word] for word in best], abs=1e-5)
    assert [bar.note for bar in bars] == ["in the question" if word in question else "" for word in best]
    check_bar_texts(bars)
    a, b, c = question
    told = ", ".join(f"{bar.label} {bar.value:.3f}" for bar in bars[:3])
    assert view.sentence() == f"{a} : {b} = {c} : {told}."
    state = view.state()
    assert (state["answers"], tuple(state["question"])) == (best, question)
    assert state["scores"] == pytest.approx([bar.value for bar in bars], rel=1e-9)
    assert state["problem"] == view.status() == ""


@pytest.mark.parametrize(("control", "place"), [("a", 0), ("b", 1), ("c", 2)])
def test_analogy_words(analogy, maps, control, place):
    check_analogy(analogy, maps)
    question = ["ant0", "bee0", "cat0"]
    for word in ("dog5", *AWKWARD):
        question[place] = word
        with analogy.changing():
            analogy.fill(control, f" {word.upper() if word.isascii() and word.isalnum() else word} ")
        check_analogy(analogy, maps, question=tuple(question))
    assert_nothing_injected(analogy)


def test_analogy_with_the_questions_words(analogy, maps):
    box = analogy.part("leave_out").locator("input")
    with analogy.changing():
        box.press("Space")
    check_analogy(analogy, maps, leave_out=False)
    assert "in the question" in {bar.note for bar in analogy.bars()}
    with analogy.changing():
        box.press("Space")
    check_analogy(analogy, maps)


def test_analogy_k(analogy, maps):
    for key, k in (("ArrowRight", 9), ("Home", 1), ("End", 20)):
        with analogy.changing():
            analogy.press("k", key)
        check_analogy(analogy, maps, k=k)


# ---- all of them -----------------------------------------------------------------------------------------


FIELDS = (("scrubber", "find"), ("projection", "find"), ("truth", "word"), ("analogy", "a"), ("analogy", "c"))


@pytest.mark.parametrize(("name", "control"), FIELDS)
@pytest.mark.parametrize("kind", UNUSABLE)
def test_unusable_text(map_page, name, control, kind):
    view = opened(map_page, name)
    good, text = START[name][control], UNUSABLE[kind]
    markup = view.markup()
    view.fill(control, text)
    map_page.settle()
    if not text and control == "find":  # nothing is searched for
        assert view.status() == ""
    else:
        message = view.part("status")
        assert message.get_attribute("role") == "alert"
        assert 0 < len(message.inner_text().strip()) < 300
        assert view.markup() == markup
        assert view.state()["problem"]
    assert_nothing_injected(view)
    view.fill(control, good)
    map_page.settle()
    assert view.status() == ""
    assert view.markup() == markup


def test_a_problem_leaves_the_right_sliders_awake(projection):
    projection.fill("find", "zebrafish")
    projection.choose("method", "UMAP")
    projection.notebook.settle()
    assert "zebrafish" in projection.status()
    sliders = ("perplexity", "n_neighbors", "min_dist")
    assert [projection.disabled(key) for key in sliders] == [True, False, False]


def test_nothing_is_cut_off(view):
    assert view.root.locator(".widget-label").evaluate_all(CUT) == []
    assert view.root.locator(".widget-readout, button").evaluate_all(CUT) == []
    assert view.picture.locator("svg").bounding_box()["width"] >= 300
    assert view.root.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert view.drawing("aria-label") == view.sentence()


def test_every_control_is_reached_by_keys_alone(view):
    controls = {key for key in START[view.name] if view.part(key).count()}
    resting = {key for key in controls if view.part(key).locator(".noUi-target[disabled]").count()}
    view.root.locator("input, select, button, .noUi-handle").first.focus()
    reached = set()
    for _ in range(40):
        reached |= {key for key in controls if view.part(key).evaluate(FOCUSED)}
        view.page.keyboard.press("Tab")
    assert reached >= controls - resting
    assert controls == set(START[view.name])


@pytest.mark.parametrize(
    ("variable", "name", "words"),
    [
        ("least_scrubber", "scrubber", {"alone"}),
        ("least_truth", "truth", {"one", "other"}),
        ("least_projection", "projection", {"one", "other"}),
    ],
)
def test_the_least_there_can_be_is_shown(map_page, variable, name, words):
    view = MapView(map_page, name, variable=variable)
    assert set(view.marks()) == words
    assert view.status() == ""
    assert view.root.locator(".noUi-handle").count() > 0
