"""The cache holds what was appended, in every order of rows, and old states keep what they held."""

import pytest
import torch

from course_utils.decoding.steps import require_rows, select
from course_utils.layers.key_value_cache import KeyValueCache

B, H, T, D = 3, 2, 9, 4


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def empty(*, room=16, longest=None):
    return KeyValueCache.empty(B, heads=H, width=D, room=room, longest=longest)


@pytest.fixture
def keys():
    return random(B, H, T, D)


@pytest.fixture
def values():
    return random(B, H, T, D, seed=1)


@pytest.mark.parametrize("room", [1, 2, 5, 9, 16])
def test_it_gives_back_all_that_was_appended(keys, values, room):
    cache, end = empty(room=room), 0
    for width in (1, 3, 1, 1, 3):
        found = cache.append(keys[:, :, end : end + width], values[:, :, end : end + width])
        end += width
        assert cache.filled == end
        assert torch.equal(found[0], keys[:, :, :end])
        assert torch.equal(found[1], values[:, :, :end])


def test_a_step_writes_in_place_and_returns_views(keys, values):
    cache = empty(room=T)
    addresses = set()
    for t in range(T):
        found, _ = cache.append(keys[:, :, t : t + 1], values[:, :, t : t + 1])
        addresses.add(found.data_ptr())
        assert found.untyped_storage().data_ptr() == cache.keys.untyped_storage().data_ptr()
    assert len(addresses) == 1


def test_room_doubles_so_that_copies_are_rare():
    cache, moves, before = empty(room=1), 0, 0
    for t in range(100):
        cache.append(random(B, H, 1, D, seed=t), random(B, H, 1, D, seed=t))
        moves += cache.keys.data_ptr() != before
        before = cache.keys.data_ptr()
    assert moves <= 8
    assert cache.keys.shape[2] == 128


def test_a_full_cache_is_refused_and_unchanged(keys, values):
    cache = empty(room=2, longest=5)
    cache.append(keys[:, :, :4], values[:, :, :4])
    with pytest.raises(ValueError, match="holds 4 of 5 tokens and cannot take 2 more"):
        cache.append(keys[:, :, 4:6], values[:, :, 4:6])
    assert cache.filled == 4
    found, _ = cache.append(keys[:, :, 4:5], values[:, :, 4:5])
    assert torch.equal(found, keys[:, :, :5])
    assert cache.keys.shape[2] == 5


def test_a_fork_costs_nothing_and_leaves_the_old_one_as_it_was(keys, values):
    old = empty()
    old.append(keys[:, :, :2], values[:, :, :2])
    new = old.fork()
    new.append(keys[:, :, 2:3], values[:, :, 2:3])
    assert (old.filled, new.filled) == (2, 3)
    assert new.keys.data_ptr() == old.keys.data_ptr()


@pytest.mark.parametrize("room", [3, 16])
def test_two_texts_may_go_on_from_one_state(keys, values, room):
    old = empty(room=room)
    old.append(keys[:, :, :2], values[:, :, :2])
    one, two = old.fork(), old.fork()
    other = random(B, H, T, D, seed=5)
    one.append(keys[:, :, 2:3], values[:, :, 2:3])
    found, _ = two.append(other[:, :, :1], other[:, :, :1])
    assert torch.equal(found, torch.cat([keys[:, :, :2], other[:, :, :1]], dim=2))
    found, _ = one.append(keys[:, :, 3:4], values[:, :, 3:4])
    assert torch.equal(found, keys[:, :, :4])
    found, _ = two.append(other[:, :, 1:2], other[:, :, 1:2])
    assert torch.equal(found, torch.cat([keys[:, :, :2], other[:, :, :2]], dim=2))
    found, _ = old.append(keys[:, :, 2:3], values[:, :, 2:3])
    assert torch.equal(found, keys[:, :, :3])


def test_who_has_moved_away_counts_no_longer(keys, values):
    old, parts = empty(), [(keys[:, :, t : t + 1], values[:, :, t : t + 1]) for t in range(T)]
    stays, moves = old.fork(), old.fork()
    stays.append(*parts[0])
    first, second = stays.fork(), stays.fork()
    first.append(*parts[1])
    moves.append(*parts[5])  # into memory of its own, where it holds one token
    second.append(*parts[6])  # not into the place that `first` has taken
    assert torch.equal(first.append(*parts[2])[0], keys[:, :, :3])
    assert torch.equal(second.append(*parts[7])[0], keys[:, :, [0, 6, 7]])
    assert torch.equal(moves.append(*parts[6])[0], keys[:, :, 5:7])


@pytest.mark.parametrize("rows", [[0, 2], [1, 1, 0, 2, 2], torch.tensor([2])])
@pytest.mark.parametrize("way", ["reorder", "select"])
def test_rows_are_picked(keys, values, rows, way):
    cache = empty()
    cache.append(keys[:, :, :4], values[:, :, :4])
    picked = cache.reorder(rows) if way == "reorder" else select({"layers": (cache,)}, rows)["layers"][0]
    require_rows(picked, len(rows))
    found = picked.append(keys[rows, :, 4:5], values[rows, :, 4:5])
    assert torch.equal(found[0], keys[rows, :, :5])
    assert torch.equal(found[1], values[rows, :, :5])
    assert cache.filled == 4
    assert torch.equal(cache.append(keys[:, :, 4:5], values[:, :, 4:5])[0], keys[:, :, :5])


def test_decoding_refuses_a_cache_of_another_batch(keys, values):
    cache = empty()
    with pytest.raises(ValueError, match="there are 4 rows"):
        require_rows((cache,), 4)
    with pytest.raises(ValueError, match="do not fit a cache of 3 rows"):
        cache.append(keys[:2], values[:2])
    with pytest.raises(ValueError, match="do not fit a cache of 3 rows"):
        cache.append(keys, values[:, :, 1:])


@pytest.mark.parametrize(("room", "longest"), [(0, None), (6, 5)])
def test_a_room_that_cannot_be(room, longest):
    with pytest.raises(ValueError, match="choose 1 <= room <= longest"):
        empty(room=room, longest=longest)


def test_type_and_place_are_those_asked_for():
    like = torch.zeros(1, dtype=torch.bfloat16)
    assert KeyValueCache.empty(B, heads=H, width=D, room=4, like=like).keys.dtype == torch.bfloat16
    assert empty().values.dtype == torch.float32
