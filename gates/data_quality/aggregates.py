"""The expectations of a column as a whole, its distinct values, its aggregates and its type, and of the table."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from aims_gates import Dataset

from .asks import (
    EXACT,
    RANGE,
    Answer,
    Ask,
    Plan,
    bounds_of,
    ends_of,
    is_whole,
    kind_of,
    largest_sql,
    members_of,
    repeated,
    rounded_sql,
    within,
)
from .suite import Expectation

__all__ = ["AGGREGATE_PLANS"]

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


def _distinct(item: Expectation, data: Dataset) -> Ask | None:
    name = item.kwargs.get("column")
    if bounds_of(item) is None or kind_of(data, name) is None:
        return None

    def answer(non_null: int, rounded: int) -> Answer | None:
        if rounded or not non_null:
            return None
        values = repeated(data, [str(name)])[1]
        observed = values / non_null if "proportion" in item.type else values
        return Answer(within(item, observed), {"observed_value": observed})

    return Ask([f"count({Dataset.quote(str(name))})", rounded_sql(data, str(name))], answer)


def _distinct_set(item: Expectation, data: Dataset) -> Ask | None:
    name = item.kwargs.get("column")
    members = members_of(item, kind_of(data, name))
    if members is None or kind_of(data, name) == "real":
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
    return Ask(["count(*)", f"count({x})", outside, inside], answer)


def _aggregate(item: Expectation, data: Dataset) -> Ask | None:
    name = item.kwargs.get("column")
    kind = kind_of(data, name)
    if bounds_of(item) is None or kind not in ("whole", "real"):
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
            or not float(largest) < (EXACT if kind == "whole" else 1e150)
        ):
            return None
        if kind == "whole" and what in ("mean", "sum") and abs(longest) >= EXACT:
            return None
        value = float(longest) / non_null if kind == "whole" and what == "mean" else float(longest)
        exact = what in ("min", "max") or (kind == "whole" and what in ("mean", "sum"))
        if not exact and any(math.isclose(value, end, rel_tol=1e-9, abs_tol=1e-9) for end in ends_of(item)):
            return None
        return Answer(within(item, value), {"observed_value": value})

    return Ask([f"count({x})", largest_sql(x), expressions.get(what, f"{what}({x})")], answer)


def _count(item: Expectation, data: Dataset) -> Ask | None:
    rows = "row_count" in item.type
    exact = item.kwargs.get("value")
    if item.type.endswith("_to_equal"):
        if not is_whole(exact):
            return None
    elif bounds_of(item) is None or any(isinstance(end, float) for end in ends_of(item)):
        return None

    def answer(*counted: int) -> Answer:
        observed = counted[0] if rows else len(data.columns)
        met = observed == exact if exact is not None else within(item, observed)
        return Answer(met, {"observed_value": observed})

    return Ask(["count(*)"] if rows else [], answer)


def _exists(item: Expectation, data: Dataset) -> Ask | None:
    name = item.kwargs.get("column")
    return Ask([], lambda: Answer(name in data.columns, {})) if isinstance(name, str) else None


def _column_set(item: Expectation, data: Dataset) -> Ask | None:
    names, exact = item.kwargs.get("column_set"), item.kwargs.get("exact_match", True)
    if not _are_names(names) or not isinstance(exact, bool):
        return None
    expected, actual = set(names), set(data.columns)
    met = actual == expected if exact else expected <= actual
    return Ask([], lambda: Answer(met, {"observed_value": sorted(actual)}))


def _column_list(item: Expectation, data: Dataset) -> Ask | None:
    names = item.kwargs.get("column_list")
    if not _are_names(names):
        return None
    return Ask([], lambda: Answer(list(names) == list(data.columns), {"observed_value": list(data.columns)}))


def _are_names(names: Any) -> TypeGuard[Sequence[str]]:
    return isinstance(names, list | tuple) and bool(names) and all(isinstance(name, str) for name in names)


def _types(item: Expectation, data: Dataset) -> Ask | None:
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

    return Ask(["count(*)", f"count({Dataset.quote(name)})"], answer)


_COLUMN = {"column"}
#: Type -> the arguments that are known, and what to ask.
AGGREGATE_PLANS: Mapping[str, tuple[set[str], Plan]] = {
    "expect_column_unique_value_count_to_be_between": (_COLUMN | RANGE, _distinct),
    "expect_column_proportion_of_unique_values_to_be_between": (_COLUMN | RANGE, _distinct),
    "expect_column_distinct_values_to_be_in_set": ({*_COLUMN, "value_set"}, _distinct_set),
    "expect_column_distinct_values_to_contain_set": ({*_COLUMN, "value_set"}, _distinct_set),
    "expect_column_distinct_values_to_equal_set": ({*_COLUMN, "value_set"}, _distinct_set),
    **{
        f"expect_column_{what}_to_be_between": (_COLUMN | RANGE, _aggregate)
        for what in ("min", "max", "mean", "sum", "stdev", "median")
    },
    "expect_column_values_to_be_in_type_list": ({*_COLUMN, "type_list"}, _types),
    "expect_table_row_count_to_be_between": (RANGE, _count),
    "expect_table_row_count_to_equal": ({"value"}, _count),
    "expect_table_column_count_to_be_between": (RANGE, _count),
    "expect_table_column_count_to_equal": ({"value"}, _count),
    "expect_table_columns_to_match_set": ({"column_set", "exact_match"}, _column_set),
    "expect_table_columns_to_match_ordered_list": ({"column_list"}, _column_list),
    "expect_column_to_exist": (_COLUMN, _exists),
}
