"""Search latency at 20,000 documents: one query at a time, the same answers, beside other libraries."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from results import Row, make_row

from course_utils.datasets.docstrings import load_docstrings
from course_utils.runtime import set_threads
from course_utils.search import HybridIndex, KeywordIndex, VectorIndex, reciprocal_rank_fusion, search_terms

DOCUMENTS, QUERIES, WIDTH, K, DEPTH = 20_000, 200, 384, 10, 100


def texts_and_queries() -> tuple[list[str], list[str]]:
    """20,000 documents, code first and docstrings after it, and 200 first sentences as queries."""
    items = load_docstrings().items
    documents = [item.code for item in items] + [item.body for item in items if search_terms(item.body)]
    return documents[:DOCUMENTS], [item.summary for item in islice(items, 0, None, len(items) // QUERIES)][
        :QUERIES
    ]


def time_each(search: Callable[[int], Any], *, queries: int) -> list[float]:
    """Milliseconds that each query takes."""
    spent = []
    for query in range(queries):
        started = time.perf_counter()
        search(query)
        spent.append(1000 * (time.perf_counter() - started))
    return spent


def measure(*, quick: bool = False) -> list[Row]:
    """Rows for keywords, vectors and both; raises if an answer differs. One thread on each side."""
    import bm25s
    import threadpoolctl
    from sklearn.neighbors import NearestNeighbors

    set_threads(1)
    texts, queries = texts_and_queries()
    queries = queries[: 20 if quick else QUERIES]
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(DOCUMENTS, WIDTH)).astype(
        np.float32
    )  # speed does not ask what they mean
    asked = dict(zip(queries, generator.normal(size=(len(queries), WIDTH)).astype(np.float32), strict=True))

    keywords = KeywordIndex(texts)
    nearest = VectorIndex(vectors, lambda some: np.stack([asked[query] for query in some]))
    hybrid = HybridIndex({"keywords": keywords, "vectors": nearest}, depth=DEPTH)
    retriever = bm25s.BM25(method="lucene", dtype="float64")
    retriever.index([search_terms(text) for text in texts], show_progress=False)
    neighbours = NearestNeighbors(metric="cosine", algorithm="brute", n_jobs=1).fit(vectors)

    def keywords_theirs(query: int, k: int = K) -> Any:
        terms = [term for term in search_terms(queries[query]) if term in retriever.vocab_dict]
        return retriever.retrieve([terms], k=k, show_progress=False)[0][0]

    def vectors_theirs(query: int, k: int = K) -> Any:
        found = neighbours.kneighbors(asked[queries[query]][None], n_neighbors=k, return_distance=False)
        return found[0]

    def both_theirs(query: int) -> Any:
        rankings = [keywords_theirs(query, k=DEPTH), vectors_theirs(query, k=DEPTH)]
        return reciprocal_rank_fusion(rankings).indices[:K]

    sides = {
        "keywords": (keywords, keywords_theirs, f"bm25s {version('bm25s')} retrieve"),
        "vectors": (nearest, vectors_theirs, f"scikit-learn {version('scikit-learn')} NearestNeighbors"),
        "hybrid": (hybrid, both_theirs, "bm25s and scikit-learn, the same fusion"),
    }
    rows = []
    with threadpoolctl.threadpool_limits(1):
        for name, (index, theirs, peer) in sides.items():
            check_answers(name, index, theirs, queries=queries)
            nearest._latest.clear()
            ours_ms = time_each(partial(ask, index, queries), queries=len(queries))
            theirs_ms = time_each(theirs, queries=len(queries))
            print(
                f"  {name}: ours {np.median(ours_ms):.2f} ms, {peer} {np.median(theirs_ms):.2f} ms",
                flush=True,
            )
            rows.append(
                make_row(
                    name=f"search: {name}, {DOCUMENTS:,} documents, one query, best {K}",
                    lesson="07",
                    unit="ms",
                    ours=ours_ms,
                    peer=peer,
                    theirs=theirs_ms,
                    better="lower",
                )
            )
    return rows


def ask(index: Any, queries: list[str], query: int) -> Any:
    """One of the queries, asked of an index."""
    return index.search(queries[query], K)


def check_answers(name: str, index: Any, theirs: Callable[[int], Any], *, queries: list[str]) -> None:
    """Raise unless both sides find the same documents; near-equal scores may change places."""
    common = [
        len(set(index.search(query, K).indices.tolist()) & set(np.asarray(theirs(place)).tolist())) / K
        for place, query in enumerate(queries)
    ]
    if np.mean(common) < 0.98:
        raise AssertionError(f"{name}: the two sides share only {np.mean(common):.1%} of their hits.")


def version(package: str) -> str:
    """The installed version of a package."""
    return importlib.metadata.version(package)
