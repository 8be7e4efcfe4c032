# %% [markdown]
# # 12 · Decoding and evaluation
#
# **The question: which of all texts should the model say, and how good is it?**
#
# A translator gives probabilities. Between them and a sentence on the page stands a search, and between that sentence and
# a number in a table stands a metric. Both are short programs with sharp edges. This lesson builds greedy decoding, beam
# search and sampling, then BLEU, chrF and ROUGE, and then does what their users seldom do: tries to break them.
#
# **You will be able to**
# - search for a likely text, and tell an error of the search from an error of the model;
# - say what temperature, top-k, top-p and a length penalty change, with figures;
# - compute BLEU, chrF and ROUGE by hand, and raise each without translating better;
# - decide whether system B beats system A, with a paired bootstrap;
# - judge a system on your own pairs, with every bad line of your file named.
#
# **You need** lesson 11 (its translator is decoded here) and lesson 02 (nats, the chain rule of probability).
#
# Measured run time: **90 s** and **1200 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import json
import math
import time
from collections import Counter
from itertools import product

import numpy as np
import torch
from course_utils import scoreboard
from course_utils.datasets.catalogue import read_catalogue
from course_utils.datasets.parallel import load_parallel_tsv, split_by_source
from course_utils.datasets.sentence_pairs import SentencePair
from course_utils.datasets.translation import load_translation
from course_utils.decoding.beam import beam_search
from course_utils.decoding.sampling import (
    keep_top_k,
    keep_top_p,
    sample,
    shape_distribution,
)
from course_utils.decoding.scoring import score_tokens
from course_utils.evaluation.bleu import Bleu, corpus_bleu, sentence_bleu, tokenize_13a
from course_utils.evaluation.chrf import Chrf, chrf
from course_utils.evaluation.rouge import corpus_rouge, rouge_l, rouge_n
from course_utils.evaluation.translation import (
    ExactMatch,
    evaluate_corpus,
    exact_match,
    paired_bootstrap,
)
from course_utils.exercises import lesson_12 as exercises
from course_utils.explorers.beam import BeamExplorer
from course_utils.models.seq2seq import BEGIN, END
from course_utils.models.seq2seq_batches import pad_sources
from course_utils.plots.lines import plot_lines
from course_utils.plots.marked_words import MarkedSentence, marked_words_svg
from course_utils.plots.picture import Picture
from course_utils.plots.style import OKABE_ITO, new_figure
from course_utils.runtime import seed_everything, set_threads
from course_utils.storage import cache_folder, course_folder, write_atomically
from course_utils.translation.recipes import Schedule, train_translator

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. The likeliest text
#
# A language of five words, small enough to list all its texts. Each row says what may follow a word; the rows sum to 1.

# %%
# NBVAL_CHECK_OUTPUT
WORDS = ["<end>", "un", "le", "chat", "chien", "dort"]
FOLLOWS = {
    "<begin>": {"un": 0.55, "le": 0.45},
    "un": {"chat": 0.4, "chien": 0.35, "dort": 0.25},
    "le": {"chat": 0.9, "chien": 0.1},
    "chat": {"dort": 0.7, "<end>": 0.3},
    "chien": {"dort": 0.6, "<end>": 0.4},
    "dort": {"<end>": 1.0},
}
table = torch.tensor([[FOLLOWS.get(row, {}).get(word, 0.0) for word in WORDS]
                      for row in [*WORDS, "<begin>"]]).log()  # fmt: skip
print(tuple(table.shape), "of", WORDS)

# %% [markdown]
# The probability of a text is the product of its steps, so its logarithm is a sum. All texts of up to four words:


# %%
# NBVAL_CHECK_OUTPUT
def log_probability(tokens, table):
    """Sum over the steps, in nats; the last row of the table is the beginning."""
    before = [len(table) - 1, *tokens[:-1]]
    return sum(float(table[a, b]) for a, b in zip(before, tokens, strict=True))


def all_texts(table, longest):
    """Every text that ends with token 0, or is cut at the greatest length, with its sum."""
    others = range(1, table.shape[1])
    ended = [(*body, 0) for n in range(longest) for body in product(others, repeat=n)]
    cut = list(product(others, repeat=longest))
    return {text: log_probability(text, table) for text in ended + cut}


sums = {text: total for text, total in all_texts(table, 4).items() if total > -math.inf}
for text in sorted(sums, key=sums.get, reverse=True)[:5]:
    print(f"{math.exp(sums[text]):.4f}  {' '.join(WORDS[token] for token in text)}")
print(len(sums), "possible texts")

# %% [markdown]
# **Greedy** decoding takes the likeliest next word each time. It starts with *un*, because 0.55 is more than 0.45, and can
# no longer reach the best text.


# %%
# NBVAL_CHECK_OUTPUT
def my_greedy(next_scores, longest):
    """The likeliest token at each step; `next_scores(text)` gives log-probabilities of what follows."""
    text = ()
    while len(text) < longest and text[-1:] != (0,):
        text += (int(np.argmax(next_scores(text))),)
    return text


def after(text, table=table):
    return table[text[-1] if text else -1].tolist()


found = my_greedy(after, 4)
print(f"{math.exp(sums[found]):.4f}  {' '.join(WORDS[token] for token in found)}")

# %% [markdown]
# **Beam search** keeps the best few beginnings instead of one. At each step every live hypothesis is continued by every
# word; the continuations are ranked by their sums; the best `width` of those that do not end live on. It stops when no
# live one can overtake the best that has ended, since a sum can only fall.


# %%
def my_beam(next_scores, longest, width):
    """The best text that a beam of this width finds, and its sum."""
    live, ended = [((), 0.0)], []
    for _ in range(longest):
        grown = [((*text, token), total + gain) for text, total in live
                 for token, gain in enumerate(next_scores(text)) if gain > -math.inf]  # fmt: skip
        ranked = sorted(grown, key=lambda one: -one[1])
        ended += [one for one in ranked[:width] if one[0][-1] == 0]
        live = [one for one in ranked if one[0][-1] != 0][:width]
        best = max(ended, key=lambda one: one[1], default=((), -math.inf))
        if not live or best[1] >= live[0][1]:
            return best
    return max(ended + live, key=lambda one: one[1])


# %%
# NBVAL_CHECK_OUTPUT
for width in (1, 2, 3):
    text, total = my_beam(after, 4, width)
    print(
        f"width {width}: {math.exp(total):.4f}  {' '.join(WORDS[token] for token in text)}"
    )
assert my_beam(after, 4, 1)[0] == my_greedy(after, 4)
assert my_beam(after, 4, 2)[0] == max(sums, key=sums.get)

