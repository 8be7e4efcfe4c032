# %% [markdown]
# # 01 · Counting words
#
# **The question: how can a list of numbers hold meaning?**
#
# Nobody will tell our program what *ocean* means. It gets 106 encyclopaedia articles and may count. At the
# end of this lesson it says that *ocean* is closer to *sea* than to *actor*, and we check its opinion against
# people's, on 242 pairs of words that it was never shown as pairs.
#
# **You will be able to**
# - say why one-hot vectors carry no meaning and why raw counts carry it badly;
# - build word vectors from a corpus with three operations: count, weigh (PPMI), compress (SVD);
# - judge them with Spearman's correlation and an interval, and say what window, dimension and weighting change;
# - find the fault in a set of vectors that look fine.
#
# **You need** Python and the idea of a dot product. Lesson 00 shows how to work with these pages.
#
# Measured run time: **30 s** and **900 MB** on two CPU cores, from a fresh kernel.

# %% tags=["long-cell"] reason="imports of the whole lesson"
import time

import numpy as np
import scipy.sparse
from course_utils import scoreboard
from course_utils.datasets.wikipedia import load_wikipedia
from course_utils.datasets.word_pairs import load_simlex999, load_wordsim353
from course_utils.evaluation.similarity import (
    bootstrap_interval,
    evaluate_similarity,
    spearman,
)
from course_utils.exercises import lesson_01 as exercises
from course_utils.explorers.cooccurrence import CooccurrenceExplorer
from course_utils.explorers.neighbours import NeighbourExplorer
from course_utils.models.counts import (
    CountVectorsConfig,
    cooccurrence_counts,
    count_vectors,
    pmi_block,
    svd_vectors,
)
from course_utils.models.counts import ppmi as course_ppmi
from course_utils.plots.lines import plot_lines, plot_points
from course_utils.plots.matrix import matrix_svg
from course_utils.plots.picture import Picture
from course_utils.plots.style import new_figure
from course_utils.plots.svg import beside
from course_utils.runtime import seed_everything, set_threads
from course_utils.text.tokenizers import tokenize_words
from course_utils.text.vocab import Vocabulary
from course_utils.vectors import cosine as course_cosine
from course_utils.vectors import cosine_matrix

seed_everything(0)
threads = set_threads()

# %% [markdown]
# ## 1. What the program gets
#
# The corpus is a sample of the English Wikipedia that comes with the gensim library: articles whose titles
# mostly begin with A. That is worth keeping in mind. It knows a lot about *abortion*, *Alaska* and *Apollo 11*,
# and next to nothing about *zebras*.

# %%
# NBVAL_CHECK_OUTPUT
articles = load_wikipedia()
documents = [tokenize_words(article.text) for article in articles]
print(f"{len(articles)} articles, {sum(map(len, documents)):,} words")
print(articles[13].title, "|", " ".join(documents[13][:17]))

# %% [markdown]
# Every word becomes a number: its rank in the list of words by frequency. A word seen fewer than five times
# tells us too little about its company, so it is left out.

# %%
# NBVAL_CHECK_OUTPUT
vocabulary = Vocabulary.from_documents(documents, min_count=5)
encoded = [vocabulary.encode(document) for document in documents]
print(
    f"{len(vocabulary):,} words make up "
    f"{sum(map(len, encoded)) / sum(map(len, documents)):.0%} of the text"
)
print(vocabulary.words[:8], "…", vocabulary.words[2000:2004])
print({word: vocabulary[word] for word in ("sea", "ocean", "moon")})

# %% [markdown]
# ## 2. A number for each word is not yet meaning
#
# *ocean* and *moon* have numbers too, and nothing follows from their difference. The usual repair is the
# **one-hot vector**: as many places as there are words, a one in the word's own place. Now no word is larger
# than another. But look at what else is lost.

# %%
few_words = ["ocean", "sea", "actor", "the"]
one_hot = np.zeros((len(few_words), len(vocabulary)))
for place, word in enumerate(few_words):
    one_hot[place, vocabulary[word]] = 1
