"""The model against a loop over PyTorch's layers; decoding equals training; padding is void."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.decoding.beam import beam_search
from course_utils.decoding.greedy import greedy
from course_utils.decoding.steps import select
from course_utils.models.seq2seq import BEGIN, END, PADDING, Seq2Seq, Seq2SeqConfig
from course_utils.models.seq2seq_batches import PairBatches, pad_pairs, pad_sources
from course_utils.training import History, fit

V, C = 12, 8
PAIRS = [([3, 4, 5, 6], [7, 8, 9]), ([5, 3], [9, 4, 4, 10, 11]), ([11], [6]), ([7, 8, 9], [3])]
VARIANTS = [
    {"attention": "none"},
    {"attention": "none", "cell": "lstm"},
    {},
    {"cell": "lstm", "attention": "general"},
    {"attention": "dot", "residual": False},
    {"attention": "scaled dot"},
    {"input_feeding": True},
    {"input_feeding": True, "cell": "lstm", "attention": "dot"},
]
ATTENTIVE = [variant for variant in VARIANTS if variant.get("attention") != "none"]


def model(seed=0, **changes):
    torch.manual_seed(seed)
    return Seq2Seq(
        Seq2SeqConfig(**{"source_vocabulary": V, "target_vocabulary": V, "width": C} | changes)
    ).double()


def theirs(kind, layer, *, bidirectional=False):
    """PyTorch's layer with our weights."""
    ahead = layer.ahead if bidirectional else layer
    twin = {"gru": nn.GRU, "lstm": nn.LSTM}[kind](
        ahead.input_width, ahead.width, batch_first=True, bidirectional=bidirectional
    ).double()
    weights = dict(ahead.state_dict())
    if bidirectional:
        weights |= {f"{name}_reverse": value for name, value in layer.back.state_dict().items()}
    twin.load_state_dict(weights)
    return twin


def score_of(kind, score, query, key):
    if kind == "additive":
        return torch.tanh(score.of_query(query) + score.of_key(key)) @ score.direction
    if kind == "dot":
        return query @ key
    if kind == "general":
        return query @ score.of_key(key)
    return score.of_query(query) @ score.of_key(key) / math.sqrt(C)


def one_sentence(net, source, target):
    """Scores and weights of one sentence, a loop over target steps; of the course only its parameters."""
    config, writer = net.config, net.writer
    vectors = net.reader.vectors.weight[source]
    outputs, ends = theirs(config.cell, net.reader.layer, bidirectional=True)(vectors[None])
    ends = ends[0] if config.cell == "lstm" else ends
    values = outputs[0] + (vectors if config.residual else 0)
    summary = torch.tanh(net.reader.summarise(torch.cat([ends[0, 0], ends[1, 0]])))
    state = summary[None, None]
    state = (state, torch.zeros_like(state)) if config.cell == "lstm" else state
    layer, scores, maps = theirs(config.cell, writer.layer), [], []

    def look(h):
        words = values[:-1]  # the end mark is read, but not looked at
        weights = torch.stack([score_of(config.attention, writer.score, h, key) for key in words]).softmax(0)
        return sum(w * value for w, value in zip(weights, words, strict=True)), weights

    for token in target:
        word = writer.vectors.weight[token]
        old = (state[0] if config.cell == "lstm" else state)[0, 0]
        if config.input_feeding:
            context, weights = look(old)
            h, state = layer(torch.cat([word, context])[None, None], state)
        else:
            h, state = layer(word[None, None], state)
            context, weights = look(h[0, 0]) if config.attention != "none" else (None, None)
        seen = h[0, 0] if context is None else torch.cat([h[0, 0], context])
        scores.append(writer.vectors.weight @ torch.tanh(writer.combine(seen)) + writer.bias)
        maps.append(weights)
    return torch.stack(scores), maps


