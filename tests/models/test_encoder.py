"""The encoder against transformers' BERT with the same random weights, and what padding must not do."""

import pytest
import torch

from course_utils.models.encoder import Encoder, EncoderConfig, mean_pool
from course_utils.pretrained.bert import bert_name

SIZES = EncoderConfig(vocabulary_size=30, width=12, layers=3, heads=3, inner=20, positions=9)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = Encoder(SIZES)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model.eval()


@pytest.fixture
def tokens():
    return torch.randint(30, (2, 7), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mask():
    return torch.arange(7) < torch.tensor([[7], [4]])


@pytest.mark.slow
def test_every_layer_and_head_is_that_of_the_reference(model, tokens, mask):
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=30,
        hidden_size=12,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=20,
        max_position_embeddings=9,
        layer_norm_eps=1e-12,
        attn_implementation="eager",
    )
    reference = transformers.BertModel(config, add_pooling_layer=False).eval()
    reference.load_state_dict({bert_name(name): w for name, w in model.state_dict().items()}, strict=False)
    with torch.no_grad():
        theirs = reference(
            tokens, attention_mask=mask.long(), output_hidden_states=True, output_attentions=True
        )
        layers, attention = model.layers(tokens, mask=mask)
        last = model(tokens, mask=mask)
    for ours, wanted in zip(layers, theirs.hidden_states, strict=True):
        torch.testing.assert_close(ours[mask], wanted[mask], atol=1e-5, rtol=1e-5)
    for ours, wanted in zip(attention, theirs.attentions, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(last[mask], layers[-1][mask], atol=1e-5, rtol=1e-5)


def test_padding_changes_nothing(model, tokens, mask):
    with torch.no_grad():
        padded = model(tokens, mask=mask)
        alone = model(tokens[1:, :4])
    torch.testing.assert_close(padded[1, :4], alone[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mean_pool(padded, mask=mask)[1], mean_pool(alone)[0], atol=1e-5, rtol=1e-5)


def test_order_of_the_batch_does_not_matter(model, tokens):
    with torch.no_grad():
        torch.testing.assert_close(model(tokens).flip(0), model(tokens.flip(0)), atol=1e-6, rtol=1e-5)


def test_place_matters(model):
    with torch.no_grad():
        vectors = model(torch.tensor([[3, 5, 3]]))[0]
    assert (vectors[0] - vectors[2]).abs().max() > 0.01


def test_every_piece_reaches_every_other(model, tokens):
    other = tokens.clone()
    other[:, 6] = (other[:, 6] + 1) % 30
    with torch.no_grad():
        moved = (model(tokens) - model(other)).abs().amax(dim=2)
        at_entrance = (model.embed(tokens) - model.embed(other)).abs().amax(dim=2)
    assert (moved > 1e-4).all()
    assert (at_entrance[:, :6] == 0).all()


def test_longer_than_its_positions(model):
    with pytest.raises(ValueError, match="10 pieces is too long; this encoder knows 9 positions"):
        model(torch.zeros(1, 10, dtype=torch.long))


def test_a_row_of_padding_is_refused(model, tokens, mask):
    mask[1] = False
    with pytest.raises(ValueError, match="allow no position"):
        model(tokens, mask=mask)


def test_mean_by_hand():
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]]])
    assert mean_pool(hidden, mask=torch.tensor([[True, True, False]])).tolist() == [[2.0, 4.0]]
    assert mean_pool(hidden[:, :2]).tolist() == [[2.0, 4.0]]


def test_a_mask_for_each_place(model, tokens):
    causal = torch.ones(7, 7, dtype=torch.bool).tril()[None]
    with torch.no_grad():
        last = model(tokens, mask=causal)
        layers, attention = model.layers(tokens, mask=causal)
        shorter = model(tokens[:, :4], mask=causal[:, :4, :4])
    assert torch.equal(attention, attention.tril())
    torch.testing.assert_close(layers[-1], last, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(last[:, :4], shorter, atol=1e-5, rtol=1e-5)


def test_turned_places_know_distances_alone_and_need_no_table():
    torch.manual_seed(0)
    model = Encoder(EncoderConfig(**(SIZES.__dict__ | {"places": "rotary", "norm_first": True}))).eval()
    assert not any("position" in name for name in model.state_dict())
    text = torch.tensor([[3, 5, 8, 2]])
    padded = torch.cat([torch.tensor([[9, 9, 9]]), text], dim=1)
    with torch.no_grad():
        alone, later = model(text), model(padded, mask=torch.arange(7)[None] >= 3)
        layers, attention = model.layers(text)
        turned = model(text.flip(1)).flip(1)
    torch.testing.assert_close(later[:, 3:], alone, atol=1e-5, rtol=1e-4)  # shifted by three places
    assert (turned - alone).abs().max() > 1e-3  # and yet order counts
    torch.testing.assert_close(layers[-1], alone, atol=1e-5, rtol=1e-4)
    assert attention.shape == (3, 1, 3, 4, 4)


@pytest.mark.parametrize("norm_first", [True, False])
def test_through_some_blocks_and_then_the_others_is_through_all(norm_first, tokens, mask):
    torch.manual_seed(0)
    model = Encoder(EncoderConfig(**(SIZES.__dict__ | {"norm_first": norm_first}))).eval()
    with torch.no_grad():
        half = model.through(model.embed(tokens), mask=mask, last=2)
        whole = model.through(half, mask=mask, first=2)
        torch.testing.assert_close(whole, model(tokens, mask=mask))
        deviation = whole[mask].var(dim=-1, unbiased=False)
    torch.testing.assert_close(deviation, torch.ones_like(deviation), atol=1e-3, rtol=1e-3)


def test_unknown_places():
    with pytest.raises(ValueError, match="places is 'sinus'; choose 'learned' or 'rotary'"):
        EncoderConfig(places="sinus")
