"""Two places of one word: the sentence around each, and what lies nearest to it, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.plots.placement import cut_to_width, text_width
from course_utils.plots.svg import ACCENT, INK, MUTED, draw_rect, draw_text, escape, svg_document

ROW, HEAD = 22, 52
NAME, NUMBER = 96, 52  # pixels for a piece and for its cosine
AROUND = 60  # letters looked at on either side of the word


@dataclass(frozen=True)
class Occurrence:
    """One place of a word in a sentence, and the pieces nearest to it."""

    name: str  # of the sentence
    text: str
    start: int
    end: int
    nearest: Sequence[tuple[str, float]]  # (piece, cosine), best first


def occurrences_svg(occurrences: Sequence[Occurrence], *, title: str, label: str, width: int = 640) -> str:
    """Draw a column for each occurrence: the words around it, and a bar for each near piece.

    Parameters
    ----------
    occurrences : sequence of Occurrence
    title : str
        The line above the columns.
    label : str
        Spoken description of the whole picture.

    Returns
    -------
    str
        SVG text; each bar carries `data-sentence`, `data-label` and `data-value`.
    """
    room = (width - 16 - 20 * (len(occurrences) - 1)) / max(len(occurrences), 1)
    parts = [
        draw_text(8, 18, cut_to_width(title, width=width - 16, size=13, bold=True), size=13, weight="bold")
    ]
    for column, one in enumerate(occurrences):
        x = 8 + column * (room + 20)
        parts.append(_excerpt(one, x=x, width=room))
        for row, (piece, score) in enumerate(one.nearest):
            parts.append(_bar(one.name, piece, score, x=x, y=HEAD + row * ROW, width=room))
        if not one.nearest:
            parts.append(draw_text(x, HEAD + 15, "no other piece in this sentence", size=12, fill=MUTED))
    rows = max((len(one.nearest) for one in occurrences), default=1)
    return svg_document("".join(parts), width=width, height=HEAD + max(rows, 1) * ROW + 10, label=label)


def _excerpt(one: Occurrence, *, x: float, width: float) -> str:
    """Name of the sentence, and the word in bold with as many of its neighbours as there is room for."""
    word = cut_to_width(one.text[one.start : one.end], width=width / 2, size=12, bold=True)
    before, behind = one.text[: one.start][-AROUND:], one.text[one.end :][:AROUND]
    room = width - text_width(f"{one.name}: ", size=12) - text_width(word, size=12, bold=True) - 14
    spare = text_width(behind, size=12) if len(one.text) - one.end <= AROUND else room
    left = _cut(before, width=max(room / 2, room - spare), more=one.start > AROUND, front=True)
    room = max(room - text_width(left, size=12), 12)
    right = _cut(behind, width=room, more=len(one.text) - one.end > AROUND)
    glue = " " if before[-1:].isspace() else ""
    space = " " if behind[:1].isspace() else ""
    return (
        f'<text x="{x:.1f}" y="42" font-size="12" fill="{INK}" xml:space="preserve" pointer-events="none">'
        f'<tspan fill="{MUTED}">{escape(one.name)}: </tspan>{escape(left + glue)}'
        f'<tspan font-weight="bold" fill="{ACCENT}">{escape(word)}</tspan>{escape(space + right)}</text>'
    )


def _cut(text: str, *, width: float, more: bool, front: bool = False) -> str:
    """As many whole words as fit, from the left or, with `front`, the right; an ellipsis for the rest."""
    words = text.split()
    if not more and text_width(" ".join(words), size=12) <= width:
        return " ".join(words)
    order, kept = (words[::-1] if front else words), []  # type: tuple[list[str], list[str]]
    if more:
        order = order[:-1]  # it may be half a word
    for word in order:
        if text_width(" ".join([*kept, word, "…"]), size=12) > width:
            break
        kept.append(word)
    return " ".join(["…", *kept[::-1]] if front else [*kept, "…"])


def _bar(sentence: str, piece: str, score: float, *, x: float, y: float, width: float) -> str:
    room = width - NAME - NUMBER
    data = {"sentence": sentence, "label": piece, "value": f"{score:.10g}"}
    length = max(min(score, 1.0), 0.0) * room
    name = cut_to_width(piece, width=NAME - 8, size=12)
    return (
        draw_text(x + NAME - 6, y + 14, name, size=12, anchor="end")
        + draw_rect(x + NAME, y + 3, length, ROW - 8, fill=ACCENT, hover=f"{piece}: {score:.4f}", data=data)
        + draw_text(x + NAME + length + 6, y + 14, f"{score:.3f}", size=12)
    )
