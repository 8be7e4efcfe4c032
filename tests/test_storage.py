"""Files are whole: after a kill, a full disk, a read-only folder, damage."""

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import storage
from course_utils.storage import (
    DataError,
    StorageError,
    StorageWarning,
    cache_folder,
    course_folder,
    read_json,
    set_aside,
    sha256_of,
    verify_file,
    write_atomically,
    write_json,
)

ROOT = Path(__file__).parents[1]
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")


def temporaries(folder):
    return sorted(folder.glob(".*.tmp"))


def one_sentence(error):
    """The message, checked for being one line that ends once."""
    text = str(error)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def run_python(code, *arguments, wrap=()):
    command = [*wrap, sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


# Where things are


def test_course_folder_is_the_checkout():
    assert course_folder() == ROOT
    assert (course_folder() / "notebooks").is_dir()


def test_course_folder_of_an_installed_package_is_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(storage, "__file__", str(tmp_path / "site-packages" / "course_utils" / "storage.py"))
    monkeypatch.chdir(tmp_path)
    assert course_folder() == Path.cwd()


@pytest.mark.parametrize("value", [None, "", "  "])
def test_cache_folder_by_default(monkeypatch, value):
    monkeypatch.delenv("COURSE_CACHE", raising=False)
    if value is not None:
        monkeypatch.setenv("COURSE_CACHE", value)
    assert cache_folder() == ROOT / ".cache"


def test_cache_folder_follows_the_variable_and_is_made_by_the_first_file(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "new" / "cache"))
    assert cache_folder() == tmp_path / "new" / "cache"
    assert not cache_folder().exists()
    write_json(cache_folder() / "a" / "b.json", [1])
    assert read_json(tmp_path / "new" / "cache" / "a" / "b.json", default=None) == [1]


def test_importing_storage_loads_only_the_standard_library():
    done = run_python("""
        import sys
        import course_utils.storage
        print(sorted({"torch", "numpy", "tqdm", "psutil", "IPython"} & set(sys.modules)))
    """)
    assert done.stdout.strip() == "[]", done.stderr


# Verification


def test_sha256_is_the_published_one(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "abc") == expected
    assert verify_file(tmp_path / "abc", sha256=expected.upper(), source="-") == tmp_path / "abc"


@pytest.mark.parametrize("damage", ["missing", "truncated", "altered", "folder"])
def test_verify_file_says_what_is_wrong_and_what_to_run(tmp_path, damage):
    path = tmp_path / "pairs.tsv"
    digest = hashlib.sha256(b"good content").hexdigest()
    contents = {"truncated": b"good cont", "altered": b"good c0ntent"}
    if damage in contents:
        path.write_bytes(contents[damage])
    elif damage == "folder":
        path.mkdir()
    with pytest.raises(DataError) as caught:
        verify_file(path, sha256=digest, source="git checkout data/pairs.tsv")
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert message.endswith("with: git checkout data/pairs.tsv")
    assert {"missing": "missing", "folder": "cannot be read"}.get(damage, "damaged") in message


# Writing


def test_written_bytes_come_back_and_the_folder_is_tidy(tmp_path):
    path = tmp_path / "deep" / "er" / "file.bin"
    assert write_atomically(str(path), b"one") == path
    write_atomically(path, b"\x00\r\n two")
    assert path.read_bytes() == b"\x00\r\n two"
    assert list(path.parent.iterdir()) == [path]


@POSIX
def test_a_written_file_has_the_usual_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    written = write_atomically(tmp_path / "written", b"")
    assert written.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "make room"),
        (errno.EROFS, "COURSE_CACHE"),
        (errno.EACCES, "COURSE_CACHE"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_any_failing_step_leaves_the_old_file_and_says_one_sentence(
    tmp_path, monkeypatch, step, number, advice
):
    path = write_atomically(tmp_path / "file.bin", b"old")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    if step == "write":
        real_open = open

        def opener(*arguments, **keywords):
            file = real_open(*arguments, **keywords)
            return FailingFile(file, fail)

        monkeypatch.setattr("builtins.open", opener)
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError) as caught:
        write_atomically(path, b"new")
    monkeypatch.undo()
    message = one_sentence(caught.value)
    assert advice in message
    assert str(path) in message
    assert caught.value.errno == number
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


