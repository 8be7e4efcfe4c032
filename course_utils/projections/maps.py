"""Drawing vectors as points on a plane: PCA, t-SNE and UMAP, each with its two marks for trust.

scikit-learn and umap-learn are imported when they are first needed. UMAP's first import compiles for some
fifteen seconds, so nothing but a map by UMAP ever waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.projections.trust import continuity, trustworthiness
from course_utils.vectors import as_matrix

__all__ = ["METHODS", "Projected", "pca", "project", "random_like", "score"]

# Method → its settings and their values unless told otherwise, which are those of the libraries.
METHODS: Mapping[str, Mapping[str, Any]] = {
    "PCA": {},
    "t-SNE": {"perplexity": 30},
    "UMAP": {"n_neighbors": 15, "min_dist": 0.1},
}
NEIGHBOURS = 10  # k of the two marks, less for fewer than 21 points
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Projected:
    """One map."""

    method: str  # "PCA", "t-SNE" or "UMAP"
    settings: dict[str, Any]  # such as {"perplexity": 30}
    seed: int
    points: NDArray[np.float32]  # (N, 2)
    trustworthiness: float  # 0 to 1, k = 10: are drawn neighbours true ones?
    continuity: float  # 0 to 1, k = 10: are true neighbours drawn?
    explained: tuple[float, ...] = ()  # PCA: share of the variance on each axis

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {value:g}" for name, value in self.settings.items())
        named = f"{self.method} ({settings})" if settings else self.method
        return f"{named}: trustworthiness {self.trustworthiness:.2f}, continuity {self.continuity:.2f}"


def project(
    vectors: Any, *, method: str, seed: int = 0, tell: Callable[[str], object] | None = None, **settings: Any
) -> Projected:
    """Draw a map now.

    Parameters
    ----------
    vectors : array of shape (N, D)
        N at least 3.
    method : {"PCA", "t-SNE", "UMAP"}
    seed : int
        Of the random start of t-SNE and UMAP; PCA has none.
    tell : callable, optional
        Called with a sentence before each long step, as a sign of life.
    **settings
        perplexity (t-SNE), n_neighbors and min_dist (UMAP).

    Returns
    -------
    Projected

    Raises
    ------
    ValueError
        If the method or a setting is unknown or does not fit the number of vectors, there are fewer than 3
        vectors, or one holds NaN or infinity.

    Notes
    -----
    t-SNE starts from random points, as its authors describe it, not from PCA: only then does the seed
    show what in a map is chance. Neither t-SNE nor UMAP gives the same map on every machine; their marks
    hardly differ.
    """
    matrix = np.asarray(as_matrix(vectors), dtype=np.float32)
    chosen = check_settings(method, settings=settings, n=len(matrix))
    if method == "PCA":
        points, explained = pca(matrix)
        return score(matrix, points, method=method, settings=chosen, seed=seed, explained=explained)
    draw = _tsne if method == "t-SNE" else _umap
    points = draw(matrix, seed=seed, tell=tell or (lambda _: None), **chosen)
    return score(matrix, points, method=method, settings=chosen, seed=seed)


def check_settings(method: str, *, settings: Mapping[str, Any], n: int) -> dict[str, Any]:
    """The settings of a method, complete; ValueError with a sentence if they cannot be used for n vectors."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}.")
    unknown = set(settings) - set(METHODS[method])
    if unknown:
        known = ", ".join(METHODS[method]) or "no settings"
        raise ValueError(f"{method} knows {known}, not {', '.join(sorted(unknown))}.")
    if n < FEWEST:
        raise ValueError(f"A map of {n} vectors shows nothing; give {FEWEST} or more.")
    chosen = {**METHODS[method], **settings}
    perplexity, near = chosen.get("perplexity", 1), chosen.get("n_neighbors", 2)
    if not 0 < perplexity < n:
        raise ValueError(
            f"perplexity must be above 0 and below the number of vectors, {n}, not {perplexity}; "
            "it says how many neighbours a point listens to."
        )
    if not 2 <= near < n:
        raise ValueError(f"n_neighbors must be from 2 to {n - 1}, the number of other vectors, not {near}.")
    if not 0 <= chosen.get("min_dist", 0) <= 1:
        raise ValueError(f"min_dist must be between 0 and 1, not {chosen['min_dist']}.")
    return chosen


