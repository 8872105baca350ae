"""DuckDB's SQL as Spark's, with DuckDB's meaning.

sqlglot translates the grammar; here stands what the two engines would compute differently.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark

from aims_gates.data._duckdb.table import ELSEWHERE
from aims_gates.errors import DataError, GateError

__all__ = ["PLACE", "to_spark"]

#: The column that holds a row's place in its file, in the views that have one.
PLACE = "aims_gates_place"
#: time_bucket counts periods from the first Monday of 2000, and months from January 2000.
_MONDAY = 946_857_600_000_000
_SECOND = 1_000_000
_MICROSECONDS = {
    "SECOND": _SECOND,
    "MINUTE": 60 * _SECOND,
    "HOUR": 3600 * _SECOND,
    "DAY": 86_400 * _SECOND,
    "WEEK": 7 * 86_400 * _SECOND,
}
_MONTHS = {"MONTH": 1, "YEAR": 12}
_WHOLE = {"INT128": "DECIMAL(38, 0)", "UINT128": "DECIMAL(38, 0)", "UBIGINT": "DECIMAL(20, 0)", "UINT": "BIGINT"}
_INFINITY = "DOUBLE('Infinity')"


def to_spark(sql: str, parameters: Sequence[Any], data: str, placed: Callable[[str], str]) -> str:
    """Translate one query.

    Args:
        sql: DuckDB's SQL; ``data`` names the table.
        parameters: Values of its question marks.
        data: What Spark calls the table.
        placed: Gives the view of a table that has the column :data:`PLACE`, for queries that need the rows' order.

    Raises:
        GateError: it cannot be translated.
        DataError: it names a table on another engine, or needs an order that the rows do not have.
    """
    try:
        tree: Any = sqlglot.parse_one(sql, read="duckdb")
        _reads_sets(tree)
        _fill(tree, parameters)
        _names(tree, data)
        _one_list(tree)
        _by_place(tree, placed)
        _windows(tree)
        return str(_SPARK.generate(tree))
    except sqlglot.errors.SqlglotError as error:
        message = " ".join(str(error).split())[:300]
        remedy = "Write it in the SQL that both DuckDB and Spark know."
        raise GateError(f"the query cannot be put to Spark: {message}", remedy=remedy) from error


def _fill(tree: Any, parameters: Sequence[Any]) -> None:
    for mark, value in zip(list(tree.find_all(exp.Placeholder, bfs=False)), parameters, strict=True):
        mark.replace(exp.convert(value))


def _reads_sets(tree: Any) -> None:
    """Refuse what is no query, and tables that are no open set: Spark reads any file that stands for a table."""
    if not isinstance(tree, exp.Query):
        raise GateError("a query is one SELECT", where=tree.sql()[:100], remedy="Ask for rows, and for nothing else.")
    own = {cte.alias for cte in tree.find_all(exp.CTE)} | {"data"}
    for table in tree.find_all(exp.Table):
        named = isinstance(table.this, exp.Identifier) and (table.name in own or table.name.startswith(ELSEWHERE))
        if table.catalog != "memory" and (table.db or table.catalog or not named):
            remedy = "Queries name data and other open sets alone."
            raise GateError("the query names what is no open set", where=table.sql()[:100], remedy=remedy)


def _names(tree: Any, data: str) -> None:
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.catalog == "memory":
            remedy = "Open all sets on one engine: --engine spark, or Dataset.open(..., engine='spark')."
            raise DataError("one set lies on Spark and another does not", where=table.sql(), remedy=remedy)
        if table.name == "data" and not table.db and "data" not in own:
            table.set("this", exp.to_identifier(data))


def _one_list(tree: Any) -> None:
    """Lists unnested side by side are paired in DuckDB and multiplied in Spark."""
    for select in tree.find_all(exp.Select):
        if sum(expression.find(exp.Unnest, exp.Explode) is not None for expression in select.expressions) > 1:
            raise sqlglot.errors.UnsupportedError("two lists unnested side by side")


def _by_place(tree: Any, placed: Callable[[str], str]) -> None:
    """Rows paired by their place, and slices of rows: Spark's rows have no order but the one that a column gives."""
    for join in tree.find_all(exp.Join):
        if (join.method or "").upper() == "POSITIONAL":
            for side in (join.parent.args.get("from_") or join.parent.args["from"], join):
                inner = side.this.this
                _place(inner, placed)
                inner.select(exp.column(PLACE), copy=False)
            join.set("method", None)
            join.set("using", [exp.to_identifier(PLACE)])
    for select in tree.find_all(exp.Select):
        if select.args.get("offset") is not None and select.args.get("order") is None:
            first, most = (int(select.args[part].expression.name) for part in ("offset", "limit"))
            _place(select, placed)
            select.set("offset", None)
            select.set("limit", None)
            select.where(f"{PLACE} >= {first} AND {PLACE} < {first + most}", copy=False)


