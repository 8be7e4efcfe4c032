"""Word pairs that people rated: WordSim-353 (related?) and SimLex-999 (alike?)."""

from dataclasses import dataclass

from course_utils.datasets.gensim_files import gensim_file

# SimLex-999 lists its pairs by part of speech; gensim's copy keeps the order but not the column.
_SIMLEX_PARTS = ("adjective",) * 111 + ("noun",) * 666 + ("verb",) * 222


@dataclass(frozen=True)
class WordPair:
    """Two words and how people rated them."""

    first: str  # lower case
    second: str  # lower case
    score: float  # mean rating, 0 to 10
    note: str = ""  # part of speech, where the data set gives it


def load_wordsim353() -> list[WordPair]:
    """353 pairs with the mean rating of 13 to 16 people: how related are the words, from 0 to 10?

    Related is not alike: *computer* and *keyboard* rate 7.62. Two pairs (*money* with *cash* and
    with *bank*) are rated twice and one (*tiger*, *tiger*) repeats its word, as in the original.
    Words are lower-cased here, since the course's vocabularies are.

    Returns
    -------
    list of WordPair
        In the order of the file; `note` is empty.

    Raises
    ------
    DataError
        If gensim's copy is missing or altered.

    Notes
    -----
    Origin: the WordSimilarity-353 Test Collection; copy shipped in gensim. Licence: none is stated
    in the copy; its authors ask users to cite the paper.

    References
    ----------
    Finkelstein et al. (2002), Placing Search in Context: The Concept Revisited.
    """
    return _read_pairs("wordsim353")


def load_simlex999() -> list[WordPair]:
    """999 pairs with people's mean rating of how similar the words are, from 0 to 10.

    Similar is more than related: *shore* and *coast* rate 8.83, *clothes* and *closet* 3.27.

    Returns
    -------
    list of WordPair
        In the order of the file; `note` is "adjective", "noun" or "verb".

    Raises
    ------
    DataError
        If gensim's copy is missing or altered.

    Notes
    -----
    Origin: SimLex-999; copy shipped in gensim, which keeps words and rating. Licence: none is
    stated in the copy; its authors ask users to cite the paper.

    References
    ----------
    Hill, Reichart and Korhonen (2015), SimLex-999: Evaluating Semantic Models With (Genuine)
    Similarity Estimation.
    """
    pairs = _read_pairs("simlex999")
    return [
        WordPair(pair.first, pair.second, pair.score, note=part)
        for pair, part in zip(pairs, _SIMLEX_PARTS, strict=True)
    ]


def _read_pairs(name: str) -> list[WordPair]:
    # The checksum has been compared, so each line is known to have its three columns.
    lines = gensim_file(name).read_text(encoding="utf-8").splitlines()
    rows = (line.lower().split("\t") for line in lines if line and not line.startswith("#"))
    return [WordPair(first, second, float(score)) for first, second, score in rows]
