"""One source's part in a beam search: which continuations live, end or are cut, and the tree they make.

`beam` says what the rules are and where they come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from course_utils.decoding.steps import Bounds, Hypothesis

PENALTY_KINDS = ("length", "wu")
STOPS = ("exact", "likely", "full")


class Node(NamedTuple):
    """One token of the tree that a search grows."""

    parent: int | None  # its place in the list of nodes; None: it is the first token
    token: int
    log_probability: float  # of this token after its parents, in nats
    total: float  # sum from the first token on
    length: int  # tokens from the first one to this one
    score: float  # total / length_norm(length)
    fate: str  # "kept": it lives on; "finished": the end token; "stopped": at the greatest length; "cut"


@dataclass(frozen=True)
class BeamResult:
    """What a beam found for one source."""

    hypotheses: tuple[Hypothesis, ...]  # at most `width`, best score first
    tree: tuple[Node, ...] = ()  # with `keep_tree`: all continuations that were looked at, by step, then rank

    @property
    def best(self) -> Hypothesis:
        """The hypothesis with the highest score."""
        return self.hypotheses[0]


def length_norm(length: int, *, penalty: float, kind: str = "length") -> float:
    """What a sum of log-probabilities is divided by, so that long texts stand a chance against short ones.

    Parameters
    ----------
    length : int
        Tokens, the end token included.
    penalty : float
        The exponent α; 0 gives 1, so plain sums.
    kind : str
        "length": length^α. "wu": ((5 + length) / 6)^α.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the kind is unknown or the penalty no number.
    """
    if kind not in PENALTY_KINDS:
        raise ValueError(f"penalty_kind {kind!r} is unknown; choose 'length' or 'wu'.")
    if not math.isfinite(penalty):
        raise ValueError(f"length_penalty is {penalty}; choose a number, 0 for plain sums.")
    return float(length if kind == "length" else (5 + length) / 6) ** penalty


@dataclass(frozen=True)
class Settings:
    """How one search goes; checked when made."""

    bounds: Bounds
    width: int
    penalty: float
    kind: str
    stop: str
    keep_tree: bool

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width is {self.width}; a beam holds at least 1 hypothesis.")
        if self.stop not in STOPS:
            raise ValueError(f"stop {self.stop!r} is unknown; choose one of {', '.join(STOPS)}.")
        self.score(-1.0, length=1)  # refuses a wrong penalty

    def score(self, total: float, *, length: int) -> float:
        """What a text with this sum of log-probabilities is ranked by."""
        return total / length_norm(length, penalty=self.penalty, kind=self.kind)

    def best_to_come(self, total: float, *, length: int) -> float:
        """The score that a live hypothesis can hope for: sums only fall, so at most today's sum."""
        grows = self.stop == "exact" and self.penalty > 0  # then the longest text divides most
        return self.score(total, length=self.bounds.max_length if grows else length)


class Candidate(NamedTuple):
    """A live hypothesis continued by one token."""

    total: float
    slot: int  # which live hypothesis it continues
    token: int
    log_probability: float


@dataclass
class Source:
    """One source's search: its nodes, those that live, and those that ended."""

    row: int  # among the sources
    settings: Settings
    nodes: list[Node] = field(default_factory=list)
    live: list[int | None] = field(default_factory=lambda: [None])  # places in `nodes`; None: the start
    ended: list[int] = field(default_factory=list)  # places in `nodes`, best score first
    best_live: float = 0.0  # greatest sum among those that live

    def grow(self, candidates: Iterable[Candidate], *, length: int) -> list[Candidate]:
        """Let each candidate, best first, live, end or be cut; return those that live."""
        kept: list[Candidate] = []
        places: list[int | None] = []
        for rank, candidate in enumerate(candidates):
            fate = self._judge(candidate, rank=rank, kept=len(kept), length=length)
            if fate == "cut" and not self.settings.keep_tree:
                continue
            score = self.settings.score(candidate.total, length=length)
            total, slot, token, gain = candidate
            self.nodes.append(Node(self.live[slot], token, gain, total, length, score, fate))
            if fate == "kept":
                kept.append(candidate)
                places.append(len(self.nodes) - 1)
            elif fate != "cut":
                self.ended.append(len(self.nodes) - 1)
        self.ended = sorted(self.ended, key=lambda place: -self.nodes[place].score)[: self.settings.width]
        self.live, self.best_live = places, kept[0].total if kept else -math.inf
        return kept

    def _judge(self, candidate: Candidate, *, rank: int, kept: int, length: int) -> str:
        bounds, width = self.settings.bounds, self.settings.width
        if candidate.token == bounds.end:
            return "finished" if rank < width else "cut"
        if length == bounds.max_length:
            return "stopped" if rank < width else "cut"
        return "kept" if kept < width else "cut"

    def is_done(self, *, length: int) -> bool:
        """Nothing lives, or nothing that lives can enter the ended ones."""
        if not self.live:
            return True
        if len(self.ended) < self.settings.width:
            return False
        hope = self.settings.best_to_come(self.best_live, length=length)
        return self.settings.stop == "full" or hope <= self.nodes[self.ended[-1]].score

    def result(self) -> BeamResult:
        """The ended hypotheses; raises ValueError if there is none."""
        if not self.ended:
            raise ValueError(
                f"source {self.row}: every text has probability 0; let the step leave some token open, "
                "besides the end token where min_length forbids that."
            )
        hypotheses = tuple(self._hypothesis(place) for place in self.ended)
        return BeamResult(hypotheses, tuple(self.nodes) if self.settings.keep_tree else ())

    def _hypothesis(self, place: int) -> Hypothesis:
        last = self.nodes[place]
        path = [last]
        while path[-1].parent is not None:
            path.append(self.nodes[path[-1].parent])
        tokens, gains = zip(*((node.token, node.log_probability) for node in reversed(path)), strict=True)
        return Hypothesis(tokens, gains, finished=last.fate == "finished", score=last.score)
