# %% [markdown]
# # 00 · Welcome
#
# **The question: is this machine ready, and how do these pages work?**
#
# This course goes from counting words to transformers. Everything runs here, on this machine: no account, no GPU, no
# network. And it makes one promise: **every claim on the page is something you can move, measure and check in the next
# cell.** When you catch it making a claim without evidence, that is a bug.
#
# **You will be able to**
# - run a lesson, move its explorers, check your answers, and find your way back to where you stopped;
# - read and write the few lines of torch that all lessons use;
# - say what a softmax and its temperature do, and catch one that runs over the wrong axis;
# - stop a training run, look at it, and let it go on as if nothing had happened.
#
# **You need** a little Python. No machine learning.
#
# Measured run time: **8 s** and **900 MB** on two CPU cores, from a fresh kernel.
#
# ## 1. How a page works
#
# A page is a list of cells. Click into the grey one below and press **Shift + Enter**: it runs, and the next cell is
# selected. *Run → Run All Cells* runs the page from top to bottom; the number in brackets says in which order cells
# ran. If a page behaves oddly, *Kernel → Restart Kernel and Run All Cells* puts everything back to a known state.
#
# One page at a time, please: each open page has its own Python process, and two that compute at once slow each other
# down several times. *Kernel → Shut Down Kernel* when you leave one.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import math

import course_utils
import torch
import torch.nn.functional as F
from course_utils import scoreboard
from course_utils.checkpoints import load_model, save_model
from course_utils.datasets import authored_files
from course_utils.datasets.gensim_files import verify_all
from course_utils.datasets.wikipedia import load_wikipedia, split_articles
from course_utils.exercises import find_lessons
from course_utils.exercises import lesson_00 as exercises
from course_utils.explorers.softmax import SoftmaxExplorer
from course_utils.plots.bars import bars_svg
from course_utils.plots.lines import plot_lines
from course_utils.plots.picture import Picture
from course_utils.plots.svg import beside
from course_utils.pretrained import files as minilm_files
from course_utils.runtime import (
    choose_device,
    describe_machine,
    measure_matmul_rate,
    seed_everything,
    set_threads,
)
from course_utils.storage import cache_folder
from course_utils.teaching.progress import ProgressMap
from course_utils.training import History, fit
from torch import nn

generator = seed_everything(0)
threads = set_threads()
device = choose_device()

# %% [markdown]
# ## 2. Is the machine ready?

# %%
for fact, value in describe_machine().items():
    print(f"{fact:22} {value}")

# %% [markdown]
# How fast does it multiply matrices? That one number decides how long every training run of the course takes. Some
# processors are far faster in *bf16*, a 16-bit number format; on others it is slower. Measured, not assumed:

# %%
for dtype in ("float32", "bfloat16"):
    print(f"{dtype:10} {measure_matmul_rate(dtype=dtype):8.1f} GFLOP/s")

# %% [markdown]
# And the data? Every file that a lesson reads is compared with its checksum first. A file that is missing or damaged is
# named, in one sentence with what to do about it.

# %%
# NBVAL_CHECK_OUTPUT
intact = verify_all()
for name in minilm_files.FILES:
    intact[minilm_files.minilm_file(name).name] = "weights of MiniLM"
for name in authored_files.FILES:
    intact[authored_files.verified(name).name] = "written for the course"
for name, origin in intact.items():
    print(f"intact: {name[:44]:46} {origin}")

# %% [markdown]
# ## 3. The map
#
# Your progress is kept in the folder `.cache` of the course, on this machine and nowhere else. Delete the folder to
# start afresh.

# %%
ProgressMap(find_lessons(), rows=scoreboard.load())

# %% [markdown]
# ## 4. Tensors in ten minutes
#
# A **tensor** is an array of numbers with a shape. The course uses the same letters for shapes everywhere, and one word for
# each thing:

# %%
# NBVAL_CHECK_OUTPUT
print(course_utils.__doc__)

# %% [markdown]
# Here is a batch of 2 sequences of 3 places with 4 numbers each.

# %%
# NBVAL_CHECK_OUTPUT
x = torch.arange(24.0).reshape(2, 3, 4)  # (B, T, C)
print("shape:", tuple(x.shape))
print("sum over the last axis:", tuple(x.sum(dim=-1).shape))
print("mean over T:", tuple(x.mean(dim=1).shape))
print("T and C exchanged:", tuple(x.transpose(1, 2).shape))

# %% [markdown]
# **Broadcasting.** Where shapes differ, an axis of length 1 (or a missing one) is repeated. A bias of shape `(C,)` is
# added to all `B × T` places at once. It also hides mistakes: the second line below means something else than its
# author hoped, and no error tells.

