"""Lesson 02's models on raw text: the words are the text, every character is paid for, all count alike."""

import math

import numpy as np
import pytest

from course_utils.datasets.wikipedia import Article
from course_utils.evaluation.language_model import SpellingModel
from course_utils.language_models import baselines
from course_utils.language_models.baselines import NPLMRecipe, WordTexts, token_kneser_ney, word_baselines
from course_utils.language_models.corpus import encode_articles
from course_utils.models.ngrams import KneserNey
from course_utils.text.byte_words import split_words

SENTENCES = ["The cat sat on the mat.\n\n", "A dog saw the cat, and it ran. ", "Naïve mats don't run! "]
RARE = ["aardvark", "okapi", "quagga", "zebra", "gnu"]


def text(i):
    return "".join(SENTENCES[(i + j) % 3] for j in range(12)) + f"One {RARE[i % 5]}{i} slept."


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def corpus():
    return encode_articles([Article(str(i), text(i)) for i in range(20)], merges=30)


@pytest.fixture(scope="module")
def found(corpus):
    return word_baselines(corpus, recipe=NPLMRecipe(passes=3, batch=16))


def test_words_are_the_text_and_rare_ones_one_class(corpus):
    words = WordTexts(corpus)
    [ids, _] = words.ids(corpus.test)
    assert "".join(split_words(corpus.test[0].text)) == corpus.test[0].text
    names = [*words.vocabulary.words, None]
    shown = [names[i] for i in ids]
    for name, word in zip(shown, split_words(corpus.test[0].text), strict=True):
        assert name == (word if word in words.vocabulary else None)
    assert shown.count(None) == 2  # " gnu" and its number, 9
    assert words.size == len(words.vocabulary) + 1


def test_letters_of_unknown_words_alone_are_paid_for(corpus):
    words = WordTexts(corpus)
    training = [word for text in corpus.train for word in split_words(text.text)]
    speller = SpellingModel(word for word in training if training.count(word) < 5)
    unknown = [word for word in split_words(corpus.test[0].text) if training.count(word) < 5]
    assert unknown == [" gnu", "9"]
    assert words.spelling(corpus.test)[0] == pytest.approx(sum(map(speller.bits, unknown)))


def test_unigrams_by_hand(corpus, found):
    words = WordTexts(corpus)
    model = KneserNey(words.ids(corpus.train), order=1, vocabulary_size=words.size)
    nats = -sum(logs.sum() for logs in model.log_probabilities(words.ids(corpus.test)))
    characters = sum(len(text.text) for text in corpus.test)
    spelt = sum(words.spelling(corpus.test))
    assert found["unigrams"].bits.bits == pytest.approx((nats / math.log(2) + spelt) / characters)
    assert found["unigrams"].bits.spelling == pytest.approx(spelt / (nats / math.log(2) + spelt))


def test_all_are_judged_on_the_same_characters(found, corpus):
    assert {model.bits.characters for model in found.values()} == {sum(t.characters for t in corpus.test)}
    bits = {name: model.bits.bits for name, model in found.items()}
    assert bits["Kneser-Ney trigram"] < bits["unigrams"] / 2  # nearly all is repeated
    assert bits["NPLM"] < bits["unigrams"]
    assert bits["NPLM + Kneser-Ney"] < max(bits["NPLM"], bits["Kneser-Ney trigram"])
    sizes = {name: model.parameters for name, model in found.items()}
    assert sizes["NPLM + Kneser-Ney"] == sizes["NPLM"] + sizes["Kneser-Ney trigram"] + 1


def test_the_mixture_is_best_where_its_weight_was_chosen(corpus):
    judged = word_baselines(corpus, part="validation", recipe=NPLMRecipe(passes=3, batch=16))
    bits = {name: model.bits.bits for name, model in judged.items()}
    assert bits["NPLM + Kneser-Ney"] <= min(bits["NPLM"], bits["Kneser-Ney trigram"]) + 1e-6


def test_the_weight_comes_from_the_validation_articles(corpus, found, monkeypatch):
    words, asked, weights = WordTexts(corpus), [], iter((0.0, 1.0))

    def choose(first, second):
        asked.append([len(logs) for logs in first])
        return next(weights)

    monkeypatch.setattr(baselines, "fit_mixture_weight", choose)
    for name in ("Kneser-Ney trigram", "NPLM"):
        mixed = word_baselines(corpus, recipe=NPLMRecipe(passes=3, batch=16))["NPLM + Kneser-Ney"]
        assert mixed.bits.bits == pytest.approx(found[name].bits.bits)
    assert asked == [[len(ids) for ids in words.ids(corpus.validation)]] * 2


def test_the_network_is_trained_once(found, corpus):
    again = word_baselines(corpus, recipe=NPLMRecipe(passes=3, batch=16))
    assert again["NPLM"] == found["NPLM"]  # its seconds among them


def test_tokens_need_no_spelling(corpus):
    found = token_kneser_ney(corpus, order=3)
    documents = [text.tokens for text in corpus.train]
    model = KneserNey(documents, order=3, vocabulary_size=corpus.vocabulary_size, modified=True)
    nats = -np.concatenate(model.log_probabilities([text.tokens for text in corpus.test])).sum()
    assert found.bits.bits == pytest.approx(nats / math.log(2) / found.bits.characters)
    assert found.bits.spelling == 0
    assert found.parameters == model.size


def test_validation_articles_are_others(corpus):
    test, validation = (token_kneser_ney(corpus, order=2, part=part).bits for part in ("test", "validation"))
    assert validation.characters == sum(t.characters for t in corpus.validation)
    assert validation.bits != test.bits


@pytest.mark.parametrize(
    "judge", [word_baselines, lambda corpus, part: token_kneser_ney(corpus, order=2, part=part)]
)
def test_what_was_learned_from_is_no_test(corpus, judge):
    with pytest.raises(ValueError, match="choose 'validation' or 'test', which no model learned from"):
        judge(corpus, part="train")
