"""The explorers of lessons 16 and 17 for measuring latency, and the same pictures by `interact` and pyplot.

Sizes are those of the lessons: a vocabulary of 4,096, twelve tokens written, a sentence of 17 pieces. Random
numbers stand in for trained models, since what a model costs is no part of moving a slider.
"""

from __future__ import annotations

NUMBERS = """from types import SimpleNamespace

import numpy as np
import torch

generation_rng = np.random.default_rng(0)
next_scores = torch.tensor(2.2 * generation_rng.normal(size=(64, 4_096))).float().log_softmax(dim=-1)"""

GENERATION = """from course_utils.decoding.sampling import shape_distribution
from course_utils.explorers.generation import GenerationExplorer

generation_explorer = GenerationExplorer(
    lambda tokens: next_scores[(7 * sum(tokens) + len(tokens)) % 64],
    encode=lambda text: [len(word) for word in text.split()], piece=lambda token: f" word{token}",
    shape=shape_distribution, prompt="the city was built on a hill in", context=128,
    step=12, top_k=50, top_p=0.9,
)
generation_explorer"""

MASK = """from course_utils.explorers.mask import MaskExplorer

mask_explorer = MaskExplorer(
    {
        name: lambda tokens, place, shift=shift: next_scores[(7 * sum(tokens) + place + shift) % 64].numpy()
        for shift, name in enumerate(("trained", "untrained", "unigram"))
    },
    cut=lambda text: SimpleNamespace(
        ids=[1, *(len(word) + 9 for word in text.split()), 2], pieces=["[CLS]", *text.split(), "[SEP]"]
    ),
    piece=lambda token: f"word{token}", mask=3, marks=(1, 2), place=5,
    sentence="the king of France was crowned in the old cathedral of Reims on a Sunday",
)
mask_explorer"""

# ---- the same pictures by ipywidgets.interact and pyplot ---------------------------------------------

GENERATION_PEER = """def generation_peer(temperature):
    seen = generation_explorer.compute({**generation_explorer.state(), "temperature": temperature})
    figure, ax = plt.subplots(figsize=(6.4, 5.4))
    places = np.arange(len(seen["candidates"]))
    for shift, when in ((-0.2, "before"), (0.2, "after")):
        bars = ax.barh(places + shift, seen[when], height=0.4, label=when)
        ax.bar_label(bars, [f"{100 * share:.1f} %" for share in seen[when]])
    ax.set_yticks(places, seen["candidates"])
    ax.invert_yaxis()
    ax.legend()
    ax.set_title(seen["text"])
    plt.show()


in_class(
    widgets.interact(
        generation_peer, temperature=widgets.FloatLogSlider(value=1, base=2, min=-4, max=3, step=0.125)
    ),
    "generation",
)"""

MASK_PEER = """def mask_peer(place):
    seen = mask_explorer.compute({**mask_explorer.state(), "place": place})
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3))
    for ax, (name, answer) in zip(axes, seen["answers"].items()):
        shares = [guess["probability"] for guess in answer["guesses"]]
        bars = ax.barh([guess["piece"] for guess in answer["guesses"]], shares)
        ax.bar_label(bars, [f"{100 * share:.1f} %" for share in shares])
        ax.invert_yaxis()
        ax.set_title(f"{name}: rank {answer['rank']}")
    figure.suptitle(" ".join(seen["pieces"]))
    plt.show()


in_class(widgets.interact(mask_peer, place=widgets.IntSlider(value=5, min=1, max=40)), "mask")"""

EXPLORERS = [GENERATION, MASK]
PEERS = [GENERATION_PEER, MASK_PEER]
# Name, slider that is moved, and lesson; both are SVG.
MOVED = (("generation", "temperature", "16"), ("mask", "place", "17"))
