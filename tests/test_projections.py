"""Maps and their marks, against scikit-learn, numpy, plain loops and numbers worked out by hand."""

import subprocess
import sys

import numpy as np
import pytest

from course_utils.projections.grid import ProjectionGrid
from course_utils.projections.islands import find_islands
from course_utils.projections.maps import METHODS, Projected, pca, project, random_like
from course_utils.projections.trust import (
    continuity,
    drawn_neighbours,
    neighbour_errors,
    neighbour_overlap,
    same_group_share,
    stability,
    trustworthiness,
)


def cloud(n, width=6, *, seed=0):
    return np.random.default_rng(seed).normal(size=(n, width))


LINE = np.array([0.0, 1.0, 2.2, 3.1, 4.4, 5.9])[:, None]
FOLDED = np.array([0.0, 1.0, 2.0, 2.1, 1.1, 0.1])[:, None]  # the same line, folded in its middle


# -- marks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(30, 1), (30, 5), (41, 20), (3, 1)])
def test_trustworthiness_equals_scikit_learn(n, k):
    from sklearn.manifold import trustworthiness as theirs

    vectors, points = cloud(n), cloud(n, 2, seed=1)
    assert trustworthiness(vectors, points, k=k) == pytest.approx(theirs(vectors, points, n_neighbors=k))
    assert continuity(vectors, points, k=k) == pytest.approx(theirs(points, vectors, n_neighbors=k))


def test_trustworthiness_by_hand():
    # Folding puts the two ends side by side. With k = 1 each end's drawn neighbour is its fifth (4 too far);
    # 1 and 4 get each other (rank 4, 3 too far); 2 and 3 keep each other. 2 (4 + 3) = 14.
    assert trustworthiness(LINE, FOLDED, k=1) == pytest.approx(1 - 14 * 2 / (6 * 1 * (12 - 3 - 1)))


def test_marks_of_a_perfect_and_of_a_random_map():
    vectors = cloud(300, 2)
    turned = vectors @ np.array([[0.0, -3.0], [3.0, 0.0]]) + 7
    assert trustworthiness(vectors, turned, k=10) == continuity(vectors, turned, k=10) == 1.0
    assert neighbour_overlap(vectors, turned, k=10) == 1.0
    chance = cloud(300, 2, seed=1)
    assert trustworthiness(vectors, chance, k=10) == pytest.approx(0.5, abs=0.03)
    assert neighbour_overlap(vectors, chance, k=10) == pytest.approx(10 / 299, abs=0.015)


def test_neighbours_by_hand():
    assert drawn_neighbours(FOLDED, k=2).tolist() == [[5, 1], [4, 5], [3, 4], [2, 4], [1, 2], [0, 1]]
    assert drawn_neighbours([[0.0], [1.0], [-1.0]], k=2)[0].tolist() == [1, 2]  # ties go by number


def test_neighbours_agree_with_the_course_and_survive_an_offset():
    from course_utils.vectors import nearest_neighbours

    vectors = cloud(40) + 1e4
    found = drawn_neighbours(vectors, k=7)
    for row in range(40):
        expected, _ = nearest_neighbours(vectors, vectors[row], k=7, metric="euclidean", exclude=[row])
        assert found[row].tolist() == expected.tolist()


def test_neighbour_errors_by_loop():
    vectors, points = cloud(25), cloud(25, 2, seed=1)
    errors = neighbour_errors(vectors, points, k=4)
    true, drawn = drawn_neighbours(vectors, k=4), drawn_neighbours(points, k=4)
    true_far, drawn_far = drawn_neighbours(vectors, k=12), drawn_neighbours(points, k=12)
    np.testing.assert_array_equal(errors.true, true)
    np.testing.assert_array_equal(errors.drawn, drawn)
    for i in range(25):
        assert errors.false[i] == errors.missing[i] == len(set(drawn[i]) - set(true[i]))
        assert errors.false_far[i] == len(set(drawn[i]) - set(true_far[i]))
        assert errors.missing_far[i] == len(set(true[i]) - set(drawn_far[i]))
    assert errors.false.any()
    assert (errors.false_far != errors.missing_far).any()


