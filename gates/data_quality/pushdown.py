"""The common expectations as aggregates of one SELECT; what is not sure to come out alike is left to the library.

great-expectations on pandas defines every answer. An expectation is pushed down only where the column's type, the
arguments and the values found leave no room for another one: numbers that are whole or double, text, bounds that a
double holds exactly. Every other argument, type or circumstance goes to the library, which then reads rows.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aims_gates import Dataset

from .patterns import portable
from .suite import Expectation

__all__ = ["Answer", "counted", "push"]

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
#: Up to here every whole number is a double.
_EXACT = 2**53
_MOST_MEMBERS = 1_000
#: Up to here a set's members are compared one by one: on DuckDB that is four times faster than IN for text.
_FEW_MEMBERS = 50


@dataclass(frozen=True)
class Answer:
    """What great-expectations would return: whether it is met, and the result's entries that findings are made of."""

    success: bool
    result: Mapping[str, Any]


@dataclass(frozen=True)
class _Ask:
    """Aggregates, and what their values say; None where the library must be asked after all."""

    aggregates: Sequence[str]
    answer: Callable[..., Answer | None]


_Plan = Callable[[Expectation, Dataset], _Ask | None]


def push(items: Iterable[Expectation], data: Dataset) -> tuple[dict[int, Answer], dict[str, int]]:
    """Place -> answer, of those expectations that SQL can answer; and column -> how many values it holds.

    One query for all that are aggregates.
    """
    asks: dict[int, _Ask] = {}
    for item in items:
        known = _PLANS.get(item.type)
        if known is None or not set(item.kwargs) <= known[0] or not _mostly(item) or len(set(item.columns)) > 20:
            continue
        ask = known[1](item, data)
        if ask is not None:
            asks[item.place] = ask
    non_null, counts_by_sql = counted(data, [sql for ask in asks.values() for sql in ask.aggregates])
    answers = {place: ask.answer(*(counts_by_sql[sql] for sql in ask.aggregates)) for place, ask in asks.items()}
    return {place: answer for place, answer in answers.items() if answer is not None}, non_null


def counted(data: Dataset, aggregates: Iterable[str] = ()) -> tuple[dict[str, int], dict[str, Any]]:
    """Column -> how many values it holds, and aggregate -> its value, from one look at the data."""
    counts = [f"count({Dataset.quote(name)})" for name in data.columns]
    fromkeys = list(dict.fromkeys([*counts, *aggregates]))
    counts_by_sql = dict(zip(fromkeys, data.query(f"SELECT {', '.join(fromkeys)} FROM data")[0], strict=True))
    return {name: int(counts_by_sql[sql]) for name, sql in zip(data.columns, counts, strict=True)}, counts_by_sql


# Arguments -----------------------------------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT


def _mostly(item: Expectation) -> bool:
    mostly = item.kwargs.get("mostly", 1.0)
    return _is_number(mostly) and 0 < mostly <= 1


def _kind(data: Dataset, name: Any) -> str | None:
    """``whole``, ``real``, ``text``; None for every other type, and for a name that is none."""
    if not isinstance(name, str) or name not in data.columns:
        return None
    type_name = data.type(name)
    return "whole" if type_name in _WHOLE else {"DOUBLE": "real", "VARCHAR": "text"}.get(type_name)


def _literal(value: float, kind: str) -> str:
    return str(value) if kind == "whole" and isinstance(value, int) else f"CAST({float(value)!r} AS DOUBLE)"


def _bounds(item: Expectation) -> tuple[float | None, float | None] | None:
    """Both ends; None where they are no plain numbers, or neither is given, or they are crossed."""
    low, high = item.kwargs.get("min_value"), item.kwargs.get("max_value")
    strict = [item.kwargs.get(name, False) for name in ("strict_min", "strict_max")]
    if not all(end is None or _is_number(end) for end in (low, high)) or not all(s in (True, False) for s in strict):
        return None
    if (low is None and high is None) or (low is not None and high is not None and low > high):
        return None
    return low, high


