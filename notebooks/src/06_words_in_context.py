# %% [markdown]
# # 06 · Words in context
#
# **The question: is "bank" one word?**
#
# Every vector so far stood in a table: one row for each word, looked up and the same in every sentence. In lesson 02 we met
# *may*, a month and a verb in one row; in lesson 05 *bank*, with money on every side and not a river in sight. This lesson
# gives a word a vector for the sentence that it stands in, first with a pair of LSTMs that you train here (ELMo), then with a
# transformer that others trained (MiniLM). And it measures whether the vectors know which bank is meant.
#
# **You will be able to**
# - judge vectors in context with a probe that leaves each sentence out once, and say what chance is;
# - build ELMo from two language models, and say why they must not meet too early;
# - take a word's vector out of a transformer, at every layer, without an off-by-one error;
# - say when a high accuracy or a low cosine is evidence of two senses, and when it is not.
#
# **You need** lesson 02 (language models, perplexity) and lesson 05 (PCA). What goes on inside a transformer is the subject of
# part 4; here it is used.
#
# Measured run time: **85 s** and **1600 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import re
from collections import Counter
from dataclasses import asdict

import numpy as np
import torch
from course_utils import checkpoints, scoreboard
from course_utils.datasets.authored import load_senses
from course_utils.datasets.docstrings import load_docstrings
from course_utils.datasets.gensim_files import sha256_of_source
from course_utils.datasets.wikipedia import load_wikipedia, split_articles
from course_utils.evaluation.language_model import (
    SpellingModel,
    bits_per_character,
    evaluate_perplexity,
)
from course_utils.evaluation.senses import probe_layers, probe_senses, shuffle_within
from course_utils.evaluation.similarity import bootstrap_interval, spearman
from course_utils.exercises import lesson_06 as exercises
from course_utils.explorers.context import ContextExplorer
from course_utils.models import elmo as elmo_code
from course_utils.models import elmo_softmax, elmo_text
from course_utils.models.elmo import Elmo, ElmoConfig
from course_utils.models.elmo_text import Windows, unit_table
from course_utils.plots.lines import plot_lines
from course_utils.plots.picture import Picture
from course_utils.plots.small_maps import small_maps_svg
from course_utils.plots.style import MARKERS, OKABE_ITO, new_figure
from course_utils.pretrained import load_minilm, load_static_vectors
from course_utils.projections.maps import pca
from course_utils.runtime import fast_dtype, seed_everything, set_threads
from course_utils.text.tokenizers import tokenize_words
from course_utils.text.vocab import Vocabulary
from course_utils.training import fit
from course_utils.vectors import cosine_matrix, normalize_rows

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. One point for all sentences
#
# We need sentences in which it is known what a word means. We wrote them: eighteen words with two or three senses each, and
# some twenty sentences for each sense. **They are authored.** Whatever this lesson concludes about senses, it concludes about these
# sentences. `data/authored/README.md` says how they were written, and in which order: 422 short ones first, 380 longer ones after
# MiniLM had been tried on those. Section 5 comes back to it.

# %%
# NBVAL_CHECK_OUTPUT
sentences = load_senses()
words = [one.word for one in sentences]
senses = [one.sense for one in sentences]
print(
    f"{len(sentences)} sentences, {len(set(words))} words, {len(set(zip(words, senses, strict=True)))} senses"
)
first_of_each = {(one.word, one.sense): one for one in reversed(sentences)}
for word, sense in list(dict.fromkeys(zip(words, senses, strict=True)))[:5]:
    print(f"{word}, {sense}: {first_of_each[word, sense].text}")

# %%
table, table_words = load_static_vectors()
static = np.stack([table[table_words[word]] for word in words])  # (N, 384)
bank = [place for place, word in enumerate(words) if word == "bank"]
print(f"{len(bank)} sentences with bank, {len(np.unique(static[bank], axis=0))} vector")

# %% [markdown]
# That is what a table means. *Bank* in all of these sentences is one point, so nothing that looks at that point can say which
# bank it was.
#
# ## 2. A probe that cannot cheat
#
# How does one ask vectors whether they know a sense? Not by looking: with 384 numbers and a few dozen sentences one always finds a direction that
# separates two groups. So each sentence is judged by the *others*. Leave it out; take the mean vector of each sense from the
# sentences that are left; name the sense whose mean has the larger cosine with it. Nothing is trained, nothing is tuned.


