"""Two sorted samples merged once: every statistic of ``F - G`` follows from the one order.

Merged in blocks that fit a processor's cache, so that beyond the two samples nothing as long as they are is held.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Merged", "merge", "relative_error", "spread"]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
_GRID = 200
_BLOCK = 131_072


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
        gaps = np.cumsum(np.where(order < len(one), m, -n))
        gaps += gap
        widths = np.diff(values)
        moved = np.flatnonzero(widths)
        absolute = np.abs(gaps)
        greatest = max(greatest, int(absolute[moved].max(initial=0)), int(absolute[-1]))
        shares = absolute[:-1] / (float(n) * m)
        across = abs(gap) / (float(n) * m)
        area += across * (float(values[0]) - last) + float(shares @ widths)
        squares += across**2 * (float(values[0]) - last) + float((shares * shares) @ widths)
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


def spread(values: Floats) -> float:
    """The standard deviation (``numpy.std``), without a second array as long as the first."""
    mean = float(values.mean())
    total = sum(float(np.sum((values[at : at + _BLOCK] - mean) ** 2)) for at in range(0, len(values), _BLOCK))
    return float(np.sqrt(total / len(values)))


def relative_error(values: Floats) -> float:
    """The standard error of the standard deviation, as a share of it: ``sqrt((kurtosis - 1) / (4 n))``."""
    mean, deviation = float(values.mean()), spread(values)
    if not deviation:
        return 0.0
    blocks = (values[at : at + _BLOCK] for at in range(0, len(values), _BLOCK))
    kurtosis = sum(float(np.sum(((block - mean) / deviation) ** 4)) for block in blocks) / len(values)
    return float(np.sqrt(max(kurtosis - 1, 0) / (4 * len(values))))
