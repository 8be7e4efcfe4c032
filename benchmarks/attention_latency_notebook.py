"""The explorers of lessons 10 to 14 for measuring latency, and the same pictures by `interact` and pyplot.

Sizes are those of the lessons: sentences of 24 words, a vocabulary of 1,100, 128 units, eight heads. Random
numbers stand in for trained models, since what a model costs is no part of moving a slider.
"""

from __future__ import annotations

NUMBERS = """from types import SimpleNamespace

import numpy as np
import torch

attention_rng = np.random.default_rng(0)
attention_words = [f"word{i}" for i in range(24)]
french_words = [f"mot{i}" for i in range(24)]


def shares_of(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)"""

GATES = """from course_utils.explorers.gates import GateExplorer

gate_numbers = attention_rng.normal(size=(4, 24, 128))
gate_explorer = GateExplorer(
    lambda words: {
        "tokens": words, "outputs": np.tanh(gate_numbers[0]),
        "gates": {n: 1 / (1 + np.exp(-g)) for n, g in zip(("reset", "update"), gate_numbers[1:])}
        | {"candidate": np.tanh(gate_numbers[3])},
    },
    sentence=" ".join(attention_words),
)
gate_explorer"""

LENGTHS = """from course_utils.explorers.lengths import LengthExplorer

sentence_lengths = attention_rng.integers(3, 26, size=2_000)
length_explorer = LengthExplorer(
    {
        name: (attention_rng.random(2_000) > sentence_lengths * slope, attention_rng.integers(1, 9, 2_000))
        for name, slope in {"64": 0.03, "128": 0.02, "256": 0.01, "attention": 0.001}.items()
    },
    lengths=sentence_lengths,
)
length_explorer"""

BEAM = """from course_utils.decoding.beam import beam_search
from course_utils.explorers.beam import BeamExplorer

beam_scores = torch.tensor(3 * attention_rng.normal(size=(1_100, 1_100)))
beam_scores[:, 0] -= 6  # few texts end early
beam_scores = beam_scores.log_softmax(dim=-1)


def search_beam(words, *, width, length_penalty):
    return beam_search(
        lambda state, tokens: (beam_scores[tokens], state), torch.zeros(1, 1), start=torch.tensor([1]), end=0,
        max_length=24, width=width, length_penalty=length_penalty, keep_tree=True,
    )[0]


beam_explorer = BeamExplorer(search_beam, sentence="word0 word1", word=lambda token: f"mot{token}", width=4)
beam_explorer"""

ALIGNMENT = """from course_utils.explorers.alignment import AlignmentExplorer

alignment_heads = {
    f"head {n + 1}": shares_of(5 * np.eye(24) + 2 * attention_rng.normal(size=(24, 24))) for n in range(8)
}
alignment_explorer = AlignmentExplorer(
    lambda text: SimpleNamespace(source=attention_words, target=french_words, weights=alignment_heads),
    sentence=" ".join(attention_words), gold=lambda source, target: {(i, i) for i in range(24)},
)
alignment_explorer"""

WEIGHTS = """from course_utils.explorers.weight_editor import WeightEditor

editor_labels = [f"mot{i}" for i in range(1_100)]
editor_values, editor_words = attention_rng.normal(size=(24, 64)), attention_rng.normal(size=(1_100, 64))
editor_weights = shares_of(3 * attention_rng.normal(size=(24, 24)))


def edited_next_words(place, weights):
    used = editor_weights[place] if weights is None else np.asarray(weights)
    return editor_labels, shares_of(editor_words @ (used @ editor_values)), used


weight_editor = WeightEditor(edited_next_words, source=attention_words, target=french_words, place=4, word=3)
weight_editor.set_state(weight=0.5, guess="mot7", reveal=True)
weight_editor"""

