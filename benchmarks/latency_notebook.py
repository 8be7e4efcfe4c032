"""The notebook in which latency is measured: each explorer, and the same picture by `interact` and pyplot.

The numbers come from the explorer's own `compute` on both sides, so that the two differ only in how a picture
is drawn and how it reaches the page.
"""

from __future__ import annotations

from dataclasses import dataclass

import attention_latency_notebook as attention
import generation_latency_notebook as generation
import transformer_latency_notebook as transformers
from latency import PNG_BUDGET, SVG_BUDGET

CORPUS = """import numpy as np

from course_utils.datasets.wikipedia import load_wikipedia
from course_utils.explorers.cooccurrence import CooccurrenceExplorer
from course_utils.explorers.neighbours import NeighbourExplorer
from course_utils.explorers.softmax import SoftmaxExplorer
from course_utils.models.counts import cooccurrence_counts, pmi_block, ppmi, svd_vectors
from course_utils.text.tokenizers import tokenize_words
from course_utils.text.vocab import Vocabulary

documents = [tokenize_words(article.text) for article in load_wikipedia()]
vocabulary = Vocabulary.from_documents(documents, min_count=5)
encoded = [vocabulary.encode(document) for document in documents]
windows = (1, 2, 5, 10, 15)
counts = {w: cooccurrence_counts(encoded, vocabulary_size=len(vocabulary), window=w) for w in windows}
weighed = ppmi(counts[10])
vectors = svd_vectors(weighed, dimension=100)
"""

SOFTMAX = """softmax_explorer = SoftmaxExplorer({"tea": 2, "coffee": 1, "water": 0, "juice": -1})
softmax_explorer"""

NEIGHBOURS = """neighbour_explorer = NeighbourExplorer(
    {"raw counts": counts[10], "PPMI": weighed, "PPMI + SVD": vectors}, vocabulary=vocabulary, word="sodium"
)
neighbour_explorer"""

COOCCURRENCE = """weightings = {"PPMI": lambda block, **totals: np.maximum(0, pmi_block(block, **totals))}
cooccurrence_explorer = CooccurrenceExplorer(
    counts, vocabulary=vocabulary, weightings=weightings,
    words="ocean sea coast film actor award acid sodium metal court law judge",
    contexts="the of in atlantic water director best salts reaction federal supreme",
)
cooccurrence_explorer"""

PROJECTION = """from course_utils.datasets.word_maps import load_map_words, word_map_file
from course_utils.explorers.projection import ProjectionExplorer
from course_utils.projections.grid import ProjectionGrid

map_words = load_map_words()
groups = np.array(map_words.groups)
projection_explorer = ProjectionExplorer(
    {"MiniLM": ProjectionGrid.load(word_map_file("words"))}, groups=groups, group_names=map_words.group_names
)
projection_explorer"""

# A model of seven layers and 384 numbers, as MiniLM is; what encoding costs is no part of moving the slider.
CONTEXT = """import re
from types import SimpleNamespace

import numpy as np

from course_utils.explorers.context import ContextExplorer


def read_layers(text):
    spans = [(0, 0), *(match.span() for match in re.finditer(r"\\w+|[^\\w\\s]", text)), (0, 0)]
    noise = np.random.default_rng(len(text)).standard_normal((7, len(spans), 384), dtype=np.float32)
    pieces = [text[start:end] or "[CLS]" for start, end in spans]
    return SimpleNamespace(pieces=pieces, spans=spans, vectors=1 + noise.cumsum(axis=0))


bands = {"same sense": (np.full(7, 0.5), np.ones(7)), "other sense": (np.zeros(7), np.full(7, 0.6))}
context_explorer = ContextExplorer(
    read_layers, word="bank", references=bands, layer=3,
    first="She sat down on the grassy bank of the river and watched the boats go by",
    second="The bank raised its interest rates again, said a man who lends money to another bank",
)
context_explorer"""

# The Wikipedia sample in pieces of 60 words, searched by keywords and by summed random vectors.
SEARCH = """import numpy as np

from course_utils.datasets.wikipedia import load_wikipedia
from course_utils.explorers.search import SearchExplorer
from course_utils.search import KeywordIndex, VectorIndex

articles = [article.text.split() for article in load_wikipedia()]
passages = [" ".join(words[i : i + 60]) for words in articles for i in range(0, len(words), 60)]
random_vectors = {}


def encode_sum(texts):
    rng = np.random.default_rng(0)
    words = [text.lower().split() for text in texts]
    for word in {word for one in words for word in one} - set(random_vectors):
        random_vectors[word] = rng.standard_normal(64)
    return np.array([np.sum([random_vectors[word] for word in one], axis=0) for one in words])


search_explorer = SearchExplorer(
    {"keyword": KeywordIndex(passages), "vectors": VectorIndex(encode_sum(passages), encode_sum)},
    documents=passages, titles=[f"passage {i}" for i in range(len(passages))],
    query="the salt water of the ocean", relevant={"the salt water of the ocean": range(100)},
)
search_explorer"""

