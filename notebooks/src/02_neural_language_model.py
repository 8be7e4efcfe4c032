# %% [markdown]
# # 02 · A neural language model
#
# **The question: what if the vectors were learned by predicting?**
#
# In lesson 01 a window had no order, and no vector could say how "the supreme …" goes on. Here a model has to: it gets
# the words so far and gives every word of its vocabulary a probability of being next. First by counting, as was usual
# until about 2010. Then with the network of Bengio and others (2003), which needs a vector for each word and gets them by
# learning to predict.
#
# **You will be able to**
# - score a language model with perplexity, with an interval, and say when two perplexities may be compared;
# - build Kneser-Ney smoothing by hand and say what becomes of the discount;
# - write Bengio's network in five lines, train it, and watch its vectors move;
# - say what the network knows that the counts don't, and the other way round, and why a mixture beats both;
# - find the fault in a perplexity that is too good.
#
# **You need** lesson 01, and from lesson 00 how `fit` trains a model.
#
# Measured run time: **56 s** and **930 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import time
from dataclasses import asdict

import numpy as np
import torch
import torch.nn.functional as F
from course_utils import checkpoints, scoreboard
from course_utils.datasets.gensim_files import sha256_of_source
from course_utils.datasets.wikipedia import load_wikipedia, split_articles
from course_utils.datasets.word_pairs import load_wordsim353
from course_utils.evaluation.language_model import (
    SpellingModel,
    bits_per_character,
    evaluate_perplexity,
    fit_mixture_weight,
    mix,
    perplexity,
    perplexity_ratio,
)
from course_utils.evaluation.similarity import evaluate_similarity
from course_utils.exercises import lesson_02 as exercises
from course_utils.explorers.training_scrubber import TrainingScrubber
from course_utils.models import nplm
from course_utils.models.ngrams import KneserNey, context_windows
from course_utils.models.nplm import NPLM, Film, NPLMConfig
from course_utils.plots.bars import bars_svg
from course_utils.plots.lines import plot_lines
from course_utils.plots.picture import Picture
from course_utils.plots.style import OKABE_ITO, new_figure
from course_utils.plots.svg import beside
from course_utils.runtime import seed_everything, set_threads
from course_utils.text.tokenizers import tokenize_words
from course_utils.text.vocab import Vocabulary
from course_utils.training import fit

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. What a language model says
#
# A text is a sequence of words, and its probability is a product: the first word's, times the second's given the first,
# and so on. A language model is anything that supplies the factors:
#
# $$p(w_1 \dots w_T) = \prod_{t=1}^{T} p(w_t \mid w_1 \dots w_{t-1})$$
#
# Whether it does this well can only be seen on text that it did not learn from. So whole articles are set aside: ten to
# choose settings with (validation), and ten for the numbers that we report (test). No choice was made on those.

# %%
# NBVAL_CHECK_OUTPUT
split = split_articles(load_wikipedia())
train, validation, test = (
    [tokenize_words(article.text) for article in part] for part in split
)
for name, part in (("train", train), ("validation", validation), ("test", test)):
    print(f"{name:10} {len(part):3} articles {sum(map(len, part)):8,} words")

# %% [markdown]
# A word seen fewer than five times in training can't be learned. But it cannot be dropped either: the test articles have
# such words, and a model that skips what it doesn't know would be graded on the easy words. So all of them become one
# word, *unknown*, which is predicted like any other. Keep an eye on it. It is a fifth of the test text, and section 10 is
# about what it hides.

# %%
# NBVAL_CHECK_OUTPUT
vocabulary = Vocabulary.from_documents(train, min_count=5)
unknown = len(vocabulary)
V = len(vocabulary) + 1  # the words, and the class of unknown ones


def encode(documents, vocabulary=vocabulary):
    marked = [vocabulary.encode(document, unknown="mark") for document in documents]
    return [np.where(ids < 0, len(vocabulary), ids) for ids in marked]


train_ids, validation_ids, test_ids = map(encode, (train, validation, test))
share = np.mean(np.concatenate(test_ids) == unknown)
print(f"V = {V:,}; unknown in test: {share:.0%}")

# %% [markdown]
# ## 2. Perplexity
#
# The simplest model of all ignores the words so far: each word has the probability of its share of the training text.
# What does it make of a test article?

# %%
training_words = np.concatenate(train_ids)
shares = np.bincount(training_words, minlength=V) / len(training_words)
logs = [np.log(shares[ids]) for ids in test_ids]
for place in range(8):
    word = test[0][place] if test_ids[0][place] != unknown else f"({test[0][place]})"
    print(f"{word:14} p = {np.exp(logs[0][place]):.5f}   {-logs[0][place]:5.2f} nats")

# %% [markdown]
# The price of a word is $-\log p$, in nats. A text costs the sum. The mean price, taken back through the
# exponential, is the **perplexity**: the number of equally likely words among which the model in effect had to choose.
#
# $$\mathrm{PPL} = \exp\Big(-\frac{1}{T}\sum_t \log p(w_t \mid w_1 \dots w_{t-1})\Big)$$

