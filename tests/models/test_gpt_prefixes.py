"""PrefixReader against the model read anew, in any order of questions, and how much it remembers."""

import pytest
import torch

from course_utils.models.gpt import GPT, GPTConfig
from course_utils.models.gpt_prefixes import PrefixReader


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return GPT(GPTConfig(vocabulary_size=30, context=12, width=16, layers=2, heads=2)).eval()


def anew(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens]))[0, -1].log_softmax(dim=-1)


@pytest.mark.parametrize("kept", [1, 3, 64])
def test_the_same_numbers_as_reading_anew(model, kept):
    """Longer and longer, back again, and branches off what was read before."""
    reader = PrefixReader(model, kept=kept)
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(30, (12,), generator=generator).tolist()
    questions = [text[:n] for n in (1, 2, 3, 4, 5, 12, 3, 6, 4)]
    questions += [[*text[:n], other] for n in (2, 3, 4, 3) for other in (7, 8)]
    questions += [[*text[:3], 7, 9], [*text[:3], 8, 9], text[:5]]
    for tokens in questions:
        torch.testing.assert_close(reader(tokens), anew(model, tokens), atol=1e-5, rtol=1e-5)
        assert len(reader) <= kept


def test_one_token_more_reads_one_token(model, monkeypatch):
    reader = PrefixReader(model, kept=2)
    started = []
    start = model.start
    monkeypatch.setattr(model, "start", lambda prompts: (started.append(prompts.tolist()), start(prompts))[1])
    for tokens in ([1, 2], [1, 2, 3], [1, 2, 4], [1, 2, 3, 5]):  # [1, 2, 3] was forgotten for [1, 2, 4]
        reader(tokens)
    assert started == [[[1, 2]], [[1, 2, 3, 5]]]


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        ([], "text of 0 tokens"),
        ([1] * 13, "text of 13 tokens"),
        ([30], "no token 30"),
        ([1, -1], "no token -1"),
    ],
)
def test_unusable_tokens(model, tokens, says):
    reader = PrefixReader(model)
    for beginning in range(1, len(tokens[:12])):
        reader([1] * beginning)
    with pytest.raises(ValueError, match=says):
        reader(tokens)


def test_it_must_remember_something(model):
    with pytest.raises(ValueError, match="at least 1 list"):
        PrefixReader(model, kept=0)
