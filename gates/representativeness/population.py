"""What the groups' shares should be: stated, or counted in a reference set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aims_gates import Case, DataError, Dataset, InputError, intervals
from aims_gates.gatekit import counts_rows, weight_sql

__all__ = ["Population", "group_counts", "populations"]

_MOST_GROUPS = 1000
_ROUNDING = 0.005
MISSING = "missing"


@dataclass(frozen=True)
class Population:
    """The groups of one column.

    Attributes:
        column: The column.
        counts: Group -> rows in the reference set, or its stated share.
        rows: Rows of the reference set; None where the shares are stated.
        where: Who says so.
    """

    column: str
    counts: Mapping[str, float]
    rows: float | None
    where: str

    def share(self, group: str) -> float:
        """The group's share; 0 where the population has none of it."""
        return self.counts.get(group, 0.0) / (self.rows or 1)


def populations(case: Case, judged: Sequence[Dataset]) -> list[Population]:
    """A population for every sensitive column, and for every other column whose shares are stated.

    Raises:
        InputError: the stated shares make no sense, or a column has none.
        DataError: there is neither a statement nor reference data.
    """
    columns = tuple(case.roles.get("sensitive", ()))
    if case.params["reference"] is not None:
        stated = _stated(case.params["reference"], columns)
        for name in columns:
            if name not in stated:
                remedy = f"State its groups' shares in the parameter reference, under {name!r}."
                raise InputError(f"no shares are stated for {name!r}", where="parameter reference", remedy=remedy)
        return list(stated.values())
    reference = case.data.get("reference")
    if reference is None or reference in judged:
        remedy = 'Set reference, e.g. {"sex": {"female": 0.51, "male": 0.49}}, or give --data reference=FILE.'
        raise DataError("nothing says what the groups' shares should be", where="parameter reference", remedy=remedy)
    if not columns:
        remedy = "Name one: --role sensitive=COLUMN."
        raise InputError("no column has the role 'sensitive'", where="representativeness", remedy=remedy)
    weight = case.column("weight")
    weight = weight if weight in reference.columns else None
    counts = {name: group_counts(reference, name, weight, counts_rows(case)) for name in columns}
    where = f"{reference.where} (unweighted)" if case.column("weight") and weight is None else reference.where
    return [Population(name, count, sum(count.values()), where) for name, count in counts.items()]


def _stated(value: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, Population]:
    flat = bool(value) and not any(isinstance(shares, Mapping) for shares in value.values())
    if flat and len(columns) != 1:
        remedy = 'Write {"COLUMN": {"GROUP": 0.5, ...}, ...}.'
        message = f"shares without a column, and {len(columns)} sensitive columns"
        raise InputError(message, where="parameter reference", remedy=remedy)
    named = {columns[0]: value} if flat else value
    if not named:
        raise InputError("no shares are stated", where="parameter reference", remedy="State them, or leave it out.")
    return {str(name): _population(str(name), shares) for name, shares in named.items()}


def _population(name: str, shares: Any) -> Population:
    place = f"parameter reference, {name}"
    sound = isinstance(shares, Mapping) and all(
        isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1 for share in shares.values()
    )
    if not sound:
        remedy = 'Write shares from 0 to 1: {"female": 0.51, "male": 0.49}.'
        raise InputError(f"the shares cannot be {shares!r}", where=place, remedy=remedy)
    total = sum(shares.values())
    if abs(total - 1) > _ROUNDING:
        remedy = "Name every group of the population, 'other' too, so that the shares add up to 1."
        raise InputError(f"the shares add up to {total:g}", where=place, remedy=remedy)
    counts = {_text(group): share / total for group, share in shares.items()}
    return Population(name, counts, None, "the stated population")


def _text(group: Any) -> str:
    return str(group).lower() if isinstance(group, bool) else str(group)


def group_counts(data: Dataset, column: str, weight: str | None = None, whole: bool = False) -> dict[str, float]:
    """Group -> rows, or its part of the effective size of all rows where weights correct a sample.

    ``whole`` says that weights count rows, and are added up.

    A whole number has no decimals, rows without a value are the group ``missing``.

    Raises:
        DataError: the column is not there, holds nothing, or makes more than a thousand groups; weights are none.
    """
    data.require(column)
    text = f"CAST({data.quote(column)} AS VARCHAR)"
    if data.kind(column) == "numeric":
        text = rf"regexp_replace({text}, '\.0+$', '')"
    w = weight_sql(data, weight, whole)
    sums = f"sum({w})" if weight else "count(*)"
    sql = f"SELECT coalesce({text}, '{MISSING}'), {sums} FROM data GROUP BY 1 ORDER BY 1 LIMIT {_MOST_GROUPS + 1}"
    result = {str(group): float(n) for group, n in data.query(sql)}
    if len(result) > _MOST_GROUPS:
        remedy = "Name a column with fewer values, or bin them first."
        raise DataError(f"{column!r} makes more than {_MOST_GROUPS:,} groups", where=data.where, remedy=remedy)
    if weight and not whole:
        total, squares = map(float, data.query(f"SELECT sum({w}), sum({w} * {w}) FROM data")[0])
        part = float(intervals.effective_n(total, squares)) / total
        return {group: n * part for group, n in result.items()}
    return result
