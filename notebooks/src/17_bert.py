# %% [markdown]
# # 17 · BERT
#
# **The question: what does an encoder learn from filling in gaps, and what becomes of it afterwards?**
#
# Lesson 16's model reads from left to right, because it is to write. To *understand* a text one may look at all of it.
# Devlin, Chang, Lee and Toutanova (2018) hid some words from an encoder and let it guess them from both sides; the
# trained encoder was then handed on, with a small layer on top, to one task after another. We do the same: fill gaps,
# fine-tune, and at last look into the 72 heads of a real encoder, MiniLM, beside the same 72 before training.
#
# **You will be able to**
# - hide tokens 80/10/10, write the head and the loss of a masked language model, and say why each detail is there;
# - measure what it is worth to read both ways, against a model that may not;
# - decide between frozen vectors and fine-tuning with numbers, and name the task where each wins;
# - sort heads by what they do, with controls, and tell weight from influence.
#
# **You need** lesson 15 (transformer blocks, positions), lesson 16 (byte-pair tokens) and lesson 08 (a classifier on
# frozen vectors).
#
# Measured run time: **175 s** and **1450 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import copy
import re
import time
from contextlib import ExitStack
from functools import partial
from types import SimpleNamespace

import numpy as np
import safetensors
import torch
import torch.nn.functional as F
from course_utils import scoreboard
from course_utils.checkpoints import cached
from course_utils.datasets.docstrings import load_docstrings
from course_utils.datasets.library_task import LIBRARIES, library_task
from course_utils.datasets.wikipedia import load_wikipedia, split_articles
from course_utils.datasets.word_order import word_order_task
from course_utils.evaluation import head_scores as look_at
from course_utils.evaluation.few_shot import nested_samples
from course_utils.evaluation.head_kinds import score_heads
from course_utils.evaluation.retrieval import mean_with_interval
from course_utils.exercises import lesson_17 as exercises
from course_utils.explorers.ablation import AblationLab
from course_utils.explorers.alignment import AlignmentExplorer
from course_utils.explorers.heads_grid import Heads, HeadsGrid
from course_utils.explorers.mask import MaskExplorer
from course_utils.explorers.score_pipeline import ScorePipeline
from course_utils.language_models import masked as recipe
from course_utils.language_models.corpus import load_corpus
from course_utils.language_models.masked import (
    LIVE,
    HiddenWindows,
    build_masked_encoder,
    guess_hidden,
    train_masked_encoder,
)
from course_utils.models import masked_language_model
from course_utils.models.encoder_classifier import EncoderClassifier, labelled_batches
from course_utils.models.masking import hide
from course_utils.models.sentence_encoder import SentenceEncoder
from course_utils.plots.bars import bars_svg
from course_utils.plots.estimates import plot_estimates
from course_utils.plots.kind_grids import kind_grids_svg
from course_utils.plots.lines import plot_lines
from course_utils.plots.picture import Picture
from course_utils.pretrained import load_minilm, minilm_file
from course_utils.runtime import fast_dtype, seed_everything, set_threads
from course_utils.training import History, fit
from sklearn.linear_model import LogisticRegression

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. A text with gaps
#
# The corpus is lesson 16's: the Wikipedia sample in byte-pair tokens, whole articles set aside. One number more than
# there are tokens stands for a gap: the **mark**, written [MASK].

# %%
# NBVAL_CHECK_OUTPUT
corpus = load_corpus()
MARK = corpus.vocabulary_size


def pieces_of(tokens):
    """Tokens as text, spaces and all."""
    return [
        "[MASK]" if t == MARK else corpus.bpe.decode([t])
        for t in np.ravel(tokens).tolist()
    ]


sentence = "The city lies on the river and was founded by the Romans."
tokens = torch.tensor([corpus.bpe.encode(sentence)])  # (B, T)
print(f"{corpus.vocabulary_size} tokens, and the mark: {MARK}")
print("|".join(pieces_of(tokens)))

# %% [markdown]
# Which tokens are to be guessed is drawn by lot: every place gets a number, and those with the smallest are
# **chosen**. BERT chose 15 % of each text. And then it did not simply put the mark there:
#
# - 80 % of the chosen places become the mark;
# - 10 % become any token, drawn evenly;
# - 10 % stay as they are.
#
# All of them are to be guessed. In the texts for which the encoder is made later, there is no mark. If it could rely
# on the mark, it would have to say something about marked places only. So it must reckon with an error, or a question,
# anywhere, and keep a good vector for *every* place.


# %%
def hide_by_hand(tokens, share, generator):
    """What the model reads, (B, T), and which places it has to guess, bool (B, T)."""
    wanted = max(1, round(share * tokens.shape[1]))
    lots = torch.rand(tokens.shape, generator=generator)
    chosen = lots.argsort(dim=1).argsort(dim=1) < wanted
    fate = torch.rand(tokens.shape, generator=generator)
    anything = torch.randint(MARK, tokens.shape, generator=generator)
    read = torch.where(chosen & (fate < 0.8), MARK, tokens)
    swap = chosen & (fate >= 0.8) & (fate < 0.9)
    return torch.where(swap, anything, read), chosen


# %%
# NBVAL_CHECK_OUTPUT
read, chosen = hide_by_hand(tokens, 0.4, torch.Generator().manual_seed(5))
print("read: ", "|".join(pieces_of(read)))
print(
    "asked:", [piece for piece, c in zip(pieces_of(tokens), chosen[0], strict=True) if c]
)
theirs = hide(
    tokens, mask_token=MARK, ordinary=MARK, share=0.4, generator=torch.Generator().manual_seed(5)
)  # fmt: skip
assert torch.equal(theirs.tokens, read)
assert torch.equal(theirs.chosen, chosen)
print("the course's `hide` does the same, place by place")

