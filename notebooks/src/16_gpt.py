# %% [markdown]
# # 16 · GPT
#
# **The question: how far does it carry to predict the next token, and nothing else?**
#
# Lesson 15's transformer had two halves and one purpose. Take away the encoder, and what is left reads a text from
# the left and says what comes next: lesson 02's task, with lesson 15's machine. This lesson builds it from the bytes
# up, trains it for a minute, then opens one that was trained for an hour, and looks for what it does inside.
#
# **You will be able to**
# - learn byte-pair merges by hand, and say why a model should read bytes;
# - write a GPT in twenty lines that equals the course's and, with the same weights, transformers' GPT-2;
# - compare language models that read different tokens, in one unit and on one picture;
# - sample with temperature, top-k and top-p, and prove that a key-value cache changes nothing but the time;
# - find induction heads by a score, switch them off, and watch them form in a model that learns from its prompt.
#
# **You need** lesson 15 (the transformer) and lesson 02 (language models, perplexity, bits per character).
#
# Measured run time: **165 s** and **1200 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import json
import math
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from course_utils import scoreboard
from course_utils.checkpoints import cached
from course_utils.datasets import episodes
from course_utils.datasets.episodes import (
    KEYS,
    SYMBOLS,
    VALUES,
    draw_copies,
    draw_tables,
    join_episodes,
)
from course_utils.decoding.sampling import shape_distribution
from course_utils.evaluation.head_kinds import even_weights
from course_utils.evaluation.head_scores import induction_score, previous_token_score
from course_utils.evaluation.text_bits import text_bits
from course_utils.exercises import lesson_16 as exercises
from course_utils.explorers.ablation import AblationLab
from course_utils.explorers.generation import GenerationExplorer
from course_utils.explorers.heads_grid import Heads, HeadsGrid
from course_utils.language_models.baselines import token_kneser_ney, word_baselines
from course_utils.language_models.corpus import Windows, load_corpus
from course_utils.language_models.long_run import load_long_gpt
from course_utils.language_models.recipes import train_gpt
from course_utils.language_models.writer import Writer
from course_utils.models import gpt
from course_utils.models.gpt import GPT, GPTConfig
from course_utils.plots.lines import plot_lines
from course_utils.plots.matrix import matrix_svg
from course_utils.plots.picture import Picture
from course_utils.plots.style import MARKERS, OKABE_ITO, new_figure
from course_utils.pretrained.gpt2 import load_gpt2
from course_utils.runtime import seed_everything, set_threads
from course_utils.storage import DataError
from course_utils.text.bpe import END_OF_TEXT, ByteLevelBPE
from course_utils.text.byte_words import byte_tokens, split_words
from course_utils.training import fit
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import nn

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. From bytes to pieces
#
# Lesson 02's models knew some 7,500 words, and a fifth of every new text was *unknown* to them. The smallest
# vocabulary that knows every text is that of the **bytes**: in UTF-8 any character is one to four of 256. But a text
# in bytes is long, and attention pays for length. **Byte-pair encoding** starts from bytes and joins: the pair of
# neighbours that stands most often becomes a token of its own, then the next pair, and so on (Gage 1994 for
# compression; Sennrich, Haddow and Birch 2016 for words; Radford and others 2019 for bytes). Pairs never cross the
# cuts between words; a word keeps the space in front of it, which GPT-2's files write as Ġ.

# %%
# NBVAL_CHECK_OUTPUT
toy_text = "the rain in the train, the rainy day, the trainer's brain"
toy_counts = Counter(split_words(toy_text))
print(toy_counts)
print(" rainy =", byte_tokens(" rainy"), "before any merge")

# %% [markdown]
# The method in two functions. A token is a number: 0 to 255 are the bytes, 256 is what the first merge makes.


# %%
def count_pairs(words, counts):
    """How often each pair of neighbours stands in the text."""
    totals = Counter()
    for word, tokens in words.items():
        for pair in pairwise(tokens):
            totals[pair] += counts[word]
    return totals


def merge(tokens, pair, new):
    """The tokens with the pair joined wherever it stands, from the left."""
    merged = []
    for token in tokens:
        if merged and (merged[-1], token) == pair:
            merged[-1] = new
        else:
            merged.append(token)
    return merged


# %%
# NBVAL_CHECK_OUTPUT
words = {word: byte_tokens(word) for word in toy_counts}
learned, names = [], [ByteLevelBPE([]).decode([token]) for token in range(256)]
for step in range(8):
    totals = count_pairs(words, toy_counts)
    pair = min(totals, key=lambda pair: (-totals[pair], pair))
    learned.append(pair)
    names.append(names[pair[0]] + names[pair[1]])
    words = {word: merge(tokens, pair, 256 + step) for word, tokens in words.items()}
    shown = "|".join(names[token] for token in words[" rainy"])
    print(
        f"{256 + step}: {names[-1]!r:9} stood {totals[pair]} times; ' rainy' is now {shown}"
    )
assert tuple(learned) == ByteLevelBPE.train([toy_text], merges=8).merges

# %% [markdown]
# Among pairs with the same count the one with the lower numbers comes first; that is a convention, and the library
# that people use daily has the same. The last line says that the course's version, which keeps its counts up to date
# in place of counting anew, learns the same merges.
#
# ## 2. Two thousand merges
#
# Now on the training articles of lesson 02, as they are: with case, signs and paragraphs. The merges are learned from
# the training part alone. The reference is the `tokenizers` library, on the same articles.

# %%
# NBVAL_CHECK_OUTPUT
corpus = load_corpus()
bpe = corpus.bpe
library = Tokenizer(models.BPE())
library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
trainer = trainers.BpeTrainer(
    vocab_size=256 + len(bpe.merges), min_frequency=2, show_progress=False,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
)  # fmt: skip
library.train_from_iterator([text.text for text in corpus.train], trainer)
theirs = [tuple(pair) for pair in json.loads(library.to_str())["model"]["merges"]]
ours = [(bpe.pieces[left], bpe.pieces[right]) for left, right in bpe.merges]
print(f"{len(ours):,} merges, all equal: {ours == theirs}")
for rank in (0, 1, 2, 50, 200, 500, 1000, 1500, len(ours) - 1):
    print(f"merge {rank + 1:5,}: {ours[rank][0]} + {ours[rank][1]}")

# %%
# NBVAL_CHECK_OUTPUT
for text in ("The emperor abdicated.", "Uncopyrightable zebras", "Ärger 日本 👍🏽"):
    tokens = bpe.encode(text)
    assert tokens == library.encode(text).ids
    print(f"{len(text):3} characters, {len(tokens):3} tokens:", end=" ")
    print("|".join(bpe.pieces[token] for token in tokens))

# %% [markdown]
# A frequent word is one token, a rare one several, and a script that the articles hardly use is taken as bytes.
# Nothing is unknown, and nothing is lost: decoding gives back the text, character by character. Lesson 02 had a small
# model of letters to pay for unknown words. Here there is nothing to pay for.

