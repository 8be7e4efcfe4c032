"""Recurrent layers against PyTorch's with the same weights: values, gradients, padding, both directions."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from course_utils.layers.recurrent import GRU, LSTM, RNN, BothDirections

B, T, N, C = 4, 7, 5, 6
LENGTHS = torch.tensor([3, 7, 1, 6])
KINDS = {RNN: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}
CLOSE = {"atol": 1e-6, "rtol": 0.0}
TOLERANCES = [(torch.float32, 1e-6), (torch.float64, 1e-13)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


def for_pytorch(state):
    """Our state with the dimension of layers that PyTorch wants in front."""
    return tuple(s[None] for s in state) if isinstance(state, tuple) else state[None]


def random_state(kind, *, seed=5):
    return (random(B, C, seed=seed), random(B, C, seed=seed + 1)) if kind is LSTM else random(B, C, seed=seed)


def read_with_pytorch(twin, x, *, lengths=None, state=None):
    """PyTorch's layer on packed rows: the oracle."""
    start = None if state is None else for_pytorch(state)
    if lengths is None:
        return twin(x, start)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    outputs, last = twin(packed, start)
    return pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])[0], last


def gradients_of(outputs, last, parameters):
    """Of a mean in which each output and each final state has a weight of its own."""
    parts = [part.flatten() for part in (outputs, *as_tuple(last))]
    loss = sum((part * random(part.numel(), seed=9).to(part)).mean() for part in parts)
    return torch.autograd.grad(loss, parameters)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture
def pair(kind):
    torch.manual_seed(0)
    ours, twin = kind(N, C), KINDS[kind](N, C, batch_first=True)
    ours.load_state_dict(twin.state_dict())
    return ours, twin


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "padded"])
@pytest.mark.parametrize("started", [False, True], ids=["zeros", "given state"])
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES, ids=["float32", "float64"])
def test_values_and_gradients_equal_pytorch(kind, pair, lengths, started, dtype, tolerance):
    ours, twin = (layer.to(dtype) for layer in pair)
    state = random_state(kind) if started else None
    if started:
        state = tuple(s.to(dtype) for s in state) if kind is LSTM else state.to(dtype)
    results = []
    for layer, read in ((ours, ours), (twin, lambda x, **given: read_with_pytorch(twin, x, **given))):
        x = random(B, T, N).to(dtype).requires_grad_()
        outputs, last = read(x, lengths=lengths, state=state)
        names = [name for name, _ in ours.named_parameters()]
        wanted = [x, *(layer.get_parameter(name) for name in names)]
        results.append(
            [outputs, *(s.view(B, C) for s in as_tuple(last)), *gradients_of(outputs, last, wanted)]
        )
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, atol=tolerance, rtol=0.0)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "padded"])
def test_both_directions_equal_pytorch(kind, lengths):
    torch.manual_seed(1)
    twin = KINDS[kind](N, C, batch_first=True, bidirectional=True)
    both = BothDirections(kind(N, C), kind(N, C))
    both.load_state_dict(twin.state_dict())
    results = []
    for layer, read in ((both, both), (twin, lambda x, **given: read_with_pytorch(twin, x, **given))):
        x = random(B, T, N).requires_grad_()
        outputs, last = read(x, lengths=lengths)
        if layer is both:
            last = tuple(torch.stack(pair) for pair in zip(*map(as_tuple, last), strict=True))
        results.append([outputs, *as_tuple(last), *gradients_of(outputs, last, [x])])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, **CLOSE)


def test_both_directions_start_where_they_are_told(kind):
    torch.manual_seed(1)
    both, states = BothDirections(kind(N, C), kind(N, C)), (random_state(kind), random_state(kind, seed=7))
    outputs, last = both(random(B, T, N), states=states, lengths=LENGTHS)
    ahead, ahead_last = both.ahead(random(B, T, N), state=states[0], lengths=LENGTHS)
    assert torch.equal(outputs[..., :C], ahead)
    for row, length in enumerate(LENGTHS):  # the words of one row alone, turned round by hand
        start = tuple(s[row : row + 1] for s in as_tuple(states[1]))
        alone, alone_last = both.back(
            random(B, T, N)[row : row + 1, :length].flip(1), state=start if kind is LSTM else start[0]
        )
        torch.testing.assert_close(outputs[row, :length, C:], alone[0].flip(0), **CLOSE)
        torch.testing.assert_close(as_tuple(last[1])[0][row], as_tuple(alone_last)[0][0], **CLOSE)


