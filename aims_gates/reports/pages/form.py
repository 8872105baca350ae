"""What a page is made of: sections with paragraphs, points and a table; and how it reads as Markdown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from aims_gates.reports.canvas import Chart
from aims_gates.reports.format import clean

__all__ = ["Page", "Section", "markdown"]

_SPECIAL = str.maketrans({"\\": "\\\\", "<": "&lt;", "`": "\\`", "*": "\\*", "_": "\\_", "[": "\\[", "|": "\\|"})


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        heading: Its heading.
        text: Paragraphs.
        points: A list.
        columns, rows: A table; as many cells in a row as columns.
        charts: Pictures, drawn where the page is HTML; the same numbers stand in text or tables.
    """

    heading: str
    text: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True)
class Page:
    """A titled page.

    Attributes:
        title: Its heading.
        sections: Its parts.
        facts: Name -> value, above them.
        notes: Sentences in small print below them.
    """

    title: str
    sections: tuple[Section, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _plain(text: str) -> str:
    """One line without anything that Markdown would take for more than text."""
    return " ".join(clean(text).split()).translate(_SPECIAL)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _lines(page: Page) -> Iterator[str]:
    yield f"# {_plain(page.title)}"
    yield "\n".join(f"- {_plain(name)}: {_plain(value)}" for name, value in page.facts.items() if value)
    for part in page.sections:
        yield f"## {_plain(part.heading)}"
        yield from map(_plain, part.text)
        yield "\n".join(f"- {_plain(point)}" for point in part.points)
        if part.rows:
            yield "\n".join([_line(part.columns), f"|{' --- |' * len(part.columns)}", *map(_line, part.rows)])
    yield from map(_plain, page.notes)


def markdown(page: Page) -> str:
    """The page as Markdown; whatever a record says in it is text and no markup."""
    return "\n\n".join(line for line in _lines(page) if line) + "\n"
