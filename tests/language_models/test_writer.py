"""Text in, text out: as the model by hand, padding and cache change nothing, errors say what to do."""

import math

import numpy as np
import pytest
import torch

from course_utils.language_models.corpus import EncodedText
from course_utils.language_models.writer import Writer
from course_utils.models.gpt import GPT, GPTConfig
from course_utils.text.bpe import ByteLevelBPE

TEXT = "the cat sat on the mat, and the dog sat on the cat. "
CONTEXT = 24


@pytest.fixture(scope="module")
def bpe():
    return ByteLevelBPE.train([TEXT], merges=20)


@pytest.fixture(scope="module")
def writer(bpe):
    torch.manual_seed(0)
    model = GPT(GPTConfig(len(bpe), context=CONTEXT, width=32, layers=2, heads=2, dropout=0.2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)  # far from uniform
    return Writer(model, bpe)


def by_hand(writer, prompt, *, max_tokens):
    """Greedy, the whole text read anew each time."""
    tokens, written = writer.bpe.encode(prompt), []
    with torch.no_grad():
        for _ in range(max_tokens):
            written.append(int(writer.model(torch.tensor([tokens + written]))[0, -1].argmax()))
            if written[-1] == writer.bpe.end:
                break
    return tuple(written)


@pytest.mark.parametrize("cache", [True, False])
def test_greedy_by_hand_with_prompts_of_unequal_length(writer, cache):
    prompts = ["the", "the cat sat on", " and"]
    found = writer.continue_text(prompts, max_tokens=8, how="greedy", cache=cache)
    for prompt, continuation in zip(prompts, found, strict=True):
        assert continuation.prompt == prompt
        assert continuation.tokens == by_hand(writer, prompt, max_tokens=8)
        without_end = continuation.tokens[: len(continuation.tokens) - continuation.finished]
        assert continuation.text == writer.bpe.decode(without_end)


def test_samples_with_and_without_cache_are_the_same(writer):
    settings = {"max_tokens": 10, "temperature": 0.8, "top_p": 0.9}
    with_cache, without = (
        writer.continue_text(
            ["the", "on the mat"], generator=torch.Generator().manual_seed(5), cache=cache, **settings
        )
        for cache in (True, False)
    )
    assert [one.tokens for one in with_cache] == [one.tokens for one in without]
    other = writer.continue_text(
        ["the", "on the mat"], generator=torch.Generator().manual_seed(6), **settings
    )
    assert [one.tokens for one in with_cache] != [one.tokens for one in other]


def test_the_end_finishes_a_text_and_is_not_spelt(writer, bpe):
    class Ender:
        config = writer.model.config
        token_embedding = writer.model.token_embedding

        def eval(self):
            return self

        def start(self, tokens, **_):
            return torch.zeros(len(tokens), 1)

        def step(self, state, tokens):
            scores = torch.full((len(tokens), len(bpe)), -50.0)
            wanted = torch.where(state[:, 0] < 1, bpe.encode(" cat")[0], bpe.end)
            scores[torch.arange(len(tokens)), wanted] = 0.0
            return scores.log_softmax(dim=1), state + 1

    [found] = Writer(Ender(), bpe).continue_text("the", max_tokens=5, how="greedy")
    assert (found.text, found.finished) == (bpe.decode(bpe.encode(" cat")[:1]), True)
    assert found.tokens[-1] == bpe.end
    assert len(found.log_probabilities) == 2


def test_predict_is_the_models_distribution(writer, bpe):
    tokens = bpe.encode("the cat")
    found = writer.predict(tokens)
    with torch.no_grad():
        wanted = writer.model(torch.tensor([tokens]))[0, -1].softmax(dim=0)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.sum() == pytest.approx(1)
    assert writer.predict([bpe.end]).shape == (len(bpe),)  # a text's beginning


def test_pieces_say_what_tokens_stand_for(writer, bpe):
    assert "".join(writer.pieces(bpe.encode("the cat — 🙂")[:2])) == bpe.decode(
        bpe.encode("the cat — 🙂")[:2]
    )
    assert writer.pieces(bpe.encode("é"))[0] == "\ufffd"


def test_bits_are_those_of_the_raw_text(writer, bpe):
    texts = [EncodedText("", text, np.array(bpe.encode(text))) for text in (TEXT, "é🙂", TEXT * 3)]
    found = writer.bits(texts)
    total = -sum(float(logs.sum()) for logs in writer.score(texts)) / math.log(2)
    assert found.characters == 4 * len(TEXT) + 2
    assert found.bits == pytest.approx(total / found.characters)
    assert found.spelling == 0


def test_a_prompt_of_tokens_begins_from_nothing(writer, bpe):
    [found] = writer.continue_text([[bpe.end]], max_tokens=3, how="greedy")
    assert found.prompt == "<|endoftext|>"
    assert found.tokens[0] == int(np.argmax(writer.predict([bpe.end])))


def test_a_text_may_fill_the_context_and_go_one_beyond(writer, bpe):
    prompt = [bpe.encode("t")[0]] * 20
    [found] = writer.continue_text([prompt], max_tokens=CONTEXT - 20 + 1, how="greedy")
    assert len(found.tokens) == 5 or found.finished
    with pytest.raises(ValueError, match="20 tokens, so of the context of 24 there is room for 5 new ones"):
        writer.continue_text([prompt], max_tokens=6)


LONG = "xyz" * 40


@pytest.mark.parametrize(
    ("prompts", "settings", "message"),
    [
        ("", {}, "prompt 0 is empty; type some text"),
        (["the", ""], {}, "prompt 1 is empty"),
        ([[]], {}, "prompt 0 is empty"),
        ([], {}, "there is no prompt"),
        (["the", LONG], {}, "prompt 1 has 120 tokens and the context 24; shorten it"),
        ([[9999]], {}, "prompt 0 has tokens outside"),
        ("the", {"temperature": 0}, "temperature is 0; .* call greedy"),
        ("the", {"temperature": -1}, "temperature is -1"),
        ("the", {"top_p": 0}, "top_p is 0"),
        ("the", {"top_k": 0}, "top_k is 0"),
        ("the", {"max_tokens": 0}, "max_tokens is 0"),
        ("the", {"how": "beam"}, "choose 'sample' or 'greedy'"),
        ("the", {"how": "greedy", "temperature": 0.5}, "leave temperature"),
    ],
)
def test_unusable_prompts_and_settings(writer, prompts, settings, message):
    with pytest.raises(ValueError, match=message):
        writer.continue_text(prompts, **({"max_tokens": 3} | settings))


@pytest.mark.parametrize(
    ("tokens", "message"), [([], "is empty"), ([0] * 25, "shorten it"), ([-1], "outside")]
)
def test_unusable_tokens(writer, tokens, message):
    with pytest.raises(ValueError, match=message):
        writer.predict(tokens)


def test_a_tokenizer_of_another_model(writer):
    with pytest.raises(ValueError, match="the tokenizer that the model was trained with"):
        Writer(writer.model, ByteLevelBPE([]))
