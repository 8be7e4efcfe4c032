"""gettext's catalogues against Python's own reader, and damaged ones."""

import gettext
import io
import struct
from importlib.metadata import distribution

import pytest

from course_utils.datasets.catalogue import PACKAGE
from course_utils.datasets.message_files import Message, read_messages


def compiled(messages, *, order="<", revision=0):
    """A catalogue of key → value, in the form that msgfmt writes."""
    keys, values = (
        [text.encode("utf-8") for text in side] for side in zip(*sorted(messages.items()), strict=True)
    )
    count, texts, tables, start = len(keys), b"", [], 28 + 16 * len(keys)
    for text in [*keys, *values]:
        tables.append(struct.pack(f"{order}2I", len(text), start + len(texts)))
        texts += text + b"\0"
    head = struct.pack(f"{order}7I", 0x950412DE, revision, count, 28, 28 + 8 * count, 0, 0)
    return head + b"".join(tables) + texts


MESSAGES = {
    "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n > 1);\n",
    "Edit": "Modifier",
    "menu\x04Edit": "Édition",
    "%1 cell\0%1 cells": "%1 cellule\0%1 cellules",
    "Nothing": "",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.mo"


@pytest.mark.parametrize("order", ["<", ">"])
def test_contexts_plurals_and_missing_translations(path, order):
    path.write_bytes(compiled(MESSAGES, order=order))
    assert read_messages(path) == [
        Message("", "%1 cell", "%1 cells", ("%1 cellule", "%1 cellules")),
        Message("", "Edit", "", ("Modifier",)),
        Message("", "Nothing", "", ("",)),
        Message("menu", "Edit", "", ("Édition",)),
    ]


def test_the_packages_files_read_as_by_python():
    files = [file.locate() for file in distribution(PACKAGE).files if file.suffix == ".mo"]
    assert len(files) > 10
    for file in files:
        with open(file, "rb") as stream:
            theirs = gettext.GNUTranslations(stream)._catalog
        theirs.pop("")
        ours = {}
        for message in read_messages(file):
            key = f"{message.context}\x04{message.singular}" if message.context else message.singular
            if message.plural:
                ours |= {(key, form): text for form, text in enumerate(message.translations)}
            else:
                ours[key] = message.translations[0]
        assert ours == theirs


def test_what_is_made_here_reads_as_by_python():
    theirs = gettext.GNUTranslations(io.BytesIO(compiled(MESSAGES)))
    assert theirs.pgettext("menu", "Edit") == "Édition"
    assert theirs.ngettext("%1 cell", "%1 cells", 5) == "%1 cellules"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "20 bytes at least, not 0"),
        (b"PK" + bytes(50), "no message catalogue of gettext"),
        (compiled(MESSAGES, revision=2 << 16), "no message catalogue of gettext"),
        (compiled(MESSAGES)[:25], "some.mo is cut off"),
        (compiled(MESSAGES)[:-20], "must have been cut off"),
        (compiled(MESSAGES).replace("É".encode(), b"\xff\xff"), "some.mo is not UTF-8"),
    ],
)
def test_a_damaged_file_is_refused(path, content, message):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_messages(path)
