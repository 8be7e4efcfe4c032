"""The tree that a beam search grows: which continuations live on, end or are cut, step by step, as SVG."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from course_utils.plots.placement import cut_to_width
from course_utils.plots.style import OKABE_ITO
from course_utils.plots.svg import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    PAPER,
    data_attributes,
    draw_text,
    escape,
    svg_document,
)

MOST_STEPS = 8  # columns that a page holds
TEXT = 12  # pixels
TOP, BOX, ROW, WIDTH, GAP = 70, 34, 40, 84, 32
BEST = OKABE_ITO[1]
# fate → (ground, border, dashes, ink, mark behind the word)
LOOKS = {
    "kept": ("#ddecf7", ACCENT, "", INK, ""),
    "finished": ("#ddf0e8", "#00664a", "", INK, " ✓"),
    "stopped": ("#fbeadb", "#8a4b00", "", INK, " …"),
    "cut": (PAPER, "#8c959f", "3 3", MUTED, ""),
}


class TreeNode(Protocol):
    """One token of the tree; `course_utils.decoding` gives such."""

    @property
    def parent(self) -> int | None:
        """Its place among the nodes; None: it is the first token."""

    @property
    def log_probability(self) -> float:
        """Of this token after its parents, in nats."""

    @property
    def total(self) -> float:
        """Sum of these from the first token on."""

    @property
    def length(self) -> int:
        """Tokens from the first one to this one, so the step."""

    @property
    def score(self) -> float:
        """What it is ranked by once it has ended."""

    @property
    def fate(self) -> str:
        """kept, finished, stopped or cut."""


def search_tree_svg(
    nodes: Sequence[TreeNode],
    *,
    texts: Sequence[str],
    title: str,
    label: str,
    best: Collection[int] = (),
    last: int | None = None,
    root: str = "begin",
    endings: Sequence[str] = (),
    width: int = 960,
) -> str:
    """Draw one column a step, the continuation with the greatest sum on top, a line to what each continues.

    Parameters
    ----------
    nodes : sequence of N TreeNode
        By step, then rank, as a search returns them.
    texts : sequence of N str
        The token of each node.
    title, label : str
        The finding above the tree, and its spoken description.
    best : collection of int
        Places of the nodes on the best path, drawn with a thick border.
    last : int, optional
        The last step shown, together with the seven before it; by default the last one there is.
    root : str
        What all continue.
    endings : sequence of str
        Lines written below the tree, such as the texts that were found.

    Returns
    -------
    str
        SVG text; each node shown is a group with `data-node`, `data-parent`, `data-step`, `data-rank`,
        `data-fate`, `data-log-probability`, `data-total`, `data-score` and `data-best`; each line a path
        with `data-joins`.

    Raises
    ------
    ValueError
        If there is no node, there are not as many texts as nodes, or `last` is no step of the tree.
    """
    if not nodes or len(texts) != len(nodes):
        raise ValueError(f"A tree needs nodes and a text for each, not {len(nodes)} and {len(texts)}.")
    steps = nodes[-1].length
    last = steps if last is None else last
    if not 1 <= last <= steps:
        raise ValueError(f"The tree has steps 1 to {steps}; {last} is none of them.")
    first = max(1, last - MOST_STEPS + 1)
    ranks = rank_in_step(nodes)
    shown = [place for place, node in enumerate(nodes) if first <= node.length <= last]
    corners = {place: _corner(nodes[place].length - first, ranks[place]) for place in shown}
    parts = [
        draw_text(8, 20, cut_to_width(title, width=width - 16, size=15, bold=True), size=15, weight="bold")
    ]
    parts.append(draw_text(8, 40, _key(), size=11, fill=MUTED))
    for column in range(last - first + 1):
        x = _corner(column, 1)[0] + WIDTH / 2
        parts.append(draw_text(x, TOP - 8, f"step {first + column}", size=11, anchor="middle", fill=MUTED))
    if first == 1:
        parts.append(draw_text(6, TOP - 8, cut_to_width(root, width=GAP, size=11), size=11, fill=MUTED))
    for place in sorted(shown, key=lambda one: one in best):  # the best path over the others
        parts.append(_join(nodes[place], place, corners=corners, thick=place in best))
    for place in shown:
        parts.append(
            _node(
                nodes[place],
                place,
                texts[place],
                corner=corners[place],
                rank=ranks[place],
                thick=place in best,
            )
        )
    bottom = max(y for _, y in corners.values()) + BOX + 24
    for row, line in enumerate(endings):
        parts.append(
            draw_text(8, bottom + 18 * row, cut_to_width(line, width=width - 16, size=TEXT), size=TEXT)
        )
    height = bottom + 18 * max(len(endings), 1) - 6
    return svg_document(
        "".join(parts), width=width, height=height, label=label, data={"first": first, "last": last}
    )


def rank_in_step(nodes: Sequence[TreeNode]) -> list[int]:
    """For each node its rank among those of its step, from 1."""
    ranks: list[int] = []
    for place, node in enumerate(nodes):
        same = place > 0 and nodes[place - 1].length == node.length
        ranks.append(ranks[-1] + 1 if same else 1)
    return ranks


def path_to(place: int, *, nodes: Sequence[TreeNode]) -> list[int]:
    """Places of the nodes from the first token to this one."""
    path = [place]
    while (parent := nodes[path[-1]].parent) is not None:
        path.append(parent)
    return path[::-1]


def _corner(column: int, rank: int) -> tuple[float, float]:
    return 8 + GAP + column * (WIDTH + GAP), TOP + (rank - 1) * ROW


def _key() -> str:
    return (
        "Below each word: sum of log-probabilities so far.  Blue: lives on · green ✓: finished · brown …: "
        "stopped at the greatest length · dashed: cut · thick: the best text"
    )


def _join(node: TreeNode, place: int, *, corners: dict[int, tuple[float, float]], thick: bool) -> str:
    """A line from what a node continues; from the left edge where that is not shown."""
    x, y = corners[place]
    if node.parent is None:
        start = (x - GAP + 4, _corner(0, 1)[1] + BOX / 2)
    elif node.parent in corners:
        start = (corners[node.parent][0] + WIDTH, corners[node.parent][1] + BOX / 2)
    else:
        start = (x - GAP / 2, y + BOX / 2)
    (x1, y1), (x2, y2) = start, (x, y + BOX / 2)
    middle = (x1 + x2) / 2
    parent = "begin" if node.parent is None else node.parent
    colour = BEST if thick else LINE if node.fate == "cut" else ACCENT
    look = f'stroke="{colour}" stroke-width="{3 if thick else 1.2}"'
    dashes = ' stroke-dasharray="3 3"' if node.fate == "cut" else ""
    way = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return f'<path d="{way}" fill="none" {look}{dashes} data-joins="{parent}-{place}"/>'


def _node(
    node: TreeNode, place: int, text: str, *, corner: tuple[float, float], rank: int, thick: bool
) -> str:
    x, y = corner
    ground, border, dashes, ink, mark = LOOKS[node.fate]
    marks = {
        "node": place,
        "parent": "" if node.parent is None else node.parent,
        "step": node.length,
        "rank": rank,
        "fate": node.fate,
        "log-probability": f"{node.log_probability:.10g}",
        "total": f"{node.total:.10g}",
        "score": f"{node.score:.10g}",
        "best": int(thick),
    }
    hover = (
        f"{text}: log-probability {node.log_probability:.4f}, sum {node.total:.4f}, score {node.score:.4f} "
        f"at length {node.length}; {node.fate}"
    )
    line = f'stroke="{BEST if thick else border}" stroke-width="{3 if thick else 1}"'
    dashed = f' stroke-dasharray="{dashes}"' if dashes and not thick else ""
    size = f'x="{x:.1f}" y="{y:.1f}" width="{WIDTH}" height="{BOX}"'
    box = f'<rect {size} rx="4" fill="{ground}" {line}{dashed}/>'
    word = cut_to_width(text + mark, width=WIDTH - 8, size=TEXT)
    middle = x + WIDTH / 2
    return (
        f'<g class="node"{data_attributes(marks)}><title>{escape(hover)}</title>{box}'
        + draw_text(middle, y + 14, word, size=TEXT, anchor="middle", fill=ink)
        + draw_text(middle, y + 28, f"{node.total:.2f}", size=11, anchor="middle", fill=ink)
        + "</g>"
    )
