"""Weights of rows: numbers of 0 or more, finite, not all 0, and none missing; and what they mean."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from aims_gates.data import Dataset
from aims_gates.errors import DataError, InputError
from aims_gates.model import Finding
from aims_gates.packs.case import Case

__all__ = [
    "WeightSums",
    "cluster_sql",
    "counts_rows",
    "like_counts",
    "numeric_weights",
    "refuse_weights",
    "unweighted",
    "weight_sql",
]

#: A mean of whole weights from which they look like counts of rows; a convention.
_LARGE = 5
_ENDLESS = "('inf', '+inf', '-inf', 'infinity', '+infinity', '-infinity')"


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


def counts_rows(case: Case) -> bool:
    """Whether the plan says that a weight counts rows (``weight_kind: frequency``); else it corrects a sample.

    A weight that corrects a sample is worth its effective size, and its unit means nothing.

    Raises:
        InputError: it says anything else.
    """
    kind = case.params["weight_kind"]
    if kind not in ("sampling", "frequency"):
        remedy = "Choose from: sampling, frequency."
        raise InputError(f"weight_kind cannot be {kind!r}", where="parameter weight_kind", remedy=remedy)
    return bool(kind == "frequency")


def cluster_sql(case: Case, data: Dataset) -> str | None:
    """The column with the role ``cluster`` as SQL, whose rows are not independent; None where there is none.

    Raises:
        DataError: it is not there, or a row has none.
        InputError: several columns have the role.
    """
    column = case.column("cluster")
    if column is None:
        return None
    data.complete(column)
    return data.quote(column)


def weight_sql(data: Dataset, column: str | None, whole: bool = False) -> str:
    """What each row counts for, as SQL: the column as DOUBLE, or ``1`` where there is none.

    Args:
        data: The set.
        column: The column with the role ``weight``.
        whole: Whether weights count rows, and so are whole numbers.

    Raises:
        DataError: as :func:`refuse_weights`, or the column is not there or holds no numbers.
    """
    if column is None:
        return "1"
    weight = numeric_weights(data, column, whole)
    sql = f"SELECT count(*) - count({weight}), min({weight}), max({weight}), sum({weight}), sum({weight} * {weight})"
    refuse_weights(WeightSums(*data.query(f"{sql} FROM data")[0]), column, data.where)
    return weight


def numeric_weights(data: Dataset, column: str, whole: bool = False) -> str:
    """The column as DOUBLE, unsummed; for a gate that has the sums anyway and gives them to :func:`refuse_weights`.

    Raises:
        DataError: it is not there, holds no numbers, or fractions where weights count rows.
    """
    data.require(column)
    name, remedy = data.quote(column), "Weights must be finite numbers of 0 or more."
    if data.kind(column) != "numeric":
        endless = f"SELECT 1 FROM data WHERE lower(CAST({name} AS VARCHAR)) IN {_ENDLESS} LIMIT 1"
        if data.query(endless):
            raise DataError(f"a weight in {column!r} is infinite", where=data.where, remedy=remedy)
        raise DataError(f"{column!r} holds weights that are no numbers", where=data.where, remedy=remedy)
    weight = f"CAST({name} AS DOUBLE)"
    if whole and data.query(f"SELECT 1 FROM data WHERE {weight} <> floor({weight}) LIMIT 1"):
        message = f"a weight in {column!r} is no whole number, and weight_kind says that weights count rows"
        remedy = "Count in whole rows, or leave weight_kind at sampling."
        raise DataError(message, where=data.where, remedy=remedy)
    return weight


def refuse_weights(sums: WeightSums, column: str, where: str) -> None:
    """Refuse weights that cannot be used; for a gate that has the sums anyway.

    Raises:
        DataError: one is missing, negative, infinite or not a number, all are 0, or they are too large to add up.
    """
    remedy = "Weights must be finite numbers of 0 or more."
    if sums.missing:
        raise DataError(f"{sums.missing:,} rows have no weight in {column!r}", where=where, remedy="Fill them in.")
    if sums.low is None or sums.high is None or math.isnan(sums.low) or math.isnan(sums.high):
        raise DataError(f"a weight in {column!r} is no number", where=where, remedy=remedy)
    if sums.low < 0:
        raise DataError(f"a weight in {column!r} is negative", where=where, remedy=remedy)
    if sums.high == math.inf:
        raise DataError(f"a weight in {column!r} is infinite", where=where, remedy=remedy)
    if not sums.high > 0:
        raise DataError(f"all weights in {column!r} are 0", where=where, remedy="Weights must not all be 0.")
    if sums.total is None or sums.squares is None or not sums.total < math.inf or not 0 < sums.squares < math.inf:
        message = f"the weights in {column!r} are too large or too small to add up"
        raise DataError(message, where=where, remedy="Divide them all by their mean.")


def like_counts(case: Case, data: Dataset) -> Iterator[Finding]:
    """A note where weights that are taken to correct a sample look like counts of rows: whole, and large on average."""
    column = case.column("weight")
    if column is None or column not in data.columns or data.kind(column) != "numeric" or counts_rows(case):
        return
    weight = f"CAST({data.quote(column)} AS DOUBLE)"
    if data.query(f"SELECT 1 FROM data WHERE {weight} <> floor({weight}) LIMIT 1"):
        return
    mean = data.query(f"SELECT avg({weight}) FROM data")[0][0]
    if mean is not None and _LARGE <= mean < math.inf:
        yield Finding(
            "weight",
            note=f"the weights in {column!r} are whole numbers, {mean:,.3g} on average, as counts of rows are; they "
            "are taken to correct a sample, and judged by their effective size",
            remedy="If each stands for so many rows, say so: weight_kind: frequency.",
        )


def unweighted(case: Case, why: str) -> Iterator[Finding]:
    """Where the system has weights, a note that this gate does not use them, and why."""
    if case.roles.get("weight"):
        yield Finding("weight", note=f"not used here: {why}")
