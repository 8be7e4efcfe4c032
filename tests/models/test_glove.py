"""GloVe against loops, weighted least squares, and the singular value decomposition it turns into."""

import numpy as np
import pytest
import torch
from scipy import sparse

from course_utils.models.glove import (
    Glove,
    GloveConfig,
    full_loss,
    gather_block,
    prepare_cells,
    row_blocks,
    solve_words,
    swap_sides,
    weigh,
)
from course_utils.training import History, fit

V, D = 12, 3
SETTINGS = [
    {"zero_weight": zero_weight, "biases": biases}
    for zero_weight in (0.0, 0.3)
    for biases in ("learned", "margins")
]


@pytest.fixture
def counts():
    """A symmetric table, a third of its cells empty, one count exactly 1 (whose logarithm is 0)."""
    rng = np.random.default_rng(0)
    upper = np.triu(rng.poisson(2.0, (V, V)) * rng.uniform(0.2, 9.0, (V, V)))
    table = upper + np.triu(upper, 1).T
    table[0, 1] = table[1, 0] = 1.0
    return sparse.csr_matrix(table)


def make(counts, *, seed=0, start=1.0, **settings):
    config = GloveConfig(dimension=D, **settings)
    cells = prepare_cells(counts, config)
    torch.manual_seed(seed)
    model = Glove(cells, config)
    with torch.no_grad():
        for table in (model.words, model.contexts):
            table.copy_(start * torch.randn(table.shape))
        if config.biases == "learned":
            model.word_biases.copy_(torch.randn(V))
            model.context_biases.copy_(torch.randn(V))
    return model, cells


def loss_by_loop(model, counts, *, zero_weight):
    """J / V as the docstring defines it, one cell after the other."""
    table = counts.toarray()
    words, contexts = model.words.detach().double().numpy(), model.contexts.detach().double().numpy()
    b, c = model.word_biases.detach().numpy(), model.context_biases.detach().numpy()
    total, rows = 0.0, table.sum(axis=1)
    for i in range(V):
        for j in range(V):
            predicted = words[i] @ contexts[j] + b[i] + c[j]
            if table[i, j] > 0:
                f = min(1.0, (table[i, j] / 10) ** 0.75)
                total += f * (predicted - np.log(table[i, j])) ** 2
            else:
                chance = rows[i] * rows[j] / table.sum()
                total += zero_weight * (predicted - np.log(chance)) ** 2
    return total / V


def test_weights_by_hand():
    assert weigh([0.625, 10, 1000], x_max=10, alpha=0.75) == pytest.approx([0.125, 1, 1])
    assert weigh([0.5, 2], x_max=10, alpha=0) == pytest.approx([1, 1])


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_loss_is_a_loop_over_cells(counts, settings):
    model, cells = make(counts, **settings)
    expected = loss_by_loop(model, counts, zero_weight=settings["zero_weight"])
    for size in (1, 5, V, 99):
        assert full_loss(model, cells, size=size) == pytest.approx(expected, rel=1e-5)


def test_one_pass_visits_every_cell_once_in_an_order_of_its_own(counts):
    model, cells = make(counts)
    blocks = list(row_blocks(cells, parts=3)(torch.Generator().manual_seed(0)))
    assert len(blocks) == 3
    seen = [(int(b.rows[p]), int(c)) for b in blocks for p, c in zip(b.places, b.columns, strict=True)]
    assert sorted(seen) == sorted(zip(*(a.tolist() for a in counts.nonzero()), strict=True))
    other = list(row_blocks(cells, parts=3)(torch.Generator().manual_seed(1)))
    assert blocks[0].rows.tolist() != other[0].rows.tolist()
    total = sum(model.loss(block).item() * len(block.rows) for block in blocks)
    assert total / V == pytest.approx(full_loss(model, cells), rel=1e-5)


@pytest.mark.parametrize("settings", SETTINGS)
def test_solving_leaves_no_gradient_on_the_word_side(counts, settings):
    model, cells = make(counts, **settings)
    before = full_loss(model, cells)
    solve_words(model, cells, ridge=0.0)
    assert full_loss(model, cells) < before
    model.loss(gather_block(cells, np.arange(V))).backward()
    assert model.words.grad.abs().max() < 1e-3
    assert model.contexts.grad.abs().max() > 1e-2
    if settings["biases"] == "learned":
        assert model.word_biases.grad.abs().max() < 1e-3


