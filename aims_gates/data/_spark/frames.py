"""Data frames of Spark as tables, where they are."""

from typing import Any

from aims_gates.data._duckdb.frames import unique
from aims_gates.data._spark.engine import translated
from aims_gates.data._spark.table import SparkTable
from aims_gates.errors import DataError

__all__ = ["TYPES", "open_frame"]

#: Spark's simple type names -> DuckDB's.
TYPES = {
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "string": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
    "binary": "BLOB",
}


def open_frame(frame: Any, where: str) -> SparkTable:
    """A Spark data frame as a table.

    Raises:
        DataError: it is no data frame of ``pyspark.sql``, or has no columns.
    """
    if not hasattr(frame, "schema"):
        remedy = "Give a data frame of pyspark.sql; of pyspark.pandas, call to_spark() first."
        raise DataError(f"cannot be read as a table: {type(frame).__name__}", where=where, remedy=remedy)
    with translated(where):
        fields = [(str(field.name), _kind(field.dataType.simpleString())) for field in frame.schema.fields]
    if not fields:
        raise DataError("it has no columns", where=where, remedy="Give a table with columns and rows.")
    names = [name for name, _ in fields]
    shown = unique(names)
    types = dict(zip(shown, (kind for _, kind in fields), strict=True))
    return SparkTable(frame.toDF(*shown), where, types, names)


def _kind(simple: str) -> str:
    return TYPES.get(simple, simple.upper().replace(",", ", ", 1) if simple.startswith("decimal") else simple.upper())
