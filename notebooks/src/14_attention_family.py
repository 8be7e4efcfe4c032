# %% [markdown]
# # 14 · The attention family
#
# **The question: how should a query be compared with a key, and what goes wrong when one detail is missing?**
#
# Lesson 13's attention scored each pair with a small network. In the year that it was published, Luong, Pham and Manning did
# the same with one product of matrices, and that form has carried nearly everything since. Three details decide whether it
# works: a square root, a mask, and several heads. Each takes one line of code, and none gives an error when it is missing. This
# lesson measures what each is worth.
#
# **You will be able to**
# - write dot, general, concat and scaled dot-product attention, and say what each costs;
# - explain the √d with two measurements, entropy and gradient;
# - build multi-head attention that equals PyTorch's, values and gradients, masks included;
# - find a leak of the future with a test of five lines;
# - say what a head is worth, and why a small effect of one is no proof.
#
# **You need** lesson 13 (attention) and lesson 05 (word vectors).
#
# Measured run time: **87 s** and **920 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import math
import time
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from course_utils import scoreboard
from course_utils.checkpoints import cached
from course_utils.datasets.translation import load_translation
from course_utils.evaluation.alignment import score_alignments
from course_utils.evaluation.bleu import Bleu
from course_utils.evaluation.similarity import bootstrap_interval
from course_utils.evaluation.translation import (
    evaluate_corpus,
    paired_bootstrap,
)
from course_utils.exercises import lesson_14 as exercises
from course_utils.explorers.ablation import AblationLab
from course_utils.explorers.alignment import AlignmentExplorer
from course_utils.explorers.dot_products import DotProductBench
from course_utils.explorers.score_pipeline import ScorePipeline
from course_utils.layers import attention, blocks
from course_utils.layers.attention_scores import SCORES
from course_utils.layers.recurrent import GRU
from course_utils.models.encoder import mean_pool
from course_utils.models.seq2seq import BEGIN, END, PADDING, SPECIAL
from course_utils.models.seq2seq_batches import PairBatches, pad_pairs
from course_utils.plots.bars import bars_svg
from course_utils.plots.estimates import plot_estimates
from course_utils.plots.lines import plot_lines
from course_utils.plots.matrix import matrix_svg
from course_utils.plots.picture import Picture
from course_utils.pretrained import load_minilm, load_static_vectors
from course_utils.runtime import seed_everything, set_threads
from course_utils.training import fit
from course_utils.translation.recipes import Schedule, train_translator
from course_utils.vectors import cosine_matrix
from torch import nn

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. Four scores
#
# A query $q$ (what the decoder is at) meets keys $k_1 \dots k_S$ (the words of the source). A **score** says how well a key
# answers, the softmax turns scores into weights, and the answer is the average of the values by these weights. Only
# the score differs. Luong, Pham and Manning (2015) compared three; the fourth came with the transformer.
#
# | name | score | learned |
# |---|---|---|
# | dot | $q \cdot k$ | nothing |
# | general | $q \cdot W k$ | $C^2$ |
# | concat (Bahdanau's, in one matrix) | $v \cdot \tanh(W [q; k] + b)$ | $2CA + 2A$ |
# | scaled dot | $W_q q \cdot W_k k / \sqrt{d}$ | $2C^2$ |


# %%
def dot(query, keys):
    return query @ keys.transpose(-2, -1)  # (B, T, S)


def general(query, keys, W):
    return dot(query, keys @ W.T)


def concat(query, keys, W, bias, v):
    T, S = query.shape[1], keys.shape[1]
    pairs = torch.cat(
        [query[:, :, None].expand(-1, -1, S, -1), keys[:, None].expand(-1, T, -1, -1)],
        dim=-1,
    )  # (B, T, S, 2C): every query beside every key
    return torch.tanh(pairs @ W.T + bias) @ v


def scaled_dot(query, keys, W_q, W_k):
    return dot(query @ W_q.T, keys @ W_k.T) / math.sqrt(W_k.shape[0])


# %% [markdown]
# $A$ is the width of concat's hidden layer: $C$ in the papers, 64 in the course's own. Here are the course's, with the same
# weights. Its concat splits $W$ in two, so that what depends on the keys alone is computed
# once: $W[q; k] = W_1 q + W_2 k$.

# %%
# NBVAL_CHECK_OUTPUT
C = 16
query, keys = torch.randn(2, 5, C), torch.randn(2, 7, C)
theirs = {name: SCORES[name](C) for name in ("dot", "general", "concat", "scaled dot")}
g, c, s = theirs["general"], theirs["concat"], theirs["scaled dot"]
W = torch.cat([c.of_query.weight, c.of_key.weight], dim=1)
ours = {
    "dot": dot(query, keys),
    "general": general(query, keys, g.of_key.weight),
    "concat": concat(query, keys, W, c.of_query.bias, c.direction),
    "scaled dot": scaled_dot(query, keys, s.of_query.weight, s.of_key.weight),
}
for name, score in theirs.items():
    torch.testing.assert_close(ours[name], score(query, score.project(keys)))
    print(f"{name:10} equal; {sum(p.numel() for p in score.parameters()):3} parameters")

# %% [markdown]
# What do they cost? Forward and backward for 64 sentences of 25 words, width 256. The three that end in a product of matrices
# hold nothing larger than the queries, the keys and the table of scores. *concat* makes $A$ numbers for every pair of
# words before it adds them up.

# %%
C = 256
queries, keys = (torch.randn(64, 25, C, requires_grad=True) for _ in range(2))


