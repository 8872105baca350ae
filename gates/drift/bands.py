"""Bands of a number by the quantiles of the reference, or those that somebody gives, as banks do for their scores.

Ten bands of about a tenth of the reference each, so that none is empty there and no outlier stretches them. A value
that more than a tenth of the reference has is a band of its own. What lies beyond the reference falls into the outer
bands.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .columns import Column, Floats

__all__ = ["BANDS", "Bands", "bands_of", "give_bands"]

BANDS = 10
#: Above so many rows the engine finds the quantiles; below, sorting the values is quicker.
_MOST_SORTED = 20_000_000
Counts = npt.NDArray[np.int64]
Below = Callable[[Sequence[float]], Counts]


@dataclass(frozen=True)
class Bands:
    """Cuts of the number line: band i holds ``cuts[i - 1] <= x < cuts[i]``, the outer ones the rest.

    Attributes:
        cuts: Ascending.
        alone: Of each band, whether it holds one value only.
        rows: The reference's rows in each.
        given: Whether somebody gave the cuts.
    """

    cuts: Floats
    alone: tuple[bool, ...]
    rows: Counts
    given: bool = False


def give_bands(reference: Mapping[str, Column], ends: Mapping[str, Sequence[float]]) -> None:
    """Cut columns of the reference where somebody says, instead of by their quantiles.

    Args:
        reference: Column by name.
        ends: The inner ends of its bands, ascending, by column; a value at an end is in the band above it.
    """
    for name, cuts in ends.items():
        column = reference.get(name)
        if column is not None and column.reading.form == "number":
            rows = np.diff([0, *column.below(cuts), column.n]).astype(np.int64)
            column.bands = Bands(np.array(cuts, np.float64), (False,) * len(rows), rows, given=True)


def bands_of(reference: Column) -> Bands:
    """The bands of a reference column, which holds at least one value and no infinity."""
    points, below = _sorted(reference) if reference.n <= _MOST_SORTED else _asked(reference)
    own = _heavy(points, below, reference.n)
    cuts = {float(point) for point in points[1::2]} - set(own)
    cuts |= set(own) | {float(np.nextafter(value, np.inf)) for value in own}
    return _merged(sorted(cuts), set(own), below, reference.n)


def _shares() -> list[float]:
    """Twice as many points as bands: a value with more than a band's share is at two of them at least."""
    return [round(place / (2 * BANDS), 9) for place in range(1, 2 * BANDS)]


def _sorted(reference: Column) -> tuple[Floats, Below]:
    values = reference.ordered
    places = [int(np.ceil(share * len(values))) - 1 for share in _shares()]
    return values[places], lambda cuts: np.searchsorted(values, np.asarray(cuts, np.float64), side="left")


def _asked(reference: Column) -> tuple[Floats, Below]:
    points = reference.query(f"quantile_cont(x, [{', '.join(map(str, _shares()))}])")[0][0]
    return np.asarray(list(points), np.float64), reference.below


def _heavy(points: Floats, below: Below, n: int) -> list[float]:
    """The values that more than a band's share of the rows have."""
    twice = sorted({float(points[place]) for place in range(1, len(points)) if points[place] == points[place - 1]})
    if not twice:
        return []
    under, with_it = below(twice), below([float(np.nextafter(value, np.inf)) for value in twice])
    return [value for value, rows in zip(twice, with_it - under, strict=True) if rows * BANDS > n]


def _merged(cuts: list[float], own: set[float], below: Below, n: int) -> Bands:
    """The bands between the cuts; those of less than half a band's share go to a neighbour of several values."""
    rows = np.diff(np.concatenate([[0], below(cuts), [n]])).tolist() if cuts else [n]
    alone = [False] + [cut in own for cut in cuts]
    place = 0
    while place < len(rows):
        beside = [other for other in (place - 1, place + 1) if 0 <= other < len(rows) and not alone[other]]
        if alone[place] or not beside or rows[place] * 2 * BANDS >= n:
            place += 1
            continue
        other = min(beside, key=lambda one: rows[one])
        first = min(place, other)
        rows[first : first + 2] = [rows[first] + rows[first + 1]]
        alone[first : first + 2] = [False]
        del cuts[first]
        place = max(first - 1, 0)
    return Bands(np.array(cuts, np.float64), tuple(alone), np.array(rows, np.int64))
