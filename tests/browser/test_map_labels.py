"""Labels of full maps in a real browser: none covers another, whatever letters they hold."""

from itertools import combinations

import numpy as np
import pytest

from course_utils.plots.scatter import scatter_svg

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("maps")]

WORDS = [
    "communication",
    "mummy",
    "island",
    "ill",
    "sodium",
    "WAVE",
    "海洋",
    "🌊",
    "swimming",
    "שלום",
    "море",
]
# A line of text is some pixels higher than its letters.
BOXES = """texts => texts.map(text => {
    const box = text.getBBox();
    return [text.textContent, box.x, box.y + 2, box.x + box.width, box.y + box.height - 2];
})"""


@pytest.fixture(scope="module")
def blank_page(context):
    page = context.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("highlighted", [0, 8, 50])
@pytest.mark.parametrize("seed", range(3))
def test_labels_do_not_overlap(blank_page, seed, highlighted):
    points = np.random.default_rng(seed).standard_normal((340, 2))
    labels = [f"{WORDS[i % len(WORDS)]}{i}" for i in range(340)]
    options = {"highlight": range(highlighted), "corner": "trustworthiness 0.91, continuity 0.93"}
    svg = scatter_svg(points, labels=labels, title="t", label="l", x_label="12.3% of the variance", **options)
    blank_page.set_content(svg)
    boxes = blank_page.locator("text").evaluate_all(BOXES)
    assert len(boxes) > 30
    assert [(one[0], other[0]) for one, other in combinations(boxes, 2) if meet(one, other)] == []


def meet(one, other):
    """Whether two boxes (text, left, top, right, bottom) share any pixel."""
    return all(min(one[i + 2], other[i + 2]) > max(one[i], other[i]) for i in (1, 2))
