"""What SQL is asked about an expectation, and how its arguments are read: None wherever the library must answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aims_gates import Dataset

from .suite import Expectation

__all__ = [
    "EXACT",
    "RANGE",
    "Answer",
    "Ask",
    "Plan",
    "bounds_of",
    "ends_of",
    "has_mostly",
    "is_number",
    "is_whole",
    "kind_of",
    "largest_sql",
    "literal",
    "members_of",
    "repeated",
    "rounded_sql",
    "within",
]

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
#: Up to here every whole number is a double.
EXACT = 2**53
#: The arguments of an expectation between bounds.
RANGE = {"min_value", "max_value", "strict_min", "strict_max"}
_MOST_MEMBERS = 1_000


@dataclass(frozen=True)
class Answer:
    """What great-expectations would return: whether it is met, and the result's entries that findings are made of."""

    success: bool
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """Aggregates, and what their values say; None where the library must be asked after all."""

    aggregates: Sequence[str]
    answer: Callable[..., Answer | None]


#: From an expectation and its data to what to ask; None where the library must be asked.
Plan = Callable[[Expectation, Dataset], Ask | None]


# Arguments -----------------------------------------------------------------------------------------------------------


def is_number(value: Any) -> bool:
    """Whether it is a number so small that a whole one is exactly a double."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < EXACT


def has_mostly(item: Expectation) -> bool:
    """Whether ``mostly`` is a share above 0."""
    mostly = item.kwargs.get("mostly", 1.0)
    return is_number(mostly) and 0 < mostly <= 1


def is_whole(value: Any) -> bool:
    """Whether it is a whole number that is exactly a double."""
    return is_number(value) and isinstance(value, int)


def _is_text(value: Any) -> bool:
    """Whether it is a text that SQL can write down."""
    return isinstance(value, str) and "\x00" not in value


def _quoted(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def kind_of(data: Dataset, name: Any) -> str | None:
    """``whole``, ``real``, ``text``; None for every other type, and for a name that is none."""
    if not isinstance(name, str) or name not in data.columns:
        return None
    type_name = data.type(name)
    return "whole" if type_name in _WHOLE else {"DOUBLE": "real", "VARCHAR": "text"}.get(type_name)


def literal(value: float, kind: str) -> str:
    """A number as SQL, in the type of the column."""
    return str(value) if kind == "whole" and isinstance(value, int) else f"CAST({float(value)!r} AS DOUBLE)"


def bounds_of(item: Expectation) -> tuple[float | None, float | None] | None:
    """Both ends; None where they are no plain numbers, or neither is given, or they are crossed."""
    low, high = item.kwargs.get("min_value"), item.kwargs.get("max_value")
    strict = [item.kwargs.get(name, False) for name in ("strict_min", "strict_max")]
    if not all(end is None or is_number(end) for end in (low, high)) or not all(s in (True, False) for s in strict):
        return None
    if (low is None and high is None) or (low is not None and high is not None and low > high):
        return None
    return low, high


def within(item: Expectation, value: float) -> bool:
    """Whether a value lies between the bounds of an expectation."""
    low, high = item.kwargs.get("min_value"), item.kwargs.get("max_value")
    above = low is None or (value > low if item.kwargs.get("strict_min") else value >= low)
    return above and (high is None or (value < high if item.kwargs.get("strict_max") else value <= high))


def ends_of(item: Expectation) -> list[float]:
    """The bounds that are given."""
    return [end for end in (item.kwargs.get("min_value"), item.kwargs.get("max_value")) if end is not None]


_LITERALS: Mapping[str, tuple[Callable[[Any], bool], Callable[[Any], str]]] = {
    "text": (_is_text, _quoted),
    "whole": (is_whole, str),
    "real": (is_number, lambda value: literal(value, "real")),
}


def members_of(item: Expectation, kind: str | None) -> list[str] | None:
    """The ``value_set`` as SQL; None where a member is of another kind than the column, or too odd to write down."""
    value_set = item.kwargs.get("value_set")
    if kind is None or not isinstance(value_set, list | tuple) or not 0 < len(value_set) <= _MOST_MEMBERS:
        return None
    fits, written = _LITERALS[kind]
    return [written(value) for value in value_set] if all(map(fits, value_set)) else None


# Values --------------------------------------------------------------------------------------------------------------


def repeated(data: Dataset, names: Sequence[str]) -> tuple[int, int, int]:
    """Of the rows that hold values in all these columns: how many, different ones, and rows whose values repeat."""
    keys = ", ".join(Dataset.quote(name) for name in names)
    there = " AND ".join(f"{Dataset.quote(name)} IS NOT NULL" for name in names)
    groups = f"SELECT count(*) AS n FROM data WHERE {there} GROUP BY {keys}"
    sums = "coalesce(sum(n), 0), count(*), coalesce(sum(CASE WHEN n > 1 THEN n ELSE 0 END), 0)"
    non_null, values, rows = data.query(f"SELECT {sums} FROM ({groups}) AS g")[0]
    return int(non_null), int(values), int(rows)


def rounded_sql(data: Dataset, name: str) -> str:
    """SQL: 1 where pandas would round the column's whole numbers, having made them doubles for want of a value."""
    if data.type(name) != "BIGINT":
        return "0"
    x = Dataset.quote(name)
    return f"CASE WHEN count({x}) < count(*) AND {largest_sql(x)} >= {EXACT} THEN 1 ELSE 0 END"


def largest_sql(x: str) -> str:
    """SQL: the greatest absolute value, as a double: the smallest BIGINT has no absolute value of its own type."""
    return f"greatest(abs(CAST(min({x}) AS DOUBLE)), abs(CAST(max({x}) AS DOUBLE)))"
