# %% [markdown]
# # 11 · Encoder–decoder
#
# **The question: does a sentence fit into one vector?**
#
# Lesson 10 ended with a network that reads a text of any length and ends in one state. If that state holds what the
# sentence says, a second network should be able to write it down again, in another language. Sutskever, Vinyals and Le
# did just that in 2014, with no grammar, no dictionary and no alignment. This lesson builds the pair of networks, trains
# it, and then asks where it breaks.
#
# **You will be able to**
# - build an encoder–decoder and say what passes between the two;
# - train with teacher forcing, and measure what it hides;
# - judge translations by length, and say why one average is not enough;
# - tell apart three suspects: too little memory, its own mistakes, too little training;
# - say what turning the source round does, and why.
#
# **You need** lesson 10 (recurrent layers, padding, masks) and lesson 02 (nats per token).
#
# Measured run time: **110 s** and **700 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import numpy as np
import torch
import torch.nn.functional as F
from course_utils import scoreboard
from course_utils.checkpoints import cached
from course_utils.datasets.translation import load_translation
from course_utils.evaluation.bleu import Bleu
from course_utils.evaluation.retrieval import mean_with_interval
from course_utils.evaluation.translation import ExactMatch, evaluate_corpus
from course_utils.exercises import lesson_11 as exercises
from course_utils.explorers.lengths import LengthExplorer
from course_utils.layers.recurrent import GRU
from course_utils.models.seq2seq import (
    END,
    PADDING,
    SPECIAL,
    Seq2Seq,
    Seq2SeqConfig,
)
from course_utils.models.seq2seq_batches import PairBatches, pad_pairs
from course_utils.plots.length_curves import length_curves_svg
from course_utils.plots.lines import plot_lines
from course_utils.plots.matrix import matrix_svg
from course_utils.plots.picture import Picture
from course_utils.plots.scatter import scatter_svg
from course_utils.plots.style import OKABE_ITO, new_figure
from course_utils.projections.maps import pca
from course_utils.runtime import seed_everything, set_threads
from course_utils.training import fit
from course_utils.translation.recipes import Schedule, train_translator, vocabularies
from course_utils.translation.translator import Translator
from course_utils.vectors import cosine_matrix
from torch import nn

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. The data
#
# Sentences of an English grammar with their French translation, **written for this course** and generated from a seed
# (`data/grammar`). A grammar is not a language. What it gives us: as many sentences as we like, no sentence in two sets,
# and for each the **gold alignment**: which French word stands for which English one.

# %%
# NBVAL_CHECK_OUTPUT
data = load_translation()
for name in ("train", "validation", "test"):
    pairs = getattr(data, name)
    words = [len(pair.source) for pair in pairs]
    print(
        f"{name:10} {len(pairs):6,} pairs of {min(words)} to {max(words)} words, {np.mean(words):.1f} on average"
    )
print(f"{len(data.source_words)} English and {len(data.target_words)} French words")
for pair in data.test[:3]:
    print(f"\n{' '.join(pair.source)}\n{' '.join(pair.target)}")

# %%
pair = data.test[0]
gold = np.zeros((len(pair.target), len(pair.source)))
for source_place, target_place in pair.alignment:
    gold[target_place, source_place] = 1
Picture(
    matrix_svg(gold, row_labels=pair.target, col_labels=pair.source, limit=1.0, number_format="",
               title="Which word translates which: in order, but for some crossings", label="gold alignment"),
    alt="The gold alignment of one sentence as a matrix, French words as rows and English words as columns. The filled "
    "cells run along the diagonal; where an adjective follows its noun in French, two cells cross.",
)  # fmt: skip

# %% [markdown]
# A translator has to do more than look words up: gender and number must agree over a distance, adjectives change places,
# *not* becomes two words, and *bank* depends on its neighbours. Words become ids: 0 is padding, 1 begins a sentence, 2 ends
# it, and the words follow.

# %%
# NBVAL_CHECK_OUTPUT
source_words, target_words = vocabularies(data.train)
sizes = (len(source_words) + SPECIAL, len(target_words) + SPECIAL)
untrained = Seq2Seq(Seq2SeqConfig(*sizes, width=128, attention="none")).eval()
translator = Translator(untrained, source=source_words, target=target_words)
source, target = pad_pairs(translator.encode_pairs(data.test[1:3]))  # (B, S), (B, T + 1)
print("source", tuple(source.shape), "target", tuple(target.shape))
print("source", source[1].tolist())
print("target", target[1].tolist())

