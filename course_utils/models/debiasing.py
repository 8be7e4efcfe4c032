"""Take a direction out of word vectors: hard debiasing by projection.

==================================================  =================================
paper (Bolukbasi et al. 2016, section 6)            here
==================================================  =================================
bias subspace: PCA of the pairs, each pair centred  `pair_direction`, one direction
neutralize: w - (w · g) g, then length 1            `remove_direction`
==================================================  =================================

Difference: `remove_direction` leaves lengths as they come out; cosines do not see them. Equalising pairs is
left out: it changes the listed pairs only, and none of our tests asks about them.

References
----------
Bolukbasi, Chang, Zou, Saligrama and Kalai (2016), Man is to Computer Programmer as Woman is to Homemaker?
Debiasing Word Embeddings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def pair_direction(first: ArrayLike, second: ArrayLike) -> Floats:
    """The direction along which the words of pairs differ most: the first principal component.

    Parameters
    ----------
    first, second : arrays of shape (N, D)
        Row i of both is a pair, such as *she* and *he*.

    Returns
    -------
    array of shape (D,)
        Of length 1; it points towards `first`.

    Raises
    ------
    ValueError
        If shapes differ, there is no pair, or no pair differs.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 2 or one.shape != other.shape or not len(one):
        raise ValueError(f"Pairs need two arrays of one shape (N, D), not {one.shape} and {other.shape}.")
    steps = (one - other) / 2  # a pair less its middle is plus and minus half its difference
    _, strength, directions = np.linalg.svd(np.vstack([steps, -steps]), full_matrices=False)
    if not strength[0] > 0:
        raise ValueError("The words of every pair have the same vector; there is no direction to find.")
    direction = directions[0]
    return np.asarray(direction if steps.sum(axis=0) @ direction >= 0 else -direction)


def remove_direction(vectors: ArrayLike, direction: ArrayLike) -> Floats:
    """Vectors without their part along a direction.

    Parameters
    ----------
    vectors : array of shape (N, D)
    direction : array of shape (D,)
        Of any length above 0.

    Returns
    -------
    array of shape (N, D)
        At a right angle to the direction.

    Raises
    ------
    ValueError
        If the shapes do not fit or the direction has no length.
    """
    matrix, axis = np.asarray(vectors, dtype=np.float64), np.asarray(direction, dtype=np.float64)
    if matrix.ndim != 2 or axis.shape != matrix.shape[1:]:
        raise ValueError(f"Vectors of shape {matrix.shape} have no direction of shape {axis.shape}.")
    length = np.linalg.norm(axis)
    if not length > 0:
        raise ValueError("The direction has length 0; pass the difference of two unlike vectors.")
    axis = axis / length
    return np.asarray(matrix - np.outer(matrix @ axis, axis))
