"""How a column's values are spread, in both sets: a handful of bins for a picture. Information, never judged.

Only what the methods counted or sorted anyway is used, so no further pass over the data is made.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from aims_gates import Finding

from .bands import Bands
from .columns import Column, Floats
from .pair import Counts, Pair

__all__ = ["bin_shares", "first_columns"]

MEASURE = "bin_share"
_MOST_BINS, _MOST_VALUES, _LEAST_NAMED = 10, 8, 5


def bin_shares(pair: Pair) -> list[Finding]:
    """bin_share of every bin, in the reference and in production: the share of the rows that hold a value."""
    if not min(pair.sizes):
        return []
    named, rows = _binned(pair) if pair.binned else _counted(pair)
    return [
        Finding(MEASURE, float(count / n), n=n, by={"column": pair.name, "bin": name, "set": role})
        for role, counts, n in zip(("reference", "production"), rows, pair.sizes, strict=True)
        for name, count in zip(named, counts, strict=True)
    ]


def _counted(pair: Pair) -> tuple[list[str], tuple[Counts, Counts]]:
    """The most frequent values, the rest together; values that hardly anybody has are never named."""
    first, second = pair.tallies
    total = first + second
    order = np.argsort(-total, kind="stable")[:_MOST_VALUES]
    shown = [int(place) for place in order if total[place] >= _LEAST_NAMED]
    if pair.number:
        shown.sort()
    named = [_value(pair, pair.keys[place]) for place in shown]
    rows = tuple(np.append(counts[shown], counts.sum() - counts[shown].sum()) for counts in (first, second))
    if rows[0][-1] or rows[1][-1]:
        return [*named, "all others"], (rows[0], rows[1])
    return named, (rows[0][:-1], rows[1][:-1])


def _value(pair: Pair, value: Any) -> str:
    return _number(pair.reference, float(value)) if pair.number else str(value)


def _number(column: Column, value: float) -> str:
    if column.reading.how == "epoch":
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M").removesuffix(" 00:00")
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _binned(pair: Pair) -> tuple[list[str], tuple[Counts, Counts]]:
    both = (pair.reference, pair.production)
    if pair.quantiles and pair.reference.bands is not None:
        bands = pair.bands
        return _banded(pair, bands), (bands.rows, pair.production.banded(bands.cuts))
    if all("ordered" in column.__dict__ for column in both):
        edges = _middle(*(column.ordered for column in both))
        below = [np.searchsorted(column.ordered, edges[1:-1], side="left") for column in both]
        ends = (np.array([0, *inner, column.n]) for inner, column in zip(below, both, strict=True))
        rows = tuple(np.diff(end) for end in ends)
    elif "edges" in pair.__dict__:
        step = -(-(len(pair.edges) - 1) // _MOST_BINS)
        starts = np.arange(0, len(pair.edges) - 1, step)
        rows = tuple(np.add.reduceat(cells, starts) for cells in pair.cells)
        edges = np.append(pair.edges[starts], pair.edges[-1])
    else:
        return [], (np.array([], np.int64), np.array([], np.int64))
    return _ranges(pair, edges[1:-1]), (rows[0], rows[1])


def _banded(pair: Pair, bands: Bands) -> list[str]:
    """Bands in words; a value that stands alone is one that more than a tenth of the rows have."""
    names = _ranges(pair, bands.cuts)
    places = [place for place, alone in enumerate(bands.alone) if alone]
    for place in places:
        names[place] = _number(pair.reference, float(bands.cuts[place - 1]))
        if place + 1 < len(names):
            names[place + 1] = names[place + 1].replace(f"{names[place]} to", f"above {names[place]} to", 1)
    return names


def _ranges(pair: Pair, inner: Floats) -> list[str]:
    """Bins in words. The least and the greatest value are not told: they are somebody's."""
    at = [_number(pair.reference, float(edge)) for edge in inner]
    if not at:
        return ["all values"]
    return [f"below {at[0]}", *(f"{a} to {b}" for a, b in pairwise(at)), f"{at[-1]} and above"]


def _middle(first: Floats, second: Floats) -> Floats:
    """Bins of equal width over the middle 98 %; the first and the last also hold what lies beyond."""
    low, high = (
        pick(float(values[int(share * (len(values) - 1))]) for values in (first, second))
        for pick, share in ((min, 0.01), (max, 0.99))
    )
    edges = np.linspace(low, high if high > low else low + 1.0, _MOST_BINS + 1)
    edges[0], edges[-1] = min(first[0], second[0]), max(first[-1], second[-1])
    return edges


def first_columns(bins: Mapping[str, Sequence[Finding]], findings: Sequence[Finding], most: int) -> Iterator[Finding]:
    """The bins of so many columns, those that drifted first."""
    ranks = {"error": 0, "fail": 0, "inconclusive": 1, "pass": 2}
    worst: dict[str, int] = {}
    for finding in findings:
        column = str((finding.over or {}).get("column"))
        if column in bins:
            worst[column] = min(worst.get(column, 3), ranks.get(finding.outcome or "", 3))
    for name in sorted(bins, key=lambda name: worst.get(name, 3))[:most]:
        yield from bins[name]
