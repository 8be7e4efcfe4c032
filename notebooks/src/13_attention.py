# %% [markdown]
# # 13 · Attention
#
# **The question: what if the decoder could look back?**
#
# In lesson 11 the encoder read a sentence, handed over one vector, and the decoder wrote from that. Most of the shortest
# sentences came out right, long ones never. Bahdanau, Cho and Bengio (2015) let the decoder look back: for every word that it
# writes it may read all of the encoder's vectors again, and it decides which. This lesson builds their attention by hand,
# trains it, and asks two things that a pretty map does not answer: does it look at the *right* words, and does that *explain*
# what it says? We can ask, because every sentence of our data comes with its gold alignment.
#
# **You will be able to**
# - write additive attention in ten lines, for one target word and for all at once, with padding masked;
# - show by length what attention changed, and score its maps against gold links and against controls;
# - move the weights by hand, and say what an attention map explains and what it does not;
# - find out that padding was not masked, and say what it costs.
#
# **You need** lesson 10 (GRU, masks) and lesson 11 (encoder, decoder, teacher forcing); BLEU is from lesson 12.
#
# Measured run time: **112 s** and **1100 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import time
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from course_utils import scoreboard
from course_utils.datasets.grammar import load_grammar
from course_utils.datasets.translation import load_translation
from course_utils.evaluation.alignment import (
    alignment_error_rate,
    best_alignment,
    count_links,
    score_alignments,
)
from course_utils.evaluation.bleu import Bleu
from course_utils.evaluation.retrieval import mean_with_interval
from course_utils.evaluation.translation import evaluate_corpus
from course_utils.exercises import lesson_13 as exercises
from course_utils.explorers.alignment import AlignmentExplorer
from course_utils.explorers.weight_editor import WeightEditor
from course_utils.layers.attention_scores import AdditiveScore, additive_attention
from course_utils.models.seq2seq import END, PADDING, Seq2Seq
from course_utils.models.seq2seq_batches import PairBatches, pad_pairs
from course_utils.plots.attention import attention_svg
from course_utils.plots.length_curves import length_curves_svg
from course_utils.plots.lines import plot_lines
from course_utils.plots.picture import Picture
from course_utils.plots.style import OKABE_ITO, new_figure
from course_utils.plots.svg import beside
from course_utils.runtime import seed_everything, set_threads
from course_utils.translation.recipes import train_translator
from course_utils.translation.translator import Translator

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. What one vector could not hold
#
# The sentences of lessons 11 and 12: English and French from a grammar that was **written for this course**. Beside each pair
# stands which word translates which.

# %%
# NBVAL_CHECK_OUTPUT
grammar = load_grammar()
data = load_translation(more=40_000)
pair = grammar.translate("The teacher doesn't see the red car.")
print(" ".join(pair.source), "→", " ".join(pair.target))
for s, t in sorted(pair.alignment, key=lambda link: link[::-1]):
    print(f"{pair.target[t]:>12} – {pair.source[s]}")

# %% [markdown]
# *ne* and *pas* both go with *n't*; *voit* with *does* and with *see*; *voiture rouge* and *red car* cross. **Gold links**
# of this kind are not in the training signal: no model below is ever shown one.
#
# And here is what lesson 11 measured for its widest model, 256 numbers for the whole sentence and no attention: the share of
# test sentences that came out right to the last word, by the number of English words. The rows are read from the course's
# scoreboard, the table that lessons write to at their end; to measure them again, run lesson 11.

# %%
edges = [3, 6, 9, 12, 15, 18, 26]
buckets = [f"{low}–{high - 1}" for low, high in zip(edges, edges[1:], strict=False)]
rows = {row.metric: row for row in scoreboard.load() if row.lesson == "11"}
without = [rows[f"exact match, grammar, test, {bucket} words"] for bucket in buckets]
for bucket, row in zip(buckets, without, strict=True):
    print(f"{bucket:>6} words: {row.value:.3f}  ({row.low:.3f} to {row.high:.3f})")
assert without[-1].high < 0.1

# %% [markdown]
# ## 2. Looking back, by hand
#
# The encoder has made a vector $h_s$ for each source place $s$. Lesson 11 threw them away, all but the last. We keep them.
# The decoder has a state $\mathbf{s}_t$ when it is about to write word $t$. Three steps lead from there to a vector for this
# word alone:
#
# $$e_{ts} = v^\top \tanh(W \mathbf{s}_t + U h_s) \qquad \alpha_{ts} = \frac{\exp e_{ts}}{\sum_{r} \exp e_{tr}} \qquad
# c_t = \sum_s \alpha_{ts} h_s$$
#
# A **score** for each place, from a network with one hidden layer, the same for all places. A **softmax**, so that the
# scores become **weights**: positive, with sum 1. And a **weighted mean** of the encoder's vectors, the **context**. On
# numbers small enough to follow, with $W$ and $U$ the identity:

# %%
# NBVAL_CHECK_OUTPUT
words = ["the", "old", "cat"]
outputs = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, -1.0]])  # h, (S, C)
W, U, v = np.eye(2), np.eye(2), np.array([2.0, 1.0])


def look(state):
    """Scores, weights (S,) and context (C,) for one state of the decoder."""
    scores = np.array([v @ np.tanh(W @ state + U @ h) for h in outputs])
    weights = np.exp(scores) / np.exp(scores).sum()
    return scores, weights, weights @ outputs


for state in ([1.0, 0.0], [-2.0, 2.0]):
    scores, weights, context = look(np.array(state))
    print(f"state {state}: context {context.round(2)}")
    for word, score, weight in zip(words, scores, weights, strict=True):
        print(f"   {word}: score {score:5.2f}, weight {weight:.2f}")