def _place(select: Any, placed: Callable[[str], str]) -> None:
    table = (select.args.get("from_") or select.args["from"]).this
    table.set("this", exp.to_identifier(placed(table.name)))


def _windows(tree: Any) -> None:
    """Spark has no FILTER before OVER; the aggregates ignore NULL, so a CASE inside says the same."""
    for window in tree.find_all(exp.Window):
        chosen = window.this
        if isinstance(chosen, exp.Filter):
            inner = chosen.this.this
            value = exp.Literal.number(1) if isinstance(inner, exp.Star) else inner
            inner.replace(exp.Case().when(chosen.expression.this, value.copy()))
            chosen.replace(chosen.this)


def _cast(generator: Any, node: Any) -> str:
    x, kind = generator.sql(node, "this"), node.args["to"].sql(dialect="duckdb").upper()
    tried = "TRY_CAST" if isinstance(node, exp.TryCast) else "CAST"
    name = node.args["to"].this.name if hasattr(node.args["to"].this, "name") else kind
    if kind in ("TEXT", "VARCHAR"):
        return _text(x)
    if name in _WHOLE:
        return f"{tried}({x} AS {_WHOLE[name]})"
    if kind == "TIMESTAMP" and tried == "TRY_CAST":
        # Spark would read 2024 as a year, and 12:30 as today.
        day = f"CAST({x} AS STRING) RLIKE '^\\\\s*[+-]?[0-9]{{1,6}}-[0-9]{{1,2}}-[0-9]{{1,2}}'"
        return f"CASE WHEN {day} THEN TRY_CAST({x} AS TIMESTAMP_NTZ) END"
    return f"{tried}({x} AS {generator.sql(node, 'to')})"


def _text(x: str) -> str:
    """A value as DuckDB writes it: 1e+16 where Java writes 1.0E16. ``typeof`` is settled before the query runs."""
    text = f"CAST({x} AS STRING)"
    return (
        f"CASE WHEN TYPEOF({x}) IN ('double', 'float') THEN ELEMENT_AT(TRANSFORM(ARRAY({text}), s -> {_number()}), 1) "
        f"WHEN TYPEOF({x}) = 'timestamp' THEN CONCAT({text}, '+00') ELSE {text} END"
    )


def _number() -> str:
    """Java's text ``s`` of a fraction as DuckDB's. In a lambda, so that the query holds ``s`` once."""
    power = "TRY_CAST(SPLIT_PART(s, 'E', 2) AS INT)"
    digits = f"CAST(ABS({power}) AS STRING)"
    plain = "REGEXP_REPLACE(CAST(TRY_CAST(s AS DECIMAL(38, 22)) AS STRING), '0+$', '')"
    mantissa = "REGEXP_REPLACE(SPLIT_PART(s, 'E', 1), '\\\\.0$', '')"
    sign = f"CASE WHEN {power} < 0 THEN 'e-' ELSE 'e+' END"
    return (
        "CASE WHEN s LIKE '%Infinity' THEN REPLACE(s, 'Infinity', 'inf') WHEN INSTR(s, 'E') = 0 THEN s "
        f"WHEN {power} BETWEEN -4 AND 15 THEN REGEXP_REPLACE({plain}, '\\\\.$', '.0') "
        f"ELSE CONCAT({mantissa}, {sign}, LPAD({digits}, GREATEST(2, LENGTH({digits})), '0')) END"
    )


