"""Ceilings on what a file holds: a megabyte of gzip or Parquet may hold terabytes.

Honest data are far below them: CSV shrinks to a tenth in gzip, and 100 million rows of 200 columns are 2e10 values.
"""

import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

from aims_gates.data._duckdb.engine import connection, translated
from aims_gates.errors import DataError, InputError

__all__ = [
    "COLUMNS",
    "UNPACKED",
    "VALUES",
    "check_columns",
    "check_gzip",
    "check_parquet",
    "check_text",
    "most_unpacked",
]

#: The environment variable that says how large a file may be once it is unpacked, such as ``200GB``.
UNPACKED = "AIMS_GATES_UNPACKED"
#: The same for the number of values of a Parquet set (rows times columns).
VALUES = "AIMS_GATES_VALUES"
#: Columns of a table; DuckDB needs 100 KB for each while it reads text.
COLUMNS = 10_000
_RATIO, _FLOOR, _FRAME = 100, 1024**3, 4 * 1024**3
_VALUES = 20_000_000_000
_UNITS = ("", "K", "M", "G", "T")
_SIZE = re.compile(r"([0-9]{1,15})\s*([KMGT]?)(i?)B?", re.IGNORECASE)
_PIECE, _UNPACKED_PIECE = 64 * 1024, 1024 * 1024


def most_unpacked(packed: int, floor: int = _FLOOR) -> int:
    """Bytes that a file of ``packed`` bytes may unpack to: 100 times as many, at least 1 GiB; or the variable's.

    Raises:
        InputError: the variable names no size.
    """
    text = os.environ.get(UNPACKED)
    if not text:
        return max(floor, _RATIO * packed)
    size = _SIZE.fullmatch(text.strip())
    if size is None:
        raise InputError(
            f"{text!r} is no size", where=UNPACKED, remedy="Write a number of bytes, or 500MB, 200GB, 2TB."
        )
    unit: int = (1024 if size[3] else 1000) ** _UNITS.index(size[2].upper())
    return int(size[1]) * unit


def _too_large(what: str, most: str, where: str, setting: str) -> DataError:
    remedy = f"If the data are honest, set {setting} higher; else do not open the file."
    return DataError(f"{what}; {most} are allowed", where=where, remedy=remedy)


def check_gzip(names: Sequence[str], where: str) -> None:
    """Unpack files piece by piece, keeping nothing: none is over the ceiling, damaged or cut short.

    DuckDB reads what is there of a file that was cut short, and says nothing.

    Raises:
        DataError: one is.
    """
    packed = sum(Path(name).stat().st_size for name in names)
    most, size = most_unpacked(packed), 0
    with translated(where):
        for name in names:
            size = _unpacked(name, size, most)
            if size > most:
                raise _too_large(f"{packed} bytes unpack to more than {most}", f"{most} bytes", where, UNPACKED)


def _unpacked(name: str, size: int, most: int) -> int:
    """The size so far and that of one file, or of as much of it as shows that it is too large."""
    stream, data = zlib.decompressobj(zlib.MAX_WBITS | 16), b""
    with Path(name).open("rb") as file:
        while size <= most:
            data = data or file.read(_PIECE)
            if data and stream.eof:  # another file is joined to this one
                stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
            piece = b"" if stream.eof else stream.decompress(data, _UNPACKED_PIECE)
            if not data and not piece:
                break
            data, size = stream.unconsumed_tail or stream.unused_data, size + len(piece)
    if size <= most and not stream.eof:
        raise EOFError("the gzip stream ends early")
    return size


def check_columns(count: int, where: str) -> None:
    """Hold a table's width against its ceiling.

    Raises:
        DataError: it is too wide.
    """
    if count > COLUMNS:
        remedy = "Leave out the columns that no gate looks at, or keep the data in rows."
        raise DataError(f"the table has {count} columns; {COLUMNS} are allowed", where=where, remedy=remedy)


def check_parquet(listed: str, packed: int, where: str) -> None:
    """Hold what the files' footers promise against the ceilings: bytes unpacked, and values.

    Args:
        listed: The files as an SQL list.
        packed: Their size in bytes.
        where: For messages.

    Raises:
        DataError: they hold more than they may.
        InputError: a variable names no number.
    """
    sums = "coalesce(sum(total_uncompressed_size), 0), coalesce(sum(num_values), 0)"
    sizes = f"SELECT {sums} FROM parquet_metadata({listed})"
    rows = f"SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata({listed})"
    with translated(where):
        (unpacked, values), (length,) = (connection().execute(sql).fetchall()[0] for sql in (sizes, rows))
    most, text = most_unpacked(packed), os.environ.get(VALUES) or str(_VALUES)
    if not (text.isascii() and text.isdigit()):
        raise InputError(f"{text!r} is no number", where=VALUES, remedy="Write a whole number.")
    if unpacked > most:
        raise _too_large(f"{packed} bytes unpack to {unpacked}", f"{most} bytes", where, UNPACKED)
    if max(values, length) > int(text):
        raise _too_large(f"the files hold {max(values, length)} values", f"{text} values", where, VALUES)


def check_text(sizes: Sequence[str], packed: int, where: str) -> None:
    """See that text fits into memory once each row has its own: a dictionary holds a word once.

    Args:
        sizes: SQL for the bytes of a value, one for each column of the table ``data``.
        packed: The size of the files in bytes.
        where: For messages.

    Raises:
        DataError: it is more than may be.
    """
    if not sizes:
        return
    total = connection().execute(f"SELECT sum({' + '.join(sizes)}) FROM data").fetchall()[0][0] or 0
    most = most_unpacked(packed, _FRAME)
    if total > most:
        raise _too_large(f"the text of all rows takes {total} bytes of memory", f"{most} bytes", where, UNPACKED)
