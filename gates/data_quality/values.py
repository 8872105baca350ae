"""The expectations of each value of a column, or of a pair or a list of columns: how many values are unexpected."""

from collections.abc import Mapping

from aims_gates import Dataset

from .asks import RANGE, Answer, Ask, Plan, bounds_of, is_whole, kind_of, literal, members_of, repeated, rounded_sql
from .patterns import portable
from .suite import Expectation

__all__ = ["VALUE_PLANS"]

#: Up to here a set's members are compared one by one: on DuckDB that is four times faster than IN for text.
_FEW_MEMBERS = 50


def _mapped(item: Expectation, rows: int, non_null: int, unexpected: int) -> Answer | None:
    if not non_null:
        return None
    percent = unexpected / non_null * 100
    met = (float(non_null) - float(unexpected)) / float(non_null) >= item.kwargs.get("mostly", 1.0)
    return Answer(met, {"element_count": rows, "missing_count": rows - non_null, "unexpected_percent": percent})


def _each(item: Expectation, name: str, unexpected: str) -> Ask:
    """``unexpected`` is SQL that is true of an unexpected value, and not of NULL."""
    expressions = ["count(*)", f"count({Dataset.quote(name)})", f"count(CASE WHEN {unexpected} THEN 1 END)"]
    return Ask(expressions, lambda rows, non_null, unexpected: _mapped(item, rows, non_null, unexpected))


def _nulls(item: Expectation, data: Dataset) -> Ask | None:
    name = item.kwargs.get("column")
    if not isinstance(name, str) or name not in data.columns:
        return None
    wanted_null = item.type.endswith("to_be_null")

    def answer(rows: int, non_null: int) -> Answer | None:
        result = _mapped(item, rows, rows, non_null if wanted_null else rows - non_null)
        if result is None:
            return None
        return Answer(result.success, {key: result.result[key] for key in ("element_count", "unexpected_percent")})

    return Ask(["count(*)", f"count({Dataset.quote(name)})"], answer)


def _between(item: Expectation, data: Dataset) -> Ask | None:
    name, ends = item.kwargs.get("column"), bounds_of(item)
    kind = kind_of(data, name)
    if ends is None or kind not in ("whole", "real"):
        return None
    x = Dataset.quote(str(name))
    if kind == "whole" and any(isinstance(end, float) for end in ends):
        x, kind = f"CAST({x} AS DOUBLE)", "real"
    below = "<=" if item.kwargs.get("strict_min") else "<"
    above = ">=" if item.kwargs.get("strict_max") else ">"
    broken = [f"{x} {op} {literal(end, kind)}" for op, end in zip((below, above), ends, strict=True) if end is not None]
    return _each(item, str(name), " OR ".join(broken))


def _in_set(item: Expectation, data: Dataset) -> Ask | None:
    name = item.kwargs.get("column")
    members = members_of(item, kind_of(data, name))
    if members is None:
        return None
    x = Dataset.quote(str(name))
    few = len(members) <= _FEW_MEMBERS
    inside = " OR ".join(f"{x} = {member}" for member in members) if few else f"{x} IN ({', '.join(members)})"
    return _each(item, str(name), inside if "not_be_in_set" in item.type else f"NOT ({inside})")


def _regex(item: Expectation, data: Dataset) -> Ask | None:
    name, regex = item.kwargs.get("column"), item.kwargs.get("regex")
    pattern = portable(regex) if isinstance(regex, str) else None
    if pattern is None or kind_of(data, name) != "text":
        return None
    x = Dataset.quote(str(name))
    matches = f"regexp_matches({x}, '{pattern.text.replace(chr(39), chr(39) * 2)}')"
    ask = _each(item, str(name), matches if "not_match" in item.type else f"NOT {matches}")
    unsure = [f"strlen({x}) <> length({x})"] if pattern.classes else []
    unsure += [f"right({x}, 1) = chr(10)"] if pattern.ends else []
    if not unsure:
        return ask
    return Ask(
        [*ask.aggregates, f"count(CASE WHEN {' OR '.join(unsure)} THEN 1 END)"],
        lambda rows, non_null, unexpected, strange: None if strange else ask.answer(rows, non_null, unexpected),
    )


