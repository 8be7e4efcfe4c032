"""Several rankings of the same documents side by side, and why each document was found, as SVG."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from course_utils.plots.placement import cut_to_width, text_width
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    data_attributes,
    draw_rect,
    draw_text,
    escape,
    svg_document,
    text_on,
)

TEXT = 13  # pixels: still more than 11 where a page shows the picture a seventh smaller
TOP, CARD, GAP = 64, 108, 8  # pixels: heading, one hit, between hits
COLOURS = OKABE_ITO[:7]  # yellow is too weak for a line on white
FOUND = "#00664a"  # of what is relevant: a bar, a hook and a word, not the colour alone
PALE = "#eef6f2"
BETWEEN = {1: 0, 2: 72, 3: 44}  # pixels between columns, by their number
SHOWN_LETTERS = 300  # of a document, under the pointer


@dataclass(frozen=True)
class Hit:
    """A document at its place in one ranking."""

    document: int  # its number, by which it is recognised in the other rankings
    title: str
    score: float
    text: str = ""  # its first words are shown
    why: Sequence[tuple[str, float]] = ()  # (term, contribution to the score), in any order


def rankings_svg(
    columns: Mapping[str, Sequence[Hit]],
    *,
    title: str,
    label: str,
    relevant: Collection[int] = (),
    notes: Mapping[str, str] | None = None,
    width: int = 960,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw one column a ranking, best hit on top; a document in several columns has one letter and lines.

    Parameters
    ----------
    columns : mapping of str to sequence of Hit
        One to three rankings. Scores of different rankings need not be on one scale: each bar is drawn
        against the largest score of its own column.
    title : str
        The finding, above the columns.
    label : str
        Spoken description of the whole picture.
    relevant : collection of int
        Documents that answer the query; their hits are marked by a bar, a hook and a word.
    notes : mapping of str to str, optional
        A remark beside the name of a column, such as how many of its hits are relevant.

    Returns
    -------
    str
        SVG text. Each hit is a group with `data-column`, `data-rank`, `data-document`, `data-score` and
        `data-relevant`, and its full text and reasons under the pointer; each line between columns is a
        path with `data-joins`.

    Raises
    ------
    ValueError
        If there is no column, or more than three.
    """
    if not 1 <= len(columns) <= 3:
        raise ValueError(f"A page holds one to three rankings side by side, not {len(columns)}.")
    between = BETWEEN[len(columns)]
    room = (width - 16 - between * (len(columns) - 1)) / len(columns)
    places = {name: 8 + column * (room + between) for column, name in enumerate(columns)}
    letters = _letters(columns)
    heading = cut_to_width(title, width=width - 16, size=15, bold=True)
    parts = [draw_text(8, 20, heading, size=15, weight="bold")]
    parts.append(_lines(columns, places, letters=letters, room=room))
    for name, hits in columns.items():
        parts.append(_heading(name, (notes or {}).get(name, ""), x=places[name], width=room))
        if not hits:
            parts.append(_nothing(places[name], room))
        longest = max((hit.score for hit in hits), default=0.0)
        for rank, hit in enumerate(hits, start=1):
            marks = {"column": name, "rank": rank, "document": hit.document, "score": f"{hit.score:.10g}"}
            marks["relevant"] = int(hit.document in relevant)
            card = _card(
                hit,
                (places[name], _top(rank), room),
                rank=rank,
                share=max(hit.score / longest, 0.0) if longest > 0 else 0.0,
                letter=letters.get(hit.document, ""),
                good=hit.document in relevant,
            )
            hover = f"<title>{escape(_hover(hit))}</title>"
            parts.append(f'<g class="hit"{data_attributes(marks)}>{hover}{card}</g>')
    height = _top(max(1, *(len(hits) for hits in columns.values())) + 1)
    return svg_document("".join(parts), width=width, height=height, label=label, data=data)


def say_reasons(why: Sequence[tuple[str, float]]) -> list[str]:
    """Terms with their contributions, those that matter most first: "engine +1.25"."""
    ordered = sorted(why, key=lambda reason: -abs(reason[1]))
    return [f"{term} {contribution:+.3g}" for term, contribution in ordered]


def _top(rank: int) -> float:
    return TOP + (rank - 1) * (CARD + GAP)


def _letters(columns: Mapping[str, Sequence[Hit]]) -> dict[int, str]:
    """A letter for each document that stands in more than one column, in order of first appearance."""
    seen: dict[int, int] = {}
    for hits in columns.values():
        for document in dict.fromkeys(hit.document for hit in hits):
            seen[document] = seen.get(document, 0) + 1
    common = [document for document, times in seen.items() if times > 1]
    return {document: _letter(place) for place, document in enumerate(common)}


