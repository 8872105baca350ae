"""What text reports are made of: marks, tables, hanging paragraphs and commands on one line, for a console."""

from collections.abc import Iterator
from typing import Any, Literal

from rich.box import Box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from aims_gates.reports import format
from aims_gates.reports.view import Mark

__all__ = ["COLOURS", "cleaned", "command_line", "hanging", "mark_text", "ruled_table", "step"]

#: Only a rule below the head: reads the same on a terminal, in a pipe and in a log.
_RULE = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
COLOURS = {"red": "bold red", "yellow": "yellow", "green": "green", "blue": "cyan", "grey": "dim"}


def cleaned(value: object, style: str = "") -> Text:
    return Text(format.clean(value), style=style)


def mark_text(mark: Mark, plain: bool) -> Text:
    return Text(f"{mark.plain if plain else mark.symbol} {mark.word}", style=COLOURS[mark.colour])


def ruled_table(*columns: tuple[str, dict[str, Any]], overflow: Literal["fold", "ellipsis"] = "fold") -> Table:
    table = Table(box=_RULE, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title, options in columns:
        table.add_column(title, overflow=overflow, **options)
    return table


def hanging(lead: str, body: str, style: str = "") -> Table:
    """A lead word and text wrapped beside it."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(lead, style=style), cleaned(body))
    return grid


def command_line(command: str, indent: int) -> Text:
    """A command on one line, however long: a wrapped one cannot be copied."""
    return Text(" " * indent + format.clean(command), style="bold", no_wrap=True, overflow="ignore")


def step(lead: str, text: str) -> Iterator[RenderableType]:
    prose, runs = format.commands(text)
    if prose:
        yield Padding(hanging(lead, prose), (0, 0, 0, 2))
    for place, command in enumerate(runs):
        first = not prose and place == 0
        yield command_line(f"{lead} {command}" if first else command, 2 if first else 3 + len(lead))