# %%
# NBVAL_CHECK_OUTPUT
strange = [
    "",
    " ",
    "\x00\t\r\n",
    "naïve café",
    "🏳️‍🌈 👩‍👩‍👧",
    "a" * 1000,
    "<|endoftext|>",
    "ﷺ ½ ẞ",
]
strange += [text.text for text in corpus.test]
assert all(bpe.decode(bpe.encode(text)) == text for text in strange)
print(f"{len(strange)} texts, each the same after encoding and decoding")

# %% [markdown]
# How many merges? Each one makes the text shorter and the softmax wider. The first hundreds shorten it most.

# %%
sizes = (0, 100, 300, 1000, len(bpe.merges))
some_text = corpus.validation[0].text
lengths = [len(ByteLevelBPE(bpe.merges[:size]).encode(some_text)) for size in sizes]
ax = plot_lines(
    sizes, {"characters": [len(some_text) / length for length in lengths]},
    x_label="merges", y_label="characters per token",
    title="The first merges shorten the text most",
)  # fmt: skip
Picture(
    ax.figure,
    alt="Characters per token of a validation article against the number of merges: a steep rise at the beginning, "
    "then a slow one.",
)

# %% [markdown]
# ## 3. Drop the encoder
#
# The decoder of lesson 15 had three sublayers: attention to the words written so far, attention to the source, and a
# small network. Without a source the second has nothing to look at. What remains is a stack of causal attention and
# small networks, and a softmax over the tokens (Radford and others 2018). In GPT-2 the norms stand before the
# sublayers, places are learned vectors, and the output vectors are the token vectors.


# %% tags=["long-cell"] reason="a whole model, read as a whole"
def gpt_by_hand(tokens, p, *, layers, heads):
    """Scores (B, T, V) of what follows each token; p holds the parameters by name."""

    def linear(x, name):
        return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"])

    T = tokens.shape[1]
    past = torch.ones(T, T, dtype=torch.bool).tril()
    x = p["token_embedding.weight"][tokens] + p["positions.table.weight"][:T]  # (B, T, C)
    for block in (f"blocks.{layer}." for layer in range(layers)):
        read = norm(x, block + "attention_norm")
        q, k, v = (
            linear(read, f"{block}attention.{part}").unflatten(-1, (heads, -1)).mT
            for part in ("query", "key", "value")
        )  # (B, T, D, H) each
        q, k, v = (one.permute(0, 3, 1, 2) for one in (q, k, v))  # (B, H, T, D)
        scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~past, -math.inf)
        seen = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)  # (B, T, C)
        x = x + linear(seen, block + "attention.output")
        inner = linear(norm(x, block + "feed_forward_norm"), block + "feed_forward.widen")
        x = x + linear(F.gelu(inner, approximate="tanh"), block + "feed_forward.narrow")
    return norm(x, "final_norm") @ p["token_embedding.weight"].T  # (B, T, V)


# %%
# NBVAL_CHECK_OUTPUT
config = GPTConfig(len(bpe), context=64, width=64, layers=3, heads=4, dropout=0.0)
model = GPT(config).eval()
tokens = torch.randint(len(bpe), (2, 20))
with torch.no_grad():
    scores = model(tokens)
    mine = gpt_by_hand(tokens, dict(model.named_parameters()), layers=3, heads=4)
torch.testing.assert_close(mine, scores, atol=1e-5, rtol=1e-5)
print("scores of shape", tuple(scores.shape), "equal those of the course's GPT")

# %% [markdown]
# One pass gives a prediction at *every* place, and none of them has seen what it predicts: the mask saw to that. So a
# text of T + 1 tokens is T examples. The loss is the mean price of all T, with the targets moved by one place.

# %%
# NBVAL_CHECK_OUTPUT
with torch.no_grad():
    logs = model(tokens[:, :-1]).log_softmax(dim=-1)  # (B, T, V)
    prices = -logs.gather(2, tokens[:, 1:, None])[..., 0]  # (B, T)
    torch.testing.assert_close(prices.mean(), model.loss(tokens))
    changed = tokens.clone()
    changed[:, 12] = (changed[:, 12] + 1) % len(bpe)
    same = (model(changed) == scores).all(dim=(0, 2))
print(f"{prices.numel()} predictions from one pass over {tuple(tokens.shape)} tokens")
print(
    "token 12 changed; scores the same, bit for bit, at places",
    *same.nonzero()[:, 0].tolist(),
)

# %% [markdown]
# ## 4. Is it GPT-2?
#
# Right enough that published weights would run in it? No published GPT-2 is on this machine, so we let the reference
# library draw one at random, write its files, and read them with the course's loader. Random weights are the harder
# test: nothing cancels because it is small.


