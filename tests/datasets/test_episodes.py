"""Episodes: rules drawn anew, and marks that say what can be known."""

import numpy as np
import pytest

from course_utils.datasets.episodes import (
    KEYS,
    SYMBOLS,
    VALUES,
    Episodes,
    count_earlier,
    draw_copies,
    draw_tables,
    join_episodes,
)


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_a_table_gives_each_key_one_value_and_marks_what_was_seen(generator):
    drawn = draw_tables(50, pairs=12, keys=4, generator=generator)
    assert drawn.tokens.shape == drawn.known.shape == (50, 24)
    for row in range(len(drawn)):
        text, table = drawn.text(row), {}
        for place in range(0, 24, 2):
            key, value = text[place], text[place + 1]
            assert key in KEYS
            assert value in VALUES
            assert not drawn.known[row, place]
            assert drawn.known[row, place + 1] == (key in table)
            assert table.setdefault(key, value) == value
        assert len(table) <= 4


def test_tables_are_drawn_anew(generator):
    drawn = draw_tables(2000, pairs=1, keys=3, generator=generator)
    counts = np.zeros((26, 10))
    np.add.at(counts, (drawn.tokens[:, 0], drawn.tokens[:, 1] - 26), 1)
    # Each of 260 pairs is expected 7.7 times; a key with a value of its own would stand out.
    assert counts.max() < 25
    assert counts.sum(axis=1).min() > 40
    assert counts.sum(axis=0).min() > 140


def test_symbols_can_be_chosen(generator):
    drawn = draw_tables(20, pairs=6, keys=3, generator=generator, from_keys="789", from_values="xyz")
    for row in range(20):
        assert set(drawn.text(row)[0::2]) <= set("789")
        assert set(drawn.text(row)[1::2]) <= set("xyz")


def test_a_copy_repeats_its_block_and_marks_it_from_its_second_symbol_on(generator):
    drawn = draw_copies(200, length=20, shortest=3, generator=generator)
    sizes = set()
    for tokens, known in zip(drawn.tokens, drawn.known, strict=True):
        size = int(known.argmax()) - 1
        sizes.add(size)
        np.testing.assert_array_equal(tokens[size:], tokens[:-size])
        assert not known[: size + 1].any()
        assert known[size + 1 :].all()
    assert sizes == set(range(3, 11))


def test_the_size_of_blocks_can_be_fixed(generator):
    drawn = draw_copies(5, length=12, shortest=6, longest=6, generator=generator, symbols="abc")
    np.testing.assert_array_equal(drawn.tokens[:, :6], drawn.tokens[:, 6:])
    assert set(drawn.text(0)) <= set("abc")


def test_the_same_generator_gives_the_same_texts():
    for draw in (
        lambda g: draw_tables(4, pairs=5, keys=3, generator=g),
        lambda g: draw_copies(4, length=10, shortest=2, generator=g),
    ):
        one, two, other = (draw(np.random.default_rng(seed)).tokens for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, two)
        assert (one != other).any()


def test_joined_episodes_keep_their_order(generator):
    tables = draw_tables(3, pairs=5, keys=3, generator=generator)
    copies = draw_copies(2, length=10, shortest=2, generator=generator)
    both = join_episodes([tables, copies])
    assert len(both) == 5
    assert [both.text(row) for row in (2, 3)] == [tables.text(2), copies.text(0)]
    np.testing.assert_array_equal(both.known[3:], copies.known)


def test_earlier_occurrences_are_counted_row_by_row():
    tokens = np.array([[5, 5, 1, 5], [5, 2, 2, 5]])
    assert count_earlier(tokens).tolist() == [[0, 1, 0, 2], [0, 0, 1, 1]]


def test_a_symbol_is_its_place():
    assert SYMBOLS[26] == "0"
    assert Episodes(np.array([[25, 35]]), np.zeros((1, 2), dtype=bool)).text(0) == "z9"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda g: draw_tables(0, pairs=3, keys=2, generator=g), "0 texts"),
        (lambda g: draw_tables(2, pairs=0, keys=2, generator=g), "0 pairs"),
        (lambda g: draw_tables(2, pairs=3, keys=0, generator=g), "0 keys"),
        (lambda g: draw_tables(2, pairs=3, keys=4, generator=g, from_keys="abc"), "at most 3 keys"),
        (lambda g: draw_tables(2, pairs=3, keys=2, generator=g, from_values="1!"), "'!' is no symbol"),
        (lambda g: draw_tables(2, pairs=3, keys=2, generator=g, from_values=""), "is no symbol"),
        (lambda g: draw_copies(2, length=8, shortest=0, generator=g), "shortest"),
        (lambda g: draw_copies(2, length=8, shortest=5, generator=g), "blocks of 5 to 4"),
        (lambda g: draw_copies(2, length=8, shortest=2, longest=9, generator=g), "blocks of 2 to 9"),
        (lambda g: join_episodes([]), "one length"),
        (
            lambda g: join_episodes([draw_tables(1, pairs=n, keys=1, generator=g) for n in (2, 3)]),
            r"\[4, 6\]",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(generator, call, says):
    with pytest.raises(ValueError, match=says):
        call(generator)
