"""Products of many vectors and a matrix, in float32, by the faster of the two libraries inside PyTorch.

On a CPU PyTorch hands `F.linear` to MKL. On processors of other makers than Intel, MKL leaves the widest
instructions (AVX-512) unused; oneDNN, which PyTorch hands convolutions to, does not, and is twice as fast
there. A linear map of many vectors is a convolution of images of one pixel's height with a filter of one
pixel: the same sums, added up in another order. So the products are written as such a convolution where a
short measurement finds it faster. In bf16 both ways end at oneDNN, and on a GPU there is nothing to choose.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGES = 16  # with fewer and one thread PyTorch keeps filters of one pixel from oneDNN
WORTH_IT = 2**22  # multiplications; below, the detour costs more than it saves
FASTER = 1.25  # by how much the convolution has to win the measurement


class Linear(nn.Linear):
    """`nn.Linear` with the faster product: same parameters, same names, the same result up to rounding."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (…, C) to (…, N)."""
        return product(x, self.weight, bias=self.bias)


def product(x: Tensor, weight: Tensor, *, bias: Tensor | None = None) -> Tensor:
    """What `F.linear` computes, x Wᵀ + b, up to rounding.

    Parameters
    ----------
    x : Tensor of shape (…, C)
    weight : Tensor of shape (N, C)
    bias : Tensor of shape (N,), optional

    Returns
    -------
    Tensor of shape (…, N)
    """
    rows = x.numel() // x.shape[-1] if x.numel() else 0
    images = len(x) if x.ndim == 3 and len(x) >= IMAGES else IMAGES
    if not rows or rows % images or rows * weight.numel() < WORTH_IT or not _may_convolve(x, weight):
        return F.linear(x, weight, bias)
    return _convolve(x, weight, bias, images=images)


def _may_convolve(x: Tensor, weight: Tensor) -> bool:
    return (
        x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and convolution_is_faster(torch.get_num_threads())
    )


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, *, images: int) -> Tensor:
    pixels = x.reshape(images, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)  # (images, C, 1, rows / images)
    found = F.conv2d(pixels, weight[:, :, None, None], bias)  # (images, N, 1, rows / images)
    return found.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


@functools.lru_cache(maxsize=8)
@torch.no_grad()
def convolution_is_faster(threads: int) -> bool:
    """Measure once, with so many threads, which of the two multiplies faster; takes about 20 ms."""
    x, weight = torch.ones(IMAGES, 64, 128), torch.ones(512, 128)
    ways: tuple[Callable[[], Tensor], ...] = (
        lambda: F.linear(x, weight),
        lambda: _convolve(x, weight, None, images=IMAGES),
    )
    best = [float("inf"), float("inf")]
    for _ in range(6):  # in turns, so that a busy moment hits both; the first calls warm up
        for i, way in enumerate(ways):
            started = time.perf_counter()
            way()
            best[i] = min(best[i], time.perf_counter() - started)
    return best[0] > FASTER * best[1]