# %%
def write_reference(folder, **shape):
    """A random GPT-2 of transformers with our tokenizer, as files; returns the model."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(1)
    ends = {"bos_token_id": bpe.end, "eos_token_id": bpe.end}
    reference = GPT2LMHeadModel(GPT2Config(vocab_size=len(bpe), **shape, **ends)).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    reference.save_pretrained(folder)
    library.model.save(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    kept = json.dumps(vocabulary | {END_OF_TEXT: bpe.end})
    (folder / "vocab.json").write_text(kept, encoding="utf-8")
    return reference


# %%
# NBVAL_CHECK_OUTPUT
shapes = [
    {"n_positions": 32, "n_embd": 48, "n_layer": 2, "n_head": 4},
    {"n_positions": 16, "n_embd": 60, "n_layer": 5, "n_head": 3, "n_inner": 100},
]
folder = tempfile.TemporaryDirectory()
for shape in shapes:
    reference = write_reference(Path(folder.name), **shape)
    loaded, loaded_bpe = load_gpt2(folder.name)
    tokens = torch.randint(len(bpe), (3, shape["n_positions"]))
    with torch.no_grad():
        wanted = reference(tokens).logits
        torch.testing.assert_close(loaded(tokens), wanted, atol=1e-4, rtol=0)
    assert loaded_bpe.encode(some_text[:500]) == bpe.encode(some_text[:500])
    print(
        shape, "equal within 1e-4; spread of the scores above 1:", bool(wanted.std() > 1)
    )

# %% [markdown]
# Eight shapes are compared in the course's tests. With GPT-2's published files on your disk (`config.json`,
# `model.safetensors`, `vocab.json`, `merges.txt`), this is all it takes:
#
# ```python
# model, bpe = load_gpt2("path/to/the/folder")
# print(Writer(model, bpe).continue_text("The meaning of", max_tokens=30)[0].text)
# ```
#
# And a folder that does not fit says why, before anything is computed with it:


# %%
def try_with(name, change):
    """Load the folder with one file changed, and say what the loader said; the file is put back."""
    path = Path(folder.name) / name
    before = path.read_bytes()
    path.write_bytes(change(before))
    try:
        load_gpt2(folder.name)
    except DataError as error:
        print(f"{name}: {error}")
    path.write_bytes(before)


def edit_tensors(change):
    return lambda data: safetensors.torch.save(change(safetensors.torch.load(data)))


def edit_settings(**changed):
    return lambda data: json.dumps(json.loads(data) | changed).encode()


# %%
# NBVAL_CHECK_OUTPUT
lost = "transformer.h.1.attn.c_attn.weight"
try_with(
    "model.safetensors", edit_tensors(lambda t: {k: v for k, v in t.items() if k != lost})
)
try_with("model.safetensors", edit_tensors(lambda t: t | {lost: t[lost].T.contiguous()}))
try_with("config.json", edit_settings(model_type="bert"))
try_with("config.json", edit_settings(vocab_size=50257))
folder.cleanup()

# %% [markdown]
# ## 5. Train it
#
# The articles of lesson 02, in tokens, one stream with an end-of-text token between two articles. A batch is windows
# of that stream, and every pass cuts it at other places. Sizes, learning rates and the number of merges were chosen
# on the validation articles.

# %%
live = train_gpt(corpus)
print(live.model.config)
stream = corpus.stream()
print(f"{len(stream):,} tokens of training text, {live.parameters:,} parameters")
print(
    f"{live.tokens:,} tokens read ({live.tokens / len(stream):.1f} passes) in {live.seconds:.0f} s: "
    f"{live.tokens / live.seconds:,.0f} tokens a second"
)

# %% [markdown]
# A minute does not make a language model. So the course ships one that `python tools/train_long_gpt.py` made in one
# go: same code, same articles, wider, and up to an hour of two cores. What follows is its log, not something that
# happened on your machine.

# %%
long = load_long_gpt()
print(
    f"{long.parameters:,} parameters, {long.tokens:,} tokens read in {long.seconds / 60:.0f} min"
)
print({name: long.facts[name] for name in ("seed", "passes", "finished")})
minutes = [entry["seconds"] / 60 for entry in long.log]
curves = {
    "training (nats per token)": [entry["training_loss"] for entry in long.log],
    "validation (bits per character)": [entry["validation_bits"] for entry in long.log],
}
ax = plot_lines(
    minutes, curves, x_label="minutes of training", y_label="nats per token; bits per character",
    title="The long run, from its log: training goes on, validation levels out",
)  # fmt: skip
ax.set_xticks(range(0, math.ceil(minutes[-1]) + 1, 10))
Picture(
    ax.figure,
    alt="Two curves of the long run against minutes: the training loss falls all the time, the bits per character of the "
    "validation articles fall fast, then level out.",
)

# %% [markdown]
# After ten passes over the articles the validation articles are cheapest. Behind that the training loss goes on falling
# and theirs does not: the model begins to know its articles by heart. The weights that were kept are those of the best
# look. So many passes over so few articles are also why dropout is on in the long run and off in the live one.
#
# Now to the price of the test articles. Perplexities would not compare: these models read different tokens. Bits per
# character do. The word models of lesson 02 are built anew on the *raw* text, with its case, signs and line breaks,
# so their figures differ from that lesson's; the network there is trained in this cell. The last baseline is the old
# method on the new tokens.

# %%
baselines = word_baselines(corpus)
baselines["Kneser-Ney trigram of tokens"] = token_kneser_ney(corpus, order=3)
results = {
    name: (one.bits, one.seconds, one.parameters) for name, one in baselines.items()
}
test_texts = [text.text for text in corpus.test]
scored = {}
for name, one in (("GPT, trained here", live), ("GPT, long run", long)):
    scored[name] = one.writer.score(corpus.test)  # log-probabilities, an array an article
    results[name] = text_bits(scored[name], test_texts), one.seconds, one.parameters

# %%
figure, (ax,) = new_figure(width=640, height=430)
for place, (name, (bits, seconds, _)) in enumerate(results.items()):
    colour, marker = OKABE_ITO[place % 8], MARKERS[place % 8]
    error = [[bits.bits - bits.low], [bits.high - bits.bits]]
    ax.errorbar(
        seconds, bits.bits, yerr=error, fmt=marker, color=colour, capsize=3, markersize=8
    )
    at = {"xytext": (-8, 6), "ha": "right"} if name == "NPLM" else {"xytext": (8, 4)}
    ax.annotate(name, (seconds, bits.bits), textcoords="offset points", fontsize=9, **at)
ax.set_xscale("log")
ax.set_xlim(right=40 * ax.get_xlim()[1])  # room for the names
ax.set_xlabel("seconds of training")
ax.set_ylabel("bits per character, test articles")
ax.set_title("The GPT is ahead after a minute or two; an hour adds less", loc="left")
live_bits, long_bits = (results[f"GPT, {one}"][0] for one in ("trained here", "long run"))
price = {name: bits.bits for name, (bits, *_) in results.items()}
exercises.guess_bits(
    figure, live=live_bits.bits, unigrams=price["unigrams"], mixture=price["NPLM + Kneser-Ney"]
)  # fmt: skip

# %%
for name, (bits, seconds, parameters) in results.items():
    print(f"{name:29} {bits}  {seconds:8.2f} s  {parameters:10,} parameters")
assert all(long_bits.bits < bits.bits for bits, *_ in list(results.values())[:-1])
assert live_bits.bits < results["unigrams"][0].bits

# %% [markdown]
# The model that was trained just now, on two passes over the articles, is below every model of lesson 02, their mixture
# included, and below the trigram that reads its own tokens. The hour takes off a little more. The intervals come from
# drawing the test articles anew, and they overlap widely because articles differ in difficulty, each in the same way
# for all models. That is why the two GPTs are compared article by article:

# %%
by_article = {
    name: [
        -logs.sum() / math.log(2) / len(text)
        for logs, text in zip(arrays, test_texts, strict=True)
    ]
    for name, arrays in scored.items()
}
ahead = {}
for name, one in by_article.items():
    if name != "GPT, long run":
        ahead[name] = np.array(one) - np.array(by_article["GPT, long run"])
        print(f"{name:29} dearer on {(ahead[name] > 0).sum()} of {len(one)} articles, "
              f"by {ahead[name].mean():.3f} bits per character on average")  # fmt: skip
assert all(difference.mean() > 0 for difference in ahead.values())

# %% [markdown]
# Where do the bits go? The same sentence, token by token: what each cost the long run's model.

# %%
sentence = "In 1865 Abraham Lincoln was the president of the United States of America."
ids = [bpe.end, *bpe.encode(sentence)]
with torch.no_grad():
    spent = -long.model.score_tokens(torch.tensor([ids]))[0] / math.log(2)
for piece, price in zip(long.writer.pieces(ids[1:]), spent.tolist(), strict=True):
    print(f"{piece!r:14} {price:5.1f} bits  {'█' * round(2 * price)}")

# %% [markdown]
# ## 6. Let it write
#
# Lesson 12's ways of choosing, on the long run's model. The same prompt, four ways:

# %%
prompt = "The history of the city begins"
ways = {
    "greedy": {"how": "greedy"},
    "temperature 0.5": {"temperature": 0.5},
    "temperature 1": {},
    "temperature 1, top-p 0.9": {"top_p": 0.9},
}
for name, settings in ways.items():
    if name != "greedy":
        settings = settings | {"generator": torch.Generator().manual_seed(3)}
    (written,) = long.writer.continue_text(prompt, max_tokens=50, **settings)
    print(f"{name}:\n{written.prompt}{written.text}\n")

# %% [markdown]
# It writes sentences, headings and lists that look like articles, and none of it is true: it has read eighty-odd
# articles and is asked for what is *likely*. Greedy has a fault of its own, which Holtzman and others (2020) measured
# in far larger models. Count which share of four tokens in a row is new in its text:


# %%
def new_fours(tokens):
    """Share of the runs of four tokens that did not stand before in the text."""
    fours = list(zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False))
    return len(set(fours)) / len(fours)


# %%
starts = [text.tokens[100:120].tolist() for text in corpus.test if len(text.tokens) > 240]
people = np.mean(
    [new_fours(t.tokens[120:220].tolist()) for t in corpus.test if len(t.tokens) > 240]
)
shares = {}
for name, settings in ways.items():
    if name != "greedy":
        settings = settings | {"generator": torch.Generator().manual_seed(0)}
    written = long.writer.continue_text(starts, max_tokens=100, **settings)
    shares[name] = np.mean(
        [new_fours(one.tokens) for one in written if len(one.tokens) > 20]
    )
    print(f"{name:26} {shares[name]:.0%} new")
print(f"{'people, in these articles':26} {people:.0%} new")
assert shares["greedy"] < shares["temperature 1"]

# %% [markdown]
# The likeliest text runs in circles; what people write does not. Sampling at temperature 1 repeats about as little as
# they do, and pays with tokens from the long tail, where the model knows least. Top-p cuts that tail where it is long
# and leaves alternatives where there are some.
#
# Type a prompt, step through, and watch the bars: hollow is the model's own distribution, full what is left to draw
# from.


# %%
@torch.no_grad()
def predict(tokens):
    """Log-probabilities (V,) of what follows."""
    return long.model(torch.tensor([tokens]))[0, -1].log_softmax(dim=0)


def throw(seed, n):
    """The darts that `sample` throws with this seed."""
    return torch.rand(
        n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


explorer = GenerationExplorer(
    predict, encode=bpe.encode, piece=lambda token: bpe.decode([token]), shape=shape_distribution,
    decode=bpe.decode, darts=throw, prompt="The first emperor of", context=long.writer.context,
    end=bpe.end, step=6, temperature=1.0, top_p=0.9,
)  # fmt: skip
explorer.picture()

# %%
explorer

# %%
shown = explorer.state()
(again,) = long.writer.continue_text(
    "The first emperor of", max_tokens=shown["written"], top_p=0.9,
    generator=torch.Generator().manual_seed(0),
)  # fmt: skip
print(f"on the screen: {shown['text']!r}")
print(f"by the writer: {(again.prompt + again.text)!r}")
print(f"{shown['kept']} of {shown['vocabulary']:,} tokens may come next")

# %% [markdown]
# ## 7. Write faster: the cache
#
# To add a token, the model above reads the whole text again. It need not. A place sees only what stands before it, so
# the vectors of the past never change, and all that a new token wants of them are their keys and values. Keep those.
# Are the tokens the same?

# %%
# NBVAL_CHECK_OUTPUT
prompts = ["The king", "In the nineteenth century the population of", "It"]  # unequal
for how in ("greedy", "sample"):
    written = []
    for cache in (True, False):
        dice = {"generator": torch.Generator().manual_seed(5), "top_k": 20}
        settings = dice if how == "sample" else {}
        found = long.writer.continue_text(
            prompts, max_tokens=60, how=how, cache=cache, **settings
        )
        written.append([one.tokens for one in found])
    print(
        f"{how}: the same tokens with and without the cache: {written[0] == written[1]}"
    )

# %% [markdown]
# Greedy, they are. Sampled with the same generator, too, with one reservation. The two ways add up the same products
# in another order, so their log-probabilities differ in the sixth digit, and so do the seams between two tokens on
# the line that the dart is thrown at. A dart that falls just there picks the neighbour, and from then on the texts
# differ. With 20 tokens on the line that is rare; with all of a large vocabulary on it, among hundreds of darts it
# does happen.


# %%
@torch.no_grad()
def step_costs(length, *, cache, rows=8, repeats=5):
    """Milliseconds of one step behind `length` tokens, the fastest of several, and bytes kept."""
    text = stream[:length].repeat(rows, 1)
    state = long.model.start(text, cache=cache)
    fastest = math.inf
    for _ in range(repeats):
        started = time.perf_counter()
        long.model.step(state, text[:, -1])
        fastest = min(fastest, time.perf_counter() - started)
    held = [one[:, :, : c.filled] for c in state.caches for one in (c.keys, c.values)]
    return 1000 * fastest, sum(one.numel() * one.element_size() for one in held)


text_lengths = [
    length for length in (32, 64, 128, 192, 255) if length < long.writer.context
]
costs = {
    cache: [step_costs(n, cache=cache) for n in text_lengths] for cache in (True, False)
}

# %% [markdown]
# How much must be kept? Keys and values, for each of L layers, B texts, H heads, D numbers a head and T tokens, 4
# bytes each:
#
# $$\text{bytes} = 2 \cdot L \cdot B \cdot H \cdot D \cdot T \cdot 4$$

# %%
# NBVAL_CHECK_OUTPUT
c = long.model.config
for length, (_, measured) in zip(text_lengths, costs[True], strict=True):
    formula = 2 * c.layers * 8 * c.heads * (c.width // c.heads) * (length - 1) * 4
    assert measured == formula, (length, measured, formula)
print(
    "bytes measured equal the formula; the last token of a prompt is read by the first step"
)

# %%
figure, (left, right) = new_figure(width=960, height=360, columns=2)
plot_lines(
    text_lengths, {"with cache": [ms for ms, _ in costs[True]], "without": [ms for ms, _ in costs[False]]},
    x_label="tokens so far", y_label="milliseconds for the next token, 8 texts",
    title="Without the cache each token costs the whole text", ax=left,
)  # fmt: skip
plot_lines(
    text_lengths, {"kept": [held / 1e6 for _, held in costs[True]]},
    x_label="tokens so far", y_label="megabytes, 8 texts", title="The cache grows with the text", ax=right,
)  # fmt: skip
Picture(
    figure,
    alt="Left: milliseconds for the next token against the length of the text, nearly level with the cache and rising in "
    "proportion to the length without. Right: megabytes of the cache rise in a straight line.",
)

# %%
ratio = costs[False][-1][0] / costs[True][-1][0]
print(
    f"behind {text_lengths[-1]} tokens a step is {ratio:.0f} times as fast with the cache"
)
gpt2_bytes = 2 * 12 * 1 * 12 * 64 * 1024 * 4
print(
    f"GPT-2 (12 layers, 12 heads of 64, 1,024 tokens): {gpt2_bytes / 1e6:.0f} MB for one text"
)
assert ratio > 3

# %% [markdown]
# Linear in length, linear in the number of texts: that is what serving pays for, and lesson 19 comes back to it.
#
# ## 8. Learning from the prompt
#
# GPT-3 made a strange ability famous: show the model a few examples of a task in the prompt, and it goes on as if it
# had been trained for it (Brown and others 2020). No parameter changes. Is it recall of something seen in training,
# or can it be a rule that is nowhere in the parameters? With articles one cannot tell. With a language of our own one
# can. Each text is a table drawn anew: keys are letters, values are digits, and the pairs come in any order.

# %%
# NBVAL_CHECK_OUTPUT
drawn = draw_tables(3, pairs=8, keys=4, generator=np.random.default_rng(0))
for row in range(3):
    text = drawn.text(row)
    print(" ".join(text[place : place + 2] for place in range(0, 16, 2)))

# %% [markdown]
# A value can be known if its key stood before; else it is a guess among ten digits. Since every table is new, there
# is nothing to memorise. In two thirds of the training texts a block of random symbols simply repeats (*copies*),
# which asks for the same thing more often: find where this symbol stood, say what followed. Six letters, *u* to *z*,
# are never shown.
#
# The model is the course's GPT, tiny: two layers of four heads, width 64. Two of its settings matter. Its places are
# sinusoids, and its matrices start with a deviation of 1/√C, since GPT-2's 0.02 is made for a width that is twelve
# times ours.

# %%
SEEN = KEYS[:20]
episode_config = GPTConfig(
    len(SYMBOLS), context=256, width=64, layers=2, heads=4, inner=16, dropout=0.0, positions="sinusoidal"
)  # fmt: skip
plan = {
    "steps": 1200,
    "every": 50,
    "learning_rate": 3e-3,
    "pairs": 16,
    "keys": 6,
    "tables": 10,
    "copies": 22,
}


# %%
def draw_batch(generator):
    """A batch of texts: tables and copies, and which tokens can be known."""
    while True:
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        tables = draw_tables(
            plan["tables"],
            pairs=plan["pairs"],
            keys=plan["keys"],
            generator=rng,
            from_keys=SEEN,
        )
        copies = draw_copies(
            plan["copies"],
            length=2 * plan["pairs"],
            shortest=3,
            generator=rng,
            symbols=SEEN + VALUES,
        )
        batch = join_episodes([tables, copies])
        yield torch.from_numpy(batch.tokens), torch.from_numpy(batch.known)


# %%
@torch.no_grad()
def right_values(model, drawn):
    """Whether the likeliest symbol after each key is the value, and which could be known, (B, pairs)."""
    tokens = torch.from_numpy(drawn.tokens)
    guesses = model(tokens)[:, 0::2].argmax(dim=-1)
    return (guesses == tokens[:, 1::2]).numpy(), drawn.known[:, 1::2]


# %%
exam = draw_tables(
    256, pairs=16, keys=6, generator=np.random.default_rng(99), from_keys=SEEN
)
copies = draw_copies(
    64, length=32, shortest=12, longest=12, generator=np.random.default_rng(98), symbols=SEEN + VALUES
)  # fmt: skip


@torch.no_grad()
def heads_of(model, tokens):
    """Weights of all heads, one (L, H, T, T) for each text."""
    _, weights = model(tokens, return_attention=True)  # (L, B, H, T, T)
    return list(weights.transpose(0, 1))


# %%
def look_at(model):
    """Right where it can be known, right where not, best previous-token and best induction score."""
    model.eval()
    right, known = right_values(model, exam)
    weights = heads_of(model, torch.from_numpy(copies.tokens))
    return [
        right[known].mean(), right[~known].mean(),
        previous_token_score(weights).max(), induction_score(weights, block=12).max(),
    ]  # fmt: skip


# %%
class Watched(nn.Module):
    """A model, and what was seen of it while it learned, a row for each look."""

    def __init__(self, model):
        super().__init__()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.normal_(std=parameter.shape[-1] ** -0.5)
        self.model = model
        self.register_buffer("seen", torch.zeros(plan["steps"] // plan["every"], 4))

    def loss(self, batch):
        return self.model.loss(batch)


# %%
def train_watched(watched, history):
    optimizer = torch.optim.AdamW(watched.parameters(), fused=True)
    for look in range(len(watched.seen)):
        fit(
            watched, draw_batch, steps=plan["every"], learning_rate=plan["learning_rate"],
            history=history, optimizer=optimizer,
        )  # fmt: skip
        watched.seen[look] = torch.tensor(look_at(watched.model))


watched, episode_history, _ = cached(
    "episodes", config={"model": "2 layers, width 64", **plan}, data_version="drawn",
    code=[gpt, episodes, fit], build=lambda: Watched(GPT(episode_config)), train=train_watched, seed=0,
)  # fmt: skip
reader = watched.model.eval()
episode_seconds = episode_history.seconds[-1]
print(
    f"{plan['steps']:,} updates in {episode_seconds:.0f} s, {sum(p.numel() for p in reader.parameters()):,} parameters"
)

# %% [markdown]
# Now new tables, none of which it has met, and the number of pairs that stand before the question. **Your guess
# first**:

# %%
fresh = draw_tables(
    2000, pairs=16, keys=6, generator=np.random.default_rng(7), from_keys=SEEN
)
right, known = right_values(reader, fresh)
before = np.arange(1, 16)
curves = {
    "the key stood before": [right[:, i][known[:, i]].mean() for i in before],
    "all questions": [right[:, i].mean() for i in before],
    "control: it did not": [right[:, i][~known[:, i]].mean() for i in before],
}
ax = plot_lines(
    before, curves, x_label="pairs before the question", y_label="right answers",
    title="It answers from the prompt, and from nothing else",
)  # fmt: skip
ax.axhline(0.1, color="#57606a", linestyle="--", linewidth=1)
ax.set_ylim(0, 1.03)
exercises.guess_examples(ax.figure, accuracy=curves["the key stood before"][-1])

# %%
for name, values in curves.items():
    print(
        f"{name:22} 1 pair {values[0]:.0%}, 5 pairs {values[4]:.0%}, 15 pairs {values[-1]:.0%}"
    )
asked, guessed = right[known].mean(), right[~known].mean()
print(f"in all: {asked:.1%} where the key stood before, {guessed:.1%} where not")
assert asked > 0.9
assert guessed < 0.15

# %% [markdown]
# The middle curve rises with the number of examples only because with more pairs it is likelier that the key is among
# them. Where it is, one example is enough; where it isn't, the model guesses, as it must. That is the control.
#
# ### The moment it forms
#
# What was seen on the way, every 50 updates, at other tables: the share of right answers, and the best score among
# the heads, of the kind that looks one token back and of the kind that looks where the present token was followed
# before.

# %%
seen = watched.seen.numpy()
looked = plan["every"] * np.arange(1, len(seen) + 1)
ax = plot_lines(
    looked,
    {"right answers": seen[:, 0], "best previous-token score": seen[:, 2], "best induction score": seen[:, 3]},
    x_label=f"updates ({episode_seconds:.0f} s in all)", y_label="share",
    title="A plateau, and then the heads and the answers",
)  # fmt: skip
ax.set_ylim(0, 1.03)
Picture(
    ax.figure,
    alt="Three curves against updates. The share of right answers stays at one third for hundreds of updates, then climbs to "
    "nearly one. The best induction score rises from a tenth right behind it, the best previous-token score more slowly.",
)

# %%
half = looked[np.argmax(seen[:, 0] > 0.66)]
for name, column in (("right answers", 0), ("previous token", 2), ("induction", 3)):
    middle = (seen[0, column] + seen[-1, column]) / 2
    print(
        f"{name:15} half-way after {looked[np.argmax(seen[:, column] >= middle)]:,} updates"
    )
print(
    "correlation of induction score and right answers:",
    f"{np.corrcoef(seen[:, 3], seen[:, 0])[0, 1]:.2f}",
)
assert seen[: len(seen) // 5, 0].max() < 0.6 < 0.9 < seen[-1, 0]

# %% [markdown]
# A third right is what "one of the values around" gives. For a good part of the training that is all it knows, and
# the loss hardly moves. Then the answers come, and with them two kinds of heads, from nothing. Why so late? A head
# that finds the right place is of use only if another one has marked it before, and the mark is of use only if a head
# looks for it: at the start there is hardly a slope to walk down. (A trial of the same model with GPT-2's first
# deviation of 0.02 was still at one in ten after 1,200 updates.)
#
# ### How far does it hold?
#
# It learned with tables of six keys in texts of 32 symbols. Longer texts, larger tables, letters it has never seen,
# and the roles turned round:

# %%
far = {
    "as in training": {"pairs": 16, "keys": 6, "from_keys": SEEN},
    "12 keys": {"pairs": 16, "keys": 12, "from_keys": SEEN},
    "32 pairs": {"pairs": 32, "keys": 12, "from_keys": SEEN},
    "64 pairs": {"pairs": 64, "keys": 12, "from_keys": SEEN},
    "letters never seen": {"pairs": 16, "keys": 6, "from_keys": KEYS[20:]},
    "digits as keys, letters as values": {
        "pairs": 16, "keys": 6, "from_keys": VALUES, "from_values": SEEN[:10],
    },
}  # fmt: skip
reach = {}
for name, kind in far.items():
    right, known = right_values(
        reader, draw_tables(500, generator=np.random.default_rng(3), **kind)
    )
    within = np.arange(right.shape[1])[None] < 16
    reach[name] = right[known].mean(), right[known & within].mean()
    print(
        f"{name:34} {reach[name][0]:4.0%} right, {reach[name][1]:4.0%} among the first 16 pairs"
    )

# %% [markdown]
# Larger tables make no difference. Letters as values, which they never were, cost some. But letters that it has
# never seen are lost: the heads match *vectors*, and those of *u* to *z* are as they were drawn at the start. Nor do
# texts longer than those of training work: up to the 16th pair all is well, behind it the sinusoids have values that
# no head has learned to read. That is lesson 15's finding once more. It learned a way of reading, and the way is
# bound to what it was learned with.
#
# ## 9. What came once comes again
#
# How does it read a table? Look at the two kinds of heads that formed. Having read the key *q* again, a model would
# have to find the place where *q* stood before, and take what followed. A head that looks there is an **induction
# head** (Elhage and others 2021; Olsson and others 2022). It is tested on what cannot be known in any other way: a
# block of random symbols, and then the same block again.

# %%
block = 12
repeated = draw_copies(
    300, length=2 * block, shortest=block, longest=block,
    generator=np.random.default_rng(97), symbols=SEEN + VALUES,
)  # fmt: skip
twice = torch.from_numpy(repeated.tokens)  # (300, 24)
with torch.random.fork_rng():
    torch.manual_seed(1)
    untrained = Watched(GPT(episode_config)).model.eval()
spent = {
    name: -one.score_tokens(twice).mean(dim=0).numpy()
    for name, one in (("trained", reader), ("untrained", untrained))
}

# %%
ax = plot_lines(
    np.arange(2, 2 * block + 1), spent, x_label="place in the text", y_label="nats per symbol",
    title="The second copy is cheap: it was read off the first",
)  # fmt: skip
ax.axvline(block + 1, color="#57606a", linestyle="--", linewidth=1)
first_copy = spent["trained"][: block - 1].mean()
second_copy = spent["trained"][block:].mean()
exercises.guess_second_copy(ax.figure, first=first_copy, second=second_copy)

# %%
for name, one in spent.items():
    print(
        f"{name:10} first copy {one[: block - 1].mean():.2f} nats per symbol, second {one[block:].mean():.2f}"
    )
print(f"knowing which 30 symbols there are, and nothing else: {math.log(30):.2f}")
assert second_copy < 0.5 * first_copy

# %% [markdown]
# (The first copy costs the trained model more than a guess at random would: it was never asked for what cannot be
# known.) The score of a head is how much of its weight lies where the symbol was followed last time: from place t on
# place t − 11. An untrained model of the same shape is the control, and a head that spreads its weight evenly is the
# zero line.

# %%
even = even_weights(2 * block, allowed=np.tri(2 * block, dtype=bool))
print(f"even weights: {induction_score(even, block=block).item():.3f}")
scores = {}
for name, one in (("trained", reader), ("untrained", untrained)):
    looks = heads_of(one, twice)
    scores[name] = induction_score(looks, block=block), previous_token_score(looks)
    print(f"{name}: induction (rows: layers; columns: heads), then previous token")
    print(scores[name][0].round(2), scores[name][1].round(2), sep="\n")
induction, previous = scores["trained"]
assert induction[1].max() > 0.5 > 3 * scores["untrained"][0].max()
assert previous[0].max() > 0.4

# %% [markdown]
# It takes two heads in a row. One of the first layer looks one place back and so writes into each place what stood
# *before* it. The induction heads of the second layer look for the place whose note says "before me stood what you
# are now". Neither could do it alone, which is why they formed together. The grid of lesson 15: type symbols (letters
# a to z, digits); they are given twice. Sort by either score.


# %%
def look_with(model):
    def look(text):
        wrong = [symbol for symbol in text if symbol not in SYMBOLS]
        if wrong or not 2 <= len(text) <= 20:
            raise ValueError("type 2 to 20 letters from a to z or digits, without spaces")
        tokens = torch.tensor([[SYMBOLS.index(symbol) for symbol in 2 * text]])
        (weights,) = heads_of(model, tokens)
        found = {
            "induction": induction_score(weights, block=len(text)),
            "previous": previous_token_score(weights),
        }
        return Heads(
            weights,
            [*2 * text],
            [*2 * text],
            found,
            allowed=np.tri(2 * len(text), dtype=bool),
        )

    return look


# %%
grid = HeadsGrid(
    {"trained": look_with(reader), "untrained": look_with(untrained)},
    sentence="k4bq7", sort="induction",
)  # fmt: skip
grid.picture()

# %%
grid

# %%
state = grid.state()
shown_text = state["rows"][: len(state["rows"]) // 2]
(weights,) = heads_of(
    reader, torch.tensor([[SYMBOLS.index(one) for one in 2 * shown_text]])
)
table = induction_score(weights, block=len(shown_text))
layer, head = np.unravel_index(table.argmax(), table.shape)
print(f"first on the screen: {state['order'][0]}; by the score: {layer + 1}·{head + 1}")

# %% [markdown]
# ### Switch them off
#
# A score says where a head looks. Whether the model *uses* it, only the loss can say. Lesson 14's hook, which
# replaces what a head adds by zero or by its mean, and lesson 14's bench, unchanged. The loss is that of the second
# copy.

# %%
head_width = episode_config.width // episode_config.heads
places = {f"{b + 1}·{h + 1}": (b, h) for b in range(2) for h in range(4)}


def entering(block):
    """What goes into a block's last matrix of attention, its mean over all places, (C,)."""
    kept = []
    take = lambda _, inputs: kept.append(inputs[0].mean(dim=(0, 1)))  # noqa: E731
    hook = reader.blocks[block].attention.output.register_forward_pre_hook(take)
    with torch.no_grad():
        reader(twice)
    hook.remove()
    return kept[0]


