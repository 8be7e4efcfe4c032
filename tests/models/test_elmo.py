"""ELMo against LSTMs run by hand, and what each direction may and may not know."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.models.elmo import Elmo, ElmoConfig, flip
from course_utils.models.elmo_softmax import ChunkedSoftmax
from course_utils.models.elmo_text import Windows, find_words, unit_table
from course_utils.training import History, fit

WORDS = ("the", "river", "bank", "of", "sea", "money")
COUNTS = (9, 3, 2, 5, 1, 1, 4)


@pytest.fixture(autouse=True)
def _silent(monkeypatch):
    monkeypatch.setenv("CI", "1")


def make_model(*, seed=0, **changes):
    torch.manual_seed(seed)
    sizes = {"vocabulary_size": len(COUNTS), "dimension": 6, "buckets": 50, "dropout": 0.0}
    return Elmo(ElmoConfig(**(sizes | changes)), words=WORDS, counts=COUNTS)


def cut(text):
    return text.lower().replace(".", " ").replace(",", " ").split()


def vectors(model, *texts, **options):
    return [one.vectors for one in model.layers(texts, tokenize=cut, **options)]


def run_by_hand(lstm, x):
    """An LSTM step by step in numpy, gates in torch's order: input, forget, cell, output."""
    w, u, b, c = (getattr(lstm, f"{name}_l0").detach().numpy() for name in
                  ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))  # fmt: skip
    h = cell = np.zeros(u.shape[1])
    states = []
    for one in x:
        i, f, g, o = np.split(w @ one + b + u @ h + c, 4)
        sigmoid = [1 / (1 + np.exp(-gate)) for gate in (i, f, o)]
        cell = sigmoid[1] * cell + sigmoid[0] * np.tanh(g)
        h = sigmoid[2] * np.tanh(cell)
        states.append(h)
    return np.array(states)


def test_layers_equal_two_lstms_run_by_hand_in_either_direction():
    model = make_model().eval()
    table = unit_table(["the", "sea", "bank"], known=model.index, config=model.config)
    x = model.inputs(table).detach().numpy()
    (found,) = vectors(model, "The sea, bank.")
    edges = model.edges.detach().numpy()
    halves = []
    for edge, lstms, text in zip(
        edges, (model.forward_lstms, model.backward_lstms), (x, x[::-1]), strict=True
    ):
        first = run_by_hand(lstms[0], np.vstack([edge[None], text]))
        second = first + run_by_hand(lstms[1], first)
        halves.append((first[1:], second[1:]))
    for layer in (0, 1):
        expected = np.hstack([halves[0][layer], halves[1][layer][::-1]])
        np.testing.assert_allclose(found[layer + 1], expected, atol=1e-5)
    np.testing.assert_allclose(found[0], np.hstack([x, x]), atol=1e-6)


def test_read_equals_torchs_own_two_layers_when_the_residual_is_taken_away():
    model = make_model().eval()
    twin = nn.LSTM(6, 6, num_layers=1, batch_first=True)
    twin.load_state_dict(model.forward_lstms[1].state_dict())
    first, second = model.read(torch.randn(2, 4, 6))
    torch.testing.assert_close(second - first, twin(first)[0])


def test_an_input_is_the_sum_of_its_units_over_the_root_of_their_number():
    model = make_model(shortest=3, longest=3)
    table = unit_table(["sea", "seas"], known=model.index, config=model.config)
    used = [row[row < 57].tolist() for row in table]
    assert len(used[0]) == 1 + 3  # the word, <se, sea, ea>
    assert used[0][0] == model.index["sea"]
    assert len(used[1]) == 4  # unknown: <se, sea, eas, as>
    weight = model.units.weight
    for row, units in zip(model.inputs(table), used, strict=True):
        torch.testing.assert_close(row, weight[units].sum(dim=0) / len(units) ** 0.5)


def test_a_changed_future_word_moves_backward_states_only():
    model = make_model().eval()
    before, after = vectors(model, "the river bank of money", "the river bank of water")
    C = model.config.dimension
    assert np.array_equal(before[:, :4, :C], after[:, :4, :C])
    assert (np.abs(before[1:, :4, C:] - after[1:, :4, C:]).max(axis=2) > 1e-6).all()
    assert np.array_equal(before[0, :4], after[0, :4])  # the table knows no context


