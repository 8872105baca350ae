"""CSV, JSON lines and Parquet: a file, a folder, a glob."""

import glob
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aims_gates.data._duckdb.engine import translated
from aims_gates.data._duckdb.json_lines import SUFFIXES, open_json_lines
from aims_gates.data._duckdb.lakes import is_hidden, open_delta, refuse_part_of_lake
from aims_gates.data._duckdb.partitions import partitioned
from aims_gates.data._duckdb.parts import open_parquet
from aims_gates.data._duckdb.text_files import open_text
from aims_gates.data.schema.declared import Declared
from aims_gates.data.tables.source import Source
from aims_gates.documents.canonical import digest, digest_file
from aims_gates.errors import DataError, MissingDataError

__all__ = ["folder_manifest", "open_files"]

_PARQUET = (".parquet", ".pq")
#: Files that hold rows too, and are named where they lie beside the Parquet files of a folder.
_OTHERS = (".csv", ".tsv", ".gz", ".orc", ".avro", ".feather", ".arrow", ".xlsx", *SUFFIXES)


def open_files(text: str, schema: Declared | None = None) -> Source:
    """The files as one source.

    Raises:
        DataError: they are missing, damaged, or not one table.
    """
    path = Path(text)
    partitions = () if schema is None else schema.partitions
    if path.is_dir():
        return replace(_folder(path, text, partitions), schema=schema)
    if partitions:
        remedy = "Name the folder below which they lie."
        raise DataError(
            f"folders named {partitions[0]}=... are declared, and this is no folder", where=text, remedy=remedy
        )
    paths = [path] if path.exists() else _matching(text)
    refuse_part_of_lake(paths, paths[0].parent)
    heads = {_head(file) for file in paths}
    if len(heads) > 1:
        raise DataError("the pattern mixes kinds of files", where=text, remedy="Name files of one kind.")
    names = [str(file) for file in paths]
    base = Path(text) if names == [text] else Path(glob.escape(text)).parent
    if heads == {"lines"}:
        return replace(open_json_lines(names, text, _digest(names, base)), schema=schema)
    if heads == {"parquet"}:
        return replace(open_parquet(names, text, _digest(names, base)), schema=schema)
    return open_text(names, text, heads == {"gzip"}, _digest(names, base), schema)


def _folder(path: Path, text: str, partitions: Sequence[str]) -> Source:
    delta = None if partitions else open_delta(path, text)
    if delta is not None:
        return delta
    files = _visible(path)
    paths = [file for file in files if file.suffix in _PARQUET]
    refuse_part_of_lake(paths, path)
    if not paths:
        remedy = "Name a folder of Parquet files."
        raise MissingDataError("the folder holds no .parquet file", where=text, remedy=remedy)
    names = [str(file) for file in paths]
    others = [file.relative_to(path).as_posix() for file in files if file.suffix in _OTHERS]
    notes = [f"beside the Parquet files and not read: {', '.join(others[:5])}"] if others else []
    opened = open_parquet(names, text, _digest(names, path))
    if partitions:
        opened = partitioned(opened, path, partitions)
    return replace(opened, notes=[*opened.notes, *notes])


def _visible(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and not _is_left_out(file.relative_to(folder))]


def folder_manifest(folder: Path) -> list[list[Any]]:
    """The sorted manifest of a folder set: ``[POSIX path, size in bytes, sha256:...]`` for each Parquet file.

    The digest of the set is :func:`aims_gates.documents.canonical.digest` of it.

    Raises:
        OSError: a file cannot be read.
    """
    return _manifest([file for file in _visible(folder) if file.suffix in _PARQUET], folder)


def _is_left_out(path: Path, spelled: Collection[str] = ()) -> bool:
    """Whether a file is one that Spark leaves out, or lies in a folder that it does; but for names spelled out."""
    return any(is_hidden(part) and part not in spelled for part in path.parts)


def _matching(pattern: str) -> list[Path]:
    """The files that match a pattern, at least one; what Spark leaves out only where the pattern spells its name."""
    spelled = {part for part in Path(pattern).parts if not glob.has_magic(part)}
    names = [Path(name) for name in glob.iglob(pattern, recursive=True)]  # noqa: PTH207
    paths = sorted(path for path in names if path.is_file() and not _is_left_out(path, {*spelled, ".."}))
    if not paths:
        what = "no file matches the pattern" if glob.has_magic(pattern) else "there is no such file"
        raise MissingDataError(what, where=pattern, remedy=f"Check the path; the working directory is {Path.cwd()}.")
    return paths


def _head(file: Path) -> str:
    """What kind of file it is, by its first bytes; the name may lie."""
    with translated(str(file)), file.open("rb") as stream:
        first = stream.read(4)
    if not first:
        raise DataError("the file is empty", where=str(file), remedy="Write the data again.")
    if first == b"PAR1":
        return "parquet"
    if first[:2] == b"PK":
        remedy = "Export it as CSV or Parquet."
        raise DataError("this is a zip archive or an Excel workbook", where=str(file), remedy=remedy)
    if file.suffix in _PARQUET:
        raise DataError("this is no Parquet file", where=str(file), remedy="Write it again, or fix the file's name.")
    if file.suffix in SUFFIXES:
        return "lines"
    return "gzip" if first[:2] == b"\x1f\x8b" else "csv"


def _digest(names: Sequence[str], base: Path) -> Callable[[], str]:
    """Of one file its bytes; of several a manifest of names, sizes and digests. It is called before they are read.

    What it gives raises a DataError where a file is no longer what it was when this was called: the digest would be of
    other bytes than those that are measured.
    """
    files = [Path(name) for name in names]
    before = [_stamp(file) for file in files]

    def unchanged() -> str:
        value = digest_file(base) if files == [base] else digest(_manifest(files, base))
        if [_stamp(file) for file in files] != before:
            remedy = "Run it again when nothing writes there any more."
            raise DataError(
                "it changed after it was opened, so its digest is of other bytes", where=str(base), remedy=remedy
            )
        return value

    return unchanged


def _manifest(files: Sequence[Path], base: Path) -> list[list[Any]]:
    label = [file.relative_to(base).as_posix() if file.is_relative_to(base) else file.name for file in files]
    return sorted([n, f.stat().st_size, digest_file(f)] for n, f in zip(label, files, strict=True))


def _stamp(file: Path) -> tuple[int, ...]:
    """What tells that somebody has written to a file, without reading it; empty where it is gone."""
    try:
        stat = file.stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