# %% [markdown]
# ## 2. Two networks and one vector
#
# The **encoder** reads the source and keeps one vector. The **decoder** starts from it and writes word after word, each
# given all words before. With the vector $v$ of a source sentence $x$:
#
# $$p(y \mid x) = \prod_t p(y_t \mid v, y_1 \ldots y_{t-1})$$
#
# Here it is, operation by operation, on the parameters of an untrained `Seq2Seq`. The course's encoder reads in both
# directions, each with half the width.


# %%
def by_hand(model, source, target):
    """Scores (B, T, V) of each next word, from nothing but products, tanh and recurrent layers."""
    reader, writer = model.reader, model.writer
    words = reader.vectors(source)  # (B, S, C)
    _, ends = reader.layer(
        words, mask=source.ne(PADDING)
    )  # the last state of each direction, (B, C / 2)
    v = torch.tanh(
        reader.summarise(torch.cat(ends, dim=-1))
    )  # (B, C): all that the decoder will ever see
    states, _ = writer.layer(writer.vectors(target), state=v)  # (B, T, C)
    features = torch.tanh(writer.combine(states))  # (B, T, C)
    return features @ writer.vectors.weight.T + writer.bias  # (B, T, V)


# %%
# NBVAL_CHECK_OUTPUT
with torch.no_grad():
    mine = by_hand(untrained, source, target[:, :-1])
    torch.testing.assert_close(mine, untrained(source, target[:, :-1]))
    v = untrained.start(source).summary
print("equal; between the two networks pass", tuple(v.shape), "numbers")

# %% [markdown]
# Two sentences, of 15 words and of 6 (the full stop counts as one), and for each 128 numbers. Not 128 a word.
#
# ## 3. Teacher forcing
#
# To train the decoder we let it read the **right** words, whatever it would have said itself, and ask for the next one at
# each step. That is called **teacher forcing**. All steps are then one pass, and an early mistake spoils nothing:

# %%
# NBVAL_CHECK_OUTPUT
print(f"{'reads':12}is to say")
for reads, says in target[1].unfold(0, 2, 1)[:9].tolist():  # pairs of neighbours
    print(f"{translator.labels[reads]:12}{translator.labels[says]}")

# %% [markdown]
# The input is the target without its last token, the label the target without its first. Where the label is padding, no
# loss is counted. An untrained model finds all $V$ tokens about equally likely, so its loss is near $\ln V$:

# %%
with torch.no_grad():
    scores = untrained(source, target[:, :-1])
by_definition = F.cross_entropy(
    scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PADDING
)
assert torch.isclose(untrained.loss((source, target)), by_definition)
print(f"loss {by_definition:.2f} nats a token; ln V = {np.log(sizes[1]):.2f}")

# %% [markdown]
# Now two models, alike but for the width $C$ of the vector, of the words' vectors and of the states: 128 and 256.
# Each sees half a million target tokens, a little more than every training sentence once. (Lesson 12 decodes the wider one,
# lesson 13 sets its curve beside another. The learning rate was chosen on validation sentences.)

# %%
schedule = Schedule(target_tokens=500_000)
narrow = train_translator(data.train, attention="none", width=128, schedule=schedule)

# %%
widest = train_translator(data.train, attention="none", width=256, schedule=schedule)

# %%
trained = {"width 128": narrow, "width 256": widest}
for name, one in trained.items():
    loss = np.mean(one.history.losses[-50:])
    print(
        f"{name:10} {one.parameters:9,} parameters, {one.seconds:3.0f} s, last losses {loss:.2f} nats a token"
    )

# %%
ticks = np.arange(50, len(widest.history) + 1, 50)
curves = {
    name: [np.mean(one.history.losses[max(tick - 50, 0) : tick]) for tick in ticks]
    for name, one in trained.items()
}
ax = plot_lines(
    ticks, curves, x_label=f"updates of 64 sentences (width 256: {widest.seconds:.0f} s in all)",
    y_label="loss of the last 50 batches, nats a token", title="The wider model learns faster",
)  # fmt: skip
Picture(
    ax.figure,
    alt="Training loss against updates for widths 128 and 256. Both fall; that of the wider model is lower.",
)

# %% [markdown]
# The curves still fall when we stop: neither model has learnt all that it could. Keep that in mind; it is one of three
# suspects when something goes wrong below. First, what comes out:

# %%
shown = data.test[1:4]
for pair, found in zip(
    shown, widest.translator.translate([p.source for p in shown]), strict=True
):
    print(
        f"{' '.join(pair.source)}\n  is:   {' '.join(pair.target)}\n  said: {' '.join(found.target)}\n"
    )