def test_solving_is_weighted_least_squares(counts):
    model, cells = make(counts)
    solve_words(model, cells, ridge=0.0)
    row = counts.toarray()[4]
    seen, root = row > 0, np.sqrt(weigh(row, x_max=10, alpha=0.75))[row > 0]
    basis = np.hstack([model.contexts.detach().numpy(), np.ones((V, 1))])[seen]
    wanted = np.log(row[seen]) - model.context_biases.detach().numpy()[seen]
    best = np.linalg.lstsq(basis * root[:, None], wanted * root, rcond=None)[0]
    assert model.words[4].detach().numpy() == pytest.approx(best[:D], abs=1e-3)
    assert float(model.word_biases[4].detach()) == pytest.approx(best[D], abs=1e-3)


def test_with_every_cell_at_weight_one_it_is_a_singular_value_decomposition(counts):
    model, cells = make(counts, zero_weight=1.0, alpha=0.0, biases="margins")
    for _ in range(200):
        solve_words(model, cells)
        swap_sides(model)
    table, rows = counts.toarray(), counts.toarray().sum(axis=1)
    with np.errstate(divide="ignore"):
        pmi = np.log(table * table.sum() / np.outer(rows, rows))
    pmi[table == 0] = 0  # a pair never counted: as chance would have it
    tail = np.linalg.svd(pmi, compute_uv=False)[D:]
    assert full_loss(model, cells) * V == pytest.approx((tail**2).sum(), rel=1e-3)  # Eckart and Young


def test_training_reaches_what_alternating_least_squares_finds(counts):
    settings = {"zero_weight": 0.3, "biases": "margins"}
    exact, cells = make(counts, **settings)
    for _ in range(60):
        solve_words(exact, cells)
        swap_sides(exact)
    model, _ = make(counts, start=0.3, passes=400, learning_rate=0.5, blocks=1, **settings)
    fit(model, history=History(), **model.recipe(cells))
    assert full_loss(model, cells) == pytest.approx(full_loss(exact, cells), rel=1e-2)


def test_swapping_sides_of_a_symmetric_table_changes_no_loss_and_undoes_itself(counts):
    model, cells = make(counts)
    words, loss = model.words.detach().clone(), full_loss(model, cells)
    swap_sides(model)
    assert not torch.equal(model.words, words)
    assert full_loss(model, cells) == pytest.approx(loss, rel=1e-5)
    swap_sides(model)
    assert torch.equal(model.words, words)


def test_vectors_are_the_sum_or_the_words(counts):
    model, _ = make(counts)
    assert model.vectors() == pytest.approx((model.words + model.contexts).detach().numpy())
    alone = model.vectors(combine="words")
    assert alone == pytest.approx(model.words.detach().numpy())
    alone[:] = 0
    assert model.words.abs().sum() > 0  # a copy, not the model's own memory


def test_fixed_biases_stay_and_learned_ones_move(counts):
    for biases in ("learned", "margins"):
        model, cells = make(counts, biases=biases)
        before = model.word_biases.detach().clone()
        fit(model, history=History(), **model.recipe(cells))
        assert torch.equal(model.word_biases, before) == (biases == "margins")


def test_the_same_seed_gives_the_same_start(counts):
    config = GloveConfig(dimension=D)
    cells = prepare_cells(counts, config)
    torch.manual_seed(3)
    first = Glove(cells, config).words
    torch.manual_seed(3)
    assert torch.equal(first, Glove(cells, config).words)


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        (np.ones((2, 3)), {}, "square table"),
        (np.ones((1, 1)), {}, "two words or more"),
        (np.zeros((3, 3)), {}, "not all 0"),
        (-np.ones((3, 3)), {}, "0 or more"),
        (np.array([[np.nan, 1], [1, 1]]), {}, "0 or more"),
        (np.array([[1.0, 0], [0, 0]]), {}, "Word 1 never has company"),
        (np.ones((3, 3)), {"x_max": 0.0}, "x_max must be above 0"),
        (np.ones((3, 3)), {"alpha": -1.0}, "alpha 0 or more"),
        (np.ones((3, 3)), {"zero_weight": 2.0}, "zero_weight must lie between"),
        (np.ones((3, 3)), {"dimension": 0}, "dimension, passes and blocks"),
        (np.ones((3, 3)), {"learning_rate": 0.0}, "learning_rate above 0"),
        (np.ones((3, 3)), {"biases": "none"}, '"learned" or "margins"'),
    ],
)
def test_bad_input_is_refused_with_a_sentence(table, settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        prepare_cells(table, GloveConfig(**settings))
    assert "\n" not in str(caught.value)


def test_no_blocks_are_refused(counts):
    with pytest.raises(ValueError, match="one block or more"):
        row_blocks(make(counts)[1], parts=0)