# %%
def my_probe(vectors, labels):
    """1 for each sentence that its own sense's mean is nearest to; ties share."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    kinds, credit = sorted(set(labels)), []
    for left_out, vector in enumerate(unit):
        others = [i for i in range(len(unit)) if i != left_out]
        means = [
            np.mean([unit[i] for i in others if labels[i] == kind], axis=0)
            for kind in kinds
        ]
        cosines = np.array([mean @ vector / np.linalg.norm(mean) for mean in means])
        tied = cosines >= cosines.max() - 1e-5
        credit.append(tied[kinds.index(labels[left_out])] / tied.sum())
    return np.array(credit)


# %%
labels = [senses[i] for i in bank]
some = np.random.default_rng(0).normal(size=(len(bank), 8))
np.testing.assert_allclose(
    my_probe(some, labels),
    probe_senses(some, words=["bank"] * len(bank), senses=labels).credit,
)
assert my_probe(np.float64(static[bank]), labels).mean() == 0.5
at_chance = probe_senses(static, words=words, senses=senses)
print("static vectors:", at_chance)

# %% [markdown]
# The rule about ties is not a trifle. In a table all cosines are equal, and a judge who sees no difference should say so. It
# says so by sharing: of two senses that tie, the right one gets half a point. Then a table is *exactly* at chance, which is 1/2
# for most of our words and 1/3 for *spring* and *trunk*, and its interval over sentences only says how the mix of words varies. Without
# the rule, the order of the alphabet would decide, or the last digit of a rounded mean.
#
# ## 3. Two language models
#
# A language model reads a sentence from the left. After *the boat drifted towards the bank* its state must hold what it needs to
# go on: that a boat was there, water probably. So the state at *bank* is already a vector of *this* bank. That is ELMo (Peters
# and others 2018): train a language model, throw its predictions away, keep its states. The words that tell the sense may
# as well come later, so a second model reads from the right.
#
# The reader is an **LSTM**, a network that carries two vectors from word to word. Lesson 10 takes it apart; here are its equations.
# $x_t$ is the vector of word $t$, $h_t$ the state shown after it. $\sigma$ squeezes a number into 0 to 1, and $\odot$ multiplies number by
# number: the gates $i$, $f$, $o$ say how much enters the memory $c$, how much stays and how much is shown. Each has matrices of its own. In
# PyTorch the order is $i$, $f$, $g$, $o$.
#
# $$i = \sigma(W_i x_t + U_i h_{t-1} + b_i) \qquad f = \sigma(W_f x_t + U_f h_{t-1} + b_f)$$
# $$o = \sigma(W_o x_t + U_o h_{t-1} + b_o) \qquad g = \tanh(W_g x_t + U_g h_{t-1} + b_g)$$
# $$c_t = f \odot c_{t-1} + i \odot g \qquad h_t = o \odot \tanh(c_t)$$


# %%
def lstm_by_hand(x, lstm):
    """States h of an LSTM over x of shape (T, C); its matrices hold the four parts one below the other."""
    W, U, b, more_b = (parameter.detach() for parameter in lstm.parameters())
    h = c = torch.zeros(U.shape[1])
    states = []
    for word in x:
        i, f, g, o = (W @ word + b + U @ h + more_b).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    return torch.stack(states)  # (T, C)


# %% [markdown]
# Two of these on top of each other, for each direction. Each reader starts from a learned vector, the edge, which stands where no word
# is. The second layer adds to the first: its output is the sum. The reader from the right gets the sentence reversed; its states are
# turned back at the end.


# %%
def elmo_by_hand(x, model):
    """Both layers of both directions over inputs x (T, C); layer 0 is the input, twice."""
    halves = []
    directions = ((model.forward_lstms, x), (model.backward_lstms, x.flip(0)))
    for edge, (lstms, text) in zip(model.edges.detach(), directions, strict=True):
        first = lstm_by_hand(torch.cat([edge[None], text]), lstms[0])
        second = first + lstm_by_hand(first, lstms[1])
        halves.append([first[1:], second[1:]])  # without the edge's own state
    pairs = zip(halves[0], halves[1], strict=True)
    return torch.stack(
        [torch.cat([x, x], dim=1), *(torch.cat([a, b.flip(0)], dim=1) for a, b in pairs)]
    )


# %% [markdown]
# That is all of it. What goes in: a word's own vector, and as in lesson 04 the vectors of its character n-grams, since our
# sentences hold words that the training text never had. The articles, the split, the words and the vocabulary are those of lesson 02, so the
# perplexities compare. `unit_table` lists, for each word, the rows of the word and of its n-grams that are to be averaged.

# %%
# NBVAL_CHECK_OUTPUT
split = split_articles(load_wikipedia())
train, validation, test = (
    [tokenize_words(article.text) for article in part] for part in split
)
vocabulary = Vocabulary.from_documents(train, min_count=5)
unknown = sum(map(len, train)) - int(vocabulary.counts.sum())
config = ElmoConfig(
    vocabulary_size=len(vocabulary) + 1, bfloat16=fast_dtype() == torch.bfloat16
)
model_parts = {"words": vocabulary.words, "counts": [*vocabulary.counts, unknown]}
untrained = Elmo(config, **model_parts).eval()
print(
    f"V = {config.vocabulary_size:,}; {sum(p.numel() for p in untrained.parameters()):,} parameters"
)

# %%
# NBVAL_CHECK_OUTPUT
text = "The boat drifted towards the bank."
x = untrained.inputs(
    unit_table(tokenize_words(text), known=untrained.index, config=config)
).detach()
theirs = untrained.layers([text], tokenize=tokenize_words)[0]
torch.testing.assert_close(
    elmo_by_hand(x, untrained), torch.from_numpy(theirs.vectors), atol=1e-5, rtol=0
)
print(theirs.pieces, theirs.vectors.shape)

# %% [markdown]
# Three layers for six words: the input and two layers of states, 128 numbers from each reader side by side.
#
# ### Training
#
# Lesson 02 named the price of a prediction: a score for each of 7,462 words, here in both directions. ELMo's authors paid less
# with a **sampled softmax**, and so do we. The softmax runs over the words that occur in the batch, about a thousand; from
# each word's score we subtract the log of the chance that it occurs in a batch at all; otherwise rare words would be scored as if they were always
# there. That is for training only: the perplexities below use all words.
# Learning rate, number of passes and layers were chosen by the perplexity of the validation articles.

# %% tags=["long-cell"] reason="the recipe, which the table of five seeds repeats"
recipe = {
    "model": asdict(config), "passes": 3, "length": 32, "batch": 64, "learning_rate": 0.012, "warmup": 50,
}  # fmt: skip


def train_elmo(seed):
    windows = Windows(
        train, model=untrained, length=recipe["length"], batch=recipe["batch"]
    )
    elmo, history, _ = checkpoints.cached(
        "elmo", config=recipe, data_version=sha256_of_source("wikipedia"),
        code=[elmo_code, elmo_softmax, elmo_text, fit], seed=seed,
        build=lambda: Elmo(config, **model_parts),
        train=lambda elmo, history: fit(
            elmo, windows, steps=recipe["passes"] * windows.steps, learning_rate=recipe["learning_rate"],
            warmup=recipe["warmup"], decay="cosine", history=history, seed=seed,
            optimizer=torch.optim.AdamW(elmo.parameters(), fused=True),
        ),
    )  # fmt: skip
    return elmo, history


# %%
seeds = (0,)  # range(5) takes five times as long; section 5 has its table
trained = [train_elmo(seed) for seed in seeds]
elmo, history = trained[0]
elmo_seconds = history.seconds[-1]
elmo_parameters = sum(p.numel() for p in elmo.parameters())
print(f"{history.last} steps in {elmo_seconds:.0f} s; loss {np.mean(history.losses[:10]):.2f} at first, "
      f"{np.mean(history.losses[-50:]):.2f} at last")  # fmt: skip

# %%
by_seed = []  # for each seed: logs of all test articles, forward and backward
for one, _ in trained:
    judged = [one.log_probabilities(document) for document in test]
    by_seed.append(
        {"forward": [a for a, _ in judged], "backward": [b for _, b in judged]}
    )
directions = by_seed[0]
perplexities = {name: evaluate_perplexity(logs) for name, logs in directions.items()}

# %%
rare = (word for document in train for word in document if word not in vocabulary)
speller = SpellingModel(rare)
bits = {
    name: bits_per_character(logs, test, known=vocabulary, spelling=speller)
    for name, logs in directions.items()
}
for name, found in perplexities.items():
    print(f"{name:8} {found}; {bits[name].bits:.3f} bits per character")

# %%
earlier = {
    row.model: row.value
    for row in scoreboard.load()
    if row.lesson == "02" and "perplexity" in row.metric
}
print({name: round(value, 1) for name, value in earlier.items()})
assert perplexities["forward"].perplexity < earlier["NPLM"]
assert (
    0.9 < perplexities["forward"].perplexity / perplexities["backward"].perplexity < 1.1
)

# %% [markdown]
# A lower perplexity than lesson 02's network (196), which saw four words and no letters, and about that of its mixture with the trigram
# (173). The intervals over ten articles overlap widely, and the articles were not compared one by one, so this is no proof. From the right it
# predicts as well as from the left.
#
# ### What each reader may know
#
# A word must not help to predict itself. The forward state at a place holds the past, the backward one the future, and they stay apart up
# to the end. Let them meet after layer 1, and layer 2's forward state at *the* has seen the backward state, which has read *bank* already: the
# word to be predicted is in the input. Change the last word of a sentence, and look at what moves.

# %%
# NBVAL_CHECK_OUTPUT
C = config.dimension
by_river, by_street = elmo.layers(
    [
        "the boat drifted to the bank of the river",
        "the boat drifted to the bank of the street",
    ],
    tokenize=tokenize_words,
)
place = by_river.pieces.index("bank")
moved = np.abs(by_river.vectors - by_street.vectors)[:, place]  # (3, 256)
for layer, row in enumerate(moved):
    print(
        f"layer {layer}: forward half moved {bool(row[:C].any())}, backward half moved {bool(row[C:].any())}"
    )

# %% [markdown]
# ### Do the states know the sense?
#
# The probe of section 2 on all sentences, layer by layer, with intervals over sentences and over words. **Shuffled labels** are the control: the
# same vectors, with the senses of each word dealt out at random, so that there is nothing to know. (It may end a little below
# chance, since the sense left out has one sentence fewer.)


# %%
def in_context(layers):
    """The vectors of the words in question at every layer: (N, L + 1, C)."""
    return np.stack(
        [
            layer.word(one.start, one.end)
            for layer, one in zip(layers, sentences, strict=True)
        ]
    )


texts = [one.text for one in sentences]
known = {"words": words, "senses": senses}
elmo_vectors = in_context(elmo.layers(texts, tokenize=tokenize_words))
elmo_probes = probe_layers(elmo_vectors, **known)
for layer, probe in enumerate(elmo_probes):
    print(f"layer {layer}: {probe}")

# %%
generator = np.random.default_rng(0)
shuffled = [
    probe_senses(
        elmo_vectors[:, -1],
        words=words,
        senses=shuffle_within(senses, groups=words, generator=generator),
        resamples=1,
    ).accuracy
    for _ in range(100)
]
print(f"labels shuffled, 100 times: {np.mean(shuffled):.3f}, middle 95 %: {np.quantile(shuffled, 0.025):.3f} to "
      f"{np.quantile(shuffled, 0.975):.3f}")  # fmt: skip

# %%
# NBVAL_CHECK_OUTPUT
assert at_chance.accuracy == at_chance.chance
assert elmo_probes[0].accuracy == at_chance.chance  # layer 0 is a table, too
for probe in elmo_probes[1:]:
    assert probe.low > probe.chance
    assert probe.accuracy > max(shuffled)
print("the table is at chance exactly; both LSTM layers lie above it, interval and all")

# %% [markdown]
# Above chance, and far from certain. This ELMo has read a third of a million words, in which some of our eighteen words do not
# occur often enough to have a vector of their own. And which of its readers knows more?

# %%
print(
    "without a vector of their own:",
    *(word for word in dict.fromkeys(words) if word not in vocabulary),
)
for name, half in (("forward", slice(0, C)), ("backward", slice(C, None))):
    one_way = probe_layers(elmo_vectors[:, :, half], **known)
    print(
        f"{name:8}",
        "  ".join(
            f"layer {i}: {p.accuracy:.3f} ({p.low:.3f} to {p.high:.3f})"
            for i, p in enumerate(one_way)
        ),
    )

# %% [markdown]
# ## 4. A transformer that others trained
#
# **MiniLM** is the encoder whose input table you know from lesson 05. What that table gives is only the beginning: six layers follow, and in
# each of them every piece of the text takes up something of all others, from both sides at once (how, is the subject of lessons 14
# and 17). The course has its own code for this, and reads the published weights into it.

# %%
# NBVAL_CHECK_OUTPUT
minilm = load_minilm()
text = "The boat drifted towards the riverbank."
(found,) = minilm.layers([text])
print(found.pieces, found.vectors.shape)
print([text[start:end] for start, end in found.spans])

# %% [markdown]
# Pieces, not words: *riverbank* comes in two, and the model's own marks `[CLS]` and `[SEP]` stand at the ends, with no
# characters of the text. Each piece knows its span, and a word's vector is the mean over its pieces.
#
# Is the code right? A test of the course compares it with the reference library, sentence-transformers, on a thousand texts: no number
# differs by more than 1e-5 (`tests/pretrained/test_minilm.py`). What you can check here, without that library: a sentence vector is the mean over the last
# layer's pieces, at length 1; neither padding nor the order of a batch changes it.

# %%
# NBVAL_CHECK_OUTPUT
three = [text, "Bank.", "He keeps a little cash at home and leaves the rest in the bank."]
vectors = minilm.encode(three)
means = np.stack([layer.vectors[-1].mean(axis=0) for layer in minilm.layers(three)])
np.testing.assert_allclose(normalize_rows(means), vectors, atol=1e-5, rtol=0)
np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5, rtol=0)
np.testing.assert_allclose(minilm.encode(three[::-1])[::-1], vectors, atol=1e-5, rtol=0)
np.testing.assert_allclose(
    np.concatenate([minilm.encode([one]) for one in three]), vectors, atol=1e-5, rtol=0
)
print(
    "mean of the last layer, length 1; alone or together, in any order: the same to 5 digits"
)

# %%
minilm_layers = minilm.layers(texts)
minilm_vectors = in_context(minilm_layers)
minilm_probes = probe_layers(minilm_vectors, **known)
print(minilm_vectors.shape)

# %% [markdown]
# ## 5. Layer by layer
#
# Now the picture that this lesson is about. *Bank* in all its sentences, in eight panels, from the table to the last layer. Each
# panel is a PCA of its own: the two directions along which these vectors differ most. PCA is not told the senses. **Your guess
# first.**

# %%
panels = {
    "a table": static, "ELMo, layer 1": elmo_vectors[:, 1], "ELMo, layer 2": elmo_vectors[:, 2],
    **{f"MiniLM, layer {k}": minilm_vectors[:, k] for k in (0, 1, 2, 4, 6)},
}  # fmt: skip


# %%
maps, names, variances = [], [], []
for name, vectors in panels.items():
    points, (across, up) = pca(vectors[bank])
    maps.append(points)
    names.append(
        f"{name}: {my_probe(np.float64(vectors[bank]), labels).mean():.0%} right"
    )
    variances.append(f"axes {across:.0%} + {up:.0%} of variance" if across else "")
picture = small_maps_svg(
    maps, names=names, corners=variances, labels=[texts[i] for i in bank],
    groups=[sorted(set(labels)).index(label) for label in labels], group_names=sorted(set(labels)),
    title=f"From one point to two groups: bank in {len(bank)} sentences",
    label="Eight small maps of bank in its sentences",
)  # fmt: skip
right = int(minilm_probes[-1].credit[bank].sum())
exercises.guess_groups(picture, right=right, total=len(bank))

# %% [markdown]
# The table's one point becomes two groups. (There, and in many places of MiniLM's layer 0, circles lie under squares.) In between, ELMo is no better than a coin with this word: an average can hide much, as you will see.
# Layer 0's 61 % is 28 of 46; only the place in the sentence can be behind it, and over all words it comes to nothing (0.505). So look at all eighteen, with intervals over sentences:

# %%
series = {"a table": [at_chance], "ELMo": elmo_probes, "MiniLM": minilm_probes}
figure, (ax,) = new_figure(width=760, height=420)
styles = zip(OKABE_ITO, MARKERS, strict=True)
for (name, probes), (colour, marker) in zip(series.items(), styles, strict=False):
    value, low, high = np.array([(p.accuracy, p.low, p.high) for p in probes]).T
    ax.fill_between(range(len(probes)), low, high, color=colour, alpha=0.15, linewidth=0)
    size = 12 if name == "a table" else 6  # ELMo's layer 0 lies on top of it
    ax.plot(value, marker=marker, color=colour, label=name, markersize=size)
ax.axhline(at_chance.chance, color="#57606a", linestyle="--", linewidth=1, label="chance")
ax.set_ylim(0.3, 1)
ax.set_xlabel("layer (0 is what goes in)")
ax.set_ylabel("share of sentences sorted correctly")
ax.set_title("The sense is not in the table; the layers add it", loc="left")
ax.legend(frameon=False, ncols=4)
Picture(
    figure,
    alt="Accuracy of the probe against the layer: a table and both models' layer 0 near chance, 0.47, ELMo's layers near "
    "0.65, MiniLM from 0.8 at layer 1 to 0.9 at layer 6.",
)

# %%
for name, probes in series.items():
    for layer, probe in enumerate(probes):
        print(f"{name:8} layer {layer}: {probe.accuracy:.3f}  sentences {probe.low:.3f} to {probe.high:.3f}, "
              f"words {probe.word_low:.3f} to {probe.word_high:.3f}")  # fmt: skip

# %%
# NBVAL_CHECK_OUTPUT
best_elmo = max(elmo_probes, key=lambda probe: probe.accuracy)
last = minilm_probes[-1]
assert abs(minilm_probes[0].accuracy - at_chance.chance) < 0.06
assert minilm_probes[1].low > best_elmo.high
assert last.low > 0.8
assert last.word_low > best_elmo.word_high
print(
    "table = chance < ELMo < MiniLM, the intervals apart; MiniLM's last layer above 0.80 with its whole interval"
)

# %% [markdown]
# MiniLM's layer 0 is a table, too, with the place in the sentence added to each row; so its vectors differ; they are hardly better
# than chance, if at all. One layer later four in five are right.
#
# Was it luck? With `seeds = range(5)` in section 3, five ELMos are trained, and this cell prints a line for each.

# %%
halves = {"both": slice(None), "forward half": slice(C), "backward half": slice(C, None)}
for seed, (one, _), logs in zip(seeds, trained, by_seed, strict=True):
    vectors = in_context(one.layers(texts, tokenize=tokenize_words))
    found = [
        f"{name} {evaluate_perplexity(rows).perplexity:.1f}"
        for name, rows in logs.items()
    ]
    print(f"seed {seed}: perplexity {', '.join(found)}")
    for name, part in halves.items():
        probes = probe_layers(vectors[:, :, part], **known)[1:]
        print(f"  {name:13}", "; ".join(f"{p.accuracy:.3f} ({p.low:.3f} to {p.high:.3f})" for p in probes))  # fmt: skip

# %% [markdown]
# On the author's machine (with intervals over sentences; the halves at layers 1 and 2):
#
# | seed | perplexity forward | backward | probe, layer 1 | layer 2 | forward half | backward half |
# |---|---|---|---|---|---|---|
# | 0 | 177.2 | 175.3 | 0.641 (0.607 to 0.673) | 0.636 (0.601 to 0.668) | 0.623, 0.617 | 0.555, 0.554 |
# | 1 | 176.4 | 176.3 | 0.648 (0.616 to 0.681) | 0.650 (0.615 to 0.683) | 0.652, 0.650 | 0.537, 0.530 |
# | 2 | 174.5 | 176.2 | 0.666 (0.632 to 0.697) | 0.664 (0.630 to 0.695) | 0.655, 0.652 | 0.580, 0.580 |
# | 3 | 176.4 | 175.8 | 0.660 (0.623 to 0.690) | 0.656 (0.623 to 0.687) | 0.633, 0.628 | 0.552, 0.553 |
# | 4 | 179.4 | 178.6 | 0.645 (0.612 to 0.680) | 0.645 (0.611 to 0.679) | 0.641, 0.644 | 0.536, 0.536 |
#
# Chance is 0.474, so every interval lies far above it. The second layer adds nothing that the probe can see. And with every seed the
# forward half (0.62 to 0.66) knows more than the backward half (0.53 to 0.58). Does the past simply tell more than the future? MiniLM can be
# asked: it gets only the beginning of each sentence up to the word, or only the rest from the word on.

# %%
cuts = {
    "up to the word": [(one.text[: one.end], one.start, one.end) for one in sentences],
    "from the word on": [
        (one.text[one.start :], 0, one.end - one.start) for one in sentences
    ],
}
credits = {}
for name, parts in cuts.items():
    layers = minilm.layers([part for part, _, _ in parts])
    vectors = np.stack(
        [layer.word(*span)[-1] for layer, (_, *span) in zip(layers, parts, strict=True)]
    )
    probe = probe_senses(vectors, **known)
    credits[name] = probe.credit
    print(f"{name:17} {probe}")

# %%
more = credits["up to the word"] - credits["from the word on"]
low, high = bootstrap_interval(np.mean, more)
before = [len(tokenize_words(one.text[: one.start])) for one in sentences]
after = [len(tokenize_words(one.text[one.end :])) for one in sentences]
print(f"difference {more.mean():+.3f} ({low:+.3f} to {high:+.3f})")
print(f"words before it {np.mean(before):.1f}, after it {np.mean(after):.1f}")

# %% [markdown]
# For MiniLM, too, the past tells a little more: the same sentences, cut both ways, differ by 0.05 (0.01 to 0.08). There are fewer words
# before our words (6.3 on average) than after them (8.1), so it is not for lack of text. Why ELMo's backward reader knows so little, although
# it predicts articles as well as the forward one, we did not find out.
#
# ### What the other tenth is
#
# Which words, and which sentences?

# %%
worst = sorted(last.by_word, key=last.by_word.get)
print("  ".join(f"{word} {last.by_word[word]:.2f}" for word in worst))
for i in np.flatnonzero(last.credit == 0)[::16]:
    print(f"{words[i]}, {senses[i]}: {texts[i]}")
lengths = np.array([len(tokenize_words(text)) for text in texts])
for name, rows in (("15 words or fewer", lengths <= 15), ("longer", lengths > 15)):
    low, high = bootstrap_interval(np.mean, last.credit[rows])
    print(
        f"{name:18} {rows.sum()} sentences: {last.credit[rows].mean():.3f} ({low:.3f} to {high:.3f})"
    )

# %% [markdown]
# Some would make a reader stop, too (*Hold the nail between two fingers*). Others hold the clue right beside the word, *rob the bank*,
# *the trunk of a plane tree*, and are still lost. Length is not the reason, as far as these numbers go: the two intervals overlap. Is it
# the probe, which has some twenty labelled sentences for each sense? Give it fewer, and see which way the curve goes.


# %%
def with_fewer(vectors, n, *, generator, draws=3):
    """For each sentence, how often it is sorted correctly by means of n random other sentences a sense."""
    unit, kinds = normalize_rows(np.float64(vectors)), np.array(senses)
    hits = np.zeros(len(unit))
    for word in dict.fromkeys(words):
        rows = np.flatnonzero(np.array(words) == word)
        by_kind = {kind: rows[kinds[rows] == kind] for kind in np.unique(kinds[rows])}
        for i in np.tile(rows, draws):
            cosines = {}
            for kind, members in by_kind.items():
                free = members[members != i]
                mean = unit[free[generator.permutation(len(free))[:n]]].sum(axis=0)
                cosines[kind] = mean @ unit[i] / np.sqrt(mean @ mean)
            hits[i] += (max(cosines, key=cosines.get) == kinds[i]) / draws
    return hits


# %%
sizes = (1, 2, 5, 10, 20)
pooled = np.stack([layer.vectors[-1].mean(axis=0) for layer in minilm_layers])
sentence_vectors = normalize_rows(pooled)  # what encode gives, as section 4 checked
of_what = {
    "the word's vector, last layer": minilm_vectors[:, -1],
    "the sentence's vector": sentence_vectors,
}
draw = np.random.default_rng(0)
fewer = {
    name: [with_fewer(vectors, n, generator=draw) for n in sizes]
    for name, vectors in of_what.items()
}

# %%
curves = {name: [hits.mean() for hits in found] for name, found in fewer.items()}
ends = {
    name: tuple(
        zip(
            *(bootstrap_interval(np.mean, hits, resamples=300) for hits in found),
            strict=True,
        )
    )
    for name, found in fewer.items()
}
ax = plot_lines(
    sizes, curves, intervals=ends, x_label="labelled sentences for each sense", y_label="share sorted correctly",
    log_x=True, title="More labelled sentences help",
)  # fmt: skip
Picture(
    ax.figure,
    alt="Accuracy against the number of labelled sentences for each sense, 1 to 20: two rising curves with bands, that of "
    "the sentence vector at first below and at last above that of the word vector.",
)

# %%
of_word, of_sentence = fewer.values()
for n, word_hits, sentence_hits in zip(sizes, of_word, of_sentence, strict=True):
    more = sentence_hits - word_hits
    low, high = bootstrap_interval(np.mean, more)
    print(f"{n:2} a sense: word {word_hits.mean():.3f}, sentence {sentence_hits.mean():.3f}; "
          f"difference {more.mean():+.3f} ({low:+.3f} to {high:+.3f})")  # fmt: skip
for name, found in fewer.items():
    low, high = bootstrap_interval(np.mean, found[-1] - found[-2])
    print(
        f"{name}: 20 labelled sentences against 10: {np.mean(found[-1] - found[-2]):+.3f} ({low:+.3f} to {high:+.3f})"
    )

# %%
both = np.concatenate([normalize_rows(minilm_vectors[:, -1]), sentence_vectors], axis=1)
by_sentence, by_both = (
    probe_senses(vectors, **known) for vectors in (sentence_vectors, both)
)
results = {"word": last, "sentence": by_sentence, "word and sentence": by_both}
for name, probe in results.items():
    print(f"{name:18} {probe.accuracy:.3f} ({probe.low:.3f} to {probe.high:.3f})")
for name, than in (("sentence", "word"), ("word and sentence", "word"), ("word and sentence", "sentence")):  # fmt: skip
    more = results[name].credit - results[than].credit
    low, high = bootstrap_interval(np.mean, more)
    print(f"{name} against {than}: {more.mean():+.3f} ({low:+.3f} to {high:+.3f})")
assert by_both.accuracy > 0.9
assert of_word[-1].mean() > of_word[0].mean() + 0.1

# %% [markdown]
# Twenty labelled sentences for each sense are still a little better than ten, so part of what is missing is the probe's, not the model's. With two
# of them the word's vector sorts better than the vector of the whole *sentence*, with twenty the sentence's vector does; at one, five and ten the
# intervals hold zero. Side by side they are better than the word alone; whether also better than the sentence alone these sentences do not
# decide. That the sentence does so well should not surprise: what MiniLM was last trained for is to compare sentences, and the sense of a word is
# mostly a matter of what its sentence is about. Lesson 07 uses those vectors.
#
# One more look at the figure, because of how this set came about: 422 short sentences first, the longer ones after MiniLM had been tried on those.

# %%
pairs = list(zip(words, senses, strict=True))
first_part = [
    i for i, (word, sense) in enumerate(pairs)
    if pairs[:i].count((word, sense)) < (13 if word == "bank" else 11)
]  # fmt: skip
alone = probe_senses(
    minilm_vectors[first_part, -1],
    words=[words[i] for i in first_part],
    senses=[senses[i] for i in first_part],
)
print(f"the first {len(first_part)} by themselves: {alone.accuracy:.3f} ({alone.low:.3f} to {alone.high:.3f})")  # fmt: skip
print(f"the same, judged among all {len(words)}: {last.credit[first_part].mean():.3f}")

# %% [markdown]
# We had set ourselves nine in ten for MiniLM. The first 422 sentences by themselves gave 0.86. Then 380 longer ones were written, by a second
# hand and without a model. The word's vector now reaches 0.895: our goal lies in its interval, but the figure is just below it. Part of the rise
# has nothing to do with length: the old sentences, too, are sorted better (0.88) now that twice as many others judge them. No old sentence was
# taken out. A second reader, who did not see the labels, gave the same ones but called 36 doubtful; one was reworded. Word and sentence side by
# side (0.928) we tried because the word alone fell short, on these same sentences; it was not chosen beforehand. Whoever writes other
# sentences will get other figures.
#
# ## 6. How alike is alike
#
# A probe needs labels. Without them one looks at cosines: two occurrences of *bank* at 0.75, is that little? It depends on the layer. So
# three kinds of pairs (Ethayarajh 2019): one word in one sense, one word in two senses, and two different words. The last is the baseline.


# %%
def pair_cosines(vectors):
    """Cosines of pairs of sentences at one layer, by kind of pair."""
    cosines = cosine_matrix(vectors)
    first, second = np.triu_indices(len(vectors), k=1)
    of, kinds = np.array(words), np.array(senses)
    same_word, same_sense = of[first] == of[second], kinds[first] == kinds[second]
    return {
        "one word, one sense": cosines[first, second][same_word & same_sense],
        "one word, two senses": cosines[first, second][same_word & ~same_sense],
        "two words": cosines[first, second][~same_word],
    }


# %%
def mean_and_middle(vectors):
    """For each kind of pair: means, and ends of the middle half, at every layer."""
    layers = [pair_cosines(vectors[:, layer]) for layer in range(vectors.shape[1])]
    means = {kind: [float(layer[kind].mean()) for layer in layers] for kind in layers[0]}
    middle = {
        kind: tuple(
            np.array([np.quantile(layer[kind], q) for layer in layers])
            for q in (0.25, 0.75)
        )
        for kind in means
    }
    return means, middle


# %%
lines, bands = mean_and_middle(minilm_vectors)
ax = plot_lines(
    range(7), lines, intervals=bands, x_label="MiniLM's layer", y_label="cosine, mean and middle half of pairs",
    title="Two senses of a word are far more alike than two words",
)  # fmt: skip
Picture(
    ax.figure,
    alt="Three curves of cosines against layers 0 to 6: pairs of one word in one sense and in two senses start together near "
    "0.96 and part slowly, to 0.84 and 0.78; pairs of different words lie far below, between 0 and 0.3.",
)


# %%
of, kinds = np.array(words), np.array(senses)
same_word = np.equal.outer(of, of) & ~np.eye(len(of), dtype=bool)
same_sense = np.equal.outer(kinds, kinds)
kinds_of_pair = np.float64([same_word & same_sense, same_word & ~same_sense])  # (2, N, N)


def sense_gap(rows, summands):
    """Mean cosine within senses minus across; a sentence drawn k times counts k times, never as its own pair."""
    times = np.bincount(rows, minlength=len(of))
    one, two = (times @ summands @ times) / (times @ kinds_of_pair @ times)
    return one - two


# %%
everyone, gaps = np.arange(len(sentences)), {}
for layer in range(7):
    summands = kinds_of_pair * cosine_matrix(minilm_vectors[:, layer])
    gaps[layer] = bootstrap_interval(
        lambda rows, w=summands: sense_gap(rows, w), everyone, resamples=200
    )
    low, high = gaps[layer]
    print(f"layer {layer}: one sense is closer than two by {sense_gap(everyone, summands):.3f} "
          f"({low:.3f} to {high:.3f}, sentences resampled)")  # fmt: skip
assert gaps[6][0] > 0.03
print("last layer, means:", {kind: round(means[-1], 2) for kind, means in lines.items()})

# %% [markdown]
# Pairs of one word in two senses have a mean cosine of 0.78 in the last layer, pairs of one sense 0.84, and two different words 0.05. **The word
# stays the greater part of its vector, whatever it means**; the sense is the small rest, a few hundredths of cosine between the two upper curves, and that
# rest is what the probe reads. So a cosine of 0.8 between two occurrences says nothing yet. It has to be compared with pairs of one sense, in the same
# layer: the difference is nothing at layer 0, 0.04 in layers 3 to 5 and 0.06 in the last.
#
# ### Move it yourself
#
# Two sentences, a word, all layers. The bands are the middle halves of the pairs above. Try *bank* with two rivers; try *light* as a lamp and as a
# weight; then a word that has one sense only.

# %%
references = {
    kind: bands[kind] for kind in ("one word, one sense", "one word, two senses")
}
context_explorer = ContextExplorer(
    lambda text: minilm.layers([text])[0],
    word="bank",
    first="The boat drifted towards the bank of the river.",
    second="She opened an account at the bank.",
    references=references,
)
context_explorer.picture()

# %%
context_explorer

# %%
shown = context_explorer.state()
both_sentences = minilm.layers([shown["first"], shown["second"]])
ours = [
    layer.word(*span)[-1]
    for layer, span in zip(both_sentences, shown["spans"], strict=True)
]
print(
    f"on the screen {shown['cosines'][-1]:.3f}, from the vectors {cosine_matrix(np.stack(ours))[0, 1]:.3f}"
)

# %% [markdown]
# ## 7. The same word in two worlds
#
# *Tree*, *class*, *key*: an article of Wikipedia means one thing, the documentation of a program another. These sentences are found and not written by
# us: Wikipedia's on one side, docstrings of three libraries on the other, up to fifteen from each for each word. (*Kernel* would be a fine example, but does not occur in our 106 articles.)
# Can one tell from the word's vector where the sentence is from? The same probe says, with the source in place of the sense.

# %%
domain_words = [
    "python",
    "tree",
    "class",
    "state",
    "field",
    "model",
    "table",
    "key",
    "object",
    "function",
    "image",
]
control_words = ["number", "name", "order", "time", "form", "part", "end"]


# %%
def find_sentences(texts):
    """Sentences of 6 to 40 words, each once."""
    found = {}
    for text in texts:
        for paragraph in re.split(r"\n\s*\n", text):
            for one in re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(paragraph.split())):
                if 6 <= len(one.split()) <= 40 and one.endswith(".") and one[0].isupper():
                    found[one] = None
    return list(found)


# %%
documented = load_docstrings(("scipy", "sklearn", "networkx")).items
sources = {
    "Wikipedia": find_sentences(article.text for article in load_wikipedia()),
    "docstrings": find_sentences(
        part for one in documented for part in (one.summary, one.body)
    ),
}
drawn = []  # (word, source, text, start, end)
for word in domain_words + control_words:
    pattern = re.compile(rf"\b{word}\b", re.IGNORECASE)
    matches = {
        name: [(t, m) for t in lines if (m := pattern.search(t))]
        for name, lines in sources.items()
    }
    n = min(15, *map(len, matches.values()))  # as many from either side
    for name, lines in matches.items():
        chosen = np.random.default_rng(0).permutation(len(lines))[:n]
        drawn += [(word, name, lines[i][0], *lines[i][1].span()) for i in chosen]
print({name: len(lines) for name, lines in sources.items()}, len(drawn))

# %%
two_worlds = np.stack([
    layer.word(start, end)
    for layer, (*_, start, end) in zip(minilm.layers([row[2] for row in drawn]), drawn, strict=True)
])  # fmt: skip
groups = {"words of two worlds": domain_words, "control words": control_words}
told, by_word = {}, {}
for name, members in groups.items():
    rows = [i for i, row in enumerate(drawn) if row[0] in members]
    told[name] = probe_layers(
        two_worlds[rows],
        words=[drawn[i][0] for i in rows],
        senses=[drawn[i][1] for i in rows],
    )
    by_word |= told[name][-1].by_word

# %% [markdown]
# **Your guess:** how well does it work for *number*, *name*, *part*: everyday words that were not chosen for having two meanings?

# %%
ax = plot_lines(
    range(7), {name: [p.accuracy for p in probes] for name, probes in told.items()},
    intervals={name: ([p.word_low for p in probes], [p.word_high for p in probes]) for name, probes in told.items()},
    x_label="MiniLM's layer", y_label="source recognised (interval over words)",
    title="The source shows in the control words, too",
)  # fmt: skip
ax.set_ylim(0.3, 1)
exercises.guess_domain(
    ax.figure,
    words=told["words of two worlds"][-1].accuracy,
    controls=told["control words"][-1].accuracy,
)

# %%
# NBVAL_CHECK_OUTPUT
for name, probes in told.items():
    assert probes[-1].word_low > 0.65, name
print("source recognised by both groups of words, far above one half")

# %%
print("  ".join(f"{word} {share:.2f}" for word, share in by_word.items()))
difference = (
    [by_word[word] for word in domain_words],
    [by_word[word] for word in control_words],
)
rng = np.random.default_rng(0)
draws = [np.mean(rng.choice(difference[0], len(domain_words))) - np.mean(rng.choice(difference[1], len(control_words)))
         for _ in range(2000)]  # fmt: skip
low, high = np.quantile(draws, [0.025, 0.975])
print(
    f"last layer: {np.mean(difference[0]) - np.mean(difference[1]):+.2f} for words of two worlds ({low:+.2f} to {high:+.2f}, words resampled)"
)

# %% [markdown]
# Without the control we should have written that MiniLM knows the two meanings of *tree*. It may; but the source is recognised nearly as well by
# *part*, of which no one would say that it has a Wikipedia meaning. (Not every control is clean: *order* and *form* have several meanings, in
# both sources.) A vector in context holds the company of its word, and that company differs between the sources.
# **That a property can be read off a vector does not mean that it is a property of the word.** The words of two
# worlds are ahead by a few hundredths, as the last cell says with its interval. That much may be meaning.
#
# ## 8. One word with two models
#
# ELMo's layers have the same form, so the explorer takes them as well. *Bank* again, in the two sentences of section 6, with bands of ELMo's
# own pairs:

# %%
elmo_lines, elmo_bands = mean_and_middle(elmo_vectors)
elmo_references = {kind: elmo_bands[kind] for kind in references}
elmo_explorer = ContextExplorer(
    lambda text: elmo.layers([text], tokenize=tokenize_words)[0],
    word="bank",
    first="The boat drifted towards the bank of the river.",
    second="She opened an account at the bank.",
    references=elmo_references,
)
elmo_explorer.picture()

# %%
elmo_explorer

# %%
for kind, (low, high) in elmo_bands.items():
    print(f"layer 2, {kind}: mean {elmo_lines[kind][-1]:.2f}, middle half {low[-1]:.2f} to {high[-1]:.2f}")  # fmt: skip

# %% [markdown]
# Without the bands 0.89 says nothing; with them it says that ELMo takes these two banks for one. Three quarters of the pairs of *one* sense
# are less alike than this pair of two, and any two words of its layer 2 have 0.59 on average. ELMo's panels in section 5 said the same of *bank*.
#
# ## 9. Break it
#
# A colleague takes the vectors of our sentences from MiniLM with two lines of their own, and reports: "layer 6 is all right, if not great;
# but there is sense information already at layer 0, before the model has looked at anything". No shape is wrong, nothing crashes. Find out
# what happened before you open the answer.

# %%
theirs = exercises.careless_vectors(
    minilm_layers, texts=texts, starts=[one.start for one in sentences]
)
for layer in (0, 1, 6):
    probe = probe_senses(theirs[:, layer], **known)
    print(
        f"layer {layer}: your colleague {probe.accuracy:.3f}, you {minilm_probes[layer].accuracy:.3f}"
    )

# %% [markdown]
# A hint: what must hold at layer 0, where a piece knows only itself and its place? You have a tool for it.

# %%
of_bank = {
    "yours": minilm_vectors[bank],
    "your colleague's": theirs[bank],
}
upper = np.triu_indices(len(bank), k=1)
ax = plot_lines(
    range(7),
    {name: [float(cosine_matrix(v[:, k])[upper].mean()) for k in range(7)] for name, v in of_bank.items()},
    x_label="MiniLM's layer", y_label="mean cosine of two occurrences of bank",
    title="At layer 0 a word must be like itself",
)  # fmt: skip
exercises.guess_fault(ax.figure)

# %% [markdown]
# Which piece did your colleague take? At layer 0 its vector is easy to find among those of its sentence.

# %%
offsets = Counter()
for layer, taken, one in zip(minilm_layers, theirs[:, 0], sentences, strict=True):
    found = int(np.abs(layer.vectors[0] - taken).sum(axis=1).argmin())
    wanted = next(i for i, (_, end) in enumerate(layer.spans) if end > one.start)
    offsets[wanted - found] += 1
print("pieces too early:", dict(sorted(offsets.items())))
for layer in (1, 6):
    lost = minilm_probes[layer].credit - probe_senses(theirs[:, layer], **known).credit
    low, high = bootstrap_interval(np.mean, lost)
    print(f"layer {layer}: the fault costs {lost.mean():.3f} ({low:.3f} to {high:.3f})")

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# The two lines count the words before <i>bank</i> and take the vector at that number. But place 0 is <code>[CLS]</code>. In two thirds of the
# sentences it is the piece before, in the others one still farther off: commas are pieces, too, and some words have several. The word before may
# tell something of the sense even in a table: that is the "information at layer 0". By the last layer neighbours have taken up so much
# of each other that the fault costs four points there, against nineteen at layer 1. Spans do not have this problem.
# <code>inspect.getsource(exercises.careless_vectors)</code> shows the line.
#
# </details>
#
# ## 10. Exercises
#
# `check` says what is wrong; `.hint()` gives the next hint, `.solution()` shows one way.

# %%
exercises.left_out

# %%
my_answer = None  # a number
exercises.left_out.check(my_answer)

# %%
exercises.word_vector


# %%
def my_word_vector(vectors, spans, start, end):
    """The word at characters start to end, at every layer: shape (L + 1, C)."""
    raise NotImplementedError


exercises.word_vector.check(my_word_vector)

# %%
exercises.alike


# %%
def my_alike(same, others):
    """How much more alike a word's occurrences are than two different words."""
    raise NotImplementedError


