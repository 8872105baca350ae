"""The cells of a declared field as values, in SQL: each is what the schema says, or is counted as wrong."""

from collections.abc import Sequence
from dataclasses import replace

from aims_gates.data.schema.classes import INTEGER, STAMP, ZONED, overflows
from aims_gates.data.schema.declared import LEFT_OUT, DeclaredField
from aims_gates.data.schema.reading import PLACE, Reading

__all__ = ["constraint_sql", "reading_of", "stored_reading"]

_WORDS = {
    "string": "text",
    "integer": "whole numbers",
    "year": "whole numbers",
    "number": "numbers",
    "boolean": "true and false",
    "date": "dates",
    "datetime": "times",
}
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_DAY = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|INF|Inf|Infinity)|nan|NaN|NAN"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Sequence[str]) -> str:
    return ", ".join(map(_text, values))


def reading_of(item: DeclaredField, wide: bool = False) -> Reading:
    """How a field is read from text; ``wide`` where its whole numbers need more than 64 bits."""
    marks = f"({_texts(item.missing)})" if item.missing else "(NULL)"
    cell = f"CASE WHEN {PLACE} IN {marks} THEN NULL ELSE {PLACE} END"
    kind, value = _value(item, cell, "DECIMAL(38,0)" if wide else "BIGINT")
    words = _WORDS[item.type] + (f" ({item.format})" if item.format else "")
    reading = Reading(item.name, kind, value, words, format=item.format)
    if item.role in LEFT_OUT:
        return replace(reading, type="VARCHAR", sql=PLACE, left_out=item.role)
    if item.type == "string":
        return reading
    return replace(reading, check=f"({cell}) IS NOT NULL AND ({value}) IS NULL")


def _value(item: DeclaredField, cell: str, whole_kind: str) -> tuple[str, str]:
    """DuckDB's type, and the SQL of a value, NULL where the cell is none."""
    if item.type in ("integer", "year"):
        plain = f"replace({cell}, {_text(item.group)}, '')" if item.group else cell
        whole = f"CASE WHEN regexp_full_match({plain}, '{INTEGER}') THEN {plain} END"
        return whole_kind, f"TRY_CAST({whole} AS {whole_kind})"
    if item.type == "number":
        plain = f"replace({cell}, {_text(item.group)}, '')" if item.group else cell
        if item.decimal != ".":
            # A point in such a number would be read as its decimal mark.
            plain = f"CASE WHEN NOT contains({plain}, '.') THEN replace({plain}, {_text(item.decimal)}, '.') END"
        value = f"TRY_CAST(CASE WHEN regexp_full_match(trim({plain}), '{_NUMBER}') THEN {plain} END AS DOUBLE)"
        return "DOUBLE", f"CASE WHEN NOT {overflows(value)} THEN {value} END"
    if item.type == "boolean":
        true, false = f"({_texts(item.true)})", f"({_texts(item.false)})"
        return "BOOLEAN", f"CASE WHEN {cell} IN {true} THEN true WHEN {cell} IN {false} THEN false END"
    if item.type in ("date", "datetime"):
        return _time(item, cell)
    return "VARCHAR", cell


def _time(item: DeclaredField, cell: str) -> tuple[str, str]:
    kind = "DATE" if item.type == "date" else "TIMESTAMP"
    if item.format:
        zoned = "%z" in item.format or "%Z" in item.format
        kind = "TIMESTAMP WITH TIME ZONE" if zoned else kind
        return kind, f"CAST(try_strptime({cell}, {_text(item.format)}) AS {kind})"
    if kind == "DATE":
        return kind, f"TRY_CAST(CASE WHEN regexp_full_match({cell}, '{_DAY}') THEN {cell} END AS DATE)"
    stamp, zone = f"regexp_full_match({cell}, '{STAMP}')", f"regexp_full_match({cell}, '{ZONED}')"
    return "TIMESTAMP", f"CASE WHEN {stamp} OR {zone} THEN CAST(TRY_CAST({cell} AS TIMESTAMPTZ) AS TIMESTAMP) END"


def stored_reading(item: DeclaredField, kind: str) -> Reading | None:
    """How a field is read where the source holds values of ``kind`` already; None where they are others than declared.

    Text is read as text of a file is.
    """
    if item.role in LEFT_OUT:
        return Reading(item.name, kind, PLACE, left_out=item.role)
    if kind == "VARCHAR":
        return reading_of(item)
    words = _WORDS[item.type]
    if item.type in ("integer", "year") and kind in ("FLOAT", "DOUBLE"):
        # pandas holds whole numbers beside a gap so.
        exact = f"{PLACE} = trunc({PLACE}) AND abs({PLACE}) < 9007199254740992"
        whole = f"CASE WHEN {exact} THEN CAST({PLACE} AS BIGINT) END"
        wrong = f"{PLACE} IS NOT NULL AND NOT isnan({PLACE}) AND ({whole}) IS NULL"
        return Reading(item.name, "BIGINT", f"CASE WHEN isnan({PLACE}) THEN NULL ELSE {whole} END", words, wrong)
    numeric = kind in _NUMERIC or kind.startswith("DECIMAL")
    if item.type == "string" and numeric:
        return Reading(item.name, "VARCHAR", f"CAST({PLACE} AS VARCHAR)", words)
    if item.type == "number" and (numeric or kind in ("FLOAT", "DOUBLE")):
        return Reading(item.name, kind, PLACE, words)
    fits = {
        "integer": kind in _NUMERIC or kind.endswith(",0)"),
        "year": kind in _NUMERIC,
        "boolean": kind == "BOOLEAN",
        "date": kind == "DATE",
        "datetime": kind == "DATE" or kind.startswith("TIMESTAMP"),
        "string": kind.startswith("ENUM"),
    }
    return Reading(item.name, kind, PLACE, words) if fits.get(item.type) else None


def constraint_sql(item: DeclaredField, column: str) -> dict[str, str]:
    """Constraint -> SQL that counts the rows which break it, of the typed column."""
    rules = item.constraints
    counts = {}
    if rules.get("required"):
        counts["has no value"] = f"count(*) - count({column})"
    if rules.get("unique"):
        counts["stands more than once"] = f"count({column}) - count(DISTINCT {column})"
    if "enum" in rules:
        allowed = _texts([str(value).lower() if isinstance(value, bool) else str(value) for value in rules["enum"]])
        counts["is none of those listed"] = f"count(*) FILTER (WHERE CAST({column} AS VARCHAR) NOT IN ({allowed}))"
    for rule, sign, words in (("minimum", "<", "is below"), ("maximum", ">", "is above")):
        if rule in rules:
            counts[f"{words} {rules[rule]}"] = f"count(*) FILTER (WHERE {column} {sign} {_text(str(rules[rule]))})"
    return counts