def _letter(place: int) -> str:
    return chr(ord("A") + place % 26) * (place // 26 + 1)


def _colour(letter: str) -> str:
    return COLOURS[(ord(letter[0]) - ord("A")) % len(COLOURS)]


def _heading(name: str, note: str, *, x: float, width: float) -> str:
    """Name of a column with its note behind it."""
    shown = cut_to_width(name, width=width / 2, size=14, bold=True)
    start = x + text_width(shown, size=14, bold=True) + 12
    remark = cut_to_width(note, width=x + width - start, size=TEXT)
    head = draw_text(x, 46, shown, size=14, weight="bold", fill=ACCENT)
    return head + draw_text(start, 46, remark, size=TEXT, fill=MUTED)


def _lines(
    columns: Mapping[str, Sequence[Hit]],
    places: Mapping[str, float],
    *,
    letters: Mapping[int, str],
    room: float,
) -> str:
    """Curves that join the hits of one document in neighbouring columns."""
    parts = []
    for left, right in pairwise(columns):
        ranks = {hit.document: rank for rank, hit in enumerate(columns[right], start=1)}
        for rank, hit in enumerate(columns[left], start=1):
            if hit.document not in ranks:
                continue
            x1, x2 = places[left] + room, places[right]
            y1, y2 = _top(rank) + CARD / 2, _top(ranks[hit.document]) + CARD / 2
            middle = (x1 + x2) / 2
            way = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
            parts.append(
                f'<path d="{way}" fill="none" stroke="{_colour(letters[hit.document])}" stroke-width="2.5" '
                f'data-joins="{hit.document}" data-from="{escape(left)}" data-to="{escape(right)}"/>'
            )
    return "".join(parts)


def _card(
    hit: Hit,
    box: tuple[float, float, float],
    *,
    rank: int,
    share: float,
    letter: str,
    good: bool,
) -> str:
    """One hit: place, title and mark; score; first words; reasons."""
    x, y, width = box
    parts = [draw_rect(x, y, width, CARD, fill=PALE if good else "#ffffff", stroke=LINE)]
    if good:
        parts.append(draw_rect(x, y, 5, CARD, fill=FOUND))
    left, right = x + 12, x + width - 8
    if letter:
        size = 8 + 9 * len(letter)
        right -= size
        parts.append(draw_rect(right, y + 6, size, 18, fill=_colour(letter)))
        middle, ink = right + size / 2, text_on(_colour(letter))
        parts.append(draw_text(middle, y + 19, letter, size=TEXT, anchor="middle", fill=ink, weight="bold"))
        right -= 6
    if good:
        parts.append(
            draw_text(right, y + 19, "✓ relevant", size=TEXT, anchor="end", fill=FOUND, weight="bold")
        )
        right -= text_width("✓ relevant ", size=TEXT, bold=True)
    place = f"{rank}. "
    room = right - left - text_width(place, size=TEXT, bold=True)
    heading = place + _cut_title(hit.title, width=room)
    parts.append(draw_text(left, y + 19, heading, size=TEXT, weight="bold"))
    bar = (width - 20) * 0.5
    parts.append(draw_rect(left, y + 29, bar, 8, fill="#eaeef2"))
    parts.append(draw_rect(left, y + 29, bar * share, 8, fill=ACCENT))
    parts.append(draw_text(left + bar + 8, y + 38, f"score {hit.score:.4g}", size=TEXT, fill=INK))
    words = cut_to_width(hit.text, width=width - 22, size=TEXT)
    parts.append(draw_text(left, y + 58, words, size=TEXT, fill=MUTED))
    for line, reasons in enumerate(_reasons(hit.why, width=width - 22)):
        parts.append(draw_text(left, y + 79 + 18 * line, reasons, size=TEXT, fill=INK))
    return "".join(parts)


def _cut_title(title: str, *, width: float) -> str:
    """A title that fits; of a dotted name the end says most, so it loses its middle."""
    line = " ".join(title[:SHOWN_LETTERS].split())
    if " " in line or text_width(line, size=TEXT, bold=True) <= width:
        return cut_to_width(line, width=width, size=TEXT, bold=True)
    front = cut_to_width(line, width=width * 0.4, size=TEXT, bold=True).removesuffix("…")
    room = width - text_width(front, size=TEXT, bold=True)
    behind = cut_to_width(line[::-1], width=room, size=TEXT, bold=True).removesuffix("…")
    return f"{front}…{behind[::-1]}"


def _reasons(why: Sequence[tuple[str, float]], *, width: float) -> list[str]:
    """As many reasons as fit into two lines, an ellipsis for the rest."""
    if not why:
        return ["why: no single word explains it"]
    lines, left = ["why:"], len(why)
    for reason in say_reasons(why):
        term, _, number = reason.rpartition(" ")
        room = width - text_width(f"why:  {number} ·", size=TEXT)
        shown = f"{cut_to_width(term, width=room, size=TEXT)} {number}"
        longer = f"{lines[-1]} {shown}"
        end = " ·" if left > 1 else ""
        if text_width(longer + (end or " …"), size=TEXT) > width and len(lines) == 2:
            return [lines[0], lines[1].removesuffix(" ·") + " …"]
        if text_width(longer + end, size=TEXT) > width:
            lines.append(shown + end)
        else:
            lines[-1] = longer + end
        left -= 1
    return lines


def _hover(hit: Hit) -> str:
    text = " ".join(hit.text[: 4 * SHOWN_LETTERS].split())
    cut = text if len(text) <= SHOWN_LETTERS else text[: SHOWN_LETTERS - 1] + "…"
    reasons = ", ".join(say_reasons(hit.why))
    return f"{hit.title[:SHOWN_LETTERS]}\nscore {hit.score:.6g}{f': {reasons}' if reasons else ''}\n{cut}"


def _nothing(x: float, width: float) -> str:
    box = draw_rect(x, _top(1), width, CARD, fill="#ffffff", stroke=LINE)
    return box + draw_text(x + 12, _top(1) + 24, "found nothing", size=TEXT, fill=MUTED)
