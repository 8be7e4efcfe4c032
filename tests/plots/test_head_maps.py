"""A grid of small maps: every pixel is a cell, captions stand above, sizes and times stay small."""

import base64
import io
import re
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from course_utils.plots.head_maps import encode_png, head_maps_svg
from course_utils.plots.svg import shade, svg_to_png

NS = "{http://www.w3.org/2000/svg}"
NAMES = [f"{layer}·{head}" for layer in (1, 2) for head in (1, 2, 3, 4)]
MAPS = np.random.default_rng(0).dirichlet(np.full(6, 0.4), size=(8, 5))  # (8, 5, 6)
HATCH = "#b4bcc5"


def draw(maps=MAPS, **settings):
    return ET.fromstring(
        head_maps_svg(maps, **{"names": NAMES, "label": "all heads", "columns": 4, **settings})
    )


def images(root):
    return list(root.iter(f"{NS}image"))


def pixels(image):
    """Colours of a map, an array of shape (height, width, 3)."""
    data = base64.b64decode(image.get("href").removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def colours(table):
    """Of each cell, to two decimals."""
    hexes = [[shade(round(float(value), 2))[1:] for value in row] for row in table]
    return np.array([[[int(h[i : i + 2], 16) for i in (0, 2, 4)] for h in row] for row in hexes])


def texts(root):
    return [node.text for node in root.iter(f"{NS}text")]


def box(image):
    return [float(image.get(key)) for key in ("x", "y", "width", "height")]


def test_each_pixel_is_a_cell_and_each_map_has_its_place():
    found = images(draw())
    assert [image.get("data-head") for image in found] == NAMES
    assert [image.get("data-place") for image in found] == [str(i) for i in range(8)]
    for image, table in zip(found, MAPS, strict=True):
        np.testing.assert_array_equal(pixels(image), colours(table))
    ends = np.zeros((1, 2, 2))
    ends[0, 0] = 1
    (only,) = images(draw(ends, names=["a"]))
    assert pixels(only)[0, 0].tolist() == [8, 48, 107]
    assert pixels(only)[1, 1].tolist() == [255, 255, 255]


def test_rows_columns_and_square_cells():
    places = np.array([box(image) for image in images(draw())])
    assert len(set(places[:, 0])) == 4
    assert len(set(places[:, 1])) == 2
    assert (places[:4, 1] == places[0, 1]).all()
    assert places[:, 2] / 6 == pytest.approx(places[:, 3] / 5, rel=1e-3)
    assert (places[1:4, 0] > places[:3, 0] + places[:3, 2]).all()
    assert places[4, 1] > places[0, 1] + places[0, 3] + 14
    page = draw(width=500)
    assert max(x + w for x, _, w, _ in map(box, images(page))) <= 500
    last = box(images(page)[-1])
    assert last[1] + last[3] <= float(page.get("viewBox").split()[3])


def test_captions_and_hover():
    values, kinds = [f"0.{i}1" for i in range(8)], ["previous", "<b>"] * 4
    root = draw(
        values=values, kinds=kinds, title="What they do", hovers=[f"head {i} & more" for i in range(8)]
    )
    written = texts(root)
    assert written[0] == "What they do"
    assert written[1:] == [part for three in zip(NAMES, values, kinds, strict=True) for part in three]
    assert [image.find(f"{NS}title").text for image in images(root)] == [f"head {i} & more" for i in range(8)]
    assert [image.find(f"{NS}title").text for image in images(draw())] == NAMES
    sizes = {float(node.get("font-size")) for node in root.iter(f"{NS}text")}
    assert min(sizes) >= 11


def test_long_captions_are_cut_to_their_map():
    root = draw(
        names=["an endless name of a head"] * 8, kinds=["punctuation and all the rest"] * 8, columns=8
    )
    assert all(text.endswith("…") for text in texts(root))


def test_the_chosen_map_is_framed():
    root = draw(chosen=5)
    (frame,) = [node for node in root.iter(f"{NS}rect") if node.get("data-chosen")]
    x, y, width, height = box(images(root)[5])
    assert box(frame) == pytest.approx([x - 1.5, y - 1.5, width + 3, height + 3], abs=0.11)
    assert not [node for node in draw().iter(f"{NS}rect") if node.get("data-chosen")]


@pytest.mark.parametrize("size", [4, 60])
def test_masked_cells_are_hatched_and_no_others(size):
    allowed = np.tri(size, dtype=bool)
    maps = np.where(allowed, 1 / np.arange(1, size + 1)[:, None], 0)[None]
    (image,) = images(draw(maps, names=["a"], allowed=allowed))
    zoom = int(image.get("data-zoom"))
    assert zoom == (1 if size == 60 else 15)
    found = pixels(image)
    assert found.shape == (size * zoom, size * zoom, 3)
    hatched = (found == [int(HATCH[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=-1)
    closed = np.kron(~allowed, np.ones((zoom, zoom), dtype=bool))
    assert not hatched[~closed].any()
    assert 0.25 < hatched[closed].mean() < 0.4
    whole = colours(maps[0]).repeat(zoom, axis=0).repeat(zoom, axis=1)
    np.testing.assert_allclose(
        found[~closed].astype(int), whole[~closed], atol=3
    )  # ties may round either way
    (open_image,) = images(draw(maps, names=["a"], allowed=np.ones((size, size), dtype=bool)))
    assert open_image.get("data-zoom") == "1"


def test_seventy_two_heads_are_small_and_quick():
    """Twelve in a row at 960 pixels, below 150 kB and 50 ms of computing time."""
    maps = np.random.default_rng(1).dirichlet(np.full(20, 0.3), size=(72, 20))
    names = [f"{layer}·{head}" for layer in range(1, 7) for head in range(1, 13)]
    rest = {"values": ["0.71"] * 72, "kinds": ["previous"] * 72, "hovers": ["x" * 80] * 72}
    before = time.process_time()
    svg = head_maps_svg(maps, names=names, label="all", title="72", **rest)
    assert time.process_time() - before < 0.05
    assert len(svg) < 150_000
    places = np.array([box(image) for image in images(ET.fromstring(svg))])
    assert places[:, 2].min() > 64
    assert (places[:, 0] + places[:, 2]).max() <= 960


def test_it_can_be_made_a_png():
    png = svg_to_png(head_maps_svg(np.ones((1, 2, 2)), names=["a"], label="all"), scale=1)
    seen = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    assert (seen == [8, 48, 107]).all(axis=1).mean() > 0.1


def test_a_png_of_numbers():
    levels = np.array([[0, 50, 100], [101, 1, 0]], dtype=np.uint8)
    image = Image.open(io.BytesIO(encode_png(levels)))
    assert image.size == (3, 2)
    np.testing.assert_array_equal(np.asarray(image), levels)


def test_spoken_description_and_data():
    root = draw(data={"sort": "entropy"})
    assert root.get("aria-label") == "all heads"
    assert root.get("data-sort") == "entropy"
    assert re.match(r"0 0 960 ", root.get("viewBox"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"maps": MAPS[0]}, r"\(N, T, S\)"),
        ({"maps": MAPS[:0]}, "at least one map"),
        ({"names": NAMES[:3]}, "as many names"),
        ({"values": ["1"]}, "as many values"),
        ({"kinds": ["1"] * 9}, "as many kinds"),
        ({"maps": MAPS * 9}, "softmax"),
        ({"maps": MAPS * np.nan}, "softmax"),
        ({"maps": -MAPS}, "softmax"),
        ({"allowed": np.ones((6, 5))}, "allowed has shape"),
        ({"columns": 0}, "columns must be"),
        ({"chosen": 8}, "chosen a map from 0 to 7"),
    ],
)
def test_what_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        draw(**settings)
