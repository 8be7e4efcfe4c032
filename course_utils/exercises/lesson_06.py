"""Lesson 06: what leaving one out does to chance, a word's pieces, and how alike is alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.plots.picture import Picture
from course_utils.teaching.exercise import Exercise, Mistake
from course_utils.teaching.predict import Prediction
from course_utils.teaching.question import InterviewQuestion, QuestionBlock

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def careless_vectors(
    layers: Sequence[Any], *, texts: Sequence[str], starts: Sequence[int]
) -> NDArray[np.float32]:
    """The planted fault of section 9: count the words before the one in question, take that many-th vector."""
    counted = [len(text[:start].split()) for text, start in zip(texts, starts, strict=True)]
    return np.stack([one.vectors[:, place] for one, place in zip(layers, counted, strict=True)])


# -- predict, then look --------------------------------------------------------------------------------


def guess_groups(drawing: str, *, right: int, total: int) -> Prediction:
    """Section 5: how many sentences with *bank* are sorted correctly by the last layer; `drawing` is SVG text."""
    return Prediction(
        "06.groups",
        question=f"Of {total} sentences with “bank”, how many does the probe sort correctly by MiniLM's last layer?",
        low=0,
        high=total,
        step=1,
        unit="sentences",
        look=Picture(
            drawing,
            alt="Eight small maps of the word bank in its sentences, circles for money and squares for rivers: one point "
            "in the static vectors, a mixed cloud in ELMo; in MiniLM's layer 0 places that both senses share; from layer 1 on money lies mostly on one "
            "side; two groups at layer 6.",
        ),
        measured=right,
        explain="Half of them would be chance. In the table all sentences are one point; layer by layer the word takes "
        "up what stands around it.",
    )


def guess_domain(figure: Figure, *, words: float, controls: float) -> Prediction:
    """Section 7: how well a control word tells where its sentence is from; shares from 0 to 1."""
    return Prediction(
        "06.domain",
        question=f"For words such as “tree” and “class” the probe tells Wikipedia from docstrings in {words:.0%} of "
        "the sentences (last layer). For everyday words, not chosen for two meanings, such as “number” and “part”:",
        low=0,
        high=100,
        step=1,
        unit="%",
        look=Picture(
            figure,
            alt="Accuracy of telling Wikipedia from docstrings, against MiniLM's layers, for two groups of words: both "
            "start near one half and rise far above it at the first layer, the control words a little less far.",
        ),
        measured=round(100 * controls, 1),
        explain="A vector in context holds the company of its word. That company differs between the sources, "
        "so the source can be recognised by words that nobody chose for having two meanings.",
    )


def guess_fault(figure: Figure) -> Prediction:
    """Section 9: what is wrong with the colleague's vectors."""
    before = "they belong to the word before"
    return Prediction(
        "06.fault",
        question="What is wrong with your colleague's vectors of “bank”?",
        choices=[
            "the senses were mixed up",
            "padding was averaged in",
            before,
            "the layers are in the wrong order",
        ],
        look=Picture(
            figure,
            alt="Mean cosine of two occurrences of bank against the layer: yours starts near 0.96 at layer 0 and stays above 0.8, "
            "your colleague's starts near 0.15, rises to 0.36 at layer 5 and falls to 0.13.",
        ),
        measured=before,
        explain="At layer 0 a piece knows nothing but itself and its place, so two occurrences of one word must be "
        "nearly alike there. Your colleague's are not: they are not one word.",
    )


# -- recall ------------------------------------------------------------------------------------------

left_out = Exercise(
    "06.left_out",
    title="A judge without vectors",
    minutes=2,
    kind="recall",
    prompt="“bank” stands in 10 sentences about money and 10 about rivers. A judge without any vectors sees the labels of "
    "the 19 other sentences and names the sense that is more frequent among them. Leaving each sentence out once, what "
    "share, from 0 to 1, does it get right?",
    reference=0,
    checks=[
        Mistake("that would hold if the sentence in question were counted, too; it is left out", like=0.5),
        Mistake(
            "10 of 19 is the share of the larger class; is that the class of the one left out?", like=10 / 19
        ),
        Mistake(
            "9 of 19 is the share of its own class among the others; the judge names the larger", like=9 / 19
        ),
        Mistake("it is the other way round: the larger class is never its own", like=1),
    ],
    hints=[
        "Leave out a sentence about money. How many of each sense are left?",
        "9 about money, 10 about rivers. Which one does the judge name?",
    ],
    explain="The class of the sentence left out always has one fewer, so the judge is always wrong. Whatever leans "
    "towards the larger class falls below chance when one is left out; and ties broken by the number of sentences do, too.",
)


# -- code --------------------------------------------------------------------------------------------


