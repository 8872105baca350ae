"""The one reading that the text of a column leaves open, or the readings between which somebody has to decide."""

from dataclasses import replace

from aims_gates.data.schema.classes import DAYS, INTEGER, STAMP, ZONED, Holds, day_sql, overflows
from aims_gates.data.schema.reading import MISSING, PLACE, Reading

__all__ = ["guess"]

_WHOLE = Holds.INTEGER | Holds.LARGE | Holds.HUGE | Holds.PADDED
_NUMBERS = _WHOLE | Holds.FRACTION | Holds.INFINITE | Holds.NAN
_COMMAS = Holds.COMMA | Holds.GROUPED | Holds.POINTS
_ISO = Holds.DATE | Holds.TIME
_DAYS = Holds.DAY_FIRST | Holds.MONTH_FIRST | Holds.EITHER | Holds.SAME
_TEXT = "text"
_TRUTHS = "('True', 'true', 'TRUE')"


def guess(name: str, cells: Holds) -> Reading:
    """How a column is read that holds these classes of cells; the same whatever reads the file.

    What two people could read in two ways comes back as text with a doubt that names both readings.
    """
    plain = Reading(name, "VARCHAR")
    if not cells or cells & Holds.OTHER:
        return plain
    if cells == Holds.QUOTED:
        return _doubt(plain, "text in single quotes, which are no part of it", "text with the quotes", quoteChar="'")
    core = cells & ~Holds.MARK
    if not core:
        return plain
    reading = _core(plain, core)
    if reading is None or not cells & Holds.MARK:
        return reading or plain
    if reading.type == "VARCHAR" and not reading.doubt:
        return reading
    marked = f"{reading.read_as}, where a mark such as NA stands for a missing value"
    return _doubt(replace(reading, doubt=""), marked, _TEXT, **dict(reading.field))


def _core(plain: Reading, cells: Holds) -> Reading | None:
    """The reading of what is no mark; None where the classes do not go together and it is text."""
    if not cells & ~_NUMBERS:
        return _numbers(plain, cells)
    if cells == Holds.TRUTH:
        sql = f"CASE WHEN {MISSING} IS NULL THEN NULL ELSE {PLACE} IN {_TRUTHS} END"
        wrong = f"lower({PLACE}) NOT IN ('true', 'false', '')"
        return replace(
            plain, type="BOOLEAN", sql=sql, read_as="true and false", check=wrong, field=(("type", "boolean"),)
        )
    if not cells & ~(_NUMBERS | _COMMAS):
        return _with_commas(plain, cells)
    if not cells & ~(_ISO | Holds.ZONED | _DAYS):
        return _dates(plain, cells)
    if cells == Holds.SHORT_YEAR:
        could = ("dates with a year of two digits",)
        return replace(plain, could_be=could, note="not read as dates: the year has two digits")
    return None


def _full(pattern: str) -> str:
    return f"{PLACE} <> '' AND NOT regexp_full_match({PLACE}, '{pattern}')"


def _numbers(plain: Reading, cells: Holds) -> Reading:
    if not cells & ~_WHOLE:
        return _whole(plain, cells)
    number = replace(
        plain,
        type="DOUBLE",
        sql=f"CAST({MISSING} AS DOUBLE)",
        read_as="numbers",
        check=(
            f"{PLACE} <> '' AND (TRY_CAST({PLACE} AS DOUBLE) IS NULL OR contains({PLACE}, '_') "
            f"OR {overflows(f'TRY_CAST({PLACE} AS DOUBLE)')} "
            f"OR NOT (strlen({PLACE}) < 16 OR contains({PLACE}, '.') OR contains({PLACE}, 'e')))"
        ),
        field=(("type", "number"),),
    )
    if cells & (Holds.LARGE | Holds.HUGE):
        exact = "text, so that whole numbers beyond 64 bits stay exact"
        return _doubt(number, "numbers, rounded to 15 digits", exact, type="number")
    return number