# %% [markdown]
# With a beam of 2, *le* lives on beside *un*, and wins in the end.
#
# The course's `beam_search` does the same for many sources at once, over any model: it calls `step(state, tokens)`, which
# returns log-probabilities and the new state, and moves the rows of the state along when hypotheses split and end. On 50
# random languages (five tokens, texts of up to five), against ours and against the list of all texts:


# %%
def course_beam(table, *, width, longest=5):
    """`beam_search` where the state is of no use: only the last token matters."""
    start = torch.tensor([len(table) - 1])
    found = beam_search(lambda state, tokens: (table[tokens], state), torch.zeros(1, 1), start=start,
                        end=0, max_length=longest, width=width)  # fmt: skip
    return found[0].best


# %%
# NBVAL_CHECK_OUTPUT
generator = torch.Generator().manual_seed(0)
languages = [
    (1.5 * torch.randn(6, 5, generator=generator)).log_softmax(dim=-1) for _ in range(50)
]
truth = []
for one in languages:
    listed = all_texts(one, 5)
    truth.append(max(listed, key=listed.get))
for one in languages:
    for width in (1, 2, 4):
        mine = my_beam(lambda text, one=one: after(text, one), 5, width)
        theirs = course_beam(one, width=width)
        assert mine[0] == theirs.tokens
        assert math.isclose(mine[1], theirs.log_probability, abs_tol=1e-4)
print(
    f"{len(languages)} languages of {len(all_texts(languages[0], 5)):,} texts: my_beam = beam_search"
)

# %%
# NBVAL_CHECK_OUTPUT
reached = {width: np.mean([course_beam(one, width=width).tokens == best
                           for one, best in zip(languages, truth, strict=True)])
           for width in (1, 2, 3, 4, 8, 256)}  # fmt: skip
for width, share in reached.items():
    print(f"width {width:3}: finds the likeliest of all texts in {share:.1%}")
assert reached[256] == 1

# %% [markdown]
# A beam that can hold every beginning, here $4^4 = 256$, is exhaustive search. Four hypotheses come near it at a small part
# of the work. That is why one uses a beam, and why nobody uses a wide one: what it could still gain is little. Keep that
# in mind; in section 4 a wider beam will do something else.
#
# ## 2. A translator to decode
#
# Lesson 11's encoder–decoder **without attention**: 256 numbers for a sentence, however long. It is the right model for
# this lesson, because it is wrong often enough. If lesson 11 ran before, it is read from the cache.

# %%
data = load_translation()
trained = train_translator(
    data.train,
    attention="none",
    width=256,
    schedule=Schedule(target_tokens=500_000),
    seed=0,
)
translator = trained.translator
model = trained.model.eval()
print(f"{trained.parameters:,} parameters, {trained.target_tokens:,} target tokens seen")

# %% [markdown]
# What the decoder sees is one distribution after the other. A validation sentence, and at each step the three likeliest words:

# %%
pair = next(p for p in data.validation if len(p.source) == 9)
prefix = []
print(" ".join(pair.source), "→")
for _ in range(6):
    probabilities, _ = translator.next_words(pair.source, prefix)
    top = np.argsort(-probabilities)[:3]
    print(
        f"{' '.join(prefix) or '(begin)':40}",
        *(f"{translator.labels[i]} {probabilities[i]:.2f}  " for i in top),
    )
    if top[0] == END:
        break
    prefix.append(translator.labels[top[0]])

# %% [markdown]
# Settings of this lesson are chosen and looked at on **validation** sentences; the test set is kept for sections 7 and 9.

# %%
sources = [pair.source for pair in data.validation[:200]]
references = [list(pair.target) for pair in data.validation[:200]]
metric = Bleu()


def decode(some, **settings):
    """Translations as lists of words."""
    return [list(one.target) for one in translator.translate(some, **settings)]


greedy_texts = decode(sources)
print(f"greedy: BLEU {corpus_bleu(greedy_texts, references):.1f}, "
      f"every word right in {exact_match(greedy_texts, references):.0%} of {len(sources)} sentences")  # fmt: skip

# %% [markdown]
# ## 3. A wider beam
#
# **Your guess first.** From greedy to a beam of 16: the texts get likelier. Do the translations get better?

# %%
widths = (1, 2, 4, 8, 16)
by_width, sums_by_width, seconds = {}, {}, {}
for width in widths:
    started = time.perf_counter()
    found = translator.translate(sources, beam=width)
    seconds[width] = time.perf_counter() - started
    by_width[width] = [list(one.target) for one in found]
    sums_by_width[width] = np.array([sum(one.log_probabilities) for one in found])
bleu_by_width = {
    width: corpus_bleu(texts, references) for width, texts in by_width.items()
}

# %%
gain = bleu_by_width[16] - bleu_by_width[1]
figure, (left, right) = new_figure(width=900, height=340, columns=2)
plot_lines(widths, {"sum": [sums_by_width[w].mean() for w in widths]}, log_x=True, ax=left,
           x_label="beam width", y_label="mean sum of log-probabilities, nats", title="What is found is likelier …")  # fmt: skip
plot_lines(widths, {"BLEU": [bleu_by_width[w] for w in widths]}, log_x=True, ax=right,
           x_label="beam width", y_label="BLEU, 200 validation sentences", title=f"… and up to a point better: {gain:+.1f} BLEU at 16")  # fmt: skip
change = ("it falls" if gain < 0 else "0 to 1 point" if gain < 1 else "1 to 5 points" if gain < 5
          else "more than 5 points")  # fmt: skip
exercises.guess_widths(
    Picture(figure, alt="Two curves against beam width from 1 to 16: the mean sum of log-probabilities of what is found, "
            "which rises, and BLEU."), change=change)  # fmt: skip

# %%
for width in widths:
    likelier = (sums_by_width[width] > sums_by_width[1] + 1e-4).mean()
    less = (sums_by_width[width] < sums_by_width[1] - 1e-4).mean()
    print(f"width {width:2}: BLEU {bleu_by_width[width]:.1f}, exact {exact_match(by_width[width], references):.1%}, "
          f"likelier than greedy {likelier:.0%}, less likely {less:.0%}, {seconds[width]:.1f} s")  # fmt: skip
assert sums_by_width[16].mean() > sums_by_width[4].mean() > sums_by_width[1].mean()

# %% [markdown]
# ### Who is to blame?
#
# A translation is wrong. Was the right one never found, or did the model not want it? `score_tokens` asks the model what it
# thinks of a given text. If the reference has a **higher** sum than what was found, the **search** failed. If it has a
# lower one, the **model** did, and no search will help.


# %%
def sums_of(some, texts):
    """What the model thinks of given translations, in nats."""
    with torch.no_grad():
        state = model.start(pad_sources([translator.source_ids(words) for words in some]))
    tokens = [[*translator.target_ids(words), END] for words in texts]
    start = torch.full((len(tokens),), BEGIN)
    return np.array(
        [
            sum(gains)
            for gains in score_tokens(model.step, state, start=start, texts=tokens)
        ]
    )