def test_our_own_names_load_and_a_missing_parameter_is_seen(kind):
    both, other = BothDirections(kind(N, C), kind(N, C)), BothDirections(kind(N, C), kind(N, C))
    other.load_state_dict(both.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(both.parameters(), other.parameters(), strict=True))
    twin = KINDS[kind](N, C, bidirectional=True).state_dict()
    del twin["bias_hh_l0_reverse"]
    with pytest.raises(RuntimeError, match=r"back\.bias_hh_l0"):
        both.load_state_dict(twin)


def test_pytorch_names_load_inside_a_larger_model():
    larger = nn.ModuleDict({"encoder": BothDirections(GRU(N, C), GRU(N, C))})
    twin = nn.ModuleDict({"encoder": nn.GRU(N, C, bidirectional=True)})
    larger.load_state_dict(twin.state_dict())
    assert torch.equal(larger["encoder"].back.weight_hh_l0, twin["encoder"].weight_hh_l0_reverse)


def test_pytorch_takes_our_parameters_and_the_same_seed_gives_the_same_ones(kind):
    torch.manual_seed(3)
    ours = kind(N, C)
    torch.manual_seed(3)
    twin = KINDS[kind](N, C)
    for name, parameter in twin.named_parameters():
        assert torch.equal(parameter, ours.get_parameter(name))
    twin.load_state_dict(kind(N, C).state_dict())


@pytest.mark.parametrize("junk", [0.0, 100.0, float("nan")])
def test_padding_changes_no_result_and_no_gradient(kind, pair, junk):
    ours, _ = pair
    parameters = list(ours.parameters())
    short, long = random(B, T, N), torch.full((B, T + 3, N), junk)
    for row, length in enumerate(LENGTHS):
        long[row, :length] = short[row, :length]
    (a, a_last), (b, b_last) = (ours(x, lengths=LENGTHS) for x in (short, long))
    torch.testing.assert_close(a, b[:, :T], **CLOSE)  # some processors add longer rows in another order
    assert (b[:, T:] == 0).all()
    for p, q in zip(as_tuple(a_last), as_tuple(b_last), strict=True):
        torch.testing.assert_close(p, q, **CLOSE)
    for p, q in zip(
        torch.autograd.grad(a.sum(), parameters), torch.autograd.grad(b.sum(), parameters), strict=True
    ):
        torch.testing.assert_close(p, q, **CLOSE)


def test_padding_may_stand_anywhere(kind, pair):
    ours, _ = pair
    x, places = random(1, T, N), [1, 2, 5]
    mask = torch.zeros(1, T, dtype=torch.bool)
    mask[0, places] = True
    outputs, last = ours(x, mask=mask)
    expected, expected_last = ours(x[:, places])
    torch.testing.assert_close(outputs[:, places], expected, **CLOSE)
    torch.testing.assert_close(as_tuple(last)[-1], as_tuple(expected_last)[-1], **CLOSE)
    assert (outputs[:, [0, 3, 4, 6]] == 0).all()


def test_order_of_rows_does_not_matter(pair):
    order = torch.tensor([2, 0, 3, 1])
    outputs, _ = pair[0](random(B, T, N), lengths=LENGTHS)
    turned, _ = pair[0](random(B, T, N)[order], lengths=LENGTHS[order])
    torch.testing.assert_close(turned, outputs[order], **CLOSE)


def test_two_halves_are_the_whole(pair):
    ours, x = pair[0], random(B, T, N)
    outputs, last = ours(x)
    first, state = ours(x[:, :3])
    second, end = ours(x[:, 3:], state=state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), outputs, **CLOSE)
    torch.testing.assert_close(as_tuple(end)[0], as_tuple(last)[0], **CLOSE)