def seconds_of(score, repeats=3):
    """Least time of a few, forward and backward."""
    taken = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        score(queries, score.project(keys)).sum().backward()
        taken.append(time.perf_counter() - started)
    return min(taken[1:])


cost = {name: seconds_of(SCORES[name](C)) for name in theirs}
for name, seconds in cost.items():
    print(f"{name:10} {1000 * seconds:6.1f} ms, {seconds / cost['dot']:5.1f} times dot")
A = len(SCORES["concat"](C).direction)
print(f"concat holds 64 × 25 × 25 × {A} = {64 * 25 * 25 * A:,} numbers at once")
assert cost["concat"] > cost["dot"]

# %% [markdown]
# ### Side by side
#
# The same translator as in lesson 13, narrower (128) and trained on a sixth of the tokens, once with each of Luong's
# three scores. Everything else is equal: data, order of the sentences, number of updates, seed. With so little training they
# have not yet all arrived at the same place, so a difference can show. They are compared on 500 test sentences; intervals
# are from drawing these sentences anew, so they say nothing about another seed.

# %%
data = load_translation()
some = data.test[:500]
schedule = Schedule(target_tokens=240_000, learning_rate=8e-3)


def train_with(score):
    return train_translator(data.train, attention=score, width=128, schedule=schedule)


trained = {"dot": train_with("dot"), "general": train_with("general")}

# %%
trained["concat"] = train_with("concat")

# %%
references = [pair.target for pair in some]
written, bleu, errors = {}, {}, {}
for name, one in trained.items():
    translations = one.translator.translate([pair.source for pair in some])
    written[name] = [t.target for t in translations]
    bleu[name] = evaluate_corpus(Bleu(), hypotheses=written[name], references=references)
    errors[name] = score_alignments(
        one.translator.align(some), sure=[pair.alignment for pair in some]
    )
    micro = 1e6 * one.seconds / one.target_tokens
    print(
        f"{name:10} BLEU {bleu[name]}, alignment error {errors[name].error_rate:.3f}, "
        f"{micro:.0f} µs a target token, {one.parameters:,} parameters"
    )

# %%
print("against dot, on the same sentences:")
for name in ("general", "concat"):
    print(
        f"{name:10}",
        paired_bootstrap(
            Bleu(), baseline=written["dot"], system=written[name], references=references
        ),
    )
assert bleu["dot"].value > bleu["concat"].value

# %% [markdown]
# After so few updates the plain dot product is ahead and *concat*, the network with the most to learn, comes last. Other
# sentences would not turn that round; another seed might, since it is one seed each. Nor is it the end of the
# story: with six times the tokens lesson 13's additive score, which is *concat*, translates nearly everything. Luong and
# others report that their *concat* did badly, too, and that they do not know why. One reason may be that the plainest score
# sends its gradient straight into the vectors that the recurrent layers make.
#
# What does not depend on a seed is the price. Here the recurrent layers take most of the time and hide most of it: compare
# the times a target token with those of the scores alone. In a model made of attention alone, nothing would hide it. So the
# product of matrices is worth keeping, if it can be made safe.
#
# ## 2. A dictionary that answers every question
#
# The names *query*, *key*, *value* come from look-up. A Python dictionary compares the query with its keys, and gives the
# value of the one that is equal. Anything else is a `KeyError`. Attention compares by degree and gives a mixture of all
# values, so every question gets an answer, and one can take its derivative.
#
# Four cities as keys, their countries as values, both as the word vectors of lesson 05. The scores are cosines times a
# *sharpness*.

# %%
vectors, vocabulary = load_static_vectors()
entries = {"paris": "france", "rome": "italy", "tokyo": "japan", "madrid": "spain"}
keys = vectors[[vocabulary[city] for city in entries]]
values = vectors[[vocabulary[country] for country in entries.values()]]


def look_up(word, sharpness):
    """Weights of the keys for one query, and the mixture of the values."""
    scores = sharpness * cosine_matrix(vectors[[vocabulary[word]]], keys)[0]
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    return weights, weights @ values


# %%
print(f"{'':23}" + "".join(f"{city:>8}" for city in entries))
for word, sharpness in (
    ("osaka", 1),
    ("osaka", 10),
    ("osaka", 100),
    ("tokyo", 100),
    ("milan", 100),
):
    weights, _ = look_up(word, sharpness)
    print(f"{word:9} sharpness {sharpness:3}" + "".join(f"{w:8.2f}" for w in weights))
assert look_up("osaka", 10)[0].argmax() == 2
assert look_up("tokyo", 100)[0].max() > 0.999

# %% [markdown]
# *osaka* is not in the dictionary, and with a sharpness of 10 the answer is mostly *japan*. With 1 it is a bit of everything.
# With 100 it is an ordinary dictionary that rounds to the nearest key, and *milan* gets the wrong country without a
# doubt: nearest is not right. How sharp the softmax is, then, is no detail. What decides it in attention?
#
# Key and value need not be the same vector: what a word is *found by* and what it *says* are two things. In attention
# both are made from the same word by two learned matrices, and the query by a third.
#
# ## 3. Why the square root
#
# Take a query and a key of $d$ independent numbers, mean 0, variance 1. Their dot product is a sum of $d$ products, each with
# mean 0 and variance 1. Variances of independent numbers add up: the score has variance $d$, standard deviation $\sqrt d$.


# %%
def drawn_scores(width, keys=32, queries=1000):
    """Scores of random queries, each against its own random keys, (queries, keys)."""
    generator = torch.Generator().manual_seed(width)
    q = torch.randn(queries, 1, width, generator=generator)
    k = torch.randn(queries, keys, width, generator=generator)
    return (q @ k.transpose(1, 2))[:, 0]