@pytest.mark.parametrize("variant", VARIANTS)
def test_equal_to_a_loop_over_pytorchs_layers(variant):
    net = model(**variant)
    source, target = pad_pairs(PAIRS)
    words = target[:, :-1]
    attends = net.config.attention != "none"
    answer = net(source, words, return_attention=attends)
    ours, weights = answer if attends else (answer, None)
    for row, (s, t) in enumerate(PAIRS):
        steps, places = len(t) + 1, len(s)
        scores, maps = one_sentence(net, source[row, : places + 1], words[row, :steps])
        torch.testing.assert_close(ours[row, :steps], scores, atol=1e-10, rtol=1e-10)
        if attends:
            torch.testing.assert_close(
                weights[row, :steps, :places], torch.stack(maps), atol=1e-10, rtol=1e-10
            )
            assert (weights[row, :, places:] == 0).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_equal_those_of_the_loop(variant):
    net = model(**variant)
    source, target = pad_pairs(PAIRS[:1])
    net.loss((source, target)).backward()
    ours = {name: p.grad.clone() for name, p in net.named_parameters() if "layer" not in name}
    net.zero_grad()
    scores, _ = one_sentence(net, source[0], target[0, :-1])
    F.cross_entropy(scores, target[0, 1:]).backward()
    for name, gradient in ours.items():  # the recurrent layers' twins hold copies, so theirs are not in reach
        torch.testing.assert_close(gradient, net.get_parameter(name).grad, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("variant", VARIANTS)
def test_loss_is_the_mean_over_tokens(variant):
    net, batch = model(**variant), pad_pairs(PAIRS)
    prices = [
        F.cross_entropy(
            net(pad_sources([s]), torch.tensor([[BEGIN, *t]]))[0], torch.tensor([*t, END]), reduction="none"
        )
        for s, t in PAIRS
    ]
    torch.testing.assert_close(net.loss(batch), torch.cat(prices).mean())


@pytest.mark.parametrize("variant", VARIANTS)
def test_more_padding_and_another_order_change_nothing(variant):
    net = model(**variant)
    source, target = pad_pairs(PAIRS)
    wider = F.pad(source, (0, 3)), F.pad(target, (0, 2))
    torch.testing.assert_close(net.loss(wider), net.loss((source, target)))
    torch.testing.assert_close(net(*wider)[:, : target.shape[1] - 1], net(source, target)[:, :-1])
    torch.testing.assert_close(net(source.flip(0), target.flip(0)), net(source, target).flip(0))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_later_word_changes_no_earlier_score(variant):
    net, (source, target) = model(**variant), pad_pairs(PAIRS)
    changed = target.clone()
    changed[:, 3:] = 5
    assert torch.equal(net(source, changed)[:, :3], net(source, target)[:, :3])


@pytest.mark.parametrize("variant", VARIANTS)
def test_step_by_step_equals_all_at_once(variant):
    net, (source, target) = model(**variant), pad_pairs(PAIRS)
    state, found = net.start(source), []
    for tokens in target[:, :-1].unbind(dim=1):
        log_probabilities, state = net.step(state, tokens)
        found.append(log_probabilities)
    torch.testing.assert_close(torch.stack(found, dim=1), net(source, target[:, :-1]).log_softmax(dim=-1))


@pytest.mark.parametrize("variant", VARIANTS)
def test_decoding_takes_the_state_apart(variant):
    net = model(**variant).eval()
    start = torch.full((len(PAIRS),), BEGIN)
    source = pad_sources([s for s, _ in PAIRS])
    texts = greedy(net.step, net.start(source), start=start, end=END, max_length=7)
    wide = beam_search(net.step, net.start(source), start=start, end=END, max_length=7, width=1, stop="full")
    assert [text.tokens for text in texts] == [result.best.tokens for result in wide]
    picked = select(net.start(source), [2, 2])
    torch.testing.assert_close(picked.summary, net.start(source).summary[[2, 2]])


@pytest.mark.parametrize("variant", ATTENTIVE)
def test_attention_of_ones_own(variant):
    net, (source, target) = model(**variant), pad_pairs(PAIRS)
    own, state, paid = net.attend(net.start(source), target[:, 0])
    again, _, used = net.attend(net.start(source), target[:, 0], weights=paid)
    torch.testing.assert_close(again, own)
    assert torch.equal(used, paid)
    first = torch.zeros_like(paid)
    first[:, 0] = 1.0
    moved, _, _ = net.attend(net.start(source), target[:, 0], weights=first)
    assert not torch.allclose(moved, own)
    assert net.attend(state, target[:, 1])[2].shape == paid.shape
    with pytest.raises(ValueError, match="one number per source place"):
        net.attend(net.start(source), target[:, 0], weights=first[:, 1:])


def test_without_attention_only_the_summary_is_handed_on():
    net = model(attention="none")
    state = net.start(pad_sources([[3, 4, 5]]))
    assert (state.values, state.keys, state.mask) == (None, None, None)
    with pytest.raises(ValueError, match="no attention to return"):
        net(pad_sources([[3]]), torch.tensor([[BEGIN]]), return_attention=True)
    with pytest.raises(ValueError, match="no attention to replace"):
        net.attend(state, torch.tensor([BEGIN]), weights=torch.ones(1, 4))
    other = dataclasses.replace(state, recurrent=torch.zeros_like(state.summary))
    assert not torch.allclose(
        net.step(other, torch.tensor([BEGIN]))[0], net.step(state, torch.tensor([BEGIN]))[0]
    )


@pytest.mark.parametrize("variant", [{"attention": "none"}, {}, {"input_feeding": True}])
def test_it_overfits_one_batch_and_the_same_seed_gives_the_same_loss(variant):
    def train():
        net, history = model(**variant), History()
        fit(net, [pad_pairs(PAIRS)], steps=40, learning_rate=0.05, history=history)
        return net.eval(), history

    (net, history), (_, again) = train(), train()
    assert history.losses == again.losses
    assert history.losses[-1] < 0.1
    sources = pad_sources([s for s, _ in PAIRS])
    texts = greedy(net.step, net.start(sources), start=torch.full((4,), BEGIN), end=END, max_length=9)
    assert [list(text.without_end) for text in texts] == [t for _, t in PAIRS]


@pytest.mark.parametrize("kind", ["dropout", "state_dropout"])
def test_dropout_only_while_training(kind):
    net, batch = model(**{kind: 0.5}), pad_pairs(PAIRS)
    torch.manual_seed(0)
    assert net.train().loss(batch) != net.loss(batch)
    assert net.eval().loss(batch) == net.loss(batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "rnn"}, "cell 'rnn' is unknown; choose 'gru' or 'lstm'"),
        ({"attention": "linear"}, "attention 'linear' is unknown"),
        ({"width": 7}, "even number"),
        ({"source_vocabulary": 3}, "beyond the 3"),
        ({"dropout": 1.0}, "^dropout is 1.0"),
        ({"state_dropout": -0.1}, "state_dropout is -0.1"),
        ({"attention": "none", "input_feeding": True}, "nothing to feed"),
    ],
)
def test_a_config_that_cannot_be(changes, message):
    with pytest.raises(ValueError, match=message):
        model(**changes)