print(one_hot @ one_hot.T)

# %% [markdown]
# Every word is at a right angle to every other: *ocean* has as much to do with *sea* as with *actor*, namely
# nothing. Vectors that carry meaning must put related words near each other. We need
# numbers that come from how words are used.
#
# ## 3. The company a word keeps
#
# "You shall know a word by the company it keeps", wrote J. R. Firth in 1957. Take that literally: for each
# word, count which words stand at most *w* places to its left or right. That is a whole method, and it fits
# into a loop.


# %%
def count_slowly(ids, *, size, window):
    """counts[i, j]: how often word j stands within `window` places of word i."""
    counts = np.zeros((size, size), dtype=np.float32)
    for place, word in enumerate(ids):
        for other in range(max(0, place - window), min(len(ids), place + window + 1)):
            if other != place:
                counts[word, ids[other]] += 1
    return counts


toy_text = tokenize_words("The sea is deep. The ocean is deep. The actor is famous.")
toy = Vocabulary.from_documents([toy_text], min_count=1)
toy_counts = count_slowly(toy.encode(toy_text), size=len(toy), window=2)

# %%
Picture(
    matrix_svg(toy_counts, row_labels=toy.words, col_labels=toy.words, number_format="{:.0f}",
               title="Twelve words of text, window 2: how often a column stands near a row",
               label="A small table of co-occurrence counts"),
    alt="Co-occurrence counts of a text of twelve words. "
    "The rows of sea and ocean are nearly alike.",
)  # fmt: skip

# %% [markdown]
# Compare the rows of *sea* and *ocean*: never side by side in the text, yet nearly the same row, because both
# are something that "is deep". That is the entire trick of this lesson and of much that follows: **words are
# similar when their rows are similar.**
#
# The loop visits every pair of neighbouring words in Python, some nine million of them for window 10. The
# course's version shifts the whole text by 1, 2, … *w* places and counts all pairs of a shift at once. Same
# numbers:

# %%
np.testing.assert_array_equal(
    toy_counts,
    cooccurrence_counts(
        [toy.encode(toy_text)], vocabulary_size=len(toy), window=2
    ).toarray(),
)
started = time.perf_counter()
windows = (1, 2, 5, 10, 15)
counts = {
    w: cooccurrence_counts(encoded, vocabulary_size=len(vocabulary), window=w)
    for w in windows
}
print(f"five windows over the whole corpus in {time.perf_counter() - started:.1f} s")
print(
    f"window 10: {int(counts[10].sum()):,} pairs, "
    f"{counts[10].nnz / len(vocabulary) ** 2:.1%} of cells not zero"
)

# %% [markdown]
# ## 4. Why raw counts disappoint
#
# To compare two rows we take the **cosine** of the angle between them: the dot product after both have been
# scaled to length 1. It is 1 for rows in the same direction and 0 for rows with nothing in common.


# %%
def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


sea, actor = (counts[10][vocabulary[word]].toarray().ravel() for word in ("sea", "actor"))
np.testing.assert_allclose(cosine(sea, actor), course_cosine(sea, actor), rtol=1e-5)
print(f"cosine of sea and actor, raw counts: {cosine(sea, actor):.2f}")

# %% [markdown]
# *sea* and *actor* point in nearly the same direction. What happened? Take four groups of three words that any
# child could sort: waters, films, chemistry, courts. First the counts themselves.

# %%
groups = "ocean sea coast film actor award acid sodium metal court law judge"
contexts = "the of in atlantic water director best salts reaction federal supreme"
rows = [vocabulary[word] for word in groups.split()]
columns = [vocabulary[word] for word in contexts.split()]
Picture(
    matrix_svg(counts[10][rows][:, columns].toarray(),
               row_labels=groups.split(), col_labels=contexts.split(), number_format="{:.0f}",
               title="Raw counts, window 10: three columns drown all the others",
               label="Counts of twelve words with eleven contexts"),
    alt="Counts of twelve words with eleven contexts. "
    "The columns the, of and in are dark, all others pale.",
)  # fmt: skip