widths = [4, 16, 64, 256, 1024]
scores = {width: drawn_scores(width) for width in widths}
for width in widths:
    print(
        f"d = {width:4}: standard deviation {scores[width].std():5.1f}, √d = {width**0.5:4.1f}"
    )
    assert abs(scores[width].std() / width**0.5 - 1) < 0.05

# %% [markdown]
# So a wider layer asks the same question with a greater sharpness, by accident. Dividing by $\sqrt d$ takes that out.
# The **entropy** of the weights, $-\sum_i w_i \ln w_i$, says how many keys have a say: 0 nats is one key,
# $\ln 32 = 3.47$ is all 32 alike. **Your guess first**: without the root, how much is left at width 1,024?

# %%
divisors = {
    "divided by √d": np.sqrt,
    "not divided": lambda d: 1,
    "divided by d": lambda d: d,
}
weights = {
    (name, width): (scores[width] / divide(width)).softmax(dim=1)
    for name, divide in divisors.items()
    for width in widths
}
entropies = {
    name: [torch.special.entr(weights[name, d]).sum(dim=1).mean().item() for d in widths]
    for name in divisors
}
# %%
ax = plot_lines(
    widths, entropies, log_x=True, x_label="width d of queries and keys", y_label="mean entropy in nats, 32 keys",
    title="Without √d the wide layer looks at one key, with d at all alike",
)  # fmt: skip
ax.axhline(math.log(32), color="#57606a", linestyle="--", linewidth=1)
ax.set_ylim(0, 3.7)
exercises.guess_entropy(ax.figure, without=entropies["not divided"][-1])

# %% [markdown]
# One key of 32, chosen at random: that is what an untrained layer of width 1,024 looks at. Training could correct
# it, if the gradient came through. The derivative of weight $i$ by score $j$ is $w_i (1 - w_i)$ for $i = j$, else
# $-w_i w_j$. If one weight is 1 and the rest 0, all of these are 0.


# %%
def passed_back(weights):
    """Size of all derivatives of the weights by the scores, one number a query."""
    jacobian = torch.diag_embed(weights) - weights[:, :, None] * weights[:, None]
    return jacobian.flatten(1).norm(dim=1)


logits = scores[64][:1].clone().requires_grad_()
by_autograd = torch.autograd.functional.jacobian(lambda s: s.softmax(dim=1), logits)
torch.testing.assert_close(by_autograd.norm(), passed_back(logits.softmax(dim=1))[0])
# %%
gradients = {
    name: [passed_back(weights[name, d]).median().item() for d in widths]
    for name in ("divided by √d", "not divided")
}
ax = plot_lines(
    widths, gradients, log_x=True, x_label="width d of queries and keys", y_label="median size of the derivatives",
    title="A softmax that has decided passes no gradient back",
)  # fmt: skip
ax.set_yscale("log")
Picture(
    ax.figure,
    alt="Median size of the derivatives of the weights by the scores, log axes. Divided by the root of d it stays near 0.24 "
    "at all widths; not divided it falls from 0.3 at width 4 to below 0.001 at width 1,024.",
)

# %%
ratio = gradients["divided by √d"][-1] / gradients["not divided"][-1]
print(f"at width 1,024 the root lets {ratio:,.0f} times as much gradient through")
assert ratio > 100
assert max(entropies["divided by √d"][1:]) - min(entropies["divided by √d"][1:]) < 0.05
assert entropies["not divided"][-1] < 0.2

# %% [markdown]
# Two cautions. First, this is the state at the *start*, with numbers of variance 1; a trained layer may make its scores as
# large as it likes, and needs to, if it is to look at one word. Second, Luong's *dot* has no root and learned to
# translate above. How? Its width is 128, and its vectors do not start with variance 1:

# %%
source, target = pad_pairs(trained["dot"].translator.encode_pairs(some[:200]))
real = (target[:, 1:] != PADDING)[..., None]
for name, one in trained.items():
    untrained = type(one.model)(one.model.config).eval()
    shown = []
    with torch.no_grad():
        for model in (untrained, one.model):
            _, w = model(source, target[:, :-1], return_attention=True)
            shown.append(torch.special.entr(w).sum(dim=-1)[real[..., 0]].mean().item())
    print(f"{name:10} mean entropy {shown[0]:.2f} nats untrained, {shown[1]:.2f} trained")

# %% [markdown]
# All start soft, spread over the whole sentence ($e^{2.5}$ is a dozen words), and end sharp, at one or two. The root is
# insurance for the start, and it pays where layers are wide and vectors are normalised to variance 1, as in a transformer.
#
# The bench: random queries and keys, their scores, weights and entropy. Widen the slider and watch the bars.

# %%
bench = DotProductBench()
bench.picture()

# %%
bench

# %%
state = bench.state()
print(f"theory {state['theory_std']:.2f}, drawn {state['drawn_std']:.2f}")
assert abs(state["drawn_std"] / state["theory_std"] - 1) < 0.1

# %% [markdown]
# ## 4. What may not be seen
#
# Two kinds of places must get no weight at all. **Padding**: sentences of a batch are filled up to one length, and the
# fill says nothing. **The future**: a decoder that learns to predict word $t$ from the words before must not see word $t$. A
# **mask** is a boolean table, here and in the whole course True = may be attended to. Where it is False the score becomes
# $-\infty$ *before* the softmax, so that the weight is exactly 0 and the others still sum to 1.


