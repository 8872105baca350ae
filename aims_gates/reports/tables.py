"""A table as CSV, Markdown or one self-contained HTML page; for reports whose rows are all of one kind."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aims_gates.errors import InputError
from aims_gates.reports.format import clean
from aims_gates.reports.html import page

__all__ = ["FORMATS", "ReportTable", "render_table"]

FORMATS = ("csv", "md", "html")
#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SPECIAL = str.maketrans({"\\": "\\\\", "|": "\\|", "\n": " ", "<": "&lt;", "`": "\\`", "*": "\\*", "_": "\\_"})


@dataclass(frozen=True)
class ReportTable:
    """A titled table.

    Attributes:
        title: Its heading.
        facts: Name -> value, above it.
        headings: Of the columns.
        rows: Cells as text, as many as headings.
        notes: Sentences below it.
    """

    title: str
    facts: Mapping[str, str]
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def render_table(table: ReportTable, how: str) -> str:
    """The table in one of :data:`FORMATS`.

    Raises:
        InputError: there is no such format.
    """
    match how:
        case "csv":
            return _csv(table)
        case "md":
            return _markdown(_narrow(table))
        case "html":
            return page("table.html", {"table": _narrow(table)})
    raise InputError(f"there is no format {how!r}", remedy=f"Choose from: {', '.join(FORMATS)}.")


def _narrow(table: ReportTable) -> ReportTable:
    """Without the columns in which nothing stands: people read this."""
    places = [place for place in range(len(table.headings)) if any(row[place] for row in table.rows)]
    rows = tuple(tuple(row[place] for place in places) for row in table.rows)
    return replace(table, headings=tuple(table.headings[place] for place in places), rows=rows)


def _csv(table: ReportTable) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.headings)
    for row in table.rows:
        writer.writerow([("'" if cell.startswith(_FORMULA) else "") + clean(cell) for cell in row])
    return out.getvalue()


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(clean(cell).translate(_SPECIAL) for cell in cells)} |"


def _markdown(table: ReportTable) -> str:
    lines = [f"# {clean(table.title)}", ""]
    lines += [f"- {clean(name)}: {clean(value).translate(_SPECIAL)}" for name, value in table.facts.items() if value]
    lines += ["", _line(table.headings), f"|{' --- |' * len(table.headings)}", *map(_line, table.rows), ""]
    lines += [f"{clean(note)}\n" for note in table.notes]
    return "\n".join(lines)
