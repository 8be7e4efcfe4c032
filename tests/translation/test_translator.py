"""Words become ids and ids words; batches, beams and attention say what the model says."""

import numpy as np
import pytest
import torch

from course_utils.datasets.grammar_parse import english_tokens
from course_utils.datasets.sentence_pairs import SentencePair
from course_utils.models.seq2seq import BEGIN, END, SPECIAL, Seq2Seq, Seq2SeqConfig
from course_utils.text.vocab import UnknownWord
from course_utils.translation.recipes import Schedule, train_transformer, train_translator, vocabularies
from course_utils.translation.translator import END_PIECE, Translator


def pair(english, french):
    source, target = english.split(), french.split()
    return SentencePair(tuple(source), tuple(target), frozenset((i, i) for i in range(len(source))))


PAIRS = [
    pair("the dog sleeps .", "le chien dort ."),
    pair("the cat sleeps .", "le chat dort ."),
    pair("the dog does n't sleep .", "le chien ne dort pas ."),
    pair("a cat sees the dog .", "un chat voit le chien ."),
    pair("who sleeps ?", "qui dort ?"),
]


def translator(**changes):
    torch.manual_seed(0)
    source, target = vocabularies(PAIRS)
    sizes = {
        "source_vocabulary": len(source) + SPECIAL,
        "target_vocabulary": len(target) + SPECIAL,
        "width": 8,
    }
    model = Seq2Seq(Seq2SeqConfig(**sizes | changes))
    torch.nn.init.normal_(model.writer.vectors.weight)  # large enough that greedy and beam differ
    return Translator(model, source=source, target=target, tokenize=english_tokens)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
    schedule = Schedule(target_tokens=2000, batch=5, learning_rate=0.02, warmup=5)
    yield train_translator(PAIRS, width=16, schedule=schedule), schedule
    patch.undo()


def test_it_learns_its_few_sentences(trained):
    found = trained[0].translator.translate([p.source for p in PAIRS])
    assert [t.target for t in found] == [p.target for p in PAIRS]
    assert all(t.finished and t.weights.shape == (len(t.target), len(t.source)) for t in found)
    assert trained[0].target_tokens == pytest.approx(2000, rel=0.02)
    assert trained[0].parameters == sum(p.numel() for p in trained[0].model.parameters())


