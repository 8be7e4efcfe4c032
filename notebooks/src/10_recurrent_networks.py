# %% [markdown]
# # 10 · Recurrent networks
#
# **The question: how can one network read any length?**
#
# The network of lesson 02 had room for four words, and not for a fifth. A sentence has as many words as it has. This lesson builds the network that reads it word by word and carries a state along, in its three classical forms; finds out what
# goes wrong on the way back; and looks inside one that has learned to keep a single fact to the end of a sentence.
#
# **You will be able to**
# - write the cells of a simple recurrent network, an LSTM and a GRU, and show that they are PyTorch's;
# - explain back-propagation through time, and measure how much gradient is left after n steps;
# - put sentences of different lengths into one batch without changing a result;
# - say what gates do, and what they do not do before training.
#
# **You need** lesson 02 (language models, perplexity) and lesson 03 (gradients by hand).
#
# Measured run time: **77 s** and **870 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from course_utils import checkpoints, scoreboard
from course_utils.datasets.grammar import FILES, load_grammar
from course_utils.datasets.grammar_parse import english_tokens
from course_utils.datasets.translation import load_translation
from course_utils.evaluation.retrieval import mean_with_interval
from course_utils.evaluation.similarity import bootstrap_interval
from course_utils.exercises import lesson_10 as exercises
from course_utils.explorers.gates import GateExplorer
from course_utils.layers import recurrent, recurrent_cells
from course_utils.plots.lines import plot_lines
from course_utils.plots.picture import Picture
from course_utils.plots.style import MARKERS, OKABE_ITO, new_figure
from course_utils.runtime import seed_everything, set_threads
from course_utils.training import History, fit
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. The last mark of a sentence
#
# From here to lesson 15 we work with one set of sentences: English with its French translation, made by a grammar that was
# **written for the course** (`data/grammar`). Its words and its rules are known, so what a network should know is known, too. This lesson
# needs the English side only.

# %%
# NBVAL_CHECK_OUTPUT
amounts = {"train": 12_000, "validation": 500, "test": 1_000, "long": 300, "unseen": 0}
data = load_translation(**amounts)
for pair in data.train[4:9]:
    print(" ".join(pair.source))
lengths = [len(pair.source) for pair in data.train]
questions = sum(pair.source[-1] == "?" for pair in data.train)
print(
    f"{len(data.source_words)} words; {min(lengths)} to {max(lengths)} tokens a sentence, {np.mean(lengths):.1f} on average"
)
print(f"{questions:,} of {len(lengths):,} are questions")

# %% [markdown]
# Every sentence ends with a full stop or a question mark. Which of the two is decided at the other end: *does the boy that sees the dogs
# sleep ?* begins with *does*. Everything in between may be the same. So the last mark asks one clear thing of a reader: **do you still know
# how it began?** And the length of the sentence says how long ago that was.
#
# What does a reader know who looks only at the last n words? We count, in the training sentences, which mark follows them, and fall
# back to fewer words where they were never seen. For the test we draw questions, and many long ones, with a seed of their own: none
# of them is a training sentence.


# %%
def draw_questions(*, growth, sentences, seed=77):
    """Questions of the grammar that are no training sentences and hold no other words."""
    stream = grammar.stream(seed=seed, growth=growth, longest=40)
    for _, pair in zip(range(sentences), stream, strict=False):
        new = pair.source not in trained_on and words.issuperset(pair.source)
        if pair.source[-1] == "?" and new:
            yield pair.source


grammar = load_grammar()
words, trained_on = set(data.source_words), {pair.source for pair in data.train}
asked = {
    *draw_questions(growth=2.2, sentences=6_000),
    *draw_questions(growth=5.0, sentences=10_000),
}
asked = sorted(asked, key=lambda sentence: (len(sentence), sentence))
stated = [pair.source for pair in data.test if pair.source[-1] == "."]

# %%
# NBVAL_CHECK_OUTPUT
read = np.array([len(sentence) - 1 for sentence in asked])  # words before the mark
bounds = {
    "2–4": (2, 4),
    "5–7": (5, 7),
    "8–11": (8, 11),
    "12–15": (12, 15),
    "16 on": (16, 99),
}
groups = {name: (low <= read) & (read <= high) for name, (low, high) in bounds.items()}
print({name: int(inside.sum()) for name, inside in groups.items()}, "questions")


# %%
followed = defaultdict(Counter)
for pair in data.train:
    for n in range(1, 7):
        followed[pair.source[-1 - n : -1]][pair.source[-1]] += 1


def mark_from(sentence, n):
    """The mark that most often follows the last n words, or as many of them as were ever seen."""
    for k in range(min(n, len(sentence) - 1), 0, -1):
        if sentence[-1 - k : -1] in followed:
            return followed[sentence[-1 - k : -1]].most_common(1)[0][0]
    return "."


# %%
def by_length(right):
    """Share of questions recognised, for each group of lengths, with its interval."""
    return [mean_with_interval(np.asarray(right)[inside]) for inside in groups.values()]


windows = {
    n: by_length([mark_from(sentence, n) == "?" for sentence in asked]) for n in (2, 4, 6)
}
seen = np.mean([sentence[-7:-1] in followed for sentence in asked if len(sentence) > 6])
print(f"{seen:.0%} of the last six words in a row occurred in training")
for n, shares in windows.items():
    print(f"the last {n} words:", *(f"{share.value:4.0%}" for share in shares))
assert max(shares[-1].value for shares in windows.values()) < 0.2

# %% [markdown]
# A window knows a quarter of the short questions, those whose last words it met before a question mark, and hardly any of the long ones.
# Making it wider does not help: nearly every row of six words is new. We need something that reads all, and keeps little.
#
# ## 2. One cell, used again and again
#
# A **recurrent network** (Elman 1990) has a state $h$, a vector of C numbers. It reads a word, mixes it with the state, and that is the new
# state. With $x_t$ the vector of word $t$:
#
# $$h_t = \tanh(W x_t + b + U h_{t-1} + b')$$
#
# $W$, $U$ and the biases are the same at every step. So the network has no idea how long the text will be, and no parameter that
# depends on it. In code it is a loop:


