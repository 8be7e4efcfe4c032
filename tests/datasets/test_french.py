"""French where words meet, and numbers in words: all of them, against a second rule and a list by hand."""

import re

import pytest

from course_utils.datasets.french import Joiner, agreeing_participle
from course_utils.datasets.grammar_numbers import align_number

JOINER = Joiner({"héros", "hache", "hibou"})
BY_HAND = {
    1: "un",
    16: "seize",
    17: "dix-sept",
    20: "vingt",
    21: "vingt et un",
    22: "vingt deux",
    31: "trente et un",
    60: "soixante",
    61: "soixante et un",
    69: "soixante neuf",
    70: "soixante dix",
    71: "soixante et onze",
    72: "soixante douze",
    77: "soixante dix-sept",
    79: "soixante dix-neuf",
    80: "quatre-vingts",
    81: "quatre-vingt un",
    88: "quatre-vingt huit",
    90: "quatre-vingt dix",
    91: "quatre-vingt onze",
    96: "quatre-vingt seize",
    98: "quatre-vingt dix-huit",
    99: "quatre-vingt dix-neuf",
    100: "cent",
    101: "cent un",
    121: "cent vingt et un",
    171: "cent soixante et onze",
    180: "cent quatre-vingts",
    181: "cent quatre-vingt un",
    200: "deux cents",
    201: "deux cent un",
    280: "deux cent quatre-vingts",
    300: "trois cents",
    371: "trois cent soixante et onze",
    580: "cinq cent quatre-vingts",
    700: "sept cents",
    791: "sept cent quatre-vingt onze",
    900: "neuf cents",
    991: "neuf cent quatre-vingt onze",
    999: "neuf cent quatre-vingt dix-neuf",
}


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("le homme", "l' homme"),
        ("le héros", "le héros"),
        ("la héroïne", "l' héroïne"),
        ("la hache", "la hache"),
        ("de le homme", "de l' homme"),
        ("de le héros", "du héros"),
        ("de les hommes", "des hommes"),
        ("à le roi", "au roi"),
        ("à les amis", "aux amis"),
        ("à la école", "à l' école"),
        ("de Anna".lower(), "d' anna"),
        ("il ne le a pas", "il ne l' a pas"),
        ("il ne aime pas", "il n' aime pas"),
        ("je ne les ai pas", "je ne les ai pas"),
        ("je me appelle", "je m' appelle"),
        ("il ne y a pas de œuf", "il n' y a pas d' œuf"),
        ("parce que il dort", "parce qu' il dort"),
        ("que est-ce que elle voit", "qu' est-ce qu' elle voit"),
        ("ce arbre", "cet arbre"),
        ("ce hibou", "ce hibou"),
        ("beau|bel enfant", "bel enfant"),
        ("beau|bel héros", "beau héros"),
        ("vieux|vieil homme", "vieil homme"),
        ("ma amie", "mon amie"),
        ("sa hache", "sa hache"),
        ("le onze", "le onze"),
        ("de onze rois", "de onze rois"),
        ("de huit rois", "de huit rois"),
        ("de le", "du"),
        ("", ""),
    ],
)
def test_words_that_meet(words, joined):
    linked = [(word, (place,)) for place, word in enumerate(words.split())]
    found = JOINER.join(linked)
    assert " ".join(word for word, _ in found) == joined
    # no place is lost, and their order stays
    assert [place for _, places in found for place in places] == list(range(len(linked)))


def test_participles_agree():
    forms = [agreeing_participle(form, a) for form in ("vu", "pris") for a in ("ms", "fs", "mp", "fp")]
    assert forms == ["vu", "vue", "vus", "vues", "pris", "prise", "pris", "prises"]


def second_rule(number):
    """Numbers by another way than the course's: one string by value, then the spelling's corrections."""
    words = "x un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
    small = words.split()
    for one in ("sept", "huit", "neuf"):
        small.append(f"dix-{one}")
    if number >= 100:
        head = "cent" if number < 200 else f"{small[number // 100]} cent"
        text = head if number % 100 == 0 else f"{head} {second_rule(number % 100)}"
        return text + "s" if number % 100 == 0 and number > 100 else text
    tens = {80: "quatre-vingt", 60: "soixante", 50: "cinquante", 40: "quarante", 30: "trente", 20: "vingt"}
    if number < 20:
        return small[number]
    base = next(ten for ten in tens if ten <= number)
    text = f"{tens[base]} {small[number - base]}" if number > base else tens[base]
    text = re.sub(r"^(?!quatre)(\S+) (un|onze)$", r"\1 et \2", text)
    return "quatre-vingts" if number == 80 else text


@pytest.mark.parametrize("feminine", [False, True])
def test_all_numbers_against_a_second_rule(feminine):
    for number in range(1, 1000):
        english, french = align_number(number, feminine=feminine)
        wanted = second_rule(number)
        if feminine:
            wanted = re.sub(r"\bun$", "une", wanted)
        assert " ".join(word for word, _ in french) == wanted
        places = {place for _, linked in french for place in linked}
        assert places == {place for place, word in enumerate(english) if word != "and"}, number


def test_difficult_numbers_by_hand():
    found = {number: " ".join(word for word, _ in align_number(number)[1]) for number in BY_HAND}
    assert found == BY_HAND
    assert " ".join(align_number(999)[0]) == "nine hundred and ninety nine"
    assert " ".join(align_number(300)[0]) == "three hundred"
    assert " ".join(align_number(114)[0]) == "one hundred and fourteen"
    assert len({" ".join(align_number(number)[0]) for number in range(1, 1000)}) == 999


def test_alignment_of_numbers():
    assert align_number(71) == (["seventy", "one"], [("soixante", (0,)), ("et", (1,)), ("onze", (0, 1))])
    assert align_number(90) == (["ninety"], [("quatre-vingt", (0,)), ("dix", (0,))])
    english, french = align_number(121, feminine=True)
    assert english == ["one", "hundred", "and", "twenty", "one"]
    assert french == [("cent", (0, 1)), ("vingt", (3,)), ("et", (4,)), ("une", (4,))]


@pytest.mark.parametrize("number", [-1, 0, 1000])
def test_numbers_out_of_range(number):
    with pytest.raises(ValueError, match="from 1 to 999"):
        align_number(number)
