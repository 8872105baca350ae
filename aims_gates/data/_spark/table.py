"""A table on Spark: a temporary view. Statistics leave it; rows only where a gate needs them, so many at most."""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aims_gates.data._duckdb.engine import fresh_name, lock, quote
from aims_gates.data._duckdb.table import ELSEWHERE
from aims_gates.data._spark.dialect import PLACE, to_spark
from aims_gates.data._spark.engine import session, settled, translated
from aims_gates.data.schema.reading import Reading
from aims_gates.documents.canonical import digest
from aims_gates.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MOST_VALUES", "SparkTable", "in_order"]

#: No more values than this are brought to this machine for a gate that needs rows.
MOST_VALUES = 20_000_000
_PLACED = "_placed"
_ORDERS: dict[str, Callable[[], str]] = {}


class SparkTable:
    """A Spark data frame as a table.

    Args:
        frame: Its columns' names must differ without regard to case.
        where: For messages.
        types: Column -> DuckDB's name of its type.
        names: Column names as they stand in the source.
        fingerprint: Computes the digest; None means of the rows, in any order.
        place: Gives Spark's SQL of a row's place in the source, from 0; None where rows have no order.
        retained: What must live as long as the table.
        folders: The keys of ``key=value`` folders on the way to its files.
        readings, notes: How its text was read, where it was text.
    """

    def __init__(
        self,
        frame: Any,
        where: str,
        types: Mapping[str, str],
        names: Sequence[str],
        fingerprint: Callable[[], str] | None = None,
        place: Callable[[], str] | None = None,
        retained: Any = None,
        folders: frozenset[str] = frozenset(),
        readings: Sequence[Reading] = (),
        notes: Sequence[str] = (),
    ) -> None:
        self.readings, self.notes = readings, notes
        self.where, self.types, self.names, self.folders = where, types, tuple(names), folders
        self.name = fresh_name(ELSEWHERE + "data_set")
        self._spark, self._fingerprint, self._kept = frame.sparkSession, fingerprint, retained
        shown = [_shown(name, kind) for name, kind in types.items()]
        with lock, settled(self._spark), translated(where):
            frame.selectExpr(*shown).createOrReplaceTempView(self.name)

        def order() -> str:
            if place is None:
                remedy = "Match rows by an id (--role id=COLUMN), and cut chunks by a period of the timestamp."
                raise DataError("the rows of a Spark table have no order", where=where, remedy=remedy)
            with settled(spark), translated(where):
                placed = frame.selectExpr(*shown, f"CAST({place()} AS BIGINT) AS {PLACE}")
                placed.createOrReplaceTempView(name + _PLACED)
            return name + _PLACED

        spark, name = self._spark, self.name
        _ORDERS[name] = order
        self._end = weakref.finalize(self, _drop, spark, name)
        self._end.atexit = False

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query in which ``data`` names this table.

        Raises:
            DataError: Spark cannot read or compute it, or another table of the query lies on another engine.
            GateError: the query does not fit the data.
        """
        collected = self._collected(sql, parameters)
        return list(zip(*(column.to_pylist() for column in collected.columns), strict=True))

    def arrow(self, columns: Sequence[str]) -> "pa.Table":
        """These columns of every row.

        Raises:
            DataError: they hold more than :data:`MOST_VALUES` values.
        """
        sql = f"SELECT {', '.join(map(quote, columns))} FROM data"
        self._bounded(sql, len(columns))
        return self._collected(sql).rename_columns(list(columns))

    def batches(self, sql: str) -> "Iterator[pa.RecordBatch]":
        """The rows of a query, some at a time.

        Raises:
            DataError: they hold more than :data:`MOST_VALUES` values.
        """
        self._bounded(sql, 1)
        yield from self._collected(sql).to_batches()

    def digest(self) -> str:
        """Of files their bytes; of a data frame its rows, whatever their order: each row's SHA-256, sorted."""
        if self._fingerprint is not None:
            return self._fingerprint()
        with lock, settled(self._spark), translated(self.where):
            row = "sha2(to_json(struct(*), map('ignoreNullFields', 'false')), 256)"
            inner = f"SELECT h, substring(h, 1, 3) AS b FROM (SELECT {row} AS h FROM {self.name})"
            row_digest = "sha2(concat_ws('', sort_array(collect_list(h))), 256)"
            rows = self._spark.sql(f"SELECT b, count(*), {row_digest} FROM ({inner}) GROUP BY b").collect()
        return digest([[[name, kind] for name, kind in self.types.items()], sorted(list(row) for row in rows)])

    def _collected(self, sql: str, parameters: Sequence[Any] = ()) -> "pa.Table":
        with lock, settled(self._spark), translated(self.where):
            frame = self._spark.sql(to_spark(sql, parameters, self.name, _placed))
            return frame.toDF(*(f"c{place}" for place in range(len(frame.columns)))).toArrow()

    def _bounded(self, sql: str, width: int) -> None:
        rows = int(self.query(f"SELECT count(*) FROM ({sql}) AS r")[0][0])
        if rows * width > MOST_VALUES:
            message = f"it needs {rows * width:,} single values, and at most {MOST_VALUES:,} may leave Spark"
            remedy = "Choose a method that needs counts only (for drift: psi, jensenshannon, hellinger), or a sample."
            raise DataError(message, where=self.where, remedy=remedy)


def _placed(name: str) -> str:
    return _ORDERS[name]()


def in_order(name: str) -> Any:
    """The rows of the table of this name as Spark's data frame, in their order, with their :data:`PLACE`.

    Raises:
        DataError: they have no order.
    """
    return session().table(_placed(name)).orderBy(PLACE)


def _shown(name: str, kind: str) -> str:
    """A column as gates see it: NaN as NULL."""
    quoted = "`" + name.replace("`", "``") + "`"
    return (
        f"CASE WHEN isnan({quoted}) THEN NULL ELSE {quoted} END AS {quoted}" if kind in ("FLOAT", "DOUBLE") else quoted
    )


def _drop(spark: Any, name: str) -> None:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    _ORDERS.pop(name, None)
    try:
        for view in (name, name + _PLACED):
            spark.catalog.dropTempView(view)
    except (PySparkException, Py4JError, OSError, AttributeError):
        return  # The session has ended, and its views with it.
