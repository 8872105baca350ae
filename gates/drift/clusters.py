"""How many independent rows a column's rows are worth where rows of one cluster (a person, an account) go together.

Each set has its own number, from the spread of clusters' totals of scores (``intervals.clustered_n``); the smallest of
several scores counts. Which scores are told apart by what a statistic's error comes from:

- divergences of cells: the statistic's own slope, which says how far it spreads near its limit, and the mean design
  effect of the cells, which says by how much it comes out too large (J. N. K. Rao, A. J. Scott, Journal of the American
  Statistical Association 76 (1981) 221-230);
- ks and ed: rows below each cut of the reference's bands; wasserstein: these, the values, and how far they lie from the
  middle;
- TVD: rows in each cell, and in the cells in which production has more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aims_gates import intervals

from .columns import Column, Floats
from .pair import Counts, Pair, cut_sql

__all__ = ["Worth", "worth_of_cells", "worth_of_order"]

#: Above so many cells rows of one cluster count as if all were alike.
_MOST_CELLS = 200

Formula = Callable[[Counts | Floats, Counts | Floats], Floats]


@dataclass(frozen=True)
class Worth:
    """What the rows of one set are worth.

    Attributes:
        rows: Rows that hold a value.
        clusters: How many clusters they come in.
        alike: Their worth were all rows of a cluster alike; never less.
        size: Their worth, in independent rows.
        mean: Their worth by the mean design effect of the cells.
    """

    rows: int
    clusters: int
    alike: float
    size: float
    mean: float

    def at(self, tail: float) -> float:
        """The size for an interval that leaves out ``tail`` at each end: smaller with few clusters."""
        if self.size <= self.alike:
            return self.size
        return max(self.alike, float(intervals.at_level(self.size, self.clusters - 1, 1 - 2 * tail)))


def worth_of_cells(
    pair: Pair, cells: tuple[Counts, Counts], place: Callable[[], str], formula: Formula, power: int, every: bool
) -> tuple[Worth, Worth] | None:
    """What both sets are worth for a statistic of cells; None where rows are independent.

    Args:
        pair: The column.
        cells: Rows per cell: reference, production.
        place: Gives SQL of the cell of ``x``, from 0.
        formula, power: The statistic, and the power that makes it smooth.
        every: Whether the worst of single cells counts too; else their mean design effect.
    """
    if not pair.clustered:
        return None
    if len(cells[0]) > _MOST_CELLS:
        return _alike(pair.reference), _alike(pair.production)
    slopes = _slopes(formula, power, cells)
    first, second = (
        _worth(column, place(), rows, slope[None, :], every=every)
        for column, rows, slope in zip((pair.reference, pair.production), cells, slopes, strict=True)
    )
    return first, second


def worth_of_order(pair: Pair, values: bool = False) -> tuple[Worth, Worth] | None:
    """What both sets are worth for a statistic of ``F - G``; None where rows are independent.

    Args:
        pair: The column, a number.
        values: Whether the values themselves matter, and not only their order.
    """
    if not pair.clustered:
        return None
    if pair.binned:
        cuts = pair.bands.cuts
        cells, place = (pair.bands.rows, pair.production.banded(cuts)), cut_sql(cuts)
    else:
        cells, place = pair.tallies, pair.key_sql
    below = np.tril(np.ones((len(cells[0]),) * 2))[:-1]
    both = zip((pair.reference, pair.production), cells, pair.ordered, strict=True)
    first, second = (
        _worth(column, place, rows, below, _centred(ordered) if values else ()) for column, rows, ordered in both
    )
    return first, second


def _centred(ordered: Floats) -> Sequence[tuple[str, float]]:
    """SQL of the values, and of their distance from the middle, less their means; with the sums of their squares."""
    middle = float(ordered[len(ordered) // 2])
    apart = np.abs(ordered - middle)
    means = float(ordered.mean()), float(apart.mean())
    return [
        (f"x - CAST({means[0]!r} AS DOUBLE)", float(np.square(ordered - means[0]).sum())),
        (
            f"abs(x - CAST({middle!r} AS DOUBLE)) - CAST({means[1]!r} AS DOUBLE)",
            float(np.square(apart - means[1]).sum()),
        ),
    ]


def _slopes(formula: Formula, power: int, cells: tuple[Counts, Counts]) -> tuple[Floats, Floats]:
    """How the statistic changes with one more row of each cell, for the reference and for production."""
    one, other = (np.asarray(rows + 0.5, np.float64) for rows in cells)
    steps = [np.asarray(np.diag(1e-4 * rows), np.float64) for rows in (one, other)]

    def change(first: tuple[Floats, Floats], second: tuple[Floats, Floats], step: Floats) -> Floats:
        return np.asarray((formula(*first) ** power - formula(*second) ** power) / (2 * np.diag(step)))

    return (
        change((one + steps[0], other), (one - steps[0], other), steps[0]),
        change((one, other + steps[1]), (one, other - steps[1]), steps[1]),
    )


def _alike(column: Column) -> Worth:
    """Rows of one cluster taken as alike; by their mean design effect, which is not known, as independent."""
    clusters, squares = _asked(column, "0", 0, [])[:2]
    size = column.n**2 / squares
    return Worth(column.n, int(clusters), size, size, column.n)


def _worth(
    column: Column,
    place: str,
    rows: Counts,
    scores: Floats,
    values: Sequence[tuple[str, float]] = (),
    *,
    every: bool = False,
) -> Worth:
    """What a column's rows are worth.

    Args:
        column: The column in one set.
        place: SQL of the cell of ``x``.
        rows: Rows per cell, shape (cells,).
        scores: Scores of the cells, shape (scores, cells).
        values: SQL of further scores of ``x``, with the sums of their squares.
        every: Whether the worst of single cells counts too.
    """
    n, shares = float(column.n), rows / rows.sum()
    single = np.eye(len(rows))[rows > 0]
    centred = np.concatenate([scores, single]) - (np.concatenate([scores, single]) @ shares)[:, None]
    clusters, squares, *residuals = _asked(column, place, len(rows), centred, [sql for sql, _ in values])
    alike = n * n / squares

    def size(residual: float, spread: float, ends: Sequence[float]) -> float:
        return intervals.clustered_n(n, squares, spread, residual, clusters, ends, n)

    spreads, inside = np.square(centred) @ rows, centred[:, rows > 0]
    own_ends = [(float(score.min()), float(score.max())) for score in inside]
    # The mean of the cells says by how much a statistic is too large: it is no end to be on the safe side of.
    ends = own_ends if every else own_ends[: len(scores)] + [(0.0, 0.0)] * len(single)
    sizes = [size(*facts) for facts in zip(residuals, spreads.tolist(), ends, strict=False)]
    sizes_of_values = [
        size(residual, spread, (0.0, 0.0))
        for residual, (_, spread) in zip(residuals[len(centred) :], values, strict=True)
    ]
    own, cells = sizes[: len(scores)], np.array(sizes[len(scores) :])
    effects = (1 - shares[rows > 0]) * n / cells
    mean = n / max(float(effects.sum()) / (len(cells) - 1), 1.0) if len(cells) > 1 else alike
    least = cells.min() if every else mean
    return Worth(column.n, int(clusters), alike, float(max(alike, min([n, *own, *sizes_of_values, least]))), mean)


def _asked(
    column: Column, place: str, cells: int, scores: Floats | Sequence[Floats], values: Sequence[str] = ()
) -> list[float]:
    """Clusters, the sum of the squares of their rows, and of the squares of their totals of each score."""
    totals = [f"count_if(k = {cell}) AS t{cell}" for cell in range(cells)]
    totals += [f"sum({value}) AS v{number}" for number, value in enumerate(values)]
    sums = [
        " + ".join(f"CAST({float(weight)!r} AS DOUBLE) * t{cell}" for cell, weight in enumerate(score) if weight) or "0"
        for score in scores
    ]
    sums += [f"v{number}" for number in range(len(values))]
    rows = f"SELECT {column.part.cluster} AS c, {column.sql} AS x FROM {column.part.sql}"
    rows = f"SELECT c, x, {place} AS k FROM ({rows}) AS r WHERE x IS NOT NULL"
    grouped = f"SELECT {', '.join(['count(*) AS m', *totals])} FROM ({rows}) AS s GROUP BY c"
    squares = ", ".join(f"sum(pow({term}, 2))" for term in ["m", *sums])
    answer = column.part.data.query(f"SELECT count(*), {squares} FROM ({grouped}) AS t")[0]
    return [float(number) for number in answer]
