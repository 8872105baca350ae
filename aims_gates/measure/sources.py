"""What a source is, and which engine opens it."""

from pathlib import Path
from typing import Any, Literal, get_args

from aims_gates.errors import DataError, InputError
from aims_gates.measure.databases import masked, open_database, open_duckdb
from aims_gates.measure.duck import DuckTable
from aims_gates.measure.files import open_files
from aims_gates.measure.frames import open_frame
from aims_gates.measure.source import Source
from aims_gates.measure.table import Table

__all__ = ["ENGINES", "Engine", "open_source", "open_table"]

Engine = Literal["duckdb", "pandas", "polars", "spark"]
#: Schemes of files that lie elsewhere, which are no databases.
_ELSEWHERE = ("http", "https", "ftp", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "wasbs", "hdfs", "file")
ENGINES: tuple[str, ...] = get_args(Engine)


def open_table(source: Any, role: str, engine: str = "duckdb") -> Table:
    """Find out what the source is and put it on its engine. A Spark data frame is on Spark already.

    Raises:
        DataError: naming the source and the remedy.
        InputError: the engine is unknown, or its library is not installed.
    """
    if engine not in ENGINES:
        raise InputError(f"there is no engine {engine!r}", where="engine", remedy=f"Choose from: {', '.join(ENGINES)}.")
    if type(source).__module__.startswith("pyspark.") or engine == "spark":
        from aims_gates.measure.spark import open_spark

        table: Table = open_spark(source, role)
        return table
    if engine != "duckdb":
        from aims_gates.measure.readers import read_frame

        return DuckTable(read_frame(source, role, engine))
    return DuckTable(open_source(source, role))


def open_source(source: Any, role: str) -> Source:
    """The source as DuckDB reads it.

    Raises:
        DataError: naming the source and the remedy.
    """
    if isinstance(source, Path):
        return open_files(str(source))
    if not isinstance(source, str):
        return open_frame(source, role)
    if "://" not in source:
        return open_files(source)
    scheme = source.split("://", 1)[0]
    if scheme in _ELSEWHERE:
        remedy = "Copy the file here first; Parquet that Spark can reach is read by the engine spark."
        raise DataError(f"{scheme} addresses are not read", where=masked(source), remedy=remedy)
    if "#" not in source:
        raise DataError("the table is not named", where=masked(source), remedy=f"Write {scheme}://...#table.")
    return open_duckdb(source) if scheme == "duckdb" else open_database(source)
