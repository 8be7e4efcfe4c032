"""How well does each key answer the query? The scores of Bahdanau and of Luong, and what follows from them.

===================================================  ====================================================
paper                                                here
===================================================  ====================================================
e_ij = vᵀ tanh(W s_{i-1} + U h_j)         (B, A.1.2)  `AdditiveScore`
score = h_tᵀ h_s                             (L, 3.1)  `DotScore`
score = h_tᵀ W h_s                           (L, 3.1)  `GeneralScore`
score = vᵀ tanh(W [h_t; h_s])                (L, 3.1)  `AdditiveScore`, too: W [h_t; h_s] = W₁ h_t + W₂ h_s
score = q·k / √d                             (V, 3.2)  `ScaledDotScore`
α = softmax(e), c = Σ α_j h_j                (B, 3.1)  `average_by_scores`
===================================================  ====================================================

B: Bahdanau, Cho and Bengio 2015; L: Luong, Pham and Manning 2015; V: Vaswani et al. 2017.

Difference: what a score needs of the keys alone is computed once (`Score.project`) and not at each target
step; B remarks on that in appendix A.1.2.

References
----------
Bahdanau, Cho and Bengio (2015), Neural Machine Translation by Jointly Learning to Align and Translate.
Luong, Pham and Manning (2015), Effective Approaches to Attention-based Neural Machine Translation.
Vaswani et al. (2017), Attention Is All You Need.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from course_utils.layers.masks import require_open_rows


class Score(nn.Module):
    """A score between queries and keys of one width, C; what all kinds share.

    Parameters
    ----------
    width : int
        Numbers of a query and of a key.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def project(self, memory: Tensor) -> Tensor:
        """Compute what depends on the keys alone, once for all queries: (B, S, C) to what `forward` takes."""
        return memory

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        """Score every key against every query.

        Parameters
        ----------
        query : Tensor of shape (B, T, C)
        keys : Tensor of shape (B, S, …)
            From `project`.

        Returns
        -------
        Tensor of shape (B, T, S)
        """
        raise NotImplementedError


class AdditiveScore(Score):
    """Bahdanau's score, which Luong calls concat: a small network with one hidden layer.

    Parameters
    ----------
    width : int
        Numbers of a query and of a key, C.
    hidden : int
        Numbers of the hidden layer. The papers have as many as in a state; far fewer will do, and the layer
        is computed for every pair of a target and a source place.

    Notes
    -----
    v starts four times as large as a linear layer's weights. Scores then differ from the first update on, and
    words find their places from fewer sentences.
    """

    def __init__(self, width: int, *, hidden: int = 64) -> None:
        super().__init__(width)
        self.of_query = nn.Linear(width, hidden)
        self.of_key = nn.Linear(width, hidden, bias=False)
        self.direction = nn.Parameter(torch.empty(hidden))  # v
        nn.init.normal_(self.direction, std=4 * hidden**-0.5)

    def project(self, memory: Tensor) -> Tensor:
        return self.of_key(memory)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        hidden = torch.tanh(self.of_query(query)[:, :, None] + keys[:, None])  # (B, T, S, hidden)
        return hidden @ self.direction


class DotScore(Score):
    """The plain dot product: no parameters, and the query must live in the keys' space."""

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return query @ keys.transpose(-2, -1)


class GeneralScore(DotScore):
    """The dot product after a learned map of the keys."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.of_key = nn.Linear(width, width, bias=False)

    def project(self, memory: Tensor) -> Tensor:
        return self.of_key(memory)


class ScaledDotScore(GeneralScore):
    """Learned maps of query and keys, their dot product divided by the root of the width."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.of_query = nn.Linear(width, width, bias=False)

    def forward(self, query: Tensor, keys: Tensor) -> Tensor:
        return super().forward(self.of_query(query), keys) / math.sqrt(self.width)


SCORES = {
    "additive": AdditiveScore,
    "concat": AdditiveScore,
    "dot": DotScore,
    "general": GeneralScore,
    "scaled dot": ScaledDotScore,
}


def average_by_scores(scores: Tensor, values: Tensor, *, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Turn scores into weights, and average the values by them.

    Parameters
    ----------
    scores : Tensor of shape (B, T, S)
    values : Tensor of shape (B, S, C)
    mask : bool Tensor of shape (B, S), optional
        True marks positions that may be attended to.

    Returns
    -------
    context : Tensor of shape (B, T, C)
    weights : Tensor of shape (B, T, S)
        Each row sums to 1.

    Raises
    ------
    ValueError
        If some row of `mask` allows no position.
    """
    if mask is not None:
        require_open_rows(mask)
        scores = scores.masked_fill(~mask[:, None], -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


def additive_attention(
    query: Tensor, keys: Tensor, *, score: AdditiveScore, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Bahdanau attention: score each key against the query, then average the keys.

    Parameters
    ----------
    query : Tensor of shape (B, C)
    keys : Tensor of shape (B, S, C)
        They are the values, too.
    score : AdditiveScore
    mask : bool Tensor of shape (B, S), optional
        True marks positions that may be attended to.

    Returns
    -------
    context : Tensor of shape (B, C)
    weights : Tensor of shape (B, S)
        Each row sums to 1.

    Raises
    ------
    ValueError
        If some row of `mask` allows no position.
    """
    scores = score(query[:, None], score.project(keys))  # (B, 1, S)
    context, weights = average_by_scores(scores, keys, mask=mask)
    return context[:, 0], weights[:, 0]