def test_a_fold_draws_strangers_and_a_cut_parts_neighbours():
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(200, 3))
    pressed = ball[:, :2]  # flattened: top and bottom fall on each other
    assert trustworthiness(ball, pressed, k=8) < continuity(ball, pressed, k=8)
    angle = rng.uniform(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    unrolled = angle[:, None]  # cut open: nothing false is added, both ends lose their neighbours
    assert continuity(circle, unrolled, k=8) < trustworthiness(circle, unrolled, k=8)


def test_overlap_stability_and_groups():
    first = np.array([[0.0], [1.0], [10.0], [11.0]])
    second = np.array([[0.0], [10.0], [1.0], [11.0]])
    assert neighbour_overlap(first, second, k=1) == 0.0
    assert stability([first, second, first + 5], k=1) == pytest.approx(1 / 3)
    assert same_group_share(first, groups=[0, 0, 1, 1], k=1) == 1.0
    assert same_group_share(first, groups=[0, 1, 0, 1], k=1) == 0.0
    # The point of no group is neither asked nor counted: it stands between the two of group 0.
    points = [[0.0], [1.0], [2.0], [50.0], [51.0]]
    assert same_group_share(points, groups=[0, -1, 0, 1, 1], k=1) == 1.0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: drawn_neighbours([[1.0, 2.0]], k=1), "One point has no neighbours"),
        (lambda: drawn_neighbours(LINE, k=6), "between 1 and 5, .* not 6"),
        (lambda: drawn_neighbours(LINE, k=0), "between 1 and 5"),
        (lambda: trustworthiness(LINE, FOLDED, k=3), "below half the number of points, 3, not 3"),
        (lambda: trustworthiness(LINE, FOLDED[:5], k=1), "6 vectors and 5 points"),
        (lambda: trustworthiness([[np.nan]] * 6, FOLDED, k=1), "Row 0 of the vectors holds NaN"),
        (lambda: trustworthiness(LINE, [[np.inf]] * 6, k=1), "Row 0 of the points holds NaN or inf"),
        (lambda: neighbour_errors(LINE, FOLDED[:5], k=1), "one point for each vector"),
        (lambda: neighbour_overlap(LINE, FOLDED[:5], k=1), "6 and 5 points do not compare"),
        (lambda: stability([LINE]), "two or more"),
        (lambda: same_group_share(LINE, groups=[0, 1]), "one group for each of the 6"),
        (lambda: same_group_share(LINE, groups=[-1] * 6, k=1), "No point belongs to a group"),
        (lambda: find_islands(LINE, min_size=7), "from 2 to the number of points, 6"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


# -- maps --------------------------------------------------------------------------------------------


def test_pca_equals_scikit_learn():
    from sklearn.decomposition import PCA

    vectors = (cloud(50, 8) * np.arange(1, 9)).astype(np.float32)
    theirs = PCA(n_components=2).fit(vectors)
    points, explained = pca(vectors)
    np.testing.assert_allclose(np.abs(points), np.abs(theirs.transform(vectors)), atol=1e-4)
    np.testing.assert_allclose(explained, theirs.explained_variance_ratio_, rtol=1e-4)
    assert (points[np.abs(points).argmax(axis=0), [0, 1]] > 0).all()
    drawn = project(vectors, method="PCA")
    np.testing.assert_array_equal(drawn.points, points)
    assert drawn.explained == explained
    assert drawn.trustworthiness == trustworthiness(vectors, points, k=10)


def test_pca_of_flat_and_of_equal_vectors():
    points, explained = pca([[0.0], [1.0], [5.0]])
    assert explained == pytest.approx((1.0, 0.0))
    assert not points[:, 1].any()
    assert pca(np.ones((4, 3)))[1] == (0.0, 0.0)


def test_tsne_finds_two_far_groups_and_its_seed_is_its_only_chance():
    vectors = np.concatenate([cloud(20), cloud(20, seed=1) + 30])
    first, again, other = (project(vectors, method="t-SNE", seed=seed, perplexity=5) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.points, again.points)
    assert not np.allclose(first.points, other.points)
    assert same_group_share(first.points, groups=[0] * 20 + [1] * 20, k=5) == 1.0
    assert first.settings == {"perplexity": 5}
    assert first.points.dtype == np.float32
    assert first.points.shape == (40, 2)
    assert "t-SNE (perplexity 5): trustworthiness 0." in str(first)


@pytest.mark.slow
def test_umap_finds_two_far_groups_and_shows_signs_of_life():
    vectors, told = np.concatenate([cloud(20), cloud(20, seed=1) + 30]), []
    first, again = (
        project(vectors, method="UMAP", seed=0, n_neighbors=5, tell=told.append) for _ in range(2)
    )
    np.testing.assert_array_equal(first.points, again.points)
    assert same_group_share(first.points, groups=[0] * 20 + [1] * 20, k=5) == 1.0
    assert first.settings == {"n_neighbors": 5, "min_dist": 0.1}
    assert "quarter of a minute" in told[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"method": "MDS"}, "PCA, t-SNE, UMAP, not 'MDS'"),
        ({"perplexity": 5}, "PCA knows no settings, not perplexity"),
        ({"method": "t-SNE", "perplexity": 12}, "below the number of vectors, 12, not 12"),
        ({"method": "t-SNE"}, "perplexity .* not 30"),
        ({"method": "t-SNE", "perplexity": 0}, "above 0"),
        ({"method": "t-SNE", "min_dist": 0.1}, "t-SNE knows perplexity, not min_dist"),
        ({"method": "UMAP", "n_neighbors": 12}, "from 2 to 11, the number of other vectors, not 12"),
        ({"method": "UMAP", "n_neighbors": 1}, "from 2 to 11"),
        ({"method": "UMAP", "n_neighbors": 5, "min_dist": 2}, "between 0 and 1, not 2"),
        ({"vectors": [[1.0, 2.0]]}, "A map of 1 vectors shows nothing"),
        ({"vectors": np.full((12, 3), np.nan)}, "Row 0 of the vectors holds NaN"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_heavy_is_imported(change, says):
    arguments = {"vectors": cloud(12), "method": "PCA"} | change
    with pytest.raises(ValueError, match=says):
        project(arguments.pop("vectors"), **arguments)


def test_only_umap_imports_umap_and_nothing_heavy_at_the_top():
    code = (
        "import sys, numpy as np; import course_utils.projections.grid, course_utils.projections.islands\n"
        "from course_utils.projections.maps import project\n"
        "heavy = {'umap', 'numba', 'sklearn', 'scipy', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "project(np.eye(9), method='PCA')\n"
        "assert not {'umap', 'numba', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_random_like_keeps_lengths_and_nothing_else():
    vectors = cloud(200, 30) * np.arange(1, 201)[:, None]
    noise = random_like(vectors, seed=3)
    np.testing.assert_allclose(np.linalg.norm(noise, axis=1), np.linalg.norm(vectors, axis=1), rtol=1e-5)
    cosines = (noise * vectors).sum(1) / np.linalg.norm(vectors, axis=1) ** 2
    assert np.abs(cosines.mean()) < 0.05
    np.testing.assert_array_equal(noise, random_like(vectors, seed=3))
    assert not np.allclose(noise, random_like(vectors, seed=4))


def test_islands_are_numbered_by_size():
    points = np.concatenate([cloud(8, 2) * 0.1, cloud(20, 2) * 0.1 + 9, [[50.0, 50.0]]])
    assert find_islands(points, min_size=5).tolist() == [1] * 8 + [0] * 20 + [-1]


def test_water_has_no_islands():
    assert (find_islands(cloud(80, 40), min_size=8) == -1).all()


# -- maps drawn ahead ----------------------------------------------------------------------------------


SETTINGS = {"PCA": {}, "t-SNE": {"perplexity": (3, 6)}}


@pytest.fixture(scope="module")
def grid():
    seen = []
    made = ProjectionGrid.compute(
        cloud(24), [f"w{i}" for i in range(24)], methods=SETTINGS, seeds=(0, 1),
        progress=lambda *step: seen.append(step),
    )  # fmt: skip
    assert seen == [(i, 5) for i in range(1, 6)]
    return made


def test_a_grid_holds_every_combination(grid):
    assert len(grid) == 5
    assert grid.get("PCA").points.tolist() == grid.get("PCA", seed=1).points.tolist()
    assert grid.get("t-SNE", perplexity=6, seed=1).settings == {"perplexity": 6}
    assert grid.get("t-SNE").settings == {"perplexity": 3}  # 30, the usual one, is not in the grid
    assert not np.allclose(grid.get("t-SNE", seed=0).points, grid.get("t-SNE", seed=1).points)
    fresh = project(grid.vectors, method="t-SNE", perplexity=6, seed=1)
    kept = grid.get("t-SNE", perplexity=6, seed=1)
    np.testing.assert_allclose(kept.points, fresh.points, atol=np.abs(fresh.points).max() / 60_000)


def test_kept_marks_are_those_of_the_kept_points(grid, tmp_path):
    loaded = ProjectionGrid.load(grid.save(tmp_path / "maps.safetensors"))
    np.testing.assert_array_equal(loaded.vectors, grid.vectors)
    assert (loaded.labels, loaded.methods, loaded.seeds) == (grid.labels, grid.methods, grid.seeds)
    assert len(loaded) == len(grid)
    for one, other in zip(grid, loaded, strict=True):
        np.testing.assert_array_equal(one.points, other.points)
        assert (one.method, one.settings, one.seed) == (other.method, other.settings, other.seed)
        assert other.trustworthiness == trustworthiness(loaded.vectors, other.points, k=10)
        assert other.continuity == continuity(loaded.vectors, other.points, k=10)
        assert other.explained == one.explained


@pytest.mark.parametrize(
    ("method", "settings", "says"),
    [
        ("UMAP", {}, "PCA, t-SNE, not by 'UMAP'"),
        ("t-SNE", {"perplexity": 4}, "perplexity 3, 6, not 4"),
        ("t-SNE", {"seed": 7}, "seeds 0, 1, not 7"),
        ("PCA", {"perplexity": 3}, "no settings, not perplexity"),
    ],
)
def test_a_map_that_is_not_there_is_named(grid, method, settings, says):
    with pytest.raises(ValueError, match=says):
        grid.get(method, **settings)


def test_all_settings_are_checked_before_the_first_map(tmp_path):
    drawn = []
    with pytest.raises(ValueError, match="perplexity"):
        ProjectionGrid.compute(
            cloud(9), list("abcdefghi"), methods={"PCA": {}, "t-SNE": {"perplexity": (3, 9)}},
            progress=lambda *step: drawn.append(step),
        )  # fmt: skip
    assert not drawn


def test_a_grid_with_a_gap_or_double_labels_is_refused(grid):
    rest = [one for one in grid if one.seed == 0]
    with pytest.raises(ValueError, match=r"no map of t-SNE .* seed 1"):
        ProjectionGrid(grid.vectors, grid.labels, methods=SETTINGS, seeds=(0, 1), maps=rest)
    with pytest.raises(ValueError, match="24 vectors need as many different labels"):
        ProjectionGrid(grid.vectors, ["w"] * 24, methods=SETTINGS, seeds=(0, 1), maps=list(grid))


@pytest.mark.parametrize("place", [-3, 400])
def test_damaged_maps_are_refused(grid, place):
    data = bytearray(grid.to_bytes())
    data[place] ^= 1
    with pytest.raises(ValueError, match=r"damaged; .*compute_maps"):
        ProjectionGrid.from_bytes(bytes(data))


def test_missing_maps_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"gone\.safetensors cannot be read .*compute_maps"):
        ProjectionGrid.load(tmp_path / "gone.safetensors")


def test_the_usual_settings_are_those_of_the_libraries():
    assert METHODS["t-SNE"] == {"perplexity": 30}
    one = Projected("UMAP", {"n_neighbors": 15, "min_dist": 0.1}, 0, np.zeros((3, 2), np.float32), 0.5, 0.6)
    assert str(one) == "UMAP (n_neighbors 15, min_dist 0.1): trustworthiness 0.50, continuity 0.60"
