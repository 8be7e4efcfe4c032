"""The words of the maps, and the maps drawn ahead: what lesson 05 claims of them holds for every seed."""

import numpy as np
import pytest

from course_utils.datasets import word_maps
from course_utils.datasets.word_maps import load_map_words, word_map_file
from course_utils.pretrained import load_static_vectors
from course_utils.projections.grid import ProjectionGrid
from course_utils.projections.islands import find_islands
from course_utils.projections.maps import random_like
from course_utils.projections.trust import continuity, same_group_share, trustworthiness
from course_utils.storage import DataError
from course_utils.vectors import normalize_rows

WORDS = load_map_words()
GROUPS = np.array(WORDS.groups)


@pytest.fixture(scope="module")
def maps():
    return {name: ProjectionGrid.load(word_map_file(name)) for name in ("words", "random")}


def test_forty_words_in_each_of_eight_groups_and_twenty_in_none():
    assert len(set(WORDS.labels)) == len(WORDS.labels) == len(WORDS.groups) == 340
    assert np.bincount(GROUPS + 1).tolist() == [20, *[40] * 8]
    assert len(WORDS.group_names) == 8
    assert "dolphin" in WORDS.of("animals")
    assert len(WORDS.of("moving")) == 40


def test_an_unknown_group_or_file_is_named():
    with pytest.raises(ValueError, match="The groups are animals, .*, not 'plants'"):
        WORDS.of("plants")
    with pytest.raises(ValueError, match="knows words, random, not 'noise'"):
        word_map_file("noise")


def test_missing_and_altered_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(word_maps, "maps_folder", lambda: tmp_path)
    with pytest.raises(DataError, match="is missing; .*git checkout data/maps"):
        word_map_file("words")
    (tmp_path / "words.safetensors").write_bytes(b"other")
    with pytest.raises(DataError, match="damaged or was changed"):
        word_map_file("words")


def test_the_maps_are_of_minilms_vectors_and_of_random_ones(maps):
    vectors, vocabulary = load_static_vectors()
    chosen = normalize_rows(vectors[[vocabulary[word] for word in WORDS.labels]])
    np.testing.assert_allclose(maps["words"].vectors, chosen, atol=1e-3)
    np.testing.assert_allclose(maps["random"].vectors, random_like(chosen, seed=0), atol=1e-3)
    for grid in maps.values():
        assert grid.labels == list(WORDS.labels)
        assert grid.seeds == (0, 1, 2, 3, 4)
        assert len(grid) == 1 + 5 * 5 + 4 * 3 * 5


def test_kept_marks_are_those_of_the_kept_points(maps):
    for grid in maps.values():
        for one in list(grid)[::9]:
            assert one.trustworthiness == pytest.approx(trustworthiness(grid.vectors, one.points), abs=1e-4)
            assert one.continuity == pytest.approx(continuity(grid.vectors, one.points), abs=1e-4)


def test_marks_tell_words_from_noise_whatever_method_setting_and_seed(maps):
    worst = min(one.trustworthiness for one in maps["words"] if one.method != "PCA")
    best = max(one.trustworthiness for one in maps["random"])
    assert worst > 0.85 > 0.75 > best
    assert min(same_group_share(p.points, groups=GROUPS) for p in maps["words"]) > 0.5
    assert max(same_group_share(p.points, groups=GROUPS) for p in maps["random"]) < 0.2


@pytest.mark.parametrize(
    ("method", "settings"), [("t-SNE", {"perplexity": 2}), ("UMAP", {"n_neighbors": 3, "min_dist": 0.0})]
)
def test_noise_is_drawn_as_islands(maps, method, settings):
    counts = {
        name: [find_islands(grid.get(method, seed=s, **settings).points).max() + 1 for s in grid.seeds]
        for name, grid in maps.items()
    }
    assert min(counts["random"]) >= 20
    assert min(counts["words"]) <= 1.5 * min(counts["random"])