exercises.alike.check(my_alike)

# %% [markdown]
# With the third exercise you can ask which words keep most of themselves in context. It runs as it stands, with the rule of the solution.

# %%
one_each = [words.index(word) for word in dict.fromkeys(words)]
kept = {
    word: exercises.alike.reference(
        minilm_vectors[[i for i, other in enumerate(words) if other == word], -1],
        minilm_vectors[one_each, -1],
    )
    for word in dict.fromkeys(words)
}
print("  ".join(f"{word} {kept[word]:.2f}" for word in sorted(kept, key=kept.get)))
ranked = list(kept.values()), [last.by_word[word] for word in kept]
low, high = bootstrap_interval(spearman, *ranked)
print(f"rank correlation with the probe's accuracy: {spearman(*ranked):.2f} ({low:.2f} to {high:.2f}, words resampled)")  # fmt: skip

# %% [markdown]
# What keeps most of itself tends to be sorted worst: a word that changes little has little to tell its senses by. With eighteen words that is a tendency, as
# the interval says.
#
# ## 11. Explain it
#
# As an interviewer would ask. Say your answer aloud before you open it.

# %%
exercises.QUESTIONS

# %% [markdown]
# ## 12. What was measured, what remains

# %%
for name, found in perplexities.items():
    row = scoreboard.record(
        lesson="06", model=f"ELMo, {name}", metric="perplexity, test articles, V = 7,462", value=found.perplexity,
        low=found.low, high=found.high, seconds=elmo_seconds, parameters=elmo_parameters,
    )  # fmt: skip
    scoreboard.record(
        lesson="06", model=f"ELMo, {name}", metric="bits per character, test articles", value=bits[name].bits,
        low=bits[name].low, high=bits[name].high, seconds=elmo_seconds, parameters=elmo_parameters,
    )  # fmt: skip
