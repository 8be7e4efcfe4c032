"""Where does a token stand? Four ways to tell attention, which by itself sees a set and no order.

=======================================================  =============================================
source                                                   here
=======================================================  =============================================
PE(p, 2i) = sin(p / 10000^(2i / C)), cos at 2i + 1 (V, 3.5)  `SinusoidalPositions`
a learned vector for each place                  (G, 3)  `LearnedPositions`
⟨R_p q, R_s k⟩ depends on p - s alone          (S, 3.2)  `RotaryPositions`
no positions, but a causal mask                     (H)  `NoPositions`
=======================================================  =============================================

V: Vaswani et al. 2017; G: Gehring et al. 2017; S: Su et al. 2021; H: Haviv et al. 2022.

Two kinds of place exist where a position can enter: `Positions.add` works on the vectors of the tokens, once,
before the first layer; `Positions.rotate` works on queries and keys, in every layer. Each scheme uses one of
them and passes the other's input through.

Difference: S turns neighbouring numbers (0, 1), (2, 3), … as pairs, here pairs are numbers i and i + D / 2,
as in most models that are in use. That is another order of a head's numbers, which the maps before it learn
anyway; in return the pairs are two blocks, and no number has to be picked out one by one.

References
----------
Vaswani et al. (2017), Attention Is All You Need, section 3.5.
Gehring, Auli, Grangier, Yarats and Dauphin (2017), Convolutional Sequence to Sequence Learning.
Su, Lu, Pan, Wen and Liu (2021), RoFormer: Enhanced Transformer with Rotary Position Embedding.
Haviv, Ram, Press, Izsak and Levy (2022), Transformer Language Models without Positional Encodings Still Learn
Positional Information.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SLOWEST = 10_000.0  # wavelengths grow from 2π to about so many times 2π


class Positions(nn.Module):
    """What all schemes share.

    Parameters
    ----------
    width : int
        Numbers per token, C.
    heads : int
        H; a head has D = C / H numbers.
    longest : int
        Places that are made ready; only the learned scheme ends there.

    Raises
    ------
    ValueError
        If a size is below 1, or the scheme needs an even width and has an odd one.
    """

    def __init__(self, width: int, *, heads: int, longest: int) -> None:
        super().__init__()
        if width < 1 or heads < 1 or width % heads:
            raise ValueError(f"width {width} cannot be shared equally by {heads} heads.")
        if longest < 1:
            raise ValueError(f"longest is {longest}; make room for at least one place.")
        self.width, self.heads, self.longest = width, heads, longest

    def add(self, x: Tensor, *, start: int | Tensor = 0) -> Tensor:
        """Add its place to each token's vector.

        Parameters
        ----------
        x : Tensor of shape (B, T, C)
        start : int, or int Tensor of shape (B,)
            Place of the first column, in each row. Places below 0, which padding on the left has, count as 0.

        Returns
        -------
        Tensor of shape (B, T, C)
        """
        return x

    def rotate(self, x: Tensor, *, start: int | Tensor = 0) -> Tensor:
        """Turn queries or keys by their places.

        Parameters
        ----------
        x : Tensor of shape (B, H, T, D)
        start : int, or int Tensor of shape (B,)
            As for `add`.

        Returns
        -------
        Tensor of shape (B, H, T, D)
        """
        return x


class NoPositions(Positions):
    """Nothing is told: without a causal mask a sentence is a bag of words."""


class LearnedPositions(Positions):
    """A vector for each place, learned like those of the words; there are `longest` of them."""

    def __init__(self, width: int, *, heads: int, longest: int) -> None:
        super().__init__(width, heads=heads, longest=longest)
        self.table = nn.Embedding(longest, width)
        nn.init.normal_(self.table.weight, std=width**-0.5)

    def add(self, x: Tensor, *, start: int | Tensor = 0) -> Tensor:
        """See `Positions.add`; raises ValueError if a place has no vector."""
        end = x.shape[1] + (start if isinstance(start, int) else int(start.max()))
        if end > self.longest:
            raise ValueError(
                f"place {end} was asked for, but only {self.longest} were learned; shorten the text, or "
                "build the model with a greater `longest`."
            )
        return x + _rows(self.table.weight, start, x.shape[1])


class _Waves(Positions):
    """Sines and cosines of the place; their frequencies fall evenly on a log scale. No place is the last."""

    table: Tensor

    def __init__(self, width: int, *, heads: int, longest: int, waves: int) -> None:
        super().__init__(width, heads=heads, longest=longest)
        self.waves = waves
        self.register_buffer("table", self._draw(longest), persistent=False)

    def _draw(self, places: int) -> Tensor:
        """The table's first rows, of shape (places, …)."""
        raise NotImplementedError

    def _angles(self, places: int) -> Tensor:
        """Place times frequency, in radians: (places, waves), in 64 bits."""
        wave = torch.arange(self.waves, dtype=torch.float64)
        return torch.arange(places, dtype=torch.float64)[:, None] * SLOWEST ** (-wave / self.waves)

    def _look_up(self, start: int | Tensor, length: int) -> Tensor:
        """Rows (T, …) or (B, T, …) of the table, which grows if they lie beyond it."""
        end = length + (start if isinstance(start, int) else int(start.max()))
        if end > len(self.table):
            self.table = self._draw(max(end, 2 * len(self.table))).to(self.table)
        return _rows(self.table, start, length)