# %%
def attend(queries, keys, values, mask=None):
    """Scaled dot-product attention: (…, T, D), (…, S, D), (…, S, D) to (…, T, D) and weights."""
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ values, weights


# %%
# NBVAL_CHECK_OUTPUT
x = torch.randn(1, 5, 8)
causal = torch.ones(5, 5, dtype=torch.bool).tril()
out, weights = attend(x, x, x, causal)
print("weights above the diagonal:", weights.triu(1).abs().max().item())
torch.testing.assert_close(weights.sum(-1), torch.ones(1, 5))
longer = torch.cat([x, torch.randn(1, 3, 8)], dim=1)
seen = torch.arange(8) < 5
torch.testing.assert_close(attend(x, longer, longer, seen)[0], attend(x, x, x)[0])
print("three masked places change nothing")

# %% [markdown]
# And without the mask for padding? MiniLM of lesson 06, one sentence, filled up with more and more padding. With a mask the
# sentence's vector stays; without, it drifts, and the same sentence gets another vector in another batch. Nothing fails.

# %%
minilm = load_minilm()
encoder, pieces = minilm.model, minilm.pieces


def sentence_vector(ids, mask=None):
    """A text's vector, its pieces averaged; `mask` for the layers, padding never averaged."""
    tokens = torch.tensor([ids])
    with torch.no_grad():
        return mean_pool(encoder(tokens, mask=mask), mask=tokens != 0)[0]


# %%
(cut,) = pieces.cut(["the dog bites the man"])
alone, drifts = sentence_vector(cut.ids), []
for fill in (0, 4, 16, 64):
    ids = (*cut.ids, *[0] * fill)
    masked = sentence_vector(ids, mask=torch.tensor([ids]) != 0)
    drifts.append(F.cosine_similarity(alone, sentence_vector(ids), dim=0).item())
    torch.testing.assert_close(masked, alone, atol=1e-5, rtol=1e-5)
    print(
        f"{fill:3} places of padding: cosine {drifts[-1]:.3f} without a mask, 1 with it"
    )
assert drifts[-1] < 0.95

# %% [markdown]
# ## 5. Several heads
#
# One attention gives each word one average. But *bites* has two questions, who and whom. **Multi-head attention** cuts the
# $C$ numbers of queries, keys and values into $H$ slices of $D = C / H$, lets each slice attend on its own, and puts the results
# side by side. A last matrix mixes them. It takes as many multiplications as one head of full width; only the tables of weights are
# $H$ in place of one.


# %%
def multi_head(x, memory, p, heads, mask=None):
    """x (B, T, C) looks at memory (B, S, C); p holds four weights and biases; mask fits (B, H, T, S)."""

    def split(y, part):  # (B, T, C) to (B, H, T, D)
        y = F.linear(y, p[f"{part}.weight"], p[f"{part}.bias"])
        return y.unflatten(-1, (heads, -1)).transpose(1, 2)

    q, k, v = split(x, "query"), split(memory, "key"), split(memory, "value")
    context, weights = attend(q, k, v, mask)
    joined = context.transpose(1, 2).flatten(2)  # heads side by side, (B, T, C)
    return F.linear(joined, p["output.weight"], p["output.bias"]), weights


# %% [markdown]
# Is it PyTorch's `nn.MultiheadAttention`? Same weights, padding and causal mask together, and we compare the results, the
# weights, and the gradients of all parameters and of the input. PyTorch keeps the three matrices in one, and its boolean masks
# the other way round: True = shut. Its function `F.scaled_dot_product_attention`
# has them as we do. Whoever mixes the two conventions attends to exactly the wrong places.

# %%
B, T, C, H = 3, 6, 32, 4
torch_layer = nn.MultiheadAttention(C, H, batch_first=True)
course_layer = attention.MultiHeadAttention(C, H)
nn.init.normal_(torch_layer.in_proj_bias)
nn.init.normal_(torch_layer.out_proj.bias)
stacked = (torch_layer.in_proj_weight.chunk(3), torch_layer.in_proj_bias.chunk(3))
parameters = {
    "output.weight": torch_layer.out_proj.weight,
    "output.bias": torch_layer.out_proj.bias,
}
for part, weight, bias in zip(("query", "key", "value"), *stacked, strict=True):
    parameters |= {f"{part}.weight": weight, f"{part}.bias": bias}
course_layer.load_state_dict(parameters)
mine = {
    name: value.detach().clone().requires_grad_() for name, value in parameters.items()
}
lengths = torch.tensor([6, 4, 3])
padding = torch.arange(T) < lengths[:, None]  # (B, T)
causal = torch.ones(T, T, dtype=torch.bool).tril()

# %%
inputs = [
    torch.randn(B, T, C, generator=torch.Generator().manual_seed(1)).requires_grad_()
    for _ in range(3)
]
both = causal & padding[:, None, None]  # (B, 1, T, T)
results = [
    torch_layer(
        inputs[0], inputs[0], inputs[0], key_padding_mask=~padding, attn_mask=~causal, average_attn_weights=False
    ),
    multi_head(inputs[1], inputs[1], mine, H, both),
    course_layer(inputs[2], inputs[2], mask=both, return_attention=True),
]  # fmt: skip
for out, _ in results:
    out.square().sum().backward()

# %%
in_torch = {
    "output.weight": torch_layer.out_proj.weight.grad,
    "output.bias": torch_layer.out_proj.bias.grad,
}
stacked = (
    torch_layer.in_proj_weight.grad.chunk(3),
    torch_layer.in_proj_bias.grad.chunk(3),
)
for part, weight, bias in zip(("query", "key", "value"), *stacked, strict=True):
    in_torch |= {f"{part}.weight": weight, f"{part}.bias": bias}