# %% [markdown]
# Every row points towards *the*, *of* and *in*, because everything does. The counts are right and say mostly
# one thing: common words are common.
#
# ## 5. Subtract what chance explains
#
# What we want to know is not "how often do *sea* and *the* meet" but "**how much more often than they would by
# chance**". If two words ignored each other, they would meet with probability $p(i)\,p(j)$. Compare that with
# the $p(i, j)$ that we counted:
#
# $$\mathrm{PMI}(i, j) = \log \frac{p(i, j)}{p(i)\, p(j)} \qquad\qquad \mathrm{PPMI}(i, j) = \max(0,\ \mathrm{PMI}(i, j))$$
#
# This is **pointwise mutual information**, in nats. It is 0 when the pair meets as often as chance says, 0.69 when
# twice as often. Pairs that never meet would get $-\infty$; with half a million words of text, "never" mostly
# means "not yet", so everything below 0 is set to 0. That is the extra P (positive).


# %%
def ppmi_slowly(counts):
    total = counts.sum()
    p_row = counts.sum(axis=1, keepdims=True) / total
    p_column = counts.sum(axis=0, keepdims=True) / total
    with np.errstate(divide="ignore"):
        return np.maximum(0, np.log(counts / total / (p_row * p_column)))


np.testing.assert_allclose(
    ppmi_slowly(toy_counts),
    course_ppmi(scipy.sparse.csr_matrix(toy_counts), smoothing=1.0).toarray(),
    atol=1e-5,
)
weighed = course_ppmi(counts[10])  # a sparse matrix of shape (V, V)
for context in ("the", "atlantic"):
    print(
        f"sea with {context}: {weighed[vocabulary['sea'], vocabulary[context]]:.2f} nats"
    )

# %% [markdown]
# **Your guess first.** In raw counts, a word's likeness to the other two of its group is less than 1.2 times its likeness
# to the nine outsiders. Once the same counts are weighed by PPMI, how many times will it be?


# %%
def group_contrast(vectors):
    """Mean cosine inside the four groups of three, divided by the mean cosine across groups."""
    similarity = cosine_matrix(vectors[rows].toarray())
    same = np.kron(np.eye(4), np.ones((3, 3))) > 0
    return similarity[same & ~np.eye(12, dtype=bool)].mean() / similarity[~same].mean()


def similarity_picture(vectors, *, title):
    similarity = cosine_matrix(vectors[rows].toarray())
    np.fill_diagonal(similarity, np.nan)  # a word's likeness to itself says nothing
    return matrix_svg(
        similarity, row_labels=groups.split(), col_labels=groups.split(),
        title=title, label=title, width=480,
    )  # fmt: skip


# %%
raw_contrast, ppmi_contrast = group_contrast(counts[10]), group_contrast(weighed)
both = beside(
    similarity_picture(counts[10], title="Raw counts: every row looks alike"),
    similarity_picture(weighed, title="PPMI: blocks appear"),
    label="Cosines of twelve words, from raw counts and from PPMI",
)
exercises.guess_contrast(both, measured=ppmi_contrast)

# %% [markdown]
# On the left a word is nearly as close to strangers as to its own group. On the right the groups stand out. The claim as a
# check:

# %%
# NBVAL_CHECK_OUTPUT
assert raw_contrast < 1.2
assert ppmi_contrast > 4
print("inside against across: raw counts below 1.2, PPMI above 4")

# %% [markdown]
# ### Move it yourself
#
# The same rows, live. Things to try: set the window to 1, then 15, and watch *court* with *supreme*. Switch the
# weighting. Switch the view to *words × words* and type words of your own. Every number is on the page: hover over a
# cell.