# %%
everything = np.concatenate(logs)
by_hand = np.exp(-everything.sum() / len(everything))
np.testing.assert_allclose(by_hand, perplexity(everything))
print(f"knowing nothing: {perplexity(np.full(100, np.log(1 / V))):,.0f}")
print(f"knowing how frequent words are: {by_hand:.0f}")

# %% [markdown]
# From 7,462 down to 389, without reading a single word of context.
#
# ## 3. Count longer contexts
#
# Next: how often did each word follow the word before, or the two words before? Count pairs and triples in the training
# text, and divide. The names in the field: single words are **unigrams**, pairs **bigrams**, triples **trigrams**, and
# *n* words in a row an **n-gram**. There is one catch.
#
# **Your guess first.** Take every three words in a row in the test articles. How many of these triples occur
# anywhere in 365,000 words of training?


# %%
def sequences(documents, size):
    """All runs of `size` words, as tuples."""
    columns = [zip(*(ids[i:] for i in range(size)), strict=False) for ids in documents]
    return [one for column in columns for one in column]


new = {}
for size, name in ((1, "words"), (2, "pairs"), (3, "triples"), (4, "quadruples")):
    seen = set(sequences(train_ids, size))
    new[name] = np.mean([one not in seen for one in sequences(test_ids, size)])
drawing = bars_svg(
    [100 * value for value in new.values()], labels=list(new), limit=100, number_format="{:.0f} %",
    title="Most triples of a new text were never seen before",
    label="Share of sequences of the test articles that the training articles do not hold",
)  # fmt: skip
exercises.guess_never_seen(drawing, measured=new["triples"])

# %% [markdown]
# A model that divides counts gives each of those the probability 0, and the whole text with them; its perplexity is
# infinite. Something must be taken from what was seen, and given to what wasn't: that is **smoothing**. How much, and to
# whom? **Kneser and Ney** (1995) answer both; the formula below is the form that Chen and Goodman (1998) gave their answer.
#
# *How much?* A fixed **discount** $D$ below 1 from each count that is not 0. A count of 1 loses most of itself, a count
# of 100 hardly notices.
#
# *To whom?* To the words that the next shorter context expects. The weight of that second opinion is just what was
# taken away: $D$ times the number of different words seen after this context, divided by the count of the context.
#
# $$p(w \mid v) = \frac{\max(c(v\,w) - D,\ 0)}{c(v)} + \frac{D \cdot N(v\,\cdot)}{c(v)}\; p_\text{cont}(w)
# \qquad p_\text{cont}(w) = \frac{N(\cdot\, w)}{N(\cdot\,\cdot)}$$
#
# $c$ counts occurrences; $N$ counts *different* ones: $N(v\,\cdot)$ the words seen after $v$, $N(\cdot\, w)$ the words seen
# before $w$, $N(\cdot\,\cdot)$ all pairs. So the shorter context is not asked how often $w$ occurs, but after how many
# different words. *Francisco* may be frequent, but if *San* wasn't there, it is a bad guess.


# %%
def kneser_ney_slowly(text, *, before, word, discount):
    """p(word | before) from a list of words, as the formula says."""
    pairs = list(zip(text, text[1:], strict=False))
    different = set(pairs)
    continuation = sum(w == word for _, w in different) / len(different)
    after = [w for v, w in pairs if v == before]
    if not after:
        return continuation
    kept = max(after.count(word) - discount, 0) / len(after)
    return kept + discount * len(set(after)) / len(after) * continuation


# %%
toy_words = tokenize_words("The sea is deep. The ocean is deep. The actor is famous.")
toy = Vocabulary.from_documents([toy_words], min_count=1)
course = KneserNey(
    [toy.encode(toy_words)], order=2, vocabulary_size=len(toy), discounts=[0, 0.5]
)
for word in ("deep", "famous", "sea"):
    text = ["<start>", *toy_words]
    mine = kneser_ney_slowly(text, before="is", word=word, discount=0.5)
    np.testing.assert_allclose(mine, course.distribution([toy["is"]])[toy[word]])
    print(f"p({word} | is) = {mine:.3f}")

# %% [markdown]
# *sea* never followed *is*, and is not impossible. For three words the same rule is applied twice: triples lean on pairs,
# pairs on single words. The course's version keeps the n-grams in sorted arrays, so that a hundred thousand look-ups take a
# moment, and estimates the discounts from how many n-grams were seen once, twice, and so on. We take Chen and Goodman's
# (1998) refinement, `modified=True`: one discount for counts of 1, one for 2, one for more. A new method should have
# to beat the best of the old one. The intervals are lesson 01's bootstrap, over whole articles: the words of one article
# share its subject, so ten articles are ten draws and not 43,725.

# %%
started = time.perf_counter()
trigram = KneserNey(train_ids, order=3, vocabulary_size=V, modified=True)
trigram_seconds = time.perf_counter() - started
unigrams = KneserNey(train_ids, order=1, vocabulary_size=V)
bigrams = KneserNey(train_ids, order=2, vocabulary_size=V, modified=True)
models = {"unigrams": unigrams, "bigrams": bigrams, "trigram": trigram}
judged = {name: model.log_probabilities(test_ids) for name, model in models.items()}
for name, logs in judged.items():
    print(f"{name:9} {evaluate_perplexity(logs)}")