# %%
right_sums = sums_of(sources, references)
blame = {}
for width in widths:
    wrong = np.array([h != r for h, r in zip(by_width[width], references, strict=True)])
    search = wrong & (right_sums > sums_by_width[width] + 1e-4)
    blame[width] = (wrong.mean(), search.mean())
    print(f"width {width:2}: wrong {wrong.mean():.0%}; the search missed the reference {search.mean():.1%}, "
          f"the model preferred the wrong text {(wrong & ~search).mean():.0%}")  # fmt: skip
assert blame[16][1] <= blame[1][1]
assert blame[16][1] < 0.5 * blame[16][0]

# %% [markdown]
# Greedy decoding misses some references that the model liked better than what it said: that part a beam repairs, and a beam of 4
# repairs nearly all of it. What is then still wrong, the model **wants**. It read 256 numbers and no longer knows which
# man saw which dog; the likeliest text is a fluent guess. A better search finds better guesses, and they are still guesses.
#
# The tree of one search, all of it: at each step twice as many continuations are looked at as live on. Boxes with a dashed
# border are cut. Does the thick path, the best text in the end, always lie on top?

# %%
explorer = BeamExplorer(
    translator.search,
    sentence="there is a tree in this kitchen .",
    word=translator.labels.__getitem__,
    read=translator.read,
    width=3,
)
explorer.picture()

# %%
explorer

# %%
state = explorer.state()
ranks = [node["rank"] for node in state["nodes"] if node["best"]]
print("greedy:", *decode([state["words"]])[0])
print(
    f"the best text stood at ranks {ranks}; {state['looked_at']} continuations looked at"
)
for one in state["hypotheses"]:
    again = (
        sums_of([state["words"]], [one["text"].split()])[0]
        if one["finished"]
        else one["total"]
    )
    print(f"{one['total']:8.3f} {again:8.3f}  {one['text']}")
    assert math.isclose(one["total"], again, abs_tol=1e-3)

# %% [markdown]
# The second column is `score_tokens` on the finished text: the sums on the screen are the model's. Type a sentence of your own;
# a word that the model never saw is refused, with suggestions.

# %%
# NBVAL_CHECK_OUTPUT
for typed in ("", "the zebra sleeps .", "the " * 150):
    try:
        translator.read(typed)
    except (ValueError, KeyError) as refusal:
        print(f"{typed[:18]!r:22} {refusal}")

# %% [markdown]
# ## 4. Length
#
# Every further word costs probability, so a sum has a taste for **short** texts. To balance that, the sum is divided by
# $\text{length}^\alpha$: with $\alpha = 1$ it is a mean per token. How strong is the taste here? We compare the number of words in
# what is found with that of the references, in short and in long sentences.

# %%
long_ones = [i for i, text in enumerate(references) if len(text) > 14]
settings = {(width, 0.0): by_width[width] for width in (1, 4, 16)}


def divided_by_length(some, width):
    """The beam's translations, their sums divided by their lengths; it stops where no live one is likely to win."""
    with torch.no_grad():
        state = model.start(pad_sources([translator.source_ids(words) for words in some]))
    found = beam_search(model.step, state, start=torch.full((len(some),), BEGIN), end=END, max_length=50,
                        width=width, length_penalty=1.0, stop="likely")  # fmt: skip
    return [[translator.labels[token] for token in one.best.without_end] for one in found]


# %%
for width in (4, 16):
    settings[width, 1.0] = divided_by_length(sources, width)


def length_ratio(texts, rows):
    """Words found per word of the references."""
    return sum(len(texts[i]) for i in rows) / sum(len(references[i]) for i in rows)


print("width  alpha   BLEU   exact   words per reference word: all, long sentences")
for (width, alpha), texts in settings.items():
    every, some = length_ratio(texts, range(len(texts))), length_ratio(texts, long_ones)
    print(f"{width:5}  {alpha:5}  {corpus_bleu(texts, references):5.1f}  {exact_match(texts, references):5.1%}"
          f"   {every:.3f}  {some:.3f}")  # fmt: skip

# %% [markdown]
# The wider the beam, the shorter the texts. As long as the search still finds better texts, BLEU rises all the same; from
# there on it mostly finds shorter ones, and BLEU turns round although the sums go on rising: the model's likeliest text is
# not its best one. Division by the length brings part of the words back. Murray and Chiang (2018) found the same in systems
# trained on real text; Stahlberg and Byrne (2019) searched exactly and found the *empty* text to be the likeliest for more
# than half of the sentences.
#
# How sure is all that, with 200 sentences?

# %%
for name, old, new in (
    ("a beam of 16 after one of 8", by_width[8], by_width[16]),
    ("beam of 4, divided by length", by_width[4], settings[4, 1.0]),
    ("beam of 16, divided by length", by_width[16], settings[16, 1.0]),
):
    gain = paired_bootstrap(metric, baseline=old, system=new, references=references)
    print(f"{name}: {gain}{'; holds 0' if gain.low <= 0 <= gain.high else ''}")
ratio = {key: length_ratio(texts, long_ones) for key, texts in settings.items()}
assert ratio[16, 0.0] < ratio[4, 0.0] < ratio[1, 0.0]
assert ratio[16, 1.0] > ratio[16, 0.0] + 0.03

# %% [markdown]
# (How such a comparison is made, section 9 says.) Where the interval holds 0, these sentences prove nothing in BLEU, whatever
# the lengths say. What got lost? The three texts that the wide beam shortened most:

# %%
empty = {width: sum(not text for text in texts) for width, texts in by_width.items()}
print("empty translations by width:", empty)
shrunk = sorted(long_ones, key=lambda i: len(by_width[16][i]) - len(by_width[1][i]))
for i in shrunk[:3]:
    print(f"{' '.join(sources[i])}\n   greedy:     {' '.join(by_width[1][i])}")
    print(f"   beam of 16: {' '.join(by_width[16][i])}\n")

# %% [markdown]
# Whole parts: a reason, a relative clause, a second statement. The model was not sure what stood there, each guess would have
# cost, and the short text says less that is doubtful. Greedy decoding never gets to see it. So the narrow beam is not only
# a cheap approximation of the likeliest text; it also keeps us from it.
#
# ## 5. Sampling
#
# Where there are many good answers, one draws. Three handles on the distribution, in a few lines each:


# %%
def with_temperature(scores, T):
    """Divide the logits: below 1 sharper, above 1 flatter; the order of the tokens stays."""
    return (scores / T).softmax(dim=-1)