# %%
weightings = {
    "PPMI": lambda block, **totals: np.maximum(0, pmi_block(block, **totals)),
    "log(1 + count)": lambda block, **totals: np.log1p(block),
    "raw count": lambda block, **totals: block,
}
cooccurrence_explorer = CooccurrenceExplorer(
    counts,
    vocabulary=vocabulary,
    words=groups,
    contexts=contexts,
    weightings=weightings,
    window=10,
)
cooccurrence_explorer

# %% [markdown]
# What you see is data, not paint. `state()` returns the very numbers on the screen; here is one of them, computed
# again from the counts.

# %%
shown = cooccurrence_explorer.state()
i, j = shown["rows"].index("sodium"), shown["columns"].index("salts")
print(f"on the screen: {shown['matrix'][i][j]:.3f}")
print(f"from the corpus: {weighed[vocabulary['sodium'], vocabulary['salts']]:.3f}")

# %% [markdown]
# ## 6. From nine thousand numbers to a hundred
#
# A row of PPMI has as many places as there are words, most of them 0, and *ocean* gets no credit for keeping company with *waves* where *sea*
# kept company with *wave*. **Singular value decomposition** finds the hundred directions along which the rows vary most
# and describes every word by its place along those. Contexts that behave alike fall into the same direction, so credit
# is shared.
#
# $$M \approx U_D\, \Sigma_D\, V_D^\top \qquad\text{word vectors: } U_D\, \Sigma_D^{1/2}$$
#
# The exponent ½ evens out the directions (Levy, Goldberg and Dagan 2015, section 3.3); with exponent 1 the first few
# would outshout the rest. On the toy matrix, against numpy's complete decomposition:

# %%
toy_weights = scipy.sparse.csr_matrix(ppmi_slowly(toy_counts.astype(np.float64)))
u, sigma, _ = np.linalg.svd(toy_weights.toarray())
mine = u[:, :3] * sigma[:3] ** 0.5
theirs = svd_vectors(toy_weights, dimension=3, exponent=0.5)
# Equal up to the sign of each direction.
np.testing.assert_allclose(mine @ mine.T, theirs @ theirs.T, atol=1e-5)

# %%
config = CountVectorsConfig()
started = time.perf_counter()
vectors = count_vectors(encoded, config, vocabulary_size=len(vocabulary))
building_seconds = time.perf_counter() - started
print(config)
print(
    f"{vectors.shape[0]:,} words × {vectors.shape[1]} numbers, built in {building_seconds:.1f} s"
)

# %% [markdown]
# Nearest neighbours are the quickest way to feel whether vectors are any good. Here is the static picture; below it, the
# explorer.

# %%
neighbour_explorer = NeighbourExplorer(
    {"raw counts": counts[10], "PPMI": weighed, "PPMI + SVD": vectors},
    vocabulary=vocabulary,
    word="sodium",
)
neighbour_explorer.picture()

# %% [markdown]
# Try *moon*, *film*, *war*, *queen*. Then change the vectors to raw counts: the neighbours turn into whatever is about as
# common as your word. Then set the metric to *dot*: without scaling to length 1, the common words win, and the count at
# the right edge of each row shows it. And try *dog*, seen 30 times, to see where half a million words stop being
# enough.

# %%
neighbour_explorer

# %% [markdown]
# ## 7. Do people agree?
#
# "Looks good" is not a measurement. In **WordSim-353**, people scored the relatedness of 353 pairs from 0 to 10. We ask
# whether our cosines put the pairs into the same *order* (**Spearman's correlation**: 1 the same order, 0 no relation).
# Only order is compared, since 7.3 on a person's scale has no cosine that it should equal.

# %%
# NBVAL_CHECK_OUTPUT
wordsim, simlex = load_wordsim353(), load_simlex999()
result = evaluate_similarity(vectors, index=vocabulary.index, pairs=wordsim)
print(f"{result.covered} of {result.total} pairs have both words in the vocabulary")

