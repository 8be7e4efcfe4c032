"""Vectors of one text, piece by piece and layer by layer: the form that ELMo and MiniLM share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TokenLayers:
    """One text in pieces, with a vector per piece and layer.

    Attributes
    ----------
    pieces : tuple of str
    spans : tuple of (int, int)
        Characters of the text that each piece covers, the end not included; (0, 0) for marks of the model.
    vectors : float32 array of shape (L + 1, T, C)
        Layer 0 is what the model knows of a piece before it has looked around.
    """

    pieces: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    vectors: NDArray[np.float32]

    def word(self, start: int, end: int) -> NDArray[np.float32]:
        """Vectors of a stretch of the text: the mean over the pieces that overlap it.

        Parameters
        ----------
        start, end : int
            Characters of the text, the end not included.

        Returns
        -------
        float32 array of shape (L + 1, C)

        Raises
        ------
        ValueError
            If no piece lies there, for example because the text was cut before.
        """
        rows = [row for row, (a, b) in enumerate(self.spans) if a < end and b > start and b > a]
        if not rows:
            last = max((b for _, b in self.spans), default=0)
            raise ValueError(
                f"no piece covers characters {start} to {end}; the pieces reach to character {last}. "
                "Shorten the text, or allow more pieces."
            )
        return self.vectors[:, rows].mean(axis=1)