plain = KneserNey(train_ids, order=3, vocabulary_size=V).log_probabilities(test_ids)
print(f"a trigram with one discount: {perplexity(np.concatenate(plain)):.1f}")
print(f"counted in {trigram_seconds:.2f} s; discounts of triples: {trigram.discounts[2]}")

# %%
# NBVAL_CHECK_OUTPUT
scores = {name: perplexity(np.concatenate(logs)) for name, logs in judged.items()}
assert scores["unigrams"] > 1.5 * scores["bigrams"]
assert scores["bigrams"] > scores["trigram"] > 0.9 * scores["bigrams"]
for context in ([vocabulary["supreme"], vocabulary["court"]], [5000, 5000], [V, V]):
    assert abs(trigram.distribution(context).sum() - 1) < 1e-9
print("each distribution sums to 1, whether its context was ever seen or not")

# %% [markdown]
# One word of context takes away two fifths of the perplexity. The second word adds little: with so little text, most
# triples are new, and the trigram model falls back on pairs.
#
# Now it can answer what lesson 01 could not. What comes after *the supreme*?

# %%
names = [*vocabulary.words, "(unknown)"]


def say_next(probabilities, *, n=5):
    best = np.argsort(probabilities)[::-1][:n]
    return "  ".join(f"{names[i]} {probabilities[i]:.2f}" for i in best)


prompts = ("the supreme", "born in", "the king of", "he was a russian")
for prompt in prompts:
    ids = [vocabulary[word] for word in prompt.split()]
    print(f"{prompt:18} → {say_next(trigram.distribution(ids))}")

# %% [markdown]
# ## 4. Learn to predict
#
# The table of counts has an odd blind spot. Having read *the king of France*, it knows nothing new about *the queen of
# France*: to a table, *king* and *queen* are two numbers that differ. Bengio and others proposed in 2003 to replace the
# number by a vector, and the table by a function of vectors. If *king* and *queen* have similar vectors, whatever is
# learned about one holds for the other, since a smooth function gives similar answers to similar input. And the vectors
# themselves are learned, from nothing but the wish to predict.
#
# $$x = [C(w_{t-4});\, C(w_{t-3});\, C(w_{t-2});\, C(w_{t-1})] \qquad h = \tanh(d + Hx) \qquad
# p(\cdot \mid w_{t-4} \dots w_{t-1}) = \mathrm{softmax}(b + U h)$$
#
# The vectors of the last four words side by side, a hidden layer, a score for each word of the vocabulary, a softmax. (The
# paper also tries a direct path $Wx$ from the vectors to the scores; ours has none.) And our $U$ is not free: a word's row in
# it is made from the word's own vector ($U = C\,P$ with a small matrix $P$; Press and Wolf 2017), so that a vector learns
# twice, when its word is context and when it is to be predicted.


# %%
def network_by_hand(context, *, C, H, d, P, b):
    x = torch.cat([C[word] for word in context])  # (4 · m,)
    h = torch.tanh(d + H @ x)  # (h,)
    scores = b + C[:-1] @ (P @ h)  # (V,); the last row of C is the start of a document
    return torch.softmax(scores, dim=0)


config = NPLMConfig(vocabulary_size=V)
untrained = NPLM(config).eval()
matrices = {
    "C": untrained.embedding.weight, "H": untrained.to_hidden.weight, "d": untrained.to_hidden.bias,
    "P": untrained.from_hidden.weight, "b": untrained.bias,
}  # fmt: skip
context = torch.tensor([vocabulary[word] for word in ("is", "one", "of", "the")])
mine = network_by_hand(context, **matrices)
theirs = untrained(context[None])[0].softmax(dim=0)
torch.testing.assert_close(mine, theirs)
print(config)
print(f"{sum(p.numel() for p in untrained.parameters()):,} parameters")

# %% [markdown]
# ### Training
#
# The loss is the mean price of a word, the logarithm of the perplexity. Every word of the training text is a target once a
# pass. Two parts of the recipe are younger than the paper: the optimiser, AdamW, and **dropout**, which sets a fifth of the
# inputs and of the hidden units to 0 at each step of training, so that the network does not lean on single ones. Sizes, learning rate and
# batch were chosen on the validation articles. While the network learns, 63 of its word vectors are filmed, for later.

# %%
contexts, targets = map(
    torch.from_numpy, context_windows(train_ids, context=config.context, start=V)
)
groups = {
    "months": "january february march april may june july august september october "
    "november december",
    "numbers": "one two three four five six seven eight nine ten",
    "places": "england france germany italy spain russia china japan europe africa asia "
    "america",
    "verbs": "is was are were has had have be been can could would",
    "people": "he she they we him his her king president father son general",
}
filmed = " ".join(groups.values()).split()

