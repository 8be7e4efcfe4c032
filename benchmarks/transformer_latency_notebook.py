"""The explorers of lessons 15 to 17 for measuring latency, and the same pictures by `interact` and pyplot.

Sizes are those of the lessons: 72 heads over 20 pieces as in MiniLM, 8 over 24 words as in the translator.
Random numbers stand in for trained models, since what a model costs is no part of moving a slider.
"""

from __future__ import annotations

NUMBERS = """import numpy as np

heads_rng = np.random.default_rng(0)


def random_heads(layers, heads, tokens):
    words = [f"piece{i}" for i in range(tokens)]
    weights = heads_rng.dirichlet(np.full(tokens, 0.2), size=(layers, heads, tokens))
    names = ("previous", "next", "first", "entropy")
    return weights, words, {name: heads_rng.random((layers, heads)) for name in names}"""

HEADS = """from course_utils.explorers.heads_grid import Heads, HeadsGrid

many_weights, many_words, many_scores = random_heads(6, 12, 20)
many_heads = HeadsGrid(
    Heads(
        many_weights, many_words, many_words, many_scores,
        kinds=lambda threshold: np.where(many_scores["previous"] >= threshold, "previous", "mixed"),
    ),
    sort="previous",
)
many_heads"""

FEW_HEADS = """from course_utils.explorers.heads_grid import Heads, HeadsGrid

few_weights, few_words, few_scores = random_heads(2, 4, 24)
few_heads = HeadsGrid(Heads(few_weights, few_words, few_words, few_scores), sort="previous")
few_heads"""

# ---- the same picture by ipywidgets.interact and pyplot ----------------------------------------------

HEADS_PEER = """def heads_peer(place):
    seen = many_heads.compute({**many_heads.state(), "place": place})
    figure = plt.figure(figsize=(9.6, 13))
    upper, lower = figure.subfigures(2)
    for ax, name, value, number in zip(
        upper.subplots(6, 12).flat, seen["order"], seen["sorted_scores"], seen["places"]
    ):
        ax.imshow(many_weights.reshape(-1, 20, 20)[number], cmap="Blues", vmin=0, vmax=1)
        ax.set_title(f"{name} {value:.2f}", fontsize=8)
        ax.axis("off")
    ax = lower.subplots()
    ax.imshow(seen["weights"], cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(range(20), seen["columns"], rotation=60)
    ax.set_yticks(range(20), seen["rows"])
    ax.set_title(f"head {seen['head_name']}")
    plt.show()


in_class(widgets.interact(heads_peer, place=widgets.IntSlider(value=1, min=1, max=72)), "heads")"""

EXPLORERS = [HEADS]
PEERS = [HEADS_PEER]
# Name, slider that is moved, and lesson; all are SVG.
MOVED = (("heads", "place", "17"),)