# %%
# NBVAL_CHECK_OUTPUT
for out, weights, x, grads in (
    (*results[1], inputs[1], {name: value.grad for name, value in mine.items()}),
    (*results[2], inputs[2], {n: p.grad for n, p in course_layer.named_parameters()}),
):
    close = {"atol": 1e-5, "rtol": 1e-5}
    torch.testing.assert_close(out, results[0][0], **close)
    torch.testing.assert_close(weights, results[0][1], **close)
    torch.testing.assert_close(x.grad, inputs[0].grad, atol=1e-5, rtol=1e-4)
    for part, theirs in in_torch.items():
        torch.testing.assert_close(grads[part], theirs, atol=1e-5, rtol=1e-4)
print(
    "values, weights and gradients equal, with padding and causal masks: ours, the course's, PyTorch's"
)

# %% [markdown]
# From here on it is imported. What do heads of a trained model do with their freedom? MiniLM has 6 layers of 12. The picture
# shows a head of its first layer that looks one piece back and nowhere else. Type a sentence and go through all 72; they are
# sorted by how much they look at the piece just before.


# %%
def heads_of(text):
    """Pieces of a text, and 72 maps, those first that look at the piece before."""
    found, maps = minilm.attention(text)
    named = {
        f"layer {layer + 1}, head {head + 1}": maps[layer, head]
        for layer in range(6)
        for head in range(12)
    }
    before = {name: np.diagonal(one, offset=-1).mean() for name, one in named.items()}
    order = sorted(named, key=before.get, reverse=True)
    return SimpleNamespace(
        source=found, target=found, weights={name: named[name] for name in order}
    )


heads_explorer = AlignmentExplorer(heads_of, sentence="the dog bites the man")
heads_explorer.picture()

# %%
heads_explorer

# %%
first = next(iter(heads_of("the dog bites the man").weights.items()))
print(
    f"{first[0]} gives the piece before {np.diagonal(first[1], offset=-1).mean():.0%}, by chance 1/7"
)

# %% [markdown]
# ## 6. Attention does not see the order
#
# A score depends on two vectors, not on where they stand. So if the words are permuted, the outputs are the same vectors,
# permuted. The course's layer and, for comparison, a recurrent one:

# %%
# NBVAL_CHECK_OUTPUT
x = torch.randn(1, 6, 32)
order = torch.tensor([3, 0, 5, 1, 4, 2])
gru = GRU(32, 32)
with torch.no_grad():
    plain = (
        (course_layer(x, x)[0][:, order] - course_layer(x[:, order], x[:, order])[0])
        .abs()
        .max()
    )
    recurrent = (gru(x)[0][:, order] - gru(x[:, order])[0]).abs().max()
    masked = (
        course_layer(x, x, mask=causal)[0][:, order]
        - course_layer(x[:, order], x[:, order], mask=causal)[0]
    ).abs().max()  # fmt: skip
print("self-attention: output permuted alike:", bool(plain < 1e-5))
print("recurrent layer: output permuted alike:", bool(recurrent < 1e-2))
print("self-attention with a causal mask:", bool(masked < 1e-2))

# %% [markdown]
# Two sentences that differ only in order have the same set of outputs, and the same mean. A causal mask breaks the
# symmetry: how many words a place may see tells it where it stands. Is that a curiosity of random layers? Take MiniLM, six trained
# layers, and leave out the vectors that it adds for places. **Your guess first.**

# %%
pair = ["the dog bites the man", "the man bites the dog"]


def encode(text, places):
    """A sentence vector by MiniLM's layers, with or without its vectors for places."""
    tokens = torch.tensor([pieces.cut([text])[0].ids])
    x = encoder.piece_embedding(tokens) + encoder.segment_embedding.weight[0]
    if places:
        x = x + encoder.position_embedding.weight[: tokens.shape[1]]
    x = encoder.embedding_norm(x)
    for block in encoder.blocks:
        x, _ = block(x)
    return mean_pool(x)[0]


# %%
with torch.no_grad():
    cosines = {
        name: F.cosine_similarity(*(encode(text, places) for text in pair), dim=0).item()
        for name, places in (("with places", True), ("without places", False))
    }
drawing = bars_svg(
    list(cosines.values()), labels=list(cosines), limit=1, number_format="{:.6f}",
    title="Without places, who bites whom is lost", label="Cosine of two sentences of the same words",
)  # fmt: skip
exercises.guess_order(drawing, cosine=cosines["without places"])

# %%
print({name: round(value, 4) for name, value in cosines.items()})
assert cosines["without places"] > 0.99999 > 0.999 > cosines["with places"]

# %% [markdown]
# Exactly alike without, and only a little less alike with: MiniLM was trained to tell what texts are about, and these
# are about the same. A translator cannot afford that. It needs to be told places, and the simplest way is to add a learned
# vector for each place to the word's vector. Which ways there are, and which survive longer sentences, is lesson 15.
#
# ## 7. A translator of attention alone
#
# With masks, heads and places we can leave out the recurrent layers altogether. A *block*, as in MiniLM, is multi-head attention
# and then a small network at each place, each with a shortcut around it; lesson 15 takes it apart. One stack of two reads the
# English and the French written so far **as one text**. Its mask: English looks at all English; each French place
# looks at all English and at the French up to itself.


