"""A text written token by token: what the model offers, what the filters leave, what the dart hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.explorers.text_writer import Choice, Settings, TextWriter
from course_utils.explorers.token_scores import entropy
from course_utils.plots.svg import above, shorten
from course_utils.plots.token_bars import TokenBar, percent, token_bars_svg
from course_utils.plots.token_line import TokenBox, token_line_svg, visible

SHOWN = 12  # likeliest tokens drawn as bars
KEPT = 256  # answers of the model that are remembered, at least
ALL = "all"
METHODS = ("sampling", "greedy")
TOP_KS = (*range(1, 11), 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)
MOST_SEEDS = 99


class GenerationExplorer(Explorer):
    """Type a prompt, move temperature, top-k and top-p, and write on token by token.

    Parameters
    ----------
    predict : callable
        Tokens so far (list of int) → log-probabilities (V,) of the next one, an array or a tensor. Called
        once for each list, which is one token longer than one asked for before, or a new prompt.
    encode : callable
        Text → tokens. A ValueError that it raises is shown to the reader.
    piece : callable
        Token → its text with its blanks.
    shape : callable
        ``shape(log_probabilities, temperature=…, top_k=…, top_p=…)`` → log-probabilities (V,), minus infinity
        for dropped tokens, such as `course_utils.decoding.sampling.shape_distribution`. It gets what
        `predict` returned; `top_k` and `top_p` may be None. A ValueError is shown to the reader.
    prompt : str
        Shown first.
    context : int
        Most tokens that `predict` reads.
    end : int, optional
        The token that finishes a text.
    darts : callable, optional
        ``darts(seed, n)`` → n numbers from 0 to below 1, one a step; by default numpy's. Probabilities lie
        side by side on a line from 0 to 1, and the token that the dart hits is drawn.
    decode : callable, optional
        Tokens → text; by default the pieces are joined.
    most_tokens : int
        The last step.
    step, method, temperature, top_k, top_p, seed
        Where the controls stand first; `top_k` may be "all".

    Notes
    -----
    The text depends on the controls alone: the same seed gives the same text. Greedy takes the likeliest
    token, whatever temperature, top-k, top-p and seed say.

    `state()` holds `tokens` and `pieces` (prompt and written), `written` (how many of them), `text`,
    `finished` (the end token came), `full` (no room in the context); `chosen`, a dict for each written token
    with `token`, `piece`, `log_probability` (the model's, in nats) and `probability` (after temperature and
    filters); `next`, the same for the token to come, None once the text has finished. Of the distribution
    shown: `candidates`, `candidate_tokens`, `ranks` (in the model's order, from 1), `before` (the model's
    probabilities), `after`, `rest_before`, `rest_after` (all others), `vocabulary` (V); `kept` (tokens left),
    `kept_mass` (theirs before the filters, after the temperature); `entropy_before`, `entropy_after`, in
    nats. Once a text has finished, it is the distribution that its end came from.

    References
    ----------
    Holtzman, Buys, Du, Forbes and Choi (2020), The Curious Case of Neural Text Degeneration.
    """

    name = "generation"

    def __init__(
        self,
        predict: Callable[[list[int]], Any],
        *,
        encode: Callable[[str], Sequence[int]],
        piece: Callable[[int], str],
        shape: Callable[..., Any],
        prompt: str,
        context: int,
        end: int | None = None,
        darts: Callable[[int, int], Any] | None = None,
        decode: Callable[[list[int]], str] | None = None,
        most_tokens: int = 24,
        step: int = 0,
        method: str = METHODS[0],
        temperature: float = 1.0,
        top_k: int | str = ALL,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> None:
        self._encode, self._piece, self._darts = encode, piece, darts or _throw
        self._context, self._end = context, end
        self._decode = decode or (lambda tokens: "".join(map(piece, tokens)))
        self._writer = TextWriter(predict, shape=shape, end=end, kept=max(KEPT, 2 * most_tokens + 2))
        offered = sorted({*TOP_KS, *([top_k] if isinstance(top_k, int) else [])})
        sampling = _sampling_controls(temperature, top_k=top_k, top_p=top_p, offered=offered)
        super().__init__(
            {
                "prompt": widgets.Text(value=prompt, description="prompt", continuous_update=False),
                "method": widgets.ToggleButtons(options=METHODS, value=method, description="method"),
                **sampling,
                "seed": widgets.IntSlider(value=seed, min=0, max=MOST_SEEDS, description="seed"),
                "step": widgets.IntSlider(value=step, min=0, max=most_tokens, description="tokens written"),
            }
        )

    # -- numbers -------------------------------------------------------------------------------------------

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Write as many tokens as asked for, and look at what comes next."""
        prompt = self._read(state["prompt"])
        settings = _settings(state)
        step, room = int(state["step"]), self._context - len(prompt)
        count = min(step, room) + 1
        darts = [float(dart) for dart in self._darts(int(state["seed"]), count)]
        choices = self._writer.write(prompt, settings=settings, darts=darts)
        finished = choices[-1].token == self._end and len(choices) < count
        written = choices if finished else choices[:-1]
        shown = choices[-1]
        tokens = [*prompt, *(choice.token for choice in written)]
        return {
            "tokens": tokens,
            "pieces": [visible(self._piece(token)) for token in tokens],
            "written": len(written),
            "text": self._decode(tokens),
            "finished": finished,
            "full": not finished and step > room,
            "chosen": [self._say(choice) for choice in written],
            "next": None if finished else self._say(shown),
            **self._distribution(shown, settings=settings),
            "used": settings,
            "marked": shown.token,
            "raw": [self._piece(token) for token in tokens],
        }

    def state(self) -> dict[str, Any]:
        """The control values and the numbers on the screen."""
        hidden = ("used", "marked", "raw")
        return {key: value for key, value in super().state().items() if key not in hidden}

    def _read(self, text: str) -> list[int]:
        """Tokens of the prompt."""
        if not text.strip():
            raise InputProblem("Type a prompt; the model needs at least one token to go on from.")
        try:
            tokens = [int(token) for token in self._encode(text)]
        except ValueError as refusal:
            raise InputProblem(f"This prompt cannot be read: {refusal}") from refusal
        if not tokens:
            raise InputProblem("Type a prompt with at least one token in it.")
        if len(tokens) > self._context:
            raise InputProblem(
                f"The prompt has {len(tokens)} tokens and the model reads {self._context}; shorten it."
            )
        return tokens

    def _distribution(self, shown: Choice, *, settings: Settings) -> dict[str, Any]:
        """The likeliest tokens before and after, and what the filters left."""
        before, after = shown.answer.probabilities, shown.probabilities
        rows = shown.answer.best(SHOWN)
        rows += [shown.token] if shown.token not in rows else []
        open_tokens = np.isfinite(shown.shaped)
        warmed = self._writer.unfiltered(shown.answer, settings)
        return {
            "candidate_tokens": rows,
            "candidates": [visible(self._piece(token)) for token in rows],
            "before": before[rows].tolist(),
            "after": after[rows].tolist(),
            "rest_before": max(0.0, float(before.sum() - before[rows].sum())),
            "rest_after": max(0.0, float(after.sum() - after[rows].sum())),
            "vocabulary": len(before),
            "kept": int(open_tokens.sum()),
            "kept_mass": float(warmed[open_tokens].sum()),
            "entropy_before": entropy(before),
            "entropy_after": entropy(after),
            "ranks": [shown.answer.rank(token) for token in rows],
        }

    def _say(self, choice: Choice) -> dict[str, Any]:
        return {
            "token": choice.token,
            "piece": visible(self._piece(choice.token)),
            "log_probability": float(choice.answer.log_probabilities[choice.token]),
            "probability": float(np.exp(choice.shaped[choice.token])),
        }

    # -- picture -------------------------------------------------------------------------------------------

    def draw(self, result: Mapping[str, Any]) -> str:
        """The tokens so far, and below them what may come next."""
        label = self.describe(result)
        line = token_line_svg(
            _boxes(result),
            title=_heading(result),
            label=label,
            names={"given": "prompt", "written": "written, with its probability"},
        )
        bars = token_bars_svg(
            _bars(result),
            names=("the model", "temperature and filters" if not result["used"].greedy else "greedy"),
            title=_finding(result),
            label=label,
            mark="the end, drawn here" if result["finished"] else "comes next",
        )
        data = {"written": result["written"], "kept": result["kept"], "finished": int(result["finished"])}
        return above(line, bars, label=label, data=data)

    def describe(self, result: Mapping[str, Any]) -> str:
        """What was written, what comes next, what the filters left."""
        parts = [f"{_heading(result)}: “{shorten(''.join(result['pieces']), length=300)}”."]
        best = [
            f"{piece} {percent(share)}"
            for piece, share in zip(result["candidates"], result["before"], strict=True)
        ][:5]
        parts.append(f"The model's likeliest next tokens: {', '.join(best)}.")
        parts.append(f"{_finding(result)}.")
        parts.append(
            f"Entropy {result['entropy_before']:.2f} nats, with the settings {result['entropy_after']:.2f}."
        )
        return " ".join(parts)