# %% [markdown]
# A third of the pairs cannot be judged, because a word is missing from our small corpus. Always state the coverage: a
# score on 242 pairs is not a score on 353.

# %%
gap = np.abs(np.argsort(np.argsort(result.human)) - np.argsort(np.argsort(result.model)))
named = {int(place): " – ".join(result.pairs[place]) for place in np.argsort(gap)[-4:]}
ax = plot_points(
    result.human, result.model, names=named,
    x_label="people's score (0 to 10)", y_label="cosine of our vectors",
    title=f"Roughly people's order: Spearman {result.spearman:.2f} ({result.low:.2f} to {result.high:.2f})",
)  # fmt: skip
Picture(
    ax.figure,
    alt="People's scores against cosines for 242 pairs: a rising cloud; four outliers are named.",
)

# %% [markdown]
# The interval comes from the **bootstrap**: draw 242 pairs from the 242, with repetition, score again, a thousand
# times; the middle 95 % of scores is the interval. It is wide. With 242 pairs, two methods that differ by 0.03 cannot be
# told apart by looking at their two scores, and we shall not try.
#
# The named pairs are the ones where people and counts differ most. Each tells you something: look up the words with the
# explorer above.

# %%
# NBVAL_CHECK_OUTPUT
assert result.spearman >= 0.55, "the promise of this lesson"
print("Spearman at least 0.55")

# %% [markdown]
# ## 8. What each choice changes
#
# Four choices were made: window, weighting, compression, dimension. Take away one at a time.

# %%
log_counts = counts[10].copy()
log_counts.data = np.log1p(log_counts.data)
steps = {
    "raw counts": counts[10],
    "log(1 + count)": log_counts,
    "PPMI": weighed,
    "raw counts + SVD": svd_vectors(counts[10], dimension=100),
    "PPMI + SVD": vectors,
}
judged = {
    name: evaluate_similarity(v, index=vocabulary.index, pairs=wordsim)
    for name, v in steps.items()
}
for name, related in judged.items():
    print(
        f"{name:18} {related.spearman:5.2f}  ({related.low:5.2f} to {related.high:5.2f})"
    )
assert judged["raw counts"].high < judged["PPMI"].low
assert judged["raw counts + SVD"].high < judged["PPMI + SVD"].low

# %% [markdown]
# Weighting does the most. Compression raises the score of both, of raw counts even more than of PPMI. But it does not
# replace the weighting: compressed raw counts stay clearly below compressed PPMI, as the last line of the cell checks.
#
# ### Window
#
# **SimLex-999** asks people a stricter question: not "are these related?" but "do these mean the same kind of thing?"
# *coast* and *shore* do; *clothes* and *closet* are related and not similar.
#
# **Your guess first.** Which window suits which question?

# %%
directions = {}  # window → vectors with each direction at length 1, and the directions' strengths
for w in windows:
    full = svd_vectors(course_ppmi(counts[w]), dimension=100, exponent=1.0)
    strength = np.linalg.norm(full, axis=0)  # the singular values
    directions[w] = full / strength, strength

by_window = {"WordSim-353 (related)": [], "SimLex-999 (similar)": []}
for name, pairs in zip(by_window, (wordsim, simlex), strict=True):
    for unit, strength in directions.values():
        by_window[name].append(
            evaluate_similarity(unit * strength**0.5, index=vocabulary.index, pairs=pairs)
        )

# %%
figure, (left, right) = new_figure(width=960, height=360, columns=2)
for ax, (name, scores) in zip((left, right), by_window.items(), strict=True):
    plot_lines(
        windows, {name: [s.spearman for s in scores]},
        intervals={name: ([s.low for s in scores], [s.high for s in scores])},
        x_label="window (words to each side)", y_label="Spearman", title=name, ax=ax,
    )  # fmt: skip
    ax.set_ylim(0, 0.75)

# %%
exercises.guess_window(
    figure,
    small=by_window["WordSim-353 (related)"][0],
    large=by_window["WordSim-353 (related)"][3],
)