# %% [markdown]
# The encoder is that of lesson 06: it makes a vector of $C$ numbers for each place, and every place looks at all
# others. On top of it comes the **head**, which turns a vector into one score for each token: a linear layer, a bend,
# a norm, and then the product with the token's own input vector. The table of vectors serves twice, going in and
# coming out.
#
# $$s = E\,\mathrm{norm}(\mathrm{gelu}(W h + b)) + c \qquad \mathrm{loss} = -\frac{1}{N}\sum_{n \text{ chosen}} \ln
# \mathrm{softmax}(s_n)_{\text{what stood there}}$$
#
# The loss runs over the $N$ chosen places and no others. By hand, on a model of random weights, against the course's:


# %%
def loss_by_hand(model, batch):
    """Nats per chosen token."""
    h = model.read(batch.tokens)[0][batch.chosen]  # (B, T, C) to (N, C)
    head, table = model.head, model.encoder.piece_embedding.weight
    h = F.gelu(h @ head.transform.weight.T + head.transform.bias)
    h = (h - h.mean(1, keepdim=True)) / (
        h.var(1, correction=0, keepdim=True) + 1e-5
    ).sqrt()
    scores = (h * head.norm.weight + head.norm.bias) @ table.T + head.bias  # (N, V)
    right = scores.log_softmax(dim=1).gather(1, batch.targets[batch.chosen][:, None])
    return -right.mean()


# %%
# NBVAL_CHECK_OUTPUT
untrained = build_masked_encoder(corpus).eval()
untrained.fast_dtype = torch.float32  # exact numbers, to compare
batch = hide(
    corpus.stream("validation")[: 32 * 32].view(32, 32),
    mask_token=MARK,
    ordinary=MARK,
    generator=torch.Generator().manual_seed(0),
)
mine, course = loss_by_hand(untrained, batch), untrained.loss(batch)
torch.testing.assert_close(mine, course)
print("ours equals the course's")
print(f"near ln V before training: {abs(course.item() - np.log(MARK)) < 0.1}")

# %% [markdown]
# `MaskedLanguageModel` is this, tested against the reference's BertForMaskedLM with the same random weights, scores,
# loss and gradients. From here on it is imported.
#
# BERT had a second task, *next-sentence prediction*: does the second half of a text follow the first? We leave it out.
# Liu and others (2019, RoBERTa) trained without it and did as well or better; to tell two subjects apart one needs no
# order of sentences. What else departs from the paper follows later encoders (ModernBERT, 2024): norms first, places
# by rotation (lesson 15), more than 15 % chosen. `train_masked_encoder(corpus, places="learned", norm_first=False)` is
# nearer to 2018; try how far it gets in the same time.
#
# ## 2. Train it
#
# Two models of the same shape on the same gaps. One looks **both ways**. The other one's places see themselves and
# what stands to their left, as in lesson 16; else it is the same, mark and all. Sizes and rates were chosen on the
# validation articles, for the first.

# %%
both = train_masked_encoder(corpus)

# %%
one_way = train_masked_encoder(corpus, both_ways=False)

# %%
trained = {"both ways": both, "left only": one_way}
counts = torch.bincount(corpus.stream(), minlength=MARK).double()
shares = counts / counts.sum()
unigram = torch.special.entr(shares).sum().item()
print(LIVE)
for name, one in trained.items():
    print(
        f"{name}: {one.tokens:,} tokens read, {one.parameters:,} parameters, {one.seconds:.0f} s; "
        f"last 50 updates {np.mean(one.history.losses[-50:]):.2f} nats a gap"
    )