# %% tags=["long-cell"] reason="the recipe, which later lessons repeat letter for letter"
recipe = {
    "model": asdict(config), "passes": 2, "batch": 256, "learning_rate": 0.01, "warmup": 100,
    "filmed": filmed,
}  # fmt: skip
total_steps = recipe["passes"] * -(-len(targets) // recipe["batch"])
film_steps = sorted({round(step) - 1 for step in np.geomspace(1, total_steps, 26)})[:-1]


def batches(generator):
    """One pass over the training text in a new order."""
    order = torch.randperm(len(targets), generator=generator)
    for rows in order.split(recipe["batch"]):
        yield contexts[rows], targets[rows]


def train_network(seed):
    rows = [vocabulary[word] for word in filmed]
    film, history, _ = checkpoints.cached(
        "nplm", config=recipe, data_version=sha256_of_source("wikipedia"), code=[nplm, fit],
        build=lambda: Film(NPLM(config), rows=rows, steps=film_steps),
        train=lambda film, history: fit(
            film, batches, steps=total_steps, learning_rate=recipe["learning_rate"],
            warmup=recipe["warmup"], decay="cosine", history=history, seed=seed,
            optimizer=torch.optim.AdamW(film.parameters(), fused=True),
        ),
        seed=seed,
    )  # fmt: skip
    return film, history


# %%
seeds = (0,)  # range(5) takes five times as long; section 7 has its table
trained = [train_network(seed) for seed in seeds]
film, history = trained[0]
network = film.model
network_seconds = history.seconds[-1]
words_seen = recipe["passes"] * len(targets)
speed = words_seen / network_seconds
print(f"{words_seen:,} words in {network_seconds:.0f} s: {speed:,.0f} words a second")

# %%
every = 50
whole = len(history) // every
smooth = np.reshape(history.losses[: whole * every], (whole, every)).mean(axis=1)
steps = (np.arange(whole) + 1) * every
ax = plot_lines(
    steps, {"network, training batches": np.exp(smooth)},
    x_label=f"step (of {recipe['batch']} words; {network_seconds:.0f} s in all)", y_label="perplexity",
    title="Most of the drop comes in the first hundred steps",
)  # fmt: skip
ax.set_yscale("log")
ax.set_yticks([200, 300, 500, 1000, 2000], ["200", "300", "500", "1000", "2000"])
ax.minorticks_off()
Picture(
    ax.figure,
    alt="Perplexity of the training batches against steps, on a log scale: "
    "a steep fall, then a slow one.",
)

# %% [markdown]
# ## 5. Watch the words move
#
# (The curve dips again half-way: from there on each word has been a target once before. It was taken with dropout on, so it does
# not compare with the test figures of section 6.)
#
# Here is the film. Before training, the 63 vectors are random. The map lays the last frame's two main directions (PCA)
# under all frames, so that a word moves only because its vector moved.

# %%
frames = film.take().numpy()
shot_at = [*film_steps, history.last]
loss_at = [float(np.mean(history.losses[max(0, s - 25) : s + 25])) for s in shot_at]
group_of = [number for number, words in enumerate(groups.values()) for _ in words.split()]
scrubber = TrainingScrubber(
    frames, steps=shot_at, labels=filmed, losses=loss_at,
    groups=group_of, group_names=tuple(groups), words="france, june, two, was",
)  # fmt: skip
scrubber.set_state(trails=True)
scrubber.picture()

# %% [markdown]
# Nobody told the network what a month is. Drag the frame back to the first one, then forward: which group separates
# first? Type words into the search field to follow them. And look up *may*: a month by our list, and in the company of other
# words altogether. One vector must serve for both of its uses, and in this text the words that follow it most often are *be* and *have*.
# Lesson 06 comes back to that.

# %%
scrubber

# %% [markdown]
# `state()` holds the numbers on the screen. How far have the points moved since the first frame, on average? The same from the
# vectors:

# %%
shown = scrubber.state()
middle = frames[-1].mean(axis=0)
directions = np.linalg.svd(frames[-1] - middle, full_matrices=False)[2][:2]
first, now = ((frames[place] - middle) @ directions.T for place in (0, shown["frame"]))
print(f"on the screen {shown['moved']:.3f}")
print(f"from the vectors {np.linalg.norm(now - first, axis=1).mean():.3f}")

# %% [markdown]
# The map is drawn from vectors; here is the claim without the map: how much more alike two words of one group are than two
# words of different groups, at the start and at the end.


# %%
def contrast(frame):
    """Mean cosine inside groups minus mean cosine across groups."""
    unit = frame - frame.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    same = np.equal.outer(group_of, group_of)
    similarity = unit @ unit.T
    return (
        similarity[same & ~np.eye(len(unit), dtype=bool)].mean()
        - similarity[~same].mean()
    )


print(f"start {contrast(frames[0]):.2f}, end {contrast(frames[-1]):.2f}")
assert abs(contrast(frames[0])) < 0.05
assert contrast(frames[-1]) > 0.15

# %% [markdown]
# ### Are they good vectors?
#
# The judges of lesson 01: do the cosines put pairs of words into the order that people do?

# %%
vectors = network.vectors().numpy()[:-1]  # without the class of unknown words
wordsim = load_wordsim353()
related = evaluate_similarity(vectors, index=vocabulary.index, pairs=wordsim)
counting = next(
    row
    for row in scoreboard.load()
    if (row.lesson, row.metric) == ("01", "Spearman, WordSim-353")
)
print(f"network:  {related}")
print(f"counting: Spearman {counting.value:.3f}, from all articles (lesson 01)")
assert related.spearman < counting.low

# %% [markdown]
# Far below, and that deserves a thought. The network read four fifths of the articles twice and looked at four words to one
# side; the counts used ten on either side. And it was asked something else. Much of what helps to predict the next word
# is grammar: whether a month, a number or a verb is due. That *january* behaves like *june* pays at every date. That *coast*
# has to do with *sea* helps little, since the one hardly ever takes the other's place. Vectors are as good as the question that
# they were trained on.

# %% [markdown]
# ## 6. Counts against network


# %%
def judge(model, documents):
    """Log-probabilities of a network, one array an article."""
    windows = [
        context_windows([ids], context=config.context, start=V) for ids in documents
    ]
    return [
        model.log_probabilities(torch.from_numpy(c), torch.from_numpy(t)).double().numpy()
        for c, t in windows
    ]


judged["network"] = judge(network, test_ids)
for name in ("trigram", "network"):
    print(f"{name:9} {evaluate_perplexity(judged[name])}")
ratio = perplexity_ratio(judged["network"], judged["trigram"])
print("network over trigram: {:.2f} ({:.2f} to {:.2f})".format(*ratio))

# %% [markdown]
# The intervals of the two overlap widely, because articles differ in difficulty. Both models read the same articles, though,
# so the *ratio* is known better than either figure: in each resample of articles, both are scored on the same ones. And still
# its interval reaches up to 1 or nearly so. Ten articles don't prove that the network is the better model, and we shall not
# say so.
#
# How does the network go on with the four beginnings?

# %%
for prompt in prompts:
    ids = [vocabulary[word] for word in prompt.split()]
    padded = torch.tensor([([V] * config.context + ids)[-config.context :]])
    with torch.no_grad():
        probabilities = network(padded)[0].softmax(dim=0).numpy()
    print(f"{prompt:18} → {say_next(probabilities)}")

# %% [markdown]
# The table quotes its text: *king of andorra* stands in it. The network keeps no such list and names words that fit the place.
#
# ## 7. Ask both
#
# Two models of about the same quality, built in different ways. What if the probability of each word were a weighted mean
# of both opinions?
#
# $$p(w \mid \dots) = \lambda\, p_\text{network}(w \mid \dots) + (1 - \lambda)\, p_\text{trigram}(w \mid \dots)$$
#
# The weight $\lambda$ is a setting, so it is fitted on the validation articles. The next three cells fit it, measure and draw,
# and say nothing yet. **Your guess first:** will the mixture's perplexity lie between the two, level with the better one,
# or below both?

# %%
trigram_validation, by_seed = trigram.log_probabilities(validation_ids), []
for seed, (one, _) in zip(seeds, trained, strict=True):
    fitted = fit_mixture_weight(judge(one.model, validation_ids), trigram_validation)
    on_test = judge(one.model, test_ids)
    together = mix(on_test, judged["trigram"], weight=fitted)
    alone, both = (evaluate_perplexity(logs).perplexity for logs in (on_test, together))
    by_seed.append(
        f"seed {seed}: network {alone:.1f}, weight {fitted:.2f}, mixture {both:.1f}"
    )
    if seed == seeds[0]:
        weight, judged["network"], judged["mixture"] = fitted, on_test, together

# %%
results = {name: evaluate_perplexity(logs) for name, logs in judged.items()}
against = {
    name: perplexity_ratio(judged["mixture"], judged[name])
    for name in ("trigram", "network")
}


# %%
def perplexity_picture(results, *, title):
    figure, (ax,) = new_figure(width=640, height=420)
    articles = np.array([result.by_article for result in results.values()])
    ax.plot(articles, color="#8c959f", linewidth=0.8, marker=".", markersize=4)
    for place, (name, result) in enumerate(results.items()):
        value, colour = result.perplexity, OKABE_ITO[1 if name == "mixture" else 0]
        ax.vlines(place, result.low, result.high, color=colour, linewidth=5, alpha=0.5)
        ax.plot(place, value, color=colour, marker="s", markersize=9)
        ax.annotate(f"{value:.0f}", (place + 0.08, value), va="center", weight="bold")
    ax.set_yscale("log")
    ax.set_yticks([100, 150, 200, 300, 400], ["100", "150", "200", "300", "400"])
    ax.minorticks_off()
    ax.set_xlim(-0.4, len(results) - 0.4)
    ax.set_xticks(range(len(results)), list(results))
    ax.set_ylabel("perplexity (each thin line is a test article)")
    ax.set_title(title, loc="left")
    return figure


# %%
exercises.guess_mixture(
    perplexity_picture(results, title="The mixture is better than either model alone"),
    ratio=max(ratio[0] for ratio in against.values()),  # against the better of the two
)

# %% [markdown]
# In numbers, with intervals over articles:

# %%
print(*by_seed, sep="\n")
for name, result in results.items():
    print(f"{name:9} {result.perplexity:6.1f}  ({result.low:.1f} to {result.high:.1f})")
for name, ratio in against.items():
    print("mixture over {:8} {:.2f} ({:.2f} to {:.2f})".format(name + ":", *ratio))

# %%
# NBVAL_CHECK_OUTPUT
for name in ("trigram", "network"):
    assert against[name][2] < 0.97, (
        f"the whole interval lies below that of the {name} alone"
    )
    assert (results["mixture"].by_article < results[name].by_article).sum() >= 7
assert 0.3 < weight < 0.8
print("the mixture is below both, in most of the ten test articles")

# %% [markdown]
# At the bottom, thin lines rise a little from network to mixture. Which articles are those?

# %%
alone, together = results["network"].by_article, results["mixture"].by_article
for article, ids, one, both in zip(split[2], test_ids, alone, together, strict=True):
    if one < both:
        rare = np.mean(ids == unknown)
        print(
            f"{article.title}: {rare:.0%} unknown, network {one:.0f}, mixture {both:.0f}"
        )

# %% [markdown]
# Lists of names: about half of their words are unknown, and four words of context are enough to tell that one is in a list.
# There the network is so far ahead that the trigram model's opinion only costs. The mixture has one weight for all articles. A
# weight that depends on the context could do better; Bengio and others consider that, too.
#
# Was it luck? With `seeds = range(5)` in section 4, five networks are trained and the loop above prints a line for each. On the author's machine:
#
# | seed | network | weight | mixture |
# |---|---|---|---|
# | 0 | 196.0 | 0.60 | 173.4 |
# | 1 | 195.8 | 0.60 | 173.1 |
# | 2 | 196.0 | 0.59 | 173.1 |
# | 3 | 197.2 | 0.59 | 173.7 |
# | 4 | 197.1 | 0.60 | 173.8 |
#
# The seed moves the figures by less than 1 %; the choice of articles, by up to a quarter. With each seed the mixture is
# far below both of its parts.
#
# ## 8. Who is right where
#
# A mixture gains when its two models err on different words. Do they? Sort the test words by what training showed: the
# word after these same two words, only after the last one, or not even that.

# %%
test_contexts, test_targets = context_windows(test_ids, context=config.context, start=V)
triples = np.column_stack([test_contexts[:, -2:], test_targets])
starts = [np.concatenate([[V, V], ids]) for ids in train_ids]  # V marks the start
seen_pairs, seen_triples = (set(sequences(starts, size)) for size in (2, 3))
pair_seen = np.array([tuple(row[1:]) in seen_pairs for row in triples.tolist()])
triple_seen = np.array([tuple(row) in seen_triples for row in triples.tolist()])
kinds = {
    "triple seen": triple_seen,
    "only the pair seen": pair_seen & ~triple_seen,
    "neither seen": ~pair_seen,
}

# %%
flat = {name: np.concatenate(judged[name]) for name in ("trigram", "network", "mixture")}
by_kind = {
    kind: {name: perplexity(logs[rows]) for name, logs in flat.items()}
    for kind, rows in kinds.items()
}
for kind, found in by_kind.items():
    told = "   ".join(f"{name} {value:6,.0f}" for name, value in found.items())
    print(f"{kind:19} {kinds[kind].mean():4.0%} of words   {told}")
assert by_kind["triple seen"]["trigram"] < by_kind["triple seen"]["network"]
assert by_kind["neither seen"]["trigram"] > 1.7 * by_kind["neither seen"]["network"]

# %% [markdown]
# (We sort by the answer, which neither model knew: this explains the mixture, it is no way to choose a model.)
#
# A third of the words complete a triple that the table knows by heart, and there the network, which keeps no
# list of triples, is clearly worse. A quarter come after a word that they never followed in training. There the table is
# lost, with a perplexity in the thousands, and the network's is about half of it: it has seen *similar* words in *similar*
# company. The mixture loses a little to the winner of each of these groups, gains on both in the middle, and is best overall.
#
# ## 9. The price of the softmax
#
# Two passes over a third of a million words took about half of this lesson's run time. Where does it go? For each word the network
# looks up four vectors and computes a hidden layer. Then it scores all of the vocabulary and divides by the sum. **Your guess
# first:** which share of the time is that last part?


# %%
def microseconds_per_word(size, *, loss):
    """One training step with a vocabulary of `size`: forward and back."""
    model = NPLM(NPLMConfig(vocabulary_size=size))
    batch = torch.randint(size, (256, config.context)), torch.randint(size, (256,))
    fastest = np.inf
    for _ in range(7):
        started = time.perf_counter()
        loss(model, batch).backward()
        fastest = min(fastest, time.perf_counter() - started)
        model.zero_grad()
    return fastest / 256 * 1e6


# %%
steps_timed = {
    "a whole step": lambda model, batch: model.loss(batch),
    "without the output layer": lambda model, batch: model.hidden(batch[0])[1].sum(),
}
sizes = (500, 1000, 2000, 4000, V, 16000)
costs = {
    name: np.array([microseconds_per_word(size, loss=loss) for size in sizes])
    for name, loss in steps_timed.items()
}
output_share = 1 - costs["without the output layer"] / costs["a whole step"]

# %%
ax = plot_lines(
    sizes, costs,
    x_label="vocabulary (words)", y_label="microseconds per word", log_x=True,
    title="The output layer costs in proportion to the vocabulary",
)  # fmt: skip
ax.set_ylim(bottom=0)
exercises.guess_share(ax.figure, measured=output_share[sizes.index(V)])

# %%
# NBVAL_CHECK_OUTPUT
assert output_share[sizes.index(V)] > 0.6
assert output_share[-1] > output_share[0]
print("the output layer takes more than 60 % of a step here, and its share grows with V")

# %%
plain = microseconds_per_word(
    V, loss=lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])
)
ours = costs["a whole step"][sizes.index(V)]
print(f"per word: {ours:.0f} µs, and {plain:.0f} µs with torch's own cross_entropy")