# %% [markdown]
# The bands overlap in places, but overlapping bands do not mean "no difference": both scores are computed on the *same*
# pairs. So bootstrap the *difference*.

# %%
narrow, wide = (by_window["WordSim-353 (related)"][windows.index(w)] for w in (2, 10))


def gain(human, first, second):
    return spearman(human, second) - spearman(human, first)


low, high = bootstrap_interval(
    gain, narrow.human, narrow.model, wide.model, resamples=1000, seed=0
)
print(
    f"window 10 minus window 2: {gain(narrow.human, narrow.model, wide.model):.2f} "
    f"({low:.2f} to {high:.2f})"
)
assert low > 0

# %% [markdown]
# ### Dimension
#
# More numbers per word need not be better. A direction that little text supports is noise with a name.

# %%
longest = svd_vectors(weighed, dimension=300, exponent=config.exponent)
dimensions = (10, 25, 50, 100, 200, 300)
by_dimension = [
    evaluate_similarity(longest[:, :d], index=vocabulary.index, pairs=wordsim)
    for d in dimensions
]
ax = plot_lines(
    dimensions, {"PPMI + SVD": [r.spearman for r in by_dimension]},
    intervals={"PPMI + SVD": ([r.low for r in by_dimension], [r.high for r in by_dimension])},
    x_label="dimension", y_label="Spearman on WordSim-353", log_x=True,
    title="A hundred numbers a word are enough here",
)  # fmt: skip
Picture(
    ax.figure,
    alt="Spearman on WordSim-353 against dimension, 10 to 300: it rises to about 100, then sags.",
)

# %% [markdown]
# **A warning about this page.** If you now went back and took the best window, the best dimension and the best exponent
# from these pictures, the score you'd report would be too good: you would have chosen on the very pairs that you report.
# The score of section 7 is as fair as we can make it: plain PPMI as defined, and window, dimension and exponent from the
# usual range of Levy, Goldberg and Dagan (2015). Exercise 3 measures how much one fools oneself.
#
# ## 9. Break it
#
# A colleague wrote PPMI anew, used the same counts and the same settings, and complains that the vectors are worse than
# yours. Nothing crashed, no number is negative, and the neighbours of *sodium* are chemistry. Find out what went wrong
# with the tools of this lesson, before you open the answer.

# %%
careless = exercises.careless_ppmi(counts[10])
careless_vectors = svd_vectors(careless, dimension=100, exponent=0.5)
score = evaluate_similarity(careless_vectors, index=vocabulary.index, pairs=wordsim)
print(
    f"your colleague: {score.spearman:.2f} ({score.low:.2f} to {score.high:.2f})   "
    f"you: {result.spearman:.2f}"
)

# %% [markdown]
# A hint: compare the columns with those of your own explorer in section 5.

# %%
fault_explorer = CooccurrenceExplorer(
    {10: careless}, vocabulary=vocabulary, words=groups, contexts=contexts,
    weightings={"your colleague's weights": lambda block, **totals: block},
)  # fmt: skip
fault_explorer

# %%
weights = [matrix[rows][:, columns].toarray() for matrix in (careless, weighed)]
theirs, yours = (
    matrix_svg(w, row_labels=groups.split(), col_labels=contexts.split(),
               title=title, label=title, width=480, number_format="{:.1f}")
    for w, title in zip(weights, ("Your colleague's", "Yours"), strict=True)
)  # fmt: skip
exercises.guess_fault(beside(theirs, yours, label="Weights of your colleague, and yours"))

# %% [markdown]
# <details><summary><b>The whole answer</b></summary>
#
# Look at the columns <i>the</i>, <i>of</i> and <i>in</i>: dark again for every word, where PPMI has them near 0. Whatever
# should have divided out the frequency of the <i>context</i> did not. The colleague's function looks up both
# probabilities by the row, so it divides by p(i)² instead of p(i) p(j). The table of counts is square, so no
# shape gives it away. <code>inspect.getsource(exercises.careless_ppmi)</code> shows the line.
#
# </details>
#
# ## 10. Exercises
#
# Three sizes: two minutes, ten, thirty. `check` says what is wrong, not only that something is. Stuck:
# `exercises.angle.hint()`, and again for the next hint; `exercises.angle.solution()` shows one way.

