"""Beam search against transformers': the same scores, the same texts, less time."""

from __future__ import annotations

import importlib.metadata
import time
from typing import Any

import torch
from results import Row, make_row
from torch import Tensor

from course_utils.decoding.beam import beam_search

RUNS = 7
SOURCES, VOCABULARY, WIDTH, LONGEST = 64, 4_000, 5, 40
START = END = 0


class Scores:
    """A cheap stand-in for a model: logits from the source, the place in the text and the token read last.

    Both sides call the same function, so what differs is the search. Texts end after about a dozen tokens.
    """

    def __init__(self, *, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.of_source = torch.randn(SOURCES, VOCABULARY, generator=generator)
        self.of_token = 2 * torch.randn(VOCABULARY, VOCABULARY, generator=generator)
        self.of_place = torch.zeros(LONGEST + 1, VOCABULARY)
        self.of_place[:, END] = torch.linspace(0, 40, LONGEST + 1)

    def logits(self, sources: Tensor, tokens: Tensor, *, place: int) -> Tensor:
        """For each row (A, V)."""
        return self.of_source[sources] + self.of_token[tokens] + self.of_place[place]


def decode_ours(scores: Scores) -> list[tuple[list[int], float]]:
    """The best text of each source and its score."""

    def step(state: tuple[Tensor, Tensor], tokens: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        sources, places = state
        logits = scores.logits(sources, tokens, place=int(places[0]))
        return logits.log_softmax(dim=-1), (sources, places + 1)

    state = (torch.arange(SOURCES), torch.zeros(SOURCES, dtype=torch.long))
    found = beam_search(
        step,
        state,
        start=torch.full((SOURCES,), START),
        end=END,
        max_length=LONGEST,
        width=WIDTH,
        length_penalty=1.0,
        stop="likely",
    )
    return [(list(result.best.tokens), result.best.score) for result in found]


def make_model(scores: Scores) -> Any:
    """The same scores as a model of transformers; a prompt is (source, START)."""
    from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import CausalLMOutput

    class Config(PretrainedConfig):
        model_type = "scores"

    class Model(PreTrainedModel, GenerationMixin):
        config_class = Config

        def __init__(self, config: PretrainedConfig) -> None:
            super().__init__(config)
            self.nothing = torch.nn.Parameter(torch.zeros(1))

        def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> Any:
            logits = scores.logits(input_ids[:, 0], input_ids[:, -1], place=input_ids.shape[1] - 2)
            return CausalLMOutput(logits=logits[:, None])  # (A, 1, V)

    settings: dict[str, Any] = {"num_hidden_layers": 1, "vocab_size": VOCABULARY, "is_encoder_decoder": False}
    return Model(Config(**settings))


def decode_theirs(model: Any) -> list[tuple[list[int], float]]:
    """The same from transformers, with its own defaults for what ends a search."""
    prompts = torch.stack([torch.arange(SOURCES), torch.full((SOURCES,), START)], dim=1)
    found = model.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        do_sample=False,
        num_beams=WIDTH,
        max_new_tokens=LONGEST,
        length_penalty=1.0,
        early_stopping=False,
        eos_token_id=END,
        pad_token_id=END,
        use_cache=False,
        return_dict_in_generate=True,
        output_scores=True,
    )
    rows = found.sequences[:, 2:].tolist()
    texts = [row[: row.index(END) + 1] if END in row else row for row in rows]
    return list(zip(texts, found.sequences_scores.tolist(), strict=True))


def require_same(ours: list[tuple[list[int], float]], theirs: list[tuple[list[int], float]]) -> None:
    """Raise if a text differs, or a score by more than rounding."""
    for source, ((text, score), (other, other_score)) in enumerate(zip(ours, theirs, strict=True)):
        if text != other or abs(score - other_score) > 1e-4:
            raise AssertionError(f"source {source}: {text} ({score}) here, {other} ({other_score}) there.")


def measure(*, quick: bool = False) -> list[Row]:
    """One row for the time of a whole batch; raises if the two disagree on a text."""
    scores = Scores()
    model = make_model(scores)
    ours, theirs = [], []
    for run in range(2 if quick else RUNS + 1):
        started = time.perf_counter()
        mine = decode_ours(scores)
        between = time.perf_counter()
        others = decode_theirs(model)
        ended = time.perf_counter()
        require_same(mine, others)
        if run:  # the first warms up
            ours.append(between - started)
            theirs.append(ended - between)
            print(f"  ours: {ours[-1]:.3f} s; transformers: {theirs[-1]:.3f} s", flush=True)
    return [
        make_row(
            name=f"beam search: {SOURCES} sources, beam of {WIDTH}, same scores and texts",
            lesson="12",
            unit="s",
            ours=ours,
            peer=f"transformers {importlib.metadata.version('transformers')} generate",
            theirs=theirs,
            better="lower",
        )
    ]
