"""A language made of random tables: what comes next depends on the source and on every token before.

Small enough to list all texts, so that searches can be compared with the truth.
"""

import functools
import itertools

import torch

START = 9  # not a token that can be produced


class RandomTables:
    """Deterministic in its seed; `step` is what the decoders call."""

    def __init__(self, seed, *, V=4, spread=2.0):
        self.seed, self.V, self.spread = seed, V, spread
        self.rows_seen = []
        self.log_probabilities = functools.cache(self._log_probabilities)

    def _log_probabilities(self, source, prefix):
        generator = torch.Generator().manual_seed(hash((self.seed, source, *prefix)) & 0xFFFFFFFF)
        return (torch.randn(self.V, generator=generator) * self.spread).log_softmax(dim=-1)

    def state(self, sources):
        return {
            "source": torch.tensor(sources),
            "read": torch.zeros(len(sources), 0, dtype=torch.long),
            "none": None,
        }

    def step(self, state, tokens):
        self.rows_seen.append(len(tokens))
        read = torch.cat([state["read"], tokens[:, None]], dim=1)
        rows = zip(state["source"].tolist(), read.tolist(), strict=True)
        scores = torch.stack([self.log_probabilities(source, tuple(prefix)) for source, prefix in rows])
        return scores, {**state, "read": read}

    def call(self, decode, *, sources=(0,), **settings):
        """Run a decoder from the start of each source."""
        return decode(self.step, self.state(sources), start=torch.full((len(sources),), START), **settings)

    def gains(self, tokens, *, source=0):
        """Log-probability of each token after those before it."""
        read = (START, *tokens)
        return [self.log_probabilities(source, read[: i + 1])[token].item() for i, token in enumerate(tokens)]

    def all_texts(self, *, end, max_length, min_length=1):
        """Every text that can come out: ended, or cut at the greatest length."""
        others = [token for token in range(self.V) if token != end]
        for length in range(1, max_length + 1):
            for body in itertools.product(others, repeat=length - 1):
                if length >= min_length:
                    yield (*body, end)
                if length == max_length:
                    yield from ((*body, token) for token in others)

    def ranked(self, score, *, source=0, **bounds):
        """All texts with their scores, best first; `score` takes a sum and a length."""
        texts = [(score(sum(self.gains(t, source=source)), len(t)), t) for t in self.all_texts(**bounds)]
        return sorted(texts, reverse=True)
