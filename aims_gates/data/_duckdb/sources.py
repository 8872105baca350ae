"""What a source is, and which engine opens it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from aims_gates.data._duckdb.databases import masked, open_database, open_duckdb
from aims_gates.data._duckdb.files import open_files
from aims_gates.data._duckdb.frames import open_frame
from aims_gates.data.schema.declared import Declared
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError

__all__ = ["open_source"]

#: Schemes of files that lie elsewhere, which are no databases.
_ELSEWHERE = ("http", "https", "ftp", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "wasbs", "hdfs", "file")


def open_source(source: Any, role: str, schema: Declared | None = None) -> Source:
    """The source as DuckDB reads it.

    Raises:
        DataError: naming the source and the remedy.
    """
    if isinstance(source, Path):
        return open_files(str(source), schema)
    if not isinstance(source, str):
        return replace(open_frame(source, role), schema=schema)
    if "://" not in source:
        return open_files(source, schema)
    scheme = source.split("://", 1)[0]
    if scheme in _ELSEWHERE:
        remedy = "Copy the file here first; Parquet that Spark can reach is read by the engine spark."
        raise DataError(f"{scheme} addresses are not read", where=masked(source), remedy=remedy)
    if "#" not in source:
        raise DataError("the table is not named", where=masked(source), remedy=f"Write {scheme}://...#table.")
    return replace(open_duckdb(source) if scheme == "duckdb" else open_database(source), schema=schema)
