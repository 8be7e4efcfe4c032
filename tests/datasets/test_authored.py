"""The authored sets: sizes, spans, labels that agree with the text, no repetitions, no easy giveaways."""

import re
from collections import Counter, defaultdict
from itertools import combinations
from statistics import mean

import pytest

from course_utils.datasets import authored_files
from course_utils.datasets.authored import (
    CASE_FIELDS,
    MESSAGE_KINDS,
    QUERY_KINDS,
    SYMPTOM_KINDS,
    load_association_tests,
    load_case_queries,
    load_cases,
    load_messages,
    load_senses,
    load_symptoms,
    load_word_list,
)
from course_utils.storage import DataError, sha256_of

SENSES, MESSAGES, SYMPTOMS = load_senses(), load_messages(), load_symptoms()
CASES, QUERIES, ASSOCIATIONS = load_cases(), load_case_queries(), load_association_tests()
BY_ID = {case.id: case for case in CASES}
SETS = {
    "senses": SENSES,
    "messages": MESSAGES,
    "symptoms": SYMPTOMS,
    "cases": CASES,
    "queries": QUERIES,
}
LOADERS = {
    "associations.json": load_association_tests,
    "case_queries.tsv": load_case_queries,
    "cases.tsv": load_cases,
    "messages.tsv": load_messages,
    "senses.tsv": load_senses,
    "symptoms.tsv": load_symptoms,
    "word_list.txt": load_word_list,
}
# Words that say nothing about the subject, for the counts below.
FUNCTION_TEXT = """
a about after all an and any are as at be because been before but by can could did do does every for
from had has have he her him his how i if in into is it its me more most my no not of off on one or
our out over she so some than that the their them then there they this to up was we were what when
where which while who will with without would you your
"""
FUNCTION_WORDS = set(FUNCTION_TEXT.split())


def words_of(text):
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower())


def trigrams(text):
    words = words_of(text)
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


def content_of(text):
    """Words with a subject, with their commonest endings cut."""
    kept = [w for w in words_of(text) if w not in FUNCTION_WORDS and len(w) > 2]
    return {re.sub(r"(?<=\w{3})(ing|ed|es|s|e)$", "", w) for w in kept}


def overlapping(texts, *, share):
    """Pairs of texts in which the shorter one shares so many of its runs of three words."""
    holders = defaultdict(list)
    runs = [trigrams(text) for text in texts]
    for number, run in enumerate(runs):
        for gram in run:
            holders[gram].append(number)
    common = Counter(pair for where in holders.values() for pair in combinations(where, 2))
    return [
        (texts[i], texts[j]) for (i, j), n in common.items() if n >= share * min(len(runs[i]), len(runs[j]))
    ]


@pytest.mark.parametrize("name", SETS)
def test_no_text_stands_twice_or_nearly_twice(name):
    texts = [row.text for row in SETS[name]]
    assert [t for t, n in Counter(" ".join(words_of(t)) for t in texts).items() if n > 1] == []
    assert overlapping(texts, share=0.6) == []


def test_near_copies_would_be_seen():
    near = [
        "We sat on the bank and watched the barges go by.",
        "They sat on the bank and watched the barges.",
    ]
    assert overlapping(near, share=0.6) == [tuple(near)]
    assert overlapping([near[0], "He keeps his money in the bank of the village."], share=0.6) == []


@pytest.mark.parametrize("name", SETS)
def test_texts_are_clean_and_of_varied_length(name):
    texts = [row.text for row in SETS[name]]
    assert all(text == " ".join(text.split()) and text.isprintable() for text in texts)
    lengths = [len(text.split()) for text in texts]
    least, most = {"cases": (40, 80), "queries": (1, 20), "senses": (5, 28)}.get(name, (3, 25))
    assert least <= min(lengths) < max(lengths) <= most


