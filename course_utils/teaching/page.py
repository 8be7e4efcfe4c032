"""What the parts of a lesson share on the page: the form of a key, text, a `View` that a cell can show."""

from __future__ import annotations

import html
import re

from course_utils.plots.svg import escape

MUTED = "opacity:0.75"  # the theme's own text colour, quieter: legible on light and on dark paper
BORDER = "1px solid rgba(128,128,128,0.4)"

_KEY = re.compile(r"\d\d(?:\.[a-z0-9][a-z0-9_-]*)+")


class View:
    """HTML for a page and fixed text for everything else; the last expression of a cell.

    Parameters
    ----------
    markup : str
        HTML in which every piece of foreign text has been escaped.
    text : str
        What is shown where there is no HTML; the same on every run.
    """

    def __init__(self, markup: str, *, text: str) -> None:
        self.html = markup
        self.text = plain(text)

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}


def plain(text: object) -> str:
    """Text without control characters, lone surrogates and direction overrides, markup left as it is."""
    return html.unescape(escape(text))


def inline(text: object) -> str:
    """One escaped run of HTML in which `backticks` mark code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def paragraphs(text: str) -> str:
    """HTML paragraphs of a text: blank lines part them, `backticks` mark code, the rest is escaped."""
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    return "".join(f'<p dir="auto" style="margin:0.3em 0">{inline(part)}</p>' for part in parts)


def check_key(key: str) -> str:
    """Return the key of an exercise, guess or question if it has the form ``01.cosine``.

    Raises
    ------
    ValueError
        If it has another form: two digits of the lesson, a dot, lower-case letters, digits, - or _.
    """
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ValueError(f"{key!r:.60} is no key; write the lesson and a name, such as '01.cosine'.")
    return key


def check_text(text: str, *, name: str) -> str:
    """Return a text that says something.

    Raises
    ------
    ValueError
        If it is empty or no text.
    """
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"`{name}` must be a text that says something, not {text!r:.60}.")
    return text
