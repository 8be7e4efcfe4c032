"""Many texts at once give what each gives alone, in the order in which they came."""

import numpy as np
import pytest
import torch

from course_utils.models.encoder import Encoder, EncoderConfig
from course_utils.models.sentence_encoder import SentenceEncoder
from course_utils.text.pieces import WordPieces

LIST = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", *(f"##{letter}" for letter in "abcdefgh")]
TEXTS = ["", "abc", "a b c d e f g", "h", "aa bb", "abc", "g f e d c b a", "abcdefgh " * 20]


def make_encoder(**options):
    torch.manual_seed(0)
    config = EncoderConfig(vocabulary_size=len(LIST), width=16, layers=2, heads=2, inner=32, positions=40)
    return SentenceEncoder(Encoder(config).eval(), WordPieces(LIST), **options)


@pytest.fixture(scope="module")
def encoder():
    return make_encoder()


def test_each_text_as_if_alone(encoder):
    together = encoder.encode(TEXTS, max_pieces=40)
    alone = np.concatenate([encoder.encode([text], max_pieces=40) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    assert together.dtype == np.float32
    assert np.abs(together[1] - together[2]).max() > 1e-3


@pytest.mark.parametrize("batch_pieces", [1, 7, 64])
def test_size_of_the_batches_changes_nothing(encoder, batch_pieces):
    other = make_encoder(batch_pieces=batch_pieces)
    np.testing.assert_allclose(
        other.encode(TEXTS, max_pieces=40), encoder.encode(TEXTS, max_pieces=40), atol=1e-6
    )


def test_a_vector_is_the_mean_of_the_last_layer(encoder):
    (found,) = encoder.layers(["abc de"], max_pieces=40)
    mean = found.vectors[-1].mean(axis=0)
    (vector,) = encoder.encode(["abc de"], max_pieces=40)
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


def test_layers_of_texts_of_different_length(encoder):
    found = encoder.layers(TEXTS, max_pieces=40)
    assert [item.vectors.shape for item in found] == [(3, len(item.pieces), 16) for item in found]
    assert [len(item.pieces) for item in found][:3] == [2, 5, 9]
    alone = encoder.layers([TEXTS[2]], max_pieces=40)[0]
    np.testing.assert_allclose(found[2].vectors, alone.vectors, atol=1e-6)
    assert found[2].spans == alone.spans


def test_attention_of_one_text(encoder):
    pieces, attention = encoder.attention("abc de", max_pieces=40)
    assert attention.shape == (2, 2, len(pieces), len(pieces))
    np.testing.assert_allclose(attention.sum(axis=-1), 1, rtol=1e-5)


def test_no_texts_give_no_rows(encoder):
    assert encoder.encode([], max_pieces=40).shape == (0, 16)
    assert encoder.layers([], max_pieces=40) == []


def test_fast_is_close_and_used_on_request_only():
    encoder = make_encoder(fast_dtype=torch.bfloat16)
    exact = encoder.encode(TEXTS, max_pieces=40)
    fast = encoder.encode(TEXTS, max_pieces=40, precision="fast")
    assert 0 < np.abs(exact - fast).max() < 0.05
    np.testing.assert_array_equal(exact, make_encoder().encode(TEXTS, max_pieces=40, precision="fast"))


def test_what_is_kept_depends_on_texts_and_settings():
    asked = []

    def keep(name, depends_on, compute):
        asked.append((name, depends_on))
        return compute()

    encoder = make_encoder(keep=keep)
    encoder.encode(["a"], max_pieces=40)
    assert asked == []
    encoder.encode(["a", "b"], max_pieces=30, cache="letters")
    assert asked == [("letters", ["torch.float32", "30", "a", "b"])]


@pytest.mark.parametrize("max_pieces", [1, 41])
def test_max_pieces_must_suit_the_model(encoder, max_pieces):
    for call in (encoder.encode, encoder.layers):
        with pytest.raises(ValueError, match=f"max_pieces is {max_pieces}; this model reads 2 to 40 pieces"):
            call(["a"], max_pieces=max_pieces)
    with pytest.raises(ValueError, match="reads 2 to 40"):
        encoder.attention("a", max_pieces=max_pieces)


def test_unknown_precision(encoder):
    with pytest.raises(ValueError, match="choose one of float32, fast"):
        encoder.encode(["a"], max_pieces=40, precision="int8")


def test_one_text_is_no_list(encoder):
    with pytest.raises(TypeError, match="put a single text into a list"):
        encoder.encode("abc", max_pieces=40)
