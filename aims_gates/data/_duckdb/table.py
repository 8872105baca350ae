"""A table on DuckDB: a schema of the process's database, with one view called ``data``."""

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.data._duckdb.ceilings import check_text
from aims_gates.data._duckdb.declared import select_declared, write_declared
from aims_gates.data._duckdb.engine import (
    Placed,
    connection,
    forget,
    fresh_name,
    leave,
    lock,
    parquet,
    place,
    quote,
    quote_text,
    reading,
    scratch,
    there,
    translated,
)
from aims_gates.data._duckdb.frames import arrow_digest
from aims_gates.data._duckdb.text import select_typed, write_typed
from aims_gates.data.schema.reading import Reading
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ELSEWHERE", "DuckTable"]

#: What the names of tables on another engine begin with.
ELSEWHERE = "aims_gates_spark_"
_FLOATS = ("FLOAT", "DOUBLE")
_ZONED = "TIMESTAMP WITH TIME ZONE"
_BATCH = 131_072


class DuckTable:
    """A source as a view of the process's database; text is parsed once, and kept as a Parquet file."""

    def __init__(self, source: Source) -> None:
        self.where = source.where
        self.folders = _folders(source.files)
        self._source = source
        self.dialect = source.dialect
        self._schema = fresh_name("data_set")
        self.name = f"memory.{self._schema}.data"
        file = scratch() / f"{self._schema}.parquet" if source.kept else source.scratch
        self._copies = [weakref.finalize(self, _remove, copy) for copy in source.copies]
        self._end = weakref.finalize(self, _leave, self._schema, file)
        self._end.atexit = False
        with lock, translated(self.where):
            try:
                self.types, readings = _placed(self._schema, source, file)
            except BaseException:
                self._end()
                raise
        self.readings: Sequence[Reading] = readings
        left_out = [place for place, reading in enumerate(self.readings) if reading.left_out]
        named = list(source.names or self.types)
        self.names = tuple(name for place, name in enumerate(named) if place not in left_out)
        self.notes: Sequence[str] = tuple(source.notes)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query in which ``data`` names this table.

        Raises:
            DataError: the data cannot be read, or another table of the query lies on another engine.
            GateError: the query does not fit the data.
        """
        if ELSEWHERE in sql:
            remedy = "Open all sets on one engine: --engine spark, or Dataset.open(..., engine='spark')."
            raise DataError("one set lies on Spark and another does not", where=self.where, remedy=remedy)
        with lock, translated(self.where):
            self._here()
            return _rows(reading(sql), list(parameters))

    def arrow(self, columns: Sequence[str]) -> "pa.Table":
        """These columns of every row."""
        with lock, translated(self.where):
            self._here()
            self._check_text(columns)
            return connection().sql(f"SELECT {', '.join(map(quote, columns))} FROM data").to_arrow_table()

    def _check_text(self, columns: Sequence[str]) -> None:
        """Text of Parquet files may grow without end when each row gets its own; that of CSV is as long as it is."""
        if self._source.files and self._source.dialect is None:
            texts = [quote(name) for name in columns if self.types[name] == "VARCHAR"]
            packed = sum(Path(name).stat().st_size for name in self._source.files)
            check_text([f"coalesce(strlen({text}), 0)" for text in texts], packed, self.where)

    def batches(self, sql: str) -> "Iterator[pa.RecordBatch]":
        """The rows of a query, some at a time; no other query may run until the last is taken."""
        with lock, translated(self.where):
            self._here()
            yield from connection().sql(reading(sql)).to_arrow_reader(_BATCH)

    def digest(self) -> str:
        """Of a file its bytes, of a folder or glob its manifest, else of the rows as Arrow."""
        with translated(self.where):
            return self._source.digest() if self._source.digest else self._digest_of_rows()

    def _digest_of_rows(self) -> str:
        with lock:
            self._here()
            return arrow_digest(connection().sql("FROM data").to_arrow_reader(_BATCH))

    def _here(self) -> None:
        """Let ``data`` name this table."""
        there(self._schema)
        connection().execute(f"SET search_path = 'memory.{self._schema}'")


def _rows(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    """The rows of a query; the connection is free again, whatever happens."""
    con = connection()
    try:
        rows = con.execute(sql, parameters)
        if not any(str(kind) == _ZONED for _, kind, *_ in rows.description or ()):
            return list(rows.fetchall())
        # DuckDB itself would ask for the package pytz.
        con.abort()
        table = con.sql(sql, params=parameters).to_arrow_table()
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    except BaseException:
        con.abort()
        raise


def _select(types: dict[str, str]) -> str:
    """Every column, NaN as NULL.

    Not ``nullif(x, 'nan')``: DuckDB decides ``x = 'nan'`` by a Parquet file's minimum and maximum, which leave NaN out.
    """
    shown = [
        f"CASE WHEN isnan({quote(name)}) THEN NULL ELSE {quote(name)} END AS {quote(name)}"
        if kind in _FLOATS
        else quote(name)
        for name, kind in types.items()
    ]
    return ", ".join(shown)


def _placed(schema: str, source: Source, file: Path | None) -> tuple[dict[str, str], tuple[Reading, ...]]:
    """Put a source into the database; gives its columns and their types, and how each column of text was read.

    What is kept is written to ``file`` first: text is slow to parse, and gates ask often.
    """
    placed, sql, readings = (
        Placed(schema, source.reads, source.frames, source.attach),
        source.sql,
        source.readings or (),
    )
    place(placed)
    if source.kept and file is not None:
        if source.readings is not None:
            sql = select_typed(sql, source.readings)
        if source.text and source.readings is None:
            readings = _written(source, file)
        else:
            connection().execute(f"COPY ({sql}) TO {quote_text(str(file))} (FORMAT parquet)")
        forget(schema)
        placed, sql = Placed(schema), f"SELECT * FROM {parquet([str(file)])}"
    shape = connection().execute(f"DESCRIBE {sql}").fetchall()
    if source.schema is not None and not source.text:
        sql, readings = select_declared(
            replace(source, sql=sql), source.schema, {str(name): str(kind) for name, kind, *_ in shape}
        )
        shape = connection().execute(f"DESCRIBE {sql}").fetchall()
    left_out = {reading.name for reading in readings if reading.left_out}
    types = {str(name): str(kind) for name, kind, *_ in shape if str(name) not in left_out}
    place(replace(placed, select=f"SELECT {_select(types)} FROM ({sql})"))
    return types, tuple(readings)


def _written(source: Source, file: Path) -> tuple[Reading, ...]:
    return write_typed(source, file) if source.schema is None else write_declared(source, source.schema, file)


def _folders(files: Sequence[str]) -> frozenset[str]:
    """The keys of ``key=value`` folders on the way to the files; what they say is not read."""
    return frozenset(part.partition("=")[0] for name in files for part in Path(name).parts[:-1] if "=" in part)


def _leave(schema: str, file: Path | None) -> None:
    if file is not None:
        file.unlink(missing_ok=True)
    leave(schema)


def _remove(file: str) -> None:
    Path(file).unlink(missing_ok=True)
