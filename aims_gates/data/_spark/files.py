"""Files on Spark: Parquet in place, all else that DuckDB reads by way of one Parquet file."""

import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aims_gates.data._duckdb.engine import allow, connection, listed, quote, quote_text, scratch
from aims_gates.data._duckdb.engine import translated as duck_translated
from aims_gates.data._duckdb.lakes import is_hidden
from aims_gates.data._duckdb.table import DuckTable
from aims_gates.data._spark.engine import session, settled, translated
from aims_gates.data._spark.frames import TYPES
from aims_gates.data._spark.table import SparkTable
from aims_gates.data.schema.reading import PLACE
from aims_gates.data.tables.source import Source

__all__ = ["open_files", "read_files"]

#: What Parquet, DuckDB and Spark hold alike.
_ALIKE = frozenset(TYPES.values()) - {"BLOB"}
_UNSIGNED = frozenset({"UTINYINT", "USMALLINT", "UINTEGER"})
_OTHERS = {"HUGEINT": "DECIMAL(38, 0)", "UHUGEINT": "DECIMAL(38, 0)", "UBIGINT": "DECIMAL(20, 0)"}


def open_files(source: Source) -> SparkTable:
    """Parquet files in place; what else DuckDB reads, written to one Parquet file first: one reader, one meaning."""
    table = DuckTable(source)
    types, names = table.types, table.names
    plain = all(kind in _ALIKE | _UNSIGNED or kind.startswith("DECIMAL") for kind in types.values())
    # Java resolves a relative path against the folder in which it was started.
    files = (
        [str(Path(name).resolve()) for name in source.files]
        if source.dialect is None
        and not _changed(table, source)
        and plain
        and len({name.lower() for name in names}) == len(names)
        else []
    )
    spark, folder = session(), None
    if not files:
        folder = _Folder()
        files = [folder.write(table.name, types)]
    with settled(spark), translated(source.where):
        frame = read_files(spark, *map(_literal, files))
    return SparkTable(
        frame,
        source.where,
        types,
        names,
        table.digest,
        lambda: _place(frame, files, source.where),
        (table, folder),
        table.folders,
        table.readings,
        table.notes,
    )


def _changed(table: DuckTable, source: Source) -> bool:
    """Whether the values are not those that stand in the files, or Spark would leave a file out that is named."""
    return (
        source.mixed
        or any(is_hidden(Path(name).name) for name in source.files)
        or any(reading.sql != PLACE for reading in table.readings)
    )


def read_files(spark: Any, *files: str) -> Any:
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
