"""An explorer as a reader meets it: controls answered by keys, numbers read off the picture."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from notebook_page import NotebookPage
    from playwright.sync_api import Locator

BARS = """rects => rects.map(rect => {
    const number = rect.nextElementSibling, note = number.nextElementSibling;
    return { label: rect.dataset.label, value: rect.dataset.value, width: rect.getAttribute('width'),
        name: rect.previousElementSibling.textContent, number: number.textContent, note: note.textContent };
})"""
CELLS = """rects => {
    const place = (element, name) => Number(element.getAttribute(name));
    const texts = rects.length ? [...rects[0].ownerSVGElement.querySelectorAll('text[x], tspan[x]')] : [];
    const inside = (text, rect) => {
        const right = place(text, 'x') - place(rect, 'x'), down = place(text, 'y') - place(rect, 'y');
        return !text.hasAttribute('transform') && 0 < right && right < place(rect, 'width')
            && 0 < down && down < place(rect, 'height');
    };
    return rects.map(rect => ({
        row: rect.dataset.row, column: rect.dataset.column, value: rect.dataset.value,
        fill: rect.getAttribute('fill'), hover: rect.querySelector('title').textContent,
        number: texts.find(text => inside(text, rect))?.textContent ?? null
    }));
}"""
CHANGED = "([root, picture, before]) => root.querySelector(picture)?.innerHTML !== before"


@dataclass(frozen=True)
class Bar:
    """One bar of a bar chart: what it carries and what is written beside it."""

    label: str
    value: float
    width: float
    name: str
    number: str
    note: str


@dataclass(frozen=True)
class Cell:
    """One cell of a matrix; `number` is None where there was no room to write it."""

    row: str
    column: str
    value: float
    fill: str
    number: str | None
    hover: str

    @property
    def darkness(self) -> int:
        """0 for white, 765 for black."""
        return 765 - sum(int(self.fill[i : i + 2], 16) for i in (1, 3, 5))


class ExplorerView:
    """One explorer on the page.

    Parameters
    ----------
    notebook : NotebookPage
    name : str
        The explorer's `name`, which begins its CSS classes.
    variable : str
        The variable that holds it; the cell that shows it ends with this line.
    """

    def __init__(self, notebook: NotebookPage, name: str, *, variable: str) -> None:
        self.notebook, self.name, self.variable = notebook, name, variable
        self.page = notebook.page
        self.root: Locator = notebook.cell_of(variable).locator(f".course-{name}")
        self.root.wait_for()
        self.root.scroll_into_view_if_needed()
        self.picture = self.part("picture")

    def part(self, part: str) -> Locator:
        """A control, or the picture, text or status line."""
        return self.root.locator(f".course-{self.name}-{part}")

    def handle(self, control: str) -> Locator:
        """What the keyboard moves: the slider's handle or the text field."""
        return self.part(control).locator(".noUi-handle, input")

    # -- what a reader does ----------------------------------------------------------------------

    def press(self, control: str, key: str) -> None:
        """One key on a slider or in a text field."""
        self.handle(control).press(key)

    def choose(self, control: str, option: str) -> None:
        """Take another of a few options, with a key where they are buttons."""
        buttons = self.part(control).locator("button")
        if buttons.count():
            buttons.get_by_text(option, exact=True).press("Space")
        else:
            self.part(control).locator("select").select_option(label=option)

    def fill(self, control: str, text: str) -> None:
        """Paste a text into a field, in place of what it holds."""
        self.handle(control).fill(text)

    def set_state(self, **values: Any) -> None:
        """Move controls from Python, and wait until the page shows it."""
        arguments = ", ".join(f"{key}={value!r}" for key, value in values.items())
        self.notebook.ask(f"{self.variable}.set_state({arguments})['problem']")
        self.notebook.settle()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """What is done inside must change the picture in the document and on the screen."""
        self.notebook.settle()  # answers to earlier keys may still be replacing the picture
        before, pixels = self.markup(), self.pixels()
        yield
        arguments = [self.root.element_handle(), f".course-{self.name}-picture", before]
        self.page.wait_for_function(CHANGED, arg=arguments)
        self.notebook.settle()
        after = self.pixels()
        assert after.shape != pixels.shape or (after != pixels).any(), "the picture on the screen is the same"

    # -- what a reader sees ----------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """`state()` in the kernel."""
        found: dict[str, Any] = self.notebook.ask(f"{self.variable}.state()")
        return found

    def markup(self) -> str:
        """The picture in the document."""
        return self.picture.inner_html()

    def pixels(self) -> np.ndarray:
        """The picture on the screen, as an array of shape (height, width, 3)."""
        from PIL import Image

        return np.asarray(Image.open(io.BytesIO(self.picture.screenshot())).convert("RGB"))

    def drawing(self, attribute: str) -> str | None:
        """An attribute of the whole picture, such as ``data-temperature`` or ``aria-label``."""
        return self.picture.locator("svg").first.get_attribute(attribute)  # a part may be one, too

    def bars(self) -> list[Bar]:
        """All bars, top to bottom."""
        found = self.picture.locator("rect[data-label]").evaluate_all(BARS)
        return [Bar(**{**b, "value": float(b["value"]), "width": float(b["width"])}) for b in found]

    def cells(self) -> dict[tuple[str, str], Cell]:
        """All cells of a matrix, by row and column."""
        found = self.picture.locator("rect[data-row]").evaluate_all(CELLS)
        return {(c["row"], c["column"]): Cell(**{**c, "value": float(c["value"])}) for c in found}

    def sentence(self) -> str:
        """The sentence below the picture."""
        return self.part("text").inner_text().strip()

    def status(self) -> str:
        """The message above the picture, empty when all is well."""
        return self.part("status").inner_text().strip()