def _sampling_controls(
    temperature: float, *, top_k: int | str, top_p: float, offered: Sequence[int]
) -> dict[str, Any]:
    return {
        "temperature": widgets.FloatLogSlider(
            value=temperature,
            base=2,  # so that 0.5, 1 and 2 are steps of the slider, exactly
            min=-4,
            max=3,
            step=1 / 8,
            description="temperature",
            readout_format=".2f",
        ),
        "top_k": widgets.SelectionSlider(
            options=[*((str(k), k) for k in offered), (ALL, ALL)], value=top_k, description="top-k"
        ),
        "top_p": widgets.FloatSlider(
            value=top_p, min=0.05, max=1, step=0.05, description="top-p", readout_format=".2f"
        ),
    }


def _throw(seed: int, count: int) -> Any:
    return np.random.default_rng(seed).random(count)


def _settings(state: Mapping[str, Any]) -> Settings:
    """What the controls say; an InputProblem at temperature 0 or below."""
    if state["method"] not in METHODS:
        raise ValueError(f"method is one of {', '.join(METHODS)}.")
    top_k, top_p = state["top_k"], round(float(state["top_p"]), 6)
    return Settings(
        greedy=state["method"] == "greedy",
        temperature=float(state["temperature"]),
        top_k=None if top_k == ALL else int(top_k),
        top_p=None if top_p == 1 else top_p,
    )


