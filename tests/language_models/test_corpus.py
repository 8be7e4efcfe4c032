"""Tokens of a corpus are its text, learned from the training part alone; windows show each token once."""

import re

import numpy as np
import pytest
import torch

from course_utils.datasets.wikipedia import Article, load_wikipedia, split_articles
from course_utils.language_models import corpus as corpus_module
from course_utils.language_models.corpus import Windows, encode_articles, load_corpus
from course_utils.storage import DataError
from course_utils.text.bpe import ByteLevelBPE


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))


def articles(count=20):
    return [
        Article(f"title {i}", f"The {i}th text — naïve,\n\nwith paragraphs. " * (i + 1)) for i in range(count)
    ]


def test_tokens_are_the_raw_text():
    corpus = encode_articles(articles(), merges=30)
    parts = split_articles(articles())
    for name, part in zip(("train", "validation", "test"), parts, strict=True):
        encoded = getattr(corpus, name)
        assert [text.title for text in encoded] == [article.title for article in part]
        for text, article in zip(encoded, part, strict=True):
            assert corpus.bpe.decode(text.tokens) == article.text == text.text
            assert text.characters == len(article.text)
            assert text.tokens.dtype == np.int64


def test_merges_come_from_the_training_articles_alone():
    train = split_articles(articles())[0]
    corpus = encode_articles(articles(), merges=30)
    assert corpus.bpe.merges == ByteLevelBPE.train([a.text for a in train], merges=30).merges
    changed = [
        Article(a.title, a.text if i % 10 < 8 else "zzzz zzzz " * 500) for i, a in enumerate(articles())
    ]
    assert encode_articles(changed, merges=30).bpe.merges == corpus.bpe.merges


def test_a_second_call_reads_what_was_kept_and_a_damaged_file_costs_only_time(tmp_path, monkeypatch):
    first = encode_articles(articles(), merges=30)
    with monkeypatch.context() as blocked:
        blocked.setattr(corpus_module.ByteLevelBPE, "train", None)
        again = encode_articles(articles(), merges=30)
    assert again.version == first.version
    assert again.bpe.pieces == first.bpe.pieces
    np.testing.assert_array_equal(again.stream(), first.stream())
    kept = next((tmp_path / "cache" / "corpora").iterdir())
    kept.write_bytes(kept.read_bytes()[:-2])
    np.testing.assert_array_equal(encode_articles(articles(), merges=30).stream(), first.stream())


def test_other_texts_or_merges_are_another_version():
    versions = {
        encode_articles(articles(), merges=30).version,
        encode_articles(articles(), merges=31).version,
        encode_articles(articles(21), merges=30).version,
    }
    assert len(versions) == 3


def test_a_stream_has_an_end_before_and_behind_each_text():
    corpus = encode_articles(articles(), merges=5)
    end = corpus.bpe.end
    assert end == corpus.vocabulary_size - 1 == 256 + 5
    by_hand = [end]
    for text in corpus.validation:
        by_hand += [*text.tokens.tolist(), end]
    assert corpus.stream("validation").tolist() == by_hand
    with pytest.raises(ValueError, match="choose 'train', 'validation' or 'test'"):
        corpus.stream("bpe")


@pytest.mark.parametrize(
    ("count", "merges", "message"), [(9, 5, "give 10 or more"), (20, -1, "merges is -1")]
)
def test_too_few_texts_or_merges(count, merges, message):
    with pytest.raises(ValueError, match=message):
        encode_articles(articles(count), merges=merges)


