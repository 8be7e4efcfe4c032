"""The classifier: what is frozen stays, running frozen layers once changes nothing, and it learns."""

import copy

import pytest
import torch
import torch.nn.functional as F

from course_utils.models.encoder import Encoder, EncoderConfig, mean_pool
from course_utils.models.encoder_classifier import EncoderClassifier, Labelled, labelled_batches
from course_utils.training import History, fit

SIZES = EncoderConfig(vocabulary_size=20, width=12, layers=3, heads=3, inner=20, positions=9)
TEXTS = [[1, 5, 3], [1, 7, 8, 9, 3], [1, 3], [1, 12, 13, 14, 15, 3], [1, 5, 6, 3]]
LABELS = [0, 1, 2, 1, 0]


def encoder(**changes):
    torch.manual_seed(0)
    return Encoder(EncoderConfig(**(SIZES.__dict__ | changes)))


def classifier(*, of=None, **options):
    torch.manual_seed(1)
    model = EncoderClassifier(of or encoder(), 3, dropout=0.0, **options)
    with torch.no_grad():
        model.linear.weight.normal_()
        model.linear.bias.normal_()
    return model


def batch_of(model):
    (batch,) = labelled_batches(model.enter(TEXTS), LABELS, size=9)(torch.Generator().manual_seed(0))
    return batch


@pytest.mark.parametrize("changes", [{}, {"norm_first": True, "places": "rotary"}])
@pytest.mark.parametrize("trained", [None, 0, 1, 2, 3])
def test_scores_are_those_of_the_whole_encoder_by_hand(trained, changes):
    whole = encoder(**changes)
    model = classifier(of=copy.deepcopy(whole), trained=trained)
    batch = batch_of(model)
    scores = model(batch.entered, mask=batch.mask)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(0)).tolist()
    for row, place in enumerate(order):
        vector = F.normalize(mean_pool(whole(torch.tensor([TEXTS[place]])))[0], dim=0)
        wanted = 10 * vector @ model.linear.weight.T + model.linear.bias
        torch.testing.assert_close(scores[row], wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(model.loss(batch), F.cross_entropy(scores, batch.labels))
    assert batch.labels.tolist() == [LABELS[place] for place in order]


@pytest.mark.parametrize(("trained", "moved"), [(None, "all"), (0, []), (1, [2]), (2, [1, 2])])
def test_training_moves_what_it_may_and_nothing_else(trained, moved):
    model = classifier(trained=trained)
    before = copy.deepcopy(model.state_dict())
    batches = labelled_batches(model.enter(TEXTS), LABELS, size=3)
    fit(model, batches, steps=3, learning_rate=1e-2, history=History())
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    blocks = {int(name.split(".")[2]) for name in changed if ".blocks." in name}
    assert blocks == (set(range(3)) if moved == "all" else set(moved))
    assert ("encoder.piece_embedding.weight" in changed) == (moved == "all")
    assert "linear.weight" in changed


def test_it_learns_by_heart_and_predicts_each_text_in_its_place():
    model = classifier(trained=2)
    entered = model.enter(TEXTS)
    history = fit(
        model, labelled_batches(entered, LABELS, size=3), steps=60, learning_rate=1e-2, history=History()
    )
    assert history.losses[-1] < 0.05
    assert model.predict(entered).tolist() == LABELS
    assert model.predict(entered[::-1]).tolist() == LABELS[::-1]


def test_the_start_is_even_and_dropout_is_off_when_predicting():
    model = EncoderClassifier(encoder(), 3, dropout=0.9)
    entered = model.enter(TEXTS)
    assert model.loss(batch_of(model)).item() == pytest.approx(torch.tensor(3.0).log().item())
    with torch.no_grad():
        model.linear.weight.normal_()
    model.train()
    assert model.predict(entered).tolist() == model.predict(entered).tolist()
    assert model.training


def test_padding_and_companions_change_nothing():
    model = classifier(trained=1)
    alone = [model.enter([text])[0] for text in TEXTS]
    for one, two in zip(alone, model.enter(TEXTS), strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)
    batch = batch_of(model)
    changed = Labelled(batch.entered.masked_fill(~batch.mask[..., None], 7.0), batch.mask, batch.labels)
    torch.testing.assert_close(model.loss(changed), model.loss(batch))


def test_bf16_is_near():
    model = classifier(trained=2)
    exact = model.loss(batch_of(model)).item()
    model.fast_dtype = torch.bfloat16
    near = model.loss(batch_of(model))
    assert near.dtype == torch.float32
    assert near.item() != exact
    assert near.item() == pytest.approx(exact, rel=0.1)


def test_bad_arguments():
    with pytest.raises(ValueError, match="nothing to tell apart"):
        EncoderClassifier(encoder(), 1)
    with pytest.raises(ValueError, match="the encoder has 3 blocks"):
        EncoderClassifier(encoder(), 3, trained=4)


@pytest.mark.parametrize(("trained", "open_blocks"), [(None, {0, 1, 2}), (0, set()), (1, {2})])
def test_what_is_frozen_asks_for_no_gradient_whatever_it_did_before(trained, open_blocks):
    frozen_before = encoder().requires_grad_(False)
    for start in (encoder(), frozen_before):
        model = classifier(of=start, trained=trained)
        names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        assert {int(name.split(".")[2]) for name in names if ".blocks." in name} == open_blocks
        assert ("encoder.piece_embedding.weight" in names) == (trained is None)
        assert {"linear.weight", "linear.bias"} <= names