# %%
# NBVAL_CHECK_OUTPUT
bias = torch.tensor([10.0, 20.0, 30.0, 40.0])  # (C,)
print("bias added at every place:", (x + bias)[0, 0].tolist())
scores, target = torch.zeros(3, 1), torch.zeros(3)
difference = scores - target
print(
    "three differences hoped for, and",
    difference.numel(),
    "came out:",
    tuple(difference.shape),
)

# %% [markdown]
# **Matrix product.** `@` multiplies the last two axes and repeats over the others: the same weight matrix is applied at
# every place of every sequence.

# %%
weight = torch.randn(4, 5, generator=generator)  # (C, C')
y = x @ weight  # (B, T, C')
torch.testing.assert_close(y[1, 2], x[1, 2] @ weight)
print(tuple(x.shape), "@", tuple(weight.shape), "→", tuple(y.shape))

# %% [markdown]
# **Gradients.** Training asks one thing: if this number grew a little, how much would the loss grow? torch keeps a
# record of the computation and answers for all numbers at once. Check it against the definition, a small step and a
# division:

# %%
w = torch.tensor([1.0, -3.0], dtype=torch.float64, requires_grad=True)
loss = (w**2).sum() + w[0] * w[1]
loss.backward()
step = 1e-6
moved = w.detach() + torch.tensor([step, 0.0], dtype=torch.float64)
by_steps = ((moved**2).sum() + moved[0] * moved[1] - loss.detach()) / step
print(
    f"torch: {w.grad[0]:.4f}   by a small step: {by_steps:.4f}   "
    f"by hand, 2·w₀ + w₁: {2 * 1.0 - 3.0:.4f}"
)

# %% [markdown]
# ## 5. Softmax, the function you'll meet in every lesson
#
# A model gives each choice a **score**, any real number. We need **probabilities**: positive, summing to 1. Exponentiate
# (now all are positive), then divide by the sum:
#
# $$\mathrm{softmax}(s)_i = \frac{e^{s_i / \tau}}{\sum_j e^{s_j / \tau}}$$
#
# $\tau$ is the **temperature**. Word vectors, attention, generation of text: each of them ends in this line.


# %%
def softmax(scores, *, temperature=1.0):
    scaled = scores / temperature
    exponentials = torch.exp(scaled - scaled.max(dim=-1, keepdim=True).values)
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


some_scores = torch.randn(2, 3, 5, generator=generator)
torch.testing.assert_close(softmax(some_scores), F.softmax(some_scores, dim=-1))
print(softmax(torch.tensor([2.0, 1.0, 0.0])))

# %% [markdown]
# Why subtract the largest score? It changes no probability (it cancels in the fraction) and keeps `exp` from overflowing.
# Without it a score of 1000 gives infinity divided by infinity, which is not a number.
#
# **Your guess first.** Three choices have scores 2, 1 and 0. At temperature 1 the first gets 0.67. What does it get at
# temperature 0.25, when all scores are divided by 0.25?

# %%
drinks = {"tea": 2.0, "coffee": 1.0, "water": 0.0}
shares = {
    t: softmax(torch.tensor(list(drinks.values())), temperature=t).tolist()
    for t in (0.25, 1.0, 4.0)
}


panels = [
    bars_svg(
        values, labels=list(drinks), title=f"temperature {t:g}", label=f"temperature {t:g}",
        limit=1.0, width=360,
    )
    for t, values in shares.items()
]  # fmt: skip
pair = beside(panels[0], panels[1], label="temperatures 0.25 and 1")
row = beside(pair, panels[2], label="One softmax at three temperatures")
exercises.guess_temperature(row, measured=shares[0.25][0])

# %% [markdown]
# Low temperature: the leader takes all. High temperature: all choices become alike. The ranking never changes. Move it: the
# slider answers to the mouse and to the arrow keys. Scores can be edited as well.
#
# The **entropy** that it shows says how undecided the distribution is, in bits: 0 when one choice is certain, 2 when
# four are equally likely.

# %%
softmax_explorer = SoftmaxExplorer({"tea": 2, "coffee": 1, "water": 0, "juice": -1})
softmax_explorer.picture()

# %%
softmax_explorer

# %% [markdown]
# An explorer can be asked for the numbers on its screen, and moved from Python. So nothing that you see has to be taken
# on trust:

# %%
seen = softmax_explorer.set_state(temperature=0.5)
again = softmax(torch.tensor(seen["scores"], dtype=torch.float64), temperature=0.5)
torch.testing.assert_close(
    again, torch.tensor(seen["probabilities"], dtype=torch.float64)
)
print(
    f"entropy on the screen: {seen['entropy_bits']:.4f} bits, "
    f"computed here: {-(again * again.log2()).sum():.4f}"
)

# %% [markdown]
# ## 6. Training: start, stop, go on
#
# Now a model that learns. It guesses the next letter of an encyclopaedia from the current one, and its parameters are a
# table of 27 × 27 scores (26 letters and the space), put through a softmax. Learning means: nudge the scores so that what
# really came next becomes more likely. The loss is the **cross-entropy**, the average of −log(probability given to what
# came).

# %%
LETTERS = " abcdefghijklmnopqrstuvwxyz"


def to_tokens(articles):
    """Lower-case letters and single spaces of all articles as one tensor of token ids."""
    text = " ".join(
        "".join(c if c in LETTERS else " " for c in a.text.lower()) for a in articles
    )
    return torch.tensor([LETTERS.index(c) for c in " ".join(text.split())])  # (T,)


train_articles, validation_articles, test_articles = split_articles(load_wikipedia())
train_tokens, test_tokens = to_tokens(train_articles), to_tokens(test_articles)
print(
    f"{len(train_tokens):,} characters to learn from, "
    f"{len(test_tokens):,} from other articles to be tested on"
)