# %%
def read_simple(x, layer):
    """States of a simple recurrent network over x of shape (T, C_in)."""
    W, U, b, more_b = layer.parameters()
    h = torch.zeros(U.shape[1], dtype=x.dtype)
    states = []
    for x_t in x:
        h = torch.tanh(W @ x_t + b + U @ h + more_b)
        states.append(h)
    return torch.stack(states)  # (T, C)


# %%
# NBVAL_CHECK_OUTPUT
C = 96
theirs = nn.RNN(C, C, batch_first=True)
ours = recurrent.RNN(C, C)
ours.load_state_dict(theirs.state_dict())
for length in (3, 300):
    x = torch.randn(length, C)
    states = read_simple(x, theirs)
    torch.testing.assert_close(states, theirs(x[None])[0][0], atol=1e-6, rtol=0)
    torch.testing.assert_close(states, ours(x[None])[0][0], atol=1e-6, rtol=0)
    print(f"{length:3} words: states {tuple(states.shape)}, equal within 1e-6")
print(f"{sum(p.numel() for p in theirs.parameters()):,} parameters for both")

# %% [markdown]
# ## 3. Sentences in one batch
#
# One sentence at a time is slow: 96 numbers times a matrix is little work for a processor. A batch reads 64 sentences in step. But they
# end at different places, and a tensor is a box. So the shorter ones are filled up with a token that is no word, **padding**, id 0.

# %%
# NBVAL_CHECK_OUTPUT
known = ["<padding>", "<begin>", *data.source_words]
number = {word: id for id, word in enumerate(known)}


def encode(sentences):
    """Sentences as tensors of ids, the begin mark in front."""
    return [
        torch.tensor([1, *(number[word] for word in sentence)]) for sentence in sentences
    ]


train, validation, test, long = (
    encode([pair.source for pair in part])
    for part in (data.train, data.validation, data.test, data.long)
)
texts = ("the dog sleeps .", "does the boy that sees the dogs sleep ?")
two = encode([text.split() for text in texts])
print(pad_sequence(two, batch_first=True))

# %% [markdown]
# The first row ends after five tokens; then comes filling. What is the state of the first sentence? A careless reader takes the last
# column, and with it the state after five times padding. We compare with the sentence read alone.

# %%
# NBVAL_CHECK_OUTPUT
torch.manual_seed(0)
embedding = nn.Embedding(len(known), C)
batch = pad_sequence(two, batch_first=True)  # (B, T)
x, mask, size = embedding(batch), batch != 0, torch.tensor([len(one) for one in two])
alone = read_simple(embedding(two[0]), theirs)[-1]
outputs, _ = theirs(x)
print("last column: ", torch.allclose(outputs[0, -1], alone, atol=1e-6))
print("last word:   ", torch.allclose(outputs[0, size[0] - 1], alone, atol=1e-6))
_, packed = theirs(pack_padded_sequence(x, size, batch_first=True, enforce_sorted=False))
print("packed:      ", torch.allclose(packed[0, 0], alone, atol=1e-6))
print("with a mask: ", torch.allclose(ours(x, mask=mask)[1][0], alone, atol=1e-6))

# %% [markdown]
# Three right ways. Take the output at the *last word*. Or **pack**: PyTorch stores the words without the filling and runs fewer rows towards the
# end. Or **mask**: where the mask says padding, the state stands still. They are the same thing, and more padding changes nothing:


# %%
def read_four_ways(kind, sentences):
    """States of the same words: masked, packed by PyTorch, with more padding, one by one."""
    torch.manual_seed(0)
    theirs = getattr(nn, kind)(C, C, batch_first=True)
    ours = getattr(recurrent, kind)(C, C)
    ours.load_state_dict(theirs.state_dict())
    batch, size = (
        pad_sequence(sentences, batch_first=True),
        [len(one) for one in sentences],
    )
    x, mask = embedding(batch), batch != 0
    packed, _ = theirs(
        pack_padded_sequence(x, size, batch_first=True, enforce_sorted=False)
    )
    yield ours(x, mask=mask)[0][mask]
    yield pad_packed_sequence(packed, batch_first=True)[0][mask]
    yield ours(F.pad(x, (0, 0, 0, 7)), mask=F.pad(mask, (0, 7)))[0][:, :-7][mask]
    yield torch.cat([ours(embedding(one[None]))[0][0] for one in sentences])


# %%
# NBVAL_CHECK_OUTPUT
for kind in ("RNN", "LSTM", "GRU"):
    masked, *others = read_four_ways(kind, validation[:50])
    for other in others:
        torch.testing.assert_close(masked, other, atol=1e-6, rtol=0)
    print(
        f"{kind:4} mask = pack = more padding = one by one, within 1e-6: {tuple(masked.shape)}"
    )

# %% [markdown]
# ### What padding costs
#
# Right is not fast. A batch runs as many steps as its longest sentence has words, and among 64 sentences drawn at random there is nearly
# always a long one. So we shuffle, cut the shuffled list into groups of twenty batches, sort each group by length, cut it into
# batches, and shuffle these: **bucketing**.


# %%
class Batches:
    """One pass over sentences in padded batches; called with a generator, as `fit` wants it."""

    def __init__(self, sentences, size=64, group=20):
        self.sentences, self.size = sentences, size
        self.group = group  # batches that are sorted together; 1 for none

    def __call__(self, generator):
        order = torch.randperm(len(self.sentences), generator=generator).tolist()
        batches = []
        for start in range(0, len(order), self.size * self.group):
            some = order[start : start + self.size * self.group]
            if self.group > 1:
                some.sort(key=lambda i: len(self.sentences[i]))
            batches += [some[i : i + self.size] for i in range(0, len(some), self.size)]
        for i in torch.randperm(len(batches), generator=generator).tolist():
            yield pad_sequence([self.sentences[j] for j in batches[i]], batch_first=True)


# %%
gru, measured = recurrent.GRU(C, C), {}
for name, group in (("at random", 1), ("bucketed", 20)):
    batches = list(Batches(train, group=group)(torch.Generator().manual_seed(0)))
    filling = np.mean(np.concatenate([(batch == 0).numpy().ravel() for batch in batches]))
    steps = np.mean([batch.shape[1] for batch in batches])
    some = batches[:60]
    started = time.perf_counter()
    for batch in some:
        gru(embedding(batch), mask=batch != 0)[0].mean().backward()
    seconds = time.perf_counter() - started
    rate = sum(int((batch != 0).sum()) for batch in some) / seconds
    measured[name] = (filling, rate)
    print(
        f"{name:10} {steps:.0f} steps a batch, {filling:4.0%} of the places are padding; {rate:,.0f} words/s"
    )
