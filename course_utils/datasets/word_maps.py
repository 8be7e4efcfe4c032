"""Words to be put on a map, in eight named groups, and the files of maps drawn ahead.

The groups were written for the course: they are what its authors mean by "animals", not what any vectors say.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from course_utils.storage import course_folder, verify_file

REPAIR = "git checkout data/maps"

_WORDS = {
    "animals": (
        "dog cat horse cow pig sheep goat chicken duck goose lion tiger bear wolf fox deer rabbit mouse rat "
        "elephant monkey snake frog fish shark whale dolphin eagle hawk owl crow bee ant spider butterfly "
        "turtle camel donkey kitten puppy"
    ),
    "countries": (
        "france germany italy spain portugal england ireland norway sweden finland denmark poland hungary "
        "austria greece turkey russia ukraine china japan korea india pakistan iran iraq egypt nigeria kenya "
        "canada mexico brazil argentina chile peru cuba australia vietnam thailand indonesia israel"
    ),
    "time": (
        "january february march april june july august september october november december monday tuesday "
        "wednesday thursday friday saturday sunday day week month year decade century hour minute second "
        "morning noon afternoon evening night midnight spring summer autumn winter today tomorrow yesterday"
    ),
    "food": (
        "bread butter cheese milk cream egg rice pasta soup salad meat beef pork steak sausage sugar salt "
        "pepper honey chocolate cake cookie pie candy fruit apple banana lemon grape cherry potato tomato "
        "onion garlic bean corn coffee tea wine beer"
    ),
    "professions": (
        "doctor nurse surgeon dentist teacher professor lawyer judge attorney engineer architect scientist "
        "chemist physicist historian writer poet novelist journalist editor actor singer musician painter "
        "sculptor dancer farmer baker butcher chef waiter carpenter miner mechanic pilot sailor soldier "
        "policeman banker priest"
    ),
    "body": (
        "head face eye ear nose mouth lip tongue tooth chin cheek forehead neck throat shoulder arm elbow "
        "wrist hand finger thumb chest breast stomach belly waist hip leg knee ankle foot toe skin bone "
        "muscle blood heart lung liver brain"
    ),
    "how things look": (
        "red green blue yellow white black brown grey purple pink violet scarlet crimson golden silver dark "
        "bright pale big small large huge tiny tall short long wide narrow thick thin old young new ancient "
        "modern beautiful ugly pretty clean dirty"
    ),
    "moving": (
        "walk run jump climb crawl swim fly ride drive sail wander rush hurry race chase follow enter leave "
        "arrive depart return travel stroll step slide roll spin turn fall rise dance leap dash sprint "
        "walked ran jumped climbed swam flew"
    ),
}
# Words with more than one meaning, in no group.
_SEVERAL = (
    "bank bat bass crane date jaguar mercury mole orange organ palm plant pupil ring ruler seal nail star "
    "tank match"
)

# name → sha256 of the file
FILES = {
    "words": "e421f9796a8840b88bc4affb910158666eff5190b1da3881645597a022e89b6d",
    "random": "22f5b031ec2877ae217f5b7c84072e3ef8c97b802a7d09f6725f0e90249d28b8",
}


@dataclass(frozen=True)
class MapWords:
    """Words for a map, with the group of each."""

    labels: tuple[str, ...]  # N words
    groups: tuple[int, ...]  # N numbers: a place in group_names, or -1 for a word of several meanings
    group_names: tuple[str, ...]

    def of(self, name: str) -> tuple[str, ...]:
        """The words of one group.

        Raises
        ------
        ValueError
            If there is no such group.
        """
        if name not in self.group_names:
            raise ValueError(f"The groups are {', '.join(self.group_names)}, not {name!r}.")
        number = self.group_names.index(name)
        return tuple(word for word, group in zip(self.labels, self.groups, strict=True) if group == number)


def load_map_words() -> MapWords:
    """340 words: forty in each of eight groups, and twenty with more than one meaning, in no group.

    Notes
    -----
    Authored for the course. Words in a group may have a second meaning, too (*turkey*, *second*); a map has
    to put each of them somewhere.
    """
    chosen = [(word, number) for number, words in enumerate(_WORDS.values()) for word in words.split()]
    chosen += [(word, -1) for word in _SEVERAL.split()]
    labels, groups = zip(*chosen, strict=True)
    return MapWords(labels, groups, tuple(_WORDS))


def word_map_file(name: str) -> Path:
    """Path of a file of maps drawn ahead, after comparing its content with the expected checksum.

    Parameters
    ----------
    name : {"words", "random"}
        Maps of MiniLM's vectors of `load_map_words`, or of random vectors of the same lengths.

    Raises
    ------
    DataError
        If the file is missing or was altered; the message holds the command that restores it.
    ValueError
        If the course has no maps of this name.

    Notes
    -----
    Made by ``python tools/compute_maps.py``; `ProjectionGrid.load` reads it.
    """
    if name not in FILES:
        raise ValueError(f"word_map_file knows {', '.join(FILES)}, not {name!r}.")
    return verify_file(maps_folder() / f"{name}.safetensors", sha256=FILES[name], source=REPAIR)


def maps_folder() -> Path:
    """Where the maps lie."""
    return course_folder() / "data" / "maps"
