"""A hatched cell: its strokes stay inside, and it brings no id that two pictures could share."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils.plots.attention_marks import CellGrid, draw_masked
from course_utils.plots.hatch import GAP, draw_hatched, draw_hatching

BOXES = [(0, 0, 70, 24), (31.5, 8, 20, 60), (4, 4, 5, 5), (0, 0, 200, 10), (10.25, 7.75, 15, 15)]


def strokes(path):
    """left, lower end; right, upper end of each stroke: shape (N, 4)."""
    found = re.findall(r"M(\S+) (\S+?)l(\S+) (\S+?)(?=M|$)", path.get("d"))
    x, y, right, down = np.array(found, dtype=float).T
    return np.stack([x, y, x + right, y + down], axis=1)


@pytest.mark.parametrize("box", BOXES)
def test_strokes_stay_in_the_cell_and_slant_alike(box):
    x, y, width, height = box
    root = ET.fromstring(f"<g>{draw_hatched(*box, hover='a < b', data={'key': 3})}</g>")
    cell, path = root
    assert (cell.get("fill"), cell.get("data-key"), cell[0].text) == ("#ffffff", "3", "a < b")
    ends = strokes(path)
    assert len(ends) == np.ceil((width + height) / GAP) - 1
    assert (ends >= np.array([x, y] * 2) - 0.11).all()
    assert (ends <= np.array([x + width, y + height] * 2) + 0.11).all()
    np.testing.assert_allclose(ends[:, 2] - ends[:, 0], ends[:, 1] - ends[:, 3], atol=1e-9)
    assert (ends[:, 3] <= ends[:, 1]).all()
    # both ends lie on edges, and neighbouring strokes keep their distance
    lower = np.minimum(np.abs(ends[:, 0] - x), np.abs(ends[:, 1] - y - height))
    upper = np.minimum(np.abs(ends[:, 2] - x - width), np.abs(ends[:, 3] - y))
    np.testing.assert_allclose([lower, upper], 0, atol=0.16)
    np.testing.assert_allclose(np.diff(ends[:, 0] + ends[:, 1]), GAP, atol=0.21)
    assert "id=" not in ET.tostring(root, encoding="unicode")


def test_several_boxes_are_one_path_and_none_are_nothing():
    one = ET.fromstring(draw_hatching(BOXES[:2]))
    apart = [strokes(ET.fromstring(draw_hatching([box]))) for box in BOXES[:2]]
    np.testing.assert_array_equal(strokes(one), np.concatenate(apart))
    assert draw_hatching([]) == ""


def test_masked_neighbours_in_a_row_are_hatched_together():
    place = CellGrid(left=10, top=20, cell=15, row=12)
    cells = [
        (1, 2),
        (0, 1),
        (0, 0),
        (1, 0),
        (0, 3),
    ]  # in any order; (0, 3) and (1, 0) follow, but not in a row
    boxes = [(10, 20, 30, 12), (55, 20, 15, 12), (10, 32, 15, 12), (40, 32, 15, 12)]
    assert draw_masked(cells, place=place) == draw_hatching(boxes)
    assert draw_masked([], place=place) == ""