# %% [markdown]
# Grammatical French, mostly, of about the right shape, and nobody told the model what a verb is. But some of the things that
# the sentence was about are gone, and others have taken their places.
#
# ## 4. Its own words
#
# In training the decoder read the right words. Now it reads its own. We translate **greedily** here: the likeliest token at
# each step (lesson 12 does better). Up to the first mistake the two histories are the same. So whether a sentence comes out
# right, and where it first goes wrong, can be read off one teacher-forced pass, without decoding:


# %%
test_source, test_target = pad_pairs(
    translator.encode_pairs(data.test)
)  # (N, S), (N, T + 1)
history, labels = test_target[:, :-1], test_target[:, 1:]  # (N, T) each


@torch.no_grad()
def say(model, history, *, source=test_source):
    """The likeliest token after each place of each history, (N, T)."""
    parts = zip(source.split(250), history.split(250), strict=True)
    return torch.cat([model(words, read).argmax(dim=-1) for words, read in parts])


def mistakes(model):
    """Which tokens are wrong after a right history, (N, T); padding is never wrong."""
    return ((say(model, history) != labels) & (labels != PADDING)).numpy()


# %%
wrong = {name: mistakes(one.model) for name, one in trained.items()}
right = {name: ~table.any(axis=1) for name, table in wrong.items()}
first = {
    name: table.argmax(axis=1) for name, table in wrong.items()
}  # 0 if there is none
some = slice(0, 300)
decoded = widest.translator.translate([pair.source for pair in data.test[some]])
same = [
    found.target == pair.target
    for found, pair in zip(decoded, data.test[some], strict=True)
]
agree = np.mean(np.array(same) == right["width 256"][some])
print(
    f"decoding and one teacher-forced pass agree on which sentences are right: {agree:.1%}"
)
assert agree > 0.99  # rounding may decide a tie

# %% [markdown]
# **Exposure bias** is the name of the next suspect: histories with a mistake never occurred in training, so one mistake may
# breed more. To measure it, take each sentence with a mistake, and ask for the words behind its first one twice. Once with
# the right history. Once with the model's own wrong word left in its place, and everything else right. Same sentences, same
# places; the difference is what the mistake costs. (Where it wrongly ended the sentence there is no word to leave in; we
# skip those.)


# %%
def mistaken_histories(name):
    """Sentences with a first wrong word, where it is, and their histories with that word in it."""
    place, said = torch.from_numpy(first[name]), say(trained[name].model, history)
    rows = torch.arange(len(place))
    usable = (
        torch.from_numpy(~right[name])
        & (said[rows, place] != END)
        & (labels[rows, place] != END)
    )
    rows, place = rows[usable], place[usable]
    histories = history[rows].clone()
    histories[torch.arange(len(rows)), place + 1] = said[rows, place]
    return rows, place, histories


# %%
rows, place, own = mistaken_histories("width 256")
after_own = (say(widest.model, own, source=test_source[rows]) != labels[rows]).numpy()
after_right = wrong["width 256"][rows]
cost = {"right history": [], "its own mistake in it": []}
for distance in range(1, 7):
    column = np.minimum(place.numpy() + distance, labels.shape[1] - 1)
    there = (place.numpy() + distance == column) & (
        labels[rows, column] != PADDING
    ).numpy()
    pair_of_tables = [table[there, column[there]] for table in (after_right, after_own)]
    for points, errors in zip(cost.values(), pair_of_tables, strict=True):
        points.append(mean_with_interval(errors, resamples=300))
    if distance == 1:
        extra = mean_with_interval(pair_of_tables[1] * 1.0 - pair_of_tables[0])

# %%
print(f"{len(rows)} sentences with a wrong word. The word right behind it is wrong")
for kind, points in cost.items():
    print(f"   {points[0]} with {kind}")
print(f"   difference {extra}")
assert extra.low > 0

# %%
ax = plot_lines(
    range(1, 7),
    {kind: [one.value for one in points] for kind, points in cost.items()},
    intervals={kind: ([p.low for p in points], [p.high for p in points]) for kind, points in cost.items()},
    x_label="words behind the first mistake", y_label="error rate of the next word, 95 % interval",
    title="One wrong word in the history makes the next ones worse",
)  # fmt: skip
ax.set_ylim(0, 1)
exercises.guess_exposure(
    Picture(
        ax.figure,
        alt="Error rate of the next word against its distance from the first mistake, with the right history and with "
        "the model's own mistake in it. The second line lies higher, most of all right behind the mistake.",
    ),
    right=cost["right history"][0].value,
    wrong=cost["its own mistake in it"][0].value,
)

