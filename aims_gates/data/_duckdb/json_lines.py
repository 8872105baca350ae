"""JSON lines: one object a line, as services log."""

from collections.abc import Callable, Mapping, Sequence

from aims_gates.data._duckdb.ceilings import check_columns
from aims_gates.data._duckdb.engine import allow, connection, listed, quote, quote_text, translated
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError

__all__ = ["SUFFIXES", "open_json_lines"]

SUFFIXES = (".jsonl", ".ndjson")
_READ = "format = 'newline_delimited', hive_partitioning = false"
#: Of whole numbers beyond 64 bits.
_EXACT = "DECIMAL(38,0)"
#: What stays itself; dates and what is nested stay the text that they are in the file.
_PLAIN = ("BIGINT", "DOUBLE", "BOOLEAN", _EXACT)


def _large(names: Sequence[str], types: Mapping[str, str]) -> list[str]:
    """The columns of whole numbers alone of which some need more than 64 bits: DuckDB would round them."""
    numbers = [name for name, kind in types.items() if kind in ("DOUBLE", "HUGEINT", "UBIGINT")]
    if not numbers:
        return []
    columns = ", ".join(f"{quote_text(name)}: 'VARCHAR'" for name in numbers)
    whole = [f"coalesce(bool_and(regexp_full_match({quote(name)}, '-?[0-9]{{1,38}}')), false)" for name in numbers]
    sql = f"SELECT {', '.join(whole)} FROM read_json({listed(names)}, {_READ}, columns = {{{columns}}})"
    row = connection().execute(sql).fetchall()[0]
    return [name for name, exact in zip(numbers, row, strict=True) if exact]


def open_json_lines(names: Sequence[str], where: str, digest: Callable[[], str]) -> Source:
    """The lines of these files as one table; a key that a line lacks is a missing value.

    Raises:
        DataError: a line is no JSON object.
    """
    with translated(where):
        allow(names)
        sniff = f"DESCRIBE SELECT * FROM read_json({listed(names)}, {_READ}, sample_size = -1)"
        types = {str(name): str(kind) for name, kind, *_ in connection().execute(sniff).fetchall()}
    if list(types) == ["json"]:
        remedy = 'Write one object a line: {"time": "...", ...}'
        raise DataError("a line is no JSON object with keys", where=where, remedy=remedy)
    check_columns(len(types), where)
    with translated(where):
        types |= dict.fromkeys(_large(names, types), _EXACT)
    columns = ", ".join(
        f"{quote_text(name)}: {quote_text(kind if kind in _PLAIN else 'VARCHAR')}" for name, kind in types.items()
    )
    sql = f"SELECT * FROM read_json({listed(names)}, {_READ}, columns = {{{columns}}})"
    return Source(sql, where, list(types), kept=True, digest=digest, reads=names)