def test_an_empty_sentence_is_refused():
    with pytest.raises(ValueError, match="no token"):
        model().start(torch.tensor([[3, END], [PADDING, PADDING]]))


# -- batches ----------------------------------------------------------------------------------------


def many(n=230, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda: torch.randint(3, V, (int(torch.randint(1, 20, (), generator=generator)),)).tolist()  # noqa: E731
    return [(draw(), draw()) for _ in range(n)]


def test_a_pass_holds_every_pair_once_with_its_marks():
    pairs = many()
    found = []
    for source, target in PairBatches(pairs, size=16, pool=3)(torch.Generator().manual_seed(1)):
        for s, t in zip(source.tolist(), target.tolist(), strict=True):
            s, t = [i for i in s if i != PADDING], [i for i in t if i != PADDING]
            assert (s[-1], t[0], t[-1]) == (END, BEGIN, END)
            found.append((tuple(s[:-1]), tuple(t[1:-1])))
    assert sorted(found) == sorted((tuple(s), tuple(t)) for s, t in pairs)


def test_batches_are_repeatable_shuffled_and_of_like_length():
    pairs = many(1600)
    batches = PairBatches(pairs, size=16)

    def one_pass(seed):
        return list(batches(torch.Generator().manual_seed(seed)))

    first, same, other = one_pass(1), one_pass(1), one_pass(2)
    assert all(torch.equal(a[1], b[1]) for a, b in zip(first, same, strict=True))
    assert not all(a[1].shape == b[1].shape for a, b in zip(first, other, strict=True))
    padded = sum(int(target.eq(PADDING).sum()) for _, target in first) / sum(t.numel() for _, t in first)
    unsorted = sum(int(pad_pairs(pairs[i : i + 16])[1].eq(PADDING).sum()) for i in range(0, 1600, 16))
    assert padded < 0.1 < unsorted / sum(t.numel() for _, t in first)
    assert batches.target_tokens == pytest.approx(sum(len(t) + 1 for _, t in pairs) / 100)


@pytest.mark.parametrize(("pairs", "size"), [([], 4), ([([3], [])], 4), ([([3], [4])], 0)])
def test_batches_of_nothing_are_refused(pairs, size):
    with pytest.raises(ValueError, match="at least one pair|must be 1 or more"):
        PairBatches(pairs, size=size)
