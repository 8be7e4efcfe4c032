"""Pictures as lessons show them: size, alternative text, no pyplot."""

import subprocess
import sys

import pytest

from course_utils.plots.lines import plot_lines, plot_points
from course_utils.plots.picture import Picture, png_width
from course_utils.plots.style import MARKERS, OKABE_ITO, new_figure
from course_utils.plots.svg import svg_document

ALT = "A square that shows nothing but its own edges."


def test_bundle_has_png_alt_and_width():
    bundle, metadata = Picture(svg_document("", width=320, height=40, label="x"), alt=ALT)._repr_mimebundle_()
    assert bundle["image/png"][:4] == b"\x89PNG"
    assert bundle["text/plain"] == ALT
    assert metadata == {"image/png": {"alt": ALT, "width": 320}}


def test_figure_bundle_is_one_and_a_half_times_as_dense_as_shown():
    figure, _ = new_figure(width=640, height=300)
    bundle, metadata = Picture(figure, alt=ALT)._repr_mimebundle_()
    assert metadata["image/png"]["width"] == 640 == Picture(figure, alt=ALT).width()
    assert png_width(bundle["image/png"]) == 960


def test_same_figure_gives_the_same_bytes():
    def png():
        ax = plot_lines([1, 2], {"a": [1, 2]}, x_label="x", y_label="y", title="t")
        return Picture(ax.figure, alt=ALT).png()

    assert png() == png()


@pytest.mark.parametrize("alt", ["", "  ", "a plot"])
def test_alt_text_must_stand_for_the_picture(alt):
    with pytest.raises(ValueError, match="what the picture shows"):
        Picture("<svg/>", alt=alt)


def test_lines_draw_what_they_are_given():
    ax = plot_lines(
        [1, 10, 100],
        {"a": [0.1, 0.2, 0.3], "b": [3.0, 2.0, 1.0]},
        intervals={"a": ([0.0, 0.1, 0.2], [0.2, 0.3, 0.4])},
        x_label="steps",
        y_label="loss (nats)",
        title="It falls",
        log_x=True,
    )
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.1, 0.2, 0.3], [3.0, 2.0, 1.0]]
    assert [line.get_color() for line in ax.lines] == list(OKABE_ITO[:2])
    assert [line.get_marker() for line in ax.lines] == list(MARKERS[:2])
    assert len(ax.collections) == 1
    assert ax.get_xscale() == "log"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "10", "100"]
    assert ax.get_title(loc="left") == "It falls"


def test_lines_refuse_what_cannot_be_read():
    with pytest.raises(ValueError, match="2 values for 3"):
        plot_lines([1, 2, 3], {"a": [1, 2]}, x_label="x", y_label="y", title="t")
    with pytest.raises(ValueError, match="at most 8"):
        plot_lines([1], {str(i): [i] for i in range(9)}, x_label="x", y_label="y", title="t")


def test_points_name_the_ones_asked_for():
    ax = plot_points([1, 2, 3], [4, 5, 6], names={1: "middle"}, x_label="x", y_label="y", title="t")
    assert [text.get_text() for text in ax.texts] == ["middle"]
    assert ax.texts[0].xy == (2, 5)
    assert ax.collections[0].get_offsets().tolist() == [[1, 4], [2, 5], [3, 6]]
    with pytest.raises(ValueError, match="as many x as y"):
        plot_points([1], [1, 2], x_label="x", y_label="y", title="t")


def test_drawing_never_loads_pyplot():
    code = (
        "import sys\n"
        "from course_utils.plots.lines import plot_lines\n"
        "from course_utils.plots.picture import Picture\n"
        "ax = plot_lines([1], {'a': [1]}, x_label='x', y_label='y', title='t')\n"
        "Picture(ax.figure, alt='a line that has one single point').png()\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