def _whole(plain: Reading, cells: Holds) -> Reading:
    if cells & Holds.PADDED:
        return replace(plain, note="text, because zeros lead some numbers", could_be=("whole numbers",))
    if cells & Holds.HUGE:
        return replace(
            plain,
            note="text, because a number has more than 38 digits, or is larger than a double holds",
            could_be=("numbers",),
        )
    kind = "DECIMAL(38,0)" if cells & Holds.LARGE else "BIGINT"
    canonical = f"CAST(TRY_CAST({PLACE} AS BIGINT) AS VARCHAR) = {PLACE}"
    wrong = f"{PLACE} <> '' AND NOT coalesce({canonical}, false)" if kind == "BIGINT" else _full(INTEGER)
    note = "whole numbers beyond 64 bits, kept exact" if cells & Holds.LARGE else ""
    could = ("text (a code or an id)",)
    return replace(
        plain,
        type=kind,
        sql=f"CAST({MISSING} AS {kind})",
        read_as="whole numbers",
        check=wrong,
        note=note,
        could_be=could,
        field=(("type", "integer"),),
    )


def _with_commas(plain: Reading, cells: Holds) -> Reading:
    if cells & Holds.POINTS:
        text = "numbers whose thousands are set apart, such as 1,234,567 or 1.234,56"
        return _doubt(plain, text, _TEXT, type="number", groupChar=",", decimalChar=".")
    if cells & Holds.COMMA:
        return _doubt(plain, "numbers with a decimal comma", _TEXT, type="number", decimalChar=",")
    thousands = "whole numbers whose thousands are set apart by a comma"
    return _doubt(plain, "numbers with a decimal comma", thousands, type="number", decimalChar=",")


def _dates(plain: Reading, cells: Holds) -> Reading:
    if not cells & ~_ISO:
        return _iso(plain, "DATE" if cells == Holds.DATE else "TIMESTAMP")
    if cells == Holds.ZONED:
        return _iso(plain, "TIMESTAMP WITH TIME ZONE")
    if cells & Holds.ZONED:
        return _doubt(plain, "times, those without a zone in UTC", "times of which some lack their zone", **_ANY_TIME)
    if cells & _ISO or (cells & Holds.DAY_FIRST and cells & Holds.MONTH_FIRST):
        return _doubt(plain, "dates written in more than one way", _TEXT, type="string")
    if cells & Holds.EITHER and not cells & (Holds.DAY_FIRST | Holds.MONTH_FIRST):
        return _doubt(plain, "dates with the day first", "dates with the month first", type="date", format="%d/%m/%Y")
    return _ordered(plain, "month" if cells & Holds.MONTH_FIRST else "day")


_ANY_TIME = {"type": "datetime", "format": "%Y-%m-%d %H:%M:%S%z"}


def _iso(plain: Reading, kind: str) -> Reading:
    slashed = f"replace({MISSING}, '/', '-')"
    patterns = {"DATE": "[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}", "TIMESTAMP": f"{_OPTIONAL}"}
    words = {"DATE": "dates", "TIMESTAMP": "times without a zone"}
    wrong = _full(patterns.get(kind, ZONED))
    field = (("type", "date" if kind == "DATE" else "datetime"),)
    read_as = words.get(kind, "times with a zone, in UTC")
    return replace(
        plain, type=kind, sql=f"CAST({slashed} AS {kind})", read_as=read_as, check=wrong, format="iso", field=field
    )


_OPTIONAL = f"{STAMP}|[0-9]{{4}}[-/][0-9]{{1,2}}[-/][0-9]{{1,2}}"


def _ordered(plain: Reading, first: str) -> Reading:
    """Days before years, in the one order that every cell allows."""
    value = day_sql(first)
    wrong = f"{PLACE} <> '' AND (NOT regexp_full_match({PLACE}, '{DAYS}') OR {value} IS NULL)"
    shape = "%d/%m/%Y" if first == "day" else "%m/%d/%Y"
    return replace(
        plain,
        type="TIMESTAMP",
        sql=value,
        read_as=f"dates, the {first} first",
        check=wrong,
        format=shape,
        field=(("type", "datetime"), ("format", shape)),
        note=f"read with the {first} first: some cells allow nothing else",
    )


def _doubt(reading: Reading, one: str, other: str, **field: str) -> Reading:
    message = f"it can be read in two ways: as {one}, or as {other}"
    return Reading(
        reading.name,
        "VARCHAR",
        read_as="text",
        could_be=(one, other),
        doubt=message,
        field=tuple(field.items()),
    )
