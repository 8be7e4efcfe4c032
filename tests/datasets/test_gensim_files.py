"""Files in gensim's folder: found without importing it, and refused when they are not what they were."""

import importlib.util
import shutil
import subprocess
import sys

import pytest

from course_utils.datasets import gensim_files
from course_utils.datasets.gensim_files import FILES, gensim_file, sha256_of_source
from course_utils.datasets.lee import load_lee
from course_utils.datasets.wikipedia import load_wikipedia
from course_utils.datasets.word_analogies import load_analogies
from course_utils.datasets.word_pairs import load_simlex999, load_wordsim353
from course_utils.storage import DataError, sha256_of

LOADERS = {
    "wikipedia": load_wikipedia,
    "wordsim353": load_wordsim353,
    "simlex999": load_simlex999,
    "analogies": load_analogies,
    "lee": load_lee,
    "lee_background": load_lee,
    "lee_ratings": load_lee,
}


def remove(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def alter(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture
def copies(tmp_path, monkeypatch):
    for name in FILES:
        shutil.copy(gensim_file(name), tmp_path)
    monkeypatch.setattr(gensim_files, "gensim_folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_there_and_has_its_checksum(name):
    path = gensim_file(name)
    assert path.parent == gensim_files.gensim_folder()
    assert sha256_of(path) == sha256_of_source(name)


@pytest.mark.parametrize("damage", [remove, truncate, alter])
@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_altered_file_gives_one_sentence(copies, name, damage):
    path = gensim_file(name)
    assert path.parent == copies
    damage(path)
    with pytest.raises(DataError) as caught:
        LOADERS[name]()
    message = str(caught.value)
    assert path.name in message
    assert message.endswith("python -m pip install --force-reinstall --no-deps gensim")
    assert "\n" not in message
    # Nothing else is printed above the sentence.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_without_gensim_the_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(gensim_files, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="gensim.* is not installed; run: make lab"):
        gensim_file("simlex999")


def test_an_unknown_name_is_refused():
    with pytest.raises(
        ValueError, match="knows wikipedia, wordsim353, simlex999, analogies, lee, .* not 'men'"
    ):
        gensim_file("men")


def test_importing_and_reading_load_no_heavy_library():
    assert importlib.util.find_spec("gensim") is not None
    code = """
import sys
import course_utils.text.vocab, course_utils.vectors, course_utils.models.counts
import course_utils.datasets.wikipedia, course_utils.evaluation.similarity, course_utils.evaluation.analogies
from course_utils.datasets.word_analogies import load_analogies
from course_utils.datasets.word_pairs import load_simlex999, load_wordsim353
assert len(load_wordsim353() + load_simlex999() + load_analogies()) == 353 + 999 + 19544
print([name for name in ("gensim", "sklearn", "umap", "numba", "torch", "matplotlib") if name in sys.modules])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
