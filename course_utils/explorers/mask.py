"""One piece of a sentence masked: what models guess in its place, and from which side they know it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import ipywidgets as widgets

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.explorers.token_scores import Answer, Asked, entropy
from course_utils.plots.svg import above, beside, shorten
from course_utils.plots.token_bars import TokenBar, percent, scale_end, token_bars_svg
from course_utils.plots.token_line import TokenBox, token_line_svg, visible

SHOWN = 5  # guesses of each model
KEPT = 256  # answers that are remembered
MOST_MODELS = 3
MOST_PLACES = 40  # of the slider
WIDEST = 10  # pieces on each side that the slider tells apart
ALL = "all"
SIDES = ("both sides", "left only", "right only")

Predict = Callable[[list[int], int], Any]


class Cut(Protocol):
    """A sentence in pieces, as `course_utils.text.pieces.Pieces`."""

    @property
    def ids(self) -> Sequence[int]:
        """T tokens."""

    @property
    def pieces(self) -> Sequence[str]:
        """T texts."""


@dataclass(frozen=True)
class _Question:
    """What the models are asked."""

    pieces: tuple[str, ...]
    whole: tuple[int, ...]  # only the place masked
    tokens: tuple[int, ...]  # and the hidden ones
    place: int
    truth: int | None  # token; None if the reader typed the mask
    hidden: tuple[int, ...]  # places


class MaskExplorer(Explorer):
    """Type a sentence, mask one of its pieces, hide others, and see what models guess.

    Parameters
    ----------
    models : mapping of str to callable
        One to three; each takes tokens (list of T int) and a place among them and returns log-probabilities
        (V,) of the token there, an array or a tensor. All know the same V tokens. Called once a question.
    cut : callable
        Text → object with `ids` and `pieces`, T each, such as ``lambda text: word_pieces.cut([text])[0]``. A
        ValueError that it raises is shown to the reader.
    piece : callable
        Token → its text.
    mask : int
        The token that stands for a masked piece.
    marks : collection of int
        Tokens that are neither masked nor hidden, such as those of [CLS] and [SEP].
    sentence : str
        Shown first. Where `cut` finds the mask token in it, the reader has masked a piece of their own: its
        truth is unknown, and the place goes among such pieces only.
    place : int
        Which piece is masked at first, from 1, marks not counted; beyond the end stands for the last.
    longest : int
        Most tokens of a sentence, marks among them.

    Notes
    -----
    A hidden piece is given to the models as a mask, too: they know that there is a piece and not which.

    `state()` holds `pieces`; `tokens`, as the models read them; `masked`, a place from 0; `truth` and
    `truth_token` (None if unknown); `hidden`, places; and in `answers`, for each model, `guesses` (dicts with
    `token`, `piece` and `probability`), `entropy` (nats), `probability`, `log_probability` (nats) and `rank`
    (from 1) of the truth, and the same with no piece hidden as `full_probability`, `full_log_probability` and
    `full_rank`.

    References
    ----------
    Devlin, Chang, Lee and Toutanova (2019), BERT: Pre-training of Deep Bidirectional Transformers.
    """

    name = "mask"

    def __init__(
        self,
        models: Mapping[str, Predict],
        *,
        cut: Callable[[str], Cut],
        piece: Callable[[int], str],
        mask: int,
        sentence: str,
        marks: Collection[int] = (),
        place: int = 1,
        longest: int = 64,
    ) -> None:
        if not 1 <= len(models) <= MOST_MODELS:
            raise ValueError(f"MaskExplorer compares 1 to {MOST_MODELS} models, not {len(models)}.")
        self._models, self._cut, self._piece = dict(models), cut, piece
        self._mask, self._marks, self._longest = mask, frozenset(marks), longest
        self._asked = Asked(kept=KEPT)
        widths = [(str(n), n) for n in range(WIDEST + 1)]
        super().__init__(
            {
                "sentence": widgets.Text(value=sentence, description="sentence", continuous_update=False),
                "place": widgets.IntSlider(value=place, min=1, max=MOST_PLACES, description="masked piece"),
                "context": widgets.SelectionSlider(
                    options=[*widths, (ALL, ALL)], value=ALL, description="seen within"
                ),
                "side": widgets.ToggleButtons(options=SIDES, value=SIDES[0], description="on"),
            }
        )

    # -- numbers -------------------------------------------------------------------------------------------

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Mask, hide, and ask every model twice: as hidden, and with nothing but the place masked."""
        asked = self._question(state)
        answers = {name: self._answer(name, asked) for name in self._models}
        return {
            "pieces": [visible(piece) for piece in asked.pieces],
            "tokens": list(asked.tokens),
            "masked": asked.place,
            "truth": None if asked.truth is None else visible(self._piece(asked.truth)),
            "truth_token": asked.truth,
            "hidden": list(asked.hidden),
            "answers": answers,
            "raw": asked.pieces,
        }

    def state(self) -> dict[str, Any]:
        """The control values and the numbers on the screen."""
        return {key: value for key, value in super().state().items() if key != "raw"}

    def _question(self, state: Mapping[str, Any]) -> _Question:
        """The sentence with one piece masked and others hidden."""
        if state["side"] not in SIDES:
            raise ValueError(f"side is one of {', '.join(SIDES)}.")
        if int(state["place"]) < 1:
            raise ValueError("place is counted from 1.")
        ids, pieces = self._read(state["sentence"])
        typed = [place for place, token in enumerate(ids) if token == self._mask]
        free = typed or [place for place, token in enumerate(ids) if token not in self._marks]
        if not free:
            raise InputProblem("Type a sentence with at least one piece that can be masked.")
        place = free[min(int(state["place"]), len(free)) - 1]
        whole = [self._mask if i == place else token for i, token in enumerate(ids)]
        width = len(ids) if state["context"] == ALL else int(state["context"])
        hidden = [
            i
            for i, token in enumerate(whole)
            if token not in self._marks and i != place and not _is_seen(i - place, width, side=state["side"])
        ]
        tokens = [self._mask if i in hidden else token for i, token in enumerate(whole)]
        truth = None if typed else ids[place]
        return _Question(tuple(pieces), tuple(whole), tuple(tokens), place, truth, tuple(hidden))

    def _read(self, text: str) -> tuple[list[int], list[str]]:
        if not text.strip():
            raise InputProblem("Type a sentence; one of its pieces will be masked.")
        try:
            found = self._cut(text)
        except ValueError as refusal:
            raise InputProblem(f"This sentence cannot be read: {refusal}") from refusal
        ids, pieces = [int(token) for token in found.ids], [str(piece) for piece in found.pieces]
        if len(ids) != len(pieces):
            raise ValueError(f"cut must give as many pieces as ids, not {len(pieces)} and {len(ids)}.")
        if len(ids) > self._longest:
            raise InputProblem(
                f"The sentence has {len(ids)} pieces and may have {self._longest}; shorten it."
            )
        return ids, pieces

    def _answer(self, name: str, asked: _Question) -> dict[str, Any]:
        """One model's guesses, and what it thinks of the truth."""
        answer, full = self._ask(name, asked.tokens, asked.place), self._ask(name, asked.whole, asked.place)
        shares = answer.probabilities
        return {
            "guesses": [
                {"token": token, "piece": visible(self._piece(token)), "probability": float(shares[token])}
                for token in answer.best(SHOWN)
            ],
            "entropy": entropy(shares),
            **_judge(answer, asked.truth),
            **{f"full_{key}": value for key, value in _judge(full, asked.truth).items()},
        }

    def _ask(self, name: str, tokens: tuple[int, ...], place: int) -> Answer:
        return self._asked.ask((name, tokens, place), lambda: self._models[name](list(tokens), place))

    # -- picture -------------------------------------------------------------------------------------------

    def draw(self, result: Mapping[str, Any]) -> str:
        """The sentence, and below it each model's guesses."""
        label, many = self.describe(result), len(self._models)
        least = scale_end([share for one in result["answers"].values() for share in _shares(one)])
        panels = [
            token_bars_svg(
                _bars(one, truth=result["truth"], token=result["truth_token"]),
                names=(name,),
                title=f"{name}: {_verdict(one)}",
                label=label,
                mark=_mark(one, hidden=len(result["hidden"])),
                least=least,
                width=640 if many == 1 else 480 if many == 2 else 320,
            )
            for name, one in result["answers"].items()
        ]
        picture = panels[0]
        for panel in panels[1:]:
            picture = beside(picture, panel, label=label)
        line = token_line_svg(
            _boxes(result),
            title=self._finding(result),
            label=label,
            names={"given": "seen", "asked": "masked", "hidden": "hidden from the models"},
            width=640 if many == 1 else 960,
        )
        data = {"masked": result["masked"], "hidden": len(result["hidden"])}
        return above(line, picture, label=label, data=data)

    def describe(self, result: Mapping[str, Any]) -> str:
        """What is masked, what is hidden, what each model guesses and how far it was off."""
        hidden = len(result["hidden"])
        parts = [f"{self._finding(result)}.", f"{hidden} of {len(result['pieces'])} pieces are hidden."]
        for name, one in result["answers"].items():
            best = ", ".join(f"{guess['piece']} {percent(guess['probability'])}" for guess in one["guesses"])
            parts.append(f"{name}: {best}.")
            if result["truth"] is not None:
                parts.append(
                    f"The masked piece gets {percent(one['probability'])}, rank {one['rank']:,}; with "
                    f"nothing hidden {percent(one['full_probability'])}, rank {one['full_rank']:,}."
                )
        return " ".join(parts)

    def _finding(self, result: Mapping[str, Any]) -> str:
        if result["truth"] is None:
            return f"What stands at the mask, piece {result['masked'] + 1}?"
        name, one = next(iter(result["answers"].items()))
        what = f"“{shorten(result['truth'], length=24)}” is masked: {shorten(name, length=24)} gives it"
        if not result["hidden"]:
            return f"{what} {percent(one['probability'])}"
        return (
            f"{what} {percent(one['probability'])}; with all pieces seen {percent(one['full_probability'])}"
        )


