"""The masked model against transformers' with the same random weights, and what its loss may see."""

import copy
import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from course_utils.models.encoder import EncoderConfig
from course_utils.models.masked_language_model import MaskedLanguageModel, MaskedLanguageModelConfig
from course_utils.models.masking import Hidden, hide
from course_utils.pretrained.bert import bert_name
from course_utils.training import History, fit

V, MASK = 31, 30
SIZES = EncoderConfig(vocabulary_size=V, width=12, layers=2, heads=3, inner=20, positions=9)
CONFIG = MaskedLanguageModelConfig(SIZES, mask_token=MASK)


def make(config=CONFIG):
    torch.manual_seed(0)
    model = MaskedLanguageModel(config).eval()
    with torch.no_grad():  # larger than at the start of training, so that tokens differ clearly
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def tokens(rows=3, length=8, *, seed=1):
    return torch.randint(MASK, (rows, length), generator=torch.Generator().manual_seed(seed))


def hidden_batch(share=0.3, **sizes):
    return hide(
        tokens(**sizes),
        mask_token=MASK,
        ordinary=MASK,
        share=share,
        generator=torch.Generator().manual_seed(2),
    )


HEAD = {
    "head.transform": "cls.predictions.transform.dense",
    "head.norm": "cls.predictions.transform.LayerNorm",
}


def in_bert(name):
    """Name of one of our weights in transformers' BertForMaskedLM."""
    part, _, kind = name.rpartition(".")
    if name == "head.bias":
        return "cls.predictions.bias"
    if part in HEAD:
        return f"{HEAD[part]}.{kind}"
    return f"bert.{bert_name(name.removeprefix('encoder.'))}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes", [SIZES, EncoderConfig(vocabulary_size=V, width=16, layers=3, heads=4, inner=24, positions=11)]
)
def test_scores_loss_and_gradients_are_the_references(sizes):
    transformers = pytest.importorskip("transformers")
    model = make(MaskedLanguageModelConfig(sizes, mask_token=MASK))
    config = transformers.BertConfig(
        vocab_size=sizes.vocabulary_size,
        hidden_size=sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.inner,
        max_position_embeddings=sizes.positions,
        layer_norm_eps=sizes.epsilon,
    )
    reference = transformers.BertForMaskedLM(config).eval()
    weights = {in_bert(name): weight for name, weight in model.state_dict().items()}
    missing, extra = reference.load_state_dict(weights, strict=False)
    assert not extra
    assert set(missing) <= {
        "bert.embeddings.position_ids",
        "bert.embeddings.token_type_ids",
        "cls.predictions.decoder.weight",  # tied to the input vectors
        "cls.predictions.decoder.bias",
    }
    reference.tie_weights()
    batch = hidden_batch()  # token 0, the reference's padding, would get no gradient as an input
    batch = batch._replace(tokens=batch.tokens.clamp(min=1))
    labels = batch.targets.masked_fill(~batch.chosen, -100)
    theirs = reference(input_ids=batch.tokens, labels=labels)
    loss = model.loss(batch)
    torch.testing.assert_close(model(batch.tokens), theirs.logits, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(loss, theirs.loss, atol=1e-5, rtol=1e-5)
    loss.backward()
    theirs.loss.backward()
    named = dict(reference.named_parameters())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, named[in_bert(name)].grad, atol=1e-5, rtol=1e-3)


def test_the_loss_counts_hidden_places_and_no_others():
    model, batch = make(), hidden_batch()
    log_probabilities = model(batch.tokens).log_softmax(dim=-1)
    by_hand = [
        -log_probabilities[row, place, batch.targets[row, place]].item()
        for row, place in batch.chosen.nonzero().tolist()
    ]
    assert len(by_hand) == 6  # 2 of 8 places in each of 3 texts
    assert model.loss(batch).item() == pytest.approx(sum(by_hand) / 6, rel=1e-5)
    other = torch.where(batch.chosen, batch.targets, (batch.targets + 1) % MASK)
    torch.testing.assert_close(model.loss(batch._replace(targets=other)), model.loss(batch))


def test_a_place_that_is_not_hidden_gives_no_gradient_to_its_own_output_vector():
    model = make()
    batch = Hidden(
        torch.tensor([[1, MASK, 3]]), torch.tensor([[1, 2, 3]]), torch.tensor([[False, True, False]])
    )
    scores = model(batch.tokens)
    scores.retain_grad()
    F.cross_entropy(scores[batch.chosen], batch.targets[batch.chosen]).backward()
    assert not scores.grad[0, [0, 2]].any()
    mine = make()
    mine.loss(batch).backward()
    torch.testing.assert_close(mine.head.bias.grad, model.head.bias.grad)


