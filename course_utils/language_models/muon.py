"""Muon for matrices, AdamW for all else, as one optimizer for `fit`.

A gradient of a matrix is mostly a few directions, and a step along it moves those and hardly the others. Muon
steps as far in each direction: it takes the gradient's running mean, writes it as U S Vᵀ, and steps along
U Vᵀ. Instead of a decomposition a polynomial, applied five times, pushes all singular values towards 1.

===============================================  ==========================================================
source                                           here
===============================================  ==========================================================
M = 0.95 M + G, Nesterov's form             (J)   `Muon._direct`, as a mean: 0.95 M + 0.05 G
five times a X + b (XXᵀ) X + c (XXᵀ)² X     (J)   `orthogonalize`
steps as long as AdamW's: 0.2 √max(m, n)    (L)   `Muon._step_matrices`
===============================================  ==========================================================

Differences: matrices of one shape are handled together.

References
----------
J: Jordan et al. (2024), Muon: An optimizer for hidden layers in neural networks.
L: Liu et al. (2025), Muon is Scalable for LLM Training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Muon", "orthogonalize"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan's: steep at 0, and all ends between 0.7 and 1.2
ROUNDS = 5
LENGTH = 0.2  # Liu's: root mean square of an entry of AdamW's steps
SMALLEST = 1e-7


def orthogonalize(matrices: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Push the singular values of matrices towards 1, leaving their directions.

    Parameters
    ----------
    matrices : Tensor of shape (..., m, n)
    dtype : torch.dtype
        Number format of the products; `runtime.fast_dtype` has one that this machine multiplies fast.

    Returns
    -------
    Tensor of shape (..., m, n)
        In the given format. Singular values lie between about 0.7 and 1.2, unless they were near 0.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(SMALLEST)  # no singular value above 1
    x = x.to(dtype)
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon for some matrices of a model, AdamW for its other parameters.

    Parameters
    ----------
    model : nn.Module
    chosen : function of a parameter's name and the parameter
        Whether Muon updates it; such a parameter has two dimensions. Tables of vectors are better left to
        AdamW, for of their rows only some have a gradient.
    weight_decay : float
        Of all parameters with two dimensions and more.
    momentum : float
        Muon's memory of the gradient.
    betas : (float, float)
        AdamW's memory of the gradient and of its square.
    dtype : torch.dtype
        See `orthogonalize`.

    Raises
    ------
    ValueError
        If a chosen parameter has not two dimensions, or none is chosen, or all are.

    Notes
    -----
    One learning rate serves both: steps of both have about the same length.
    """

    def __init__(
        self,
        model: nn.Module,
        chosen: Callable[[str, nn.Parameter], bool],
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        dtype: torch.dtype = torch.float32,
    ) -> None:
        named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        matrices = [p for name, p in named if chosen(name, p)]
        others = [p for name, p in named if not chosen(name, p)]
        if not matrices or not others or any(p.ndim != 2 for p in matrices):
            raise ValueError("Muon needs some parameters of two dimensions, and leaves some to AdamW.")
        self.momentum, self.dtype = momentum, dtype
        groups: Iterable[dict[str, Any]] = (
            {"params": matrices, "weight_decay": weight_decay},
            {"params": [p for p in others if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in others if p.ndim < 2], "weight_decay": 0.0},
        )
        settings = {"lr": learning_rate, "betas": betas}
        self._adamw = torch.optim.AdamW([*groups][1:], fused=True, **settings)  # type: ignore[arg-type]
        super().__init__(groups, dict(self._adamw.defaults))
        self._join()

    def _join(self) -> None:
        """Let AdamW see the same state and the same learning rates."""
        self._adamw.state, self._adamw.param_groups = self.state, self.param_groups[1:]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in torch."""
        super().load_state_dict(state_dict)
        self._join()

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update all parameters that have a gradient; a closure is not supported."""
        if closure is not None:
            raise ValueError("Muon takes no closure; compute the gradient first.")
        group = self.param_groups[0]
        shapes: dict[torch.Size, list[Tensor]] = {}
        for parameter in group["params"]:
            if parameter.grad is not None:
                shapes.setdefault(parameter.shape, []).append(parameter)
        for shape, parameters in shapes.items():
            update = orthogonalize(torch.stack([*map(self._direct, parameters)]), dtype=self.dtype)
            length = group["lr"] * LENGTH * max(shape) ** 0.5
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(parameters, [*update.to(parameters[0].dtype).unbind()], alpha=-length)
        self._adamw.step()

    def _direct(self, parameter: Tensor) -> Tensor:
        """Where to go before singular values are evened out: the gradient's mean, looking one step ahead."""
        assert parameter.grad is not None
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        mean: Tensor = state["momentum"].lerp_(parameter.grad, 1 - self.momentum)
        return parameter.grad.lerp(mean, self.momentum)
