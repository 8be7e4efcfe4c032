"""GloVe: word vectors whose inner products fit the logarithms of co-occurrence counts.

==================================================  ===========================================
paper                                               here
==================================================  ===========================================
X, contexts weighed by 1 / distance (section 4.2)   `cooccurrence_counts(..., weighting="harmonic")`
f(x) = min(1, x / x_max) ** alpha (eq. 9)           `weigh`
w_i · c_j + b_i + b̃_j ≈ log X_ij (eq. 7)            `Glove.forward`
J, a weighted sum of squares (eq. 8)                `full_loss`, times V; `Glove.loss` for some rows
shuffled non-zero cells, AdaGrad (section 4.2)      `Glove.recipe`: shuffled rows with all cells
W + C as word vectors (section 4.2)                 `Glove.vectors`
==================================================  ===========================================

Differences: an update uses all cells of a few hundred rows instead of a single cell. Their inner products
come from one dense matrix product, of which the counted cells are picked: several times faster here than
a visit to each of the 3 % of cells that are not zero. Two switches that the paper does not
have take GloVe apart: `zero_weight` lets the loss see the cells that were never counted, `biases="margins"`
fixes the biases at the logarithms of the margins, so that the inner product must be the pointwise mutual
information. With both, and a flat weight, the loss is that of a singular value decomposition.

References
----------
Pennington, Socher and Manning (2014), GloVe: Global Vectors for Word Representation.
Levy and Goldberg (2014), Neural Word Embedding as Implicit Matrix Factorization.
Shazeer et al. (2016), Swivel: Improving Embeddings by Noticing What's Missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from torch import Tensor, nn

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class GloveConfig:
    """What the loss looks at."""

    dimension: int = 100  # numbers per word, D
    x_max: float = 10.0  # count from which on a cell has full weight; the paper's 100 is for 6 billion words
    alpha: float = 0.75  # power of the weight below x_max; 0 gives every counted cell the weight 1
    zero_weight: float = 0.0  # weight of a cell never counted; the paper has 0
    biases: Literal["learned", "margins"] = "learned"  # "margins": fixed, so that w · c is the PMI
    passes: int = 30  # times over the table
    learning_rate: float = 0.2  # highest rate of AdaGrad; falls to 0
    blocks: int = 36  # parts that the rows are dealt into; one update each


class GloveCells(NamedTuple):
    """The counts as the loss sees them; made by `prepare_cells`."""

    targets: sparse.csr_matrix  # (V, V) log X where X > 0; an entry of 0 is stored where X is 1
    weights: Floats  # (nnz,) f(X), in the order of targets.data
    margins: Floats  # (V,) margins[i] + margins[j] is the log of the count that chance would give


class GloveBatch(NamedTuple):
    """The n counted cells of N rows."""

    rows: Tensor  # (N,) ids of the words
    places: Tensor  # (n,) which of the N rows a cell is in
    columns: Tensor  # (n,) ids of its context
    targets: Tensor  # (n,) log X
    weights: Tensor  # (n,) f(X)


class Glove(nn.Module):
    """Two vectors and two biases a word.

    Parameters
    ----------
    cells : GloveCells
        Gives the size, and the margins for ``biases="margins"``.
    config : GloveConfig
    """

    def __init__(self, cells: GloveCells, config: GloveConfig) -> None:
        super().__init__()
        self.config = config
        size, learned = len(cells.margins), config.biases == "learned"
        margins = torch.from_numpy(cells.margins)
        self.margins: Tensor
        self.register_buffer("margins", margins)
        self.words = nn.Parameter((torch.rand(size, config.dimension) - 0.5) / config.dimension)
        self.contexts = nn.Parameter((torch.rand(size, config.dimension) - 0.5) / config.dimension)
        start = torch.zeros(size) if learned else margins
        self.word_biases = nn.Parameter(start.clone(), requires_grad=learned)
        self.context_biases = nn.Parameter(start.clone(), requires_grad=learned)

    def forward(self, batch: GloveBatch) -> Tensor:
        """Predicted log counts of the counted cells, of shape (n,)."""
        inner = self.words[batch.rows] @ self.contexts.T  # (N, V)
        picked = inner.view(-1).index_select(0, batch.places * len(self.contexts) + batch.columns)  # (n,)
        biases = self.word_biases.index_select(0, batch.rows).index_select(0, batch.places)
        return picked + biases + self.context_biases.index_select(0, batch.columns)

    def loss(self, batch: GloveBatch) -> Tensor:
        """Weighted squared error of some rows, per row: the mean over all rows is J / V."""
        predicted = self.forward(batch)  # (n,)
        total = (batch.weights * (predicted - batch.targets) ** 2).sum()
        if self.config.zero_weight:
            chance = self.margins[batch.rows][batch.places] + self.margins[batch.columns]  # (n,)
            unseen = self._all_cells(batch.rows) - ((predicted - chance) ** 2).sum()
            total = total + self.config.zero_weight * unseen
        return total / len(batch.rows)

    def _all_cells(self, rows: Tensor) -> Tensor:
        """Squared difference from chance, summed over all N V cells, without making them.

        The difference is a product of two long vectors, [w, b, 1] and [c, 1, b̃], with the margins taken
        off the biases; and the squared entries of A Bᵀ sum to the inner product of AᵀA and BᵀB.
        """
        left, right = self.word_biases - self.margins, self.context_biases - self.margins
        one = torch.ones_like(left)
        a = torch.cat([self.words, left[:, None], one[:, None]], dim=1)[rows]  # (N, D + 2)
        b = torch.cat([self.contexts, one[:, None], right[:, None]], dim=1)  # (V, D + 2)
        return ((a.T @ a) * (b.T @ b)).sum()

    def recipe(self, cells: GloveCells, *, seed: int = 0) -> dict[str, Any]:
        """How to train it: ``fit(model, history=History(), **model.recipe(cells))``."""
        learned = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return {
            "batches": row_blocks(cells, parts=self.config.blocks),
            "steps": self.config.passes * self.steps_per_pass,
            "learning_rate": self.config.learning_rate,
            "optimizer": torch.optim.Adagrad(learned),
            "decay": "linear",
            "clip_norm": None,
            "seed": seed,
        }

    @property
    def steps_per_pass(self) -> int:
        """How many blocks make a pass over the table."""
        return min(self.config.blocks, len(self.words))

    def vectors(self, *, combine: Literal["sum", "words"] = "sum") -> Floats:
        """Word vectors of shape (V, D): the paper's sum of both sides, or the word side alone."""
        with torch.no_grad():
            chosen = self.words + self.contexts if combine == "sum" else self.words.clone()
        return chosen.numpy()