def _is_seen(offset: int, width: int, *, side: str) -> bool:
    """Whether a piece so far to the right of the masked one (negative: left) is shown to the models."""
    right_way = side == SIDES[0] or (offset < 0) == (side == SIDES[1])
    return right_way and abs(offset) <= width


def _judge(answer: Answer, truth: int | None) -> dict[str, Any]:
    if truth is None:
        return {"probability": None, "log_probability": None, "rank": None}
    return {
        "probability": float(answer.probabilities[truth]),
        "log_probability": float(answer.log_probabilities[truth]),
        "rank": answer.rank(truth),
    }


def _shares(one: Mapping[str, Any]) -> list[float]:
    return [guess["probability"] for guess in one["guesses"]] + [one["probability"] or 0.0]


def _mark(one: Mapping[str, Any], *, hidden: int) -> str:
    """What ▸ means; with pieces hidden also how well the model did without that."""
    if one["rank"] is None or not hidden:
        return "masked"
    return f"masked; all seen: rank {one['full_rank']:,}, {percent(one['full_probability'])}"


def _bars(one: Mapping[str, Any], *, truth: str | None, token: int | None) -> list[TokenBar]:
    """The guesses, and the truth below them if it is none of them."""
    bars = [
        TokenBar(guess["piece"], (guess["probability"],), rank=rank, marked=guess["token"] == token)
        for rank, guess in enumerate(one["guesses"], start=1)
    ]
    if truth is not None and not any(bar.marked for bar in bars):
        bars.append(TokenBar(truth, (one["probability"],), rank=one["rank"], marked=True))
    return bars


def _verdict(one: Mapping[str, Any]) -> str:
    if one["rank"] is None:
        return f"“{shorten(one['guesses'][0]['piece'], length=20)}” first"
    return f"rank {one['rank']:,}"


def _boxes(result: Mapping[str, Any]) -> list[TokenBox]:
    boxes = []
    for place, piece in enumerate(result["raw"]):
        kind = "asked" if place == result["masked"] else "hidden" if place in result["hidden"] else "given"
        says = {"asked": "masked", "hidden": "hidden", "given": "seen"}[kind]
        boxes.append(TokenBox(piece, kind, hover=f"{visible(piece)}: piece {place + 1}, {says}"))
    return boxes
