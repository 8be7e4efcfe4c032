"""Read gettext's compiled message catalogues (.mo), the form in which programs carry their translations.

Python's own `gettext` reads them, too, but forgets the English plural of a message; this reader keeps it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MAGIC = 0x950412DE
_HEADER = 20  # bytes that are read: magic, revision, number of messages, places of the two tables


@dataclass(frozen=True)
class Message:
    """A text of a program with its translation."""

    context: str  # where it is shown, such as "menu"; "" where none is given
    singular: str  # what the programmer wrote
    plural: str  # what the programmer wrote for several; "" where there is no such form
    translations: tuple[str, ...]  # one, or one for each grammatical number of the language; "" = missing


def read_messages(path: Path) -> list[Message]:
    """Read all messages of a catalogue but its header.

    Parameters
    ----------
    path : Path of a .mo file in UTF-8

    Returns
    -------
    list of Message
        In the order of the file, which is that of the texts' bytes.

    Raises
    ------
    ValueError
        If the file is no such catalogue, is cut off, or is not UTF-8.
    OSError
        If the file cannot be read.

    References
    ----------
    GNU gettext's manual, section "The Format of GNU MO Files".
    """
    data = path.read_bytes()
    try:
        entries = [(key.decode("utf-8"), value.decode("utf-8")) for key, value in _read_entries(data)]
    except struct.error as error:
        raise ValueError(f"{path.name} is cut off.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not UTF-8.") from error
    return [_make_message(key, value) for key, value in entries if key]


def _read_entries(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(data) < _HEADER:
        raise ValueError(f"A message catalogue has {_HEADER} bytes at least, not {len(data)}.")
    order = "<" if struct.unpack_from("<I", data)[0] == _MAGIC else ">"
    magic, revision, count, keys, values = struct.unpack_from(f"{order}5I", data)
    if magic != _MAGIC or revision >> 16 > 1:
        raise ValueError("This is no message catalogue of gettext.")
    for number in range(count):
        yield _string_at(data, keys + 8 * number, order), _string_at(data, values + 8 * number, order)


def _string_at(data: bytes, place: int, order: str) -> bytes:
    """The string whose length and position stand at `place`."""
    length, start = struct.unpack_from(f"{order}2I", data, place)
    if start + length > len(data):
        raise ValueError("A message lies beyond the end of the catalogue, which must have been cut off.")
    return data[start : start + length]


def _make_message(key: str, value: str) -> Message:
    context, _, texts = key.rpartition("\x04")
    singular, _, plural = texts.partition("\x00")
    return Message(context, singular, plural, tuple(value.split("\x00")))
