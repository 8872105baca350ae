"""Data sets on Spark: data frames where they are, Parquet in place, all else by way of one Parquet file."""

import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aims_gates.data._duckdb.engine import allow, connection, listed, lock, quote, quote_text, scratch
from aims_gates.data._duckdb.engine import translated as duck_translated
from aims_gates.data._duckdb.frames import unique
from aims_gates.data._duckdb.table import DuckTable
from aims_gates.data._spark.session import needed, session, settled, translated
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError

__all__ = ["open_spark"]

#: Spark's simple type names -> DuckDB's.
_TYPES = {
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
#: What Parquet, DuckDB and Spark hold alike.
_ALIKE = frozenset(_TYPES.values()) - {"BLOB"}
_UNSIGNED = frozenset({"UTINYINT", "USMALLINT", "UINTEGER"})
_OTHERS = {"HUGEINT": "DECIMAL(38, 0)", "UHUGEINT": "DECIMAL(38, 0)", "UBIGINT": "DECIMAL(20, 0)"}


def open_spark(source: Any, role: str) -> Any:
    """Put a source on Spark.

    Args:
        source: A Spark data frame, an address of Parquet files that Spark knows (``s3a://...``), or what
            :func:`aims_gates.data._duckdb.sources.open_source` takes.
        role: For messages.

    Raises:
        DataError: the source is missing, damaged, or not one table.
        InputError: the extra is not installed, or there is no Java.
    """
    needed()
    if type(source).__module__.startswith("pyspark."):
        return _framed(source, f"the Spark data frame given as {role}")
    if isinstance(source, str) and "://" in source and "#" not in source:
        spark = session()
        with translated(source):
            return _framed(_read(spark, source), source)
    from aims_gates.data._duckdb.sources import open_source

    with lock:
        return _file(open_source(source, role))


def _framed(frame: Any, where: str) -> Any:
    from aims_gates.data._spark.held import SparkTable

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
    return _TYPES.get(simple, simple.upper().replace(",", ", ", 1) if simple.startswith("decimal") else simple.upper())


def _file(source: Source) -> Any:
    """Parquet files in place; what else DuckDB reads, written to one Parquet file first: one reader, one meaning."""
    from aims_gates.data._spark.held import SparkTable

    table = DuckTable(source)
    types, names = table.types, table.names
    plain = all(kind in _ALIKE | _UNSIGNED or kind.startswith("DECIMAL") for kind in types.values())
    # Java resolves a relative path against the folder in which it was started.
    files = (
        [str(Path(name).resolve()) for name in source.files]
        if source.dialect is None and plain and len({name.lower() for name in names}) == len(names)
        else []
    )
    spark, folder = session(), None
    if not files:
        folder = _Folder()
        files = [folder.write(table.name, types)]
    with settled(spark), translated(source.where):
        frame = _read(spark, *map(_literal, files))
    return SparkTable(
        frame,
        source.where,
        types,
        names,
        table.digest,
        lambda: _place(frame, files, source.where),
        (table, folder),
        table.folders,
    )


def _read(spark: Any, *files: str) -> Any:
    """Parquet files as they stand. Without the option Spark makes columns of the names of ``key=value`` folders."""
    return spark.read.option("recursiveFileLookup", "true").parquet(*files)


class _Folder:
    """A scratch folder that lives as long as its table."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="spark-", dir=scratch())
        self._end = weakref.finalize(self, shutil.rmtree, self.path, True)

    def write(self, name: str, types: Mapping[str, str]) -> str:
        """Write the rows of DuckDB's table, in their order, with types that Spark reads back the same."""
        file = f"{self.path}/data.parquet"
        shown = ", ".join(_written(name, kind) for name, kind in types.items())
        with duck_translated(name):
            connection().execute(f"COPY (SELECT {shown} FROM {name}) TO {quote_text(file)} (FORMAT parquet)")
        return file


def _written(name: str, kind: str) -> str:
    if kind in _ALIKE | _UNSIGNED or kind.startswith("DECIMAL"):
        return quote(name)
    other = "TIMESTAMP" if kind.startswith("TIMESTAMP") else _OTHERS.get(kind, "VARCHAR")
    return f"CAST({quote(name)} AS {other}) AS {quote(name)}"


def _place(frame: Any, files: Sequence[str], where: str) -> str:
    """Spark's SQL of a row's place in all the files, in their order."""
    if len(files) == 1:
        return "_metadata.row_index"
    counts = f"SELECT file_name, num_rows FROM parquet_file_metadata({listed(files)})"
    with duck_translated(where):
        allow(files)
        rows = dict(connection().execute(counts).fetchall())
    first, total = {}, 0
    for name in files:
        first[name] = total
        total += int(rows[name])
    # Spark writes file:/ or file:/// before a path, and some of its characters as %20.
    uris = [str(row[0]) for row in frame.selectExpr("_metadata.file_path").distinct().collect()]
    cases = "".join(f" WHEN {_text(uri)} THEN {first[unquote(re.sub('^file:/+', '/', uri))]}" for uri in uris)
    return f"_metadata.row_index + CASE _metadata.file_path{cases} END" if cases else "_metadata.row_index"


def _literal(path: str) -> str:
    """A path that Hadoop does not take for a pattern."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", path)


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