# %% [markdown]
# So a mistake costs more than itself. Part of that is good grammar: whoever says *le* for *la* goes on with a masculine
# noun, and our count calls it wrong. But look at the lower line, too: with every word before it right, more than one word
# in four is still wrong there. And the cost of one mistake wears off within a few words. Exposure bias adds to a
# problem that is there without it.
#
# ## 5. The decisive picture
#
# The encoder has read the whole sentence and may keep 128 or 256 numbers: the same for three words and for twenty-five.
# **Your guess first.**

# %%
lengths = np.array([len(pair.source) for pair in data.test])
edges = [3, 6, 9, 12, 15, 18, 26]
buckets = [f"{low}–{high - 1}" for low, high in zip(edges, edges[1:], strict=False)]
inside = [
    (lengths >= low) & (lengths < high)
    for low, high in zip(edges, edges[1:], strict=False)
]
exact = {
    name: [mean_with_interval(ok[one], resamples=500) for one in inside]
    for name, ok in right.items()
}

# %%
picture = length_curves_svg(
    {name: [one.value for one in marks] for name, marks in exact.items()},
    buckets=buckets,
    counts=[int(one.sum()) for one in inside],
    intervals={
        name: ([m.low for m in marks], [m.high for m in marks])
        for name, marks in exact.items()
    },
    title="Short sentences survive the bottleneck, long ones do not",
    label="exact match against length",
    y_label="exact match, 95 % interval",
)

# %%
exercises.guess_length(
    Picture(
        picture,
        alt="Share of test sentences translated word for word, against source length, one line for each width. The lines "
        "start at different heights, the widest model's highest, and all fall to zero.",
    ),
    short=exact["width 256"][0].value,
    long=exact["width 256"][2].value,
    buckets=(buckets[0], buckets[2]),
)

# %%
for name, marks in exact.items():
    print(f"{name:10}" + "".join(f"{mark.value:8.3f}" for mark in marks))
longest = lengths >= 15
for name, ok in right.items():
    print(
        f"{name}: {ok[longest].sum()} of {longest.sum()} sentences of 15 words or more are right"
    )
assert all(ok[longest].mean() < 0.02 for ok in right.values())
assert exact["width 256"][0].low > exact["width 128"][0].high

# %% [markdown]
# It is not that long sentences are a little worse: at some length the line is at zero and stays there. A wider vector, in a
# model that is wider throughout, lifts its beginning and moves that length on. It does not make the fall go away.
#
# Exact match is a strict judge: one slip in twenty words counts as much as nonsense. **BLEU** counts shared word sequences
# of up to four words (lesson 12 takes it apart). It falls as well, but pays for fragments:

# %%
translations = {
    name: one.translator.translate([p.source for p in data.test])
    for name, one in trained.items()
}
references = [pair.target for pair in data.test]


# %%
def judge(metric, name, chosen):
    """A corpus metric over some sentences, with its interval."""
    picked = np.flatnonzero(chosen)
    return evaluate_corpus(
        metric, hypotheses=[translations[name][i].target for i in picked],
        references=[references[i] for i in picked], resamples=200,
    )  # fmt: skip


# %%
bleu = {name: [judge(Bleu(), name, one) for one in inside] for name in trained}
print("BLEU      " + "".join(f"{bucket:>8}" for bucket in buckets))
for name, scores in bleu.items():
    print(f"{name:10}" + "".join(f"{score.value:8.1f}" for score in scores))
overall = {
    name: (judge(Bleu(), name, lengths > 0), judge(ExactMatch(), name, lengths > 0))
    for name in trained
}
print(
    f"all lengths, width 256: BLEU {overall['width 256'][0]}, exact match {overall['width 256'][1]}"
)
assert bleu["width 256"][0].low > bleu["width 256"][-1].high

# %% [markdown]
# Move it yourself: other buckets, other models, and below the bars the place of the first wrong word (its median).

# %%
explorer = LengthExplorer(
    {name: (right[name], first[name] + 1) for name in trained}, lengths=lengths, width=3
)
explorer.picture()

# %%
explorer

# %%
state = explorer.state()
for (low, high), place_of_first in zip(state["buckets"], state["first"], strict=True):
    print(f"{low:2} to {high:2} words: the first wrong word is word {place_of_first:g}")