def reference_word_vector(vectors, spans, start, end):  # type: ignore[no-untyped-def]
    """Mean over the pieces that share a character with start:end, at every layer."""
    rows = [row for row, (a, b) in enumerate(spans) if max(a, start) < min(b, end)]
    return np.asarray(vectors)[:, rows].mean(axis=1)


def _rows(spans, keep):  # type: ignore[no-untyped-def]
    return [row for row, (a, b) in enumerate(spans) if keep(a, b)]


def _with_touching(vectors, spans, start, end):  # type: ignore[no-untyped-def]
    return vectors[:, _rows(spans, lambda a, b: a <= end and b >= start)].mean(axis=1)


def _first_piece(vectors, spans, start, end):  # type: ignore[no-untyped-def]
    return vectors[:, _rows(spans, lambda a, b: max(a, start) < min(b, end))[0]]


def _summed(vectors, spans, start, end):  # type: ignore[no-untyped-def]
    return vectors[:, _rows(spans, lambda a, b: max(a, start) < min(b, end))].sum(axis=1)


def _one_too_early(vectors, spans, start, end):  # type: ignore[no-untyped-def]
    rows = np.array(_rows(spans, lambda a, b: max(a, start) < min(b, end)))
    return vectors[:, rows - 1].mean(axis=1)


def _everything(vectors, spans, start, end):  # type: ignore[no-untyped-def]
    return vectors.mean(axis=1)


def _last_layer(vectors, spans, start, end):  # type: ignore[no-untyped-def]
    return reference_word_vector(vectors, spans, start, end)[-1]


def _pieces_of_a_text(generator: np.random.Generator):  # type: ignore[no-untyped-def]
    lengths = generator.integers(1, 5, size=int(generator.integers(4, 8)))
    starts = np.cumsum(lengths) - lengths  # no blanks: pieces of one word touch
    spans = [(0, 0), *[(int(a), int(a + n)) for a, n in zip(starts, lengths, strict=True)], (0, 0)]
    first = int(generator.integers(1, len(spans) - 3))
    vectors = generator.normal(size=(3, len(spans), 4)).astype(np.float32)
    return vectors, spans, spans[first][0], spans[first + 1][1]


word_vector = Exercise(
    "06.word_vector",
    title="From pieces to a word",
    minutes=10,
    kind="code",
    prompt="A model has given a text of T pieces `vectors`, an array of shape (L + 1, T, C), and `spans`, T pairs of "
    "characters (from, to), the end not included; its own marks such as [CLS] have (0, 0). Write `my_word_vector(vectors, "
    "spans, start, end)`: the word at the characters `start` to `end` (not included) at every layer, shape (L + 1, C), as "
    "the mean over the pieces that cover some of it.",
    reference=reference_word_vector,
    sample=_pieces_of_a_text,
    checks=[
        Mistake("it takes in pieces that only touch the word, and marks at character 0; compare with < and >",
                like=_with_touching),
        Mistake("it takes the first piece only; a rare word has several, and the mean is over all of them",
                like=_first_piece),
        Mistake("it adds the pieces up; divide by their number, or words of two pieces are twice as long",
                like=_summed),
        Mistake("it is one piece too early: the spans, too, count the mark at the start", like=_one_too_early),
        Mistake("that is the mean over the whole text, marks and all", like=_everything),
        Mistake("that is the last layer only; keep the first axis", like=_last_layer),
    ],
    hints=[
        "A piece (a, b) shares a character with the word if the later start comes before the earlier end.",
        "`rows = [i for i, (a, b) in enumerate(spans) if max(a, start) < min(b, end)]`",
        "`vectors[:, rows].mean(axis=1)`",
    ],
    explain="Spans make it safe: nobody has to count words, marks or pieces. `TokenLayers.word` does the same.",
)  # fmt: skip


# -- think -------------------------------------------------------------------------------------------


def _unit(X):  # type: ignore[no-untyped-def]
    X = np.asarray(X, dtype=float)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _pairs(X):  # type: ignore[no-untyped-def]
    X = _unit(X)
    return (X @ X.T)[np.triu_indices(len(X), k=1)]


def reference_alike(same, others):  # type: ignore[no-untyped-def]
    """Mean cosine of a word's occurrences beyond that of unrelated words."""
    return float(_pairs(same).mean() - _pairs(others).mean())


def _pair_of_itself(same, others):  # type: ignore[no-untyped-def]
    return float((_unit(same) @ _unit(same).T).mean() - (_unit(others) @ _unit(others).T).mean())


def _no_baseline(same, others):  # type: ignore[no-untyped-def]
    return float(_pairs(same).mean())


def _not_scaled(same, others):  # type: ignore[no-untyped-def]
    means = []
    for X in (np.asarray(same, dtype=float), np.asarray(others, dtype=float)):
        means.append((X @ X.T)[np.triu_indices(len(X), k=1)].mean())
    return float(means[0] - means[1])