def _boxes(result: Mapping[str, Any]) -> list[TokenBox]:
    given = len(result["raw"]) - result["written"]
    boxes = [
        TokenBox(piece, hover=f"{visible(piece)}: prompt, token {place + 1}")
        for place, piece in enumerate(result["raw"][:given])
    ]
    for place, (piece, one) in enumerate(zip(result["raw"][given:], result["chosen"], strict=True)):
        hover = (
            f"{one['piece']}: written token {place + 1}, probability {percent(one['probability'])} with the "
            f"settings; the model's log-probability {one['log_probability']:.4f}"
        )
        boxes.append(TokenBox(piece, "written", note=_whole_percent(one["probability"]), hover=hover))
    return boxes


def _whole_percent(share: float) -> str:
    return "<1 %" if share < 0.005 else f"{100 * share:.0f} %"


def _bars(result: Mapping[str, Any]) -> list[TokenBar]:
    rows = zip(
        result["candidates"], result["candidate_tokens"], result["before"], result["after"], result["ranks"],
        strict=True,
    )  # fmt: skip
    bars = [
        TokenBar(piece, (before, after), rank=rank, marked=token == result["marked"])
        for piece, token, before, after, rank in rows
    ]
    others = result["vocabulary"] - len(bars)
    if others:
        shares = (result["rest_before"], result["rest_after"])
        bars.append(TokenBar(f"the {others:,} others", shares, plain=True))
    return bars


def _heading(result: Mapping[str, Any]) -> str:
    given = len(result["tokens"]) - result["written"]
    end = ", finished" if result["finished"] else ", the context is full" if result["full"] else ""
    return f"{given} tokens of prompt, {result['written']} written{end}"


def _finding(result: Mapping[str, Any]) -> str:
    used, taken = result["used"], result["next"] or result["chosen"][-1]
    says = f"“{shorten(taken['piece'], length=16)}”"
    if used.greedy:
        return f"Greedy takes the likeliest: {says}"
    kept = f"{result['kept']:,} of {result['vocabulary']:,} tokens kept"
    mass = f", {percent(min(result['kept_mass'], 1.0))} of the mass" if result["kept_mass"] < 0.99995 else ""
    return f"{kept}{mass}; drawn: {says}"
