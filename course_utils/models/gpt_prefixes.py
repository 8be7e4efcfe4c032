"""What follows a text, asked for text after text: whoever asks for one token more pays for one token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils.models.gpt import GPT, GPTState


class PrefixReader:
    """Log-probabilities of the next token after any list of tokens, keys and values of earlier lists kept.

    Parameters
    ----------
    model : GPT
        In eval mode. Its parameters must not change afterwards, since what was read with them is remembered.
    kept : int
        Lists whose keys and values are remembered; the ones not used for longest are forgotten. Lists that
        continue each other share memory.

    Examples
    --------
    ``GenerationExplorer(PrefixReader(model), …)``
    """

    def __init__(self, model: GPT, *, kept: int = 64) -> None:
        if kept < 1:
            raise ValueError(f"kept is {kept}; remember at least 1 list.")
        self.model, self.kept = model, kept
        self._states: dict[tuple[int, ...], GPTState] = {}

    def __len__(self) -> int:
        return len(self._states)

    def __call__(self, tokens: Sequence[int]) -> Tensor:
        """Log-probabilities (V,) of what follows.

        Parameters
        ----------
        tokens : sequence of int
            One or more, at most the model's context.

        Raises
        ------
        ValueError
            If there is no token, more than the context holds, or an unknown one.
        """
        read = tuple(int(token) for token in tokens)
        wrong = [token for token in read if not 0 <= token < self.model.config.vocabulary_size]
        if wrong:
            raise ValueError(f"there is no token {wrong[0]}; give tokens of the model's own vocabulary.")
        state = self._states.pop(read[:-1], None) if read else None
        if state is None:
            state = self.model.start(torch.tensor([read], dtype=torch.long, device=self._device))
        else:
            self._states[read[:-1]] = state  # at the end again: the first is the one to forget
        scores, self._states[read] = self.model.step(state, torch.tensor(read[-1:], device=self._device))
        while len(self._states) > self.kept:
            del self._states[next(iter(self._states))]
        return scores[0]

    @property
    def _device(self) -> torch.device:
        return self.model.token_embedding.weight.device
