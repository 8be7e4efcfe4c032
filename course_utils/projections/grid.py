"""Maps computed ahead, so that a slider answers at once: every method, setting and seed of a small grid."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_utils.projections.maps import METHODS, Projected, check_settings, project, score
from course_utils.vectors import as_matrix

__all__ = ["ProjectionGrid"]

LARGEST = 32_767  # points are kept as whole numbers of 16 bits, a scale for each map
AGAIN = "make the maps again: python tools/compute_maps.py"


class ProjectionGrid:
    """All maps of one set of vectors, for each method, setting and seed.

    Parameters
    ----------
    vectors : array of shape (N, D)
    labels : sequence of N str
        Each once.
    methods : mapping of str to mapping of str to sequence
        Method → its settings → their values, such as {"PCA": {}, "t-SNE": {"perplexity": (5, 30)}}.
    seeds : sequence of int
        PCA has one map, which stands for all seeds.
    maps : sequence of Projected
        One for each combination.

    Attributes
    ----------
    vectors, labels, methods, seeds

    Raises
    ------
    ValueError
        If a map of a combination is missing, or lengths differ.
    """

    def __init__(
        self,
        vectors: Any,
        labels: Sequence[str],
        *,
        methods: Mapping[str, Mapping[str, Sequence[Any]]],
        seeds: Sequence[int],
        maps: Sequence[Projected],
    ) -> None:
        self.vectors: NDArray[np.float32] = np.asarray(as_matrix(vectors), dtype=np.float32)
        self.labels = list(labels)
        self.methods = {m: {s: tuple(v) for s, v in given.items()} for m, given in methods.items()}
        self.seeds = tuple(int(seed) for seed in seeds)
        self._maps = {_key(one.method, one.settings, one.seed): one for one in maps}
        if len(self.vectors) != len(set(self.labels)) or len(self.labels) != len(self.vectors):
            raise ValueError(
                f"{len(self.vectors)} vectors need as many different labels; got {len(self.labels)}."
            )
        for method, settings, seed in _combinations(self.methods, self.seeds):
            found = self._maps.get(_key(method, settings, seed))
            if found is None or found.points.shape != (len(self.labels), 2):
                raise ValueError(f"The grid has no map of {method} with {settings} and seed {seed}.")

    def get(self, method: str, *, seed: int | None = None, **settings: Any) -> Projected:
        """One of the maps.

        Parameters
        ----------
        method : str
        seed : int, optional
            The first one by default. PCA takes any.
        **settings
            Those of the method; what is left out has the library's value, or the first one where the grid
            does not have that.

        Raises
        ------
        ValueError
            If there is no such map; the message says which there are.
        """
        if method not in self.methods:
            raise ValueError(f"The grid has maps by {', '.join(self.methods)}, not by {method!r}.")
        offered = self.methods[method]
        unknown = set(settings) - set(offered)
        if unknown:
            known = ", ".join(offered) or "no settings"
            raise ValueError(f"{method} in this grid has {known}, not {', '.join(sorted(unknown))}.")
        usual = {s: METHODS[method].get(s) for s in offered}
        chosen = {
            s: usual[s] if usual[s] in values else values[0] for s, values in offered.items()
        } | settings
        for name, values in offered.items():
            if chosen[name] not in values:
                raise ValueError(f"The grid has {name} {_say(values)}, not {chosen[name]}.")
        seed = self.seeds[0] if seed is None or method == "PCA" else seed
        if seed not in self.seeds:
            raise ValueError(f"The grid has the seeds {_say(self.seeds)}, not {seed}.")
        return self._maps[_key(method, chosen, seed)]

    def __iter__(self) -> Iterator[Projected]:
        """All maps."""
        return iter(self._maps.values())

    def __len__(self) -> int:
        return len(self._maps)

    def __repr__(self) -> str:
        return f"ProjectionGrid({len(self.labels)} vectors, {len(self)} maps, {', '.join(self.methods)})"

    @classmethod
    def compute(
        cls,
        vectors: Any,
        labels: Sequence[str],
        *,
        methods: Mapping[str, Mapping[str, Sequence[Any]]],
        seeds: Sequence[int] = (0,),
        progress: Callable[[int, int], object] | None = None,
    ) -> ProjectionGrid:
        """Draw all maps; with three hundred vectors count on two seconds for each by t-SNE or UMAP.

        Vectors are rounded to 16 bits and points to a 65,000th of the map's width before anything is
        scored, so that a kept grid gives the same marks as a fresh one.

        Parameters
        ----------
        progress : callable, optional
            Called with the number of maps drawn and their total after each map.

        Raises
        ------
        ValueError
            As `project`; all settings are checked before the first map is drawn.
        """
        matrix = np.asarray(as_matrix(vectors), dtype=np.float16).astype(np.float32)
        wanted = list(_combinations(methods, seeds))
        for method, settings, _ in wanted:
            check_settings(method, settings=settings, n=len(matrix))
        maps = []
        for done, (method, settings, seed) in enumerate(wanted, start=1):
            drawn = project(matrix, method=method, seed=seed, **settings)
            numbers, scale = _shrink(drawn.points)
            maps.append(
                score(matrix, numbers.astype(np.float32) * scale, method=method, settings=settings, seed=seed,
                      explained=drawn.explained)
            )  # fmt: skip
            if progress is not None:
                progress(done, len(wanted))
        return cls(matrix, labels, methods=methods, seeds=seeds, maps=maps)

    # -- files --------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The grid as a safetensors file: vectors, points, and the rest as JSON in its header."""
        import safetensors.numpy

        shrunk = [_shrink(one.points) for one in self]
        tensors: dict[str, NDArray[Any]] = {
            "vectors": self.vectors.astype(np.float16),
            "points": np.stack([numbers for numbers, _ in shrunk]),  # (M, N, 2)
            "scales": np.array([scale for _, scale in shrunk], dtype=np.float32),
        }
        about = json.dumps({
            "labels": self.labels, "methods": self.methods, "seeds": self.seeds,
            "maps": [{"method": one.method, "settings": one.settings, "seed": one.seed,
                      "trustworthiness": one.trustworthiness, "continuity": one.continuity,
                      "explained": one.explained} for one in self],
        })  # fmt: skip
        return safetensors.numpy.save(tensors, {"about": about, "sha256": _digest(about, tensors)})

    @classmethod
    def from_bytes(cls, data: bytes) -> ProjectionGrid:
        """A grid from what `to_bytes` returned.

        Raises
        ------
        ValueError
            If the data are damaged.
        """
        import safetensors.numpy

        try:
            tensors = safetensors.numpy.load(data)
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
            if header["sha256"] != _digest(header["about"], tensors):
                raise ValueError("checksum")
            about = json.loads(header["about"])
            points = tensors["points"].astype(np.float32) * tensors["scales"][:, None, None]
            maps = [
                Projected(**{**one, "explained": tuple(one["explained"])}, points=p)
                for one, p in zip(about["maps"], points, strict=True)
            ]
            return cls(tensors["vectors"].astype(np.float32), about["labels"], methods=about["methods"],
                       seeds=about["seeds"], maps=maps)  # fmt: skip
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"The maps are damaged; {AGAIN}") from error

    def save(self, path: str | Path) -> Path:
        """Write a file; a tool of the course writes it atomically from `to_bytes`."""
        path = Path(path)
        path.write_bytes(self.to_bytes())
        return path

    @classmethod
    def load(cls, path: str | Path) -> ProjectionGrid:
        """Read a file made by `save`.

        Raises
        ------
        ValueError
            If it is missing or damaged; the message says how to make it again.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror}); {AGAIN}") from error
        return cls.from_bytes(data)


def _combinations(
    methods: Mapping[str, Mapping[str, Sequence[Any]]], seeds: Sequence[int]
) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Every method with every setting and seed; PCA only with the first seed."""
    for method, offered in methods.items():
        for values in itertools.product(*offered.values()):
            for seed in seeds[:1] if method == "PCA" else seeds:
                yield method, dict(zip(offered, values, strict=True)), int(seed)


def _key(method: str, settings: Mapping[str, Any], seed: int) -> tuple[Any, ...]:
    return method, tuple(sorted((name, float(value)) for name, value in settings.items())), int(seed)


def _shrink(points: NDArray[np.float32]) -> tuple[NDArray[np.int16], np.float32]:
    """Points as whole numbers of 16 bits, and the scale that makes them points again."""
    scale = np.float32(np.abs(points).max() / LARGEST) or np.float32(1)
    return np.rint(points / scale).astype(np.int16), scale


def _digest(about: str, tensors: Mapping[str, NDArray[Any]]) -> str:
    """safetensors itself does not notice a changed number."""
    digest = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        digest.update(name.encode() + np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def _say(values: Sequence[Any]) -> str:
    return ", ".join(f"{value:g}" for value in values)