# %%
exercises.angle

# %%
my_answer = None  # a number
exercises.angle.check(my_answer)

# %%
exercises.ppmi


# %%
def my_ppmi(counts):
    """PPMI in nats of an array of counts of shape (n, m); no smoothing."""
    raise NotImplementedError


exercises.ppmi.check(my_ppmi)

# %%
exercises.honest_choice


# %%
def my_honest_score(scores_a, scores_b):
    """The score you may report, when several settings were scored on two halves of the pairs."""
    raise NotImplementedError


exercises.honest_choice.check(my_honest_score)

# %% [markdown]
# This cell applies the rule of the third exercise to thirty settings of this lesson: choose on half A, report on half B.
# It does not need your answer, but it gives it away.

# %%
settings = [(w, d, e) for w in windows for d in (50, 100) for e in (0.0, 0.5, 1.0)]
half = np.random.default_rng(0).permutation(len(wordsim)) % 2
halves = [
    [pair for pair, side in zip(wordsim, half, strict=True) if side == s] for s in (0, 1)
]
scores = np.zeros((2, len(settings)))
for number, (w, d, e) in enumerate(settings):
    unit, strength = directions[w]
    for side, pairs in enumerate(halves):
        candidate = (unit * strength**e)[:, :d]
        scores[side, number] = evaluate_similarity(
            candidate, index=vocabulary.index, pairs=pairs, resamples=2
        ).spearman
best = scores[0].argmax()
print(f"chosen on half A: {settings[best]} (window, dimension, exponent)")
print(
    f"honest score, on half B: {scores[1][best]:.3f}.  "
    f"The best of {len(settings)} on half B: {scores[1].max():.3f}"
)

# %% [markdown]
# With thirty settings that are all alike in quality the gap is small here. It grows with the number of settings tried and
# shrinks with the number of pairs that judge.
#
# ## 11. Explain it
#
# As an interviewer would ask. Say your answer aloud before you open it.

# %%
exercises.QUESTIONS

# %% [markdown]
# ## 12. What was measured, what remains
#
# These are the first rows for word vectors on the scoreboard. Those of the lessons to come are judged on the same pairs.

# %%
scoreboard.record(
    lesson="01", model="PPMI + SVD", metric="Spearman, WordSim-353",
    value=result.spearman, low=result.low, high=result.high,
    seconds=building_seconds, parameters=vectors.size,
)  # fmt: skip

# %%
similar = evaluate_similarity(vectors, index=vocabulary.index, pairs=simlex)
scoreboard.record(
    lesson="01", model="PPMI + SVD", metric="Spearman, SimLex-999",
    value=similar.spearman, low=similar.low, high=similar.high,
    seconds=building_seconds, parameters=vectors.size,
)  # fmt: skip

# %% [markdown]
# **What remains.** Our vectors know which words keep the same company. They cannot say which word comes *next*: ask
# them to continue "the supreme" and they have nothing to say, because a window has no order and a cosine is not a
# probability. Lesson 02 turns the question around: it *predicts* the next word, and gets vectors as a by-product.
#
# **Read on**
# - Turney and Pantel (2010), *From Frequency to Meaning*: every choice of this lesson, surveyed before neural networks
#   took over.
# - Levy, Goldberg and Dagan (2015), *Improving Distributional Similarity with Lessons Learned from Word Embeddings*: shows
#   that settings matter more than the method, the source of our defaults.
# - Bullinaria and Levy (2007), *Extracting Semantic Representations from Word Co-occurrence Statistics*: careful sweeps of
#   window and weighting, a model of how to measure.
