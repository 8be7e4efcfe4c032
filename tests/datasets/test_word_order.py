"""Sentences and their disordered twins: the same words, two of them swapped, and nothing else to go by."""

from collections import Counter

import pytest

from course_utils.datasets.wikipedia import Article, load_wikipedia, split_articles
from course_utils.datasets.word_order import SWAPPED, plain_sentences, swap_words, word_order_task

NOUNS = ("river", "castle", "teacher", "market", "garden", "village", "doctor", "planet")
ARTICLES = [
    Article(f"title {i}", f"The old {noun} stood near the quiet town before it was moved {i} times.")
    for i, noun in enumerate(NOUNS * 3)
]


def test_half_are_swapped_and_the_words_are_the_same():
    task = word_order_task(ARTICLES, sentences=20)
    assert task.labels.sum() == 10
    written = {
        sentence: Counter(sentence.split(" ")) for a in ARTICLES for sentence in plain_sentences(a.text)
    }
    for text, label, place in zip(task.texts, task.labels, task.swapped, strict=True):
        assert Counter(text.split(" ")) in written.values()
        assert (text in written) == (label != SWAPPED)
        if label == SWAPPED:
            assert swap_words(text, place) in written
        else:
            assert place is None


def test_first_and_last_word_and_signs_stay():
    task = word_order_task(ARTICLES, sentences=24)
    for text in task.texts:
        assert text.startswith("The ")
        assert text.endswith(" times.")
        assert text.split(" ")[-2].isdigit()


def test_each_sentence_once_and_the_same_for_the_same_seed():
    task, same, other = (word_order_task(ARTICLES, sentences=20, seed=seed) for seed in (0, 0, 1))
    sentences = [tuple(sorted(text.split(" "))) for text in task.texts]
    assert len(set(sentences)) == 20
    assert task.texts == same.texts
    assert task.texts != other.texts


def test_swap_by_hand():
    assert swap_words("a b c d", 1) == "a c b d"


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
    ],
)
def test_plain_sentences(text, kept):
    assert plain_sentences(f"Heading\n\n{text}") == ([text] if kept else [])


def test_sentences_are_cut_at_their_ends():
    text = "The quiet town was moved by the river. It was moved again in the same year."
    assert plain_sentences(text) == text.replace(". It", ".|It").split("|")


@pytest.mark.parametrize("sentences", [7, 1000])
def test_too_many_or_an_odd_number(sentences):
    with pytest.raises(ValueError, match="choose an even number up to 24"):
        word_order_task(ARTICLES, sentences=sentences)


def test_of_the_corpus_there_are_enough_and_no_part_shares_a_sentence():
    train, validation, test = split_articles(load_wikipedia())
    tasks = [
        word_order_task(part, sentences=count)
        for part, count in ((train, 2000), (validation, 600), (test, 500))
    ]
    bags = [{tuple(sorted(text.split(" "))) for text in task.texts} for task in tasks]
    assert not bags[0] & bags[2]
    assert not bags[1] & bags[2]