means = [entering(b) for b in range(2)]


# %%
def switch_off(block, chosen):
    """A hook that replaces heads; `chosen` maps a head's number to "zero" or "mean"."""

    def replace(_, inputs):
        x = inputs[0].clone()  # (B, T, C)
        for head, mode in chosen.items():
            part = slice(head * head_width, (head + 1) * head_width)
            x[..., part] = means[block][part] if mode == "mean" else 0
        return (x,)

    return reader.blocks[block].attention.output.register_forward_pre_hook(replace)


# %%
def without(switched, measure):
    """What `measure` gives with heads switched off; `switched` maps names to modes."""
    with ExitStack() as stack:
        for b in range(2):
            chosen = {
                places[n][1]: mode for n, mode in switched.items() if places[n][0] == b
            }
            stack.callback(switch_off(b, chosen).remove)
        return measure()


def loss_without(switched):
    """Nats per symbol of the second copy."""
    return without(switched, lambda: -reader.score_tokens(twice)[:, block:].mean().item())


baseline = loss_without({})
assert abs(baseline - second_copy) < 1e-4

# %% [markdown]
# **Your guess first**: choose a head, guess what it costs to switch it off, then reveal.

# %%
lab = AblationLab(loss_without, heads=tuple(places), baseline=baseline, largest_guess=4.0)
lab.picture()

