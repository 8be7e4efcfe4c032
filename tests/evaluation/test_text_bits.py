"""Bits per character of raw text against numbers worked by hand."""

import numpy as np
import pytest

from course_utils.evaluation.text_bits import text_bits

HALF = np.log(0.5)


def test_by_hand():
    # 3 + 1 bits on 4 + 4 characters; how many pieces a text has does not matter
    result = text_bits([[HALF] * 3, [HALF]], ["abcd", "é🙂 \n"])
    assert result.bits == pytest.approx(4 / 8)
    assert (result.characters, result.spelling) == (8, 0.0)
    assert (result.low, result.high) == pytest.approx((1 / 4, 3 / 4))  # only one of the two texts drawn


def test_spelling_is_paid_on_top():
    result = text_bits([[HALF] * 3, [HALF]], ["abcd", "efgh"], spelling=[0, 12])
    assert result.bits == pytest.approx(16 / 8)
    assert result.spelling == pytest.approx(12 / 16)


def test_a_uniform_model_of_bytes_pays_eight_bits_a_byte():
    text = "naïve"
    logs = np.full(len(text.encode()), -np.log(256))
    assert text_bits([logs], [text]).bits == pytest.approx(8 * 6 / 5)


@pytest.mark.parametrize(
    ("logs", "texts", "spelling", "message"),
    [
        ([], [], None, "one text or more"),
        ([[HALF]], ["a", "b"], None, "2 texts, 1 arrays"),
        ([[HALF]], ["a"], [1, 2], "2 costs of spelling"),
        ([[HALF], [HALF]], ["a", ""], None, "text 1 is empty"),
        ([[HALF]], ["a"], [-1], "never less"),
        ([[0.5]], ["a"], None, "0 or below"),
        ([[np.nan]], ["a"], None, "never NaN"),
        ([[[HALF]]], ["a"], None, r"of shape \(T,\)"),
    ],
)
def test_unusable_arguments(logs, texts, spelling, message):
    with pytest.raises(ValueError, match=message):
        text_bits(logs, texts, spelling=spelling)