def _divided(generator: Any, node: Any) -> str:
    """Always a DOUBLE, and by zero an infinity or NaN."""
    top, bottom = f"CAST({generator.sql(node, 'this')} AS DOUBLE)", generator.sql(node, "expression")
    if isinstance(node.expression, exp.Literal) and float(node.expression.name):
        return f"{top} / {bottom}"
    below = f"CAST({bottom} AS DOUBLE)"
    return f"CASE WHEN {below} = 0 THEN {top} * {_INFINITY} ELSE {top} / {below} END"


def _bucket(generator: Any, node: Any) -> str:
    step, time = node.this, generator.sql(node, "expression")
    width, unit = int(step.this.name), step.unit.name.upper()
    if unit in _MONTHS:
        month = f"(YEAR({time}) * 12 + MONTH({time}) - 24001)"
        start = f"{month} - PMOD({month}, {width * _MONTHS[unit]})"
        return f"CAST(ADD_MONTHS(DATE'2000-01-01', {start}) AS TIMESTAMP_NTZ)"
    if unit not in _MICROSECONDS:
        raise sqlglot.errors.UnsupportedError(f"time_bucket of {unit}")
    micros = f"UNIX_MICROS(CAST({time} AS TIMESTAMP))"
    start = f"{micros} - PMOD({micros} - {_MONDAY}, {width * _MICROSECONDS[unit]})"
    return f"CAST(TIMESTAMP_MICROS({start}) AS TIMESTAMP_NTZ)"


def _hash(generator: Any, values: Sequence[Any]) -> str:
    """63 bits. Spark skips NULL, so that (NULL, 1) and (1, NULL) would be one; hence whether each is NULL goes in."""
    shown = [generator.sql(value) for value in values]
    return f"(XXHASH64({', '.join(f'{x} IS NULL, {x}' for x in shown)}) & 9223372036854775807L)"


def _anonymous(generator: Any, node: Any) -> str:
    name, values = node.name.lower(), node.expressions
    if name == "hash":
        return _hash(generator, values)
    if name == "isfinite":
        return f"(ABS({generator.sql(values[0])}) < {_INFINITY})"
    return str(generator.function_fallback_sql(node))


def _literal(generator: Any, node: Any) -> str:
    """Fractions as DOUBLE: Spark's decimals overflow where DuckDB's become DOUBLE."""
    if node.is_string or not set(node.name) & set(".eE"):
        return str(generator.literal_sql(node))
    return f"{node.name}D"


_RULES: Mapping[type[Any], Callable[[Any, Any], str]] = {
    exp.Anonymous: _anonymous,
    exp.ApproxDistinct: lambda g, node: f"COUNT(DISTINCT {g.sql(node, 'this')})",
    exp.AtTimeZone: lambda g, node: f"CAST({g.sql(node, 'this')} AS TIMESTAMP_NTZ)",
    exp.Cast: _cast,
    exp.DateBin: _bucket,
    exp.Div: _divided,
    exp.IsInf: lambda g, node: f"(ABS({g.sql(node, 'this')}) = {_INFINITY})",
    exp.Literal: _literal,
    exp.PercentileCont: lambda g, node: f"PERCENTILE({g.sql(node, 'this')}, {g.sql(node, 'expression')})",
    exp.TimeToUnix: lambda g, node: f"(UNIX_MICROS(CAST({g.sql(node, 'this')} AS TIMESTAMP)) / 1000000D)",
    exp.TryCast: _cast,
}


class _DuckOnSpark(Spark):
    class Generator(Spark.Generator):  # type: ignore[misc, valid-type, unused-ignore]
        TRANSFORMS: ClassVar[Mapping[Any, Any]] = {**Spark.Generator.TRANSFORMS, **_RULES}


_SPARK = _DuckOnSpark()
