"""A hatched cell: its strokes stay inside, and it brings no id that two pictures could share."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils.plots.hatch import draw_hatched


@pytest.mark.parametrize("box", [(0, 0, 70, 24), (31.5, 8, 20, 60), (4, 4, 5, 5), (0, 0, 200, 10)])
def test_strokes_stay_in_the_cell_and_slant_alike(box):
    x, y, width, height = box
    root = ET.fromstring(f"<g>{draw_hatched(*box, hover='a < b', data={'key': 3})}</g>")
    cell, path = root
    assert (cell.get("fill"), cell.get("data-key"), cell[0].text) == ("#ffffff", "3", "a < b")
    ends = np.array(re.findall(r"M(\S+) (\S+?)L(\S+) (\S+?)(?=M|$)", path.get("d")), dtype=float)
    assert len(ends)
    assert (ends >= np.array([x, y] * 2) - 0.06).all()
    assert (ends <= np.array([x + width, y + height] * 2) + 0.06).all()
    np.testing.assert_allclose(ends[:, 0] - ends[:, 2], ends[:, 3] - ends[:, 1], atol=0.21)
    assert (ends[:, 3] >= ends[:, 1]).all()
    assert "id=" not in ET.tostring(root, encoding="unicode")
