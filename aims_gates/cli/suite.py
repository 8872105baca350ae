"""``aims-gates gates suite``: draft a great-expectations suite from reference data."""

import json
from collections.abc import Iterator
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aims_gates.cli.options import as_json
from aims_gates.documents.files import write_whole
from aims_gates.errors import InputError

if TYPE_CHECKING:
    from aims_gates.data import Dataset

__all__ = ["command", "propose"]

#: A column with at most so many values gets the set of them, if each stands in enough rows to name nobody.
_MOST_MEMBERS, _LEAST_ROWS = 20, 5
_HEADROOM = 0.1
#: Fewer rows do not show that a column's values never repeat.
_UNIQUE_FROM = 20
#: An expectation's type, its severity, and its arguments.
_Expectation = tuple[str, str, dict[str, Any]]
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
#: NumPy's names; a whole number becomes float64 where a value is missing.
_TYPES = {
    "whole": ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float64"],
    "real": ["float32", "float64"],
}


@click.group("suite")
def command() -> None:
    """Draft a great-expectations suite from reference data."""


@command.command("propose")
@click.argument("file")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write here instead of standard output.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--leave-out", "left_out", multiple=True, metavar="COLUMN", help="Expect nothing of it. Repeatable.")
@as_json
def propose_suite(file: str, out: Path | None, force: bool, left_out: tuple[str, ...], json_: bool) -> None:
    """Draft a suite that FILE itself passes: a beginning to be read and tightened, not a requirement.

    FILE is what --data of `aims-gates try` takes: CSV (.gz too), Parquet (a file, a folder, a glob), a database table.
    From its columns: that each exists, its type, how many values may be missing, ranges and lengths with a tenth of
    headroom, the set of values where there are few, uniqueness, and half the rows as the least number of rows.

    \b
    Ranges, lengths and the row count are drafted as warnings, which do not fail the gate; raise what must hold to
    critical, and delete what is chance. Then:
      aims-gates gates suite propose reference.parquet --out suite.json
      aims-gates try data_quality --data evaluation=new.parquet --param suite='"suite.json"'
    In a system's record name it as suite: {file: suite.json}; its content then stands in the signed plan.
    """
    if out is not None and out.exists() and not force:
        raise InputError("there is a file already", where=str(out), remedy="Name another, or add --force.")
    from aims_gates.data import Dataset

    suite = propose(Dataset.open(file, role="reference"), left_out)
    text = json.dumps(suite, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if out is not None:
        write_whole(out, text)
        click.echo(f"wrote {out}: {len(suite['expectations'])} expectations; read and tighten them", err=True)
    if out is None or json_:
        click.echo(text, nl=False)


def propose(data: "Dataset", left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """A suite, in great-expectations' JSON, that the data pass.

    Args:
        data: The reference; only aggregates are taken from it, and values that at least five rows share.
        left_out: Columns of which nothing is expected.

    Raises:
        DataError: there are no rows, or a column to be left out is not there.
    """
    data.require()
    data.require(*left_out, values=False)
    least = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": max(1, data.rows // 2)}}
    expectations = [{**least, "severity": "warning"}]
    columns = [name for name in data.columns if name not in left_out]
    facts = _facts(data, columns)
    for place, name in enumerate(columns):
        for kind, severity, kwargs in _of_column(data, name, facts[4 * place : 4 * place + 4]):
            expectations.append({"type": kind, "kwargs": {"column": name, **kwargs}, "severity": severity})
    meta = {"drafted_from": Path(data.where).name, "rows": data.rows}
    return {"name": "proposed", "expectations": expectations, "meta": meta}


def _kind(data: "Dataset", name: str) -> str:
    type_name = data.type(name)
    if type_name in _WHOLE:
        return "whole"
    return {"DOUBLE": "real", "FLOAT": "real", "VARCHAR": "text"}.get(type_name, "other")


def _facts(data: "Dataset", columns: list[str]) -> tuple[Any, ...]:
    """Of each column: values held, least and greatest (of a text its length), about how many different ones."""
    expectations = []
    for name in columns:
        x = data.quote(name)
        size = {"text": f"length({x})", "other": "NULL"}.get(_kind(data, name), x)
        expectations += [f"count({x})", f"min({size})", f"max({size})", f"approx_count_distinct({x})"]
    return data.query(f"SELECT {', '.join(expectations)} FROM data")[0] if expectations else ()


def _of_column(data: "Dataset", name: str, facts: tuple[Any, ...]) -> Iterator[_Expectation]:
    non_null, low, high, values = facts
    kind = _kind(data, name)
    yield "expect_column_to_exist", "critical", {}
    if not non_null:
        return
    if kind in _TYPES:
        yield "expect_column_values_to_be_in_type_list", "critical", {"type_list": _TYPES[kind]}
    yield from _not_null(non_null, data.rows)
    discrete = kind in ("whole", "text")
    members = _members(data, name) if discrete and values <= 2 * _MOST_MEMBERS else None
    if members is not None:
        yield "expect_column_values_to_be_in_set", "critical", {"value_set": members}
    else:
        yield from _extent(low, high, kind)
    if discrete and non_null >= _UNIQUE_FROM and values > 0.8 * non_null and _unique(data, name, non_null):
        yield "expect_column_values_to_be_unique", "critical", {}


def _not_null(non_null: int, rows: int) -> Iterator[_Expectation]:
    """That values are there, in about the share of the rows in which they are there today."""
    mostly = floor(100 * non_null / rows * (1 - _HEADROOM / 2)) / 100
    if non_null == rows:
        yield "expect_column_values_to_not_be_null", "critical", {}
    elif mostly > 0:
        yield "expect_column_values_to_not_be_null", "critical", {"mostly": mostly}


def _extent(low: float, high: float, kind: str) -> Iterator[_Expectation]:
    """How long texts are, or between what numbers lie."""
    if kind == "text":
        room = ceil(_HEADROOM * high)
        ends = {"min_value": max(0 if low == 0 else 1, low - room), "max_value": high + room}
        yield "expect_column_value_lengths_to_be_between", "warning", ends
    elif kind in ("whole", "real") and abs(low) < 2**52 and abs(high) < 2**52:
        yield "expect_column_values_to_be_between", "warning", _range(low, high, kind)


def _range(low: float, high: float, kind: str) -> dict[str, Any]:
    """The extremes with headroom; what is never negative stays so."""
    room = _HEADROOM * (high - low) or _HEADROOM * abs(high)
    least, most = low - room, high + room
    least, most = (max(0, least) if low >= 0 else least), (min(0, most) if high <= 0 else most)
    if kind == "whole":
        return {"min_value": floor(least), "max_value": ceil(most)}
    return {"min_value": float(least), "max_value": float(most)}


def _members(data: "Dataset", name: str) -> list[Any] | None:
    """The values, sorted; None where they are too many, or so few rows share one that it may tell who somebody is."""
    x = data.quote(name)
    groups = f"SELECT {x} AS v, count(*) AS n FROM data WHERE {x} IS NOT NULL GROUP BY {x}"
    result = data.query(f"SELECT v, n FROM ({groups}) AS g ORDER BY v LIMIT {_MOST_MEMBERS + 1}")
    if len(result) > _MOST_MEMBERS or any(rows < _LEAST_ROWS for _, rows in result):
        return None
    return [value for value, _ in result]


def _unique(data: "Dataset", name: str, non_null: int) -> bool:
    return bool(data.query(f"SELECT count(DISTINCT {data.quote(name)}) FROM data")[0][0] == non_null)
