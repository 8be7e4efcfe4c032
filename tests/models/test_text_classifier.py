"""The classifier against its formula; padding counts for nothing; it learns what can be learned."""

import numpy as np
import pytest
import torch

from course_utils.models.text_classifier import (
    TextClassifier,
    TextClassifierConfig,
    pad_texts,
    shuffled_batches,
)
from course_utils.training import History, fit

CONFIG = TextClassifierConfig(vocabulary_size=7, classes=3, dimension=5)


def classifier(seed=0):
    torch.manual_seed(seed)
    return TextClassifier(CONFIG).eval()


def test_scores_are_a_linear_function_of_the_mean_vector():
    model = classifier()
    ids = pad_texts([[1, 1, 4], [6]], vocabulary_size=7)
    table, weight, bias = model.table.weight, model.linear.weight, model.linear.bias
    mean = (2 * table[1] + table[4]) / 3
    torch.testing.assert_close(model(ids)[0], weight @ mean + bias)
    torch.testing.assert_close(model(ids)[1], weight @ table[6] + bias)


def test_padding_and_order_change_nothing_and_an_empty_text_gets_the_bias():
    model = classifier()
    short, long = pad_texts([[1, 4]], vocabulary_size=7), pad_texts([[4, 1], range(7), []], vocabulary_size=7)
    torch.testing.assert_close(model(short)[0], model(long)[0])
    torch.testing.assert_close(model(long)[2], model.linear.bias)


def test_loss_is_the_negative_log_probability():
    model = classifier()
    ids, labels = pad_texts([[0, 2], [3]], vocabulary_size=7), torch.tensor([2, 0])
    log_p = torch.log_softmax(model(ids), dim=1)
    assert model.loss((ids, labels)).item() == pytest.approx(-(log_p[0, 2] + log_p[1, 0]).item() / 2)


def test_it_learns_which_word_means_which_class_and_ignores_the_rest():
    texts = [[label, 3 + i % 4, 5] for i, label in enumerate([0, 1, 2] * 8)]
    ids, labels = pad_texts(texts, vocabulary_size=7), torch.tensor([0, 1, 2] * 8)
    histories = []
    for _ in range(2):
        model, history = classifier(), History()
        batches = shuffled_batches(ids, labels, batch_size=8)
        fit(model, batches, steps=120, learning_rate=0.05, history=history)
        histories.append(history.losses)
    assert histories[0] == histories[1]
    assert histories[0][-1] < 0.1
    np.testing.assert_array_equal(model.predict(pad_texts([[2], [0], [1]], vocabulary_size=7)), [2, 0, 1])


def test_batches_hold_every_text_once():
    ids, labels = torch.arange(10)[:, None], torch.arange(10)
    batches = list(shuffled_batches(ids, labels, batch_size=4)(torch.Generator().manual_seed(1)))
    assert [len(batch) for batch, _ in batches] == [4, 4, 2]
    order = torch.cat([labels for _, labels in batches])
    assert sorted(order.tolist()) == list(range(10)) != order.tolist()
    for rows, wanted in batches:
        torch.testing.assert_close(rows[:, 0], wanted)


def test_long_texts_are_cut_and_bad_sizes_refused():
    assert pad_texts([range(5), [1]], vocabulary_size=7, longest=3).tolist() == [[0, 1, 2], [1, 7, 7]]
    with pytest.raises(ValueError, match="no texts"):
        pad_texts([], vocabulary_size=7)
    for bad in ({"classes": 1}, {"vocabulary_size": 0}, {"dimension": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))} is"):
            TextClassifierConfig(**{"vocabulary_size": 7, "classes": 2} | bad)
    with pytest.raises(ValueError, match="dropout is 1"):
        TextClassifierConfig(vocabulary_size=7, classes=2, dropout=1.0)


def test_dropout_acts_while_training_only():
    torch.manual_seed(0)
    model = TextClassifier(TextClassifierConfig(vocabulary_size=7, classes=3, dropout=0.9)).train()
    ids = pad_texts([[1, 4], [6], [2, 3]], vocabulary_size=7)
    assert not torch.equal(model(ids), model(ids))
    expected = model.eval()(ids).argmax(dim=1).numpy()
    model.train()
    for _ in range(5):
        np.testing.assert_array_equal(model.predict(ids), expected)
    assert model.training