print(f"{measured['bucketed'][1] / measured['at random'][1]:.1f} times as fast")
assert measured["at random"][0] > 0.45
assert measured["bucketed"][0] < 0.10

# %% [markdown]
# ## 4. A language model that reads
#
# Now train it. The task is lesson 02's: what is the next word? The state after a word goes through a matrix, and out come the scores of all
# 499 tokens. Each place of each sentence is one example, and one pass over the batch gives them all. Padding is neither read (the mask) nor predicted
# (`ignore_index`).


# %%
class NextWord(nn.Module):
    """Reads words, says after each what comes next."""

    def __init__(self, kind, vocabulary, width):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.reader = getattr(recurrent, kind)(width, width)
        self.output = nn.Linear(width, vocabulary)

    def forward(self, tokens):
        states, _ = self.reader(self.embedding(tokens), mask=tokens != 0)  # (B, T, C)
        return self.output(states)  # (B, T, V)

    def loss(self, tokens):
        """Mean nats per word of padded sentences (B, T + 1)."""
        logits = self(tokens[:, :-1])
        return F.cross_entropy(
            logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0
        )


# %% [markdown]
# The rate was chosen by the perplexity of the validation sentences among 0.002, 0.005, 0.01 and 0.02: 0.01 is the best for the simple network and
# the GRU (the LSTM would gain a little at 0.02). All three get the same.


# %%
@dataclass(frozen=True)
class Recipe:
    kind: str  # "RNN", "LSTM" or "GRU"
    width: int = C
    passes: int = 4
    learning_rate: float = 0.01


# %%
def train_reader(recipe, seed=0):
    """A trained NextWord and its history; kept between sessions."""
    batches = Batches(train)
    steps = recipe.passes * -(-len(train) // batches.size)
    model, history, _ = checkpoints.cached(
        f"next-word-{recipe.kind.lower()}", config={**asdict(recipe), **amounts}, seed=seed,
        data_version=FILES["rules.txt"], code=[NextWord, Batches, recurrent, recurrent_cells, fit],
        build=lambda: NextWord(recipe.kind, len(known), recipe.width),
        train=lambda model, history: fit(
            model, batches, steps=steps, learning_rate=recipe.learning_rate, decay="linear",
            history=history, seed=seed, optimizer=torch.optim.AdamW(model.parameters(), fused=True),
        ),
    )  # fmt: skip
    return model, history


# %%
models, histories = {}, {}
models["RNN"], histories["RNN"] = train_reader(Recipe("RNN"))
curve = histories["RNN"].losses
print(f"{len(curve)} steps in {histories['RNN'].seconds[-1]:.0f} s; loss {np.mean(curve[:5]):.2f} at first, "
      f"{np.mean(curve[-50:]):.2f} at last")  # fmt: skip


# %%
@torch.no_grad()
def judge(model, sentences):
    """Nats per sentence, words per sentence, and log p(?) − log p(.) in front of the last mark."""
    nats, counts, margins = [], [], []
    for start in range(0, len(sentences), 250):
        batch = pad_sequence(sentences[start : start + 250], batch_first=True)
        logs = model(batch[:, :-1]).log_softmax(dim=-1)
        target, there = batch[:, 1:], batch[:, 1:] != 0
        found = logs.gather(2, target[..., None])[..., 0] * there
        nats += (-found.sum(dim=1)).tolist()
        counts += there.sum(dim=1).tolist()
        last = logs[torch.arange(len(batch)), there.sum(dim=1) - 1]  # (B, V)
        margins += (last[:, number["?"]] - last[:, number["."]]).tolist()
    return np.array(nats), np.array(counts), np.array(margins)


def perplexity(nats, counts):
    return float(np.exp(nats.sum() / counts.sum()))


# %%
asked_ids, stated_ids = encode(asked), encode(stated)
margins = {"RNN": judge(models["RNN"], asked_ids)[2]}
recognised = {"RNN": by_length(margins["RNN"] > 0)}
wrongly = np.mean(judge(models["RNN"], stated_ids)[2] > 0)
print(
    f"perplexity {perplexity(*judge(models['RNN'], test)[:2]):.1f}; statements closed with '?': {wrongly:.1%}"
)


# %%
def plot_recognised(recognised, title):
    """Share of questions recognised against the words read, one line a reader, with the best window below."""
    figure, (ax,) = new_figure(width=680, height=380)
    shown = {**recognised, "the last 6 words": windows[6]}
    plot_lines(
        range(len(groups)), {name: [one.value for one in shares] for name, shares in shown.items()},
        intervals={name: ([s.low for s in shares], [s.high for s in shares]) for name, shares in shown.items()},
        x_label="words before the mark", y_label="share of questions recognised", title=title, ax=ax,
    )  # fmt: skip
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set_ylim(-0.03, 1.03)
    return Picture(
        figure,
        alt=f"{title}. Share of questions recognised against the number of words before the mark.",
    )


# %%
far = read >= 11
exercises.guess_far_questions(
    lambda: plot_recognised(
        recognised, "The longer ago it began, the less the RNN knows of it"
    ),
    measured=float((margins["RNN"][far] > 0).mean()),
)

# %%
for name, shares in recognised.items():
    print(
        f"{name:5}",
        *(f"{group}: {share}  " for group, share in zip(groups, shares, strict=True)),
    )
assert recognised["RNN"][0].low > recognised["RNN"][-1].high

# %% [markdown]
# Short questions it knows, most of them. From sixteen words on it is about where the window is, which sees none of the beginning.
#
# ## 5. Back through time
#
# Why does it forget? Look at how it learns. The loss stands at the end of the sentence, the word that matters at its beginning, and the
# gradient has to get from one to the other. A loop is a deep network in disguise, with one layer a word, all with the same weights. Going back
# from state $h_t$ to the one before, the chain rule multiplies by the slope of tanh, which is $1 - h_t^2$, and by the transpose of $U$:
#
# $$\frac{\partial L}{\partial h_{t-1}} = U^\top \left( \frac{\partial L}{\partial h_t} \odot (1 - h_t^2) \right)$$
#
# That is **back-propagation through time**: walk from the end to the beginning with this product.


# %%
def walk_back(states, U, last):
    """Gradient by every state of a simple network, given the gradient by the last; states (T, C)."""
    gradients = [last]
    for h in reversed(states[1:]):
        gradients.append(U.T @ (gradients[-1] * (1 - h**2)))
    return torch.stack(gradients[::-1])  # (T, C)


# %% [markdown]
# To compare with autograd, and for all that follows, we run a trained layer step by step and keep every state. `as_cell` puts its weights
# into the course's cell. The quantity at the end is the one of our task: how much rather *?* than *.*


# %%
def as_cell(reader):
    """A layer's weights in a cell, in float64: gradients of 100 steps are too small for float32."""
    cell = getattr(recurrent, type(reader).__name__ + "Cell")(
        reader.input_width, reader.width
    ).double()
    cell.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in reader.state_dict().items()}
    )
    return cell


