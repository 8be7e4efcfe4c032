"""The same scores through transformers' beam search and its filters of logits: the same texts."""

import pytest
import torch
from random_tables import START, RandomTables

from course_utils.decoding.beam import beam_search
from course_utils.decoding.greedy import greedy
from course_utils.decoding.sampling import apply_temperature, keep_top_k, keep_top_p

pytestmark = pytest.mark.slow
END, V = 0, 7
STOPS = {"exact": "never", "likely": False, "full": True}


def as_transformers_model(tables):
    """A model of transformers that looks its logits up in the tables; a prompt is (source, START)."""
    from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import CausalLMOutput

    class Config(PretrainedConfig):
        model_type = "tables"

    class TableModel(PreTrainedModel, GenerationMixin):
        config_class = Config

        def __init__(self, config):
            super().__init__(config)
            self.nothing = torch.nn.Parameter(torch.zeros(1))

        def forward(self, input_ids, attention_mask=None, **_):
            rows = [tables.log_probabilities(row[0], tuple(row[1:])) for row in input_ids.tolist()]
            return CausalLMOutput(logits=torch.stack(rows)[:, None])  # (B, 1, V)

    return TableModel(Config(num_hidden_layers=1, vocab_size=tables.V, is_encoder_decoder=False))


def search_with_transformers(tables, *, sources, **settings):
    """Texts and scores for each source, best first."""
    prompts = torch.tensor([[source, START] for source in sources])
    found = as_transformers_model(tables).generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        do_sample=False,
        eos_token_id=END,
        pad_token_id=END,
        use_cache=False,
        return_dict_in_generate=True,
        output_scores=True,
        **settings,
    )
    texts = [row[: row.index(END) + 1] if END in row else row for row in found.sequences[:, 2:].tolist()]
    return [tuple(text) for text in texts], getattr(found, "sequences_scores", None)


@pytest.mark.parametrize("penalty", [0.0, 0.7, 1.0, -0.5])
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize(("width", "min_length"), [(2, 1), (4, 1), (7, 1), (4, 4)])
def test_beams_are_the_same(width, min_length, stop, penalty):
    tables, sources = RandomTables(21, V=V), tuple(range(20))
    ours = tables.call(
        beam_search,
        sources=sources,
        end=END,
        max_length=9,
        min_length=min_length,
        width=width,
        length_penalty=penalty,
        stop=stop,
    )
    texts, scores = search_with_transformers(
        tables,
        sources=sources,
        num_beams=width,
        num_return_sequences=width,
        max_new_tokens=9,
        min_new_tokens=min_length - 1,
        length_penalty=penalty,
        early_stopping=STOPS[stop],
    )
    mine = [hypothesis for result in ours for hypothesis in result.hypotheses]
    assert [hypothesis.tokens for hypothesis in mine] == texts
    assert [hypothesis.score for hypothesis in mine] == pytest.approx(scores.tolist(), abs=1e-5)
    assert len({len(text) for text in texts}) > 2


def test_greedy_texts_are_the_same():
    tables, sources = RandomTables(22, V=V), tuple(range(30))
    texts, _ = search_with_transformers(tables, sources=sources, max_new_tokens=9)
    assert [t.tokens for t in tables.call(greedy, sources=sources, end=END, max_length=9)] == texts


def test_distributions_are_the_same():
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = torch.randn(200, 50, generator=torch.Generator().manual_seed(0)) * 3
    scores = logits.log_softmax(dim=-1)
    pairs = [(apply_temperature(scores, t), TemperatureLogitsWarper(t)) for t in (0.3, 1.7)]
    pairs += [(keep_top_k(scores, k), TopKLogitsWarper(k)) for k in (1, 5, 50)]
    pairs += [(keep_top_p(scores, p), TopPLogitsWarper(p)) for p in (0.1, 0.5, 0.95)]
    for ours, warper in pairs:
        theirs = warper(None, logits).log_softmax(dim=-1)
        assert torch.equal(torch.isfinite(ours), torch.isfinite(theirs))
        torch.testing.assert_close(ours.exp(), theirs.exp(), atol=1e-6, rtol=0.0)


def test_a_tie_is_where_we_differ():
    """Of tokens that tie with the k-th transformers keeps all; ours keeps k, the lowest ids first."""
    from transformers import TopKLogitsWarper

    scores = torch.tensor([[0.4, 0.2, 0.2, 0.2]]).log()
    assert int(torch.isfinite(TopKLogitsWarper(2)(None, scores)).sum()) == 4
    assert torch.isfinite(keep_top_k(scores, 2))[0].tolist() == [True, True, False, False]
