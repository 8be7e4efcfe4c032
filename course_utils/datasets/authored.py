"""Small sets written for the course, in `data/authored`: senses, messages, word lists, cases, symptoms.

Nothing here was collected from people or chosen with a model in hand. Each set has a card in
`data/authored/README.md` that says how it was written, how large it is and what it cannot show. Licence:
that of this repository.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from course_utils.datasets.authored_files import damaged, read_rows, require, verified

__all__ = [
    "CASE_FIELDS",
    "MESSAGE_KINDS",
    "QUERY_KINDS",
    "SYMPTOM_KINDS",
    "AssociationTest",
    "Case",
    "CaseQuery",
    "Message",
    "SenseSentence",
    "SymptomReport",
    "load_association_tests",
    "load_case_queries",
    "load_cases",
    "load_messages",
    "load_senses",
    "load_symptoms",
    "load_word_list",
]

MESSAGE_KINDS = (
    "hostile, listed word",
    "hostile, no listed word",
    "harmless, listed word",
    "harmless, no listed word",
)
QUERY_KINDS = ("same words", "other words", "exact term")
SYMPTOM_KINDS = ("plain words", "medical words")
CASE_FIELDS = (
    "consumer",
    "employment",
    "inheritance",
    "insurance",
    "neighbours",
    "tenancy",
    "traffic",
    "travel",
)


@dataclass(frozen=True)
class SenseSentence:
    """A sentence that holds an ambiguous word once, with the sense it has there."""

    word: str  # lower case
    sense: str  # a short name, such as "river"
    text: str
    start: int  # text[start:end] is the word; at the head of a sentence it has a capital
    end: int


@dataclass(frozen=True)
class Message:
    """A short message to one person or a group."""

    text: str
    hostile: bool
    kind: str  # one of MESSAGE_KINDS


@dataclass(frozen=True)
class AssociationTest:
    """Four lists for a word embedding association test; the two of a pair are equally long."""

    name: str
    targets_a: tuple[str, ...]
    targets_b: tuple[str, ...]
    attributes_a: tuple[str, ...]
    attributes_b: tuple[str, ...]
    target_names: tuple[str, str]
    attribute_names: tuple[str, str]


@dataclass(frozen=True)
class Case:
    """An invented file note of an advice office."""

    id: str
    field: str  # one of CASE_FIELDS
    title: str
    text: str


@dataclass(frozen=True)
class CaseQuery:
    """A question to the file notes, with the notes that answer it."""

    text: str
    kind: str  # one of QUERY_KINDS
    relevant: dict[str, int]  # id of a case → 2 (this very case; exactly one) or 1 (helps, too)


@dataclass(frozen=True)
class SymptomReport:
    """What a caller says, or what a practice notes down. Not a medical instrument."""

    text: str
    label: str  # one of ten fields
    kind: str  # one of SYMPTOM_KINDS


def load_senses() -> list[SenseSentence]:
    """Sentences for words with two or three senses each, eleven or more for each sense.

    Returns
    -------
    list of SenseSentence
        In the order of the file: by word, then by sense.

    Raises
    ------
    DataError
        If the file is missing or altered, or a sentence does not hold its word exactly once.
    """
    return read_rows("senses.tsv", _sense_sentence, columns=("word", "sense", "text"))


def load_messages() -> list[Message]:
    """Hostile and harmless messages, each with and without a word from `load_word_list`.

    Returns
    -------
    list of Message
        In the order of the file: kind by kind.

    Raises
    ------
    DataError
        If a file is missing or altered, or a message's kind and its words disagree.
    """
    listed = re.compile(rf"\b({'|'.join(load_word_list())})\b", re.IGNORECASE)

    def message(kind: str, text: str) -> Message:
        require(kind in MESSAGE_KINDS, f"the kind {kind!r} is unknown")
        wanted = ", no" not in kind
        require(bool(listed.search(text)) == wanted, f"{text!r} does not fit its kind, {kind!r}")
        return Message(text, kind.startswith("hostile"), kind)

    return read_rows("messages.tsv", message, columns=("kind", "text"))


def load_word_list() -> list[str]:
    """The mildly rude words that a simple filter would look for, in lower case, as whole words.

    Raises
    ------
    DataError
        If the file is missing or altered.
    """
    return verified("word_list.txt").read_text(encoding="utf-8").split()


def load_association_tests() -> list[AssociationTest]:
    """Word lists for association tests, on the design of Caliskan, Bryson and Narayanan.

    Returns
    -------
    list of AssociationTest
        The last is a control: its authors expect no association.

    Raises
    ------
    DataError
        If the file is missing or altered.

    References
    ----------
    Caliskan, Bryson and Narayanan (2017), Semantics derived automatically from language corpora contain
    human-like biases. The design is theirs, the choice of words is ours.
    """
    path = verified("associations.json")
    try:
        tests = [_association_test(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (TypeError, KeyError, ValueError) as error:
        raise damaged("associations.json", str(error)) from error
    return tests


def load_cases() -> list[Case]:
    """Invented file notes of an advice office: no real people, firms or laws.

    Returns
    -------
    list of Case
        In the order of the file, with ids "c001", "c002", …

    Raises
    ------
    DataError
        If the file is missing or altered.
    """

    def case(id: str, field: str, title: str, text: str) -> Case:
        require(field in CASE_FIELDS, f"the field {field!r} is unknown")
        return Case(id, field, title, text)

    return read_rows("cases.tsv", case, columns=("id", "field", "title", "text"))


def load_case_queries() -> list[CaseQuery]:
    """Questions to the file notes of `load_cases`, with judgements.

    Returns
    -------
    list of CaseQuery
        In the order of the file: kind by kind.

    Raises
    ------
    DataError
        If a file is missing or altered, or a judgement names no case.
    """
    known = {case.id for case in load_cases()}

    def query(kind: str, text: str, relevant: str) -> CaseQuery:
        require(kind in QUERY_KINDS, f"the kind {kind!r} is unknown")
        pairs = [judgement.split(":") for judgement in relevant.split()]
        grades = {id: int(grade) for id, grade in pairs}
        require(grades.keys() <= known, f"{text!r} names a case that does not exist")
        require(set(grades.values()) <= {1, 2}, f"{text!r} has a grade other than 1 and 2")
        require([*grades.values()].count(2) == 1, f"{text!r} needs exactly one case of grade 2")
        return CaseQuery(text, kind, grades)

    return read_rows("case_queries.tsv", query, columns=("kind", "text", "relevant"))


def load_symptoms() -> list[SymptomReport]:
    """Complaints as people phone them in, and as a practice notes them: ten fields, two ways to speak.

    Returns
    -------
    list of SymptomReport
        In the order of the file: by label, then by kind.

    Raises
    ------
    DataError
        If the file is missing or altered.

    Notes
    -----
    For lessons on text only. It is not a medical instrument and says nothing about what to do.
    """

    def report(label: str, kind: str, text: str) -> SymptomReport:
        require(kind in SYMPTOM_KINDS, f"the kind {kind!r} is unknown")
        return SymptomReport(text, label, kind)

    return read_rows("symptoms.tsv", report, columns=("label", "kind", "text"))


def _sense_sentence(word: str, sense: str, text: str) -> SenseSentence:
    found = list(re.finditer(rf"\b{re.escape(word)}\b", text, re.IGNORECASE))
    require(len(found) == 1, f"{text!r} holds {word!r} {len(found)} times, not once")
    return SenseSentence(word, sense, text, *found[0].span())


def _association_test(*, name: str, targets: dict[str, str], attributes: dict[str, str]) -> AssociationTest:
    (target_a, targets_a), (target_b, targets_b) = targets.items()
    (attribute_a, attributes_a), (attribute_b, attributes_b) = attributes.items()
    first, second = tuple(targets_a.split()), tuple(targets_b.split())
    third, fourth = tuple(attributes_a.split()), tuple(attributes_b.split())
    require(len(first) == len(second), f"the targets of {name!r} differ in number")
    require(len(third) == len(fourth), f"the attributes of {name!r} differ in number")
    names = (target_a, target_b), (attribute_a, attribute_b)
    return AssociationTest(name, first, second, third, fourth, *names)
