"""Word pieces: frequent words stay whole, the others are cut into parts that a fixed list knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_HALF_PAIRS = re.compile("[\ud800-\udfff]")  # halves of a surrogate pair stand for no character


@dataclass(frozen=True)
class Pieces:
    """One text in pieces.

    Attributes
    ----------
    ids : tuple of int
        Token of each piece.
    pieces : tuple of str
        ``##`` marks one that continues a word.
    spans : tuple of (int, int)
        Characters of the text that each piece covers, the end not included; (0, 0) for marks of the model.
    """

    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.ids)


class WordPieces:
    """BERT's way to cut a text: lower case without accents, then the longest known piece from the left.

    Parameters
    ----------
    pieces : sequence of str
        The known pieces; the place of each is its token.

    Raises
    ------
    ValueError
        If one of ``[CLS]``, ``[SEP]``, ``[UNK]``, ``[PAD]`` is missing.

    Notes
    -----
    The cutting is done by the `tokenizers` library. A word for which there are no pieces becomes ``[UNK]``.
    A mark typed into a text (``[MASK]``) is read as the mark, as in BERT's own tokenizer.

    References
    ----------
    Wu et al. (2016), Google's Neural Machine Translation System, section 4.1.
    Devlin et al. (2019), BERT.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        index = {piece: token for token, piece in enumerate(pieces)}
        missing = [mark for mark in ("[CLS]", "[SEP]", "[UNK]", "[PAD]") if mark not in index]
        if missing:
            raise ValueError(f"the list of pieces lacks {', '.join(missing)}.")
        self._tokenizer = Tokenizer(models.WordPiece(index, unk_token="[UNK]", max_input_chars_per_word=100))
        self._tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        self._tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._tokenizer.add_special_tokens([mark for mark in MARKS if mark in index])
        self.pieces = tuple(pieces)
        self.index = index

    def __len__(self) -> int:
        return len(self.pieces)

    def cut(self, texts: Sequence[str], *, max_pieces: int = 256) -> list[Pieces]:
        """Cut texts into pieces, ``[CLS]`` in front and ``[SEP]`` behind.

        Parameters
        ----------
        texts : sequence of str
        max_pieces : int
            Longest result, both marks included; what is beyond is left out.

        Returns
        -------
        list of Pieces
            An empty text gives the two marks.

        Raises
        ------
        TypeError
            If `texts` is one text, or holds something that is no text.
        ValueError
            If `max_pieces` leaves no room for the marks.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise TypeError("texts must be a list of str; put a single text into a list: [text].")
        if max_pieces < 2:
            raise ValueError(f"max_pieces is {max_pieces}; [CLS] and [SEP] alone take 2.")
        cleaned = [_HALF_PAIRS.sub("\ufffd", text) for text in texts]
        found = self._tokenizer.encode_batch(cleaned, add_special_tokens=False)
        first, last = self.index["[CLS]"], self.index["[SEP]"]
        room = max_pieces - 2
        return [
            Pieces(
                (first, *cut.ids[:room], last),
                ("[CLS]", *cut.tokens[:room], "[SEP]"),
                ((0, 0), *cut.offsets[:room], (0, 0)),
            )
            for cut in found
        ]