# -- windows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length_of_stream", [100, 103, 109])
def test_a_pass_shows_each_token_at_most_once_and_nearly_all(length_of_stream):
    windows = Windows(torch.arange(length_of_stream), length=5, size=3)
    batches = list(windows(torch.Generator().manual_seed(0)))
    assert len(batches) == windows.batches == (length_of_stream // 5 - 1) // 3
    assert all(batch.shape == (3, 5) for batch in batches)
    assert windows.tokens == 15
    seen = torch.cat(batches)
    assert (seen.diff(dim=1) == 1).all()  # neighbours in the stream
    assert len(seen.unique()) == seen.numel()


def test_each_pass_begins_elsewhere_and_repeats_with_its_generator():
    windows = Windows(torch.arange(1000), length=7, size=4)
    passes = [torch.cat(list(windows(torch.Generator().manual_seed(seed)))) for seed in (0, 1, 0)]
    assert torch.equal(passes[0], passes[2])
    assert set(passes[0][:, 0].tolist()) != set(passes[1][:, 0].tolist())
    assert passes[0][:, 0].tolist() != sorted(passes[0][:, 0].tolist())


def test_every_first_token_is_possible():
    windows = Windows(torch.arange(40), length=4, size=1)
    firsts = {
        int(torch.cat(list(windows(torch.Generator().manual_seed(seed)))).min()) % 4 for seed in range(60)
    }
    assert firsts == {0, 1, 2, 3}


@pytest.mark.parametrize(("length", "size"), [(0, 1), (1, 0), (10, 3)])
def test_windows_that_do_not_fit(length, size):
    with pytest.raises(ValueError, match=re.compile("1 or more|make batches or windows smaller")):
        Windows(torch.arange(30), length=length, size=size)


# -- the reader's own text ---------------------------------------------------------------------------------


def test_a_file_is_cut_between_paragraphs_and_nothing_is_lost(tmp_path):
    paragraphs = [f"Paragraph {i}: " + "word " * 60 for i in range(81)]
    path = tmp_path / "novel.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(p.strip() for p in paragraphs).encode())
    corpus = load_corpus(path, merges=10)
    texts = [t.text for part in (corpus.train, corpus.validation, corpus.test) for t in part]
    assert sorted("\n\n".join(texts).split("\n\n")) == sorted(p.strip() for p in paragraphs)
    lengths = sorted(map(len, texts))
    assert lengths[1] >= 500
    assert lengths[-1] < 1000


def test_a_folder_holds_one_text_a_file(tmp_path):
    for i in range(12):
        (tmp_path / f"{i:02}.txt").write_text(f"Text {i}.", encoding="utf-8")
    (tmp_path / "12.txt").write_text("  \n", encoding="utf-8")  # nothing in it
    (tmp_path / "notes.md").write_text("not a text", encoding="utf-8")
    corpus = load_corpus(tmp_path, merges=5)
    assert [text.title for text in corpus.validation + corpus.test] == ["08", "09"]
    assert corpus.test[0].text == "Text 9."
    (tmp_path / "00.txt").unlink()
    (tmp_path / "01.txt").unlink()
    (tmp_path / "02.txt").unlink()
    with pytest.raises(DataError, match=r"has 9 .txt files .* put 10 or more"):
        load_corpus(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is nothing at"),
        (b"", "0 characters in paragraphs that make 0 pieces"),
        (b"one paragraph " * 1000, "make 1 pieces; 10 of at least 500"),
        (b"abc\xff", "byte 3 is 0xFF.*save it as plain text in UTF-8"),
    ],
)
def test_unusable_text_of_ones_own(tmp_path, content, message):
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_corpus(path)


# -- the Wikipedia sample ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_sample_in_tokens(monkeypatch):
    monkeypatch.delenv("COURSE_CACHE")
    corpus = load_corpus()
    assert corpus.vocabulary_size == 257 + corpus_module.MERGES
    assert sum(t.characters for t in corpus.train) == sum(
        len(a.text) for a in split_articles(load_wikipedia())[0]
    )
    for text in corpus.test:
        assert corpus.bpe.decode(text.tokens) == text.text
    share = len(corpus.stream("test")) / sum(t.characters for t in corpus.test)
    assert 0.25 < share < 0.5  # tokens a character
