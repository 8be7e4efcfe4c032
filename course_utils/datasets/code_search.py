"""A search task from real code: find the function that a sentence describes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from course_utils.datasets.docstrings import DocstringCorpus, Documented

MOST_QUERIES = {"val": 800, "test": 2000}


@dataclass(frozen=True, eq=False)
class CodeSearchTask:
    """Documents, and for each split the queries with the one document that each describes."""

    documents: tuple[Documented, ...]  # N functions, none of a train module
    texts: tuple[str, ...]  # what is searched, one a document: its code without docstring
    queries: dict[str, tuple[str, ...]]  # "val", "test" → summaries
    relevant: dict[str, NDArray[np.int64]]  # "val", "test" → (Q,) place in `documents` of the right answer

    def __str__(self) -> str:
        asked = ", ".join(f"{len(found):,} {name} queries" for name, found in self.queries.items())
        return f"{len(self.documents):,} documents; {asked}"


def code_search_task(corpus: DocstringCorpus, *, own_name: bool = True) -> CodeSearchTask:
    """Choose documents and queries for code search, the same ones in every lesson.

    A document is a function's code without its docstring, a query the first sentence of a docstring, and
    the function it was taken from is the one right answer. All functions of val and test modules are
    documents; train modules are left to lesson 08, which learns from them. At most 800 val and 2,000 test
    functions are asked for, chosen by a hash of their place, so that an update of one library does not
    shuffle the rest.

    Parameters
    ----------
    corpus : DocstringCorpus
        From `load_docstrings`, functions only.
    own_name : bool
        False hides the function's own name wherever it stands in its code; see `document_text`.

    Raises
    ------
    ValueError
        If the corpus holds no val or no test function.
    """
    documents = tuple(item for item in corpus.items if item.kind == "function" and item.split != "train")
    queries, relevant = {}, {}
    for split, most in MOST_QUERIES.items():
        rows = [row for row, item in enumerate(documents) if item.split == split]
        if not rows:
            raise ValueError(f"The corpus has no {split} function to ask for; load more libraries.")
        chosen = np.array(sorted(sorted(rows, key=lambda row: _hash(documents[row]))[:most]), dtype=np.int64)
        queries[split] = tuple(documents[row].summary for row in chosen)
        relevant[split] = chosen
    texts = tuple(document_text(item, own_name=own_name) for item in documents)
    return CodeSearchTask(documents, texts, queries, relevant)


def document_text(item: Documented, *, own_name: bool = True) -> str:
    """The text of a document: its code, with its own name replaced by "function" if `own_name` is False."""
    if own_name:
        return item.code
    name = item.name.rpartition(".")[2]
    return re.sub(rf"\b{re.escape(name)}\b", "function", item.code)


def _hash(item: Documented) -> bytes:
    return hashlib.sha256(f"{item.module} {item.name}".encode()).digest()
