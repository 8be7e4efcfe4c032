"""The parts of the corpus are disjoint and whole; all data files can be verified at once."""

from itertools import pairwise

import pytest

from course_utils.datasets import gensim_files
from course_utils.datasets.wikipedia import Article, split_articles
from course_utils.storage import DataError


def test_every_article_is_in_exactly_one_part():
    articles = [Article(str(i), "") for i in range(106)]
    parts = split_articles(articles)
    assert [len(part) for part in parts] == [86, 10, 10]
    assert sorted((a.title for part in parts for a in part), key=int) == [a.title for a in articles]
    for first, second in pairwise(parts):
        assert not set(first) & set(second)


def test_a_part_does_not_change_when_articles_follow():
    short, long = ([Article(str(i), "") for i in range(n)] for n in (40, 50))
    for before, after in zip(split_articles(short), split_articles(long), strict=True):
        assert after[: len(before)] == before


def test_verify_all_names_each_file_and_stops_at_a_bad_one(monkeypatch):
    assert set(gensim_files.verify_all()) == {name for name, _ in gensim_files.FILES.values()}
    monkeypatch.setitem(gensim_files.FILES, "simlex999", ("simlex999.txt", "0" * 64))
    with pytest.raises(DataError, match=r"simlex999\.txt"):
        gensim_files.verify_all()