# %%
lab

# %% [markdown]
# All eight, beside their scores, and the tables of section 8 without them:


# %%
def answers_without(switched):
    """Share of right values of new tables whose key stood before."""

    def measure():
        right, known = right_values(reader, exam)
        return right[known].mean()

    return without(switched, measure)


usual = answers_without({})
effects, answers = {}, {}
print(f"{'head':>6} {'previous':>9} {'induction':>10} {'second copy':>12} {'tables':>7}")
for name, (b, h) in places.items():
    effects[name] = loss_without({name: "mean"}) - baseline
    answers[name] = answers_without({name: "mean"})
    print(
        f"{name:>6} {previous[b, h]:9.2f} {induction[b, h]:10.2f} {effects[name]:+12.2f} {answers[name]:7.0%}"
    )
print(f"all heads on: tables {usual:.0%}")

# %%
ranked = sorted(
    (name for name in places if name[0] == "2"), key=lambda n: -induction[places[n]]
)
groups = {"the previous-token head": [max(places, key=lambda n: previous[places[n]])]}
for count in (1, 2, 3, 4):
    groups[f"{count} induction head{'s' * (count > 1)}"] = ranked[:count]
together = {}
for what, off in groups.items():
    switched = dict.fromkeys(off, "mean")
    together[what] = answers_without(switched)
    cost = loss_without(switched) - baseline
    print(
        f"without {what:24} {cost:+.2f} nats on second copies, tables {together[what]:.0%}"
    )
