"""Values of production that the reference never had, among categories and in free text."""

from collections.abc import Mapping
from typing import Any

from aims_gates import Dataset

from .columns import Column
from .pair import Pair

__all__ = ["unseen"]

_LEAST_SHOWN, _MOST_SHOWN = 5, 5


def unseen(pair: Pair) -> tuple[int, str | None] | None:
    """Rows of production whose value the reference never has, and what to know; None where values have an order.

    Free text, which is otherwise compared by its length, is looked up word for word. Values that fewer than
    five rows have are never named: they may tell who somebody is.
    """
    if pair.reference.reading.how == "length":
        return _in_text(pair)
    if pair.number:
        return None
    rows: Mapping[Any, int] = {
        value: rows for value, rows in pair.production.counts.items() if value not in pair.reference.counts
    }
    many = sorted((str(value) for value, count in rows.items() if count >= _LEAST_SHOWN))[:_MOST_SHOWN]
    note = f"{len(rows)} categories the reference does not have" + (f", among them {', '.join(many)}" if many else "")
    return sum(rows.values()), note if rows else None


def _in_text(pair: Pair) -> tuple[int, str | None]:
    column = pair.production
    known = _texts(pair.reference, pair.reference.part.sql_elsewhere)
    mine = _texts(column, column.part.sql)
    sql = (
        f"SELECT coalesce(sum(p.n), 0), count(p.x) FROM (SELECT x, count(*) AS n FROM ({mine}) AS m GROUP BY x) AS p "
        f"LEFT JOIN (SELECT DISTINCT x FROM ({known}) AS k) AS r ON p.x = r.x WHERE r.x IS NULL"
    )
    rows, texts = column.part.data.query(sql)[0]
    return int(rows), f"{int(texts):,} texts the reference does not have" if rows else None


def _texts(column: Column, table: str) -> str:
    name = Dataset.quote(column.name)
    return f"SELECT CAST({name} AS VARCHAR) AS x FROM {table} WHERE {name} IS NOT NULL"
