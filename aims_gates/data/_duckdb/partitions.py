"""Folders named ``key=value`` as columns, where a schema declares them: below the folder of the set alone."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

from aims_gates.data._duckdb.engine import parquet, quote, quote_text
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError

__all__ = ["key_columns", "partitioned"]

#: What Hive and Spark name the folder of rows without a value.
_NONE = "__HIVE_DEFAULT_PARTITION__"


def partitioned(source: Source, folder: Path, keys: Sequence[str]) -> Source:
    """Parquet files with a column of text for each key, whose values the names of the folders give.

    Raises:
        DataError: a file lies below no folder of a key, or holds a column of that name, or the files differ in types.
    """
    names = list(source.names or ())
    both = [key for key in keys if key in names]
    if both:
        message = f"{both[0]!r} is a column of the files and a folder's name; a folder overrides nothing"
        raise DataError(message, where=source.where, remedy="Take it out of partitions, or rename the folders.")
    if source.mixed:
        remedy = "Write the files with one type for each column."
        raise DataError("files below declared folders differ in their types", where=source.where, remedy=remedy)
    shown, parts = ", ".join(map(quote, names)), []
    for columns, files in groupby(source.files, key=lambda name: key_columns(name, folder, keys, source.where)):
        parts.append(f"SELECT {shown}, {columns} FROM {parquet(list(files))}")
    return replace(source, sql=" UNION ALL ".join(parts), names=[*names, *keys], mixed=True)


def key_columns(file: str, folder: Path, keys: Sequence[str], where: str) -> str:
    """The keys as columns of one file's rows, as SQL.

    Raises:
        DataError: it lies below no folder of a key.
    """
    values = _values(Path(file), folder, keys, where)
    return ", ".join(f"{value} AS {quote(key)}" for key, value in zip(keys, values, strict=True))


def _values(file: Path, folder: Path, keys: Sequence[str], where: str) -> list[str]:
    """The values of the keys as SQL, in the order of the keys."""
    pairs = dict(part.split("=", 1) for part in file.relative_to(folder).parts[:-1] if "=" in part)
    missing = [key for key in keys if key not in pairs]
    if missing:
        message = f"{file.relative_to(folder)} lies below no folder named {missing[0]}=..."
        raise DataError(message, where=where, remedy="Move it, or take the key out of partitions.")
    return ["CAST(NULL AS VARCHAR)" if pairs[key] == _NONE else quote_text(unquote(pairs[key])) for key in keys]