# %% [markdown]
# Long sentences do not start well and then lose the thread. The first mistake comes about as early in a long sentence as in a
# short one, within the first handful of words.
#
# ### More chances to slip, or harder words?
#
# A sentence of twenty words has more chances to go wrong than one of four. If every word of a long sentence were as easy as
# one of a short sentence, with error rate $e$ a token, a sentence of $n$ tokens would come out right with probability
# $(1 - e)^n$. And if the vector were no bottleneck, the first words of a long sentence would be as easy as those of a short
# one. Both can be checked, **with the right words before each prediction**, so that no earlier mistake plays a part.

# %%
table, tokens = wrong["width 256"], (labels != PADDING).sum(dim=1).numpy()  # (N, T), (N,)
slip = table[inside[0]].sum() / tokens[inside[0]].sum()
expected = [np.mean((1 - slip) ** tokens[one]) for one in inside]
opening = [
    mean_with_interval(table[one, :4].mean(axis=1), resamples=500) for one in inside
]
print(f"sentences of {buckets[0]} words: {slip:.3f} errors a token")
print(
    f"{'words':>8} {'as easy words would give':>26} {'measured':>10} {'errors in the first four words':>34}"
)
for bucket, easy, mark, start in zip(
    buckets, expected, exact["width 256"], opening, strict=True
):
    print(f"{bucket:>8} {easy:26.3f} {mark.value:10.3f} {start!s:>34}")
assert opening[3].low > opening[0].high
assert exact["width 256"][3].high < expected[3]

# %%
figure_x = [np.mean(lengths[one]) for one in inside]
ax = plot_lines(
    figure_x, {"first four French words": [p.value for p in opening]},
    intervals={"first four French words": ([p.low for p in opening], [p.high for p in opening])},
    x_label="words of the source sentence (mean of each bucket)", y_label="error rate, 95 % interval",
    title="The longer the sentence, the less is left of its beginning",
)  # fmt: skip
ax.set_xticks(figure_x, [f"{x:.0f}" for x in figure_x])
ax.set_ylim(0, 1)
Picture(
    ax.figure,
    alt="Error rate of the first four French words, each given the right words before it, against the length of the "
    "source sentence. It rises with length.",
)

# %% [markdown]
# The same four places, the right words before them, nothing gone wrong yet: and they are the harder, the more words follow
# in the source. One objection: do long sentences simply *begin* in a harder way? So only those that begin with *the*:

# %%
with_the = np.array([pair.source[0] == "the" for pair in data.test])
same_start = []
for name, chosen in (
    ("8 words or fewer", lengths < 9),
    ("15 words or more", lengths > 14),
):
    rows = with_the & chosen
    same_start.append(mean_with_interval(table[rows, :4].mean(axis=1), resamples=500))
    print(f"the …, {name} ({rows.sum()} sentences): {same_start[-1]}")
assert same_start[1].low > same_start[0].high

# %% [markdown]
# The same first word, and the longer ones still start worse. Words that the decoder does not need yet take room from those it
# needs now. That is the bottleneck, and neither exposure bias nor the number of chances explains it.
#
# The third suspect, too little training, is not cleared by this: with more of it all these lines would rise. What would
# clear it is a model with a way round the vector, and all else as it was. Lesson 13 trains one on the same sentences and
# sets its curve beside ours. Its model is narrower, but sees about three times as many words, and lesson 13 says what that
# leaves open.
#
# ## 6. The source, backwards
#
# Sutskever and others read in one direction only, and found that it helped to **turn the source round**: to read *cat the
# saw I* for *I saw the cat*. Here is their form, one direction, in a class:


# %%
class OneWay(nn.Module):
    """One network reads, in one direction; another writes (Sutskever and others 2014, with GRUs)."""

    def __init__(self, sizes, width):
        super().__init__()
        self.read_words, self.write_words = (nn.Embedding(size, width) for size in sizes)
        self.reader, self.writer = GRU(width, width), GRU(width, width)
        self.output = nn.Linear(width, sizes[1])

    def forward(self, source, target):
        _, v = self.reader(self.read_words(source), mask=source.ne(PADDING))  # (B, C)
        states, _ = self.writer(self.write_words(target), state=v)  # (B, T, C)
        return self.output(states)  # (B, T, V)

    def loss(self, batch):
        source, target = batch
        scores = self(source, target[:, :-1])
        return F.cross_entropy(
            scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PADDING
        )


