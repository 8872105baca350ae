"""Parquet files as one table: their columns by name, each widened to a type that holds what every file has."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aims_gates.data._duckdb.ceilings import check_columns, check_parquet
from aims_gates.data._duckdb.engine import AS_THEY_STAND, allow, connection, listed, parquet, quote, translated
from aims_gates.data._duckdb.frames import is_index
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError

__all__ = ["open_parquet"]

_LEAVES = "num_children IS NULL OR num_children = 0"
_SHAPE = "name, type, converted_type, CAST(logical_type AS VARCHAR), precision, scale"
_WHOLE = {
    "TINYINT": (-7, 7),
    "SMALLINT": (-15, 15),
    "INTEGER": (-31, 31),
    "BIGINT": (-63, 63),
    "HUGEINT": (-127, 127),
    "UTINYINT": (0, 8),
    "USMALLINT": (0, 16),
    "UINTEGER": (0, 32),
    "UBIGINT": (0, 64),
}
_FLOATS = ("FLOAT", "DOUBLE")
_TIMES = ("DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS")
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10}


def open_parquet(names: Sequence[str], where: str, digest: Callable[[], str]) -> Source:
    """Parquet files as one table, in their order.

    Raises:
        DataError: one is damaged or too large, a column is not in all of them, or has types that do not go together;
            naming the files.
    """
    packed = sum(Path(name).stat().st_size for name in names)
    with translated(where):
        allow(names)
    check_parquet(listed(names), packed, where)
    by = _shapes(names, where)
    columns = [str(column[0]) for column in by[names[0]]]
    check_columns(len(columns), where)
    groups: dict[tuple[tuple[Any, ...], ...], list[str]] = {}
    for name in names:
        groups.setdefault(tuple(by[name]), []).append(name)
    _check_same(by, columns, where)
    if len(groups) == 1:
        return _alike(names, columns, where, digest)
    types = _types([files[0] for files in groups.values()], where)
    target = _widened(types, where)
    mixed = f"read_parquet({listed(names)}, {AS_THEY_STAND.replace('union_by_name = false', 'union_by_name = true')})"
    shown = ", ".join(f"CAST({quote(name)} AS {kind}) AS {quote(name)}" for name, kind in target.items())
    return Source(
        f"SELECT {shown} FROM {mixed}",
        where,
        list(target),
        digest=digest,
        files=names,
        reads=names,
        mixed=True,
        notes=_notes(types, target),
    )


def _alike(names: Sequence[str], columns: Sequence[str], where: str, digest: Callable[[], str]) -> Source:
    """Files of one shape, as they stand."""
    indexes = [name for name in columns if is_index(name)]
    shown = f"* EXCLUDE ({', '.join(map(quote, indexes))})" if indexes else "*"
    data = [name for name in columns if not is_index(name)]
    notes = ["an index that was written with the rows is no data"] if indexes else []
    sql = f"SELECT {shown} FROM {parquet(names)}"
    return Source(sql, where, data, digest=digest, files=names, reads=names, notes=notes)


def _shapes(names: Sequence[str], where: str) -> dict[str, list[tuple[Any, ...]]]:
    """The columns of each file, as its footer has them."""
    by: dict[str, list[tuple[Any, ...]]] = {name: [] for name in names}
    with translated(where):
        sql = f"SELECT file_name, {_SHAPE} FROM parquet_schema({listed(names)}) WHERE {_LEAVES}"
        for file, *column in connection().execute(sql).fetchall():
            by.setdefault(str(file), []).append(tuple(column))
    return by


def _check_same(by: Mapping[str, Sequence[tuple[Any, ...]]], columns: Sequence[str], where: str) -> None:
    problems = []
    for file, shape in by.items():
        own = [str(column[0]) for column in shape]
        lacks = ", ".join(repr(name) for name in columns if name not in own)
        has = ", ".join(repr(name) for name in own if name not in columns)
        problems += [f"{lacks} is not in {Path(file).name}"] if lacks else []
        problems += [f"{has} is in {Path(file).name} alone"] if has else []
    if problems:
        message = f"the files do not hold the same columns: {'; '.join(problems[:10])}"
        raise DataError(message, where=where, remedy="Write them with the same columns and types.")


def _types(files: Sequence[str], where: str) -> dict[str, dict[str, str]]:
    """Column -> type -> a file that has it so."""
    types: dict[str, dict[str, str]] = {}
    with translated(where):
        for file in files:
            for name, kind, *_ in connection().execute(f"DESCRIBE SELECT * FROM {parquet([file])}").fetchall():
                types.setdefault(str(name), {}).setdefault(str(kind), file)
    return types


def _widened(types: Mapping[str, Mapping[str, str]], where: str) -> dict[str, str]:
    """The type of each column that holds the values of all files."""
    target, problems = {}, []
    for name, kinds in types.items():
        if is_index(name):
            continue
        wide = _wide([kind for kind in kinds if kind not in ('"NULL"', "NULL")] or ["VARCHAR"])
        if wide is None:
            in_files = ", ".join(f"{kind} in {Path(file).name}" for kind, file in kinds.items())
            problems.append(f"{name!r} is {in_files}")
        else:
            target[name] = wide
    if problems:
        message = f"the files hold a column in types that do not go together: {'; '.join(problems)}"
        raise DataError(message, where=where, remedy="Write them with the same types.")
    return target


def _wide(kinds: Sequence[str]) -> str | None:
    """The one type, a wider one without loss of what it counts, or None."""
    if len(set(kinds)) == 1:
        return kinds[0]
    if _WHOLE.keys() >= set(kinds):
        low, high = min(_WHOLE[kind][0] for kind in kinds), max(_WHOLE[kind][1] for kind in kinds)
        return next(kind for kind, ends in _WHOLE.items() if ends[0] <= low and ends[1] >= high)
    if all(_is_number(kind) for kind in kinds):
        return _decimal(kinds) if set(_FLOATS).isdisjoint(kinds) else "DOUBLE"
    if set(_TIMES) >= set(kinds):
        return "TIMESTAMP_NS" if "TIMESTAMP_NS" in kinds and "DATE" not in kinds else "TIMESTAMP"
    return None


def _is_number(kind: str) -> bool:
    return kind in _WHOLE or kind in _FLOATS or kind.startswith("DECIMAL")


def _decimal(kinds: Sequence[str]) -> str | None:
    """The decimal that holds whole numbers and decimals; None where none has digits enough."""
    pairs = []
    for kind in kinds:
        if kind.startswith("DECIMAL"):
            width, scale = map(int, kind[kind.index("(") + 1 : -1].split(","))
            pairs.append((width - scale, scale))
        else:
            pairs.append((_DIGITS.get(kind, 39), 0))
    whole, scale = max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
    return f"DECIMAL({whole + scale},{scale})" if whole + scale <= 38 else None


def _notes(types: Mapping[str, Mapping[str, str]], target: Mapping[str, str]) -> list[str]:
    return [
        f"{name!r} is {' and '.join(sorted(kinds))} in different files, and read as {target[name]}"
        for name, kinds in types.items()
        if len(kinds) > 1 and name in target
    ]
