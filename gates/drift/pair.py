"""A column in the reference beside the same column in production."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .bands import Bands, bands_of
from .columns import FEW, Column, Floats, real
from .order import Merged, merge

__all__ = ["Counts", "Pair", "cut_sql", "sturges"]

Counts = npt.NDArray[np.int64]
#: evidently: a column of whole numbers with at most so many distinct values is a category.
_WHOLE_CATEGORIES = 10
_MOST_KEPT = 5_000_000
#: Values that fewer than one in so many rows of the reference have are counted together.
_RARE, _LEAST_ROWS = 100, 5
_CROWDED = 0.9


def sturges(low: float, high: float, size: int, dtype: type[Any]) -> Floats:
    """Bin edges as ``numpy.histogram_bin_edges(values, bins="sturges")`` gives them.

    Args:
        low, high: The extremes of the values.
        size: How many values there are.
        dtype: Their NumPy type: whole numbers get no bin narrower than one.

    Returns:
        Edges, ascending, as float64.

    Raises:
        ValueError: the range is too small to be cut.
    """
    whole = issubclass(dtype, np.integer)
    first, last = (low, high) if whole else (dtype(low), dtype(high))
    span = last - first
    width = span / (np.log2(size) + 1.0)
    bins = 1
    if width:
        bins = int(np.ceil(span / (max(width, 1) if whole else width)))
    if first == last:
        first, last = first - 0.5, last + 0.5
    edges = np.linspace(first, last, bins + 1, dtype=np.float64 if whole else dtype)
    if bool(np.any(edges[:-1] >= edges[1:])):
        raise ValueError(f"the values lie too close together to be cut into {bins} bins")
    return edges.astype(np.float64)


def cut_sql(cuts: Floats) -> str:
    """SQL: the band of ``x``, from 0: below the first cut, between two, from the last on."""
    if not len(cuts):
        return "0"
    below = " ".join(f"WHEN x < {real(cut)} THEN {place}" for place, cut in enumerate(cuts.tolist()))
    return f"CASE {below} ELSE {len(cuts)} END"


def _key_sql(keys: Sequence[Any], cells: int) -> str:
    """SQL: the cell of ``x``, from 0; the last one is of all other values."""
    named = list(enumerate(keys))[: cells - 1]
    if not named:
        return "0"
    literals = ("'" + key.replace("'", "''") + "'" if isinstance(key, str) else real(float(key)) for _, key in named)
    return f"CASE {' '.join(f'WHEN x = {key} THEN {place}' for place, key in enumerate(literals))} ELSE {cells - 1} END"


@dataclass
class Pair:
    """A column in both parts.

    Attributes:
        reference, production: The column in each.
        quantiles: Whether numbers are cut by the reference's quantiles and rare categories put together; else the cells
            are evidently's.
    """

    reference: Column
    production: Column
    quantiles: bool = True

    @property
    def name(self) -> str:
        """The column."""
        return self.reference.name

    @property
    def sizes(self) -> tuple[int, int]:
        """Rows that hold a value: reference, production."""
        return self.reference.n, self.production.n

    @property
    def clustered(self) -> bool:
        """Whether rows of one cluster go together."""
        return self.reference.part.cluster is not None

    @property
    def linked(self) -> int | None:
        """The clusters of the set that has fewer; None where each row of both is one of its own."""
        clusters = self.reference.clusters, self.production.clusters
        return None if clusters == self.sizes else min(clusters)

    @cached_property
    def number(self) -> bool:
        """Whether the values have an order."""
        return self.reference.reading.form == "number"

    @property
    def given(self) -> bool:
        """Whether somebody gave the bands."""
        return self.reference.bands is not None and bool(self.reference.bands.given)

    @cached_property
    def binned(self) -> bool:
        """Whether bands are given, or evidently would bin the values instead of counting each."""
        return self.number and (self.given or not self.reference.few)

    @property
    def dtype(self) -> type[Any]:
        """The type of both samples laid end to end."""
        return np.result_type(self.reference.dtype, self.production.dtype).type

    @cached_property
    def edges(self) -> Floats:
        """The bins of psi, jensenshannon and kl_div: Sturges over both samples."""
        low = min(self.reference.low, self.production.low)
        high = max(self.reference.high, self.production.high)
        return sturges(low, high, sum(self.sizes), self.dtype)

    @cached_property
    def keys(self) -> list[Any]:
        """The values that occur in either part, sorted."""
        return sorted(set(self.reference.counts) | set(self.production.counts))

    @cached_property
    def tallies(self) -> tuple[Counts, Counts]:
        """Rows per value: reference, production."""
        first, second = self.reference.counts, self.production.counts
        return (
            np.array([first.get(key, 0) for key in self.keys], dtype=np.int64),
            np.array([second.get(key, 0) for key in self.keys], dtype=np.int64),
        )

    @property
    def bands(self) -> Bands:
        """The bands: given ones, or by the reference's quantiles."""
        if self.reference.bands is None:
            self.reference.bands = bands_of(self.reference)
        bands: Bands = self.reference.bands
        return bands

    @cached_property
    def cells(self) -> tuple[Counts, Counts]:
        """Rows per band or bin, or per value where there are few: as evidently's ``get_binned_data``."""
        if not self.binned:
            return self._common if self.quantiles and not self.number else self.tallies
        if self.quantiles:
            return self.bands.rows, self.production.banded(self.bands.cuts)
        return self.reference.histogram(self.edges), self.production.histogram(self.edges)

    @cached_property
    def _often(self) -> npt.NDArray[np.bool_]:
        """Of each value, whether it is a cell of its own."""
        hashed = self.reference.reading.how == "hashed"
        often: npt.NDArray[np.bool_] = self.tallies[0] >= (0 if hashed else max(self.sizes[0] / _RARE, _LEAST_ROWS))
        return often

    @property
    def _common(self) -> tuple[Counts, Counts]:
        """Rows per value; values that less than a hundredth of the reference has, or five rows, in one cell."""
        (first, second), often = self.tallies, self._often
        if often.all():
            return first, second
        return np.append(first[often], first[~often].sum()), np.append(second[often], second[~often].sum())

    @property
    def key_sql(self) -> str:
        """SQL: the place of ``x`` among the tallies."""
        return _key_sql(self.keys, len(self.keys))

    @property
    def cell_sql(self) -> str:
        """SQL: the place of ``x`` among the cells."""
        if self.binned:
            return cut_sql(self.bands.cuts if self.quantiles else self.edges[1:-1])
        if not self.quantiles or self.number:
            return self.key_sql
        often = [key for key, own in zip(self.keys, self._often, strict=True) if own]
        return _key_sql(often, len(self.cells[0]))

    @cached_property
    def crowded(self) -> bool:
        """Whether one cell that spans several values holds nine tenths of both sets: what moves in it is not seen."""
        first, second = self.cells
        place = int(np.argmax(first + second))
        return bool((first + second)[place] >= _CROWDED * sum(self.sizes)) and self._spans(place)

    def _spans(self, place: int) -> bool:
        """Whether a cell can hold several values, and does."""
        if not self.binned:
            hashed = self.reference.reading.how == "hashed"
            pooled = self.quantiles and not self.number and place == self._often.sum()
            return hashed or (pooled and int((~self._often).sum()) > 1)
        if self.quantiles and not self.given:
            return not self.bands.alone[place]
        edges = self._outer if self.given else self.edges
        low, high = (real(float(edge)) for edge in edges[place : place + 2])
        end = "<=" if place == len(edges) - 2 else "<"
        ends = [
            column.query("min(x), max(x)", f"AND x >= {low} AND x {end} {high}")[0]
            for column in (self.reference, self.production)
        ]
        known = {float(value) for pair in ends for value in pair if value is not None}
        return len(known) > 1

    @property
    def _outer(self) -> Floats:
        """The cuts of given bands between the least and the greatest value."""
        both = (self.reference, self.production)
        ends = min(column.low for column in both), max(column.high for column in both)
        return np.array([ends[0], *self.bands.cuts, ends[1]])

    @cached_property
    def pooled_distinct(self) -> int:
        """Distinct values in both parts together."""
        if self.reference.few and self.production.few:
            return len(self.keys)
        other = self.production
        second = f"SELECT {other.sql} AS x FROM {other.part.sql_elsewhere}"
        sql = f"SELECT count(DISTINCT x) FROM (SELECT {self.reference.sql} AS x FROM data UNION ALL {second})"
        return int(self.reference.part.data.query(sql)[0][0])

    @cached_property
    def few_values(self) -> int:
        """Distinct values in both parts together, or 21 where there are more than 20."""
        return len(self.keys) if self.reference.few and self.production.few else FEW + 1

    @cached_property
    def category(self) -> bool:
        """Whether evidently would take the column for a category: text, truth values, few whole numbers."""
        if not self.number:
            return True
        return issubclass(self.dtype, np.integer) and self.few_values <= _WHOLE_CATEGORIES

    @cached_property
    def merged(self) -> Merged:
        """Both samples laid into one order, and what follows from that."""
        return merge(*self.ordered)

    def forget(self, whole: bool) -> None:
        """Let go of sorted values that no later part needs (or that are too many to keep)."""
        self.production.forget()
        if whole or self.reference.n > _MOST_KEPT:
            self.reference.forget()

    @property
    def ordered(self) -> tuple[Floats, Floats]:
        """All values, sorted: reference, production."""
        return self.reference.ordered, self.production.ordered