# %%
window = max(1, len(both.history) // 60)
most = len(both.history) // window * window
smooth = {
    name: np.array(one.history.losses[:most]).reshape(-1, window).mean(axis=1)
    for name, one in trained.items()
}
ax = plot_lines(
    np.arange(1, len(smooth["both ways"]) + 1) * window * LIVE.batch * LIVE.length / 1e6, smooth,
    x_label="million tokens read", y_label="loss, nats per gap",
    title="First the frequencies, then the neighbours",
)  # fmt: skip
ax.axhline(unigram, color="#57606a", linestyle="--", linewidth=1)
Picture(
    ax.figure,
    alt="Loss per gap against tokens read, for the model that reads both ways and the one that reads to the left only. Both fall "
    "below the dashed line, the entropy of token frequencies, on one curve; then the first falls on, further than the other.",
)

# %% [markdown]
# The dashed line is what token frequencies alone give, and both models are there in no time. For a while they go on
# alike: a tenth of the chosen places stand there to be read off, and no side is needed for that. Then they part. A
# place with a gap has to *find* its neighbours first, for its own vector says nothing but "gap"; only then is there
# something to learn from what they are, and one model finds twice as many.
#
# ## 3. Both ways, or one
#
# Judged on the ten articles of the test part: 15 % of the tokens of each window become the mark, the same for all
# models. **Masked accuracy** is the share of them for which the most probable token is the right one. Intervals are
# from drawing articles anew: tokens of one article are easy or hard together.

# %%
guesses = {
    name: guess_hidden(one.model, corpus.test, length=LIVE.length)
    for name, one in trained.items()
}
asked = guesses["both ways"]
top = int(counts.argmax())
right = {
    name: np.concatenate([g.answers == g.targets for g in found])
    for name, found in guesses.items()
}
right["most frequent"] = np.concatenate([g.targets == top for g in asked])
article = np.concatenate([[g.title] * len(g.targets) for g in asked])
marks = {
    name: mean_with_interval(hits.astype(float), groups=article, resamples=500)
    for name, hits in right.items()
}

# %%
ax = plot_estimates(
    {name: [marks[name]] for name in ("most frequent", "left only", "both ways")},
    groups=["hidden tokens of ten unseen articles"], y_label="masked accuracy, 95 % interval",
    title="The right side is worth as much again",
)  # fmt: skip
exercises.guess_masked(
    Picture(
        ax.figure,
        alt="Masked accuracy on test articles, with intervals: lowest for always guessing the most frequent token, higher for the "
        "model that reads to the left only, highest for the one that reads both ways.",
    ),
    both=marks["both ways"].value,
    one_way=marks["left only"].value,
    unigram=marks["most frequent"].value,
)

# %%
for name, mark in marks.items():
    print(f"{name:14} {mark.value:.3f} ({mark.low:.3f} to {mark.high:.3f})")
gain = mean_with_interval(
    right["both ways"].astype(float) - right["left only"], groups=article, resamples=500
)
print(
    f"both ways less left only: {gain.value:.3f} ({gain.low:.3f} to {gain.high:.3f}), {len(article):,} gaps"
)
assert gain.low > 0
assert marks["both ways"].value > 2 * marks["most frequent"].value

# %% [markdown]
# Against the frequencies, reading to the left is worth much, and the right side is worth as much again. Neither model
# had a token more than the other to learn from. What are they right about? By how often the hidden token stands in the
# training text:

# %%
rank = np.empty(MARK, dtype=int)
rank[counts.argsort(descending=True).numpy()] = np.arange(MARK)
ranks = np.concatenate([rank[g.targets] for g in asked])
for low, high in ((0, 20), (20, 200), (200, 1000), (1000, MARK)):
    inside = (ranks >= low) & (ranks < high)
    row = "".join(f"{name} {right[name][inside].mean():6.1%}   " for name in trained)
    print(f"tokens {low + 1:5,} to {high:5,}: {inside.mean():4.0%} of the gaps; {row}")

# %% [markdown]
# The most frequent tokens first: *of* and *the*, commas, ends of words. But look at the rare ones, too. There the
# model that reads to the left is nearly lost, for a rare word is seldom announced; the other one has what stands
# behind it. (BERT read 3.3 billion words, so says its paper, forty times over.)
#
# Type a sentence, choose the gap, and hide more of one side or the other. What the two models say is shown beside it.


# %%
def cut(text):
    ids = [MARK if part == "[MASK]" else part for part in re.split(r"(\[MASK\])", text)]
    flat = [
        t for part in ids for t in ([MARK] if part == MARK else corpus.bpe.encode(part))
    ]
    return SimpleNamespace(ids=flat, pieces=pieces_of(flat))


gap_sentence = "The city lies on the banks of the river and was founded by the Romans."
gaps = MaskExplorer(
    {name: one.predict for name, one in trained.items()},
    cut=cut, piece=lambda token: pieces_of([token])[0], mask=MARK,
    sentence=gap_sentence, place=1 + cut(gap_sentence).pieces.index(" by"),
)  # fmt: skip
gaps.picture()

# %%
gaps

# %%
state = gaps.state()
first = state["answers"]["both ways"]["guesses"][0]
log_p = both.predict(state["tokens"], state["masked"])
np.testing.assert_allclose(np.exp(log_p.max()), first["probability"], atol=1e-6)
print(f"first guess {first['piece']!r}, {first['probability']:.1%}: as `predict` says")

# %% [markdown]
# Would MiniLM fill the gap better? It began as a student of a model that was trained so. Its list of pieces has a
# [MASK], but look at what is in the package:

# %%
# NBVAL_CHECK_OUTPUT
with safetensors.safe_open(minilm_file("model.safetensors"), "pt") as file:
    stored = sorted(file.keys())
for_gaps = [name for name in stored if "predictions" in name or name.startswith("cls.")]
behind = [n for n in stored if "encoder.layer" not in n and "embeddings" not in n]
print(len(stored), "tensors; of a head for gaps:", for_gaps)
print("behind the encoder:", behind)

# %% [markdown]
# No transform, no bias of the output: the head is gone, and with it the knowledge of how a vector becomes a word.
# (`pooler` is what is left of next-sentence prediction; nothing in the course uses it.) We don't invent one. What is
# left is what most people want from an encoder: its vectors.
#
# ## 4. Fine-tuning, or frozen vectors
#
# The second half of BERT's idea. To use an encoder for a task, put one linear layer on a text's vector. Then either
#
# - **freeze** the encoder: each text becomes a vector once, and the layer is a logistic regression, as in lesson 08;
# or
# - **fine-tune**: train on through the encoder, all of it or its upper layers, with a small learning rate.
#
# Two tasks with real sentences. *Which library*: lesson 08's, twelve libraries, the first sentences of docstrings.
# *Shuffled words*: sentences of Wikipedia, in half of them the words in lower case have changed places among
# themselves. The words are the same, so all is in the order.

# %%
tasks = {}
docs = library_task(load_docstrings())
rows = nested_samples(docs["train"].labels, sizes=(16, 64), seed=0)
keep = np.concatenate(
    [np.flatnonzero(docs["test"].labels == label)[:60] for label in range(len(LIBRARIES))]
)
test = ([docs["test"].texts[i] for i in keep], docs["test"].labels[keep])
for size, chosen_rows in zip((16, 64), rows, strict=True):
    texts = [docs["train"].texts[i] for i in chosen_rows]
    tasks[f"library, {size} a class"] = (texts, docs["train"].labels[chosen_rows], *test)
parts = split_articles(load_wikipedia())
order = word_order_task(parts[0], sentences=800)
unseen = word_order_task(parts[2], sentences=480, without=order.originals)
tasks["shuffled words"] = (order.texts, order.labels, unseen.texts, unseen.labels)
for name, (texts, labels, test_texts, _) in tasks.items():
    print(
        f"{name}: {len(texts)} to learn from, {len(test_texts)} to be judged by; {labels[0]}: {texts[0]}"
    )

# %%
minilm = load_minilm()
fast = fast_dtype()
MOST = 32  # pieces of a text


def cut_for(encoder, texts):
    """Tokens of texts for MiniLM, or for our own encoder."""
    if encoder is minilm.model:
        return [one.ids for one in minilm.pieces.cut(texts, max_pieces=MOST)]
    return [corpus.bpe.encode(text)[:MOST] for text in texts]


# %%
def frozen(encoder, task, *, strength=1.0):
    """Right or wrong for each test text, by a probe on the mean vectors, and the seconds it took."""
    texts, labels, test_texts, test_labels = task
    started = time.perf_counter()
    model = EncoderClassifier(encoder, 2, trained=0, fast_dtype=fast)
    learn, judge = (
        F.normalize(torch.stack([one.mean(0) for one in model.enter(cut_for(encoder, t))])).numpy()
        for t in (texts, test_texts)
    )  # fmt: skip
    probe = LogisticRegression(C=strength, max_iter=2000).fit(learn, labels)
    return probe.predict(judge) == test_labels, time.perf_counter() - started


# %%
def tuned(encoder, task, *, trained, rate, passes, seed=0):
    """The same, after training the encoder's last blocks, or all of it (None)."""
    texts, labels, test_texts, test_labels = task
    started = time.perf_counter()
    torch.manual_seed(seed)
    model = EncoderClassifier(
        copy.deepcopy(encoder), int(labels.max()) + 1, trained=trained, fast_dtype=fast
    )
    entered = model.enter(cut_for(encoder, texts))
    steps = passes * -(-len(texts) // 16)
    fit(
        model, labelled_batches(entered, labels, size=16), steps=steps, learning_rate=rate,
        warmup=steps // 10, decay="linear", history=History(), seed=seed,
    )  # fmt: skip
    answers = model.predict(model.enter(cut_for(encoder, test_texts))).numpy()
    return answers == test_labels, time.perf_counter() - started


# %% [markdown]
# Rates and passes were chosen on validation sentences. First MiniLM, whose last two of six layers learn. **Your guess
# first**, for the shuffled words; the picture shows both tasks.

# %%
outcome = {}
for name, task in tasks.items():
    outcome["MiniLM frozen", name] = frozen(minilm.model, task)
    outcome["MiniLM, two layers tuned", name] = tuned(
        minilm.model, task, trained=2, rate=1e-3, passes=4
    )

# %%
estimates = {
    key: mean_with_interval(hits.astype(float), resamples=500)
    for key, (hits, _) in outcome.items()
}
ways = list(dict.fromkeys(way for way, _ in outcome))
ax = plot_estimates(
    {way: [estimates[way, name] for name in tasks] for way in ways},
    groups=list(tasks), y_label="right on test sentences, 95 % interval",
    title="Fine-tuning pays where the vectors had forgotten",
)  # fmt: skip
exercises.guess_order(
    Picture(
        ax.figure,
        alt="Accuracy with intervals on three tasks, frozen and tuned. On the library tasks the two are close; on shuffled words "
        "frozen vectors are little above one half and the tuned ones far above.",
    ),
    frozen=estimates["MiniLM frozen", "shuffled words"].value,
    tuned=estimates["MiniLM, two layers tuned", "shuffled words"].value,
)

# %%
for name in tasks:
    gain = mean_with_interval(
        outcome["MiniLM, two layers tuned", name][0].astype(float)
        - outcome["MiniLM frozen", name][0]
    )
    times = [outcome[way, name][1] for way in ways]
    print(
        f"{name:22} tuned less frozen {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}); "
        f"{times[0]:.0f} s against {times[1]:.0f} s"
    )
assert gain.low > 0  # the last task: shuffled words

# %% [markdown]
# A text's mean vector says what the text is about, because it was trained to. For the libraries fine-tuning brings
# nothing that the interval could tell from zero, and takes several times as long. Of the order little is left in the
# mean. The lower layers have it (section 5 shows heads that look at the neighbours), and fine-tuning lets it through:
# the same 800 sentences, and a different answer.
#
# Now our own small encoder. It never saw a label, but it has learned to say what fits between two neighbours. From
# there, and from random weights of the same shape:

# %%
starts = {"own, from gaps": both.model.encoder, "own, from nothing": untrained.encoder}
for way, encoder in starts.items():
    for name, task in tasks.items():
        outcome[way, name] = tuned(encoder, task, trained=None, rate=1e-3, passes=4)
        hits, seconds = outcome[way, name]
        estimates[way, name] = mean_with_interval(hits.astype(float), resamples=500)
        print(f"{way:18} {name:22} {estimates[way, name].value:.3f}, {seconds:.0f} s")

# %%
ax = plot_estimates(
    {way: [estimates[way, name] for name in tasks] for way in dict.fromkeys(w for w, _ in outcome)},
    groups=list(tasks), y_label="right on test sentences, 95 % interval",
    title="A minute of gaps helps where gaps and task are of one kind",
)  # fmt: skip
Picture(
    ax.figure,
    alt="The same three tasks with four ways: MiniLM frozen, MiniLM tuned, the course's own encoder trained on gaps and then tuned, and "
    "the same from random weights.",
)

# %%
for name in tasks:
    head_start = mean_with_interval(
        outcome["own, from gaps", name][0].astype(float)
        - outcome["own, from nothing", name][0]
    )
    print(
        f"{name:22} gaps less nothing {head_start.value:+.3f} ({head_start.low:+.3f} to {head_start.high:+.3f})"
    )
assert head_start.low > 0  # the last task: shuffled words

# %% [markdown]
# From random weights, 800 sentences teach the small encoder nothing about order: it learns them by heart and guesses
# on new ones. From gaps it comes further than the probe on MiniLM, which has thirty times its parameters. For the
# libraries the same start is a hindrance: random weights learn more from the same sentences, with the same rate and
# passes. An encyclopedia has few sentences like *Return the indices of …*, and the gaps asked for neighbours, not for
# subjects. So a start is not good or bad as such; it is good *for something*, and the comparison with nothing belongs
# beside every claim that it helped.
#
# How far does it go? `word_order_task(…, moved=2)` moves two neighbours only. Say what you expect before you try it.
#
# ## 5. What 72 heads look at
#
# MiniLM has 6 layers of 12 heads. What does each of them look at? Clark and others (2019) asked that of BERT. We take
# 48 sentences from the test articles and measure for each head which share of the weight of a piece goes to: the piece
# before, the piece behind, the piece itself, another place with the same piece, punctuation, and the two marks [CLS]
# and [SEP] that stand around every text.

# %%
sentences = [
    s
    for article_ in parts[2]
    for s in re.split(r"(?<=[.!?]) (?=[A-Z])", article_.text.replace("\n", " ¶ "))
    if 60 < len(s) < 200 and "¶" not in s and "|" not in s
]
lot = np.random.default_rng(0).permutation(len(sentences))[:48]
some = [sentences[i] for i in lot]
print(len(some), "of", len(sentences), "sentences, such as:", some[0])

# %%
KINDS = (
    "previous",
    "next",
    "itself",
    "same piece",
    "punctuation",
    "marks",
)


# %% tags=["long-cell"] reason="one table of measures"
def measures(pieces, *, marks):
    """Name of a kind → function of the weights of several texts; `marks`: whether [CLS] and [SEP] are there."""
    edges_ = [[0, len(p) - 1] if marks else [] for p in pieces]
    inner = [
        [i not in e for i in range(len(p))] for p, e in zip(pieces, edges_, strict=True)
    ]
    signs = [
        [i for i, one in enumerate(p) if not any(map(str.isalnum, one))] for p in pieces
    ]
    found = {
        "previous": partial(look_at.previous_token_score, rows=inner),
        "next": partial(look_at.next_token_score, rows=inner),
        "itself": partial(look_at.current_token_score, rows=inner),
        "same piece": partial(look_at.same_token_score, tokens=pieces),
        "punctuation": partial(look_at.column_score, columns=signs, rows=inner),
    }
    if marks:
        found["marks"] = partial(look_at.column_score, columns=edges_, rows=inner)
    return found


# %% [markdown]
# What would no skill score? Three controls. A head that spreads its weight **evenly** gives each key the same; its
# score is taken off. The same encoder **untrained**, with weights drawn as BERT's were before training. And MiniLM's
# own numbers, **shuffled** within each matrix: as large as the trained ones, and in no order. A head's *kind* is the
# score that lies highest above even; below 0.1 it is *mixed*.


# %%
@torch.no_grad()
def control(how, seed=0):
    """An encoder of MiniLM's shape: untrained, or with the numbers of each matrix shuffled."""
    encoder = copy.deepcopy(minilm.model)
    generator = torch.Generator().manual_seed(seed)
    for name, p in encoder.named_parameters():
        if how == "untrained":
            if p.ndim > 1:
                p.normal_(std=0.02, generator=generator)
            else:
                p.fill_(float("norm" in name and name.endswith("weight")))
        elif p.ndim > 1 and "embedding" not in name:
            p.copy_(
                p.flatten()[torch.randperm(p.numel(), generator=generator)].view_as(p)
            )
    return SentenceEncoder(encoder.eval(), minilm.pieces)


# %%
models = {
    "MiniLM": minilm,
    "untrained": control("untrained"),
    "shuffled": control("shuffled"),
}

# %%
seen = {name: [one.attention(s) for s in some] for name, one in models.items()}
pieces = [p for p, _ in seen["MiniLM"]]
scores = {
    name: score_heads([w for _, w in found], measures(pieces, marks=True))
    for name, found in seen.items()
}
for name, found in scores.items():
    kinds, counted = np.unique(found.kinds(0.1), return_counts=True)
    above = found.values - found.even
    print(
        f"{name:10}",
        dict(zip(kinds.tolist(), counted.tolist(), strict=True)),
        f"highest above even {above.max():.2f}",
    )

# %% [markdown]
# **Your guess first**: what do most of the 72 look at?


# %%
def without_marks(found):
    """Weights between real pieces alone, each row brought to sum 1 again."""
    inner = [w[:, :, 1:-1, 1:-1] for _, w in found]
    return [w / w.sum(axis=-1, keepdims=True) for w in inner]


real = [p[1:-1] for p in pieces]
within = {
    name: score_heads(without_marks(found), measures(real, marks=False))
    for name, found in seen.items()
}
panels = {
    "MiniLM": scores["MiniLM"].kinds(0.1),
    "MiniLM, marks left out": within["MiniLM"].kinds(0.1),
    "untrained": scores["untrained"].kinds(0.1),
}

# %%
common, times = np.unique(panels["MiniLM"], return_counts=True)
decisive = Picture(
    kind_grids_svg(
        panels, kinds=KINDS,
        title="MiniLM's 72 heads by what they look at: parked at the marks, and what is left without them",
        label="kinds of 72 heads, trained, trained without marks, untrained",
    ),
    alt="Three grids of 6 by 12 squares, one a head. MiniLM: most heads look at the marks [CLS] and [SEP]. With these two "
    "left out, heads for the previous piece, the next piece, itself, the same piece and punctuation appear, most of them in the "
    "second and third layer; the others are mixed. Untrained: all 72 are mixed.",
)  # fmt: skip
exercises.guess_kinds(decisive, most=str(common[times.argmax()]), kinds=(*KINDS, "mixed"))

# %%
named = {name: int((one.kinds(0.1) != "mixed").sum()) for name, one in within.items()}
print("named without the marks:", named)
assert (panels["MiniLM"] == "marks").sum() > 36
assert named["MiniLM"] >= 15
assert named["untrained"] == named["shuffled"] == 0

# %% [markdown]
# Of all that we measure, most heads look most at the two marks, of which there is a pair around every text. Left out,
# and the rows brought to sum 1 again, 28 heads have a trade: ten look back, seven ahead, most of these in layers 2 and
# 3; others at the piece itself, at its repetition, at punctuation. The rest are *mixed*: they look at what the words
# mean, or at nothing that we have a name for. No control has a single one, so it is learned, and it is not the size of
# the numbers.
#
# All heads at once, on a sentence of your own. Sort them by a score, go through them, and compare with the untrained
# encoder.


# %%
def heads_of(model):
    """A function from text to its heads; the scores are those of the 48 sentences."""

    def look(text):
        found, weights = models[model].attention(text)
        one = scores[model]
        return Heads(weights, found, found, scores=one.mapping(), kinds=one.kinds)

    return look


grid = HeadsGrid(
    {name: heads_of(name) for name in ("MiniLM", "untrained")},
    sentence="The old bank by the river was closed, and the new bank was opened in 1921.",
    sort="previous", threshold=0.1,
)  # fmt: skip
grid.picture()

# %%
grid

# %%
state = grid.state()
layer, head = scores["MiniLM"].order("previous")[0]
assert state["order"][0] == f"{layer + 1}·{head + 1}"
print(
    f"first: layer {layer + 1}, head {head + 1}: {state['sorted_scores'][0]:.2f} of its weight goes one piece back"
)

# %% [markdown]
# One head at a time, as a map. Lesson 14 went through the 72 with the same explorer; now they have names, and stand
# sorted by them.


# %%
def maps_of(text):
    """The heads with a trade, strongest first, named by it."""
    found, weights = minilm.attention(text)
    one, kinds = within["MiniLM"], within["MiniLM"].kinds(0.1)
    strength = (one.values - one.even).max(axis=-1)
    places = [divmod(int(i), 12) for i in np.argsort(-strength, axis=None)]
    named = {
        f"{kinds[place]} {place[0] + 1}·{place[1] + 1}": weights[place]
        for place in places
        if kinds[place] != "mixed"
    }
    return SimpleNamespace(source=found, target=found, weights=named)


maps = AlignmentExplorer(
    maps_of, sentence="the dog bites the man, and the man bites back"
)
maps.picture()

# %%
maps

# %%
state = maps.state()
print(state["head_name"], "gives each piece's weight to:", [state["source"][int(np.argmax(row))] for row in state["weights"]])  # fmt: skip

# %% [markdown]
# And one step further in: how do queries and keys make such a map? Here are three heads of different trades, stage by
# stage.

# %%
text = "the dog bites the man, and the man bites back"
(cut_text,) = minilm.pieces.cut([text])
with torch.no_grad():
    layers, _ = minilm.model.layers(torch.tensor([cut_text.ids]))  # (L + 1, 1, T, C)
triples = {}
for kind in ("previous", "next", "same piece"):
    layer, head = within["MiniLM"].order(kind)[0]
    a = minilm.model.blocks[layer].attention
    with torch.no_grad():
        q, k, v = (
            part(layers[layer, 0]).unflatten(-1, (12, -1))[:, head]
            for part in (a.query, a.key, a.value)
        )
    triples[f"{kind} {layer + 1}·{head + 1}"] = (q, k, v)
pipeline = ScorePipeline(
    triples, row_labels=cut_text.pieces, col_labels=cut_text.pieces, query=3
)
pipeline.picture()

# %%
pipeline

# %%
state = pipeline.state()
layer, head = within["MiniLM"].order("previous")[0]
_, weights = minilm.attention(text)
np.testing.assert_allclose(
    state["weights"], weights[layer, head, state["query"]], atol=1e-5
)
print(f"{state['winner']}: {state['winner_weight']:.3f}, as the model has it")

# %% [markdown]
# ## 6. Weight is not influence
#
# Half of the weight at the marks: is [CLS] so important? A weight says how much of a key's vector is taken. What is
# added to the sum is weight times vector. So for each key of each head take the vector that it would add with a weight
# of 1, its value sent through the head's slice of the output matrix, and compare: share of the weight, share of the
# length of what is added (Kobayashi and others 2020).


# %%
@torch.no_grad()
def shares_of_marks(text):
    """Share of [CLS] and [SEP] in the weights and in what is added, (L, H) each, over the real pieces."""
    (cut_,) = minilm.pieces.cut([text])
    layers, attention = minilm.model.layers(torch.tensor([cut_.ids]))
    found = np.zeros((2, 6, 12))
    for layer, block in enumerate(minilm.model.blocks):
        a = block.attention
        values = a.value(layers[layer, 0]).unflatten(-1, (12, -1))  # (T, H, D)
        added = torch.einsum(
            "thd,chd->htc", values, a.output.weight.unflatten(1, (12, -1))
        )
        for head in range(12):
            w = attention[layer, 0, head].double().numpy()[1:-1]
            share = exercises.share.reference(
                w, added[head].double().numpy()
            )  # yours, soon
            found[:, layer, head] = [x[:, [0, -1]].sum(axis=1).mean() for x in (w, share)]
    return found


# %%
marks_share = np.mean([shares_of_marks(s) for s in some[:24]], axis=0)  # (2, L, H)

# %%
ax = plot_lines(
    range(1, 7),
    {"share of the weight": marks_share[0].mean(axis=1), "share of what is added": marks_share[1].mean(axis=1)},
    x_label="layer of MiniLM", y_label="share of [CLS] and [SEP], mean of 12 heads",
    title="The marks take the weight and add little",
)  # fmt: skip
ax.set_ylim(0, 1)
Picture(
    ax.figure,
    alt="Share of the two marks by layer: of the weight it rises to about one half in the middle layers; of what is added it stays "
    "near or below one tenth.",
)

# %%
for layer in range(6):
    w, a = marks_share[:, layer].mean(axis=1)
    print(f"layer {layer + 1}: {w:.0%} of the weight, {a:.0%} of what is added")
assert (marks_share[1].mean(axis=1) < 0.5 * marks_share[0].mean(axis=1)).all()

# %% [markdown]
# The weights of a head must sum to 1. A head that has nothing to say about a piece cannot say nothing; it can give its
# weight to a key whose vector is short. The marks are that key: a parking place.
#
# What are the heads worth, then? MiniLM has no loss of its own here. We take the task at hand: the probe for
# libraries, its loss in nats a text on 240 validation sentences, and switch heads off as in lesson 14, by zero or by
# their mean.

# %%
probe_texts, probe_labels, _, _ = tasks["library, 64 a class"]
val_rows = np.random.default_rng(0).permutation(len(docs["val"]))[:240]
judged = cut_for(minilm.model, [docs["val"].texts[i] for i in val_rows])
judged_labels = docs["val"].labels[val_rows]
reader = EncoderClassifier(minilm.model, len(LIBRARIES), trained=0, fast_dtype=fast)


# %%
def mean_vectors(texts):
    """The encoder's vectors of texts in pieces, of length 1, (N, C)."""
    rows = [one.mean(0) for one in reader.enter(texts)]
    return F.normalize(torch.stack(rows)).numpy()


probe = LogisticRegression(max_iter=2000).fit(
    mean_vectors(cut_for(minilm.model, probe_texts)), probe_labels
)

# %%
names = {f"layer {b + 1}, head {h + 1}": (b, h) for b in range(6) for h in range(12)}


def probe_loss():
    """Nats a text, of the probe on the encoder as it is now."""
    log_probabilities = probe.predict_log_proba(mean_vectors(judged))
    return -log_probabilities[np.arange(len(judged)), judged_labels].mean()


# %%
kept = {}
with ExitStack() as stack:
    for b, block in enumerate(minilm.model.blocks):
        take = partial(lambda b, _, given: kept.setdefault(b, []).append(given[0]), b)
        hook = block.attention.output.register_forward_pre_hook(take)
        stack.callback(hook.remove)
    baseline = probe_loss()
means = {
    b: torch.cat([x.float().flatten(0, 1) for x in xs]).mean(0) for b, xs in kept.items()
}


# %%
def switch_off(b, chosen):
    """A hook on block `b` that replaces heads; `chosen` maps a head's number to "zero" or "mean"."""

    def replace(_, given):
        x = given[0].clone()  # (B, T, C)
        for head, mode in chosen.items():
            part = slice(head * 32, (head + 1) * 32)
            x[..., part] = means[b][part].to(x.dtype) if mode == "mean" else 0
        return (x,)

    return minilm.model.blocks[b].attention.output.register_forward_pre_hook(replace)


# %%
def loss_without(switched):
    """Nats a text with heads switched off; `switched` maps a head's name to "zero" or "mean"."""
    with ExitStack() as stack:
        for b in range(6):
            chosen = {
                names[n][1]: mode for n, mode in switched.items() if names[n][0] == b
            }
            stack.callback(switch_off(b, chosen).remove)
        return float(probe_loss())


assert abs(loss_without({}) - baseline) < 1e-6
lab = AblationLab(
    loss_without,
    heads=tuple(names),
    baseline=float(baseline),
    largest_guess=0.4,
    per="text",
)
lab.picture()

# %%
lab

# %% [markdown]
# One head of 72 changes little. So take all heads of one kind at once, and as a control as many at random, drawn three
# times.

# %%
trades = within["MiniLM"].kinds(0.1)
generator = np.random.default_rng(0)
every = list(names)
print(f"with all heads {baseline:.3f} nats a text")
for kind in ("previous", "next", "punctuation", "mixed"):
    group = [n for n, place in names.items() if trades[place] == kind]
    cost = loss_without(dict.fromkeys(group, "mean")) - baseline
    chance = [
        loss_without(dict.fromkeys(generator.permutation(every)[: len(group)].tolist(), "mean")) - baseline
        for _ in range(3)
    ]  # fmt: skip
    print(
        f"{kind:15} {len(group):2} heads: {cost:+.3f}; as many at random: {min(chance):+.3f} to {max(chance):+.3f}"
    )

# %% [markdown]
# Heads that look back or ahead cost this task no more than any others: what a text is about does not depend on the
# order of its words. The mixed ones, which have no name, are what it lives by, even against as many drawn at random
# (many of which are mixed, too). So the heads with the clearest maps are not those that count here.
#
# ## 7. Break it
#
# A colleague trains the same model for a quarter of the time, and reports an accuracy on the validation articles that
# puts yours to shame.

# %%
quick = recipe.MaskedSchedule(tokens=LIVE.tokens // 4)
windows = HiddenWindows(corpus.stream(), MARK, quick)
their_model, their_history, _ = cached(
    "masked-careless",
    config={"tokens": quick.tokens, "length": quick.length, "batch": quick.batch},
    data_version=corpus.version,
    code=[exercises.CarelessModel, masked_language_model, recipe],
    build=lambda: exercises.CarelessModel(both.model.config, fast_dtype=fast),
    train=lambda m, history: fit(
        m, windows, steps=quick.steps, learning_rate=2e-3, warmup=50, decay="linear", history=history
    ),
)  # fmt: skip
val_windows = HiddenWindows(corpus.stream("validation"), MARK, LIVE)
held_out = [b for b, _ in zip(val_windows(torch.Generator().manual_seed(0)), range(20), strict=False)]  # fmt: skip
reported = their_model.accuracy(held_out)
print(
    f"their loss {np.mean(their_history.losses[-20:]):.2f} nats, accuracy on held-out articles {reported:.1%}"
)

# %% [markdown]
# Lesson 16's rule: an accuracy that is too good is a question. The tool is in the lesson: `guess_hidden`, on the same
# articles.

# %%
theirs_again = guess_hidden(their_model, corpus.validation, length=LIVE.length)
ours_again = guess_hidden(both.model, corpus.validation, length=LIVE.length)
total = sum(len(g.targets) for g in theirs_again)
report = {
    "theirs: reported": reported,
    "theirs: hidden": sum(g.hits for g in theirs_again) / total,
    "yours: hidden": sum(g.hits for g in ours_again) / total,
    "most frequent": sum((g.targets == top).sum() for g in theirs_again) / total,
}
exercises.guess_fault(
    Picture(
        bars_svg(
            list(report.values()), labels=list(report), limit=1, number_format="{:.1%}",
            title="Where something is hidden, they know little", label="accuracy of both models, at all and at hidden places",
        ),
        alt="Bars: their accuracy as reported is near 80 %; at hidden places it is far below yours, not much above that of always saying "
        "the most frequent token.",
    )
)  # fmt: skip

# %%
print({name: round(float(value), 3) for name, value in report.items()})
assert report["theirs: reported"] > 0.6
assert report["theirs: hidden"] < report["yours: hidden"]

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# Loss and accuracy of your colleague run over all places. Where nothing is hidden, the answer stands in the input, and
# to copy it needs no language: the table of vectors serves going in and coming out, so a place finds its own token at
# once. About three of four places are of that kind, which is what the report shows. The hidden ones are a minority in
# the loss, too, and were hardly learned.
# <code>inspect.getsource(exercises.CarelessModel)</code> shows the line.
#
# </details>
#
# ## 8. Exercises

# %%
exercises.unchanged

# %%
my_answer = None  # a number
exercises.unchanged.check(my_answer)

# %%
exercises.hide


# %%
def my_hide(tokens, chosen, fate, anything, mask):
    """What the model reads, (B, T)."""
    raise NotImplementedError


exercises.hide.check(my_hide)

# %%
exercises.share


# %%
def my_share(weights, vectors):
    """Share of each key in what a head adds, (T, S)."""
    raise NotImplementedError


exercises.share.check(my_share)

# %% [markdown]
# With the third you can ask the question of section 6 about any key. Which pieces, the marks aside, get more weight
# than they add? It runs as it stands, with the rule of the solution.

# %%
(first_cut,) = minilm.pieces.cut([some[0]])
with torch.no_grad():
    vectors, paid = minilm.model.layers(torch.tensor([first_cut.ids]))
    third = minilm.model.blocks[2].attention
    said = third.value(vectors[2, 0]).unflatten(-1, (12, -1))  # (T, H, D)
    sent = torch.einsum("thd,chd->htc", said, third.output.weight.unflatten(1, (12, -1)))
weight = paid[2, 0].mean(dim=(0, 1)).numpy()  # (T,), over heads and queries
influence = np.mean(
    [
        exercises.share.reference(paid[2, 0, h].numpy(), sent[h].numpy())
        for h in range(12)
    ],
    axis=(0, 1),
)
for i in np.argsort(influence / weight)[:5]:
    piece, w, share = first_cut.pieces[i], weight[i], influence[i]
    print(f"{piece:12} {w:.3f} of the weight, {share:.3f} of what layer 3 adds")

# %% [markdown]
# ## 9. Explain it
#
# As an interviewer would ask. Say your answer aloud before you open it.

# %%
exercises.QUESTIONS

# %% [markdown]
# ## 10. What was measured, what remains
#
# Bold is this run; *published* is the course's own.

# %%
for name, mark in marks.items():
    one = trained.get(name)
    row = scoreboard.record(
        lesson="17", model=f"masked encoder, {name}" if one else "most frequent token",
        metric="masked accuracy, 10 test articles", value=mark.value, low=mark.low, high=mark.high,
        seconds=one.seconds if one else None, parameters=one.parameters if one else None,
    )  # fmt: skip
row

# %%
for (way, name), mark in estimates.items():
    row = scoreboard.record(
        lesson="17", model=way, metric=f"accuracy, {name}", value=mark.value, low=mark.low, high=mark.high,
        seconds=outcome[way, name][1],
    )  # fmt: skip
row

# %% [markdown]
# Gaps turn a pile of text into a task with answers, and what an encoder learns from them can be carried to other
# tasks; how far depends on whether the task needs what the gaps taught. Attention maps of a trained model show trades
# that no untrained one has, and half of their weight is parking.
#
# **What remains.** An encoder gives vectors; for each task somebody has to build an output and train it. And it cannot
# write. Lesson 18 makes *everything* a text: the task is said in words, the answer is written, gaps included, by one
# encoder and one decoder.
#
# **Read on**
# - Devlin, Chang, Lee and Toutanova (2019), *BERT*: section 3.1 and the ablations of section 5; appendix C.2 is about
# 80/10/10.
# - Liu and others (2019), *RoBERTa*: the same model trained longer and without the second task; a lesson in checking
# what mattered.
# - Clark, Khandelwal, Levy and Manning (2019), *What Does BERT Look At?*: the heads, the marks, and a fair baseline.
# - Kobayashi, Kuribayashi, Yokoi and Inui (2020), *Attention is Not Only a Weight*: the norms of section 6.
