"""Two sorted samples merged once: every statistic of ``F - G`` follows from the one order.

Merged in blocks that fit a processor's cache, so that beyond the two samples nothing as long as they are is held.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Merged", "Spread", "merge", "spread"]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
_GRID = 200
_BLOCK = 65_536


@dataclass(frozen=True)
class Merged:
    """What the distance functions need.

    Attributes:
        ks: The greatest ``|F - G|`` (as ``scipy.stats.ks_2samp``).
        area: The integral of ``|F - G|`` (as ``scipy.stats.wasserstein_distance``).
        squares: The integral of ``(F - G) ** 2``; twice its root is ``scipy.stats.energy_distance`` squared.
        widths: The distances between at most 200 points at equal steps of the pooled order.
        first, second: Rows of each sample up to each point, and above the one before.
    """

    ks: float
    area: float
    squares: float
    widths: Floats
    first: Counts
    second: Counts


def merge(first: Floats, second: Floats) -> Merged:
    """Merge two samples, each sorted ascending and not empty."""
    n, m = len(first), len(second)
    places = np.linspace(0, n + m - 1, min(_GRID, n + m)).astype(np.int64)
    points: list[Floats] = []
    greatest, area, squares = 0, 0.0, 0.0
    done, gap, last = 0, 0, float(min(first[0], second[0]))
    for one, other in _blocks(first, second):
        pooled = np.concatenate([one, other])
        # Two sorted runs: a stable sort only merges them.
        order = np.argsort(pooled, kind="stable")
        values = pooled[order]
        # In units of 1 / (n m), so that the sums stay whole.
        gaps = np.repeat(np.array([m, -n], np.int64), [len(one), len(other)])[order]
        np.cumsum(gaps, out=gaps)
        gaps += gap
        widths = np.diff(values)
        absolute = np.abs(gaps)
        between = absolute[:-1]
        moved = between if widths.all() else between[widths > 0]
        greatest = max(greatest, int(moved.max(initial=0)), int(absolute[-1]))
        shares = between / (float(n) * m)
        across = abs(gap) / (float(n) * m)
        # Sums of products, not BLAS: its threads would cost more than they save on blocks so short.
        widths *= shares
        area += across * (float(values[0]) - last) + float(widths.sum())
        widths *= shares
        squares += across**2 * (float(values[0]) - last) + float(widths.sum())
        inside = places[(places >= done) & (places < done + len(values))] - done
        points.append(values[inside])
        done, gap, last = done + len(values), int(gaps[-1]), float(values[-1])
    grid = np.unique(np.concatenate(points))
    rows = [np.diff(np.searchsorted(sample, grid, side="right"), prepend=0) for sample in (first, second)]
    return Merged(greatest / (float(n) * m), area, squares, np.diff(grid), rows[0], rows[1])


def _blocks(first: Floats, second: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Both samples cut at the same values, never between equal ones."""
    a = b = 0
    while a < len(first) or b < len(second):
        ends = [sample[place + _BLOCK] for sample, place in ((first, a), (second, b)) if place + _BLOCK < len(sample)]
        if not ends:
            yield first[a:], second[b:]
            return
        # Above all that equals the cut: a block has at least one value, however many are alike.
        cut = min(ends)
        after, beyond = (int(np.searchsorted(sample, cut, side="right")) for sample in (first, second))
        yield first[a:after], second[b:beyond]
        a, b = after, beyond


@dataclass(frozen=True)
class Spread:
    """How far values lie from their mean.

    Attributes:
        deviation: Their standard deviation (``numpy.std``).
        relative_error: The standard error of that, as a share of it: ``sqrt((kurtosis - 1) / (4 n))``.
    """

    deviation: float
    relative_error: float


def spread(values: Floats) -> Spread:
    """The spread of values, without a second array as long as they are."""
    mean, n = float(values.mean()), len(values)
    second = 0.0
    for at in range(0, n, _BLOCK):
        second += float(np.square(values[at : at + _BLOCK] - mean).sum())
    deviation = float(np.sqrt(second / n))
    if not deviation:
        return Spread(0.0, 0.0)
    fourth = 0.0
    for at in range(0, n, _BLOCK):
        squared = np.square((values[at : at + _BLOCK] - mean) / deviation)
        fourth += float(np.square(squared).sum())
    return Spread(deviation, float(np.sqrt(max(fourth / n - 1, 0) / (4 * n))))