# %%
def right_mask(source, *, target):
    """Places of source and target that each place may see, (B, S + T, S + T)."""
    size = source.shape[1]
    causal = torch.ones(size + target, size + target, dtype=torch.bool).tril()
    causal[:size, :size] = True  # the source may be seen whole
    real = torch.cat(
        [source.ne(PADDING), source.new_ones(len(source), target).bool()], dim=1
    )
    return causal & real[:, None]


# %% tags=["long-cell"] reason="one class, read as a whole"
class AttentionTranslator(nn.Module):
    """Source and target in one stack of attention blocks; predicts the target."""

    def __init__(self, source, target, *, mask, width=128, heads=4, layers=2):
        super().__init__()
        self.source, self.mask = source, mask
        self.words = nn.Embedding(
            source + target, width
        )  # the target's after the source's
        self.places = nn.Embedding(200, width)  # the target's begin at 100
        self.blocks = nn.ModuleList(
            blocks.EncoderBlock(width, heads, inner=2 * width) for _ in range(layers)
        )
        self.bias = nn.Parameter(torch.zeros(target))
        for table in (self.words, self.places):
            nn.init.normal_(table.weight, std=width**-0.5)

    def enter(self, source, target):
        """Vectors (B, S + T, C) of words and places, and the mask (B, 1, S + T, S + T)."""
        S, T = source.shape[1], target.shape[1]
        places = torch.cat([torch.arange(S), 100 + torch.arange(T)])
        words = self.words(torch.cat([source, target + self.source], dim=1))
        return words + self.places(places), self.mask(source, target=T)[:, None]

    def forward(self, source, target):
        x, mask = self.enter(source, target)
        for block in self.blocks:
            x, _ = block(x, mask=mask)
        return F.linear(
            x[:, source.shape[1] :], self.words.weight[self.source :], self.bias
        )

    def losses(self, batch):
        """Nats of each target token, (B, T); 0 for padding."""
        source, target = batch
        scores = self(source, target[:, :-1]).transpose(1, 2)  # (B, V, T)
        return F.cross_entropy(
            scores, target[:, 1:], ignore_index=PADDING, reduction="none"
        )

    def loss(self, batch):
        return self.losses(batch).sum() / (batch[1][:, 1:] != PADDING).sum()


# %%
translator = trained["dot"].translator  # for its vocabularies
batches = PairBatches(translator.encode_pairs(data.train), size=64)
sizes = (len(translator.source) + SPECIAL, len(translator.target) + SPECIAL)


def train(name, *, mask, steps):
    """Train a translator of attention alone, or load it."""
    settings = {"learning_rate": 3e-3, "warmup": 60, "decay": "linear"}
    return cached(
        f"attention-only-{name}",
        config={"steps": steps, "mask": name, **settings},
        data_version=f"{len(data.train)} pairs",
        code=[AttentionTranslator, mask, blocks, attention],
        build=lambda: AttentionTranslator(*sizes, mask=mask),
        train=lambda m, history: fit(
            m, batches, steps=steps, history=history, **settings
        ),
    )


# %%
model, history, _ = train("causal", mask=right_mask, steps=250)
checked = pad_pairs(translator.encode_pairs(data.validation[:200]))
with torch.no_grad():
    baseline = model.loss(checked).item()
print(
    f"{250 * batches.target_tokens:,.0f} target tokens, {history.seconds[-1]:.0f} s: "
    f"{baseline:.2f} nats per token on validation sentences"
)
assert baseline < 2

# %% [markdown]
# A guess at random would cost the logarithm of the French vocabulary, about 6.8 nats. So it has learned much, and it is
# far from good: more training is lesson 15's. Here is every stage inside its heads, for one sentence with two places of padding in the middle.
# Each French place is a query; switch the mask off and see who gets a share, or the scale, and see how many are
# left.

# %%
shown_pair = min(
    data.validation, key=lambda p: abs(len(p.source) - 7) + abs(len(p.target) - 7)
)
((ids, target_ids),) = translator.encode_pairs([shown_pair])
source = torch.tensor([[*ids, END, PADDING, PADDING]])
target = torch.tensor([[BEGIN, *target_ids]])
columns = [*shown_pair.source, "<end>", "<pad>", "<pad>", "<begin>", *shown_pair.target]
heads = {}
with torch.no_grad():
    x, mask = model.enter(source, target)
    for layer, block in enumerate(model.blocks, start=1):
        a = block.attention
        q, k, v = (
            part(x)[0].unflatten(-1, (4, -1)).transpose(0, 1)
            for part in (a.query, a.key, a.value)
        )
        for head in range(4):
            heads[f"layer {layer}, head {head + 1}"] = (q[head], k[head], v[head])
        x, _ = block(x, mask=mask)
# %%
pipeline = ScorePipeline(
    heads, row_labels=columns, col_labels=columns, mask=mask[0, 0].numpy(),
    head="layer 2, head 1", query=source.shape[1] + 2,
)  # fmt: skip
pipeline.picture()

# %%
pipeline

# %%
state = pipeline.state()
q, k, v = heads[state["head"]]
_, weights = attend(q, k, v, mask[0, 0])
np.testing.assert_allclose(state["weights"], weights[state["query"]], atol=1e-5)
print(f"{state['winner']}: weight {state['winner_weight']:.3f}, as `attend` computes it")

# %% [markdown]
# ## 8. Break it
#
# A colleague has trained the same model for little more than half as long and reports a loss that puts yours to shame. Training
# and validation agree, so it is not overfitting. Then both write.

# %%
their_model, their_history, _ = train("careless", mask=exercises.careless_mask, steps=150)