def weigh(counts: ArrayLike, *, x_max: float, alpha: float) -> Floats:
    """The weighting function f: rises with the count, and is 1 from `x_max` on.

    Raises
    ------
    ValueError
        If `x_max` is not above 0 or `alpha` is negative.
    """
    if not x_max > 0 or not alpha >= 0:
        raise ValueError(f"x_max must be above 0 and alpha 0 or more, not {x_max} and {alpha}.")
    return np.asarray(np.minimum(np.asarray(counts, dtype=np.float64) / x_max, 1.0) ** alpha, np.float32)


def prepare_cells(counts: Any, config: GloveConfig) -> GloveCells:
    """Take logarithms, weights and margins of a table of counts.

    Parameters
    ----------
    counts : sparse matrix or array of shape (V, V)
        See `cooccurrence_counts`.
    config : GloveConfig

    Raises
    ------
    ValueError
        If the table is not square, a count is negative, NaN or infinite, all are 0, some word has no
        count at all, or a setting is out of range.
    """
    table = sparse.csr_matrix(counts, dtype=np.float64)
    table.eliminate_zeros()
    if table.shape[0] != table.shape[1] or table.shape[0] < 2:
        raise ValueError(f"GloVe needs a square table of two words or more, not one of shape {table.shape}.")
    if not np.isfinite(table.data).all() or not (table.data > 0).all() or not table.nnz:
        raise ValueError("Counts must be 0 or more and not all 0; pass what cooccurrence_counts returns.")
    if not 0 <= config.zero_weight <= 1:
        raise ValueError(f"zero_weight must lie between 0 and 1, not {config.zero_weight}.")
    if min(config.dimension, config.passes, config.blocks) < 1 or not config.learning_rate > 0:
        raise ValueError("dimension, passes and blocks must be 1 or more, and learning_rate above 0.")
    if config.biases not in ("learned", "margins"):
        raise ValueError(f'biases must be "learned" or "margins", not {config.biases!r}.')
    totals = np.asarray(table.sum(axis=1)).ravel() + np.asarray(table.sum(axis=0)).ravel()
    if not (totals > 0).all():
        row = int(np.flatnonzero(totals == 0)[0])
        raise ValueError(f"Word {row} never has company; raise min_count or widen the window.")
    targets = table.copy()
    targets.data = np.log(table.data)
    margins = np.log(totals / 2) - np.log(table.sum()) / 2
    weights = weigh(table.data, x_max=config.x_max, alpha=config.alpha)
    return GloveCells(targets.astype(np.float32), weights, margins.astype(np.float32))