def _within(item: Expectation, value: float) -> bool:
    low, high = item.kwargs.get("min_value"), item.kwargs.get("max_value")
    above = low is None or (value > low if item.kwargs.get("strict_min") else value >= low)
    return above and (high is None or (value < high if item.kwargs.get("strict_max") else value <= high))


def _members(item: Expectation, kind: str | None) -> list[str] | None:
    """The ``value_set`` as SQL; None where a member is of another kind than the column, or too odd to write down."""
    value_set = item.kwargs.get("value_set")
    if not isinstance(value_set, list | tuple) or not 0 < len(value_set) <= _MOST_MEMBERS:
        return None
    if kind == "text" and all(isinstance(value, str) and "\x00" not in value for value in value_set):
        return ["'" + value.replace("'", "''") + "'" for value in value_set]
    if kind == "whole" and all(_is_number(value) and isinstance(value, int) for value in value_set):
        return [str(value) for value in value_set]
    if kind == "real" and all(_is_number(value) for value in value_set):
        return [_literal(value, "real") for value in value_set]
    return None


# Expectations of each value ------------------------------------------------------------------------------------------


def _mapped(item: Expectation, rows: int, non_null: int, unexpected: int) -> Answer | None:
    if not non_null:
        return None
    percent = unexpected / non_null * 100
    met = (float(non_null) - float(unexpected)) / float(non_null) >= item.kwargs.get("mostly", 1.0)
    return Answer(met, {"element_count": rows, "missing_count": rows - non_null, "unexpected_percent": percent})


def _each(item: Expectation, name: str, unexpected: str) -> _Ask:
    """``unexpected`` is SQL that is true of an unexpected value, and not of NULL."""
    expressions = ["count(*)", f"count({Dataset.quote(name)})", f"count(CASE WHEN {unexpected} THEN 1 END)"]
    return _Ask(expressions, lambda rows, non_null, unexpected: _mapped(item, rows, non_null, unexpected))


def _nulls(item: Expectation, data: Dataset) -> _Ask | None:
    name = item.kwargs.get("column")
    if not isinstance(name, str) or name not in data.columns:
        return None
    wanted_null = item.type.endswith("to_be_null")

    def answer(rows: int, non_null: int) -> Answer | None:
        result = _mapped(item, rows, rows, non_null if wanted_null else rows - non_null)
        if result is None:
            return None
        return Answer(result.success, {key: result.result[key] for key in ("element_count", "unexpected_percent")})

    return _Ask(["count(*)", f"count({Dataset.quote(name)})"], answer)


def _between(item: Expectation, data: Dataset) -> _Ask | None:
    name, ends = item.kwargs.get("column"), _bounds(item)
    kind = _kind(data, name)
    if ends is None or kind not in ("whole", "real"):
        return None
    x = Dataset.quote(str(name))
    if kind == "whole" and any(isinstance(end, float) for end in ends):
        x, kind = f"CAST({x} AS DOUBLE)", "real"
    below = "<=" if item.kwargs.get("strict_min") else "<"
    above = ">=" if item.kwargs.get("strict_max") else ">"
    broken = [
        f"{x} {op} {_literal(end, kind)}" for op, end in zip((below, above), ends, strict=True) if end is not None
    ]
    return _each(item, str(name), " OR ".join(broken))


def _in_set(item: Expectation, data: Dataset) -> _Ask | None:
    name = item.kwargs.get("column")
    members = _members(item, _kind(data, name))
    if members is None:
        return None
    x = Dataset.quote(str(name))
    few = len(members) <= _FEW_MEMBERS
    inside = " OR ".join(f"{x} = {member}" for member in members) if few else f"{x} IN ({', '.join(members)})"
    return _each(item, str(name), inside if "not_be_in_set" in item.type else f"NOT ({inside})")