class SinusoidalPositions(_Waves):
    """Fixed vectors of sines and cosines; those of places p and p + k differ by one linear map for all p."""

    def __init__(self, width: int, *, heads: int, longest: int) -> None:
        if width % 2:
            raise ValueError(f"width is {width}; sines and cosines come in pairs, so choose an even number.")
        super().__init__(width, heads=heads, longest=longest, waves=width // 2)

    def _draw(self, places: int) -> Tensor:
        angles = self._angles(places)
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()  # (places, C)

    def add(self, x: Tensor, *, start: int | Tensor = 0) -> Tensor:
        """See `Positions.add`."""
        return x + self._look_up(start, x.shape[1]).to(x.dtype)


class RotaryPositions(_Waves):
    """Each pair of a query's or key's numbers is turned by an angle that grows with the place.

    Two turned vectors' dot product depends on their distance alone, and no vector changes its length.
    """

    def __init__(self, width: int, *, heads: int, longest: int) -> None:
        if heads and width // heads % 2:
            raise ValueError(
                f"heads have {width // heads} numbers; they are turned in pairs, so make it even."
            )
        super().__init__(width, heads=heads, longest=longest, waves=width // max(heads, 1) // 2)

    def _draw(self, places: int) -> Tensor:
        angles = self._angles(places)
        cosine = torch.cat([angles.cos(), angles.cos()], dim=-1)
        return torch.stack([cosine, torch.cat([-angles.sin(), angles.sin()], dim=-1)], dim=1).float()

    def rotate(self, x: Tensor, *, start: int | Tensor = 0) -> Tensor:
        """See `Positions.rotate`."""
        cosine, sine = self._look_up(start, x.shape[2]).unbind(dim=-2)  # (T, D) or (B, T, D)
        if cosine.ndim == 3:
            cosine, sine = cosine[:, None], sine[:, None]  # (B, 1, T, D), the same for all heads
        return (x * cosine + x.roll(x.shape[-1] // 2, dims=-1) * sine).to(x.dtype)


def _rows(table: Tensor, start: int | Tensor, length: int) -> Tensor:
    """Rows start … start + length - 1: (T, …) for one start, (B, T, …) for one per row."""
    if isinstance(start, int):
        if start >= 0:
            return table[start : start + length]
        start = torch.tensor(start, device=table.device)
    places = start[..., None] + torch.arange(length, device=table.device)
    return table[places.clamp(min=0)]


POSITIONS = {
    "none": NoPositions,
    "learned": LearnedPositions,
    "sinusoidal": SinusoidalPositions,
    "rotary": RotaryPositions,
}