def test_gradients_against_finite_differences(kind):
    torch.manual_seed(0)
    layer = kind(2, 3).double()
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    names, parameters = zip(*layer.named_parameters(), strict=True)

    def read(x, *values):
        given = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, given, (x,), {"lengths": torch.tensor([3, 2])})[0]

    assert torch.autograd.gradcheck(read, (x, *(p.detach().requires_grad_() for p in parameters)))


def test_trace_of_a_gru_rebuilds_its_states():
    layer = GRU(N, C)
    outputs, last, gates = layer.trace(random(B, T, N), lengths=LENGTHS)
    assert torch.equal(outputs, layer(random(B, T, N), lengths=LENGTHS)[0])
    assert set(gates) == {"reset", "update", "candidate"}
    before = torch.cat([torch.zeros(B, 1, C), outputs[:, :-1]], dim=1)
    rebuilt = gates["update"] * before + (1 - gates["update"]) * gates["candidate"]
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(rebuilt[row, :length], outputs[row, :length], **CLOSE)
        assert all((gate[row, length:] == 0).all() for gate in gates.values())
        assert (gates["update"][row, :length] > 0).all()


def test_trace_of_an_lstm_rebuilds_its_memory():
    layer = LSTM(N, C)
    outputs, (_, memory), gates = layer.trace(random(B, T, N), lengths=LENGTHS)
    assert set(gates) == {"input", "forget", "output", "candidate", "memory"}
    before = torch.cat([torch.zeros(B, 1, C), gates["memory"][:, :-1]], dim=1)
    rebuilt = gates["forget"] * before + gates["input"] * gates["candidate"]
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(rebuilt[row, :length], gates["memory"][row, :length], **CLOSE)
        shown = gates["output"][row, :length] * gates["memory"][row, :length].tanh()
        torch.testing.assert_close(shown, outputs[row, :length], **CLOSE)
        torch.testing.assert_close(memory[row], gates["memory"][row, length - 1], **CLOSE)


def test_an_rnn_has_no_gates_and_nothing_is_kept_on_the_layer(pair):
    ours, _ = pair
    kept = set(vars(ours))
    outputs, _, gates = ours.trace(random(B, T, N))
    assert set(vars(ours)) == kept
    assert all(gate.shape == outputs.shape for gate in gates.values())
    assert RNN(N, C).trace(random(B, T, N))[2] == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lengths": torch.tensor([3, 7, 0, 6])}, "lengths go from 0 to 7"),
        ({"lengths": torch.tensor([3, 8, 1, 6])}, "lengths go from 1 to 8"),
        ({"lengths": LENGTHS, "mask": torch.ones(B, T, dtype=torch.bool)}, "not both"),
        ({"mask": torch.ones(B, T)}, "mask must be boolean"),
        ({"mask": torch.ones(B, T + 1, dtype=torch.bool)}, "mask must be boolean of shape"),
        ({"mask": torch.zeros(B, T, dtype=torch.bool)}, "4 of 4 rows hold no token"),
        ({"state": torch.zeros(1, B, C)}, "initial state must be one tensor of shape"),
        ({"state": (torch.zeros(B, C), torch.zeros(B, C))}, "initial state must be one tensor of shape"),
    ],
    ids=[
        "empty",
        "too long",
        "both",
        "not boolean",
        "wide mask",
        "no token",
        "layers in front",
        "two states",
    ],
)
def test_bad_input_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        GRU(N, C)(random(B, T, N), **given)


@pytest.mark.parametrize("shape", [(B, N), (B, 0, N), (N,)])
def test_an_input_without_time_is_refused(shape):
    for layer in (GRU(N, C), BothDirections(GRU(N, C), GRU(N, C))):
        with pytest.raises(ValueError, match="at least one token"):
            layer(torch.zeros(shape))


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match="reads 5 numbers a token, not 6"):
        GRU(N, C)(random(B, T, N + 1))
    with pytest.raises(ValueError, match=r"two tensors \(h, c\) of shape"):
        LSTM(N, C)(random(B, T, N), state=torch.zeros(B, C))
    with pytest.raises(ValueError, match="both must be 1 or more"):
        GRU(0, C)