# %% [markdown]
# Same source, two states, two answers: the first looks mostly at *old*, the second at *cat*. The **state** asks, the encoder's
# vectors answer. (Lesson 14 calls them query and keys.) All of it can be differentiated, so nobody needs to say where to
# look: whatever made the next word likelier gets a larger weight next time.
#
# The tanh is not decoration. Without it the score is a sum, $v^\top W \mathbf{s}_t + v^\top U h_s$; its first part is the same
# for every place and cancels in the softmax. The decoder could not ask anything.
#
# In training the right words are known, so the states of all steps are there at once. Then no loop is needed, neither over
# places nor over words:


# %%
def attend(queries, keys, values, *, direction, mask):
    """Additive attention for all target words: contexts (B, T, C) and weights (B, T, S)."""
    hidden = torch.tanh(
        queries[:, :, None] + keys[:, None]
    )  # (B, T, 1, C) + (B, 1, S, C)
    scores = hidden @ direction  # (B, T, S)
    scores = scores.masked_fill(~mask[:, None], -torch.inf)
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


# %%
# NBVAL_CHECK_OUTPUT
numbers = torch.tensor(outputs)[None]  # (1, S, C)
states = torch.tensor([[[1.0, 0.0], [-2.0, 2.0]]], dtype=torch.float64)  # (1, T, C)
everything = torch.ones(1, 3, dtype=torch.bool)
contexts, weights = attend(
    states, numbers, numbers, direction=torch.tensor(v), mask=everything
)
for t in range(2):
    np.testing.assert_allclose(weights[0, t], look(states[0, t].numpy())[1])
print("all at once equals one by one:", tuple(weights.shape))

# %% [markdown]
# `mask` is new. Sentences of a batch have different lengths, and the shorter ones are filled up with padding. A score of
# 0 for padding would not do, since $e^0 = 1$ is a share like any other. Its score has to be $-\infty$, *before* the softmax.
# Section 9 shows what happens if somebody forgets.
#
# **Parity.** The same function with the parameters of the course's layer, with padding:

# %%
# NBVAL_CHECK_OUTPUT
layer = AdditiveScore(8)
query, memory = torch.randn(2, 8), torch.randn(2, 5, 8)
mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])  # the second has three words
theirs = additive_attention(query, memory, score=layer, mask=mask)
mine = attend(
    layer.of_query(query)[:, None],
    layer.of_key(memory),
    memory,
    direction=layer.direction,
    mask=mask,
)
for one, two in zip(mine, theirs, strict=True):
    torch.testing.assert_close(one[:, 0], two)
print("equal to the course's layer; weights on padding:", mine[1][1, 0, 3:].tolist())

# %% [markdown]
# From here on we import it.
#
# ## 3. Train it
#
# Everything else stays as it was: a GRU that reads in both directions, a GRU that writes. 192 numbers are enough now. What is
# new is the score, and an output layer that sees state and context. `data.more` is another 40,000 sentences of the same
# grammar, longer on average, so that most are read only once. Sizes and rates were chosen on validation sentences. (Section 8
# says where the code departs from the paper.) Training takes about a minute and a half.

# %%
trained = train_translator(data.train + data.more)
translator, model = trained.translator, trained.model
score_parameters = sum(p.numel() for p in model.writer.score.parameters())
print(model.config)
print(f"{trained.target_tokens:,} target tokens in {trained.seconds:.0f} s")
print(f"{trained.parameters:,} parameters, {score_parameters:,} of them in the score")
assert trained.target_tokens <= 1_500_000