# %%
def towards_question(model):
    """What the state is multiplied with to give score(?) − score(.), (C,)."""
    return (model.output.weight[number["?"]] - model.output.weight[number["."]]).detach()


def run(model, tokens):
    """All states over tokens (B, T), each as (h,) or (h, c), and the sum of their last margins."""
    cell, x = (
        as_cell(model.reader),
        model.embedding(tokens).detach().double(),
    )  # (B, T, C)
    state, states = None, []
    for x_t in x.unbind(dim=1):
        state = cell(x_t, state)
        states.append(state if isinstance(state, tuple) else (state,))
    return states, (states[-1][0] @ towards_question(model).double()).sum()


# %%
# NBVAL_CHECK_OUTPUT
strung = [
    id for sentence in long for id in sentence[1:-1].tolist()
]  # no begin marks, no final marks
texts = torch.tensor(strung[: 60 * 101]).view(60, 101)
states, margin = run(models["RNN"], texts[:1, :30])
states = [h for (h,) in states]
automatic = torch.cat(torch.autograd.grad(margin, states))  # (T, C)
by_hand = walk_back(
    torch.cat(states).detach(),
    models["RNN"].reader.weight_hh_l0.detach().double(),
    automatic[-1],
)
torch.testing.assert_close(by_hand, automatic, atol=1e-12, rtol=1e-9)
print(f"{len(states)} gradients by hand, equal to autograd's")


# %% [markdown]
# At each step the same matrix. What happens to a number that is multiplied a hundred times by 0.6? By 1.5? With a matrix the part of
# the number is played by its **spectral radius**, the largest absolute eigenvalue: the rate at which its powers grow. We take
# an untrained network, multiply $U$ by a constant, and look how long the gradient is, step by step back from the end, as a share of what it
# was there. The texts are long sentences of the grammar, strung together without their marks.


# %%
def gradient_left(model, tokens):
    """Length of the gradient k steps before the end, k = 0 … T - 1, as a share of that at the end; mean over texts."""
    states, margin = run(model, tokens)
    parts = [part for state in states for part in state]
    gradients = torch.autograd.grad(
        margin, parts, allow_unused=True, materialize_grads=True
    )
    n = len(states[0])  # an LSTM's state has two parts, h and c
    sizes = [
        torch.cat(gradients[i : i + n], dim=1).norm(dim=1)
        for i in range(0, len(gradients), n)
    ]
    left = torch.stack(sizes[::-1])  # (T, B)
    return (left / left[0]).mean(dim=1).numpy()


# %%
def untrained(kind, seed=0):
    torch.manual_seed(seed)
    return NextWord(kind, len(known), C).eval()


def plot_left(ax, curves, title):
    """Gradient left against steps, on a log scale."""
    for (name, left), colour, marker in zip(
        curves.items(), OKABE_ITO, MARKERS, strict=False
    ):
        ax.plot(left, color=colour, marker=marker, markevery=10, markersize=5, label=name)
    ax.set_yscale("log")
    ax.set_xlabel("steps back from the end")
    ax.set_ylabel("gradient left, share of that at the end")
    ax.set_title(title, loc="left")
    ax.legend(fontsize=9, frameon=False)


# %%
figure, (ax,) = new_figure(width=680, height=380)
curves = {}
for factor in (1, 1.7, 6):
    stretched = untrained("RNN")
    with torch.no_grad():
        stretched.reader.weight_hh_l0 *= factor
    radius = torch.linalg.eigvals(stretched.reader.weight_hh_l0).abs().max().item()
    curves[f"spectral radius {radius:.1f}"] = gradient_left(stretched, texts[:, :51])
plot_left(ax, curves, "The same matrix 50 times: it vanishes, or it explodes")
Picture(figure, alt="Gradient left over 50 steps back on a log scale for three spectral radii: 0.6 falls to below 1e-16, 1.0 to below "
        "1e-6, 3.6 rises to above 1e6.")  # fmt: skip

# %%
for name, left in curves.items():
    print(f"{name}: after 10 steps {left[10]:.0e}, after 50 {left[50]:.0e}")
vanishing, _, exploding = (left[50] for left in curves.values())
assert vanishing < 1e-12
assert exploding > 1e3

# %% [markdown]
# PyTorch's start has a radius of $1/\sqrt 3 \approx 0.6$, and loses half of the gradient or more at each step. At a radius of 1 it
# still vanishes, since the slope of tanh is below 1 wherever the state is not 0. To keep the gradient one would have to balance on a knife's edge
# at every step, for all words; at 3.6 the matrix outweighs the slopes and it explodes. (The analysis is Bengio, Simard and Frasconi's, 1994; Pascanu and others, 2013, have both directions.)
#
# **Exploding** gradients are the lesser evil: one sees them. A single batch throws the weights far away. The cure is crude, and
# works: if the gradient over all parameters is longer than 1, shorten it to 1. Its direction stays. `fit` does that by default
# (`clip_norm`). Here is plain gradient descent at a high rate, with and without.