assert together["the previous-token head"] < usual - 0.2
assert together["1 induction head"] > 0.9 > 0.6 > together["4 induction heads"]

# %% [markdown]
# Two lessons in one table. The head that looks one place back stands alone: without it the answers fall to what
# guessing among the values around gives. Of the four induction heads of the second layer each can go, and hardly
# anything is lost, since the three others do the same; without two it begins to hurt, and without all four nothing is
# left. Had we trusted single ablations, we should have called all four useless. (That there are four of the one kind
# and one of the other is how this run turned out. It is one seed; another may share the work out otherwise.)
#
# ### And the model of the articles?
#
# Nobody gave it tables or copies to learn from. Does it have such heads? Two texts that stand twice: 50 random
# tokens, which is the clean test, and 50 tokens of a validation article, which is what it knows. The control for the
# second has another passage in front.


# %%
@torch.no_grad()
def cost_of_second(first, second):
    """Nats per token of `second` (B, 50) behind `first`, and the heads' weights."""
    tokens = torch.cat([torch.full((len(first), 1), bpe.end), first, second], dim=1)
    spent = -long.model.score_tokens(tokens)[:, 51:].mean().item()
    return spent, heads_of(long.model, tokens)


random_tokens = torch.randint(
    256, bpe.end, (40, 50), generator=torch.Generator().manual_seed(0)
)
passages = torch.stack([
    torch.from_numpy(text.tokens[at : at + 50])
    for text in corpus.validation for at in range(0, len(text.tokens) - 50, 400)
][:40])  # fmt: skip