# %% [markdown]
# Count it: a word costs the hidden layer some 33 thousand multiplications, and the output layer one for each of 64 numbers of
# each of 7,462 words, half a million. And then an exponential for each word, and several trips through memory. The multiplications
# and the trips to memory together set the speed of training. (The course's `SoftmaxLoss` writes its gradient by hand and works
# in place, so that it makes fewer trips than torch's; the last cell has the difference.) In a vocabulary ten times as large
# the output layer would cost ten times as much; the curve bends upwards only because its horizontal axis is logarithmic. In 2003 the authors gave a section of their paper to spreading this over many
# processors. Lesson 03 finds a way around it.
#
# ## 10. Unknown words must be paid for
#
# There is a cheap way out, and it is worth seeing through. A smaller vocabulary makes everything faster, and look what it
# does to the perplexity. The trigram model again, with the words seen at least 2, 5, 20, 100, 400 times:

# %%
by_size = {}
for min_count in (2, 5, 20, 100, 400):
    small = Vocabulary.from_documents(train, min_count=min_count)
    model = KneserNey(
        encode(train, small), order=3, vocabulary_size=len(small) + 1, modified=True
    )
    logs = model.log_probabilities(encode(test, small))
    speller = SpellingModel(word for ids in train for word in ids if word not in small)
    found = bits_per_character(logs, test, known=small, spelling=speller)
    by_size[len(small)] = perplexity(np.concatenate(logs)), found.bits
    print(f"{len(small):6,} words: perplexity {by_size[len(small)][0]:6.1f}   {found}")

