"""French where words meet: elision (l'homme), liaison forms (cet ami), contraction (du roi), participles.

Tokens are lower-cased and written apart; an elided word keeps its apostrophe and is a token of its own ("l'",
"qu'"). A token that the grammar writes as "beau|bel" takes its second form before a vowel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["VOWELS", "Joiner", "Linked", "agreeing_participle"]

# A French word and the English places that it is aligned with.
Linked = tuple[str, tuple[int, ...]]

VOWELS = frozenset("aàâeéèêëiîïoôœuùûüh")
# Numbers that begin with a vowel or a mute h and yet let nothing elide: "de onze", "le huit".
_NEVER_ELIDED_BEFORE = frozenset({"onze", "huit"})
# The y of these words is a vowel: "il n'y a pas", "d'yeux".
_OPEN_BY_Y = frozenset({"y", "yeux"})
# word → its form before a vowel
_BEFORE_VOWEL = {
    "ce": "cet",
    "de": "d'",
    "je": "j'",
    "la": "l'",
    "le": "l'",
    "ma": "mon",
    "me": "m'",
    "ne": "n'",
    "que": "qu'",
    "sa": "son",
}
_CONTRACTIONS = {
    ("de", "le"): "du",
    ("de", "les"): "des",
    ("à", "le"): "au",
    ("à", "les"): "aux",
}


class Joiner:
    """Puts words beside each other as French spelling wants them.

    Parameters
    ----------
    aspirated : iterable of str
        Words with an aspirated h: nothing elides before them (le héros, la harpe).
    """

    def __init__(self, aspirated: Iterable[str] = ()) -> None:
        self._closed = _NEVER_ELIDED_BEFORE | frozenset(aspirated)

    def opens_with_vowel(self, word: str) -> bool:
        """Whether words elide before this one: a vowel or a mute h begins it."""
        return (word[:1] in VOWELS and word not in self._closed) or word in _OPEN_BY_Y

    def join(self, words: Sequence[Linked]) -> list[Linked]:
        """Elide, choose forms before vowels, and contract, from right to left.

        Parameters
        ----------
        words : sequence of (word, English places)

        Returns
        -------
        list of (word, English places)
            Contracted words hold the places of both: "du" is "de" and "le".
        """
        joined: list[Linked] = []
        following = ""
        for word, places in reversed(words):
            if word in _BEFORE_VOWEL and self.opens_with_vowel(following):
                word = _BEFORE_VOWEL[word]
            elif (word, following) in _CONTRACTIONS:
                word, places = _CONTRACTIONS[word, following], places + joined.pop()[1]
            elif "|" in word:
                word = word.split("|")[self.opens_with_vowel(following)]
            joined.append((word, places))
            following = word
        joined.reverse()
        return joined


def agreeing_participle(masculine: str, agreement: str) -> str:
    """A past participle that agrees: vu, vue, vus, vues; pris, prise, pris, prises.

    Parameters
    ----------
    masculine : str
        Its masculine singular.
    agreement : {"ms", "fs", "mp", "fp"}
    """
    ending = {"ms": "", "fs": "e", "mp": "s", "fp": "es"}[agreement]
    return masculine if ending == "s" and masculine.endswith("s") else masculine + ending