def _across(same, others):  # type: ignore[no-untyped-def]
    return float(_pairs(same).mean() - (_unit(same) @ _unit(others).T).mean())


def _quotient(same, others):  # type: ignore[no-untyped-def]
    return float(_pairs(same).mean() / _pairs(others).mean())


def _two_clouds(generator: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    common = 2 * generator.normal(size=5)
    word = generator.normal(size=5)
    same = common + word + 0.5 * generator.normal(size=(6, 5))
    return same, common + generator.normal(size=(9, 5))


alike = Exercise(
    "06.alike",
    title="How alike is alike?",
    minutes=30,
    kind="think",
    prompt="Two occurrences of “bank” have a cosine of 0.6. Is that much? In some models any two words have more. Write "
    "`my_alike(same, others)`: `same` are vectors of one word in n sentences, shape (n, C); `others` are vectors of m "
    "different words, shape (m, C). Return how much the mean cosine of two occurrences of the word exceeds the mean cosine "
    "of two different words. 0 means: no more alike than any two words. Then say which of the 18 words keep most of "
    "themselves, and whether those are the ones the probe confuses.",
    reference=reference_alike,
    sample=_two_clouds,
    checks=[
        Mistake("every vector is paired with itself, too, which gives 1 and tells nothing; leave the diagonal out",
                like=_pair_of_itself),
        Mistake("without the baseline a layer in which all vectors point one way looks as if it knew the word",
                like=_no_baseline),
        Mistake("these are inner products; a cosine needs vectors of length 1", like=_not_scaled),
        Mistake("the baseline compares this word with others; asked for are pairs of different words among themselves",
                like=_across),
        Mistake("it divides by the baseline, which may be near 0; subtract it", like=_quotient),
    ],
    hints=[
        "Scale the rows to length 1; then `X @ X.T` holds all cosines.",
        "`np.triu_indices(n, k=1)` picks each pair once and no vector with itself.",
        "The mean over the pairs of `same`, minus the mean over the pairs of `others`.",
    ],
    explain="Ethayarajh (2019) calls the first part self-similarity and corrects it for anisotropy in just this way.",
)  # fmt: skip

QUESTIONS = QuestionBlock(
    [
        InterviewQuestion(
            "06.static",
            question="When would you use static word vectors although contextual ones exist?",
            answer="When there is no context, or the price matters. A look-up costs nothing, fits on a phone, and for "
            "comparing words out of context, a thesaurus or a query of one word, there is no sentence to read. "
            "What a table cannot do is tell senses apart: on our sentences it is at chance by construction, since all occurrences "
            "share one vector. The last layer of an encoder sorts about nine in ten of them. So I ask whether my task has ambiguous words that "
            "matter, measure both on it, and compare quality with latency.",
            usual_wrong_answer="“Never, contextual is always better.” For a single word without a sentence the encoder has "
            "nothing to add that a table could not hold, and it has to be run.",
            follow_up="How would you test that on your own data? (A few dozen labelled sentences, leave-one-out, with an "
            "interval and shuffled labels as control.)",
            evidence="5. Layer by layer",
        ),
        InterviewQuestion(
            "06.leak",
            question="Why does ELMo train two separate language models and not one bidirectional LSTM of two layers?",
            answer="Because it would see the answer. In the second layer of a bidirectional LSTM each direction "
            "reads the first layer's states of both directions, and the backward state at the place before has already read the word that the "
            "forward model is to predict. The loss would fall towards zero and nothing would be learned. So the two directions stay "
            "apart up to the softmax and are put side by side only afterwards. BERT solves the same problem in another way: it hides "
            "the word itself. I check it with a test: change a future word, and no forward state may move.",
            usual_wrong_answer="“To save memory”, or “because LSTMs can only read one way”.",
            follow_up="How would you notice the leak without reading the code? (A perplexity near 1, and the test above.)",
            evidence="3. Two language models",
        ),
        InterviewQuestion(
            "06.cosine",
            question="Two occurrences of a word have a cosine of 0.8 in the last layer. So they mean the same?",
            answer="That alone does not say so; it has to be compared. With the cosine of unrelated words in that layer, which can be near 0 or near 1 "
            "depending on the model. And with pairs that surely share a sense. In our measurements a word in two senses "
            "has 0.78 on average, in one sense 0.84, and two different words 0.05: most of the vector is the word itself, the sense is a small "
            "rest. A nearest-mean probe reads that rest and is right nine times in ten. So I would take labelled sentences, leave one out at a time, and "
            "keep shuffled labels as a control.",
            usual_wrong_answer="“Yes, 0.8 is high.” Or, of 0.6 in another layer: “two senses”. High or low against what?",
            follow_up="A probe tells Wikipedia from code documentation by the vector of “number”. Does “number” have two "
            "senses? (Not for that reason. The vector holds the company of the word, and that company differs between the sources.)",
            evidence="6. How alike is alike",
        ),
    ]
)