def test_both_ways_every_place_reaches_a_hidden_one_and_one_way_only_those_before():
    text = tokens(1, 8)
    for both_ways in (True, False):
        model = make(replace(CONFIG, both_ways=both_ways))
        before = model(text)
        for changed in range(8):
            other = text.clone()
            other[0, changed] = (other[0, changed] + 1) % MASK
            moved = (model(other) - before)[0].abs().amax(dim=1) > 1e-5
            wanted = [both_ways or place >= changed for place in range(8)]
            assert moved.tolist() == wanted
        if not both_ways:
            assert torch.equal(model(torch.cat([text[:, :5], 0 * text[:, 5:]], dim=1))[:, :5], before[:, :5])


@pytest.mark.parametrize("both_ways", [True, False])
def test_padding_on_the_right_changes_nothing(both_ways):
    model = make(replace(CONFIG, both_ways=both_ways))
    text = tokens(1, 5)
    padded = torch.cat([text, torch.full((1, 3), 7)], dim=1)
    mask = torch.arange(8)[None] < 5
    torch.testing.assert_close(model(padded, mask=mask)[:, :5], model(text), atol=1e-5, rtol=1e-4)


def test_attention_on_request():
    model, text = make(), tokens()
    hidden, attention = model.read(text, return_attention=True)
    assert attention.shape == (2, 3, 3, 8, 8)
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(2, 3, 3, 8))
    torch.testing.assert_close(hidden, model.read(text)[0], atol=1e-5, rtol=1e-4)
    _, one_way = make(replace(CONFIG, both_ways=False)).read(text, return_attention=True)
    assert torch.equal(one_way, one_way.tril())


def test_the_start_is_berts():
    torch.manual_seed(0)
    sizes = EncoderConfig(vocabulary_size=500, width=64, layers=2, heads=4, inner=256, positions=40)
    model = MaskedLanguageModel(MaskedLanguageModelConfig(sizes, mask_token=499))
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and parameter.numel() > 1000:
            assert float(parameter.detach().std()) == pytest.approx(0.02, rel=0.06), name
        elif parameter.ndim < 2:
            assert (parameter == (name.endswith("norm.weight"))).all(), name
    rows = torch.randint(499, (16, 32), generator=torch.Generator().manual_seed(0))
    batch = hide(rows, mask_token=499, ordinary=499, generator=torch.Generator().manual_seed(0))
    assert model.loss(batch).item() == pytest.approx(math.log(500), rel=0.02)


def test_bf16_is_near_and_keeps_parameters_in_float32():
    model, batch = make(), hidden_batch()
    exact = model.loss(batch)
    seen = []
    model.encoder.blocks[1].feed_forward.widen.register_forward_hook(
        lambda _, __, out: seen.append(out.dtype)
    )
    model.fast_dtype = torch.bfloat16
    loss = model.loss(batch)
    loss.backward()
    assert seen == [torch.bfloat16]
    assert loss.dtype == torch.float32
    assert loss.item() != exact.item()
    assert loss.item() == pytest.approx(exact.item(), rel=0.05)
    assert {parameter.grad.dtype for parameter in model.parameters() if parameter.grad is not None} == {
        torch.float32
    }


def test_it_learns_a_batch_by_heart_and_the_same_twice():
    torch.manual_seed(0)
    model = MaskedLanguageModel(replace(CONFIG, encoder=replace(SIZES, width=24, inner=48)))
    twin, batch, histories = copy.deepcopy(model), hidden_batch(rows=4), []
    for one in (model, twin):
        histories.append(fit(one, [batch], steps=60, learning_rate=1e-2, history=History()))
    assert histories[0].losses[-1] < 0.1 < 3 < histories[0].losses[0]
    assert histories[0].losses == histories[1].losses
    guessed = model(batch.tokens).argmax(dim=-1)
    assert torch.equal(guessed[batch.chosen], batch.targets[batch.chosen])


def test_nothing_hidden():
    batch = hidden_batch()
    with pytest.raises(ValueError, match="hide at least one"):
        make().loss(batch._replace(chosen=torch.zeros_like(batch.chosen)))


def test_a_mark_that_the_encoder_does_not_know():
    with pytest.raises(ValueError, match="mask_token is 31; the encoder knows tokens 0 to 30"):
        MaskedLanguageModelConfig(SIZES, mask_token=V)


def test_a_text_longer_than_the_positions():
    with pytest.raises(ValueError, match="10 pieces is too long"):
        make()(tokens(1, 10))
