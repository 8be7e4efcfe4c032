"""One query, several ways to search: all rankings side by side, and why each document was found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import ipywidgets as widgets
import numpy as np

from course_utils.explorers.base import Explorer, InputProblem
from course_utils.plots.rankings import Hit, rankings_svg, say_reasons
from course_utils.plots.svg import shorten

LEAST_HITS, MOST_HITS = 3, 10
MOST_WORDS = 64  # of a query: reasons cost one search a word
LONGEST_DOCUMENT = 2000  # characters of it that the picture may look at


class Found(Protocol):
    """What a search returns: document numbers, best first, and their scores."""

    indices: Any  # (k,) or fewer
    scores: Any  # as many


class Index(Protocol):
    """What can be searched and can say why."""

    def search(self, query: str, k: int) -> Any:
        """The k best documents for a query, as `Found`."""

    def why(self, query: str, i: int) -> Sequence[tuple[str, float]]:
        """Terms of the query with what each contributes to the score of document i."""


class SearchExplorer(Explorer):
    """Type a query; each index answers in a column of its own.

    Parameters
    ----------
    indexes : mapping of str to Index
        One to three. `search(query, k)` returns indices and scores, best first; `why(query, i)` returns
        pairs of a term and its contribution. A ValueError raised by `search` is shown to the reader.
    documents : sequence of N str
        Their first words are shown.
    titles : sequence of N str
    query : str
        The query shown first.
    relevant : mapping of str to int or collection of int, optional
        Documents judged relevant, by the text of the query; capital letters and blanks do not count.
    k : int
        Hits in each column, 3 to 10.

    Notes
    -----
    `state()` holds, each by the name of the index, `indices`, `scores`, `why` (for each hit a list of terms
    with contributions) and `says` (the sentence of an index that refused the query, or ""); besides
    `relevant` (document numbers), `judged` (whether the query has judgements at all) and `shared` (documents
    in several columns).
    """

    name = "search"

    def __init__(
        self,
        indexes: Mapping[str, Index],
        *,
        documents: Sequence[str],
        titles: Sequence[str],
        query: str,
        relevant: Mapping[str, int | Collection[int]] | None = None,
        k: int = 5,
    ) -> None:
        if not 1 <= len(indexes) <= 3:
            raise ValueError(f"Give one to three indexes to compare, not {len(indexes)}.")
        if not documents or len(documents) != len(titles):
            raise ValueError(f"{len(documents)} documents need as many titles, not {len(titles)}.")
        self._indexes = dict(indexes)
        self._documents, self._titles = documents, [str(title) for title in titles]
        self._relevant = {_plain(text): _rows(judged) for text, judged in (relevant or {}).items()}
        # What was found for the latest query, so that the slider asks no index twice.
        self._known: tuple[str, dict[Any, Any]] = ("", {})
        most = min(MOST_HITS, len(documents))
        least = min(LEAST_HITS, most)
        super().__init__(
            {
                "query": widgets.Text(value=query, description="query", continuous_update=False),
                "k": widgets.IntSlider(
                    value=min(max(k, least), most), min=least, max=most, description="hits"
                ),
            }
        )

    def compute(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Ask every index, and each for its reasons."""
        query, k = " ".join(state["query"].split()), int(state["k"])
        words = len(query.split())
        if not words:
            raise InputProblem("Type what you are looking for, such as: read a file line by line.")
        if words > MOST_WORDS:
            raise InputProblem(f"The query has {words:,} words; shorten it to {MOST_WORDS} or fewer.")
        answers = {name: self._search(name, query, k=k) for name in self._indexes}
        says = {name: sentence for name, (_, _, sentence) in answers.items()}
        indices = {name: rows for name, (rows, _, _) in answers.items()}
        if not any(indices.values()):
            said = " ".join(dict.fromkeys(sentence for sentence in says.values() if sentence))
            raise InputProblem(said or "Nothing was found; try other words.")
        seen = [row for rows in indices.values() for row in rows]
        relevant = self._relevant.get(_plain(query))
        return {
            "asked": query,
            "indices": indices,
            "scores": {name: scores for name, (_, scores, _) in answers.items()},
            "why": {name: [self._why(name, query, row) for row in rows] for name, rows in indices.items()},
            "says": says,
            "relevant": relevant or [],
            "judged": relevant is not None,
            "shared": sorted({row for row in seen if seen.count(row) > 1}),
        }

    def draw(self, result: Mapping[str, Any]) -> str:
        """One column an index, one card a hit."""
        columns = {name: self._hits(result, name) for name in result["indices"]}
        return rankings_svg(
            columns,
            title=f"“{shorten(result['asked'], length=70)}”",
            label=self.describe(result),
            relevant=result["relevant"],
            notes={name: self._note(result, name) for name in columns},
            data={"query": result["asked"], "shared": len(result["shared"])},
        )

    def describe(self, result: Mapping[str, Any]) -> str:
        """Every hit with its best reason, and which are relevant."""
        parts = [f"“{shorten(result['asked'], length=70)}”."]
        for name in result["indices"]:
            hits = [
                _say_hit(hit, rank=rank, good=hit.document in result["relevant"])
                for rank, hit in enumerate(self._hits(result, name), start=1)
            ]
            said = "; ".join(hits) or result["says"][name] or "found nothing"
            parts.append(f"{name}: {said.removesuffix('.')}.")
        if len(result["indices"]) > 1:
            parts.append(f"In more than one list: {len(result['shared'])}.")
        if not result["judged"] and self._relevant:
            parts.append("Nobody has judged which documents answer this query.")
        return " ".join(parts)

    def _hits(self, result: Mapping[str, Any], name: str) -> list[Hit]:
        """What the picture shows of one index's answer."""
        found = zip(*(result[key][name] for key in ("indices", "scores", "why")), strict=True)
        return [
            Hit(row, self._titles[row], score, text=str(self._documents[row])[:LONGEST_DOCUMENT], why=why)
            for row, score, why in found
        ]

    def _note(self, result: Mapping[str, Any], name: str) -> str:
        if result["says"][name]:
            return str(result["says"][name])
        if not result["judged"]:
            return ""
        good = sum(row in result["relevant"] for row in result["indices"][name])
        return f"{good} of {len(result['relevant'])} relevant found"

    def _search(self, name: str, query: str, *, k: int) -> tuple[list[int], list[float], str]:
        """Numbers and scores of the hits, and what the index said if it refused."""
        try:
            found = self._once(query, (name, k), lambda: self._indexes[name].search(query, k=k))
        except ValueError as refusal:
            return [], [], str(refusal) or f"{name} cannot use this query."
        rows = [int(row) for row in np.ravel(found.indices)]
        if rows and not 0 <= min(rows) <= max(rows) < len(self._titles):
            raise ValueError(f"{name} found a document outside the {len(self._titles)} that were given.")
        return rows, [float(score) for score in np.ravel(found.scores)], ""

    def _why(self, name: str, query: str, row: int) -> list[tuple[str, float]]:
        """Terms with contributions, those that matter most first."""
        found = self._once(query, (name, "why", row), lambda: self._indexes[name].why(query, row))
        return sorted(((str(term), float(part)) for term, part in found), key=lambda pair: -abs(pair[1]))

    def _once(self, query: str, key: object, ask: Any) -> Any:
        """The answer to a question, asked only once while the query stays."""
        if self._known[0] != query:
            self._known = (query, {})
        answers = self._known[1]
        if key not in answers:
            answers[key] = ask()
        return answers[key]


def _say_hit(hit: Hit, *, rank: int, good: bool) -> str:
    """One hit with the reason that counts most."""
    best = "".join(f", {reason}" for reason in say_reasons(hit.why)[:1])
    return f"{rank} {shorten(' '.join(hit.title.split()), length=40)}{' (relevant)' if good else ''}{best}"


def _rows(judged: int | Collection[int]) -> list[int]:
    """Document numbers, rising; the keys, where a mapping gives each a grade."""
    return sorted(map(int, judged if isinstance(judged, Collection) else [judged]))


def _plain(query: str) -> str:
    return " ".join(query.casefold().split())