def test_a_changed_past_word_moves_forward_states_only():
    model = make_model().eval()
    before, after = vectors(model, "the river bank of money", "a river bank of money")
    C = model.config.dimension
    assert np.array_equal(before[:, 1:, C:], after[:, 1:, C:])
    assert (np.abs(before[1:, 1:, :C] - after[1:, 1:, :C]).max(axis=2) > 1e-6).all()


def test_no_word_is_predicted_with_its_own_help():
    """The usual leak: a second layer that reads both directions of the first would see the answer."""
    model = make_model()
    one, other = (model.log_probabilities(cut(text)) for text in ("the river of sea", "the bank of sea"))
    assert one[0][0] == pytest.approx(other[0][0])  # forward, first word
    assert one[1][2:] == pytest.approx(other[1][2:])  # backward, last words
    targets = [["the", word, "of"] for word in (*WORDS, "unheard")]
    for direction in (0, 1):  # the second word's probabilities, over all words, are one distribution
        prices = [model.log_probabilities(words)[direction][1] for words in targets]
        assert math.fsum(np.exp(prices)) == pytest.approx(1, abs=1e-5)


def test_padding_and_the_order_of_texts_change_nothing():
    model = make_model().eval()
    texts = ["sea", "the river bank of money and of sea", "money of the bank"]
    alone = [vectors(model, text)[0] for text in texts]
    for order in ([0, 1, 2], [2, 0, 1]):
        together = vectors(model, *(texts[i] for i in order))
        for place, i in enumerate(order):
            np.testing.assert_allclose(together[place], alone[i], atol=1e-6)
    for kept, cut_up in zip(alone, vectors(model, *texts, batch=1), strict=True):
        np.testing.assert_allclose(kept, cut_up, atol=1e-6)


def test_words_know_their_places_in_the_text():
    found = make_model().layers(
        ["The Ba\u0301nk, of THE sea."], tokenize=lambda text: ["the", "bánk", "of", "the", "sea"]
    )
    (one,) = found
    text = "The Ba\u0301nk, of THE sea."
    assert [text[a:b] for a, b in one.spans] == ["The", "Ba\u0301nk", "of", "THE", "sea"]
    assert one.vectors.shape == (3, 5, 12)
    assert one.vectors.dtype == np.float32
    start = text.index("sea")
    np.testing.assert_array_equal(one.word(start, start + 3), one.vectors[:, 4])


def test_letters_that_grow_in_small_letters_keep_their_places():
    text = "İZMİR and Straße"
    words, spans = find_words(text, words=["and", "straße"])
    assert words == ["and", "straße"]
    assert [text[a:b] for a, b in spans] == ["and", "Straße"]


def test_loss_is_the_cross_entropy_over_the_words_of_the_batch():
    model = make_model()
    rows = torch.tensor([[0, 1, 2], [2, 0, 1]])
    table = unit_table(["the", "river", "unheard"], known=model.index, config=model.config)
    ids = torch.tensor([0, 1, 6])
    loss = model.loss((table, rows, ids[rows]))
    shares = (torch.tensor(COUNTS) + 1.0).double()
    present = 1 - (1 - shares / shares.sum()) ** 6
    x, lengths = model.inputs(table)[rows], torch.tensor([3, 3])
    ahead = model.read(x)[-1][:, :-1]
    back = flip(model.read(flip(x, lengths), backwards=True)[-1][:, :-1], lengths)
    scores = model.to_output(torch.stack([ahead, back])) @ model.units.weight[ids].T + model.bias[ids]
    scores = scores - present[ids].log().float()
    expected = F.cross_entropy(scores.flatten(0, 2), rows.flatten().repeat(2))
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)


def test_loss_and_gradient_of_the_chunks_equal_torchs():
    generator = torch.Generator().manual_seed(0)
    factors = [torch.randn(*shape, generator=generator) for shape in ((600, 4), (7, 4), (7,))]
    targets = torch.randint(7, (600,), generator=generator)
    losses, gradients = [], []
    for ours in (True, False):
        features, rows, bias = (factor.clone().requires_grad_() for factor in factors)
        if ours:
            loss = ChunkedSoftmax.apply(features, rows, bias, targets, torch.float32)
        else:
            loss = F.cross_entropy(features @ rows.T + bias, targets)
        (3 * loss).backward()
        losses.append(loss)
        gradients.append([features.grad, rows.grad, bias.grad])
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_sixteen_bits_train_about_alike():
    documents = [["the", "river", "of", "the", "sea"] * 8]
    losses = []
    for bits in (False, True):
        model = make_model(dimension=16, bfloat16=bits)
        batches = Windows(documents, model=model, length=4, batch=4)
        losses.append(fit(model, batches, steps=8, learning_rate=0.02, history=History()).losses)
    np.testing.assert_allclose(*losses, rtol=0.1)
    assert losses[0] != losses[1]