def _regex(item: Expectation, data: Dataset) -> _Ask | None:
    name, regex = item.kwargs.get("column"), item.kwargs.get("regex")
    pattern = portable(regex) if isinstance(regex, str) else None
    if pattern is None or _kind(data, name) != "text":
        return None
    x = Dataset.quote(str(name))
    matches = f"regexp_matches({x}, '{pattern.text.replace(chr(39), chr(39) * 2)}')"
    ask = _each(item, str(name), matches if "not_match" in item.type else f"NOT {matches}")
    unsure = [f"strlen({x}) <> length({x})"] if pattern.classes else []
    unsure += [f"right({x}, 1) = chr(10)"] if pattern.ends else []
    if not unsure:
        return ask
    return _Ask(
        [*ask.aggregates, f"count(CASE WHEN {' OR '.join(unsure)} THEN 1 END)"],
        lambda rows, non_null, unexpected, strange: None if strange else ask.answer(rows, non_null, unexpected),
    )


def _lengths(item: Expectation, data: Dataset) -> _Ask | None:
    name = item.kwargs.get("column")
    if _kind(data, name) != "text":
        return None
    x = f"length({Dataset.quote(str(name))})"
    if "value" in item.kwargs:
        exact = item.kwargs["value"]
        return _each(item, str(name), f"{x} <> {exact}") if _is_number(exact) and isinstance(exact, int) else None
    ends = _bounds(item)
    if ends is None or any(isinstance(end, float) for end in ends):
        return None
    below = "<=" if item.kwargs.get("strict_min") else "<"
    above = ">=" if item.kwargs.get("strict_max") else ">"
    broken = [f"{x} {op} {end}" for op, end in zip((below, above), ends, strict=True) if end is not None]
    return _each(item, str(name), " OR ".join(broken))


def _pair(item: Expectation, data: Dataset) -> _Ask | None:
    first, second = (item.kwargs.get(name) for name in ("column_A", "column_B"))
    kinds = {_kind(data, first), _kind(data, second)}
    equal = item.type.endswith("to_be_equal")
    if not (kinds <= {"whole", "real"} or (equal and kinds == {"text"})):
        return None
    if item.kwargs.get("or_equal") not in (None, True, False):
        return None
    op = "=" if equal else ">=" if item.kwargs.get("or_equal") else ">"
    a, b = (Dataset.quote(str(name)) for name in (first, second))
    expressions = ["count(*)", f"count({a})", f"count({b})", f"count(CASE WHEN NOT ({a} {op} {b}) THEN 1 END)"]
    return _Ask(
        expressions,
        lambda rows, one, other, unexpected: _mapped(item, rows, rows, unexpected) if one == other == rows else None,
    )


# Uniqueness and distinct values --------------------------------------------------------------------------------------


def _repeated(data: Dataset, names: Sequence[str]) -> tuple[int, int, int]:
    """Of the rows that hold values in all these columns: how many, different ones, and rows whose values repeat."""
    keys = ", ".join(Dataset.quote(name) for name in names)
    there = " AND ".join(f"{Dataset.quote(name)} IS NOT NULL" for name in names)
    groups = f"SELECT count(*) AS n FROM data WHERE {there} GROUP BY {keys}"
    sums = "coalesce(sum(n), 0), count(*), coalesce(sum(CASE WHEN n > 1 THEN n ELSE 0 END), 0)"
    non_null, values, rows = data.query(f"SELECT {sums} FROM ({groups}) AS g")[0]
    return int(non_null), int(values), int(rows)


def _exactly(data: Dataset, name: str) -> str:
    """SQL: 1 where pandas would round the column's whole numbers, having made them doubles for want of a value."""
    if data.type(name) != "BIGINT":
        return "0"
    x = Dataset.quote(name)
    return f"CASE WHEN count({x}) < count(*) AND {_largest(x)} >= {_EXACT} THEN 1 ELSE 0 END"


def _largest(x: str) -> str:
    """SQL: the greatest absolute value, as a double: the smallest BIGINT has no absolute value of its own type."""
    return f"greatest(abs(CAST(min({x}) AS DOUBLE)), abs(CAST(max({x}) AS DOUBLE)))"


def _unique(item: Expectation, data: Dataset) -> _Ask | None:
    name = item.kwargs.get("column")
    if _kind(data, name) is None:
        return None

    def answer(rows: int, non_null: int, rounded: int) -> Answer | None:
        return None if rounded or not non_null else _mapped(item, rows, non_null, _repeated(data, [str(name)])[2])

    return _Ask(["count(*)", f"count({Dataset.quote(str(name))})", _exactly(data, str(name))], answer)


