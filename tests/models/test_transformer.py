"""The model against PyTorch's stacks; decoding by cache equals training; padding and future are void."""

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.datasets.sentence_pairs import SentencePair
from course_utils.decoding.beam import beam_search
from course_utils.decoding.greedy import greedy
from course_utils.decoding.sampling import sample
from course_utils.decoding.steps import select
from course_utils.layers.positions import POSITIONS
from course_utils.models.seq2seq_batches import pad_pairs, pad_sources
from course_utils.models.transformer import BEGIN, END, PADDING, SPECIAL, Transformer, TransformerConfig
from course_utils.training import History, fit
from course_utils.translation.recipes import vocabularies
from course_utils.translation.translator import Translator

V, C, H, L, INNER = 12, 16, 2, 2, 24
PAIRS = [([3, 4, 5, 6], [7, 8, 9]), ([5, 3], [9, 4, 4, 10, 11]), ([11], [6]), ([7, 8, 9], [3])]
VARIANTS = [
    *({"positions": kind} for kind in POSITIONS),
    {"norm_first": False, "tie": False},
    {"positions": "rotary", "norm_first": False, "activation": "gelu"},
]
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def model(seed=0, **changes):
    torch.manual_seed(seed)
    sizes = {"width": C, "heads": H, "layers": L, "inner": INNER, "longest": 20}
    net = Transformer(TransformerConfig(**{"source_vocabulary": V, "target_vocabulary": V} | sizes | changes))
    nn.init.normal_(net.decoder.bias)
    for name, parameter in net.decoder.blocks.named_parameters():
        if name.endswith(("output.weight", "narrow.weight")):  # so much that no word just says itself
            nn.init.normal_(parameter, std=0.7)
    if not net.config.tie:
        nn.init.normal_(net.decoder.output.weight)
    return net


# -- PyTorch's stacks --------------------------------------------------------------------------------


def give(twin, block):
    """Give PyTorch's layer the weights of our block."""
    cross = hasattr(block, "cross_attention")
    attentions = [(block.attention, twin.self_attn)]
    norms = [block.attention_norm, block.feed_forward_norm]
    if cross:
        attentions.append((block.cross_attention, twin.multihead_attn))
        norms.insert(1, block.cross_attention_norm)
    for ours, theirs in attentions:
        for name in ("weight", "bias"):
            parts = [getattr(part, name) for part in (ours.query, ours.key, ours.value)]
            getattr(theirs, f"in_proj_{name}").copy_(torch.cat(parts))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    twin.linear1.load_state_dict(block.feed_forward.widen.state_dict())
    twin.linear2.load_state_dict(block.feed_forward.narrow.state_dict())
    for i, norm in enumerate(norms, start=1):
        getattr(twin, f"norm{i}").load_state_dict(norm.state_dict())


@torch.no_grad()
def theirs(net):
    """PyTorch's encoder and decoder with our weights."""
    config, stacks = net.config, []
    for side, layer, stack in (
        (net.encoder, nn.TransformerEncoderLayer, nn.TransformerEncoder),
        (net.decoder, nn.TransformerDecoderLayer, nn.TransformerDecoder),
    ):
        one = layer(
            C,
            H,
            dim_feedforward=INNER,
            dropout=0.0,
            activation=config.activation,
            batch_first=True,
            norm_first=config.norm_first,
        )
        norm = nn.LayerNorm(C) if config.norm_first else None
        extra = {"enable_nested_tensor": False} if stack is nn.TransformerEncoder else {}
        twin = stack(one, num_layers=config.layers, norm=norm, **extra)
        for ours, other in zip(side.blocks, twin.layers, strict=True):
            give(other, ours)
        if norm is not None:
            twin.norm.load_state_dict(side.norm.state_dict())
        stacks.append(twin.train())
    return stacks


