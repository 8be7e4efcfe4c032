"""The sense probe against a slow one, scikit-learn's nearest centroid, and cases whose answer is known."""

import numpy as np
import pytest

from course_utils.evaluation.senses import probe_layers, probe_senses, shuffle_within


def make_set(
    *, sizes=(("bank", ("money", "river"), 6), ("spring", ("coil", "season", "water"), 5)), noise=1.0, seed=0
):
    generator = np.random.default_rng(seed)
    words, senses, vectors = [], [], []
    for word, kinds, n in sizes:
        for kind in kinds:
            centre = generator.normal(size=8)
            for _ in range(n):
                words.append(word)
                senses.append(kind)
                vectors.append(centre + noise * generator.normal(size=8))
    return np.array(vectors), words, senses


def slowly(vectors, words, senses):
    """The definition, one sentence at a time."""
    credit = []
    for i, vector in enumerate(vectors):
        cosines = {}
        for kind in {s for w, s in zip(words, senses, strict=True) if w == words[i]}:
            rows = [j for j in range(len(vectors)) if j != i and (words[j], senses[j]) == (words[i], kind)]
            mean = np.mean([vectors[j] / np.linalg.norm(vectors[j]) for j in rows], axis=0)
            cosines[kind] = mean @ vector / np.linalg.norm(mean) / np.linalg.norm(vector)
        credit.append(float(max(cosines, key=cosines.get) == senses[i]))
    return credit


@pytest.mark.parametrize("seed", range(5))
def test_credit_equals_the_definition(seed):
    vectors, words, senses = make_set(noise=2.0, seed=seed)
    result = probe_senses(vectors, words=words, senses=senses)
    assert result.credit.tolist() == slowly(vectors, words, senses)
    assert result.accuracy == pytest.approx(result.credit.mean())
    assert 0 < result.accuracy < 1


@pytest.mark.slow  # the import
def test_it_agrees_with_scikit_learns_nearest_centroid_on_vectors_of_one_length():
    from sklearn.model_selection import LeaveOneOut, cross_val_predict
    from sklearn.neighbors import NearestCentroid

    vectors, words, senses = make_set(sizes=(("bank", ("money", "river"), 12),), noise=2.5, seed=3)
    angles = np.arctan2(vectors[:, 0], vectors[:, 1])  # on a circle near one point, both rules agree
    close = np.column_stack([np.cos(angles / 50), np.sin(angles / 50)])
    predicted = cross_val_predict(NearestCentroid(), close, senses, cv=LeaveOneOut())
    result = probe_senses(close, words=words, senses=senses)
    assert result.credit.tolist() == (predicted == np.array(senses)).tolist()


def test_a_table_is_at_chance_exactly_and_far_vectors_are_all_right():
    vectors, words, senses = make_set(noise=0.001)
    assert probe_senses(vectors, words=words, senses=senses).accuracy == 1
    table = {"bank": np.float32([0.3, 0.1, 7.7]), "spring": np.float32([1e-4, 0.7, 3])}
    static = probe_senses([table[word] for word in words], words=words, senses=senses)
    assert static.accuracy == static.chance == pytest.approx((12 / 2 + 15 / 3) / 27)
    assert static.by_word == {"bank": 0.5, "spring": pytest.approx(1 / 3)}
    assert set(static.credit) == {0.5, 1 / 3}


def test_ties_of_some_senses_share_among_those_only():
    one, other = [1.0, 0.0], [0.0, 1.0]
    vectors = [one, one, one, one, other, other]
    result = probe_senses(vectors, words=["spring"] * 6, senses=["a", "a", "b", "b", "c", "c"])
    assert result.credit.tolist() == [0.5, 0.5, 0.5, 0.5, 1, 1]


def test_the_sentence_itself_is_left_out():
    """With itself in the mean, noise in many dimensions would be sorted perfectly."""
    noise = np.random.default_rng(0).normal(size=(40, 400))
    result = probe_senses(noise, words=["bank"] * 40, senses=["money", "river"] * 20)
    assert result.low < 0.5 < result.high


def test_lengths_of_vectors_do_not_matter():
    vectors, words, senses = make_set(noise=2.0)
    scale = np.random.default_rng(1).uniform(0.1, 10, size=(len(vectors), 1))
    plain, scaled = (probe_senses(v, words=words, senses=senses).credit for v in (vectors, vectors * scale))
    assert plain.tolist() == scaled.tolist()


def test_the_order_of_sentences_does_not_matter_and_words_do_not_mix():
    vectors, words, senses = make_set(noise=2.0)
    order = np.random.default_rng(2).permutation(len(words))
    mixed = probe_senses(vectors[order], words=[words[i] for i in order], senses=[senses[i] for i in order])
    alone = probe_senses(vectors[:12], words=words[:12], senses=senses[:12])
    assert mixed.credit[np.argsort(order)][:12].tolist() == alone.credit.tolist()


def test_majority_and_intervals():
    vectors, words, senses = make_set(noise=2.0)
    keep = [i for i in range(27) if i not in (0, 1)]  # bank: 4 and 6
    result = probe_senses(vectors[keep], words=[words[i] for i in keep], senses=[senses[i] for i in keep])
    assert result.majority == pytest.approx((6 + 5) / 25)
    assert result.low <= result.accuracy <= result.high
    assert result.word_low <= result.accuracy <= result.word_high
    assert {result.word_low, result.word_high} <= {result.by_word["bank"], result.by_word["spring"]}
    assert "chance" in str(result)


def test_layers_are_judged_one_by_one():
    first, words, senses = make_set(noise=0.001)
    layers = np.stack([np.ones_like(first), first], axis=1)
    flat, sharp = probe_layers(layers, words=words, senses=senses, resamples=10)
    assert flat.accuracy == flat.chance
    assert sharp.accuracy == 1


def test_shuffled_labels_stay_in_their_word_and_bring_chance():
    vectors, words, senses = make_set(sizes=[(f"word{i}", ("a", "b"), 10) for i in range(10)], noise=20)
    generator = np.random.default_rng(0)
    shares = []
    for _ in range(20):
        mixed = shuffle_within(senses, groups=words, generator=generator)
        assert sorted(zip(words, mixed, strict=True)) == sorted(zip(words, senses, strict=True))
        shares.append(probe_senses(vectors, words=words, senses=mixed, resamples=1).accuracy)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.1)
    assert max(shares) < 0.8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: probe_senses(np.ones((2, 3)), words=["a"], senses=["x", "y"]), "2 vectors need"),
        (lambda: probe_senses(np.ones((4, 3)), words=["a"] * 4, senses=["x"] * 4), "'a' needs two senses"),
        (lambda: probe_senses(np.ones((3, 3)), words=["a"] * 3, senses=["x", "x", "y"]), "'y': 1"),
        (lambda: probe_senses(np.full((4, 3), np.nan), words=["a"] * 4, senses=["x", "x", "y", "y"]), "NaN"),
        (lambda: probe_layers(np.ones((4, 3)), words=["a"] * 4, senses=["x", "x", "y", "y"]), "shape"),
        (lambda: shuffle_within(["a"], groups=["x", "y"], generator=np.random.default_rng(0)), "1 labels"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
