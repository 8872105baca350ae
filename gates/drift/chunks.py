"""Production cut into chunks: so many rows each, or periods of the ``timestamp`` column."""

import re
from collections.abc import Sequence
from datetime import datetime

from aims_gates import Case, DataError, Dataset, InputError

from .columns import Part

__all__ = ["parts_of"]

_UNITS = {
    "s": "second",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
_MOST = 1000


def parts_of(production: Dataset, chunk: int | str | None, case: Case) -> Sequence[Part]:
    """The chunks of a set, in order: numbered from 0 for rows, named by their ISO start for periods.

    Raises:
        InputError: the chunk is neither a number of rows nor a period, or makes over 1,000 chunks.
        DataError: there is no usable timestamp.
    """
    if chunk is None:
        return [Part(production)]
    if isinstance(chunk, int):
        starts = range(0, production.rows, chunk)
        _bounded(len(starts), chunk)
        return [
            Part(production, "(SELECT * FROM ", f" LIMIT {chunk} OFFSET {start})", number)
            for number, start in enumerate(starts)
        ]
    return _periods(production, chunk, case)


def _bounded(chunks: int, chunk: int | str) -> None:
    if chunks > _MOST:
        message = f"chunk {chunk!r} makes {chunks:,} chunks"
        raise InputError(message, where="parameter chunk", remedy=f"Choose one that makes at most {_MOST:,}.")


def _periods(production: Dataset, chunk: str, case: Case) -> Sequence[Part]:
    match = re.fullmatch(r"([1-9][0-9]{0,4})\s*([a-z]+)", chunk)
    if match is None or match[2] not in _UNITS:
        remedy = f"Give a number of rows, or a number and one of {', '.join(_UNITS)}, such as 1d."
        raise InputError(f"chunk cannot be {chunk!r}", where="parameter chunk", remedy=remedy)
    names = case.roles.get("timestamp", ())
    if len(names) != 1:
        message = "chunks by period need one column in the role timestamp"
        raise InputError(message, where="roles", remedy="Name it: --role timestamp=COLUMN.")
    time = _time(production, names[0])
    step = f"INTERVAL '{match[1]} {_UNITS[match[2]]}'"
    starts = [
        row[0] for row in production.query(f"SELECT DISTINCT time_bucket({step}, {time}) AS s FROM data ORDER BY s")
    ]
    _bounded(len(starts), chunk)
    return [_period(production, time, step, start) for start in starts]


def _period(production: Dataset, time: str, step: str, start: datetime) -> Part:
    first = f"TIMESTAMP '{start.isoformat(sep=' ')}'"
    where = f" WHERE {time} >= {first} AND {time} < {first} + {step})"
    return Part(production, "(SELECT * FROM ", where, start.isoformat())


def _time(production: Dataset, name: str) -> str:
    """The timestamp as SQL, without a zone (UTC where it had one)."""
    production.require(name)
    quoted = Dataset.quote(name)
    if production.kind(name) == "datetime":
        zoned = production.type(name).endswith("TIME ZONE")
        time = f"({quoted} AT TIME ZONE 'UTC')" if zoned else f"CAST({quoted} AS TIMESTAMP)"
    else:
        time = f"try_cast({quoted} AS TIMESTAMP)"
    bad = production.query(f"SELECT count(*) FROM data WHERE {time} IS NULL")[0][0]
    if bad:
        message = f"{bad:,} of {production.rows:,} rows have no readable time in {name!r}"
        raise DataError(message, where=production.where, remedy="Fill the column with ISO times, or chunk by rows.")
    return time
