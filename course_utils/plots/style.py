"""The course's hand: figure sizes, colours and axes that every matplotlib picture shares."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's eight colours, told apart by colour-blind readers (Okabe and Ito 2008, "Color
# Universal Design"); black first, yellow last because it is weak on white.
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DOTS_PER_INCH = 100


def new_figure(*, width: int = 640, height: int = 400, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A blank figure and its axes, left to right.

    `matplotlib.figure.Figure` and not pyplot: JupyterLab runs widget callbacks on a second thread,
    where pyplot is not safe, and a plain Figure needs no closing.

    Parameters
    ----------
    width, height : int
        Size in pixels on the page.
    columns : int
        Number of panels side by side.
    """
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(width / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH, layout="constrained"
    )
    figure.set_facecolor("white")
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for ax in axes:
        style_axes(ax)
    return figure, axes


def axes_or_new(ax: Axes | None, *, width: int = 640, height: int = 400) -> Axes:
    """The axes given, or those of a new one-panel figure (reachable as `ax.figure`)."""
    return ax if ax is not None else new_figure(width=width, height=height)[1][0]


def style_axes(ax: Axes) -> None:
    """Two spines, quiet grid, text of at least 11 pixels."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color="#d0d7de", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=9)
    ax.title.set_fontsize(11)
    ax.xaxis.label.set_fontsize(10)
    ax.yaxis.label.set_fontsize(10)


def figure_to_png(figure: Figure, *, scale: float = 1.5) -> bytes:
    """PNG bytes of a figure, without going through pyplot; compressed little, because a reader waits."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas, dpi, buffer = FigureCanvasAgg(figure), figure.dpi, io.BytesIO()
    try:
        figure.set_dpi(DOTS_PER_INCH * scale)
        canvas.draw()
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    finally:
        figure.set_dpi(dpi)
    pixels.save(buffer, format="png", compress_level=1)
    return buffer.getvalue()