# %%
found = {}
for name, text in (("random tokens", random_tokens), ("passages", passages)):
    again, looks = cost_of_second(text, text)
    other, _ = cost_of_second(text.roll(7, 0), text)
    found[name] = induction_score(looks, block=50, start=1)
    print(
        f"{name:14} {other:5.2f} nats per token behind other ones, {again:5.2f} behind themselves; "
        f"best induction score {found[name].max():.2f}"
    )
size = 101
even = even_weights(size, allowed=np.tri(size, dtype=bool))
print(f"a head of even weights: {induction_score(even, block=50, start=1).item():.3f}")

# %% [markdown]
# Hardly. Random tokens cost nearly as much the second time as the first, and the best head's score is a few hundredths.
# A passage that it has just read costs it somewhat less, so something is taken over from the text before, but no head
# does it by looking at the place. In Olsson and others' models these heads form after 2.5 to 5 billion tokens (their
# figure); ours has read eight million, in articles that hardly ever repeat a phrase. A model learns to copy from the
# text where copying pays, and tables make it pay at once.
#
# The same task in its own tokens, 6 random tokens as keys and 10 as values, says the same in another way:


# %%
def in_tokens(drawn, seed=0):
    """The symbols of tables replaced by random tokens, other ones for each text; a start in front."""
    chosen = np.random.default_rng(seed)
    rows = [
        chosen.choice(np.arange(256, bpe.end), size=len(SYMBOLS), replace=False)
        for _ in drawn.tokens
    ]
    tokens = np.take_along_axis(np.array(rows), drawn.tokens, axis=1)
    return torch.from_numpy(
        np.hstack([np.full((len(tokens), 1), bpe.end), tokens])
    ), np.array(rows)[:, 26:]


# %%
drawn = draw_tables(200, pairs=16, keys=6, generator=np.random.default_rng(1))
tokens, choices = in_tokens(drawn)
with torch.no_grad():
    scores = long.model(tokens)[:, 1::2]  # after each key, (B, pairs, V)
