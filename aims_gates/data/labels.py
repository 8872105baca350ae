"""Labels and decisions as SQL: which value is the favourable one, and how a score becomes a decision."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aims_gates.data._duckdb.engine import quote, quote_text
from aims_gates.errors import InputError

if TYPE_CHECKING:
    from aims_gates.data.dataset import Dataset

__all__ = ["OTHER", "common_values", "decision_sql", "label_sql", "literal", "strange_labels"]

#: What :func:`label_sql` gives for a label that is neither of the two.
OTHER = 2
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
            return f"CAST('{float(value)!r}' AS DOUBLE)"
        except (TypeError, ValueError):
            message = f"{value!r} is compared with the numbers of {column!r}"
            raise InputError(message, where=data.where, remedy=remedy) from None
    if kind == "boolean":
        if str(value).lower() not in ("true", "false", "1", "0"):
            raise InputError(f"{column!r} holds true and false, not {value!r}", where=data.where, remedy=remedy)
        return str(str(value).lower() in ("true", "1")).upper()
    return f"CAST({quote_text(str(value))} AS {data.type(column)})" if kind == "datetime" else quote_text(str(value))


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
