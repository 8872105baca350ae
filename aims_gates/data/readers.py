"""Files read by pandas or Polars and handed over as a frame, with the names, types and missing values DuckDB finds."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aims_gates.data._duckdb.engine import quote
from aims_gates.data._duckdb.files import open_files
from aims_gates.data._duckdb.frames import open_frame
from aims_gates.data._duckdb.table import DuckTable
from aims_gates.data.tables.source import Dialect, Source
from aims_gates.errors import DataError, InputError

__all__ = ["read_frame"]

_REMEDY = "Read it with the engine duckdb, which says what is wrong, or mend the file."


def read_frame(source: Any, role: str, engine: str) -> Source:
    """Read a path with ``engine``, pandas or polars; a frame stays what it is. The digest is of the file's bytes.

    Raises:
        DataError: the file is missing, damaged, or not one table.
        InputError: the library is not installed, or the source is a database table.
    """
    if not isinstance(source, str | Path):
        return open_frame(source, role)
    if "://" in str(source):
        remedy = "Use the engine duckdb, or spark."
        raise InputError(f"{engine} reads files, not databases", where=f"engine {engine}", remedy=remedy)
    plain = open_files(str(source))
    table = DuckTable(plain)
    read = _pandas if engine == "pandas" else _polars
    try:
        frame = read(plain.files, plain.dialect, list(table.types))
    except ImportError as error:
        remedy = f"Install it: pip install {engine}"
        raise InputError(f"{engine} is not installed", where=f"engine {engine}", remedy=remedy) from error
    except Exception as error:
        message = f"{engine} cannot read it: {' '.join(str(error).split())[:300]}"
        raise DataError(message, where=plain.where, remedy=_REMEDY) from error
    opened = open_frame(frame, role)
    sql = opened.sql if plain.dialect is None else _typed(opened.sql, table.types)
    return replace(
        opened, sql=sql, kept=plain.dialect is not None, where=plain.where, digest=table.digest, files=plain.files
    )


def _typed(sql: str, types: Mapping[str, str]) -> str:
    """Text as the types that DuckDB found; an empty cell is missing."""
    shown = [f"CAST(nullif({quote(name)}, '') AS {kind}) AS {quote(name)}" for name, kind in types.items()]
    return f"SELECT {', '.join(shown)} FROM ({sql})"


def _pandas(files: Sequence[str], dialect: Dialect | None, names: Sequence[str]) -> Any:
    import pandas as pd

    if dialect is None:
        return pd.concat(
            [pd.read_parquet(name, engine="pyarrow", partitioning=None) for name in files], ignore_index=True
        )
    options: dict[str, Any] = {
        "sep": dialect.delimiter,
        "quoting": csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        "quotechar": dialect.quote or '"',
        "escapechar": dialect.escape if dialect.escape not in ("", dialect.quote) else None,
        "compression": "gzip" if dialect.packed else None,
    }
    parts = [
        pd.read_csv(name, header=0, names=list(names), index_col=False, dtype=str, keep_default_na=False, **options)
        for name in files
    ]
    return pd.concat(parts, ignore_index=True)


def _polars(files: Sequence[str], dialect: Dialect | None, names: Sequence[str]) -> Any:
    import polars as pl

    if dialect is None:
        return pl.concat([pl.read_parquet(name, hive_partitioning=False, glob=False) for name in files])
    if dialect.escape not in ("", dialect.quote):
        raise ValueError(f"it knows no escape character {dialect.escape!r}")
    parts = [
        pl.read_csv(
            name,
            separator=dialect.delimiter,
            quote_char=dialect.quote or None,
            new_columns=list(names),
            infer_schema=False,
            glob=False,
        )
        for name in files
    ]
    return pl.concat(parts)
