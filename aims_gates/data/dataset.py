"""A data set where it lives. Gates ask it questions in SQL and get statistics, not rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aims_gates.data import labels
from aims_gates.data._duckdb.engine import lock, quote
from aims_gates.data.open import Engine, open_table
from aims_gates.data.schema.declared import Declared, read_schema
from aims_gates.data.schema.reading import Reading
from aims_gates.data.tables.source import Dialect
from aims_gates.data.tables.table import Table
from aims_gates.documents.location import Location
from aims_gates.documents.shell import quoted
from aims_gates.errors import DataError, InputError

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    import pyarrow as pa

__all__ = ["Dataset", "Kind"]

Kind = Literal["numeric", "boolean", "categorical", "datetime"]
_WORDS = {"numeric": "numbers", "boolean": "true and false", "datetime": "dates or times"}
_NUMERIC = (
    "FLOAT",
    "DOUBLE",
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

    Queries are written in DuckDB's SQL on every engine. NaN in a floating-point column reads as NULL, on every kind of
    source, so that missing means one thing. Text stays as it is: ``NA`` and ``N/A`` are values, an empty CSV cell is
    NULL.

    Attributes:
        role: ``evaluation``, ``reference``, ``production``, ``champion`` ...
        where: The source, for messages (passwords masked).
        columns: Names as in the source (a name that is there twice gets ``_1``, as in DuckDB).
        declared: The schema that it was opened with; None where there is none.
        table: A qualified SQL name, good in the queries of every other data set on the same engine.
    """

    def __init__(self, table: Table, role: str) -> None:
        self.role = role
        self.where = table.where
        self.table = table.name
        self.columns = tuple(table.types)
        self._held = table
        self._types = table.types
        self._doubled = _doubled(table.names)
        self._filled: set[str] = set()
        self.declared: Declared | None = None
        self._doubts = {reading.name: reading.doubt for reading in table.readings if reading.doubt}

    @classmethod
    def open(
        cls,
        source: Any,
        *,
        role: str,
        engine: Engine = "duckdb",
        schema: "str | Path | Mapping[str, Any] | None" = None,
    ) -> "Dataset":
        """Open a data set for reading; nothing is computed yet.

        Args:
            source: A path of a CSV (.gz), JSON lines (.jsonl, .ndjson) or Parquet file, a folder of Parquet files, a
                glob, ``duckdb:///file.db#table``, any ``SQLAlchemy-URL#table``; a pandas, Polars (lazy too) or Arrow
                table, a DuckDB relation, or what else narwhals reads; or a Spark data frame, which stays on Spark.
            role: What it is to the gates.
            engine: What reads and measures a path: ``duckdb``; ``spark`` (the extra of that name), also for a
                ``scheme://`` address of Parquet that Spark knows; ``pandas`` or ``polars``, which read the file and
                hand it over as a frame.

            schema: What it is declared to hold: a Table Schema with a Table Dialect as YAML or JSON, or its content;
                a location that a system names brings its own.

        Raises:
            DataError: it is missing, empty, damaged, not one table, or not as declared; with the remedy.
            InputError: the engine is unknown, or its extra is not installed.
        """
        schema = source.schema if schema is None and isinstance(source, Location) else schema
        declared = None if schema is None else read_schema(schema)
        with lock:
            opened = cls(open_table(source, role, engine, declared), role)
        opened.declared = declared
        return opened

    quote = staticmethod(quote)

    def described(self) -> dict[str, Any]:
        """How each column was read: ``where``, ``rows``, ``columns`` (type, format, read_as), and ``notes``."""
        readings = {reading.name: reading for reading in self._held.readings}
        columns, notes = {}, list(self._held.notes)
        for name, kind in self._types.items():
            reading = readings.get(name)
            words = reading.read_as if reading else _WORDS.get(self._kind(kind), "text")
            columns[name] = {"type": kind, "format": (reading.format if reading else "") or None, "read_as": words}
        for reading in readings.values():
            notes += [f"{reading.name!r}: {text}" for text in (reading.doubt, reading.note) if text]
        return {"where": self.where, "rows": self.rows, "columns": columns, "notes": notes}

    @property
    def readings(self) -> "Sequence[Reading]":
        """How each column of text was read, those that are no data included; empty where the source has types."""
        return self._held.readings

    @property
    def dialect(self) -> "Dialect | None":
        """How a text file is written; None of any other source."""
        dialect: Dialect | None = getattr(self._held, "dialect", None)
        return dialect

    @cached_property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.query("SELECT count(*) FROM data")[0][0])

    @cached_property
    def digest(self) -> str:
        """``sha256:...``: of a file its bytes, of a folder or glob its manifest, else of the rows as Arrow."""
        return self._held.digest()

    def type(self, column: str) -> str:
        """DuckDB's type of a column, e.g. ``BIGINT``."""
        self.require(column, values=False)
        return self._types[column]

    def kind(self, column: str) -> Kind:
        """What the column holds; text (and all that is neither number, truth value nor date) is categorical."""
        return self._kind(self.type(column))

    @staticmethod
    def _kind(type_name: str) -> Kind:
        if type_name in _NUMERIC or type_name.startswith("DECIMAL"):
            return "numeric"
        if type_name == "BOOLEAN":
            return "boolean"
        return "datetime" if type_name == "DATE" or type_name.startswith("TIMESTAMP") else "categorical"

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
            named = sorted(self._held.folders & set(missing))
            if named:
                remedy += f" Folders named {named[0]}=... are not read as a column: write it into the files."
            raise DataError(f"there is no column {listed} in the {self.role} data", where=self.where, remedy=remedy)
        for name in columns:
            if name.lower() in self._doubled:
                remedy = "Rename one of them (capital and small letters count as the same)."
                raise DataError(f"the column {name!r} is there twice", where=self.where, remedy=remedy)
            if name in self._doubts:
                message = f"the column {name!r} of the {self.role} data: {self._doubts[name]}"
                remedy = f"Say which, in a schema: aims-gates data schema propose {quoted(self.where)}"
                raise DataError(message, where=self.where, remedy=remedy)
        if not values:
            return
        if self.rows == 0:
            raise DataError(f"the {self.role} data has no rows", where=self.where, remedy="Check how it was written.")
        unknown = [name for name in dict.fromkeys(columns) if name not in self._filled]
        self._filled |= self._with_values(unknown)
        for name in unknown:
            if name not in self._filled:
                message = f"the column {name!r} of the {self.role} data holds no value at all"
                raise DataError(message, where=self.where, remedy="Fill the column, or name another.")

    def _with_values(self, names: Sequence[str]) -> set[str]:
        """Those of the columns that hold at least one value; each is looked through only until the first is met."""
        looks = [
            f"SELECT i FROM (SELECT {place} AS i FROM data WHERE {quote(name)} IS NOT NULL LIMIT 1) AS r"
            for place, name in enumerate(names)
        ]
        return {names[place] for (place,) in self.query(" UNION ALL ".join(looks))} if looks else set()

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
        return self._held.query(sql, parameters)

    def arrow(self, columns: Iterable[str]) -> "pa.Table":
        """These columns of every row, as an Arrow table; for libraries that need rows."""
        names = list(columns)
        self.require(*names, values=False)
        return self._held.arrow(names)

    def batches(self, sql: str) -> "Iterator[pa.RecordBatch]":
        """The rows of a query as Arrow, some at a time, for what needs the values and not all of the table.

        Take them all before the next query.
        """
        return self._held.batches(sql)

    def pandas(self, columns: Iterable[str]) -> "pd.DataFrame":
        """These columns of every row, as a pandas frame; for libraries that need rows."""
        frame: pd.DataFrame = self.arrow(columns).to_pandas()
        return frame

    def label_sql(self, column: str, positive: Any = None) -> str:
        """SQL: 1 favourable, 0 not, NULL no value, 2 another. See :func:`aims_gates.data.labels.label_sql`."""
        return labels.label_sql(self, column, positive)

    def decision_sql(self, column: str, rule: Any) -> str:
        """SQL: whether ``{"op": ..., "value": ...}`` holds. See :func:`aims_gates.data.labels.decision_sql`."""
        return labels.decision_sql(self, column, rule)

    def same_sql(
        self, first: str, second: str, other: "Dataset | None" = None, names: tuple[str, str] = ("", "")
    ) -> str:
        """SQL: whether two columns hold the same value. See :func:`aims_gates.data.labels.same_sql`."""
        return labels.same_sql(self, first, other or self, second, names)

    def case_note(self, *columns: str | None, positive: Any = None) -> str | None:
        """Which labels differ only in capital letters. See :func:`aims_gates.data.labels.case_note`."""
        return labels.case_note(self, *columns, positive=positive)

    def strange_labels(self, column: str) -> InputError:
        """The error for labels that are neither 0/1 nor declared, for the caller to raise."""
        return labels.strange_labels(self, column)

    def common_values(self, column: str) -> list[str]:
        """The most frequent values as text, for messages."""
        return labels.common_values(self, column)

    def __repr__(self) -> str:
        return f"Dataset({self.where!r}, role={self.role!r})"


def _doubled(names: Iterable[str]) -> set[str]:
    return {name for name, times in Counter(name.lower() for name in names).items() if times > 1}