def with_top_k(probabilities, k):
    """Only the k likeliest, scaled to sum to 1."""
    kept = torch.where(
        probabilities >= probabilities.topk(k).values[-1], probabilities, 0.0
    )
    return kept / kept.sum()


def with_top_p(probabilities, p):
    """Only the likeliest whose mass reaches p, scaled to sum to 1."""
    ordered, order = probabilities.sort(descending=True)
    ordered[ordered.cumsum(0) - ordered >= p] = (
        0.0  # the mass of all likelier ones has reached p
    )
    return torch.zeros_like(ordered).scatter(0, order, ordered / ordered.sum())


# %%
# NBVAL_CHECK_OUTPUT
scores = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0, -1.0])
logs = scores.log_softmax(dim=-1)
close = torch.testing.assert_close
close(with_temperature(scores, 0.5), shape_distribution(logs, temperature=0.5).exp())
close(with_top_k(logs.exp(), 2), keep_top_k(logs, 2).exp())
close(with_top_p(logs.exp(), 0.9), keep_top_p(logs, 0.9).exp())
for name, shaped in (("as it is", logs.exp()), ("T = 0.5", with_temperature(scores, 0.5)), ("T = 2", with_temperature(scores, 2.0)),
                     ("k = 2", with_top_k(logs.exp(), 2)), ("p = 0.9", with_top_p(logs.exp(), 0.9))):  # fmt: skip
    print(f"{name:9}", " ".join(f"{value:.3f}" for value in shaped.tolist()))

# %% [markdown]
# Top-k keeps two tokens whether the model is sure or not; top-p keeps as many as it takes. On the translator: how good are
# the draws, and how many of four draws of one sentence differ?


# %%
def draw(some, *, count, seed=0, **settings):
    """`count` translations of each sentence, as lists of words."""
    with torch.no_grad():
        state = model.start(
            pad_sources([translator.source_ids(w) for w in some for _ in range(count)])
        )
    drawn = sample(model.step, state, start=torch.full((len(some) * count,), BEGIN), end=END, max_length=60,
                   generator=torch.Generator().manual_seed(seed), **settings)  # fmt: skip
    texts = [[translator.labels[token] for token in one.without_end] for one in drawn]
    return [texts[i : i + count] for i in range(0, len(texts), count)]


# %%
ways = {"T = 0.3": {"temperature": 0.3}, "T = 0.6": {"temperature": 0.6}, "T = 1": {}, "T = 1.5": {"temperature": 1.5},
        "T = 1, k = 5": {"top_k": 5}, "T = 1, p = 0.9": {"top_p": 0.9}, "T = 1.5, p = 0.9": {"temperature": 1.5, "top_p": 0.9}}  # fmt: skip
drawn = {name: draw(sources[:120], count=4, **way) for name, way in ways.items()}
quality = {name: corpus_bleu([t for four in texts for t in four], [r for r in references[:120] for _ in range(4)])
           for name, texts in drawn.items()}  # fmt: skip
variety = {
    name: np.mean([len({tuple(t) for t in four}) for four in texts])
    for name, texts in drawn.items()
}

# %%
figure, (ax,) = new_figure(width=640, height=380)
for (name, value), colour in zip(quality.items(), OKABE_ITO, strict=False):
    ax.scatter(variety[name], value, color=colour, s=50)
    shift, side = ((-6, -4), "right") if "k" in name else ((6, 4), "left")
    place = (variety[name], value)
    ax.annotate(name, place, xytext=shift, ha=side, textcoords="offset points")
honest = corpus_bleu(greedy_texts[:120], references[:120])
ax.axhline(honest, color="#57606a", linestyle="--", linewidth=1.2)
ax.set_xlabel("different texts among four draws of a sentence")
ax.set_ylabel("BLEU of the draws")
ax.set_xlim(1, 5)
ax.set_xticks([1, 2, 3, 4])
ax.set_title("Variety is paid for with quality; dashed: greedy", loc="left")
assert quality["T = 0.3"] > quality["T = 1"] > quality["T = 1.5"]
assert quality["T = 1.5, p = 0.9"] > quality["T = 1.5"]
Picture(figure, alt="BLEU of drawn translations against how many of four draws differ, for seven settings: the higher the "
        "temperature, the more variety and the lower BLEU; cutting the tail with top-p wins some of it back.")  # fmt: skip

# %% [markdown]
# At temperature 1 each draw is a fair sample of what the model believes, and its beliefs about long sentences are weak.
# The tail does the harm: every step has hundreds of words with a little probability each, and one of them is enough. Cutting
# the tail (k, p) gives quality back and takes little variety. For a translation one would take none of the draws; but
# look at exercise 3, which makes them vote.
#
# ## 6. BLEU, chrF, ROUGE
#
# Now the other half: a number for a translation. **BLEU** (Papineni and others 2002) asks which runs of 1, 2, 3 and 4 words of
# the translation stand in the reference, too, each counted at most as often as there; takes the geometric mean of the
# four shares; and scales it down if the translation is too short. Counts are summed over the whole corpus before
# anything is divided.


# %%
def runs(words, n):
    """Counter of all runs of n words (or of n letters of a text)."""
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def my_bleu(hypotheses, references):
    """Corpus BLEU from 0 to 100, without smoothing."""
    logs = []
    for n in (1, 2, 3, 4):
        matches = sum(
            (runs(h, n) & runs(r, n)).total()
            for h, r in zip(hypotheses, references, strict=True)
        )
        logs.append(math.log(matches / sum(runs(h, n).total() for h in hypotheses)))
    length, wanted = (sum(map(len, side)) for side in (hypotheses, references))
    brevity = min(1.0, math.exp(1 - wanted / length))
    return 100 * brevity * math.exp(sum(logs) / 4)


# %% [markdown]
# The `&` of two Counters takes the smaller count: that is the clip. **chrF** (Popović 2015) does the same with letters, runs of 1 to
# 6, and weighs recall twice as much as precision: a wrong ending costs little. **ROUGE-L** (Lin 2004) takes the longest common
# subsequence: words in the right order, gaps allowed.


# %%
def my_chrf(hypothesis, reference, beta=2.0):
    """chrF of one sentence, 0 to 100; the lengths that both sides have."""
    h, r = "".join(hypothesis), "".join(reference)
    pairs = [(runs(h, n), runs(r, n)) for n in range(1, 7) if min(len(h), len(r)) >= n]
    precision = np.mean([(a & b).total() / a.total() for a, b in pairs])
    recall = np.mean([(a & b).total() / b.total() for a, b in pairs])
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def my_rouge_l(hypothesis, reference):
    """F1 of the longest common subsequence, 0 to 1."""
    best = np.zeros((len(hypothesis) + 1, len(reference) + 1), dtype=int)
    for i, a in enumerate(hypothesis):
        for j, b in enumerate(reference):
            best[i + 1, j + 1] = (
                best[i, j] + 1 if a == b else max(best[i, j + 1], best[i + 1, j])
            )
    return 2 * best[-1, -1] / (len(hypothesis) + len(reference))


