"""The corpus: what it holds, and a cache that can only cost time."""

import json
import os
import subprocess
import sys

import pytest

from course_utils.datasets import wikipedia
from course_utils.datasets.wikipedia import Article, clean_text, load_wikipedia
from course_utils.datasets.word_pairs import load_simlex999, load_wordsim353
from course_utils.evaluation.similarity import evaluate_similarity
from course_utils.models.counts import CountVectorsConfig, count_vectors
from course_utils.text.tokenizers import tokenize_words
from course_utils.text.vocab import Vocabulary

FEW = [Article("One", 'Grüße, 🙂\n\nsaid "she".'), Article("Two", "שלום")]


@pytest.fixture(scope="module")
def filled_cache(tmp_path_factory):
    """A cache folder filled by parsing the dump, once for all tests."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(folder))
        load_wikipedia()
    return folder


@pytest.fixture
def articles(filled_cache, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(filled_cache))
    monkeypatch.setattr(wikipedia, "_parse", refuse)
    return load_wikipedia()


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """An empty cache, and two articles in place of the dump; counts how often the dump is parsed."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    parsed = []
    monkeypatch.setattr(wikipedia, "_parse", lambda source: parsed.append(source) or iter(FEW))
    return parsed


def refuse(source):
    raise AssertionError("parsed again although the cache is there")


def the_file(folder):
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    return path


def test_it_holds_106_articles_in_order(articles):
    titles = [article.title for article in articles]
    assert len(titles) == len(set(titles)) == 106
    assert (titles[0], titles[1], titles[-1]) == ("Anarchism", "Autism", "Algorithm")
    assert articles[0].text.startswith("Anarchism is a political philosophy that advocates self-governed")
    assert sum(len(article.text) for article in articles) == pytest.approx(3_042_000, rel=0.005)


def test_words_and_what_the_word_pairs_cover(articles):
    documents = [tokenize_words(article.text) for article in articles]
    assert sum(map(len, documents)) == pytest.approx(469_000, rel=0.005)
    vocabulary = Vocabulary.from_documents(documents)
    assert len(vocabulary) == pytest.approx(9_056, rel=0.005)
    assert vocabulary.words[:3] == ("the", "of", "and")
    for pairs, covered in ((load_wordsim353(), 242), (load_simlex999(), 505)):
        assert sum(pair.first in vocabulary and pair.second in vocabulary for pair in pairs) == covered


def test_no_markup_is_left(articles):
    text = "\n".join(article.text for article in articles)
    for remnant in ("''", "\n==", "==\n", "__TOC__", "{{", "<ref", "File:", ".jpg", "|thumb", "0px"):
        assert remnant not in text, remnant
    assert "\xa0" not in text
    assert "\n\n\n" not in text
    assert all(line == line.strip() for line in text.split("\n"))


def test_case_punctuation_and_paragraphs_are_kept(articles):
    anarchism = articles[0].text
    assert 'Zhuangzi wrote, "A petty thief is put in jail. A great brigand becomes a ruler' in anarchism
    assert "\n\nEtymology and terminology\n\nThe term anarchism is a compound word" in anarchism
    assert len(anarchism.split("\n\n")) > 100