def test_it_overfits_one_batch():
    model = make_model(dimension=24)
    text = ["the", "river", "bank", "of", "money", "sea", "the", "sea"]
    batch = next(iter(Windows([text], model=model, length=4, batch=2)(torch.Generator().manual_seed(0))))
    history = fit(model, [batch], steps=100, learning_rate=0.02, history=History())
    # The first word of a window can only be guessed, in either direction: one of two, 4 of 16 predictions.
    assert history.losses[-1] == pytest.approx(math.log(2) / 4, abs=0.01)


def test_the_same_seed_gives_the_same_losses():
    documents = [["the", "river", "bank", "of", "the", "sea", "and", "money"] * 3]
    losses = []
    for seed in (3, 3, 4):
        model = make_model(seed=seed, dropout=0.3)
        batches = Windows(documents, model=model, length=4, batch=2)
        torch.manual_seed(seed)
        losses.append(fit(model, batches, steps=5, learning_rate=0.01, history=History(), seed=seed).losses)
    assert losses[0] == losses[1] != losses[2]


def test_a_pass_holds_every_window_once_and_never_crosses_a_document():
    documents = [[f"a{i}" for i in range(11)], [f"b{i}" for i in range(9)], ["short"]]
    windows = Windows(documents, model=make_model(), length=4, batch=3)
    kinds = sorted({word for document in documents for word in document})
    table = unit_table(kinds, known={}, config=make_model().config)
    seen = []
    for present, rows, targets in windows(torch.Generator().manual_seed(1)):
        assert targets.shape == rows.shape
        assert (targets == 6).all()  # none is known
        for row in rows:
            units = [table.eq(present[r]).all(dim=1).nonzero()[0].item() for r in row]
            seen.append([kinds[u] for u in units])
    for window in seen:
        start = int(window[0][1:])
        assert window == [f"{window[0][0]}{start + i}" for i in range(4)]
    assert len({tuple(window) for window in seen}) == len(seen) in (3, 4)
    assert windows.steps == 1


def test_it_is_saved_and_loaded(tmp_path):
    from course_utils.checkpoints import load_model, save_model

    model = make_model()
    path = save_model(tmp_path / "elmo.safetensors", model, config=model.config, history=History())
    again = make_model(seed=5)
    load_model(path, again)
    np.testing.assert_array_equal(*(vectors(one.eval(), "the bank")[0] for one in (model, again)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ElmoConfig(vocabulary_size=1), "vocabulary_size is 1"),
        (lambda: ElmoConfig(vocabulary_size=5, layers=0), "layers is 0"),
        (lambda: ElmoConfig(vocabulary_size=5, dropout=1.0), "dropout is 1.0"),
        (lambda: Elmo(ElmoConfig(vocabulary_size=3), words=["a"], counts=[1, 1, 1]), "2 different words"),
        (lambda: Elmo(ElmoConfig(vocabulary_size=3), words=["a", "a"], counts=[1] * 3), "2 different"),
        (lambda: Elmo(ElmoConfig(vocabulary_size=3), words=["a", "b"], counts=[1, 1]), "2 counts"),
        (lambda: make_model().layers(["..."], tokenize=cut), "no word"),
        (lambda: make_model().layers(["a b"], tokenize=lambda text: ["b", "a"]), "'a' does not stand"),
        (lambda: make_model().states(torch.zeros(2, 3, 6), torch.tensor([3, 4])), "no length above T"),
        (lambda: make_model().log_probabilities([]), "no word"),
        (lambda: make_model().loss([torch.zeros(1, n).long() for n in (20, 3, 2)]), "must have one shape"),
        (lambda: Windows([["the"] * 9], model=make_model(), length=0), "length is 0"),
        (lambda: Windows([["the"] * 9], model=make_model(), length=5), "has 10 words"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
