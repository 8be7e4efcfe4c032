"""How long a reader waits: from a key press in JupyterLab to changed pixels in the browser.

Measured inside the page, so that neither the test tool nor its connection is part of the figure. The clock
starts when the page gets the key (a listener in the capture phase), and stops two animation frames after the
picture in the document has changed and, for a PNG, has been decoded: the first frame paints it, the second
comes when it has been painted. The kernel, the connection to it and the drawing lie in between.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

SVG_BUDGET = 50.0  # milliseconds, median
PNG_BUDGET = 150.0
YARDSTICK_IDLE = 38.0  # milliseconds that a bare slider takes on two idle cores
FRAMES = 25.0  # of them waiting for the screen: half a frame and a whole one, at 60 a second
WARM_UP = 6  # even, so that a slider ends where it began
PRESSES = 20
WAIT = 10_000  # milliseconds until a press counts as unanswered

# Sets window.nextPicture to a promise of [milliseconds, which picture]; the key is pressed afterwards.
WATCH = """([target, wait]) => {
    const picture = () => target.matches('img') ? target : target.querySelector('img, svg');
    const mark = () => { const now = picture(); return now ? now.src ?? now.outerHTML : ''; };
    const before = mark();
    let pressed = null;
    const listen = () => { pressed = performance.now(); };
    document.addEventListener('keydown', listen, { capture: true, once: true });
    window.nextPicture = new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('the picture did not change')), wait);
        const observer = new MutationObserver(async () => {
            const after = mark();
            if (pressed === null || after === '' || after === before) return;
            observer.disconnect();
            clearTimeout(late);
            const now = picture();
            if (now.decode) await now.decode();
            requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - pressed)));
        });
        observer.observe(target, { attributes: true, characterData: true, childList: true, subtree: true });
    });
    window.nextPicture.catch(() => {});
}"""


@dataclass(frozen=True)
class Control:
    """A control that is moved by keys, and the element in which its picture appears.

    `handle` and `picture` are Playwright locators.
    """

    name: str
    handle: Any
    picture: Any
    keys: Sequence[str] = ("ArrowRight", "ArrowLeft")


def press_once(control: Control, key: str) -> float:
    """Press one key and wait for the picture: milliseconds.

    Raises
    ------
    playwright.sync_api.Error
        If the picture does not change.
    """
    page = control.handle.page
    control.handle.focus()
    page.evaluate(WATCH, [control.picture.element_handle(), WAIT])
    page.keyboard.press(key)
    return float(page.evaluate("() => window.nextPicture"))


def measure_alternately(
    controls: Sequence[Control],
    *,
    presses: int = PRESSES,
    warm_up: int = WARM_UP,
    settle: Callable[[], None] | None = None,
) -> dict[str, list[float]]:
    """Press once on each control in turn, again and again.

    Parameters
    ----------
    controls : sequence of Control
    presses, warm_up : int
        Presses counted and not counted, on each control.
    settle : callable, optional
        Called before each press; waits until the kernel has nothing left to do.

    Returns
    -------
    dict of str to list of float
        For each control's name the milliseconds of its counted presses.
    """
    found: dict[str, list[float]] = {control.name: [] for control in controls}
    for number in range(warm_up + presses):
        for control in controls:
            if settle is not None:
                settle()
            milliseconds = press_once(control, control.keys[number % len(control.keys)])
            if number >= warm_up:
                found[control.name].append(milliseconds)
    return found


@dataclass(frozen=True)
class Latency:
    """Medians in milliseconds, and what may be asked on this machine at this moment."""

    median: float
    yardstick: float  # a bare slider and a line of text, pressed in turn with the control
    budget: float

    @property
    def allowed(self) -> float:
        """The budget; more where even the bare slider is slower than on an idle machine.

        The wait for the screen is the same everywhere; the rest grows as the bare slider's does.
        """
        slower = (self.yardstick - FRAMES) / (YARDSTICK_IDLE - FRAMES)
        return FRAMES + (self.budget - FRAMES) * max(1.0, slower)

    @property
    def within(self) -> bool:
        """Whether the control is as quick as asked."""
        return self.used <= 1.0

    @property
    def used(self) -> float:
        """How much of what is allowed the control takes; 1 is just quick enough."""
        return self.median / self.allowed


def measure_against_yardstick(
    control: Control, yardstick: Control, *, budget: float, rounds: int = 3, **options: Any
) -> Latency:
    """Latency of a control, pressed in turn with the yardstick; measured again while it is over the budget.

    A busy neighbour on the machine adds time and never takes any away, so of several rounds the best says
    most about the course.
    """
    best: Latency | None = None
    for _ in range(rounds):
        found = measure_alternately([control, yardstick], **options)
        now = Latency(
            statistics.median(found[control.name]), statistics.median(found[yardstick.name]), budget
        )
        best = now if best is None or now.used < best.used else best
        if best.within:
            break
    assert best is not None
    return best
