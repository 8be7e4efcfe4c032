"""Positions against their formulas, spelled out number by number."""

import math

import pytest
import torch

from course_utils.layers.positions import POSITIONS, LearnedPositions, RotaryPositions, SinusoidalPositions

B, H, T, C = 2, 3, 7, 24
D = C // H


def scheme(kind, *, longest=20):
    torch.manual_seed(0)
    return POSITIONS[kind](C, heads=H, longest=longest)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("place", [0, 1, 6, 19, 20, 57])
def test_sinusoidal_is_the_papers_formula(place):
    found = scheme("sinusoidal").add(torch.zeros(1, 1, C), start=place)[0, 0]
    for i in range(C // 2):
        angle = place / 10_000 ** (2 * i / C)
        assert found[2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
        assert found[2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


@pytest.mark.parametrize("shift", [1, 5, 40])
def test_a_shift_of_sinusoidal_positions_is_one_linear_map(shift):
    vectors = scheme("sinusoidal", longest=200).add(torch.zeros(1, 200, C))[0]
    matrix = torch.zeros(C, C)
    for i in range(C // 2):
        angle = shift / 10_000 ** (2 * i / C)
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = torch.tensor(
            [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        )
    torch.testing.assert_close(vectors[:-shift] @ matrix.T, vectors[shift:], atol=1e-5, rtol=0)


def test_learned_positions_are_the_table():
    one, x = scheme("learned"), random(B, T, C)
    torch.testing.assert_close(one.add(x) - x, one.table.weight[:T].expand(B, T, C))
    torch.testing.assert_close(one.add(x, start=13) - x, one.table.weight[13:].expand(B, T, C))
    assert list(one.state_dict()) == ["table.weight"]


@pytest.mark.parametrize("start", [14, torch.tensor([2, 14])])
def test_learned_positions_end(start):
    with pytest.raises(ValueError, match="place 21 was asked for, but only 20 were learned"):
        scheme("learned").add(random(B, T, C), start=start)


def turned(one, vector, place):
    """One vector (D,) of all heads, turned at a place."""
    return one.rotate(vector.expand(1, H, 1, D), start=place)[0, 0, 0]


@pytest.mark.parametrize("distance", [-6, 0, 1, 11])
def test_a_rotary_score_knows_the_distance_alone(distance):
    one, query, key = scheme("rotary"), random(D), random(D, seed=1)
    scores = [turned(one, query, p) @ turned(one, key, p + distance) for p in (6, 7, 18, 40)]
    torch.testing.assert_close(torch.stack(scores), scores[0].expand(4), atol=1e-5, rtol=0)
    other = turned(one, query, 6) @ turned(one, key, 6 + distance + 1)
    assert abs(other - scores[0]) > 1e-2


def test_rotary_keeps_lengths_and_the_first_place():
    one, q = scheme("rotary"), random(B, H, T, D)
    torch.testing.assert_close(one.rotate(q).norm(dim=-1), q.norm(dim=-1))
    torch.testing.assert_close(one.rotate(q)[:, :, 0], q[:, :, 0])
    assert not torch.allclose(one.rotate(q)[:, :, 1:], q[:, :, 1:])


@pytest.mark.parametrize("start", [0, 3, 30])
def test_rotary_is_a_product_of_complex_numbers(start):
    q = random(B, H, T, D)
    frequencies = torch.tensor([10_000 ** (-2 * i / D) for i in range(D // 2)])
    angles = torch.arange(start, start + T)[:, None] * frequencies
    pairs = torch.complex(q[..., : D // 2], q[..., D // 2 :]) * torch.polar(torch.ones_like(angles), angles)
    found = scheme("rotary").rotate(q, start=start)
    torch.testing.assert_close(found, torch.cat([pairs.real, pairs.imag], dim=-1), atol=1e-5, rtol=1e-5)


def test_rotary_is_the_papers_matrix_after_another_order_of_the_numbers():
    one, q = scheme("rotary"), random(D)
    order = torch.arange(D).view(2, D // 2).T.flatten()  # (0, D/2), (1, D/2 + 1), … side by side
    matrix = torch.zeros(D, D)
    for i in range(D // 2):
        angle = 5 * 10_000 ** (-2 * i / D)
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = torch.tensor(
            [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
        )
    torch.testing.assert_close(turned(one, q, 5)[order], matrix @ q[order])


@pytest.mark.parametrize("kind", POSITIONS)
def test_each_row_may_start_at_a_place_of_its_own(kind):
    one, x, q = scheme(kind), random(B, T, C), random(B, H, T, D)
    starts = torch.tensor([3, 11])
    added, rotated = one.add(x, start=starts), one.rotate(q, start=starts)
    for row, start in enumerate(starts.tolist()):
        torch.testing.assert_close(added[row : row + 1], one.add(x[row : row + 1], start=start))
        torch.testing.assert_close(rotated[row : row + 1], one.rotate(q[row : row + 1], start=start))


@pytest.mark.parametrize("kind", POSITIONS)
@pytest.mark.parametrize("start", [-2, torch.tensor([-2, -2])])
def test_with_padding_on_the_left_the_first_token_stands_at_0(kind, start):
    one, x, q = scheme(kind), random(B, T, C), random(B, H, T, D)
    torch.testing.assert_close(one.add(x, start=start)[:, 2:], one.add(x[:, 2:]))
    torch.testing.assert_close(one.rotate(q, start=start)[:, :, 2:], one.rotate(q[:, :, 2:]))
    torch.testing.assert_close(one.add(x, start=start)[:, 0], one.add(x[:, :1])[:, 0])


@pytest.mark.parametrize("kind", POSITIONS)
def test_step_by_step_is_all_at_once(kind):
    one, x, q = scheme(kind, longest=T), random(B, T, C), random(B, H, T, D)
    steps = [one.add(x[:, t : t + 1], start=t) for t in range(T)]
    assert torch.equal(torch.cat(steps, dim=1), one.add(x))
    turns = [one.rotate(q[:, :, t : t + 1], start=t) for t in range(T)]
    assert torch.equal(torch.cat(turns, dim=2), one.rotate(q))


@pytest.mark.parametrize(("kind", "adds", "rotates"), [
    ("none", False, False), ("learned", True, False), ("sinusoidal", True, False), ("rotary", False, True)
])  # fmt: skip
def test_each_scheme_enters_in_one_place(kind, adds, rotates):
    one, x, q = scheme(kind), random(B, T, C), random(B, H, T, D)
    assert (one.add(x) is not x, one.rotate(q) is not q) == (adds, rotates)


@pytest.mark.parametrize("kind", ["sinusoidal", "rotary"])
def test_what_is_computed_is_no_parameter_and_outlives_its_table(kind):
    one, long = scheme(kind, longest=4), scheme(kind, longest=40)
    assert not one.state_dict()
    x = {"sinusoidal": random(B, 40, C), "rotary": random(B, H, 40, D)}[kind]
    call = {"sinusoidal": "add", "rotary": "rotate"}[kind]
    assert torch.equal(getattr(one, call)(x), getattr(long, call)(x))
    half = getattr(one, call)(x.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), getattr(one, call)(x), atol=0.06, rtol=0)


@pytest.mark.parametrize(
    ("kind", "width", "heads", "longest", "message"),
    [
        (LearnedPositions, 24, 3, 0, "longest is 0"),
        (LearnedPositions, 24, 5, 9, "width 24 cannot be shared equally by 5 heads"),
        (RotaryPositions, 24, 0, 9, "width 24 cannot be shared equally by 0 heads"),
        (RotaryPositions, 24, 8, 9, "heads have 3 numbers; they are turned in pairs"),
        (SinusoidalPositions, 9, 3, 9, "width is 9; sines and cosines come in pairs"),
    ],
)
def test_sizes_that_cannot_be(kind, width, heads, longest, message):
    with pytest.raises(ValueError, match=message):
        kind(width, heads=heads, longest=longest)