class FailingFile:
    """An open file that takes half of the bytes and then fails, as a full disk does."""

    def __init__(self, file, fail):
        self.file, self.fail = file, fail

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        self.fail()


def test_an_interrupt_while_writing_leaves_nothing_behind(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "file.bin", b"old")

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_made_gives_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        write_atomically(tmp_path / "file" / "below.json", b"x")
    assert "ordinary folder" in one_sentence(caught.value)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_folder_in_the_place_of_the_file_gives_one_sentence(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError) as caught:
        write_atomically(tmp_path / "taken", b"x")
    one_sentence(caught.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]


FULL_DISK = """
    import resource, sys
    from pathlib import Path
    from course_utils.storage import StorageError, write_atomically
    folder, limit = Path(sys.argv[1]), int(sys.argv[2])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    path = write_atomically(folder / "file.bin", b"old" * 1000)
    try:
        write_atomically(path, b"new" * 100_000)
    except StorageError as error:
        print(error)
    assert path.read_bytes() == b"old" * 1000
    assert [p.name for p in folder.iterdir()] == ["file.bin"]
    write_atomically(path, b"small")
    assert path.read_bytes() == b"small"
    print("intact")
"""


@POSIX
def test_a_real_limit_on_file_size(tmp_path):
    done = run_python(FULL_DISK, tmp_path, 65536)
    assert done.stdout.splitlines()[-1:] == ["intact"], done.stderr
    assert "make room" in done.stdout


@POSIX
def test_a_really_full_disk(tmp_path):
    mount = 'mount -t tmpfs -o size=64k tmpfs "$1"'
    shell = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    try:
        probe = subprocess.run([*shell, mount, "sh", tmp_path], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if probe.returncode:
        pytest.skip("no private mounts here")
    inside = f'dir="$1"; {mount}; shift; exec "$@" "$dir" 0'
    done = run_python(FULL_DISK, wrap=[*shell, inside, "sh", tmp_path])
    assert done.stdout.splitlines()[-1:] == ["intact"], done.stderr
    assert "make room" in done.stdout


# Killed in the middle

WRITER = """
    import itertools, sys
    from course_utils.storage import write_atomically, write_json
    path, kind = sys.argv[1:]
    versions = [b"A" * 300_000, b"B" * 500_000] if kind == "bytes" else [["A"] * 20_000, ["B"] * 30_000]
    write = write_atomically if kind == "bytes" else write_json
    for number in itertools.count():
        write(path, versions[number % 2])
        if number == 0:
            print("writing", flush=True)
"""


@POSIX
@pytest.mark.parametrize("kind", ["bytes", "json"])
def test_twenty_kills_while_writing_leave_one_of_the_two_versions(tmp_path, kind):
    path, seen, chance = tmp_path / "file", set(), random.Random(1)
    for _ in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), path, kind], cwd=ROOT, stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout.readline() == b"writing\n"
            time.sleep(chance.uniform(0, 0.03))
            writer.send_signal(signal.SIGKILL)
        if kind == "bytes":
            data = path.read_bytes()
            assert data in {b"A" * 300_000, b"B" * 500_000}
        else:
            data = read_json(path, default="damaged")
            assert data in [["A"] * 20_000, ["B"] * 30_000]
        seen.add(data[:1] if kind == "bytes" else data[0])
    assert len(seen) == 2
    left = temporaries(tmp_path)
    assert left, "no kill hit a running write, so this test proved nothing"
    write_atomically(path, b"later")
    assert temporaries(tmp_path) == left  # they may belong to a running writer
    for temporary in left:
        os.utime(temporary, (0, time.time() - storage.STALE_AFTER_SECONDS - 5))
    write_atomically(path, b"much later")
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_other_files_are_left_alone(tmp_path):
    other = tmp_path / ".other.json.0123.tmp"
    mine = tmp_path / ".mine.json.0123.tmp"
    for leftover in (other, mine):
        leftover.write_bytes(b"part")
        os.utime(leftover, (0, 0))
    write_json(tmp_path / "mine.json", {})
    assert other.exists()
    assert not mine.exists()


