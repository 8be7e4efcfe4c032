"""A writer: text in, text out, around a GPT and its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from course_utils.decoding.greedy import greedy
from course_utils.decoding.sampling import sample
from course_utils.decoding.steps import Hypothesis
from course_utils.evaluation.language_model import BitsResult
from course_utils.evaluation.text_bits import text_bits
from course_utils.language_models.corpus import EncodedText
from course_utils.language_models.scoring import score_texts
from course_utils.models.gpt import GPT, pad_left
from course_utils.text.bpe import ByteLevelBPE

__all__ = ["Continuation", "Writer"]

Floats = NDArray[np.float64]
Prompt = str | Sequence[int]


@dataclass(frozen=True)
class Continuation:
    """What a model wrote behind a prompt."""

    prompt: str
    text: str  # without the mark of the end
    tokens: tuple[int, ...]  # with it, if it came
    log_probabilities: tuple[float, ...]  # of each token, in nats, before temperature, k and p
    finished: bool  # the model ended the text; False if it was cut off


class Writer:
    """A model with its tokenizer.

    Parameters
    ----------
    model : GPT
        Used in evaluation mode.
    bpe : ByteLevelBPE

    Raises
    ------
    ValueError
        If the model has another number of tokens than the tokenizer.
    """

    def __init__(self, model: GPT, bpe: ByteLevelBPE) -> None:
        if model.config.vocabulary_size != len(bpe):
            raise ValueError(
                f"the model knows {model.config.vocabulary_size} tokens and the tokenizer {len(bpe)}; "
                "give the tokenizer that the model was trained with."
            )
        self.model, self.bpe = model.eval(), bpe

    @property
    def context(self) -> int:
        """How many tokens the model can look at."""
        return self.model.config.context

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """What each token says, spaces kept; U+FFFD for a token that is part of a character."""
        return [self.bpe.decode([token]) for token in tokens]

    @torch.no_grad()
    def predict(self, tokens: Sequence[int]) -> Floats:
        """Probability of each of the V tokens to be next.

        Parameters
        ----------
        tokens : sequence of int
            One to as many as the context.

        Raises
        ------
        ValueError
            If there is none, too many, or an unknown one.
        """
        prompts, _ = self._read([tokens], room=1)
        return self.model.eval()(prompts)[0, -1].double().softmax(dim=0).cpu().numpy()

    def continue_text(
        self,
        prompts: str | Sequence[Prompt],
        *,
        max_tokens: int = 50,
        how: str = "sample",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
        cache: bool = True,
    ) -> list[Continuation]:
        """Go on with texts, all at once.

        Parameters
        ----------
        prompts : str, or sequence of str or of sequences of int
            Texts, best without a space at the end, for a space is the first letter of a token; or tokens:
            ``[[bpe.end]]`` begins a text from nothing.
        max_tokens : int
            Prompt and new tokens together may fill the context and go one beyond.
        how : {"sample", "greedy"}
        temperature, top_k, top_p, generator
            For samples, see `decoding.sampling.sample`.
        cache : bool
            Without it the whole text is read anew for each token: the same tokens, later.

        Returns
        -------
        list of Continuation
            One for each prompt.

        Raises
        ------
        ValueError
            If a prompt is empty or leaves no room for the new tokens, or a setting makes no sense.
        """
        if max_tokens < 1:
            raise ValueError(f"max_tokens is {max_tokens}; ask for one or more.")
        if how not in ("sample", "greedy"):
            raise ValueError(f"how is {how!r}; choose 'sample' or 'greedy'.")
        several = [prompts] if isinstance(prompts, str) else list(prompts)
        ids = [self._encode(prompt) for prompt in several]
        tokens, mask = self._read(ids, room=max_tokens)
        choose: dict[str, Any] = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        if how == "sample":
            choose["generator"] = generator
        elif choose != {"temperature": 1.0, "top_k": None, "top_p": None}:
            raise ValueError("greedy takes the likeliest token; leave temperature, top_k and top_p out.")
        found = (sample if how == "sample" else greedy)(
            self.model.eval().step,
            self.model.start(tokens, mask=mask, cache=cache),
            start=tokens[:, -1],
            end=self.bpe.end,
            max_length=max_tokens,
            **(choose if how == "sample" else {}),
        )
        return [self._spell(prompt, hypothesis) for prompt, hypothesis in zip(ids, found, strict=True)]

    def score(self, texts: Sequence[EncodedText | ArrayLike], *, stride: int | None = None) -> list[Floats]:
        """Log-probability of each token of texts, in nats; see `score_texts`."""
        ids = [text.tokens if isinstance(text, EncodedText) else text for text in texts]
        return score_texts(self.model, ids, end=self.bpe.end, stride=stride)

    def bits(self, texts: Sequence[EncodedText], *, stride: int | None = None) -> BitsResult:
        """Bits per character of the raw texts; see `score_texts` and `text_bits`."""
        return text_bits(self.score(texts, stride=stride), [text.text for text in texts])

    def _encode(self, prompt: Prompt) -> list[int]:
        return self.bpe.encode(prompt) if isinstance(prompt, str) else [int(token) for token in prompt]

    def _read(self, prompts: Sequence[Sequence[int]], *, room: int) -> tuple[Tensor, Tensor]:
        """Prompts (B, T) padded on the left, if each leaves room for new tokens."""
        for place, prompt in enumerate(prompts):
            if not len(prompt):
                raise ValueError(
                    f"prompt {place} is empty; type some text, or give the token of a text's end, "
                    f"[{self.bpe.end}], to begin from nothing."
                )
            free = self.context - len(prompt) + 1  # the last new token is not read
            if free < 1:
                raise ValueError(
                    f"prompt {place} has {len(prompt)} tokens and the context {self.context}; shorten it."
                )
            if free < room:
                raise ValueError(
                    f"prompt {place} has {len(prompt)} tokens, so of the context of {self.context} "
                    f"there is room for {free} new ones; shorten it, or ask for {free} at most."
                )
            if not 0 <= min(prompt) <= max(prompt) < len(self.bpe):
                raise ValueError(f"prompt {place} has tokens outside 0 to {len(self.bpe) - 1}.")
        tokens, mask = pad_left(prompts)
        place_ = self.model.token_embedding.weight.device
        return tokens.to(place_), mask.to(place_)

    def _spell(self, prompt: Sequence[int], found: Hypothesis) -> Continuation:
        return Continuation(
            self.bpe.decode(prompt),
            self.bpe.decode(found.without_end),
            found.tokens,
            found.log_probabilities,
            found.finished,
        )