# %%
def descend(clip, rate=2.0, steps=80):
    """Losses and gradient lengths of plain gradient descent on a simple network."""
    model, losses, sizes = untrained("RNN"), [], []
    batches = Batches(train)(torch.Generator().manual_seed(0))
    for _, batch in zip(range(steps), batches, strict=False):
        loss = model.loss(batch)
        model.zero_grad()
        loss.backward()
        sizes.append(nn.utils.clip_grad_norm_(model.parameters(), clip).item())
        losses.append(loss.item())
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= rate * parameter.grad
    return np.array(losses), np.array(sizes)


# %%
descents = {"as they come": descend(float("inf")), "clipped to length 1": descend(1.0)}
for name, (losses, sizes) in descents.items():
    print(
        f"{name:20} longest gradient {sizes.max():4.1f}; loss at first {losses[0]:.1f}, worst {losses.max():.1f}, "
        f"mean of the last twenty {losses[-20:].mean():.1f}"
    )
assert (
    descents["clipped to length 1"][0][-20:].mean()
    < descents["as they come"][0][-20:].mean() - 0.5
)

# %% [markdown]
# Same data, same rate, and at this rate both stumble. The clipped one falls no further than a step of bounded length can take it, and
# recovers. Without clipping single steps throw the loss to several times what it was before any training, and what follows is spent on repairs.
#
# **Vanishing** is worse, because nothing crashes. The loss falls, on account of near words; the far ones send a gradient of nearly nothing,
# and are never learned. Clipping does not help: it shortens, it never lengthens. Something must change in the loop.
#
# ## 6. Gates
#
# The idea of Hochreiter and Schmidhuber (1997): let there be a path from step to step on which the gradient is multiplied by 1. The
# **LSTM** has a memory $c$ for it beside the state. In their paper $c$ only adds up. A *forget gate* $f$, which decides what stays of it,
# came three years later (Gers, Schmidhuber and Cummins 2000): a vector of numbers from 0 to 1 that depends on the word and the state, so the
# path is open where the network holds it at 1.
#
# $$c_t = f \odot c_{t-1} + i \odot g \qquad h_t = o \odot \tanh(c_t)$$
#
# The whole cell stood in lesson 06. The **GRU** (Cho and others 2014) does with one vector: each number of the state goes from its old value
# towards a *candidate* $n$, as far as its *update gate* $z$ lets it. $z = 1$: keep. $z = 0$: overwrite. The *reset gate* $r$ says how much of the old state the candidate
# sees. (The paper multiplies by $r$ before $U_n$; PyTorch multiplies after it, and so do we.)
#
# $$r = \sigma(W_r x_t + b_r + U_r h_{t-1} + b'_r) \qquad z = \sigma(W_z x_t + b_z + U_z h_{t-1} + b'_z)$$
# $$n = \tanh(W_n x_t + b_n + r \odot (U_n h_{t-1} + b'_n)) \qquad h_t = z \odot h_{t-1} + (1 - z) \odot n$$


# %%
def read_lstm(x, layer):
    """States h of an LSTM over x (T, C_in); the four parts lie one below the other in its matrices."""
    W, U, b, more_b = layer.parameters()
    h = c = torch.zeros(U.shape[1], dtype=x.dtype)
    states = []
    for x_t in x:
        i, f, g, o = (W @ x_t + b + U @ h + more_b).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    return torch.stack(states)


# %%
def read_gru(x, layer):
    """States of a GRU over x (T, C_in); in its matrices reset, update and candidate."""
    W, U, b, more_b = layer.parameters()
    h, states = torch.zeros(U.shape[1], dtype=x.dtype), []
    for x_t in x:
        (r, z, n), (more_r, more_z, more_n) = (
            (W @ x_t + b).chunk(3),
            (U @ h + more_b).chunk(3),
        )
        r, z = (r + more_r).sigmoid(), (z + more_z).sigmoid()
        h = z * h + (1 - z) * torch.tanh(n + r * more_n)
        states.append(h)
    return torch.stack(states)


# %% [markdown]
# Equal to PyTorch's, and to the course's own layers, which we use from here on: the states, and the gradients by every parameter.

# %%
# NBVAL_CHECK_OUTPUT
for kind, by_hand in (("RNN", read_simple), ("LSTM", read_lstm), ("GRU", read_gru)):
    torch.manual_seed(0)
    theirs, ours = (
        getattr(nn, kind)(5, 7, batch_first=True),
        getattr(recurrent, kind)(5, 7),
    )
    ours.load_state_dict(theirs.state_dict())
    x, weights = torch.randn(20, 5), torch.randn(20, 7)
    found = [by_hand(x, theirs), theirs(x[None])[0][0], ours(x[None])[0][0]]
    layers = [theirs, theirs, ours]
    gradients = [torch.autograd.grad((states * weights).mean(), list(layer.parameters()))
                 for states, layer in zip(found, layers, strict=True)]  # fmt: skip
    for other in (1, 2):
        torch.testing.assert_close(found[0], found[other], atol=1e-6, rtol=0)
        torch.testing.assert_close(gradients[0], gradients[other], atol=1e-6, rtol=0)
    print(
        f"{kind:4} by hand = PyTorch's = the course's, states and gradients, within 1e-6"
    )

# %% [markdown]
# ## 7. How much gradient is left
#
# Now the three side by side, over a hundred steps: untrained, and after the same four passes over the same sentences. We train the two that
# are missing.

# %%
for kind in ("LSTM", "GRU"):
    models[kind], histories[kind] = train_reader(Recipe(kind))
    print(f"{kind}: {histories[kind].last} steps in {histories[kind].seconds[-1]:.0f} s")

# %%
left = {
    "before training": {kind: gradient_left(untrained(kind), texts) for kind in models},
    "after training": {
        kind: gradient_left(model, texts) for kind, model in models.items()
    },
}


# %%
def look_at_gradients():
    figure, axes = new_figure(width=960, height=400, columns=2)
    titles = [
        "Before training, all three forget",
        "After training, gates have learned to keep",
    ]
    for ax, curves, title in zip(axes, left.values(), titles, strict=True):
        plot_left(ax, curves, title)
        ax.set_ylim(1e-28, 10)
    return Picture(figure, alt="Gradient left against steps back, 0 to 100, on a log scale, before and after training. Before, RNN, LSTM and "
                   "GRU all fall like straight lines to below 1e-20. After, the RNN falls below 1e-9, the LSTM "
                   "and the GRU level off many powers of ten higher.")  # fmt: skip


