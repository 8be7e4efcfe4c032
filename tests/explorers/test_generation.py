"""GenerationExplorer on a table of numbers worked out here in numpy, and on the course's GPT."""

import json
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from map_parts import NS, message, shown

from course_utils.decoding.greedy import greedy
from course_utils.decoding.sampling import sample, shape_distribution
from course_utils.explorers.base import InputProblem
from course_utils.explorers.generation import ALL, KEPT, SHOWN, GenerationExplorer
from course_utils.models.gpt import GPT, GPTConfig
from course_utils.models.gpt_prefixes import PrefixReader
from course_utils.plots.placement import text_width
from course_utils.text.bpe import ByteLevelBPE

WORDS = [" the", " cat", " sat", "\n", "<b>x</b>", " 🌊", "\u202e", " שלום", " on", " mat", ".", "<end>",
         *(f" w{i}" for i in range(18))]  # fmt: skip
V, END, CONTEXT = len(WORDS), 11, 16
TABLE = np.random.default_rng(5).normal(scale=1.6, size=(V, V))
TABLE[:, END] -= 1  # few texts end early
PROMPT = "the cat"


def encode(text):
    names = {word.strip(): token for token, word in enumerate(WORDS)}
    wrong = [word for word in text.split() if word not in names]
    if wrong:
        raise ValueError(f"there is no {wrong[0]}")
    return [names[word] for word in text.split()]


def model_scores(tokens):
    """Log-probabilities (V,) of what follows, by numpy."""
    scores = TABLE[tokens[-1]] + 0.5 * TABLE[len(tokens) % V]
    return scores - np.log(np.exp(scores).sum())


