"""CSV, JSON lines and Parquet: a file, a folder, a glob."""

import codecs
import csv
import glob
import gzip
import io
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, cast

from aims_gates.data._duckdb.ceilings import check_columns, check_gzip, check_parquet
from aims_gates.data._duckdb.engine import (
    AS_THEY_STAND,
    allow,
    connection,
    listed,
    parquet,
    quote_text,
    translated,
)
from aims_gates.data._duckdb.json_lines import SUFFIXES, open_json_lines
from aims_gates.data.tables.source import Dialect, Source
from aims_gates.documents.canonical import digest, digest_file
from aims_gates.errors import DataError, MissingDataError

__all__ = ["open_files"]

#: No BOOLEAN: DuckDB would read F, T, yes and no as truth values, and a sex is none.
_TYPES = "['NULL', 'BIGINT', 'DOUBLE', 'DATE', 'TIMESTAMP', 'VARCHAR']"
_SHAPE = "header = true, skip = 0, comment = ''"
_DIALECT = f"{_SHAPE}, sample_size = 204800"
_CSV = f"{_SHAPE}, sample_size = -1, auto_type_candidates = {_TYPES}, {AS_THEY_STAND}"
_PARQUET = (".parquet", ".pq")
#: Bytes in which a CSV file's first line must end: DuckDB's own limit for a line.
_BEGINNING = 2_000_000


def open_files(text: str) -> Source:
    path = Path(text)
    if path.is_dir():
        return _folder(path, text)
    paths = [path] if path.exists() else _matching(text)
    heads = {_head(file) for file in paths}
    if len(heads) > 1:
        raise DataError("the pattern mixes kinds of files", where=text, remedy="Name files of one kind.")
    names = [str(file) for file in paths]
    base = Path(text) if names == [text] else Path(glob.escape(text)).parent
    if heads == {"lines"}:
        return open_json_lines(names, text, _digest(names, base))
    return _parquet(names, text, base) if heads == {"parquet"} else _csv(names, text, base, heads == {"gzip"})


def _folder(path: Path, text: str) -> Source:
    paths = sorted(file for file in path.rglob("*") if file.suffix in _PARQUET)
    if not paths:
        remedy = "Name a folder of Parquet files."
        raise MissingDataError("the folder holds no .parquet file", where=text, remedy=remedy)
    return _parquet([str(file) for file in paths], text, path)


def _matching(pattern: str) -> list[Path]:
    """The files that match a pattern, at least one."""
    paths = sorted(Path(name) for name in glob.iglob(pattern, recursive=True) if Path(name).is_file())  # noqa: PTH207
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
    """Of one file its bytes; of several a manifest of names, sizes and digests."""
    if len(names) == 1 and Path(names[0]) == base:
        return lambda: digest_file(base)

    def manifest() -> str:
        files = [Path(name) for name in names]
        label = [file.relative_to(base).as_posix() if file.is_relative_to(base) else file.name for file in files]
        return digest(sorted([n, f.stat().st_size, digest_file(f)] for n, f in zip(label, files, strict=True)))

    return manifest


def _parquet(names: Sequence[str], where: str, base: Path) -> Source:
    packed = sum(Path(name).stat().st_size for name in names)
    with translated(where):
        allow(names)
    check_parquet(listed(names), packed, where)
    leaves = "WHERE num_children IS NULL OR num_children = 0"
    schema = f"SELECT file_name, name FROM parquet_schema({listed(names)}) {leaves}"
    by: dict[str, list[str]] = {name: [] for name in names}
    with translated(where):
        for file, column in connection().execute(schema).fetchall():
            by.setdefault(str(file), []).append(str(column))
    columns = by[names[0]]
    check_columns(len(columns), where)
    for file, dialects in by.items():
        missing = [name for name in columns if name not in dialects]
        if missing:
            message = f"the files do not hold the same columns: {missing[0]!r} is not in {Path(file).name}"
            raise DataError(message, where=where, remedy="Write them with the same columns and types.")
    sql = f"SELECT * FROM {parquet(names)}"
    return Source(sql, where, columns, digest=_digest(names, base), files=names, reads=names)


def _csv(names: Sequence[str], where: str, base: Path, packed: bool) -> Source:
    compression = ", compression = 'gzip'" if packed else ""
    if packed:
        check_gzip(names, where)
    with translated(where):
        first = _beginning(names[0], packed, where)
    check_columns(max(map(first.split(b"\n", 1)[0].count, (b",", b";", b"\t", b"|"))) + 1, where)
    sniff = (
        f"SELECT Delimiter, Quote, Escape FROM sniff_csv({quote_text(glob.escape(names[0]))}, {_DIALECT}{compression})"
    )
    with translated(where):
        allow(names)
        delimiter, quoting, escape = connection().execute(sniff).fetchall()[0]
        header = _header(first, delimiter, quoting)
    if len(header) == 1 and any(mark in header[0] for mark in ",;\t|^~"):
        message = f"it reads as one column named {header[0]!r}: the delimiter is wrong, or lines differ in length"
        raise DataError(message, where=where, remedy="Use one delimiter (comma, semicolon, tab or |) on every line.")
    none = ("(empty)", "\x00")
    options = {"quote": "" if quoting in none else quoting, "escape": "" if escape in none else escape}
    result = Dialect(delimiter, options["quote"], options["escape"], packed)
    dialect = "".join(f", {key} = {quote_text(value)}" for key, value in {"delim": delimiter, **options}.items())
    sql = f"SELECT * FROM read_csv({listed(names)}, {_CSV}{dialect}{compression})"
    return Source(sql, where, header, kept=True, digest=_digest(names, base), files=names, dialect=result, reads=names)


def _beginning(name: str, packed: bool, where: str) -> bytes:
    """The first bytes of a file, with its first line whole."""
    with Path(name).open("rb") as raw, gzip.open(raw) if packed else nullcontext(raw) as data:
        read = cast("IO[bytes]", data).read(_BEGINNING)
    if len(read) == _BEGINNING and b"\n" not in read and b"\r" not in read:
        message = f"the first line is longer than {_BEGINNING} bytes"
        raise DataError(message, where=where, remedy="Save it as CSV text, one row a line, or as Parquet.")
    return read


def _header(beginning: bytes, delimiter: str, quoting: str) -> list[str]:
    """The first record: the names as they stand in the file, where DuckDB would already have renamed doubles."""
    mark = quoting if len(quoting) == 1 and quoting != "\x00" else None
    text = codecs.getincrementaldecoder("utf-8-sig")().decode(beginning, final=len(beginning) < _BEGINNING)
    lines = io.StringIO(text, newline="")
    if mark is None:
        return next(csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE), [])
    return next(csv.reader(lines, delimiter=delimiter, quotechar=mark), [])
