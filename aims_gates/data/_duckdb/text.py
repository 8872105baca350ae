"""The text of a file as typed columns, kept as a Parquet file.

The first rows say how each column is probably read; writing the values checks every cell against it. Only where a cell
does not fit are all of them looked through first. What comes out depends on all the cells, and on nothing else.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from aims_gates.data._duckdb.engine import connection, parquet, quote, quote_text
from aims_gates.data.schema.classes import Holds, class_sql
from aims_gates.data.schema.guess import guess
from aims_gates.data.schema.reading import PLACE, Reading
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError

__all__ = ["MISREAD", "columns_of", "copy_typed", "select_typed", "unnamed", "write_typed"]

#: Rows from which the readings are guessed before every cell is checked against them.
_FIRST = 10_000
#: The error of a query that meets a cell which is not read as its column is.
MISREAD = "a cell is not as the first ones"
_NAMELESS = re.compile(r"\s*|Unnamed: [0-9]+(_level_[0-9]+)?")
_FROM_DATA = Holds.OTHER | Holds.MARK | Holds.QUOTED
_SCHEMA = "Or declare how to read it: aims-gates data schema propose FILE."


def unnamed(name: str) -> bool:
    """Whether a column has no name of its own: pandas writes such a column for the index of a frame."""
    return _NAMELESS.fullmatch(name) is not None


def columns_of(names: Sequence[str]) -> list[str]:
    """Names for columns that may have none."""
    return [name if name.strip() else f"column{place}" for place, name in enumerate(names)]


def select_typed(sql: str, readings: Sequence[Reading], checked: bool = False) -> str:
    """The columns of a ``SELECT`` of text as their readings have them.

    Args:
        sql: The columns as text.
        readings: One for each column.
        checked: Whether a cell that is not read so is an error of the query.
    """
    shown = []
    for reading in readings:
        name = quote(reading.name)
        value = reading.value(name)
        if checked and reading.check:
            value = f"CASE WHEN {reading.wrong(name)} THEN error({quote_text(MISREAD)}) ELSE {value} END"
        shown.append(f"{value} AS {name}")
    return f"SELECT {', '.join(shown)} FROM ({sql})"


def write_typed(source: Source, file: Path) -> tuple[Reading, ...]:
    """Write the text of a source as typed columns to ``file``; gives how each column was read.

    Raises:
        DataError: the first line is no header, a column has no name, or files were joined with their headers.
    """
    names = [str(name) for name, *_ in connection().execute(f"DESCRIBE {source.sql}").fetchall()]
    readings = _looked(f"SELECT * FROM ({source.sql}) LIMIT {_FIRST}", names, source)
    try:
        copy_typed(select_typed(source.sql, readings, checked=True), file)
    except duckdb.Error as error:
        if MISREAD not in str(error):
            raise
        readings = _looked(source.sql, names, source)
        copy_typed(select_typed(source.sql, readings), file)
    written = f"SELECT * FROM {parquet([str(file)])}"
    if len(names) > 1 and all(reading.type == "VARCHAR" for reading in readings):
        _no_header_again(written, names, source.where)
    return tuple(_data_or_not(written, readings, source))


def copy_typed(sql: str, file: Path) -> None:
    """Write the rows of a query to a Parquet file."""
    connection().execute(f"COPY ({sql}) TO {quote_text(str(file))} (FORMAT parquet)")


def _again(names: Sequence[str], shown: Sequence[str]) -> str:
    return " AND ".join(f"{quote(name)} = {quote_text(header)}" for name, header in zip(names, shown, strict=True))


def _no_header_again(sql: str, names: Sequence[str], where: str) -> None:
    times = connection().execute(f"SELECT count(*) FROM ({sql}) WHERE {_again(names, names)}").fetchall()[0][0]
    if times:
        _refuse_again(int(times), where)


def _refuse_again(times: int, where: str) -> None:
    message = f"line 1 stands {times:,} more times below: files were joined with their headers, or it is the first row"
    remedy = "Take those lines out or name the files by a pattern; or write a first line with the columns' names."
    raise DataError(message, where=where, remedy=remedy)


def _looked(sql: str, names: Sequence[str], source: Source) -> list[Reading]:
    """How each column is read, by what all the rows of a ``SELECT`` hold.

    The cells stand below one another, so that the long question of their class is planned once, not once a column.
    """
    places = ", ".join(f"{quote(name)} AS c{place}" for place, name in enumerate(names))
    cells = f"UNPIVOT (SELECT {places} FROM ({sql})) ON COLUMNS(*) INTO NAME place VALUE cell"
    headers = "MAP {" + ", ".join(f"'c{place}': {quote_text(name)}" for place, name in enumerate(names)) + "}"
    questions = f"bit_or({class_sql().replace(PLACE, 'cell')}), bool_or(cell = {headers}[place])"
    rows = connection().execute(f"SELECT place, {questions} FROM ({cells}) GROUP BY place").fetchall()
    holds = {place: (bits or 0, bool(below)) for place, bits, below in rows}
    kinds = [holds.get(f"c{place}", (0, False)) for place in range(len(names))]
    if len(names) > 1 and all(below for _, below in kinds):
        _no_header_again(sql, names, source.where)
    _header_is_none(names, [below for _, below in kinds], source)
    return [guess(name, Holds(bits)) for name, (bits, _) in zip(names, kinds, strict=True)]


def _header_is_none(names: Sequence[str], among: Sequence[bool], source: Source) -> None:
    """Refuse a first line that may be data: each of its cells is a number or a day, or stands below itself again."""
    header = list(source.names or names)
    numbered = [str(place) for place in range(len(header))]
    if header == numbered and len(header) > 2:
        return
    sql = f"SELECT {class_sql().replace(PLACE, 'v')} FROM (SELECT unnest(?::VARCHAR[]) AS v)"
    kinds = [Holds(kind or 0) for (kind,) in connection().execute(sql, [header]).fetchall()]
    if header and all(below or (kind and not kind & _FROM_DATA) for kind, below in zip(kinds, among, strict=True)):
        message = f"line 1 may be the header or the first row: {', '.join(header[:5])}"
        remedy = f"Write a first line with the columns' names. {_SCHEMA}"
        raise DataError(message, where=source.where, remedy=remedy)


def _data_or_not(sql: str, readings: Sequence[Reading], source: Source) -> Iterator[Reading]:
    """The readings; columns without a name are left out where they are an index or empty, and refused elsewhere."""
    header = list(source.names or [reading.name for reading in readings])
    leading = True
    for place, (reading, name) in enumerate(zip(readings, header, strict=True)):
        leading = leading and unnamed(name)
        if not unnamed(name):
            yield reading
            continue
        column = quote(reading.name)
        counts = f"SELECT count(*), count({column}), count(DISTINCT {column}) FROM ({sql})"
        rows, filled, different = connection().execute(counts).fetchall()[0]
        if leading and reading.type == "BIGINT" and rows == filled == different:
            yield replace(reading, left_out="index", note="an index that was written with the rows: no data")
        elif filled == 0 and not leading:
            yield replace(reading, left_out="ignored", note="without a name and empty: no data")
        else:
            message = f"column {place + 1} has no name: it may be an index, or data"
            remedy = f"Give it a name, or leave it out (pandas: to_csv(index=False)). {_SCHEMA}"
            raise DataError(message, where=source.where, remedy=remedy)
