"""The one DuckDB database of this process: every data set is a schema in it, with one view or table ``data``."""

import atexit
import csv
import os
import re
import shutil
import tempfile
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from aims_gates.errors import AimsGatesError, DataError, GateError

__all__ = ["MEMORY", "connection", "fresh_name", "lock", "quote", "quote_text", "scratch", "translated"]

#: DuckDB connections are not safe to share between threads without it.
lock = threading.RLock()
_NUMBERS = count(1)
#: The environment variable that says how much memory DuckDB may take before it spills, such as ``8GB``.
MEMORY = "AIMS_GATES_MEMORY"
_MEMORY = "1GiB"

#: What DuckDB says -> what to say and do. The first match counts.
_SAYINGS: Sequence[tuple[str, str, str]] = (
    (
        r"Out of Memory|max_temp_directory_size",
        "it takes more memory than it may",
        f"Let it have more with {MEMORY} (such as 8GB), or leave out columns. TMPDIR names the disk it spills to.",
    ),
    (
        r"not utf-8|[Ii]nvalid unicode|UTF-8|utf8",
        "the text is not UTF-8",
        "Save it as UTF-8, e.g. with iconv -t utf-8.",
    ),
    (
        r"Error when sniffing",
        "the file cannot be read as one table",
        "Save it as CSV text, with one delimiter on every line, or as Parquet.",
    ),
    (r"No files found|[Cc]annot open file", "there is no such file", "Check the path."),
    (
        r"magic bytes|too small to be a Parquet|[Ii]nvalid Parquet|TProtocol|footer|snappy|zstd|[Cc]orrupt",
        "the Parquet file is cut short or damaged",
        "Write it again and compare its size.",
    ),
    (
        r"GZIP|gzip|[Dd]ecompress|incorrect header check|invalid (block|stored|code|distance|literal)|incorrect data",
        "the compressed file is cut short or damaged",
        "Copy it again and compare its size.",
    ),
    (
        r"Could not set lock|[Cc]onflicting lock",
        "another process is writing to the database",
        "Close it, then try again.",
    ),
    (
        r"CSV|sniff|convert|Conversion|cast",
        "the file cannot be read as one table",
        "Check that every line has the header's number of fields and one delimiter.",
    ),
)


@cache
def scratch() -> Path:
    """A folder of this process (``TMPDIR`` says on which disk), removed at its end."""
    made = tempfile.mkdtemp(prefix="aims-gates-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """The process's database, in memory; what does not fit spills to the scratch folder."""
    found = duckdb.connect(":memory:")
    found.execute(f"SET temp_directory = {quote_text(str(scratch()))}")
    found.execute(f"SET max_temp_directory_size = '{shutil.disk_usage(scratch()).free // 2}B'")
    found.execute(f"SET memory_limit = {quote_text(os.environ.get(MEMORY) or _MEMORY)}")
    found.execute("SET enable_progress_bar = false")
    found.execute("SET TimeZone = 'UTC'")
    # A Parquet file's minimum and maximum leave NaN out. DuckDB 2.0 concludes from them that isnan(x) is never true.
    found.execute("SET disabled_optimizers = 'statistics_propagation'")
    return found


def fresh_name(prefix: str) -> str:
    """A name no other data set of this process has."""
    return f"{prefix}_{next(_NUMBERS)}"


def quote(name: str) -> str:
    """An SQL identifier, whatever the name holds (quotes, dots, emoji)."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def translated(where: str) -> Iterator[None]:
    """DuckDB's exceptions as ours: what is wrong with the data, or with the query.

    Raises:
        DataError: the data cannot be read.
        GateError: the SQL does not fit the data set; a fault of the gate, not of the data.
    """
    try:
        yield
    except AimsGatesError:
        raise
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
        remedy = "Mend the gate's query, or the column it names."
        raise GateError(f"the query does not fit: {_first(error)}", where=where, remedy=remedy) from error
    except (duckdb.Error, OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        text = str(error)
        for pattern, message, remedy in _SAYINGS:
            if re.search(pattern, text):
                raise DataError(f"{message} ({_first(error)})", where=where, remedy=remedy) from error
        raise DataError(f"cannot be read: {_first(error)}", where=where, remedy="Check the source.") from error


def _first(error: BaseException) -> str:
    """The first two lines of a message; the second often holds what the first announces."""
    lines: list[Any] = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__
