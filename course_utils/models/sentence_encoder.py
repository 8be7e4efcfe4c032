"""Texts in, vectors out: an encoder with its pieces, run over many texts with little padding.

One vector for a text is the mean over its pieces in the last layer, brought to length one (Reimers and
Gurevych 2019). Texts of about the same length are run together, so that hardly any work goes into padding.

References
----------
Reimers and Gurevych (2019), Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from course_utils.layers.masks import padding_mask
from course_utils.models.encoder import Encoder, mean_pool
from course_utils.models.token_layers import TokenLayers

Floats = NDArray[np.float32]
Keep = Callable[[str, list[str], Callable[[], Floats]], Floats]

PRECISIONS = ("float32", "fast")


class Cut(Protocol):
    """One text in pieces, as `text.pieces.Pieces`."""

    @property
    def ids(self) -> tuple[int, ...]: ...
    @property
    def pieces(self) -> tuple[str, ...]: ...
    @property
    def spans(self) -> tuple[tuple[int, int], ...]: ...


class Cutter(Protocol):
    """What cuts texts into pieces, as `text.pieces.WordPieces`."""

    def cut(self, texts: Sequence[str], *, max_pieces: int = 256) -> Sequence[Cut]: ...


class SentenceEncoder:
    """Vectors for texts, for their pieces at every layer, and what the heads looked at.

    Parameters
    ----------
    model : Encoder
    pieces : WordPieces
        Cuts texts into the pieces that the model knows.
    fast_dtype : torch.dtype
        What ``precision="fast"`` computes in.
    keep : function of (name, what the result depends on, function that computes it), optional
        Keeps vectors between sessions; without it ``cache=`` has no effect.
    batch_pieces : int
        About how many pieces are run together. More need more memory and are hardly faster on a CPU.
    """

    def __init__(
        self,
        model: Encoder,
        pieces: Cutter,
        *,
        fast_dtype: torch.dtype = torch.float32,
        keep: Keep | None = None,
        batch_pieces: int = 2048,
    ) -> None:
        self.model = model
        self.pieces = pieces
        self.fast_dtype = fast_dtype
        self.batch_pieces = batch_pieces
        self._keep = keep

    @property
    def width(self) -> int:
        """Numbers per vector, C."""
        return self.model.config.width

    def encode(
        self,
        texts: Sequence[str],
        *,
        max_pieces: int = 256,
        precision: str = "float32",
        cache: str | None = None,
        progress: bool = False,
    ) -> Floats:
        """One vector per text.

        Parameters
        ----------
        texts : sequence of N str
            An empty text gets a vector, too: that of the two marks around nothing.
        max_pieces : int
            Read this many pieces of each text, the marks included.
        precision : {"float32", "fast"}
            "fast" computes in bfloat16 where that is faster on this machine; the cosine with the exact vector
            stays above 0.999.
        cache : str, optional
            Keep the vectors under this name and read them from there next time. They are computed anew when
            a text, the weights, the code or a setting has changed.
        progress : bool
            Show a bar.

        Returns
        -------
        float32 array of shape (N, C)
            Each row of length one.

        Raises
        ------
        TypeError
            If `texts` is one text, or holds something that is no text.
        ValueError
            If the precision is unknown, or `max_pieces` too small or more than the model's positions.
        """
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}.")
        self._require_room(max_pieces)
        dtype = self.fast_dtype if precision == "fast" else torch.float32
        if cache is None or self._keep is None:
            return self._encode(texts, max_pieces=max_pieces, dtype=dtype, progress=progress)
        texts = list(texts)
        depends_on = [str(dtype), str(max_pieces), *texts]
        return self._keep(
            cache,
            depends_on,
            lambda: self._encode(texts, max_pieces=max_pieces, dtype=dtype, progress=progress),
        )

    def layers(self, texts: Sequence[str], *, max_pieces: int = 256) -> list[TokenLayers]:
        """Vectors of every piece at every layer.

        Parameters
        ----------
        texts : sequence of str
        max_pieces : int
            As for `encode`.

        Returns
        -------
        list of TokenLayers
            One for each text; their arrays have shape (L + 1, T, C), T differing between texts.
        """
        self._require_room(max_pieces)
        cuts = self.pieces.cut(texts, max_pieces=max_pieces)
        found: dict[int, TokenLayers] = {}
        with torch.inference_mode():
            for rows, tokens, mask in self._batches(cuts):
                layers, _ = self.model.layers(tokens, mask=mask)  # (L + 1, B, T, C)
                for place, row in enumerate(rows):
                    cut = cuts[row]
                    vectors = layers[:, place, : len(cut.ids)].float().cpu().numpy()
                    found[row] = TokenLayers(cut.pieces, cut.spans, vectors.copy())
        return [found[row] for row in range(len(cuts))]

    def attention(self, text: str, *, max_pieces: int = 256) -> tuple[tuple[str, ...], Floats]:
        """Where each head of each layer looks in one text.

        Parameters
        ----------
        text : str
        max_pieces : int
            As for `encode`.

        Returns
        -------
        pieces : tuple of T str
        attention : float32 array of shape (L, H, T, T)
            Rows, which look, sum to 1.
        """
        self._require_room(max_pieces)
        (cut,) = self.pieces.cut([text], max_pieces=max_pieces)
        with torch.inference_mode():
            _, attention = self.model.layers(torch.tensor([cut.ids], device=self._device))
        return cut.pieces, attention[:, 0].float().cpu().numpy()

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _require_room(self, max_pieces: int) -> None:
        if not 2 <= max_pieces <= self.model.config.positions:
            raise ValueError(
                f"max_pieces is {max_pieces}; this model reads 2 to {self.model.config.positions} pieces."
            )

    def _encode(self, texts: Sequence[str], *, max_pieces: int, dtype: torch.dtype, progress: bool) -> Floats:
        cuts = self.pieces.cut(texts, max_pieces=max_pieces)
        vectors = np.empty((len(cuts), self.width), dtype=np.float32)
        # A copy wholly in the lower precision is faster than autocast, which casts back and forth.
        model = self.model if dtype == torch.float32 else copy.deepcopy(self.model).to(dtype)
        bar = tqdm(total=len(cuts), desc="texts", unit="text", mininterval=0.5, disable=not progress)
        with torch.inference_mode(), bar:
            for rows, tokens, mask in self._batches(cuts):
                pooled = mean_pool(model(tokens, mask=mask).float(), mask=mask)  # (B, C)
                vectors[rows] = F.normalize(pooled, dim=-1).cpu().numpy()
                bar.update(len(rows))
        return vectors

    def _batches(self, cuts: Sequence[Cut]) -> Iterator[tuple[list[int], Tensor, Tensor | None]]:
        """Rows of about the same length together, the longest first: a lack of memory shows at once."""
        order = sorted(range(len(cuts)), key=lambda row: -len(cuts[row].ids))
        while order:
            width = len(cuts[order[0]].ids)
            size = max(1, self.batch_pieces // width)
            rows, order = order[:size], order[size:]
            yield rows, *_pad([cuts[row].ids for row in rows], width=width, device=self._device)


def _pad(ids: list[tuple[int, ...]], *, width: int, device: Any) -> tuple[Tensor, Tensor | None]:
    """Fill up with token 0; the mask says where, and is None where nothing had to be filled."""
    tokens = torch.tensor([row + (0,) * (width - len(row)) for row in ids], device=device)  # (B, T)
    lengths = torch.tensor([len(row) for row in ids], device=device)
    if int(lengths.min()) == width:
        return tokens, None
    return tokens, padding_mask(lengths, width=width)
