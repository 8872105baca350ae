"""Weights of rows: numbers of 0 or more, finite, not all 0, and none missing."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from aims_gates.data import Dataset
from aims_gates.errors import DataError
from aims_gates.model import Finding
from aims_gates.packs.case import Case

__all__ = ["WeightSums", "refuse_weights", "unweighted", "weight_sql"]


@dataclass(frozen=True)
class WeightSums:
    """What tells whether weights can be used.

    Attributes:
        missing: Rows without one.
        low, high: The least and the greatest; None where there is none at all.
        total, squares: The sums of the weights and of their squares; None where there is none at all.
    """

    missing: int
    low: float | None
    high: float | None
    total: float | None
    squares: float | None


def weight_sql(data: Dataset, column: str | None) -> str:
    """What each row counts for, as SQL: the column as DOUBLE, or ``1`` where there is none.

    Raises:
        DataError: as :func:`refuse_weights`, or the column is not there or holds no numbers.
    """
    if column is None:
        return "1"
    data.require(column)
    weight = f"CAST({data.quote(column)} AS DOUBLE)"
    if data.kind(column) != "numeric":
        message = f"{column!r} holds weights that are no numbers"
        raise DataError(message, where=data.where, remedy="Weights must be numbers of 0 or more.")
    sql = f"SELECT count(*) - count({weight}), min({weight}), max({weight}), sum({weight}), sum({weight} * {weight})"
    refuse_weights(WeightSums(*data.query(f"{sql} FROM data")[0]), column, data.where)
    return weight


def refuse_weights(sums: WeightSums, column: str, where: str) -> None:
    """Refuse weights that cannot be used; for a gate that has the sums anyway.

    Raises:
        DataError: one is missing, negative, infinite or not a number, all are 0, or they are too large to add up.
    """
    remedy = "Weights must be finite numbers of 0 or more."
    if sums.missing:
        raise DataError(f"{sums.missing:,} rows have no weight in {column!r}", where=where, remedy="Fill them in.")
    # NaN is greater than every number to DuckDB, so it is the highest.
    if sums.low is None or sums.high is None or not sums.low >= 0 or not sums.high < math.inf:
        raise DataError(f"{column!r} holds weights that are negative, infinite or NaN", where=where, remedy=remedy)
    if not sums.high > 0:
        raise DataError(f"all weights of {column!r} are 0", where=where, remedy="Weights must not all be 0.")
    if sums.total is None or sums.squares is None or not sums.total < math.inf or not sums.squares < math.inf:
        message = f"the weights of {column!r} are too large to add up"
        raise DataError(message, where=where, remedy="Divide them all by their mean.")


def unweighted(case: Case, why: str) -> Iterator[Finding]:
    """Where the system has weights, a note that this gate does not use them, and why."""
    if case.roles.get("weight"):
        yield Finding("weight", note=f"not used here: {why}")