# %%
figure, (left, right) = new_figure(width=960, height=360, columns=2)
for ax, title, column in ((left, "Perplexity: fewer words look better", 0),
                          (right, "Bits per character: fewer words cost more", 1)):  # fmt: skip
    plot_lines(
        list(by_size), {title: [value[column] for value in by_size.values()]},
        x_label="vocabulary (words)", y_label=title.split(":")[0].lower(), title=title,
        log_x=True, ax=ax,
    )  # fmt: skip
Picture(
    figure,
    alt="Two curves against the size of the vocabulary: perplexity falls as the vocabulary shrinks, "
    "while bits per character rise.",
)

# %% [markdown]
# With 68 words the perplexity is near 5. Nothing was understood; most of the text became *unknown*, and that is easy to
# predict. The right panel makes the model pay. For each unknown word it must also **spell** it, by a small model of letters
# learned from the unknown words of the training text. Then what is counted is the price of the whole text (its words in
# small letters, a space after each), divided by its characters. Leaving words out of the vocabulary gains nothing there. Lessons 16 and 17, whose models
# read pieces of words, will be compared in this unit.
#
# Two things to remember: perplexities compare only with the same vocabulary, on the same text. And the unknown words cost
# much. They are a fifth of the words in our test articles; which share of the bits goes into spelling them?