exercises.guess_gradient(look_at_gradients)

# %%
for when, curves in left.items():
    for kind, curve in curves.items():
        print(
            f"{when:16} {kind:4}",
            "  ".join(f"{k:3} steps {curve[k]:8.1e}" for k in (1, 10, 20, 50, 100)),
        )
assert all(curve[20] < 1e-3 for curve in left["before training"].values())
assert left["after training"]["RNN"][50] < 1e-3
assert (
    left["after training"]["RNN"][100]
    < min(left["after training"][kind][100] for kind in ("LSTM", "GRU")) / 100
)

# %% [markdown]
# The left half is a surprise to many. An LSTM has *no* better gradient at birth: its forget gate starts near one half, and $0.5^{20}$ is a
# millionth. What it has is a knob. A simple network can only turn $U$, which is the same for every word; a gate can be 1 for
# these words and 0 for that one. The right half shows that training found the knob. (That the LSTM's line rises again is no error: $c$ is one
# way back, $h$ and its matrix another, and together a step can lengthen a gradient.) But at birth the far gradient was next to nothing. How could
# training find it?
# We train a second GRU, stop every 40 steps, and look which questions it knows by then.

# %%
growing, history = untrained("GRU"), History()
for _ in range(6):
    fit(growing, Batches(train), steps=40, learning_rate=0.01, history=history)
    shares = by_length(judge(growing, asked_ids)[2] > 0)
    shown = (
        f"{name}: {share.value:4.0%}  "
        for name, share in zip(groups, shares, strict=True)
    )
    print(f"step {history.last:3}  ", *shown)
    if history.last == 120:
        assert shares[0].value > shares[-1].value + 0.2

# %% [markdown]
# Short questions come first: around step 120 most of those of two to four words are known and next to none of sixteen. A hundred steps later most
# of these have followed. The reading that fits: a gate that holds for four words is nearly the gate that holds for twenty. The near gradient
# opens it, and only then is there a far gradient to learn from.
#
# One can help it along: PyTorch's forget gate starts at one half only because its biases start near 0. Add a constant:

# %%
for bias in (0, 1, 3):
    opened = untrained("LSTM")
    with torch.no_grad():
        opened.reader.bias_hh_l0[C : 2 * C] += bias  # input, forget, candidate, output
    curve = gradient_left(opened, texts)
    share = torch.sigmoid(torch.tensor(float(bias)))
    print(
        f"forget bias {bias}: gate near {share:.2f}; left after 20 steps {curve[20]:.0e}, after 100 {curve[100]:.0e}"
    )

# %% [markdown]
# Jozefowicz and others (2015) tried more than ten thousand cells. What made a plain LSTM as good as a GRU was a forget bias of 1.
#
# ## 8. Who still knows
#
# Gradient is a means. The end was: how did the sentence begin?

# %%
for kind in ("LSTM", "GRU"):
    margins[kind] = judge(models[kind], asked_ids)[2]
    recognised[kind] = by_length(margins[kind] > 0)
plot_recognised(recognised, "With gates, the first word is known at the last")

# %%
scores = {}
for kind, model in models.items():
    nats, counts, _ = judge(model, test)
    low, high = bootstrap_interval(
        lambda n, c: float(np.exp(n.sum() / c.sum())), nats, counts
    )
    scores[kind] = (perplexity(nats, counts), low, high)
    false_alarms = np.mean(judge(model, stated_ids)[2] > 0)
    print(f"{kind:5} perplexity {scores[kind][0]:.1f} ({low:.1f} to {high:.1f}); questions of 11 words or more "
          f"{mean_with_interval(margins[kind][far] > 0)}; statements closed with '?': {false_alarms:.1%}")  # fmt: skip

# %%
ahead = mean_with_interval(
    (margins["GRU"][far] > 0).astype(float) - (margins["RNN"][far] > 0)
)
print(f"GRU − RNN on the same {far.sum()} long questions: {ahead}")
assert ahead.low > 0.2
assert recognised["GRU"][-1].low > recognised["RNN"][-1].high
assert recognised["LSTM"][-1].low > recognised["RNN"][-1].high

# %% [markdown]
# One run is one run. With five seeds, lowest to highest:
#
# | | perplexity | questions, 2–4 words | questions, 11 words or more | gradient left after 50 steps |
# |---|---|---|---|---|
# | RNN | 18.9 to 19.1 | 76 to 92 % | 6 to 28 % | 2e-9 to 2e-5 |
# | LSTM | 17.1 to 17.4 | 99 to 100 % | 92 to 99 % | 1e-4 to 6e-3 |
# | GRU | 16.7 to 16.8 | 99 to 100 % | 97 to 100 % | 0.08 to 0.7 |
#
# (`train_reader(Recipe(kind), seed)` trains each of them.) The simple network above is the *best* of its five.
#
# Look at the perplexities beside the curve. On average over all words the three are close, since most of what a word needs is
# near. That average would have told you that a simple network is nearly as good. It is, except where distance is the point.
#
# ## 9. A switch
#
# Where does the GRU keep it? In 96 numbers there is room for much. We rank them by how much they push the last word's scores towards *?*: the
# difference of their means between questions and statements, times their weight. On validation sentences.


# %%
@torch.no_grad()
def final_states(model, sentences):
    """h after the last word before the mark, (N, C)."""
    batch = pad_sequence([sentence[:-1] for sentence in sentences], batch_first=True)
    state = model.reader(model.embedding(batch), mask=batch != 0)[1]
    return state[0] if isinstance(state, tuple) else state


gru = models["GRU"]
by_mark = {
    mark: final_states(gru, [s for s in validation if int(s[-1]) == number[mark]])
    for mark in "?."
}
means = {mark: states.mean(dim=0) for mark, states in by_mark.items()}
push = (means["?"] - means["."]) * towards_question(gru)  # (C,)
ranked = push.argsort(descending=True).tolist()
for unit in ranked[:4]:
    print(
        f"unit {unit:2}: mean {means['?'][unit]:+.2f} in questions, {means['.'][unit]:+.2f} in statements; push {push[unit]:.2f}"
    )


# %% [markdown]
# A number that says +1 in all statements and −1 in all questions, or the other way round, is a switch. Is it *used*, though, or does
# it merely go along? Then setting it would change nothing. So we set it. **Your guess first.**