# A picture that changes all over, drawn by matplotlib: what explorers of curves and clouds cost.
SCATTER = '''import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import Explorer
from course_utils.plots.lines import plot_points

CLOUD = np.random.default_rng(0).standard_normal((300, 3))


class ScatterExplorer(Explorer):
    """Three hundred points, turned by a slider."""

    name = "scatter"

    def __init__(self):
        super().__init__({"angle": widgets.IntSlider(value=20, min=0, max=90, description="angle")})

    def compute(self, state):
        angle = np.radians(state["angle"])
        turn = np.array([[np.cos(angle), 0], [0, 1], [np.sin(angle), 0]])
        return {"points": (CLOUD @ turn).tolist(), "degrees": state["angle"]}

    def draw(self, result):
        x, y = np.array(result["points"]).T
        title = f"Turned by {result['degrees']} degrees"
        return plot_points(x, y, x_label="across", y_label="up", title=title).figure

    def describe(self, result):
        return f"300 points, turned by {result['degrees']} degrees."


scatter_explorer = ScatterExplorer()
scatter_explorer'''

# The least that a widget can do: a slider and a line of text. What it takes, JupyterLab takes.
YARDSTICK = """import ipywidgets as widgets

yardstick_slider, yardstick_picture = widgets.IntSlider(value=10), widgets.HTML()


def show_number(change):
    number = f'<text y="15">{yardstick_slider.value}</text>'
    yardstick_picture.value = f'<svg width="90" height="20">{number}</svg>'


show_number(None)
yardstick_slider.observe(show_number, names="value")
yardstick = widgets.VBox([yardstick_slider, yardstick_picture])
yardstick.add_class("yardstick")
yardstick_picture.add_class("yardstick-picture")
yardstick"""

# ---- the same pictures by ipywidgets.interact and pyplot ---------------------------------------------

PEER_HELPERS = """import ipywidgets as widgets
import matplotlib.pyplot as plt


def peer_bars(values, labels, notes, title, limit):
    figure, ax = plt.subplots(figsize=(6.4, 0.42 + 0.26 * len(values)))
    bars = ax.barh(labels, values, color="#0072b2")
    ax.bar_label(bars, [f"{value:.3f}" for value in values], padding=4)
    for place, note in enumerate(notes):
        ax.text(1, place, note, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=8)
    ax.set_xlim(0, 1.3 * limit)
    ax.invert_yaxis()
    ax.set_title(title)
    plt.show()


def peer_matrix(values, rows, columns, title):
    figure, ax = plt.subplots(figsize=(6.4, 4.2))
    ax.imshow(values, cmap="Blues", aspect="auto")
    ax.set_xticks(range(len(columns)), columns, rotation=40)
    ax.set_yticks(range(len(rows)), rows)
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8)
    ax.set_title(title)
    plt.show()


def in_class(interactive, name):
    interactive.widget.add_class(f"peer-{name}")"""

SOFTMAX_PEER = """def softmax_peer(temperature):
    seen = softmax_explorer.compute({**softmax_explorer.state(), "temperature": temperature})
    notes = [f"score {score:g}" for score in seen["scores"]]
    peer_bars(seen["probabilities"], seen["labels"], notes, f"temperature {temperature:.2f}", 1)


in_class(
    widgets.interact(
        softmax_peer, temperature=widgets.FloatLogSlider(value=1, base=2, min=-4, max=4, step=0.0625)
    ),
    "softmax",
)"""

NEIGHBOURS_PEER = """def neighbours_peer(k):
    seen = neighbour_explorer.compute({**neighbour_explorer.state(), "k": k})
    notes = [f"seen {count:,}×" for count in seen["counts"]]
    peer_bars(seen["scores"], seen["neighbours"], notes, seen["heading"], 1)


in_class(widgets.interact(neighbours_peer, k=widgets.IntSlider(value=10, min=1, max=25)), "neighbours")"""

COOCCURRENCE_PEER = """def cooccurrence_peer(window):
    seen = cooccurrence_explorer.compute({**cooccurrence_explorer.state(), "window": window})
    peer_matrix(seen["matrix"], seen["rows"], seen["columns"], seen["heading"])


in_class(
    widgets.interact(
        cooccurrence_peer, window=widgets.SelectionSlider(options=sorted(counts), value=max(counts))
    ),
    "cooccurrence",
)"""

SCATTER_PEER = """def scatter_peer(angle):
    x, y = np.array(scatter_explorer.compute({"angle": angle})["points"]).T
    figure, ax = plt.subplots(figsize=(6.4, 4))
    ax.scatter(x, y, s=22, color="#0072b2", alpha=0.55, edgecolors="none")
    ax.set_xlabel("across")
    ax.set_ylabel("up")
    ax.set_title(f"Turned by {angle} degrees")
    plt.show()


in_class(widgets.interact(scatter_peer, angle=widgets.IntSlider(value=20, min=0, max=90)), "scatter")"""


