"""Results measured ahead are what they were, and text is drawn in nested parts."""

import json

import numpy as np
import pytest

from course_utils.datasets import measurements
from course_utils.datasets.measurements import keep_frequent, load_measurements, sample_text
from course_utils.layers.positions import POSITIONS
from course_utils.storage import DataError

METHODS = {"PPMI + SVD", "skip-gram", "subword skip-gram", "GloVe", "GloVe seeing zeros"}
DOCUMENTS = [np.arange(1200), np.arange(2000, 2700), np.arange(0)]


def test_amounts_have_every_method_share_and_seed():
    measured = load_measurements("text_amounts")
    assert measured["command"].startswith("python benchmarks/word_vector_trials.py amounts")
    keys = [(row["method"], row["text"], row["seed"]) for row in measured["rows"]]
    assert len(set(keys)) == len(keys) == len(METHODS) * 3 * 5
    assert {key[0] for key in keys} == METHODS
    for row in measured["rows"]:
        assert -1 <= row["wordsim"] <= 1
        assert row["wordsim_pairs"] == row["wordsim_rare_pairs"] + row["wordsim_common_pairs"]


def test_variants_name_their_command():
    measured = load_measurements("glove_variants")
    assert measured["command"].startswith("python benchmarks/word_vector_trials.py variants")
    assert {"GloVe", "zeros seen 0.01", "biases fixed"} <= {row["variant"] for row in measured["rows"]}


def test_position_schemes_have_several_seeds_and_add_up():
    measured = load_measurements("position_schemes")
    assert measured["command"] == "python benchmarks/position_schemes.py"
    keys = [(row["positions"], row["seed"]) for row in measured["rows"]]
    assert len(set(keys)) == len(keys)
    assert {name: sum(key[0] == name for key in keys) for name in POSITIONS} == dict.fromkeys(POSITIONS, 5)
    for row in measured["rows"]:
        test, far = row["sentences"][:6], row["sentences"][6:]
        assert row["target_tokens"] <= 1_200_000
        for exact, sizes, shares in (
            (row["exact"], test, row["exact_by_words"][:6]),
            (row["long_exact"], far, row["exact_by_words"][6:]),
        ):
            assert np.average(shares, weights=sizes) == pytest.approx(exact, abs=2e-4)


def test_an_altered_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "text_amounts.json").write_text(json.dumps({"rows": []}))
    monkeypatch.setattr(measurements, "course_folder", lambda: tmp_path)
    with pytest.raises(DataError, match="git checkout data/text_amounts.json"):
        load_measurements("text_amounts")
    with pytest.raises(DataError, match="git checkout data/glove_variants.json"):
        load_measurements("glove_variants")
    with pytest.raises(DataError, match="no measurements named 'other'"):
        load_measurements("other")


def test_smaller_parts_lie_within_larger_ones():
    parts = {share: sample_text(DOCUMENTS, share=share, seed=3, length=100) for share in (0.1, 0.4, 0.9)}
    held = {share: set(np.concatenate(part).tolist()) for share, part in parts.items()}
    assert [len(part) for part in parts.values()] == [2, 8, 17]
    assert held[0.1] < held[0.4] < held[0.9]
    for part in parts.values():
        assert all((np.diff(piece) == 1).all() for piece in part)  # pieces are runs of the text
        starts = [piece[0] for piece in part]
        assert starts == sorted(starts)
    other = sample_text(DOCUMENTS, share=0.4, seed=4, length=100)
    assert set(np.concatenate(other).tolist()) != held[0.4]


def test_all_of_the_text_is_the_text():
    whole = sample_text(DOCUMENTS, share=1, seed=0)
    assert all(np.array_equal(one, other) for one, other in zip(whole, DOCUMENTS, strict=True))


def test_frequent_words_are_kept_and_numbered_anew():
    texts, kept = keep_frequent([np.array([5, 2, 5]), np.array([2, 9, 7, 7])], least=2)
    assert [text.tolist() for text in texts] == [[1, 0, 1], [0, 2, 2]]
    assert kept.tolist() == [2, 5, 7]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_text(DOCUMENTS, share=0, seed=0), "share must lie above 0"),
        (lambda: sample_text(DOCUMENTS, share=1.5, seed=0), "share must lie above 0"),
        (lambda: sample_text(DOCUMENTS, share=0.5, seed=0, length=0), "length be 1 or more"),
        (lambda: sample_text([], share=0.5, seed=0), "no text to draw from"),
        (lambda: keep_frequent([np.array([0, 1])], least=2), "No word is seen 2 times"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
