"""Files read by pandas or Polars and handed over as a frame, with the names, types and missing values DuckDB finds."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aims_gates.data._duckdb.engine import quote
from aims_gates.data._duckdb.files import open_files
from aims_gates.data._duckdb.frames import open_frame
from aims_gates.data._duckdb.partitions import key_columns
from aims_gates.data._duckdb.table import DuckTable
from aims_gates.data.schema.declared import Declared
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError, InputError

__all__ = ["read_frame"]

_REMEDY = "Read it with the engine duckdb, which says what is wrong, or fix the file."


def read_frame(source: Any, role: str, engine: str, schema: Declared | None = None) -> Source:
    """Read a path with ``engine``, pandas or polars; a frame stays what it is. The digest is of the file's bytes.

    Raises:
        DataError: the file is missing, damaged, or not one table.
        InputError: the library is not installed, or the source is a database table.
    """
    if not isinstance(source, str | Path):
        return replace(open_frame(source, role), schema=schema)
    if "://" in str(source):
        remedy = "Use the engine duckdb, or spark."
        raise InputError(f"{engine} reads files, not databases", where=f"engine {engine}", remedy=remedy)
    plain = open_files(str(source), schema)
    if not plain.files:
        # JSON lines and Delta tables have one reader here, whatever the engine.
        return plain
    # Of Parquet the types that the file has: the schema is laid over the frame.
    table = DuckTable(plain if plain.dialect is not None else replace(plain, schema=None))
    read = _pandas if engine == "pandas" else _polars
    if engine == "pandas" and plain.dialect is not None:
        _no_zero_bytes(table)
    try:
        frames = [open_frame(frame, role) for frame in read(plain)]
    except ImportError as error:
        remedy = f"Install it: pip install {engine}"
        raise InputError(f"{engine} is not installed", where=f"engine {engine}", remedy=remedy) from error
    except Exception as error:
        message = f"{engine} cannot read it: {' '.join(str(error).split())[:300]}"
        raise DataError(message, where=plain.where, remedy=_REMEDY) from error
    opened = _joined(plain, _with_keys(frames, plain, Path(source)), table)
    _same_rows(DuckTable(opened), table, engine)
    return opened


def _joined(plain: Source, frames: Sequence[Source], table: DuckTable) -> Source:
    """The frames of all files as one source, with the types and the digest that DuckDB finds."""
    text = plain.dialect is not None
    shown = ", ".join(quote(name) if text else _cast(name, kind) for name, kind in _columns(plain, table))
    sql = " UNION ALL ".join(f"SELECT {shown} FROM ({frame.sql})" for frame in frames)
    return Source(
        sql,
        plain.where,
        plain.names,
        text=text,
        kept=text,
        digest=table.digest,
        frames={name: frame for opened in frames for name, frame in opened.frames.items()},
        files=plain.files,
        readings=table.readings if text else None,
        notes=plain.notes,
        schema=None if text else plain.schema,
    )


def _with_keys(frames: Sequence[Source], plain: Source, folder: Path) -> list[Source]:
    """The frames with a column for each key of the folders that their files lie in, where such are declared."""
    keys = plain.schema.partitions if plain.schema is not None else ()
    if not keys:
        return list(frames)
    columns = [key_columns(file, folder, keys, plain.where) for file in plain.files]
    return [
        replace(frame, sql=f"SELECT *, {named} FROM ({frame.sql})")
        for frame, named in zip(frames, columns, strict=True)
    ]


def _columns(plain: Source, table: DuckTable) -> list[tuple[str, str]]:
    if plain.dialect is not None:
        return [(reading.name, "VARCHAR") for reading in table.readings]
    return list(table.types.items())


def _cast(name: str, kind: str) -> str:
    return f"CAST({quote(name)} AS {kind}) AS {quote(name)}"


def _same_rows(frame: DuckTable, table: DuckTable, engine: str) -> None:
    """Refuse a file of which two readers make a different number of rows."""
    rows, plain = (int(opened.query("SELECT count(*) FROM data")[0][0]) for opened in (frame, table))
    if rows != plain:
        message = f"{engine} reads {rows:,} rows and DuckDB {plain:,}: a line is cut short, or quotes do not close"
        raise DataError(message, where=table.where, remedy="Fix the file's lines and quotes.")


def _no_zero_bytes(table: DuckTable) -> None:
    """Refuse text with a zero byte in it, at which pandas ends the cell."""
    names = [quote(name) for name, kind in table.types.items() if kind == "VARCHAR"]
    holds = " OR ".join(f"contains({name}, chr(0))" for name in names)
    if holds and table.query(f"SELECT 1 FROM data WHERE {holds} LIMIT 1"):
        remedy = "Take the zero bytes out of the file, or read it with the engine duckdb."
        raise DataError("the text holds a zero byte, at which pandas ends a cell", where=table.where, remedy=remedy)


def _pandas(plain: Source) -> list[Any]:
    import pandas as pd

    dialect = plain.dialect
    if dialect is None:
        from pyarrow import parquet

        # Not pandas.read_parquet: it would take columns for an index, and round large whole numbers beside a gap.
        tables = [parquet.read_table(name, partitioning=None) for name in plain.files]
        return [table.to_pandas(ignore_metadata=True, types_mapper=pd.ArrowDtype) for table in tables]
    options: dict[str, Any] = {
        "sep": dialect.delimiter,
        "quoting": csv.QUOTE_MINIMAL,
        "quotechar": dialect.quote,
        "escapechar": dialect.escape if dialect.escape != dialect.quote else None,
        "compression": "gzip" if dialect.packed else None,
        "header": 0 if dialect.header else None,
        "skip_blank_lines": len(plain.orders[0]) > 1,
    }
    return [
        pd.read_csv(name, names=list(order), index_col=False, dtype=str, keep_default_na=False, **options)
        for name, order in zip(plain.files, plain.orders, strict=True)
    ]


def _polars(plain: Source) -> list[Any]:
    import polars as pl

    dialect = plain.dialect
    if dialect is None:
        return [pl.read_parquet(name, hive_partitioning=False, glob=False) for name in plain.files]
    if dialect.escape != dialect.quote:
        raise ValueError(f"it knows no escape character {dialect.escape!r}")
    return [
        pl.read_csv(
            name,
            separator=dialect.delimiter,
            quote_char=dialect.quote,
            new_columns=list(order),
            infer_schema=False,
            has_header=dialect.header,
            glob=False,
        )
        for name, order in zip(plain.files, plain.orders, strict=True)
    ]