# %%
assert math.isclose(
    my_bleu(greedy_texts, references),
    corpus_bleu(greedy_texts, references, smoothing="none"),
)
for h, r in zip(greedy_texts[:100], references[:100], strict=True):
    assert math.isclose(my_rouge_l(h, r), rouge_l(h, r).f1)
    assert math.isclose(my_chrf(h, r), chrf([h], [r]), abs_tol=1e-9)
print(
    f"equal: BLEU {my_bleu(greedy_texts, references):.2f}; chrF and ROUGE-L of 100 sentences"
)

# %% [markdown]
# The course's versions add what practice needs: smoothing, tokenizers, intervals. They in turn are compared with the field's
# references, **sacrebleu** and **rouge-score**, on thousands of random and awkward pairs (empty, identical, one word, only
# punctuation) by the tests in `tests/evaluation`, to 1e-6; a lesson need not install these two. `make bench` compares the
# time as well, and refuses to write a row if a score differs:

# %%
rows = json.loads(
    (course_folder() / "benchmarks" / "results.json").read_text(encoding="utf-8")
)
compared = [row for row in rows if row["lesson"] == "12"]
for row in compared:
    print(
        f"{row['name']}: {row['ours']:g} {row['unit']}, {row['peer']} {row['theirs']:g} {row['unit']}"
    )
if not compared:
    print("not measured yet; run: make bench")

# %% [markdown]
# One setting is not a detail. BLEU is a property of words, and *somebody cut the words*. The same translations, the same
# references, four ways to cut:

# %%
lines = [" ".join(text) for text in greedy_texts]
right = [" ".join(text) for text in references]
cuts = {"at spaces": str.split, "as WMT does (13a)": tokenize_13a, "articles joined: l'homme": lambda t: t.replace("' ", "'").split(),
        "into letters": list}  # fmt: skip
for name, cut in cuts.items():
    print(
        f"{name:26} BLEU {corpus_bleu([cut(t) for t in lines], [cut(t) for t in right]):.1f}"
    )

# %% [markdown]
# A BLEU without its tokenizer is not a number to compare (Post 2018).
#
# ## 7. Three translations
#
# A reference and three translations, **written for this lesson**. Each has the same length as the reference and differs from it in
# four words. In blue, the words that stand in a run of the reference.

# %%
# NBVAL_CHECK_OUTPUT
reference = "le vieux professeur donne toujours un bon livre à la petite fille qui habite près du pont et chante le soir ."
three = {
    "A": ("le vieux professeur offre toujours un bon roman à la petite fille qui loge près du pont et fredonne le soir .",
          "offers a good novel to the little girl who lodges near the bridge and hums in the evening"),
    "B": ("le vieux professeur vole toujours un bon goûter à la petite fille qui pleure près du pont et tremble le soir .",
          "steals a good snack from the little girl who weeps near the bridge and trembles in the evening"),
    "C": ("le soir . loge à la petite fille qui offre près du pont et roman le vieux professeur fredonne toujours un bon",
          "the evening . lodges to the little girl who offers near the bridge and novel the old teacher hums always a good"),
}  # fmt: skip
wanted = reference.split()
for text, _ in three.values():
    assert len(text.split()) == len(wanted)
print(
    "reference:",
    reference,
    *(f"{name}: {text}" for name, (text, _) in three.items()),
    sep="\n",
)


# %%
def in_runs(words, wanted):
    """For each word: does it stand in a run of two that the reference has, too?"""
    shared = runs(words, 2) & runs(wanted, 2)
    hits = [tuple(words[i : i + 2]) in shared for i in range(len(words) - 1)]
    return [any(hits[max(i - 1, 0) : i + 1]) for i in range(len(words))]


# %%
shown = [MarkedSentence("reference", wanted, [True] * len(wanted),
                        "The old teacher always gives a good book to the little girl who lives near the bridge and sings in the evening.")]  # fmt: skip
for name, (text, meaning) in three.items():
    words = text.split()
    shown.append(
        MarkedSentence(
            name, words, in_runs(words, wanted), meaning, sentence_bleu(words, wanted)
        )
    )
assert len({one.score for one in shown[1:]}) == 1
exercises.guess_bleu(Picture(
    marked_words_svg(shown, title=f"A friend, a thief and a heap of words: BLEU {shown[1].score:.1f}, three times",
                     label="Three translations with one BLEU", score_name="BLEU"),
    alt="A French reference and three translations, their matching runs in blue. The first uses other words for the same, "
    "the second turns the gift into a theft, the third has the runs in a senseless order. All three have the same BLEU.",
))  # fmt: skip

# %% [markdown]
# They have the same BLEU to the last digit, because they have the same counts: 18 words of 22, and as many pairs, triples
# and quadruples. What stands **between** the runs is a miss, be it a synonym or a theft; and the runs themselves may
# come in **any order** (Callison-Burch, Osborne and Koehn 2006). Do the other metrics see it?

# %%
# NBVAL_CHECK_OUTPUT
print("      BLEU   chrF  ROUGE-1  ROUGE-2  ROUGE-L")
for name, (text, _) in three.items():
    words = text.split()
    ones = [
        rouge_n(words, wanted, n=1),
        rouge_n(words, wanted, n=2),
        rouge_l(words, wanted),
    ]
    print(f"{name}    {sentence_bleu(words, wanted):5.2f}  {chrf([words], [wanted]):5.2f}",
          *(f"  {one.f1:.3f}  " for one in ones))  # fmt: skip
letters = {name: chrf([text.split()], [wanted]) for name, (text, _) in three.items()}
assert letters["C"] > letters["A"] > letters["B"]
assert (
    rouge_l(three["C"][0].split(), wanted).f1 < rouge_l(three["B"][0].split(), wanted).f1
)

# %% [markdown]
# ROUGE-L sees the order, so it sees the heap. chrF, which reads letters across the spaces, likes the heap **best**: some letters at
# the new joints happen to fit. And none of them sees the theft. To ROUGE friend and thief are equal, and what chrF holds
# against the thief is spelling: the letters of *goûter* and *pleure* fit less well.
#
# One sentence proves little; a corpus then. We take the greedy translations of the test set, cut each where a pair of words does not
# match, and shuffle the pieces, keeping only orders that leave every count as it was.