# %%
def train_one_way(backwards, *, seed=0, steps=150):
    """The same model and sentences, the source words as they are or last word first."""
    ids = [
        (s[::-1] if backwards else s, t) for s, t in translator.encode_pairs(data.train)
    ]
    batches = PairBatches(ids, size=64)
    return cached(
        "one-way", config=[*sizes, backwards, steps], data_version="translation-0", code=OneWay, seed=seed,
        build=lambda: OneWay(sizes, 128),
        train=lambda model, history: fit(model, batches, steps=steps, learning_rate=1e-2, history=history,
                                         warmup=20, decay="linear", seed=seed),
    )  # fmt: skip


one_way = {name: train_one_way(name == "backwards") for name in ("as it is", "backwards")}
backwards_source = pad_pairs(
    [(s[::-1], t) for s, t in translator.encode_pairs(data.test)]
)[0]

# %%
sources = {"as it is": test_source, "backwards": backwards_source}
errors = {
    name: (
        (say(model, history, source=sources[name]) != labels) & (labels != PADDING)
    ).numpy()
    for name, (model, _, _) in one_way.items()
}
rates = {name: table.sum(axis=1) / tokens for name, table in errors.items()}
for name, (_, past, _) in one_way.items():
    rate = mean_with_interval(rates[name])
    print(
        f"{name:10} last losses {np.mean(past.losses[-50:]):.2f} nats a token; wrong tokens in test {rate}"
    )
gain = mean_with_interval(rates["as it is"] - rates["backwards"])
print(f"gain by turning the source round: {gain}")
assert gain.low > 0

# %% [markdown]
# Only the order changed. The explanation of Sutskever and others: the first source word is then read last, close to the first word to be written, and a gradient that has a short way finds its way sooner. If so, the
# *beginning* of the translation should gain most.

# %%
from_start = {
    name: [table[tokens > place, place].mean() for place in range(10)]
    for name, table in errors.items()
}
ax = plot_lines(
    range(1, 11), from_start, x_label="place in the French sentence",
    y_label="error rate after a right history", title="Backwards, the beginning gains most",
)  # fmt: skip
ax.set_ylim(0, 1)
Picture(
    ax.figure,
    alt="Error rate against the place in the French sentence, source as it is and backwards. Backwards the first words "
    "have fewer errors; further on the lines come together.",
)

# %% [markdown]
# It does, and after six or seven words the lines have met. The third exercise counts the steps between a word and its
# translation, with the gold alignments. Our `Seq2Seq` reads both
# ways and so has one network that ends at the first word and one that ends at the last; for it, turning the source round
# exchanges the two.
#
# ## 7. Sentences on a map
#
# What do the 256 numbers hold? The vectors of all test sentences, on the plane on which they vary most:


# %%
@torch.no_grad()
def vectors_of(model):
    """What the encoder keeps of each test sentence, (N, C)."""
    return torch.cat(
        [model.start(part).summary for part in test_source.split(250)]
    ).numpy()


# %%
summaries = vectors_of(widest.model)
points, explained = pca(summaries)
KINDS = ("question", "comma", "pronoun", "other")  # how a sentence begins
PRONOUNS = {"i", "you", "he", "she", "it", "we", "they"}


def kind_of(pair):
    """A question; a phrase or clause and a comma; a pronoun; anything else."""
    if "?" in pair.source:
        return 0
    return 1 if "," in pair.source else 2 if pair.source[0] in PRONOUNS else 3


kinds = np.array([kind_of(pair) for pair in data.test])

# %%
drawn = slice(0, 600)
Picture(
    scatter_svg(
        points[drawn], labels=[" ".join(pair.source) for pair in data.test[drawn]], groups=kinds[drawn],
        group_names=KINDS, named=[], title="A sentence lies where its beginning puts it", label="map of sentence vectors",
        x_label=f"first component, {explained[0]:.0%} of the variance",
        y_label=f"second component, {explained[1]:.0%}",
    ),
    alt="Map of the vectors of 600 test sentences, coloured by how they begin: questions, sentences with a phrase and "
    "a comma first, sentences that open with a pronoun, and others. The kinds lie in different parts of the plane.",
)  # fmt: skip

# %% [markdown]
# These two components hold a small part of the variance. The nearest neighbour in all 256 dimensions says more: what does a
# sentence share with it? Two comparisons keep us honest: with a random sentence, and with the nearest neighbour by an
# **untrained** encoder. A recurrent network that has learnt nothing also gives similar vectors to sentences that begin or end
# alike.


