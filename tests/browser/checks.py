"""What an explorer shows, compared number by number with what it should show."""

from __future__ import annotations

import math
from pathlib import Path

import nbformat
import numpy as np
import pytest
from build_notebooks import normalise
from explorer_view import Bar, ExplorerView
from notebook_page import NotebookPage
from notebook_rules import code_cells, is_checked
from scratch import similarities, softmax


def check_softmax(view: ExplorerView, *, scores: dict[str, float], temperature: float) -> None:
    """Every number of the softmax explorer."""
    expected = softmax(list(scores.values()), temperature=temperature)
    bars = view.bars()
    assert [bar.label for bar in bars] == list(scores)
    assert [bar.value for bar in bars] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert [bar.note for bar in bars] == [f"score {score:g}" for score in scores.values()]
    check_bar_texts(bars)
    bits = -sum(p * math.log2(p) for p in expected if p > 0)
    best = max(zip(expected, scores, strict=True))[1]
    assert f"{best} gets {expected.max():.3f}" in view.sentence()
    assert f"Entropy {bits:.2f} of at most {math.log2(len(scores)):.2f} bits" in view.sentence()
    state = view.state()
    assert state["probabilities"] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert state["entropy_bits"] == pytest.approx(bits, abs=1e-9)
    assert state["problem"] == view.status() == ""


def check_neighbours(
    view: ExplorerView,
    *,
    word: str,
    metric: str,
    k: int,
    words: list[str],
    seen: dict[str, int],
    vectors: np.ndarray,
    tolerance: float = 1e-4,
) -> None:
    """Every number of the neighbour explorer; words at equal distance may come in either order."""
    row = words.index(word)
    scores = similarities(vectors, row, metric=metric)
    ranked = np.sort(np.delete(scores, row))
    expected = ranked[:k] if metric == "euclidean" else ranked[::-1][:k]
    bars = view.bars()
    close = {"rel": tolerance, "abs": tolerance}
    assert [bar.value for bar in bars] == pytest.approx(expected, **close)
    assert len({bar.label for bar in bars} - {word}) == k
    assert [bar.value for bar in bars] == pytest.approx([scores[words.index(b.label)] for b in bars], **close)
    assert [bar.note for bar in bars] == [f"seen {seen[bar.label]:,}×" for bar in bars]
    check_bar_texts(bars)
    assert f"{bars[0].label} {bars[0].value:.3f}" in view.sentence()
    state = view.state()
    assert state["neighbours"] == [bar.label for bar in bars]
    assert state["scores"] == pytest.approx([bar.value for bar in bars], rel=1e-9)
    assert view.drawing("data-word") == word
    assert state["problem"] == view.status() == ""


def check_bar_texts(bars: list[Bar]) -> None:
    """Names and numbers beside the bars say what the bars carry; lengths are in proportion."""
    assert [bar.number for bar in bars] == [f"{bar.value:.3f}" for bar in bars]
    for bar in bars:
        assert bar.name == bar.label or (bar.name.endswith("…") and bar.label.startswith(bar.name[:-1]))
    longest = max(bars, key=lambda bar: bar.width)
    scale = longest.width / abs(longest.value)
    assert [bar.width for bar in bars] == pytest.approx([abs(bar.value) * scale for bar in bars], abs=0.2)


def check_matrix(
    view: ExplorerView, *, rows: list[str], columns: list[str], expected: np.ndarray, tolerance: float = 1e-4
) -> None:
    """Every cell of the co-occurrence explorer: value, written number, words on hover, and shade."""
    cells = view.cells()
    assert list(cells) == [(row, column) for row in rows for column in columns]
    shown = np.array([cell.value for cell in cells.values()]).reshape(len(rows), len(columns))
    np.testing.assert_allclose(shown, expected, rtol=tolerance, atol=tolerance)
    finite = [cell for cell in cells.values() if math.isfinite(cell.value)]
    for cell in cells.values():
        if math.isinf(cell.value):
            assert (cell.number, cell.fill) == ("–", "#ffffff")
            assert "never" in cell.hover
        else:
            assert cell.number in (None, f"{cell.value:.2f}", f"{cell.value:.0f}")
            assert cell.hover == f"{cell.row} × {cell.column}: {cell.value:.6g}"
    darkness = [cell.darkness for cell in sorted(finite, key=lambda cell: abs(cell.value))]
    if min(cell.value for cell in finite) >= 0:
        assert darkness == sorted(darkness), "a larger value has a lighter cell"
    np.testing.assert_allclose(np.array(view.state()["matrix"]), shown, rtol=1e-9)
    assert view.state()["problem"] == view.status() == ""


def cosines(rows: np.ndarray) -> np.ndarray:
    """Cosine of every row with every row."""
    lengths = np.sqrt((rows**2).sum(axis=1))
    return (rows @ rows.T) / np.outer(lengths, lengths)


def disagreements(notebook: NotebookPage, stored: Path) -> list[str]:
    """Checked cells on the page that say something else than in the stored notebook; [] if all agree."""
    page = nbformat.v4.new_notebook()
    for cell in notebook.code_cells():
        outputs = [nbformat.from_dict(output) for output in cell["outputs"]]
        page.cells.append(nbformat.v4.new_code_cell(cell["source"], outputs=outputs))
    normalise(page)
    kept = [pair for pair in code_cells(nbformat.read(stored, as_version=4)) if pair[1].source.strip()]
    found = []
    for (name, cell), again in zip(kept, page.cells, strict=False):  # a test may have appended cells
        assert cell.source == again.source, f"{name} is another cell on the page"
        if is_checked(cell) and said(cell) != said(again):
            found.append(f"{name}: stored {said(cell)}, on the page {said(again)}")
    assert any(is_checked(cell) for _, cell in kept), f"{stored.name} has no cell with checked output"
    return found


def said(cell: nbformat.NotebookNode) -> list[dict[str, str]]:
    """What nbval compares of a cell: its text in every form, no pictures."""
    pictures = {"image/png", "image/jpeg"}
    return [
        {mime: _joined(value) for mime, value in output["data"].items() if mime not in pictures}
        if "data" in output
        else {output["name"]: _joined(output["text"])}
        for output in cell.outputs
    ]


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