def _lengths(item: Expectation, data: Dataset) -> Ask | None:
    name = item.kwargs.get("column")
    if kind_of(data, name) != "text":
        return None
    x = f"length({Dataset.quote(str(name))})"
    if "value" in item.kwargs:
        exact = item.kwargs["value"]
        return _each(item, str(name), f"{x} <> {exact}") if is_whole(exact) else None
    ends = bounds_of(item)
    if ends is None or any(isinstance(end, float) for end in ends):
        return None
    below = "<=" if item.kwargs.get("strict_min") else "<"
    above = ">=" if item.kwargs.get("strict_max") else ">"
    broken = [f"{x} {op} {end}" for op, end in zip((below, above), ends, strict=True) if end is not None]
    return _each(item, str(name), " OR ".join(broken))


def _pair(item: Expectation, data: Dataset) -> Ask | None:
    first, second = (item.kwargs.get(name) for name in ("column_A", "column_B"))
    kinds = {kind_of(data, first), kind_of(data, second)}
    equal = item.type.endswith("to_be_equal")
    if not (kinds <= {"whole", "real"} or (equal and kinds == {"text"})):
        return None
    if item.kwargs.get("or_equal") not in (None, True, False):
        return None
    op = "=" if equal else ">=" if item.kwargs.get("or_equal") else ">"
    a, b = (Dataset.quote(str(name)) for name in (first, second))
    expressions = ["count(*)", f"count({a})", f"count({b})", f"count(CASE WHEN NOT ({a} {op} {b}) THEN 1 END)"]
    return Ask(
        expressions,
        lambda rows, one, other, unexpected: _mapped(item, rows, rows, unexpected) if one == other == rows else None,
    )


def _unique(item: Expectation, data: Dataset) -> Ask | None:
    name = item.kwargs.get("column")
    if kind_of(data, name) is None:
        return None

    def answer(rows: int, non_null: int, rounded: int) -> Answer | None:
        return None if rounded or not non_null else _mapped(item, rows, non_null, repeated(data, [str(name)])[2])

    return Ask(["count(*)", f"count({Dataset.quote(str(name))})", rounded_sql(data, str(name))], answer)


def _compound(item: Expectation, data: Dataset) -> Ask | None:
    names = item.kwargs.get("column_list")
    if not isinstance(names, list | tuple) or len(names) < 2 or any(kind_of(data, name) is None for name in names):
        return None

    def answer(rows: int, *non_null: int) -> Answer | None:
        return _mapped(item, rows, rows, repeated(data, names)[2]) if set(non_null) == {rows} else None

    return Ask(["count(*)", *(f"count({Dataset.quote(name)})" for name in names)], answer)


_EACH = {"column", "mostly"}
#: Type -> the arguments that are known, and what to ask.
VALUE_PLANS: Mapping[str, tuple[set[str], Plan]] = {
    "expect_column_values_to_not_be_null": (_EACH, _nulls),
    "expect_column_values_to_be_null": (_EACH, _nulls),
    "expect_column_values_to_be_between": (_EACH | RANGE, _between),
    "expect_column_values_to_be_in_set": ({*_EACH, "value_set"}, _in_set),
    "expect_column_values_to_not_be_in_set": ({*_EACH, "value_set"}, _in_set),
    "expect_column_values_to_be_unique": (_EACH, _unique),
    "expect_column_values_to_match_regex": ({*_EACH, "regex"}, _regex),
    "expect_column_values_to_not_match_regex": ({*_EACH, "regex"}, _regex),
    "expect_column_value_lengths_to_be_between": (_EACH | RANGE, _lengths),
    "expect_column_value_lengths_to_equal": ({*_EACH, "value"}, _lengths),
    "expect_column_pair_values_a_to_be_greater_than_b": ({"column_A", "column_B", "or_equal", "mostly"}, _pair),
    "expect_column_pair_values_to_be_equal": ({"column_A", "column_B", "mostly"}, _pair),
    "expect_compound_columns_to_be_unique": ({"column_list", "mostly"}, _compound),
}