# %%
def nearest_of(vectors):
    """The nearest neighbour of each sentence by cosine, (N,)."""
    likeness = cosine_matrix(vectors)
    np.fill_diagonal(likeness, -2)
    return likeness.argmax(axis=1)


def word_at(place):
    """The word at a place of each sentence, final mark left out; below 0 counted from the end."""
    return np.array(
        [(" ", *p.source[:-1])[place] if len(p.source) > 6 else "" for p in data.test]
    )


torch.manual_seed(0)
nearest = {
    "trained": nearest_of(summaries),
    "untrained": nearest_of(vectors_of(Seq2Seq(widest.model.config).eval())),
}

# %%
properties = {f"word {place}": word_at(place) for place in (1, 2, 3, 4, 5)}
properties |= {
    "last word but one": word_at(-2),
    "last word": word_at(-1),
    "length, exactly": lengths,
}
kept = {"past", "negation", "relative", "possession", "question", "number", "clitic", "preposition"}  # fmt: skip
properties["constructions"] = np.array(
    [" ".join(sorted(p.phenomena & kept)) + "." for p in data.test]
)

# %%
shares = {}
print(
    f"{'shared with':20}{'the nearest, trained':28}{'the nearest, untrained':28}a random one"
)
for name, values in properties.items():
    counted = np.array([value != "" for value in values])
    cells = []
    for near in nearest.values():
        both = counted & counted[near]
        cells.append(
            mean_with_interval(values[both] == values[near][both], resamples=300)
        )
    _, counts = np.unique(values[counted], return_counts=True)
    by_chance = ((counts / counts.sum()) ** 2).sum()
    shares[name] = cells
    print(f"{name:20}{cells[0]!s:28}{cells[1]!s:28}{by_chance:.3f}")
assert shares["constructions"][0].low > shares["constructions"][1].high
assert shares["length, exactly"][0].low > shares["length, exactly"][1].high

# %% [markdown]
# The surprise is in the second column: the untrained encoder keeps the first two words *better* than the trained one. One of
# its directions ends at the first word; the other ends at the full stop, which nearly all sentences share. So their
# beginnings are nearly all that tells them apart. Training gave some of that room away, to the length and to the
# **constructions** (which of *past, negation, relative clause,
# possession, question, number, clitic* and *preposition* the sentence holds, all of them at once). The decoder needs the
# whole sentence; the vector spreads itself over it, and what each word gets is thin.
#
# ## 8. What is not solved
#
# Two more sets wait in the data: sentences longer than any in training, and combinations of words or constructions that
# training never showed. Reported as they are:

# %%
for name in ("long", "unseen"):
    pairs = getattr(data, name)
    found = widest.translator.translate([pair.source for pair in pairs])
    hypotheses, gold_words = (
        [one.target for one in found],
        [pair.target for pair in pairs],
    )
    score = evaluate_corpus(
        Bleu(), hypotheses=hypotheses, references=gold_words, resamples=200
    )
    share = np.mean([h == g for h, g in zip(hypotheses, gold_words, strict=True)])
    print(f"{name:7} {len(pairs):5,} sentences: BLEU {score}, exact match {share:.3f}")

# %% [markdown]
# ## 9. Break it
#
# A colleague has written the loss anew. With a width of 64 it falls below anything you have seen, in a few seconds. "No
# bottleneck here", says your colleague.


# %%
def train_theirs(model, history):
    batches = PairBatches(translator.encode_pairs(data.train[:6400]), size=64)
    fit(model, batches, steps=100, learning_rate=2e-2, history=history, warmup=10, decay="linear")  # fmt: skip


config = Seq2SeqConfig(*sizes, width=64, attention="none")
theirs, their_history, _ = cached(
    "careless", config=config, data_version="translation-0",
    code=[exercises.CarelessSeq2Seq, train_theirs], build=lambda: exercises.CarelessSeq2Seq(config), train=train_theirs,
)  # fmt: skip

# %%
print(
    f"your width 128 after {len(trained['width 128'].history)} updates: {curves['width 128'][-1]:.2f} nats a token"
)
print(f"theirs after {len(their_history)}: {np.mean(their_history.losses[-10:]):.2f}")
their_translator = Translator(theirs, source=source_words, target=target_words)
for pair in data.test[2:4]:
    (found,) = their_translator.translate([pair.source], max_length=8)
    print(f"{' '.join(pair.target)}\n  said: {' '.join(found.target)}")

