"""Find the data files that gensim ships with its tests, without importing gensim."""

from importlib.util import find_spec
from pathlib import Path

from course_utils.storage import DataError, verify_file

REPAIR = "python -m pip install --force-reinstall --no-deps gensim"

# name → (file in gensim's test_data folder, sha256)
FILES = {
    "wikipedia": (
        "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
        "a53f4648dec40467ebdcbc7a1307eddb51fe6e28e9309f6ebde81ba0d04bea2d",
    ),
    "wordsim353": ("wordsim353.tsv", "f92a022fc2537793a15bc3a8c162ebcd74990e033a228bb6388cb71e4c0b1e1d"),
    "simlex999": ("simlex999.txt", "d5e0501971478a511430ee880bd0121e94ac701ba86d90544d83e6d2ba3db05d"),
    "analogies": ("questions-words.txt", "8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36"),
    "lee": ("lee.cor", "a878f9a58f6743c32985c56c2f2f75988386216b38a4023a01fd3bcf7884d93e"),
    "lee_background": (
        "lee_background.cor",
        "5d78d6dafd953bbf65797bef09a9ffb9ec430583381be705f8fd460000f370fb",
    ),
    "lee_ratings": (
        "similarities0-1.txt",
        "23762bc6b728897144dda3d324a2c032dc1e059e1009806226d64b6dd123ed79",
    ),
}


def gensim_folder() -> Path:
    """Folder with gensim's test data.

    Raises
    ------
    DataError
        If gensim is not installed.
    """
    # Importing gensim takes over a second; its place on disk is all that is needed.
    spec = find_spec("gensim")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("gensim, whose package holds the course's texts, is not installed; run: make lab")
    return Path(spec.submodule_search_locations[0]) / "test" / "test_data"


def gensim_file(name: str) -> Path:
    """Path of one of gensim's data files, after comparing its content with the expected checksum.

    Parameters
    ----------
    name : {"wikipedia", "wordsim353", "simlex999", "analogies", "lee", "lee_background", "lee_ratings"}

    Raises
    ------
    DataError
        If the file is missing or was altered; the message holds the command that restores it.
    ValueError
        If the course uses no file of this name.
    """
    if name not in FILES:
        raise ValueError(f"gensim_file knows {', '.join(FILES)}, not {name!r}.")
    filename, sha256 = FILES[name]
    return verify_file(gensim_folder() / filename, sha256=sha256, source=REPAIR)


def sha256_of_source(name: str) -> str:
    """The checksum that a data file must have; a key for what is derived from it."""
    return FILES[name][1]


def verify_all() -> dict[str, str]:
    """Compare every file with its checksum.

    Returns
    -------
    dict of str to str
        File name → where it comes from.

    Raises
    ------
    DataError
        If one is missing or was altered; the message names it and holds the command that restores it.
    """
    return {gensim_file(name).name: "sample data of gensim" for name in FILES}
