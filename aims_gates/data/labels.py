"""Labels and decisions as SQL: which value is the favourable one, and how a score becomes a decision.

Labels compare as values: 1 is 1.0, 2**53 + 1 is not 2**53, and ``Yes`` is not ``yes``, which :func:`case_note` says.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aims_gates.data._duckdb.engine import quote, quote_text
from aims_gates.errors import InputError

if TYPE_CHECKING:
    from aims_gates.data.dataset import Dataset

__all__ = [
    "OTHER",
    "case_note",
    "common_values",
    "decision_sql",
    "label_sql",
    "literal",
    "same_sql",
    "strange_labels",
]

#: What :func:`label_sql` gives for a label that is neither of the two.
OTHER = 2
#: Up to here a double holds every whole number.
_EXACT = 2**53
_FLOATS = ("FLOAT", "DOUBLE")
#: Beyond this many kinds of labels nobody looks for spellings.
_MOST_SPELLINGS = 1000
_OPS = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "==": "=", "!=": "<>", "in": "IN"}


def label_sql(data: "Dataset", column: str, positive: Any = None) -> str:
    """SQL that is 1 for the favourable label, 0 for the other, NULL for none, and 2 for what is neither.

    Without ``positive`` only 0/1 and true/false are labels (fairlearn would take any text for 'not 1', and call
    a biased model fair).
    """
    name = quote(column)
    if positive is not None:
        return f"CAST({name} = {literal(data, column, positive)} AS TINYINT)"
    if data.kind(column) == "boolean":
        return f"CAST({name} AS TINYINT)"
    if data.kind(column) == "numeric":
        return f"CASE WHEN {name} IS NULL THEN NULL WHEN {name} = 1 THEN 1 WHEN {name} = 0 THEN 0 ELSE {OTHER} END"
    text = f"lower(CAST({name} AS VARCHAR))"
    return (
        f"CASE WHEN {name} IS NULL THEN NULL WHEN {text} = 'true' THEN 1 WHEN {text} = 'false' THEN 0 ELSE {OTHER} END"
    )


def decision_sql(data: "Dataset", column: str, rule: Any) -> str:
    """SQL that is 1 where ``{"op": ..., "value": ...}`` holds for the column, 0 where not, NULL where it has no value.

    Raises:
        InputError: the rule cannot be read, or compares text with numbers.
    """
    if not isinstance(rule, Mapping) or set(rule) != {"op", "value"} or rule["op"] not in _OPS:
        remedy = f'Write {{"op": ">=", "value": 0.5}}; op is one of {", ".join(_OPS)}.'
        raise InputError(f"the decision rule cannot be read: {rule!r}", where="decision", remedy=remedy)
    value = rule["value"]
    if (rule["op"] == "in") != isinstance(value, list | tuple) or value in ([], (), None):
        remedy = "Give 'in' a list of values, and every other op one value."
        raise InputError(f"the decision rule cannot be read: {rule!r}", where="decision", remedy=remedy)
    values = value if isinstance(value, list | tuple) else [value]
    literals = ", ".join(literal(data, column, item) for item in values)
    return f"CAST({quote(column)} {_OPS[rule['op']]} ({literals}) AS TINYINT)"


def literal(data: "Dataset", column: str, value: Any) -> str:
    """The value as SQL, of the column's own type, so that 1 meets 1.0 and text meets text.

    Raises:
        InputError: it cannot be a value of this column.
    """
    kind, remedy = data.kind(column), "Give a value that the column can hold."
    if kind == "numeric":
        try:
            return _number(value, data.type(column) in _FLOATS)
        except (TypeError, ValueError):
            message = f"{value!r} is compared with the numbers of {column!r}"
            raise InputError(message, where=data.where, remedy=remedy) from None
    if kind == "boolean":
        if str(value).lower() not in ("true", "false", "1", "0"):
            raise InputError(f"{column!r} holds true and false, not {value!r}", where=data.where, remedy=remedy)
        return str(str(value).lower() in ("true", "1")).upper()
    return f"CAST({quote_text(str(value))} AS {data.type(column)})" if kind == "datetime" else quote_text(str(value))


def _number(value: Any, floating: bool) -> str:
    """A number as SQL that is compared exactly: whole numbers beyond 2**53 are no doubles."""
    try:
        whole = int(value)
    except (ValueError, OverflowError):
        whole = None
    fraction = isinstance(value, float) and whole != value
    if whole is None or fraction or abs(whole) <= _EXACT or (floating and float(whole) == whole):
        return f"CAST('{float(value)!r}' AS DOUBLE)"
    return "CAST('NaN' AS DOUBLE)" if floating else f"CAST('{whole}' AS {_whole_type(whole)})"


def _whole_type(whole: int) -> str:
    return "BIGINT" if -(2**63) <= whole < 2**63 else "DECIMAL(38, 0)"


def same_sql(data: "Dataset", first: str, other: "Dataset", second: str, names: tuple[str, str] = ("", "")) -> str:
    """SQL that is true where two columns hold the same value, numbers exactly; NULL where one has none.

    Args:
        data, first: A set and a column of it.
        other, second: The other column, of the same set or of another.
        names: What the two columns are called in the query; their own names where empty.

    Raises:
        InputError: one holds numbers or truth values and the other text.
    """
    a, b = (name or quote(column) for name, column in zip(names, (first, second), strict=True))
    types = (data.type(first), other.type(second))
    kinds = (data.kind(first), other.kind(second))
    if len({kind in ("numeric", "boolean") for kind in kinds}) > 1:
        message = f"some labels are numbers and some are text ({first!r}, {second!r})"
        raise InputError(message, where=data.where, remedy="Write both in the same labels.")
    if kinds != ("numeric", "numeric") or len({type_name in _FLOATS for type_name in types}) < 2:
        return f"({a} = {b})" if kinds[0] == kinds[1] else f"(CAST({a} AS DOUBLE) = CAST({b} AS DOUBLE))"
    floating, whole = (a, b) if types[0] in _FLOATS else (b, a)
    exact = f"TRY_CAST({floating} AS DECIMAL(38, 0)) = CAST({whole} AS DECIMAL(38, 0))"
    return f"({a} = {b} AND (abs({floating}) < {_EXACT} OR {exact}))"


def case_note(data: "Dataset", *columns: str | None, positive: Any = None) -> str | None:
    """Which labels differ only in capital letters, in words; None where none do.

    Args:
        data: The set.
        columns: Columns of labels; None and columns that are no text are passed over.
        positive: The favourable label, where named.
    """
    texts = [column for column in columns if column and data.kind(column) == "categorical"]
    spellings: dict[str, set[str]] = {}
    for column in dict.fromkeys(texts):
        name = f"CAST({quote(column)} AS VARCHAR)"
        rows = data.query(f"SELECT {name} FROM data WHERE {name} IS NOT NULL GROUP BY 1 LIMIT {_MOST_SPELLINGS}")
        for (value,) in rows:
            spellings.setdefault(str(value).lower(), set()).add(str(value))
    for value in (positive if isinstance(positive, list | tuple) else [positive]) if texts else []:
        if isinstance(value, str):
            spellings.setdefault(value.lower(), set()).add(value)
    pairs = [sorted(values)[:2] for _, values in sorted(spellings.items()) if len(values) > 1]
    if not pairs:
        return None
    listed = ", ".join(f"{a!r} is not {b!r}" for a, b in pairs[:3])
    return f"labels compare as values: {listed}"


def strange_labels(data: "Dataset", column: str) -> InputError:
    """The error for labels that are neither 0/1 nor declared, naming them."""
    listed = common_values(data, column)
    message = f"the labels of {column!r} are neither 0/1 nor true/false: {', '.join(listed)}"
    option = f"--param positive='\"{listed[0]}\"'"
    remedy = f"Name the favourable one: positive, under gates in system.yaml; to try a gate: {option}."
    return InputError(message, where=data.where, remedy=remedy)


def common_values(data: "Dataset", column: str, most: int = 5) -> list[str]:
    """The most frequent values as text, most frequent first; a last ``...`` where there are more."""
    name = quote(column)
    counts = f"SELECT CAST({name} AS VARCHAR) AS v, count(*) AS n FROM data WHERE {name} IS NOT NULL GROUP BY 1"
    values = [str(row[0]) for row in data.query(f"SELECT v FROM ({counts}) ORDER BY n DESC, v LIMIT {most + 1}")]
    return values[:most] + (["..."] if len(values) > most else [])