picked = scores.gather(2, torch.from_numpy(choices)[:, None].expand(-1, 16, -1)).argmax(
    dim=-1
)
answer = torch.from_numpy(drawn.tokens[:, 1::2] - 26)
right, known = (picked == answer).numpy(), drawn.known[:, 1::2]
print(
    f"of ten values the right one: {right[known].mean():.0%} where the key stood before, {right[~known].mean():.0%} where not"
)

# %% [markdown]
# Little better than a guess among ten. What Brown and others saw, they saw most clearly in a model of 175 billion
# parameters that had read 300 billion tokens (their figures). The ability is not in the architecture; it comes with
# what there was to learn.
#
# ## 10. Break it
#
# A colleague trains the same small GPT on the same articles for as many updates as you. Their loss is far below
# yours, in training and on validation articles. Then both write.

# %%
small = GPTConfig(len(bpe), context=64, width=64, layers=2, heads=4, dropout=0.0)
windows = Windows(stream, length=65, size=16)


def train_small(kind):
    return cached(
        f"gpt-small-{kind.__name__}", config={"model": "2 layers, width 64", "steps": 120},
        data_version=corpus.version, code=[gpt, kind, fit], build=lambda: kind(small),
        train=lambda model, history: fit(
            model, windows, steps=120, learning_rate=5e-3, warmup=20, decay="linear", history=history
        ),
    )[0]  # fmt: skip


colleagues = {"yours": train_small(GPT), "theirs": train_small(exercises.TheirGPT)}
held_out = next(
    Windows(corpus.stream("validation"), length=65, size=64)(
        torch.Generator().manual_seed(0)
    )
)

# %%
losses = {}
for name, one in colleagues.items():
    with torch.no_grad():
        losses[name] = one.loss(held_out).item()
    (text,) = Writer(one, bpe).continue_text("The first", max_tokens=16, how="greedy")
    print(
        f"{name:7} loss on validation articles {losses[name]:.2f} nats; writes: {text.prompt}{text.text!r}"
    )
assert losses["theirs"] < 0.5 * losses["yours"]

# %% [markdown]
# You have two tools. One is `score_tokens`, which knows nothing of anybody's loss. The other: what does each model
# hold likeliest at each place?

# %%
for name, one in colleagues.items():
    nats = -one.score_tokens(held_out).mean().item()
    print(
        f"{name:7} {nats:5.2f} nats per token by score_tokens, {losses[name]:5.2f} by its own loss"
    )

# %%
ids = bpe.encode("The capital of the country is")
with torch.no_grad():
    guesses = {
        name: one(torch.tensor([ids]))[0].argmax(dim=-1).tolist()
        for name, one in colleagues.items()
    }
read = long.writer.pieces(ids)
for name, likeliest in guesses.items():
    pairs = zip(read, long.writer.pieces(likeliest), strict=True)
    print(f"{name:7}", *(f"{a!r} → {b!r}" for a, b in pairs), sep="  ")

# %%
offsets = (0, 1)
found = np.array(
    [
        [(one(held_out[:, :-1]).argmax(-1) == held_out[:, o : o + 64]).float().mean().item() for o in offsets]
        for one in colleagues.values()
    ]
)  # fmt: skip
exercises.guess_fault(
    Picture(
        matrix_svg(
            found, row_labels=list(guesses), col_labels=["the token just read", "the next token"], limit=1.0,
            number_format="{:.2f}", title="Their likeliest next token is the one they have just read",
            label="Share of places where the likeliest token is the one just read, and the next one",
        ),
        alt="A table of two models and two tokens: theirs gives the token just read at nearly all places, yours hardly ever.",
    )
)  # fmt: skip

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# In their loss the targets are not moved by a place: token t is to be predicted from the tokens up to and *including*
# t. That takes no context, only a way to pass the input through, and with tied vectors the way is short. Training and
# validation agree, since both ask for a copy. Writing, the model repeats its last token. The mask is right, so lesson
# 14's test of moved words would show nothing odd but the diagonal. <code>inspect.getsource(exercises.TheirGPT)</code>
# shows the line.
#
# </details>
#
# ## 11. Exercises

# %%
exercises.cache_bytes

# %%
my_answer = None  # a number
exercises.cache_bytes.check(my_answer)

# %%
exercises.merge_step


# %%
def my_merge(words, counts):
    """The words after the most frequent pair of pieces was joined."""
    raise NotImplementedError


exercises.merge_step.check(my_merge)

# %%
exercises.induction


# %%
def my_induction(weights, tokens):
    """Mean weight on the places after earlier occurrences of the query's token."""
    raise NotImplementedError


exercises.induction.check(my_induction)

# %% [markdown]
# With the third you can look for induction where nothing stands twice as a block. This cell runs as it stands, with
# the rule of the solution: do tables find the same heads as copies?

# %%
looks = heads_of(reader, torch.from_numpy(exam.tokens[:40]))
on_tables = np.zeros((2, 4))
for weights, text in zip(looks, exam.tokens[:40], strict=True):
    for b, h in places.values():
        on_tables[b, h] += (
            exercises.induction.reference(weights[b, h].numpy(), text.tolist()) / 40
        )
print("on tables", on_tables.round(2), "on copies", induction.round(2), sep="\n")
assert on_tables.argmax() // 4 == 1

# %% [markdown]
# ## 12. Explain it
#
# As an interviewer would ask. Say your answer aloud before you open it.

# %%
exercises.QUESTIONS

# %% [markdown]
# ## 13. What was measured, what remains
#
# All language models of the course that read from the left, on the same articles, in the same unit. (Lesson 06's ELMo
# reads one side at a time, too, but words in small letters; its figures stand beside lesson 02's own.)

# %%
for name, (bits, seconds, parameters) in results.items():
    row = scoreboard.record(
        lesson="16", model=name, metric="bits per character, Wikipedia sample, test",
        value=bits.bits, low=bits.low, high=bits.high, seconds=seconds, parameters=parameters,
    )  # fmt: skip
row

# %%
scoreboard.record(
    lesson="16", model="GPT, 2 layers, width 64", metric="right values of tables never met, key in the prompt",
    value=asked, seconds=episode_seconds, parameters=sum(p.numel() for p in reader.parameters()),
)  # fmt: skip

# %% [markdown]
# Nothing but the next token was asked for. To give it, the model had to keep words, grammar, who was spoken of, and
# what stood in the prompt; and some of its heads do that in a way that one can find, score and switch off.
#
# **What remains.** It reads from the left only. To say which sense a word has, or which answer a question wants, one
# would like to see both sides at once. A model that sees both sides cannot be trained by predicting what it already
# sees. Lesson 17 hides words instead.
#
# **Read on**
# - Radford and others (2018), *Improving Language Understanding by Generative Pre-Training*, and Radford and others
#   (2019), *Language Models are Unsupervised Multitask Learners*: GPT and GPT-2; the second has the byte-level
#   pieces.
# - Brown and others (2020), *Language Models are Few-Shot Learners*: section 3 measures what section 9 here only
#   touches.
# - Olsson and others (2022), *In-context Learning and Induction Heads*: the heads of section 8, and the moment they
#   form, in models of many sizes.
# - Holtzman and others (2020), *The Curious Case of Neural Text Degeneration*: why the likeliest text is a bad one.
