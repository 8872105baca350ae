"""A data set where it lives. Gates ask it questions in SQL and get statistics, not rows."""

import weakref
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from aims_gates.errors import DataError, InputError
from aims_gates.measure import labels
from aims_gates.measure.engine import connection, fresh_name, lock, quote, translated
from aims_gates.measure.frames import arrow_digest
from aims_gates.measure.source import Source
from aims_gates.measure.sources import open_source

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import pyarrow as pa

__all__ = ["Dataset", "Kind"]

Kind = Literal["numeric", "boolean", "categorical", "datetime"]
_FLOATS = ("FLOAT", "DOUBLE")
_NUMERIC = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)


class Dataset:
    """A table of rows and columns that stays where it is. Make one with :meth:`open`.

    NaN in a floating-point column reads as NULL, on every kind of source, so that missing means
    one thing. Text stays as it is: ``NA`` and ``N/A`` are values, an empty CSV cell is NULL.

    Attributes:
        role: ``evaluation``, ``reference``, ``production``, ``champion`` ...
        where: The source, for messages (passwords masked).
        columns: Names as in the source (a name that stands twice gets ``_1``, as in DuckDB).
        table: A qualified SQL name, good in the queries of every other data set of this process.
    """

    def __init__(self, source: Source, role: str) -> None:
        self.role = role
        self.where = source.where
        self._source = source
        schema = fresh_name("data_set")
        self.table = f"memory.{schema}.data"
        self._schema = schema
        with lock, translated(self.where):
            shape = connection().execute(f"DESCRIBE {source.sql}").fetchall()
            self._types = {str(name): str(kind) for name, kind, *_ in shape}
            connection().execute(f"CREATE SCHEMA memory.{schema}")
            self._end = weakref.finalize(self, _drop, schema, tuple(source.drops))
            self._end.atexit = False
            kind = "TABLE" if source.kept else "VIEW"
            connection().execute(f"CREATE {kind} {self.table} AS SELECT {_select(self._types)} FROM ({source.sql})")
        self.columns = tuple(self._types)
        self._doubled = _doubled(source.names or self.columns)

    @classmethod
    def open(cls, source: Any, *, role: str) -> "Dataset":
        """Open a data set for reading; nothing is computed yet.

        Args:
            source: A path of a CSV (.gz) or Parquet file, a folder of Parquet files, a glob,
                ``duckdb:///file.db#table``, any ``SQLAlchemy-URL#table``, or a pandas, Polars or Arrow table.
            role: What it is to the gates.

        Raises:
            DataError: it is missing, empty, damaged, or not one table; with the remedy.
        """
        with lock:
            return cls(open_source(source, role), role)

    quote = staticmethod(quote)

    @cached_property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.query("SELECT count(*) FROM data")[0][0])

    @cached_property
    def digest(self) -> str:
        """``sha256:...``: of a file its bytes, of a folder or glob its manifest, else of the rows as Arrow."""
        with translated(self.where):
            return self._source.digest() if self._source.digest else arrow_digest(self.arrow(self.columns))

    def type(self, column: str) -> str:
        """DuckDB's type of a column, e.g. ``BIGINT``."""
        self.require(column, values=False)
        return self._types[column]

    def kind(self, column: str) -> Kind:
        """What the column holds; text (and all that is neither number, truth value nor date) is categorical."""
        found = self.type(column)
        if found in _NUMERIC or found in _FLOATS or found.startswith("DECIMAL"):
            return "numeric"
        if found == "BOOLEAN":
            return "boolean"
        return "datetime" if found == "DATE" or found.startswith("TIMESTAMP") else "categorical"

    def require(self, *columns: str, values: bool = True) -> None:
        """Refuse a data set that cannot answer about these columns.

        Args:
            columns: The columns that must be there, each once.
            values: Whether there must be rows, and in each column at least one value.

        Raises:
            DataError: naming the column, what there is instead, and the remedy.
        """
        missing = [name for name in columns if name not in self._types]
        if missing:
            listed = ", ".join(map(repr, missing))
            there = ", ".join(self.columns[:60]) + (" ..." if len(self.columns) > 60 else "")
            remedy = f"Name columns that are there: {there}."
            raise DataError(f"there is no column {listed} in the {self.role} data", where=self.where, remedy=remedy)
        for name in columns:
            if name.lower() in self._doubled:
                remedy = "Rename one of them (capital and small letters count as the same)."
                raise DataError(f"the column {name!r} stands twice", where=self.where, remedy=remedy)
        if not values:
            return
        if self.rows == 0:
            raise DataError(f"the {self.role} data has no rows", where=self.where, remedy="Check how it was written.")
        for name in columns:
            if not self.query(f"SELECT 1 FROM data WHERE {quote(name)} IS NOT NULL LIMIT 1"):
                message = f"the column {name!r} of the {self.role} data holds no value at all"
                raise DataError(message, where=self.where, remedy="Fill the column, or name another.")

    def complete(self, *columns: str) -> None:
        """Refuse rows without a value in these columns: what is left out silently is what went wrong.

        Raises:
            DataError: as :meth:`require`, or naming the column and how many rows lack a value.
        """
        self.require(*columns)
        for name in columns:
            empty = self.query(f"SELECT count(*) - count({quote(name)}) FROM data")[0][0]
            if empty:
                remedy = "Fill them, or leave those rows out beforehand and say so in the record."
                raise DataError(f"{empty:,} rows have no value in {name!r}", where=self.where, remedy=remedy)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query in which ``data`` names this set. Ask for aggregates only.

        Raises:
            DataError: the data cannot be read.
            GateError: the query does not fit the data.
        """
        with lock, translated(self.where):
            self._here()
            return list(connection().execute(sql, list(parameters)).fetchall())

    def arrow(self, columns: Iterable[str]) -> "pa.Table":
        """These columns of every row, as an Arrow table; for libraries that need rows."""
        wanted = list(columns)
        self.require(*wanted, values=False)
        with lock, translated(self.where):
            self._here()
            return connection().sql(f"SELECT {', '.join(map(quote, wanted))} FROM data").to_arrow_table()

    def pandas(self, columns: Iterable[str]) -> "pd.DataFrame":
        """These columns of every row, as a pandas frame; for libraries that need rows."""
        frame: pd.DataFrame = self.arrow(columns).to_pandas()
        return frame

    def label_sql(self, column: str, positive: Any = None) -> str:
        """SQL: 1 favourable, 0 not, NULL no value, 2 another. See :func:`aims_gates.measure.labels.label_sql`."""
        return labels.label_sql(self, column, positive)

    def decision_sql(self, column: str, rule: Any) -> str:
        """SQL: whether ``{"op": ..., "value": ...}`` holds. See :func:`aims_gates.measure.labels.decision_sql`."""
        return labels.decision_sql(self, column, rule)

    def strange_labels(self, column: str) -> InputError:
        """The error for labels that are neither 0/1 nor declared, for the caller to raise."""
        return labels.strange_labels(self, column)

    def common_values(self, column: str) -> list[str]:
        """The most frequent values as text, for messages."""
        return labels.common_values(self, column)

    def _here(self) -> None:
        """Let ``data`` name this set."""
        connection().execute(f"SET search_path = 'memory.{self._schema}'")

    def __repr__(self) -> str:
        return f"Dataset({self.where!r}, role={self.role!r})"


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


def _doubled(names: Iterable[str]) -> set[str]:
    return {name for name, times in Counter(name.lower() for name in names).items() if times > 1}


def _drop(schema: str, drops: Sequence[str]) -> None:
    with lock, translated(schema):
        for sql in (f"DROP SCHEMA memory.{schema} CASCADE", *drops):
            connection().execute(sql)
