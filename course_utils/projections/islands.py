"""Islands on a map: dense patches with water between them, found by a rule instead of an eye.

A map that shows islands has not shown that the vectors have any. Look for them in the vectors, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.vectors import as_matrix

__all__ = ["find_islands"]


def find_islands(points: Any, *, min_size: int = 5) -> NDArray[np.int64]:
    """Number the islands of a map (HDBSCAN).

    Parameters
    ----------
    points : array of shape (N, D)
    min_size : int
        Fewer points than this make no island.

    Returns
    -------
    int64 array of shape (N,)
        The largest island is 0, the next 1 and so on; -1 for points in the water.

    Raises
    ------
    ValueError
        If min_size is below 2 or above N, or a number is NaN or infinite.

    References
    ----------
    Campello, Moulavi and Sander (2013), Density-Based Clustering Based on Hierarchical Density Estimates.
    """
    from sklearn.cluster import HDBSCAN

    matrix = as_matrix(points, name="the points")
    if not 2 <= min_size <= len(matrix):
        raise ValueError(f"min_size must be from 2 to the number of points, {len(matrix)}, not {min_size}.")
    found = HDBSCAN(min_cluster_size=min_size, copy=True).fit(matrix).labels_
    sizes = np.bincount(found[found >= 0], minlength=1)
    new_number = np.empty(len(sizes), dtype=np.int64)
    new_number[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return np.where(found >= 0, new_number[found], -1)