def wave(T):
    """Sines and cosines of the paper, number by number."""
    return torch.tensor(
        [
            [(math.sin if i % 2 == 0 else math.cos)(place / 10_000 ** (2 * (i // 2) / C)) for i in range(C)]
            for place in range(T)
        ]
    )


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [True, False])
def test_equal_to_pytorchs_stacks_with_the_same_weights(norm_first, activation):
    net = model(norm_first=norm_first, activation=activation)
    for block in (*net.encoder.blocks, *net.decoder.blocks):
        for parameter in block.parameters():
            nn.init.normal_(parameter, mean=0.05, std=0.3)
    encoder, decoder = theirs(net)
    source, target = pad_pairs(PAIRS)
    words, shut = target[:, :-1], source.eq(PADDING)
    x = net.encoder.words.weight[source] * 4.0 + wave(source.shape[1])
    y = net.decoder.words.weight[words] * 4.0 + wave(words.shape[1])
    memory = encoder(x, src_key_padding_mask=shut)
    future = torch.ones(words.shape[1], words.shape[1], dtype=torch.bool).triu(1)
    states = decoder(y, memory, tgt_mask=future, memory_key_padding_mask=shut)
    scores = states @ net.decoder.words.weight.T + net.decoder.bias
    torch.testing.assert_close(net(source, words), scores, atol=1e-4, rtol=1e-5)
    price = F.cross_entropy(scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PADDING)
    ours = torch.autograd.grad(net.loss((source, target)), net.encoder.words.weight)[0]
    torch.testing.assert_close(ours, torch.autograd.grad(price, net.encoder.words.weight)[0], **CLOSE)


# -- what must not matter ----------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_later_word_leaves_earlier_scores_bit_for_bit(variant):
    net, (source, target) = model(**variant), pad_pairs(PAIRS)
    changed = target.clone()
    changed[:, 3:] = 5
    one, two = net(source, changed), net(source, target)
    assert torch.equal(one[:, :3], two[:, :3])
    assert not torch.allclose(one[:, 3:], two[:, 3:])


@pytest.mark.parametrize("variant", VARIANTS)
def test_more_padding_and_another_order_change_nothing(variant):
    """Not bit for bit: with more columns the kernels add the same numbers up in another order."""
    net = model(**variant)
    source, target = pad_pairs(PAIRS)
    wider = F.pad(source, (0, 3)), F.pad(target, (0, 2))
    torch.testing.assert_close(net.loss(wider), net.loss((source, target)), **CLOSE)
    T = target.shape[1] - 1
    torch.testing.assert_close(net(*wider)[:, :T], net(source, target)[:, :T], **CLOSE)
    torch.testing.assert_close(net(source.flip(0), target.flip(0)), net(source, target).flip(0), **CLOSE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_loss_is_the_mean_over_tokens(variant):
    net, batch = model(**variant), pad_pairs(PAIRS)
    prices = [
        F.cross_entropy(
            net(pad_sources([s]), torch.tensor([[BEGIN, *t]]))[0], torch.tensor([*t, END]), reduction="none"
        )
        for s, t in PAIRS
    ]
    torch.testing.assert_close(net.loss(batch), torch.cat(prices).mean(), **CLOSE)


def test_order_matters_where_positions_are_told():
    source, target = pad_sources([[3, 4, 5, 6]]), torch.tensor([[BEGIN, 7]])
    turned = pad_sources([[6, 4, 3, 5]])
    for kind in POSITIONS:
        net = model(positions=kind)
        same = torch.allclose(net(source, target), net(turned, target), **CLOSE)
        assert same == (kind == "none")


# -- word by word ------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_step_by_step_with_the_cache_equals_teacher_forcing(variant):
    net, (source, target) = model(**variant), pad_pairs(PAIRS)
    states = [net.start(source)]
    found = []
    for tokens in target[:, :-1].unbind(dim=1):
        log_probabilities, state = net.step(states[-1], tokens)
        found.append(log_probabilities)
        states.append(state)
    torch.testing.assert_close(
        torch.stack(found, dim=1), net(source, target[:, :-1]).log_softmax(dim=-1), **CLOSE
    )
    assert [state.caches[0].filled for state in states] == list(range(target.shape[1]))
    assert states[-1].caches[0].keys.data_ptr() == states[0].caches[0].keys.data_ptr()  # written in place


@torch.no_grad()
def test_beyond_the_first_room_the_cache_goes_on():
    net = model(positions="rotary")
    target = torch.randint(SPECIAL, V, (2, 70), generator=torch.Generator().manual_seed(0))
    source = pad_sources([[3, 4], [5]])
    state, whole = net.start(source), net(source, target).log_softmax(dim=-1)
    for t, tokens in enumerate(target.unbind(dim=1)):
        log_probabilities, state = net.step(state, tokens)
        torch.testing.assert_close(log_probabilities, whole[:, t], **CLOSE)


def without_cache(net, source):
    """A step that reads the whole text anew; its state is the text."""

    def step(state, tokens):
        words = torch.cat([state["words"], tokens[:, None]], dim=1)
        with torch.no_grad():
            scores = net(state["source"], words)[:, -1]
        return scores.log_softmax(dim=-1), {"source": state["source"], "words": words}

    return step, {"source": source, "words": torch.empty(len(source), 0, dtype=torch.long)}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("way", ["greedy", "sample", "beam"])
def test_decoding_with_the_cache_is_decoding_without(variant, way):
    net, source = model(**variant).eval(), pad_sources([s for s, _ in PAIRS])
    settings = {"start": torch.full((len(PAIRS),), BEGIN), "end": END, "max_length": 9}
    found = []
    for step, state in ((net.step, net.start(source)), without_cache(net, source)):
        if way == "beam":
            texts = [h for r in beam_search(step, state, width=3, **settings) for h in r.hypotheses]
        elif way == "greedy":
            texts = greedy(step, state, **settings)
        else:
            texts = sample(step, state, generator=torch.Generator().manual_seed(4), **settings)
        found.append(texts)
    assert [text.tokens for text in found[0]] == [text.tokens for text in found[1]]
    for one, two in zip(*found, strict=True):
        assert one.log_probabilities == pytest.approx(two.log_probabilities, abs=1e-4)
    assert way == "greedy" or len({text.tokens for text in found[0]}) > 1


def test_a_state_is_a_value():
    """Decoding twice from one state, or going on from it in two ways, gives what it gives alone."""
    net, source = model(), pad_sources([s for s, _ in PAIRS])
    settings = {"start": torch.full((len(PAIRS),), BEGIN), "end": END, "max_length": 9}
    state = net.start(source)
    first, again = (greedy(net.step, state, **settings) for _ in range(2))
    assert first == again
    tokens = torch.tensor([[BEGIN] * 4, [5, 6, 7, 8], [9, 9, 4, 4]])
    _, state = net.step(state, tokens[0])
    one, after_one = net.step(state, tokens[1])
    two, after_two = net.step(state, tokens[2])
    torch.testing.assert_close(net.step(state, tokens[1])[0], one)
    target = torch.stack([tokens[0], tokens[1], tokens[2]], dim=1)
    torch.testing.assert_close(
        net.step(after_one, tokens[2])[0], net(source, target)[:, -1].log_softmax(-1), **CLOSE
    )
    target = torch.stack([tokens[0], tokens[2], tokens[1]], dim=1)
    torch.testing.assert_close(
        net.step(after_two, tokens[1])[0], net(source, target)[:, -1].log_softmax(-1), **CLOSE
    )
    assert not torch.allclose(one, two)


def test_rows_of_a_state_can_be_picked():
    net, source = model(), pad_sources([s for s, _ in PAIRS])
    _, state = net.step(net.start(source), torch.full((4,), BEGIN))
    whole, _ = net.step(state, torch.tensor([5, 6, 7, 8]))
    rows = [2, 2, 0]
    part, _ = net.step(select(state, rows), torch.tensor([7, 7, 5]))
    torch.testing.assert_close(part, whole[rows], **CLOSE)


# -- attention ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", range(L))
def test_the_attention_shown_is_the_mean_over_one_layers_heads(layer):
    net, (source, target) = model(), pad_pairs(PAIRS)
    net.shown_layer = layer
    words = target[:, :-1]
    scores, weights = net(source, words, return_attention=True)
    torch.testing.assert_close(scores, net(source, words), **CLOSE)
    heads = net.head_weights(source, words)
    torch.testing.assert_close(weights, heads.cross[layer].mean(dim=1))
    B, S, T = *source.shape, words.shape[1]
    shapes = tuple(tuple(getattr(heads, f.name).shape) for f in dataclasses.fields(heads))
    assert shapes == ((L, B, H, S, S), (L, B, H, T, T), (L, B, H, T, S))
    for maps in (heads.encoder, heads.decoder, heads.cross):
        torch.testing.assert_close(maps.sum(-1), torch.ones(maps.shape[:-1]))
    assert (heads.decoder.triu(1) == 0).all()
    closed = source.eq(PADDING)[None, :, None, None]
    assert (heads.cross[closed.expand_as(heads.cross)] == 0).all()
    assert (heads.encoder[closed.expand_as(heads.encoder)] == 0).all()
    state = net.start(source)
    for t in range(T):
        _, state, paid = net.attend(state, words[:, t])
        torch.testing.assert_close(paid, weights[:, t], **CLOSE)


@pytest.mark.parametrize("layer", range(L))
def test_attention_of_ones_own(layer):
    net, (source, target) = model(heads=1), pad_pairs(PAIRS)
    net.shown_layer = layer
    own, _, paid = net.attend(net.start(source), target[:, 0])
    torch.testing.assert_close(own, net.step(net.start(source), target[:, 0])[0], **CLOSE)
    again, _, used = net.attend(net.start(source), target[:, 0], weights=paid)
    torch.testing.assert_close(again, own, **CLOSE)  # with one head the mean is the head
    assert torch.equal(used, paid)
    first = torch.zeros_like(paid)
    first[:, 0] = 1.0
    moved, state, _ = net.attend(net.start(source), target[:, 0], weights=first)
    assert not torch.allclose(moved, own)
    assert state.caches[0].filled == 1
    with pytest.raises(ValueError, match=r"one number per source place, \(4, 5\), not \(4, 4\)"):
        net.attend(net.start(source), target[:, 0], weights=first[:, 1:])


# -- learning ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", [{"positions": "learned"}, {"norm_first": False, "positions": "rotary"}])
def test_it_overfits_one_batch_and_the_same_seed_gives_the_same_loss(variant):
    def train():
        torch.manual_seed(0)
        sizes = {"width": 32, "heads": H, "layers": 1, "inner": 48}
        net, history = Transformer(TransformerConfig(V, V, **sizes | variant)), History()
        fit(net, [pad_pairs(PAIRS)], steps=40, learning_rate=1e-2, warmup=5, history=history)
        return net.eval(), history

    (net, history), (_, again) = train(), train()
    assert history.losses == again.losses
    assert history.losses[-1] < 0.1
    sources = pad_sources([s for s, _ in PAIRS])
    texts = greedy(net.step, net.start(sources), start=torch.full((4,), BEGIN), end=END, max_length=9)
    assert [list(text.without_end) for text in texts] == [t for _, t in PAIRS]


def test_at_first_all_words_are_about_as_likely():
    torch.manual_seed(0)
    loss = Transformer(TransformerConfig(V, V, tie=False)).loss(pad_pairs(PAIRS))
    assert loss.item() == pytest.approx(math.log(V), abs=1.0)


def test_dropout_only_while_training():
    net, batch = model(dropout=0.5), pad_pairs(PAIRS)
    assert net.train().loss(batch) != net.loss(batch)
    assert net.eval().loss(batch) == net.loss(batch)


def test_the_output_is_tied_on_request():
    tied, free = model(), model(tie=False)
    extra = sum(p.numel() for p in free.parameters()) - sum(p.numel() for p in tied.parameters())
    assert extra == V * C
    assert not any("positions" in name for name in tied.state_dict())
    assert "encoder.positions.table.weight" in model(positions="learned").state_dict()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": "relative"}, "positions 'relative' is unknown; choose 'none', 'learned'"),
        ({"activation": "swish"}, "activation 'swish' is unknown"),
        ({"heads": 3}, "width 16 cannot be shared equally by 3 heads"),
        ({"positions": "rotary", "heads": 16}, "heads have 1 numbers; they are turned in pairs"),
        ({"width": 15, "heads": 3}, "width is 15; sines and cosines come in pairs"),
        ({"layers": 0}, "layers is 0"),
        ({"inner": 0}, "inner 0"),
        ({"longest": 0}, "longest is 0"),
        ({"source_vocabulary": 3}, "beyond the 3"),
        ({"target_vocabulary": 2}, "beyond the 3"),
        ({"dropout": 1.0}, "^dropout is 1.0"),
    ],
)
def test_a_config_that_cannot_be(changes, message):
    sizes = {"source_vocabulary": V, "target_vocabulary": V, "width": C, "heads": H}
    with pytest.raises(ValueError, match=message):
        TransformerConfig(**sizes | changes)


def test_an_empty_sentence_is_refused():
    with pytest.raises(ValueError, match="rows of the mask allow no position"):
        model().start(torch.tensor([[3, END], [PADDING, PADDING]]))


def test_learned_positions_end_and_layers_do():
    net = model(positions="learned", longest=4)
    with pytest.raises(ValueError, match="place 5 was asked for, but only 4 were learned"):
        net.start(pad_sources([[3, 4, 5, 6]]))
    state = net.start(pad_sources([[3]]))
    for _ in range(4):
        _, state = net.step(state, torch.tensor([BEGIN]))
    with pytest.raises(ValueError, match="place 5 was asked for"):
        net.step(state, torch.tensor([BEGIN]))
    for layer in (-1, L):
        with pytest.raises(ValueError, match=f"no layer {layer}; choose 0 to 1"):
            net.shown_layer = layer


# -- under the translator ----------------------------------------------------------------------------


def translator(**changes):
    texts = [
        ("the dog sleeps .", "le chien dort ."),
        ("the dog does n't sleep .", "le chien ne dort pas ."),
        ("who sleeps ?", "qui dort ?"),
    ]
    pairs = [SentencePair(tuple(a.split()), tuple(b.split()), frozenset()) for a, b in texts]
    source, target = vocabularies(pairs)
    sizes = {"source_vocabulary": len(source) + SPECIAL, "target_vocabulary": len(target) + SPECIAL}
    return Translator(model(**sizes | changes), source=source, target=target), pairs


@pytest.mark.parametrize("beam", [1, 3])
def test_a_translator_works_with_it(beam):
    one, pairs = translator()
    together = one.translate([p.source for p in pairs], beam=beam, max_length=9)
    for pair, found in zip(pairs, together, strict=True):
        (alone,) = one.translate([pair.source], beam=beam, max_length=9)
        assert (alone.target, alone.finished) == (found.target, found.finished)
        np.testing.assert_allclose(alone.log_probabilities, found.log_probabilities, atol=1e-4)
        np.testing.assert_allclose(alone.attention, found.attention, atol=1e-5)
        assert alone.attention.shape == (len(alone.target_pieces), len(pair.source) + 1)
    for pair, weights in zip(pairs, one.align(pairs, batch=2), strict=True):
        assert weights.shape == (len(pair.target), len(pair.source))
        np.testing.assert_allclose(weights, one.attention(pair.source, pair.target)[:-1, :-1], atol=1e-5)


def test_a_translators_next_words_and_search():
    one, pairs = translator()
    source, target = pairs[1].source, pairs[1].target
    probabilities, paid = one.next_words(source, target[:2])
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(paid, one.attention(source, target)[2], atol=1e-5)
    changed, used = one.next_words(source, target[:2], weights=np.eye(len(source) + 1)[3])
    np.testing.assert_allclose(used, np.eye(len(source) + 1)[3])
    assert np.abs(changed - probabilities).max() > 1e-4
    assert len(one.search(source, width=3, max_length=6).hypotheses) == 3
