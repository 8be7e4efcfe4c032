"""ProjectionExplorer on grids made by hand: every map, mark and selection, and maps drawn live."""

import time
from dataclasses import replace

import numpy as np
import pytest
from map_parts import (
    LABELS,
    METHODS,
    NS,
    SEEDS,
    assert_drawn_to_scale,
    drawn_places,
    highlighted,
    make_grid,
    message,
    shown,
)

from course_utils.explorers.projection import ProjectionExplorer
from course_utils.projections.maps import Projected

SETTINGS = {"PCA": {}, "t-SNE": {"perplexity": 5}, "UMAP": {"n_neighbors": 3, "min_dist": 0.1}}


@pytest.fixture(scope="module")
def grids():
    return {"words": make_grid(1), "random": make_grid(2)}


@pytest.fixture
def explorer(grids):
    return ProjectionExplorer(grids)


# -- which map is shown ----------------------------------------------------------------------------


@pytest.mark.parametrize("vectors", ["words", "random"])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("method", METHODS)
def test_the_map_asked_for_is_shown_with_its_marks(explorer, grids, vectors, method, seed):
    settings = SETTINGS[method]
    state = explorer.set_state(vectors=vectors, method=method, seed=seed, **settings)
    wanted = grids[vectors].get(method, seed=seed, **settings)
    np.testing.assert_array_equal(state["points"], wanted.points)
    assert (state["trustworthiness"], state["continuity"]) == (wanted.trustworthiness, wanted.continuity)
    assert (state["settings"], state["live"]) == (settings, False)
    assert_drawn_to_scale(explorer, wanted.points, LABELS)
    marks = f"trustworthiness {wanted.trustworthiness:.2f}, continuity {wanted.continuity:.2f}"
    texts = {text.text for text in shown(explorer).iter(f"{NS}text")}
    assert marks in texts
    assert marks in explorer.widget.children[-1].value.partition("-text")[2]
    assert float(shown(explorer).get("data-trustworthiness")) == pytest.approx(wanted.trustworthiness)
    said = ", ".join(f"{name} {value:g}" for name, value in settings.items())
    assert f"{vectors} by {method}{f' ({said})' if said else ''}" in texts
    assert ({"40.0% of the variance", "20.0% of the variance"} <= texts) == (method == "PCA")


@pytest.mark.parametrize("setting", ["perplexity", "n_neighbors", "min_dist", "seed", "vectors"])
def test_each_setting_changes_the_map(explorer, setting):
    explorer.set_state(method="t-SNE" if setting == "perplexity" else "UMAP")
    control = explorer.controls[setting]
    maps = [explorer.set_state(**{setting: value})["points"] for value in control.options]
    assert len(maps) == 2
    assert not np.allclose(*maps)


@pytest.mark.parametrize(
    ("method", "at_work"),
    [("PCA", set()), ("t-SNE", {"perplexity"}), ("UMAP", {"n_neighbors", "min_dist"})],
)
def test_settings_of_other_methods_rest(explorer, method, at_work):
    explorer.controls["method"].value = method
    names = ("perplexity", "n_neighbors", "min_dist")
    assert {name for name in names if not explorer.controls[name].disabled} == at_work
    before = explorer.state()["points"]
    for name in set(names) - at_work:
        for value in explorer.controls[name].options:
            np.testing.assert_array_equal(explorer.set_state(**{name: value})["points"], before)


def test_the_seed_leaves_pca_alone(explorer):
    maps = [explorer.set_state(method="PCA", seed=seed)["points"] for seed in SEEDS]
    np.testing.assert_array_equal(*maps)


def test_the_first_map(grids):
    assert ProjectionExplorer(grids).state()["method"] == "t-SNE"
    assert ProjectionExplorer(grids, method="PCA").state()["method"] == "PCA"
    with pytest.raises(ValueError, match="not by 'Isomap'"):
        ProjectionExplorer(grids, method="Isomap")
    only = {"one": make_grid(methods={"PCA": {}})}
    explorer = ProjectionExplorer(only)
    assert explorer.state()["method"] == "PCA"
    assert not {"perplexity", "n_neighbors", "min_dist"} & set(explorer.controls)


@pytest.mark.parametrize(
    "values",
    [{"perplexity": 7}, {"seed": 9}, {"method": "Isomap"}, {"vectors": "none"}, {"across": (0.2, 1.4)},
     {"min_dist": 0.5}, {"find": "zebra"}, {"points": 1}],
)  # fmt: skip
def test_what_is_not_offered_is_refused_and_nothing_is_lost(explorer, values):
    before = explorer.set_state(find="sea")
    with pytest.raises(ValueError):
        explorer.set_state(**values)
    after = explorer.state()
    np.testing.assert_array_equal(after.pop("points"), before.pop("points"))
    assert after == before
    disabled = {name for name, control in explorer.controls.items() if control.disabled}
    assert disabled == {"n_neighbors", "min_dist"}