def test_the_second_time_it_is_read_from_the_cache(trained):
    first, schedule = trained
    again = train_translator(PAIRS, width=16, schedule=schedule)
    assert (first.was_cached, again.was_cached) == (False, True)
    assert again.seconds == first.seconds
    same = zip(first.model.parameters(), again.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
    assert not train_translator(PAIRS[:3], width=16, schedule=Schedule(30, batch=3)).was_cached


def test_an_unknown_option_is_named():
    with pytest.raises(ValueError, match="layers.*the options are input_feeding"):
        train_translator(PAIRS, layers=3)


def test_a_transformer_is_trained_and_kept_the_same_way(trained):
    schedule = Schedule(target_tokens=2000, batch=5, learning_rate=0.01, warmup=5)
    sizes = {"width": 16, "heads": 2, "layers": 1, "inner": 16}
    first = train_transformer(PAIRS, schedule=schedule, **sizes)
    found = first.translator.translate([p.source for p in PAIRS])
    assert [t.target for t in found] == [p.target for p in PAIRS]
    assert all(t.weights.shape == (len(t.target), len(t.source)) for t in found)
    again = train_transformer(PAIRS, schedule=schedule, **sizes)
    assert again.was_cached
    assert not first.was_cached
    assert again.history.losses == first.history.losses
    other = train_transformer(PAIRS[:3], schedule=Schedule(30, batch=3), positions="rotary", **sizes)
    assert not other.was_cached
    assert other.model.config.positions == "rotary"
    with pytest.raises(ValueError, match="unexpected.*cell.*the options are width, heads"):
        train_transformer(PAIRS, cell="gru")


def test_text_is_read_as_the_grammar_reads_it():
    assert translator().read("The dog doesn't sleep") == ("the", "dog", "does", "n't", "sleep", ".")
    assert translator().read(["the", "cat"]) == ("the", "cat")


@pytest.mark.parametrize("text", ["", "  ", "?", ".", []])
def test_no_word_is_said(text):
    with pytest.raises(ValueError, match="no word to translate"):
        translator().read(text)


def test_two_hundred_words_are_too_many():
    with pytest.raises(ValueError, match="201 words; shorten it to 100"):
        translator().read("dog " * 200)


def test_an_unknown_word_suggests_known_ones():
    with pytest.raises(UnknownWord, match='"dogg" is not among the 12 words; did you mean "dog"'):
        translator().translate(["the dogg sleeps"])
    with pytest.raises(UnknownWord) as caught:
        translator().read("the xylophone sleeps")
    assert str(caught.value) == '"xylophone" is not among the 12 words; try another word.'


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("attention", ["none", "additive"])
def test_a_batch_is_its_sentences_one_by_one(beam, attention):
    one = translator(attention=attention)
    sources = [p.source for p in PAIRS]
    together = one.translate(sources, beam=beam, max_length=9, batch=2)
    for source, found in zip(sources, together, strict=True):
        (alone,) = one.translate([source], beam=beam, max_length=9)
        assert (alone.source, alone.target, alone.finished) == (source, found.target, found.finished)
        np.testing.assert_allclose(alone.log_probabilities, found.log_probabilities, atol=1e-5)
        assert (alone.attention is None) == (attention == "none")
        if attention != "none":
            np.testing.assert_allclose(alone.attention, found.attention, atol=1e-6)
            assert alone.attention.shape == (len(alone.target_pieces), len(source) + 1)


def test_log_probabilities_are_those_of_the_model():
    one = translator()
    (found,) = one.translate([PAIRS[3].source], max_length=9)
    prefix = ()
    for word, gain in zip(found.target_pieces, found.log_probabilities, strict=True):
        probabilities, _ = one.next_words(found.source, prefix)
        assert one.labels[int(probabilities.argmax())] == word
        assert np.log(probabilities.max()) == pytest.approx(gain, abs=1e-5)
        prefix += (word,)


def test_next_words_with_attention_of_ones_own():
    one, source, prefix = translator(), PAIRS[3].source, PAIRS[3].target[:2]
    probabilities, paid = one.next_words(source, prefix)
    np.testing.assert_allclose(paid, one.attention(source, PAIRS[3].target)[2], atol=1e-6)
    np.testing.assert_allclose(one.next_words(source, prefix, weights=paid)[0], probabilities, atol=1e-6)
    moved = np.eye(len(source) + 1)[3]
    changed, used = one.next_words(source, prefix, weights=moved)
    np.testing.assert_allclose(used, moved)
    assert np.abs(changed - probabilities).max() > 1e-3
    assert changed.sum() == pytest.approx(1.0, abs=1e-5)
    state = one.model.start(torch.tensor([[*one.source_ids(source), END]]))
    tokens = [BEGIN, *one.target_ids(prefix)]
    for token in tokens[:-1]:
        _, state = one.model.step(state, torch.tensor([token]))
    hidden, _ = one.model.writer.layer(
        one.model.writer.vectors(torch.tensor([tokens[-1:]])), state=state.recurrent
    )
    by_hand = one.model.writer.say(hidden, state.values[:, 3:4]).softmax(-1)[0, 0]
    np.testing.assert_allclose(changed, by_hand.detach().numpy(), atol=1e-6)


def test_align_leaves_the_end_marks_out():
    one = translator()
    for pair_, weights in zip(PAIRS, one.align(PAIRS, batch=2), strict=True):
        assert weights.shape == (len(pair_.target), len(pair_.source))
        np.testing.assert_allclose(weights, one.attention(pair_.source, pair_.target)[:-1, :-1], atol=1e-6)


def test_without_attention_there_is_none_to_show():
    one = translator(attention="none")
    for call in (lambda: one.align(PAIRS), lambda: one.attention(PAIRS[0].source, PAIRS[0].target)):
        with pytest.raises(ValueError, match="no attention to show"):
            call()
    assert one.next_words(PAIRS[0].source, ())[1] is None


def test_a_search_keeps_its_tree():
    result = translator().search(PAIRS[0].source, width=3, max_length=6)
    assert len(result.hypotheses) == 3
    assert {node.length for node in result.tree} == set(range(1, 1 + max(n.length for n in result.tree)))


def test_labels_name_every_id():
    one = translator()
    assert one.labels[END] == END_PIECE
    assert [one.labels[i] for i in one.target_ids(PAIRS[0].target)] == list(PAIRS[0].target)
