"""The adapter starts as nothing, its loss is InfoNCE, and it learns a map between two sides."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.models.adapter import AdapterConfig, ContrastiveAdapter, pair_batches
from course_utils.training import History, fit


def adapter(seed=0, **changes):
    torch.manual_seed(seed)
    return ContrastiveAdapter(AdapterConfig(**{"width": 6, "rank": 6} | changes))


def unit_rows(n, *, width=6, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_untrained_it_changes_nothing():
    vectors = unit_rows(5)
    np.testing.assert_allclose(adapter().adapt_queries(vectors), vectors, atol=1e-6)
    np.testing.assert_allclose(adapter(shared=True).adapt_documents(3 * vectors), vectors, atol=1e-6)


def test_a_tower_is_its_formula():
    model, vectors = adapter(rank=2), unit_rows(4)
    torch.nn.init.normal_(model.documents.up.weight)
    change = model.documents.up.weight @ model.documents.down.weight  # (6, 6), of rank 2
    expected = F.normalize(torch.from_numpy(vectors) @ (torch.eye(6) + change).T, dim=1)
    np.testing.assert_allclose(model.adapt_documents(vectors), expected.detach(), atol=1e-5)
    assert torch.linalg.matrix_rank(change) == 2


def test_loss_by_hand():
    model = adapter(temperature=0.5)
    queries, documents = (torch.from_numpy(unit_rows(3, seed=s)) for s in (1, 2))
    scores = (queries @ documents.T / 0.5).numpy().astype(np.float64)
    each = [-np.log(np.exp(s[i, i]) / np.exp(s[i]).sum()) for s in (scores, scores.T) for i in range(3)]
    assert model.loss((queries, documents)).item() == pytest.approx(np.mean(each), rel=1e-5)
    swapped = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        model.loss((queries[swapped], documents[swapped])), model.loss((queries, documents))
    )


def test_one_tower_for_both_sides_has_half_the_parameters():
    count = {shared: sum(p.numel() for p in adapter(shared=shared).parameters()) for shared in (True, False)}
    assert count == {True: 72, False: 144}


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_it_learns_to_undo_a_rotation(noise):
    documents = unit_rows(200)
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 6)))[0].astype(np.float32)
    queries = documents @ turn
    model, history = adapter(), History()
    batches = pair_batches(queries[:150], documents[:150], batch_size=50, noise=noise)
    fit(model, batches, steps=300, learning_rate=0.01, history=history)

    def found(q, d):
        return (np.argmax(q @ d.T, axis=1) == np.arange(len(q))).mean()

    new = queries[150:], documents[150:]
    assert found(*new) < 0.2
    assert found(model.adapt_queries(new[0]), model.adapt_documents(new[1])) > 0.8


def test_batches_keep_pairs_together():
    rows = np.arange(20, dtype=np.float32).reshape(10, 2)
    seen = list(pair_batches(rows, rows + 100, batch_size=4)(torch.Generator().manual_seed(0)))
    assert [len(q) for q, _ in seen] == [4, 4]
    for q, d in seen:
        torch.testing.assert_close(q + 100, d)
    blurred = next(pair_batches(rows, rows, batch_size=10, noise=0.1)(torch.Generator().manual_seed(0)))
    assert 0.01 < (blurred[0] - blurred[1]).std() < 0.5


def test_bad_input_is_refused():
    for rank in (0, 7):
        with pytest.raises(ValueError, match="rank must lie"):
            AdapterConfig(width=6, rank=rank)
    with pytest.raises(ValueError, match="temperature"):
        AdapterConfig(temperature=0.0)
    with pytest.raises(ValueError, match="two rows or more"):
        adapter().loss((torch.ones(1, 6), torch.ones(1, 6)))
    for size in (1, 5):
        with pytest.raises(ValueError, match=f"batches of {size} pairs"):
            pair_batches(unit_rows(4), unit_rows(4), batch_size=size)
    with pytest.raises(ValueError, match="4 queries and 3 documents"):
        pair_batches(unit_rows(4), unit_rows(3), batch_size=2)