# %%
losses = np.array(trained.history.losses[: 20 * (len(trained.history) // 20)])
smooth = losses.reshape(-1, 20).mean(axis=1)
ax = plot_lines(
    20 * np.arange(1, len(smooth) + 1),
    {"attention": smooth},
    x_label=f"updates of 64 sentences each (in all {trained.seconds:.0f} s)",
    y_label="loss, nats per target word",
    title="Most is learned in the first few hundred updates",
)
Picture(
    ax.figure,
    alt="Training loss against updates: a steep fall from above 5 nats within a few hundred updates, then a long, nearly "
    "flat way towards zero.",
)

# %%
for first, last in ((0, 20), (280, 300), (len(losses) - 20, len(losses))):
    print(f"updates {first:5,} to {last:5,}: {losses[first:last].mean():.3f} nats a word")

# %% [markdown]
# Is the long tail worth its time? With 99 words right in 100, a sentence of twenty comes out whole 0.99²⁰ = 82 % of the time;
# with 999 in 1,000, 98 %. This flat-looking part decides whether long sentences come out whole.
#
# ## 4. The line stays flat
#
# Now the test sentences, translated greedily, without any help.

# %%
references = [pair.target for pair in data.test]
said = translator.translate([pair.source for pair in data.test])
right = np.array([one.target == two for one, two in zip(said, references, strict=True)])
bleu = evaluate_corpus(
    Bleu(),
    hypotheses=[one.target for one in said],
    references=references,
    resamples=300,
)
print(f"BLEU {bleu}; right to the last word {right.mean():.3f}")
assert bleu.value >= 95

# %% [markdown]
# By length, in the buckets of lesson 11. **Your guess first.**

# %%
lengths = np.array([len(pair.source) for pair in data.test])
inside = [
    (lengths >= low) & (lengths < high)
    for low, high in zip(edges, edges[1:], strict=False)
]
marks = [mean_with_interval(right[one].astype(float), resamples=500) for one in inside]
exact = {"no attention (lesson 11)": without, "attention": marks}

# %%
curve = length_curves_svg(
    {name: [one.value for one in line] for name, line in exact.items()},
    buckets=buckets,
    counts=[int(one.sum()) for one in inside],
    intervals={
        name: ([one.low for one in line], [one.high for one in line])
        for name, line in exact.items()
    },
    title="With attention, long sentences come out right, too",
    label="exact match against source length, with and without attention",
    y_label="exact match, 95 % interval",
    width=480,
)

# %%
shown = grammar.translate("The old doctor doesn't see the woman's white cat.")
found = translator.translate([shown.source])[0]
aligned = attention_svg(
    found.weights,
    row_labels=found.target,
    col_labels=found.source,
    gold=shown.alignment if found.target == shown.target else None,
    title="Attention finds most gold links, crossings too",
    label="attention of one sentence with its gold links outlined",
    row_name="written",
    col_name="read",
    width=480,
)

# %%
exercises.guess_length(
    Picture(
        beside(curve, aligned, label="quality against length, and one attention map"),
        alt="Left: share of sentences translated without a mistake against source length. Without attention the line falls "
        "to zero, with attention it stays near the top. Right: the attention map of one sentence; nearly all dark "
        "cells lie on the outlined gold links, crossing where French turns adjective and noun round.",
    ),
    without=without[-1].value,
    longest=marks[-1].value,
    bucket=buckets[-1],
)

# %%
for name, line in exact.items():
    print(f"{name:26}" + "".join(f"{mark.value:8.3f}" for mark in line))
assert min(mark.value for mark in marks) >= 0.85

# %% [markdown]
# That is the whole point of attention in one picture. Nothing has to survive in one vector, so it hardly matters how much
# there is to survive. One word costs one look, in a short sentence as in a long one.
#
# One doubt. Lesson 11's model has more parameters, but it has seen fewer words, half a million, and none of the longer
# sentences of `data.more`. Would the rest have helped? `train_translator(data.train + data.more, attention="none",
# width=256)` trains it on the same sentences, as long as the one above. Lesson 11 widened the vector, too: that moves the
# fall, and does not take it away.
#
# ## 5. Attention, scored
#
# The map is pretty, and dark where it should be. One map proves nothing: it was chosen. So we score all of them. Each
# target word is linked to the source word with the greatest weight. With $A$ these links and $G$ the gold ones, the
# **alignment error rate** (Och and Ney 2003; here all gold links count as sure) is
#
# $$\mathrm{AER} = 1 - \frac{2\,|A \cap G|}{|A| + |G|}$$
#
# 0 if both agree, 1 if they share nothing. For the sentence above, by hand and by the course. The model is told the right
# translation here, so that its rows fit the gold ones (teacher forcing):

# %%
weights = translator.align([shown])[0]  # (T, S)
drawn = {(int(row.argmax()), t) for t, row in enumerate(weights)}
by_hand = 1 - 2 * len(drawn & shown.alignment) / (len(drawn) + len(shown.alignment))
np.testing.assert_allclose(by_hand, alignment_error_rate(weights, sure=shown.alignment))
missed = sorted(shown.alignment - drawn, key=lambda link: link[1])
print(f"{len(drawn)} links, {len(shown.alignment)} gold ones, AER {by_hand:.3f}")
print("missed:", ", ".join(f"{shown.target[t]} – {shown.source[s]}" for s, t in missed))
print(
    "wrong: ",
    ", ".join(
        f"{shown.target[t]} – {shown.source[s]}" for s, t in drawn - shown.alignment
    ),
)

# %% [markdown]
# One link for each target word cannot reach 0: *voit* belongs to two English words and gets one link. So we need the
# **least** that this rule can reach. And we need controls. **Random**: each target word is linked to any source word.
# **Untrained**: the same architecture with fresh parameters. **Diagonal**: the word at 40 % of the target goes with the word
# at 40 % of the source; no model, no learning. **Your guess first**: how good is the diagonal?

# %%
gold = [pair.alignment for pair in data.test]
generator = np.random.default_rng(0)
maps = translator.align(data.test)
blank = Translator(
    Seq2Seq(model.config).eval(), source=translator.source, target=translator.target
)


def links_by(rule):
    """For each test pair one link a target word: its source place by a rule of (pair, t)."""
    return [{(rule(pair, t), t) for t in range(len(pair.target))} for pair in data.test]


def on_the_diagonal(pair, t):
    return int((t + 0.5) / len(pair.target) * len(pair.source))


# %%
ways = {
    "random": links_by(lambda pair, t: int(generator.integers(len(pair.source)))),
    "untrained attention": blank.align(data.test),
    "diagonal": links_by(on_the_diagonal),
    "attention": maps,
    "least possible": links_by(
        lambda pair, t: min(s for s, place in pair.alignment if place == t)
    ),
}
rates = {
    name: score_alignments(links, sure=gold, resamples=300)
    for name, links in ways.items()
}

# %%
figure, (ax,) = new_figure(width=640, height=300)
names = list(rates)
values = [rates[name].error_rate for name in names]
ax.barh(names[::-1], values[::-1], color=OKABE_ITO[0])
for place, value in enumerate(values[::-1]):
    ax.text(value + 0.01, place, f"{value:.3f}", va="center", fontsize=9)
ax.set_xlim(0, 1.08)
ax.set_xlabel("alignment error rate, 2,000 test sentences")
ax.set_title("Attention aligns far better than the diagonal", loc="left")
exercises.guess_diagonal(figure, rate=rates["diagonal"].error_rate)

# %%
for name, rate in rates.items():
    print(f"{name:20} AER {rate.error_rate:.3f}  ({rate.low:.3f} to {rate.high:.3f})   "
          f"precision {rate.precision:.3f}, recall {rate.recall:.3f}")  # fmt: skip
assert rates["attention"].error_rate <= 0.08
assert rates["attention"].high < rates["diagonal"].low
assert rates["untrained attention"].error_rate > rates["diagonal"].error_rate

# %% [markdown]
# Two thirds of the links are right without any attention: the languages go in much the same order. Who shows a dark
# diagonal has shown little. The trained model's error rate is far lower, though no gold link was ever in its loss. It found
# them because they help to say the next word.
#
# ### By phenomenon
#
# Where is it wrong? The sets come with the phenomena that a sentence shows.

# %%
one_link = ways["least possible"]
phenomena = sorted({name for pair in data.test for name in pair.phenomena})
table = []
for name in phenomena:
    rows = [i for i, pair in enumerate(data.test) if name in pair.phenomena]
    if len(rows) >= 50:
        marks = [
            score_alignments(
                [links[i] for i in rows], sure=[gold[i] for i in rows], resamples=100
            )
            for links in (maps, one_link, ways["diagonal"])
        ]
        table.append((name, len(rows), *marks))

# %%
table.sort(key=lambda row: -row[2].error_rate)
print(
    f"{'sentences with':18}{'n':>5}{'precision':>11}{'recall':>8}{'AER':>8}{'least':>8}{'diagonal':>10}"
)
for name, count, mark, least, diagonal in table:
    print(f"{name:18}{count:5}{mark.precision:11.3f}{mark.recall:8.3f}{mark.error_rate:8.3f}"
          f"{least.error_rate:8.3f}{diagonal.error_rate:10.3f}")  # fmt: skip
assert all(mark.high < diagonal.low for _, _, mark, _, diagonal in table)

# %%
wrong, number = {}, 0
for pair, weights in zip(data.test, maps, strict=True):
    for s, t in best_alignment(weights) - pair.alignment:
        key = (pair.target[t], pair.source[s])
        wrong[key] = wrong.get(key, 0) + 1
        number += 1
print(f"{number:,} wrong links, most often")
for (target, source), count in sorted(wrong.items(), key=lambda item: -item[1])[:8]:
    print(f"{count:6}  {target} – {source}")

# %% [markdown]
# Questions are worst by far, and the list says why. *est-ce que* makes a French question. Our gold links go to the auxiliary,
# *does* or *have*. The decoder prefers other evidence: the question mark, which says the same. Then clitics and negations.
# Our gold links tie *ne* and *pas* to *n't*; for *ne* the decoder looks at *did* or *does*, one place further left. The GRU
# that comes from the right has read the *n't* before it comes there. Neither is a mistake of translation. An error rate
# measures agreement with a convention, and the convention is ours.
#
# One link for each word is one rule. A **threshold** is another: link all pairs with at least that weight. Then a word may
# get two links, or none.

# %%
thresholds = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
counted = [count_links(maps, sure=gold, threshold=one).sum(axis=0) for one in thresholds]
ax = plot_lines(
    thresholds,
    {
        "precision": [c[0] / c[2] for c in counted],
        "recall": [c[0] / c[3] for c in counted],
        "alignment error rate": [1 - 2 * c[0] / (c[2] + c[3]) for c in counted],
    },
    x_label="least weight of a link",
    y_label="share of links",
    title="A higher threshold trades recall for precision",
)
Picture(
    ax.figure,
    alt="Precision rises and recall falls with the threshold; the alignment error rate is lowest in between.",
)

# %% [markdown]
# ### Your own sentence
#
# Type one; any words of the grammar will do, and an unknown word is refused with suggestions. Gold links are drawn where the
# grammar can parse your sentence and the model's translation is the grammar's own. Try *did the hedgehogs drink some
# milk ?* or *tom misses anna .* With `threshold` at 0 each word is linked to its strongest source word, as above; higher up,
# to all with at least that weight. Hover over a cell for its number.


# %%
def gold_links(source, target):
    """Gold links of a sentence that the grammar knows, if the translation is its own; else None."""
    try:
        known = grammar.translate(source)
    except ValueError:
        return None
    return known.alignment if known.target == tuple(target) else None


alignment_explorer = AlignmentExplorer(
    lambda text: translator.translate([text])[0],
    sentence="the cat that the children see does not sleep .",
    gold=gold_links,
    known=translator.source.words,
    threshold=0,
)
alignment_explorer.picture()

# %%
alignment_explorer

# %%
state = alignment_explorer.state()
again = translator.translate([state["sentence"]])[0]
rows = len(again.target), len(again.source)
np.testing.assert_allclose(
    np.array(state["weights"])[: rows[0], : rows[1]], again.weights, atol=1e-5
)
print("→", " ".join(state["target"]))
print({name: state[name] for name in ("precision", "recall", "error_rate")})

# %% [markdown]
# ## 6. Is attention an explanation?
#
# The map says: for *chat* it looked at *cat*. Is that *why* it said *chat*? A map is an observation. A cause shows under an
# **intervention**: change the weights, leave everything else, and see what the model says.
#
# ### Move the weights
#
# *the cat sees the dog .* The model has written *le chat voit le*, and is about to say *chien*. Now let us force it to look
# at *cat*. What will it say? Type your guess, then reveal. (`its weight` sets the weight of the chosen source word; the
# others share the rest.)

# %%
sentence = translator.read("the cat sees the dog .")
written = translator.translate([sentence])[0]


def next_words(place, weights):
    """What could stand at a place of the translation, with the model's weights or with given ones."""
    probabilities, used = translator.next_words(
        sentence, written.target[:place], weights=weights
    )
    return translator.labels, probabilities, used


# %%
editor = WeightEditor(
    next_words,
    source=written.source_pieces,
    target=written.target_pieces,
    place=4,
    word=1,
)
editor.set_state(weight=1.0)
editor.picture()

# %%
editor


# %%
def say(place, weights):
    """The likeliest word and its probability."""
    probabilities = next_words(place, weights)[1]
    best = int(probabilities.argmax())
    return f"{translator.labels[best]} ({probabilities[best]:.3f})"


one_place = np.eye(len(written.source_pieces))
print("after “le chat voit le”, own weights:", say(4, None))
for place, word in enumerate(written.source_pieces):
    print(f"   all weight on {word:6} → {say(4, one_place[place])}")
assert say(4, one_place[1]).startswith("chat")

# %% [markdown]
# All weight on *cat*, and it says *chat*; on *sees*, and it says *voit*, which is no noun and cannot follow *le*. So the weights
# are no by-product. They decide.
#
# ### Shuffle them
#
# One sentence was chosen, again. Jain and Wallace (2019) made it a test: deal the weights of each row to other places, at
# random, and measure how far the output's probabilities move, here those of the next word, by **total variation distance**:
# half the sum of absolute differences, 0 for the same, 1 for nothing in common. Our decoder makes that easy, since weights do
# not feed its states: all words of a batch at once.


# %%
@torch.no_grad()
def predict(pairs, *, change=None, source=None):
    """Next words' probabilities (B, T, V) and attention (B, T, S), told the right words; attention changed on request."""
    own, target = pad_pairs(translator.encode_pairs(pairs))
    memory = model.start(own if source is None else source)
    states, _ = model.writer.layer(
        model.writer.vectors(target[:, :-1]), state=memory.recurrent
    )
    _, weights = model.writer.look(states, memory)
    if change is not None:
        weights = change(weights, memory.mask)
    scores = model.writer.say(states, weights @ memory.values)
    return scores.softmax(dim=-1), weights


# %%
def shuffle(weights, mask):
    """Each row's weights dealt to other real places."""
    keys = torch.rand(weights.shape, generator=dealer).masked_fill(~mask[:, None], 2.0)
    return weights.gather(dim=-1, index=keys.argsort(dim=-1))  # padding comes last


# %%
some = data.test[:200]
dealer = torch.Generator().manual_seed(0)
plain, own_weights = predict(some)
_, targets = pad_pairs(translator.encode_pairs(some))
labels = targets[:, 1:]  # (B, T)
small = {"le", "la", "les", "l'", "un", "une", "des", "du", "de", "d'", "au", "aux", "à", "ne", "n'",
         "pas", "jamais", "et", "que", "qu'", "qui", ".", "?", ","}  # fmt: skip
kinds = {
    "small words": torch.tensor(
        [[translator.labels[i] in small for i in row] for row in labels.tolist()]
    )
}
kinds["other words"] = (labels > END) & ~kinds["small words"]

# %%
changes = {
    "shuffled": shuffle,
    "even": lambda weights, mask: (mask / mask.sum(dim=1, keepdim=True))[
        :, None
    ].expand_as(weights),
    "all on the strongest": lambda weights, mask: F.one_hot(
        weights.argmax(dim=-1), weights.shape[-1]
    ).float(),
}

# %%
moved, kept = {}, {}
for name, change in changes.items():
    other, _ = predict(some, change=change)
    distance = 0.5 * (other - plain).abs().sum(dim=-1)  # (B, T)
    same = other.argmax(dim=-1) == plain.argmax(dim=-1)
    for kind, which in kinds.items():
        moved[name, kind] = distance[which].median().item()
        kept[name, kind] = same[which].float().mean().item()

# %%
print(f"{'weights':22}{'words':14}{'median distance':>16}{'same word said':>16}")
for name, kind in moved:
    print(f"{name:22}{kind:14}{moved[name, kind]:16.3f}{kept[name, kind]:16.1%}")
assert moved["shuffled", "other words"] > 0.9
assert moved["all on the strongest", "other words"] < 0.05

# %% [markdown]
# Dealt at random, the weights change about six words in seven, small words as often as others. And look at the last two rows:
# if each target word sees only its strongest place, almost nothing changes. The decoder looks at one word at a time. The soft
# mean was needed to learn where, since a hard choice has no gradient.
#
# ### And the noun's gender?
#
# So attention is a cause. Is it the whole story? *the book is old* becomes *le livre*, *the bank is old* becomes *la banque*.
# Only the noun can decide between *le* and *la*. We take every noun of the grammar for which the article is one of
# the two, and look where the decoder looks when it writes that article. **Your guess first.**

# %%
articles = []
for word in translator.source.words:
    try:
        known = grammar.translate(f"the {word} is old .")
    except ValueError:
        continue
    if known.target[0] in ("le", "la"):
        articles.append(known)
first = torch.tensor([translator.target_ids(pair.target[:1])[0] for pair in articles])
row = torch.arange(len(articles))


# %%
def put(place):
    """All weight of the first target word on one source place."""

    def change(weights, mask):
        weights = weights.clone()
        weights[:, 0] = torch.eye(weights.shape[-1])[place]
        return weights

    return change


# %%
found, looked = predict(articles)
by_place = {
    "own weights": found,
    "all on the": predict(articles, change=put(0))[0],
    "all on the noun": predict(articles, change=put(1))[0],
}
correct = {
    name: (found[:, 0].argmax(dim=-1) == first).float().mean().item()
    for name, found in by_place.items()
}

# %%
figure, axes = new_figure(width=900, height=300, columns=2)
on = looked[:, 0].mean(dim=0)
axes[0].bar(["the", "noun", "the rest"], [on[0], on[1], on[2:].sum()], color=OKABE_ITO[0])
axes[0].set_ylabel("mean attention at the article")
axes[0].set_title(f"{on[1]:.0%} of the attention rests on the noun …", loc="left")
axes[1].bar(list(correct), list(correct.values()), color=OKABE_ITO[2])
axes[1].set_ylabel(f"right article, {len(articles)} nouns")
axes[1].set_title("… yet the article does not need it", loc="left")
for ax in axes:
    ax.set_ylim(0, 1.05)
exercises.guess_cause(figure, share=correct["all on the"])

# %%
print({name: f"{value:.0%}" for name, value in correct.items()})
print(f"of {len(articles)} articles, {sum(p.target[0] == 'la' for p in articles)} are la")
assert correct["all on the"] > 0.9

# %% [markdown]
# With all weight on *the*, not a trace of it on the noun, the article is still right. How can it know? Not by looking at the
# noun. The encoder reads in both directions, and the decoder's first state is its summary of the whole sentence. The vector
# at *the*, too, was made by a GRU that came from the right and had read the noun before. Attention tells which vector was
# **read**. It does not tell which words **made** that vector. Whoever sees a dark cell at *the* and says that the model wrote
# *la* because of *the* is wrong: the reason is the noun.
#
# ### What a word depends on
#
# Exchanging words of the source is an intervention, too, at the other end. For each source place of sixty test sentences of 6
# to 10 words we put another word there, drawn at random, and measure for each target word how far its probabilities move.
# That gives a matrix of the same shape as the attention: the **influence** of source places on target words.

# %%
some = [pair for pair in data.test if 6 <= len(pair.source) <= 10][:60]
source, _ = pad_pairs(translator.encode_pairs(some))
plain, own_weights = predict(some)
influence = torch.zeros_like(own_weights)
dealer = torch.Generator().manual_seed(0)
for place in range(source.shape[1] - 1):
    for _ in range(2):
        drawn = torch.randint(
            END + 1, model.config.source_vocabulary, (len(some),), generator=dealer
        )
        other = source.clone()
        there = source[:, place] > END
        other[there, place] = drawn[there]
        distance = 0.5 * (predict(some, source=other)[0] - plain).abs().sum(dim=-1)
        influence[:, :, place] += distance * there[:, None] / 2


# %%
def cut(tables):
    """Words alone: (T, S) for each sentence."""
    return [
        table[: len(pair.target), : len(pair.source)].clamp(0, 1).numpy()
        for table, pair in zip(tables, some, strict=True)
    ]


# %%
seen, caused = cut(own_weights), cut(influence)
agreed = mean_with_interval(
    [
        (a.argmax(axis=1) == b.argmax(axis=1)).mean()
        for a, b in zip(seen, caused, strict=True)
    ]
)
others = mean_with_interval([np.mean((b > 0.2).sum(axis=1) > 1) for b in caused])
print(
    f"strongest attention and strongest influence are the same source word for {agreed} of the target words"
)
print(
    f"target words on which two source words or more have an influence above 0.2: {others}"
)
for name, tables in (("attention", seen), ("influence", caused)):
    print(f"{name:10} {score_alignments(tables, sure=[p.alignment for p in some])}")

# %% [markdown]
# For five target words in six or so, the word looked at is the word that matters most. But most depend on more than one.
# French suggests which: an article or an adjective needs its noun, *banque* the neighbour that tells it from *rive*. That may
# be why influence is the worse aligner: a word depends on more than its gold link.
#
# So what may you say? Attention is a **cause** of the output: move it, and the word changes. As evidence of *which word is
# being translated* it is good, and cheap. As an explanation it is **incomplete**, and presumably the more so, the more the
# encoder mixes.
#
# ## 7. Where it breaks
#
# Two harder sets. **Long**: 26 to 40 words; no training sentence has more than 25. **Unseen combinations**: two words, or two
# phenomena, that each occur in training, but never together.

# %%
hard = {"test": data.test, "long": data.long, "unseen": data.unseen}
outcome = {"test": said}
for name in ("long", "unseen"):
    outcome[name] = translator.translate([pair.source for pair in hard[name]])

# %%
judged, hits = {}, {}
for name, pairs in hard.items():
    judged[name] = evaluate_corpus(
        Bleu(), hypotheses=[one.target for one in outcome[name]],
        references=[pair.target for pair in pairs], resamples=300,
    )  # fmt: skip
    hits[name] = np.array(
        [
            one.target == pair.target
            for one, pair in zip(outcome[name], pairs, strict=True)
        ]
    )
    rate = score_alignments(
        translator.align(pairs), sure=[p.alignment for p in pairs], resamples=100
    )
    print(
        f"{name:7} BLEU {judged[name]}; exact {mean_with_interval(hits[name].astype(float))}; AER {rate.error_rate:.3f}"
    )
assert hits["test"].mean() > hits["unseen"].mean() > hits["long"].mean()

# %% [markdown]
# On long sentences many more come out wrong. How? Told the right words, attention still aligns as well as before: the error
# rate is no higher. So look at the translations:

# %%
lost = [i for i in np.flatnonzero(~hits["long"]) if outcome["long"][i].finished]
for i in lost[:3]:
    print(" ".join(data.long[i].source))
    print("   gold:", " ".join(data.long[i].target))
    print("   said:", " ".join(outcome["long"][i].target), "\n")


# %%
def shorter(name):
    """Among the wrong translations of a set: how many lack three words or more."""
    gaps = [
        len(pair.target) - len(one.target)
        for pair, one, ok in zip(hard[name], outcome[name], hits[name], strict=True)
        if not ok
    ]
    return mean_with_interval([float(gap >= 3) for gap in gaps])


def unread(name):
    """Source words that got less than 0.2 of the weight in every row, a sentence; right and wrong ones apart."""
    counts = np.array(
        [
            (one.weights.max(axis=0) < 0.2).sum() if one.target else 0
            for one in outcome[name]
        ]
    )
    return counts[hits[name]].mean(), counts[~hits[name]].mean()


# %%
for name in ("test", "long"):
    good, bad = unread(name)
    print(f"{name}: of the wrong translations {shorter(name)} lack three words or more;")
    print(
        f"      words never looked at: {good:.1f} a sentence where right, {bad:.1f} where wrong"
    )
assert shorter("long").value > shorter("test").value

# %% [markdown]
# One failure in four or so lacks three words or more. Often that is a **jump**. The decoder finishes a phrase and looks for
# the next. Attention finds places by what stands there, and further on may stand something that looks alike, such as another
# relative clause. It goes on from there, and what lies between is lost: words that were never looked at. Nothing keeps a
# record of what has been translated. In test sentences, as long as those of training, it hardly happens. (Tu and others 2016
# give attention such a record and call it coverage.)

# %%
kinds_of = [
    {kind for kind, *_ in grammar.withheld.combinations(pair)} for pair in data.unseen
]
for name, kind in (("two words", "words"), ("two phenomena", "phenomena")):
    which = np.array([kinds == {kind} for kinds in kinds_of])
    print(
        f"unseen {name:14} exact {mean_with_interval(hits['unseen'][which].astype(float))}, n = {which.sum()}"
    )
    for i in np.flatnonzero(which & ~hits["unseen"])[:2]:
        print("   ", " ".join(data.unseen[i].source))
        print("      gold:", " ".join(data.unseen[i].target))
        print("      said:", " ".join(outcome["unseen"][i].target))

# %% [markdown]
# Two words that never met cost little: each is looked up at its own place. Two phenomena that never met cost more: the adverb
# between *est* and its participle, or the pronoun inside *est-ce que*, takes a rule that no training sentence showed. Attention
# fetches words. Grammar it does not supply.
#
# ## 8. Paper and code
#
# What we changed, and why.
#
# | Bahdanau, Cho and Bengio 2015 | here | why |
# |---|---|---|
# | the score asks with the state *before* the last word is read; the context is read together with that word and enters the next state | the state after the last word asks; the context goes into the prediction, not into the next state (`input_feeding=False`) | the attention of all target steps is then computed at once in training; `input_feeding=True` gives the paper's form |
# | encoder vectors are states of the GRU | the source word's own vector is added (`residual=True`) | attention goes to the word itself and not to a neighbour that has heard of it |
# | no dropout | numbers of the vectors at 0.02; and one prediction in twenty is made without the decoder's state (`state_dropout`) | what is said must then come from what was looked at |
# | 1,000 hidden numbers in the score | 64, and $v$ starts larger | the hidden layer is computed for every pair of places; with larger scores the first looks differ, and training is shorter |
# | the end mark may be looked at | it is masked, as padding is | words that need no look would rest there |
# | output layer with maxout | a tanh layer, as Luong's | simpler |
# | input and output vectors of target words apart | one table for both | fewer parameters |
# | 1,000 numbers, 30,000 words, days on a GPU | 192 numbers, a thousand words, a minute and a half | a grammar is not a language |
#
# What does the first line save? The same batches, the same sizes, forward and backward, both forms in turns:

# %%
batches = PairBatches(translator.encode_pairs(data.train[:2000]), size=64)
drawn = [
    batch
    for batch, _ in zip(batches(torch.Generator().manual_seed(0)), range(5), strict=False)
]
tokens = sum((target[:, 1:] != PADDING).sum().item() for _, target in drawn)
forms = {
    name: Seq2Seq(replace(model.config, input_feeding=feeding))
    for name, feeding in (("all steps at once", False), ("paper's form", True))
}
seconds = {name: [] for name in forms}
for _ in range(4):  # in turns; the first warms up
    for name, form in forms.items():
        started = time.perf_counter()
        for batch in drawn:
            form.loss(batch).backward()
        seconds[name].append(time.perf_counter() - started)

# %%
best = {name: min(found) for name, found in seconds.items()}
for name, found in best.items():
    print(f"{name:18} {tokens / found:8,.0f} target tokens a second")
ratio = best["paper's form"] / best["all steps at once"]
print(f"ratio {ratio:.1f}")
assert ratio > 1

# %% [markdown]
# The ratio is what it saves; both forms still walk through the recurrent layer word by word. The price: where the decoder has
# looked before is no part of its state, except through the words that it wrote. What section 7 showed on long sentences may
# have to do with that. Try it: `train_translator(data.train + data.more, input_feeding=True)` takes a few minutes; look at
# the long set.
#
# ## 9. Break it
#
# A colleague serves your model, and users complain: the same sentence gets different translations at different times. Alone it is
# right. Beside a long sentence it is sometimes wrong. No error, no warning; the parameters are yours. Below,
# `exercises.careless_start` is the colleague's way to start decoding, and the batch is padded to more and more places.


# %%
@torch.no_grad()
def serve(pairs, start, *, padding):
    """Share of sentences said right, and mean sum of attention over real words, with padding added."""
    source, target = pad_pairs(translator.encode_pairs(pairs))
    memory = start(F.pad(source, (0, padding)))
    scores, weights, _ = model.writer.write(model.writer.vectors(target[:, :-1]), memory)
    labels = target[:, 1:]
    ok = ((scores.argmax(dim=-1) == labels) | (labels == PADDING)).all(dim=1)
    on_words = weights[:, :, : source.shape[1]].sum(dim=-1)[labels != PADDING]
    return ok.float().mean().item(), on_words.mean().item()


# %%
equal_length = [pair for pair in data.test if len(pair.source) == 8]
paddings = [0, 5, 10, 20, 40, 80]
served = {
    name: [serve(equal_length, start, padding=one) for one in paddings]
    for name, start in (
        ("yours", model.start),
        ("your colleague's", lambda source: exercises.careless_start(model, source)),
    )
}

# %%
figure, axes = new_figure(width=900, height=320, columns=2)
panels = [
    (1, "attention on real words, sum", "Weight on words falls below 1"),
    (0, "sentences right", "With much padding, sentences go wrong"),
]
for ax, (part, label, title) in zip(axes, panels, strict=True):
    plot_lines(
        paddings,
        {name: [one[part] for one in results] for name, results in served.items()},
        x_label="places of padding behind sentences of 8 words",
        y_label=label,
        title=title,
        ax=ax,
    )
    ax.set_ylim(0, 1.05)

# %%
exercises.guess_fault(
    Picture(
        figure,
        alt="Two panels against the padding behind a sentence. Left: the attention on real words sums to 1 in your model and "
        "falls below 1 in your colleague's. Right: the share of right sentences stays in yours and falls in theirs.",
    )
)

# %%
for name, results in served.items():
    print(
        f"{name:18}", "  ".join(f"{ok:.2f} ({on_words:.2f})" for ok, on_words in results)
    )
assert all(abs(on_words - 1) < 1e-5 for _, on_words in served["yours"])
assert len({ok for ok, _ in served["yours"]}) == 1
assert served["your colleague's"][-1][1] < 0.9
assert served["your colleague's"][-1][0] < served["yours"][-1][0]

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# Your colleague's decoder lets attention look at padding. The softmax always gives away a whole 1, and some of it goes to places
# where no word stands, the more of them the more: the first panel. With no padding nothing is wrong, which is why it passed
# every test with one sentence. <code>inspect.getsource(exercises.careless_start)</code> shows the line. The test that would
# have found it costs two lines: translate a sentence alone and beside a long one, and compare the numbers. Padding more must
# change nothing. In training the fault hides better still: batches of similar length hold little padding, and a model can
# learn to give padding low scores, up to the padding that it has met.
#
# </details>
#
# ## 10. Exercises

# %%
exercises.look_back

# %%
my_answer = None  # a number
exercises.look_back.check(my_answer)

# %%
exercises.all_at_once


# %%
def my_weights(queries, keys, allowed, vector):
    """Weights (T, S) of additive attention, without a loop."""
    raise NotImplementedError


exercises.all_at_once.check(my_weights)

# %%
exercises.shuffled


# %%
def my_shuffled(weights, votes, orders):
    """Median total variation distance between the next word's probabilities before and after shuffling."""
    raise NotImplementedError


exercises.shuffled.check(my_shuffled)

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
row = scoreboard.record(lesson="13", model="additive attention", metric="BLEU, grammar, test", value=bleu.value,
                        low=bleu.low, high=bleu.high, seconds=trained.seconds,
                        parameters=trained.parameters)  # fmt: skip
row

# %%
for name, rate in rates.items():
    row = scoreboard.record(lesson="13", model=name, metric="alignment error rate, grammar, test",
                            value=rate.error_rate, low=rate.low, high=rate.high)  # fmt: skip
row

# %%
for name in ("long", "unseen"):
    mark = mean_with_interval(hits[name].astype(float))
    row = scoreboard.record(lesson="13", model="additive attention", metric=f"exact match, grammar, {name}",
                            value=mark.value, low=mark.low, high=mark.high)  # fmt: skip
row

# %%
for bucket, mark in zip(buckets, exact["attention"], strict=True):
    row = scoreboard.record(lesson="13", model="additive attention",
                            metric=f"exact match, grammar, test, {bucket} words",
                            value=mark.value, low=mark.low, high=mark.high)  # fmt: skip
row

# %% [markdown]
# The decoder can look back, and with that the curve of lesson 11 is gone. The maps agree with gold links that no loss ever
# saw. Moving the weights moves the words. And the maps are not the whole explanation, since what is read at a place was
# put there by its neighbours.
#
# **What remains.** The score was one choice: a small network, for every pair of places. Is a plain dot product enough? What if
# there were several looks at once? And if attention does the work, what is the recurrent network still for? Lesson 14
# takes attention apart.
#
# **Read on**
# - Bahdanau, Cho and Bengio (2015), *Neural Machine Translation by Jointly Learning to Align and Translate*: figures 2 and 3 are
# our section 4.
# - Och and Ney (2003), *A Systematic Comparison of Various Statistical Alignment Models*: where the error rate comes from.
# - Jain and Wallace (2019), *Attention is not Explanation*, and Wiegreffe and Pinter (2019), *Attention is not not Explanation*:
# the debate that section 6 is a small piece of; read both.
# - Luong, Pham and Manning (2015), *Effective Approaches to Attention-based Neural Machine Translation*: the other scores, and input feeding (of the tanh layer's output, not of the bare context).
