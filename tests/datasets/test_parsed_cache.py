"""A parsed value comes back as it was written, or not at all."""

import hashlib

import pytest

from course_utils.datasets.parsed_cache import keep_parsed, read_parsed

VALUE = [["naïve 🙂", 1], [], None]


def test_written_and_read(tmp_path):
    keep_parsed(tmp_path / "new" / "value.json", VALUE)
    assert read_parsed(tmp_path / "new" / "value.json", tuple) == tuple(VALUE)


def test_nothing_there(tmp_path):
    assert read_parsed(tmp_path / "value.json", tuple) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-3],
        lambda data: b"",
        lambda data: data.replace(b"na", b"no"),
        lambda data: b"[]",
        lambda data: hashlib.sha256(b"[1").hexdigest().encode() + b"\n[1",  # its checksum, but no JSON
    ],
)
def test_anything_else_is_not_used(tmp_path, damage):
    path = tmp_path / "value.json"
    keep_parsed(path, VALUE)
    path.write_bytes(damage(path.read_bytes()))
    assert read_parsed(path, tuple) is None


def test_a_value_of_another_form_is_not_used(tmp_path):
    keep_parsed(tmp_path / "value.json", 3)
    assert read_parsed(tmp_path / "value.json", tuple) is None


def test_without_room_nothing_is_kept(tmp_path):
    (tmp_path / "file").write_text("where the folder should be")
    keep_parsed(tmp_path / "file" / "value.json", VALUE)
    assert read_parsed(tmp_path / "file" / "value.json", tuple) is None