def _compound(item: Expectation, data: Dataset) -> _Ask | None:
    names = item.kwargs.get("column_list")
    if not isinstance(names, list | tuple) or len(names) < 2 or any(_kind(data, name) is None for name in names):
        return None

    def answer(rows: int, *non_null: int) -> Answer | None:
        return _mapped(item, rows, rows, _repeated(data, names)[2]) if set(non_null) == {rows} else None

    return _Ask(["count(*)", *(f"count({Dataset.quote(name)})" for name in names)], answer)


def _distinct(item: Expectation, data: Dataset) -> _Ask | None:
    name = item.kwargs.get("column")
    if _bounds(item) is None or _kind(data, name) is None:
        return None

    def answer(non_null: int, rounded: int) -> Answer | None:
        if rounded or not non_null:
            return None
        values = _repeated(data, [str(name)])[1]
        observed = values / non_null if "proportion" in item.type else values
        return Answer(_within(item, observed), {"observed_value": observed})

    return _Ask([f"count({Dataset.quote(str(name))})", _exactly(data, str(name))], answer)


def _distinct_set(item: Expectation, data: Dataset) -> _Ask | None:
    name = item.kwargs.get("column")
    members = _members(item, _kind(data, name))
    if members is None or _kind(data, name) == "real":
        return None
    x, size, listed = Dataset.quote(str(name)), len(set(item.kwargs["value_set"])), ", ".join(members)

    def answer(rows: int, non_null: int, others: int, distinct: int) -> Answer | None:
        if non_null < rows or not non_null:
            return None
        if item.type.endswith("contain_set"):
            return Answer(distinct == size, {})
        met = others == 0 and (distinct == size or item.type.endswith("in_set"))
        return Answer(met, {"unexpected_count": others})

    inside, outside = (f"count(DISTINCT CASE WHEN {x} {op} ({listed}) THEN {x} END)" for op in ("IN", "NOT IN"))
    return _Ask(["count(*)", f"count({x})", outside, inside], answer)


# Aggregates of a column, and of the table ----------------------------------------------------------------------------


def _aggregate(item: Expectation, data: Dataset) -> _Ask | None:
    name = item.kwargs.get("column")
    kind = _kind(data, name)
    if _bounds(item) is None or kind not in ("whole", "real"):
        return None
    what = item.type.removeprefix("expect_column_").removesuffix("_to_be_between")
    x = Dataset.quote(str(name))
    expressions = {
        "mean": f"sum({x})" if kind == "whole" else f"avg({x})",
        "stdev": f"stddev_samp(CASE WHEN abs({x}) < 1e150 THEN {x} END)",
    }

    def answer(non_null: int, largest: Any, longest: Any) -> Answer | None:
        if (
            longest is None
            or not abs(float(longest)) < 1e150
            or not float(largest) < (_EXACT if kind == "whole" else 1e150)
        ):
            return None
        if kind == "whole" and what in ("mean", "sum") and abs(longest) >= _EXACT:
            return None
        value = float(longest) / non_null if kind == "whole" and what == "mean" else float(longest)
        exact = what in ("min", "max") or (kind == "whole" and what in ("mean", "sum"))
        if not exact and any(math.isclose(value, end, rel_tol=1e-9, abs_tol=1e-9) for end in _ends(item)):
            return None
        return Answer(_within(item, value), {"observed_value": value})

    return _Ask([f"count({x})", _largest(x), expressions.get(what, f"{what}({x})")], answer)


def _ends(item: Expectation) -> list[float]:
    return [end for end in (item.kwargs.get("min_value"), item.kwargs.get("max_value")) if end is not None]


def _count(item: Expectation, data: Dataset) -> _Ask | None:
    rows = "row_count" in item.type
    exact = item.kwargs.get("value")
    if item.type.endswith("_to_equal"):
        if not (isinstance(exact, int) and _is_number(exact)):
            return None
    elif _bounds(item) is None or any(isinstance(end, float) for end in _ends(item)):
        return None

    def answer(*counted: int) -> Answer:
        observed = counted[0] if rows else len(data.columns)
        met = observed == exact if exact is not None else _within(item, observed)
        return Answer(met, {"observed_value": observed})

    return _Ask(["count(*)"] if rows else [], answer)