def test_groups_and_legend(grids):
    explorer = ProjectionExplorer(grids, groups=np.array([0, 1, -1] * 4), group_names=("water", "law"))
    assert len({path.get("fill") for path in shown(explorer).iter(f"{NS}g")}) == 3
    assert {"water", "law"} <= {text.text for text in shown(explorer).iter(f"{NS}text")}


# -- what is selected ------------------------------------------------------------------------------


@pytest.mark.parametrize("across", [(0, 1), (0, 0.5), (0.35, 0.8), (1, 1)])
@pytest.mark.parametrize("up", [(0, 1), (0.5, 1), (0.2, 0.2)])
def test_the_region_selects_the_points_within_its_outline(explorer, across, up):
    state = explorer.set_state(across=across, up=up)
    points = state["points"].astype(float)
    low, high = points.min(axis=0), points.max(axis=0)
    inside = [
        label
        for label, point in zip(LABELS, points, strict=True)
        if all(
            share[0] - 1e-9 <= (p - a) / (b - a) <= share[1] + 1e-9
            for p, a, b, share in zip(point, low, high, (across, up), strict=True)
        )
    ]
    whole = (across, up) == ((0, 1), (0, 1))
    assert state["selected"] == explorer.selected == ([] if whole else inside)
    assert highlighted(explorer) == set(state["selected"])
    outlines = [rect for rect in shown(explorer).iter(f"{NS}rect") if rect.get("class") == "region"]
    assert len(outlines) == (0 if whole else 1)
    for rect in outlines:
        x, y, width, height = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
        enclosed = {
            label
            for label, (px, py) in drawn_places(explorer).items()
            if x - 0.11 <= px <= x + width + 0.11 and y - 0.11 <= py <= y + height + 0.11
        }
        assert enclosed == set(inside)


def test_found_and_inside_are_selected_together(explorer):
    inside = explorer.set_state(across=(0, 0.4))["selected"]
    outside = next(label for label in LABELS if label not in inside and " " not in label)
    state = explorer.set_state(find=outside.upper())
    assert state["selected"] == [label for label in LABELS if label in {*inside, outside}]
    assert highlighted(explorer) == set(state["selected"])
    assert f"Selected ({len(state['selected'])}): " in explorer.widget.children[-1].value
    assert explorer.set_state(find="", across=(0, 1))["selected"] == []
    assert "Selected (0): none." in explorer.widget.children[-1].value


def test_the_region_moves_with_the_map(explorer):
    first = explorer.set_state(across=(0, 0.5), seed=0)["selected"]
    assert explorer.set_state(seed=1)["selected"] != first


def test_a_region_may_come_as_a_list(explorer):
    assert explorer.set_state(across=[0.0, 0.5])["across"] == (0.0, 0.5)


@pytest.mark.parametrize("text", ["zebra", "<script>alert(1)</script>", "שלום", "👩‍🔬", "x" * 10_000])
def test_unusable_text_gets_a_sentence_and_nothing_is_lost(explorer, text):
    explorer.set_state(find="sea")
    explorer.controls["find"].value = text
    assert explorer.state()["problem"]
    assert len(explorer.state()["problem"]) < 300
    assert highlighted(explorer) == {"sea"}
    assert "<script" not in message(explorer)
    explorer.controls["find"].value = "law"
    assert (explorer.state()["problem"], explorer.selected) == ("", ["law"])


# -- drawing live ----------------------------------------------------------------------------------


def fresh(points, *, method="t-SNE", settings=None):
    return Projected(method, settings or {"perplexity": 5}, 1, points, trustworthiness=0.25, continuity=0.375)


@pytest.fixture
def points():
    return np.random.default_rng(9).normal(size=(len(LABELS), 2)).astype(np.float32)


def button_and_line(explorer):
    *_, row, _view = explorer.widget.children
    return row.children


def test_no_button_unless_something_draws(explorer):
    assert len(explorer.widget.children) == len(explorer.controls) + 1
    assert explorer.widget.children[-1] is not None


def test_a_click_draws_the_map_anew(grids, points):
    calls = []
    explorer = ProjectionExplorer(grids, recompute=lambda *asked: calls.append(asked) or fresh(points))
    explorer.set_state(vectors="random", seed=1, perplexity=5)
    button, line = button_and_line(explorer)
    button.click()
    assert calls == [("random", "t-SNE", {"perplexity": 5}, 1)]
    state = explorer.state()
    np.testing.assert_array_equal(state["points"], points)
    assert (state["live"], state["trustworthiness"], state["continuity"]) == (True, 0.25, 0.375)
    assert ", drawn live" in explorer.widget.children[-1].value
    assert_drawn_to_scale(explorer, points, LABELS)
    assert line.value == '<span role="status">Drawing t-SNE: 0 s.</span>'
    for other in ({"seed": 0}, {"perplexity": 2}, {"vectors": "words"}, {"method": "UMAP"}):
        assert explorer.set_state(**other)["live"] is False
        back = explorer.set_state(vectors="random", seed=1, perplexity=5, method="t-SNE")
        assert back["live"] is True
        np.testing.assert_array_equal(back["points"], points)


