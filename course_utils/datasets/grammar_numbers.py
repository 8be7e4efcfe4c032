"""Numbers in words, 1 to 999, in English and French, with their alignment.

Tens and units are tokens of their own on both sides (forty two, quarante deux), so that the hyphens between
them are not written; quatre-vingt, dix-sept, dix-huit and dix-neuf, which are one number word, keep theirs.
"""

from __future__ import annotations

from course_utils.datasets.french import Linked

__all__ = ["align_number"]

_ENGLISH_TEXT = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
_FRENCH_TEXT = """
zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept
dix-huit dix-neuf
"""
_ENGLISH, _FRENCH = _ENGLISH_TEXT.split(), _FRENCH_TEXT.split()
# ten and its multiples; seventy is sixty and ten, ninety is four score and ten
_TENS_TEXT = {
    "english": "- - twenty thirty forty fifty sixty seventy eighty ninety",
    "french": "- - vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt",
}
_ENGLISH_TENS, _FRENCH_TENS = (text.split() for text in _TENS_TEXT.values())


def align_number(number: int, *, feminine: bool = False) -> tuple[list[str], list[Linked]]:
    """Write a number in both languages.

    Parameters
    ----------
    number : int
        1 to 999.
    feminine : bool
        Whether what is counted is feminine: une, vingt et une.

    Returns
    -------
    english : list of str
        As in "three hundred and forty two".
    french : list of (word, English places)
        "et" goes with the English word of the unit. Where French counts on from ten, its last word goes with
        both English ones (soixante et onze: onze is part of "seventy" and "one"). "and" goes with nothing.

    Raises
    ------
    ValueError
        If the number is out of range.
    """
    if not 1 <= number <= 999:
        raise ValueError(f"Numbers in words go from 1 to 999, not to {number}.")
    hundreds, rest = divmod(number, 100)
    english: list[str] = []
    french: list[Linked] = []
    if hundreds:
        english += [_ENGLISH[hundreds], "hundred"] + ["and"] * (rest > 0)
        # "cent" alone translates both words of "one hundred"; "deux cents", but "deux cent un".
        plural = hundreds > 1 and rest == 0
        french += [(_FRENCH[hundreds], (0,))] if hundreds > 1 else []
        french.append(("cents" if plural else "cent", (1,) if hundreds > 1 else (0, 1)))
    if rest:
        words, linked = _below_hundred(rest, feminine)
        french += [(word, tuple(len(english) + place for place in places)) for word, places in linked]
        english += words
    return english, french


def _below_hundred(number: int, feminine: bool) -> tuple[list[str], list[Linked]]:
    if number < 20:
        return [_ENGLISH[number]], [(_unit(number, feminine), (0,))]
    tens, unit = divmod(number, 10)
    english = [_ENGLISH_TENS[tens]] + [_ENGLISH[unit]] * (unit > 0)
    ten = _FRENCH_TENS[tens] + "s" * (number == 80)
    # seventy and ninety count on from ten, so their last French word needs both English ones
    left = unit + 10 * (tens in (7, 9))
    unit_places = (0, 1) if left >= 10 and unit else (len(english) - 1,)
    french: list[Linked] = [(ten, (0,))]
    if unit == 1 and tens < 8:
        french.append(("et", (1,)))
    if left:
        french.append((_unit(left, feminine), unit_places))
    return english, french


def _unit(number: int, feminine: bool) -> str:
    return "une" if number == 1 and feminine else _FRENCH[number]
