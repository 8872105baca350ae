"""Production cut into chunks: so many rows each, or periods of the ``timestamp`` column."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from aims_gates import Case, DataError, Dataset, Finding, InputError

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
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_MOST = 1000


def parts_of(production: Dataset, chunk: int | str | None, case: Case) -> tuple[Sequence[Part], Sequence[Finding]]:
    """The chunks of a set, in order: numbered from 0 for rows, named by their ISO start for periods.

    With them a finding for each period between the first and the last that has no row.

    Raises:
        InputError: the chunk is neither a number of rows nor a period, or makes over 1,000 chunks, full or empty.
        DataError: there is no usable timestamp.
    """
    if chunk is None:
        return [Part(production)], []
    if isinstance(chunk, int):
        starts = range(0, production.rows, chunk)
        _bounded(len(starts), chunk)
        parts = [
            Part(production, "(SELECT * FROM ", f" LIMIT {chunk} OFFSET {start})", number)
            for number, start in enumerate(starts)
        ]
        return parts, []
    return _periods(production, chunk, case)


def _bounded(chunks: int, chunk: int | str) -> None:
    if chunks > _MOST:
        message = f"chunk {chunk!r} makes {chunks:,} chunks"
        raise InputError(message, where="parameter chunk", remedy=f"Choose one that makes at most {_MOST:,}.")


def _periods(production: Dataset, chunk: str, case: Case) -> tuple[Sequence[Part], Sequence[Finding]]:
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
    parts = [_period(production, time, step, start) for start in starts]
    return parts, _empty(starts, int(match[1]), match[2], chunk)


def _empty(starts: Sequence[datetime], times: int, unit: str, chunk: str) -> list[Finding]:
    """A finding for each period without rows; it decides nothing, since a day may be a Sunday."""
    known, findings, start = set(starts), list[Finding](), starts[0]
    for place in range(1, _MOST * _MOST):
        start = _later(starts[0], times * place, unit)
        if start >= starts[-1]:
            break
        if start not in known:
            if len(findings) == _MOST:
                remedy = f"Choose a longer one, or look for times that are wrong: {starts[0]} to {starts[-1]}."
                message = f"chunk {chunk!r} leaves over {_MOST:,} periods without rows"
                raise InputError(message, where="parameter chunk", remedy=remedy)
            note = "no row of production lies in this period, so nothing is known of it"
            findings.append(Finding("rows", 0, n=0, over={"chunk": start.isoformat()}, note=note))
    return findings


def _later(start: datetime, times: int, unit: str) -> datetime:
    if unit in ("mo", "y"):
        months = start.month - 1 + times * (12 if unit == "y" else 1)
        return start.replace(year=start.year + months // 12, month=months % 12 + 1)
    return start + times * timedelta(seconds=_SECONDS[unit])


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
