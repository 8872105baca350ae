"""What a source is and who opens it."""

from pathlib import Path
from typing import Any

from aims_gates.errors import DataError
from aims_gates.measure.databases import masked, open_database, open_duckdb
from aims_gates.measure.files import open_files
from aims_gates.measure.frames import open_frame
from aims_gates.measure.source import Source

__all__ = ["open_source"]


def open_source(source: Any, role: str) -> Source:
    """Find out what the source is and how to read it.

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
    if "#" not in source:
        raise DataError("the table is not named", where=masked(source), remedy=f"Write {scheme}://...#table.")
    return open_duckdb(source) if scheme == "duckdb" else open_database(source)
