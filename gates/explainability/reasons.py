"""Reasons of decisions as SQL, from a table with a row per decision or a row per reason."""

import re
from dataclasses import dataclass

from aims_gates import Case, DataError, Dataset, InputError

__all__ = ["Reasons", "key_sql", "read_reasons"]

_COLUMNS = re.compile(r"reasons?(_?code)?(_?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Reasons:
    """Reasons given in one run.

    Attributes:
        data: The table.
        keys: ``SELECT DISTINCT k``: the decisions it knows of, with reasons or without.
        sql: ``SELECT k, p, r``: decision, place (1 is the main reason), reason; empty texts left out.
        ordered: Whether places mean something.
    """

    data: Dataset
    keys: str
    sql: str
    ordered: bool

    def top(self, most: int) -> str:
        """``SELECT DISTINCT k, r``: the first reasons of each decision; all, where they have no order."""
        if not self.ordered:
            return f"SELECT DISTINCT k, r FROM ({self.sql})"
        placed = f"SELECT k, r, row_number() OVER (PARTITION BY k ORDER BY p) AS q FROM ({self.sql})"
        return f"SELECT DISTINCT k, r FROM ({placed}) WHERE q <= {most}"


def key_sql(data: Dataset, name: str) -> str:
    """SQL of an id as text, the same for 1 and 1.0."""
    text = f"CAST({data.quote(name)} AS VARCHAR)"
    return rf"regexp_replace({text}, '\.0+$', '')" if data.kind(name) == "numeric" else text


def read_reasons(case: Case, role: str) -> Reasons:
    """The reasons of a data set; the columns with the role ``reason``, else those called reason, reason_1 ...

    Raises:
        DataError: there is no such data set or column, or a decision is there twice where a row has several reasons.
        InputError: no column has the role id.
    """
    data, key = case.dataset(role), case.needed_column("id")
    names = tuple(case.roles.get("reason", ())) or tuple(n for n in data.columns if _COLUMNS.fullmatch(n))
    if not names:
        remedy = f"Name them with --role reason=COLUMN; there are: {', '.join(data.columns[:40])}."
        raise InputError("no column holds reasons", where=data.where, remedy=remedy)
    data.complete(key)
    data.require(*names, values=False)
    k, rank = key_sql(data, key), case.column("rank")
    keys = f"SELECT DISTINCT {k} AS k FROM {data.table}"
    repeated = data.query(f"SELECT 1 FROM data GROUP BY {data.quote(key)} HAVING count(*) > 1 LIMIT 1")
    if repeated and len(names) > 1:
        remedy = "Give one row per decision, or one reason per row."
        raise DataError(f"a decision is there twice (column {key!r})", where=data.where, remedy=remedy)
    if rank and rank in data.columns and len(names) == 1:
        data.complete(rank)
        places, ordered = [data.quote(rank)], True
    else:
        places, ordered = [str(1 + place) for place in range(len(names))], not repeated
    listed = " UNION ALL ".join(
        f"SELECT {k} AS k, {place} AS p, trim(CAST({data.quote(name)} AS VARCHAR)) AS r FROM {data.table}"
        for place, name in zip(places, names, strict=True)
    )
    return Reasons(data, keys, f"SELECT k, p, r FROM ({listed}) WHERE r <> ''", ordered)