def gather_block(cells: GloveCells, rows: NDArray[np.integer[Any]]) -> GloveBatch:
    """The counted cells of these rows."""
    table = cells.targets
    lengths = np.diff(table.indptr)[rows]
    # Where in `data` the cells of these rows stand: each row's start, then one further a cell.
    steps = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    stored = np.repeat(table.indptr[rows], lengths) + steps  # (n,)
    parts = (
        np.asarray(rows, dtype=np.int64),
        np.repeat(np.arange(len(rows)), lengths),
        table.indices[stored].astype(np.int64),
        table.data[stored],
        cells.weights[stored],
    )
    return GloveBatch(*map(torch.from_numpy, parts))


def row_blocks(cells: GloveCells, *, parts: int) -> Callable[[torch.Generator], Iterator[GloveBatch]]:
    """Batches for `fit`: all rows once a pass, dealt into `parts` random blocks anew each pass.

    Raises
    ------
    ValueError
        If `parts` is below 1.
    """
    if parts < 1:
        raise ValueError(f"A table has one block or more, not {parts}.")

    def one_pass(generator: torch.Generator) -> Iterator[GloveBatch]:
        order = torch.randperm(len(cells.margins), generator=generator).numpy()
        return (gather_block(cells, rows) for rows in np.array_split(order, min(parts, len(order))))

    return one_pass


@torch.no_grad()
def full_loss(model: Glove, cells: GloveCells, *, size: int = 512) -> float:
    """J / V over all cells, with the weights as they are."""
    rows = np.arange(len(cells.margins))
    blocks = (gather_block(cells, rows[start : start + size]) for start in range(0, len(rows), size))
    return sum(float(model.loss(block)) * len(block.rows) for block in blocks) / len(rows)


@torch.no_grad()
def solve_words(model: Glove, cells: GloveCells, *, ridge: float = 1e-6) -> None:
    """Set every word's vector (and learned bias) to the exact minimum, the contexts held as they are.

    With one side fixed the loss of a row is linear least squares in D (+ 1) unknowns. For a symmetric
    table, taking turns with `swap_sides` is alternating least squares.

    Parameters
    ----------
    ridge : float
        Added to the diagonal, because a row with fewer cells than unknowns has no single minimum.
    """
    learned, unseen = model.config.biases == "learned", model.config.zero_weight
    contexts, margins = model.contexts.numpy(), cells.margins
    basis = np.hstack([contexts, np.ones((len(contexts), 1), np.float32)]) if learned else contexts
    offset = model.context_biases.numpy() - margins  # (V,)
    # All cells as if none had been counted: their difference from chance should be 0.
    every = unseen * (basis.T @ basis) + ridge * np.eye(basis.shape[1], dtype=np.float32)
    each = -unseen * (basis.T @ offset)
    for row in range(len(basis)):
        block = gather_block(cells, np.array([row]))
        seen, weights = block.columns.numpy(), block.weights.numpy()  # (n,), (n,)
        pmi = block.targets.numpy() - margins[row] - margins[seen]  # (n,)
        normal = every + (basis[seen] * (weights - unseen)[:, None]).T @ basis[seen]
        right = each + (weights * (pmi - offset[seen]) + unseen * offset[seen]) @ basis[seen]
        solution = torch.from_numpy(np.linalg.solve(normal, right).astype(np.float32))
        model.words[row] = solution[: contexts.shape[1]]
        if learned:
            model.word_biases[row] = solution[-1] + float(margins[row])


@torch.no_grad()
def swap_sides(model: Glove) -> None:
    """Exchange words and contexts, which a symmetric table does not tell apart."""
    for first, second in ((model.words, model.contexts), (model.word_biases, model.context_biases)):
        kept = first.clone()
        first.copy_(second)
        second.copy_(kept)