# %%
def shuffle_pieces(words, wanted, generator):
    """The same words in another order, with exactly the same counts, if one of 20 tries finds one."""
    shared = runs(words, 2) & runs(wanted, 2)
    cuts = [i + 1 for i in range(len(words) - 1) if tuple(words[i : i + 2]) not in shared]
    pieces = [words[a:b] for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]
    counts = metric.statistics([words], [wanted])
    for _ in range(20):
        mixed = [word for i in generator.permutation(len(pieces)) for word in pieces[i]]
        if mixed != words and (metric.statistics([mixed], [wanted]) == counts).all():
            return mixed
    return words


# %%
test_sources = [pair.source for pair in data.test[:1000]]
test_references = [list(pair.target) for pair in data.test[:1000]]
test_greedy = decode(test_sources)
generator = np.random.default_rng(0)
heaps = [
    shuffle_pieces(h, r, generator)
    for h, r in zip(test_greedy, test_references, strict=True)
]
changed = [
    i for i, (h, mixed) in enumerate(zip(test_greedy, heaps, strict=True)) if h != mixed
]
print(f"{len(changed):,} of {len(heaps):,} translations could be shuffled, such as:")
for i in changed[2:4]:
    print(f"   {' '.join(test_greedy[i])}\n → {' '.join(heaps[i])}")

# %%
judged = {"greedy": test_greedy, "shuffled": heaps}
for name, texts in judged.items():
    print(f"{name:9} BLEU {corpus_bleu(texts, test_references):.4f}   chrF {chrf(texts, test_references):.1f}   "
          f"ROUGE-L {corpus_rouge(texts, test_references).f1:.3f}")  # fmt: skip
some = changed[:300]
likely = {
    name: sums_of([test_sources[i] for i in some], [texts[i] for i in some])
    for name, texts in judged.items()
}
lengths = np.array([len(heaps[i]) + 1 for i in some])
for name, values in likely.items():
    print(
        f"{name:9} {-values.sum() / lengths.sum():.2f} nats a token, as the model sees it"
    )
assert corpus_bleu(heaps, test_references) == corpus_bleu(test_greedy, test_references)
assert likely["shuffled"].sum() < likely["greedy"].sum()

# %% [markdown]
# A whole test set of heaps, and BLEU has not moved in the fourth decimal. To the model itself the heaps are absurd. So BLEU is
# evidence only among systems that *mean* to translate. Once somebody optimises for it, that is no longer given.
#
# ## 8. How to game each
#
# A metric that becomes a target is searched for holes. One hole each, on the validation sentences: left of the arrow the
# honest number, right of it the gamed one.


# %%
def rouge_1(texts):
    return corpus_rouge(texts, references, kind="1")


def precision_4(texts):
    """Share of the runs of four that match: BLEU without its other parts."""
    return 100 * metric.precisions(metric.statistics(texts, references).sum(axis=0))[3]


# %%
every_word = list({word for pair in data.train for word in pair.target})
easy = [i for i, words in enumerate(sources) if len(words) < 8]
games = [
    ("chrF: leave out all spaces", chrf(greedy_texts, references), chrf([["".join(h)] for h in greedy_texts], references)),
    ("ROUGE-1 F1: sort the words", 100 * rouge_1(greedy_texts).f1, 100 * rouge_1([sorted(h) for h in greedy_texts]).f1),
    ("ROUGE-1 recall: say every word", 100 * rouge_1(greedy_texts).recall, 100 * rouge_1([every_word] * len(sources)).recall),
    ("precision: say only the first four words", precision_4(greedy_texts), precision_4([h[:4] for h in greedy_texts])),
    ("exact match: test on easy sentences", 100 * exact_match(greedy_texts, references),
     100 * exact_match([greedy_texts[i] for i in easy], [references[i] for i in easy])),
]  # fmt: skip
for trick, honest, gamed in games:
    print(f"{trick:42} {honest:5.1f} → {gamed:5.1f}")
    assert gamed >= honest - 1e-9
cut_short = [h[:4] for h in greedy_texts]
print(f"BLEU of the first four words: {corpus_bleu(cut_short, references):.1f}")

# %% [markdown]
# No space, no order, no meaning, four words of a text, the easy part of a test set: each of these numbers has a part of a
# translation that it does not look at. BLEU's brevity penalty exists because of the fourth line: precision alone rewards silence. So report two
# metrics that fail differently, say on which sentences, and read some.
#
# ## 9. Is B better than A?
#
# Greedy (A) against a beam of 4 (B), on 1,000 sentences of the test set. The two scores, each with its interval:

# %%
test_beam = decode(test_sources, beam=4)
systems = {"greedy": test_greedy, "beam of 4": test_beam}
bleu_of = {
    name: evaluate_corpus(metric, hypotheses=texts, references=test_references)
    for name, texts in systems.items()
}
for name, score in bleu_of.items():
    print(f"{name:10} BLEU {score}")

# %% [markdown]
# Intervals that overlap do not mean that nothing can be said: a hard sentence is hard for both. The **paired bootstrap** (Koehn
# 2004) draws sentences anew and scores both systems on the *same* draw. BLEU's counts add up over sentences, so a draw is a
# sum of rows:

# %%
rows = {
    name: metric.statistics(texts, test_references) for name, texts in systems.items()
}  # (N, 10) each
generator = np.random.default_rng(0)
differences = []
for _ in range(1000):
    drawn_rows = generator.integers(len(test_references), size=len(test_references))
    a, b = (float(metric.score(rows[name][drawn_rows].sum(axis=0))) for name in systems)
    differences.append(b - a)
low, high = np.quantile(differences, [0.025, 0.975])
print(
    f"B − A: {low:+.2f} to {high:+.2f}; B ahead in {np.mean(np.array(differences) > 0):.1%} of the draws"
)

# %%
compared = paired_bootstrap(
    metric, baseline=test_greedy, system=test_beam, references=test_references
)
print("BLEU: ", compared)
assert math.isclose(low, compared.low)
assert math.isclose(high, compared.high)
assert compared.low > 0
for name, one in (("chrF: ", Chrf()), ("exact:", ExactMatch())):
    print(
        name,
        paired_bootstrap(
            one, baseline=test_greedy, system=test_beam, references=test_references
        ),
    )

# %% [markdown]
# Each score alone is known to about two points either way, and the two intervals overlap. The interval of the *difference* is
# half as wide and lies above zero, because both systems meet the same hard sentences in each draw. That is the one to read:
# where it holds zero, these sentences cannot tell the two apart, whichever number is larger.
#
# How many sentences does it take? The same comparison on the first 100, 300 and all:

# %%
for size in (100, 300, 1000):
    part = paired_bootstrap(
        metric,
        baseline=test_greedy[:size],
        system=test_beam[:size],
        references=test_references[:size],
    )
    print(
        f"{size:5,} sentences: {part.difference:+.2f} ({part.low:+.2f} to {part.high:+.2f})"
    )