def _exists(item: Expectation, data: Dataset) -> _Ask | None:
    name = item.kwargs.get("column")
    return _Ask([], lambda: Answer(name in data.columns, {})) if isinstance(name, str) else None


def _types(item: Expectation, data: Dataset) -> _Ask | None:
    """NumPy's type of a column of numbers in pandas; whole numbers become float64 where a value is missing."""
    name, type_list = item.kwargs.get("column"), item.kwargs.get("type_list")
    known = {*_NUMPY.values(), "uint64"}
    if not isinstance(name, str) or data.type(name) not in _NUMPY:
        return None
    if not isinstance(type_list, list | tuple) or not type_list or not all(kind in known for kind in type_list):
        return None
    plain = _NUMPY[data.type(name)]

    def answer(rows: int, non_null: int) -> Answer | None:
        observed = plain if non_null == rows or plain.startswith("float") else "float64"
        return Answer(observed in type_list, {"observed_value": observed}) if non_null else None

    return _Ask(["count(*)", f"count({Dataset.quote(name)})"], answer)


_NUMPY = {
    "TINYINT": "int8",
    "SMALLINT": "int16",
    "INTEGER": "int32",
    "BIGINT": "int64",
    "UTINYINT": "uint8",
    "USMALLINT": "uint16",
    "UINTEGER": "uint32",
    "FLOAT": "float32",
    "DOUBLE": "float64",
}
_COLUMN = {"column"}
_RANGE = {"min_value", "max_value", "strict_min", "strict_max"}
_EACH = {*_COLUMN, "mostly"}
_PLANS: Mapping[str, tuple[set[str], _Plan]] = {
    "expect_column_values_to_not_be_null": (_EACH, _nulls),
    "expect_column_values_to_be_null": (_EACH, _nulls),
    "expect_column_values_to_be_between": (_EACH | _RANGE, _between),
    "expect_column_values_to_be_in_set": ({*_EACH, "value_set"}, _in_set),
    "expect_column_values_to_not_be_in_set": ({*_EACH, "value_set"}, _in_set),
    "expect_column_values_to_be_unique": (_EACH, _unique),
    "expect_column_values_to_match_regex": ({*_EACH, "regex"}, _regex),
    "expect_column_values_to_not_match_regex": ({*_EACH, "regex"}, _regex),
    "expect_column_value_lengths_to_be_between": (_EACH | _RANGE, _lengths),
    "expect_column_value_lengths_to_equal": ({*_EACH, "value"}, _lengths),
    "expect_column_pair_values_a_to_be_greater_than_b": ({"column_A", "column_B", "or_equal", "mostly"}, _pair),
    "expect_column_pair_values_to_be_equal": ({"column_A", "column_B", "mostly"}, _pair),
    "expect_compound_columns_to_be_unique": ({"column_list", "mostly"}, _compound),
    "expect_column_unique_value_count_to_be_between": (_COLUMN | _RANGE, _distinct),
    "expect_column_proportion_of_unique_values_to_be_between": (_COLUMN | _RANGE, _distinct),
    "expect_column_distinct_values_to_be_in_set": ({*_COLUMN, "value_set"}, _distinct_set),
    "expect_column_distinct_values_to_contain_set": ({*_COLUMN, "value_set"}, _distinct_set),
    "expect_column_distinct_values_to_equal_set": ({*_COLUMN, "value_set"}, _distinct_set),
    **{
        f"expect_column_{what}_to_be_between": (_COLUMN | _RANGE, _aggregate)
        for what in ("min", "max", "mean", "sum", "stdev", "median")
    },
    "expect_column_values_to_be_in_type_list": ({*_COLUMN, "type_list"}, _types),
    "expect_table_row_count_to_be_between": (_RANGE, _count),
    "expect_table_row_count_to_equal": ({"value"}, _count),
    "expect_table_column_count_to_be_between": (_RANGE, _count),
    "expect_table_column_count_to_equal": ({"value"}, _count),
    "expect_column_to_exist": (_COLUMN, _exists),
}
