"""Risk and coverage: the error among the most confident rows, at several shares of rows.

Source: Y. Geifman, R. El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .rows import Rows

__all__ = ["Kept", "risk_coverage"]


@dataclass(frozen=True)
class Kept:
    """The most confident rows.

    Attributes:
        coverage: Their share of all rows.
        rows: How many they are, the share of all rows exactly.
        errors: Errors among them; of rows that are equally confident, where only some are kept, that part of the errors
            (what picking among them by lot gives on average).
        least: The confidence of the least confident of them.
    """

    coverage: float
    rows: float
    errors: float
    least: float


def risk_coverage(rows: Rows, coverages: Sequence[float]) -> list[Kept]:
    """The most confident rows at each coverage, in one pass."""
    groups = f"SELECT c, sum(w) AS m, sum(w * e) AS x FROM ({rows.sql}) GROUP BY c HAVING sum(w) > 0"
    placed = f"SELECT c, m, x, sum(m) OVER (ORDER BY c DESC) - m AS before FROM ({groups})"
    parts = []
    for coverage in coverages:
        taken = f"least(greatest({coverage * rows.n!r} - before, 0), m)"
        parts.append(f"sum(x * {taken} / m), min(c) FILTER ({taken} > 0)")
    row = rows.data.query(f"SELECT {', '.join(parts)} FROM ({placed})")[0]
    return [
        Kept(coverage, coverage * rows.n, float(row[2 * place]), float(row[2 * place + 1]))
        for place, coverage in enumerate(coverages)
    ]
