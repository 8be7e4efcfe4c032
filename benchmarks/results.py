"""Rows of benchmarks/results.json, and the table that README.md shows of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from course_utils.runtime import describe_machine
from course_utils.storage import write_atomically

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.json"
README = FOLDER / "README.md"
INTRODUCTION = """# Side by side with other libraries

Made by `make bench`; do not edit. Each row is measured in one run on one machine: the course's code and
the other library's take turns, so that a busy moment hits both. Figures are medians; *ratio* is
ours ÷ theirs, and the arrow says which way is better. Compare ratios, not seconds, with those of another
machine.

"""
NOTES = """
## What exactly was measured

**Count vectors against word2vec.** The same tokenised articles (Wikipedia sample of lesson 01), loaded
before the clock starts. Ours: vocabulary, counts, PPMI and SVD with the default `CountVectorsConfig`
(window 10, 100 numbers a word). gensim: `Word2Vec(sg=1, vector_size=100, window=10, negative=5,
min_count=5, sample=1e-3)` on all cores, vocabulary included, with 5 and with 20 passes over the text.
gensim drops what follows the 10,000th word of a text, so it gets the articles in pieces of at most 10,000
words. Window and dimension were fixed beforehand and are the same on both sides (word2vec draws its
window anew for each word, from 1 to 10; ours is always 10); nothing was tuned on the judged pairs. The
score is Spearman's correlation with people's ratings in WordSim-353, over the pairs with both words in
the vocabulary, which is the same on both sides; gensim's is the median of several seeds, ours has no
randomness. This is a small corpus: word2vec gains more from additional text.

**Skip-gram against word2vec.** From the tokenised articles to vectors, vocabulary and counting included,
one core each, seeds 0 to 4, sides in turn. Both: 100 numbers a word, 5 noise words, min_count 5,
subsampling at 1e-4. Ours: the expected loss (`Word2VecConfig(passes=2, learning_rate=0.04)`, window 15).
gensim: `Word2Vec(sg=1, window=10, workers=1)`; its window reaches over dropped words, ours does not, and
each side has the window that suited it. For each side the shortest schedule found that ends above the
threshold; one of gensim's five seeds ends at 0.499. Since the threshold is set on the judged pairs,
schedules were chosen on all of them. Tried for gensim: alpha 0.025 to 0.3, 2 to 20 passes, sample 1e-3 and
1e-4, windows 10 and 15. The settings of lesson 03 itself were chosen on half of the pairs.

**Analogies.** MiniLM's input vectors of 23,695 whole words, loaded beforehand; both sides read the same
questions and search the whole vocabulary; the run fails if a section differs by one answer. Ours multiplies
blocks of questions with all words at once; gensim asks one question at a time.

**MiniLM.** The same thousand texts, one after the other on both sides, same threads, float32, weights loaded
beforehand: oddities (empty, other scripts, emoji, control characters, a word of 300 letters), single words,
and stretches of Wikipedia from one word to more than the 512 pieces that both read. The run fails if a
number of any vector differs by more than 1e-5. Both sides sort texts by length; ours fills batches by
pieces (about 2,048), sentence-transformers by texts (32).

**Search.** 20,000 texts of installed libraries, 200 first sentences as queries, one at a time, one thread,
indexes built beforehand; vectors are random (384 numbers), encoding is not counted; the run fails if the two
sides share less than 98 % of their hits.

**Beam search.** 64 sources, a beam of 5, at most 40 tokens, a vocabulary of 4,000. Both sides get their
log-probabilities from one cheap function, so that the search is what is timed, not a model. Settings are
transformers' own: sums divided by length, and its rule for when a source is done. The run fails if a text
differs, or a score by more than 0.0001.

**BLEU, chrF, ROUGE.** 3,000 texts of JupyterLab's French catalogue as references; as hypotheses the same
with words lost, swapped or replaced, drawn anew for each run. Both sides cut the texts themselves. chrF is
one pass with words and one without; ROUGE is F1 of ROUGE-1, -2 and -L for each sentence. The run fails if a
score differs by more than 0.000001. The bootstrap is of two systems on 1,000 sentences, with 1,000 draws;
scores are compared there, too, p values are not: the two sides define theirs differently.

**Training with attention.** The attention model of lesson 13 (all target steps at once) against an encoder
and decoder written in the benchmark as tutorials write them: a loop over target steps, and in each of them
attention, projection of the keys, recurrent layer and output layer anew. The usual form has one attention
layer over query and key joined and an output layer over state, context and word; the leaner one splits the
former and shows the latter the state alone. Same data, batches of 64, width, optimizer and training loop;
one thread; sides in turn, forty updates each, other batches every time. Padding is not counted. The run
fails if a side does not learn.