# %% [markdown]
# The interval covers other sentences of the same kind. It does **not** cover another seed of the training, other references, or
# other kinds of sentences.
#
# ## 10. A real task
#
# Real text at last: JupyterLab's own French catalogue, every label and message of the program, translated by volunteers. It
# comes with an installed package; its version is printed, because a later one has other entries.

# %%
catalogue = read_catalogue()
split = split_by_source([(entry.english, entry.french) for entry in catalogue.entries])
print(
    f"version {catalogue.version}: {len(catalogue.entries):,} pairs; left out: {catalogue.reasons()}"
)
print(
    f"{len(split.train):,} to learn from, {len(split.validation)} to choose on, {len(split.test)} to test on"
)
for english, french in split.test[::60]:
    print(f"   {english[:50]:50}  {french[:60]}")

# %% [markdown]
# No English text stands in two parts, not even in another case or with another placeholder. Two systems, as small as the data:
#
# - **retrieval**: find the English text of the training part that is most like the new one (by letters, TF-IDF), and return
# *its* French. It cannot say anything new.
# - **model**: the same encoder–decoder as above, half as wide, trained here for a few seconds. Words that the training part holds
# only once become `<rare>`, and texts of more than 25 words are left out.

# %%
from sklearn.feature_extraction.text import TfidfVectorizer


def retrieve(texts, *, analyzer, ngrams):
    """For each text the French of the nearest English text of the training part."""
    vectors = TfidfVectorizer(analyzer=analyzer, ngram_range=ngrams)
    known = vectors.fit_transform([english for english, _ in split.train])
    nearest = (vectors.transform(texts) @ known.T).toarray().argmax(axis=1)
    return [split.train[i][1] for i in nearest]


asked, wanted_french = (list(side) for side in zip(*split.validation, strict=True))
ways = {(analyzer, ngrams): chrf(retrieve(asked, analyzer=analyzer, ngrams=ngrams), wanted_french)
        for analyzer, ngrams in (("word", (1, 1)), ("word", (1, 2)), ("char_wb", (2, 4)), ("char_wb", (3, 5)))}  # fmt: skip
chosen = max(ways, key=ways.get)
for (analyzer, ngrams), value in ways.items():
    print(
        f"{analyzer:8} {ngrams}: chrF {value:.1f} on validation{'   chosen' * ((analyzer, ngrams) == chosen)}"
    )


# %%
def cut_pair(english, french):
    return tokenize_13a(english.lower()), tokenize_13a(french)


learnt = [cut_pair(*pair) for pair in split.train]
learnt = [(a, b) for a, b in learnt if max(len(a), len(b)) <= 25]
known_words = [
    {
        word
        for word, n in Counter(w for pair in learnt for w in pair[side]).items()
        if n > 1
    }
    for side in (0, 1)
]


def hide_rare(words, side):
    """Words of the training part as they are, others as one mark."""
    return tuple(word if word in known_words[side] else "<rare>" for word in words)


# %%
label_pairs = [
    SentencePair(hide_rare(a, 0), hide_rare(b, 1), frozenset()) for a, b in learnt
]
labeller = train_translator(label_pairs, attention="none", width=128, seed=0,
                            schedule=Schedule(target_tokens=150_000, batch=32, learning_rate=5e-3))  # fmt: skip
print(
    f"{len(label_pairs):,} pairs, {len(known_words[0]):,} English and {len(known_words[1]):,} French words"
)

# %%
asked, wanted_french = (list(side) for side in zip(*split.test, strict=True))
read = [hide_rare(tokenize_13a(text.lower()), 0)[:60] for text in asked]
unknown = np.mean(["<rare>" in words for words in read])
print(f"{unknown:.0%} of the test labels hold a word that the model does not know")
said = labeller.translator.translate(read, beam=4)
real = {
    "copy the English": asked,
    "retrieval": retrieve(asked, analyzer=chosen[0], ngrams=chosen[1]),
    "model": [" ".join(one.target) for one in said],
}

# %%
wanted_words = [tokenize_13a(text) for text in wanted_french]
words_of = {name: [tokenize_13a(text) for text in texts] for name, texts in real.items()}
real_bleu, real_chrf = (
    {
        name: evaluate_corpus(one, hypotheses=texts, references=wanted_words)
        for name, texts in words_of.items()
    }
    for one in (Bleu(), Chrf())
)
for name in real:
    print(f"{name:17} BLEU {real_bleu[name]}   chrF {real_chrf[name]}")

# %%
print("retrieval against model, BLEU:", paired_bootstrap(
    Bleu(), baseline=words_of["model"], system=words_of["retrieval"], references=wanted_words))  # fmt: skip
for i in range(3, len(asked), 60):
    print(
        f"\n{asked[i]}\n   people:    {wanted_french[i]}\n   retrieval: {real['retrieval'][i]}\n   model:     {real['model'][i]}"
    )

# %% [markdown]
# Copying the French of the nearest label beats the trained model by far, and its letters (chrF) show that it is often about
# the right thing. Neither is a translator: 2,400 short texts are not enough to learn French from, and many of the
# test labels hold a word that the training part has once or never. The model writes fluent labels about something else. Remember this table when
# somebody shows you 95 BLEU on sentences from a grammar, as lesson 13 will.
#
# ### Your own pairs
#
# A file with one pair a line, separated by a tab, as Tatoeba and others hand them out. Every line is either a pair or is reported
# with its number and the reason; nothing is lost in silence.

# %%
# NBVAL_CHECK_OUTPUT
sheet = "\n".join(["Good morning.\tBonjour.", "", "Thank you.\tMerci.\tCC-BY", "no tab here", "Only English\t",
                   "How are you?\tComment vas-tu ?"]).encode() + b"\nBad bytes\t\xff\xfe\n"  # fmt: skip
path = write_atomically(cache_folder() / "my_pairs.tsv", sheet)
mine = load_parallel_tsv(path)
print(len(mine.pairs), "pairs:", mine.pairs[0], "…")
for line, reason in mine.skipped:
    print(f"   line {line}: {reason}")

# %% [markdown]
# `split_by_source(mine.pairs)` then makes the three parts, and from `retrieve` on the cells above run on your data.
#
# ## 11. Break it
#
# A colleague has written a beam search. With a beam of 1 it agrees with greedy decoding on every sentence. With wider beams
# the translations get worse, and the colleague quotes section 4: wide beams are known to hurt. Your tools: BLEU by
# width, and `score_tokens`, which says what the model thinks of a text.

# %%
few = [i for i, words in enumerate(sources) if len(words) < 14][:60]


def their_beam(words, width):
    """Your colleague's text and the sum that the search claims for it."""
    with torch.no_grad():
        state = model.start(pad_sources([translator.source_ids(words)]))
        text, claimed = exercises.careless_beam(
            model.step, state, start=torch.tensor([BEGIN]), end=END, max_length=40, width=width)  # fmt: skip
    return [translator.labels[token] for token in text if token != END], claimed


