"""Google's analogy questions: Athens is to Greece as Baghdad is to …"""

from dataclasses import dataclass

from course_utils.datasets.gensim_files import gensim_file


@dataclass(frozen=True)
class Analogy:
    """a is to b as c is to d; all words in lower case."""

    section: str  # kind of relation, such as "gram8-plural"
    a: str
    b: str
    c: str
    d: str


def load_analogies() -> list[Analogy]:
    """19,544 analogy questions in 14 sections: five about the world, nine about grammar.

    Words are lower-cased here, since the course's vocabularies are.

    Returns
    -------
    list of Analogy
        In the order of the file.

    Raises
    ------
    DataError
        If gensim's copy is missing or altered.

    Notes
    -----
    Origin: ``questions-words.txt`` of word2vec, Apache License 2.0; copy shipped in gensim.

    References
    ----------
    Mikolov, Chen, Corrado and Dean (2013), Efficient Estimation of Word Representations in Vector
    Space, section 4.1.
    """
    questions = []
    section = ""
    for line in gensim_file("analogies").read_text(encoding="utf-8").splitlines():
        if line.startswith(":"):
            section = line[1:].strip()
        elif line:
            a, b, c, d = line.lower().split()
            questions.append(Analogy(section, a, b, c, d))
    return questions