**Training a transformer by length of sentence.** The transformer of lesson 15 (two blocks on either side)
against the attention model of lesson 13, both the course's, both 128 wide with 600 words a side, batches
of 64 sentences of random words, all equally long, no padding; forward, backward, clipping and AdamW; one
thread, seconds of the processor, sides in turn. The run fails if a side's loss does not fall.

**GPT.** Four layers, width 128, four heads, 2,048 tokens, a context of 128, with the weights of one
randomly initialised `GPT2LMHeadModel` on both sides, no dropout, one thread, seconds of the processor,
sides in turn. Training: batches of 32 × 128 random tokens, AdamW in one kernel, gradients clipped; the
loss of the other side is computed from its scores, which is cheaper than asking it. The run fails if
losses differ by more than 0.001 nats (bf16: 0.03). The share is of `torch.matmul`'s rate for square
matrices of 512 in the same number format, causal attention counted as half; in float32 it can exceed 1
where oneDNN multiplies faster than MKL, for ours may reach either. Generation: 64 tokens after prompts of
32, greedy; the other side by `generate` with its own cache, in `eval` mode. The run fails if a token
differs.

**Key press to new pixels.** In JupyterLab in headless Chromium: from the moment the page gets the key to
the second animation frame after the picture in the document has changed (and a PNG has been decoded). An
explorer of the course against `ipywidgets.interact` with pyplot, both in one notebook and both with the
explorer's own `compute`, one key press each in turn, after warm-up; screenshots before and after a key
make sure that pixels change. The course's budgets are 50 ms for SVG and 150 ms for PNG (the scatter).
"""


class Row(TypedDict):
    """One comparison."""

    name: str
    lesson: str
    unit: str
    ours: float
    peer: str  # name and version of the other implementation
    theirs: float
    ratio: float  # ours ÷ theirs
    better: str  # "lower" or "higher"
    runs: int
    machine: str


def make_row(
    *,
    name: str,
    lesson: str,
    unit: str,
    ours: Sequence[float],
    peer: str,
    theirs: Sequence[float],
    better: str,
) -> Row:
    """Medians of both sides and their ratio.

    Raises
    ------
    ValueError
        If a side has no value, or `better` is neither "lower" nor "higher".
    """
    if not ours or not theirs:
        raise ValueError(f"{name!r} has no measurements on one side; measure both.")
    if better not in ("lower", "higher"):
        raise ValueError(f'better must be "lower" or "higher", not {better!r}.')
    mine, others = statistics.median(ours), statistics.median(theirs)
    return Row(
        name=name,
        lesson=lesson,
        unit=unit,
        ours=significant(mine),
        peer=peer,
        theirs=significant(others),
        ratio=significant(mine / others),
        better=better,
        runs=min(len(ours), len(theirs)),
        machine=name_machine(),
    )


def significant(value: float) -> float:
    """Three digits: more would be noise."""
    return float(f"{value:.3g}")


def name_machine() -> str:
    """Processor, cores and Python, in a line that names no host."""
    facts = describe_machine()
    size = f"{facts['logical_cores']} cores, {facts['memory_gb']} GB"
    return f"{facts['processor']}, {size}, {facts['platform']}, Python {facts['python']}"


def read_rows(path: Path = RESULTS) -> list[Row]:
    """The committed rows; none if there is no file yet."""
    if not path.exists():
        return []
    rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def merge(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """New rows take the place of old ones of the same name and peer; the rest stays."""
    replaced = {(row["name"], row["peer"].split()[0], row["unit"]): row for row in [*old, *new]}
    return list(replaced.values())


def as_markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, with the machines below it."""
    lines = ["| what | lesson | unit | ours | theirs | ratio | runs | compared with |"]
    lines += ["|---|---|---|---:|---:|---:|---:|---|"]
    for row in rows:
        arrow = "↓" if row["better"] == "lower" else "↑"
        figures = f"{row['ours']:g} | {row['theirs']:g} | {row['ratio']:g}"
        lines.append(
            f"| {row['name']} | {row['lesson'] or '–'} | {row['unit']} {arrow} | {figures} | {row['runs']} "
            f"| {row['peer']} |"
        )
    machines = sorted({row["machine"] for row in rows})
    return "\n".join([*lines, "", *(f"Measured on: {machine}." for machine in machines)]) + "\n"


def readme(rows: Sequence[Row]) -> str:
    """The whole README.md."""
    return INTRODUCTION + as_markdown(rows) + NOTES


def write(rows: Sequence[Row]) -> None:
    """Write results.json and README.md."""
    text = json.dumps(list(rows), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(RESULTS, text.encode())
    write_atomically(README, readme(rows).encode())
