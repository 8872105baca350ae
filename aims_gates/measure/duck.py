"""A table on DuckDB: a schema of the process's database, with one view or table called ``data``."""

import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.errors import DataError
from aims_gates.measure.ceilings import check_text
from aims_gates.measure.engine import connection, fresh_name, lock, quote, quote_text, scratch, translated
from aims_gates.measure.frames import arrow_digest
from aims_gates.measure.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ELSEWHERE", "DuckTable"]

#: What the names of tables on another engine begin with.
ELSEWHERE = "aims_gates_spark_"
_FLOATS = ("FLOAT", "DOUBLE")
_ZONED = "TIMESTAMP WITH TIME ZONE"
_BATCH = 131_072
#: SQL that tables which are gone have left to be done.
_ENDED: deque[str] = deque()


class DuckTable:
    """A source as a view of the process's database; text is parsed once, and kept as a table or a Parquet file."""

    def __init__(self, source: Source) -> None:
        self.where = source.where
        self._source = source
        self._schema = fresh_name("data_set")
        self.name = f"memory.{self._schema}.data"
        with lock, translated(self.where):
            _tidy()
            file = _written(source.sql, f"{self._schema}.parquet") if source.kept == "scratch" else None
            sql = source.sql if file is None else f"SELECT * FROM read_parquet({quote_text(str(file))})"
            shape = connection().execute(f"DESCRIBE {sql}").fetchall()
            self.types = {str(name): str(kind) for name, kind, *_ in shape}
            connection().execute(f"CREATE SCHEMA memory.{self._schema}")
            self._end = weakref.finalize(self, _leave, self._schema, tuple(source.drops), file)
            self._end.atexit = False
            kind = "TABLE" if source.kept == "memory" else "VIEW"
            connection().execute(f"CREATE {kind} {self.name} AS SELECT {_select(self.types)} FROM ({sql})")
        self.names = tuple(source.names or self.types)

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
            return _rows(sql, list(parameters))

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
            yield from connection().sql(sql).to_arrow_reader(_BATCH)

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
        _tidy()
        connection().execute(f"SET search_path = 'memory.{self._schema}'")


def _rows(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    """The rows of a query; the connection is free again, whatever happens."""
    con = connection()
    try:
        found = con.execute(sql, parameters)
        if not any(str(kind) == _ZONED for _, kind, *_ in found.description or ()):
            return list(found.fetchall())
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


def _written(sql: str, name: str) -> Path:
    """The rows of a query as a Parquet file of the scratch folder: text is slow to parse, and gates ask often."""
    file = scratch() / name
    try:
        connection().execute(f"COPY ({sql}) TO {quote_text(str(file))} (FORMAT parquet)")
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return file


def _leave(schema: str, drops: Sequence[str], file: Path | None) -> None:
    """A table is gone. Garbage is collected amid queries too, so what it leaves in the database is only noted here."""
    if file is not None:
        file.unlink(missing_ok=True)
    _ENDED.extend((f"DROP SCHEMA memory.{schema} CASCADE", *drops))


def _tidy() -> None:
    """Drop what tables left behind; the caller holds the lock, and no query runs."""
    while _ENDED:
        connection().execute(_ENDED.popleft())