# %%
far_states = final_states(gru, [asked_ids[i] for i in np.flatnonzero(read >= 8)])


def turned(units):
    """Share of the questions of eight words or more that end in a full stop once these units have the mean of statements."""
    states = far_states.clone()
    states[:, units] = means["."][units]
    return float((states @ towards_question(gru) + offset < 0).float().mean())


offset = (gru.output.bias[number["?"]] - gru.output.bias[number["."]]).item()
order = np.random.default_rng(0)
some_units = [order.permutation(C).tolist() for _ in range(20)]
counts = list(range(13))
by_rank = [turned(ranked[:k]) for k in counts]
by_lot = [[turned(some[:k]) for some in some_units] for k in counts]  # (13, 20)
needed = next(k for k in counts if by_rank[k] > 0.5)


# %%
def look_at_switch():
    figure, (ax,) = new_figure(width=680, height=360)
    plot_lines(
        counts, {"by rank": by_rank, "at random, mean of 20 draws": np.mean(by_lot, axis=1)},
        intervals={"at random, mean of 20 draws": tuple(np.quantile(by_lot, q, axis=1) for q in (0.05, 0.95))},
        x_label="numbers of the state exchanged, of 96", y_label="questions turned into statements",
        title=f"Exchange {needed} numbers, and most questions are statements", ax=ax,
    )  # fmt: skip
    ax.legend(
        loc="upper right", bbox_to_anchor=(1, 0.85), frameon=False
    )  # clear of both lines
    return Picture(figure, alt="Share of questions that end in a full stop against how many numbers of the state were exchanged: by rank it "
                   "passes one half within a few numbers, at random it stays low.")  # fmt: skip


exercises.guess_switch(look_at_switch, measured=needed)

# %%
print(
    "by rank:",
    *(f"{k}: {share:.0%} " for k, share in zip(counts[:9], by_rank, strict=False)),
)
assert needed <= 6
assert np.mean(by_lot[needed]) < 0.2

# %% [markdown]
# A few numbers of 96 carry most of it. They are used, and little else is.
#
# Now watch the switch. `GateExplorer` reads a sentence word by word and shows one unit: its state and its gates, below that the mean over all
# units, and what the output would say if the sentence ended here.


# %%
@torch.no_grad()
def trace(words):
    """What the explorer shows: the GRU's states and gates along a sentence without its mark."""
    tokens = encode([words])[0][None, : -1 if words[-1] in ".?" else None]
    states, _, gates = gru.reader.trace(gru.embedding(tokens))
    logs = gru.output(states)[0].log_softmax(dim=-1)
    question = torch.sigmoid(logs[:, number["?"]] - logs[:, number["."]])
    return {
        "tokens": [known[id] for id in tokens[0].tolist()],
        "outputs": states[0].numpy(),
        "gates": {name: gate[0].numpy() for name, gate in gates.items()},
        "readings": {"? rather than .": question.numpy()},
    }


# %%
gate_explorer = GateExplorer(
    trace,
    sentence="does the boy that sees the dogs behind the old house sleep ?",
    units={ranked[0]: "first by push", ranked[1]: "second by push"},
    known=known,
    read=english_tokens,
)
gate_explorer.set_state(word=2)
gate_explorer.picture()

# %%
gate_explorer

# %% [markdown]
# Read the row *update*: at the question word it is near 0, and the unit is overwritten; from then on it is near 1, and the unit keeps
# its value whatever comes. Type the statement, *the boy that sees the dogs sleeps .*, and the unit never turns. Try *why does* and *who*. Then move
# the slider to other units: most of them live for a word or two. With all five seeds the first unit by push is such a switch: on average over sixty
# questions its update gate is 0.00 to 0.04 at the question word, and 0.97 or more from the second word after it. Here for all questions of ten words or more:

# %%
units, asked_some = ranked[:2], [s[:-1] for s in asked_ids if len(s) >= 12]
batch = pad_sequence(asked_some, batch_first=True)
_, _, gates = gru.reader.trace(gru.embedding(batch), mask=batch != 0)
update = gates["update"].detach()  # (B, T, C)
kept = batch[:, 4:] != 0  # from the fourth word on
print(f"{len(asked_some)} questions; mean update gate from the fourth word on: "
      f"units {units} {update[:, 4:, units][kept].mean():.2f}, all units {update[:, 4:][kept].mean():.2f}")  # fmt: skip
assert update[:, 4:, units][kept].mean() > 0.9
assert update[:, 4:][kept].mean() < 0.8

# %%
# NBVAL_CHECK_OUTPUT
state, typed_in = (
    gate_explorer.state(),
    ("Who doesn't like the teacher's letter?", "The boy sleeps."),
)
for sentence in (state["sentence"], *typed_in):
    shown, expected = (
        gate_explorer.set_state(sentence=sentence),
        trace(english_tokens(sentence)),
    )
    for name, values in (("state", expected["outputs"]), *expected["gates"].items()):
        np.testing.assert_allclose(
            shown["rows"][name], values[:, shown["shown_unit"]], rtol=1e-6
        )
for typed in ("", "the boy sleps", "word " * 200):
    try:
        gate_explorer.set_state(sentence=typed)
    except ValueError as refusal:
        print(f"{typed[:14]!r:18} {refusal}")
gate_explorer.set_state(sentence=state["sentence"])["problem"]

# %% [markdown]
# ## 10. Break it
#
# A colleague trained the same GRU on the same sentences, for one pass in place of four, and reports a perplexity that makes yours look poor. Same vocabulary,
# same test sentences.


# %%
class Colleague(NextWord):
    """As NextWord, with the colleague's loss."""

    def loss(self, tokens):
        return exercises.careless_loss(self, tokens)