# %%
rare = (word for words in train for word in words if word not in vocabulary)
speller = SpellingModel(rare)
bits = {
    name: bits_per_character(judged[name], test, known=vocabulary, spelling=speller)
    for name in judged
}
for name, found in bits.items():
    print(f"{name:9} {found}; {found.spelling:.0%} of them for spelling")
assert bits["mixture"].bits < min(bits["trigram"].bits, bits["network"].bits)
assert 0.25 < bits["mixture"].spelling < 0.6

# %% [markdown]
# ## 11. Break it
#
# A colleague wrote a perplexity function of their own, took your network's log-probabilities on your test articles, and
# congratulates you: it is far better than you thought. Nothing was trained again. Find out what went wrong before you open
# the answer.

# %%
theirs = exercises.careless_perplexity(judged["network"], test_ids, unknown=unknown)
print(f"your colleague: {theirs:.0f}   you: {perplexity(flat['network']):.0f}")

# %% [markdown]
# A hint: a mean hides where it comes from. What do words cost on average, by how frequent they were in training?

# %%
frequency = np.append(vocabulary.counts, 0)[test_targets]
bands = {
    "over 1000 times": frequency > 1000, "101 to 1000": (frequency > 100) & (frequency <= 1000),
    "5 to 100": (frequency > 0) & (frequency <= 100), "unknown": test_targets == unknown,
}  # fmt: skip
mine, theirs_by_band = [], []
for rows in bands.values():
    logs, ids = flat["network"][rows], test_targets[rows]
    found = exercises.careless_perplexity([logs], [ids], unknown=unknown)
    mine.append(np.log(perplexity(logs)))
    theirs_by_band.append(np.log(found))