@pytest.mark.slow
def test_count_vectors_of_the_corpus_agree_with_people(articles):
    documents = [tokenize_words(article.text) for article in articles]
    vocabulary = Vocabulary.from_documents(documents)
    ids = [vocabulary.encode(document) for document in documents]
    vectors = count_vectors(ids, CountVectorsConfig(), vocabulary_size=len(vocabulary))
    result = evaluate_similarity(vectors, index=vocabulary.index, pairs=load_wordsim353())
    assert 0.55 <= result.spearman <= 0.62  # measured: 0.577
    assert result.low < result.spearman < result.high
    assert (result.covered, result.total) == (242, 353)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("'''Bold''' and ''slanted'' words", "Bold and slanted words"),
        ("''Hamlet'''s author, don't", "Hamlet's author, don't"),
        ("== History ==\nLong ago.", "History\n\nLong ago."),
        ("Text.\n== Empty ==\n== Also empty ==\n=== And this ===\n", "Text."),
        ("== Above ==\n=== Below ===\nText.\n== End ==", "Above\n\nBelow\n\nText."),
        ("* one\n** two\n# three\n*\n", "- one\n- two\n- three"),
        (":indented\n;term", "indented\nterm"),
        ("Born () in 1900 .", "Born in 1900."),
        ("File:Cat.jpg|A cat\nImage:Dog.png\nCow.JPG|A cow", "A cat\n\nA cow"),
        ("A caption.|thumb", "A caption."),
        ("120px\n\nText|217x217px here", "Text here"),
        ("\n\n\n Year\n\n Viewers\n\n\n\n 2016\n\n 34.3\n\n \n\n\n", "Year | Viewers\n\n2016 | 34.3"),
        ("40\xa0minutes  long", "40 minutes long"),
        ("First.\n\n\n\nSecond.", "First.\n\nSecond."),
        ("Kept: a|b, f(x), 3 < 4, #5 & שלום 🙂", "Kept: a|b, f(x), 3 < 4, #5 & שלום 🙂"),
        ("", ""),
    ],
)
def test_cleaning_by_hand(raw, clean):
    assert clean_text(raw) == clean


def test_reading_again_is_quick_and_does_not_need_gensim(filled_cache):
    code = """
import sys, time
from course_utils.datasets.wikipedia import load_wikipedia
seconds = []
for _ in range(3):
    started = time.process_time()
    n = len(load_wikipedia())
    seconds.append(time.process_time() - started)
print(n, "gensim" in sys.modules, min(seconds))
"""
    environment = {**os.environ, "COURSE_CACHE": str(filled_cache)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    n, imported, seconds = done.stdout.split()
    assert (n, imported) == ("106", "False")
    assert float(seconds) < 0.3
    assert done.stderr == ""


def test_it_is_parsed_once_and_read_afterwards(quick, tmp_path):
    assert load_wikipedia() == FEW
    assert load_wikipedia() == FEW
    assert len(quick) == 1
    _, content = the_file(tmp_path).read_text(encoding="ascii").split("\n")
    assert json.loads(content) == [[article.title, article.text] for article in FEW]


def truncated(data):
    return data[: len(data) // 2]


def one_letter_changed(data):
    return data.replace(b"said", b"sald")


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        one_letter_changed,
        lambda data: b"",
        lambda data: b"\xff\x00binary",
        lambda data: b"[]",
        lambda data: b"null",
        lambda data: b"[" * 100_000,
        lambda data: b'{"sha256": 3}',
        lambda data: b'{"sha256": "x", "articles": 5}',
    ],
)
def test_a_damaged_cache_is_made_again_silently(quick, tmp_path, damage, recwarn, capsys):
    load_wikipedia()
    path = the_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert path.read_bytes() != whole
    assert load_wikipedia() == FEW
    assert len(quick) == 2
    assert the_file(tmp_path).read_bytes() == whole
    assert not recwarn.list
    assert capsys.readouterr() == ("", "")


def test_a_cache_that_cannot_be_written_only_costs_time(quick, tmp_path, monkeypatch, recwarn):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("COURSE_CACHE", str(blocked / "cache"))
    assert load_wikipedia() == FEW
    assert load_wikipedia() == FEW
    assert len(quick) == 2
    assert not recwarn.list


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_read_only_cache_only_costs_time(quick, tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert load_wikipedia() == load_wikipedia() == FEW
    finally:
        tmp_path.chmod(0o700)
    assert len(quick) == 2


def test_another_parser_or_gensim_does_not_read_the_old_cache(quick, tmp_path, monkeypatch):
    load_wikipedia()
    monkeypatch.setattr(wikipedia, "PARSER_VERSION", wikipedia.PARSER_VERSION + 1)
    load_wikipedia()
    monkeypatch.setattr(wikipedia, "version", lambda name: "99.0")
    load_wikipedia()
    assert len(quick) == 3
    assert len(list((tmp_path / "wikipedia").iterdir())) == 3


def test_an_article_cannot_be_changed():
    with pytest.raises(AttributeError):
        FEW[0].title = "Other"
