"""What a cell of text looks like: one class for each cell, and the set of classes that a column holds.

A class is a bit, so that one ``bit_or`` over a column says all that stands in it. The classes know no other engine's
habits: ``1_000``, ``0x1F`` and ``epoch`` are text, whatever a database would make of them.
"""

from enum import IntFlag

from aims_gates.data.schema.reading import PLACE

__all__ = ["DAYS", "INTEGER", "MARKS", "NUMBER", "STAMP", "ZONED", "Holds", "class_sql", "day_sql", "overflows"]


class Holds(IntFlag):
    """What the cells of a column are."""

    INTEGER = 1
    LARGE = 2
    HUGE = 4
    PADDED = 8
    FRACTION = 16
    INFINITE = 32
    NAN = 64
    TRUTH = 128
    DATE = 256
    TIME = 512
    ZONED = 1024
    DAY_FIRST = 2048
    MONTH_FIRST = 4096
    EITHER = 8192
    SAME = 16384
    SHORT_YEAR = 32768
    COMMA = 65536
    GROUPED = 131072
    POINTS = 262144
    MARK = 524288
    QUOTED = 1048576
    OTHER = 2097152


INTEGER = " *[+-]?[0-9]+ *"
NUMBER = r" *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
_DAY = r"[0-9]{4}([-/])[0-9]{1,2}[-/][0-9]{1,2}"
STAMP = f"{_DAY}[ T]{_CLOCK}"
ZONED = f"{STAMP} ?(Z|UTC|[+-][0-9]{{2}}(:?[0-9]{{2}})?)"
#: Day and month before the year, in one order or the other.
DAYS = f"[0-9]{{1,2}}[-/.][0-9]{{1,2}}[-/.][0-9]{{4}}([ T]{_CLOCK})?"
_SHORT = r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
_COMMA = r"[+-]?[0-9]*,[0-9]+"
_GROUPED = r"[+-]?[1-9][0-9]{0,2},[0-9]{3}"
_GROUPS = r"[+-]?[0-9]{1,3}((,[0-9]{3})+[.][0-9]+|(,[0-9]{3}){2,})"
_POINTS = r"[+-]?[0-9]{1,3}(([.][0-9]{3})+,[0-9]+|([.][0-9]{3}){2,}|([ '’][0-9]{3})+([.,][0-9]+)?)"
#: From here on doubles hold no longer every whole number.
_EXACT = 2**53
_SPECIAL = {"inf": Holds.INFINITE, "infinity": Holds.INFINITE, "nan": Holds.NAN}
_TRUTHS = ("True", "False", "true", "false", "TRUE", "FALSE")
#: What programs write for a missing value; a person or a place may be called so too.
MARKS = ("NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NULL", "null", "None", "none", "NaT", "-", "--", "?", ".", " ")


def _matches(pattern: str) -> str:
    quoted = pattern.replace("'", "''")
    return f"regexp_full_match({PLACE}, '{quoted}')"


