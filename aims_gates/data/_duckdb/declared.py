"""What a source holds as its declared schema has it, or everything in which it differs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from aims_gates.data._duckdb.engine import connection, parquet, quote
from aims_gates.data._duckdb.text import MISREAD, copy_typed, select_typed
from aims_gates.data.schema.declared import LEFT_OUT, Declared, DeclaredField
from aims_gates.data.schema.reading import PLACE, Reading
from aims_gates.data.schema.values import constraint_sql, reading_of, stored_reading
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError

__all__ = ["select_declared", "write_declared"]

_MOST = 20


def write_declared(source: Source, schema: Declared, file: Path) -> tuple[Reading, ...]:
    """Write the text of a source as typed columns to ``file``; gives how each was read.

    Raises:
        DataError: naming every column and cell that is not as declared, with the remedy.
    """
    names = [str(name) for name, *_ in connection().execute(f"DESCRIBE {source.sql}").fetchall()]
    fields = _matched(schema, names, source.where)
    readings = [reading_of(item) for item in fields]
    try:
        copy_typed(select_typed(source.sql, readings, checked=True), file)
    except duckdb.Error as error:
        if MISREAD not in str(error):
            raise
        readings = _widened(source, schema, fields, readings)
        copy_typed(select_typed(source.sql, readings), file)
    _check_rules(f"SELECT * FROM {parquet([str(file)])}", schema, fields, source.where)
    return tuple(readings)


def select_declared(source: Source, schema: Declared, types: Mapping[str, str]) -> tuple[str, tuple[Reading, ...]]:
    """The ``SELECT`` of a source that has types of its own, as declared, and how each column is read.

    Raises:
        DataError: naming every column and cell that is not as declared, with the remedy.
    """
    fields = _matched(schema, list(types), source.where)
    readings, problems = [], []
    for item in fields:
        reading = stored_reading(item, types[item.name])
        if reading is None:
            problems.append(f"{item.name!r} is {types[item.name]} and not {item.type}")
        else:
            readings.append(reading)
    problems += [] if problems else list(_wrong(source.sql, readings))
    if problems:
        raise _differs(problems, schema, source.where)
    sql = source.sql
    if any(reading.sql != PLACE for reading in readings):
        sql = select_typed(source.sql, readings)
    _check_rules(sql, schema, fields, source.where)
    return sql, tuple(readings)


def _matched(schema: Declared, names: Sequence[str], where: str) -> list[DeclaredField]:
    """The fields in the order of the source's columns."""
    fields = {item.name: item for item in schema.fields}
    missing = [name for name in fields if name not in names]
    undeclared = [name for name in names if name not in fields]
    problems = [f"the column {name!r} is declared and not there" for name in missing]
    problems += [f"the column {name!r} is there and not declared (role: ignored leaves it out)" for name in undeclared]
    if problems:
        raise _differs(problems, schema, where)
    return [fields[name] for name in names]


def _differs(problems: Sequence[str], schema: Declared, where: str) -> DataError:
    listed = "; ".join(problems[:_MOST]) + (f"; and {len(problems) - _MOST} more" if len(problems) > _MOST else "")
    remedy = f"Fix the data where they are made, or the schema ({schema.where})."
    return DataError(f"not as declared: {listed}", where=where, remedy=remedy)


def _widened(
    source: Source, schema: Declared, fields: Sequence[DeclaredField], readings: Sequence[Reading]
) -> list[Reading]:
    """The readings, whole numbers beyond 64 bits with more digits.

    Raises:
        DataError: a cell is not as declared.
    """
    wide = [reading_of(item, wide=True) for item in fields]
    problems = list(_wrong(source.sql, wide))
    if problems:
        raise _differs(problems, schema, source.where)
    counts = [f"count(*) FILTER (WHERE {reading.wrong(quote(reading.name)) or 'false'})" for reading in readings]
    beyond = connection().execute(f"SELECT {', '.join(counts)} FROM ({source.sql})").fetchall()[0]
    return [large if rows else plain for large, plain, rows in zip(wide, readings, beyond, strict=True)]


def _wrong(sql: str, readings: Sequence[Reading]) -> Iterator[str]:
    """The columns with cells that are not as declared: how many, and one of them."""
    checked = [reading for reading in readings if reading.check]
    if not checked:
        return
    counts = []
    for reading in checked:
        name = quote(reading.name)
        counts.append(f"count(*) FILTER (WHERE {reading.wrong(name)})")
        counts.append(f"any_value(CAST({name} AS VARCHAR)) FILTER (WHERE {reading.wrong(name)})")
    row = connection().execute(f"SELECT {', '.join(counts)} FROM ({sql})").fetchall()[0]
    for reading, rows, cell in zip(checked, row[::2], row[1::2], strict=True):
        if rows:
            yield f"{rows:,} cells of {reading.name!r} are not {reading.read_as}, such as {cell[:40]!r}"


def _check_rules(sql: str, schema: Declared, fields: Sequence[DeclaredField], where: str) -> None:
    """Refuse what breaks a constraint or the primary key.

    Raises:
        DataError: naming each.
    """
    counts: dict[str, str] = {}
    for item in fields:
        if item.role not in LEFT_OUT:
            counts |= {f"{item.name!r} {words}": sql for words, sql in constraint_sql(item, quote(item.name)).items()}
    for name in schema.key:
        counts[f"{name!r}, of the primary key, has no value"] = f"count(*) - count({quote(name)})"
    if schema.key:
        key = f"({', '.join(map(quote, schema.key))})" if len(schema.key) > 1 else quote(schema.key[0])
        counts["the primary key stands more than once"] = f"count(*) - count(DISTINCT {key})"
    if not counts:
        return
    row = connection().execute(f"SELECT {', '.join(counts.values())} FROM ({sql})").fetchall()[0]
    problems = [f"{words} ({rows:,} rows)" for words, rows in zip(counts, row, strict=True) if rows]
    if problems:
        raise _differs(problems, schema, where)