class Model:
    """Gives them as a tensor, and counts how often it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, tokens):
        self.asked.append(tuple(tokens))
        return torch.tensor(model_scores(tokens))


@pytest.fixture
def model():
    return Model()


def make(model, **options):
    settings = {"prompt": PROMPT, "context": CONTEXT, "end": END, "most_tokens": 12, **options}
    return GenerationExplorer(
        model, encode=encode, piece=WORDS.__getitem__, shape=shape_distribution, **settings
    )


@pytest.fixture
def explorer(model):
    return make(model)


def by_hand(tokens, *, temperature=1.0, top_k=ALL, top_p=1.0):
    """Probabilities after temperature, then k, then p; and the mass that the filters left."""
    shares = np.exp(model_scores(tokens) / temperature)
    warmed = shares / shares.sum()
    order, kept, mass = sorted(range(V), key=lambda token: -warmed[token]), [], 0.0
    if top_k != ALL:
        order = order[:top_k]
    total = sum(warmed[token] for token in order)
    for token in order:
        if top_p < 1 and mass >= top_p - 1e-6 and kept:
            break
        kept.append(token)
        mass += warmed[token] / total
    after = np.zeros(V)
    after[kept] = warmed[kept] / warmed[kept].sum()
    return after, float(warmed[kept].sum()), len(kept)


def written_by_hand(prompt, *, seed, count, **settings):
    """Tokens and their probabilities, one dart a step."""
    tokens, gains = list(prompt), []
    for dart in np.random.default_rng(seed).random(count):
        after, _, _ = by_hand(tokens, **settings)
        token = next(i for i in range(V) if after[: i + 1].sum() > dart)
        gains.append((float(model_scores(tokens)[token]), float(after[token])))
        tokens.append(token)
        if token == END:
            break
    return tokens, gains


def bars(explorer, series):
    return {
        node.get("data-label"): float(node.get("data-value"))
        for node in shown(explorer).iter(f"{NS}rect")
        if node.get("data-series") == series
    }


def boxes(explorer):
    groups = [one for one in shown(explorer).iter(f"{NS}g") if one.get("class") == "token"]
    return [(one.get("data-piece"), one.get("data-kind"), one.get("data-note")) for one in groups]


SETTINGS = [
    {},
    {"temperature": 1 / 16},
    {"temperature": 8.0},
    {"temperature": 0.7071067811865476},
    {"top_k": 1},
    {"top_k": 7},
    {"top_k": 1000},
    {"top_p": 0.05},
    {"top_p": 0.55},
    {"temperature": 2.0, "top_k": 10, "top_p": 0.8},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_distribution_is_the_one_worked_out_here(explorer, settings):
    state = explorer.set_state(**settings)
    tokens = encode(PROMPT)
    before = np.exp(model_scores(tokens))
    after, mass, kept = by_hand(tokens, **settings)
    rows = state["candidate_tokens"]
    assert rows[:SHOWN] == sorted(range(V), key=lambda token: -before[token])[:SHOWN]
    np.testing.assert_allclose(state["before"], before[rows], rtol=1e-9)
    np.testing.assert_allclose(state["after"], after[rows], rtol=1e-6, atol=1e-12)
    assert state["rest_before"] == pytest.approx(1 - before[rows].sum())
    assert state["rest_after"] == pytest.approx(1 - after[rows].sum(), abs=1e-9)
    assert (state["kept"], state["kept_mass"]) == (kept, pytest.approx(mass))
    for name, shares in (("before", before), ("after", after)):
        entropy = -sum(share * math.log(share) for share in shares if share > 0)
        assert state[f"entropy_{name}"] == pytest.approx(entropy, abs=1e-9)
    assert state["ranks"] == [1 + int((before > before[token]).sum()) for token in rows]
    for series, shares, rest in (("the model", before, "rest_before"), ("temperature and filters", after,
                                                                         "rest_after")):  # fmt: skip
        found = bars(explorer, series)
        others = found.pop(f"the {V - len(rows)} others")
        assert others == pytest.approx(state[rest], abs=1e-8)
        np.testing.assert_allclose(list(found.values()), shares[rows], rtol=1e-6, atol=1e-9)
        assert list(found) == state["candidates"]
    assert f"{kept:,} of {V} tokens kept" in explorer.describe(explorer._result)
    assert shown(explorer).get("data-kept") == str(kept)


@pytest.mark.parametrize("seed", [0, 1, 57, 99])
@pytest.mark.parametrize("settings", SETTINGS[::3])
def test_the_text_is_the_one_written_here(explorer, seed, settings):
    state = explorer.set_state(seed=seed, step=12, **settings)
    tokens, gains = written_by_hand(encode(PROMPT), seed=seed, count=12, **settings)
    assert state["tokens"] == tokens
    assert state["written"] == len(gains)
    assert [(one["log_probability"], one["probability"]) for one in state["chosen"]] == [
        (pytest.approx(log), pytest.approx(share, abs=1e-9)) for log, share in gains
    ]
    assert [one["token"] for one in state["chosen"]] == tokens[2:]
    assert state["text"] == "".join(WORDS[token] for token in tokens)
    assert state["finished"] == (tokens[-1] == END)
    found = boxes(explorer)
    assert [piece for piece, _, _ in found] == state["pieces"]
    assert [kind for _, kind, _ in found] == ["given"] * 2 + ["written"] * len(gains)
    for (_, _, note), (_, share) in zip(found[2:], gains, strict=True):
        assert note == ("<1 %" if share < 0.005 else f"{100 * share:.0f} %")


def test_one_step_writes_what_was_marked_as_next(explorer):
    before = explorer.set_state(seed=3, step=4)
    marked = [text.text for text in shown(explorer).iter(f"{NS}text") if (text.text or "").startswith("▸ ")]
    assert any(one.endswith(before["next"]["piece"]) for one in marked)
    after = explorer.set_state(step=5)
    assert after["tokens"] == [*before["tokens"], before["next"]["token"]]
    assert after["chosen"][-1] == before["next"]


def test_the_chosen_token_is_shown_even_if_it_is_unlikely(explorer):
    for seed in range(60):
        state = explorer.set_state(seed=seed, temperature=8.0)
        if state["next"]["token"] not in state["candidate_tokens"][:SHOWN]:
            break
    else:
        pytest.fail("no seed drew an unlikely token")
    assert state["candidate_tokens"][-1] == state["next"]["token"]
    assert len(state["candidates"]) == SHOWN + 1


def test_the_same_seed_gives_the_same_text_and_another_one_another(model):
    first, again = make(model), make(model)
    texts = [first.set_state(seed=seed, step=12)["text"] for seed in (4, 5, 4)]
    assert texts[0] == texts[2] != texts[1]
    assert again.set_state(seed=4, step=12)["text"] == texts[0]


def test_greedy_takes_the_likeliest_whatever_else_is_set(explorer):
    tokens = encode(PROMPT)
    for _ in range(6):
        tokens.append(int(model_scores(tokens).argmax()))
    state = explorer.set_state(method="greedy", step=6, temperature=4.0, top_k=3, top_p=0.1, seed=9)
    assert state["tokens"] == tokens
    assert (state["kept"], state["entropy_after"]) == (1, 0)
    assert state["kept_mass"] == pytest.approx(np.exp(model_scores(tokens)).max())
    assert max(state["after"]) == 1
    assert "Greedy takes the likeliest" in explorer.describe(explorer._result)


def test_a_text_that_has_ended_stays_as_it_is(explorer):
    for seed in range(100):
        state = explorer.set_state(seed=seed, step=12)
        if state["finished"]:
            break
    else:
        pytest.fail("no seed drew the end")
    length = state["written"]
    assert state["tokens"][-1] == END
    assert state["next"] is None
    assert "finished" in explorer.describe(explorer._result)
    assert shown(explorer).get("data-finished") == "1"
    np.testing.assert_allclose(
        state["before"], np.exp(model_scores(state["tokens"][:-1]))[state["candidate_tokens"]]
    )
    one_less = explorer.set_state(step=length - 1)
    assert not one_less["finished"]
    assert one_less["next"]["token"] == END


def test_a_full_context_ends_the_text(model):
    explorer = make(model, context=5, end=None)
    state = explorer.set_state(step=12)
    assert (len(state["tokens"]), state["written"], state["full"], state["finished"]) == (5, 3, True, False)
    assert max(map(len, model.asked)) == 5
    assert "the context is full" in explorer.describe(explorer._result)
    assert not explorer.set_state(step=3)["full"]


def test_moving_the_settings_does_not_run_the_model_again(explorer, model):
    explorer.set_state(step=0)
    asked = len(model.asked)
    for control, values in {
        "temperature": (0.25, 4.0), "top_k": (1, 20, ALL), "top_p": (0.3, 1.0), "seed": (5, 6),
        "method": ("greedy", "sampling"),
    }.items():  # fmt: skip
        for value in values:
            explorer.controls[control].value = value
    assert len(model.asked) == asked
    explorer.set_state(step=8, seed=2)
    for step in range(8, -1, -1):
        explorer.controls["step"].value = step
    assert len(model.asked) == len(set(model.asked))  # no list of tokens twice


def test_memory_is_bounded(explorer, model):
    for seed in range(100):
        explorer.set_state(seed=seed, step=12, temperature=8.0)
    assert len(set(model.asked)) > KEPT
    assert len(explorer._writer.asked) == KEPT


# ---- the course's own model ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bpe():
    return ByteLevelBPE.train(["the cat sat on the mat and the dog sat on the cat"] * 3, merges=30)


@pytest.fixture(scope="module")
def gpt(bpe):
    torch.manual_seed(0)
    config = GPTConfig(vocabulary_size=len(bpe), context=24, width=32, layers=2, heads=2)
    model = GPT(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3 if parameter.ndim > 1 else 1)  # so that it has opinions
    return model


def without_cache(model):
    @torch.no_grad()
    def predict(tokens):
        return model(torch.tensor([tokens]))[0, -1].log_softmax(dim=-1)

    return predict


def torch_darts(seed, count):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, generator=generator, dtype=torch.float64)


def explore_gpt(gpt, bpe, predict):
    return GenerationExplorer(
        predict, encode=bpe.encode, piece=lambda token: bpe.decode([token]), decode=bpe.decode,
        shape=shape_distribution, darts=torch_darts, prompt="the cat", context=24, end=bpe.end,
    )  # fmt: skip


@pytest.mark.parametrize("way", [PrefixReader, without_cache])
@pytest.mark.parametrize(
    "settings", [{}, {"temperature": 0.5, "top_k": 20}, {"temperature": 2.0, "top_p": 0.6}, {"top_k": 3}]
)
def test_it_writes_what_the_courses_sampler_writes(gpt, bpe, way, settings):
    explorer = explore_gpt(gpt, bpe, way(gpt))
    prompt = torch.tensor([bpe.encode("the cat")])
    for seed in (0, 7):
        state = explorer.set_state(step=18, seed=seed, **settings)
        (found,) = sample(
            gpt.step, gpt.start(prompt), start=prompt[:, -1], end=bpe.end, max_length=18,
            generator=torch.Generator().manual_seed(seed), **settings,
        )  # fmt: skip
        assert [one["token"] for one in state["chosen"]] == list(found.tokens)
        gains = [one["log_probability"] for one in state["chosen"]]
        assert gains == pytest.approx(list(found.log_probabilities), abs=1e-4)
        assert state["text"] == "the cat" + bpe.decode(found.tokens)
        json.dumps(state)  # numbers that another cell can keep


def test_greedy_writes_what_greedy_decoding_writes(gpt, bpe):
    prompt = torch.tensor([bpe.encode("the cat")])
    (found,) = greedy(gpt.step, gpt.start(prompt), start=prompt[:, -1], end=bpe.end, max_length=10)
    state = explore_gpt(gpt, bpe, PrefixReader(gpt)).set_state(method="greedy", step=10)
    assert [one["token"] for one in state["chosen"]] == list(found.tokens)


@pytest.fixture(scope="module")
def open_to_all(gpt, bpe):
    return explore_gpt(gpt, bpe, without_cache(gpt))


@given(text=st.text(min_size=1, max_size=40))
@example("<script>alert('x')</script>")
@example("\u202egnp.exe\x00")
@example("שלום עולם")
@example("🌊👩‍👩‍👧")
def test_any_text_can_be_a_prompt(open_to_all, bpe, text):
    explorer = open_to_all
    if not text.strip() or len(bpe.encode(text)) > 24:
        with pytest.raises(InputProblem, match="Type a prompt|shorten it"):
            explorer.set_state(prompt=text, step=1)
    else:
        state = explorer.set_state(prompt=text, step=1)
        given_tokens = state["tokens"][: len(state["tokens"]) - state["written"]]
        assert given_tokens == bpe.encode(text)
        assert bpe.decode(given_tokens) == text
        assert state["full"] == (len(given_tokens) == 24)
        assert "<script" not in explorer.widget.children[-1].value
        assert [piece for piece, _, _ in boxes(explorer)] == state["pieces"]


def test_half_a_surrogate_pair_is_refused_in_a_sentence(gpt, bpe):
    with pytest.raises(InputProblem, match="cannot be read: character 2 of the text is U\\+D800"):
        explore_gpt(gpt, bpe, without_cache(gpt)).set_state(prompt="ab\ud800")


# ---- what readers type, and what models return -----------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"prompt": ""}, "Type a prompt"),
        ({"prompt": " \t\n"}, "Type a prompt"),
        ({"prompt": "the zebra"}, "cannot be read: there is no zebra"),
        ({"prompt": "the " * 17}, "has 17 tokens and the model reads 16; shorten it"),
        ({"prompt": "x" * 3000}, "3,000 characters"),
        ({"temperature": 0}, "number above 0.*choose greedy"),
        ({"temperature": -1.0}, "number above 0.*choose greedy"),
        ({"temperature": math.nan}, "number above 0"),
        ({"temperature": math.inf}, "number above 0"),
        ({"top_p": 0.0}, "top_p is 0.0; choose a mass above 0"),
        ({"top_k": 0}, "top_k is 0; keep at least 1 token"),
    ],
)
def test_unusable_input_says_what_to_do(explorer, values, says):
    before = explorer.state()
    with pytest.raises(InputProblem, match=says):
        explorer.set_state(**values)
    assert explorer.state() == before


def test_a_bad_prompt_on_the_page_leaves_the_picture(explorer):
    before = explorer.state()
    explorer.controls["prompt"].value = ""
    assert "Type a prompt" in explorer.state()["problem"]
    assert "Type a prompt" in message(explorer)
    assert explorer.state()["tokens"] == before["tokens"]


def test_an_empty_encoding_is_refused(model):
    explorer = make(model)
    explorer._encode = lambda text: []
    with pytest.raises(InputProblem, match="at least one token"):
        explorer.set_state(prompt="...")


@pytest.mark.parametrize(
    "values", [{"step": 13}, {"step": -1}, {"top_k": 11}, {"seed": 100}, {"method": "beam"}, {"beam": 1}]
)
def test_settings_out_of_range_are_refused(explorer, values):
    before = explorer.state()
    with pytest.raises(ValueError, match=r"goes from|No control|cannot be shown"):
        explorer.set_state(**values)
    assert explorer.state() == before


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda tokens: torch.zeros(V), "sum to 30"),
        (lambda tokens: torch.zeros(1, V), "one row"),
        (lambda tokens: torch.full((V,), math.nan), "look for NaN"),
    ],
)
def test_a_model_that_returns_no_log_probabilities_is_refused(answer, says):
    with pytest.raises(ValueError, match=says):
        make(answer)


def test_a_filter_that_returns_no_distribution_is_refused(explorer):
    explorer._writer._shape = lambda scores, **settings: scores * 2
    with pytest.raises(ValueError, match="sum to 1"):
        explorer.set_state(top_k=5)


def test_an_error_of_the_model_is_shown_and_goes_on(explorer):
    def fail(tokens):
        raise RuntimeError("out of memory")

    explorer._writer._predict = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        explorer.controls["prompt"].value = "mat"
    assert "RuntimeError: out of memory" in message(explorer)


def test_markup_is_text(explorer):
    state = explorer.set_state(prompt="<b>x</b> the \u202e", step=6)
    html = explorer.widget.children[-1].value
    assert state["pieces"][2] == "⟨202E⟩"
    assert "<b>" not in html
    assert "\u202e" not in html


def test_the_picture_says_what_it_shows(explorer):
    explorer.set_state(step=3, top_k=5)
    sentence = explorer.describe(explorer._result)
    assert shown(explorer).get("aria-label") == sentence
    assert shown(explorer).get("data-written") == "3"
    assert "2 tokens of prompt, 3 written" in sentence
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', explorer._drawing)) >= 11
    assert explorer.controls["prompt"].continuous_update is False


def test_the_title_has_room_for_the_longest_finding(explorer):
    """Thousands of tokens kept, and a long piece drawn."""
    explorer._piece = lambda token: " " + "e" * 40
    state = explorer.set_state(temperature=2.0, top_p=0.8)
    title = next(
        text.text for text in shown(explorer).iter(f"{NS}text") if "tokens kept" in (text.text or "")
    )
    assert title == (
        f"{state['kept']} of {V} tokens kept, {100 * state['kept_mass']:.1f} % of the mass; "
        f"drawn: “␣{'e' * 14}…”"
    )
    longest = title.replace(f"{state['kept']} of {V}", "1,000 of 50,257")
    assert text_width(longest, size=13, bold=True) <= 640 - 8
