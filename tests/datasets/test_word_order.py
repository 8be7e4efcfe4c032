"""Sentences and their shuffled twins: the same words in another order, and nothing else to go by."""

from collections import Counter

import numpy as np
import pytest

from course_utils.datasets.wikipedia import Article, load_wikipedia, split_articles
from course_utils.datasets.word_order import (
    SHUFFLED,
    movable,
    plain_sentences,
    shuffle_words,
    word_order_task,
)

NOUNS = ("river", "castle", "teacher", "market", "garden", "village", "doctor", "planet")
ARTICLES = [
    Article(f"title {i}", f"The old {noun} stood near the quiet town before it was moved {i} times.")
    for i, noun in enumerate(NOUNS * 3)
]
SENTENCE = "The old castle, near Rome, was moved to the quiet town by the river 12 years later."


def test_half_are_shuffled_and_the_words_are_the_same():
    task = word_order_task(ARTICLES, sentences=20)
    assert task.labels.sum() == 10
    written = {sentence for article in ARTICLES for sentence in plain_sentences(article.text)}
    for text, label, original in zip(task.texts, task.labels, task.originals, strict=True):
        assert original in written
        assert Counter(text.split(" ")) == Counter(original.split(" "))
        assert (text != original) == (label == SHUFFLED)


@pytest.mark.parametrize("moved", [None, 2, 3])
def test_what_may_not_move_stays(moved):
    words = SENTENCE.split(" ")
    places = movable(words)
    assert [words[place] for place in places] == [
        "old",
        "near",
        "was",
        "moved",
        "to",
        "the",
        "quiet",
        "town",
        "by",
        "the",
        "river",
        "years",
    ]
    for seed in range(20):
        mixed = shuffle_words(SENTENCE, moved=moved, generator=np.random.default_rng(seed)).split(" ")
        other = [place for place in range(len(words)) if mixed[place] != words[place]]
        assert other
        assert set(other) <= set(places)
        if moved is not None:
            assert 2 <= len(other) <= moved
            run = places[places.index(other[0]) : places.index(other[-1]) + 1]
            assert len(run) <= moved


def test_each_sentence_once_and_the_same_for_the_same_seed():
    task, same, other = (word_order_task(ARTICLES, sentences=20, seed=seed) for seed in (0, 0, 1))
    assert len(set(task.originals)) == 20
    assert task.texts == same.texts
    assert task.texts != other.texts


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The quiet town by the river was moved twice.", True),
        ("Too short to be of use.", True),
        ("Much too short.", False),
        ('He said "no" to the quiet town by the river.', False),
        ("The town (by the river) was moved twice in all.", False),
        ("no capital letter at the start of this one.", False),
        ("A list of things - by the river - was moved", False),
        ("The Romans, the Greeks, the Franks, and others.", False),  # too little to move
    ],
)
def test_plain_sentences(text, kept):
    assert plain_sentences(f"Heading\n\n{text}") == ([text] if kept else [])


def test_sentences_are_cut_at_their_ends():
    text = "The quiet town was moved by the river. It was moved again in the same year."
    assert plain_sentences(text) == text.replace(". It", ".|It").split("|")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sentences": 7}, "choose an even number up to 24"),
        ({"sentences": 1000}, "choose an even number up to 24"),
        ({"sentences": 8, "moved": 1}, "one word alone cannot change places"),
    ],
)
def test_what_does_not_fit(settings, says):
    with pytest.raises(ValueError, match=says):
        word_order_task(ARTICLES, **settings)


def test_of_the_corpus_there_are_enough_and_parts_can_be_kept_apart():
    train, validation, test = split_articles(load_wikipedia())
    learn = word_order_task(train, sentences=2000)
    for part, count in ((validation, 600), (test, 400)):
        judge = word_order_task(part, sentences=count, without=learn.originals)
        assert len(judge.texts) == count
        assert not {*learn.originals} & {*judge.originals}


def test_what_is_to_be_left_out_is():
    first = word_order_task(ARTICLES, sentences=12)
    second = word_order_task(ARTICLES, sentences=12, without=first.originals)
    assert not {*first.originals} & {*second.originals}
    with pytest.raises(ValueError, match="choose an even number up to 12"):
        word_order_task(ARTICLES, sentences=14, without=first.originals)