def day_sql(first: str) -> str:
    """SQL of the time that a cell of :data:`DAYS` stands for, day or month first; NULL where there is no such day."""
    order = "%d-%m-%Y" if first == "day" else "%m-%d-%Y"
    shapes = ", ".join(f"'{order}{clock}'" for clock in ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f"))
    plain = f"replace(regexp_replace({PLACE}, '[/.]', '-'), 'T', ' ')"
    # The second mark too, and no other: a fraction of a second has a point.
    plain = f"regexp_replace({plain}, '^([0-9]+)-([0-9]+)[/.]', '\\1-\\2-')"
    return f"try_strptime({plain}, [{shapes}])"


def _days() -> str:
    day, month = day_sql("day"), day_sql("month")
    return (
        f"CASE WHEN {day} IS NULL AND {month} IS NULL THEN {Holds.OTHER:d} WHEN {month} IS NULL THEN "
        f"{Holds.DAY_FIRST:d} WHEN {day} IS NULL THEN {Holds.MONTH_FIRST:d} WHEN {day} = {month} THEN {Holds.SAME:d} "
        f"ELSE {Holds.EITHER:d} END"
    )


def _whole() -> str:
    digits = f"ltrim(trim({PLACE}), '+-')"
    return (
        f"CASE WHEN strlen({digits}) > 1 AND {digits}[1] = '0' THEN {Holds.PADDED:d} "
        f"WHEN TRY_CAST({PLACE} AS BIGINT) IS NOT NULL THEN {Holds.INTEGER:d} "
        f"WHEN strlen({digits}) <= 38 THEN {Holds.LARGE:d} ELSE {Holds.HUGE:d} END"
    )


def _fraction() -> str:
    """A number that is written with a point or a power; one that a double does not hold is large, or huge."""
    value, whole = f"TRY_CAST({PLACE} AS DOUBLE)", _matches("[+-]?[0-9]{16,}[.]0*")
    return (
        f"CASE WHEN strlen({PLACE}) > 16 AND {whole} AND abs({value}) >= {_EXACT} "
        f"THEN {Holds.FRACTION | Holds.LARGE:d} "
        f"WHEN {overflows(value)} THEN {Holds.HUGE:d} ELSE {Holds.FRACTION:d} END"
    )


def overflows(value: str) -> str:
    """SQL: whether a cell is a finite number that ``value``, its double, has as infinite."""
    return f"((strlen({PLACE}) > 300 OR contains(lower({PLACE}), 'e')) AND isinf({value}))"


def _word() -> str:
    """The class of a cell that does not begin as a number does."""
    special = " ".join(f"WHEN '{word}' THEN {bit:d}" for word, bit in _SPECIAL.items())
    return f"CASE lower(ltrim({PLACE}, '+-')) {special} ELSE {Holds.OTHER:d} END"


def class_sql() -> str:
    """SQL: the class of one cell, the cheap questions first; NULL where it is empty."""
    truths = ", ".join(f"'{word}'" for word in _TRUTHS)
    marks = ", ".join(f"'{word}'" for word in MARKS)
    date, stamp = "DATE", "TIMESTAMP"
    slashed = f"replace({PLACE}, '/', '-')"
    quoted = f"{PLACE} LIKE '''%''' AND strlen({PLACE}) > 1"
    cases = (
        (f"{PLACE} IS NULL OR {PLACE} = ''", "NULL"),
        (f"{PLACE} IN ({truths})", f"{Holds.TRUTH:d}"),
        (f"{PLACE} IN ({marks}) OR trim({PLACE}) = ''", f"{Holds.MARK:d}"),
        (quoted, f"{Holds.QUOTED:d}"),
        (f"{PLACE}[1] NOT IN ('0','1','2','3','4','5','6','7','8','9','+','-','.',',',' ')", _word()),
        (_matches(INTEGER), _whole()),
        (f"{_matches(NUMBER)} AND TRY_CAST({PLACE} AS DOUBLE) IS NOT NULL", _fraction()),
        (f"{_matches(_DAY)} AND TRY_CAST({slashed} AS {date}) IS NOT NULL", f"{Holds.DATE:d}"),
        (f"{_matches(STAMP)} AND TRY_CAST({slashed} AS {stamp}) IS NOT NULL", f"{Holds.TIME:d}"),
        (f"{_matches(ZONED)} AND TRY_CAST({slashed} AS TIMESTAMPTZ) IS NOT NULL", f"{Holds.ZONED:d}"),
        (_matches(DAYS), _days()),
        (_matches(_SHORT), f"{Holds.SHORT_YEAR:d}"),
        (_matches(_GROUPED), f"{Holds.GROUPED:d}"),
        (f"{_matches(_GROUPS)} OR {_matches(_POINTS)}", f"{Holds.POINTS:d}"),
        (_matches(_COMMA), f"{Holds.COMMA:d}"),
    )
    return f"CASE {' '.join(f'WHEN {when} THEN {then}' for when, then in cases)} ELSE {_word()} END"