# %%
class Bigram(nn.Module):
    """Scores of the next character, given the present one."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Embedding.from_pretrained(
            torch.zeros(27, 27), freeze=False
        )  # (V, V)

    def loss(self, batch):
        now, following = batch  # (B,), (B,)
        return F.cross_entropy(self.scores(now), following)  # nats


def batches(generator):
    while True:
        places = torch.randint(
            len(train_tokens) - 1, (2048,), generator=generator
        )  # (B,)
        yield train_tokens[places], train_tokens[places + 1]


# %%
set_threads(1)  # a model this small gains nothing from a second thread
model, history = Bigram(), History()
fit(model, batches, steps=100, learning_rate=0.1, history=history)
print(f"after {history.steps[-1]} steps: {history.losses[-1]:.3f} nats")

# %% [markdown]
# Every training run of the course has this form. The `history` is made *before* the run, so whatever happens, it holds what
# was learned so far. Press **■ (interrupt)** during a long run: a sentence says where it stopped, `model` and `history` stay
# usable, and calling `fit` again goes on from there. That is a claim, so check it: 100 steps and then 100 more, against
# 200 at once.

# %%
# NBVAL_CHECK_OUTPUT
fit(model, batches, steps=100, learning_rate=0.1, history=history)

at_once, one_history = Bigram(), History()
fit(at_once, batches, steps=200, learning_rate=0.1, history=one_history)
torch.testing.assert_close(model.scores.weight, at_once.scores.weight)
print(f"100 + 100 steps equal 200 steps: {history.steps[-1]} steps, same table of scores")

# %% [markdown]
# ### What did it learn that we could not have counted?
#
# Nothing. This model is so simple that its best table is known in advance: the counted frequency of each pair of letters. So
# we know where the training has to arrive. (In lesson 02 the model gets a memory, and counting can no longer
# keep up.)

# %%
codes = 27 * train_tokens[:-1] + train_tokens[1:]  # (T - 1,): one number for each pair
pairs = torch.bincount(codes, minlength=27 * 27).reshape(27, 27) + 0.5  # (V, V)
counted = pairs / pairs.sum(dim=1, keepdim=True)  # + 0.5 above: nothing is impossible


def bits(log_probability):
    """Bits per character of the test articles; log_probability of shape (V, V), in nats."""
    return -log_probability[test_tokens[:-1], test_tokens[1:]] / math.log(2)  # (T - 1,)


letter_shares = pairs.sum(dim=0) / pairs.sum()
unigram_bits = bits(letter_shares.log().expand(27, 27)).mean().item()
counted_bits = bits(counted.log()).mean().item()

# %%
fit(model, batches, steps=600, learning_rate=0.1, history=history, decay="linear")
trained = bits(F.log_softmax(model.scores.weight.detach(), dim=-1))  # (T - 1,)
print(f"no memory (letter frequencies)  {unigram_bits:.3f} bits per character")
print(f"counted pairs                   {counted_bits:.3f}")
print(f"trained, {history.steps[-1]} steps             {trained.mean():.3f}")

# %%
every = slice(0, None, 10)
in_bits = [loss / math.log(2) for loss in history.losses]
ax = plot_lines(
    history.steps[every], {"trained (each batch)": in_bits[every]},
    x_label=f"step ({history.seconds[-1]:.1f} s in all)", y_label="bits per character",
    title="Learning arrives where counting already is",
)  # fmt: skip
ax.axhline(counted_bits, color="#d55e00", linestyle="--", label="counted pairs")
ax.axhline(unigram_bits, color="#000000", linestyle=":", label="no memory")
ax.legend(frameon=False, fontsize=9)
Picture(
    ax.figure,
    alt="Loss of the bigram model by step. "
    "It falls from 4.75 bits to the dashed line of the counted pairs.",
)

# %% [markdown]
# The last batches lie a little below the dashed line. They are training text, which the model has seen; the line is scored
# on other articles. On those:

# %%
# NBVAL_CHECK_OUTPUT
assert abs(trained.mean().item() - counted_bits) < 0.02
assert counted_bits < unigram_bits - 0.5
print("trained and counted agree within 0.02 bits per character")

# %% [markdown]
# ### Keep it
#
# Models are kept as safetensors: plain numbers, no code that runs when the file is opened. Writing is atomic: after a
# power cut in the middle of it you have the old file or the new one, never half of one.

# %%
kept = save_model(
    cache_folder() / "welcome_bigram.safetensors",
    model,
    config={"letters": len(LETTERS)},
    history=history,
)
fresh = Bigram()
fresh_history = load_model(kept, fresh)
torch.testing.assert_close(fresh.scores.weight, model.scores.weight)
print(
    f"{kept.relative_to(cache_folder().parent)}: {kept.stat().st_size:,} bytes, "
    f"{fresh_history.steps[-1]} steps"
)

# %% [markdown]
# ## 7. Break it
#
# Here is a softmax for a batch of three readers, each with scores for three drinks. It runs, all numbers lie between 0 and 1,
# and they even sum to 1. It is wrong. Find out why, before you open the answer.

# %%
readers = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 3.0]])  # (B, V)
print(exercises.suspicious_softmax(readers).numpy().round(2))

# %%
sums = exercises.suspicious_softmax(readers).sum(dim=1).tolist()
exercises.guess_fault(sums, right=softmax(readers)[1].tolist())

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# Add up a row: the probabilities of one reader do not sum to 1. The columns do. <code>dim=0</code> normalises over the
# batch, so the readers compete with each other for each drink. The second reader has three equal scores and should get
# ⅓ three times. The result has the right shape whichever axis is summed, so no error gives it away. Always check
# <code>probabilities.sum(dim=-1)</code>.
#
# </details>
#
# ## 8. Exercises
#
# Write your answer into the cell, run it, and `check` says *not attempted*, *wrong, because …* or *correct*. Stuck:
# `exercises.shares.hint()`, and again for the next hint. `exercises.shares.solution()` shows one way to do it.

# %%
exercises.shares

# %%
my_answer = None  # a number
exercises.shares.check(my_answer)

# %%
exercises.softmax


# %%
def my_softmax(scores, temperature):
    """Softmax over the last axis of an array of shape (B, V)."""
    raise NotImplementedError


exercises.softmax.check(my_softmax)

# %%
exercises.temperature_for


# %%
def my_temperature_for(scores, bits):
    """The temperature at which softmax(scores / temperature) has an entropy of `bits`."""
    raise NotImplementedError


exercises.temperature_for.check(my_temperature_for)

# %% [markdown]
# ## 9. Explain it
#
# As an interviewer would ask. Say your answer aloud before you open it.

# %%
exercises.QUESTIONS

# %% [markdown]
# ## 10. What was measured, what remains

# %%
spread = (
    trained.reshape(-1)[: len(trained) // 500 * 500].reshape(-1, 500).mean(dim=1)
)  # blocks of 500 characters
margin = 1.96 * spread.std().item() / len(spread) ** 0.5
value = trained.mean().item()
scoreboard.record(
    lesson="00", model="character bigram", metric="bits per character, 27 symbols, test articles",
    value=value, low=value - margin, high=value + margin,
    seconds=history.seconds[-1], parameters=27 * 27,
)  # fmt: skip

# %% [markdown]
# **What remains.** Our model knows letters and has the memory of one. Before we give it a longer memory, we need better
# symbols than letters: words, and numbers for them that say how words are related. Lesson 01 gets such numbers by
# nothing but counting.
#
# **Read on**
# - Shannon (1951), *Prediction and Entropy of Printed English*: people guess the next letter; the same bits per character,
#   measured by hand.
# - The PyTorch tutorial *Learn the Basics*: the same ten minutes, in two hours.
