"""Tokens of a text as boxes in lines, told apart by border and ground, each with a note, as SVG."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from course_utils.plots.hatch import draw_hatching
from course_utils.plots.placement import cut_to_width, text_width
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import (
    ACCENT,
    INK,
    MUTED,
    PAPER,
    data_attributes,
    draw_rect,
    draw_text,
    escape,
    svg_document,
)

TEXT, NOTE, BOX, GAP, LEFT, TOP = 13, 11, 24, 4, 8, 34  # pixels
NARROWEST = 14
MOST_LINES = 5
# kind → (what the key calls it, ground, border, width of the border, dashes)
LOOKS = {
    "given": ("given", "#eef1f4", MUTED, 1, ""),
    "written": ("written", "#ddecf7", ACCENT, 2, ""),
    "asked": ("?", PAPER, OKABE_ITO[1], 2, "4 3"),
    "hidden": ("hidden", PAPER, MUTED, 1, ""),
}
BOLD = ("written", "asked")
_SIGNS = {" ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥", "\N{NO-BREAK SPACE}": "␣"}


@dataclass(frozen=True)
class TokenBox:
    """One token.

    Attributes
    ----------
    piece : str
        Its text; blanks and characters that cannot be seen are written as signs.
    kind : {"given", "written", "asked", "hidden"}
    note : str
        Below the box.
    hover : str
    """

    piece: str
    kind: str = "given"
    note: str = ""
    hover: str = ""


@lru_cache(maxsize=4096)
def visible(piece: str) -> str:
    """A piece with its blanks as signs (␣ ⏎ ⇥) and what cannot be seen as its code, such as ⟨202E⟩."""
    return "".join(_SIGNS.get(letter) or _code_if_unseen(letter) for letter in piece) or "⟨nothing⟩"


def _code_if_unseen(letter: str) -> str:
    # Format marks (direction overrides, joiners), controls, halves of pairs, codes without a character.
    unseen = unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")
    return f"⟨{ord(letter):04X}⟩" if unseen else letter


def token_line_svg(
    tokens: Sequence[TokenBox],
    *,
    title: str,
    label: str,
    names: Mapping[str, str] | None = None,
    width: int = 640,
    data: Mapping[str, object] | None = None,
) -> str:
    """Draw tokens in as many lines as it takes; of a long text the last five.

    Parameters
    ----------
    tokens : sequence of TokenBox
    title, label : str
        The finding above the boxes, and the spoken description of the picture.
    names : mapping of kind to str, optional
        What the key calls each kind; kinds that do not occur are left out.

    Returns
    -------
    str
        SVG text; each box is a group with `data-place`, `data-kind`, `data-piece` and `data-note`.

    Raises
    ------
    ValueError
        If there is no token, or one is of an unknown kind.
    """
    if not tokens or any(one.kind not in LOOKS for one in tokens):
        raise ValueError(f"give at least one token, each of a kind among {', '.join(LOOKS)}.")
    lines = _break(tokens, room=width - 2 * LEFT)
    left_out = sum(len(line) for line in lines[:-MOST_LINES])
    parts = [
        draw_text(8, 20, cut_to_width(title, width=width - 16, size=13, bold=True), size=13, weight="bold")
    ]
    y = float(TOP)
    if left_out:
        parts.append(draw_text(LEFT, y + 10, f"… {left_out} tokens before these", size=NOTE, fill=MUTED))
        y += 18
    for line in lines[-MOST_LINES:]:
        parts += [_box(tokens[place], place, x, y, size) for place, x, size in line]
        noted = any(tokens[place].note for place, _, _ in line)
        y += BOX + (19 if noted else 6)
    key, height = _key(tokens, names or {}, y + 13)
    return svg_document("".join([*parts, key]), width=width, height=height, label=label, data=data)


def _break(tokens: Sequence[TokenBox], *, room: float) -> list[list[tuple[int, float, float]]]:
    """Lines of (place, left edge, width)."""
    lines: list[list[tuple[int, float, float]]] = [[]]
    x = float(LEFT)
    for place, one in enumerate(tokens):
        bold = one.kind in BOLD
        shown = cut_to_width(visible(one.piece), width=room / 2, size=TEXT, bold=bold)
        size = max(
            text_width(shown, size=TEXT, bold=bold) + 8, text_width(one.note, size=NOTE) + 2, NARROWEST
        )
        if x + size > LEFT + room and lines[-1]:
            lines.append([])
            x = float(LEFT)
        lines[-1].append((place, x, size))
        x += size + GAP
    return lines


def _box(one: TokenBox, place: int, x: float, y: float, size: float) -> str:
    _, ground, border, thick, dashes = LOOKS[one.kind]
    bold = one.kind in BOLD
    shown = cut_to_width(visible(one.piece), width=size - 4, size=TEXT, bold=bold)
    marks = {"place": place, "kind": one.kind, "piece": visible(one.piece), "note": one.note}
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    title = f"<title>{escape(one.hover)}</title>" if one.hover else ""
    rect = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{BOX}" rx="3" fill="{ground}" '
        f'stroke="{border}" stroke-width="{thick}"{dashed}/>'
    )
    parts = [rect]
    if one.kind == "hidden":
        parts.append(draw_hatching([(x, y, size, BOX)]))
        inner = text_width(shown, size=TEXT)
        parts.append(draw_rect(x + (size - inner) / 2, y + 4, inner, BOX - 8, fill=PAPER))
    ink = MUTED if one.kind == "hidden" else INK
    weight = "bold" if bold else "normal"
    parts.append(draw_text(x + size / 2, y + 17, shown, size=TEXT, anchor="middle", fill=ink, weight=weight))
    if one.note:
        parts.append(draw_text(x + size / 2, y + BOX + 12, one.note, size=NOTE, anchor="middle", fill=MUTED))
    return f'<g class="token"{data_attributes(marks)}>{title}{"".join(parts)}</g>'


def _key(tokens: Sequence[TokenBox], names: Mapping[str, str], y: float) -> tuple[str, float]:
    """What each kind that occurs is, and where the picture ends."""
    kinds = [kind for kind in LOOKS if any(one.kind == kind for one in tokens)]
    parts, x = [], float(LEFT)
    for kind in kinds:
        name, ground, border, thick, dashes = LOOKS[kind]
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(
            f'<rect x="{x:.1f}" y="{y - 9:.1f}" width="16" height="11" rx="2" fill="{ground}" '
            f'stroke="{border}" stroke-width="{thick}"{dashed}/>'
        )
        parts += [draw_hatching([(x, y - 9, 16, 11)])] if kind == "hidden" else []
        words = names.get(kind, name)
        parts.append(draw_text(x + 22, y, words, size=NOTE, fill=MUTED))
        x += 22 + text_width(words, size=NOTE) + 18
    return "".join(parts), y + 10
