"""The one DuckDB database of this process: every data set is a schema in it, with one view ``data``.

It opens no file but the living data sets' own, and loads no extension. DuckDB fixes what a database may open when it
starts, so a data set elsewhere starts another database, in which those that live are put together again.
"""

import atexit
import csv
import os
import re
import shutil
import tempfile
import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from glob import escape
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from aims_gates.errors import AimsGatesError, DataError, GateError

__all__ = [
    "AS_THEY_STAND",
    "MEMORY",
    "THREADS",
    "Placed",
    "allow",
    "connection",
    "forget",
    "fresh_name",
    "leave",
    "listed",
    "lock",
    "parquet",
    "place",
    "quote",
    "quote_text",
    "reading",
    "scratch",
    "there",
    "translated",
]

#: DuckDB connections are not safe to share between threads without it.
lock = threading.RLock()
_NUMBERS = count(1)
#: The environment variable that says how much memory DuckDB may take before it spills, such as ``8GB``.
MEMORY = "AIMS_GATES_MEMORY"
_MEMORY = "1GiB"
#: The environment variable that says on how many threads DuckDB may compute.
THREADS = "AIMS_GATES_THREADS"

#: Files are read as they stand: no column from a folder's or a file's name, and columns by their place.
AS_THEY_STAND = "hive_partitioning = false, filename = false, union_by_name = false"

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
    (
        r"disabled by configuration|disabled through configuration",
        "a file of the set is gone, or a query names what is no part of an open set",
        "Open the set again; queries name open sets alone.",
    ),
    (r"Malformed JSON", "a line is no JSON", "Write one object a line, and the last line whole."),
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
    folder = tempfile.mkdtemp(prefix="aims-gates-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _connect(readable: Iterable[str]) -> duckdb.DuckDBPyConnection:
    """A database in memory with all its settings, which nobody can change afterwards.

    It opens ``readable`` and the scratch folder, to which what does not fit into memory spills.
    """
    start = {"autoload_known_extensions": "false", "autoinstall_known_extensions": "false"}
    database = duckdb.connect(":memory:", config={**start, "allow_community_extensions": "false"})
    database.execute(f"SET temp_directory = {quote_text(str(scratch()))}")
    database.execute(f"SET max_temp_directory_size = '{shutil.disk_usage(scratch()).free // 2}B'")
    database.execute(f"SET memory_limit = {quote_text(os.environ.get(MEMORY) or _MEMORY)}")
    if os.environ.get(THREADS):
        database.execute(f"SET threads = {quote_text(os.environ[THREADS])}")
    database.execute("SET enable_progress_bar = false")
    database.execute("SET TimeZone = 'UTC'")
    # A Parquet file's minimum and maximum leave NaN out. DuckDB 2.0 concludes from them that isnan(x) is never true.
    database.execute("SET disabled_optimizers = 'statistics_propagation'")
    # Else a query may name any data frame that a caller's variable holds.
    database.execute("SET python_enable_replacements = false")
    database.execute("SET allow_persistent_secrets = false")
    database.execute(f"SET allowed_directories = [{quote_text(str(scratch()))}]")
    database.execute(f"SET allowed_paths = [{', '.join(map(quote_text, sorted(readable)))}]")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


@dataclass
class Placed:
    """What a data set needs in the database.

    Attributes:
        schema: Its schema.
        reads: The files that DuckDB opens for it.
        frames: Arrow tables by the names that :attr:`select` knows them by.
        attach: Alias and path of a DuckDB file.
        select: The query behind its view ``data``; empty until it is known.
    """

    schema: str
    reads: Sequence[str] = ()
    frames: Mapping[str, Any] = field(default_factory=dict)
    attach: tuple[str, str] | None = None
    select: str = ""


class _State:
    """The database in use, what it may open, and the data sets that live in it."""

    def __init__(self) -> None:
        self.database: duckdb.DuckDBPyConnection | None = None
        self.readable: frozenset[str] = frozenset()
        self.sets: dict[str, Placed] = {}
        self.there: set[str] = set()

    def start(self, readable: Iterable[str]) -> duckdb.DuckDBPyConnection:
        """Start a database that may open these files and those of the living sets.

        A living set whose file is gone meanwhile is left out: it is an error when that set is asked, not before.
        """
        needed = {path for placed in self.sets.values() for path in placed.reads}
        self.readable = frozenset(readable) | _spelled(needed)
        self.database = _connect(self.readable)
        self.there = set()
        for item in self.sets.values():
            with suppress(duckdb.Error):
                self.put(item)
        return self.database

    def put(self, placed: Placed) -> None:
        database = connection()
        if placed.attach is not None:
            alias, path = placed.attach
            database.execute(f"ATTACH IF NOT EXISTS {quote_text(path)} AS {alias} (READ_ONLY)")
        for name, table in placed.frames.items():
            database.register(name, table)
        if placed.select:
            database.execute(f"CREATE SCHEMA IF NOT EXISTS memory.{placed.schema}")
            database.execute(f"CREATE OR REPLACE VIEW memory.{placed.schema}.data AS {placed.select}")
            self.there.add(placed.schema)


_STATE = _State()
#: The schemas of data sets that are gone.
_GONE: deque[str] = deque()


def connection() -> duckdb.DuckDBPyConnection:
    """The process's database as it is now. Whoever uses it holds :data:`lock`."""
    return _STATE.database or _STATE.start(())


def _spelled(paths: Iterable[str]) -> frozenset[str]:
    """The paths as DuckDB compares them: absolute, as a pattern that means just this file too, and a database's log."""
    known = [str(Path(path).absolute()) for path in paths]
    return frozenset(known) | {escape(path) for path in known} | {f"{path}.wal" for path in known}


def allow(paths: Iterable[str]) -> None:
    """Let the database open these files too; no query may run."""
    _tidy()
    spelled = _spelled(paths)
    if _STATE.database is None or not spelled <= _STATE.readable:
        _STATE.start(spelled)


def place(placed: Placed) -> None:
    """Put a data set into the database, and into each that comes after it, until it is forgotten.

    Raises:
        duckdb.Error: its files cannot be read.
    """
    allow(placed.reads)
    _STATE.sets[placed.schema] = placed
    _STATE.put(placed)


def there(schema: str) -> None:
    """See that a living set is in the database.

    Raises:
        duckdb.Error: its files cannot be read any more.
    """
    _tidy()
    if schema not in _STATE.there:
        place(_STATE.sets[schema])


def leave(schema: str) -> None:
    """Note that a data set is gone. Garbage is collected amid queries too, so it is forgotten later."""
    _GONE.append(schema)


def _tidy() -> None:
    while _GONE:
        forget(_GONE.popleft())


def forget(schema: str) -> None:
    """Take a data set out of the database; no query may run."""
    placed = _STATE.sets.pop(schema, None)
    _STATE.there.discard(schema)
    if placed is None or _STATE.database is None:
        return
    database = _STATE.database
    database.execute(f"DROP SCHEMA IF EXISTS memory.{schema} CASCADE")
    for name in placed.frames:
        database.unregister(name)
    if placed.attach is not None:
        database.execute(f"DETACH DATABASE IF EXISTS {placed.attach[0]}")


def reading(sql: str) -> str:
    """The query, if it is one and only reads: a statement beside it could write over a data set.

    Raises:
        GateError: it is more than one statement, or no ``SELECT``.
    """
    statements = connection().extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise GateError("a query is one SELECT", where=sql[:100], remedy="Ask for rows, and for nothing else.")
    return sql


def fresh_name(prefix: str) -> str:
    """A name no other data set of this process has."""
    return f"{prefix}_{next(_NUMBERS)}"


def quote(name: str) -> str:
    """An SQL identifier, whatever the name holds (quotes, dots, emoji)."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def listed(names: Sequence[str]) -> str:
    """An SQL list of files, none of which is taken for a pattern."""
    return f"[{', '.join(quote_text(escape(name)) for name in names)}]"


def parquet(names: Sequence[str]) -> str:
    """The SQL that reads Parquet files as they stand."""
    return f"read_parquet({listed(names)}, {AS_THEY_STAND})"


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
        remedy = "Fix the gate's query, or the column it names."
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
