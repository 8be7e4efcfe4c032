"""The tree of a beam search: every continuation that was looked at, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import ipywidgets as widgets

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.search_tree import MOST_STEPS, TreeNode, path_to, rank_in_step, search_tree_svg
from course_utils.plots.svg import shorten
from course_utils.text.vocab import UnknownWord

WIDEST = 8  # live hypotheses whose tree still fits on a page
DEEPEST = 45  # steps: more than the longest sentence of the course
KEPT = 64  # searches that are remembered


class Found(Protocol):
    """A text that a search found."""

    @property
    def tokens(self) -> Sequence[int]:
        """The end token included, if it came."""

    @property
    def score(self) -> float:
        """What it is ranked by."""

    @property
    def log_probability(self) -> float:
        """Of the whole text, in nats."""

    @property
    def finished(self) -> bool:
        """False if it was cut at the greatest length."""


class Node(TreeNode, Protocol):
    """A node that knows its token."""

    @property
    def token(self) -> int:
        """Its id."""


class Searched(Protocol):
    """What a beam search returns for one source, its tree kept."""

    @property
    def tree(self) -> Sequence[Node]:
        """All continuations that were looked at, by step, then rank."""

    @property
    def hypotheses(self) -> Sequence[Found]:
        """Best score first."""


class BeamExplorer(Explorer):
    """Type a sentence, widen the beam, and see which hypotheses survive.

    Parameters
    ----------
    search : callable
        ``search(words, width=…, length_penalty=…)`` returns an object with `tree` and `hypotheses`, as
        `course_utils.decoding.beam` does with its tree kept. Called once for each setting. What it refuses
        with a ValueError or `UnknownWord` is shown to the reader.
    sentence : str
        Shown first.
    word : callable
        From a token's id to its text.
    read : callable, optional
        From the typed text to words; unless given, lower case, cut at white space.
    width : int
        Live hypotheses at first, 1 to 8.
    length_penalty : float
        At first; a sum is divided by length to this power.
    depth : int
        The last step shown at first; seven steps before it are shown, too.

    Notes
    -----
    `state()` holds `words`; `hypotheses`, best first: each a dict with `text`, `score`, `total` (sum of
    log-probabilities in nats), `length` and `finished`; `nodes`, those on the screen: each a dict with
    `node`, `parent` (places in the whole tree), `step`, `rank`, `text`, `log_probability`, `total`, `score`,
    `fate` and `best`; `steps` and `looked_at`, of the whole search; `first` and `last`, the steps shown.

    References
    ----------
    Sutskever, Vinyals and Le (2014), Sequence to Sequence Learning with Neural Networks, section 3.2.
    """

    name = "beam"

    def __init__(
        self,
        search: Callable[..., Searched],
        *,
        sentence: str,
        word: Callable[[int], str],
        read: Callable[[str], Sequence[str]] | None = None,
        width: int = 4,
        length_penalty: float = 0.0,
        depth: int = MOST_STEPS,
    ) -> None:
        self._search, self._word = search, word
        self._read = read or (lambda text: text.lower().split())
        self._known: dict[tuple[tuple[str, ...], int, float], Searched] = {}
        super().__init__(
            {
                "sentence": widgets.Text(value=sentence, description="sentence", continuous_update=False),
                "width": widgets.IntSlider(value=width, min=1, max=WIDEST, description="beam width"),
                "penalty": widgets.FloatSlider(
                    value=length_penalty,
                    min=0,
                    max=2,
                    step=0.1,
                    description="length penalty",
                    readout_format=".1f",
                ),
                "depth": widgets.IntSlider(value=depth, min=1, max=DEEPEST, description="steps shown"),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Search, and pick the part of the tree that is shown."""
        words = self._words(state["sentence"])
        width, penalty = int(state["width"]), round(float(state["penalty"]), 6)
        found = self._found(words, width=width, penalty=penalty)
        steps = found.tree[-1].length
        last = min(int(state["depth"]), steps)
        first = max(1, last - MOST_STEPS + 1)
        best = set(self._best_path(found))
        return {
            "words": words,
            "hypotheses": [self._say(one) for one in found.hypotheses],
            "nodes": [one for one in self._nodes(found.tree, best=best) if first <= one["step"] <= last],
            "steps": steps,
            "looked_at": len(found.tree),
            "first": first,
            "last": last,
            "used": {"width": width, "penalty": penalty},
            "found": found,
            "best_path": best,
        }

    def state(self) -> dict[str, Any]:
        """The control values and the numbers on the screen."""
        hidden = ("found", "used", "best_path")
        return {key: value for key, value in super().state().items() if key not in hidden}

    def draw(self, result: Mapping[str, Any]) -> str:
        """The tree, and below it the texts that were found."""
        tree = result["found"].tree
        top = result["hypotheses"][0]
        return search_tree_svg(
            tree,
            texts=[self._word(node.token) for node in tree],
            title=f"{_settings(result)}: {top['text']}",
            label=self.describe(result),
            best=result["best_path"],
            last=result["last"],
            endings=[
                f"{place}. score {one['score']:.3f}, sum {one['total']:.3f}, {one['length']} tokens"
                f"{'' if one['finished'] else ' (not finished)'}: {one['text']}"
                for place, one in enumerate(result["hypotheses"], start=1)
            ],
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """Settings, what was looked at, and the texts found with their scores."""
        texts = "; ".join(
            f"{one['text']} (score {one['score']:.3f}, sum {one['total']:.3f})"
            for one in result["hypotheses"][:3]
        )
        source = shorten(" ".join(result["words"]), length=160)
        return (
            f"“{source}”: {_settings(result)}, {result['looked_at']} continuations in {result['steps']} "
            f"steps; shown are steps {result['first']} to {result['last']}. Best: {texts}."
        )

    def _words(self, text: str) -> tuple[str, ...]:
        if not text.strip():
            raise InputProblem("Type a sentence to translate.")
        try:
            words = tuple(self._read(text))
        except (ValueError, UnknownWord) as refusal:
            raise InputProblem(str(refusal)) from refusal
        if not words:
            raise InputProblem("Type a sentence to translate; there is no word in this one.")
        return words

    def _found(self, words: tuple[str, ...], *, width: int, penalty: float) -> Searched:
        """The search, made once for each setting."""
        key = (words, width, penalty)
        if key not in self._known:
            try:
                found = self._search(words, width=width, length_penalty=penalty)
            except (ValueError, UnknownWord) as refusal:
                raise InputProblem(f"This sentence cannot be translated: {refusal}") from refusal
            if not found.tree or not found.hypotheses:
                raise ValueError("The search returned no tree; let it keep its tree (keep_tree=True).")
            while len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = found
        return self._known[key]

    def _nodes(self, tree: Sequence[Node], *, best: Collection[int]) -> list[dict[str, Any]]:
        """The whole tree in words and numbers."""
        return [
            {
                "node": place,
                "parent": node.parent,
                "step": node.length,
                "rank": rank,
                "text": self._word(node.token),
                "log_probability": node.log_probability,
                "total": node.total,
                "score": node.score,
                "fate": node.fate,
                "best": place in best,
            }
            for place, (node, rank) in enumerate(zip(tree, rank_in_step(tree), strict=True))
        ]

    def _best_path(self, found: Searched) -> list[int]:
        """Places of the best hypothesis' tokens in the tree."""
        wanted = tuple(found.hypotheses[0].tokens)
        for place, node in enumerate(found.tree):
            if node.fate in ("finished", "stopped") and node.length == len(wanted):
                path = path_to(place, nodes=found.tree)
                if tuple(found.tree[one].token for one in path) == wanted:
                    return path
        raise ValueError("The best hypothesis is not in the tree; give the tree of the same search.")

    def _say(self, one: Found) -> dict[str, Any]:
        tokens = one.tokens[:-1] if one.finished else one.tokens
        return {
            "text": " ".join(self._word(token) for token in tokens) or "(nothing)",
            "score": one.score,
            "total": one.log_probability,
            "length": len(one.tokens),
            "finished": one.finished,
        }


def _settings(result: Mapping[str, Any]) -> str:
    used = result["used"]
    penalty = f", length penalty {used['penalty']:.1f}" if used["penalty"] else ""
    return f"Beam of {used['width']}{penalty}"