def test_senses_have_enough_sentences_each():
    counts = Counter((row.word, row.sense) for row in SENSES)
    senses = Counter(word for word, _ in counts)
    assert len(senses) >= 16
    assert set(senses.values()) == {2, 3}
    assert min(counts.values()) >= 20
    assert senses["bank"] == 2


def test_the_word_stands_once_where_the_span_says():
    for row in SENSES:
        assert row.text[row.start : row.end].lower() == row.word
        assert re.findall(r"[a-z]+", row.text.lower()).count(row.word) == 1


def test_neither_a_neighbour_nor_the_place_gives_a_sense_away():
    told, places = defaultdict(Counter), defaultdict(list)
    for row in SENSES:
        words = words_of(row.text)
        key, at = (row.word, row.sense), len(words_of(row.text[: row.start]))
        told[key].update(set(words) - FUNCTION_WORDS - {row.word})
        places[key].append(at / (len(words) - 1))
    for key, counter in told.items():
        word, times = counter.most_common(1)[0]
        assert times <= 4, (key, word)
    for one, other in combinations(places, 2):
        if one[0] == other[0]:
            assert abs(mean(places[one]) - mean(places[other])) < 0.25, (one, other)


def test_messages_are_of_four_kinds_that_agree_with_the_list():
    listed = set(load_word_list())
    assert Counter(row.kind for row in MESSAGES).keys() == set(MESSAGE_KINDS)
    assert min(Counter(row.kind for row in MESSAGES).values()) >= 60
    for row in MESSAGES:
        assert bool(listed & set(words_of(row.text))) == ("no listed" not in row.kind), row
        assert row.hostile == row.kind.startswith("hostile")


def test_a_listed_word_alone_tells_nothing():
    listed = load_word_list()
    assert len(set(listed)) == len(listed) >= 20
    assert listed == sorted(listed)
    for word in listed:
        used = Counter(row.hostile for row in MESSAGES if word in words_of(row.text))
        assert used[True] >= 2, word
        assert used[False] >= 2, word


def test_word_lists_of_an_association_test_share_no_word():
    assert len(ASSOCIATIONS) == 6
    assert ASSOCIATIONS[-1].name.startswith("control")
    for test in ASSOCIATIONS:
        lists = [test.targets_a, test.targets_b, test.attributes_a, test.attributes_b]
        assert len(test.targets_a) == len(test.targets_b)
        assert len(test.attributes_a) == len(test.attributes_b)
        assert min(map(len, lists)) >= 8
        words = [word for chosen in lists for word in chosen]
        assert len(set(words)) == len(words), test.name
        assert all(re.fullmatch("[a-z]+", word) for word in words)
        assert len({*test.target_names, *test.attribute_names}) == 4
    assert all(16 <= len(test.targets_a) <= 25 for test in ASSOCIATIONS[:2])


def test_cases_have_ids_titles_and_known_fields():
    assert [case.id for case in CASES] == [f"c{number:03d}" for number in range(1, len(CASES) + 1)]
    assert len(CASES) >= 80
    assert len({case.title for case in CASES}) == len(CASES)
    assert Counter(case.field for case in CASES).keys() == set(CASE_FIELDS)
    assert min(Counter(case.field for case in CASES).values()) >= 10


def test_each_query_has_one_case_of_grade_two():
    counts = Counter(query.kind for query in QUERIES)
    assert counts.keys() == set(QUERY_KINDS)
    assert min(counts.values()) >= 30
    assert len(QUERIES) >= 100
    for query in QUERIES:
        assert query.relevant.keys() <= BY_ID.keys()
        assert Counter(query.relevant.values())[2] == 1
        assert set(query.relevant.values()) <= {1, 2}


def shared(query):
    """The share of a query's subject words that its case has, too."""
    case = BY_ID[next(id for id, grade in query.relevant.items() if grade == 2)]
    return len(content_of(query.text) & content_of(f"{case.title} {case.text}")) / len(content_of(query.text))