# %%
drawings = [
    bars_svg(
        nats, labels=list(bands), limit=10, number_format="{:.2f}",
        title=title, label=title, width=480,
    )
    for nats, title in (
        (mine, "Nats per word, yours"), (theirs_by_band, "Nats per word, your colleague's"),
    )
]  # fmt: skip
label = "Mean cost of words by frequency, yours and your colleague's"
exercises.guess_fault(beside(*drawings, label=label))

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# The costs of known words agree to the last digit, so the model is the same and saw nothing that it shouldn't have. Only the unknown
# words differ, and they cost your colleague exactly 0: as if each had been predicted with certainty. The function leaves them
# out of the sum, which might be a choice, but divides by the number of all words.
# <code>inspect.getsource(exercises.careless_perplexity)</code> shows the two lines.
#
# </details>
#
# ## 12. Exercises
#
# `check` says what is wrong; `.hint()` gives the next hint, `.solution()` shows one way.

# %%
exercises.three_words

# %%
my_answer = None  # a number
exercises.three_words.check(my_answer)

# %%
exercises.continuation


# %%
def my_continuation(pairs, size):
    """Share of all different pairs in which each word 0 … size - 1 comes second, shape (size,)."""
    raise NotImplementedError


exercises.continuation.check(my_continuation)

# %%
exercises.honest_mixture


# %%
def my_mixture(val_a, val_b, test_a, test_b):
    """The perplexity that may be reported for the best mixture of models a and b."""
    raise NotImplementedError


exercises.honest_mixture.check(my_mixture)

# %% [markdown]
# How much would you have gained by letting the test articles choose? This cell runs as it stands.

# %%
dishonest = fit_mixture_weight(judged["network"], judged["trigram"])
best = perplexity(
    np.concatenate(mix(judged["network"], judged["trigram"], weight=dishonest))
)
print(
    f"weight from validation {weight:.3f}: perplexity {results['mixture'].perplexity:.2f}"
)
print(f"weight from the test   {dishonest:.3f}: perplexity {best:.2f}")

# %% [markdown]
# Next to nothing, with a single number to choose. That is worth knowing, too: the danger grows with the number of things that are
# chosen.
#
# ## 13. Explain it
#
# As an interviewer would ask. Say your answer aloud before you open it.

# %%
exercises.QUESTIONS

# %% [markdown]
# ## 14. What was measured, what remains

# %%
parameters = {
    "Kneser-Ney trigram": trigram.size,
    "NPLM": sum(p.numel() for p in network.parameters()),
}
parameters["NPLM + Kneser-Ney"] = sum(parameters.values()) + 1
parts = dict(zip(parameters, ("trigram", "network", "mixture"), strict=True))
seconds = dict(
    zip(parameters, (trigram_seconds, network_seconds, network_seconds), strict=True)
)
print({name: f"{count:,}" for name, count in parameters.items()})


# %%
def record(model, *, metric, value, result):
    return scoreboard.record(
        lesson="02", model=model, metric=metric, value=value, low=result.low, high=result.high,
        seconds=seconds[model], parameters=parameters[model],
    )  # fmt: skip


# %%
for model, part in parts.items():
    row = record(
        model, metric="perplexity, test articles, V = 7,462",
        value=results[part].perplexity, result=results[part],
    )  # fmt: skip
row

# %%
for model, part in parts.items():
    row = record(
        model, metric="bits per character, test articles", value=bits[part].bits, result=bits[part]
    )  # fmt: skip
row

# %%
scoreboard.record(
    lesson="02", model="NPLM", metric="Spearman, WordSim-353",
    value=related.spearman, low=related.low, high=related.high,
    seconds=network_seconds, parameters=parameters["NPLM"],
)  # fmt: skip

# %% [markdown]
# **What remains.** The vectors came as a by-product, and prediction made them: nobody counted a window. But each word cost half a
# million multiplications for one right answer, and the vectors know more of grammar than of meaning. Lesson 03 keeps the idea
# of learning by predicting, throws away the probability of the whole vocabulary, and gets better vectors in less
# time.
#
# **Read on**
# - Bengio, Ducharme, Vincent and Jauvin (2003), *A Neural Probabilistic Language Model*: the paper of this lesson; sections 2
#   and 4 have the network and the mixture.
# - Chen and Goodman (1998), *An Empirical Study of Smoothing Techniques for Language Modeling*: why Kneser-Ney wins, with every
#   detail measured.
# - Mnih and Hinton (2008), *A Scalable Hierarchical Distributed Language Model*: one way out of the softmax, before word2vec.
