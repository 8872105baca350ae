"""Risk and coverage: the error among the most confident rows, at several shares of rows.

Source: Y. Geifman, R. El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aims_gates.gatekit import SampleRate, tally_rows

from .rows import Rows

__all__ = ["Kept", "risk_coverage"]


@dataclass(frozen=True)
class Kept:
    """The most confident rows, and those left to people.

    Attributes:
        coverage: Their share of all rows.
        errors: The share of errors among them; of rows that are equally confident, where only some are kept, that part
            of the errors (what picking among them by lot gives on average).
        left: The share of errors among the others.
        least: The confidence of the least confident of them.
    """

    coverage: float
    errors: SampleRate
    left: SampleRate
    least: float


def risk_coverage(rows: Rows, coverages: Sequence[float]) -> list[Kept]:
    """The most confident rows at each coverage, in one pass where rows are independent."""
    sums = "sum(w) AS m, sum(w * w) AS mm, sum(w * e) AS x"
    groups = f"SELECT sure, {sums} FROM ({rows.sql}) AS r GROUP BY sure HAVING sum(w) > 0"
    placed = f"SELECT sure, m, mm, x, sum(m) OVER (ORDER BY sure DESC) - m AS before FROM ({groups})"
    parts = []
    for coverage in coverages:
        part = f"(least(greatest({coverage * rows.weight!r} - before, 0), m) / m)"
        rest = f"(1 - {part})"
        for taken in (part, rest):
            parts.append(f"sum(x * {taken}), sum(m * {taken}), sum(mm * {taken})")
        parts.append(f"min(sure) FILTER ({part} > 0), min_by({part}, sure) FILTER ({part} > 0)")
    row = [float(value) for value in rows.data.query(f"SELECT {', '.join(parts)} FROM ({placed})")[0]]
    return [_kept(rows, coverage, row[8 * place : 8 * place + 8]) for place, coverage in enumerate(coverages)]


def _kept(rows: Rows, coverage: float, sums: Sequence[float]) -> Kept:
    least, part = sums[6:]
    if rows.clustered:
        # As a double: to DuckDB the share is a decimal of many digits, whose sums overflow.
        share = f"CAST(CASE WHEN sure > {least!r} THEN 1 WHEN sure = {least!r} THEN {part!r} ELSE 0 END AS DOUBLE)"
        decided, left = (_clustered(rows, f"w * ({taken})") for taken in (share, f"1 - ({share})"))
        return Kept(coverage, _at_most(decided, _rate(rows, sums[:3])), _at_most(left, _rate(rows, sums[3:6])), least)
    return Kept(coverage, _rate(rows, sums[:3]), _rate(rows, sums[3:6]), least)


def _at_most(rate: SampleRate, independent: SampleRate) -> SampleRate:
    return SampleRate(rate.value, min(rate.n, independent.n), rate.df)


def _rate(rows: Rows, sums: Sequence[float]) -> SampleRate:
    errors, weight, squares = sums
    # What is left of a division is no row.
    return (
        SampleRate(errors / weight, rows.size(weight, squares))
        if weight > 1e-9 * rows.weight
        else SampleRate(None, 0.0)
    )


def _clustered(rows: Rows, weight: str) -> SampleRate:
    sql = f"SELECT e AS kind, {weight} AS w, c FROM ({rows.sql}) AS r"
    return tally_rows(rows.data, sql, 2, cluster=True, sampling=rows.sampling)[()].rate([1], [0, 1])