def test_a_live_pca_stands_for_all_seeds(grids, points):
    drawn = fresh(points, method="PCA", settings={})
    explorer = ProjectionExplorer(grids, method="PCA", recompute=lambda *asked: drawn)
    button_and_line(explorer)[0].click()
    assert explorer.set_state(seed=1)["live"] is True


def test_meanwhile_the_button_rests_and_a_line_shows_life(grids, points):
    seen = []

    def recompute(*asked):
        end = time.monotonic() + 5
        while "…" not in line.value and time.monotonic() < end:
            time.sleep(0.005)
        seen.append((line.value, button.disabled))
        return fresh(points)

    explorer = ProjectionExplorer(grids, recompute=recompute)
    button, line = button_and_line(explorer)
    assert line.value == ""
    button.click()
    assert seen == [('<span role="status">Drawing t-SNE: 0 s …</span>', True)]
    assert button.disabled is False
    assert "course-projection-recompute" in button._dom_classes
    assert "course-projection-progress" in line._dom_classes


def test_umap_says_that_its_first_time_is_slow(grids, points):
    drawn = fresh(points, method="UMAP", settings={"n_neighbors": 5, "min_dist": 0.1})
    explorer = ProjectionExplorer(grids, method="UMAP", recompute=lambda *asked: drawn)
    button, line = button_and_line(explorer)
    button.click()
    assert "UMAP (its first time is slow)" in line.value


def test_a_name_with_markup_stays_text_in_the_line(points):
    method = "<b>PCA</b>"
    grid = make_grid(methods={method: {}})
    drawn = fresh(points, method=method, settings={})
    explorer = ProjectionExplorer({"<i>": grid}, recompute=lambda *asked: drawn)
    button, line = button_and_line(explorer)
    button.click()
    assert explorer.state()["live"] is True
    assert "&lt;b&gt;PCA" in line.value
    assert "<b>" not in line.value + explorer.widget.children[-1].value


def refuse(*asked):
    raise MemoryError("no <b>room</b>")


@pytest.mark.parametrize(
    ("recompute", "error", "says"),
    [
        (refuse, MemoryError, "MemoryError: no &lt;b&gt;room"),
        (lambda *asked: fresh(np.zeros((3, 2))), ValueError, "shape (3, 2)"),
        (lambda *asked: fresh(np.zeros((12, 3))), ValueError, "(12, 3)"),
        (lambda *asked: fresh(np.full((12, 2), np.nan)), ValueError, "not a finite number"),
        (lambda *asked: None, AttributeError, "AttributeError"),
    ],
)
def test_a_map_that_cannot_be_drawn_is_reported_and_the_old_one_stays(grids, recompute, error, says):
    explorer = ProjectionExplorer(grids, recompute=recompute)
    button, line = button_and_line(explorer)
    before = explorer.state()["points"]
    with pytest.raises(error):
        explorer._on_click(button)
    assert says in message(explorer)
    assert says.split(":")[0].replace("&lt;", "<") in explorer.state()["problem"]
    assert button.disabled is False
    assert line.value.endswith("s.</span>")
    assert explorer.state()["live"] is False
    np.testing.assert_array_equal(explorer.state()["points"], before)
    state = explorer.set_state(seed=1)
    assert (state["problem"], explorer.set_state(seed=0)["live"]) == ("", False)


def test_a_click_while_the_search_is_unusable_keeps_its_message(grids, points):
    explorer = ProjectionExplorer(grids, recompute=lambda *asked: fresh(points))
    explorer.controls["find"].value = "zebra"
    explorer._on_click(button_and_line(explorer)[0])
    assert "Not on this map: zebra" in explorer.state()["problem"]
    assert "InputProblem" not in explorer.state()["problem"]
    explorer.controls["find"].value = ""
    assert explorer.state()["live"] is True


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"labels": [*LABELS[:-1], "isle"]},
        {"labels": LABELS[::-1]},
        {"labels": LABELS[:-1]},
        {"methods": {"PCA": {}}},
        {"methods": {**METHODS, "t-SNE": {"perplexity": (2, 4)}}},
        {"seeds": (0, 2)},
    ],
)
def test_grids_that_differ_are_refused(grids, other):
    with pytest.raises(ValueError, match="'other' has other labels, methods or seeds"):
        ProjectionExplorer({**grids, "other": make_grid(3, **other)})


def test_no_grid_is_refused():
    with pytest.raises(ValueError, match="at least one grid"):
        ProjectionExplorer({})


def test_a_map_with_nan_is_refused_with_its_place(grids):
    grid = make_grid(4)
    bad = replace(grid.get("PCA"), points=np.full((len(LABELS), 2), np.nan))
    grid._maps = {key: bad if one.method == "PCA" else one for key, one in grid._maps.items()}
    with pytest.raises(ValueError, match="Point 0 has a coordinate"):
        ProjectionExplorer({"bad": grid}, method="PCA")
