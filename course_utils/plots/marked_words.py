"""Sentences one below the other, some of their words marked, each with a score and a remark, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.plots.placement import cut_to_width, text_width
from course_utils.plots.svg import ACCENT, LINE, MUTED, PAPER, draw_rect, draw_text, svg_document

TEXT, BOX, GAP = 13, 24, 4  # pixels: letters, height of a word's box, between boxes
MARKED = "#cfe3f2"
LEFT, RIGHT = 12, 150  # pixels: before the words, and for the scores behind them
HEAD, FOOT = 24, 34


@dataclass(frozen=True)
class MarkedSentence:
    """A sentence of n words."""

    name: str
    words: Sequence[str]
    marks: Sequence[bool]  # one a word
    remark: str = ""  # below the words, such as what they mean
    score: float | None = None  # drawn as a bar


def marked_words_svg(
    sentences: Sequence[MarkedSentence],
    *,
    title: str,
    label: str,
    score_name: str = "",
    limit: float = 100.0,
    width: int = 960,
) -> str:
    """Draw each sentence as a row of words in boxes, marked ones filled, the others with a dashed border.

    Parameters
    ----------
    sentences : sequence of MarkedSentence
    title, label : str
        The finding above the rows, and its spoken description.
    score_name : str
        What the bars show.
    limit : float
        Score that fills a bar.

    Returns
    -------
    str
        SVG text; each word is a rectangle with `data-sentence`, `data-place` and `data-marked`, each bar one
        with `data-sentence` and `data-score`.

    Raises
    ------
    ValueError
        If there is no sentence, or one has not as many marks as words.
    """
    if not sentences or any(len(one.words) != len(one.marks) for one in sentences):
        raise ValueError("Give at least one sentence, and one mark for each of its words.")
    shown = cut_to_width(title, width=width - 16, size=15, bold=True)
    parts, y = [draw_text(8, 20, shown, size=15, weight="bold")], 44.0
    for number, one in enumerate(sentences):
        parts.append(draw_text(LEFT, y, one.name, size=TEXT, weight="bold"))
        if one.score is not None:
            parts.append(_bar(one.score, number, y, name=score_name, limit=limit, width=width))
        boxes, y = _words(one, number, y + 8, room=width - RIGHT)
        parts.append(boxes)
        if one.remark:
            remark = cut_to_width(one.remark, width=width - 2 * LEFT, size=12)
            parts.append(draw_text(LEFT, y + 14, remark, size=12, fill=MUTED))
        y += FOOT + (10 if one.remark else 0)
    return svg_document("".join(parts), width=width, height=y - HEAD + 4, label=label)


def _words(one: MarkedSentence, number: int, y: float, *, room: float) -> tuple[str, float]:
    """The boxes, in as many lines as it takes, and where they end."""
    x, parts = float(LEFT), []
    for place, (word, marked) in enumerate(zip(one.words, one.marks, strict=True)):
        shown = cut_to_width(word, width=room / 2, size=TEXT)
        size = text_width(shown, size=TEXT) + 10
        if x + size > room and x > LEFT:
            x, y = float(LEFT), y + BOX + GAP
        data = {"sentence": number, "place": place, "marked": int(marked)}
        box = draw_rect(
            x, y, size, BOX, fill=MARKED if marked else PAPER, stroke=ACCENT if marked else MUTED, data=data
        )
        parts.append(box if marked else box.replace("<rect ", '<rect stroke-dasharray="3 3" ', 1))
        parts.append(draw_text(x + size / 2, y + 17, shown, size=TEXT, anchor="middle"))
        x += size + GAP
    return "".join(parts), y + BOX


def _bar(score: float, number: int, y: float, *, name: str, limit: float, width: int) -> str:
    left, room = width - RIGHT + 14, RIGHT - 28
    data = {"sentence": number, "score": f"{score:.10g}"}
    return (
        draw_text(left, y, f"{name} {score:.2f}", size=TEXT, weight="bold")
        + draw_rect(left, y + 8, room, 14, fill=PAPER, stroke=LINE)
        + draw_rect(left, y + 8, room * min(max(score / limit, 0.0), 1.0), 14, fill=ACCENT, data=data)
    )