def test_queries_are_of_the_kind_they_say():
    assert min(shared(query) for query in QUERIES if query.kind == "same words") >= 0.6
    assert max(shared(query) for query in QUERIES if query.kind == "other words") <= 0.15
    in_cases = Counter(word for case in CASES for word in content_of(f"{case.title} {case.text}"))
    for query in (query for query in QUERIES if query.kind == "exact term"):
        case = BY_ID[next(iter(query.relevant))]
        alone = {w for w in content_of(query.text) & content_of(case.text) if in_cases[w] == 1}
        assert alone, query


def test_symptoms_have_ten_fields_in_two_ways_to_speak():
    counts = Counter((row.label, row.kind) for row in SYMPTOMS)
    assert len({label for label, _ in counts}) == 10
    assert len(counts) == 20
    assert {kind for _, kind in counts} == set(SYMPTOM_KINDS)
    assert min(Counter(row.label for row in SYMPTOMS).values()) >= 20
    assert min(n for (_, kind), n in counts.items() if kind == "plain words") >= 12
    assert min(n for (_, kind), n in counts.items() if kind == "medical words") >= 8


def test_every_file_has_a_card_with_its_size():
    files = {path.name for path in authored_files.authored_folder().iterdir()}
    assert files == {*authored_files.FILES, "README.md"}
    cards = (authored_files.authored_folder() / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in cards for name in authored_files.FILES)
    for count in map(len, (SENSES, MESSAGES, CASES, QUERIES, SYMPTOMS)):
        assert re.search(rf"\*\*What\*\*: .*\b{count} |and {count} questions", cards), count
    assert "not a medical instrument" in cards


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the data that tests may break."""
    for name in authored_files.FILES:
        (tmp_path / name).write_bytes((authored_files.authored_folder() / name).read_bytes())
    monkeypatch.setattr(authored_files, "authored_folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", authored_files.FILES)
def test_missing_and_altered_files_are_refused(name, folder):
    path = folder / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(DataError, match=f"was changed; .*git checkout data/authored/{name}"):
        LOADERS[name]()
    path.unlink()
    with pytest.raises(DataError, match=f"is missing; .*git checkout data/authored/{name}"):
        LOADERS[name]()


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("senses.tsv", "word\tsense", "sense\tword", "its first line is not the expected one"),
        ("senses.tsv", "\tmoney\t", "\t\t", "a line lacks a column"),
        ("senses.tsv", "The bank turned", "The banker turned", "holds 'bank' 0 times, not once"),
        ("messages.tsv", "hostile, listed word", "rude", "the kind 'rude' is unknown"),
        ("messages.tsv", "You are an idiot and", "You are a man and", "does not fit its kind"),
        ("cases.tsv", "\ttenancy\t", "\tfishing\t", "the field 'fishing' is unknown"),
        ("case_queries.tsv", "c001:2", "c999:2", "names a case that does not exist"),
        ("case_queries.tsv", "c001:2", "c001:1", "needs exactly one case of grade 2"),
        ("case_queries.tsv", "c008:1", "c008:3", "has a grade other than 1 and 2"),
        ("case_queries.tsv", "same words\t", "no words\t", "the kind 'no words' is unknown"),
        ("symptoms.tsv", "\tplain words\t", "\tverse\t", "the kind 'verse' is unknown"),
        ("associations.json", "rose lily", "rose", "the targets of 'flowers and insects' differ"),
        ("associations.json", "joy love", "joy", "the attributes of 'flowers and insects' differ"),
        ("associations.json", '"attributes"', '"other"', "unexpected keyword argument 'other'"),
        ("associations.json", "[", "", "associations.json is damaged"),
    ],
)
def test_a_file_of_the_wrong_form_is_named(name, old, new, message, folder, monkeypatch):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")
    monkeypatch.setitem(authored_files.FILES, name, sha256_of(path))
    with pytest.raises(DataError, match=message) as caught:
        LOADERS[name]()
    assert f"git checkout data/authored/{name}" in str(caught.value)
