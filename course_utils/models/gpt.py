"""GPT: a transformer that reads what stands before and says what comes next.

===================================================  ====================================================
paper                                                here
===================================================  ====================================================
h_0 = U W_e + W_p                             (R18)  ``token_embedding``, ``positions``
h_l = transformer_block(h_{l-1})              (R18)  ``blocks``
P(u) = softmax(h_n W_eᵀ)                      (R18)  `GPT.scores`
L = Σ log P(u_i | u_{i-k}, …, u_{i-1})        (R18)  `GPT.loss`, its mean with a minus
norms before the sublayers, one behind all    (R19)  ``norm_first=True``, ``final_norm``
1 / √N on what enters the shortcuts           (R19)  `GPT.reset`; N = 2 L sublayers
===================================================  ====================================================

R18: Radford et al. 2018; R19: Radford et al. 2019 (GPT-2). Differences: attention weights are not dropped;
``positions`` and ``tie`` are switches; keys and values of a prompt are kept while decoding.

Decoding
--------
``state = model.start(prompts)`` reads all of each prompt but its last token, which decoding hands to the
first step: ``greedy(model.step, state, start=prompts[:, -1], end=end, max_length=20)``. Prompts of unequal
length are padded on the left (`pad_left`), so that all end in the same column.

References
----------
Radford, Narasimhan, Salimans and Sutskever (2018), Improving Language Understanding by Generative
Pre-Training.
Radford, Wu, Child, Luan, Amodei and Sutskever (2019), Language Models are Unsupervised Multitask Learners.
Press and Wolf (2017), Using the Output Embedding to Improve Language Models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.layers.blocks import DecoderBlock
from course_utils.layers.key_value_cache import KeyValueCache
from course_utils.layers.positions import POSITIONS
from course_utils.models.elmo_softmax import ChunkedSoftmax
from course_utils.models.gpt_parts import GPTConfig, GPTState, count_padding, pad_left, require_left_padding
from course_utils.models.gpt_steps import TokenSteps

__all__ = ["GPT", "GPTConfig", "GPTState", "pad_left"]


class GPT(nn.Module):
    """Predicts each token from those before it.

    Parameters
    ----------
    config : GPTConfig
    fast_dtype : torch.dtype
        Number format of the products in `loss`, see `runtime.fast_dtype`; parameters and all else stay in
        float32. A setting of the machine and not of the model, so it is not part of the config.
    """

    def __init__(self, config: GPTConfig, *, fast_dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config, self.fast_dtype = config, fast_dtype
        self.token_embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.positions = POSITIONS[config.positions](config.width, heads=config.heads, longest=config.context)
        self.blocks = nn.ModuleList(
            DecoderBlock(
                config.width,
                config.heads,
                inner=config.inner or 4 * config.width,
                epsilon=config.epsilon,
                norm_first=True,
                activation=config.activation,
                dropout=config.dropout,
                cross=False,
            )
            for _ in range(config.layers)
        )
        self.final_norm = nn.LayerNorm(config.width, eps=config.epsilon)
        self.head = None if config.tie else nn.Linear(config.width, config.vocabulary_size, bias=False)
        self._steps: TokenSteps | None = None  # the parameters laid out for `step`, by `start`
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Draw all parameters as GPT-2 did: deviation 0.02, smaller where many add up, and biases 0."""
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:  # biases, and the norms' factors
                parameter.fill_(float("norm" in name and name.endswith("weight")))
            else:
                joins = name.endswith(("attention.output.weight", "feed_forward.narrow.weight"))
                parameter.normal_(std=0.02 / (2 * self.config.layers) ** 0.5 if joins else 0.02)

    # -- reading -------------------------------------------------------------------------------------------

    def forward(
        self, tokens: Tensor, *, mask: Tensor | None = None, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Score the token after each one.

        Parameters
        ----------
        tokens : int Tensor of shape (B, T)
        mask : bool Tensor of shape (B, T), optional
            True marks tokens, False padding. Places are counted from a row's first token on.
        return_attention : bool

        Returns
        -------
        scores : Tensor of shape (B, T, V)
            Column t scores the token that follows tokens 0 … t; meaningless at padding.
        weights : Tensor of shape (L, B, H, T, T)
            Only with `return_attention`. Each row sums to 1.

        Raises
        ------
        ValueError
            If there is no token, a text is longer than the context, or a row of the mask is all padding.
        """
        start = 0 if mask is None else -count_padding(mask, like=tokens)
        hidden, weights = self._read(tokens, kept=mask, start=start, return_attention=return_attention)
        return (self.scores(hidden), torch.stack(weights)) if return_attention else self.scores(hidden)

    def _read(
        self,
        tokens: Tensor,
        *,
        kept: Tensor | None,
        start: int | Tensor,
        caches: Sequence[KeyValueCache] | None = None,
        return_attention: bool = False,
    ) -> tuple[Tensor, list[Tensor]]:
        """Hidden vectors (B, T, C) behind the last norm, and what was asked for of the attention."""
        columns = tokens.shape[1] + (caches[0].filled if caches else 0)
        self._require_fit(columns)
        x = self.positions.add(self.token_embedding(tokens), start=start)  # (B, T, C)
        x = F.dropout(x, self.config.dropout, self.training)
        looks = None if kept is None else kept[:, None, None, :columns]  # fits (B, H, T, S)
        weights = []
        for layer, block in enumerate(self.blocks):
            x, look = block(
                x,
                mask=looks,
                positions=self.positions,
                start=start,
                cache=caches[layer] if caches else None,
                return_attention=return_attention,
            )
            weights += [look.own] if return_attention else []
        return self.final_norm(x), weights

    def scores(self, hidden: Tensor) -> Tensor:
        """Scores (…, V) of what comes next: products of hidden vectors (…, C) and output vectors."""
        return F.linear(hidden, self._output_vectors)

    @property
    def _output_vectors(self) -> Tensor:
        return self.token_embedding.weight if self.head is None else self.head.weight

    def _require_fit(self, columns: int) -> None:
        if not 1 <= columns <= self.config.context:
            raise ValueError(
                f"a text of {columns} tokens, padding counted, was given to a context of "
                f"{self.config.context}; give at least one, and shorten longer texts."
            )

    # -- learning ------------------------------------------------------------------------------------------

    def loss(self, batch: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """Mean negative log-probability of each token after the first, in nats per token.

        Parameters
        ----------
        batch : int Tensor of shape (B, T + 1), or a pair of it and a bool Tensor of the same shape
            The second marks with True which tokens are to be predicted; all are read.

        Raises
        ------
        ValueError
            As `forward`; or if no token is to be predicted.
        """
        tokens, wanted = (batch, None) if isinstance(batch, Tensor) else batch
        targets = tokens[:, 1:].flatten()  # (B · T,)
        with torch.autocast(
            tokens.device.type, dtype=self.fast_dtype, enabled=self.fast_dtype != torch.float32
        ):
            hidden = self._read(tokens[:, :-1], kept=None, start=0)[0].flatten(0, 1)  # (B · T, C)
        if wanted is not None:
            chosen = wanted[:, 1:].flatten()
            hidden, targets = hidden[chosen], targets[chosen]
        if not len(targets):
            raise ValueError("no token is to be predicted; give rows of two tokens or more.")
        if not torch.is_grad_enabled():
            return F.cross_entropy(self.scores(hidden.float()), targets)
        vectors = self._output_vectors
        loss: Tensor = ChunkedSoftmax.apply(
            hidden.float(), vectors, vectors.new_zeros(len(vectors)), targets, self.fast_dtype
        )
        return loss

    @torch.no_grad()
    def score_tokens(self, tokens: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """Log-probability of each token after the first, in nats: (B, T + 1) to (B, T).

        Errors and mask as for `forward`.
        """
        scores = self(tokens[:, :-1], mask=None if mask is None else mask[:, :-1])
        return scores.log_softmax(dim=-1).gather(2, tokens[:, 1:, None])[..., 0]

    # -- decoding ------------------------------------------------------------------------------------------

    @torch.no_grad()
    def start(self, prompts: Tensor, *, mask: Tensor | None = None, cache: bool = True) -> GPTState:
        """Read prompts up to their last token, which is what decoding reads first.

        Parameters
        ----------
        prompts : int Tensor of shape (B, T)
        mask : bool Tensor of shape (B, T), optional
            True marks tokens; padding stands on the left, see `pad_left`.
        cache : bool
            Without it each step reads the whole text anew: the same tokens, later.

        Returns
        -------
        GPTState

        Raises
        ------
        ValueError
            If a prompt is empty, longer than the context, padded on the right, or holds an unknown token; or
            if dropout is on.
        """
        if self.training and self.config.dropout:
            raise ValueError("dropout would disturb what the model reads; call model.eval() before decoding.")
        self._require_fit(prompts.shape[1])
        if len(prompts) and not 0 <= int(prompts.min()) <= int(prompts.max()) < self.config.vocabulary_size:
            raise ValueError(f"prompts hold tokens outside 0 to {self.config.vocabulary_size - 1}.")
        kept = padding = None
        if mask is not None and not bool(mask.all()):
            padding = require_left_padding(mask, like=prompts)
            room = mask.new_ones(len(mask), self.config.context - mask.shape[1])
            kept = torch.cat([mask, room], dim=1)  # (B, context)
        before = prompts[:, :-1]
        if not cache:
            return GPTState((), before, kept, padding)
        self._prepare_steps()
        state = GPTState(self._empty_caches(len(prompts)), None, kept, padding)
        if before.shape[1]:
            self._go_on(before, state)
        return state

    @torch.inference_mode()  # a tenth faster than no_grad at one row
    def step(self, state: GPTState, tokens: Tensor) -> tuple[Tensor, GPTState]:
        """Log-probabilities (B, V) of what follows tokens (B,), and the new state: what decoding calls.

        They are inference tensors: no gradient can flow through what is computed from them.

        Raises
        ------
        ValueError
            If the text has filled the context.
        """
        if state.caches:
            state = replace(state, caches=tuple(cache.fork() for cache in state.caches))
            scores = self._step(tokens, state)
        else:
            assert state.text is not None
            text = torch.cat([state.text, tokens[:, None]], dim=1)
            state = replace(state, text=text)
            scores = self.scores(self._go_on(text, state)[:, -1])
        return scores.log_softmax(dim=-1), state

    def _step(self, tokens: Tensor, state: GPTState) -> Tensor:
        """Scores (B, V) of what follows tokens (B,)."""
        filled = state.caches[0].filled
        self._require_fit(filled + 1)
        start = filled if state.padding is None else filled - state.padding
        x = self.positions.add(self.token_embedding(tokens)[:, None], start=start)[:, 0]  # (B, C)
        mask = None if state.kept is None else state.kept[:, None, None, : filled + 1]
        assert self._steps is not None
        return self._steps(x, caches=state.caches, mask=mask, positions=self.positions, start=start)

    def _prepare_steps(self) -> None:
        parameters = list(self.parameters())
        if self._steps is None or not self._steps.fit(parameters):
            self._steps = TokenSteps(
                cast(Iterable[DecoderBlock], self.blocks),
                final_norm=self.final_norm,
                output_vectors=self._output_vectors,
                parameters=parameters,
            )

    def _go_on(self, tokens: Tensor, state: GPTState) -> Tensor:
        """Hidden vectors (B, T, C) of tokens that follow those in the caches, to which they are added."""
        start: int | Tensor = state.caches[0].filled if state.caches else 0
        if state.padding is not None:
            start = start - state.padding
        return self._read(tokens, kept=state.kept, start=start, caches=state.caches)[0]

    def _empty_caches(self, rows: int) -> tuple[KeyValueCache, ...]:
        context = self.config.context
        sizes = {"heads": self.config.heads, "width": self.config.width // self.config.heads}
        like = self.token_embedding.weight
        return tuple(
            KeyValueCache.empty(rows, **sizes, room=context, longest=context, like=like) for _ in self.blocks
        )
