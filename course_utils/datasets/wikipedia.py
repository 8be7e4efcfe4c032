"""The course's corpus: articles of English Wikipedia, as plain text."""

import bz2
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from course_utils.datasets.gensim_files import gensim_file, sha256_of_source
from course_utils.datasets.parsed_cache import keep_parsed, read_parsed
from course_utils.storage import cache_folder

# Raise this number with every change to the cleaning below, or old caches will be read.
PARSER_VERSION = 1


@dataclass(frozen=True)
class Article:
    """One article of Wikipedia."""

    title: str
    text: str  # paragraphs and headings, with an empty line between them


def load_wikipedia() -> list[Article]:
    """106 articles of English Wikipedia, about 470,000 words, from *Anarchism* to *Algorithm*.

    Wiki markup is removed; case, punctuation and paragraphs are kept. A heading is a line of its
    own, items of a list begin with "- ", cells of a table row are separated by " | ". Sentences
    that wrapped a formula or a measurement in a template have a gap there.

    The first call takes about five seconds and keeps the result below `cache_folder()`; later
    calls read it from there. A cache that is damaged or cannot be written only costs time.

    Returns
    -------
    list of Article
        In the order of the dump.

    Raises
    ------
    DataError
        If gensim's copy is missing or altered.

    Notes
    -----
    Origin: the first pages of the dump of May 2016, shortened, as shipped in gensim; of its 206
    pages those are kept that gensim's `WikiCorpus` keeps (50 tokens or more; the others are
    redirects). Text by the authors of Wikipedia, licence CC BY-SA 3.0.
    """
    source = gensim_file("wikipedia")
    cached = _cache_path()
    articles = read_parsed(cached, lambda stored: [Article(title, text) for title, text in stored])
    if articles is None:
        articles = list(_parse(source))
        keep_parsed(cached, [[article.title, article.text] for article in articles])
    return articles


def split_articles(articles: Sequence[Article]) -> tuple[list[Article], list[Article], list[Article]]:
    """Part whole articles into train, validation and test, the same way in every lesson.

    Of each ten articles in a row, the ninth is for validation and the tenth for testing: neighbours in
    the dump differ in subject, so no part lacks a subject, and no article is in two parts.

    Returns
    -------
    train, validation, test : lists of Article
        About 80, 10 and 10 % of the articles.
    """
    parts: tuple[list[Article], list[Article], list[Article]] = ([], [], [])
    for place, article in enumerate(articles):
        parts[{8: 1, 9: 2}.get(place % 10, 0)].append(article)
    return parts


def _parse(source: Path) -> Iterator[Article]:
    # Imported here: only the first call needs gensim, and importing it takes over a second.
    from gensim.corpora import wikicorpus

    with bz2.open(source) as dump:
        for title, markup, _ in wikicorpus.extract_pages(dump, filter_namespaces=("0",)):
            # filter_wiki removes tags without a trace, which would glue the words around a line break.
            text = wikicorpus.filter_wiki(_LINE_BREAK.sub(" ", markup))
            if len(wikicorpus.tokenize(text)) >= wikicorpus.ARTICLE_MIN_WORDS:
                yield Article(title, clean_text(text))


# What gensim's filter_wiki leaves behind, and what becomes of it, in this order.
_REPAIRS = [
    (r"[\xa0\u2002-\u200a\u202f]", " "),  # spaces of special width
    (r"__[A-Z]+__", ""),  # switches such as __NOTOC__
    (r"(?<=\w)'''(?=s\b)", "'"),  # ''Hamlet'''s: the end of italics, then an apostrophe
    (r"'{2,}", ""),  # bold and italics
    (r"(?m)^ *(?:File|Image):[^|\n]*\|?", ""),  # pictures of a gallery; their captions stay
    (r"(?im)^[^|\n]{1,120}\.(?:jpe?g|png|gif|svg)\|", ""),
    (r"\|?\b\d+(?:x\d+)?px", " "),  # sizes of pictures
    (r"(?m)\|(?:thumb|alt=.*)$", ""),  # layout of pictures, and descriptions of them
    (r"(?m)^[ \t]+\n", "\n"),
    # Cells of a table row come with one empty line between them, rows with more.
    (r"(?m)(?<=\S)[ \t]*\n\n (?=[^\s:*#])", " | "),
    (r" \(\s*[,;:]?\s*\)", ""),  # brackets around a template that is gone
    (r" +([,.;:])(?=\s|$)", r"\1"),
    (r"(?m)^[*#:;]*[*#][*#:;]* *[,.:;]? *", "- "),  # items of a list
    (r"(?m)^[:;]+ *", ""),  # indented lines and terms of a glossary
    (r"[ \t]+", " "),
]
_LINE_BREAK = re.compile(r"<br */?>", re.IGNORECASE)
_HEADING = re.compile(r"^(={2,6}) *(.*?) *={2,6}$")


def clean_text(text: str) -> str:
    """Make the output of gensim's `filter_wiki` readable; no word of a sentence is lost."""
    for pattern, replacement in _REPAIRS:
        text = re.sub(pattern, replacement, text)
    lines = [line.strip() for line in text.split("\n")]
    # Lines without a letter or digit are empty cells and empty items of lists.
    lines = [line if any(map(str.isalnum, line)) else "" for line in lines]
    text = "\n".join(_plain_headings(lines))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _plain_headings(lines: list[str]) -> list[str]:
    """Turn ``== Heading ==`` into a line of its own; drop headings with nothing below them."""
    kept: list[str] = []
    # From the end: has anything been seen below a heading of this level?
    filled = dict.fromkeys(range(2, 7), False)
    for line in reversed(lines):
        heading = _HEADING.match(line)
        if heading is None:
            kept.append(line)
            filled = dict.fromkeys(filled, True) if line else filled
            continue
        level = len(heading[1])
        if filled[level]:
            kept += ["", heading[2], ""]
        filled.update(dict.fromkeys(range(level, 7), False))
    return kept[::-1]


def _cache_path() -> Path:
    # gensim does part of the parsing, so its version is part of the key.
    key = f"{sha256_of_source('wikipedia')} {PARSER_VERSION} {version('gensim')}"
    return cache_folder() / "wikipedia" / f"articles-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