row

# %%
rows = {
    "MiniLM input vectors": (at_chance, None, table.size),
    "ELMo, layer 2": (elmo_probes[-1], elmo_seconds, elmo_parameters),
    "MiniLM, layer 6": (last, None, sum(p.numel() for p in minilm.model.parameters())),
}
for name, (probe, seconds, parameters) in rows.items():
    row = scoreboard.record(
        lesson="06", model=name, metric=f"sense probe, {len(sentences)} authored sentences", value=probe.accuracy,
        low=probe.low, high=probe.high, seconds=seconds, parameters=parameters,
    )  # fmt: skip
row

# %% [markdown]
# **What remains.** *Bank* is not one word, and its vectors know it, as far as we could measure: on sentences that we wrote ourselves. On
# the way something else turned up. The vector of a whole sentence was the better witness. If one vector can say what a sentence is about, it should
# find other sentences about the same thing, though they share no word. Lesson 07 searches with it.
#
# **Read on**
# - Peters and others (2018), *Deep Contextualized Word Representations*: ELMo; section 5.3 asks which layer knows what.
# - Ethayarajh (2019), *How Contextual are Contextualized Word Representations?*: the cosines of section 6, for three models, with their baseline.
# - Wiedemann, Remus, Chawla and Biemann (2019), *Does BERT Make Any Sense?*: nearest neighbours as a judge of senses, on labelled corpora.
# - Hewitt and Liang (2019), *Designing and Interpreting Probes with Control Tasks*: why a probe needs a control, as in section 7.