PROJECTION_PEER = """perplexities = projection_explorer.controls["perplexity"].options


def projection_peer(perplexity):
    seen = projection_explorer.compute({**projection_explorer.state(), "perplexity": perplexity})
    figure, ax = plt.subplots(figsize=(6.4, 4.8))
    for group, name in enumerate(map_words.group_names):
        ax.scatter(*seen["points"][groups == group].T, s=22, label=name)
    for place in range(0, len(groups), 8):
        ax.annotate(map_words.labels[place], seen["points"][place], fontsize=8)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    ax.set_title(f"perplexity {perplexity}: trustworthiness {seen['trustworthiness']:.2f}")
    plt.show()


in_class(
    widgets.interact(
        projection_peer,
        perplexity=widgets.SelectionSlider(options=perplexities, value=perplexities[len(perplexities) // 2]),
    ),
    "projection",
)"""


CONTEXT_PEER = """def context_peer(layer):
    seen = context_explorer.compute({**context_explorer.state(), "layer": layer})
    figure, axes = plt.subplots(3, figsize=(6.4, 4.6))
    for name, (low, high) in bands.items():
        axes[0].fill_between(range(7), low, high, alpha=0.16, label=name)
    axes[0].plot(seen["cosines"], marker="o")
    axes[0].plot(layer, seen["cosines"][layer], marker="o", markersize=12)
    axes[0].set_title(f"cosine {seen['cosines'][layer]:.3f} at layer {layer}")
    axes[0].legend()
    for ax, nearest in zip(axes[1:], seen["nearest"]):
        shown = ax.barh([piece for piece, _ in nearest], [score for _, score in nearest])
        ax.bar_label(shown, [f"{score:.3f}" for _, score in nearest])
    plt.show()


in_class(widgets.interact(context_peer, layer=widgets.IntSlider(value=3, min=0, max=6)), "context")"""

SEARCH_PEER = """def search_peer(k):
    seen = search_explorer.compute({**search_explorer.state(), "k": k})
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 5.6))
    for ax, (name, rows) in zip(axes, seen["indices"].items()):
        scores = seen["scores"][name]
        ax.barh(range(len(rows)), scores)
        for place, row in enumerate(rows):
            why = ", ".join(f"{term} {part:+.3g}" for term, part in seen["why"][name][place][:3])
            ax.text(0, place, f"{search_explorer._titles[row]}: {passages[row][:40]} ({why})", fontsize=8)
        ax.invert_yaxis()
        ax.set_title(name)
    plt.show()


in_class(widgets.interact(search_peer, k=widgets.IntSlider(value=5, min=3, max=10)), "search")"""


@dataclass(frozen=True)
class Measured:
    """An explorer whose latency is measured: its name, the slider that is moved, and its budget."""

    name: str
    slider: str
    budget: float
    lesson: str
    keys: tuple[str, str] = ("ArrowRight", "ArrowLeft")


MEASURED = (
    Measured("softmax", "temperature", SVG_BUDGET, "00"),
    Measured("neighbours", "k", SVG_BUDGET, "01"),
    Measured("cooccurrence", "window", SVG_BUDGET, "01", keys=("ArrowLeft", "ArrowRight")),
    Measured("projection", "perplexity", PNG_BUDGET, "05"),
    Measured("context", "layer", SVG_BUDGET, "06"),
    Measured("search", "k", SVG_BUDGET, "07"),
    *(
        Measured(name, slider, SVG_BUDGET, lesson)
        for name, slider, lesson in (*attention.MOVED, *transformers.MOVED, *generation.MOVED)
    ),
    Measured("scatter", "angle", PNG_BUDGET, ""),
)


def sources() -> list[str]:
    """All cells: the corpus, then each explorer and its peer."""
    explorers = [
        SOFTMAX,
        NEIGHBOURS,
        COOCCURRENCE,
        PROJECTION,
        CONTEXT,
        SEARCH,
        *attention.EXPLORERS,
        *transformers.EXPLORERS,
        *generation.EXPLORERS,
        SCATTER,
    ]
    peers = [
        SOFTMAX_PEER,
        NEIGHBOURS_PEER,
        COOCCURRENCE_PEER,
        PROJECTION_PEER,
        CONTEXT_PEER,
        SEARCH_PEER,
        *attention.PEERS,
        *transformers.PEERS,
        *generation.PEERS,
        SCATTER_PEER,
    ]
    pairs = [cell for pair in zip(explorers, peers, strict=True) for cell in pair]
    numbers = [attention.NUMBERS, transformers.NUMBERS, generation.NUMBERS]
    return [CORPUS, YARDSTICK, PEER_HELPERS, *numbers, *pairs]