theirs = {width: [their_beam(sources[i], width) for i in few] for width in (1, 2, 4)}
yours = {width: [by_width[width][i] for i in few] for width in (1, 2, 4)}
right_few = [references[i] for i in few]

# %%
claims, real_sums = {}, {}
for width in (1, 2, 4):
    claims[width] = np.array([claimed for _, claimed in theirs[width]])
    real_sums[width] = sums_of(
        [sources[i] for i in few], [text for text, _ in theirs[width]]
    )
    print(f"width {width}: yours BLEU {corpus_bleu(yours[width], right_few):.1f}, "
          f"theirs {corpus_bleu([text for text, _ in theirs[width]], right_few):.1f}")  # fmt: skip
figure, axes = new_figure(width=900, height=320, columns=3)
for ax, width in zip(axes, (1, 2, 4), strict=True):
    ax.scatter(real_sums[width], claims[width], s=16, color=OKABE_ITO[0], alpha=0.7)
    least = min(real_sums[width].min(), claims[width].min())
    ax.plot([least, 0], [least, 0], color="#57606a", linestyle="--", linewidth=1)
    ax.set_xlabel("sum by score_tokens, nats")
    finding = "the sums agree" if width == 1 else "sums of no text"
    ax.set_title(f"beam of {width}: {finding}", loc="left")
axes[0].set_ylabel("sum that their search claims")
exercises.guess_fault(Picture(
    figure, alt="The sum that the colleague's search claims against the sum that the model gives the same text, for beams "
    "of 1, 2 and 4. With a beam of 1 all points lie on the diagonal, with wider beams many lie far above it."))  # fmt: skip

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# The sums that the search claims are not the sums of its texts: it added up probabilities that belong to other hypotheses. When
# hypotheses split and end, the rows of the decoder's state must be reordered with them; your colleague keeps each row where
# it was, so a hypothesis goes on with the memory of another one. With a beam of 1 there is nothing to reorder. No metric shows the
# cause, and "wide beams hurt" explains it away; recomputing the score of the output shows it at once. The one line that is
# missing: <code>state = select(state, rows)</code>. <code>inspect.getsource(exercises.careless_beam)</code> shows the rest.
#
# </details>
#
# ## 12. Exercises

# %%
exercises.clipped

# %%
my_answer = None  # a number
exercises.clipped.check(my_answer)

# %%
exercises.nucleus


# %%
def my_nucleus(probabilities, p):
    """The smallest set of the likeliest tokens whose mass reaches p, renormalised."""
    raise NotImplementedError


exercises.nucleus.check(my_nucleus)

# %%
exercises.consensus


# %%
def my_consensus(texts, likeness):
    """The text with the highest mean score against all other draws."""
    raise NotImplementedError


exercises.consensus.check(my_consensus)

# %% [markdown]
# Does voting help? Twelve draws a sentence at temperature 1; likeness is the F1 of shared words and pairs. It runs as it
# stands, with the rule of the solution; compare with one draw, and with greedy.


# %%
def likeness(texts):
    """F1 of ROUGE-2 and ROUGE-1 of each text against each other one, (N, N)."""
    distinct = {text: text.split() for text in texts}
    score = {(a, b): rouge_n(x, y, n=1).f1 + rouge_n(x, y, n=2).f1
             for a, x in distinct.items() for b, y in distinct.items()}  # fmt: skip
    return np.array([[score[a, b] for b in texts] for a in texts])


# %%
draws = [[" ".join(text) for text in twelve] for twelve in draw(sources, count=12)]
voted = [exercises.consensus.reference(texts, likeness(texts)).split() for texts in draws]
single = [texts[0].split() for texts in draws]
for name, texts in (
    ("one draw", single),
    ("vote of twelve", voted),
    ("greedy", greedy_texts),
    ("beam of 16", by_width[16]),
):
    print(
        f"{name:15} BLEU {corpus_bleu(texts, references):.1f}   exact {exact_match(texts, references):.1%}"
    )
print(
    "vote against greedy:",
    paired_bootstrap(metric, baseline=greedy_texts, system=voted, references=references),
)

# %% [markdown]
# Twelve draws that vote are far better than one: a strange text finds no friends among the others. With this model they are still
# worse than greedy decoding, because at temperature 1 most draws are poor. The vote needs draws that are good and different: try
# `draw(sources, count=12, temperature=0.5)`. In large translators the vote keeps up with the beam (Eikema and Aziz 2020),
# and with a learned metric as the likeness, people preferred it (Freitag, Grangier, Tan and Liang 2022).
#
# ## 13. Explain it
#
# As an interviewer would ask. Say your answer aloud before you open it.

# %%
exercises.QUESTIONS

# %% [markdown]
# ## 14. What was measured, what remains
#
# Bold is this run; *published* is the course's own.

# %%
for name, score in bleu_of.items():
    row = scoreboard.record(lesson="12", model=f"encoder-decoder, {name}", metric="BLEU, 1,000 translation test sentences",
                            value=score.value, low=score.low, high=score.high, parameters=trained.parameters)  # fmt: skip
row

# %%
for name in ("retrieval", "model"):
    row = scoreboard.record(lesson="12", model=name, metric="chrF, JupyterLab's French catalogue, test part",
                            value=real_chrf[name].value, low=real_chrf[name].low, high=real_chrf[name].high)  # fmt: skip
row

# %% [markdown]
# Which text should the model say? For a translation the best that a narrow beam finds; dividing by the length brings words back, and
# here that was all that could be shown. And how good it is, several metrics say together, with an interval, and never without reading some.
#
# **What remains.** Search was not the problem. Most wrong translations are what the model wants, because it decodes from 256 numbers
# and has lost the rest of the sentence. Lesson 13 lets the decoder look back.
#
# **Read on**
# - Papineni and others (2002), *BLEU*: the paper, eight pages, and the reasons for each part.
# - Callison-Burch, Osborne and Koehn (2006), *Re-evaluating the Role of BLEU*: how many orders of the same pieces BLEU cannot tell
# apart, and where it misjudged systems.
# - Stahlberg and Byrne (2019), *On NMT Search Errors and Model Errors: Cat Got Your Tongue?*: exact search, and the empty text it
# often finds.
# - Holtzman and others (2020), *The Curious Case of Neural Text Degeneration*: why the likeliest story is dull, and top-p.
# - Koehn (2004), *Statistical Significance Tests for Machine Translation Evaluation*: the paired bootstrap.
# - Freitag and others (2022), *Results of WMT22 Metrics Shared Task: Stop Using BLEU*: which metrics agree with people today.
