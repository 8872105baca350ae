"""CSV files as columns of text: one delimiter, one quote character and one set of columns for all of a set's files."""

import codecs
import csv
import glob
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import groupby
from pathlib import Path
from typing import IO, cast

from aims_gates.data._duckdb.ceilings import check_columns, check_gzip
from aims_gates.data._duckdb.engine import AS_THEY_STAND, allow, connection, listed, quote, quote_text, translated
from aims_gates.data._duckdb.frames import unique
from aims_gates.data._duckdb.plain import plain_files
from aims_gates.data._duckdb.text import columns_of
from aims_gates.data.schema.declared import Declared
from aims_gates.data.tables.source import Dialect, Source
from aims_gates.errors import DataError

__all__ = ["open_text"]

_SHAPE = "skip = 0, comment = ''"
#: Enough lines to tell the delimiter by. The quote is the same everywhere: a file may begin without any.
_SNIFF = f"header = true, {_SHAPE}, quote = '\"', sample_size = 20480"
#: Bytes in which a CSV file's first line must end: DuckDB's own limit for a line.
_BEGINNING = 2_000_000
_HEAD = 65_536
_QUOTE = '"'


def open_text(
    names: Sequence[str], where: str, packed: bool, digest: Callable[[], str], schema: Declared | None = None
) -> Source:
    """CSV files as one table of text, cut into cells as a schema declares or as the first file shows.

    Raises:
        DataError: they are no table, or do not hold the same columns.
    """
    if packed:
        check_gzip(names, where)
    named, copies = names, []
    if schema is not None:
        with translated(where):
            names = plain_files(list(names), schema, packed, where)
        copies = [name for name in names if name not in named]
        packed = packed and not copies
    with translated(where):
        first = _beginning(names[0], packed, where)
    check_columns(max(map(first.split(b"\n", 1)[0].count, (b",", b";", b"\t", b"|"))) + 1, where)
    with translated(where):
        allow(names)
        dialect = _declared(schema, names[0], packed) if schema is not None else _sniffed(names[0], packed)
        headers = [_header(first, dialect)] + [_header(_beginning(n, packed, where), dialect) for n in names[1:]]
    if schema is None:
        _check_header(headers[0], where)
    if not dialect.header and schema is not None:
        headers = [_fields(schema, header, where) for header in headers]
    _check_same(names, headers, where)
    orders = [unique(columns_of(header)) for header in headers]
    sql = _select(names, orders, dialect)
    return Source(
        sql,
        where,
        headers[0],
        kept=True,
        text=True,
        digest=digest,
        files=names,
        dialect=dialect,
        reads=names,
        orders=orders,
        schema=schema,
        copies=copies,
    )


def _sniffed(name: str, packed: bool) -> Dialect:
    compression = ", compression = 'gzip'" if packed else ""
    sniff = f"SELECT Delimiter, Escape FROM sniff_csv({quote_text(glob.escape(name))}, {_SNIFF}{compression})"
    delimiter, escape = connection().execute(sniff).fetchall()[0]
    return Dialect(delimiter, _QUOTE, "\\" if escape == "\\" else _QUOTE, packed)


def _declared(schema: Declared, name: str, packed: bool) -> Dialect:
    declared = schema.dialect
    delimiter = declared.delimiter or _sniffed(name, packed).delimiter
    return Dialect(delimiter, declared.quote, declared.escape or declared.quote, packed, declared.header)


def _fields(schema: Declared, row: Sequence[str], where: str) -> list[str]:
    """The names of the columns of a file without a header: the fields in their order."""
    names = [item.name for item in schema.fields if item.name not in schema.partitions]
    if len(names) != len(row):
        message = f"it has {len(row)} columns and no header, and {len(names)} are declared"
        raise DataError(message, where=where, remedy=f"Declare each of them ({schema.where}).")
    return names


def _select(names: Sequence[str], orders: Sequence[Sequence[str]], dialect: Dialect) -> str:
    """All files in their order, each by its own order of columns."""
    compression = ", compression = 'gzip'" if dialect.packed else ""
    options = {"delim": dialect.delimiter, "quote": dialect.quote, "escape": dialect.escape}
    written = "".join(f", {key} = {quote_text(value)}" for key, value in options.items())
    shown = ", ".join(map(quote, orders[0]))
    parts = []
    for order, pairs in groupby(zip(names, orders, strict=True), key=lambda pair: pair[1]):
        files = listed([name for name, _ in pairs])
        head = f"header = {str(dialect.header).lower()}, {_SHAPE}, auto_detect = false, {AS_THEY_STAND}"
        columns = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in order)
        parts.append(f"SELECT {shown} FROM read_csv({files}, {head}, columns = {{{columns}}}{written}{compression})")
    return " UNION ALL ".join(parts)


def _check_header(header: Sequence[str], where: str) -> None:
    if not header:
        raise DataError("it has no header", where=where, remedy="Write a first line with the columns' names.")
    if header[0].startswith("#"):
        message = f"line 1 may be a comment or the header: {','.join(header)[:60]!r}"
        remedy = "Take the comment out, or declare it: aims-gates data schema propose FILE (dialect: commentChar)."
        raise DataError(message, where=where, remedy=remedy)
    if len(header) == 1 and any(mark in header[0] for mark in ",;\t|^~"):
        message = f"it reads as one column named {header[0]!r}: the delimiter is wrong, or lines differ in length"
        raise DataError(message, where=where, remedy="Use one delimiter (comma, semicolon, tab or |) on every line.")


def _check_same(names: Sequence[str], headers: Sequence[Sequence[str]], where: str) -> None:
    """Refuse files that do not hold the same columns; their order may differ."""
    problems = list(_differing(names, headers))
    if problems:
        message = f"the files do not hold the same columns: {'; '.join(problems[:10])}"
        raise DataError(
            message, where=where, remedy="Write them with the same columns, or name those that go together."
        )


def _differing(names: Sequence[str], headers: Sequence[Sequence[str]]) -> Iterator[str]:
    for name, header in zip(names[1:], headers[1:], strict=True):
        lacks = [column for column in headers[0] if column not in header]
        has = [column for column in header if column not in headers[0]]
        if lacks or has or len(header) != len(headers[0]):
            only = f"{', '.join(map(repr, has))} in {Path(name).name} alone" if has else ""
            not_there = f"{', '.join(map(repr, lacks))} not in {Path(name).name}" if lacks else ""
            yield ", ".join(filter(None, (not_there, only))) or f"one twice in {Path(name).name}"


def _beginning(name: str, packed: bool, where: str) -> bytes:
    """The first bytes of a file, with its first line whole."""
    with Path(name).open("rb") as raw, gzip.open(raw) if packed else nullcontext(raw) as data:
        read = cast("IO[bytes]", data).read(_HEAD)
        if len(read) == _HEAD and read.count(b"\n") + read.count(b"\r") < 2:
            read += cast("IO[bytes]", data).read(_BEGINNING - _HEAD)
    if len(read) == _BEGINNING and b"\n" not in read and b"\r" not in read:
        message = f"the first line is longer than {_BEGINNING} bytes"
        raise DataError(message, where=where, remedy="Save it as CSV text, one row a line, or as Parquet.")
    return read


def _header(beginning: bytes, dialect: Dialect) -> list[str]:
    """The first record: the names as they stand in the file, where DuckDB would already have renamed doubles."""
    text = codecs.getincrementaldecoder("utf-8-sig")().decode(beginning, final=False)
    lines = io.StringIO(text, newline="")
    escape = dialect.escape if dialect.escape != dialect.quote else None
    records = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, escapechar=escape)
    return next((record for record in records if record), [])
