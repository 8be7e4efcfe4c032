"""Cross-entropy of many words at once, chunk by chunk, so that scores stay in the processor's cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from course_utils.layers.products import product

CHUNK = 256


class ChunkedSoftmax(torch.autograd.Function):
    """Mean cross-entropy of a softmax over K words, with its gradient computed on the way.

    Like `course_utils.models.nplm.SoftmaxLoss`, and chunk by chunk: a few hundred rows of scores are made,
    used for the gradient and forgotten, so that the table of all scores is never in memory.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, rows: Tensor, bias: Tensor, targets: Tensor, precision: torch.dtype
    ) -> Tensor:
        """Loss in nats: features (N, C), rows (K, C), bias (K,), targets (N,); products in `precision`."""
        table, total = rows.to(precision), features.new_zeros(())
        columns = table.T.contiguous()  # (C, K)
        d_features, d_rows, d_bias = (
            torch.empty_like(features),
            torch.zeros_like(rows),
            torch.zeros_like(bias),
        )
        for part, wanted, out in zip(
            features.split(CHUNK), targets.split(CHUNK), d_features.split(CHUNK), strict=True
        ):
            x = part.to(precision)
            p = torch.softmax(product(x, table).float().add_(bias), dim=1)  # (chunk, K)
            total -= p.gather(1, wanted[:, None]).clamp_min(1e-37).log().sum()
            p[torch.arange(len(wanted)), wanted] -= 1  # the gradient of the scores
            d_bias += p.sum(dim=0)
            p = p.to(precision)
            out.copy_(product(p, columns))
            d_rows += product(p.T, x.T)
        ctx.save_for_backward(d_features, d_rows, d_bias)
        return total / len(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """The gradient kept by `forward`, scaled."""
        scale = gradients[0] / len(ctx.saved_tensors[0])
        d_features, d_rows, d_bias = (kept * scale for kept in ctx.saved_tensors)
        return d_features, d_rows, d_bias, None, None
