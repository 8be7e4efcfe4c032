"""Hidden places: how many, which, and what becomes of them."""

import pytest
import torch

from course_utils.models.masking import hide

MASK, ORDINARY = 50, 50


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def texts(rows=64, length=100):
    return torch.randint(ORDINARY, (rows, length), generator=generator(1))


def hide_some(tokens, *, seed=0, **options):
    settings = {"mask_token": MASK, "ordinary": ORDINARY, "generator": generator(seed)} | options
    return hide(tokens, **settings)


def test_the_same_share_of_each_text_and_nothing_else_changes():
    tokens = texts()
    before = tokens.clone()
    found = hide_some(tokens)
    assert (found.chosen.sum(dim=1) == 15).all()
    assert torch.equal(tokens, before)
    assert torch.equal(found.targets, before)
    assert torch.equal(found.tokens[~found.chosen], before[~found.chosen])


def test_of_the_chosen_80_are_marked_10_swapped_and_10_left():
    tokens = texts(400, 100)  # 6,000 chosen places: 2 points are four standard deviations
    found = hide_some(tokens)
    read, stood = found.tokens[found.chosen], found.targets[found.chosen]
    swapped = ((read != MASK) & (read != stood)).float().mean().item()
    assert (read == MASK).float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert swapped == pytest.approx(0.1 * (1 - 1 / ORDINARY), abs=0.016)
    assert (read == stood).float().mean().item() == pytest.approx(0.1 + 0.1 / ORDINARY, abs=0.016)
    assert int(read[read != MASK].max()) < ORDINARY


def test_each_place_and_each_token_is_drawn_as_often_as_the_others():
    found = hide_some(texts(20_000, 10), share=0.2)
    rates = found.chosen.float().mean(dim=0)
    assert rates.tolist() == pytest.approx([0.2] * 10, abs=0.012)
    swapped = found.tokens[found.chosen & (found.tokens != MASK) & (found.tokens != found.targets)]
    counts = torch.bincount(swapped, minlength=ORDINARY).float()
    assert counts.min() > 0.5 * counts.mean()
    assert counts.max() < 1.6 * counts.mean()


@pytest.mark.parametrize(
    ("length", "share", "wanted"), [(10, 0.15, 2), (3, 0.15, 1), (10, 0.3, 3), (4, 1, 4)]
)
def test_share_is_rounded_and_at_least_one(length, share, wanted):
    assert hide_some(texts(5, length), share=share).chosen.sum(dim=1).tolist() == [wanted] * 5


def test_padding_and_marks_are_never_chosen():
    tokens = texts(200, 12)
    allowed = torch.arange(12) < torch.randint(1, 13, (200, 1), generator=generator(3))
    found = hide_some(tokens, allowed=allowed, share=0.5)
    assert not (found.chosen & ~allowed).any()
    wanted = (0.5 * allowed.sum(dim=1)).round().clamp(min=1)
    assert torch.equal(found.chosen.sum(dim=1).float(), wanted)


def test_all_marked_or_all_left():
    tokens = texts()
    marked, left = hide_some(tokens, marked=1, swapped=0), hide_some(tokens, marked=0, swapped=0)
    assert (marked.tokens[marked.chosen] == MASK).all()
    assert torch.equal(left.tokens, tokens)
    assert left.chosen.any()


def test_the_same_seed_hides_the_same():
    tokens = texts()
    one, same, other = hide_some(tokens), hide_some(tokens), hide_some(tokens, seed=1)
    assert torch.equal(one.tokens, same.tokens)
    assert not torch.equal(one.chosen, other.chosen)


@pytest.mark.parametrize(
    "options", [{"share": 0}, {"share": 1.1}, {"marked": -0.1}, {"marked": 0.8, "swapped": 0.3}]
)
def test_shares_out_of_range(options):
    with pytest.raises(ValueError, match="together at most 1"):
        hide_some(texts(), **options)


def test_a_text_without_a_place_to_hide():
    allowed = torch.tensor([[True, True], [False, False]])
    with pytest.raises(ValueError, match="text 1 has no place"):
        hide_some(texts(2, 2), allowed=allowed)