PIPELINE = """from course_utils.explorers.score_pipeline import ScorePipeline

score_pipeline = ScorePipeline(
    {f"head {n + 1}": attention_rng.normal(size=(3, 24, 32)) for n in range(8)},
    row_labels=attention_words, col_labels=attention_words, mask=np.tri(24, dtype=bool), query=12,
)
score_pipeline"""

DOT_PRODUCTS = """from course_utils.explorers.dot_products import DotProductBench

dot_products = DotProductBench()
dot_products"""

ABLATION = """from course_utils.explorers.ablation import AblationLab

head_names = [f"layer {layer} head {head}" for layer in (1, 2) for head in range(1, 9)]
ablation_lab = AblationLab(lambda ablated: 1.0 + sum(len(head) / 40 for head in ablated), heads=head_names)
for head_name in head_names[1:]:
    ablation_lab.set_state(head=head_name, guess=0.3, reveal="show")
ablation_lab.set_state(head=head_names[0], reveal="hide")
ablation_lab"""

# ---- the same pictures by ipywidgets.interact and pyplot ---------------------------------------------

GATES_PEER = """def gates_peer(unit):
    seen = gate_explorer.compute({**gate_explorer.state(), "unit": unit})
    rows = {**seen["rows"], **{f"mean {name}": means for name, means in seen["means"].items()}}
    peer_matrix(list(rows.values()), list(rows), seen["tokens"], f"unit {unit}")


in_class(widgets.interact(gates_peer, unit=widgets.IntSlider(value=0, min=0, max=127)), "gates")"""

LENGTHS_PEER = """def lengths_peer(width):
    seen = length_explorer.compute({**length_explorer.state(), "width": width})
    figure, (upper, lower) = plt.subplots(2, figsize=(6.4, 4.4), height_ratios=(3, 1))
    names = [f"{low}-{high}" for low, high in seen["buckets"]]
    for name, means in seen["curves"].items():
        upper.plot(names, means, marker="o", label=name)
    upper.fill_between(names, seen["low"], seen["high"], alpha=0.16)
    upper.legend()
    lower.bar_label(lower.bar(names, seen["counts"]))
    plt.show()


in_class(widgets.interact(lengths_peer, width=widgets.IntSlider(value=3, min=1, max=8)), "lengths")"""

BEAM_PEER = """def beam_peer(depth):
    seen = beam_explorer.compute({**beam_explorer.state(), "depth": depth})
    figure, ax = plt.subplots(figsize=(9.6, 4))
    places = {node["node"]: (node["step"], -node["rank"]) for node in seen["nodes"]}
    for node in seen["nodes"]:
        x, y = places[node["node"]]
        if node["parent"] in places:
            ax.plot((places[node["parent"]][0], x), (places[node["parent"]][1], y), color="#d0d7de")
        ax.text(x, y, f"{node['text']}\\n{node['total']:.2f}", ha="center", va="center", fontsize=8)
    ax.axis("off")
    ax.set_title(seen["hypotheses"][0]["text"])
    plt.show()


in_class(widgets.interact(beam_peer, depth=widgets.IntSlider(value=8, min=1, max=45)), "beam")"""

ALIGNMENT_PEER = """def alignment_peer(threshold):
    seen = alignment_explorer.compute({**alignment_explorer.state(), "threshold": threshold})
    figure, ax = plt.subplots(figsize=(6.4, 6.4))
    ax.imshow(seen["weights"], cmap="Blues", vmin=0, vmax=1)
    for links, mark in ((seen["links"], "o"), (seen["gold_links"], "s")):
        ax.scatter(*np.array(links).reshape(-1, 2).T, marker=mark, facecolors="none", edgecolors="#d55e00")
    ax.set_xticks(range(24), seen["columns"], rotation=60)
    ax.set_yticks(range(24), seen["rows"])
    ax.set_title(f"alignment error rate {seen['error_rate']:.2f}")
    plt.show()


in_class(
    widgets.interact(alignment_peer, threshold=widgets.FloatSlider(value=0.5, min=0, max=1, step=0.05)),
    "alignment",
)"""

