"""A column in the reference beside the same column in production."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .columns import FEW, Column, Floats
from .order import Merged, merge

__all__ = ["Counts", "Pair", "sturges"]

Counts = npt.NDArray[np.int64]
#: evidently: a column of whole numbers with at most so many distinct values is a category.
_WHOLE_CATEGORIES = 10
_MOST_KEPT = 5_000_000


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


@dataclass
class Pair:
    """A column in both parts."""

    reference: Column
    production: Column

    @property
    def name(self) -> str:
        """The column."""
        return self.reference.name

    @property
    def sizes(self) -> tuple[int, int]:
        """Rows that hold a value: reference, production."""
        return self.reference.n, self.production.n

    @cached_property
    def number(self) -> bool:
        """Whether the values have an order."""
        return self.reference.reading.form == "number"

    @cached_property
    def binned(self) -> bool:
        """Whether evidently would bin the values instead of counting each."""
        return self.number and not self.reference.few

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

    @cached_property
    def cells(self) -> tuple[Counts, Counts]:
        """Rows per bin, or per value where there are few: as evidently's ``get_binned_data``."""
        if not self.binned:
            return self.tallies
        return self.reference.histogram(self.edges), self.production.histogram(self.edges)

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
