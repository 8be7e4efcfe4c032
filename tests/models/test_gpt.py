"""GPT: nothing leaks from the future, a cache changes nothing, and padding on the left changes nothing."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from course_utils.decoding.beam import beam_search
from course_utils.decoding.greedy import greedy
from course_utils.decoding.sampling import sample
from course_utils.layers.positions import POSITIONS
from course_utils.models.gpt import GPT, GPTConfig, pad_left
from course_utils.training import History, fit

V, CONTEXT = 19, 12
PROMPTS = [[3, 1, 4, 1, 5], [9, 2], [6], [5, 3, 5, 8, 9, 7]]


def make(**changes):
    torch.manual_seed(0)
    sizes = {"context": CONTEXT, "width": 16, "layers": 2, "heads": 4, "dropout": 0.0}
    model = GPT(GPTConfig(V, **sizes | changes)).eval()
    with torch.no_grad():  # larger than at the start of training, so that tokens differ clearly
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.fixture(params=sorted(POSITIONS))
def model(request):
    return make(positions=request.param, tie=request.param != "rotary")


def tokens(rows=3, length=9, *, seed=1):
    return torch.randint(V, (rows, length), generator=torch.Generator().manual_seed(seed))


def go_on(model, prompts, *, mask=None, cache=True, search=greedy, **settings):
    """Tokens after each prompt; token 0 ends a text."""
    state = model.start(prompts, mask=mask, cache=cache)
    settings = {"start": prompts[:, -1], "end": 0, "max_length": CONTEXT - prompts.shape[1] + 1} | settings
    found = search(model.step, state, **settings)
    return [getattr(one, "best", one).tokens for one in found]


# -- reading ------------------------------------------------------------------------------------------------


def test_a_changed_future_token_leaves_earlier_scores_alone_bit_for_bit(model):
    text, other = tokens(), tokens()
    other[:, 6:] = (other[:, 6:] + 1) % V
    before, after = model(text), model(other)
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.isclose(before[:, 6:], after[:, 6:]).all(dim=-1).any()


def test_attention_is_returned_and_looks_back_only(model):
    scores, weights = model(tokens(), return_attention=True)
    assert weights.shape == (2, 3, 4, 9, 9)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 3, 4, 9))
    assert torch.equal(weights, weights.tril())
    torch.testing.assert_close(scores, model(tokens()), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(model, side):
    texts = [tokens(1, length)[0] for length in (4, 7, 2)]
    batch, mask = torch.full((3, 7), 5), torch.zeros(3, 7, dtype=torch.bool)
    for row, text in enumerate(texts):
        columns = slice(7 - len(text), 7) if side == "left" else slice(0, len(text))
        batch[row, columns], mask[row, columns] = text, True
    scores = model(batch, mask=mask)
    changed = model(batch.where(mask, 6), mask=mask)
    for row, text in enumerate(texts):
        torch.testing.assert_close(scores[row, mask[row]], model(text[None])[0], atol=1e-5, rtol=1e-4)
    assert torch.equal(scores[mask], changed[mask])


def test_rows_do_not_know_each_other(model):
    torch.testing.assert_close(model(tokens())[[2, 0]], model(tokens()[[2, 0]]), atol=1e-6, rtol=1e-5)


def test_the_start_is_gpt2s():
    torch.manual_seed(0)
    model = GPT(GPTConfig(500, width=64, layers=8))
    named = {name: parameter.detach() for name, parameter in model.named_parameters()}
    assert float(named["token_embedding.weight"].std()) == pytest.approx(0.02, rel=0.05)
    assert float(named["positions.table.weight"].std()) == pytest.approx(0.02, rel=0.05)
    assert float(named["blocks.3.attention.query.weight"].std()) == pytest.approx(0.02, rel=0.05)
    assert float(named["blocks.3.attention.output.weight"].std()) == pytest.approx(0.005, rel=0.05)
    assert float(named["blocks.7.feed_forward.narrow.weight"].std()) == pytest.approx(0.005, rel=0.05)
    assert all(not named[name].any() for name in named if name.endswith("bias"))
    assert all((named[name] == 1).all() for name in named if name.endswith("norm.weight"))
    assert "head.weight" not in named
    assert model.loss(torch.randint(500, (4, 33))).item() == pytest.approx(math.log(500), rel=0.02)


# -- learning -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tie", [True, False])
def test_loss_and_gradients_are_cross_entropys(tie):
    model, batch = make(tie=tie), tokens(length=10)
    loss = model.loss(batch)
    loss.backward()
    found = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    wanted = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
    wanted.backward()
    torch.testing.assert_close(loss, wanted)
    for gradient, parameter in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(model.loss(batch), wanted)
    torch.testing.assert_close(-model.score_tokens(batch).mean(), wanted)


def test_only_marked_tokens_are_to_be_predicted():
    model, batch = make(), tokens(length=10)
    wanted = torch.zeros_like(batch, dtype=torch.bool)
    wanted[1, 4], wanted[2, 7:] = True, True
    marked = -model.score_tokens(batch)[wanted[:, 1:]]
    assert marked.shape == (4,)
    torch.testing.assert_close(model.loss((batch, wanted)), marked.mean())


def test_bf16_is_near_and_keeps_parameters_in_float32():
    model, batch = make(), tokens(length=10)
    exact = model.loss(batch)
    seen = []
    model.blocks[1].feed_forward.widen.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    model.fast_dtype = torch.bfloat16
    loss = model.loss(batch)
    loss.backward()
    assert seen == [torch.bfloat16]
    assert loss.dtype == torch.float32
    assert loss.item() != exact.item()
    assert loss.item() == pytest.approx(exact.item(), rel=0.02)
    assert {parameter.grad.dtype for parameter in model.parameters()} == {torch.float32}


def test_it_learns_a_batch_by_heart_and_the_same_twice():
    torch.manual_seed(0)
    model = GPT(GPTConfig(V, context=CONTEXT, width=32, heads=2, layers=2, dropout=0.0))
    twin, history = copy.deepcopy(model), History()
    fit(model, [tokens(length=10)], steps=40, learning_rate=1e-2, history=history)
    assert history.losses[-1] < 0.1 < 2.5 < history.losses[0]
    again = fit(twin, [tokens(length=10)], steps=40, learning_rate=1e-2, history=History())
    assert again.losses == history.losses


def test_dropout_acts_in_training_alone():
    model, batch = make(dropout=0.5), tokens(length=10)
    assert torch.equal(model(batch), model(batch))
    model.train()
    assert not torch.equal(model(batch), model(batch))


# -- decoding -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("search", ["greedy", "sample", "beam"])
def test_a_cache_gives_the_same_tokens_as_none(model, search):
    prompts = tokens(4, 3)
    settings = {"greedy": {}, "sample": {}, "beam": {"width": 3, "length_penalty": 1.0}}[search]
    settings["search"] = {"greedy": greedy, "sample": sample, "beam": beam_search}[search]
    results = []
    for cache in (True, False):
        if search == "sample":
            settings |= {"generator": torch.Generator().manual_seed(7), "temperature": 1.5, "top_p": 0.95}
        results.append(go_on(model, prompts, cache=cache, **settings))
    assert results[0] == results[1]
    assert len({len(text) for text in results[0]}) > 1 or search != "sample"  # rows were dropped on the way


@pytest.mark.parametrize("cache", [True, False])
def test_a_batch_of_unequal_prompts_gives_what_each_gives_alone(model, cache):
    prompts, mask = pad_left(PROMPTS, padding=11)
    together = go_on(model, prompts, mask=mask, cache=cache, max_length=6)
    alone = [go_on(model, torch.tensor([prompt]), cache=cache, max_length=6)[0] for prompt in PROMPTS]
    assert together == alone


def test_sampling_a_padded_batch_is_the_same_with_a_cache(model):
    prompts, mask = pad_left(PROMPTS)
    found = [
        go_on(
            model, prompts, mask=mask, cache=cache, search=sample, generator=torch.Generator().manual_seed(3)
        )
        for cache in (True, False)
    ]
    assert found[0] == found[1]


def test_steps_give_the_log_probabilities_of_reading_at_once(model):
    text = tokens(3, 8)
    state = model.start(text[:, :4])
    for column in range(3, 7):
        found, state = model.step(state, text[:, column])
        wanted = model(text)[:, column].log_softmax(dim=-1)
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_a_state_can_be_used_twice(model):
    prompts = tokens(2, 3)
    state = model.start(prompts)
    first, _ = model.step(state, prompts[:, -1])
    _, after = model.step(state, prompts[:, 0])
    model.step(after, prompts[:, 1])
    again, _ = model.step(state, prompts[:, -1])
    assert torch.equal(first, again)


def test_steps_follow_when_parameters_change():
    model, prompts = make(), tokens(2, 3)
    go_on(model, prompts)
    with torch.no_grad():
        model.blocks[0].feed_forward.narrow.weight.mul_(-3)
    found, _ = model.step(model.start(prompts), prompts[:, -1])
    torch.testing.assert_close(found, model(prompts)[:, -1].log_softmax(-1), atol=1e-5, rtol=1e-5)
    other = make(activation="relu")
    model.load_state_dict(other.state_dict(), assign=True)
    found, _ = model.step(model.start(prompts), prompts[:, -1])
    torch.testing.assert_close(found, model(prompts)[:, -1].log_softmax(-1), atol=1e-5, rtol=1e-5)
    assert len(model.state_dict()) == len(make().state_dict())


def test_memory_for_the_whole_context_is_taken_once():
    model = make()
    state = model.start(tokens(2, 3))
    place = state.caches[0].keys.data_ptr()
    for token in tokens(8, 2):
        _, state = model.step(state, token)
    assert state.caches[0].keys.data_ptr() == place
    assert state.caches[0].filled == 10


def test_pad_left():
    prompts, mask = pad_left([[1, 2, 3], [4]], padding=9)
    assert prompts.tolist() == [[1, 2, 3], [9, 9, 4]]
    assert mask.tolist() == [[True] * 3, [False, False, True]]


# -- errors -------------------------------------------------------------------------------------------------


def test_prompts_that_cannot_be_are_refused():
    model = make()
    with pytest.raises(ValueError, match="a text of 0 tokens, padding counted, was given to a context of 12"):
        model.start(torch.zeros(1, 0, dtype=torch.long))
    with pytest.raises(ValueError, match="a text of 13 tokens, .* shorten longer texts"):
        model.start(tokens(1, 13))
    with pytest.raises(ValueError, match="a text of 13 tokens"):
        model(tokens(1, 13))
    with pytest.raises(ValueError, match="prompts hold tokens outside 0 to 18"):
        model.start(torch.tensor([[3, V]]))
    with pytest.raises(ValueError, match="prompt 1 is empty; give at least one token"):
        pad_left([[1], []])
    with pytest.raises(ValueError, match="there is no prompt"):
        pad_left([])


def test_decoding_with_dropout_is_refused():
    model = make(dropout=0.1).train()
    with pytest.raises(ValueError, match=r"call model\.eval\(\) before decoding"):
        model.start(tokens(1, 3))


@pytest.mark.parametrize("cache", [True, False])
def test_a_text_ends_with_the_context(cache):
    model = make()
    with torch.no_grad():
        model.token_embedding.weight[0] = 0  # the end token never comes first
    with pytest.raises(ValueError, match="a text of 13 tokens"):
        go_on(model, tokens(1, 3), cache=cache, max_length=11, min_length=11)
    assert len(go_on(model, tokens(1, 3), cache=cache, max_length=10, min_length=10)[0]) == 10


def test_masks_that_cannot_be_are_refused():
    model, text = make(), tokens(2, 3)
    mask = torch.tensor([[True, True, True], [False, False, False]])
    with pytest.raises(ValueError, match="row 1 of the mask is all padding"):
        model.start(text, mask=mask)
    with pytest.raises(ValueError, match="row 1 of the mask is all padding"):
        model(text, mask=mask)
    with pytest.raises(ValueError, match="padding behind its first token; pad on the left"):
        model.start(text, mask=torch.tensor([[True, True, True], [True, True, False]]))
    with pytest.raises(ValueError, match=r"the mask is torch.int64 \(2, 3\); give a bool one"):
        model(text, mask=mask.long())
    with pytest.raises(ValueError, match=r"the mask is torch.bool \(2, 2\); .* \(2, 3\)"):
        model(text, mask=mask[:, :2])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vocabulary_size", 0),
        ("context", 0),
        ("width", 0),
        ("layers", 0),
        ("heads", 0),
        ("inner", 0),
        ("dropout", 1.0),
        ("positions", "learnt"),
        ("activation", "gelu_new"),
    ],
)
def test_settings_that_cannot_be_are_named(name, value):
    with pytest.raises(ValueError, match=rf"{name} is '?{value}'?; "):
        GPTConfig(**{"vocabulary_size": V} | {name: value})


def test_nothing_to_predict_is_refused():
    model, batch = make(), tokens(length=5)
    with pytest.raises(ValueError, match="no token is to be predicted"):
        model.loss((batch, torch.zeros_like(batch, dtype=torch.bool)))
    with pytest.raises(ValueError, match="a text of 0 tokens"):
        model.loss(batch[:, :1])
