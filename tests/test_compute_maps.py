"""The tool that draws the maps of lesson 05, with a table of settings that takes a second."""

import compute_maps
import numpy as np
import pytest

from course_utils.datasets.word_maps import load_map_words, word_map_file
from course_utils.projections.grid import ProjectionGrid


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(compute_maps, "METHODS", {"PCA": {}})
    monkeypatch.setattr(compute_maps, "SEEDS", (0,))
    monkeypatch.setattr(compute_maps, "maps_folder", lambda: tmp_path)
    return tmp_path


def test_it_writes_both_files_and_prints_their_checksums(small, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["compute_maps.py"])
    compute_maps.main()
    told = capsys.readouterr().out
    for name in ("words", "random"):
        made = ProjectionGrid.load(small / f"{name}.safetensors")
        kept = ProjectionGrid.load(word_map_file(name))
        assert made.labels == list(load_map_words().labels)
        np.testing.assert_array_equal(made.vectors, kept.vectors)
        np.testing.assert_allclose(made.get("PCA").points, kept.get("PCA").points, atol=1e-4)
        assert f'"{name}": "' in told
    assert "words: 1 of 1 maps" in told


def test_one_file_alone(small, monkeypatch):
    monkeypatch.setattr("sys.argv", ["compute_maps.py", "--only", "random"])
    compute_maps.main()
    assert [path.name for path in small.iterdir()] == ["random.safetensors"]


def test_the_table_is_the_one_of_the_kept_maps():
    kept = ProjectionGrid.load(word_map_file("words"))
    assert kept.methods == compute_maps.METHODS
    assert kept.seeds == compute_maps.SEEDS