WEIGHTS_PEER = """def weights_peer(word):
    seen = weight_editor.compute({**weight_editor.state(), "word": word})
    figure, (upper, lower) = plt.subplots(2, figsize=(6.4, 5.4))
    upper.imshow([seen["own_weights"], seen["edited_weights"]], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    upper.set_xticks(range(24), attention_words, rotation=60)
    places = np.arange(len(seen["candidates"]))
    for shift, when in ((-0.2, "before"), (0.2, "after")):
        lower.bar_label(lower.barh(places + shift, seen[when], height=0.4), fmt="%.3f")
    lower.set_yticks(places, seen["candidates"])
    lower.invert_yaxis()
    plt.show()


in_class(widgets.interact(weights_peer, word=widgets.IntSlider(value=3, min=0, max=23)), "weights")"""

PIPELINE_PEER = """def pipeline_peer(query):
    seen = score_pipeline.compute({**score_pipeline.state(), "query": query})
    stages = ("dot_products", "scaled_scores", "masked_scores", "weights")
    columns = np.array([seen[stage] for stage in stages]).T
    peer_matrix(np.where(np.isfinite(columns), columns, 0), attention_words, stages, f"query {query}")


in_class(widgets.interact(pipeline_peer, query=widgets.IntSlider(value=12, min=0, max=23)), "pipeline")"""

DOT_PRODUCTS_PEER = """def dot_products_peer(width):
    seen = dot_products.compute({**dot_products.state(), "width": width})
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.6))
    axes[0].hist(seen["scores"].ravel(), bins=40, density=True)
    for name in ("scaled", "unscaled"):
        axes[1].barh(range(16), seen[f"weights_{name}"], alpha=0.6, label=name)
        axes[2].semilogx(seen["all_widths"], seen[f"entropies_{name}"], marker="o", label=name)
    axes[2].legend()
    axes[0].set_title(f"standard deviation {seen['drawn_std']:.2f}")
    plt.show()


in_class(
    widgets.interact(
        dot_products_peer,
        width=widgets.SelectionSlider(options=[2**power for power in range(2, 11)], value=64),
    ),
    "dotproducts",
)"""

ABLATION_PEER = """def ablation_peer(guess):
    seen = ablation_lab.compute({**ablation_lab.state(), "guess": guess})
    figure, ax = plt.subplots(figsize=(6.4, 4.8))
    names = [f"{one['head']} {one['mode']}" for one in seen["tried"]]
    ax.bar_label(ax.barh(names, [one["effect"] for one in seen["tried"]]), fmt="%+.3f")
    ax.scatter([one["guess"] for one in seen["tried"]], names, marker="d", color="#e69f00")
    ax.axvline(guess)
    ax.set_title(f"your guess is {guess:+.2f} nats per token")
    plt.show()


in_class(
    widgets.interact(ablation_peer, guess=widgets.FloatSlider(value=0, min=-0.5, max=2, step=0.01)),
    "ablation",
)"""

EXPLORERS = [GATES, LENGTHS, BEAM, ALIGNMENT, WEIGHTS, PIPELINE, DOT_PRODUCTS, ABLATION]
PEERS = [
    GATES_PEER,
    LENGTHS_PEER,
    BEAM_PEER,
    ALIGNMENT_PEER,
    WEIGHTS_PEER,
    PIPELINE_PEER,
    DOT_PRODUCTS_PEER,
    ABLATION_PEER,
]
# Name, slider that is moved, and lesson; all are SVG.
MOVED = (
    ("gates", "unit", "10"),
    ("lengths", "width", "11"),
    ("beam", "depth", "12"),
    ("alignment", "threshold", "13"),
    ("weights", "word", "13"),
    ("pipeline", "query", "14"),
    ("dotproducts", "width", "14"),
    ("ablation", "guess", "14"),
)