# %%
@torch.no_grad()
def write(model, sources, *, longest=30):
    """Greedy translations, one word after the other."""
    source, _ = pad_pairs([(ids, [BEGIN]) for ids, _ in sources])
    target = torch.full((len(sources), 1), BEGIN)
    for _ in range(longest):
        target = torch.cat([target, model(source, target)[:, -1:].argmax(dim=-1)], dim=1)
    rows = [row[1:].tolist() for row in target]
    return [
        tuple(translator.labels[i] for i in r[: r.index(END) if END in r else None])
        for r in rows
    ]


# %%
asked = translator.encode_pairs(data.validation[:100])
right = [pair.target for pair in data.validation[:100]]
losses, marks = {}, {}
learnt = {name: np.mean(past.losses[-20:])
          for name, past in (("yours", history), ("theirs", their_history))}  # fmt: skip
for name, one in (("yours", model), ("theirs", their_model)):
    with torch.no_grad():
        losses[name] = one.loss(checked).item()
    drafts = write(one, asked)
    marks[name] = evaluate_corpus(Bleu(), hypotheses=drafts, references=right).value
    print(
        f"{name:7} loss in training {learnt[name]:.2f}, on validation {losses[name]:.2f}, BLEU when writing {marks[name]:.1f}: {' '.join(drafts[0])}"
    )
print(f"{'':8}should be: {' '.join(right[0])}")
assert losses["theirs"] < losses["yours"]
assert marks["theirs"] < marks["yours"]

# %% [markdown]
# A tool that finds it in one batch: change one French word and look which predictions move. A prediction may depend on the
# French words **before** the one it predicts, and on no later one.


# %%
@torch.no_grad()
def what_moves(model, source, target):
    """How far the prediction at each place (row) moves when the word at a place (column) is changed."""
    before = model(source, target)[0]
    moved = torch.zeros(target.shape[1], target.shape[1])
    for place in range(target.shape[1]):
        changed = target.clone()
        changed[0, place] = SPECIAL + (changed[0, place] + 7) % 500
        moved[:, place] = (model(source, changed)[0] - before).abs().amax(dim=1)
    return moved.numpy()


# %%
fed = ["<begin>", *shown_pair.target]
predicted = [*shown_pair.target, "<end>"]


def picture_of(model, finding):
    moved = what_moves(model, source, target) > 1e-4
    return Picture(
        matrix_svg(
            moved.astype(float), row_labels=[f"{word} ←" for word in predicted], col_labels=fed, limit=1.5,
            number_format="{:.0f}", title=finding, label=f"{finding} (rows: predictions; columns: changed words)",
        ),
        alt=f"{finding}. Table of predictions (rows) against changed words (columns), 1 where the prediction moves.",
    )  # fmt: skip


picture_of(model, "Yours: a prediction moves with the words before it alone")

# %%
exercises.guess_fault(
    picture_of(
        their_model, "Theirs: it moves with the word it predicts, and the next one, too"
    )
)

# %%
# NBVAL_CHECK_OUTPUT
for whose, one in (("yours", model), ("theirs", their_model)):
    moved = what_moves(one, source, target) > 1e-4
    print(
        f"{whose}: predictions moved by the very word they predict: {np.diagonal(moved, 1).mean():.0%}"
    )

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# The mask of your colleague is one place too wide, <code>tril(1)</code> for <code>tril()</code>. Each place sees the next
# word, which is the word it is to predict, and so the model learned to copy. Of translation it learned little, because it had no need to.
# The loss cannot tell: on validation sentences the future is there to be copied, too. When writing it is not. With two
# layers the leak reaches even two places ahead. <code>inspect.getsource(exercises.careless_mask)</code> shows the line.
#
# </details>
#
# ## 9. What is a head worth
#
# Eight heads, two blocks. To switch one off we replace its slice of what goes into the last matrix: by **zero**, or by its
# **mean** over all places of the validation sentences, which takes away what it says about *this* sentence and keeps what it
# always says. A forward hook does that without touching the model.

# %%
width = 128 // 4
names = {f"layer {b + 1}, head {h + 1}": (b, h) for b in range(2) for h in range(4)}


def collect_means():
    """Mean of what goes into each block's last matrix, over real places, (C,) each."""
    kept, hooks = [], []
    for block in model.blocks:
        take = lambda _, inputs: kept.append(inputs[0])  # noqa: E731
        hooks.append(block.attention.output.register_forward_pre_hook(take))
    with torch.no_grad():
        model.loss(checked)
    for hook in hooks:
        hook.remove()
    tokens = torch.cat([checked[0], checked[1][:, :-1]], dim=1)
    return [one[tokens != PADDING].mean(dim=0) for one in kept]


means = collect_means()


# %%
def switch_off(block, chosen):
    """A hook that replaces heads; `chosen` maps a head's number to "zero" or "mean"."""

    def replace(_, inputs):
        x = inputs[0].clone()  # (B, T, C)
        for head, mode in chosen.items():
            part = slice(head * width, (head + 1) * width)
            x[..., part] = means[block][part] if mode == "mean" else 0
        return (x,)

    return model.blocks[block].attention.output.register_forward_pre_hook(replace)


# %%
@torch.no_grad()
def losses_without(switched):
    """Nats of each target token of the validation sentences, (N, T), with heads switched off."""
    with ExitStack() as stack:
        for block in range(2):
            chosen = {
                names[n][1]: mode for n, mode in switched.items() if names[n][0] == block
            }
            stack.callback(switch_off(block, chosen).remove)
        return model.losses(checked)