def pca(vectors: Any) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """The plane on which the vectors vary most.

    Parameters
    ----------
    vectors : array of shape (N, D)

    Returns
    -------
    points : float32 array of shape (N, 2)
        Each axis turned so that its largest entry is positive.
    explained : tuple of two floats
        Share of the variance on each axis; zeros if all vectors are equal.
    """
    matrix = np.asarray(as_matrix(vectors), dtype=np.float64)
    centred = matrix - matrix.mean(axis=0)
    u, sigma, _ = np.linalg.svd(centred, full_matrices=False)  # (N, R), (R,)
    points = np.zeros((len(matrix), 2))
    points[:, : min(2, len(sigma))] = u[:, :2] * sigma[:2]
    heads = points[np.abs(points).argmax(axis=0), [0, 1]]
    total = float((sigma**2).sum()) or 1.0
    shares = [*(float(s**2) / total for s in sigma[:2]), 0.0]
    return (points * np.where(heads < 0, -1, 1)).astype(np.float32), (shares[0], shares[1])


def score(
    vectors: Any,
    points: NDArray[np.float32],
    *,
    method: str,
    settings: Mapping[str, Any],
    seed: int,
    explained: tuple[float, ...] = (),
) -> Projected:
    """Give a map its two marks, with 10 neighbours a point, or fewer where there are few points."""
    k = min(NEIGHBOURS, (len(points) - 1) // 2)
    return Projected(
        method=method,
        settings=dict(settings),
        seed=seed,
        points=points,
        trustworthiness=trustworthiness(vectors, points, k=k),
        continuity=continuity(vectors, points, k=k),
        explained=explained,
    )


def random_like(vectors: Any, *, seed: int = 0) -> NDArray[np.float32]:
    """Vectors without any meaning: as many, as wide and as long as the given ones, in random directions.

    Parameters
    ----------
    vectors : array of shape (N, D)

    Returns
    -------
    float32 array of shape (N, D)
        Gaussian, each row scaled to the length of the given row.
    """
    matrix = np.asarray(as_matrix(vectors), dtype=np.float64)
    noise = np.random.default_rng(seed).standard_normal(matrix.shape)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True) / np.linalg.norm(noise, axis=1, keepdims=True)
    return (noise * lengths).astype(np.float32)


def _tsne(
    matrix: NDArray[np.float32], *, seed: int, tell: Callable[[str], object], perplexity: float
) -> NDArray[np.float32]:
    tell(f"t-SNE of {len(matrix)} vectors: a few seconds.")
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    method = TSNE(perplexity=perplexity, init="random", learning_rate="auto", random_state=seed, n_jobs=1)
    # A second thread gains nothing here, and beside a busy neighbour it costs twenty times the time.
    with threadpool_limits(1):
        return np.asarray(method.fit_transform(matrix), dtype=np.float32)


def _umap(
    matrix: NDArray[np.float32],
    *,
    seed: int,
    tell: Callable[[str], object],
    n_neighbors: int,
    min_dist: float,
) -> NDArray[np.float32]:
    tell("Loading UMAP. The first time, this takes about a quarter of a minute.")
    from umap import UMAP

    tell(f"UMAP of {len(matrix)} vectors: a few seconds.")
    # A seed makes UMAP work with one job; saying so keeps it from warning about it.
    method = UMAP(n_neighbors=n_neighbors, min_dist=min_dist, random_state=seed, n_jobs=1)
    return np.asarray(method.fit_transform(matrix), dtype=np.float32)
