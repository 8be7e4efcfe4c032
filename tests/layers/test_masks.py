"""Masks mark tokens with True, and refuse rows that nothing could look at."""

import pytest
import torch

from course_utils.layers.masks import causal_mask, padding_mask, require_open_rows


def test_padding_mask_by_hand():
    found = padding_mask(torch.tensor([3, 1, 4]), width=4)
    wanted = [[True, True, True, False], [True, False, False, False], [True, True, True, True]]
    assert found.tolist() == wanted
    assert found.dtype == torch.bool


@pytest.mark.parametrize("lengths", [[0, 2], [2, 5]])
def test_lengths_must_fit(lengths):
    with pytest.raises(ValueError, match="each must be 1 to 4"):
        padding_mask(torch.tensor(lengths), width=4)


@pytest.mark.parametrize("lengths", [torch.tensor([1.0]), torch.tensor([[1]])])
def test_lengths_must_be_a_row_of_whole_numbers(lengths):
    with pytest.raises(ValueError, match="one whole number per row"):
        padding_mask(lengths, width=4)


def test_a_closed_row_is_refused_and_counted():
    require_open_rows(torch.tensor([[True, False], [False, True]]))
    with pytest.raises(ValueError, match="1 of 2 rows of the mask allow no position"):
        require_open_rows(torch.tensor([[True, False], [False, False]]))


def test_numbers_are_no_mask():
    with pytest.raises(ValueError, match=r"boolean.*torch\.float32"):
        require_open_rows(torch.ones(2, 2))


def test_causal_looks_back_only():
    mask = causal_mask(4)
    assert mask.tolist() == [[column <= row for column in range(4)] for row in range(4)]
    require_open_rows(mask)
    with pytest.raises(ValueError, match="at least one position"):
        causal_mask(0)