# %%
their_wrong = (
    (say(theirs, labels) != labels) & (labels != PADDING)
).numpy().sum() / tokens.sum()
their_honest = mistakes(theirs).sum() / tokens.sum()
figure, (ax,) = new_figure(width=640, height=260)
ax.barh(
    ["fed the label itself", "fed the words before it"],
    [their_wrong, their_honest],
    color=OKABE_ITO[:2],
)
ax.set_xlim(0, 1)
ax.set_xlabel("error rate of their model's next word, test sentences")
ax.set_title("Their model repeats what it reads", loc="left")
exercises.guess_fault(
    Picture(
        figure,
        alt="Two bars: fed the label itself, their model makes almost no errors; fed the words before it, nearly all of its "
        "words are wrong.",
    )
)

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# Their loss feeds <code>target[:, 1:]</code> to the decoder and compares with <code>target[:, 1:]</code>: each step reads the
# word that it is to predict. That is learnt at once, and worthless. The loss cannot notice, since it is computed with the same
# input. Two things notice. Translating: nobody hands over the answer there, and the model repeats whatever word it said
# first. And the table of section 3, which puts what a step reads beside what it is to say. A loss that is too good, too early, is a reason to look for a leak.
# <code>inspect.getsource(exercises.CarelessSeq2Seq)</code> shows the line.
#
# </details>
#
# ## 10. Exercises

# %%
exercises.scored

# %%
my_answer = None  # a number
exercises.scored.check(my_answer)

# %%
exercises.loss


# %%
def my_loss(log_probabilities, target):
    """Mean negative log-probability per token; words and end marks count."""
    raise NotImplementedError


exercises.loss.check(my_loss)

# %%
exercises.lags


# %%
def my_lags(links, length, reverse):
    """The smallest and the mean number of steps from reading a word to writing it."""
    raise NotImplementedError


exercises.lags.check(my_lags)

# %% [markdown]
# With the third one you can check the explanation of section 6 on the gold alignments. It runs as it stands, with the rule
# of the solution.

# %%
lag_rule = exercises.lags.reference
steps = {
    name: np.array(
        [lag_rule(pair.alignment, len(pair.source), turned) for pair in data.test]
    )
    for name, turned in (("as it is", False), ("backwards", True))
}
for name, both in steps.items():
    print(
        f"{name:10} smallest lag {both[:, 0].mean():.1f}, mean lag {both[:, 1].mean():.1f} steps"
    )
assert steps["backwards"][:, 0].mean() < steps["as it is"][:, 0].mean() / 2

# %% [markdown]
# ## 11. Explain it
#
# As an interviewer would ask. Say your answer aloud before you open it.

# %%
exercises.QUESTIONS

# %% [markdown]
# ## 12. What was measured, what remains
#
# Bold is this run; *published* is the course's own.

# %%
for name, one in trained.items():
    for metric, score in zip(
        ("BLEU, grammar test set", "exact match, grammar test set"),
        overall[name],
        strict=True,
    ):
        row = scoreboard.record(
            lesson="11", model=f"encoder–decoder, {name}", metric=metric, value=score.value, low=score.low,
            high=score.high, seconds=one.seconds, parameters=one.parameters,
        )  # fmt: skip
row

# %% [markdown]
# And the decisive curve of the wider model, bucket by bucket, for lesson 13 to draw beside its own:

# %%
for bucket, mark in zip(buckets, exact["width 256"], strict=True):
    row = scoreboard.record(
        lesson="11", model="encoder–decoder, width 256", metric=f"exact match, grammar, test, {bucket} words",
        value=mark.value, low=mark.low, high=mark.high, seconds=widest.seconds, parameters=widest.parameters,
    )  # fmt: skip
row

# %% [markdown]
# Does a sentence fit into one vector? A short one. The vector keeps the form of a sentence and most of its first word, and
# drops the rest as it gets longer; more numbers move the limit and do not lift it.
#
# **What remains.** Lesson 12 asks whether a better search can save these translations, and what BLEU is worth. But the
# information is gone before the decoder begins. The encoder had a state for *every* word; we threw all of them away but the
# last. Lesson 13 keeps them.
#
# **Read on**
# - Sutskever, Vinyals and Le (2014), *Sequence to Sequence Learning with Neural Networks*: four layers, 8,000 numbers a
# sentence, the source backwards; their figure 3 says that long sentences do *not* suffer. Read it after this lesson.
# - Cho, van Merriënboer, Bahdanau and Bengio (2014), *On the Properties of Neural Machine Translation*: quality against
# length, the same year, with the opposite finding.
# - Bengio, Vinyals, Jaitly and Shazeer (2015), *Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks*:
# what to do about a model's own words.
