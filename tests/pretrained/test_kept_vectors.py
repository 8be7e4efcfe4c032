"""Vectors are computed once, read whole or not at all, and anew when anything they rest on changes."""

import warnings

import numpy as np
import pytest

from course_utils.pretrained import kept_vectors
from course_utils.pretrained.kept_vectors import keep_vectors, keeper
from course_utils.storage import StorageWarning

VECTORS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return tmp_path / "vectors"


class Compute:
    """Counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return VECTORS + self.calls - 1


@pytest.fixture
def compute():
    return Compute()


def keep(compute, *, depends_on=("x",), name="some"):
    return keep_vectors(name, depends_on=depends_on, compute=compute)


def test_computed_once(compute, folder):
    np.testing.assert_array_equal(keep(compute), VECTORS)
    np.testing.assert_array_equal(keep(compute), VECTORS)
    assert compute.calls == 1
    assert [path.suffix for path in folder.iterdir()] == [".safetensors"]


@pytest.mark.parametrize("other", [("y",), ("x", ""), ("", "x"), ()])
def test_another_text_another_result(compute, other):
    keep(compute)
    keep(compute, depends_on=other)
    assert compute.calls == 2


def test_texts_are_not_run_together(compute):
    keep(compute, depends_on=("ab", "c"))
    keep(compute, depends_on=("a", "bc"))
    assert compute.calls == 2


def test_code_and_versions_count(compute, monkeypatch):
    keeper(["1"], code=[kept_vectors])("some", ["x"], compute)
    keeper(["1"], code=[kept_vectors])("some", ["x"], compute)
    assert compute.calls == 1
    keeper(["2"], code=[kept_vectors])("some", ["x"], compute)
    monkeypatch.setattr(kept_vectors.inspect, "getsource", lambda module: "other code")
    keeper(["1"], code=[kept_vectors])("some", ["x"], compute)
    assert compute.calls == 3


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1] + b"\x00", lambda data: data[:20], lambda data: b""]
)
def test_a_damaged_file_is_set_aside(compute, folder, damage):
    keep(compute)
    (path,) = folder.iterdir()
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.warns(StorageWarning, match=r"computed anew, .* kept as .*damaged-1"):
        found = keep(compute)
    np.testing.assert_array_equal(found, VECTORS + 1)
    assert path.with_name(f"{path.name}.damaged-1").read_bytes() == damaged
    np.testing.assert_array_equal(keep(compute), VECTORS + 1)


def test_no_room_is_a_warning(compute, folder):
    folder.parent.joinpath("vectors").write_text("a file where the folder should be")
    with pytest.warns(StorageWarning, match="will have to be computed again next time"):
        np.testing.assert_array_equal(keep(compute), VECTORS)


def test_texts_with_half_characters_have_a_key(compute):
    keep(compute, depends_on=("\ud83d",))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keep(compute, depends_on=("\ud83d",))
    assert compute.calls == 1


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden"])
def test_names_stay_in_the_folder(compute, name):
    with pytest.raises(ValueError, match="cannot be a file name"):
        keep(compute, name=name)