def loss_without(switched):
    return (losses_without(switched).sum() / (checked[1][:, 1:] != PADDING).sum()).item()


assert abs(loss_without({}) - baseline) < 1e-6

# %% [markdown]
# **Your guess first**: with all heads the loss is as above. Choose a head, guess what it becomes without it, then reveal.
# What you tried stays on the page.

# %%
lab = AblationLab(loss_without, heads=tuple(names), baseline=baseline, largest_guess=1.0)
lab.picture()

# %%
lab

# %% [markdown]
# All eight, both ways; 1·2 is layer 1, head 2. The interval is from drawing the sentences anew.

# %%
tokens = (checked[1][:, 1:] != PADDING).sum(dim=1).numpy()
full = losses_without({}).sum(dim=1).numpy()


def effect(switched):
    """What switching heads off costs, nats per token, with its 95 % interval."""
    more = losses_without(switched).sum(dim=1).numpy() - full
    low, high = bootstrap_interval(
        lambda m, n: float(m.sum() / n.sum()), more, tokens, resamples=300
    )
    return SimpleNamespace(value=float(more.sum() / tokens.sum()), low=low, high=high)


# %%
effects = {mode: [effect({name: mode}) for name in names] for mode in ("zero", "mean")}
ax = plot_estimates(
    effects, groups=[name.replace("layer ", "").replace(", head ", "·") for name in names],
    y_label="nats per token more, 95 % interval", title="Switched off alone, the heads of layer 1 cost little",
)  # fmt: skip
Picture(
    ax.figure,
    alt="Effect on the loss of switching off each of eight heads, by zero and by mean, with intervals. The four heads of the "
    "first layer cost little, most of those of the second more.",
)

# %%
together = {
    f"all of layer {b + 1}": effect(
        {n: "mean" for n, (block, _) in names.items() if block == b}
    )
    for b in range(2)
}
for b, (what, joint) in enumerate(together.items()):
    alone = sum(effects["mean"][4 * b + head].value for head in range(4))
    print(
        f"{what}: {joint.value:.2f} ({joint.low:.2f} to {joint.high:.2f}) nats together, one by one in sum {alone:.2f}"
    )
    assert joint.value > 1.2 * alone
assert together["all of layer 2"].value > max(one.value for one in effects["mean"])

# %% [markdown]
# Read two things off. Alone, each head of the lower block costs little; most of those of the upper block, from which the next
# word is read, cost more. And together they cost far more than the sum of what they cost one by one: as long as the others are
# there, they stand in. So a small effect of one head does not say that all heads with small effects may
# go, and an attention map that looks sensible does not say that the model uses it. Only the loss does.
#
# ## 10. Exercises

# %%
exercises.divisor

# %%
my_answer = None  # a number
exercises.divisor.check(my_answer)

# %%
exercises.attention


# %%
def my_attention(queries, keys, values, mask):
    """Values averaged for each query, by the softmax of scaled and masked scores."""
    raise NotImplementedError


exercises.attention.check(my_attention)

# %%
exercises.backward


# %%
def my_backward(weights, gradient):
    """Derivative of the loss by each score, from that by each weight."""
    raise NotImplementedError


exercises.backward.check(my_backward)

# %% [markdown]
# With the third exercise you can put section 3 to the test without autograd: random gradients, sent through softmaxes of random
# scores. It runs as it stands, with the rule of the solution.

# %%
generator = np.random.default_rng(0)
for d in (16, 1024):
    arriving = generator.normal(size=scores[d].shape)
    for name, divide in (("with √d", math.sqrt(d)), ("without", 1)):
        w = (scores[d] / divide).softmax(dim=1).double().numpy()
        back = np.linalg.norm(exercises.backward.reference(w, arriving), axis=1)
        print(f"d = {d:4}, {name:8} median gradient at the scores {np.median(back):.5f}")

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
for name, score in bleu.items():
    row = scoreboard.record(
        lesson="14", model=f"attention: {name}, width 128", metric="BLEU, 500 test sentences, 240,000 target tokens",
        value=score.value, low=score.low, high=score.high,
        seconds=trained[name].seconds, parameters=trained[name].parameters,
    )  # fmt: skip
row

# %%
per_sentence = lambda total, n: float(total.sum() / n.sum())  # noqa: E731
low, high = bootstrap_interval(per_sentence, full, tokens, resamples=300)
scoreboard.record(
    lesson="14", model="attention alone, 2 blocks", metric="nats per target token, 200 validation sentences",
    value=baseline, low=low, high=high, seconds=history.seconds[-1],
    parameters=sum(p.numel() for p in model.parameters()),
)  # fmt: skip

# %% [markdown]
# The score itself is the least of it: the one that came last here is the one that lesson 13 trains to the end. The root keeps
# a wide layer able to learn, the mask decides what the loss means, and heads are shares of one budget.
#
# **What remains.** Attention does not see the order, and we told it places without asking which way is good. And the
# translator of section 7, two blocks after a few hundred updates, is no transformer yet: no encoder of its own, no comparison
# with the recurrent models at equal time. That is lesson 15.
#
# **Read on**
# - Luong, Pham and Manning (2015), *Effective Approaches to Attention-based Neural Machine Translation*: the family of scores,
# and local attention, which we left out.
# - Vaswani and others (2017), *Attention Is All You Need*, section 3.2: the root is two sentences and a footnote.
# - Michel, Levy and Neubig (2019), *Are Sixteen Heads Really Better than One?*: ablation on real translators.
# - Voita and others (2019), *Analyzing Multi-Head Self-Attention*: which heads do the work, and what they do.