def test_two_writers_at_once_do_not_mix(tmp_path):
    path = tmp_path / "file"
    versions = [bytes([65 + n]) * 20_000 for n in range(4)]
    failures = []

    def write_often(data):
        try:
            for _ in range(15):
                write_atomically(path, data)
        except Exception as error:  # reported below, for a thread cannot fail a test
            failures.append(error)

    threads = [threading.Thread(target=write_often, args=(data,)) for data in versions]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            assert path.read_bytes() in versions
    assert failures == []
    assert list(tmp_path.iterdir()) == [path]


# JSON

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(value=JSON_VALUES)
def test_any_json_value_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "value.json"
    assert read_json(write_json(path, value), default="absent") == value


def test_json_is_sorted_indented_readable_and_ends_with_a_newline(tmp_path):
    path = write_json(tmp_path / "a.json", {"b": "é", "a": [1]})
    assert path.read_bytes().decode("utf-8") == '{\n  "a": [\n    1\n  ],\n  "b": "é"\n}\n'


def test_half_a_surrogate_pair_comes_back(tmp_path):
    assert read_json(write_json(tmp_path / "a.json", {"x": "\ud83d"}), default=None) == {"x": "\ud83d"}


def test_missing_json_gives_the_default(tmp_path):
    default = {"fresh": True}
    (tmp_path / "file").write_text("")
    assert read_json(tmp_path / "none.json", default=default) is default
    assert read_json(tmp_path / "file" / "below.json", default=default) is default


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a.json", default=None) == [1]


@pytest.mark.parametrize(
    "damaged", [b"", b'{"a": 1', b"\xff\xfe\x00", b"[1] [2]", b"[" * 100_000, b"\x00" * 40]
)
def test_damaged_json_is_kept_aside_each_time_and_said_in_one_sentence(tmp_path, damaged):
    path = tmp_path / "progress.json"
    for number in (1, 2):
        path.write_bytes(damaged)
        with pytest.warns(StorageWarning) as caught:
            assert read_json(path, default="fresh") == "fresh"
        assert len(caught) == 1
        assert f"progress.json.damaged-{number}" in one_sentence(caught[0].message)
        assert caught[0].filename == __file__
        assert not path.exists()
        assert (tmp_path / f"progress.json.damaged-{number}").read_bytes() == damaged


def test_every_truncation_of_json_is_noticed(tmp_path):
    path = write_json(tmp_path / "a.json", {"lesson": "01", "done": [True, 2.5, None]})
    whole = path.read_bytes().rstrip()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.warns(StorageWarning):
            assert read_json(path, default="fresh") == "fresh"
    assert len(list(tmp_path.glob("a.json.damaged-*"))) == len(whole)


def test_damage_in_a_read_only_folder_is_still_survived(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_bytes(b"{")

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.warns(StorageWarning, match="could not be moved"):
        assert read_json(path, default=7) == 7
    assert set_aside(path) is None
    assert path.read_bytes() == b"{"


def test_json_that_may_not_be_read_is_an_error_not_the_default(tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(StorageError) as caught:
        read_json(tmp_path / "folder.json", default={})
    assert "could not be read" in one_sentence(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, {"a": object()}, {1: 0, "b": 0}])
def test_a_value_without_json_form_leaves_the_old_file(tmp_path, value):
    path = write_json(tmp_path / "a.json", ["old"])
    with pytest.raises(ValueError, match="has no JSON form") as caught:
        write_json(path, value)
    one_sentence(caught.value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_json(path, default=None) == ["old"]
    assert json.loads(path.read_text()) == ["old"]