torch.manual_seed(0)
colleague, one_pass = Colleague("GRU", len(known), C), Batches(train, group=1)
fit(colleague, one_pass, steps=-(-len(train) // 64), learning_rate=0.01, decay="linear", history=History(),
    optimizer=torch.optim.AdamW(colleague.parameters(), fused=True))  # fmt: skip
colleague.eval()
together = pad_sequence(test, batch_first=True)
with torch.no_grad():
    reports = {
        name: torch.exp(model.loss(together)).item()
        for name, model in (("yours", gru), ("theirs", colleague))
    }
print({name: f"perplexity {value:.1f}" for name, value in reports.items()})

# %% [markdown]
# The tools are in section 3. Does a sentence get the same loss alone and in company?

# %%
short, longest = min(test, key=len), max(test, key=len)
pair = pad_sequence([short, longest], batch_first=True)[
    :1
]  # the short one, filled up for the long one
with torch.no_grad():
    for name, model in (("yours", gru), ("theirs", colleague)):
        alone, filled = model.loss(short[None]).item(), model.loss(pair).item()
        print(f"{name:6} alone {alone:.3f}, in company {filled:.3f} nats per word")

# %%
with torch.no_grad():
    states, _ = colleague.reader(colleague.embedding(together[:, :-1]))
    nats = F.cross_entropy(
        colleague.output(states).transpose(1, 2), together[:, 1:], reduction="none"
    )
filling = together[:, 1:] == 0
costs = [nats[~filling].mean().item(), nats[filling].mean().item()]
figure, (ax,) = new_figure(width=640, height=260)
ax.barh([f"words ({(~filling).float().mean():.0%} of places)", f"padding ({filling.float().mean():.0%})"], costs,
        color=OKABE_ITO[:2])  # fmt: skip
ax.set_xlabel("their model's mean loss there, in nats")
ax.set_title("Padding costs nothing, and most places are padding", loc="left")
exercises.guess_fault(
    Picture(figure, alt="Two bars: the colleague's model loses some three nats at a word, and next to none at padding, which is more than "
            "half of all places.")
)  # fmt: skip

# %%
theirs_fair = perplexity(*judge(colleague, test)[:2])
print(f"on words alone: yours {scores['GRU'][0]:.1f}, theirs {theirs_fair:.1f}")
assert reports["theirs"] < scores["GRU"][0] < theirs_fair

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# Your colleague's loss reads padding as a word and predicts it as one: there is no mask, and no <code>ignore_index</code>.
# After a final mark comes padding, after padding comes padding, so more than half of the places cost next to nothing, and the mean over all
# of them is small. Judged on words alone, one pass is worse than your four. What notices is the test of section 3: a sentence must get the
# same loss alone and in company. <code>inspect.getsource(exercises.careless_loss)</code> shows the lines. Wherever someone reports a mean
# over tokens, ask which tokens.
#
# </details>
#
# ## 11. Exercises

# %%
exercises.parameters

# %%
my_answer = None  # a whole number
exercises.parameters.check(my_answer)

# %%
exercises.step


# %%
def my_step(sums, memory):
    """State and memory of an LSTM after one more word."""
    raise NotImplementedError


exercises.step.check(my_step)

# %%
exercises.through_time


# %%
def my_gradient(U, states, last):
    """Gradient by U of a loss that depends on the last state of a simple network."""
    raise NotImplementedError


exercises.through_time.check(my_gradient)

# %% [markdown]
# With the third one you can see where in the sentence the network learns from. It runs as it stands, with the rule of the solution: the gradient by
# $U$ for a loss at the end of thirty words, from the last n steps alone against all of them.

# %%
reader = models["RNN"].reader
texts_read, margin = run(models["RNN"], texts[:1, :30])
states = np.concatenate([np.zeros((1, C)), *(h.detach().numpy() for (h,) in texts_read)])
U, last = (
    reader.weight_hh_l0.detach().double().numpy(),
    towards_question(models["RNN"]).double().numpy(),
)
whole = exercises.through_time.reference(U, states, last)
for n in (1, 2, 5, 10, 20):
    recent = exercises.through_time.reference(U, states[-1 - n :], last)
    cosine = (recent * whole).sum() / np.linalg.norm(recent) / np.linalg.norm(whole)
    print(
        f"last {n:2} steps: length {np.linalg.norm(recent) / np.linalg.norm(whole):.2f} of the whole, cosine {cosine:.4f}"
    )

# %% [markdown]
# The last few steps are nearly the whole gradient. What $U$ learns from the end of a text of thirty words, it learns from the last handful; that is
# the vanishing gradient once more, seen from the parameters. It is also why long texts are often cut into pieces for training (truncated
# back-propagation through time): little is lost where little arrives.
#
# ## 12. Explain it
#
# As an interviewer would ask. Say your answer aloud before you open it.

# %%
exercises.QUESTIONS

# %% [markdown]
# ## 13. What was measured, what remains
#
# Bold is this run; *published* is the course's own.

# %%
for kind, (value, low, high) in scores.items():
    row = scoreboard.record(
        lesson="10", model=f"{kind}, 96 units", metric="perplexity, English side of the grammar, test", value=value,
        low=low, high=high, seconds=histories[kind].seconds[-1],
        parameters=sum(p.numel() for p in models[kind].parameters()),
    )  # fmt: skip
row

# %%
for kind in models:
    found = mean_with_interval(margins[kind][far] > 0)
    row = scoreboard.record(
        lesson="10", model=f"{kind}, 96 units", metric="questions of 11 words or more recognised at their end",
        value=found.value, low=found.low, high=found.high,
    )  # fmt: skip
row

# %% [markdown]
# So one network reads any length because it is a loop: the same cell at every word, and a state between. What it can *keep* is another matter. Nothing in
# the simple cell lets it hold a number still; a gate does, once it has learned to.
#
# **What remains.** The switch holds one fact. A translator needs all of them: who saw whom, which old house, how many dogs. Lesson 11 has a GRU read the whole
# sentence, keep its last state, and write it down in French. How much fits into one vector?
#
# **Read on**
# - Elman (1990), *Finding Structure in Time*: the simple network, and the first look into its states.
# - Hochreiter and Schmidhuber (1997), *Long Short-Term Memory*: its section 3 works out why gradients vanish, before any cell.
# - Pascanu, Mikolov and Bengio (2013), *On the Difficulty of Training Recurrent Neural Networks*: both directions, and clipping.
# - Jozefowicz, Zaremba and Sutskever (2015), *An Empirical Exploration of Recurrent Network Architectures*: ten thousand cells, and the forget bias.
# - Linzen, Dupoux and Goldberg (2016), *Assessing the Ability of LSTMs to Learn Syntax-Sensitive Dependencies*: our question, asked of real English with verbs
# and their subjects.
